//! What a run is judged by: named numbers read off its [`Results`].

use serde::Serialize;
use serde_json::Value;

use crate::metrics::results::{ClusterResults, ResourceResults, Results};
use crate::metrics::sample::Summary;
use crate::statistics::verdict::Goal;

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A part of a whole, 0 to 1.
    Share,
    /// US dollars.
    Dollars,
    /// A plain number.
    Number,
}

/// A number of a run.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its name: one of [`names`], or a path into `summary.json`.
    pub name: String,
    /// What it is measured in; of a path that is not known.
    pub unit: Unit,
    /// Which way it is better; absent where neither is, or nobody knows.
    pub goal: Option<Goal>,
    reading: Reading,
}

/// Where a metric comes from.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Results(fn(&Results) -> Option<f64>),
    Path,
}

/// Part and whole of a resource of a cluster.
type OfResource = fn(&ResourceResults) -> (f64, f64);

/// The wait that counts: of jobs where there are job queues, of tasks elsewhere.
fn wait(results: &Results) -> &Summary {
    match &results.jobs {
        Some(jobs) => &jobs.statistics.wait,
        None => &results.wait,
    }
}

fn slowdown(results: &Results) -> &Summary {
    match &results.jobs {
        Some(jobs) => &jobs.statistics.bounded_slowdown,
        None => &results.bounded_slowdown,
    }
}

fn turnaround(results: &Results) -> &Summary {
    match &results.jobs {
        Some(jobs) => &jobs.statistics.turnaround,
        None => &results.turnaround,
    }
}

/// A ratio of a resource over all clusters: sum of parts over sum of wholes. Absent where no cluster
/// has the resource.
fn over_clusters(results: &Results, resource: &str, of: OfResource) -> Option<f64> {
    let all = results.clusters.iter().flat_map(|it| &it.resources);
    let parts = all.filter(|it| it.resource == resource).map(of);
    let (part, whole) = parts.fold((0.0, 0.0), |sum, (part, whole)| {
        (sum.0 + part, sum.1 + whole)
    });
    (whole > 0.0).then(|| part / whole)
}

fn capacity(resource: &ResourceResults) -> f64 {
    resource.mean_capacity.unwrap_or(resource.capacity as f64)
}

fn utilization(it: &ResourceResults) -> (f64, f64) {
    (it.utilization * capacity(it), capacity(it))
}

fn stranded(it: &ResourceResults) -> (f64, f64) {
    (it.stranded * capacity(it), capacity(it))
}

/// Stranded over free. Where nothing is free, nothing is fragmented.
fn fragmentation(it: &ResourceResults) -> (f64, f64) {
    let free = (1.0 - it.utilization) * capacity(it);
    (it.stranded * capacity(it), free.max(f64::MIN_POSITIVE))
}

/// Tasks, or jobs where there are any, that still wait to begin at the end.
fn waiting(results: &Results) -> f64 {
    let count = match &results.jobs {
        Some(jobs) => {
            let states = &jobs.statistics.states;
            states.submitted + states.pending + states.runnable
        }
        None => results.tasks.waiting + results.tasks.provisioning,
    };
    count as f64
}

/// Unit and goal of the metric at a path, as far as its names tell.
fn of_path(path: &str) -> (Unit, Option<Goal>) {
    let has = |name: &str| path.split('.').any(|part| part == name);
    match has("wait") || has("turnaround") {
        true => (Unit::Seconds, LOWER),
        false if has("boundedSlowdown") => (Unit::Number, LOWER),
        false => (Unit::Number, None),
    }
}

fn over_all(results: &Results, of: fn(&ClusterResults) -> f64) -> Option<f64> {
    let clusters = &results.clusters;
    (!clusters.is_empty()).then(|| clusters.iter().map(of).sum())
}

/// Instances registered, on average over time.
fn registered(cluster: &ClusterResults) -> f64 {
    let changing = cluster.instances_registered.as_ref();
    changing.map_or(cluster.instances as f64, |it| it.mean)
}

macro_rules! known {
    ($($name:literal, $unit:ident, $goal:expr, $reading:expr;)*) => {
        /// Every known metric, in the order of tables.
        fn known() -> Vec<Metric> {
            vec![$(Metric {
                name: $name.to_owned(),
                unit: Unit::$unit,
                goal: $goal,
                reading: Reading::Results($reading),
            },)*]
        }
    };
}

const LOWER: Option<Goal> = Some(Goal::Lower);

