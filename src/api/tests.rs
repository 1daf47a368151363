//! The rules as a table: a row is a document with one change, the error it gives, and where.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::*;
use crate::model::request::{Constraint, RequiredAttribute, StrategyRule};
use crate::model::resources::{Demand, HostPort, Protocol, Resources};

const FARGATE: Host = Host::Fargate(FargateSizes::Model);

/// Providers of the cluster that calls are judged in.
static PROVIDERS: LazyLock<Vec<String>> = LazyLock::new(|| {
    ["p", "q", "FARGATE", "FARGATE_SPOT"]
        .map(String::from)
        .into()
});

/// A cluster with instances and without a default strategy.
fn view() -> ClusterView<'static> {
    ClusterView {
        capacity_providers: &PROVIDERS,
        has_instances: true,
        ..ClusterView::default()
    }
}

/// `base` with the fields of `changes` in place of its own; null takes a field away.
fn changed(mut base: Value, changes: Value) -> Value {
    let fields: &mut Map<String, Value> = base.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    base
}

fn read<T: DeserializeOwned>(document: Value) -> T {
    serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{error}: {document}"))
}

fn definition(changes: Value) -> TaskDefinition {
    let base = json!({"family": "web", "containerDefinitions": [{"name": "app", "cpu": 100, "memory": 128}]});
    read(changed(base, changes))
}

fn awsvpc(changes: Value) -> TaskDefinition {
    definition(changed(
        json!({"networkMode": "awsvpc", "cpu": "256", "memory": "512"}),
        changes,
    ))
}

fn run_task(changes: Value) -> RunTask {
    read(changed(json!({"taskDefinition": "web"}), changes))
}

fn start_task(changes: Value) -> StartTask {
    read(changed(
        json!({"taskDefinition": "web", "containerInstances": ["i1"]}),
        changes,
    ))
}

fn network(subnets: usize, groups: usize) -> Value {
    let names = |count| vec!["id"; count];
    json!({"awsvpcConfiguration": {"subnets": names(subnets), "securityGroups": names(groups)}})
}

/// The outcome as `field: exception: message`.
fn outcome(result: Result<(), ApiError>) -> String {
    match result {
        Ok(()) => "accepted".into(),
        Err(error) => format!("{}: {error}", error.field),
    }
}

fn check_definition(changes: Value, expected: &str) {
    assert_eq!(
        outcome(definition(changes.clone()).validate(FargateSizes::Model)),
        expected,
        "{changes}"
    );
}

fn check_run(changes: Value, definition: &TaskDefinition, expected: &str) {
    let result = run_task(changes.clone()).validate(definition, &view());
    let short: String = changes.to_string().chars().take(200).collect();
    assert_eq!(outcome(result), expected, "{short}");
}

fn check_start(changes: Value, definition: &TaskDefinition, expected: &str) {
    assert_eq!(
        outcome(start_task(changes.clone()).validate(definition)),
        expected,
        "{changes}"
    );
}

/// Containers that differ from one with 128 MiB named `app`, `b`, `c`… by these fields.
fn containers(changes: &[Value]) -> Value {
    let names = ["app", "b", "c", "d"];
    let container = |(index, fields): (usize, &Value)| {
        changed(json!({"name": names[index], "memory": 128}), fields.clone())
    };
    json!({"containerDefinitions": changes.iter().enumerate().map(container).collect::<Value>()})
}

fn one(fields: Value) -> Value {
    containers(&[fields])
}

fn ports(mode: &str, mappings: Value) -> Value {
    changed(
        one(json!({"portMappings": mappings})),
        json!({"networkMode": mode}),
    )
}

fn constraints(list: Value) -> Value {
    json!({"placementConstraints": list})
}

fn strategy(list: Value) -> Value {
    json!({"placementStrategy": list})
}

fn providers(list: Value) -> Value {
    json!({"capacityProviderStrategy": list})
}

/// Names Linux, so that the instance does not decide.
fn linux() -> Value {
    json!({"runtimePlatform": {"operatingSystemFamily": "LINUX"}})
}

/// `count` constraints that hold everywhere.
fn any_constraints(count: usize) -> Value {
    vec![json!({"type": "memberOf", "expression": "runningTasksCount >= 0"}); count].into()
}

#[test]
fn registration_names_and_lists() {
    let nameless = "1 to 255 letters, digits, '_' and '-'.";
    check_definition(json!({}), "accepted");
    check_definition(
        json!({"family": "a b"}),
        &format!("family: ClientException: Family 'a b' is invalid; it has {nameless}"),
    );
    check_definition(
        json!({"family": ""}),
        &format!("family: ClientException: Family '' is invalid; it has {nameless}"),
    );
    check_definition(json!({"family": "a".repeat(255)}), "accepted");
    check_definition(json!({"revision": 1_000_000}), "accepted");
    check_definition(
        json!({"revision": 0}),
        "revision: ClientException: Revision is 0; it may be 1 to 1000000.",
    );
    check_definition(
        json!({"containerDefinitions": []}),
        "containerDefinitions: ClientException: Container list cannot be empty",
    );
    let many = |count| -> Value {
        (0..count)
            .map(|index| json!({"name": format!("c{index}"), "memory": 6}))
            .collect()
    };
    check_definition(json!({"containerDefinitions": many(10)}), "accepted");
    check_definition(
        json!({"containerDefinitions": many(11)}),
        "containerDefinitions: ClientException: Too many containers.",
    );
    check_definition(
        one(json!({"name": "a.b"})),
        &format!(
            "containerDefinitions[0].name: ClientException: Container name 'a.b' is invalid; it has {nameless}"
        ),
    );
    check_definition(
        containers(&[json!({}), json!({"name": "app"})]),
        "containerDefinitions[1].name: ClientException: Container name 'app' is used more than once.",
    );
    check_definition(
        one(json!({"essential": false})),
        "containerDefinitions: ClientException: Task definition doesn't have any essential container",
    );
    check_definition(
        containers(&[json!({}), json!({"essential": false})]),
        "accepted",
    );
    // Without the text the document has 92 bytes.
    let of_size = |bytes: usize| {
        definition(json!({"volumes": "x".repeat(bytes - 92)})).validate(FargateSizes::Model)
    };
    assert_eq!(outcome(of_size(65_536)), "accepted");
    assert_eq!(
        outcome(of_size(65_537)),
        ": ClientException: Task definition has 65537 bytes; at most 65536 are allowed."
    );
}

#[test]
fn registration_sizes() {
    check_definition(
        one(json!({"memory": null})),
        "containerDefinitions[0].memory: ClientException: Invalid setting for container 'app'. At least one of 'memory' or \
         'memoryReservation' must be specified.",
    );
    check_definition(
        one(json!({"memory": null, "memoryReservation": 6})),
        "accepted",
    );
    check_definition(
        one(json!({"memory": 5})),
        "containerDefinitions[0].memory: ClientException: Invalid 'memory' setting for container 'app': 5 MiB; at least 6 are needed.",
    );
    check_definition(
        one(json!({"memory": 64, "memoryReservation": 65})),
        "containerDefinitions[0].memory: ClientException: 'memory' must be greater than or equal to 'memoryReservation'",
    );
    check_definition(
        one(json!({"memory": 64, "memoryReservation": 64})),
        "accepted",
    );

    let sized = |fields: &[Value], cpu: Value, memory: Value| {
        changed(containers(fields), json!({"cpu": cpu, "memory": memory}))
    };
    let none = Value::Null;
    check_definition(
        sized(&[json!({"memory": null})], none.clone(), json!("512")),
        "accepted",
    );
    check_definition(
        sized(
            &[json!({}), json!({"memory": 513, "memoryReservation": 6})],
            none.clone(),
            json!("512"),
        ),
        "containerDefinitions[1].memory: ClientException: The 'memory' setting for container 'b' is greater than for the task",
    );
    let halves = [
        json!({"cpu": 256, "memory": 400, "memoryReservation": 256}),
        json!({"cpu": 256, "memory": 256}),
    ];
    check_definition(sized(&halves, json!("512"), json!("512")), "accepted");
    check_definition(
        sized(&halves, json!("511"), json!("512")),
        "cpu: ClientException: The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value",
    );
    check_definition(
        sized(&halves, none.clone(), json!("511")),
        "memory: ClientException: The sum of all container 'memoryReservation' values cannot be greater than the value of the \
         task 'memory'.",
    );
    let largest = json!({"cpu": u32::MAX, "memory": u32::MAX});
    check_definition(
        sized(&[largest.clone(), largest], none.clone(), json!(u32::MAX)),
        "memory: ClientException: The sum of all container 'memoryReservation' values cannot be greater than the value of the \
         task 'memory'.",
    );
    for (cpu, refused) in [(127, true), (128, false), (196_608, false), (196_609, true)] {
        let error = format!(
            "cpu: ClientException: Invalid 'cpu' setting for task. It is {cpu} CPU units; on EC2 it may be 128 to 196608."
        );
        check_definition(
            json!({"cpu": cpu}),
            if refused { &error } else { "accepted" },
        );
    }
    let empty = sized(&[json!({"memory": null})], none, json!("0"));
    check_definition(
        empty,
        "memory: ClientException: Invalid 'memory' setting for task. It is 0 MiB.",
    );
    let windows = json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}});
    check_definition(
        changed(sized(&halves, json!("64"), json!("64")), windows),
        "accepted",
    );
}

#[test]
fn registration_fargate() {
    let check = |changes: Value, expected: &str| {
        let base = json!({"requiresCompatibilities": ["EC2", "FARGATE"], "networkMode": "awsvpc", "cpu": ".25 vCPU", "memory": "1 GB"});
        check_definition(changed(base, changes), expected);
    };
    check(json!({}), "accepted");
    check(
        json!({"cpu": null}),
        "cpu: ClientException: Fargate requires that 'cpu' be defined at the task level",
    );
    check(
        json!({"memory": null}),
        "memory: ClientException: Fargate requires that 'memory' be defined at the task level",
    );
    check(
        json!({"memory": "768"}),
        "cpu: ClientException: No Fargate configuration exists for given values.",
    );
    check(
        json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}),
        "cpu: ClientException: No Fargate configuration exists for given values.",
    );
    check(
        json!({"networkMode": null}),
        "networkMode: ClientException: Fargate only supports network mode 'awsvpc'.",
    );
    check(
        one(json!({"resourceRequirements": [{"type": "GPU", "value": "1"}]})),
        "containerDefinitions: ClientException: GPUs are not supported on Fargate.",
    );
    check(
        json!({"ephemeralStorage": {"sizeInGiB": 20}}),
        "ephemeralStorage.sizeInGiB: ClientException: ephemeralStorage.sizeInGiB is 20; it must be at least 21.",
    );
    check(json!({"ephemeralStorage": {"sizeInGiB": 21}}), "accepted");
    check(
        json!({"ephemeralStorage": {"sizeInGiB": 201}}),
        "ephemeralStorage.sizeInGiB: ClientException: ephemeralStorage.sizeInGiB is 201; it may be at most 200.",
    );
    check(one(json!({"privileged": false})), "accepted");
    check(
        one(json!({"privileged": true})),
        "containerDefinitions[0].privileged: ClientException: Privileged containers are not supported on Fargate.",
    );
    check(
        one(json!({"portMappings": [{"containerPort": 80, "hostPort": 80}]})),
        "accepted",
    );
    check(
        one(json!({"portMappings": [{"containerPort": 80, "hostPort": 8080}]})),
        "containerDefinitions[0].portMappings[0].hostPort: ClientException: When networkMode=awsvpc, the host ports and \
         container ports in port mappings must match.",
    );
    check(one(json!({"stopTimeout": 2})), "accepted");
    check(
        one(json!({"stopTimeout": 1})),
        "containerDefinitions[0].stopTimeout: ClientException: stopTimeout is 1; it must be at least 2.",
    );
    check(one(json!({"stopTimeout": 120})), "accepted");
    check(
        one(json!({"stopTimeout": 121})),
        "containerDefinitions[0].stopTimeout: ClientException: stopTimeout is 121; it may be at most 120.",
    );
}

