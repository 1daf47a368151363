//! Section 10 and the cases of services in 12.3 and 12.6.

use super::case::{BINPACK_MEMORY, Case, DISTINCT, End, ROOMY, SPREAD_ZONE, member_of, strategy};

/// Roomy instances of these names, each in the zone that its name begins with, and a small task.
fn roomy(names: &[&str]) -> Case {
    let case = Case::new().task(100, 100);
    names
        .iter()
        .fold(case, |case, name| case.roomy_in(&name[..1], name, ""))
}

fn end(case: Case) -> End {
    End::of(case.plan())
}

/// The desired count of the service web changes after two minutes, when all of it is healthy.
fn scaled_to(case: Case, count: u32) -> End {
    end(case.at("120s").does(&format!(
        "updateService: {{service: web, desiredCount: {count}}}"
    )))
}

/// When tasks were created, in seconds.
fn created(end: &End) -> Vec<f64> {
    let tasks = end.tasks.iter();
    tasks.map(|it| it.task.times.created.secs()).collect()
}

/// A new deployment begins after two minutes.
const DEPLOY: &str = "updateService: {service: web, forceNewDeployment: true}";

// Service without strategy, zone a holds 1 of its tasks, b and c 0: next task in b or c.
#[test]
fn ecs_g56() {
    let case = roomy(&["a1", "b1", "c1"]).service("web", "desiredCount: 1");
    let end = scaled_to(case, 2);
    assert_eq!(end.task(1).on, "a1");
    assert!(["a1 b1", "a1 c1"].contains(&&*end.live_on()));
}

// Scale-in by 1, binpack memory; i1 200 left, i2 700 left, equal tasks on both: task on i2 stops.
#[test]
fn ecs_g60() {
    let case = Case::new()
        .instance("i1", ROOMY, 300)
        .instance("i2", ROOMY, 800)
        .task(0, 100)
        .service(
            "web",
            &format!(
                "desiredCount: 2, {DISTINCT}, {}",
                strategy(&[BINPACK_MEMORY])
            ),
        );
    let end = scaled_to(case, 1);
    let on: Vec<&str> = end.tasks.iter().map(|it| &*it.on).collect();
    assert_eq!((on, &*end.live_on()), (vec!["i1", "i2"], "i1"));
    assert!(
        end.task(2).why.starts_with(
            "ServiceSchedulerInitiated: Scaling activity initiated by (deployment ecs-svc/"
        ),
        "{}",
        end.task(2).why
    );
}

// Scale-in by 1, spread zone; a 3 tasks, b 1: a task in a. Zone b has no room for more.
#[test]
fn ecs_g61() {
    let case = Case::new()
        .instance_in("a", "a1", ROOMY, 1000)
        .instance_in("b", "b1", ROOMY, 100)
        .task(0, 100)
        .service(
            "web",
            &format!("desiredCount: 4, {}", strategy(&[SPREAD_ZONE])),
        );
    assert_eq!(scaled_to(case, 3).live_on(), "a1 a1 b1");
}

// Scale-in by 1, no strategy; zone a 1 task, b 2, c 2: a task in b or c.
#[test]
fn ecs_g62() {
    let case = Case::new()
        .instance_in("a", "a1", ROOMY, 100)
        .instance_in("b", "b1", ROOMY, 1000)
        .instance_in("c", "c1", ROOMY, 1000)
        .task(0, 100)
        .service("web", "desiredCount: 5");
    let live = scaled_to(case, 4).live_on();
    assert!(["a1 b1 b1 c1", "a1 b1 c1 c1"].contains(&&*live), "{live}");
}

/// A service of so many tasks on one instance under these percents, deployed anew at 120 s.
fn deployed(desired: u32, percents: &str) -> End {
    let fields = format!("desiredCount: {desired}, deploymentConfiguration: {{{percents}}}");
    end(roomy(&["a1"])
        .service("web", &fields)
        .at("120s")
        .does(DEPLOY))
}

/// When tasks were told to stop, in seconds, ascending.
fn stops(end: &End) -> Vec<f64> {
    let tasks = end.tasks.iter();
    let mut stops: Vec<f64> = tasks
        .filter_map(|it| it.task.times.stopping)
        .map(|at| at.secs())
        .collect();
    stops.sort_by(f64::total_cmp);
    stops
}

// Desired 2, min 75: lower bound 2: none may stop. At most two may run, so nothing moves.
#[test]
fn ecs_g119() {
    let end = deployed(2, "minimumHealthyPercent: 75, maximumPercent: 100");
    assert_eq!((created(&end), stops(&end)), (vec![0.0; 2], vec![]));
}

