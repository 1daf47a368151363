//! What a person reads of a run: sentences and small tables, on the terminal and in the report.

use comfy_table::{CellAlignment, presets};

use crate::bounds::{Bound, Bounds};
use crate::engine::task::StopCode;
use crate::experiment::long_run::{LongRun, Method};
use crate::metrics::cost::Cost;
use crate::metrics::jobs::{JobResults, JobStatistics};
use crate::metrics::results::{ClusterResults, MeanPeak, PoolResults, ProviderResults, Results};
use crate::metrics::sample::Summary;

/// Rows of text under the names of their columns. The first column names the row, the others are
/// numbers with their units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// Rows, each as long as the header; an absent value is empty.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Table {
            header: header.map(str::to_owned).to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text: columns in line, all but the first at their right edge.
    pub fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_header(&self.header)
            .add_rows(&self.rows);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}

/// A part of the results: sentences, a table under them, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Sentences, a line each.
    pub lines: Vec<String>,
    /// The table, when there is one.
    pub table: Option<Table>,
}

impl Block {
    /// Sentences only.
    pub fn of_lines(lines: Vec<String>) -> Self {
        Block { lines, table: None }
    }

    /// A table only.
    pub fn of_table(table: Table) -> Self {
        Block {
            lines: Vec::new(),
            table: Some(table),
        }
    }

    /// The part as text.
    pub fn text(&self) -> String {
        let table = self.table.as_ref().map(Table::text);
        let parts: Vec<String> = self.lines.iter().cloned().chain(table).collect();
        parts.join("\n")
    }
}

/// The results as text, without colour.
pub fn text(results: &Results) -> String {
    let parts: Vec<String> = blocks(results).iter().map(Block::text).collect();
    parts.join("\n\n")
}

/// The results in the order in which they are read; no block is empty.
pub fn blocks(results: &Results) -> Vec<Block> {
    let mut blocks = vec![Some(counts(results))];
    if let Some(jobs) = &results.jobs {
        blocks.extend([Some(job_counts(jobs)), Some(queues(jobs))]);
    }
    for cluster in &results.clusters {
        blocks.push(resources(cluster));
        blocks.push(groups(cluster, results));
        blocks.push(pools("instance type", &cluster.instance_types));
        blocks.push(pools("zone", &cluster.zones));
    }
    blocks.push(providers(&results.capacity_providers));
    blocks.extend(results.bounds.iter().map(|it| Some(bounds(it))));
    blocks.push(Some(Block::of_lines(vec![footer(results)])));
    blocks.into_iter().flatten().collect()
}

fn counts(results: &Results) -> Block {
    let (tasks, calls) = (&results.tasks, &results.calls);
    let by_services = match tasks.services {
        0 => String::new(),
        1 => " and by a service".to_owned(),
        count => format!(" and by {count} services"),
    };
    // Tasks of jobs are asked for by no call.
    let in_calls = match (calls.made, tasks.services, &results.jobs) {
        (0, 0, Some(_)) => String::new(),
        (made, ..) => format!(" in {made} calls"),
    };
    // Where everybody who is accepted is placed in the same breath, one number says it.
    let accepted = if tasks.accepted == tasks.placed {
        String::new()
    } else {
        format!("{} accepted, ", tasks.accepted)
    };
    let mut states = format!(
        "{} stopped, {} running, {} pending",
        tasks.stopped, tasks.running, tasks.pending
    );
    for (count, state) in [
        (tasks.provisioning, "provisioning"),
        (tasks.stopping, "stopping"),
    ] {
        if count > 0 {
            states.push_str(&format!(", {count} {state}"));
        }
    }
    let mut lines = vec![format!(
        "{} tasks asked for{in_calls}{by_services}: {accepted}{} placed ({states}), {} given up, {} waiting",
        tasks.requested, tasks.placed, tasks.given_up, tasks.waiting
    )];
    if tasks
        .stop_codes
        .keys()
        .any(|code| *code != StopCode::EssentialContainerExited.text())
    {
        let codes = tasks.stop_codes.iter();
        let codes: Vec<String> = codes
            .map(|(code, count)| format!("{count} × {code}"))
            .collect();
        lines.push(format!("stopped: {}", codes.join(", ")));
    }
    if tasks.lost_vcpu_hours > 0.0 {
        lines.push(format!(
            "{} tasks interrupted, {:.1} vCPU-hours lost",
            tasks.interrupted, tasks.lost_vcpu_hours
        ));
    }
    if calls.refused > 0 {
        let mut reasons: Vec<String> = calls
            .reasons
            .iter()
            .map(|(reason, count)| format!("{count} × {reason}"))
            .collect();
        if reasons.is_empty() {
            reasons.push("no ACTIVE instance".to_owned());
        }
        lines.push(format!(
            "{} answers with failures: {}",
            calls.refused,
            reasons.join(", ")
        ));
    }
    Block::of_lines(lines)
}

