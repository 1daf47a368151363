//! Whether a fleet meets its targets, and how sure that is after so many runs.
//!
//! Runs are looked at after 5, 10, 20, 40, … of them. At each look every criterion has an interval,
//! and the decision falls as soon as one lies wholly on one side. To look again and again would find
//! sooner or later what is not so; hence the error that is allowed, α = 1 − confidence, is shared
//! equally among the looks that there may be and the criteria (Bonferroni): with L looks and k
//! criteria either end of an interval errs with probability α / (L k); exactly at most that for the
//! probability that a run meets its targets, nearly for a mean, whose limits rest on how skewed the
//! runs that were seen are. So a fleet that misses a target is said to meet all with probability α at most, and one
//! that meets all is said to miss one with probability α at most. Since all looks hold at once, what
//! remains is where their intervals overlap, and a decision once made stands.
//!
//! Source: Jennison and Turnbull 1999, *Group Sequential Methods with Applications to Clinical
//! Trials*, chapters 2 and 9 (repeated significance tests, repeated confidence intervals).

use serde::Serialize;

use super::Run;
use super::target::{Judged, Target};
use crate::statistics::estimate::Moments;
use crate::statistics::{Confidence, Interval, proportion};

/// Runs before the first look.
const FIRST_LOOK: u32 = 5;

/// What is asked of a fleet.
#[derive(Clone, Debug)]
pub struct Standard {
    /// All of them must hold. The value of target i is value i of a run.
    pub targets: Vec<Target>,
    /// The probability with which a run must meet those targets that are judged by run, all at once:
    /// above 0 and below 1.
    pub probability: f64,
    /// How sure decisions should be.
    pub confidence: Confidence,
    /// A fleet that is undecided after so many runs stays so; at least 1.
    pub at_most: u32,
}

/// What the runs made so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// All targets are met.
    Meets,
    /// One of them is not.
    Fails,
    /// The runs do not tell.
    Open,
}

/// What a [`Criterion`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The probability that a run meets all targets that are judged by run.
    EachRun,
    /// The expected value of the metric of the target of this number.
    Mean(usize),
}

/// One thing that must hold, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Criterion {
    /// What it is about.
    pub about: About,
    /// Where it lies, with all looks taken together; absent when some runs have no such number, which
    /// is a failure.
    pub interval: Option<Interval>,
    /// What that says.
    pub decision: Decision,
}

/// What is known of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What it comes to.
    pub decision: Decision,
    /// Runs that were looked at.
    pub replications: u64,
    /// Runs in which every target holds, whatever it is judged on.
    pub met: u64,
    /// One by one.
    pub criteria: Vec<Criterion>,
}

impl Standard {
    /// Numbers of runs after which one looks: 5, 10, 20, … and the most that there may be.
    pub fn looks(&self) -> Vec<u32> {
        let doubling = std::iter::successors(Some(FIRST_LOOK), |count| count.checked_mul(2));
        let before = doubling.take_while(|count| *count < self.at_most);
        before.chain([self.at_most]).collect()
    }

    /// The look after so many runs; the last one when there is none.
    pub fn look_after(&self, runs: usize) -> u32 {
        let next = self.looks().into_iter().find(|look| *look as usize > runs);
        next.unwrap_or(self.at_most)
    }

    /// How many runs it would take at least to show that a run meets its targets with the probability
    /// that is asked for; absent when `at_most` may do, or nothing is judged by run.
    pub fn runs_to_show(&self) -> Option<u32> {
        let criteria = self.criteria();
        if !criteria.contains(&About::EachRun) {
            return None;
        }
        let shown = |at_most: u32| {
            let looks = Standard {
                at_most,
                ..self.clone()
            }
            .looks()
            .len();
            let error = self.confidence.error() / (looks * criteria.len()) as f64;
            error.powf(1.0 / f64::from(at_most)) >= self.probability
        };
        let mut needed = self.at_most;
        while !shown(needed) {
            needed = needed.checked_mul(2)?;
        }
        (needed > self.at_most).then_some(needed)
    }

    /// What must hold.
    fn criteria(&self) -> Vec<About> {
        let judged = |wanted| {
            let all = self.targets.iter().enumerate();
            all.filter(move |(_, target)| target.judged() == wanted)
                .map(|(place, _)| place)
        };
        let each_run = judged(Judged::ByRun).next().map(|_| About::EachRun);
        let means = judged(Judged::OnMean).map(About::Mean);
        each_run.into_iter().chain(means).collect()
    }