#[test]
fn registration_gpus() {
    let gpu = |requirement: Value| one(json!({"resourceRequirements": [requirement]}));
    let field = "containerDefinitions[0].resourceRequirements[0]";
    check_definition(gpu(json!({"type": "GPU", "value": "ALL"})), "accepted");
    for value in ["0", "-1", "1.5", "all", "", "4294967296"] {
        check_definition(
            gpu(json!({"type": "GPU", "value": value})),
            &format!(
                "{field}.value: ClientException: GPU value '{value}' is invalid; it is a whole number of at least 1, or ALL."
            ),
        );
    }
    check_definition(
        gpu(json!({"type": "NeuronDevice", "value": "ALL"})),
        &format!(
            "{field}.type: UnsupportedFeatureException: Only resources of type GPU are simulated."
        ),
    );
    let windows = json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}});
    check_definition(
        changed(gpu(json!({"type": "GPU", "value": "1"})), windows),
        "containerDefinitions: ClientException: GPUs are not supported for Windows containers.",
    );
}

#[test]
fn registration_shared_gpus() {
    let mps = |fields: Value| json!({"type": "GPU", "sharingStrategy": {"nvidiaMps": changed(json!({"memory": 1024}), fields)}});
    let requirements = |list: Value| json!({"resourceRequirements": list});
    let share = |fields: Value| one(requirements(json!([mps(fields)])));
    let at = "containerDefinitions[0].resourceRequirements[0]";
    for fields in [
        json!({"memory": 1}),
        json!({"maxComputePercent": 1}),
        json!({"maxComputePercent": 100}),
    ] {
        check_definition(share(fields), "accepted");
    }
    let at_mps = format!("{at}.sharingStrategy.nvidiaMps");
    for (fields, field, problem) in [
        (
            json!({"memory": 0}),
            "memory",
            "is 0; it must be at least 1.",
        ),
        (
            json!({"maxComputePercent": 0}),
            "maxComputePercent",
            "is 0; it must be at least 1.",
        ),
        (
            json!({"maxComputePercent": 101}),
            "maxComputePercent",
            "is 101; it may be at most 100.",
        ),
    ] {
        let expected = format!("{at_mps}.{field}: ClientException: {field} {problem}");
        check_definition(share(fields), &expected);
    }
    let both = changed(mps(json!({})), json!({"value": "1"}));
    check_definition(
        one(requirements(json!([both]))),
        &format!(
            "{at}.value: ClientException: GPUs are asked for with 'value' or with 'sharingStrategy', not with both."
        ),
    );
    let mixed = "ClientException: All containers of a task that use GPUs must use the same option: whole GPUs, or a sharing \
                 strategy.";
    for value in ["1", "ALL"] {
        let whole = json!({"type": "GPU", "value": value});
        let shared = requirements(json!([mps(json!({}))]));
        check_definition(
            containers(&[requirements(json!([whole])), json!({}), shared]),
            &format!("containerDefinitions: {mixed}"),
        );
        check_definition(
            one(requirements(json!([mps(json!({})), whole]))),
            &format!("containerDefinitions[0].resourceRequirements: {mixed}"),
        );
    }
    let windows = json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}});
    check_definition(
        changed(share(json!({})), windows),
        "containerDefinitions: ClientException: GPUs are not supported for Windows containers.",
    );
    let sharing = changed(
        share(json!({})),
        json!({"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}),
    );
    check_definition(
        sharing,
        "containerDefinitions: ClientException: GPUs are not supported on Fargate.",
    );
}

#[test]
fn memory_of_containers_that_share_a_gpu_adds_up() {
    let mps = |memory: u32| json!({"resourceRequirements": [{"type": "GPU", "sharingStrategy": {"nvidiaMps": {"memory": memory}}}]});
    let shared = |memory| Demand {
        shared_gpu_memory: memory,
        ..amounts(0, 384)
    };
    check_demand(containers(&[mps(1000), json!({}), mps(24)]), &shared(1024));
    let task = definition(containers(&[mps(u32::MAX), json!({}), mps(1)]));
    assert_eq!(demand(&task, json!({})), shared(u32::MAX));
    let gpus: Vec<GpuDemand> = task
        .containers(None, Host::Instance)
        .expect("valid")
        .iter()
        .map(|container| container.gpus)
        .collect();
    assert_eq!(
        gpus,
        [
            GpuDemand::Shared(u32::MAX),
            GpuDemand::NONE,
            GpuDemand::Shared(1)
        ]
    );
    // An override that mixes both options is refused like a definition.
    let whole = json!([{"type": "GPU", "value": "1"}]);
    let call = json!({"overrides": {"containerOverrides": [{"name": "app", "resourceRequirements": whole}]}});
    check_run(
        call,
        &definition(containers(&[mps(1), mps(1)])),
        "overrides: ClientException: All containers of a task that use GPUs must use the same option: whole GPUs, or a \
         sharing strategy.",
    );
}

#[test]
fn registration_timeouts() {
    let check = |fields: Value, expected: &str| check_definition(one(fields), expected);
    let health = |fields: Value| json!({"healthCheck": changed(json!({"command": ["CMD", "true"]}), fields)});
    check(
        health(json!({"interval": 5, "timeout": 60, "retries": 10, "startPeriod": 0})),
        "accepted",
    );
    let at = "containerDefinitions[0]";
    check(
        health(json!({"interval": 4})),
        &format!(
            "{at}.healthCheck.interval: ClientException: healthCheck.interval is 4; it must be at least 5."
        ),
    );
    check(
        health(json!({"timeout": 61})),
        &format!(
            "{at}.healthCheck.timeout: ClientException: healthCheck.timeout is 61; it may be at most 60."
        ),
    );
    check(
        health(json!({"retries": 0})),
        &format!(
            "{at}.healthCheck.retries: ClientException: healthCheck.retries is 0; it must be at least 1."
        ),
    );
    check(
        health(json!({"startPeriod": 301})),
        &format!(
            "{at}.healthCheck.startPeriod: ClientException: healthCheck.startPeriod is 301; it may be at most 300."
        ),
    );
    check(json!({"stopTimeout": 3600}), "accepted");
    check(
        json!({"stopTimeout": 0}),
        &format!("{at}.stopTimeout: ClientException: stopTimeout is 0; it must be at least 1."),
    );
    check(
        json!({"restartPolicy": {"enabled": true, "restartAttemptPeriod": 59}}),
        &format!(
            "{at}.restartPolicy.restartAttemptPeriod: ClientException: restartPolicy.restartAttemptPeriod is 59; it must be at least 60."
        ),
    );
    check(
        json!({"restartPolicy": {"enabled": true, "ignoredExitCodes": vec![0; 50]}}),
        "accepted",
    );
    check(
        json!({"restartPolicy": {"enabled": true, "ignoredExitCodes": vec![0; 51]}}),
        &format!(
            "{at}.restartPolicy.ignoredExitCodes: ClientException: 51 exit codes are ignored; at most 50 may be."
        ),
    );
}

#[test]
fn registration_dependencies() {
    let after = |name: &str, condition: &str| json!({"dependsOn": [{"containerName": name, "condition": condition}]});
    let check = |fields: &[Value], expected: &str| check_definition(containers(fields), expected);
    let at = "containerDefinitions[0].dependsOn[0]";
    let aside = json!({"essential": false});
    check(&[after("b", "SUCCESS"), aside.clone()], "accepted");
    for condition in ["SUCCESS", "COMPLETE"] {
        check(
            &[after("b", condition), json!({})],
            &format!(
                "{at}.condition: ClientException: A dependency container with SUCCESS or COMPLETE condition cannot be an \
                 essential container"
            ),
        );
    }
    check(
        &[after("b", "HEALTHY"), aside],
        &format!(
            "{at}.condition: ClientException: A dependency container with HEALTHY condition must have health check configured"
        ),
    );
    check(
        &[
            after("b", "HEALTHY"),
            json!({"healthCheck": {"command": ["true"]}}),
        ],
        "accepted",
    );
    check(
        &[after("z", "START")],
        &format!(
            "{at}.containerName: ClientException: Container 'app' depends on unknown container 'z'."
        ),
    );
    check(
        &[after("app", "START")],
        "containerDefinitions: ClientException: Container dependencies form a cycle: app.",
    );
    check(
        &[
            after("b", "START"),
            after("c", "START"),
            after("b", "START"),
            json!({}),
        ],
        "containerDefinitions: ClientException: Container dependencies form a cycle: app, b, c.",
    );
    check(
        &[
            after("b", "START"),
            after("c", "START"),
            after("d", "START"),
            json!({}),
        ],
        "accepted",
    );
}

#[test]
fn registration_ports() {
    let at = "containerDefinitions[0].portMappings";
    let check = |mode: &str, mappings: Value, expected: &str| {
        check_definition(ports(mode, mappings), expected)
    };
    let static_80 = json!({"containerPort": 80, "hostPort": 80});
    for mode in ["bridge", "host", "awsvpc", "default"] {
        check(mode, json!([static_80]), "accepted");
    }
    check(
        "none",
        json!([static_80]),
        &format!("{at}[0]: ClientException: Port mappings are not allowed when networkMode=none."),
    );
    check("none", json!([]), "accepted");
    for (mode, expected) in [
        ("bridge", "accepted"),
        ("default", "accepted"),
        ("host", "refused"),
        ("awsvpc", "refused"),
    ] {
        let error = format!(
            "{at}[0].hostPort: ClientException: When networkMode={mode}, the host ports and container ports in port mappings must match."
        );
        let expected = if expected == "refused" {
            &error
        } else {
            expected
        };
        check(
            mode,
            json!([{"containerPort": 80, "hostPort": 8080}]),
            expected,
        );
        check(
            mode,
            json!([{"containerPort": 80, "hostPort": 0}]),
            "accepted",
        );
    }
    let twice = |protocol: &str| json!([{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80, "protocol": protocol}]);
    check(
        "bridge",
        twice("tcp"),
        &format!(
            "{at}[1].hostPort: ClientException: TCP host port '80' is mapped multiple times in task."
        ),
    );
    check(
        "bridge",
        twice("sctp"),
        &format!(
            "{at}[1].hostPort: ClientException: TCP host port '80' is mapped multiple times in task."
        ),
    );
    check("bridge", twice("udp"), "accepted");
    let dns = json!({"portMappings": [{"containerPort": 53, "protocol": "udp"}]});
    check_definition(
        changed(
            containers(&[dns.clone(), dns]),
            json!({"networkMode": "host"}),
        ),
        "containerDefinitions[1].portMappings[0].hostPort: ClientException: UDP host port '53' is mapped multiple times in task.",
    );
    check(
        "bridge",
        json!([{"containerPort": 53, "protocol": "udp"}, {"containerPort": 53}]),
        &format!(
            "{at}[1]: ClientException: Container port '53' is in more than one port mapping of the container."
        ),
    );
    check(
        "bridge",
        json!([{"containerPortRange": "8000-8010"}, {"containerPort": 9000}, {"containerPortRange": "7000-8000"}]),
        &format!(
            "{at}[2]: ClientException: Container port '8000' is in more than one port mapping of the container."
        ),
    );
    let needed = "A port mapping needs a containerPort of 1 to 65535, or a containerPortRange.";
    check(
        "bridge",
        json!([{"hostPort": 80}]),
        &format!("{at}[0].containerPort: ClientException: {needed}"),
    );
    check(
        "bridge",
        json!([{"containerPort": 0}]),
        &format!("{at}[0].containerPort: ClientException: {needed}"),
    );
    for range in [
        "8080",
        "8090-8080",
        "80-80",
        "0-5",
        "1-65536",
        "a-b",
        "1-2-3",
        "",
    ] {
        check(
            "awsvpc",
            json!([{"containerPortRange": range}]),
            &format!(
                "{at}[0].containerPortRange: ClientException: containerPortRange '{range}' is invalid; write it such as '8080-8090', within 1 to 65535."
            ),
        );
    }
    check(
        "bridge",
        json!([{"containerPortRange": "1-2", "hostPort": 1}]),
        &format!(
            "{at}[0].containerPortRange: ClientException: A containerPortRange stands alone, without containerPort and hostPort."
        ),
    );
    check(
        "host",
        json!([{"containerPortRange": "1-2"}]),
        &format!(
            "{at}[0].containerPortRange: ClientException: A containerPortRange needs networkMode bridge or awsvpc."
        ),
    );
    let ranges = |count: u32| -> Value {
        (0..count)
            .map(|n| json!({"containerPortRange": format!("{}-{}", 10 * n + 1, 10 * n + 2)}))
            .collect()
    };
    check("bridge", ranges(100), "accepted");
    check(
        "bridge",
        ranges(101),
        &format!("{at}: ClientException: 101 port ranges; a container may have 100."),
    );
}

#[test]
fn registration_constraints() {
    check_definition(constraints(any_constraints(10)), "accepted");
    check_definition(
        constraints(any_constraints(11)),
        "placementConstraints: ClientException: 11 placement constraints; at most 10 are allowed",
    );
    check_definition(
        constraints(json!([{"type": "memberOf", "expression": " "}])),
        "placementConstraints[0].expression: InvalidParameterException: memberOf expression should be specified",
    );
    let result = definition(constraints(
        json!([{"type": "memberOf", "expression": "attribute:a ="}]),
    ))
    .validate(FargateSizes::Model);
    let error = result.expect_err("one = is no operator");
    assert_eq!(
        (error.code, error.field.as_str()),
        (
            ErrorCode::InvalidParameter,
            "placementConstraints[0].expression"
        )
    );
    assert!(
        error
            .message
            .starts_with("memberOf expression is invalid: "),
        "{error}"
    );
}

#[test]
fn ecs_g35_distinct_instance_in_a_definition() {
    check_definition(
        constraints(json!([{"type": "distinctInstance"}])),
        "placementConstraints[0].type: ClientException: constraint.type 'distinctInstance' is not supported.",
    );
}

#[test]
fn ecs_g36_eleven_constraints_together() {
    let six = definition(constraints(any_constraints(6)));
    check_run(constraints(any_constraints(4)), &six, "accepted");
    check_run(
        constraints(any_constraints(5)),
        &six,
        "placementConstraints: InvalidParameterException: 5 placement constraints and 6 of the task definition; together at \
         most 10 are allowed",
    );
}

#[test]
fn ecs_g37_distinct_instance_with_expression() {
    check_run(
        constraints(json!([{"type": "distinctInstance", "expression": "attribute:a exists"}])),
        &definition(json!({})),
        "placementConstraints[0].expression: InvalidParameterException: distinctInstance expression should not be specified",
    );
}

#[test]
fn ecs_g59_fields_of_strategies() {
    let plain = definition(json!({}));
    let error = |index, text: &str| {
        format!("placementStrategy[{index}].field: InvalidParameterException: {text}")
    };
    check_run(
        strategy(json!([{"type": "random", "field": "cpu"}])),
        &plain,
        &error(0, "random field should not be specified"),
    );
    check_run(
        strategy(json!([{"type": "binpack", "field": "disk"}])),
        &plain,
        &error(0, "binpack field 'disk' is invalid"),
    );
    check_run(
        strategy(json!([{"type": "binpack"}])),
        &plain,
        &error(0, "binpack field '' is invalid"),
    );
    for field in [
        "zone",
        "attribute:",
        "instanceid",
        "HOST",
        "attribute:a b",
        "",
    ] {
        let expected = error(0, &format!("spread field '{field}' is invalid"));
        check_run(
            strategy(json!([{"type": "spread", "field": field}])),
            &plain,
            &expected,
        );
    }
    let both = json!([{"type": "spread", "field": "x"}, {"type": "binpack", "field": "x"}, {"type": "random", "field": "x"}]);
    check_run(
        strategy(both),
        &plain,
        &error(2, "random field should not be specified"),
    );
}

#[test]
fn ecs_g64_start_task_with_eleven_instances() {
    let plain = definition(json!({}));
    check_start(
        json!({"containerInstances": vec!["i"; 10]}),
        &plain,
        "accepted",
    );
    for count in [0, 11] {
        check_start(
            json!({"containerInstances": vec!["i"; count]}),
            &plain,
            &format!(
                "containerInstances: InvalidParameterException: {count} container instances; there may be 1 to 10"
            ),
        );
    }
}

#[test]
fn ecs_g71_launch_type_and_providers() {
    let call = changed(
        providers(json!([{"capacityProvider": "p", "weight": 1}])),
        json!({"launchType": "EC2"}),
    );
    check_run(
        call,
        &definition(json!({})),
        "capacityProviderStrategy: InvalidParameterException: Specifying both a launch type and capacity provider strategy is \
         not supported",
    );
}

#[test]
fn ecs_g74_fargate_with_strategy_or_constraints() {
    let call = |changes| {
        changed(
            json!({"launchType": "FARGATE", "networkConfiguration": network(1, 0)}),
            changes,
        )
    };
    let plain = awsvpc(json!({}));
    check_run(call(json!({})), &plain, "accepted");
    check_run(
        call(strategy(json!([{"type": "random"}]))),
        &plain,
        "placementStrategy: InvalidParameterException: Placement strategies are not supported with FARGATE launch type",
    );
    let refused = "InvalidParameterException: Placement constraints are not supported with FARGATE launch type";
    check_run(
        call(constraints(any_constraints(1))),
        &plain,
        &format!("placementConstraints: {refused}"),
    );
    check_run(
        call(json!({})),
        &awsvpc(constraints(any_constraints(1))),
        &format!("taskDefinition: {refused}"),
    );
}

#[test]
fn ecs_g75_network_configuration() {
    let missing = "networkConfiguration: InvalidParameterException: Network Configuration must be provided when networkMode \
                   'awsvpc' is specified.";
    let unfit = "networkConfiguration: InvalidParameterException: Network Configuration is not valid for the given networkMode \
                 of this task definition.";
    for (task, changes, expected) in [
        (awsvpc(json!({})), json!({}), missing),
        (
            awsvpc(json!({})),
            json!({"networkConfiguration": {}}),
            missing,
        ),
        (
            awsvpc(json!({})),
            json!({"networkConfiguration": network(1, 1)}),
            "accepted",
        ),
        (
            definition(json!({})),
            json!({"networkConfiguration": network(1, 1)}),
            unfit,
        ),
    ] {
        check_run(changes.clone(), &task, expected);
        check_start(changes, &task, expected);
    }
}

#[test]
fn ecs_g76_overrides_of_8193_characters() {
    let plain = definition(json!({}));
    let overrides = |length: usize| {
        let empty = json!({"containerOverrides": [{"name": "app", "command": [""]}]})
            .to_string()
            .len();
        json!({"overrides": {"containerOverrides": [{"name": "app", "command": ["ü".repeat(length - empty)]}]}})
    };
    let error =
        "overrides: InvalidParameterException: Container Overrides length must be at most 8192";
    check_run(overrides(8192), &plain, "accepted");
    check_run(overrides(8193), &plain, error);
    check_start(overrides(8193), &plain, error);
}

#[test]
fn ecs_g77_started_by() {
    let plain = definition(json!({}));
    let by =
        |length| json!({"startedBy": "a/_-9".chars().cycle().take(length).collect::<String>()});
    check_run(by(128), &plain, "accepted");
    check_run(
        by(129),
        &plain,
        "startedBy: InvalidParameterException: startedBy longer than 128.",
    );
    check_start(by(36), &plain, "accepted");
    check_start(
        by(37),
        &plain,
        "startedBy: InvalidParameterException: startedBy longer than 36.",
    );
    check_run(
        json!({"startedBy": "a b"}),
        &plain,
        "startedBy: InvalidParameterException: startedBy 'a b' is invalid; it has letters, digits, '-', '_' and '/'",
    );
}

#[test]
fn ecs_g110_overrides_of_the_article() {
    let call = json!({
        "launchType": "FARGATE", "networkConfiguration": network(1, 0),
        "overrides": {"cpu": "512", "memory": "3072", "containerOverrides": [{"name": "app", "cpu": 512, "memory": 3072}]},
    });
    let task = awsvpc(json!({}));
    check_run(call.clone(), &task, "accepted");
    let overridden = run_task(call).overrides;
    let task = task
        .with_overrides(overridden.as_ref(), FARGATE)
        .expect("accepted");
    assert_eq!(task.cpu.as_ref().map(CpuSize::as_str), Some("512"));
    assert_eq!(task.memory.as_ref().map(MemorySize::as_str), Some("3072"));
}

#[test]
fn ecs_g111_containers_above_the_overridden_size() {
    let task = definition(containers(&[
        json!({"memory": 1024}),
        json!({"memory": 2048}),
    ]));
    let error = "overrides: ClientException: The sum of all container 'memoryReservation' values cannot be greater than the \
                 value of the task 'memory'.";
    check_run(json!({"overrides": {"memory": "2048"}}), &task, error);
    check_run(json!({"overrides": {"memory": "3GB"}}), &task, "accepted");
    check_run(
        json!({"overrides": {"memory": "2047"}}),
        &task,
        "overrides: ClientException: The 'memory' setting for container 'b' is greater than for the task",
    );
    check_run(
        json!({"overrides": {"cpu": "256", "containerOverrides": [{"name": "b", "cpu": 257}]}}),
        &task,
        "overrides: ClientException: The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value",
    );
    check_run(
        json!({"overrides": {"cpu": "100"}}),
        &task,
        "overrides: ClientException: Invalid 'cpu' setting for task. It is 100 CPU units; on EC2 it may be 128 to 196608.",
    );
}

#[test]
fn ecs_g112_half_a_fargate_pair() {
    let task = awsvpc(json!({"cpu": "512", "memory": "4096"}));
    let call = |overrides: Value| json!({"launchType": "FARGATE", "networkConfiguration": network(1, 0), "overrides": overrides});
    check_run(
        call(json!({"cpu": "256"})),
        &task,
        "overrides: ClientException: No Fargate configuration exists for given values.",
    );
    check_run(call(json!({"cpu": "1024"})), &task, "accepted");
}

#[test]
fn ecs_g116_unknown_container() {
    let plain = definition(json!({}));
    let call = |name: &str| json!({"overrides": {"containerOverrides": [{}, {"name": name}]}});
    let error = "overrides.containerOverrides[1].name: InvalidParameterException: Override for container named x is not a \
                 container in the TaskDefinition.";
    check_run(call("app"), &plain, "accepted");
    check_run(call("x"), &plain, error);
    check_start(call("x"), &plain, error);
    check_run(
        json!({"overrides": {"containerOverrides": [{"cpu": 1}]}}),
        &plain,
        "overrides.containerOverrides[0]: InvalidParameterException: Container override has no name.",
    );
}

#[test]
fn ecs_u38_memory_below_reservation_after_override() {
    let call =
        json!({"overrides": {"containerOverrides": [{"name": "app", "memoryReservation": 129}]}});
    check_run(
        call,
        &definition(json!({})),
        "overrides: InvalidParameterException: 'memory' must be greater than or equal to 'memoryReservation'",
    );
}

#[test]
fn run_task_counts_and_lengths() {
    let plain = definition(json!({}));
    for count in [-1, 0, 11, i64::MAX] {
        check_run(
            json!({"count": count}),
            &plain,
            &format!("count: InvalidParameterException: count is {count}; it may be 1 to 10"),
        );
    }
    check_run(json!({"count": 10}), &plain, "accepted");
    assert_eq!(
        (
            run_task(json!({})).task_count(),
            run_task(json!({"count": 3})).task_count()
        ),
        (1, 3)
    );
    check_run(
        strategy(vec![json!({"type": "random"}); 5].into()),
        &plain,
        "accepted",
    );
    check_run(
        strategy(vec![json!({"type": "random"}); 6].into()),
        &plain,
        "placementStrategy: InvalidParameterException: Maximum number of strategies is 5",
    );
    let expression = |length: usize| {
        let start = "attribute:a == ";
        constraints(
            json!([{"type": "memberOf", "expression": format!("{start}{}", "ü".repeat(length - start.len()))}]),
        )
    };
    check_run(expression(2000), &plain, "accepted");
    check_run(
        expression(2001),
        &plain,
        "placementConstraints[0].expression: InvalidParameterException: constraint expression has 2001 characters; at most \
         2000 are allowed",
    );
    check_run(
        constraints(json!([{"type": "memberOf"}])),
        &plain,
        "placementConstraints[0].expression: InvalidParameterException: memberOf expression should be specified",
    );
    for (field, limit) in [("group", 255), ("clientToken", 64), ("referenceId", 1024)] {
        check_run(json!({field: "a".repeat(limit)}), &plain, "accepted");
        let error = format!(
            "{field}: InvalidParameterException: {field} has {} characters; at most {limit} are allowed",
            limit + 1
        );
        check_run(json!({field: "a".repeat(limit + 1)}), &plain, &error);
    }
    check_run(
        json!({"clientToken": "a b"}),
        &plain,
        "clientToken: InvalidParameterException: clientToken has a character outside ASCII 33 to 126",
    );
}

#[test]
fn run_task_tags() {
    let plain = definition(json!({}));
    let check = |tags: Value, expected: &str| {
        check_run(json!({"tags": tags}), &plain, expected);
        check_start(json!({"tags": tags}), &plain, expected);
    };
    check(vec![json!({"key": "k"}); 50].into(), "accepted");
    check(
        vec![json!({"key": "k"}); 51].into(),
        "tags: InvalidParameterException: 51 tags; at most 50 are allowed",
    );
    check(
        json!([{"key": ""}]),
        "tags[0].key: InvalidParameterException: key is empty",
    );
    check(
        json!([{"key": "k".repeat(128), "value": "v".repeat(256)}]),
        "accepted",
    );
    check(
        json!([{"key": "k".repeat(129)}]),
        "tags[0].key: InvalidParameterException: key has 129 characters; at most 128 are allowed",
    );
    check(
        json!([{"key": "k", "value": "v".repeat(257)}]),
        "tags[0].value: InvalidParameterException: value has 257 characters; at most 256 are allowed",
    );
    check(
        json!([{"key": "AWS:x"}]),
        "tags[0].key: InvalidParameterException: key 'AWS:x' begins with the reserved 'aws:'",
    );
    check(
        json!([{"key": "k", "value": "aws:x"}]),
        "tags[0].value: InvalidParameterException: value 'aws:x' begins with the reserved 'aws:'",
    );
    check(json!([{"key": "ünü"}]), "accepted");
}

#[test]
fn run_task_network() {
    let task = awsvpc(json!({}));
    let at = "networkConfiguration.awsvpcConfiguration";
    let check = |subnets, groups, expected: &str| {
        check_run(
            json!({"networkConfiguration": network(subnets, groups)}),
            &task,
            expected,
        )
    };
    check(16, 5, "accepted");
    check(
        0,
        0,
        &format!("{at}.subnets: InvalidParameterException: 0 subnets; there may be 1 to 16"),
    );
    check(
        17,
        0,
        &format!("{at}.subnets: InvalidParameterException: 17 subnets; there may be 1 to 16"),
    );
    check(
        1,
        6,
        &format!(
            "{at}.securityGroups: InvalidParameterException: 6 security groups; at most 5 are allowed"
        ),
    );
    check_run(
        json!({"propagateTags": "TASK_DEFINITION"}),
        &definition(json!({})),
        "accepted",
    );
    check_run(
        json!({"propagateTags": "SERVICE"}),
        &definition(json!({})),
        "propagateTags: InvalidParameterException: propagateTags SERVICE is not supported by RunTask",
    );
}

#[test]
fn ecs_g104_capacity_providers() {
    let plain = definition(json!({}));
    let check = |list: Value, expected: &str| check_run(providers(list), &plain, expected);
    let item = |name: &str, weight: i64, base: i64| json!({"capacityProvider": name, "weight": weight, "base": base});
    let at = "capacityProviderStrategy";
    check(json!([]), "accepted");
    check(
        json!([item("p", 1000, 100_000), item("q", 0, 0)]),
        "accepted",
    );
    check(vec![item("p", 1, 0); 20].into(), "accepted");
    check(
        vec![item("p", 1, 0); 21].into(),
        &format!("{at}: InvalidParameterException: 21 capacity providers; at most 20 are allowed"),
    );
    check(
        json!([item("p", 1001, 0)]),
        &format!("{at}[0].weight: InvalidParameterException: weight is 1001; it may be 0 to 1000"),
    );
    check(
        json!([item("p", -1, 0)]),
        &format!("{at}[0].weight: InvalidParameterException: weight is -1; it may be 0 to 1000"),
    );
    check(
        json!([item("p", 1, 100_001)]),
        &format!("{at}[0].base: InvalidParameterException: base is 100001; it may be 0 to 100000"),
    );
    check(
        json!([item("p", 1, 1), item("q", 1, 1)]),
        &format!(
            "{at}: InvalidParameterException: There are multiple capacity providers in the specified capacity provider \
             strategy with a base value defined"
        ),
    );
    let weightless = format!(
        "{at}: InvalidParameterException: There are no capacity providers in the capacity provider strategy with a weight \
         value greater than zero"
    );
    check(json!([item("p", 0, 1), item("q", 0, 0)]), &weightless);
    check(json!([{"capacityProvider": "p"}]), &weightless);
    check(
        json!([item("p", 1, 0), item("strange", 1, 0)]),
        &format!(
            "{at}[1].capacityProvider: InvalidParameterException: The specified capacity provider strategy cannot contain a \
             capacity provider that is not associated with the cluster."
        ),
    );
    let mixed = "InvalidParameterException: Fargate and Auto Scaling group capacity providers cannot be used in one strategy";
    check(
        json!([item("FARGATE", 1, 0), item("p", 1, 0)]),
        &format!("{at}: {mixed}"),
    );

    // The same of a cluster's default strategy, whose weights are judged when a call falls back on it.
    let check_default = |list: Value, expected: &str| {
        let default: Vec<CapacityProviderStrategyItem> = read(list);
        let cluster = ClusterView {
            default_strategy: &default,
            ..view()
        };
        assert_eq!(outcome(cluster.validate()), expected);
    };
    let at = "defaultCapacityProviderStrategy";
    check_default(json!([item("p", 0, 0)]), "accepted");
    check_default(
        json!([item("p", 1001, 0)]),
        &format!("{at}[0].weight: InvalidParameterException: weight is 1001; it may be 0 to 1000"),
    );
    check_default(
        json!([item("p", 1, 0), item("FARGATE_SPOT", 1, 0)]),
        &format!("{at}: {mixed}"),
    );
}

#[test]
fn a_call_falls_back_on_the_default_strategy_then_on_ec2() {
    let default: Vec<CapacityProviderStrategyItem> =
        read(json!([{"capacityProvider": "FARGATE", "weight": 1}]));
    let with_default = ClusterView {
        default_strategy: &default,
        ..view()
    };
    let own = run_task(providers(json!([{"capacityProvider": "p", "weight": 1}])));
    let typed = run_task(json!({"launchType": "EXTERNAL"}));
    let bare = run_task(providers(json!([])));
    let strategy = own
        .capacity_provider_strategy
        .as_deref()
        .unwrap_or_default();
    assert_eq!(own.launch(&with_default), Launch::Providers(strategy));
    assert_eq!(
        typed.launch(&with_default),
        Launch::Type(LaunchType::External)
    );
    assert_eq!(bare.launch(&with_default), Launch::Providers(&default));
    assert_eq!(bare.launch(&view()), Launch::Type(LaunchType::Ec2));

    // The default strategy decides what a call may have: here it is Fargate's.
    assert_eq!(
        outcome(bare.validate(&definition(json!({})), &with_default)),
        "taskDefinition: InvalidParameterException: Task definition does not support launch_type FARGATE."
    );
    let weightless: Vec<CapacityProviderStrategyItem> = read(json!([{"capacityProvider": "p"}]));
    let cluster = ClusterView {
        default_strategy: &weightless,
        ..view()
    };
    assert_eq!(
        outcome(bare.validate(&definition(json!({})), &cluster)),
        "capacityProviderStrategy: InvalidParameterException: There are no capacity providers with a weight value greater \
         than zero defined in the default capacity provider strategy."
    );
}

#[test]
fn tasks_of_a_launch_type_need_instances_and_those_of_a_provider_do_not() {
    let empty = ClusterView {
        has_instances: false,
        ..view()
    };
    let check = |changes: Value, definition: &TaskDefinition, expected: &str| {
        let result = run_task(changes.clone()).validate(definition, &empty);
        assert_eq!(outcome(result), expected, "{changes}");
    };
    let none =
        "cluster: InvalidParameterException: No Container Instances were found in your cluster.";
    let plain = definition(json!({}));
    check(json!({}), &plain, none);
    check(json!({"launchType": "EC2"}), &plain, none);
    check(json!({"launchType": "EXTERNAL"}), &plain, none);
    check(
        providers(json!([{"capacityProvider": "p", "weight": 1}])),
        &plain,
        "accepted",
    );
    let fargate = json!({"launchType": "FARGATE", "networkConfiguration": network(1, 0)});
    check(fargate, &awsvpc(json!({})), "accepted");
}

#[test]
fn fargate_platform_versions() {
    let with = |changes: Value| changed(json!({"networkConfiguration": network(1, 0)}), changes);
    let fargate =
        |version: &str| with(json!({"launchType": "FARGATE", "platformVersion": version}));
    let spot = |version: &str| {
        let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
        with(json!({"capacityProviderStrategy": strategy, "platformVersion": version}))
    };
    let platform = |system: &str, architecture: &str| json!({"runtimePlatform": {"operatingSystemFamily": system, "cpuArchitecture": architecture}});
    let small = awsvpc(json!({}));
    let large = awsvpc(json!({"cpu": "8 vCPU", "memory": "16 GB"}));
    let arm = awsvpc(platform("LINUX", "ARM64"));
    let windows = awsvpc(changed(
        platform("WINDOWS_SERVER_2022_CORE", "X86_64"),
        json!({"cpu": "1024", "memory": "2048"}),
    ));
    for version in ["", "LATEST", "1.0.0", "1.3.0", "1.4.0"] {
        check_run(fargate(version), &small, "accepted");
    }
    check_run(fargate("1.0.0"), &windows, "accepted");
    for (version, task) in [("1.5.0", &small), ("latest", &small), ("1.4.0", &windows)] {
        check_run(
            fargate(version),
            task,
            &format!(
                "platformVersion: PlatformUnknownException: Platform version '{version}' is unknown."
            ),
        );
    }
    let unfit = "PlatformTaskDefinitionIncompatibilityException";
    check_run(fargate("LATEST"), &large, "accepted");
    check_run(
        fargate("1.3.0"),
        &large,
        &format!(
            "platformVersion: {unfit}: Tasks of 8 vCPUs and more need platform version 1.4.0, not 1.3.0."
        ),
    );
    check_run(spot("1.3.0"), &small, "accepted");
    check_run(spot("1.4.0"), &arm, "accepted");
    for (task, version, least) in [(&small, "1.2.0", "1.3.0"), (&arm, "1.3.0", "1.4.0")] {
        check_run(
            spot(version),
            task,
            &format!(
                "platformVersion: {unfit}: FARGATE_SPOT needs platform version {least}, not {version}."
            ),
        );
    }
    check_run(
        spot(""),
        &windows,
        &format!(
            "capacityProviderStrategy: {unfit}: FARGATE_SPOT does not run Windows containers."
        ),
    );
    // Instances have no platform version, whoever provides them.
    let of_provider = changed(
        providers(json!([{"capacityProvider": "p", "weight": 1}])),
        json!({"platformVersion": "1.4.0"}),
    );
    check_run(
        of_provider,
        &definition(json!({})),
        "platformVersion: InvalidParameterException: The platform version must be null when specifying an EC2 launch type",
    );
}

#[test]
fn errors_that_only_a_run_can_raise() {
    for (error, expected) in [
        (
            ApiError::task_definition_not_found(),
            "taskDefinition: ClientException: TaskDefinition not found.",
        ),
        (
            ApiError::cluster_not_found(),
            "cluster: ClusterNotFoundException: Cluster not found.",
        ),
        (
            ApiError::client_token_reused(),
            "clientToken: ConflictException: The client token was used for a request with different parameters.",
        ),
        (
            ApiError::subnets_in_several_vpcs(),
            "networkConfiguration.awsvpcConfiguration.subnets: InvalidParameterException: The subnets are not all in one VPC.",
        ),
        (
            ApiError::provisioning_limit(500),
            "count: ClientException: At most 500 tasks of a cluster may wait in PROVISIONING for a capacity provider.",
        ),
    ] {
        assert_eq!(outcome(Err(error)), expected);
    }
}

#[test]
fn run_task_launch_types() {
    let call =
        |launch_type: &str, changes: Value| changed(json!({"launchType": launch_type}), changes);
    let with_network = json!({"networkConfiguration": network(1, 0)});
    let plain = definition(json!({}));
    let unfit = |name: &str| {
        format!(
            "taskDefinition: InvalidParameterException: Task definition does not support launch_type {name}."
        )
    };
    check_run(
        call("EC2", with_network.clone()),
        &awsvpc(json!({})),
        "accepted",
    );
    check_run(call("EXTERNAL", json!({})), &plain, "accepted");
    check_run(
        call("EXTERNAL", with_network.clone()),
        &awsvpc(json!({})),
        &unfit("EXTERNAL"),
    );
    check_run(
        call("MANAGED_INSTANCES", json!({})),
        &plain,
        "launchType: UnsupportedFeatureException: Managed instances are not simulated.",
    );
    check_run(call("FARGATE", json!({})), &plain, &unfit("FARGATE"));
    check_run(
        call("FARGATE", with_network.clone()),
        &awsvpc(one(json!({"privileged": true}))),
        &unfit("FARGATE"),
    );
    check_run(
        call("FARGATE", with_network.clone()),
        &awsvpc(json!({"memory": "513"})),
        &unfit("FARGATE"),
    );
    let gpu = json!([{"type": "GPU", "value": "1"}]);
    let with_gpu = awsvpc(one(json!({"resourceRequirements": gpu})));
    check_run(
        call("FARGATE", with_network.clone()),
        &with_gpu,
        &unfit("FARGATE"),
    );
    let override_gpu = json!({"overrides": {"containerOverrides": [{"name": "app", "resourceRequirements": gpu}]}});
    check_run(
        call("FARGATE", changed(with_network, override_gpu)),
        &awsvpc(json!({})),
        &unfit("FARGATE"),
    );
    check_run(
        call("EC2", json!({"platformVersion": "1.4.0"})),
        &plain,
        "platformVersion: InvalidParameterException: The platform version must be null when specifying an EC2 launch type",
    );
    for status in ["INACTIVE", "DELETE_IN_PROGRESS"] {
        let error = "taskDefinition: InvalidParameterException: TaskDefinition is inactive";
        check_run(json!({}), &definition(json!({"status": status})), error);
        check_start(json!({}), &definition(json!({"status": status})), error);
    }
}

#[test]
fn the_first_broken_rule_wins() {
    let every = json!({
        "count": 11,
        "placementConstraints": any_constraints(11),
        "placementStrategy": vec![json!({"type": "random", "field": "x"}); 6],
        "overrides": {"containerOverrides": [{"name": "x"}]},
        "startedBy": "a b",
        "group": "g".repeat(256),
        "clientToken": " ",
        "referenceId": "r".repeat(1025),
        "tags": [{"key": ""}],
        "propagateTags": "SERVICE",
        "networkConfiguration": network(17, 0),
        "launchType": "EC2",
        "capacityProviderStrategy": [{"capacityProvider": "p", "weight": -1}],
        "platformVersion": "1.4.0",
    });
    let order = [
        "count",
        "placementConstraints",
        "placementStrategy",
        "overrides",
        "startedBy",
        "group",
        "clientToken",
        "referenceId",
        "tags",
        "networkConfiguration",
        "propagateTags",
        "capacityProviderStrategy",
        "platformVersion",
    ];
    let inactive = definition(json!({"status": "INACTIVE"}));
    let mut call = every;
    for field in order {
        let error = run_task(call.clone())
            .validate(&inactive, &view())
            .expect_err(field);
        assert!(error.field.starts_with(field), "{field}: {error:?}");
        call = changed(call, json!({field: null}));
    }
    check_run(
        call,
        &inactive,
        "taskDefinition: InvalidParameterException: TaskDefinition is inactive",
    );
}

fn tcp(port: u16) -> HostPort {
    HostPort {
        protocol: Protocol::Tcp,
        port,
    }
}

fn amounts(cpu: u32, memory: u32) -> Demand {
    Demand {
        resources: Resources {
            cpu,
            memory,
            ..Resources::default()
        },
        ..Demand::default()
    }
}

/// The demand of `definition` under the overrides, which may be null.
fn demand(definition: &TaskDefinition, overrides: Value) -> Demand {
    let overrides: Option<TaskOverride> = read(overrides);
    definition
        .demand(overrides.as_ref(), Host::Instance)
        .expect("a valid override")
}

fn check_demand(changes: Value, expected: &Demand) {
    let definition = definition(changes);
    assert_eq!(definition.validate(FargateSizes::Model), Ok(()));
    assert_eq!(&demand(&definition, Value::Null), expected);
}

#[test]
fn ecs_g02_the_soft_limit_counts() {
    check_demand(
        one(json!({"memory": 300, "memoryReservation": 128})),
        &amounts(0, 128),
    );
    check_demand(
        one(json!({"memory": 300, "memoryReservation": 0})),
        &amounts(0, 300),
    );
}

#[test]
fn ecs_g04_g09_container_sizes() {
    check_demand(one(json!({"cpu": 512, "memory": 128})), &amounts(512, 128));
    check_demand(one(json!({"memory": 128})), &amounts(0, 128));
}

#[test]
fn ecs_g07_the_task_size_counts_before_containers() {
    let two = changed(
        containers(&[json!({"cpu": 128}), json!({"cpu": 128})]),
        linux(),
    );
    check_demand(two.clone(), &amounts(256, 256));
    check_demand(
        changed(two.clone(), json!({"cpu": "1024", "memory": "1024"})),
        &amounts(1024, 1024),
    );
    check_demand(
        changed(two.clone(), json!({"cpu": "1024"})),
        &amounts(1024, 256),
    );
    check_demand(changed(two, json!({"memory": "1GB"})), &amounts(256, 1024));
}

#[test]
fn windows_ignores_the_task_size() {
    let windows = json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, "cpu": "1024", "memory": "64"});
    check_demand(windows.clone(), &amounts(100, 128));
    assert_eq!(
        demand(&definition(windows), json!({"cpu": "1"})),
        amounts(100, 128)
    );
}

