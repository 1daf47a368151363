//! Capacity providers and their Auto Scaling groups, Fargate, and what goes wrong with capacity.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Purchase, RegisteredResources};
use crate::api::AutoScalingGroupProvider;
use crate::units::{Duration, MemorySize, Rate};

/// A capacity provider of a cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapacityProvider {
    /// `FARGATE`, `FARGATE_SPOT`, or the name of one with an Auto Scaling group.
    pub name: String,
    /// How ECS manages the group, as CreateCapacityProvider takes it.
    pub auto_scaling_group_provider: Option<AutoScalingGroupProvider>,
    /// The group; Fargate has none.
    pub auto_scaling_group: Option<AutoScalingGroup>,
}

/// Whether a capacity provider of this name is one of Fargate's. Source: ECS developer guide,
/// "Fargate capacity providers".
pub fn is_fargate(name: &str) -> bool {
    matches!(name, "FARGATE" | "FARGATE_SPOT")
}

/// An Amazon EC2 Auto Scaling group. Its instances are named `<provider>/<number>`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoScalingGroup {
    /// EC2 instance types, from the catalogue, which are launched in turn. Give these or
    /// `registeredResources`.
    #[serde(default)]
    #[schemars(length(max = 40))]
    pub instance_types: Vec<String>,
    /// What the instances register. With `instanceTypes` it replaces what the catalogue says.
    pub registered_resources: Option<RegisteredResources>,
    /// Memory that the agent keeps back (ECS_RESERVED_MEMORY).
    pub reserved_memory: Option<MemorySize>,
    /// Zones; the one with the fewest instances gets the next.
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// Attributes, custom ones and built-in ones to override; null for an attribute without value.
    #[serde(default)]
    pub attributes: BTreeMap<String, Option<String>>,
    /// Agent version, for queries.
    pub agent_version: Option<String>,
    /// Whether ENI trunking is on (account setting awsvpcTrunking).
    #[serde(default)]
    pub eni_trunking: bool,
    /// TCP ports that the agent keeps back (ECS_RESERVED_PORTS); 22, 2375, 2376, 51678, 51679 if
    /// left out.
    pub reserved_ports: Option<Vec<u16>>,
    /// UDP ports that the agent keeps back (ECS_RESERVED_PORTS_UDP); none if left out.
    pub reserved_ports_udp: Option<Vec<u16>>,
    /// Fewest instances; 0 if left out.
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub min_size: u32,
    /// Most instances.
    #[schemars(range(max = 1_000_000))]
    pub max_size: u32,
    /// Instances that are there when the run starts; `minSize` if left out.
    pub desired_capacity: Option<u32>,
    /// How the instances are bought; on-demand if left out.
    #[serde(default)]
    pub purchase: Purchase,
    /// Price in US dollars an hour of an instance. If left out the catalogue gives it on demand,
    /// and on Spot it is not known.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub usd_per_hour: Option<f64>,
    /// Whether the agent sets the instance DRAINING at a Spot interruption notice
    /// (ECS_ENABLE_SPOT_INSTANCE_DRAINING); false if left out.
    #[serde(default)]
    pub spot_draining: bool,
    /// From launch to registration; `assumptions.bootTime` if left out.
    pub boot_time: Option<Duration>,
    /// Stopped instances that are kept ready; none if left out.
    pub warm_pool: Option<WarmPool>,
}

/// A warm pool.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WarmPool {
    /// How many instances are kept ready.
    #[schemars(range(max = 1_000_000))]
    pub size: u32,
    /// From launch out of the pool to registration.
    pub boot_time: Duration,
}

/// What goes wrong, and how often.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Faults {
    /// Interruptions of Spot instances; none if left out.
    pub spot_interruptions: Option<Interruptions>,
    /// Failures of instances; none if left out.
    pub instance_failures: Option<InstanceFailures>,
    /// Interruptions of tasks on Fargate Spot; none if left out.
    pub fargate_spot_interruptions: Option<Interruptions>,
}

/// How often capacity is taken back.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Interruptions {
    /// Mean interruptions in a unit of time, of each instance or task; at most 1/s.
    pub rate: Rate,
}

/// How often instances fail.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceFailures {
    /// Mean time to the failure of an instance, from its launch; at least 1s.
    pub mtbf: Duration,
    /// How long after its failure an instance of no Auto Scaling group is replaced; never if left
    /// out.
    pub replace_after: Option<Duration>,
}

/// Limits and prices of Fargate.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fargate {
    /// vCPUs that on-demand tasks may have at once; any number if left out.
    pub on_demand_vcpu_quota: Option<u32>,
    /// vCPUs that Spot tasks may have at once; any number if left out.
    pub spot_vcpu_quota: Option<u32>,
    /// How fast tasks are launched; at once if left out.
    pub launch_rate: Option<LaunchRate>,
    /// On-demand price of a vCPU for an hour in US dollars; 0.04048 if left out (Linux, X86,
    /// us-east-1).
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub usd_per_vcpu_hour: Option<f64>,
    /// On-demand price of a GB for an hour in US dollars; 0.004445 if left out (Linux, X86,
    /// us-east-1).
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub usd_per_gb_hour: Option<f64>,
    /// The first for Spot; without it no cost of Spot tasks is known.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub spot_usd_per_vcpu_hour: Option<f64>,
    /// The second for Spot.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub spot_usd_per_gb_hour: Option<f64>,
}

/// A bucket of launches that fills again.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LaunchRate {
    /// Launches at once; 100 if left out.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1))]
    pub burst: u32,
    /// Launches a second after that; 20 if left out.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1))]
    pub per_second: u32,
}

const fn hundred() -> u32 {
    100
}

const fn twenty() -> u32 {
    20
}
