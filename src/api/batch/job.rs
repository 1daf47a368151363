//! What a job definition and a submission come to together.

use std::collections::BTreeMap;

use super::MAX_TAGS;
use super::container::{ContainerProperties, EcsProperties, EnvironmentVariable};
use super::definition::{JobDefinition, PlatformCapability};
use super::node::Assigned;
use super::overrides::{missing, replace};
use super::request::Request;
use super::submit::SubmitJob;
use super::within;
use crate::api::error::ApiError;
use crate::batch::retry::RetryStrategy;

/// Most characters of container overrides as compact JSON: a job with more is taken and then fails.
const MAX_OVERRIDES: usize = 8192;

/// Beginning of a placeholder in a command. Source: AWS Batch user guide, job definition parameters.
const PLACEHOLDER: &str = "Ref::";

/// A job as it is to be run: the definition, with what the submission overrides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What the job asks for.
    pub nodes: Nodes,
    /// On what it can run; never empty.
    pub platforms: Vec<PlatformCapability>,
    /// The instance type that all nodes must have, where one is named.
    pub instance_type: Option<String>,
    /// Retries; one attempt where none were asked for.
    pub retry: RetryStrategy,
    /// Seconds that an attempt may run, at least 60.
    pub timeout_seconds: Option<u32>,
    /// Priority within the share: 0 to 9999, 0 where none is given [B-36].
    pub scheduling_priority: u32,
    /// The share, in a queue with fair share.
    pub share_identifier: Option<String>,
    /// Command of the container, of the first essential one or of the main node, with parameters put in.
    pub command: Vec<String>,
    /// Environment variables of the same container.
    pub environment: Vec<EnvironmentVariable>,
    /// Parameters of definition and submission.
    pub parameters: BTreeMap<String, String>,
    /// Consumable resources and how much of each the job takes, all its nodes together; in the
    /// order in which they are named. Each child of an array takes as much.
    pub consumables: Vec<(String, u64)>,
    /// Children of an array job: 2 to 10000.
    pub array_size: Option<u32>,
    /// Tags of definition and submission.
    pub tags: BTreeMap<String, String>,
    /// Whether the tasks take the tags.
    pub propagate_tags: bool,
    /// Status reason with which the job is FAILED right after it was taken, for the two limits that
    /// SubmitJob does not judge.
    pub fails_with: Option<&'static str>,
}

/// What the nodes of a job ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// A job of one node.
    One(Request),
    /// A multi-node parallel job.
    Many {
        /// Index of the main node.
        main_node: u32,
        /// What each node asks for.
        requests: Vec<Request>,
    },
}

impl JobDefinition {
    /// The job that `submit` makes of the definition, checked again as the definition was.
    ///
    /// Source: AWS Batch API reference, SubmitJob.
    ///
    /// # Errors
    /// ClientException for the first rule that is broken after the overrides, where the field is one of the
    /// merged definition.
    pub fn job(&self, submit: &SubmitJob) -> Result<Job, ApiError> {
        let merged = submit.applied_to(self)?;
        merged.check()?;
        let parameters = merged.parameters.clone().unwrap_or_default();
        let tags = merged.tags.clone().unwrap_or_default();
        let propagate_tags = merged.propagate_tags.unwrap_or(false);
        let work = merged.work(submit)?;
        let mut command = work.command;
        for part in &mut command {
            *part = substitute(part, &parameters);
        }
        let seconds = merged.timeout.and_then(|timeout| timeout.seconds());
        let priority = merged.scheduling_priority.unwrap_or(0);
        let retry = merged.retry_strategy.as_ref();
        let retry = retry.map(|retry| retry.rules().map_err(within("retryStrategy")));
        let retry = retry.transpose()?.unwrap_or_default();
        let fails_with = submit.late_failure(propagate_tags, tags.len());
        Ok(Job {
            nodes: work.nodes,
            platforms: merged.platforms().to_vec(),
            instance_type: work.instance_type,
            retry,
            timeout_seconds: seconds,
            scheduling_priority: u32::try_from(priority).unwrap_or(0),
            share_identifier: submit.share_identifier.clone(),
            command,
            environment: work.environment,
            parameters,
            consumables: work.consumables,
            array_size: submit.array_size(),
            tags,
            propagate_tags,
            fails_with,
        })
    }

    /// What is run, of a merged definition that passes the checks.
    fn work(&self, submit: &SubmitJob) -> Result<Work, ApiError> {
        let mut consumables = Vec::new();
        if let Some(resources) = &self.consumable_resource_properties {
            resources.add_to(&mut consumables, 1);
        }
        if let Some(nodes) = &self.node_properties {
            let assigned = nodes.nodes(submit.node_overrides.as_ref())?;
            return Ok(Work::of_nodes(&assigned, consumables));
        }
        let (container, ecs) = (
            self.container_properties.as_ref(),
            self.ecs_properties.as_ref(),
        );
        let request = match (container, ecs) {
            (Some(container), _) => container.request(self.platforms()),
            (None, Some(ecs)) => ecs.request(self.platforms()),
            (None, None) => Err(missing("jobDefinition", "container")),
        }?;
        let (command, environment) = main_process(container, ecs);
        Ok(Work {
            nodes: Nodes::One(request),
            instance_type: None,
            command,
            environment,
            consumables,
        })
    }
}

/// The part of a job that differs with its kind.
struct Work {
    nodes: Nodes,
    instance_type: Option<String>,
    command: Vec<String>,
    environment: Vec<EnvironmentVariable>,
    consumables: Vec<(String, u64)>,
}

