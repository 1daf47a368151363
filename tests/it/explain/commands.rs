//! `stowplan explain` on scenarios and on the directories that `stowplan run` leaves.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Exit code, stdout, stderr.
fn stowplan(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    let done = command.current_dir(folder).args(arguments).output();
    let done = done.expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = stowplan(folder, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {err}");
    assert_eq!(err, "", "{arguments:?}");
    out
}

/// An instance, tasks that fill it, and their times in a trace beside the scenario.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = "name: traced
clusters: [{containerInstances: [{instanceType: m5.large}]}]
taskDefinitions: [{family: f, containerDefinitions: [{name: c, cpu: 2048, memory: 512}]}]
workloads:
- {name: w, runTask: {taskDefinition: f}, arrivals: {process: trace, file: calls.csv}, onFailure: {queue: x-fcfs}}
";
    let calls = "time,duration\n0,100\n5,100\n";
    fs::write(folder.path().join("traced.yaml"), scenario).expect("a file");
    fs::write(folder.path().join("calls.csv"), calls).expect("a file");
    folder
}

#[test]
fn a_directory_of_results_is_explained_as_its_scenario_is() {
    let folder = folder();
    let here = folder.path();
    succeed(
        here,
        &[
            "run",
            "traced.yaml",
            "--seed",
            "9",
            "--no-plots",
            "--out",
            "out",
        ],
    );
    let copied = fs::read(here.join("out/scenario.yaml")).expect("the scenario");
    assert_eq!(copied, fs::read(here.join("traced.yaml")).expect("a file"));
    for more in [vec![], vec!["--task", "task-2"], vec!["--at", "7"]] {
        let mut of_scenario = vec!["explain", "traced.yaml", "--seed", "9"];
        let mut of_results = vec!["explain", "out"];
        of_scenario.extend(&more);
        of_results.extend(&more);
        let expected = succeed(here, &of_scenario);
        assert!(expected.starts_with("stowplan 0.1.0: scenario traced, seed 9\n"));
        assert_eq!(succeed(here, &of_results), expected, "{more:?}");
        // From elsewhere the trace is looked for where it is said to be.
        let elsewhere = here.join("out");
        of_results[1] = ".";
        of_results.extend(["--inputs", ".."]);
        assert_eq!(succeed(&elsewhere, &of_results), expected, "{more:?}");
    }
    let told = succeed(here, &["explain", "out", "--json", "--task", "w#2"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["id"], "task-2");
    assert_eq!(told["wait"], "95");
    assert_eq!(told["ledger"][0]["cause"], "RESOURCE:CPU");
    assert_eq!(told["moment"]["instances"][0]["answer"], "RESOURCE:CPU");
    let change = &told["leastChanges"][0]["change"];
    assert_eq!(change, "one more instance of m5.large in default");
}

#[test]
fn what_is_not_there_or_not_the_same_is_told_with_a_remedy() {
    let folder = folder();
    let here = folder.path();
    succeed(here, &["run", "traced.yaml", "--no-plots", "--out", "out"]);
    let fails = |folder: &Path, arguments: &[&str]| {
        let (code, out, err) = stowplan(folder, arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        err
    };
    let elsewhere = fails(&here.join("out"), &["explain", "."]);
    assert!(
        elsewhere.contains("calls.csv") && elsewhere.contains("--inputs"),
        "{elsewhere}"
    );
    let empty = fails(here, &["explain", "out/.."]);
    assert!(empty.contains("help: RUN is a scenario, or a directory that stowplan run wrote"));
    assert_eq!(
        fails(here, &["explain", "out", "--task", "task-3"]),
        "error: task-3: there is none in this run\n  help: look in jobs.csv or tasks.csv; calls that \
         were never answered stand in failures.csv with workload and call\n"
    );
    assert!(fails(here, &["explain", "out", "--job", "w#1"]).contains("help: ask with --task"));
    assert!(fails(here, &["explain", "out", "--task", "7"]).contains("write task-7"));
    assert!(fails(here, &["explain", "out", "--at", "noon"]).contains("write 90s, 10m, 2h"));
    fs::write(here.join("calls.csv"), "time,duration\n0,100\n6,100\n").expect("a file");
    assert_eq!(
        fails(here, &["explain", "out"]),
        "error: calls.csv: is not what it was when out was written\n  help: name the folder of the \
         old files with --inputs, or run the scenario again\n"
    );
}

#[test]
fn results_of_another_version_are_explained_with_a_note() {
    let folder = folder();
    let here = folder.path();
    succeed(here, &["run", "traced.yaml", "--no-plots", "--out", "out"]);
    let summary = fs::read_to_string(here.join("out/summary.json")).expect("a summary");
    let summary = summary.replacen("\"stowplan\": \"0.1.0\"", "\"stowplan\": \"0.0.9\"", 1);
    fs::write(here.join("out/summary.json"), summary).expect("a file");
    let (code, _, err) = stowplan(here, &["explain", "out"]);
    let note = "note: out was written by stowplan 0.0.9; this is 0.1.0, and may come to other \
                results\n";
    assert_eq!((code, err.as_str()), (Some(0), note));
}
