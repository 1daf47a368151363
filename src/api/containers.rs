//! What the course of a task depends on in each of its containers.

use super::container::{Condition, ContainerDefinition, HealthCheck, RestartPolicy};
use super::demand::GpuDemand;
use super::error::ApiError;
use super::overrides::TaskOverride;
use super::task_definition::{Host, TaskDefinition};

/// A container of a task as it runs: overrides applied, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Name, unique in the task.
    pub name: String,
    /// Whether the task stops when this container does.
    pub essential: bool,
    /// Containers that go first, by position in the definition, and how far they must have come.
    pub depends_on: Vec<(usize, Condition)>,
    /// Seconds to wait for this container before those that depend on it give up; absent: for ever.
    pub start_timeout: Option<u32>,
    /// Seconds from the stop signal to the kill; absent: as its host has it.
    pub stop_timeout: Option<u32>,
    /// Health check, if it has one.
    pub health_check: Option<HealthChecks>,
    /// Restart within the task, if it is on.
    pub restart_policy: Option<Restarts>,
    /// MiB above which the container is killed; absent: no limit of its own.
    pub hard_memory: Option<u32>,
    /// GPUs.
    pub gpus: GpuDemand,
}

/// Rhythm of health checks. Source: ECS API reference, HealthCheck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthChecks {
    /// Seconds between checks: 5 to 300, 30 unless given.
    pub interval: u32,
    /// Seconds after which a check has failed: 2 to 60, 5 unless given.
    pub timeout: u32,
    /// Failures in a row that make the container unhealthy: 1 to 10, 3 unless given.
    pub retries: u32,
    /// Seconds in which failures do not count: 0 to 300, 0 unless given.
    pub start_period: u32,
}

impl From<&HealthCheck> for HealthChecks {
    fn from(check: &HealthCheck) -> Self {
        HealthChecks {
            interval: check.interval.unwrap_or(30),
            timeout: check.timeout.unwrap_or(5),
            retries: check.retries.unwrap_or(3),
            start_period: check.start_period.unwrap_or(0),
        }
    }
}

/// When a container is restarted. Source: ECS API reference, ContainerRestartPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarts {
    /// Exit codes after which it is not.
    pub ignored_exit_codes: Vec<i64>,
    /// Seconds that it must have run: 60 to 1800, 300 unless given.
    pub attempt_period: u32,
}

impl Restarts {
    fn of(policy: &RestartPolicy) -> Option<Self> {
        policy.enabled.then(|| Restarts {
            ignored_exit_codes: policy.ignored_exit_codes.clone().unwrap_or_default(),
            attempt_period: policy.restart_attempt_period.unwrap_or(300),
        })
    }
}

impl TaskDefinition {
    /// The containers of a task in definition order, overrides applied. A dependency on a container
    /// that is not there, which [`TaskDefinition::validate`] refuses, is left out.
    ///
    /// # Errors
    /// As [`TaskDefinition::demand`].
    pub fn containers(
        &self,
        overrides: Option<&TaskOverride>,
        host: Host,
    ) -> Result<Vec<Container>, ApiError> {
        let task = self.with_overrides(overrides, host)?;
        let definitions = task.container_definitions.iter();
        definitions
            .map(|container| container.resolve(&task.container_definitions))
            .collect()
    }
}

impl ContainerDefinition {
    fn resolve(&self, all: &[ContainerDefinition]) -> Result<Container, ApiError> {
        let position = |name: &str| all.iter().position(|other| other.name == name);
        let dependencies = self.depends_on.iter().flatten();
        Ok(Container {
            name: self.name.clone(),
            essential: self.is_essential(),
            depends_on: dependencies
                .filter_map(|item| Some((position(&item.container_name)?, item.condition)))
                .collect(),
            start_timeout: self.start_timeout,
            stop_timeout: self.stop_timeout,
            health_check: self.health_check.as_ref().map(HealthChecks::from),
            restart_policy: self.restart_policy.as_ref().and_then(Restarts::of),
            hard_memory: self.hard_memory(),
            gpus: self.gpus()?,
        })
    }
}
