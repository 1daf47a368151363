//! `stowplan run --format aws`: what is written, and that `stowplan import aws` reads it back.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Files that `--format aws` adds.
const DOCUMENTS: [&str; 2] = ["describe-tasks.json", "describe-container-instances.json"];

/// Task definitions, in the scenario and as the importer needs them beside the documents of a run.
const DEFINITIONS: [(&str, &str); 3] = [
    (
        "web.json",
        r#"{"family": "web", "revision": 3, "containerDefinitions": [
            {"name": "app", "cpu": 256, "memory": 512, "portMappings": [
                {"containerPort": 80, "hostPort": 8080}, {"containerPortRange": "9000-9002"}]},
            {"name": "log", "memory": 64, "memoryReservation": 32, "essential": false}]}"#,
    ),
    (
        "learn.json",
        r#"{"family": "learn", "revision": 1, "containerDefinitions": [
            {"name": "one", "memory": 256, "portMappings": [{"containerPort": 53, "protocol": "udp"}],
             "resourceRequirements": [{"type": "GPU", "value": "1"}]},
            {"name": "two", "memory": 256, "resourceRequirements": [{"type": "GPU", "value": "1"}]}]}"#,
    ),
    (
        "net.json",
        r#"{"family": "net", "revision": 1, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "containerDefinitions": [{"name": "app", "portMappings": [{"containerPort": 80}]}]}"#,
    ),
];

/// Eleven tasks: five of web on instance a, one after the other; three of learn, each for 30 s and
/// 20 s apart, on instance b, which alone has GPUs; three of net, which exit with 3.
fn scenario() -> String {
    let definitions = DEFINITIONS.map(|(_, definition)| definition).join(", ");
    format!(
        r#"name: documents
seed: 5
startDate: 2026-01-05
clusters:
  - clusterName: jobs
    containerInstances:
      - {{name: a, instanceType: m5.large, availabilityZones: [eu-west-1a], agentVersion: 1.73.0, attributes: {{web: null}}}}
      - {{name: b, instanceType: g4dn.12xlarge, availabilityZones: [eu-west-1b]}}
taskDefinitions: [{definitions}]
workloads:
  - name: web
    runTask:
      cluster: jobs
      taskDefinition: web
      group: mine
      startedBy: me
      placementConstraints: [{{type: memberOf, expression: "attribute:web exists"}}]
      overrides: {{containerOverrides: [{{name: app, memory: 600}}]}}
    arrivals: {{process: every, interval: 10s, count: 5}}
    containers:
      app: {{duration: {{distribution: constant, value: 5.5s}}, imagePull: {{distribution: constant, value: 1s}}}}
  - name: learn
    runTask: {{cluster: jobs, taskDefinition: learn}}
    arrivals: {{process: every, interval: 20s, count: 3}}
    containers: {{one: {{duration: {{distribution: constant, value: 30s}}}}}}
  - name: net
    runTask:
      cluster: jobs
      taskDefinition: net
      networkConfiguration: {{awsvpcConfiguration: {{subnets: [subnet-1]}}}}
    arrivals: {{process: every, interval: 10s, count: 3}}
    containers:
      app: {{duration: {{distribution: constant, value: 8s}}, exits: [{{exitCode: 3, weight: 1}}]}}
"#
    )
}

fn stowplan(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    let output = command.current_dir(folder).args(arguments).output();
    output.expect("stowplan starts")
}

fn succeed(folder: &Path, arguments: &[&str]) {
    let output = stowplan(folder, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
}

/// A folder in which the scenario has run into `out` with `--format aws`.
fn after_a_run() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("documents.yaml"), scenario()).expect("written");
    run(folder.path(), "out", &["--format", "aws"]);
    folder
}

fn run(folder: &Path, out: &str, more: &[&str]) {
    let arguments = ["run", "documents.yaml", "--no-plots", "--out", out];
    succeed(folder, &[&arguments, more].concat());
}

fn list(folder: &Path, document: &str, key: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(document)).expect("a document");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    value[key].as_array().expect("a list").clone()
}

