//! How often something happens, from how often it did.

use super::student::bisect;
use super::{Confidence, Interval, binomial};

/// The interval for the probability of success after so many successes in so many independent trials;
/// absent without trials, or with more successes than trials.
///
/// Both ends: it errs on either side with probability α/2 at most.
/// Source: Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case
/// of the binomial", Biometrika 26.
pub fn interval(successes: u64, trials: u64, confidence: Confidence) -> Option<Interval> {
    let error = confidence.error() / 2.0;
    is_count(successes, trials).then(|| Interval {
        low: low(successes, trials, error),
        high: high(successes, trials, error),
    })
}

/// With this confidence the probability of success is at least so much; absent as for [`interval`].
///
/// The lower end of Clopper and Pearson's interval with all of the error on its side.
pub fn at_least(successes: u64, trials: u64, confidence: Confidence) -> Option<f64> {
    is_count(successes, trials).then(|| low(successes, trials, confidence.error()))
}

/// With this confidence the probability of success is at most so much; absent as for [`interval`].
///
/// The upper end of Clopper and Pearson's interval with all of the error on its side.
pub fn at_most(successes: u64, trials: u64, confidence: Confidence) -> Option<f64> {
    is_count(successes, trials).then(|| high(successes, trials, confidence.error()))
}

const fn is_count(successes: u64, trials: u64) -> bool {
    trials > 0 && successes <= trials
}

/// The probability at which so many successes or more would have the chance `error`.
fn low(successes: u64, trials: u64, error: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    // P(B ≥ s) as P(B' < n − s + 1) of the failures: no digits are lost to a 1.
    let or_more = |chance: f64| binomial::below(trials - successes + 1, trials, 1.0 - chance);
    bisect(0.0, 1.0, |chance| or_more(chance) < error)
}

/// The probability at which so many successes or fewer would have the chance `error`.
fn high(successes: u64, trials: u64, error: f64) -> f64 {
    if successes == trials {
        return 1.0;
    }
    bisect(0.0, 1.0, |chance| {
        binomial::below(successes + 1, trials, chance) > error
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R: `binom.test(8, 10)` prints 0.4439045 to 0.9747893, `binom.test(682, 925)` 0.7076683 to
    /// 0.7654066.
    #[test]
    fn known_intervals() {
        let check = |successes, trials, low: f64, high: f64| {
            let found = interval(successes, trials, Confidence::USUAL).expect("trials");
            assert!((found.low - low).abs() < 5e-8, "{found:?}");
            assert!((found.high - high).abs() < 5e-8, "{found:?}");
        };
        check(8, 10, 0.443_904_5, 0.974_789_3);
        check(2, 10, 1.0 - 0.974_789_3, 1.0 - 0.443_904_5);
        check(682, 925, 0.707_668_3, 0.765_406_6);
        // No failure: the low end is (α/2)^(1/n).
        check(10, 10, 0.025_f64.powf(0.1), 1.0);
        check(0, 10, 0.0, 1.0 - 0.025_f64.powf(0.1));
    }

    /// 59 successes in a row are the fewest that show 95 % with 95 % confidence: 0.95^59 = 0.0485.
    #[test]
    fn one_side_takes_all_the_error() {
        let least = |trials| at_least(trials, trials, Confidence::USUAL).expect("trials");
        assert!(least(58) < 0.95 && least(59) > 0.95);
        let most = at_most(0, 59, Confidence::USUAL).expect("trials");
        assert!((most - (1.0 - least(59))).abs() < 1e-12);
        assert_eq!(at_most(5, 5, Confidence::USUAL), Some(1.0));
    }

    #[test]
    fn counts_that_cannot_be() {
        assert_eq!(interval(0, 0, Confidence::USUAL), None);
        assert_eq!(interval(3, 2, Confidence::USUAL), None);
        assert_eq!(at_least(3, 2, Confidence::USUAL), None);
        assert_eq!(at_most(3, 2, Confidence::USUAL), None);
    }
}
