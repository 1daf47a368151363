//! Compute environments: instances are launched for jobs that wait, and removed when they idle.
//!
//! AWS publishes no scaling algorithm; this is the recommended one [B-43]: jobs are reserved room
//! in the order of their turns, on what is there and on what is on its way, and where there is none
//! an instance is launched, as far as `maxvCpus` goes.
//!
//! Sources: AWS Batch API reference, ComputeResource, ComputeScalingPolicy; AWS Batch user guide,
//! "Allocation strategies", "Compute environments".

use std::cmp::Reverse;

use rustc_hash::FxHashSet;

use super::event::Event;
use super::instances::{HOST_TERMINATED, Launching};
use super::plan::Replacement;
use super::task::Host;
use super::{Engine, Recorder};
use crate::batch::allocation::{Choice, Need, Purchase, candidates, choose};
use crate::batch::{Capacity, ComputeEnvironment};
use crate::model::arena::{Arena, ClusterId, EnvironmentId, Id, InstanceId, JobKindId};
use crate::model::instance::Description;
use crate::model::resources::Resources;
use crate::time::{SimDuration, SimTime};

/// A compute environment while it runs.
#[derive(Debug)]
pub(super) struct EnvironmentState {
    pub enabled: bool,
    /// CPU that attempts in flight have asked for.
    pub used_cpu: u64,
    /// vCPUs of its instances, those on their way included.
    total: u64,
    /// Instances on their way, in the order of their launch.
    pending: Vec<Pending>,
    launched: u32,
    hosts: Vec<HostState>,
    /// Those that an update of the infrastructure replaces, on their way or there: while there is
    /// one, the environment is UPDATING.
    old: u32,
}

/// An instance on its way.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// Number of its launch, from 1.
    launch: u32,
    /// What it will register.
    capacity: Resources,
    /// Whether it is replaced before it is there.
    old: bool,
}

/// An instance as its environment sees it.
#[derive(Clone, Copy, Debug)]
struct HostState {
    /// Since when it has no attempt; absent while it has.
    idle_since: Option<SimTime>,
    /// Whether it ever had one.
    has_run: bool,
    /// Whether an update of the infrastructure replaces it.
    old: bool,
}

/// Room for jobs on an instance that is there or on its way.
#[derive(Clone, Copy, Debug)]
struct Room {
    instance: Option<InstanceId>,
    free: Resources,
    /// Whether a waiting job was reserved a part of it.
    reserved: bool,
}

impl EnvironmentState {
    pub fn new(environment: &ComputeEnvironment) -> Self {
        EnvironmentState {
            enabled: environment.enabled,
            used_cpu: 0,
            total: 0,
            pending: Vec::new(),
            launched: 0,
            hosts: Vec::new(),
            old: 0,
        }
    }

    /// Whether old instances are left of an update of the infrastructure.
    fn is_updating(&self) -> bool {
        self.old > 0
    }
}

impl ComputeEnvironment {
    fn purchase(&self) -> Purchase {
        match self.capacity {
            Capacity::Spot => Purchase::Spot,
            _ => Purchase::OnDemand,
        }
    }

    /// Whether EC2 has no instance of a type now.
    fn is_insufficient(&self, offer: usize, now: SimTime) -> bool {
        self.shortages.iter().any(|shortage| {
            shortage.offer == offer
                && shortage.from <= now
                && shortage.until.is_none_or(|until| now < until)
        })
    }
}

