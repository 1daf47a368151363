//! Jobs of AWS Batch along the clock: submitted, evaluated, run attempt by attempt, ended.
//!
//! Within an instant the order is: attempts start and end, hosts are lost, calls are made, timeouts
//! fire; then submitted jobs are evaluated and what their ends mean to others is passed on; then
//! queues dispatch ([`super::queues`]) and environments scale ([`super::environments`]) [B-54].
//!
//! Sources: AWS Batch user guide, "Job states", "Job dependencies", "Array jobs", "Automated job
//! retries", "Job timeouts".

use std::collections::{BTreeMap, VecDeque};

use super::environments::EnvironmentState;
use super::event::{Event, Ref};
use super::gangs::Gang;
use super::plan::QuantityChange;
use super::queues::{Place, QueueState};
use super::task::{Host, Recorded, Stop, StopCode, StopReason, Task};
use super::{Engine, Occurrence, Recorder};
use crate::batch::blocked::Blocked;
use crate::batch::fair_share::FairSharePolicy;
use crate::batch::retry::{Cause, Decision, Ending, decide};
use crate::batch::{Consumable, Dependency, JobKind};
use crate::engine::job::{Attempt, Job, JobStatus, JobTimes, Part, Request, StatusReason};
use crate::model::arena::{
    Arena, ClusterId, EnvironmentId, Id, JobId, JobKindId, QueueId, WorkloadId,
};
use crate::time::SimTime;
use crate::workload::Submission;

/// AWS Batch while it runs.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// All jobs of the run.
    pub list: Arena<JobId, Entry>,
    /// Jobs of each workload by their numbers; none where the call was refused.
    of_workload: Vec<Vec<Option<JobId>>>,
    /// Keys of random draws that each workload has used.
    keys: Vec<u64>,
    /// SUBMITTED and to be evaluated now, in order of submission.
    fresh: VecDeque<JobId>,
    /// Ended, and those that depend on them are still to be told.
    ended: VecDeque<JobId>,
    calls: u64,
    /// Jobs that have not ended.
    pub live: u64,
    pub queues: Arena<QueueId, QueueState>,
    /// Queues in the order in which they are looked at.
    pub order: Vec<QueueId>,
    pub environments: Arena<EnvironmentId, EnvironmentState>,
    /// The environment that each cluster belongs to.
    pub environment_of: Vec<Option<EnvironmentId>>,
    pub consumables: Vec<Stock>,
    /// Multi-node jobs in flight.
    pub gangs: BTreeMap<JobId, Gang>,
    /// Whether anything has changed that environments scale by.
    pub demand_changed: bool,
    /// Whether an instance that idles for too long stays only because a job was reserved room there.
    pub keeps_idle: bool,
    /// A number that grows with every change of what environments have or may launch.
    pub capacity_version: u64,
    /// A number that grows whenever something that a job has taken is free again.
    pub freed: u64,
}

/// A job with what only the engine needs.
#[derive(Debug)]
pub(super) struct Entry {
    pub job: Job,
    /// Dependencies that have not succeeded.
    unmet: u32,
    /// Whether one has failed.
    broken: bool,
    /// Jobs that wait for it.
    dependents: Vec<JobId>,
    /// The attempt in flight.
    pub task: Option<Flight>,
    recorded: Recorded,
    /// Whether it has taken what does not come back of consumable resources.
    took: bool,
}

/// An attempt in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub task: Ref,
    pub environment: EnvironmentId,
    pub placed: SimTime,
    /// What ends it from outside.
    ending: Option<Cause>,
}

/// What is left of a consumable resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stock {
    pub total: u64,
    pub in_use: u64,
    pub replenishable: bool,
}

impl Stock {
    pub fn of(consumable: &Consumable) -> Self {
        Stock {
            total: consumable.total,
            in_use: 0,
            replenishable: consumable.replenishable,
        }
    }

    /// Source: AWS Batch user guide, "Resource-aware scheduling".
    pub fn available(&self) -> u64 {
        self.total.saturating_sub(self.in_use)
    }
}

