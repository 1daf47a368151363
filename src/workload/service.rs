//! A service: how many tasks it keeps, and how it replaces them.

use crate::model::arena::{BehaviourId, TemplateId};
use crate::service::circuit_breaker::Threshold;
use crate::time::SimDuration;

/// A service as CreateService makes it. Its tasks belong to the group `service:<name>`.
///
/// Source: ECS API reference, Service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// REPLICA or DAEMON.
    pub scheduling: Scheduling,
    /// Tasks that it keeps; of no meaning for a DAEMON.
    pub desired: u32,
    /// What its tasks are.
    pub revision: Revision,
    /// How it replaces them.
    pub deployment: DeploymentSettings,
    /// From RUNNING on, failed health checks do not count for so long.
    pub grace_period: SimDuration,
    /// Whether it evens out its tasks over the zones.
    pub zone_rebalancing: bool,
    /// ACTIVATING: registration with a load balancer; no time without one.
    pub activation: SimDuration,
    /// DEACTIVATING: deregistration from it.
    pub deactivation: SimDuration,
}

/// How a service schedules. Source: ECS API reference, Service, `schedulingStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// So many tasks, placed like those of RunTask.
    Replica,
    /// One task on each instance that meets the constraints.
    Daemon,
}

/// What the tasks of a deployment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Task definition, placement rules, launches.
    pub template: TemplateId,
    /// How its containers behave.
    pub behaviour: BehaviourId,
}

/// How a service replaces its tasks. Source: ECS API reference, DeploymentConfiguration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeploymentSettings {
    /// Healthy tasks never fall below this percentage of the desired count by the service's doing.
    pub minimum_healthy_percent: u32,
    /// Tasks RUNNING and PENDING never exceed this percentage of it.
    pub maximum_percent: u32,
    /// Whether a deployment whose tasks keep failing is given up.
    pub circuit_breaker: Option<CircuitBreaker>,
}

/// The deployment circuit breaker. Source: ECS API reference, DeploymentCircuitBreaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// Whether the service goes back to the last deployment that completed.
    pub rollback: bool,
    /// Failures in a row after which a deployment fails.
    pub threshold: Threshold,
    /// Whether a healthy task starts the count again.
    pub reset_on_healthy_task: bool,
}

/// What UpdateService changes; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceChange {
    /// `desiredCount`.
    pub desired: Option<u32>,
    /// A new task definition, or `forceNewDeployment` with the one there is.
    pub revision: Option<Revision>,
    /// `deploymentConfiguration`.
    pub deployment: Option<DeploymentSettings>,
}
