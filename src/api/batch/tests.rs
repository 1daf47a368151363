//! The golden cases on registration and submission, and a test of each documented rule.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::api::{CpuArchitecture, ErrorCode};

fn read<T: DeserializeOwned>(document: Value) -> T {
    let text = document.to_string();
    serde_json::from_value(document).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `base` with the fields of `changes`, where null takes a field away.
fn with(mut base: Value, changes: Value) -> Value {
    let fields = base.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    base
}

/// Field and error, or `accepted`.
fn outcome<T>(result: Result<T, ApiError>) -> String {
    match result {
        Ok(_) => "accepted".to_owned(),
        Err(error) => format!("{}: {error}", error.field),
    }
}

/// Whether the outcome is a ClientException of that field, whatever the text.
fn check_client<T>(result: Result<T, ApiError>, field: &str, what: &Value) {
    let error = result.err().unwrap_or_else(|| panic!("accepted: {what}"));
    assert_eq!(
        (error.code, error.field.as_str()),
        (ErrorCode::Client, field),
        "{what}: {error}"
    );
}

fn needs(vcpu: &str, memory: &str) -> Value {
    json!([{"type": "VCPU", "value": vcpu}, {"type": "MEMORY", "value": memory}])
}

fn container(vcpu: &str, memory: &str) -> Value {
    json!({"image": "app", "resourceRequirements": needs(vcpu, memory)})
}

fn single(container: Value) -> Value {
    json!({"jobDefinitionName": "d", "type": "container", "containerProperties": container})
}

fn plain() -> Value {
    single(container("1", "512"))
}

fn fargate(container: Value) -> Value {
    let container = with(
        container,
        json!({"executionRoleArn": "arn:aws:iam::1:role/r"}),
    );
    with(
        single(container),
        json!({"platformCapabilities": ["FARGATE"]}),
    )
}

fn several(containers: Value) -> Value {
    json!({"jobDefinitionName": "d", "type": "container",
           "ecsProperties": {"taskProperties": [{"containers": containers}]}})
}

/// A multi-node definition whose ranges have 1, 2, … vCPUs.
fn nodes(num_nodes: i64, main_node: i64, targets: &[&str]) -> Value {
    let ranges: Vec<Value> = targets
        .iter()
        .enumerate()
        .map(|(index, target)| {
            json!({"targetNodes": target, "container": container(&(index + 1).to_string(), "512")})
        })
        .collect();
    json!({"jobDefinitionName": "d", "type": "multinode", "nodeProperties":
           {"numNodes": num_nodes, "mainNode": main_node, "nodeRangeProperties": ranges}})
}

fn submit(changes: Value) -> SubmitJob {
    read(with(
        json!({"jobName": "j", "jobQueue": "q", "jobDefinition": "d"}),
        changes,
    ))
}

const FIFO: QueueView = QueueView {
    enabled: true,
    fair_share: false,
    platform: PlatformCapability::Ec2,
};

fn registered(definition: Value) -> Result<(), ApiError> {
    read::<JobDefinition>(definition).validate()
}

fn submitted(definition: Value, changes: Value) -> Result<(), ApiError> {
    submit(changes).validate(&read(definition), &FIFO)
}

fn job(definition: Value, changes: Value) -> Job {
    read::<JobDefinition>(definition)
        .job(&submit(changes))
        .unwrap_or_else(|error| panic!("{}: {error}", error.field))
}

fn one(job: &Job) -> Request {
    match job.nodes {
        Nodes::One(request) => request,
        Nodes::Many { .. } => panic!("several nodes"),
    }
}

/// The vCPUs of each node, or the field at fault.
fn vcpus_of_nodes(definition: Value, changes: Value) -> Result<Vec<u32>, String> {
    let definition: JobDefinition = read(definition);
    match definition.job(&submit(changes)) {
        Ok(Job {
            nodes: Nodes::Many { requests, .. },
            ..
        }) => Ok(requests.iter().map(|request| request.cpu / 1024).collect()),
        Ok(_) => panic!("one node"),
        Err(error) => Err(error.field),
    }
}

#[test]
fn batch_g12_amounts_below_the_minimum() {
    assert_eq!(outcome(registered(single(container("1", "4")))), "accepted");
    for (vcpu, memory, index) in [
        ("1", "3", 1),
        ("0", "512", 0),
        ("0.5", "512", 0),
        ("1.5", "512", 0),
        ("-1", "512", 0),
        ("", "512", 0),
        ("1.", "512", 0),
        ("+1", "512", 0),
        ("٣", "512", 0),
        ("1", "512.5", 1),
        ("1", "lots", 1),
        ("99999999999999999999", "512", 0),
    ] {
        let definition = single(container(vcpu, memory));
        let field = format!("containerProperties.resourceRequirements[{index}].value");
        check_client(registered(definition.clone()), &field, &definition);
    }
    for (vcpus, memory, field) in [
        (0, 512, "vcpus"),
        (-1, 512, "vcpus"),
        (1, 3, "memory"),
        (1, -5, "memory"),
    ] {
        let definition = single(json!({"vcpus": vcpus, "memory": memory}));
        check_client(
            registered(definition.clone()),
            &format!("containerProperties.{field}"),
            &definition,
        );
    }
}

#[test]
fn amounts_are_given_once_and_must_be_there() {
    let at = "containerProperties.";
    for (container, field) in [
        (json!({}), "resourceRequirements"),
        (json!({"vcpus": 1}), "resourceRequirements"),
        (json!({"memory": 512}), "resourceRequirements"),
        (
            json!({"vcpus": 1, "resourceRequirements": needs("1", "512")}),
            "vcpus",
        ),
        (
            json!({"memory": 512, "resourceRequirements": needs("1", "512")}),
            "memory",
        ),
        (
            json!({"memory": 512, "resourceRequirements":
                   [{"type": "VCPU", "value": "1"}, {"type": "VCPU", "value": "1"}]}),
            "resourceRequirements[1].type",
        ),
        (
            json!({"vcpus": 1, "memory": 512, "resourceRequirements": [{"type": "GPU", "value": "0.5"}]}),
            "resourceRequirements[0].value",
        ),
    ] {
        let definition = single(container);
        check_client(
            registered(definition.clone()),
            &format!("{at}{field}"),
            &definition,
        );
    }
    let mixed = json!({"memory": 512, "resourceRequirements":
                       [{"type": "VCPU", "value": "2.0"}, {"type": "GPU", "value": "1"}]});
    let expected = Request {
        cpu: 2048,
        memory: 512,
        gpus: 1,
    };
    assert_eq!(one(&job(single(mixed), json!({}))), expected);
}

#[test]
fn batch_g25_retry_strategies() {
    let entry = json!({"onExitCode": "1", "action": "retry"});
    let strategy =
        |entries: usize| json!({"attempts": 2, "evaluateOnExit": vec![entry.clone(); entries]});
    let pattern = |text: &str| json!({"attempts": 2, "evaluateOnExit": [{"onReason": text, "action": "RETRY"}]});
    let entry_of = |entry: Value| json!({"attempts": 2, "evaluateOnExit": [entry]});
    let missing = "RetryAttempts must be provided with retry strategy";
    let restricted = "Evaluate on exit condition contains restricted characters";
    let cases = [
        (json!({"attempts": 1}), None),
        (json!({"attempts": 10}), None),
        (strategy(6), None),
        (pattern(&"x".repeat(512)), None),
        (pattern("CannotPull:. \t9*"), None),
        (pattern("*"), None),
        (
            entry_of(json!({"onExitCode": "13*", "action": "Exit"})),
            None,
        ),
        (json!({}), Some(("attempts", missing))),
        (
            json!({"evaluateOnExit": [entry]}),
            Some(("attempts", missing)),
        ),
        (json!({"attempts": 0}), Some(("attempts", ""))),
        (json!({"attempts": 11}), Some(("attempts", ""))),
        (strategy(7), Some(("evaluateOnExit", ""))),
        (
            pattern(&"x".repeat(513)),
            Some(("evaluateOnExit[0].onReason", "")),
        ),
        (pattern(""), Some(("evaluateOnExit[0].onReason", ""))),
        (
            pattern("*Pull"),
            Some(("evaluateOnExit[0].onReason", restricted)),
        ),
        (
            pattern("a*b"),
            Some(("evaluateOnExit[0].onReason", restricted)),
        ),
        (
            pattern("Host (i)"),
            Some(("evaluateOnExit[0].onReason", restricted)),
        ),
        (
            entry_of(json!({"onExitCode": "1a", "action": "EXIT"})),
            Some(("evaluateOnExit[0].onExitCode", restricted)),
        ),
        (
            entry_of(json!({"action": "EXIT"})),
            Some(("evaluateOnExit[0]", "")),
        ),
        (
            entry_of(json!({"onReason": "*"})),
            Some(("evaluateOnExit[0].action", "")),
        ),
        (
            entry_of(json!({"onReason": "*", "action": "STOP"})),
            Some(("evaluateOnExit[0].action", "")),
        ),
    ];
    for (strategy, fault) in cases {
        let changes = json!({"retryStrategy": strategy});
        let at_registration = registered(with(plain(), changes.clone()));
        let at_submission = submitted(plain(), changes.clone());
        for result in [at_registration, at_submission] {
            let Some((field, text)) = fault else {
                assert_eq!(outcome(result), "accepted", "{changes}");
                continue;
            };
            if let Err(error) = &result
                && !text.is_empty()
            {
                assert_eq!(error.message, text, "{changes}");
            }
            let field = format!("retryStrategy.{field}")
                .replace("evaluateOnExit[0].[", "evaluateOnExit[0][");
            let given = result.map_err(|mut error| {
                error.field = error.field.trim_end_matches('.').to_owned();
                error
            });
            check_client(given, &field, &changes);
        }
    }
}

#[test]
fn batch_g36_dependencies() {
    let ids = |count: usize| {
        let ids: Vec<Value> = (0..count)
            .map(|id| json!({"jobId": id.to_string()}))
            .collect();
        json!({"dependsOn": ids})
    };
    assert_eq!(outcome(submitted(plain(), ids(20))), "accepted");
    assert_eq!(
        outcome(submitted(plain(), ids(21))),
        "dependsOn: ClientException: Job cannot have more than 20 dependencies"
    );
}

#[test]
fn forms_of_dependencies() {
    for (dependency, alone, array) in [
        (json!({"jobId": "a"}), None, None),
        (json!({"jobId": "a:3"}), None, None),
        (json!({"jobId": "a", "type": "SEQUENTIAL"}), None, None),
        (json!({"type": "SEQUENTIAL"}), Some("type"), None),
        (json!({"jobId": "a", "type": "N_TO_N"}), Some("type"), None),
        (json!({"type": "N_TO_N"}), Some("jobId"), Some("jobId")),
        (json!({}), Some("jobId"), Some("jobId")),
        (json!({"jobId": ""}), Some("jobId"), Some("jobId")),
        (json!({"jobId": "a#1"}), Some("jobId"), Some("jobId")),
        (
            json!({"jobId": "a#1", "type": "N_TO_N"}),
            Some("type"),
            Some("jobId"),
        ),
    ] {
        for (size, fault) in [(Value::Null, alone), (json!({"size": 2}), array)] {
            let changes =
                json!({"dependsOn": [{"jobId": "x"}, dependency], "arrayProperties": size});
            let result = submitted(plain(), changes.clone());
            match fault {
                None => assert_eq!(outcome(result), "accepted", "{changes}"),
                Some(field) => check_client(result, &format!("dependsOn[1].{field}"), &changes),
            }
        }
    }
}

#[test]
fn batch_g50_array_sizes() {
    let array = |size: i64| json!({"arrayProperties": {"size": size}});
    for size in [2, 10_000] {
        assert_eq!(outcome(submitted(plain(), array(size))), "accepted");
        assert_eq!(job(plain(), array(size)).array_size, Some(size as u32));
    }
    for size in [-1, 0, 1, 10_001] {
        check_client(
            submitted(plain(), array(size)),
            "arrayProperties.size",
            &array(size),
        );
    }
    assert_eq!(
        outcome(submitted(plain(), json!({"arrayProperties": {}}))),
        "accepted"
    );
    check_client(
        submitted(nodes(2, 0, &[":"]), array(2)),
        "arrayProperties",
        &array(2),
    );
}

#[test]
fn batch_g74_timeouts() {
    let timeout = |seconds: i64| json!({"timeout": {"attemptDurationSeconds": seconds}});
    for changes in [timeout(60), timeout(10_000_000), json!({"timeout": {}})] {
        assert_eq!(
            outcome(registered(with(plain(), changes.clone()))),
            "accepted"
        );
        assert_eq!(outcome(submitted(plain(), changes)), "accepted");
    }
    let field = "timeout.attemptDurationSeconds";
    for changes in [timeout(59), timeout(0), timeout(-1), timeout(1 << 40)] {
        check_client(registered(with(plain(), changes.clone())), field, &changes);
        check_client(submitted(plain(), changes.clone()), field, &changes);
    }
    let definition = with(plain(), timeout(60));
    assert_eq!(job(definition.clone(), json!({})).timeout_seconds, Some(60));
    assert_eq!(job(definition, timeout(300)).timeout_seconds, Some(300));
    assert_eq!(job(plain(), json!({})).timeout_seconds, None);
}

fn view(name: &str, platform: PlatformCapability) -> EnvironmentView<'_> {
    let architecture = (platform == PlatformCapability::Ec2).then_some(CpuArchitecture::X86_64);
    EnvironmentView {
        name,
        valid: true,
        platform,
        architecture,
    }
}

