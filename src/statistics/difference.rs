//! Differences between alternatives that met the same work, and a whole family of them at once.

use serde::Serialize;

use super::estimate::Moments;
use super::{Confidence, Interval, student};

/// One number of two alternatives, observed in the same runs: run i of both met the same work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    first: Moments,
    second: Moments,
    difference: Moments,
}

impl Pair {
    /// From what either observed, run by run; absent when nothing was observed, or when one has
    /// observed more than the other.
    pub fn new(first: &[f64], second: &[f64]) -> Option<Self> {
        if first.len() != second.len() {
            return None;
        }
        let differences = first.iter().zip(second).map(|(one, other)| one - other);
        Some(Pair {
            first: Moments::of(first.iter().copied())?,
            second: Moments::of(second.iter().copied())?,
            difference: Moments::of(differences)?,
        })
    }

    /// Two-sided p-value of the paired t test of "no difference on average"; absent for one run.
    ///
    /// Differences that are all equal leave no doubt where nothing is left to chance: 0, or 1 when
    /// there is none. Where it is, they may be equal by chance: the sign test's 2^(1 − n) then.
    fn p_value(&self) -> Option<f64> {
        let Moments {
            count,
            mean,
            variance,
        } = self.difference;
        let error = (variance? / count as f64).sqrt();
        Some(match (mean == 0.0, error == 0.0) {
            (true, _) => 1.0,
            (false, true) if self.is_certain() => 0.0,
            (false, true) => 2.0_f64.powi(1 - i32::try_from(count).unwrap_or(i32::MAX)),
            (false, false) => 2.0 * student::upper_tail((mean / error).abs(), count - 1),
        })
    }

    /// Whether neither of the two varies at all.
    fn is_certain(&self) -> bool {
        self.first.variance == Some(0.0) && self.second.variance == Some(0.0)
    }

    /// Half the width of the t interval at this error; absent where equal differences do not yet
    /// tell.
    fn half_width(&self, error: f64) -> Option<f64> {
        let by_chance = self.difference.variance == Some(0.0)
            && self.difference.mean != 0.0
            && !self.is_certain();
        match by_chance && self.p_value()? > error {
            true => None,
            false => self.difference.half_width(error),
        }
    }

    fn variance_ratio(&self) -> Option<f64> {
        let apart = self.first.variance? + self.second.variance?;
        let paired = self.difference.variance?;
        (paired > 0.0).then(|| apart / paired)
    }
}

/// The first alternative less the second, as a member of a family of comparisons.
///
/// Absent numbers are absent because there was one run only.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Mean of the first.
    pub first: f64,
    /// Mean of the second.
    pub second: f64,
    /// Mean of first − second, run by run.
    pub mean: f64,
    /// Half the width of the step-down interval (see [`compare`]); 0 when all differences are equal,
    /// absent when they may be so by chance.
    pub half_width: Option<f64>,
    /// Half the width of the Bonferroni interval: all of the family cover at once with the
    /// confidence. Never narrower than the step-down interval.
    pub simultaneous_half_width: Option<f64>,
    /// Two-sided p-value of the paired t test, of this difference alone.
    pub p_value: Option<f64>,
    /// The p-value after Holm's step-down over the family.
    pub adjusted_p_value: Option<f64>,
    /// What pairing gained: (variance of the first + variance of the second) / variance of the
    /// difference, which is how many times more runs it takes without common random numbers; absent
    /// when all differences are equal.
    pub variance_ratio: Option<f64>,
    /// Of the family.
    pub confidence: Confidence,
    /// Number of runs.
    pub count: u64,
}

impl Difference {
    /// The step-down interval; absent for one run.
    pub fn interval(&self) -> Option<Interval> {
        Some(Interval::around(self.mean, self.half_width?))
    }
}

/// Compares a family of pairs at once; the results come in the order of the pairs.
///
/// With α = 1 − confidence and m pairs, p-values in ascending order p(1) ≤ … ≤ p(m):
/// - Adjusted p-value of rank i: the greatest of min(1, (m − j + 1) p(j)) over j ≤ i. "They differ"
///   where it is at most α is said falsely of any pair of the family with probability at most α,
///   however the pairs depend on each other. Source: Holm 1979, "A simple sequentially rejective
///   multiple test procedure", Scandinavian Journal of Statistics 6.
/// - The step-down interval of rank i is the paired t interval at level 1 − α / (m − min(i, k) + 1),
///   where k is the first rank that Holm's procedure does not reject. It leaves out 0 exactly where
///   the adjusted p-value is below α, so what holds for the one holds for the other. Each interval by
///   itself covers its difference with at least the confidence; that all of them do at once is
///   promised by the simultaneous intervals (level 1 − α / m each) only.
///
/// The t intervals themselves are exact for normal differences.
/// Source: Law, *Simulation Modeling and Analysis*, 5th ed., sections 10.2.1 and 10.3.
pub fn compare(pairs: &[Pair], confidence: Confidence) -> Vec<Difference> {
    let alpha = confidence.error();
    let p_values: Vec<f64> = pairs
        .iter()
        .map(|pair| pair.p_value().unwrap_or(1.0))
        .collect();
    let steps = step_down(&p_values, alpha);
    let describe = |(pair, step): (&Pair, &Step)| Difference {
        first: pair.first.mean,
        second: pair.second.mean,
        mean: pair.difference.mean,
        half_width: pair.half_width(alpha / step.among as f64),
        simultaneous_half_width: pair.half_width(alpha / pairs.len() as f64),
        p_value: pair.p_value(),
        adjusted_p_value: pair.p_value().map(|_| step.adjusted),
        variance_ratio: pair.variance_ratio(),
        confidence,
        count: pair.difference.count,
    };
    pairs.iter().zip(&steps).map(describe).collect()
}

