//! Capacity providers: an Auto Scaling group keeps its desired capacity, and managed scaling moves
//! that every minute.
//!
//! The decisions are [`crate::capacity`]'s; here is what follows from them.
//! Sources: ECS developer guide, "Amazon ECS cluster auto scaling" and "Managed instance draining";
//! EC2 Auto Scaling user guide.

use super::event::Event;
use super::instances::{HOST_TERMINATED, Launching};
use super::plan::ScaleInOrder;
use super::{Engine, Occurrence, Recorder, Scaled, Start};
use crate::capacity::{self, Bounds, Member, Reading, Scaler};
use crate::model::arena::{Arena, ClusterId, Id, InstanceId, ProviderId};
use crate::model::instance::InstanceStatus;
use crate::model::request::LaunchOn;
use crate::time::{SimDuration, SimTime};
use crate::workload::Call;
use crate::workload::service::Scheduling;

/// The Auto Scaling group of a provider as it is now; empty for Fargate.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub desired: u32,
    /// Its instances that have registered and are not on their way out, oldest first.
    pub in_service: Vec<InstanceId>,
    /// Those that drain before they are terminated.
    leaving: Vec<InstanceId>,
    starting: u32,
    launched: u64,
    /// Instances in service or starting, by zone of the group.
    by_zone: Vec<u32>,
    /// Stopped instances of the warm pool that are ready.
    warm: u32,
    scaler: Scaler,
    bounds: Option<Bounds>,
}

/// Managed scaling looks once a minute. Source: ECS developer guide.
const MINUTE: SimDuration = SimDuration::from_secs(60);

/// The heartbeat of the lifecycle hook is extended for so long at most.
/// Source: ECS developer guide, "Managed instance draining" (48 hours).
const LONGEST_DRAIN: SimDuration = SimDuration::from_secs(48 * 3600);

