//! Services: CreateService and UpdateService.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::capacity_provider::Switch;
use super::error::{ApiError, Checked, ErrorCode};
use super::launch::{ClusterView, Destination, Launch};
use super::overrides::replace;
use super::placement::{PlacementConstraint, PlacementStrategy};
use super::registration::is_name;
use super::request::{CapacityProviderStrategyItem, NetworkConfiguration, PropagateTags, Tag};
use super::task_definition::{LaunchType, TaskDefinition};
use super::validation::{check_active, check_client_token, check_tags};

/// Most characters of a client token. Source: ECS API, CreateService.
const MAX_CLIENT_TOKEN: usize = 36;

/// Largest Integer of the API. Source: ECS API reference.
const MAX_INTEGER: i64 = 2_147_483_647;

/// A call of CreateService.
///
/// Source: ECS API reference, CreateService.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateService {
    /// Name of the cluster. Absent is `default`.
    pub cluster: Option<String>,
    /// Name, unique in the cluster: up to 255 letters, digits, `_` and `-`.
    pub service_name: String,
    /// `family:revision`, or `family` for its latest active revision.
    pub task_definition: String,
    /// How many tasks are to run. REPLICA needs it, DAEMON does not take it.
    pub desired_count: Option<i64>,
    /// Where the tasks run; not together with a capacity provider strategy.
    pub launch_type: Option<LaunchType>,
    /// Capacity providers that take the tasks.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    /// What the service keeps up. Absent is REPLICA.
    pub scheduling_strategy: Option<SchedulingStrategy>,
    /// Which instances may take the tasks; at most 10 with those of the task definition.
    pub placement_constraints: Option<Vec<PlacementConstraint>>,
    /// Which of those is best: at most 5 rules, each breaking the ties of those before it.
    pub placement_strategy: Option<Vec<PlacementStrategy>>,
    /// How one deployment replaces another.
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// Who deploys; only ECS itself is simulated.
    pub deployment_controller: Option<DeploymentController>,
    /// Seconds after the start of a task in which its health does not count. Absent is 0.
    pub health_check_grace_period_seconds: Option<i64>,
    /// Whether tasks are moved so that zones have equally many. Absent is ENABLED where it can be.
    pub availability_zone_rebalancing: Option<Switch>,
    /// Network of the tasks: required with network mode `awsvpc`, refused with any other.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Platform version of Fargate: `LATEST`, as when absent, or such as `1.4.0`.
    pub platform_version: Option<String>,
    /// Token that makes a repeated call the same call: at most 36 characters; without effect.
    pub client_token: Option<String>,
    /// Tags: at most 50; without effect.
    pub tags: Option<Vec<Tag>>,
    /// From where the tasks take their tags; without effect.
    pub propagate_tags: Option<PropagateTags>,
    /// Load balancers; without effect.
    pub load_balancers: Option<Value>,
    /// Service discovery; without effect.
    pub service_registries: Option<Value>,
    /// Role that calls load balancers; without effect.
    pub role: Option<Value>,
    /// Whether commands may be run in containers; without effect.
    pub enable_execute_command: Option<Value>,
    /// Whether ECS adds tags; without effect.
    #[serde(rename = "enableECSManagedTags")]
    pub enable_ecs_managed_tags: Option<Value>,
    /// Service Connect; without effect.
    pub service_connect_configuration: Option<Value>,
    /// Volumes; without effect.
    pub volume_configurations: Option<Value>,
    /// VPC Lattice; without effect.
    pub vpc_lattice_configurations: Option<Value>,
}

/// A call of UpdateService. What is absent stays as it is.
///
/// Source: ECS API reference, UpdateService.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateService {
    /// Name of the cluster. Absent is `default`.
    pub cluster: Option<String>,
    /// Name of the service.
    pub service: String,
    /// How many tasks are to run.
    pub desired_count: Option<i64>,
    /// `family:revision`, or `family` for its latest active revision.
    pub task_definition: Option<String>,
    /// Whether a deployment begins although nothing asks for one. Absent is false.
    pub force_new_deployment: Option<bool>,
    /// How one deployment replaces another; what is absent in it stays as it is.
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// Which instances may take tasks from now on; an empty list takes the constraints away.
    pub placement_constraints: Option<Vec<PlacementConstraint>>,
    /// Which of those is best from now on; an empty list takes the strategy away.
    pub placement_strategy: Option<Vec<PlacementStrategy>>,
    /// Capacity providers that take tasks from now on; an empty list goes back to launch type EC2,
    /// or FARGATE when the providers were of Fargate.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    /// Who deploys; only ECS itself is simulated.
    pub deployment_controller: Option<DeploymentController>,
    /// Seconds after the start of a task in which its health does not count.
    pub health_check_grace_period_seconds: Option<i64>,
    /// Whether tasks are moved so that zones have equally many.
    pub availability_zone_rebalancing: Option<Switch>,
    /// Network of the tasks.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Platform version of Fargate.
    pub platform_version: Option<String>,
    /// From where the tasks take their tags; without effect.
    pub propagate_tags: Option<PropagateTags>,
    /// Load balancers; without effect.
    pub load_balancers: Option<Value>,
    /// Service discovery; without effect.
    pub service_registries: Option<Value>,
    /// Whether commands may be run in containers; without effect.
    pub enable_execute_command: Option<Value>,
    /// Whether ECS adds tags; without effect.
    #[serde(rename = "enableECSManagedTags")]
    pub enable_ecs_managed_tags: Option<Value>,
    /// Service Connect; without effect.
    pub service_connect_configuration: Option<Value>,
    /// Volumes; without effect.
    pub volume_configurations: Option<Value>,
    /// VPC Lattice; without effect.
    pub vpc_lattice_configurations: Option<Value>,
}

