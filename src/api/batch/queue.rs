//! Job queues.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::definition::PlatformCapability;
use super::overrides::replace;
use super::{check_name, check_tags, in_range, name_of, within};
use crate::api::capacity_provider::Switch;
use crate::api::error::{ApiError, Checked};
use crate::api::task_definition::CpuArchitecture;

/// Most compute environments of a queue. Source: AWS Batch API reference, CreateJobQueue.
const MAX_ENVIRONMENTS: usize = 3;

/// Seconds after which a blocked job can be cancelled. Source: AWS Batch API reference,
/// JobStateTimeLimitAction.
const MAX_TIME: std::ops::RangeInclusive<i64> = 600..=86_400;

/// Reasons for which a blocked job can be cancelled. Source: AWS Batch user guide, job state time
/// limit actions.
const REASONS: [&str; 3] = [
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
];

/// A job queue, as CreateJobQueue takes it or as DescribeJobQueues prints it.
///
/// Source: AWS Batch API reference, CreateJobQueue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchJobQueue")]
pub struct JobQueue {
    /// Name: up to 128 letters, digits, `-` and `_`.
    pub job_queue_name: String,
    /// Whether the queue takes jobs. Absent is ENABLED.
    pub state: Option<Switch>,
    /// Queues with a higher number are served first where they share compute environments.
    pub priority: i64,
    /// Compute environments: 1 to 3.
    pub compute_environment_order: Option<Vec<ComputeEnvironmentOrder>>,
    /// Service environments, for service jobs; not simulated.
    pub service_environment_order: Option<Vec<Value>>,
    /// Scheduling policy, by name or Amazon resource name. Absent is first in, first out, for good.
    pub scheduling_policy_arn: Option<String>,
    /// What becomes of jobs that block the queue.
    pub job_state_time_limit_actions: Option<Vec<JobStateTimeLimitAction>>,
    /// Kind of the queue. Absent is that of its compute environments.
    pub job_queue_type: Option<JobQueueType>,
    /// Tags; without effect.
    pub tags: Option<BTreeMap<String, String>>,
    /// Amazon resource name, as printed by Batch; without effect.
    pub job_queue_arn: Option<Value>,
    /// Status, as printed by Batch; without effect.
    pub status: Option<Value>,
    /// Reason of the status, as printed by Batch; without effect.
    pub status_reason: Option<Value>,
}

/// A compute environment of a job queue, and its turn.
///
/// Source: AWS Batch API reference, ComputeEnvironmentOrder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchComputeEnvironmentOrder")]
pub struct ComputeEnvironmentOrder {
    /// Environments are tried in ascending order.
    pub order: i64,
    /// Name or Amazon resource name.
    pub compute_environment: String,
}

/// What becomes of a job that blocks the queue for a certain reason.
///
/// Source: AWS Batch API reference, JobStateTimeLimitAction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchJobStateTimeLimitAction")]
pub struct JobStateTimeLimitAction {
    /// Code of the reason, such as `CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY`.
    pub reason: String,
    /// State in which the job is: `RUNNABLE`.
    pub state: String,
    /// Seconds that the job may have the reason: 600 to 86400.
    pub max_time_seconds: i64,
    /// What is done: `CANCEL`.
    pub action: String,
}

/// Kind of a job queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchJobQueueType")]
pub enum JobQueueType {
    /// Amazon EKS; not simulated.
    Eks,
    /// Instances of Amazon EC2.
    Ecs,
    /// AWS Fargate.
    EcsFargate,
    /// Service jobs of Amazon SageMaker; not simulated.
    SagemakerTraining,
    /// Amazon ECS Managed Instances.
    EcsManagedInstances,
}

/// What a job queue is judged by in a compute environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvironmentView<'a> {
    /// Name of the environment.
    pub name: &'a str,
    /// Whether its status is VALID.
    pub valid: bool,
    /// To what it belongs.
    pub platform: PlatformCapability,
    /// Architecture of its instances, where it has one of its own: each Fargate job chooses.
    pub architecture: Option<CpuArchitecture>,
}

