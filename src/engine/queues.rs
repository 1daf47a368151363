//! Job queues: whose turn it is, and where a job goes.
//!
//! Sources: AWS Batch user guide, "Job queues", "Fair-share scheduling policies"; AWS Batch API
//! reference, JobQueueDetail.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use super::task::Host;
use super::{Engine, Recorder};
use crate::batch::blocked::{self, Blocked, EnvironmentView, Standing, time_limit};
use crate::batch::fair_share::{DispatchKey, FairShare, ShareIndex};
use crate::batch::{Capacity, Choices, JobKind, JobQueue};
use crate::engine::job::{Job, JobStatus, StatusReason};
use crate::model::arena::{JobId, QueueId};
use crate::time::SimTime;

/// A queue while it runs.
#[derive(Debug)]
pub(super) struct QueueState {
    pub enabled: bool,
    line: Line,
    blocked: Option<BlockedHead>,
}

/// The head of a queue that cannot start.
#[derive(Clone, Copy, Debug)]
struct BlockedHead {
    job: JobId,
    /// Code of the reason, and since when it is that.
    code: &'static str,
    since: SimTime,
}

/// RUNNABLE jobs in the order of their turn.
#[derive(Debug)]
enum Line {
    /// First in, first out.
    Fifo(BTreeMap<DispatchKey, JobId>),
    /// Fair share: a line for each share.
    Shares {
        fair: Box<FairShare>,
        lines: BTreeMap<ShareIndex, BTreeMap<DispatchKey, JobId>>,
    },
}

impl QueueState {
    pub fn new(queue: &JobQueue, choices: &Choices) -> Self {
        QueueState {
            enabled: queue.enabled,
            line: match &queue.policy {
                None => Line::Fifo(BTreeMap::new()),
                Some(policy) => Line::Shares {
                    fair: Box::new(FairShare::new(
                        policy.clone(),
                        choices.usage_mode,
                        choices.inactive_lag,
                    )),
                    lines: BTreeMap::new(),
                },
            },
            blocked: None,
        }
    }

    /// Whether a job of this share may be submitted: so many shares may be active.
    pub fn has_room_for_share(&mut self, share: Option<&str>, now: SimTime) -> bool {
        match (&mut self.line, share) {
            (Line::Shares { fair, .. }, Some(share)) => !fair.would_exceed(share, now),
            _ => true,
        }
    }

    /// A job of the queue begins its life.
    pub fn joined(&mut self, share: Option<&str>) {
        if let (Line::Shares { fair, .. }, Some(share)) = (&mut self.line, share) {
            let share = fair.share(share);
            fair.job_joined(share);
        }
    }

    /// A job of the queue has ended.
    pub fn left(&mut self, share: Option<&str>, now: SimTime) {
        if let (Line::Shares { fair, .. }, Some(share)) = (&mut self.line, share) {
            let share = fair.share(share);
            fair.job_left(share, now);
        }
    }

    /// A job becomes RUNNABLE.
    pub fn enter(&mut self, id: JobId, job: &Job, what: &JobKind) {
        let key = self.key(job, what);
        match (&mut self.line, what.share.as_deref()) {
            (Line::Fifo(line), _) => {
                line.insert(key, id);
            }
            (Line::Shares { fair, lines, .. }, share) => {
                let share = fair.share(share.unwrap_or_default());
                lines.entry(share).or_default().insert(key, id);
            }
        }
    }

    /// A job is RUNNABLE no more.
    pub fn remove(&mut self, id: JobId, job: &Job, what: &JobKind) {
        if self.blocked.is_some_and(|blocked| blocked.job == id) {
            self.blocked = None;
        }
        let key = self.key(job, what);
        match (&mut self.line, what.share.as_deref()) {
            (Line::Fifo(line), _) => {
                line.remove(&key);
            }
            (Line::Shares { fair, lines, .. }, share) => {
                let share = fair.share(share.unwrap_or_default());
                if let Some(line) = lines.get_mut(&share) {
                    line.remove(&key);
                    if line.is_empty() {
                        lines.remove(&share);
                    }
                }
            }
        }
    }

    fn key(&self, job: &Job, what: &JobKind) -> DispatchKey {
        let priority = match self.line {
            Line::Fifo(_) => 0,
            Line::Shares { .. } => what.priority,
        };
        let key = DispatchKey::new(job.sequence, job.index().unwrap_or(0));
        let key = key.with_priority(priority);
        if job.tries > 1 { key.retried() } else { key }
    }

    /// An attempt takes its place.
    pub fn started(&mut self, share: Option<&str>, cpu: u32, now: SimTime) {
        if let (Line::Shares { fair, .. }, Some(share)) = (&mut self.line, share) {
            let share = fair.share(share);
            fair.attempt_started(share, now, cpu);
        }
    }

    /// An attempt has ended.
    pub fn ended(&mut self, share: Option<&str>, cpu: u32, now: SimTime) {
        if let (Line::Shares { fair, .. }, Some(share)) = (&mut self.line, share) {
            let share = fair.share(share);
            fair.attempt_ended(share, now, cpu);
        }
    }

