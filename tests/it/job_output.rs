//! What `stowplan run` writes of jobs of AWS Batch: the real binary, its files read back.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

/// One instance of 4 vCPU, there from the start. An array of two jobs fails once and is tried again
/// (0 to 10, 10 to 20); a job waits for it, and fails (20 to 40). Three jobs of a share with a lower
/// priority come at 5: two find a vCPU each (5 to 10). At 10 the second attempts and the third job
/// start together (10 to 15).
const SCENARIO: &str = r#"
name: jobs
batch:
  computeEnvironments:
    - computeEnvironmentName: ce
      type: MANAGED
      computeResources:
        type: EC2
        allocationStrategy: BEST_FIT
        minvCpus: 4
        maxvCpus: 4
        instanceTypes: [c5.xlarge]
        instanceRole: ecsInstanceRole
        subnets: [subnet-1]
        securityGroupIds: [sg-1]
      bootTime: 0s
  schedulingPolicies:
    - {name: fair, fairsharePolicy: {shareDistribution: [{shareIdentifier: red}]}}
  jobQueues:
    - {jobQueueName: q, priority: 2, computeEnvironmentOrder: [{order: 1, computeEnvironment: ce}]}
    - jobQueueName: f
      priority: 1
      schedulingPolicyArn: fair
      computeEnvironmentOrder: [{order: 1, computeEnvironment: ce}]
  jobDefinitions:
    - jobDefinitionName: d
      type: container
      containerProperties:
        image: i
        resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "512"}]
      retryStrategy:
        attempts: 3
        evaluateOnExit: [{onExitCode: "1", action: RETRY}, {onExitCode: "*", action: EXIT}]
workloads:
  - name: A
    submitJob: {jobName: A, jobQueue: q, jobDefinition: d, arrayProperties: {size: 2}}
    arrivals: {process: at, times: [0s]}
    attempts:
      - duration: {distribution: constant, value: 10s}
        exits: [{weight: 1, exitCode: 1, reason: bad luck}]
      - duration: {distribution: constant, value: 10s}
  - name: B
    submitJob: {jobName: B, jobQueue: q, jobDefinition: d, dependsOn: [{jobId: A}]}
    arrivals: {process: at, times: [0s]}
    container:
      duration: {distribution: constant, value: 20s}
      exits: [{weight: 1, exitCode: 3}]
  - name: S
    submitJob: {jobName: S, jobQueue: f, jobDefinition: d, shareIdentifier: red}
    arrivals: {process: at, times: [5s, 5s, 5s]}
    container: {duration: {distribution: constant, value: 5s}}
"#;

/// Runs a scenario; gives the folder of its results, and what it printed.
fn run(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("jobs.yaml"), text).expect("the scenario is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    command.args(["run", "jobs.yaml", "--out", "out"]);
    let output = command
        .current_dir(folder.path())
        .output()
        .expect("the binary starts");
    let told = String::from_utf8(output.stderr).expect("stderr is text");
    assert_eq!((output.status.code(), told.as_str()), (Some(0), ""));
    let out = String::from_utf8(output.stdout).expect("stdout is text");
    (folder, out)
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("out").join(name)).expect(name)
}

