//! What a task takes from the instance it is placed on.

use super::container::{
    ContainerDefinition, NvidiaMpsAllocation, PortMapping, ResourceRequirement, ResourceType,
};
use super::error::ApiError;
use super::overrides::TaskOverride;
use super::registration::in_range;
use super::task_definition::{Host, NetworkMode, OperatingSystem, TaskDefinition};
use crate::model::resources::{Demand, HostPort, Protocol, Resources};

/// GPUs that a container or a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuDemand {
    /// So many whole GPUs.
    Whole(u32),
    /// All GPUs of the instance, which must all be free [U-18].
    All,
    /// So many MiB of the memory of one GPU that is shared with others; at least 1.
    Shared(u32),
}

impl GpuDemand {
    /// No GPU at all.
    pub const NONE: GpuDemand = GpuDemand::Whole(0);

    /// Both together; nothing when one is for whole GPUs and the other for a shared one. `ALL`
    /// beside another request for whole GPUs never fits [U-18]; such a demand is written as more
    /// GPUs than there can be.
    fn plus(self, other: GpuDemand) -> Option<GpuDemand> {
        Some(match (self, other) {
            (GpuDemand::NONE, sum) | (sum, GpuDemand::NONE) => sum,
            (GpuDemand::Whole(one), GpuDemand::Whole(two)) => {
                GpuDemand::Whole(one.saturating_add(two))
            }
            (GpuDemand::Shared(one), GpuDemand::Shared(two)) => {
                GpuDemand::Shared(one.saturating_add(two))
            }
            (GpuDemand::Shared(_), _) | (_, GpuDemand::Shared(_)) => return None,
            (GpuDemand::All, _) | (_, GpuDemand::All) => GpuDemand::Whole(u32::MAX),
        })
    }

    /// The sum of all.
    fn sum(parts: impl IntoIterator<Item = Result<GpuDemand, ApiError>>) -> Result<Self, ApiError> {
        parts.into_iter().try_fold(GpuDemand::NONE, |sum, part| {
            sum.plus(part?).ok_or_else(|| {
                let message = "All containers of a task that use GPUs must use the same option: whole GPUs, or a \
                               sharing strategy.";
                ApiError::client("", message)
            })
        })
    }
}

impl TaskDefinition {
    /// What a task of this definition takes from its host, overrides applied.
    ///
    /// On a Linux instance a task size counts in place of the sums over the containers; on Windows
    /// it is ignored. Of a container's memory the soft limit counts, if there is one. On Fargate
    /// the demand is the task size and one network interface.
    /// Source: Amazon ECS agent, `task.go`, `ToHostResources`; ECS API, ContainerDefinition.
    ///
    /// # Errors
    /// As [`TaskDefinition::with_overrides`]; for a definition that [`TaskDefinition::validate`]
    /// takes and no overrides there is none on an instance.
    pub fn demand(&self, overrides: Option<&TaskOverride>, host: Host) -> Result<Demand, ApiError> {
        let task = self.with_overrides(overrides, host)?;
        match host {
            Host::Instance => task.demand_on_instance(),
            Host::Fargate(_) => {
                let (cpu, memory) = task.fargate_size()?;
                let resources = Resources {
                    cpu,
                    memory,
                    gpus: 0,
                    enis: 1,
                };
                Ok(Demand {
                    resources,
                    ..Demand::default()
                })
            }
        }
    }

    fn demand_on_instance(&self) -> Result<Demand, ApiError> {
        let gpus = self.gpus()?;
        let resources = Resources {
            cpu: within_u32("cpu", self.reserved_cpu())?,
            memory: within_u32("memory", self.reserved_memory())?,
            gpus: match gpus {
                GpuDemand::Whole(count) => count,
                GpuDemand::All => 1,
                GpuDemand::Shared(_) => 0,
            },
            enis: u32::from(self.network_mode() == NetworkMode::Awsvpc),
        };
        let windows = (
            within_u32("cpu", self.containers_cpu())?,
            within_u32("memory", self.containers_memory())?,
        );
        let differs = windows != (resources.cpu, resources.memory);
        Ok(Demand {
            resources,
            all_gpus: gpus == GpuDemand::All,
            shared_gpu_memory: match gpus {
                GpuDemand::Shared(memory) => memory,
                GpuDemand::Whole(_) | GpuDemand::All => 0,
            },
            windows: (differs && !self.names_operating_system()).then_some(windows),
            ports: self.host_ports(),
        })
    }

    /// Sum of the GPUs of all containers.
    pub(super) fn gpus(&self) -> Result<GpuDemand, ApiError> {
        let containers = self.container_definitions.iter().enumerate();
        let sum = GpuDemand::sum(containers.map(|(index, container)| {
            container
                .gpus()
                .map_err(|error| error.within(&format!("[{index}]")))
        }));
        sum.map_err(|error| error.within("containerDefinitions"))
    }

