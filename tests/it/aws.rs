//! `stowplan import aws`: on the small documents beside this file, and on the examples of the AWS CLI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use stowplan::import::aws::{self, Kind, Options, Source};
use stowplan::metrics::Metrics;
use stowplan::metrics::results::Results;
use stowplan::report::aws::{
    ContainerDocument, ContainerInstanceDocument, Names, ResourceDocument, TaskDocument, moment,
    write_list,
};
use stowplan::time::{SimDuration, SimTime};
use stowplan::{engine, scenario};

const INSTANCES: &str = include_str!("aws/instances.json");
const DEFINITION: &str = include_str!("aws/definition.json");
const TASKS: &str = include_str!("aws/tasks.json");

/// The small documents, each at its option.
const DOCUMENTS: [(&str, &str, &str, Kind); 3] = [
    (
        "--container-instances",
        "instances.json",
        INSTANCES,
        Kind::ContainerInstances,
    ),
    (
        "--task-definitions",
        "definition.json",
        DEFINITION,
        Kind::TaskDefinitions,
    ),
    ("--tasks", "tasks.json", TASKS, Kind::Tasks),
];

fn import(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stowplan"));
    command
        .current_dir(folder)
        .args(["import", "aws"])
        .args(arguments);
    command.output().expect("stowplan starts")
}

/// Imports the small documents, with more arguments.
fn import_all(folder: &Path, more: &[&str]) -> Output {
    let mut arguments = Vec::new();
    for (option, name, text, _) in DOCUMENTS {
        fs::write(folder.join(name), text).expect("written");
        arguments.extend([option, name]);
    }
    import(folder, &[&arguments, more].concat())
}

fn run(path: &Path) -> Results {
    let loaded = scenario::load(path).unwrap_or_else(|problems| panic!("{problems}"));
    let mut metrics = Metrics::new();
    let outcome = engine::run(loaded.plan, &mut metrics);
    let results = metrics.results(&outcome);
    assert!(results.checks.littles_law && results.checks.utilization_law);
    results
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Instance 0a, whose ARN has the old form, is of the cluster of the task that ran on it. Task 02 is
/// described twice; 04 has no end, 05 never ran, 06 is on Fargate. Task 03 has overrides that no row
/// of a trace can hold, and waits for host port 8080, which 02 holds until 40.75 s.
#[test]
fn documents_become_a_scenario_with_traces() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = import_all(folder.path(), &["--start-date"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), PRINTED);
    let written = |name: &str| fs::read_to_string(folder.path().join("aws").join(name));
    let scenario = written("scenario.yaml").expect("a scenario");
    let (_, rest) = scenario.split_once("name: aws\n").expect("a comment");
    assert_eq!(rest, SCENARIO);
    let header = "time,duration,taskDefinition,group,cpu,memory,gpu,exitCode,name\n";
    assert_eq!(
        written("tasks.csv").expect("a trace"),
        format!("{header}0.25,2,web:3,,,,,,01\n10.5,30.25,web:3,service:web,512,1024,,137,02\n")
    );
    assert_eq!(
        written("tasks-2.csv").expect("a trace"),
        format!("{header}11,1,web:3,,,,,,03\n")
    );
    assert!(!scenario.contains("secret") && !scenario.contains("TOKEN"));
    let results = run(&folder.path().join("aws/scenario.yaml"));
    assert_eq!((results.tasks.stopped, results.tasks.given_up), (3, 0));
    assert_eq!(results.wait.max, Some(31.0));
}

const PRINTED: &str = " quantity                           described  left out  added  written 
 documents                                  3         0      0        3 
 container instances                        2         0      0        2 
 task definitions                           1         0      0        1 
 tasks                                      7         4      0        3 
 - described more than once                 1         1      0        0 
 - on Fargate or managed instances          1         1      0        0 
 - never started                            1         1      0        0 
 - no recorded end                          1         1      0        0 
 run time, s                            34.25         1      0    33.25 

