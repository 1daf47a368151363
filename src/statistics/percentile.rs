//! Percentiles, and intervals for them that assume no distribution.

use serde::Serialize;

use super::{Confidence, Interval, binomial};

/// The rank, from 1, of a percentile among so many sorted observations: ceil(percent / 100 × count),
/// at least 1 and at most `count`.
pub const fn nearest_rank(percent: usize, count: usize) -> usize {
    let rank = (percent * count).div_ceil(100);
    if rank < 1 {
        1
    } else if rank > count {
        count
    } else {
        rank
    }
}

/// The ranks, from 1, of the two sorted observations between which a percentile lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ranks {
    /// Of the lower end.
    pub lower: u64,
    /// Of the upper end.
    pub upper: u64,
    /// The probability with which they cover it, exact for continuous observations, more for others;
    /// at least the confidence.
    pub coverage: f64,
}

/// Between which of `count` independent observations the percentile of their distribution lies;
/// absent when there are too few.
///
/// The number of observations below the percentile is binomial: B(n, p). The lower rank is the
/// greatest l with P(B < l) ≤ α/2, the upper one the least u with P(B ≥ u) ≤ α/2. So each end errs
/// with probability α/2 at most, whatever the distribution. Waits within one run depend on each other;
/// this is for observations that do not, such as one number a run.
/// Source: Conover, *Practical Nonparametric Statistics*, 3rd ed., section 3.2; David and Nagaraja,
/// *Order Statistics*, 3rd ed., section 7.1.
pub fn ranks(percent: u8, count: u64, confidence: Confidence) -> Option<Ranks> {
    let share = f64::from(percent) / 100.0;
    let lower = tail(count, share, confidence.error() / 2.0)?;
    let upper = count + 1 - tail(count, 1.0 - share, confidence.error() / 2.0)?;
    let coverage = binomial::below(upper, count, share) - binomial::below(lower, count, share);
    Some(Ranks {
        lower,
        upper,
        coverage,
    })
}

/// The greatest rank l with P(B < l) ≤ `error`; absent when there is none.
fn tail(count: u64, share: f64, error: f64) -> Option<u64> {
    let (mut low, mut high) = (0, count + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if binomial::below(middle, count, share) <= error {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low > 0).then_some(low)
}

/// A percentile and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Percentile {
    /// The observation of the nearest rank.
    pub value: f64,
    /// Absent when there are too few observations.
    pub interval: Option<Interval>,
    /// Of the interval.
    pub confidence: Confidence,
    /// Number of observations.
    pub count: u64,
}

/// A percentile of sorted observations with its interval by [`ranks`]; absent without any.
pub fn percentile(sorted: &[f64], percent: u8, confidence: Confidence) -> Option<Percentile> {
    let at = |rank: u64| sorted.get((rank - 1) as usize).copied();
    let interval = ranks(percent, sorted.len() as u64, confidence).and_then(|ranks| {
        let (low, high) = (at(ranks.lower)?, at(ranks.upper)?);
        Some(Interval { low, high })
    });
    if sorted.is_empty() {
        return None;
    }
    Some(Percentile {
        value: sorted[nearest_rank(percent.into(), sorted.len()) - 1],
        interval,
        confidence,
        count: sorted.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(percent: u8, count: u64) -> Option<(u64, u64)> {
        ranks(percent, count, Confidence::USUAL).map(|ranks| (ranks.lower, ranks.upper))
    }

    /// Medians: the table of Conover and of David and Nagaraja; n = 100 gives (40, 61), n = 20
    /// (6, 15), n = 10 (2, 9), and six observations are the fewest: 2 / 2⁶ = 0.031.
    #[test]
    fn ranks_of_the_literature() {
        assert_eq!(found(50, 100), Some((40, 61)));
        assert_eq!(found(50, 20), Some((6, 15)));
        assert_eq!(found(50, 10), Some((2, 9)));
        assert_eq!(found(50, 6), Some((1, 6)));
        assert_eq!(found(50, 5), None);
        let coverage = ranks(50, 100, Confidence::USUAL).expect("enough").coverage;
        assert!((coverage - 0.9648).abs() < 5e-5, "{coverage}");
    }

    /// The upper end of p95 needs 0.95^n ≤ 0.025, so 72 observations; by symmetry the lower end of
    /// p5.
    #[test]
    fn high_percentiles_need_many() {
        assert_eq!(found(95, 71), None);
        assert_eq!(found(95, 72).map(|(_, upper)| upper), Some(72));
        assert_eq!(found(5, 72).map(|(lower, _)| lower), Some(1));
        assert_eq!(found(100, 1_000_000), None);
        assert_eq!(found(50, 0), None);
    }

    /// Ranks around 950,000 by about 1.96 × √(10⁶ × 0.95 × 0.05) = 427.
    #[test]
    fn many_observations() {
        let (lower, upper) = found(95, 1_000_000).expect("plenty");
        assert!((949_572..949_575).contains(&lower), "{lower}");
        assert!((950_427..950_430).contains(&upper), "{upper}");
    }

    #[test]
    fn a_percentile_is_an_observation() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        let median = percentile(&sorted, 50, Confidence::USUAL).expect("some");
        let interval = Interval {
            low: 40.0,
            high: 61.0,
        };
        assert_eq!((median.value, median.interval), (50.0, Some(interval)));
        let few = percentile(&sorted[..3], 95, Confidence::USUAL).expect("some");
        assert_eq!((few.value, few.interval), (3.0, None));
        assert_eq!(percentile(&[], 50, Confidence::USUAL), None);
        let nearest = [
            (50, 10, 5),
            (95, 10, 10),
            (0, 10, 1),
            (100, 10, 10),
            (51, 10, 6),
        ];
        for (percent, count, rank) in nearest {
            assert_eq!(nearest_rank(percent, count), rank);
        }
    }
}
