//! Compute environments and consumable resources.

use stowplan::engine;
use stowplan::metrics::Metrics;

use super::case::Case;

/// `computeResources` of On-Demand instances.
fn ec2(strategy: &str, min: u32, max: u32, types: &str) -> String {
    format!(
        "type: EC2, allocationStrategy: {strategy}, minvCpus: {min}, maxvCpus: {max}, \
         instanceTypes: [{types}]"
    )
}

/// The same of one type with 4 vCPUs, under BEST_FIT.
fn xlarge(min: u32, max: u32) -> String {
    ec2("BEST_FIT", min, max, "c5.xlarge")
}

trait Needs {
    /// The job written last takes one of a consumable resource.
    fn needs(self, resource: &str) -> Self;
}

impl Needs for Case {
    fn needs(self, resource: &str) -> Self {
        self.define(&format!(
            "consumableResourceProperties: \
             {{consumableResourceList: [{{consumableResource: {resource}, quantity: 1}}]}}"
        ))
    }
}

// ---- States ---------------------------------------------------------------------------------

#[test]
fn batch_g97_a_disabled_environment_takes_no_job_and_keeps_its_minimum() {
    let case = Case::new()
        .job("J", "1,10,0")
        .job("K", "4,10,0")
        .at("5s")
        .does("updateComputeEnvironment: {computeEnvironment: ce, state: DISABLED}");
    let ran = case.clone().until("1h").run();
    assert_eq!(ran.states("J"), "SB@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.states("K"), "SB@0 RN@0");
    assert_eq!(ran.instances("ce"), ["c5.xlarge 0/0/-"]);
    let ran = case
        .at("50s")
        .does("updateComputeEnvironment: {computeEnvironment: ce, state: ENABLED}")
        .run();
    assert_eq!(ran.states("K"), "SB@0 RN@0 ST@50 RG@50 OK@60");
}

#[test]
fn batch_a_disabled_environment_launches_its_minimum_and_no_more() {
    let ran = Case::new()
        .environment("ce", &xlarge(4, 8))
        .does("updateComputeEnvironment: {computeEnvironment: ce, state: DISABLED}")
        .job("J", "4,10,0")
        .until("1h")
        .run();
    assert_eq!(ran.states("J"), "SB@0 RN@0");
    assert_eq!(
        ran.reason("J"),
        "UNDETERMINED - Batch job is blocked, root cause is undetermined."
    );
    assert_eq!(ran.instances("ce"), ["c5.xlarge 0/0/-"]);
}

#[test]
fn batch_a_job_goes_to_the_first_environment_with_room() {
    let ran = Case::new()
        .environment("ce1", &xlarge(4, 4))
        .environment("ce2", &xlarge(4, 4))
        .job("A", "3,10,0")
        .job("B", "3,20,0")
        .job("C", "1,10,0")
        .job("D", "3,10,0")
        .run();
    let hosts = ["A", "B", "C", "D"].map(|job| ran.hosts(job)[0]);
    assert_eq!(hosts, ["ce1/1", "ce2/1", "ce1/1", "ce1/1"]);
    assert_eq!(ran.states("D"), "SB@0 RN@0 ST@10 RG@10 OK@20");
}

// ---- Which type -----------------------------------------------------------------------------

#[test]
fn batch_g99_the_maximum_is_exceeded_by_one_instance_at_most() {
    let ran = |strategy: &str, jobs: u32| {
        let ran = Case::new()
            .environment("ce", &ec2(strategy, 0, 10, "c5.xlarge"))
            .job("A", "4,10,0")
            .array(jobs)
            .run();
        ran.instances("ce").len()
    };
    assert_eq!(ran("BEST_FIT_PROGRESSIVE", 3), 3);
    assert_eq!(ran("BEST_FIT_PROGRESSIVE", 6), 3);
    assert_eq!(ran("BEST_FIT", 6), 2);
}

#[test]
fn batch_g100_without_capacity_best_fit_waits_and_progressive_does_not() {
    let case = |strategy: &str| {
        Case::new()
            .environment_with(
                "ce",
                &ec2(strategy, 0, 4, "c5.large, c5.xlarge"),
                "bootTime: 0s, insufficientCapacity: \
                 [{instanceType: c5.large, from: 0s, until: 1h}]",
            )
            .job("A", "1,10,0")
    };
    let ran = case("BEST_FIT").until("59m").run();
    assert_eq!(ran.states("A"), "SB@0 RN@0");
    assert_eq!(
        ran.reason("A"),
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested \
         for instance type c5.large"
    );
    let ran = case("BEST_FIT").run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@3600 RG@3600 OK@3610");
    assert_eq!(ran.instances("ce"), ["c5.large 3600/3600/-"]);
    let ran = case("BEST_FIT_PROGRESSIVE").run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.instances("ce"), ["c5.xlarge 0/0/-"]);
}

