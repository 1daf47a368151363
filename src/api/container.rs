//! Container definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A container of a task definition, as RegisterTaskDefinition takes it.
///
/// Source: ECS API reference, ContainerDefinition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerDefinition {
    /// Name, unique in the task definition: up to 255 letters, digits, `_` and `-`.
    pub name: String,
    /// CPU units reserved for the container; 1024 are one vCPU. Absent is 0.
    pub cpu: Option<u32>,
    /// Hard limit in MiB, at least 6: the container is killed when it uses more.
    pub memory: Option<u32>,
    /// Soft limit in MiB, at least 6: what is taken from the instance in place of `memory`.
    pub memory_reservation: Option<u32>,
    /// Whether the task stops when this container does. Absent is true.
    pub essential: Option<bool>,
    /// Ports of the container and of the host.
    pub port_mappings: Option<Vec<PortMapping>>,
    /// GPUs.
    pub resource_requirements: Option<Vec<ResourceRequirement>>,
    /// Containers that must have come so far before this one starts.
    pub depends_on: Option<Vec<ContainerDependency>>,
    /// Seconds to wait for this container before those that depend on it give up.
    pub start_timeout: Option<u32>,
    /// Seconds from the stop signal to the kill; Fargate: 2 to 120.
    pub stop_timeout: Option<u32>,
    /// Health check of the container.
    pub health_check: Option<HealthCheck>,
    /// Restart of the container within its task.
    pub restart_policy: Option<RestartPolicy>,
    /// Image; without effect.
    pub image: Option<String>,
    /// Command; without effect.
    pub command: Option<Value>,
    /// Entry point; without effect.
    pub entry_point: Option<Value>,
    /// Environment variables; without effect.
    pub environment: Option<Value>,
    /// Files of environment variables; without effect.
    pub environment_files: Option<Value>,
    /// Secrets; without effect.
    pub secrets: Option<Value>,
    /// Log configuration; without effect.
    pub log_configuration: Option<Value>,
    /// Log router; without effect.
    pub firelens_configuration: Option<Value>,
    /// Credentials of the image registry; without effect.
    pub repository_credentials: Option<Value>,
    /// Links to other containers; without effect.
    pub links: Option<Value>,
    /// Mounted volumes; without effect.
    pub mount_points: Option<Value>,
    /// Volumes of other containers; without effect.
    pub volumes_from: Option<Value>,
    /// Linux options; without effect.
    pub linux_parameters: Option<Value>,
    /// Whether image tags are resolved once for all tasks; without effect.
    pub version_consistency: Option<Value>,
    /// Host name; without effect.
    pub hostname: Option<Value>,
    /// User; without effect.
    pub user: Option<Value>,
    /// Working directory; without effect.
    pub working_directory: Option<Value>,
    /// Whether networking is off in the container; without effect.
    pub disable_networking: Option<Value>,
    /// Whether the container is privileged, which Fargate does not allow.
    pub privileged: Option<bool>,
    /// Whether the root file system is read-only; without effect.
    pub readonly_root_filesystem: Option<Value>,
    /// DNS servers; without effect.
    pub dns_servers: Option<Value>,
    /// DNS search domains; without effect.
    pub dns_search_domains: Option<Value>,
    /// Additional hosts; without effect.
    pub extra_hosts: Option<Value>,
    /// Security options; without effect.
    pub docker_security_options: Option<Value>,
    /// Whether standard input stays open; without effect.
    pub interactive: Option<Value>,
    /// Whether a terminal is allocated; without effect.
    pub pseudo_terminal: Option<Value>,
    /// Labels; without effect.
    pub docker_labels: Option<Value>,
    /// Limits of the operating system; without effect.
    pub ulimits: Option<Value>,
    /// Kernel parameters; without effect.
    pub system_controls: Option<Value>,
    /// Credential specifications; without effect.
    pub credential_specs: Option<Value>,
}

impl ContainerDefinition {
    /// Whether the task stops when this container does.
    pub fn is_essential(&self) -> bool {
        self.essential.unwrap_or(true)
    }

    /// CPU units that the container reserves.
    pub(super) fn reserved_cpu(&self) -> u64 {
        self.cpu.unwrap_or(0).into()
    }

