//! `stowplan compare` as its users meet it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::binary::{command, done, stowplan, succeed, temporary};

/// Small tasks and large ones on four instances, over six hours.
const SCENARIO: &str = "
name: small
seed: 5
horizon: 6h
clusters:
  - containerInstances: [{count: 4, instanceType: m5.xlarge}]
taskDefinitions:
  - {family: small, containerDefinitions: [{name: app, cpu: 512, memory: 512}]}
  - {family: large, containerDefinitions: [{name: app, cpu: 3072, memory: 4096}]}
workloads:
  - name: small
    runTask: {taskDefinition: small}
    arrivals: {process: poisson, rate: 60/h}
    containers: {app: {duration: {distribution: exponential, mean: 10m}}}
  - name: large
    runTask: {taskDefinition: large}
    arrivals: {process: poisson, rate: 4/h}
    containers: {app: {duration: {distribution: exponential, mean: 10m}}}
    onFailure: {queue: x-fcfs}
";

const STRATEGIES: [&str; 4] = [
    "--strategy",
    "binpack:cpu",
    "--strategy",
    "spread:instanceId",
];

fn folder(text: &str) -> tempfile::TempDir {
    let folder = temporary();
    fs::write(folder.path().join("small.yaml"), text).expect("a scenario is written");
    folder
}

fn compare(folder: &Path, more: &[&str]) -> String {
    let start = ["compare", "small.yaml", "--warm-up", "1h"];
    succeed(folder, &[&start, &STRATEGIES[..], more].concat())
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&read(folder, name)).expect("it is JSON")
}

#[test]
fn says_which_is_better_and_how_sure_it_is() {
    let folder = folder(SCENARIO);
    let out = compare(folder.path(), &["--out", "out"]);
    let better = "wait.mean: binpack:cpu is better than spread:instanceId: ";
    assert!(out.contains(better), "{out}");
    assert!(out.contains("2 alternatives × 10 replications"), "{out}");
    assert!(out.contains("the ranking survives random ties"), "{out}");
    assert!(
        out.contains("the ranking survives shaken arrivals"),
        "{out}"
    );
    let mut names: Vec<String> = fs::read_dir(folder.path().join("out"))
        .expect("the results are there")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["comparison.json", "pairs.csv", "report.html", "runs.csv"]
    );
    let page = read(&folder.path().join("out"), "report.html");
    assert!(page.contains("binpack:cpu is better than spread:instanceId"));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

/// The first replication is the very run that `stowplan run` makes, and both alternatives meet the
/// same arrivals: as many tasks are asked for.
#[test]
fn the_first_replication_is_the_run() {
    let folder = folder(&SCENARIO.replace("horizon: 6h", "horizon: 6h\nwarmUp: 1h"));
    let metrics = [
        "--metric",
        "wait.mean",
        "--metric",
        "tasks.requested",
        "--out",
        "out",
    ];
    succeed(
        folder.path(),
        &[&["compare", "small.yaml"], &metrics[..]].concat(),
    );
    succeed(
        folder.path(),
        &["run", "small.yaml", "--no-plots", "--out", "run"],
    );
    let summary = read(&folder.path().join("run"), "summary.json");
    let runs = read(&folder.path().join("out"), "runs.csv");
    let first: Vec<&str> = runs.lines().nth(1).expect("a run").split(',').collect();
    assert_eq!(first[..3], ["as it is", "0", "5"]);
    for written in [
        format!("\"mean\": {},", first[3]),
        format!("\"requested\": {},", first[4]),
    ] {
        assert!(summary.contains(&written), "{written}");
    }
}

