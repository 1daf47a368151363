//! What Fargate offers: task sizes and platform versions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::demand::GpuDemand;
use super::error::{ApiError, Checked, ErrorCode};
use super::task_definition::{CpuArchitecture, NetworkMode, OperatingSystem, TaskDefinition};

/// Which of the published tables of task sizes counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FargateSizes {
    /// That of the service model: up to 16 vCPUs.
    #[default]
    Model,
    /// That of the newest developer guide: up to 32 vCPUs.
    Newest,
}

/// Platform versions of Linux, oldest first; Windows has the first only.
/// Source: developer guide, "Fargate platform versions".
const PLATFORMS: [&str; 5] = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"];

/// Whether Fargate offers tasks of `cpu` CPU units and `memory` MiB.
///
/// Source: ECS API reference, RegisterTaskDefinition, `memory`; developer guide, "Task size".
pub fn is_fargate_size(
    cpu: u32,
    memory: u32,
    system: OperatingSystem,
    sizes: FargateSizes,
) -> bool {
    let steps = |least, most, step| (least..=most).contains(&memory) && memory.is_multiple_of(step);
    let linux = system == OperatingSystem::Linux;
    match cpu {
        256 => linux && [512, 1024, 2048].contains(&memory),
        512 => linux && steps(1024, 4096, 1024),
        1024 => steps(2048, 8192, 1024),
        2048 => steps(4096, 16_384, 1024),
        4096 => steps(8192, 30_720, 1024),
        8192 => linux && steps(16_384, 61_440, 4096),
        16_384 => linux && steps(32_768, 122_880, 8192),
        32_768 => {
            sizes == FargateSizes::Newest && linux && [61_440, 122_880, 249_856].contains(&memory)
        }
        _ => false,
    }
}

impl TaskDefinition {
    /// CPU units and MiB of the task on Fargate.
    pub(super) fn fargate_size(&self) -> Result<(u32, u32), ApiError> {
        let required = |field| {
            ApiError::client(
                field,
                format!("Fargate requires that '{field}' be defined at the task level"),
            )
        };
        let cpu = self.cpu.as_ref().ok_or_else(|| required("cpu"))?;
        let memory = self.memory.as_ref().ok_or_else(|| required("memory"))?;
        Ok((cpu.units(), memory.mib()))
    }

    pub(super) fn check_fargate_size(&self, sizes: FargateSizes) -> Checked {
        let (cpu, memory) = self.fargate_size()?;
        if is_fargate_size(cpu, memory, self.operating_system(), sizes) {
            return Ok(());
        }
        Err(ApiError::client(
            "cpu",
            "No Fargate configuration exists for given values.",
        ))
    }

    /// What a definition must and must not have besides its size. Host ports need no rule of their
    /// own: in mode `awsvpc` none is taken.
    pub(super) fn check_fargate_features(&self) -> Checked {
        if self.gpus()? != GpuDemand::NONE {
            return Err(ApiError::client(
                "containerDefinitions",
                "GPUs are not supported on Fargate.",
            ));
        }
        self.each_container(|container| match container.privileged {
            Some(true) => Err(ApiError::client(
                "privileged",
                "Privileged containers are not supported on Fargate.",
            )),
            _ => Ok(()),
        })?;
        if self.network_mode() != NetworkMode::Awsvpc {
            return Err(ApiError::client(
                "networkMode",
                "Fargate only supports network mode 'awsvpc'.",
            ));
        }
        Ok(())
    }

    /// Whether Fargate can run it: judged by its content, not by `requiresCompatibilities`.
    pub(super) fn suits_fargate(&self, sizes: FargateSizes) -> bool {
        self.check_fargate_size(sizes).is_ok() && self.check_fargate_features().is_ok()
    }
}

