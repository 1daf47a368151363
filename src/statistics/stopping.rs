//! How many runs are enough.

use super::estimate::Estimate;

/// Runs at least before an interval is trusted to decide whether more are needed.
/// Source: Law, *Simulation Modeling and Analysis*, 5th ed., section 9.4.1.
pub const LEAST_REPLICATIONS: u64 = 10;

/// How far a mean may be from the truth, as a share of the truth: above 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Precision(f64);

impl Precision {
    /// From a share, such as 0.02 for 2 %; absent unless it is above 0 and finite.
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share.is_finite()).then_some(Precision(share))
    }

    /// As a share, such as 0.02.
    pub const fn share(self) -> f64 {
        self.0
    }

    /// The half width that is needed. With γ' = γ / (1 + γ) of the mean found, the error is at most
    /// γ of the true mean whenever the interval covers it.
    fn half_width(self, mean: f64) -> f64 {
        self.0 / (1.0 + self.0) * mean.abs()
    }
}

/// Whether an estimate is as precise as it should be: at least ten runs, and a half width of at most
/// γ / (1 + γ) × |mean|.
///
/// A mean of 0 is precise only when every run gave 0.
/// Source: Law, *Simulation Modeling and Analysis*, 5th ed., section 9.4.1, after Chow and Robbins
/// 1965 and Nádas 1969.
pub fn enough(estimate: &Estimate, precision: Precision) -> bool {
    let needed = precision.half_width(estimate.mean);
    estimate.count >= LEAST_REPLICATIONS && estimate.half_width.is_some_and(|half| half <= needed)
}

/// How many runs there should be in all before looking again; the number there are when they are
/// [`enough`].
///
/// n × (half width / needed)², at least one more and at most twice as many: a first estimate of the
/// spread is rough, and to overshoot costs more than to look again.
pub fn next_count(estimate: &Estimate, precision: Precision) -> u64 {
    let count = estimate.count;
    if enough(estimate, precision) {
        return count;
    }
    let (Some(half_width), LEAST_REPLICATIONS..) = (estimate.half_width, count) else {
        return LEAST_REPLICATIONS.max(count + 1);
    };
    let needed = precision.half_width(estimate.mean);
    let most = count.saturating_mul(2);
    if needed == 0.0 {
        return most;
    }
    let foreseen = (count as f64 * (half_width / needed).powi(2)).ceil() as u64;
    foreseen.clamp(count + 1, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Confidence;

    fn check(count: u64, mean: f64, half_width: Option<f64>, expected: (bool, u64)) {
        let estimate = Estimate {
            mean,
            half_width,
            confidence: Confidence::USUAL,
            count,
        };
        let precision = Precision::new(0.25).expect("a share");
        let found = (
            enough(&estimate, precision),
            next_count(&estimate, precision),
        );
        assert_eq!(found, expected, "{estimate:?}");
    }

    /// 25 % of the truth are 20 % of the mean.
    #[test]
    fn stops_at_the_adjusted_precision() {
        check(1, 10.0, None, (false, 10));
        check(9, 10.0, Some(0.0), (false, 10));
        check(10, 10.0, Some(2.0), (true, 10));
        check(10, -10.0, Some(2.0), (true, 10));
        check(10, 10.0, Some(2.1), (false, 12));
        check(10, 10.0, Some(50.0), (false, 20));
        check(100, 10.0, Some(2.001), (false, 101));
        check(10, 0.0, Some(0.0), (true, 10));
        check(10, 0.0, Some(0.1), (false, 20));
        check(10, f64::NAN, Some(0.1), (false, 11));
    }

    #[test]
    fn a_precision_is_above_zero() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Precision::new(wrong), None);
        }
    }
}