/// Rows of a table, without its header.
fn rows(path: &Path) -> usize {
    let mut reader = csv::Reader::from_path(path).expect("a table");
    reader.records().filter(Result::is_ok).count()
}

/// The tasks of a family.
fn of<'a>(tasks: &'a [Value], family: &str) -> Vec<&'a Value> {
    let name = format!("/{family}:");
    let is_of = |task: &&Value| {
        let arn = task["taskDefinitionArn"].as_str();
        arn.is_some_and(|arn| arn.contains(&name))
    };
    tasks.iter().filter(is_of).collect()
}

#[test]
fn documents_of_a_run_are_read_back() {
    let folder = after_a_run();
    let mut arguments: Vec<&str> = vec!["import", "aws", "--start-date"];
    arguments.extend([
        "--container-instances",
        "out/describe-container-instances.json",
    ]);
    arguments.extend(["--tasks", "out/describe-tasks.json", "--task-definitions"]);
    for (name, definition) in DEFINITIONS {
        let text = format!("{{\"taskDefinition\": {definition}}}");
        fs::write(folder.path().join(name), text).expect("written");
        arguments.push(name);
    }
    succeed(folder.path(), &arguments);
    succeed(folder.path(), &["validate", "aws/scenario.yaml"]);
    let again = ["run", "aws/scenario.yaml", "--no-plots", "--format", "aws"];
    succeed(folder.path(), &[&again[..], &["--out", "again"]].concat());
    let path = |name: &str| folder.path().join(name);
    for (table, expected) in [("tasks.csv", 11), ("instances.csv", 2)] {
        assert_eq!(rows(&path("out").join(table)), expected, "{table}");
        assert_eq!(rows(&path("again").join(table)), expected, "{table}");
    }
    // What each task ran for and how it exited has come through twice.
    let ends = |out: &str| {
        let tasks = list(&path(out), DOCUMENTS[0], "tasks");
        let ends = tasks.iter().map(|task| {
            let first = &task["containers"][0];
            let facts = [
                &task["taskDefinitionArn"],
                &first["memory"],
                &first["exitCode"],
            ];
            facts.map(Value::to_string).join(" ")
        });
        let mut ends: Vec<String> = ends.collect();
        ends.sort();
        ends
    };
    assert_eq!(ends("out"), ends("again"));
    assert_eq!(ends("out").len(), 11);
}

/// The first task of web is pulled for 1 s and runs for 5.5 s: PENDING, RUNNING, STOPPED.
#[test]
fn a_task_is_told_with_all_that_is_known() {
    let folder = after_a_run();
    let tasks = list(&folder.path().join("out"), DOCUMENTS[0], "tasks");
    let web = of(&tasks, "web")[0];
    let check = |key: &str, expected: Value| assert_eq!(web[key], expected, "{key}");
    check("createdAt", json!("2026-01-05T00:00:00+00:00"));
    check("pullStartedAt", json!("2026-01-05T00:00:00+00:00"));
    check("pullStoppedAt", json!("2026-01-05T00:00:01+00:00"));
    check("startedAt", json!("2026-01-05T00:00:01+00:00"));
    check(
        "executionStoppedAt",
        json!("2026-01-05T00:00:06.500000+00:00"),
    );
    check("stoppedAt", json!("2026-01-05T00:00:06.500000+00:00"));
    check("version", json!(3));
    check("group", json!("mine"));
    check("startedBy", json!("me"));
    check("launchType", json!("EC2"));
    check("availabilityZone", json!("eu-west-1a"));
    check(
        "clusterArn",
        json!("arn:aws:ecs:eu-west-1:123456789012:cluster/jobs"),
    );
    check("lastStatus", json!("STOPPED"));
    check("desiredStatus", json!("STOPPED"));
    check("stopCode", json!("EssentialContainerExited"));
    check("attachments", json!([]));
    check("cpu", Value::Null);
    check(
        "overrides",
        json!({
            "containerOverrides": [{"name": "app", "memory": 600}, {"name": "log"}],
            "inferenceAcceleratorOverrides": []
        }),
    );
    let (app, log) = (&web["containers"][0], &web["containers"][1]);
    assert_eq!(
        (&app["cpu"], &app["memory"], &app["exitCode"]),
        (&json!("256"), &json!("600"), &json!(0))
    );
    let (limits, exit) = (json!(["0", "64", "32"]), json!(143));
    assert_eq!(
        json!([log["cpu"], log["memory"], log["memoryReservation"]]),
        limits
    );
    assert_eq!(log["exitCode"], exit);
    assert_eq!(
        app["networkBindings"],
        json!([
            {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 8080, "protocol": "tcp"},
            {"bindIP": "0.0.0.0", "protocol": "tcp", "containerPortRange": "9000-9002",
             "hostPortRange": "49153-49155"}
        ])
    );
}