#[test]
fn ecs_u46_the_instance_decides_where_the_definition_names_no_system() {
    let sized = json!({"cpu": "1024", "memory": "2048"});
    check_demand(
        sized.clone(),
        &Demand {
            windows: Some((100, 128)),
            ..amounts(1024, 2048)
        },
    );
    check_demand(
        json!({"cpu": "1024"}),
        &Demand {
            windows: Some((100, 128)),
            ..amounts(1024, 128)
        },
    );
    // Nothing differs without a task size, or with one that the containers use up.
    check_demand(json!({}), &amounts(100, 128));
    check_demand(one(json!({"cpu": 256, "memory": 512})), &amounts(256, 512));
    check_demand(changed(sized, linux()), &amounts(1024, 2048));
}

#[test]
fn on_fargate_the_demand_is_the_task_size_and_an_interface() {
    let task = awsvpc(one(
        json!({"memory": 64, "portMappings": [{"containerPort": 80}]}),
    ));
    let demand = |overrides: Value| {
        task.demand(Some(&read(overrides)), FARGATE)
            .expect("a valid override")
            .resources
    };
    let size = |cpu, memory| Resources {
        cpu,
        memory,
        gpus: 0,
        enis: 1,
    };
    assert_eq!(demand(json!({})), size(256, 512));
    assert_eq!(
        demand(json!({"cpu": "1 vCPU", "memory": "2GB"})),
        size(1024, 2048)
    );
    let unsized_task = definition(json!({"networkMode": "awsvpc"}));
    assert_eq!(
        outcome(unsized_task.demand(None, FARGATE).map(drop)),
        "cpu: ClientException: Fargate requires that 'cpu' be defined at the task level"
    );
}

