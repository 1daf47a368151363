//! The rules of RegisterTaskDefinition.

use std::ops::RangeInclusive;

use super::container::{Condition, ContainerDefinition, PortMapping};
use super::demand::GpuDemand;
use super::error::{ApiError, Checked};
use super::fargate::FargateSizes;
use super::placement::{MAX_CONSTRAINTS, PlacementConstraintType, check_constraints};
use super::task_definition::{Host, LaunchType, NetworkMode, OperatingSystem, TaskDefinition};
use crate::model::resources::Protocol;

/// Most containers of a task definition. Source: developer guide, service quotas.
const MAX_CONTAINERS: usize = 10;

/// Most bytes of a task definition as compact JSON. Source: developer guide, service quotas.
const MAX_BYTES: usize = 64 * 1024;

/// Most revisions of a family. Source: developer guide, service quotas.
const MAX_REVISION: u32 = 1_000_000;

/// Most characters of a name. Source: ECS API, RegisterTaskDefinition, CreateService and
/// CreateCapacityProvider.
const MAX_NAME: usize = 255;

/// Least memory of a container in MiB, which Docker needs. Source: ECS API, ContainerDefinition.
const MIN_CONTAINER_MEMORY: u32 = 6;

/// CPU units that a task may have on a container instance. Source: ECS API, RegisterTaskDefinition.
const INSTANCE_CPU: RangeInclusive<u32> = 128..=196_608;

/// Most port ranges of a container. Source: ECS API, PortMapping.
const MAX_PORT_RANGES: usize = 100;

/// Most exit codes that a restart policy may ignore. Source: ECS API, ContainerRestartPolicy.
const MAX_IGNORED_EXIT_CODES: usize = 50;

impl TaskDefinition {
    /// Checks the definition as RegisterTaskDefinition does, against the given sizes if it is to
    /// run on Fargate.
    ///
    /// # Errors
    /// The first rule that is broken: ClientException, and InvalidParameterException for the
    /// expressions of constraints [U-26].
    pub fn validate(&self, sizes: FargateSizes) -> Checked {
        self.check_identity()?;
        self.check_container_list()?;
        self.check_container_memory()?;
        self.check_hard_and_soft()?;
        let host = if self.requires(LaunchType::Fargate) {
            Host::Fargate(sizes)
        } else {
            Host::Instance
        };
        self.check_containers_fit(host)?;
        self.check_task_size(host)?;
        self.check_windows_gpus()?;
        if host != Host::Instance {
            self.check_fargate_features()?;
        }
        self.check_storage()?;
        self.demand(None, Host::Instance)?;
        self.check_timeouts()?;
        self.check_dependencies()?;
        self.check_ports()?;
        self.check_constraint_types()?;
        check_constraints(self.placement_constraints.as_deref().unwrap_or_default())?;
        let bytes = super::compact(self).len();
        if bytes > MAX_BYTES {
            let message =
                format!("Task definition has {bytes} bytes; at most {MAX_BYTES} are allowed.");
            return Err(ApiError::client("", message));
        }
        Ok(())
    }

    /// The rules on sizes after overrides, in the order in which ECS is taken to judge them: sums,
    /// then the size itself, then hard against soft limits, where ECS is taken to answer with
    /// InvalidParameterException [U-38].
    pub(super) fn check_overridden_sizes(&self, host: Host) -> Checked {
        self.check_containers_fit(host)?;
        self.check_task_size(host)?;
        self.check_windows_gpus()?;
        self.check_storage()?;
        self.demand(None, Host::Instance)?;
        self.check_hard_and_soft()
            .map_err(|error| ApiError::invalid(error.field, error.message))
    }

    fn check_identity(&self) -> Checked {
        check_name("family", "Family", &self.family)?;
        match self.revision {
            Some(revision) if !(1..=MAX_REVISION).contains(&revision) => {
                let message = format!("Revision is {revision}; it may be 1 to {MAX_REVISION}.");
                Err(ApiError::client("revision", message))
            }
            _ => Ok(()),
        }
    }

    fn check_container_list(&self) -> Checked {
        let containers = &self.container_definitions;
        let refuse = |message: &str| Err(ApiError::client("containerDefinitions", message));
        if containers.is_empty() {
            return refuse("Container list cannot be empty");
        }
        if containers.len() > MAX_CONTAINERS {
            return refuse("Too many containers.");
        }
        for (index, container) in containers.iter().enumerate() {
            let field = format!("containerDefinitions[{index}].name");
            check_name(&field, "Container name", &container.name)?;
            if containers[..index]
                .iter()
                .any(|earlier| earlier.name == container.name)
            {
                let message = format!(
                    "Container name '{}' is used more than once.",
                    container.name
                );
                return Err(ApiError::client(field, message));
            }
        }
        if !containers.iter().any(ContainerDefinition::is_essential) {
            return refuse("Task definition doesn't have any essential container");
        }
        Ok(())
    }

