//! What the commands that make many runs have in common: which alternatives, from when on, and how
//! their options are written.

use std::borrow::Borrow;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::Value;

use super::{Failure, progress_bar};
use crate::engine::Plan;
use crate::experiment::Alternative;
use crate::experiment::metric;
use crate::experiment::steady::{NoWarmUp, Regime, regime, warm_up};
use crate::report::table::span;
use crate::scenario::file::Assumptions;
use crate::scenario::problem::{Problem, Problems, did_you_mean};
use crate::scenario::variation::{Combination, Variation};
use crate::scenario::{Loaded, Source};
use crate::time::SimTime;
use crate::units::WarmUp;

/// What varies.
#[derive(Args, Clone, Debug)]
pub struct Vary {
    /// Values that something in the scenario may take, such as
    /// 'clusters[0].containerInstances[0].count=8|12' or '…count=1..200' or '…count=10..200 by 10'
    /// (repeatable: every combination is meant)
    #[arg(long = "vary", value_name = "PATH=VALUE|VALUE")]
    variations: Vec<Variation>,
    /// A placement strategy for every caller and service, such as binpack:memory or
    /// spread:attribute:ecs.availability-zone+binpack:cpu (repeatable)
    #[arg(long = "strategy", value_name = "TYPE:FIELD+…")]
    strategies: Vec<String>,
}

impl Vary {
    /// What varies, the placement strategy last.
    pub fn variations(&self) -> Result<Vec<Variation>, Failure> {
        let mut variations = self.variations.clone();
        if !self.strategies.is_empty() {
            let strategies = self.strategies.iter().map(String::as_str);
            let strategies = Variation::of_strategies(strategies)
                .map_err(|message| Failure::Input(format!("error: --strategy {message}")))?;
            variations.push(strategies);
        }
        Ok(variations)
    }
}

/// Loads the scenario once a combination; everything that is wrong with any of them is told at once.
pub fn load_all(source: &Source, combinations: &[Combination]) -> Result<Vec<Loaded>, Failure> {
    gathered(combinations.iter().map(|it| source.load_combination(it)))
}

/// More problems than these are not gathered; nobody would read them.
const MOST_PROBLEMS: usize = 1000;

/// What has been loaded; everything that is wrong with any of it is told at once, each thing once.
pub fn gathered<T>(
    results: impl IntoIterator<Item = Result<T, Problems>>,
) -> Result<Vec<T>, Failure> {
    let mut loaded = Vec::new();
    let mut found: Vec<Problem> = Vec::new();
    for result in results {
        match result {
            Ok(one) => loaded.push(one),
            Err(problems) => {
                for problem in problems.into_vec() {
                    if found.len() < MOST_PROBLEMS && !found.contains(&problem) {
                        found.push(problem);
                    }
                }
            }
        }
    }
    match found.is_empty() {
        true => Ok(loaded),
        false => Err(Problems::new(found).into()),
    }
}

/// The alternatives of loaded combinations, with a seed in place of the scenario's.
pub fn alternatives(
    loaded: &[Loaded],
    combinations: &[Combination],
    seed: Option<u64>,
) -> Vec<Alternative> {
    let both = loaded.iter().zip(combinations);
    both.map(|(loaded, combination)| {
        let mut plan = loaded.plan.clone();
        plan.seed = seed.unwrap_or(plan.seed);
        Alternative {
            name: combination.name(),
            plan,
        }
    })
    .collect()
}

/// Runs from which a warm-up is found, for each alternative.
pub const PILOTS: u32 = 5;

/// Sets the warm-up of all alternatives to the same moment, and says in a sentence what it is: what
/// was asked for, on the command line or in the scenario; else what is found, when the runs have no
/// end of their own.
pub fn settle_warm_up(
    alternatives: &mut [Alternative],
    wanted: Option<WarmUp>,
) -> Result<String, Failure> {
    let regimes = alternatives.iter().map(|it| regime(&it.plan));
    let regime = regimes.max().unwrap_or(Regime::Terminating);
    let (from, sentence) = settled(regime, wanted, || {
        latest(alternatives.iter().map(|it| Ok((&it.name, &it.plan))))
    })?;
    for alternative in alternatives.iter_mut() {
        if alternative
            .plan
            .horizon
            .is_some_and(|horizon| from >= horizon)
        {
            let (name, from) = (&alternative.name, span(from.secs()));
            return Err(Failure::Input(format!(
                "error: {name}: statistics would begin at {from}, when the run is over\n  help: give an earlier --warm-up"
            )));
        }
        alternative.plan.warm_up = from;
    }
    Ok(sentence)
}

