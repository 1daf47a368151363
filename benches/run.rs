//! A whole run, metrics and life cycle on: a million tasks on ten thousand instances.
//!
//! Prints tasks a second, events a second and the peak memory of the process; the load is that of
//! `shared/steady.rs` with twelve sizes of task instead of a continuum, starting empty.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Instant;

use stowplan::engine;
use stowplan::metrics::Metrics;
use stowplan::report::RowWriter;
use stowplan::report::rows::{FailureRows, TaskRows};
use stowplan::scenario::{self, Loaded};

const TASKS: u64 = 1_000_000;
const INSTANCES: u64 = 10_000;

/// Four sizes by three ratios of memory, each a workload with its share of the arrivals.
fn scenario_text(strategy: &str) -> String {
    let mut text = format!(
        "name: bench\nclusters: [{{containerInstances: [{{count: {INSTANCES}, registeredResources: {{CPU: 32768, MEMORY: 131072}}}}]}}]\n"
    );
    let (mut definitions, mut workloads) = (
        String::from("taskDefinitions:\n"),
        String::from("workloads:\n"),
    );
    // Mean CPU of a task is 1728 units; 80 % of the cluster's CPU is in use.
    let per_second = 0.8 * 32_768.0 * INSTANCES as f64 / 1728.0 / 3600.0;
    for (vcpu, share) in [(1, 0.45), (2, 0.30), (4, 0.20), (8, 0.05)] {
        for (ratio, part) in [(2, 0.5), (4, 0.3), (8, 0.2)] {
            let (cpu, weight) = (vcpu * 768, share * part);
            let name = format!("v{vcpu}r{ratio}");
            let memory = cpu * ratio;
            let count = (TASKS as f64 * weight).round();
            let rate = per_second * weight;
            let _ = writeln!(
                definitions,
                "  - {{family: {name}, containerDefinitions: [{{name: app, cpu: {cpu}, memory: {memory}}}]}}"
            );
            let _ = writeln!(
                workloads,
                "  - name: {name}\n    runTask: {{taskDefinition: {name}, placementStrategy: {strategy}}}\n    \
                 arrivals: {{process: poisson, rate: {rate}/s, count: {count}}}\n    \
                 containers: {{app: {{duration: {{distribution: exponential, mean: 1h}}}}}}\n    \
                 onFailure: {{queue: x-fcfs}}"
            );
        }
    }
    text.push_str(&definitions);
    text.push_str(&workloads);
    text
}

fn load(strategy: &str) -> Loaded {
    scenario::load_text("bench.yaml", &scenario_text(strategy), Path::new(""))
        .expect("the scenario loads")
}

/// Peak resident memory of this process in MiB, where the system tells.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<f64>()
            .ok()
    });
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// The reference loop: 10^9 dependent xor, multiply, add; how fast this machine is just now.
fn reference_secs() -> f64 {
    let start = Instant::now();
    let mut word = std::hint::black_box(1u64);
    for step in 0..1_000_000_000u64 {
        word = (word ^ step)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(1);
    }
    std::hint::black_box(word);
    start.elapsed().as_secs_f64()
}

fn main() {
    println!("reference loop: {:.2} s", reference_secs());
    let strategies = [
        ("binpack cpu", "[{type: binpack, field: cpu}]"),
        ("spread instanceId", "[{type: spread, field: instanceId}]"),
        ("random", "[{type: random}]"),
    ];
    for (name, strategy) in strategies {
        let plan = load(strategy).plan;
        let mut metrics = Metrics::new();
        let start = Instant::now();
        let outcome = engine::run(plan, &mut metrics);
        let results = metrics.results(&outcome);
        let secs = start.elapsed().as_secs_f64();
        assert!(results.checks.littles_law && results.checks.utilization_law);
        let tasks = results.tasks.stopped;
        println!(
            "{name}: {tasks} tasks in {secs:.2} s: {:.0} tasks/s, {:.0} events/s, peak {:.0} MiB",
            tasks as f64 / secs,
            outcome.events as f64 / secs,
            peak_mib()
        );
    }
    let loaded = load("[{type: binpack, field: cpu}]");
    let tasks = TaskRows::new(io::sink(), loaded.names.clone()).expect("a sink takes anything");
    let failures =
        FailureRows::new(io::sink(), loaded.names.clone()).expect("a sink takes anything");
    let mut rows = RowWriter::new(tasks, failures, None);
    let start = Instant::now();
    let outcome = engine::run(loaded.plan, &mut rows);
    let results = rows.metrics.results(&outcome);
    rows.finish(&outcome).expect("a sink takes anything");
    let secs = start.elapsed().as_secs_f64();
    println!(
        "binpack cpu with tasks.csv: {:.0} tasks/s, peak {:.0} MiB",
        results.tasks.stopped as f64 / secs,
        peak_mib()
    );
}
