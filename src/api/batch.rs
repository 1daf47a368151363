//! The requests of AWS Batch, field for field, and the rules that Batch holds them to.
//!
//! What `aws batch describe-job-definitions`, `describe-job-queues` and
//! `describe-compute-environments` print is taken too: what only the answers have is without
//! effect, but for the revision and the status of a job definition. A definition and a submission
//! come together in a [`Job`]. What depends on the state of the moment is not judged here, and
//! [`ApiError`] has a constructor for each such rule.
//!
//! ```
//! use stowplan::api::batch::{JobDefinition, Nodes, Request, SubmitJob};
//! let encode: JobDefinition = serde_json::from_str(
//!     r#"{"jobDefinitionName": "encode", "type": "container", "parameters": {"codec": "mp4"},
//!         "containerProperties": {"command": ["encode", "Ref::codec"], "resourceRequirements":
//!           [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "4096"}]}}"#,
//! )?;
//! encode.validate()?;
//!
//! let submit: SubmitJob = serde_json::from_str(
//!     r#"{"jobName": "film", "jobQueue": "nights", "jobDefinition": "encode", "parameters": {"codec": "avi"}}"#,
//! )?;
//! let job = encode.job(&submit)?;
//! assert_eq!(job.nodes, Nodes::One(Request { cpu: 2048, memory: 4096, gpus: 0 }));
//! assert_eq!(job.command, ["encode", "avi"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: AWS Batch API reference and service model, version 2016-08-10.

mod consumable;
mod container;
mod definition;
mod environment;
mod job;
mod node;
mod overrides;
mod policy;
mod queue;
mod request;
mod retry;
mod submit;
#[cfg(test)]
mod tests;

pub use consumable::{
    ConsumableResource, ConsumableResourceProperties, ConsumableResourceRequirement,
    ConsumableResourceType,
};
pub use container::{
    ContainerProperties, EcsProperties, EcsTaskProperties, EnvironmentVariable,
    FargatePlatformConfiguration, LinuxParameters, LogConfiguration, ResourceRequirement,
    ResourceType, TaskContainerProperties,
};
pub use definition::{
    JobDefinition, JobDefinitionStatus, JobDefinitionType, PlatformCapability, Resolved, resolve,
};
pub use environment::{
    AllocationStrategy, ComputeEnvironment, ComputeEnvironmentType, ComputeResourceType,
    ComputeResources, ComputeScalingPolicy, InfrastructureOptimization, InstanceLaunchTemplate,
    InstanceRequirements, ManagedInstancesProvider, UpdateComputeEnvironment, UpdatePolicy,
};
pub use job::{Job, Nodes};
pub use node::{NodeProperties, NodeRangeProperty};
pub use overrides::{
    ContainerOverrides, EcsPropertiesOverride, NodeOverrides, NodePropertyOverride,
    TaskContainerOverrides, TaskPropertiesOverride,
};
pub use policy::{FairsharePolicy, SchedulingPolicy, ShareAttributes};
pub use queue::{
    ComputeEnvironmentOrder, EnvironmentView, JobQueue, JobQueueType, JobStateTimeLimitAction,
    UpdateJobQueue,
};
pub use request::Request;
pub use retry::{EvaluateOnExit, JobTimeout, RetryStrategy};
pub use submit::{
    ArrayDependency, ArrayProperties, CancelJob, DescribeJobs, JobDependency, QueueView, SubmitJob,
};

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::error::{ApiError, Checked};

/// Most characters of a name. Source: AWS Batch API reference, RegisterJobDefinition.
const MAX_NAME: usize = 128;

/// Most tags of a resource. Source: AWS Batch API reference, RegisterJobDefinition, `tags`.
const MAX_TAGS: usize = 50;

/// Jobs with a higher number go first within their share. Source: AWS Batch API reference,
/// RegisterJobDefinition, `schedulingPriority`.
const SCHEDULING_PRIORITY: RangeInclusive<i64> = 0..=9999;

/// The rules that only the state of the moment can tell.
impl ApiError {
    /// There is no job queue of that name.
    pub fn job_queue_not_found(name: &str) -> Self {
        ApiError::client("jobQueue", format!("Job queue {name} not found."))
    }

    /// There is no job definition, or none that is active, of that name.
    pub fn job_definition_not_found(name: &str) -> Self {
        let message = format!("Job definition {name} not found, or not ACTIVE.");
        ApiError::client("jobDefinition", message)
    }

    /// Entry `index` of `dependsOn` names no job [B-18].
    pub fn dependency_not_found(index: usize) -> Self {
        ApiError::client(format!("dependsOn[{index}].jobId"), "Job not found.")
    }

    /// Entry `index` of `dependsOn` is of type N_TO_N, and its job is no array of the same size [B-17].
    pub fn dependency_of_other_size(index: usize) -> Self {
        let message = "N_TO_N needs a job that is an array of the same size.";
        ApiError::client(format!("dependsOn[{index}].type"), message)
    }

    /// The submission would make one more share active than a queue may have, which is 500.
    ///
    /// Source: AWS Batch API reference, ShareAttributes, `shareIdentifier`.
    pub fn active_share_limit() -> Self {
        let message = "A job queue may have at most 500 active share identifiers.";
        ApiError::client("shareIdentifier", message)
    }
}

/// A name as job definitions, queues, environments and policies have it.
fn check_name(field: &str, name: &str) -> Checked {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "{field} '{name}' is invalid; it has 1 to {MAX_NAME} letters, digits, '-' and '_'."
    );
    Err(ApiError::client(field, message))
}

fn check_tags(tags: Option<&BTreeMap<String, String>>) -> Checked {
    let count = tags.map_or(0, BTreeMap::len);
    if count <= MAX_TAGS {
        return Ok(());
    }
    let message = format!("{count} tags; at most {MAX_TAGS} are allowed.");
    Err(ApiError::client("tags", message))
}

/// The error of a rule that says what is wrong and not where.
fn refused(field: &str) -> impl Fn(String) -> ApiError {
    move |message| ApiError::client(field, message)
}

/// A value that may be absent and otherwise lies within bounds. `field` is a path.
fn in_range(field: &str, value: Option<i64>, range: RangeInclusive<i64>) -> Checked {
    let Some(value) = value.filter(|value| !range.contains(value)) else {
        return Ok(());
    };
    let name = field.rsplit('.').next().unwrap_or(field);
    let bounds = match (*range.start(), *range.end()) {
        (least, i64::MAX) => format!("at least {least}"),
        (least, most) => format!("{least} to {most}"),
    };
    Err(ApiError::client(
        field,
        format!("{name} is {value}; it may be {bounds}."),
    ))
}

/// The same, for a document held as `parent`.
fn within(parent: &str) -> impl Fn(ApiError) -> ApiError {
    move |error| error.within(parent)
}

/// The name in a name or Amazon resource name.
fn name_of(reference: &str) -> &str {
    if reference.starts_with("arn:") {
        reference.rsplit('/').next().unwrap_or(reference)
    } else {
        reference
    }
}
