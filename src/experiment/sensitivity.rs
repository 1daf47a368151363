//! Whether a ranking rests on chance: on how ties are broken, on the very moments of arrival.
//!
//! A rule that leaves several instances equal leaves the choice to something that nobody meant as a
//! policy, and a published ranking may turn on it. So the alternatives run again with every tie
//! broken at random, and again with shaken arrivals, and whoever was found better must stay so.

use serde::Serialize;

use super::Alternative;
use super::compare::{self, Compared, Comparison, Design, Replications};
use crate::statistics::verdict::Verdict;

/// What happens to a ranking when something is disturbed that should not matter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sensitivity {
    /// Mean of the metric for each alternative; absent where no run has a value.
    pub means: Vec<Option<f64>>,
    /// Rank of each alternative, from 1.
    pub ranks: Vec<Option<usize>>,
    /// Pairs in which the one that was found better is found worse: numbers of the one and the other.
    pub overturned: Vec<(usize, usize)>,
    /// Pairs in which the one that was found better is no longer found so.
    pub uncertain: Vec<(usize, usize)>,
    /// Replications of each alternative.
    pub replications: u32,
}

/// Disturbed replications at most of each alternative: enough to see a difference turn.
pub const MOST: u32 = 50;

/// Runs disturbed alternatives, in the order of those of the comparison, as often as it did (but no
/// more than [`MOST`] times), and holds its verdicts on the metric with this number among those that
/// were compared against theirs.
pub fn sensitivity(
    comparison: &Comparison,
    metric: usize,
    disturbed: &[Alternative],
    done: &(dyn Fn() + Sync),
) -> Sensitivity {
    let compared = &comparison.metrics[metric];
    let replications = comparison.runs.first().map_or(0, Vec::len) as u32;
    let replications = replications.min(MOST);
    let design = Design {
        metrics: vec![compared.metric.clone()],
        replications: Replications::Exactly(replications),
        confidence: comparison.design.confidence,
        margin: comparison.design.margin,
    };
    let again = compare::run(disturbed, design, done);
    let Some(again) = again.metrics.first() else {
        return Sensitivity {
            means: vec![None; disturbed.len()],
            ranks: vec![None; disturbed.len()],
            overturned: Vec::new(),
            uncertain: decided(compared),
            replications,
        };
    };
    let verdict = |better: usize, other: usize| {
        let mut pairs = again.pairs.iter();
        pairs.find_map(|pair| match (pair.first, pair.second) {
            (first, second) if (first, second) == (better, other) => pair.verdict,
            (first, second) if (second, first) == (better, other) => pair.verdict.map(turned),
            _ => None,
        })
    };
    let with = |wanted: fn(Option<Verdict>) -> bool| {
        let pairs = decided(compared).into_iter();
        pairs
            .filter(|(better, other)| wanted(verdict(*better, *other)))
            .collect()
    };
    Sensitivity {
        means: again
            .estimates
            .iter()
            .map(|estimate| estimate.map(|it| it.mean))
            .collect(),
        ranks: again.ranks(),
        overturned: with(|verdict| verdict == Some(Verdict::Worse)),
        uncertain: with(|verdict| !matches!(verdict, Some(Verdict::Better | Verdict::Worse))),
        replications,
    }
}

/// The pairs that a comparison has told apart: the better first.
fn decided(compared: &Compared) -> Vec<(usize, usize)> {
    let pairs = compared.pairs.iter();
    let pairs = pairs.filter_map(|pair| match pair.verdict? {
        Verdict::Better => Some((pair.first, pair.second)),
        Verdict::Worse => Some((pair.second, pair.first)),
        Verdict::Same | Verdict::CannotTell { .. } => None,
    });
    pairs.collect()
}

/// What may be said of the second against the first.
const fn turned(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Better => Verdict::Worse,
        Verdict::Worse => Verdict::Better,
        Verdict::Same | Verdict::CannotTell { .. } => verdict,
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
