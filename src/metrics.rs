//! What a run is measured by.
//!
//! [`Metrics`] listens to the engine and keeps integrals ([`level`]), observations ([`sample`]) and
//! stranded capacity ([`stranded`]); [`Metrics::results`] sums them up. The README defines every
//! number with unit and formula. Statistics begin when the warm-up ends: levels from there on,
//! tasks that were first requested from there on. Counts by final state are over the whole run.

pub mod level;
pub mod results;
pub mod sample;
pub mod stranded;

use std::collections::BTreeMap;

use crate::engine::task::Task;
use crate::engine::{Next, Occurrence, PendingCall, Recorder, World};
use crate::model::arena::{Arena, ClusterId, GroupId, Id, InstanceId};
use crate::model::resources::Resources;
use crate::placement::constraint::{Reason, Refusal};
use crate::time::SimTime;
use level::{Gauge, Integral};
use stranded::Stranded;

/// Most rows of the heat map; beyond it neighbouring instances share a row.
pub const MOST_ROWS: usize = 128;

/// The counted resources, in the order of every array of four here.
pub const RESOURCES: [&str; 4] = ["CPU", "MEMORY", "GPU", "ENI"];

/// Listens to a run and measures it.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// By cluster.
    pub clusters: Arena<ClusterId, ClusterMetrics>,
    /// Counts over the whole run.
    pub counts: Counts,
    since: SimTime,
    first_request: Option<SimTime>,
    last_stop: SimTime,
    in_system: Integral,
    residence: u128,
    stopped_since: u64,
}

/// Counts over the whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls, repetitions of an old client token not included.
    pub calls: u64,
    /// Calls with a client token that was known: nothing was started.
    pub repeated: u64,
    /// Tasks that were asked for.
    pub requested: u64,
    /// Tasks that were accepted and placed.
    pub placed: u64,
    /// Tasks that began to run.
    pub started: u64,
    /// Tasks that ended.
    pub stopped: u64,
    /// Tasks that the caller gave up on.
    pub given_up: u64,
    /// Tasks that stopped, by exit code of the container that ended them.
    pub exit_codes: BTreeMap<u8, u64>,
    /// Answers of RunTask and StartTask with failures.
    pub refusals: u64,
    /// Failures in those answers, instance by instance.
    pub reasons: Refusals,
}

/// How many instances were refused for each reason, over many answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals([u64; Reason::ALL.len()]);

impl Refusals {
    fn add(&mut self, refusal: &Refusal) {
        for (reason, count) in refusal.reasons() {
            self.0[reason as usize] += u64::from(count);
        }
    }

    /// The reasons that occurred, in the order of testing.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        let counts = Reason::ALL
            .into_iter()
            .map(|reason| (reason, self.0[reason as usize]));
        counts.filter(|(_, count)| *count > 0)
    }
}

/// What is measured of one cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterMetrics {
    /// Reserved by tasks that hold their resources.
    pub reserved: [Gauge; 4],
    /// Free where nothing that waits fits.
    pub stranded: [Gauge; 4],
    /// The same by the resource that binds.
    pub stranded_by: [[Integral; 4]; 4],
    /// Tasks RUNNING.
    pub running: Gauge,
    /// Tasks PROVISIONING or PENDING.
    pub pending: Gauge,
    /// Tasks asked for and neither placed nor given up.
    pub waiting: Gauge,
    /// Instances with at least one task.
    pub busy: Gauge,
    /// By instance.
    pub instances: Arena<InstanceId, InstanceUse>,
    /// Reserved by the instances of each row of the heat map: CPU, memory, GPU.
    pub rows: Vec<[Gauge; 3]>,
    /// By task group.
    pub groups: Vec<GroupMetrics>,
    /// Demand × run time of all tasks asked for, in resource × microseconds.
    pub offered: [u128; 4],
    /// Demand × time held of all tasks that have ended, over the whole run.
    held: [u128; 4],
    tracker: Stranded,
}

/// What one instance did.
#[derive(Clone, Debug, Default)]
pub struct InstanceUse {
    /// Tasks placed on it, over the whole run.
    pub tasks: u64,
    /// Reserved resources.
    pub reserved: [Integral; 4],
    /// 1 while it has a task.
    pub busy: Integral,
}

/// What is observed of the tasks of one group.
#[derive(Clone, Debug, Default)]
pub struct GroupMetrics {
    /// Counts over the whole run: asked for, placed, stopped, given up.
    pub requested: u64,
    /// Placed.
    pub placed: u64,
    /// Stopped.
    pub stopped: u64,
    /// Given up.
    pub given_up: u64,
    /// Waits in microseconds of the tasks that began to run.
    pub waits: Vec<u64>,
    /// (wait, run time) in microseconds of the tasks that ended.
    pub ended: Vec<(u64, u64)>,
}

fn parts(resources: &Resources) -> [u64; 4] {
    [
        resources.cpu,
        resources.memory,
        resources.gpus,
        resources.enis,
    ]
    .map(u64::from)
}

