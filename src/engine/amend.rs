//! What would have been: something that waits is changed, or there is more room, from the end of a
//! moment on. All that comes before is as it was, and so is all of this moment.

use super::calls::task_key;
use super::event::Ref;
use super::task::TaskState;
use super::{Engine, InstanceChange, Recorder};
use crate::model::arena::{ClusterId, EnvironmentId, JobId, JobKindId, TemplateId, WorkloadId};
use crate::model::instance::{Description, InstanceStatus};
use crate::workload::MAX_COUNT;

/// A change to somebody who waits, and to what he waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Amendment {
    /// Who waits.
    pub who: Waiter,
    /// Whether his turn has come, whoever else stands there.
    pub first: bool,
    /// Container instances that register.
    pub instances: Vec<(ClusterId, Description)>,
    /// A compute environment, and its new `maxvCpus`.
    pub max_vcpus: Option<(EnvironmentId, u32)>,
}

/// Somebody who waits, and what he asks for from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// A task that a caller asks for, or that waits in PROVISIONING. A caller that is not in a queue
    /// asks for it now.
    Task {
        /// Whose.
        workload: WorkloadId,
        /// Its key, see [`super::task::Task::key`].
        key: u64,
        /// What it is; absent: as before.
        template: Option<TemplateId>,
    },
    /// A RUNNABLE job.
    Job {
        /// Which.
        id: JobId,
        /// What it is; absent: as before.
        kind: Option<JobKindId>,
    },
}

impl<R: Recorder> Engine<'_, R> {
    /// Makes the changes of this moment. Tells whether there was one.
    pub(super) fn amend(&mut self) -> bool {
        let amendments = std::mem::take(&mut self.amendments);
        let any = !amendments.is_empty();
        for amendment in amendments {
            for (cluster, description) in amendment.instances {
                self.register_at_once(cluster, description);
            }
            if let Some((environment, max)) = amendment.max_vcpus {
                self.world.batch.environments[environment].max_vcpus = max;
                self.environment_due();
            }
            match amendment.who {
                Waiter::Task {
                    workload,
                    key,
                    template,
                } => self.amend_task(workload, key, template, amendment.first),
                Waiter::Job { id, kind } => self.amend_job(id, kind, amendment.first),
            }
        }
        any
    }

    /// An instance registers that nobody has launched. Its group wants one more, so that it stays.
    fn register_at_once(&mut self, cluster: ClusterId, mut description: Description) {
        (description.launched_at, description.joined_at) = (self.now, self.now);
        let (provider, vcpus) = (description.provider, description.capacity.cpu / 1024);
        let id = self.world.clusters[cluster].register(description, InstanceStatus::Active, true);
        self.aboard[cluster].push(super::Berths::default());
        self.instance_changed(cluster, id, InstanceChange::Registered);
        if let Some(provider) = provider {
            self.group_joined(provider, id);
        }
        if let Some(environment) = self.environment_of(cluster) {
            self.jobs.environments[environment].total += u64::from(vcpus);
        }
        self.environment_grew(cluster, id, 0);
    }

    fn amend_task(
        &mut self,
        workload: WorkloadId,
        key: u64,
        template: Option<TemplateId>,
        first: bool,
    ) {
        let missing = |call: &super::PendingCall| {
            let next = task_key(call);
            call.workload == workload && (next..next + u64::from(call.missing)).contains(&key)
        };
        let called = self.calls.refs().find(|(_, call)| missing(call));
        if let Some((at, _)) = called {
            return self.amend_call(at, key, template, first);
        }
        let waits = self.tasks.refs().find_map(|(at, task)| {
            let is_it =
                (task.workload, task.key, task.state) == (workload, key, TaskState::Waiting);
            let provider = self.scaling_provider(task.template, task.launch)?;
            is_it.then_some((at, provider))
        });
        let Some((at, provider)) = waits else {
            return;
        };
        if let (Some(template), Some(task)) = (template, self.tasks.get_mut(at)) {
            task.template = template;
        }
        self.try_waiting(at, provider, first);
    }

    /// The caller asks for this one task, unless others stand before it in a queue. A StartTask
    /// call, which names an instance for each task, is made again whole.
    fn amend_call(&mut self, at: Ref, key: u64, template: Option<TemplateId>, first: bool) {
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        let workload = call.workload;
        let queue = &mut self.queues[workload];
        let is_behind = queue.front().is_some_and(|head| *head != at);
        if is_behind && !first {
            call.template = template.unwrap_or(call.template);
            return;
        }
        let mut one = call.clone();
        one.template = template.unwrap_or(one.template);
        if one.targets.is_empty() {
            one.count = (key % MAX_COUNT) as u32 + 1;
            one.missing = 1;
        }
        call.missing -= one.missing;
        if call.missing == 0 {
            self.calls.remove(at);
            queue.retain(|other| *other != at);
        }
        // When it is refused, this run has told what it was made to tell.
        self.ask_again(&mut one);
    }

    fn amend_job(&mut self, id: JobId, kind: Option<JobKindId>, first: bool) {
        if self.job(id).status != super::JobStatus::Runnable {
            return;
        }
        if let Some(kind) = kind {
            self.leave_line(id);
            let job = &mut self.jobs.list[id].job;
            job.kind = kind;
            let what = &self.world.batch.kinds[kind];
            self.jobs.queues[what.queue].enter(id, &self.jobs.list[id].job, what);
            self.jobs.demand_changed = true;
        }
        if first {
            self.try_start(id);
        }
    }
}
