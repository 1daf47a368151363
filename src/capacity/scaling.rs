//! Managed scaling: from what runs and what waits to the desired capacity of an Auto Scaling group.
//!
//! One evaluation a minute and provider: [`need`], then a [`Reading`], then [`Scaler::minute`].

use std::cmp::Ordering;

use crate::model::instance::MAX_RESERVED_PORTS;
use crate::model::provider::ManagedScaling;
use crate::model::resources::{Demand, HostPort, Resources};
use crate::time::SimDuration;

/// Datapoints below the target, one a minute, before the group shrinks.
///
/// Source: ECS developer guide, "Amazon ECS cluster auto scaling".
pub const DATAPOINTS_BEFORE_SCALE_IN: u8 = 15;

/// What an empty instance of an Auto Scaling group offers at least and at most: each resource for
/// itself, so there need not be a type that is all of one or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least of each resource over the group's types.
    pub smallest: Resources,
    /// The most of each resource over the group's types.
    pub largest: Resources,
    /// The least and the most memory in MiB that a GPU has.
    pub gpu_memory: (u32, u32),
    /// Host ports that are taken from the start on some type.
    pub reserved_ports: Vec<HostPort>,
}

impl Bounds {
    /// The bounds over the types of a group, each given by what it registers and the memory in MiB
    /// of each of its GPUs; `None` without types.
    pub fn of(types: &[(Resources, u32)], reserved_ports: &[HostPort]) -> Option<Bounds> {
        let each = |pick: fn(u32, u32) -> u32| {
            let types = types.iter().map(|(registered, _)| *registered);
            types.reduce(|one, other| Resources {
                cpu: pick(one.cpu, other.cpu),
                memory: pick(one.memory, other.memory),
                gpus: pick(one.gpus, other.gpus),
                enis: pick(one.enis, other.enis),
            })
        };
        Some(Bounds {
            smallest: each(u32::min)?,
            largest: each(u32::max)?,
            gpu_memory: (
                types.iter().map(|(_, memory)| *memory).min()?,
                types.iter().map(|(_, memory)| *memory).max()?,
            ),
            reserved_ports: reserved_ports.to_vec(),
        })
    }

    /// Whether an empty instance of the smallest type has room for `demand`.
    fn fits(&self, demand: &Demand) -> bool {
        let ports = &demand.ports;
        self.smallest.fits(&demand.least())
            && (demand.shared_gpu_memory == 0
                || self.smallest.gpus > 0 && self.gpu_memory.0 >= demand.shared_gpu_memory)
            && (ports.is_empty() || self.reserved_ports.len() + ports.len() <= MAX_RESERVED_PORTS)
            && !ports.iter().any(|port| self.reserved_ports.contains(port))
    }
}

/// Tasks in PROVISIONING that are alike in what they demand and in their constraints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingGroup {
    /// What one task takes.
    pub demand: Demand,
    /// How many wait.
    pub count: u32,
    /// No two of them may share an instance. Expressions of `memberOf` are not looked at [U-32].
    pub distinct_instance: bool,
}

