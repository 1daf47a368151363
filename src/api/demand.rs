//! What a task takes from the instance it is placed on.

use super::container::{ContainerDefinition, PortMapping, ResourceRequirement, ResourceType};
use super::error::ApiError;
use super::overrides::TaskOverride;
use super::task_definition::{Host, NetworkMode, OperatingSystem, TaskDefinition};
use crate::model::resources::{Demand, HostPort, Protocol, Resources};

/// GPUs that a container or a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuDemand {
    /// So many whole GPUs.
    Whole(u32),
    /// All GPUs of the instance, which must all be free [U-18].
    All,
}

impl GpuDemand {
    /// Both together. `ALL` beside any other request never fits [U-18]; such a demand is written as
    /// more GPUs than there can be.
    fn plus(self, other: GpuDemand) -> GpuDemand {
        match (self, other) {
            (GpuDemand::Whole(0), sum) | (sum, GpuDemand::Whole(0)) => sum,
            (GpuDemand::Whole(one), GpuDemand::Whole(two)) => {
                GpuDemand::Whole(one.saturating_add(two))
            }
            _ => GpuDemand::Whole(u32::MAX),
        }
    }
}

impl TaskDefinition {
    /// What a task of this definition takes from a container instance, overrides applied.
    ///
    /// On Linux a task size counts in place of the sums over the containers; on Windows it is
    /// ignored. Of a container's memory the soft limit counts, if there is one.
    /// Source: Amazon ECS agent, `task.go`, `ToHostResources`; ECS API, ContainerDefinition.
    ///
    /// # Errors
    /// As [`TaskDefinition::with_overrides`]; for a definition that [`TaskDefinition::validate`]
    /// takes and no overrides there is none.
    pub fn demand(&self, overrides: Option<&TaskOverride>) -> Result<Demand, ApiError> {
        let task = self.with_overrides(overrides, Host::Instance)?;
        let gpus = task.gpus()?;
        let resources = Resources {
            cpu: within_u32("cpu", task.reserved_cpu())?,
            memory: within_u32("memory", task.reserved_memory())?,
            gpus: match gpus {
                GpuDemand::Whole(count) => count,
                GpuDemand::All => 1,
            },
            enis: u32::from(task.network_mode() == NetworkMode::Awsvpc),
        };
        Ok(Demand {
            resources,
            all_gpus: gpus == GpuDemand::All,
            ports: task.host_ports(),
        })
    }

    /// GPUs of each container, in definition order, overrides applied.
    ///
    /// # Errors
    /// As [`TaskDefinition::demand`].
    pub fn gpus_by_container(
        &self,
        overrides: Option<&TaskOverride>,
    ) -> Result<Vec<GpuDemand>, ApiError> {
        let task = self.with_overrides(overrides, Host::Instance)?;
        task.container_definitions
            .iter()
            .map(ContainerDefinition::gpus)
            .collect()
    }

    /// Sum of the GPUs of all containers.
    pub(super) fn gpus(&self) -> Result<GpuDemand, ApiError> {
        self.container_definitions.iter().enumerate().try_fold(
            GpuDemand::Whole(0),
            |sum, (index, container)| {
                let gpus = container
                    .gpus()
                    .map_err(|error| error.within(&format!("containerDefinitions[{index}]")))?;
                Ok(sum.plus(gpus))
            },
        )
    }

    fn reserved_cpu(&self) -> u64 {
        match &self.cpu {
            Some(size) if self.size_counts() && size.units() > 0 => size.units().into(),
            _ => self
                .container_definitions
                .iter()
                .map(ContainerDefinition::reserved_cpu)
                .sum(),
        }
    }

    fn reserved_memory(&self) -> u64 {
        match &self.memory {
            Some(size) if self.size_counts() && size.mib() > 0 => size.mib().into(),
            _ => self
                .container_definitions
                .iter()
                .map(ContainerDefinition::reserved_memory)
                .sum(),
        }
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
    fn gpus(&self) -> Result<GpuDemand, ApiError> {
        self.resource_requirements
            .iter()
            .flatten()
            .enumerate()
            .try_fold(GpuDemand::Whole(0), |sum, (index, item)| {
                let gpus = item
                    .gpus()
                    .map_err(|error| error.within(&format!("resourceRequirements[{index}]")))?;
                Ok(sum.plus(gpus))
            })
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
        if self.sharing_strategy.is_some() {
            let message = "Sharing of GPUs is not simulated yet; ask for whole GPUs with 'value'.";
            return Err(ApiError::unsupported("sharingStrategy", message));
        }
        let value = self.value.as_deref().unwrap_or_default();
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

impl PortMapping {
    /// The port of the host that the mapping reserves in network mode `mode`, if any.
    ///
    /// Source: ECS API reference, PortMapping, `hostPort`: 0 and absent are one, and in `host` mode
    /// the container's port is the host's.
    pub(super) fn static_port(&self, mode: NetworkMode) -> Option<HostPort> {
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
