//! Section 8 and its cases in 12.6 and 12.7: capacity providers and managed scaling.

use super::case::{Case, End, SPREAD_INSTANCE, network, providers, strategy};

const ON_CP: &str = "capacityProviderStrategy: [{capacityProvider: cp, weight: 1}]";

/// The provider cp with managed scaling of these settings, so many instances at the start and at
/// most 1000, and the task 1024/2048, two of which fill an instance. Instances with tasks are
/// protected from scale-in: else which instance goes, an empty one or not, is no decision of ECS.
fn scaled(settings: &str, instances: u32) -> Case {
    let group = format!("maxSize: 1000, desiredCapacity: {instances}");
    let protection = "managedTerminationProtection: ENABLED";
    Case::new()
        .scaled_with("cp", settings, protection, &group)
        .task(1024, 2048)
}

/// The provider cp with so many instances that nothing adds to.
fn fixed(beside: &str, instances: u32) -> Case {
    let group = format!("maxSize: {instances}, desiredCapacity: {instances}");
    Case::new()
        .scaled_with("cp", "", beside, &group)
        .task(1024, 2048)
}

/// Calls for so many tasks on cp, ten at a time as RunTask has it.
fn ask(case: Case, mut count: u32, fields: &str) -> Case {
    let mut case = case;
    while count > 0 {
        let now = count.min(10);
        case = case.run(now, &format!("{ON_CP}, {fields}"));
        count -= now;
    }
    case
}

/// So many instances have one task each.
fn busy(case: Case, instances: u32) -> Case {
    ask(case, instances, &strategy(&[SPREAD_INSTANCE]))
}

fn end(case: Case) -> End {
    End::of(case.plan())
}

/// How many of so many tasks each of these providers (name, base, weight) gets, from one RunTask call
/// and from a service: the names in order of acceptance.
fn dealt(items: &[(&str, u32, u32)], count: u32) -> String {
    let mut case = Case::new().task(1, 6);
    for (name, ..) in items {
        case = case.provider(&format!(
            "name: {name}, autoScalingGroup: {{registeredResources: {{CPU: 1000, MEMORY: 1000}}, \
             minSize: 1, maxSize: 1}}"
        ));
    }
    let fields = providers(items);
    let names = |case: Case| -> String {
        let end = end(case);
        let provider = |on: &str| on.split('/').next().unwrap_or_default().to_owned();
        end.tasks.iter().map(|it| provider(&it.on)).collect()
    };
    let call = names(case.clone().run(count, &fields));
    let service = names(case.service("web", &format!("desiredCount: {count}, {fields}")));
    assert_eq!(call, service);
    call
}

/// The same as counts.
fn counts(items: &[(&str, u32, u32)], count: u32) -> Vec<usize> {
    let dealt = dealt(items, count);
    let of = |(name, ..): &(&str, u32, u32)| dealt.matches(name).count();
    items.iter().map(of).collect()
}

// Strategy rows of 8.1 marked D: as there.
#[test]
fn ecs_g95() {
    assert_eq!(counts(&[("A", 0, 1), ("B", 0, 1)], 10), [5, 5]);
    assert_eq!(dealt(&[("A", 0, 1), ("B", 0, 4)], 5), "BBABB");
    assert_eq!(counts(&[("A", 0, 1), ("B", 0, 4)], 10), [2, 8]);
    assert_eq!(counts(&[("D", 2, 1), ("S", 0, 3)], 10), [4, 6]);
    assert_eq!(counts(&[("O", 10, 1), ("S", 0, 1)], 7), [7, 0]);
    assert_eq!(counts(&[("O", 1, 1), ("S", 0, 1)], 5), [3, 2]);
    assert_eq!(counts(&[("A", 0, 0), ("B", 0, 1)], 5), [0, 5]);
    let three = [("A", 0, 2), ("B", 0, 1), ("C", 0, 1)];
    assert_eq!(counts(&three, 8), [4, 2, 2]);
}

