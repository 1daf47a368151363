//! Tasks, container instances and jobs as the AWS CLI prints them: the shapes of `describe-tasks.json`,
//! `describe-container-instances.json` and `describe-jobs.json`.
//!
//! A field that is absent is left out, as AWS leaves it out. Names of AWS are made up ([`Names`]), and
//! the same thing has the same name in every run. [`Documents`] fills the shapes from a run, and a
//! [`List`] writes them one by one.
//!
//! Source: ECS API reference and service model, version 2014-11-13: Task, Container, NetworkBinding,
//! Attachment, ContainerInstance, Resource; the order of keys is that of the model.
//!
//! ```
//! use stowplan::report::aws::{ContainerInstanceDocument, ResourceDocument, write_list};
//! let instance = ContainerInstanceDocument {
//!     status: "ACTIVE".to_owned(),
//!     remaining_resources: vec![ResourceDocument::integer("CPU", 2048)],
//!     ..ContainerInstanceDocument::default()
//! };
//! let mut out = Vec::new();
//! write_list(&mut out, "containerInstances", [instance].into_iter())?;
//! assert!(out.starts_with(b"{\n    \"containerInstances\": [\n"));
//! # Ok::<(), std::io::Error>(())
//! ```

mod documents;
mod facts;
mod instance;
mod job;
mod task;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::PrettyFormatter;
use sha2::{Digest, Sha256};

use crate::model::resources::{HostPort, Protocol};
use crate::time::SimTime;
use crate::units::Timestamp;

pub use documents::Documents;
pub use facts::{ContainerFacts, JobFacts, PortFacts, TaskFacts};

/// A task. Moments are texts of [`moment`], names those of [`Names`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDocument {
    /// Network interfaces of an `awsvpc` task.
    pub attachments: Vec<AttachmentDocument>,
    /// Zone of its instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// Capacity provider that took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_provider_name: Option<String>,
    /// Its cluster.
    pub cluster_arn: String,
    /// Its instance, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_instance_arn: Option<String>,
    /// Its containers, in the order of the task definition.
    pub containers: Vec<ContainerDocument>,
    /// CPU units after overrides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// When ECS accepted it [U-34].
    pub created_at: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: String,
    /// When its first essential container had stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_stopped_at: Option<String>,
    /// Task group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_status: Option<String>,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, `STOPPED` and what lies between.
    pub last_status: String,
    /// `EC2`, `FARGATE`, `EXTERNAL` or `MANAGED_INSTANCES`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<String>,
    /// MiB after overrides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Overrides as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Value>,
    /// When the first image pull began; absent where none was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_started_at: Option<String>,
    /// When the last image pull ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_stopped_at: Option<String>,
    /// When it reached RUNNING; absent if it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Tag of the caller, or the deployment of a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// `EssentialContainerExited`, `TaskFailedToStart`, `UserInitiated` and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_code: Option<String>,
    /// When it was STOPPED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    /// Why it stopped, in the words of ECS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_reason: Option<String>,
    /// When its desired status became STOPPED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopping_at: Option<String>,
    /// Tags.
    pub tags: Vec<TagDocument>,
    /// Its name.
    pub task_arn: String,
    /// Its task definition.
    pub task_definition_arn: String,
    /// 1, and one more for each change of its state.
    pub version: u64,
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDocument {
    /// Its name of AWS.
    pub container_arn: String,
    /// Its task.
    pub task_arn: String,
    /// Its name in the task definition.
    pub name: String,
    /// `PENDING`, `RUNNING` or `STOPPED`.
    pub last_status: String,
    /// Exit code; absent until it has exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it stopped, such as `OutOfMemoryError: …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Ports of the host that lead to it; empty until it runs.
    pub network_bindings: Vec<NetworkBindingDocument>,
    /// Interfaces of its task that it uses (`awsvpc`).
    pub network_interfaces: Vec<NetworkInterfaceDocument>,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_status: Option<String>,
    /// CPU units; `0` where none are reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Hard limit in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Soft limit in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<String>,
    /// Devices that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_ids: Option<Vec<String>>,
}

