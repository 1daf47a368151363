//! What a run costs. Amounts are integers (micro-dollars an hour × microseconds) up to the last
//! division.

use serde::Serialize;

use super::Metrics;
use super::level::ratio;
use crate::engine::plan::Fargate;
use crate::engine::task::{Host, Task};
use crate::engine::{Outcome, World};
use crate::model::arena::{ClusterId, Id};
use crate::model::instance::{Description, Instance, Purchase};
use crate::model::request::Template;
use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};

/// An instance, or a task on Fargate, is paid for at least this long. Source: Amazon EC2 on-demand
/// pricing and AWS Fargate pricing (per second billing with a minimum of 60 seconds on Linux).
pub const LEAST_BILLED: SimDuration = SimDuration::from_secs(60);

/// Money, in US dollars, over the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Hours from launch to the end of each instance.
    pub instance_hours: f64,
    /// All together.
    pub usd: f64,
    /// Instances at the on-demand price: price × time from launch, at least 60 s each; instances
    /// without a price count nothing.
    pub on_demand_usd: f64,
    /// Instances at the Spot price, likewise.
    pub spot_usd: f64,
    /// Tasks on Fargate: (vCPU × price + GB × price) × time from placement to STOPPED, at least 60 s
    /// each.
    pub fargate_usd: f64,
    /// Tasks on Fargate Spot, likewise.
    pub fargate_spot_usd: f64,
    /// Part of the instances' cost for time without any task, warm-up left out.
    pub idle_share: f64,
    /// Instances without a price.
    pub unpriced_instances: u64,
    /// Tasks on Fargate for which nobody gave a price.
    pub unpriced_fargate_tasks: u64,
    /// The same by cluster, where there are several; the instances of a compute environment are a
    /// cluster of its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterCost>,
}

/// Money of a cluster, in US dollars, over the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCost {
    /// Its name.
    pub cluster: String,
    /// Hours from launch to the end of each of its instances.
    pub instance_hours: f64,
    /// Its instances and its tasks on Fargate.
    pub usd: f64,
    /// Part of its instances' cost for time without any task, warm-up left out.
    pub idle_share: f64,
}

/// What tasks on Fargate have used, by cluster: on demand, and Spot.
#[derive(Clone, Debug, Default)]
pub(super) struct FargateUse(Vec<[FargateKind; 2]>);

/// CPU units × microseconds, MiB × microseconds, number of tasks.
#[derive(Clone, Debug, Default)]
struct FargateKind {
    cpu: u128,
    memory: u128,
    tasks: u64,
}

impl FargateUse {
    /// A task on Fargate is billed from the start of its image pull up to `end`.
    ///
    /// Source: AWS Fargate pricing.
    pub fn add(&mut self, task: &Task, template: &Template, spot: bool, end: SimTime) {
        let Some(begun_at) = task.times.begun else {
            return;
        };
        let billed = u128::from(billed(begun_at, end));
        let size = &template.demand.resources;
        let cluster = template.cluster.index();
        if self.0.len() <= cluster {
            self.0.resize_with(cluster + 1, Default::default);
        }
        let kind = &mut self.0[cluster][usize::from(spot)];
        kind.cpu += u128::from(size.cpu) * billed;
        kind.memory += u128::from(size.memory) * billed;
        kind.tasks += 1;
    }

    /// What the tasks of one cluster have used, on demand or Spot; those of all without one.
    fn of(&self, cluster: Option<ClusterId>, spot: bool) -> FargateKind {
        let all = self.0.iter().enumerate();
        let chosen = all.filter(|(at, _)| cluster.is_none_or(|cluster| cluster.index() == *at));
        chosen.fold(FargateKind::default(), |sum, (_, used)| {
            let used = &used[usize::from(spot)];
            FargateKind {
                cpu: sum.cpu + used.cpu,
                memory: sum.memory + used.memory,
                tasks: sum.tasks + used.tasks,
            }
        })
    }
}

impl FargateKind {
    /// US dollars at prices of a vCPU-hour and a GB-hour in micro-dollars.
    fn usd(&self, price: Option<(u64, u64)>) -> f64 {
        price.map_or(0.0, |(cpu, memory)| {
            usd(self.cpu * u128::from(cpu) + self.memory * u128::from(memory)) / 1024.0
        })
    }

    const fn unpriced(&self, price: Option<(u64, u64)>) -> u64 {
        match price {
            Some(_) => 0,
            None => self.tasks,
        }
    }
}

/// Microseconds that are paid for.
fn billed(from: SimTime, to: SimTime) -> u64 {
    to.since(from).micros().max(LEAST_BILLED.micros())
}

