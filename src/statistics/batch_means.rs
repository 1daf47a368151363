//! An interval from one long run.

use serde::Serialize;

use super::Confidence;
use super::estimate::{Estimate, Moments};

/// Batches at least, and observations at least.
pub const LEAST_BATCHES: usize = 8;

/// Batches at most: more of them narrow the interval no further.
const MOST_BATCHES: usize = 1024;

/// Critical value of the standard normal distribution that is exceeded by chance once in ten times.
const ONE_IN_TEN: f64 = 1.281_551_565_544_8;

/// A mean from one long run, cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchMeans {
    /// From the means of the batches; its count is theirs.
    pub estimate: Estimate,
    /// Observations in each batch; what is left over at the beginning is not used.
    pub batch_size: usize,
    /// Correlation of batch means that follow each other, as the test takes it.
    pub lag_one: f64,
    /// Whether the test found no correlation. If not, the interval is too narrow: the run is too
    /// short.
    pub passed: bool,
}

/// The mean of a settled series with an interval; absent for fewer than eight observations.
///
/// The number of batches starts at the greatest 8 × 2^i up to 1,024 and up to the number of
/// observations, and is halved until the batch means show no correlation, down to 8.
/// The test is von Neumann's ratio: with b batch means Y, C = 1 − Σ (Y(i) − Y(i+1))² / (2 Σ (Y(i) −
/// mean)²), which is nearly normal with mean 0 and variance (b − 2) / (b² − 1) when they are
/// independent; it fails above the 90 % quantile. C is the correlation at lag one with a correction
/// for the ends. Source: von Neumann 1941; Fishman 1978, "Grouping observations in digital
/// simulation", Management Science 24; Law, *Simulation Modeling and Analysis*, 5th ed.,
/// section 9.5.3.
pub fn batch_means(series: &[f64], confidence: Confidence) -> Option<BatchMeans> {
    let mut batches = LEAST_BATCHES;
    while 2 * batches <= series.len().min(MOST_BATCHES) {
        batches *= 2;
    }
    loop {
        let result = in_batches(series, batches, confidence)?;
        if result.passed || batches == LEAST_BATCHES {
            return Some(result);
        }
        batches /= 2;
    }
}

fn in_batches(series: &[f64], batches: usize, confidence: Confidence) -> Option<BatchMeans> {
    let batch_size = series.len() / batches;
    if batch_size == 0 {
        return None;
    }
    let used = &series[series.len() - batches * batch_size..];
    let means: Vec<f64> = used
        .chunks_exact(batch_size)
        .filter_map(|batch| Moments::of(batch.iter().copied()))
        .map(|moments| moments.mean)
        .collect();
    let lag_one = lag_one(&means);
    let count = batches as f64;
    let deviation = ((count - 2.0) / (count * count - 1.0)).sqrt();
    Some(BatchMeans {
        estimate: Estimate::of(&means, confidence)?,
        batch_size,
        lag_one,
        passed: lag_one <= ONE_IN_TEN * deviation,
    })
}

/// 1 less half of von Neumann's ratio; 0 when all are equal.
fn lag_one(means: &[f64]) -> f64 {
    let centre = means.iter().sum::<f64>() / means.len() as f64;
    let spread: f64 = means.iter().map(|mean| (mean - centre).powi(2)).sum();
    let steps: f64 = means.windows(2).map(|two| (two[0] - two[1]).powi(2)).sum();
    if steps == 0.0 {
        return 0.0;
    }
    1.0 - steps / (2.0 * spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Streams};
    use rand_distr::{Distribution as _, StandardNormal};

    fn of(series: &[f64]) -> Option<BatchMeans> {
        batch_means(series, Confidence::USUAL)
    }

    /// X(i) = φ X(i−1) + ε: correlation φ at lag one.
    fn autoregressive(phi: f64, length: usize) -> Vec<f64> {
        let mut stream = Streams::new(11).stream(Purpose::RunTime, 0, 0);
        let mut last = 0.0;
        let mut next = || {
            let noise: f64 = StandardNormal.sample(&mut stream);
            last = phi * last + noise;
            last
        };
        (0..length).map(|_| next()).collect()
    }

    /// Eight means 1 to 8: steps 7, spread 42, so C = 1 − 7 / 84.
    #[test]
    fn a_trend_fails() {
        let series: Vec<f64> = (1..=8).map(f64::from).collect();
        let result = of(&series).expect("eight");
        assert_eq!((result.estimate.count, result.batch_size), (8, 1));
        assert!((result.lag_one - (1.0 - 7.0 / 84.0)).abs() < 1e-12);
        assert!(!result.passed);
        assert_eq!(of(&series[1..]), None);
    }

    #[test]
    fn the_rest_at_the_beginning_is_left_out() {
        let mut series = vec![1.0; 1030];
        series[..6].fill(50.0);
        let result = of(&series).expect("enough");
        assert_eq!((result.estimate.count, result.batch_size), (1024, 1));
        assert_eq!(result.estimate.half_width, Some(0.0));
        assert_eq!((result.estimate.mean, result.lag_one), (1.0, 0.0));
        assert!(result.passed);
    }

    /// Batches must outgrow the correlation: at φ = 0.9 its time is (1 + φ) / (1 − φ) = 19
    /// observations. No batch outgrows a wave as long as the run.
    #[test]
    fn correlation_makes_batches_long() {
        let independent = of(&autoregressive(0.0, 4096)).expect("enough");
        assert!(independent.passed && independent.estimate.count >= 512);
        let correlated = of(&autoregressive(0.9, 65_536)).expect("enough");
        assert!(correlated.passed, "{correlated:?}");
        assert!(correlated.batch_size >= 128, "{correlated:?}");
        let interval = correlated.estimate.interval().expect("many batches");
        assert!(interval.covers(0.0), "{correlated:?}");
        let wave: Vec<f64> = (0..4096)
            .map(|index| (f64::from(index) / 4096.0 * std::f64::consts::TAU).sin())
            .collect();
        let hopeless = of(&wave).expect("enough");
        assert!(!hopeless.passed && hopeless.estimate.count == 8);
    }
}