/// A port of the host that leads to a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkBindingDocument {
    /// Address, such as `0.0.0.0`.
    #[serde(rename = "bindIP")]
    pub bind_ip: String,
    /// Port of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_port: Option<u16>,
    /// Port of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Ports of the container such as `8080-8090`, in place of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_port_range: Option<String>,
    /// As many ports of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port_range: Option<String>,
}

/// A network interface as a container sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaceDocument {
    /// The attachment of the task.
    pub attachment_id: String,
}

/// A network interface of a task, or of an instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentDocument {
    /// Its id.
    pub id: String,
    /// Such as `ElasticNetworkInterface`.
    pub r#type: String,
    /// `PRECREATED`, `ATTACHED`, `DELETED` and what lies between.
    pub status: String,
    /// Such as `subnetId`.
    pub details: Vec<AttributeDocument>,
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TagDocument {
    /// Key.
    pub key: String,
    /// Value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// An attribute of an instance, or a detail of an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AttributeDocument {
    /// Name.
    pub name: String,
    /// Value; many attributes have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A container instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerInstanceDocument {
    /// Its name of AWS.
    pub container_instance_arn: String,
    /// EC2 instance id; external instances have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ec2_instance_id: Option<String>,
    /// Capacity provider it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_provider_name: Option<String>,
    /// 1, and one more for each change.
    pub version: u64,
    /// Versions of what runs on it.
    pub version_info: VersionInfoDocument,
    /// What is free.
    pub remaining_resources: Vec<ResourceDocument>,
    /// What was registered.
    pub registered_resources: Vec<ResourceDocument>,
    /// `ACTIVE`, `DRAINING` and so on.
    pub status: String,
    /// Whether its agent is connected.
    pub agent_connected: bool,
    /// Tasks whose desired status is RUNNING.
    pub running_tasks_count: u32,
    /// Tasks in PENDING.
    pub pending_tasks_count: u32,
    /// Built-in and custom attributes.
    pub attributes: Vec<AttributeDocument>,
    /// When it registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<String>,
    /// Its own interfaces, such as a trunk.
    pub attachments: Vec<AttachmentDocument>,
    /// Tags.
    pub tags: Vec<TagDocument>,
}

/// Versions of what runs on an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfoDocument {
    /// That of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
}

/// A resource of an instance, in one of the forms that [`ResourceDocument::integer`] and
/// [`ResourceDocument::string_set`] make.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDocument {
    /// `CPU`, `MEMORY`, `PORTS`, `PORTS_UDP` or `GPU`.
    pub name: String,
    /// `INTEGER` or `STRINGSET`.
    pub r#type: String,
    /// 0: no resource is of type DOUBLE.
    pub double_value: f64,
    /// 0: no resource is of type LONG.
    pub long_value: i64,
    /// Amount of an INTEGER resource; otherwise 0.
    pub integer_value: u32,
    /// Members of a STRINGSET resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string_set_value: Option<Vec<String>>,
}

impl ResourceDocument {
    /// A resource that is counted.
    pub fn integer(name: &str, amount: u32) -> Self {
        ResourceDocument {
            name: name.to_owned(),
            r#type: "INTEGER".to_owned(),
            integer_value: amount,
            ..ResourceDocument::default()
        }
    }

    /// A resource that is a set.
    pub fn string_set(name: &str, members: Vec<String>) -> Self {
        ResourceDocument {
            name: name.to_owned(),
            r#type: "STRINGSET".to_owned(),
            string_set_value: Some(members),
            ..ResourceDocument::default()
        }
    }

