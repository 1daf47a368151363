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
    /// Static host ports, in ascending order and without repetition.
    pub ports: Vec<HostPort>,
}

#[cfg(test)]
mod tests {
    use super::*;

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
