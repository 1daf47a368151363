//! The document of a task.

use super::documents::{Scope, Told};
use super::{
    AttachmentDocument, ContainerDocument, ContainerFacts, NetworkBindingDocument,
    NetworkInterfaceDocument, PortFacts, TaskDocument, TaskFacts, moment,
};
use crate::api::GpuDemand;
use crate::engine::World;
use crate::engine::task::{Exit, Health, Task, TaskState};
use crate::model::resources::Protocol;
use crate::report::wording;
use crate::time::SimTime;
use crate::workload::Container;

/// A task as it is now.
pub(super) fn document(task: &Task, world: &World, scope: &Scope, told: &Told) -> TaskDocument {
    let template = &world.templates[task.template];
    let cluster = &world.clusters[template.cluster];
    let names = &scope.names;
    let at = |at: SimTime| moment(scope.clock.0, at);
    let times = &task.times;
    let pull = times.begun.zip(times.pull);
    let started_by = match task.deployment {
        0 => template.started_by.clone(),
        deployment => Some(wording::deployment_id(task.workload, deployment)),
    };
    let description = task.instance().map(|id| &cluster.descriptions()[id]);
    let text = |text: &str| Some(text.to_owned());
    TaskDocument {
        attachments: attachment(task, world, scope).into_iter().collect(),
        availability_zone: wording::availability_zone(task, world).map(str::to_owned),
        capacity_provider_name: wording::capacity_provider(task, world).map(str::to_owned),
        cluster_arn: names.cluster(&cluster.name),
        container_instance_arn: description
            .map(|description| names.container_instance(&cluster.name, &description.name)),
        containers: containers(task, world, scope, told),
        cpu: template.size.0.map(|units| units.to_string()),
        created_at: at(times.created),
        desired_status: wording::desired_status(task).to_owned(),
        execution_stopped_at: times.execution_stopped.map(at),
        group: text(cluster.group_name(template.group)),
        health_status: text(task.health.text()),
        last_status: task.state.last_status().to_owned(),
        launch_type: text(wording::launch_type(task, world)),
        memory: template.size.1.map(|mib| mib.to_string()),
        overrides: Some(scope.facts[task.template].overrides.clone()),
        pull_started_at: pull.map(|(begun, _)| at(begun)),
        pull_stopped_at: task.pull_ended().map(at),
        started_at: times.started.map(at),
        started_by,
        stop_code: task.stop.map(|stop| stop.code.text().to_owned()),
        stopped_at: times.stopped.map(at),
        stopped_reason: task
            .stop
            .map(|_| wording::stopped_reason(task, world).into_owned()),
        stopping_at: times.stopping.map(at),
        tags: Vec::new(),
        task_arn: names.task(&cluster.name, task.number),
        task_definition_arn: names.task_definition(&template.task_definition),
        version: told.version,
    }
}

/// The network interface of an `awsvpc` task. Its subnet is not told: placement knows zones only.
///
/// Source: ECS API reference, Attachment, `status`.
fn attachment(task: &Task, world: &World, scope: &Scope) -> Option<AttachmentDocument> {
    let template = &world.templates[task.template];
    let status = match task.state {
        TaskState::Waiting => "PRECREATED",
        TaskState::Provisioning => "ATTACHING",
        TaskState::Deprovisioning => "DETACHING",
        TaskState::Stopped => "DELETED",
        TaskState::Queued
        | TaskState::Pending
        | TaskState::Activating
        | TaskState::Running
        | TaskState::Deactivating
        | TaskState::Stopping => "ATTACHED",
    };
    let cluster = &world.clusters[template.cluster].name;
    template.network_interface.then(|| AttachmentDocument {
        id: scope.names.attachment(cluster, task.number),
        r#type: "ElasticNetworkInterface".to_owned(),
        status: status.to_owned(),
        details: Vec::new(),
    })
}

fn containers(task: &Task, world: &World, scope: &Scope, told: &Told) -> Vec<ContainerDocument> {
    let template = &world.templates[task.template];
    let cluster = &world.clusters[template.cluster].name;
    let facts = &scope.facts[task.template];
    let has_interface = template.network_interface && task.times.begun.is_some();
    let interface = NetworkInterfaceDocument {
        attachment_id: scope.names.attachment(cluster, task.number),
    };
    let interfaces = if has_interface {
        vec![interface]
    } else {
        Vec::new()
    };
    let mut gpus = Devices(task.gpus);
    let mut picked = told.ports.iter().copied();
    let documents = facts.containers.iter().map(|container| {
        let exit = exit(task, world, facts, container);
        let reason = exit.and_then(|exit| exit.reason);
        ContainerDocument {
            container_arn: scope.names.container(cluster, task.number, &container.name),
            task_arn: scope.names.task(cluster, task.number),
            name: container.name.clone(),
            last_status: last_status(task).to_owned(),
            exit_code: exit.map(|exit| exit.code.into()),
            reason: reason.map(|reason| world.reasons[reason as usize].clone()),
            network_bindings: match task.times.started {
                Some(_) => bindings(&container.ports, &mut picked),
                None => Vec::new(),
            },
            network_interfaces: interfaces.clone(),
            health_status: Some(health(task, container).text().to_owned()),
            cpu: Some(container.cpu.to_string()),
            memory: container.memory.map(|mib| mib.to_string()),
            memory_reservation: container.memory_reservation.map(|mib| mib.to_string()),
            gpu_ids: gpus.take(container.gpus),
        }
    });
    documents.collect()
}

