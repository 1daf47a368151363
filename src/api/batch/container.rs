//! Containers of job definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::definition::PlatformCapability;
use super::request::{Amounts, Notations, Request};
use super::within;
use crate::api::error::{ApiError, Checked};
use crate::api::task_definition::{EphemeralStorage, RuntimePlatform};

/// Most containers of a task. Source: AWS Batch API reference, EcsTaskProperties.
const MAX_CONTAINERS: usize = 10;

/// Beginning of the names of variables that Batch sets itself. Source: AWS Batch API reference,
/// ContainerProperties, `environment`.
const RESERVED: &str = "AWS_BATCH";

/// Platform versions of Fargate that Batch takes. Source: AWS Batch user guide, Fargate job
/// definitions.
const PLATFORM_VERSIONS: [&str; 3] = ["1.3.0", "1.4.0", "LATEST"];

/// Log drivers on Fargate. Source: AWS Batch user guide, Fargate job definitions.
const FARGATE_LOG_DRIVERS: [&str; 2] = ["awslogs", "splunk"];

/// GiB of storage on Fargate. Source: AWS Batch API reference, EphemeralStorage.
const EPHEMERAL_STORAGE: std::ops::RangeInclusive<u32> = 21..=200;

/// The container of a job, or of the nodes of a range.
///
/// Source: AWS Batch API reference, ContainerProperties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchContainerProperties")]
pub struct ContainerProperties {
    /// Image; without effect.
    pub image: Option<String>,
    /// vCPUs in the deprecated notation: at least 1; not on Fargate.
    pub vcpus: Option<i64>,
    /// MiB in the deprecated notation: at least 4; not on Fargate.
    pub memory: Option<i64>,
    /// Command, in which `Ref::name` stands for a parameter.
    pub command: Option<Vec<String>>,
    /// vCPUs, MiB and GPUs.
    pub resource_requirements: Option<Vec<ResourceRequirement>>,
    /// Environment variables.
    pub environment: Option<Vec<EnvironmentVariable>>,
    /// Role of the job; without effect.
    pub job_role_arn: Option<Value>,
    /// Role of the agent, which Fargate needs.
    pub execution_role_arn: Option<String>,
    /// Instance type of the nodes of a multi-node parallel job.
    pub instance_type: Option<String>,
    /// Whether the container is privileged; not on Fargate.
    pub privileged: Option<bool>,
    /// Limits of the operating system; not on Fargate.
    pub ulimits: Option<Vec<Value>>,
    /// Linux options, most of them not on Fargate.
    pub linux_parameters: Option<LinuxParameters>,
    /// Log configuration; Fargate has few drivers.
    pub log_configuration: Option<LogConfiguration>,
    /// Networking; on Fargate only.
    pub network_configuration: Option<Value>,
    /// Platform version of Fargate.
    pub fargate_platform_configuration: Option<FargatePlatformConfiguration>,
    /// Storage on Fargate: 21 to 200 GiB.
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Platform on Fargate.
    pub runtime_platform: Option<RuntimePlatform>,
    /// Volumes; without effect.
    pub volumes: Option<Value>,
    /// Mounted volumes; without effect.
    pub mount_points: Option<Value>,
    /// Whether the root file system is read-only; without effect.
    pub readonly_root_filesystem: Option<Value>,
    /// User; without effect.
    pub user: Option<Value>,
    /// Secrets; without effect.
    pub secrets: Option<Value>,
    /// Whether commands may be executed in the container; without effect.
    pub enable_execute_command: Option<Value>,
    /// Credentials of the image registry; without effect.
    pub repository_credentials: Option<Value>,
}

/// The containers of a job that has several.
///
/// Source: AWS Batch API reference, EcsProperties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchEcsProperties")]
pub struct EcsProperties {
    /// The task: exactly one.
    pub task_properties: Vec<EcsTaskProperties>,
}

/// The task of a job that has several containers.
///
/// Source: AWS Batch API reference, EcsTaskProperties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchEcsTaskProperties")]
pub struct EcsTaskProperties {
    /// Containers: 1 to 10.
    pub containers: Vec<TaskContainerProperties>,
    /// Storage on Fargate: 21 to 200 GiB.
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Role of the agent, which Fargate needs.
    pub execution_role_arn: Option<String>,
    /// Platform version of Fargate.
    pub platform_version: Option<String>,
    /// Networking; on Fargate only.
    pub network_configuration: Option<Value>,
    /// Platform on Fargate.
    pub runtime_platform: Option<RuntimePlatform>,
    /// Network mode; without effect.
    pub network_mode: Option<Value>,
    /// Namespace of interprocess communication; without effect.
    pub ipc_mode: Option<Value>,
    /// Role of the task; without effect.
    pub task_role_arn: Option<Value>,
    /// Namespace of processes; without effect.
    pub pid_mode: Option<Value>,
    /// Volumes; without effect.
    pub volumes: Option<Value>,
    /// Whether commands may be executed in the containers; without effect.
    pub enable_execute_command: Option<Value>,
}

