//! Job queues: whose turn it is, and where a job goes.
//!
//! Sources: AWS Batch user guide, "Job queues", "Fair-share scheduling policies"; AWS Batch API
//! reference, JobQueueDetail.

use std::collections::{BTreeMap, btree_map};

use super::backfill::Backfill;
use super::event::Event;
use super::scale_up::needed_cpu;
use super::standing::Hold;
use super::task::Host;
use super::{Engine, Occurrence, Recorder};
use crate::batch::blocked::{self, Blocked, EnvironmentView, Standing, time_limit};
use crate::batch::fair_share::{Cap, DispatchKey, FairShare, ShareIndex};
use crate::batch::{Capacity, Choices, Discipline, JobKind, JobQueue};
use crate::engine::job::{Job, JobStatus, StatusReason};
use crate::model::arena::{InstanceId, JobId, QueueId};
use crate::time::{SimDuration, SimTime};

/// A queue while it runs.
#[derive(Debug)]
pub(super) struct QueueState {
    pub enabled: bool,
    /// Absent: first in, first out.
    fair: Option<Box<FairShare>>,
    discipline: Discipline,
    /// What `x-easy` remembers.
    pub backfill: Backfill,
    /// RUNNABLE jobs by share; without fair share all stand in one line.
    lines: BTreeMap<Option<ShareIndex>, Line>,
    blocked: Option<BlockedHead>,
    /// For which head it was last found out whether it is blocked, and at which version of the
    /// capacity.
    seen: (Option<JobId>, u64),
    /// Shapes of which a job has no room coming, and no instance could be launched for it: the turn
    /// of the first; those behind it have none either.
    pub left_out: BTreeMap<u32, DispatchKey>,
}

/// The head of a queue that cannot start.
#[derive(Clone, Copy, Debug)]
struct BlockedHead {
    job: JobId,
    /// Code of the reason, and since when it is that.
    code: &'static str,
    since: SimTime,
}

/// RUNNABLE jobs in the order of their turns.
#[derive(Debug, Default)]
struct Line {
    turns: BTreeMap<DispatchKey, JobId>,
    /// The same jobs apart by what they ask for, so that those for which there is nothing are
    /// passed over all at once.
    shapes: BTreeMap<u32, BTreeMap<DispatchKey, JobId>>,
}

/// Where a job runs.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In one place.
    One(Host),
    /// On one instance for each node.
    Gang(Vec<InstanceId>),
}

/// A turn of a job that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub job: JobId,
    share: Option<ShareIndex>,
    pub key: DispatchKey,
    pub shape: u32,
}

/// The turns of RUNNABLE jobs as they would come if each had a place that is not given up; with
/// fair share as many as may be in flight at once.
#[derive(Debug)]
pub(super) struct Turns<'q> {
    now: SimTime,
    fair: Option<(Box<FairShare>, Cap)>,
    lines: BTreeMap<Option<ShareIndex>, BTreeMap<DispatchKey, Shape<'q>>>,
}

/// The jobs of one shape in a line, the first of them taken out.
#[derive(Debug)]
struct Shape<'q> {
    number: u32,
    first: JobId,
    rest: btree_map::Iter<'q, DispatchKey, JobId>,
}

