//! Student's t distribution.

use statrs::function::beta::checked_beta_reg;

/// P(T > t) for t ≥ 0 with so many degrees of freedom.
///
/// Source: Abramowitz and Stegun 1964, 26.7.1 and 26.5.27.
pub fn upper_tail(t: f64, freedom: u64) -> f64 {
    let freedom = freedom as f64;
    checked_beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t)).map_or(f64::NAN, |p| p / 2.0)
}

/// The t with P(|T| > t) = `error`, from 0 to 1, with so many degrees of freedom.
///
/// By bisection of [`upper_tail`] down to neighbouring floats: unlike Newton's method it ends for
/// every argument.
pub fn quantile(error: f64, freedom: u64) -> f64 {
    let exceeds = |t| 2.0 * upper_tail(t, freedom) > error;
    let (mut low, mut high) = (0.0, 1.0);
    while exceeds(high) {
        (low, high) = (high, 2.0 * high);
    }
    bisect(low, high, exceeds)
}

/// The least float for which `is_below` no longer holds, between one for which it does and one for
/// which it does not.
pub fn bisect(mut low: f64, mut high: f64, is_below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = low + (high - low) / 2.0;
        if !(low < middle && middle < high) {
            return high;
        }
        if is_below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: the table of critical values in Law, *Simulation Modeling and Analysis*, 5th ed.,
    /// appendix, table T.1; 10^9 degrees are the normal distribution.
    #[test]
    fn quantiles_are_those_of_the_table() {
        let check = |error, freedom, expected: f64| {
            let found = quantile(error, freedom);
            assert!((found - expected).abs() < 0.0006, "{freedom}: {found}");
        };
        check(0.05, 1, 12.706);
        check(0.05, 2, 4.303);
        check(0.05, 9, 2.262);
        check(0.10, 9, 1.833);
        check(0.01, 9, 3.250);
        check(0.05, 29, 2.045);
        check(0.05, 99, 1.984);
        check(0.05, 1_000_000_000, 1.960);
        check(0.01, 1_000_000_000, 2.576);
    }

    #[test]
    fn a_tail_undoes_its_quantile() {
        for freedom in [1, 2, 5, 30, 1000, 1_000_000] {
            for error in [0.9, 0.5, 0.05, 1e-6] {
                let back = 2.0 * upper_tail(quantile(error, freedom), freedom);
                assert!((back / error - 1.0).abs() < 1e-9, "{freedom} {error}");
            }
        }
        assert_eq!(upper_tail(0.0, 7), 0.5);
        assert_eq!(upper_tail(f64::INFINITY, 7), 0.0);
        assert!(upper_tail(f64::NAN, 7).is_nan());
    }
}
