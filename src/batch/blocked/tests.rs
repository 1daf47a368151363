use super::*;
use crate::batch::allocation::{Need, Offer, multi_node_cpu};

/// An environment that could host the job: 4 vCPUs at most, of which it needs one.
fn environment() -> EnvironmentView<'static> {
    EnvironmentView {
        standing: Standing::Usable,
        takes_multi_node: true,
        max_vcpus: Some(4),
        needed_cpu: 1024,
        fits_some_type: true,
        role_problem: false,
        unsupported: false,
        insufficient_capacity: None,
    }
}

fn too_small() -> EnvironmentView<'static> {
    EnvironmentView {
        needed_cpu: 8 * 1024,
        ..environment()
    }
}

fn without_type() -> EnvironmentView<'static> {
    EnvironmentView {
        fits_some_type: false,
        ..environment()
    }
}

fn lacking(instance_type: &str) -> EnvironmentView<'_> {
    EnvironmentView {
        insufficient_capacity: Some(instance_type),
        ..environment()
    }
}

fn standing(standing: Standing) -> EnvironmentView<'static> {
    EnvironmentView {
        standing,
        ..environment()
    }
}

fn role_problem() -> EnvironmentView<'static> {
    EnvironmentView {
        role_problem: true,
        ..environment()
    }
}

fn unsupported() -> EnvironmentView<'static> {
    EnvironmentView {
        unsupported: true,
        ..environment()
    }
}

