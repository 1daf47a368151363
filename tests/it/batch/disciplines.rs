//! Queue disciplines of the simulator's own, and jobs of several nodes in traces. The numbers of each
//! case are derived in its comment.

use std::fs;

use stowplan::engine;
use stowplan::engine::job::{Job, JobStatus};
use stowplan::metrics::Metrics;
use stowplan::scenario;
use stowplan::time::SimTime;

use super::case::Case;

/// So many instances of one slot, and a queue under a discipline.
fn slots(count: u32, discipline: &str) -> Case {
    let fields = format!(
        "type: UNMANAGED, multiNodeJobs: true, \
         containerInstances: [{{count: {count}, registeredResources: {{CPU: 1024, MEMORY: 1024}}}}]"
    );
    let queue = match discipline {
        "" => "priority: 1".to_owned(),
        _ => format!("priority: 1, discipline: {discipline}"),
    };
    Case::new()
        .environment_of("ce", &fields)
        .queue("q", &["ce"], &queue)
}

/// Two slots. A has one until 100; M wants both and is promised them at 100. S is over by 90 and
/// starts at once; L would not be over by then, not at 0 (110) nor when S ends at 60 (170): it comes
/// when M ends.
fn narrow_and_wide(discipline: &str) -> Case {
    slots(2, discipline)
        .job("A", "1,100,0")
        .timeout(100)
        .job("M", "1,50,0")
        .nodes(2, 0)
        .timeout(60)
        .job("L", "1,60,0")
        .timeout(110)
        .job("S", "1,60,0")
        .timeout(90)
}

#[test]
fn x_easy_lets_pass_who_is_over_in_time() {
    let ran = narrow_and_wide("x-easy").run();
    assert_eq!(ran.times("S"), (0.0, Some(0.0), Some(60.0)));
    assert_eq!(ran.times("M"), (0.0, Some(100.0), Some(150.0)));
    assert_eq!(ran.times("L"), (0.0, Some(150.0), Some(210.0)));
    assert_eq!(
        (ran.hosts("A"), ran.hosts("S")),
        (vec!["ce/1"], vec!["ce/2"])
    );
    assert_eq!(
        (ran.hosts("M#0"), ran.hosts("M#1")),
        (vec!["ce/1"], vec!["ce/2"])
    );
}

/// Nobody passes M, whatever the lookahead of AWS Batch's own order; that one lets the next job pass,
/// L at 0, which holds M up until it ends at 60 - not until 100, when A ends.
#[test]
fn x_fcfs_lets_nobody_pass() {
    let ran = narrow_and_wide("x-fcfs").assuming("lookahead: 5").run();
    assert_eq!(ran.times("M"), (0.0, Some(100.0), Some(150.0)));
    assert_eq!(ran.times("L"), (0.0, Some(150.0), Some(210.0)));
    assert_eq!(ran.times("S"), (0.0, Some(150.0), Some(210.0)));
    let ran = narrow_and_wide("").assuming("lookahead: 5").run();
    assert_eq!(ran.times("L"), (0.0, Some(0.0), Some(60.0)));
}

/// Four slots. A leaves the first at 10, B has the others until 100 as far as its limit tells. H wants
/// three and is promised the first three at 100. J would run until 110: of four slots one is over, but
/// the one that is free is promised, so J waits. K, over by 100, takes it from 40 to 60; then J would
/// run until 140. B ends when it may last, and H and J start side by side.
#[test]
fn x_easy_promises_slots_by_name() {
    let case = slots(4, "x-easy").job("A", "1,10,0").timeout(60);
    let case = case.job("B", "1,100,0").nodes(3, 0).timeout(100);
    let case = case.at("20s").job("H", "1,30,0").nodes(3, 0).timeout(60);
    let case = case.at("30s").job("J", "1,70,0").timeout(80);
    let ran = case.at("40s").job("K", "1,20,0").timeout(60).run();
    assert_eq!(ran.times("K").1, Some(40.0));
    assert_eq!(ran.hosts("K"), ["ce/1"]);
    assert_eq!(
        (ran.times("H").1, ran.times("J").1),
        (Some(100.0), Some(100.0))
    );
    let nodes = ["H#0", "H#1", "H#2"].map(|node| ran.hosts(node)[0].to_owned());
    assert_eq!(nodes, ["ce/1", "ce/2", "ce/3"]);
    assert_eq!(ran.hosts("J"), ["ce/4"]);
}

