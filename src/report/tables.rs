//! The files that are written when the run is over: instances, utilization, summary.

use std::io;

use serde::{Deserialize, Serialize};

use super::jobs::JobSeries;
use super::{Clock, write_secs};
use crate::engine::{Outcome, World};
use crate::experiment::long_run::LongRun;
use crate::metrics::cost::instance_cost;
use crate::metrics::fleet::registered_for;
use crate::metrics::level::{Bins, Gauge, ratio};
use crate::metrics::results::Results;
use crate::metrics::{Metrics, RESOURCES};
use crate::model::arena::ClusterId;
use crate::model::instance::{Description, InstanceStatus, Purchase};
use crate::time::{SimDuration, SimTime};
use crate::units::Timestamp;

/// Writes `instances.csv`: a row an instance, by cluster and age.
///
/// # Errors
/// When `out` cannot be written.
pub fn instances(
    out: impl io::Write,
    metrics: &Metrics,
    outcome: &Outcome,
    clock: Clock,
) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record([
        "containerInstance",
        "cluster",
        "ec2InstanceId",
        "instanceType",
        "availabilityZone",
        "capacityProvider",
        "purchase",
        "status",
        "launchedAt",
        "registeredAt",
        "terminatedAt",
        "cpu",
        "memory",
        "gpu",
        "eni",
        "tasks",
        "cpuUtilization",
        "memoryUtilization",
        "gpuUtilization",
        "busy",
        "cost",
    ])?;
    let (since, end) = (metrics.since(), outcome.end);
    for (id, cluster) in outcome.world.clusters.iter() {
        for (instance, description) in cluster.descriptions().iter() {
            let used = &metrics.clusters[id].instances[instance];
            let state = &cluster.instances()[instance];
            let span = u128::from(registered_for(description, state, since, end).micros());
            let capacity = description.capacity;
            let capacities = [capacity.cpu, capacity.memory, capacity.gpus, capacity.enis];
            let utilization = |resource: usize| {
                let whole = u128::from(capacities[resource]) * span;
                if whole == 0 {
                    String::new()
                } else {
                    fraction(ratio(used.areas[resource], whole))
                }
            };
            let provider = description.provider.map(|id| &outcome.world.providers[id]);
            let mut row: Vec<String> = vec![
                description.name.clone(),
                cluster.name.clone(),
                description.ec2_instance_id.clone().unwrap_or_default(),
                description.instance_type.clone().unwrap_or_default(),
                description.zone().unwrap_or_default().to_owned(),
                provider.map_or_else(String::new, |provider| provider.name.clone()),
                purchase(description.purchase).to_owned(),
                status(state.status).to_owned(),
                time(clock, description.launched_at),
                registered_at(description, clock),
                state
                    .left_at
                    .map_or_else(String::new, |left_at| time(clock, left_at)),
            ];
            row.extend(capacities.map(|amount| amount.to_string()));
            row.push(used.tasks.to_string());
            row.extend([utilization(0), utilization(1), utilization(2)]);
            row.push(if span == 0 {
                String::new()
            } else {
                fraction(ratio(u128::from(used.busy), span))
            });
            row.push(
                instance_cost(description, state, end)
                    .map_or_else(String::new, |usd| format!("{usd:.6}")),
            );
            out.write_record(&row)?;
        }
    }
    out.flush()
}

/// When an instance registered: as the clock has it, or the date that the scenario gives one that
/// was there before.
fn registered_at(description: &Description, clock: Clock) -> String {
    let at = description.joined_at;
    if at > SimTime::ZERO || description.registered_at == start(clock) {
        time(clock, at)
    } else {
        Timestamp::from_unix_secs(description.registered_at).to_string()
    }
}

const fn purchase(purchase: Purchase) -> &'static str {
    match purchase {
        Purchase::OnDemand => "on-demand",
        Purchase::Spot => "spot",
    }
}

