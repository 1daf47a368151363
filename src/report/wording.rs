//! What ECS would say: reasons, ids and messages that results are written in.

use std::borrow::Cow;

use crate::engine::job::{Job, Part};
use crate::engine::plan::Plan;
use crate::engine::task::{Host, StopReason, Task};
use crate::engine::{InstanceChange, ServiceNews, ServiceNote, World};
use crate::model::arena::{ClusterId, Id, JobId, WorkloadId};
use crate::model::request::LaunchOn;
use crate::service::event::ServiceEvent;
use crate::workload::Call;

/// `stoppedReason` of a task; empty while it is meant to run.
///
/// Source: ECS developer guide, "Stopped tasks error codes"; answers seen in the field.
pub fn stopped_reason<'a>(task: &Task, world: &'a World) -> Cow<'a, str> {
    let Some(stop) = task.stop else {
        return Cow::Borrowed("");
    };
    Cow::Borrowed(match stop.reason {
        StopReason::EssentialContainer => "Essential container in task exited",
        StopReason::Text(text) => &world.reasons[text as usize],
        StopReason::FailedToStart => "Task failed to start",
        StopReason::User => "Task stopped by user",
        StopReason::Deregistered => "Container instance deregistration forced by user",
        StopReason::Scaling => {
            let deployment = deployment_id(task.workload, task.deployment);
            return format!("Scaling activity initiated by (deployment {deployment})").into();
        }
        StopReason::Unhealthy => "Task failed container health checks",
        StopReason::Spot => "Your Spot Task was interrupted.",
        StopReason::HostTerminated => {
            return format!("Host EC2 (instance {}) terminated.", host_id(task, world)).into();
        }
        // Here the words of a failure stand without the full stop.
        StopReason::NoRoom(reason) => {
            let reason = reason.text().trim_end_matches('.');
            return format!("TaskFailedToStart: {reason}").into();
        }
        StopReason::NoActiveInstances => "TaskFailedToStart: NO ACTIVE INSTANCES",
        StopReason::EmptyProvider => "TaskFailedToStart: EMPTY CAPACITY PROVIDER",
    })
}

/// EC2 instance id of a task's host, or its name where it has none.
fn host_id<'a>(task: &Task, world: &'a World) -> &'a str {
    let cluster = &world.clusters[world.templates[task.template].cluster];
    task.instance().map_or("", |id| {
        let description = &cluster.descriptions()[id];
        description
            .ec2_instance_id
            .as_deref()
            .unwrap_or(&description.name)
    })
}

/// Id of a service's deployment: `ecs-svc/` and 19 digits, made up of the service and the number of
/// the deployment, the same in every run.
pub fn deployment_id(service: WorkloadId, deployment: u32) -> String {
    // The finalizer of SplitMix64 (Steele, Lea and Flood 2014): different keys give different ids
    // that look like nothing in particular.
    let mut mixed = (service.index() as u64) << 32 | u64::from(deployment);
    mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    format!("ecs-svc/{:019}", mixed >> 1)
}

/// Id of a job: `job-` and its number; of an array child that of its parent, a colon and its index.
pub fn job_id(id: JobId, job: &Job) -> String {
    match job.part {
        Part::Child { parent, index } => format!("job-{}:{index}", parent.index() + 1),
        Part::Node { parent, index } => format!("job-{}#{index}", parent.index() + 1),
        Part::Whole | Part::Parent { .. } | Part::Gang { .. } => format!("job-{}", id.index() + 1),
    }
}

/// `launchType` of a task. Source: ECS API reference, Task; a task of an Auto Scaling group's
/// provider runs on EC2.
pub fn launch_type(task: &Task, world: &World) -> &'static str {
    match launched_on(task, world) {
        LaunchOn::Ec2 => "EC2",
        LaunchOn::External => "EXTERNAL",
        LaunchOn::Fargate => "FARGATE",
        LaunchOn::Provider(id) if world.providers[id].is_fargate() => "FARGATE",
        LaunchOn::Provider(_) => "EC2",
    }
}

