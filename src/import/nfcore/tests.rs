use super::*;
use crate::import::openb::ledger::Line;

/// Run B stands between the jobs of run A, whose last job is killed at 7200 s.
const LIST: &str = "\
run_id,process,exit_code,submit_s,start_s,complete_s,run_s,vcpus,memory_mib,machine_type,az,price_model
A,X:Y:ALIGN,0,0,100,160,60,2,1024,m6i.4xlarge,eu-west-1b,spot
B,X:Y:ALIGN,0,5,9,50,41,4,2,r6i.4xlarge,eu-west-1a,spot
A,X:Y:ALIGN,2147483647,160,160,7200,0.5,8,2048,m6i.4xlarge,eu-west-1a,spot
";

fn converted(list: &str, run: Option<&str>) -> Result<Converted, String> {
    let list = List {
        file: "lists/tasks.csv".to_owned(),
        text: list.as_bytes(),
    };
    let target = Target {
        name: "toy",
        trace_ending: ".csv.gz",
    };
    convert(list, run, target).map_err(|problems| problems.to_string())
}

fn texts(lines: &[Line]) -> Vec<String> {
    let text = |line: &Line| {
        let written = line.written.map_or("-".to_owned(), |it| it.to_string());
        let (listed, left_out, changed) = (line.listed, line.left_out, line.changed);
        format!(
            "{}: {listed} - {left_out} + {changed} = {written}",
            line.what
        )
    };
    lines.iter().map(text).collect()
}

/// Run A ends at 2 h, so that B starts at 3 h. No two jobs overlap: at most 8 vCPUs are wanted.
#[test]
fn runs_come_one_after_another() {
    let found = converted(LIST, None).expect("a good list");
    let trace = "\
time,jobName,duration,exitCode,vcpus,memory
0,X_Y_ALIGN,60,0,2,1024
160,X_Y_ALIGN-3,0.5,137,8,2048
10805,X_Y_ALIGN-2,41,0,4,4
";
    assert_eq!(found.traces, [("toy.csv.gz".to_owned(), trace.to_owned())]);
    assert_eq!(
        texts(&found.lines),
        [
            "jobs: 3 - 0 + 0 = 3",
            "vCPUs: 14 - 0 + 0 = 14",
            "run time, s: 101.5 - 0 + 0 = 101.5",
            "vCPU seconds: 288 - 0 + 0 = 288",
            "memory, MiB: 3,074 - 0 + 2 = 3,076",
        ]
    );
    assert_eq!(
        found.notes[1..],
        [
            "jobs have neither dependencies, as the list has none, nor timeouts: run times are as \
             recorded",
            "run \"A\" starts at 0 h",
            "run \"B\" starts at 3 h",
            "jobs without an exit code (killed, or never started); they exit with 137: 1",
            "jobs with less memory than AWS Batch allows, which get 4 MiB: 1",
            "recorded waits from submission to start: mean 34.7 s, p50 4 s, p99 100 s, most 100 s",
            "recorded at most at once: 1 jobs, 8 vCPUs, instances of a type and zone with room for \
             their jobs: 1",
        ]
    );
    for line in [
        "        type: SPOT\n",
        "        instanceTypes: [m6i.4xlarge, r6i.4xlarge]\n",
        "      availabilityZones: [eu-west-1a, eu-west-1b]\n",
    ] {
        assert!(found.scenario.contains(line), "{}", found.scenario);
    }
    let mixed = converted(&LIST.replacen("spot", "standard", 1), None).expect("a good list");
    assert!(mixed.scenario.contains("        type: EC2\n"));
}

#[test]
fn one_run_can_be_taken() {
    let found = converted(LIST, Some("B")).expect("a good list");
    assert_eq!(
        found.traces[0].1,
        "time,jobName,duration,exitCode,vcpus,memory\n5,X_Y_ALIGN,41,0,4,4\n"
    );
    assert_eq!(
        texts(&found.lines)[..3],
        [
            "jobs: 3 - 2 + 0 = 1",
            "of other runs: 2 - 2 + 0 = 0",
            "vCPUs: 14 - 10 + 0 = 4",
        ]
    );
    assert_eq!(
        converted(LIST, Some("C")),
        Err("error: lists/tasks.csv: no run \"C\"\n  help: runs: A, B".to_owned())
    );
}

#[test]
fn broken_rows_are_told() {
    let check = |wrong: &str, right: &str, expected: &str| {
        assert_eq!(
            converted(&LIST.replacen(wrong, right, 1), None),
            Err(expected.to_owned())
        );
    };
    check(
        "60,2,1024",
        "60,0,1024",
        "error: lists/tasks.csv:2: vcpus: 0 is not above 0",
    );
    check(
        "B,X:Y:ALIGN,0,5",
        "B,X:Y:ALIGN,0,soon",
        "error: lists/tasks.csv:3: submit_s: \"soon\" is not a number of seconds",
    );
    check(
        ",5,9,50,",
        ",51,9,50,",
        "error: lists/tasks.csv:3: complete_s: 50 is before the submit_s 51",
    );
    check(
        "r6i.4xlarge",
        "r6i: x",
        "error: lists/tasks.csv:3: machine_type: \"r6i: x\" is not a name",
    );
    let head = LIST.lines().next().expect("a header");
    assert_eq!(
        converted(head, None),
        Err("error: lists/tasks.csv: the list has no rows".to_owned())
    );
    assert!(converted("run_id,process\nA,x\n", None).is_err());
}
