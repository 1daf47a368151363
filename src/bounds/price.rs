//! The cost bound: work at the cheapest price of what it takes.

use crate::engine::Outcome;
use crate::model::arena::ClusterId;
use crate::model::instance::Description;

/// What the instances of a cluster must have cost at least, in US dollars, and by which resource; absent
/// when an instance that was there has no price, and when nothing was done.
///
/// For each resource: area of the work (resource × time) × the least price of a unit of it over the types
/// that the cluster has had or might have launched. The greatest over the resources. Prices are those
/// that are paid, On-Demand or Spot. Work that shares an instance pays for it once, so the bounds of
/// several resources do not add up.
pub fn least(id: ClusterId, done: &[u128; 4], outcome: &Outcome) -> Option<(f64, usize)> {
    let there = outcome.world.clusters[id].descriptions().items().iter();
    let booting = outcome.starting.iter().filter(|start| start.cluster == id);
    let bought: Vec<&Description> = there.chain(booting.map(|it| &it.bought)).collect();
    if bought.iter().any(|description| description.price.is_none()) {
        return None;
    }
    let types: Vec<&Description> = bought.into_iter().chain(launchable(id, outcome)).collect();
    let charges = (0..4).filter(|resource| done[*resource] > 0);
    let charges = charges.filter_map(|resource| {
        let (price, capacity) = cheapest(&types, resource)?;
        Some((
            done[resource] * u128::from(price) / u128::from(capacity),
            resource,
        ))
    });
    // Of equal bounds the first resource is named.
    let (charge, resource) = charges.max_by_key(|(charge, at)| (*charge, usize::MAX - at))?;
    // Micro-dollars an hour × microseconds.
    Some((charge as f64 / 3600.0 / 1e12, resource))
}

/// What may still be launched into a cluster.
fn launchable(id: ClusterId, outcome: &Outcome) -> impl Iterator<Item = &Description> {
    let world = &outcome.world;
    let groups = world.providers.items().iter();
    let groups = groups.filter_map(|provider| provider.group());
    let groups = groups.filter(move |group| group.cluster == id);
    let environments = world.batch.environments.items().iter();
    let environments = environments.filter(move |it| it.cluster == id);
    groups
        .flat_map(|group| &group.types)
        .chain(environments.flat_map(|it| &it.descriptions))
}

/// Price and capacity of the type that has a unit of a resource for the least money.
fn cheapest(types: &[&Description], resource: usize) -> Option<(u64, u64)> {
    let offers = types.iter().filter_map(|description| {
        let capacity = super::parts(&description.capacity)[resource];
        Some((description.price?, capacity)).filter(|_| capacity > 0)
    });
    offers.min_by(|(price, capacity), (other, others)| {
        let one = u128::from(*price) * u128::from(*others);
        one.cmp(&(u128::from(*other) * u128::from(*capacity)))
    })
}
