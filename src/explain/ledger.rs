//! The books of a run: what everybody waited for, from the request to the first start.

mod calls;
mod jobs;
mod moments;
mod tasks;

use std::cmp::Reverse;
use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Who;
use super::cause::{Cause, Sums};
use super::moment::{Asked, Moment, When};
use super::tally::Tally;
use super::wait::{Account, Line, State};
use crate::engine::standing::Head;
use crate::engine::{Occurrence, Outcome, Plan, Recorder, ServiceNews, World};
use crate::model::arena::{Arena, JobId, JobKindId, ProviderId, QueueId, TemplateId, WorkloadId};
use crate::time::{SimDuration, SimTime};
use crate::workload::Call;

/// How many of the longest waits are kept.
pub const WORST: usize = 10;

/// A wait, from the request to the first start, or to the end where there was none.
#[derive(Clone, Debug, PartialEq)]
pub struct Waited {
    /// Whose.
    pub who: Who,
    /// Number of the task, from 1; absent: it was never accepted, or it is a job.
    pub task: Option<u64>,
    /// When it was asked for: the call of a task; of a job `createdAt`; of a service's task when the
    /// service first wanted it.
    pub requested: SimTime,
    /// When it first came to RUNNING; absent: it never did.
    pub started: Option<SimTime>,
    /// When it started, or ended without, or the run ended.
    pub until: SimTime,
    /// What was charged; adds up to the whole wait.
    pub sums: Sums,
    /// The same in order of time, each span as long as it can be; kept for one only.
    pub spans: Vec<Span>,
}

/// A part of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From here.
    pub from: SimTime,
    /// Up to here.
    pub to: SimTime,
    /// What was charged.
    pub cause: Cause,
}

impl Waited {
    /// How long.
    pub fn total(&self) -> SimDuration {
        self.until - self.requested
    }
}

/// Waits of many.
#[derive(Clone, Debug)]
pub struct Totals {
    /// How many waited, or did not have to.
    pub count: u64,
    /// How many never started.
    pub unstarted: u64,
    /// Microseconds by cause, in the order of [`Cause::ALL`].
    pub by_cause: [u128; Cause::ALL.len()],
    /// Microseconds in all: the sum of all waits, each taken from request to start.
    pub total: u128,
}

impl Default for Totals {
    fn default() -> Self {
        Totals {
            count: 0,
            unstarted: 0,
            by_cause: [0; Cause::ALL.len()],
            total: 0,
        }
    }
}

impl Totals {
    fn add(&mut self, waited: &Waited) {
        self.count += 1;
        self.unstarted += u64::from(waited.started.is_none());
        self.total += u128::from(waited.total().micros());
        for (cause, span) in waited.sums.iter() {
            self.by_cause[cause as usize] += u128::from(span.micros());
        }
    }
}

/// One who waits at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who; of a call the next of its tasks.
    pub who: Who,
    /// Number of the task, where it was accepted.
    pub task: Option<u64>,
    /// How many: the tasks of a call that are missing.
    pub count: u32,
    /// Since when.
    pub requested: SimTime,
    /// What for.
    pub cause: Cause,
}

/// A call with tasks that are not accepted.
#[derive(Clone, Debug)]
struct CallBook {
    account: Account,
    template: TemplateId,
    requested: SimTime,
    count: u32,
    missing: u32,
}

/// A task that was accepted and does not run yet, or a job that was made.
#[derive(Clone, Debug)]
struct Book {
    who: Who,
    requested: SimTime,
    account: Account,
    asked: Asked,
    /// Its interface was attached.
    attached: Option<SimTime>,
    /// It began to be registered with a load balancer.
    activating: Option<SimTime>,
    is_placed: bool,
    is_closed: bool,
}

/// What a line is a line of.
#[derive(Clone, Debug)]
enum Kind {
    /// Jobs of a queue, and of one share of it, whose turn has not come.
    Queue(QueueId, Option<String>),
    /// Callers who want tasks of a template; whether they stand in a queue of their own.
    Callers(bool, Vec<Tally>),
    /// Tasks in PROVISIONING, and whether any type of the group is large enough.
    Provider(ProviderId, bool),
}