// Desired 4, max 200; desired 3, max 125: upper bounds 8 and 3.
#[test]
fn ecs_g120() {
    let eight = deployed(4, "minimumHealthyPercent: 100, maximumPercent: 200");
    assert_eq!(created(&eight)[4..], [120.0; 4]);
    // The new tasks count as healthy 40 s after RUNNING.
    assert_eq!(stops(&eight), [160.0; 4]);
    let three = deployed(3, "minimumHealthyPercent: 100, maximumPercent: 125");
    assert_eq!((created(&three), stops(&three)), (vec![0.0; 3], vec![]));
}

// DAEMON service, 3 ACTIVE + 1 DRAINING instance, all match: 3 tasks.
#[test]
fn ecs_g121() {
    let case = roomy(&["a1", "a2", "a3"])
        .roomy("a4", "status: DRAINING")
        .service("watch", "schedulingStrategy: DAEMON");
    let end = end(case);
    assert_eq!((end.tasks.len(), &*end.live_on()), (3, "a1 a2 a3"));
}

// DAEMON, constraint `attribute:stack == prod` on 1 of 3: 1 task.
#[test]
fn ecs_g122() {
    let constraint = member_of("attribute:stack == prod");
    let case = roomy(&["a1", "a2"])
        .roomy("a3", "attributes: {stack: prod}")
        .service(
            "watch",
            &format!("schedulingStrategy: DAEMON, {constraint}"),
        );
    let end = end(case);
    assert_eq!((end.tasks.len(), &*end.live_on()), (1, "a3"));
}

// REPLICA: any task that stops is replaced; tasks that ran and then end are not throttled.
#[test]
fn tasks_that_end_are_replaced() {
    let case = roomy(&["a1"]).lasts("1m").service("web", "desiredCount: 1");
    let end = end(case.until("3m"));
    assert_eq!(created(&end), [0.0, 60.0, 120.0]);
}

/// Containers whose image cannot be pulled.
const BROKEN: &str = "imagePullFailure: {probability: 1}";

// Tasks that stop without reaching RUNNING slow launches: 15 s [U-44], doubling up to 27 min.
#[test]
fn starts_that_fail_are_throttled() {
    let case = roomy(&["a1"])
        .life(BROKEN)
        .service("web", "desiredCount: 1");
    let delays = [15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1620.0, 1620.0];
    let mut expected = vec![0.0];
    for delay in delays {
        expected.push(expected.last().expect("the first") + delay);
    }
    assert_eq!(created(&end(case.clone().until("86m"))), expected);
    // Updating the service ends the delay.
    let updated = case.at("50s").does(DEPLOY).until("60s");
    assert_eq!(created(&end(updated)), [0.0, 15.0, 45.0, 50.0]);
}

const BREAKER: &str =
    "deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}";

// Circuit breaker: a deployment of 4 fails after clamp(ceil(0.5 * 4), 3, 200) = 3 failures, and
// nothing more starts.
#[test]
fn a_broken_deployment_fails() {
    let case = roomy(&["a1"])
        .life(BROKEN)
        .service("web", &format!("desiredCount: 1, {BREAKER}"));
    let end = end(case);
    assert_eq!(created(&end), [0.0, 15.0, 45.0]);
    assert_eq!(end.when("web deploymentFailed"), [45.0]);
    assert!(end.when("web rolledBack").is_empty());
}

// With a deployment that completed before, the service goes back to it; its tasks were there all
// the time.
#[test]
fn a_broken_deployment_is_rolled_back() {
    let case = roomy(&["a1"])
        .service("web", &format!("desiredCount: 4, {BREAKER}"))
        .at("120s")
        .does(
            "updateService: {service: web, forceNewDeployment: true, containers: \
             {app: {imagePullFailure: {probability: 1}}}}",
        );
    let end = end(case);
    assert_eq!(end.when("web deploymentCompleted")[0], 40.0);
    assert_eq!(end.when("web deploymentFailed"), [120.0]);
    assert_eq!(end.when("web rolledBack"), [120.0]);
    assert_eq!(end.when("web deploymentCompleted").len(), 2);
    assert_eq!(end.live_on(), "a1 a1 a1 a1");
    let live = end.tasks.iter().filter(|it| it.task.is_desired());
    assert!(live.clone().all(|it| it.task.times.started.is_some()));
}

