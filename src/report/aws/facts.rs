//! What documents tell of a task beside what the engine goes by: its containers as they were asked
//! for, and the overrides of its call.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::batch::{JobDefinition, PlatformCapability};
use crate::api::{
    self, ContainerDefinition, ContainerOverride, GpuDemand, NetworkMode, PortMapping,
    TaskDefinition, TaskOverride,
};
use crate::model::resources::Protocol;

/// What there is to tell of a task, the same for all tasks of one template.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFacts {
    /// Overrides as given, with an entry for each container. Source: answers seen in the field.
    pub overrides: Value,
    /// The containers in the order of the task definition.
    pub containers: Vec<ContainerFacts>,
}

/// What there is to tell of a container, overrides applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// Whether the task stops when it does.
    pub essential: bool,
    /// Whether it has a health check.
    pub is_checked: bool,
    /// CPU units.
    pub cpu: u32,
    /// Hard limit in MiB.
    pub memory: Option<u32>,
    /// Soft limit in MiB.
    pub memory_reservation: Option<u32>,
    /// GPUs.
    pub gpus: GpuDemand,
    /// Its ports that ports of the host lead to; none where it has addresses of its own (`awsvpc`).
    pub ports: Vec<PortFacts>,
}

/// A port mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortFacts {
    /// First port of the container.
    pub first: u16,
    /// Last port, where the mapping is of a range.
    pub last: Option<u16>,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Port of the host; absent: one that is picked when the container starts.
    pub host: Option<u16>,
}

/// What there is to tell of a job of AWS Batch, the same for all jobs of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobFacts {
    /// The container as defined, but for the resources that it asks for.
    pub container: Map<String, Value>,
    /// The containers, where there are several.
    pub ecs_properties: Option<Value>,
    /// Parameters.
    pub parameters: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Whether its tasks take the tags.
    pub propagate_tags: bool,
    /// On what it can run, where the definition says so.
    pub platform_capabilities: Vec<PlatformCapability>,
}

impl JobFacts {
    /// Of a definition to which the overrides of a submission have been applied, and the command of
    /// its container with parameters put in.
    pub fn new(definition: &JobDefinition, command: &[String]) -> Self {
        let container = definition.container_properties.as_ref();
        let container = container.map(|part| api::without_nulls(json!(part)));
        let mut container = match container {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        // Resources are told in the form that AWS recommends, however the definition names them.
        for old in ["vcpus", "memory"] {
            container.remove(old);
        }
        container.insert("command".to_owned(), json!(command));
        JobFacts {
            container,
            ecs_properties: definition
                .ecs_properties
                .as_ref()
                .map(|part| api::without_nulls(json!(part))),
            parameters: definition.parameters.clone().unwrap_or_default(),
            tags: definition.tags.clone().unwrap_or_default(),
            propagate_tags: definition.propagate_tags.unwrap_or(false),
            platform_capabilities: definition.platform_capabilities.clone().unwrap_or_default(),
        }
    }
}

impl TaskFacts {
    /// Of a definition to which `overrides` have been applied, and its containers as
    /// [`TaskDefinition::containers`] gives them.
    pub fn new(
        task: &TaskDefinition,
        containers: &[api::Container],
        overrides: Option<&TaskOverride>,
    ) -> Self {
        let mode = task.network_mode();
        let definitions = task.container_definitions.iter().zip(containers);
        TaskFacts {
            overrides: with_all_containers(task, overrides),
            containers: definitions
                .map(|(definition, container)| ContainerFacts::new(definition, container, mode))
                .collect(),
        }
    }
}

impl ContainerFacts {
    fn new(
        definition: &ContainerDefinition,
        container: &api::Container,
        mode: NetworkMode,
    ) -> Self {
        let has_bindings = !matches!(mode, NetworkMode::Awsvpc | NetworkMode::None);
        let mappings = definition.port_mappings.iter().flatten();
        ContainerFacts {
            name: container.name.clone(),
            essential: container.essential,
            is_checked: container.health_check.is_some(),
            cpu: definition.cpu.unwrap_or(0),
            memory: container.hard_memory,
            memory_reservation: definition.memory_reservation.filter(|mib| *mib > 0),
            gpus: container.gpus,
            ports: mappings
                .filter(|_| has_bindings)
                .filter_map(|mapping| PortFacts::new(mapping, mode))
                .collect(),
        }
    }
}

impl PortFacts {
    fn new(mapping: &PortMapping, mode: NetworkMode) -> Option<Self> {
        let range = mapping.container_port_range.as_deref();
        let (first, last) = match range.and_then(|range| range.split_once('-')) {
            Some((first, last)) => (first.parse().ok()?, Some(last.parse().ok()?)),
            None => (mapping.container_port?, None),
        };
        Some(PortFacts {
            first,
            last,
            protocol: match mapping.protocol.as_deref() {
                Some("udp") => Protocol::Udp,
                _ => Protocol::Tcp,
            },
            host: mapping.static_port(mode).map(|port| port.port),
        })
    }

