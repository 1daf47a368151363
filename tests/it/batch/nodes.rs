//! Multi-node parallel jobs.

use super::case::{Case, EXITED, TIMEOUT};

/// Three instances of 4 vCPU.
fn three() -> Case {
    let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 12, maxvCpus: 12, \
                     instanceTypes: [c5.xlarge]";
    Case::new().environment("ce", resources)
}

#[test]
fn batch_g59_the_job_ends_with_its_main_node() {
    let case = three().job("J", "1,0,0").nodes(3, 0);
    let ran = case.node_by_node(&["50,0", "100,0"]).run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@0 OK@50");
    for node in ["J#0", "J#1", "J#2"] {
        assert_eq!(ran.end(node), ("OK@50".to_owned(), EXITED.to_owned()));
    }
    assert_eq!(ran.attempts("J"), "0-50 exit 0");
    assert_eq!(ran.attempts("J#1"), "0-50 exit 137");
    let mut hosts = ["J#0", "J#1", "J#2"].map(|node| ran.hosts(node)[0].to_owned());
    hosts.sort();
    assert_eq!(hosts, ["ce/1", "ce/2", "ce/3"]);
}

#[test]
fn batch_g60_a_node_that_fails_does_not_end_the_job() {
    let case = three().job("J", "1,0,0").nodes(3, 0);
    let ran = case.node_by_node(&["50,0", "10,1", "100,0"]).run();
    assert_eq!(ran.end("J").0, "OK@50");
    assert_eq!(ran.states("J#1"), "SB@0 RN@0 ST@0 RG@0 FL@10");
}

#[test]
fn batch_g61_a_new_attempt_restarts_all_nodes() {
    let case = three().job("J", "1,0,0").nodes(3, 0).tries(2);
    let ran = case.node_by_node(&["10,1 10,0", "100,0"]).run();
    assert_eq!(ran.attempts("J"), "0-10 exit 1, 10-20 exit 0");
    assert_eq!(ran.attempts("J#0"), "0-10 exit 1, 10-20 exit 0");
    assert_eq!(ran.attempts("J#2"), "0-10 exit 137, 10-20 exit 137");
    assert_eq!(ran.end("J").0, "OK@20");
}

#[test]
fn batch_g62_a_node_that_fails_is_no_reason_to_retry() {
    let case = three().job("J", "1,0,0").nodes(3, 0).tries(3);
    let ran = case.node_by_node(&["50,0", "100,0", "10,1"]).run();
    assert_eq!(ran.attempts("J"), "0-50 exit 0");
}

#[test]
fn batch_g64_nothing_else_runs_beside_a_node() {
    let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 8, maxvCpus: 8, \
                     instanceTypes: [c5.xlarge]";
    let case = Case::new().environment("ce", resources);
    let case = case.job("M", "1,50,0").nodes(2, 0).job("J", "1,10,0");
    let ran = case.run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@50 RG@50 OK@60");
}

#[test]
fn batch_g65_other_nodes_start_when_the_main_node_runs() {
    let case = three().job("J", "1,0,0").nodes(3, 0);
    let case = case.container(
        "duration: {distribution: constant, value: 100s}, \
         imagePull: {distribution: constant, value: 20s}",
    );
    let ran = case.assuming("nodeStart: 5s").run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@20 OK@120");
    for node in ["J#1", "J#2"] {
        assert_eq!(ran.states(node), "SB@0 RN@0 ST@20 RG@25 OK@120");
    }
}

#[test]
fn batch_g69_the_timeout_is_that_of_the_job() {
    let case = three().job("J", "1,100,0").nodes(3, 0).tries(3).timeout(60);
    let ran = case.run();
    for job in ["J", "J#0", "J#1", "J#2"] {
        assert_eq!(ran.end(job), ("FL@60".to_owned(), TIMEOUT.to_owned()));
    }
    assert_eq!(ran.attempts("J"), "0-60 exit 137");
}

#[test]
fn batch_g70_any_node_may_be_the_main_one() {
    let case = three().job("J", "1,0,0").nodes(3, 2);
    let ran = case.node_by_node(&["100,0", "100,0", "30,0"]).run();
    assert_eq!(ran.end("J").0, "OK@30");
    assert_eq!(ran.end("J#0").0, "OK@30");
}