#[test]
fn ecs_g109_32_vcpus_with_the_newest_table_only() {
    let fields =
        json!({"requiresCompatibilities": ["FARGATE"], "cpu": "32 vCPU", "memory": "60 GB"});
    let task = awsvpc(fields);
    let refused = "No Fargate configuration exists for given values.";
    assert_eq!(
        outcome(task.validate(FargateSizes::Model)),
        format!("cpu: ClientException: {refused}")
    );
    assert_eq!(task.validate(FargateSizes::Newest), Ok(()));

    let overrides = json!({"cpu": "32 vCPU", "memory": "60 GB"});
    let call = run_task(
        json!({"launchType": "FARGATE", "networkConfiguration": network(1, 0), "overrides": overrides}),
    );
    let newest = ClusterView {
        fargate_sizes: FargateSizes::Newest,
        ..view()
    };
    let small = awsvpc(json!({}));
    assert_eq!(
        outcome(call.validate(&small, &view())),
        format!("overrides: ClientException: {refused}")
    );
    assert_eq!(call.validate(&small, &newest), Ok(()));
}

#[test]
fn overrides_of_storage_and_of_gpus_on_windows() {
    let storage = |size: u32| json!({"overrides": {"ephemeralStorage": {"sizeInGiB": size}}});
    let plain = definition(json!({}));
    check_run(storage(21), &plain, "accepted");
    for (size, problem) in [(20, "must be at least 21"), (201, "may be at most 200")] {
        check_run(
            storage(size),
            &plain,
            &format!(
                "overrides: ClientException: ephemeralStorage.sizeInGiB is {size}; it {problem}."
            ),
        );
    }
    let gpu = json!([{"type": "GPU", "value": "1"}]);
    check_run(
        json!({"overrides": {"containerOverrides": [{"name": "app", "resourceRequirements": gpu}]}}),
        &definition(
            json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}),
        ),
        "overrides: ClientException: GPUs are not supported for Windows containers.",
    );
}