    fn check_container_memory(&self) -> Checked {
        self.each_container(|container| {
            let (hard, soft) = (container.hard_memory(), container.soft_memory());
            if self.memory.is_none() && hard.is_none() && soft.is_none() {
                let message = format!(
                    "Invalid setting for container '{}'. At least one of 'memory' or 'memoryReservation' must be \
                     specified.",
                    container.name
                );
                return Err(ApiError::client("memory", message));
            }
            for (field, mib) in [("memory", hard), ("memoryReservation", soft)] {
                if let Some(mib) = mib.filter(|&mib| mib < MIN_CONTAINER_MEMORY) {
                    let message = format!(
                        "Invalid '{field}' setting for container '{}': {mib} MiB; at least {MIN_CONTAINER_MEMORY} \
                         are needed.",
                        container.name
                    );
                    return Err(ApiError::client(field, message));
                }
            }
            Ok(())
        })
    }

    fn check_hard_and_soft(&self) -> Checked {
        self.each_container(
            |container| match (container.hard_memory(), container.soft_memory()) {
                (Some(hard), Some(soft)) if hard < soft => Err(ApiError::client(
                    "memory",
                    "'memory' must be greater than or equal to 'memoryReservation'",
                )),
                _ => Ok(()),
            },
        )
    }

    /// The containers against the task size: no hard limit above it, no sum of reservations above it.
    /// On a Windows instance the task size is ignored, and nothing is compared with it.
    fn check_containers_fit(&self, host: Host) -> Checked {
        if self.ignores_size_on(host) {
            return Ok(());
        }
        if let Some(memory) = self.memory.as_ref().map(|size| size.mib()) {
            self.each_container(|container| {
                if container.hard_memory().is_none_or(|hard| hard <= memory) {
                    return Ok(());
                }
                let name = &container.name;
                let message = format!(
                    "The 'memory' setting for container '{name}' is greater than for the task"
                );
                Err(ApiError::client("memory", message))
            })?;
        }
        let sum = self.containers_cpu();
        if self
            .cpu
            .as_ref()
            .is_some_and(|size| sum > size.units().into())
        {
            let message = "The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value";
            return Err(ApiError::client("cpu", message));
        }
        let sum = self.containers_memory();
        if self
            .memory
            .as_ref()
            .is_some_and(|size| sum > size.mib().into())
        {
            let message = "The sum of all container 'memoryReservation' values cannot be greater than the value of \
                           the task 'memory'.";
            return Err(ApiError::client("memory", message));
        }
        Ok(())
    }

    fn check_task_size(&self, host: Host) -> Checked {
        match host {
            Host::Fargate(sizes) => self.check_fargate_size(sizes),
            Host::Instance => self.check_instance_size(),
        }
    }

    fn check_instance_size(&self) -> Checked {
        if self.ignores_size_on(Host::Instance) {
            return Ok(());
        }
        if let Some(units) = self
            .cpu
            .as_ref()
            .map(|size| size.units())
            .filter(|units| !INSTANCE_CPU.contains(units))
        {
            let (least, most) = INSTANCE_CPU.into_inner();
            let message = format!(
                "Invalid 'cpu' setting for task. It is {units} CPU units; on EC2 it may be {least} to {most}."
            );
            return Err(ApiError::client("cpu", message));
        }
        if self.memory.as_ref().is_some_and(|size| size.mib() == 0) {
            return Err(ApiError::client(
                "memory",
                "Invalid 'memory' setting for task. It is 0 MiB.",
            ));
        }
        Ok(())
    }

    /// Source: developer guide, "Task definitions for GPU workloads".
    fn check_windows_gpus(&self) -> Checked {
        if self.operating_system() == OperatingSystem::Linux || self.gpus()? == GpuDemand::NONE {
            return Ok(());
        }
        Err(ApiError::client(
            "containerDefinitions",
            "GPUs are not supported for Windows containers.",
        ))
    }

    /// Source: ECS API, EphemeralStorage.
    fn check_storage(&self) -> Checked {
        let storage = self.ephemeral_storage.as_ref();
        let size = storage.map(|storage| storage.size_in_gib);
        in_range("ephemeralStorage.sizeInGiB", size, 21, 200)
    }

