//! Many runs of one scenario: alternatives that meet the same work, again and again with other
//! seeds, side by side.
//!
//! [`replicate`] runs every alternative under every seed, in parallel; what comes out does not
//! depend on the number of threads. [`mod@sweep`] does so for more alternatives than fit into memory,
//! and writes every run into a [`journal`] from which it can go on. [`metric`] says what is read off
//! a run, [`steady`] from when on, [`mod@compare`] which alternative is better and how sure that is,
//! [`mod@sensitivity`] whether chance decided; [`long_run`] is for a single run. [`sizing`] finds the
//! cheapest fleet that meets its [`target`]s, by the [`evidence`] of as few runs as it takes.

pub mod compare;
pub mod evidence;
pub mod journal;
pub mod long_run;
pub mod metric;
pub mod sensitivity;
pub mod sizing;
pub mod steady;
pub mod sweep;
pub mod target;

use std::ops::Range;

use rayon::prelude::*;

use crate::engine::{self, Plan};
use crate::metrics::Metrics;
use crate::metrics::results::Results;
use crate::rng::nth_seed;
use crate::time::SimTime;
use metric::Metric;

/// A scenario with something changed, to be held against others.
#[derive(Clone, Debug)]
pub struct Alternative {
    /// What is different, such as `count=12, strategy=binpack:memory`.
    pub name: String,
    /// What to run; its seed is that of the first replication.
    pub plan: Plan,
}

/// What is kept of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// The metrics in the order in which they were asked for; absent where the run has none.
    pub values: Vec<Option<f64>>,
    /// When it ended, in seconds.
    pub end: f64,
    /// Events handled.
    pub events: u64,
}

/// Runs a plan with the seed of replication `number` and sums it up. Replication 0 is what
/// `stowplan run` shows.
///
/// # Panics
/// When a law that must hold exactly does not: a defect of stowplan.
pub fn results(plan: &Plan, number: u32) -> Results {
    let mut plan = plan.clone();
    plan.seed = nth_seed(plan.seed, number);
    let mut metrics = Metrics::new();
    let outcome = engine::run(plan, &mut metrics);
    let results = metrics.results(&outcome);
    results.assert_laws();
    results
}

/// Runs a plan with the seed of replication `number` and reads the metrics off it.
pub fn run(plan: &Plan, number: u32, metrics: &[Metric]) -> Run {
    let results = results(plan, number);
    Run {
        seed: nth_seed(plan.seed, number),
        values: metrics.iter().map(|metric| metric.of(&results)).collect(),
        end: results.end,
        events: results.engine.events,
    }
}

/// Runs every alternative under the seeds of these replications: by alternative, then by
/// replication. `done` is told of every run that has ended, from several threads.
pub fn replicate(
    alternatives: &[Alternative],
    numbers: Range<u32>,
    metrics: &[Metric],
    done: &(dyn Fn() + Sync),
) -> Vec<Vec<Run>> {
    let each = numbers.len();
    let all: Vec<(&Plan, u32)> = alternatives
        .iter()
        .flat_map(|it| numbers.clone().map(move |number| (&it.plan, number)))
        .collect();
    let mut runs = all
        .into_par_iter()
        .map(|(plan, number)| {
            let run = run(plan, number, metrics);
            done();
            run
        })
        .collect::<Vec<Run>>()
        .into_iter();
    alternatives
        .iter()
        .map(|_| runs.by_ref().take(each).collect())
        .collect()
}

/// The same alternatives, with statistics from `at` on.
pub fn with_warm_up(mut alternatives: Vec<Alternative>, at: SimTime) -> Vec<Alternative> {
    for alternative in &mut alternatives {
        alternative.plan.warm_up = at;
    }
    alternatives
}
