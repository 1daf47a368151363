//! The files that are written when the run is over: instances, utilization, summary.

use std::io;

use serde::Serialize;

use super::{Clock, write_secs};
use crate::engine::Outcome;
use crate::metrics::level::{Bins, Gauge, ratio};
use crate::metrics::results::{Results, instance_cost};
use crate::metrics::{ClusterMetrics, Metrics, RESOURCES};
use crate::model::instance::InstanceStatus;
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
        "status",
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
    let span = u128::from(outcome.end.since(metrics.since()).micros());
    for (id, cluster) in outcome.world.clusters.iter() {
        for (instance, description) in cluster.descriptions().iter() {
            let used = &metrics.clusters[id].instances[instance];
            let capacity = description.capacity;
            let capacities = [capacity.cpu, capacity.memory, capacity.gpus, capacity.enis];
            let utilization = |resource: usize| {
                let whole = u128::from(capacities[resource]) * span;
                if whole == 0 {
                    String::new()
                } else {
                    fraction(ratio(used.reserved[resource].area(), whole))
                }
            };
            let registered = if description.registered_at == start(clock) {
                time(clock, SimTime::ZERO)
            } else {
                Timestamp::from_unix_secs(description.registered_at).to_string()
            };
            let mut row: Vec<String> = vec![
                description.name.clone(),
                cluster.name.clone(),
                description.ec2_instance_id.clone().unwrap_or_default(),
                description.instance_type.clone().unwrap_or_default(),
                description.zone().unwrap_or_default().to_owned(),
                status(cluster.instances()[instance].status).to_owned(),
                registered,
                String::new(),
            ];
            row.extend(capacities.map(|amount| amount.to_string()));
            row.push(used.tasks.to_string());
            row.extend([utilization(0), utilization(1), utilization(2)]);
            row.push(if span == 0 {
                String::new()
            } else {
                fraction(ratio(used.busy.area(), span))
            });
            row.push(
                instance_cost(description.price, outcome.end)
                    .map_or_else(String::new, |usd| format!("{usd:.6}")),
            );
            out.write_record(&row)?;
        }
    }
    out.flush()
}

fn start(clock: Clock) -> i64 {
    clock.0.map_or(0, Timestamp::unix_secs)
}

fn status(status: InstanceStatus) -> &'static str {
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
fn level(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The levels of one cluster by bin.
pub struct Series {
    /// Width of the bins.
    pub width: SimDuration,
    /// End of the last bin.
    pub end: SimTime,
    /// Registered, by resource.
    pub capacity: [u64; 4],
    /// Reserved, by resource and bin.
    pub reserved: [Vec<f64>; 4],
    /// Stranded, by resource and bin.
    pub stranded: [Vec<f64>; 4],
    /// Tasks RUNNING.
    pub running: Vec<f64>,
    /// Tasks PROVISIONING or PENDING.
    pub pending: Vec<f64>,
    /// Tasks waiting to be placed.
    pub waiting: Vec<f64>,
    /// Instances with a task.
    pub busy: Vec<f64>,
}

impl Series {
    /// Of a cluster with the given capacities, up to the end of the run.
    pub fn new(metrics: &ClusterMetrics, capacity: [u64; 4], end: SimTime) -> Self {
        let width = Bins::width_for(end);
        let means = |gauge: &Gauge| gauge.bins.means(width, end);
        Series {
            width,
            end,
            capacity,
            reserved: metrics.reserved.each_ref().map(means),
            stranded: metrics.stranded.each_ref().map(means),
            running: means(&metrics.running),
            pending: means(&metrics.pending),
            waiting: means(&metrics.waiting),
            busy: means(&metrics.busy),
        }
    }

    /// When the bins begin, and the end.
    pub fn edges(&self) -> Vec<SimTime> {
        let begins = (0..self.running.len() as u64)
            .map(|bin| SimTime::from_micros(bin * self.width.micros()));
        begins.chain([self.end]).collect()
    }
}

/// Writes `utilization.csv`: a row a bin and cluster, with the means over the bin.
///
/// # Errors
/// When `out` cannot be written.
pub fn utilization(
    out: impl io::Write,
    series: &[(String, Series)],
    clock: Clock,
) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    let mut header: Vec<String> = [
        "time",
        "duration",
        "cluster",
        "instancesUsed",
        "running",
        "pending",
        "waiting",
    ]
    .map(str::to_owned)
    .to_vec();
    for resource in RESOURCES.map(str::to_lowercase) {
        header.extend(["Capacity", "Reserved", "Stranded"].map(|what| format!("{resource}{what}")));
    }
    out.write_record(&header)?;
    let bins = series
        .iter()
        .map(|(_, series)| series.running.len())
        .max()
        .unwrap_or(0);
    for bin in 0..bins {
        for (cluster, series) in series {
            let edges = series.edges();
            let mut span = Vec::new();
            write_secs((edges[bin + 1] - edges[bin]).micros(), &mut span);
            let mut row = vec![
                time(clock, edges[bin]),
                String::from_utf8_lossy(&span).into_owned(),
                cluster.clone(),
            ];
            row.extend(
                [
                    &series.busy,
                    &series.running,
                    &series.pending,
                    &series.waiting,
                ]
                .map(|means| level(means[bin])),
            );
            for resource in 0..4 {
                row.push(series.capacity[resource].to_string());
                row.push(level(series.reserved[resource][bin]));
                row.push(level(series.stranded[resource][bin]));
            }
            out.write_record(&row)?;
        }
    }
    out.flush()
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
}

/// An input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// Names of the rows of the heat map of a cluster, and which instances each covers.
pub fn heat_rows(
    metrics: &ClusterMetrics,
    names: &[&str],
) -> Vec<(String, std::ops::Range<usize>)> {
    let rows = metrics.rows.len();
    let first = |row: usize| {
        (0..names.len())
            .find(|index| crate::metrics::row_of(*index, names.len()) >= row)
            .unwrap_or(names.len())
    };
    (0..rows)
        .map(|row| (names[first(row)].to_owned(), first(row)..first(row + 1)))
        .collect()
}
