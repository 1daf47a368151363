//! Known answers of queueing theory: M/M/1 and M/M/c.

use std::path::Path;

use stowplan::engine;
use stowplan::metrics::Metrics;
use stowplan::scenario;

/// Two-sided 99 % quantile of Student's t with 19 degrees of freedom.
const T_99_19: f64 = 2.861;

const REPLICATIONS: u64 = 20;

/// A queue with `servers` servers at utilization 0.9: unit mean service time, first come first served.
fn scenario_text(servers: u32, hours: u32, seed: u64) -> String {
    let rate = 0.9 * f64::from(servers) * 3600.0;
    format!(
        "
name: mmc
seed: {seed}
horizon: {hours}h
warmUp: 2h
clusters:
  - containerInstances:
      - {{count: {servers}, registeredResources: {{CPU: 1024, MEMORY: 1024}}}}
taskDefinitions:
  - family: job
    containerDefinitions: [{{name: job, cpu: 1024, memory: 1024}}]
workloads:
  - name: jobs
    runTask: {{taskDefinition: job, placementStrategy: [{{type: binpack, field: cpu}}]}}
    arrivals: {{process: poisson, rate: {rate}/h}}
    containers: {{job: {{duration: {{distribution: exponential, mean: 1s}}}}}}
    onFailure: {{queue: x-fcfs}}
"
    )
}

struct Observed {
    mean_wait: f64,
    waited: f64,
}

fn replicate(servers: u32, hours: u32) -> Vec<Observed> {
    let run = |seed| {
        let text = scenario_text(servers, hours, seed);
        let loaded =
            scenario::load_text("mmc.yaml", &text, Path::new("")).expect("the scenario loads");
        let mut metrics = Metrics::new();
        let outcome = engine::run(loaded.plan, &mut metrics);
        let results = metrics.results(&outcome);
        assert!(results.checks.littles_law && results.checks.utilization_law);
        let waits: Vec<u64> = metrics.clusters.items()[0]
            .groups
            .iter()
            .flat_map(|group| group.waits.clone())
            .collect();
        let waited = waits.iter().filter(|wait| **wait > 0).count() as f64 / waits.len() as f64;
        Observed {
            mean_wait: results.wait.mean.expect("tasks have run"),
            waited,
        }
    };
    (1..=REPLICATIONS).map(run).collect()
}

/// Mean and half width of the 99 % confidence interval over replications.
fn interval(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (count - 1.0);
    (mean, T_99_19 * (variance / count).sqrt())
}

fn assert_covers(what: &str, exact: f64, values: impl Iterator<Item = f64>) {
    let (mean, half) = interval(values);
    assert!(
        (mean - exact).abs() <= half,
        "{what}: {exact} is not in {mean} ± {half}"
    );
    assert!(
        half < 0.1 * exact,
        "{what}: the interval {mean} ± {half} says nothing"
    );
}

/// M/M/1 at utilization 0.9: the mean wait is rho / (1 - rho) = 9 service times.
#[test]
fn mm1_mean_wait() {
    let observed = replicate(1, 60);
    assert_covers("Wq", 9.0, observed.iter().map(|run| run.mean_wait));
}

/// M/M/10 at utilization 0.9, by Erlang's C formula: P(wait) = 0.668732, and the mean wait is
/// P(wait) / (10 × (1 - 0.9)) = 0.668732 service times.
#[test]
fn mm10_waiting_probability_and_mean_wait() {
    let observed = replicate(10, 8);
    assert_covers("P(wait)", 0.668_732, observed.iter().map(|run| run.waited));
    assert_covers("Wq", 0.668_732, observed.iter().map(|run| run.mean_wait));
}
