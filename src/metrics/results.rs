//! The results of a run: what `summary.json` holds, and what the table on the terminal is made of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::level::ratio;
use super::sample::Summary;
use super::{ClusterMetrics, Metrics, RESOURCES};
use crate::engine::{Outcome, World};
use crate::model::arena::{ClusterId, GroupId, Id};
use crate::model::cluster::Cluster;
use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};

/// Bounded slowdown counts run times below this as this much. Source: Feitelson and Rudolph 1998.
pub const SLOWDOWN_BOUND: SimDuration = SimDuration::from_secs(10);

/// An instance is paid for at least this long. Source: Amazon EC2 on-demand pricing (per second
/// billing with a minimum of 60 seconds).
pub const LEAST_BILLED: SimDuration = SimDuration::from_secs(60);

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
    /// Money; absent when no instance has a price.
    pub cost: Option<Cost>,
    /// What the engine did.
    pub engine: EngineCounts,
    /// Laws that must hold exactly.
    pub checks: Checks,
}

/// Tasks by final state. `requested` = `placed` + `givenUp` + `waiting`, and `placed` = `stopped` +
/// `running` + `pending`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskCounts {
    /// Asked for.
    pub requested: u64,
    /// Accepted and placed.
    pub placed: u64,
    /// STOPPED at the end.
    pub stopped: u64,
    /// RUNNING at the end.
    pub running: u64,
    /// PROVISIONING or PENDING at the end.
    pub pending: u64,
    /// Never placed: the caller gave up.
    pub given_up: u64,
    /// Not placed so far: the caller still waits at the end.
    pub waiting: u64,
    /// Stopped tasks by exit code.
    pub exit_codes: BTreeMap<u8, u64>,
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
    /// Registered instances.
    pub instances: u64,
    /// Instances with at least one task: mean and peak.
    pub instances_used: MeanPeak,
    /// Tasks running: mean and peak.
    pub running: MeanPeak,
    /// Tasks waiting to be placed: mean and peak.
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
    /// Registered, in its unit.
    pub capacity: u64,
    /// Demand × run time of all tasks asked for, over capacity × time; absent over no time.
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

/// Money, in US dollars.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Hours that instances were registered, warm-up included.
    pub instance_hours: f64,
    /// Price × time registered, at least 60 s each; instances without a price count nothing.
    pub usd: f64,
    /// Part of it for time without any task, warm-up left out.
    pub idle_share: f64,
    /// Instances without a price.
    pub unpriced_instances: u64,
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

