//! The life of a task: accepted, placed, begun by the agent, running, stopping, gone.
//!
//! What the containers of a task do is a pure function of its draws
//! ([`crate::workload::timeline`]), so the calendar holds one event a task at a time: its start,
//! its end, or the end of its stop.

use super::event::{Event, Ref};
use super::plan::ResourceRelease;
use super::task::{
    Exit, Health, Host, Recorded, Stop, StopCode, StopReason, Task, TaskState, Times,
};
use super::{Engine, Occurrence, Recorder};
use crate::model::arena::{BehaviourId, Id, TemplateId, WorkloadId};
use crate::model::cluster::Part;
use crate::rng::Purpose;
use crate::time::{SimDuration, SimTime};

/// A task that somebody wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub workload: WorkloadId,
    pub key: u64,
    pub template: TemplateId,
    pub launch: u8,
    pub deployment: u32,
    pub behaviour: BehaviourId,
    pub requested: SimTime,
    pub recorded: Recorded,
}

/// How a task will end by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct End {
    /// Why.
    pub stop: Stop,
    /// How the container exits that ends it.
    pub exit: Option<Exit>,
    /// Whether no other container runs then.
    pub alone: bool,
}

/// What the containers of a task will do, from the moment the agent begins with it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    /// How long images are pulled; absent when none is.
    pub pull: Option<SimDuration>,
    /// When all containers have started; absent when it ends before.
    pub started: Option<SimDuration>,
    /// When and how it ends by itself; absent: it runs until it is stopped.
    pub end: Option<(SimDuration, End)>,
}

impl Life {
    /// How long it runs until it ends by itself.
    pub fn run_time(&self) -> Option<SimDuration> {
        let (end, _) = self.end?;
        Some(end.minus(self.started?))
    }
}

