//! Overrides of a task definition for one call.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::container::{ContainerDefinition, ResourceRequirement};
use super::error::ApiError;
use super::size::{CpuSize, MemorySize};
use super::task_definition::{EphemeralStorage, Host, TaskDefinition};

/// Most characters of the overrides as compact JSON. Source: ECS API reference, RunTask.
const MAX_LENGTH: usize = 8192;

/// What a call changes in the task definition.
///
/// Source: ECS API reference, TaskOverride.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskOverride {
    /// CPU of the whole task: CPU units such as 1024, or vCPUs such as `1 vCPU`.
    pub cpu: Option<CpuSize>,
    /// Memory of the whole task: MiB such as 2048, or gigabytes such as `2GB`.
    pub memory: Option<MemorySize>,
    /// Changes in containers, by name.
    pub container_overrides: Option<Vec<ContainerOverride>>,
    /// Storage of a task on Fargate.
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Elastic Inference accelerators; without effect.
    pub inference_accelerator_overrides: Option<Value>,
    /// Role of the task; without effect.
    pub task_role_arn: Option<Value>,
    /// Role of the agent; without effect.
    pub execution_role_arn: Option<Value>,
}

/// What a call changes in a container.
///
/// Source: ECS API reference, ContainerOverride.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerOverride {
    /// Name of the container; needed unless the entry is empty.
    pub name: Option<String>,
    /// CPU units.
    pub cpu: Option<u32>,
    /// Hard limit in MiB.
    pub memory: Option<u32>,
    /// Soft limit in MiB.
    pub memory_reservation: Option<u32>,
    /// GPUs, in place of those of the definition.
    pub resource_requirements: Option<Vec<ResourceRequirement>>,
    /// Command; without effect.
    pub command: Option<Value>,
    /// Environment variables; without effect.
    pub environment: Option<Value>,
    /// Files of environment variables; without effect.
    pub environment_files: Option<Value>,
}

impl TaskDefinition {
    /// The definition as the task runs it: overrides applied and checked.
    ///
    /// Of two entries for one container the later wins, field by field.
    ///
    /// # Errors
    /// InvalidParameterException for overrides that are too long, name an unknown container, or put
    /// a hard limit below its soft one [U-38]; ClientException for sizes that registration would
    /// refuse. Fields begin with `overrides`.
    pub fn with_overrides(
        &self,
        overrides: Option<&TaskOverride>,
        host: Host,
    ) -> Result<Cow<'_, Self>, ApiError> {
        let Some(overrides) = overrides else {
            return Ok(Cow::Borrowed(self));
        };
        if super::compact(overrides).chars().count() > MAX_LENGTH {
            let message = format!("Container Overrides length must be at most {MAX_LENGTH}");
            return Err(ApiError::invalid("overrides", message));
        }
        let mut task = self.clone();
        for (index, entry) in overrides.container_overrides.iter().flatten().enumerate() {
            entry
                .apply(&mut task)
                .map_err(|error| error.within(&format!("overrides.containerOverrides[{index}]")))?;
        }
        replace(&mut task.cpu, &overrides.cpu);
        replace(&mut task.memory, &overrides.memory);
        replace(&mut task.ephemeral_storage, &overrides.ephemeral_storage);
        if task != *self {
            task.check_overridden_sizes(host)
                .map_err(|error| ApiError {
                    field: "overrides".into(),
                    ..error
                })?;
        }
        Ok(Cow::Owned(task))
    }
}

impl ContainerOverride {
    fn apply(&self, task: &mut TaskDefinition) -> Result<(), ApiError> {
        if *self == ContainerOverride::default() {
            return Ok(());
        }
        let container = self.find(&mut task.container_definitions)?;
        replace(&mut container.cpu, &self.cpu);
        replace(&mut container.memory, &self.memory);
        replace(&mut container.memory_reservation, &self.memory_reservation);
        replace(
            &mut container.resource_requirements,
            &self.resource_requirements,
        );
        Ok(())
    }

    fn find<'a>(
        &self,
        containers: &'a mut [ContainerDefinition],
    ) -> Result<&'a mut ContainerDefinition, ApiError> {
        let name = self
            .name
            .as_deref()
            .ok_or_else(|| ApiError::invalid("", "Container override has no name."))?;
        containers
            .iter_mut()
            .find(|container| container.name == name)
            .ok_or_else(|| {
                let message = format!(
                    "Override for container named {name} is not a container in the TaskDefinition."
                );
                ApiError::invalid("name", message)
            })
    }
}

/// Puts `with` in place of the field, if it is given.
pub(super) fn replace<T: Clone>(field: &mut Option<T>, with: &Option<T>) {
    if with.is_some() {
        field.clone_from(with);
    }
}