fn environments() -> Vec<EnvironmentView<'static>> {
    let arm = EnvironmentView {
        architecture: Some(CpuArchitecture::Arm64),
        ..view("arm", PlatformCapability::Ec2)
    };
    let invalid = EnvironmentView {
        valid: false,
        ..view("invalid", PlatformCapability::Ec2)
    };
    vec![
        view("ec2", PlatformCapability::Ec2),
        view("spot", PlatformCapability::Ec2),
        view("third", PlatformCapability::Ec2),
        view("fourth", PlatformCapability::Ec2),
        view("fargate", PlatformCapability::Fargate),
        view("fargate-spot", PlatformCapability::Fargate),
        view("managed", PlatformCapability::ManagedInstances),
        arm,
        invalid,
    ]
}

fn queue_of(names: &[&str]) -> Value {
    let order: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(order, name)| json!({"order": order, "computeEnvironment": name}))
        .collect();
    json!({"jobQueueName": "q", "priority": 1, "computeEnvironmentOrder": order})
}

fn queue_outcome(queue: Value) -> Result<(), ApiError> {
    read::<JobQueue>(queue).validate(&environments())
}

#[test]
fn batch_g82_time_limit_actions() {
    let action = |changes: Value| {
        let base = json!({"reason": "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", "state": "RUNNABLE",
                          "maxTimeSeconds": 600, "action": "CANCEL"});
        with(
            queue_of(&["ec2"]),
            json!({"jobStateTimeLimitActions": [with(base, changes)]}),
        )
    };
    for changes in [
        json!({}),
        json!({"maxTimeSeconds": 86_400}),
        json!({"reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"}),
        json!({"reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"}),
    ] {
        assert_eq!(outcome(queue_outcome(action(changes))), "accepted");
    }
    for (changes, field) in [
        (json!({"maxTimeSeconds": 599}), "maxTimeSeconds"),
        (json!({"maxTimeSeconds": 86_401}), "maxTimeSeconds"),
        (json!({"action": "TERMINATE"}), "action"),
        (json!({"state": "RUNNING"}), "state"),
        (json!({"reason": "ACTION_REQUIRED"}), "reason"),
    ] {
        let field = format!("jobStateTimeLimitActions[0].{field}");
        check_client(queue_outcome(action(changes.clone())), &field, &changes);
    }
}

#[test]
fn batch_g84_environments_of_a_queue() {
    for names in [
        &["ec2"][..],
        &["ec2", "spot"],
        &["ec2", "spot", "third"],
        &["fargate", "fargate-spot"],
        &["managed"],
        &["arm"],
        &["arn:aws:batch:us-east-1:1:compute-environment/ec2"],
    ] {
        assert_eq!(
            outcome(queue_outcome(queue_of(names))),
            "accepted",
            "{names:?}"
        );
    }
    let at = |index: usize| format!("computeEnvironmentOrder[{index}].computeEnvironment");
    for (names, field) in [
        (
            &["ec2", "spot", "third", "fourth"][..],
            "computeEnvironmentOrder".to_owned(),
        ),
        (&[], "computeEnvironmentOrder".to_owned()),
        (&["ec2", "fargate"], at(1)),
        (&["fargate", "spot"], at(1)),
        (&["ec2", "managed"], at(1)),
        (&["ec2", "arm"], at(1)),
        (&["ec2", "ec2"], at(1)),
        (&["invalid"], at(0)),
        (&["nowhere"], at(0)),
    ] {
        check_client(queue_outcome(queue_of(names)), &field, &json!(names));
    }
    let service = json!({"serviceEnvironmentOrder": [{"order": 1, "serviceEnvironment": "s"}]});
    let both = with(queue_of(&["ec2"]), service.clone());
    check_client(queue_outcome(both), "serviceEnvironmentOrder", &service);
    assert_eq!(
        outcome(queue_outcome(with(queue_of(&[]), service))),
        "serviceEnvironmentOrder: UnsupportedFeatureException: Queues of service jobs are not simulated."
    );
}

#[test]
fn environments_are_tried_in_ascending_order() {
    let queue: JobQueue = read(
        json!({"jobQueueName": "q", "priority": 1, "computeEnvironmentOrder": [
        {"order": 9, "computeEnvironment": "c"}, {"order": 2, "computeEnvironment": "a"},
        {"order": 9, "computeEnvironment": "arn:aws:batch:r:1:compute-environment/b"}]}),
    );
    assert_eq!(queue.environments(), ["a", "c", "b"]);
}

#[test]
fn names_types_and_priorities_of_queues() {
    let base = || queue_of(&["ec2"]);
    for (changes, field) in [
        (json!({"jobQueueName": ""}), "jobQueueName"),
        (json!({"jobQueueName": "a b"}), "jobQueueName"),
        (json!({"jobQueueName": "n".repeat(129)}), "jobQueueName"),
        (json!({"priority": 1_i64 << 31}), "priority"),
        (json!({"jobQueueType": "ECS_FARGATE"}), "jobQueueType"),
        (
            json!({"jobQueueType": "ECS_MANAGED_INSTANCES"}),
            "jobQueueType",
        ),
        (json!({"schedulingPolicyArn": ""}), "schedulingPolicyArn"),
    ] {
        check_client(
            queue_outcome(with(base(), changes.clone())),
            field,
            &changes,
        );
    }
    for changes in [
        json!({"jobQueueType": "ECS", "priority": -1, "state": "DISABLED"}),
        json!({"schedulingPolicyArn": "arn:aws:batch:us-east-1:1:scheduling-policy/fair"}),
        json!({"jobQueueArn": "arn:…", "status": "VALID", "statusReason": "", "tags": {},
               "serviceEnvironmentOrder": [], "jobStateTimeLimitActions": []}),
    ] {
        assert_eq!(outcome(queue_outcome(with(base(), changes))), "accepted");
    }
    for kind in ["EKS", "SAGEMAKER_TRAINING"] {
        let error =
            queue_outcome(with(base(), json!({"jobQueueType": kind}))).expect_err("not simulated");
        assert_eq!(
            (error.code, error.field.as_str()),
            (ErrorCode::UnsupportedFeature, "jobQueueType")
        );
    }
}