/// B may last until 100 and ends at 50: H, promised three slots at 100, has them at 50.
#[test]
fn x_easy_starts_the_first_job_when_it_can() {
    let case = slots(4, "x-easy")
        .job("B", "1,50,0")
        .nodes(3, 0)
        .timeout(100);
    let ran = case.job("H", "1,30,0").nodes(4, 0).timeout(60).run();
    assert_eq!(ran.times("H").1, Some(50.0));
}

/// J waits for the slot that H is promised at 100. H is cancelled at 50, and J starts.
#[test]
fn x_easy_forgets_a_promise_to_a_job_that_goes() {
    let case = slots(2, "x-easy").job("A", "1,100,0").timeout(100);
    let case = case.job("H", "1,30,0").nodes(2, 0).timeout(60);
    let case = case.job("J", "1,30,0").timeout(200);
    let ran = case.at("50s").does("cancelJob: {job: H, reason: x}").run();
    assert_eq!(ran.times("J").1, Some(50.0));
}

/// An instance of 4 vCPU. A has 3 of them until 100; H wants all and is promised them at 100. S is
/// over by then, T is not. A runs into its timeout, as expected.
#[test]
fn x_easy_shares_an_instance() {
    let queue = "priority: 1, discipline: x-easy";
    let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 4, maxvCpus: 4, \
                     instanceTypes: [c5.xlarge]";
    let case = Case::new()
        .environment("ce", resources)
        .queue("q", &["ce"], queue);
    let case = case.job("A", "3,500,0").timeout(100);
    let case = case.job("H", "4,10,0").timeout(60);
    let case = case.job("T", "1,10,0").timeout(101);
    let ran = case.job("S", "1,10,0").timeout(100).run();
    assert_eq!(ran.times("S").1, Some(0.0));
    assert_eq!(ran.times("H").1, Some(100.0));
    assert_eq!(ran.times("T").1, Some(110.0));
}

/// Nothing runs there yet: what an instance will bring, nobody can be promised. They start in order
/// when it comes.
#[test]
fn x_easy_goes_with_instances_that_are_launched() {
    let queue = "priority: 1, discipline: x-easy";
    let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 0, maxvCpus: 4, \
                     instanceTypes: [c5.xlarge]";
    let case = Case::new().environment_with("ce", resources, "bootTime: 30s");
    let case = case
        .queue("q", &["ce"], queue)
        .job("A", "3,50,0")
        .timeout(60);
    let ran = case
        .job("B", "3,10,0")
        .timeout(60)
        .job("C", "1,10,0")
        .timeout(60)
        .run();
    let starts = ["A", "B", "C"].map(|job| ran.times(job).1);
    assert_eq!(starts, [Some(30.0), Some(80.0), Some(30.0)]);
}

/// One slot, in which X, of the shortest limit, runs until 10. Then the shortest limits first, equal ones as they came, and
/// the job without one last. Q comes at 15 with the shortest of those there and is next.
#[test]
fn x_sjf_goes_by_requested_time() {
    let case = slots(1, "x-sjf")
        .job("X", "1,10,0")
        .timeout(60)
        .job("N", "1,10,0");
    let case = case.job("L", "1,10,0").timeout(90);
    let case = case
        .job("S", "1,10,0")
        .timeout(70)
        .job("T", "1,10,0")
        .timeout(70);
    let ran = case.at("15s").job("Q", "1,10,0").timeout(60).run();
    let starts = ["X", "S", "Q", "T", "L", "N"].map(|job| ran.times(job).1);
    let expected = [0, 10, 20, 30, 40, 50].map(|second| Some(f64::from(second)));
    assert_eq!(starts, expected);
}