#[test]
fn batch_a_head_that_waits_for_something_else_does_not_lack_capacity() {
    let case = |consumable| {
        Case::new()
            .environment_with(
                "ce",
                &xlarge(0, 8),
                "bootTime: 180s, insufficientCapacity: [{instanceType: c5.xlarge, from: 10s}]",
            )
            .consumable("L", consumable, "REPLENISHABLE")
            .job("A", "1,10,0")
            .needs("L")
            .at("20s")
            .job("B", "4,10,0")
    };
    // For A an instance is on its way, for B none can be had.
    assert_eq!(case(1).until("30s").run().reason("A"), "");
    let ran = case(1).until("181s").run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@180 RG@180");
    assert!(
        ran.reason("B")
            .starts_with("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - ")
    );
    // Nothing is launched for A while the resource lacks.
    let ran = case(0).until("1h").run();
    assert_eq!(ran.states("A"), "SB@0 RN@0");
    assert_eq!(ran.reason("A"), "");
    assert_eq!(ran.instances("ce"), [""; 0]);
}

#[test]
fn batch_g101_an_explicit_type_goes_before_its_family() {
    let launched = |types| {
        let resources = ec2("BEST_FIT_PROGRESSIVE_ORDERED", 0, 64, types);
        let case = Case::new().environment("ce", &resources);
        case.job("A", "1,10,0").run().instances("ce")
    };
    assert_eq!(launched("m7i.4xlarge, m7i, m6i"), ["m7i.4xlarge 0/0/-"]);
    assert_eq!(launched("m7i, m7i.4xlarge, m6i"), ["m7i.large 0/0/-"]);
}

#[test]
fn batch_g105_a_spot_price_has_to_be_below_the_bid() {
    // On-Demand the type costs 0.17, 20 % of which are 0.034.
    let launched = |price: &str| {
        let ran = Case::new()
            .environment_with(
                "ce",
                "type: SPOT, allocationStrategy: SPOT_CAPACITY_OPTIMIZED, minvCpus: 0, maxvCpus: 4, \
                 instanceTypes: [c5.xlarge], bidPercentage: 20",
                &format!("bootTime: 0s, spotPrices: {{c5.xlarge: {price}}}"),
            )
            .job("A", "1,10,0")
            .until("1h")
            .run();
        ran.instances("ce").len()
    };
    assert_eq!(["0.0425", "0.034", "0.0323"].map(launched), [0, 0, 1]);
}

