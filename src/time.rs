//! Simulated time: integer microseconds, so that no float ever decides an order.
//!
//! A [`SimTime`] is a moment, counted from the start of the run; a [`SimDuration`] is a span.
//! Moments subtract to spans and spans add to moments; nothing else is defined, so the two
//! cannot be mixed up. Intervals are half-open: what happens at `t` is no longer part of `[s, t)`.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Sub};

/// Microseconds in a second.
pub const MICROS_PER_SEC: u64 = 1_000_000;

/// A moment of simulated time, in microseconds since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(Micros);

/// A span of simulated time, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(Micros);

/// Microseconds plus one, so that an `Option` of a moment or a span takes no more room than itself:
/// a task has many of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Micros(NonZeroU64);

impl Micros {
    const fn new(micros: u64) -> Self {
        match NonZeroU64::new(micros.saturating_add(1)) {
            Some(word) => Micros(word),
            None => unreachable!(),
        }
    }

    const fn get(self) -> u64 {
        self.0.get() - 1
    }
}

impl Default for Micros {
    fn default() -> Self {
        Micros::new(0)
    }
}

impl fmt::Debug for Micros {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), out)
    }
}

impl SimTime {
    /// The start of the run.
    pub const ZERO: SimTime = SimTime(Micros::new(0));
    /// The last moment there is: about 584,000 years after the start.
    pub const MAX: SimTime = SimTime(Micros::new(u64::MAX));

    /// The moment `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        SimTime(Micros::new(micros))
    }

    /// Microseconds since the start.
    pub const fn micros(self) -> u64 {
        self.0.get()
    }

    /// Seconds since the start, for output only.
    pub fn secs(self) -> f64 {
        self.micros() as f64 / MICROS_PER_SEC as f64
    }

    /// The span from `earlier` to here; nothing when `earlier` is not earlier.
    pub const fn since(self, earlier: SimTime) -> SimDuration {
        SimDuration(Micros::new(self.micros().saturating_sub(earlier.micros())))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(Micros::new(0));
    /// The longest span there is.
    pub const MAX: SimDuration = SimDuration(Micros::new(u64::MAX));

    /// A span of `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        SimDuration(Micros::new(micros))
    }

    /// A span of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        SimDuration(Micros::new(secs.saturating_mul(MICROS_PER_SEC)))
    }

    /// The span nearest to `secs` seconds. Negative and NaN give zero; what is too long gives the
    /// longest span, a quarter of [`SimTime::MAX`], so that adding two never overflows.
    pub fn from_secs_f64(secs: f64) -> Self {
        let micros = (secs * MICROS_PER_SEC as f64).round();
        SimDuration(Micros::new((micros as u64).min(u64::MAX / 4)))
    }

    /// Microseconds in this span.
    pub const fn micros(self) -> u64 {
        self.0.get()
    }

    /// What is left of this span after another; nothing when that is longer.
    pub const fn minus(self, other: SimDuration) -> SimDuration {
        SimDuration(Micros::new(self.micros().saturating_sub(other.micros())))
    }

    /// Seconds in this span, for output only.
    pub fn secs(self) -> f64 {
        self.micros() as f64 / MICROS_PER_SEC as f64
    }
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    /// Saturates at [`SimTime::MAX`], which no run reaches.
    fn add(self, span: SimDuration) -> SimTime {
        SimTime(Micros::new(self.micros().saturating_add(span.micros())))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Sub for SimTime {
    type Output = SimDuration;
    /// # Panics
    /// When `earlier` is later than `self`: simulated time never goes back.
    fn sub(self, earlier: SimTime) -> SimDuration {
        assert!(earlier <= self, "time goes back from {earlier} to {self}");
        SimDuration(Micros::new(self.micros() - earlier.micros()))
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, other: SimDuration) -> SimDuration {
        SimDuration(Micros::new(self.micros().saturating_add(other.micros())))
    }
}

/// Seconds with no more digits than needed: `12`, `0.5`, `3.000001`.
fn write_secs(micros: u64, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (whole, rest) = (micros / MICROS_PER_SEC, micros % MICROS_PER_SEC);
    if rest == 0 {
        return write!(out, "{whole}");
    }
    let digits = format!("{rest:06}");
    write!(out, "{whole}.{}", digits.trim_end_matches('0'))
}

impl fmt::Display for SimTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_secs(self.micros(), out)
    }
}

impl fmt::Display for SimDuration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_secs(self.micros(), out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_seconds_exactly() {
        let check = |micros, text: &str| assert_eq!(SimTime::from_micros(micros).to_string(), text);
        check(0, "0");
        check(12_000_000, "12");
        check(500_000, "0.5");
        check(3_000_001, "3.000001");
    }

    #[test]
    fn rounds_to_the_nearest_microsecond() {
        let check = |secs, micros| assert_eq!(SimDuration::from_secs_f64(secs).micros(), micros);
        check(1.5, 1_500_000);
        check(0.000_000_4, 0);
        check(-3.0, 0);
        check(f64::NAN, 0);
        check(f64::INFINITY, u64::MAX / 4);
    }
}
