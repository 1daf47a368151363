//! AWS Batch: compute environments, queues, policies and definitions, as its API takes them, with
//! what only a simulator needs to know beside.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ContainerInstances;
use crate::api::Switch;
use crate::api::batch::{
    ComputeEnvironmentType, ComputeResources, ConsumableResource, JobDefinition, JobQueue,
    SchedulingPolicy, UpdatePolicy,
};
use crate::batch::Choices;
use crate::batch::fair_share::UsageMode;
use crate::time::SimDuration;
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
    /// How jobs fare in an update of the infrastructure; not simulated.
    pub update_policy: Option<UpdatePolicy>,
    /// Role of the service; without effect.
    pub service_role: Option<Value>,
    /// Tags; without effect.
    pub tags: Option<BTreeMap<String, String>>,
    /// Zones that launched instances take in turn; none if left out.
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// From launch to registration; 180s if left out. On Fargate, how long a task is provisioned;
    /// `assumptions.fargateProvisioning` holds there.
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

/// Choices about AWS Batch where AWS documents nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BatchAssumptions {
    /// From SUBMITTED to the next state [B-05].
    pub evaluation_delay: Duration,
    /// Jobs behind the head of a queue that are tried when the head finds no place [B-30].
    #[schemars(range(max = 10_000))]
    pub lookahead: u32,
    /// Whether `onExitCode: "*"` needs an exit code [B-08].
    pub exit_star_needs_code: bool,
    /// How much later than its time a timeout comes.
    pub timeout_lag: Duration,
    /// How long a container that says nothing of SIGTERM survives it; at most 30s.
    pub term_grace: Duration,
    /// How long an idle instance is kept where nothing says otherwise [B-44].
    pub idle_time: Duration,
    /// From launch to registration of an instance [B-43].
    pub boot_time: Duration,
    /// How long nodes of a multi-node job that are not the main one are STARTING [B-25].
    pub node_start: Duration,
    /// What fair share measures [B-32].
    pub usage_mode: Usage,
    /// How much longer a share stays active [B-34].
    pub inactive_lag: Duration,
}

/// What fair share measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Usage {
    /// vCPU-seconds in the window of the policy, recent ones more than old ones.
    #[default]
    Window,
    /// vCPUs in use now.
    Current,
}

const fn secs(secs: u64) -> Duration {
    Duration::of(SimDuration::from_secs(secs))
}

impl Default for BatchAssumptions {
    fn default() -> Self {
        BatchAssumptions {
            evaluation_delay: secs(0),
            lookahead: 0,
            exit_star_needs_code: false,
            timeout_lag: secs(0),
            term_grace: secs(0),
            idle_time: secs(600),
            boot_time: secs(180),
            node_start: secs(0),
            usage_mode: Usage::Window,
            inactive_lag: secs(0),
        }
    }
}

impl BatchAssumptions {
    /// What the engine goes by.
    pub fn choices(&self) -> Choices {
        Choices {
            evaluation_delay: self.evaluation_delay.span(),
            lookahead: self.lookahead,
            exit_star_needs_code: self.exit_star_needs_code,
            timeout_lag: self.timeout_lag.span(),
            idle_time: self.idle_time.span(),
            usage_mode: match self.usage_mode {
                Usage::Window => UsageMode::Window,
                Usage::Current => UsageMode::Current,
            },
            inactive_lag: self.inactive_lag.span(),
        }
    }

    /// The longest grace that a container has. Source: AWS Batch user guide, "Job timeouts".
    pub fn grace(&self) -> SimDuration {
        self.term_grace.span().min(SimDuration::from_secs(30))
    }
}
