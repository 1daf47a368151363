//! The table that a person reads on the terminal.

use comfy_table::{CellAlignment, Table, presets};

use crate::metrics::results::{ClusterResults, PoolResults, Results};
use crate::metrics::sample::Summary;

/// The results as text, without colour.
pub fn text(results: &Results) -> String {
    let mut parts = vec![counts(results)];
    for cluster in &results.clusters {
        parts.push(resources(cluster));
        parts.push(groups(cluster, results));
        parts.push(pools("instance type", &cluster.instance_types));
        parts.push(pools("zone", &cluster.zones));
    }
    parts.push(footer(results));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn counts(results: &Results) -> String {
    let (tasks, calls) = (&results.tasks, &results.calls);
    let mut lines = vec![format!(
        "{} tasks asked for in {} calls: {} placed ({} stopped, {} running, {} pending), {} given up, {} waiting",
        tasks.requested,
        calls.made,
        tasks.placed,
        tasks.stopped,
        tasks.running,
        tasks.pending,
        tasks.given_up,
        tasks.waiting
    )];
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
    lines.join("\n")
}

fn resources(cluster: &ClusterResults) -> String {
    let mut table = table([
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
        table.add_row([
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
    format!(
        "cluster {}: {} instances, {:.1} used on average, {} at most\n{table}",
        cluster.cluster,
        cluster.instances,
        cluster.instances_used.mean,
        cluster.instances_used.peak
    )
}

fn groups(cluster: &ClusterResults, results: &Results) -> String {
    if cluster.groups.is_empty() {
        return String::new();
    }
    let mut table = table([
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
        table.add_row(row);
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
        table.add_row(row);
    }
    table.to_string()
}

/// Instances by what they have in common; nothing when that is the same for all.
fn pools(what: &str, pools: &[PoolResults]) -> String {
    if pools.len() < 2 {
        return String::new();
    }
    let mut table = table([what, "instances", "tasks", "CPU", "memory", "GPU"]);
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
        table.add_row([name.to_owned()].into_iter().chain(numbers).chain(shares));
    }
    table.to_string()
}

fn footer(results: &Results) -> String {
    let mut parts = vec![format!("run of {}", span(results.end))];
    if results.warm_up > 0.0 {
        parts.push(format!("statistics from {}", span(results.warm_up)));
    }
    if let Some(cost) = &results.cost {
        parts.push(format!(
            "{:.2} USD for {:.1} instance-hours, {} of it idle",
            cost.usd,
            cost.instance_hours,
            percent(cost.idle_share)
        ));
        if cost.unpriced_instances > 0 {
            parts.push(format!(
                "{} instances have no price",
                cost.unpriced_instances
            ));
        }
    }
    parts.push(format!(
        "{} events, {} placement decisions",
        results.engine.events, results.engine.decisions
    ));
    parts.join("; ")
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

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for column in 1..N {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
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