#[test]
fn containers_as_they_run() {
    let task = definition(containers(&[
        json!({
            "memory": 256, "memoryReservation": 64, "startTimeout": 30, "stopTimeout": 5,
            "dependsOn": [{"containerName": "c", "condition": "HEALTHY"}, {"containerName": "b", "condition": "SUCCESS"}],
            "restartPolicy": {"enabled": true, "ignoredExitCodes": [3]},
        }),
        json!({"essential": false, "restartPolicy": {"enabled": false}}),
        json!({"memory": null, "memoryReservation": 64, "healthCheck": {"command": ["true"], "retries": 7}}),
    ]));
    assert_eq!(task.validate(FargateSizes::Model), Ok(()));
    let gpu = json!([{"type": "GPU", "value": "2"}]);
    let overrides: TaskOverride = read(
        json!({"containerOverrides": [{"name": "b", "memory": 200, "resourceRequirements": gpu}]}),
    );
    let plain = |name: &str| Container {
        name: name.into(),
        essential: true,
        depends_on: Vec::new(),
        start_timeout: None,
        stop_timeout: None,
        health_check: None,
        restart_policy: None,
        hard_memory: None,
        gpus: GpuDemand::NONE,
    };
    let expected = [
        Container {
            depends_on: vec![(2, Condition::Healthy), (1, Condition::Success)],
            start_timeout: Some(30),
            stop_timeout: Some(5),
            restart_policy: Some(Restarts {
                ignored_exit_codes: vec![3],
                attempt_period: 300,
            }),
            hard_memory: Some(256),
            ..plain("app")
        },
        Container {
            essential: false,
            hard_memory: Some(200),
            gpus: GpuDemand::Whole(2),
            ..plain("b")
        },
        Container {
            health_check: Some(HealthChecks {
                interval: 30,
                timeout: 5,
                retries: 7,
                start_period: 0,
            }),
            ..plain("c")
        },
    ];
    let found = task.containers(Some(&overrides), Host::Instance);
    assert_eq!(found.expect("valid"), expected);
}

