//! Which of two is better, in one word.

use serde::Serialize;

use super::difference::Difference;
use super::stopping::LEAST_REPLICATIONS;

/// Which direction is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// Less is better: waits, cost.
    Lower,
    /// More is better: utilization, throughput.
    Higher,
}

/// What may be said of the first of two alternatives against the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// The first is better.
    Better,
    /// The first is worse.
    Worse,
    /// They are practically the same.
    Same,
    /// It is not clear yet.
    CannotTell {
        /// About how many more runs it would take; absent when that is more than
        /// [`MOST_REPLICATIONS`] or cannot be foreseen.
        more_replications: Option<u64>,
    },
}

/// No more runs than this are foreseen.
pub const MOST_REPLICATIONS: u64 = 10_000;

/// The verdict on a difference, from its step-down interval.
///
/// `margin` is what counts as practically equal, as a share of the mean of the first, 0 or more; the
/// verdict is on the difference between −`margin` × |first| and +`margin` × |first|.
/// - Same: the interval lies wholly within the margins, ends included.
/// - Better or Worse: otherwise, the interval leaves out 0.
/// - Cannot tell: otherwise.
///
/// How many more runs: were the mean difference d and the standard deviation to stay as they are,
/// the interval would be decisive at a half width of max(|d|, margin − |d|), the first for leaving
/// out 0, the second for lying within the margins. The half width falls with the root of the number
/// of runs, so it takes about n × (half width / that)² of them. This is rough: d is itself
/// uncertain, and with few runs the t quantile falls too, so that fewer runs may do.
pub fn verdict(difference: &Difference, goal: Goal, margin: f64) -> Verdict {
    let margin = (margin * difference.first).abs();
    let Some(half_width) = difference.half_width else {
        let more_replications = LEAST_REPLICATIONS.checked_sub(difference.count);
        return Verdict::CannotTell { more_replications };
    };
    let distance = difference.mean.abs();
    if distance + half_width <= margin {
        Verdict::Same
    } else if distance > half_width {
        if (difference.mean < 0.0) == (goal == Goal::Lower) {
            Verdict::Better
        } else {
            Verdict::Worse
        }
    } else {
        let needed = distance.max(margin - distance);
        let more_replications = more(difference.count, half_width, needed);
        Verdict::CannotTell { more_replications }
    }
}

/// How many more runs bring a half width down to what is needed.
fn more(count: u64, half_width: f64, needed: f64) -> Option<u64> {
    let total = (count as f64 * (half_width / needed).powi(2)).ceil();
    let more = total - count as f64;
    (more <= MOST_REPLICATIONS as f64).then(|| (more as u64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Confidence;

    /// First and second mean, half width, over ten runs; margin 2 %.
    fn check(first: f64, second: f64, half_width: Option<f64>, expected: Verdict) {
        let difference = Difference {
            first,
            second,
            mean: first - second,
            half_width,
            simultaneous_half_width: half_width,
            p_value: None,
            adjusted_p_value: None,
            variance_ratio: None,
            confidence: Confidence::USUAL,
            count: if half_width.is_some() { 10 } else { 1 },
        };
        assert_eq!(verdict(&difference, Goal::Lower, 0.02), expected);
        let turned = match expected {
            Verdict::Better => Verdict::Worse,
            Verdict::Worse => Verdict::Better,
            other => other,
        };
        assert_eq!(verdict(&difference, Goal::Higher, 0.02), turned);
    }

    fn cannot_tell(more_replications: Option<u64>) -> Verdict {
        Verdict::CannotTell { more_replications }
    }

    #[test]
    fn words_for_intervals() {
        check(100.0, 110.0, Some(5.0), Verdict::Better);
        check(100.0, 90.0, Some(9.9), Verdict::Worse);
        check(100.0, 101.0, Some(0.5), Verdict::Same);
        check(100.0, 101.5, Some(1.0), Verdict::Better);
        check(-100.0, -99.0, Some(0.5), Verdict::Same);
        check(100.0, 100.0, Some(2.0), Verdict::Same);
        check(100.0, 100.0, Some(0.0), Verdict::Same);
        check(0.0, 0.0, Some(0.0), Verdict::Same);
        check(100.0, 103.0, Some(0.0), Verdict::Better);
        check(0.0, 1.0, Some(0.0), Verdict::Better);
    }

    #[test]
    fn how_many_more_runs() {
        // To leave out 0: 10 × (10 / 5)² = 40.
        check(100.0, 105.0, Some(10.0), cannot_tell(Some(30)));
        // To lie within ±2: 10 × (6 / 1.5)² = 160.
        check(100.0, 100.5, Some(6.0), cannot_tell(Some(150)));
        // 10 × (2.5 / 2.5)²: at the very edge one more.
        check(100.0, 102.5, Some(2.5), cannot_tell(Some(1)));
        check(0.0, 0.0, Some(1.0), cannot_tell(None));
        check(100.0, 102.0, Some(100.0), cannot_tell(None));
        check(100.0, 200.0, None, cannot_tell(Some(9)));
        check(100.0, 102.0, Some(f64::NAN), cannot_tell(None));
    }
}
