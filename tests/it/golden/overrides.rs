//! Section 12.6 as far as container instances go: overrides.

use super::case::{Case, network};

/// An instance of 4096 CPU units and 8192 MiB.
fn instance() -> Case {
    Case::new().instance("i1", 4096, 8192)
}

// Overrides 512/3072, container 512/3072: accepted, task of 512 and 3072. (The table's case is on
// Fargate; equality is the same rule here.)
#[test]
fn ecs_g110() {
    let end = instance()
        .definition("cpu: 256, memory: 1024, containerDefinitions: [{name: app, cpu: 256, memory: 1024}]")
        .run(
            1,
            "overrides: {cpu: 512, memory: 3072, containerOverrides: [{name: app, cpu: 512, memory: 3072}]}",
        )
        .gives("i1", &[]);
    assert_eq!(end.remaining("i1"), (4096 - 512, 8192 - 3072));
}

// Override task memory 2048, containers 1024 + 2048: rejected.
#[test]
fn ecs_g111() {
    let case = instance()
        .definition("containerDefinitions: [{name: app, memory: 1024}, {name: side, memory: 2048}]")
        .run(1, "overrides: {memory: 2048}");
    assert_eq!(
        case.error(),
        "workloads[0].runTask.overrides: ClientException: The sum of all container \
         'memoryReservation' values cannot be greater than the value of the task 'memory'."
    );
}

// Override cpu 256 only on a Fargate task with memory 4096: rejected (no pair).
#[test]
fn ecs_g112() {
    let fields = format!(
        "launchType: FARGATE, overrides: {{cpu: 256}}, {}",
        network("subnet-a")
    );
    let case = instance()
        .definition(
            "networkMode: awsvpc, cpu: 512, memory: 4096, containerDefinitions: [{name: app}]",
        )
        .run(1, &fields);
    assert_eq!(
        case.error(),
        "workloads[0].runTask.overrides: \
         ClientException: No Fargate configuration exists for given values."
    );
}

// EC2, task size 1024/2048, containerOverride cpu 128: demand still 1024/2048.
#[test]
fn ecs_g114() {
    let end = instance()
        .definition("cpu: 1024, memory: 2048, containerDefinitions: [{name: app, cpu: 512}]")
        .run(
            1,
            "overrides: {containerOverrides: [{name: app, cpu: 128}]}",
        )
        .gives("i1", &[]);
    assert_eq!(end.remaining("i1"), (4096 - 1024, 8192 - 2048));
}

// EC2, memory 300 reservation 128, containerOverride memory 400: demand 128.
#[test]
fn ecs_g115() {
    let end = instance()
        .container("memory: 300, memoryReservation: 128")
        .run(
            1,
            "overrides: {containerOverrides: [{name: app, memory: 400}]}",
        )
        .gives("i1", &[]);
    assert_eq!(end.remaining("i1"), (4096, 8192 - 128));
}

// Container override for unknown name: IPE, in StartTask as well.
#[test]
fn ecs_g116() {
    let case = instance().task(100, 100);
    let unknown = "overrides: {containerOverrides: [{name: web, cpu: 128}]}";
    let text = "overrides.containerOverrides[0].name: InvalidParameterException: \
                Override for container named web is not a container in the TaskDefinition.";
    assert_eq!(
        case.clone().run(1, unknown).error(),
        format!("workloads[0].runTask.{text}")
    );
    assert_eq!(
        case.start("i1", unknown).error(),
        format!("workloads[0].startTask.{text}")
    );
}

// `containerOverrides: []`: same as none.
#[test]
fn ecs_g117() {
    for fields in ["", "overrides: {containerOverrides: []}"] {
        let end = instance().task(100, 200).run(1, fields).gives("i1", &[]);
        assert_eq!(end.remaining("i1"), (4096 - 100, 8192 - 200));
    }
}
