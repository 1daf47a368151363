//! Which instances may take a task, and why the others may not.

use std::fmt;

use crate::model::arena::InstanceId;
use crate::model::cluster::Cluster;
use crate::model::request::{Constraint, Pool, Request, Rules};

/// Why an instance cannot take a task, in ECS's own words.
///
/// The order is the order in which an instance's failures are tested; only the first is reported
/// [U-10]: first what can never change, then what is short, then the constraints.
/// Source: ECS developer guide, "API failures messages"; answers seen in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// StartTask named an instance that nobody knows.
    Missing,
    /// StartTask named an instance that is not ACTIVE.
    Inactive,
    /// The agent is not connected.
    Agent,
    /// The instance lacks an attribute that the task definition needs.
    Attribute,
    /// The instance's zone is not among those of the task's subnets.
    Location,
    /// Too little CPU remains.
    Cpu,
    /// Too little memory remains.
    Memory,
    /// A host port is taken, or too many would be.
    Ports,
    /// No network interface is left.
    Eni,
    /// Too few GPUs are free.
    Gpu,
    /// A `memberOf` expression is false on the instance.
    MemberOf,
    /// A task of the group is there already.
    DistinctInstance,
    /// Fargate has no capacity left.
    Capacity,
    /// Fargate grants no launch now.
    Throttled,
    /// More tasks would wait in PROVISIONING than may.
    Quota,
}

impl Reason {
    /// All reasons, in the order of testing.
    pub const ALL: [Reason; 15] = [
        Reason::Missing,
        Reason::Inactive,
        Reason::Agent,
        Reason::Attribute,
        Reason::Location,
        Reason::Cpu,
        Reason::Memory,
        Reason::Ports,
        Reason::Eni,
        Reason::Gpu,
        Reason::MemberOf,
        Reason::DistinctInstance,
        Reason::Capacity,
        Reason::Throttled,
        Reason::Quota,
    ];

    /// The text that ECS answers with.
    pub const fn text(self) -> &'static str {
        match self {
            Reason::Missing => "MISSING",
            Reason::Inactive => "INACTIVE",
            Reason::Agent => "AGENT",
            Reason::Attribute => "ATTRIBUTE",
            Reason::Location => "LOCATION",
            Reason::Cpu => "RESOURCE:CPU",
            Reason::Memory => "RESOURCE:MEMORY",
            Reason::Ports => "RESOURCE:PORTS",
            Reason::Eni => "RESOURCE:ENI",
            Reason::Gpu => "RESOURCE:GPU",
            Reason::MemberOf => "MemberOf placement constraint unsatisfied.",
            Reason::DistinctInstance => "DistinctInstance placement constraint unsatisfied.",
            Reason::Capacity => {
                "Capacity is unavailable at this time. Please try again later or in a different \
                 availability zone"
            }
            Reason::Throttled => "ThrottlingException",
            Reason::Quota => "ClientException: too many tasks in PROVISIONING",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

/// Why a request found no instance: how many were looked at, and how many failed for each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    counts: [u32; Reason::ALL.len()],
}

impl Refusal {
    /// Counts one instance.
    pub fn add(&mut self, reason: Reason) {
        self.counts[reason as usize] += 1;
    }

    /// Counts what another refusal counted.
    pub fn join(&mut self, other: &Refusal) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
    }

    /// How many instances failed for this reason.
    pub fn count(&self, reason: Reason) -> u32 {
        self.counts[reason as usize]
    }

    /// How many instances were looked at. None at all is an answer too: ECS then gives neither a
    /// task nor a failure [U-12].
    pub fn considered(&self) -> u32 {
        self.counts.iter().sum()
    }

    /// The reasons that occurred, in the order of testing, with their counts.
    pub fn reasons(&self) -> impl Iterator<Item = (Reason, u32)> + '_ {
        Reason::ALL
            .into_iter()
            .map(|reason| (reason, self.count(reason)))
            .filter(|(_, count)| *count > 0)
    }

    /// The commonest reason; of equally common ones the last that is tested, which is the closest
    /// to a placement.
    pub fn main_reason(&self) -> Option<Reason> {
        self.reasons()
            .max_by_key(|(reason, count)| (*count, *reason))
            .map(|(reason, _)| reason)
    }
}

