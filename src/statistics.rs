//! Statistics of simulated numbers: how sure one may be of a mean, a percentile, a share or a
//! difference, when a run has settled, and how many runs it takes.
//!
//! Pure functions over numbers; nothing here knows a cluster. A number of a whole run, such as its
//! mean wait, is one observation; runs with different seeds are independent observations of it
//! ([`estimate`]). Alternatives that met the same work are compared run by run ([`difference`]),
//! and a rule turns the interval of a difference into a word ([`verdict`]). [`warm_up`] finds where
//! a run has settled, [`batch_means`] makes an interval from one long run, [`percentile`] and
//! [`proportion`] need no assumption on the shape of what is observed, and [`stopping`] says
//! whether more runs are needed.
//!
//! Numbers are taken to be finite. Whoever passes a NaN gets NaNs back, never a panic.
//!
//! ```
//! use stowplan::statistics::Confidence;
//! use stowplan::statistics::difference::{Pair, compare};
//! use stowplan::statistics::verdict::{Goal, Verdict, verdict};
//!
//! // Mean waits in seconds of two strategies in five runs; both met the same work in each.
//! let binpack = [61.0, 75.0, 58.0, 70.0, 66.0];
//! let spread = [70.0, 86.0, 66.0, 80.0, 74.0];
//! let pair = Pair::new(&binpack, &spread).expect("five runs each");
//! let difference = &compare(&[pair], Confidence::USUAL)[0];
//! assert_eq!(difference.mean, -9.2);
//! assert_eq!(verdict(difference, Goal::Lower, 0.01), Verdict::Better);
//! ```

pub mod batch_means;
mod binomial;
pub mod difference;
pub mod estimate;
pub mod percentile;
pub mod proportion;
pub mod stopping;
mod student;
pub mod verdict;
pub mod warm_up;

use serde::Serialize;

/// The probability with which an interval covers what it estimates: above 0 and below 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Confidence(f64);

impl Confidence {
    /// 95 %.
    pub const USUAL: Confidence = Confidence(0.95);

    /// From a share, such as 0.95; absent unless it lies between 0 and 1.
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Confidence(share))
    }

    /// As a share, such as 0.95.
    pub const fn share(self) -> f64 {
        self.0
    }

    /// The probability to err: 1 − share.
    pub fn error(self) -> f64 {
        1.0 - self.0
    }
}

/// From one number to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// So much to either side of a middle.
    pub fn around(middle: f64, half_width: f64) -> Self {
        Interval {
            low: middle - half_width,
            high: middle + half_width,
        }
    }

    /// Whether a number lies in it.
    pub fn covers(&self, number: f64) -> bool {
        self.low <= number && number <= self.high
    }
}

#[cfg(test)]
mod coverage;