fn start(clock: Clock) -> i64 {
    clock.0.map_or(0, Timestamp::unix_secs)
}

/// The word that ECS uses for a status.
pub(super) fn status(status: InstanceStatus) -> &'static str {
    match status {
        InstanceStatus::Registering => "REGISTERING",
        InstanceStatus::RegistrationFailed => "REGISTRATION_FAILED",
        InstanceStatus::Active => "ACTIVE",
        InstanceStatus::Draining => "DRAINING",
        InstanceStatus::Deregistering => "DEREGISTERING",
        InstanceStatus::Inactive => "INACTIVE",
    }
}

fn time(clock: Clock, at: SimTime) -> String {
    let mut text = Vec::new();
    clock.write(at, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A share with six decimals.
fn fraction(value: f64) -> String {
    format!("{value:.6}")
}

/// A level with no more than six decimals and none that are zero.
pub(super) fn level(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The levels of one cluster by bin.
pub struct Series {
    /// Width of the bins.
    pub width: SimDuration,
    /// End of the last bin.
    pub end: SimTime,
    /// Registered, by resource and bin.
    pub capacity: [Vec<f64>; 4],
    /// Reserved, by resource and bin.
    pub reserved: [Vec<f64>; 4],
    /// Stranded, by resource and bin.
    pub stranded: [Vec<f64>; 4],
    /// Instances with a task.
    pub busy: Vec<f64>,
    /// Instances and tasks by state, each with the name of its column.
    pub states: Vec<(&'static str, Vec<f64>)>,
    /// The cluster's capacity providers.
    pub providers: Vec<ProviderSeries>,
}

/// The levels of one capacity provider by bin.
pub struct ProviderSeries {
    /// Its name.
    pub name: String,
    /// CapacityProviderReservation in percent; none where it is not known.
    pub reservation: Vec<Option<f64>>,
    /// Desired capacity.
    pub desired: Vec<f64>,
    /// Instances registered and not leaving.
    pub running: Vec<f64>,
    /// Tasks that wait in PROVISIONING.
    pub waiting: Vec<f64>,
}

impl Series {
    /// Of a cluster, up to the end of the run.
    pub fn new(metrics: &Metrics, world: &World, id: ClusterId, end: SimTime) -> Self {
        let width = Bins::width_for(end);
        let means = |gauge: &Gauge| gauge.bins.means(width, end);
        let cluster = &metrics.clusters[id];
        let states = &cluster.states;
        let of = |name, gauge| (name, means(gauge));
        let providers = world.providers.iter().filter(|(_, provider)| {
            let group = provider.group();
            group.is_some_and(|group| group.cluster == id)
        });
        let providers = providers.map(|(id, provider)| {
            let metrics = &metrics.providers[id];
            ProviderSeries {
                name: provider.name.clone(),
                reservation: metrics.reservations(width, end),
                desired: means(&metrics.desired),
                running: means(&metrics.running),
                waiting: means(&metrics.waiting),
            }
        });
        Series {
            width,
            end,
            capacity: cluster.registered.each_ref().map(means),
            reserved: cluster.reserved.each_ref().map(means),
            stranded: cluster.stranded.each_ref().map(means),
            busy: means(&cluster.busy),
            states: vec![
                of("instancesStarting", &states.starting),
                of("instancesActive", &states.active),
                of("instancesDraining", &states.draining),
                of("instancesDisconnected", &states.disconnected),
                of("running", &cluster.running),
                of("provisioning", &cluster.provisioning),
                of("pending", &cluster.pending),
                of("stopping", &cluster.stopping),
                of("waiting", &cluster.waiting),
            ],
            providers: providers.collect(),
        }
    }

    /// Instances or tasks in the state of this column.
    pub fn state(&self, column: &str) -> &[f64] {
        let found = self.states.iter().find(|(name, _)| *name == column);
        found.map_or(&[], |(_, means)| means)
    }

    /// When the bins begin, and the end.
    pub fn edges(&self) -> Vec<SimTime> {
        let begins =
            (0..self.busy.len() as u64).map(|bin| SimTime::from_micros(bin * self.width.micros()));
        begins.chain([self.end]).collect()
    }
}

/// Writes `utilization.csv`: a row a bin and cluster, with the means over the bin. The columns of a
/// capacity provider are empty in the rows of the clusters that it does not belong to; those of jobs
/// are the same in the rows of all clusters.
///
/// # Errors
/// When `out` cannot be written.
pub fn utilization(
    out: impl io::Write,
    series: &[(String, Series)],
    jobs: &JobSeries,
    clock: Clock,
) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record(utilization_header(series).into_iter().chain(jobs.header()))?;
    let edges: Vec<Vec<SimTime>> = series.iter().map(|(_, series)| series.edges()).collect();
    let bins = series.iter().map(|(_, series)| series.busy.len()).max();
    for bin in 0..bins.unwrap_or(0) {
        for ((cluster, here), edges) in series.iter().zip(&edges) {
            let mut span = Vec::new();
            write_secs((edges[bin + 1] - edges[bin]).micros(), &mut span);
            let mut row = vec![
                time(clock, edges[bin]),
                String::from_utf8_lossy(&span).into_owned(),
                cluster.clone(),
                level(here.busy[bin]),
            ];
            row.extend(here.states.iter().map(|(_, means)| level(means[bin])));
            for resource in 0..4 {
                let levels = [&here.capacity, &here.reserved, &here.stranded];
                row.extend(levels.map(|levels| level(levels[resource][bin])));
            }
            for (_, other) in series {
                let own = std::ptr::eq(here, other);
                row.extend(other.providers.iter().flat_map(|provider| {
                    if own {
                        provider.fields(bin)
                    } else {
                        Default::default()
                    }
                }));
            }
            row.extend(jobs.means(bin).map(level));
            out.write_record(&row)?;
        }
    }
    out.flush()
}

fn utilization_header(series: &[(String, Series)]) -> Vec<String> {
    let mut header: Vec<String> = ["time", "duration", "cluster", "instancesUsed"]
        .map(str::to_owned)
        .to_vec();
    if let Some((_, first)) = series.first() {
        header.extend(first.states.iter().map(|(name, _)| (*name).to_owned()));
    }
    for resource in RESOURCES.map(str::to_lowercase) {
        header.extend(["Capacity", "Reserved", "Stranded"].map(|what| format!("{resource}{what}")));
    }
    for provider in series.iter().flat_map(|(_, series)| &series.providers) {
        let name = &provider.name;
        header.extend(PROVIDER_COLUMNS.map(|column| format!("cp.{name}.{column}")));
    }
    header
}

/// Columns of each capacity provider, after its name.
const PROVIDER_COLUMNS: [&str; 4] = ["reservation", "desired", "running", "waiting"];

impl ProviderSeries {
    fn fields(&self, bin: usize) -> [String; 4] {
        [
            self.reservation[bin].map_or_else(String::new, level),
            level(self.desired[bin]),
            level(self.running[bin]),
            level(self.waiting[bin]),
        ]
    }
}

/// `summary.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryFile<'a, A> {
    /// Version of stowplan.
    pub stowplan: &'static str,
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Its seed.
    pub seed: u64,
    /// Date of the start, when the scenario names one.
    pub start_date: Option<String>,
    /// The files that the scenario is made of.
    pub inputs: &'a [Input],
    /// Choices in force where AWS documents nothing.
    pub assumptions: &'a A,
    /// What came out.
    pub results: &'a Results,
    /// How sure the run is of its waits; absent where its work ends by itself, and over few waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_run: Option<&'a LongRun>,
}

/// An input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its name, counted from the scenario's folder.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

impl<A: Serialize> SummaryFile<'_, A> {
    /// The file as JSON text.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
