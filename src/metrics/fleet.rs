//! Container instances over time: who is registered, in which state, and what the capacity
//! providers want.

use super::level::{Gauge, ratio};
use super::{ClusterMetrics, InstanceUse, Metrics, parts};
use crate::engine::{InstanceChange, Occurrence, Scaled, World};
use crate::model::arena::{ClusterId, InstanceId, ProviderId};
use crate::model::instance::{Description, Instance, InstanceStatus};
use crate::time::{SimDuration, SimTime};

/// What an instance counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceState {
    /// Not registered: not yet, or no longer.
    #[default]
    Away,
    /// ACTIVE, with its agent connected.
    Active,
    /// ACTIVE, and its agent has no connection.
    Disconnected,
    /// DRAINING or being deregistered.
    Draining,
    /// Registered, and neither in service nor leaving: its registration is under way or failed.
    Other,
}

impl InstanceState {
    fn of(instance: &Instance) -> Self {
        match instance.status {
            _ if instance.left_at.is_some() => InstanceState::Away,
            InstanceStatus::Active if instance.agent_connected => InstanceState::Active,
            InstanceStatus::Active => InstanceState::Disconnected,
            InstanceStatus::Draining | InstanceStatus::Deregistering => InstanceState::Draining,
            InstanceStatus::Registering
            | InstanceStatus::RegistrationFailed
            | InstanceStatus::Inactive => InstanceState::Other,
        }
    }

    /// What an instance counted as before a change, or `now` where the change does not say.
    const fn before(change: InstanceChange, now: InstanceState) -> Self {
        match change {
            InstanceChange::Registered => InstanceState::Away,
            InstanceChange::Activated => InstanceState::Draining,
            InstanceChange::Connected => InstanceState::Disconnected,
            InstanceChange::Draining
            | InstanceChange::Disconnected
            | InstanceChange::Deregistered
            | InstanceChange::Terminated => InstanceState::Active,
            InstanceChange::SpotNotice | InstanceChange::Refused => now,
        }
    }

    /// Whether it counts as running for its capacity provider.
    fn is_in_service(self) -> bool {
        matches!(self, InstanceState::Active | InstanceState::Disconnected)
    }
}

/// Instances by state.
#[derive(Clone, Debug, Default)]
pub struct States {
    /// Launched by a capacity provider and not registered yet.
    pub starting: Gauge,
    /// ACTIVE, agent connected.
    pub active: Gauge,
    /// DRAINING.
    pub draining: Gauge,
    /// ACTIVE, agent not connected.
    pub disconnected: Gauge,
    /// Registered, in whatever state.
    pub registered: Gauge,
}

impl States {
    fn of(&mut self, state: InstanceState) -> Option<&mut Gauge> {
        match state {
            InstanceState::Active => Some(&mut self.active),
            InstanceState::Disconnected => Some(&mut self.disconnected),
            InstanceState::Draining => Some(&mut self.draining),
            InstanceState::Away | InstanceState::Other => None,
        }
    }

    pub(super) fn gauges(&mut self) -> [&mut Gauge; 5] {
        [
            &mut self.starting,
            &mut self.active,
            &mut self.draining,
            &mut self.disconnected,
            &mut self.registered,
        ]
    }
}

/// A capacity provider over time.
#[derive(Clone, Debug, Default)]
pub struct ProviderMetrics {
    /// Desired capacity of its group.
    pub desired: Gauge,
    /// Its instances that are registered and not leaving.
    pub running: Gauge,
    /// Its instances that were launched and have not registered.
    pub starting: Gauge,
    /// Tasks that wait in PROVISIONING for it, as it was last looked at.
    pub waiting: Gauge,
    /// CapacityProviderReservation in thousandths of a percent, 0 while it is not known.
    reservation: Gauge,
    /// 1 while it is known.
    known: Gauge,
}

impl ProviderMetrics {
    fn gauges(&mut self) -> [&mut Gauge; 6] {
        [
            &mut self.desired,
            &mut self.running,
            &mut self.starting,
            &mut self.waiting,
            &mut self.reservation,
            &mut self.known,
        ]
    }

    pub(super) fn restart(&mut self, now: SimTime) {
        for gauge in self.gauges() {
            gauge.restart(now);
        }
    }

