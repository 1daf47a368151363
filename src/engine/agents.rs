//! What the agent of a container instance makes wait.
//!
//! Since July 2023 the scheduler promises the resources of a stopping task to newcomers at once;
//! the agent of the instance starts a newcomer only when the old task has really gone [U-16]. So
//! each instance has two ledgers. The scheduler's is [`crate::model::cluster::Cluster`]'s. The
//! agent's is worked out from it here, and only while it differs: while a task *lingers* (it stops,
//! and its resources are promised to others), or tasks queue behind one that waits for that.
//!
//! Sources: AWS announcement of July 2023 on task start while other tasks shut down; Amazon ECS
//! agent, `docker_task_engine.go` and `host_resource_manager.go`.

use std::collections::VecDeque;

use super::event::Ref;
use super::lifecycle::Life;
use super::task::{Task, TaskState};
use super::{Engine, Recorder};
use crate::model::arena::{ClusterId, Id, InstanceId};
use crate::model::resources::{Demand, Resources};

/// An agent with something to wait for.
#[derive(Debug, Default)]
pub(super) struct Agent {
    /// Tasks that stop and still hold what others were promised.
    lingering: Vec<Ref>,
    /// Tasks that were sent here and have not begun, oldest first.
    queue: VecDeque<Ref>,
}

impl<R: Recorder> Engine<'_, R> {
    /// A task comes to the agent of its instance: it begins, or it waits behind those that wait and
    /// for what stopping tasks still hold.
    pub(super) fn arrive(&mut self, at: Ref, life: Option<Life>) {
        if !self.agents.is_empty()
            && let Some(place) = self.agent_of(at)
            && self.agents.contains_key(&place)
        {
            let agent = self.agents.get_mut(&place).expect("just seen");
            agent.queue.push_back(at);
            let head = agent.queue.len() == 1;
            if !head || !self.fits_beside_lingering(place, at) {
                self.tasks.get_mut(at).expect("it lives").state = TaskState::Queued;
                return;
            }
            let agent = self.agents.get_mut(&place).expect("just seen");
            agent.queue.pop_back();
        }
        self.begin(at, life);
    }

    fn agent_of(&self, at: Ref) -> Option<(ClusterId, InstanceId)> {
        let task = self.tasks.get(at)?;
        let cluster = self.world.templates[task.template].cluster;
        task.instance().map(|id| (cluster, id))
    }

    /// A task takes time to stop while its resources are promised to others.
    pub(super) fn linger(&mut self, at: Ref) {
        let promised = self
            .tasks
            .get(at)
            .is_some_and(|it| it.times.begun.is_some() && it.times.released.is_some());
        let Some(place) = self.agent_of(at).filter(|_| promised) else {
            return;
        };
        let agent = self.agents.entry(place).or_default();
        if !agent.lingering.contains(&at) {
            agent.lingering.push(at);
        }
    }

    /// A task that waits for the agent is told to stop: it never held anything there.
    pub(super) fn leave_queue(&mut self, at: Ref) {
        let place = self.agent_of(at).expect("a queued task has an agent");
        if let Some(agent) = self.agents.get_mut(&place) {
            agent.queue.retain(|other| *other != at);
        }
        self.agent_serves(place);
    }

    /// A task has left its instance.
    pub(super) fn agent_rid(&mut self, cluster: ClusterId, id: InstanceId, at: Ref) {
        if let Some(agent) = self.agents.get_mut(&(cluster, id)) {
            agent.lingering.retain(|other| *other != at);
            self.agent_serves((cluster, id));
        }
    }

    /// Begins with the tasks that wait, in order, as long as the first of them fits.
    fn agent_serves(&mut self, place: (ClusterId, InstanceId)) {
        while let Some(agent) = self.agents.get(&place) {
            let Some(head) = agent.queue.front().copied() else {
                if agent.lingering.is_empty() {
                    self.agents.remove(&place);
                }
                return;
            };
            if !self.fits_beside_lingering(place, head) {
                return;
            }
            self.agents
                .get_mut(&place)
                .and_then(|agent| agent.queue.pop_front());
            let task = self.tasks.get_mut(head).expect("queued tasks live");
            task.state = TaskState::Pending;
            self.begin(head, None);
        }
    }

    /// Whether the first task of the queue fits what the instance really has: what the scheduler
    /// counts free, and what it counts taken by the queue, less what lingers.
    fn fits_beside_lingering(&self, place: (ClusterId, InstanceId), head: Ref) -> bool {
        let agent = &self.agents[&place];
        let instance = &self.world.clusters[place.0].instances()[place.1];
        let needs = |at: &Ref| {
            let task = self.tasks.get(*at).expect("tasks of an agent live");
            let demand = &self.world.templates[task.template].demand;
            (task, demand, instance.resources_for(demand))
        };
        let (head, demand, need) = needs(&head);
        // Of a GPU that tasks share, memory is counted like the rest; a whole one is one's own.
        let shares = |task: &Task, other: &Demand| {
            demand.shared_gpu_memory > 0 && other.shared_gpu_memory > 0 && task.gpus == head.gpus
        };
        let device = head.gpus.trailing_zeros();
        let shared = instance.shared_gpus.iter();
        let shared = shared.filter(|gpu| u32::from(gpu.device) == device);
        let mut left = [
            i64::from(instance.free.cpu),
            i64::from(instance.free.memory),
            shared.map(|gpu| i64::from(gpu.free_memory)).sum(),
        ];
        let parts = |task: &Task, demand: &Demand, need: Resources| {
            let gpu_memory = match shares(task, demand) {
                true => demand.shared_gpu_memory,
                false => 0,
            };
            [need.cpu, need.memory, gpu_memory].map(i64::from)
        };
        for at in &agent.queue {
            let (task, demand, need) = needs(at);
            for (left, part) in left.iter_mut().zip(parts(task, demand, need)) {
                *left += part;
            }
        }
        // The scheduler has debited those too whose interface is being attached; the agent has not.
        let attaching = self.aboard[place.0][place.1.index()].iter();
        for at in attaching {
            let (task, demand, need) = needs(&at);
            if task.state == TaskState::Provisioning {
                for (left, part) in left.iter_mut().zip(parts(task, demand, need)) {
                    *left += part;
                }
            }
        }
        for at in &agent.lingering {
            let (old, held, need) = needs(at);
            for (left, part) in left.iter_mut().zip(parts(old, held, need)) {
                *left -= part;
            }
            let clashes = old.gpus & head.gpus != 0 && !shares(old, held);
            if clashes || held.ports.iter().any(|it| demand.ports.contains(it)) {
                return false;
            }
        }
        let needed = parts(head, demand, need);
        left.iter()
            .zip(needed)
            .all(|(left, part)| part == 0 || *left >= part)
    }
}
