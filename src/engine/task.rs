//! A task and its life, from the moment ECS accepts it to STOPPED.

use crate::model::arena::{BehaviourId, InstanceId, JobId, TemplateId, WorkloadId};
use crate::placement::constraint::Reason;
use crate::time::{SimDuration, SimTime};
pub use crate::workload::container::{Exit, Recorded};

/// A task from the moment ECS accepts it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Number in order of acceptance over all clusters, from 1.
    pub number: u64,
    /// Whose it is.
    pub workload: WorkloadId,
    /// Number among the tasks of its workload in order of acceptance, from 1.
    pub of_workload: u64,
    /// Key of its random draws among all tasks of its workload.
    pub key: u64,
    /// What it is.
    pub template: TemplateId,
    /// Which of the template's launches it was given to.
    pub launch: u8,
    /// Number of the service's deployment that it belongs to; 0 for a task of no service.
    pub deployment: u32,
    /// The job of AWS Batch whose attempt it is.
    pub job: Option<JobId>,
    /// How its containers behave.
    pub behaviour: BehaviourId,
    /// Where it is placed; absent while it waits for capacity of its provider, and for ever when it
    /// stops before it got any.
    pub host: Option<Host>,
    /// GPU devices pinned to it, as bits.
    pub gpus: u64,
    /// Where it is in its life.
    pub state: TaskState,
    /// When what happened.
    pub times: Times,
    /// How long it runs until an essential container exits; absent: until it is stopped, or it
    /// never starts.
    pub run_time: Option<SimDuration>,
    /// Why it stops or has stopped; absent while its desired status is RUNNING.
    pub stop: Option<Stop>,
    /// How the container exited that ended it, or else its first essential container; absent when
    /// none exited by itself or by a signal.
    pub exit: Option<Exit>,
    /// What the health checks of its essential containers say.
    pub health: Health,
    /// What can be said of few tasks only; absent while nothing can.
    pub(super) aside: Option<Box<Aside>>,
    /// How it will end by itself, unless it is stopped before.
    pub(super) end: Option<End>,
    /// Its place in the list of tasks of its instance.
    pub(super) seat: u32,
}

/// What can be said of few tasks only, kept apart so that the others stay small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// What a trace has recorded of its first essential container.
    pub recorded: Recorded,
    /// How each container exited, in the order of the task definition; empty for a task of one
    /// container, see [`Task::exit`].
    pub exits: Vec<Option<Exit>>,
    /// Scale-in and deployments leave it alone until then.
    pub protected_until: SimTime,
    /// Whether its service started it to even out the zones.
    pub(super) rebalances: bool,
    /// What its service goes by: its health over those containers that have a check.
    pub(super) checked: Health,
    /// Whether its service has seen it healthy.
    pub(super) was_healthy: bool,
}

/// Of a task that nothing particular can be said of.
static NOTHING_ASIDE: Aside = Aside {
    recorded: Recorded {
        duration: None,
        exit_code: None,
    },
    exits: Vec::new(),
    protected_until: SimTime::ZERO,
    rebalances: false,
    checked: Health::Unknown,
    was_healthy: false,
};

/// How a task ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub stop: Stop,
    /// How the container exits that ends it.
    pub exit: Option<Exit>,
    /// Whether no other container runs then.
    pub alone: bool,
}

/// Where a task is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// On a container instance.
    Instance(InstanceId),
    /// On Fargate, in one of the zones of its rules' subnets.
    Fargate {
        /// Number of the zone in [`super::plan::World::zones`]; absent when the scenario describes no subnet.
        zone: Option<u32>,
        /// Whether the capacity is Spot.
        spot: bool,
    },
}

/// When what happened to a task. Each moment is written once.
///
/// Source: ECS API reference, Task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The caller first asked for it, or its service first wanted it.
    pub requested: SimTime,
    /// ECS accepted it [U-34].
    pub created: SimTime,
    /// Its resources were taken.
    pub placed: Option<SimTime>,
    /// Its resources were free for others again (network interfaces: at `stopped`).
    pub released: Option<SimTime>,
    /// The agent began with it: it has what it needs.
    pub begun: Option<SimTime>,
    /// Span from `begun` over which its images are pulled; absent when nothing is pulled.
    pub pull: Option<SimDuration>,
    /// `startedAt`.
    pub started: Option<SimTime>,
    /// `stoppingAt`: its desired status became STOPPED.
    pub stopping: Option<SimTime>,
    /// `executionStoppedAt`: its first essential container had stopped.
    pub execution_stopped: Option<SimTime>,
    /// `stoppedAt`.
    pub stopped: Option<SimTime>,
}

/// `lastStatus` of a task. It only moves forward; a state without work to do is skipped.
///
/// Source: ECS developer guide, "Task lifecycle".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskState {
    /// PROVISIONING: waits for capacity of its provider.
    Waiting,
    /// PROVISIONING: its network interface is being attached.
    Provisioning,
    /// PENDING: waits on its instance for what stopping tasks still hold.
    Queued,
    /// PENDING: images are pulled, containers created and started.
    Pending,
    /// ACTIVATING: its service registers it with a load balancer.
    Activating,
    /// RUNNING: all containers have started.
    Running,
    /// DEACTIVATING: its service takes it from the load balancer.
    Deactivating,
    /// STOPPING: containers have got their stop signal.
    Stopping,
    /// DEPROVISIONING: its network interface is being detached.
    Deprovisioning,
    /// STOPPED.
    Stopped,
}

/// What the health checks of a task's essential containers say together: UNHEALTHY when one is,
/// else UNKNOWN when one is, else HEALTHY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not known yet, or nothing is checked.
    #[default]
    Unknown,
    /// All checks pass.
    Healthy,
    /// A check fails.
    Unhealthy,
}

