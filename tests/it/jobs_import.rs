//! Jobs of real sources, imported and run: `stowplan import wfcommons`, `swf`, `nfcore`, `jobs`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use stowplan::batch::Discipline;
use stowplan::import::jobs::{Converted, Target};
use stowplan::import::openb::List;
use stowplan::import::openb::ledger::Amount;
use stowplan::import::wfcommons::{self, Machines, ManyParents};
use stowplan::import::{described, nfcore, swf};
use stowplan::metrics::Metrics;
use stowplan::metrics::jobs::JobCounts;
use stowplan::metrics::results::Results;
use stowplan::{engine, scenario};

const TARGET: Target<'_> = Target {
    name: "real",
    trace_ending: ".csv",
};

/// A folder of real data, if it is there.
fn data(name: &str) -> Option<PathBuf> {
    let given = std::env::var_os("STOWPLAN_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folders = given.into_iter().chain([beside]);
    let found = folders
        .map(|folder| folder.join(name))
        .find(|it| it.is_dir());
    if found.is_none() {
        println!("skipped: no {name} in ../shared/data nor in $STOWPLAN_DATA");
    }
    found
}

/// Runs what an import wrote, in a folder of its own.
fn run(converted: &Converted) -> Results {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in &converted.traces {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let path = folder.path().join("real.yaml");
    fs::write(&path, &converted.scenario).expect("written");
    let loaded = scenario::load(&path).unwrap_or_else(|problems| panic!("{problems}"));
    let mut metrics = Metrics::new();
    let outcome = engine::run(loaded.plan, &mut metrics);
    let results = metrics.results(&outcome);
    assert!(results.checks.littles_law && results.checks.utilization_law);
    results
}

/// Seconds from the first submission to the last end.
fn makespan(converted: &Converted) -> Option<f64> {
    run(converted).jobs.expect("there are jobs").makespan
}

/// Amounts of a quantity in the source and in what was written.
fn amounts(converted: &Converted, what: &str) -> (Amount, Option<Amount>) {
    let mut lines = converted.lines.iter();
    let line = lines
        .find(|line| line.what == what)
        .expect("a line of the ledger");
    (line.listed, line.written)
}

/// Listed as often as written.
fn both(total: u32) -> (Amount, Option<Amount>) {
    (Amount::whole(total), Some(Amount::whole(total)))
}

/// Longest path and total work are those of the README of the data. With a slot for each job the
/// makespan is the one, on one slot the other.
#[test]
fn batch_workflows_take_their_longest_path_or_their_total_work() {
    let Some(folder) = data("wfcommons-dags") else {
        return;
    };
    for (file, tasks, longest, total) in [
        (
            "helloworld-forkjoin-10-chameleon.json",
            10,
            307.36,
            1028.704,
        ),
        (
            "epigenomics-chameleon-hep-1seq-100k-001.json",
            41,
            104.822,
            539.307,
        ),
        ("montage-chameleon-2mass-005d-001.json", 58, 21.385, 221.726),
        (
            "soykb-chameleon-10fastq-10ch-001.json",
            96,
            2933.276,
            11814.517,
        ),
        ("blast-chameleon-small-001.json", 43, 10.413171, 382.91272),
        ("rnaseq-dirt02-001.json", 197, 759.454, 2580.36),
    ] {
        let text = fs::read_to_string(folder.join(file)).expect("the workflow is there");
        for (slots, expected) in [(1000, longest), (1, total)] {
            let options = wfcommons::Options {
                many_parents: ManyParents::Join,
                machines: Machines::Slots(slots),
            };
            let converted = wfcommons::convert(file, &text, options, TARGET)
                .unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(
                amounts(&converted, "tasks, jobs").0,
                Amount::whole(tasks),
                "{file}"
            );
            assert_eq!(
                makespan(&converted),
                Some(expected),
                "{file} on {slots} slots"
            );
        }
    }
}

/// Totals are those of the README of the data. The log has the times at which jobs really started,
/// so that on the machine they ran on hardly any waits; and since the work is what it was, so is the
/// use of the processors: 474,238,015 of 128 × 7,950,000 processor-seconds or so.
#[test]
fn batch_a_whole_log_of_a_machine_reconciles_and_runs() {
    let Some(folder) = data("swf-nasa-ipsc-1993") else {
        return;
    };
    let log = fs::File::open(folder.join("NASA-iPSC-1993-3.1-cln.swf.gz")).expect("the log");
    let list = List {
        file: "nasa.swf".to_owned(),
        text: GzDecoder::new(log),
    };
    let converted = swf::convert(list, swf::Options::default(), TARGET)
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(amounts(&converted, "jobs"), both(18_239));
    assert_eq!(amounts(&converted, "processor seconds"), both(474_238_015));
    let results = run(&converted);
    let jobs = results.jobs.expect("there are jobs");
    assert_eq!(jobs.statistics.states.succeeded, 18_239);
    assert_eq!(jobs.statistics.wait.p95, Some(0.0));
    let cpu = &results.clusters[0].resources[0];
    assert_eq!(cpu.peak, 128 * 1024);
    let used = cpu.utilization * 128.0 * results.end;
    assert!((used - 474_238_015.0).abs() < 1.0, "{used}");
}

/// The log of RICC, 1,024 nodes of 8 processors, up to so many lines.
fn ricc(folder: &Path, lines: usize, discipline: Discipline) -> Converted {
    let log = fs::File::open(folder.join("RICC-2010-2.swf.gz")).expect("the log");
    let text = BufReader::new(GzDecoder::new(log)).lines().take(lines);
    let text: Vec<String> = text.collect::<Result<_, _>>().expect("the log is text");
    let text = text.join("\n");
    let list = List {
        file: "ricc.swf".to_owned(),
        text: text.as_bytes(),
    };
    let options = swf::Options {
        cores_per_node: Some(8),
        memory_per_core: None,
        discipline,
    };
    swf::convert(list, options, TARGET).unwrap_or_else(|problems| panic!("{problems}"))
}

/// No job of the whole log is too wide. Processors are those requested, else those used, as counted in
/// the log line by line; and those that nodes have when a job is spread evenly over as few as can be.
#[test]
fn batch_wide_jobs_of_a_whole_log_have_several_nodes() {
    let Some(folder) = data("swf-ricc-2010") else {
        return;
    };
    let converted = ricc(&folder, usize::MAX, Discipline::Aws);
    assert_eq!(amounts(&converted, "jobs"), both(447_794));
    let processors = (Amount::whole(7_366_559), Some(Amount::whole(7_368_988)));
    assert_eq!(amounts(&converted, "processors"), processors);
    assert!(
        converted
            .scenario
            .contains("{count: 1024, registeredResources: {CPU: 8192,")
    );
}

/// Under x-easy the first jobs of the log wait for less than first come, first served, for the same
/// work.
#[test]
fn batch_wide_jobs_run_under_backfilling() {
    let Some(folder) = data("swf-ricc-2010") else {
        return;
    };
    let mut converted = ricc(&folder, 1500, Discipline::Easy);
    // A quarter of the machine, so that jobs wait; the widest want all of that.
    converted.scenario = converted.scenario.replace("count: 1024", "count: 256");
    let run = |converted: &Converted| run(converted).jobs.expect("there are jobs").statistics;
    let easy = run(&converted);
    converted.scenario = converted.scenario.replace("x-easy", "x-fcfs");
    let fcfs = run(&converted);
    let ended = |states: JobCounts| states.succeeded + states.failed;
    assert_eq!((ended(easy.states), ended(fcfs.states)), (1480, 1480));
    assert!(
        easy.wait.mean < fcfs.wait.mean,
        "{:?} {:?}",
        easy.wait,
        fcfs.wait
    );
}

/// Totals are those of the README of the data, run by run.
#[test]
fn batch_runs_of_nf_core_reconcile_and_replay() {
    let Some(folder) = data("aws-batch-nfcore-2025") else {
        return;
    };
    let list = || List {
        file: "aws_batch_tasks.csv".to_owned(),
        text: fs::File::open(folder.join("aws_batch_tasks.csv")).expect("the list"),
    };
    for (id, jobs, failed, vcpu_seconds) in [
        (Some("3dLeF2W4ju5og4"), 279u32, 19, 3_541_407),
        (Some("5yJURpCMUNmfri"), 295, 0, 2_038_055),
        (Some("50CueCkLKqyOeH"), 58, 0, 984_202),
        (None, 632, 19, 6_563_664),
    ] {
        let converted =
            nfcore::convert(list(), id, TARGET).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(amounts(&converted, "jobs").0, Amount::whole(632));
        let written = amounts(&converted, "jobs").1;
        assert_eq!(written, Some(Amount::whole(jobs)), "{id:?}");
        let written = amounts(&converted, "vCPU seconds").1;
        assert_eq!(written, Some(Amount::whole(vcpu_seconds)), "{id:?}");
        let states = run(&converted)
            .jobs
            .expect("there are jobs")
            .statistics
            .states;
        assert_eq!(states.failed, failed, "{id:?}");
        assert_eq!(states.succeeded, u64::from(jobs) - failed, "{id:?}");
    }
}

/// The document of the AWS CLI's own manual has one job, which has not ended.
#[test]
fn batch_the_example_of_the_cli_has_no_job_that_ended() {
    let Some(folder) = data("aws-cli-examples") else {
        return;
    };
    let mut text = String::new();
    let path = folder.join("batch_describe-jobs-1.json");
    let mut file = fs::File::open(path).expect("the document is there");
    file.read_to_string(&mut text).expect("it is text");
    let problems = described::convert(&[("jobs.json".to_owned(), text)], TARGET);
    assert_eq!(
        problems.map_err(|problems| problems.to_string()),
        Err("error: jobs.json: no job can be taken: 1 not ended".to_owned())
    );
}

/// Three jobs of a pipeline; the last is killed.
const LIST: &str = "\
run_id,process,exit_code,submit_s,start_s,complete_s,run_s,vcpus,memory_mib,machine_type,az,price_model
A,X:ALIGN,0,0,100,160,60,2,1024,m6i.4xlarge,eu-west-1b,spot
A,X:ALIGN,0,5,9,50,41.5,4,2048,r6i.4xlarge,eu-west-1a,spot
A,X:SORT,2147483647,160,160,170,10,8,2048,m6i.4xlarge,eu-west-1a,spot
";

fn stowplan(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    let command = command.current_dir(folder).args(arguments);
    let output = command.output().expect("stowplan starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*told), (Some(0), ""));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a run says of its jobs as the AWS CLI would is imported as the same jobs.
#[test]
fn batch_jobs_of_a_run_can_be_imported_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("list.csv"), LIST).expect("written");
    stowplan(
        folder,
        &["import", "nfcore", "--jobs", "list.csv", "--out", "first"],
    );
    stowplan(
        folder,
        &["run", "first.yaml", "--out", "out", "--format", "aws"],
    );
    let document = "out/describe-jobs.json";
    let printed = stowplan(
        folder,
        &["import", "jobs", "--jobs", document, "--out", "second"],
    );
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let line = ["vCPU", "seconds", "366", "0", "0", "366"];
    assert!(
        printed.lines().any(|found| words(found) == line),
        "{printed}"
    );
    let trace = |name: &str| fs::read_to_string(folder.join(name)).expect("a trace");
    assert_eq!(trace("second.csv"), trace("first.csv"));
}