    /// The resources of an instance, as the agent lists them: CPU units, MiB, the `ports` that are
    /// taken, and the ids of `gpus` where the instance has any.
    pub fn list(
        cpu: u32,
        memory: u32,
        ports: &[HostPort],
        gpus: Option<Vec<String>>,
    ) -> Vec<ResourceDocument> {
        let of = |protocol: Protocol| {
            let ports = ports.iter().filter(|port| port.protocol == protocol);
            ports.map(|port| port.port.to_string()).collect()
        };
        let mut resources = vec![
            ResourceDocument::integer("CPU", cpu),
            ResourceDocument::integer("MEMORY", memory),
            ResourceDocument::string_set("PORTS", of(Protocol::Tcp)),
            ResourceDocument::string_set("PORTS_UDP", of(Protocol::Udp)),
        ];
        resources.extend(gpus.map(|ids| ResourceDocument::string_set("GPU", ids)));
        resources
    }
}

/// A moment of a run as the AWS CLI prints it: `2021-08-11T12:21:26.681000+00:00`, without fraction
/// when there is none. A run without a start date begins in 1970.
pub fn moment(start: Option<Timestamp>, at: SimTime) -> String {
    let start = start.unwrap_or(Timestamp::from_unix_secs(0));
    let second = SimTime::from_micros(at.micros() / 1_000_000 * 1_000_000);
    let text = start.at(second);
    let text = text.trim_end_matches('Z');
    match at.micros() % 1_000_000 {
        0 => format!("{text}+00:00"),
        micros => format!("{text}.{micros:06}+00:00"),
    }
}

/// Account of all names: the one that AWS uses in its documentation.
const ACCOUNT: &str = "123456789012";

/// Region where no zone tells it.
const REGION: &str = "us-east-1";

/// Makes up names (ARNs) for the things of one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names in the region of a zone such as `eu-west-1b`, or `us-west-2-lax-1a` of a local zone;
    /// in us-east-1 where there is none or it tells no region.
    pub fn of_zone(zone: Option<&str>) -> Self {
        let region = zone.and_then(region).unwrap_or_else(|| REGION.to_owned());
        let partition = match &region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Names {
            prefix: format!("arn:{partition}:ecs:{region}:{ACCOUNT}"),
        }
    }

    /// A cluster.
    pub fn cluster(&self, cluster: &str) -> String {
        format!("{}:cluster/{cluster}", self.prefix)
    }

    /// A thing of AWS Batch of some kind, such as a `job-queue`.
    pub fn batch(&self, kind: &str, name: &str) -> String {
        let prefix = self.prefix.replacen(":ecs:", ":batch:", 1);
        format!("{prefix}:{kind}/{name}")
    }

    /// A task definition: `family:revision`.
    pub fn task_definition(&self, name: &str) -> String {
        format!("{}:task-definition/{name}", self.prefix)
    }

    /// Task `number` of a cluster.
    pub fn task(&self, cluster: &str, number: u64) -> String {
        let id = digits("task", cluster, &number.to_string());
        format!("{}:task/{cluster}/{id}", self.prefix)
    }

    /// The container instance of a cluster that the scenario calls `name`.
    pub fn container_instance(&self, cluster: &str, name: &str) -> String {
        let id = digits("container-instance", cluster, name);
        format!("{}:container-instance/{cluster}/{id}", self.prefix)
    }

    /// A container of task `number`.
    pub fn container(&self, cluster: &str, number: u64, name: &str) -> String {
        let task = digits("task", cluster, &number.to_string());
        let id = with_hyphens(&digits("container", cluster, &format!("{number}/{name}")));
        format!("{}:container/{cluster}/{task}/{id}", self.prefix)
    }

    /// Id of the network interface of task `number`, for its attachment.
    pub fn attachment(&self, cluster: &str, number: u64) -> String {
        with_hyphens(&digits("attachment", cluster, &number.to_string()))
    }
}

