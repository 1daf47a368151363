//! What a run is measured by.
//!
//! [`Metrics`] listens to the engine and keeps integrals ([`level`]), observations ([`sample`]),
//! stranded capacity ([`stranded`]), instances and their states ([`fleet`]) and the heat map
//! ([`rows`]), and jobs of AWS Batch ([`jobs`]); [`Metrics::results`] sums them up, money included ([`cost`]). The README defines
//! every number with unit and formula. Statistics begin when the warm-up ends: levels from there on,
//! tasks that were first requested from there on. Counts by final state are over the whole run.

pub mod cost;
pub mod fleet;
pub mod jobs;
pub mod level;
pub mod results;
pub mod rows;
pub mod sample;
pub mod stranded;

use std::collections::BTreeMap;

use crate::bounds::Work;
use crate::bounds::parts;
use crate::engine::task::{Host, StopCode, StopReason, Task};
use crate::engine::{Occurrence, PendingCall, Recorder, World};
use crate::model::arena::{Arena, ClusterId, GroupId, Id, InstanceId, ProviderId, WorkloadId};
use crate::model::request::{LaunchOn, Template};
use crate::model::resources::Resources;
use crate::placement::constraint::{Reason, Refusal};
use crate::time::SimTime;
use fleet::{InstanceState, ProviderMetrics, States};
use jobs::JobMetrics;
use level::{Bins, Gauge, Integral};
use rows::Rows;
use stranded::Stranded;

/// The counted resources, in the order of every array of four here.
pub const RESOURCES: [&str; 4] = ["CPU", "MEMORY", "GPU", "ENI"];

/// Place of the network interfaces in that order: they are given back later than the others.
const ENI: usize = 3;

/// Listens to a run and measures it.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// By cluster.
    pub clusters: Arena<ClusterId, ClusterMetrics>,
    /// By capacity provider.
    pub providers: Arena<ProviderId, ProviderMetrics>,
    /// Jobs of AWS Batch.
    pub jobs: JobMetrics,
    /// Counts over the whole run.
    pub counts: Counts,
    /// What the lower bounds are made of.
    pub work: Work,
    since: SimTime,
    first_request: Option<SimTime>,
    last_stop: SimTime,
    in_system: Integral,
    residence: u128,
    stopped_since: u64,
    is_service: Vec<bool>,
    fargate: cost::FargateUse,
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
    /// Tasks that ECS accepted.
    pub accepted: u64,
    /// Tasks that were placed.
    pub placed: u64,
    /// Tasks that began to run.
    pub started: u64,
    /// Tasks that ended.
    pub stopped: u64,
    /// Tasks that the caller gave up on.
    pub given_up: u64,
    /// Services that asked for tasks.
    pub services: u64,
    /// Tasks that stopped, by `stopCode`, in the order of [`StopCode::ALL`].
    pub stop_codes: [u64; StopCode::ALL.len()],
    /// Tasks that stopped, by exit code of the container that ended them.
    pub exit_codes: BTreeMap<u8, u64>,
    /// Work of tasks whose capacity or instance was taken away: CPU units × microseconds from
    /// RUNNING to the end.
    pub lost_work: u128,
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
    /// Tasks accepted that have no host yet: they wait for capacity of their provider.
    pub provisioning: Gauge,
    /// Tasks placed and not yet RUNNING.
    pub pending: Gauge,
    /// Tasks no longer meant to run and not yet STOPPED.
    pub stopping: Gauge,
    /// Tasks asked for and neither accepted nor given up.
    pub waiting: Gauge,
    /// Instances that hold the resources of a task.
    pub busy: Gauge,
    /// Registered, by resource.
    pub registered: [Gauge; 4],
    /// Instances by state.
    pub states: States,
    /// By instance.
    pub instances: Arena<InstanceId, InstanceUse>,
    /// Reserved by the instances of each row of the heat map.
    pub rows: Rows,
    /// By task group.
    pub groups: Vec<GroupMetrics>,
    /// Demand × run time of all tasks asked for, in resource × microseconds.
    pub offered: [u128; 4],
    /// Demand × time held of all tasks that have ended, over the whole run.
    held: [u128; 4],
    tracker: Stranded,
}

