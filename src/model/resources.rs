//! What an instance has and what a task takes: CPU units, memory, GPUs, network interfaces, host ports.
//!
//! 1024 CPU units are one vCPU; memory is in MiB; GPUs and ENIs are whole. All arithmetic is on
//! integers (`spec` of Amazon ECS: DescribeContainerInstances, `registeredResources`).

use std::fmt;

/// Amounts of the four resources that are counted. Host ports are a set, see [`HostPort`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    /// CPU units; 1024 are one vCPU.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Whole GPUs.
    pub gpus: u32,
    /// Elastic network interfaces that tasks may take (`awsvpc` network mode).
    pub enis: u32,
}

impl Resources {
    /// Whether `need` can be taken from here. Equality fits, and what needs nothing of a resource
    /// fits even where nothing is left of it.
    pub const fn fits(&self, need: &Resources) -> bool {
        self.cpu >= need.cpu
            && self.memory >= need.memory
            && self.gpus >= need.gpus
            && self.enis >= need.enis
    }

    /// What is left when `need` is taken; `None` when it does not fit.
    pub const fn checked_sub(&self, need: &Resources) -> Option<Resources> {
        if !self.fits(need) {
            return None;
        }
        Some(Resources {
            cpu: self.cpu - need.cpu,
            memory: self.memory - need.memory,
            gpus: self.gpus - need.gpus,
            enis: self.enis - need.enis,
        })
    }

    /// The greater of both, resource by resource.
    pub fn greater(&self, other: &Resources) -> Resources {
        Resources {
            cpu: self.cpu.max(other.cpu),
            memory: self.memory.max(other.memory),
            gpus: self.gpus.max(other.gpus),
            enis: self.enis.max(other.enis),
        }
    }

    /// The sum of both.
    ///
    /// # Panics
    /// When a sum passes `u32::MAX`, which the limits on instances rule out.
    pub fn plus(&self, other: &Resources) -> Resources {
        let add = |a: u32, b: u32| {
            a.checked_add(b)
                .expect("resources within the limits of an instance")
        };
        Resources {
            cpu: add(self.cpu, other.cpu),
            memory: add(self.memory, other.memory),
            gpus: add(self.gpus, other.gpus),
            enis: add(self.enis, other.enis),
        }
    }
}

/// Transport protocol of a host port; TCP and UDP ports are separate sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Transmission Control Protocol, and whatever is not `udp`.
    Tcp,
    /// User Datagram Protocol.
    Udp,
}

/// A port of the host that a task takes for itself while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// 1 to 65535.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        write!(out, "{}/{protocol}", self.port)
    }
}

/// What one task takes from the instance it is placed on.
///
/// Source: Amazon ECS agent, `task.go`, `ToHostResources`; RegisterTaskDefinition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Demand {
    /// CPU units, MiB, GPUs and network interfaces. For [`Demand::all_gpus`] one GPU stands here,
    /// the least that an instance must have.
    pub resources: Resources,
    /// The task wants every GPU of its instance (`resourceRequirements` with value `ALL`): it fits
    /// only where there is one and all are free.
    pub all_gpus: bool,
    /// MiB of GPU memory that the task takes from one device that it shares with others (NVIDIA
    /// MPS); 0 is none. Such a task has no whole GPUs.
    pub shared_gpu_memory: u32,
    /// CPU units and MiB that the task takes on a Windows instance in place of those above. Stands
    /// only where they differ: the definition names no operating system, so that of the instance
    /// decides [U-46], and Windows ignores task sizes.
    pub windows: Option<(u32, u32)>,
    /// Static host ports, in ascending order and without repetition.
    pub ports: Vec<HostPort>,
}

impl Demand {
    /// What the task takes on an instance with or without Windows; one GPU for
    /// [`Demand::all_gpus`].
    pub fn on(&self, windows: bool) -> Resources {
        let mut resources = self.resources;
        if let Some((cpu, memory)) = self.windows.filter(|_| windows) {
            (resources.cpu, resources.memory) = (cpu, memory);
        }
        resources
    }

    /// What any instance must have, whatever its operating system. An instance with less of
    /// anything cannot take the task; one with as much may still lack something.
    pub fn least(&self) -> Resources {
        let (cpu, memory) = self.windows.unwrap_or((u32::MAX, u32::MAX));
        Resources {
            cpu: self.resources.cpu.min(cpu),
            memory: self.resources.memory.min(memory),
            ..self.resources
        }
    }

    /// Whether [`Demand::resources`] is all that the task takes of what is counted, on every
    /// instance the same.
    pub const fn is_uniform(&self) -> bool {
        !self.all_gpus && self.shared_gpu_memory == 0 && self.windows.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_a_demand_undercuts_both_systems() {
        let demand = |windows| Demand {
            resources: Resources {
                cpu: 100,
                memory: 200,
                gpus: 1,
                enis: 1,
            },
            windows,
            ..Demand::default()
        };
        let uniform = demand(None);
        assert_eq!(
            (uniform.least(), uniform.is_uniform()),
            (uniform.resources, true)
        );
        let mixed = demand(Some((50, 300)));
        let least = Resources {
            cpu: 50,
            ..mixed.resources
        };
        assert_eq!((mixed.least(), mixed.is_uniform()), (least, false));
    }

    #[test]
    fn equality_fits_and_nothing_always_fits() {
        let free = Resources {
            cpu: 0,
            memory: 128,
            gpus: 0,
            enis: 0,
        };
        let need = Resources {
            cpu: 0,
            memory: 128,
            gpus: 0,
            enis: 0,
        };
        assert!(free.fits(&need));
        assert_eq!(free.checked_sub(&need), Some(Resources::default()));
        assert_eq!(
            free.checked_sub(&Resources {
                memory: 129,
                ..need
            }),
            None
        );
    }
}