    /// Source: ECS API, RegisterTaskDefinition, `cpu`: ignored for Windows containers; Fargate
    /// needs it for every task.
    fn ignores_size_on(&self, host: Host) -> bool {
        host == Host::Instance && self.operating_system() == OperatingSystem::Windows
    }

    fn check_timeouts(&self) -> Checked {
        let fargate = self.requires(LaunchType::Fargate);
        self.each_container(|container| {
            if fargate {
                in_range("startTimeout", container.start_timeout, 2, 120)?;
                in_range("stopTimeout", container.stop_timeout, 2, 120)?;
            }
            in_range("stopTimeout", container.stop_timeout, 1, u32::MAX)?;
            if let Some(check) = &container.health_check {
                in_range("healthCheck.interval", check.interval, 5, 300)?;
                in_range("healthCheck.timeout", check.timeout, 2, 60)?;
                in_range("healthCheck.retries", check.retries, 1, 10)?;
                in_range("healthCheck.startPeriod", check.start_period, 0, 300)?;
            }
            let Some(policy) = &container.restart_policy else {
                return Ok(());
            };
            in_range(
                "restartPolicy.restartAttemptPeriod",
                policy.restart_attempt_period,
                60,
                1800,
            )?;
            let codes = policy.ignored_exit_codes.as_ref().map_or(0, Vec::len);
            if codes > MAX_IGNORED_EXIT_CODES {
                let message = format!(
                    "{codes} exit codes are ignored; at most {MAX_IGNORED_EXIT_CODES} may be."
                );
                return Err(ApiError::client("restartPolicy.ignoredExitCodes", message));
            }
            Ok(())
        })
    }

    fn check_dependencies(&self) -> Checked {
        self.each_container(|container| {
            for (index, dependency) in container.depends_on.iter().flatten().enumerate() {
                let name = &dependency.container_name;
                let field = format!("dependsOn[{index}].containerName");
                let Some(target) = self.container(name) else {
                    let message = format!("Container '{}' depends on unknown container '{name}'.", container.name);
                    return Err(ApiError::client(field, message));
                };
                let broken = match dependency.condition {
                    Condition::Complete | Condition::Success if target.is_essential() => {
                        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
                    }
                    Condition::Healthy if target.health_check.is_none() => {
                        "A dependency container with HEALTHY condition must have health check configured"
                    }
                    _ => continue,
                };
                return Err(ApiError::client(format!("dependsOn[{index}].condition"), broken));
            }
            Ok(())
        })?;
        self.check_cycles()
    }

    fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.container_definitions
            .iter()
            .find(|container| container.name == name)
    }

    /// Takes away, again and again, the containers that depend on none that is left. Those that
    /// remain in the end stand on a cycle or behind one.
    fn check_cycles(&self) -> Checked {
        let mut left: Vec<&ContainerDefinition> = self.container_definitions.iter().collect();
        loop {
            let names: Vec<&str> = left
                .iter()
                .map(|container| container.name.as_str())
                .collect();
            left.retain(|container| {
                container
                    .depends_on
                    .iter()
                    .flatten()
                    .any(|item| names.contains(&item.container_name.as_str()))
            });
            if left.is_empty() {
                return Ok(());
            }
            if left.len() == names.len() {
                let message = format!("Container dependencies form a cycle: {}.", names.join(", "));
                return Err(ApiError::client("containerDefinitions", message));
            }
        }
    }

    fn check_ports(&self) -> Checked {
        let mode = self.network_mode();
        let mut taken = Vec::new();
        self.each_container(|container| {
            let mappings = container.port_mappings.as_deref().unwrap_or_default();
            let mut ranges = Vec::new();
            for (index, mapping) in mappings.iter().enumerate() {
                let within = |error: ApiError| error.within(&format!("portMappings[{index}]"));
                ranges.push((mapping.container_ports(mode).map_err(within)?, index));
                let Some(port) = mapping.static_port(mode) else {
                    continue;
                };
                if taken.contains(&port) {
                    let protocol = if port.protocol == Protocol::Udp {
                        "UDP"
                    } else {
                        "TCP"
                    };
                    let message = format!(
                        "{protocol} host port '{}' is mapped multiple times in task.",
                        port.port
                    );
                    return Err(within(ApiError::client("hostPort", message)));
                }
                taken.push(port);
            }
            check_ranges(mappings, ranges)
        })
    }

    fn check_constraint_types(&self) -> Checked {
        let constraints = self.placement_constraints.as_deref().unwrap_or_default();
        if constraints.len() > MAX_CONSTRAINTS {
            let message = format!(
                "{} placement constraints; at most {MAX_CONSTRAINTS} are allowed",
                constraints.len()
            );
            return Err(ApiError::client("placementConstraints", message));
        }
        match constraints
            .iter()
            .position(|item| item.r#type == PlacementConstraintType::DistinctInstance)
        {
            Some(index) => Err(ApiError::client(
                format!("placementConstraints[{index}].type"),
                "constraint.type 'distinctInstance' is not supported.",
            )),
            None => Ok(()),
        }
    }

    /// Runs `check` on each container; fields of errors are seen from the task definition.
    pub(super) fn each_container(
        &self,
        mut check: impl FnMut(&ContainerDefinition) -> Checked,
    ) -> Checked {
        self.container_definitions
            .iter()
            .enumerate()
            .try_for_each(|(index, container)| {
                check(container)
                    .map_err(|error| error.within(&format!("containerDefinitions[{index}]")))
            })
    }
}

