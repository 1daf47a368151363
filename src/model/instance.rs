//! A container instance: what it registered, what is free on it, which tasks it carries.

use std::collections::BTreeMap;

use super::arena::{GroupId, ProviderId};
use super::resources::{Demand, HostPort, Resources};
use crate::query::Candidate;
use crate::time::SimTime;

/// Registration state of a container instance. Only an ACTIVE one takes tasks.
///
/// Source: ECS API reference, ContainerInstance, `status`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InstanceStatus {
    /// The trunk interface is being attached.
    Registering,
    /// Registration failed.
    RegistrationFailed,
    /// Normal: takes tasks while its agent is connected.
    Active,
    /// Takes no new tasks.
    Draining,
    /// Is being removed.
    Deregistering,
    /// Is no longer registered.
    Inactive,
}

/// What does not change while the instance is registered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// Name in all outputs and in `startTask`: `<cluster>/<number>` unless the scenario names it.
    pub name: String,
    /// EC2 instance id, as the query language sees it; external instances have none.
    pub ec2_instance_id: Option<String>,
    /// EC2 instance type, when the scenario gave one.
    pub instance_type: Option<String>,
    /// All attributes, built-in and custom; the empty text stands for an attribute without value.
    pub attributes: BTreeMap<String, String>,
    /// Version of the agent, as the query language sees it.
    pub agent_version: Option<String>,
    /// Moment of registration in Unix seconds, as the query language sees it.
    pub registered_at: i64,
    /// Registered resources (ENIs: how many tasks may have one).
    pub capacity: Resources,
    /// Ports that were taken from the start, ascending.
    pub reserved_ports: Vec<HostPort>,
    /// Price in micro-dollars an hour that is paid for it, on-demand or Spot; absent when nobody
    /// gave one.
    pub price: Option<u64>,
    /// Memory of each GPU in MiB, for tasks that share one; absent when nobody gave it: then none is
    /// shared.
    pub gpu_memory: Option<u32>,
    /// How it was bought.
    pub purchase: Purchase,
    /// The capacity provider whose Auto Scaling group launched it; none for a standing instance.
    pub provider: Option<ProviderId>,
    /// When it was launched, in simulated time; money is paid from here on.
    pub launched_at: SimTime,
    /// When it registered, in simulated time; it can take tasks from here on.
    pub joined_at: SimTime,
    /// Whether the agent sets the instance DRAINING at a Spot interruption notice
    /// (ECS_ENABLE_SPOT_INSTANCE_DRAINING).
    pub spot_draining: bool,
}

/// How an instance is bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purchase {
    /// At the on-demand price, until it is terminated.
    #[default]
    OnDemand,
    /// At the Spot price, until Amazon EC2 takes it back.
    Spot,
}

impl Description {
    /// The zone the instance stands in: its attribute `ecs.availability-zone`.
    pub fn zone(&self) -> Option<&str> {
        self.attributes
            .get("ecs.availability-zone")
            .map(String::as_str)
    }

    /// Whether its operating system is Windows: its attribute `ecs.os-type`.
    pub fn is_windows(&self) -> bool {
        self.attributes
            .get("ecs.os-type")
            .is_some_and(|system| system == "windows")
    }

    /// Whether this is an external instance (ECS Anywhere): it takes EXTERNAL tasks only.
    pub fn is_external(&self) -> bool {
        self.attributes.contains_key("ecs.capability.external")
    }
}

/// The changing state of a container instance. Read it freely; [`super::cluster::Cluster`] changes it.
///
/// What every placement looks at lies in one cache line: among many instances it is not in the
/// cache.
#[derive(Clone, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Instance {
    /// What remains of the registered resources.
    pub free: Resources,
    /// What was registered.
    pub capacity: Resources,
    /// How many of its tasks each group has here, of those that are counted; no group stands with zero.
    pub groups: Vec<(GroupId, u32)>,
    /// Tasks placed here whose desired status is RUNNING.
    pub tasks: u32,
    /// Registration state.
    pub status: InstanceStatus,
    /// Whether the agent is connected.
    pub agent_connected: bool,
    /// Whether it runs Windows, which ignores task sizes.
    pub windows: bool,
    /// Whether it is kept for one job of several nodes.
    pub held: bool,
    /// GPU devices that are free: bit `n` is the device registered as number `n`.
    pub free_gpus: u64,
    /// Host ports that are taken, ascending; the reserved ones included.
    pub ports: Vec<HostPort>,
    /// GPU devices that tasks share (mode NVIDIA_MPS), in the order in which they came to be shared.
    pub shared_gpus: Box<[SharedGpu]>,
    /// Memory of each GPU in MiB; 0 when nobody gave it.
    pub gpu_memory: u32,
    /// When it left the cluster for good; absent while it is registered.
    pub left_at: Option<SimTime>,
}