    fn reserved_cpu(&self) -> u64 {
        match &self.cpu {
            Some(size) if self.size_counts() && size.units() > 0 => size.units().into(),
            _ => self.containers_cpu(),
        }
    }

    fn reserved_memory(&self) -> u64 {
        match &self.memory {
            Some(size) if self.size_counts() && size.mib() > 0 => size.mib().into(),
            _ => self.containers_memory(),
        }
    }

    /// CPU units that the containers reserve together.
    pub(super) fn containers_cpu(&self) -> u64 {
        let containers = self.container_definitions.iter();
        containers.map(ContainerDefinition::reserved_cpu).sum()
    }

    /// MiB that the containers reserve together.
    pub(super) fn containers_memory(&self) -> u64 {
        let containers = self.container_definitions.iter();
        containers.map(ContainerDefinition::reserved_memory).sum()
    }

    /// Task-level sizes are ignored for Windows. Source: ECS API, RegisterTaskDefinition, `cpu`.
    fn size_counts(&self) -> bool {
        self.operating_system() == OperatingSystem::Linux
    }

    /// Static host ports, ascending. Tasks in `awsvpc` mode have an address of their own and take none.
    fn host_ports(&self) -> Vec<HostPort> {
        let mode = self.network_mode();
        if matches!(mode, NetworkMode::Awsvpc | NetworkMode::None) {
            return Vec::new();
        }
        let mappings = self
            .container_definitions
            .iter()
            .flat_map(|container| container.port_mappings.iter().flatten());
        let mut ports: Vec<_> = mappings
            .filter_map(|mapping| mapping.static_port(mode))
            .collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

fn within_u32(field: &str, amount: u64) -> Result<u32, ApiError> {
    u32::try_from(amount).map_err(|_| {
        ApiError::client(
            field,
            format!("The containers need a {field} of {amount}, more than any instance has."),
        )
    })
}

impl ContainerDefinition {
    /// GPUs that the container asks for.
    pub(super) fn gpus(&self) -> Result<GpuDemand, ApiError> {
        let items = self.resource_requirements.iter().flatten().enumerate();
        let sum = GpuDemand::sum(items.map(|(index, item)| {
            item.gpus()
                .map_err(|error| error.within(&format!("[{index}]")))
        }));
        sum.map_err(|error| error.within("resourceRequirements"))
    }
}

impl ResourceRequirement {
    fn gpus(&self) -> Result<GpuDemand, ApiError> {
        if self.r#type != ResourceType::Gpu {
            return Err(ApiError::unsupported(
                "type",
                "Only resources of type GPU are simulated.",
            ));
        }
        let value = self.value.as_deref().unwrap_or_default();
        if let Some(sharing) = &self.sharing_strategy {
            if !value.is_empty() {
                let message =
                    "GPUs are asked for with 'value' or with 'sharingStrategy', not with both.";
                return Err(ApiError::client("value", message));
            }
            return sharing
                .nvidia_mps
                .memory()
                .map_err(|error| error.within("sharingStrategy.nvidiaMps"));
        }
        match value.parse() {
            _ if value == "ALL" => Ok(GpuDemand::All),
            Ok(count) if count > 0 => Ok(GpuDemand::Whole(count)),
            _ => {
                let message = format!(
                    "GPU value '{value}' is invalid; it is a whole number of at least 1, or ALL."
                );
                Err(ApiError::client("value", message))
            }
        }
    }
}

impl NvidiaMpsAllocation {
    /// The memory alone is reserved; the ceiling on compute is not.
    fn memory(&self) -> Result<GpuDemand, ApiError> {
        in_range("memory", Some(self.memory), 1, u32::MAX)?;
        in_range("maxComputePercent", self.max_compute_percent, 1, 100)?;
        Ok(GpuDemand::Shared(self.memory))
    }
}

impl PortMapping {
    /// The port of the host that the mapping reserves in network mode `mode`, if any.
    ///
    /// Source: ECS API reference, PortMapping, `hostPort`: 0 and absent are one, and in `host` mode
    /// the container's port is the host's.
    pub fn static_port(&self, mode: NetworkMode) -> Option<HostPort> {
        let port = match (self.host_port.unwrap_or(0), mode) {
            (0, NetworkMode::Host) => self.container_port.unwrap_or(0),
            (port, _) => port,
        };
        let protocol = match self.protocol.as_deref() {
            Some("udp") => Protocol::Udp,
            _ => Protocol::Tcp,
        };
        (port > 0).then_some(HostPort { protocol, port })
    }
}