/// The platform version exists and can run `task`, on spare capacity if `spot`.
///
/// Source: developer guide, "Task size" and "Fargate capacity providers".
pub(super) fn check_platform(version: Option<&str>, task: &TaskDefinition, spot: bool) -> Checked {
    let linux = task.operating_system() == OperatingSystem::Linux;
    let known = if linux {
        &PLATFORMS[..]
    } else {
        &PLATFORMS[..1]
    };
    let version = match version.unwrap_or_default() {
        "" | "LATEST" => known[known.len() - 1],
        given if known.contains(&given) => given,
        given => {
            let message = format!("Platform version '{given}' is unknown.");
            return Err(ApiError::new(
                ErrorCode::PlatformUnknown,
                "platformVersion",
                message,
            ));
        }
    };
    let refuse = |field: &str, message: String| {
        Err(ApiError::new(
            ErrorCode::PlatformIncompatible,
            field,
            message,
        ))
    };
    let cpu = task.cpu.as_ref().map_or(0, |size| size.units());
    if cpu >= 8192 && version < "1.4.0" {
        let message =
            format!("Tasks of 8 vCPUs and more need platform version 1.4.0, not {version}.");
        return refuse("platformVersion", message);
    }
    if !spot {
        return Ok(());
    }
    if !linux {
        return refuse(
            "capacityProviderStrategy",
            "FARGATE_SPOT does not run Windows containers.".into(),
        );
    }
    let architecture = task
        .runtime_platform
        .as_ref()
        .and_then(|platform| platform.cpu_architecture);
    let least = match architecture {
        Some(CpuArchitecture::Arm64) => "1.4.0",
        _ => "1.3.0",
    };
    if version < least {
        let message = format!("FARGATE_SPOT needs platform version {least}, not {version}.");
        return refuse("platformVersion", message);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use OperatingSystem::{Linux, Windows};

    fn check(system: OperatingSystem, accepted: bool, pairs: &[(u32, u32)]) {
        for &(cpu, memory) in pairs {
            assert_eq!(
                is_fargate_size(cpu, memory, system, FargateSizes::Model),
                accepted,
                "{cpu}/{memory} {system:?}"
            );
        }
    }

    #[test]
    fn ecs_g105_offered_pairs() {
        let pairs = [
            (256, 512),
            (512, 4096),
            (1024, 8192),
            (2048, 16_384),
            (4096, 30_720),
            (8192, 61_440),
            (16_384, 122_880),
        ];
        check(Linux, true, &pairs);
        check(Windows, true, &pairs[2..5]);
    }

    #[test]
    fn ecs_g106_pairs_beside_the_table() {
        check(
            Linux,
            false,
            &[
                (256, 768),
                (256, 4096),
                (512, 512),
                (1024, 1024),
                (2048, 2048),
                (4096, 31_744),
            ],
        );
        check(
            Linux,
            false,
            &[(8192, 18_432), (16_384, 36_864), (16_384, 40_000)],
        );
    }

    #[test]
    fn ecs_g107_windows() {
        check(Windows, false, &[(256, 512), (512, 1024), (8192, 16_384)]);
    }

    #[test]
    fn ecs_g109_32_vcpus_are_not_in_the_model() {
        check(Linux, false, &[(32_768, 61_440)]);
        let newest = |memory, system| is_fargate_size(32_768, memory, system, FargateSizes::Newest);
        for memory in [61_440, 122_880, 249_856] {
            assert!(newest(memory, Linux) && !newest(memory, Windows));
        }
        assert!(!newest(65_536, Linux));
    }

    #[test]
    fn there_are_74_pairs_and_77_in_the_newest_table() {
        let pairs = (0..16)
            .map(|power| 1 << power)
            .flat_map(|cpu| (0..=262_144).step_by(256).map(move |memory| (cpu, memory)));
        let count = |sizes| {
            let offered = |&(cpu, memory): &(u32, u32)| is_fargate_size(cpu, memory, Linux, sizes);
            pairs.clone().filter(offered).count()
        };
        assert_eq!(
            (count(FargateSizes::Model), count(FargateSizes::Newest)),
            (74, 77)
        );
    }
}
