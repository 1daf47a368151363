//! From when on a run is in its steady state.
//!
//! A run that ends with its work is terminating: all of it counts. One whose work never ends is
//! stopped by its horizon, and begins empty, which it never is again: what it shows before that has
//! worn off is left out.

use rayon::prelude::*;

use crate::engine::task::Task;
use crate::engine::{self, Occurrence, Plan, Recorder, World};
use crate::rng::nth_seed;
use crate::statistics::warm_up::{average, truncation};
use crate::time::SimTime;
use crate::workload::Arrivals;

/// What ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// Its work: every run has a beginning and an end of its own.
    Terminating,
    /// Its horizon only.
    SteadyState,
}

/// What ends the runs of a plan: its horizon, when a caller never stops asking or there is a
/// service, which does not either.
pub fn regime(plan: &Plan) -> Regime {
    let endless = plan.workloads.items().iter().any(|workload| {
        let asks = match &workload.arrivals {
            Arrivals::Process(process) => process.is_endless(),
            Arrivals::Trace(_) => false,
        };
        asks || workload.is_service()
    });
    match plan.horizon.is_some() && endless {
        true => Regime::SteadyState,
        false => Regime::Terminating,
    }
}

/// A warm-up that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// Statistics begin here.
    pub at: SimTime,
    /// Observations before it, a run.
    pub dropped: usize,
    /// Observations of a run.
    pub observations: usize,
    /// Runs that were looked at.
    pub pilots: u32,
}

/// Why there is no warm-up to be found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoWarmUp {
    /// Too few waits to judge.
    TooFew {
        /// How many.
        observations: usize,
    },
    /// What looks steadiest begins in the second half of the run: it is too short, or never steady.
    SecondHalf {
        /// Where.
        at: SimTime,
    },
}

/// Finds the warm-up of a plan by MSER-5 over the waits in order of request, averaged over so many
/// pilot runs (those of the first replications).
///
/// Sources: White 1997, "An effective truncation heuristic for bias reduction in simulation output";
/// Hoad, Robinson and Davies 2010, "Automating warm-up length estimation" (averaging, and refusing a
/// cut in the second half).
///
/// # Errors
/// When there are too few waits, or the cut lies in the second half.
pub fn warm_up(plan: &Plan, pilots: u32) -> Result<WarmUp, NoWarmUp> {
    let series: Vec<Vec<(SimTime, u64)>> = (0..pilots)
        .into_par_iter()
        .map(|number| waits(plan, number))
        .collect();
    let waits_of_runs: Vec<Vec<f64>> = series
        .iter()
        .map(|waits| waits.iter().map(|(_, wait)| *wait as f64).collect())
        .collect();
    let mean = average(&waits_of_runs);
    let observations = mean.len();
    let Some(cut) = truncation(&mean) else {
        return Err(NoWarmUp::TooFew { observations });
    };
    // Nothing is left out: not what happened before the first request either.
    let at = match cut.cut {
        0 => SimTime::ZERO,
        first => {
            let moments = series
                .iter()
                .map(|waits| u128::from(waits[first].0.micros()));
            SimTime::from_micros((moments.sum::<u128>() / series.len() as u128) as u64)
        }
    };
    if cut.in_second_half {
        return Err(NoWarmUp::SecondHalf { at });
    }
    Ok(WarmUp {
        at,
        dropped: cut.cut,
        observations,
        pilots,
    })
}

/// Waits of the tasks of callers, or of the jobs where there are any: (when it was asked for, wait
/// in microseconds) in order of request.
fn waits(plan: &Plan, number: u32) -> Vec<(SimTime, u64)> {
    let mut plan = plan.clone();
    plan.seed = nth_seed(plan.seed, number);
    let mut listener = Waits::default();
    let outcome = engine::run(plan, &mut listener);
    if outcome.jobs.is_empty() {
        listener
            .0
            .sort_unstable_by_key(|(requested, number, _)| (*requested, *number));
        return listener
            .0
            .iter()
            .map(|(at, _, wait)| (*at, *wait))
            .collect();
    }
    let jobs = outcome
        .jobs
        .items()
        .iter()
        .filter(|job| !job.is_parent() && !job.is_node());
    jobs.filter_map(|job| Some((job.times.created, job.wait()?.micros())))
        .collect()
}

/// Listens for tasks of callers that begin to run: when each was asked for, its number, its wait.
#[derive(Default)]
struct Waits(Vec<(SimTime, u64, u64)>);

impl Waits {
    fn started(&mut self, now: SimTime, task: &Task) {
        if !task.is_made_for_others() {
            let requested = task.times.requested;
            self.0
                .push((requested, task.number, (now - requested).micros()));
        }
    }
}

impl Recorder for Waits {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, _: &World) {
        if let Occurrence::Started(task) = occurrence {
            self.started(now, task);
        }
    }
}
