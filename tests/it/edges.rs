//! Runs at the edge of what a scenario may say: the books balance and the run ends.

use std::path::Path;

use stowplan::engine::{self, Outcome};
use stowplan::metrics::Metrics;
use stowplan::metrics::results::Results;
use stowplan::placement::constraint::Reason;
use stowplan::scenario;

const HEAD: &str = "
name: edge
clusters: [{containerInstances: [{registeredResources: {CPU: 1024, MEMORY: 1024, GPU: 4}}]}]
taskDefinitions:
  - {family: small, containerDefinitions: [{name: app, cpu: 1024, memory: 100}]}
  - {family: large, containerDefinitions: [{name: app, cpu: 2048, memory: 100}]}
  - family: all-gpus
    containerDefinitions: [{name: app, memory: 100, resourceRequirements: [{type: GPU, value: ALL}]}]
  - family: one-gpu
    containerDefinitions: [{name: app, memory: 100, resourceRequirements: [{type: GPU, value: '1'}]}]
";

fn run(rest: &str) -> (Results, Outcome) {
    let text = format!("{HEAD}{rest}");
    let loaded =
        scenario::load_text("edge.yaml", &text, Path::new("")).expect("the scenario loads");
    let mut metrics = Metrics::new();
    let outcome = engine::run(loaded.plan, &mut metrics);
    let results = metrics.results(&outcome);
    assert!(
        results.checks.littles_law && results.checks.utilization_law,
        "{results:?}"
    );
    let tasks = &results.tasks;
    assert_eq!(
        tasks.requested,
        tasks.placed + tasks.given_up + tasks.waiting
    );
    (results, outcome)
}

fn workload(name: &str, request: &str, arrivals: &str, duration: &str, on_failure: &str) -> String {
    format!(
        "  - name: {name}
    runTask: {{{request}}}
    arrivals: {{{arrivals}}}
    containers: {{app: {{duration: {{distribution: constant, value: {duration}}}}}}}
    onFailure: {on_failure}
"
    )
}

/// Five calls with one client token wait for the same place: one of them starts a task, the others
/// are answered with it, whichever way they waited.
#[test]
fn a_client_token_starts_one_set_however_its_calls_waited() {
    for on_failure in ["{retry: {first: 10s}}", "{queue: x-fcfs}"] {
        let blocker = workload(
            "block",
            "taskDefinition: small",
            "process: at, times: [0s]",
            "1m",
            "giveUp",
        );
        let calls = workload(
            "calls",
            "taskDefinition: small, clientToken: abc",
            "process: every, interval: 1s, first: 1s, count: 5",
            "1m",
            on_failure,
        );
        let (results, _) = run(&format!("workloads:\n{blocker}{calls}"));
        assert_eq!(
            (results.tasks.requested, results.tasks.stopped),
            (2, 2),
            "{on_failure}"
        );
        assert_eq!(
            (results.calls.made, results.calls.repeated),
            (2, 4),
            "{on_failure}"
        );
    }
}

/// A request that can never be met and is repeated for ever does not keep the run going; one with a
/// horizon is repeated until then.
#[test]
fn hopeless_retries_end() {
    let calls = workload(
        "c",
        "taskDefinition: large",
        "process: at, times: [0s]",
        "1m",
        "{retry: {first: 1m}}",
    );
    let (results, outcome) = run(&format!("workloads:\n{calls}"));
    assert_eq!(
        (
            results.tasks.waiting,
            outcome.waiting[0].refusal.count(Reason::Cpu)
        ),
        (1, 1)
    );
    let (results, _) = run(&format!("horizon: 1h\nworkloads:\n{calls}"));
    assert_eq!(
        (results.tasks.waiting, results.calls.refused, results.end),
        (1, 60, 3600.0)
    );
}

/// Time has an end; what would happen at it for ever does not happen.
#[test]
fn the_end_of_time_is_reached_once() {
    let long = "process: at, times: [0s, 0s, 0s, 0s, 0s, 0s]";
    let tasks = workload(
        "long",
        "taskDefinition: small",
        long,
        "7000000w",
        "{queue: x-fcfs}",
    );
    let never = workload(
        "never",
        "taskDefinition: large",
        "process: at, times: [0s]",
        "1m",
        "{retry: {first: 1000000w}}",
    );
    let (results, _) = run(&format!("workloads:\n{tasks}{never}"));
    assert_eq!(results.tasks.requested, 7);
}

#[test]
fn a_warm_up_beyond_the_end_measures_nothing() {
    let tasks = workload(
        "c",
        "taskDefinition: small",
        "process: at, times: [0s]",
        "1m",
        "giveUp",
    );
    let (results, _) = run(&format!("warmUp: 10h\nworkloads:\n{tasks}"));
    assert_eq!(
        (results.tasks.stopped, results.wait.count, results.warm_up),
        (1, 0, 60.0)
    );
}

/// StartTask on an unknown instance and on a full one: what waits at the end has those reasons.
#[test]
fn start_task_waits_for_the_instances_it_names() {
    let blocker = workload(
        "block",
        "taskDefinition: small",
        "process: at, times: [0s]",
        "2h",
        "giveUp",
    );
    let start = "  - name: start
    startTask: {taskDefinition: small, containerInstances: [nosuch, default/1]}
    arrivals: {process: at, times: [1s]}
    containers: {app: {duration: {distribution: constant, value: 1m}}}
    onFailure: {retry: {first: 1m}}
";
    let (_, outcome) = run(&format!("horizon: 1h\nworkloads:\n{blocker}{start}"));
    let refusal = &outcome.waiting[0].refusal;
    let counts = (
        refusal.considered(),
        refusal.count(Reason::Missing),
        refusal.count(Reason::Cpu),
    );
    assert_eq!(counts, (2, 1, 1));
}

/// One of four GPUs is busy for five of ten hours while a task wants all four: three GPUs are of no
/// use for half of the time, 3/4 × 1/2 = 0.375. Offered: (1 × 5 h + 4 × 5 h) / (4 × 10 h) = 0.625.
#[test]
fn all_gpus_count_as_many() {
    let one = workload(
        "one",
        "taskDefinition: one-gpu",
        "process: at, times: [0s]",
        "5h",
        "giveUp",
    );
    let all = workload(
        "all",
        "taskDefinition: all-gpus",
        "process: at, times: [0s]",
        "5h",
        "{queue: x-fcfs}",
    );
    let (results, _) = run(&format!("horizon: 10h\nworkloads:\n{one}{all}"));
    let gpu = results.clusters[0]
        .resources
        .iter()
        .find(|resource| resource.resource == "GPU")
        .expect("GPUs");
    assert_eq!(
        (gpu.stranded, gpu.stranded_by["GPU"], gpu.offered_load),
        (0.375, 0.375, Some(0.625))
    );
}