    /// Whether every target that is judged so holds in a run. A number that a run does not have
    /// meets nothing.
    fn is_met(&self, run: &Run, counts: impl Fn(Judged) -> bool) -> bool {
        let targets = self.targets.iter().zip(&run.values);
        let mut targets = targets.filter(|(target, _)| counts(target.judged()));
        targets.all(|(target, value)| value.is_some_and(|value| target.holds(value)))
    }

    /// Looks at the runs of a fleet.
    pub fn judge(&self, runs: &[Run]) -> Evidence {
        let abouts = self.criteria();
        let looks = self.looks();
        let error = self.confidence.error() / (looks.len() * abouts.len().max(1)) as f64;
        let reached = looks.iter().map(|look| *look as usize);
        let reached: Vec<usize> = reached.filter(|look| *look <= runs.len()).collect();
        let criterion = |about| {
            let interval = match about {
                About::EachRun => self.probability_to_meet(runs, &reached, error),
                About::Mean(target) => {
                    let is_upper = self.targets[target].relation.is_upper_limit();
                    expected_value(target, is_upper, runs, &reached, error)
                }
            };
            let decision = self.decision(about, interval);
            Criterion {
                about,
                interval,
                decision,
            }
        };
        let criteria: Vec<Criterion> = abouts.into_iter().map(criterion).collect();
        Evidence {
            decision: all_of(&criteria),
            replications: runs.len() as u64,
            met: runs.iter().filter(|run| self.is_met(run, |_| true)).count() as u64,
            criteria,
        }
    }

    /// Where the probability lies with which a run meets the targets that are judged by run, by
    /// Clopper and Pearson's limits, of which each errs with this probability at most.
    fn probability_to_meet(&self, runs: &[Run], looks: &[usize], error: f64) -> Option<Interval> {
        let by_run = |judged| judged == Judged::ByRun;
        let met = |runs: &[Run]| runs.iter().filter(|run| self.is_met(run, by_run)).count() as u64;
        if are_alike(runs) {
            return Some(Interval::around(met(runs) as f64 / runs.len() as f64, 0.0));
        }
        let confidence = Confidence::new(1.0 - error)?;
        looks.iter().try_fold(NOTHING_KNOWN, |known, look| {
            let (met, runs) = (met(&runs[..*look]), *look as u64);
            let new = Interval {
                low: proportion::at_least(met, runs, confidence)?,
                high: proportion::at_most(met, runs, confidence)?,
            };
            Some(overlap(known, new))
        })
    }

    fn decision(&self, about: About, interval: Option<Interval>) -> Decision {
        let Some(interval) = interval else {
            return Decision::Fails;
        };
        let holds = |value: f64| match about {
            About::EachRun => value >= self.probability,
            About::Mean(target) => self.targets[target].holds(value),
        };
        match (holds(interval.low), holds(interval.high)) {
            (true, true) => Decision::Meets,
            (false, false) => Decision::Fails,
            _ => Decision::Open,
        }
    }
}

/// Fewer runs than these do not show that the mean of a skewed number meets its target.
const LEAST_TO_ACCEPT: usize = 20;

/// Equal numbers of so many runs that are not alike say something of a mean.
const LEAST_EQUAL: usize = 40;

/// Where the expected value of a metric lies, by limits of which each errs with about this
/// probability; absent when a run has no such number. Waits are skewed, so the limits are the t
/// limits with Hall's correction for skewness, and none that could accept before
/// [`LEAST_TO_ACCEPT`] runs.
fn expected_value(
    target: usize,
    is_upper: bool,
    runs: &[Run],
    looks: &[usize],
    error: f64,
) -> Option<Interval> {
    let value = |run: &Run| run.values.get(target).copied().flatten();
    let values: Vec<f64> = runs.iter().map(value).collect::<Option<_>>()?;
    let constant = values.windows(2).all(|pair| pair[0] == pair[1]);
    let intervals = looks.iter().filter_map(|look| {
        let moments = Moments::of(values[..*look].iter().copied())?;
        let half_width = moments.half_width(2.0 * error)?;
        if half_width == 0.0 {
            // A beginning that is constant by chance says nothing of the spread.
            let sure = are_alike(runs) || (constant && *look >= LEAST_EQUAL);
            return sure.then(|| Interval::around(moments.mean, 0.0));
        }
        let mut limits = skewed_limits(&values[..*look], &moments, half_width)?;
        if *look < LEAST_TO_ACCEPT && is_upper {
            limits.high = f64::INFINITY;
        } else if *look < LEAST_TO_ACCEPT {
            limits.low = f64::NEG_INFINITY;
        }
        Some(limits)
    });
    Some(intervals.fold(NOTHING_KNOWN, overlap))
}

