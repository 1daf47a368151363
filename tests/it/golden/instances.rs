//! Sections 6.7 and 7: instances that drain, are lost, disconnected or deregistered.

use super::case::{Case, End};

/// i1 and i2 with room for everything; i2 takes tasks from second 30 on. On i1 are a standalone task
/// (the first), and the task of the service web (the second).
fn two() -> Case {
    Case::new()
        .roomy("i1", "ec2InstanceId: i-0123")
        .roomy("i2", "status: DRAINING")
        .task(100, 100)
        .at("30s")
        .does("updateContainerInstancesState: {containerInstances: [i2], status: ACTIVE}")
        .at("0s")
        .run(1, "")
        .service("web", "desiredCount: 1")
        .at("100s")
}

fn end(case: Case) -> End {
    End::of(case.plan())
}

/// What the standalone task and the two tasks of the service come to.
fn check(end: &End, standalone: &str, old: &str, new: &str) {
    let number = |service: bool| {
        let of = end
            .tasks
            .iter()
            .filter(|it| (it.task.deployment > 0) == service);
        of.collect::<Vec<_>>()
    };
    let (alone, web) = (number(false), number(true));
    let lives = [alone[0].life(), web[0].life(), web[1].life()];
    assert_eq!(lives, [standalone, old, new]);
    assert_eq!((&*web[0].on, &*web[1].on), ("i1", "i2"));
}

// EC2 instance terminated: its tasks become STOPPED, stopCode TerminationNotice, at termination;
// service tasks are replaced, standalone tasks are lost.
#[test]
fn a_terminated_instance_takes_its_tasks_along() {
    let end = end(two().does("terminateInstances: {containerInstances: [i1]}"));
    let gone = "0 PENDING, 0 RUNNING, 100 STOPPED";
    check(&end, gone, gone, "100 PENDING, 100 RUNNING");
    for task in &end.tasks[..2] {
        assert_eq!(
            task.why,
            "TerminationNotice: Host EC2 (instance i-0123) terminated."
        );
    }
    assert_eq!(end.tasks.len(), 3);
}

// EC2 instance stopped: ACTIVE with agentConnected false, its tasks stop, no placements until it
// reconnects.
#[test]
fn a_stopped_instance_stays_registered() {
    let case = Case::new()
        .roomy("i1", "")
        .task(100, 100)
        .run(1, "")
        .at("100s")
        .does("stopInstances: {containerInstances: [i1]}");
    let end = case.clone().run(1, "").gives("", &["AGENT"]);
    assert_eq!(end.task(1).life(), "0 PENDING, 0 RUNNING, 100 STOPPED");
    let again = case
        .at("200s")
        .does("connectAgents: {containerInstances: [i1]}")
        .run(1, "");
    again.gives("i1", &[]);
}

// Agent disconnected only: tasks go on; no new placements (AGENT).
#[test]
fn a_disconnected_agent_gets_no_tasks() {
    let case = Case::new()
        .roomy("i1", "")
        .task(100, 100)
        .run(1, "")
        .at("100s")
        .does("disconnectAgents: {containerInstances: [i1]}");
    let end = case.clone().run(1, "").gives("", &["AGENT"]);
    assert_eq!(end.task(1).life(), "0 PENDING, 0 RUNNING");
    // Terminated now, it stays registered, ACTIVE and disconnected; the task is lost.
    let case = case
        .at("200s")
        .does("terminateInstances: {containerInstances: [i1]}")
        .run(1, "");
    let end = case.gives("", &["AGENT"]);
    assert_eq!(end.task(1).life(), "0 PENDING, 0 RUNNING, 200 STOPPED");
}

const SPOT: &str = "interruptSpotInstances: {containerInstances: [i1]}";

/// The same as [`two`], i1 being Spot.
fn spot(draining: bool) -> Case {
    Case::new()
        .roomy("i1", &format!("purchase: spot, spotDraining: {draining}"))
        .roomy("i2", "status: DRAINING")
        .task(100, 100)
        .at("30s")
        .does("updateContainerInstancesState: {containerInstances: [i2], status: ACTIVE}")
        .at("0s")
        .run(1, "")
        .service("web", "desiredCount: 1")
        .at("100s")
        .does(SPOT)
}

// ECS_ENABLE_SPOT_INSTANCE_DRAINING: at the two-minute notice the instance is set DRAINING; tasks
// of services are replaced elsewhere (healthy 40 s after they run), standalone ones run until the end.
#[test]
fn spot_interruption_with_draining() {
    let end = end(spot(true));
    assert_eq!(
        end.told_of("i1"),
        "100 spotNotice, 100 draining, 220 terminated"
    );
    check(
        &end,
        "0 PENDING, 0 RUNNING, 220 STOPPED",
        "0 PENDING, 0 RUNNING, 140 STOPPED",
        "100 PENDING, 100 RUNNING",
    );
}

// Without it, nothing happens until termination. The stop code is a choice.
#[test]
fn spot_interruption_without_draining() {
    let end = end(spot(false));
    assert_eq!(end.told_of("i1"), "100 spotNotice, 220 terminated");
    let gone = "0 PENDING, 0 RUNNING, 220 STOPPED";
    check(&end, gone, gone, "220 PENDING, 220 RUNNING");
    assert_eq!(
        end.task(1).why,
        "SpotInterruption: Your Spot Task was interrupted."
    );
}

// Deregister without force fails while tasks run.
#[test]
fn deregistration_without_force_fails_while_tasks_run() {
    let case = two().does("deregisterContainerInstance: {containerInstance: i1}");
    let end = end(case);
    assert_eq!(end.told_of("i1"), "100 refused");
    assert_eq!(end.live_on(), "i1 i1");
}