impl<R: Recorder> Engine<'_, R> {
    pub(super) fn job(&self, id: JobId) -> &Job {
        &self.jobs.list[id].job
    }

    /// Sets up queues and environments before the clock starts.
    pub(super) fn open_batch(&mut self) {
        let batch = &self.world.batch;
        let choices = &batch.choices;
        for queue in batch.queues.items() {
            let state = QueueState::new(queue, choices);
            self.jobs.queues.push(state);
        }
        let mut order: Vec<_> = batch.queues.ids().collect();
        order.sort_by_key(|id| (std::cmp::Reverse(batch.queues[*id].priority), *id));
        self.jobs.order = order;
        self.jobs.environment_of = vec![None; self.world.clusters.len()];
        self.jobs.consumables = batch.consumables.iter().map(Stock::of).collect();
        self.jobs.of_workload = vec![Vec::new(); self.workloads.len()];
        self.jobs.keys = vec![0; self.workloads.len()];
        for (id, environment) in batch.environments.iter() {
            self.jobs.environment_of[environment.cluster.index()] = Some(id);
            self.jobs
                .environments
                .push(EnvironmentState::new(environment));
        }
        self.open_environments();
    }

    // ---- Submission -------------------------------------------------------------------------

    /// SubmitJob.
    pub(super) fn submit(&mut self, workload: WorkloadId, kind: JobKindId, call: Submission) {
        let of_workload = &self.jobs.of_workload[workload.index()];
        let number = of_workload.len() as u64 + 1;
        if !self.accepts(kind, number) {
            self.jobs.of_workload[workload.index()].push(None);
            let occurrence = Occurrence::JobRefused { workload, kind };
            self.recorder.record(self.now, occurrence, &self.world);
            return;
        }
        self.jobs.calls += 1;
        let what = &self.world.batch.kinds[kind];
        let nodes = what.nodes.as_ref().map_or(0, |nodes| nodes.count());
        let part = match what.array_size {
            Some(_) => Part::Parent {
                first_child: None,
                summary: [0; JobStatus::ALL.len()],
            },
            None if nodes > 0 => Part::Gang {
                first_node: JobId::from_index(self.jobs.list.len() + 1),
            },
            None => Part::Whole,
        };
        let keys = &mut self.jobs.keys[workload.index()];
        let key = *keys;
        *keys += u64::from(what.array_size.unwrap_or(1)).max(nodes as u64);
        let recorded = Recorded {
            duration: call.duration,
            exit_code: call.exit_code,
        };
        let job = Job {
            kind,
            workload,
            number,
            sequence: self.jobs.calls,
            part,
            key,
            status: JobStatus::Submitted,
            reason: None,
            times: JobTimes {
                created: self.now,
                ..JobTimes::default()
            },
            tries: 0,
            attempts: Vec::new(),
            request: None,
        };
        let id = self.take_in(job, recorded);
        self.make_nodes(id, nodes as u32);
        self.jobs.of_workload[workload.index()].push(Some(id));
        let delay = self.world.batch.choices.evaluation_delay;
        if delay.micros() == 0 {
            self.jobs.fresh.push_back(id);
        } else {
            self.schedule(self.now + delay, Event::JobDue(id));
        }
    }

    /// Whether SubmitJob takes a job: the queue is ENABLED, the jobs it depends on are there
    /// [B-18], its share may become active.
    fn accepts(&mut self, kind: JobKindId, number: u64) -> bool {
        let what = &self.world.batch.kinds[kind];
        let known = what.depends_on.iter().all(|dependency| match dependency {
            Dependency::Job(on) | Dependency::Child(on, _) | Dependency::Each(on) => {
                self.jobs.job_of(*on, number).is_some()
            }
            Dependency::Numbered(on, number) => self.jobs.job_of(*on, *number).is_some(),
            Dependency::Sequential => true,
        });
        let queue = &mut self.jobs.queues[what.queue];
        known && queue.enabled && queue.has_room_for_share(what.share.as_deref(), self.now)
    }

    fn take_in(&mut self, job: Job, recorded: Recorded) -> JobId {
        let what = &self.world.batch.kinds[job.kind];
        if !job.is_node() {
            self.jobs.queues[what.queue].joined(what.share.as_deref());
        }
        self.jobs.live += u64::from(!job.is_node());
        let id = self.jobs.list.push(Entry {
            job,
            unmet: 0,
            broken: false,
            dependents: Vec::new(),
            task: None,
            recorded,
            took: false,
        });
        self.tell_job(id, None);
        id
    }

    fn tell_job(&mut self, id: JobId, from: Option<JobStatus>) {
        let occurrence = Occurrence::Job {
            id,
            job: &self.jobs.list[id].job,
            from,
        };
        self.recorder.record(self.now, occurrence, &self.world);
    }

    /// The nodes of a multi-node job are there with it.
    fn make_nodes(&mut self, parent: JobId, count: u32) {
        for index in 0..count {
            let Entry { job, recorded, .. } = &self.jobs.list[parent];
            let (recorded, node) = (
                *recorded,
                Job {
                    part: Part::Node { parent, index },
                    key: job.key + u64::from(index),
                    attempts: Vec::new(),
                    ..job.clone()
                },
            );
            self.take_in(node, recorded);
        }
    }

    pub(super) fn job_due(&mut self, id: JobId) {
        if self.job(id).status == JobStatus::Submitted {
            self.jobs.fresh.push_back(id);
        }
    }

    // ---- Evaluation and dependencies --------------------------------------------------------

    /// What is submitted is evaluated, and ends are passed on until nothing follows from them.
    pub(super) fn settle_jobs(&mut self) {
        while let Some(id) = self.jobs.fresh.pop_front() {
            if self.job(id).status == JobStatus::Submitted {
                self.evaluate_job(id);
            }
        }
        while let Some(id) = self.jobs.ended.pop_front() {
            let failed = self.job(id).status == JobStatus::Failed;
            for dependent in std::mem::take(&mut self.jobs.list[id].dependents) {
                self.dependency_ended(dependent, failed);
            }
        }
    }

    fn evaluate_job(&mut self, id: JobId) {
        let job = self.job(id);
        let (kind, number, is_parent) = (job.kind, job.number, job.is_parent());
        if is_parent {
            self.move_job(id, JobStatus::Pending, None);
            self.make_children(id);
        } else {
            self.depend(id, kind, number, None);
            self.await_dependencies(id);
        }
    }

    /// All children are there at once [B-15], each with edges of its own.
    fn make_children(&mut self, parent: JobId) {
        let Entry { job, recorded, .. } = &self.jobs.list[parent];
        let (kind, number, recorded) = (job.kind, job.number, *recorded);
        let size = self.world.batch.kinds[kind].array_size.unwrap_or(0);
        let child = |index: u32| Job {
            part: Part::Child { parent, index },
            key: job.key + u64::from(index),
            status: JobStatus::Pending,
            times: JobTimes {
                created: self.now,
                ..JobTimes::default()
            },
            attempts: Vec::new(),
            ..job.clone()
        };
        let children: Vec<Job> = (0..size).map(child).collect();
        let first = JobId::from_index(self.jobs.list.len());
        if let Part::Parent {
            first_child,
            summary,
        } = &mut self.jobs.list[parent].job.part
        {
            *first_child = Some(first);
            summary[JobStatus::Pending as usize] = size;
        }
        for job in children {
            self.take_in(job, recorded);
        }
        for index in 0..size {
            self.depend(child_of(first, index), kind, number, Some((first, index)));
        }
        for index in 0..size {
            self.await_dependencies(child_of(first, index));
        }
    }

    /// Expands `dependsOn` to edges. Every edge leads to a job that is older, or that stands before
    /// it in the same array: there are no cycles.
    ///
    /// Source: AWS Batch user guide, "Job dependencies", "Array jobs".
    fn depend(&mut self, id: JobId, kind: JobKindId, number: u64, child: Option<(JobId, u32)>) {
        let jobs = &mut self.jobs;
        let (mut unmet, mut broken) = (0, false);
        for dependency in &self.world.batch.kinds[kind].depends_on {
            let source = match (dependency, child) {
                (Dependency::Job(on), _) => jobs.job_of(*on, number),
                (Dependency::Numbered(on, number), _) => jobs.job_of(*on, *number),
                (Dependency::Child(on, index), _) => jobs.child_of(*on, number, *index),
                (Dependency::Each(on), Some((_, index))) => jobs.child_of(*on, number, index),
                (Dependency::Sequential, Some((first, index))) => {
                    index.checked_sub(1).map(|before| child_of(first, before))
                }
                (Dependency::Each(_) | Dependency::Sequential, None) => None,
            };
            let Some(source) = source else { continue };
            let source = &mut jobs.list[source];
            match source.job.status {
                JobStatus::Succeeded => {}
                JobStatus::Failed => broken = true,
                _ => {
                    source.dependents.push(id);
                    unmet += 1;
                }
            }
        }
        let entry = &mut jobs.list[id];
        (entry.unmet, entry.broken) = (unmet, broken);
    }

    /// A job that was evaluated waits, may run, or has failed already.
    fn await_dependencies(&mut self, id: JobId) {
        let entry = &self.jobs.list[id];
        if entry.job.status.is_terminal() {
            return;
        }
        if let Some(text) = self.world.batch.kinds[entry.job.kind].fails_with {
            return self.end_job(id, JobStatus::Failed, StatusReason::Text(text));
        }
        let (waits, broken) = (entry.unmet > 0, entry.broken);
        if waits || broken {
            if entry.job.status == JobStatus::Submitted {
                self.move_job(id, JobStatus::Pending, None);
            }
            if broken {
                self.fail_unrun(id);
            }
        } else {
            self.ready(id);
        }
    }

    fn dependency_ended(&mut self, id: JobId, failed: bool) {
        let entry = &mut self.jobs.list[id];
        entry.unmet -= 1;
        entry.broken |= failed;
        if entry.job.status.is_terminal() {
            return;
        }
        if failed {
            self.fail_unrun(id);
        } else if entry.unmet == 0 {
            self.ready(id);
        }
    }

    /// A dependency failed: the job fails with it, at once and whatever the others do. Who asked to
    /// cancel it before has the word [B-20].
    fn fail_unrun(&mut self, id: JobId) {
        let reason = match self.job(id).request {
            Some((_, text)) => StatusReason::Text(text),
            None => StatusReason::DependencyFailed,
        };
        self.end_job(id, JobStatus::Failed, reason);
    }

    /// All its dependencies have succeeded.
    fn ready(&mut self, id: JobId) {
        match self.job(id).request {
            Some((_, text)) => self.end_job(id, JobStatus::Failed, StatusReason::Text(text)),
            None => self.make_runnable(id),
        }
    }

    /// A job may run: it joins its queue; a retried one at the front [B-12].
    fn make_runnable(&mut self, id: JobId) {
        let entry = &mut self.jobs.list[id];
        entry.job.tries += 1;
        let times = &mut entry.job.times;
        times.runnable.get_or_insert(self.now);
        times.last_runnable = Some(self.now);
        self.move_job(id, JobStatus::Runnable, None);
        let job = &self.jobs.list[id].job;
        let what = &self.world.batch.kinds[job.kind];
        self.jobs.queues[what.queue].enter(id, job, what);
        self.jobs.demand_changed = true;
    }

    /// Puts a job into another state and tells its parent.
    pub(super) fn move_job(&mut self, id: JobId, to: JobStatus, reason: Option<StatusReason>) {
        let job = &mut self.jobs.list[id].job;
        let (from, parent) = (job.status, job.parent());
        assert!(
            from.may_become(to, &job.part),
            "a job does not go from {} to {}",
            from.text(),
            to.text()
        );
        job.status = to;
        if reason.is_some() {
            job.reason = reason;
        }
        if to.is_terminal() {
            job.times.stopped = Some(self.now);
        }
        if let Some(parent) = parent
            && let Part::Parent { summary, .. } = &mut self.jobs.list[parent].job.part
        {
            summary[from as usize] -= 1;
            summary[to as usize] += 1;
        }
        self.tell_job(id, Some(from));
        self.nodes_follow(id);
    }

    /// A job ends for good.
    pub(super) fn end_job(&mut self, id: JobId, status: JobStatus, reason: StatusReason) {
        self.move_job(id, status, Some(reason));
        self.jobs.live -= 1;
        self.jobs.ended.push_back(id);
        let job = &self.jobs.list[id].job;
        let what = &self.world.batch.kinds[job.kind];
        let parent = job.parent();
        self.jobs.queues[what.queue].left(what.share.as_deref(), self.now);
        self.hopeless = 0;
        if let Some(parent) = parent {
            self.child_ended(parent);
        }
    }

    /// A parent ends with the last of its children: FAILED when one of them failed, or when the
    /// caller asked for it [B-58].
    ///
    /// Source: AWS Batch user guide, "Array jobs".
    fn child_ended(&mut self, parent: JobId) {
        let job = self.job(parent);
        let Part::Parent { summary, .. } = &job.part else {
            return;
        };
        let size = self.world.batch.kinds[job.kind].array_size.unwrap_or(0);
        let failed = summary[JobStatus::Failed as usize];
        if failed + summary[JobStatus::Succeeded as usize] < size {
            return;
        }
        let (status, reason) = match job.request {
            Some((_, text)) => (JobStatus::Failed, StatusReason::Text(text)),
            None if failed == 0 => (JobStatus::Succeeded, StatusReason::EssentialContainer),
            None if self.dependency_failed(parent) => {
                (JobStatus::Failed, StatusReason::DependencyFailed)
            }
            None => (JobStatus::Failed, StatusReason::ChildFailed),
        };
        self.end_job(parent, status, reason);
    }

    /// Whether a job that all children of an array wait for has failed: none of them ran [B-23].
    fn dependency_failed(&self, parent: JobId) -> bool {
        let job = self.job(parent);
        let mut on = self.world.batch.kinds[job.kind].depends_on.iter();
        on.any(|dependency| {
            let source = match dependency {
                Dependency::Job(on) => self.jobs.job_of(*on, job.number),
                Dependency::Numbered(on, number) => self.jobs.job_of(*on, *number),
                Dependency::Child(on, index) => self.jobs.child_of(*on, job.number, *index),
                Dependency::Each(_) | Dependency::Sequential => None,
            };
            source.is_some_and(|source| self.job(source).status == JobStatus::Failed)
        })
    }

    // ---- Attempts ---------------------------------------------------------------------------

    /// A RUNNABLE job takes its place in an environment of its queue, of this number.
    pub(super) fn start_attempt(&mut self, id: JobId, at: usize, place: Place) {
        let what = &self.world.batch.kinds[self.job(id).kind];
        let (share, cpu, queue) = (what.share.as_deref(), what.need.cpu, what.queue);
        self.jobs.queues[queue].started(share, cpu, self.now);
        self.take_consumables(id);
        match place {
            Place::One(host) => self.launch_task(id, at, host, cpu),
            Place::Gang(hosts) => self.start_gang(id, at, hosts),
        }
    }

    /// The task of a job, or of a node of it, starts.
    pub(super) fn launch_task(&mut self, id: JobId, at: usize, host: Host, cpu: u32) {
        let entry = &self.jobs.list[id];
        let (job, recorded) = (&entry.job, entry.recorded);
        let what = &self.world.batch.kinds[job.kind];
        let queue = &self.world.batch.queues[what.queue];
        let templates = match (&what.nodes, job.node()) {
            (Some(nodes), Some(node)) => &nodes.templates[node as usize],
            _ => &what.templates,
        };
        let wanted = super::lifecycle::Wanted {
            workload: job.workload,
            key: job.attempt_key(),
            template: templates[at],
            launch: 0,
            deployment: 0,
            job: Some(id),
            behaviour: what.behaviour(job.index().or(job.node()), job.tries),
            requested: job.times.last_runnable.unwrap_or(self.now),
            recorded,
        };
        let environment = queue.environments[at];
        self.move_job(id, JobStatus::Starting, None);
        let task = self.admit(&wanted);
        self.jobs.list[id].task = Some(Flight {
            task,
            environment,
            placed: self.now,
            ending: None,
        });
        self.environment_boards(environment, host, cpu);
        self.house(task, Some(host));
    }

    /// The task of an attempt runs.
    pub(super) fn attempt_runs(&mut self, id: JobId) {
        let times = &mut self.jobs.list[id].job.times;
        times.started = Some(self.now);
        times.first_started.get_or_insert(self.now);
        self.move_job(id, JobStatus::Running, None);
        if let Part::Node { parent, index } = self.job(id).part {
            return self.node_runs(parent, index);
        }
        let job = self.job(id);
        let (timeout, tries) = (self.world.batch.kinds[job.kind].timeout, job.tries);
        if let Some(timeout) = timeout {
            let at = self.now + timeout + self.world.batch.choices.timeout_lag;
            self.schedule(at, Event::JobTimeout(id, tries));
        }
    }

    /// An attempt has run for as long as it may. Source: AWS Batch user guide, "Job timeouts".
    pub(super) fn job_timeout(&mut self, id: JobId, tries: u8) {
        let job = self.job(id);
        if job.status == JobStatus::Running && job.tries == tries {
            self.end_attempt(id, Cause::Timeout);
        }
    }

    /// An attempt in flight is ended from outside; of several causes the first stands.
    fn end_attempt(&mut self, id: JobId, cause: Cause) {
        let id = self.main_task_of(id);
        let Some(flight) = &mut self.jobs.list[id].task else {
            return;
        };
        if flight.ending.is_none() {
            flight.ending = Some(cause);
            let task = flight.task;
            self.stop(
                task,
                Stop {
                    code: StopCode::UserInitiated,
                    reason: StopReason::User,
                },
            );
        }
    }

    /// The task of an attempt has stopped, whatever the reason: the job is done, or tries again.
    pub(super) fn attempt_ended(&mut self, id: JobId, at: Ref) {
        let task = self.tasks.get(at).expect("a task that stopped lived");
        let (host, cluster) = (task.host, self.world.templates[task.template].cluster);
        let flight = &mut self.jobs.list[id].task;
        let Some(flight) = flight.take_if(|flight| flight.task == at) else {
            // A node that was stopped because its job had ended; it may be back by now.
            if let (Some(environment), Some(Host::Instance(instance))) =
                (self.environment_of(cluster), host)
            {
                self.may_idle(environment, instance);
            }
            return;
        };
        let (cause, reason) = self.why_ended(id, task, cluster, flight.ending);
        let attempt = Attempt {
            environment: flight.environment,
            instance: task.instance().map(|instance| (cluster, instance)),
            placed: flight.placed,
            started: task.times.started,
            stopped: self.now,
            exit: task.exit,
            container_reason: match (&reason, task.stop.map(|stop| stop.reason)) {
                (StatusReason::FailedToStart, Some(StopReason::Text(number))) => Some(number),
                _ => task.exit.and_then(|exit| exit.reason),
            },
            reason,
            task: task.number,
            decided_by: None,
            retried: false,
        };
        let text = |number: u32| self.world.reasons.get(number as usize).map(String::as_str);
        let ending = Ending {
            cause,
            status_reason: Some(&self.world.status_reason(&attempt.reason)),
            reason: attempt.container_reason.and_then(text),
            exit_code: task.exit.map(|exit| exit.code),
        };
        let owner = match self.job(id).part {
            Part::Node { parent, index } if !self.is_main(parent, index) => {
                return self.node_ended(id, attempt);
            }
            Part::Node { parent, .. } => parent,
            _ => id,
        };
        let job = self.job(owner);
        let what = &self.world.batch.kinds[job.kind];
        let needs_code = self.world.batch.choices.exit_star_needs_code;
        let verdict = decide(&what.retry, u32::from(job.tries), &ending, needs_code);
        let attempt = Attempt {
            decided_by: verdict.by.map(|by| by as u8),
            retried: verdict.decision == Decision::Retry,
            ..attempt
        };
        if owner == id {
            self.environment_rid(flight.environment, host, what.need.cpu);
        } else {
            self.end_gang(owner, &attempt);
        }
        self.conclude(owner, attempt, verdict.decision);
    }

    /// What comes of an attempt that has ended.
    fn conclude(&mut self, id: JobId, attempt: Attempt, decision: Decision) {
        let what = &self.world.batch.kinds[self.job(id).kind];
        let (share, cpu) = (what.share.as_deref(), what.need.cpu);
        self.jobs.queues[what.queue].ended(share, cpu, self.now);
        // What it used, others of the active shares may use now, or of the consumable resources.
        let policy = self.world.batch.queues[what.queue].policy.as_ref();
        self.jobs.demand_changed |=
            policy.is_some_and(FairSharePolicy::reserves) || !what.consumables.is_empty();
        self.give_back_consumables(id);
        let reason = attempt.reason.clone();
        self.note_attempt(id, attempt);
        match decision {
            Decision::Succeed => self.end_job(id, JobStatus::Succeeded, reason),
            Decision::Fail => self.end_job(id, JobStatus::Failed, reason),
            Decision::Retry => {
                self.jobs.list[id].job.reason = Some(reason);
                self.make_runnable(id);
            }
        }
    }

    pub(super) fn note_attempt(&mut self, id: JobId, attempt: Attempt) {
        self.jobs.list[id].job.attempts.push(attempt);
        let occurrence = Occurrence::Attempt {
            id,
            job: &self.jobs.list[id].job,
        };
        self.recorder.record(self.now, occurrence, &self.world);
    }

    /// What ended an attempt, and what its `statusReason` says.
    fn why_ended(
        &self,
        id: JobId,
        task: &Task,
        cluster: ClusterId,
        ending: Option<Cause>,
    ) -> (Cause, StatusReason) {
        let owner = match self.job(id).part {
            Part::Node { parent, .. } => parent,
            _ => id,
        };
        let request = self.job(owner).request;
        let request = request.map(|(_, text)| StatusReason::Text(text));
        let code = task.stop.map(|stop| stop.code);
        match (ending, code, task.host) {
            (Some(Cause::Timeout), ..) => (Cause::Timeout, StatusReason::Timeout),
            (Some(Cause::Terminated), ..) => (
                Cause::Terminated,
                request.unwrap_or(StatusReason::EssentialContainer),
            ),
            (_, Some(StopCode::TaskFailedToStart), _) => {
                (Cause::StartFailure, StatusReason::FailedToStart)
            }
            (_, Some(StopCode::EssentialContainerExited) | None, _) => {
                (Cause::Exit, StatusReason::EssentialContainer)
            }
            (_, Some(_), Some(Host::Instance(instance))) => (
                Cause::HostLost,
                StatusReason::HostTerminated(cluster, instance),
            ),
            (_, Some(_), _) => (Cause::HostLost, StatusReason::FargateSpot),
        }
    }

    // ---- Cancel and terminate ---------------------------------------------------------------

    /// CancelJob or TerminateJob of the jobs of a workload: all, the one of this number, or a child
    /// of it.
    pub(super) fn request_end(
        &mut self,
        workload: WorkloadId,
        number: Option<u64>,
        index: Option<u32>,
        request: Request,
        text: u32,
    ) {
        let jobs = &self.jobs;
        let chosen: Vec<JobId> = match (number, index) {
            (Some(number), Some(index)) => {
                jobs.child_of(workload, number, index).into_iter().collect()
            }
            (Some(number), None) => jobs.job_of(workload, number).into_iter().collect(),
            (None, index) => {
                let numbers = 1..=jobs.of_workload[workload.index()].len() as u64;
                let of_number = |number| match index {
                    Some(index) => jobs.child_of(workload, number, index),
                    None => jobs.job_of(workload, number),
                };
                numbers.filter_map(of_number).collect()
            }
        };
        for id in chosen {
            self.request_one(id, request, text);
        }
    }

    /// Source: AWS Batch API reference, CancelJob and TerminateJob.
    fn request_one(&mut self, id: JobId, request: Request, text: u32) {
        if self.job(id).is_parent() && self.job(id).status == JobStatus::Submitted {
            // Its children appear and end with it, in this instant.
            self.jobs.fresh.retain(|fresh| *fresh != id);
            self.evaluate_job(id);
        }
        let job = self.job(id);
        let set = |jobs: &mut Jobs| {
            jobs.list[id].job.request.get_or_insert((request, text));
        };
        match job.status {
            JobStatus::Succeeded | JobStatus::Failed => {}
            JobStatus::Pending if job.is_parent() => {
                set(&mut self.jobs);
                let size = self.world.batch.kinds[self.job(id).kind].array_size;
                let first = match &self.job(id).part {
                    Part::Parent { first_child, .. } => *first_child,
                    _ => None,
                };
                let Some(first) = first else { return };
                for index in 0..size.unwrap_or(0) {
                    self.request_one(child_of(first, index), request, text);
                }
            }
            JobStatus::Pending => set(&mut self.jobs),
            JobStatus::Submitted | JobStatus::Runnable => {
                set(&mut self.jobs);
                if self.job(id).status == JobStatus::Runnable {
                    self.leave_line(id);
                    self.jobs.demand_changed = true;
                }
                self.end_job(id, JobStatus::Failed, StatusReason::Text(text));
            }
            JobStatus::Starting | JobStatus::Running if request == Request::Terminate => {
                let task = self.jobs.list[self.main_task_of(id)].task;
                let stands = task.is_some_and(|it| it.ending.is_some());
                if !stands {
                    set(&mut self.jobs);
                }
                self.end_attempt(id, Cause::Terminated);
            }
            // CancelJob does nothing to a job that has its place.
            JobStatus::Starting | JobStatus::Running => {}
        }
    }

    // ---- Consumable resources ---------------------------------------------------------------

    pub(super) fn has_consumables(&self, id: JobId) -> bool {
        let what = &self.world.batch.kinds[self.job(id).kind];
        let mut takes = self.jobs.still_to_take(id, what);
        takes.all(|(resource, quantity)| self.jobs.consumables[resource].available() >= quantity)
    }

    /// Source: AWS Batch user guide, "Resource-aware scheduling" [B-48].
    fn take_consumables(&mut self, id: JobId) {
        let entry = &mut self.jobs.list[id];
        for (resource, quantity) in &self.world.batch.kinds[entry.job.kind].consumables {
            let stock = &mut self.jobs.consumables[*resource];
            match (stock.replenishable, entry.took) {
                (true, _) => stock.in_use += quantity,
                (false, false) => stock.total -= quantity,
                (false, true) => {}
            }
        }
        entry.took = true;
    }

    /// UpdateConsumableResource. Source: AWS Batch API reference.
    pub(super) fn set_consumable(&mut self, resource: usize, change: QuantityChange) {
        let total = &mut self.jobs.consumables[resource].total;
        *total = match change {
            QuantityChange::Set(quantity) => quantity,
            QuantityChange::Add(quantity) => total.saturating_add(quantity),
            // More than there is: the call is refused.
            QuantityChange::Remove(quantity) => total.checked_sub(quantity).unwrap_or(*total),
        };
        self.jobs.freed += 1;
        self.jobs.demand_changed = true;
    }

    fn give_back_consumables(&mut self, id: JobId) {
        for (resource, quantity) in &self.world.batch.kinds[self.jobs.list[id].job.kind].consumables
        {
            let stock = &mut self.jobs.consumables[*resource];
            if stock.replenishable {
                stock.in_use -= quantity;
            }
        }
    }
}

