//! Container instances that come and go: boot, registration, draining, loss, Spot interruption.
//!
//! Sources: ECS developer guide, "Container instance draining", "Spot Instance draining",
//! "Deregister a container instance".

use rand_distr::{Distribution, Exp};

use super::berths::Berths;
use super::event::{Event, Ref};
use super::plan::InstanceDeed;
use super::task::{Stop, StopCode, StopReason};
use super::{Engine, InstanceChange, Occurrence, Recorder, Start};
use crate::model::arena::{ClusterId, Id, InstanceId};
use crate::model::instance::{Description, InstanceStatus, Purchase};
use crate::rng::{Purpose, Streams};
use crate::time::SimDuration;

/// An instance that was launched and has not registered yet.
#[derive(Clone, Debug)]
pub(super) struct Launching {
    pub cluster: ClusterId,
    pub description: Description,
    /// Which of its group's types it is.
    pub kind: usize,
}

/// The notice that Amazon EC2 and Fargate give before they take Spot capacity back.
/// Source: EC2 user guide, "Spot Instance interruption notices".
pub(super) const SPOT_NOTICE: SimDuration = SimDuration::from_secs(120);

/// An exponential time with this mean, from a stream of its own.
pub(super) fn exponential(
    streams: &Streams,
    mean: SimDuration,
    purpose: Purpose,
    major: u64,
    minor: u64,
) -> SimDuration {
    let mut stream = streams.stream(purpose, major, minor);
    let rate = 1.0 / mean.secs().max(f64::MIN_POSITIVE);
    Exp::new(rate).map_or(SimDuration::ZERO, |exp| {
        SimDuration::from_secs_f64(exp.sample(&mut stream))
    })
}

