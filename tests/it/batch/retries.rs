//! Retries: which endings are followed by another attempt, and when it comes.

use super::case::{Case, EXITED};

/// The rules of the user guide's best practices: a lost host is worth another attempt, nothing else.
const HOST_ONLY: [&str; 2] = [
    "onStatusReason: \"Host EC2*\", action: RETRY",
    "onReason: \"*\", action: EXIT",
];

/// The rules of the user guide's page about retries.
const START_FAILURES: [&str; 3] = [
    "onReason: AGENT, action: RETRY",
    "onStatusReason: Task failed to start, action: RETRY",
    "onReason: \"*\", action: EXIT",
];

/// The instance of this number is lost.
fn lost(number: u32) -> String {
    format!("terminateInstances: {{cluster: ce, containerInstances: [ce/{number}]}}")
}

#[test]
fn batch_g14_a_failed_attempt_is_followed_by_another() {
    let ran = Case::new()
        .job("J", "1,10,1")
        .attempts("10,1 10,1 10,0")
        .tries(3)
        .run();
    assert_eq!(
        ran.states("J"),
        "SB@0 RN@0 ST@0 RG@0 RN@10 ST@10 RG@10 RN@20 ST@20 RG@20 OK@30"
    );
    assert_eq!(ran.attempts("J"), "0-10 exit 1, 10-20 exit 1, 20-30 exit 0");
}

#[test]
fn batch_g15_attempts_run_out() {
    let ran = Case::new().job("J", "1,10,1").tries(3).run();
    assert_eq!(
        ran.states("J"),
        "SB@0 RN@0 ST@0 RG@0 RN@10 ST@10 RG@10 RN@20 ST@20 RG@20 FL@30"
    );
    assert_eq!(ran.attempts("J"), "0-10 exit 1, 10-20 exit 1, 20-30 exit 1");
}

#[test]
fn batch_g16_lost_hosts_are_retried_and_an_exit_is_not() {
    let case = Case::new().job("J", "1,10,1").rules(5, &HOST_ONLY);
    let case = case.attempts("100,0 100,0 10,1");
    let case = case.at("10s").does(&lost(1)).at("20s").does(&lost(2));
    let ran = case.run();
    assert_eq!(ran.attempts("J"), "0-10, 10-20, 20-30 exit 1");
    let reasons = ran.attempt_reasons("J");
    assert!(
        reasons[0].starts_with("Host EC2 (instance i-"),
        "{reasons:?}"
    );
    assert!(reasons[0].ends_with(") terminated."), "{reasons:?}");
    assert!(
        reasons[1].starts_with("Host EC2 (instance i-"),
        "{reasons:?}"
    );
    assert_ne!(reasons[0], reasons[1]);
    assert_eq!(ran.end("J"), ("FL@30".to_owned(), EXITED.to_owned()));
    assert_eq!(ran.hosts("J"), ["ce/1", "ce/2", "ce/3"]);
}

#[test]
fn batch_g17_lost_hosts_use_up_attempts() {
    let mut case = Case::new().job("J", "1,100,0").rules(5, &HOST_ONLY);
    for (number, moment) in (1..).zip(["10s", "20s", "30s", "40s", "50s"]) {
        case = case.at(moment).does(&lost(number));
    }
    let ran = case.run();
    assert_eq!(ran.attempts("J"), "0-10, 10-20, 20-30, 30-40, 40-50");
    assert_eq!(ran.end("J").0, "FL@50");
}

#[test]
fn batch_g19_an_exit_code_can_end_it_at_once() {
    let case = Case::new().job("J", "1,10,2");
    let ran = case.rules(5, &["onExitCode: \"2\", action: EXIT"]).run();
    assert_eq!(ran.attempts("J"), "0-10 exit 2");
    assert_eq!(ran.end("J").0, "FL@10");
}

#[test]
fn batch_g20_all_patterns_of_a_rule_have_to_match() {
    let case = Case::new().job("J", "1,10,1").attempts("10,1 10,0");
    let rule = "onExitCode: \"1\", onReason: \"Foo*\", action: EXIT";
    let ran = case.rules(5, &[rule]).run();
    assert_eq!(ran.attempts("J"), "0-10 exit 1, 10-20 exit 0");
    assert_eq!(ran.end("J").0, "OK@20");
}

#[test]
fn batch_g21_the_case_of_an_action_does_not_matter() {
    let case = Case::new().job("J", "1,10,1");
    let ran = case.rules(2, &["onExitCode: \"1\", action: Exit"]).run();
    assert_eq!(ran.attempts("J"), "0-10 exit 1");
    assert_eq!(ran.end("J").0, "FL@10");
}

#[test]
fn batch_g22_success_is_never_evaluated() {
    let case = Case::new().job("J", "1,10,0");
    let ran = case.rules(3, &["onExitCode: \"0*\", action: RETRY"]).run();
    assert_eq!(ran.attempts("J"), "0-10 exit 0");
    assert_eq!(ran.end("J").0, "OK@10");
}

