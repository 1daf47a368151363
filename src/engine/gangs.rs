//! Multi-node parallel jobs: all nodes or none, each on an instance that the job has for itself.
//!
//! The main node stands for the job: it starts first, and with it every attempt ends. The other
//! nodes start when it runs, and whatever becomes of them, the job goes on [B-25] [B-26] [B-27].
//!
//! Source: AWS Batch user guide, "Multi-node parallel jobs", "Job states".

use super::jobs::child_of;
use super::task::{Host, Stop, StopCode, StopReason};
use super::{Engine, Recorder};
use crate::batch::Nodes;
use crate::engine::job::{Attempt, JobStatus, Part, StatusReason};
use crate::model::arena::{InstanceId, JobId};
use crate::time::SimTime;
use crate::workload::container::Exit;

/// A multi-node job in flight.
#[derive(Clone, Debug)]
pub(super) struct Gang {
    /// Which environment of its queue it is in.
    pub(super) at: usize,
    /// The instance of each node.
    pub(super) hosts: Vec<InstanceId>,
    pub(super) placed: SimTime,
}

impl Nodes {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.templates.len()
    }
}

impl<R: Recorder> Engine<'_, R> {
    /// A multi-node job starts: it keeps an instance for each node, and its main node starts.
    pub(super) fn start_gang(&mut self, id: JobId, at: usize, hosts: Vec<InstanceId>) {
        let kind = &self.world.batch.kinds[self.job(id).kind];
        let environment = self.world.batch.queues[kind.queue].environments[at];
        let cluster = self.world.batch.environments[environment].cluster;
        for host in &hosts {
            self.world.clusters[cluster].set_held(*host, true);
            self.environment_boards(environment, Host::Instance(*host), 0);
        }
        let gang = Gang {
            at,
            hosts,
            placed: self.now,
        };
        self.jobs.gangs.insert(id, gang);
        self.move_job(id, JobStatus::Starting, None);
        if let Some(main) = self.main_node(id) {
            self.launch_node(id, main);
        }
    }

    fn launch_node(&mut self, id: JobId, index: u32) {
        let (Some(gang), Some(first)) = (self.jobs.gangs.get(&id), self.first_node(id)) else {
            return;
        };
        let (at, host, placed) = (gang.at, gang.hosts[index as usize], gang.placed);
        let (node, queue) = (child_of(first, index), self.job(id).kind);
        let queue = self.world.batch.kinds[queue].queue;
        let environment = self.world.batch.queues[queue].environments[at];
        let cluster = self.world.batch.environments[environment].cluster;
        if !self.is_gone(cluster, host) {
            return self.launch_task(node, at, Host::Instance(host), 0);
        }
        // Its instance was lost before the main node ran.
        let lost = Attempt {
            environment,
            instance: Some((cluster, host)),
            placed,
            started: None,
            stopped: self.now,
            exit: None,
            container_reason: None,
            reason: StatusReason::HostTerminated(cluster, host),
            task: 0,
            decided_by: None,
            retried: false,
        };
        self.node_ended(node, lost);
    }

    /// A node runs. With the main node the job does, and the others are launched.
    pub(super) fn node_runs(&mut self, id: JobId, index: u32) {
        if !self.is_main(id, index) {
            return;
        }
        self.attempt_runs(id);
        let kind = &self.world.batch.kinds[self.job(id).kind];
        let count = kind.nodes.as_ref().map_or(0, Nodes::count) as u32;
        for other in (0..count).filter(|other| *other != index) {
            self.launch_node(id, other);
        }
    }

    /// A node that is not the main one has ended by itself, or its host was lost.
    pub(super) fn node_ended(&mut self, id: JobId, attempt: Attempt) {
        let succeeded = attempt.exit.is_some_and(|exit| exit.code == 0);
        let status = match succeeded {
            true => JobStatus::Succeeded,
            false => JobStatus::Failed,
        };
        let reason = attempt.reason.clone();
        self.note_attempt(id, attempt);
        self.move_job(id, status, Some(reason));
    }

    /// The main node has ended: all others are stopped, and the instances are free again.
    pub(super) fn end_gang(&mut self, id: JobId, of_main: &Attempt) {
        let (Some(gang), Some(first)) = (self.jobs.gangs.remove(&id), self.first_node(id)) else {
            return;
        };
        let succeeded = of_main.exit.is_some_and(|exit| exit.code == 0);
        let status = match succeeded {
            true => JobStatus::Succeeded,
            false => JobStatus::Failed,
        };
        let tries = usize::from(self.job(id).tries);
        let environment = of_main.environment;
        let cluster = self.world.batch.environments[environment].cluster;
        for (index, host) in (0..).zip(&gang.hosts) {
            let node = child_of(first, index);
            if let Some(flight) = self.jobs.list[node].task.take() {
                let stop = Stop {
                    code: StopCode::UserInitiated,
                    reason: StopReason::User,
                };
                self.stop(flight.task, stop);
            }
            let job = self.job(node);
            let ran = job.status == JobStatus::Running;
            let attempt = match self.is_main(id, index) {
                true => of_main.clone(),
                false => Attempt {
                    instance: Some((cluster, *host)),
                    placed: gang.placed,
                    started: job.times.started.filter(|_| ran),
                    exit: ran.then_some(Exit::KILLED),
                    task: 0,
                    ..of_main.clone()
                },
            };
            if job.attempts.len() < tries {
                self.note_attempt(node, attempt);
            }
            let status_now = self.job(node).status;
            if matches!(status_now, JobStatus::Starting | JobStatus::Running) {
                self.move_job(node, status, Some(of_main.reason.clone()));
            }
            self.world.clusters[cluster].set_held(*host, false);
            self.environment_rid(environment, Some(Host::Instance(*host)), 0);
        }
    }

    /// Nodes go with their job while they have no attempt: when it waits, and when it ends.
    pub(super) fn nodes_follow(&mut self, id: JobId) {
        let Some(first) = self.first_node(id) else {
            return;
        };
        let job = self.job(id);
        let (status, reason, times, tries) = (job.status, job.reason.clone(), job.times, job.tries);
        if matches!(status, JobStatus::Starting | JobStatus::Running) {
            return;
        }
        let kind = &self.world.batch.kinds[job.kind];
        let count = kind.nodes.as_ref().map_or(0, Nodes::count) as u32;
        for index in 0..count {
            let node = child_of(first, index);
            let now = self.job(node).status;
            if status == JobStatus::Runnable {
                let job = &mut self.jobs.list[node].job;
                job.tries = tries;
                job.times.runnable = times.runnable;
                job.times.last_runnable = times.last_runnable;
            }
            if now != status && !(now.is_terminal() && status.is_terminal()) {
                self.move_job(node, status, reason.clone());
            }
        }
    }

    fn first_node(&self, id: JobId) -> Option<JobId> {
        match self.job(id).part {
            Part::Gang { first_node } => Some(first_node),
            _ => None,
        }
    }

    fn main_node(&self, id: JobId) -> Option<u32> {
        let kind = &self.world.batch.kinds[self.job(id).kind];
        kind.nodes.as_ref().map(|nodes| nodes.main)
    }

    pub(super) fn is_main(&self, id: JobId, index: u32) -> bool {
        self.main_node(id) == Some(index)
    }

    /// Whose task stands for a job: that of its main node, or its own.
    pub(super) fn main_task_of(&self, id: JobId) -> JobId {
        match (self.first_node(id), self.main_node(id)) {
            (Some(first), Some(main)) => child_of(first, main),
            _ => id,
        }
    }
}