#[test]
fn threads_change_nothing() {
    let folder = folder(SCENARIO);
    for threads in ["1", "2", "8"] {
        let out = format!("out-{threads}");
        let start = [
            "compare",
            "small.yaml",
            "--replications",
            "4",
            "--warm-up",
            "1h",
            "--out",
            &out,
        ];
        let mut command = command(folder.path(), &[&start, &STRATEGIES[..]].concat());
        command.env("RAYON_NUM_THREADS", threads);
        let done = done(command);
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
    for file in ["comparison.json", "pairs.csv", "report.html", "runs.csv"] {
        let of = |threads: &str| read(&folder.path().join(format!("out-{threads}")), file);
        assert!(of("1") == of("2") && of("2") == of("8"), "{file}");
    }
}

/// More runs are made until the instances in use are known to 1 %, and no more than allowed.
#[test]
fn runs_until_the_precision_is_reached() {
    let folder = folder(SCENARIO);
    let used = [
        "--metric",
        "instances.used",
        "--no-sensitivity",
        "--out",
        "out",
        "--precision",
    ];
    compare(folder.path(), &[&used[..], &["1%"]].concat());
    let comparison = json(&folder.path().join("out"), "comparison.json");
    assert_eq!(comparison["precise"], true);
    assert!(comparison["replications"].as_u64().expect("a number") > 10);
    for estimate in comparison["metrics"][0]["estimates"]
        .as_array()
        .expect("a list")
    {
        let number = |key: &str| estimate[key].as_f64().expect("a number");
        assert!(
            number("halfWidth") <= 0.01 / 1.01 * number("mean"),
            "{estimate}"
        );
    }
    let out = compare(
        folder.path(),
        &[&used[..], &["0.01%", "--at-most", "12"]].concat(),
    );
    assert!(out.contains("2 alternatives × 12 replications"), "{out}");
    assert!(
        out.contains("the precision asked for was not reached"),
        "{out}"
    );
}

/// Where nothing is left to chance, intervals would only pretend to say something.
#[test]
fn says_that_nothing_is_left_to_chance() {
    let fixed = SCENARIO
        .replace(
            "process: poisson, rate: 60/h",
            "process: every, interval: 1m",
        )
        .replace(
            "process: poisson, rate: 4/h",
            "process: every, interval: 15m",
        )
        .replace("exponential, mean: 10m", "constant, value: 10m");
    let folder = folder(&fixed);
    let out = compare(folder.path(), &[]);
    assert!(out.contains("every replication gave the same"), "{out}");
}

#[test]
fn a_warm_up_is_found_or_refused() {
    let folder = folder(SCENARIO);
    let start = ["compare", "small.yaml", "--replications", "2"];
    let out = succeed(
        folder.path(),
        &[&start, &["--strategy", "binpack:cpu"][..]].concat(),
    );
    assert!(
        out.contains("steady state: the work never ends by itself; statistics from "),
        "{out}"
    );
    assert!(
        out.contains("found by MSER-5 over 5 runs of each alternative"),
        "{out}"
    );
    // Twice the work that the cluster can do: it never settles.
    fs::write(
        folder.path().join("small.yaml"),
        SCENARIO.replace("rate: 4/h", "rate: 60/h"),
    )
    .expect("a scenario is written");
    let refused = stowplan(folder.path(), &[&start, &STRATEGIES[..]].concat());
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    assert!(
        refused
            .err
            .starts_with("error: binpack:cpu: no steady state: "),
        "{}",
        refused.err
    );
    assert!(
        refused
            .err
            .contains("in the second half of the run\n  help: make the horizon longer")
    );
}

/// What is wrong with the command line is told with place and remedy, and nothing is written.
#[test]
fn slips_are_told() {
    let folder = folder(SCENARIO);
    let check = |arguments: &[&str], expected: &str| {
        let start = ["compare", "small.yaml", "--replications", "1"];
        let refused = stowplan(folder.path(), &[&start, arguments].concat());
        assert_eq!((refused.code, refused.err.as_str()), (Some(2), expected));
    };
    check(
        &["--vary", "clusters[0].containerInstances[3].count=1|2"],
        "error: small.yaml:6:5: clusters[0].containerInstances[3].count: there is no item 3: the list has 1\n",
    );
    check(
        &["--vary", "clusters[0].containerInstances[0].count=1|0"],
        "error: small.yaml with clusters[0].containerInstances[0].count=0:6:27: \
         clusters[0].containerInstances[0].count: 0 is below the minimum of 1\n  help: write 1 to 1000000\n",
    );
    check(
        &["--warm-up", "0s", "--metric", "wait.maen"],
        "error: --metric wait.maen: no run has such a number\n  help: did you mean \"wait.mean\"?\n",
    );
    let strategy = stowplan(
        folder.path(),
        &["compare", "small.yaml", "--strategy", "binpakc:cpu"],
    );
    assert_eq!(strategy.code, Some(2));
    assert!(strategy.err.contains("binpack"), "{}", strategy.err);
}