/// Micro-dollars an hour × microseconds, in dollars.
fn usd(charge: u128) -> f64 {
    charge as f64 / 3600.0 / 1e12
}

/// What one instance costs from its launch until it left or the run ended, in US dollars; absent
/// without a price.
pub fn instance_cost(description: &Description, instance: &Instance, end: SimTime) -> Option<f64> {
    let price = description.price?;
    let left_at = instance.left_at.unwrap_or(end);
    Some(usd(
        u128::from(price) * u128::from(billed(description.launched_at, left_at))
    ))
}

/// What the instances of a cluster cost, those included that never registered, in US dollars.
pub(super) fn instances_usd(id: ClusterId, outcome: &Outcome) -> f64 {
    let cluster = &outcome.world.clusters[id];
    let there = cluster.descriptions().items().iter();
    let there = there.zip(cluster.instances().items());
    let there = there.map(|(bought, state)| (bought, bought.launched_at, state.left_at));
    let booting = outcome.starting.iter().filter(|start| start.cluster == id);
    let booting = booting.map(|start| (&start.bought, start.launched_at, start.cancelled_at));
    let charges = there.chain(booting).filter_map(|(bought, from, to)| {
        let span = billed(from, to.unwrap_or(outcome.end));
        Some(u128::from(bought.price?) * u128::from(span))
    });
    usd(charges.sum())
}

/// Sums over instances.
#[derive(Default)]
struct Sums {
    by_purchase: [u128; 2],
    measured: u128,
    idle: u128,
    micros: u128,
    instances: u64,
    unpriced: u64,
}

impl Sums {
    fn join(&mut self, other: &Sums) {
        for (sum, part) in self.by_purchase.iter_mut().zip(other.by_purchase) {
            *sum += part;
        }
        self.measured += other.measured;
        self.idle += other.idle;
        self.micros += other.micros;
        self.instances += other.instances;
        self.unpriced += other.unpriced;
    }

    /// An instance from its launch to its end, of which it was busy for so long since statistics
    /// began.
    fn add(
        &mut self,
        bought: &Description,
        from: SimTime,
        to: SimTime,
        since: SimTime,
        busy: u128,
    ) {
        self.instances += 1;
        self.micros += u128::from(to.since(from).micros());
        let Some(price) = bought.price.map(u128::from) else {
            self.unpriced += 1;
            return;
        };
        let purchase = usize::from(bought.purchase == Purchase::Spot);
        self.by_purchase[purchase] += price * u128::from(billed(from, to));
        let measured = u128::from(to.since(from.max(since)).micros());
        self.measured += price * measured;
        self.idle += price * measured.saturating_sub(busy);
    }
}

/// What the run cost; absent when nothing has a price.
pub(super) fn cost(metrics: &Metrics, outcome: &Outcome) -> Option<Cost> {
    let (world, end) = (&outcome.world, outcome.end);
    let mut sums = Sums::default();
    let fargate = fargate_use(metrics, outcome);
    let Fargate {
        price, spot_price, ..
    } = world.fargate;
    let mut clusters = Vec::new();
    for (id, cluster) in world.clusters.iter() {
        let mut own = Sums::default();
        for (instance, description) in cluster.descriptions().iter() {
            let left_at = cluster.instances()[instance].left_at.unwrap_or(end);
            let busy = u128::from(metrics.clusters[id].instances[instance].busy);
            let launched_at = description.launched_at;
            own.add(description, launched_at, left_at, metrics.since, busy);
        }
        for start in outcome.starting.iter().filter(|it| it.cluster == id) {
            let until = start.cancelled_at.unwrap_or(end);
            own.add(&start.bought, start.launched_at, until, metrics.since, 0);
        }
        clusters.push(ClusterCost {
            cluster: cluster.name.clone(),
            instance_hours: hours(own.micros),
            usd: usd(own.by_purchase.iter().sum())
                + fargate.of(Some(id), false).usd(price)
                + fargate.of(Some(id), true).usd(spot_price),
            idle_share: ratio(own.idle, own.measured),
        });
        sums.join(&own);
    }
    let [on_demand_usd, spot_usd] = sums.by_purchase.map(usd);
    let (on_demand, spot) = (fargate.of(None, false), fargate.of(None, true));
    let (fargate_usd, fargate_spot_usd) = (on_demand.usd(price), spot.usd(spot_price));
    clusters.retain(|_| world.clusters.len() > 1);
    let is_priced = sums.unpriced < sums.instances || fargate_usd + fargate_spot_usd > 0.0;
    is_priced.then(|| Cost {
        instance_hours: hours(sums.micros),
        usd: usd(sums.by_purchase.iter().sum()) + fargate_usd + fargate_spot_usd,
        on_demand_usd,
        spot_usd,
        fargate_usd,
        fargate_spot_usd,
        idle_share: ratio(sums.idle, sums.measured),
        unpriced_instances: sums.unpriced,
        unpriced_fargate_tasks: on_demand.unpriced(price) + spot.unpriced(spot_price),
        clusters,
    })
}

