//! The indexed chooser gives exactly what an exhaustive scan gives.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stowplan::model::arena::{GroupId, InstanceId, RulesId};
use stowplan::model::cluster::Cluster;
use stowplan::model::instance::{Description, InstanceStatus};
use stowplan::model::mix::{ExpectedTask, Mix};
use stowplan::model::request::{
    Constraint, Measured, Pool, Request, RequiredAttribute, Rules, StrategyRule, Subnets,
};
use stowplan::model::resources::{Demand, HostPort, Protocol, Resources};
use stowplan::placement::{device, index::Index, scan};
use stowplan::query;
use stowplan::rng::{Draw, Purpose, Streams};

/// Worlds in a run of the test; each makes [`STEPS`] decisions.
const WORLDS: u32 = 400;
const STEPS: usize = 300;

fn instance() -> impl Strategy<Value = (Description, InstanceStatus, bool)> {
    let zone = prop::option::weighted(0.9, prop::sample::select(vec!["a", "b", "c"]));
    let rack = prop::option::weighted(0.6, 0..4u8);
    let kind = prop::sample::select(vec!["m5.large", "c5.large", "p3.8xlarge"]);
    let size = (
        1..=8u32,
        1..=8u32,
        prop::sample::select(vec![0, 0, 1, 4]),
        0..=4u32,
    );
    let status = prop::sample::select(
        vec![InstanceStatus::Active; 9]
            .into_iter()
            .chain([InstanceStatus::Draining])
            .collect::<Vec<_>>(),
    );
    (
        zone,
        rack,
        kind,
        size,
        status,
        prop::bool::weighted(0.95),
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(
                zone,
                rack,
                kind,
                (cpu, memory, gpus, enis),
                status,
                connected,
                external,
                windows,
            )| {
                let mut attributes =
                    BTreeMap::from([("ecs.instance-type".to_owned(), kind.to_owned())]);
                attributes
                    .extend(zone.map(|zone| ("ecs.availability-zone".to_owned(), zone.to_owned())));
                attributes.extend(rack.map(|rack| ("rack".to_owned(), rack.to_string())));
                attributes
                    .extend(windows.then(|| ("ecs.os-type".to_owned(), "windows".to_owned())));
                attributes.extend(
                    external.then(|| ("ecs.capability.external".to_owned(), String::new())),
                );
                let description = Description {
                    name: String::new(),
                    ec2_instance_id: Some(format!("i-{cpu}{memory}")),
                    instance_type: Some(kind.to_owned()),
                    attributes,
                    agent_version: None,
                    registered_at: i64::from(memory),
                    capacity: Resources {
                        cpu: cpu * 512,
                        memory: memory * 1024,
                        gpus,
                        enis,
                    },
                    gpu_memory: Some(1000),
                    ..Description::default()
                };
                (description, status, connected)
            },
        )
}

fn strategies() -> impl Strategy<Value = Vec<StrategyRule>> {
    let no_cpu = Measured {
        cpu: false,
        ..Measured::ALL
    };
    let extension = prop::sample::select(vec![
        StrategyRule::FirstFit,
        StrategyRule::BestFit(Measured::ALL),
        StrategyRule::BestFit(no_cpu),
        StrategyRule::WorstFit(Measured::ALL),
        StrategyRule::WorstFit(no_cpu),
        StrategyRule::DotProduct(Measured::ALL),
        StrategyRule::GpuPacking,
        StrategyRule::Fgd,
        StrategyRule::RandomGpu,
        StrategyRule::Shuffled,
    ]);
    let usual = prop::sample::select(vec![
        StrategyRule::SpreadInstance,
        StrategyRule::SpreadAttribute("ecs.availability-zone".to_owned()),
        StrategyRule::SpreadAttribute("rack".to_owned()),
        StrategyRule::BinpackCpu,
        StrategyRule::BinpackMemory,
        StrategyRule::Random,
    ]);
    prop::collection::vec(prop_oneof![usual, extension], 0..=5)
}

