//! Lower bounds hold: derived by hand, and on random scenarios.

use std::path::Path;

use rand::RngExt;
use stowplan::bounds::{Bound, Bounds};
use stowplan::engine;
use stowplan::metrics::Metrics;
use stowplan::metrics::results::Results;
use stowplan::rng::{Purpose, Streams};
use stowplan::scenario::load_text;

fn run(text: &str) -> Results {
    let plan = match load_text("bounds.yaml", text, Path::new("")) {
        Ok(loaded) => loaded.plan,
        Err(problems) => panic!("{problems}"),
    };
    let mut metrics = Metrics::new();
    let outcome = engine::run(plan, &mut metrics);
    let results = metrics.results(&outcome);
    check(&results);
    results
}

/// All bounds of a run, with their names.
fn all(bounds: &Bounds) -> Vec<(&'static str, &Bound)> {
    let mut list = vec![("critical path", bounds.critical_path.as_ref())];
    for cluster in &bounds.clusters {
        list.extend([
            ("makespan", cluster.makespan.as_ref()),
            ("instances at peak", cluster.instances_at_peak.as_ref()),
            (
                "instances on average",
                cluster.instances_on_average.as_ref(),
            ),
            ("cost", cluster.cost.as_ref()),
        ]);
    }
    let all = list.into_iter();
    all.filter_map(|(name, bound)| Some((name, bound?)))
        .collect()
}

/// No bound of a run exceeds what it has reached, up to the last bits of a float.
pub fn check(results: &Results) {
    for (name, bound) in results.bounds.iter().flat_map(all) {
        let most = bound.reached * (1.0 + 1e-12);
        assert!(bound.bound <= most, "{name}: {bound:?}");
    }
}

/// Name, reached, bound and what it comes from, as far as they are given.
fn expect(results: &Results, expected: &[(&str, f64, f64, &str)]) {
    let bounds = results.bounds.as_ref().expect("some bound applies");
    let found = all(bounds);
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    let wanted: Vec<&str> = expected.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, wanted);
    for ((name, found), (_, reached, bound, by)) in found.iter().zip(expected) {
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(
            close(found.reached, *reached) && close(found.bound, *bound) && found.by == *by,
            "{name}: {found:?}"
        );
    }
}

/// Tasks of `cpu` units and 512 MiB for a minute each, `count` of them at each of `times`, on
/// `instances` instances of 2 vCPU and 4 GiB for 0.36 USD an hour, which is 0.0001 USD a second.
fn minutes(instances: u32, cpu: u32, count: u32, times: &str, more: &str) -> String {
    format!(
        "
name: minutes
{more}
clusters:
  - containerInstances:
      - {{count: {instances}, registeredResources: {{CPU: 2048, MEMORY: 4096}}, usdPerHour: 0.36}}
taskDefinitions:
  - {{family: job, containerDefinitions: [{{name: job, cpu: {cpu}, memory: 512}}]}}
workloads:
  - name: jobs
    runTask: {{taskDefinition: job, count: {count}}}
    arrivals: {{process: at, times: [{times}]}}
    onFailure: {{queue: x-fcfs}}
    containers: {{job: {{duration: {{distribution: constant, value: 60s}}}}}}
"
    )
}

/// Three tasks on half an instance each: two run from 0 to 60 s, the third to 120 s. Area: 3 × 60 × 1024
/// / 2048 = 90 s. On average (180 × 1024 / 120) / 2048 = 0.75 instances. 90 s of an instance cost
/// 0.009 USD.
#[test]
fn area_of_the_work_over_capacity() {
    expect(
        &run(&minutes(1, 1024, 3, "0s", "")),
        &[
            ("makespan", 120.0, 90.0, "CPU"),
            ("instances at peak", 1.0, 1.0, "CPU"),
            ("instances on average", 1.0, 0.75, "CPU"),
            ("cost", 0.012, 0.009, "CPU"),
        ],
    );
}

/// Four tasks at 0 and four at 200 s, two at a time: until 320 s, and none can be saved: 200 + 4 × 60 / 2.
/// One of them alone at 0 and at 200 s: the task decides.
#[test]
fn late_arrivals_and_long_tasks() {
    let makespan = |text: &str| {
        let bounds = run(text).bounds.expect("some bound applies");
        let makespan = bounds.clusters[0].makespan.clone();
        makespan.map(|it| (it.reached, it.bound, it.gap, it.by))
    };
    let late = makespan(&minutes(1, 1024, 4, "0s, 200s", ""));
    assert_eq!(late, Some((320.0, 320.0, Some(0.0), "CPU")));
    let long = makespan(&minutes(1, 1024, 1, "0s, 200s", ""));
    assert_eq!(long, Some((260.0, 260.0, Some(0.0), "longest task")));
    // Work that is left at the end has no makespan.
    let cut = makespan(&minutes(1, 1024, 3, "0s", "horizon: 90s"));
    assert_eq!(cut, None);
}

