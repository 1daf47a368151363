//! Compute environments: their instances register, run attempts, idle, and go. How they grow:
//! [`super::scale_up`].
//!
//! Sources: AWS Batch API reference, ComputeResource, ComputeScalingPolicy; AWS Batch user guide,
//! "Compute environments".

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::event::Event;
use super::instances::HOST_TERMINATED;
use super::plan::Replacement;
use super::task::Host;
use super::{Engine, Recorder};
use crate::batch::allocation::Purchase;
use crate::batch::{Capacity, ComputeEnvironment};
use crate::model::arena::{ClusterId, EnvironmentId, Id, InstanceId};
use crate::model::instance::Description;
use crate::time::{SimDuration, SimTime};

/// A compute environment while it runs.
#[derive(Debug)]
pub(super) struct EnvironmentState {
    pub enabled: bool,
    /// CPU that attempts in flight have asked for.
    pub used_cpu: u64,
    /// vCPUs of its instances, those on their way included.
    pub total: u64,
    /// Instances on their way, in the order of their launch.
    pub pending: Vec<Pending>,
    launched: u32,
    hosts: Vec<HostState>,
    /// Instances without an attempt, by the time since when.
    pub idle: BTreeSet<(SimTime, InstanceId)>,
    /// Those that an update of the infrastructure replaces, on their way or there: while there is
    /// one, the environment is UPDATING.
    old: u32,
}

/// An instance on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// Number of its launch, from 1.
    launch: u32,
    /// Which of the types it is, of those before an update where it is `old`.
    pub offer: usize,
    /// Whether it is replaced before it is there.
    pub old: bool,
}

/// An instance as its environment sees it.
#[derive(Clone, Copy, Debug, Default)]
struct HostState {
    /// Since when it has no attempt; absent while it has, and when it is gone.
    idle_since: Option<SimTime>,
    /// Whether it ever had one.
    has_run: bool,
    /// Whether an update of the infrastructure replaces it.
    old: bool,
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
            idle: BTreeSet::new(),
            old: 0,
        }
    }

    /// Whether old instances are left of an update of the infrastructure.
    pub fn is_updating(&self) -> bool {
        self.old > 0
    }

    /// How many instances have no attempt.
    pub fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Whether an instance has no attempt.
    pub fn is_idle(&self, id: InstanceId) -> bool {
        self.hosts[id.index()].idle_since.is_some()
    }

    fn set_idle(&mut self, id: InstanceId, since: Option<SimTime>) {
        let before = std::mem::replace(&mut self.hosts[id.index()].idle_since, since);
        if let Some(before) = before {
            self.idle.remove(&(before, id));
        }
        if let Some(since) = since {
            self.idle.insert((since, id));
        }
    }

    /// Takes note of a launch and gives its number, from 1.
    pub fn launch(&mut self, offer: usize, vcpus: u64) -> u32 {
        self.launched += 1;
        self.total += vcpus;
        self.pending.push(Pending {
            launch: self.launched,
            offer,
            old: false,
        });
        self.launched
    }
}

impl ComputeEnvironment {
    pub(super) fn purchase(&self) -> Purchase {
        match self.capacity {
            Capacity::Spot => Purchase::Spot,
            _ => Purchase::OnDemand,
        }
    }

