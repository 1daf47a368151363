//! The results of a run: what `summary.json` holds, and what the table on the terminal is made of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cost::{Cost, cost, instances_usd};
use super::fleet::registered_for;
use super::jobs::JobResults;
use super::level::{Gauge, ratio};
use super::sample::Summary;
use super::{ClusterMetrics, ENI, Metrics, RESOURCES};
use crate::bounds::{Bounds, Reached};
use crate::engine::task::StopCode;
use crate::engine::{Outcome, World};
use crate::model::arena::{ClusterId, GroupId, Id};
use crate::model::cluster::Cluster;
use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};

/// Bounded slowdown counts run times below this as this much. Source: Feitelson and Rudolph 1998.
pub const SLOWDOWN_BOUND: SimDuration = SimDuration::from_secs(10);

/// Results of a run. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// When the run ended.
    pub end: f64,
    /// When statistics began.
    pub warm_up: f64,
    /// From the first request to the last stop; absent when nothing stopped.
    pub makespan: Option<f64>,
    /// Tasks that stopped in an hour, warm-up left out.
    pub throughput_per_hour: f64,
    /// Counts over the whole run.
    pub tasks: TaskCounts,
    /// Calls and their answers, over the whole run.
    pub calls: CallCounts,
    /// From the first request to RUNNING.
    pub wait: Summary,
    /// From the first request to STOPPED.
    pub turnaround: Summary,
    /// (wait + run time) / max(run time, 10 s), at least 1.
    pub bounded_slowdown: Summary,
    /// By cluster.
    pub clusters: Vec<ClusterResults>,
    /// By capacity provider that has an Auto Scaling group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capacity_providers: Vec<ProviderResults>,
    /// Jobs of AWS Batch; absent without job queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobResults>,
    /// Money; absent when nothing has a price.
    pub cost: Option<Cost>,
    /// Lower bounds beside what was reached; absent when none applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// What the engine did.
    pub engine: EngineCounts,
    /// Laws that must hold exactly.
    pub checks: Checks,
}

/// Tasks by final state. `requested` = `accepted` + `givenUp` + `waiting`, and `accepted` =
/// `stopped` + `running` + `provisioning` + `pending` + `stopping`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCounts {
    /// Asked for.
    pub requested: u64,
    /// Accepted by ECS.
    pub accepted: u64,
    /// Placed.
    pub placed: u64,
    /// Began to run.
    pub started: u64,
    /// STOPPED at the end.
    pub stopped: u64,
    /// RUNNING at the end.
    pub running: u64,
    /// Accepted and without a host at the end.
    pub provisioning: u64,
    /// Placed and not yet RUNNING at the end.
    pub pending: u64,
    /// No longer meant to run, and not STOPPED at the end.
    pub stopping: u64,
    /// Never accepted: the caller gave up.
    pub given_up: u64,
    /// Not accepted so far: the caller still waits at the end.
    pub waiting: u64,
    /// Services that asked for tasks.
    pub services: u64,
    /// Stopped tasks by exit code.
    pub exit_codes: BTreeMap<u8, u64>,
    /// Stopped tasks by `stopCode`.
    pub stop_codes: BTreeMap<&'static str, u64>,
    /// Tasks that stopped without having run.
    pub failed_to_start: u64,
    /// Tasks whose Spot capacity or instance was taken away.
    pub interrupted: u64,
    /// vCPU-hours that those, and the tasks of instances deregistered by force, had run.
    pub lost_vcpu_hours: f64,
}

/// Calls of RunTask and StartTask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallCounts {
    /// Requests, however often each was repeated by its caller.
    pub made: u64,
    /// Requests answered from an earlier one with the same client token.
    pub repeated: u64,
    /// Answers with failures.
    pub refused: u64,
    /// Failures in those answers, counted by instance and reason.
    pub reasons: BTreeMap<String, u64>,
}