impl<R: Recorder> Engine<'_, R> {
    /// Takes note of the instances that are there when the run starts, and of when types run short.
    pub(super) fn open_environments(&mut self) {
        for id in self.world.batch.environments.ids() {
            let environment = &self.world.batch.environments[id];
            let instances = self.world.clusters[environment.cluster].instances().len();
            let there = HostState {
                idle_since: Some(SimTime::ZERO),
                has_run: false,
                old: false,
            };
            self.jobs.environments[id].hosts = vec![there; instances];
            let ends = environment.shortages.iter().filter_map(|it| it.until);
            for end in ends.collect::<Vec<_>>() {
                self.schedule(end, Event::EnvironmentDue(id));
            }
        }
        self.jobs.demand_changed = true;
    }

    pub(super) fn environment_of(&self, cluster: ClusterId) -> Option<EnvironmentId> {
        let known = self.jobs.environment_of.get(cluster.index()).copied();
        known.flatten()
    }

    /// An instance has registered.
    pub(super) fn environment_grew(&mut self, cluster: ClusterId, id: InstanceId, launch: usize) {
        let Some(environment) = self.environment_of(cluster) else {
            return;
        };
        let state = &mut self.jobs.environments[environment];
        let awaited = |pending: &Pending| pending.launch as usize == launch;
        let at = state.pending.iter().position(awaited);
        let old = at.is_some_and(|at| state.pending.remove(at).old);
        debug_assert_eq!(state.hosts.len(), id.index());
        state.hosts.push(HostState {
            idle_since: Some(self.now),
            has_run: false,
            old,
        });
        if old {
            self.terminate(cluster, id, HOST_TERMINATED);
        } else {
            self.expect_idle_end(environment, id);
        }
    }

    /// An instance is gone.
    pub(super) fn environment_shrank(&mut self, cluster: ClusterId, id: InstanceId) {
        let Some(environment) = self.environment_of(cluster) else {
            return;
        };
        let vcpus = vcpus(&self.world.clusters[cluster].descriptions()[id]);
        let state = &mut self.jobs.environments[environment];
        let host = &mut state.hosts[id.index()];
        host.idle_since = None;
        state.old -= u32::from(std::mem::take(&mut host.old));
        state.total = state.total.saturating_sub(vcpus);
        self.jobs.demand_changed = true;
    }

    /// An attempt takes its place.
    pub(super) fn environment_boards(&mut self, id: EnvironmentId, host: Host, cpu: u32) {
        let state = &mut self.jobs.environments[id];
        state.used_cpu += u64::from(cpu);
        if let Host::Instance(instance) = host {
            let host = &mut state.hosts[instance.index()];
            host.idle_since = None;
            host.has_run = true;
        }
    }

    /// An attempt has left its place.
    pub(super) fn environment_rid(&mut self, id: EnvironmentId, host: Option<Host>, cpu: u32) {
        let cluster = self.world.batch.environments[id].cluster;
        let state = &mut self.jobs.environments[id];
        state.used_cpu -= u64::from(cpu);
        if let Some(Host::Instance(instance)) = host
            && !self.is_gone(cluster, instance)
            && self.aboard[cluster][instance.index()].is_empty()
        {
            let host = &mut self.jobs.environments[id].hosts[instance.index()];
            host.idle_since = Some(self.now);
            match host.old {
                true => self.terminate(cluster, instance, HOST_TERMINATED),
                false => self.expect_idle_end(id, instance),
            }
        }
    }

    /// Scales all environments, if anything has changed that they go by: up for the jobs that wait,
    /// then down by what idles [B-54].
    pub(super) fn scale_environments(&mut self) {
        while std::mem::take(&mut self.jobs.demand_changed) {
            let reserved = self.scale_up();
            self.scale_down(&reserved);
        }
    }

    // ---- Up ---------------------------------------------------------------------------------

    /// Launches what the waiting jobs need. Gives the instances on which they were reserved room.
    fn scale_up(&mut self) -> FxHashSet<(EnvironmentId, InstanceId)> {
        let mut rooms: Arena<EnvironmentId, Option<Vec<Room>>> =
            self.jobs.environments.ids().map(|_| None).collect();
        if self.may_any_change() {
            self.reserve_for_jobs(&mut rooms);
        }
        for id in self.world.batch.environments.ids() {
            self.fill_to_minimum(id);
        }
        let mut reserved = FxHashSet::default();
        for (id, rooms) in rooms.iter() {
            for room in rooms.iter().flatten().filter(|room| room.reserved) {
                reserved.extend(room.instance.map(|instance| (id, instance)));
            }
        }
        reserved
    }

    /// Whether reserving room can have any effect: some environment may launch, or might remove an
    /// idle instance.
    fn may_any_change(&self) -> bool {
        self.world.batch.environments.iter().any(|(id, what)| {
            let state = &self.jobs.environments[id];
            let grows = state.enabled && state.total < u64::from(what.max_vcpus);
            let idles = || state.hosts.iter().any(|host| host.idle_since.is_some());
            what.is_managed() && (grows || state.total > u64::from(what.min_vcpus) && idles())
        })
    }

    fn reserve_for_jobs(&mut self, rooms: &mut Arena<EnvironmentId, Option<Vec<Room>>>) {
        let mut stock: Vec<u64> = self
            .jobs
            .consumables
            .iter()
            .map(|it| it.available())
            .collect();
        for queue in self.jobs.order.clone() {
            let mut hopeless: FxHashSet<JobKindId> = FxHashSet::default();
            let max_cpu = self.max_cpu(queue);
            let batch = &self.world.batch;
            for id in self.jobs.turns(queue, self.now, max_cpu, batch) {
                let kind = self.job(id).kind;
                let what = &self.world.batch.kinds[kind];
                let takes = || self.jobs.still_to_take(id, what);
                if takes().any(|(resource, quantity)| stock[resource] < quantity) {
                    continue;
                }
                for (resource, quantity) in takes() {
                    stock[resource] -= quantity;
                }
                if !hopeless.contains(&kind) && !self.reserve_for(kind, rooms) {
                    hopeless.insert(kind);
                }
            }
        }
    }

    /// Reserves room for one job of a kind in the first environment that has it or can get it.
    fn reserve_for(
        &mut self,
        kind: JobKindId,
        rooms: &mut Arena<EnvironmentId, Option<Vec<Room>>>,
    ) -> bool {
        let queue = self.world.batch.kinds[kind].queue;
        let need = self.world.batch.kinds[kind].need;
        for at in 0..self.world.batch.queues[queue].environments.len() {
            let id = self.world.batch.queues[queue].environments[at];
            let what = &self.world.batch.environments[id];
            let too_large = u64::from(need.cpu) > u64::from(what.max_vcpus) * 1024;
            if !self.jobs.environments[id].enabled || !what.is_managed() || too_large {
                continue;
            }
            let here = rooms[id].get_or_insert_with(|| self.rooms(id));
            let fits = |room: &&mut Room| room.free.fits(&resources(&need));
            let best = here
                .iter_mut()
                .filter(fits)
                .min_by_key(|room| (room.free.cpu, room.free.memory));
            if let Some(room) = best {
                room.take(&need);
                return true;
            }
            if let Some(offer) = self.offer_for(id, &need) {
                self.launch_for(id, offer);
                let what = &self.world.batch.environments[id];
                let mut room = Room {
                    instance: None,
                    free: what.descriptions[offer].capacity,
                    reserved: false,
                };
                room.take(&need);
                rooms[id].get_or_insert_default().push(room);
                return true;
            }
        }
        false
    }

    /// The type that an environment would launch now for this need, if it may.
    fn offer_for(&self, id: EnvironmentId, need: &Need) -> Option<usize> {
        let what = &self.world.batch.environments[id];
        let state = &self.jobs.environments[id];
        let order = candidates(what.strategy, &what.offers, need);
        let short = |offer| what.is_insufficient(offer, self.now);
        let Choice::Launch(offer) = choose(what.strategy, &order, short, false) else {
            return None;
        };
        let vcpus = what.offers[offer].vcpus;
        let may = what
            .strategy
            .may_launch(what.purchase(), state.total, vcpus, what.max_vcpus);
        // While instances are replaced, the old ones count and the last one has to fit.
        let smallest = what.offers.iter().map(|it| it.vcpus).min().unwrap_or(0);
        let fits = state.total + u64::from(smallest) <= u64::from(what.max_vcpus);
        (may && (fits || !state.is_updating())).then_some(offer)
    }

    /// Whether an environment has an instance, or could have one, that takes a job.
    pub(super) fn fits_some_type(&self, id: EnvironmentId, need: &Need) -> bool {
        let what = &self.world.batch.environments[id];
        let instances = self.world.clusters[what.cluster].instances().items();
        what.capacity.is_fargate()
            || what.offers.iter().any(|offer| offer.fits(need))
            || instances.iter().any(|instance| {
                instance.left_at.is_none() && instance.capacity.fits(&resources(need))
            })
    }

    /// The type that an environment would like best for a job, where EC2 has none that it may take
    /// and it would launch one.
    pub(super) fn insufficient_type(&self, id: EnvironmentId, need: &Need) -> Option<&str> {
        let what = &self.world.batch.environments[id];
        let order = candidates(what.strategy, &what.offers, need);
        let short = |offer| what.is_insufficient(offer, self.now);
        let Choice::InsufficientCapacity(offer) = choose(what.strategy, &order, short, false)
        else {
            return None;
        };
        let total = self.jobs.environments[id].total;
        let offer = &what.offers[offer];
        let may = what
            .strategy
            .may_launch(what.purchase(), total, offer.vcpus, what.max_vcpus);
        may.then_some(offer.name.as_str())
    }

    /// What is free on the instances of an environment, oldest first, and on those on their way.
    fn rooms(&self, id: EnvironmentId) -> Vec<Room> {
        let what = &self.world.batch.environments[id];
        let instances = self.world.clusters[what.cluster].instances().iter();
        let there = instances.filter(|(_, instance)| instance.is_placeable());
        let there = there.map(|(id, instance)| Room {
            instance: Some(id),
            free: instance.free,
            reserved: false,
        });
        let pending = self.jobs.environments[id].pending.iter();
        let pending = pending.filter(|it| !it.old).map(|it| Room {
            instance: None,
            free: it.capacity,
            reserved: false,
        });
        there.chain(pending).collect()
    }

    /// Keeps `minvCpus`, also without jobs and also when DISABLED [B-46].
    fn fill_to_minimum(&mut self, id: EnvironmentId) {
        let one_vcpu = Need {
            cpu: 1024,
            ..Need::default()
        };
        while self.world.batch.environments[id].is_managed()
            && self.jobs.environments[id].total
                < u64::from(self.world.batch.environments[id].min_vcpus)
            && let Some(offer) = self.offer_for(id, &one_vcpu)
        {
            self.launch_for(id, offer);
        }
    }

    fn launch_for(&mut self, id: EnvironmentId, offer: usize) {
        let what = &self.world.batch.environments[id];
        let state = &mut self.jobs.environments[id];
        state.launched += 1;
        state.total += u64::from(what.offers[offer].vcpus);
        let launch = state.launched;
        let alike = &what.descriptions[offer];
        state.pending.push(Pending {
            launch,
            capacity: alike.capacity,
            old: false,
        });
        let mut attributes = alike.attributes.clone();
        if !what.zones.is_empty() {
            let zone = &what.zones[(state.launched as usize - 1) % what.zones.len()];
            attributes.insert("ecs.availability-zone".to_owned(), zone.clone());
        }
        let description = Description {
            name: format!("{}/{}", what.name, state.launched),
            ec2_instance_id: Some(format!("i-{:04x}{:013x}", id.index() + 1, state.launched)),
            launched_at: self.now,
            attributes,
            ..alike.clone()
        };
        let (cluster, boot_time) = (what.cluster, what.boot_time);
        self.launch(
            Launching {
                cluster,
                description,
                kind: launch as usize,
            },
            boot_time,
        );
    }

    // ---- Down -------------------------------------------------------------------------------

    /// How long an instance is kept after its last job; where it never had one, from its
    /// registration [B-44].
    ///
    /// Source: AWS Batch API reference, ComputeScalingPolicy.
    fn idle_time(&self, id: EnvironmentId, host: &HostState) -> SimDuration {
        let delay = self.world.batch.environments[id].scale_down_delay;
        delay
            .filter(|_| host.has_run)
            .unwrap_or(self.world.batch.choices.idle_time)
    }

    fn expect_idle_end(&mut self, id: EnvironmentId, instance: InstanceId) {
        if self.world.batch.environments[id].is_managed() {
            let host = self.jobs.environments[id].hosts[instance.index()];
            let after = self.idle_time(id, &host);
            self.schedule(self.now + after, Event::EnvironmentDue(id));
        }
    }

    /// UpdateComputeEnvironment. A scaling update leaves the instances alone; an update of the
    /// infrastructure replaces them: the old ones take no job any more and go when they are idle,
    /// at the latest when the time of their jobs is over.
    ///
    /// Source: AWS Batch user guide, "Updating compute environments".
    pub(super) fn update_environment(
        &mut self,
        id: EnvironmentId,
        to: ComputeEnvironment,
        replace: Option<Replacement>,
    ) {
        self.jobs.environments[id].enabled = to.enabled;
        let cluster = to.cluster;
        self.world.batch.environments[id] = to;
        self.jobs.demand_changed = true;
        let Some(Replacement {
            terminate_jobs,
            job_time,
        }) = replace
        else {
            return;
        };
        let state = &mut self.jobs.environments[id];
        for pending in &mut state.pending {
            state.old += u32::from(!std::mem::replace(&mut pending.old, true));
        }
        for index in 0..self.jobs.environments[id].hosts.len() {
            let instance = InstanceId::from_index(index);
            if self.is_gone(cluster, instance) {
                continue;
            }
            let state = &mut self.jobs.environments[id];
            let host = &mut state.hosts[index];
            state.old += u32::from(!std::mem::replace(&mut host.old, true));
            if terminate_jobs || host.idle_since.is_some() {
                self.terminate(cluster, instance, HOST_TERMINATED);
            } else {
                self.drain(cluster, instance);
                self.schedule(
                    self.now + job_time,
                    Event::ReplacementDue(cluster, instance),
                );
            }
        }
    }

    /// The jobs of an instance that is replaced have had their time.
    pub(super) fn replacement_due(&mut self, cluster: ClusterId, instance: InstanceId) {
        if !self.is_gone(cluster, instance) {
            self.terminate(cluster, instance, HOST_TERMINATED);
        }
    }

    pub(super) fn environment_due(&mut self) {
        self.jobs.demand_changed = true;
    }

    /// Removes instances that have idled long enough and that no job was reserved: longest idle
    /// first, then the largest; never below `minvCpus`.
    ///
    /// Source: AWS Batch API reference, ComputeResource, `minvCpus`.
    fn scale_down(&mut self, reserved: &FxHashSet<(EnvironmentId, InstanceId)>) {
        for id in self.world.batch.environments.ids() {
            let what = &self.world.batch.environments[id];
            if !what.is_managed() {
                continue;
            }
            let (cluster, least) = (what.cluster, u64::from(what.min_vcpus));
            let descriptions = self.world.clusters[cluster].descriptions();
            let hosts = self.jobs.environments[id].hosts.iter().enumerate();
            let due = hosts.filter_map(|(index, host)| {
                let since = host.idle_since?;
                let instance = InstanceId::from_index(index);
                let over = since + self.idle_time(id, host) <= self.now;
                (over && !reserved.contains(&(id, instance))).then_some((
                    since,
                    Reverse(vcpus(&descriptions[instance])),
                    instance,
                ))
            });
            let mut due: Vec<_> = due.collect();
            due.sort_unstable();
            for (_, Reverse(vcpus), instance) in due {
                if self.jobs.environments[id].total.saturating_sub(vcpus) >= least {
                    self.terminate(cluster, instance, HOST_TERMINATED);
                }
            }
        }
    }
}

impl Room {
    fn take(&mut self, need: &Need) {
        self.free = self.free.checked_sub(&resources(need)).unwrap_or_default();
        self.reserved = true;
    }
}

fn resources(need: &Need) -> Resources {
    Resources {
        cpu: need.cpu,
        memory: need.memory,
        gpus: need.gpus,
        enis: 0,
    }
}

fn vcpus(description: &Description) -> u64 {
    u64::from(description.capacity.cpu / 1024)
}