impl Turns<'_> {
    /// Whose turn it is.
    pub fn first(&mut self, cpu_of: impl Fn(JobId) -> u32) -> Option<Turn> {
        let heads = self.lines.iter().filter_map(|(share, line)| {
            let (key, shape) = line.first_key_value()?;
            Some((*share, *key, shape))
        });
        let (share, key, shape) = match &mut self.fair {
            None => heads.min_by_key(|(_, key, _)| *key),
            Some((fair, _)) => heads.min_by_key(|(share, key, _)| {
                let rank = share.map(|share| fair.rank(share, self.now, 0));
                (rank, key.submit_seq(), *share)
            }),
        }?;
        if let Some((fair, cap)) = &self.fair
            && !cap.allows(fair.cpu_in_flight() + u64::from(cpu_of(shape.first)))
        {
            return None;
        }
        Some(Turn {
            job: shape.first,
            share,
            key,
            shape: shape.number,
        })
    }

    /// The job has its place: the next of its kind stands where it stood.
    pub fn take(&mut self, turn: Turn, cpu: u32) {
        if let (Some((fair, _)), Some(share)) = (&mut self.fair, turn.share) {
            fair.attempt_started(share, self.now, cpu);
        }
        let Some(line) = self.lines.get_mut(&turn.share) else {
            return;
        };
        if let Some(mut shape) = line.remove(&turn.key)
            && let Some((key, job)) = shape.rest.next()
        {
            shape.first = *job;
            line.insert(*key, shape);
        }
    }

    /// There is nothing for jobs that ask for as much as this one.
    pub fn give_up(&mut self, turn: Turn) {
        for line in self.lines.values_mut() {
            line.retain(|_, shape| shape.number != turn.shape);
        }
    }
}

impl QueueState {
    pub fn new(queue: &JobQueue, choices: &Choices) -> Self {
        let fair = queue.policy.as_ref().map(|policy| {
            let (mode, lag) = (choices.usage_mode, choices.inactive_lag);
            Box::new(FairShare::new(policy.clone(), mode, lag))
        });
        QueueState {
            enabled: queue.enabled,
            fair,
            discipline: queue.discipline,
            backfill: Backfill::default(),
            lines: BTreeMap::new(),
            blocked: None,
            seen: (None, 0),
            left_out: BTreeMap::new(),
        }
    }

    /// Whether a job of this share may be submitted: so many shares may be active.
    pub fn has_room_for_share(&mut self, share: Option<&str>, now: SimTime) -> bool {
        match (&mut self.fair, share) {
            (Some(fair), Some(share)) => !fair.would_exceed(share, now),
            _ => true,
        }
    }

    /// Tells fair share of something that concerns a share.
    fn tell(&mut self, share: Option<&str>, what: impl FnOnce(&mut FairShare, ShareIndex)) {
        if let (Some(fair), Some(share)) = (&mut self.fair, share) {
            let share = fair.share(share);
            what(fair, share);
        }
    }

    /// A job of the queue begins its life.
    pub fn joined(&mut self, share: Option<&str>) {
        self.tell(share, |fair, share| fair.job_joined(share));
    }

    /// A job of the queue has ended.
    pub fn left(&mut self, share: Option<&str>, now: SimTime) {
        self.tell(share, |fair, share| fair.job_left(share, now));
    }

    /// An attempt takes its place.
    pub fn started(&mut self, share: Option<&str>, cpu: u32, now: SimTime) {
        self.tell(share, |fair, share| fair.attempt_started(share, now, cpu));
    }

    /// An attempt has ended.
    pub fn ended(&mut self, share: Option<&str>, cpu: u32, now: SimTime) {
        self.tell(share, |fair, share| fair.attempt_ended(share, now, cpu));
    }

    fn share(&mut self, what: &JobKind) -> Option<ShareIndex> {
        let fair = self.fair.as_mut()?;
        Some(fair.share(what.share.as_deref().unwrap_or_default()))
    }

    /// A job becomes RUNNABLE.
    pub fn enter(&mut self, id: JobId, job: &Job, what: &JobKind) {
        let (share, key) = (self.share(what), self.key(job, what));
        let line = self.lines.entry(share).or_default();
        line.turns.insert(key, id);
        if self.discipline == Discipline::Easy {
            self.backfill.joined(id);
        }
        line.shapes.entry(what.shape).or_default().insert(key, id);
    }

    /// A job is RUNNABLE no more.
    pub fn remove(&mut self, id: JobId, job: &Job, what: &JobKind) {
        if self.blocked.is_some_and(|blocked| blocked.job == id) {
            self.blocked = None;
        }
        self.backfill.left(id);
        let (share, key) = (self.share(what), self.key(job, what));
        let Some(line) = self.lines.get_mut(&share) else {
            return;
        };
        line.turns.remove(&key);
        if let Some(alike) = line.shapes.get_mut(&what.shape) {
            alike.remove(&key);
            if alike.is_empty() {
                line.shapes.remove(&what.shape);
            }
        }
        if line.turns.is_empty() {
            self.lines.remove(&share);
        }
    }

