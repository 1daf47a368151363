//! `stowplan import openb`: the command on small lists, and the conversion on the real ones.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use stowplan::import::openb::ledger::{Amount, Line};
use stowplan::import::openb::{self, Converted, List};
use stowplan::metrics::Metrics;
use stowplan::metrics::results::Results;
use stowplan::{engine, scenario};

const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\nn,8000,16384,2,T4\n";

const PODS: &str = "\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time,scheduled_time
a,1000,1024,2,1000,T4,0,100,0
b,1000,1024,1,300,,10,40,20
";

fn import(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    command
        .current_dir(folder)
        .args(["import", "openb"])
        .args(arguments);
    command.output().expect("stowplan starts")
}

fn run(path: &Path) -> Results {
    let loaded = scenario::load(path).unwrap_or_else(|problems| panic!("{problems}"));
    let mut metrics = Metrics::new();
    let outcome = engine::run(loaded.plan, &mut metrics);
    let results = metrics.results(&outcome);
    assert!(results.checks.littles_law && results.checks.utilization_law);
    results
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Gzip in and out changes nothing. `b` waits in replay for the GPUs that `a` holds until 100: 90 s.
#[test]
fn the_command_writes_four_files_that_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("nodes.csv"), NODES).expect("written");
    fs::write(path("pods.csv"), PODS).expect("written");
    fs::write(path("nodes.csv.gz"), gzipped(NODES)).expect("written");
    fs::write(path("pods.csv.gz"), gzipped(PODS)).expect("written");
    let plain = import(
        folder.path(),
        &["--nodes", "nodes.csv", "--pods", "pods.csv"],
    );
    assert!(
        plain.status.success(),
        "{}",
        String::from_utf8_lossy(&plain.stderr)
    );
    let packed = [
        "--nodes",
        "nodes.csv.gz",
        "--pods",
        "pods.csv.gz",
        "--gzip",
        "--out",
        "packed",
    ];
    assert!(import(folder.path(), &packed).status.success());
    let written = |folder: &str| {
        let entries = fs::read_dir(path(folder)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
        let mut names: Vec<String> = names.map(|name| name.expect("UTF-8")).collect();
        names.sort();
        names
    };
    assert_eq!(
        written("openb"),
        [
            "one-by-one.csv",
            "one-by-one.yaml",
            "replay.csv",
            "replay.yaml"
        ]
    );
    assert_eq!(
        written("packed"),
        [
            "one-by-one.csv.gz",
            "one-by-one.yaml",
            "replay.csv.gz",
            "replay.yaml"
        ]
    );
    let replay = run(&path("openb/replay.yaml"));
    assert_eq!((replay.wait.max, replay.tasks.stopped), (Some(90.0), 2));
    assert_eq!(replay, run(&path("packed/replay.yaml")));
    let one_by_one = run(&path("packed/one-by-one.yaml"));
    assert_eq!(
        (one_by_one.tasks.running, one_by_one.tasks.given_up),
        (1, 1)
    );
    assert_eq!(one_by_one, run(&path("openb/one-by-one.yaml")));
    let printed = String::from_utf8(plain.stdout).expect("UTF-8");
    let words: Vec<Vec<&str>> = printed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(
        words.contains(&vec!["GPUs,", "shares", "2.3", "0", "+0.7", "3"]),
        "{printed}"
    );
    assert!(
        words.contains(&vec!["run", "time,", "s", "120", "0", "0", "120"]),
        "{printed}"
    );
    assert!(
        words.contains(&vec!["replay", "nodes", "1", "0", "0", "1"]),
        "{printed}"
    );
}

#[test]
fn bad_input_is_told_at_once_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("nodes.csv"),
        NODES.replace("8000", "many"),
    )
    .expect("written");
    fs::write(folder.path().join("pods.csv"), PODS.replace(",40,", ",4,")).expect("written");
    let check = |arguments: &[&str], expected: &str| {
        let output = import(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
        assert!(output.stdout.is_empty() && !folder.path().join("openb").exists());
    };
    check(
        &["--nodes", "nodes.csv", "--pods", "pods.csv"],
        "error: nodes.csv:2: cpu_milli: \"many\" is not a whole number from 0 to 2000000000\n\
         error: pods.csv:3: deletion_time: 4 is before the scheduled_time 20\n",
    );
    check(
        &["--nodes", "nodes", "--pods", "pods"],
        "error: nodes: no such file\nerror: pods: no such file\n",
    );
}

