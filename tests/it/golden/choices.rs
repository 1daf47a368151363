//! Section 12.7: cases that AWS leaves open, with the choice that the simulator makes by default.

use super::case::{
    BINPACK_MEMORY, Case, End, MEMBER_OF_FAILS, ROOMY, SPREAD_INSTANCE, SPREAD_ZONE, member_of,
    strategy,
};

// Two equal instances, RunTask with spread. Choice [U-03]: older registeredAt wins.
#[test]
fn ecs_c1() {
    Case::new()
        .roomy("young", "registeredAt: 2026-01-02")
        .roomy("old", "registeredAt: 2026-01-01")
        .task(100, 100)
        .run(1, &strategy(&[SPREAD_INSTANCE]))
        .gives("old", &[]);
}

// [random, binpack memory]. Choice [U-07]: uniform over candidates. Of 2000 tasks, 500 on each of
// four instances are expected, with a standard deviation of 19; packing would fill i1 first.
#[test]
fn ecs_c2() {
    let mut case = Case::new().task(0, 6);
    for (name, memory) in [
        ("i1", 20_000),
        ("i2", 30_000),
        ("i3", 40_000),
        ("i4", 50_000),
    ] {
        case = case.instance(name, ROOMY, memory);
    }
    for _ in 0..200 {
        case = case.run(10, &strategy(&["{type: random}", BINPACK_MEMORY]));
    }
    let end = End::of(case.plan());
    for name in ["i1", "i2", "i3", "i4"] {
        let tasks = end.answers.iter().flat_map(|answer| &answer.tasks);
        let count = tasks.filter(|task| *task == name).count();
        assert!((405..=595).contains(&count), "{count} of 2000 on {name}");
    }
}

// Instance without the spread attribute beside ones with it. Choice [U-06]: chosen only when no
// other is left. a1 has room for two tasks; c has no zone.
#[test]
fn ecs_c3() {
    Case::new()
        .instance_with("name: c, registeredResources: {CPU: 0, MEMORY: 1000}")
        .instance_in("a", "a1", 0, 200)
        .task(0, 100)
        .run(4, &strategy(&[SPREAD_ZONE]))
        .gives("a1 a1 c c", &[]);
}

// Instance failing both CPU and ports. Choice [U-10]: reports RESOURCE:CPU.
#[test]
fn ecs_c4() {
    Case::new()
        .instance("i1", 50, ROOMY)
        .container("cpu: 100, memory: 100, portMappings: [{containerPort: 22, hostPort: 22}]")
        .run(1, "")
        .gives("", &["RESOURCE:CPU"]);
}

// n=5 fits 2. Choice [U-11]: failures listed once per instance, not 3 times.
#[test]
fn ecs_c5() {
    Case::new()
        .instance("i1", ROOMY, 200)
        .task(0, 100)
        .run(5, "")
        .gives("i1 i1", &["RESOURCE:MEMORY"]);
}

/// StartTask on an instance that violates the definition's memberOf.
fn start_against_member_of() -> Case {
    Case::new()
        .roomy("i1", "")
        .small_task(&member_of("attribute:stack == prod"))
        .start("i1", "")
}

// StartTask on an instance that violates the definition's memberOf. Choice [U-13]: placed.
#[test]
fn ecs_c8() {
    start_against_member_of().gives("i1", &[]);
}

// C8 with the other choice: the constraint binds.
#[test]
fn start_task_checks_member_of_when_told_to() {
    start_against_member_of()
        .assuming("startTaskMemberOf: checked")
        .gives("", &[MEMBER_OF_FAILS]);
}
