//! Job definitions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::consumable::ConsumableResourceProperties;
use super::container::{ContainerProperties, EcsProperties};
use super::node::NodeProperties;
use super::retry::{JobTimeout, RetryStrategy};
use super::{SCHEDULING_PRIORITY, check_name, check_tags, in_range, within};
use crate::api::error::{ApiError, Checked};

/// Most bytes of a registration as compact JSON. Source: AWS Batch user guide, service quotas.
const MAX_BYTES: usize = 24 * 1024;

/// A job definition, as RegisterJobDefinition takes it or as DescribeJobDefinitions prints it.
///
/// Source: AWS Batch API reference, RegisterJobDefinition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchJobDefinition")]
pub struct JobDefinition {
    /// Name: up to 128 letters, digits, `-` and `_`.
    pub job_definition_name: String,
    /// Whether the job has one node or several.
    pub r#type: JobDefinitionType,
    /// Default values of parameters.
    pub parameters: Option<BTreeMap<String, String>>,
    /// Priority within a share: 0 to 9999. Absent is 0 [B-36].
    pub scheduling_priority: Option<i64>,
    /// The container.
    pub container_properties: Option<ContainerProperties>,
    /// The containers, where there are several.
    pub ecs_properties: Option<EcsProperties>,
    /// The nodes of a multi-node parallel job.
    pub node_properties: Option<NodeProperties>,
    /// Pods of Amazon EKS; not simulated.
    pub eks_properties: Option<Value>,
    /// Retries. Absent is one attempt.
    pub retry_strategy: Option<RetryStrategy>,
    /// Timeout of each attempt. Absent is none.
    pub timeout: Option<JobTimeout>,
    /// On what the job runs. Absent or empty is EC2.
    pub platform_capabilities: Option<Vec<PlatformCapability>>,
    /// Consumable resources that the job needs.
    pub consumable_resource_properties: Option<ConsumableResourceProperties>,
    /// Whether the tasks of the job take its tags. Absent is false.
    pub propagate_tags: Option<bool>,
    /// Tags: at most 50.
    pub tags: Option<BTreeMap<String, String>>,
    /// Revision, from 1. Absent is one more than the revision before, see [`resolve`].
    pub revision: Option<i64>,
    /// Status. Absent is ACTIVE.
    pub status: Option<JobDefinitionStatus>,
    /// Amazon resource name, as printed by Batch; without effect.
    pub job_definition_arn: Option<Value>,
    /// Orchestration type, as printed by Batch; without effect.
    pub container_orchestration_type: Option<Value>,
}

/// Whether a job has one node or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "BatchJobDefinitionType")]
pub enum JobDefinitionType {
    /// One.
    Container,
    /// Several: a multi-node parallel job.
    Multinode,
}

/// Whether jobs can be submitted with a revision of a job definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchJobDefinitionStatus")]
pub enum JobDefinitionStatus {
    /// They can.
    #[default]
    Active,
    /// It was deregistered.
    Inactive,
}

/// On what a job can run, or what a job queue leads to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchPlatformCapability")]
pub enum PlatformCapability {
    /// Instances of Amazon EC2, on demand or spot, managed or not.
    Ec2,
    /// AWS Fargate.
    Fargate,
    /// Amazon ECS Managed Instances.
    ManagedInstances,
}

/// A revision that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Its place in the list.
    pub index: usize,
    /// Its revision, from 1.
    pub revision: u32,
}

impl JobDefinition {
    /// Checks the definition as RegisterJobDefinition does.
    ///
    /// # Errors
    /// ClientException for the first rule that is broken; UnsupportedFeatureException for jobs of Amazon
    /// EKS, which are not simulated.
    pub fn validate(&self) -> Result<(), ApiError> {
        self.check()?;
        check_tags(self.tags.as_ref())?;
        let bytes = crate::api::compact(self).len();
        if bytes > MAX_BYTES {
            let message =
                format!("Job definition has {bytes} bytes; at most {MAX_BYTES} are allowed.");
            return Err(ApiError::client("", message));
        }
        Ok(())
    }

    /// All rules but those on tags and length, which are of the call and not of what a job becomes.
    pub(super) fn check(&self) -> Checked {
        check_name("jobDefinitionName", &self.job_definition_name)?;
        in_range("revision", self.revision, 1..=i64::from(i32::MAX))?;
        in_range(
            "schedulingPriority",
            self.scheduling_priority,
            SCHEDULING_PRIORITY,
        )?;
        self.check_family()?;
        if let Some(retry) = &self.retry_strategy {
            retry.rules().map_err(within("retryStrategy"))?;
        }
        if let Some(timeout) = self.timeout {
            timeout.check().map_err(within("timeout"))?;
        }
        if let Some(resources) = &self.consumable_resource_properties {
            resources
                .check()
                .map_err(within("consumableResourceProperties"))?;
        }
        self.check_containers()
    }