- things that AWS was asked for and did not describe or start (failures): 1
- tasks of services, which are asked for here as recorded: no service replaces them: 1
- tasks of task definitions that are no longer ACTIVE, which are taken to be: 3
- tasks with an exit code outside 0 to 255, which is left out: 1
- instances of capacity providers, which are there from the start here and stay: 1
- instances that registered after the first task was created; here they are there from the start: 1
- from createdAt to startedAt the tasks took 1.166666 s on average (placement, network, image); \
the scenario pulls no image, so that here they start when they are placed

written: aws/scenario.yaml, aws/tasks.csv, aws/tasks-2.csv
";

const SCENARIO: &str = r#"description: Tasks of a cluster at their recorded times, as the AWS CLI describes them.
startDate: "2026-01-05T08:30:00Z"

clusters:
  - clusterName: "web"
    containerInstances:
      - {name: "0a", registeredResources: {CPU: 4096, MEMORY: 16000}, availabilityZones: ["eu-west-1a"], status: "DRAINING", registeredAt: "2025-12-29T09:20:00Z"}
      - {name: "0b", instanceType: "m5.large", registeredResources: {CPU: 2048, MEMORY: 7680, GPU: 2}, ec2InstanceId: "i-0b", status: "ACTIVE", agentConnected: true, agentVersion: "1.73.0", reservedPorts: [22, 51678], reservedPortsUdp: [], attributes: {"ecs.availability-zone": "eu-west-1b", "ecs.instance-type": "m5.large", "ecs.capability.task-eni": null, "no": "null"}}

taskDefinitions:
  - {family: "web", revision: 3, containerDefinitions: [{name: "log", cpu: 0, memory: 64, essential: false}, {name: "app", cpu: 256, memory: 512, essential: true, portMappings: [{containerPort: 80, hostPort: 8080, protocol: "tcp"}], healthCheck: {command: [], interval: 30, timeout: 5, retries: 3}}]}

workloads:
  - name: recorded
    runTask:
      cluster: "web"
      taskDefinition: "web:3"
      # There to be changed: placementStrategy: [{type: binpack, field: memory}], or
      # [{type: spread, field: "attribute:ecs.availability-zone"}, {type: spread, field: instanceId}].
    arrivals: {process: trace, file: tasks.csv}
    onFailure: {retry: {first: 1s, factor: 2, atMost: 1m, giveUpAfter: 1h}}
  - name: recorded-2
    runTask:
      cluster: "web"
      taskDefinition: "web:3"
      overrides: {memory: "2GB", containerOverrides: [{name: "log", memory: 128}]}
      # There to be changed: placementStrategy: [{type: binpack, field: memory}], or
      # [{type: spread, field: "attribute:ecs.availability-zone"}, {type: spread, field: instanceId}].
    arrivals: {process: trace, file: tasks-2.csv}
    onFailure: {retry: {first: 1s, factor: 2, atMost: 1m, giveUpAfter: 1h}}
"#;

/// Without a start date times count from the first task; --unended gives task 04 its run time.
#[test]
fn tasks_without_an_end_get_the_run_time_that_is_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = import_all(folder.path(), &["--unended", "1m", "--out", "."]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let words: Vec<Vec<&str>> = printed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let run_time = vec!["run", "time,", "s", "34.25", "1", "+60", "93.25"];
    assert!(words.contains(&run_time), "{printed}");
    assert!(
        printed.contains("- tasks without a recorded end, which run 60 s here: 1\n"),
        "{printed}"
    );
    let trace = fs::read_to_string(folder.path().join("tasks.csv")).expect("a trace");
    assert!(trace.contains("\n0,2,web:3,,,,,,01\n"), "{trace}");
    assert!(trace.ends_with("\n19.75,60,web:3,,,,,,04\n"), "{trace}");
    assert_eq!(run(&folder.path().join("scenario.yaml")).tasks.stopped, 4);
}

