//! What is done to clusters, services and tasks from outside while the run goes on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Container;
use crate::api::DeploymentConfiguration;
use crate::api::batch::{UpdateComputeEnvironment, UpdateJobQueue};
use crate::units::Duration;

/// One thing that is done: a time and one of the other keys.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    /// When.
    pub at: Duration,
    /// StopTask.
    pub stop_task: Option<StopTask>,
    /// UpdateTaskProtection.
    pub update_task_protection: Option<UpdateTaskProtection>,
    /// UpdateContainerInstancesState.
    pub update_container_instances_state: Option<UpdateContainerInstancesState>,
    /// DeregisterContainerInstance.
    pub deregister_container_instance: Option<DeregisterContainerInstance>,
    /// EC2 instances are terminated, or fail for good.
    pub terminate_instances: Option<Instances>,
    /// EC2 instances are stopped: their tasks stop, they stay registered and disconnected.
    pub stop_instances: Option<Instances>,
    /// Agents lose their connection; tasks go on.
    pub disconnect_agents: Option<Instances>,
    /// Agents are connected again.
    pub connect_agents: Option<Instances>,
    /// Amazon EC2 takes Spot instances back, with two minutes' notice.
    pub interrupt_spot_instances: Option<Instances>,
    /// UpdateService.
    pub update_service: Option<UpdateService>,
    /// UpdateAutoScalingGroup.
    pub update_auto_scaling_group: Option<UpdateAutoScalingGroup>,
    /// Fargate takes the capacity back of all tasks on Fargate Spot.
    pub interrupt_fargate_spot: Option<InterruptFargateSpot>,
    /// CancelJob: jobs that have not come to STARTING fail.
    pub cancel_job: Option<EndJob>,
    /// TerminateJob: jobs fail wherever they are.
    pub terminate_job: Option<EndJob>,
    /// UpdateJobQueue.
    pub update_job_queue: Option<UpdateJobQueue>,
    /// UpdateComputeEnvironment.
    pub update_compute_environment: Option<UpdateComputeEnvironment>,
    /// UpdateConsumableResource.
    pub update_consumable_resource: Option<UpdateConsumableResource>,
}

/// A call of CancelJob or TerminateJob.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndJob {
    /// The workload whose jobs are meant.
    pub job: String,
    /// Which of its jobs, in the order of submission, from 1; all if left out.
    #[schemars(range(min = 1))]
    pub number: Option<u64>,
    /// Which child of each of these arrays, from 0; the parent with all its children if left out.
    pub index: Option<u32>,
    /// Why, for the outputs.
    pub reason: String,
}

/// A call of UpdateConsumableResource.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateConsumableResource {
    /// Name of the resource.
    pub consumable_resource: String,
    /// What the quantity does to the total; `SET` if left out.
    #[serde(default)]
    pub operation: QuantityOperation,
    /// How much.
    pub quantity: u64,
}

/// What an update does to the total of a consumable resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QuantityOperation {
    /// It becomes the total.
    #[default]
    Set,
    /// It is added.
    Add,
    /// It is taken away; more than there is is refused.
    Remove,
}

/// A call of StopTask.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopTask {
    /// The workload whose tasks are stopped. Give this or `service`.
    pub workload: Option<String>,
    /// The service whose tasks are stopped.
    pub service: Option<String>,
    /// Cluster of the service; needed where several have one of that name.
    pub cluster: Option<String>,
    /// Which of its tasks, in the order in which they were accepted, from 1; all that live if left
    /// out.
    #[schemars(range(min = 1))]
    pub task: Option<u64>,
    /// Why, for the outputs.
    pub reason: Option<String>,
}

/// A call of UpdateTaskProtection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateTaskProtection {
    /// The workload whose tasks are protected. Give this or `service`.
    pub workload: Option<String>,
    /// The service whose tasks are protected.
    pub service: Option<String>,
    /// Cluster of the service; needed where several have one of that name.
    pub cluster: Option<String>,
    /// Which of its tasks, in the order in which they were accepted, from 1; all that live if left
    /// out.
    #[schemars(range(min = 1))]
    pub task: Option<u64>,
    /// Whether they are protected from scale-in and deployments.
    pub protection_enabled: bool,
    /// For how many minutes; 120 if left out.
    #[schemars(range(min = 1, max = 2880))]
    pub expires_in_minutes: Option<u32>,
}

/// A call of UpdateContainerInstancesState.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateContainerInstancesState {
    /// Name of the cluster; `default` if left out.
    pub cluster: Option<String>,
    /// Names of the instances, 1 to 10.
    #[schemars(length(min = 1, max = 10))]
    pub container_instances: Vec<String>,
    /// What they become.
    pub status: SettableStatus,
}

/// What a container instance can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SettableStatus {
    /// It takes tasks.
    Active,
    /// It takes no new tasks, and services move theirs away.
    Draining,
}

/// A call of DeregisterContainerInstance.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeregisterContainerInstance {
    /// Name of the cluster; `default` if left out.
    pub cluster: Option<String>,
    /// Name of the instance.
    pub container_instance: String,
    /// Whether it goes even while it has tasks; false if left out.
    #[serde(default)]
    pub force: bool,
}

/// Container instances of a cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instances {
    /// Name of the cluster; `default` if left out.
    pub cluster: Option<String>,
    /// Names of instances that are there when the run starts; in a managed compute environment of
    /// AWS Batch `<environment>/<number>`, in the order in which they register.
    #[schemars(length(min = 1))]
    pub container_instances: Vec<String>,
}

/// A call of UpdateService. What is left out stays as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateService {
    /// Name of the cluster; needed where several have a service of that name.
    pub cluster: Option<String>,
    /// Name of the service.
    pub service: String,
    /// How many tasks are to run.
    pub desired_count: Option<i64>,
    /// `family:revision`, or `family` for its latest active revision.
    pub task_definition: Option<String>,
    /// Whether a deployment begins although nothing asks for one; false if left out.
    #[serde(default)]
    pub force_new_deployment: bool,
    /// How one deployment replaces another; what is absent in it stays as it is.
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// How the containers of the new deployment behave; as those before if left out.
    pub containers: Option<BTreeMap<String, Container>>,
}

/// A call of UpdateAutoScalingGroup. What is left out stays as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateAutoScalingGroup {
    /// The capacity provider of the group.
    pub capacity_provider: String,
    /// Fewest instances.
    #[schemars(range(max = 1_000_000))]
    pub min_size: Option<u32>,
    /// Most instances.
    #[schemars(range(max = 1_000_000))]
    pub max_size: Option<u32>,
    /// How many there should be now.
    pub desired_capacity: Option<u32>,
}

/// Fargate takes capacity back.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InterruptFargateSpot {
    /// The workload whose tasks are interrupted. Give this or `service`.
    pub workload: Option<String>,
    /// The service whose tasks are interrupted.
    pub service: Option<String>,
    /// Cluster of the service; needed where several have one of that name.
    pub cluster: Option<String>,
}
