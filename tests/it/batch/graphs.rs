//! Large graphs of jobs, read from a trace: neither their depth nor their edges may cost more than
//! they have to, and none may end in a stack overflow.

use std::fmt::Write;

use stowplan::engine::job::{Job, JobStatus, StatusReason};
use stowplan::engine::{self, Occurrence, Outcome, Recorder, World};
use stowplan::scenario::load_text;
use stowplan::time::SimTime;

const CHAIN: usize = 100_000;
const LAYERS: usize = 51;
const WIDTH: usize = 1_000;
/// Jobs of the layer before it that a job waits for: as many as AWS Batch lets it.
const PARENTS: usize = 20;

struct Nobody;

impl Recorder for Nobody {
    fn record(&mut self, _: SimTime, _: Occurrence<'_>, _: &World) {}
}

/// Runs the jobs of a trace, each with one vCPU, on as many as are asked for.
fn run(trace: &str, vcpus: usize) -> Outcome {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("jobs.csv"), trace).expect("a file");
    let text = format!(
        "{{name: graph, assumptions: {{awsBatch: {{fargateStart: 0s}}}}, batch: {{
          computeEnvironments: [{{computeEnvironmentName: ce, type: MANAGED, computeResources: {{
            type: FARGATE, maxvCpus: {vcpus}, subnets: [subnet-1], securityGroupIds: [sg-1]}}}}],
          jobQueues: [{{jobQueueName: q, priority: 1,
            computeEnvironmentOrder: [{{order: 1, computeEnvironment: ce}}]}}],
          jobDefinitions: [{{jobDefinitionName: d, type: container,
            platformCapabilities: [FARGATE], containerProperties: {{image: i,
              executionRoleArn: \"arn:aws:iam::111122223333:role/execution\",
              resourceRequirements: [
                {{type: VCPU, value: \"1\"}}, {{type: MEMORY, value: \"2048\"}}]}}}}]}},
        workloads: [{{name: A, submitJob: {{jobName: A, jobQueue: q, jobDefinition: d}},
          arrivals: {{process: trace, file: jobs.csv}}}}]}}"
    );
    let plan = match load_text("graph.yaml", &text, directory.path()) {
        Ok(loaded) => loaded.plan,
        Err(problems) => panic!("{problems}"),
    };
    engine::run(plan, &mut Nobody)
}

fn chain(first_exit: u8) -> Outcome {
    let mut trace = "time,jobName,duration,exitCode,dependsOn\n".to_owned();
    writeln!(trace, "0,j0,1,{first_exit},").expect("text");
    for at in 1..CHAIN {
        writeln!(trace, "0,j{at},1,0,j{}", at - 1).expect("text");
    }
    run(&trace, 4)
}

#[test]
fn a_chain_of_100_000_jobs_runs_job_by_job() {
    let outcome = chain(0);
    assert_eq!(outcome.jobs.len(), CHAIN);
    for (at, (_, job)) in (0..).zip(outcome.jobs.iter()) {
        assert_eq!(job.status, JobStatus::Succeeded);
        assert_eq!(
            job.times.started,
            Some(SimTime::from_micros(at * 1_000_000))
        );
    }
}

#[test]
fn a_failure_is_passed_down_a_chain_of_100_000_jobs() {
    let outcome = chain(1);
    let end = Some(SimTime::from_micros(1_000_000));
    let ends = |job: &Job| job.status == JobStatus::Failed && job.times.stopped == end;
    assert!(outcome.jobs.iter().all(|(_, job)| ends(job)));
    let unrun = outcome.jobs.iter().filter(|(_, job)| {
        job.reason == Some(StatusReason::DependencyFailed) && job.attempts.is_empty()
    });
    assert_eq!(unrun.count(), CHAIN - 1);
}

#[test]
fn layers_with_a_million_edges_run_one_after_the_other() {
    let mut trace = "time,jobName,duration,dependsOn\n".to_owned();
    for layer in 0..LAYERS {
        for at in 0..WIDTH {
            write!(trace, "0,j{layer}-{at},1,").expect("text");
            for parent in (0..PARENTS).filter(|_| layer > 0) {
                // Spread over the whole layer, so that every job has as many dependents.
                let parent = (at + parent * 47) % WIDTH;
                write!(trace, "j{}-{parent} ", layer - 1).expect("text");
            }
            trace.push('\n');
        }
    }
    let outcome = run(&trace, WIDTH);
    assert_eq!(outcome.jobs.len(), LAYERS * WIDTH);
    for (number, (_, job)) in (0..).zip(outcome.jobs.iter()) {
        let layer = number / WIDTH as u64;
        assert_eq!(job.status, JobStatus::Succeeded);
        assert_eq!(
            job.times.started,
            Some(SimTime::from_micros(layer * 1_000_000))
        );
    }
}
