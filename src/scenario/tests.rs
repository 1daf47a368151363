//! What scenarios become: the plan of each new piece.

use std::path::Path;

use super::file::Assumptions;
use super::{Loaded, load_text};
use crate::engine::plan::{
    Action, Choices, Deed, Fargate, Faults, InstanceDeed, ResourceRelease, ScaleInOrder,
    WaitingOrder,
};
use crate::model::arena::{BehaviourId, ClusterId, InstanceId, ProviderId, TemplateId, WorkloadId};
use crate::model::instance::{Description, Purchase};
use crate::model::provider::{AutoScalingGroup, ManagedScaling, WarmPool};
use crate::model::request::{LaunchOn, Pool, StrategyRule, Template};
use crate::service::circuit_breaker::Threshold;
use crate::time::{SimDuration, SimTime};
use crate::workload::Call;
use crate::workload::service::{
    CircuitBreaker, DeploymentSettings, Revision, Scheduling, Service, ServiceChange,
};

const EVERYTHING: &str = include_str!("../../tests/it/bad_input/everything.yaml");

fn load(text: &str) -> Loaded {
    match load_text("test.yaml", text, Path::new("")) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}\n{text}"),
    }
}

/// [`EVERYTHING`] with one piece of text in place of another.
fn with(old: &str, new: &str) -> Loaded {
    assert_eq!(EVERYTHING.matches(old).count(), 1, "{old}");
    load(&EVERYTHING.replace(old, new))
}

fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

fn group(loaded: &Loaded, provider: u32) -> &AutoScalingGroup {
    let provider = &loaded.plan.world.providers[ProviderId(provider)];
    provider.group().expect("an Auto Scaling group")
}

fn instances(loaded: &Loaded) -> &[Description] {
    loaded.plan.world.clusters[ClusterId(0)]
        .descriptions()
        .items()
}

/// The template of a workload or service.
fn template(loaded: &Loaded, workload: u32) -> &Template {
    let id = match &loaded.plan.workloads[WorkloadId(workload)].call {
        Call::RunTask { template, .. } | Call::StartTask { template, .. } => *template,
        Call::CreateService(service) => service.revision.template,
        Call::SubmitJob(kind) => loaded.plan.world.batch.kinds[*kind].templates[0],
    };
    &loaded.plan.world.templates[id]
}

/// What runs its tasks, with base, weight and pool.
fn launches(loaded: &Loaded, workload: u32) -> Vec<(LaunchOn, u32, u32, Pool)> {
    let launches = &template(loaded, workload).launches;
    let pool = |launch: &crate::model::request::Launch| loaded.plan.world.rules[launch.rules].pool;
    let each = launches.iter();
    each.map(|it| (it.on, it.base, it.weight, pool(it)))
        .collect()
}

fn service(loaded: &Loaded, workload: u32) -> &Service {
    match &loaded.plan.workloads[WorkloadId(workload)].call {
        Call::CreateService(service) => service,
        other => panic!("{other:?}"),
    }
}

#[test]
fn providers_in_the_order_of_writing() {
    let loaded = load(EVERYTHING);
    let providers = loaded.plan.world.providers.items();
    let names: Vec<&str> = providers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["FARGATE", "FARGATE_SPOT", "grow"]);
    assert!(providers[0].is_fargate() && providers[1].is_fargate());
    let group = group(&loaded, 2);
    assert_eq!(group.cluster, ClusterId(0));
    assert_eq!(group.zones, ["us-east-1a", "us-east-1b"]);
    assert_eq!((group.min_size, group.max_size, group.desired), (1, 10, 3));
    let scaling = ManagedScaling {
        target_capacity: 90,
        minimum_step: 1,
        maximum_step: 5,
        warm_up: secs(60),
    };
    assert_eq!(group.scaling, Some(scaling));
    assert!(group.termination_protection && group.draining);
    let warm_pool = WarmPool {
        size: 2,
        boot_time: secs(20),
    };
    assert_eq!(
        (group.warm_pool, group.boot_time),
        (Some(warm_pool), Some(secs(90)))
    );
    let types: Vec<_> = group.types.iter().map(|it| &it.instance_type).collect();
    assert_eq!(types, [&Some("m5.large".into()), &Some("c5.large".into())]);
    for description in &group.types {
        assert_eq!(description.price, Some(50_000));
        assert_eq!(description.attributes["stack"], "prod");
        assert_eq!(description.zone(), None);
        assert!(description.name.is_empty() && description.ec2_instance_id.is_none());
    }
}