fn hours(micros: u128) -> f64 {
    ratio(micros, 3600 * u128::from(MICROS_PER_SEC))
}

/// What stopped tasks have used, and those that live.
fn fargate_use(metrics: &Metrics, outcome: &Outcome) -> FargateUse {
    let mut used = metrics.fargate.clone();
    let world: &World = &outcome.world;
    for task in &outcome.live {
        if let Some(Host::Fargate { spot, .. }) = task.host {
            used.add(task, &world.templates[task.template], spot, outcome.end);
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::instance::InstanceStatus;

    fn at(secs: u64) -> SimTime {
        SimTime::from_micros(secs * 1_000_000)
    }

    /// 0.36 USD an hour is 0.0001 USD a second.
    #[test]
    fn an_instance_is_paid_from_launch_to_its_end_and_a_minute_at_least() {
        let check = |launched: u64, left: Option<u64>, usd: f64| {
            let description = Description {
                price: Some(360_000),
                launched_at: at(launched),
                ..Description::default()
            };
            let mut instance = Instance::new(&description, InstanceStatus::Active, true);
            instance.left_at = left.map(at);
            let cost = instance_cost(&description, &instance, at(1000));
            assert!(
                cost.is_some_and(|cost| (cost - usd).abs() < 1e-12),
                "{cost:?}"
            );
        };
        check(0, None, 0.1);
        check(900, None, 0.01);
        check(100, Some(300), 0.02);
        check(990, None, 0.006);
    }

    /// Two instances of 0.36 USD an hour, statistics from 50 s on: one on demand from 0 to 100 s,
    /// busy for 25 of the last 50 s; one Spot from 80 to 100 s, never busy. Paid: 100 s and 60 s.
    /// Idle: (25 + 20) / (50 + 20).
    #[test]
    fn kinds_and_idle_time_are_kept_apart() {
        let bought = |purchase| Description {
            price: Some(360_000),
            purchase,
            ..Description::default()
        };
        let (mut sums, busy) = (Sums::default(), 25_000_000);
        sums.add(&bought(Purchase::OnDemand), at(0), at(100), at(50), busy);
        sums.add(&bought(Purchase::Spot), at(80), at(100), at(50), 0);
        sums.add(&Description::default(), at(0), at(100), at(50), 0);
        assert_eq!(sums.by_purchase, [36_000_000_000_000, 21_600_000_000_000]);
        assert_eq!(ratio(sums.idle, sums.measured), 45.0 / 70.0);
        assert_eq!((sums.instances, sums.unpriced), (3, 1));
        assert_eq!(sums.micros, 220_000_000);
    }

    /// 2 vCPU and 4 GB for an hour at 0.04 USD a vCPU-hour and 0.004 USD a GB-hour.
    #[test]
    fn fargate_is_paid_by_vcpu_and_gigabyte() {
        let hour = 3_600_000_000;
        let used = FargateKind {
            cpu: 2048 * hour,
            memory: 4096 * hour,
            tasks: 1,
        };
        let price = Some((40_000, 4_000));
        assert!((used.usd(price) - 0.096).abs() < 1e-12);
        assert_eq!(
            (used.usd(None), used.unpriced(None), used.unpriced(price)),
            (0.0, 1, 0)
        );
    }

    /// Clusters add up to the whole.
    #[test]
    fn fargate_is_paid_cluster_by_cluster() {
        let used = |tasks| FargateKind {
            cpu: 1024,
            memory: 2048,
            tasks,
        };
        let used = FargateUse(vec![[used(1), used(2)], [used(4), used(8)]]);
        let tasks = |cluster, spot| used.of(cluster, spot).tasks;
        let second = Some(ClusterId::from_index(1));
        assert_eq!((tasks(second, false), tasks(second, true)), (4, 8));
        assert_eq!((tasks(None, false), tasks(None, true)), (5, 10));
        assert_eq!(used.of(None, true).memory, 4096);
        assert_eq!(tasks(Some(ClusterId::from_index(2)), false), 0);
    }
}
