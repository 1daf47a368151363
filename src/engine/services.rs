//! The service scheduler: keeps services at their desired count, through deployments, drains and
//! losses.
//!
//! The decisions are [`crate::service`]'s: an evaluation looks at all tasks of a service that are
//! meant to run and says what to stop and what to start. A service is looked at when something of
//! it, or of its cluster's instances, has changed, and when a delay of its own has passed.
//! Source: ECS developer guide, "Amazon ECS services"; ECS API reference, CreateService.

use std::collections::VecDeque;

use super::calls::request;
use super::event::{Event, Ref};
use super::lifecycle::Wanted;
use super::task::{Health, Host, Recorded, Stop, StopCode, StopReason, Task, TaskState};
use super::{Engine, Occurrence, Recorder, ServiceNews, ServiceNote};
use crate::capacity::strategy;
use crate::model::arena::{ClusterId, Id, InstanceId, WorkloadId};
use crate::model::instance::InstanceStatus;
use crate::model::request::{LaunchOn, StrategyRule};
use crate::placement::constraint::{Reason, first_failure, meets_rules};
use crate::placement::scan;
use crate::rng::{Draw, Purpose};
use crate::service::circuit_breaker::CircuitBreaker;
use crate::service::daemon::{DaemonInstance, DaemonTask, Standing, daemon_step};
use crate::service::deployment::{
    self, Deployment, Phase, ServiceView, StopReason as Because, TaskView, evaluate, is_steady,
};
use crate::service::scale_in::{Rule, ScaleIn, Share, Victim};
use crate::service::throttle::Backoff;
use crate::time::SimTime;
use crate::workload::Call;
use crate::workload::service::{DeploymentSettings, Revision, Scheduling, Service, ServiceChange};

/// A service as it is now.
#[derive(Debug)]
pub(super) struct ServiceState {
    id: WorkloadId,
    cluster: ClusterId,
    scheduling: Scheduling,
    desired: u32,
    settings: DeploymentSettings,
    revision: Revision,
    /// Number of the primary deployment, from 1.
    deployment: u32,
    /// Deployments so far.
    deployments: u32,
    /// The last deployment that completed, and what it runs.
    completed: Option<(u32, Revision)>,
    /// Whether the primary deployment has completed.
    is_complete: bool,
    /// The circuit breaker gave the primary deployment up.
    has_failed: bool,
    breaker: Option<CircuitBreaker>,
    /// Its tasks that are meant to run, oldest first.
    tasks: Vec<Ref>,
    /// Since when each of the tasks is wanted that it has not got.
    wants: VecDeque<SimTime>,
    made: u64,
    /// After a failed placement: when it tries again at the latest, and the state of the cluster
    /// that it failed in.
    retry: Option<(SimTime, u64)>,
    /// For when it is to be looked at next without any other reason.
    due: Option<SimTime>,
    /// Whether the primary deployment goes back to an older one.
    is_rollback: bool,
    /// Holds starts up after tasks that never ran.
    throttle: Backoff,
    is_dirty: bool,
    is_steady: bool,
    /// The last failed placement it has told of.
    told: Option<ServiceNews>,
    /// Zones its tasks may run in, as of the given state of the cluster's membership.
    zones: Option<(u64, Vec<u32>)>,
    victims_drawn: u64,
}

