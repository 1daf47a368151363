//! Array jobs: the parent, its children, and what is done to either.

use stowplan::engine::job::Request;

use super::case::{CHILD, Case, DEPENDENCY};

#[test]
fn batch_g49_a_parent_waits_for_its_children() {
    let ran = Case::new().job("P", "1,10,0").array(3).run();
    let ids = ["P", "P:0", "P:1", "P:2"].map(|name| ran.job_id(name));
    assert_eq!(ids, ["p", "p:0", "p:1", "p:2"]);
    assert_eq!(ran.states("P"), "SB@0 PD@0 OK@10");
    assert_eq!(ran.attempts("P"), "");
    assert_eq!(ran.summary("P"), "SUCCEEDED 3");
    assert_eq!(ran.times("P"), (0.0, None, Some(10.0)));
    assert_eq!(ran.states("P:2"), "PD@0 RN@0 ST@0 RG@0 OK@10");
}

#[test]
fn batch_g51_a_failed_child_does_not_stop_the_others() {
    let case = Case::new().job("P", "1,10,0").array(2);
    let ran = case.children(&["100,0", "10,1"]).run();
    assert_eq!(ran.end("P:1").0, "FL@10");
    assert_eq!(ran.states("P"), "SB@0 PD@0 FL@100");
    assert_eq!(ran.reason("P"), CHILD);
}

#[test]
fn batch_g52_a_child_is_retried_by_itself() {
    let case = Case::new().job("P", "1,10,0").array(2).tries(2);
    let ran = case.children(&["10,0", "10,1 10,0"]).run();
    assert_eq!(ran.attempts("P:0"), "0-10 exit 0");
    assert_eq!(ran.attempts("P:1"), "0-10 exit 1, 10-20 exit 0");
    assert_eq!(ran.end("P").0, "OK@20");
}

#[test]
fn batch_g54_terminate_of_a_parent_ends_its_children() {
    let case = Case::new().job("P", "1,100,0").array(2);
    let ran = case
        .at("5s")
        .does("terminateJob: {job: P, reason: t}")
        .run();
    for name in ["P:0", "P:1", "P"] {
        assert_eq!(ran.end(name), ("FL@5".to_owned(), "t".to_owned()));
        assert_eq!(ran.request(name), Some((Request::Terminate, "t")));
    }
}

/// The children left alone go on; the parent fails with them.
#[test]
fn batch_g54_terminate_of_a_child_leaves_the_others_alone() {
    let case = Case::new().job("P", "1,100,0").array(2);
    let ran = case
        .at("5s")
        .does("terminateJob: {job: P, index: 0, reason: t}")
        .run();
    assert_eq!(ran.end("P:0"), ("FL@5".to_owned(), "t".to_owned()));
    assert_eq!(ran.end("P:1").0, "OK@100");
    assert_eq!(ran.end("P"), ("FL@100".to_owned(), CHILD.to_owned()));
}

#[test]
fn batch_g55_cancel_of_a_parent_leaves_running_children_alone() {
    let case = Case::new().job("P", "4,10,0").array(3);
    let ran = case.at("5s").does("cancelJob: {job: P, reason: c}").run();
    assert_eq!(ran.states("P:0"), "PD@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.states("P:1"), "PD@0 RN@0 FL@5");
    assert_eq!(ran.states("P:2"), "PD@0 RN@0 FL@5");
    assert_eq!(ran.end("P"), ("FL@10".to_owned(), "c".to_owned()));
}

#[test]
fn batch_g56_each_child_has_a_timeout_of_its_own() {
    let case = Case::new().job("P", "1,10,0").array(2).timeout(60);
    let ran = case.children(&["50,0", "100,0"]).run();
    assert_eq!(ran.end("P:0").0, "OK@50");
    assert_eq!(ran.end("P:1").0, "FL@60");
    assert_eq!(ran.end("P").0, "FL@60");
}

#[test]
fn batch_g57_a_parent_is_pending_while_its_children_run() {
    let case = Case::new().job("P", "4,10,0").array(2);
    let ran = case.clone().until("15s").run();
    assert_eq!(ran.states("P:0"), "PD@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.states("P:1"), "PD@0 RN@0 ST@10 RG@10");
    assert_eq!(ran.states("P"), "SB@0 PD@0");
    assert_eq!(ran.summary("P"), "RUNNING 1, SUCCEEDED 1");
    let ran = case.run();
    assert_eq!(ran.states("P"), "SB@0 PD@0 OK@20");
    let at = |second| (ran.state_in("P:0", second), ran.state_in("P", second));
    assert_eq!([at(5.0), at(10.0)], [("RG", "PD"), ("OK", "PD")]);
}

#[test]
fn batch_g121_a_cancelled_parent_fails_though_all_children_succeed() {
    let case = Case::new().job("P", "1,10,0").array(2);
    let ran = case.at("5s").does("cancelJob: {job: P, reason: c}").run();
    assert_eq!(ran.end("P:0").0, "OK@10");
    assert_eq!(ran.end("P:1").0, "OK@10");
    assert_eq!(ran.end("P"), ("FL@10".to_owned(), "c".to_owned()));
    assert_eq!(ran.request("P:0"), None);
}

#[test]
fn batch_g124_cancel_right_after_submission_ends_all() {
    let case = Case::new().job("A", "1,10,0").array(3);
    let case = case.job("B", "1,10,0").array(3).child_by_child("A");
    let ran = case.does("cancelJob: {job: A, reason: c}").run();
    for name in ["A", "A:0", "A:1", "A:2"] {
        assert_eq!(ran.end(name), ("FL@0".to_owned(), "c".to_owned()));
        assert_eq!(ran.attempts(name), "");
    }
    for name in ["B:0", "B:1", "B:2"] {
        assert_eq!(ran.end(name), ("FL@0".to_owned(), DEPENDENCY.to_owned()));
    }
    assert_eq!(ran.end("B"), ("FL@0".to_owned(), CHILD.to_owned()));
}

#[test]
fn batch_g126_a_failed_dependency_fails_parent_and_children_alike() {
    let case = Case::new().job("A", "1,10,1");
    let ran = case.job("P", "1,10,0").array(2).after(&["A"]).run();
    for name in ["P:0", "P:1", "P"] {
        assert_eq!(ran.end(name), ("FL@10".to_owned(), DEPENDENCY.to_owned()));
    }
}
