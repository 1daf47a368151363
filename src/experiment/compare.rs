//! Which alternative is better, and how sure that is.

use serde::Serialize;

use super::metric::Metric;
use super::{Alternative, Run, replicate};
use crate::statistics::Confidence;
use crate::statistics::difference::{Difference, Pair, compare};
use crate::statistics::estimate::Estimate;
use crate::statistics::stopping::{LEAST_REPLICATIONS, Precision, enough, next_count};
use crate::statistics::verdict::{Goal, Verdict, verdict};

/// How a comparison is made.
#[derive(Clone, Debug)]
pub struct Design {
    /// What the runs are judged by. The first decides how many replications are enough.
    pub metrics: Vec<Metric>,
    /// How many replications.
    pub replications: Replications,
    /// Of all intervals.
    pub confidence: Confidence,
    /// What counts as practically the same, as a share of the mean of the first of a pair.
    pub margin: f64,
}

/// How many replications of every alternative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Replications {
    /// So many.
    Exactly(u32),
    /// As many as it takes until the mean of the first metric is known so well for every
    /// alternative, but no more than `at_most`.
    Until {
        /// Half width of the interval over the mean.
        precision: Precision,
        /// At most so many.
        at_most: u32,
    },
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Names of the alternatives.
    pub alternatives: Vec<String>,
    /// The metrics of which any run has a value, in the order in which they were asked for.
    pub metrics: Vec<Compared>,
    /// By alternative, then by replication; the values in the order of the design's metrics.
    pub runs: Vec<Vec<Run>>,
    /// Whether all replications gave the same: nothing in the scenario is left to chance.
    pub deterministic: bool,
    /// Whether the precision that was asked for was reached; absent when none was.
    pub precise: Option<bool>,
    /// How it was made.
    pub design: Design,
}

/// One metric of all alternatives.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Which.
    pub metric: Metric,
    /// Mean and interval of every alternative; absent where no run has a value.
    pub estimates: Vec<Option<Estimate>>,
    /// Every pair, the one that comes first in the list first; without those that no replication
    /// has a value of both of.
    pub pairs: Vec<ComparedPair>,
}

/// Two alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ComparedPair {
    /// Number of the one.
    pub first: usize,
    /// Number of the other.
    pub second: usize,
    /// The first less the second, replication by replication.
    pub difference: Difference,
    /// What may be said of the first; absent where neither direction is better.
    pub verdict: Option<Verdict>,
}

/// Runs the alternatives as the design says. `done` is told of every run that has ended.
pub fn run(alternatives: &[Alternative], design: Design, done: &(dyn Fn() + Sync)) -> Comparison {
    let mut runs: Vec<Vec<Run>> = alternatives.iter().map(|_| Vec::new()).collect();
    let mut wanted = match design.replications {
        Replications::Exactly(count) => count,
        Replications::Until { at_most, .. } => at_most.min(LEAST_REPLICATIONS as u32),
    };
    let mut precise = None;
    loop {
        let so_far = runs.first().map_or(0, Vec::len) as u32;
        let more = replicate(alternatives, so_far..wanted, &design.metrics, done);
        runs.iter_mut()
            .zip(more)
            .for_each(|(runs, more)| runs.extend(more));
        let Replications::Until { precision, at_most } = design.replications else {
            break;
        };
        let estimates = estimates(&runs, 0, design.confidence);
        let known = estimates.iter().flatten();
        let is_enough = |it: &Option<Estimate>| it.is_some_and(|it| enough(&it, precision));
        precise = Some(estimates.iter().all(is_enough));
        // Runs without a value do not count towards those that are needed.
        let next = known.map(|it| u64::from(wanted) + next_count(it, precision) - it.count);
        let next = next.max().unwrap_or(0).min(at_most.into()) as u32;
        if precise == Some(true) || next <= wanted {
            break;
        }
        wanted = next;
    }
    let metrics = design.metrics.iter().enumerate();
    let metrics = metrics.map(|(place, metric)| compared(metric, place, &runs, &design));
    Comparison {
        alternatives: alternatives.iter().map(|it| it.name.clone()).collect(),
        metrics: metrics
            .filter(|it| it.estimates.iter().any(Option::is_some))
            .collect(),
        deterministic: is_deterministic(&runs),
        precise,
        runs,
        design,
    }
}

/// Whether every replication of every alternative gave the same.
fn is_deterministic(runs: &[Vec<Run>]) -> bool {
    let same = |runs: &Vec<Run>| {
        runs.windows(2)
            .all(|pair| pair[0].values == pair[1].values && pair[0].events == pair[1].events)
    };
    runs.iter().all(same) && runs.iter().any(|runs| runs.len() > 1)
}

/// The mean of a metric for every alternative, over the replications that have a value.
fn estimates(runs: &[Vec<Run>], metric: usize, confidence: Confidence) -> Vec<Option<Estimate>> {
    let of_one = |runs: &Vec<Run>| {
        let values: Vec<f64> = runs.iter().filter_map(|run| run.values[metric]).collect();
        Estimate::of(&values, confidence)
    };
    runs.iter().map(of_one).collect()
}

fn compared(metric: &Metric, place: usize, runs: &[Vec<Run>], design: &Design) -> Compared {
    let mut numbers = Vec::new();
    let mut pairs = Vec::new();
    for first in 0..runs.len() {
        for second in first + 1..runs.len() {
            let both = runs[first].iter().zip(&runs[second]);
            let (one, other): (Vec<f64>, Vec<f64>) = both
                .filter_map(|(one, other)| one.values[place].zip(other.values[place]))
                .unzip();
            if let Some(pair) = Pair::new(&one, &other) {
                numbers.push((first, second));
                pairs.push(pair);
            }
        }
    }
    let differences = compare(&pairs, design.confidence);
    let pairs = numbers.into_iter().zip(differences);
    Compared {
        metric: metric.clone(),
        estimates: estimates(runs, place, design.confidence),
        pairs: pairs
            .map(|((first, second), difference)| ComparedPair {
                first,
                second,
                difference,
                verdict: metric
                    .goal
                    .map(|goal| verdict(&difference, goal, design.margin)),
            })
            .collect(),
    }
}

impl Compared {
    /// Rank of every alternative by its mean, from 1; equal means have the same. Absent without a
    /// mean, or where neither direction is better.
    pub fn ranks(&self) -> Vec<Option<usize>> {
        let means: Vec<Option<f64>> = self
            .estimates
            .iter()
            .map(|estimate| estimate.map(|estimate| estimate.mean))
            .collect();
        ranks(&means, self.metric.goal)
    }
}

/// Rank of every number, from 1; equal numbers have the same.
pub fn ranks(numbers: &[Option<f64>], goal: Option<Goal>) -> Vec<Option<usize>> {
    let better = |one: f64, other: f64| match goal {
        Some(Goal::Lower) => one < other,
        Some(Goal::Higher) => one > other,
        None => false,
    };
    let rank = |number: f64| {
        1 + numbers
            .iter()
            .flatten()
            .filter(|it| better(**it, number))
            .count()
    };
    numbers
        .iter()
        .map(|number| goal.and(number.map(rank)))
        .collect()
}
