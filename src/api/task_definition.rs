//! Task definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::container::ContainerDefinition;
use super::fargate::FargateSizes;
use super::placement::PlacementConstraint;
use super::size::{CpuSize, MemorySize};
use crate::model::request::RequiredAttribute;

/// A task definition, as RegisterTaskDefinition takes it or as DescribeTaskDefinition prints it.
///
/// Source: ECS API reference, RegisterTaskDefinition and TaskDefinition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskDefinition {
    /// Family: up to 255 letters, digits, `_` and `-`.
    pub family: String,
    /// Revision, from 1. Absent: one more than the revision of the family before it.
    pub revision: Option<u32>,
    /// State; only ACTIVE ones run. Absent is ACTIVE.
    pub status: Option<TaskDefinitionStatus>,
    /// Network mode. Absent is `bridge`, for Windows `default`.
    pub network_mode: Option<NetworkMode>,
    /// CPU of the whole task: CPU units such as 1024, or vCPUs such as `1 vCPU`.
    pub cpu: Option<CpuSize>,
    /// Memory of the whole task: MiB such as 2048, or gigabytes such as `2GB`.
    pub memory: Option<MemorySize>,
    /// Containers: 1 to 10.
    pub container_definitions: Vec<ContainerDefinition>,
    /// Constraints on the instances that may take the task: `memberOf` only.
    pub placement_constraints: Option<Vec<PlacementConstraint>>,
    /// Launch types that the definition is checked against.
    pub requires_compatibilities: Option<Vec<LaunchType>>,
    /// Attributes that an instance must have to take the task.
    pub requires_attributes: Option<Vec<Attribute>>,
    /// Operating system and architecture.
    pub runtime_platform: Option<RuntimePlatform>,
    /// Storage of a task on Fargate.
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Process namespace; without effect.
    pub pid_mode: Option<Value>,
    /// Namespace of inter-process communication; without effect.
    pub ipc_mode: Option<Value>,
    /// Role of the task; without effect.
    pub task_role_arn: Option<Value>,
    /// Role of the agent; without effect.
    pub execution_role_arn: Option<Value>,
    /// Volumes; without effect.
    pub volumes: Option<Value>,
    /// Tags; without effect.
    pub tags: Option<Value>,
    /// Proxy; without effect.
    pub proxy_configuration: Option<Value>,
    /// Elastic Inference accelerators; without effect.
    pub inference_accelerators: Option<Value>,
    /// Whether fault injection is on; without effect.
    pub enable_fault_injection: Option<Value>,
    /// Amazon resource name, as printed by ECS; without effect.
    pub task_definition_arn: Option<Value>,
    /// Launch types, as found out by ECS; without effect.
    pub compatibilities: Option<Value>,
    /// Moment of registration; without effect.
    pub registered_at: Option<Value>,
    /// Who registered it; without effect.
    pub registered_by: Option<Value>,
    /// Moment of deregistration; without effect.
    pub deregistered_at: Option<Value>,
    /// Moment at which deletion was asked for; without effect.
    pub delete_requested_at: Option<Value>,
}

/// State of a task definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskDefinitionStatus {
    /// May be run.
    Active,
    /// Deregistered; tasks that run go on.
    Inactive,
    /// Is being deleted.
    DeleteInProgress,
}

/// Network mode of the containers of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// No network.
    None,
    /// Virtual network of the instance (Linux).
    Bridge,
    /// Network of the host.
    Host,
    /// A network interface for each task.
    Awsvpc,
    /// Virtual network of the instance (Windows).
    Default,
}

/// What a task runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LaunchType {
    /// Container instances of the cluster.
    Ec2,
    /// Fargate.
    Fargate,
    /// External instances (ECS Anywhere).
    External,
    /// Managed instances.
    ManagedInstances,
}

/// An attribute, as DescribeTaskDefinition prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// Name.
    pub name: String,
    /// Value; absent: any, or none.
    pub value: Option<String>,
    /// Kind of what has the attribute; without effect.
    pub target_type: Option<Value>,
    /// What has the attribute; without effect.
    pub target_id: Option<Value>,
}

