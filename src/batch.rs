//! AWS Batch: what queues, compute environments and jobs are, and the rules that decide about them.
//!
//! Everything here is data and pure functions; the engine moves jobs along the clock. [`retry`] decides about an attempt that ended, [`fair_share`] about whose turn it
//! is, [`allocation`] which instance type is launched, [`blocked`] why a job cannot start,
//! [`nodes`] who is who in a multi-node parallel job, [`backfill`] who may pass whom without harm.
//!
//! Sources: AWS Batch API reference and service model, version 2016-08-10; AWS Batch user guide.

pub mod allocation;
pub mod backfill;
pub mod blocked;
pub mod fair_share;
pub mod nodes;
pub mod retry;

use crate::model::arena::{
    Arena, BehaviourId, ClusterId, EnvironmentId, JobKindId, QueueId, TemplateId, WorkloadId,
};
use crate::model::instance::Description;
use crate::time::{SimDuration, SimTime};
use allocation::{AllocationStrategy, Need, Offer};
use blocked::JobStateTimeLimitAction;
use fair_share::{FairSharePolicy, UsageMode};
use retry::RetryStrategy;

/// AWS Batch as a scenario sets it up.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Compute environments, in the order of their creation.
    pub environments: Arena<EnvironmentId, ComputeEnvironment>,
    /// Job queues, in the order of their creation.
    pub queues: Arena<QueueId, JobQueue>,
    /// What workloads submit.
    pub kinds: Arena<JobKindId, JobKind>,
    /// Consumable resources.
    pub consumables: Vec<Consumable>,
    /// Choices where AWS documents nothing, and delays.
    pub choices: Choices,
}

/// A compute environment. Its instances stand in a cluster of their own, as in AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputeEnvironment {
    /// Its name.
    pub name: String,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Where its capacity comes from.
    pub capacity: Capacity,
    /// Whether it takes jobs when the run starts.
    pub enabled: bool,
    /// Which type it launches.
    pub strategy: AllocationStrategy,
    /// vCPUs that it keeps, and the most that it launches up to.
    pub min_vcpus: u32,
    /// See [`ComputeEnvironment::min_vcpus`]. UNMANAGED: `unmanagedvCpus`, or 0.
    pub max_vcpus: u32,
    /// Instance types that it may launch.
    pub offers: Vec<Offer>,
    /// What an instance of each of them registers.
    pub descriptions: Vec<Description>,
    /// Zones that launched instances take in turn.
    pub zones: Vec<String>,
    /// From launch to registration; on Fargate, how long a job waits for its host.
    pub boot_time: SimDuration,
    /// `minScaleDownDelayMinutes`; absent: unset.
    pub scale_down_delay: Option<SimDuration>,
    /// When EC2 has no instance of a type (insufficient capacity errors).
    pub shortages: Vec<Shortage>,
    /// Whether an UNMANAGED one takes multi-node jobs, which AWS Batch does not let it: so that it
    /// can be the machine of another scheduler.
    pub multi_node_jobs: bool,
}

impl ComputeEnvironment {
    /// Whether instances are launched for its jobs.
    pub const fn is_managed(&self) -> bool {
        matches!(self.capacity, Capacity::Ec2 | Capacity::Spot)
    }

    /// Whether it takes jobs of several nodes: with On-Demand instances, or as a machine that is not
    /// of AWS.
    ///
    /// Source: AWS Batch user guide, "Multi-node parallel jobs".
    pub fn takes_multi_node_jobs(&self) -> bool {
        self.capacity == Capacity::Ec2 || self.multi_node_jobs
    }
}

/// A time in which EC2 has no instance of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Number of the type among the offers of its environment.
    pub offer: usize,
    /// From here on.
    pub from: SimTime,
    /// Up to here; absent: for good.
    pub until: Option<SimTime>,
}

/// Where the capacity of a compute environment comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// On-demand instances.
    Ec2,
    /// Spot instances.
    Spot,
    /// Fargate on demand.
    Fargate,
    /// Fargate Spot.
    FargateSpot,
    /// Instances that somebody else manages.
    Unmanaged,
}

impl Capacity {
    /// Whether there are no instances to be seen.
    pub const fn is_fargate(self) -> bool {
        matches!(self, Capacity::Fargate | Capacity::FargateSpot)
    }
}

/// A job queue.
#[derive(Clone, Debug)]
pub struct JobQueue {
    /// Its name.
    pub name: String,
    /// Queues of higher priority are looked at first.
    pub priority: i64,
    /// Whether it takes jobs when the run starts.
    pub enabled: bool,
    /// Its compute environments in ascending `order`.
    pub environments: Vec<EnvironmentId>,
    /// Fair share; absent: first in, first out.
    pub policy: Option<FairSharePolicy>,
    /// In which order its jobs start; without effect on fair share.
    pub discipline: Discipline,
    /// `jobStateTimeLimitActions`.
    pub time_limits: Vec<JobStateTimeLimitAction>,
}