    /// The turn of a job among those of its line. Retried jobs stand in front, in the order of
    /// their submission [B-12]; a discipline of the simulator's own sets them nowhere else.
    ///
    /// Sources: AWS Batch user guide, "Automated job retries"; AWS Batch API reference,
    /// FrontOfQueueDetail.
    fn key(&self, job: &Job, what: &JobKind) -> DispatchKey {
        let priority = match self.fair {
            None => 0,
            Some(_) => what.priority,
        };
        let key = DispatchKey::new(job.sequence, job.index().unwrap_or(0));
        match self.discipline {
            Discipline::Aws if job.tries > 1 => key.with_priority(priority).retried(),
            Discipline::Aws => key.with_priority(priority),
            Discipline::Fcfs | Discipline::Easy => key,
            Discipline::Sjf => key.with_requested(what.timeout.unwrap_or(SimDuration::MAX)),
        }
    }

    /// All RUNNABLE jobs of a queue without fair share, in the order of their turns.
    pub fn in_line(&self) -> impl Iterator<Item = JobId> {
        let lines = self.lines.values();
        lines.flat_map(|line| line.turns.values().copied())
    }

    /// The job whose turn it is, and so many behind it.
    pub fn first(&mut self, now: SimTime, behind: u32) -> Vec<JobId> {
        let take = behind as usize + 1;
        let share = match &mut self.fair {
            None => None,
            Some(fair) => {
                let heads = self.lines.iter().filter_map(|(share, line)| {
                    let (key, _) = line.turns.first_key_value()?;
                    Some(((*share)?, key.submit_seq()))
                });
                fair.least_used(now, heads)
            }
        };
        let line = self.lines.get(&share).map(|line| line.turns.values());
        line.into_iter().flatten().take(take).copied().collect()
    }

    /// Whether so much CPU more may be used at once: what is kept for shares that are not active
    /// stays free.
    fn allows(&mut self, cpu: u32, max_cpu: Option<u64>, now: SimTime) -> bool {
        self.fair.as_mut().is_none_or(|fair| {
            let used = fair.cpu_in_flight() + u64::from(cpu);
            fair.cap(now, max_cpu).allows(used)
        })
    }