/// From when on statistics of runs of a kind count, with a sentence on it: see [`settle_warm_up`].
/// `find` is asked when that has to be found out.
pub fn settled(
    regime: Regime,
    wanted: Option<WarmUp>,
    find: impl FnOnce() -> Result<SimTime, Failure>,
) -> Result<(SimTime, String), Failure> {
    let found = || format!("found by MSER-5 over {PILOTS} runs of each alternative");
    let (from, how) = match wanted {
        Some(WarmUp::Auto) if regime == Regime::Terminating => {
            return Err(Failure::Input(
                "error: warm-up auto: these runs end with their work, and have no steady state\n  help: leave it out, \
                 or give a horizon"
                    .to_owned(),
            ));
        }
        Some(WarmUp::After(span)) => (SimTime::ZERO + span.span(), "as given".to_owned()),
        Some(WarmUp::Auto) => (find()?, found()),
        None if regime == Regime::SteadyState => (find()?, found()),
        None => (SimTime::ZERO, "and all of it counts".to_owned()),
    };
    Ok((from, in_words(regime, from, &how, wanted.is_none())))
}

/// From when on statistics count, in a sentence. `words` say how the moment came about, `by_itself`
/// that nobody asked for it.
pub fn in_words(regime: Regime, from: SimTime, words: &str, by_itself: bool) -> String {
    let kind = match regime {
        Regime::Terminating => "terminating runs: each ends with its work",
        Regime::SteadyState => "steady state: the work never ends by itself",
        Regime::Cyclic => "from an empty cluster to the horizon, since the load changes with time",
    };
    match from == SimTime::ZERO && by_itself && regime != Regime::SteadyState {
        true => format!("{kind}, {words}"),
        false => format!("{kind}; statistics from {} on, {words}", span(from.secs())),
    }
}

/// The latest warm-up that any of the alternatives, with their names, needs. All that have none are
/// told at once.
pub fn latest<N: AsRef<str>, P: Borrow<Plan>>(
    alternatives: impl Iterator<Item = Result<(N, P), Failure>>,
) -> Result<SimTime, Failure> {
    let mut latest = SimTime::ZERO;
    let mut without = Vec::new();
    for alternative in alternatives {
        let (name, plan) = alternative?;
        match warm_up(plan.borrow(), PILOTS) {
            Ok(found) => latest = latest.max(found.at),
            Err(why) => without.push(no_warm_up(name.as_ref(), why)),
        }
    }
    match without.is_empty() {
        true => Ok(latest),
        false => Err(Failure::Input(without.join("\n"))),
    }
}

/// Why no warm-up can be found for an alternative.
pub fn no_warm_up(name: &str, why: NoWarmUp) -> String {
    match why {
        NoWarmUp::TooShort => format!(
            "error: {name}: the run is too short to find a warm-up\n  help: give a horizon, or --warm-up 0s"
        ),
        NoWarmUp::SecondHalf { at } => format!(
            "error: {name}: no steady state: the number of tasks and jobs in the system settles at {} at the \
             earliest, in the second half of the run\n  help: make the horizon longer, or give --warm-up 0s \
             or a time; a cluster that cannot keep up never settles",
            span(at.secs())
        ),
    }
}

/// That an option names a metric that there is not, with the likeliest of those there are.
pub fn no_such_metric(option: &str, name: &str) -> String {
    let names = metric::names();
    let known = names.iter().map(String::as_str);
    let help = did_you_mean(name, known).unwrap_or_else(|| {
        format!(
            "known metrics: {}; or a path into summary.json",
            names.join(", ")
        )
    });
    format!("error: {option} {name}: no run has such a number\n  help: {help}")
}

/// A share as it is written on the command line: `2%` or `0.02`.
pub fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let number: f64 = number
        .trim()
        .parse()
        .map_err(|_| "this is no share; write one such as 2% or 0.02".to_owned())?;
    match number / whole {
        share if (0.0..1.0).contains(&share) => Ok(share),
        _ => {
            Err("a share is 0 or more and below 1 (100 %); write one such as 2% or 0.02".to_owned())
        }
    }
}

/// The assumptions in force in a scenario, by name.
pub fn in_force(loaded: &Loaded) -> Value {
    serde_json::to_value(loaded.assumptions).unwrap_or_default()
}

/// The assumptions of a scenario that states none, by name.
pub fn default_assumptions() -> Value {
    serde_json::to_value(Assumptions::default()).unwrap_or_default()
}

/// A bar that counts runs, when somebody sits there to see it.
pub fn bar(runs: u64) -> Option<ProgressBar> {
    progress_bar(Some(runs), "{bar:40} {pos} of {len} runs, {eta} left")
}

/// Where results go unless told otherwise.
pub fn default_folder(name: &str, what: &str) -> PathBuf {
    PathBuf::from("results").join(format!("{name}-{what}"))
}
