use super::*;
use crate::import::openb::ledger::Line;

/// A job as described, at 2016-11-30 and so many seconds later; `more` begins with a comma.
fn job(id: &str, queue: &str, [created, started, stopped]: [u64; 3], more: &str) -> String {
    let at = |secs: u64| 1_480_483_387_803 + secs * 1000;
    let (created, started, stopped) = (at(created), at(started), at(stopped));
    format!(
        r#"{{"jobId": "{id}", "jobName": "work", "jobQueue": "arn:aws:batch:r:1:job-queue/{queue}",
"jobDefinition": "arn:aws:batch:r:1:job-definition/d:1", "createdAt": {created}, "startedAt": {started},
"stoppedAt": {stopped}{more}}}"#
    )
}

const OK: &str = r#", "status": "SUCCEEDED", "container": {"vcpus": 2, "memory": 100}"#;

fn converted(jobs: &[String]) -> Result<Converted, String> {
    let text = format!(r#"{{"jobs": [{}]}}"#, jobs.join(",\n"));
    let target = Target {
        name: "mine",
        trace_ending: ".csv",
    };
    let sources = [("describe-jobs.json".to_owned(), text)];
    convert(&sources, target).map_err(|problems| problems.to_string())
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

/// `b` was submitted first and asks for a quarter of a vCPU; `c` is in another queue, so that its wait
/// for `a` is lost; `d` never started, `e` runs, `a` is described twice.
#[test]
fn jobs_keep_times_sizes_and_dependencies() {
    let quarter = r#", "status": "FAILED", "shareIdentifier": "blue", "container": {"exitCode": 3,
"resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]}"#;
    let waits = |status: &str, on: &str| {
        format!(
            r#", "status": "{status}", "dependsOn": [{{"jobId": "{on}"}}], "attempts": [{{}}, {{"container": {{}}}}],
"container": {{"resourceRequirements": [{{"type": "GPU", "value": "1"}}, {{"type": "VCPU", "value": "1"}},
{{"type": "MEMORY", "value": "8"}}]}}"#
        )
    };
    let jobs = [
        job(
            "a",
            "low",
            [10, 20, 50],
            &format!("{OK}, \"shareIdentifier\": \"red\""),
        ),
        job("b", "low", [0, 5, 6], quarter),
        job("c", "high", [11, 51, 61], &waits("FAILED", "a")),
        job("d", "low", [11, 0, 61], OK)
            .replace("\"startedAt\": 1480483387803", "\"startedAt\": 0"),
        job("e", "low", [11, 12, 61], OK).replace("SUCCEEDED", "RUNNING"),
        job("a", "low", [10, 20, 50], OK),
        job(
            "f",
            "low",
            [12, 50, 52],
            &format!("{}, \"shareIdentifier\": \"red\"", waits("SUCCEEDED", "a")),
        ),
    ];
    let found = converted(&jobs).expect("good documents");
    let low = "\
time,jobName,duration,exitCode,vcpus,memory,gpus,shareIdentifier,dependsOn
0,work,1,3,1,512,0,blue,
10,work-2,30,0,2,100,0,red,
12,work-4,2,0,1,8,1,red,work-2
";
    let high = "time,jobName,duration,exitCode,vcpus,memory,gpus\n11,work-3,10,137,1,8,1\n";
    assert_eq!(
        found.traces,
        [
            ("mine-low.csv".to_owned(), low.to_owned()),
            ("mine-high.csv".to_owned(), high.to_owned()),
        ]
    );
    assert_eq!(
        texts(&found.lines),
        [
            "jobs: 7 - 3 + 0 = 4",
            "described before: 1 - 1 + 0 = 0",
            "never started: 1 - 1 + 0 = 0",
            "not ended: 1 - 1 + 0 = 0",
            "run time, s: 122 - 79 + 0 = 43",
            "vCPUs: 10.25 - 6 + 0.75 = 5",
            "vCPU seconds: 230.25 - 158 + 0.75 = 73",
            "memory, MiB: 928 - 300 + 0 = 628",
            "GPUs: 2 - 0 + 0 = 2",
        ]
    );
    assert_eq!(
        found.notes[1..],
        [
            "job queues: 2, all of one priority",
            "dependencies between the jobs: 1",
            "dependencies on jobs of other queues or that are not there, which are left out: 1",
            "jobs with more than one attempt; the last is what runs: 2",
            "jobs without an exit code that did not succeed; they exit with 137: 1",
            "jobs with part of a vCPU, which get a whole one: 1",
        ]
    );
    assert!(
        found.scenario.contains("fairsharePolicy: {}"),
        "{}",
        found.scenario
    );
    assert!(found.scenario.contains("instanceTypes: [optimal, g4dn]"));
}

/// The children of `y` wait for those of `x`, each for its own, because the array says so; those of
/// `x` go one after another. `z` waits for all of `x`.
#[test]
fn children_of_arrays_become_jobs() {
    let parent =
        |on: &str| format!(r#"{OK}, "arrayProperties": {{"size": 2}}, "dependsOn": [{on}]"#);
    let child =
        |index: u32| format!(r#"{OK}, "arrayProperties": {{"index": {index}}}, "dependsOn": []"#);
    let times = [0, 1, 2];
    let jobs = [
        job("x", "q", times, &parent(r#"{"type": "SEQUENTIAL"}"#)),
        job("x:0", "q", times, &child(0)),
        job("x:1", "q", times, &child(1)),
        job(
            "y",
            "q",
            times,
            &parent(r#"{"jobId": "x", "type": "N_TO_N"}"#),
        ),
        job("y:1", "q", times, &child(1)),
        job(
            "z",
            "q",
            times,
            &format!(r#"{OK}, "dependsOn": [{{"jobId": "x"}}]"#),
        ),
    ];
    let found = converted(&jobs).expect("good documents");
    assert_eq!(
        found.traces,
        [(
            "mine.csv".to_owned(),
            "\
time,jobName,duration,exitCode,vcpus,memory,dependsOn
0,work,1,0,2,100,
0,work-2,1,0,2,100,work
0,work-3,1,0,2,100,work-2
0,work-4,1,0,2,100,work work-2
"
            .to_owned()
        )]
    );
    assert_eq!(
        texts(&found.lines)[..2],
        [
            "jobs: 6 - 2 + 0 = 4",
            "arrays as a whole; their described children are jobs: 2 - 2 + 0 = 0",
        ]
    );
}

#[test]
fn what_cannot_be_taken_is_told() {
    let check = |jobs: &[String], expected: &str| {
        let told = converted(jobs).expect_err("nothing to take");
        assert!(told.contains(expected), "{told}");
    };
    check(
        &[],
        "error: describe-jobs.json: the documents describe no job",
    );
    let nodes = format!("{OK}, \"nodeProperties\": {{\"numNodes\": 2}}");
    let jobs = [
        job("a", "q", [0, 1, 2], &nodes),
        job("b", "q", [0, 1, 2], ", \"status\": \"FAILED\""),
    ];
    check(
        &jobs,
        "no job can be taken: 1 of many nodes, 1 without a number of vCPUs",
    );
    check(
        &[job("a", "q q", [0, 1, 2], OK)],
        "jobs[0].jobQueue: \"q q\" is not a name",
    );
    let target = Target {
        name: "mine",
        trace_ending: ".csv",
    };
    let wrong = [("f.json".to_owned(), "{\"tasks\": []}".to_owned())];
    let told = convert(&wrong, target)
        .expect_err("not such a document")
        .to_string();
    assert!(told.contains("there is no \"jobs\" in it"), "{told}");
}