fn job_counts(jobs: &JobResults) -> Block {
    let states = &jobs.statistics.states;
    let states = [
        (states.submitted, "submitted"),
        (states.pending, "pending"),
        (states.runnable, "runnable"),
        (states.starting, "starting"),
        (states.running, "running"),
        (states.succeeded, "succeeded"),
        (states.failed, "failed"),
    ];
    let count: u64 = states.iter().map(|(count, _)| count).sum();
    let states: Vec<String> = states
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    let mut text = format!("{count} jobs from {} SubmitJob calls", jobs.calls);
    match jobs.arrays {
        0 => {}
        1 => text.push_str(", 1 of them an array"),
        arrays => text.push_str(&format!(", {arrays} of them arrays")),
    }
    if !states.is_empty() {
        text.push_str(&format!(": {}", states.join(", ")));
    }
    if jobs.refused > 0 {
        text.push_str(&format!("; {} calls refused", jobs.refused));
    }
    let JobStatistics {
        attempts,
        retries,
        lost_vcpu_hours,
        ..
    } = &jobs.statistics;
    let mut made = format!("{attempts} attempts");
    if *retries > 0 {
        made.push_str(&format!(
            ", {retries} retried ({lost_vcpu_hours:.1} vCPU-hours lost)"
        ));
    }
    if let Some(makespan) = jobs.makespan {
        made.push_str(&format!("; makespan {}", span(makespan)));
    }
    Block::of_lines(vec![text, made])
}

/// Job queues, and under each the shares of its policy.
fn queues(jobs: &JobResults) -> Block {
    let mut table = Table::new([
        "queue",
        "jobs",
        "succeeded",
        "failed",
        "attempts",
        "wait mean",
        "p50",
        "p95",
        "p99",
        "max",
        "slowdown p95",
    ]);
    let mut add = |name: String, jobs: &JobStatistics| {
        let states = &jobs.states;
        let ended = states.succeeded + states.failed;
        let before = states.submitted + states.pending + states.runnable;
        let all = ended + before + states.starting + states.running;
        let counts = [all, states.succeeded, states.failed, jobs.attempts];
        let slowdown = jobs.bounded_slowdown.p95;
        table.row(
            [name]
                .into_iter()
                .chain(counts.map(|count| count.to_string()))
                .chain(waits(&jobs.wait))
                .chain([slowdown.map_or_else(String::new, |value| format!("{value:.2}"))]),
        );
    };
    for queue in &jobs.queues {
        add(queue.queue.clone(), &queue.statistics);
        for share in &queue.shares {
            add(format!("  share {}", share.share), &share.statistics);
        }
    }
    if jobs.queues.len() > 1 {
        add("all".to_owned(), &jobs.statistics);
    }
    Block::of_table(table)
}

fn resources(cluster: &ClusterResults) -> Option<Block> {
    let mut table = Table::new([
        "resource",
        "registered",
        "offered",
        "utilization",
        "peak",
        "stranded",
        "fragmentation",
        "imbalance",
    ]);
    for resource in &cluster.resources {
        table.row([
            resource.resource.to_owned(),
            resource.capacity.to_string(),
            resource.offered_load.map_or_else(String::new, percent),
            percent(resource.utilization),
            percent(resource.peak as f64 / resource.capacity as f64),
            percent(resource.stranded),
            percent(resource.fragmentation),
            resource
                .imbalance_instances
                .map_or_else(String::new, |value| format!("{value:.2}")),
        ]);
    }
    if cluster.instances == 0 {
        return None;
    }
    let mut instances = format!("{} instances", cluster.instances);
    let states = [
        (&cluster.instances_registered, "registered"),
        (&cluster.instances_starting, "starting"),
        (&cluster.instances_draining, "draining"),
        (&cluster.instances_disconnected, "disconnected"),
    ];
    for (level, state) in states {
        if let Some(MeanPeak { mean, peak }) = level {
            instances.push_str(&format!("; {state}: {mean:.1} on average, {peak} at most"));
        }
    }
    let joint = if instances.contains(';') {
        "; used:"
    } else {
        ","
    };
    let MeanPeak { mean, peak } = &cluster.instances_used;
    let used = if joint == "," { " used" } else { "" };
    let line = format!(
        "cluster {}: {instances}{joint} {mean:.1}{used} on average, {peak} at most",
        cluster.cluster,
    );
    Some(Block {
        lines: vec![line],
        table: Some(table),
    })
}