/// The region of a zone: what comes before the first hyphen and digit, with that digit.
fn region(zone: &str) -> Option<String> {
    let (at, _) = zone
        .match_indices('-')
        .find(|(at, _)| zone[at + 1..].starts_with(|first: char| first.is_ascii_digit()))?;
    let number = zone[at + 1..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>();
    Some(format!("{}-{number}", &zone[..at]))
}

/// 32 hexadecimal digits that depend on nothing but what they name.
fn digits(kind: &str, cluster: &str, name: &str) -> String {
    let hash = Sha256::digest(format!("{kind}\0{cluster}\0{name}"));
    hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// 32 digits as a UUID.
fn with_hyphens(digits: &str) -> String {
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

/// `{"<key>": [...], "failures": []}` as the AWS CLI prints it, written item by item: they are never
/// all held.
pub struct List<W: Write> {
    out: W,
    is_empty: bool,
}

impl<W: Write> List<W> {
    /// Begins a list.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(mut out: W, key: &str) -> io::Result<Self> {
        write!(out, "{{\n    \"{key}\": [")?;
        Ok(List {
            out,
            is_empty: true,
        })
    }

    /// Writes an item.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn push(&mut self, item: &impl Serialize) -> io::Result<()> {
        let mut text = Vec::new();
        // The CLI indents by four.
        let formatter = PrettyFormatter::with_indent(b"    ");
        item.serialize(&mut serde_json::Serializer::with_formatter(
            &mut text, formatter,
        ))?;
        let comma = if self.is_empty { "" } else { "," };
        write!(self.out, "{comma}")?;
        self.is_empty = false;
        // A line break within a text is escaped: these are all between the parts of the item.
        for line in text.split(|byte| *byte == b'\n') {
            self.out.write_all(b"\n        ")?;
            self.out.write_all(line)?;
        }
        Ok(())
    }

    /// Ends the list, and flushes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end(self) -> io::Result<()> {
        self.end_with(",\n    \"failures\": []")
    }

    /// The same for an answer that tells of no failures, as those of AWS Batch.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end_without_failures(self) -> io::Result<()> {
        self.end_with("")
    }

    fn end_with(mut self, rest: &str) -> io::Result<()> {
        let end = if self.is_empty { "" } else { "\n    " };
        write!(self.out, "{end}]{rest}\n}}\n")?;
        self.out.flush()
    }
}

