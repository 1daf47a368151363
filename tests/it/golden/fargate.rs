//! Section 9 and its cases in 12.5 and 12.6: Fargate, where nobody sees an instance.

use stowplan::report::wording;

use super::case::{Case, End, network, providers};

/// The task definition of these fields for network mode awsvpc.
fn fargate(fields: &str) -> Case {
    Case::new().definition(&format!(
        "requiresCompatibilities: [FARGATE], networkMode: awsvpc, \
         containerDefinitions: [{{name: app}}], {fields}"
    ))
}

/// A call under launch type FARGATE, with more fields.
fn launch(fields: &str) -> String {
    format!("launchType: FARGATE, {}, {fields}", network("subnet-a"))
}

fn sized(cpu: u32, memory: u32) -> Case {
    fargate(&format!("cpu: {cpu}, memory: {memory}")).run(1, &launch(""))
}

/// That ECS accepts the definition and the task, and Fargate runs it, with the delays of the default choices: 17.7 s.
fn check_accepted(case: &Case) {
    let end = End::of(case.plan());
    assert_eq!(
        end.task(1).life(),
        "0 PROVISIONING, 17.7 PENDING, 17.7 RUNNING"
    );
}

fn check_rejected(case: &Case) {
    assert_eq!(
        case.error(),
        "taskDefinitions[0].cpu: ClientException: No Fargate configuration exists for given values."
    );
}

/// A Fargate Spot task whose container ignores SIGTERM and has two minutes.
fn spot() -> Case {
    fargate("cpu: 256, memory: 512")
        .definition(
            "networkMode: awsvpc, cpu: 256, memory: 512, \
             containerDefinitions: [{name: app, stopTimeout: 120}]",
        )
        .provider("name: FARGATE_SPOT")
        .life("onSigterm: {ignores: true}")
}

fn on_spot() -> String {
    format!(
        "{}, {}",
        providers(&[("FARGATE_SPOT", 0, 1)]),
        network("subnet-a")
    )
}

// Fargate Spot notice at t, stopTimeout 120: SIGTERM t, SIGKILL by t+120, SpotInterruption.
#[test]
fn ecs_g90() {
    let case = spot()
        .run(1, &on_spot())
        .at("200s")
        .does("interruptFargateSpot: {workload: call-0}");
    let end = End::of(case.plan());
    let task = end.task(1);
    assert_eq!(
        task.life(),
        "0 PROVISIONING, 17.7 PENDING, 17.7 RUNNING, 200 STOPPING, 320 DEPROVISIONING, 342.8 STOPPED"
    );
    assert_eq!(
        task.why,
        "SpotInterruption: Your Spot Task was interrupted."
    );
    assert_eq!(task.exit_code(), Some(137));
}

// Its service replaces it if capacity exists: at the notice, with a full quota only when the old
// task is gone and the service asks again.
#[test]
fn a_service_replaces_an_interrupted_task() {
    let case = spot()
        .service("web", &format!("desiredCount: 1, {}", on_spot()))
        .at("200s")
        .does("interruptFargateSpot: {service: web}");
    let end = End::of(case.plan());
    assert_eq!(end.tasks.len(), 2);
    assert_eq!(
        end.task(2).life(),
        "200 PROVISIONING, 217.7 PENDING, 217.7 RUNNING"
    );
}

// FARGATE is not used in place of Spot unless the strategy names it; when it does, base and weight
// divide the tasks.
#[test]
fn tasks_of_both_providers() {
    let both = providers(&[("FARGATE", 1, 1), ("FARGATE_SPOT", 0, 3)]);
    let case = fargate("cpu: 256, memory: 512")
        .provider("name: FARGATE")
        .provider("name: FARGATE_SPOT")
        .run(9, &format!("{both}, {}", network("subnet-a")))
        .at("200s")
        .does("interruptFargateSpot: {workload: call-0}");
    let end = End::of(case.plan());
    // One of base, and of the other eight 2 and 6; the interruption is Spot's alone.
    let of = |name: &str| {
        let on = |it: &&super::case::Witnessed| {
            wording::capacity_provider(&it.task, &end.outcome.world) == Some(name)
        };
        let tasks: Vec<_> = end.tasks.iter().filter(on).collect();
        let stopped = tasks.iter().filter(|it| !it.task.is_desired()).count();
        (tasks.len(), stopped)
    };
    assert_eq!((of("FARGATE"), of("FARGATE_SPOT")), ((3, 0), (6, 6)));
}