#[test]
fn a_group_without_settings() {
    let loaded = load(
        "
name: bare
clusters:
  - capacityProviders:
      - {name: bare, autoScalingGroup: {registeredResources: {CPU: 1024, MEMORY: 2048}, minSize: 2, maxSize: 4}}
",
    );
    let group = group(&loaded, 0);
    assert_eq!((group.min_size, group.max_size, group.desired), (2, 4, 2));
    assert_eq!(
        (group.scaling, group.warm_pool, group.boot_time),
        (None, None, None)
    );
    assert!(!group.termination_protection && group.draining);
    assert_eq!(instances(&loaded)[1].name, "bare/2");
    assert_eq!(instances(&loaded)[1].zone(), None);
}

#[test]
fn instances_of_a_group_at_the_start() {
    let loaded = load(EVERYTHING);
    let found: Vec<_> = instances(&loaded)
        .iter()
        .map(|it| {
            let kind = it.instance_type.as_deref().unwrap_or_default();
            (it.name.as_str(), kind, it.zone(), it.provider)
        })
        .collect();
    let (a, b, grow) = (Some("us-east-1a"), Some("us-east-1b"), Some(ProviderId(2)));
    assert_eq!(
        found,
        [
            ("spare-1", "m5.large", None, None),
            ("spare-2", "m5.large", None, None),
            ("grow/1", "m5.large", a, grow),
            ("grow/2", "c5.large", b, grow),
            ("grow/3", "m5.large", a, grow),
        ]
    );
    for instance in instances(&loaded) {
        assert_eq!(
            (instance.purchase, instance.spot_draining),
            (Purchase::Spot, true)
        );
    }
    let ids: Vec<_> = instances(&loaded)
        .iter()
        .map(|it| it.ec2_instance_id.clone())
        .collect();
    assert_eq!(ids[4], Some("i-00000000000000005".to_owned()));
}

#[test]
fn the_price_of_a_spot_instance_is_known_when_it_is_given() {
    let price = |fields: &str| {
        let text = format!(
            "name: one\nclusters: [{{containerInstances: [{{instanceType: m5.large, {fields}}}]}}]\n"
        );
        instances(&load(&text))[0].price
    };
    assert_eq!(price(""), Some(96_000));
    assert_eq!(price("purchase: on-demand"), Some(96_000));
    assert_eq!(price("purchase: spot"), None);
    assert_eq!(price("purchase: spot, usdPerHour: 0.035"), Some(35_000));
}

#[test]
fn a_strategy_goes_before_a_launch_type_and_that_before_the_default() {
    let loaded = load(EVERYTHING);
    let grow = ProviderId(2);
    let default = (LaunchOn::Provider(grow), 2, 1, Pool::Provider(grow));
    assert_eq!(launches(&loaded, 0), [default]);
    let fargate = |id, weight| {
        let id = ProviderId(id);
        (LaunchOn::Provider(id), 0, weight, Pool::Provider(id))
    };
    assert_eq!(launches(&loaded, 1), [fargate(0, 1), fargate(1, 3)]);
    let ec2 = (LaunchOn::Ec2, 0, 1, Pool::Ec2);
    assert_eq!(launches(&loaded, 2), [ec2]);
    let loaded = with(
        "runTask: {taskDefinition: web,",
        "runTask: {taskDefinition: web, launchType: EC2,",
    );
    assert_eq!(launches(&loaded, 0), [ec2]);
    let strategy = "    defaultCapacityProviderStrategy:\n      - {capacityProvider: grow, weight: 1, base: 2}\n";
    assert_eq!(launches(&with(strategy, ""), 0), [ec2]);
    let loaded = with("ties: lowest-id", "ec2LaunchType: outside-providers");
    assert_eq!(
        launches(&loaded, 2),
        [(LaunchOn::Ec2, 0, 1, Pool::Ec2OutsideProviders)]
    );
}

