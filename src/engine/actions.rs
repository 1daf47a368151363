//! What is done from outside at given times: the verbs of a scenario's `actions`.

use super::event::{Event, Ref};
use super::plan::Deed;
use super::task::{Host, Stop, StopCode, StopReason};
use super::{Engine, Recorder};
use crate::model::arena::WorkloadId;

impl<R: Recorder> Engine<'_, R> {
    /// Does the next action of the plan.
    pub(super) fn action(&mut self, number: u32) {
        self.actions_left -= 1;
        self.hopeless = 0;
        match self.actions[number as usize].what.clone() {
            Deed::StopTask {
                workload,
                task,
                reason,
            } => {
                let stop = Stop {
                    code: StopCode::UserInitiated,
                    reason: reason.map_or(StopReason::User, StopReason::Text),
                };
                for at in self.tasks_of(workload, task) {
                    self.stop(at, stop);
                }
            }
            Deed::ProtectTask {
                workload,
                task,
                lasts,
            } => {
                for at in self.tasks_of(workload, task) {
                    if let Some(task) = self.tasks.get_mut(at) {
                        task.aside_mut().protected_until = self.now + lasts;
                    }
                }
                self.service_looks(workload);
                self.schedule(self.now + lasts, Event::ServiceDue(workload));
            }
            Deed::Instances {
                cluster,
                instances,
                what,
            } => {
                for id in instances {
                    self.instance_deed(cluster, id, what);
                }
            }
            Deed::UpdateService { service, change } => self.update_service(service, &change),
            Deed::Resize {
                provider,
                min_size,
                max_size,
                desired,
            } => self.resize(provider, min_size, max_size, desired),
            Deed::EndJobs {
                workload,
                job,
                index,
                request,
                reason,
            } => self.request_end(workload, job, index, request, reason),
            Deed::SetQueue {
                queue,
                enabled,
                priority,
            } => self.set_queue(queue, enabled, priority),
            Deed::UpdateEnvironment {
                environment,
                to,
                replace,
            } => self.update_environment(environment, *to, replace),
            Deed::SetConsumable { resource, change } => self.set_consumable(resource, change),
            Deed::Amend(amendment) => self.amendments.push(*amendment),
            Deed::InterruptFargateSpot { workload } => {
                for at in self.tasks_of(workload, None) {
                    let host = self.tasks.get(at).and_then(|task| task.host);
                    if matches!(host, Some(Host::Fargate { spot: true, .. })) {
                        self.fargate_spot_notice(at);
                    }
                }
            }
        }
    }

    /// The live tasks of a workload, oldest first; or the one of this number among all that it ever
    /// had, from 1.
    fn tasks_of(&self, workload: WorkloadId, number: Option<u64>) -> Vec<Ref> {
        let mut found: Vec<(u64, Ref)> = self
            .tasks
            .refs()
            .filter(|(_, task)| task.workload == workload)
            .filter(|(_, task)| number.is_none_or(|number| task.of_workload == number))
            .map(|(at, task)| (task.number, at))
            .collect();
        found.sort_unstable_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, at)| at).collect()
    }
}
