//! A task and its life: PROVISIONING or PENDING, RUNNING, STOPPED.

use crate::model::arena::{InstanceId, TemplateId, WorkloadId};
use crate::time::{SimDuration, SimTime};

/// A task from the moment ECS accepts it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Number in order of acceptance over all clusters, from 1.
    pub number: u64,
    /// Whose it is.
    pub workload: WorkloadId,
    /// What it is.
    pub template: TemplateId,
    /// Where it is placed.
    pub instance: InstanceId,
    /// GPU devices pinned to it, as bits.
    pub gpus: u64,
    /// When the caller first asked for it.
    pub requested_at: SimTime,
    /// When ECS accepted it; its resources are taken from here on.
    pub created_at: SimTime,
    /// How long its images are pulled; absent when nothing is pulled.
    pub image_pull: Option<SimDuration>,
    /// How long it will run until an essential container exits.
    pub run_time: SimDuration,
    /// How that container will exit.
    pub exit: Exit,
    /// Where it is in its life.
    pub state: TaskState,
}

/// How a container exits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit code.
    pub code: u8,
    /// The container's reason, as a number into [`super::World::reasons`].
    pub reason: Option<u32>,
}

/// `lastStatus` of a task, with what belongs to it.
///
/// Source: ECS developer guide, "Task lifecycle". The states in between (ACTIVATING, DEACTIVATING,
/// STOPPING, DEPROVISIONING) have no length here and leave no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// Accepted; the network interface of an `awsvpc` task is being attached.
    Provisioning,
    /// Accepted; images are pulled and containers created.
    Pending,
    /// All containers have started.
    Running {
        /// Since when.
        since: SimTime,
    },
    /// At the end.
    Stopped {
        /// When it began to run.
        started_at: SimTime,
        /// When it ended.
        at: SimTime,
    },
}

impl TaskState {
    /// The word that ECS uses for it.
    pub const fn last_status(self) -> &'static str {
        match self {
            TaskState::Provisioning => "PROVISIONING",
            TaskState::Pending => "PENDING",
            TaskState::Running { .. } => "RUNNING",
            TaskState::Stopped { .. } => "STOPPED",
        }
    }
}

impl Task {
    /// When it began to run; absent until it does.
    pub const fn started_at(&self) -> Option<SimTime> {
        match self.state {
            TaskState::Provisioning | TaskState::Pending => None,
            TaskState::Running { since } => Some(since),
            TaskState::Stopped { started_at, .. } => Some(started_at),
        }
    }

    /// When it ended; absent until it does.
    pub const fn stopped_at(&self) -> Option<SimTime> {
        match self.state {
            TaskState::Stopped { at, .. } => Some(at),
            TaskState::Provisioning | TaskState::Pending | TaskState::Running { .. } => None,
        }
    }

    /// Wait: from the caller's first request to RUNNING; absent until then.
    pub fn wait(&self) -> Option<SimDuration> {
        self.started_at().map(|at| at - self.requested_at)
    }
}

/// `stopCode` of a task whose essential container has exited.
/// Source: ECS API reference, Task.
pub const ESSENTIAL_CONTAINER_EXITED: &str = "EssentialContainerExited";

/// `stoppedReason` that goes with it.
pub const ESSENTIAL_CONTAINER_REASON: &str = "Essential container in task exited";
