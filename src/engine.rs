//! The simulation itself: the loop, the one dispatch, and what each event does.
//!
//! Time stands still while an instant is worked off: all events due at it are applied in the order
//! of their classes ([`event`]), then whoever waits is served (tasks in PROVISIONING, services,
//! callers); what falls due at this same instant meanwhile makes a further round. Then time moves to
//! the next event. [`run`] gives no `Result`: all that can be wrong with the input is found before
//! the clock starts.
//!
//! What happens to whom: [`plan`] is what a run is made of; `calls` are RunTask and StartTask,
//! `lifecycle` is the life of a task on its host, `agents` what an instance's agent makes wait,
//! `waiting` the tasks in PROVISIONING, `instances` container instances that come and go,
//! `scaling` their capacity providers, `fargate` the hosts that nobody sees, `services` the service
//! scheduler, `actions` what is done from outside, [`amend`] what would have been, [`standing`] whose
//! turn it is in the queues of AWS Batch.
//!
//! The engine keeps no statistics. It tells a [`Recorder`] what happens, and that is all that
//! leaves it.

mod actions;
mod agents;
pub mod amend;
mod backfill;
mod berths;
pub mod calendar;
mod calls;
mod environments;
pub mod event;
mod expected;
mod fargate;
mod gangs;
mod instances;
pub mod job;
mod jobs;
mod lifecycle;
pub mod plan;
mod queues;
mod scale_up;
mod scaling;
mod services;
pub mod slots;
pub mod standing;
pub mod task;
mod waiting;

