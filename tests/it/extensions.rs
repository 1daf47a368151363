//! Strategies that ECS does not have: where they put a task, on which GPU, and how ties are shuffled.

use std::collections::BTreeSet;
use std::path::Path;

use stowplan::model::arena::{InstanceId, RulesId};
use stowplan::model::cluster::Cluster;
use stowplan::model::instance::{Description, InstanceStatus};
use stowplan::model::mix::{ExpectedTask, Mix};
use stowplan::model::request::{Measured, Pool, Request, Rules, StrategyRule};
use stowplan::model::resources::{Demand, Resources};
use stowplan::placement::{device, scan};
use stowplan::rng::{Draw, Purpose, Streams};
use stowplan::{api, engine, metrics::Metrics, scenario};

fn demand(cpu: u32, memory: u32, share: u32) -> Demand {
    Demand {
        resources: Resources {
            cpu,
            memory,
            ..Resources::default()
        },
        shared_gpu_memory: share,
        ..Demand::default()
    }
}

fn register(cluster: &mut Cluster, cpu: u32, memory: u32, gpus: u32) -> InstanceId {
    let description = Description {
        capacity: Resources {
            cpu,
            memory,
            gpus,
            enis: 0,
        },
        gpu_memory: Some(1000),
        ..Description::default()
    };
    cluster.register(description, InstanceStatus::Active, true)
}

fn rules(strategy: StrategyRule) -> Rules {
    Rules {
        pool: Pool::Ec2,
        required: Vec::new(),
        subnets: None,
        constraints: Vec::new(),
        strategies: vec![strategy],
    }
}

/// Three instances, of the largest 4096 CPU units and 8192 MiB: `a` has all of one and half of the
/// other, 1.5 together; `b` a quarter and all, 1.25; `c` half and half, 1. A task takes an eighth and
/// a sixteenth: its product with `a` is 0.078 in the mean, with `b` and `c` 0.047, which both are 5 %;
/// of memory alone with `a` and `c` 0.031, with `b` 0.063.
#[test]
fn fits_and_products_by_hand() {
    let mut cluster = Cluster::new("default");
    let [a, b, c] = [(4096, 4096), (1024, 8192), (2048, 4096)]
        .map(|(cpu, memory)| register(&mut cluster, cpu, memory, 0));
    let group = cluster.group("g");
    let demand = demand(512, 512, 0);
    let check = |strategy: &str, expected: InstanceId| {
        let written = api::PlacementStrategy::chain(strategy).expect("a strategy");
        let rules = rules(written[0].rule().expect("a rule"));
        let request = Request {
            rules_id: RulesId(0),
            rules: &rules,
            demand: &demand,
            group,
        };
        let mut draw = Draw::new(Streams::new(1), Purpose::RandomPlacement, 0, 0);
        let found = scan::choose(&cluster, &request, &mut draw);
        assert_eq!(found, Some(expected), "{strategy}");
    };
    check("x-first-fit", a);
    check("x-best-fit", c);
    check("x-best-fit:cpu", b);
    check("x-best-fit:cpu,memory", c);
    check("x-worst-fit", a);
    check("x-worst-fit:memory", b);
    check("x-dot-product", b);
    check("x-dot-product:memory", a);
    check("x-gpu-packing", a);
    check("x-fgd", a);
}