fn groups(cluster: &ClusterResults, results: &Results) -> Option<Block> {
    if cluster.groups.is_empty() {
        return None;
    }
    let mut table = Table::new([
        "group",
        "asked",
        "placed",
        "given up",
        "wait mean",
        "p50",
        "p95",
        "p99",
        "max",
        "slowdown p95",
    ]);
    for group in &cluster.groups {
        let mut row = vec![group.group.clone()];
        row.extend([group.requested, group.placed, group.given_up].map(|count| count.to_string()));
        row.extend(waits(&group.wait));
        row.push(
            group
                .bounded_slowdown
                .p95
                .map_or_else(String::new, |value| format!("{value:.2}")),
        );
        table.row(row);
    }
    if cluster.groups.len() > 1 && results.clusters.len() == 1 {
        let tasks = &results.tasks;
        let mut row = vec!["all".to_owned()];
        row.extend([tasks.requested, tasks.placed, tasks.given_up].map(|count| count.to_string()));
        row.extend(waits(&results.wait));
        row.push(
            results
                .bounded_slowdown
                .p95
                .map_or_else(String::new, |value| format!("{value:.2}")),
        );
        table.row(row);
    }
    Some(Block::of_table(table))
}

/// Capacity providers with an Auto Scaling group.
fn providers(providers: &[ProviderResults]) -> Option<Block> {
    if providers.is_empty() {
        return None;
    }
    let mut table = Table::new([
        "capacity provider",
        "desired mean",
        "max",
        "running mean",
        "max",
        "tasks waiting mean",
        "max",
        "reservation mean",
    ]);
    for provider in providers {
        let levels = [&provider.desired, &provider.running, &provider.waiting];
        let levels = levels
            .into_iter()
            .flat_map(|level| [format!("{:.1}", level.mean), level.peak.to_string()]);
        let reservation = provider
            .reservation
            .map_or_else(String::new, |value| format!("{value:.1} %"));
        table.row(
            [provider.name.clone()]
                .into_iter()
                .chain(levels)
                .chain([reservation]),
        );
    }
    Some(Block::of_table(table))
}

/// Instances by what they have in common; nothing when that is the same for all.
fn pools(what: &str, pools: &[PoolResults]) -> Option<Block> {
    if pools.len() < 2 {
        return None;
    }
    let mut table = Table::new([what, "instances", "tasks", "CPU", "memory", "GPU"]);
    for pool in pools {
        let share = |resource| {
            pool.utilization
                .get(resource)
                .copied()
                .map_or_else(String::new, percent)
        };
        let name = if pool.name.is_empty() {
            "(none)"
        } else {
            &pool.name
        };
        let numbers = [pool.instances.to_string(), pool.tasks.to_string()];
        let shares = [share("CPU"), share("MEMORY"), share("GPU")];
        table.row([name.to_owned()].into_iter().chain(numbers).chain(shares));
    }
    Some(Block::of_table(table))
}

/// How sure one run is of its waits.
pub fn long_run(run: &LongRun) -> Vec<String> {
    let mean = &run.mean;
    let half_width = mean.estimate.half_width.unwrap_or_default();
    let mut lines = vec![format!(
        "wait, mean: {} ± {} ({} % interval by {} batches of {}; their correlation is {:.2})",
        span(mean.estimate.mean),
        span(half_width),
        mean.estimate.confidence.share() * 100.0,
        mean.estimate.count,
        mean.batch_size,
        mean.lag_one
    )];
    if !mean.passed {
        lines.push(
            "the batches depend on each other: the run is too short, and its intervals too narrow"
                .to_owned(),
        );
    }
    lines.extend(run.p95.as_ref().map(|p95| {
        let by = match p95.by {
            Method::OrderStatistics => "order statistics",
            Method::Batches => "percentiles of the batches",
        };
        let (low, high) = (span(p95.interval.low), span(p95.interval.high));
        format!("wait, p95: {}, {low} to {high} by {by}", span(p95.value))
    }));
    lines
}