impl Work {
    /// A node range says what each of its nodes needs [B-48].
    fn of_nodes(assigned: &Assigned, mut consumables: Vec<(String, u64)>) -> Work {
        for (index, kind) in assigned.kinds.iter().enumerate() {
            let nodes = assigned.of_node.iter().filter(|&&of_node| of_node == index);
            if let Some(resources) = &kind.range.consumable_resource_properties {
                resources.add_to(&mut consumables, nodes.count() as u64);
            }
        }
        let main = &assigned.kinds[assigned.of_node[assigned.main_node as usize]].range;
        let (command, environment) =
            main_process(main.container.as_ref(), main.ecs_properties.as_ref());
        let request = |&kind: &usize| assigned.kinds[kind].request;
        Work {
            nodes: Nodes::Many {
                main_node: assigned.main_node,
                requests: assigned.of_node.iter().map(request).collect(),
            },
            instance_type: assigned.instance_type().map(str::to_owned),
            command,
            environment,
            consumables,
        }
    }
}

/// Command and environment of the container that stands for the job.
fn main_process(
    container: Option<&ContainerProperties>,
    ecs: Option<&EcsProperties>,
) -> (Vec<String>, Vec<EnvironmentVariable>) {
    let (command, environment) = match (container, ecs.and_then(EcsProperties::main_container)) {
        (Some(container), _) => (&container.command, &container.environment),
        (None, Some(container)) => (&container.command, &container.environment),
        (None, None) => (&None, &None),
    };
    (
        command.clone().unwrap_or_default(),
        environment.clone().unwrap_or_default(),
    )
}

impl SubmitJob {
    /// The definition as the job has it. Overrides of nodes stay apart, because they may cut a range
    /// in two.
    ///
    /// Source: AWS Batch API reference, SubmitJob.
    ///
    /// # Errors
    /// ClientException for an override that the definition does not admit.
    pub fn applied_to(&self, definition: &JobDefinition) -> Result<JobDefinition, ApiError> {
        let mut merged = definition.clone();
        replace(&mut merged.retry_strategy, &self.retry_strategy);
        replace(&mut merged.timeout, &self.timeout);
        replace(
            &mut merged.scheduling_priority,
            &self.scheduling_priority_override,
        );
        replace(&mut merged.propagate_tags, &self.propagate_tags);
        replace(
            &mut merged.consumable_resource_properties,
            &self.consumable_resource_properties_override,
        );
        merged.parameters = union(&definition.parameters, &self.parameters);
        merged.tags = union(&definition.tags, &self.tags);
        if let Some(change) = &self.container_overrides {
            let field = "containerOverrides";
            match &definition.container_properties {
                Some(container) => {
                    let updated = change.applied_to(container).map_err(within(field))?;
                    merged.container_properties = Some(updated);
                }
                None if *change == Default::default() => {}
                None => return Err(missing(field, "containerProperties")),
            }
        }
        if let Some(change) = &self.ecs_properties_override {
            let field = "ecsPropertiesOverride";
            match &definition.ecs_properties {
                Some(ecs) => {
                    let updated = change.applied_to(ecs).map_err(within(field))?;
                    merged.ecs_properties = Some(updated);
                }
                None if *change == Default::default() => {}
                None => return Err(missing(field, "ecsProperties")),
            }
        }
        if let Some(change) = &self.node_overrides {
            let is_empty = *change == Default::default();
            if !is_empty && definition.node_properties.is_none() {
                return Err(missing("nodeOverrides", "nodeProperties"));
            }
        }
        Ok(merged)
    }

    /// Source: AWS Batch API reference, SubmitJob, `propagateTags`; the length of overrides: as observed.
    fn late_failure(&self, propagate_tags: bool, tags: usize) -> Option<&'static str> {
        let overrides = self.container_overrides.as_ref();
        let length = |overrides| crate::api::compact(overrides).chars().count();
        if overrides.map_or(0, length) > MAX_OVERRIDES {
            return Some("Container Overrides length must be at most 8192");
        }
        if propagate_tags && tags > MAX_TAGS {
            return Some("Tags of job and job definition to propagate must be at most 50");
        }
        None
    }
}

/// Both maps in one, where the second wins.
fn union(
    first: &Option<BTreeMap<String, String>>,
    second: &Option<BTreeMap<String, String>>,
) -> Option<BTreeMap<String, String>> {
    if first.is_none() && second.is_none() {
        return None;
    }
    let pairs = [first, second].into_iter().flatten().flatten();
    Some(
        pairs
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    )
}

/// `text` with values in place of `Ref::name`, wherever it stands; of several names that fit, the
/// longest counts. What has no value stays, and values are not looked into [B-49].
fn substitute(text: &str, parameters: &BTreeMap<String, String>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PLACEHOLDER) {
        let (before, after) = (&rest[..at], &rest[at + PLACEHOLDER.len()..]);
        result.push_str(before);
        let fitting = parameters
            .iter()
            .filter(|(name, _)| !name.is_empty() && after.starts_with(name.as_str()));
        match fitting.max_by_key(|(name, _)| name.len()) {
            Some((name, value)) => {
                result.push_str(value);
                rest = &after[name.len()..];
            }
            None => {
                result.push_str(PLACEHOLDER);
                rest = after;
            }
        }
    }
    result.push_str(rest);
    result
}