#[test]
fn batch_g92_shares() {
    let fair = QueueView {
        fair_share: true,
        ..FIFO
    };
    let definition: JobDefinition = read(plain());
    let outcome_of =
        |changes: Value, queue: &QueueView| submit(changes).validate(&definition, queue);
    let share = json!({"shareIdentifier": "A"});
    assert_eq!(outcome(outcome_of(share.clone(), &fair)), "accepted");
    assert_eq!(outcome(outcome_of(json!({}), &FIFO)), "accepted");
    check_client(
        outcome_of(json!({}), &fair),
        "shareIdentifier",
        &json!("none"),
    );
    check_client(outcome_of(share.clone(), &FIFO), "shareIdentifier", &share);
    for (identifier, valid) in [
        ("A".repeat(255), true),
        (format!("{}*", "A".repeat(255)), true),
        ("A".repeat(256), false),
        ("a-b".to_owned(), false),
        (String::new(), false),
    ] {
        let changes = json!({"shareIdentifier": identifier});
        assert_eq!(
            outcome_of(changes.clone(), &fair).is_ok(),
            valid,
            "{changes}"
        );
    }
    check_client(
        Err::<(), _>(ApiError::active_share_limit()),
        "shareIdentifier",
        &json!("the 501st"),
    );
}

#[test]
fn priorities_within_a_share() {
    let definition = with(plain(), json!({"schedulingPriority": 7}));
    assert_eq!(job(plain(), json!({})).scheduling_priority, 0);
    assert_eq!(job(definition.clone(), json!({})).scheduling_priority, 7);
    let wanted = json!({"schedulingPriorityOverride": 9999});
    assert_eq!(job(definition, wanted).scheduling_priority, 9999);
    for priority in [-1, 10_000] {
        let changes = json!({"schedulingPriority": priority});
        check_client(
            registered(with(plain(), changes.clone())),
            "schedulingPriority",
            &changes,
        );
        let changes = json!({"schedulingPriorityOverride": priority});
        check_client(
            submitted(plain(), changes.clone()),
            "schedulingPriorityOverride",
            &changes,
        );
    }
}

#[test]
fn batch_g95_change_of_policy() {
    let fifo: JobQueue = read(queue_of(&["ec2"]));
    let fair: JobQueue = read(with(
        queue_of(&["ec2"]),
        json!({"schedulingPolicyArn": "arn:aws:batch:r:1:scheduling-policy/a"}),
    ));
    let update = |policy: Value| -> UpdateJobQueue {
        read(with(
            json!({"jobQueue": "q"}),
            json!({"schedulingPolicyArn": policy}),
        ))
    };
    let field = "schedulingPolicyArn";
    check_client(
        update(json!("")).validate(&fair, &environments()),
        field,
        &json!("removed"),
    );
    check_client(
        update(json!("b")).validate(&fifo, &environments()),
        field,
        &json!("added"),
    );
    assert_eq!(
        outcome(update(json!("b")).validate(&fair, &environments())),
        "accepted"
    );
    assert_eq!(
        update(json!("b")).applied_to(&fair).scheduling_policy(),
        Some("b")
    );
    assert_eq!(
        update(Value::Null).applied_to(&fair).scheduling_policy(),
        Some("a")
    );
    let state: UpdateJobQueue = read(json!({"jobQueue": "q", "state": "DISABLED", "priority": 5}));
    assert_eq!(outcome(state.validate(&fifo, &environments())), "accepted");
    let disabled = state.applied_to(&fifo);
    assert_eq!((disabled.is_enabled(), disabled.priority), (false, 5));
    let other: UpdateJobQueue = read(
        json!({"jobQueue": "q", "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": "no"}]}),
    );
    let field = "computeEnvironmentOrder[0].computeEnvironment";
    check_client(
        other.validate(&fifo, &environments()),
        field,
        &json!("unknown"),
    );
}

#[test]
fn batch_g106_fargate_sizes() {
    for (vcpu, memory, cpu) in [
        ("0.25", 512, 256),
        (".25", 2048, 256),
        ("0.50", 4096, 512),
        ("1", 2048, 1024),
        ("1.0", 8192, 1024),
        ("4", 30_720, 4096),
        ("16", 122_880, 16_384),
        ("32", 249_856, 32_768),
    ] {
        let definition = fargate(container(vcpu, &memory.to_string()));
        assert_eq!(
            outcome(registered(definition.clone())),
            "accepted",
            "{vcpu} {memory}"
        );
        assert_eq!(
            one(&job(definition, json!({}))),
            Request {
                cpu,
                memory,
                gpus: 0
            }
        );
    }
    for (vcpu, memory, printed) in [
        ("0.25", "4096", "0.25"),
        ("2", "2048", "2.00"),
        ("2", "1024", "2.00"),
        ("3", "8192", "3.00"),
        ("32", "65536", "32.00"),
        ("0.3", "512", "0.30"),
        ("0.2501", "512", "0.25"),
    ] {
        let expected = format!(
            "containerProperties.resourceRequirements: ClientException: Fargate resource requirements ({printed} vCPU, \
             {memory} MiB) not valid."
        );
        assert_eq!(
            outcome(registered(fargate(container(vcpu, memory)))),
            expected
        );
    }
}

/// Every row of the table, counted over all multiples of a quarter vCPU and of 256 MiB.
#[test]
fn fargate_sizes_are_as_many_as_documented() {
    let count = |vcpu: &str| {
        let sizes = (1..=1000).map(|step| step * 256);
        sizes
            .filter(|memory: &u32| {
                registered(fargate(container(vcpu, &memory.to_string()))).is_ok()
            })
            .count()
    };
    let counts = ["0.25", "0.5", "1", "2", "4", "8", "16", "32"].map(count);
    assert_eq!(counts, [3, 4, 7, 13, 23, 12, 12, 3]);
}