/// Results of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterResults {
    /// Its name.
    pub cluster: String,
    /// Instances that were registered at some time.
    pub instances: u64,
    /// Instances registered; absent when they were the same all the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances_registered: Option<MeanPeak>,
    /// Instances launched and not yet registered; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances_starting: Option<MeanPeak>,
    /// Instances DRAINING; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances_draining: Option<MeanPeak>,
    /// Instances ACTIVE without a connected agent; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances_disconnected: Option<MeanPeak>,
    /// Instances that hold at least one task: mean and peak.
    pub instances_used: MeanPeak,
    /// Tasks running: mean and peak.
    pub running: MeanPeak,
    /// Tasks in PROVISIONING without a host; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<MeanPeak>,
    /// Tasks on their way to STOPPED; absent when there was none for any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopping: Option<MeanPeak>,
    /// Tasks waiting to be accepted: mean and peak.
    pub waiting: MeanPeak,
    /// By resource that the cluster has.
    pub resources: Vec<ResourceResults>,
    /// By task group, in order of name.
    pub groups: Vec<GroupResults>,
    /// By instance type, in order of name.
    pub instance_types: Vec<PoolResults>,
    /// By availability zone, in order of name.
    pub zones: Vec<PoolResults>,
}

/// Mean over time, and peak.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeanPeak {
    /// Mean over time.
    pub mean: f64,
    /// Greatest.
    pub peak: u64,
}

/// One resource of a cluster. Fractions are of what is registered, unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceResults {
    /// CPU (units), MEMORY (MiB), GPU, ENI.
    pub resource: &'static str,
    /// Registered, in its unit; the most where that changes.
    pub capacity: u64,
    /// Registered on average; absent when it is the same all the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_capacity: Option<f64>,
    /// Demand × run time of all tasks asked for, over capacity × time; absent over no time. A task
    /// that runs until it is stopped asks for as long as it runs.
    pub offered_load: Option<f64>,
    /// Reserved × time over capacity × time.
    pub utilization: f64,
    /// Greatest reserved, in its unit.
    pub peak: u64,
    /// Free where nothing that waits fits, × time, over capacity × time.
    pub stranded: f64,
    /// The same by the resource that binds.
    pub stranded_by: BTreeMap<&'static str, f64>,
    /// Stranded × time over free × time: the part of what is free that was of no use to those who
    /// waited.
    pub fragmentation: f64,
    /// Standard deviation over mean of the instances' utilization; absent when nothing is used.
    pub imbalance_instances: Option<f64>,
    /// The same over zones.
    pub imbalance_zones: Option<f64>,
}

/// One task group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupResults {
    /// Its name.
    pub group: String,
    /// Tasks asked for, over the whole run.
    pub requested: u64,
    /// Tasks placed.
    pub placed: u64,
    /// Tasks stopped.
    pub stopped: u64,
    /// Tasks given up.
    pub given_up: u64,
    /// From the first request to RUNNING.
    pub wait: Summary,
    /// From the first request to STOPPED.
    pub turnaround: Summary,
    /// (wait + run time) / max(run time, 10 s), at least 1.
    pub bounded_slowdown: Summary,
}

/// Instances that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolResults {
    /// Type or zone; empty where the scenario gave none.
    pub name: String,
    /// Registered instances.
    pub instances: u64,
    /// Tasks placed on them, over the whole run.
    pub tasks: u64,
    /// Utilization by resource that they have.
    pub utilization: BTreeMap<&'static str, f64>,
}

/// A capacity provider with an Auto Scaling group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderResults {
    /// Its name.
    pub name: String,
    /// Desired capacity of the group.
    pub desired: MeanPeak,
    /// Its instances registered and not leaving.
    pub running: MeanPeak,
    /// Its instances launched and not yet registered.
    pub starting: MeanPeak,
    /// Tasks that wait in PROVISIONING for it.
    pub waiting: MeanPeak,
    /// Mean CapacityProviderReservation in percent; absent without managed scaling.
    pub reservation: Option<f64>,
}

/// What the engine did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineCounts {
    /// Events handled.
    pub events: u64,
    /// Placement decisions made.
    pub decisions: u64,
}

/// Laws that must hold exactly, over the whole run. Both sides in task × microseconds and resource
/// × microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checks {
    /// Little's law: tasks in the system integrated over time equal the sum of the times that each
    /// spent there (Little 1961).
    pub littles_law: bool,
    /// Utilization law: what is reserved integrated over time equals the sum over tasks of demand ×
    /// time held.
    pub utilization_law: bool,
}

