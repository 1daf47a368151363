//! The life of a task: accepted, placed, begun by the agent, running, stopping, gone.
//!
//! What the containers of a task do is a pure function of its draws
//! ([`crate::workload::timeline`]), so the calendar holds one event a task at a time: its start,
//! its end, or the end of its stop.

use super::calls::request;
use super::event::{Event, Ref};
use super::instances::SPOT_NOTICE;
use super::plan::ResourceRelease;
use super::task::{
    Aside, End, Exit, Health, Host, Recorded, Stop, StopCode, StopReason, Task, TaskState, Times,
};
use super::{Engine, Occurrence, Recorder};
use crate::model::arena::{BehaviourId, Id, InstanceId, JobId, TemplateId, WorkloadId};
use crate::model::cluster::Part;
use crate::placement::constraint::Reason;
use crate::placement::device;
use crate::rng::{Draw, Purpose};
use crate::time::{SimDuration, SimTime};
use crate::workload::container::{self, Drawn};
use crate::workload::timeline::{self, EndKind, Scratch, Timeline};

/// A task that somebody wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub workload: WorkloadId,
    pub key: u64,
    pub template: TemplateId,
    pub launch: u8,
    pub deployment: u32,
    pub job: Option<JobId>,
    pub behaviour: BehaviourId,
    pub requested: SimTime,
    pub recorded: Recorded,
}

/// What the containers of a task will do, from the moment the agent begins with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    timeline: Timeline,
    end: Option<End>,
}

impl Life {
    /// How long the task runs until it ends by itself; absent when it does not, or never starts.
    pub fn run_time(&self) -> Option<SimDuration> {
        let end = self.timeline.end?;
        Some(end.at.minus(self.timeline.started?))
    }
}

/// What is drawn and worked out for one task at a time, kept so that nothing is allocated.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// What the task will do that was admitted last.
    life: Option<Life>,
    drawn: Vec<Drawn>,
    scratch: Scratch,
    exits: Vec<Option<Exit>>,
}