/// Whether an instance belongs to the pool that the request's launch type looks at.
pub fn in_pool(cluster: &Cluster, id: InstanceId, pool: Pool) -> bool {
    match pool {
        Pool::Ec2 => !cluster.descriptions()[id].is_external(),
        Pool::Ec2OutsideProviders => {
            let description = &cluster.descriptions()[id];
            !description.is_external() && description.provider.is_none()
        }
        Pool::External => cluster.descriptions()[id].is_external(),
        Pool::Provider(provider) => cluster.descriptions()[id].provider == Some(provider),
    }
}

/// Whether the instance has the attributes that the task definition needs and stands in the right VPC.
pub fn has_attributes(cluster: &Cluster, id: InstanceId, rules: &Rules) -> bool {
    let attributes = &cluster.descriptions()[id].attributes;
    let vpc = rules
        .subnets
        .as_ref()
        .and_then(|subnets| subnets.vpc.as_ref());
    rules.required.iter().all(
        |required| match (attributes.get(&required.name), &required.value) {
            (Some(has), Some(wanted)) => has == wanted,
            (has, None) => has.is_some(),
            (None, Some(_)) => false,
        },
    ) && vpc.is_none_or(|vpc| attributes.get("ecs.vpc-id").is_none_or(|has| has == vpc))
}

/// Whether the instance's zone is one that the task's subnets cover.
pub fn has_zone(cluster: &Cluster, id: InstanceId, rules: &Rules) -> bool {
    let Some(subnets) = &rules.subnets else {
        return true;
    };
    cluster.descriptions()[id]
        .zone()
        .is_some_and(|zone| subnets.zones.iter().any(|known| known == zone))
}

/// Whether an instance is one that the rules allow, whatever room it has: pool, attributes, zone, and
/// expressions.
pub fn meets_rules(cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> bool {
    in_pool(cluster, id, request.rules.pool)
        && has_attributes(cluster, id, request.rules)
        && has_zone(cluster, id, request.rules)
        && satisfies_expressions(cluster, id, request)
}

fn satisfies_expressions(cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> bool {
    let seen = cluster.seen(id);
    let mut constraints = request.rules.constraints.iter();
    constraints.all(|constraint| match constraint {
        Constraint::MemberOf(expression) => expression.matches(&seen),
        Constraint::DistinctInstance => true,
    })
}

/// The first test of attributes and resources that an instance fails.
fn first_shortage(cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> Option<Reason> {
    let instance = &cluster.instances()[id];
    let demand = request.demand;
    let need = instance.resources_for(demand);
    let tests = [
        (instance.agent_connected, Reason::Agent),
        (
            has_attributes(cluster, id, request.rules),
            Reason::Attribute,
        ),
        (has_zone(cluster, id, request.rules), Reason::Location),
        (instance.free.cpu >= need.cpu, Reason::Cpu),
        (instance.free.memory >= need.memory, Reason::Memory),
        (instance.has_ports(&demand.ports), Reason::Ports),
        (instance.free.enis >= need.enis, Reason::Eni),
        (instance.has_gpus(demand), Reason::Gpu),
    ];
    tests
        .into_iter()
        .find(|(holds, _)| !holds)
        .map(|(_, reason)| reason)
}

/// The first test that an ACTIVE instance of the pool fails; `None` makes it a candidate.
pub fn first_failure(cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> Option<Reason> {
    first_shortage(cluster, id, request).or_else(|| {
        // `distinctInstance` is tested after all expressions, wherever it stands in the list.
        let distinct = request
            .rules
            .constraints
            .contains(&Constraint::DistinctInstance);
        if !satisfies_expressions(cluster, id, request) {
            Some(Reason::MemberOf)
        } else if distinct && cluster.instances()[id].tasks_of(request.group) > 0 {
            Some(Reason::DistinctInstance)
        } else {
            None
        }
    })
}