// Unhealthy task: if the upper bound allows, the replacement starts first; then it stops.
#[test]
fn an_unhealthy_task_is_replaced_first() {
    let case = Case::new()
        .roomy("a1", "")
        .container("memory: 100, healthCheck: {command: [CMD, check], interval: 10, retries: 1}")
        .life("health: {unhealthyAfter: {distribution: constant, value: 10m}}")
        .service("web", "desiredCount: 1");
    let end = end(case.until("15m"));
    let [old, new] = &end.tasks[..] else {
        panic!("{} tasks", end.tasks.len());
    };
    assert_eq!(
        old.why,
        "ServiceSchedulerInitiated: Task failed container health checks"
    );
    let stopped = old.task.times.stopping.expect("it was stopped");
    let started = new.task.times.started.expect("it runs");
    assert!(
        started < stopped && stopped.secs() > 600.0,
        "{started:?} {stopped:?}"
    );
}

// Scale-in protection: protected tasks are not chosen by scale-in; it ends after 10 minutes.
#[test]
fn protected_tasks_are_not_chosen() {
    let case = roomy(&["a1"])
        .service("web", "desiredCount: 3")
        .at("100s")
        .does("updateTaskProtection: {service: web, task: 1, protectionEnabled: true, expiresInMinutes: 10}")
        .does("updateTaskProtection: {service: web, task: 2, protectionEnabled: true, expiresInMinutes: 10}");
    let end = scaled_to(case.clone(), 2);
    assert!(!end.task(3).task.is_desired());
    // With only protected tasks left, none stops before the protection ends.
    let end = scaled_to(case.until("690s"), 1);
    assert_eq!(stops(&end), [120.0]);
}

// AZ rebalancing: zones differ, so a task starts in the low zone, then one stops in the high one.
#[test]
fn zones_are_evened_out() {
    let case = Case::new()
        .task(100, 100)
        .roomy_in("a", "a1", "")
        .roomy_in("b", "b1", "status: DRAINING")
        .service("web", "desiredCount: 4")
        .at("100s")
        .does("updateContainerInstancesState: {containerInstances: [b1], status: ACTIVE}");
    let end = end(case.clone());
    assert_eq!(end.live_on(), "a1 a1 b1 b1");
    // One at a time, each healthy after 40 s.
    assert_eq!(created(&end)[4..], [100.0, 140.0]);
    assert_eq!(stops(&end), [140.0, 180.0]);
}

// Without room in the low zone nothing starts: elsewhere it would even out nothing.
#[test]
fn zones_are_not_evened_out_without_room() {
    let case = Case::new()
        .instance_in("a", "a1", ROOMY, 1000)
        .instance_in("b", "b1", ROOMY, 100)
        .task(0, 100)
        .service("web", "desiredCount: 4");
    let end = end(case);
    assert_eq!((created(&end), stops(&end)), (vec![0.0; 4], vec![]));
    assert_eq!(end.live_on(), "a1 a1 a1 b1");
    assert!(end.when("web unable").is_empty());
}

// A service that finds no room tries again every 15 s [U-44].
#[test]
fn placement_that_fails_is_tried_again() {
    let case = Case::new()
        .instance("i1", ROOMY, 100)
        .task(0, 100)
        .lasts("100s")
        .run(1, "")
        .lasts("1h")
        .service("web", "desiredCount: 0")
        .at("1s")
        .does("updateService: {service: web, desiredCount: 1}");
    let end = end(case);
    // Tries at 1, 16, 31 and so on: the first after 100 s is at 106 s.
    let service = end.tasks.iter().find(|it| it.task.deployment > 0);
    let life = service.expect("it found room").life();
    assert_eq!(life, "106 PENDING, 106 RUNNING");
    assert_eq!(end.when("web unable"), [1.0]);
}

// What changes in its cluster lets a service try at once.
#[test]
fn placement_that_fails_is_tried_again_when_an_instance_is_there() {
    let case = Case::new()
        .instance_with("name: i1, status: DRAINING, registeredResources: {CPU: 1000, MEMORY: 1000}")
        .task(0, 100)
        .lasts("1h")
        .service("web", "desiredCount: 1")
        .at("20s")
        .does("updateContainerInstancesState: {containerInstances: [i1], status: ACTIVE}");
    assert_eq!(end(case).task(1).life(), "20 PENDING, 20 RUNNING");
}

// A load balancer: ACTIVATING until the task is registered, DEACTIVATING before it is told to stop.
#[test]
fn a_load_balancer_takes_its_time() {
    let balancer = "loadBalancer: {registrationDelay: 10s, deregistrationDelay: 30s}";
    let case = roomy(&["a1"])
        .life("onSigterm: {duration: {distribution: constant, value: 5s}}")
        .service_with("web", "desiredCount: 1", balancer);
    assert_eq!(
        scaled_to(case, 0).task(1).life(),
        "0 PENDING, 0 ACTIVATING, 10 RUNNING, 120 DEACTIVATING, 150 STOPPING, 155 STOPPED"
    );
}
