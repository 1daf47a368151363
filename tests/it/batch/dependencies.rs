//! Dependencies: who waits for whom, and what the end of one means for the others.

use stowplan::engine::job::Request;

use super::case::{CHILD, Case, DEPENDENCY};

#[test]
fn batch_g30_a_job_waits_for_another() {
    let ran = Case::new()
        .job("A", "1,10,0")
        .job("B", "1,5,0")
        .after(&["A"])
        .run();
    assert_eq!(ran.states("B"), "SB@0 PD@0 RN@10 ST@10 RG@10 OK@15");
}

#[test]
fn batch_g31_a_failure_is_passed_on() {
    let ran = Case::new()
        .job("A", "1,10,1")
        .job("B", "1,5,0")
        .after(&["A"])
        .run();
    assert_eq!(ran.states("B"), "SB@0 PD@0 FL@10");
    assert_eq!(ran.reason("B"), DEPENDENCY);
    assert_eq!(ran.attempts("B"), "");
}

#[test]
fn batch_g32_a_failed_attempt_is_no_failed_job() {
    let case = Case::new()
        .job("A", "1,10,1")
        .attempts("10,1 10,0")
        .tries(2);
    let ran = case.job("B", "1,5,0").after(&["A"]).run();
    assert_eq!(ran.states("B"), "SB@0 PD@0 RN@20 ST@20 RG@20 OK@25");
}

#[test]
fn batch_g34_a_job_waits_for_the_last_of_several() {
    let case = Case::new().job("A1", "1,10,0").job("A2", "1,20,0");
    let ran = case.job("B", "1,5,0").after(&["A1", "A2"]).run();
    assert_eq!(ran.states("B"), "SB@0 PD@0 RN@20 ST@20 RG@20 OK@25");
}

#[test]
fn batch_g35_a_job_fails_with_the_first_of_several() {
    let case = Case::new().job("A1", "1,10,1").job("A2", "1,100,0");
    let ran = case.job("B", "1,5,0").after(&["A1", "A2"]).run();
    assert_eq!(ran.end("B"), ("FL@10".to_owned(), DEPENDENCY.to_owned()));
    assert_eq!(ran.end("A2").0, "OK@100");
}

#[test]
fn batch_g37_what_has_succeeded_is_not_waited_for() {
    let case = Case::new().job("A", "1,10,0");
    let ran = case.at("50s").job("B", "1,5,0").after(&["A"]).run();
    assert_eq!(ran.states("B"), "SB@50 RN@50 ST@50 RG@50 OK@55");
}

/// The counterpart: what has failed already fails the job at once [B-18].
#[test]
fn batch_g37_what_has_failed_already_fails_the_job() {
    let case = Case::new().job("A", "1,10,1");
    let ran = case.at("50s").job("B", "1,5,0").after(&["A"]).run();
    assert_eq!(ran.states("B"), "SB@50 PD@50 FL@50");
    assert_eq!(ran.reason("B"), DEPENDENCY);
}

#[test]
fn batch_g39_a_cancelled_pending_job_waits_for_its_dependencies() {
    let case = Case::new()
        .job("A", "1,10,0")
        .job("B", "1,5,0")
        .after(&["A"]);
    let case = case.at("3s").does("cancelJob: {job: B, reason: c}");
    let before = case.clone().until("9s").run();
    assert_eq!(before.states("B"), "SB@0 PD@0");
    assert_eq!(before.request("B"), Some((Request::Cancel, "c")));
    let ran = case.run();
    assert_eq!(ran.states("B"), "SB@0 PD@0 FL@10");
    assert_eq!(ran.reason("B"), "c");
    assert_eq!(ran.attempts("B"), "");
}

#[test]
fn batch_g40_a_cancelled_job_fails_those_that_wait_for_it() {
    let case = Case::new().job("F", "4,50,0").job("A", "4,10,0");
    let case = case.job("B", "1,5,0").after(&["A"]);
    let ran = case.at("5s").does("cancelJob: {job: A, reason: c}").run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 FL@5");
    assert_eq!(ran.states("B"), "SB@0 PD@0 FL@5");
    assert_eq!(ran.reason("B"), DEPENDENCY);
}

#[test]
fn batch_g41_every_child_waits_for_the_job() {
    let case = Case::new().job("A", "1,10,0");
    let ran = case.job("P", "1,10,0").array(3).after(&["A"]).run();
    for child in ["P:0", "P:1", "P:2"] {
        assert_eq!(ran.states(child), "PD@0 RN@10 ST@10 RG@10 OK@20");
    }
    assert_eq!(ran.states("P"), "SB@0 PD@0 OK@20");
}

#[test]
fn batch_g42_a_job_waits_for_the_whole_array() {
    let case = Case::new().job("P", "1,10,0").array(3);
    let case = case.children(&["10,0", "20,0", "30,0"]);
    let ran = case.job("J", "1,10,0").after(&["P"]).run();
    assert_eq!(ran.states("J"), "SB@0 PD@0 RN@30 ST@30 RG@30 OK@40");
}

#[test]
fn batch_g44_children_wait_for_children() {
    let case = Case::new()
        .job("A", "1,10,0")
        .array(2)
        .children(&["30,0", "10,1"]);
    let ran = case.job("B", "1,10,0").array(2).child_by_child("A").run();
    assert_eq!(ran.states("B:0"), "PD@0 RN@30 ST@30 RG@30 OK@40");
    assert_eq!(ran.states("B:1"), "PD@0 FL@10");
    assert_eq!(ran.reason("B:1"), DEPENDENCY);
    assert_eq!(ran.end("A"), ("FL@30".to_owned(), CHILD.to_owned()));
    assert_eq!(ran.end("B"), ("FL@40".to_owned(), CHILD.to_owned()));
}