/// What one instance did.
///
/// Two cache lines, in this order: every task changes this twice, and among many instances it is
/// not in the cache.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub struct InstanceUse {
    /// When the areas were last brought up to date.
    since: SimTime,
    /// Tasks placed on it, over the whole run.
    pub tasks: u64,
    holding: u32,
    reserved: [u32; 4],
    state: InstanceState,
    /// Microseconds since statistics began in which it held the resources of a task, as of the last
    /// change.
    pub busy: u64,
    /// Reserved resources × microseconds since statistics began, as of the last change.
    pub areas: [u128; 4],
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

/// Whether tasks of a template may run on container instances at all.
fn runs_on_instances(template: &Template, world: &World) -> bool {
    template.launches.iter().any(|launch| match launch.on {
        LaunchOn::Ec2 | LaunchOn::External => true,
        LaunchOn::Fargate => false,
        LaunchOn::Provider(id) => !world.providers[id].is_fargate(),
    })
}

/// When a task was asked for, to the books: a service's task is asked for when it is accepted.
fn entered(task: &Task) -> SimTime {
    if task.is_made_for_others() {
        task.times.created
    } else {
        task.times.requested
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

    /// The levels of whoever is in the system, waiting or running: tasks of every cluster, and jobs.
    pub fn in_system(&self) -> impl Iterator<Item = &Bins> {
        let tasks = self.clusters.items().iter().flat_map(|cluster| {
            [
                &cluster.waiting,
                &cluster.provisioning,
                &cluster.pending,
                &cluster.running,
                &cluster.stopping,
            ]
        });
        tasks.chain(self.jobs.live()).map(|gauge| &gauge.bins)
    }

    fn requested(&mut self, now: SimTime, call: &PendingCall, world: &World) {
        let template = &world.templates[call.template];
        let missing = u64::from(call.missing);
        self.counts.calls += 1;
        self.counts.requested += missing;
        self.first_request.get_or_insert(now);
        self.in_system.set(now, self.in_system.level() + missing);
        let cluster = &mut self.clusters[template.cluster];
        cluster.waiting.change(now, missing, 0);
        cluster.group(template.group).requested += missing;
        if runs_on_instances(template, world) {
            cluster.tracker.wait(call.template, call.missing, 0);
        }
    }

    fn gave_up(&mut self, now: SimTime, call: &PendingCall, world: &World) {
        let template = &world.templates[call.template];
        let missing = u64::from(call.missing);
        self.counts.given_up += missing;
        self.in_system.set(now, self.in_system.level() - missing);
        self.residence += u128::from(missing) * u128::from((now - call.requested_at).micros());
        let cluster = &mut self.clusters[template.cluster];
        cluster.waiting.change(now, 0, missing);
        cluster.group(template.group).given_up += missing;
        if runs_on_instances(template, world) {
            cluster.tracker.wait(call.template, 0, call.missing);
        }
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
            let group = self.clusters[template.cluster].group(template.group);
            group.requested -= missing;
            group.given_up -= missing;
        }
    }

    fn accepted(&mut self, now: SimTime, task: &Task, world: &World) {
        self.counts.accepted += 1;
        let template = &world.templates[task.template];
        let cluster = &mut self.clusters[template.cluster];
        cluster.provisioning.change(now, 1, 0);
        if !task.is_made_for_others() {
            cluster.waiting.change(now, 0, 1);
            return;
        }
        cluster.group(template.group).requested += 1;
        if runs_on_instances(template, world) {
            cluster.tracker.wait(task.template, 1, 0);
        }
        self.counts.requested += 1;
        self.first_request.get_or_insert(now);
        self.in_system.set(now, self.in_system.level() + 1);
        if task.deployment > 0 {
            self.meet_service(task.workload);
        }
    }

    fn meet_service(&mut self, id: WorkloadId) {
        if self.is_service.len() <= id.index() {
            self.is_service.resize(id.index() + 1, false);
        }
        let known = std::mem::replace(&mut self.is_service[id.index()], true);
        self.counts.services += u64::from(!known);
    }

    fn placed(&mut self, now: SimTime, task: &Task, world: &World) {
        self.counts.placed += 1;
        let template = &world.templates[task.template];
        let measured = task.times.requested >= self.since;
        let cluster = &mut self.clusters[template.cluster];
        cluster.provisioning.change(now, 0, 1);
        cluster.pending.change(now, 1, 0);
        cluster.group(template.group).placed += 1;
        if runs_on_instances(template, world) {
            cluster.tracker.wait(task.template, 0, 1);
        }
        let Some(id) = task.instance() else { return };
        let resources =
            world.clusters[template.cluster].instances()[id].resources_for(&template.demand);
        if let (true, Some(run_time)) = (measured, task.run_time) {
            cluster.offer(&resources, u128::from(run_time.micros()));
        }
        let used = &mut cluster.instances[id];
        used.advance(now);
        used.tasks += 1;
        used.holding += 1;
        if used.holding == 1 {
            cluster.busy.change(now, 1, 0);
        }
        for (resource, part) in parts(&resources).into_iter().enumerate() {
            cluster.reserve(now, id, resource, part, 0);
        }
    }

    fn started(&mut self, now: SimTime, task: &Task, world: &World) {
        self.counts.started += 1;
        let template = &world.templates[task.template];
        let measured = task.times.requested >= self.since;
        let cluster = &mut self.clusters[template.cluster];
        cluster.pending.change(now, 0, 1);
        cluster.running.change(now, 1, 0);
        if measured {
            let wait = (now - task.times.requested).micros();
            cluster.group(template.group).waits.push(wait);
        }
    }

    fn stopping(&mut self, now: SimTime, task: &Task, world: &World) {
        let template = &world.templates[task.template];
        let (since, measured) = (self.since, task.times.requested >= self.since);
        let cluster = &mut self.clusters[template.cluster];
        cluster.stopping.change(now, 1, 0);
        if task.times.started.is_some() {
            cluster.running.change(now, 0, 1);
            cluster.offer_open_end(task, template, world, since, now);
        } else if task.times.placed.is_some() {
            cluster.pending.change(now, 0, 1);
        } else {
            cluster.provisioning.change(now, 0, 1);
            if runs_on_instances(template, world) {
                cluster.tracker.wait(task.template, 0, 1);
                if measured {
                    cluster.offer_unplaced(task, template);
                }
            }
        }
    }

    fn released(&mut self, now: SimTime, task: &Task, world: &World) {
        let Some(id) = task.instance() else { return };
        let template = &world.templates[task.template];
        let cluster = &mut self.clusters[template.cluster];
        let used = &mut cluster.instances[id];
        used.advance(now);
        used.holding -= 1;
        if used.holding == 0 {
            cluster.busy.change(now, 0, 1);
        }
        let resources =
            world.clusters[template.cluster].instances()[id].resources_for(&template.demand);
        let held = u128::from((now - task.times.placed.unwrap_or(now)).micros());
        let body = parts(&resources).into_iter().enumerate().take(ENI);
        for (resource, part) in body {
            cluster.held[resource] += u128::from(part) * held;
            cluster.reserve(now, id, resource, 0, part);
        }
    }

    fn stopped(&mut self, now: SimTime, task: &Task, world: &World) {
        self.counts.stopped += 1;
        if let Some(exit) = task.exit {
            *self.counts.exit_codes.entry(exit.code).or_insert(0) += 1;
        }
        self.last_stop = now;
        self.in_system.set(now, self.in_system.level() - 1);
        self.residence += u128::from((now - entered(task)).micros());
        if now >= self.since {
            self.stopped_since += 1;
        }
        let template = &world.templates[task.template];
        let measured = task.times.requested >= self.since;
        self.count_stop(now, task, template);
        let cluster = &mut self.clusters[template.cluster];
        cluster.stopping.change(now, 0, 1);
        let group = cluster.group(template.group);
        group.stopped += 1;
        if let (true, Some(started_at)) = (measured, task.times.started) {
            let wait = (started_at - task.times.requested).micros();
            group.ended.push((wait, (now - started_at).micros()));
        }
        match task.host {
            Some(Host::Instance(id)) if template.demand.resources.enis > 0 => {
                let part = u64::from(template.demand.resources.enis);
                let held = u128::from((now - task.times.placed.unwrap_or(now)).micros());
                cluster.held[ENI] += u128::from(part) * held;
                cluster.instances[id].advance(now);
                cluster.reserve(now, id, ENI, 0, part);
            }
            Some(Host::Fargate { spot, .. }) => self.fargate.add(task, template, spot, now),
            Some(Host::Instance(_)) | None => {}
        }
    }

    fn count_stop(&mut self, now: SimTime, task: &Task, template: &Template) {
        let Some(stop) = task.stop else { return };
        self.counts.stop_codes[stop.code as usize] += 1;
        let taken_away = matches!(
            stop.code,
            StopCode::SpotInterruption | StopCode::TerminationNotice
        ) || stop.reason == StopReason::Deregistered;
        if let (true, Some(started_at)) = (taken_away, task.times.started) {
            let end = task.times.execution_stopped.unwrap_or(now);
            let ran = u128::from(end.since(started_at).micros());
            self.counts.lost_work += u128::from(template.demand.resources.cpu) * ran;
        }
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

    /// A task that never got a host was asked for all the same.
    fn offer_unplaced(&mut self, task: &Task, template: &Template) {
        if let Some(run_time) = task.run_time {
            self.offer(&template.demand.resources, u128::from(run_time.micros()));
        }
    }

    /// A task that runs until it is stopped asks for as long as it ran, warm-up left out.
    fn offer_open_end(
        &mut self,
        task: &Task,
        template: &Template,
        world: &World,
        since: SimTime,
        now: SimTime,
    ) {
        if let (None, Some(id), Some(started_at)) =
            (task.run_time, task.instance(), task.times.started)
        {
            let instance = &world.clusters[template.cluster].instances()[id];
            let ran = now.since(started_at.max(since)).micros();
            self.offer(&instance.resources_for(&template.demand), u128::from(ran));
        }
    }

    /// Changes what is reserved on an instance that is up to date, and with it in its row and in the
    /// cluster.
    fn reserve(&mut self, now: SimTime, id: InstanceId, resource: usize, plus: u64, minus: u64) {
        if plus == minus {
            return;
        }
        let here = &mut self.instances[id].reserved[resource];
        *here = (u64::from(*here) + plus - minus) as u32;
        self.reserved[resource].change(now, plus, minus);
        self.rows.change(now, id, resource, plus, minus);
    }

    /// Every level of the cluster as a whole.
    fn gauges(&mut self) -> impl Iterator<Item = &mut Gauge> {
        let of_all = [
            &mut self.running,
            &mut self.provisioning,
            &mut self.pending,
            &mut self.stopping,
            &mut self.waiting,
            &mut self.busy,
        ];
        self.reserved
            .iter_mut()
            .chain(&mut self.stranded)
            .chain(&mut self.registered)
            .chain(self.states.gauges())
            .chain(self.rows.gauges())
            .chain(of_all)
    }

    /// All levels are what they are up to `now`.
    fn touch(&mut self, now: SimTime) {
        self.gauges().for_each(|gauge| gauge.change(now, 0, 0));
        self.stranded_by()
            .for_each(|integral| integral.set(now, integral.level()));
        self.instances
            .items_mut()
            .iter_mut()
            .for_each(|used| used.advance(now));
    }

    /// Statistics begin at `now`.
    fn restart(&mut self, now: SimTime) {
        self.gauges().for_each(|gauge| gauge.restart(now));
        self.stranded_by()
            .for_each(|integral| integral.restart(now));
        self.instances
            .items_mut()
            .iter_mut()
            .for_each(|used| used.restart(now));
        self.forget();
    }

    fn stranded_by(&mut self) -> impl Iterator<Item = &mut Integral> {
        self.stranded_by.iter_mut().flatten()
    }
}

impl InstanceUse {
    /// Brings the areas up to date, before a level changes at `now`.
    fn advance(&mut self, now: SimTime) {
        let span = now.since(self.since).micros();
        self.since = now;
        if span == 0 {
            return;
        }
        if self.holding > 0 {
            self.busy += span;
        }
        for (area, level) in self.areas.iter_mut().zip(self.reserved) {
            *area += u128::from(level) * u128::from(span);
        }
    }

    /// Statistics begin at `now`: forgets what was before.
    fn restart(&mut self, now: SimTime) {
        self.advance(now);
        (self.busy, self.areas) = (0, [0; 4]);
    }
}

impl Recorder for Metrics {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        if self.clusters.is_empty() {
            self.meet(world, Some(&occurrence));
        }
        match occurrence {
            Occurrence::Requested(call) => self.requested(now, call, world),
            Occurrence::Refused { refusal, .. } => {
                self.counts.refusals += 1;
                self.counts.reasons.add(refusal);
            }
            Occurrence::GaveUp { call, run_time } => {
                self.gave_up(now, call, world);
                let template = &world.templates[call.template];
                if call.requested_at >= self.since && runs_on_instances(template, world) {
                    let run_time = u128::from(run_time.micros());
                    self.clusters[template.cluster].offer(&template.demand.resources, run_time);
                }
            }
            Occurrence::Repeated { call, waited } => self.repeated(now, call, waited, world),
            Occurrence::Accepted(task) => self.accepted(now, task, world),
            Occurrence::Placed(task) => {
                self.placed(now, task, world);
                self.work.placed(now, task, world);
            }
            Occurrence::Started(task) => self.started(now, task, world),
            Occurrence::Stopping(task) => self.stopping(now, task, world),
            Occurrence::Released(task) => {
                self.released(now, task, world);
                self.work.released(now, task, world);
            }
            Occurrence::Stopped(task) => {
                self.stopped(now, task, world);
                self.work.stopped(now, task, world);
            }
            Occurrence::Instance {
                cluster, instance, ..
            } => self.instance_changed(now, cluster, instance, world),
            Occurrence::Scaled(scaled) => self.scaled(now, scaled, world),
            Occurrence::Job { id, job, from } => {
                self.jobs.moved(now, job, from, world);
                if from.is_none() {
                    self.work.submitted(now, id);
                }
            }
            Occurrence::JobRefused { kind, .. } => self.jobs.refused(kind, world),
            Occurrence::Queued(_)
            | Occurrence::Moved(_)
            | Occurrence::HealthChanged(_)
            | Occurrence::Service(_)
            | Occurrence::Attempt { .. }
            | Occurrence::JobBlocked { .. } => {}
        }
    }

    fn settled(&mut self, now: SimTime, world: &World) {
        if self.clusters.is_empty() {
            self.meet(world, None);
        }
        for id in world.clusters.ids() {
            let cluster = &mut self.clusters[id];
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
        if self.clusters.is_empty() {
            self.meet(world, None);
        }
        self.since = at;
        self.stopped_since = 0;
        for id in self.clusters.ids() {
            self.clusters[id].restart(at);
        }
        for id in self.providers.ids() {
            self.providers[id].restart(at);
        }
        self.jobs.restart(at);
        self.work.warmed_up(at);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::task::{Stop, TaskState};
    use crate::engine::{self, Outcome};
    use crate::metrics::results::Results;
    use crate::scenario;
    use crate::time::SimDuration;

    /// One instance of 2 vCPU, and one task of 1 vCPU.
    const SCENARIO: &str = "
name: one
horizon: 1s
clusters:
  - containerInstances: [{registeredResources: {CPU: 2048, MEMORY: 1024}}]
taskDefinitions:
  - {family: job, containerDefinitions: [{name: job, cpu: 1024, memory: 512}]}
workloads:
  - name: jobs
    runTask: {taskDefinition: job}
    arrivals: {process: at, times: [0s]}
    containers: {job: {duration: {distribution: constant, value: 1h}}}
";

    fn at(secs: u64) -> SimTime {
        SimTime::from_micros(secs * 1_000_000)
    }

    /// How a run ended in which one task was placed at once and runs, the task apart.
    fn world_and_task() -> (Outcome, Task) {
        let loaded =
            scenario::load_text("one.yaml", SCENARIO, Path::new("")).expect("the scenario loads");
        let mut outcome = engine::run(loaded.plan, &mut Metrics::new());
        let mut task = outcome.live.remove(0);
        task.deployment = 1;
        task.run_time = None;
        task.state = TaskState::Waiting;
        task.times = engine::task::Times::default();
        (outcome, task)
    }

    fn results(metrics: &mut Metrics, mut outcome: Outcome, live: Vec<Task>, end: u64) -> Results {
        outcome.end = at(end);
        outcome.live = live;
        let results = metrics.results(&outcome);
        assert!(results.checks.littles_law && results.checks.utilization_law);
        results
    }

    /// A service's task waits in PROVISIONING from 10 s, is placed at 20 s, runs from 25 s, is told
    /// to stop at 50 s when its instance ends, gives its CPU back at 60 s and has stopped at 65 s;
    /// the run ends at 100 s. CPU is reserved for 40 of 100 s, half of the instance: 0.2. Lost: the
    /// 35 s from 25 to 60 s.
    #[test]
    fn a_slow_life_is_measured_state_by_state() {
        let (outcome, mut task) = world_and_task();
        let world = outcome.world.clone();
        let mut metrics = Metrics::new();
        task.times.requested = at(10);
        task.times.created = at(10);
        let host = task.host.take();
        metrics.record(at(10), Occurrence::Accepted(&task), &world);
        (task.host, task.times.placed) = (host, Some(at(20)));
        metrics.record(at(20), Occurrence::Placed(&task), &world);
        task.times.started = Some(at(25));
        metrics.record(at(25), Occurrence::Started(&task), &world);
        let (code, reason) = (StopCode::TerminationNotice, StopReason::HostTerminated);
        task.stop = Some(Stop { code, reason });
        task.times.stopping = Some(at(50));
        metrics.record(at(50), Occurrence::Stopping(&task), &world);
        task.times.released = Some(at(60));
        task.times.execution_stopped = Some(at(60));
        metrics.record(at(60), Occurrence::Released(&task), &world);
        task.times.stopped = Some(at(65));
        metrics.record(at(65), Occurrence::Stopped(&task), &world);

        let results = results(&mut metrics, outcome, Vec::new(), 100);
        let cluster = &metrics.clusters.items()[0];
        let secs = |gauge: &Gauge| gauge.integral.area() / 1_000_000;
        let states = [
            &cluster.provisioning,
            &cluster.pending,
            &cluster.running,
            &cluster.stopping,
            &cluster.busy,
        ];
        assert_eq!(states.map(secs), [10, 5, 25, 15, 40]);
        let cpu = &results.clusters[0].resources[0];
        assert_eq!(cpu.utilization, 0.2);
        // It runs until it is stopped: asked for are the 25 s until then.
        assert_eq!(cpu.offered_load, Some(0.125));
        let tasks = &results.tasks;
        assert_eq!((tasks.requested, tasks.accepted, tasks.services), (1, 1, 1));
        assert_eq!((tasks.interrupted, tasks.stopped), (1, 1));
        assert_eq!(tasks.lost_vcpu_hours, 35.0 / 3600.0);
        assert_eq!(results.wait.mean, Some(15.0));
    }

    /// The laws hold with tasks alive in every state at the end: one waits in PROVISIONING, one has
    /// given its CPU back and has not stopped, one runs; and a fourth gave up in PROVISIONING.
    #[test]
    fn the_laws_hold_whoever_is_alive() {
        let (outcome, task) = world_and_task();
        let world = outcome.world.clone();
        let mut metrics = Metrics::new();
        let stop = Stop {
            code: StopCode::TaskFailedToStart,
            reason: StopReason::NoActiveInstances,
        };
        let mut homeless = task.clone();
        homeless.host = None;
        metrics.record(at(0), Occurrence::Accepted(&homeless), &world);
        metrics.record(at(0), Occurrence::Accepted(&homeless), &world);
        let mut gave_up = homeless.clone();
        gave_up.stop = Some(stop);
        metrics.record(at(7), Occurrence::Stopping(&gave_up), &world);
        metrics.record(at(7), Occurrence::Stopped(&gave_up), &world);

        let mut placed = task;
        placed.times.created = at(8);
        metrics.record(at(8), Occurrence::Accepted(&placed), &world);
        metrics.record(at(8), Occurrence::Accepted(&placed), &world);
        placed.times.placed = Some(at(8));
        metrics.record(at(8), Occurrence::Placed(&placed), &world);
        metrics.record(at(8), Occurrence::Placed(&placed), &world);
        placed.times.started = Some(at(9));
        metrics.record(at(9), Occurrence::Started(&placed), &world);
        metrics.record(at(9), Occurrence::Started(&placed), &world);
        let mut stopping = placed.clone();
        stopping.stop = Some(stop);
        stopping.times.released = Some(at(10));
        metrics.record(at(10), Occurrence::Stopping(&stopping), &world);
        metrics.record(at(10), Occurrence::Released(&stopping), &world);

        let live = vec![homeless, stopping, placed];
        let results = results(&mut metrics, outcome, live, 20);
        let tasks = &results.tasks;
        let alive = [
            tasks.running,
            tasks.provisioning,
            tasks.pending,
            tasks.stopping,
        ];
        assert_eq!(alive, [1, 1, 0, 1]);
        assert_eq!((tasks.accepted, tasks.placed, tasks.stopped), (4, 2, 1));
        assert_eq!(tasks.failed_to_start, 1);
        let used = &results.clusters[0].instances_used;
        assert_eq!(used.mean, 0.6);
    }

    /// A task on Fargate takes nothing of the cluster's instances and is paid for from its image pull to
    /// STOPPED: 1 vCPU and 0.5 GB for an hour.
    #[test]
    fn a_task_on_fargate_costs_and_reserves_nothing() {
        let (mut outcome, mut task) = world_and_task();
        outcome.world.fargate.spot_price = Some((40_000, 4_000));
        let world = outcome.world.clone();
        let mut metrics = Metrics::new();
        task.host = Some(Host::Fargate {
            zone: None,
            spot: true,
        });
        metrics.record(at(0), Occurrence::Accepted(&task), &world);
        task.times.placed = Some(at(0));
        metrics.record(at(0), Occurrence::Placed(&task), &world);
        task.times.begun = Some(at(0));
        task.times.started = Some(at(0));
        metrics.record(at(0), Occurrence::Started(&task), &world);
        let end = SimDuration::from_secs(3600);
        let results = results(&mut metrics, outcome, vec![task], end.secs() as u64);
        assert_eq!(results.clusters[0].resources[0].utilization, 0.0);
        let cost = results.cost.expect("Fargate has a price");
        assert!((cost.fargate_spot_usd - 0.042).abs() < 1e-12, "{cost:?}");
        assert_eq!(cost.usd, cost.fargate_spot_usd);
    }
}
