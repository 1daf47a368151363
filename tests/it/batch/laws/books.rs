//! The books of an auditor: what jobs, queues and hosts are by what was told alone, held to the laws
//! at each occurrence.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use stowplan::batch::allocation::Need;
use stowplan::batch::{Capacity, ComputeEnvironment, Dependency, Discipline};
use stowplan::engine::job::{Job, JobStatus, Part, Request, StatusReason};
use stowplan::engine::plan::{Action, Deed, Plan, QuantityChange};
use stowplan::engine::task::{Host, Task};
use stowplan::engine::{Occurrence, Outcome, Recorder, World};
use stowplan::model::arena::{
    ClusterId, EnvironmentId, Id, InstanceId, JobId, JobKindId, QueueId, WorkloadId,
};
use stowplan::time::{SimDuration, SimTime};

use super::hosts::Hosts;

/// What kind of job a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Whole,
    Parent,
    Child,
    Gang,
    Node,
}

/// Whether a job of this sort may go from one state to the next; `None` is before it was made.
fn is_legal(sort: Sort, from: Option<JobStatus>, to: JobStatus) -> bool {
    use JobStatus::{Failed, Pending, Runnable, Running, Starting, Submitted, Succeeded};
    let next: &[JobStatus] = match (sort, from) {
        (Sort::Child, None) => &[Pending],
        (Sort::Child, Some(Submitted)) => &[],
        (_, None) => &[Submitted],
        (Sort::Parent, Some(Submitted)) => &[Pending],
        (Sort::Parent, Some(Pending)) => &[Succeeded, Failed],
        (Sort::Parent, _) => &[],
        (_, Some(Submitted)) => &[Pending, Runnable, Failed],
        (_, Some(Pending)) => &[Runnable, Failed],
        (_, Some(Runnable)) => &[Starting, Failed],
        // A node that was not RUNNING yet ends as the main node does, and may come back with it.
        (Sort::Node, Some(Starting)) => &[Running, Runnable, Succeeded, Failed],
        (Sort::Node, Some(Succeeded | Failed)) => &[Runnable],
        (_, Some(Starting)) => &[Running, Runnable, Failed],
        (_, Some(Running)) => &[Runnable, Succeeded, Failed],
        (_, Some(Succeeded | Failed)) => &[],
    };
    next.contains(&to)
}

const fn in_flight(status: JobStatus) -> bool {
    matches!(status, JobStatus::Starting | JobStatus::Running)
}

/// A job as the books know it.
#[derive(Debug)]
struct Entry {
    sort: Sort,
    kind: JobKindId,
    workload: WorkloadId,
    number: u64,
    sequence: u64,
    parent: Option<JobId>,
    index: u32,
    status: JobStatus,
    /// What it waits for, and who waits for it.
    waits_for: Vec<JobId>,
    dependents: Vec<JobId>,
    /// First child or node.
    first: Option<JobId>,
    /// Children by status.
    counts: [u32; 7],
    /// How often it came to RUNNABLE and to STARTING, and its attempts that ended.
    entries: u32,
    starts: u32,
    attempts: u32,
    /// Whether a caller had it cancelled or terminated while that takes effect.
    doomed: bool,
    timed_out: bool,
    took: bool,
    starting_since: SimTime,
    /// Where its attempt in flight is, and what it takes there.
    place: Option<(ClusterId, Option<InstanceId>, Need)>,
}

/// The turn of a job among those of its share that are RUNNABLE: priority, whether it is retried,
/// requested time where that counts, order of submission, index.
type Turn = (u32, bool, u64, u64, u32);

/// A queue as the books know it.
#[derive(Debug, Default)]
struct Queue {
    enabled: bool,
    /// When its state was last changed.
    changed: Option<SimTime>,
    /// Window and reservation in percent; absent: first in, first out.
    fair: Option<(SimDuration, u64)>,
    lines: BTreeMap<String, BTreeSet<Turn>>,
    /// CPU units of attempts in flight.
    used: u64,
    shares: BTreeMap<String, Share>,
}