impl WaitingGroup {
    /// How many of these tasks an empty instance of the largest type holds, at least 1 for what
    /// fits there; `None` when their number does not matter because they take nothing.
    fn on_one_instance(&self, bounds: &Bounds) -> Option<u32> {
        let demand = &self.demand;
        if self.distinct_instance || demand.all_gpus || !demand.ports.is_empty() {
            return Some(1);
        }
        let (has, takes) = (&bounds.largest, &demand.resources);
        [
            has.cpu.checked_div(takes.cpu),
            has.memory.checked_div(takes.memory),
            has.gpus.checked_div(takes.gpus),
            has.enis.checked_div(takes.enis),
            // All memory of a task that shares a GPU comes from one device.
            bounds
                .gpu_memory
                .1
                .checked_div(demand.shared_gpu_memory)
                .map(|tasks| tasks.saturating_mul(has.gpus)),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// How many instances the waiting tasks need beyond those that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No task waits.
    NothingWaits,
    /// Tasks wait, and none of them fits the group's smallest type: new instances would not help.
    Incompatible,
    /// So many instances, at least 1; a lower bound, which a later minute corrects.
    Instances(u32),
}

/// How many instances the tasks that wait for a provider need.
///
/// A group that does not fit the smallest type is left out. Each other one needs as many instances
/// of the largest type as hold its tasks, and the greatest of these numbers is the need: groups
/// are taken to share instances. Source: ECS developer guide, "Amazon ECS cluster auto scaling".
pub fn need(groups: &[WaitingGroup], bounds: &Bounds) -> Need {
    let waiting = || groups.iter().filter(|group| group.count > 0);
    let instances = |group: &WaitingGroup| {
        let held = group.on_one_instance(bounds);
        held.map_or(1, |held| group.count.div_ceil(held.max(1)))
    };
    let compatible = waiting().filter(|group| bounds.fits(&group.demand));
    match compatible.map(instances).max() {
        Some(most) => Need::Instances(most),
        None if waiting().next().is_some() => Need::Incompatible,
        None => Need::NothingWaits,
    }
}

/// A datapoint of the metric CapacityProviderReservation of one provider, with what it came from.
///
/// The metric is 100 × needed / running, in percent, held as a fraction so that it compares
/// exactly.
/// Source: ECS developer guide, "Amazon ECS cluster auto scaling".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Instances registered and in service (N) [U-31].
    pub running: u32,
    /// Instances that there should be at full use (M).
    pub needed: u32,
    numerator: u64,
    denominator: u64,
}

impl Reading {
    /// The reading with `running` instances, of which `empty` carry no task other than daemons.
    ///
    /// Without instances it is 100 when nothing is needed, else 200. Waiting tasks that new
    /// instances would not help hold it at the target, so that nothing scales.
    pub fn new(running: u32, empty: u32, need: Need, settings: &ManagedScaling) -> Reading {
        let needed = match need {
            Need::NothingWaits => running.saturating_sub(empty),
            Need::Incompatible => running,
            Need::Instances(count) => {
                let step = count.max(settings.minimum_step).min(settings.maximum_step);
                running.saturating_add(step)
            }
        };
        let (numerator, denominator) = match (need, running, needed) {
            (Need::Incompatible, _, _) => (u64::from(settings.target_capacity), 1),
            (_, 0, 0) => (100, 1),
            (_, 0, _) => (200, 1),
            _ => (100 * u64::from(needed), u64::from(running)),
        };
        Reading {
            running,
            needed,
            numerator,
            denominator,
        }
    }

    /// The metric in percent, for output only.
    pub fn percent(&self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// How the metric compares with the target.
    pub fn against_target(&self, settings: &ManagedScaling) -> Ordering {
        let target = u64::from(settings.target_capacity) * self.denominator;
        self.numerator.cmp(&target)
    }

    /// The capacity that would bring the metric to the target. From no instances at all it is 2,
    /// whatever the target and the need.
    fn wanted(&self, settings: &ManagedScaling) -> u32 {
        if self.running == 0 && self.needed > 0 {
            return 2;
        }
        let target = u64::from(settings.target_capacity.max(1));
        let wanted = (100 * u64::from(self.needed)).div_ceil(target);
        u32::try_from(wanted).unwrap_or(u32::MAX)
    }
}

/// What managed scaling knows of an Auto Scaling group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoScalingGroup {
    /// Desired capacity now, instances that still boot included.
    pub desired: u32,
    /// MinSize, which always holds.
    pub minimum: u32,
    /// MaxSize, which always holds and prevails.
    pub maximum: u32,
    /// Time since the launch of its youngest instance; absent when it has none.
    pub youngest_age: Option<SimDuration>,
}

/// The alarms of one provider: counts how long the metric has been below the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scaler {
    below: u8,
}

impl Scaler {
    /// Takes the datapoint of a minute and gives the new desired capacity, always between MinSize
    /// and MaxSize.
    ///
    /// Above the target the group grows at once, unless an instance is still warming up; it never
    /// shrinks then, and what is on order already is not ordered again [U-31]. Below the target it
    /// shrinks from the fifteenth datapoint in a row, by at least one and at most half a minute. A
    /// datapoint at or above the target starts the fifteen again.
    /// Source: ECS developer guide, "Amazon ECS cluster auto scaling".
    pub fn minute(
        &mut self,
        reading: &Reading,
        settings: &ManagedScaling,
        group: &AutoScalingGroup,
    ) -> u32 {
        let within = |capacity: u32| capacity.max(group.minimum).min(group.maximum);
        let (desired, wanted) = (within(group.desired), within(reading.wanted(settings)));
        let below = self.below;
        self.below = 0;
        match reading.against_target(settings) {
            Ordering::Equal => desired,
            Ordering::Greater => {
                let warming_up = group.youngest_age.is_some_and(|age| age < settings.warm_up);
                if warming_up {
                    desired
                } else {
                    desired.max(wanted)
                }
            }
            Ordering::Less => {
                self.below = (below + 1).min(DATAPOINTS_BEFORE_SCALE_IN);
                if self.below < DATAPOINTS_BEFORE_SCALE_IN {
                    desired
                } else {
                    let halved = desired.saturating_sub((desired / 2).max(1));
                    desired.min(wanted.max(halved))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
