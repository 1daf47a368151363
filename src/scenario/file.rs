//! A scenario exactly as it is written in the file. The doc comments become the descriptions in the
//! JSON Schema that `stowplan schema` prints.

mod action;
mod assumptions;
mod batch;
mod capacity;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use action::{
    Action, DeregisterContainerInstance, EndJob, Instances, InterruptFargateSpot,
    QuantityOperation, SettableStatus, StopTask, UpdateAutoScalingGroup, UpdateConsumableResource,
    UpdateContainerInstancesState, UpdateService, UpdateTaskProtection,
};
pub use assumptions::{
    Assumptions, BatchAssumptions, Capabilities, Ec2LaunchType, StartTaskMemberOf, Ties,
};
pub use batch::{Batch, ComputeEnvironment, InsufficientCapacity, JobQueue, QueueDiscipline};
pub use capacity::{
    AutoScalingGroup, CapacityProvider, Fargate, Faults, InstanceFailures, Interruptions,
    LaunchRate, WarmPool, is_fargate,
};

use crate::api::batch::SubmitJob;
use crate::api::{CapacityProviderStrategyItem, CreateService, RunTask, StartTask, TaskDefinition};
use crate::model::instance::InstanceStatus;
use crate::units::{Duration, Mebibytes, MemorySize, Timestamp, WarmUp};
use crate::workload::arrival::Arrivals;
use crate::workload::distribution::{Distribution, Exits};

/// A stowplan scenario: clusters, what may run on them, and who asks for what and when.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// Name of the scenario; results go to `results/<name>` unless told otherwise.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// What the scenario is about.
    pub description: Option<String>,
    /// Seed of all random streams.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Date of the start of the run; with it times are written as dates. Without it a run starts on
    /// Monday 00:00 UTC, and `registeredAt` in queries counts from 1970-01-01.
    pub start_date: Option<Timestamp>,
    /// The run stops here; without it, when all work has ended.
    pub horizon: Option<Duration>,
    /// Statistics begin here, or, with `auto`, once the steady state has been reached; 0s if left out.
    pub warm_up: Option<WarmUp>,
    /// A CSV file that extends or overrides the built-in catalogue of instance types; the path
    /// counts from the scenario's own folder.
    pub instance_types: Option<String>,
    /// Subnets that `networkConfiguration` may name.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
    /// Clusters; at least one, unless AWS Batch has compute environments.
    #[serde(default)]
    pub clusters: Vec<Cluster>,
    /// AWS Batch: compute environments, job queues and job definitions.
    #[serde(default)]
    pub batch: Batch,
    /// Task definitions, as RegisterTaskDefinition takes them.
    #[serde(default)]
    pub task_definitions: Vec<TaskDefinition>,
    /// Who asks for what and when.
    #[serde(default)]
    pub workloads: Vec<Workload>,
    /// Services, which keep tasks running from the start of the run.
    #[serde(default)]
    pub services: Vec<Service>,
    /// What is done from outside while the run goes on.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// What goes wrong, and how often.
    #[serde(default)]
    pub faults: Faults,
    /// Limits and prices of Fargate.
    #[serde(default)]
    pub fargate: Fargate,
    /// Choices where AWS documents nothing.
    #[serde(default)]
    pub assumptions: Assumptions,
}

const fn default_seed() -> u64 {
    1
}

/// A subnet.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subnet {
    /// Its id.
    pub subnet_id: String,
    /// Its zone.
    pub availability_zone: String,
    /// Its VPC.
    pub vpc_id: Option<String>,
}

/// An ECS cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// Its name; `default` is the cluster of calls that name none.
    #[serde(default = "default_cluster")]
    pub cluster_name: String,
    /// Its container instances.
    #[serde(default)]
    pub container_instances: Vec<ContainerInstances>,
    /// Its capacity providers.
    #[serde(default)]
    pub capacity_providers: Vec<CapacityProvider>,
    /// The capacity provider strategy of calls that give neither launch type nor strategy.
    #[serde(default)]
    pub default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
}

