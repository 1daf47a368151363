//! What a caller asks for, once parsed: demand, group, and the rules that bind the choice.

use super::arena::{ClusterId, GroupId, RulesId};
use super::resources::Demand;
use crate::query::Expression;

/// Which instances may be considered at all. Source: ECS developer guide, launch types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Launch type EC2: every instance that is not external, also those of capacity providers [U-20].
    Ec2,
    /// Launch type EXTERNAL: instances with the attribute `ecs.capability.external`.
    External,
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

/// A rule of a placement strategy chain.
///
/// Source: ECS developer guide, "Task placement strategies"; ECS API reference, PlacementStrategy.
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
    /// What a task takes from its instance.
    pub demand: Demand,
    /// Its placement rules.
    pub rules: RulesId,
    /// Whether its tasks begin in PROVISIONING (`awsvpc`: a network interface is attached first)
    /// and not in PENDING.
    pub starts_in_provisioning: bool,
}