    /// The job whose turn it is, and so many behind it.
    fn first(&mut self, now: SimTime, behind: u32) -> Vec<JobId> {
        let take = behind as usize + 1;
        match &mut self.line {
            Line::Fifo(line) => line.values().take(take).copied().collect(),
            Line::Shares { fair, lines, .. } => {
                let heads = lines.iter().filter_map(|(share, line)| {
                    let (key, _) = line.first_key_value()?;
                    Some((*share, key.submit_seq()))
                });
                let Some(share) = fair.least_used(now, heads) else {
                    return Vec::new();
                };
                lines[&share].values().take(take).copied().collect()
            }
        }
    }

    /// Whether so much CPU more may be used at once: what is kept for shares that are not active
    /// stays free.
    fn allows(&mut self, cpu: u32, max_cpu: Option<u64>, now: SimTime) -> bool {
        match &mut self.line {
            Line::Shares { fair, .. } => {
                let used = fair.cpu_in_flight() + u64::from(cpu);
                fair.cap(now, max_cpu).allows(used)
            }
            Line::Fifo(_) => true,
        }
    }

    /// RUNNABLE jobs in the order in which they would start if there were room for all; with fair
    /// share as many as may be in flight at once.
    pub fn turns(
        &mut self,
        now: SimTime,
        max_cpu: Option<u64>,
        cpu_of: impl Fn(JobId) -> u32,
    ) -> Vec<JobId> {
        let (fair, lines) = match &mut self.line {
            Line::Fifo(line) => return line.values().copied().collect(),
            Line::Shares { fair, lines } => (fair, lines),
        };
        let cap = fair.cap(now, max_cpu);
        let mut in_flight = fair.cpu_in_flight();
        // Each share with what it would have in flight beside what it has, and its other jobs.
        let mut next = BTreeSet::new();
        let mut rests = BTreeMap::new();
        for (share, line) in lines {
            let mut rest = line.iter();
            if let Some((key, id)) = rest.next() {
                next.insert((fair.rank(*share, now, 0), key.submit_seq(), *share, *id));
                rests.insert(*share, (rest, 0));
            }
        }
        let mut turns = Vec::new();
        while let Some((_, _, share, id)) = next.pop_first() {
            let cpu = u64::from(cpu_of(id));
            in_flight += cpu;
            if !cap.allows(in_flight) {
                break;
            }
            turns.push(id);
            if let Some((rest, more_cpu)) = rests.get_mut(&share)
                && let Some((key, id)) = rest.next()
            {
                *more_cpu += cpu;
                let rank = fair.rank(share, now, *more_cpu);
                next.insert((rank, key.submit_seq(), share, *id));
            }
        }
        turns
    }

    pub fn is_empty(&self) -> bool {
        match &self.line {
            Line::Fifo(line) => line.is_empty(),
            Line::Shares { lines, .. } => lines.is_empty(),
        }
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
            while self.start_next(queue) {}
        }
    }

    /// Starts the job whose turn it is. Tells whether it did.
    fn start_next(&mut self, queue: QueueId) -> bool {
        let lookahead = self.world.batch.choices.lookahead;
        if self.jobs.queues[queue].is_empty() {
            return false;
        }
        for id in self.jobs.queues[queue].first(self.now, lookahead) {
            let job = self.job(id);
            let cpu = self.world.batch.kinds[job.kind].need.cpu;
            let max = self.max_cpu(queue);
            if !self.has_consumables(id) || !self.jobs.queues[queue].allows(cpu, max, self.now) {
                continue;
            }
            if let Some((environment, host)) = self.find_place(id) {
                self.leave_line(id);
                self.start_attempt(id, environment, host);
                return true;
            }
        }
        false
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
    /// that the job fills best [B-42].
    fn find_place(&mut self, id: JobId) -> Option<(usize, Host)> {
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
            if what.capacity.is_fargate() {
                let most = u64::from(what.max_vcpus) * 1024;
                if state.used_cpu + u64::from(kind.need.cpu) <= most {
                    let spot = what.capacity == Capacity::FargateSpot;
                    return Some((at, Host::Fargate { zone: None, spot }));
                }
                continue;
            }
            let template = kind.templates[at];
            if let Some(instance) = self.choose(template, 0, workload, key) {
                return Some((at, Host::Instance(instance)));
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
            self.end_job(job, JobStatus::Failed, StatusReason::TimeLimit(code));
        }
    }

    /// Why the head of a queue can never start as things are.
    fn why_blocked(&self, id: JobId) -> Option<Blocked> {
        let what = &self.world.batch.kinds[self.job(id).kind];
        let queue = &self.world.batch.queues[what.queue];
        let views = queue.environments.iter().map(|environment| {
            let there = &self.world.batch.environments[*environment];
            let usable = self.jobs.environments[*environment].enabled;
            EnvironmentView {
                standing: match usable {
                    true => Standing::Usable,
                    false => Standing::Unusable,
                },
                takes_multi_node: there.capacity == Capacity::Ec2,
                max_vcpus: (there.capacity != Capacity::Unmanaged).then_some(there.max_vcpus),
                needed_cpu: u64::from(what.need.cpu),
                fits_some_type: self.fits_some_type(*environment, &what.need),
                role_problem: false,
                unsupported: false,
                insufficient_capacity: self.insufficient_type(*environment, &what.need),
            }
        });
        let views: Vec<EnvironmentView<'_>> = views.collect();
        blocked::reason(&views, false)
    }
}
