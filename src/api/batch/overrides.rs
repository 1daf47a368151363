//! What a submission changes of what the job definition runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::consumable::ConsumableResourceProperties;
use super::container::{
    ContainerProperties, EcsProperties, EnvironmentVariable, ResourceRequirement, ResourceType,
    check_environment,
};
use super::definition::eks_is_not_simulated;
use super::node::NodeRangeProperty;
use super::within;
use crate::api::error::{ApiError, Checked};

/// Changes of the container of a job.
///
/// Source: AWS Batch API reference, ContainerOverrides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchContainerOverrides")]
pub struct ContainerOverrides {
    /// vCPUs in the deprecated notation: only where the definition uses it.
    pub vcpus: Option<i64>,
    /// MiB in the deprecated notation: only where the definition uses it.
    pub memory: Option<i64>,
    /// Replaces the command; no part of it may be empty.
    pub command: Option<Vec<String>>,
    /// Replaces the instance type of nodes.
    pub instance_type: Option<String>,
    /// Environment variables that are added or replaced.
    pub environment: Option<Vec<EnvironmentVariable>>,
    /// Replaces the resources of the types named [B-50].
    pub resource_requirements: Option<Vec<ResourceRequirement>>,
}

/// Changes of the containers of a job that has several.
///
/// Source: AWS Batch API reference, EcsPropertiesOverride.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchEcsPropertiesOverride")]
pub struct EcsPropertiesOverride {
    /// Changes of the task: at most one entry.
    pub task_properties: Option<Vec<TaskPropertiesOverride>>,
}

/// Changes of the task of a job that has several containers.
///
/// Source: AWS Batch API reference, TaskPropertiesOverride.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchTaskPropertiesOverride")]
pub struct TaskPropertiesOverride {
    /// Changes of containers.
    pub containers: Option<Vec<TaskContainerOverrides>>,
}

/// Changes of a container of a job that has several.
///
/// Source: AWS Batch API reference, TaskContainerOverrides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchTaskContainerOverrides")]
pub struct TaskContainerOverrides {
    /// Name of the container.
    pub name: Option<String>,
    /// Replaces the command; no part of it may be empty.
    pub command: Option<Vec<String>>,
    /// Environment variables that are added or replaced.
    pub environment: Option<Vec<EnvironmentVariable>>,
    /// Replaces the resources of the types named [B-50].
    pub resource_requirements: Option<Vec<ResourceRequirement>>,
}

/// Changes of the nodes of a multi-node parallel job.
///
/// Source: AWS Batch API reference, NodeOverrides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchNodeOverrides")]
pub struct NodeOverrides {
    /// Number of nodes: only where a range of the definition has no upper end.
    pub num_nodes: Option<i64>,
    /// Changes of ranges of nodes.
    pub node_property_overrides: Option<Vec<NodePropertyOverride>>,
}

/// Changes of a range of nodes.
///
/// Source: AWS Batch API reference, NodePropertyOverride.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchNodePropertyOverride")]
pub struct NodePropertyOverride {
    /// The nodes, as in a job definition. Of nested ranges the inner one counts.
    pub target_nodes: String,
    /// Changes of the container.
    pub container_overrides: Option<ContainerOverrides>,
    /// Changes of the containers, where there are several.
    pub ecs_properties_override: Option<EcsPropertiesOverride>,
    /// Changes of pods of Amazon EKS; not simulated.
    pub eks_properties_override: Option<Value>,
    /// Replaces the instance type.
    pub instance_types: Option<Vec<String>>,
    /// Replaces the consumable resources that each node needs.
    pub consumable_resource_properties_override: Option<ConsumableResourceProperties>,
}

impl ContainerOverrides {
    /// The container after the changes, which are checked as far as they can be on their own.
    pub(super) fn applied_to(
        &self,
        container: &ContainerProperties,
    ) -> Result<ContainerProperties, ApiError> {
        check_command(self.command.as_deref())?;
        check_environment("environment", self.environment.as_deref())?;
        let mut updated = container.clone();
        for (kind, field, value, target) in [
            (ResourceType::Vcpu, "vcpus", self.vcpus, &mut updated.vcpus),
            (
                ResourceType::Memory,
                "memory",
                self.memory,
                &mut updated.memory,
            ),
        ] {
            if value.is_none() {
                continue;
            }
            let modern = [
                &container.resource_requirements,
                &self.resource_requirements,
            ]
            .into_iter()
            .flatten()
            .flatten()
            .any(|item| item.r#type == kind);
            if modern {
                let message = "This value was submitted in a deprecated key and may conflict with the value provided \
                               by the job definition's resource requirements.";
                return Err(ApiError::client(field, message));
            }
            *target = value;
        }
        for item in self.resource_requirements.iter().flatten() {
            match item.r#type {
                ResourceType::Vcpu => updated.vcpus = None,
                ResourceType::Memory => updated.memory = None,
                ResourceType::Gpu => {}
            }
        }
        replace_requirements(
            &mut updated.resource_requirements,
            self.resource_requirements.as_deref(),
        )?;
        replace_environment(&mut updated.environment, self.environment.as_deref());
        replace(&mut updated.command, &self.command);
        replace(&mut updated.instance_type, &self.instance_type);
        Ok(updated)
    }
}