    pub(super) fn touch(&mut self, now: SimTime) {
        for gauge in self.gauges() {
            gauge.change(now, 0, 0);
        }
    }

    /// Mean CapacityProviderReservation in percent while it was known, since statistics began.
    pub fn mean_reservation(&self) -> Option<f64> {
        let known = self.known.integral.area();
        (known > 0).then(|| ratio(self.reservation.integral.area(), known * 1000))
    }

    /// The same in each bin of `width` up to `end`.
    pub fn reservations(&self, width: SimDuration, end: SimTime) -> Vec<Option<f64>> {
        let known = self.known.bins.means(width, end);
        let levels = self.reservation.bins.means(width, end);
        let mean = |(level, known): (f64, f64)| (known > 0.0).then(|| level / known / 1000.0);
        levels.into_iter().zip(known).map(mean).collect()
    }
}

/// How long an instance was registered between two moments.
pub fn registered_for(
    description: &Description,
    instance: &Instance,
    since: SimTime,
    end: SimTime,
) -> SimDuration {
    let left_at = instance.left_at.unwrap_or(end).min(end);
    left_at.since(description.joined_at.max(since))
}

impl Metrics {
    /// Looks at the world for the first time: what is there has been there from the start. Of the
    /// instance that `told` is about the world shows what it has become.
    pub(super) fn meet(&mut self, world: &World, told: Option<&Occurrence<'_>>) {
        self.clusters = (world.clusters.ids())
            .map(|_| ClusterMetrics::default())
            .collect();
        self.jobs.meet(world);
        self.providers = (world.providers.ids())
            .map(|_| ProviderMetrics::default())
            .collect();
        for (id, provider) in world.providers.iter() {
            if let Some(group) = provider.group() {
                let desired = u64::from(group.desired);
                self.providers[id].desired.set(SimTime::ZERO, desired);
            }
        }
        for (id, cluster) in world.clusters.iter() {
            for (instance, state) in cluster.instances().iter() {
                let mut state = InstanceState::of(state);
                if let Some(Occurrence::Instance {
                    cluster,
                    instance: changed,
                    change,
                }) = told
                    && (*cluster, *changed) == (id, instance)
                {
                    state = InstanceState::before(*change, state);
                }
                self.set_state(SimTime::ZERO, id, instance, state, world);
            }
        }
    }

    pub(super) fn instance_changed(
        &mut self,
        now: SimTime,
        cluster: ClusterId,
        id: InstanceId,
        world: &World,
    ) {
        let state = InstanceState::of(&world.clusters[cluster].instances()[id]);
        let arrives = self.set_state(now, cluster, id, state, world);
        let provider = world.clusters[cluster].descriptions()[id].provider;
        // What was starting and has registered is not counted twice until the provider is looked
        // at again.
        if let (true, Some(provider)) = (arrives, provider) {
            let starting = self.providers[provider].starting.integral.level();
            self.set_starting(now, provider, starting.saturating_sub(1), world);
        }
    }

    /// Whether it was away and no longer is.
    fn set_state(
        &mut self,
        now: SimTime,
        cluster: ClusterId,
        id: InstanceId,
        state: InstanceState,
        world: &World,
    ) -> bool {
        let seen = &world.clusters[cluster];
        let metrics = &mut self.clusters[cluster];
        metrics.make_room(now, seen.instances().len());
        let before = std::mem::replace(&mut metrics.instances[id].state, state);
        if before == state {
            return false;
        }
        if let Some(gauge) = metrics.states.of(before) {
            gauge.change(now, 0, 1);
        }
        if let Some(gauge) = metrics.states.of(state) {
            gauge.change(now, 1, 0);
        }
        let [was, is] = [before, state].map(|state| u64::from(state != InstanceState::Away));
        metrics.states.registered.change(now, is, was);
        let capacity = parts(&seen.instances()[id].capacity);
        for (gauge, part) in metrics.registered.iter_mut().zip(capacity) {
            gauge.change(now, is * part, was * part);
        }
        if let Some(provider) = seen.descriptions()[id].provider {
            let [was, is] = [before, state].map(|state| u64::from(state.is_in_service()));
            self.providers[provider].running.change(now, is, was);
        }
        was < is
    }