#[derive(Debug, Default)]
struct Share {
    live: u64,
    last_end: Option<SimTime>,
}

impl Share {
    fn is_active(&self, now: SimTime, linger: SimDuration) -> bool {
        self.live > 0 || self.last_end.is_some_and(|end| now < end + linger)
    }
}

#[derive(Debug)]
struct Stock {
    total: u64,
    in_use: u64,
    comes_back: bool,
}

/// The books of a run.
pub struct Books {
    jobs: Vec<Entry>,
    /// Jobs by workload and number.
    numbers: HashMap<(WorkloadId, u64), JobId>,
    queues: Vec<Queue>,
    stocks: Vec<Stock>,
    hosts: Hosts,
    /// CPU units in use on Fargate, by environment.
    fargate: Vec<u64>,
    actions: Vec<Action>,
    done: usize,
    /// Jobs whose dependencies have changed at this instant.
    touched: BTreeSet<JobId>,
    lookahead: usize,
    inactive_lag: SimDuration,
    timeout_lag: SimDuration,
    has_horizon: bool,
    /// Changes of state.
    steps: u64,
    /// What has happened, and how often.
    seen: BTreeMap<&'static str, u64>,
}

impl Books {
    pub fn new(plan: &Plan, scenario: &Value) -> Self {
        let batch = &plan.world.batch;
        let policies = scenario["batch"]["schedulingPolicies"].as_array();
        let queues = scenario["batch"]["jobQueues"].as_array();
        let queues = queues.expect("queues").iter().map(|queue| {
            let policy = queue["schedulingPolicyArn"].as_str().map(|name| {
                let mut policies = policies.expect("policies").iter();
                let policy = policies.find(|it| it["name"] == name).expect("its policy");
                let policy = &policy["fairsharePolicy"];
                let window = policy["shareDecaySeconds"].as_u64().unwrap_or(0);
                let window = if window == 0 { 600 } else { window };
                let reservation = policy["computeReservation"].as_u64().unwrap_or(0);
                (SimDuration::from_secs(window), reservation)
            });
            Queue {
                enabled: true,
                fair: policy,
                ..Queue::default()
            }
        });
        let stocks = batch.consumables.iter().map(|it| Stock {
            total: it.total,
            in_use: 0,
            comes_back: it.replenishable,
        });
        Books {
            jobs: Vec::new(),
            numbers: HashMap::new(),
            queues: queues.collect(),
            stocks: stocks.collect(),
            hosts: Hosts::new(plan),
            fargate: vec![0; batch.environments.len()],
            actions: plan.actions.clone(),
            done: 0,
            touched: BTreeSet::new(),
            lookahead: batch.choices.lookahead as usize,
            inactive_lag: batch.choices.inactive_lag,
            timeout_lag: batch.choices.timeout_lag,
            has_horizon: plan.horizon.is_some(),
            steps: 0,
            seen: BTreeMap::new(),
        }
    }

