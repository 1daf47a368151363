//! Whether a ranking rests on chance: on how ties are broken, on the very moments of arrival.
//!
//! A rule that leaves several instances equal leaves the choice to something that nobody meant as a
//! policy, and a published ranking may turn on it. So the alternatives run again with every tie
//! broken at random, and again with shaken arrivals, and whoever was found better must stay so.

use serde::Serialize;

use super::compare::{Comparison, ranks};
use super::{Alternative, replicate};
use crate::statistics::verdict::Verdict;

/// What happens to a ranking when something is disturbed that should not matter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sensitivity {
    /// Mean of the metric for each alternative; absent where no run has a value.
    pub means: Vec<Option<f64>>,
    /// Rank of each alternative, from 1.
    pub ranks: Vec<Option<usize>>,
    /// Pairs in which the one that was found better is no longer: numbers of the better and the
    /// other.
    pub overturned: Vec<(usize, usize)>,
    /// Replications of each alternative.
    pub replications: u32,
}

impl Sensitivity {
    /// Whether everybody who was found better is still.
    pub fn survives(&self) -> bool {
        self.overturned.is_empty()
    }
}

/// Runs disturbed alternatives, in the order of those of the comparison, and holds them against it
/// by the metric with this number among those that were compared.
pub fn sensitivity(
    comparison: &Comparison,
    metric: usize,
    disturbed: &[Alternative],
    replications: u32,
    done: &(dyn Fn() + Sync),
) -> Sensitivity {
    let compared = &comparison.metrics[metric];
    let wanted = std::slice::from_ref(&compared.metric);
    let runs = replicate(disturbed, 0..replications, wanted, done);
    let means: Vec<Option<f64>> = runs
        .iter()
        .map(|runs| {
            let values: Vec<f64> = runs.iter().filter_map(|run| run.values[0]).collect();
            let count = values.len() as f64;
            (count > 0.0).then(|| values.iter().sum::<f64>() / count)
        })
        .collect();
    let ranks = ranks(&means, compared.metric.goal);
    let decided = compared
        .pairs
        .iter()
        .filter_map(|pair| match pair.verdict? {
            Verdict::Better => Some((pair.first, pair.second)),
            Verdict::Worse => Some((pair.second, pair.first)),
            Verdict::Same | Verdict::CannotTell { .. } => None,
        });
    let overturned = decided
        .filter(|(better, other)| ranks[*better] >= ranks[*other])
        .collect();
    Sensitivity {
        means,
        ranks,
        overturned,
        replications,
    }
}

/// The same alternatives with shaken arrivals.
pub fn shaken(alternatives: &[Alternative]) -> Vec<Alternative> {
    let mut shaken = alternatives.to_vec();
    for alternative in &mut shaken {
        alternative.plan.shaken = true;
    }
    shaken
}