/// The second task of learn overlaps the first and the third: it has other devices and another port.
/// When the third begins, at 40 s, the first has been gone for 10 s.
#[test]
fn what_a_task_gets_of_its_instance_is_its_own() {
    let folder = after_a_run();
    let tasks = list(&folder.path().join("out"), DOCUMENTS[0], "tasks");
    let held = of(&tasks, "learn").into_iter().map(|task| {
        let (one, two) = (&task["containers"][0], &task["containers"][1]);
        let binding = &one["networkBindings"][0];
        assert_eq!(binding["protocol"], json!("udp"));
        json!([one["gpuIds"], two["gpuIds"], binding["hostPort"]])
    });
    let expected = [
        json!([["0"], ["1"], 49153]),
        json!([["2"], ["3"], 49154]),
        json!([["0"], ["1"], 49153]),
    ];
    assert_eq!(held.collect::<Vec<_>>(), expected);
    let net = of(&tasks, "net")[0];
    let attachment = &net["attachments"][0];
    assert_eq!(attachment["status"], json!("DELETED"));
    let app = &net["containers"][0];
    let interfaces = json!([{"attachmentId": attachment["id"]}]);
    assert_eq!(
        (&app["networkInterfaces"], &app["networkBindings"]),
        (&interfaces, &json!([]))
    );
    assert_eq!((&app["exitCode"], &net["cpu"]), (&json!(3), &json!("256")));
    // PROVISIONING, PENDING, RUNNING, STOPPED.
    assert_eq!(net["version"], json!(4));
}

#[test]
fn an_instance_is_told_with_what_it_has() {
    let folder = after_a_run();
    let instances = list(
        &folder.path().join("out"),
        DOCUMENTS[1],
        "containerInstances",
    );
    let (a, b) = (&instances[0], &instances[1]);
    for instance in [a, b] {
        assert_eq!(
            instance["remainingResources"],
            instance["registeredResources"]
        );
        let state = [
            "status",
            "agentConnected",
            "runningTasksCount",
            "pendingTasksCount",
        ];
        let expected = json!(["ACTIVE", true, 0, 0]);
        assert_eq!(json!(state.map(|key| &instance[key])), expected);
        assert_eq!(instance["registeredAt"], json!("2026-01-05T00:00:00+00:00"));
    }
    assert_eq!(a["versionInfo"], json!({"agentVersion": "1.73.0"}));
    // Each task was placed and released: the five of web, and what came of net.
    assert_eq!(a["version"], json!(11 + placed_on_a(folder.path()) * 2));
    let attributes = a["attributes"].as_array().expect("attributes");
    assert!(attributes.contains(&json!({"name": "web"})));
    assert!(attributes.contains(&json!({"name": "ecs.availability-zone", "value": "eu-west-1a"})));
    let gpus = |instance: &Value| instance["registeredResources"][4]["stringSetValue"].clone();
    assert_eq!(
        (gpus(a), gpus(b)),
        (Value::Null, json!(["0", "1", "2", "3"]))
    );
}

/// How many tasks of net, which go anywhere, ran on instance a.
fn placed_on_a(folder: &Path) -> usize {
    let tasks = list(&folder.join("out"), DOCUMENTS[0], "tasks");
    let net = of(&tasks, "net");
    let on_a = |task: &&&Value| task["availabilityZone"] == json!("eu-west-1a");
    net.iter().filter(on_a).count()
}