    /// MiB that the container reserves: the soft limit if there is one, otherwise the hard one.
    ///
    /// Source: ECS API reference, ContainerDefinition, `memoryReservation`.
    pub(super) fn reserved_memory(&self) -> u64 {
        self.soft_memory()
            .or(self.hard_memory())
            .unwrap_or(0)
            .into()
    }

    /// The hard limit, where 0 is none.
    pub(super) fn hard_memory(&self) -> Option<u32> {
        self.memory.filter(|&mib| mib > 0)
    }

    /// The soft limit, where 0 is none.
    pub(super) fn soft_memory(&self) -> Option<u32> {
        self.memory_reservation.filter(|&mib| mib > 0)
    }
}

/// A port, or range of ports, of a container, and the port of the host that leads to it.
///
/// Source: ECS API reference, PortMapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortMapping {
    /// Port of the container.
    pub container_port: Option<u16>,
    /// Port of the host; 0 or absent: picked when the container starts, and not reserved.
    pub host_port: Option<u16>,
    /// `udp`; anything else is `tcp`.
    pub protocol: Option<String>,
    /// Ports of the container such as `8080-8090`, in place of `containerPort`.
    pub container_port_range: Option<String>,
    /// Name for Service Connect; without effect.
    pub name: Option<Value>,
    /// Application protocol; without effect.
    pub app_protocol: Option<Value>,
}

/// A device that a container asks for.
///
/// Source: ECS API reference, ResourceRequirement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceRequirement {
    /// Kind of device; only `GPU` is simulated.
    pub r#type: ResourceType,
    /// How many, a whole number of at least 1, or `ALL` of the instance.
    pub value: Option<String>,
    /// Part of one GPU in place of whole ones.
    pub sharing_strategy: Option<SharingStrategy>,
}

/// How a container shares a GPU with others.
///
/// Source: ECS API reference, SharingStrategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SharingStrategy {
    /// Sharing by NVIDIA Multi-Process Service.
    pub nvidia_mps: NvidiaMpsAllocation,
}

/// What a container has of a GPU that is shared by NVIDIA Multi-Process Service.
///
/// Source: ECS API reference, NvidiaMpsAllocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NvidiaMpsAllocation {
    /// GPU memory in MiB, at least 1. All containers of a task that share have the same GPU.
    pub memory: u32,
    /// Ceiling on the use of the GPU's compute capacity in percent: 1 to 100; nothing is reserved.
    pub max_compute_percent: Option<u32>,
}

/// Kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResourceType {
    /// GPUs, whole or shared.
    #[serde(rename = "GPU")]
    Gpu,
    /// Elastic Inference accelerators; not simulated.
    InferenceAccelerator,
    /// Neuron devices; not simulated.
    NeuronDevice,
}

/// A container that must have come so far before another one starts.
///
/// Source: ECS API reference, ContainerDependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerDependency {
    /// Name of the container that goes first.
    pub container_name: String,
    /// How far it must have come.
    pub condition: Condition,
}

/// How far a container must have come for those that depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Condition {
    /// It has started.
    Start,
    /// It has exited, with any code.
    Complete,
    /// It has exited with code 0.
    Success,
    /// Its health check has passed.
    Healthy,
}

/// How ECS finds out whether a container is healthy.
///
/// Source: ECS API reference, HealthCheck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// Command that is run; without effect.
    pub command: Value,
    /// Seconds between checks: 5 to 300. Absent is 30.
    pub interval: Option<u32>,
    /// Seconds after which a check has failed: 2 to 60. Absent is 5.
    pub timeout: Option<u32>,
    /// Failures after which the container is unhealthy: 1 to 10. Absent is 3.
    pub retries: Option<u32>,
    /// Seconds in which failures do not count: 0 to 300. Absent is off.
    pub start_period: Option<u32>,
}

/// Restart of a container within its task.
///
/// Source: ECS API reference, ContainerRestartPolicy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestartPolicy {
    /// Whether the container is restarted at all.
    pub enabled: bool,
    /// Exit codes after which it is not restarted: at most 50.
    pub ignored_exit_codes: Option<Vec<i64>>,
    /// Seconds it must have run to be restarted: 60 to 1800. Absent is 300.
    pub restart_attempt_period: Option<u32>,
}