impl Results {
    /// Holds the run to the laws that must hold exactly.
    ///
    /// # Panics
    /// When one does not: a defect of stowplan.
    pub fn assert_laws(&self) {
        assert!(
            self.checks.littles_law,
            "Little's law does not hold: this is a defect of stowplan"
        );
        assert!(
            self.checks.utilization_law,
            "the utilization law does not hold: this is a defect of stowplan"
        );
        assert!(
            self.jobs.as_ref().is_none_or(|jobs| jobs.littles_law),
            "Little's law does not hold for jobs: this is a defect of stowplan"
        );
    }
}

impl Metrics {
    /// Sums up a run that ended with `outcome`.
    pub fn results(&mut self, outcome: &Outcome) -> Results {
        let (end, world) = (outcome.end, &outcome.world);
        if self.clusters.is_empty() {
            self.meet(world, None);
        }
        for id in self.clusters.ids() {
            self.clusters[id].touch(end);
        }
        for id in self.providers.ids() {
            self.providers[id].touch(end);
        }
        self.jobs.touch(end);
        self.in_system.set(end, self.in_system.level());
        let checks = self.check(outcome);
        self.offer_live(outcome);
        let span = end.since(self.since);
        let mut all = Observed::default();
        let clusters = world
            .clusters
            .ids()
            .map(|id| cluster_results(self, id, outcome, &mut all));
        let clusters = clusters.collect();
        let (wait, turnaround, bounded_slowdown) = all.summaries();
        let jobs = self.jobs.results(outcome, self.since);
        let bounds = self.bounds(outcome, jobs.as_ref().and_then(|jobs| jobs.makespan));
        let counts = &self.counts;
        Results {
            end: end.secs(),
            warm_up: self.since.secs(),
            makespan: self
                .first_request
                .filter(|_| counts.stopped > 0)
                .map(|first| self.last_stop.since(first).secs()),
            throughput_per_hour: ratio(
                u128::from(self.stopped_since) * 3600 * u128::from(MICROS_PER_SEC),
                u128::from(span.micros()),
            ),
            tasks: self.task_counts(),
            calls: CallCounts {
                made: counts.calls,
                repeated: counts.repeated,
                refused: counts.refusals,
                reasons: counts
                    .reasons
                    .iter()
                    .map(|(reason, count)| (reason.text().to_owned(), count))
                    .collect(),
            },
            wait,
            turnaround,
            bounded_slowdown,
            clusters,
            capacity_providers: self.provider_results(world, span),
            jobs,
            cost: cost(self, outcome),
            bounds,
            engine: EngineCounts {
                events: outcome.events,
                decisions: outcome.decisions,
            },
            checks,
        }
    }

    fn bounds(&mut self, outcome: &Outcome, jobs_makespan: Option<f64>) -> Option<Bounds> {
        let span = outcome.end.since(self.since);
        let reached: Vec<Reached> = self
            .clusters
            .iter()
            .map(|(id, cluster)| Reached {
                instances_on_average: cluster.busy.integral.mean(span),
                instances_at_peak: cluster.busy.integral.peak(),
                instances_usd: instances_usd(id, outcome),
            })
            .collect();
        self.work.bounds(outcome, &reached, jobs_makespan)
    }

    fn task_counts(&self) -> TaskCounts {
        let counts = &self.counts;
        let now = |gauge: fn(&ClusterMetrics) -> &Gauge| {
            let levels = self.clusters.items().iter();
            levels.map(|cluster| gauge(cluster).integral.level()).sum()
        };
        let stopped_by = |code: StopCode| counts.stop_codes[code as usize];
        let codes = StopCode::ALL
            .into_iter()
            .filter(|code| stopped_by(*code) > 0);
        TaskCounts {
            requested: counts.requested,
            accepted: counts.accepted,
            placed: counts.placed,
            started: counts.started,
            stopped: counts.stopped,
            running: now(|cluster| &cluster.running),
            provisioning: now(|cluster| &cluster.provisioning),
            pending: now(|cluster| &cluster.pending),
            stopping: now(|cluster| &cluster.stopping),
            given_up: counts.given_up,
            waiting: now(|cluster| &cluster.waiting),
            services: counts.services,
            exit_codes: counts.exit_codes.clone(),
            stop_codes: codes.map(|code| (code.text(), stopped_by(code))).collect(),
            failed_to_start: stopped_by(StopCode::TaskFailedToStart),
            interrupted: stopped_by(StopCode::SpotInterruption)
                + stopped_by(StopCode::TerminationNotice),
            lost_vcpu_hours: ratio(counts.lost_work, 1024 * 3600 * u128::from(MICROS_PER_SEC)),
        }
    }

