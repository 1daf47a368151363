//! The rules on RunTask and StartTask that need no cluster.
//!
//! A call gets one error: of the first rule it breaks, in the order in which they stand in
//! [`RunTask::validate`], lists judged in their order [U-45].

use super::demand::GpuDemand;
use super::error::ApiError;
use super::fargate::is_fargate_size;
use super::placement::{
    MAX_CONSTRAINTS, check_constraints, check_strategies, check_strategy_count,
};
use super::request::{
    CapacityProviderStrategyItem, NetworkConfiguration, PropagateTags, RunTask, StartTask, Tag,
};
use super::task_definition::{Host, LaunchType, NetworkMode, TaskDefinition};

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

/// Most subnets and security groups. Source: ECS API, AwsVpcConfiguration.
const MAX_SUBNETS: usize = 16;
const MAX_SECURITY_GROUPS: usize = 5;

/// Most items of a capacity provider strategy, and ranges of their numbers.
/// Source: ECS API, CapacityProviderStrategyItem.
const MAX_PROVIDERS: usize = 20;
const MAX_WEIGHT: i64 = 1000;
const MAX_BASE: i64 = 100_000;

type Checked = Result<(), ApiError>;

impl RunTask {
    /// Checks the call of a definition that [`TaskDefinition::validate`] takes.
    ///
    /// Rules that need the cluster are left to whoever has one: whether the providers are the
    /// cluster's, whether it has instances, and how many of its tasks wait in PROVISIONING. A call
    /// with neither launch type nor strategy is taken to be for EC2.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self, definition: &TaskDefinition) -> Checked {
        let constraints = self.placement_constraints.as_deref().unwrap_or_default();
        let strategies = self.placement_strategy.as_deref().unwrap_or_default();
        self.check_count()?;
        self.check_constraint_count(definition)?;
        check_strategy_count(strategies)?;
        check_constraints(constraints)?;
        check_strategies(strategies)?;
        let task = definition.with_overrides(self.overrides.as_ref(), self.host())?;
        check_started_by(self.started_by.as_deref(), MAX_STARTED_BY)?;
        check_group(self.group.as_deref())?;
        check_client_token(self.client_token.as_deref())?;
        check_reference_id(self.reference_id.as_deref())?;
        check_tags(self.tags.as_deref().unwrap_or_default())?;
        check_subnets(self.network_configuration.as_ref())?;
        self.check_propagate_tags()?;
        check_network(self.network_configuration.as_ref(), definition)?;
        self.check_providers()?;
        self.check_fargate(definition)?;
        self.check_platform_version()?;
        check_active(definition)?;
        self.check_compatibility(definition, &task)
    }

    /// How many tasks the call is for.
    pub fn task_count(&self) -> usize {
        usize::try_from(self.count.unwrap_or(1)).unwrap_or(0)
    }

    /// Where the tasks are to run, as far as the request says.
    pub fn host(&self) -> Host {
        let fargate = self.launch_type == Some(LaunchType::Fargate)
            || self
                .providers()
                .iter()
                .any(CapacityProviderStrategyItem::is_fargate);
        if fargate {
            Host::Fargate
        } else {
            Host::Instance
        }
    }

    fn providers(&self) -> &[CapacityProviderStrategyItem] {
        self.capacity_provider_strategy
            .as_deref()
            .unwrap_or_default()
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

    fn constraint_count(&self, definition: &TaskDefinition) -> (usize, usize) {
        let count = |list: &Option<Vec<_>>| list.as_ref().map_or(0, Vec::len);
        (
            count(&self.placement_constraints),
            count(&definition.placement_constraints),
        )
    }

    fn check_constraint_count(&self, definition: &TaskDefinition) -> Checked {
        let (own, defined) = self.constraint_count(definition);
        if own + defined <= MAX_CONSTRAINTS {
            return Ok(());
        }
        let message = format!(
            "{own} placement constraints and {defined} of the task definition; together at most {MAX_CONSTRAINTS} are \
             allowed"
        );
        Err(ApiError::invalid("placementConstraints", message))
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

    /// The rules on capacity providers that are not about the cluster.
    fn check_providers(&self) -> Checked {
        let providers = self.providers();
        let refuse = |message: &str| Err(ApiError::invalid("capacityProviderStrategy", message));
        if providers.is_empty() {
            return Ok(());
        }
        if self.launch_type.is_some() {
            return refuse(
                "Specifying both a launch type and capacity provider strategy is not supported",
            );
        }
        if providers.len() > MAX_PROVIDERS {
            return refuse(&format!(
                "{} capacity providers; at most {MAX_PROVIDERS} are allowed",
                providers.len()
            ));
        }
        for (index, provider) in providers.iter().enumerate() {
            provider
                .check_numbers()
                .map_err(|error| error.within(&format!("capacityProviderStrategy[{index}]")))?;
        }
        if providers
            .iter()
            .filter(|item| item.base.unwrap_or(0) > 0)
            .count()
            > 1
        {
            return refuse(
                "There are multiple capacity providers in the specified capacity provider strategy with a base value \
                 defined",
            );
        }
        if !providers.iter().any(|item| item.weight.unwrap_or(0) > 0) {
            return refuse(
                "There are no capacity providers in the capacity provider strategy with a weight value greater than \
                 zero",
            );
        }
        let fargate = providers.iter().filter(|item| item.is_fargate()).count();
        if 0 < fargate && fargate < providers.len() {
            return refuse(
                "Fargate and Auto Scaling group capacity providers cannot be used in one strategy",
            );
        }
        Ok(())
    }

    fn check_fargate(&self, definition: &TaskDefinition) -> Checked {
        if self.host() == Host::Instance {
            return Ok(());
        }
        if self
            .placement_strategy
            .as_ref()
            .is_some_and(|list| !list.is_empty())
        {
            let message = "Placement strategies are not supported with FARGATE launch type";
            return Err(ApiError::invalid("placementStrategy", message));
        }
        let (own, defined) = self.constraint_count(definition);
        if own + defined > 0 {
            let field = if own > 0 {
                "placementConstraints"
            } else {
                "taskDefinition"
            };
            return Err(ApiError::invalid(
                field,
                "Placement constraints are not supported with FARGATE launch type",
            ));
        }
        Ok(())
    }

    fn check_platform_version(&self) -> Checked {
        let given = self
            .platform_version
            .as_ref()
            .is_some_and(|version| !version.is_empty());
        if given && self.launch_type == Some(LaunchType::Ec2) {
            let message = "The platform version must be null when specifying an EC2 launch type";
            return Err(ApiError::invalid("platformVersion", message));
        }
        Ok(())
    }

    /// Both the definition and what overrides make of it must suit.
    fn check_compatibility(&self, definition: &TaskDefinition, task: &TaskDefinition) -> Checked {
        let (name, suits) = match (self.launch_type, self.host()) {
            (_, Host::Fargate) => (
                "FARGATE",
                definition.suits_fargate() && task.suits_fargate(),
            ),
            (Some(LaunchType::External), _) => {
                ("EXTERNAL", definition.network_mode() != NetworkMode::Awsvpc)
            }
            _ => return Ok(()),
        };
        if suits {
            return Ok(());
        }
        let message = format!("Task definition does not support launch_type {name}.");
        Err(ApiError::invalid("taskDefinition", message))
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

impl TaskDefinition {
    /// Whether Fargate can run it: judged by its content, not by `requiresCompatibilities`.
    fn suits_fargate(&self) -> bool {
        let sized = match (&self.cpu, &self.memory) {
            (Some(cpu), Some(memory)) => {
                is_fargate_size(cpu.units(), memory.mib(), self.operating_system())
            }
            _ => false,
        };
        sized
            && self.network_mode() == NetworkMode::Awsvpc
            && self.gpus() == Ok(GpuDemand::Whole(0))
    }
}

impl CapacityProviderStrategyItem {
    fn check_numbers(&self) -> Checked {
        for (field, value, most) in [
            ("weight", self.weight, MAX_WEIGHT),
            ("base", self.base, MAX_BASE),
        ] {
            if let Some(value) = value.filter(|value| !(0..=most).contains(value)) {
                return Err(ApiError::invalid(
                    field,
                    format!("{field} is {value}; it may be 0 to {most}"),
                ));
            }
        }
        Ok(())
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

fn check_client_token(token: Option<&str>) -> Checked {
    let token = token.unwrap_or_default();
    check_length("clientToken", token, MAX_CLIENT_TOKEN)?;
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

fn check_tags(tags: &[Tag]) -> Checked {
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

fn check_subnets(network: Option<&NetworkConfiguration>) -> Checked {
    let Some(awsvpc) = network.and_then(|network| network.awsvpc_configuration.as_ref()) else {
        return Ok(());
    };
    let refuse = |field: &str, message: String| {
        Err(ApiError::invalid(
            format!("networkConfiguration.awsvpcConfiguration.{field}"),
            message,
        ))
    };
    let (subnets, groups) = (
        awsvpc.subnets.len(),
        awsvpc.security_groups.as_ref().map_or(0, Vec::len),
    );
    if !(1..=MAX_SUBNETS).contains(&subnets) {
        return refuse(
            "subnets",
            format!("{subnets} subnets; there may be 1 to {MAX_SUBNETS}"),
        );
    }
    if groups > MAX_SECURITY_GROUPS {
        let message =
            format!("{groups} security groups; at most {MAX_SECURITY_GROUPS} are allowed");
        return refuse("securityGroups", message);
    }
    Ok(())
}

fn check_network(network: Option<&NetworkConfiguration>, definition: &TaskDefinition) -> Checked {
    let given = network.is_some_and(|network| network.awsvpc_configuration.is_some());
    let message = match (definition.network_mode() == NetworkMode::Awsvpc, given) {
        (true, false) => {
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        }
        (false, true) => {
            "Network Configuration is not valid for the given networkMode of this task definition."
        }
        _ => return Ok(()),
    };
    Err(ApiError::invalid("networkConfiguration", message))
}

fn check_active(definition: &TaskDefinition) -> Checked {
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
