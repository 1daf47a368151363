//! The simulation itself: the loop, the one dispatch, and what each event does.
//!
//! Time stands still while an instant is worked off: all events due at it are applied in the order
//! of their classes ([`event`]), then waiting callers are served; what falls due at this same
//! instant meanwhile makes a further round. Then time moves to the next event. [`run`] gives no
//! `Result`: all that can be wrong with the input is found before the clock starts.
//!
//! The engine keeps no statistics. It tells a [`Recorder`] what happens, and that is all that
//! leaves it.

pub mod calendar;
pub mod event;
pub mod slots;
pub mod task;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::model::arena::{Arena, ClusterId, Id, InstanceId, RulesId, TemplateId, WorkloadId};
use crate::model::cluster::Cluster;
use crate::model::instance::InstanceStatus;
use crate::model::request::{Request, Rules, Template};
use crate::placement::constraint::{Reason, Refusal, first_failure};
use crate::placement::index::Index;
use crate::placement::scan;
use crate::rng::{Draw, Purpose, Streams};
use crate::time::{SimDuration, SimTime};
use crate::workload::container::{self, Recorded};
use crate::workload::{Call, MAX_COUNT, OnFailure, Submission, Submissions, Target, Workload};
use calendar::Calendar;
use event::{Event, Ref};
use slots::Slots;
use task::{Exit, Task, TaskState};

/// Everything that a run needs, checked and resolved.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Seed of all random streams.
    pub seed: u64,
    /// Where the run stops; absent: when all work has ended. What falls due at it is not done.
    pub horizon: Option<SimTime>,
    /// Statistics begin here.
    pub warm_up: SimTime,
    /// Clusters, rules, templates.
    pub world: World,
    /// Who asks for tasks.
    pub workloads: Arena<WorkloadId, Workload>,
}

/// What a run acts on: the clusters, and what requests refer to.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Clusters with their instances.
    pub clusters: Arena<ClusterId, Cluster>,
    /// Placement rules.
    pub rules: Arena<RulesId, Rules>,
    /// Kinds of request.
    pub templates: Arena<TemplateId, Template>,
    /// Container reasons, see [`Exit::reason`].
    pub reasons: Vec<String>,
}

/// A request of a caller, as long as some of its tasks are not placed.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCall {
    /// Whose it is.
    pub workload: WorkloadId,
    /// Number among the calls of the workload, from 0.
    pub number: u64,
    /// What its tasks are.
    pub template: TemplateId,
    /// When it was first made.
    pub requested_at: SimTime,
    /// How many tasks it wanted in the beginning.
    pub count: u32,
    /// How many of them are still to be placed.
    pub missing: u32,
    /// How often ECS was asked, this time included.
    pub attempts: u32,
    duration: Option<SimDuration>,
    exit_code: Option<u8>,
    /// StartTask: where the missing ones are to go.
    targets: Vec<Target>,
    delay: SimDuration,
    deadline: Option<SimTime>,
    /// Version of the cluster when ECS last refused.
    refused_at: u64,
}