    fn provider_results(&self, world: &World, span: SimDuration) -> Vec<ProviderResults> {
        let groups = world
            .providers
            .iter()
            .filter(|(_, provider)| provider.group().is_some());
        let results = groups.map(|(id, provider)| {
            let metrics = &self.providers[id];
            ProviderResults {
                name: provider.name.clone(),
                desired: MeanPeak::of(&metrics.desired, span),
                running: MeanPeak::of(&metrics.running, span),
                starting: MeanPeak::of(&metrics.starting, span),
                waiting: MeanPeak::of(&metrics.waiting, span),
                reservation: metrics.mean_reservation(),
            }
        });
        results.collect()
    }

    /// Tasks that still wait were asked for all the same, and those that run without an end for as
    /// long as they have run.
    fn offer_live(&mut self, outcome: &Outcome) {
        let (world, since, end) = (&outcome.world, self.since, outcome.end);
        let waiting = outcome
            .waiting
            .iter()
            .filter(|waiting| waiting.call.requested_at >= since);
        for waiting in waiting {
            let template = &world.templates[waiting.call.template];
            if super::runs_on_instances(template, world) {
                let run_time = u128::from(waiting.run_time.micros());
                self.clusters[template.cluster].offer(&template.demand.resources, run_time);
            }
        }
        for task in outcome.live.iter().filter(|task| task.is_desired()) {
            let template = &world.templates[task.template];
            let cluster = &mut self.clusters[template.cluster];
            if task.times.placed.is_some() {
                cluster.offer_open_end(task, template, world, since, end);
            } else if task.times.requested >= since && super::runs_on_instances(template, world) {
                cluster.offer_unplaced(task, template);
            }
        }
    }

    /// Holds what was integrated against what is summed task by task.
    fn check(&self, outcome: &Outcome) -> Checks {
        let since = |at: SimTime| u128::from((outcome.end - at).micros());
        let live: u128 = outcome
            .live
            .iter()
            .map(|task| since(super::entered(task)))
            .sum();
        let waiting: u128 = outcome
            .waiting
            .iter()
            .map(|waiting| u128::from(waiting.call.missing) * since(waiting.call.requested_at))
            .sum();
        let mut held: Vec<[u128; 4]> = self
            .clusters
            .items()
            .iter()
            .map(|cluster| cluster.held)
            .collect();
        for task in &outcome.live {
            let template = &outcome.world.templates[task.template];
            let Some(id) = task.instance() else { continue };
            let instance = &outcome.world.clusters[template.cluster].instances()[id];
            let sums = &mut held[template.cluster.index()];
            let placed_at = task.times.placed.unwrap_or(outcome.end);
            let needs = super::parts(&instance.resources_for(&template.demand));
            for (resource, (sum, need)) in sums.iter_mut().zip(needs).enumerate() {
                // What was given back before has been counted.
                let holds = resource == ENI || task.times.released.is_none();
                let held = if holds { since(placed_at) } else { 0 };
                *sum += u128::from(need) * held;
            }
        }
        let reserved = self
            .clusters
            .items()
            .iter()
            .map(|cluster| cluster.reserved.each_ref().map(|g| g.integral.whole_area()));
        Checks {
            littles_law: self.in_system.whole_area() == self.residence + live + waiting,
            utilization_law: reserved.zip(held).all(|(area, sum)| area == sum),
        }
    }
}

/// Waits, turnarounds and slowdowns of many tasks.
#[derive(Default)]
struct Observed {
    waits: Vec<u64>,
    turnarounds: Vec<u64>,
    slowdowns: Vec<f64>,
}

