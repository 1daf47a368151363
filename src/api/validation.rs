//! The rules on RunTask and StartTask that need no cluster.
//!
//! A call gets one error: of the first rule it breaks, in the order in which they stand in
//! [`RunTask::validate`], lists judged in their order [U-45].

use super::error::{ApiError, Checked};
use super::launch::{ClusterView, Destination, Launch, check_network, check_subnets};
use super::request::{PropagateTags, RunTask, StartTask, Tag};
use super::task_definition::{Host, TaskDefinition};

/// Most tasks of a RunTask call, and most instances of a StartTask call. Source: ECS API.
const MAX_TASKS: usize = 10;

/// Most characters of `startedBy`. Source: ECS API, RunTask; for StartTask its error message.
const MAX_STARTED_BY: usize = 128;
const MAX_STARTED_BY_OF_START_TASK: usize = 36;

/// Most characters of a task group. Source: developer guide, "Task groups".
const MAX_GROUP: usize = 255;

/// Most characters of a client token. Source: ECS API, RunTask.
const MAX_CLIENT_TOKEN: usize = 64;

/// Most characters of a reference. Source: ECS API, RunTask.
const MAX_REFERENCE_ID: usize = 1024;

/// Most tags, and most characters of their keys and values. Source: ECS API, RunTask.
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

impl RunTask {
    /// Checks the call of a definition that [`TaskDefinition::validate`] takes.
    ///
    /// How many tasks of the cluster wait in PROVISIONING changes with time and is left to whoever
    /// knows: [`ApiError::provisioning_limit`].
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self, definition: &TaskDefinition, cluster: &ClusterView<'_>) -> Checked {
        let destination = self.destination(definition, cluster);
        self.check_count()?;
        destination.check_placement()?;
        let task = definition.with_overrides(self.overrides.as_ref(), destination.host())?;
        check_started_by(self.started_by.as_deref(), MAX_STARTED_BY)?;
        check_group(self.group.as_deref())?;
        check_client_token(self.client_token.as_deref(), MAX_CLIENT_TOKEN)?;
        check_reference_id(self.reference_id.as_deref())?;
        check_tags(self.tags.as_deref().unwrap_or_default())?;
        destination.check_subnets()?;
        self.check_propagate_tags()?;
        destination.check_network()?;
        destination.check_launch()?;
        check_active(definition)?;
        destination.check_compatibility(&task)?;
        destination.check_instances()
    }

    /// How many tasks the call is for.
    pub fn task_count(&self) -> usize {
        usize::try_from(self.count.unwrap_or(1)).unwrap_or(0)
    }

    /// What the tasks run on in a cluster.
    pub fn launch<'a>(&'a self, cluster: &ClusterView<'a>) -> Launch<'a> {
        let providers = self.capacity_provider_strategy.as_deref();
        Launch::of(providers, self.launch_type, cluster)
    }

    fn destination<'a>(
        &'a self,
        definition: &'a TaskDefinition,
        cluster: &'a ClusterView<'a>,
    ) -> Destination<'a> {
        Destination {
            definition,
            cluster,
            constraints: self.placement_constraints.as_deref(),
            strategies: self.placement_strategy.as_deref(),
            launch_type: self.launch_type,
            providers: self.capacity_provider_strategy.as_deref(),
            network: self.network_configuration.as_ref(),
            platform_version: self.platform_version.as_deref(),
        }
    }

    fn check_count(&self) -> Checked {
        match self.count {
            Some(count) if !(1..=MAX_TASKS as i64).contains(&count) => Err(ApiError::invalid(
                "count",
                format!("count is {count}; it may be 1 to {MAX_TASKS}"),
            )),
            _ => Ok(()),
        }
    }

    fn check_propagate_tags(&self) -> Checked {
        if self.propagate_tags == Some(PropagateTags::Service) {
            return Err(ApiError::invalid(
                "propagateTags",
                "propagateTags SERVICE is not supported by RunTask",
            ));
        }
        Ok(())
    }
}

