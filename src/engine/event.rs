//! What can happen at a moment, and in which order what happens at the same moment is taken.

use crate::model::arena::WorkloadId;

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
    /// The network interface of a task is there.
    InterfaceAttached(Ref),
    /// All containers of a task have started.
    TaskStarted(Ref),
    /// A task ends by itself: an essential container has exited, or it cannot start.
    TaskEnds(Ref),
    /// All containers of a stopping task have stopped.
    ContainersStopped(Ref),
    /// The network interface of a task is gone.
    InterfaceDetached(Ref),
    /// A workload makes its next call.
    Arrival(WorkloadId),
    /// A caller asks again, or gives up.
    CallDue(Ref),
}

impl Event {
    /// The place of an event among those of its moment: starts, ends, calls. Capacity that frees
    /// at `t` is seen by whoever asks at `t`. Within a class the event that was scheduled first
    /// comes first.
    ///
    /// Source: the same order as for AWS Batch's own transitions; ECS documents none.
    pub const fn class(self) -> u8 {
        match self {
            Event::InterfaceAttached(_) | Event::TaskStarted(_) => 0,
            Event::TaskEnds(_) | Event::ContainersStopped(_) | Event::InterfaceDetached(_) => 1,
            Event::Arrival(_) | Event::CallDue(_) => 2,
        }
    }
}