/// A container of a job that has several.
///
/// Source: AWS Batch API reference, TaskContainerProperties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchTaskContainerProperties")]
pub struct TaskContainerProperties {
    /// Name, by which overrides find the container.
    pub name: Option<String>,
    /// Image; without effect.
    pub image: Option<String>,
    /// Command, in which `Ref::name` stands for a parameter.
    pub command: Option<Vec<String>>,
    /// vCPUs, MiB and GPUs.
    pub resource_requirements: Option<Vec<ResourceRequirement>>,
    /// Environment variables.
    pub environment: Option<Vec<EnvironmentVariable>>,
    /// Whether the job ends when this container does. Absent is true.
    pub essential: Option<bool>,
    /// Whether the container is privileged; not on Fargate.
    pub privileged: Option<bool>,
    /// Limits of the operating system; not on Fargate.
    pub ulimits: Option<Vec<Value>>,
    /// Linux options, most of them not on Fargate.
    pub linux_parameters: Option<LinuxParameters>,
    /// Log configuration; Fargate has few drivers.
    pub log_configuration: Option<LogConfiguration>,
    /// Containers that must have come so far before this one starts; without effect.
    pub depends_on: Option<Value>,
    /// Log router; without effect.
    pub firelens_configuration: Option<Value>,
    /// Mounted volumes; without effect.
    pub mount_points: Option<Value>,
    /// Whether the root file system is read-only; without effect.
    pub readonly_root_filesystem: Option<Value>,
    /// Credentials of the image registry; without effect.
    pub repository_credentials: Option<Value>,
    /// Secrets; without effect.
    pub secrets: Option<Value>,
    /// User; without effect.
    pub user: Option<Value>,
    /// Seconds that others wait for this container; without effect.
    pub start_timeout: Option<Value>,
    /// Seconds from the stop signal to the kill; without effect.
    pub stop_timeout: Option<Value>,
}

/// How much of a resource a container asks for.
///
/// Source: AWS Batch API reference, ResourceRequirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchResourceRequirement")]
pub struct ResourceRequirement {
    /// Which resource.
    pub r#type: ResourceType,
    /// How much, as a decimal string: vCPUs (whole but on Fargate), MiB, or GPUs.
    pub value: String,
}

/// A resource that containers ask for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchResourceType")]
pub enum ResourceType {
    /// Graphics processors.
    Gpu,
    /// Virtual processors.
    Vcpu,
    /// Memory in MiB.
    Memory,
}

/// An environment variable.
///
/// Source: AWS Batch API reference, KeyValuePair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchEnvironmentVariable")]
pub struct EnvironmentVariable {
    /// Name, not beginning with `AWS_BATCH`.
    pub name: Option<String>,
    /// Value.
    pub value: Option<String>,
}

/// Linux options of a container.
///
/// Source: AWS Batch API reference, LinuxParameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchLinuxParameters")]
pub struct LinuxParameters {
    /// Devices of the host; not on Fargate.
    pub devices: Option<Vec<Value>>,
    /// Whether an init process runs; without effect.
    pub init_process_enabled: Option<Value>,
    /// Size of `/dev/shm` in MiB; not on Fargate.
    pub shared_memory_size: Option<i64>,
    /// Mounts of tmpfs; not on Fargate.
    pub tmpfs: Option<Vec<Value>>,
    /// Swap in MiB; not on Fargate.
    pub max_swap: Option<i64>,
    /// Swappiness; not on Fargate.
    pub swappiness: Option<i64>,
}

/// Where the log of a container goes.
///
/// Source: AWS Batch API reference, LogConfiguration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchLogConfiguration")]
pub struct LogConfiguration {
    /// Driver: `awslogs` or `splunk` on Fargate.
    pub log_driver: String,
    /// Options; without effect.
    pub options: Option<Value>,
    /// Secret options; without effect.
    pub secret_options: Option<Value>,
}

