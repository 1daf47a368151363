//! Runs without a horizon end when nothing can bring any work on, and not before.

use std::path::Path;

use stowplan::engine;
use stowplan::metrics::Metrics;
use stowplan::scenario;

/// When the run ends in seconds, and how many tasks are stopped, alive and waiting then.
fn check(scenario: &str, end: f64, tasks: [u64; 3]) {
    let loaded = scenario::load_text("ending.yaml", scenario, Path::new(""));
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let mut metrics = Metrics::new();
    let outcome = engine::run(loaded.plan, &mut metrics);
    let results = metrics.results(&outcome);
    let counts = &results.tasks;
    let alive = outcome.live.len() as u64;
    assert_eq!(
        (results.end, [counts.stopped, alive, counts.waiting]),
        (end, tasks)
    );
}

/// Only the head of a queue is ever refused, and the minute of the group goes on for ever.
#[test]
fn a_queue_that_nothing_can_serve() {
    let scenario = "
name: queue
clusters: [{containerInstances: [{registeredResources: {CPU: 256, MEMORY: 256}}],
  capacityProviders: [{name: asg, autoScalingGroup: {registeredResources: {CPU: 256, MEMORY: 256}, maxSize: 1}}]}]
taskDefinitions: [{family: job, containerDefinitions: [{name: job, cpu: 512, memory: 512}]}]
workloads: [{name: w, runTask: {taskDefinition: job, launchType: EC2}, arrivals: {process: every, interval: 1m, count: 3},
  containers: {job: {duration: {distribution: constant, value: 90s}}}, onFailure: {queue: x-fcfs}}]
";
    check(scenario, 120.0, [0, 0, 3]);
}

/// A task that gives up in PROVISIONING makes room for the next under the cluster's limit.
#[test]
fn a_queue_behind_the_limit_of_waiting_tasks() {
    let scenario = "
name: limit
clusters: [{capacityProviders: [{name: asg, autoScalingGroupProvider: {managedScaling: {status: ENABLED}},
  autoScalingGroup: {registeredResources: {CPU: 256, MEMORY: 256}, maxSize: 1}}]}]
taskDefinitions: [{family: job, containerDefinitions: [{name: job, cpu: 512, memory: 512}]}]
assumptions: {provisioningTaskLimit: 1}
workloads: [{name: w, runTask: {taskDefinition: job, capacityProviderStrategy: [{capacityProvider: asg, weight: 1}]},
  arrivals: {process: every, interval: 1m, count: 2}, containers: {job: {duration: {distribution: constant, value: 90s}}},
  onFailure: {queue: x-fcfs}}]
";
    // The first waits from 0 for 15 minutes, then the second for as long: each gives up in its turn.
    let loaded = scenario::load_text("ending.yaml", scenario, Path::new("")).expect("it loads");
    let mut metrics = Metrics::new();
    let outcome = engine::run(loaded.plan, &mut metrics);
    assert_eq!(metrics.results(&outcome).tasks.stopped, 2);
}

/// Two callers that pass the limit do not keep each other's hopes up.
#[test]
fn callers_beyond_the_limit_of_waiting_tasks() {
    let caller = |name, at| {
        format!(
            "  - {{name: {name}, runTask: {{taskDefinition: job, count: 5, capacityProviderStrategy: [{{capacityProvider: g, weight: 1}}]}},
     arrivals: {{process: at, times: [{at}]}}, containers: {{job: {{duration: {{distribution: constant, value: 1h}}}}}},
     onFailure: {{retry: {{first: 10s}}}}}}\n"
        )
    };
    let scenario = format!(
        "
name: limits
clusters: [{{capacityProviders: [{{name: g, autoScalingGroupProvider: {{managedScaling: {{status: ENABLED}}}},
  autoScalingGroup: {{instanceTypes: [m5.large], minSize: 1, maxSize: 1}}}}]}}]
assumptions: {{provisioningTaskLimit: 1}}
taskDefinitions: [{{family: job, containerDefinitions: [{{name: job, cpu: 1024, memory: 512}}]}}]
workloads:
{}{}",
        caller("a", "0s"),
        caller("b", "1s")
    );
    check(&scenario, 1.0, [0, 0, 10]);
}

/// A task that runs until it is stopped, when nobody is there to stop it.
#[test]
fn a_task_without_an_end() {
    let scenario = "
name: endless
clusters: [{containerInstances: [{registeredResources: {CPU: 4096, MEMORY: 4096}}],
  capacityProviders: [{name: asg, autoScalingGroup: {registeredResources: {CPU: 256, MEMORY: 256}, maxSize: 1}}]}]
taskDefinitions: [{family: job, containerDefinitions: [
  {name: job, cpu: 512, memory: 512, restartPolicy: {enabled: true, restartAttemptPeriod: 60}}]}]
workloads: [{name: w, runTask: {taskDefinition: job, launchType: EC2}, arrivals: {process: at, times: [0s]},
  containers: {job: {duration: {distribution: constant, value: 90s}}}}]
";
    check(scenario, 0.0, [0, 1, 0]);
}

/// A Spot instance that will be reclaimed, and replaced, is something to wait for.
#[test]
fn a_reclaim_that_brings_a_replacement() {
    let scenario = "
name: reclaim
clusters: [{capacityProviders: [{name: g, autoScalingGroup:
  {instanceTypes: [m5.large], minSize: 1, maxSize: 1, purchase: spot, spotDraining: true}}]}]
taskDefinitions: [{family: job, containerDefinitions: [{name: job, cpu: 1024, memory: 512}]}]
workloads: [{name: jobs, runTask: {taskDefinition: job}, arrivals: {process: at, times: [20s]},
  containers: {job: {duration: {distribution: constant, value: 1m}}}, onFailure: {queue: x-fcfs}}]
actions: [{at: 10s, interruptSpotInstances: {containerInstances: [g/1]}}]
";
    // Reclaimed at 130 s, replaced at 250 s, done at 310 s.
    check(scenario, 310.0, [1, 0, 0]);
}

/// The next launch that Fargate grants is something to wait for.
#[test]
fn a_launch_that_is_granted_later() {
    let scenario = "
name: granted
assumptions: {fargateProvisioning: 0s, fargateDeprovisioning: 0s}
clusters: [{capacityProviders: [{name: FARGATE}]}]
taskDefinitions: [{family: job, networkMode: awsvpc, cpu: '256', memory: '512', containerDefinitions: [{name: job}]}]
fargate: {launchRate: {burst: 1, perSecond: 1}}
workloads: [{name: w, runTask: {taskDefinition: job, launchType: FARGATE, count: 3,
  networkConfiguration: {awsvpcConfiguration: {subnets: [s]}}}, arrivals: {process: at, times: [0s]},
  containers: {job: {duration: {distribution: constant, value: 100ms}}}, onFailure: {queue: x-fcfs}}]
";
    check(scenario, 2.1, [3, 0, 0]);
}