fn constraints() -> impl Strategy<Value = Vec<Constraint>> {
    let expressions = vec![
        "attribute:ecs.instance-type == c5.large",
        "attribute:ecs.availability-zone in [a, b]",
        "not(attribute:rack == 1) and attribute:rack exists",
        "runningTasksCount < 3",
        "not(task:group == g1)",
        "task:group == g0 or runningTasksCount == 0",
        "ec2InstanceId =~ i-1.*",
        "registeredAt >= 1970-01-01T00:00:03Z",
    ];
    let member_of = prop::sample::select(expressions);
    let constraint = prop_oneof![
        3 => member_of.prop_map(|text| Constraint::MemberOf(query::parse(text).expect("an expression"))),
        1 => Just(Constraint::DistinctInstance),
    ];
    prop::collection::vec(constraint, 0..=2)
}

fn rules() -> impl Strategy<Value = Rules> {
    let required = prop::option::weighted(
        0.1,
        Just(RequiredAttribute {
            name: "rack".to_owned(),
            value: None,
        }),
    );
    let zones = prop::option::weighted(
        0.1,
        Just(Subnets {
            zones: vec!["a".to_owned()],
            vpc: None,
        }),
    );
    (
        strategies(),
        constraints(),
        required,
        zones,
        prop::bool::weighted(0.05),
    )
        .prop_map(
            |(strategies, constraints, required, subnets, external)| Rules {
                pool: if external { Pool::External } else { Pool::Ec2 },
                required: required.into_iter().collect(),
                subnets,
                constraints,
                strategies,
            },
        )
}

fn demand() -> impl Strategy<Value = Demand> {
    let port = prop::option::weighted(0.1, 80..82u16);
    let windows = prop::option::weighted(0.2, (0..=6u32, 0..=6u32));
    let gpus = prop_oneof![
        6 => Just((0, false, 0)),
        1 => Just((1, false, 0)),
        1 => Just((1, true, 0)),
        1 => Just((0, false, 300)),
        1 => Just((0, false, 650)),
    ];
    let eni = prop::bool::weighted(0.2);
    (0..=6u32, 0..=6u32, gpus, eni, windows, port).prop_map(
        |(cpu, memory, (gpus, all_gpus, share), eni, windows, port)| Demand {
            resources: Resources {
                cpu: cpu * 128,
                memory: memory * 256,
                gpus,
                enis: u32::from(eni),
            },
            all_gpus,
            shared_gpu_memory: share,
            windows: windows.map(|(cpu, memory)| (cpu * 128, memory * 256)),
            ports: port
                .map(|port| HostPort {
                    protocol: Protocol::Tcp,
                    port,
                })
                .into_iter()
                .collect(),
        },
    )
}

#[derive(Debug, Clone)]
struct World {
    instances: Vec<(Description, InstanceStatus, bool)>,
    rules: Vec<Rules>,
    demands: Vec<Demand>,
    seed: u64,
}

fn world() -> impl Strategy<Value = World> {
    let instances = prop::collection::vec(instance(), 0..60);
    let rules = prop::collection::vec(rules(), 1..6);
    (
        instances,
        rules,
        prop::collection::vec(demand(), 1..6),
        any::<u64>(),
    )
        .prop_map(|(instances, rules, demands, seed)| World {
            instances,
            rules,
            demands,
            seed,
        })
}

