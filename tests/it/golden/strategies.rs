//! Section 12.3: strategies.

use super::case::{
    BINPACK_CPU, BINPACK_MEMORY, Case, End, ROOMY, SPREAD_INSTANCE, SPREAD_ZONE, strategy,
};

/// Roomy instances of these names, each in the zone that its name begins with, and a small task.
fn roomy(names: &[&str]) -> Case {
    let case = Case::new().task(100, 100);
    names
        .iter()
        .fold(case, |case, name| case.roomy_in(&name[..1], name, ""))
}

// 2 instances in each of zones a b c; spread zone; n=6: 2 / 2 / 2 by zone.
#[test]
fn ecs_g40() {
    let case = roomy(&["a1", "a2", "b1", "b2", "c1", "c2"]).run(6, &strategy(&[SPREAD_ZONE]));
    let end = End::of(case.plan());
    let mut zones: Vec<&str> = end.last().tasks.iter().map(|name| &name[..1]).collect();
    zones.sort_unstable();
    assert_eq!(zones, ["a", "a", "b", "b", "c", "c"]);
}

// 4 equal instances; spread host; n=4: 1 each.
#[test]
fn ecs_g41() {
    roomy(&["a1", "a2", "a3", "a4"])
        .run(4, &strategy(&["{type: spread, field: host}"]))
        .gives("a1 a2 a3 a4", &[]);
}

// a1 has 50 MiB, b1 8000 MiB; spread zone; T -/100, n=3: b1, b1, b1.
#[test]
fn ecs_g42() {
    Case::new()
        .instance_in("a", "a1", ROOMY, 50)
        .instance_in("b", "b1", ROOMY, 8000)
        .task(0, 100)
        .run(3, &strategy(&[SPREAD_ZONE]))
        .gives("b1 b1 b1", &[]);
}

/// Of these two i1 is fuller in memory and i2 in CPU.
fn skewed() -> Case {
    Case::new()
        .instance("i1", 500, 1000)
        .instance("i2", 300, 2000)
        .task(100, 100)
}

// i1{500/1000}, i2{300/2000}; T 100/100; n=2 binpack cpu: i2, i2.
#[test]
fn ecs_g44() {
    skewed()
        .run(2, &strategy(&[BINPACK_CPU]))
        .gives("i2 i2", &[]);
}

// Same, binpack memory: i1, i1.
#[test]
fn ecs_g45() {
    skewed()
        .run(2, &strategy(&[BINPACK_MEMORY]))
        .gives("i1 i1", &[]);
}

// i1 -/200, i2 -/900; binpack memory; T -/256: i2.
#[test]
fn ecs_g46() {
    Case::new()
        .instance("i1", ROOMY, 200)
        .instance("i2", ROOMY, 900)
        .task(0, 256)
        .run(1, &strategy(&[BINPACK_MEMORY]))
        .gives("i2", &[]);
}

// A1 a/1000, A2 a/400, B1 b/800, B2 b/300 (MiB); [spread zone, binpack memory]; T -/200; n=4:
// by zone 2/2; multiset A2 x2, B2, B1.
#[test]
fn ecs_g47() {
    Case::new()
        .instance_in("a", "A1", ROOMY, 1000)
        .instance_in("a", "A2", ROOMY, 400)
        .instance_in("b", "B1", ROOMY, 800)
        .instance_in("b", "B2", ROOMY, 300)
        .task(0, 200)
        .run(4, &strategy(&[SPREAD_ZONE, BINPACK_MEMORY]))
        .gives("A2 A2 B2 B1", &[]);
}

// A1 a/300, A2 a/1000, B1 b/900; [binpack memory, spread zone]; T -/100; n=4: A1 x3, B1 x1.
#[test]
fn ecs_g49() {
    Case::new()
        .instance_in("a", "A1", ROOMY, 300)
        .instance_in("a", "A2", ROOMY, 1000)
        .instance_in("b", "B1", ROOMY, 900)
        .task(0, 100)
        .run(4, &strategy(&[BINPACK_MEMORY, SPREAD_ZONE]))
        .gives("A1 A1 A1 B1", &[]);
}

// 2 zones x 2 instances; [spread zone, spread instanceId]; n=4: 1 each.
#[test]
fn ecs_g50() {
    roomy(&["a1", "a2", "b1", "b2"])
        .run(4, &strategy(&[SPREAD_ZONE, SPREAD_INSTANCE]))
        .gives("a1 a2 b1 b2", &[]);
}

// Zone a: 3 instances, b: 1; [spread zone, spread instanceId]; n=6: a 1+1+1, b 3.
#[test]
fn ecs_g51() {
    roomy(&["a1", "a2", "a3", "b1"])
        .run(6, &strategy(&[SPREAD_ZONE, SPREAD_INSTANCE]))
        .gives("a1 a2 a3 b1 b1 b1", &[]);
}

// Same; [spread instanceId]; n=4: 1 each.
#[test]
fn ecs_g52() {
    roomy(&["a1", "a2", "a3", "b1"])
        .run(4, &strategy(&[SPREAD_INSTANCE]))
        .gives("a1 a2 a3 b1", &[]);
}

// a1 has 5 tasks of another group, a2 one of this group; spread instanceId: a1.
#[test]
fn ecs_g54() {
    roomy(&["a1", "a2"])
        .start("a1, a1, a1, a1, a1", "group: another")
        .start("a2", "group: this")
        .run(1, &format!("group: this, {}", strategy(&[SPREAD_INSTANCE])))
        .gives("a1", &[]);
}

// Zone a holds 1 task of the group, b and c 0; spread zone; n=2: one on b, one on c.
#[test]
fn ecs_g55() {
    roomy(&["a1", "b1", "c1"])
        .start("a1", "")
        .run(2, &strategy(&[SPREAD_ZONE]))
        .gives("b1 c1", &[]);
}

// i1{1024/8000}, i2{4096/8000}; binpack cpu; T 512/1000; n=5: i1 x2, i2 x3.
#[test]
fn ecs_g57() {
    Case::new()
        .instance("i1", 1024, 8000)
        .instance("i2", 4096, 8000)
        .task(512, 1000)
        .run(5, &strategy(&[BINPACK_CPU]))
        .gives("i1 i1 i2 i2 i2", &[]);
}

// random with field; binpack with field disk: IPE each.
#[test]
fn ecs_g59() {
    let error = |rule: &str| roomy(&["a1"]).run(1, &strategy(&[rule])).error();
    assert_eq!(
        error("{type: random, field: cpu}"),
        "workloads[0].runTask.placementStrategy[0].field: \
         InvalidParameterException: random field should not be specified"
    );
    assert_eq!(
        error("{type: binpack, field: disk}"),
        "workloads[0].runTask.placementStrategy[0].field: \
         InvalidParameterException: binpack field 'disk' is invalid"
    );
}

// Tasks count from the moment they are placed [U-04]: those of the first call still pull their
// image when the second is made, and when the run stops.
#[test]
fn spread_counts_pending_tasks() {
    for rule in [SPREAD_ZONE, SPREAD_INSTANCE] {
        let end = roomy(&["a1", "b1", "c1"])
            .life("imagePull: {distribution: constant, value: 1h}")
            .start("a1, b1", "")
            .run(1, &strategy(&[rule]))
            .gives("c1", &[]);
        let states = end.outcome.live.iter().map(|task| task.state.last_status());
        assert_eq!(
            states.collect::<Vec<_>>(),
            ["PENDING", "PENDING", "PENDING"]
        );
    }
}