impl Jobs {
    /// The environment that a cluster belongs to.
    pub fn environment_of(&self, cluster: ClusterId) -> Option<EnvironmentId> {
        let known = self.environment_of.get(cluster.index()).copied();
        known.flatten()
    }

    /// The job of this number of a workload.
    fn job_of(&self, workload: WorkloadId, number: u64) -> Option<JobId> {
        let jobs = self.of_workload.get(workload.index())?;
        jobs.get(number.checked_sub(1)? as usize).copied().flatten()
    }

    /// A child of the array of this number of a workload.
    fn child_of(&self, workload: WorkloadId, number: u64, index: u32) -> Option<JobId> {
        let parent = self.job_of(workload, number)?;
        match self.list[parent].job.part {
            Part::Parent { first_child, .. } => Some(child_of(first_child?, index)),
            _ => None,
        }
    }

    /// Whether a task is the attempt of its job that is in flight.
    pub fn is_in_flight(&self, task: &Task, at: Ref) -> bool {
        let flight = task.job.and_then(|job| self.list[job].task);
        flight.is_some_and(|flight| flight.task == at)
    }

    /// All jobs in order of creation.
    pub fn into_list(self) -> Arena<JobId, Job> {
        self.list.into_items().map(|entry| entry.job).collect()
    }

    /// Consumable resources that a job takes with its next attempt: what does not come back it
    /// takes only once [B-48].
    pub fn still_to_take(&self, id: JobId, what: &JobKind) -> impl Iterator<Item = (usize, u64)> {
        let took = self.list[id].took;
        let takes = what.consumables.iter().copied();
        takes.filter(move |(resource, _)| !took || self.consumables[*resource].replenishable)
    }

    /// A job leaves the line of its queue.
    pub fn leave_line(&mut self, id: JobId, what: &JobKind) {
        self.queues[what.queue].remove(id, &self.list[id].job, what);
    }

    /// The head of a queue cannot start.
    pub fn block(&mut self, id: JobId, why: Blocked) {
        self.list[id].job.reason = Some(StatusReason::Blocked(why));
    }

    /// The head of a queue is blocked no more: it says again what it said before.
    pub fn unblock(&mut self, id: JobId) {
        let job = &mut self.list[id].job;
        if matches!(job.reason, Some(StatusReason::Blocked(_))) {
            job.reason = job.attempts.last().map(|attempt| attempt.reason.clone());
        }
    }
}

pub(super) fn child_of(first: JobId, index: u32) -> JobId {
    JobId(first.0 + index)
}
