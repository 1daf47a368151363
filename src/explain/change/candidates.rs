//! Changes that may help, found by looking at the instances; which of them do is for a run to prove.

use super::{Amount, What};
use crate::api::{FargateSizes, OperatingSystem, is_fargate_size};
use crate::engine::request;
use crate::explain::moment::{Asked, Moment};
use crate::explain::tally::{is_able, refusal};
use crate::model::arena::ClusterId;
use crate::model::instance::{Description, InstanceStatus};
use crate::model::request::{Constraint, LaunchOn};
use crate::placement::constraint::in_pool;

/// Changes that may place it, each with the step before it.
pub(super) fn candidates(moment: &Moment) -> Vec<(What, Option<What>)> {
    let mut found = Vec::new();
    let is_gang = moment.is_gang();
    if !is_gang {
        for amount in [Amount::Cpu, Amount::Memory, Amount::Gpus] {
            if let Some((by, step)) = least_less(moment, amount) {
                let smaller = (by > step).then(|| What::Less(amount, by - step));
                found.push((What::Less(amount, by), smaller));
            }
        }
        found.extend(fargate_size(moment));
        let dropped = constraints(moment).into_iter();
        found.extend(dropped.map(|it| (What::Without(it), None)));
    }
    let most = if is_gang { nodes(moment) } else { 1 };
    for (cluster, like) in kinds_of_instances(moment) {
        for count in 1..=most {
            let instances = |count| What::Instances(cluster, Box::new(like.clone()), count);
            found.push((instances(count), (count > 1).then(|| instances(count - 1))));
        }
    }
    found
}

fn nodes(moment: &Moment) -> u32 {
    match moment.asked {
        Asked::Job(kind) => {
            let nodes = &moment.world.batch.kinds[kind].nodes;
            nodes.as_ref().map_or(1, |nodes| nodes.needs.len() as u32)
        }
        Asked::Task(..) => 1,
    }
}

/// The least that an instance would have to be asked less of a resource, all else as it is, and the
/// step in which that is counted.
fn least_less(moment: &Moment, amount: Amount) -> Option<(u32, u32)> {
    let world = &moment.world;
    let is_job = matches!(moment.asked, Asked::Job(_));
    let (step, least) = amount.step_and_least(is_job);
    let mut found: Option<u32> = None;
    for (template, launch) in moment.asked.templates(world) {
        let demand = &world.templates[template].demand;
        let now = amount.of(demand);
        let depends_on_instance = match amount {
            Amount::Gpus => demand.all_gpus,
            Amount::Cpu | Amount::Memory => demand.windows.is_some(),
        };
        if depends_on_instance {
            continue;
        }
        let mut without = demand.clone();
        amount.set(&mut without, 0);
        let mut asked = request(world, template, launch);
        asked.demand = &without;
        let cluster = &world.clusters[world.templates[template].cluster];
        for (id, instance) in cluster.instances().iter() {
            let considered = instance.status == InstanceStatus::Active
                && in_pool(cluster, id, asked.rules.pool)
                && refusal(cluster, id, &asked).is_none();
            let free = match amount {
                Amount::Cpu => instance.free.cpu,
                Amount::Memory => instance.free.memory,
                Amount::Gpus => instance.free.gpus,
            };
            if considered && free < now {
                let by = (now - free).div_ceil(step) * step;
                let left = now.checked_sub(by).filter(|left| *left >= least);
                if left.is_some() {
                    found = Some(found.map_or(by, |before| before.min(by)));
                }
            }
        }
    }
    Some((found?, step))
}

/// On Fargate: less CPU means another of its sizes, the next smaller one of the same memory.
fn fargate_size(moment: &Moment) -> Vec<(What, Option<What>)> {
    let Asked::Job(id) = moment.asked else {
        return Vec::new();
    };
    let kind = &moment.world.batch.kinds[id];
    let environments = &moment.world.batch.queues[kind.queue].environments;
    let mut all = environments.iter();
    if !all.all(|it| moment.world.batch.environments[*it].capacity.is_fargate()) {
        return Vec::new();
    }
    let (cpu, memory) = (kind.need.cpu, kind.need.memory);
    let offered = |it: &u32| {
        let newest = FargateSizes::Newest;
        *it < cpu && is_fargate_size(*it, memory, OperatingSystem::Linux, newest)
    };
    let sizes = (8..15).rev().map(|power| 1 << power).filter(offered);
    let less: Vec<What> = sizes
        .map(|size| What::Less(Amount::Cpu, cpu - size))
        .collect();
    let before = [None].into_iter().chain(less.iter().cloned().map(Some));
    less.iter().cloned().zip(before).collect()
}

/// The constraints that it has, each once.
fn constraints(moment: &Moment) -> Vec<Constraint> {
    let mut found: Vec<Constraint> = Vec::new();
    for (template, launch) in moment.asked.templates(&moment.world) {
        let rules = request(&moment.world, template, launch).rules;
        for constraint in &rules.constraints {
            if !found.contains(constraint) {
                found.push(constraint.clone());
            }
        }
    }
    found
}

/// One instance of each kind there is: those that are registered, and those that a group or an
/// environment may launch.
fn kinds_of_instances(moment: &Moment) -> Vec<(ClusterId, Description)> {
    let world = &moment.world;
    let mut found: Vec<(ClusterId, Description)> = Vec::new();
    for (template, launch) in moment.asked.templates(world) {
        let asked = &world.templates[template];
        let cluster = &world.clusters[asked.cluster];
        let request = request(world, template, launch);
        let there = cluster.instances().iter().filter(|(id, instance)| {
            let registered = instance.left_at.is_none();
            registered
                && in_pool(cluster, *id, request.rules.pool)
                && is_able(cluster, *id, &request)
        });
        let there = there.map(|(id, _)| cluster.descriptions()[id].clone());
        let of_group = match asked.launches[usize::from(launch)].on {
            LaunchOn::Provider(id) => world.providers[id].group().map(|group| {
                let launched = |it: &Description| Description {
                    provider: Some(id),
                    ..it.clone()
                };
                group.types.iter().map(launched).collect::<Vec<_>>()
            }),
            LaunchOn::Ec2 | LaunchOn::External | LaunchOn::Fargate => None,
        };
        let environments = world.batch.environments.items().iter();
        let of_environment = environments.filter(|it| it.cluster == asked.cluster);
        let of_environment = of_environment.flat_map(|it| it.descriptions.iter().cloned());
        let kinds = there
            .chain(of_group.into_iter().flatten())
            .chain(of_environment);
        for like in kinds {
            let is_known = found
                .iter()
                .any(|(id, other)| *id == asked.cluster && is_alike(other, &like));
            if !is_known {
                found.push((asked.cluster, like));
            }
        }
    }
    found
}

/// Whether two instances are of one kind; zone and identity do not tell them apart.
fn is_alike(one: &Description, other: &Description) -> bool {
    let attributes = |of: &Description| {
        let mut all = of.attributes.clone();
        all.remove("ecs.availability-zone");
        all
    };
    one.instance_type == other.instance_type
        && one.capacity == other.capacity
        && one.provider == other.provider
        && attributes(one) == attributes(other)
}