fn default_cluster() -> String {
    "default".to_owned()
}

/// One or more container instances that are alike.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerInstances {
    /// How many.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: u32,
    /// Name, for `startTask` and the outputs; with a count above 1 `-1`, `-2` and so on follow.
    /// `<cluster>/<number>` if left out.
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// EC2 instance type, from the catalogue. Give this or `registeredResources`.
    pub instance_type: Option<String>,
    /// What the instances register. With `instanceType` it replaces what the catalogue says.
    pub registered_resources: Option<RegisteredResources>,
    /// Memory that the agent keeps back (ECS_RESERVED_MEMORY).
    pub reserved_memory: Option<MemorySize>,
    /// Zones that the instances take in turn.
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// Attributes, custom ones and built-in ones to override; null for an attribute without value.
    #[serde(default)]
    pub attributes: BTreeMap<String, Option<String>>,
    /// EC2 instance id; made up if left out. With a count above 1 `-1`, `-2` and so on follow.
    pub ec2_instance_id: Option<String>,
    /// Registration state; ACTIVE if left out.
    pub status: Option<InstanceStatus>,
    /// Whether the agent is connected; true if left out.
    pub agent_connected: Option<bool>,
    /// Agent version, for queries.
    pub agent_version: Option<String>,
    /// Moment of registration, for queries and ties; the start of the run if left out.
    pub registered_at: Option<Timestamp>,
    /// Whether ENI trunking is on (account setting awsvpcTrunking).
    #[serde(default)]
    pub eni_trunking: bool,
    /// TCP ports that the agent keeps back (ECS_RESERVED_PORTS); 22, 2375, 2376, 51678, 51679 if
    /// left out.
    pub reserved_ports: Option<Vec<u16>>,
    /// UDP ports that the agent keeps back (ECS_RESERVED_PORTS_UDP); none if left out.
    pub reserved_ports_udp: Option<Vec<u16>>,
    /// Price in US dollars an hour of an instance. If left out the catalogue gives it on demand,
    /// and on Spot it is not known.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub usd_per_hour: Option<f64>,
    /// How the instances are bought; on-demand if left out.
    #[serde(default)]
    pub purchase: Purchase,
    /// Whether the agent sets the instance DRAINING at a Spot interruption notice
    /// (ECS_ENABLE_SPOT_INSTANCE_DRAINING); false if left out.
    #[serde(default)]
    pub spot_draining: bool,
}

/// How instances are bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Purchase {
    /// At the on-demand price, until they are terminated.
    #[default]
    OnDemand,
    /// At the Spot price, until Amazon EC2 takes them back.
    Spot,
}

const fn one() -> u32 {
    1
}

/// Resources that an instance registers, by ECS's names.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct RegisteredResources {
    /// CPU units; 1024 are one vCPU.
    #[schemars(range(max = 2_147_483_647))]
    pub cpu: Option<u32>,
    /// Memory in MiB.
    #[schemars(range(max = 2_147_483_647))]
    pub memory: Option<u32>,
    /// Whole GPUs.
    #[schemars(range(max = 64))]
    pub gpu: Option<u32>,
    /// Tasks with a network interface of their own (`awsvpc`).
    #[schemars(range(max = 1_000))]
    pub eni: Option<u32>,
}

/// A caller.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The RunTask request that it makes. Give this or `startTask`.
    pub run_task: Option<RunTask>,
    /// The StartTask request that it makes.
    pub start_task: Option<StartTask>,
    /// The SubmitJob request that it makes. `dependsOn` names workloads: the job with the same
    /// number is meant.
    pub submit_job: Option<SubmitJob>,
    /// When it makes the request.
    pub arrivals: Arrivals,
    /// How the containers of its tasks behave, by container name. A container that is left out
    /// runs until its task stops.
    #[serde(default)]
    pub containers: BTreeMap<String, Container>,
    /// How the containers of its jobs behave.
    pub container: Option<Container>,
    /// The same attempt by attempt; the last entry goes for all that follow.
    #[serde(default)]
    pub attempts: Vec<Container>,
    /// The same for the children of an array, child by child and attempt by attempt; the last
    /// entries go for all that follow.
    #[serde(default)]
    pub children: Vec<Vec<Container>>,
    /// The same for the nodes of a multi-node parallel job, node by node and attempt by attempt.
    #[serde(default)]
    pub nodes: Vec<Vec<Container>>,
    /// What it does about tasks that ECS does not place; `giveUp` if left out.
    pub on_failure: Option<OnFailure>,
}

