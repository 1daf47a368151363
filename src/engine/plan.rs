//! What a run is made of: everything checked and resolved, before the clock starts.

use std::borrow::Cow;

use crate::batch::{Batch, ComputeEnvironment};
use crate::engine::amend::Amendment;
use crate::engine::job::{Request, StatusReason};
use crate::model::arena::{
    Arena, BehaviourId, ClusterId, EnvironmentId, InstanceId, ProviderId, QueueId, RulesId,
    TemplateId, WorkloadId,
};
use crate::model::cluster::Cluster;
use crate::model::provider::Provider;
use crate::model::request::{Rules, Template};
use crate::time::{SimDuration, SimTime};
use crate::workload::service::ServiceChange;
use crate::workload::{Container, Workload};

/// Everything that a run needs.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Seed of all random streams.
    pub seed: u64,
    /// Where the run stops; absent: when all work has ended. What falls due at it is not done.
    pub horizon: Option<SimTime>,
    /// Statistics begin here.
    pub warm_up: SimTime,
    /// Whether arrivals are put off a little at random, see [`Submissions::shaken`].
    ///
    /// [`Submissions::shaken`]: crate::workload::Submissions::shaken
    pub shaken: bool,
    /// Clusters, rules, templates.
    pub world: World,
    /// Who asks for tasks.
    pub workloads: Arena<WorkloadId, Workload>,
    /// What is done to the cluster from outside, in order of time.
    pub actions: Vec<Action>,
    /// What goes wrong, and how often.
    pub faults: Faults,
}

/// What a run acts on: the clusters, and what requests refer to.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Clusters with their instances.
    pub clusters: Arena<ClusterId, Cluster>,
    /// Capacity providers.
    pub providers: Arena<ProviderId, Provider>,
    /// Placement rules.
    pub rules: Arena<RulesId, Rules>,
    /// Kinds of request.
    pub templates: Arena<TemplateId, Template>,
    /// How containers behave.
    pub behaviours: Arena<BehaviourId, Vec<Container>>,
    /// Container reasons and other texts, see [`super::task::Exit::reason`].
    pub reasons: Vec<String>,
    /// Names of the zones that Fargate tasks run in.
    pub zones: Vec<String>,
    /// Fargate's limits and prices.
    pub fargate: Fargate,
    /// AWS Batch.
    pub batch: Batch,
    /// Choices where AWS documents nothing.
    pub choices: Choices,
}

impl World {
    /// The words of a job's `statusReason`. Sources: AWS Batch user guide, "Automated job retries"
    /// and "Jobs stuck in RUNNABLE"; answers seen in the field.
    pub fn status_reason(&self, reason: &StatusReason) -> Cow<'_, str> {
        Cow::Borrowed(match reason {
            StatusReason::EssentialContainer => "Essential container in task exited",
            StatusReason::FailedToStart => "Task failed to start",
            StatusReason::FargateSpot => "Your Spot Task was interrupted.",
            StatusReason::Timeout => "Job attempt duration exceeded timeout",
            StatusReason::DependencyFailed => "Dependent Job failed",
            StatusReason::ChildFailed => "Array Child Job failed",
            StatusReason::Text(number) => &self.reasons[*number as usize],
            StatusReason::HostTerminated(cluster, id) => {
                let host = &self.clusters[*cluster].descriptions()[*id];
                let name = host.ec2_instance_id.as_ref().unwrap_or(&host.name);
                return format!("Host EC2 (instance {name}) terminated.").into();
            }
            StatusReason::Blocked(why) => return why.text().into(),
            StatusReason::TimeLimit(code) => {
                let text = "Canceled by JobStateTimeLimit action due to reason: ";
                return format!("{text}{code}").into();
            }
        })
    }
}

