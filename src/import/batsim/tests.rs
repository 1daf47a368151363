use super::*;
use crate::import::openb::ledger::Line;

/// Two hosts. Job 2 comes first; of the others one is wider than the machine, one has no walltime,
/// and the profile of one is no delay.
const WORKLOAD: &str = r#"{
  "description": "toy", "nb_res": 2,
  "jobs": [
    {"id": "w0!1", "subtime": 3.0000004, "res": 2, "walltime": 60, "profile": "long"},
    {"id": 2, "subtime": 0, "res": 1, "walltime": 30.5, "profile": "short"},
    {"id": 3, "subtime": 4, "res": 3, "walltime": 60, "profile": "short"},
    {"id": 4, "subtime": 5, "res": 1, "walltime": -1, "profile": "short"},
    {"id": 5, "subtime": 6, "res": 1, "walltime": 60, "profile": "work"}
  ],
  "profiles": {
    "long": {"type": "delay", "delay": 61},
    "short": {"type": "delay", "delay": 1.25, "ret": 3},
    "work": {"type": "parallel_homogeneous", "cpu": 1e6, "com": 0}
  }
}"#;

fn converted(text: &str) -> Result<Converted, String> {
    let target = Target {
        name: "toy",
        trace_ending: ".csv",
    };
    convert("toy.json", text, target).map_err(|problems| problems.to_string())
}

#[test]
fn jobs_keep_their_hosts_and_times() {
    let found = converted(WORKLOAD).expect("a good workload");
    let trace = "\
time,jobName,duration,exitCode,vcpus,memory,nodes,timeout
0,2,1.25,3,1,4,1,30.5
3,w0_1,61,0,1,4,2,60
";
    assert_eq!(found.traces, [("toy.csv".to_owned(), trace.to_owned())]);
    let text = |line: &Line| format!("{}: {} - {}", line.what, line.listed, line.left_out);
    let lines: Vec<String> = found.lines.iter().map(text).collect();
    assert_eq!(
        lines,
        [
            "jobs: 5 - 3",
            "wider than the machine: 1 - 1",
            "with a profile other than delay: 1 - 1",
            "without a walltime: 1 - 1",
            "hosts of jobs: 8 - 5",
            "run time, s: 64.75 - 2.5",
            "host seconds: 128.25 - 5",
            "walltime, s: 210.5 - 120",
        ]
    );
    let late = "jobs with a delay above their walltime, which are stopped then: 1";
    assert_eq!(found.notes.last().map(String::as_str), Some(late));
    for wanted in [
        "      discipline: x-easy\n",
        "      multiNodeJobs: true\n",
        "{count: 2, registeredResources: {CPU: 1024, MEMORY: 4}}",
    ] {
        assert!(found.scenario.contains(wanted), "{}", found.scenario);
    }
}

#[test]
fn broken_workloads_are_told() {
    let check = |old: &str, new: &str, expected: &str| {
        let text = WORKLOAD.replace(old, new);
        assert_eq!(converted(&text), Err(expected.to_owned()));
    };
    check(
        "\"nb_res\": 2",
        "\"nb_res\": 0",
        "error: toy.json:2:25: nb_res: 0 is below the minimum of 1\n  help: write 1 to 4294967295",
    );
    check(
        "\"profile\": \"work\"",
        "\"profile\": \"wrk\"",
        "error: toy.json:8:55: jobs[4].profile: no profile named \"wrk\"",
    );
    check(
        "\"subtime\": 4",
        "\"subtime\": -4",
        "error: toy.json:6:15: jobs[2].subtime: -4 is below the minimum of 0\n  help: write 0 to 1000000000000",
    );
    check(
        "\"delay\": 61",
        "\"dely\": 61",
        "error: toy.json:4:68: jobs[0].profile: profile \"long\" has no delay",
    );
    check(
        "\"id\": 2",
        "\"id\": [2]",
        "error: toy.json:5:6: jobs[1].id: neither a number nor a text",
    );
    check(
        "\"jobs\"",
        "\"tasks\"",
        "error: toy.json:1:1: the key \"jobs\" is missing\n  help: it takes a list",
    );
    check(
        "\"type\": \"delay\"",
        "\"type\": \"msg\"",
        "error: toy.json: no job can be taken: 5 with a profile other than delay",
    );
}

const SCHEDULE: &str = "\
job_id,submission_time,starting_time,finish_time,allocated_resources,success
2,0.000000,0.000000,1.250000,0,1
w0_1,3.000000,3.000000,64.000000,0-1,1
";

/// Waits of 0 and 2 s on run times of 4 and 8 s: slowdowns of 1 and 1.25.
#[test]
fn schedules_are_compared_job_by_job() {
    let recorded = schedule::read("jobs.csv", SCHEDULE).expect("a good schedule");
    assert_eq!(recorded[1].hosts, [0, 1].into());
    let same = schedule::compare(&recorded, &recorded);
    assert!(same.is_complete());
    assert_eq!((same.equal_starts, same.equal_hosts), (2, 2));
    let mut other = recorded.clone();
    other[1].started = SimTime::from_micros(3_000_001);
    let late = schedule::compare(&recorded, &other);
    assert_eq!((late.equal_starts, late.equal_hosts), (1, 2));
    assert_eq!(
        late.differences,
        ["job w0_1 starts at 3.000001 s on 0 1, recorded: at 3 s on 0 1"]
    );
    other[1].job = "7".to_owned();
    let found = schedule::compare(&recorded, &other);
    assert_eq!(
        found.differences,
        [
            "job w0_1 has not ended in the run",
            "job 7 is not in the schedule"
        ]
    );
    let entry = |started: u64, ended: u64| schedule::Entry {
        started: SimTime::from_micros(started * 1_000_000),
        ended: SimTime::from_micros(ended * 1_000_000),
        submitted: SimTime::ZERO,
        ..recorded[0].clone()
    };
    let totals = schedule::Totals::of(&[entry(0, 4), entry(2, 10)]);
    assert_eq!((totals.mean_wait, totals.max_wait), (1.0, 2.0));
    assert_eq!((totals.mean_slowdown, totals.mean_turnaround), (1.125, 7.0));
    assert_eq!(totals.makespan, 10.0);
}

#[test]
fn broken_schedules_are_told() {
    let check = |old: &str, new: &str, expected: &str| {
        let found = schedule::read("jobs.csv", &SCHEDULE.replace(old, new));
        assert_eq!(found.map_err(|it| it.to_string()), Err(expected.to_owned()));
    };
    check(
        ",0-1,",
        ",1-0,",
        "error: jobs.csv:3: allocated_resources: \"1-0\" are not numbers such as 0 3-5",
    );
    check(
        ",0-1,",
        ",,",
        "error: jobs.csv:3: allocated_resources: \"\" are not numbers such as 0 3-5",
    );
    check(
        "64.000000",
        "soon",
        "error: jobs.csv:3: finish_time: \"soon\" is not a number of seconds",
    );
    check(
        "starting_time",
        "start",
        "error: jobs.csv:1: no column \"starting_time\"\n  help: a schedule is what Batsim writes as *_jobs.csv",
    );
    check(
        ",1\nw0",
        "\nw0",
        "error: jobs.csv:2: 5 fields, where the first line has 6",
    );
}