// With force the instance leaves the cluster: its tasks read STOPPED with "Container instance
// deregistration forced by user", and a service starts replacements elsewhere.
#[test]
fn deregistration_by_force_orphans_the_tasks() {
    let end = end(two().does("deregisterContainerInstance: {containerInstance: i1, force: true}"));
    let gone = "0 PENDING, 0 RUNNING, 100 STOPPED";
    check(&end, gone, gone, "100 PENDING, 100 RUNNING");
    for task in &end.tasks[..2] {
        assert_eq!(
            task.why,
            "UserInitiated: Container instance deregistration forced by user"
        );
    }
}

// An empty instance is deregistered without force; StartTask then tells INACTIVE, and RunTask
// nothing.
#[test]
fn a_deregistered_instance_is_inactive() {
    let case = Case::new()
        .roomy("i1", "")
        .task(100, 100)
        .at("100s")
        .does("deregisterContainerInstance: {containerInstance: i1}");
    case.clone().start("i1", "").gives("", &["INACTIVE"]);
    case.run(1, "").gives("", &[]);
}

const DRAIN: &str = "updateContainerInstancesState: {containerInstances: [i1], status: DRAINING}";

// Instance DRAINING; service PENDING task, service RUNNING task, standalone task on it: first stops
// at once; second replaced per percents; third runs on.
#[test]
fn ecs_g91() {
    let case = two()
        .does(DRAIN)
        .life("imagePull: {distribution: constant, value: 20m}")
        .service("slow", "desiredCount: 1");
    let end = end(case);
    let of = |behaviour: u32| {
        let tasks = end
            .tasks
            .iter()
            .filter(|it| it.task.workload.0 == behaviour);
        tasks.map(|it| (&*it.on, it.life())).collect::<Vec<_>>()
    };
    // min 100, max 200: the replacement comes first, and counts as healthy after 40 s.
    let life = |on, life: &str| (on, life.to_owned());
    assert_eq!(of(0), [life("i1", "0 PENDING, 0 RUNNING")]);
    assert_eq!(
        of(1),
        [
            life("i1", "0 PENDING, 0 RUNNING, 140 STOPPED"),
            life("i2", "100 PENDING, 100 RUNNING")
        ]
    );
    assert_eq!(
        of(2),
        [
            life("i1", "0 PENDING, 100 STOPPED"),
            life("i2", "100 PENDING, 1300 RUNNING")
        ]
    );
}

/// Four tasks of a service on i1, which drains after 100 s; i2 has room since second 30.
fn draining(percents: &str) -> End {
    end(Case::new()
        .roomy("i1", "")
        .roomy("i2", "status: DRAINING")
        .task(100, 100)
        .at("30s")
        .does("updateContainerInstancesState: {containerInstances: [i2], status: ACTIVE}")
        .service(
            "web",
            &format!("desiredCount: 4, deploymentConfiguration: {{{percents}}}"),
        )
        .at("100s")
        .does(DRAIN))
}

/// When the tasks from the given one on began, and when those before it were told to stop.
fn moments(end: &End, split: usize) -> (Vec<f64>, Vec<f64>) {
    let (old, new) = end.tasks.split_at(split);
    let started = new.iter().filter_map(|it| it.task.times.started);
    let stopping = old.iter().filter_map(|it| it.task.times.stopping);
    (
        started.map(|at| at.secs()).collect(),
        stopping.map(|at| at.secs()).collect(),
    )
}

// DRAINING, 4 service tasks, min 100 max 200, capacity elsewhere: 4 replacements start before any
// stops.
#[test]
fn ecs_g92() {
    let end = draining("minimumHealthyPercent: 100, maximumPercent: 200");
    assert_eq!(moments(&end, 4), (vec![100.0; 4], vec![140.0; 4]));
    assert_eq!(end.live_on(), "i2 i2 i2 i2");
}

// DRAINING, min = max = 100: stays, nothing stops.
#[test]
fn ecs_g94() {
    let end = draining("minimumHealthyPercent: 100, maximumPercent: 100");
    assert_eq!(end.tasks.len(), 4);
    assert_eq!(end.live_on(), "i1 i1 i1 i1");
}

// With min < 100 the scheduler may stop tasks before replacements run: desired 4, min 50, two at
// once; max being 100 the replacements wait for stops.
#[test]
fn draining_with_fewer_healthy_tasks() {
    let end = draining("minimumHealthyPercent: 50, maximumPercent: 100");
    let mut stops = moments(&end, 4).1;
    stops.sort_by(f64::total_cmp);
    assert_eq!(stops, [100.0, 100.0, 140.0, 140.0]);
    assert_eq!(moments(&end, 4).0, [100.0, 100.0, 140.0, 140.0]);
    assert_eq!(end.live_on(), "i2 i2 i2 i2");
}

// DAEMON tasks are stopped, and the status stays DRAINING until it is reactivated.
#[test]
fn draining_stops_daemons() {
    let end = end(Case::new()
        .roomy("i1", "")
        .task(100, 100)
        .service("watch", "schedulingStrategy: DAEMON")
        .at("100s")
        .does(DRAIN)
        .at("200s")
        .does("updateContainerInstancesState: {containerInstances: [i1], status: ACTIVE}"));
    assert_eq!(end.told_of("i1"), "100 draining, 200 activated");
    assert_eq!(end.task(1).life(), "0 PENDING, 0 RUNNING, 100 STOPPED");
    assert_eq!(end.task(2).life(), "200 PENDING, 200 RUNNING");
}
