//! `stowplan plan`: the cheapest fleet, and what shows that it is.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const COUNT: &str = "clusters[0].containerInstances[0].count";
const TYPE: &str = "clusters[0].containerInstances[0].instanceType";

struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `stowplan plan` in a folder with results in `out`.
fn plan(folder: &Path, threads: usize, arguments: &[&str]) -> Done {
    let output = Command::new(env!("CARGO_BIN_EXE_stowplan"))
        .arg("plan")
        .args(arguments)
        .args(["--out", "out"])
        .env("RAYON_NUM_THREADS", threads.to_string())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("stdout is text"),
        err: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.out)
        .unwrap_or_else(|error| panic!("{error}: {}{}", done.out, done.err))
}

fn fleet_size() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("scenarios/fleet-size.yaml").display().to_string()
}

/// The chosen candidate and the next cheaper; empty where there is none.
fn answer(plan: &Value) -> [&str; 2] {
    ["chosen", "nextCheaper"].map(|it| plan[it]["candidate"].as_str().unwrap_or_default())
}

/// Mean wait in units of the mean service time in an M/M/c queue with offered load `load`, by
/// Erlang's C formula; infinite where the load is too much.
fn erlang_c_wait(servers: u32, load: f64) -> f64 {
    let servers_f = f64::from(servers);
    if load >= servers_f {
        return f64::INFINITY;
    }
    // Erlang's B formula by its recursion, which neither overflows nor cancels.
    let blocked = (1..=servers).fold(1.0, |b, k| load * b / (f64::from(k) + load * b));
    let waits = servers_f * blocked / (servers_f - load * (1.0 - blocked));
    waits / (servers_f - load)
}

/// An M/M/c queue that is to be staffed: mean service time 1 s.
struct Staffing {
    /// Offered load: arrivals a second.
    load: f64,
    /// Mean wait in seconds that must not be exceeded.
    limit: f64,
    /// What Erlang's C formula says, for the reader; the test computes it.
    servers: u32,
    /// Left out at the beginning, and length of a run, in seconds.
    horizon: (u32, u32),
}

const STAFFINGS: [Staffing; 10] = [
    staffing(0.4, 1.0, 1, (100, 2000)),
    staffing(1.2, 1.0, 2, (100, 2000)),
    staffing(2.0, 0.9, 3, (100, 2000)),
    staffing(3.6, 0.8, 5, (100, 2000)),
    staffing(6.2, 0.5, 8, (100, 1500)),
    staffing(11.0, 0.6, 13, (100, 1500)),
    staffing(18.8, 0.5, 21, (100, 1000)),
    staffing(47.8, 0.47, 50, (100, 600)),
    staffing(98.5, 0.64, 100, (80, 300)),
    staffing(188.0, 0.0265, 200, (20, 170)),
];

const fn staffing(load: f64, limit: f64, servers: u32, horizon: (u32, u32)) -> Staffing {
    Staffing {
        load,
        limit,
        servers,
        horizon,
    }
}

fn staffing_text(staffing: &Staffing) -> String {
    let (warm_up, horizon) = staffing.horizon;
    format!(
        "
name: staffing
seed: 1
horizon: {horizon}s
warmUp: {warm_up}s
clusters:
  - containerInstances:
      - {{count: 1, registeredResources: {{CPU: 1024, MEMORY: 1024}}}}
taskDefinitions:
  - family: call
    containerDefinitions: [{{name: call, cpu: 1024, memory: 1024}}]
workloads:
  - name: calls
    runTask: {{taskDefinition: call, placementStrategy: [{{type: binpack, field: cpu}}]}}
    arrivals: {{process: poisson, rate: {}/h}}
    containers: {{call: {{duration: {{distribution: exponential, mean: 1s}}}}}}
    onFailure: {{queue: x-fcfs}}
",
        staffing.load * 3600.0
    )
}