/// Platform version of Fargate.
///
/// Source: AWS Batch API reference, FargatePlatformConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchFargatePlatformConfiguration")]
pub struct FargatePlatformConfiguration {
    /// `1.3.0`, `1.4.0` or `LATEST`. Absent is LATEST.
    pub platform_version: Option<String>,
}

impl ResourceType {
    /// As Batch writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            ResourceType::Gpu => "GPU",
            ResourceType::Vcpu => "VCPU",
            ResourceType::Memory => "MEMORY",
        }
    }
}

impl ContainerProperties {
    /// Checks the container and adds up what it asks for, on each platform that it is to run on.
    pub(super) fn request(&self, platforms: &[PlatformCapability]) -> Result<Request, ApiError> {
        check_environment("environment", self.environment.as_deref())?;
        let notations = Notations {
            requirements: self.resource_requirements.as_deref().unwrap_or_default(),
            vcpus: self.vcpus,
            memory: self.memory,
        };
        let mut request = Request::default();
        for &platform in platforms {
            request = notations.amounts(platform)?.request(platform)?;
        }
        if platforms.contains(&PlatformCapability::Fargate) {
            self.check_fargate()?;
        } else if self.network_configuration.is_some() {
            return Err(network_configuration_on_ec2());
        }
        Ok(request)
    }

    /// Source: AWS Batch user guide, Fargate job definitions.
    fn check_fargate(&self) -> Checked {
        if self.instance_type.is_some() {
            return Err(not_on_fargate("instanceType"));
        }
        check_execution_role(self.execution_role_arn.as_deref())?;
        let platform = self.fargate_platform_configuration.as_ref();
        let version = platform.and_then(|platform| platform.platform_version.as_deref());
        check_platform_version(version).map_err(within("fargatePlatformConfiguration"))?;
        check_storage(self.ephemeral_storage.as_ref())?;
        check_fargate_options(
            self.privileged,
            self.ulimits.as_deref(),
            self.linux_parameters.as_ref(),
            self.log_configuration.as_ref(),
        )
    }
}

impl EcsProperties {
    /// Checks the containers and adds up what they ask for, essential or not.
    pub(super) fn request(&self, platforms: &[PlatformCapability]) -> Result<Request, ApiError> {
        let [task] = self.task_properties.as_slice() else {
            let message = format!(
                "taskProperties has {} entries; it must have exactly one.",
                self.task_properties.len()
            );
            return Err(ApiError::client("taskProperties", message));
        };
        task.request(platforms).map_err(within("taskProperties[0]"))
    }

    /// The first essential container, or the first of all.
    pub(super) fn main_container(&self) -> Option<&TaskContainerProperties> {
        let containers = &self.task_properties.first()?.containers;
        let essential = |container: &&TaskContainerProperties| container.essential != Some(false);
        containers
            .iter()
            .find(essential)
            .or_else(|| containers.first())
    }
}

impl EcsTaskProperties {
    fn request(&self, platforms: &[PlatformCapability]) -> Result<Request, ApiError> {
        let count = self.containers.len();
        if !(1..=MAX_CONTAINERS).contains(&count) {
            let message = format!("{count} containers; a job has 1 to {MAX_CONTAINERS}.");
            return Err(ApiError::client("containers", message));
        }
        self.check_names()?;
        let mut request = Request::default();
        for &platform in platforms {
            request = self.sum(platform)?.request(platform)?;
        }
        if platforms.contains(&PlatformCapability::Fargate) {
            self.check_fargate()?;
        } else if platforms == [PlatformCapability::Ec2] && self.network_configuration.is_some() {
            return Err(network_configuration_on_ec2());
        }
        Ok(request)
    }

    fn sum(&self, platform: PlatformCapability) -> Result<Amounts, ApiError> {
        let mut sum = Amounts::default();
        for (index, container) in self.containers.iter().enumerate() {
            let amounts = container
                .amounts(platform)
                .map_err(within(&format!("containers[{index}]")))?;
            sum = sum.plus(amounts);
        }
        Ok(sum)
    }

    /// Overrides find a container by its name, so that no two may share one.
    fn check_names(&self) -> Checked {
        for (index, container) in self.containers.iter().enumerate() {
            let Some(name) = &container.name else {
                continue;
            };
            let taken = self.containers[..index]
                .iter()
                .any(|earlier| earlier.name.as_ref() == Some(name));
            if taken {
                let message = format!("Container name '{name}' is used more than once.");
                return Err(ApiError::client(
                    format!("containers[{index}].name"),
                    message,
                ));
            }
        }
        Ok(())
    }

