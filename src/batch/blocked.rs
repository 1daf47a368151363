//! Why the job at the head of a queue is blocked, and how long it may stay so.
//!
//! [`reason`] tells a head that nothing can help where it stands from one that merely waits: for
//! attempts to end, instances to boot or consumable resources. [`JobStateTimeLimitAction`] cancels a
//! head that has been blocked for too long. Source: AWS Batch user guide, "Jobs stuck in a RUNNABLE
//! status".

use super::allocation::CPU_UNITS_PER_VCPU;
use crate::time::SimDuration;
use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

/// Seconds that a time limit may have. Source: AWS Batch API reference, JobStateTimeLimitAction.
const MAX_TIME_SECONDS: RangeInclusive<i64> = 600..=86_400;

/// Why a head is blocked, in the order in which the reasons are tested.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Blocked {
    /// Every compute environment is INVALID.
    EnvironmentsInvalid,
    /// The service role of every environment has a permission issue.
    ServiceRole,
    /// No environment's `maxvCpus` is enough.
    MaxVcpus,
    /// No environment has an instance type with the vCPUs, memory and GPUs.
    JobRequirement,
    /// No environment's instance types can be launched as it is configured.
    InstanceConfiguration,
    /// EC2 has no instances of the types that would be launched.
    Capacity {
        /// The type that the first of the environments would like best.
        instance_type: String,
    },
    /// No environment can ever run the job, each for another reason or none of the above.
    Undetermined,
}

/// Whether a compute environment takes jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It is ENABLED, and VALID or UPDATING.
    Usable,
    /// It is INVALID.
    Invalid,
    /// It is DISABLED, or not there yet or any more.
    Unusable,
}

/// A compute environment as the job at the head of one of its queues sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvironmentView<'a> {
    /// Whether it takes jobs.
    pub standing: Standing,
    /// Whether it takes multi-node jobs: a managed one with On-Demand instances.
    pub takes_multi_node: bool,
    /// Its `maxvCpus`; absent on an unmanaged environment, which has none.
    pub max_vcpus: Option<u32>,
    /// CPU units, of which 1024 are a vCPU, that the job takes of it: its request, or that of
    /// [`multi_node_cpu`](super::allocation::multi_node_cpu).
    pub needed_cpu: u64,
    /// Whether it has an instance type, launched or not, that takes the job or each of its nodes;
    /// always on Fargate.
    pub fits_some_type: bool,
    /// Whether its service role has a permission issue.
    pub role_problem: bool,
    /// Whether its instance types are not to be had in its zones, or its launch template is bad.
    pub unsupported: bool,
    /// The type it would like best, when it would launch one for the job but EC2 has none that it
    /// may take.
    pub insufficient_capacity: Option<&'a str>,
}

impl EnvironmentView<'_> {
    fn is_too_small(&self) -> bool {
        self.max_vcpus
            .is_some_and(|max| self.needed_cpu > u64::from(max) * CPU_UNITS_PER_VCPU)
    }

    /// Whether nothing but time keeps the job from running here.
    fn could_host(&self) -> bool {
        !self.is_too_small() && self.fits_some_type && !self.role_problem && !self.unsupported
    }
}

/// Why the head job of a queue with these compute environments, in their order, is blocked; `None`
/// when it merely waits.
///
/// The first reason that holds for every usable environment counts [B-38]. For a multi-node job
/// only those that take such jobs count, and insufficient capacity in the first that could host it
/// is enough: no later one is asked then. A queue without environments blocks its head.
pub fn reason(environments: &[EnvironmentView<'_>], multi_node: bool) -> Option<Blocked> {
    let is_invalid = |view: &EnvironmentView<'_>| view.standing == Standing::Invalid;
    if !environments.is_empty() && environments.iter().all(is_invalid) {
        return Some(Blocked::EnvironmentsInvalid);
    }
    if multi_node && !environments.iter().any(|view| view.takes_multi_node) {
        return Some(Blocked::JobRequirement);
    }
    let usable: Vec<&EnvironmentView<'_>> = environments
        .iter()
        .filter(|view| !multi_node || view.takes_multi_node)
        .filter(|view| view.standing == Standing::Usable)
        .collect();
    if usable.is_empty() {
        return Some(Blocked::Undetermined);
    }
    let all = |holds: fn(&EnvironmentView<'_>) -> bool| usable.iter().all(|view| holds(view));
    if all(|view| view.role_problem) {
        Some(Blocked::ServiceRole)
    } else if all(|view| view.is_too_small()) {
        Some(Blocked::MaxVcpus)
    } else if all(|view| !view.fits_some_type) {
        Some(Blocked::JobRequirement)
    } else if all(|view| view.unsupported) {
        Some(Blocked::InstanceConfiguration)
    } else if all(|view| !view.could_host()) {
        Some(Blocked::Undetermined)
    } else {
        capacity(&usable, multi_node)
    }
}

/// Insufficient capacity, when every one of the environments that could host the job reports it;
/// for a multi-node job, when the first does.
fn capacity(usable: &[&EnvironmentView<'_>], multi_node: bool) -> Option<Blocked> {
    let mut hosts = usable.iter().filter(|view| view.could_host());
    let instance_type = hosts.next()?.insufficient_capacity?;
    let is_blocked = multi_node || hosts.all(|view| view.insufficient_capacity.is_some());
    is_blocked.then(|| Blocked::Capacity {
        instance_type: instance_type.to_owned(),
    })
}

const CAPACITY: &str = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY";
const MAX_RESOURCE: &str = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE";
const JOB_REQUIREMENT: &str = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT";

/// The reasons that a time limit may name.
const LIMITED: [&str; 3] = [CAPACITY, MAX_RESOURCE, JOB_REQUIREMENT];

impl Blocked {
    /// The bare code, as time limits name it. It stays the same while the instance type changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Blocked::EnvironmentsInvalid => "ACTION_REQUIRED",
            Blocked::ServiceRole => "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
            Blocked::MaxVcpus => MAX_RESOURCE,
            Blocked::JobRequirement => JOB_REQUIREMENT,
            Blocked::InstanceConfiguration => {
                "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED"
            }
            Blocked::Capacity { .. } => CAPACITY,
            Blocked::Undetermined => "UNDETERMINED",
        }
    }

    /// The `statusReason` of the job while it is blocked, word for word; the guide has a dash of
    /// another kind in the one on the service role.
    pub fn text(&self) -> String {
        let dash = match self {
            Blocked::ServiceRole => "–",
            _ => "-",
        };
        format!("{} {dash} {}", self.code(), self.explanation())
    }

    fn explanation(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Blocked::EnvironmentsInvalid => "CE(s) associated with the job queue are invalid.",
            Blocked::ServiceRole => "Batch service role has a permission issue.",
            Blocked::MaxVcpus => {
                "CE(s) associated with the job queue cannot meet the CPU requirement of the job."
            }
            Blocked::JobRequirement => {
                "The job resource requirement (vCPU/memory/GPU) is higher than that can be met by \
                 the CE(s) attached to the job queue."
            }
            Blocked::InstanceConfiguration => {
                "Your compute environment associated with this job queue has an unsupported \
                 instance type configuration."
            }
            Blocked::Capacity { instance_type } => {
                return Cow::Owned(format!(
                    "Service cannot fulfill the capacity requested for instance type \
                     {instance_type}"
                ));
            }
            Blocked::Undetermined => "Batch job is blocked, root cause is undetermined.",
        })
    }

    /// The `statusReason` of the job once a time limit has cancelled it.
    pub fn cancellation(&self) -> String {
        format!(
            "Canceled by JobStateTimeLimit action due to reason: {}",
            self.code()
        )
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text())
    }
}