#[test]
fn what_fargate_does_not_take() {
    let base = || container("1", "2048");
    for (changes, field) in [
        (json!({"executionRoleArn": ""}), "executionRoleArn"),
        (json!({"privileged": true}), "privileged"),
        (json!({"ulimits": [{"name": "nofile"}]}), "ulimits"),
        (json!({"instanceType": "c5.large"}), "instanceType"),
        (
            json!({"linuxParameters": {"devices": [{"hostPath": "/dev/x"}]}}),
            "linuxParameters.devices",
        ),
        (
            json!({"linuxParameters": {"maxSwap": 1}}),
            "linuxParameters.maxSwap",
        ),
        (
            json!({"linuxParameters": {"sharedMemorySize": 1}}),
            "linuxParameters.sharedMemorySize",
        ),
        (
            json!({"linuxParameters": {"swappiness": 1}}),
            "linuxParameters.swappiness",
        ),
        (
            json!({"linuxParameters": {"tmpfs": [{"size": 1}]}}),
            "linuxParameters.tmpfs",
        ),
        (
            json!({"logConfiguration": {"logDriver": "syslog"}}),
            "logConfiguration.logDriver",
        ),
        (
            json!({"fargatePlatformConfiguration": {"platformVersion": "1.2.0"}}),
            "fargatePlatformConfiguration.platformVersion",
        ),
        (
            json!({"ephemeralStorage": {"sizeInGiB": 20}}),
            "ephemeralStorage.sizeInGiB",
        ),
        (
            json!({"ephemeralStorage": {"sizeInGiB": 201}}),
            "ephemeralStorage.sizeInGiB",
        ),
        (
            json!({"vcpus": 1, "resourceRequirements": [{"type": "MEMORY", "value": "2048"}]}),
            "vcpus",
        ),
        (
            json!({"memory": 2048, "resourceRequirements": [{"type": "VCPU", "value": "1"}]}),
            "memory",
        ),
        (
            json!({"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"},
                                            {"type": "GPU", "value": "1"}]}),
            "resourceRequirements",
        ),
    ] {
        let mut definition = fargate(base());
        definition["containerProperties"] =
            with(definition["containerProperties"].clone(), changes.clone());
        check_client(
            registered(definition),
            &format!("containerProperties.{field}"),
            &changes,
        );
    }
    let printed = json!({"privileged": false, "ulimits": [], "linuxParameters": {"devices": [], "tmpfs": []},
        "logConfiguration": {"logDriver": "awslogs"}, "networkConfiguration": {"assignPublicIp": "ENABLED"},
        "fargatePlatformConfiguration": {"platformVersion": "LATEST"}, "ephemeralStorage": {"sizeInGiB": 21},
        "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}});
    assert_eq!(
        outcome(registered(fargate(with(base(), printed)))),
        "accepted"
    );
}

#[test]
fn network_configuration_is_for_fargate() {
    let network = json!({"networkConfiguration": {"assignPublicIp": "ENABLED"}});
    let expected =
        "networkConfiguration: ClientException: networkConfiguration not applicable for EC2.";
    let definition = single(with(container("1", "512"), network.clone()));
    assert_eq!(
        outcome(registered(definition)),
        format!("containerProperties.{expected}")
    );
    let mut ecs = several(json!([container("1", "512")]));
    let task = &mut ecs["ecsProperties"]["taskProperties"][0];
    *task = with(task.clone(), network);
    assert_eq!(
        outcome(registered(ecs)),
        format!("ecsProperties.taskProperties[0].{expected}")
    );
}

#[test]
fn several_containers_add_up() {
    let sum = several(json!([
        with(container("1", "512"), json!({"name": "app"})),
        with(
            container("2", "1024"),
            json!({"name": "log", "essential": false})
        ),
    ]));
    let expected = Request {
        cpu: 3072,
        memory: 1536,
        gpus: 0,
    };
    assert_eq!(one(&job(sum.clone(), json!({}))), expected);
    let changes = json!({"ecsPropertiesOverride": {"taskProperties": [{"containers":
        [{"name": "log", "resourceRequirements": [{"type": "MEMORY", "value": "2048"}]},
         {"name": "app", "command": ["run"]}]}]}});
    let overridden = job(sum.clone(), changes);
    assert_eq!(
        one(&overridden),
        Request {
            cpu: 3072,
            memory: 2560,
            gpus: 0
        }
    );
    assert_eq!(overridden.command, ["run"]);

    // Only the sums of Fargate must be in the table: 0.1 and 0.15 vCPU make 0.25.
    let role = json!({"executionRoleArn": "arn:aws:iam::1:role/r"});
    let mut parts = several(json!([container("0.1", "100"), container("0.15", "412")]));
    parts["platformCapabilities"] = json!(["FARGATE"]);
    let at = "ecsProperties.taskProperties[0].";
    check_client(
        registered(parts.clone()),
        &format!("{at}executionRoleArn"),
        &parts,
    );
    let task = &mut parts["ecsProperties"]["taskProperties"][0];
    *task = with(task.clone(), role);
    assert_eq!(
        one(&job(parts.clone(), json!({}))),
        Request {
            cpu: 256,
            memory: 512,
            gpus: 0
        }
    );
    parts["ecsProperties"]["taskProperties"][0]["containers"][0] = container("0.4", "100");
    assert_eq!(
        outcome(registered(parts)),
        format!(
            "{at}resourceRequirements: ClientException: Fargate resource requirements (0.55 vCPU, 512 MiB) not valid."
        )
    );
}

#[test]
fn lists_of_containers() {
    let at = "ecsProperties.taskProperties";
    let ten = vec![container("1", "4"); 10];
    assert_eq!(outcome(registered(several(json!(ten)))), "accepted");
    let named = |name: &str| with(container("1", "4"), json!({"name": name}));
    for (containers, field) in [
        (json!([]), format!("{at}[0].containers")),
        (
            json!(vec![container("1", "4"); 11]),
            format!("{at}[0].containers"),
        ),
        (
            json!([named("a"), named("a")]),
            format!("{at}[0].containers[1].name"),
        ),
        (
            json!([named("a"), container("1", "3")]),
            format!("{at}[0].containers[1].resourceRequirements[1].value"),
        ),
        (
            json!([with(
                named("a"),
                json!({"environment": [{"name": "AWS_BATCH_X", "value": ""}]})
            )]),
            format!("{at}[0].containers[0].environment[0].name"),
        ),
    ] {
        check_client(registered(several(containers.clone())), &field, &containers);
    }
    let task = json!({"containers": [container("1", "4")]});
    for tasks in [json!([]), json!([task, task])] {
        let definition = with(
            several(json!([])),
            json!({"ecsProperties": {"taskProperties": tasks}}),
        );
        check_client(
            registered(definition.clone()),
            "ecsProperties.taskProperties",
            &definition,
        );
    }
}

#[test]
fn families_types_and_platforms() {
    let ecs = several(json!([container("1", "512")]));
    let both = with(plain(), json!({"ecsProperties": ecs["ecsProperties"]}));
    let multi = nodes(2, 0, &[":"]);
    for (definition, field) in [
        (both, "ecsProperties"),
        (
            json!({"jobDefinitionName": "d", "type": "container"}),
            "containerProperties",
        ),
        (
            with(multi.clone(), json!({"type": "container"})),
            "nodeProperties",
        ),
        (
            with(plain(), json!({"type": "multinode"})),
            "containerProperties",
        ),
        (
            json!({"jobDefinitionName": "d", "type": "multinode"}),
            "nodeProperties",
        ),
        (
            with(multi.clone(), json!({"platformCapabilities": ["FARGATE"]})),
            "platformCapabilities",
        ),
        (
            with(
                multi,
                json!({"platformCapabilities": ["MANAGED_INSTANCES"]}),
            ),
            "platformCapabilities",
        ),
        (
            with(
                plain(),
                json!({"platformCapabilities": ["MANAGED_INSTANCES"]}),
            ),
            "containerProperties",
        ),
        (
            single(with(
                container("1", "4"),
                json!({"instanceType": "c5.large"}),
            )),
            "containerProperties.instanceType",
        ),
        (
            with(plain(), json!({"jobDefinitionName": "a:1"})),
            "jobDefinitionName",
        ),
        (
            with(plain(), json!({"jobDefinitionName": ""})),
            "jobDefinitionName",
        ),
        (
            with(plain(), json!({"jobDefinitionName": "n".repeat(129)})),
            "jobDefinitionName",
        ),
        (with(plain(), json!({"revision": 0})), "revision"),
    ] {
        check_client(registered(definition.clone()), field, &definition);
    }
    let managed = with(ecs, json!({"platformCapabilities": ["MANAGED_INSTANCES"]}));
    assert_eq!(outcome(registered(managed)), "accepted");
    let eks = with(
        json!({"jobDefinitionName": "d", "type": "container"}),
        json!({"eksProperties": {"podProperties": {}}}),
    );
    assert_eq!(
        outcome(registered(eks)),
        "eksProperties: UnsupportedFeatureException: Jobs on Amazon EKS are not simulated; use containerProperties or \
         ecsProperties."
    );
}

#[test]
fn printed_definitions_are_taken() {
    let printed = with(
        plain(),
        json!({"jobDefinitionArn": "arn:aws:batch:us-east-1:1:job-definition/d:3", "revision": 3,
        "status": "ACTIVE", "parameters": {}, "tags": {}, "platformCapabilities": [], "propagateTags": false,
        "containerOrchestrationType": "ECS", "timeout": {"attemptDurationSeconds": 60},
        "retryStrategy": {"attempts": 1, "evaluateOnExit": []},
        "containerProperties": with(container("1", "512"), json!({"command": [], "volumes": [], "environment": [],
            "mountPoints": [], "ulimits": [], "secrets": [], "jobRoleArn": "arn:…", "user": "root",
            "readonlyRootFilesystem": true, "enableExecuteCommand": false}))}),
    );
    assert_eq!(outcome(registered(printed)), "accepted");
    let unknown = with(plain(), json!({"retries": 3}));
    let error = serde_json::from_value::<JobDefinition>(unknown).expect_err("an unknown field");
    assert!(
        error.to_string().starts_with("unknown field `retries`"),
        "{error}"
    );
}

#[test]
fn reserved_variables_and_empty_commands() {
    let reserved = json!([{"name": "A", "value": "1"}, {"name": "AWS_BATCH_JOB_ID", "value": "1"}]);
    let definition = single(with(
        container("1", "512"),
        json!({"environment": reserved}),
    ));
    check_client(
        registered(definition.clone()),
        "containerProperties.environment[1].name",
        &definition,
    );
    let changes = json!({"containerOverrides": {"environment": reserved}});
    check_client(
        submitted(plain(), changes.clone()),
        "containerOverrides.environment[1].name",
        &changes,
    );
    let changes = json!({"containerOverrides": {"command": ["run", ""]}});
    check_client(
        submitted(plain(), changes.clone()),
        "containerOverrides.command[1]",
        &changes,
    );
    let ecs = several(json!([with(container("1", "512"), json!({"name": "a"}))]));
    let at = "ecsPropertiesOverride.taskProperties[0].containers[0]";
    for (change, field) in [
        (json!({"name": "a", "command": [""]}), "command[0]"),
        (
            json!({"name": "a", "environment": [{"name": "AWS_BATCH"}]}),
            "environment[0].name",
        ),
        (json!({"name": "b"}), "name"),
        (json!({}), "name"),
    ] {
        let changes =
            json!({"ecsPropertiesOverride": {"taskProperties": [{"containers": [change]}]}});
        check_client(
            submitted(ecs.clone(), changes.clone()),
            &format!("{at}.{field}"),
            &changes,
        );
    }
}

#[test]
fn batch_g66_main_node() {
    for main_node in [3, -1] {
        let definition = nodes(3, main_node, &[":"]);
        check_client(
            registered(definition.clone()),
            "nodeProperties.mainNode",
            &definition,
        );
    }
    let last = job(nodes(3, 2, &[":"]), json!({}));
    assert!(
        matches!(last.nodes, Nodes::Many { main_node: 2, .. }),
        "{last:?}"
    );
}

#[test]
fn batch_g67_node_ranges() {
    let ranges = "nodeProperties.nodeRangeProperties";
    let override_of = |num_nodes: i64| json!({"nodeOverrides": {"numNodes": num_nodes}});
    let wanted = "nodeOverrides.numNodes";
    for (num_nodes, targets, changes, expected) in [
        (4, &["0:3"][..], json!({}), Ok(vec![1; 4])),
        (4, &[":3"], json!({}), Ok(vec![1; 4])),
        (4, &["0:"], json!({}), Ok(vec![1; 4])),
        (4, &[":"], json!({}), Ok(vec![1; 4])),
        (3, &["0:1", "2"], json!({}), Ok(vec![1, 1, 2])),
        (6, &["0:", "4:5"], json!({}), Ok(vec![1, 1, 1, 1, 2, 2])),
        (6, &["4:5", "0:"], json!({}), Ok(vec![2, 2, 2, 2, 1, 1])),
        (4, &["0:2"], json!({}), Err(ranges)),
        (4, &["0:4"], json!({}), Err(ranges)),
        (4, &["0:3", "3:0"], json!({}), Err(ranges)),
        (4, &["0:3", ":"], json!({}), Err(ranges)),
        (9, &["0:5", "3:8"], json!({}), Err(ranges)),
        (4, &["0: 3"], json!({}), Err(ranges)),
        (4, &[""], json!({}), Err(ranges)),
        (6, &["0", "1", "2", "3", "4", "5"], json!({}), Err(ranges)),
        (4, &[], json!({}), Err(ranges)),
        (0, &[":"], json!({}), Err("nodeProperties.numNodes")),
        (1001, &[":"], json!({}), Err("nodeProperties.numNodes")),
        (4, &["0:"], override_of(8), Ok(vec![1; 8])),
        (4, &["0:3"], override_of(8), Err(wanted)),
        (4, &["0:2", "3:"], override_of(2), Err(wanted)),
        (4, &["0:2", "3:"], override_of(5), Ok(vec![1, 1, 1, 2, 2])),
        (4, &[":", "0:2"], override_of(2), Err(wanted)),
        (4, &[":"], override_of(0), Err(wanted)),
    ] {
        let result = vcpus_of_nodes(nodes(num_nodes, 0, targets), changes.clone());
        assert_eq!(
            result,
            expected.map_err(str::to_owned),
            "{num_nodes} {targets:?} {changes}"
        );
    }
    let result = vcpus_of_nodes(nodes(4, 3, &[":"]), override_of(2));
    assert_eq!(result, Err(wanted.to_owned()), "the main node is gone");
}

#[test]
fn overrides_of_nodes() {
    let change = |target: &str, vcpu: &str| json!({"targetNodes": target, "containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": vcpu}]}});
    let changes = |list: Value| json!({"nodeOverrides": {"nodePropertyOverrides": list}});
    let definition = || nodes(4, 0, &["0:1", "2:3"]);
    let nested = changes(json!([change("1:", "8"), change("2", "16")]));
    assert_eq!(vcpus_of_nodes(definition(), nested), Ok(vec![1, 8, 16, 8]));
    let at = "nodeOverrides.nodePropertyOverrides";
    for (list, field) in [
        (json!([change("0:4", "1")]), at.to_owned()),
        (
            json!([change("0:2", "1"), change("1:3", "1")]),
            at.to_owned(),
        ),
        (
            json!([change(":", "0")]),
            format!("{at}[0].container.resourceRequirements[0].value"),
        ),
        (
            json!([{"targetNodes": "0", "ecsPropertiesOverride": {}}]),
            format!("{at}[0].ecsPropertiesOverride"),
        ),
        (
            json!([{"targetNodes": "0", "containerOverrides": {"memory": 8}}]),
            format!("{at}[0].containerOverrides.memory"),
        ),
    ] {
        assert_eq!(
            vcpus_of_nodes(definition(), changes(list.clone())),
            Err(field),
            "{list}"
        );
    }
}

