//! Queues and fair share.

use super::case::Case;

/// The environment of a case that says nothing of one.
const FOUR_VCPUS: &str = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 4, maxvCpus: 4, \
                          instanceTypes: [c5.xlarge]";
/// The same with so many instances that there are 8 or 256 vCPUs.
const EIGHT_VCPUS: &str = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 8, maxvCpus: 8, \
                           instanceTypes: [c5.xlarge]";
const ALL_VCPUS: &str = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 256, maxvCpus: 256, \
                         instanceTypes: [c5.xlarge]";

const MAX_RESOURCE: &str = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE";
const MAX_RESOURCE_TEXT: &str = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) \
                                 associated with the job queue cannot meet the CPU requirement of \
                                 the job.";
const CANCELLED: &str = "Canceled by JobStateTimeLimit action due to reason: \
                         MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE";

/// A queue `q` with fair share on `ce`.
fn fair(policy: &str) -> Case {
    Case::new()
        .policy("fair", policy)
        .queue("q", &["ce"], "priority: 1, schedulingPolicyArn: fair")
}

/// A queue `q` that cancels its head after it has been blocked so.
fn limited(limits: &[(&str, u32)]) -> Case {
    let limits: Vec<String> = limits
        .iter()
        .map(|(reason, secs)| limit(reason, *secs, "CANCEL"))
        .collect();
    with_limits(&limits.join(", "))
}

fn limit(reason: &str, secs: u32, action: &str) -> String {
    format!("{{reason: '{reason}', state: RUNNABLE, maxTimeSeconds: {secs}, action: {action}}}")
}

fn with_limits(limits: &str) -> Case {
    let fields = format!("priority: 1, jobStateTimeLimitActions: [{limits}]");
    Case::new().queue("q", &["ce"], &fields)
}

trait InShare {
    /// The job written last is of this share.
    fn of(self, share: &str) -> Self;
}

impl InShare for Case {
    fn of(self, share: &str) -> Self {
        self.submit(&format!("shareIdentifier: {share}"))
    }
}

// ---- Between queues -------------------------------------------------------------------------

#[test]
fn batch_g77_the_queue_of_higher_priority_goes_first() {
    let ran = Case::new()
        .queue("low", &["ce"], "priority: 1")
        .queue("high", &["ce"], "priority: 10")
        .job("F", "4,10,0")
        .in_queue("low")
        .at("1s")
        .job("L", "4,10,0")
        .in_queue("high")
        .at("2s")
        .job("Hh", "4,10,0")
        .run();
    assert_eq!(ran.states("Hh"), "SB@2 RN@2 ST@10 RG@10 OK@20");
    assert_eq!(ran.states("L"), "SB@1 RN@1 ST@20 RG@20 OK@30");
}

#[test]
fn batch_a_queue_whose_head_waits_lets_the_next_queue_start() {
    let ran = Case::new()
        .queue("low", &["ce"], "priority: 1")
        .queue("high", &["ce"], "priority: 10")
        .job("F", "3,10,0")
        .job("Hh", "4,10,0")
        .in_queue("low")
        .job("L", "1,20,0")
        .run();
    assert_eq!(ran.states("L"), "SB@0 RN@0 ST@0 RG@0 OK@20");
    assert_eq!(ran.states("Hh"), "SB@0 RN@0 ST@20 RG@20 OK@30");
}

