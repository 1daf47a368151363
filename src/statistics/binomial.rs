//! The binomial distribution.

use statrs::function::gamma::ln_gamma;

/// P(B < count) where B counts the successes in so many trials that each succeed with probability
/// `chance`, 0 to 1.
///
/// Summed from the greatest term on, so that it is accurate for any number of trials, in time of
/// the order of the standard deviation of B.
pub fn below(count: u64, trials: u64, chance: f64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    if count > trials || chance <= 0.0 {
        return 1.0;
    }
    if chance >= 1.0 {
        return 0.0;
    }
    if count as f64 > trials as f64 * chance + 1.0 {
        return 1.0 - below(trials - count + 1, trials, 1.0 - chance);
    }
    let odds = (1.0 - chance) / chance;
    let mut term = mass(count - 1, trials, chance);
    let mut sum = term;
    for successes in (1..count).rev() {
        term *= successes as f64 / (trials - successes + 1) as f64 * odds;
        sum += term;
        if term <= sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// P(B = count), with a chance strictly between 0 and 1.
fn mass(count: u64, trials: u64, chance: f64) -> f64 {
    let (hits, misses) = (count as f64, (trials - count) as f64);
    let ways = ln_gamma(trials as f64 + 1.0) - ln_gamma(hits + 1.0) - ln_gamma(misses + 1.0);
    (ways + hits * chance.ln() + misses * (-chance).ln_1p()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B(10, 1/2): (1 + 10 + 45) / 1024 below 3. B(3, 0.2): 0.8³ below 1, 1 − 0.2³ below 3.
    #[test]
    fn small_cases_by_hand() {
        let check = |count, trials, chance, expected: f64| {
            let found = below(count, trials, chance);
            assert!((found - expected).abs() < 1e-13, "{count}: {found}");
        };
        check(3, 10, 0.5, 56.0 / 1024.0);
        check(8, 10, 0.5, 1.0 - 56.0 / 1024.0);
        check(1, 3, 0.2, 0.512);
        check(3, 3, 0.2, 0.992);
        check(0, 3, 0.2, 0.0);
        check(4, 3, 0.2, 1.0);
        check(3, 3, 0.0, 1.0);
        check(3, 3, 1.0, 0.0);
    }

    /// The mean of a symmetric distribution of many trials parts it in half but for half the mass
    /// there: 1 / √(2π n/4).
    #[test]
    fn many_trials() {
        let middle = 1.0 / (std::f64::consts::PI * 2.0 * 250_000.0).sqrt();
        let found = below(500_000, 1_000_000, 0.5);
        assert!((found - (0.5 - middle / 2.0)).abs() < 1e-8, "{found}");
    }
}