// 7 tasks w1/w4: 1 / 6 [U-29]; the other rows of 8.1 that rest on a choice.
#[test]
fn ecs_c11() {
    assert_eq!(counts(&[("A", 0, 1), ("B", 0, 4)], 7), [1, 6]);
    assert_eq!(counts(&[("A", 0, 1), ("B", 0, 1)], 3), [2, 1]);
    assert_eq!(counts(&[("O", 1, 0), ("S", 0, 1)], 4), [1, 3]);
}

/// The metric at the first minute, and every desired capacity.
fn check_metric(case: Case, metric: &str, desired: &str) -> End {
    let end = end(case);
    let told = end.told_of("cp at");
    assert_eq!(told.split(", ").next(), Some(&*format!("60 {metric}")));
    assert_eq!(end.told_of("cp desired"), desired);
    end
}

// Metric rows of 8.3, one by one: as there (rows with M/N). The first minute is at 60 s; an
// instance registers 120 s after its launch.
#[test]
fn ecs_g96() {
    // N 0, nothing waiting.
    check_metric(scaled("", 0), "100.0", "0 0");
    // N 0, any waiting: 200, and two instances.
    check_metric(ask(scaled("", 0), 9, "").until("2m"), "200.0", "0 0, 60 2");
    // N 5, all busy, none waiting.
    check_metric(busy(scaled("", 5), 5), "100.0", "0 5");
    // N 5, 2 empty: the fifteenth datapoint is at 900 s.
    check_metric(busy(scaled("", 5), 3), "60.0", "0 5, 900 3");
    // N 10, 8 empty: through steps 5, 3, 2.
    check_metric(
        busy(scaled("", 10), 2),
        "20.0",
        "0 10, 900 5, 960 3, 1020 2",
    );
    // N 4 full, 10 waiting.
    let full = |settings: &str| ask(scaled(settings, 4), 8, "");
    check_metric(ask(full(""), 10, ""), "225.0", "0 4, 60 9");
    // The same, maxStep 3: seven, and with three more instances four tasks still wait, for two.
    let stepped = ask(full("maximumScalingStepSize: 3"), 10, "");
    check_metric(stepped.until("3m"), "175.0", "0 4, 60 7");
    // N 4 full, 1 waiting, minStep 4: eight. Until then three of them are empty.
    let stepped = ask(full("minimumScalingStepSize: 4"), 1, "");
    check_metric(stepped.until("10m"), "200.0", "0 4, 60 8");
    // N 8 busy, target 80: ten, then 80.
    let end = check_metric(
        busy(scaled("targetCapacity: 80", 8), 8),
        "100.0",
        "0 8, 60 10",
    );
    assert!(end.told_of("cp at").ends_with("1740 80.0"));
    // N 3, 1 empty, target 50: four, then 50.
    let end = check_metric(
        busy(scaled("targetCapacity: 50", 3), 2),
        "66.7",
        "0 3, 60 4",
    );
    assert!(end.told_of("cp at").ends_with("1740 50.0"));
    // N 50, 2 empty.
    check_metric(busy(scaled("", 50), 48), "96.0", "0 50, 900 48");
    // N 334, 300 empty.
    check_metric(
        busy(scaled("", 334), 34),
        "10.2",
        "0 334, 900 167, 960 84, 1020 42, 1080 34",
    );
}

// N 0, provider with managed scaling, RunTask 1 task: task PROVISIONING; 2 instances requested.
#[test]
fn ecs_g97() {
    let case = scaled("", 0).at("10s").run(1, ON_CP);
    let end = check_metric(case.until("10m"), "200.0", "0 0, 60 2");
    assert_eq!(
        end.task(1).life(),
        "10 PROVISIONING, 180 PENDING, 180 RUNNING"
    );
    assert_eq!(end.when("cp/1 registered"), [180.0]);
    assert_eq!(end.when("cp/2 registered"), [180.0]);
}

// Waiting tasks need 4096 CPU, smallest type 2048: no scale-out, tasks stay.
#[test]
fn ecs_g99() {
    let case = scaled("", 1).other_task("big", 4096, 1000).run(1, ON_CP);
    let end = check_metric(case.until("14m"), "100.0", "0 1");
    assert_eq!(end.task(1).life(), "0 PROVISIONING");
}