/// A time limit of a queue: a head that has been blocked for one reason this long is cancelled
/// (`jobStateTimeLimitActions`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobStateTimeLimitAction {
    reason: &'static str,
    max_time: SimDuration,
}

/// Why a time limit is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeLimitError {
    /// The reason is none that a time limit may name.
    #[error(
        "no time limit is possible for reason {0:?}: it is {CAPACITY}, {MAX_RESOURCE} or {JOB_REQUIREMENT}"
    )]
    Reason(String),
    /// The state is another than RUNNABLE.
    #[error("state is {0:?}: a time limit is for RUNNABLE only")]
    State(String),
    /// The seconds are out of range.
    #[error("maxTimeSeconds is {0}: it is 600 to 86400")]
    MaxTime(i64),
    /// The action is another than CANCEL.
    #[error("action is {0:?}: on a queue of jobs it is CANCEL")]
    Action(String),
}

impl TimeLimitError {
    /// The field at fault, such as `maxTimeSeconds`.
    pub const fn field(&self) -> &'static str {
        match self {
            TimeLimitError::Reason(_) => "reason",
            TimeLimitError::State(_) => "state",
            TimeLimitError::MaxTime(_) => "maxTimeSeconds",
            TimeLimitError::Action(_) => "action",
        }
    }
}

impl JobStateTimeLimitAction {
    /// The time limit that these fields of the API describe.
    ///
    /// # Errors
    /// The first field, in this order, that has no value it may have: `reason` one of the three
    /// codes that the guide lets a queue act on, `state` RUNNABLE, `max_time_seconds` 600 to 86400,
    /// `action` CANCEL. Source: AWS Batch API reference, JobStateTimeLimitAction.
    pub fn new(
        reason: &str,
        state: &str,
        max_time_seconds: i64,
        action: &str,
    ) -> Result<Self, TimeLimitError> {
        let reason = LIMITED
            .into_iter()
            .find(|code| *code == reason)
            .ok_or_else(|| TimeLimitError::Reason(reason.to_owned()))?;
        if state != "RUNNABLE" {
            return Err(TimeLimitError::State(state.to_owned()));
        }
        let seconds = u64::try_from(max_time_seconds)
            .ok()
            .filter(|_| MAX_TIME_SECONDS.contains(&max_time_seconds))
            .ok_or(TimeLimitError::MaxTime(max_time_seconds))?;
        if action != "CANCEL" {
            return Err(TimeLimitError::Action(action.to_owned()));
        }
        Ok(JobStateTimeLimitAction {
            reason,
            max_time: SimDuration::from_secs(seconds),
        })
    }

    /// The bare code of the reason it is for.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// How long a head may be blocked for that reason.
    pub const fn max_time(&self) -> SimDuration {
        self.max_time
    }
}

/// How long a head may stay blocked so, from when the reason was first set on it; `None` without a
/// limit. Of two limits for one reason the shorter counts [B-39].
pub fn time_limit(actions: &[JobStateTimeLimitAction], blocked: &Blocked) -> Option<SimDuration> {
    actions
        .iter()
        .filter(|action| action.reason == blocked.code())
        .map(|action| action.max_time)
        .min()
}

#[cfg(test)]
mod tests;
