//! Submissions of jobs, and the calls on jobs that exist.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::consumable::ConsumableResourceProperties;
use super::definition::{JobDefinition, PlatformCapability, eks_is_not_simulated};
use super::overrides::{ContainerOverrides, EcsPropertiesOverride, NodeOverrides};
use super::policy::check_share_identifier;
use super::retry::{JobTimeout, RetryStrategy};
use super::{MAX_NAME, SCHEDULING_PRIORITY, check_tags, in_range, within};
use crate::api::error::{ApiError, Checked};

/// Most dependencies of a job. Source: AWS Batch user guide, service quotas.
const MAX_DEPENDENCIES: usize = 20;

/// Children of an array job. Source: AWS Batch API reference, ArrayProperties.
const ARRAY_SIZE: std::ops::RangeInclusive<i64> = 2..=10_000;

/// Most bytes of a submission as compact JSON. Source: AWS Batch user guide, service quotas.
const MAX_BYTES: usize = 30 * 1024;

/// Most jobs of a DescribeJobs call. Source: AWS Batch API reference, DescribeJobs.
const MAX_DESCRIBED: usize = 100;

/// Most characters of the reason of a cancellation. Source: AWS Batch API reference, CancelJob.
const MAX_REASON: usize = 1024;

/// A submission, as SubmitJob takes it.
///
/// Source: AWS Batch API reference, SubmitJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchSubmitJob")]
pub struct SubmitJob {
    /// Name of the job: 1 to 128 letters, digits, `-` and `_`, the first a letter or digit.
    pub job_name: String,
    /// Name or Amazon resource name of the job queue.
    pub job_queue: String,
    /// The job definition, see [`super::resolve`].
    pub job_definition: String,
    /// The share, in a queue with fair share and in no other: up to 255 letters and digits.
    pub share_identifier: Option<String>,
    /// Replaces the priority within the share: 0 to 9999.
    pub scheduling_priority_override: Option<i64>,
    /// What makes the job an array.
    pub array_properties: Option<ArrayProperties>,
    /// Jobs that this one waits for: at most 20.
    pub depends_on: Option<Vec<JobDependency>>,
    /// Values of parameters, which win over those of the definition.
    pub parameters: Option<BTreeMap<String, String>>,
    /// Changes of the container.
    pub container_overrides: Option<ContainerOverrides>,
    /// Changes of the nodes.
    pub node_overrides: Option<NodeOverrides>,
    /// Changes of the containers, where there are several.
    pub ecs_properties_override: Option<EcsPropertiesOverride>,
    /// Changes of pods of Amazon EKS; not simulated.
    pub eks_properties_override: Option<Value>,
    /// Replaces the retry strategy as a whole.
    pub retry_strategy: Option<RetryStrategy>,
    /// Replaces the timeout.
    pub timeout: Option<JobTimeout>,
    /// Replaces whether tags are propagated.
    pub propagate_tags: Option<bool>,
    /// Tags, which win over those of the definition: at most 50.
    pub tags: Option<BTreeMap<String, String>>,
    /// Replaces the consumable resources that the job needs.
    pub consumable_resource_properties_override: Option<ConsumableResourceProperties>,
}

/// What makes a job an array.
///
/// Source: AWS Batch API reference, ArrayProperties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchArrayProperties")]
pub struct ArrayProperties {
    /// Number of children: 2 to 10000. Absent is no array.
    pub size: Option<i64>,
}

/// A job that another waits for.
///
/// Source: AWS Batch API reference, JobDependency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchJobDependency")]
pub struct JobDependency {
    /// The job, or a child `id:index` of an array [B-19].
    pub job_id: Option<String>,
    /// How the children of arrays depend.
    pub r#type: Option<ArrayDependency>,
}

/// How the children of an array job depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchArrayDependency")]
pub enum ArrayDependency {
    /// Each child waits for that of the same index in the other array.
    NToN,
    /// Each child waits for the one before it. With a job id it means that job [B-17].
    Sequential,
}

/// What a submission is judged by in a job queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Whether the queue takes jobs.
    pub enabled: bool,
    /// Whether it has a scheduling policy with fair share.
    pub fair_share: bool,
    /// To what its compute environments belong.
    pub platform: PlatformCapability,
}

/// A request to end a job, as CancelJob and TerminateJob take it.
///
/// Source: AWS Batch API reference, CancelJob and TerminateJob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchCancelJob")]
pub struct CancelJob {
    /// The job.
    #[serde(default)]
    pub job_id: String,
    /// Why: 1 to 1024 characters.
    #[serde(default)]
    pub reason: String,
}

/// A request to print jobs, as DescribeJobs takes it.
///
/// Source: AWS Batch API reference, DescribeJobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchDescribeJobs")]
pub struct DescribeJobs {
    /// The jobs: at most 100.
    pub jobs: Vec<String>,
}

impl SubmitJob {
    /// Checks the call of a definition that [`JobDefinition::validate`] takes, in a queue. What the state of
    /// the moment must tell is left to whoever knows it: [`ApiError::dependency_not_found`],
    /// [`ApiError::dependency_of_other_size`] and [`ApiError::active_share_limit`].
    ///
    /// # Errors
    /// ClientException for the first rule that is broken; UnsupportedFeatureException for Amazon EKS.
    pub fn validate(&self, definition: &JobDefinition, queue: &QueueView) -> Result<(), ApiError> {
        self.check_name()?;
        if !queue.enabled {
            let message = format!("Job queue {} is DISABLED.", self.job_queue);
            return Err(ApiError::client("jobQueue", message));
        }
        if !definition.is_active() {
            return Err(ApiError::job_definition_not_found(&self.job_definition));
        }
        if self.eks_properties_override.is_some() {
            return Err(eks_is_not_simulated("eksPropertiesOverride"));
        }
        if !definition.platforms().contains(&queue.platform) {
            let message = "The platform capabilities of the job definition do not match the compute environments of \
                           the job queue.";
            return Err(ApiError::client("jobQueue", message));
        }
        self.check_share(queue.fair_share)?;
        self.check_array(definition)?;
        self.check_dependencies()?;
        self.check_replacements()?;
        definition.job(self)?;
        let bytes = crate::api::compact(self).len();
        if bytes > MAX_BYTES {
            let message =
                format!("The submission has {bytes} bytes; at most {MAX_BYTES} are allowed.");
            return Err(ApiError::client("", message));
        }
        Ok(())
    }