/// The row of the heat map that an instance belongs to.
pub fn row_of(instance: usize, instances: usize) -> usize {
    if instances <= MOST_ROWS {
        instance
    } else {
        instance * MOST_ROWS / instances
    }
}

impl Metrics {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Metrics::default()
    }

    /// When statistics began.
    pub const fn since(&self) -> SimTime {
        self.since
    }

    fn cluster(&mut self, id: ClusterId, world: &World) -> &mut ClusterMetrics {
        while self.clusters.len() <= id.index() {
            let next = ClusterId::from_index(self.clusters.len());
            let instances = world.clusters[next].instances().len();
            self.clusters.push(ClusterMetrics {
                instances: (0..instances).map(|_| InstanceUse::default()).collect(),
                rows: vec![<[Gauge; 3]>::default(); instances.min(MOST_ROWS)],
                ..ClusterMetrics::default()
            });
        }
        &mut self.clusters[id]
    }

    fn requested(&mut self, now: SimTime, call: &PendingCall, world: &World) {
        let template = &world.templates[call.template];
        let missing = u64::from(call.missing);
        self.counts.calls += 1;
        self.counts.requested += missing;
        self.first_request.get_or_insert(now);
        self.in_system.set(now, self.in_system.level() + missing);
        let cluster = self.cluster(template.cluster, world);
        cluster.waiting.change(now, missing, 0);
        cluster.tracker.wait(call.template, call.missing, 0);
        cluster.group(template.group).requested += missing;
    }

    fn gave_up(&mut self, now: SimTime, call: &PendingCall, world: &World) {
        let template = &world.templates[call.template];
        let missing = u64::from(call.missing);
        self.counts.given_up += missing;
        self.in_system.set(now, self.in_system.level() - missing);
        self.residence += u128::from(missing) * u128::from((now - call.requested_at).micros());
        let cluster = self.cluster(template.cluster, world);
        cluster.waiting.change(now, 0, missing);
        cluster.tracker.wait(call.template, 0, call.missing);
        cluster.group(template.group).given_up += missing;
    }

    /// A call turns out to repeat another one: what it asked for was never wanted.
    fn repeated(&mut self, now: SimTime, call: &PendingCall, waited: bool, world: &World) {
        self.counts.repeated += 1;
        if waited {
            self.gave_up(now, call, world);
            let missing = u64::from(call.missing);
            let template = &world.templates[call.template];
            self.counts.calls -= 1;
            self.counts.requested -= missing;
            self.counts.given_up -= missing;
            let group = self.cluster(template.cluster, world).group(template.group);
            group.requested -= missing;
            group.given_up -= missing;
        }
    }

    fn placed(&mut self, now: SimTime, task: &Task, world: &World) {
        self.counts.placed += 1;
        let template = &world.templates[task.template];
        let measured = task.times.requested >= self.since;
        let cluster = self.cluster(template.cluster, world);
        cluster.waiting.change(now, 0, 1);
        cluster.pending.change(now, 1, 0);
        cluster.tracker.wait(task.template, 0, 1);
        cluster.group(template.group).placed += 1;
        let Some(id) = task.instance() else { return };
        let instance = &world.clusters[template.cluster].instances()[id];
        let taken = parts(&instance.resources_for(&template.demand));
        if let (true, Some(run_time)) = (measured, task.run_time) {
            cluster.offer(
                &instance.resources_for(&template.demand),
                u128::from(run_time.micros()),
            );
        }
        cluster.instances[id].tasks += 1;
        if instance.tasks == 1 {
            cluster.busy.change(now, 1, 0);
            cluster.instances[id].busy.set(now, 1);
        }
        cluster.reserve(now, id, |resource, level| level + taken[resource]);
    }

    fn started(&mut self, now: SimTime, task: &Task, world: &World) {
        self.counts.started += 1;
        let template = &world.templates[task.template];
        let measured = task.times.requested >= self.since;
        let cluster = self.cluster(template.cluster, world);
        cluster.pending.change(now, 0, 1);
        cluster.running.change(now, 1, 0);
        if measured {
            let wait = (now - task.times.requested).micros();
            cluster.group(template.group).waits.push(wait);
        }
    }

    fn stopped(&mut self, now: SimTime, task: &Task, world: &World) {
        self.counts.stopped += 1;
        if let Some(exit) = task.exit {
            *self.counts.exit_codes.entry(exit.code).or_insert(0) += 1;
        }
        self.last_stop = now;
        self.in_system.set(now, self.in_system.level() - 1);
        self.residence += u128::from((now - task.times.requested).micros());
        if now >= self.since {
            self.stopped_since += 1;
        }
        let template = &world.templates[task.template];
        let measured = task.times.requested >= self.since;
        let cluster = self.cluster(template.cluster, world);
        cluster.running.change(now, 0, 1);
        let group = cluster.group(template.group);
        group.stopped += 1;
        if let (true, Some(started_at)) = (measured, task.times.started) {
            let wait = (started_at - task.times.requested).micros();
            group.ended.push((wait, (now - started_at).micros()));
        }
        let Some(id) = task.instance() else { return };
        let instance = &world.clusters[template.cluster].instances()[id];
        let given_back = parts(&instance.resources_for(&template.demand));
        if instance.tasks == 0 {
            cluster.busy.change(now, 0, 1);
            cluster.instances[id].busy.set(now, 0);
        }
        let held = u128::from((now - task.times.placed.unwrap_or(now)).micros());
        for (sum, part) in cluster.held.iter_mut().zip(given_back) {
            *sum += u128::from(part) * held;
        }
        cluster.reserve(now, id, |resource, level| level - given_back[resource]);
    }
}

