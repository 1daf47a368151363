//! Whether intervals cover the truth as often as they say, on numbers whose truth is known.

use rand_distr::{Distribution as _, Exp1, StandardNormal};

use super::Confidence;
use super::difference::{Difference, Pair, compare};
use super::estimate::Estimate;
use super::stopping::{Precision, enough, next_count};
use super::verdict::{Goal, Verdict, verdict};
use crate::rng::{Purpose, Stream, Streams};

const TRIALS: u64 = 1000;
const REPLICATIONS: usize = 30;

fn stream(seed: u64, trial: u64) -> Stream {
    Streams::new(seed).stream(Purpose::RunTime, trial, 0)
}

fn draws(stream: &mut Stream, draw: fn(&mut Stream) -> f64, count: usize) -> Vec<f64> {
    (0..count).map(|_| draw(stream)).collect()
}

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

fn exponential(stream: &mut Stream) -> f64 {
    Exp1.sample(stream)
}

/// Alternatives that share half of their variance, by work that both meet, the n-th of them greater
/// by n × `step`.
fn alternatives(seed: u64, trial: u64, draw: fn(&mut Stream) -> f64, step: f64) -> [Vec<f64>; 4] {
    let mut stream = stream(seed, trial);
    let shared = draws(&mut stream, draw, REPLICATIONS);
    [0.0, 1.0, 2.0, 3.0].map(|index| {
        let own = draws(&mut stream, draw, REPLICATIONS);
        let both = shared.iter().zip(own);
        both.map(|(shared, own)| 10.0 + shared + own + index * step)
            .collect()
    })
}

fn compared(first: &[f64], second: &[f64]) -> Difference {
    let pair = Pair::new(first, second).expect("as many of each");
    compare(&[pair], Confidence::USUAL)[0]
}

fn count(holds: impl Fn(u64) -> bool) -> usize {
    (0..TRIALS).filter(|trial| holds(*trial)).count()
}

#[test]
fn paired_intervals_cover_a_known_difference() {
    for (seed, draw) in [
        (1, normal as fn(&mut Stream) -> f64),
        (2, exponential as fn(&mut Stream) -> f64),
    ] {
        let covered = count(|trial| {
            let [first, second, ..] = alternatives(seed, trial, draw, 0.7);
            let difference = compared(&first, &second);
            difference.interval().expect("30 runs").covers(-0.7)
        });
        assert!((930..=970).contains(&covered), "{seed}: {covered}");
    }
}

#[test]
fn equals_are_seldom_told_apart() {
    for (seed, draw) in [
        (3, normal as fn(&mut Stream) -> f64),
        (4, exponential as fn(&mut Stream) -> f64),
    ] {
        let better = count(|trial| {
            let [first, second, ..] = alternatives(seed, trial, draw, 0.0);
            let difference = compared(&first, &second);
            verdict(&difference, Goal::Lower, 0.01) == Verdict::Better
        });
        assert!(better <= 50, "{seed}: {better}");
    }
}

/// Six pairs of four alternatives: one false word is one too many.
#[test]
fn a_family_of_equals_is_seldom_told_apart() {
    let wrong = count(|trial| {
        let all = alternatives(5, trial, normal, 0.0);
        let family = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
        let pairs: Vec<Pair> = family
            .iter()
            .filter_map(|(one, other)| Pair::new(&all[*one], &all[*other]))
            .collect();
        let differences = compare(&pairs, Confidence::USUAL);
        let words = differences
            .iter()
            .map(|difference| verdict(difference, Goal::Lower, 0.01));
        words
            .into_iter()
            .any(|word| matches!(word, Verdict::Better | Verdict::Worse))
    });
    assert!(wrong <= 50, "{wrong}");
    assert!(wrong > 0, "with 1,000 families some are unlucky");
}

/// Runs until 15 % are reached. Stopping when the interval happens to be narrow costs coverage, so
/// it may be a little below 95 %, not below 90 %.
#[test]
fn stopping_keeps_nearly_all_coverage() {
    let precision = Precision::new(0.15).expect("a share");
    let covered = count(|trial| {
        let mut stream = stream(6, trial);
        let mut values = draws(&mut stream, exponential, 10);
        loop {
            let estimate = Estimate::of(&values, Confidence::USUAL).expect("ten or more");
            if enough(&estimate, precision) {
                return estimate.interval().expect("ten or more").covers(1.0);
            }
            let more = next_count(&estimate, precision) as usize - values.len();
            values.extend(draws(&mut stream, exponential, more));
        }
    });
    assert!(covered >= 900, "{covered}");
}
