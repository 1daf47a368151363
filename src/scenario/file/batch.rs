//! AWS Batch: compute environments, queues, policies and definitions, as its API takes them, with
//! what only a simulator needs to know beside.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::ContainerInstances;
use crate::api::Switch;
use crate::api::batch::{
    ComputeEnvironmentOrder, ComputeEnvironmentType, ComputeResources, ConsumableResource,
    JobDefinition, JobQueueType, JobStateTimeLimitAction, SchedulingPolicy, UpdatePolicy,
};
use crate::units::{Duration, MemorySize};

/// AWS Batch.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Batch {
    /// Compute environments, as CreateComputeEnvironment takes them.
    pub compute_environments: Vec<ComputeEnvironment>,
    /// Scheduling policies, as CreateSchedulingPolicy takes them.
    pub scheduling_policies: Vec<SchedulingPolicy>,
    /// Job queues, as CreateJobQueue takes them.
    pub job_queues: Vec<JobQueue>,
    /// Consumable resources, as CreateConsumableResource takes them.
    pub consumable_resources: Vec<ConsumableResource>,
    /// Job definitions, as RegisterJobDefinition takes them.
    pub job_definitions: Vec<JobDefinition>,
}

/// A compute environment. Its instances stand in a cluster of its name, and are named
/// `<environment>/<number>`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ComputeEnvironment {
    /// Name: up to 128 letters, digits, `-` and `_`.
    pub compute_environment_name: String,
    /// Who supplies the instances.
    pub r#type: ComputeEnvironmentType,
    /// State, which at creation is ENABLED.
    pub state: Option<Switch>,
    /// vCPUs of an unmanaged environment, for the reservation of fair share only.
    #[serde(rename = "unmanagedvCpus")]
    pub unmanaged_vcpus: Option<i64>,
    /// What a managed environment launches.
    pub compute_resources: Option<ComputeResources>,
    /// How jobs fare in an update of the infrastructure.
    pub update_policy: Option<UpdatePolicy>,
    /// Role of the service; without effect.
    pub service_role: Option<Value>,
    /// Tags; without effect.
    pub tags: Option<BTreeMap<String, String>>,
    /// Zones that launched instances take in turn; none if left out.
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// From launch to registration; `assumptions.awsBatch.bootTime` if left out. On Fargate, how
    /// long a job waits in STARTING for its host; `assumptions.awsBatch.fargateStart` if left out.
    pub boot_time: Option<Duration>,
    /// Memory that instances of a type register, where the catalogue is not to be believed.
    #[serde(default)]
    pub registered_memory: BTreeMap<String, MemorySize>,
    /// Spot prices in US dollars an hour; 30 % of the price on demand for a type that is left out.
    #[serde(default)]
    pub spot_prices: BTreeMap<String, f64>,
    /// Depth of the Spot pool of a type; 1 for one that is left out.
    #[serde(default)]
    pub spot_depths: BTreeMap<String, u32>,
    /// When Amazon EC2 has no instance of a type.
    #[serde(default)]
    pub insufficient_capacity: Vec<InsufficientCapacity>,
    /// The instances of an unmanaged environment.
    #[serde(default)]
    pub container_instances: Vec<ContainerInstances>,
    /// Whether an unmanaged environment takes multi-node parallel jobs. AWS Batch does not let it;
    /// this one can be the machine of another scheduler.
    #[serde(default)]
    pub multi_node_jobs: bool,
}

/// A job queue, as CreateJobQueue takes it, and the order in which its jobs start.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobQueue {
    /// Name: up to 128 letters, digits, `-` and `_`.
    pub job_queue_name: String,
    /// Whether the queue takes jobs. Absent is ENABLED.
    pub state: Option<Switch>,
    /// Queues with a higher number are served first where they share compute environments.
    pub priority: i64,
    /// Compute environments: 1 to 3.
    pub compute_environment_order: Option<Vec<ComputeEnvironmentOrder>>,
    /// Service environments, for service jobs; not simulated.
    pub service_environment_order: Option<Vec<Value>>,
    /// Scheduling policy, by name or Amazon resource name. Absent is first in, first out, for good.
    pub scheduling_policy_arn: Option<String>,
    /// What becomes of jobs that block the queue.
    pub job_state_time_limit_actions: Option<Vec<JobStateTimeLimitAction>>,
    /// Kind of the queue. Absent is that of its compute environments.
    pub job_queue_type: Option<JobQueueType>,
    /// Tags; without effect.
    pub tags: Option<BTreeMap<String, String>>,
    /// Amazon resource name, as printed by Batch; without effect.
    pub job_queue_arn: Option<Value>,
    /// Status, as printed by Batch; without effect.
    pub status: Option<Value>,
    /// Reason of the status, as printed by Batch; without effect.
    pub status_reason: Option<Value>,
    /// The order in which jobs start, where it is not that of AWS Batch.
    pub discipline: Option<QueueDiscipline>,
}

/// An order of jobs that AWS Batch does not know. The requested time of a job is its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum QueueDiscipline {
    /// First come, first served: nobody passes the first job, and retried ones stand where they
    /// were submitted.
    #[serde(rename = "x-fcfs")]
    Fcfs,
    /// Shortest requested time first, those without one last. Nobody passes the first job but one
    /// that comes with a shorter time.
    #[serde(rename = "x-sjf")]
    Sjf,
    /// EASY backfilling: the first job that finds no instances is promised the earliest ones, and
    /// those behind it start where they do not hold it up. Every job needs a timeout.
    #[serde(rename = "x-easy")]
    Easy,
}

/// A time in which Amazon EC2 has no instance of a type.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InsufficientCapacity {
    /// The type.
    pub instance_type: String,
    /// From here on.
    pub from: Duration,
    /// Up to here; for good if left out.
    pub until: Option<Duration>,
}