/// A GPU that tasks share.
///
/// Source: ECS service model, GpuDevice and ResourceRequirement, `sharingStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedGpu {
    /// Number of the device.
    pub device: u8,
    /// Memory that is left of it, in MiB.
    pub free_memory: u32,
}

/// Most GPUs an instance may have: they are one word of bits.
pub const MAX_GPUS: u32 = 64;

/// Most host ports that may be reserved on one instance, the agent's own included, TCP and UDP
/// together. Source: ECS API reference, PortMapping.
pub const MAX_RESERVED_PORTS: usize = 100;

impl Instance {
    /// A fresh instance without tasks.
    ///
    /// # Panics
    /// With more than [`MAX_GPUS`] GPUs.
    pub fn new(description: &Description, status: InstanceStatus, agent_connected: bool) -> Self {
        let capacity = description.capacity;
        assert!(
            capacity.gpus <= MAX_GPUS,
            "an instance has at most {MAX_GPUS} GPUs"
        );
        Instance {
            status,
            agent_connected,
            free: capacity,
            capacity,
            windows: description.is_windows(),
            held: false,
            tasks: 0,
            free_gpus: if capacity.gpus == 64 {
                u64::MAX
            } else {
                (1 << capacity.gpus) - 1
            },
            ports: description.reserved_ports.clone(),
            shared_gpus: Box::default(),
            gpu_memory: description.gpu_memory.unwrap_or(0),
            groups: Vec::new(),
            left_at: None,
        }
    }

    /// Whether it may take tasks now.
    pub fn is_placeable(&self) -> bool {
        self.status == InstanceStatus::Active && self.agent_connected && !self.held
    }

    /// One more task of `group`.
    pub(super) fn count_in(&mut self, group: GroupId) {
        match self.groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, count)) => *count += 1,
            None => self.groups.push((group, 1)),
        }
    }

    /// One task of `group` less.
    pub(super) fn count_out(&mut self, group: GroupId) {
        let at = self.groups.iter().position(|(known, _)| *known == group);
        let at = at.expect("a task that leaves was counted in its group");
        self.groups[at].1 -= 1;
        if self.groups[at].1 == 0 {
            self.groups.swap_remove(at);
        }
    }

    /// Tasks of `group` here that are meant to run, if the cluster counts them.
    pub fn tasks_of(&self, group: GroupId) -> u32 {
        self.groups
            .iter()
            .find(|(id, _)| *id == group)
            .map_or(0, |(_, count)| *count)
    }

    /// Whether none of `ports` is taken and all of them can be reserved.
    pub fn has_ports(&self, ports: &[HostPort]) -> bool {
        ports.is_empty()
            || self.ports.len() + ports.len() <= MAX_RESERVED_PORTS
                && ports
                    .iter()
                    .all(|port| self.ports.binary_search(port).is_err())
    }

    /// Whether CPU, memory, GPUs and network interfaces that are left are enough for `demand`.
    pub fn has_room(&self, demand: &Demand) -> bool {
        self.free.fits(&self.resources_for(demand)) && self.has_gpus(demand)
    }

    /// Whether its GPUs are enough for `demand`, memory of shared ones included.
    pub fn has_gpus(&self, demand: &Demand) -> bool {
        self.free.gpus >= self.resources_for(demand).gpus
            && (demand.shared_gpu_memory == 0
                || self.gpu_to_share(demand.shared_gpu_memory).is_some())
    }

    /// The device that a task gets who shares one: the first that is shared already and has so much
    /// memory left, else the first that is free. All of the memory comes from one device [U-15].
    ///
    /// Source: ECS service model, ResourceRequirement, `sharingStrategy`.
    pub fn gpu_to_share(&self, memory: u32) -> Option<u8> {
        let shared = self
            .shared_gpus
            .iter()
            .filter(|gpu| gpu.free_memory >= memory);
        let free = (self.free_gpus != 0 && self.gpu_memory >= memory)
            .then(|| self.free_gpus.trailing_zeros() as u8);
        shared.map(|gpu| gpu.device).min().or(free)
    }

    /// What `demand` takes here: `ALL` GPUs are as many as the instance has, and CPU and memory are
    /// those of the instance's operating system.
    pub fn resources_for(&self, demand: &Demand) -> Resources {
        let mut resources = demand.on(self.windows);
        if demand.all_gpus {
            resources.gpus = self.capacity.gpus.max(1);
        }
        resources
    }
}