impl<R: Recorder> Engine<'_, R> {
    /// Where a task can go now: a host, or nowhere yet where managed scaling will make a place.
    pub(super) fn find_host(&mut self, wanted: &Wanted) -> Result<Option<Host>, Option<Reason>> {
        let (template, launch) = (wanted.template, wanted.launch);
        let on = self.world.templates[template].launches[usize::from(launch)].on;
        if let Some(spot) = self.fargate_launch(on) {
            self.decisions += 1;
            return self
                .fargate_host(template, launch, spot)
                .map(Some)
                .map_err(Some);
        }
        let provider = self.scaling_provider(template, launch);
        // Whoever waits for the provider was there before.
        let queues = provider.is_some_and(|provider| self.is_behind_others(provider));
        if !queues && let Some(id) = self.choose(template, launch, wanted.workload, wanted.key) {
            return Ok(Some(Host::Instance(id)));
        }
        if provider.is_none() {
            return Err(None);
        }
        match self.waiting_room(self.world.templates[template].cluster) {
            0 => Err(Some(Reason::Quota)),
            _ => Ok(None),
        }
    }

    /// The instance that placement gives a task, if there is one.
    pub(super) fn choose(
        &mut self,
        template: TemplateId,
        launch: u8,
        workload: WorkloadId,
        key: u64,
    ) -> Option<InstanceId> {
        self.decisions += 1;
        let major = workload.index() as u64;
        let mut draw = Draw::new(self.streams, Purpose::RandomPlacement, major, key);
        let cluster = self.world.templates[template].cluster;
        let request = request(&self.world, template, launch);
        self.indexes[cluster].choose(&self.world.clusters[cluster], &request, &mut draw)
    }

    /// ECS accepts a task. Where it goes is told next: [`Engine::house`].
    pub(super) fn admit(&mut self, wanted: &Wanted) -> Ref {
        let life = self.life(
            wanted.workload,
            wanted.key,
            wanted.behaviour,
            wanted.recorded,
        );
        self.last_task += 1;
        let made = &mut self.sources[wanted.workload].tasks;
        *made += 1;
        let task = Task {
            number: self.last_task,
            workload: wanted.workload,
            of_workload: *made,
            key: wanted.key,
            template: wanted.template,
            launch: wanted.launch,
            deployment: wanted.deployment,
            job: wanted.job,
            behaviour: wanted.behaviour,
            host: None,
            gpus: 0,
            state: TaskState::Waiting,
            times: Times {
                requested: wanted.requested,
                created: self.now,
                ..Times::default()
            },
            run_time: life.run_time(),
            stop: None,
            exit: None,
            health: Health::Unknown,
            aside: (wanted.recorded != Recorded::default()).then(|| {
                Box::new(Aside {
                    recorded: wanted.recorded,
                    ..Aside::default()
                })
            }),
            end: life.end,
            seat: 0,
        };
        self.desk.life = Some(life);
        let at = self.tasks.insert(task);
        let task = self.tasks.get(at).expect("just admitted");
        self.recorder
            .record(self.now, Occurrence::Accepted(task), &self.world);
        at
    }

    /// A task that was just admitted goes to its host, or joins the line of its provider.
    pub(super) fn house(&mut self, at: Ref, host: Option<Host>) {
        match host {
            Some(host) => {
                let life = self.desk.life.take();
                self.board(at, host, life);
            }
            None => {
                let task = self.tasks.get(at).expect("just admitted");
                let provider = self.scaling_provider(task.template, task.launch);
                self.wait(at, provider.expect("only managed scaling makes tasks wait"));
            }
        }
    }

    /// A task takes its place on a host.
    pub(super) fn board(&mut self, at: Ref, host: Host, life: Option<Life>) {
        let task = self.tasks.get_mut(at).expect("a task that is placed lives");
        let template = &self.world.templates[task.template];
        if let Host::Instance(id) = host {
            let (major, key) = (task.workload.index() as u64, task.key);
            let mut draw = Draw::new(self.streams, Purpose::SharedGpu, major, key);
            let request = request(&self.world, task.template, task.launch);
            let cluster = &self.world.clusters[template.cluster];
            let device = device::choose(cluster, id, &request, &mut draw);
            let cluster = &mut self.world.clusters[template.cluster];
            task.gpus = cluster.place_on_gpu(id, &template.demand, template.group, device);
            if self.keeps_aboard {
                task.seat = self.aboard[template.cluster][id.index()].take(at);
            }
        }
        task.host = Some(host);
        task.times.placed = Some(self.now);

        let delay = match host {
            _ if !template.network_interface => None,
            Host::Instance(_) => Some(self.world.choices.interface_attachment),
            Host::Fargate { .. } => Some(match self.jobs.environment_of(template.cluster) {
                Some(environment) => self.world.batch.environments[environment].boot_time,
                None => self.world.choices.fargate_provisioning,
            }),
        };
        task.state = match delay {
            Some(_) => TaskState::Provisioning,
            None => TaskState::Pending,
        };
        self.recorder
            .record(self.now, Occurrence::Placed(task), &self.world);
        if let Host::Fargate { zone, spot } = host {
            self.board_fargate(at, zone, spot);
        }
        match delay {
            None => self.arrive(at, life),
            Some(SimDuration::ZERO) => self.attached(at, life),
            Some(delay) => self.schedule(self.now + delay, Event::InterfaceAttached(at)),
        }
    }

    pub(super) fn interface_attached(&mut self, at: Ref) {
        if self.state(at) == Some(TaskState::Provisioning) {
            self.attached(at, None);
        }
    }

    fn attached(&mut self, at: Ref, life: Option<Life>) {
        self.move_to(at, TaskState::Pending);
        self.arrive(at, life);
    }

    /// The agent begins with a task: it has what it needs.
    pub(super) fn begin(&mut self, at: Ref, life: Option<Life>) {
        let life = life.unwrap_or_else(|| {
            let task = self.tasks.get(at).expect("a task that begins lives");
            let (workload, key, recorded) = (task.workload, task.key, task.aside().recorded);
            self.life(workload, key, task.behaviour, recorded)
        });
        let task = self.tasks.get_mut(at).expect("a task that begins lives");
        task.times.begun = Some(self.now);
        let timeline = life.timeline;
        task.times.pull = timeline.pull.map(|(_, stops)| stops);
        match (timeline.started, timeline.end) {
            (Some(SimDuration::ZERO), _) => self.containers_started(at),
            (Some(started), _) => self.schedule(self.now + started, Event::TaskStarted(at)),
            (None, Some(end)) => self.schedule(self.now + end.at, Event::TaskEnds(at)),
            (None, None) => {}
        }
        let health = timeline.health;
        // What comes last of what may come at the same time tells of both.
        let checked = health.checked.filter(|at| health.healthy != Some(*at));
        for change in [health.healthy, health.unhealthy, checked]
            .into_iter()
            .flatten()
        {
            self.schedule(self.now + change, Event::TaskHealth(at));
        }
    }

    pub(super) fn task_started(&mut self, at: Ref) {
        if self.state(at) == Some(TaskState::Pending) {
            self.containers_started(at);
        }
    }

    fn containers_started(&mut self, at: Ref) {
        let task = self.tasks.get(at).expect("a task that starts lives");
        // What it does by itself takes its course while it is registered with a load balancer.
        let ends = task.run_time.map(|run_time| self.now + run_time);
        let service = (task.deployment > 0).then(|| self.service(task.workload));
        let activation = match service.flatten() {
            Some(service) => service.activation,
            None => SimDuration::ZERO,
        };
        if activation == SimDuration::ZERO {
            self.task_runs(at);
        } else {
            self.move_to(at, TaskState::Activating);
            self.schedule(self.now + activation, Event::TaskActivated(at));
        }
        if let Some(ends) = ends {
            self.schedule(ends, Event::TaskEnds(at));
        }
    }

    pub(super) fn task_activated(&mut self, at: Ref) {
        if self.state(at) == Some(TaskState::Activating) {
            self.task_runs(at);
        }
    }

    fn task_runs(&mut self, at: Ref) {
        let task = self.tasks.get_mut(at).expect("a task that runs lives");
        task.state = TaskState::Running;
        task.times.started = Some(self.now);
        self.recorder
            .record(self.now, Occurrence::Started(task), &self.world);
        let job = task.job;
        if task.deployment > 0 {
            self.service_task_runs(at);
        }
        if let Some(job) = job {
            self.attempt_runs(job);
        }
    }

    /// The health checks of a task find something new.
    pub(super) fn task_health(&mut self, at: Ref) {
        let Some(task) = self.tasks.get_mut(at).filter(|task| task.is_desired()) else {
            return;
        };
        // The first change is to HEALTHY, unless it never was.
        let (workload, key, behaviour) = (task.workload, task.key, task.behaviour);
        let (recorded, begun) = (task.aside().recorded, task.times.begun);
        let health = self
            .life(workload, key, behaviour, recorded)
            .timeline
            .health;
        let now = self.now.since(begun.unwrap_or(self.now));
        let task = self.tasks.get_mut(at).expect("it lives");
        let by_now = |healthy: Option<SimDuration>| match (healthy, health.unhealthy) {
            (_, Some(unhealthy)) if unhealthy <= now => Health::Unhealthy,
            (Some(healthy), _) if healthy <= now => Health::Healthy,
            _ => Health::Unknown,
        };
        let checked = by_now(health.checked);
        if checked != task.aside().checked {
            task.aside_mut().checked = checked;
        }
        let before = std::mem::replace(&mut task.health, by_now(health.healthy));
        if task.health != before {
            self.recorder
                .record(self.now, Occurrence::HealthChanged(task), &self.world);
        }
        if task.deployment > 0 {
            self.service_task_changed(at);
        }
    }

    /// A task ends by itself, unless it was told to stop before.
    pub(super) fn task_ends(&mut self, at: Ref) {
        let Some(task) = self.tasks.get(at).filter(|task| task.is_desired()) else {
            return;
        };
        let end = task.end.expect("a task that ends by itself knows how");
        self.stop(at, end.stop);
    }

    /// The desired status of a task becomes STOPPED.
    ///
    /// Source: ECS developer guide, "Task lifecycle"; ECS API reference, StopTask.
    pub(super) fn stop(&mut self, at: Ref, stop: Stop) {
        let Some(task) = self.tasks.get_mut(at).filter(|task| task.is_desired()) else {
            return;
        };
        let state = task.state;
        self.leave(at, stop);
        match state {
            TaskState::Waiting => self.finish(at),
            TaskState::Provisioning => self.detach(at),
            TaskState::Queued => {
                self.leave_queue(at);
                self.detach(at);
            }
            TaskState::Pending | TaskState::Activating => self.signal(at),
            TaskState::Running => self.deactivate(at),
            TaskState::Deactivating
            | TaskState::Stopping
            | TaskState::Deprovisioning
            | TaskState::Stopped => unreachable!("a task that is meant to run does not stop"),
        }
    }

    /// A task is no longer meant to run: it no longer counts for placement, and what it holds may be
    /// promised to others [U-16]; an attempt of a job keeps it to its end.
    ///
    /// Source of the latter: AWS Batch user guide, "Job states".
    fn leave(&mut self, at: Ref, stop: Stop) {
        let task = self.tasks.get_mut(at).expect("a task that leaves lives");
        task.stop = Some(stop);
        task.times.stopping = Some(self.now);
        let template = &self.world.templates[task.template];
        let cluster = &mut self.world.clusters[template.cluster];
        let at_once = self.world.choices.release == ResourceRelease::OnStopping
            && !self.jobs.is_in_flight(task, at);
        match task.instance() {
            Some(id) if at_once => {
                cluster.leave_and_free(id, &template.demand, template.group, task.gpus);
            }
            Some(id) => cluster.leave(id, template.group),
            None => {}
        }
        let zone = match task.host {
            Some(Host::Fargate { zone, .. }) => zone,
            Some(Host::Instance(_)) | None => None,
        };
        let (cluster, group) = (template.cluster, template.group);
        self.recorder
            .record(self.now, Occurrence::Stopping(task), &self.world);
        if at_once && task.times.placed.is_some() {
            task.times.released = Some(self.now);
            self.recorder
                .record(self.now, Occurrence::Released(task), &self.world);
        }
        self.hopeless = 0;
        let of_service = task.deployment > 0;
        if let Some(zone) = zone {
            self.leave_fargate_zone(cluster, group, zone);
        }
        if of_service {
            self.service_task_leaves(at);
        }
    }

    /// A service's load balancer lets go of a task.
    fn deactivate(&mut self, at: Ref) {
        let task = self.tasks.get(at).expect("a task that stops lives");
        if task.is_interrupted_on_fargate() {
            return self.signal(at);
        }
        let service = (task.deployment > 0).then(|| self.service(task.workload));
        match service.flatten().map(|service| service.deactivation) {
            None | Some(SimDuration::ZERO) => self.signal(at),
            Some(delay) => {
                self.linger(at);
                self.move_to(at, TaskState::Deactivating);
                self.schedule(self.now + delay, Event::TaskDeactivated(at));
            }
        }
    }

    pub(super) fn task_deactivated(&mut self, at: Ref) {
        if self.state(at) == Some(TaskState::Deactivating) {
            self.signal(at);
        }
    }

    /// The containers of a task get their stop signal, each when those that depend on it are gone.
    fn signal(&mut self, at: Ref) {
        let task = self.tasks.get_mut(at).expect("a task that stops lives");
        let own = task.end.filter(|end| task.stop == Some(end.stop));
        if let Some(end) = own.filter(|end| end.alone) {
            // What has ended by itself and was alone needs no signal.
            task.exit = end.exit;
            task.times.execution_stopped = end.exit.map(|_| self.now);
            if self.world.behaviours[task.behaviour].len() == 1 {
                return self.detach(at);
            }
        }
        let (begun, behaviour) = (task.times.begun.unwrap_or(self.now), task.behaviour);
        let (workload, key, recorded) = (task.workload, task.key, task.aside().recorded);
        self.life(workload, key, behaviour, recorded);
        let containers = &self.world.behaviours[behaviour];
        let Desk {
            drawn,
            scratch,
            exits,
            ..
        } = &mut self.desk;
        let from = self.now.since(begun);
        let stopping = timeline::stop(containers, drawn, from, scratch, exits);
        let task = self.tasks.get_mut(at).expect("a task that stops lives");
        let first_essential = || {
            let essential = containers
                .iter()
                .zip(&*exits)
                .filter(|(it, _)| it.essential);
            essential.filter_map(|(_, exit)| *exit).next()
        };
        task.exit = own.and_then(|end| end.exit).or_else(first_essential);
        if exits.len() > 1 {
            task.aside_mut().exits.clone_from(exits);
        }
        if let Some(executed) = stopping.executed {
            task.times.execution_stopped = Some(begun + executed);
        }
        let mut stopped = begun + stopping.stopped;
        if task.is_interrupted_on_fargate() {
            // The capacity is gone then, whatever still runs.
            stopped = stopped.min(self.now + SPOT_NOTICE);
        }
        if stopped <= self.now {
            return self.detach(at);
        }
        self.linger(at);
        self.move_to(at, TaskState::Stopping);
        self.schedule(stopped, Event::ContainersStopped(at));
    }

    pub(super) fn containers_stopped(&mut self, at: Ref) {
        if self.state(at) == Some(TaskState::Stopping) {
            self.detach(at);
        }
    }

    /// A task whose containers have stopped gives its network interface back.
    fn detach(&mut self, at: Ref) {
        let task = self.tasks.get(at).expect("a task that stops lives");
        let choices = &self.world.choices;
        let delay = match task.host {
            _ if !self.world.templates[task.template].network_interface => SimDuration::ZERO,
            Some(Host::Instance(_)) => choices.interface_detachment,
            // An attempt ends with its containers.
            Some(Host::Fargate { .. }) if task.job.is_some() => SimDuration::ZERO,
            Some(Host::Fargate { .. }) => choices.fargate_deprovisioning,
            None => SimDuration::ZERO,
        };
        if delay == SimDuration::ZERO {
            return self.finish(at);
        }
        self.linger(at);
        self.move_to(at, TaskState::Deprovisioning);
        self.schedule(self.now + delay, Event::InterfaceDetached(at));
    }

    pub(super) fn interface_detached(&mut self, at: Ref) {
        if self.state(at) == Some(TaskState::Deprovisioning) {
            self.finish(at);
        }
    }

    /// What a task runs on is gone: it stops at once, with whatever it was doing.
    pub(super) fn lose(&mut self, at: Ref, stop: Stop) {
        let Some(task) = self.tasks.get(at) else {
            return;
        };
        if task.is_desired() {
            if task.state == TaskState::Queued {
                self.leave_queue(at);
            }
            self.leave(at, stop);
        }
        let task = self.tasks.get_mut(at).expect("it lives");
        let ran = task.times.begun.is_some();
        if ran && task.times.execution_stopped.is_none_or(|it| it > self.now) {
            task.times.execution_stopped = Some(self.now);
        }
        self.finish(at);
    }

    /// A task has stopped: nothing is left of it.
    fn finish(&mut self, at: Ref) {
        let task = self.tasks.get_mut(at).expect("a task that stopped lived");
        task.state = TaskState::Stopped;
        task.times.stopped = Some(self.now);
        let template = &self.world.templates[task.template];
        let cluster = template.cluster;
        let ledger = &mut self.world.clusters[cluster];
        let (demand, group, gpus) = (&template.demand, template.group, task.gpus);
        if task.times.placed.is_some() && task.times.released.is_none() {
            task.times.released = Some(self.now);
            if let Some(id) = task.instance() {
                ledger.free(id, demand, group, gpus, Part::Body);
            }
            self.recorder
                .record(self.now, Occurrence::Released(task), &self.world);
        }
        if let Some(id) = task.instance() {
            let ledger = &mut self.world.clusters[cluster];
            ledger.free(id, demand, group, gpus, Part::Interface);
            if self.keeps_aboard {
                self.aboard[cluster][id.index()].leave(task.seat);
            }
        }
        self.hopeless = 0;
        self.recorder
            .record(self.now, Occurrence::Stopped(task), &self.world);
        let host = task.host;
        match host {
            Some(Host::Instance(_)) if self.agents.is_empty() => {}
            Some(Host::Instance(id)) => self.agent_rid(cluster, id, at),
            Some(Host::Fargate { spot, .. }) => self.leave_fargate(at, spot),
            None => self.leave_waiting(at),
        }
        if self.tasks.get(at).is_some_and(|task| task.deployment > 0) {
            self.service_task_stopped(at);
        }
        if let Some(job) = self.tasks.get(at).and_then(|task| task.job) {
            self.attempt_ended(job, at);
        }
        self.tasks.free(at);
    }

    pub(super) fn state(&self, at: Ref) -> Option<TaskState> {
        self.tasks.get(at).map(|task| task.state)
    }

    fn move_to(&mut self, at: Ref, state: TaskState) {
        let task = self.tasks.get_mut(at).expect("a task that moves lives");
        assert!(task.state < state, "a task's status only moves forward");
        task.state = state;
        self.recorder
            .record(self.now, Occurrence::Moved(task), &self.world);
    }

    /// What a task will do: the same whenever and wherever it is placed. Leaves what was drawn on
    /// the desk.
    pub(super) fn life(
        &mut self,
        workload: WorkloadId,
        key: u64,
        behaviour: BehaviourId,
        recorded: Recorded,
    ) -> Life {
        let containers = &self.world.behaviours[behaviour];
        let Desk { drawn, scratch, .. } = &mut self.desk;
        container::draw(containers, &self.streams, workload, key, recorded, drawn);
        let timeline = timeline::timeline(containers, drawn, scratch);
        let end = timeline.end.map(|end| {
            let code = match end.kind {
                EndKind::EssentialContainerExited => StopCode::EssentialContainerExited,
                _ => StopCode::TaskFailedToStart,
            };
            let reason = match end.kind {
                EndKind::EssentialContainerExited => StopReason::EssentialContainer,
                EndKind::DependencyFailed | EndKind::StartTimedOut => StopReason::FailedToStart,
                EndKind::ImagePullFailed => containers[end.container]
                    .image_pull_failure
                    .map_or(StopReason::FailedToStart, |it| StopReason::Text(it.reason)),
            };
            let exits = matches!(
                end.kind,
                EndKind::EssentialContainerExited | EndKind::DependencyFailed
            );
            let run = drawn[end.container].run.filter(|_| exits);
            End {
                stop: Stop { code, reason },
                exit: run.map(|(_, exit)| exit),
                alone: end.alone,
            }
        });
        Life { timeline, end }
    }
}
