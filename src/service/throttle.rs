//! When a service tries again.
//!
//! Two delays grow alike, from 15 seconds by doubling to 27 minutes [U-44]: the restart throttle,
//! after tasks that stopped without reaching RUNNING, and the retry after a task found no instance.
//! A service has a [`Backoff`] for each. The throttle ends when the service is updated; both end on
//! success, since what they count is failures in a row. A task that ran and then failed is no failure here.
//! Source: ECS developer guide, "Amazon ECS service throttle logic".

use crate::time::{SimDuration, SimTime};

/// The delay after the first failure, 15 seconds [U-44].
pub const FIRST_DELAY: SimDuration = SimDuration::from_secs(15);
/// The delay that is never exceeded, 27 minutes (15 in the guide of 2023).
pub const LONGEST_DELAY: SimDuration = SimDuration::from_secs(27 * 60);

/// A delay that doubles with each round of failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    /// The delay of the last round; zero when nothing has failed.
    delay: SimDuration,
    ready_at: SimTime,
}

impl Backoff {
    /// The moment from which to try again; the start of the run when nothing has failed.
    pub const fn ready_at(&self) -> SimTime {
        self.ready_at
    }

    /// Something failed at `now`; `first` is the delay after a first failure [U-44].
    ///
    /// While a delay runs no further failure adds to it: tasks of one round that fail together
    /// are one reason to wait.
    pub fn failed(&mut self, now: SimTime, first: SimDuration) {
        if now < self.ready_at {
            return;
        }
        self.delay = (self.delay + self.delay)
            .max(first)
            .min(LONGEST_DELAY.max(first));
        self.ready_at = now + self.delay;
    }

    /// Ends the delay: a task started, or the service was updated.
    pub fn reset(&mut self) {
        *self = Backoff::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_from_15_seconds_to_27_minutes() {
        let mut backoff = Backoff::default();
        let mut delays = Vec::new();
        for _ in 0..9 {
            let now = backoff.ready_at();
            backoff.failed(now, FIRST_DELAY);
            delays.push((backoff.ready_at() - now).micros() / crate::time::MICROS_PER_SEC);
        }
        assert_eq!(delays, [15, 30, 60, 120, 240, 480, 960, 1620, 1620]);
        backoff.reset();
        assert_eq!(backoff, Backoff::default());
    }

    #[test]
    fn failures_of_one_round_count_once() {
        let mut backoff = Backoff::default();
        let at = |secs| SimTime::ZERO + SimDuration::from_secs(secs);
        for now in [100, 101, 114] {
            backoff.failed(at(now), FIRST_DELAY);
            assert_eq!(backoff.ready_at(), at(115));
        }
        backoff.failed(at(115), FIRST_DELAY);
        assert_eq!(backoff.ready_at(), at(145));
    }
}