impl EcsPropertiesOverride {
    /// The containers after the changes.
    pub(super) fn applied_to(&self, ecs: &EcsProperties) -> Result<EcsProperties, ApiError> {
        let mut updated = ecs.clone();
        for (index, task) in self.task_properties.iter().flatten().enumerate() {
            let Some(target) = updated.task_properties.get_mut(index) else {
                let message = "There is no such task in the job definition.";
                return Err(ApiError::client(
                    format!("taskProperties[{index}]"),
                    message,
                ));
            };
            for (place, change) in task.containers.iter().flatten().enumerate() {
                let at = format!("taskProperties[{index}].containers[{place}]");
                let container = target
                    .containers
                    .iter_mut()
                    .find(|container| change.name.is_some() && container.name == change.name)
                    .ok_or_else(|| {
                        let name = change.name.as_deref().unwrap_or_default();
                        let message =
                            format!("The job definition has no container named '{name}'.");
                        ApiError::client(format!("{at}.name"), message)
                    })?;
                change.check().map_err(within(&at))?;
                replace_requirements(
                    &mut container.resource_requirements,
                    change.resource_requirements.as_deref(),
                )
                .map_err(within(&at))?;
                replace_environment(&mut container.environment, change.environment.as_deref());
                replace(&mut container.command, &change.command);
            }
        }
        Ok(updated)
    }
}

impl TaskContainerOverrides {
    fn check(&self) -> Checked {
        check_command(self.command.as_deref())?;
        check_environment("environment", self.environment.as_deref())
    }
}

impl NodePropertyOverride {
    /// The range after the changes.
    pub(super) fn applied_to(
        &self,
        range: &NodeRangeProperty,
    ) -> Result<NodeRangeProperty, ApiError> {
        if self.eks_properties_override.is_some() {
            return Err(eks_is_not_simulated("eksPropertiesOverride"));
        }
        let mut updated = range.clone();
        if let Some(change) = &self.container_overrides {
            let field = "containerOverrides";
            let container = range
                .container
                .as_ref()
                .ok_or_else(|| missing(field, "container"))?;
            updated.container = Some(change.applied_to(container).map_err(within(field))?);
            if change.instance_type.is_some() {
                updated.instance_types = None;
            }
        }
        if let Some(change) = &self.ecs_properties_override {
            let field = "ecsPropertiesOverride";
            let ecs = range
                .ecs_properties
                .as_ref()
                .ok_or_else(|| missing(field, "ecsProperties"))?;
            updated.ecs_properties = Some(change.applied_to(ecs).map_err(within(field))?);
        }
        if self.instance_types.is_some() {
            updated.instance_types.clone_from(&self.instance_types);
            if let Some(container) = &mut updated.container {
                container.instance_type = None;
            }
        }
        replace(
            &mut updated.consumable_resource_properties,
            &self.consumable_resource_properties_override,
        );
        Ok(updated)
    }
}

/// The definition has nothing that the override could change.
pub(super) fn missing(field: &str, what: &str) -> ApiError {
    ApiError::client(field, format!("The job definition has no {what}."))
}

/// Takes over a value if there is one.
pub(super) fn replace<T: Clone>(target: &mut Option<T>, value: &Option<T>) {
    if value.is_some() {
        target.clone_from(value);
    }
}

/// Source: AWS Batch API reference, ContainerOverrides, `command`.
fn check_command(command: Option<&[String]>) -> Checked {
    let parts = command.unwrap_or_default();
    match parts.iter().position(String::is_empty) {
        None => Ok(()),
        Some(index) => {
            let message = "A command override must not have an empty string.";
            Err(ApiError::client(format!("command[{index}]"), message))
        }
    }
}

/// Type by type: what is not named stays as it is [B-50].
fn replace_requirements(
    target: &mut Option<Vec<ResourceRequirement>>,
    changes: Option<&[ResourceRequirement]>,
) -> Checked {
    let changes = changes.unwrap_or_default();
    for (index, change) in changes.iter().enumerate() {
        if changes[..index]
            .iter()
            .any(|earlier| earlier.r#type == change.r#type)
        {
            let message = format!("{} is given twice.", change.r#type.as_str());
            let field = format!("resourceRequirements[{index}].type");
            return Err(ApiError::client(field, message));
        }
        let items = target.get_or_insert_default();
        match items.iter_mut().find(|item| item.r#type == change.r#type) {
            Some(item) => item.clone_from(change),
            None => items.push(change.clone()),
        }
    }
    Ok(())
}

fn replace_environment(
    target: &mut Option<Vec<EnvironmentVariable>>,
    changes: Option<&[EnvironmentVariable]>,
) {
    for change in changes.unwrap_or_default() {
        let items = target.get_or_insert_default();
        match items.iter_mut().find(|item| item.name == change.name) {
            Some(item) => item.clone_from(change),
            None => items.push(change.clone()),
        }
    }
}
