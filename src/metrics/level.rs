//! Levels over time: integrals, not samples.
//!
//! All areas are integers (level × microseconds), so that tests say `==` and two runs agree to the
//! last bit.

use crate::time::{SimDuration, SimTime};

/// A level (tasks waiting, CPU units reserved) integrated over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integral {
    level: u64,
    since: SimTime,
    area: u128,
    peak: u64,
    before: u128,
}

impl Integral {
    /// The level from `now` on.
    #[inline]
    pub fn set(&mut self, now: SimTime, level: u64) {
        if now > self.since && self.level > 0 {
            self.area += u128::from(self.level) * u128::from((now - self.since).micros());
            self.peak = self.peak.max(self.level);
        }
        (self.since, self.level) = (now, level);
    }

    /// The level now.
    pub const fn level(&self) -> u64 {
        self.level
    }

    /// Statistics begin at `now`: forgets area and peak so far.
    pub fn restart(&mut self, now: SimTime) {
        self.set(now, self.level);
        (self.before, self.peak) = (self.area, 0);
    }

    /// Level × microseconds since statistics began, as of the last change.
    pub const fn area(&self) -> u128 {
        self.area - self.before
    }

    /// Level × microseconds over the whole run, as of the last change.
    pub const fn whole_area(&self) -> u128 {
        self.area
    }

    /// Greatest level since statistics began that lasted, as of the last change.
    pub const fn peak(&self) -> u64 {
        self.peak
    }

    /// Mean level since statistics began, `span` ago; 0 over no time.
    pub fn mean(&self, span: SimDuration) -> f64 {
        ratio(self.area(), u128::from(span.micros()))
    }
}

/// `part / whole` for output; 0 when there is no whole.
pub fn ratio(part: u128, whole: u128) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Most bins a series keeps.
const MOST_BINS: usize = 1000;

/// Bin widths in microseconds, each a multiple of the one before: 1, 10, 100 ms; 1, 5, 15 s; 1, 5,
/// 15 min; 1, 4 h; 1, 7 days; then four times the one before.
const WIDTHS: [u64; 13] = [
    1_000,
    10_000,
    100_000,
    1_000_000,
    5_000_000,
    15_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    14_400_000_000,
    86_400_000_000,
    604_800_000_000,
];

/// The areas of a level in bins of equal width, which grows with the run so that there are never
/// more than a thousand. No information is sampled away: the bins add up to the whole area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    step: usize,
    width: u64,
    areas: Vec<u128>,
}

impl Default for Bins {
    fn default() -> Self {
        Bins {
            step: 0,
            width: WIDTHS[0],
            areas: Vec::new(),
        }
    }
}

impl Bins {
    /// Adds `level` over `[from, to)`.
    pub fn add(&mut self, level: u64, from: SimTime, to: SimTime) {
        let (mut from, to) = (from.micros(), to.micros());
        if level == 0 || from >= to {
            return;
        }
        while (to - 1) / self.width >= MOST_BINS as u64 {
            self.widen();
        }
        let last = ((to - 1) / self.width) as usize;
        if self.areas.len() <= last {
            self.areas.resize(last + 1, 0);
        }
        while from < to {
            let bin = from / self.width;
            let until = (bin + 1).saturating_mul(self.width).min(to);
            self.areas[bin as usize] += u128::from(level) * u128::from(until - from);
            from = until;
        }
    }

    /// Adds the areas of another level.
    fn join(&mut self, mut other: Bins) {
        while self.width < other.width {
            self.widen();
        }
        while other.width < self.width {
            other.widen();
        }
        if self.areas.len() < other.areas.len() {
            self.areas.resize(other.areas.len(), 0);
        }
        for (area, more) in self.areas.iter_mut().zip(other.areas) {
            *area += more;
        }
    }

    fn widen(&mut self) {
        self.step += 1;
        let wider = WIDTHS
            .get(self.step)
            .copied()
            .unwrap_or(self.width.saturating_mul(4));
        let fold = (wider / self.width).max(1) as usize;
        self.areas = self
            .areas
            .chunks(fold)
            .map(|bins| bins.iter().sum())
            .collect();
        self.width = wider;
    }