/// The number of servers is the one that Erlang's C formula gives, for ten targets from 1 to 200
/// servers, and so is the next smaller one that fails.
#[test]
fn staffing_is_what_erlang_c_gives() {
    for staffing in &STAFFINGS {
        let exact =
            (1..=200).find(|servers| erlang_c_wait(*servers, staffing.load) <= staffing.limit);
        assert_eq!(exact, Some(staffing.servers), "load {}", staffing.load);
        let folder = temporary();
        fs::write(folder.path().join("staffing.yaml"), staffing_text(staffing)).expect("a file");
        let target = format!("wait.mean <= {}ms", staffing.limit * 1000.0);
        let vary = format!("{COUNT}=1..200");
        let done = plan(
            folder.path(),
            2,
            &[
                "staffing.yaml",
                "--target",
                &target,
                "--vary",
                &vary,
                "--confidence",
                "90%",
                "--at-most",
                "320",
                "--json",
            ],
        );
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{target}");
        let found = json(&done);
        let cheaper = match staffing.servers {
            1 => String::new(),
            servers => format!("count={}", servers - 1),
        };
        let expected = [format!("count={}", staffing.servers), cheaper];
        assert_eq!(
            answer(&found),
            expected.each_ref().map(String::as_str),
            "{target}"
        );
        let replications = |it: &str| found[it]["evidence"]["replications"].as_u64().unwrap_or(0);
        if staffing.servers > 1 {
            assert_eq!(
                found["nextCheaper"]["evidence"]["decision"], "fails",
                "{target}"
            );
            assert_eq!(replications("chosen"), replications("nextCheaper"));
        }
        let runs = found["runs"].as_u64().expect("runs");
        assert!(
            runs < 200 * replications("chosen") / 4,
            "{runs} runs for {target}"
        );
    }
}

/// Few m5.2xlarge do what many m5.large do, but they come in steps of eight tasks, so the larger number
/// of small ones is cheaper. What is found does not depend on the number of threads, and an exhaustive
/// search finds the same with many more runs.
#[test]
fn the_cheapest_fleet_is_not_the_smallest() {
    let scenario = fleet_size();
    let types = format!("{TYPE}=m5.2xlarge|c5.large|m5.large");
    let counts = format!("{COUNT}=1..24");
    let search = [
        scenario.as_str(),
        "--target",
        "wait.p95 <= 10m",
        "--probability",
        "80%",
        "--vary",
        &counts,
        "--vary",
        &types,
    ];
    let (one, two) = (temporary(), temporary());
    let done = plan(one.path(), 1, &search);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let again = plan(two.path(), 2, &search);
    assert_eq!(done.out, again.out);
    for name in ["plan.json", "candidates.csv", "runs.csv", "report.html"] {
        let read =
            |folder: &TempDir| fs::read(folder.path().join("out").join(name)).expect("a file");
        assert!(read(&one) == read(&two), "{name}");
    }
    let text = fs::read_to_string(one.path().join("out/plan.json")).expect("a file");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    let [chosen, _] = answer(&found);
    assert!(chosen.starts_with("instanceType=m5.large, "), "{chosen}");
    assert_eq!(found["minimise"], "cost");
    let count = |name: &str| -> u32 {
        let count = name.rsplit('=').next().expect("a count");
        count.parse().expect("a number")
    };
    let candidates = found["candidates"].as_array().expect("the candidates");
    let large = candidates.iter().find(|it| {
        let name = it["candidate"].as_str().unwrap_or_default();
        name.starts_with("instanceType=m5.2xlarge") && it["evidence"]["decision"] == "meets"
    });
    let large = large.expect("some m5.2xlarge do");
    assert!(count(large["candidate"].as_str().expect("a name")) < count(chosen));
    assert!(large["objective"].as_f64() > found["chosen"]["objective"].as_f64());
    assert!(found["nextCheaper"]["objective"].as_f64() < found["chosen"]["objective"].as_f64());
    assert_eq!(found["nextCheaper"]["evidence"]["decision"], "fails");

    let folder = temporary();
    let mut all = search.to_vec();
    all.extend(["--exhaustive", "--json"]);
    let exhaustive = json(&plan(folder.path(), 2, &all));
    assert_eq!(answer(&exhaustive)[0], chosen);
    assert_eq!(exhaustive["nextCheaper"]["evidence"]["decision"], "fails");
    let runs = |found: &Value| found["runs"].as_u64().expect("runs");
    assert!(
        runs(&found) * 2 < runs(&exhaustive),
        "{} {}",
        runs(&found),
        runs(&exhaustive)
    );
}