/// Places and releases at random, and asks both choosers before each placement.
fn compare(world: &World) {
    let mut cluster = Cluster::new("default");
    for (description, status, connected) in &world.instances {
        cluster.register(description.clone(), *status, *connected);
    }
    cluster.shuffle(Streams::new(world.seed), 0);
    cluster.expect(Mix::new(world.demands.iter().map(|demand| ExpectedTask {
        demand: demand.clone(),
        constraints: Vec::new(),
        count: 1,
    })));
    let groups: Vec<GroupId> = ["g0", "g1", "g2"]
        .iter()
        .map(|name| cluster.group(name))
        .collect();
    for group in &groups {
        cluster.track(*group, "ecs.availability-zone");
        cluster.track(*group, "rack");
    }
    let mut index = Index::new(&world.rules);
    let mut steps = Draw::new(Streams::new(world.seed), Purpose::Arrivals, 0, 0);
    let mut running: Vec<(InstanceId, usize, GroupId, u64)> = Vec::new();
    for step in 0..STEPS {
        let rule = steps.below(world.rules.len());
        let which = steps.below(world.demands.len());
        let group = groups[steps.below(groups.len())];
        let (rules, demand) = (&world.rules[rule], &world.demands[which]);
        let request = Request {
            rules_id: RulesId(rule as u32),
            rules,
            demand,
            group,
        };
        let mut draw = Draw::new(
            Streams::new(world.seed),
            Purpose::RandomPlacement,
            0,
            step as u64,
        );
        let found = index.choose(&cluster, &request, &mut draw);
        let (tied, random) = scan::narrow(&cluster, &request, scan::candidates(&cluster, &request));
        if random {
            assert_eq!(found.is_none(), tied.is_empty(), "step {step}: {request:?}");
            assert!(
                found.is_none_or(|id| tied.contains(&id)),
                "step {step}: {found:?} is not among {tied:?}"
            );
        } else {
            assert_eq!(found, tied.first().copied(), "step {step}: {request:?}");
        }
        if let Some(id) = found {
            let device = device::choose(&cluster, id, &request, &mut draw);
            let gpus = cluster.place_on_gpu(id, demand, group, device);
            running.push((id, which, group, gpus));
        }
        // A release now and then, more of them the more tasks run; and an instance that drains or returns.
        if !running.is_empty() && (found.is_none() || steps.below(100) < running.len()) {
            let (id, which, group, gpus) = running.swap_remove(steps.below(running.len()));
            cluster.release(id, &world.demands[which], group, gpus);
        }
        // A newcomer that may be larger than all others.
        if steps.below(100) == 0 {
            let description = Description {
                capacity: Resources {
                    cpu: 1024 + 16 * step as u32,
                    memory: 2048,
                    gpus: 2,
                    enis: 1,
                },
                gpu_memory: Some(1000),
                ..Description::default()
            };
            cluster.register(description, InstanceStatus::Active, true);
        }
        if !world.instances.is_empty() && steps.below(40) == 0 {
            let id = InstanceId(steps.below(world.instances.len()) as u32);
            let active = cluster.instances()[id].status == InstanceStatus::Active;
            cluster.set_status(
                id,
                if active {
                    InstanceStatus::Draining
                } else {
                    InstanceStatus::Active
                },
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: WORLDS, ..ProptestConfig::default() })]

    /// 120,000 decisions on random clusters, requests, chains, constraints and histories.
    #[test]
    fn index_equals_scan(world in world()) {
        compare(&world);
    }
}

/// Each candidate is drawn equally often: chi-square over 20 candidates among 40 instances, below
/// the 99.9 % quantile of 19 degrees of freedom (43.82). First where probing finds one at once,
/// then where one instance in fifty has room and candidates must be gathered.
#[test]
fn random_is_uniform_over_candidates() {
    for (instances, room) in [(40u32, 2u32), (1000, 50)] {
        let mut cluster = Cluster::new("default");
        for number in 0..instances {
            let capacity = Resources {
                cpu: if number % room == 0 { 1024 } else { 512 },
                memory: 1024,
                gpus: 0,
                enis: 0,
            };
            let description = Description {
                name: number.to_string(),
                ec2_instance_id: None,
                instance_type: None,
                attributes: BTreeMap::new(),
                agent_version: None,
                registered_at: 0,
                capacity,
                reserved_ports: Vec::new(),
                price: None,
                ..Description::default()
            };
            cluster.register(description, InstanceStatus::Active, true);
        }
        let group = cluster.group("g");
        let rules = Rules {
            pool: Pool::Ec2,
            required: Vec::new(),
            subnets: None,
            constraints: Vec::new(),
            strategies: vec![StrategyRule::Random],
        };
        let demand = Demand {
            resources: Resources {
                cpu: 1024,
                ..Resources::default()
            },
            ..Demand::default()
        };
        let request = Request {
            rules_id: RulesId(0),
            rules: &rules,
            demand: &demand,
            group,
        };
        let mut index = Index::new([&rules]);
        let mut counts = vec![0u32; (instances / room) as usize];
        let draws = 20_000;
        for draw in 0..draws {
            let mut draw = Draw::new(Streams::new(1), Purpose::RandomPlacement, 0, draw);
            let id = index
                .choose(&cluster, &request, &mut draw)
                .expect("there is room");
            assert_eq!(id.0 % room, 0);
            counts[(id.0 / room) as usize] += 1;
        }
        let expected = draws as f64 / counts.len() as f64;
        let chi_square: f64 = counts
            .iter()
            .map(|count| (f64::from(*count) - expected).powi(2) / expected)
            .sum();
        assert_eq!(counts.len(), 20);
        assert!(
            chi_square < 43.82,
            "chi-square {chi_square} over {counts:?}"
        );
    }
}
