//! Where the tasks of a call run: on instances of a launch type, of capacity providers, or on Fargate.

use super::error::{ApiError, Checked};
use super::fargate::{FargateSizes, check_platform};
use super::placement::{
    MAX_CONSTRAINTS, PlacementConstraint, PlacementStrategy, check_constraints, check_strategies,
    check_strategy_count,
};
use super::request::{CapacityProviderStrategyItem, NetworkConfiguration};
use super::task_definition::{Host, LaunchType, NetworkMode, TaskDefinition};

/// Most items of a capacity provider strategy, and ranges of their numbers.
/// Source: ECS API, CapacityProviderStrategyItem.
const MAX_PROVIDERS: usize = 20;
const MAX_WEIGHT: i64 = 1000;
const MAX_BASE: i64 = 100_000;

/// Most subnets and security groups. Source: ECS API, AwsVpcConfiguration.
const MAX_SUBNETS: usize = 16;
const MAX_SECURITY_GROUPS: usize = 5;

/// What the rules on calls look at in the cluster that a call names.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClusterView<'a> {
    /// Names of the capacity providers associated with the cluster; `FARGATE` and `FARGATE_SPOT`
    /// stand here only when they are. Source: ECS API reference, PutClusterCapacityProviders.
    pub capacity_providers: &'a [String],
    /// The strategy of calls that give neither launch type nor strategy; empty when there is none.
    pub default_strategy: &'a [CapacityProviderStrategyItem],
    /// Whether any instance, of whatever status, is registered.
    pub has_instances: bool,
    /// Which task sizes Fargate offers.
    pub fargate_sizes: FargateSizes,
}

/// What the tasks of a call run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launch<'a> {
    /// A launch type; no capacity provider knows of the tasks.
    Type(LaunchType),
    /// The capacity providers of a strategy.
    Providers(&'a [CapacityProviderStrategyItem]),
}

impl<'a> Launch<'a> {
    /// A strategy goes before a launch type, that before the cluster's default strategy, and
    /// without any of them it is EC2. An empty strategy is none.
    ///
    /// Source: ECS API reference, RunTask, `capacityProviderStrategy` and `launchType`.
    pub(super) fn of(
        providers: Option<&'a [CapacityProviderStrategyItem]>,
        launch_type: Option<LaunchType>,
        cluster: &ClusterView<'a>,
    ) -> Self {
        match (providers.unwrap_or_default(), launch_type) {
            ([], Some(launch_type)) => Launch::Type(launch_type),
            ([], None) if cluster.default_strategy.is_empty() => Launch::Type(LaunchType::Ec2),
            ([], None) => Launch::Providers(cluster.default_strategy),
            (providers, _) => Launch::Providers(providers),
        }
    }

    /// Whether the tasks run on Fargate.
    pub fn is_fargate(self) -> bool {
        match self {
            Launch::Type(launch_type) => launch_type == LaunchType::Fargate,
            Launch::Providers(providers) => providers
                .iter()
                .any(CapacityProviderStrategyItem::is_fargate),
        }
    }

    /// Where the tasks run, as far as the rules on sizes differ.
    pub fn host(self, sizes: FargateSizes) -> Host {
        if self.is_fargate() {
            Host::Fargate(sizes)
        } else {
            Host::Instance
        }
    }
}

impl ClusterView<'_> {
    /// Checks the default strategy, as PutClusterCapacityProviders does. That none of its providers
    /// has a weight is an error of the calls that fall back on it.
    ///
    /// # Errors
    /// InvalidParameterException with a field below `defaultCapacityProviderStrategy`.
    pub fn validate(&self) -> Checked {
        let strategy = Strategy {
            items: self.default_strategy,
            field: "defaultCapacityProviderStrategy",
        };
        strategy.check_items()?;
        strategy.check_association(self)
    }
}

/// The part of RunTask, CreateService and UpdateService that says where tasks may and should go.
pub(super) struct Destination<'a> {
    pub definition: &'a TaskDefinition,
    pub cluster: &'a ClusterView<'a>,
    pub constraints: Option<&'a [PlacementConstraint]>,
    pub strategies: Option<&'a [PlacementStrategy]>,
    pub launch_type: Option<LaunchType>,
    pub providers: Option<&'a [CapacityProviderStrategyItem]>,
    pub network: Option<&'a NetworkConfiguration>,
    pub platform_version: Option<&'a str>,
}

