//! Single jobs: states, cancel and terminate, queues that take none.

use stowplan::engine::job::Request;

use super::case::{Case, EXITED};

#[test]
fn batch_g1_a_job_runs_and_succeeds() {
    let ran = Case::new().job("J", "1,10,0").run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.times("J"), (0.0, Some(0.0), Some(10.0)));
    assert_eq!(ran.attempts("J"), "0-10 exit 0");
    assert_eq!(ran.reason("J"), EXITED);
}

#[test]
fn batch_g2_without_a_retry_strategy_there_is_one_attempt() {
    let ran = Case::new().job("J", "1,10,1").run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@0 FL@10");
    assert_eq!(ran.attempts("J"), "0-10 exit 1");
}

#[test]
fn batch_g4_a_job_waits_for_room() {
    let ran = Case::new().job("A", "4,10,0").job("B", "4,10,0").run();
    assert_eq!(ran.end("A").0, "OK@10");
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@10 RG@10 OK@20");
}

#[test]
fn batch_g5_more_than_max_vcpus_is_never_placed() {
    let ran = Case::new().job("J", "8,10,0").run();
    assert_eq!(ran.states("J"), "SB@0 RN@0");
    let reason = ran.reason("J");
    let expected = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE";
    assert!(reason.starts_with(expected), "{reason}");
}

#[test]
fn batch_g6_more_memory_than_any_type_has_is_never_placed() {
    let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 4, maxvCpus: 64, \
                     instanceTypes: [c5.xlarge]";
    let case = Case::new().environment("ce", resources);
    let ran = case.job("J", "1,10,0").memory(20_000).run();
    assert_eq!(ran.states("J"), "SB@0 RN@0");
    let reason = ran.reason("J");
    let expected = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT";
    assert!(reason.starts_with(expected), "{reason}");
    assert_eq!(ran.instances("ce"), ["c5.xlarge 0/0/-"]);
}

#[test]
fn batch_g7_cancel_ends_a_job_that_waits() {
    let case = Case::new().job("A", "4,10,0").job("B", "4,10,0");
    let ran = case.at("5s").does("cancelJob: {job: B, reason: x}").run();
    assert_eq!(ran.states("B"), "SB@0 RN@0 FL@5");
    assert_eq!(ran.reason("B"), "x");
    assert_eq!(ran.attempts("B"), "");
    assert_eq!(ran.request("B"), Some((Request::Cancel, "x")));
    assert_eq!(ran.end("A").0, "OK@10");
}

/// What CancelJob leaves alone may still be retried [B-20].
#[test]
fn batch_g7_cancel_has_no_effect_on_a_job_that_runs() {
    let case = Case::new()
        .job("A", "4,10,0")
        .attempts("10,1 10,0")
        .tries(2);
    let ran = case.at("5s").does("cancelJob: {job: A, reason: x}").run();
    assert_eq!(ran.attempts("A"), "0-10 exit 1, 10-20 exit 0");
    assert_eq!(ran.end("A"), ("OK@20".to_owned(), EXITED.to_owned()));
    assert_eq!(ran.request("A"), None);
}

#[test]
fn batch_g9_terminate_ends_a_job_that_runs_for_good() {
    let case = Case::new().job("J", "1,100,0").tries(3);
    let ran = case
        .at("5s")
        .does("terminateJob: {job: J, reason: stop}")
        .run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@0 FL@5");
    assert_eq!(ran.reason("J"), "stop");
    assert_eq!(ran.attempts("J"), "0-5 exit 137");
    assert_eq!(ran.attempt_reasons("J"), ["stop"]);
    assert_eq!(ran.request("J"), Some((Request::Terminate, "stop")));
}

/// In STARTING there is no container that could take its time.
#[test]
fn batch_g9_terminate_ends_a_starting_job_at_once() {
    let case = Case::new().assuming("termGrace: 20s").job("J", "1,10,0");
    let duration = "duration: {distribution: constant, value: 10s}";
    let pull = "imagePull: {distribution: constant, value: 60s}";
    let case = case.tries(3).container(&format!("{duration}, {pull}"));
    let ran = case
        .at("5s")
        .does("terminateJob: {job: J, reason: stop}")
        .run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 FL@5");
    assert_eq!(ran.reason("J"), "stop");
    assert_eq!(ran.times("J"), (0.0, None, Some(5.0)));
    assert!(
        ran.attempts("J").starts_with("?-5"),
        "{}",
        ran.attempts("J")
    );
}

#[test]
fn batch_g10_terminate_ends_a_job_that_waits() {
    let case = Case::new().job("A", "4,10,0").job("B", "4,10,0");
    let ran = case
        .at("5s")
        .does("terminateJob: {job: B, reason: x}")
        .run();
    assert_eq!(ran.states("B"), "SB@0 RN@0 FL@5");
    assert_eq!(ran.attempts("B"), "");
    assert_eq!(ran.request("B"), Some((Request::Terminate, "x")));
}

#[test]
fn batch_g11_a_disabled_queue_takes_no_jobs_and_runs_those_it_has() {
    let case = Case::new().job("A", "4,10,0").job("B", "4,10,0");
    let case = case
        .at("1s")
        .does("updateJobQueue: {jobQueue: q, state: DISABLED}");
    let ran = case.at("2s").job("C", "1,10,0").run();
    assert_eq!(ran.refused, ["C"]);
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@10 RG@10 OK@20");
}

/// The part without a multi-node job: who merely waits is given no reason.
#[test]
fn batch_g129_a_head_that_waits_for_room_is_not_blocked() {
    let case = Case::new().job("A", "4,10,0").job("B", "4,10,0");
    let ran = case.until("6s").run();
    assert_eq!(ran.states("B"), "SB@0 RN@0");
    assert_eq!(ran.reason("B"), "");
}

#[test]
fn batch_g135_jobs_without_run_time_pass_in_one_instant() {
    let case = Case::new().job("A", "1,0,0");
    let case = case.job("B", "1,0,0").after(&["A"]);
    let ran = case.job("C", "1,0,1").tries(3).run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@0 RG@0 OK@0");
    assert_eq!(ran.states("B"), "SB@0 PD@0 RN@0 ST@0 RG@0 OK@0");
    assert_eq!(ran.end("C").0, "FL@0");
    assert_eq!(ran.attempts("C"), "0-0 exit 1, 0-0 exit 1, 0-0 exit 1");
}

#[test]
fn a_job_with_too_long_overrides_is_taken_and_fails() {
    let long = format!("containerOverrides: {{command: [{}]}}", "x".repeat(8_200));
    let case = Case::new().job("A", "1,10,0").submit(&long);
    let case = case.job("B", "1,10,0").submit(&long).array(2);
    let ran = case.job("C", "1,10,0").after(&["A"]).run();
    let text = "Container Overrides length must be at most 8192";
    assert_eq!(ran.states("A"), "SB@0 FL@0");
    assert_eq!(ran.reason("A"), text);
    assert_eq!(ran.states("B"), "SB@0 PD@0 FL@0");
    assert_eq!(ran.reason("B:1"), text);
    assert_eq!(ran.reason("C"), "Dependent Job failed");
}