#[test]
fn tasks_on_fargate() {
    let loaded = load(EVERYTHING);
    let task = template(&loaded, 1);
    let taken = task.demand.resources;
    assert_eq!((taken.cpu, taken.memory, taken.enis), (512, 1024, 1));
    assert_eq!(task.size, (Some(512), Some(1024)));
    assert!(task.network_interface);
    assert_eq!(loaded.plan.world.zones, ["us-east-1b", "us-east-1a"]);
    let rules = &loaded.plan.world.rules[task.rules()];
    let zones = rules.subnets.as_ref().map(|it| it.zones.clone());
    assert_eq!(zones, Some(loaded.plan.world.zones.clone()));
    let strategy = "capacityProviderStrategy: [{capacityProvider: FARGATE, weight: 1}, {capacityProvider: FARGATE_SPOT, weight: 3}]";
    let loaded = with(strategy, "launchType: FARGATE");
    assert_eq!(launches(&loaded, 1)[0].0, LaunchOn::Fargate);
    // 32 vCPUs stand in the newest table only.
    let large = |sizes: &str| {
        let text = EVERYTHING.replace(
            "cpu: 512\n    memory: 1024",
            "cpu: 32768\n    memory: 61440",
        );
        let text = text.replace("ties: lowest-id", sizes);
        load_text("test.yaml", &text, Path::new("")).is_ok()
    };
    assert!(!large("fargateSizes: model") && large("fargateSizes: newest"));
}

#[test]
fn what_a_call_says_of_its_tasks() {
    let call = "runTask: {taskDefinition: web, startedBy: me, overrides: {cpu: 512, memory: 1024}, \
                placementConstraints: [{type: distinctInstance}],";
    let loaded = with("runTask: {taskDefinition: web,", call);
    let task = template(&loaded, 0);
    assert_eq!(task.started_by.as_deref(), Some("me"));
    assert_eq!(task.size, (Some(512), Some(1024)));
    assert!(task.distinct_instance);
    let plain = load(EVERYTHING);
    let task = template(&plain, 0);
    assert_eq!(
        (task.size, &task.started_by, task.distinct_instance),
        ((None, None), &None, false)
    );
}

#[test]
fn capabilities_count_when_they_are_checked() {
    let attributes =
        "family: web\n    requiresAttributes: [{name: com.amazonaws.ecs.capability.task-iam-role}]";
    let text = EVERYTHING.replace("family: web", attributes);
    let required = |reading: &str| {
        let loaded = load(&text.replace("capabilities: ignored", reading));
        let rules = template(&loaded, 0).rules();
        loaded.plan.world.rules[rules].required.len()
    };
    assert_eq!(required("capabilities: ignored"), 0);
    assert_eq!(required("capabilities: checked"), 1);
}

#[test]
fn services_follow_the_workloads() {
    let loaded = load(EVERYTHING);
    assert_eq!(loaded.names.workloads, ["jobs", "cloud", "api", "agent"]);
    let expected = Service {
        scheduling: Scheduling::Replica,
        desired: 4,
        revision: Revision {
            template: TemplateId(2),
            behaviour: BehaviourId(2),
        },
        deployment: DeploymentSettings {
            minimum_healthy_percent: 50,
            maximum_percent: 150,
            circuit_breaker: Some(CircuitBreaker {
                rollback: true,
                threshold: Threshold::Count(4),
                reset_on_healthy_task: true,
            }),
        },
        grace_period: secs(30),
        zone_rebalancing: true,
        activation: secs(5),
        deactivation: secs(10),
    };
    assert_eq!(*service(&loaded, 2), expected);
    let api = template(&loaded, 2);
    let cluster = &loaded.plan.world.clusters[ClusterId(0)];
    assert_eq!(cluster.group_name(api.group), "service:api");
    let rules = &loaded.plan.world.rules[api.rules()];
    let zone = StrategyRule::SpreadAttribute("ecs.availability-zone".to_owned());
    assert_eq!(rules.strategies, [zone, StrategyRule::SpreadInstance]);
    let agent = service(&loaded, 3);
    assert_eq!(agent.scheduling, Scheduling::Daemon);
    assert_eq!(
        (
            agent.deployment.minimum_healthy_percent,
            agent.deployment.maximum_percent
        ),
        (0, 100)
    );
    assert!(!agent.zone_rebalancing);
    let rules = &loaded.plan.world.rules[template(&loaded, 3).rules()];
    assert_eq!(rules.strategies, [StrategyRule::Random]);
}