impl<R: Recorder> Engine<'_, R> {
    /// Takes over the instances that are there at the start, and sets the minute going.
    pub(super) fn open_groups(&mut self) {
        let mut groups: Arena<ProviderId, Group> = Arena::new();
        for (_, provider) in self.world.providers.iter() {
            let group = provider.group();
            groups.push(Group {
                desired: group.map_or(0, |group| group.desired),
                warm: group
                    .and_then(|group| group.warm_pool)
                    .map_or(0, |pool| pool.size),
                by_zone: vec![0; group.map_or(0, |group| group.zones.len())],
                bounds: group.and_then(|group| {
                    let ports = group.types.first().map(|it| it.reserved_ports.clone());
                    let offers = group.types.iter();
                    let offers = offers.map(|it| (it.capacity, it.gpu_memory.unwrap_or(0)));
                    Bounds::of(&offers.collect::<Vec<_>>(), &ports.unwrap_or_default())
                }),
                ..Group::default()
            });
        }
        for (_, cluster) in self.world.clusters.iter() {
            for (id, description) in cluster.descriptions().iter() {
                if let Some(provider) = description.provider {
                    groups[provider].in_service.push(id);
                    groups[provider].launched += 1;
                    let zones = self.world.providers[provider].group().map(|it| &it.zones);
                    let zone = zones.and_then(|it| zone_number(it, description.zone()));
                    if let Some(zone) = zone {
                        groups[provider].by_zone[zone] += 1;
                    }
                }
            }
        }
        self.groups = groups;
        if self
            .world
            .providers
            .iter()
            .any(|(_, it)| it.group().is_some())
        {
            self.schedule(SimTime::ZERO + MINUTE, Event::Minute);
        }
        for id in self.world.providers.ids() {
            if self.world.providers[id].group().is_some() {
                self.keep_capacity(id);
                self.tell_scaled(id, None);
            }
        }
    }

    /// Every whole minute.
    pub(super) fn minute(&mut self) {
        // Whoever can be placed now does not need an instance.
        while self.serve_services() {}
        self.serve_waiting();
        for id in self.world.providers.ids() {
            let Some(group) = self.world.providers[id].group() else {
                continue;
            };
            let reading = group.scaling.map(|_| self.evaluate(id));
            self.keep_capacity(id);
            self.tell_scaled(id, reading);
        }
        self.schedule(self.now + MINUTE, Event::Minute);
    }

    /// One datapoint of CapacityProviderReservation, and what follows for the desired capacity.
    fn evaluate(&mut self, id: ProviderId) -> Reading {
        let waiting = self.waiting_groups(id);
        let auto_scaling = self.world.providers[id].group().expect("asked for a group");
        let settings = auto_scaling.scaling.expect("asked for managed scaling");
        let cluster = auto_scaling.cluster;
        let (minimum, maximum) = (auto_scaling.min_size, auto_scaling.max_size);
        let state = &self.groups[id];
        let need = match &state.bounds {
            Some(bounds) => capacity::need(&waiting, bounds),
            None => capacity::Need::Incompatible,
        };
        let in_service = state.in_service.iter().copied();
        let running: Vec<InstanceId> = in_service
            .filter(|it| {
                let status = self.world.clusters[cluster].instances()[*it].status;
                status == InstanceStatus::Active
            })
            .collect();
        let empty = running
            .iter()
            .filter(|it| self.is_empty(cluster, **it))
            .count();
        let reading = Reading::new(running.len() as u32, empty as u32, need, &settings);
        let descriptions = self.world.clusters[cluster].descriptions();
        // Those that were there when the run began have been there for long.
        let launched = state.in_service.iter().map(|it| &descriptions[*it]);
        let launched = launched.filter(|it| it.joined_at > SimTime::ZERO);
        let registered = launched.map(|it| it.launched_at);
        let starting = self
            .starting
            .iter()
            .filter(|it| it.description.provider == Some(id))
            .map(|it| it.description.launched_at);
        let youngest = registered.chain(starting).max();
        // Instances that somebody drains are in the group's capacity and of no use to it.
        let idle = (state.in_service.len() - running.len()) as u32;
        let group = capacity::AutoScalingGroup {
            desired: state.desired.saturating_sub(idle),
            minimum: minimum.saturating_sub(idle),
            maximum: maximum.saturating_sub(idle),
            youngest_age: youngest.map(|at| self.now.since(at)),
        };
        let desired = self.groups[id].scaler.minute(&reading, &settings, &group) + idle;
        self.groups[id].desired = desired.clamp(minimum, maximum.max(minimum));
        reading
    }

    /// Whether an instance has no task other than those of DAEMON services. Whether a task that was
    /// started by launch type counts is a choice [U-37].
    pub(super) fn is_empty(&self, cluster: ClusterId, id: InstanceId) -> bool {
        let mut tasks = self.aboard[cluster][id.index()]
            .iter()
            .filter_map(|at| self.tasks.get(at));
        !tasks.any(|task| {
            let launch = &self.world.templates[task.template].launches[usize::from(task.launch)];
            let by_provider = matches!(launch.on, LaunchOn::Provider(_));
            !self.is_daemon(task.workload) && (by_provider || self.world.choices.launch_type_counts)
        })
    }

    pub(super) fn is_daemon(&self, workload: crate::model::arena::WorkloadId) -> bool {
        match &self.workloads[workload].call {
            Call::CreateService(service) => service.scheduling == Scheduling::Daemon,
            Call::RunTask { .. } | Call::StartTask { .. } | Call::SubmitJob(_) => false,
        }
    }

    /// Launches what is missing and gives up what is too much.
    pub(super) fn keep_capacity(&mut self, id: ProviderId) {
        let state = &self.groups[id];
        let actual = state.in_service.len() as u32 + state.starting;
        let desired = state.desired;
        for _ in actual..desired {
            self.launch_one(id);
        }
        if desired < actual {
            let surplus = (actual - desired) as usize;
            let cancelled = self.cancel_launches(id, surplus);
            if surplus > cancelled {
                self.scale_in(id, surplus - cancelled);
            }
        }
    }

    /// What boots goes before what works: the latest launch first. How many there were to cancel.
    fn cancel_launches(&mut self, id: ProviderId, most: usize) -> usize {
        let mine = self
            .starting
            .refs()
            .filter(|(_, it)| it.description.provider == Some(id));
        let mut mine: Vec<_> = mine
            .map(|(at, it)| (it.description.launched_at, at))
            .collect();
        // A stable sort: of one moment the later slot goes first.
        mine.sort_by_key(|(launched_at, _)| *launched_at);
        mine.reverse();
        mine.truncate(most);
        for (launched_at, at) in &mine {
            let launching = self.starting.remove(*at).expect("it boots");
            self.groups[id].starting -= 1;
            self.leave_zone(
                id,
                launching.description.zone().map(str::to_owned).as_deref(),
            );
            self.cancelled.push(Start {
                cluster: launching.cluster,
                bought: launching.description,
                launched_at: *launched_at,
                cancelled_at: Some(self.now),
            });
        }
        mine.len()
    }

    /// An instance of a group no longer counts in its zone.
    fn leave_zone(&mut self, id: ProviderId, zone: Option<&str>) {
        let zones = self.world.providers[id].group().map(|group| &group.zones);
        if let Some(zone) = zones.and_then(|zones| zone_number(zones, zone)) {
            self.groups[id].by_zone[zone] -= 1;
        }
    }

    /// Launches the next instance: types in turn, in the zone that has fewest of the group.
    fn launch_one(&mut self, id: ProviderId) {
        let group = self.world.providers[id]
            .group()
            .expect("Fargate launches no instances");
        let (cluster, number) = (group.cluster, self.groups[id].launched);
        if group.types.is_empty() {
            return;
        }
        let kind = (number % group.types.len() as u64) as usize;
        let mut description = group.types[kind].clone();
        let name = format!("{}/{}", self.world.providers[id].name, number + 1);
        description.ec2_instance_id = Some(format!("i-{:05x}{:012x}", id.index() + 1, number + 1));
        // The zone with the fewest of the group, the first of those that tie.
        let by_zone = self.groups[id].by_zone.iter().enumerate();
        let emptiest = by_zone
            .min_by_key(|(_, count)| **count)
            .map(|(zone, _)| zone);
        if let Some(zone) = emptiest {
            let zone = group.zones[zone].clone();
            description
                .attributes
                .insert("ecs.availability-zone".to_owned(), zone);
        }
        description.name = name;
        description.provider = Some(id);
        description.launched_at = self.now;
        let boot_time = group.boot_time.unwrap_or(self.world.choices.boot_time);
        let pool = group.warm_pool.filter(|_| self.groups[id].warm > 0);
        let state = &mut self.groups[id];
        state.launched += 1;
        state.starting += 1;
        if let Some(zone) = emptiest {
            state.by_zone[zone] += 1;
        }
        if let Some(pool) = pool {
            state.warm -= 1;
            self.schedule(self.now + boot_time, Event::WarmInstanceReady(id));
            self.launch(
                Launching {
                    cluster,
                    description,
                    kind,
                },
                pool.boot_time,
            );
        } else {
            self.launch(
                Launching {
                    cluster,
                    description,
                    kind,
                },
                boot_time,
            );
        }
    }

    /// The pool has taken in an instance in place of one that went out.
    pub(super) fn warm_instance_ready(&mut self, id: ProviderId) {
        let pool = self.world.providers[id]
            .group()
            .and_then(|group| group.warm_pool);
        let most = pool.map_or(0, |pool| pool.size);
        let state = &mut self.groups[id];
        state.warm = (state.warm + 1).min(most);
    }

    /// Gives up so many instances. What may not go now stays and is asked for again next minute.
    fn scale_in(&mut self, id: ProviderId, count: usize) {
        let group = self.world.providers[id]
            .group()
            .expect("Fargate has no instances");
        let (cluster, draining) = (group.cluster, group.draining);
        let protected = group.termination_protection;
        let descriptions = self.world.clusters[cluster].descriptions();
        let newest = self.world.choices.scale_in_order == ScaleInOrder::FullestZoneNewest;
        let in_service = &self.groups[id].in_service;
        let members: Vec<Member<'_>> = in_service
            .iter()
            .map(|it| Member {
                zone: descriptions[*it].zone().unwrap_or_default(),
                launched: match newest {
                    true => SimTime::from_micros(u64::MAX - descriptions[*it].launched_at.micros()),
                    false => descriptions[*it].launched_at,
                },
                eligible: !protected || self.is_empty(cluster, *it),
            })
            .collect();
        let victims = capacity::victims(&members, count);
        let victims: Vec<InstanceId> = victims.into_iter().map(|at| in_service[at]).collect();
        for victim in victims {
            if draining {
                self.groups[id].in_service.retain(|it| *it != victim);
                self.groups[id].leaving.push(victim);
                let zone = self.world.clusters[cluster].descriptions()[victim].zone();
                self.leave_zone(id, zone.map(str::to_owned).as_deref());
                self.schedule(self.now + LONGEST_DRAIN, Event::DrainEnds(cluster, victim));
                self.drain(cluster, victim);
            } else {
                self.terminate(cluster, victim, HOST_TERMINATED);
            }
        }
    }

    /// Has the services look at what drains: where only daemons are left, they go now.
    pub(super) fn end_daemons(&mut self) {
        for id in self.world.providers.ids() {
            let Some(group) = self.world.providers[id].group() else {
                continue;
            };
            let cluster = group.cluster;
            let mut leaving = self.groups[id].leaving.iter();
            if leaving.any(|it| self.is_empty(cluster, *it)) {
                self.services_look(cluster);
            }
        }
    }

    /// Terminates what has drained: instances on their way out without any task left.
    pub(super) fn finish_drains(&mut self) {
        for id in self.world.providers.ids() {
            let Some(group) = self.world.providers[id].group() else {
                continue;
            };
            let cluster = group.cluster;
            let leaving = self.groups[id].leaving.iter().copied();
            let done: Vec<InstanceId> = leaving
                .filter(|it| self.aboard[cluster][it.index()].is_empty())
                .collect();
            for instance in done {
                self.terminate(cluster, instance, HOST_TERMINATED);
            }
        }
    }

    /// Whether an instance is leaving by managed draining and still has tasks that are no daemon's:
    /// daemons stop last.
    pub(super) fn daemon_stays(&self, cluster: ClusterId, id: InstanceId) -> bool {
        let Some(provider) = self.world.clusters[cluster].descriptions()[id].provider else {
            return false;
        };
        self.groups[provider].leaving.contains(&id) && !self.is_empty(cluster, id)
    }

    /// Whether an instance drains because its group gives it up.
    pub(super) fn is_leaving(&self, cluster: ClusterId, id: InstanceId) -> bool {
        let provider = self.world.clusters[cluster].descriptions()[id].provider;
        provider.is_some_and(|provider| self.groups[provider].leaving.contains(&id))
    }

    pub(super) fn drain_ends(&mut self, cluster: ClusterId, id: InstanceId) {
        self.terminate(cluster, id, HOST_TERMINATED);
    }

    /// An instance is gone: its group replaces it, if it still wants it.
    pub(super) fn instance_left(&mut self, cluster: ClusterId, id: InstanceId) {
        let Some(provider) = self.world.clusters[cluster].descriptions()[id].provider else {
            return;
        };
        let zone = self.world.clusters[cluster].descriptions()[id]
            .zone()
            .map(str::to_owned);
        let state = &mut self.groups[provider];
        let before = state.in_service.len();
        state.in_service.retain(|it| *it != id);
        let was_in_service = state.in_service.len() < before;
        state.leaving.retain(|it| *it != id);
        if was_in_service {
            self.leave_zone(provider, zone.as_deref());
        }
        self.short.push(provider);
    }

    /// Replaces instances that were lost.
    pub(super) fn replace_lost(&mut self) {
        while let Some(id) = self.short.pop() {
            let state = &self.groups[id];
            if (state.in_service.len() as u32 + state.starting) < state.desired {
                self.keep_capacity(id);
            }
            self.tell_scaled(id, None);
        }
    }

    /// UpdateAutoScalingGroup.
    pub(super) fn resize(
        &mut self,
        id: ProviderId,
        min_size: Option<u32>,
        max_size: Option<u32>,
        desired: Option<u32>,
    ) {
        let crate::model::provider::ProviderKind::AutoScalingGroup(group) =
            &mut self.world.providers[id].kind
        else {
            return;
        };
        group.min_size = min_size.unwrap_or(group.min_size);
        group.max_size = max_size.unwrap_or(group.max_size).max(group.min_size);
        let (least, most) = (group.min_size, group.max_size);
        let state = &mut self.groups[id];
        state.desired = desired.unwrap_or(state.desired).clamp(least, most);
        self.keep_capacity(id);
        self.tell_scaled(id, None);
    }

    pub(super) fn tell_scaled(&mut self, id: ProviderId, reading: Option<Reading>) {
        let waiting = self.waiting_for(id);
        let state = &self.groups[id];
        let group = self.world.providers[id]
            .group()
            .expect("a group is told of");
        let instances = self.world.clusters[group.cluster].instances();
        let in_service = state.in_service.iter();
        let active = in_service.filter(|it| instances[**it].status == InstanceStatus::Active);
        let scaled = Scaled {
            provider: id,
            reservation: reading.map(|reading| reading.percent()),
            needed: reading.map(|reading| reading.needed),
            desired: state.desired,
            running: active.count() as u32,
            starting: state.starting,
            waiting,
        };
        self.recorder
            .record(self.now, Occurrence::Scaled(&scaled), &self.world);
    }

    /// An instance of a group has registered that nobody has launched: the group wants one more.
    pub(super) fn group_joined(&mut self, id: ProviderId, instance: InstanceId) {
        let state = &mut self.groups[id];
        state.desired += 1;
        state.starting += 1;
        self.group_grew(id, instance);
    }

    /// An instance of a group has registered.
    pub(super) fn group_grew(&mut self, id: ProviderId, instance: InstanceId) {
        let state = &mut self.groups[id];
        state.starting -= 1;
        state.in_service.push(instance);
        let more = state.in_service.len() as u32 + state.starting > state.desired;
        if more {
            self.keep_capacity(id);
        }
        self.tell_scaled(id, None);
    }
}

/// The number of a zone among those of a group.
fn zone_number(zones: &[String], zone: Option<&str>) -> Option<usize> {
    zones.iter().position(|known| Some(known.as_str()) == zone)
}