// N 5, 1 empty: CPR 80 for 14 datapoints, then a task lands on the empty one: CPR 100, no
// scale-in, the 15 minutes start again. It ends at 950 s, so that they end at 960 + 14 * 60 s.
#[test]
fn ecs_g100() {
    let case = busy(scaled("", 5), 4)
        .at("850s")
        .lasts("100s")
        .run(1, &format!("{ON_CP}, {}", strategy(&[SPREAD_INSTANCE])));
    let end = check_metric(case.until("40m"), "80.0", "0 5, 1800 4");
    let told = end.told_of("cp at");
    let told: Vec<&str> = told.split(", ").collect();
    assert!(told[..14].iter().all(|line| line.ends_with(" 80.0")));
    assert_eq!(told[14..16], ["900 100.0", "960 80.0"]);
}

// Instance runs only a DAEMON task: counts as empty.
#[test]
fn ecs_g101() {
    let case = scaled("", 2).service("watch", "schedulingStrategy: DAEMON");
    let end = check_metric(case, "0.0", "0 2, 900 1, 960 0");
    assert_eq!(end.live_on(), "");
    assert_eq!(end.task(1).life(), "0 PENDING, 0 RUNNING, 900 STOPPED");
}

/// Three instances with a task of 630 s each, the last of 1 h; the group is to have two from 100 s
/// on.
fn two_of_three(beside: &str) -> Case {
    let case = busy(fixed(beside, 3).lasts("630s"), 2).lasts("1h");
    busy(case, 1)
        .at("100s")
        .does("updateAutoScalingGroup: {capacityProvider: cp, desiredCapacity: 2}")
}

// Managed termination protection on, no empty instance: nothing terminated, until one is empty; it
// is asked for again each minute.
#[test]
fn ecs_g102() {
    for draining in ["ENABLED", "DISABLED"] {
        let beside = format!("managedTerminationProtection: ENABLED, managedDraining: {draining}");
        let end = end(two_of_three(&beside).until("700s"));
        let gone = end.log.iter().filter(|(_, it)| it.ends_with("terminated"));
        assert_eq!(
            gone.cloned().collect::<Vec<_>>(),
            [(660.0, "cp/1 terminated".to_owned())]
        );
        assert!(end.tasks.iter().all(|it| !it.why.contains("Termination")));
    }
}

// Protection and draining off: the group's own policy picks any instance, its tasks are killed.
// Choice [U-36]: the oldest of the fullest zone.
#[test]
fn scale_in_kills_tasks() {
    let end = end(two_of_three("managedDraining: DISABLED").until("300s"));
    assert_eq!(end.told_of("cp/1"), "100 terminated");
    let killed = end.tasks.iter().find(|it| it.on == "cp/1").expect("a task");
    assert_eq!(killed.life(), "0 PENDING, 0 RUNNING, 100 STOPPED");
    assert!(
        killed
            .why
            .starts_with("TerminationNotice: Host EC2 (instance i-"),
        "{}",
        killed.why
    );
}

// Draining on, protection off: the victim is set DRAINING and waits for its tasks.
#[test]
fn scale_in_drains() {
    let end = end(two_of_three("managedDraining: ENABLED").until("700s"));
    assert_eq!(end.told_of("cp/1"), "100 draining, 630 terminated");
}

// It waits at most 48 h.
#[test]
fn a_managed_drain_ends() {
    let case = busy(fixed("", 1).lasts("100h"), 1)
        .at("100s")
        .does("updateAutoScalingGroup: {capacityProvider: cp, desiredCapacity: 0}");
    let end = end(case.until("60h"));
    assert_eq!(end.told_of("cp/1"), "100 draining, 172900 terminated");
}

// Daemon tasks stop last in a managed drain; here the daemon takes 5 s to do so.
#[test]
fn daemons_stop_last_in_a_managed_drain() {
    let case = busy(fixed("", 1).lasts("630s"), 1)
        .other_task("watch", 0, 100)
        .lasts("1h")
        .life("onSigterm: {duration: {distribution: constant, value: 5s}}")
        .service("watch", "schedulingStrategy: DAEMON");
    let case = case
        .at("100s")
        .does("updateAutoScalingGroup: {capacityProvider: cp, desiredCapacity: 0}");
    let end = end(case);
    assert_eq!(end.told_of("cp/1"), "100 draining, 635 terminated");
    let daemon = end.tasks.iter().find(|it| it.task.deployment > 0);
    assert_eq!(
        daemon.expect("a daemon").life(),
        "0 PENDING, 0 RUNNING, 630 STOPPING, 635 STOPPED"
    );
}

