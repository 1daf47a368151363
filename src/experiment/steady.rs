//! From when on a run is in its steady state.
//!
//! A run that ends with its work is terminating: all of it counts. One whose work never ends is
//! stopped by its horizon, and begins empty, which it never is again: what it shows before that has
//! worn off is left out. Where the load follows the clock there is no steady state to wait for.

use rayon::prelude::*;

use crate::engine::{self, Plan};
use crate::metrics::Metrics;
use crate::metrics::level::Bins;
use crate::rng::nth_seed;
use crate::statistics::warm_up::{average, truncation};
use crate::time::{SimDuration, SimTime};
use crate::workload::{Arrivals, Workload};

/// What ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Regime {
    /// Its work: every run has a beginning and an end of its own.
    Terminating,
    /// Its horizon only, and its load is the same all the time.
    SteadyState,
    /// Its horizon only, and its load changes with time: it follows the hours of the day, comes in
    /// regular bursts, ends before the others does, or something is done at given times.
    Cyclic,
}

/// What ends the runs of a plan: its horizon, when a caller never stops asking or there is a
/// service, which does not either.
pub fn regime(plan: &Plan) -> Regime {
    let regimes = plan
        .workloads
        .items()
        .iter()
        .map(|workload| match &workload.arrivals {
            Arrivals::Process(process) if process.is_endless() => match process.is_steady() {
                true => Regime::SteadyState,
                false => Regime::Cyclic,
            },
            _ if workload.is_service() => Regime::SteadyState,
            _ => Regime::Terminating,
        });
    // Work that ends by itself, or is done at given times, makes one hour unlike another.
    let finite = |workload: &Workload| match &workload.arrivals {
        Arrivals::Process(process) => !process.is_endless() && !workload.is_service(),
        Arrivals::Trace(_) => !workload.is_service(),
    };
    let changes = !plan.actions.is_empty() || plan.workloads.items().iter().any(finite);
    match (plan.horizon, regimes.max().unwrap_or(Regime::Terminating)) {
        (None, _) => Regime::Terminating,
        (Some(_), Regime::SteadyState) if changes => Regime::Cyclic,
        (Some(_), regime) => regime,
    }
}

/// A warm-up that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// Statistics begin here.
    pub at: SimTime,
    /// Bins that a run was looked at in.
    pub bins: usize,
    /// Runs that were looked at.
    pub pilots: u32,
}

/// Why there is no warm-up to be found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoWarmUp {
    /// The runs are too short to judge: fewer than fifty milliseconds.
    TooShort,
    /// What looks steadiest begins in the second half of the run: it is too short, or never steady.
    SecondHalf {
        /// Where.
        at: SimTime,
    },
}

/// Finds the warm-up of a plan by MSER-5 over the number of tasks and jobs in the system, waiting or
/// running, in equal bins of time and averaged over so many pilot runs (those of the first
/// replications).
///
/// Sources: White 1997, "An effective truncation heuristic for bias reduction in simulation output";
/// averaging over runs: Welch 1983; refusing a cut in the second half: Hoad, Robinson and Davies
/// 2010, "Automating warm-up length estimation".
///
/// # Errors
/// When the runs are too short, or the cut lies in the second half.
pub fn warm_up(plan: &Plan, pilots: u32) -> Result<WarmUp, NoWarmUp> {
    let levels: Vec<(SimDuration, Vec<f64>)> = (0..pilots)
        .into_par_iter()
        .map(|number| in_system(plan, number))
        .collect();
    // All pilots end at the horizon, so their bins are of one width.
    let width = levels
        .first()
        .map_or(SimDuration::ZERO, |(width, _)| *width);
    let levels: Vec<Vec<f64>> = levels.into_iter().map(|(_, levels)| levels).collect();
    let mean = average(&levels);
    let cut = truncation(&mean).ok_or(NoWarmUp::TooShort)?;
    let at = SimTime::from_micros(width.micros() * cut.cut as u64);
    if cut.in_second_half {
        return Err(NoWarmUp::SecondHalf { at });
    }
    Ok(WarmUp {
        at,
        bins: mean.len(),
        pilots,
    })
}

/// Tasks and jobs that wait or run, on average in each bin of a run; and the width of the bins. A
/// job counts once more for the task of its attempt, which moves nothing: it is steady when they are.
fn in_system(plan: &Plan, number: u32) -> (SimDuration, Vec<f64>) {
    let mut plan = plan.clone();
    plan.seed = nth_seed(plan.seed, number);
    let mut metrics = Metrics::new();
    let outcome = engine::run(plan, &mut metrics);
    // Brings every level up to the end.
    metrics.results(&outcome);
    let width = Bins::width_for(outcome.end);
    let levels: Vec<Vec<f64>> = metrics
        .in_system()
        .map(|bins| bins.means(width, outcome.end))
        .collect();
    let count = levels.iter().map(Vec::len).max().unwrap_or(0);
    let sum = |bin: usize| levels.iter().filter_map(|level| level.get(bin)).sum();
    (width, (0..count).map(sum).collect())
}