    /// What has happened in the run, and how often.
    pub fn seen(&self) -> BTreeMap<&'static str, u64> {
        let mut seen = self.seen.clone();
        seen.insert("an instance was launched", self.hosts.launched());
        seen.insert("a host was scaled in", self.hosts.scaled_in);
        seen.insert("a job changed its state", self.steps);
        seen
    }

    fn see(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    // ---- What callers do --------------------------------------------------------------------

    /// Takes note of what is done up to an instant, as things stand before it.
    fn catch_up(&mut self, now: SimTime) {
        while let Some(action) = self.actions.get(self.done).filter(|it| it.at <= now) {
            self.done += 1;
            match action.what.clone() {
                Deed::EndJobs {
                    workload,
                    job,
                    index,
                    request,
                    ..
                } => self.end_jobs(workload, job, index, request),
                Deed::SetQueue { queue, enabled, .. } => {
                    let state = &mut self.queues[queue.index()];
                    state.enabled = enabled.unwrap_or(state.enabled);
                    state.changed = Some(action.at);
                }
                Deed::SetConsumable { resource, change } => {
                    let total = &mut self.stocks[resource].total;
                    *total = match change {
                        QuantityChange::Set(quantity) => quantity,
                        QuantityChange::Add(quantity) => *total + quantity,
                        QuantityChange::Remove(quantity) if quantity <= *total => *total - quantity,
                        QuantityChange::Remove(_) => *total,
                    };
                }
                _ => {}
            }
        }
    }

    fn end_jobs(
        &mut self,
        workload: WorkloadId,
        number: Option<u64>,
        index: Option<u32>,
        request: Request,
    ) {
        let chosen = self.jobs.iter().enumerate().filter(|(_, it)| {
            let is_chosen = match index {
                Some(index) => it.sort == Sort::Child && it.index == index,
                None => !matches!(it.sort, Sort::Child | Sort::Node),
            };
            is_chosen && it.workload == workload && number.is_none_or(|number| it.number == number)
        });
        let chosen: Vec<usize> = chosen.map(|(at, _)| at).collect();
        for at in chosen {
            self.doom(at, request);
            let first = self.jobs[at]
                .first
                .filter(|_| self.jobs[at].sort == Sort::Parent);
            let size: u32 = self.jobs[at].counts.iter().sum();
            for index in 0..first.map_or(0, |_| size) {
                self.doom(first.map_or(0, Id::index) + index as usize, request);
            }
        }
    }

    /// CancelJob does nothing to a job that has its place; nothing is done to one that has ended.
    fn doom(&mut self, at: usize, request: Request) {
        let entry = &mut self.jobs[at];
        entry.doomed |= match entry.status {
            JobStatus::Submitted | JobStatus::Pending | JobStatus::Runnable => true,
            JobStatus::Starting | JobStatus::Running => request == Request::Terminate,
            JobStatus::Succeeded | JobStatus::Failed => false,
        };
    }

    // ---- Jobs -------------------------------------------------------------------------------

    fn make(&mut self, id: JobId, job: &Job, now: SimTime, world: &World) {
        assert_eq!(
            id.index(),
            self.jobs.len(),
            "jobs are numbered as they come"
        );
        let (sort, parent, index) = match job.part {
            Part::Whole => (Sort::Whole, None, 0),
            Part::Parent { .. } => (Sort::Parent, None, 0),
            Part::Gang { .. } => (Sort::Gang, None, 0),
            Part::Child { parent, index } => (Sort::Child, Some(parent), index),
            Part::Node { parent, index } => (Sort::Node, Some(parent), index),
        };
        let what = &world.batch.kinds[job.kind];
        if let Some(parent) = parent {
            let parent = &mut self.jobs[parent.index()];
            let first = *parent.first.get_or_insert(id);
            assert_eq!(first.index() + index as usize, id.index(), "in a row");
            if sort == Sort::Child {
                parent.counts[job.status as usize] += 1;
            }
        } else {
            self.numbers.insert((job.workload, job.number), id);
            let queue = &self.queues[what.queue.index()];
            assert!(
                queue.enabled || queue.changed == Some(now),
                "a DISABLED queue takes no jobs"
            );
        }
        if sort != Sort::Node {
            self.share(what.queue, what.share.as_deref()).live += 1;
        }
        let waits_for = match sort {
            Sort::Whole | Sort::Gang => self.edges(&what.depends_on, job.number, None),
            Sort::Child => self.edges(&what.depends_on, job.number, Some((id, index))),
            Sort::Parent | Sort::Node => Vec::new(),
        };
        for source in &waits_for {
            assert!(*source < id, "an edge leads to an older job");
            self.jobs[source.index()].dependents.push(id);
        }
        self.jobs.push(Entry {
            sort,
            kind: job.kind,
            workload: job.workload,
            number: job.number,
            sequence: job.sequence,
            parent,
            index,
            status: job.status,
            waits_for,
            dependents: Vec::new(),
            first: None,
            counts: [0; 7],
            entries: 0,
            starts: 0,
            attempts: 0,
            doomed: false,
            timed_out: false,
            took: false,
            starting_since: now,
            place: None,
        });
    }

    fn edges(&self, on: &[Dependency], number: u64, child: Option<(JobId, u32)>) -> Vec<JobId> {
        let known = |workload: WorkloadId, number: u64| self.numbers[&(workload, number)];
        let child_of = |on: WorkloadId, index: u32| {
            let first = self.jobs[known(on, number).index()].first;
            let first = first.expect("an older array has its children");
            JobId::from_index(first.index() + index as usize)
        };
        let mut found: Vec<JobId> = Vec::new();
        for dependency in on {
            match (dependency, child) {
                (Dependency::Job(on), _) => found.push(known(*on, number)),
                (Dependency::Numbered(on, number), _) => found.push(known(*on, *number)),
                (Dependency::Each(on), Some((_, index))) => found.push(child_of(*on, index)),
                (Dependency::Child(on, index), _) => found.push(child_of(*on, *index)),
                (Dependency::Sequential, Some((id, index))) if index > 0 => {
                    found.push(JobId::from_index(id.index() - 1));
                }
                (Dependency::Sequential, _) => {}
                (Dependency::Each(_), None) => panic!("N_TO_N of a job that is no array"),
            }
        }
        found
    }

    fn share(&mut self, queue: QueueId, share: Option<&str>) -> &mut Share {
        let shares = &mut self.queues[queue.index()].shares;
        shares
            .entry(share.unwrap_or_default().to_owned())
            .or_default()
    }

    fn moved(
        &mut self,
        id: JobId,
        job: &Job,
        from: Option<JobStatus>,
        now: SimTime,
        world: &World,
    ) {
        let known = self.jobs.get(id.index()).map(|it| it.status);
        assert_eq!(known, from, "no state is missed");
        let sort = match known {
            Some(_) => self.jobs[id.index()].sort,
            None => {
                self.make(id, job, now, world);
                self.jobs[id.index()].sort
            }
        };
        let to = job.status;
        assert!(is_legal(sort, from, to), "{sort:?}: {from:?} to {to:?}");
        let Some(from) = from else { return };
        self.steps += 1;
        let at = id.index();
        self.jobs[at].status = to;
        if let (Sort::Child, Some(parent)) = (sort, self.jobs[at].parent) {
            let counts = &mut self.jobs[parent.index()].counts;
            counts[from as usize] -= 1;
            counts[to as usize] += 1;
        }
        if in_flight(from) && !in_flight(to) {
            self.leaves(id, now, world);
        }
        match to {
            JobStatus::Runnable => self.becomes_runnable(id, from, world),
            JobStatus::Starting => {
                self.jobs[at].starts += 1;
                self.jobs[at].starting_since = now;
                if sort != Sort::Node {
                    self.starts(id, now, world);
                }
            }
            _ => {}
        }
        if from == JobStatus::Runnable && to != JobStatus::Starting && sort != Sort::Node {
            self.leave_line(id, world);
        }
        if to.is_terminal() && sort != Sort::Node {
            self.ended(id, job, world);
        }
        self.check_entry(id, job, world);
    }

    /// What holds of a job in any state.
    fn check_entry(&self, id: JobId, job: &Job, world: &World) {
        let entry = &self.jobs[id.index()];
        let most = world.batch.kinds[entry.kind].retry.attempts();
        let tries = self.tries(entry);
        assert!(tries <= most && most <= 10, "too many attempts");
        assert!(entry.attempts <= tries, "an attempt needs a try");
        assert_eq!(job.attempts.len(), entry.attempts as usize);
        if entry.sort != Sort::Node {
            assert_eq!(u32::from(job.tries), tries);
            assert_eq!(job.times.stopped.is_some(), job.status.is_terminal());
            let ended = entry.starts - u32::from(in_flight(entry.status));
            assert_eq!(
                entry.attempts, ended,
                "each start ends in an attempt: {job:?}"
            );
            assert!(
                !entry.timed_out || job.status == JobStatus::Failed,
                "timed out, yet not FAILED"
            );
        }
        if let Part::Parent {
            first_child: Some(_),
            summary,
        } = &job.part
        {
            assert_eq!(*summary, entry.counts, "statusSummary");
        }
    }

    /// How often a job came to RUNNABLE. A node that was never launched has stayed so while its job
    /// came there again.
    fn tries(&self, entry: &Entry) -> u32 {
        match (entry.sort, entry.parent) {
            (Sort::Node, Some(gang)) => self.jobs[gang.index()].entries,
            _ => entry.entries,
        }
    }

    fn becomes_runnable(&mut self, id: JobId, from: JobStatus, world: &World) {
        let entry = &mut self.jobs[id.index()];
        entry.entries += 1;
        if entry.sort == Sort::Node {
            return;
        }
        assert!(!entry.doomed, "a job that is to end is RUNNABLE again");
        let entry = &self.jobs[id.index()];
        if matches!(from, JobStatus::Submitted | JobStatus::Pending) {
            let mut on = entry.waits_for.iter();
            let met = on.all(|it| self.jobs[it.index()].status == JobStatus::Succeeded);
            assert!(met, "RUNNABLE with an unmet dependency");
        }
        let (share, turn) = self.turn(id, world);
        let queue = &mut self.queues[world.batch.kinds[self.jobs[id.index()].kind].queue.index()];
        queue.lines.entry(share).or_default().insert(turn);
    }

    /// Line and turn of a job in its queue: a retried one goes first.
    fn turn(&self, id: JobId, world: &World) -> (String, Turn) {
        let entry = &self.jobs[id.index()];
        let what = &world.batch.kinds[entry.kind];
        let is_first = entry.entries == 1;
        let (sequence, index) = (entry.sequence, entry.index);
        match world.batch.queues[what.queue].discipline {
            Discipline::Aws => {}
            Discipline::Fcfs | Discipline::Easy => {
                return (String::new(), (0, true, 0, sequence, index));
            }
            Discipline::Sjf => {
                let requested = what.timeout.map_or(u64::MAX, |it| it.micros());
                return (String::new(), (0, true, requested, sequence, index));
            }
        }
        match self.queues[what.queue.index()].fair {
            None => (String::new(), (0, is_first, 0, sequence, index)),
            Some(_) => {
                let turn = (9999 - what.priority, is_first, 0, sequence, index);
                (what.share.clone().expect("a share"), turn)
            }
        }
    }

    fn leave_line(&mut self, id: JobId, world: &World) {
        let (share, turn) = self.turn(id, world);
        let queue = &mut self.queues[world.batch.kinds[self.jobs[id.index()].kind].queue.index()];
        let line = queue.lines.get_mut(&share).expect("it stood in line");
        assert!(line.remove(&turn), "it stood in line");
    }

    /// A job is dispatched: it was its turn, and it may run.
    fn starts(&mut self, id: JobId, now: SimTime, world: &World) {
        let entry = &self.jobs[id.index()];
        let what = &world.batch.kinds[entry.kind];
        assert!(!entry.doomed, "a job that is to end starts");
        let mut on = entry.waits_for.iter();
        let met = on.all(|it| self.jobs[it.index()].status == JobStatus::Succeeded);
        assert!(met, "it runs, and what it waited for did not succeed");
        let (share, turn) = self.turn(id, world);
        let line = &self.queues[what.queue.index()].lines[&share];
        let lookahead = match world.batch.queues[what.queue].discipline {
            Discipline::Aws => self.lookahead,
            Discipline::Fcfs | Discipline::Sjf => 0,
            Discipline::Easy => usize::MAX - 1,
        };
        let before = line.range(..turn).take(lookahead + 1).count();
        assert!(before <= lookahead, "it is not its turn");
        if before > self.lookahead {
            self.see("x-easy let one pass");
        }
        self.leave_line(id, world);
        self.take_consumables(id, world);
        let lag = self.inactive_lag;
        let queue = &mut self.queues[what.queue.index()];
        queue.used += u64::from(what.need.cpu);
        if let Some((window, percent)) = queue.fair {
            let shares = queue.shares.values();
            let active = shares.filter(|it| it.is_active(now, window + lag)).count();
            if let Some(cap) = Cap::of(percent, active as u32, what.queue, world) {
                assert!(
                    cap.allows(queue.used),
                    "{} CPU units in flight: {cap:?}",
                    queue.used
                );
                if !cap.allows(queue.used + 1024) {
                    self.see("the reservation holds up a queue");
                }
            }
        }
    }

    fn take_consumables(&mut self, id: JobId, world: &World) {
        let entry = &mut self.jobs[id.index()];
        for (resource, quantity) in &world.batch.kinds[entry.kind].consumables {
            let stock = &mut self.stocks[*resource];
            if stock.comes_back {
                stock.in_use += quantity;
                assert!(stock.in_use <= stock.total, "more in use than there is");
            } else if !entry.took {
                let left = stock.total.checked_sub(*quantity);
                stock.total = left.expect("it takes what is not there");
            }
        }
        entry.took = true;
        if !world.batch.kinds[entry.kind].consumables.is_empty() {
            self.see("a consumable resource was taken");
        }
    }

    /// The attempt of a job, or of a node, has ended: what it took is free.
    fn leaves(&mut self, id: JobId, now: SimTime, world: &World) {
        let entry = &mut self.jobs[id.index()];
        let (kind, sort) = (entry.kind, entry.sort);
        if let Some((cluster, instance, need)) = entry.place.take() {
            match instance {
                Some(instance) => self.hosts.leave((cluster, instance), id, need),
                None => {
                    let environment = environment_of(world, cluster).expect("an environment");
                    self.fargate[environment.index()] -= u64::from(need.cpu);
                }
            }
        }
        if sort == Sort::Node {
            return;
        }
        let what = &world.batch.kinds[kind];
        for (resource, quantity) in &what.consumables {
            let stock = &mut self.stocks[*resource];
            if stock.comes_back {
                stock.in_use -= quantity;
            }
        }
        self.queues[what.queue.index()].used -= u64::from(what.need.cpu);
        self.share(what.queue, what.share.as_deref()).last_end = Some(now);
        self.hosts.release(id);
    }

    fn ended(&mut self, id: JobId, job: &Job, world: &World) {
        let entry = &self.jobs[id.index()];
        let (sort, parent) = (entry.sort, entry.parent);
        let what = &world.batch.kinds[entry.kind];
        assert!(
            !entry.doomed || job.status == JobStatus::Failed || entry.starts > 0,
            "cancelled, and yet it succeeded"
        );
        if sort == Sort::Parent {
            let counts = &entry.counts;
            let size: u32 = counts.iter().sum();
            let (good, bad) = (
                counts[JobStatus::Succeeded as usize],
                counts[JobStatus::Failed as usize],
            );
            assert_eq!(Some(size), what.array_size);
            assert_eq!(good + bad, size, "an array ends with its last child");
            let fails = bad > 0 || entry.doomed;
            assert_eq!(
                fails,
                job.status == JobStatus::Failed,
                "the end of an array"
            );
        }
        self.touched.extend(&self.jobs[id.index()].dependents);
        self.touched.extend(parent);
        let share = self.share(what.queue, what.share.as_deref());
        share.live -= 1;
        match job.reason {
            Some(StatusReason::DependencyFailed) => self.see("a dependency failed"),
            Some(StatusReason::ChildFailed) => self.see("a child failed"),
            Some(StatusReason::Text(_)) => self.see("a caller ended it"),
            Some(StatusReason::TimeLimit(_)) => self.see("the head was blocked for too long"),
            _ => {}
        }
    }

    /// An attempt has ended.
    fn attempted(&mut self, id: JobId, job: &Job, now: SimTime, world: &World) {
        let entry = &mut self.jobs[id.index()];
        entry.attempts += 1;
        assert_eq!(job.attempts.len(), entry.attempts as usize);
        let attempt = job.attempts.last().expect("an attempt");
        assert_eq!(attempt.stopped, now);
        assert!(attempt.placed <= attempt.started.unwrap_or(now), "{job:?}");
        assert!(attempt.started.unwrap_or(attempt.placed) <= now);
        let sort = entry.sort;
        let what = &world.batch.kinds[entry.kind];
        if sort != Sort::Node {
            assert!(in_flight(entry.status), "an attempt without a start");
            entry.timed_out |= attempt.reason == StatusReason::Timeout;
            if let (Some(timeout), Some(started)) = (what.timeout, attempt.started) {
                let grace = SimDuration::from_secs(30);
                assert!(
                    now - started <= timeout + self.timeout_lag + grace,
                    "no timeout"
                );
            }
            if attempt.reason == StatusReason::Timeout {
                assert_eq!(entry.attempts, entry.entries);
                assert!(!attempt.retried, "a timeout is not retried");
            }
            assert!(!entry.doomed || !attempt.retried, "terminated, and retried");
            if attempt.retried {
                self.see("an attempt was retried");
            }
            match attempt.reason {
                StatusReason::Timeout => self.see("an attempt took too long"),
                StatusReason::FailedToStart => self.see("an attempt failed to start"),
                StatusReason::HostTerminated(..) => self.see("a host was lost"),
                StatusReason::FargateSpot => self.see("Fargate Spot interrupted"),
                _ => {}
            }
        } else if let (Some(instance), Some(parent)) = (attempt.instance, entry.parent) {
            self.hosts.was_held(instance, parent, attempt.placed);
            self.see("a node ended");
        }
    }

    /// An attempt has its place.
    fn placed(&mut self, task: &Task, now: SimTime, world: &World) {
        let Some(id) = task.job else { return };
        let (Some(host), cluster) = (task.host, world.templates[task.template].cluster) else {
            panic!("placed, and nowhere");
        };
        let entry = &mut self.jobs[id.index()];
        assert_eq!(
            entry.status,
            JobStatus::Starting,
            "placed while not STARTING"
        );
        let what = &world.batch.kinds[entry.kind];
        let need = match (entry.sort, &what.nodes) {
            (Sort::Node, Some(nodes)) => nodes.needs[entry.index as usize],
            _ => what.need,
        };
        let instance = match host {
            Host::Instance(instance) => Some(instance),
            Host::Fargate { .. } => None,
        };
        entry.place = Some((cluster, instance, need));
        let environment = environment_of(world, cluster).expect("an environment");
        let there = &world.batch.environments[environment];
        let queue = &world.batch.queues[what.queue];
        assert!(
            queue.environments.contains(&environment),
            "not one of the queue's"
        );
        let is_main = match (&what.nodes, entry.sort) {
            (Some(nodes), Sort::Node) => nodes.main == entry.index,
            _ => true,
        };
        if is_main && entry.starting_since == now {
            assert!(there.enabled, "a DISABLED environment takes no jobs");
        }
        if entry.sort == Sort::Node {
            assert_eq!(there.capacity, Capacity::Ec2, "where multi-node jobs run");
        }
        match instance {
            Some(instance) => {
                let owner = entry.parent.filter(|_| entry.sort == Sort::Node);
                let since = self.jobs[owner.unwrap_or(id).index()].starting_since;
                let capacity = world.clusters[cluster].descriptions()[instance].capacity;
                self.hosts
                    .board((cluster, instance), id, (owner, since), need, capacity, now);
            }
            None => {
                let used = &mut self.fargate[environment.index()];
                *used += u64::from(need.cpu);
                assert!(there.capacity.is_fargate());
                assert!(
                    *used <= u64::from(there.max_vcpus) * 1024,
                    "past maxvCpus on Fargate"
                );
            }
        }
    }

    // ---- The end ----------------------------------------------------------------------------

    /// What holds when the run is over.
    pub fn close(&self, outcome: &Outcome) {
        assert_eq!(outcome.jobs.len(), self.jobs.len());
        for (id, job) in outcome.jobs.iter() {
            let entry = &self.jobs[id.index()];
            assert_eq!(job.status, entry.status);
            self.check_entry(id, job, &outcome.world);
        }
        let runs = self.jobs.iter().any(|it| in_flight(it.status));
        if !self.has_horizon {
            assert!(!runs, "the run ended with attempts in flight");
            assert!(outcome.live.is_empty(), "tasks are left");
            let waits = |it: &Entry| it.sort == Sort::Whole && it.status == JobStatus::Submitted;
            assert!(!self.jobs.iter().any(waits), "the run ended too early");
        }
        if !runs {
            assert!(self.queues.iter().all(|it| it.used == 0));
            assert!(self.stocks.iter().all(|it| it.in_use == 0));
            assert!(self.fargate.iter().all(|used| *used == 0));
            self.hosts.are_empty();
        }
        self.hosts.close(outcome.end, &outcome.world);
    }
}

