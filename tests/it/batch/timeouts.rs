//! Timeouts of attempts.

use super::case::{Case, EXITED, TIMEOUT};

#[test]
fn batch_g71_a_timeout_is_never_retried() {
    let ran = Case::new().job("J", "1,100,0").timeout(60).tries(3).run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@0 FL@60");
    assert_eq!(ran.attempts("J"), "0-60 exit 137");
    assert_eq!(ran.reason("J"), TIMEOUT);
}

#[test]
fn batch_g72_the_clock_starts_when_the_container_runs() {
    let pull = "imagePull: {distribution: constant, value: 120s}";
    let duration = "duration: {distribution: constant, value: 50s}";
    let case = Case::new().job("J", "1,50,0").timeout(60);
    let ran = case.container(&format!("{duration}, {pull}")).run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@120 OK@170");
}

#[test]
fn batch_g75_a_submission_replaces_the_timeout() {
    let case = Case::new().job("J", "1,100,0").timeout(60);
    let ran = case.submit("timeout: {attemptDurationSeconds: 300}").run();
    assert_eq!(ran.end("J").0, "OK@100");
}

#[test]
fn batch_g76_without_a_timeout_a_job_runs_as_long_as_it_takes() {
    let ran = Case::new().job("J", "1,3000000,0").run();
    assert_eq!(ran.end("J").0, "OK@3000000");
}

#[test]
fn batch_g125_each_attempt_has_a_clock_of_its_own() {
    let case = Case::new().job("J", "1,50,1").attempts("50,1 100,0");
    let ran = case.timeout(60).tries(3).run();
    assert_eq!(ran.attempts("J"), "0-50 exit 1, 50-110 exit 137");
    assert_eq!(ran.end("J"), ("FL@110".to_owned(), TIMEOUT.to_owned()));
}

/// At 60 all at once: J ends by itself, its timeout comes, it is terminated, the instance is lost.
#[test]
fn batch_g127_an_end_comes_before_all_else_of_its_instant() {
    let case = Case::new()
        .job("J", "2,60,0")
        .timeout(60)
        .job("K", "2,100,0");
    let case = case.at("60s").does("terminateJob: {job: J, reason: t}");
    let ran = case
        .does("terminateInstances: {cluster: ce, containerInstances: [ce/1]}")
        .run();
    assert_eq!(ran.end("J"), ("OK@60".to_owned(), EXITED.to_owned()));
    assert_eq!(ran.end("K").0, "FL@60");
    let reason = ran.reason("K");
    assert!(reason.starts_with("Host EC2 (instance i-"), "{reason}");
}

/// The loss of a host comes before the call of its instant.
#[test]
fn batch_g127_a_lost_host_comes_before_a_call_of_its_instant() {
    let case = Case::new().job("K", "2,100,0");
    let case = case.at("60s").does("terminateJob: {job: K, reason: t}");
    let ran = case
        .does("terminateInstances: {cluster: ce, containerInstances: [ce/1]}")
        .run();
    let reason = ran.reason("K");
    assert!(reason.starts_with("Host EC2 (instance i-"), "{reason}");
    assert_eq!(ran.attempts("K"), "0-60");
}

/// SIGTERM at 60; A ends by itself at 70, B is killed at 80, whatever else was asked for.
#[test]
fn batch_g137_a_container_may_survive_sigterm_for_a_while() {
    let case = Case::new().assuming("termGrace: 20s");
    let case = case
        .job("A", "1,70,0")
        .timeout(60)
        .job("B", "1,100,0")
        .timeout(60);
    let ran = case
        .at("65s")
        .does("terminateJob: {job: B, reason: t}")
        .run();
    assert_eq!(ran.end("A"), ("FL@70".to_owned(), TIMEOUT.to_owned()));
    assert_eq!(ran.attempts("A"), "0-70 exit 0");
    assert_eq!(ran.end("B"), ("FL@80".to_owned(), TIMEOUT.to_owned()));
    assert_eq!(ran.attempts("B"), "0-80 exit 137");
}

/// A timeout may come late; what ends by itself before it comes has ended.
#[test]
fn batch_g71_a_timeout_may_come_late() {
    let case = Case::new().assuming("timeoutLag: 5s");
    let case = case
        .job("A", "1,65,0")
        .timeout(60)
        .job("B", "1,66,0")
        .timeout(60);
    let ran = case.run();
    assert_eq!(ran.end("A"), ("OK@65".to_owned(), EXITED.to_owned()));
    assert_eq!(ran.end("B"), ("FL@65".to_owned(), TIMEOUT.to_owned()));
}

#[test]
fn batch_an_attempt_that_is_told_to_stop_keeps_its_resources_to_its_end() {
    let ran = Case::new()
        .job("A", "4,100,0")
        .timeout(60)
        .container(
            "duration: {distribution: constant, value: 100s}, \
             onSigterm: {duration: {distribution: constant, value: 20s}}",
        )
        .job("B", "4,10,0")
        .run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@0 RG@0 FL@80");
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@80 RG@80 OK@90");
}