    pub(super) fn scaled(&mut self, now: SimTime, scaled: &Scaled, world: &World) {
        let provider = &mut self.providers[scaled.provider];
        provider.desired.set(now, u64::from(scaled.desired));
        provider.waiting.set(now, u64::from(scaled.waiting));
        // Between two datapoints the last one stands.
        if let Some(percent) = scaled.reservation {
            let permille = (percent * 1000.0).round() as u64;
            provider.reservation.set(now, permille);
            provider.known.set(now, 1);
        }
        let starting = u64::from(scaled.starting);
        self.set_starting(now, scaled.provider, starting, world);
    }

    fn set_starting(&mut self, now: SimTime, id: ProviderId, starting: u64, world: &World) {
        let gauge = &mut self.providers[id].starting;
        let before = gauge.integral.level();
        gauge.set(now, starting);
        if let Some(group) = world.providers[id].group() {
            let states = &mut self.clusters[group.cluster].states;
            states.starting.change(now, starting, before);
        }
    }
}

impl ClusterMetrics {
    fn make_room(&mut self, now: SimTime, instances: usize) {
        while self.instances.len() < instances {
            self.instances.push(InstanceUse::default());
        }
        self.rows.grow(now, instances);
    }

    /// The greatest registered capacity since statistics began, by resource.
    pub fn capacity(&self) -> [u64; 4] {
        self.registered
            .each_ref()
            .map(|gauge| gauge.integral.peak().max(gauge.integral.level()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Recorder;
    use crate::model::cluster::Cluster;
    use crate::model::resources::Resources;

    fn at(secs: u64) -> SimTime {
        SimTime::from_micros(secs * 1_000_000)
    }

    fn description(joined: u64) -> Description {
        Description {
            capacity: Resources {
                cpu: 1024,
                memory: 512,
                ..Resources::default()
            },
            joined_at: at(joined),
            ..Description::default()
        }
    }

    /// One instance from the start to 30 s, draining from 20 s; another from 10 s: over 40 s they
    /// are registered for 30 + 30 s, the first ACTIVE for 20 s, DRAINING for 10 s.
    #[test]
    fn capacity_and_states_follow_the_instances() {
        let mut world = World::default();
        let mut cluster = Cluster::new("c");
        let first = cluster.register(description(0), InstanceStatus::Active, true);
        let id = world.clusters.push(cluster);
        let mut metrics = Metrics::new();
        let tell = |metrics: &mut Metrics, now, instance, change, world: &World| {
            let occurrence = Occurrence::Instance {
                cluster: id,
                instance,
                change,
            };
            metrics.record(at(now), occurrence, world);
        };
        // The first thing that is told happens to an instance nobody knew: it was not there before.
        let second = world.clusters[id].register(description(10), InstanceStatus::Active, true);
        tell(&mut metrics, 10, second, InstanceChange::Registered, &world);
        world.clusters[id].set_status(first, InstanceStatus::Draining);
        tell(&mut metrics, 20, first, InstanceChange::Draining, &world);
        world.clusters[id].deregister(first, at(30));
        tell(
            &mut metrics,
            30,
            first,
            InstanceChange::Deregistered,
            &world,
        );
        tell(&mut metrics, 30, first, InstanceChange::Terminated, &world);
        let cluster = &mut metrics.clusters[id];
        cluster.touch(at(40));
        let area = |gauge: &Gauge| gauge.integral.area() / 1_000_000;
        assert_eq!(area(&cluster.registered[0]), 1024 * 60);
        assert_eq!(area(&cluster.registered[1]), 512 * 60);
        assert_eq!(cluster.capacity(), [2048, 1024, 0, 0]);
        let states = &cluster.states;
        assert_eq!(area(&states.active), 20 + 30);
        assert_eq!(area(&states.draining), 10);
        assert_eq!(area(&states.registered), 60);
        assert_eq!(states.registered.integral.peak(), 2);
        let seen = &world.clusters[id];
        let present = |instance| {
            let description = &seen.descriptions()[instance];
            registered_for(description, &seen.instances()[instance], at(5), at(40))
        };
        assert_eq!(present(first), SimDuration::from_secs(25));
        assert_eq!(present(second), SimDuration::from_secs(30));
    }
}
