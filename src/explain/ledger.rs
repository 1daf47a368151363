//! The books of a run: what everybody waited for, from the request to the first start.

use std::cmp::Reverse;
use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Who;
use super::cause::{Cause, Sums};
use super::moment::{Asked, Moment, When};
use super::tally::{Tally, is_on_instances};
use super::wait::{Account, Line, State};
use crate::engine::job::{Job, JobStatus, Part};
use crate::engine::standing::{Head, Hold};
use crate::engine::task::{Host, Task, TaskState};
use crate::engine::{Next, Occurrence, Outcome, PendingCall, Plan, Recorder, ServiceNews, World};
use crate::model::arena::{
    Arena, Id, JobId, JobKindId, ProviderId, QueueId, TemplateId, WorkloadId,
};
use crate::model::request::LaunchOn;
use crate::placement::constraint::{Reason, Refusal};
use crate::time::{SimDuration, SimTime};
use crate::workload::{Call, MAX_COUNT};

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

    // ---- Calls ------------------------------------------------------------------------------

    fn requested(&mut self, now: SimTime, call: &PendingCall) {
        let book = CallBook {
            account: Account::new(now, Cause::BackOff),
            template: call.template,
            requested: now,
            count: call.count,
            missing: call.missing,
        };
        self.calls.insert((call.workload, call.number), book);
    }

    fn turn_call(&mut self, now: SimTime, call: (WorkloadId, u64), to: State) {
        if let Some(book) = self.calls.get_mut(&call) {
            book.account.switch(now, to, &mut self.lines);
        }
    }

    fn refused(
        &mut self,
        now: SimTime,
        call: &PendingCall,
        refusal: &Refusal,
        next: Next,
        world: &World,
    ) {
        let key = (call.workload, call.number);
        let says = |reason| refusal.count(reason) > 0;
        let to = match next {
            Next::GivenUp => return,
            _ if self.starts[call.workload] => {
                let reasons = refusal.reasons().map(|(reason, _)| reason);
                State::Own(reasons.max().map_or(Cause::NamedInstance, Cause::of))
            }
            Next::RetryAt(_) if says(Reason::Quota) => State::Own(Cause::ProvisioningLimit),
            Next::RetryAt(_) if says(Reason::Capacity) || says(Reason::Throttled) => {
                State::Own(Cause::Fargate)
            }
            Next::RetryAt(_) => State::Line(self.callers(call.template, false, world)),
            Next::Queued => State::Line(self.callers(call.template, true, world)),
        };
        if next == Next::Queued {
            self.queued[call.workload].push_back(call.number);
        }
        self.turn_call(now, key, to);
    }

    /// The line of callers who want tasks of a template.
    fn callers(&mut self, template: TemplateId, queue: bool, world: &World) -> usize {
        let (lines, kinds) = (&mut self.lines, &mut self.kinds);
        let line = self.line_of_callers.entry((template, queue));
        *line.or_insert_with(|| {
            let launches = 0..world.templates[template].launches.len() as u8;
            let tallies = launches.filter(|it| is_on_instances(world, template, *it));
            let tallies = tallies.map(|it| Tally::new(world, template, it)).collect();
            kinds.push(Kind::Callers(queue, tallies));
            lines.push(Line::new(Cause::BackOff));
            lines.len() - 1
        })
    }

    /// A call has all its tasks, or never will.
    fn forget_call(&mut self, now: SimTime, call: (WorkloadId, u64), world: Option<&World>) {
        if let Some(mut book) = self.calls.remove(&call) {
            let gone = State::Own(Cause::BackOff);
            book.account.switch(now, gone, &mut self.lines);
        }
        let queue = &mut self.queued[call.0];
        let was_head = queue.front() == Some(&call.1);
        queue.retain(|number| *number != call.1);
        if let (true, Some(next), Some(world)) = (was_head, queue.front().copied(), world) {
            let key = (call.0, next);
            let template = self.calls.get(&key).map(|book| book.template);
            if let Some(template) = template {
                let line = self.callers(template, true, world);
                self.turn_call(now, key, State::Line(line));
            }
        }
    }

    /// The missing tasks of a call are never run, or not in this run.
    fn drop_call(&mut self, now: SimTime, call: (WorkloadId, u64)) {
        let Some(book) = self.calls.get(&call).cloned() else {
            return;
        };
        let sums = book.account.sums(now, &self.lines);
        for nth in book.count - book.missing..book.count {
            let who = Who::Task(call.0, call.1 * MAX_COUNT + u64::from(nth));
            if let Some(one) = self.one.as_mut().filter(|one| one.who == who) {
                one.turn(now, None);
            }
            self.waited(Waited {
                who,
                task: None,
                requested: book.requested,
                started: None,
                until: now,
                sums,
                spans: Vec::new(),
            });
        }
        self.forget_call(now, call, None);
    }

    // ---- Tasks ------------------------------------------------------------------------------

    fn accepted(&mut self, now: SimTime, task: &Task, world: &World) {
        if task.job.is_some() {
            return;
        }
        let who = Who::Task(task.workload, task.key);
        let call = (task.workload, task.key / MAX_COUNT);
        let requested = task.times.requested;
        let account = match self.calls.get_mut(&call) {
            Some(book) if task.deployment == 0 => {
                book.missing -= 1;
                let mut own = book.account;
                if let State::Line(line) = own.state {
                    self.lines[line].members += 1;
                }
                own.switch(now, State::Own(Cause::Fargate), &mut self.lines);
                if book.missing == 0 {
                    self.forget_call(now, call, Some(world));
                }
                own
            }
            _ => self.wanted_by_service(now, task),
        };
        if let Some(one) = self.one.as_mut().filter(|one| one.who == who) {
            one.turn(now, None);
            one.task = Some(task.number);
        }
        let mut book = Book {
            who,
            requested,
            account,
            asked: Asked::Task(task.template, Some(task.launch)),
            attached: None,
            activating: None,
            is_placed: false,
            is_closed: false,
        };
        if let Some(line) = self.provider_line(task, world) {
            book.account.switch(now, State::Line(line), &mut self.lines);
        }
        self.accepted.insert(task.number, book);
    }

    /// What a service's task waited for before it was accepted, as far as the service has told.
    fn wanted_by_service(&mut self, now: SimTime, task: &Task) -> Account {
        let mut account = Account::new(task.times.requested, Cause::ServiceScheduler);
        let who = Who::Task(task.workload, task.key);
        let told = self.services.get(&task.workload);
        let mut at = (task.times.requested, Cause::ServiceScheduler);
        let mut one = self.one.as_mut().filter(|one| one.who == who);
        let end = (now, Cause::Fargate);
        for (since, cause) in told.into_iter().flatten().copied().chain([end]) {
            if since > at.0 {
                if let Some(one) = &mut one {
                    one.charge(at.0, since, at.1);
                }
                account.switch(since, State::Own(cause), &mut self.lines);
                at.0 = since;
            } else {
                account.switch(at.0, State::Own(cause), &mut self.lines);
            }
            at.1 = cause;
        }
        account
    }

    fn provider_line(&mut self, task: &Task, world: &World) -> Option<usize> {
        let template = &world.templates[task.template];
        let LaunchOn::Provider(provider) = template.launches[usize::from(task.launch)].on else {
            return None;
        };
        let group = world.providers[provider].group()?;
        group.scaling?;
        let (lines, kinds) = (&mut self.lines, &mut self.kinds);
        let line = self.line_of_provider.entry((task.template, task.launch));
        Some(*line.or_insert_with(|| {
            let mut types = group.types.iter();
            let windows = |it: &crate::model::instance::Description| it.is_windows();
            let fits = types.any(|it| it.capacity.fits(&template.demand.on(windows(it))));
            kinds.push(Kind::Provider(provider, fits));
            lines.push(Line::new(Cause::Scaling));
            lines.len() - 1
        }))
    }

    /// The books of the task of a job stand with the job; of a node, with the job it belongs to.
    fn book_of(&mut self, task: &Task) -> Option<&mut Book> {
        match task.job {
            None => self.accepted.get_mut(&task.number),
            Some(id) => {
                let owner = self.parents[id].unwrap_or(id);
                self.made[owner].as_mut().filter(|it| !it.is_closed)
            }
        }
    }

    fn placed(&mut self, now: SimTime, task: &Task) {
        let lines = std::mem::take(&mut self.lines);
        let mut lines = lines;
        let mut who = None;
        if let Some(book) = self.book_of(task) {
            book.account
                .switch(now, State::Own(Cause::Interface), &mut lines);
            book.is_placed = true;
            (book.attached, book.activating) = (None, None);
            who = Some(book.who);
        }
        self.lines = lines;
        if let Some(one) = self.one.as_mut().filter(|one| Some(one.who) == who) {
            one.turn(now, None);
        }
    }

    fn moved(&mut self, now: SimTime, task: &Task) {
        if let Some(book) = self.book_of(task) {
            match task.state {
                TaskState::Pending => book.attached = Some(now),
                TaskState::Activating => book.activating = Some(now),
                _ => {}
            }
        }
    }

    /// From its placement up to `now`: charges each stage of the start of a task.
    fn charge_start(&mut self, now: SimTime, task: &Task) {
        let Some(placed) = task.times.placed else {
            return;
        };
        let Some(book) = self.book_of(task).filter(|book| book.is_placed) else {
            return;
        };
        book.is_placed = false;
        let attaching = match task.host {
            Some(Host::Fargate { .. }) => Cause::FargateStart,
            _ => Cause::Interface,
        };
        let attached = match task.state {
            TaskState::Provisioning => now,
            _ => book.attached.or(task.times.begun).unwrap_or(placed),
        };
        let begun = task.times.begun.unwrap_or(now);
        let pulled = task.times.pull.map_or(begun, |pull| begun + pull);
        let stages = [
            (attached, attaching),
            (begun, Cause::Stopping),
            (pulled, Cause::ImagePull),
            (book.activating.unwrap_or(now), Cause::Containers),
            (now, Cause::LoadBalancer),
        ];
        let (who, mut account) = (book.who, book.account);
        let mut at = placed;
        for (to, cause) in stages {
            let to = to.clamp(at, now.max(at));
            account.switch(at, State::Own(cause), &mut self.lines);
            if let Some(one) = self.one.as_mut().filter(|one| one.who == who) {
                one.charge(at, to, cause);
            }
            at = to;
        }
        account.switch(now, State::Own(Cause::Interface), &mut self.lines);
        if let Some(book) = self.book_of(task) {
            book.account = account;
        }
    }

    fn started(&mut self, now: SimTime, task: &Task) {
        self.charge_start(now, task);
        match task.job {
            None => self.close_task(now, task, Some(now)),
            Some(id) => self.close_job(now, self.parents[id].unwrap_or(id), Some(now)),
        }
    }

    /// A task has stopped, or the run has, and perhaps it never ran.
    fn unstarted(&mut self, now: SimTime, task: &Task) {
        if task.times.started.is_none() {
            self.charge_start(now, task);
        }
        if task.job.is_none() {
            self.close_task(now, task, None);
        }
    }

    fn close_task(&mut self, now: SimTime, task: &Task, started: Option<SimTime>) {
        if let Some(book) = self.accepted.remove(&task.number) {
            self.close_book(now, book, Some(task.number), started);
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

    // ---- Jobs -------------------------------------------------------------------------------

    fn job(&mut self, now: SimTime, id: JobId, job: &Job, from: Option<JobStatus>) {
        if from.is_none() {
            let is_one = !job.is_parent() && !job.is_node();
            self.parents.push(match job.part {
                Part::Node { parent, .. } => Some(parent),
                _ => None,
            });
            self.made.push(is_one.then(|| Book {
                who: Who::Job(id),
                requested: now,
                account: Account::new(now, Cause::Evaluation),
                asked: Asked::Job(job.kind),
                attached: None,
                activating: None,
                is_placed: false,
                is_closed: false,
            }));
        }
        let Some(book) = self.made[id].as_mut().filter(|it| !it.is_closed) else {
            return;
        };
        let to = match job.status {
            JobStatus::Submitted => State::Own(Cause::Evaluation),
            JobStatus::Pending => State::Own(Cause::Dependency),
            JobStatus::Runnable => State::Line(self.line_of_kind[job.kind]),
            JobStatus::Starting => State::Own(Cause::Interface),
            JobStatus::Running => return,
            JobStatus::Succeeded | JobStatus::Failed => return self.close_job(now, id, None),
        };
        book.account.switch(now, to, &mut self.lines);
        if job.status == JobStatus::Starting
            && let Some(one) = self.one.as_mut().filter(|one| one.who == Who::Job(id))
        {
            one.turn(now, None);
        }
    }

    fn close_job(&mut self, now: SimTime, id: JobId, started: Option<SimTime>) {
        let Some(book) = self.made[id].as_mut().filter(|it| !it.is_closed) else {
            return;
        };
        book.is_closed = true;
        let book = book.clone();
        self.close_book(now, book, None, started);
    }

    /// What the jobs in a line wait for: those ahead of them, or the turn of another share.
    fn turn_lines(&mut self, now: SimTime, world: &World) {
        for (line, kind) in self.lines.iter_mut().zip(&self.kinds) {
            let Kind::Queue(queue, share) = kind else {
                break;
            };
            if line.members == 0 {
                continue;
            }
            let head = self.heads.iter().find(|head| head.queue == *queue);
            let turn = head.and_then(|head| {
                let Some(Some(book)) = self.made.items().get(head.job.index()) else {
                    return None;
                };
                match book.asked {
                    Asked::Job(kind) => Some(&world.batch.kinds[kind].share),
                    Asked::Task(..) => None,
                }
            });
            let others = share.is_some() && turn.is_some_and(|turn| turn != share);
            let cause = match others {
                true => Cause::Share,
                false => Cause::QueueOrder,
            };
            if line.cause != cause {
                line.set(now, cause);
            }
        }
    }

    fn cause_of(&mut self, hold: Hold, world: &World) -> Cause {
        match hold {
            Hold::Consumable => Cause::Consumable,
            Hold::Reservation => Cause::Share,
            Hold::Boot => Cause::Boot,
            Hold::Maximum => Cause::Maximum,
            Hold::Insufficient => Cause::Insufficient,
            Hold::NoType => Cause::NoType,
            Hold::Disabled => Cause::Disabled,
            Hold::Full(template) => {
                let tally = self.tallies.entry(template);
                let tally = tally.or_insert_with(|| Tally::new(world, template, 0));
                tally.update(world);
                // Room for one node is not room for all.
                tally.cause().unwrap_or(Cause::Cpu)
            }
        }
    }

    fn turn_heads(&mut self, now: SimTime, heads: &[Head], world: &World) {
        let before = std::mem::replace(&mut self.heads, heads.to_vec());
        for gone in before {
            let still = heads.iter().any(|head| head.job == gone.job);
            let Some(Some(book)) = self.made.items_mut().get_mut(gone.job.index()) else {
                continue;
            };
            let waits = matches!(book.account.state, State::Own(cause) if cause.wants_room());
            if !still && waits && !book.is_closed && !book.is_placed {
                let Asked::Job(kind) = book.asked else {
                    continue;
                };
                let line = State::Line(self.line_of_kind[kind]);
                book.account.switch(now, line, &mut self.lines);
            }
        }
        for head in heads {
            let cause = self.cause_of(head.hold, world);
            if let Some(book) = &mut self.made[head.job] {
                book.account.switch(now, State::Own(cause), &mut self.lines);
            }
        }
        self.turn_lines(now, world);
    }

    // ---- Moments ----------------------------------------------------------------------------

    /// What those in the lines of ECS wait for now.
    fn turn_others(&mut self, now: SimTime, world: &World) {
        for (line, kind) in self.lines.iter_mut().zip(&mut self.kinds) {
            if line.members == 0 {
                continue;
            }
            let cause = match kind {
                Kind::Queue(..) => continue,
                Kind::Provider(provider, fits) => {
                    let (starting, desired) = self.scaled[*provider];
                    let group = world.providers[*provider].group();
                    match group.is_none_or(|group| desired < group.max_size) {
                        _ if !*fits => Cause::NoType,
                        _ if starting > 0 => Cause::Boot,
                        true => Cause::Scaling,
                        false => Cause::Maximum,
                    }
                }
                Kind::Callers(queue, tallies) => {
                    let mut cause = None;
                    for tally in tallies.iter_mut() {
                        tally.update(world);
                        cause = cause.or(tally.cause());
                    }
                    match (cause, *queue) {
                        (Some(cause), _) => cause,
                        (None, false) => Cause::BackOff,
                        (None, true) if tallies.is_empty() => Cause::Fargate,
                        (None, true) => Cause::ProvisioningLimit,
                    }
                }
            };
            if line.cause != cause {
                line.set(now, cause);
            }
        }
    }

    /// What the one waits for now, and what it asks for; absent when it does not wait for a place.
    fn now_of_one(&self, who: Who) -> Option<(Cause, Asked)> {
        match who {
            Who::Task(workload, key) => {
                let task = self.one.as_ref().and_then(|one| one.task);
                if let Some(book) = task.and_then(|task| self.accepted.get(&task)) {
                    let cause = book.account.cause(&self.lines);
                    return (!book.is_placed).then_some((cause, book.asked));
                }
                let book = self.calls.get(&(workload, key / MAX_COUNT))?;
                let missing = book.count - book.missing..book.count;
                let cause = book.account.cause(&self.lines);
                let waits = missing.contains(&((key % MAX_COUNT) as u32));
                waits.then_some((cause, Asked::Task(book.template, None)))
            }
            Who::Job(id) => {
                let book = self.made.items().get(id.index())?.as_ref()?;
                let cause = book.account.cause(&self.lines);
                let waits = !book.is_closed && !book.is_placed && !cause.is_start();
                waits.then_some((cause, book.asked))
            }
        }
    }

    fn look_at_one(&mut self, now: SimTime, world: &World) {
        let Some(who) = self.one.as_ref().map(|one| one.who) else {
            return;
        };
        let found = self.now_of_one(who);
        let Some(one) = &mut self.one else { return };
        let Some((cause, asked)) = found else { return };
        if one.open.is_none_or(|(_, before)| before != cause) {
            one.turn(now, Some(cause));
        }
        let wanted = match one.when {
            When::RoomWanted => one.moment.is_none() && cause.wants_room(),
            When::At(at) => now == at,
        };
        if wanted {
            one.moment = Some(Moment {
                at: now,
                who,
                cause,
                asked,
                world: world.clone(),
            });
        }
    }

    fn list_waiting(&mut self, now: SimTime) {
        let calls = self.calls.iter().map(|((workload, number), book)| Waiting {
            who: Who::Task(
                *workload,
                number * MAX_COUNT + u64::from(book.count - book.missing),
            ),
            task: None,
            count: book.missing,
            requested: book.requested,
            cause: book.account.cause(&self.lines),
        });
        let of = |task: Option<u64>, book: &Book| Waiting {
            who: book.who,
            task,
            count: 1,
            requested: book.requested,
            cause: book.account.cause(&self.lines),
        };
        let tasks = self.accepted.iter().filter(|(_, book)| !book.is_placed);
        let tasks = tasks.map(|(number, book)| of(Some(*number), book));
        let jobs = self.made.items().iter().flatten();
        let jobs = jobs.filter(|book| !book.is_closed && !book.is_placed);
        let jobs = jobs.map(|book| of(None, book));
        self.waiting = calls.chain(tasks).chain(jobs).collect();
        self.waiting.retain(|it| it.requested <= now);
        self.waiting.sort_by_key(|it| (it.requested, it.who));
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
