//! What a caller asks for, once parsed: demand, group, and the rules that bind the choice.

use super::arena::{ClusterId, GroupId, ProviderId, RulesId};
use super::resources::Demand;
use crate::query::Expression;

/// Which instances may be considered at all. Source: ECS developer guide, launch types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Launch type EC2: every instance that is not external, also those of capacity providers [U-20].
    Ec2,
    /// The same without the instances of capacity providers: the other reading of [U-20].
    Ec2OutsideProviders,
    /// Launch type EXTERNAL: instances with the attribute `ecs.capability.external`.
    External,
    /// The instances of one capacity provider.
    Provider(ProviderId),
}

/// An attribute that a task definition needs its instance to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredAttribute {
    /// Its name.
    pub name: String,
    /// Its value; absent when any will do.
    pub value: Option<String>,
}

/// A placement constraint. All constraints of a request must hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// The instance satisfies an expression of the cluster query language.
    MemberOf(Expression),
    /// No other task of the group is meant to run on the instance.
    DistinctInstance,
}

/// The resources that an extension strategy looks at. All of them have the same weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Measured {
    /// CPU units.
    pub cpu: bool,
    /// Memory.
    pub memory: bool,
    /// GPUs, shares of them included.
    pub gpu: bool,
}

impl Measured {
    /// CPU, memory and GPUs.
    pub const ALL: Measured = Measured {
        cpu: true,
        memory: true,
        gpu: true,
    };
}

/// A rule of a placement strategy chain. Those that ECS has come first; the others are extensions
/// (`x-…`) from the literature, so that ECS's can be set beside them.
///
/// Source: ECS developer guide, "Task placement strategies"; ECS API reference, PlacementStrategy.
/// Of the extensions see [`crate::placement::score`] and [`crate::placement::fragmentation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrategyRule {
    /// Any of the candidates, each with equal chance. Ends the chain [U-07].
    Random,
    /// Fewest tasks of the group on the instance: `spread` over `instanceId` or `host`.
    SpreadInstance,
    /// Fewest tasks of the group over all instances with the same value of this attribute.
    SpreadAttribute(String),
    /// Least remaining CPU units.
    BinpackCpu,
    /// Least remaining memory.
    BinpackMemory,
    /// `x-first-fit`: the instance that registered first.
    FirstFit,
    /// `x-best-fit`: least remaining of all measured resources together.
    BestFit(Measured),
    /// `x-worst-fit`: most remaining of all measured resources together.
    WorstFit(Measured),
    /// `x-dot-product`: least product of what remains and what the task takes.
    DotProduct(Measured),
    /// `x-gpu-packing`: GPUs in use before idle ones, instances in use before idle ones.
    GpuPacking,
    /// `x-fgd`: least growth of the GPU capacity that typical tasks cannot use.
    Fgd,
    /// `x-random-gpu`: no order of the instances; a share of a GPU goes to any device with room,
    /// each with equal chance.
    RandomGpu,
    /// An order of the instances that is drawn once a run: `assumptions.ties: shuffled`.
    Shuffled,
}

impl StrategyRule {
    /// Whether what it thinks of an instance depends on what the task takes, so that no order of
    /// the instances can be kept from one request to the next.
    pub const fn depends_on_demand(&self) -> bool {
        matches!(
            self,
            StrategyRule::DotProduct(_) | StrategyRule::GpuPacking | StrategyRule::Fgd
        )
    }

    /// Whether ECS does not have it. The order that breaks ties is no strategy of its own.
    pub const fn is_extension(&self) -> bool {
        match self {
            StrategyRule::Random
            | StrategyRule::SpreadInstance
            | StrategyRule::SpreadAttribute(_)
            | StrategyRule::BinpackCpu
            | StrategyRule::BinpackMemory
            | StrategyRule::Shuffled => false,
            StrategyRule::FirstFit
            | StrategyRule::BestFit(_)
            | StrategyRule::WorstFit(_)
            | StrategyRule::DotProduct(_)
            | StrategyRule::GpuPacking
            | StrategyRule::Fgd
            | StrategyRule::RandomGpu => true,
        }
    }
}

/// Everything that decides where a task may and should go, apart from its size and group.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Which instances are considered.
    pub pool: Pool,
    /// Attributes that the task definition needs, capabilities and platform included.
    pub required: Vec<RequiredAttribute>,
    /// Zones and VPC that the task's subnets allow (`awsvpc` only); absent when any will do.
    pub subnets: Option<Subnets>,
    /// Constraints of the task definition, then of the request, in order.
    pub constraints: Vec<Constraint>,
    /// The strategy chain, in order; never empty: without a strategy it is `random`.
    pub strategies: Vec<StrategyRule>,
}

/// Where the subnets of an `awsvpc` task lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnets {
    /// Availability zones of the subnets that the scenario describes.
    pub zones: Vec<String>,
    /// Their VPC, when the scenario names it.
    pub vpc: Option<String>,
}

/// One task to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Which rules, for whoever keeps something by them.
    pub rules_id: RulesId,
    /// The rules.
    pub rules: &'a Rules,
    /// What the task takes.
    pub demand: &'a Demand,
    /// The task's group.
    pub group: GroupId,
}

/// A kind of request that a workload makes again and again, resolved once.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Where its tasks go.
    pub cluster: ClusterId,
    /// Task definition as `family:revision`.
    pub task_definition: String,
    /// Group of its tasks.
    pub group: GroupId,
    /// What a task takes from its instance; on Fargate its size.
    pub demand: Demand,
    /// Where its tasks may be launched, in the order of the capacity provider strategy; never
    /// empty. A launch type is the only entry, with weight 1.
    pub launches: Vec<Launch>,
    /// Whether its tasks have a network interface of their own (`awsvpc`): it is attached in
    /// PROVISIONING and detached in DEPROVISIONING.
    pub network_interface: bool,
    /// CPU units and MiB at the level of the task, after overrides; absent where there are none.
    pub size: (Option<u32>, Option<u32>),
    /// `startedBy` of the call.
    pub started_by: Option<String>,
    /// Whether no two of its tasks may share an instance (`distinctInstance`).
    pub distinct_instance: bool,
}

/// One entry of a capacity provider strategy, or a launch type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// What runs the tasks.
    pub on: LaunchOn,
    /// Tasks that it gets first.
    pub base: u32,
    /// Its part of the others.
    pub weight: u32,
    /// The placement rules for its tasks.
    pub rules: RulesId,
}

/// What runs the tasks of a [`Launch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchOn {
    /// Launch type EC2.
    Ec2,
    /// Launch type EXTERNAL.
    External,
    /// Launch type FARGATE.
    Fargate,
    /// A capacity provider.
    Provider(ProviderId),
}

impl Template {
    /// The rules of its first launch, which are all there are under a launch type.
    pub fn rules(&self) -> RulesId {
        self.launches[0].rules
    }
}
