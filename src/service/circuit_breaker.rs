//! When a deployment has failed: the deployment circuit breaker.
//!
//! A failure is a task of the deployment that stopped without reaching RUNNING, or that was stopped
//! because its health check failed. What follows (a roll-back, or no further starts) is the owner's.
//! Source: ECS API reference, DeploymentCircuitBreaker and ThresholdConfiguration.

/// How many failures in a row a deployment may have (`thresholdConfiguration`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// This many.
    Count(u32),
    /// A percentage of the desired count, but at least 3 and at most 200.
    BoundedPercent(u32),
    /// A percentage of the desired count.
    UnboundedPercent(u32),
}

impl Default for Threshold {
    /// Half of the desired count, within 3 and 200.
    fn default() -> Self {
        Threshold::BoundedPercent(50)
    }
}

impl Threshold {
    /// Failures at which a deployment of `desired` tasks fails; a part of a failure counts as one.
    pub fn failures(self, desired: u32) -> u32 {
        let share = |percent| {
            let failures = (u64::from(desired) * u64::from(percent)).div_ceil(100);
            u32::try_from(failures).unwrap_or(u32::MAX)
        };
        match self {
            Threshold::Count(count) => count,
            Threshold::BoundedPercent(percent) => share(percent).clamp(3, 200),
            Threshold::UnboundedPercent(percent) => share(percent),
        }
    }
}

/// Counts the failures of one deployment; a new deployment gets a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    threshold: Threshold,
    reset_on_healthy_task: bool,
    failures: u32,
}

impl CircuitBreaker {
    /// A breaker that has seen nothing. `reset_on_healthy_task` is on by default in ECS.
    pub const fn new(threshold: Threshold, reset_on_healthy_task: bool) -> Self {
        CircuitBreaker {
            threshold,
            reset_on_healthy_task,
            failures: 0,
        }
    }

    /// A task of the deployment became healthy: unless told otherwise, the count starts again.
    pub fn task_became_healthy(&mut self) {
        if self.reset_on_healthy_task {
            self.failures = 0;
        }
    }

    /// A task of the deployment failed; whether with this the deployment, of `desired` tasks now,
    /// has failed too.
    pub fn task_failed(&mut self, desired: u32) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.failures >= self.threshold.failures(desired)
    }

    /// Failures counted so far (`failureCount`).
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds() {
        let check = |threshold: Threshold, desired, failures| {
            assert_eq!(
                threshold.failures(desired),
                failures,
                "{threshold:?} of {desired}"
            );
        };
        for (desired, failures) in [
            (0, 3),
            (1, 3),
            (6, 3),
            (7, 4),
            (25, 13),
            (400, 200),
            (u32::MAX, 200),
        ] {
            check(Threshold::default(), desired, failures);
        }
        check(Threshold::BoundedPercent(10), 45, 5);
        check(Threshold::UnboundedPercent(50), 1, 1);
        check(Threshold::UnboundedPercent(50), 1000, 500);
        check(Threshold::UnboundedPercent(u32::MAX), u32::MAX, u32::MAX);
        check(Threshold::Count(1), 1000, 1);
    }

    #[test]
    fn a_healthy_task_starts_the_count_again() {
        let trips = |reset| {
            let mut breaker = CircuitBreaker::new(Threshold::default(), reset);
            assert!(!breaker.task_failed(4));
            assert!(!breaker.task_failed(4));
            breaker.task_became_healthy();
            (breaker.failures(), breaker.task_failed(4))
        };
        assert_eq!(trips(true), (0, false));
        assert_eq!(trips(false), (2, true));
    }
}