/// `capacityProviderName` of a task; none under a launch type.
pub fn capacity_provider<'a>(task: &Task, world: &'a World) -> Option<&'a str> {
    match launched_on(task, world) {
        LaunchOn::Provider(id) => Some(&world.providers[id].name),
        LaunchOn::Ec2 | LaunchOn::External | LaunchOn::Fargate => None,
    }
}

fn launched_on(task: &Task, world: &World) -> LaunchOn {
    world.templates[task.template].launches[usize::from(task.launch)].on
}

/// `availabilityZone` of a task; none while it has no host, or one without a zone.
pub fn availability_zone<'a>(task: &Task, world: &'a World) -> Option<&'a str> {
    match task.host? {
        Host::Instance(id) => {
            let cluster = &world.clusters[world.templates[task.template].cluster];
            cluster.descriptions()[id].zone()
        }
        Host::Fargate { zone, .. } => world.zones.get(zone? as usize).map(String::as_str),
    }
}

/// `desiredStatus` of a task.
pub const fn desired_status(task: &Task) -> &'static str {
    if task.is_desired() {
        "RUNNING"
    } else {
        "STOPPED"
    }
}

/// Name of a change of an instance in `events.jsonl`.
pub const fn instance_change(change: InstanceChange) -> &'static str {
    match change {
        InstanceChange::Registered => "registered",
        InstanceChange::Activated => "activated",
        InstanceChange::Draining => "draining",
        InstanceChange::Connected => "connected",
        InstanceChange::Disconnected => "disconnected",
        InstanceChange::SpotNotice => "spotNotice",
        InstanceChange::Deregistered => "deregistered",
        InstanceChange::Terminated => "terminated",
        InstanceChange::Refused => "refused",
    }
}

/// Name of an event of a service in `service-events.csv` and `events.jsonl`.
pub const fn service_news(news: &ServiceNews) -> &'static str {
    match news {
        ServiceNews::DeploymentStarted => "deploymentStarted",
        ServiceNews::DeploymentCompleted => "deploymentCompleted",
        ServiceNews::DeploymentFailed => "deploymentFailed",
        ServiceNews::RolledBack => "rolledBack",
        ServiceNews::SteadyState => "steadyState",
        ServiceNews::Unable { .. } => "unable",
        ServiceNews::Throttled => "throttled",
    }
}

/// The services of a run: which cluster each belongs to.
#[derive(Clone, Debug, Default)]
pub struct Services(Vec<Option<ClusterId>>);

