//! What a job asks for: vCPUs, memory and GPUs.

use super::container::{ResourceRequirement, ResourceType};
use super::definition::PlatformCapability;
use crate::api::error::{ApiError, Checked};
use crate::api::fargate::{FargateSizes, is_fargate_size};
use crate::api::task_definition::OperatingSystem;

/// One vCPU in the unit that container amounts are added in. Six decimals are more than a part of
/// a table of sizes can need.
const VCPU: u64 = 1_000_000;

/// Least memory of a container in MiB. Source: AWS Batch API reference, ResourceRequirement.
const MIN_MEMORY: u64 = 4;

/// What a job, or a node of a multi-node parallel job, takes from where it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// CPU in 1024ths of a vCPU.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Whole GPUs.
    pub gpus: u32,
}

/// What one container, or the containers of a task together, ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    /// In millionths of a vCPU.
    vcpu: u64,
    /// In MiB.
    memory: u64,
    gpus: u64,
}

/// The two notations of what a container asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notations<'a> {
    pub requirements: &'a [ResourceRequirement],
    pub vcpus: Option<i64>,
    pub memory: Option<i64>,
}

impl Notations<'_> {
    /// The amounts of the container on `platform`.
    ///
    /// Source: AWS Batch API reference, ContainerProperties and ResourceRequirement.
    pub(super) fn amounts(&self, platform: PlatformCapability) -> Result<Amounts, ApiError> {
        self.check_types()?;
        let fargate = platform == PlatformCapability::Fargate;
        if fargate {
            self.check_no_legacy()?;
        }
        let refuse = |field, message: &str| ApiError::client(field, message);
        let (field, vcpu) = self.required(ResourceType::Vcpu)?;
        let vcpu = if fargate {
            vcpu.filter(|&vcpu| vcpu > 0).ok_or_else(|| {
                refuse(
                    field,
                    "The number of vCPUs must be a decimal number above 0.",
                )
            })
        } else {
            vcpu.filter(|&vcpu| vcpu > 0 && vcpu.is_multiple_of(VCPU))
                .ok_or_else(|| {
                    refuse(
                        field,
                        "The number of vCPUs must be a whole number and at least 1.",
                    )
                })
        }?;
        let (field, memory) = self.required(ResourceType::Memory)?;
        let memory = memory
            .filter(|&memory| memory >= MIN_MEMORY)
            .ok_or_else(|| {
                refuse(
                    field,
                    "Memory must be a whole number of MiB and at least 4.",
                )
            })?;
        let gpus = match self.find(ResourceType::Gpu) {
            None => 0,
            Some((field, text)) => digits(text)
                .ok_or_else(|| refuse(field, "The number of GPUs must be a whole number."))?,
        };
        Ok(Amounts { vcpu, memory, gpus })
    }

    /// That no type is given twice, in one notation or in both [B-47].
    fn check_types(&self) -> Checked {
        for (index, item) in self.requirements.iter().enumerate() {
            let twice = self.requirements[..index]
                .iter()
                .any(|earlier| earlier.r#type == item.r#type);
            if twice {
                let field = format!("resourceRequirements[{index}].type");
                let message = format!("{} is given twice.", item.r#type.as_str());
                return Err(ApiError::client(field, message));
            }
        }
        for (kind, field, legacy) in [
            (ResourceType::Vcpu, "vcpus", self.vcpus),
            (ResourceType::Memory, "memory", self.memory),
        ] {
            if legacy.is_some() && self.find(kind).is_some() {
                let message = format!(
                    "Both {field} and {} of resourceRequirements are given.",
                    kind.as_str()
                );
                return Err(ApiError::client(field, message));
            }
        }
        Ok(())
    }

    fn check_no_legacy(&self) -> Checked {
        for (field, legacy) in [("vcpus", self.vcpus), ("memory", self.memory)] {
            if legacy.is_some() {
                let message = format!("{field} is not applicable for Fargate.");
                return Err(ApiError::client(field, message));
            }
        }
        Ok(())
    }

    fn find(&self, kind: ResourceType) -> Option<(String, &str)> {
        let index = self
            .requirements
            .iter()
            .position(|item| item.r#type == kind)?;
        let field = format!("resourceRequirements[{index}].value");
        Some((field, &self.requirements[index].value))
    }

    /// An amount that must be given in one notation or the other, with its field; nothing where it is
    /// no such number.
    fn required(&self, kind: ResourceType) -> Result<(String, Option<u64>), ApiError> {
        let memory = kind == ResourceType::Memory;
        if let Some((field, text)) = self.find(kind) {
            let amount = if memory { digits(text) } else { decimal(text) };
            return Ok((field, amount));
        }
        let (field, legacy, unit) = if memory {
            ("memory", self.memory, 1)
        } else {
            ("vcpus", self.vcpus, VCPU)
        };
        let Some(number) = legacy else {
            let message = format!("The resource requirement {} is missing.", kind.as_str());
            return Err(ApiError::client("resourceRequirements", message));
        };
        let number = u64::try_from(number).ok();
        let amount = number.and_then(|number| number.checked_mul(unit));
        Ok((field.to_owned(), amount))
    }
}

impl Amounts {
    pub(super) fn plus(self, other: Amounts) -> Amounts {
        Amounts {
            vcpu: self.vcpu.saturating_add(other.vcpu),
            memory: self.memory.saturating_add(other.memory),
            gpus: self.gpus.saturating_add(other.gpus),
        }
    }

    /// The request of a task of such containers.
    pub(super) fn request(self, platform: PlatformCapability) -> Result<Request, ApiError> {
        let request = Request {
            cpu: amount(self.vcpu.saturating_mul(1024) / VCPU)?,
            memory: amount(self.memory)?,
            gpus: amount(self.gpus)?,
        };
        if platform == PlatformCapability::Fargate {
            self.check_fargate(request)?;
        }
        Ok(request)
    }

    /// Source: AWS Batch API reference, ResourceRequirement, and user guide, "When to use Fargate",
    /// for the largest size.
    fn check_fargate(self, request: Request) -> Checked {
        if self.gpus > 0 {
            let message = "GPU is not available on Fargate.";
            return Err(ApiError::client("resourceRequirements", message));
        }
        let exact = self.vcpu.saturating_mul(1024).is_multiple_of(VCPU);
        let (system, sizes) = (OperatingSystem::Linux, FargateSizes::Newest);
        if exact && is_fargate_size(request.cpu, request.memory, system, sizes) {
            return Ok(());
        }
        let hundredths = (self.vcpu + VCPU / 200) / (VCPU / 100);
        let message = format!(
            "Fargate resource requirements ({}.{:02} vCPU, {} MiB) not valid.",
            hundredths / 100,
            hundredths % 100,
            self.memory
        );
        Err(ApiError::client("resourceRequirements", message))
    }
}

fn amount(value: u64) -> Result<u32, ApiError> {
    u32::try_from(value).map_err(|_| {
        let message = format!("{value} is more than any instance has.");
        ApiError::client("resourceRequirements", message)
    })
}

/// A decimal number of vCPUs in millionths: at most six decimals, so that nothing is rounded.
fn decimal(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole = if whole.is_empty() { 0 } else { digits(whole)? };
    let significant = fraction.trim_end_matches('0');
    if fraction.is_empty() || significant.len() > 6 {
        return None;
    }
    let scale = 10_u64.pow(6 - significant.len() as u32);
    let part = if significant.is_empty() {
        0
    } else {
        digits(significant)?
    };
    whole.checked_mul(VCPU)?.checked_add(part * scale)
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain
        .then(|| text.parse().ok())
        .flatten()
        .filter(|&value| value <= u64::from(u32::MAX))
}
