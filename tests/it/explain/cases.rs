//! Ledgers by hand.

use std::path::Path;

use stowplan::engine::Plan;
use stowplan::explain::name::{Name, Nobody, find};
use stowplan::explain::{self, Who};
use stowplan::report::explain::Naming;
use stowplan::scenario::{Loaded, load_text};
use stowplan::time::SimTime;

fn load(text: &str) -> Loaded {
    match load_text("case.yaml", text, Path::new("")) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}\nin\n{text}"),
    }
}

fn who(plan: &Plan, name: &str) -> Result<Who, Nobody> {
    find(plan, &name.parse::<Name>().expect("a name"))
}

/// What is said of one, without the table of instances.
fn told(text: &str, name: &str, at: Option<u64>) -> String {
    let loaded = load(text);
    let at = at.map(|secs| SimTime::from_micros(secs * 1_000_000));
    let who = who(&loaded.plan, name).expect("somebody");
    let (found, outcome) = explain::one(&loaded.plan, who, at).expect("a wait");
    let naming = Naming {
        clock: loaded.names.clock,
        workloads: &loaded.names.workloads,
        jobs: &outcome.jobs,
    };
    let text = naming.one(&found).text();
    let lines = text.lines().filter(|line| !line.is_empty());
    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(text: &str, name: &str, at: Option<u64>, expected: &[&str]) {
    assert_eq!(told(text, name, at), expected.join("\n"));
}

/// One m5.large (2048 CPU units, 7985 MiB) and tasks of 2048 CPU units; fields of the callers.
fn ecs(workloads: &str) -> String {
    format!(
        "name: case
clusters: [{{containerInstances: [{{instanceType: m5.large}}]}}]
taskDefinitions: [{{family: f, containerDefinitions: [{{name: c, cpu: 2048, memory: 512}}]}}]
workloads: [{workloads}]
"
    )
}

fn caller(name: &str, at: &str, on_failure: &str) -> String {
    format!(
        "{{name: {name}, runTask: {{taskDefinition: f}}, arrivals: {{process: at, times: [{at}]}}, \
         onFailure: {on_failure}, containers: {{c: {{duration: {{distribution: constant, value: 100s}}}}}}}}"
    )
}

/// The first task runs from 0 to 100. The second asks every 40 s from 10 on, at 10, 50, 90 and 130;
/// there is room from 100 on.
#[test]
fn a_caller_who_retries_waits_for_room_and_then_for_himself() {
    let retry = "{retry: {first: 40s, factor: 1.0}}";
    let text = ecs(&[caller("a", "0s", retry), caller("b", "10s", retry)].join(", "));
    check(
        &text,
        "b#1",
        None,
        &[
            "task-2 was asked for at 10 and started at 130: 120 s",
            "10 to 100 90 s RESOURCE:CPU",
            "100 to 130 30 s back-off of the caller",
            "at 10 it waited for: RESOURCE:CPU",
            "instance type cpu memory gpu eni why it does not take it",
            "default/1 m5.large 2048 of 0 512 of 7473 0 of 0 0 of 2 RESOURCE:CPU",
            "(what it needs of what is free: CPU units, MiB, GPUs, network interfaces)",
            "each of these would have placed it at 10 (each proved by a run)",
            "one more instance of m5.large in default",
        ],
    );
    // At 110 only the caller stands in the way. The last thing that happened was the end at 100.
    let at_110 = told(&text, "task-2", Some(110));
    assert!(
        at_110.contains("at 100 it waited for: back-off of the caller"),
        "{at_110}"
    );
    let ends = "each of these would have placed it at 100 (each proved by a run)\nits caller asking \
                again at this moment";
    assert!(at_110.ends_with(ends), "{at_110}");
}

/// x-fcfs: at 10 and 20 two more come. The second is head until 100, the third stands behind it until
/// then, and is head from 100 to 200.
#[test]
fn behind_the_head_of_a_queue_it_is_the_order_that_counts() {
    let text = ecs(&caller("q", "0s, 10s, 20s", "{queue: x-fcfs}"));
    check(
        &text,
        "task-3",
        None,
        &[
            "task-3 was asked for at 20 and started at 200: 180 s",
            "20 to 100 80 s queue order",
            "100 to 200 100 s RESOURCE:CPU",
            "at 20 it waited for: queue order",
            "instance type cpu memory gpu eni why it does not take it",
            "default/1 m5.large 2048 of 0 512 of 7473 0 of 0 0 of 2 RESOURCE:CPU",
            "(what it needs of what is free: CPU units, MiB, GPUs, network interfaces)",
            "each of these would have placed it at 20 (each proved by a run)",
            "the first place in its queue, and one more instance of m5.large in default",
        ],
    );
}

/// The first takes 1048 of 2048 CPU units, the second wants 1448: 448 too many.
#[test]
fn the_least_that_a_task_must_ask_less_is_told_to_the_unit() {
    let text = "name: case
clusters: [{containerInstances: [{instanceType: m5.large}]}]
taskDefinitions:
- {family: a, containerDefinitions: [{name: c, cpu: 1048, memory: 512}]}
- {family: b, containerDefinitions: [{name: c, cpu: 1448, memory: 512}]}
workloads:
- {name: a, runTask: {taskDefinition: a}, arrivals: {process: at, times: [0s]}, containers: {c: {duration: {distribution: constant, value: 60s}}}}
- {name: b, runTask: {taskDefinition: b}, arrivals: {process: at, times: [5s]}, onFailure: {queue: x-fcfs}, containers: {c: {duration: {distribution: constant, value: 60s}}}}
";
    let told = told(text, "b#1", None);
    let ends = "448 CPU units less (447 CPU units less is not enough)\n\
                one more instance of m5.large in default";
    assert!(told.ends_with(ends), "{told}");
}

/// A group of none, at most one m5.large. The task comes at 30; managed scaling looks at 60 and
/// launches; 120 s of boot.
#[test]
fn in_provisioning_it_waits_for_the_look_and_for_the_boot() {
    let text = "name: case
horizon: 1h
clusters:
- capacityProviders:
  - {name: grow, autoScalingGroupProvider: {managedScaling: {status: ENABLED}}, autoScalingGroup: {minSize: 0, maxSize: 1, desiredCapacity: 0, instanceTypes: [m5.large], bootTime: 120s}}
taskDefinitions: [{family: f, containerDefinitions: [{name: c, cpu: 2048, memory: 512}]}]
workloads:
- {name: w, runTask: {taskDefinition: f, capacityProviderStrategy: [{capacityProvider: grow, weight: 1}]}, arrivals: {process: at, times: [30s, 40s]}, containers: {c: {duration: {distribution: constant, value: 100s}}}}
";
    check(
        text,
        "task-1",
        None,
        &[
            "task-1 was asked for at 30 and started at 180: 150 s",
            "30 to 60 30 s managed scaling",
            "60 to 180 120 s instance boot",
            "at 30 it waited for: managed scaling",
            "each of these would have placed it at 30 (each proved by a run)",
            "one more instance of m5.large in default",
        ],
    );
    // The group is full from 180 on; the first task ends at 280. At 40 the first would take what comes.
    check(
        text,
        "task-2",
        None,
        &[
            "task-2 was asked for at 40 and started at 280: 240 s",
            "40 to 60 20 s managed scaling",
            "60 to 180 120 s instance boot",
            "180 to 280 100 s maximum size",
            "at 40 it waited for: managed scaling",
            "each of these would have placed it at 40 (each proved by a run)",
            "the first place in its queue, and one more instance of m5.large in default",
        ],
    );
}

/// An environment of c5.xlarge (4 vCPUs) up to `max` vCPUs, and a queue of it.
fn batch(max: u32, queue: &str, workloads: &str) -> String {
    format!(
        "name: case
batch:
  computeEnvironments:
  - {{computeEnvironmentName: ce, type: MANAGED, bootTime: 60s, registeredMemory: {{c5.xlarge: 16384 MiB}}, computeResources: {{type: EC2, allocationStrategy: BEST_FIT, instanceRole: ecsInstanceRole, subnets: [subnet-1], securityGroupIds: [sg-1], minvCpus: 0, maxvCpus: {max}, instanceTypes: [c5.xlarge]}}}}
  schedulingPolicies: [{{name: fair, fairsharePolicy: {{shareDistribution: [{{shareIdentifier: A}}, {{shareIdentifier: B}}]}}}}]
  jobQueues: [{{jobQueueName: q, priority: 1, computeEnvironmentOrder: [{{order: 1, computeEnvironment: ce}}]{queue}}}]
  jobDefinitions:
  - {{jobDefinitionName: large, type: container, containerProperties: {{image: i, resourceRequirements: [{{type: VCPU, value: \"4\"}}, {{type: MEMORY, value: \"512\"}}]}}}}
  - {{jobDefinitionName: small, type: container, containerProperties: {{image: i, resourceRequirements: [{{type: VCPU, value: \"1\"}}, {{type: MEMORY, value: \"512\"}}]}}}}
workloads: [{workloads}]
"
    )
}

fn job(name: &str, what: &str, at: &str, fields: &str) -> String {
    format!(
        "{{name: {name}, submitJob: {{jobName: {name}, jobQueue: q, jobDefinition: {what}{fields}}}, \
         arrivals: {{process: at, times: [{at}]}}, container: {{duration: {{distribution: constant, value: 100s}}}}}}"
    )
}

/// An instance boots from 0 to 60; `a`, which takes all of it, runs to 160. `b`, as
/// large, is the head until then; `c`, small, stands behind it to 260.
#[test]
fn a_blocked_head_holds_up_who_is_behind_it() {
    let jobs = [
        job("a", "large", "0s", ""),
        job("b", "large", "70s", ""),
        job("c", "small", "80s", ""),
    ];
    let text = batch(4, "", &jobs.join(", "));
    check(
        &text,
        "job-1",
        None,
        &[
            "job-1 was asked for at 0 and started at 60: 60 s",
            "0 to 60 60 s instance boot",
            "at 0 it waited for: instance boot",
            "each of these would have placed it at 0 (each proved by a run)",
            "one more instance of c5.xlarge in ce",
        ],
    );
    check(
        &text,
        "b#1",
        None,
        &[
            "job-2 was asked for at 70 and started at 160: 90 s",
            "70 to 160 90 s maximum size",
            "at 70 it waited for: maximum size",
            "instance type cpu memory gpu eni why it does not take it",
            "ce/1 c5.xlarge 4096 of 0 512 of 15872 0 of 0 0 of 3 RESOURCE:CPU",
            "(what it needs of what is free: CPU units, MiB, GPUs, network interfaces)",
            "each of these would have placed it at 70 (each proved by a run)",
            "one more instance of c5.xlarge in ce",
        ],
    );
    let behind = told(&text, "job-3", None);
    let ledger = "job-3 was asked for at 80 and started at 260: 180 s\n80 to 160 80 s queue order\n\
                  160 to 260 100 s maximum size\n";
    assert!(behind.starts_with(ledger), "{behind}");
    let ends = "the first place in its queue, and one more instance of c5.xlarge in ce";
    assert!(behind.ends_with(ends), "{behind}");
}

/// `a` takes one of four vCPUs to 160, `b` wants all four; `c`, behind it, would have room.
#[test]
fn the_first_place_alone_may_be_enough() {
    let jobs = [
        job("a", "small", "0s", ""),
        job("b", "large", "70s", ""),
        job("c", "small", "80s", ""),
    ];
    let text = batch(4, "", &jobs.join(", "));
    let told = told(&text, "job-3", None);
    let ends = "each of these would have placed it at 80 (each proved by a run)\n\
                the first place in its queue";
    assert!(told.ends_with(ends), "{told}");
    let ledger = "job-3 was asked for at 80 and started at 260: 180 s\n80 to 160 80 s queue order";
    assert!(told.starts_with(ledger), "{told}");
}

/// `b` depends on `a`, which boots until 60 and runs until 160; there is an instance then.
#[test]
fn dependencies_come_before_everything() {
    let after = ", dependsOn: [{jobId: a}]";
    let jobs = [job("a", "large", "0s", ""), job("b", "small", "0s", after)];
    check(
        &batch(4, "", &jobs.join(", ")),
        "job-2",
        None,
        &[
            "job-2 was asked for at 0 and started at 160: 160 s",
            "0 to 160 160 s dependency",
        ],
    );
}

/// Share A has a job that runs from 60 to 160, and B none, so that at 160 it is the turn of B,
/// which takes everything: A's second job, older, starts at 260.
#[test]
fn the_turn_of_another_share_is_told_from_the_order_in_one() {
    let share = |share: &str| format!(", shareIdentifier: {share}");
    let jobs = [
        job("a", "large", "0s, 70s", &share("A")),
        job("b", "large", "80s", &share("B")),
    ];
    let text = batch(4, ", schedulingPolicyArn: fair", &jobs.join(", "));
    let told = told(&text, "a#2", None);
    let ledger = "job-2 was asked for at 70 and started at 260: 190 s\n70 to 80 10 s maximum size\n\
                  80 to 160 80 s share\n160 to 260 100 s maximum size\n";
    assert!(told.starts_with(ledger), "{told}");
}

#[test]
fn names_that_mean_nobody_are_told_apart() {
    let jobs = [job("a", "small", "0s", ", arrayProperties: {size: 2}")];
    let plan = load(&batch(4, "", &jobs.join(", "))).plan;
    assert_eq!(who(&plan, "job-1"), Err(Nobody::Parent(2)));
    assert!(matches!(who(&plan, "job-1:1"), Ok(Who::Job(id)) if id.0 == 2));
    assert_eq!(who(&plan, "job-1:2"), Err(Nobody::Unknown));
    assert_eq!(who(&plan, "a#1:1"), who(&plan, "job-1:1"));
    assert!(matches!(who(&plan, "task-1"), Err(Nobody::TaskOfJob(id)) if id.0 == 1));
    assert_eq!(who(&plan, "b#1"), Err(Nobody::NoWorkload("b".to_owned())));
}