impl<R: Recorder> Engine<'_, R> {
    /// Creates the services of the plan.
    pub(super) fn open_services(&mut self) {
        self.any_dirty = true;
        for (id, workload) in self.workloads.iter() {
            let Call::CreateService(service) = &workload.call else {
                self.service_of.push(None);
                continue;
            };
            self.service_of.push(Some(self.services.len() as u32));
            self.services.push(ServiceState {
                id,
                cluster: self.world.templates[service.revision.template].cluster,
                scheduling: service.scheduling,
                desired: service.desired,
                settings: service.deployment,
                revision: service.revision,
                deployment: 1,
                deployments: 1,
                completed: None,
                is_complete: false,
                has_failed: false,
                breaker: breaker(&service.deployment),
                tasks: Vec::new(),
                wants: VecDeque::new(),
                made: 0,
                retry: None,
                due: None,
                is_rollback: false,
                throttle: Backoff::default(),
                is_dirty: true,
                is_steady: false,
                told: None,
                zones: None,
                victims_drawn: 0,
            });
        }
        for index in 0..self.services.len() {
            self.tell(index, ServiceNews::DeploymentStarted);
        }
    }

    /// What CreateService said of the service that a workload is, if it is one.
    pub(super) fn service(&self, workload: WorkloadId) -> Option<&Service> {
        match &self.workloads[workload].call {
            Call::CreateService(service) => Some(service),
            Call::RunTask { .. } | Call::StartTask { .. } | Call::SubmitJob(_) => None,
        }
    }

    fn index_of(&self, workload: WorkloadId) -> Option<usize> {
        self.service_of[workload].map(|index| index as usize)
    }

    /// A service is to be looked at in this round.
    pub(super) fn service_looks(&mut self, workload: WorkloadId) {
        if let Some(index) = self.index_of(workload) {
            self.services[index].is_dirty = true;
            self.any_dirty = true;
        }
    }

    /// All services of a cluster are to be looked at: its instances have changed.
    pub(super) fn services_look(&mut self, cluster: ClusterId) {
        self.membership[cluster] += 1;
        for service in &mut self.services {
            if service.cluster == cluster {
                service.is_dirty = true;
                self.any_dirty = true;
            }
        }
    }

    /// UpdateService. A new task definition, or a forced deployment, is a new deployment; it ends
    /// every delay.
    pub(super) fn update_service(&mut self, workload: WorkloadId, change: &ServiceChange) {
        let Some(index) = self.index_of(workload) else {
            return;
        };
        let service = &mut self.services[index];
        service.desired = change.desired.unwrap_or(service.desired);
        service.settings = change.deployment.unwrap_or(service.settings);
        service.throttle.reset();
        service.retry = None;
        service.has_failed = false;
        service.breaker = breaker(&service.settings);
        if let Some(revision) = change.revision {
            self.deploy(index, revision);
            self.tell(index, ServiceNews::DeploymentStarted);
        }
        self.service_looks(workload);
    }

    fn deploy(&mut self, index: usize, revision: Revision) {
        let service = &mut self.services[index];
        service.deployments += 1;
        service.deployment = service.deployments;
        service.revision = revision;
        service.is_complete = false;
        service.throttle.reset();
        service.is_rollback = false;
        service.has_failed = false;
        service.breaker = breaker(&service.settings);
        service.zones = None;
    }

    pub(super) fn service_task_runs(&mut self, at: Ref) {
        let task = self.tasks.get(at).expect("a task that runs lives");
        let (workload, behaviour) = (task.workload, task.behaviour);
        let choices = &self.world.choices;
        // Without a check it counts as healthy some time later; with one, failures count then.
        let later = match self.is_checked(behaviour) {
            false => choices.healthy_after,
            true => self
                .service(workload)
                .map_or(choices.healthy_after, |it| it.grace_period),
        };
        self.schedule(self.now + later, Event::ServiceDue(workload));
        self.service_looks(workload);
    }

    pub(super) fn service_task_changed(&mut self, at: Ref) {
        if let Some(task) = self.tasks.get(at) {
            self.service_looks(task.workload);
        }
    }

    /// A task of a service is no longer meant to run.
    pub(super) fn service_task_leaves(&mut self, at: Ref) {
        let workload = self
            .tasks
            .get(at)
            .expect("a task that leaves lives")
            .workload;
        if let Some(index) = self.index_of(workload) {
            self.services[index].tasks.retain(|other| *other != at);
            self.service_looks(workload);
        }
    }

    /// A task of a service has stopped. One that never ran holds up the next ones; those that fail
    /// count against their deployment.
    ///
    /// Source: ECS developer guide, "Service throttle logic"; API reference, DeploymentCircuitBreaker.
    pub(super) fn service_task_stopped(&mut self, at: Ref) {
        let task = self.tasks.get(at).expect("a task that stopped lived");
        let Some(index) = self.index_of(task.workload) else {
            return;
        };
        // Stopped from outside or by the service, or lost with its host, is no failure of its own.
        let by_itself = task.stop.is_some_and(|stop| match stop.code {
            StopCode::TaskFailedToStart | StopCode::EssentialContainerExited => true,
            StopCode::ServiceSchedulerInitiated
            | StopCode::UserInitiated
            | StopCode::SpotInterruption
            | StopCode::TerminationNotice => false,
        });
        let unhealthy = task
            .stop
            .is_some_and(|stop| stop.reason == StopReason::Unhealthy);
        let never_ran = task.times.started.is_none() && by_itself;
        // That a task found no room in PROVISIONING says nothing against its deployment.
        let found_no_room = task.stop.is_some_and(|stop| {
            matches!(
                stop.reason,
                StopReason::NoRoom(_) | StopReason::NoActiveInstances | StopReason::EmptyProvider
            )
        });
        let first = self.world.choices.service_retry;
        let service = &mut self.services[index];
        // What ends in the moment of its start would be replaced for ever in that moment.
        let of_primary = task.deployment == service.deployment;
        let (workload, at_once) = (task.workload, task.times.created == self.now);
        if of_primary && (never_ran || at_once) {
            let was_held_up = self.now < service.throttle.ready_at();
            service.throttle.failed(self.now, first);
            let due = service.throttle.ready_at();
            self.look_again(index, due);
            if !was_held_up {
                self.tell(index, ServiceNews::Throttled);
            }
        }
        if of_primary && (never_ran && !found_no_room || unhealthy) {
            self.deployment_suffers(index);
        }
        self.service_looks(workload);
    }

    fn deployment_suffers(&mut self, index: usize) {
        let service = &mut self.services[index];
        let (desired, complete) = (service.desired, service.is_complete);
        let Some(breaker) = service.breaker.as_mut().filter(|_| !complete) else {
            return;
        };
        if service.has_failed || !breaker.task_failed(desired) {
            return;
        }
        service.has_failed = true;
        let settings = service.settings.circuit_breaker;
        // What was gone back to and fails as well is not gone back to again.
        let rolls_back = settings.is_some_and(|breaker| breaker.rollback) && !service.is_rollback;
        let back = service.completed.filter(|_| rolls_back);
        self.tell(index, ServiceNews::DeploymentFailed);
        if let Some((deployment, revision)) = back {
            // What is left of the tasks of that deployment stays.
            self.deploy(index, revision);
            let service = &mut self.services[index];
            service.deployments -= 1;
            service.deployment = deployment;
            service.is_rollback = true;
            self.tell(index, ServiceNews::RolledBack);
        }
    }

    fn is_checked(&self, behaviour: crate::model::arena::BehaviourId) -> bool {
        let containers = &self.world.behaviours[behaviour];
        let mut essential = containers.iter().filter(|it| it.essential);
        essential.any(|it| it.health_check.is_some())
    }

    /// Looks at every service that has something new, DAEMON services first: what they need is taken
    /// ahead of all others. Whether there was one.
    pub(super) fn serve_services(&mut self) -> bool {
        if !std::mem::take(&mut self.any_dirty) {
            return false;
        }
        self.serve_daemons();
        for index in 0..self.services.len() {
            let service = &mut self.services[index];
            let is_replica = service.scheduling == Scheduling::Replica;
            if is_replica && std::mem::take(&mut service.is_dirty) {
                self.look_at_replica(index);
            }
        }
        true
    }

    /// Looks at the DAEMON services that have something new.
    pub(super) fn serve_daemons(&mut self) {
        for index in 0..self.services.len() {
            let service = &mut self.services[index];
            let is_daemon = service.scheduling == Scheduling::Daemon;
            if is_daemon && std::mem::take(&mut service.is_dirty) {
                self.look_at_daemon(index);
            }
        }
    }

    fn look_at_replica(&mut self, index: usize) {
        self.find_zones(index);
        let views = self.views(index);
        self.count_healthy(index, &views);
        let service = &self.services[index];
        let zones = service.zones.as_ref().map_or(&[][..], |(_, zones)| zones);
        let view = ServiceView {
            desired: service.desired,
            minimum_healthy_percent: service.settings.minimum_healthy_percent,
            maximum_percent: service.settings.maximum_percent,
            placement_failing: service.retry.is_some(),
            rebalanced_zones: zones,
        };
        let mut scale_in = None;
        let mut draw = Draw::new(
            self.streams,
            Purpose::ServiceVictim,
            service.id.index() as u64,
            service.victims_drawn,
        );
        let step = {
            let mut pick = |candidates: &[usize], count: usize| {
                let scale_in = scale_in.get_or_insert_with(|| self.scale_in_of(index, &views));
                self.pick(index, scale_in, candidates, count, &mut draw)
            };
            evaluate(&view, &views, &mut pick)
        };
        let steady = is_steady(&view, &views);
        let tasks = self.services[index].tasks.clone();
        self.services[index].victims_drawn += 1;
        for (position, because) in step.stop {
            self.stop_for(tasks[position], because);
        }
        self.start_tasks(index, step.start);
        if let Some(zone) = step.rebalance_into {
            self.start_in_zone(index, zone);
        }
        self.settle(index, steady);
    }

    /// Starts the tasks that a REPLICA service is short of. Each has its capacity provider before any
    /// is placed; one that has no room holds up its own tasks only.
    fn start_tasks(&mut self, index: usize, count: u32) {
        if !self.may_start(index, count) {
            return;
        }
        let template = self.services[index].revision.template;
        let shares = shares(&self.world.templates[template].launches);
        let mut given = self.tasks_by_launch(index, shares.len());
        let (mut full, mut obstacle) = (vec![false; shares.len()], None);
        for _ in 0..count {
            let Some(launch) = strategy::next(&shares, &given) else {
                break;
            };
            given[launch] += 1;
            if full[launch] {
                continue;
            }
            let wanted = self.wanted(index, launch as u8);
            match self.find_host(&wanted) {
                Ok(host) => self.join(index, &wanted, host, false),
                Err(reason) => {
                    full[launch] = true;
                    obstacle.get_or_insert((launch as u8, reason));
                }
            }
        }
        match obstacle {
            Some((launch, reason)) => self.placement_failed(index, launch, reason),
            None => self.placement_succeeded(index),
        }
    }

    /// One more task, in the given zone or not at all: a task in a fuller zone stops for it.
    fn start_in_zone(&mut self, index: usize, zone: u32) {
        let service = &self.services[index];
        let (cluster, template) = (service.cluster, service.revision.template);
        let shares = shares(&self.world.templates[template].launches);
        let given = self.tasks_by_launch(index, shares.len());
        let Some(launch) = strategy::next(&shares, &given) else {
            return;
        };
        let wanted = self.wanted(index, launch as u8);
        let found = self.find_host(&wanted);
        let fits = match found {
            Ok(Some(Host::Instance(id))) => {
                let cluster = &self.world.clusters[cluster];
                let zones = cluster.tracked(ZONE);
                zones.and_then(|zones| cluster.attribute_value(zones, id)) == Some(zone)
            }
            Ok(Some(Host::Fargate { zone: found, .. })) => found == Some(zone),
            // Nobody knows in which zone managed scaling would make a place.
            Ok(None) | Err(_) => false,
        };
        match found {
            Ok(host) if fits => self.join(index, &wanted, host, true),
            _ => self.look_again(index, self.now + self.world.choices.service_retry),
        }
    }

    /// Whether a service may try to start the tasks that it is short of: the circuit breaker lets
    /// it, no delay runs, and the cluster has changed since it found no place.
    fn may_start(&mut self, index: usize, count: u32) -> bool {
        let version = self.version(self.services[index].cluster);
        let now = self.now;
        let service = &mut self.services[index];
        service.wants.resize(count as usize, now);
        if count == 0 || service.has_failed {
            return false;
        }
        let throttled = service.throttle.ready_at();
        let refused = service.retry.filter(|(_, tried_in)| *tried_in == version);
        let due = refused.map_or(throttled, |(at, _)| throttled.max(at));
        if now < due {
            self.look_again(index, due);
        }
        now >= due
    }

    /// Has a service looked at at a later moment, once.
    fn look_again(&mut self, index: usize, at: SimTime) {
        let service = &mut self.services[index];
        if service.due.is_none_or(|due| due <= self.now || at < due) {
            service.due = Some(at);
            let id = service.id;
            self.schedule(at, Event::ServiceDue(id));
        }
    }

    fn wanted(&self, index: usize, launch: u8) -> Wanted {
        let service = &self.services[index];
        Wanted {
            workload: service.id,
            key: service.made,
            template: service.revision.template,
            launch,
            deployment: service.deployment,
            job: None,
            behaviour: service.revision.behaviour,
            requested: service.wants.front().copied().unwrap_or(self.now),
            recorded: Recorded::default(),
        }
    }

    /// A new task joins its service.
    fn join(&mut self, index: usize, wanted: &Wanted, host: Option<Host>, rebalances: bool) {
        let service = &mut self.services[index];
        service.made += 1;
        service.wants.pop_front();
        let at = self.admit(wanted);
        if rebalances {
            let task = self.tasks.get_mut(at).expect("just accepted");
            task.aside_mut().rebalances = true;
        }
        self.services[index].tasks.push(at);
        self.house(at, host);
    }

    fn placement_succeeded(&mut self, index: usize) {
        let service = &mut self.services[index];
        (service.retry, service.told) = (None, None);
    }

    /// Some task found no place: the service tries again after a while, or when something of it or
    /// of its instances has changed [U-44]. It tells so once.
    fn placement_failed(&mut self, index: usize, launch: u8, obstacle: Option<Reason>) {
        let retry_at = self.now + self.world.choices.service_retry;
        let service = &self.services[index];
        let (cluster, template) = (service.cluster, service.revision.template);
        let version = self.version(cluster);
        self.services[index].retry = Some((retry_at, version));
        self.look_again(index, retry_at);
        let on = self.world.templates[template].launches[usize::from(launch)].on;
        let closest = match self.fargate_launch(on) {
            Some(_) => None,
            None => {
                let request = request(&self.world, template, launch);
                scan::closest(&self.world.clusters[cluster], &request)
            }
        };
        let by_provider = matches!(on, LaunchOn::Provider(_));
        let news = ServiceNews::Unable {
            closest,
            obstacle,
            by_provider,
        };
        if self.services[index].told != Some(news) {
            self.services[index].told = Some(news);
            self.tell(index, news);
        }
    }

    /// One task on each instance that meets the constraints.
    fn look_at_daemon(&mut self, index: usize) {
        let service = &self.services[index];
        let (cluster, template) = (service.cluster, service.revision.template);
        let mut here: Vec<Option<Ref>> = vec![None; self.aboard[cluster].len()];
        for at in &service.tasks {
            if let Some(id) = self.tasks.get(*at).and_then(Task::instance) {
                here[id.index()] = Some(*at);
            }
        }
        let asked = request(&self.world, template, 0);
        let instances: Vec<DaemonInstance> = self.world.clusters[cluster]
            .instances()
            .iter()
            .map(|(id, instance)| {
                let meets = || meets_rules(&self.world.clusters[cluster], id, &asked);
                let standing = match instance.status {
                    InstanceStatus::Draining if self.daemon_stays(cluster, id) => Standing::Kept,
                    InstanceStatus::Draining => Standing::Draining,
                    InstanceStatus::Active if instance.left_at.is_some() => Standing::Unmatched,
                    InstanceStatus::Active if !meets() => Standing::Unmatched,
                    InstanceStatus::Active if !instance.agent_connected => Standing::Kept,
                    InstanceStatus::Active => Standing::Wanted,
                    _ => Standing::Unmatched,
                };
                let task = here[id.index()].and_then(|at| self.tasks.get(at));
                let task = task.map(|task| {
                    let view = self.view(service, task);
                    DaemonTask {
                        deployment: view.deployment,
                        phase: view.phase,
                        health: view.health,
                    }
                });
                DaemonInstance { standing, task }
            })
            .collect();
        let step = daemon_step(&instances, service.settings.minimum_healthy_percent);
        let views = self.views(index);
        self.count_healthy(index, &views);
        let wanted = instances
            .iter()
            .filter(|it| it.standing == Standing::Wanted)
            .count();
        let steady = step.stop.is_empty()
            && step.start.is_empty()
            && views.len() >= wanted
            && views
                .iter()
                .all(|it| it.health == deployment::Health::Healthy);
        for (position, because) in step.stop {
            if let Some(at) = here[position] {
                self.stop_for(at, because);
            }
        }
        self.start_daemons(index, &step.start);
        self.settle(index, steady);
    }

    fn start_daemons(&mut self, index: usize, on: &[usize]) {
        if !self.may_start(index, on.len() as u32) {
            return;
        }
        let service = &self.services[index];
        let (cluster, template) = (service.cluster, service.revision.template);
        let mut failed = false;
        for position in on {
            let id = InstanceId::from_index(*position);
            let asked = request(&self.world, template, 0);
            self.decisions += 1;
            if first_failure(&self.world.clusters[cluster], id, &asked).is_some() {
                failed = true;
                continue;
            }
            let wanted = self.wanted(index, 0);
            self.join(index, &wanted, Some(Host::Instance(id)), false);
        }
        match failed {
            true => self.placement_failed(index, 0, None),
            false => self.placement_succeeded(index),
        }
    }

    fn stop_for(&mut self, at: Ref, because: Because) {
        let reason = match because {
            Because::Unhealthy => StopReason::Unhealthy,
            Because::Replaced | Because::ScaleIn | Because::Draining | Because::Unmatched => {
                StopReason::Scaling
            }
        };
        let code = StopCode::ServiceSchedulerInitiated;
        self.stop(at, Stop { code, reason });
    }

    /// Notes whether the service has what it wants, and that its deployment is complete.
    fn settle(&mut self, index: usize, steady: bool) {
        let service = &mut self.services[index];
        let news = steady && !service.is_steady;
        service.is_steady = steady;
        if !steady {
            return;
        }
        if !service.is_complete && !service.has_failed {
            service.is_complete = true;
            service.completed = Some((service.deployment, service.revision));
            self.tell(index, ServiceNews::DeploymentCompleted);
        }
        if news {
            self.tell(index, ServiceNews::SteadyState);
        }
    }

    /// A healthy task of the primary deployment is told to the circuit breaker, once.
    fn count_healthy(&mut self, index: usize, views: &[TaskView]) {
        for (position, view) in views.iter().enumerate() {
            if view.deployment != Deployment::Primary || view.health != deployment::Health::Healthy
            {
                continue;
            }
            let at = self.services[index].tasks[position];
            let Some(task) = self.tasks.get_mut(at) else {
                continue;
            };
            if !std::mem::replace(&mut task.aside_mut().was_healthy, true) {
                let service = &mut self.services[index];
                service.throttle.reset();
                if let Some(breaker) = &mut service.breaker {
                    breaker.task_became_healthy();
                }
            }
        }
    }

    /// The tasks of a service as the scheduler's decisions see them.
    fn views(&self, index: usize) -> Vec<TaskView> {
        let service = &self.services[index];
        let tasks = service.tasks.iter();
        tasks
            .map(|at| {
                let task = self.tasks.get(*at).expect("a service's tasks live");
                self.view(service, task)
            })
            .collect()
    }

    fn view(&self, service: &ServiceState, task: &Task) -> TaskView {
        let cluster = &self.world.clusters[service.cluster];
        let phase = match task.state {
            TaskState::Waiting => Phase::Waiting,
            TaskState::Running => Phase::Running,
            _ => Phase::Starting,
        };
        let since = task.times.started.map(|at| self.now.since(at));
        let grace = self
            .service(service.id)
            .map_or(Default::default(), |it| it.grace_period);
        let health = match (since, self.is_checked(task.behaviour)) {
            (None, _) => deployment::Health::Unknown,
            (Some(since), false) if since >= self.world.choices.healthy_after => {
                deployment::Health::Healthy
            }
            (Some(_), false) => deployment::Health::Unknown,
            (Some(since), true) => match task.aside().checked {
                Health::Healthy => deployment::Health::Healthy,
                Health::Unhealthy if since >= grace => deployment::Health::Unhealthy,
                Health::Unhealthy | Health::Unknown => deployment::Health::Unknown,
            },
        };
        let on_draining = task
            .instance()
            .is_some_and(|id| cluster.instances()[id].status == InstanceStatus::Draining);
        TaskView {
            deployment: match task.deployment == service.deployment {
                true => Deployment::Primary,
                false => Deployment::Old,
            },
            phase,
            health,
            on_draining,
            protected: self.now < task.aside().protected_until,
            rebalances: task.aside().rebalances,
            zone: self.zone_of(service.cluster, task),
        }
    }

    fn zone_of(&self, cluster: ClusterId, task: &Task) -> Option<u32> {
        match task.host? {
            Host::Instance(id) => {
                let cluster = &self.world.clusters[cluster];
                cluster.attribute_value(cluster.tracked(ZONE)?, id)
            }
            Host::Fargate { zone, .. } => zone,
        }
    }

    /// Brings the zones up to date among which a service evens out its tasks.
    fn find_zones(&mut self, index: usize) {
        let service = &self.services[index];
        let (id, cluster) = (service.id, service.cluster);
        let version = self.membership[cluster];
        if service
            .zones
            .as_ref()
            .is_some_and(|(known, _)| *known == version)
        {
            return;
        }
        let template = &self.world.templates[service.revision.template];
        let rules = &self.world.rules[template.rules()];
        let spreads = matches!(
            rules.strategies.first(),
            Some(StrategyRule::SpreadAttribute(name)) if name == ZONE
        );
        // Where several providers share the tasks, the provider comes before the zone.
        let wants = template.launches.len() == 1
            && self
                .service(id)
                .is_some_and(|service| service.zone_rebalancing);
        let on_fargate = self.fargate_launch(template.launches[0].on).is_some();
        let mut zones = Vec::new();
        if wants && on_fargate {
            let names = rules.subnets.iter().flat_map(|subnets| &subnets.zones);
            let number = |zone| self.world.zones.iter().position(|known| known == zone);
            zones.extend(names.filter_map(|zone| Some(number(zone)? as u32)));
        } else if wants && spreads {
            let asked = request(&self.world, service.revision.template, 0);
            let place = &self.world.clusters[cluster];
            let usable = place.instances().iter().filter(|(id, instance)| {
                instance.is_placeable() && meets_rules(place, *id, &asked)
            });
            let zone = place.tracked(ZONE);
            zones.extend(usable.filter_map(|(id, _)| place.attribute_value(zone?, id)));
        }
        zones.sort_unstable();
        zones.dedup();
        self.services[index].zones = Some((version, zones));
    }

    fn tasks_by_launch(&self, index: usize, launches: usize) -> Vec<u32> {
        let service = &self.services[index];
        let mut counts = vec![0; launches];
        for task in service.tasks.iter().filter_map(|at| self.tasks.get(*at)) {
            if task.deployment == service.deployment {
                counts[usize::from(task.launch)] += 1;
            }
        }
        counts
    }

    /// Victims among the candidates: of several providers the one most above its share gives first.
    fn pick(
        &self,
        index: usize,
        scale_in: &mut ScaleIn,
        candidates: &[usize],
        count: usize,
        draw: &mut Draw,
    ) -> Vec<usize> {
        let service = &self.services[index];
        let launches = &self.world.templates[service.revision.template].launches;
        if launches.len() == 1 {
            return scale_in.take(candidates, count, draw);
        }
        let launch_of = |position: &usize| {
            let task = self
                .tasks
                .get(service.tasks[*position])
                .expect("a service's tasks live");
            usize::from(task.launch)
        };
        let shares = shares(launches);
        let mut tasks = self.tasks_by_launch(index, launches.len());
        let (mut left, mut taken) = (candidates.to_vec(), Vec::new());
        while taken.len() < count && !left.is_empty() {
            let order = strategy::surplus(&shares, &tasks);
            let of = |launch: usize| -> Vec<usize> {
                left.iter()
                    .copied()
                    .filter(|it| launch_of(it) == launch)
                    .collect()
            };
            let from = order.into_iter().map(of).find(|it| !it.is_empty());
            let victim = scale_in.take(from.as_deref().unwrap_or(&left), 1, draw);
            let Some(victim) = victim.first().copied() else {
                break;
            };
            let launch = launch_of(&victim);
            tasks[launch] = tasks[launch].saturating_sub(1);
            left.retain(|it| *it != victim);
            taken.push(victim);
        }
        taken
    }

    /// What the placement strategy of a service ranks of its tasks when one has to stop.
    fn scale_in_of(&self, index: usize, views: &[TaskView]) -> ScaleIn {
        let service = &self.services[index];
        let cluster = &self.world.clusters[service.cluster];
        let template = &self.world.templates[service.revision.template];
        let strategies = &self.world.rules[template.rules()].strategies;
        let tasks: Vec<&Task> = service
            .tasks
            .iter()
            .map(|at| self.tasks.get(*at).expect("a service's tasks live"))
            .collect();
        let victims = tasks.iter().zip(views).map(|(task, view)| Victim {
            protected: view.protected,
            running: task.state == TaskState::Running,
            on_draining: view.on_draining,
            unhealthy: view.health == deployment::Health::Unhealthy,
        });
        let number = |task: &&Task| task.instance().map_or(u32::MAX, |id| id.0);
        let share = |task: &&Task, memory: bool| {
            let resource = |it: crate::model::resources::Resources| {
                u64::from(if memory { it.memory } else { it.cpu })
            };
            let demand = &self.world.templates[task.template].demand;
            let instance = task.instance().map(|id| &cluster.instances()[id]);
            Share {
                instance: number(task),
                remaining: instance.map_or(0, |it| resource(it.free)),
                demand: instance.map_or(0, |it| resource(it.resources_for(demand))),
            }
        };
        let rules = strategies.iter().map(|rule| match rule {
            // Extensions do not say which task goes first.
            StrategyRule::Random
            | StrategyRule::FirstFit
            | StrategyRule::BestFit(_)
            | StrategyRule::WorstFit(_)
            | StrategyRule::DotProduct(_)
            | StrategyRule::GpuPacking
            | StrategyRule::Fgd
            | StrategyRule::RandomGpu
            | StrategyRule::Shuffled => Rule::Random,
            StrategyRule::SpreadInstance => Rule::Spread(tasks.iter().map(number).collect()),
            StrategyRule::SpreadAttribute(name) => {
                let attribute = cluster.tracked(name);
                let value = |task: &&Task| match task.host {
                    Some(Host::Instance(id)) => {
                        attribute.and_then(|it| cluster.attribute_value(it, id))
                    }
                    Some(Host::Fargate { zone, .. }) => zone,
                    None => None,
                };
                Rule::Spread(
                    tasks
                        .iter()
                        .map(|it| value(it).unwrap_or(u32::MAX))
                        .collect(),
                )
            }
            StrategyRule::BinpackCpu => {
                Rule::Binpack(tasks.iter().map(|it| share(it, false)).collect())
            }
            StrategyRule::BinpackMemory => {
                Rule::Binpack(tasks.iter().map(|it| share(it, true)).collect())
            }
        });
        ScaleIn::new(victims.collect(), rules.collect())
    }

    fn tell(&mut self, index: usize, what: ServiceNews) {
        let service = &self.services[index];
        let note = ServiceNote {
            service: service.id,
            deployment: service.deployment,
            what,
        };
        self.recorder
            .record(self.now, Occurrence::Service(&note), &self.world);
    }
}

/// The attribute that tells an instance's zone.
const ZONE: &str = "ecs.availability-zone";

fn breaker(settings: &DeploymentSettings) -> Option<CircuitBreaker> {
    let breaker = settings.circuit_breaker?;
    Some(CircuitBreaker::new(
        breaker.threshold,
        breaker.reset_on_healthy_task,
    ))
}

/// Base and weight of each launch.
pub(super) fn shares(launches: &[crate::model::request::Launch]) -> Vec<strategy::Share> {
    let share = |launch: &crate::model::request::Launch| strategy::Share {
        base: launch.base,
        weight: launch.weight,
    };
    launches.iter().map(share).collect()
}