impl<R: Recorder> Engine<'_, R> {
    /// ECS accepts a task: on a host, or to wait for one in PROVISIONING.
    pub(super) fn accept(&mut self, wanted: &Wanted, host: Option<Host>) -> Ref {
        let life = self.life(
            wanted.workload,
            wanted.key,
            wanted.behaviour,
            wanted.recorded,
        );
        self.last_task += 1;
        let task = Task {
            number: self.last_task,
            workload: wanted.workload,
            key: wanted.key,
            template: wanted.template,
            launch: wanted.launch,
            deployment: wanted.deployment,
            behaviour: wanted.behaviour,
            recorded: wanted.recorded,
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
            exits: Box::default(),
            health: Health::Unknown,
            protected_until: SimTime::ZERO,
            end: life.end.map(|(_, end)| end),
            seat: 0,
        };
        self.recorder
            .record(self.now, Occurrence::Accepted(&task), &self.world);
        let at = self.tasks.insert(task);
        if let Some(host) = host {
            self.board(at, host, Some(life));
        }
        at
    }

    /// A task takes its place on a host.
    pub(super) fn board(&mut self, at: Ref, host: Host, life: Option<Life>) {
        let task = self.tasks.get_mut(at).expect("a task that is placed lives");
        let template = &self.world.templates[task.template];
        if let Host::Instance(id) = host {
            let cluster = &mut self.world.clusters[template.cluster];
            task.gpus = cluster.place(id, &template.demand, template.group);
            let aboard = &mut self.aboard[template.cluster][id.index()];
            task.seat = aboard.len() as u32;
            aboard.push(at);
        }
        task.host = Some(host);
        task.times.placed = Some(self.now);
        let delay = match host {
            _ if !template.network_interface => None,
            Host::Instance(_) => Some(self.world.choices.interface_attachment),
            Host::Fargate { .. } => Some(self.world.choices.fargate_provisioning),
        };
        task.state = match delay {
            Some(_) => TaskState::Provisioning,
            None => TaskState::Pending,
        };
        self.recorder
            .record(self.now, Occurrence::Placed(task), &self.world);
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

    /// A task comes to the agent of its instance, which may make it wait.
    fn arrive(&mut self, at: Ref, life: Option<Life>) {
        self.begin(at, life);
    }

    /// The agent begins with a task: it has what it needs.
    pub(super) fn begin(&mut self, at: Ref, life: Option<Life>) {
        let life = life.unwrap_or_else(|| {
            let task = self.tasks.get(at).expect("a task that begins lives");
            self.life(task.workload, task.key, task.behaviour, task.recorded)
        });
        let task = self.tasks.get_mut(at).expect("a task that begins lives");
        task.times.begun = Some(self.now);
        task.times.pull = life.pull;
        match (life.started, life.end) {
            (Some(SimDuration::ZERO), _) => self.start(at),
            (Some(started), _) => self.schedule(self.now + started, Event::TaskStarted(at)),
            (None, Some((end, _))) => self.schedule(self.now + end, Event::TaskEnds(at)),
            (None, None) => {}
        }
    }

    pub(super) fn task_started(&mut self, at: Ref) {
        if self.state(at) == Some(TaskState::Pending) {
            self.start(at);
        }
    }

    fn start(&mut self, at: Ref) {
        let task = self.tasks.get_mut(at).expect("a task that starts lives");
        task.state = TaskState::Running;
        task.times.started = Some(self.now);
        let ends = task.run_time.map(|run_time| self.now + run_time);
        self.recorder
            .record(self.now, Occurrence::Started(task), &self.world);
        if let Some(ends) = ends {
            self.schedule(ends, Event::TaskEnds(at));
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
    pub(super) fn stop(&mut self, at: Ref, stop: Stop) {
        let Some(task) = self.tasks.get_mut(at).filter(|task| task.is_desired()) else {
            return;
        };
        task.stop = Some(stop);
        task.times.stopping = Some(self.now);
        let state = task.state;
        self.leave(at);
        match state {
            TaskState::Waiting | TaskState::Provisioning | TaskState::Queued => self.detach(at),
            TaskState::Pending | TaskState::Activating | TaskState::Running => self.signal(at),
            TaskState::Deactivating
            | TaskState::Stopping
            | TaskState::Deprovisioning
            | TaskState::Stopped => unreachable!("a task that is meant to run does not stop"),
        }
    }

    /// A task is no longer meant to run: it no longer counts for placement, and what it holds may be
    /// promised to others [U-16].
    fn leave(&mut self, at: Ref) {
        let task = self.tasks.get_mut(at).expect("a task that leaves lives");
        let template = &self.world.templates[task.template];
        let cluster = &mut self.world.clusters[template.cluster];
        let at_once = self.world.choices.release == ResourceRelease::OnStopping;
        match task.instance() {
            Some(id) if at_once => {
                cluster.leave_and_free(id, &template.demand, template.group, task.gpus);
            }
            Some(id) => cluster.leave(id, template.group),
            None => {}
        }
        self.recorder
            .record(self.now, Occurrence::Stopping(task), &self.world);
        if at_once && task.times.placed.is_some() {
            task.times.released = Some(self.now);
            self.recorder
                .record(self.now, Occurrence::Released(task), &self.world);
            self.hopeless = 0;
        }
    }

    /// CPU, memory, GPUs and ports of a task are free for others.
    fn release(&mut self, at: Ref) {
        let task = self.tasks.get_mut(at).expect("a task that releases lives");
        if task.times.placed.is_none() || task.times.released.is_some() {
            return;
        }
        task.times.released = Some(self.now);
        let template = &self.world.templates[task.template];
        if let Some(id) = task.instance() {
            let cluster = &mut self.world.clusters[template.cluster];
            cluster.free(id, &template.demand, template.group, task.gpus, Part::Body);
        }
        self.recorder
            .record(self.now, Occurrence::Released(task), &self.world);
        self.hopeless = 0;
    }

    /// The containers of a task get their stop signal.
    fn signal(&mut self, at: Ref) {
        let task = self.tasks.get_mut(at).expect("a task that stops lives");
        if let Some(end) = task.end.filter(|end| task.stop == Some(end.stop)) {
            task.exit = end.exit;
        }
        task.times.execution_stopped = Some(self.now);
        self.detach(at);
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
            Some(Host::Fargate { .. }) => choices.fargate_deprovisioning,
            None => SimDuration::ZERO,
        };
        if delay == SimDuration::ZERO {
            return self.finish(at);
        }
        self.move_to(at, TaskState::Deprovisioning);
        self.schedule(self.now + delay, Event::InterfaceDetached(at));
    }

    pub(super) fn interface_detached(&mut self, at: Ref) {
        if self.state(at) == Some(TaskState::Deprovisioning) {
            self.finish(at);
        }
    }

    /// A task has stopped: nothing is left of it.
    pub(super) fn finish(&mut self, at: Ref) {
        self.release(at);
        let mut task = self.tasks.remove(at).expect("a task that stopped lived");
        task.state = TaskState::Stopped;
        task.times.stopped = Some(self.now);
        let template = &self.world.templates[task.template];
        if let Some(id) = task.instance() {
            let cluster = &mut self.world.clusters[template.cluster];
            cluster.free(
                id,
                &template.demand,
                template.group,
                task.gpus,
                Part::Interface,
            );
            let aboard = &mut self.aboard[template.cluster][id.index()];
            aboard.swap_remove(task.seat as usize);
            if let Some(moved) = aboard.get(task.seat as usize) {
                let moved = self.tasks.get_mut(*moved).expect("tasks aboard live");
                moved.seat = task.seat;
            }
        }
        self.hopeless = 0;
        self.recorder
            .record(self.now, Occurrence::Stopped(&task), &self.world);
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

    /// What a task will be like: the same whenever and wherever it is placed.
    pub(super) fn life(
        &self,
        workload: WorkloadId,
        key: u64,
        behaviour: BehaviourId,
        recorded_: Recorded,
    ) -> Life {
        let containers = &self.world.behaviours[behaviour];
        let (major, minor) = (workload.index() as u64, key);
        let mut run_times = self.streams.stream(Purpose::RunTime, major, minor);
        let (mut image_pull, mut run, mut exit) = (None, None, Exit::default());
        let mut exits_first: Option<usize> = None;
        let mut recorded = recorded_.duration;
        for (index, container) in containers.iter().enumerate() {
            let mut run_time = container
                .duration
                .as_ref()
                .map(|duration| duration.sample(&mut run_times));
            if container.essential {
                // What a trace has recorded is of the first essential container.
                run_time = recorded.take().or(run_time);
                if let Some(run_time) = run_time.filter(|span| run.is_none_or(|run| *span < run)) {
                    (exits_first, run) = (Some(index), Some(run_time));
                }
            }
            if let Some(sampler) = &container.image_pull {
                let pull = sampler.sample(&mut self.streams.stream(
                    Purpose::ImagePull,
                    major,
                    minor << 8 | index as u64,
                ));
                image_pull = image_pull.max(Some(pull));
            }
        }
        if let Some(container) = exits_first.map(|index| &containers[index]) {
            let drawn = container
                .exits
                .sample(|| self.streams.stream(Purpose::Exit, major, minor));
            exit = Exit {
                code: container.exits.exits()[drawn].exit_code,
                reason: container.reasons[drawn],
            };
        }
        if let Some(code) = recorded_.exit_code {
            exit = Exit { code, reason: None };
        }
        let started = image_pull.unwrap_or(SimDuration::ZERO);
        let stop = Stop {
            code: StopCode::EssentialContainerExited,
            reason: StopReason::EssentialContainer,
        };
        let end = End {
            stop,
            exit: Some(exit),
            alone: true,
        };
        Life {
            pull: image_pull,
            started: Some(started),
            end: run.map(|run| (started + run, end)),
        }
    }
}