#[test]
fn batch_u29_equal_priorities_go_by_creation() {
    let ran = Case::new()
        .queue("older", &["ce"], "priority: 5")
        .queue("newer", &["ce"], "priority: 5")
        .job("F", "4,10,0")
        .job("N1", "4,10,0")
        .in_queue("older")
        .job("O1", "4,10,0")
        .run();
    assert_eq!(ran.states("O1"), "SB@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.states("F"), "SB@0 RN@0 ST@10 RG@10 OK@20");
    assert_eq!(ran.states("N1"), "SB@0 RN@0 ST@20 RG@20 OK@30");
}

// ---- First in, first out --------------------------------------------------------------------

#[test]
fn batch_g79_a_queue_is_in_order_of_submission() {
    let ran = Case::new()
        .environment("ce", FOUR_VCPUS)
        .environment("other", FOUR_VCPUS)
        .queue("aside", &["other"], "priority: 1")
        .queue("q", &["ce"], "priority: 1")
        .job("F", "4,20,0")
        .in_queue("aside")
        .job("A", "1,10,0")
        .in_queue("q")
        .at("1s")
        .job("B", "4,10,0")
        .after(&["A"])
        .at("2s")
        .job("C", "4,10,0")
        .run();
    assert_eq!(ran.states("B"), "SB@1 PD@1 RN@10 ST@20 RG@20 OK@30");
    assert_eq!(ran.states("C"), "SB@2 RN@2 ST@30 RG@30 OK@40");
}

#[test]
fn batch_g80_a_head_that_never_fits_holds_up_the_others() {
    let case = Case::new().job("A", "8,10,0").job("J", "1,10,0");
    let ran = case.clone().until("100s").run();
    assert_eq!(ran.states("A"), "SB@0 RN@0");
    assert_eq!(ran.reason("A"), MAX_RESOURCE_TEXT);
    assert_eq!(ran.states("J"), "SB@0 RN@0");
    assert_eq!(ran.reason("J"), "", "only the head has a reason");
    let ran = case.at("100s").does("cancelJob: {job: A, reason: x}").run();
    assert_eq!(ran.end("A"), ("FL@100".to_owned(), "x".to_owned()));
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@100 RG@100 OK@110");
}

#[test]
fn batch_u30_lookahead_lets_some_pass_the_head() {
    let case = Case::new()
        .job("A", "8,10,0")
        .job("B", "8,10,0")
        .job("J", "1,10,0")
        .until("1h");
    let ran = case.clone().assuming("lookahead: 1").run();
    assert_eq!(ran.states("J"), "SB@0 RN@0");
    let ran = case.assuming("lookahead: 2").run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@0 OK@10");
}

// ---- Time limits of the head ----------------------------------------------------------------

#[test]
fn batch_g81_a_blocked_head_is_cancelled_in_time() {
    let ran = limited(&[(MAX_RESOURCE, 600)])
        .job("A", "8,10,0")
        .job("J", "1,10,0")
        .run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 FL@600");
    assert_eq!(ran.reason("A"), CANCELLED);
    assert_eq!(ran.job("A").request, None, "isCancelled stays false");
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@600 RG@600 OK@610");
}

#[test]
fn batch_g141_other_events_do_not_restart_the_timer() {
    let ran = limited(&[(MAX_RESOURCE, 600)])
        .job("A", "1,300,0")
        .job("B", "8,10,0")
        .job("J", "1,10,0")
        .run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@0 RG@0 OK@300");
    assert_eq!(ran.states("B"), "SB@0 RN@0 FL@600");
    assert_eq!(ran.reason("B"), CANCELLED);
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@600 RG@600 OK@610");
}

#[test]
fn batch_u38_the_timer_begins_when_a_job_becomes_the_head() {
    let ran = limited(&[(MAX_RESOURCE, 600)])
        .job("A", "8,10,0")
        .job("B", "8,10,0")
        .run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 FL@600");
    assert_eq!(ran.states("B"), "SB@0 RN@0 FL@1200");
}

#[test]
fn batch_u38_another_reason_restarts_the_timer() {
    let larger = |max| {
        format!(
            "updateComputeEnvironment: {{computeEnvironment: ce, computeResources: {{maxvCpus: {max}}}}}"
        )
    };
    let case = limited(&[(MAX_RESOURCE, 600)]).job("A", "8,10,0");
    let ran = case
        .at("300s")
        .does(&larger(8))
        .at("400s")
        .does(&larger(4))
        .run();
    assert_eq!(ran.end("A"), ("FL@1000".to_owned(), CANCELLED.to_owned()));
}

#[test]
fn batch_u39_of_two_limits_for_one_reason_the_shorter_counts() {
    let other = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT";
    let ran = limited(&[(MAX_RESOURCE, 900), (MAX_RESOURCE, 700), (other, 600)])
        .job("A", "8,10,0")
        .run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 FL@700");
}

#[test]
fn batch_g82_time_limits_out_of_range_are_refused() {
    let error = |secs, action| with_limits(&limit(MAX_RESOURCE, secs, action)).error();
    let place = "batch.jobQueues[0].jobStateTimeLimitActions[0]";
    for secs in [599, 86_401] {
        let error = error(secs, "CANCEL");
        assert!(
            error.starts_with(&format!("{place}.maxTimeSeconds: ")),
            "{error}"
        );
    }
    let error = error(600, "TERMINATE");
    assert!(error.starts_with(&format!("{place}.action: ")), "{error}");
}

// ---- Fair share: the reservation ------------------------------------------------------------

#[test]
fn batch_g85_what_is_reserved_shrinks_with_active_shares() {
    let ran = fair("computeReservation: 50")
        .environment("ce", ALL_VCPUS)
        .job("A", "1,1000,0")
        .array(256)
        .of("A")
        .at("10s")
        .job("B", "1,1000,0")
        .array(256)
        .of("B")
        .at("20s")
        .job("C", "1,1000,0")
        .array(256)
        .of("C");
    let running = |until, names: &[&str]| -> usize {
        let ran = ran.clone().until(until).run();
        let jobs = names.iter().flat_map(|name| {
            let ran = &ran;
            (0..256).map(move |index| ran.state_in(&format!("{name}:{index}"), 1e9))
        });
        jobs.filter(|state| *state == "RG").count()
    };
    assert_eq!(running("10s", &["A"]), 128);
    assert_eq!(running("20s", &["A"]), 128);
    assert_eq!(running("20s", &["A", "B"]), 192);
    assert_eq!(running("30s", &["A", "B", "C"]), 224);
}

#[test]
fn batch_fair_share_launches_no_more_than_it_may_use() {
    let ran = fair("computeReservation: 50")
        .environment(
            "ce",
            "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 0, maxvCpus: 16, \
             instanceTypes: [c5.xlarge]",
        )
        .job("A", "1,10,0")
        .array(16)
        .of("A")
        .until("5s")
        .run();
    assert_eq!(ran.summary("A"), "RUNNABLE 8, RUNNING 8");
    assert_eq!(ran.instances("ce").len(), 2);
}

#[test]
fn batch_fair_share_launches_when_others_have_ended() {
    // Of 16 vCPUs 8 may be used: B's instance is launched once A does not use them any more.
    let ran = fair("computeReservation: 50")
        .environment(
            "ce",
            "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 0, maxvCpus: 16, \
             instanceTypes: [c5.xlarge, c5.2xlarge]",
        )
        .job("A", "4,10,0")
        .of("A")
        .job("B", "8,10,0")
        .of("A")
        .run();
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@10 RG@10 OK@20");
    assert_eq!(
        ran.instances("ce"),
        ["c5.xlarge 0/0/-", "c5.2xlarge 10/10/-"]
    );
}

#[test]
fn batch_fair_share_launches_in_the_order_of_its_turns() {
    // The turns are A:0 with 2 vCPUs and B with 4; then there is no room for A:1.
    let ran = fair("")
        .environment_with(
            "ce",
            "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 0, maxvCpus: 6, \
             instanceTypes: [c5.large, c5.xlarge]",
            "bootTime: 60s",
        )
        .job("A", "2,100,0")
        .array(2)
        .of("A")
        .job("B", "4,100,0")
        .of("B")
        .until("70s")
        .run();
    assert_eq!(ran.instances("ce"), ["c5.large 0/60/-", "c5.xlarge 0/60/-"]);
    assert_eq!(ran.summary("A"), "RUNNABLE 1, RUNNING 1");
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@60 RG@60");
}

#[test]
fn batch_g134_no_reservation_where_the_maximum_is_unknown() {
    let case = |environment: &str| {
        let case = fair("computeReservation: 50").job("A", "4,10,0").of("A");
        let case = match environment {
            "" => case,
            fields => case.environment_of(
                "ce",
                &format!(
                    "type: UNMANAGED, {fields}, containerInstances: \
                     [{{registeredResources: {{CPU: 4096, MEMORY: 16384}}}}]"
                ),
            ),
        };
        case.until("1h").run()
    };
    let ran = case("");
    assert_eq!(ran.states("A"), "SB@0 RN@0");
    assert_eq!(ran.reason("A"), "", "it waits for the reservation");
    let started = "SB@0 RN@0 ST@0 RG@0 OK@10";
    assert_eq!(case("state: ENABLED").states("A"), started);
    assert_eq!(case("unmanagedvCpus: 8").states("A"), started);
    assert_eq!(case("unmanagedvCpus: 4").states("A"), "SB@0 RN@0");
}

/// How many of six jobs of share A run at once on 8 vCPUs, half of them reserved, when they come so
/// many seconds after the end of the only job of share B.
fn running_after_b(decay: u32, moment: &'static str) -> String {
    let ran = fair(&format!(
        "shareDecaySeconds: {decay}, computeReservation: 50"
    ))
    .environment("ce", EIGHT_VCPUS)
    .job("B", "1,10,0")
    .of("B")
    .at(moment)
    .job("A", "1,1000,0")
    .array(8)
    .of("A")
    .until("1000s")
    .run();
    ran.summary("A")
}

#[test]
fn batch_g96_a_share_is_active_for_a_window_after_its_last_end() {
    assert_eq!(running_after_b(600, "510s"), "RUNNABLE 2, RUNNING 6");
    assert_eq!(running_after_b(600, "710s"), "RUNNABLE 4, RUNNING 4");
}

#[test]
fn batch_g136_no_decay_is_ten_minutes() {
    assert_eq!(running_after_b(0, "609s"), "RUNNABLE 2, RUNNING 6");
    assert_eq!(running_after_b(0, "610s"), "RUNNABLE 4, RUNNING 4");
}

#[test]
fn batch_g92_at_most_500_shares_are_active() {
    let mut case = fair("");
    for number in 0..501 {
        let name: &'static str = format!("S{number}").leak();
        case = case.job(name, "1,10,0").array(2).of(name);
    }
    let ran = case.job("again", "1,10,0").of("S7").until("1s").run();
    assert_eq!(ran.refused, ["S500"]);
}

// ---- Fair share: whose turn it is -----------------------------------------------------------

#[test]
fn batch_g86_the_share_of_lower_usage_goes_first() {
    let ran = fair("shareDecaySeconds: 600")
        .job("A0", "4,25,0")
        .of("A")
        .job("B0", "4,3,0")
        .of("B")
        .job("A1", "4,10,0")
        .of("A")
        .job("B1", "4,10,0")
        .of("B")
        .run();
    // At 28, A has used 100 vCPU-seconds and B 12.
    assert_eq!(ran.states("B0"), "SB@0 RN@0 ST@25 RG@25 OK@28");
    assert_eq!(ran.states("B1"), "SB@0 RN@0 ST@28 RG@28 OK@38");
    assert_eq!(ran.states("A1"), "SB@0 RN@0 ST@38 RG@38 OK@48");
}

#[test]
fn batch_g87_usage_is_times_weight() {
    let ran = fair("shareDistribution: [{shareIdentifier: A, weightFactor: 0.125}]")
        .job("A0", "4,10,0")
        .of("A")
        .job("B0", "4,3,0")
        .of("B")
        .job("B1", "4,10,0")
        .of("B")
        .job("A1", "4,10,0")
        .of("A")
        .run();
    // At 13, A has used 40 vCPU-seconds, an eighth of which is 5, and B 12.
    assert_eq!(ran.states("A1"), "SB@0 RN@0 ST@13 RG@13 OK@23");
    assert_eq!(ran.states("B1"), "SB@0 RN@0 ST@23 RG@23 OK@33");
}

#[test]
fn batch_u32_current_usage_forgets_what_has_ended() {
    let ran = fair("shareDecaySeconds: 600")
        .assuming("usageMode: current")
        .job("A0", "4,25,0")
        .of("A")
        .job("B0", "4,3,0")
        .of("B")
        .job("A1", "4,10,0")
        .of("A")
        .job("B1", "4,10,0")
        .of("B")
        .run();
    assert_eq!(ran.states("B0"), "SB@0 RN@0 ST@25 RG@25 OK@28");
    assert_eq!(ran.states("A1"), "SB@0 RN@0 ST@28 RG@28 OK@38");
    assert_eq!(ran.states("B1"), "SB@0 RN@0 ST@38 RG@38 OK@48");
}

/// Jobs of each share that run at once on one instance of so many vCPUs, of arrays that came
/// together, in this order: `(share, vCPUs of a job)`.
fn burst(vcpus: u32, weights: &str, shares: &[(&'static str, u32)]) -> Vec<u32> {
    let instance = format!(
        "type: UNMANAGED, containerInstances: [{{registeredResources: {{CPU: {}, MEMORY: 65536}}}}]",
        vcpus * 1024
    );
    let mut case = fair(&format!(
        "shareDecaySeconds: 600, shareDistribution: [{weights}]"
    ))
    .environment_of("ce", &instance);
    for (share, vcpus) in shares {
        let what = format!("{vcpus},100,0");
        case = case.job(share, &what).array(20).of(share);
    }
    let ran = case.until("10s").run();
    let running = |share: &str| {
        let state = |index| ran.state_in(&format!("{share}:{index}"), 10.0);
        (0..20).filter(|index| state(*index) == "RG").count() as u32
    };
    shares.iter().map(|(share, _)| running(share)).collect()
}

#[test]
fn batch_g89_equal_weights_share_equally() {
    assert_eq!(burst(128, "", &[("A", 32), ("B", 64)]), [2, 1]);
}

#[test]
fn batch_bursts_go_by_weight() {
    let eighth = "{shareIdentifier: B, weightFactor: 0.125}";
    assert_eq!(burst(9, eighth, &[("A", 1), ("B", 1)]), [1, 8]);
    let three = "{shareIdentifier: B, weightFactor: 0.5}, {shareIdentifier: C, weightFactor: 2}";
    assert_eq!(burst(14, three, &[("A", 1), ("B", 1), ("C", 1)]), [4, 8, 2]);
}

#[test]
fn batch_g94_identifiers_under_a_prefix_divide_its_weight() {
    let prefix = "{shareIdentifier: U*, weightFactor: 1}";
    let shares = ["U1", "U2", "V"].map(|share| (share, 1));
    assert_eq!(burst(8, prefix, &shares), [2, 2, 4]);
    let shares = ["U1", "U2", "U3", "U4", "U5", "V"].map(|share| (share, 1));
    assert_eq!(burst(10, prefix, &shares), [1, 1, 1, 1, 1, 5]);
}

#[test]
fn batch_g90_priority_counts_within_a_share() {
    let ran = fair("")
        .job("F", "4,5,0")
        .of("A")
        .at("0.5s")
        .job("J1", "4,10,0")
        .define("schedulingPriority: 1")
        .of("A")
        .at("1s")
        .job("J2", "4,10,0")
        .define("schedulingPriority: 9")
        .of("A")
        .run();
    assert_eq!(ran.states("J2"), "SB@1 RN@1 ST@5 RG@5 OK@15");
    assert_eq!(ran.states("J1"), "SB@0.5 RN@0.5 ST@15 RG@15 OK@25");
}

#[test]
fn batch_g90_the_priority_of_a_submission_replaces_that_of_the_definition() {
    let ran = fair("")
        .job("F", "4,5,0")
        .of("A")
        .at("1s")
        .job("J1", "4,10,0")
        .define("schedulingPriority: 9")
        .submit("schedulingPriorityOverride: 1")
        .of("A")
        .job("J2", "4,10,0")
        .define("schedulingPriority: 5")
        .of("A")
        .run();
    assert_eq!(ran.states("J2"), "SB@1 RN@1 ST@5 RG@5 OK@15");
    assert_eq!(ran.states("J1"), "SB@1 RN@1 ST@15 RG@15 OK@25");
}

#[test]
fn batch_g91_priority_does_not_count_between_shares() {
    let ran = fair("")
        .job("F", "4,10,0")
        .of("A")
        .at("1s")
        .job("A1", "4,10,0")
        .define("schedulingPriority: 9999")
        .of("A")
        .job("B1", "4,10,0")
        .define("schedulingPriority: 0")
        .of("B")
        .run();
    assert_eq!(ran.states("B1"), "SB@1 RN@1 ST@10 RG@10 OK@20");
    assert_eq!(ran.states("A1"), "SB@1 RN@1 ST@20 RG@20 OK@30");
}

#[test]
fn batch_g119_a_retried_job_is_first_in_its_share_and_priority() {
    let ran = fair("")
        .job("R", "4,10,0")
        .tries(2)
        .attempts("10,1 10,0")
        .of("A")
        .at("1s")
        .job("S", "4,10,0")
        .of("A")
        .at("2s")
        .job("P", "4,10,0")
        .define("schedulingPriority: 5")
        .of("A")
        .run();
    assert_eq!(ran.states("P"), "SB@2 RN@2 ST@10 RG@10 OK@20");
    assert_eq!(
        ran.states("R"),
        "SB@0 RN@0 ST@0 RG@0 RN@10 ST@20 RG@20 OK@30"
    );
    assert_eq!(ran.states("S"), "SB@1 RN@1 ST@30 RG@30 OK@40");
}
