//! What must hold whatever happens: random scenarios with faults, each held to the laws.
//!
//! `STOWPLAN_SEED` sets the seed of the first scenario, `STOWPLAN_SCENARIOS` how many there are: a
//! failure names the seed with which it happens again.

mod books;
mod ledger;
pub mod scenario;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use books::{Books, Digest};
use stowplan::engine::{self, Occurrence, Recorder, World};
use stowplan::metrics::Metrics;
use stowplan::model::cluster::Cluster;
use stowplan::model::instance::{Description, InstanceStatus};
use stowplan::model::request::{Pool, Request, Rules, StrategyRule};
use stowplan::model::resources::{Demand, Resources};
use stowplan::placement::index::Index;
use stowplan::rng::{Draw, Purpose, Streams};
use stowplan::scenario::load_text;
use stowplan::time::SimTime;

const FIRST_SEED: u64 = 1;
const SCENARIOS: u64 = 1_000;

/// Two recorders told the same.
struct Both<'a, A, B>(&'a mut A, &'a mut B);

impl<A: Recorder, B: Recorder> Recorder for Both<'_, A, B> {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        self.0.record(now, occurrence, world);
        self.1.record(now, occurrence, world);
    }

    fn settled(&mut self, now: SimTime, world: &World) {
        self.0.settled(now, world);
        self.1.settled(now, world);
    }

    fn warmed_up(&mut self, at: SimTime, world: &World) {
        self.0.warmed_up(at, world);
        self.1.warmed_up(at, world);
    }

    fn progress(&mut self, now: SimTime, events: u64) {
        self.0.progress(now, events);
        self.1.progress(now, events);
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// Runs the scenario of a seed twice and holds it to the laws. Gives its tasks.
fn check(seed: u64) -> u64 {
    let text = scenario::Scenario::text(seed);
    let plan = match load_text("law.yaml", &text, Path::new("")) {
        Ok(loaded) => loaded.plan,
        Err(problems) => panic!("{problems}"),
    };
    let (mut books, mut metrics) = (Books::new(&plan), Metrics::new());
    let outcome = engine::run(plan.clone(), &mut Both(&mut books, &mut metrics));
    let results = metrics.results(&outcome);
    assert!(results.checks.littles_law, "Little's law");
    assert!(results.checks.utilization_law, "the utilization law");
    crate::bounds::check(&results);
    let tasks = &results.tasks;
    assert_eq!(
        tasks.requested,
        tasks.accepted + tasks.given_up + tasks.waiting
    );
    let live = tasks.running + tasks.provisioning + tasks.pending + tasks.stopping;
    assert_eq!(tasks.accepted, tasks.stopped + live);
    let first = books.digest.value();
    books.close(&outcome);

    let mut digest = Digest::default();
    let again = engine::run(plan, &mut digest);
    assert_eq!(digest.value(), first, "a run again is another run");
    assert_eq!(
        (again.end, again.events, again.decisions, &again.live),
        (
            outcome.end,
            outcome.events,
            outcome.decisions,
            &outcome.live
        )
    );
    tasks.accepted
}

/// The failure of a scenario, if it fails.
fn failure(seed: u64) -> Result<u64, String> {
    catch_unwind(AssertUnwindSafe(|| check(seed))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&it| it.to_owned()));
        let text = text.unwrap_or_default();
        format!("STOWPLAN_SEED={seed}: {text}")
    })
}

#[test]
fn random_scenarios_hold_to_the_laws() {
    let first = number("STOWPLAN_SEED", FIRST_SEED);
    let count = number("STOWPLAN_SCENARIOS", SCENARIOS);
    let half = |odd: u64| {
        move || {
            (first..first + count)
                .skip(odd as usize)
                .step_by(2)
                .map(failure)
        }
    };
    let checked: Vec<_> = std::thread::scope(|scope| {
        let threads = [0, 1].map(|odd| scope.spawn(move || half(odd)().collect::<Vec<_>>()));
        let joined = threads.map(|it| it.join().expect("failures are caught"));
        joined.into_iter().flatten().collect()
    });
    assert_eq!(checked.len() as u64, count);
    let failures: Vec<&String> = checked.iter().filter_map(|it| it.as_ref().err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {count} scenarios fail, among them\n{}",
        failures.len(),
        failures[..failures.len().min(20)]
            .iter()
            .map(|it| it.as_str())
            .collect::<Vec<_>>()
            .join("\n")
    );
    let tasks: u64 = checked.iter().flatten().sum();
    assert!(
        tasks >= 10 * count,
        "scenarios with next to no tasks say nothing"
    );
}

/// How many tasks of one kind fit on `count` empty instances that are alike, by a strategy chain.
fn fits(count: u32, capacity: Resources, need: Resources, chain: &[StrategyRule]) -> u32 {
    let mut cluster = Cluster::new("default");
    let group = cluster.group("family:f");
    for number in 0..count {
        let zone = ["a", "b", "c"][number as usize % 3].to_owned();
        let description = Description {
            capacity,
            attributes: [("ecs.availability-zone".to_owned(), zone)].into(),
            ..Description::default()
        };
        cluster.register(description, InstanceStatus::Active, true);
    }
    let mut strategies = chain.to_vec();
    for rule in chain {
        if let StrategyRule::SpreadAttribute(name) = rule {
            cluster.track(group, name);
        }
    }
    strategies.push(StrategyRule::Random);
    let rules = Rules {
        pool: Pool::Ec2,
        required: Vec::new(),
        subnets: None,
        constraints: Vec::new(),
        strategies,
    };
    let demand = Demand {
        resources: need,
        ..Demand::default()
    };
    let mut index = Index::new([&rules]);
    let request = Request {
        rules_id: stowplan::model::arena::RulesId(0),
        rules: &rules,
        demand: &demand,
        group,
    };
    let mut placed = 0;
    let mut draw = Draw::new(Streams::new(1), Purpose::RandomPlacement, 0, 0);
    while let Some(id) = index.choose(&cluster, &request, &mut draw) {
        cluster.place(id, &demand, group);
        placed += 1;
    }
    placed
}

/// Where one dimension binds and instances are alike, floor(capacity / need) tasks fit on each,
/// whatever the strategies.
#[test]
fn strategies_do_not_change_how_many_alike_tasks_fit() {
    let rules = [
        StrategyRule::SpreadAttribute("ecs.availability-zone".to_owned()),
        StrategyRule::SpreadInstance,
        StrategyRule::BinpackCpu,
        StrategyRule::BinpackMemory,
    ];
    let mut chains: Vec<Vec<StrategyRule>> = vec![Vec::new()];
    for first in &rules {
        chains.push(vec![first.clone()]);
        chains.extend(rules.iter().map(|then| vec![first.clone(), then.clone()]));
    }
    for (count, cpu) in [(1, 100), (5, 300), (7, 512), (12, 1000), (20, 1024)] {
        let capacity = Resources {
            cpu: 4096,
            memory: 1 << 20,
            gpus: 0,
            enis: 0,
        };
        let need = Resources {
            cpu,
            memory: 1,
            gpus: 0,
            enis: 0,
        };
        for chain in &chains {
            let exact = count * (capacity.cpu / cpu);
            assert_eq!(fits(count, capacity, need, chain), exact, "{chain:?}");
        }
    }
}