impl Observed {
    fn add(&mut self, waits: &[u64], ended: &[(u64, u64)]) {
        self.waits.extend_from_slice(waits);
        self.turnarounds
            .extend(ended.iter().map(|(wait, run_time)| wait + run_time));
        let bound = SLOWDOWN_BOUND.micros();
        self.slowdowns.extend(ended.iter().map(|(wait, run_time)| {
            let slowdown = (wait + run_time) as f64 / (*run_time).max(bound) as f64;
            slowdown.max(1.0)
        }));
    }

    fn summaries(mut self) -> (Summary, Summary, Summary) {
        (
            Summary::of_micros(&mut self.waits),
            Summary::of_micros(&mut self.turnarounds),
            Summary::of_numbers(&mut self.slowdowns),
        )
    }
}

impl MeanPeak {
    pub(super) fn of(gauge: &Gauge, span: SimDuration) -> Self {
        MeanPeak {
            mean: gauge.integral.mean(span),
            peak: gauge.integral.peak(),
        }
    }

    /// The same unless it was zero all the time.
    fn if_any(gauge: &Gauge, span: SimDuration) -> Option<Self> {
        (gauge.integral.peak() > 0).then(|| MeanPeak::of(gauge, span))
    }
}

/// Whether a level was not the same over the whole of `span`.
fn changed(gauge: &Gauge, span: SimDuration) -> bool {
    let level = u128::from(gauge.integral.level());
    gauge.integral.area() != level * u128::from(span.micros())
        || gauge.integral.peak() > gauge.integral.level()
}

fn cluster_results(
    all_metrics: &Metrics,
    id: ClusterId,
    outcome: &Outcome,
    all: &mut Observed,
) -> ClusterResults {
    let cluster = &outcome.world.clusters[id];
    let metrics = &all_metrics.clusters[id];
    let (since, end) = (all_metrics.since, outcome.end);
    let span = end.since(since);
    let mut groups: Vec<GroupResults> = metrics
        .groups
        .iter()
        .enumerate()
        .map(|(index, group)| {
            all.add(&group.waits, &group.ended);
            let mut observed = Observed::default();
            observed.add(&group.waits, &group.ended);
            let (wait, turnaround, bounded_slowdown) = observed.summaries();
            GroupResults {
                group: cluster.group_name(GroupId::from_index(index)).to_owned(),
                requested: group.requested,
                placed: group.placed,
                stopped: group.stopped,
                given_up: group.given_up,
                wait,
                turnaround,
                bounded_slowdown,
            }
        })
        .filter(|group| group.requested > 0)
        .collect();
    groups.sort_by(|one, other| one.group.cmp(&other.group));
    let states = &metrics.states;
    let presence = Presence::of(cluster, since, end);
    ClusterResults {
        cluster: cluster.name.clone(),
        instances: cluster.instances().len() as u64,
        instances_registered: changed(&states.registered, span)
            .then(|| MeanPeak::of(&states.registered, span)),
        instances_starting: MeanPeak::if_any(&states.starting, span),
        instances_draining: MeanPeak::if_any(&states.draining, span),
        instances_disconnected: MeanPeak::if_any(&states.disconnected, span),
        instances_used: MeanPeak::of(&metrics.busy, span),
        running: MeanPeak::of(&metrics.running, span),
        provisioning: MeanPeak::if_any(&metrics.provisioning, span),
        stopping: MeanPeak::if_any(&metrics.stopping, span),
        waiting: MeanPeak::of(&metrics.waiting, span),
        resources: shown_resources(metrics)
            .into_iter()
            .map(|resource| resource_results(metrics, cluster, resource, &presence, span))
            .collect(),
        groups,
        instance_types: pools(metrics, cluster, &presence, |description| {
            description.instance_type.as_deref()
        }),
        zones: pools(metrics, cluster, &presence, |description| {
            description.zone()
        }),
    }
}

/// How long each instance was registered since statistics began, in microseconds.
struct Presence(Vec<u128>);

impl Presence {
    fn of(cluster: &Cluster, since: SimTime, end: SimTime) -> Self {
        let instances = cluster.descriptions().items().iter();
        let instances = instances.zip(cluster.instances().items());
        let spans = instances.map(|(description, instance)| {
            u128::from(registered_for(description, instance, since, end).micros())
        });
        Presence(spans.collect())
    }
}