impl Recorder for Books {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        self.catch_up(now);
        match occurrence {
            Occurrence::Job { id, job, from } => self.moved(id, job, from, now, world),
            Occurrence::Attempt { id, job } => self.attempted(id, job, now, world),
            Occurrence::Placed(task) => self.placed(task, now, world),
            Occurrence::Instance {
                cluster,
                instance,
                change,
            } => self.hosts.changed((cluster, instance), change, now, world),
            _ => {}
        }
    }

    /// Who waits has a reason to.
    fn settled(&mut self, now: SimTime, world: &World) {
        self.catch_up(now);
        self.hosts.settled(now, world);
        for id in std::mem::take(&mut self.touched) {
            let entry = &self.jobs[id.index()];
            if entry.status != JobStatus::Pending {
                continue;
            }
            if entry.sort == Sort::Parent {
                let ended = [JobStatus::Succeeded, JobStatus::Failed];
                let ended: u32 = ended.iter().map(|it| entry.counts[*it as usize]).sum();
                let size: u32 = entry.counts.iter().sum();
                assert!(ended < size, "PENDING, and all children have ended");
                continue;
            }
            let on = || {
                entry
                    .waits_for
                    .iter()
                    .map(|it| self.jobs[it.index()].status)
            };
            assert!(
                on().all(|it| it != JobStatus::Failed),
                "PENDING on a FAILED job"
            );
            assert!(on().any(|it| !it.is_terminal()), "PENDING on nothing");
        }
    }
}