    /// Whether EC2 has no instance of a type now.
    pub(super) fn is_insufficient(&self, offer: usize, now: SimTime) -> bool {
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
            let state = &mut self.jobs.environments[id];
            state.hosts = vec![HostState::default(); instances];
            for index in 0..instances {
                state.set_idle(InstanceId::from_index(index), Some(SimTime::ZERO));
            }
            let shortages = environment.shortages.iter();
            let times = shortages.flat_map(|it| [Some(it.from), it.until]);
            for time in times.flatten().collect::<Vec<_>>() {
                self.schedule(time, Event::EnvironmentDue(id));
            }
        }
        self.jobs.demand_changed = true;
    }

    pub(super) fn environment_of(&self, cluster: ClusterId) -> Option<EnvironmentId> {
        self.jobs.environment_of(cluster)
    }

    /// An instance has registered.
    pub(super) fn environment_grew(&mut self, cluster: ClusterId, id: InstanceId, launch: usize) {
        let Some(environment) = self.environment_of(cluster) else {
            return;
        };
        self.jobs.capacity_version += 1;
        let state = &mut self.jobs.environments[environment];
        let awaited = |pending: &Pending| pending.launch as usize == launch;
        let at = state.pending.iter().position(awaited);
        let old = at.is_some_and(|at| state.pending.remove(at).old);
        debug_assert_eq!(state.hosts.len(), id.index());
        state.hosts.push(HostState {
            old,
            ..HostState::default()
        });
        state.set_idle(id, Some(self.now));
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
        state.set_idle(id, None);
        state.old -= u32::from(std::mem::take(&mut state.hosts[id.index()].old));
        state.total = state.total.saturating_sub(vcpus);
        self.jobs.demand_changed = true;
        self.jobs.capacity_version += 1;
    }

    /// An attempt takes its place.
    pub(super) fn environment_boards(&mut self, id: EnvironmentId, host: Host, cpu: u32) {
        let state = &mut self.jobs.environments[id];
        state.used_cpu += u64::from(cpu);
        if let Host::Instance(instance) = host {
            state.set_idle(instance, None);
            state.hosts[instance.index()].has_run = true;
        }
    }

    /// An attempt has left its place.
    pub(super) fn environment_rid(&mut self, id: EnvironmentId, host: Option<Host>, cpu: u32) {
        self.jobs.environments[id].used_cpu -= u64::from(cpu);
        self.jobs.demand_changed |= self.jobs.keeps_idle;
        if let Some(Host::Instance(instance)) = host {
            self.may_idle(id, instance);
        }
    }

    /// An instance may have no attempt any more.
    pub(super) fn may_idle(&mut self, id: EnvironmentId, instance: InstanceId) {
        self.jobs.freed += 1;
        let cluster = self.world.batch.environments[id].cluster;
        let is_held = self.world.clusters[cluster].instances()[instance].held;
        if self.is_gone(cluster, instance)
            || is_held
            || !self.aboard[cluster][instance.index()].is_empty()
        {
            return;
        }
        let state = &mut self.jobs.environments[id];
        state.set_idle(instance, Some(self.now));
        match state.hosts[instance.index()].old {
            true => self.terminate(cluster, instance, HOST_TERMINATED),
            false => self.expect_idle_end(id, instance),
        }
    }

    /// Scales all environments, if anything has changed that they go by: up for the jobs that wait,
    /// then down by what idles [B-54].
    pub(super) fn scale_environments(&mut self) {
        while std::mem::take(&mut self.jobs.demand_changed) {
            let reserved = self.scale_up();
            self.jobs.keeps_idle = self.scale_down(&reserved);
        }
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
        self.jobs.freed += 1;
        self.jobs.capacity_version += 1;
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
        self.jobs.capacity_version += 1;
    }

    /// Removes instances that have idled long enough and that no job was reserved: longest idle
    /// first, then the largest; never below `minvCpus`. Tells whether one stays only because a job
    /// was reserved room there.
    ///
    /// Source: AWS Batch API reference, ComputeResource, `minvCpus`.
    fn scale_down(&mut self, reserved: &FxHashSet<(EnvironmentId, InstanceId)>) -> bool {
        let mut keeps = false;
        for id in self.world.batch.environments.ids() {
            let what = &self.world.batch.environments[id];
            if !what.is_managed() {
                continue;
            }
            let (cluster, least) = (what.cluster, u64::from(what.min_vcpus));
            let descriptions = self.world.clusters[cluster].descriptions();
            let state = &self.jobs.environments[id];
            let due = state.idle.iter().filter_map(|(since, instance)| {
                let host = &state.hosts[instance.index()];
                let over = *since + self.idle_time(id, host) <= self.now;
                let kept = reserved.contains(&(id, *instance));
                keeps |= over && kept;
                let vcpus = vcpus(&descriptions[*instance]);
                (over && !kept).then_some((*since, Reverse(vcpus), *instance))
            });
            let mut due: Vec<_> = due.collect();
            due.sort_unstable();
            for (_, Reverse(vcpus), instance) in due {
                if self.jobs.environments[id].total.saturating_sub(vcpus) >= least {
                    self.terminate(cluster, instance, HOST_TERMINATED);
                }
            }
        }
        keeps
    }
}

fn vcpus(description: &Description) -> u64 {
    u64::from(description.capacity.cpu / 1024)
}