#[test]
fn nodes_have_one_instance_type() {
    let typed = |first: Value, second: Value| {
        let mut definition = nodes(4, 0, &["0:1", "2:3"]);
        definition["nodeProperties"]["nodeRangeProperties"][0]["instanceTypes"] = first;
        definition["nodeProperties"]["nodeRangeProperties"][1]["instanceTypes"] = second;
        definition
    };
    let same = typed(json!(["p4d.24xlarge"]), json!(["p4d.24xlarge"]));
    assert_eq!(
        job(same.clone(), json!({})).instance_type.as_deref(),
        Some("p4d.24xlarge")
    );
    check_client(
        registered(typed(json!(["a"]), json!(["b"]))),
        "nodeProperties",
        &json!("two types"),
    );
    let field = "nodeProperties.nodeRangeProperties[0].instanceTypes";
    check_client(
        registered(typed(json!(["a", "a"]), json!([]))),
        field,
        &json!("a list of two"),
    );
    let changes = |target: &str| json!({"nodeOverrides": {"nodePropertyOverrides": [{"targetNodes": target, "instanceTypes": ["c5.large"]}]}});
    assert_eq!(
        job(same.clone(), changes(":")).instance_type.as_deref(),
        Some("c5.large")
    );
    check_client(
        submitted(same, changes("0:1")),
        "nodeOverrides",
        &json!("half of the nodes"),
    );
}

#[test]
fn batch_g110_deprecated_keys() {
    let text = "This value was submitted in a deprecated key and may conflict with the value provided by the job \
                definition's resource requirements.";
    for (field, value) in [("memory", 8192), ("vcpus", 2)] {
        let changes = json!({"containerOverrides": {field: value}});
        assert_eq!(
            outcome(submitted(plain(), changes)),
            format!("containerOverrides.{field}: ClientException: {text}")
        );
    }
    let legacy = single(json!({"vcpus": 1, "memory": 512}));
    let changes = json!({"containerOverrides": {"vcpus": 4, "memory": 8192}});
    assert_eq!(
        one(&job(legacy, changes)),
        Request {
            cpu: 4096,
            memory: 8192,
            gpus: 0
        }
    );
}

#[test]
fn batch_g111_parameters() {
    let definition = with(
        single(with(
            container("1", "512"),
            json!({"command": ["-c", "Ref::codec"]}),
        )),
        json!({"parameters": {"codec": "mp4", "kept": "yes"}}),
    );
    assert_eq!(job(definition.clone(), json!({})).command, ["-c", "mp4"]);
    let job = job(definition, json!({"parameters": {"codec": "avi"}}));
    assert_eq!(job.command, ["-c", "avi"]);
    let merged: Vec<_> = job
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(merged, ["codec=avi", "kept=yes"]);
}

#[test]
fn batch_g116_revisions() {
    let revision = |name: &str, changes: Value| -> JobDefinition {
        read(with(
            plain(),
            with(json!({"jobDefinitionName": name}), changes),
        ))
    };
    let found = |definitions: &[JobDefinition], reference: &str| {
        resolve(definitions, reference)
            .ok()
            .map(|found| (found.index, found.revision))
    };
    let active = [
        revision("d", json!({})),
        revision("e", json!({})),
        revision("d", json!({})),
    ];
    let arn = "arn:aws:batch:us-east-1:1:job-definition/";
    assert_eq!(found(&active, "d"), Some((2, 2)));
    assert_eq!(found(&active, "d:1"), Some((0, 1)));
    assert_eq!(found(&active, "d:2"), Some((2, 2)));
    assert_eq!(found(&active, "e"), Some((1, 1)));
    assert_eq!(found(&active, &format!("{arn}d")), Some((2, 2)));
    assert_eq!(found(&active, &format!("{arn}d:1")), Some((0, 1)));
    for reference in [
        "d:3",
        "f",
        "",
        "d:",
        "d:x",
        "d:-1",
        "d:+1",
        "d:1:1",
        "arn:aws:batch:r:1:job-queue/d",
    ] {
        check_client(
            resolve(&active, reference),
            "jobDefinition",
            &json!(reference),
        );
    }
    let inactive = [
        revision("d", json!({})),
        revision("d", json!({"status": "INACTIVE"})),
    ];
    assert_eq!(found(&inactive, "d"), Some((0, 1)));
    assert_eq!(found(&inactive, "d:2"), None);
    let given = [
        revision("d", json!({"revision": 7})),
        revision("d", json!({})),
        revision("d", json!({"revision": 3})),
    ];
    assert_eq!(found(&given, "d"), Some((1, 8)));
    assert_eq!(found(&given, "d:3"), Some((2, 3)));
    let changes = json!({"status": "INACTIVE"});
    check_client(
        submitted(with(plain(), changes.clone()), json!({})),
        "jobDefinition",
        &changes,
    );
}