// Fargate sizes 256/512, 512/4096, 1024/8192, 2048/16384, 4096/30720, 8192/61440, 16384/122880:
// accepted.
#[test]
fn ecs_g105() {
    for (cpu, memory) in [
        (256, 512),
        (512, 4096),
        (1024, 8192),
        (2048, 16384),
        (4096, 30720),
        (8192, 61440),
        (16384, 122_880),
    ] {
        check_accepted(&sized(cpu, memory));
    }
}

// 256/768, 256/4096, 512/512, 1024/1024, 2048/2048, 4096/31744, 8192/18432, 16384/36864,
// 16384/40000: rejected.
#[test]
fn ecs_g106() {
    for (cpu, memory) in [
        (256, 768),
        (256, 4096),
        (512, 512),
        (1024, 1024),
        (2048, 2048),
        (4096, 31744),
        (8192, 18432),
        (16384, 36864),
        (16384, 40000),
    ] {
        check_rejected(&sized(cpu, memory));
    }
}

// Windows Fargate 512/1024, 8192/16384: rejected. 1024/2048 is in the table for Windows too.
#[test]
fn ecs_g107() {
    let windows = |cpu: u32, memory: u32| {
        fargate(&format!(
            "cpu: {cpu}, memory: {memory}, \
             runtimePlatform: {{operatingSystemFamily: WINDOWS_SERVER_2022_CORE}}"
        ))
        .run(1, &launch(""))
    };
    check_rejected(&windows(512, 1024));
    check_rejected(&windows(8192, 16384));
    check_accepted(&windows(1024, 2048));
}

// 32768/61440: accepted only with the newest table.
#[test]
fn ecs_g109() {
    check_rejected(&sized(32768, 61440));
    check_accepted(&sized(32768, 61440).assuming("fargateSizes: newest"));
}

// S3 example: overrides 512/3072, container 512/3072, Fargate: accepted; task shows cpu 512 memory
// 3072.
#[test]
fn ecs_g110_on_fargate() {
    let overrides = "overrides: {cpu: 512, memory: 3072, \
                     containerOverrides: [{name: app, cpu: 512, memory: 3072}]}";
    let case = Case::new()
        .definition(
            "networkMode: awsvpc, cpu: 256, memory: 1024, \
             containerDefinitions: [{name: app, cpu: 256, memory: 1024}]",
        )
        .run(1, &launch(overrides));
    let end = End::of(case.plan());
    let task = &end.task(1).task;
    let size = end.outcome.world.templates[task.template].demand.resources;
    assert_eq!((size.cpu, size.memory), (512, 3072));
}

// Tasks are spread over the zones of the given subnets; ties in subnet order (choice).
#[test]
fn tasks_spread_over_the_zones_of_the_subnets() {
    let subnets = "launchType: FARGATE, networkConfiguration: \
                   {awsvpcConfiguration: {subnets: [subnet-b, subnet-a]}}";
    let case = fargate("cpu: 256, memory: 512").run(3, subnets);
    let end = End::of(case.plan());
    let zones = end
        .tasks
        .iter()
        .map(|it| wording::availability_zone(&it.task, &end.outcome.world));
    assert_eq!(zones.collect::<Vec<_>>(), [Some("b"), Some("a"), Some("b")]);
}

// Capacity is unlimited unless a quota says otherwise: 4 vCPU take two tasks of 2 vCPU. What a
// stopping task holds is free at STOPPED: 100 s and 22.8 s after its start.
#[test]
fn a_full_quota_is_a_lack_of_capacity() {
    let case = fargate("cpu: 2048, memory: 4096")
        .fargate("onDemandVcpuQuota: 4")
        .lasts("100s")
        .run(3, &launch(""));
    let lack = "Capacity is unavailable at this time. Please try again later or in a different \
                availability zone";
    let end = End::of(case.plan());
    assert_eq!(
        (end.tasks.len(), &end.last().failures[..]),
        (2, &[lack][..])
    );
    let gone = case.at("140.5s").run(2, &launch(""));
    let end = End::of(gone.plan());
    assert_eq!((end.tasks.len(), end.last().failures.len()), (4, 0));
}

// Fargate launches: a bucket with refill. Of three tasks two are launched at once; a second later
// there is one more.
#[test]
fn launches_are_throttled() {
    let case = fargate("cpu: 256, memory: 512")
        .fargate("launchRate: {burst: 2, perSecond: 1}")
        .run(3, &launch(""));
    let end = End::of(case.plan());
    assert_eq!(
        (end.tasks.len(), &end.last().failures[..]),
        (2, &["ThrottlingException"][..])
    );
    let later = case.at("1s").run(2, &launch(""));
    assert_eq!(End::of(later.plan()).tasks.len(), 3);
}