#[test]
fn batch_g117_an_unmanaged_environment_takes_no_nodes() {
    let case = Case::new().environment_of(
        "ce",
        "type: UNMANAGED, containerInstances: [{name: i, instanceType: m5.xlarge, count: 2}]",
    );
    let ran = case.job("J", "1,10,0").nodes(2, 0).until("1h").run();
    assert_eq!(ran.state_in("J", 3600.0), "RN");
    assert!(
        ran.reason("J")
            .starts_with("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
    );
}

#[test]
fn batch_g129_whole_instances_have_to_be_allowed() {
    let ran = Case::new().job("J", "1,10,0").nodes(2, 0).until("1h").run();
    let reason = ran.reason("J");
    assert!(reason.starts_with("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"));
}

#[test]
fn batch_g131_a_node_that_ended_comes_back_with_its_job() {
    let case = three().job("J", "1,0,0").nodes(2, 0).tries(2);
    let ran = case.node_by_node(&["20,1 20,0", "10,1 100,0"]).run();
    let node = ran.states("J#1");
    assert_eq!(node, "SB@0 RN@0 ST@0 RG@0 FL@10 RN@20 ST@20 RG@20 OK@40");
    assert_eq!(ran.end("J").0, "OK@40");
    let case = three().job("J", "1,0,0").nodes(2, 0).tries(2);
    let ran = case.node_by_node(&["20,1 20,0", "10,1"]).run();
    let node = ran.states("J#1");
    assert_eq!(node, "SB@0 RN@0 ST@0 RG@0 FL@10 RN@20 ST@20 RG@20 FL@30");
    assert_eq!(ran.end("J").0, "OK@40");
}

#[test]
fn batch_g149_capacity_that_lacks_in_the_first_environment_is_not_sought_in_the_next() {
    let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 0, maxvCpus: 8, \
                     instanceTypes: [c5.xlarge]";
    let short = "bootTime: 0s, insufficientCapacity: [{instanceType: c5.xlarge, from: 0s}]";
    let case = Case::new()
        .environment_with("ce1", resources, short)
        .environment("ce2", resources);
    let ran = case.job("J", "1,10,0").nodes(2, 0).until("1h").run();
    assert!(ran.instances("ce2").is_empty());
    assert!(
        ran.reason("J")
            .starts_with("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY")
    );
}

#[test]
fn a_fleet_is_launched_for_all_nodes_at_once() {
    let resources = "type: EC2, allocationStrategy: BEST_FIT_PROGRESSIVE, minvCpus: 0, \
                     maxvCpus: 16, instanceTypes: [c5.xlarge]";
    let case = Case::new().environment_with("ce", resources, "bootTime: 60s");
    let ran = case.job("J", "2,10,0").nodes(4, 0).run();
    assert_eq!(ran.instances("ce").len(), 4);
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@60 RG@60 OK@70");
}

#[test]
fn a_lost_host_of_a_node_does_not_end_the_job_and_one_of_the_main_node_does() {
    let of = |host: &str| {
        let case = three().job("J", "1,50,0").nodes(3, 0);
        let action = format!("terminateInstances: {{cluster: ce, containerInstances: [{host}]}}");
        case.at("10s").does(&action).run()
    };
    let ran = of("ce/2");
    assert_eq!(ran.end("J").0, "OK@50");
    assert_eq!(ran.end("J#1").0, "FL@10");
    let ran = of("ce/1");
    assert_eq!(ran.end("J").0, "FL@10");
    assert_eq!(ran.end("J#2").0, "FL@10");
}

#[test]
fn cancel_and_terminate_end_all_nodes() {
    let case = three()
        .job("A", "4,50,0")
        .array(3)
        .job("J", "1,50,0")
        .nodes(3, 0);
    let ran = case.at("5s").does("cancelJob: {job: J, reason: c}").run();
    for job in ["J", "J#0", "J#2"] {
        assert_eq!(ran.end(job), ("FL@5".to_owned(), "c".to_owned()));
    }
    let case = three().job("J", "1,50,0").nodes(3, 0).tries(3);
    let ran = case
        .at("5s")
        .does("terminateJob: {job: J, reason: t}")
        .run();
    for job in ["J", "J#0", "J#2"] {
        assert_eq!(ran.end(job), ("FL@5".to_owned(), "t".to_owned()));
    }
}

/// The container of node 1 survives SIGTERM until 30 s; the second attempt is on other instances by
/// then.
#[test]
fn a_node_that_stops_late_does_not_end_the_next_attempt() {
    let case = three().job("J", "1,0,0").nodes(2, 0).tries(2);
    let case = case.node_by_node(&["10,1 50,0", "100,0 40,0"]);
    let ran = case.assuming("termGrace: 20s").run();
    assert_eq!(ran.attempts("J"), "0-10 exit 1, 10-60 exit 0");
    assert_eq!(ran.attempts("J#1"), "0-10 exit 137, 10-50 exit 0");
}

#[test]
fn a_node_whose_instance_is_lost_before_its_launch_fails() {
    let case = three().job("J", "1,0,0").nodes(3, 0);
    let case = case.container(
        "duration: {distribution: constant, value: 50s}, \
         imagePull: {distribution: constant, value: 20s}",
    );
    let action = "terminateInstances: {cluster: ce, containerInstances: [ce/2]}";
    let ran = case.at("10s").does(action).run();
    assert_eq!(ran.end("J").0, "OK@70");
    let (end, reason) = ran.end("J#1");
    assert_eq!(end, "FL@20");
    assert!(reason.starts_with("Host EC2"), "{reason}");
    assert_eq!(ran.end("J#2").0, "OK@70");
}