impl Health {
    /// The word that ECS uses for it.
    pub const fn text(self) -> &'static str {
        match self {
            Health::Unknown => "UNKNOWN",
            Health::Healthy => "HEALTHY",
            Health::Unhealthy => "UNHEALTHY",
        }
    }
}

/// Why a task stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// `stopCode`.
    pub code: StopCode,
    /// What `stoppedReason` says.
    pub reason: StopReason,
}

/// `stopCode` of a task. Source: ECS API reference, Task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopCode {
    /// It never ran.
    TaskFailedToStart,
    /// An essential container ended.
    EssentialContainerExited,
    /// Somebody stopped it.
    UserInitiated,
    /// Its service stopped it.
    ServiceSchedulerInitiated,
    /// Spot capacity was taken back.
    SpotInterruption,
    /// Its instance is gone.
    TerminationNotice,
}

impl StopCode {
    /// All codes.
    pub const ALL: [StopCode; 6] = [
        StopCode::TaskFailedToStart,
        StopCode::EssentialContainerExited,
        StopCode::UserInitiated,
        StopCode::ServiceSchedulerInitiated,
        StopCode::SpotInterruption,
        StopCode::TerminationNotice,
    ];

    /// The word that ECS uses for it.
    pub const fn text(self) -> &'static str {
        match self {
            StopCode::TaskFailedToStart => "TaskFailedToStart",
            StopCode::EssentialContainerExited => "EssentialContainerExited",
            StopCode::UserInitiated => "UserInitiated",
            StopCode::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            StopCode::SpotInterruption => "SpotInterruption",
            StopCode::TerminationNotice => "TerminationNotice",
        }
    }
}

/// What `stoppedReason` says. Source of the texts: ECS developer guide, "Stopped tasks error
/// codes"; answers seen in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// An essential container ended.
    EssentialContainer,
    /// A text of the world's: what StopTask was given, or what a container said.
    Text(u32),
    /// A task could not start for no particular reason.
    FailedToStart,
    /// Stopped by StopTask without a reason.
    User,
    /// Its instance was deregistered by force.
    Deregistered,
    /// Its service scaled in, deployed, or drained.
    Scaling,
    /// Its health checks failed.
    Unhealthy,
    /// Spot capacity was taken back.
    Spot,
    /// Its instance was terminated.
    HostTerminated,
    /// It waited too long for capacity of its provider; the reason of the instance that came closest.
    NoRoom(Reason),
    /// It waited too long, and its provider had no ACTIVE instance.
    NoActiveInstances,
    /// It waited too long, and its provider had no instance at all.
    EmptyProvider,
}

impl TaskState {
    /// The word that ECS uses for it.
    pub const fn last_status(self) -> &'static str {
        match self {
            TaskState::Waiting | TaskState::Provisioning => "PROVISIONING",
            TaskState::Queued | TaskState::Pending => "PENDING",
            TaskState::Activating => "ACTIVATING",
            TaskState::Running => "RUNNING",
            TaskState::Deactivating => "DEACTIVATING",
            TaskState::Stopping => "STOPPING",
            TaskState::Deprovisioning => "DEPROVISIONING",
            TaskState::Stopped => "STOPPED",
        }
    }
}

impl Task {
    /// Whether it is asked for in the moment in which it is accepted, by a service or by AWS Batch.
    pub const fn is_made_for_others(&self) -> bool {
        self.deployment > 0 || self.job.is_some()
    }

    /// The container instance it is placed on; none for a task that waits or runs on Fargate.
    pub const fn instance(&self) -> Option<InstanceId> {
        match self.host {
            Some(Host::Instance(id)) => Some(id),
            Some(Host::Fargate { .. }) | None => None,
        }
    }

    /// What can be said of few tasks only.
    pub fn aside(&self) -> &Aside {
        self.aside.as_deref().unwrap_or(&NOTHING_ASIDE)
    }

    /// The same, to add to it.
    pub(super) fn aside_mut(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// Whether Fargate Spot takes its capacity back.
    pub(super) fn is_interrupted_on_fargate(&self) -> bool {
        let stop = self.stop.map(|stop| stop.code);
        matches!(self.host, Some(Host::Fargate { .. })) && stop == Some(StopCode::SpotInterruption)
    }

    /// Whether it is meant to run: its desired status is RUNNING.
    pub const fn is_desired(&self) -> bool {
        self.stop.is_none()
    }

    /// Takes back what is written of a time that does not come any more: how a task that is being
    /// stopped would have ended.
    pub(super) fn forget_after(&mut self, end: SimTime) {
        if self.times.execution_stopped.is_some_and(|at| at > end) {
            self.times.execution_stopped = None;
            self.exit = None;
            if let Some(aside) = &mut self.aside {
                aside.exits.clear();
            }
        }
    }

    /// When its last image pull ended, as far as that has come.
    pub fn pull_ended(&self) -> Option<SimTime> {
        let ended = self.times.begun? + self.times.pull?;
        let is_over = self.times.started.is_some()
            || self.state == TaskState::Activating
            || self.times.stopping.is_some_and(|at| at >= ended);
        is_over.then_some(ended)
    }

    /// Wait: from the caller's first request to RUNNING; absent until then.
    pub fn wait(&self) -> Option<SimDuration> {
        self.times.started.map(|at| at - self.times.requested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run holds as many tasks as run at once, and looks at each from far apart in memory.
    #[test]
    fn a_task_is_small() {
        assert!(size_of::<Task>() <= 224, "{} bytes", size_of::<Task>());
    }
}