impl<R: Recorder> Engine<'_, R> {
    /// An instance is launched: it registers when it has booted [U-41].
    pub(super) fn launch(&mut self, launching: Launching, boot_time: SimDuration) {
        let at = self.starting.insert(launching);
        self.schedule(self.now + boot_time, Event::InstanceReady(at));
    }

    pub(super) fn instance_ready(&mut self, at: Ref) {
        let Some(Launching {
            cluster,
            mut description,
            kind,
        }) = self.starting.remove(at)
        else {
            return;
        };
        description.joined_at = self.now;
        let elapsed = (self.now.micros() / crate::time::MICROS_PER_SEC) as i64;
        description.registered_at = description.registered_at.saturating_add(elapsed);
        let provider = description.provider;
        let id = self.world.clusters[cluster].register(description, InstanceStatus::Active, true);
        self.aboard[cluster].push(Berths::default());
        self.hopeless = 0;
        self.instance_changed(cluster, id, InstanceChange::Registered);
        if let Some(provider) = provider {
            self.group_grew(provider, id);
        }
        self.environment_grew(cluster, id, kind);
        self.expect_faults(cluster, id);
    }

    /// Draws when an instance will be interrupted or fail.
    pub(super) fn expect_faults(&mut self, cluster: ClusterId, id: InstanceId) {
        let spot = self.world.clusters[cluster].descriptions()[id].purchase == Purchase::Spot;
        let (major, minor) = (cluster.index() as u64, id.index() as u64);
        let after = |mean, purpose| exponential(&self.streams, mean, purpose, major, minor);
        let interrupted = self.faults.spot_interruption.filter(|_| spot);
        let interrupted = interrupted.map(|mean| after(mean, Purpose::SpotInterruption));
        let fails = self
            .faults
            .instance_failure
            .map(|mean| after(mean, Purpose::InstanceFailure));
        if let Some(after) = interrupted {
            self.schedule(self.now + after, Event::SpotNotice(cluster, id));
        }
        if let Some(after) = fails {
            self.schedule(self.now + after, Event::InstanceFails(cluster, id));
        }
    }

    /// Something happens to an instance from outside.
    pub(super) fn instance_deed(&mut self, cluster: ClusterId, id: InstanceId, what: InstanceDeed) {
        // An instance of a compute environment may not be there yet.
        let instances = self.world.clusters[cluster].instances().items();
        let Some(instance) = instances.get(id.index()) else {
            return;
        };
        let status = instance.status;
        if self.is_gone(cluster, id) {
            // A machine that was lost while its agent was disconnected is still registered.
            let removed = matches!(what, InstanceDeed::Deregister { .. });
            if removed && status != InstanceStatus::Inactive {
                self.world.clusters[cluster].set_status(id, InstanceStatus::Inactive);
                self.instance_changed(cluster, id, InstanceChange::Deregistered);
            }
            // The machine of one that was deregistered goes now.
            if matches!(what, InstanceDeed::Terminate | InstanceDeed::Stop) {
                self.instance_left(cluster, id);
            }
            return;
        }
        let of_group = self.world.clusters[cluster].descriptions()[id]
            .provider
            .is_some();
        match what {
            InstanceDeed::Drain if status == InstanceStatus::Active => self.drain(cluster, id),
            InstanceDeed::Activate
                if status == InstanceStatus::Draining && !self.is_leaving(cluster, id) =>
            {
                self.world.clusters[cluster].set_status(id, InstanceStatus::Active);
                self.instance_changed(cluster, id, InstanceChange::Activated);
            }
            // An instance in any other status is a failure of the call.
            InstanceDeed::Drain | InstanceDeed::Activate => {
                self.instance_changed(cluster, id, InstanceChange::Refused);
            }
            InstanceDeed::Deregister { force } => self.deregister(cluster, id, force),
            InstanceDeed::Terminate => self.terminate(cluster, id, HOST_TERMINATED),
            // An Auto Scaling group replaces an instance that was stopped.
            InstanceDeed::Stop if of_group => self.terminate(cluster, id, HOST_TERMINATED),
            InstanceDeed::Stop => {
                self.lose_all(cluster, id, HOST_TERMINATED);
                self.connect(cluster, id, false);
            }
            InstanceDeed::Disconnect => self.connect(cluster, id, false),
            InstanceDeed::Connect => self.connect(cluster, id, true),
            InstanceDeed::InterruptSpot => self.spot_notice(cluster, id),
        }
    }

    /// Whether the machine is gone, or no longer part of the cluster.
    pub(super) fn is_gone(&self, cluster: ClusterId, id: InstanceId) -> bool {
        self.world.clusters[cluster].instances()[id]
            .left_at
            .is_some()
    }

    /// No new tasks; the services move theirs away.
    pub(super) fn drain(&mut self, cluster: ClusterId, id: InstanceId) {
        if self.world.clusters[cluster].instances()[id].status != InstanceStatus::Active {
            return;
        }
        self.world.clusters[cluster].set_status(id, InstanceStatus::Draining);
        self.instance_changed(cluster, id, InstanceChange::Draining);
    }

    fn connect(&mut self, cluster: ClusterId, id: InstanceId, connected: bool) {
        if self.world.clusters[cluster].instances()[id].agent_connected == connected {
            return;
        }
        self.world.clusters[cluster].set_connected(id, connected);
        let change = match connected {
            true => InstanceChange::Connected,
            false => InstanceChange::Disconnected,
        };
        self.instance_changed(cluster, id, change);
    }

    /// DeregisterContainerInstance: without force it fails while tasks run; with it they are
    /// orphaned, which the books call STOPPED. Its Auto Scaling group still has the machine.
    fn deregister(&mut self, cluster: ClusterId, id: InstanceId, force: bool) {
        if !force && !self.aboard[cluster][id.index()].is_empty() {
            return self.instance_changed(cluster, id, InstanceChange::Refused);
        }
        let stop = Stop {
            code: StopCode::UserInitiated,
            reason: StopReason::Deregistered,
        };
        self.world.clusters[cluster].deregister(id, self.now);
        self.lose_all(cluster, id, stop);
        self.instance_changed(cluster, id, InstanceChange::Deregistered);
        self.environment_shrank(cluster, id);
    }

    pub(super) fn instance_fails(&mut self, cluster: ClusterId, id: InstanceId) {
        if self.is_gone(cluster, id) {
            return self.instance_left(cluster, id);
        }
        self.terminate(cluster, id, HOST_TERMINATED);
        let description = &self.world.clusters[cluster].descriptions()[id];
        let stands = description.provider.is_none() && self.environment_of(cluster).is_none();
        if let Some(repair) = self.faults.instance_repair.filter(|_| stands) {
            let description = Description {
                launched_at: self.now,
                name: format!("{}'", description.name),
                ..description.clone()
            };
            self.launch(
                Launching {
                    cluster,
                    description,
                    kind: 0,
                },
                repair,
            );
        }
    }

    /// Two minutes' notice; an agent that is told to drains its instance.
    pub(super) fn spot_notice(&mut self, cluster: ClusterId, id: InstanceId) {
        if self.is_gone(cluster, id) {
            return self.instance_left(cluster, id);
        }
        self.instance_changed(cluster, id, InstanceChange::SpotNotice);
        let place = &self.world.clusters[cluster];
        if place.descriptions()[id].spot_draining && place.instances()[id].agent_connected {
            self.drain(cluster, id);
        }
        self.schedule(self.now + SPOT_NOTICE, Event::SpotReclaim(cluster, id));
    }

    pub(super) fn spot_reclaim(&mut self, cluster: ClusterId, id: InstanceId) {
        let stop = Stop {
            code: StopCode::SpotInterruption,
            reason: StopReason::Spot,
        };
        self.terminate(cluster, id, stop);
    }

    /// The machine is gone. An agent that was connected deregisters; an instance that was
    /// disconnected before stays registered.
    pub(super) fn terminate(&mut self, cluster: ClusterId, id: InstanceId, stop: Stop) {
        if self.is_gone(cluster, id) {
            return self.instance_left(cluster, id);
        }
        self.world.clusters[cluster].terminate(id, self.now);
        self.lose_all(cluster, id, stop);
        self.instance_changed(cluster, id, InstanceChange::Terminated);
        self.instance_left(cluster, id);
        self.environment_shrank(cluster, id);
    }

    /// All tasks of an instance stop at once, oldest first.
    fn lose_all(&mut self, cluster: ClusterId, id: InstanceId, stop: Stop) {
        // What waits for the agent will never begin.
        self.agents.remove(&(cluster, id));
        let mut lost: Vec<Ref> = self.aboard[cluster][id.index()].iter().collect();
        lost.sort_by_key(|at| self.tasks.get(*at).map(|task| task.number));
        for at in lost {
            self.lose(at, stop);
        }
    }

    /// Tells the recorder, and the services of the cluster.
    pub(super) fn instance_changed(
        &mut self,
        cluster: ClusterId,
        instance: InstanceId,
        change: InstanceChange,
    ) {
        let occurrence = Occurrence::Instance {
            cluster,
            instance,
            change,
        };
        self.recorder.record(self.now, occurrence, &self.world);
        self.services_look(cluster);
        // A daemon is the first to start where tasks can be placed.
        match change {
            InstanceChange::Registered | InstanceChange::Activated | InstanceChange::Connected => {
                self.serve_daemons();
            }
            InstanceChange::Draining
            | InstanceChange::Disconnected
            | InstanceChange::SpotNotice
            | InstanceChange::Deregistered
            | InstanceChange::Terminated
            | InstanceChange::Refused => {}
        }
    }

    /// The launches that never registered: cancelled, or still under way at the end of the run.
    pub(super) fn never_registered(&mut self) -> Vec<Start> {
        let starting = self.starting.iter().map(|it| Start {
            cluster: it.cluster,
            bought: it.description.clone(),
            launched_at: it.description.launched_at,
            cancelled_at: None,
        });
        let mut found: Vec<Start> = starting.collect();
        found.append(&mut self.cancelled);
        found.sort_by_key(|it| (it.cluster, it.launched_at, it.cancelled_at));
        found
    }
}

/// What a task says whose instance is gone. Source: ECS developer guide, "Stopped tasks error codes".
pub(super) const HOST_TERMINATED: Stop = Stop {
    code: StopCode::TerminationNotice,
    reason: StopReason::HostTerminated,
};