impl StartTask {
    /// Checks the call of a definition that [`TaskDefinition::validate`] takes.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self, definition: &TaskDefinition) -> Checked {
        self.check_instances()?;
        definition.with_overrides(self.overrides.as_ref(), Host::Instance)?;
        check_started_by(self.started_by.as_deref(), MAX_STARTED_BY_OF_START_TASK)?;
        check_group(self.group.as_deref())?;
        check_reference_id(self.reference_id.as_deref())?;
        check_tags(self.tags.as_deref().unwrap_or_default())?;
        check_subnets(self.network_configuration.as_ref())?;
        check_network(self.network_configuration.as_ref(), definition)?;
        check_active(definition)
    }

    fn check_instances(&self) -> Checked {
        let count = self.container_instances.len();
        if (1..=MAX_TASKS).contains(&count) {
            return Ok(());
        }
        let message = format!("{count} container instances; there may be 1 to {MAX_TASKS}");
        Err(ApiError::invalid("containerInstances", message))
    }
}

fn check_started_by(started_by: Option<&str>, limit: usize) -> Checked {
    let text = started_by.unwrap_or_default();
    if text.chars().count() > limit {
        return Err(ApiError::invalid(
            "startedBy",
            format!("startedBy longer than {limit}."),
        ));
    }
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_/".contains(character);
    if !text.chars().all(allowed) {
        let message =
            format!("startedBy '{text}' is invalid; it has letters, digits, '-', '_' and '/'");
        return Err(ApiError::invalid("startedBy", message));
    }
    Ok(())
}

fn check_group(group: Option<&str>) -> Checked {
    check_length("group", group.unwrap_or_default(), MAX_GROUP)
}

pub(super) fn check_client_token(token: Option<&str>, limit: usize) -> Checked {
    let token = token.unwrap_or_default();
    check_length("clientToken", token, limit)?;
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ApiError::invalid(
            "clientToken",
            "clientToken has a character outside ASCII 33 to 126",
        ));
    }
    Ok(())
}

fn check_reference_id(reference: Option<&str>) -> Checked {
    check_length(
        "referenceId",
        reference.unwrap_or_default(),
        MAX_REFERENCE_ID,
    )
}

pub(super) fn check_tags(tags: &[Tag]) -> Checked {
    if tags.len() > MAX_TAGS {
        return Err(ApiError::invalid(
            "tags",
            format!("{} tags; at most {MAX_TAGS} are allowed", tags.len()),
        ));
    }
    for (index, tag) in tags.iter().enumerate() {
        tag.check()
            .map_err(|error| error.within(&format!("tags[{index}]")))?;
    }
    Ok(())
}

impl Tag {
    fn check(&self) -> Checked {
        let value = self.value.as_deref().unwrap_or_default();
        if self.key.is_empty() {
            return Err(ApiError::invalid("key", "key is empty"));
        }
        check_length("key", &self.key, MAX_TAG_KEY)?;
        check_length("value", value, MAX_TAG_VALUE)?;
        for (field, text) in [("key", self.key.as_str()), ("value", value)] {
            if text
                .get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
            {
                return Err(ApiError::invalid(
                    field,
                    format!("{field} '{text}' begins with the reserved 'aws:'"),
                ));
            }
        }
        Ok(())
    }
}

pub(super) fn check_active(definition: &TaskDefinition) -> Checked {
    if definition.is_active() {
        Ok(())
    } else {
        Err(ApiError::invalid(
            "taskDefinition",
            "TaskDefinition is inactive",
        ))
    }
}

fn check_length(field: &str, text: &str, limit: usize) -> Checked {
    let length = text.chars().count();
    if length > limit {
        return Err(ApiError::invalid(
            field,
            format!("{field} has {length} characters; at most {limit} are allowed"),
        ));
    }
    Ok(())
}