fn service(changes: Value) -> CreateService {
    let base = json!({"serviceName": "web", "taskDefinition": "web", "desiredCount": 2});
    read(changed(base, changes))
}

fn check_service(changes: Value, definition: &TaskDefinition, expected: &str) {
    let result = service(changes.clone()).validate(definition, &view());
    assert_eq!(outcome(result), expected, "{changes}");
}

#[test]
fn services_share_the_rules_of_calls() {
    let plain = definition(json!({}));
    let invalid = "InvalidParameterException";
    check_service(json!({}), &plain, "accepted");
    check_service(
        json!({"serviceName": "a b"}),
        &plain,
        &format!(
            "serviceName: {invalid}: serviceName 'a b' is invalid; it has 1 to 255 letters, digits, '_' and '-'"
        ),
    );
    check_service(
        strategy(json!([{"type": "binpack", "field": "x"}])),
        &plain,
        &format!("placementStrategy[0].field: {invalid}: binpack field 'x' is invalid"),
    );
    check_service(
        constraints(json!([{"type": "memberOf"}])),
        &plain,
        &format!(
            "placementConstraints[0].expression: {invalid}: memberOf expression should be specified"
        ),
    );
    check_service(
        json!({"clientToken": "t".repeat(37)}),
        &plain,
        &format!("clientToken: {invalid}: clientToken has 37 characters; at most 36 are allowed"),
    );
    check_service(
        json!({}),
        &awsvpc(json!({})),
        &format!(
            "networkConfiguration: {invalid}: Network Configuration must be provided when networkMode 'awsvpc' is specified."
        ),
    );
    check_service(
        providers(json!([{"capacityProvider": "p"}])),
        &plain,
        &format!(
            "capacityProviderStrategy: {invalid}: There are no capacity providers in the capacity provider strategy with a \
             weight value greater than zero"
        ),
    );
    check_service(
        json!({"platformVersion": "1.4.0"}),
        &plain,
        &format!(
            "platformVersion: {invalid}: The platform version must be null when specifying an EC2 launch type"
        ),
    );
    check_service(
        json!({}),
        &definition(json!({"status": "INACTIVE"})),
        &format!("taskDefinition: {invalid}: TaskDefinition is inactive"),
    );
    check_service(
        json!({"launchType": "FARGATE"}),
        &plain,
        &format!(
            "taskDefinition: {invalid}: Task definition does not support launch_type FARGATE."
        ),
    );
    // A service waits for instances that a cluster does not have yet.
    let empty = ClusterView {
        has_instances: false,
        ..view()
    };
    assert_eq!(service(json!({})).validate(&plain, &empty), Ok(()));
}

#[test]
fn replica_services() {
    let check = |changes: Value, expected: &str| {
        check_service(changes, &definition(json!({})), expected);
    };
    let invalid = "InvalidParameterException";
    check(json!({"desiredCount": 0}), "accepted");
    check(
        json!({"desiredCount": null}),
        &format!("desiredCount: {invalid}: desiredCount is needed with schedulingStrategy REPLICA"),
    );
    check(
        json!({"desiredCount": -1}),
        &format!("desiredCount: {invalid}: desiredCount is -1; it may be 0 to 2147483647"),
    );
    check(
        json!({"healthCheckGracePeriodSeconds": -1}),
        &format!(
            "healthCheckGracePeriodSeconds: {invalid}: healthCheckGracePeriodSeconds is -1; it may be 0 to 2147483647"
        ),
    );
    check(
        json!({"deploymentController": {"type": "CODE_DEPLOY"}}),
        "deploymentController.type: UnsupportedFeatureException: Only the deployment controller ECS is simulated.",
    );
    let deploy = |fields: Value| json!({"deploymentConfiguration": fields});
    let at = "deploymentConfiguration";
    check(
        deploy(json!({"minimumHealthyPercent": 150, "maximumPercent": 150})),
        "accepted",
    );
    check(
        deploy(json!({"minimumHealthyPercent": -1})),
        &format!(
            "{at}.minimumHealthyPercent: {invalid}: minimumHealthyPercent is -1; it may be 0 to 2147483647"
        ),
    );
    check(
        deploy(json!({"maximumPercent": 99})),
        &format!(
            "{at}.minimumHealthyPercent: {invalid}: minimumHealthyPercent is 100; it may be at most maximumPercent, which is 99"
        ),
    );
    let breaker = |value: u32| {
        let threshold = json!({"type": "COUNT", "value": value});
        deploy(
            json!({"deploymentCircuitBreaker": {"enable": true, "rollback": false, "thresholdConfiguration": threshold}}),
        )
    };
    check(breaker(1), "accepted");
    check(
        breaker(0),
        &format!(
            "{at}.deploymentCircuitBreaker.thresholdConfiguration.value: {invalid}: value is 0; it must be at least 1"
        ),
    );
    let balanced = |most: u32| {
        changed(
            deploy(json!({"maximumPercent": most})),
            json!({"availabilityZoneRebalancing": "ENABLED"}),
        )
    };
    check(balanced(101), "accepted");
    check(
        balanced(100),
        &format!(
            "availabilityZoneRebalancing: {invalid}: availabilityZoneRebalancing needs a maximumPercent above 100"
        ),
    );
    check(
        json!({"availabilityZoneRebalancing": "ENABLED", "launchType": "EXTERNAL"}),
        &format!(
            "availabilityZoneRebalancing: {invalid}: availabilityZoneRebalancing is not supported with launch type EXTERNAL"
        ),
    );
}

#[test]
fn daemon_services() {
    let invalid = "InvalidParameterException";
    let daemon = |changes: Value| {
        changed(
            json!({"schedulingStrategy": "DAEMON", "desiredCount": null}),
            changes,
        )
    };
    let check = |changes: Value, expected: &str| {
        check_service(daemon(changes), &definition(json!({})), expected);
    };
    check(constraints(any_constraints(10)), "accepted");
    check(
        json!({"deploymentConfiguration": {"maximumPercent": 100}}),
        "accepted",
    );
    check(
        json!({"desiredCount": 1}),
        &format!(
            "desiredCount: {invalid}: The daemon scheduling strategy does not support a desired count for services. Remove \
             the desired count value and try again"
        ),
    );
    check(
        strategy(json!([{"type": "random"}])),
        &format!(
            "placementStrategy: {invalid}: The daemon scheduling strategy does not support placement strategies. Remove the \
             placement strategy and try again"
        ),
    );
    let at = "deploymentConfiguration.maximumPercent";
    check(
        json!({"deploymentConfiguration": {"maximumPercent": 101}}),
        &format!(
            "{at}: {invalid}: The daemon scheduling strategy does not support values above 100 for maximumPercent on a \
             deployment configuration. Change the maximumPercent value to 100, and try again"
        ),
    );
    check(
        json!({"deploymentConfiguration": {"maximumPercent": 99}}),
        &format!("{at}: {invalid}: The daemon scheduling strategy needs a maximumPercent of 100"),
    );
    check(
        json!({"availabilityZoneRebalancing": "ENABLED"}),
        &format!(
            "availabilityZoneRebalancing: {invalid}: availabilityZoneRebalancing is not supported with schedulingStrategy DAEMON"
        ),
    );
    check(
        providers(json!([{"capacityProvider": "p", "weight": 1}])),
        &format!(
            "capacityProviderStrategy: {invalid}: Specifying a capacity provider strategy is not supported when you create a \
             service using the DAEMON scheduling strategy."
        ),
    );
    check_service(
        daemon(json!({"launchType": "FARGATE", "networkConfiguration": network(1, 0)})),
        &awsvpc(json!({})),
        &format!(
            "launchType: {invalid}: The daemon scheduling strategy is not supported on Fargate"
        ),
    );
}