    /// How many ports.
    pub const fn count(self) -> u16 {
        match self.last {
            Some(last) => last.saturating_sub(self.first).saturating_add(1),
            None => 1,
        }
    }
}

/// Of two entries for one container the later wins, field by field, as it does for the task.
fn with_all_containers(task: &TaskDefinition, overrides: Option<&TaskOverride>) -> Value {
    let given = overrides.and_then(|it| it.container_overrides.as_deref());
    let entry = |definition: &ContainerDefinition| {
        let mut fields = Map::from_iter([("name".to_owned(), json!(definition.name))]);
        let named = |it: &&ContainerOverride| it.name.as_ref() == Some(&definition.name);
        for entry in given.unwrap_or_default().iter().filter(named) {
            fields.extend(fields_of(entry));
        }
        Value::Object(fields)
    };
    let entries: Vec<Value> = task.container_definitions.iter().map(entry).collect();
    let mut fields = Map::from_iter([
        ("containerOverrides".to_owned(), Value::Null),
        ("inferenceAcceleratorOverrides".to_owned(), json!([])),
    ]);
    fields.extend(overrides.map(fields_of).unwrap_or_default());
    fields.insert("containerOverrides".to_owned(), Value::Array(entries));
    Value::Object(fields)
}

/// The fields of a shape that are there.
fn fields_of(shape: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(shape).map(api::without_nulls) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Host;

    fn facts(definition: Value, overrides: Value) -> TaskFacts {
        let definition: TaskDefinition = serde_json::from_value(definition).expect("a definition");
        let overrides: Option<TaskOverride> = serde_json::from_value(overrides).expect("overrides");
        let overrides = overrides.as_ref();
        let task = definition.with_overrides(overrides, Host::Instance);
        let containers = definition.containers(overrides, Host::Instance);
        TaskFacts::new(
            &task.expect("sound"),
            &containers.expect("sound"),
            overrides,
        )
    }

    #[test]
    fn overrides_have_an_entry_for_each_container() {
        let definition = json!({"family": "web", "containerDefinitions": [
            {"name": "log", "memory": 64}, {"name": "app", "cpu": 256, "memory": 512}
        ]});
        let none = facts(definition.clone(), Value::Null);
        let names = json!([{"name": "log"}, {"name": "app"}]);
        assert_eq!(
            none.overrides,
            json!({"containerOverrides": names, "inferenceAcceleratorOverrides": []})
        );
        let given = json!({"cpu": "1024", "containerOverrides": [
            {"name": "app", "cpu": 128, "memory": 256}, {}, {"name": "app", "cpu": 512}
        ]});
        let some = facts(definition, given);
        let entries = json!([{"name": "log"}, {"name": "app", "cpu": 512, "memory": 256}]);
        assert_eq!(some.overrides["containerOverrides"], entries);
        assert_eq!(some.overrides["cpu"], json!("1024"));
        assert_eq!(
            (some.containers[1].cpu, some.containers[1].memory),
            (512, Some(256))
        );
    }

    #[test]
    fn ports_follow_the_network_mode() {
        let ports = |mode: &str, mapping: Value| {
            let containers = json!([{"name": "app", "memory": 64, "portMappings": [mapping]}]);
            let definition =
                json!({"family": "web", "networkMode": mode, "containerDefinitions": containers});
            facts(definition, Value::Null).containers[0].ports.clone()
        };
        let port = |first, last, protocol, host| {
            vec![PortFacts {
                first,
                last,
                protocol,
                host,
            }]
        };
        let http = || json!({"containerPort": 80});
        assert_eq!(ports("bridge", http()), port(80, None, Protocol::Tcp, None));
        assert_eq!(
            ports("host", http()),
            port(80, None, Protocol::Tcp, Some(80))
        );
        assert_eq!(ports("awsvpc", http()), []);
        assert_eq!(
            ports(
                "bridge",
                json!({"containerPort": 53, "hostPort": 5353, "protocol": "udp"})
            ),
            port(53, None, Protocol::Udp, Some(5353))
        );
        let range = ports("bridge", json!({"containerPortRange": "8080-8090"}));
        assert_eq!(range, port(8080, Some(8090), Protocol::Tcp, None));
        assert_eq!(range[0].count(), 11);
    }
}
