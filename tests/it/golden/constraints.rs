//! Section 12.2: constraints.

use super::case::{Case, DISTINCT, DISTINCT_FAILS, End, MEMBER_OF_FAILS, member_of};

/// Instances i1 and i2 with room for everything, and a small task.
fn two_roomy() -> Case {
    Case::new().roomy("i1", "").roomy("i2", "").task(100, 100)
}

// i1, i2 roomy; distinctInstance; n=3: 2 tasks on different instances, DistinctInstance failure.
#[test]
fn ecs_g24() {
    two_roomy()
        .run(3, DISTINCT)
        .gives("i1 i2", &[DISTINCT_FAILS, DISTINCT_FAILS]);
}

// i1 has a RUNNING task of group g, i2 none; distinctInstance, group g, n=1: i2.
#[test]
fn ecs_g25() {
    two_roomy()
        .start("i1", "group: g")
        .run(1, &format!("group: g, {DISTINCT}"))
        .gives("i2", &[]);
}

// As G25, request group h: either.
#[test]
fn ecs_g26() {
    let case = two_roomy()
        .start("i1", "group: g")
        .run(1, &format!("group: h, {DISTINCT}"));
    let end = End::of(case.plan());
    assert!(end.last().tasks == ["i1"] || end.last().tasks == ["i2"]);
}

// Definition memberOf zone a, request memberOf t2; i1 t2/b, i2 m5/a, i3 t2/a: i3.
#[test]
fn ecs_g29() {
    Case::new()
        .roomy_in("b", "i1", "attributes: {ecs.instance-type: t2.small}")
        .roomy_in("a", "i2", "attributes: {ecs.instance-type: m5.large}")
        .roomy_in("a", "i3", "attributes: {ecs.instance-type: t2.small}")
        .small_task(&member_of("attribute:ecs.availability-zone == a"))
        .run(2, &member_of("attribute:ecs.instance-type =~ t2.*"))
        .gives("i3 i3", &[]);
}

// memberOf task:group == databases; i2 hosts such a task, i1 not: i2.
#[test]
fn ecs_g30() {
    two_roomy()
        .start("i2", "group: databases")
        .run(1, &member_of("task:group == databases"))
        .gives("i2", &[]);
}

// memberOf not(task:group == database); i1 hosts one, i2 not: i2.
#[test]
fn ecs_g31() {
    two_roomy()
        .start("i1", "group: database")
        .run(1, &member_of("not(task:group == database)"))
        .gives("i2", &[]);
}

// memberOf runningTasksCount == 1; i1 0, i2 1, i3 2 tasks: i2.
#[test]
fn ecs_g32() {
    two_roomy()
        .roomy("i3", "")
        .start("i2, i3, i3", "")
        .run(1, &member_of("runningTasksCount == 1"))
        .gives("i2", &[]);
}

// memberOf stack != prod; i1 stack=prod, i2 without stack, i3 stack=dev: i3.
#[test]
fn ecs_g34() {
    Case::new()
        .roomy("i1", "attributes: {stack: prod}")
        .roomy("i2", "")
        .roomy("i3", "attributes: {stack: dev}")
        .task(100, 100)
        .run(2, &member_of("attribute:stack != prod"))
        .gives("i3 i3", &[]);
}

// RegisterTaskDefinition with distinctInstance: ClientException.
#[test]
fn ecs_g35() {
    assert_eq!(
        Case::new().roomy("i1", "").small_task(DISTINCT).error(),
        "taskDefinitions[0].placementConstraints[0].type: \
         ClientException: constraint.type 'distinctInstance' is not supported."
    );
}

// 6 constraints in the definition, 5 in the request: IPE (11 > 10).
#[test]
fn ecs_g36() {
    let constraints = |count| {
        let one = "{type: memberOf, expression: 'attribute:ecs.os-type == linux'}";
        format!("placementConstraints: [{}]", vec![one; count].join(", "))
    };
    let defined = Case::new().roomy("i1", "").small_task(&constraints(6));
    defined.clone().run(1, &constraints(4)).gives("i1", &[]);
    assert_eq!(
        defined.run(1, &constraints(5)).error(),
        "workloads[0].runTask.placementConstraints: InvalidParameterException: \
         5 placement constraints and 6 of the task definition; together at most 10 are allowed"
    );
}

// distinctInstance with an expression: IPE.
#[test]
fn ecs_g37() {
    let constraint =
        "placementConstraints: [{type: distinctInstance, expression: 'attribute:stack exists'}]";
    assert_eq!(
        two_roomy().run(1, constraint).error(),
        "workloads[0].runTask.placementConstraints[0].expression: \
         InvalidParameterException: distinctInstance expression should not be specified"
    );
}

// Affinity to a group without tasks, empty cluster of tasks: no task.
#[test]
fn ecs_g39() {
    two_roomy()
        .run(1, &format!("group: g, {}", member_of("task:group == g")))
        .gives("", &[MEMBER_OF_FAILS, MEMBER_OF_FAILS]);
}

// Source: specification 3.2. The group counts, not the call: two calls of one family without a
// group exclude each other's instances.
#[test]
fn distinct_instance_holds_across_calls() {
    let both = two_roomy().run(1, DISTINCT).run(1, DISTINCT);
    let mut end = End::of(both.plan());
    let mut tasks = end.answers.remove(0).tasks;
    tasks.append(&mut end.answers.remove(0).tasks);
    tasks.sort();
    assert_eq!(tasks, ["i1", "i2"]);
    both.run(1, DISTINCT)
        .gives("", &[DISTINCT_FAILS, DISTINCT_FAILS]);
}

// A task that has stopped no longer blocks: the first runs for a minute.
#[test]
fn distinct_instance_forgets_tasks_that_stopped() {
    Case::new()
        .roomy("i1", "")
        .task(100, 100)
        .lasts("1m")
        .run(1, DISTINCT)
        .at("1m")
        .run(1, DISTINCT)
        .gives("i1", &[]);
}

// i1's only task of g has desiredStatus STOPPED (STOPPING); distinctInstance g, i1 alone: i1.
#[test]
fn ecs_g27() {
    let case = Case::new()
        .roomy("i1", "")
        .task(100, 100)
        .life("onSigterm: {duration: {distribution: constant, value: 20s}}")
        .run(1, "group: g")
        .at("60s");
    let again = format!("group: g, {DISTINCT}");
    // As long as it is meant to run it is in the way.
    case.clone().run(1, &again).gives("", &[DISTINCT_FAILS]);
    let end = case
        .does("stopTask: {workload: call-0}")
        .at("61s")
        .run(1, &again)
        .gives("i1", &[]);
    assert_eq!(
        end.task(1).life(),
        "0 PENDING, 0 RUNNING, 60 STOPPING, 80 STOPPED"
    );
}