/// What a service keeps up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SchedulingStrategy {
    /// A number of tasks.
    #[default]
    Replica,
    /// One task on each instance that meets the constraints.
    Daemon,
}

/// How one deployment of a service replaces another.
///
/// Source: ECS API reference, DeploymentConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentConfiguration {
    /// Lower bound on healthy tasks in percent of the desired count. Absent is 100; for DAEMON 0.
    pub minimum_healthy_percent: Option<i64>,
    /// Upper bound on tasks in percent of the desired count. Absent is 200; DAEMON has 100.
    pub maximum_percent: Option<i64>,
    /// When a deployment is given up. Absent is never.
    pub deployment_circuit_breaker: Option<DeploymentCircuitBreaker>,
    /// Strategy of the deployment; without effect, all are rolling.
    pub strategy: Option<Value>,
    /// Alarms; without effect.
    pub alarms: Option<Value>,
    /// Time in which both deployments run; without effect.
    pub bake_time_in_minutes: Option<Value>,
    /// Hooks; without effect.
    pub lifecycle_hooks: Option<Value>,
    /// Steps of a linear deployment; without effect.
    pub linear_configuration: Option<Value>,
    /// Steps of a canary deployment; without effect.
    pub canary_configuration: Option<Value>,
}

/// When a deployment is given up.
///
/// Source: ECS API reference, DeploymentCircuitBreaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentCircuitBreaker {
    /// Whether it is given up at all.
    pub enable: bool,
    /// Whether the last deployment that succeeded comes back.
    pub rollback: bool,
    /// Whether a task that becomes healthy sets the count of failures back.
    pub reset_on_healthy_task: Option<bool>,
    /// How many failures are too many. Absent is BOUNDED_PERCENT of 50.
    pub threshold_configuration: Option<ThresholdConfiguration>,
}

/// How many failed tasks make a failed deployment.
///
/// Source: ECS API reference, ThresholdConfiguration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ThresholdConfiguration {
    /// What the value is.
    pub r#type: ThresholdType,
    /// A number of tasks, or percent of the desired count; at least 1.
    pub value: u32,
}

/// What a threshold counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThresholdType {
    /// Tasks.
    Count,
    /// Percent of the desired count, within the bounds of ECS.
    BoundedPercent,
    /// Percent of the desired count.
    UnboundedPercent,
}

/// Who deploys a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentController {
    /// Kind of the controller.
    pub r#type: DeploymentControllerType,
}

/// Kind of a deployment controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentControllerType {
    /// ECS itself.
    Ecs,
    /// AWS CodeDeploy; not simulated.
    CodeDeploy,
    /// Someone else; not simulated.
    External,
}

impl CreateService {
    /// Checks the call of a definition that [`TaskDefinition::validate`] takes. That the name is
    /// taken is left to whoever knows the others.
    ///
    /// # Errors
    /// The first rule that is broken, in the order of RunTask's where there is one [U-45].
    pub fn validate(&self, definition: &TaskDefinition, cluster: &ClusterView<'_>) -> Checked {
        self.check_settings(definition, cluster)?;
        check_active(definition)?;
        self.destination(definition, cluster)
            .check_compatibility(definition)
    }

    /// All rules but those on what may be run at all.
    fn check_settings(&self, definition: &TaskDefinition, cluster: &ClusterView<'_>) -> Checked {
        let destination = self.destination(definition, cluster);
        self.check_name()?;
        destination.check_placement()?;
        check_client_token(self.client_token.as_deref(), MAX_CLIENT_TOKEN)?;
        check_tags(self.tags.as_deref().unwrap_or_default())?;
        destination.check_subnets()?;
        destination.check_network()?;
        match self.scheduling_strategy() {
            SchedulingStrategy::Replica => self.check_replica()?,
            SchedulingStrategy::Daemon => self.check_daemon(destination.launch())?,
        }
        destination.check_launch()?;
        self.check_deployment()?;
        self.check_rebalancing(destination.launch())
    }