/// A service, which is there when the run starts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// The CreateService request that made it.
    pub create_service: CreateService,
    /// How the containers of its tasks behave, by container name. A container that is left out
    /// runs until its task stops.
    #[serde(default)]
    pub containers: BTreeMap<String, Container>,
    /// How long its load balancer takes; it has none if left out.
    pub load_balancer: Option<LoadBalancer>,
}

/// How long a load balancer takes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancer {
    /// ACTIVATING: from the start of a task's containers until it is registered; no time if left
    /// out.
    pub registration_delay: Option<Duration>,
    /// DEACTIVATING: from the wish to stop a task until it is deregistered; no time if left out.
    pub deregistration_delay: Option<Duration>,
}

/// How a container behaves.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Container {
    /// How long it runs once started; until its task stops if left out.
    pub duration: Option<Distribution>,
    /// How it exits; with code 0 if left out.
    pub exits: Option<Exits>,
    /// How long its image is pulled before it starts; no time if left out.
    pub image_pull: Option<Distribution>,
    /// How likely the image is there already, so that nothing is pulled: 0 to 1; 0 if left out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub image_cached: Option<f64>,
    /// How its image pull may fail; never if left out.
    pub image_pull_failure: Option<ImagePullFailure>,
    /// What it does when it is told to stop; it exits at once with code 143 if left out.
    pub on_sigterm: Option<OnSigterm>,
    /// How much memory it uses; never too much if left out.
    pub memory_use: Option<MemoryUse>,
    /// When its health check passes; always if left out.
    pub health: Option<Health>,
}

/// An image pull that may fail.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImagePullFailure {
    /// How likely the pull fails: 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// The reason that ECS gives then; `CannotPullContainerError` if left out.
    pub reason: Option<String>,
}

/// What a container does when it gets SIGTERM.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnSigterm {
    /// How long it takes to exit; no time if left out.
    pub duration: Option<Distribution>,
    /// Its exit code; 143 if left out.
    pub exit_code: Option<u8>,
    /// Whether it does nothing, until SIGKILL; false if left out.
    #[serde(default)]
    pub ignores: bool,
}

/// How much memory a container uses. One that passes its hard limit is killed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemoryUse {
    /// The most that it uses, in MiB, as plain numbers.
    pub peak: Distribution<Mebibytes>,
    /// How long after its start it uses that much.
    pub after: Distribution,
}

/// When the health check of a container passes, counted from the start of the container.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Health {
    /// It passes from here on; at once if left out.
    pub healthy_after: Option<Distribution>,
    /// It fails from here on; never if left out.
    pub unhealthy_after: Option<Distribution>,
}

/// What a caller does about tasks that ECS does not place.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum OnFailure {
    /// Nothing: the tasks are never run.
    GiveUp,
    /// Asks again for the missing tasks, after growing delays.
    Retry(Retry),
    /// Keeps its requests in a queue and asks again whenever the cluster changes.
    Queue(Discipline),
}

/// Asking again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retry {
    /// First delay; above 0s.
    pub first: Duration,
    /// By how much each delay is longer than the one before; 1 if left out.
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub factor: Option<f64>,
    /// The delay grows no further.
    pub at_most: Option<Duration>,
    /// Gives up this long after the first request; never if left out.
    pub give_up_after: Option<Duration>,
}

/// Order of a caller's queue.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub enum Discipline {
    /// First come, first served: nobody overtakes the head.
    #[serde(rename = "x-fcfs")]
    Fcfs,
}
