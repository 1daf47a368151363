//! Section 12.1: resources.

use super::case::{Case, ROOMY, network};

// i{2048/3768, ports 22 2376 2375 51678}; T 100/100, host port 80: remaining 1948/3668, ports also 80.
#[test]
fn ecs_g01() {
    let end = Case::new()
        .instance_with(
            "name: i1, registeredResources: {CPU: 2048, MEMORY: 3768}, reservedPorts: [22, 2376, 2375, 51678]",
        )
        .container("cpu: 100, memory: 100, portMappings: [{containerPort: 80, hostPort: 80}]")
        .run(1, "")
        .gives("i1", &[]);
    assert_eq!(end.remaining("i1"), (1948, 3668));
    assert_eq!(end.ports("i1"), [22, 80, 2375, 2376, 51678]);
}

// i{-/512}; container memory 300, memoryReservation 128; n=5: 4 tasks, then RESOURCE:MEMORY.
#[test]
fn ecs_g02() {
    Case::new()
        .instance("i1", ROOMY, 512)
        .container("memory: 300, memoryReservation: 128")
        .run(5, "")
        .gives("i1 i1 i1 i1", &["RESOURCE:MEMORY"]);
}

// i{1024/2048}; container cpu 512, mem 128; n=3: 2 tasks, then RESOURCE:CPU.
#[test]
fn ecs_g04() {
    Case::new()
        .instance("i1", 1024, 2048)
        .task(512, 128)
        .run(3, "")
        .gives("i1 i1", &["RESOURCE:CPU"]);
}

// i{4096/30000}; T 1024/1000; n=5: 4, then RESOURCE:CPU.
#[test]
fn ecs_g05() {
    Case::new()
        .instance("i1", 4096, 30000)
        .task(1024, 1000)
        .run(5, "")
        .gives("i1 i1 i1 i1", &["RESOURCE:CPU"]);
}

// i{1000/1024}; T 100/1000; n=2: 1, then RESOURCE:MEMORY.
#[test]
fn ecs_g06() {
    Case::new()
        .instance("i1", 1000, 1024)
        .task(100, 1000)
        .run(2, "")
        .gives("i1", &["RESOURCE:MEMORY"]);
}

// i{2048/2048}; task size 1024/1024, containers 128/128 and 128/128: remaining 1024/1024.
#[test]
fn ecs_g07() {
    let end = Case::new()
        .instance("i1", 2048, 2048)
        .definition(
            "cpu: 1024, memory: 1024, containerDefinitions: \
             [{name: app, cpu: 128, memory: 128}, {name: side, cpu: 128, memory: 128}]",
        )
        .run(1, "")
        .gives("i1", &[]);
    assert_eq!(end.remaining("i1"), (1024, 1024));
}

// i{0/512}; container with no cpu, memory 128: placed.
#[test]
fn ecs_g09() {
    Case::new()
        .instance("i1", 0, 512)
        .container("memory: 128")
        .run(1, "")
        .gives("i1", &[]);
}

// i1, i2 roomy; host port 80 tcp; n=3: one on each, third RESOURCE:PORTS on both.
#[test]
fn ecs_g10() {
    Case::new()
        .roomy("i1", "")
        .roomy("i2", "")
        .container("memory: 100, portMappings: [{containerPort: 80, hostPort: 80, protocol: tcp}]")
        .run(3, "")
        .gives("i1 i2", &["RESOURCE:PORTS", "RESOURCE:PORTS"]);
}

// As G10, hostPort 0; n=10 on i1 alone: 10 tasks.
#[test]
fn ecs_g11() {
    Case::new()
        .roomy("i1", "")
        .container("memory: 100, portMappings: [{containerPort: 80, hostPort: 0, protocol: tcp}]")
        .run(10, "")
        .gives("i1 i1 i1 i1 i1 i1 i1 i1 i1 i1", &[]);
}

// Host port 22: RESOURCE:PORTS on every default instance. So it is with the agent's other ports.
#[test]
fn ecs_g12() {
    for port in [22, 2375, 2376, 51678, 51679] {
        Case::new()
            .roomy("i1", "")
            .roomy("i2", "")
            .container(&format!(
                "memory: 100, portMappings: [{{containerPort: {port}, hostPort: {port}}}]"
            ))
            .run(1, "")
            .gives("", &["RESOURCE:PORTS", "RESOURCE:PORTS"]);
    }
}

