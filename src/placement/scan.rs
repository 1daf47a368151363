//! The definition of the choice, in the plainest way: look at every instance.
//!
//! [`super::index`] must give what [`choose`] gives; a property test holds it to that. The cost of
//! a choice grows with the number of instances.

use super::constraint::{Refusal, first_failure, in_pool};
use super::{fragmentation, score};
use crate::model::arena::InstanceId;
use crate::model::cluster::Cluster;
use crate::model::instance::InstanceStatus;
use crate::model::request::{Request, StrategyRule};
use crate::rng::Draw;

/// The ACTIVE instances of the request's pool, in order of registration.
fn considered<'a>(
    cluster: &'a Cluster,
    request: &'a Request<'_>,
) -> impl Iterator<Item = InstanceId> + 'a {
    let active = cluster
        .instances()
        .iter()
        .filter(|(_, instance)| instance.status == InstanceStatus::Active);
    active
        .map(|(id, _)| id)
        .filter(|id| in_pool(cluster, *id, request.rules.pool))
}

/// The instances that can take the task now, in order of registration.
pub fn candidates(cluster: &Cluster, request: &Request<'_>) -> Vec<InstanceId> {
    considered(cluster, request)
        .filter(|id| first_failure(cluster, *id, request).is_none())
        .collect()
}

/// Why no instance can take the task: one reason for each instance that was considered.
pub fn refusal(cluster: &Cluster, request: &Request<'_>) -> Refusal {
    let mut refusal = Refusal::default();
    for reason in considered(cluster, request).filter_map(|id| first_failure(cluster, id, request))
    {
        refusal.add(reason);
    }
    refusal
}

/// The instance that came closest to taking the task, with the reason why it does not: of those that
/// fail latest in the order of testing the first that registered [U-40].
pub fn closest(
    cluster: &Cluster,
    request: &Request<'_>,
) -> Option<(InstanceId, super::constraint::Reason)> {
    let failures = considered(cluster, request)
        .filter_map(|id| Some((id, first_failure(cluster, id, request)?)));
    // `max_by_key` keeps the last of equals.
    failures.max_by_key(|(id, reason)| (*reason, std::cmp::Reverse(*id)))
}

/// Keeps the candidates among which the strategy chain does not tell: each rule keeps those that
/// tie for best and hands them to the next [U-02]. Also says whether the chain ended with `random`.
pub fn narrow(
    cluster: &Cluster,
    request: &Request<'_>,
    mut candidates: Vec<InstanceId>,
) -> (Vec<InstanceId>, bool) {
    for rule in &request.rules.strategies {
        if *rule == StrategyRule::Random {
            return (candidates, true);
        }
        let ranks = candidates
            .iter()
            .map(|id| rank(rule, cluster, *id, request));
        let ranks: Vec<u32> = ranks.collect();
        let best = ranks.iter().min();
        let mut of_each = ranks.iter();
        candidates.retain(|_| of_each.next() == best);
    }
    (candidates, false)
}

/// The instance that the request goes to; `None` when no instance can take it.
///
/// The last tie goes to the instance that registered first [U-03].
pub fn choose(cluster: &Cluster, request: &Request<'_>, draw: &mut Draw) -> Option<InstanceId> {
    best_of(cluster, request, candidates(cluster, request), draw)
}

/// The one of these candidates that the request goes to; they stand in order of registration.
pub(super) fn best_of(
    cluster: &Cluster,
    request: &Request<'_>,
    candidates: Vec<InstanceId>,
    draw: &mut Draw,
) -> Option<InstanceId> {
    let (tied, random) = narrow(cluster, request, candidates);
    if random && !tied.is_empty() {
        return Some(tied[draw.below(tied.len())]);
    }
    tied.first().copied()
}

/// What a strategy rule thinks of an instance: the least is the best.
///
/// - `spread` over `instanceId`: tasks of the group on the instance;
/// - `spread` over an attribute: tasks of the group over all instances with the same value [U-05];
///   an instance that lacks the attribute comes after all that have it [U-06];
/// - `binpack`: what remains of the resource before the task is placed, in CPU units or MiB. Since
///   the demand is the same for every candidate, ranking after it gives the same order;
/// - extensions as [`score`] and [`fragmentation`] define them.
///
/// Source: ECS developer guide, "Task placement strategies".
pub fn rank(rule: &StrategyRule, cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> u32 {
    let instance = &cluster.instances()[id];
    match rule {
        StrategyRule::Random | StrategyRule::RandomGpu => 0,
        StrategyRule::SpreadInstance => instance.tasks_of(request.group),
        StrategyRule::SpreadAttribute(name) => {
            let attribute = cluster
                .tracked(name)
                .expect("spread attributes are tracked");
            match cluster.attribute_value(attribute, id) {
                Some(value) => cluster.spread_count(request.group, attribute, value),
                None => u32::MAX,
            }
        }
        StrategyRule::BinpackCpu => instance.free.cpu,
        StrategyRule::BinpackMemory => instance.free.memory,
        StrategyRule::FirstFit => id.0,
        StrategyRule::BestFit(measured) => {
            score::remaining(instance, &cluster.largest(), *measured)
        }
        StrategyRule::WorstFit(measured) => {
            u32::MAX - score::remaining(instance, &cluster.largest(), *measured)
        }
        StrategyRule::DotProduct(measured) => score::dot_product(cluster, id, request, *measured),
        StrategyRule::GpuPacking => score::gpu_packing(instance, request),
        StrategyRule::Fgd => 100 - fragmentation::fit(cluster, id, request).score,
        StrategyRule::Shuffled => cluster.shuffled(id),
    }
}
