//! Where a run has settled.

use serde::Serialize;

/// Observations in a batch of MSER-5.
pub const BATCH: usize = 5;

/// Batches that are left after the cut at least: the statistic of fewer is small by chance.
/// Source: Hoad, Robinson and Davies 2010, "Automating warm-up length estimation", Journal of the
/// Operational Research Society 61.
const LEFT_AT_LEAST: usize = 5;

/// A series of fewer batches is too short to look for a warm-up.
const LEAST_BATCHES: usize = 2 * LEFT_AT_LEAST;

/// What MSER-5 says of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mser {
    /// Batches of five observations.
    pub batches: usize,
    /// How many observations to leave out at the beginning, a multiple of five.
    pub cut: usize,
    /// Whether that is more than half of the series: then the run is too short to tell, and the cut
    /// must not be used.
    pub in_second_half: bool,
}

/// Where the warm-up of a series ends by MSER-5; absent for fewer than 50 observations.
///
/// The series is averaged in batches of five (what is left over at the end is not used), and the cut
/// d minimises the squared standard error of what remains of the k batch means: Σ (Z(j) − mean)² /
/// (k − d)² over j > d. The earliest of equal minima is taken.
/// Source: White 1997, "An effective truncation heuristic for bias reduction in simulation output",
/// Simulation 69; in batches of five, and refused in the second half: White, Cobb and Spratt 2000;
/// Franklin and White 2008, "Stationarity tests and MSER-5", Winter Simulation Conference.
pub fn truncation(series: &[f64]) -> Option<Mser> {
    let means: Vec<f64> = series
        .chunks_exact(BATCH)
        .map(|batch| batch.iter().sum::<f64>() / BATCH as f64)
        .collect();
    let batches = means.len();
    if batches < LEAST_BATCHES {
        return None;
    }
    let (mut best, mut cut) = (f64::INFINITY, 0);
    let (mut mean, mut squares) = (0.0, 0.0);
    // Welford's recurrence from the end: each batch joins those after it.
    for (start, value) in means.iter().enumerate().rev() {
        let count = (batches - start) as f64;
        let before = value - mean;
        mean += before / count;
        squares += before * (value - mean);
        let statistic = squares / (count * count);
        if batches - start >= LEFT_AT_LEAST && statistic <= best {
            (best, cut) = (statistic, start);
        }
    }
    Some(Mser {
        batches,
        cut: cut * BATCH,
        in_second_half: 2 * cut > batches,
    })
}

/// The mean of several series point by point, as long as the shortest; empty without any.
///
/// Averaged over replications, the noise shrinks and the warm-up stays.
/// Source: Welch 1983; Law, *Simulation Modeling and Analysis*, 5th ed., section 9.5.1.
pub fn average<S: AsRef<[f64]>>(series: &[S]) -> Vec<f64> {
    let lengths = series.iter().map(|one| one.as_ref().len());
    let mean = |at: usize| {
        let sum: f64 = series.iter().map(|one| one.as_ref()[at]).sum();
        sum / series.len() as f64
    };
    (0..lengths.min().unwrap_or(0)).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(series: &[f64]) -> Option<(usize, bool)> {
        truncation(series).map(|mser| (mser.cut, mser.in_second_half))
    }

    /// 0 for so many observations, then 10.
    fn jump(at: usize, length: usize) -> Vec<f64> {
        (0..length)
            .map(|index| if index < at { 0.0 } else { 10.0 })
            .collect()
    }

    #[test]
    fn the_cut_is_where_the_series_jumps() {
        assert_eq!(cut(&jump(100, 1000)), Some((100, false)));
        // The batch in which it jumps, from 70 to 74, goes too.
        assert_eq!(cut(&jump(72, 1000)), Some((75, false)));
        assert_eq!(cut(&jump(500, 1000)), Some((500, false)));
        assert_eq!(cut(&jump(505, 1000)), Some((505, true)));
    }

    #[test]
    fn a_settled_series_is_not_cut() {
        assert_eq!(cut(&[7.3; 200]), Some((0, false)));
        let waves: Vec<f64> = (0..400).map(|index| f64::from(index % 10)).collect();
        // Batches 2, 7, 2, 7, …: to leave out the first gains nothing.
        assert_eq!(cut(&waves), Some((0, false)));
    }

    /// A trend never settles: the longer the rest, the more it varies.
    #[test]
    fn a_trend_is_refused() {
        let trend: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(cut(&trend), Some((975, true)));
    }

    #[test]
    fn a_short_series_tells_nothing() {
        assert_eq!(cut(&[1.0; 49]), None);
        assert_eq!(truncation(&[1.0; 54]).map(|mser| mser.batches), Some(10));
    }

    #[test]
    fn series_are_averaged_point_by_point() {
        let series = [vec![1.0, 2.0, 3.0], vec![3.0, 6.0]];
        assert_eq!(average(&series), [2.0, 4.0]);
        assert!(average::<Vec<f64>>(&[]).is_empty());
    }
}
