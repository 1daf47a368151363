//! Observations of many tasks, summed up.

use serde::Serialize;

use super::level::ratio;
use crate::statistics::percentile::nearest_rank;
use crate::time::MICROS_PER_SEC;

/// Summary of a sample: mean and percentiles.
///
/// Percentiles are nearest-rank: p(q) = sorted[ceil(q × n) - 1]. All are absent over no
/// observations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Number of observations.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Greatest.
    pub max: Option<f64>,
}

impl Summary {
    /// Of spans in microseconds, given in seconds. Sorts them.
    pub fn of_micros(spans: &mut [u64]) -> Self {
        spans.sort_unstable();
        let sum: u128 = spans.iter().map(|span| u128::from(*span)).sum();
        let mean = ratio(sum, spans.len() as u128 * u128::from(MICROS_PER_SEC));
        Summary::of_sorted(spans.len(), mean, |index| {
            spans[index] as f64 / MICROS_PER_SEC as f64
        })
    }

    /// Of plain numbers. Sorts them.
    pub fn of_numbers(numbers: &mut [f64]) -> Self {
        numbers.sort_unstable_by(f64::total_cmp);
        let mean = numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
        Summary::of_sorted(numbers.len(), mean, |index| numbers[index])
    }

    fn of_sorted(count: usize, mean: f64, at: impl Fn(usize) -> f64) -> Self {
        if count == 0 {
            return Summary::default();
        }
        let percentile = |percent| Some(at(nearest_rank(percent, count) - 1));
        Summary {
            count: count as u64,
            mean: Some(mean),
            p50: percentile(50),
            p90: percentile(90),
            p95: percentile(95),
            p99: percentile(99),
            max: Some(at(count - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut spans: Vec<u64> = (1..=10).rev().map(|secs| secs * MICROS_PER_SEC).collect();
        let summary = Summary::of_micros(&mut spans);
        let values = [
            summary.mean,
            summary.p50,
            summary.p90,
            summary.p95,
            summary.p99,
            summary.max,
        ];
        assert_eq!(values, [5.5, 5.0, 9.0, 10.0, 10.0, 10.0].map(Some));
        assert_eq!(Summary::of_micros(&mut []), Summary::default());
    }
}
