//! RunTask and StartTask.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::overrides::TaskOverride;
use super::placement::{PlacementConstraint, PlacementStrategy};
use super::task_definition::LaunchType;

/// A call of RunTask: ECS chooses the instances.
///
/// Source: ECS API reference, RunTask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunTask {
    /// Name of the cluster. Absent is `default`.
    pub cluster: Option<String>,
    /// `family:revision`, or `family` for its latest active revision.
    pub task_definition: String,
    /// How many tasks: 1 to 10. Absent is 1.
    pub count: Option<i64>,
    /// Task group, at most 255 characters. Absent is `family:<family>`.
    pub group: Option<String>,
    /// Tag of the caller: at most 128 letters, digits, `-`, `_` and `/`.
    pub started_by: Option<String>,
    /// Where the tasks run; not together with a capacity provider strategy.
    pub launch_type: Option<LaunchType>,
    /// Capacity providers that take the tasks.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    /// Which instances may take the tasks; at most 10 with those of the task definition.
    pub placement_constraints: Option<Vec<PlacementConstraint>>,
    /// Which of those is best: at most 5 rules, each breaking the ties of those before it.
    pub placement_strategy: Option<Vec<PlacementStrategy>>,
    /// Changes in the task definition for this call.
    pub overrides: Option<TaskOverride>,
    /// Network of the tasks: required with network mode `awsvpc`, refused with any other.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Token that makes a repeated call the same call: at most 64 characters.
    pub client_token: Option<String>,
    /// Reference: at most 1024 characters; without effect.
    pub reference_id: Option<String>,
    /// Tags: at most 50; without effect.
    pub tags: Option<Vec<Tag>>,
    /// From where the tasks take their tags; without effect.
    pub propagate_tags: Option<PropagateTags>,
    /// Platform version of Fargate: `LATEST`, as when absent, or such as `1.4.0`.
    pub platform_version: Option<String>,
    /// Whether commands may be run in containers; without effect.
    pub enable_execute_command: Option<Value>,
    /// Whether ECS adds tags; without effect.
    #[serde(rename = "enableECSManagedTags")]
    pub enable_ecs_managed_tags: Option<Value>,
    /// Volumes; without effect.
    pub volume_configurations: Option<Value>,
}

/// A call of StartTask: the caller names the instances.
///
/// Source: ECS API reference, StartTask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartTask {
    /// Name of the cluster. Absent is `default`.
    pub cluster: Option<String>,
    /// Container instances, 1 to 10; each gets a task.
    #[serde(default)]
    pub container_instances: Vec<String>,
    /// `family:revision`, or `family` for its latest active revision.
    pub task_definition: String,
    /// Task group, at most 255 characters. Absent is `family:<family>`.
    pub group: Option<String>,
    /// Tag of the caller: at most 36 letters, digits, `-`, `_` and `/`.
    pub started_by: Option<String>,
    /// Changes in the task definition for this call.
    pub overrides: Option<TaskOverride>,
    /// Network of the tasks: required with network mode `awsvpc`, refused with any other.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Reference: at most 1024 characters; without effect.
    pub reference_id: Option<String>,
    /// Tags: at most 50; without effect.
    pub tags: Option<Vec<Tag>>,
    /// From where the tasks take their tags; without effect.
    pub propagate_tags: Option<PropagateTags>,
    /// Whether commands may be run in containers; without effect.
    pub enable_execute_command: Option<Value>,
    /// Whether ECS adds tags; without effect.
    #[serde(rename = "enableECSManagedTags")]
    pub enable_ecs_managed_tags: Option<Value>,
    /// Volumes; without effect.
    pub volume_configurations: Option<Value>,
}

/// A capacity provider and its part of the tasks.
///
/// Source: ECS API reference, CapacityProviderStrategyItem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapacityProviderStrategyItem {
    /// Name of the provider.
    pub capacity_provider: String,
    /// Relative share of the tasks beyond the base: 0 to 1000. Absent is 0.
    pub weight: Option<i64>,
    /// Tasks that go to the provider first: 0 to 100000. Absent is 0.
    pub base: Option<i64>,
}

impl CapacityProviderStrategyItem {
    /// Whether the provider is one of Fargate's, whose names are reserved.
    pub fn is_fargate(&self) -> bool {
        self.capacity_provider == "FARGATE" || self.is_fargate_spot()
    }

    /// Whether the provider is Fargate's spare capacity, which may be interrupted.
    pub fn is_fargate_spot(&self) -> bool {
        self.capacity_provider == "FARGATE_SPOT"
    }
}

/// Network of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkConfiguration {
    /// Subnets and security groups.
    pub awsvpc_configuration: Option<AwsvpcConfiguration>,
}

/// Subnets and security groups of a task in network mode `awsvpc`.
///
/// Source: ECS API reference, AwsVpcConfiguration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsvpcConfiguration {
    /// Subnets, 1 to 16, all of one VPC.
    pub subnets: Vec<String>,
    /// Security groups, at most 5; without effect.
    pub security_groups: Option<Vec<String>>,
    /// Whether the interface has a public address; without effect.
    pub assign_public_ip: Option<Value>,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tag {
    /// Key: 1 to 128 characters, not beginning with `aws:`.
    pub key: String,
    /// Value: at most 256 characters, not beginning with `aws:`.
    pub value: Option<String>,
}

/// From where tasks take their tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PropagateTags {
    /// The task definition.
    TaskDefinition,
    /// The service; not for RunTask.
    Service,
    /// Nowhere.
    None,
}