    /// What the service keeps up.
    pub fn scheduling_strategy(&self) -> SchedulingStrategy {
        self.scheduling_strategy.unwrap_or_default()
    }

    /// What the tasks run on in a cluster.
    pub fn launch<'a>(&'a self, cluster: &ClusterView<'a>) -> Launch<'a> {
        let providers = self.capacity_provider_strategy.as_deref();
        Launch::of(providers, self.launch_type, cluster)
    }

    /// Lower bound on healthy tasks in percent of the desired count.
    pub fn minimum_healthy_percent(&self) -> u32 {
        let default = if self.is_daemon() { 0 } else { 100 };
        self.percent(|deployment| deployment.minimum_healthy_percent, default)
    }

    /// Upper bound on tasks in percent of the desired count.
    pub fn maximum_percent(&self) -> u32 {
        let default = if self.is_daemon() { 100 } else { 200 };
        self.percent(|deployment| deployment.maximum_percent, default)
    }

    /// Whether tasks are moved so that zones have equally many: on unless it is switched off, where
    /// the service may have more tasks than it wants for a while.
    ///
    /// Source: ECS API reference, CreateService, `availabilityZoneRebalancing`.
    pub fn rebalances_zones(&self) -> bool {
        self.availability_zone_rebalancing != Some(Switch::Disabled)
            && !self.is_daemon()
            && self.launch_type != Some(LaunchType::External)
            && self.maximum_percent() > 100
    }

    fn is_daemon(&self) -> bool {
        self.scheduling_strategy() == SchedulingStrategy::Daemon
    }

