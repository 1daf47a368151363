//! The document of a container instance.

use super::documents::Scope;
use super::task::ids;
use super::{
    AttributeDocument, ContainerInstanceDocument, ResourceDocument, VersionInfoDocument, moment,
};
use crate::engine::World;
use crate::model::arena::{ClusterId, InstanceId};
use crate::model::instance::{Description, Instance};
use crate::report::{Clock, tables};
use crate::time::SimTime;
use crate::units::Timestamp;

/// An instance as it is now, after so many `changes`, with so many tasks in PENDING.
pub(super) fn document(
    (cluster, id): (ClusterId, InstanceId),
    world: &World,
    scope: &Scope,
    changes: u64,
    pending: u32,
) -> ContainerInstanceDocument {
    let cluster = &world.clusters[cluster];
    let (description, instance) = (&cluster.descriptions()[id], &cluster.instances()[id]);
    let provider = description.provider.map(|id| &world.providers[id]);
    ContainerInstanceDocument {
        container_instance_arn: scope
            .names
            .container_instance(&cluster.name, &description.name),
        ec2_instance_id: description.ec2_instance_id.clone(),
        capacity_provider_name: provider.map(|provider| provider.name.clone()),
        version: changes + 1,
        version_info: VersionInfoDocument {
            agent_version: description.agent_version.clone(),
        },
        remaining_resources: remaining(instance),
        registered_resources: registered(description),
        status: tables::status(instance.status).to_owned(),
        // A machine that is gone has no agent, whatever it was when it went.
        agent_connected: instance.agent_connected && instance.left_at.is_none(),
        running_tasks_count: instance.tasks,
        pending_tasks_count: pending,
        attributes: description
            .attributes
            .iter()
            .map(|(name, value)| AttributeDocument {
                name: name.clone(),
                value: Some(value.clone()).filter(|value| !value.is_empty()),
            })
            .collect(),
        registered_at: Some(registered_at(description, scope.clock)),
        attachments: Vec::new(),
        tags: Vec::new(),
    }
}

fn registered(description: &Description) -> Vec<ResourceDocument> {
    let capacity = &description.capacity;
    let all = u64::MAX.checked_shr(u64::BITS.saturating_sub(capacity.gpus));
    let gpus = (capacity.gpus > 0).then(|| ids(all.unwrap_or(0)));
    ResourceDocument::list(
        capacity.cpu,
        capacity.memory,
        &description.reserved_ports,
        gpus,
    )
}

/// What is free. A GPU that tasks share is not.
fn remaining(instance: &Instance) -> Vec<ResourceDocument> {
    let free = &instance.free;
    let gpus = (instance.capacity.gpus > 0).then(|| ids(instance.free_gpus));
    ResourceDocument::list(free.cpu, free.memory, &instance.ports, gpus)
}

/// When an instance registered: during the run, or at the date that the scenario gives one that was
/// there before.
fn registered_at(description: &Description, clock: Clock) -> String {
    match description.joined_at {
        SimTime::ZERO => {
            let at = Timestamp::from_unix_secs(description.registered_at);
            moment(Some(at), SimTime::ZERO)
        }
        joined_at => moment(clock.0, joined_at),
    }
}
