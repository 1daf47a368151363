//! Capacity providers: where tasks run that are started by a capacity provider strategy.

use super::arena::ClusterId;
use super::instance::Description;
use crate::time::SimDuration;

/// A capacity provider.
///
/// Source: ECS API reference, CapacityProvider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub kind: ProviderKind,
}

/// What a capacity provider is made of.
#[derive(Clone, Debug)]
pub enum ProviderKind {
    /// FARGATE: no container instances.
    Fargate,
    /// FARGATE_SPOT: the same, at the Spot price, until the capacity is taken back.
    FargateSpot,
    /// An Auto Scaling group.
    AutoScalingGroup(AutoScalingGroup),
}

/// An Amazon EC2 Auto Scaling group behind a capacity provider.
#[derive(Clone, Debug)]
pub struct AutoScalingGroup {
    /// The cluster that its instances register with.
    pub cluster: ClusterId,
    /// What it launches: one description a type, taken in turn. Name, ids and zone are filled in at
    /// each launch.
    pub types: Vec<Description>,
    /// Its zones; the one with the fewest instances gets the next. Empty: none is set.
    pub zones: Vec<String>,
    /// Fewest instances.
    pub min_size: u32,
    /// Most instances.
    pub max_size: u32,
    /// Instances that are there when the run starts.
    pub desired: u32,
    /// Whether ECS scales it, and how.
    pub scaling: Option<ManagedScaling>,
    /// Whether scale-in may not take an instance with tasks (managed termination protection).
    pub termination_protection: bool,
    /// Whether scale-in drains an instance before it is terminated (managed draining).
    pub draining: bool,
    /// Instances that are kept stopped and ready, and how soon one of them registers.
    pub warm_pool: Option<WarmPool>,
    /// From launch to registration of its instances; absent: as all others.
    pub boot_time: Option<SimDuration>,
}

/// Stopped instances that an Auto Scaling group keeps ready.
///
/// Source: Amazon EC2 Auto Scaling user guide, "Warm pools".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmPool {
    /// How many are kept ready.
    pub size: u32,
    /// From launch out of the pool to registration.
    pub boot_time: SimDuration,
}

/// Managed scaling of a capacity provider.
///
/// Source: ECS API reference, ManagedScaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagedScaling {
    /// Percent of the instances that should be in use, 1 to 100; below 100 some are kept spare.
    pub target_capacity: u32,
    /// Fewest instances that a scale-out adds to those that run, 1 to 10 000.
    pub minimum_step: u32,
    /// Most instances that a scale-out adds, 1 to 10 000 and not below the minimum.
    pub maximum_step: u32,
    /// No scale-out while an instance is younger than this, 0 to 10 000 seconds.
    pub warm_up: SimDuration,
}

impl Default for ManagedScaling {
    /// Target 100 %, steps of 1 to 10 000 instances, 300 seconds of warm-up.
    fn default() -> Self {
        ManagedScaling {
            target_capacity: 100,
            minimum_step: 1,
            maximum_step: 10_000,
            warm_up: SimDuration::from_secs(300),
        }
    }
}

impl Provider {
    /// The Auto Scaling group, unless it is Fargate.
    pub const fn group(&self) -> Option<&AutoScalingGroup> {
        match &self.kind {
            ProviderKind::AutoScalingGroup(group) => Some(group),
            ProviderKind::Fargate | ProviderKind::FargateSpot => None,
        }
    }

    /// Whether its tasks run on Fargate.
    pub const fn is_fargate(&self) -> bool {
        matches!(self.kind, ProviderKind::Fargate | ProviderKind::FargateSpot)
    }
}