#[test]
fn batch_g45_a_sequential_array_runs_child_after_child() {
    let ran = Case::new().job("P", "1,10,0").array(3).sequential().run();
    assert_eq!(ran.states("P:0"), "PD@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.states("P:1"), "PD@0 RN@10 ST@10 RG@10 OK@20");
    assert_eq!(ran.states("P:2"), "PD@0 RN@20 ST@20 RG@20 OK@30");
    assert_eq!(ran.states("P"), "SB@0 PD@0 OK@30");
}

#[test]
fn batch_g46_a_failure_ends_a_sequential_array() {
    let case = Case::new().job("P", "1,10,0").array(3).sequential();
    let ran = case.children(&["10,0", "10,1", "10,0"]).run();
    assert_eq!(ran.states("P:1"), "PD@0 RN@10 ST@10 RG@10 FL@20");
    assert_eq!(ran.states("P:2"), "PD@0 FL@20");
    assert_eq!(ran.reason("P:2"), DEPENDENCY);
    assert_eq!(ran.end("P"), ("FL@20".to_owned(), CHILD.to_owned()));
}

#[test]
fn batch_g47_forms_of_dependency_combine() {
    let case = Case::new()
        .job("C", "1,10,0")
        .array(2)
        .children(&["10,0", "20,0"]);
    let case = case.job("D", "1,5,0").array(3).after(&["C"]).sequential();
    let ran = case.run();
    assert_eq!(ran.states("D:0"), "PD@0 RN@20 ST@20 RG@20 OK@25");
    assert_eq!(ran.states("D:1"), "PD@0 RN@25 ST@25 RG@25 OK@30");
    assert_eq!(ran.states("D:2"), "PD@0 RN@30 ST@30 RG@30 OK@35");
    assert_eq!(ran.states("D"), "SB@0 PD@0 OK@35");
}

#[test]
fn batch_g122_a_failed_dependency_ends_a_cancelled_job_at_once() {
    let case = Case::new().job("A", "1,10,1").job("B", "1,100,0");
    let case = case.job("C", "1,5,0").after(&["A", "B"]);
    let ran = case.at("3s").does("cancelJob: {job: C, reason: c}").run();
    assert_eq!(ran.states("C"), "SB@0 PD@0 FL@10");
    assert_eq!(ran.reason("C"), "c");
    assert_eq!(ran.end("B").0, "OK@100");
}

/// The queue of A comes after that of B; still B waits.
#[test]
fn batch_g30_a_dependency_may_lie_in_another_queue() {
    let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 4, maxvCpus: 4, \
                     instanceTypes: [c5.xlarge]";
    let case = Case::new().environment("ce", resources);
    let case = case.queue("low", &["ce"], "priority: 1");
    let case = case.queue("high", &["ce"], "priority: 2");
    let case = case.in_queue("low").job("A", "1,10,0");
    let ran = case.in_queue("high").job("B", "1,5,0").after(&["A"]).run();
    assert_eq!(ran.states("B"), "SB@0 PD@0 RN@10 ST@10 RG@10 OK@15");
}

/// A:1 fails at 10, the others succeed at 20; B waits child by child, C for all of B.
#[test]
fn batch_a_failure_goes_from_child_to_child_to_parent_to_job() {
    let case = Case::new().job("A", "1,20,0").array(3);
    let case = case.children(&["20,0", "10,1", "20,0"]);
    let case = case.job("B", "1,5,0").array(3).child_by_child("A");
    let ran = case.job("C", "1,5,0").after(&["B"]).run();
    assert_eq!(ran.states("B:0"), "PD@0 RN@20 ST@20 RG@20 OK@25");
    assert_eq!(ran.states("B:1"), "PD@0 FL@10");
    assert_eq!(ran.states("B:2"), "PD@0 RN@20 ST@20 RG@20 OK@25");
    assert_eq!(ran.end("A"), ("FL@20".to_owned(), CHILD.to_owned()));
    assert_eq!(ran.end("B"), ("FL@25".to_owned(), CHILD.to_owned()));
    assert_eq!(ran.end("C"), ("FL@25".to_owned(), DEPENDENCY.to_owned()));
}

/// Index 1 fails at 30: 2 and 3 fall with it, one after the other, and the parent.
#[test]
fn batch_a_failure_runs_down_a_sequential_array() {
    let case = Case::new().job("P", "1,20,0").array(4).sequential();
    let ran = case.children(&["20,0", "10,1", "20,0"]).run();
    assert_eq!(ran.end("P:0").0, "OK@20");
    assert_eq!(ran.states("P:2"), "PD@0 FL@30");
    assert_eq!(ran.states("P:3"), "PD@0 FL@30");
    assert_eq!(ran.end("P").0, "FL@30");
    assert_eq!(ran.summary("P"), "SUCCEEDED 1, FAILED 3");
}

/// A child of an array can be waited for [U 19]; one that is not there is refused.
#[test]
fn one_child_is_waited_for() {
    let case = Case::new()
        .job("A", "1,0,0")
        .array(2)
        .children(&["10,0", "50,1"]);
    let ran = case.clone().job("B", "1,5,0").after(&["A:0"]).run();
    assert_eq!(ran.states("B"), "SB@0 PD@0 RN@10 ST@10 RG@10 OK@15");
    let ran = case.clone().job("B", "1,5,0").after(&["A:1"]).run();
    assert_eq!(ran.end("B"), ("FL@50".to_owned(), DEPENDENCY.to_owned()));
    let error = case.job("B", "1,5,0").after(&["A:2"]).error();
    assert!(error.contains("a job of \"A\" has no child 2"), "{error}");
}