#[test]
fn batch_g24_a_submission_replaces_the_whole_strategy() {
    let case = Case::new().job("J", "1,10,1");
    let case = case.rules(5, &["onExitCode: \"1\", action: EXIT"]);
    let ran = case.submit("retryStrategy: {attempts: 2}").run();
    assert_eq!(ran.attempts("J"), "0-10 exit 1, 10-20 exit 1");
    assert_eq!(ran.end("J").0, "FL@20");
}

/// A uses one vCPU up to 5, C three up to 10. B, which needs two, comes to the line before C does
/// again, and has to let it pass.
#[test]
fn batch_g26_a_retry_stands_before_all_that_never_ran() {
    let case = Case::new().job("A", "1,5,0");
    let case = case.job("B", "2,10,0").after(&["A"]);
    let ran = case.job("C", "3,10,1").tries(2).run();
    assert_eq!(ran.states("B"), "SB@0 PD@0 RN@5 ST@20 RG@20 OK@30");
    assert_eq!(
        ran.states("C"),
        "SB@0 RN@0 ST@0 RG@0 RN@10 ST@10 RG@10 FL@20"
    );
}

#[test]
fn batch_g27_an_attempt_that_cannot_start_counts() {
    let case = Case::new().job("J", "1,10,0").rules(2, &START_FAILURES);
    let failure = "imagePullFailure: {probability: 1, reason: \"CannotPullContainerError: pull access denied\"}";
    let pull = "imagePull: {distribution: constant, value: 5s}";
    let duration = "duration: {distribution: constant, value: 10s}";
    let ran = case
        .container(&format!("{duration}, {pull}, {failure}"))
        .run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RN@5 ST@5 FL@10");
    assert_eq!(ran.attempts("J"), "?-5, ?-10");
    assert_eq!(ran.attempt_reasons("J"), ["Task failed to start"; 2]);
    assert_eq!(ran.times("J"), (0.0, None, Some(10.0)));
    assert_eq!(ran.job("J").attempts[0].decided_by, Some(1));
}

/// Amazon EC2 gives notice two minutes before, at 7.
#[test]
fn batch_g29_a_reclaimed_instance_is_a_lost_host() {
    let resources = "type: SPOT, allocationStrategy: SPOT_CAPACITY_OPTIMIZED, minvCpus: 4, \
                     maxvCpus: 4, instanceTypes: [c5.xlarge]";
    let case = Case::new().environment("ce", resources).job("J", "1,300,0");
    let reclaim = "interruptSpotInstances: {cluster: ce, containerInstances: [ce/1]}";
    let ran = case.at("7s").does(reclaim).run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@0 FL@127");
    let reason = ran.reason("J");
    assert!(reason.starts_with("Host EC2 (instance i-"), "{reason}");
    assert!(reason.ends_with(") terminated."), "{reason}");
    assert_eq!(ran.attempts("J"), "0-127");
}

/// D comes after B, which takes what is left for good.
#[test]
fn batch_g120_a_retry_has_what_does_not_come_back_already() {
    let one = "consumableResourcePropertiesOverride: {consumableResourceList: [{consumableResource: L, quantity: 1}]}";
    let case = Case::new().consumable("L", 2, "NON_REPLENISHABLE");
    let case = case
        .job("A", "1,10,1")
        .attempts("10,1 10,1 10,0")
        .tries(3)
        .submit(one);
    let case = case.job("B", "1,10,0").submit(one);
    let ran = case.at("40s").job("D", "1,10,0").submit(one).run();
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.end("A").0, "OK@30");
    assert_eq!(ran.states("D"), "SB@40 RN@40");
}

/// The instances are there at 180. B's is lost at 185, A's at 190; the next ones are there 180 s later.
#[test]
fn batch_g139_retried_jobs_keep_the_order_of_submission() {
    let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 8, maxvCpus: 8, \
                     instanceTypes: [c5.xlarge]";
    let case = Case::new().environment_with("ce", resources, "bootTime: 180s");
    let case = case
        .at("180s")
        .job("A", "4,100,0")
        .tries(2)
        .job("B", "4,100,0")
        .tries(2);
    let case = case.at("185s").does(&lost(2)).at("190s").does(&lost(1));
    let ran = case.run();
    assert_eq!(
        ran.states("A"),
        "SB@180 RN@180 ST@180 RG@180 RN@190 ST@365 RG@365 OK@465"
    );
    assert_eq!(
        ran.states("B"),
        "SB@180 RN@180 ST@180 RG@180 RN@185 ST@370 RG@370 OK@470"
    );
}

#[test]
fn batch_g142_started_at_is_that_of_the_latest_attempt() {
    let ran = Case::new()
        .job("J", "1,10,1")
        .attempts("10,1 10,1 10,0")
        .tries(3)
        .run();
    assert_eq!(ran.times("J"), (0.0, Some(20.0), Some(30.0)));
    let started = ran
        .job("J")
        .attempts
        .iter()
        .map(|it| it.started.map(|at| at.secs()));
    assert_eq!(
        started.collect::<Vec<_>>(),
        [Some(0.0), Some(10.0), Some(20.0)]
    );
}
