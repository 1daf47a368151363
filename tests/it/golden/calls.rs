//! Section 12.4: calls and instances.

use stowplan::model::instance::InstanceStatus;

use super::case::{CLUSTER, Case, End, ROOMY, SPREAD_INSTANCE, instance_named, network, strategy};

/// The instance i1 with room for everything, and a small task.
fn one_roomy() -> Case {
    Case::new().roomy("i1", "").task(100, 100)
}

/// The same with a task in mode awsvpc.
fn with_interface() -> Case {
    Case::new()
        .roomy("i1", "")
        .small_task("networkMode: awsvpc")
}

// StartTask with 11 instances: IPE.
#[test]
fn ecs_g64() {
    assert_eq!(
        one_roomy().start(&["i1"; 11].join(", "), "").error(),
        "workloads[0].startTask.containerInstances: \
         InvalidParameterException: 11 container instances; there may be 1 to 10"
    );
}

// StartTask: i1 fits, i2 unknown: one task on i1, failure MISSING for i2.
#[test]
fn ecs_g65() {
    one_roomy().start("i1, i2", "").gives("i1", &["MISSING"]);
}

// StartTask: i1 deregistered: failure INACTIVE.
#[test]
fn ecs_g66() {
    Case::new()
        .roomy("i1", "status: INACTIVE")
        .task(100, 100)
        .start("i1", "")
        .gives("", &["INACTIVE"]);
}

// StartTask: i1 full, i2 free: task on i2, failure RESOURCE:MEMORY for i1.
#[test]
fn ecs_g67() {
    Case::new()
        .instance("i1", ROOMY, 100)
        .instance("i2", ROOMY, 100)
        .task(0, 100)
        .start("i1", "")
        .start("i1, i2", "")
        .gives("i2", &["RESOURCE:MEMORY"]);
}

// awsvpc, subnets in zone b; instance in zone a: LOCATION.
#[test]
fn ecs_g69() {
    with_interface()
        .run(1, &network("subnet-b"))
        .gives("", &["LOCATION"]);
}

// Definition needs attribute X, instance lacks it: ATTRIBUTE.
#[test]
fn ecs_g70() {
    Case::new()
        .roomy("i1", "")
        .small_task("requiresAttributes: [{name: X}]")
        .run(1, "")
        .gives("", &["ATTRIBUTE"]);
}

// launchType and capacityProviderStrategy: IPE.
#[test]
fn ecs_g71() {
    let both = "launchType: EC2, capacityProviderStrategy: [{capacityProvider: cp, weight: 1}]";
    assert_eq!(
        one_roomy().run(1, both).error(),
        "workloads[0].runTask.capacityProviderStrategy: InvalidParameterException: \
         Specifying both a launch type and capacity provider strategy is not supported"
    );
}

// Same clientToken twice, same parameters: identical tasks, cluster holds one set.
#[test]
fn ecs_g72() {
    let end = one_roomy()
        .run(3, "clientToken: token")
        .run(3, "clientToken: token")
        .gives("", &[]);
    assert_eq!(
        (end.answers[0].repeated, end.answers[1].repeated),
        (false, true)
    );
    assert_eq!(end.outcome.live.len(), 3);
}

// FARGATE with placementStrategy: IPE.
#[test]
fn ecs_g74() {
    let fields = format!(
        "launchType: FARGATE, {}, {}",
        network("subnet-a"),
        strategy(&[SPREAD_INSTANCE])
    );
    assert_eq!(
        with_interface().run(1, &fields).error(),
        "workloads[0].runTask.placementStrategy: InvalidParameterException: \
         Placement strategies are not supported with FARGATE launch type"
    );
}

// awsvpc without networkConfiguration: IPE.
#[test]
fn ecs_g75() {
    assert_eq!(
        with_interface().run(1, "").error(),
        "workloads[0].runTask.networkConfiguration: InvalidParameterException: \
         Network Configuration must be provided when networkMode 'awsvpc' is specified."
    );
}

// Overrides of 8193 characters: IPE. One less is taken. Punctuation counts.
#[test]
fn ecs_g76() {
    let around = r#"{"containerOverrides":[{"name":"app","command":[""]}]}"#.len();
    let case = |length: usize| {
        let command = "x".repeat(length - around);
        one_roomy().run(
            1,
            &format!("overrides: {{containerOverrides: [{{name: app, command: [{command}]}}]}}"),
        )
    };
    case(8192).gives("i1", &[]);
    assert_eq!(
        case(8193).error(),
        "workloads[0].runTask.overrides: \
         InvalidParameterException: Container Overrides length must be at most 8192"
    );
}

// RunTask startedBy 129 characters; StartTask 37: IPE each. One less is taken.
#[test]
fn ecs_g77() {
    let started_by = |length: usize| format!("startedBy: {}", "x".repeat(length));
    one_roomy().run(1, &started_by(128)).gives("i1", &[]);
    assert_eq!(
        one_roomy().run(1, &started_by(129)).error(),
        "workloads[0].runTask.startedBy: InvalidParameterException: startedBy longer than 128."
    );
    one_roomy().start("i1", &started_by(36)).gives("i1", &[]);
    assert_eq!(
        one_roomy().start("i1", &started_by(37)).error(),
        "workloads[0].startTask.startedBy: InvalidParameterException: startedBy longer than 36."
    );
}

/// An instance that drains, and a RunTask call.
fn draining() -> Case {
    Case::new()
        .roomy("i1", "status: DRAINING")
        .task(100, 100)
        .run(1, "")
}

// Only instance is DRAINING: no task (and no failure, [U-12]).
#[test]
fn ecs_g79() {
    draining().gives("", &[]);
}

// DRAINING instance set back to ACTIVE: next call places there.
#[test]
fn ecs_g80() {
    let mut plan = draining().plan();
    let cluster = &mut plan.world.clusters[CLUSTER];
    cluster.set_status(instance_named(cluster, "i1"), InstanceStatus::Active);
    End::of(plan).gives("i1", &[]);
}
