//! The requests of Amazon ECS, field for field, and the rules that ECS holds them to.
//!
//! The shapes are read from scenario files, so that a task definition file, the `taskDefinition`
//! of `aws ecs describe-task-definition` or the input of `aws ecs run-task` can be pasted there.
//! Fields that cannot change where a task goes or how long it runs are taken as they come. Every
//! rule answers with the [`ApiError`] that ECS gives, and says which field it is about. What calls
//! are judged by in a cluster is a [`ClusterView`]; what changes with time is not judged here, and
//! [`ApiError`] has a constructor for each such rule.
//!
//! ```
//! use stowplan::api::{ClusterView, FargateSizes, Host, RunTask, TaskDefinition};
//! let web: TaskDefinition = serde_json::from_str(
//!     r#"{"family": "web", "cpu": ".5 vCPU", "memory": "1GB", "containerDefinitions": [{"name": "app"}]}"#,
//! )?;
//! web.validate(FargateSizes::Model)?;
//! assert_eq!(web.demand(None, Host::Instance)?.resources.cpu, 512);
//!
//! let call: RunTask = serde_json::from_str(r#"{"taskDefinition": "web", "count": 11}"#)?;
//! let error = call.validate(&web, &ClusterView::default()).unwrap_err();
//! assert_eq!(error.to_string(), "InvalidParameterException: count is 11; it may be 1 to 10");
//! assert_eq!(error.field, "count");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: Amazon ECS API reference and service model, version 2014-11-13.

pub mod batch;
mod capability;
mod capacity_provider;
mod container;
mod containers;
mod demand;
mod error;
mod fargate;
mod launch;
mod overrides;
mod placement;
mod registration;
mod request;
mod service;
mod size;
mod task_definition;
#[cfg(test)]
mod tests;
mod validation;

pub use capacity_provider::{
    AutoScalingGroupProvider, CapacityProvider, ManagedScaling, Scaling, Switch,
};
pub use container::{
    Condition, ContainerDefinition, ContainerDependency, HealthCheck, NvidiaMpsAllocation,
    PortMapping, ResourceRequirement, ResourceType, RestartPolicy, SharingStrategy,
};
pub use containers::{Container, HealthChecks, Restarts};
pub use demand::GpuDemand;
pub use error::{ApiError, ErrorCode};
pub use fargate::{FargateSizes, is_fargate_size};
pub use launch::{ClusterView, Launch};
pub use overrides::{ContainerOverride, TaskOverride};
pub use placement::{
    PlacementConstraint, PlacementConstraintType, PlacementStrategy, PlacementStrategyType,
};
pub use request::{
    AwsvpcConfiguration, CapacityProviderStrategyItem, NetworkConfiguration, PropagateTags,
    RunTask, StartTask, Tag,
};
pub use service::{
    CreateService, DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentController,
    DeploymentControllerType, SchedulingStrategy, ThresholdConfiguration, ThresholdType,
    UpdateService,
};
pub use size::{CpuSize, FORMATS, FormatCheck, MemorySize};
pub use task_definition::{
    Attribute, CpuArchitecture, EphemeralStorage, Host, LaunchType, NetworkMode, OperatingSystem,
    RuntimePlatform, TaskDefinition, TaskDefinitionStatus,
};

/// The document as compact JSON: no white space between tokens, and nothing for absent fields.
fn compact(document: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(document).expect("the shapes have text keys only");
    without_nulls(value).to_string()
}

/// A document without its absent fields.
pub(crate) fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