/// In which order the jobs of a queue start. All but the first are the simulator's own, so that AWS
/// Batch can be set beside them; under these a retried job stands where it was submitted.
///
/// The requested time of a job is its timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discipline {
    /// That of AWS Batch: first in, first out, retried jobs first.
    #[default]
    Aws,
    /// `x-fcfs`: first come, first served. Nobody passes the first job.
    Fcfs,
    /// `x-sjf`: shortest requested time first; equal ones by submission, those without one last.
    /// Nobody passes the first job but one that comes with a shorter time.
    Sjf,
    /// `x-easy`: EASY backfilling, see [`backfill`]. First come, first served; while the first job
    /// waits for the hosts that it is promised, others start where they do not hold it up.
    Easy,
}

/// A kind of job, resolved once: definition and overrides merged.
#[derive(Clone, Debug)]
pub struct JobKind {
    /// `jobName`.
    pub name: String,
    /// Definition as `name:revision`.
    pub definition: String,
    /// Its queue.
    pub queue: QueueId,
    /// What it asks for; of several nodes the sum.
    pub need: Need,
    /// Jobs of a queue with the same number here ask for the same, consumable resources included.
    pub shape: u32,
    /// A template for each environment of the queue, in the order of these; of several nodes those
    /// of the main node.
    pub templates: Vec<TemplateId>,
    /// The nodes of a multi-node parallel job; absent: it is none.
    pub nodes: Option<Nodes>,
    /// How its containers behave, by child and by attempt; the last entries go for all that follow.
    pub behaviours: Vec<Vec<BehaviourId>>,
    /// When a failed attempt is followed by another.
    pub retry: RetryStrategy,
    /// `attemptDurationSeconds`.
    pub timeout: Option<SimDuration>,
    /// Its share, in a queue with fair share.
    pub share: Option<String>,
    /// `schedulingPriority`, 0 to 9999; 0 when nobody gave one [B-36].
    pub priority: u32,
    /// Children of an array job; absent: a job by itself.
    pub array_size: Option<u32>,
    /// What it waits for.
    pub depends_on: Vec<Dependency>,
    /// Quantities of consumable resources that each instance of the job takes.
    pub consumables: Vec<(usize, u64)>,
    /// The reason, by its number in [`crate::engine::World`], with which every such job fails as soon
    /// as it is evaluated: a limit that SubmitJob does not judge. Absent: none is exceeded.
    pub fails_with: Option<u32>,
}

/// The nodes of a multi-node parallel job.
///
/// Source: AWS Batch user guide, "Multi-node parallel jobs".
#[derive(Clone, Debug)]
pub struct Nodes {
    /// Index of the main node.
    pub main: u32,
    /// What each asks for.
    pub needs: Vec<Need>,
    /// The most of each resource that one asks for: all run on one instance type.
    pub largest: Need,
    /// The instance type, where one is named.
    pub instance_type: Option<String>,
    /// Templates of each node, as those of a job.
    pub templates: Vec<Vec<TemplateId>>,
}

/// An entry of `dependsOn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// The whole job with the same number of that workload.
    Job(WorkloadId),
    /// The job of this number, from 1, of that workload.
    Numbered(WorkloadId, u64),
    /// The child of this index, of the job with the same number of that workload [B-19].
    Child(WorkloadId, u32),
    /// Each child waits for the child of the same index there (`N_TO_N`).
    Each(WorkloadId),
    /// Each child waits for the one before it (`SEQUENTIAL`).
    Sequential,
}

/// A consumable resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumable {
    /// Its name.
    pub name: String,
    /// How much there is in all.
    pub total: u64,
    /// Whether what a job has taken comes back when its attempt ends (REPLENISHABLE).
    pub replenishable: bool,
}

/// Choices where AWS documents nothing, as far as they change what happens, and delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// From SUBMITTED to the next state [B-05].
    pub evaluation_delay: SimDuration,
    /// Jobs behind the head of a queue that are tried when the head finds no place [B-30].
    pub lookahead: u32,
    /// Whether `onExitCode: "*"` needs an exit code [B-08].
    pub exit_star_needs_code: bool,
    /// How much later than its time a timeout comes.
    pub timeout_lag: SimDuration,
    /// How long an idle instance is kept where nothing says otherwise [B-44].
    pub idle_time: SimDuration,
    /// What fair share measures [B-32].
    pub usage_mode: UsageMode,
    /// How much longer a share stays active [B-34].
    pub inactive_lag: SimDuration,
}

impl JobKind {
    /// How the container of a job behaves in one of its attempts, numbered from 1.
    pub fn behaviour(&self, index: Option<u32>, attempt: u8) -> BehaviourId {
        let of = |at: usize, count: usize| at.min(count - 1);
        let child = &self.behaviours[of(index.unwrap_or(0) as usize, self.behaviours.len())];
        child[of(usize::from(attempt.saturating_sub(1)), child.len())]
    }
}

impl Default for Choices {
    fn default() -> Self {
        Choices {
            evaluation_delay: SimDuration::ZERO,
            lookahead: 0,
            exit_star_needs_code: false,
            timeout_lag: SimDuration::ZERO,
            idle_time: SimDuration::from_secs(600),
            usage_mode: UsageMode::Window,
            inactive_lag: SimDuration::ZERO,
        }
    }
}