/// Listens to a run and keeps its books.
#[derive(Debug)]
pub struct Books {
    /// Waits of tasks of ECS: those of jobs stand with the jobs.
    pub tasks: Totals,
    /// Waits of jobs of AWS Batch; parents of arrays, which never run, and nodes do not count.
    pub jobs: Totals,
    /// The longest waits, longest first; of equal ones the one asked for first.
    pub worst: Vec<Waited>,
    /// Those who wait at the last moment up to the one that was asked for.
    pub waiting: Vec<Waiting>,
    lines: Vec<Line>,
    kinds: Vec<Kind>,
    line_of_kind: Arena<JobKindId, usize>,
    line_of_callers: FxHashMap<(TemplateId, bool), usize>,
    line_of_provider: FxHashMap<(TemplateId, u8), usize>,
    /// Whether each workload calls StartTask.
    starts: Arena<WorkloadId, bool>,
    calls: FxHashMap<(WorkloadId, u64), CallBook>,
    /// The calls that each workload keeps in a queue.
    queued: Arena<WorkloadId, VecDeque<u64>>,
    accepted: FxHashMap<u64, Book>,
    made: Arena<JobId, Option<Book>>,
    /// The job that a node belongs to.
    parents: Arena<JobId, Option<JobId>>,
    heads: Vec<Head>,
    /// What stood in the way of each service since when.
    services: FxHashMap<WorkloadId, Vec<(SimTime, Cause)>>,
    /// Instances that boot, and desired capacity, by provider.
    scaled: Arena<ProviderId, (u32, u32)>,
    tallies: FxHashMap<TemplateId, Tally>,
    list_at: Option<SimTime>,
    one: Option<One>,
}

/// The one whose wait is told in full.
#[derive(Clone, Debug)]
struct One {
    who: Who,
    when: When,
    task: Option<u64>,
    spans: Vec<Span>,
    open: Option<(SimTime, Cause)>,
    moment: Option<Moment>,
    waited: Option<Waited>,
}

impl One {
    fn charge(&mut self, from: SimTime, to: SimTime, cause: Cause) {
        if from == to {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if last.cause == cause && last.to == from => last.to = to,
            _ => self.spans.push(Span { from, to, cause }),
        }
    }

    /// From `now` on it waits for something else, or not any more.
    fn turn(&mut self, now: SimTime, cause: Option<Cause>) {
        if let Some((from, before)) = self.open.take() {
            self.charge(from, now, before);
        }
        self.open = cause.map(|cause| (now, cause));
    }
}

impl Books {
    /// The books of everybody.
    pub fn new(plan: &Plan) -> Self {
        let mut books = Books {
            tasks: Totals::default(),
            jobs: Totals::default(),
            worst: Vec::new(),
            waiting: Vec::new(),
            lines: Vec::new(),
            kinds: Vec::new(),
            line_of_kind: Arena::new(),
            line_of_callers: FxHashMap::default(),
            line_of_provider: FxHashMap::default(),
            starts: (plan.workloads.items().iter())
                .map(|it| matches!(it.call, Call::StartTask { .. }))
                .collect(),
            calls: FxHashMap::default(),
            queued: plan.workloads.ids().map(|_| VecDeque::new()).collect(),
            accepted: FxHashMap::default(),
            made: Arena::new(),
            parents: Arena::new(),
            heads: Vec::new(),
            services: FxHashMap::default(),
            scaled: plan.world.providers.ids().map(|_| (0, 0)).collect(),
            tallies: FxHashMap::default(),
            list_at: None,
            one: None,
        };
        let mut shares: FxHashMap<(QueueId, Option<&str>), usize> = FxHashMap::default();
        for kind in plan.world.batch.kinds.items() {
            let share = match plan.world.batch.queues[kind.queue].policy {
                Some(_) => kind.share.as_deref(),
                None => None,
            };
            let line = *shares.entry((kind.queue, share)).or_insert_with(|| {
                let line = Kind::Queue(kind.queue, share.map(str::to_owned));
                books.kinds.push(line);
                books.lines.push(Line::new(Cause::QueueOrder));
                books.lines.len() - 1
            });
            books.line_of_kind.push(line);
        }
        books
    }

    /// The same, with the wait of one in full.
    pub fn of(plan: &Plan, who: Who, when: When) -> Self {
        let mut books = Books::new(plan);
        books.one = Some(One {
            who,
            when,
            task: None,
            spans: Vec::new(),
            open: None,
            moment: None,
            waited: None,
        });
        books
    }

    /// The same as [`Books::new`], with a list of those who wait at the last moment up to `at` at
    /// which anything happened.
    pub fn listing(plan: &Plan, at: SimTime) -> Self {
        let mut books = Books::new(plan);
        books.list_at = Some(at);
        books
    }

    /// The wait of the one, and the moment that was looked at.
    pub fn into_one(self) -> Option<(Waited, Option<Moment>)> {
        let one = self.one?;
        Some((one.waited?, one.moment))
    }