/// What was reached, and what nothing could have come below.
fn bounds(bounds: &Bounds) -> Block {
    let mut table = Table::new(["lower bounds", "reached", "bound", "gap", "by"]);
    let mut add = |what: &str, cluster: Option<&str>, bound: &Bound, show: fn(f64) -> String| {
        let name = match cluster {
            Some(cluster) if bounds.clusters.len() > 1 => format!("{what}, {cluster}"),
            _ => what.to_owned(),
        };
        let gap = bound.gap.map_or_else(String::new, percent);
        let (reached, least) = (show(bound.reached), show(bound.bound));
        table.row([name, reached, least, gap, bound.by.to_owned()]);
    };
    for cluster in &bounds.clusters {
        let rows = [
            ("makespan", &cluster.makespan, span as fn(f64) -> String),
            ("instances at peak", &cluster.instances_at_peak, |count| {
                format!("{count:.0}")
            }),
            (
                "instances on average",
                &cluster.instances_on_average,
                |mean| format!("{mean:.1}"),
            ),
            ("cost of instances", &cluster.cost, |usd| {
                format!("{usd:.2} USD")
            }),
        ];
        for (what, bound, show) in rows {
            if let Some(bound) = bound {
                add(what, Some(&cluster.cluster), bound, show);
            }
        }
    }
    if let Some(bound) = &bounds.critical_path {
        add("makespan of jobs", None, bound, span);
    }
    Block::of_table(table)
}

fn footer(results: &Results) -> String {
    let mut parts = vec![format!("run of {}", span(results.end))];
    if results.warm_up > 0.0 {
        parts.push(format!("statistics from {}", span(results.warm_up)));
    }
    if let Some(cost) = &results.cost {
        parts.push(money(cost));
        if cost.unpriced_instances > 0 {
            parts.push(format!(
                "{} instances have no price",
                cost.unpriced_instances
            ));
        }
        if cost.unpriced_fargate_tasks > 0 {
            parts.push(format!(
                "{} tasks on Fargate have no price",
                cost.unpriced_fargate_tasks
            ));
        }
    }
    parts.push(format!(
        "{} events, {} placement decisions",
        results.engine.events, results.engine.decisions
    ));
    parts.join("; ")
}

fn money(cost: &Cost) -> String {
    let kinds = [
        (cost.on_demand_usd, "on demand"),
        (cost.spot_usd, "Spot"),
        (cost.fargate_usd, "Fargate"),
        (cost.fargate_spot_usd, "Fargate Spot"),
    ];
    let kinds: Vec<String> = kinds
        .iter()
        .filter(|(usd, _)| *usd > 0.0)
        .map(|(usd, kind)| format!("{usd:.2} {kind}"))
        .collect();
    let instances = cost.on_demand_usd + cost.spot_usd;
    let mut text = format!("{:.2} USD", cost.usd);
    // Standing instances at the on-demand price are what a reader takes for granted.
    if cost.usd > cost.on_demand_usd {
        text.push_str(&format!(" ({})", kinds.join(", ")));
    }
    if instances > 0.0 || cost.usd == 0.0 {
        text.push_str(&format!(
            " for {:.1} instance-hours, {} of it idle",
            cost.instance_hours,
            percent(cost.idle_share)
        ));
    }
    text
}

fn waits(wait: &Summary) -> [String; 5] {
    [wait.mean, wait.p50, wait.p95, wait.p99, wait.max]
        .map(|value| value.map_or_else(String::new, span))
}

/// Seconds in the unit that reads best.
pub fn span(secs: f64) -> String {
    let (value, unit) = match secs {
        s if s < 1e-9 => return "0".to_owned(),
        s if s < 1.0 => (s * 1e3, "ms"),
        s if s < 120.0 => (s, "s"),
        s if s < 7200.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3600.0, "h"),
        s => (s / 86_400.0, "d"),
    };
    let digits = if value < 10.0 { 2 } else { 1 };
    format!("{value:.digits$} {unit}")
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        let check = |secs, text: &str| assert_eq!(span(secs), text);
        check(0.0, "0");
        check(0.25, "250.0 ms");
        check(9.876, "9.88 s");
        check(600.0, "10.0 min");
        check(86_400.0, "24.0 h");
        check(1e6, "11.6 d");
    }
}