impl Instance {
    /// Takes memory of a device for a task that shares it, and gives the device as a bit. A device
    /// that was free is shared from here on.
    pub(super) fn share_gpu(&mut self, device: u8, memory: u32) -> u64 {
        let total = self.gpu_memory;
        match self.shared_gpus.iter_mut().find(|gpu| gpu.device == device) {
            Some(gpu) => {
                let left = gpu.free_memory.checked_sub(memory);
                gpu.free_memory = left.expect("a task is placed where a GPU has room");
            }
            None => {
                assert!(
                    self.free_gpus & 1 << device != 0 && memory <= total,
                    "a task is placed where a GPU has room"
                );
                self.free.gpus -= 1;
                let shared = SharedGpu {
                    device,
                    free_memory: total - memory,
                };
                let before = std::mem::take(&mut self.shared_gpus).into_iter();
                self.shared_gpus = before.chain([shared]).collect();
            }
        }
        1 << device
    }

    /// Gives memory of a shared device back. The last task frees the device.
    pub(super) fn unshare_gpu(&mut self, bits: u64, memory: u32) {
        let device = bits.trailing_zeros() as u8;
        let at = self.shared_gpus.iter().position(|gpu| gpu.device == device);
        let at = at.expect("a GPU that is given back was shared");
        self.shared_gpus[at].free_memory += memory;
        if self.shared_gpus[at].free_memory == self.gpu_memory {
            let before = std::mem::take(&mut self.shared_gpus).into_iter();
            self.shared_gpus = before.filter(|gpu| gpu.device != device).collect();
            self.free.gpus += 1;
            self.free_gpus |= bits;
        }
    }
}

/// An instance as the query language looks at it.
pub struct Seen<'a> {
    /// What does not change.
    pub description: &'a Description,
    /// What does.
    pub instance: &'a Instance,
    /// Names of the groups of the cluster, by [`GroupId`].
    pub groups: &'a [String],
}

impl Candidate for Seen<'_> {
    fn agent_connected(&self) -> bool {
        self.instance.agent_connected
    }
    fn agent_version(&self) -> Option<&str> {
        self.description.agent_version.as_deref()
    }
    fn ec2_instance_id(&self) -> Option<&str> {
        self.description.ec2_instance_id.as_deref()
    }
    fn registered_at(&self) -> Option<i64> {
        Some(self.description.registered_at)
    }
    fn running_tasks_count(&self) -> u32 {
        self.instance.tasks
    }
    fn any_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.instance
            .groups
            .iter()
            .any(|(group, _)| test(&self.groups[group.0 as usize]))
    }
    fn attribute(&self, name: &str) -> Option<&str> {
        self.description.attributes.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecs_u46_a_windows_instance_takes_what_windows_counts() {
        let instance = |system: &str| {
            let description = Description {
                attributes: BTreeMap::from([("ecs.os-type".to_owned(), system.to_owned())]),
                ..Description::default()
            };
            Instance::new(&description, InstanceStatus::Active, true)
        };
        let demand = Demand {
            resources: Resources {
                cpu: 1024,
                memory: 2048,
                gpus: 0,
                enis: 1,
            },
            windows: Some((100, 128)),
            ..Demand::default()
        };
        let linux = instance("linux").resources_for(&demand);
        assert_eq!(linux, demand.resources);
        let windows = instance("windows").resources_for(&demand);
        assert_eq!((windows.cpu, windows.memory, windows.enis), (100, 128, 1));
    }

    /// Two cache lines: there are many, and each is looked at now and then.
    #[test]
    fn an_instance_is_small() {
        assert_eq!(size_of::<Instance>(), 128);
    }
}
