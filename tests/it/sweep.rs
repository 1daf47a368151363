//! `stowplan sweep` and `stowplan merge` as their users meet them: the real binary, really killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

const SCENARIO: &str = "
name: work
seed: 3
clusters:
  - containerInstances: [{count: 4, registeredResources: {CPU: 2048, MEMORY: 4096}}]
taskDefinitions:
  - family: job
    containerDefinitions: [{name: job, cpu: 512, memory: 512}]
workloads:
  - name: jobs
    runTask: {taskDefinition: job}
    arrivals: {process: poisson, rate: 1/s, count: 600}
    containers: {job: {duration: {distribution: exponential, mean: 10s}}}
    onFailure: {queue: x-fcfs}
";

/// 4 combinations of 6 runs.
const EXPERIMENT: &str = "
name: grid
description: Fewer instances, or another strategy?
scenario: work.yaml
vary:
  clusters[0].containerInstances[0].count: [3, 4]
strategies: ['binpack:memory', 'spread:instanceId']
replications: 6
metrics: [wait.mean, instances.used, 'clusters[0].instancesUsed.peak']
";

const RUNS: usize = 24;

/// Two lines head a journal.
const HEADING: usize = 2;

struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A folder with the scenario and the experiment.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("work.yaml"), SCENARIO).expect("a file");
    fs::write(folder.path().join("grid.yaml"), EXPERIMENT).expect("a file");
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    command.args(arguments).current_dir(folder);
    for variable in ["AWS_BATCH_JOB_ARRAY_INDEX", "SLURM_ARRAY_TASK_ID"] {
        command.env_remove(variable);
    }
    command
        .env_remove("JOB_COMPLETION_INDEX")
        .stdin(Stdio::null());
    command
}

fn done(mut command: Command) -> Done {
    let output = command.output().expect("the binary starts");
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("stdout is text"),
        err: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

fn succeed(folder: &Path, arguments: &[&str]) -> Done {
    let done = done(command(folder, arguments));
    assert_eq!(done.code, Some(0), "{arguments:?}: {}", done.err);
    done
}

/// Runs what must be refused; gives what it says.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let done = done(command(folder, arguments));
    let told = (done.code, done.out.as_str());
    assert_eq!(told, (Some(2), ""), "{arguments:?}: {}", done.err);
    done.err
}

/// Every file of a folder, hidden ones included.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let named = paths.map(|path| {
        let name = PathBuf::from(path.file_name().expect("a name"));
        (name, fs::read(&path).expect("a file"))
    });
    named.collect()
}

/// What `sweep` writes when nothing disturbs it, on one thread.
fn undisturbed(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let done = succeed(
        folder,
        &[
            "sweep",
            "grid.yaml",
            "--out",
            "undisturbed",
            "--threads",
            "1",
        ],
    );
    assert_eq!(done.err, "");
    let written = files(&folder.join("undisturbed"));
    let names: Vec<String> = written
        .keys()
        .map(|name| name.display().to_string())
        .collect();
    let expected = [
        ".sweep.lock",
        "experiment.json",
        "report.html",
        "runs.csv",
        "summary.csv",
        "sweep.journal",
    ];
    assert_eq!(names, expected);
    written
}

fn check_same(folder: &Path, expected: &BTreeMap<PathBuf, Vec<u8>>, what: &str) {
    let found = files(folder);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(expected), "{what}");
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{what}: {} differs", name.display());
    }
}

/// Whole lines of runs in a journal; none where there is no journal yet.
fn runs_in(journal: &Path) -> usize {
    let text = fs::read(journal).unwrap_or_default();
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    lines.saturating_sub(HEADING)
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = folder();
    let expected = undisturbed(folder.path());
    for threads in ["2", "8"] {
        let arguments = ["sweep", "grid.yaml", "--out", threads, "--threads", threads];
        succeed(folder.path(), &arguments);
        check_same(&folder.path().join(threads), &expected, threads);
    }
}

/// Kills the process at once, on Unix by SIGKILL; it may have ended by itself.
fn kill(mut child: Child) {
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}