known! {
    "wait.mean", Seconds, LOWER, |it| wait(it).mean;
    "wait.p50", Seconds, LOWER, |it| wait(it).p50;
    "wait.p90", Seconds, LOWER, |it| wait(it).p90;
    "wait.p95", Seconds, LOWER, |it| wait(it).p95;
    "wait.p99", Seconds, LOWER, |it| wait(it).p99;
    "wait.max", Seconds, LOWER, |it| wait(it).max;
    "slowdown.mean", Number, LOWER, |it| slowdown(it).mean;
    "slowdown.p95", Number, LOWER, |it| slowdown(it).p95;
    "turnaround.mean", Seconds, LOWER, |it| turnaround(it).mean;
    "turnaround.p95", Seconds, LOWER, |it| turnaround(it).p95;
    "makespan", Seconds, LOWER, |it| match &it.jobs {
        Some(jobs) => jobs.makespan,
        None => it.makespan,
    };
    "throughput", Number, Some(Goal::Higher), |it| Some(it.throughput_per_hour);
    "utilization.cpu", Share, None, |it| over_clusters(it, "CPU", utilization);
    "utilization.memory", Share, None, |it| over_clusters(it, "MEMORY", utilization);
    "utilization.gpu", Share, None, |it| over_clusters(it, "GPU", utilization);
    "stranded.cpu", Share, LOWER, |it| over_clusters(it, "CPU", stranded);
    "stranded.memory", Share, LOWER, |it| over_clusters(it, "MEMORY", stranded);
    "stranded.gpu", Share, LOWER, |it| over_clusters(it, "GPU", stranded);
    "fragmentation.cpu", Share, LOWER, |it| over_clusters(it, "CPU", fragmentation);
    "fragmentation.memory", Share, LOWER, |it| over_clusters(it, "MEMORY", fragmentation);
    "fragmentation.gpu", Share, LOWER, |it| over_clusters(it, "GPU", fragmentation);
    "instances.used", Number, LOWER, |it| over_all(it, |cluster| cluster.instances_used.mean);
    "instances.registered", Number, LOWER, |it| over_all(it, registered);
    "instances.peak", Number, LOWER, |it| over_all(it, |cluster| cluster.instances_used.peak as f64);
    "placed", Number, Some(Goal::Higher), |it| Some(it.tasks.placed as f64);
    "waiting", Number, LOWER, |it| Some(waiting(it));
    "refusals", Number, LOWER, |it| Some(it.calls.refused as f64);
    "given-up", Number, LOWER, |it| Some(it.tasks.given_up as f64);
    "failed", Number, LOWER, |it| it.jobs.as_ref().map(|jobs| jobs.statistics.states.failed as f64);
    "retries", Number, LOWER, |it| it.jobs.as_ref().map(|jobs| jobs.statistics.retries as f64);
    "interrupted", Number, LOWER, |it| Some(it.tasks.interrupted as f64);
    "cost", Dollars, LOWER, |it| it.cost.as_ref().map(|cost| cost.usd);
    "cost.idle-share", Share, LOWER, |it| it.cost.as_ref().map(|cost| cost.idle_share);
}

/// The metrics of a comparison that asks for none in particular.
const USUAL: [&str; 18] = [
    "wait.mean",
    "wait.p50",
    "wait.p95",
    "wait.p99",
    "slowdown.mean",
    "slowdown.p95",
    "utilization.cpu",
    "utilization.memory",
    "utilization.gpu",
    "stranded.cpu",
    "stranded.memory",
    "fragmentation.cpu",
    "fragmentation.memory",
    "instances.used",
    "waiting",
    "refusals",
    "given-up",
    "cost",
];

/// Names of all known metrics.
pub fn names() -> Vec<String> {
    known().into_iter().map(|metric| metric.name).collect()
}

/// The metrics of a comparison that asks for none in particular.
pub fn usual() -> Vec<Metric> {
    let known = known().into_iter();
    known
        .filter(|metric| USUAL.contains(&metric.name.as_str()))
        .collect()
}

impl Metric {
    /// The metric of this name, or the one at this path of `summary.json`, such as
    /// `clusters[default].groups[family:web].wait.p95`: items of lists go by number or by name.
    pub fn named(name: &str) -> Metric {
        let known = known().into_iter().find(|metric| metric.name == name);
        known.unwrap_or_else(|| {
            let (unit, goal) = of_path(name);
            Metric {
                name: name.to_owned(),
                unit,
                goal,
                reading: Reading::Path,
            }
        })
    }

    /// Whether it is one of [`names`].
    pub fn is_known(&self) -> bool {
        !matches!(self.reading, Reading::Path)
    }

    /// Whether it is an average over time or over the tasks or jobs of a run, and so says something of
    /// the long run: names that end in `mean`, and rates and shares of capacity.
    pub fn is_average(&self) -> bool {
        let rates = [
            "throughput",
            "instances.used",
            "instances.registered",
            "cost.idle-share",
        ];
        let shares = ["utilization.", "stranded.", "fragmentation."];
        self.name.ends_with(".mean")
            || self.is_known()
                && (rates.contains(&self.name.as_str())
                    || shares.iter().any(|it| self.name.starts_with(it)))
    }

    /// Its value; absent where the run has none, such as a wait over no tasks.
    pub fn of(&self, results: &Results) -> Option<f64> {
        match self.reading {
            Reading::Results(read) => read(results),
            Reading::Path => {
                let value = serde_json::to_value(results).ok()?;
                at_path(&value, &self.name)?.as_f64()
            }
        }
    }
}

/// The value at a path of keys and `[items]`.
fn at_path<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut here = value;
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (item, after) = inside.split_once(']')?;
            let items = here.as_array()?;
            here = match item.parse::<usize>() {
                Ok(number) => items.get(number)?,
                Err(_) => items.iter().find(|it| is_called(it, item))?,
            };
            rest = after;
        } else {
            let key = rest.strip_prefix('.').unwrap_or(rest);
            let end = key.find(['.', '[']).unwrap_or(key.len());
            here = here.get(&key[..end])?;
            rest = &key[end..];
        }
    }
    Some(here)
}

/// Whether the first text of an item of a list, its name, is this.
fn is_called(item: &Value, name: &str) -> bool {
    let texts = item.as_object().into_iter().flat_map(|it| it.values());
    texts.filter_map(Value::as_str).next() == Some(name)
}