impl Metrics {
    /// Sums up a run that ended with `outcome`.
    pub fn results(&mut self, outcome: &Outcome) -> Results {
        let (end, world) = (outcome.end, &outcome.world);
        for id in world.clusters.ids() {
            self.cluster(id, world).touch(end, false);
        }
        self.in_system.set(end, self.in_system.level());
        let checks = self.check(outcome);
        self.offer_waiting(outcome);
        let span = end.since(self.since);
        let mut all = Observed::default();
        let clusters = world
            .clusters
            .ids()
            .map(|id| cluster_results(&self.clusters[id], id, world, span, &mut all));
        let clusters = clusters.collect();
        let (wait, turnaround, bounded_slowdown) = all.summaries();
        let counts = &self.counts;
        let pending: u64 = self
            .clusters
            .items()
            .iter()
            .map(|cluster| cluster.pending.integral.level())
            .sum();
        let waiting: u64 = self
            .clusters
            .items()
            .iter()
            .map(|cluster| cluster.waiting.integral.level())
            .sum();
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
            tasks: TaskCounts {
                requested: counts.requested,
                placed: counts.placed,
                stopped: counts.stopped,
                running: counts.started - counts.stopped,
                pending,
                given_up: counts.given_up,
                waiting,
                exit_codes: counts.exit_codes.clone(),
            },
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
            cost: cost(self, world, end),
            engine: EngineCounts {
                events: outcome.events,
                decisions: outcome.decisions,
            },
            checks,
        }
    }

    /// Tasks that still wait were asked for all the same.
    fn offer_waiting(&mut self, outcome: &Outcome) {
        for waiting in outcome
            .waiting
            .iter()
            .filter(|waiting| waiting.call.requested_at >= self.since)
        {
            let template = &outcome.world.templates[waiting.call.template];
            let run_time = u128::from(waiting.run_time.micros());
            self.clusters[template.cluster].offer(&template.demand.resources, run_time);
        }
    }

    /// Holds what was integrated against what is summed task by task.
    fn check(&self, outcome: &Outcome) -> Checks {
        let since = |at: SimTime| u128::from((outcome.end - at).micros());
        let live: u128 = outcome
            .live
            .iter()
            .map(|task| since(task.times.requested))
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
            for (sum, part) in sums
                .iter_mut()
                .zip(super::parts(&instance.resources_for(&template.demand)))
            {
                *sum += u128::from(part) * since(task.times.placed.unwrap_or(outcome.end));
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

fn cluster_results(
    metrics: &ClusterMetrics,
    id: ClusterId,
    world: &World,
    span: SimDuration,
    all: &mut Observed,
) -> ClusterResults {
    let cluster = &world.clusters[id];
    let capacity = cluster.total(|instance| instance.capacity);
    let shown = shown_resources(metrics, capacity);
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
    let mean_peak = |gauge: &super::level::Gauge| MeanPeak {
        mean: gauge.integral.mean(span),
        peak: gauge.integral.peak(),
    };
    ClusterResults {
        cluster: cluster.name.clone(),
        instances: cluster.instances().len() as u64,
        instances_used: mean_peak(&metrics.busy),
        running: mean_peak(&metrics.running),
        waiting: mean_peak(&metrics.waiting),
        resources: shown
            .into_iter()
            .map(|resource| resource_results(metrics, cluster, resource, capacity[resource], span))
            .collect(),
        groups,
        instance_types: pools(metrics, cluster, span, |description| {
            description.instance_type.as_deref()
        }),
        zones: pools(metrics, cluster, span, |description| description.zone()),
    }
}

/// The resources that the cluster has; network interfaces only where some task wanted one.
pub fn shown_resources(metrics: &ClusterMetrics, capacity: [u64; 4]) -> Vec<usize> {
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
    capacity: u64,
    span: SimDuration,
) -> ResourceResults {
    let whole = u128::from(capacity) * u128::from(span.micros());
    let reserved = &metrics.reserved[resource].integral;
    let stranded = metrics.stranded[resource].integral.area();
    let by = |binding: usize| metrics.stranded_by[binding][resource].area();
    let (mut instances, mut zones) = (Vec::new(), BTreeMap::<&str, (u128, u128)>::new());
    for (id, used) in metrics.instances.iter() {
        let area = used.reserved[resource].area();
        let capacity = u128::from(super::parts(&cluster.instances()[id].capacity)[resource]);
        instances.push((area, capacity));
        let zone = zones
            .entry(cluster.descriptions()[id].zone().unwrap_or_default())
            .or_default();
        (zone.0, zone.1) = (zone.0 + area, zone.1 + capacity);
    }
    ResourceResults {
        resource: RESOURCES[resource],
        capacity,
        offered_load: (whole > 0).then(|| ratio(metrics.offered[resource], whole)),
        utilization: ratio(reserved.area(), whole),
        peak: reserved.peak(),
        stranded: ratio(stranded, whole),
        stranded_by: (0..4)
            .filter(|b| by(*b) > 0)
            .map(|b| (RESOURCES[b], ratio(by(b), whole)))
            .collect(),
        fragmentation: ratio(stranded, whole - reserved.area()),
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
    span: SimDuration,
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
            pool.areas[resource] += used.reserved[resource].area();
            pool.capacities[resource] += part;
        }
    }
    let pools = pools.into_iter().map(|(name, pool)| PoolResults {
        name: name.to_owned(),
        instances: pool.instances,
        tasks: pool.tasks,
        utilization: (0..4)
            .filter(|resource| pool.capacities[*resource] > 0)
            .map(|resource| {
                let whole = u128::from(pool.capacities[resource]) * u128::from(span.micros());
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
    capacities: [u64; 4],
}

/// Micro-dollars × microseconds an hour that an instance costs over `span`.
fn charge(price: u64, span: u64) -> u128 {
    u128::from(price) * u128::from(span)
}

/// Micro-dollars × microseconds an hour, in dollars.
fn usd(charge: u128) -> f64 {
    charge as f64 / 3600.0 / 1e12
}

/// What one instance costs, registered from the start to `end`, in US dollars; absent without a price.
pub fn instance_cost(price: Option<u64>, end: SimTime) -> Option<f64> {
    price.map(|price| usd(charge(price, end.micros().max(LEAST_BILLED.micros()))))
}

fn cost(metrics: &Metrics, world: &World, end: SimTime) -> Option<Cost> {
    let (mut total, mut measured, mut idle) = (0u128, 0u128, 0u128);
    let (mut instances, mut unpriced) = (0u64, 0u64);
    let span = end.since(metrics.since).micros();
    for (id, cluster) in world.clusters.iter() {
        for (instance, description) in cluster.descriptions().iter() {
            instances += 1;
            let Some(price) = description.price else {
                unpriced += 1;
                continue;
            };
            let busy = metrics.clusters[id].instances[instance].busy.area();
            total += charge(price, end.micros().max(LEAST_BILLED.micros()));
            measured += charge(price, span);
            idle += u128::from(price) * (u128::from(span) - busy);
        }
    }
    (unpriced < instances).then(|| Cost {
        instance_hours: u128::from(instances) as f64 * end.secs() / 3600.0,
        usd: usd(total),
        idle_share: ratio(idle, measured),
        unpriced_instances: unpriced,
    })
}