fn check_lines(text: &str, expected: &[&str]) {
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn jobs_and_attempts_have_a_row_each() {
    let (folder, _) = run(SCENARIO);
    const ENDED: &str = "Essential container in task exited";
    let jobs = read(folder.path(), "jobs.csv").replace(ENDED, "ended");
    check_lines(
        &jobs,
        &[
            "jobId,jobName,jobDefinition,jobQueue,shareIdentifier,schedulingPriority,arrayIndex,\
             status,statusReason,createdAt,startedAt,stoppedAt,attempts,vcpus,memory,gpus,exitCode,\
             wait,turnaround,boundedSlowdown",
            "job-1,A,d:1,q,,0,,SUCCEEDED,ended,0,,20,0,1,512,0,,,20,",
            "job-2,B,d:1,q,,0,,FAILED,ended,0,20,40,1,1,512,0,3,0,40,2",
            "job-1:0,A,d:1,q,,0,0,SUCCEEDED,ended,0,10,20,2,1,512,0,0,0,20,2",
            "job-1:1,A,d:1,q,,0,1,SUCCEEDED,ended,0,10,20,2,1,512,0,0,0,20,2",
            "job-5,S,d:1,f,red,0,,SUCCEEDED,ended,5,5,10,1,1,512,0,0,0,5,1",
            "job-6,S,d:1,f,red,0,,SUCCEEDED,ended,5,5,10,1,1,512,0,0,0,5,1",
            "job-7,S,d:1,f,red,0,,SUCCEEDED,ended,5,10,15,1,1,512,0,0,5,10,1",
        ],
    );
    let attempts = read(folder.path(), "attempts.csv").replace(ENDED, "ended");
    check_lines(
        &attempts,
        &[
            "jobId,attempt,computeEnvironment,containerInstance,taskId,placedAt,startedAt,\
             stoppedAt,exitCode,reason,statusReason,evaluateOnExit,action",
            "job-1:0,1,ce,ce/1,task-1,0,0,10,1,bad luck,ended,1,RETRY",
            "job-1:1,1,ce,ce/1,task-2,0,0,10,1,bad luck,ended,1,RETRY",
            "job-5,1,ce,ce/1,task-3,5,5,10,0,,ended,,",
            "job-6,1,ce,ce/1,task-4,5,5,10,0,,ended,,",
            "job-7,1,ce,ce/1,task-7,10,10,15,0,,ended,,",
            "job-1:0,2,ce,ce/1,task-5,10,10,20,0,,ended,,",
            "job-1:1,2,ce,ce/1,task-6,10,10,20,0,,ended,,",
            "job-2,1,ce,ce/1,task-8,20,20,40,3,,ended,2,EXIT",
        ],
    );
}

/// At 12 s: the second attempts of the array and job-7 run, job-2 waits, job-5 and job-6 are done.
/// Of the share, job-7 waits from 5 to 10, and 2 vCPU are in use then.
#[test]
fn levels_of_jobs_stand_in_the_utilization() {
    let (folder, _) = run(SCENARIO);
    let text = read(folder.path(), "utilization.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let at = |time: &str, column: &str| {
        let column = header.iter().position(|name| name == column).expect(column);
        let row = rows.iter().find(|row| &row[0] == time).expect(time);
        row[column].to_owned()
    };
    let check = |time: &str, column: &str, level: &str| {
        assert_eq!(at(time, column), level, "{column} at {time}");
    };
    check("12", "jobs.PENDING", "1");
    check("12", "jobs.RUNNING", "3");
    check("12", "jobs.SUCCEEDED", "2");
    check("12", "queue.q.RUNNING", "2");
    check("12", "queue.f.RUNNING", "1");
    check("7", "share.f.red.RUNNABLE", "1");
    check("7", "share.f.red.cpu", "2048");
    check("12", "share.f.red.cpu", "1024");
    check("39", "jobs.FAILED", "0");
}

#[test]
fn the_summary_counts_jobs() {
    let (folder, out) = run(SCENARIO);
    let summary: Value = serde_json::from_str(&read(folder.path(), "summary.json")).expect("JSON");
    let jobs = &summary["results"]["jobs"];
    assert_eq!(jobs["calls"], 5);
    assert_eq!(jobs["arrays"], 1);
    assert_eq!(jobs["makespan"], 40.0);
    assert_eq!(jobs["littlesLaw"], true);
    assert_eq!(
        jobs["states"],
        json!({"submitted": 0, "pending": 0, "runnable": 0, "starting": 0, "running": 0,
               "succeeded": 5, "failed": 1})
    );
    // Two attempts of 10 s on 1 vCPU were for nothing: 20 / 3600 vCPU-hours.
    assert_eq!(jobs["attempts"], 8);
    assert_eq!(jobs["retries"], 2);
    assert_eq!(jobs["lostVcpuHours"], 20.0 / 3600.0);
    // Turnarounds 5, 5, 10, 20, 20, 40; slowdowns 1, 1, 1, 2, 2, 2.
    assert_eq!(jobs["turnaround"]["p50"], 10.0);
    assert_eq!(jobs["turnaround"]["max"], 40.0);
    assert_eq!(jobs["boundedSlowdown"]["mean"], 1.5);
    assert_eq!(jobs["queues"][0]["queue"], "q");
    assert_eq!(jobs["queues"][0]["attempts"], 5);
    // 2 vCPU for 5 s and 1 for 5 s, of 40 s.
    let share = &jobs["queues"][1]["shares"][0];
    assert_eq!(share["share"], "red");
    assert_eq!(share["cpu"], json!({"mean": 384.0, "peak": 2048}));
    assert_eq!(share["wait"]["max"], 5.0);
    assert!(
        out.contains("6 jobs from 5 SubmitJob calls, 1 of them an array: 5 succeeded, 1 failed")
    );
    assert!(out.contains("\n8 attempts, 2 retried (0.0 vCPU-hours lost); makespan 40.0 s\n"));
    for name in ["jobs", "attempts", "job-waits"] {
        assert!(read(folder.path(), &format!("{name}.svg")).starts_with("<svg "));
    }
}

/// At 12 s three attempts run and one job waits for another; what has not happened is empty.
#[test]
fn a_run_that_is_cut_off_tells_what_is_in_flight() {
    let (folder, _) = run(&SCENARIO.replace("name: jobs\n", "name: jobs\nhorizon: 12s\n"));
    let jobs = read(folder.path(), "jobs.csv");
    let check = |line: &str| assert!(jobs.lines().any(|other| other == line), "{line}\n{jobs}");
    check("job-1,A,d:1,q,,0,,PENDING,,0,,,0,1,512,0,,,,");
    check("job-2,B,d:1,q,,0,,PENDING,,0,,,0,1,512,0,,,,");
    check("job-7,S,d:1,f,red,0,,RUNNING,,5,10,,1,1,512,0,,5,,");
    let attempts = read(folder.path(), "attempts.csv");
    let lines: Vec<&str> = attempts.lines().collect();
    assert_eq!(
        lines[lines.len() - 3..],
        [
            "job-1:0,2,ce,ce/1,task-5,10,10,,,,,,",
            "job-1:1,2,ce,ce/1,task-6,10,10,,,,,,",
            "job-7,1,ce,ce/1,task-7,10,10,,,,,,",
        ]
    );
}

#[test]
fn without_job_queues_nothing_is_said_of_jobs() {
    let (folder, out) = run("
name: one
horizon: 1s
clusters: [{containerInstances: [{instanceType: m5.large}]}]
taskDefinitions: [{family: job, containerDefinitions: [{name: job, cpu: 512, memory: 1024}]}]
workloads:
  - name: jobs
    runTask: {taskDefinition: job}
    arrivals: {process: at, times: [0s]}
    containers: {job: {duration: {distribution: constant, value: 1h}}}
");
    for name in ["jobs.csv", "attempts.csv", "jobs.svg", "attempts.svg"] {
        assert!(!folder.path().join("out").join(name).exists(), "{name}");
    }
    assert!(!out.contains("SubmitJob"));
    assert!(!read(folder.path(), "summary.json").contains("\"jobs\": {"));
    let utilization = read(folder.path(), "utilization.csv");
    assert!(!utilization.contains("jobs."));
}
