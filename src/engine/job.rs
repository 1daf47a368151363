//! A job of AWS Batch and its states.

use crate::batch::blocked::Blocked;
use crate::model::arena::{ClusterId, EnvironmentId, InstanceId, JobId, JobKindId, WorkloadId};
use crate::time::{SimDuration, SimTime};
use crate::workload::container::Exit;

/// Most attempts of a job. Source: AWS Batch API reference, RetryStrategy.
pub const MAX_ATTEMPTS: u64 = 10;

/// A job: simple, parent of an array, or child of one.
///
/// Source: AWS Batch API reference, JobDetail.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it is.
    pub kind: JobKindId,
    /// Whose it is.
    pub workload: WorkloadId,
    /// Number among the submissions of its workload, from 1; a child has that of its parent.
    pub number: u64,
    /// Number of the SubmitJob call over the whole run, from 1; a child has that of its parent.
    pub sequence: u64,
    /// What part of a larger job it is.
    pub part: Part,
    /// Key of its random draws among all jobs of its workload.
    pub key: u64,
    /// Where it is in its life.
    pub status: JobStatus,
    /// Why it is there.
    pub reason: Option<StatusReason>,
    /// When what happened.
    pub times: JobTimes,
    /// How often it has come to RUNNABLE.
    pub tries: u8,
    /// Its attempts that have ended, in order.
    pub attempts: Vec<Attempt>,
    /// What the caller asked for: cancelled or terminated, and the reason as a number into the
    /// world's reasons. The first request stands [B-20].
    pub request: Option<(Request, u32)>,
}

/// What part of an array or of a multi-node parallel job a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// None: a job by itself.
    Whole,
    /// The parent.
    Parent {
        /// Its first child, once the children are there; the others follow it.
        first_child: Option<JobId>,
        /// Children by status.
        summary: [u32; JobStatus::ALL.len()],
    },
    /// A child.
    Child {
        /// Its parent.
        parent: JobId,
        /// Its index, from 0.
        index: u32,
    },
    /// A multi-node parallel job.
    Gang {
        /// Its first node; the others follow it.
        first_node: JobId,
    },
    /// A node of such a job.
    Node {
        /// The job.
        parent: JobId,
        /// Its index, from 0.
        index: u32,
    },
}

/// When what happened to a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobTimes {
    /// `createdAt`: submitted; a child: made by its parent.
    pub created: SimTime,
    /// When it first came to RUNNABLE.
    pub runnable: Option<SimTime>,
    /// When it last did.
    pub last_runnable: Option<SimTime>,
    /// `startedAt`: when its latest started attempt came to RUNNING [B-03].
    pub started: Option<SimTime>,
    /// When its first attempt did: its wait ends here.
    pub first_started: Option<SimTime>,
    /// `stoppedAt`: when it came to SUCCEEDED or FAILED [B-04].
    pub stopped: Option<SimTime>,
}

/// `status` of a job. Source: AWS Batch API reference, JobDetail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobStatus {
    /// Submitted, not looked at yet.
    Submitted,
    /// Waits for jobs it depends on; a parent: until all children have ended.
    Pending,
    /// Waits for a place.
    Runnable,
    /// Has a place; the image is pulled, the container made.
    Starting,
    /// Its container runs.
    Running,
    /// It ended with exit code 0.
    Succeeded,
    /// It ended otherwise, or never ran.
    Failed,
}

impl JobStatus {
    /// All, in the order of a job's life.
    pub const ALL: [JobStatus; 7] = [
        JobStatus::Submitted,
        JobStatus::Pending,
        JobStatus::Runnable,
        JobStatus::Starting,
        JobStatus::Running,
        JobStatus::Succeeded,
        JobStatus::Failed,
    ];

    /// The word that AWS Batch uses for it.
    pub const fn text(self) -> &'static str {
        match self {
            JobStatus::Submitted => "SUBMITTED",
            JobStatus::Pending => "PENDING",
            JobStatus::Runnable => "RUNNABLE",
            JobStatus::Starting => "STARTING",
            JobStatus::Running => "RUNNING",
            JobStatus::Succeeded => "SUCCEEDED",
            JobStatus::Failed => "FAILED",
        }
    }

    /// Whether nothing follows.
    pub const fn is_terminal(self) -> bool {
        matches!(self, JobStatus::Succeeded | JobStatus::Failed)
    }

    /// Whether a job may go from here to `next`: the transitions of a simple job, an array child
    /// and a multi-node job, those of the parent of an array, which never runs itself, and those
    /// of a node, which comes back with each attempt of its job and ends with it [B-27].
    ///
    /// Source: AWS Batch user guide, "Job states".
    pub const fn may_become(self, next: JobStatus, part: &Part) -> bool {
        use JobStatus::{Failed, Pending, Runnable, Running, Starting, Submitted, Succeeded};
        let is_parent = matches!(part, Part::Parent { .. });
        let is_node = matches!(part, Part::Node { .. });
        match (self, next) {
            (Succeeded | Failed, Runnable) => is_node,
            (Starting, Succeeded) => is_node,
            (Submitted, Pending) => true,
            (Submitted | Pending, Failed) => true,
            (Pending, Succeeded) => is_parent,
            (Submitted | Pending, Runnable) => !is_parent,
            (Runnable, Starting | Failed) => !is_parent,
            (Starting, Running | Runnable | Failed) => !is_parent,
            (Running, Runnable | Succeeded | Failed) => !is_parent,
            _ => false,
        }
    }
}