#[test]
fn the_same_seed_gives_the_same_documents_and_a_run_without_removes_them() {
    let folder = after_a_run();
    run(folder.path(), "second", &["--format", "aws"]);
    let path = |out: &str, name: &str| folder.path().join(out).join(name);
    for name in DOCUMENTS {
        let bytes = |out: &str| fs::read(path(out, name)).expect("a document");
        assert_eq!(bytes("out"), bytes("second"), "{name}");
    }
    run(folder.path(), "second", &["--format", "csv"]);
    for name in DOCUMENTS {
        assert!(path("out", name).exists() && !path("second", name).exists());
    }
    let refused = stowplan(folder.path(), &["run", "documents.yaml", "--format", "xml"]);
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("[possible values: csv, aws]"), "{told}");
}

/// An array of two children, of which the second fails twice, with a host for one job at a time; a
/// job that depends on the array; a job that runs, and one behind it that is cancelled.
const JOBS: &str = r#"name: documents
startDate: 2026-01-05
horizon: 1h
batch:
  computeEnvironments:
    - computeEnvironmentName: ce
      type: MANAGED
      availabilityZones: [eu-west-1a]
      bootTime: 0s
      computeResources: {type: EC2, allocationStrategy: BEST_FIT, minvCpus: 4, maxvCpus: 4, instanceTypes: [c5.xlarge],
        instanceRole: ecsInstanceRole, subnets: [subnet-1], securityGroupIds: [sg-1]}
  jobQueues:
    - {jobQueueName: q, priority: 1, computeEnvironmentOrder: [{order: 1, computeEnvironment: ce}]}
  jobDefinitions:
    - jobDefinitionName: d
      type: container
      parameters: {codec: mp4}
      tags: {team: a}
      containerProperties: {image: i, command: [encode, "Ref::codec"], vcpus: 4, memory: 512}
      timeout: {attemptDurationSeconds: 60}
workloads:
  - name: films
    submitJob:
      jobName: films
      jobQueue: q
      jobDefinition: d
      arrayProperties: {size: 2}
      retryStrategy: {attempts: 2, evaluateOnExit: [{onExitCode: "1*", action: RETRY}]}
    arrivals: {process: at, times: [0s]}
    children:
      - [{duration: {distribution: constant, value: 10s}}]
      - [{duration: {distribution: constant, value: 10.5s}, exits: [{weight: 1, exitCode: 1}]}]
  - name: after
    submitJob: {jobName: after, jobQueue: q, jobDefinition: d, dependsOn: [{jobId: films}]}
    arrivals: {process: at, times: [0s]}
    container: {duration: {distribution: constant, value: 10s}}
  - name: last
    submitJob: {jobName: last, jobQueue: q, jobDefinition: d}
    arrivals: {process: at, times: [20m]}
    container: {duration: {distribution: constant, value: 59s}}
  - name: dropped
    submitJob: {jobName: dropped, jobQueue: q, jobDefinition: d}
    arrivals: {process: at, times: [20m]}
    container: {duration: {distribution: constant, value: 59s}}
actions:
  - {at: 1205s, cancelJob: {job: dropped, reason: enough}}
"#;

