//! Sections 3.1 and 5.2: the failures of a call, in ECS's words and in the order of testing.

use stowplan::model::resources::Demand;

use super::case::{CLUSTER, Case, DISTINCT_FAILS, End, MEMBER_OF_FAILS, ROOMY, instance_named};

/// The tests of an instance in their order, for a task that wants host port 80.
const WITH_PORTS: [&str; 8] = [
    "AGENT",
    "ATTRIBUTE",
    "RESOURCE:CPU",
    "RESOURCE:MEMORY",
    "RESOURCE:PORTS",
    "RESOURCE:GPU",
    MEMBER_OF_FAILS,
    DISTINCT_FAILS,
];

/// The same for a task in mode awsvpc, which has zones and an interface but no host port.
const WITH_INTERFACE: [&str; 9] = [
    "AGENT",
    "ATTRIBUTE",
    "LOCATION",
    "RESOURCE:CPU",
    "RESOURCE:MEMORY",
    "RESOURCE:ENI",
    "RESOURCE:GPU",
    MEMBER_OF_FAILS,
    DISTINCT_FAILS,
];

/// One instance that fails these tests and no others, and a task to be put to them.
fn failing(tests: &[&str], network_mode: &str) -> Case {
    let or = |test: &str, good: u32| if tests.contains(&test) { 0 } else { good };
    let fields = [
        "name: i1".to_owned(),
        format!("agentConnected: {}", !tests.contains(&"AGENT")),
        format!(
            "availabilityZones: [{}]",
            if tests.contains(&"LOCATION") {
                "b"
            } else {
                "a"
            }
        ),
        format!(
            "attributes: {{X{}: null}}",
            if tests.contains(&"ATTRIBUTE") {
                "-not"
            } else {
                ""
            }
        ),
        format!(
            "registeredResources: {{CPU: {}, MEMORY: {}, ENI: {}, GPU: {}}}",
            or("RESOURCE:CPU", ROOMY),
            or("RESOURCE:MEMORY", ROOMY),
            or("RESOURCE:ENI", 1),
            or("RESOURCE:GPU", 1)
        ),
        format!(
            "reservedPorts: [{}]",
            if tests.contains(&"RESOURCE:PORTS") {
                80
            } else {
                22
            }
        ),
    ];
    let ports = if network_mode == "awsvpc" {
        ""
    } else {
        "hostPort: 80"
    };
    Case::new()
        .instance_with(&fields.join(", "))
        .definition(&format!(
            "networkMode: {network_mode}, requiresAttributes: [{{name: X}}], containerDefinitions: \
         [{{name: app, cpu: 100, memory: 100, resourceRequirements: [{{type: GPU, value: '1'}}], \
         portMappings: [{{containerPort: 80, {ports}}}]}}]"
        ))
}

/// Network configuration of a task in this mode.
fn network(mode: &str) -> String {
    if mode == "awsvpc" {
        super::case::network("subnet-a")
    } else {
        String::new()
    }
}

/// What RunTask gives where one instance fails these tests.
fn run_task(tests: &[&str], mode: &str) -> End {
    let expression = if tests.contains(&MEMBER_OF_FAILS) {
        "!exists"
    } else {
        "exists"
    };
    let constraints = format!(
        "placementConstraints: [{{type: distinctInstance}}, \
         {{type: memberOf, expression: 'attribute:ecs.os-type {expression}'}}]"
    );
    let case = failing(tests, mode).run(1, &format!("{constraints}, {}", network(mode)));
    let mut plan = case.plan();
    if tests.contains(&DISTINCT_FAILS) {
        // No call could start a task on an instance without agent or room.
        let cluster = &mut plan.world.clusters[CLUSTER];
        let group = cluster.group("family:T");
        cluster.place(instance_named(cluster, "i1"), &Demand::default(), group);
    }
    End::of(plan)
}

// An instance that fails a test and all later ones reports that test alone [U-10].
#[test]
fn run_task_reports_the_first_test_that_fails() {
    for (mode, order) in [("bridge", &WITH_PORTS[..]), ("awsvpc", &WITH_INTERFACE[..])] {
        for (number, first) in order.iter().enumerate() {
            run_task(&order[number..], mode).gives("", &[first]);
        }
        run_task(&[], mode).gives("i1", &[]);
    }
}

// Each test alone is enough to keep the task out, and has its own words.
#[test]
fn run_task_reports_every_reason() {
    for (mode, reasons) in [("bridge", &WITH_PORTS[..]), ("awsvpc", &WITH_INTERFACE[..])] {
        for reason in reasons {
            run_task(&[reason], mode).gives("", &[reason]);
        }
    }
}

// StartTask tests the same, constraints left out [U-13]. The two constraints stand last in the order.
#[test]
fn start_task_reports_the_first_test_that_fails() {
    for (mode, order) in [("bridge", &WITH_PORTS[..]), ("awsvpc", &WITH_INTERFACE[..])] {
        let order = &order[..order.len() - 2];
        for (number, first) in order.iter().enumerate() {
            for tests in [&order[number..], &[*first]] {
                failing(tests, mode)
                    .start("i1", &network(mode))
                    .gives("", &[first]);
            }
        }
        failing(&[], mode)
            .start("i1", &network(mode))
            .gives("i1", &[]);
    }
}

// StartTask on instances that are unknown, or in any status but ACTIVE [U-12].
#[test]
fn start_task_reports_what_is_missing_and_what_is_inactive() {
    let statuses = [
        "REGISTERING",
        "REGISTRATION_FAILED",
        "DRAINING",
        "DEREGISTERING",
        "INACTIVE",
    ];
    for status in statuses {
        Case::new()
            .roomy("i1", &format!("status: {status}"))
            .task(100, 100)
            .start("i1, i2", "")
            .gives("", &["MISSING", "INACTIVE"]);
    }
}

// RunTask passes over instances in any status but ACTIVE without a word [U-12].
#[test]
fn run_task_reports_active_instances_only() {
    Case::new()
        .roomy("i1", "status: DRAINING")
        .roomy("i2", "status: INACTIVE")
        .instance("i3", 0, 0)
        .task(100, 100)
        .run(1, "")
        .gives("", &["RESOURCE:CPU"]);
}

// n=5 fits 2: two tasks start, and each of the four instances is told of once, whether it took a
// task before or not.
#[test]
fn partial_placement_reports_each_instance_once() {
    Case::new()
        .instance("i1", 100, ROOMY)
        .instance("i2", ROOMY, 100)
        .instance("i3", 50, 50)
        .roomy("i4", "agentConnected: false")
        .task(100, 100)
        .run(5, "")
        .gives(
            "i1 i2",
            &["AGENT", "RESOURCE:CPU", "RESOURCE:CPU", "RESOURCE:MEMORY"],
        );
}