/// What a caller asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// CancelJob.
    Cancel,
    /// TerminateJob.
    Terminate,
}

/// An attempt that has ended.
///
/// Source: AWS Batch API reference, AttemptDetail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which environment it was placed in.
    pub environment: EnvironmentId,
    /// On which instance; none on Fargate.
    pub instance: Option<(ClusterId, InstanceId)>,
    /// When it was placed: its job came to STARTING.
    pub placed: SimTime,
    /// When it came to RUNNING; absent: it ended before [B-01].
    pub started: Option<SimTime>,
    /// When it ended.
    pub stopped: SimTime,
    /// How its container exited.
    pub exit: Option<Exit>,
    /// What is told of its container beside the exit code, as a number into the world's reasons.
    pub container_reason: Option<u32>,
    /// `statusReason`.
    pub reason: StatusReason,
    /// Number of its task, from 1.
    pub task: u64,
    /// Which entry of `evaluateOnExit` decided what came of it.
    pub decided_by: Option<u8>,
    /// Whether another attempt follows.
    pub retried: bool,
}

/// What `statusReason` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusReason {
    /// The container ended.
    EssentialContainer,
    /// The attempt could not start. The container's reason stands with the attempt.
    FailedToStart,
    /// The instance is gone.
    HostTerminated(ClusterId, InstanceId),
    /// Fargate Spot took its capacity back.
    FargateSpot,
    /// The attempt took too long.
    Timeout,
    /// A job that it depends on failed.
    DependencyFailed,
    /// A child of the array failed.
    ChildFailed,
    /// A text of the world's: what a caller said.
    Text(u32),
    /// It is the head of its queue and cannot start.
    Blocked(Blocked),
    /// It was blocked at the head of its queue for too long; the code of the reason.
    TimeLimit(&'static str),
}

impl Job {
    /// Its index in an array.
    pub const fn index(&self) -> Option<u32> {
        match self.part {
            Part::Child { index, .. } => Some(index),
            Part::Whole | Part::Parent { .. } | Part::Gang { .. } | Part::Node { .. } => None,
        }
    }

    /// Its index among the nodes of its job.
    pub const fn node(&self) -> Option<u32> {
        match self.part {
            Part::Node { index, .. } => Some(index),
            Part::Whole | Part::Parent { .. } | Part::Child { .. } | Part::Gang { .. } => None,
        }
    }

    /// Its parent, of an array child.
    pub const fn parent(&self) -> Option<JobId> {
        match self.part {
            Part::Child { parent, .. } => Some(parent),
            Part::Whole | Part::Parent { .. } | Part::Gang { .. } | Part::Node { .. } => None,
        }
    }

    /// Whether it is no job by itself, but a node of one.
    pub const fn is_node(&self) -> bool {
        matches!(self.part, Part::Node { .. })
    }

    /// Key of the random draws of its present attempt among all attempts of its workload.
    pub const fn attempt_key(&self) -> u64 {
        self.key * MAX_ATTEMPTS + self.tries.saturating_sub(1) as u64
    }

    /// Whether it is the parent of an array.
    pub const fn is_parent(&self) -> bool {
        matches!(self.part, Part::Parent { .. })
    }

    /// Attempts that were placed, the one in flight included.
    pub fn attempts_made(&self) -> usize {
        let in_flight = matches!(self.status, JobStatus::Starting | JobStatus::Running);
        self.attempts.len() + usize::from(in_flight)
    }

    /// Wait: from RUNNABLE for the first time to RUNNING for the first time.
    pub fn wait(&self) -> Option<SimDuration> {
        Some(self.times.first_started? - self.times.runnable?)
    }

    /// Turnaround: from creation to the end.
    pub fn turnaround(&self) -> Option<SimDuration> {
        Some(self.times.stopped? - self.times.created)
    }
}