#[test]
fn batch_g109_registered_memory_is_less_than_nominal() {
    let ran = |memory| {
        Case::new()
            .environment("ce", &ec2("BEST_FIT", 0, 4, "m4.large"))
            .job("A", "1,10,0")
            .memory(memory)
            .until("1h")
            .run()
    };
    let refused = ran(8192);
    assert_eq!(refused.states("A"), "SB@0 RN@0");
    assert_eq!(
        refused.reason("A"),
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement \
         (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue."
    );
    assert_eq!(refused.instances("ce"), [""; 0]);
    assert_eq!(ran(7500).states("A"), "SB@0 RN@0 ST@0 RG@0 OK@10");
}

// ---- Fargate --------------------------------------------------------------------------------

#[test]
fn batch_g107_fargate_runs_up_to_its_maximum() {
    let mut case = Case::new().environment_of(
        "ce",
        "type: MANAGED, computeResources: {type: FARGATE, maxvCpus: 2, subnets: [subnet-1], \
         securityGroupIds: [sg-1]}",
    );
    for (job, what) in [("A", "1,10,0"), ("B", "1,20,0"), ("C", "1,10,0")] {
        case = case
            .job(job, what)
            .memory(2048)
            .define("platformCapabilities: [FARGATE]")
            .properties("executionRoleArn: r");
    }
    let ran = case.run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@0 RG@0 OK@20");
    assert_eq!(ran.states("C"), "SB@0 RN@0 ST@10 RG@10 OK@20");
}

// ---- Scaling up -----------------------------------------------------------------------------

#[test]
fn batch_g130_demand_counts_on_what_is_on_its_way() {
    let ran = Case::new()
        .environment_with("ce1", &xlarge(0, 4), "bootTime: 180s")
        .environment_with("ce2", &xlarge(0, 4), "bootTime: 180s")
        .job("A", "4,10,0")
        .at("20s")
        .job("J", "1,10,0")
        .until("10m")
        .run();
    assert_eq!(ran.instances("ce1"), ["c5.xlarge 0/180/-"]);
    assert_eq!(ran.instances("ce2"), ["c5.xlarge 20/200/-"]);
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@180 RG@180 OK@190");
}

#[test]
fn batch_small_jobs_share_the_instance_on_its_way() {
    let ran = Case::new()
        .environment_with("ce", &xlarge(0, 16), "bootTime: 180s")
        .job("A", "1,10,0")
        .array(5)
        .run();
    assert_eq!(ran.instances("ce"), ["c5.xlarge 0/180/-"; 2]);
    assert_eq!(ran.states("A:4"), "PD@0 RN@0 ST@180 RG@180 OK@190");
}

#[test]
fn batch_g140_the_fullest_instance_with_room_takes_a_job() {
    let ran = Case::new()
        .environment("ce", &xlarge(8, 8))
        .job("X", "3,100,0")
        .at("1s")
        .job("Yy", "1,100,0")
        .at("2s")
        .job("Z", "4,10,0")
        .run();
    assert_eq!(ran.hosts("X"), ran.hosts("Yy"));
    assert_eq!(ran.states("Z"), "SB@2 RN@2 ST@2 RG@2 OK@12");
}

#[test]
fn batch_what_an_attempt_gives_back_is_launched_for() {
    // B waits for L and then for 4 vCPUs, which the instance of A does not have.
    let ran = Case::new()
        .environment("ce", &ec2("BEST_FIT", 0, 8, "c5.large, c5.xlarge"))
        .consumable("L", 1, "REPLENISHABLE")
        .job("A", "1,10,0")
        .needs("L")
        .job("B", "4,10,0")
        .needs("L")
        .run();
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@10 RG@10 OK@20");
}

// ---- Scaling down ---------------------------------------------------------------------------

#[test]
fn batch_g104_an_instance_that_the_minimum_needs_stays() {
    let ran = Case::new()
        .environment("ce", &ec2("BEST_FIT", 4, 72, "c5.9xlarge"))
        .job("A", "36,10,0")
        .job("B", "36,20,0")
        .until("3h")
        .run();
    // Of two the one that has idled longest goes.
    assert_eq!(
        ran.instances("ce"),
        ["c5.9xlarge 0/0/610", "c5.9xlarge 0/0/-"]
    );
}

#[test]
fn batch_g144_an_instance_that_never_ran_a_job_goes_after_the_usual_time() {
    let resources = format!(
        "{}, scalingPolicy: {{minScaleDownDelayMinutes: 20}}",
        xlarge(4, 4)
    );
    let ran = Case::new()
        .environment("ce", &resources)
        .at("0.001s")
        .does("updateComputeEnvironment: {computeEnvironment: ce, computeResources: {minvCpus: 0}}")
        .until("1h")
        .run();
    assert_eq!(ran.instances("ce"), ["c5.xlarge 0/0/600"]);
}

#[test]
fn batch_a_new_job_restarts_the_scale_down_delay() {
    let delay = ", scalingPolicy: {minScaleDownDelayMinutes: 20}";
    let gone = |policy: &str| {
        let ran = Case::new()
            .environment("ce", &format!("{}{policy}", xlarge(0, 4)))
            .job("A", "1,10,0")
            .at("300s")
            .job("B", "1,10,0")
            .until("2h")
            .run();
        ran.instances("ce")
    };
    assert_eq!(gone(""), ["c5.xlarge 0/0/910"]);
    assert_eq!(gone(delay), ["c5.xlarge 0/0/1510"]);
}

#[test]
fn batch_g145_an_instance_with_room_reserved_for_a_job_stays() {
    // The instance is there from 180 on; what it waits for is there 1000 s later.
    let case = |with_j: bool| {
        let case = Case::new()
            .environment_with("ce", &xlarge(4, 4), "bootTime: 180s")
            .consumable("L", 0, "REPLENISHABLE")
            .at("0.001s")
            .does(
                "updateComputeEnvironment: \
                 {computeEnvironment: ce, computeResources: {minvCpus: 0}}",
            )
            .at("1180s")
            .does("updateConsumableResource: {consumableResource: L, operation: ADD, quantity: 1}")
            .at("180s")
            .job("A", "1,10,0")
            .needs("L");
        let case = match with_j {
            true => case.job("J", "1,10,0"),
            false => case,
        };
        case.run()
    };
    let ran = case(true);
    assert_eq!(ran.states("A"), "SB@180 RN@180 ST@1180 RG@1180 OK@1190");
    assert_eq!(ran.states("J"), "SB@180 RN@180 ST@1180 RG@1180 OK@1190");
    assert_eq!(ran.instances("ce"), ["c5.xlarge 0/180/-"]);
    let ran = case(false);
    assert_eq!(ran.states("A"), "SB@180 RN@180 ST@1360 RG@1360 OK@1370");
    assert_eq!(
        ran.instances("ce"),
        ["c5.xlarge 0/180/780", "c5.xlarge 1180/1360/-"]
    );
}

#[test]
fn batch_an_instance_reserved_for_a_job_goes_when_that_is_cancelled() {
    // A waits for what never comes, J for A.
    let ran = Case::new()
        .environment("ce", &xlarge(4, 4))
        .consumable("L", 0, "REPLENISHABLE")
        .at("0.001s")
        .does("updateComputeEnvironment: {computeEnvironment: ce, computeResources: {minvCpus: 0}}")
        .at("10s")
        .job("A", "1,10,0")
        .needs("L")
        .job("J", "1,10,0")
        .at("700s")
        .does("cancelJob: {job: J, reason: x}")
        .until("1h")
        .run();
    assert_eq!(ran.instances("ce"), ["c5.xlarge 0/0/700"]);
}

#[test]
fn batch_an_idle_instance_makes_room_for_a_type_that_fits() {
    // BEST_FIT launches a c5.large for A; B needs a c5.xlarge, for which maxvCpus has room once the
    // c5.large has gone.
    let ran = Case::new()
        .environment("ce", &ec2("BEST_FIT", 0, 4, "c5.large, c5.xlarge"))
        .job("A", "1,10,0")
        .at("5s")
        .job("B", "4,10,0")
        .run();
    assert_eq!(ran.states("B"), "SB@5 RN@5 ST@610 RG@610 OK@620");
    assert_eq!(
        ran.instances("ce"),
        ["c5.large 0/0/610", "c5.xlarge 610/610/-"]
    );
}

// ---- Updates of the infrastructure ----------------------------------------------------------

/// An environment that may be updated, and an update at the moment in use to it.
fn updated(max: u32, policy: &str) -> Case {
    let resources = ec2("BEST_FIT_PROGRESSIVE", 4, max, "c5.xlarge");
    Case::new()
        .environment("ce", &resources)
        .job("J", "1,200,0")
        .tries(2)
        .at("100s")
        .does(&format!(
            "updateComputeEnvironment: {{computeEnvironment: ce, {policy}, \
             computeResources: {{instanceTypes: [c5.xlarge, c5.2xlarge]}}}}"
        ))
}

#[test]
fn batch_g112_an_update_may_terminate_the_jobs() {
    let ran = updated(4, "updatePolicy: {terminateJobsOnUpdate: true}").run();
    assert_eq!(ran.attempts("J"), "0-100, 100-300 exit 0");
    assert_eq!(
        ran.states("J"),
        "SB@0 RN@0 ST@0 RG@0 RN@100 ST@100 RG@100 OK@300"
    );
    let reason = &ran.attempt_reasons("J")[0];
    assert!(reason.starts_with("Host EC2 (instance i-"), "{reason}");
    assert_eq!(
        ran.instances("ce"),
        ["c5.xlarge 0/0/100", "c5.xlarge 100/100/-"]
    );
}

#[test]
fn batch_g132_an_update_leaves_running_jobs_their_time() {
    let ran = updated(8, "updatePolicy: {terminateJobsOnUpdate: false}")
        .at("120s")
        .job("K", "1,10,0")
        .run();
    assert_eq!(ran.states("K"), "SB@120 RN@120 ST@120 RG@120 OK@130");
    assert_eq!(ran.hosts("K"), ["ce/2"]);
    assert_eq!(ran.attempts("J"), "0-200 exit 0");
    assert_eq!(
        ran.instances("ce"),
        ["c5.xlarge 0/0/200", "c5.xlarge 120/120/-"]
    );
}

#[test]
fn batch_g132_jobs_that_take_too_long_are_ended() {
    let policy = "updatePolicy: {terminateJobsOnUpdate: false, jobExecutionTimeoutMinutes: 1}";
    let ran = updated(4, policy).run();
    assert_eq!(ran.attempts("J"), "0-160, 160-360 exit 0");
}

#[test]
fn batch_g117_best_fit_has_no_update_of_the_infrastructure() {
    let error = Case::new()
        .does(
            "updateComputeEnvironment: {computeEnvironment: ce, \
             computeResources: {instanceTypes: [c5.xlarge, c5.2xlarge]}}",
        )
        .error();
    let place = "actions[0].updateComputeEnvironment.computeResources";
    assert!(error.starts_with(place), "{error}");
}

// ---- Instances that are lost ----------------------------------------------------------------

#[test]
fn batch_a_reclaimed_instance_ends_its_attempts_and_is_replaced() {
    let ran = Case::new()
        .environment(
            "ce",
            "type: SPOT, allocationStrategy: SPOT_CAPACITY_OPTIMIZED, minvCpus: 0, maxvCpus: 4, \
             instanceTypes: [c5.xlarge]",
        )
        .job("A", "1,200,0")
        .tries(2)
        .at("50s")
        .does("interruptSpotInstances: {cluster: ce, containerInstances: [ce/1]}")
        .at("60s")
        .job("B", "1,10,0")
        .run();
    // The notice comes at 50, two minutes before the end; from then on no job is placed there.
    assert_eq!(ran.attempts("A"), "0-170, 170-370 exit 0");
    let reason = &ran.attempt_reasons("A")[0];
    assert!(reason.starts_with("Host EC2 (instance i-"), "{reason}");
    assert!(reason.ends_with(") terminated."), "{reason}");
    assert_eq!(ran.states("B"), "SB@60 RN@60 ST@170 RG@170 OK@180");
    assert_eq!(
        ran.instances("ce"),
        ["c5.xlarge 0/0/170", "c5.xlarge 170/170/-"]
    );
}

// ---- Consumable resources -------------------------------------------------------------------

#[test]
fn batch_g114_what_comes_back_is_taken_by_the_next() {
    let ran = Case::new()
        .consumable("L", 1, "REPLENISHABLE")
        .job("A", "1,10,0")
        .needs("L")
        .job("B", "1,10,0")
        .needs("L")
        .run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@10 RG@10 OK@20");
}

#[test]
fn batch_g115_what_does_not_come_back_has_to_be_added() {
    let case = Case::new()
        .consumable("L", 1, "NON_REPLENISHABLE")
        .job("A", "1,10,0")
        .needs("L")
        .job("B", "1,10,0")
        .needs("L");
    let ran = case.clone().run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@0 RG@0 OK@10");
    assert_eq!(ran.states("B"), "SB@0 RN@0");
    let ran = case
        .at("100s")
        .does("updateConsumableResource: {consumableResource: L, operation: ADD, quantity: 1}")
        .run();
    assert_eq!(ran.states("B"), "SB@0 RN@0 ST@100 RG@100 OK@110");
}

#[test]
fn batch_a_retried_job_is_launched_for_without_new_resources() {
    // What A has taken does not have to be there again when its host is lost.
    let ran = Case::new()
        .environment("ce", &xlarge(0, 4))
        .consumable("L", 1, "NON_REPLENISHABLE")
        .job("A", "1,10,0")
        .tries(2)
        .needs("L")
        .at("5s")
        .does("terminateInstances: {cluster: ce, containerInstances: [ce/1]}")
        .run();
    assert_eq!(ran.states("A"), "SB@0 RN@0 ST@0 RG@0 RN@5 ST@5 RG@5 OK@15");
}

#[test]
fn batch_an_unmanaged_environment_has_what_the_scenario_gives() {
    let ran = Case::new()
        .environment_of(
            "ce",
            "type: UNMANAGED, containerInstances: \
             [{count: 2, registeredResources: {CPU: 4096, MEMORY: 16384}}]",
        )
        .job("A", "4,10,0")
        .array(3)
        .job("B", "8,10,0")
        .until("1h")
        .run();
    assert_eq!(ran.summary("A"), "SUCCEEDED 3");
    assert_eq!(ran.states("A:2"), "PD@0 RN@0 ST@10 RG@10 OK@20");
    assert_eq!(ran.states("B"), "SB@0 RN@0");
    assert!(
        ran.reason("B")
            .starts_with("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - ")
    );
}

/// An instance that boots when the run ends is paid for up to there, and by its environment.
#[test]
fn instances_on_their_way_are_paid_for() {
    let resources = "type: EC2, minvCpus: 0, maxvCpus: 4, instanceTypes: [c5.xlarge]";
    let case = Case::new()
        .environment_with("slow", resources, "bootTime: 2h")
        .environment("unused", resources);
    let case = case.job("A", "1,10,0").until("1h");
    let plan = case.plan();
    let mut metrics = Metrics::new();
    let outcome = engine::run(plan, &mut metrics);
    let cost = metrics
        .results(&outcome)
        .cost
        .expect("c5.xlarge has a price");
    assert_eq!(cost.instance_hours, 1.0);
    assert_eq!(cost.clusters.len(), 2);
    assert_eq!(
        (cost.clusters[0].cluster.as_str(), cost.clusters[0].usd),
        ("slow", cost.usd)
    );
    assert_eq!(cost.clusters[1].usd, 0.0);
}