impl Services {
    /// Of a plan.
    pub fn of(plan: &Plan) -> Self {
        let workloads = plan.workloads.items().iter();
        let cluster_of = workloads.map(|workload| match &workload.call {
            Call::CreateService(service) => {
                Some(plan.world.templates[service.revision.template].cluster)
            }
            Call::RunTask { .. } | Call::StartTask { .. } | Call::SubmitJob(_) => None,
        });
        Services(cluster_of.collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The message of a service in its event list. Source: ECS developer guide, "Amazon ECS service
    /// event messages".
    pub fn message(&self, name: &str, note: &ServiceNote, world: &World) -> String {
        let id = deployment_id(note.service, note.deployment);
        let deployment = format!("(service {name}) (deployment {id})");
        match note.what {
            ServiceNews::DeploymentStarted => format!("{deployment} deployment in progress."),
            ServiceNews::DeploymentCompleted => format!("{deployment} deployment completed."),
            ServiceNews::DeploymentFailed => {
                format!("{deployment} deployment failed: tasks failed to start.")
            }
            ServiceNews::RolledBack => {
                format!("(service {name}) rolling back to deployment {id}.")
            }
            ServiceNews::SteadyState => ServiceEvent::SteadyState.message(name),
            ServiceNews::Throttled => {
                format!("(service {name}) is unable to consistently start tasks successfully.")
            }
            ServiceNews::Unable {
                closest: None,
                obstacle: Some(reason),
                ..
            } => format!("(service {name}) was unable to place a task. Reason: {reason}."),
            ServiceNews::Unable {
                closest: None,
                obstacle: None,
                by_provider,
            } => match by_provider {
                true => ServiceEvent::NoProviderInstances.message(name),
                false => ServiceEvent::NoInstances.message(name),
            },
            ServiceNews::Unable {
                closest: Some((instance, reason)),
                ..
            } => {
                let cluster = self.0.get(note.service.index()).copied().flatten();
                let closest = cluster.map_or_else(String::new, |id| {
                    world.clusters[id].descriptions()[instance].name.clone()
                });
                let reason = reason.text().to_owned();
                ServiceEvent::NoRoom { closest, reason }.message(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::task::{Stop, StopCode};
    use crate::placement::constraint::Reason;

    #[test]
    fn a_deployment_has_an_id_of_its_own() {
        let ids = [(0, 1), (0, 2), (1, 1)]
            .map(|(service, number)| deployment_id(WorkloadId(service), number));
        for id in &ids {
            let digits = id.strip_prefix("ecs-svc/").expect("the prefix");
            assert!(digits.len() == 19 && digits.bytes().all(|digit| digit.is_ascii_digit()));
        }
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
    }

    /// A task that runs on an instance with an EC2 id, and the world it lives in.
    fn running_task() -> (World, Task) {
        let text = "
name: one
horizon: 1s
clusters: [{containerInstances: [{instanceType: m5.large}]}]
taskDefinitions: [{family: job, containerDefinitions: [{name: job, cpu: 512, memory: 1024}]}]
workloads:
  - name: jobs
    runTask: {taskDefinition: job}
    arrivals: {process: at, times: [0s]}
    containers: {job: {duration: {distribution: constant, value: 1h}}}
";
        let loaded = crate::scenario::load_text("one.yaml", text, std::path::Path::new(""))
            .expect("the scenario loads");
        let mut outcome = crate::engine::run(loaded.plan, &mut crate::metrics::Metrics::new());
        let task = outcome.live.remove(0);
        (outcome.world, task)
    }

    #[test]
    fn tasks_stop_for_the_reasons_that_ecs_gives() {
        let (world, mut task) = running_task();
        assert_eq!(stopped_reason(&task, &world), "");
        task.deployment = 3;
        let id = deployment_id(task.workload, 3);
        let mut check = |reason, text: &str| {
            let code = StopCode::UserInitiated;
            task.stop = Some(Stop { code, reason });
            assert_eq!(stopped_reason(&task, &world), text);
        };
        check(
            StopReason::HostTerminated,
            "Host EC2 (instance i-00000000000000001) terminated.",
        );
        check(
            StopReason::Scaling,
            &format!("Scaling activity initiated by (deployment {id})"),
        );
        check(
            StopReason::NoRoom(Reason::Cpu),
            "TaskFailedToStart: RESOURCE:CPU",
        );
        check(
            StopReason::NoRoom(Reason::MemberOf),
            "TaskFailedToStart: MemberOf placement constraint unsatisfied",
        );
        check(StopReason::Spot, "Your Spot Task was interrupted.");
    }

    #[test]
    fn services_speak_in_the_words_of_ecs() {
        let world = World::default();
        let check = |what, text: &str| {
            let note = ServiceNote {
                service: WorkloadId(0),
                deployment: 1,
                what,
            };
            let message = Services(vec![None]).message("web", &note, &world);
            assert_eq!(
                message.replace(&deployment_id(WorkloadId(0), 1), "ID"),
                text
            );
        };
        check(
            ServiceNews::SteadyState,
            "(service web) has reached a steady state.",
        );
        check(
            ServiceNews::DeploymentCompleted,
            "(service web) (deployment ID) deployment completed.",
        );
        check(
            ServiceNews::RolledBack,
            "(service web) rolling back to deployment ID.",
        );
        check(
            ServiceNews::Unable {
                closest: Some((crate::model::arena::InstanceId(0), Reason::Cpu)),
                obstacle: None,
                by_provider: false,
            },
            "(service web) was unable to place a task because no container instance met all of its \
             requirements. The closest matching (container-instance ) has insufficient CPU units \
             available.",
        );
    }
}