#[test]
fn actions_in_the_order_of_time() {
    let loaded = load(EVERYTHING);
    let actions = &loaded.plan.actions;
    let minutes: Vec<u64> = actions
        .iter()
        .map(|it| it.at.micros() / 60_000_000)
        .collect();
    assert_eq!(minutes, (9..=22).collect::<Vec<_>>());
    let on = |instances: &[u32], what| Deed::Instances {
        cluster: ClusterId(0),
        instances: instances.iter().map(|id| InstanceId(*id)).collect(),
        what,
    };
    let api = WorkloadId(2);
    let enough = loaded
        .plan
        .world
        .reasons
        .iter()
        .position(|it| it == "enough");
    let expected = [
        Deed::ProtectTask {
            workload: api,
            task: None,
            lasts: secs(1800),
        },
        Deed::StopTask {
            workload: WorkloadId(0),
            task: Some(1),
            reason: enough.and_then(|at| u32::try_from(at).ok()),
        },
        on(&[0, 3], InstanceDeed::Drain),
        on(&[0], InstanceDeed::Activate),
        on(&[4], InstanceDeed::Deregister { force: true }),
        on(&[2], InstanceDeed::Disconnect),
        on(&[2], InstanceDeed::Connect),
        on(&[1], InstanceDeed::InterruptSpot),
        on(&[2], InstanceDeed::Stop),
        on(&[3], InstanceDeed::Terminate),
        Deed::UpdateService {
            service: api,
            change: ServiceChange {
                desired: Some(6),
                revision: Some(Revision {
                    template: TemplateId(4),
                    behaviour: BehaviourId(4),
                }),
                deployment: None,
            },
        },
        Deed::UpdateService {
            service: api,
            change: ServiceChange {
                desired: None,
                revision: None,
                deployment: Some(DeploymentSettings {
                    minimum_healthy_percent: 50,
                    maximum_percent: 200,
                    circuit_breaker: service(&loaded, 2).deployment.circuit_breaker,
                }),
            },
        },
        Deed::Resize {
            provider: ProviderId(2),
            min_size: Some(0),
            max_size: Some(20),
            desired: Some(4),
        },
        Deed::InterruptFargateSpot {
            workload: WorkloadId(1),
        },
    ];
    for (found, expected) in actions.iter().zip(&expected) {
        assert_eq!(found.what, *expected, "at {}", found.at);
    }
    assert_eq!(actions.len(), expected.len());
}

#[test]
fn actions_of_one_moment_stay_as_they_are_written() {
    let text = "name: order\nclusters: [{containerInstances: [{name: a, instanceType: m5.large}]}]\nactions:\n  \
                - {at: 2s, stopInstances: {containerInstances: [a]}}\n  \
                - {at: 1s, connectAgents: {containerInstances: [a]}}\n  \
                - {at: 1s, disconnectAgents: {containerInstances: [a]}}\n";
    let of = |at, what| Action {
        at: SimTime::ZERO + secs(at),
        what: Deed::Instances {
            cluster: ClusterId(0),
            instances: vec![InstanceId(0)],
            what,
        },
    };
    assert_eq!(
        load(text).plan.actions,
        [
            of(1, InstanceDeed::Connect),
            of(1, InstanceDeed::Disconnect),
            of(2, InstanceDeed::Stop)
        ]
    );
}