/// Three tasks of 1,100 units: their sum is less than two instances, but no two fit on one.
#[test]
fn large_tasks_do_not_share() {
    let bounds = run(&minutes(4, 1100, 3, "0s", "")).bounds;
    let bounds = bounds.expect("some bound applies");
    let peak = bounds.clusters[0].instances_at_peak.as_ref();
    let peak = peak.map(|it| (it.reached, it.bound, it.by));
    assert_eq!(peak, Some((3.0, 3.0, "CPU")));
}

/// A task at 0 and three from 200 s on; statistics begin at 100 s: the three run at once, on one
/// instance each as they are 1,100 units.
#[test]
fn instances_are_counted_since_the_warm_up() {
    let text = minutes(4, 1100, 1, "0s, 200s, 200s, 200s", "warmUp: 100s");
    let bounds = run(&text).bounds.expect("some bound applies");
    let mean = bounds.clusters[0].instances_on_average.as_ref();
    let mean = mean.map(|it| (it.reached, (it.bound * 1e9).round()));
    assert_eq!(
        mean,
        Some((
            1.125,
            (3.0 * 1100.0 / 2048.0 * 60.0 / 160.0 * 1e9_f64).round()
        ))
    );
}

/// `steps` runs its eight children one after another, 10 minutes each; all others end before.
#[test]
fn a_chain_of_jobs_cannot_be_shortened() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/batch-arrays.yaml");
    let text = std::fs::read_to_string(path).expect("a scenario");
    let bounds = run(&text).bounds.expect("some bound applies");
    let chain = bounds.critical_path.expect("all jobs end");
    let chain = (chain.reached, chain.bound, chain.by);
    assert_eq!(chain, (4800.0, 4800.0, "longest chain"));
    // The fleet is managed: its size follows the work.
    assert_eq!(bounds.clusters[0].makespan, None);
}

/// A scenario of standing instances and tasks of all sizes, all of which end.
fn random(seed: u64, strategy: &str) -> String {
    let mut stream = Streams::new(seed).stream(Purpose::RunTime, 0, 0);
    let mut text = format!("name: random\nseed: {seed}\nclusters:\n  - containerInstances:\n");
    for _ in 0..stream.random_range(1..4) {
        let kind = ["m5.large", "c5.xlarge", "r5.large"][stream.random_range(0..3)];
        let count = stream.random_range(1..4);
        text += &format!("      - {{count: {count}, instanceType: {kind}}}\n");
    }
    let definitions = stream.random_range(1..5);
    text += "taskDefinitions:\n";
    for index in 0..definitions {
        let (cpu, memory) = (stream.random_range(1..=2048), stream.random_range(6..=3000));
        text += &format!(
            "  - {{family: f{index}, containerDefinitions: [{{name: c, cpu: {cpu}, memory: {memory}}}]}}\n"
        );
    }
    text += "workloads:\n";
    for index in 0..definitions {
        let (count, every) = (stream.random_range(1..12), stream.random_range(1..100));
        let mean = stream.random_range(1..300);
        text += &format!(
            "  - name: w{index}
    runTask: {{taskDefinition: f{index}, count: 2, placementStrategy: [{strategy}]}}
    arrivals: {{process: every, interval: {every}s, count: {count}}}
    onFailure: {{queue: x-fcfs}}
    containers: {{c: {{duration: {{distribution: exponential, mean: {mean}s}}}}}}
"
        );
    }
    text
}

/// Whatever the strategy, nobody comes below the bound that any of them shows.
#[test]
fn no_strategy_comes_below_the_bounds() {
    for seed in 0..25 {
        let strategies = [
            "{type: random}",
            "{type: binpack, field: memory}",
            "{type: binpack, field: cpu}",
            "{type: spread, field: instanceId}",
        ];
        let makespans = strategies.map(|strategy| {
            let bounds = run(&random(seed, strategy)).bounds;
            let bounds = bounds.expect("some bound applies");
            assert_eq!(all(&bounds).len(), 4, "seed {seed}: {bounds:?}");
            bounds.clusters[0].makespan.clone().expect("all tasks end")
        });
        for (one, other) in makespans.iter().zip(makespans.iter().skip(1)) {
            assert_eq!(one.bound, other.bound, "seed {seed}");
        }
    }
}
