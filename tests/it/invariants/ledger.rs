//! What tasks hold on an instance, summed up by other means than the simulator's own.

use std::collections::{BTreeMap, BTreeSet};

use stowplan::engine::task::Task;
use stowplan::model::instance::{Description, Instance};
use stowplan::model::resources::{Demand, HostPort};
use stowplan::time::SimTime;

/// What the tasks of one instance hold in the scheduler's books.
#[derive(Clone, Debug, Default)]
pub struct Held {
    cpu: u32,
    memory: u32,
    enis: u32,
    gpus: u64,
    /// Memory that tasks share of a device, and how many do.
    shared: BTreeMap<u32, (u32, u32)>,
    ports: BTreeSet<HostPort>,
}

/// Whole GPUs that a task needs.
fn whole_gpus(demand: &Demand, instance: &Instance) -> u32 {
    match demand.all_gpus {
        true => instance.capacity.gpus,
        false => demand.resources.gpus,
    }
}

impl Held {
    pub fn take(&mut self, task: &Task, demand: &Demand, instance: &Instance) {
        let need = demand.on(instance.windows);
        self.cpu += need.cpu;
        self.memory += need.memory;
        self.enis += need.enis;
        for port in &demand.ports {
            assert!(self.ports.insert(*port), "{port} has two tasks");
        }
        if demand.shared_gpu_memory > 0 {
            assert_eq!(task.gpus.count_ones(), 1, "a shared GPU is one device");
            assert_eq!(self.gpus & task.gpus, 0, "a whole GPU is shared");
            let gpu = self.shared.entry(task.gpus.trailing_zeros()).or_default();
            *gpu = (gpu.0 + demand.shared_gpu_memory, gpu.1 + 1);
            assert!(gpu.0 <= instance.gpu_memory, "a GPU has no more memory");
        } else {
            let count = whole_gpus(demand, instance);
            assert_eq!(task.gpus.count_ones(), count, "GPUs as asked for");
            assert_eq!(self.gpus & task.gpus, 0, "a GPU has two tasks");
            let shared = |gpu: &u32| task.gpus & (1 << gpu) != 0;
            assert!(!self.shared.keys().any(shared), "a shared GPU is taken");
            self.gpus |= task.gpus;
        }
    }

    pub fn give_back(&mut self, task: &Task, demand: &Demand, instance: &Instance) {
        let need = demand.on(instance.windows);
        self.cpu -= need.cpu;
        self.memory -= need.memory;
        for port in &demand.ports {
            assert!(self.ports.remove(port), "{port} was taken");
        }
        if demand.shared_gpu_memory == 0 {
            self.gpus &= !task.gpus;
            return;
        }
        let device = task.gpus.trailing_zeros();
        let gpu = self.shared.get_mut(&device).expect("a shared GPU");
        *gpu = (gpu.0 - demand.shared_gpu_memory, gpu.1 - 1);
        if gpu.1 == 0 {
            self.shared.remove(&device);
        }
    }

    pub fn give_interface_back(&mut self, demand: &Demand) {
        self.enis -= demand.resources.enis;
    }

    /// Registered less remaining is the sum of what the tasks hold.
    pub fn compare(&self, instance: &Instance, description: &Description) {
        let (free, capacity) = (instance.free, description.capacity);
        assert_eq!(capacity, instance.capacity, "what was registered stays");
        assert_eq!(free.cpu + self.cpu, capacity.cpu, "CPU");
        assert_eq!(free.memory + self.memory, capacity.memory, "memory");
        assert_eq!(free.enis + self.enis, capacity.enis, "network interfaces");
        let shared = self.shared.keys().fold(0, |bits, gpu| bits | 1_u64 << gpu);
        let taken = self.gpus | shared;
        assert_eq!(free.gpus + taken.count_ones(), capacity.gpus, "GPUs");
        assert_eq!(instance.free_gpus & taken, 0, "no free GPU has a task");
        assert_eq!(instance.free_gpus.count_ones(), free.gpus, "free GPUs");
        let mut ports = self.ports.clone();
        ports.extend(&description.reserved_ports);
        assert!(instance.ports.iter().eq(&ports), "ports");
        for gpu in instance.shared_gpus.iter() {
            let (memory, _) = self.shared[&u32::from(gpu.device)];
            assert_eq!(gpu.free_memory + memory, instance.gpu_memory, "GPU memory");
        }
    }
}

/// What a task held in the agent's books, and how long.
#[derive(Clone, Debug)]
pub struct Stay {
    pub task: Task,
    pub demand: Demand,
}

/// Nothing that runs on an instance at a moment takes more than it registered, and no two things
/// have the same port or GPU. What ends at a moment makes room for what begins at it.
pub fn check_agent(stays: &[Stay], instance: &Instance, end: SimTime) {
    let span = |stay: &Stay| {
        let times = stay.task.times;
        times
            .begun
            .map(|begun| (begun, times.stopped.unwrap_or(end)))
    };
    let spans: Vec<_> = stays
        .iter()
        .filter_map(|stay| Some((span(stay)?, stay)))
        .collect();
    for ((now, _), _) in &spans {
        let mut held = Held::default();
        let there = spans
            .iter()
            .filter(|((begun, stopped), _)| begun <= now && now < stopped);
        for (_, stay) in there {
            held.take(&stay.task, &stay.demand, instance);
        }
        let capacity = instance.capacity;
        assert!(held.cpu <= capacity.cpu, "agent: CPU at {now}");
        assert!(held.memory <= capacity.memory, "agent: memory at {now}");
        assert!(held.enis <= capacity.enis, "agent: interfaces at {now}");
    }
}
