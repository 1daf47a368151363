//! Queue disciplines of the simulator's own: what they go with, and what they need of jobs.

use super::Resolver;
use crate::api::batch as api;
use crate::batch::{Batch, Capacity, Discipline};
use crate::model::arena::{JobKindId, QueueId};
use crate::scenario::file;

impl From<file::QueueDiscipline> for Discipline {
    fn from(written: file::QueueDiscipline) -> Self {
        match written {
            file::QueueDiscipline::Fcfs => Discipline::Fcfs,
            file::QueueDiscipline::Sjf => Discipline::Sjf,
            file::QueueDiscipline::Easy => Discipline::Easy,
        }
    }
}

impl file::JobQueue {
    /// The call of CreateJobQueue.
    pub(super) fn request(&self) -> api::JobQueue {
        api::JobQueue {
            job_queue_name: self.job_queue_name.clone(),
            state: self.state,
            priority: self.priority,
            compute_environment_order: self.compute_environment_order.clone(),
            service_environment_order: self.service_environment_order.clone(),
            scheduling_policy_arn: self.scheduling_policy_arn.clone(),
            job_state_time_limit_actions: self.job_state_time_limit_actions.clone(),
            job_queue_type: self.job_queue_type,
            tags: self.tags.clone(),
            job_queue_arn: self.job_queue_arn.clone(),
            status: self.status.clone(),
            status_reason: self.status_reason.clone(),
        }
    }
}

impl Resolver<'_> {
    /// The discipline of a queue, where its other fields go with it.
    pub(super) fn discipline(
        &mut self,
        path: &str,
        written: &file::JobQueue,
        queue: &crate::batch::JobQueue,
    ) -> Discipline {
        let Some(discipline) = written.discipline.map(Discipline::from) else {
            return Discipline::Aws;
        };
        let place = format!("{path}.discipline");
        if written.scheduling_policy_arn.is_some() {
            let message = "a queue with a scheduling policy has the order of fair share";
            self.problem(&place, message).help =
                Some("leave out discipline or schedulingPolicyArn".to_owned());
        }
        let environments = &self.world.batch.environments;
        let mut of_queue = queue.environments.iter().map(|id| &environments[*id]);
        let fargate = of_queue.find(|it| it.capacity.is_fargate());
        if let (Discipline::Easy, Some(fargate)) = (discipline, fargate) {
            let message = format!(
                "x-easy promises instances, and {} has none to be seen",
                fargate.name
            );
            self.problem(&place, message).help =
                Some("use compute environments of EC2, SPOT or UNMANAGED".to_owned());
        }
        discipline
    }

    /// What a queue needs to know of a kind of job and is not told: x-easy, how long it may run.
    pub(super) fn lacks_timeout(&self, kind: JobKindId) -> Option<QueueId> {
        let Batch { kinds, queues, .. } = &self.world.batch;
        let kind = &kinds[kind];
        let wanted = queues[kind.queue].discipline == Discipline::Easy;
        (wanted && kind.timeout.is_none()).then_some(kind.queue)
    }

    /// The key of an environment that lets it take multi-node jobs.
    pub(super) fn multi_node_jobs(
        &mut self,
        path: &str,
        written: &file::ComputeEnvironment,
        capacity: Capacity,
    ) -> bool {
        if written.multi_node_jobs && capacity != Capacity::Unmanaged {
            let message = "only an unmanaged environment is told whether it takes multi-node jobs";
            self.problem(&format!("{path}.multiNodeJobs"), message).help = Some(
                "leave it out: of AWS Batch's own, those with On-Demand instances do".to_owned(),
            );
        }
        written.multi_node_jobs
    }
}