/// Two workloads at 0 s: job-1 with its children, then job-2, and the others at 20 min.
#[test]
fn jobs_of_a_run_are_told_as_describe_jobs_tells_them() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("documents.yaml"), JOBS).expect("written");
    run(folder.path(), "out", &["--format", "aws"]);
    let out = folder.path().join("out");
    let text = fs::read_to_string(out.join("describe-jobs.json")).expect("a document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document.as_object().map(serde_json::Map::len), Some(1));
    let jobs = document["jobs"].as_array().expect("jobs");
    let job = |name: &str, index: Option<u64>| {
        let is_it = |job: &&Value| {
            job["jobName"] == name && job["arrayProperties"]["index"].as_u64() == index
        };
        jobs.iter().find(is_it).unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!(jobs.len(), 6);
    let start = 1_767_571_200_000_u64;
    let arn = "arn:aws:batch:eu-west-1:123456789012";

    let parent = job("films", None);
    let id = parent["jobId"].as_str().expect("an id");
    assert_eq!(parent["status"], "FAILED");
    assert_eq!(parent["statusReason"], "Array Child Job failed");
    assert_eq!(parent["jobArn"], format!("{arn}:job/{id}"));
    assert_eq!(parent["jobQueue"], format!("{arn}:job-queue/q"));
    assert_eq!(parent["jobDefinition"], format!("{arn}:job-definition/d:1"));
    assert_eq!(
        (&parent["attempts"], &parent["startedAt"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(
        parent["arrayProperties"],
        json!({"statusSummary": {"SUBMITTED": 0, "PENDING": 0, "RUNNABLE": 0, "STARTING": 0,
               "RUNNING": 0, "SUCCEEDED": 1, "FAILED": 1},
               "statusSummaryLastUpdatedAt": start + 31_000, "size": 2})
    );
    assert_eq!(
        parent["retryStrategy"],
        json!({"attempts": 2, "evaluateOnExit": [{"onExitCode": "1*", "action": "retry"}]})
    );

    // The children take turns: 0 to 10 s, then two attempts of 10.5 s.
    let child = job("films", Some(1));
    assert_eq!(child["jobId"], format!("{id}:1"));
    assert_eq!(
        (&child["isCancelled"], &child["dependsOn"]),
        (&json!(false), &json!([]))
    );
    let attempts = child["attempts"].as_array().expect("attempts");
    let times: Vec<(u64, u64)> = attempts
        .iter()
        .map(|attempt| {
            let at = |key: &str| attempt[key].as_u64().expect(key) - start;
            (at("startedAt"), at("stoppedAt"))
        })
        .collect();
    assert_eq!(times, [(10_000, 20_500), (20_500, 31_000)]);
    assert_eq!(child["startedAt"], start + 20_500);
    assert_eq!(child["stoppedAt"], start + 31_000);
    let tasks = list(&out, DOCUMENTS[0], "tasks");
    let container = &attempts[1]["container"];
    let of_attempt = |task: &&Value| task["taskArn"] == container["taskArn"];
    let task = tasks
        .iter()
        .find(of_attempt)
        .expect("the task of the attempt");
    assert_eq!(
        task["containerInstanceArn"],
        container["containerInstanceArn"]
    );
    let number = container["taskArn"]
        .as_str()
        .and_then(|arn| arn.rsplit('/').next());
    let log = format!("d/default/{}", number.expect("a task"));
    assert_eq!(
        json!([
            container["exitCode"],
            container["logStreamName"],
            container.get("reason")
        ]),
        json!([1, log, null])
    );
    assert_eq!(
        child["container"],
        json!({"image": "i", "command": ["encode", "mp4"],
               "resourceRequirements": [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "512"}],
               "containerInstanceArn": container["containerInstanceArn"], "exitCode": 1,
               "logStreamName": log, "taskArn": container["taskArn"], "networkInterfaces": []})
    );

    let after = job("after", None);
    assert_eq!(after["statusReason"], "Dependent Job failed");
    assert_eq!(after["dependsOn"], json!([{"jobId": id}]));
    assert_eq!(after["stoppedAt"], start + 31_000);
    assert_eq!(after["container"].get("taskArn"), None);
    assert_eq!(after["timeout"], json!({"attemptDurationSeconds": 60}));
    assert_eq!(
        (&after["tags"], &after["parameters"]),
        (&json!({"team": "a"}), &json!({"codec": "mp4"}))
    );
    assert_eq!(
        after["retryStrategy"],
        json!({"attempts": 1, "evaluateOnExit": []})
    );

    let last = job("last", None);
    assert_eq!(
        (&last["status"], &last["container"]["exitCode"]),
        (&json!("SUCCEEDED"), &json!(0))
    );
    let dropped = job("dropped", None);
    assert_eq!(
        json!([
            dropped["status"],
            dropped["statusReason"],
            dropped["isCancelled"],
            dropped["isTerminated"]
        ]),
        json!(["FAILED", "enough", true, false])
    );
    assert_eq!(dropped["stoppedAt"], start + 1_205_000);

    // Tables alone leave no document behind that says something else.
    run(folder.path(), "out", &[]);
    assert!(!out.join("describe-jobs.json").exists());
}
