//! Batsim's EASY backfilling, rebuilt job by job: `stowplan import batsim`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stowplan::engine::{self, Outcome};
use stowplan::import::batsim;
use stowplan::import::batsim::schedule::{self, Agreement};
use stowplan::import::jobs::{Converted, Target};
use stowplan::metrics::Metrics;
use stowplan::scenario;

/// The recorded run, if it is there.
fn data() -> Option<PathBuf> {
    let given = std::env::var_os("STOWPLAN_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folders = given.into_iter().chain([beside]);
    let mut folders = folders.map(|folder| folder.join("batsim-medium-late"));
    let found = folders.find(|it| it.is_dir());
    if found.is_none() {
        eprintln!("skipped: no batsim-medium-late in ../shared/data nor in $STOWPLAN_DATA");
    }
    found
}

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("the file is there")
}

/// Runs what the import wrote, in a folder of its own.
fn run(converted: &Converted) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in &converted.traces {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let loaded = scenario::load_text("medium.yaml", &converted.scenario, folder.path());
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let mut metrics = Metrics::new();
    let outcome = engine::run(loaded.plan, &mut metrics);
    let checks = metrics.results(&outcome).checks;
    assert!(checks.littles_law && checks.utilization_law);
    outcome
}

/// How a run of the recorded workload, with its scenario changed, agrees with the recorded schedule.
fn agreement(folder: &Path, old: &str, new: &str) -> Agreement {
    let target = Target {
        name: "medium",
        trace_ending: ".csv",
    };
    let workload = text(folder, "medium_late.json");
    let mut converted = batsim::convert("medium_late.json", &workload, target)
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert!(converted.scenario.contains(old));
    converted.scenario = converted.scenario.replace(old, new);
    let recorded = schedule::read("easy_out_jobs.csv", &text(folder, "easy_out_jobs.csv"));
    let recorded = recorded.unwrap_or_else(|problems| panic!("{problems}"));
    schedule::compare(&recorded, &schedule::of_run(&run(&converted)))
}

/// All 801 starts to the microsecond, and all host sets. Totals are those that Batsim printed.
#[test]
fn batsim_easy_starts_and_hosts_are_equal() {
    let Some(folder) = data() else { return };
    let found = agreement(&folder, "x-easy", "x-easy");
    assert_eq!(found.differences, Vec::<String>::new());
    assert_eq!(
        (found.jobs, found.equal_starts, found.equal_hosts),
        (801, 801, 801)
    );
    assert_eq!(found.run, found.recorded);
    let totals = text(&folder, "easy_out_schedule.csv");
    let mut lines = totals.lines().map(|line| line.split(','));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let of = |wanted: &str| {
        let mut both = names.clone().zip(values.clone());
        let found = both.find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value).expect("a total")
    };
    for (name, value) in [
        ("mean_waiting_time", found.run.mean_wait),
        ("max_waiting_time", found.run.max_wait),
        ("mean_slowdown", found.run.mean_slowdown),
        ("mean_turnaround_time", found.run.mean_turnaround),
        ("makespan", found.run.makespan),
    ] {
        assert_eq!(format!("{value:.6}"), of(name), "{name}");
    }
}

/// What is compared tells disciplines apart: nobody may pass, and jobs wait longer.
#[test]
fn batsim_first_come_first_served_is_another_schedule() {
    let Some(folder) = data() else { return };
    let found = agreement(&folder, "x-easy", "x-fcfs");
    assert!(found.equal_starts < 801 && !found.is_complete());
    assert!(found.run.mean_wait > found.recorded.mean_wait);
}

/// Two hosts: job 1 has one until 5, job 2 wants both and waits for it, job 3 is over by then.
const WORKLOAD: &str = r#"{"nb_res": 2, "profiles": {"p": {"type": "delay", "delay": 5}}, "jobs": [
    {"id": 1, "subtime": 0, "res": 1, "walltime": 60, "profile": "p"},
    {"id": 2, "subtime": 1, "res": 2, "walltime": 60, "profile": "p"},
    {"id": 3, "subtime": 2, "res": 1, "walltime": 58, "profile": "p"}]}"#;

const SCHEDULE: &str = "\
job_id,submission_time,starting_time,finish_time,allocated_resources
1,0.000000,0.000000,5.000000,0
3,2.000000,2.000000,7.000000,1
2,1.000000,7.000000,12.000000,0-1
";

fn import(schedule: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("workload.json", WORKLOAD), ("jobs.csv", schedule)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    let command = command.current_dir(folder.path());
    let arguments = "import batsim --workload workload.json --out toy --check jobs.csv";
    let output = command.args(arguments.split(' ')).output();
    output.expect("stowplan starts")
}

#[test]
fn one_command_holds_a_run_against_a_schedule() {
    let output = import(SCHEDULE);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        told.contains("equal start times: 3 of 3\nequal host sets: 3 of 3"),
        "{told}"
    );
    let output = import(&SCHEDULE.replace(
        "3,2.000000,2.000000,7.000000,1",
        "3,2.000000,2.000001,7.000000,0",
    ));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("equal start times: 2 of 3\nequal host sets: 2 of 3"),
        "{told}"
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: toy.yaml does not run as recorded:\n\
         job 3 starts at 2 s on 1, recorded: at 2.000001 s on 0\n"
    );
}