impl<'a> Destination<'a> {
    pub fn launch(&self) -> Launch<'a> {
        Launch::of(self.providers, self.launch_type, self.cluster)
    }

    pub fn host(&self) -> Host {
        self.launch().host(self.cluster.fargate_sizes)
    }

    fn strategies(&self) -> &'a [PlacementStrategy] {
        self.strategies.unwrap_or_default()
    }

    /// Counts of constraints and strategies, then their contents.
    pub fn check_placement(&self) -> Checked {
        let constraints = self.constraints.unwrap_or_default();
        self.check_constraint_count()?;
        check_strategy_count(self.strategies())?;
        check_constraints(constraints)?;
        check_strategies(self.strategies())
    }

    fn constraint_count(&self) -> (usize, usize) {
        let defined = self.definition.placement_constraints.as_ref();
        (
            self.constraints.map_or(0, <[_]>::len),
            defined.map_or(0, Vec::len),
        )
    }

    fn check_constraint_count(&self) -> Checked {
        let (own, defined) = self.constraint_count();
        if own + defined <= MAX_CONSTRAINTS {
            return Ok(());
        }
        let message = format!(
            "{own} placement constraints and {defined} of the task definition; together at most {MAX_CONSTRAINTS} are \
             allowed"
        );
        Err(ApiError::invalid("placementConstraints", message))
    }

    pub fn check_subnets(&self) -> Checked {
        check_subnets(self.network)
    }

    pub fn check_network(&self) -> Checked {
        check_network(self.network, self.definition)
    }

    /// Capacity providers, what Fargate does not take, and the platform version.
    pub fn check_launch(&self) -> Checked {
        self.check_providers()?;
        self.check_fargate()?;
        let given = self.platform_version.unwrap_or_default();
        if !given.is_empty() && !self.launch().is_fargate() {
            let message = "The platform version must be null when specifying an EC2 launch type";
            return Err(ApiError::invalid("platformVersion", message));
        }
        Ok(())
    }

    fn check_providers(&self) -> Checked {
        let strategy = Strategy {
            items: self.providers.unwrap_or_default(),
            field: "capacityProviderStrategy",
        };
        if strategy.items.is_empty() {
            return match self.launch() {
                Launch::Providers(default) if !has_weight(default) => {
                    Err(ApiError::default_strategy_without_weight())
                }
                _ => Ok(()),
            };
        }
        if self.launch_type.is_some() {
            return strategy.refuse(
                "Specifying both a launch type and capacity provider strategy is not supported",
            );
        }
        strategy.check_items()?;
        if !has_weight(strategy.items) {
            return strategy.refuse(
                "There are no capacity providers in the capacity provider strategy with a weight value greater than \
                 zero",
            );
        }
        strategy.check_association(self.cluster)
    }

    fn check_fargate(&self) -> Checked {
        if !self.launch().is_fargate() {
            return Ok(());
        }
        if !self.strategies().is_empty() {
            let message = "Placement strategies are not supported with FARGATE launch type";
            return Err(ApiError::invalid("placementStrategy", message));
        }
        let field = match self.constraint_count() {
            (0, 0) => return Ok(()),
            (0, _) => "taskDefinition",
            _ => "placementConstraints",
        };
        Err(ApiError::invalid(
            field,
            "Placement constraints are not supported with FARGATE launch type",
        ))
    }

    /// Whether the definition, and `task`, which overrides made of it, suit what they run on.
    pub fn check_compatibility(&self, task: &TaskDefinition) -> Checked {
        let sizes = self.cluster.fargate_sizes;
        let (name, suits) = match self.launch() {
            launch if launch.is_fargate() => (
                "FARGATE",
                self.definition.suits_fargate(sizes) && task.suits_fargate(sizes),
            ),
            Launch::Type(LaunchType::External) => (
                "EXTERNAL",
                self.definition.network_mode() != NetworkMode::Awsvpc,
            ),
            Launch::Type(LaunchType::ManagedInstances) => {
                let message = "Managed instances are not simulated.";
                return Err(ApiError::unsupported("launchType", message));
            }
            _ => return Ok(()),
        };
        if !suits {
            let message = format!("Task definition does not support launch_type {name}.");
            return Err(ApiError::invalid("taskDefinition", message));
        }
        if !self.launch().is_fargate() {
            return Ok(());
        }
        let spot = matches!(self.launch(), Launch::Providers(items) if items.iter().any(CapacityProviderStrategyItem::is_fargate_spot));
        check_platform(self.platform_version, task, spot)
    }

    /// Tasks of a launch type need a cluster with instances; those of a provider wait for them.
    pub fn check_instances(&self) -> Checked {
        match self.launch() {
            Launch::Type(LaunchType::Ec2 | LaunchType::External) if !self.cluster.has_instances => {
                Err(ApiError::no_container_instances())
            }
            _ => Ok(()),
        }
    }
}

/// A capacity provider strategy, and the field it stands in.
struct Strategy<'a> {
    items: &'a [CapacityProviderStrategyItem],
    field: &'static str,
}

impl Strategy<'_> {
    fn refuse(&self, message: impl Into<String>) -> Checked {
        Err(ApiError::invalid(self.field, message))
    }

    /// Length, numbers and bases.
    fn check_items(&self) -> Checked {
        let count = self.items.len();
        if count > MAX_PROVIDERS {
            return self.refuse(format!(
                "{count} capacity providers; at most {MAX_PROVIDERS} are allowed"
            ));
        }
        for (index, item) in self.items.iter().enumerate() {
            item.check_numbers()
                .map_err(|error| error.within(&format!("{}[{index}]", self.field)))?;
        }
        let based = |item: &&CapacityProviderStrategyItem| item.base.unwrap_or(0) > 0;
        if self.items.iter().filter(based).count() > 1 {
            return self.refuse(
                "There are multiple capacity providers in the specified capacity provider strategy with a base value \
                 defined",
            );
        }
        Ok(())
    }

    /// The providers are the cluster's, and either all of Fargate or none.
    fn check_association(&self, cluster: &ClusterView<'_>) -> Checked {
        let known = |item: &CapacityProviderStrategyItem| {
            cluster.capacity_providers.contains(&item.capacity_provider)
        };
        if let Some(index) = self.items.iter().position(|item| !known(item)) {
            return Err(ApiError::provider_not_on_cluster(self.field, index));
        }
        let fargate = self.items.iter().filter(|item| item.is_fargate()).count();
        if 0 < fargate && fargate < self.items.len() {
            return self.refuse(
                "Fargate and Auto Scaling group capacity providers cannot be used in one strategy",
            );
        }
        Ok(())
    }
}

fn has_weight(items: &[CapacityProviderStrategyItem]) -> bool {
    items.iter().any(|item| item.weight.unwrap_or(0) > 0)
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

pub(super) fn check_subnets(network: Option<&NetworkConfiguration>) -> Checked {
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

pub(super) fn check_network(
    network: Option<&NetworkConfiguration>,
    definition: &TaskDefinition,
) -> Checked {
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