#[test]
fn batch_g146_override_of_a_legacy_amount() {
    let legacy = single(json!({"vcpus": 2, "memory": 4096}));
    let changes = json!({"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "1024"}]}});
    assert_eq!(
        one(&job(legacy, changes)),
        Request {
            cpu: 2048,
            memory: 1024,
            gpus: 0
        }
    );
    let changes =
        json!({"containerOverrides": {"resourceRequirements": [{"type": "GPU", "value": "2"}]}});
    assert_eq!(
        one(&job(plain(), changes)),
        Request {
            cpu: 1024,
            memory: 512,
            gpus: 2
        }
    );
    let twice = json!({"containerOverrides": {"resourceRequirements":
        [{"type": "GPU", "value": "2"}, {"type": "GPU", "value": "2"}]}});
    check_client(
        submitted(plain(), twice.clone()),
        "containerOverrides.resourceRequirements[1].type",
        &twice,
    );
}

#[test]
fn batch_g147_placeholders() {
    let substituted = |command: Value, parameters: Value| {
        let definition = single(with(container("1", "512"), json!({"command": command})));
        job(definition, json!({"parameters": parameters})).command
    };
    let parameters = json!({"a": "Ref::ab", "ab": "y"});
    assert_eq!(
        substituted(json!(["Ref::ab-Ref::a", "Ref::c"]), parameters),
        ["y-Ref::ab", "Ref::c"]
    );
    assert_eq!(
        substituted(
            json!(["xRef::é/Ref::Ref::n", "Ref::", "ref::n"]),
            json!({"é": "e", "n": "1", "": "no"})
        ),
        ["xe/Ref::1", "Ref::", "ref::n"]
    );
}

#[test]
fn what_a_submission_replaces_and_merges() {
    let definition = with(
        single(with(
            container("1", "512"),
            json!({"command": ["a"], "environment":
            [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}),
        )),
        json!({"retryStrategy": {"attempts": 5, "evaluateOnExit": [{"onExitCode": "1", "action": "EXIT"}]},
               "tags": {"team": "a", "kept": "k"}, "propagateTags": true,
               "consumableResourceProperties": {"consumableResourceList":
                   [{"consumableResource": "licence", "quantity": 2}]}}),
    );
    let merged = job(
        definition.clone(),
        json!({"retryStrategy": {"attempts": 2}, "tags": {"team": "b", "new": "n"}, "propagateTags": false,
               "containerOverrides": {"command": ["b"], "environment":
                   [{"name": "Y", "value": "3"}, {"name": "Z", "value": "4"}]},
               "consumableResourcePropertiesOverride": {"consumableResourceList":
                   [{"consumableResource": "arn:aws:batch:r:1:consumable-resource/seat", "quantity": 1}]}}),
    );
    assert_eq!(merged.retry.attempts(), 2);
    assert!(merged.retry.evaluate_on_exit().is_empty());
    let environment: Vec<_> = merged
        .environment
        .iter()
        .map(|variable| (variable.name.as_deref(), variable.value.as_deref()))
        .collect();
    let expected =
        [("X", "1"), ("Y", "3"), ("Z", "4")].map(|(name, value)| (Some(name), Some(value)));
    assert_eq!(environment, expected);
    let tags: Vec<_> = merged
        .tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(tags, ["kept=k", "new=n", "team=b"]);
    assert_eq!(
        (merged.command, merged.propagate_tags),
        (vec!["b".to_owned()], false)
    );
    assert_eq!(merged.consumables, [("seat".to_owned(), 1)]);
    let kept = job(definition, json!({}));
    assert_eq!(
        (kept.retry.attempts(), kept.consumables),
        (5, vec![("licence".to_owned(), 2)])
    );
    assert_eq!(job(plain(), json!({})).retry.attempts(), 1);
}

#[test]
fn overrides_are_checked_again() {
    let small = fargate(container("0.25", "512"));
    let changes = json!({"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "4096"}]}});
    let result = read::<JobDefinition>(small).job(&submit(changes));
    assert_eq!(
        outcome(result),
        "containerProperties.resourceRequirements: ClientException: Fargate resource requirements (0.25 vCPU, 4096 MiB) \
         not valid."
    );
    let ecs = several(json!([container("1", "512")]));
    let multi = nodes(2, 0, &[":"]);
    for (definition, changes, field) in [
        (
            ecs.clone(),
            json!({"containerOverrides": {"command": ["x"]}}),
            "containerOverrides",
        ),
        (
            multi.clone(),
            json!({"containerOverrides": {"command": ["x"]}}),
            "containerOverrides",
        ),
        (
            plain(),
            json!({"ecsPropertiesOverride": {"taskProperties": []}}),
            "ecsPropertiesOverride",
        ),
        (
            plain(),
            json!({"nodeOverrides": {"numNodes": 2}}),
            "nodeOverrides",
        ),
        (
            plain(),
            json!({"containerOverrides": {"instanceType": "c5.large"}}),
            "containerProperties.instanceType",
        ),
        (
            ecs.clone(),
            json!({"ecsPropertiesOverride": {"taskProperties": [{}, {}]}}),
            "ecsPropertiesOverride.taskProperties[1]",
        ),
    ] {
        check_client(submitted(definition, changes.clone()), field, &changes);
    }
    let nothing =
        json!({"containerOverrides": {}, "nodeOverrides": {}, "ecsPropertiesOverride": {}});
    for definition in [plain(), ecs, multi] {
        assert_eq!(outcome(submitted(definition, nothing.clone())), "accepted");
    }
    let error =
        submitted(plain(), json!({"eksPropertiesOverride": {}})).expect_err("not simulated");
    assert_eq!(
        (error.code, error.field.as_str()),
        (ErrorCode::UnsupportedFeature, "eksPropertiesOverride")
    );
}

#[test]
fn names_queues_and_platforms_of_submissions() {
    for (name, valid) in [
        ("a", true),
        ("9-_z", true),
        (&*"n".repeat(128), true),
        ("", false),
        ("-a", false),
        ("_a", false),
        ("a b", false),
        (&*"n".repeat(129), false),
    ] {
        let result = submitted(plain(), json!({"jobName": name}));
        if valid {
            assert_eq!(outcome(result), "accepted", "{name}");
        } else {
            check_client(result, "jobName", &json!(name));
        }
    }
    let definition: JobDefinition = read(plain());
    let call = submit(json!({}));
    let disabled = QueueView {
        enabled: false,
        ..FIFO
    };
    check_client(
        call.validate(&definition, &disabled),
        "jobQueue",
        &json!("DISABLED"),
    );
    let all = [
        PlatformCapability::Ec2,
        PlatformCapability::Fargate,
        PlatformCapability::ManagedInstances,
    ];
    let managed = with(
        several(json!([container("1", "4")])),
        json!({"platformCapabilities": ["MANAGED_INSTANCES"]}),
    );
    for (own, definition) in
        all.into_iter()
            .zip([plain(), fargate(container("1", "2048")), managed])
    {
        let definition: JobDefinition = read(definition);
        for platform in all {
            let result = call.validate(&definition, &QueueView { platform, ..FIFO });
            if own == platform {
                assert_eq!(outcome(result), "accepted", "{platform:?}");
            } else {
                check_client(
                    result,
                    "jobQueue",
                    &json!(format!("{own:?} on {platform:?}")),
                );
            }
        }
    }
    check_client(
        Err::<(), _>(ApiError::job_queue_not_found("q")),
        "jobQueue",
        &json!("not found"),
    );
    check_client(
        Err::<(), _>(ApiError::dependency_not_found(2)),
        "dependsOn[2].jobId",
        &json!("not found"),
    );
    check_client(
        Err::<(), _>(ApiError::dependency_of_other_size(0)),
        "dependsOn[0].type",
        &json!("other size"),
    );
}

fn many_tags(count: usize, prefix: &str) -> Value {
    let tags: BTreeMap<String, String> = (0..count)
        .map(|tag| (format!("{prefix}{tag}"), "v".to_owned()))
        .collect();
    json!(tags)
}

#[test]
fn tags_and_lengths() {
    assert_eq!(
        outcome(registered(with(
            plain(),
            json!({"tags": many_tags(50, "d")})
        ))),
        "accepted"
    );
    let many = json!({"tags": many_tags(51, "d")});
    check_client(
        registered(with(plain(), many.clone())),
        "tags",
        &json!("51 tags"),
    );
    check_client(submitted(plain(), many.clone()), "tags", &json!("51 tags"));
    check_client(
        queue_outcome(with(queue_of(&["ec2"]), many)),
        "tags",
        &json!("51 tags"),
    );

    let definition = with(plain(), json!({"tags": many_tags(30, "d")}));
    let call = |count: usize, propagate: bool| json!({"tags": many_tags(count, "j"), "propagateTags": propagate});
    let fails = |changes: Value| job(definition.clone(), changes).fails_with;
    assert_eq!(
        (fails(call(20, true)), fails(call(21, false))),
        (None, None)
    );
    assert_eq!(
        fails(call(21, true)),
        Some("Tags of job and job definition to propagate must be at most 50")
    );
    assert_eq!(
        outcome(submitted(definition.clone(), call(21, true))),
        "accepted"
    );

    // {"command":["…"]} has 16 characters besides the text.
    let command =
        |length: usize| json!({"containerOverrides": {"command": ["x".repeat(length - 16)]}});
    assert_eq!(job(plain(), command(8192)).fails_with, None);
    let text = "Container Overrides length must be at most 8192";
    assert_eq!(job(plain(), command(8193)).fails_with, Some(text));

    let long = |length: usize| json!({"parameters": {"p": "x".repeat(length)}});
    for (result, valid) in [
        (registered(with(plain(), long(23 * 1024))), true),
        (registered(with(plain(), long(24 * 1024))), false),
        (submitted(plain(), long(29 * 1024)), true),
        (submitted(plain(), long(30 * 1024)), false),
    ] {
        if valid {
            assert_eq!(outcome(result), "accepted");
        } else {
            check_client(result, "", &json!("too long"));
        }
    }
}

#[test]
fn consumable_resources() {
    let list = |items: Value| json!({"consumableResourceList": items});
    let item =
        |name: &str, quantity: i64| json!({"consumableResource": name, "quantity": quantity});
    let items = |count: usize| list(json!(vec![item("a", 1); count]));
    for (properties, fault) in [
        (items(5), None),
        (items(6), Some("consumableResourceList")),
        (
            list(json!([item("a", 0), item("b", -1)])),
            Some("consumableResourceList[1].quantity"),
        ),
    ] {
        let changes = json!({"consumableResourceProperties": properties});
        let registered = registered(with(plain(), changes));
        let changes = json!({"consumableResourcePropertiesOverride": properties});
        let submitted = submitted(plain(), changes);
        let Some(field) = fault else {
            assert_eq!(
                (outcome(registered), outcome(submitted)),
                ("accepted".into(), "accepted".into())
            );
            continue;
        };
        check_client(
            registered,
            &format!("consumableResourceProperties.{field}"),
            &properties,
        );
        check_client(
            submitted,
            &format!("consumableResourcePropertiesOverride.{field}"),
            &properties,
        );
    }
    // Three nodes that need 2 seats each, one that needs 5, and one licence for the job.
    let mut multi = with(
        nodes(4, 0, &["0:2", "3"]),
        json!({"consumableResourceProperties": list(json!([item("licence", 1)]))}),
    );
    for (range, quantity) in [(0, 2), (1, 5)] {
        multi["nodeProperties"]["nodeRangeProperties"][range]["consumableResourceProperties"] =
            list(json!([item("seat", quantity)]));
    }
    let needs = job(multi, json!({})).consumables;
    assert_eq!(needs, [("licence".to_owned(), 1), ("seat".to_owned(), 11)]);

    for (document, fault) in [
        (
            json!({"consumableResourceName": "a", "totalQuantity": 3, "resourceType": "NON_REPLENISHABLE"}),
            None,
        ),
        (
            json!({"consumableResourceName": "a", "inUseQuantity": 1, "availableQuantity": 2, "createdAt": 0}),
            None,
        ),
        (
            json!({"consumableResourceName": "a", "totalQuantity": -1}),
            Some("totalQuantity"),
        ),
        (
            json!({"consumableResourceName": ""}),
            Some("consumableResourceName"),
        ),
    ] {
        let resource: ConsumableResource = read(document.clone());
        match fault {
            None => assert_eq!(outcome(resource.validate()), "accepted"),
            Some(field) => check_client(resource.validate(), field, &document),
        }
        assert_eq!(
            resource.total(),
            if document["totalQuantity"] == 3 { 3 } else { 0 }
        );
    }
}

fn policy(fields: Value) -> SchedulingPolicy {
    read(json!({"name": "p", "fairsharePolicy": fields}))
}

#[test]
fn scheduling_policies() {
    let shares = |list: Value| json!({"shareDistribution": list});
    let share = |identifier: &str| json!({"shareIdentifier": identifier});
    let weight = |weight: Value| shares(json!([{"shareIdentifier": "A", "weightFactor": weight}]));
    for fields in [
        json!({}),
        json!({"shareDecaySeconds": 0, "computeReservation": 0}),
        json!({"shareDecaySeconds": 604_800, "computeReservation": 99}),
        shares(json!([
            share("UserA*"),
            share("UserB*"),
            share("UserC"),
            share("UserC1")
        ])),
    ] {
        assert_eq!(
            outcome(policy(fields.clone()).validate()),
            "accepted",
            "{fields}"
        );
    }
    for (fields, field) in [
        (json!({"shareDecaySeconds": -1}), "shareDecaySeconds"),
        (json!({"shareDecaySeconds": 604_801}), "shareDecaySeconds"),
        (json!({"computeReservation": -1}), "computeReservation"),
        (json!({"computeReservation": 100}), "computeReservation"),
        (
            shares(json!([share("UserA*"), share("UserA1")])),
            "shareDistribution[1].shareIdentifier",
        ),
        (
            shares(json!([share("UserA1"), share("UserA*")])),
            "shareDistribution[1].shareIdentifier",
        ),
        (
            shares(json!([share("U*"), share("UserA*")])),
            "shareDistribution[1].shareIdentifier",
        ),
        (
            shares(json!([share("A"), share("A")])),
            "shareDistribution[1].shareIdentifier",
        ),
        (
            shares(json!([share("*"), share("A")])),
            "shareDistribution[1].shareIdentifier",
        ),
        (
            shares(json!([share("A-B")])),
            "shareDistribution[0].shareIdentifier",
        ),
        (
            shares(json!([share("A*B")])),
            "shareDistribution[0].shareIdentifier",
        ),
        (
            shares(json!([share("")])),
            "shareDistribution[0].shareIdentifier",
        ),
    ] {
        check_client(
            policy(fields.clone()).validate(),
            &format!("fairsharePolicy.{field}"),
            &fields,
        );
    }
    for (value, expected) in [
        (json!(0.0001), Some(1)),
        (json!(0.125), Some(1250)),
        (json!(1), Some(10_000)),
        (json!(1.0), Some(10_000)),
        (json!(999.9999), Some(9_999_999)),
        (json!(0), None),
        (json!(0.00001), None),
        (json!(0.00015), None),
        (json!(1000), None),
        (json!(-1), None),
        (json!(-0.5), None),
        (json!(1e300), None),
    ] {
        let policy = policy(weight(value.clone()));
        match expected {
            None => {
                let field = "fairsharePolicy.shareDistribution[0].weightFactor";
                check_client(policy.validate(), field, &value);
            }
            Some(weight) => {
                assert_eq!(outcome(policy.validate()), "accepted", "{value}");
                let fair = policy.fairshare_policy.expect("fair share");
                assert_eq!(fair.share_distribution.expect("shares")[0].weight(), weight);
            }
        }
    }
    let unweighed: ShareAttributes = read(share("A"));
    assert_eq!(unweighed.weight(), 10_000);
    let quota = json!({"idleResourceAssignmentStrategy": "FIFO"});
    for (document, expected) in [
        (
            json!({"name": "p"}),
            "fairsharePolicy: ClientException: A scheduling policy needs a fairsharePolicy.",
        ),
        (
            json!({"name": "p", "quotaSharePolicy": quota, "fairsharePolicy": {}}),
            "quotaSharePolicy: ClientException: A scheduling policy has one of fairsharePolicy and quotaSharePolicy.",
        ),
        (
            json!({"name": "p", "quotaSharePolicy": quota}),
            "quotaSharePolicy: UnsupportedFeatureException: Quota shares are for queues of service jobs, which are not \
             simulated.",
        ),
    ] {
        assert_eq!(
            outcome(read::<SchedulingPolicy>(document).validate()),
            expected
        );
    }
}

fn environment(kind: &str, changes: Value) -> Value {
    let base = match kind {
        "EC2" => {
            json!({"type": kind, "minvCpus": 0, "maxvCpus": 16, "instanceRole": "ecsInstanceRole",
                        "instanceTypes": ["optimal"]})
        }
        "SPOT" => {
            json!({"type": kind, "minvCpus": 0, "maxvCpus": 16, "instanceRole": "ecsInstanceRole",
                         "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"})
        }
        "ECS_MANAGED_INSTANCES" => {
            json!({"type": kind, "maxvCpus": 16, "managedInstancesProvider": {}})
        }
        _ => json!({"type": kind, "maxvCpus": 16}),
    };
    json!({"computeEnvironmentName": "c", "type": "MANAGED", "computeResources": with(base, changes)})
}

fn created(document: Value) -> Result<(), ApiError> {
    read::<ComputeEnvironment>(document).validate()
}

#[test]
fn compute_environments_with_documented_texts() {
    for (document, expected) in [
        (
            environment("EC2", json!({"instanceRole": null})),
            "instanceRole: ClientException: Instance role is required.",
        ),
        (
            environment("EC2", json!({"minvCpus": null})),
            "minvCpus: ClientException: Resource minvCpus is required.",
        ),
        (
            environment("FARGATE", json!({"desiredvCpus": 0})),
            "desiredvCpus: ClientException: desiredvCpus is not applicable for Fargate.",
        ),
        (
            environment("FARGATE_SPOT", json!({"tags": {"a": "b"}})),
            "tags: ClientException: tags is not applicable for Fargate.",
        ),
    ] {
        assert_eq!(
            outcome(created(document)),
            format!("computeResources.{expected}")
        );
    }
}

#[test]
fn fields_that_do_not_apply() {
    let foreign = json!({"allocationStrategy": "BEST_FIT", "minvCpus": 0, "desiredvCpus": 0, "instanceTypes": ["c5"],
        "bidPercentage": 50, "instanceRole": "r", "spotIamFleetRole": "r", "scalingPolicy": {}, "imageId": "ami",
        "ec2KeyPair": "k", "tags": {"a": "b"}, "placementGroup": "g", "launchTemplate": {"launchTemplateId": "l"},
        "ec2Configuration": [{"imageType": "ECS_AL2"}]});
    for (name, value) in foreign.as_object().expect("an object") {
        for kind in ["FARGATE", "FARGATE_SPOT", "ECS_MANAGED_INSTANCES"] {
            let document = environment(kind, json!({name: value}));
            check_client(
                created(document),
                &format!("computeResources.{name}"),
                &json!([kind, name]),
            );
        }
    }
    for kind in ["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"] {
        assert_eq!(outcome(created(environment(kind, json!({})))), "accepted");
        let document = environment(kind, json!({"managedInstancesProvider": {}}));
        check_client(
            created(document),
            "computeResources.managedInstancesProvider",
            &json!(kind),
        );
    }
    let printed =
        json!({"instanceTypes": [], "tags": {}, "ec2Configuration": [], "subnets": ["s"]});
    assert_eq!(
        outcome(created(environment("FARGATE", printed))),
        "accepted"
    );
}

#[test]
fn rules_on_compute_resources() {
    for (kind, changes, field) in [
        ("EC2", json!({"type": null}), "type"),
        ("EC2", json!({"maxvCpus": null}), "maxvCpus"),
        ("FARGATE", json!({"maxvCpus": -1}), "maxvCpus"),
        ("EC2", json!({"minvCpus": -1}), "minvCpus"),
        ("EC2", json!({"minvCpus": 17}), "minvCpus"),
        ("EC2", json!({"desiredvCpus": 17}), "desiredvCpus"),
        (
            "EC2",
            json!({"minvCpus": 4, "desiredvCpus": 3}),
            "desiredvCpus",
        ),
        ("EC2", json!({"bidPercentage": 0}), "bidPercentage"),
        (
            "EC2",
            json!({"allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"}),
            "allocationStrategy",
        ),
        (
            "EC2",
            json!({"allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED"}),
            "allocationStrategy",
        ),
        (
            "EC2",
            json!({"allocationStrategy": "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"}),
            "allocationStrategy",
        ),
        (
            "SPOT",
            json!({"allocationStrategy": "BEST_FIT_PROGRESSIVE_ORDERED"}),
            "allocationStrategy",
        ),
        (
            "SPOT",
            json!({"allocationStrategy": null}),
            "spotIamFleetRole",
        ),
        (
            "SPOT",
            json!({"allocationStrategy": "BEST_FIT"}),
            "spotIamFleetRole",
        ),
        (
            "EC2",
            json!({"instanceTypes": ["optimal", "default_arm64"]}),
            "instanceTypes",
        ),
        (
            "EC2",
            json!({"updateToLatestImageVersion": true}),
            "updateToLatestImageVersion",
        ),
        (
            "EC2",
            json!({"scalingPolicy": {"minScaleDownDelayMinutes": 19}}),
            "scalingPolicy.minScaleDownDelayMinutes",
        ),
        (
            "EC2",
            json!({"scalingPolicy": {"minScaleDownDelayMinutes": 10_081}}),
            "scalingPolicy.minScaleDownDelayMinutes",
        ),
        (
            "ECS_MANAGED_INSTANCES",
            json!({"managedInstancesProvider": null}),
            "managedInstancesProvider",
        ),
        (
            "ECS_MANAGED_INSTANCES",
            json!({"managedInstancesProvider": {"infrastructureOptimization": {"scaleInAfter": 3601}}}),
            "managedInstancesProvider.infrastructureOptimization.scaleInAfter",
        ),
        (
            "ECS_MANAGED_INSTANCES",
            json!({"managedInstancesProvider": {"instanceLaunchTemplate": {"capacityOptionType": "RESERVED"}}}),
            "managedInstancesProvider.instanceLaunchTemplate.capacityOptionType",
        ),
    ] {
        let document = environment(kind, changes.clone());
        check_client(
            created(document),
            &format!("computeResources.{field}"),
            &changes,
        );
    }
    for (kind, changes) in [
        (
            "EC2",
            json!({"desiredvCpus": 16, "allocationStrategy": "BEST_FIT_PROGRESSIVE_ORDERED"}),
        ),
        (
            "EC2",
            json!({"scalingPolicy": {"minScaleDownDelayMinutes": 0}}),
        ),
        (
            "EC2",
            json!({"scalingPolicy": {"minScaleDownDelayMinutes": 20}}),
        ),
        (
            "SPOT",
            json!({"allocationStrategy": "BEST_FIT", "spotIamFleetRole": "r", "bidPercentage": 20}),
        ),
        (
            "SPOT",
            json!({"allocationStrategy": "BEST_FIT_PROGRESSIVE"}),
        ),
        (
            "ECS_MANAGED_INSTANCES",
            json!({"managedInstancesProvider": {"infrastructureOptimization": {"scaleInAfter": -1},
                   "instanceLaunchTemplate": {"capacityOptionType": "SPOT",
                   "instanceRequirements": {"allowedInstanceTypes": ["c7i.*"]}}}}),
        ),
    ] {
        assert_eq!(
            outcome(created(environment(kind, changes.clone()))),
            "accepted",
            "{changes}"
        );
    }
}

#[test]
fn compute_environments_as_a_whole() {
    let unmanaged =
        || json!({"computeEnvironmentName": "u", "type": "UNMANAGED", "unmanagedvCpus": 64});
    assert_eq!(outcome(created(unmanaged())), "accepted");
    let base = || environment("EC2", json!({}));
    let update = |minutes: i64| json!({"updatePolicy": {"jobExecutionTimeoutMinutes": minutes}});
    for (document, field) in [
        (
            with(base(), json!({"computeEnvironmentName": "a b"})),
            "computeEnvironmentName",
        ),
        (with(base(), json!({"state": "DISABLED"})), "state"),
        (
            with(base(), json!({"computeResources": null})),
            "computeResources",
        ),
        (with(base(), json!({"unmanagedvCpus": 1})), "unmanagedvCpus"),
        (
            with(unmanaged(), json!({"unmanagedvCpus": -1})),
            "unmanagedvCpus",
        ),
        (
            with(
                unmanaged(),
                json!({"computeResources": {"type": "FARGATE"}}),
            ),
            "computeResources.type",
        ),
        (
            with(base(), update(0)),
            "updatePolicy.jobExecutionTimeoutMinutes",
        ),
        (
            with(base(), update(7201)),
            "updatePolicy.jobExecutionTimeoutMinutes",
        ),
    ] {
        check_client(created(document.clone()), field, &document);
    }
    let error = created(with(base(), json!({"eksConfiguration": {}}))).expect_err("not simulated");
    assert_eq!(
        (error.code, error.field.as_str()),
        (ErrorCode::UnsupportedFeature, "eksConfiguration")
    );
    let printed = json!({"state": "ENABLED", "status": "VALID", "statusReason": "ComputeEnvironment Healthy", "uuid": "u",
        "ecsClusterArn": "arn:…", "computeEnvironmentArn": "arn:…", "containerOrchestrationType": "ECS", "tags": {},
        "serviceRole": "arn:…", "unmanagedvCpus": 0,
        "updatePolicy": {"terminateJobsOnUpdate": false, "jobExecutionTimeoutMinutes": 30}});
    assert_eq!(outcome(created(with(base(), printed))), "accepted");
    for (kind, platform) in [
        ("EC2", PlatformCapability::Ec2),
        ("SPOT", PlatformCapability::Ec2),
        ("FARGATE", PlatformCapability::Fargate),
        ("FARGATE_SPOT", PlatformCapability::Fargate),
        (
            "ECS_MANAGED_INSTANCES",
            PlatformCapability::ManagedInstances,
        ),
    ] {
        assert_eq!(
            read::<ComputeEnvironment>(environment(kind, json!({}))).platform(),
            platform
        );
    }
    assert_eq!(
        read::<ComputeEnvironment>(unmanaged()).platform(),
        PlatformCapability::Ec2
    );
}

#[test]
fn batch_g102_and_g117_updates_of_compute_environments() {
    let update = |resources: Value| -> UpdateComputeEnvironment {
        read(json!({"computeEnvironment": "c", "computeResources": resources}))
    };
    let progressive: ComputeEnvironment = read(environment(
        "EC2",
        json!({"allocationStrategy": "BEST_FIT_PROGRESSIVE", "desiredvCpus": 2}),
    ));
    let best_fit: ComputeEnvironment = read(environment("EC2", json!({})));
    assert_eq!(
        outcome(update(json!({"desiredvCpus": 4})).validate(&best_fit, 8)),
        "computeResources.desiredvCpus: ClientException: Manually scaling down compute environment is not supported. \
         Disconnecting job queues from compute environment will cause it to scale-down to minvCpus"
    );
    for resources in [
        json!({"desiredvCpus": 8}),
        json!({"desiredvCpus": 16}),
        json!({"minvCpus": 4, "maxvCpus": 8}),
    ] {
        assert_eq!(
            outcome(update(resources.clone()).validate(&progressive, 8)),
            "accepted",
            "{resources}"
        );
        assert!(!update(resources).is_infrastructure_update(&progressive));
    }
    let above = update(json!({"desiredvCpus": 17}));
    check_client(
        above.validate(&progressive, 8),
        "computeResources.desiredvCpus",
        &json!(17),
    );

    for resources in [
        json!({"instanceTypes": ["c5"]}),
        json!({"updateToLatestImageVersion": true}),
        json!({"imageId": "i"}),
    ] {
        let update = update(resources.clone());
        assert!(update.is_infrastructure_update(&progressive), "{resources}");
        assert_eq!(
            outcome(update.validate(&progressive, 8)),
            "accepted",
            "{resources}"
        );
        check_client(
            update.validate(&best_fit, 8),
            "computeResources",
            &resources,
        );
    }
    let disable: UpdateComputeEnvironment =
        read(json!({"computeEnvironment": "c", "state": "DISABLED"}));
    assert_eq!(outcome(disable.validate(&best_fit, 8)), "accepted");
    assert_eq!(
        disable.applied_to(&best_fit).state,
        Some(crate::api::Switch::Disabled)
    );
}

#[test]
fn calls_on_jobs() {
    let cancel = |id: &str, reason: &str| CancelJob {
        job_id: id.to_owned(),
        reason: reason.to_owned(),
    };
    assert_eq!(
        outcome(cancel("id", &"r".repeat(1024)).validate()),
        "accepted"
    );
    for (call, field) in [
        (cancel("", "why"), "jobId"),
        (cancel("id", ""), "reason"),
        (cancel("id", &"r".repeat(1025)), "reason"),
    ] {
        check_client(call.validate(), field, &json!(call));
    }
    let describe = |count: usize| DescribeJobs {
        jobs: vec!["id".to_owned(); count],
    };
    assert_eq!(outcome(describe(100).validate()), "accepted");
    assert_eq!(
        outcome(describe(101).validate()),
        "jobs: ClientException: Maximum number of jobs supported is  100"
    );
}
