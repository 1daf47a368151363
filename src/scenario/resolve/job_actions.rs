//! What is done to jobs, queues and compute environments of AWS Batch while the run goes on.

use std::collections::BTreeMap;

use super::Resolver;
use crate::api::ApiError;
use crate::api::Switch;
use crate::api::batch::{UpdateComputeEnvironment, UpdateJobQueue};
use crate::batch::Capacity;
use crate::catalogue::Catalogue;
use crate::engine::job::Request;
use crate::engine::plan::{Deed, QuantityChange, Replacement};
use crate::model::arena::{ClusterId, Id, InstanceId};
use crate::model::instance::Purchase;
use crate::scenario::file;
use crate::scenario::problem::quoted;
use crate::time::SimDuration;

/// Minutes that jobs may go on when the infrastructure is replaced, unless told otherwise.
/// Source: AWS Batch API reference, UpdatePolicy.
const JOB_EXECUTION_TIMEOUT_MINUTES: i64 = 30;

impl Resolver<'_> {
    pub(super) fn end_jobs(
        &mut self,
        path: &str,
        written: &file::EndJob,
        request: Request,
    ) -> Option<Deed> {
        let place = format!("{path}.job");
        let workload = self.workload_named(&place, &written.job)?;
        let call = &self.scenario.workloads[workload.index()];
        let Some(submit) = &call.submit_job else {
            let message = format!("workload {} submits no jobs", quoted(&written.job));
            self.problem(&place, message);
            return None;
        };
        let size = submit.array_properties.as_ref().and_then(|it| it.size);
        if let Some(index) = written.index
            && size.is_none_or(|size| i64::from(index) >= size)
        {
            let message = format!("a job of {} has no child {index}", quoted(&written.job));
            self.problem(&format!("{path}.index"), message);
        }
        Some(Deed::EndJobs {
            workload,
            job: written.number,
            index: written.index,
            request,
            reason: self.reason(&written.reason),
        })
    }

    /// State and priority may change; what else the call takes is refused.
    pub(super) fn update_queue(&mut self, path: &str, written: &UpdateJobQueue) -> Option<Deed> {
        let name = &written.job_queue;
        let queues = &self.world.batch.queues;
        let found = queues.ids().find(|id| queues[*id].name == *name);
        let all = &self.scenario.batch.job_queues;
        if !all.iter().any(|it| it.job_queue_name == *name) {
            let message = format!(
                "{} (no job queue named {})",
                ApiError::job_queue_not_found(name),
                quoted(name)
            );
            let names = all.iter().map(|it| it.job_queue_name.as_str());
            let problem = self.document.problem(&format!("{path}.jobQueue"), message);
            self.problems
                .push(problem.suggest(name, "job queues", names));
        }
        for (key, is_given) in [
            (
                "computeEnvironmentOrder",
                written.compute_environment_order.is_some(),
            ),
            (
                "serviceEnvironmentOrder",
                written.service_environment_order.is_some(),
            ),
            (
                "schedulingPolicyArn",
                written.scheduling_policy_arn.is_some(),
            ),
            (
                "jobStateTimeLimitActions",
                written.job_state_time_limit_actions.is_some(),
            ),
        ] {
            if is_given {
                let message = "a run does not change it";
                self.problem(&format!("{path}.{key}"), message).help =
                    Some("state and priority may change".to_owned());
            }
        }
        Some(Deed::SetQueue {
            queue: found?,
            enabled: written.state.map(|state| state == Switch::Enabled),
            priority: written.priority,
        })
    }

    pub(super) fn update_environment(
        &mut self,
        path: &str,
        written: &UpdateComputeEnvironment,
        known: &mut BTreeMap<String, file::ComputeEnvironment>,
        catalogue: &Catalogue,
    ) -> Option<Deed> {
        let name = &written.compute_environment;
        let Some(before) = known.get_mut(name) else {
            let message = format!("no compute environment named {}", quoted(name));
            let names = known.keys().map(String::as_str);
            let problem = self
                .document
                .problem(&format!("{path}.computeEnvironment"), message);
            self.problems
                .push(problem.suggest(name, "compute environments", names));
            return None;
        };
        let environments = &self.world.batch.environments;
        let environment = environments
            .ids()
            .find(|id| environments[*id].name == *name)?;
        let desired = written.compute_resources.as_ref();
        if desired.is_some_and(|it| it.desired_vcpus.is_some()) {
            let message = "a run does not change it: it follows the demand";
            self.problem(&format!("{path}.computeResources.desiredvCpus"), message)
                .help = Some("change minvCpus".to_owned());
        }
        let request = before.request();
        if let Err(error) = written.validate(&request, 0) {
            self.api_problem(path, error);
            return None;
        }
        let updated = written.applied_to(&request);
        let policy = updated.update_policy.unwrap_or_default();
        let minutes = policy
            .job_execution_timeout_minutes
            .unwrap_or(JOB_EXECUTION_TIMEOUT_MINUTES);
        let replace = written
            .is_infrastructure_update(&request)
            .then_some(Replacement {
                terminate_jobs: policy.terminate_jobs_on_update == Some(true),
                job_time: SimDuration::from_secs(minutes.unsigned_abs() * 60),
            });
        *before = file::ComputeEnvironment {
            state: updated.state,
            unmanaged_vcpus: updated.unmanaged_vcpus,
            compute_resources: updated.compute_resources,
            update_policy: updated.update_policy,
            ..before.clone()
        };
        let cluster = self.world.batch.environments[environment].cluster;
        let to = self.environment(path, before, cluster, catalogue);
        Some(Deed::UpdateEnvironment {
            environment,
            to: Box::new(to),
            replace,
        })
    }

    pub(super) fn update_consumable(
        &mut self,
        path: &str,
        written: &file::UpdateConsumableResource,
    ) -> Option<Deed> {
        let name = &written.consumable_resource;
        let consumables = &self.world.batch.consumables;
        let found = consumables.iter().position(|it| it.name == *name);
        if found.is_none() {
            let message = format!("no consumable resource named {}", quoted(name));
            let names = consumables.iter().map(|it| it.name.as_str());
            let problem = self
                .document
                .problem(&format!("{path}.consumableResource"), message)
                .suggest(name, "consumable resources", names);
            self.problems.push(problem);
        }
        let quantity = written.quantity;
        Some(Deed::SetConsumable {
            resource: found?,
            change: match written.operation {
                file::QuantityOperation::Set => QuantityChange::Set(quantity),
                file::QuantityOperation::Add => QuantityChange::Add(quantity),
                file::QuantityOperation::Remove => QuantityChange::Remove(quantity),
            },
        })
    }

    /// How an instance is paid for, where that is known: a managed environment will launch it.
    pub(super) fn purchase(&self, cluster: ClusterId, id: InstanceId) -> Option<Purchase> {
        let environments = self.world.batch.environments.items();
        let environment = environments.iter().find(|it| it.cluster == cluster);
        match environment.map(|it| it.capacity) {
            Some(Capacity::Spot) => Some(Purchase::Spot),
            Some(Capacity::Ec2) => Some(Purchase::OnDemand),
            _ => {
                let known = self.world.clusters[cluster].descriptions().items();
                known.get(id.index()).map(|it| it.purchase)
            }
        }
    }

    /// The number, from 0, that `<environment>/<number>` names in the cluster of a managed
    /// environment.
    pub(super) fn number_in_environment(&self, cluster: ClusterId, name: &str) -> Option<u32> {
        let environments = self.world.batch.environments.items();
        let environment = environments.iter().find(|it| it.cluster == cluster)?;
        let number = name.strip_prefix(&environment.name)?.strip_prefix('/')?;
        if !environment.is_managed() {
            return None;
        }
        number.parse::<u32>().ok()?.checked_sub(1)
    }
}