// Warm pools shorten the launch delay: of two instances one comes out of the pool after 20 s.
#[test]
fn a_warm_pool_shortens_the_launch() {
    let group = "maxSize: 10, warmPool: {size: 1, bootTime: 20s}";
    let case = Case::new()
        .scaled("cp", "", group)
        .task(1024, 2048)
        .run(1, ON_CP);
    let end = end(case.until("10m"));
    assert_eq!(end.when("cp/1 registered"), [80.0]);
    assert_eq!(end.when("cp/2 registered"), [180.0]);
    assert_eq!(end.task(1).life(), "0 PROVISIONING, 80 PENDING, 80 RUNNING");
}

// Scale-out is blocked while any instance of the group is younger than instanceWarmupPeriod since
// launch: the second need is met at 60 + 300 s.
#[test]
fn scale_out_waits_for_the_warm_up() {
    let case = ask(scaled("", 1), 3, "").at("200s");
    let end = end(ask(case, 4, "").until("10m"));
    // One task waits for a second instance; of the four at 200 s one finds room there.
    assert_eq!(end.told_of("cp desired"), "0 1, 60 2, 360 4");
}

// Tasks with launchType are ignored by the provider's scaling; but [U-37] they make its instance
// non-empty.
#[test]
fn tasks_of_a_launch_type_on_a_providers_instance() {
    let on_ec2 = scaled("", 1).run(3, "launchType: EC2");
    let end = check_metric(on_ec2, "100.0", "0 1");
    assert_eq!(end.last().failures, ["RESOURCE:CPU"]);
}

/// A strategy of these items on a cluster with the providers p and q, and what is wrong with it.
fn strategy_error(items: &str) -> String {
    let group = "autoScalingGroup: {registeredResources: {CPU: 1, MEMORY: 1}, maxSize: 1}";
    let case = Case::new()
        .provider(&format!("name: p, {group}"))
        .provider(&format!("name: q, {group}"))
        .provider("name: FARGATE")
        .definition(
            "networkMode: awsvpc, cpu: 256, memory: 512, containerDefinitions: [{name: app}]",
        );
    let fields = format!(
        "capacityProviderStrategy: [{items}], {}",
        network("subnet-a")
    );
    let error = case.run(1, &fields).error();
    let rest = error.strip_prefix("workloads[0].runTask.capacityProviderStrategy");
    rest.expect("an error of the strategy").to_owned()
}

// Two items with base; all weights 0; one item, weight left out; provider not associated; FARGATE
// with an ASG provider: IPE each.
#[test]
fn ecs_g104() {
    let weightless = ": InvalidParameterException: There are no capacity providers in the capacity \
                      provider strategy with a weight value greater than zero";
    let p = "{capacityProvider: p, weight: 1, base: 1}";
    for (items, error) in [
        (
            format!("{p}, {{capacityProvider: q, weight: 1, base: 1}}"),
            ": InvalidParameterException: There are multiple capacity providers in the specified \
             capacity provider strategy with a base value defined",
        ),
        (
            "{capacityProvider: p, weight: 0}, {capacityProvider: q, weight: 0}".to_owned(),
            weightless,
        ),
        ("{capacityProvider: p}".to_owned(), weightless),
        (
            format!("{p}, {{capacityProvider: r, weight: 1}}"),
            "[1].capacityProvider: InvalidParameterException: The specified capacity provider \
             strategy cannot contain a capacity provider that is not associated with the cluster.",
        ),
        (
            format!("{p}, {{capacityProvider: FARGATE, weight: 1}}"),
            ": InvalidParameterException: Fargate and Auto Scaling group capacity providers cannot be \
             used in one strategy",
        ),
    ] {
        assert_eq!(strategy_error(&items), error, "{items}");
    }
}