#[test]
fn killed_at_any_instant_it_goes_on_to_the_same_bytes() {
    // So many runs that it cannot come to its end between two looks at the journal.
    const MANY: usize = 80;
    let folder = folder();
    let arguments = ["sweep", "grid.yaml", "--replications", "20", "--out"];
    let swept = |out: &'static str| [&arguments[..], &[out]].concat();
    succeed(folder.path(), &swept("undisturbed"));
    let expected = files(&folder.path().join("undisturbed"));
    let out = folder.path().join("killed");
    let journal = out.join("sweep.journal");
    let start = || {
        let mut command = command(folder.path(), &swept("killed"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.args(["--threads", "2"]).spawn().expect("it starts")
    };
    // After so many further runs, at an instant within a millisecond of it.
    let mut killed_halfway = 0;
    for (further, micros) in [(0, 300), (1, 0), (3, 700), (2, 450), (5, 150)] {
        let wanted = runs_in(&journal) + further;
        let mut child = start();
        while child.try_wait().expect("a process").is_none()
            && (!journal.exists() || runs_in(&journal) < wanted)
        {
            sleep(Duration::from_micros(200));
        }
        sleep(Duration::from_micros(micros));
        kill(child);
        killed_halfway += usize::from(runs_in(&journal) < MANY);
    }
    assert!(killed_halfway > 0);
    // At instants that have nothing to do with what it does: while it starts, runs, writes.
    for millis in [1, 4, 17, 60, 150] {
        let child = start();
        sleep(Duration::from_millis(millis));
        kill(child);
    }
    let there = runs_in(&journal);
    let said = succeed(folder.path(), &swept("killed")).err;
    assert_eq!(
        said,
        format!("going on: {there} of {MANY} runs have been made\n")
    );
    check_same(&out, &expected, "killed");
}

#[test]
fn half_a_line_is_dropped_and_its_run_made_again() {
    let folder = folder();
    let expected = undisturbed(folder.path());
    let out = folder.path().join("undisturbed");
    let whole = fs::read(out.join("sweep.journal")).expect("the journal");
    for left_out in [1, 20, 400] {
        // What is left of a process that died in the middle of a line and of writing a file.
        let cut = &whole[..whole.len() - left_out];
        fs::write(out.join("sweep.journal"), cut).expect("a file");
        fs::write(out.join(".runs.csv.partial"), "count,").expect("a file");
        fs::remove_file(out.join("summary.csv")).expect("a file");
        let there = runs_in(&out.join("sweep.journal"));
        assert!(there < RUNS);
        let arguments = ["sweep", "grid.yaml", "--out", "undisturbed"];
        let said = succeed(folder.path(), &arguments).err;
        assert_eq!(
            said,
            format!("going on: {there} of {RUNS} runs have been made\n")
        );
        check_same(&out, &expected, "cut");
    }
}

#[test]
fn shards_merge_to_the_same_bytes() {
    let folder = folder();
    let expected = undisturbed(folder.path());
    let shard = |number: usize, of: usize, out: &str| {
        let shard = format!("{number}/{of}");
        let arguments = ["sweep", "grid.yaml", "--shard", &shard, "--out", out];
        succeed(folder.path(), &arguments);
    };
    // One; three in folders of their own; seven in the same folder, one by its place in an array.
    shard(1, 1, "one");
    succeed(folder.path(), &["merge", "one", "--out", "merged-1"]);
    let three = ["three-a", "three-b", "three-c"];
    for (number, out) in (1..).zip(three) {
        shard(number, 3, out);
    }
    let arguments = ["merge", three[2], three[0], "three-b/shard-2-of-3.journal"];
    let arguments = [&arguments[..], &["--out", "merged-3"]].concat();
    succeed(folder.path(), &arguments);
    for number in 1..=6 {
        shard(number, 7, "seven");
    }
    let missing = refused(folder.path(), &["merge", "seven", "--out", "merged-7"]);
    assert_eq!(
        missing,
        "error: 3 of 24 runs are missing: 6, 13, 20\n  help: run or finish the shards 7/7\n"
    );
    let mut last = command(folder.path(), &["sweep", "grid.yaml", "--out", "seven"]);
    last.args(["--shards", "auto"]);
    last.env("AWS_BATCH_JOB_ARRAY_INDEX", "6");
    last.env("AWS_BATCH_JOB_ARRAY_SIZE", "7");
    assert_eq!(done(last).code, Some(0));
    succeed(folder.path(), &["merge", "seven", "--out", "merged-7"]);
    for merged in ["merged-1", "merged-3", "merged-7"] {
        check_same(&folder.path().join(merged), &expected, merged);
    }
    // Of another experiment.
    let arguments = ["sweep", "grid.yaml", "--shard", "1/3", "--seed", "4"];
    succeed(
        folder.path(),
        &[&arguments[..], &["--out", "other"]].concat(),
    );
    let mixed = ["merge", "three-a", "other", "--out", "mixed"];
    assert_eq!(
        refused(folder.path(), &mixed).lines().next(),
        Some(
            "error: other/shard-1-of-3.journal: is not of the same sweep as three-a/shard-1-of-3.journal: the seed \
             changed"
        )
    );
    assert!(!folder.path().join("mixed").exists());
}

#[test]
fn a_directory_holds_one_sweep_and_one_process() {
    let folder = folder();
    let expected = undisturbed(folder.path());
    let out = folder.path().join("undisturbed");
    let other = ["sweep", "grid.yaml", "--out", "undisturbed", "--seed", "4"];
    assert_eq!(
        refused(folder.path(), &other),
        "error: undisturbed/sweep.journal: is of another sweep: the seed changed\n  help: --fresh throws it away and \
         starts anew; another --out keeps it\n"
    );
    let lock = File::open(out.join(".sweep.lock")).expect("the lock");
    lock.lock().expect("it is free");
    let again = ["sweep", "grid.yaml", "--out", "undisturbed"];
    assert_eq!(
        refused(folder.path(), &again),
        "error: undisturbed: another process is writing the same sweep here\n  help: wait until it is done, or choose \
         another directory with --out\n"
    );
    drop(lock);
    check_same(&out, &expected, "refused");
    succeed(folder.path(), &[&other[..], &["--fresh"]].concat());
    assert!(files(&out) != expected);
    // A file that has changed makes it another experiment too.
    let changed = SCENARIO.replace("10s", "11s");
    fs::write(folder.path().join("work.yaml"), changed).expect("a file");
    let told = refused(folder.path(), &other);
    assert!(told.contains("the file work.yaml changed"), "{told}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let folder = folder();
    let check = |text: &str, expected: &str| {
        fs::write(folder.path().join("bad.yaml"), text).expect("a file");
        assert_eq!(refused(folder.path(), &["sweep", "bad.yaml"]), expected);
        assert!(!folder.path().join("results").exists());
    };
    check(
        "
name: a/b
scenario: missing.yaml
vary:
  clusters[0].containerInstances[0].count: 3
  seed: [1, 1]
warmUp: soon
confidence: 95
replications: 0
colour: red
",
        "error: bad.yaml:2:1: name: \"a/b\" cannot name the directory of the results
error: bad.yaml:5:3: vary[\"clusters[0].containerInstances[0].count\"]: expected a list, found the number 3
  help: start each item with \"- \", or use [ ]
error: bad.yaml:6:13: vary.seed[1]: the same item already stands at [0]
  help: remove one of the two
error: bad.yaml:7:1: warmUp: \"soon\" is not a duration; write 90s, 10m, 2h
error: bad.yaml:8:1: confidence: 95 is not below 1
  help: write less than 1
error: bad.yaml:9:1: replications: 0 is below the minimum of 1
  help: write 1 to 4294967295
error: bad.yaml:10:1: colour: unknown key
  help: known keys: name, description, scenario, vary, strategies, replications, seed, metrics, warmUp, confidence
",
    );
    check(
        "{name: bad, scenario: missing.yaml, strategies: ['binpack:memory+']}",
        "error: bad.yaml:1:50: strategies[0]: \"binpack:memory+\": a rule is missing; write one such as binpack:memory, \
         spread:instanceId+binpack:cpu or random
error: missing.yaml: there is no such file
  help: check the name and the folder
",
    );
    check(
        "{name: bad, scenario: work.yaml, vary: {horizon: [soon, never, 1h]}}",
        "error: work.yaml with horizon=\"never\":2:1: horizon: \"never\" is not a duration; write 90s, 10m, 2h
error: work.yaml with horizon=\"soon\":2:1: horizon: \"soon\" is not a duration; write 90s, 10m, 2h
",
    );
    let twice = ["sweep", "work.yaml", "--vary", "seed=1", "--vary", "seed=2"];
    let told = "error: seed varies twice\n  help: give all its values at once\n";
    assert_eq!(refused(folder.path(), &twice), told);
    let slip = [
        "sweep",
        "grid.yaml",
        "--metric",
        "wait.meen",
        "--out",
        "slip",
    ];
    assert_eq!(
        refused(folder.path(), &slip),
        "error: --metric wait.meen: no run has such a number\n  help: did you mean \"wait.mean\"?\n"
    );
    assert!(!folder.path().join("slip").exists());
}

#[test]
fn a_scenario_is_swept_over_what_the_command_line_varies() {
    let folder = folder();
    let counts = "clusters[0].containerInstances[0].count=4|5";
    let swept = [
        "sweep",
        "work.yaml",
        "--vary",
        counts,
        "--replications",
        "2",
    ];
    let out = succeed(folder.path(), &swept).out;
    assert!(out.ends_with("\nresults in results/work-sweep\n"), "{out}");
    let read = |name: &str| {
        let path = folder.path().join("results/work-sweep").join(name);
        csv::Reader::from_path(path).expect("a CSV file")
    };
    let mut runs = read("runs.csv");
    let header: Vec<String> = runs
        .headers()
        .expect("a header")
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(header[..4], ["count", "replication", "seed", "wait.mean"]);
    assert_eq!(header[header.len() - 2..], ["end", "events"]);
    let rows: Vec<csv::StringRecord> = runs.records().map(|row| row.expect("a row")).collect();
    let heads: Vec<[&str; 2]> = rows.iter().map(|row| [&row[0], &row[1]]).collect();
    assert_eq!(heads, [["4", "0"], ["4", "1"], ["5", "0"], ["5", "1"]]);
    assert_eq!((&rows[0][2], &rows[1][2]), ("3", &rows[3][2]), "seeds");
    // Two runs: the mean lies in the middle, and the interval is t(0.975, 1) = 12.7062 times half of
    // what is between them wide to either side.
    let mut summary = read("summary.csv");
    let header = summary.headers().expect("a header").clone();
    assert_eq!(&header[2], "wait.mean");
    assert_eq!(
        (&header[3], &header[4]),
        ("wait.mean.halfWidth", "wait.mean.count")
    );
    let number = |text: &str| text.parse::<f64>().expect("a number");
    for (row, runs) in summary.records().zip(rows.chunks(2)) {
        let row = row.expect("a row");
        let (one, other) = (number(&runs[0][3]), number(&runs[1][3]));
        assert!((number(&row[2]) - (one + other) / 2.0).abs() < 1e-9);
        let half_width = 12.7062 * (one - other).abs() / 2.0;
        assert!((number(&row[3]) - half_width).abs() < 1e-4, "{row:?}");
        assert_eq!(&row[4], "2");
    }
}

#[test]
fn the_experiment_that_comes_along_shows_what_its_comment_says() {
    let folder = folder();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("scenarios/experiments/servers-and-load.yaml");
    let path = path.display().to_string();
    let once = ["sweep", &path, "--replications", "1", "--out", "out"];
    succeed(folder.path(), &once);
    let runs = csv::Reader::from_path(folder.path().join("out/runs.csv"));
    let mut waits: BTreeMap<(u32, String), f64> = BTreeMap::new();
    for row in runs.expect("runs.csv").records() {
        let row = row.expect("a row");
        let servers = row[1].parse().expect("a number of servers");
        waits.insert(
            (servers, row[2].to_owned()),
            row[5].parse().expect("a wait"),
        );
    }
    assert_eq!(waits.len(), 9);
    // Erlang's C formula, as the comment has it; one hour is one sample.
    let exact = [(10, "7/s", 0.074), (11, "8/s", 0.082), (12, "9/s", 0.089)];
    for (servers, rate, expected) in exact {
        let found = waits[&(servers, rate.to_owned())];
        assert!(
            (found / expected - 1.0).abs() < 0.3,
            "{servers} {rate}: {found}"
        );
    }
    for rate in ["7/s", "8/s", "9/s"] {
        let of = |servers| waits[&(servers, rate.to_owned())];
        assert!(of(10) > of(11) && of(11) > of(12), "{rate}: {waits:?}");
    }
}