#[test]
fn a_new_task_definition_is_a_new_revision() {
    let update = |fields: &str| {
        let old = "updateService: {service: api, deploymentConfiguration: {maximumPercent: 200}}";
        let loaded = with(old, &format!("updateService: {{service: api, {fields}}}"));
        match &loaded.plan.actions[11].what {
            Deed::UpdateService { change, .. } => change.revision.map(|revision| {
                let template = &loaded.plan.world.templates[revision.template];
                template.task_definition.clone()
            }),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(update("taskDefinition: web"), None);
    assert_eq!(update("desiredCount: 1"), None);
    let forced = update("taskDefinition: web, forceNewDeployment: true");
    assert_eq!(forced.as_deref(), Some("web:1"));
}

#[test]
fn faults_and_fargate() {
    let loaded = load(EVERYTHING);
    let expected = Faults {
        spot_interruption: Some(secs(20 * 3600)),
        instance_failure: Some(secs(2000 * 3600)),
        instance_repair: Some(secs(600)),
        fargate_spot_interruption: Some(secs(86_400)),
    };
    assert_eq!(loaded.plan.faults, expected);
    let expected = Fargate {
        on_demand_quota: Some(6 * 1024),
        spot_quota: Some(8 * 1024),
        launch_rate: Some((100, 20)),
        price: Some((40_480, 4_445)),
        spot_price: Some((12_500, 1_400)),
    };
    assert_eq!(loaded.plan.world.fargate, expected);
    let bare = load("name: bare\nclusters: [{}]\n");
    assert_eq!(bare.plan.faults, Faults::default());
    let expected = Fargate {
        price: Some((40_480, 4_445)),
        ..Fargate::default()
    };
    assert_eq!(bare.plan.world.fargate, expected);
}

#[test]
fn assumptions_are_the_choices_of_the_engine() {
    assert_eq!(Assumptions::default().choices(), Choices::default());
    let loaded = load(
        "
name: others
clusters: [{}]
assumptions:
  resourceRelease: on-stopped
  bootTime: 1s
  provisioningPatience: 2s
  provisioningTaskLimit: 9
  clientTokenLifetime: 10s
  waitingOrder: head-of-line
  serviceRetry: 3s
  healthyAfter: 4s
  interfaceAttachment: 5s
  interfaceDetachment: 6s
  fargateProvisioning: 7s
  fargateDeprovisioning: 8s
  scaleInOrder: fullest-zone-newest
  launchTypeTasks: do-not-keep
",
    );
    let expected = Choices {
        release: ResourceRelease::OnStopped,
        boot_time: secs(1),
        patience: secs(2),
        token_life: secs(10),
        provisioning_limit: 9,
        waiting_order: WaitingOrder::HeadOfLine,
        service_retry: secs(3),
        healthy_after: secs(4),
        interface_attachment: secs(5),
        interface_detachment: secs(6),
        fargate_provisioning: secs(7),
        fargate_deprovisioning: secs(8),
        scale_in_order: ScaleInOrder::FullestZoneNewest,
        launch_type_counts: false,
    };
    assert_eq!(loaded.plan.world.choices, expected);
}

/// Every open question has its key, and all keys with their values are told.
#[test]
fn every_open_question_has_a_key() {
    let source = include_str!("file/assumptions.rs");
    for number in 1..=47 {
        let mark = format!("[U-{number:02}]");
        assert!(source.matches(&mark).count() >= 1, "{mark}");
    }
    let source = include_str!("file/assumptions/batch.rs");
    for number in 1..=59 {
        let mark = format!("[B-{number:02}]");
        assert!(source.contains(&mark), "{mark}");
    }
    let told = serde_json::to_value(Assumptions::default()).expect("it can be told");
    let told = told.as_object().expect("a mapping");
    assert_eq!(told.len(), 47 + 9 + 1);
    assert_eq!(told["ties"], "lowest-id");
    assert_eq!(told["bootTime"], "2m");
    assert_eq!(told["fargateProvisioning"], "17s700ms");
    let of_batch = told["awsBatch"].as_object().expect("a mapping");
    assert_eq!(of_batch.len(), 59 + 3);
    assert_eq!(of_batch["packing"], "tightest-fit");
    assert_eq!(of_batch["fargateStart"], "30s");
    let mut values = told.values().filter(|value| !value.is_object());
    assert!(
        values
            .by_ref()
            .chain(of_batch.values())
            .all(|value| value.is_string() || value.is_u64() || value.is_boolean())
    );
    assert_eq!(told.values().filter(|value| value.is_object()).count(), 1);
}