impl PortMapping {
    /// First and last port of the container, once the mapping is found to suit network mode `mode`.
    fn container_ports(&self, mode: NetworkMode) -> Result<(u16, u16), ApiError> {
        if mode == NetworkMode::None {
            return Err(ApiError::client(
                "",
                "Port mappings are not allowed when networkMode=none.",
            ));
        }
        let Some(range) = &self.container_port_range else {
            return self.single_port(mode);
        };
        let refuse = |message: String| Err(ApiError::client("containerPortRange", message));
        if self.container_port.is_some() || self.host_port.is_some() {
            return refuse(
                "A containerPortRange stands alone, without containerPort and hostPort.".into(),
            );
        }
        if !matches!(mode, NetworkMode::Bridge | NetworkMode::Awsvpc) {
            return refuse("A containerPortRange needs networkMode bridge or awsvpc.".into());
        }
        let ends = range
            .split_once('-')
            .map(|(first, last)| (first.parse(), last.parse()));
        match ends {
            Some((Ok(first), Ok(last))) if 0 < first && first < last => Ok((first, last)),
            _ => refuse(format!(
                "containerPortRange '{range}' is invalid; write it such as '8080-8090', within 1 to 65535."
            )),
        }
    }

    fn single_port(&self, mode: NetworkMode) -> Result<(u16, u16), ApiError> {
        let port = self
            .container_port
            .filter(|&port| port > 0)
            .ok_or_else(|| {
                ApiError::client(
                    "containerPort",
                    "A port mapping needs a containerPort of 1 to 65535, or a containerPortRange.",
                )
            })?;
        let name = match mode {
            NetworkMode::Awsvpc => "awsvpc",
            NetworkMode::Host => "host",
            _ => return Ok((port, port)),
        };
        if self
            .host_port
            .is_some_and(|host_port| host_port != 0 && host_port != port)
        {
            let message = format!(
                "When networkMode={name}, the host ports and container ports in port mappings must match."
            );
            return Err(ApiError::client("hostPort", message));
        }
        Ok((port, port))
    }
}

/// A port of a container may stand in one mapping only, under whatever protocol.
/// Source: ECS API reference, PortMapping, `containerPortRange`.
fn check_ranges(mappings: &[PortMapping], mut ranges: Vec<((u16, u16), usize)>) -> Checked {
    let count = mappings
        .iter()
        .filter(|mapping| mapping.container_port_range.is_some())
        .count();
    if count > MAX_PORT_RANGES {
        let message = format!("{count} port ranges; a container may have {MAX_PORT_RANGES}.");
        return Err(ApiError::client("portMappings", message));
    }
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        let (((_, last), one), ((first, _), two)) = (pair[0], pair[1]);
        if first <= last {
            let message = format!(
                "Container port '{first}' is in more than one port mapping of the container."
            );
            return Err(ApiError::client(
                format!("portMappings[{}]", one.max(two)),
                message,
            ));
        }
    }
    Ok(())
}

pub(super) fn is_name(name: &str) -> bool {
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed)
}

fn check_name(field: &str, noun: &str, name: &str) -> Checked {
    if is_name(name) {
        return Ok(());
    }
    let message =
        format!("{noun} '{name}' is invalid; it has 1 to {MAX_NAME} letters, digits, '_' and '-'.");
    Err(ApiError::client(field, message))
}

pub(super) fn in_range(field: &str, value: Option<u32>, least: u32, most: u32) -> Checked {
    match value {
        Some(value) if value > most => Err(ApiError::client(
            field,
            format!("{field} is {value}; it may be at most {most}."),
        )),
        Some(value) if value < least => Err(ApiError::client(
            field,
            format!("{field} is {value}; it must be at least {least}."),
        )),
        _ => Ok(()),
    }
}