    /// On what the job can run.
    pub fn platforms(&self) -> &[PlatformCapability] {
        match self.platform_capabilities.as_deref() {
            None | Some([]) => &[PlatformCapability::Ec2],
            Some(platforms) => platforms,
        }
    }

    /// Whether jobs can be submitted with this revision.
    pub fn is_active(&self) -> bool {
        self.status.unwrap_or_default() == JobDefinitionStatus::Active
    }

    /// Whether the job has several nodes.
    pub fn is_multinode(&self) -> bool {
        self.r#type == JobDefinitionType::Multinode
    }

    /// Exactly one description of what runs, and the one that goes with type and platform.
    fn check_family(&self) -> Checked {
        if self.eks_properties.is_some() {
            return Err(eks_is_not_simulated("eksProperties"));
        }
        let given: Vec<&str> = [
            ("containerProperties", self.container_properties.is_some()),
            ("ecsProperties", self.ecs_properties.is_some()),
            ("nodeProperties", self.node_properties.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, given)| given.then_some(field))
        .collect();
        let refuse = |field: &str, message: &str| Err(ApiError::client(field, message));
        match (self.r#type, given.as_slice()) {
            (JobDefinitionType::Container, ["containerProperties" | "ecsProperties"])
            | (JobDefinitionType::Multinode, ["nodeProperties"]) => {}
            (JobDefinitionType::Container, _) => {
                return refuse(
                    given.last().copied().unwrap_or("containerProperties"),
                    "A job definition of type container must have exactly one of containerProperties and \
                     ecsProperties.",
                );
            }
            (JobDefinitionType::Multinode, _) => {
                return refuse(
                    given.first().copied().unwrap_or("nodeProperties"),
                    "A job definition of type multinode must have nodeProperties and nothing else.",
                );
            }
        }
        let only_ec2 = self
            .platforms()
            .iter()
            .all(|&platform| platform == PlatformCapability::Ec2);
        if self.is_multinode() && !only_ec2 {
            return refuse(
                "platformCapabilities",
                "Multi-node parallel jobs run on EC2 only.",
            );
        }
        let managed = self
            .platforms()
            .contains(&PlatformCapability::ManagedInstances);
        if managed && self.ecs_properties.is_none() {
            return refuse(
                "containerProperties",
                "Jobs on MANAGED_INSTANCES must use ecsProperties.",
            );
        }
        Ok(())
    }

    fn check_containers(&self) -> Checked {
        if let Some(container) = &self.container_properties {
            container
                .request(self.platforms())
                .map_err(within("containerProperties"))?;
            // An instance type is chosen for nodes only.
            if container.instance_type.is_some() {
                let message = "instanceType is for multi-node parallel jobs.";
                let field = "containerProperties.instanceType";
                return Err(ApiError::client(field, message));
            }
        }
        if let Some(ecs) = &self.ecs_properties {
            ecs.request(self.platforms())
                .map_err(within("ecsProperties"))?;
        }
        if let Some(nodes) = &self.node_properties {
            nodes.check()?;
        }
        Ok(())
    }
}

/// Finds a job definition by `name`, `name:revision` or Amazon resource name; without a revision
/// it is the latest that is ACTIVE. In a list, revisions count up from 1 among equal names where none is given.
///
/// Source: AWS Batch API reference, SubmitJob, `jobDefinition`.
///
/// # Errors
/// ClientException when there is none, or when the one named is INACTIVE.
pub fn resolve(definitions: &[JobDefinition], reference: &str) -> Result<Resolved, ApiError> {
    let not_found = || ApiError::job_definition_not_found(reference);
    let (name, wanted) = parse(reference).ok_or_else(not_found)?;
    let mut last: u32 = 0;
    let mut found: Option<Resolved> = None;
    for (index, definition) in definitions.iter().enumerate() {
        if definition.job_definition_name != name {
            continue;
        }
        let given = definition
            .revision
            .and_then(|revision| u32::try_from(revision).ok());
        let revision = given.unwrap_or(last.saturating_add(1));
        last = last.max(revision);
        let is_it = wanted.is_none_or(|wanted| wanted == revision);
        let newest = found.is_none_or(|found| found.revision < revision);
        if is_it && newest && definition.is_active() {
            found = Some(Resolved { index, revision });
        }
    }
    found.ok_or_else(not_found)
}

/// Name and revision of a reference.
fn parse(reference: &str) -> Option<(&str, Option<u32>)> {
    let text = if reference.starts_with("arn:") {
        reference.split_once(":job-definition/")?.1
    } else {
        reference
    };
    match text.split_once(':') {
        None => Some((text, None)),
        Some((name, revision)) => {
            let plain = revision.bytes().all(|byte| byte.is_ascii_digit());
            plain
                .then(|| revision.parse().ok())
                .flatten()
                .map(|revision| (name, Some(revision)))
        }
    }
}

pub(super) fn eks_is_not_simulated(field: &str) -> ApiError {
    let message = "Jobs on Amazon EKS are not simulated; use containerProperties or ecsProperties.";
    ApiError::unsupported(field, message)
}
