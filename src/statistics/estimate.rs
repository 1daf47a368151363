//! A mean over independent runs, and how sure it is.

use serde::Serialize;

use super::{Confidence, Interval, student};

/// Count, mean and variance of observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// How many.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sum of squared deviations from the mean over count − 1; absent for one observation.
    pub variance: Option<f64>,
}

impl Moments {
    /// Of numbers; absent without any.
    ///
    /// In two passes, measured from the first number, so that equal numbers have exactly their own
    /// value as mean and a variance of 0.
    pub fn of(numbers: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let origin = numbers.clone().next()?;
        let (mut count, mut sum) = (0_u64, 0.0);
        for number in numbers.clone() {
            count += 1;
            sum += number - origin;
        }
        let shift = sum / count as f64;
        let squares: f64 = numbers.map(|it| (it - origin - shift).powi(2)).sum();
        Some(Moments {
            count,
            mean: origin + shift,
            variance: (count > 1).then(|| squares / (count - 1) as f64),
        })
    }

    /// Half the width of the t interval that errs with probability `error`; absent for one
    /// observation, 0 for equal ones.
    pub fn half_width(&self, error: f64) -> Option<f64> {
        let variance = self.variance?;
        if variance == 0.0 {
            return Some(0.0);
        }
        let t = student::quantile(error, self.count - 1);
        Some(t * (variance / self.count as f64).sqrt())
    }
}

/// A mean over independent observations with its t interval.
///
/// mean ± t(1 − α/2, n − 1) × s / √n. Exact for normal observations, and good for the means of
/// whole runs, which are nearly normal.
/// Source: Law, *Simulation Modeling and Analysis*, 5th ed., section 9.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Arithmetic mean.
    pub mean: f64,
    /// Half the width of the interval; absent for one observation, 0 when all are equal.
    pub half_width: Option<f64>,
    /// Of the interval.
    pub confidence: Confidence,
    /// Number of observations.
    pub count: u64,
}

impl Estimate {
    /// From independent observations; absent without any.
    pub fn of(values: &[f64], confidence: Confidence) -> Option<Self> {
        let moments = Moments::of(values.iter().copied())?;
        Some(Estimate {
            mean: moments.mean,
            half_width: moments.half_width(confidence.error()),
            confidence,
            count: moments.count,
        })
    }

    /// The interval; absent for one observation.
    pub fn interval(&self) -> Option<Interval> {
        Some(Interval::around(self.mean, self.half_width?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean 1.34, variance 0.17 over ten observations, t(0.95, 9) = 1.833: half width 0.24.
    /// Source: Law, *Simulation Modeling and Analysis*, 5th ed., example 4.26.
    #[test]
    fn the_textbook_interval() {
        let values = [1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09];
        let confidence = Confidence::new(0.9).expect("a share");
        let estimate = Estimate::of(&values, confidence).expect("ten");
        assert!((estimate.mean - 1.34).abs() < 0.005, "{estimate:?}");
        let half = estimate.half_width.expect("ten");
        assert!((half - 0.24).abs() < 0.005, "{estimate:?}");
    }

    #[test]
    fn one_run_has_no_interval_and_a_constant_has_a_point() {
        let of = |values: &[f64]| Estimate::of(values, Confidence::USUAL);
        assert_eq!(of(&[]), None);
        let one = of(&[0.1]).expect("one");
        assert_eq!((one.mean, one.half_width, one.count), (0.1, None, 1));
        let constant = of(&[0.1; 7]).expect("seven");
        assert_eq!((constant.mean, constant.half_width), (0.1, Some(0.0)));
        let point = Interval {
            low: 0.1,
            high: 0.1,
        };
        assert_eq!(constant.interval(), Some(point));
    }

    #[test]
    fn a_confidence_is_a_share() {
        for wrong in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert_eq!(Confidence::new(wrong), None);
        }
        assert_eq!(Confidence::new(0.95), Some(Confidence::USUAL));
    }
}