/// Platform that a task needs. A field left out is not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuntimePlatform {
    /// `LINUX`, or a Windows release such as `WINDOWS_SERVER_2022_CORE`.
    pub operating_system_family: Option<String>,
    /// Architecture of the processor.
    pub cpu_architecture: Option<CpuArchitecture>,
}

/// Architecture of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CpuArchitecture {
    /// 64-bit x86.
    #[serde(rename = "X86_64")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "ARM64")]
    Arm64,
}

/// Storage of a task on Fargate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EphemeralStorage {
    /// GiB: 21 to 200.
    #[serde(rename = "sizeInGiB")]
    pub size_in_gib: u32,
}

/// Kind of operating system, which decides whether a task size counts on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatingSystem {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

/// Where a task is to run, as far as the rules on task sizes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A container instance, EC2 or external.
    Instance,
    /// Fargate, with the task sizes that it offers.
    Fargate(FargateSizes),
}

impl TaskDefinition {
    /// The operating system family, where the definition names one. Where it does not, that of the
    /// instance decides [U-46].
    fn operating_system_family(&self) -> Option<&str> {
        let platform = self.runtime_platform.as_ref()?;
        let family = platform.operating_system_family.as_deref();
        family.filter(|family| !family.is_empty())
    }

    /// Whether the definition says on which operating system it runs.
    pub(super) fn names_operating_system(&self) -> bool {
        self.operating_system_family().is_some()
    }

    /// Kind of operating system that the definition is checked for: Linux, where it names none.
    pub fn operating_system(&self) -> OperatingSystem {
        match self.operating_system_family() {
            Some(family) if family.starts_with("WINDOWS") => OperatingSystem::Windows,
            _ => OperatingSystem::Linux,
        }
    }

    /// The network mode, where absence is `bridge`, for Windows `default`.
    pub fn network_mode(&self) -> NetworkMode {
        self.network_mode.unwrap_or(match self.operating_system() {
            OperatingSystem::Linux => NetworkMode::Bridge,
            OperatingSystem::Windows => NetworkMode::Default,
        })
    }

    /// Whether the definition may be run.
    pub fn is_active(&self) -> bool {
        self.status
            .is_none_or(|status| status == TaskDefinitionStatus::Active)
    }

    /// Whether the definition says that it suits `launch_type`.
    pub(super) fn requires(&self, launch_type: LaunchType) -> bool {
        self.requires_compatibilities
            .iter()
            .flatten()
            .any(|&item| item == launch_type)
    }

    /// Attributes that an instance must have: those listed, then those of the platform.
    ///
    /// Windows releases must agree exactly [U-19]. The capabilities that ECS works out itself are
    /// [`TaskDefinition::capabilities`].
    pub fn required_attributes(&self) -> Vec<RequiredAttribute> {
        let listed = self.requires_attributes.iter().flatten();
        let mut required: Vec<_> = listed
            .map(|item| RequiredAttribute {
                name: item.name.clone(),
                value: item.value.clone(),
            })
            .collect();
        for (name, value) in self
            .runtime_platform
            .iter()
            .flat_map(RuntimePlatform::attributes)
        {
            let attribute = RequiredAttribute {
                name: name.into(),
                value: Some(value),
            };
            if !required.contains(&attribute) {
                required.push(attribute);
            }
        }
        required
    }
}

impl RuntimePlatform {
    /// Names and values of the attributes that say the same. Source: developer guide, "Task
    /// placement constraints", attributes that ECS applies to container instances.
    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = Vec::new();
        let family = self.operating_system_family.as_ref();
        if let Some(family) = family.filter(|family| !family.is_empty()) {
            let windows = family.starts_with("WINDOWS");
            attributes.push((
                "ecs.os-type",
                if windows { "windows" } else { "linux" }.into(),
            ));
            if windows {
                attributes.push(("ecs.os-family", family.clone()));
            }
        }
        if let Some(architecture) = self.cpu_architecture {
            let value = match architecture {
                CpuArchitecture::X86_64 => "x86_64",
                CpuArchitecture::Arm64 => "arm64",
            };
            attributes.push(("ecs.cpu-architecture", value.into()));
        }
        attributes
    }
}