/// Two devices, with 700 and 400 of 1000 left. ECS takes the first that is shared, extensions the
/// fullest with room. FGD keeps 700 together for tasks that ask for 700, and where tasks ask for 400
/// takes of the 700, since 500 and 400 serve them and 700 and 200 do not.
#[test]
fn the_device_of_a_share_by_hand() {
    let mut cluster = Cluster::new("default");
    let id = register(&mut cluster, 4096, 4096, 2);
    let group = cluster.group("g");
    cluster.place_on_gpu(id, &demand(0, 0, 300), group, Some(0));
    cluster.place_on_gpu(id, &demand(0, 0, 600), group, Some(1));
    let mut check = |strategy: StrategyRule, typical: u32, share: u32, expected: Option<u8>| {
        cluster.expect(Mix::new([ExpectedTask {
            demand: demand(0, 0, typical),
            constraints: Vec::new(),
            count: 1,
        }]));
        let (rules, demand) = (rules(strategy.clone()), demand(0, 0, share));
        let request = Request {
            rules_id: RulesId(0),
            rules: &rules,
            demand: &demand,
            group,
        };
        let mut draw = Draw::new(Streams::new(1), Purpose::SharedGpu, 0, 0);
        let found = device::choose(&cluster, id, &request, &mut draw);
        assert_eq!(found, expected, "{strategy:?}, {typical}, {share}");
    };
    check(StrategyRule::BinpackCpu, 1, 200, None);
    check(StrategyRule::BestFit(Measured::ALL), 1, 200, Some(1));
    check(StrategyRule::FirstFit, 1, 500, Some(0));
    check(StrategyRule::Fgd, 700, 200, Some(1));
    check(StrategyRule::Fgd, 400, 200, Some(0));
    check(StrategyRule::RandomGpu, 1, 500, Some(0));
    check(StrategyRule::BestFit(Measured::ALL), 1, 0, None);
    assert_eq!(cluster.instances()[id].gpu_to_share(200), Some(0));
}

/// Eight instances alike; where the first task goes, by seed.
fn first_instance(ties: &str, strategy: &str, seed: u64) -> String {
    let text = format!(
        "
name: ties
seed: {seed}
horizon: 1m
clusters: [{{containerInstances: [{{count: 8, instanceType: m5.large}}]}}]
taskDefinitions: [{{family: job, containerDefinitions: [{{name: job, cpu: 512, memory: 1024}}]}}]
workloads:
  - name: jobs
    runTask: {{taskDefinition: job, placementStrategy: [{strategy}]}}
    arrivals: {{process: every, interval: 10s, count: 2}}
    containers: {{job: {{duration: {{distribution: constant, value: 1h}}}}}}
assumptions: {{ties: {ties}}}
"
    );
    let loaded = scenario::load_text("ties.yaml", &text, Path::new(""))
        .unwrap_or_else(|problems| panic!("{problems}"));
    let outcome = engine::run(loaded.plan, &mut Metrics::new());
    let hosts: Vec<String> = outcome
        .live
        .iter()
        .map(|task| format!("{:?}", task.host))
        .collect();
    assert_eq!(hosts.len(), 2);
    assert_eq!(hosts[0], hosts[1], "the second task joins the first");
    hosts[0].clone()
}

#[test]
fn shuffled_ties_are_drawn_once_a_run() {
    for strategy in [
        "{type: binpack, field: cpu}",
        "{type: x-best-fit}",
        "{type: x-fgd}",
    ] {
        let seeds = |ties: &str| -> BTreeSet<String> {
            (1..=10)
                .map(|seed| first_instance(ties, strategy, seed))
                .collect()
        };
        assert_eq!(seeds("lowest-id").len(), 1);
        assert!(seeds("shuffled").len() > 3, "ten seeds, eight instances");
        let again = || first_instance("shuffled", strategy, 7);
        assert_eq!(again(), again());
    }
}

#[test]
fn what_a_strategy_does_not_take_is_told() {
    let check = |text: &str, expected: &str| {
        assert_eq!(
            api::PlacementStrategy::chain(text).expect_err(text),
            expected
        );
    };
    let types = "random, spread, binpack, x-first-fit, x-best-fit, x-worst-fit, x-dot-product, \
                 x-gpu-packing, x-fgd, x-random-gpu";
    check(
        "best-fit",
        &format!("no strategy \"best-fit\"; there are {types}"),
    );
    check(
        "spread:instanceId+x-fgd:gpu",
        "InvalidParameterException: x-fgd field should not be specified",
    );
    check(
        "x-best-fit:cpu,disk",
        "InvalidParameterException: x-best-fit field 'cpu,disk' is invalid",
    );
    check(
        "x-best-fit:cpu,cpu",
        "InvalidParameterException: x-best-fit field 'cpu,cpu' is invalid",
    );
}