/// Something that is done to a cluster, a service or a task from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// When.
    pub at: SimTime,
    /// What.
    pub what: Deed,
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// StopTask. Source: ECS API reference.
    StopTask {
        /// Whose task.
        workload: WorkloadId,
        /// Which of its tasks in order of acceptance, from 1; all that live when absent.
        task: Option<u64>,
        /// The caller's reason, as a number into [`World::reasons`].
        reason: Option<u32>,
    },
    /// UpdateTaskProtection. Source: ECS API reference.
    ProtectTask {
        /// Whose task.
        workload: WorkloadId,
        /// Which of its tasks in order of acceptance, from 1; all that live when absent.
        task: Option<u64>,
        /// How long from now; no time ends the protection.
        lasts: SimDuration,
    },
    /// Something happens to container instances.
    Instances {
        /// Their cluster.
        cluster: ClusterId,
        /// Which.
        instances: Vec<InstanceId>,
        /// What.
        what: InstanceDeed,
    },
    /// UpdateService. Source: ECS API reference.
    UpdateService {
        /// The service.
        service: WorkloadId,
        /// What changes.
        change: ServiceChange,
    },
    /// UpdateAutoScalingGroup. Source: Amazon EC2 Auto Scaling API reference.
    Resize {
        /// The capacity provider of the group.
        provider: ProviderId,
        /// New fewest size.
        min_size: Option<u32>,
        /// New greatest size.
        max_size: Option<u32>,
        /// New desired capacity.
        desired: Option<u32>,
    },
    /// CancelJob or TerminateJob. Source: AWS Batch API reference.
    EndJobs {
        /// Whose jobs.
        workload: WorkloadId,
        /// Which of its jobs, from 1; all when absent.
        job: Option<u64>,
        /// Which child of that array.
        index: Option<u32>,
        /// What is asked for.
        request: Request,
        /// The caller's reason, as a number into [`World::reasons`].
        reason: u32,
    },
    /// UpdateJobQueue. Source: AWS Batch API reference.
    SetQueue {
        /// The queue.
        queue: QueueId,
        /// Whether it takes jobs.
        enabled: Option<bool>,
        /// Its new priority.
        priority: Option<i64>,
    },
    /// UpdateComputeEnvironment. Source: AWS Batch API reference.
    UpdateEnvironment {
        /// The environment.
        environment: EnvironmentId,
        /// What becomes of it.
        to: Box<ComputeEnvironment>,
        /// How its instances are replaced; absent: they stay (a scaling update).
        replace: Option<Replacement>,
    },
    /// UpdateConsumableResource. Source: AWS Batch API reference.
    SetConsumable {
        /// Its number.
        resource: usize,
        /// What becomes of its total.
        change: QuantityChange,
    },
    /// Something is other than it was, from the end of this moment on; no verb of a scenario.
    Amend(Box<Amendment>),
    /// Fargate Spot takes back the capacity of all live tasks of a workload.
    InterruptFargateSpot {
        /// Whose tasks.
        workload: WorkloadId,
    },
}

/// How the instances of a compute environment are replaced.
///
/// Source: AWS Batch API reference, UpdatePolicy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Whether jobs that run are ended at once.
    pub terminate_jobs: bool,
    /// How long they may go on otherwise.
    pub job_time: SimDuration,
}

/// What becomes of the total of a consumable resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityChange {
    /// It is so much.
    Set(u64),
    /// It is so much more.
    Add(u64),
    /// It is so much less, as far as there is as much.
    Remove(u64),
}

/// What happens to a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceDeed {
    /// UpdateContainerInstancesState to DRAINING.
    Drain,
    /// UpdateContainerInstancesState to ACTIVE.
    Activate,
    /// DeregisterContainerInstance.
    Deregister {
        /// Also while it has tasks.
        force: bool,
    },
    /// The EC2 instance is terminated, or fails for good.
    Terminate,
    /// The EC2 instance is stopped: its tasks stop, it stays registered and disconnected.
    Stop,
    /// The agent loses its connection; tasks go on.
    Disconnect,
    /// The agent is connected again.
    Connect,
    /// Amazon EC2 takes a Spot instance back: two minutes' notice, then it is terminated.
    InterruptSpot,
}

/// What goes wrong, and how often. Times are exponential, each from a stream of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Mean time to the interruption of a Spot instance, from its launch; absent: none.
    pub spot_interruption: Option<SimDuration>,
    /// Mean time to the failure of an instance, from its launch; absent: none.
    pub instance_failure: Option<SimDuration>,
    /// How long after its failure a standing instance registers again, as a new one; absent: never.
    pub instance_repair: Option<SimDuration>,
    /// Mean time to the interruption of a Fargate Spot task, from its placement; absent: none.
    pub fargate_spot_interruption: Option<SimDuration>,
}

