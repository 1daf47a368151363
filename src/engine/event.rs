//! What can happen at a moment, and in which order what happens at the same moment is taken.

use crate::model::arena::{
    ClusterId, EnvironmentId, InstanceId, JobId, ProviderId, QueueId, WorkloadId,
};

/// A live thing in a slot that is used again: the generation tells whether it is still the same
/// thing, so that an event which was overtaken is seen to be stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ref {
    /// Which slot.
    pub slot: u32,
    /// Which of the things that lived there.
    pub generation: u32,
}

/// What can happen at a moment. An event that finds its task in another state than the one it was
/// meant for has been overtaken and does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something is done from outside: the action of this number.
    Action(u32),
    /// An instance has booted and registers.
    InstanceReady(Ref),
    /// A warm pool is full again by one.
    WarmInstanceReady(ProviderId),
    /// The network interface of a task is there.
    InterfaceAttached(Ref),
    /// All containers of a task have started.
    TaskStarted(Ref),
    /// A task is registered with the load balancer.
    TaskActivated(Ref),
    /// The health checks of a task find something new.
    TaskHealth(Ref),
    /// A task ends by itself: an essential container has exited, or it cannot start.
    TaskEnds(Ref),
    /// A task has been taken from the load balancer.
    TaskDeactivated(Ref),
    /// All containers of a stopping task have stopped.
    ContainersStopped(Ref),
    /// The network interface of a task is gone.
    InterfaceDetached(Ref),
    /// A task has waited long enough for capacity of its provider.
    PatienceEnds(Ref),
    /// Amazon EC2 takes a Spot instance back in two minutes.
    SpotNotice(ClusterId, InstanceId),
    /// It is gone.
    SpotReclaim(ClusterId, InstanceId),
    /// An instance fails.
    InstanceFails(ClusterId, InstanceId),
    /// An instance has drained for the longest time there is.
    DrainEnds(ClusterId, InstanceId),
    /// Fargate Spot takes a task's capacity back.
    FargateSpotNotice(Ref),
    /// A workload makes its next call.
    Arrival(WorkloadId),
    /// A caller asks again, or gives up.
    CallDue(Ref),
    /// A service is to be looked at.
    ServiceDue(WorkloadId),
    /// Fargate grants the next launch.
    LaunchGranted,
    /// Managed scaling looks at all capacity providers.
    Minute,
    /// Something is done to an instance of AWS Batch from outside: the action of this number.
    BatchInstance(u32),
    /// AWS Batch is asked for something from outside: the action of this number.
    BatchCall(u32),
    /// The jobs of an instance that an update of its environment replaces have had their time.
    ReplacementDue(ClusterId, InstanceId),
    /// A submitted job is evaluated.
    JobDue(JobId),
    /// The attempt of a job has run for as long as it may, if it is still this try.
    JobTimeout(JobId, u8),
    /// The head of a queue may have been blocked for too long.
    HeadBlocked(QueueId),
    /// A compute environment is to be looked at: an instance may have idled long enough, or a type
    /// can be had again.
    EnvironmentDue(EnvironmentId),
}

impl Event {
    /// The place of an event among those of its moment: what is done from outside; what becomes
    /// ready; what ends; calls; managed scaling. Capacity that frees at `t` is seen by whoever asks
    /// at `t`. Within a class the event that was scheduled first comes first.
    ///
    /// Source: the same order as for AWS Batch's own transitions; ECS documents none.
    pub const fn class(self) -> u8 {
        match self {
            Event::Action(_) => 0,
            Event::InstanceReady(_)
            | Event::WarmInstanceReady(_)
            | Event::InterfaceAttached(_)
            | Event::TaskStarted(_)
            | Event::TaskActivated(_)
            | Event::LaunchGranted
            | Event::TaskHealth(_) => 1,
            Event::TaskEnds(_)
            | Event::TaskDeactivated(_)
            | Event::ContainersStopped(_)
            | Event::InterfaceDetached(_)
            | Event::PatienceEnds(_) => 2,
            Event::BatchInstance(_)
            | Event::SpotNotice(..)
            | Event::SpotReclaim(..)
            | Event::InstanceFails(..)
            | Event::DrainEnds(..)
            | Event::ReplacementDue(..)
            | Event::FargateSpotNotice(_) => 3,
            Event::BatchCall(_) | Event::Arrival(_) | Event::CallDue(_) | Event::ServiceDue(_) => 4,
            Event::JobTimeout(..) | Event::HeadBlocked(_) | Event::JobDue(_) => 5,
            Event::Minute | Event::EnvironmentDue(_) => 6,
        }
    }

    /// Whether it can bring work on that is not done yet. Without a horizon a run ends when only
    /// others are left: faults, the minute of managed scaling, drains, and callers who ask again.
    pub const fn is_work(self) -> bool {
        match self {
            Event::Minute
            | Event::WarmInstanceReady(_)
            | Event::SpotNotice(..)
            | Event::InstanceFails(..)
            | Event::DrainEnds(..)
            | Event::ReplacementDue(..)
            | Event::FargateSpotNotice(_)
            | Event::CallDue(_) => false,
            Event::Action(_)
            | Event::SpotReclaim(..)
            | Event::InstanceReady(_)
            | Event::InterfaceAttached(_)
            | Event::TaskStarted(_)
            | Event::TaskActivated(_)
            | Event::TaskHealth(_)
            | Event::TaskEnds(_)
            | Event::TaskDeactivated(_)
            | Event::ContainersStopped(_)
            | Event::InterfaceDetached(_)
            | Event::PatienceEnds(_)
            | Event::LaunchGranted
            | Event::Arrival(_)
            | Event::BatchInstance(_)
            | Event::BatchCall(_)
            | Event::JobDue(_)
            | Event::JobTimeout(..)
            | Event::HeadBlocked(_)
            | Event::EnvironmentDue(_)
            | Event::ServiceDue(_) => true,
        }
    }
}
