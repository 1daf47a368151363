//! What a wait is charged to.

use serde::Serialize;

use crate::placement::constraint::Reason;
use crate::time::SimDuration;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a task or a job waits for. The order is that of the summary.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $($(#[$doc])* $name,)* }

        impl Cause {
            /// All causes.
            pub const ALL: [Cause; [$(Cause::$name),*].len()] = [$(Cause::$name),*];

            /// A few words for it.
            pub const fn text(self) -> &'static str {
                match self { $(Cause::$name => $text,)* }
            }
        }
    };
}

causes! {
    /// A submitted job is not evaluated yet.
    Evaluation = "evaluation of the job";
    /// Jobs that it depends on have not ended.
    Dependency = "dependency";
    /// Others stand before it in its queue.
    QueueOrder = "queue order";
    /// It is the turn of another share, or what is left is kept for other shares.
    Share = "share";
    /// Too little is left of a consumable resource.
    Consumable = "consumable resource";
    /// Too little CPU is left.
    Cpu = "RESOURCE:CPU";
    /// Too little memory is left.
    Memory = "RESOURCE:MEMORY";
    /// A host port is taken.
    Ports = "RESOURCE:PORTS";
    /// No network interface is left.
    Eni = "RESOURCE:ENI";
    /// Too few GPUs are free.
    Gpu = "RESOURCE:GPU";
    /// No instance has an attribute that the task needs.
    Attribute = "ATTRIBUTE";
    /// No instance stands in a zone of the task's subnets.
    Location = "LOCATION";
    /// The agent is not connected.
    Agent = "AGENT";
    /// A `memberOf` expression is false.
    MemberOf = "memberOf";
    /// A task of the group is on every instance with room.
    DistinctInstance = "distinctInstance";
    /// There is no ACTIVE instance that may be considered.
    NoInstance = "no ACTIVE instance";
    /// StartTask names an instance that is unknown or not ACTIVE.
    NamedInstance = "the instance that is named";
    /// Fargate has no capacity, or grants no launch now.
    Fargate = "Fargate capacity";
    /// As many tasks wait in PROVISIONING as may.
    ProvisioningLimit = "limit of tasks in PROVISIONING";
    /// No instance type is large enough.
    NoType = "no instance type fits";
    /// An instance was asked for and is on its way.
    Boot = "instance boot";
    /// Managed scaling has not asked for an instance yet.
    Scaling = "managed scaling";
    /// The environment or the Auto Scaling group is as large as it may be.
    Maximum = "maximum size";
    /// EC2 has none of the instance types.
    Insufficient = "insufficient capacity of EC2";
    /// No environment of the queue is ENABLED.
    Disabled = "no environment ENABLED";
    /// There is room, and the caller asks again later.
    BackOff = "back-off of the caller";
    /// The service scheduler tries again later.
    ServiceScheduler = "service scheduler";
    /// A network interface is being attached.
    Interface = "interface attachment";
    /// Fargate prepares the host.
    FargateStart = "Fargate provisioning";
    /// Stopping tasks hold what the task was promised.
    Stopping = "tasks that stop on the instance";
    /// Images are pulled.
    ImagePull = "image pull";
    /// Containers start in the order of their dependencies.
    Containers = "dependencies of containers";
    /// It is being registered with a load balancer.
    LoadBalancer = "load balancer";
}

impl Cause {
    /// What ECS says when a task finds no place, as a cause.
    pub const fn of(reason: Reason) -> Self {
        match reason {
            Reason::Missing | Reason::Inactive => Cause::NamedInstance,
            Reason::Agent => Cause::Agent,
            Reason::Attribute => Cause::Attribute,
            Reason::Location => Cause::Location,
            Reason::Cpu => Cause::Cpu,
            Reason::Memory => Cause::Memory,
            Reason::Ports => Cause::Ports,
            Reason::Eni => Cause::Eni,
            Reason::Gpu => Cause::Gpu,
            Reason::MemberOf => Cause::MemberOf,
            Reason::DistinctInstance => Cause::DistinctInstance,
            Reason::Capacity | Reason::Throttled => Cause::Fargate,
            Reason::Quota => Cause::ProvisioningLimit,
        }
    }

    /// Whether it has its place and is being started.
    pub const fn is_start(self) -> bool {
        matches!(
            self,
            Cause::Interface
                | Cause::FargateStart
                | Cause::Stopping
                | Cause::ImagePull
                | Cause::Containers
                | Cause::LoadBalancer
        )
    }

    /// Whether it asks for a place: everything after evaluation and dependencies, and before the
    /// start.
    pub const fn wants_room(self) -> bool {
        !self.is_start() && !matches!(self, Cause::Evaluation | Cause::Dependency)
    }
}

impl Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.text())
    }
}

/// Microseconds by cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums([u64; Cause::ALL.len()]);

impl Default for Sums {
    fn default() -> Self {
        Sums([0; Cause::ALL.len()])
    }
}

impl Sums {
    /// Charges a span.
    pub fn add(&mut self, cause: Cause, span: SimDuration) {
        self.0[cause as usize] += span.micros();
    }

    /// What was charged to a cause.
    pub fn of(&self, cause: Cause) -> SimDuration {
        SimDuration::from_micros(self.0[cause as usize])
    }

    /// Everything together.
    pub fn total(&self) -> SimDuration {
        SimDuration::from_micros(self.0.iter().sum())
    }

    /// The causes that something was charged to, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Cause, SimDuration)> + '_ {
        let all = Cause::ALL.into_iter().map(|cause| (cause, self.of(cause)));
        all.filter(|(_, span)| *span > SimDuration::ZERO)
    }

    /// The cause that most was charged to; of equal ones the first. Absent when nothing was.
    pub fn main(&self) -> Option<Cause> {
        let largest = self
            .iter()
            .max_by_key(|(cause, span)| (*span, std::cmp::Reverse(*cause)));
        largest.map(|(cause, _)| cause)
    }

    /// One after the other, modulo 2⁶⁴: a part that was taken off before it was there comes back.
    pub(super) fn join(&mut self, other: &Sums) {
        for (sum, part) in self.0.iter_mut().zip(other.0) {
            *sum = sum.wrapping_add(part);
        }
    }

    /// Takes off what is not its own, modulo 2⁶⁴.
    pub(super) fn part(&mut self, other: &Sums) {
        for (sum, part) in self.0.iter_mut().zip(other.0) {
            *sum = sum.wrapping_sub(part);
        }
    }
}