/// Writes a whole [`List`].
///
/// # Errors
/// The first that occurred while writing.
pub fn write_list<W: Write>(
    out: W,
    key: &str,
    mut items: impl Iterator<Item = impl Serialize>,
) -> io::Result<()> {
    let mut list = List::new(out, key)?;
    items.try_for_each(|item| list.push(&item))?;
    list.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Occurrence, Recorder, World};

    /// A task with every field.
    fn task() -> TaskDocument {
        let some = |text: &str| Some(text.to_owned());
        let names = Names::of_zone(Some("us-east-1b"));
        TaskDocument {
            attachments: vec![AttachmentDocument {
                id: names.attachment("web", 7),
                r#type: "ElasticNetworkInterface".to_owned(),
                status: "ATTACHED".to_owned(),
                details: vec![AttributeDocument {
                    name: "subnetId".to_owned(),
                    value: some("subnet-1"),
                }],
            }],
            availability_zone: some("us-east-1b"),
            capacity_provider_name: some("asg"),
            cluster_arn: names.cluster("web"),
            container_instance_arn: Some(names.container_instance("web", "a")),
            containers: vec![ContainerDocument {
                container_arn: names.container("web", 7, "app"),
                task_arn: names.task("web", 7),
                name: "app".to_owned(),
                last_status: "STOPPED".to_owned(),
                exit_code: Some(137),
                reason: some("OutOfMemoryError: Container killed due to memory usage"),
                network_bindings: vec![NetworkBindingDocument {
                    bind_ip: "0.0.0.0".to_owned(),
                    container_port: Some(80),
                    host_port: Some(32768),
                    protocol: "tcp".to_owned(),
                    container_port_range: some("8080-8081"),
                    host_port_range: some("49153-49154"),
                }],
                network_interfaces: vec![NetworkInterfaceDocument {
                    attachment_id: names.attachment("web", 7),
                }],
                health_status: some("UNKNOWN"),
                cpu: some("10"),
                memory: some("300"),
                memory_reservation: some("200"),
                gpu_ids: Some(vec!["0".to_owned()]),
            }],
            cpu: some("10"),
            created_at: moment(None, SimTime::ZERO),
            desired_status: "STOPPED".to_owned(),
            execution_stopped_at: some("x"),
            group: some("family:web"),
            health_status: some("UNKNOWN"),
            last_status: "STOPPED".to_owned(),
            launch_type: some("EC2"),
            memory: some("300"),
            overrides: Some(serde_json::json!({"containerOverrides": [{"name": "app"}]})),
            pull_started_at: some("x"),
            pull_stopped_at: some("x"),
            started_at: some("x"),
            started_by: some("me"),
            stop_code: some("EssentialContainerExited"),
            stopped_at: some("x"),
            stopped_reason: some("Essential container in task exited"),
            stopping_at: some("x"),
            tags: vec![TagDocument {
                key: "team".to_owned(),
                value: some("a"),
            }],
            task_arn: names.task("web", 7),
            task_definition_arn: names.task_definition("web:3"),
            version: 5,
        }
    }

    /// An instance with every field.
    fn instance() -> ContainerInstanceDocument {
        let port = |protocol, port| HostPort { protocol, port };
        let ports = [port(Protocol::Tcp, 22), port(Protocol::Udp, 53)];
        let resources = ResourceDocument::list(2048, 3955, &ports, Some(vec!["0".to_owned()]));
        ContainerInstanceDocument {
            container_instance_arn: Names::of_zone(None).container_instance("web", "a"),
            ec2_instance_id: Some("i-1".to_owned()),
            capacity_provider_name: Some("asg".to_owned()),
            version: 1,
            version_info: VersionInfoDocument {
                agent_version: Some("1.73.0".to_owned()),
            },
            remaining_resources: resources.clone(),
            registered_resources: resources,
            status: "ACTIVE".to_owned(),
            agent_connected: true,
            running_tasks_count: 1,
            pending_tasks_count: 0,
            attributes: vec![AttributeDocument {
                name: "gpu-model".to_owned(),
                value: None,
            }],
            registered_at: Some(moment(None, SimTime::ZERO)),
            attachments: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// Members of the shapes in the service model of ECS, version 2014-11-13 (botocore 1.43.11).
    const SHAPES: [(&str, &str); 11] = [
        (
            "task",
            "attachments attributes availabilityZone capacityProviderName clusterArn connectivity \
             connectivityAt containerInstanceArn containers cpu createdAt desiredStatus \
             enableExecuteCommand executionStoppedAt group healthStatus inferenceAccelerators lastStatus \
             launchType memory overrides platformVersion platformFamily pullStartedAt pullStoppedAt \
             startedAt startedBy stopCode stoppedAt stoppedReason stoppingAt tags taskArn \
             taskDefinitionArn version ephemeralStorage fargateEphemeralStorage",
        ),
        (
            "containers",
            "containerArn taskArn name image imageDigest runtimeId lastStatus exitCode reason \
             networkBindings networkInterfaces healthStatus managedAgents cpu memory memoryReservation \
             gpuIds",
        ),
        (
            "networkBindings",
            "bindIP containerPort hostPort protocol containerPortRange hostPortRange",
        ),
        (
            "networkInterfaces",
            "attachmentId privateIpv4Address ipv6Address",
        ),
        ("attachments", "id type status details"),
        ("details", "name value"),
        ("tags", "key value"),
        (
            "instance",
            "containerInstanceArn ec2InstanceId capacityProviderName version versionInfo \
             remainingResources registeredResources status statusReason agentConnected \
             runningTasksCount pendingTasksCount agentUpdateStatus attributes registeredAt attachments \
             tags healthStatus",
        ),
        ("versionInfo", "agentVersion agentHash dockerVersion"),
        ("attributes", "name value targetType targetId"),
        (
            "Resources",
            "name type doubleValue longValue integerValue stringSetValue",
        ),
    ];

    /// Holds the keys of a value, and of what it holds, against the shapes.
    fn check_keys(shape: &str, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| check_keys(shape, item)),
            Value::Object(fields) => {
                let mut shapes = SHAPES.iter();
                let (_, members) = shapes.find(|(name, _)| shape.ends_with(name)).expect(shape);
                let members: Vec<&str> = members.split_whitespace().collect();
                for (key, value) in fields.iter().filter(|(key, _)| *key != "overrides") {
                    assert!(members.contains(&key.as_str()), "{shape} has no {key}");
                    check_keys(key, value);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn keys_are_those_of_the_service_model() {
        let (task, instance) = (
            serde_json::to_value(task()),
            serde_json::to_value(instance()),
        );
        let (task, instance) = (task.expect("a task"), instance.expect("an instance"));
        assert_eq!(task.as_object().map(serde_json::Map::len), Some(28));
        assert_eq!(instance.as_object().map(serde_json::Map::len), Some(15));
        check_keys("task", &task);
        check_keys("instance", &instance);
    }

    /// Documents of a run, and how many tasks have stopped.
    struct Listener<'a>(Documents<&'a mut Vec<u8>>, usize);

    impl Recorder for Listener<'_> {
        fn record(&mut self, _: SimTime, occurrence: Occurrence<'_>, world: &World) {
            self.1 += usize::from(matches!(occurrence, Occurrence::Stopped(_)));
            self.0.record(occurrence, world).expect("memory takes it");
        }
    }

    /// A run with services, Fargate, capacity providers and all that is done from outside.
    #[test]
    fn a_run_with_everything_has_documents_of_the_service_model() {
        let text = include_str!("../../tests/it/bad_input/everything.yaml");
        let loaded = crate::scenario::load_text("everything.yaml", text, std::path::Path::new(""));
        let loaded = loaded.expect("the scenario loads");
        let (clock, world) = (loaded.names.clock, &loaded.plan.world);
        let (mut tasks, mut instances) = (Vec::new(), Vec::new());
        let documents = Documents::new(&mut tasks, &mut instances, clock, loaded.facts, world);
        let mut listener = Listener(documents.expect("memory takes it"), 0);
        let outcome = crate::engine::run(loaded.plan, &mut listener);
        let Listener(documents, stopped) = listener;
        documents.finish(&outcome).expect("memory takes it");
        let list = |bytes: &[u8], key: &str| {
            let value: Value = serde_json::from_slice(bytes).expect("JSON");
            value[key].as_array().expect("a list").clone()
        };
        let tasks = list(&tasks, "tasks");
        let instances = list(&instances, "containerInstances");
        check_keys("task", &Value::from(tasks.clone()));
        check_keys("instance", &Value::from(instances.clone()));
        assert_eq!(tasks.len(), stopped + outcome.live.len());
        let count = |items: &[Value], key: &str, value: &str| {
            items.iter().filter(|item| item[key] == value).count()
        };
        assert_eq!(count(&tasks, "lastStatus", "STOPPED"), stopped);
        for (key, value) in [
            ("lastStatus", "RUNNING"),
            ("launchType", "FARGATE"),
            ("capacityProviderName", "FARGATE_SPOT"),
            ("stopCode", "ServiceSchedulerInitiated"),
        ] {
            assert!(count(&tasks, key, value) > 0, "{key} {value}");
        }
        assert!(count(&instances, "status", "INACTIVE") > 0);
        let is_of_service = |task: &&Value| {
            let group = task["group"].as_str();
            group.is_some_and(|group| group.starts_with("service:"))
        };
        for task in tasks.iter().filter(is_of_service) {
            let started_by = task["startedBy"].as_str().expect("a deployment");
            assert!(started_by.starts_with("ecs-svc/"), "{started_by}");
        }
        let meant_to_run = tasks.iter().filter(|task| {
            task["desiredStatus"] == "RUNNING" && task["containerInstanceArn"].is_string()
        });
        let running = instances.iter().map(|it| it["runningTasksCount"].as_u64());
        assert_eq!(
            running.sum::<Option<u64>>(),
            Some(meant_to_run.count() as u64)
        );
    }

    #[test]
    fn absent_fields_are_left_out() {
        let text = serde_json::to_string(&TaskDocument::default()).expect("a task");
        assert_eq!(
            text,
            r#"{"attachments":[],"clusterArn":"","containers":[],"createdAt":"","desiredStatus":"","lastStatus":"","tags":[],"taskArn":"","taskDefinitionArn":"","version":0}"#
        );
    }

    /// The form of the example in the AWS CLI's own documentation.
    #[test]
    fn resources_have_the_form_of_the_cli() {
        let port = HostPort {
            protocol: Protocol::Tcp,
            port: 22,
        };
        let list = ResourceDocument::list(2048, 3955, &[port], None);
        let value = serde_json::to_value(&list).expect("a list");
        let number = |name: &str, amount: u32| {
            serde_json::json!({
                "name": name, "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": amount
            })
        };
        let set = |name: &str, members: &[&str]| {
            serde_json::json!({
                "name": name, "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0,
                "integerValue": 0, "stringSetValue": members
            })
        };
        let expected = [
            number("CPU", 2048),
            number("MEMORY", 3955),
            set("PORTS", &["22"]),
            set("PORTS_UDP", &[]),
        ];
        assert_eq!(value, Value::from(expected.to_vec()));
    }

    #[test]
    fn moments_are_written_as_the_cli_writes_them() {
        let start = "2021-08-11T16:21:26Z".parse::<Timestamp>().ok();
        let check = |start, micros, expected: &str| {
            assert_eq!(moment(start, SimTime::from_micros(micros)), expected);
        };
        check(start, 0, "2021-08-11T16:21:26+00:00");
        check(start, 681_000, "2021-08-11T16:21:26.681000+00:00");
        check(start, 34_000_001, "2021-08-11T16:22:00.000001+00:00");
        check(None, 86_400_000_000, "1970-01-02T00:00:00+00:00");
    }

    #[test]
    fn names_tell_region_cluster_and_nothing_of_the_run() {
        let names = Names::of_zone(Some("us-west-2b"));
        assert_eq!(
            names.task("web", 7),
            "arn:aws:ecs:us-west-2:123456789012:task/web/e240ea570abf7924c9e80c9126311a04"
        );
        assert_ne!(names.task("web", 7), names.task("web", 8));
        assert_ne!(
            names.container("web", 7, "a"),
            names.container("web", 7, "b")
        );
        assert_eq!(names.attachment("web", 7).len(), 36);
        let check = |zone: Option<&str>, expected: &str| {
            let arn = Names::of_zone(zone).cluster("c");
            assert_eq!(
                arn,
                format!("{expected}:123456789012:cluster/c"),
                "{zone:?}"
            );
        };
        check(None, "arn:aws:ecs:us-east-1");
        check(Some("zone-a"), "arn:aws:ecs:us-east-1");
        check(Some(""), "arn:aws:ecs:us-east-1");
        check(Some("us-west-2-lax-1a"), "arn:aws:ecs:us-west-2");
        check(Some("us-east-1-wl1-bos-wlz-1"), "arn:aws:ecs:us-east-1");
        check(Some("us-gov-west-1a"), "arn:aws-us-gov:ecs:us-gov-west-1");
        check(Some("cn-north-1a"), "arn:aws-cn:ecs:cn-north-1");
    }

    #[test]
    fn lists_are_streamed() {
        let write = |items: Vec<u32>| {
            let mut out = Vec::new();
            write_list(&mut out, "tasks", items.into_iter()).expect("memory takes it");
            String::from_utf8(out).expect("UTF-8")
        };
        let empty = "{\n    \"tasks\": [],\n    \"failures\": []\n}\n";
        assert_eq!(write(Vec::new()), empty);
        let two = "{\n    \"tasks\": [\n        1,\n        2\n    ],\n    \"failures\": []\n}\n";
        assert_eq!(write(vec![1, 2]), two);
    }

    /// A disk that is full.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told() {
        let error = write_list(Full, "tasks", [1].into_iter()).expect_err("nothing can be written");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