use crate::model::instance::Description;
use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::engine::job::{Job, JobStatus};
use crate::model::arena::{
    Arena, ClusterId, GroupId, InstanceId, JobId, JobKindId, ProviderId, WorkloadId,
};
use crate::model::request::{Constraint, StrategyRule};
use crate::placement::constraint::{Reason, Refusal};
use crate::placement::index::Index;
use crate::rng::Streams;
use crate::time::{SimDuration, SimTime};
use crate::workload::{Submission, Submissions};
use agents::Agent;
use amend::Amendment;
use berths::Berths;
use calendar::Calendar;
pub use calls::PendingCall;
pub(crate) use calls::request;
use event::{Event, Ref};
use fargate::Fleet;
use instances::Launching;
use jobs::Jobs;
use lifecycle::Desk;
use plan::{Action, Deed, Faults};
pub use plan::{Plan, World};
use scaling::Group;
use services::ServiceState;
use slots::Slots;
use standing::Head;
use task::Task;
use waiting::Line;

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
    /// ECS did not accept all tasks of a call.
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
    /// A task was accepted; of a service, it was asked for in the same breath.
    Accepted(&'a Task),
    /// A task was placed: its resources are taken.
    Placed(&'a Task),
    /// A task came to another state; that it runs or has stopped is told by itself.
    Moved(&'a Task),
    /// A task began to run.
    Started(&'a Task),
    /// The health of a task changed.
    HealthChanged(&'a Task),
    /// A task is no longer meant to run.
    Stopping(&'a Task),
    /// CPU, memory, GPUs and ports of a task are free for others again.
    Released(&'a Task),
    /// A task ended. Its network interface is free again.
    Stopped(&'a Task),
    /// Something happened to a container instance.
    Instance {
        /// Its cluster.
        cluster: ClusterId,
        /// Which.
        instance: InstanceId,
        /// What.
        change: InstanceChange,
    },
    /// A capacity provider was looked at, or its group was resized.
    Scaled(&'a Scaled),
    /// A service has something to say.
    Service(&'a ServiceNote),
    /// A job of AWS Batch was made, or came to another state.
    Job {
        /// Which.
        id: JobId,
        /// The job, in its new state.
        job: &'a Job,
        /// The state it was in; absent when it was just made.
        from: Option<JobStatus>,
    },
    /// An attempt of a job has ended: the last of its list.
    Attempt {
        /// Which job.
        id: JobId,
        /// The job.
        job: &'a Job,
    },
    /// The head of a queue cannot start as things are; its reason says why. Told when that reason is
    /// set first, and when it changes. Source: AWS Batch user guide, "Blocked job queue events".
    JobBlocked {
        /// Which job.
        id: JobId,
        /// The job.
        job: &'a Job,
    },
    /// A SubmitJob call was refused: its queue takes no jobs, or it depends on one that is not there.
    JobRefused {
        /// Whose call.
        workload: WorkloadId,
        /// What it would have been.
        kind: JobKindId,
    },
}

/// What happens to a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceChange {
    /// It registered.
    Registered,
    /// It takes tasks again.
    Activated,
    /// It takes no more tasks.
    Draining,
    /// Its agent is connected again.
    Connected,
    /// Its agent lost the connection.
    Disconnected,
    /// Amazon EC2 takes it back in two minutes.
    SpotNotice,
    /// It was deregistered; the machine goes on.
    Deregistered,
    /// The machine is gone.
    Terminated,
    /// A call about it failed, and nothing changed: it was in another status, or had tasks.
    Refused,
}

/// State of a capacity provider at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaled {
    /// Which.
    pub provider: ProviderId,
    /// CapacityProviderReservation in percent; absent without managed scaling.
    pub reservation: Option<f64>,
    /// Instances that are needed (M); absent where the metric does not say.
    pub needed: Option<u32>,
    /// Desired capacity of the group.
    pub desired: u32,
    /// Instances registered and in service (N).
    pub running: u32,
    /// Instances launched and not registered yet.
    pub starting: u32,
    /// Tasks that wait in PROVISIONING for it.
    pub waiting: u32,
}

/// Something a service has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceNote {
    /// The service.
    pub service: WorkloadId,
    /// Number of its deployment, from 1.
    pub deployment: u32,
    /// What.
    pub what: ServiceNews,
}

/// What a service has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceNews {
    /// A deployment began.
    DeploymentStarted,
    /// All tasks of the deployment are there and healthy, and none of an older one is left.
    DeploymentCompleted,
    /// The circuit breaker gave the deployment up.
    DeploymentFailed,
    /// The service goes back to the last deployment that completed.
    RolledBack,
    /// It has what it wants.
    SteadyState,
    /// A task found no place.
    Unable {
        /// The instance that came closest, and why it does not take the task.
        closest: Option<(InstanceId, Reason)>,
        /// What stood in the way apart from instances.
        obstacle: Option<Reason>,
        /// Whether it was to go to a capacity provider.
        by_provider: bool,
    },
    /// Tasks that stop before they run hold up the next ones.
    Throttled,
}

/// Is told what happens, in order.
pub trait Recorder {
    /// `occurrence` happened at `now`; the world is as it is right after it.
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World);

    /// All that falls due at `now` has been done; time moves on next.
    fn settled(&mut self, now: SimTime, world: &World) {
        let _ = (now, world);
    }

    /// Whether it wants to be told of [`Recorder::heads`].
    fn wants_heads(&self) -> bool {
        false
    }

    /// The jobs whose turn it is in the queues of AWS Batch, and what they wait for; told right
    /// before [`Recorder::settled`] where it is wanted.
    fn heads(&mut self, now: SimTime, heads: &[Head], world: &World) {
        let _ = (now, heads, world);
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
    /// Of each live task that waits in PROVISIONING, by its number: why it finds no place.
    pub provisioning: Vec<(u64, Refusal)>,
    /// Instances that were launched and never registered.
    pub starting: Vec<Start>,
    /// All jobs of AWS Batch, in order of creation.
    pub jobs: Arena<JobId, Job>,
    /// Events handled.
    pub events: u64,
    /// Placement decisions made.
    pub decisions: u64,
}

/// An instance that was launched and did not register.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Where it would have registered.
    pub cluster: ClusterId,
    /// What was bought.
    pub bought: Description,
    /// Since when.
    pub launched_at: SimTime,
    /// When its group gave it up; absent: it still boots.
    pub cancelled_at: Option<SimTime>,
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
    workloads: Arena<WorkloadId, crate::workload::Workload>,
    sources: Arena<WorkloadId, Source>,
    calendar: Calendar<Event>,
    tasks: Slots<Task>,
    /// Tasks of each instance that have not stopped; kept where something can happen to instances.
    aboard: Arena<ClusterId, Vec<Berths>>,
    keeps_aboard: bool,
    /// Agents with something to wait for.
    agents: FxHashMap<(ClusterId, InstanceId), Agent>,
    /// Tasks that wait for capacity of each provider.
    lines: Arena<ProviderId, Line>,
    /// How many tasks of each cluster do.
    waiting: Arena<ClusterId, u32>,
    /// Instances that boot.
    starting: Slots<Launching>,
    groups: Arena<ProviderId, Group>,
    /// Launches that were given up.
    cancelled: Vec<Start>,
    /// Providers that have lost an instance in this round.
    short: Vec<ProviderId>,
    fleet: Fleet,
    services: Vec<ServiceState>,
    service_of: Arena<WorkloadId, Option<u32>>,
    any_dirty: bool,
    /// Counts changes of the instances of each cluster.
    membership: Arena<ClusterId, u64>,
    actions: Vec<Action>,
    actions_left: usize,
    /// What is changed when all else of this moment has been done.
    amendments: Vec<Amendment>,
    faults: Faults,
    desk: Desk,
    jobs: Jobs,
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
    /// Events in the calendar that bring work on; see [`Event::is_work`].
    work: u64,
    /// Callers that will ask again at a time of their own.
    calls_due: u64,
    /// Counts room that was made apart from instances: on Fargate, in the PROVISIONING limit.
    vacancies: u64,
    /// Refusals since anything changed.
    hopeless: u64,
    recorder: &'r mut R,
}

/// What a workload still has to submit.
struct Source {
    submissions: Submissions,
    next: Option<Submission>,
    /// Calls made.
    made: u64,
    /// Tasks accepted.
    tasks: u64,
}

impl<'r, R: Recorder> Engine<'r, R> {
    fn new(plan: Plan, recorder: &'r mut R) -> Self {
        let streams = Streams::new(plan.seed);
        let mut world = plan.world;
        count_what_rules_ask(&mut world);
        expected::tell_clusters(&mut world, &plan.workloads, streams);
        let keeps_aboard = !plan.actions.is_empty()
            || plan.faults != Faults::default()
            || !world.providers.is_empty()
            || world.choices.interface_attachment > SimDuration::ZERO
            || !world.batch.environments.is_empty()
            || plan.workloads.iter().any(|(_, it)| it.is_service());
        let clusters = || world.clusters.iter();
        let mut engine = Engine {
            streams,
            horizon: plan.horizon,
            warm_up: Some(plan.warm_up),
            indexes: clusters()
                .map(|_| Index::new(world.rules.items()))
                .collect(),
            aboard: clusters()
                .map(|(_, cluster)| vec![Berths::default(); cluster.instances().len()])
                .collect(),
            keeps_aboard,
            lines: world.providers.iter().map(|_| Line::default()).collect(),
            waiting: clusters().map(|_| 0).collect(),
            membership: clusters().map(|_| 0).collect(),
            world,
            sources: Arena::new(),
            queues: plan.workloads.ids().map(|_| VecDeque::new()).collect(),
            workloads: plan.workloads,
            calendar: Calendar::new(),
            tasks: Slots::new(),
            agents: FxHashMap::default(),
            starting: Slots::new(),
            groups: Arena::new(),
            cancelled: Vec::new(),
            short: Vec::new(),
            fleet: Fleet::default(),
            services: Vec::new(),
            service_of: Arena::new(),
            any_dirty: false,
            actions_left: plan.actions.len(),
            actions: plan.actions,
            amendments: Vec::new(),
            faults: plan.faults,
            desk: Desk::default(),
            jobs: Jobs::default(),
            calls: Slots::new(),
            tokens: FxHashMap::default(),
            now: SimTime::ZERO,
            last_task: 0,
            events: 0,
            decisions: 0,
            open_sources: 0,
            work: 0,
            calls_due: 0,
            vacancies: 0,
            hopeless: 0,
            recorder,
        };
        for (id, workload) in engine.workloads.iter() {
            let mut submissions = workload.submissions(id, &streams);
            if plan.shaken {
                submissions = submissions.shaken(id, streams);
            }
            let next = submissions.next();
            if let Some(first) = next {
                engine.open_sources += 1;
                engine.work += 1;
                engine
                    .calendar
                    .schedule(first.at, Event::Arrival(id).class(), Event::Arrival(id));
            }
            engine.sources.push(Source {
                submissions,
                next,
                made: 0,
                tasks: 0,
            });
        }
        for (number, action) in engine.actions.iter().enumerate() {
            let event = engine.event_of(number as u32, &action.what);
            engine.work += 1;
            engine.calendar.schedule(action.at, event.class(), event);
        }
        engine.open_groups();
        engine.open_services();
        engine.open_batch();
        let clusters = engine.world.clusters.iter();
        let instances = clusters.map(|(id, cluster)| (id, cluster.instances().ids()));
        for (cluster, ids) in instances.collect::<Vec<_>>() {
            ids.for_each(|id| engine.expect_faults(cluster, id));
        }
        engine
    }

    fn run(&mut self) {
        let mut due = Vec::new();
        // Services are there before anything happens.
        self.warm_up_until(SimTime::ZERO);
        self.serve_all();
        if self.calendar.next_time() != Some(SimTime::ZERO) {
            self.tell_heads();
            self.recorder.settled(SimTime::ZERO, &self.world);
        }
        while let Some(at) = self.calendar.next_time() {
            // Time ends somewhere: at its last moment everything would happen at once for ever.
            if at >= self.horizon.unwrap_or(SimTime::MAX) {
                break;
            }
            self.warm_up_until(at);
            self.now = at;
            let mut rounds = 0;
            loop {
                while self.calendar.next_time() == Some(at) {
                    self.calendar.drain_instant(&mut due);
                    for event in due.drain(..) {
                        self.handle(event);
                    }
                    self.serve_all();
                    rounds += 1;
                    assert!(rounds < MOST_ROUNDS, "the events at {at} s never end");
                }
                if !self.amend() {
                    break;
                }
                self.serve_all();
            }
            self.tell_heads();
            self.recorder.settled(at, &self.world);
            if self.horizon.is_none() && (self.is_over() || self.is_stuck()) {
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
        self.work -= u64::from(event.is_work());
        if self.events.is_multiple_of(1 << 14) {
            self.recorder.progress(self.now, self.events);
        }
        match event {
            Event::Action(number) => self.action(number),
            Event::InstanceReady(at) => self.instance_ready(at),
            Event::WarmInstanceReady(provider) => self.warm_instance_ready(provider),
            Event::InterfaceAttached(task) => self.interface_attached(task),
            Event::TaskStarted(task) => self.task_started(task),
            Event::TaskActivated(task) => self.task_activated(task),
            Event::TaskHealth(task) => self.task_health(task),
            Event::TaskEnds(task) => self.task_ends(task),
            Event::TaskDeactivated(task) => self.task_deactivated(task),
            Event::ContainersStopped(task) => self.containers_stopped(task),
            Event::InterfaceDetached(task) => self.interface_detached(task),
            Event::PatienceEnds(task) => self.patience_ends(task),
            Event::SpotNotice(cluster, id) => self.spot_notice(cluster, id),
            Event::SpotReclaim(cluster, id) => self.spot_reclaim(cluster, id),
            Event::InstanceFails(cluster, id) => self.instance_fails(cluster, id),
            Event::DrainEnds(cluster, id) => self.drain_ends(cluster, id),
            Event::FargateSpotNotice(task) => self.fargate_spot_notice(task),
            Event::Arrival(workload) => self.arrivals(workload),
            Event::CallDue(call) => self.call_due(call),
            Event::ServiceDue(service) => self.service_looks(service),
            Event::LaunchGranted => self.launch_granted(),
            Event::Minute => self.minute(),
            Event::BatchInstance(number) | Event::BatchCall(number) => self.action(number),
            Event::ReplacementDue(cluster, id) => self.replacement_due(cluster, id),
            Event::JobDue(job) => self.job_due(job),
            Event::JobTimeout(job, tries) => self.job_timeout(job, tries),
            Event::HeadBlocked(queue) => self.head_blocked(queue),
            Event::EnvironmentDue(_) => self.environment_due(),
        }
    }

    /// Serves whoever waits, after the events of a round: capacity that was lost is replaced, then
    /// come tasks in PROVISIONING, services, and callers that queue.
    fn serve_all(&mut self) {
        self.end_daemons();
        loop {
            if !self.groups.is_empty() {
                self.finish_drains();
                self.replace_lost();
            }
            self.serve_waiting();
            if !self.serve_services() {
                break;
            }
        }
        self.serve_queues();
        if !self.jobs.queues.is_empty() {
            self.serve_jobs();
        }
    }

    /// AWS Batch, after the events of a round: jobs are evaluated, queues dispatch, environments
    /// scale [B-54].
    fn serve_jobs(&mut self) {
        self.settle_jobs();
        self.dispatch();
        self.scale_environments();
        self.note_blocked_heads();
    }

    /// The event of something that is done from outside. What concerns AWS Batch comes after the
    /// ends of attempts at the same moment: first the loss of its instances, then calls [B-54].
    fn event_of(&self, number: u32, deed: &Deed) -> Event {
        let environment = |of: ClusterId| {
            let environments = self.world.batch.environments.items();
            environments.iter().any(|it| it.cluster == of)
        };
        match deed {
            Deed::Instances { cluster, .. } if environment(*cluster) => {
                Event::BatchInstance(number)
            }
            Deed::EndJobs { .. }
            | Deed::SetQueue { .. }
            | Deed::UpdateEnvironment { .. }
            | Deed::SetConsumable { .. } => Event::BatchCall(number),
            _ => Event::Action(number),
        }
    }

    fn schedule(&mut self, at: SimTime, event: Event) {
        self.work += u64::from(event.is_work());
        self.calendar.schedule(at, event.class(), event);
    }

    /// Whether all work has ended.
    fn is_over(&self) -> bool {
        self.tasks.is_empty()
            && self.open_sources == 0
            && self.jobs.live == 0
            && self.calls.is_empty()
            && self.actions_left == 0
    }

    /// Whether nothing can change any more: all that is to come is the minute of managed scaling,
    /// faults, and callers who ask again and have all been refused since the last change.
    fn is_stuck(&mut self) -> bool {
        if self.work > 0 || self.hopeless < self.calls_due {
            return false;
        }
        // Looked at once in as many refusals as there are callers, so that a refusal costs the same
        // however many wait.
        self.hopeless = 0;
        self.calls.iter().all(|call| self.is_hopeless(call))
    }

    fn outcome(mut self) -> Outcome {
        let mut live: Vec<Task> = self.tasks.iter().cloned().collect();
        live.iter_mut().for_each(|task| task.forget_after(self.now));
        live.sort_by_key(|task| task.number);
        let mut waiting: Vec<PendingCall> = self.calls.iter().cloned().collect();
        waiting.sort_by_key(|call| (call.requested_at, call.workload, call.number));
        // Calls that are alike are refused alike.
        let mut known: Vec<(PendingCall, Refusal)> = Vec::new();
        let waiting = waiting.into_iter().map(|call| {
            let alike = known.iter().find(|(other, _)| other.is_like(&call));
            let refusal = alike.map(|(_, refusal)| refusal.clone());
            let refusal = refusal.unwrap_or_else(|| {
                let refusal = self.refusal(&call);
                known.push((call.clone(), refusal.clone()));
                refusal
            });
            Waiting {
                refusal,
                run_time: self.missing_run_time(&call),
                call,
            }
        });
        let waiting = waiting.collect();
        Outcome {
            end: self.now,
            live,
            waiting,
            provisioning: self.why_waiting(),
            starting: self.never_registered(),
            world: self.world,
            jobs: self.jobs.into_list(),
            events: self.events,
            decisions: self.decisions,
        }
    }
}

/// Has every cluster count what the rules of its templates ask for, and nothing else.
fn count_what_rules_ask(world: &mut World) {
    let mut groups: Arena<ClusterId, Vec<GroupId>> =
        world.clusters.ids().map(|_| Vec::new()).collect();
    let mut any_group = false;
    for (_, template) in world.templates.iter() {
        for launch in &template.launches {
            let rules = &world.rules[launch.rules];
            for rule in &rules.strategies {
                match rule {
                    StrategyRule::SpreadAttribute(name) => {
                        world.clusters[template.cluster].track(template.group, name);
                    }
                    StrategyRule::SpreadInstance => groups[template.cluster].push(template.group),
                    _ => {}
                }
            }
            for constraint in &rules.constraints {
                match constraint {
                    Constraint::DistinctInstance => groups[template.cluster].push(template.group),
                    Constraint::MemberOf(expression) => any_group |= expression.depends_on_tasks(),
                }
            }
        }
    }
    if !any_group {
        for (id, groups) in groups.iter() {
            world.clusters[id].count_only(groups);
        }
    }
}
