//! How sure one long run is of itself.
//!
//! The waits of one run depend on each other: who comes after a long wait waits long too. So the
//! interval of their mean is made of the means of long batches, and that of a percentile of those of
//! the batches, unless the waits show no such dependence.

use serde::Serialize;

use crate::engine::{Occurrence, Recorder, World};
use crate::statistics::batch_means::{BatchMeans, batch_means};
use crate::statistics::estimate::Estimate;
use crate::statistics::percentile::percentile;
use crate::statistics::{Confidence, Interval};
use crate::time::{MICROS_PER_SEC, SimTime};

/// Listens for tasks that begin to run and remembers their waits, in order, from when statistics
/// begin.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    since: SimTime,
    /// In seconds.
    waits: Vec<f64>,
}

/// How sure a run is of its waits.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LongRun {
    /// Waits that were observed.
    pub observations: usize,
    /// The mean wait in seconds, by batch means.
    pub mean: BatchMeans,
    /// The 95th percentile of the wait in seconds; absent over too few waits.
    pub p95: Option<RunPercentile>,
}

/// A percentile of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunPercentile {
    /// Its value.
    pub value: f64,
    /// Where it may lie.
    pub interval: Interval,
    /// How that was found.
    pub by: Method,
}

/// How the interval of a percentile was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By the ranks of independent observations.
    OrderStatistics,
    /// By the percentiles of the batches, with a t interval. Source: Seila 1982, "A batching approach
    /// to quantile estimation in regenerative simulations".
    Batches,
}

impl Waits {
    /// How sure the run is; absent over too few waits for batches.
    pub fn summary(&self, confidence: Confidence) -> Option<LongRun> {
        let mean = batch_means(&self.waits, confidence)?;
        Some(LongRun {
            observations: self.waits.len(),
            p95: self.percentile(mean.batch_size, confidence),
            mean,
        })
    }

    fn percentile(&self, batch: usize, confidence: Confidence) -> Option<RunPercentile> {
        const PERCENT: u8 = 95;
        // The percentile of a short batch is not that of the run: few long ones serve better.
        let batch = batch.max(self.waits.len() / MOST_BATCHES);
        let sorted = |waits: &[f64]| {
            let mut waits = waits.to_vec();
            waits.sort_unstable_by(f64::total_cmp);
            waits
        };
        let whole = percentile(&sorted(&self.waits), PERCENT, confidence)?;
        if !depends(&self.waits) {
            return Some(RunPercentile {
                value: whole.value,
                interval: whole.interval?,
                by: Method::OrderStatistics,
            });
        }
        let batches: Vec<f64> = self
            .waits
            .rchunks_exact(batch)
            .filter_map(|waits| Some(percentile(&sorted(waits), PERCENT, confidence)?.value))
            .collect();
        Some(RunPercentile {
            value: whole.value,
            interval: Interval::around(
                whole.value,
                Estimate::of(&batches, confidence)?.half_width?,
            ),
            by: Method::Batches,
        })
    }
}

/// Batches at most for a percentile.
const MOST_BATCHES: usize = 16;

/// Whether neighbours are correlated at lag 1 by more than chance: |r| > 1.96 / √n.
/// Source: Bartlett 1946.
fn depends(series: &[f64]) -> bool {
    let count = series.len() as f64;
    let mean = series.iter().sum::<f64>() / count;
    let squares: f64 = series.iter().map(|it| (it - mean).powi(2)).sum();
    let products: f64 = series
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean))
        .sum();
    squares > 0.0 && (products / squares).abs() > 1.96 / count.sqrt()
}

impl Recorder for Waits {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, _: &World) {
        if let Occurrence::Started(task) = occurrence {
            // An attempt of a job does not wait by itself, the job does.
            if task.times.requested >= self.since && task.job.is_none() {
                let wait = (now - task.times.requested).micros();
                self.waits.push(wait as f64 / MICROS_PER_SEC as f64);
            }
        }
    }

    fn warmed_up(&mut self, at: SimTime, _: &World) {
        self.since = at;
        self.waits.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draw, Purpose, Streams};

    fn of(waits: Vec<f64>) -> LongRun {
        let waits = Waits {
            waits,
            ..Waits::default()
        };
        waits.summary(Confidence::USUAL).expect("enough waits")
    }

    /// Numbers that are drawn one by one are taken as independent, numbers that creep are not.
    #[test]
    fn dependence_decides_the_method() {
        let mut draw = Draw::new(Streams::new(1), Purpose::Arrivals, 0, 0);
        let jumping = of((0..2000).map(|_| draw.below(1000) as f64).collect());
        assert_eq!(jumping.p95.map(|it| it.by), Some(Method::OrderStatistics));
        let creeping = of((0..2000).map(|it| f64::from(it % 100)).collect());
        let p95 = creeping.p95.expect("enough waits");
        assert_eq!(p95.by, Method::Batches);
        assert_eq!(p95.value, 94.0);
        assert!(p95.interval.covers(94.0), "{p95:?}");
    }
}