/// An instance full with two tasks, of which one ends after 30 s; then A (large) and B (small) wait.
fn large_before_small() -> Case {
    let case = ask(fixed("", 1), 1, "").lasts("30s");
    ask(case, 1, "")
        .lasts("1h")
        .at("1s")
        .other_task("A", 2048, 4096)
        .run(1, ON_CP)
        .at("2s")
        .other_task("B", 1024, 2048)
        .run(1, ON_CP)
        .until("10m")
}

// Waiting tasks A (large) and B (small), room only for B: B passes A [U-33].
#[test]
fn ecs_c9() {
    let passing = end(large_before_small());
    assert_eq!(passing.task(3).life(), "1 PROVISIONING");
    assert_eq!(
        passing.task(4).life(),
        "2 PROVISIONING, 30 PENDING, 30 RUNNING"
    );
    let strict = end(large_before_small().assuming("waitingOrder: head-of-line"));
    assert_eq!(strict.task(3).life(), "1 PROVISIONING");
    assert_eq!(strict.task(4).life(), "2 PROVISIONING");
}

// Waiting 15 min in PROVISIONING: STOPPED TaskFailedToStart [U-35], the last failing reason.
#[test]
fn ecs_c10() {
    let case = ask(fixed("", 1), 2, "").at("30s");
    let end = end(ask(case, 1, ""));
    assert_eq!(end.task(3).life(), "30 PROVISIONING, 930 STOPPED");
    assert_eq!(
        end.task(3).why,
        "TaskFailedToStart: TaskFailedToStart: RESOURCE:CPU"
    );
    assert_eq!(end.task(3).task.host, None);
}

// A task that waits is stopped by StopTask: STOPPED at once.
#[test]
fn a_waiting_task_is_told_to_stop() {
    let case = fixed("", 1)
        .other_task("big", 4096, 100)
        .run(1, ON_CP)
        .at("30s")
        .does("stopTask: {workload: call-0}");
    let end = end(case);
    assert_eq!(end.task(1).life(), "0 PROVISIONING, 30 STOPPED");
    assert_eq!(end.task(1).why, "UserInitiated: Task stopped by user");
}

// At most 500 tasks of a cluster wait; a further call fails as a whole.
#[test]
fn a_cluster_has_a_quota_of_waiting_tasks() {
    let full = ask(fixed("", 0), 495, "");
    let end = end(full.clone().run(10, ON_CP));
    assert_eq!(end.tasks.len(), 495);
    let quota = ["ClientException: too many tasks in PROVISIONING"];
    assert_eq!(end.last().failures, quota);
    let end = End::of(full.run(5, ON_CP).plan());
    assert_eq!((end.tasks.len(), end.last().failures.len()), (500, 0));
}

// A service's waiting tasks are re-created by the scheduler after they give up; as tasks that
// never ran, after 15 s [U-44].
#[test]
fn a_service_creates_waiting_tasks_again() {
    let end = end(fixed("", 0).service("web", &format!("desiredCount: 1, {ON_CP}")));
    assert_eq!(end.task(1).life(), "0 PROVISIONING, 900 STOPPED");
    assert_eq!(
        end.task(1).why,
        "TaskFailedToStart: TaskFailedToStart: EMPTY CAPACITY PROVIDER"
    );
    assert_eq!(end.task(2).life(), "915 PROVISIONING");
}

// The choice of provider is not revised if that provider is full: its tasks wait although another
// has room.
#[test]
fn a_full_provider_keeps_its_tasks() {
    let group = |size: u32| format!("maxSize: {size}, desiredCapacity: {size}");
    let case = Case::new()
        .scaled("A", "", &group(0))
        .scaled("B", "", &group(4))
        .task(1024, 2048)
        .run(4, &providers(&[("A", 0, 1), ("B", 0, 1)]));
    let end = end(case.until("5m"));
    let on = |name: &str| {
        let tasks = end.tasks.iter();
        tasks
            .filter(|it| it.on.split('/').next() == Some(name))
            .count()
    };
    assert_eq!((on("B"), on("")), (2, 2));
}