/// What is told of documents, the small ones but for a change; nothing is written then.
#[test]
fn bad_documents_are_told_at_once_and_nothing_is_written() {
    let check = |changes: &[(&str, &str, &str)], expected: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut arguments = Vec::new();
        for (option, name, text, _) in DOCUMENTS {
            let mut text = text.to_owned();
            for (_, old, new) in changes.iter().filter(|(file, ..)| *file == name) {
                assert!(text.contains(old), "{name} has no {old}");
                text = match old.is_empty() {
                    true => (*new).to_owned(),
                    false => text.replacen(old, new, 1),
                };
            }
            fs::write(folder.path().join(name), text).expect("written");
            arguments.extend([option, name]);
        }
        let output = import(folder.path(), &arguments);
        assert_eq!(text(&output.stderr), expected);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty() && !folder.path().join("aws").exists());
    };
    check(
        &[
            ("definition.json", "", "web"),
            ("tasks.json", "", "{\"jobs\": []}"),
        ],
        "error: definition.json: this is not JSON as the AWS CLI prints it: it does not begin with \"{\"
  help: write one: aws ecs describe-task-definition --task-definition … --output json > FILE
error: tasks.json: there is no \"tasks\" in it
  help: write one: aws ecs describe-tasks --cluster … --tasks … --output json > FILE
",
    );
    check(
        &[
            ("tasks.json", "", DEFINITION),
            ("instances.json", "", "{\"taskDefinition\": \"web\"}"),
        ],
        "error: instances.json:1:2: taskDefinition: expected a mapping, found text \"web\"
  help: this is what a call asks for; pass what it answers
error: tasks.json: there is no \"tasks\" in it
  help: it holds \"taskDefinition\": pass it with --task-definitions
",
    );
    check(
        &[
            (
                "definition.json",
                "\"cpu\": 256",
                "\"cpu\": 99999999999999999999",
            ),
            (
                "instances.json",
                "\"integerValue\": 2048",
                "\"integerValue\": -1",
            ),
            (
                "tasks.json",
                "2026-01-05T08:30:10.500000+00:00",
                "yesterday",
            ),
            ("tasks.json", "\"clusterArn\"", "\"cluster\""),
        ],
        r#"error: definition.json:7:48: taskDefinition.containerDefinitions[1].cpu: 99999999999999999999 is above the maximum of 4294967295
  help: write 0 to 4294967295
error: instances.json:11:89: containerInstances[0].registeredResources[0].integerValue: -1 is below the minimum of 0
  help: write 0 to 2147483647
error: tasks.json:3:9: tasks[0]: the key "clusterArn" is missing
  help: it takes text
error: tasks.json:7:13: tasks[0].createdAt: "yesterday" is no moment from 1970 to 9999; write it such as 2021-08-11T12:21:26.681000-04:00
"#,
    );
    check(
        &[
            ("definition.json", "\"revision\": 3", "\"revision\": 4"),
            (
                "tasks.json",
                "\"2026-01-05T08:30:42.250000+00:00\"",
                "\"2026-01-05T08:30:09Z\"",
            ),
            (
                "tasks.json",
                "arn:aws:ecs:eu-west-1:123456789012:task/web/01",
                "01",
            ),
        ],
        r#"error: tasks.json:6:13: tasks[0].taskDefinitionArn: 2 tasks name task definition "web:3", which no --task-definitions file describes
  help: pass --task-definitions with the output of aws ecs describe-task-definition --task-definition web:3; --leave-out-undescribed leaves such tasks out
error: tasks.json:15:13: tasks[0].stoppedAt: stoppedAt is before startedAt
error: tasks.json:50:13: tasks[1].taskArn: "01" is not the ARN of a task
  help: write it such as arn:aws:ecs:us-east-1:123456789012:task/…
"#,
    );
    check(
        &[
            ("definition.json", "\"name\": \"log\"", "\"name\": \"app\""),
            (
                "instances.json",
                "\"name\": \"MEMORY\"",
                "\"name\": \"SWAP\"",
            ),
            ("instances.json", "\"51678\"", "\"ssh\""),
            (
                "tasks.json",
                "ecs:eu-west-1:123456789012:cluster",
                "ecs:eu-west-2:123456789012:cluster",
            ),
        ],
        r#"error: definition.json:7:17: taskDefinition.containerDefinitions[1].name: ClientException: Container name 'app' is used more than once.
error: instances.json:10:13: containerInstances[0].registeredResources: no resource "MEMORY" with an integerValue
error: instances.json:13:132: containerInstances[0].registeredResources[2].stringSetValue[0]: "ssh" is not a port
error: tasks.json:51:13: tasks[1].clusterArn: it is of eu-west-1, account 123456789012; what stands before is of eu-west-2, account 123456789012
  help: import each region and account on its own
"#,
    );
    check(
        &[
            ("instances.json", "\"no\"", "\"a b\""),
            (
                "tasks.json",
                "\"name\": \"log\",\n                        \"memory\": 128",
                "\"name\": \"db\",\n                        \"memory\": 128",
            ),
        ],
        r#"error: aws/scenario.yaml:22:397: clusters[0].containerInstances[1].attributes["a b"]: the name "a b" is not 1 to 128 of letters, digits, - _ / \ .
  help: nothing was written; the line is that of the scenario that was made of the source
error: aws/scenario.yaml:40:56: workloads[1].runTask.overrides.containerOverrides[0].name: InvalidParameterException: Override for container named db is not a container in the TaskDefinition.
  help: nothing was written; the line is that of the scenario that was made of the source
"#,
    );
}