/// The t limits of a mean, corrected for the skewness γ of the numbers: with T = √n (mean − μ) / s, g(T)
/// = T + γ T² / (3 √n) + γ² T³ / (27 n) + γ / (6 √n) is nearly free of it, and is inverted here.
///
/// Source: Hall 1992, "On the removal of skewness by transformation", Journal of the Royal
/// Statistical Society B 54.
fn skewed_limits(values: &[f64], moments: &Moments, half_width: f64) -> Option<Interval> {
    let count = values.len() as f64;
    let root = count.sqrt();
    let error = (moments.variance? / count).sqrt();
    let quantile = half_width / error;
    let moment = |power: i32| {
        let sum: f64 = values
            .iter()
            .map(|it| (it - moments.mean).powi(power))
            .sum();
        sum / count
    };
    let skewness = moment(3) / moment(2).powf(1.5);
    if skewness.abs() < 1e-6 {
        return Some(Interval::around(moments.mean, half_width));
    }
    let slope = skewness / root;
    let inverse = |x: f64| 3.0 / slope * ((1.0 + slope * (x - slope / 6.0)).cbrt() - 1.0);
    Some(Interval {
        low: moments.mean - error * inverse(quantile),
        high: moments.mean - error * inverse(-quantile),
    })
}

const NOTHING_KNOWN: Interval = Interval {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};

/// Where both may lie. Two looks that exclude each other leave the later one: one of them is wrong.
fn overlap(known: Interval, new: Interval) -> Interval {
    let both = Interval {
        low: known.low.max(new.low),
        high: known.high.min(new.high),
    };
    match both.low <= both.high {
        true => both,
        false => new,
    }
}

fn all_of(criteria: &[Criterion]) -> Decision {
    let any = |decision| criteria.iter().any(|it| it.decision == decision);
    match (any(Decision::Fails), any(Decision::Open)) {
        (true, _) => Decision::Fails,
        (false, true) => Decision::Open,
        (false, false) => Decision::Meets,
    }
}