/// Nothing is left to chance: a task of 60 s every 30 s needs two places, and one run says so.
#[test]
fn one_run_decides_where_nothing_is_left_to_chance() {
    let folder = temporary();
    let text = "
name: clockwork
clusters:
  - containerInstances:
      - {count: 1, registeredResources: {CPU: 1024, MEMORY: 1024}}
taskDefinitions: [{family: job, containerDefinitions: [{name: job, cpu: 1024, memory: 1024}]}]
workloads:
  - name: jobs
    runTask: {taskDefinition: job, placementStrategy: [{type: binpack, field: cpu}]}
    arrivals: {process: every, interval: 30s, count: 40}
    containers: {job: {duration: {distribution: constant, value: 60s}}}
    onFailure: {queue: x-fcfs}
";
    fs::write(folder.path().join("clockwork.yaml"), text).expect("a file");
    let vary = format!("{COUNT}=1..8");
    let search = [
        "clockwork.yaml",
        "--target",
        "wait.max <= 10s",
        "--vary",
        &vary,
    ];
    let done = plan(folder.path(), 2, &search);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let said = "count=2 is the cheapest that was shown to meet the target:
  every replication gave the same: nothing is left to chance, and one run decides
  the target holds in 5 of 5 runs

count=1 is the next cheaper, and fails:
  every replication gave the same: nothing is left to chance, and one run decides
  the target holds in 0 of 5 runs
";
    assert!(done.out.contains(said), "{}", done.out);
}

/// No number of instances up to 8 is enough for 15 tasks at once: the largest comes nearest, the
/// results are written, and the exit code is 1.
#[test]
fn what_cannot_be_met_is_said() {
    let folder = temporary();
    let scenario = fleet_size();
    let vary = format!("{COUNT}=1..7");
    let search = [
        scenario.as_str(),
        "--target",
        "wait.mean <= 10s",
        "--vary",
        &vary,
    ];
    let done = plan(folder.path(), 2, &search);
    assert_eq!(done.code, Some(1));
    assert_eq!(
        done.err,
        "error: none of the 3 candidates that ran, out of 7, was shown to meet the target: the search takes for \
         granted that more is easier; --exhaustive does not\n"
    );
    let nearest = done
        .out
        .lines()
        .find(|line| line.ends_with("comes nearest:"));
    assert!(
        nearest.is_some_and(|line| line.starts_with("count=7, cost ")),
        "{}",
        done.out
    );
    assert!(folder.path().join("out/candidates.csv").is_file());
}

#[test]
fn bad_targets_are_told_with_their_remedy() {
    let folder = temporary();
    let scenario = fleet_size();
    let help = "\n  help: write a metric, a relation and a value, such as 'wait.p95 <= 10m', \
                'utilization.cpu >= 60%' or 'cost < 12 USD'\n";
    let check = |arguments: &[&str], expected: &str| {
        let all: Vec<&str> = [scenario.as_str()]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        let done = plan(folder.path(), 2, &all);
        assert_eq!(
            (done.code, done.out.as_str(), done.err.as_str()),
            (Some(2), "", expected),
            "{arguments:?}"
        );
    };
    let wrong = ["--target", "wait.p95", "--target", "wait.p95 <= 600"];
    check(
        &wrong,
        &format!(
            "error: --target 'wait.p95': a relation is missing: <=, <, >= or >{help}\
             error: --target 'wait.p95 <= 600': 600 needs a unit: 90s, 10m, 2h{help}"
        ),
    );
    check(
        &["--target", "wait.p96 <= 10m", "--minimise", "costs"],
        "error: --target wait.p96: no run has such a number\n  help: did you mean \"wait.p90\"?\n\
         error: --minimise costs: no run has such a number\n  help: did you mean \"cost\"?\n",
    );
    let vary = format!("{COUNT}=1..200000");
    let range = "error: invalid value";
    let done = plan(
        folder.path(),
        2,
        &[&scenario, "--target", "wait.p95 <= 10m", "--vary", &vary],
    );
    assert!(
        done.code == Some(2) && done.err.starts_with(range),
        "{}",
        done.err
    );
    assert!(
        done.err.contains("a range has at most 100000 values"),
        "{}",
        done.err
    );
    let vary = format!("{COUNT}=0..4");
    let zero = ["--target", "wait.p95 <= 10m", "--vary", &vary];
    let all: Vec<&str> = [scenario.as_str()].into_iter().chain(zero).collect();
    let done = plan(folder.path(), 2, &all);
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(
        done.err.contains("0 is below the minimum of 1"),
        "{}",
        done.err
    );
    assert!(!folder.path().join("out/plan.json").exists());
}