#[test]
fn defaults_of_services() {
    let settings = |changes: Value| {
        let service = service(changes);
        (
            service.minimum_healthy_percent(),
            service.maximum_percent(),
            service.rebalances_zones(),
        )
    };
    assert_eq!(settings(json!({})), (100, 200, true));
    assert_eq!(
        settings(json!({"schedulingStrategy": "DAEMON"})),
        (0, 100, false)
    );
    assert_eq!(
        settings(
            json!({"deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 100}})
        ),
        (50, 100, false)
    );
    assert_eq!(
        settings(json!({"availabilityZoneRebalancing": "DISABLED"})),
        (100, 200, false)
    );
}

#[test]
fn updates_of_services() {
    let before = service(json!({
        "launchType": "EC2", "deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 150},
        "placementStrategy": [{"type": "random"}],
    }));
    let update =
        |changes: Value| -> UpdateService { read(changed(json!({"service": "web"}), changes)) };
    let after = |changes: Value| update(changes).applied_to(&before);
    assert_eq!(after(json!({})), before);
    let changes = json!({"desiredCount": 5, "taskDefinition": "web:2", "deploymentConfiguration": {"maximumPercent": 300}});
    let updated = after(changes);
    assert_eq!(
        (updated.desired_count, updated.task_definition.as_str()),
        (Some(5), "web:2")
    );
    assert_eq!(
        (updated.minimum_healthy_percent(), updated.maximum_percent()),
        (50, 300)
    );
    let cleared = after(json!({"placementStrategy": []}));
    assert_eq!(cleared.placement_strategy, Some(Vec::new()));

    // From a launch type to providers and back.
    let on = |name: &str| {
        let strategy = providers(json!([{"capacityProvider": name, "weight": 1}]));
        update(strategy).applied_to(&before)
    };
    assert!(matches!(on("p").launch(&view()), Launch::Providers([_])));
    for (name, launch_type) in [("p", LaunchType::Ec2), ("FARGATE", LaunchType::Fargate)] {
        let back = update(providers(json!([]))).applied_to(&on(name));
        assert_eq!(back.launch(&view()), Launch::Type(launch_type));
    }

    let check = |changes: Value, definition: &TaskDefinition, expected: &str| {
        let result = update(changes.clone()).validate(&before, definition, &view());
        assert_eq!(outcome(result), expected, "{changes}");
    };
    let (plain, inactive) = (
        definition(json!({})),
        definition(json!({"status": "INACTIVE"})),
    );
    check(json!({"forceNewDeployment": true}), &plain, "accepted");
    check(json!({"desiredCount": 1}), &inactive, "accepted");
    check(
        json!({"taskDefinition": "web:2"}),
        &inactive,
        "taskDefinition: ClientException: TaskDefinition is inactive",
    );
    check(
        json!({"desiredCount": -1}),
        &plain,
        "desiredCount: InvalidParameterException: desiredCount is -1; it may be 0 to 2147483647",
    );
    check(
        json!({"deploymentConfiguration": {"maximumPercent": 49}}),
        &plain,
        "deploymentConfiguration.minimumHealthyPercent: InvalidParameterException: minimumHealthyPercent is 50; it may be at \
         most maximumPercent, which is 49",
    );
}

#[test]
fn ecs_g12_host_ports() {
    let with_ports = |ports: &[HostPort]| Demand {
        ports: ports.to_vec(),
        ..amounts(0, 128)
    };
    let mappings = json!([
        {"containerPort": 80, "hostPort": 8080}, {"containerPort": 22, "hostPort": 22}, {"containerPort": 81},
        {"containerPort": 82, "hostPort": 0}, {"containerPort": 53, "hostPort": 53, "protocol": "udp"},
        {"containerPortRange": "9000-9010"},
    ]);
    let udp = HostPort {
        protocol: Protocol::Udp,
        port: 53,
    };
    check_demand(
        ports("bridge", mappings),
        &with_ports(&[tcp(22), tcp(8080), udp]),
    );
    let mappings = json!([{"containerPort": 80}, {"containerPort": 22, "hostPort": 22}]);
    check_demand(ports("default", mappings.clone()), &with_ports(&[tcp(22)]));
    check_demand(
        ports("host", mappings.clone()),
        &with_ports(&[tcp(22), tcp(80)]),
    );
    let with_interface = Resources {
        memory: 128,
        enis: 1,
        ..Resources::default()
    };
    check_demand(
        ports("awsvpc", mappings),
        &Demand {
            resources: with_interface,
            ..Demand::default()
        },
    );
}

#[test]
fn ecs_g22_a_hard_limit_above_the_instance() {
    check_demand(
        one(json!({"memory": 4096, "memoryReservation": 100})),
        &amounts(0, 100),
    );
}

#[test]
fn gpus_and_their_order() {
    let gpu = |values: &[&str]| -> Value {
        values
            .iter()
            .map(|value| json!({"type": "GPU", "value": value}))
            .collect()
    };
    let task = |lists: &[&[&str]]| {
        let fields: Vec<_> = lists
            .iter()
            .map(|list| json!({"resourceRequirements": gpu(list)}))
            .collect();
        definition(containers(&fields))
    };
    let gpus = |task: &TaskDefinition| {
        let demand = demand(task, Value::Null);
        (demand.resources.gpus, demand.all_gpus)
    };
    assert_eq!(gpus(&task(&[&["2"], &[], &["1", "3"]])), (6, false));
    assert_eq!(gpus(&task(&[&[], &["ALL"]])), (1, true));
    // U-18: ALL beside another request never fits.
    assert_eq!(gpus(&task(&[&["ALL"], &["1"]])), (u32::MAX, false));
    assert_eq!(gpus(&task(&[&["ALL"], &["ALL"]])), (u32::MAX, false));
    assert_eq!(
        gpus(&task(&[&["4294967295"], &["4294967295"]])),
        (u32::MAX, false)
    );

    let mixed = task(&[&["2"], &[], &["1"]]);
    let by_container = |overrides: Value| {
        mixed
            .containers(Some(&read(overrides)), Host::Instance)
            .expect("valid")
            .iter()
            .map(|container| container.gpus)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        by_container(json!({})),
        [
            GpuDemand::Whole(2),
            GpuDemand::Whole(0),
            GpuDemand::Whole(1)
        ]
    );
    let all = json!({"containerOverrides": [{"name": "b", "resourceRequirements": [{"type": "GPU", "value": "ALL"}]}]});
    assert_eq!(
        by_container(all),
        [GpuDemand::Whole(2), GpuDemand::All, GpuDemand::Whole(1)]
    );
    let none = json!({"containerOverrides": [{"name": "app", "resourceRequirements": []}]});
    assert_eq!(demand(&mixed, none).resources.gpus, 1);
}

#[test]
fn ecs_g114_container_overrides_divide_a_task_size() {
    let task = definition(changed(linux(), json!({"cpu": "1024", "memory": "2048"})));
    assert_eq!(
        demand(
            &task,
            json!({"containerOverrides": [{"name": "app", "cpu": 128}]})
        ),
        amounts(1024, 2048)
    );
    assert_eq!(demand(&task, json!({"cpu": "2 vCPU"})), amounts(2048, 2048));
}

#[test]
fn ecs_g115_a_hard_limit_overridden() {
    let task = definition(one(json!({"memory": 300, "memoryReservation": 128})));
    assert_eq!(
        demand(
            &task,
            json!({"containerOverrides": [{"name": "app", "memory": 400}]})
        ),
        amounts(0, 128)
    );
    assert_eq!(
        demand(
            &task,
            json!({"containerOverrides": [{"name": "app", "memoryReservation": 200}]})
        ),
        amounts(0, 200)
    );
    let twice = json!({"containerOverrides": [{"name": "app", "memoryReservation": 64, "cpu": 9}, {"name": "app", "memoryReservation": 65}]});
    assert_eq!(demand(&task, twice), amounts(9, 65));
}

#[test]
fn ecs_g117_empty_overrides() {
    let task = definition(json!({}));
    for empty in [
        json!(null),
        json!({}),
        json!({"containerOverrides": []}),
        json!({"containerOverrides": [{}]}),
    ] {
        assert_eq!(demand(&task, empty), amounts(100, 128));
    }
}

#[test]
fn sums_beyond_any_instance_are_refused() {
    let refused = "The containers need a cpu of 4294967296, more than any instance has.";
    let largest = containers(&[json!({"cpu": u32::MAX}), json!({"cpu": 1})]);
    check_definition(largest, &format!("cpu: ClientException: {refused}"));
    let large = definition(containers(&[json!({"cpu": u32::MAX}), json!({"cpu": 0})]));
    let call = json!({"overrides": {"containerOverrides": [{"name": "b", "cpu": 1}]}});
    check_run(
        call,
        &large,
        &format!("overrides: ClientException: {refused}"),
    );
}

#[test]
fn required_attributes_are_the_listed_and_the_platform() {
    let check = |changes: Value, expected: &[(&str, Option<&str>)]| {
        let attribute = |&(name, value): &(&str, Option<&str>)| RequiredAttribute {
            name: name.into(),
            value: value.map(Into::into),
        };
        assert_eq!(
            definition(changes).required_attributes(),
            expected.iter().map(attribute).collect::<Vec<_>>()
        );
    };
    check(json!({}), &[]);
    check(
        json!({
            "requiresAttributes": [{"name": "x"}, {"name": "ecs.cpu-architecture", "value": "arm64", "targetType": "container-instance"}],
            "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"},
        }),
        &[
            ("x", None),
            ("ecs.cpu-architecture", Some("arm64")),
            ("ecs.os-type", Some("linux")),
        ],
    );
    check(
        json!({"runtimePlatform": {"cpuArchitecture": "X86_64"}}),
        &[("ecs.cpu-architecture", Some("x86_64"))],
    );
    check(
        json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2019_FULL"}}),
        &[
            ("ecs.os-type", Some("windows")),
            ("ecs.os-family", Some("WINDOWS_SERVER_2019_FULL")),
        ],
    );
}

#[test]
fn strategies_and_constraints_parse() {
    let rule = |document: Value| {
        read::<PlacementStrategy>(document)
            .rule()
            .expect("a valid strategy")
    };
    assert_eq!(
        rule(json!({"type": "random", "field": ""})),
        StrategyRule::Random
    );
    assert_eq!(
        rule(json!({"type": "spread", "field": "instanceId"})),
        StrategyRule::SpreadInstance
    );
    assert_eq!(
        rule(json!({"type": "spread", "field": "host"})),
        StrategyRule::SpreadInstance
    );
    assert_eq!(
        rule(json!({"type": "spread", "field": "attribute:ecs.availability-zone"})),
        StrategyRule::SpreadAttribute("ecs.availability-zone".into())
    );
    assert_eq!(
        rule(json!({"type": "binpack", "field": "cpu"})),
        StrategyRule::BinpackCpu
    );
    assert_eq!(
        rule(json!({"type": "binpack", "field": "MEMORY"})),
        StrategyRule::BinpackMemory
    );

    let rule = |document: Value| {
        read::<PlacementConstraint>(document)
            .rule()
            .expect("a valid constraint")
    };
    assert_eq!(
        rule(json!({"type": "distinctInstance"})),
        Constraint::DistinctInstance
    );
    let parsed = crate::query::parse("attribute:a exists").expect("valid");
    assert_eq!(
        rule(json!({"type": "memberOf", "expression": "attribute:a exists"})),
        Constraint::MemberOf(parsed)
    );
}

#[test]
fn unknown_fields_and_types_are_refused() {
    let refused =
        |result: Result<RunTask, serde_json::Error>| result.expect_err("refused").to_string();
    let unknown = refused(serde_json::from_value(
        json!({"taskDefinition": "web", "counts": 1}),
    ));
    assert!(
        unknown.starts_with("unknown field `counts`, expected one of `cluster`"),
        "{unknown}"
    );
    let unknown = refused(serde_json::from_value(
        json!({"taskDefinition": "web", "placementStrategy": [{"type": "x-best"}]}),
    ));
    assert_eq!(
        unknown,
        "unknown variant `x-best`, expected one of `random`, `spread`, `binpack`, `x-first-fit`, `x-best-fit`, \
         `x-worst-fit`, `x-dot-product`, `x-gpu-packing`, `x-fgd`, `x-random-gpu`"
    );
    let size = serde_json::from_value::<TaskOverride>(json!({"memory": "2 GiB"}))
        .expect_err("refused")
        .to_string();
    assert_eq!(
        size,
        "\"2 GiB\" is no number of MiB; write MiB such as 2048, or gigabytes such as \"2GB\""
    );
}

#[test]
fn schemas_describe_each_field_and_name_known_formats() {
    let mut formats = Vec::new();
    for schema in [
        schemars::schema_for!(TaskDefinition),
        schemars::schema_for!(RunTask),
        schemars::schema_for!(StartTask),
        schemars::schema_for!(CapacityProvider),
        schemars::schema_for!(CreateService),
        schemars::schema_for!(UpdateService),
    ] {
        let schema = schema.to_value();
        let definitions = schema["$defs"].as_object().expect("definitions").values();
        for object in definitions.chain([&schema]) {
            for (name, field) in object["properties"].as_object().into_iter().flatten() {
                assert!(field["description"].is_string(), "{name}");
                formats.extend(field["format"].as_str().map(str::to_owned));
            }
        }
    }
    for (name, _) in FORMATS {
        assert!(formats.iter().any(|format| format == name), "{name}");
    }
}

/// Documents that the AWS command line prints and takes, from the folder named by `STOWPLAN_DATA`
/// or beside the project.
#[test]
fn documents_of_the_aws_command_line_load() {
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = std::env::var_os("STOWPLAN_DATA")
        .map_or(beside, Into::into)
        .join("aws-cli-examples");
    if !data.is_dir() {
        eprintln!("skipped: no folder {}; set STOWPLAN_DATA", data.display());
        return;
    }
    let document = |name: &str| -> Value {
        let text = std::fs::read_to_string(data.join(name)).expect(name);
        serde_json::from_str(&text).expect(name)
    };
    let described: TaskDefinition =
        read(document("ecs_describe-task-definition-1.json")["taskDefinition"].take());
    assert_eq!(described.validate(FargateSizes::Model), Ok(()));
    assert_eq!(
        demand(&described, Value::Null),
        Demand {
            ports: vec![tcp(80)],
            ..amounts(20, 1000)
        }
    );
    let task = awsvpc(json!({}));
    let run: RunTask = read(document("ecs_run-task-2.json"));
    assert_eq!(run.validate(&task, &view()), Ok(()));
    let start: StartTask = read(document("ecs_start-task-2.json"));
    assert_eq!(
        start.validate(&task).expect_err("names no instance").field,
        "containerInstances"
    );
    let described = document("ecs_describe-capacity-providers-1.json");
    let provider: CapacityProvider = read(described["capacityProviders"][0].clone());
    assert_eq!(provider.validate(&[]), Ok(()));
    assert_eq!(
        provider.scaling().map(|scaling| scaling.maximum_step),
        Some(1000)
    );
}

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..70_000_u32).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{1,25}(\\.[0-9]{0,25})? ?(vCPU|GB)?".prop_map(Value::from),
        prop::sample::select(vec![
            "app", "b", "ALL", "GPU", "udp", "host", "none", "awsvpc", "FARGATE", "memberOf",
            "not (", "1-2"
        ])
        .prop_map(Value::from),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    any_scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z]{1,5}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Every place in `document`, as a JSON pointer.