fn spot(view: EnvironmentView<'_>) -> EnvironmentView<'_> {
    EnvironmentView {
        takes_multi_node: false,
        ..view
    }
}

fn no_capacity(instance_type: &str) -> Option<Blocked> {
    Some(Blocked::Capacity {
        instance_type: instance_type.to_owned(),
    })
}

fn check(environments: &[EnvironmentView<'_>], expected: Option<Blocked>) {
    assert_eq!(reason(environments, false), expected, "{environments:#?}");
}

fn check_multi_node(environments: &[EnvironmentView<'_>], expected: Option<Blocked>) {
    assert_eq!(reason(environments, true), expected, "{environments:#?}");
}

#[test]
fn the_texts_are_those_of_the_guide() {
    let check = |blocked: Blocked, code, text| {
        assert_eq!((blocked.code(), blocked.text().as_str()), (code, text));
        assert_eq!(blocked.to_string(), text);
    };
    check(
        Blocked::Capacity {
            instance_type: "p5.48xlarge".to_owned(),
        },
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type p5.48xlarge",
    );
    check(
        Blocked::MaxVcpus,
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement of the job.",
    );
    check(
        Blocked::JobRequirement,
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue.",
    );
    check(
        Blocked::ServiceRole,
        "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
        "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS – Batch service role has a permission issue.",
    );
    check(
        Blocked::InstanceConfiguration,
        "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
        "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED - Your compute environment associated with this job queue has an unsupported instance type configuration.",
    );
    check(
        Blocked::EnvironmentsInvalid,
        "ACTION_REQUIRED",
        "ACTION_REQUIRED - CE(s) associated with the job queue are invalid.",
    );
    check(
        Blocked::Undetermined,
        "UNDETERMINED",
        "UNDETERMINED - Batch job is blocked, root cause is undetermined.",
    );
    assert_eq!(
        Blocked::MaxVcpus.cancellation(),
        "Canceled by JobStateTimeLimit action due to reason: \
         MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    );
}

#[test]
fn g5_eight_vcpus_never_fit_a_maximum_of_four() {
    check(&[too_small()], Some(Blocked::MaxVcpus));
    let needing = |needed_cpu| EnvironmentView {
        needed_cpu,
        ..environment()
    };
    check(&[needing(4 * 1024)], None);
    check(&[needing(4 * 1024 + 1)], Some(Blocked::MaxVcpus));
    let unmanaged = EnvironmentView {
        max_vcpus: None,
        ..too_small()
    };
    check(&[unmanaged], None);
}

#[test]
fn g6_no_type_with_the_memory() {
    check(&[without_type()], Some(Blocked::JobRequirement));
}

/// The head of G4 waits for the attempt that runs; two nodes of one vCPU take two whole
/// instances of four, where four vCPUs are the most.
#[test]
fn g129_a_head_that_waits_has_no_reason_and_nodes_take_whole_instances() {
    check(&[environment()], None);
    let node = Need {
        cpu: 1024,
        memory: 512,
        gpus: 0,
    };
    let four = Offer {
        name: "four".to_owned(),
        vcpus: 4,
        memory: 16_384,
        gpus: 0,
        price: 1,
        depth: 0,
        usable: true,
        position: 0,
    };
    let multi_node = EnvironmentView {
        needed_cpu: multi_node_cpu(&[node, node], [&four]),
        ..environment()
    };
    check_multi_node(&[multi_node], Some(Blocked::MaxVcpus));
}

#[test]
fn every_usable_environment_must_agree() {
    check(&[too_small(), too_small()], Some(Blocked::MaxVcpus));
    check(&[too_small(), environment()], None);
    check(&[too_small(), without_type()], Some(Blocked::Undetermined));
    check(
        &[too_small(), standing(Standing::Invalid)],
        Some(Blocked::MaxVcpus),
    );
    check(
        &[role_problem(), role_problem()],
        Some(Blocked::ServiceRole),
    );
    check(
        &[role_problem(), unsupported()],
        Some(Blocked::Undetermined),
    );
    check(&[unsupported()], Some(Blocked::InstanceConfiguration));
    check(&[unsupported(), environment()], None);
}

#[test]
fn u38_the_reasons_are_tested_in_order() {
    let everything = EnvironmentView {
        standing: Standing::Invalid,
        role_problem: true,
        fits_some_type: false,
        unsupported: true,
        insufficient_capacity: Some("m5.large"),
        ..too_small()
    };
    check(&[everything], Some(Blocked::EnvironmentsInvalid));
    let usable = EnvironmentView {
        standing: Standing::Usable,
        ..everything
    };
    check(&[usable], Some(Blocked::ServiceRole));
    let without_role_problem = EnvironmentView {
        role_problem: false,
        ..usable
    };
    check(&[without_role_problem], Some(Blocked::MaxVcpus));
    let large_enough = EnvironmentView {
        needed_cpu: 1024,
        ..without_role_problem
    };
    check(&[large_enough], Some(Blocked::JobRequirement));
    let with_type = EnvironmentView {
        fits_some_type: true,
        ..large_enough
    };
    check(&[with_type], Some(Blocked::InstanceConfiguration));
    let supported = EnvironmentView {
        unsupported: false,
        ..with_type
    };
    check(&[supported], no_capacity("m5.large"));
}

#[test]
fn environments_that_are_not_usable() {
    let invalid = || standing(Standing::Invalid);
    let unusable = || standing(Standing::Unusable);
    check(&[invalid(), invalid()], Some(Blocked::EnvironmentsInvalid));
    check(&[invalid(), unusable()], Some(Blocked::Undetermined));
    check(&[unusable()], Some(Blocked::Undetermined));
    check(&[invalid(), environment()], None);
    check(&[], Some(Blocked::Undetermined));
}

#[test]
fn capacity_lacks_when_every_environment_that_could_host_says_so() {
    check(&[lacking("a"), lacking("b")], no_capacity("a"));
    check(&[lacking("a"), environment()], None);
    check(&[environment(), lacking("b")], None);
    check(&[too_small(), lacking("b")], no_capacity("b"));
    check(
        &[lacking("a"), standing(Standing::Unusable)],
        no_capacity("a"),
    );
}

#[test]
fn g149_multi_node_is_blocked_by_the_first_environment_without_capacity() {
    check_multi_node(&[lacking("a"), environment()], no_capacity("a"));
    check_multi_node(&[spot(environment()), lacking("b")], no_capacity("b"));
    check_multi_node(
        &[too_small(), lacking("b"), environment()],
        no_capacity("b"),
    );
    check_multi_node(&[environment(), lacking("b")], None);
}

#[test]
fn multi_node_needs_an_environment_that_takes_it() {
    check_multi_node(&[spot(environment())], Some(Blocked::JobRequirement));
    check_multi_node(&[spot(environment()), environment()], None);
    check_multi_node(&[spot(environment()), too_small()], Some(Blocked::MaxVcpus));
    check_multi_node(
        &[spot(environment()), standing(Standing::Unusable)],
        Some(Blocked::Undetermined),
    );
    check_multi_node(
        &[spot(standing(Standing::Invalid))],
        Some(Blocked::EnvironmentsInvalid),
    );
}

fn limit(code: &str, seconds: i64) -> JobStateTimeLimitAction {
    JobStateTimeLimitAction::new(code, "RUNNABLE", seconds, "CANCEL").expect("a valid limit")
}

#[test]
fn g82_time_limits_out_of_range_are_refused() {
    let refused = |reason, state, seconds, action| {
        let error = JobStateTimeLimitAction::new(reason, state, seconds, action)
            .expect_err("an invalid limit");
        (error.field(), error.to_string())
    };
    let check = |reason, state, seconds, action, field, text: &str| {
        assert_eq!(
            refused(reason, state, seconds, action),
            (field, text.to_owned())
        );
    };
    for seconds in [600, 86_400] {
        let accepted = limit(CAPACITY, seconds);
        assert_eq!(accepted.max_time().micros(), seconds as u64 * 1_000_000);
        assert_eq!(accepted.reason(), CAPACITY);
    }
    for seconds in [599, 86_401, 0, -600, i64::MIN, i64::MAX] {
        let text = format!("maxTimeSeconds is {seconds}: it is 600 to 86400");
        check(
            CAPACITY,
            "RUNNABLE",
            seconds,
            "CANCEL",
            "maxTimeSeconds",
            &text,
        );
    }
    check(
        CAPACITY,
        "RUNNABLE",
        600,
        "TERMINATE",
        "action",
        "action is \"TERMINATE\": on a queue of jobs it is CANCEL",
    );
    check(
        CAPACITY,
        "RUNNING",
        600,
        "CANCEL",
        "state",
        "state is \"RUNNING\": a time limit is for RUNNABLE only",
    );
    check(
        "UNDETERMINED",
        "RUNNABLE",
        600,
        "CANCEL",
        "reason",
        "no time limit is possible for reason \"UNDETERMINED\": it is \
         CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY, \
         MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE or \
         MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
    );
}

#[test]
fn only_three_reasons_may_have_a_time_limit() {
    let all = [
        Blocked::EnvironmentsInvalid,
        Blocked::ServiceRole,
        Blocked::MaxVcpus,
        Blocked::JobRequirement,
        Blocked::InstanceConfiguration,
        Blocked::Capacity {
            instance_type: String::new(),
        },
        Blocked::Undetermined,
    ];
    let limited = all.map(|blocked| {
        JobStateTimeLimitAction::new(blocked.code(), "RUNNABLE", 600, "CANCEL").is_ok()
    });
    assert_eq!(limited, [false, false, true, true, false, true, false]);
}

#[test]
fn u39_of_two_limits_for_one_reason_the_shorter_counts() {
    let actions = [
        limit(MAX_RESOURCE, 900),
        limit(CAPACITY, 700),
        limit(MAX_RESOURCE, 800),
        limit(MAX_RESOURCE, 1000),
    ];
    let secs = |blocked: &Blocked| time_limit(&actions, blocked);
    assert_eq!(secs(&Blocked::MaxVcpus), Some(SimDuration::from_secs(800)));
    let capacity = no_capacity("any").expect("a reason");
    assert_eq!(secs(&capacity), Some(SimDuration::from_secs(700)));
    assert_eq!(secs(&Blocked::JobRequirement), None);
    assert_eq!(time_limit(&[], &Blocked::MaxVcpus), None);
}