/// `lastStatus` of a task's containers. One that exits while its task goes on counts as running:
/// the run tells of it only when the task stops.
fn last_status(task: &Task) -> &'static str {
    match task.state {
        TaskState::Deprovisioning | TaskState::Stopped => "STOPPED",
        TaskState::Activating => "RUNNING",
        _ if task.times.started.is_some() => "RUNNING",
        _ => "PENDING",
    }
}

/// How a container exited, once all have.
fn exit(task: &Task, world: &World, facts: &TaskFacts, container: &ContainerFacts) -> Option<Exit> {
    if !matches!(task.state, TaskState::Deprovisioning | TaskState::Stopped) {
        return None;
    }
    let behaviours = &world.behaviours[task.behaviour];
    let at = behaviour_of(container, facts, behaviours)?;
    match behaviours.len() {
        1 => task.exit,
        _ => task.aside().exits.get(at).copied().flatten(),
    }
}

/// Which behaviour a container has: that of its name. A row of a trace may name another task
/// definition than its workload, with containers of other names; then its first essential container
/// behaves as that of the workload.
fn behaviour_of(
    container: &ContainerFacts,
    facts: &TaskFacts,
    behaviours: &[Container],
) -> Option<usize> {
    let mut essential = facts.containers.iter().filter(|it| it.essential);
    let is_first = essential
        .next()
        .is_some_and(|first| first.name == container.name);
    let same_name = behaviours.iter().position(|it| it.name == container.name);
    same_name.or_else(|| {
        let first = behaviours.iter().position(|it| it.essential);
        first.filter(|_| is_first)
    })
}

/// Health of a container. What the checks of several essential containers say is known together
/// only.
fn health(task: &Task, container: &ContainerFacts) -> Health {
    match container.is_checked && container.essential {
        true => task.health,
        false => Health::Unknown,
    }
}

fn bindings(
    ports: &[PortFacts],
    picked: &mut impl Iterator<Item = u16>,
) -> Vec<NetworkBindingDocument> {
    let bound = ports
        .iter()
        .filter_map(|port| Some((port, port.host.or_else(|| picked.next())?)));
    let binding = |(port, host): (&PortFacts, u16)| {
        let range = |first: u16| {
            let last = first.saturating_add(port.count() - 1);
            port.last.map(|_| format!("{first}-{last}"))
        };
        NetworkBindingDocument {
            bind_ip: "0.0.0.0".to_owned(),
            container_port: port.last.is_none().then_some(port.first),
            host_port: port.last.is_none().then_some(host),
            protocol: match port.protocol {
                Protocol::Tcp => "tcp".to_owned(),
                Protocol::Udp => "udp".to_owned(),
            },
            container_port_range: range(port.first),
            host_port_range: range(host),
        }
    };
    bound.map(binding).collect()
}

/// GPU devices of a task that its containers have not got yet, as bits.
struct Devices(u64);

impl Devices {
    /// Ids of a container's devices, from the lowest on in the order of the definition [U-15]; those
    /// who share have the same one.
    fn take(&mut self, wanted: GpuDemand) -> Option<Vec<String>> {
        let mut rest = match wanted {
            GpuDemand::NONE => return None,
            GpuDemand::Shared(_) => return Some(ids(self.0)),
            GpuDemand::All => 0,
            GpuDemand::Whole(_) => self.0,
        };
        if let GpuDemand::Whole(count) = wanted {
            (0..count.min(u64::BITS)).for_each(|_| rest &= rest.wrapping_sub(1));
        }
        let taken = self.0 & !rest;
        self.0 = rest;
        Some(ids(taken))
    }
}

/// Numbers of the devices as texts.
pub(super) fn ids(devices: u64) -> Vec<String> {
    let numbers = (0..u64::BITS).filter(|number| devices >> number & 1 == 1);
    numbers.map(|number| number.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_go_to_containers_in_the_order_of_the_definition() {
        let check = |devices, wanted: &[GpuDemand], expected: &[Option<&[&str]>]| {
            let mut devices = Devices(devices);
            let got: Vec<_> = wanted.iter().map(|wanted| devices.take(*wanted)).collect();
            let expected = expected.iter().map(|ids| {
                let ids = (*ids)?.iter();
                Some(ids.map(|id| (*id).to_owned()).collect())
            });
            assert_eq!(got, expected.collect::<Vec<Option<Vec<String>>>>());
        };
        let one = GpuDemand::Whole(1);
        check(
            0b1011,
            &[GpuDemand::Whole(2), GpuDemand::NONE, one],
            &[Some(&["0", "1"]), None, Some(&["3"])],
        );
        check(0b11, &[GpuDemand::All], &[Some(&["0", "1"])]);
        let shared = GpuDemand::Shared(512);
        check(0b100, &[shared, shared], &[Some(&["2"]), Some(&["2"])]);
        check(
            u64::MAX,
            &[GpuDemand::Whole(64), one],
            &[
                Some(&ids(u64::MAX).iter().map(String::as_str).collect::<Vec<_>>()),
                Some(&[]),
            ],
        );
        // It waits, and has none yet.
        check(0, &[one], &[Some(&[])]);
    }
}