/// Whether the seed makes no difference: the same values, the same end and as many events in all of
/// several runs. Then one run decides.
pub fn are_alike(runs: &[Run]) -> bool {
    let of = |run: &Run| (run.values.clone(), run.end, run.events);
    runs.len() > 1 && runs.windows(2).all(|pair| of(&pair[0]) == of(&pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standard(targets: &[&str], at_most: u32) -> Standard {
        let targets = targets.iter().map(|text| text.parse().expect("a target"));
        Standard {
            targets: targets.collect(),
            probability: 0.95,
            confidence: Confidence::USUAL,
            at_most,
        }
    }

    /// A standard that is looked at once, after twenty runs, whatever the looks before it say: the
    /// error is that of one look.
    fn one_look(target: &str) -> Standard {
        let mut once = standard(&[target], 20);
        let looks = once.looks().len() as f64;
        once.confidence = Confidence::new(1.0 - 0.05 * looks).expect("a confidence");
        once
    }

    /// Runs that differ, with these values of one metric.
    fn runs(values: impl IntoIterator<Item = f64>) -> Vec<Run> {
        let values = values.into_iter().zip(0_u64..);
        let run = |(value, number)| Run {
            seed: number,
            values: vec![Some(value)],
            end: 1.0,
            events: number,
        };
        values.map(run).collect()
    }

    #[test]
    fn looks_double() {
        let looks = |at_most| standard(&["wait.p95 <= 1s"], at_most).looks();
        assert_eq!(looks(1), [1]);
        assert_eq!(looks(5), [5]);
        assert_eq!(looks(50), [5, 10, 20, 40, 50]);
        let standard = standard(&["wait.p95 <= 1s"], 50);
        assert_eq!(
            [0, 5, 39, 40, 50].map(|it| standard.look_after(it)),
            [5, 10, 40, 50, 50]
        );
    }

    /// Six looks up to 160 runs: each end errs with 0.05 / 6. 160 of 160 show at least
    /// (0.05 / 6)^(1/160) = 0.9705; 80 of 80 no more than 0.9419. 5 misses of 5 leave at most
    /// 1 − (0.05 / 6)^(1/5) = 0.6162.
    #[test]
    fn a_share_is_shown_by_enough_runs() {
        let standard = standard(&["wait.p95 <= 1s"], 160);
        let judged = |value: f64, count| standard.judge(&runs(vec![value; count]));
        assert_eq!(judged(0.5, 80).decision, Decision::Open);
        let shown = judged(0.5, 160);
        assert_eq!((shown.decision, shown.met), (Decision::Meets, 160));
        let low = shown.criteria[0].interval.expect("a share").low;
        assert!(
            (low - (0.05_f64 / 6.0).powf(1.0 / 160.0)).abs() < 1e-9,
            "{low}"
        );
        let missed = judged(1.5, 5);
        assert_eq!(missed.decision, Decision::Fails);
        let high = missed.criteria[0].interval.expect("a share").high;
        assert!(
            (high - (1.0 - (0.05_f64 / 6.0).powf(0.2))).abs() < 1e-9,
            "{high}"
        );
    }

    /// One look at twenty runs with mean 1 and standard error √(0.4 / 19 / 20) = 0.03244, not skewed:
    /// t(0.95, 19) = 1.7291 puts the ends at 1 ∓ 0.0561.
    #[test]
    fn a_mean_is_shown_by_its_one_sided_interval() {
        let twenty = runs([0.8, 0.9, 1.0, 1.1, 1.2].into_iter().cycle().take(20));
        let decision = |target: &str| one_look(target).judge(&twenty).decision;
        assert_eq!(decision("wait.mean <= 1.057s"), Decision::Meets);
        assert_eq!(decision("wait.mean <= 1.056s"), Decision::Open);
        assert_eq!(decision("wait.mean <= 0.944s"), Decision::Open);
        assert_eq!(decision("wait.mean <= 0.943s"), Decision::Fails);
        assert_eq!(decision("wait.mean >= 0.943s"), Decision::Meets);
    }

    /// Five runs may show that a mean misses its limit, never that it meets it.
    #[test]
    fn few_runs_do_not_accept_a_mean() {
        let five = runs([0.8, 0.9, 1.0, 1.1, 1.2]);
        let decision = |target: &str| standard(&[target], 5).judge(&five).decision;
        assert_eq!(decision("wait.mean <= 9s"), Decision::Open);
        assert_eq!(decision("wait.mean >= 0.1s"), Decision::Open);
        assert_eq!(decision("wait.mean <= 0.849s"), Decision::Fails);
    }

    /// Hall's limits of nine zeros and a 10: mean 1, s = √10, γ = 8/3; against the formula by hand, the upper
    /// limit lies further from the mean than the t limit and the lower one nearer.
    #[test]
    fn limits_of_skewed_numbers_reach_further_up() {
        let mut values = vec![0.0; 9];
        values.push(10.0);
        let moments = Moments::of(values.iter().copied()).expect("ten numbers");
        let half_width = moments.half_width(0.1).expect("ten numbers");
        let limits = skewed_limits(&values, &moments, half_width).expect("they vary");
        assert!((moments.half_width(0.1).expect("ten") - 1.833_113).abs() < 1e-5);
        assert!(
            limits.high > 1.0 + half_width && limits.low > 1.0 - half_width,
            "{limits:?}"
        );
        // 3 / 0.84327 × (∛(1 − 0.84327 × (1.83311 + 0.14055)) − 1) = −6.66175, at a standard error of 1.
        assert!((limits.high - 7.66175).abs() < 1e-4, "{limits:?}");
    }

    #[test]
    fn one_run_decides_where_nothing_is_left_to_chance() {
        let mut alike = runs([0.5; 5]);
        alike.iter_mut().for_each(|run| run.events = 7);
        let standard = standard(&["wait.p95 <= 1s"], 160);
        assert_eq!(standard.judge(&alike).decision, Decision::Meets);
        alike[4].events = 8;
        assert_eq!(standard.judge(&alike).decision, Decision::Open);
    }

    #[test]
    fn a_number_that_is_not_there_meets_nothing() {
        for target in ["wait.mean <= 1s", "wait.p95 <= 1s"] {
            let mut five = runs([0.5; 5]);
            five.iter_mut().for_each(|run| run.values[0] = None);
            let evidence = standard(&[target], 5).judge(&five);
            assert_eq!(
                (evidence.decision, evidence.met),
                (Decision::Fails, 0),
                "{target}"
            );
        }
    }

    /// A look that excludes what an earlier one left is taken as it is; no runs, no decision.
    #[test]
    fn looks_are_taken_together() {
        let wide = Interval {
            low: 0.0,
            high: 4.0,
        };
        let shifted = Interval {
            low: 1.0,
            high: 5.0,
        };
        let away = Interval {
            low: 6.0,
            high: 7.0,
        };
        assert_eq!(
            overlap(wide, shifted),
            Interval {
                low: 1.0,
                high: 4.0
            }
        );
        assert_eq!(overlap(wide, away), away);
        let none = standard(&["wait.p95 <= 1s", "wait.mean <= 1s"], 5).judge(&[]);
        assert_eq!(none.decision, Decision::Open);
    }
}