/// A change of a job queue, as UpdateJobQueue takes it.
///
/// Source: AWS Batch API reference, UpdateJobQueue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchUpdateJobQueue")]
pub struct UpdateJobQueue {
    /// Name or Amazon resource name of the queue.
    pub job_queue: String,
    /// Replaces the state.
    pub state: Option<Switch>,
    /// Replaces the priority.
    pub priority: Option<i64>,
    /// Replaces the compute environments.
    pub compute_environment_order: Option<Vec<ComputeEnvironmentOrder>>,
    /// Service environments, for service jobs; not simulated.
    pub service_environment_order: Option<Vec<Value>>,
    /// Replaces the scheduling policy, which cannot be removed, nor added where there is none.
    pub scheduling_policy_arn: Option<String>,
    /// Replaces what becomes of jobs that block the queue.
    pub job_state_time_limit_actions: Option<Vec<JobStateTimeLimitAction>>,
}

impl JobQueue {
    /// Checks the call, where `environments` are those that exist.
    ///
    /// # Errors
    /// ClientException for the first rule that is broken; UnsupportedFeatureException for queues of Amazon
    /// EKS and of service jobs.
    pub fn validate(&self, environments: &[EnvironmentView<'_>]) -> Result<(), ApiError> {
        check_name("jobQueueName", &self.job_queue_name)?;
        in_range(
            "priority",
            Some(self.priority),
            i32::MIN.into()..=i32::MAX.into(),
        )?;
        check_tags(self.tags.as_ref())?;
        let platform = self.check_environments(environments)?;
        self.check_type(platform)?;
        if self.scheduling_policy_arn.as_deref() == Some("") {
            let message = "schedulingPolicyArn is empty.";
            return Err(ApiError::client("schedulingPolicyArn", message));
        }
        let actions = self
            .job_state_time_limit_actions
            .as_deref()
            .unwrap_or_default();
        for (index, action) in actions.iter().enumerate() {
            action
                .check()
                .map_err(within(&format!("jobStateTimeLimitActions[{index}]")))?;
        }
        Ok(())
    }

    /// Whether the queue takes jobs.
    pub fn is_enabled(&self) -> bool {
        self.state != Some(Switch::Disabled)
    }

    /// Name of the scheduling policy, if there is one.
    pub fn scheduling_policy(&self) -> Option<&str> {
        self.scheduling_policy_arn.as_deref().map(name_of)
    }

    /// Names of the compute environments in the order in which they are tried; entries of equal order stay
    /// as they are listed.
    pub fn environments(&self) -> Vec<&str> {
        let mut entries: Vec<_> = self.compute_environment_order.iter().flatten().collect();
        entries.sort_by_key(|entry| entry.order);
        entries
            .into_iter()
            .map(ComputeEnvironmentOrder::name)
            .collect()
    }

    /// The rules on the environments together, and the platform that they share.
    ///
    /// Source: AWS Batch API reference, CreateJobQueue, `computeEnvironmentOrder`.
    fn check_environments(
        &self,
        environments: &[EnvironmentView<'_>],
    ) -> Result<PlatformCapability, ApiError> {
        let field = "computeEnvironmentOrder";
        let entries = self
            .compute_environment_order
            .as_deref()
            .unwrap_or_default();
        self.check_service_environments(entries.is_empty())?;
        if entries.len() > MAX_ENVIRONMENTS {
            let message = format!(
                "{} compute environments; a job queue has 1 to {MAX_ENVIRONMENTS}.",
                entries.len()
            );
            return Err(ApiError::client(field, message));
        }
        let mut first: Option<&EnvironmentView<'_>> = None;
        for (index, entry) in entries.iter().enumerate() {
            let refuse = |message: String| {
                let field = format!("{field}[{index}].computeEnvironment");
                Err(ApiError::client(field, message))
            };
            let name = entry.name();
            if entries[..index]
                .iter()
                .any(|earlier| earlier.name() == name)
            {
                return refuse(format!("Compute environment {name} is named twice."));
            }
            let Some(view) = environments.iter().find(|view| view.name == name) else {
                return refuse(format!("Compute environment {name} not found."));
            };
            if !view.valid {
                return refuse(format!("Compute environment {name} is not VALID."));
            }
            let first = first.get_or_insert(view);
            if view.platform != first.platform {
                return refuse("EC2 and Fargate compute environments cannot be mixed.".to_owned());
            }
            let architectures = (view.architecture, first.architecture);
            if matches!(architectures, (Some(this), Some(other)) if this != other) {
                return refuse(
                    "Compute environments of different architectures cannot be mixed.".to_owned(),
                );
            }
        }
        match first {
            Some(view) => Ok(view.platform),
            None => Err(ApiError::client(
                field,
                "A job queue needs a compute environment.",
            )),
        }
    }

    fn check_service_environments(&self, alone: bool) -> Checked {
        let field = "serviceEnvironmentOrder";
        if self
            .service_environment_order
            .as_ref()
            .is_none_or(Vec::is_empty)
        {
            return Ok(());
        }
        if alone {
            let message = "Queues of service jobs are not simulated.";
            return Err(ApiError::unsupported(field, message));
        }
        let message = "A job queue cannot have both compute environments and service environments.";
        Err(ApiError::client(field, message))
    }

    fn check_type(&self, platform: PlatformCapability) -> Checked {
        let field = "jobQueueType";
        let of_type = match self.job_queue_type {
            None => return Ok(()),
            Some(JobQueueType::Eks | JobQueueType::SagemakerTraining) => {
                let message = "Queues of Amazon EKS and of service jobs are not simulated.";
                return Err(ApiError::unsupported(field, message));
            }
            Some(JobQueueType::Ecs) => PlatformCapability::Ec2,
            Some(JobQueueType::EcsFargate) => PlatformCapability::Fargate,
            Some(JobQueueType::EcsManagedInstances) => PlatformCapability::ManagedInstances,
        };
        if of_type == platform {
            return Ok(());
        }
        let message = "The type of the job queue does not match its compute environments.";
        Err(ApiError::client(field, message))
    }
}

impl ComputeEnvironmentOrder {
    fn name(&self) -> &str {
        name_of(&self.compute_environment)
    }
}

impl JobStateTimeLimitAction {
    fn check(&self) -> Checked {
        let refuse = |field: &str, message: String| Err(ApiError::client(field, message));
        if !REASONS.contains(&self.reason.as_str()) {
            let message = format!(
                "reason is '{}'; it may be {}.",
                self.reason,
                REASONS.join(", ")
            );
            return refuse("reason", message);
        }
        if self.state != "RUNNABLE" {
            let message = format!("state is '{}'; it may be RUNNABLE.", self.state);
            return refuse("state", message);
        }
        in_range("maxTimeSeconds", Some(self.max_time_seconds), MAX_TIME)?;
        if self.action != "CANCEL" {
            let message = format!(
                "action is '{}'; in a queue of container jobs it may be CANCEL.",
                self.action
            );
            return refuse("action", message);
        }
        Ok(())
    }
}

impl UpdateJobQueue {
    /// The queue as it is after the call: what is absent stays as it is.
    pub fn applied_to(&self, queue: &JobQueue) -> JobQueue {
        let mut updated = queue.clone();
        replace(&mut updated.state, &self.state);
        replace(
            &mut updated.compute_environment_order,
            &self.compute_environment_order,
        );
        replace(
            &mut updated.service_environment_order,
            &self.service_environment_order,
        );
        replace(
            &mut updated.scheduling_policy_arn,
            &self.scheduling_policy_arn,
        );
        replace(
            &mut updated.job_state_time_limit_actions,
            &self.job_state_time_limit_actions,
        );
        updated.priority = self.priority.unwrap_or(queue.priority);
        updated
    }

    /// Checks the call on a queue that [`JobQueue::validate`] takes.
    ///
    /// Source: AWS Batch API reference, CreateJobQueue, `schedulingPolicyArn`.
    ///
    /// # Errors
    /// ClientException for a scheduling policy that is removed or added; the first rule that the queue would
    /// break after the call.
    pub fn validate(
        &self,
        queue: &JobQueue,
        environments: &[EnvironmentView<'_>],
    ) -> Result<(), ApiError> {
        let field = "schedulingPolicyArn";
        match (
            &queue.scheduling_policy_arn,
            self.scheduling_policy_arn.as_deref(),
        ) {
            (Some(_), Some("")) => {
                let message =
                    "The scheduling policy of a job queue can be replaced but not removed.";
                Err(ApiError::client(field, message))
            }
            (None, Some(_)) => {
                let message = "A job queue without a scheduling policy cannot be given one.";
                Err(ApiError::client(field, message))
            }
            _ => self.applied_to(queue).validate(environments),
        }
    }
}