impl ClusterMetrics {
    /// Metrics of a group, made if it is new.
    fn group(&mut self, group: GroupId) -> &mut GroupMetrics {
        if self.groups.len() <= group.index() {
            self.groups
                .resize_with(group.index() + 1, GroupMetrics::default);
        }
        &mut self.groups[group.index()]
    }

    /// Drops what was seen of tasks that were asked for before statistics begin.
    fn forget(&mut self) {
        self.offered = [0; 4];
        for group in &mut self.groups {
            group.waits.clear();
            group.ended.clear();
        }
    }

    fn offer(&mut self, demand: &Resources, run_time: u128) {
        for (sum, part) in self.offered.iter_mut().zip(parts(demand)) {
            *sum += u128::from(part) * run_time;
        }
    }

    /// Changes what is reserved on an instance, and with it in its row and in the cluster.
    fn reserve(&mut self, now: SimTime, id: InstanceId, level: impl Fn(usize, u64) -> u64) {
        let row = row_of(id.index(), self.instances.len());
        for resource in 0..4 {
            let here = &mut self.instances[id].reserved[resource];
            let (old, new) = (here.level(), level(resource, here.level()));
            if old == new {
                continue;
            }
            here.set(now, new);
            self.reserved[resource].change(now, new, old);
            if let Some(gauge) = self.rows[row].get_mut(resource) {
                gauge.change(now, new, old);
            }
        }
    }

    /// All levels are what they are up to `now`.
    fn touch(&mut self, now: SimTime, restart: bool) {
        let gauges = self
            .reserved
            .iter_mut()
            .chain(&mut self.stranded)
            .chain(self.rows.iter_mut().flatten());
        for gauge in gauges.chain([
            &mut self.running,
            &mut self.pending,
            &mut self.waiting,
            &mut self.busy,
        ]) {
            if restart {
                gauge.restart(now)
            } else {
                gauge.change(now, 0, 0)
            }
        }
        let ids: Vec<InstanceId> = self.instances.ids().collect();
        for id in ids {
            let instance = &mut self.instances[id];
            for integral in instance.reserved.iter_mut().chain([&mut instance.busy]) {
                if restart {
                    integral.restart(now)
                } else {
                    integral.set(now, integral.level())
                }
            }
        }
        for integral in self.stranded_by.iter_mut().flatten() {
            if restart {
                integral.restart(now)
            } else {
                integral.set(now, integral.level())
            }
        }
    }
}

impl Recorder for Metrics {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        match occurrence {
            Occurrence::Requested(call) => self.requested(now, call, world),
            Occurrence::Queued(_) => {}
            Occurrence::Refused { refusal, next, .. } => {
                self.counts.refusals += 1;
                self.counts.reasons.add(refusal);
                let _: Next = next;
            }
            Occurrence::GaveUp { call, run_time } => {
                self.gave_up(now, call, world);
                if call.requested_at >= self.since {
                    let template = &world.templates[call.template];
                    let run_time = u128::from(run_time.micros());
                    self.cluster(template.cluster, world)
                        .offer(&template.demand.resources, run_time);
                }
            }
            Occurrence::Repeated { call, waited } => self.repeated(now, call, waited, world),
            Occurrence::Placed(task) => self.placed(now, task, world),
            Occurrence::Started(task) => self.started(now, task, world),
            Occurrence::Stopped(task) => self.stopped(now, task, world),
            Occurrence::Accepted(_)
            | Occurrence::Moved(_)
            | Occurrence::HealthChanged(_)
            | Occurrence::Stopping(_)
            | Occurrence::Released(_)
            | Occurrence::Instance { .. }
            | Occurrence::Scaled(_)
            | Occurrence::Service(_) => {}
        }
    }

    fn settled(&mut self, now: SimTime, world: &World) {
        for id in world.clusters.ids() {
            let cluster = self.cluster(id, world);
            let stranded = cluster.tracker.now(id, world);
            if stranded == stranded::ByBinding::default()
                && cluster
                    .stranded
                    .iter()
                    .all(|gauge| gauge.integral.level() == 0)
            {
                continue;
            }
            for resource in 0..4 {
                let sum = (0..4).map(|binding| stranded[binding][resource]).sum();
                cluster.stranded[resource].set(now, sum);
                for (binding, levels) in stranded.iter().enumerate() {
                    cluster.stranded_by[binding][resource].set(now, levels[resource]);
                }
            }
        }
    }

    fn warmed_up(&mut self, at: SimTime, world: &World) {
        self.since = at;
        self.stopped_since = 0;
        for id in world.clusters.ids() {
            let cluster = self.cluster(id, world);
            cluster.touch(at, true);
            cluster.forget();
        }
    }
}