/// The resources that the cluster has; network interfaces only where some task wanted one.
pub fn shown_resources(metrics: &ClusterMetrics) -> Vec<usize> {
    let capacity = metrics.capacity();
    let wanted = |resource: usize| {
        resource < 3
            || metrics.offered[resource] > 0
            || metrics.reserved[resource].integral.peak() > 0
    };
    (0..4)
        .filter(|resource| capacity[*resource] > 0 && wanted(*resource))
        .collect()
}

fn resource_results(
    metrics: &ClusterMetrics,
    cluster: &Cluster,
    resource: usize,
    presence: &Presence,
    span: SimDuration,
) -> ResourceResults {
    let registered = &metrics.registered[resource];
    let whole = registered.integral.area();
    let reserved = &metrics.reserved[resource].integral;
    let stranded = metrics.stranded[resource].integral.area();
    let by = |binding: usize| metrics.stranded_by[binding][resource].area();
    let (mut instances, mut zones) = (Vec::new(), BTreeMap::<&str, (u128, u128)>::new());
    for (id, used) in metrics.instances.iter() {
        let area = used.areas[resource];
        let capacity = u128::from(super::parts(&cluster.instances()[id].capacity)[resource]);
        let whole = capacity * presence.0[id.index()];
        instances.push((area, whole));
        let zone = zones
            .entry(cluster.descriptions()[id].zone().unwrap_or_default())
            .or_default();
        (zone.0, zone.1) = (zone.0 + area, zone.1 + whole);
    }
    ResourceResults {
        resource: RESOURCES[resource],
        capacity: metrics.capacity()[resource],
        mean_capacity: changed(registered, span).then(|| registered.integral.mean(span)),
        offered_load: (whole > 0).then(|| ratio(metrics.offered[resource], whole)),
        utilization: ratio(reserved.area(), whole),
        peak: reserved.peak(),
        stranded: ratio(stranded, whole),
        stranded_by: (0..4)
            .filter(|b| by(*b) > 0)
            .map(|b| (RESOURCES[b], ratio(by(b), whole)))
            .collect(),
        fragmentation: ratio(stranded, whole.saturating_sub(reserved.area())),
        imbalance_instances: variation(instances.into_iter()),
        imbalance_zones: variation(zones.into_values()),
    }
}

/// Coefficient of variation (standard deviation over mean, both over the population) of area over
/// capacity; absent when all are zero. Who has no capacity does not count.
fn variation(parts: impl Iterator<Item = (u128, u128)>) -> Option<f64> {
    let values: Vec<f64> = parts
        .filter(|(_, whole)| *whole > 0)
        .map(|(part, whole)| part as f64 / whole as f64)
        .collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count;
    (mean > 0.0).then(|| variance.sqrt() / mean)
}

fn pools<'a>(
    metrics: &ClusterMetrics,
    cluster: &'a Cluster,
    presence: &Presence,
    name: impl Fn(&'a crate::model::instance::Description) -> Option<&'a str>,
) -> Vec<PoolResults> {
    let mut pools: BTreeMap<&str, Pool> = BTreeMap::new();
    for (id, description) in cluster.descriptions().iter() {
        let pool = pools
            .entry(name(description).unwrap_or_default())
            .or_default();
        let used = &metrics.instances[id];
        pool.instances += 1;
        pool.tasks += used.tasks;
        for (resource, part) in super::parts(&description.capacity).into_iter().enumerate() {
            pool.areas[resource] += used.areas[resource];
            pool.capacities[resource] += u128::from(part) * presence.0[id.index()];
        }
    }
    let pools = pools.into_iter().map(|(name, pool)| PoolResults {
        name: name.to_owned(),
        instances: pool.instances,
        tasks: pool.tasks,
        utilization: (0..4)
            .filter(|resource| pool.capacities[*resource] > 0)
            .map(|resource| {
                let whole = pool.capacities[resource];
                (RESOURCES[resource], ratio(pool.areas[resource], whole))
            })
            .collect(),
    });
    pools.collect()
}

/// Sums over instances that have something in common.
#[derive(Default)]
struct Pool {
    instances: u64,
    tasks: u64,
    areas: [u128; 4],
    capacities: [u128; 4],
}