/// What the active shares of a queue may use together: MAX · (1 − (reservation / 100)^active), as a
/// fraction.
#[derive(Debug)]
struct Cap {
    usable: u128,
    of: u128,
}

impl Cap {
    /// None where nothing is reserved.
    fn of(percent: u64, active: u32, queue: QueueId, world: &World) -> Option<Self> {
        let batch = &world.batch;
        let usable = batch.queues[queue].environments.iter();
        let usable = usable.map(|id| &batch.environments[*id]);
        let usable: Vec<_> = usable.filter(|it| it.enabled).collect();
        let is_unknown =
            |it: &&ComputeEnvironment| it.capacity == Capacity::Unmanaged && it.max_vcpus == 0;
        if percent == 0 || usable.iter().any(is_unknown) {
            return None;
        }
        let max: u64 = usable.iter().map(|it| u64::from(it.max_vcpus) * 1024).sum();
        let whole = 100u128.pow(active);
        Some(Cap {
            usable: u128::from(max) * (whole - u128::from(percent).pow(active)),
            of: whole,
        })
    }

    fn allows(&self, used: u64) -> bool {
        u128::from(used) * self.of <= self.usable
    }
}

pub fn environment_of(world: &World, cluster: ClusterId) -> Option<EnvironmentId> {
    let mut all = world.batch.environments.iter();
    all.find(|(_, it)| it.cluster == cluster).map(|(id, _)| id)
}