/// What Holm's procedure says of one p-value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Step {
    adjusted: f64,
    /// By how many the error is divided for its interval.
    among: usize,
}

fn step_down(p_values: &[f64], alpha: f64) -> Vec<Step> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut steps = vec![Step::default(); p_values.len()];
    let (mut adjusted, mut among) = (0.0_f64, p_values.len());
    for (rank, index) in order.into_iter().enumerate() {
        let left = p_values.len() - rank;
        // Once one is not rejected, those after it are not tested any more.
        if adjusted <= alpha {
            among = left;
        }
        adjusted = adjusted.max((left as f64 * p_values[index]).min(1.0));
        steps[index] = Step { adjusted, among };
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(first: &[f64], second: &[f64]) -> Pair {
        Pair::new(first, second).expect("as many of each")
    }

    /// The p-values 0.01, 0.04, 0.03 and 0.005 at 5 %: 0.005 ≤ 0.05/4 and 0.01 ≤ 0.05/3 are
    /// rejected, 0.03 > 0.05/2 is not, and with it 0.04 is not either. Adjusted: 4 × 0.005,
    /// 3 × 0.01, 2 × 0.03, and the last takes over 0.06.
    #[test]
    fn holm_by_hand() {
        let steps = step_down(&[0.01, 0.04, 0.03, 0.005], 0.05);
        let adjusted: Vec<f64> = steps.iter().map(|step| step.adjusted).collect();
        assert_eq!(adjusted, [0.03, 0.06, 0.06, 0.02]);
        let among: Vec<usize> = steps.iter().map(|step| step.among).collect();
        assert_eq!(among, [3, 2, 2, 4]);
        assert_eq!(step_down(&[0.9, 0.8], 0.05)[0].adjusted, 1.0);
    }

    /// Student's sleep data (1908): extra hours of sleep of ten patients under two drugs.
    /// t = −4.0621 with 9 degrees of freedom, p = 0.002833, interval −2.4598856 to −0.7001144, as
    /// R's `t.test(extra ~ group, paired)` prints it.
    #[test]
    fn a_known_paired_test() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let difference = compare(&[pair(&first, &second)], Confidence::USUAL)[0];
        let interval = difference.interval().expect("ten runs");
        assert!((interval.low + 2.459_885_6).abs() < 1e-6, "{interval:?}");
        assert!((interval.high + 0.700_114_4).abs() < 1e-6, "{interval:?}");
        let p_value = difference.p_value.expect("ten runs");
        assert!((p_value - 0.002_833).abs() < 1e-6, "{p_value}");
        assert_eq!(difference.adjusted_p_value, difference.p_value);
        assert_eq!(difference.half_width, difference.simultaneous_half_width);
        // Variances 3.200556 and 4.009, of the difference 1.512889.
        let ratio = difference.variance_ratio.expect("they vary");
        assert!((ratio - 7.209_556 / 1.512_889).abs() < 1e-5, "{ratio}");
    }

    #[test]
    fn an_interval_leaves_out_zero_where_holm_rejects() {
        let base = [3.0, 5.0, 4.0, 6.0, 2.0, 4.0];
        let shifted = |by: f64| -> Vec<f64> {
            let noise = [0.3, -0.4, 0.2, 0.1, -0.3, 0.2];
            base.iter().zip(noise).map(|(it, n)| it + by + n).collect()
        };
        let pairs: Vec<Pair> = [0.0, 0.3, 0.35, 0.4, 2.0]
            .map(|by| pair(&base, &shifted(by)))
            .into();
        let differences = compare(&pairs, Confidence::USUAL);
        let mut rejected = 0;
        for difference in &differences {
            let outside = !difference.interval().expect("six runs").covers(0.0);
            let adjusted = difference.adjusted_p_value.expect("six runs");
            assert_eq!(outside, adjusted < 0.05, "{difference:?}");
            assert!(difference.half_width <= difference.simultaneous_half_width);
            rejected += usize::from(outside);
        }
        assert!((1..5).contains(&rejected), "{rejected}");
    }

    #[test]
    fn equal_differences_leave_no_doubt_where_nothing_varies() {
        let of = |first: &[f64], second: &[f64]| {
            let it = compare(&[pair(first, second)], Confidence::USUAL)[0];
            (it.mean, it.half_width, it.p_value, it.variance_ratio)
        };
        let same = of(&[1.0, 2.0], &[1.0, 2.0]);
        assert_eq!(same, (0.0, Some(0.0), Some(1.0), None));
        let apart = of(&[1.0, 1.0], &[2.0, 2.0]);
        assert_eq!(apart, (-1.0, Some(0.0), Some(0.0), None));
        // By chance with probability 2^(1 − n): 1/2 after two runs, 1/128 after eight.
        let by_chance = of(&[1.0, 2.0], &[2.0, 3.0]);
        assert_eq!(by_chance, (-1.0, None, Some(0.5), None));
        let eight: Vec<f64> = (0..8).map(f64::from).collect();
        let more: Vec<f64> = (1..9).map(f64::from).collect();
        assert_eq!(
            of(&eight, &more),
            (-1.0, Some(0.0), Some(1.0 / 128.0), None)
        );
        assert_eq!(of(&[1.0], &[2.0]), (-1.0, None, None, None));
    }

    #[test]
    fn pairs_need_as_many_of_each() {
        assert_eq!(Pair::new(&[], &[]), None);
        assert_eq!(Pair::new(&[1.0], &[]), None);
        assert_eq!(compare(&[], Confidence::USUAL), []);
    }
}