    /// The run is over: whoever still waits has waited up to here.
    pub fn close(&mut self, outcome: &Outcome) {
        let end = outcome.end;
        for task in &outcome.live {
            self.unstarted(end, task);
        }
        let mut calls: Vec<(WorkloadId, u64)> = self.calls.keys().copied().collect();
        calls.sort_unstable();
        for call in calls {
            self.drop_call(end, call);
        }
        for id in outcome.jobs.ids() {
            self.close_job(end, id, None);
        }
    }

    fn close_book(
        &mut self,
        now: SimTime,
        mut book: Book,
        task: Option<u64>,
        started: Option<SimTime>,
    ) {
        let gone = State::Own(Cause::BackOff);
        let sums = book.account.sums(now, &self.lines);
        book.account.switch(now, gone, &mut self.lines);
        if let Some(one) = self.one.as_mut().filter(|one| one.who == book.who) {
            one.turn(now, None);
        }
        self.waited(Waited {
            who: book.who,
            task,
            requested: book.requested,
            started,
            until: now,
            sums,
            spans: Vec::new(),
        });
    }

    fn waited(&mut self, waited: Waited) {
        assert_eq!(
            waited.sums.total(),
            waited.total(),
            "the ledger of {:?} adds up to its wait",
            waited.who
        );
        match waited.who {
            Who::Task(..) => self.tasks.add(&waited),
            Who::Job(_) => self.jobs.add(&waited),
        }
        if let Some(one) = self.one.as_mut().filter(|one| one.who == waited.who) {
            let spans = std::mem::take(&mut one.spans);
            one.waited = Some(Waited {
                spans,
                task: waited.task.or(one.task),
                ..waited.clone()
            });
        }
        let rank = |it: &Waited| (Reverse(it.total()), it.requested, it.who);
        let at = self.worst.partition_point(|it| rank(it) <= rank(&waited));
        if at < WORST && waited.total() > SimDuration::ZERO {
            self.worst.insert(at, waited);
            self.worst.truncate(WORST);
        }
    }
}

impl Recorder for Books {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        match occurrence {
            Occurrence::Requested(call) => self.requested(now, call),
            Occurrence::Queued(call) => {
                self.queued[call.workload].push_back(call.number);
                let key = (call.workload, call.number);
                self.turn_call(now, key, State::Own(Cause::QueueOrder));
            }
            Occurrence::Refused {
                call,
                refusal,
                next,
            } => self.refused(now, call, refusal, next, world),
            Occurrence::GaveUp { call, .. } => self.drop_call(now, (call.workload, call.number)),
            Occurrence::Repeated { call, waited } => {
                if waited {
                    self.forget_call(now, (call.workload, call.number), Some(world));
                }
            }
            Occurrence::Accepted(task) => self.accepted(now, task, world),
            Occurrence::Placed(task) => self.placed(now, task),
            Occurrence::Moved(task) => self.moved(now, task),
            Occurrence::Started(task) => self.started(now, task),
            Occurrence::Stopped(task) => self.unstarted(now, task),
            Occurrence::Scaled(scaled) => {
                self.scaled[scaled.provider] = (scaled.starting, scaled.desired);
            }
            Occurrence::Service(note) => {
                let cause = match note.what {
                    ServiceNews::Unable {
                        closest, obstacle, ..
                    } => {
                        let reason = closest.map(|(_, reason)| reason).or(obstacle);
                        reason.map_or(Cause::NoInstance, Cause::of)
                    }
                    _ => Cause::ServiceScheduler,
                };
                self.services
                    .entry(note.service)
                    .or_default()
                    .push((now, cause));
            }
            Occurrence::Job { id, job, from } => self.job(now, id, job, from),
            Occurrence::HealthChanged(_)
            | Occurrence::Stopping(_)
            | Occurrence::Released(_)
            | Occurrence::Instance { .. }
            | Occurrence::Attempt { .. }
            | Occurrence::JobBlocked { .. }
            | Occurrence::JobRefused { .. } => {}
        }
    }

    fn wants_heads(&self) -> bool {
        true
    }

    fn heads(&mut self, now: SimTime, heads: &[Head], world: &World) {
        self.turn_heads(now, heads, world);
    }

    fn settled(&mut self, now: SimTime, world: &World) {
        self.turn_others(now, world);
        self.look_at_one(now, world);
        if self.list_at == Some(now) {
            self.list_waiting(now);
        }
    }
}