/// W wants both slots for the shortest time, and nobody passes it though one slot is free.
#[test]
fn x_sjf_lets_nobody_pass_the_shortest() {
    let case = slots(2, "x-sjf").job("A", "1,50,0").timeout(60);
    let case = case.job("L", "1,10,0").timeout(90);
    let ran = case.job("W", "1,10,0").nodes(2, 0).timeout(70).run();
    assert_eq!(
        (ran.times("W").1, ran.times("L").1),
        (Some(50.0), Some(60.0))
    );
}

/// A was submitted before B but waits for Z until 20, when B fails and tries again: it is A's turn,
/// which wants both slots. In AWS Batch's own order B goes first.
#[test]
fn a_retried_job_stands_where_it_was_submitted() {
    let case = |discipline| {
        let case = slots(2, discipline).job("Z", "1,20,0");
        let case = case.job("A", "1,10,0").nodes(2, 0).after(&["Z"]);
        case.job("B", "1,20,1").tries(2).run()
    };
    let ran = case("x-fcfs");
    assert_eq!(ran.times("A").1, Some(20.0));
    assert_eq!(ran.attempts("B"), "0-20 exit 1, 30-50 exit 1");
    let ran = case("");
    assert_eq!(ran.attempts("B"), "0-20 exit 1, 20-40 exit 1");
    assert_eq!(ran.times("A").1, Some(40.0));
}

/// Rows with several nodes, and with timeouts, beside rows of one.
const TRACE: &str = "\
time,jobName,duration,exitCode,vcpus,memory,nodes,timeout
0,wide,30,0,2,512,2,
0,late,200,0,4,512,,90
10,one,5,0,1,512,1,60
";

const SCENARIO: &str = "
name: rows
assumptions: {awsBatch: {nodeStart: 4s}}
batch:
  computeEnvironments:
    - {computeEnvironmentName: ce, type: UNMANAGED, multiNodeJobs: true,
       containerInstances: [{count: 3, registeredResources: {CPU: 4096, MEMORY: 4096}}]}
  jobQueues: [{jobQueueName: q, priority: 1, computeEnvironmentOrder: [{order: 1, computeEnvironment: ce}]}]
  jobDefinitions:
    - {jobDefinitionName: d, type: container, containerProperties: {image: i,
       resourceRequirements: [{type: VCPU, value: '1'}, {type: MEMORY, value: '512'}]}}
workloads:
  - {name: w, submitJob: {jobName: w, jobQueue: q, jobDefinition: d}, arrivals: {process: trace, file: rows.csv}}
";

/// Three instances of 4 vCPU. `wide` has two of them for itself, and its other node runs 4 s after
/// the main one; `late` fills the third and is stopped at its timeout of 90; `one` waits for the
/// instances of `wide`, which come free at 30, though each has 2 vCPUs to spare.
#[test]
fn rows_may_take_several_instances_and_have_timeouts() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rows.csv"), TRACE).expect("written");
    let loaded = scenario::load_text("rows.yaml", SCENARIO, folder.path());
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let mut metrics = Metrics::new();
    let outcome = engine::run(loaded.plan, &mut metrics);
    let checks = metrics.results(&outcome).checks;
    assert!(checks.littles_law && checks.utilization_law);
    let told = |job: &Job| {
        let secs = |at: Option<SimTime>| at.map(SimTime::secs).unwrap_or(-1.0);
        let name = outcome.world.batch.kinds[job.kind].name.clone();
        (
            name,
            job.node(),
            job.status,
            secs(job.times.started),
            secs(job.times.stopped),
        )
    };
    let told: Vec<_> = outcome.jobs.items().iter().map(told).collect();
    let row = |name: &str, node, status, started, stopped| {
        (name.to_owned(), node, status, started, stopped)
    };
    assert_eq!(
        told,
        [
            row("wide", None, JobStatus::Succeeded, 0.0, 30.0),
            row("wide", Some(0), JobStatus::Succeeded, 0.0, 30.0),
            row("wide", Some(1), JobStatus::Succeeded, 4.0, 30.0),
            row("late", None, JobStatus::Failed, 0.0, 90.0),
            row("one", None, JobStatus::Succeeded, 30.0, 35.0),
        ]
    );
    let wide = outcome.jobs.items()[0].kind;
    assert_eq!(outcome.world.batch.kinds[wide].need.cpu, 4096);
}