#[test]
fn something_must_be_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = import(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("--container-instances"), "{told}");
    let output = import(folder.path(), &["--tasks", "a.json", "b.json"]);
    assert_eq!(
        text(&output.stderr),
        "error: a.json: there is no such file\n  help: check the name and the folder\n\
         error: b.json: there is no such file\n  help: check the name and the folder\n"
    );
    let output = import_all(folder.path(), &["--unended", "soon"]);
    assert_eq!(output.status.code(), Some(2));
}

/// What a run prints as AWS would, the importer reads.
#[test]
fn documents_of_a_run_can_be_imported() {
    let names = Names::of_zone(Some("eu-west-1a"));
    let at = |secs: u64| moment(None, SimTime::from_micros(secs * 1_500_000));
    let tasks = (0..3).map(|number| TaskDocument {
        task_arn: names.task("web", number),
        cluster_arn: names.cluster("web"),
        task_definition_arn: names.task_definition("web:3"),
        created_at: at(number),
        started_at: Some(at(number + 1)),
        stopped_at: Some(at(number + 11)),
        containers: vec![ContainerDocument {
            name: "app".to_owned(),
            exit_code: Some(3),
            ..ContainerDocument::default()
        }],
        ..TaskDocument::default()
    });
    let instance = ContainerInstanceDocument {
        container_instance_arn: names.container_instance("web", "a"),
        registered_resources: ResourceDocument::list(1024, 4096, &[], Some(vec!["0".to_owned()])),
        status: "ACTIVE".to_owned(),
        agent_connected: true,
        ..ContainerInstanceDocument::default()
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    write_list(&mut first, "containerInstances", [instance].into_iter()).expect("memory takes it");
    write_list(&mut second, "tasks", tasks).expect("memory takes it");
    let texts = [text(&first), DEFINITION, text(&second)];
    let converted = aws::convert(&sources(texts), Options::default());
    let converted = converted.unwrap_or_else(|problems| panic!("{problems}"));
    let (_, trace) = &converted.files[1];
    let rows: Vec<&str> = trace.lines().skip(1).collect();
    assert_eq!(rows.len(), 3);
    assert!(rows[2].starts_with("3,15,web:3,,,,,3,"), "{trace}");
    assert!(
        converted.files[0]
            .1
            .contains("{CPU: 1024, MEMORY: 4096, GPU: 1}")
    );
}

fn sources(texts: [&str; 3]) -> Vec<Source> {
    let documents = DOCUMENTS.into_iter().zip(texts);
    let sources = documents.map(|((_, file, _, kind), text)| Source {
        file: file.to_owned(),
        text: text.to_owned(),
        kind,
    });
    sources.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Documents that are cut, or have a byte changed, are read or refused, and never end in a panic.
    #[test]
    fn damaged_documents_do_not_panic(which in 0..3_usize, at: Index, byte in 32..127_u8, cut: bool) {
        let mut texts = DOCUMENTS.map(|(_, _, text, _)| text.as_bytes().to_vec());
        let at = at.index(texts[which].len());
        match cut {
            true => texts[which].truncate(at),
            false => texts[which][at] = byte,
        }
        let texts = texts.each_ref().map(|bytes| text(bytes));
        let options = Options { unended: Some(SimDuration::from_secs(60)), ..Options::default() };
        if let Ok(converted) = aws::convert(&sources(texts), options) {
            prop_assert_eq!(converted.files[0].0.as_str(), aws::SCENARIO);
        }
    }
}

/// Where the examples of the AWS CLI are, if they are there.
fn data() -> Option<PathBuf> {
    let given = std::env::var_os("STOWPLAN_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folders = given.into_iter().chain([beside]);
    folders
        .map(|folder| folder.join("aws-cli-examples"))
        .find(|folder| folder.is_dir())
}

const SKIPPED: &str =
    "skipped: no examples in ../shared/data/aws-cli-examples nor in $STOWPLAN_DATA";

/// Every example that the importer is for is imported, or refused with the words that say what is
/// missing: the examples are of different clusters and do not fit each other.
#[test]
fn the_examples_of_the_aws_cli_are_imported_or_refused_with_reason() {
    let Some(folder) = data() else {
        println!("{SKIPPED}");
        return;
    };
    let path = |name: &str| {
        folder
            .join(format!("ecs_{name}.json"))
            .display()
            .to_string()
    };
    let (instances, definition) = (
        path("describe-container-instances-1"),
        path("describe-task-definition-1"),
    );
    let out = tempfile::tempdir().expect("a folder");
    let check = |tasks: &str, more: &[&str], expected: &[&str]| {
        let tasks = path(tasks);
        let given = [
            "--container-instances",
            &instances,
            "--task-definitions",
            &definition,
            "--tasks",
            &tasks,
        ];
        let output = import(out.path(), &[&given, more].concat());
        let told = text(&output.stderr);
        for words in expected {
            assert!(told.contains(words), "{tasks}: {told}");
        }
        let code = if expected.is_empty() { 0 } else { 2 };
        assert_eq!(output.status.code(), Some(code), "{tasks}: {told}");
        if code == 0 {
            assert_eq!(
                run(&out.path().join("aws/scenario.yaml")).tasks.requested,
                0
            );
        }
    };
    let hour = ["--unended", "1h"];
    // Running tasks have no end yet, and Fargate's are left out.
    check(
        "describe-tasks-1",
        &["--leave-out-undescribed"],
        &["it is of us-west-2"],
    );
    check("describe-tasks-2", &[], &["it is of us-west-2"]);
    check("run-task-1", &hour, &["it is of us-west-2"]);
    check("run-task-3", &hour, &[]);
    check("start-task-1", &[], &[]);
    check(
        "start-task-1",
        &hour,
        &["1 task names task definition \"sleep360:3\""],
    );
    check(
        "start-task-3",
        &hour,
        &["1 task names task definition \"mytaskdef:4\""],
    );
    check(
        "start-task-3",
        &["--unended", "1h", "--leave-out-undescribed"],
        &[],
    );
    for name in ["run-task-2", "start-task-2"] {
        check(
            name,
            &[],
            &["this is what a call asks for; pass what it answers"],
        );
    }
    for name in [
        "describe-clusters-1",
        "describe-services-1",
        "describe-capacity-providers-1",
    ] {
        check(name, &[], &["there is no \"tasks\" in it"]);
    }
    let missing = import(
        out.path(),
        &["--tasks", &path("describe-tasks-1"), "--unended", "1h"],
    );
    let told = text(&missing.stderr);
    assert!(told.contains(
        "task definition \"console-sample-app-static2:1\", which no --task-definitions file"
    ));
    assert!(
        told.contains("cluster \"MyCluster\", of which no --container-instances file"),
        "{told}"
    );
}

/// The keys of what is written occur in the examples, but for those that the examples happen to lack.
#[test]
fn keys_are_those_of_the_examples() {
    let Some(folder) = data() else {
        println!("{SKIPPED}");
        return;
    };
    let keys = |names: &[&str], list: &str| {
        let mut keys = std::collections::BTreeSet::new();
        for name in names {
            let path = folder.join(format!("ecs_{name}.json"));
            let text = fs::read_to_string(path).expect("an example");
            let value: Value = serde_json::from_str(&text).expect("JSON");
            for item in value[list].as_array().expect("a list") {
                keys.extend(item.as_object().expect("a mapping").keys().cloned());
            }
        }
        keys
    };
    let check = |value: Value, known: &std::collections::BTreeSet<String>, lacking: &[&str]| {
        for key in value.as_object().expect("a mapping").keys() {
            assert!(
                known.contains(key) != lacking.contains(&key.as_str()),
                "{key}"
            );
        }
    };
    let tasks = [
        "describe-tasks-1",
        "describe-tasks-2",
        "run-task-1",
        "start-task-1",
    ];
    let some = || Some("x".to_owned());
    let task = TaskDocument {
        availability_zone: some(),
        capacity_provider_name: some(),
        container_instance_arn: some(),
        cpu: some(),
        execution_stopped_at: some(),
        group: some(),
        health_status: some(),
        launch_type: some(),
        memory: some(),
        overrides: Some(Value::Null),
        pull_started_at: some(),
        pull_stopped_at: some(),
        started_at: some(),
        started_by: some(),
        stop_code: some(),
        stopped_at: some(),
        stopped_reason: some(),
        stopping_at: some(),
        ..TaskDocument::default()
    };
    // No example is of a stopped task: these are of the shape Task.
    let stopped = [
        "executionStoppedAt",
        "stopCode",
        "stoppedAt",
        "stoppedReason",
        "stoppingAt",
    ];
    let value = serde_json::to_value(task).expect("a task");
    check(value, &keys(&tasks, "tasks"), &stopped);
    let instance = ContainerInstanceDocument {
        ec2_instance_id: some(),
        capacity_provider_name: some(),
        registered_at: some(),
        ..ContainerInstanceDocument::default()
    };
    // The one example is of 2014: these are of the shape ContainerInstance.
    let newer = [
        "capacityProviderName",
        "version",
        "attributes",
        "registeredAt",
        "attachments",
        "tags",
    ];
    let value = serde_json::to_value(instance).expect("an instance");
    let known = keys(&["describe-container-instances-1"], "containerInstances");
    check(value, &known, &newer);
    let resource = serde_json::to_value(ResourceDocument::string_set("PORTS", Vec::new()));
    let example = fs::read_to_string(folder.join("ecs_describe-container-instances-1.json"));
    let example: Value = serde_json::from_str(&example.expect("an example")).expect("JSON");
    let ports = &example["containerInstances"][0]["registeredResources"][2];
    let known = ports
        .as_object()
        .expect("a resource")
        .keys()
        .cloned()
        .collect();
    check(resource.expect("a resource"), &known, &[]);
}