/// What happens to tasks that were not placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The caller asks again then.
    RetryAt(SimTime),
    /// They stand in the caller's queue.
    Queued,
    /// They are never run.
    GivenUp,
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Occurrence<'a> {
    /// A caller asks for tasks, for the first time.
    Requested(&'a PendingCall),
    /// A call joined its caller's queue behind others, without ECS being asked.
    Queued(&'a PendingCall),
    /// ECS did not place all tasks of a call.
    Refused {
        /// The call; `missing` tells how many tasks.
        call: &'a PendingCall,
        /// Why not.
        refusal: &'a Refusal,
        /// What comes of them.
        next: Next,
    },
    /// A caller gives up on the tasks that are missing.
    GaveUp {
        /// The call.
        call: &'a PendingCall,
        /// How long those tasks would have run, together.
        run_time: SimDuration,
    },
    /// A call with a known client token was answered with the tasks of the first such call.
    Repeated {
        /// The call.
        call: &'a PendingCall,
        /// Whether it was noted as requested before, and waited.
        waited: bool,
    },
    /// A task was accepted and placed.
    Placed(&'a Task),
    /// A task began to run.
    Started(&'a Task),
    /// A task ended.
    Stopped(&'a Task),
}

/// Is told what happens, in order.
pub trait Recorder {
    /// `occurrence` happened at `now`; the world is as it is right after it.
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World);

    /// All that falls due at `now` has been done; time moves on next.
    fn settled(&mut self, now: SimTime, world: &World) {
        let _ = (now, world);
    }

    /// Statistics begin at `at`; told before anything that happens at it.
    fn warmed_up(&mut self, at: SimTime, world: &World) {
        let _ = (at, world);
    }

    /// The run has come to `now` after `events` events; told every now and then.
    fn progress(&mut self, now: SimTime, events: u64) {
        let _ = (now, events);
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// When: the horizon, or the moment of the last event.
    pub end: SimTime,
    /// The clusters as they were then.
    pub world: World,
    /// Tasks that had not stopped, in order of their numbers.
    pub live: Vec<Task>,
    /// Calls with tasks that were not placed and not given up, in order of request, with the reason
    /// that placement gives at the end.
    pub waiting: Vec<Waiting>,
    /// Events handled.
    pub events: u64,
    /// Placement decisions made.
    pub decisions: u64,
}

/// A call that waits at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The call; `missing` tells how many tasks.
    pub call: PendingCall,
    /// What placement would answer now.
    pub refusal: Refusal,
    /// How long the missing tasks would run, together.
    pub run_time: SimDuration,
}

/// Runs a plan to its end.
///
/// # Panics
/// When the engine breaks one of its own rules (an instance takes more than it has, time goes
/// back); never because of the plan.
pub fn run<R: Recorder>(plan: Plan, recorder: &mut R) -> Outcome {
    let mut engine = Engine::new(plan, recorder);
    engine.run();
    engine.outcome()
}

/// Rounds at one instant after which the run is in a loop.
const MOST_ROUNDS: u32 = 100_000_000;

struct Engine<'r, R> {
    streams: Streams,
    horizon: Option<SimTime>,
    warm_up: Option<SimTime>,
    world: World,
    indexes: Arena<ClusterId, Index>,
    workloads: Arena<WorkloadId, Workload>,
    sources: Arena<WorkloadId, Source>,
    calendar: Calendar<Event>,
    tasks: Slots<Task>,
    calls: Slots<PendingCall>,
    /// The calls that each workload keeps waiting under `x-fcfs`.
    queues: Arena<WorkloadId, VecDeque<Ref>>,
    /// Which call a client token belongs to, and until when it is remembered.
    tokens: FxHashMap<(ClusterId, String), (WorkloadId, u64, SimTime)>,
    now: SimTime,
    last_task: u64,
    events: u64,
    decisions: u64,
    open_sources: usize,
    hopeless: u64,
    recorder: &'r mut R,
}

struct Source {
    submissions: Submissions,
    next: Option<Submission>,
    made: u64,
}

/// How long a client token is remembered: exactly 24 hours.
/// Source: ECS developer guide, "Ensuring idempotency" ("up to 24 hours").
const TOKEN_LIFE: SimDuration = SimDuration::from_secs(24 * 3600);

impl<'r, R: Recorder> Engine<'r, R> {
    fn new(plan: Plan, recorder: &'r mut R) -> Self {
        let streams = Streams::new(plan.seed);
        let mut world = plan.world;
        track_spreads(&mut world);
        let indexes = world
            .clusters
            .ids()
            .map(|_| Index::new(world.rules.items()))
            .collect();
        let mut engine = Engine {
            streams,
            horizon: plan.horizon,
            warm_up: Some(plan.warm_up),
            world,
            indexes,
            sources: Arena::new(),
            queues: plan.workloads.ids().map(|_| VecDeque::new()).collect(),
            workloads: plan.workloads,
            calendar: Calendar::new(),
            tasks: Slots::new(),
            calls: Slots::new(),
            tokens: FxHashMap::default(),
            now: SimTime::ZERO,
            last_task: 0,
            events: 0,
            decisions: 0,
            open_sources: 0,
            hopeless: 0,
            recorder,
        };
        for (id, workload) in engine.workloads.iter() {
            let mut submissions = workload.submissions(id, &streams);
            let next = submissions.next();
            if let Some(first) = next {
                engine.open_sources += 1;
                engine
                    .calendar
                    .schedule(first.at, Event::Arrival(id).class(), Event::Arrival(id));
            }
            engine.sources.push(Source {
                submissions,
                next,
                made: 0,
            });
        }
        engine
    }

    fn run(&mut self) {
        let mut due = Vec::new();
        while let Some(at) = self.calendar.next_time() {
            // Time ends somewhere: at its last moment everything would happen at once for ever.
            if at >= self.horizon.unwrap_or(SimTime::MAX) {
                break;
            }
            self.warm_up_until(at);
            self.now = at;
            let mut rounds = 0;
            while self.calendar.next_time() == Some(at) {
                self.calendar.drain_instant(&mut due);
                for event in due.drain(..) {
                    self.handle(event);
                }
                self.serve_queues();
                rounds += 1;
                assert!(rounds < MOST_ROUNDS, "the events at {at} s never end");
            }
            self.recorder.settled(at, &self.world);
            if self.horizon.is_none() && self.is_stuck() {
                break;
            }
        }
        self.now = self.horizon.unwrap_or(self.now);
        self.warm_up_until(self.now);
        // A warm-up that outlasts the run leaves no time and nobody to measure.
        if self.warm_up.take().is_some() {
            self.recorder.warmed_up(self.now, &self.world);
        }
    }

    fn warm_up_until(&mut self, at: SimTime) {
        if self.warm_up.is_some_and(|warm_up| warm_up <= at) {
            let warm_up = self.warm_up.take().unwrap_or(at);
            self.recorder.warmed_up(warm_up, &self.world);
        }
    }

    fn handle(&mut self, event: Event) {
        self.events += 1;
        if self.events.is_multiple_of(1 << 14) {
            self.recorder.progress(self.now, self.events);
        }
        match event {
            Event::TaskStarted(task) => self.task_started(task),
            Event::TaskExited(task) => self.task_exited(task),
            Event::Arrival(workload) => self.arrivals(workload),
            Event::CallDue(call) => self.call_due(call),
        }
    }

    fn schedule(&mut self, at: SimTime, event: Event) {
        self.calendar.schedule(at, event.class(), event);
    }

    /// All calls that a workload makes now; the next later one is scheduled.
    fn arrivals(&mut self, id: WorkloadId) {
        while let Some(submission) = self.sources[id].next {
            if submission.at > self.now {
                self.schedule(submission.at, Event::Arrival(id));
                return;
            }
            let source = &mut self.sources[id];
            let number = source.made;
            source.made += 1;
            source.next = source.submissions.next();
            self.first_call(id, number, submission);
        }
        self.open_sources -= 1;
    }

    fn first_call(&mut self, id: WorkloadId, number: u64, submission: Submission) {
        let workload = &self.workloads[id];
        let (template, count, targets) = match &workload.call {
            Call::RunTask {
                template, count, ..
            } => (*template, submission.count.unwrap_or(*count), Vec::new()),
            Call::StartTask {
                template,
                instances,
            } => (*template, instances.len() as u32, instances.clone()),
        };
        let (delay, deadline) = match workload.on_failure {
            OnFailure::Retry {
                first,
                give_up_after,
                ..
            } => (first, give_up_after.map(|span| self.now + span)),
            OnFailure::GiveUp | OnFailure::Queue => (SimDuration::ZERO, None),
        };
        let mut call = PendingCall {
            workload: id,
            number,
            template: submission.template.unwrap_or(template),
            requested_at: self.now,
            count,
            missing: count,
            attempts: 0,
            duration: submission.duration,
            exit_code: submission.exit_code,
            targets,
            delay,
            deadline,
            refused_at: 0,
        };
        if self.is_repeated(&call) {
            self.repeated(&call, false);
            return;
        }
        self.recorder
            .record(self.now, Occurrence::Requested(&call), &self.world);
        if self.workloads[id].on_failure == OnFailure::Queue && !self.queues[id].is_empty() {
            self.recorder
                .record(self.now, Occurrence::Queued(&call), &self.world);
            let call = self.calls.insert(call);
            self.queues[id].push_back(call);
            return;
        }
        if let Some(refusal) = self.ask(&mut call) {
            self.refused(call, &refusal);
        }
    }

    /// Whether another call with the same client token was answered less than 24 hours ago with
    /// some task. Such a call starts nothing. Source: ECS API reference, RunTask, `clientToken`.
    fn is_repeated(&self, call: &PendingCall) -> bool {
        let Some(token) = self.token(call) else {
            return false;
        };
        self.tokens
            .get(&token)
            .is_some_and(|(workload, number, until)| {
                (*workload, *number) != (call.workload, call.number) && self.now < *until
            })
    }

    fn token(&self, call: &PendingCall) -> Option<(ClusterId, String)> {
        match &self.workloads[call.workload].call {
            Call::RunTask {
                client_token: Some(token),
                ..
            } => Some((self.world.templates[call.template].cluster, token.clone())),
            Call::RunTask { .. } | Call::StartTask { .. } => None,
        }
    }

    fn remember_token(&mut self, call: &PendingCall) {
        if let Some(token) = self.token(call) {
            let until = self.now + TOKEN_LIFE;
            self.tokens
                .insert(token, (call.workload, call.number, until));
        }
    }

    fn repeated(&mut self, call: &PendingCall, waited: bool) {
        let occurrence = Occurrence::Repeated { call, waited };
        self.recorder.record(self.now, occurrence, &self.world);
    }

    /// A caller asks again, or gives up.
    fn call_due(&mut self, at: Ref) {
        let Some(mut call) = self.calls.remove(at) else {
            return;
        };
        if call.deadline.is_some_and(|deadline| deadline <= self.now) {
            self.give_up(&call);
            return;
        }
        if self.is_repeated(&call) {
            self.repeated(&call, true);
            return;
        }
        if let Some(refusal) = self.ask(&mut call) {
            self.refused(call, &refusal);
        }
    }

    /// Asks ECS for the missing tasks of a call. Gives the reason when some stay missing.
    fn ask(&mut self, call: &mut PendingCall) -> Option<Refusal> {
        if call.targets.is_empty() {
            self.run_task(call).then(|| self.refusal(call))
        } else {
            self.start_task(call)
        }
    }

    /// The same, when nobody wants to know the reason: whether some stay missing.
    fn ask_again(&mut self, call: &mut PendingCall) -> bool {
        if call.targets.is_empty() {
            self.run_task(call)
        } else {
            self.start_task(call).is_some()
        }
    }

    /// RunTask: one task at a time, the state updated between [U-01]; once one cannot be placed none
    /// of the rest can, for they are alike and nothing is released meanwhile. Whether some stay
    /// missing.
    ///
    /// Source: ECS API reference, RunTask; ECS developer guide, "Task placement".
    fn run_task(&mut self, call: &mut PendingCall) -> bool {
        let had = call.missing;
        while call.missing > 0 {
            let Some(instance) = self.choose(call) else {
                break;
            };
            self.place(call, instance);
        }
        self.answered(call, had);
        call.missing > 0
    }

    /// StartTask: each named instance is judged by itself. Its rules carry the task definition's
    /// constraints only when the scenario wants them checked [U-13].
    ///
    /// Source: ECS API reference, StartTask.
    fn start_task(&mut self, call: &mut PendingCall) -> Option<Refusal> {
        let had = call.missing;
        let mut refusal = Refusal::default();
        let mut failed = Vec::new();
        for target in std::mem::take(&mut call.targets) {
            self.decisions += 1;
            match self.judge(call.template, target) {
                Ok(instance) => self.place(call, instance),
                Err(reason) => {
                    refusal.add(reason);
                    failed.push(target);
                }
            }
        }
        let refused = !failed.is_empty();
        call.targets = failed;
        self.answered(call, had);
        refused.then_some(refusal)
    }

    /// ECS has answered a call of which `had` tasks were missing.
    fn answered(&mut self, call: &mut PendingCall, had: u32) {
        call.attempts += 1;
        if call.missing < had {
            self.hopeless = 0;
            self.remember_token(call);
        } else {
            self.hopeless += 1;
        }
    }

    /// Why the missing tasks of a call cannot be placed now.
    fn refusal(&self, call: &PendingCall) -> Refusal {
        if call.targets.is_empty() {
            let template = &self.world.templates[call.template];
            return scan::refusal(
                &self.world.clusters[template.cluster],
                &request(&self.world, call.template),
            );
        }
        let mut refusal = Refusal::default();
        for reason in call
            .targets
            .iter()
            .filter_map(|target| self.judge(call.template, *target).err())
        {
            refusal.add(reason);
        }
        refusal
    }

    fn judge(&self, template: TemplateId, target: Target) -> Result<InstanceId, Reason> {
        let Target::Known(id) = target else {
            return Err(Reason::Missing);
        };
        let cluster = &self.world.clusters[self.world.templates[template].cluster];
        if cluster.instances()[id].status != InstanceStatus::Active {
            return Err(Reason::Inactive);
        }
        match first_failure(cluster, id, &request(&self.world, template)) {
            Some(reason) => Err(reason),
            None => Ok(id),
        }
    }

    fn choose(&mut self, call: &PendingCall) -> Option<InstanceId> {
        self.decisions += 1;
        let minor = task_key(call);
        let mut draw = Draw::new(
            self.streams,
            Purpose::RandomPlacement,
            call.workload.index() as u64,
            minor,
        );
        let cluster = self.world.templates[call.template].cluster;
        let request = request(&self.world, call.template);
        self.indexes[cluster].choose(&self.world.clusters[cluster], &request, &mut draw)
    }

    /// Creates the next missing task of a call on an instance.
    fn place(&mut self, call: &mut PendingCall, instance: InstanceId) {
        let template = &self.world.templates[call.template];
        let cluster = &mut self.world.clusters[template.cluster];
        let gpus = cluster.place(instance, &template.demand, template.group);
        let life = self.draw_life(call);
        call.missing -= 1;
        self.last_task += 1;
        let mut task = Task {
            number: self.last_task,
            workload: call.workload,
            template: call.template,
            instance,
            gpus,
            requested_at: call.requested_at,
            created_at: self.now,
            image_pull: life.image_pull,
            run_time: life.run_time,
            exit: life.exit,
            state: if self.world.templates[call.template].starts_in_provisioning {
                TaskState::Provisioning
            } else {
                TaskState::Pending
            },
        };
        self.recorder
            .record(self.now, Occurrence::Placed(&task), &self.world);
        match task.image_pull {
            Some(pull) => {
                task.state = TaskState::Pending;
                let at = self.now + pull;
                let task = self.tasks.insert(task);
                self.schedule(at, Event::TaskStarted(task));
            }
            None => {
                // Nothing to wait for: it runs at once.
                task.state = TaskState::Running { since: self.now };
                self.recorder
                    .record(self.now, Occurrence::Started(&task), &self.world);
                let at = self.now + task.run_time;
                let task = self.tasks.insert(task);
                self.schedule(at, Event::TaskExited(task));
            }
        }
    }

    /// What the next missing task of a call will be like: the same whenever and wherever it is placed.
    fn draw_life(&self, call: &PendingCall) -> Life {
        let containers = &self.workloads[call.workload].containers;
        let recorded = Recorded {
            duration: call.duration,
            exit_code: call.exit_code,
        };
        let mut drawn = Vec::new();
        container::draw(
            containers,
            &self.streams,
            call.workload,
            task_key(call),
            recorded,
            &mut drawn,
        );
        let runs = containers.iter().zip(&drawn);
        let runs = runs.filter(|(container, _)| container.essential);
        let first = runs.filter_map(|(_, drawn)| drawn.run);
        let (run_time, exit) = first.min_by_key(|(span, _)| *span).unwrap_or_default();
        Life {
            image_pull: drawn.iter().filter_map(|drawn| drawn.pull).max(),
            run_time,
            exit: Exit {
                code: exit.code,
                reason: exit.reason,
            },
        }
    }

    fn task_started(&mut self, at: Ref) {
        let Some(task) = self.tasks.get_mut(at) else {
            return;
        };
        task.state = TaskState::Running { since: self.now };
        let ends = self.now + task.run_time;
        self.recorder
            .record(self.now, Occurrence::Started(task), &self.world);
        self.schedule(ends, Event::TaskExited(at));
    }

    /// An essential container has exited: the task stops, and what it held is free again.
    fn task_exited(&mut self, at: Ref) {
        let Some(mut task) = self.tasks.remove(at) else {
            return;
        };
        let started_at = task.started_at().expect("a task runs before it exits");
        task.state = TaskState::Stopped {
            started_at,
            at: self.now,
        };
        let template = &self.world.templates[task.template];
        let cluster = &mut self.world.clusters[template.cluster];
        cluster.release(task.instance, &template.demand, template.group, task.gpus);
        self.hopeless = 0;
        self.recorder
            .record(self.now, Occurrence::Stopped(&task), &self.world);
    }

    /// Decides what comes of the missing tasks of a call, as its workload's `onFailure` says.
    fn refused(&mut self, mut call: PendingCall, refusal: &Refusal) {
        call.refused_at =
            self.world.clusters[self.world.templates[call.template].cluster].version();
        let next = match self.workloads[call.workload].on_failure {
            OnFailure::GiveUp => Next::GivenUp,
            OnFailure::Queue => Next::Queued,
            OnFailure::Retry {
                factor, at_most, ..
            } => {
                let at = self.now + call.delay;
                let at = call.deadline.map_or(at, |deadline| deadline.min(at));
                call.delay = SimDuration::from_secs_f64(call.delay.secs() * factor).min(at_most);
                Next::RetryAt(at)
            }
        };
        self.recorder.record(
            self.now,
            Occurrence::Refused {
                call: &call,
                refusal,
                next,
            },
            &self.world,
        );
        match next {
            Next::GivenUp => self.give_up(&call),
            Next::RetryAt(at) => {
                let call = self.calls.insert(call);
                self.schedule(at, Event::CallDue(call));
            }
            Next::Queued => {
                let id = call.workload;
                let call = self.calls.insert(call);
                self.queues[id].push_back(call);
            }
        }
    }

    fn give_up(&mut self, call: &PendingCall) {
        let run_time = self.missing_run_time(call);
        self.recorder
            .record(self.now, Occurrence::GaveUp { call, run_time }, &self.world);
    }

    /// How long the missing tasks of a call would run, together.
    fn missing_run_time(&self, call: &PendingCall) -> SimDuration {
        let mut call = call.clone();
        let mut sum = SimDuration::ZERO;
        while call.missing > 0 {
            sum = sum + self.draw_life(&call).run_time;
            call.missing -= 1;
        }
        sum
    }

    /// Lets the head of each queue ask again where the cluster has changed since it was refused,
    /// until no head finds a place any more.
    fn serve_queues(&mut self) {
        let mut served = true;
        while served {
            served = false;
            for id in self.workloads.ids() {
                while let Some(head) = self.queues[id].front().copied() {
                    if !self.serve(id, head) {
                        break;
                    }
                    served = true;
                }
            }
        }
    }

    /// Whether the head of a queue could be placed whole. What could not keeps the place.
    fn serve(&mut self, id: WorkloadId, head: Ref) -> bool {
        let Some(call) = self.calls.get(head) else {
            return false;
        };
        let cluster = self.world.templates[call.template].cluster;
        if call.refused_at == self.world.clusters[cluster].version() {
            return false;
        }
        let mut call = call.clone();
        if self.is_repeated(&call) {
            self.repeated(&call, true);
            self.calls.remove(head);
            self.queues[id].pop_front();
            return true;
        }
        let unplaced = self.ask_again(&mut call);
        call.refused_at = self.world.clusters[cluster].version();
        match self.calls.get_mut(head) {
            Some(place) if unplaced => *place = call,
            _ => {
                self.calls.remove(head);
                self.queues[id].pop_front();
            }
        }
        !unplaced
    }

    /// Whether nothing can change any more: no task runs, nobody new will ask, and everyone who
    /// asks again for ever has been refused since the last change.
    fn is_stuck(&mut self) -> bool {
        if !self.tasks.is_empty()
            || self.open_sources > 0
            || self.hopeless < self.calls.len() as u64
        {
            return false;
        }
        // Looked at once in as many refusals as there are callers, so that a refusal costs the same
        // however many wait.
        self.hopeless = 0;
        self.calls.iter().all(|call| {
            let cluster = &self.world.clusters[self.world.templates[call.template].cluster];
            let queued = self.workloads[call.workload].on_failure == OnFailure::Queue;
            call.deadline.is_none() && (queued || call.refused_at == cluster.version())
        })
    }

    fn outcome(self) -> Outcome {
        let mut live: Vec<Task> = self.tasks.iter().cloned().collect();
        live.sort_by_key(|task| task.number);
        let mut waiting: Vec<PendingCall> = self.calls.iter().cloned().collect();
        waiting.sort_by_key(|call| (call.requested_at, call.workload, call.number));
        let waiting = waiting.into_iter().map(|call| {
            let refusal = self.refusal(&call);
            let run_time = self.missing_run_time(&call);
            Waiting {
                call,
                refusal,
                run_time,
            }
        });
        let waiting = waiting.collect();
        Outcome {
            end: self.now,
            live,
            waiting,
            world: self.world,
            events: self.events,
            decisions: self.decisions,
        }
    }
}

/// What a task will be like.
struct Life {
    image_pull: Option<SimDuration>,
    run_time: SimDuration,
    exit: Exit,
}

/// Key of the next missing task of a call among all tasks of its workload: it does not depend on
/// when or how often the call was made.
fn task_key(call: &PendingCall) -> u64 {
    call.number * MAX_COUNT + u64::from(call.count - call.missing)
}

fn request(world: &World, template: TemplateId) -> Request<'_> {
    let template = &world.templates[template];
    Request {
        rules_id: template.rules,
        rules: &world.rules[template.rules],
        demand: &template.demand,
        group: template.group,
    }
}

/// Has every cluster count what the strategies of its templates spread over.
fn track_spreads(world: &mut World) {
    for (_, template) in world.templates.iter() {
        for rule in &world.rules[template.rules].strategies {
            if let crate::model::request::StrategyRule::SpreadAttribute(name) = rule {
                world.clusters[template.cluster].track(template.group, name);
            }
        }
    }
}