    fn percent(&self, of: impl Fn(&DeploymentConfiguration) -> Option<i64>, default: u32) -> u32 {
        let given = self.deployment_configuration.as_ref().and_then(of);
        given.map_or(default, |percent| u32::try_from(percent).unwrap_or(default))
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

    fn check_name(&self) -> Checked {
        if is_name(&self.service_name) {
            return Ok(());
        }
        let message = format!(
            "serviceName '{}' is invalid; it has 1 to 255 letters, digits, '_' and '-'",
            self.service_name
        );
        Err(ApiError::invalid("serviceName", message))
    }

    fn check_replica(&self) -> Checked {
        if self.desired_count.is_none() {
            let message = "desiredCount is needed with schedulingStrategy REPLICA";
            return Err(ApiError::invalid("desiredCount", message));
        }
        in_range("desiredCount", self.desired_count, MAX_INTEGER)
    }

    /// Source: ECS developer guide, "Daemon scheduling strategy".
    fn check_daemon(&self, launch: Launch<'_>) -> Checked {
        let most = self.maximum_percent();
        let strategies = self.placement_strategy.as_ref().map_or(0, Vec::len);
        let (field, message) = if self.desired_count.is_some() {
            (
                "desiredCount",
                "The daemon scheduling strategy does not support a desired count for services. Remove the desired count \
                 value and try again",
            )
        } else if strategies > 0 {
            (
                "placementStrategy",
                "The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and \
                 try again",
            )
        } else if most > 100 {
            (
                "deploymentConfiguration.maximumPercent",
                "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment \
                 configuration. Change the maximumPercent value to 100, and try again",
            )
        } else if most < 100 {
            (
                "deploymentConfiguration.maximumPercent",
                "The daemon scheduling strategy needs a maximumPercent of 100",
            )
        } else if launch.is_fargate() {
            (
                "launchType",
                "The daemon scheduling strategy is not supported on Fargate",
            )
        } else if matches!(launch, Launch::Providers(_)) {
            (
                "capacityProviderStrategy",
                "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON \
                 scheduling strategy.",
            )
        } else {
            return Ok(());
        };
        Err(ApiError::invalid(field, message))
    }

    fn check_deployment(&self) -> Checked {
        let controller = self
            .deployment_controller
            .map(|controller| controller.r#type);
        if !matches!(controller, None | Some(DeploymentControllerType::Ecs)) {
            let message = "Only the deployment controller ECS is simulated.";
            return Err(ApiError::unsupported("deploymentController.type", message));
        }
        in_range(
            "healthCheckGracePeriodSeconds",
            self.health_check_grace_period_seconds,
            MAX_INTEGER,
        )?;
        let Some(deployment) = &self.deployment_configuration else {
            return Ok(());
        };
        deployment
            .validate()
            .map_err(|error| error.within("deploymentConfiguration"))?;
        let (least, most) = (self.minimum_healthy_percent(), self.maximum_percent());
        if least > most {
            let message = format!(
                "minimumHealthyPercent is {least}; it may be at most maximumPercent, which is {most}"
            );
            let field = "deploymentConfiguration.minimumHealthyPercent";
            return Err(ApiError::invalid(field, message));
        }
        Ok(())
    }

    fn check_rebalancing(&self, launch: Launch<'_>) -> Checked {
        let wanted = self.availability_zone_rebalancing == Some(Switch::Enabled);
        let message = if !wanted {
            return Ok(());
        } else if self.is_daemon() {
            "availabilityZoneRebalancing is not supported with schedulingStrategy DAEMON"
        } else if launch == Launch::Type(LaunchType::External) {
            "availabilityZoneRebalancing is not supported with launch type EXTERNAL"
        } else if self.maximum_percent() <= 100 {
            "availabilityZoneRebalancing needs a maximumPercent above 100"
        } else {
            return Ok(());
        };
        Err(ApiError::invalid("availabilityZoneRebalancing", message))
    }
}

impl DeploymentConfiguration {
    fn validate(&self) -> Checked {
        in_range(
            "minimumHealthyPercent",
            self.minimum_healthy_percent,
            MAX_INTEGER,
        )?;
        in_range("maximumPercent", self.maximum_percent, MAX_INTEGER)?;
        let breaker = self.deployment_circuit_breaker.as_ref();
        let threshold = breaker.and_then(|breaker| breaker.threshold_configuration);
        if threshold.is_some_and(|threshold| threshold.value == 0) {
            let field = "deploymentCircuitBreaker.thresholdConfiguration.value";
            return Err(ApiError::invalid(
                field,
                "value is 0; it must be at least 1",
            ));
        }
        Ok(())
    }

    /// Takes over what `update` has.
    fn apply(&mut self, update: &DeploymentConfiguration) {
        replace(
            &mut self.minimum_healthy_percent,
            &update.minimum_healthy_percent,
        );
        replace(&mut self.maximum_percent, &update.maximum_percent);
        replace(
            &mut self.deployment_circuit_breaker,
            &update.deployment_circuit_breaker,
        );
    }
}

impl UpdateService {
    /// The service as it is after the call: what is absent stays as it is.
    pub fn applied_to(&self, service: &CreateService) -> CreateService {
        let mut updated = service.clone();
        if let Some(definition) = &self.task_definition {
            updated.task_definition.clone_from(definition);
        }
        if let Some(deployment) = &self.deployment_configuration {
            updated
                .deployment_configuration
                .get_or_insert_default()
                .apply(deployment);
        }
        if let Some(providers) = &self.capacity_provider_strategy {
            let before = service.capacity_provider_strategy.iter().flatten();
            updated.launch_type = match (providers.is_empty(), service.launch_type) {
                (false, _) => None,
                (true, Some(launch_type)) => Some(launch_type),
                (true, None) if before.clone().any(CapacityProviderStrategyItem::is_fargate) => {
                    Some(LaunchType::Fargate)
                }
                (true, None) => Some(LaunchType::Ec2),
            };
            updated.capacity_provider_strategy = Some(providers.clone());
        }
        replace(&mut updated.desired_count, &self.desired_count);
        replace(
            &mut updated.placement_constraints,
            &self.placement_constraints,
        );
        replace(&mut updated.placement_strategy, &self.placement_strategy);
        replace(
            &mut updated.deployment_controller,
            &self.deployment_controller,
        );
        replace(
            &mut updated.health_check_grace_period_seconds,
            &self.health_check_grace_period_seconds,
        );
        replace(
            &mut updated.availability_zone_rebalancing,
            &self.availability_zone_rebalancing,
        );
        replace(
            &mut updated.network_configuration,
            &self.network_configuration,
        );
        replace(&mut updated.platform_version, &self.platform_version);
        updated
    }

    /// Checks the call on a service that [`CreateService::validate`] takes. `definition` is the one
    /// that the service has after the call. A definition that has become inactive since the service
    /// took it goes on.
    ///
    /// # Errors
    /// The first rule that the service would break after the call; ClientException for a definition
    /// that is not active.
    pub fn validate(
        &self,
        service: &CreateService,
        definition: &TaskDefinition,
        cluster: &ClusterView<'_>,
    ) -> Checked {
        let updated = self.applied_to(service);
        updated.check_settings(definition, cluster)?;
        if self.task_definition.is_some() {
            check_active(definition).map_err(|error| ApiError {
                code: ErrorCode::Client,
                ..error
            })?;
        }
        updated
            .destination(definition, cluster)
            .check_compatibility(definition)
    }
}

fn in_range(field: &str, value: Option<i64>, most: i64) -> Checked {
    match value {
        Some(value) if !(0..=most).contains(&value) => Err(ApiError::invalid(
            field,
            format!("{field} is {value}; it may be 0 to {most}"),
        )),
        _ => Ok(()),
    }
}