/// A small task in mode awsvpc that listens on port 80.
fn with_interface(case: Case) -> Case {
    case.definition(
        "networkMode: awsvpc, containerDefinitions: \
         [{name: app, cpu: 100, memory: 100, portMappings: [{containerPort: 80}]}]",
    )
}

// awsvpc, container port 80; n=2, one instance with 2 ENIs free: both placed; no host port taken.
#[test]
fn ecs_g14() {
    let end = with_interface(Case::new().roomy("i1", ""))
        .run(2, &network("subnet-a"))
        .gives("i1 i1", &[]);
    assert!(!end.ports("i1").contains(&80));
}

// c5.large without trunking; awsvpc; n=3: 2, then RESOURCE:ENI.
#[test]
fn ecs_g15() {
    with_interface(
        Case::new().instance_with("name: i1, instanceType: c5.large, availabilityZones: [a]"),
    )
    .run(3, &network("subnet-a"))
    .gives("i1 i1", &["RESOURCE:ENI"]);
}

// c5.large with trunking; awsvpc; n=10, then 1: 10, then RESOURCE:ENI.
#[test]
fn ecs_g16() {
    let trunk = "name: i1, instanceType: c5.large, availabilityZones: [a], eniTrunking: true";
    let first = with_interface(Case::new().instance_with(trunk)).run(10, &network("subnet-a"));
    first.gives("i1 i1 i1 i1 i1 i1 i1 i1 i1 i1", &[]);
    first
        .run(1, &network("subnet-a"))
        .gives("", &["RESOURCE:ENI"]);
}

const TWO_GPUS: &str = "memory: 100, resourceRequirements: [{type: GPU, value: '2'}]";
const ONE_GPU: &str = "memory: 100, resourceRequirements: [{type: GPU, value: '1'}]";

// p3.8xlarge; container GPU 2; n=3: 2 tasks with disjoint GPU ids, then RESOURCE:GPU.
#[test]
fn ecs_g17() {
    let end = Case::new()
        .instance_with("name: i1, instanceType: p3.8xlarge")
        .container(TWO_GPUS)
        .run(3, "")
        .gives("i1 i1", &["RESOURCE:GPU"]);
    let gpus = &end.last().gpus;
    assert_eq!(
        (
            gpus[0].count_ones(),
            gpus[1].count_ones(),
            gpus[0] & gpus[1]
        ),
        (2, 2, 0)
    );
}

// GPU 1 on a cluster of m5.large: fails, RESOURCE:GPU.
#[test]
fn ecs_g19() {
    Case::new()
        .instance_with("count: 2, name: i, instanceType: m5.large")
        .container(ONE_GPU)
        .run(1, "")
        .gives("", &["RESOURCE:GPU", "RESOURCE:GPU"]);
}

// m4.large Linux, memory 8192; then memory 7985: first RESOURCE:MEMORY, second fits.
#[test]
fn ecs_g20() {
    let linux = Case::new().instance_with("name: i1, instanceType: m4.large");
    linux
        .clone()
        .task(0, 8192)
        .run(1, "")
        .gives("", &["RESOURCE:MEMORY"]);
    linux.task(0, 7985).run(1, "").gives("i1", &[]);
}

// m4.large with ECS_RESERVED_MEMORY 256, memory 7985: RESOURCE:MEMORY (7729 registered).
#[test]
fn ecs_g21() {
    let end = Case::new()
        .instance_with("name: i1, instanceType: m4.large, reservedMemory: 256 MiB")
        .task(0, 7985)
        .run(1, "")
        .gives("", &["RESOURCE:MEMORY"]);
    assert_eq!(end.remaining("i1"), (2048, 7729));
}

// Hard memory 4096, memoryReservation 100, i{-/100}: placed.
#[test]
fn ecs_g22() {
    Case::new()
        .instance("i1", ROOMY, 100)
        .container("memory: 4096, memoryReservation: 100")
        .run(1, "")
        .gives("i1", &[]);
}