    /// Children of the array, if the job is one. To be asked of a valid submission.
    pub fn array_size(&self) -> Option<u32> {
        let size = self.array_properties?.size?;
        u32::try_from(size).ok()
    }

    fn check_name(&self) -> Checked {
        let name = &self.job_name;
        let allowed =
            |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        if begins && name.len() <= MAX_NAME && name.chars().all(allowed) {
            return Ok(());
        }
        let message = format!(
            "jobName '{name}' is invalid; it has 1 to {MAX_NAME} letters, digits, '-' and '_', the first a letter or \
             digit."
        );
        Err(ApiError::client("jobName", message))
    }

    /// Source: AWS Batch API reference, SubmitJob, `shareIdentifier`.
    fn check_share(&self, fair_share: bool) -> Checked {
        let field = "shareIdentifier";
        in_range(
            "schedulingPriorityOverride",
            self.scheduling_priority_override,
            SCHEDULING_PRIORITY,
        )?;
        match &self.share_identifier {
            None if fair_share => {
                let message = "A job queue with a fair-share policy needs a shareIdentifier.";
                Err(ApiError::client(field, message))
            }
            Some(_) if !fair_share => {
                let message = "A job queue without a fair-share policy takes no shareIdentifier.";
                Err(ApiError::client(field, message))
            }
            Some(identifier) => check_share_identifier(field, identifier),
            None => Ok(()),
        }
    }

    fn check_array(&self, definition: &JobDefinition) -> Checked {
        let size = self.array_properties.and_then(|array| array.size);
        in_range("arrayProperties.size", size, ARRAY_SIZE)?;
        if size.is_some() && definition.is_multinode() {
            let message = "A multi-node parallel job cannot be an array.";
            return Err(ApiError::client("arrayProperties", message));
        }
        Ok(())
    }

    fn check_dependencies(&self) -> Checked {
        let dependencies = self.depends_on.as_deref().unwrap_or_default();
        if dependencies.len() > MAX_DEPENDENCIES {
            let message = "Job cannot have more than 20 dependencies";
            return Err(ApiError::client("dependsOn", message));
        }
        let is_array = self.array_size().is_some();
        for (index, dependency) in dependencies.iter().enumerate() {
            dependency
                .check(is_array)
                .map_err(within(&format!("dependsOn[{index}]")))?;
        }
        Ok(())
    }

    /// What takes the place of something in the definition, so that an error names the submission.
    fn check_replacements(&self) -> Checked {
        if let Some(retry) = &self.retry_strategy {
            retry.rules().map_err(within("retryStrategy"))?;
        }
        if let Some(timeout) = self.timeout {
            timeout.check().map_err(within("timeout"))?;
        }
        if let Some(resources) = &self.consumable_resource_properties_override {
            resources
                .check()
                .map_err(within("consumableResourcePropertiesOverride"))?;
        }
        check_tags(self.tags.as_ref())
    }
}

impl JobDependency {
    /// The forms that mean something [B-17]; that a node cannot be waited for: [B-19].
    fn check(&self, is_array: bool) -> Checked {
        let refuse = |field: &str, message: &str| Err(ApiError::client(field, message));
        match (self.job_id.as_deref(), self.r#type) {
            (None | Some(""), None) => refuse("jobId", "A dependency needs a jobId or a type."),
            (None | Some(""), Some(ArrayDependency::NToN)) => {
                refuse("jobId", "N_TO_N needs the jobId of an array job.")
            }
            (None | Some(""), Some(ArrayDependency::Sequential)) if !is_array => {
                refuse("type", "SEQUENTIAL without a jobId is for array jobs only.")
            }
            (_, Some(ArrayDependency::NToN)) if !is_array => {
                refuse("type", "N_TO_N is for array jobs only.")
            }
            (Some(id), _) if id.contains('#') => {
                refuse("jobId", "A job cannot wait for a node of another.")
            }
            _ => Ok(()),
        }
    }
}

impl CancelJob {
    /// Checks the call.
    ///
    /// # Errors
    /// ClientException for the first rule that is broken.
    pub fn validate(&self) -> Result<(), ApiError> {
        for (field, text) in [("jobId", &self.job_id), ("reason", &self.reason)] {
            if text.is_empty() {
                let message = format!("'{field}' is a required field (cannot be an empty string)");
                return Err(ApiError::client(field, message));
            }
        }
        let length = self.reason.chars().count();
        if length > MAX_REASON {
            let message = format!("reason has {length} characters; it may have {MAX_REASON}.");
            return Err(ApiError::client("reason", message));
        }
        Ok(())
    }
}

impl DescribeJobs {
    /// Checks the call.
    ///
    /// # Errors
    /// ClientException for more than 100 jobs.
    pub fn validate(&self) -> Result<(), ApiError> {
        if self.jobs.len() <= MAX_DESCRIBED {
            return Ok(());
        }
        // The two spaces are those of Batch.
        let message = "Maximum number of jobs supported is  100";
        Err(ApiError::client("jobs", message))
    }
}