/// Where the real lists are, if they are there.
fn data() -> Option<PathBuf> {
    let given = std::env::var_os("STOWPLAN_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folders = given
        .into_iter()
        .chain([beside])
        .map(|folder| folder.join("openb-gpu-v2023"));
    folders.into_iter().find(|folder| folder.is_dir())
}

/// The conversion of a real pod list on the nodes with GPUs.
fn converted(folder: &Path, pods: &str) -> Converted {
    let list = |file: &str| {
        let text = fs::File::open(folder.join(file)).expect("the list is there");
        List {
            file: file.to_owned(),
            text,
        }
    };
    openb::convert(list("openb_node_list_gpu_node.csv"), list(pods), ".csv")
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// Writes both forms where scenarios can be loaded, and runs them.
fn run_both(converted: &Converted) -> [Results; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    converted.forms.each_ref().map(|form| {
        let scenario = folder.path().join(form.name).with_extension("yaml");
        fs::write(scenario.with_extension("csv"), &form.trace).expect("written");
        fs::write(&scenario, &form.scenario).expect("written");
        run(&scenario)
    })
}

/// Listed and written amounts of a quantity.
fn amounts(lines: &[Line], what: &str) -> (Amount, Option<Amount>) {
    let line = lines
        .iter()
        .find(|line| line.what == what)
        .expect("a line of the ledger");
    (line.listed, line.written)
}

/// The totals are those that the authors publish of their trace; see its README.
#[test]
fn the_real_lists_reconcile_and_their_replay_queues() {
    let Some(folder) = data() else {
        println!("skipped: no openb data in ../shared/data/openb-gpu-v2023 nor in $STOWPLAN_DATA");
        return;
    };
    let converted = converted(&folder, "openb_pod_list_default.csv");
    let [one_by_one, replay] = &converted.forms;
    let same = |total: u32| (Amount::whole(total), Some(Amount::whole(total)));
    assert_eq!(amounts(&one_by_one.nodes, "nodes"), same(1_213));
    assert_eq!(amounts(&one_by_one.nodes, "GPUs"), same(6_212));
    assert_eq!(
        amounts(&one_by_one.nodes, "CPU, milli"),
        (Amount::whole(107_018_000), None)
    );
    assert_eq!(amounts(&one_by_one.nodes, "CPU, units"), same(109_586_432));
    assert_eq!(amounts(&one_by_one.nodes, "memory, MiB"), same(503_828_480));
    assert_eq!(amounts(&one_by_one.pods, "pods"), same(8_152));
    assert_eq!(amounts(&one_by_one.pods, "GPUs, whole"), same(7_433));
    assert_eq!(
        amounts(&one_by_one.pods, "GPUs, shares").0.to_string(),
        "6,086.8"
    );
    assert_eq!(
        amounts(&replay.nodes, "nodes"),
        (Amount::whole(1_213), Some(Amount::whole(15)))
    );
    assert_eq!(
        amounts(&replay.nodes, "GPUs"),
        (Amount::whole(6_212), Some(Amount::whole(63)))
    );
    assert_eq!(amounts(&replay.pods, "pods"), same(8_152));

    let [one_by_one, replay] = run_both(&converted);
    assert_eq!(one_by_one.tasks.requested, 8_152);
    assert_eq!((one_by_one.tasks.stopped, one_by_one.tasks.waiting), (0, 0));
    assert!(
        one_by_one.tasks.given_up > 0,
        "more GPUs are asked for than there are"
    );
    assert_eq!((replay.tasks.stopped, replay.tasks.given_up), (8_152, 0));
    assert!(
        replay.wait.p50 > Some(60.0),
        "half of the pods wait: {:?}",
        replay.wait
    );
}

/// One pod allows only G2 and asks for 120 vCPU, which no node with G2 has.
#[test]
fn the_real_list_with_models_leaves_out_the_pod_that_fits_nowhere() {
    let Some(folder) = data() else {
        println!("skipped: no openb data in ../shared/data/openb-gpu-v2023 nor in $STOWPLAN_DATA");
        return;
    };
    let converted = converted(&folder, "openb_pod_list_gpuspec33.csv");
    let [one_by_one, replay] = &converted.forms;
    let constrained = one_by_one
        .trace
        .lines()
        .filter(|row| row.contains("gpu-model in"));
    assert_eq!(constrained.count(), 2_388);
    assert_eq!(amounts(&replay.pods, "pods").1, Some(Amount::whole(8_151)));
    assert!(!replay.trace.contains("openb-pod-1639"));
    let [_, replay] = run_both(&converted);
    assert_eq!((replay.tasks.stopped, replay.tasks.given_up), (8_151, 0));
}
