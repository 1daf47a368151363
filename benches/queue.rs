//! What waiting jobs cost: a full fleet of AWS Batch, behind which so many jobs are RUNNABLE all the
//! time.
//!
//! Prints nanoseconds an event with 10^3, 10^4 and 10^5 waiting jobs, and how many times more the
//! last costs than the first. The jobs are there from the start and as many arrive as end; what it
//! takes to submit the first ones is measured apart and taken off.

use std::path::Path;
use std::time::Instant;

use stowplan::engine;
use stowplan::metrics::Metrics;
use stowplan::scenario;

/// vCPUs of the fleet: 250 instances of 16.
const VCPUS: u32 = 4_000;

/// vCPUs of the shapes of job, of which there are equally many.
const SHAPES: [u32; 5] = [1, 2, 4, 8, 16];

/// Seconds by which the first jobs are all there.
const BEGUN: u64 = 30;

/// Mean seconds that a job runs.
const MEAN: f64 = 600.0;

fn scenario_text(fleet: &str, queue: &str, share: &str, waiting: u64, horizon: u64) -> String {
    let mut text = format!(
        "name: bench\nhorizon: {horizon}s\nbatch:\n  computeEnvironments: [{{computeEnvironmentName: ce, {fleet}}}]\n  \
         schedulingPolicies: [{{name: fair, fairsharePolicy: {{shareDecaySeconds: 600, computeReservation: 10}}}}]\n  \
         jobQueues: [{{jobQueueName: q, priority: 1, computeEnvironmentOrder: [{{order: 1, computeEnvironment: ce}}]{queue}}}]\n  \
         jobDefinitions:\n"
    );
    let mut workloads = String::from("workloads:\n");
    let mean_vcpus = f64::from(SHAPES.iter().sum::<u32>()) / SHAPES.len() as f64;
    let per_second = f64::from(VCPUS) / mean_vcpus / MEAN / SHAPES.len() as f64;
    let each = waiting / SHAPES.len() as u64;
    for vcpus in SHAPES {
        text.push_str(&format!(
            "    - {{jobDefinitionName: d{vcpus}, type: container, containerProperties: {{image: i, resourceRequirements: \
             [{{type: VCPU, value: \"{vcpus}\"}}, {{type: MEMORY, value: \"1024\"}}]}}}}\n"
        ));
        let share = match share {
            "" => String::new(),
            _ => format!(", shareIdentifier: {share}{vcpus}"),
        };
        for (name, arrivals) in [
            (
                "first",
                format!("{{process: every, interval: 1ms, count: {each}}}"),
            ),
            (
                "more",
                format!("{{process: poisson, rate: {per_second}/s}}"),
            ),
        ] {
            workloads.push_str(&format!(
                "  - {{name: {name}{vcpus}, submitJob: {{jobName: j, jobQueue: q, jobDefinition: d{vcpus}{share}}}, \
                 arrivals: {arrivals}, container: {{duration: {{distribution: exponential, mean: {MEAN}s}}}}}}\n"
            ));
        }
    }
    text + &workloads
}

/// Seconds and events of a run.
fn run(text: &str) -> (f64, u64) {
    let plan = scenario::load_text("bench.yaml", text, Path::new(""))
        .unwrap_or_else(|problems| panic!("{problems}"))
        .plan;
    let mut metrics = Metrics::new();
    let start = Instant::now();
    let outcome = engine::run(plan, &mut metrics);
    (start.elapsed().as_secs_f64(), outcome.events)
}

fn main() {
    let unmanaged = format!(
        "type: UNMANAGED, unmanagedvCpus: {VCPUS}, containerInstances: [{{count: {}, instanceType: c5.4xlarge}}]",
        VCPUS / 16
    );
    let managed = format!(
        "type: MANAGED, bootTime: 0s, computeResources: {{type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, \
         minvCpus: 0, maxvCpus: {VCPUS}, instanceTypes: [c5.4xlarge], instanceRole: r}}"
    );
    for (name, fleet, queue, share) in [
        ("first in, first out, unmanaged", &unmanaged, "", ""),
        ("first in, first out, EC2", &managed, "", ""),
        (
            "fair share, EC2",
            &managed,
            ", schedulingPolicyArn: fair",
            "s",
        ),
    ] {
        let mut costs = Vec::new();
        for waiting in [1_000, 10_000, 100_000] {
            let (begun, first) = run(&scenario_text(fleet, queue, share, waiting, BEGUN));
            let (secs, events) = run(&scenario_text(fleet, queue, share, waiting, BEGUN + 20_000));
            let cost = (secs - begun) / (events - first) as f64 * 1e9;
            println!("{name}: {waiting} jobs wait: {cost:.0} ns an event, {events} events");
            costs.push(cost);
        }
        println!(
            "{name}: {:.2} times from first to last",
            costs[2] / costs[0]
        );
    }
}