/// Fargate's limits and prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fargate {
    /// CPU units that on-demand tasks may have at once; absent: any number.
    pub on_demand_quota: Option<u64>,
    /// CPU units that Spot tasks may have at once; absent: any number.
    pub spot_quota: Option<u64>,
    /// Launches: how many at once, and how many a second are granted again; absent: any number.
    pub launch_rate: Option<(u32, u32)>,
    /// Price of a vCPU-hour and a GB-hour on demand, in micro-dollars.
    pub price: Option<(u64, u64)>,
    /// The same for Spot.
    pub spot_price: Option<(u64, u64)>,
}

/// Choices where AWS documents nothing, as far as they change what the engine does, and delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// When a stopping task's resources are free for others [U-16].
    pub release: ResourceRelease,
    /// From launch to registration of an instance [U-41].
    pub boot_time: SimDuration,
    /// How long a task waits in PROVISIONING for capacity of its provider [U-35].
    pub patience: SimDuration,
    /// How long a client token is remembered; "up to 24 hours" in the developer guide.
    pub token_life: SimDuration,
    /// Most tasks of a cluster that may wait so.
    pub provisioning_limit: u32,
    /// Who of those that wait may pass whom [U-33].
    pub waiting_order: WaitingOrder,
    /// How long until a service tries again that found no place for a task; also the first delay
    /// after tasks that never ran, which doubles [U-44].
    pub service_retry: SimDuration,
    /// From RUNNING to healthy for a service task without any check.
    pub healthy_after: SimDuration,
    /// Attaching a network interface to a task on an instance.
    pub interface_attachment: SimDuration,
    /// Detaching it.
    pub interface_detachment: SimDuration,
    /// PROVISIONING of a task on Fargate.
    pub fargate_provisioning: SimDuration,
    /// DEPROVISIONING of a task on Fargate.
    pub fargate_deprovisioning: SimDuration,
    /// Which instance scale-in takes first [U-36].
    pub scale_in_order: ScaleInOrder,
    /// Whether a task that was started by launch type makes an instance of a provider
    /// non-empty [U-37].
    pub launch_type_counts: bool,
}

/// When a stopping task's resources are free for others.
/// Source: AWS announcement of July 2023 on task start while other tasks shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResourceRelease {
    /// When it begins to stop; on the instance a newcomer waits until it has stopped.
    #[default]
    OnStopping,
    /// When it has stopped.
    OnStopped,
}

/// Who of the tasks that wait in PROVISIONING may pass whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitingOrder {
    /// Oldest first; a later one that fits may pass.
    #[default]
    OldestFirst,
    /// Oldest first, and nobody passes it.
    HeadOfLine,
}

/// Which instance scale-in takes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleInOrder {
    /// In the zone with most instances, the one that was launched first.
    #[default]
    FullestZoneOldest,
    /// The same, the one that was launched last.
    FullestZoneNewest,
}

impl Default for Choices {
    fn default() -> Self {
        Choices {
            release: ResourceRelease::OnStopping,
            boot_time: SimDuration::from_secs(120),
            patience: SimDuration::from_secs(15 * 60),
            token_life: SimDuration::from_secs(24 * 3600),
            provisioning_limit: 500,
            waiting_order: WaitingOrder::OldestFirst,
            service_retry: SimDuration::from_secs(15),
            healthy_after: SimDuration::from_secs(40),
            interface_attachment: SimDuration::ZERO,
            interface_detachment: SimDuration::ZERO,
            // Seen in the answer to a DescribeTasks call: 17.7 s from creation to the pull, and
            // 22.8 s from the stop of execution to STOPPED.
            fargate_provisioning: SimDuration::from_micros(17_700_000),
            fargate_deprovisioning: SimDuration::from_micros(22_800_000),
            scale_in_order: ScaleInOrder::FullestZoneOldest,
            launch_type_counts: true,
        }
    }
}