    fn check_fargate(&self) -> Checked {
        check_execution_role(self.execution_role_arn.as_deref())?;
        check_platform_version(self.platform_version.as_deref())?;
        check_storage(self.ephemeral_storage.as_ref())?;
        for (index, container) in self.containers.iter().enumerate() {
            check_fargate_options(
                container.privileged,
                container.ulimits.as_deref(),
                container.linux_parameters.as_ref(),
                container.log_configuration.as_ref(),
            )
            .map_err(within(&format!("containers[{index}]")))?;
        }
        Ok(())
    }
}

impl TaskContainerProperties {
    fn amounts(&self, platform: PlatformCapability) -> Result<Amounts, ApiError> {
        check_environment("environment", self.environment.as_deref())?;
        let notations = Notations {
            requirements: self.resource_requirements.as_deref().unwrap_or_default(),
            vcpus: None,
            memory: None,
        };
        notations.amounts(platform)
    }
}

/// That no variable has a name that Batch keeps to itself.
pub(super) fn check_environment(
    field: &str,
    environment: Option<&[EnvironmentVariable]>,
) -> Checked {
    for (index, variable) in environment.unwrap_or_default().iter().enumerate() {
        let name = variable.name.as_deref().unwrap_or_default();
        if name.starts_with(RESERVED) {
            let message = format!("Environment variable {name} must not begin with {RESERVED}.");
            return Err(ApiError::client(format!("{field}[{index}].name"), message));
        }
    }
    Ok(())
}

fn not_on_fargate(field: &str) -> ApiError {
    let name = field.rsplit('.').next().unwrap_or(field);
    ApiError::client(field, format!("{name} is not applicable for Fargate."))
}

fn network_configuration_on_ec2() -> ApiError {
    ApiError::client(
        "networkConfiguration",
        "networkConfiguration not applicable for EC2.",
    )
}

fn check_execution_role(role: Option<&str>) -> Checked {
    if role.is_some_and(|role| !role.is_empty()) {
        return Ok(());
    }
    let message = "executionRoleArn is required for Fargate.";
    Err(ApiError::client("executionRoleArn", message))
}

fn check_platform_version(version: Option<&str>) -> Checked {
    match version {
        Some(version) if !PLATFORM_VERSIONS.contains(&version) => {
            let message = format!(
                "platformVersion is '{version}'; it may be {}.",
                PLATFORM_VERSIONS.join(", ")
            );
            Err(ApiError::client("platformVersion", message))
        }
        _ => Ok(()),
    }
}

fn check_storage(storage: Option<&EphemeralStorage>) -> Checked {
    let size = storage.map(|storage| i64::from(storage.size_in_gib));
    let (least, most) = EPHEMERAL_STORAGE.into_inner();
    super::in_range(
        "ephemeralStorage.sizeInGiB",
        size,
        least.into()..=most.into(),
    )
}

/// Source: AWS Batch user guide, Fargate job definitions. A list or flag that is empty counts as absent,
/// because descriptions print such.
fn check_fargate_options(
    privileged: Option<bool>,
    ulimits: Option<&[Value]>,
    linux: Option<&LinuxParameters>,
    log: Option<&LogConfiguration>,
) -> Checked {
    let some = |list: Option<&[Value]>| list.is_some_and(|list| !list.is_empty());
    let mut refused = vec![
        ("privileged", privileged == Some(true)),
        ("ulimits", some(ulimits)),
    ];
    if let Some(linux) = linux {
        refused.extend([
            ("linuxParameters.devices", some(linux.devices.as_deref())),
            ("linuxParameters.maxSwap", linux.max_swap.is_some()),
            (
                "linuxParameters.sharedMemorySize",
                linux.shared_memory_size.is_some(),
            ),
            ("linuxParameters.swappiness", linux.swappiness.is_some()),
            ("linuxParameters.tmpfs", some(linux.tmpfs.as_deref())),
        ]);
    }
    if let Some((field, _)) = refused.into_iter().find(|(_, given)| *given) {
        return Err(not_on_fargate(field));
    }
    match log {
        Some(log) if !FARGATE_LOG_DRIVERS.contains(&log.log_driver.as_str()) => {
            let message = format!(
                "logDriver is '{}'; on Fargate it may be {}.",
                log.log_driver,
                FARGATE_LOG_DRIVERS.join(" or ")
            );
            Err(ApiError::client("logConfiguration.logDriver", message))
        }
        _ => Ok(()),
    }
}