    /// Width of the bins that a run of this length is shown in.
    pub fn width_for(end: SimTime) -> SimDuration {
        let mut bins = Bins::default();
        while end.micros().saturating_sub(1) / bins.width >= MOST_BINS as u64 {
            bins.widen();
        }
        SimDuration::from_micros(bins.width)
    }

    /// Mean level in each bin of `width` (see [`Bins::width_for`]) up to `end`; the last bin may be
    /// shorter.
    pub fn means(&self, width: SimDuration, end: SimTime) -> Vec<f64> {
        let mut bins = self.clone();
        while bins.width < width.micros() {
            bins.widen();
        }
        let count = end.micros().div_ceil(bins.width) as usize;
        bins.areas.resize(count.max(bins.areas.len()), 0);
        let areas = bins.areas.iter().take(count).enumerate();
        areas
            .map(|(bin, area)| {
                let from = bin as u64 * bins.width;
                ratio(*area, u128::from((end.micros() - from).min(bins.width)))
            })
            .collect()
    }
}

/// A level with its integral and its bins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// The integral.
    pub integral: Integral,
    /// The same in bins, warm-up included.
    pub bins: Bins,
}

impl Gauge {
    /// The level from `now` on.
    #[inline]
    pub fn set(&mut self, now: SimTime, level: u64) {
        if now > self.integral.since && self.integral.level > 0 {
            self.bins.add(self.integral.level, self.integral.since, now);
        }
        self.integral.set(now, level);
    }

    /// Changes the level by adding and subtracting.
    pub fn change(&mut self, now: SimTime, plus: u64, minus: u64) {
        self.set(now, self.integral.level + plus - minus);
    }

    /// Becomes the sum of two levels. The peak of the sum is known from `now` on only.
    pub fn join(&mut self, now: SimTime, mut other: Gauge) {
        self.set(now, self.integral.level);
        other.set(now, other.integral.level);
        self.bins.join(other.bins);
        self.integral.level += other.integral.level;
        self.integral.area += other.integral.area;
        self.integral.before += other.integral.before;
        self.integral.peak = 0;
    }

    /// Statistics begin at `now`.
    pub fn restart(&mut self, now: SimTime) {
        self.set(now, self.integral.level);
        self.integral.restart(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> SimTime {
        SimTime::from_micros(micros)
    }

    #[test]
    fn an_integral_is_exact_and_restarts() {
        let mut level = Integral::default();
        level.set(at(0), 3);
        level.set(at(10), 1);
        level.restart(at(20));
        level.set(at(25), 0);
        assert_eq!((level.whole_area(), level.area(), level.peak()), (45, 5, 1));
    }

    #[test]
    fn bins_add_up_whatever_their_width() {
        let mut gauge = Gauge::default();
        let changes = [
            (0, 5),
            (999, 7),
            (1_500, 0),
            (40_000_000, 2),
            (3_000_000_000, 1),
            (9_000_000_001, 0),
        ];
        for (micros, level) in changes {
            gauge.set(at(micros), level);
        }
        assert_eq!(
            gauge.bins.areas.iter().sum::<u128>(),
            gauge.integral.whole_area()
        );
        assert_eq!(gauge.bins.width, 15_000_000);
        let end = at(9_000_000_001);
        let width = Bins::width_for(end);
        let means = gauge.bins.means(width, end);
        assert_eq!(means.len(), 601);
        assert_eq!(means[3], 2.0);
        assert_eq!(means[600], 1.0);
    }

    /// A level of 2 from 0 to 5 000 s and one of 3 from 10 s on: 2 × 5 000 + 3 × 4 990 by then.
    #[test]
    fn joined_levels_add_up() {
        let (mut one, mut other) = (Gauge::default(), Gauge::default());
        one.set(at(0), 2);
        other.set(at(10_000_000), 3);
        let now = at(5_000_000_000);
        one.join(now, other);
        assert_eq!(one.integral.level(), 5);
        assert_eq!(one.integral.area(), 24_970_000_000);
        assert_eq!(one.bins.areas.iter().sum::<u128>(), one.integral.area());
    }
}
