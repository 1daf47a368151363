//! What must hold of AWS Batch whatever happens: random jobs with faults, each run held to the laws.
//!
//! `STOWPLAN_SEED` sets the seed of the first scenario, `STOWPLAN_SCENARIOS` how many there are: a
//! failure names the seed with which it happens again.

mod books;
mod hosts;
pub mod random;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use books::Books;
use random::Scenario;
use stowplan::engine::{self, Occurrence, Recorder, World};
use stowplan::metrics::Metrics;
use stowplan::scenario::load_text;
use stowplan::time::SimTime;

const FIRST_SEED: u64 = 1;
const SCENARIOS: u64 = 300;
/// Changes of state that the scenarios make together.
const STEPS: u64 = 1_000_000;

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// Takes down what is told of jobs and instances.
#[derive(Default)]
struct Tape(Vec<(SimTime, u32, u32)>);

impl Recorder for Tape {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, _: &World) {
        self.0.push(match occurrence {
            Occurrence::Job { id, job, .. } => (now, id.0, job.status as u32),
            Occurrence::Attempt { id, job } => (now, id.0, 10 + job.attempts.len() as u32),
            Occurrence::Placed(task) => {
                let instance = task.instance().map_or(u32::MAX, |it| it.0);
                (now, task.number as u32, 100 + instance % 1000)
            }
            Occurrence::Instance {
                cluster,
                instance,
                change,
            } => (
                now,
                cluster.0 * 1_000_000 + instance.0,
                2000 + change as u32,
            ),
            _ => return,
        });
    }
}

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
}

/// What has happened in a run, and how often.
type Seen = BTreeMap<&'static str, u64>;

/// What has to have happened somewhere: a law says little about what never happens.
const EVERYTHING: [&str; 16] = [
    "a job changed its state",
    "a consumable resource was taken",
    "an instance was launched",
    "an attempt was retried",
    "an attempt took too long",
    "an attempt failed to start",
    "a host was lost",
    "a host was scaled in",
    "Fargate Spot interrupted",
    "a dependency failed",
    "a child failed",
    "a caller ended it",
    "the head was blocked for too long",
    "the reservation holds up a queue",
    "a node ended",
    "x-easy let one pass",
];

/// Runs the scenario of a seed twice and holds it to the laws.
fn check(seed: u64) -> Seen {
    let scenario = Scenario::of(seed);
    let plan = match load_text("laws.yaml", &scenario.to_string(), Path::new("")) {
        Ok(loaded) => loaded.plan,
        Err(problems) => panic!("{problems}"),
    };
    let (mut books, mut first) = (Books::new(&plan, &scenario), Tape::default());
    let outcome = engine::run(plan.clone(), &mut Both(&mut books, &mut first));
    books.close(&outcome);
    let mut again = Tape::default();
    let mut metrics = Metrics::new();
    let outcome = engine::run(plan, &mut Both(&mut again, &mut metrics));
    crate::bounds::check(&metrics.results(&outcome));
    assert!(first.0 == again.0, "a run again is another run");
    books.seen()
}

fn failure(seed: u64) -> Result<Seen, String> {
    catch_unwind(AssertUnwindSafe(|| check(seed))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&it| it.to_owned()));
        format!("STOWPLAN_SEED={seed}: {}", text.unwrap_or_default())
    })
}

#[test]
fn random_jobs_hold_to_the_laws() {
    let first = number("STOWPLAN_SEED", FIRST_SEED);
    let count = number("STOWPLAN_SCENARIOS", SCENARIOS);
    let checked: Vec<_> = (first..first + count).map(failure).collect();
    let failures: Vec<&String> = checked.iter().filter_map(|it| it.as_ref().err()).collect();
    let some: Vec<&str> = failures.iter().take(20).map(|it| it.as_str()).collect();
    assert!(
        failures.is_empty(),
        "{} of {count} scenarios fail, among them\n{}",
        failures.len(),
        some.join("\n")
    );
    let mut seen = Seen::new();
    for (what, times) in checked.iter().flatten().flatten() {
        *seen.entry(what).or_default() += times;
    }
    if count >= SCENARIOS {
        let missing = EVERYTHING.map(|what| seen.get(what).copied().unwrap_or(0));
        assert!(missing.iter().all(|times| *times >= 10), "{seen:?}");
        assert!(missing[0] >= STEPS, "{seen:?}");
    }
}