fn pointers(document: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match document {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// A task definition and a call that use every field with an effect.
fn full_document() -> Value {
    json!({
        "definition": {
            "family": "web", "revision": 3, "status": "ACTIVE", "networkMode": "bridge", "cpu": "1 vCPU", "memory": "2GB",
            "containerDefinitions": [
                {
                    "name": "app", "cpu": 256, "memory": 512, "memoryReservation": 128, "essential": true,
                    "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}, {"containerPortRange": "90-99"}],
                    "resourceRequirements": [{"type": "GPU", "value": "1"}],
                    "dependsOn": [{"containerName": "b", "condition": "START"}], "startTimeout": 30, "stopTimeout": 30,
                    "healthCheck": {"command": ["true"], "interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0},
                    "restartPolicy": {"enabled": true, "ignoredExitCodes": [1], "restartAttemptPeriod": 60},
                },
                {"name": "b", "memory": 64, "essential": false, "dependsOn": []},
            ],
            "placementConstraints": [{"type": "memberOf", "expression": "attribute:a exists"}],
            "requiresCompatibilities": ["EC2"], "requiresAttributes": [{"name": "x", "value": "y"}],
            "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"},
            "ephemeralStorage": {"sizeInGiB": 21},
        },
        "call": {
            "cluster": "default", "taskDefinition": "web", "count": 2, "group": "g", "startedBy": "s", "launchType": "EC2",
            "capacityProviderStrategy": [], "clientToken": "t", "referenceId": "r", "tags": [{"key": "k", "value": "v"}],
            "placementConstraints": [{"type": "distinctInstance"}],
            "placementStrategy": [{"type": "spread", "field": "attribute:a"}, {"type": "binpack", "field": "cpu"}],
            "overrides": {"cpu": "1 vCPU", "memory": "2048", "containerOverrides": [{"name": "app", "cpu": 1, "memory": 300}]},
        },
        "service": {
            "serviceName": "web", "taskDefinition": "web", "desiredCount": 2, "schedulingStrategy": "REPLICA",
            "capacityProviderStrategy": [{"capacityProvider": "p", "weight": 1, "base": 1}],
            "placementConstraints": [{"type": "distinctInstance"}], "placementStrategy": [{"type": "random"}],
            "deploymentConfiguration": {
                "minimumHealthyPercent": 50, "maximumPercent": 200,
                "deploymentCircuitBreaker": {
                    "enable": true, "rollback": true, "resetOnHealthyTask": true,
                    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
                },
            },
            "deploymentController": {"type": "ECS"}, "healthCheckGracePeriodSeconds": 5,
            "availabilityZoneRebalancing": "ENABLED",
        },
        "update": {
            "service": "web", "desiredCount": 3, "taskDefinition": "web:2", "forceNewDeployment": true,
            "deploymentConfiguration": {"maximumPercent": 150}, "capacityProviderStrategy": [],
        },
    })
}

/// Reads whatever can be read of `document`, and asks everything that can be asked of it.
fn exercise(document: &Value) {
    let definition = serde_json::from_value::<TaskDefinition>(document["definition"].clone());
    let call = serde_json::from_value::<RunTask>(document["call"].clone());
    let start = serde_json::from_value::<StartTask>(document["call"].clone());
    let Ok(definition) = definition else { return };
    let valid = definition.validate(FargateSizes::Model).is_ok();
    let demand = definition.demand(None, Host::Instance);
    let _ = (
        definition.required_attributes(),
        definition.containers(None, Host::Instance),
    );
    assert!(!valid || demand.is_ok(), "{demand:?}");
    if let Ok(call) = call {
        let accepted = call.validate(&definition, &view()).is_ok();
        let demand = definition.demand(call.overrides.as_ref(), Host::Instance);
        assert!(!(valid && accepted) || demand.is_ok(), "{demand:?}");
    }
    if let Ok(start) = start {
        let _ = start.validate(&definition);
    }
    let service = serde_json::from_value::<CreateService>(document["service"].clone());
    let update = serde_json::from_value::<UpdateService>(document["update"].clone());
    if let (Ok(service), Ok(update)) = (service, update) {
        let _ = service.validate(&definition, &view());
        let _ = update.validate(&service, &definition, &view());
        let _ = (service.rebalances_zones(), definition.demand(None, FARGATE));
    }
}

#[test]
fn the_full_document_is_accepted() {
    let document = full_document();
    let definition: TaskDefinition = read(document["definition"].clone());
    assert_eq!(definition.validate(FargateSizes::Model), Ok(()));
    assert_eq!(
        read::<RunTask>(document["call"].clone()).validate(&definition, &view()),
        Ok(())
    );
    let service: CreateService = read(document["service"].clone());
    assert_eq!(service.validate(&definition, &view()), Ok(()));
    let update: UpdateService = read(document["update"].clone());
    assert_eq!(update.validate(&service, &definition, &view()), Ok(()));
    let again: TaskDefinition =
        serde_json::from_str(&compact(&definition)).expect("what was written");
    assert_eq!(again, definition);
}

proptest! {
    #[test]
    fn arbitrary_json_never_panics(definition in any_json(), call in any_json()) {
        exercise(&json!({"definition": definition, "call": call}));
    }

    #[test]
    fn mutated_documents_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..6)) {
        let mut document = full_document();
        for (place, value) in changes {
            let mut places = Vec::new();
            pointers(&document, "", &mut places);
            let place = place.get(&places);
            if place.matches('/').count() > 1 && let Some(target) = document.pointer_mut(place) {
                *target = value;
            }
        }
        exercise(&document);
    }

    #[test]
    fn sizes_never_panic(text in ".{0,40}", digits in "[0-9]{0,30}\\.?[0-9]{0,30} ?(vCPU|GB)?") {
        for text in [text, digits] {
            for (_, check) in FORMATS {
                let _ = check(&Value::from(text.clone()));
            }
        }
    }
}