    /// The turns of RUNNABLE jobs from here on.
    pub fn turns(&self, now: SimTime, max_cpu: Option<u64>) -> Turns<'_> {
        let lines = self.lines.iter().map(|(share, line)| {
            let shapes = line.shapes.iter().filter_map(|(number, alike)| {
                let mut rest = alike.iter();
                let (key, first) = rest.next()?;
                let (number, first) = (*number, *first);
                Some((
                    *key,
                    Shape {
                        number,
                        first,
                        rest,
                    },
                ))
            });
            (*share, shapes.collect())
        });
        Turns {
            now,
            lines: lines.collect(),
            fair: self.fair.clone().map(|mut fair| {
                let cap = fair.cap(now, max_cpu);
                (fair, cap)
            }),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl<R: Recorder> Engine<'_, R> {
    /// Every queue, in descending order of priority, starts what can be started: the head of a
    /// queue that finds no place holds up those behind it [B-30].
    ///
    /// Source: AWS Batch API reference, JobQueueDetail, `priority`.
    pub(super) fn dispatch(&mut self) {
        let mut at = 0;
        while let Some(queue) = self.jobs.order.get(at).copied() {
            at += 1;
            match self.world.batch.queues[queue].discipline {
                Discipline::Easy => self.backfill(queue),
                Discipline::Aws | Discipline::Fcfs | Discipline::Sjf => {
                    while self.start_next(queue) {}
                }
            }
        }
    }

    /// Starts the job whose turn it is. Tells whether it did.
    fn start_next(&mut self, queue: QueueId) -> bool {
        let lookahead = match self.world.batch.queues[queue].discipline {
            Discipline::Aws => self.world.batch.choices.lookahead,
            Discipline::Fcfs | Discipline::Sjf | Discipline::Easy => 0,
        };
        if self.jobs.queues[queue].is_empty() {
            return false;
        }
        let turn = self.jobs.queues[queue].first(self.now, lookahead);
        turn.into_iter().any(|id| self.try_start(id))
    }

    /// Starts a RUNNABLE job if there is a place for it, whosever turn it is. Tells whether it did.
    pub(super) fn try_start(&mut self, id: JobId) -> bool {
        if self.is_held_back(id).is_some() {
            return false;
        }
        let Some((environment, place)) = self.find_place(id) else {
            return false;
        };
        self.leave_line(id);
        self.start_attempt(id, environment, place);
        true
    }

    /// What keeps a job from its place however much room there is: a consumable resource, or what is
    /// kept for other shares.
    pub(super) fn is_held_back(&mut self, id: JobId) -> Option<Hold> {
        let what = &self.world.batch.kinds[self.job(id).kind];
        let (cpu, queue) = (what.need.cpu, what.queue);
        if !self.has_consumables(id) {
            return Some(Hold::Consumable);
        }
        let max = self.max_cpu(queue);
        let allowed = self.jobs.queues[queue].allows(cpu, max, self.now);
        (!allowed).then_some(Hold::Reservation)
    }

    /// A job is no longer RUNNABLE, or will not be in a moment.
    pub(super) fn leave_line(&mut self, id: JobId) {
        let what = &self.world.batch.kinds[self.job(id).kind];
        self.jobs.leave_line(id, what);
    }

    /// CPU that the environments of a queue may have together; none when nothing is kept free: an
    /// UNMANAGED one does not say how much it has.
    ///
    /// Source: AWS Batch API reference, FairsharePolicy, `computeReservation`.
    pub(super) fn max_cpu(&self, queue: QueueId) -> Option<u64> {
        let mut sum = 0;
        for id in &self.world.batch.queues[queue].environments {
            if !self.jobs.environments[*id].enabled {
                continue;
            }
            let environment = &self.world.batch.environments[*id];
            if environment.capacity == Capacity::Unmanaged && environment.max_vcpus == 0 {
                return None;
            }
            sum += u64::from(environment.max_vcpus) * 1024;
        }
        Some(sum)
    }

    /// UpdateJobQueue. Source: AWS Batch API reference.
    pub(super) fn set_queue(
        &mut self,
        queue: QueueId,
        enabled: Option<bool>,
        priority: Option<i64>,
    ) {
        let state = &mut self.jobs.queues[queue];
        state.enabled = enabled.unwrap_or(state.enabled);
        let queues = &mut self.world.batch.queues;
        queues[queue].priority = priority.unwrap_or(queues[queue].priority);
        self.jobs
            .order
            .sort_by_key(|id| (std::cmp::Reverse(queues[*id].priority), *id));
    }

    /// The first environment of the queue, in `order`, that has room now [B-31]; there the instance
    /// that the job fills best [B-42], or one for each of its nodes.
    fn find_place(&mut self, id: JobId) -> Option<(usize, Place)> {
        let job = self.job(id);
        let (workload, key, kind) = (job.workload, job.attempt_key(), job.kind);
        let queue = self.world.batch.kinds[kind].queue;
        for at in 0..self.world.batch.queues[queue].environments.len() {
            let environment = self.world.batch.queues[queue].environments[at];
            let state = &self.jobs.environments[environment];
            if !state.enabled {
                continue;
            }
            let what = &self.world.batch.environments[environment];
            let kind = &self.world.batch.kinds[kind];
            if let Some(nodes) = &kind.nodes {
                if what.takes_multi_node_jobs()
                    && let Some(gang) = self.find_gang(environment, nodes)
                {
                    return Some((at, Place::Gang(gang)));
                }
                continue;
            }
            if what.capacity.is_fargate() {
                let most = u64::from(what.max_vcpus) * 1024;
                if state.used_cpu + u64::from(kind.need.cpu) <= most {
                    let spot = what.capacity == Capacity::FargateSpot;
                    return Some((at, Place::One(Host::Fargate { zone: None, spot })));
                }
                continue;
            }
            let template = kind.templates[at];
            if let Some(instance) = self.choose(template, 0, workload, key) {
                return Some((at, Place::One(Host::Instance(instance))));
            }
        }
        None
    }

    /// The head of each queue says why it cannot start, where it is not merely waiting for its turn;
    /// time limits count from the moment in which it first says so [B-38].
    pub(super) fn note_blocked_heads(&mut self) {
        for at in 0..self.jobs.order.len() {
            let queue = self.jobs.order[at];
            let state = &mut self.jobs.queues[queue];
            if state.is_empty() && state.blocked.is_none() {
                continue;
            }
            let head = state.first(self.now, 0).first().copied();
            let seen = (head, self.jobs.capacity_version);
            if std::mem::replace(&mut self.jobs.queues[queue].seen, seen) == seen {
                continue;
            }
            let found = head.and_then(|id| Some((id, self.why_blocked(id)?)));
            let before = self.jobs.queues[queue].blocked.take();
            if let Some(before) = &before
                && found.as_ref().is_none_or(|(id, _)| *id != before.job)
            {
                self.jobs.unblock(before.job);
            }
            let Some((id, why)) = found else { continue };
            let same = before.filter(|it| it.job == id && it.code == why.code());
            let since = same.map_or(self.now, |it| it.since);
            let code = why.code();
            self.jobs.queues[queue].blocked = Some(BlockedHead {
                job: id,
                code,
                since,
            });
            if let (true, Some(limit)) = (
                since == self.now,
                time_limit(&self.world.batch.queues[queue].time_limits, &why),
            ) {
                self.schedule(since + limit, Event::HeadBlocked(queue));
            }
            self.jobs.block(id, why);
            if same.is_none() {
                let job = &self.jobs.list[id].job;
                let occurrence = Occurrence::JobBlocked { id, job };
                self.recorder.record(self.now, occurrence, &self.world);
            }
        }
    }

    /// Cancels the head of a queue that has been blocked for as long as it may.
    ///
    /// Source: AWS Batch API reference, JobStateTimeLimitAction.
    pub(super) fn head_blocked(&mut self, queue: QueueId) {
        let Some(BlockedHead { job, code, since }) = self.jobs.queues[queue].blocked else {
            return;
        };
        let limits = &self.world.batch.queues[queue].time_limits;
        let limit = limits.iter().filter(|limit| limit.reason() == code);
        let limit = limit.map(|limit| limit.max_time()).min();
        if limit.is_some_and(|limit| since + limit <= self.now) {
            self.leave_line(job);
            self.jobs.demand_changed = true;
            self.end_job(job, JobStatus::Failed, StatusReason::TimeLimit(code));
        }
    }

    /// Why the head of a queue can never start as things are.
    fn why_blocked(&self, id: JobId) -> Option<Blocked> {
        let what = &self.world.batch.kinds[self.job(id).kind];
        let queue = &self.world.batch.queues[what.queue];
        let state = &self.jobs.queues[what.queue];
        let left_out = state.left_out.get(&what.shape);
        let is_left_out = left_out.is_some_and(|first| *first <= state.key(self.job(id), what));
        let views = queue.environments.iter().map(|environment| {
            let there = &self.world.batch.environments[*environment];
            let usable = self.jobs.environments[*environment].enabled;
            EnvironmentView {
                standing: match usable {
                    true => Standing::Usable,
                    false => Standing::Unusable,
                },
                takes_multi_node: there.takes_multi_node_jobs(),
                max_vcpus: (there.capacity != Capacity::Unmanaged).then_some(there.max_vcpus),
                needed_cpu: needed_cpu(what, there),
                fits_some_type: self.fits_some_type(*environment, what),
                role_problem: false,
                unsupported: false,
                insufficient_capacity: self
                    .insufficient_type(*environment, what)
                    .filter(|_| is_left_out),
            }
        });
        let views: Vec<EnvironmentView<'_>> = views.collect();
        blocked::reason(&views, what.nodes.is_some())
    }
}
