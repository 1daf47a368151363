//! The scenario and the traces as text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::document::Attribute;
use super::selection::{Instance, Selection, Taken, earliest};
use super::{Options, SCENARIO, Source};
use crate::api::{NetworkMode, TaskDefinition, TaskDefinitionStatus};
use crate::time::SimDuration;

/// What is written.
pub struct Written {
    /// Names and texts of the files.
    pub files: Vec<(String, String)>,
    /// What was changed or left out.
    pub notes: Vec<String>,
}

/// Most subnets of a call. Source: ECS API reference, AwsVpcConfiguration.
const MOST_SUBNETS: usize = 16;

/// Fields of a task definition that decide where its tasks go or how long they run.
const OF_DEFINITION: [&str; 10] = [
    "family",
    "revision",
    "networkMode",
    "cpu",
    "memory",
    "containerDefinitions",
    "placementConstraints",
    "requiresCompatibilities",
    "requiresAttributes",
    "runtimePlatform",
];

/// The same of a container definition.
const OF_CONTAINER: [&str; 12] = [
    "name",
    "cpu",
    "memory",
    "memoryReservation",
    "essential",
    "portMappings",
    "resourceRequirements",
    "dependsOn",
    "startTimeout",
    "stopTimeout",
    "healthCheck",
    "restartPolicy",
];

/// Tasks whose calls differ in nothing but what the columns of a trace hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Caller<'a> {
    cluster: &'a str,
    /// EXTERNAL tasks go to external instances only.
    external: bool,
    /// Network mode `awsvpc` needs a network configuration, and no other mode takes one.
    awsvpc: bool,
    /// Overrides that no column holds, with the task definition whose containers they name.
    overrides: Option<(&'a str, String)>,
}

impl<'a> Caller<'a> {
    fn of(task: &Taken<'a>) -> Self {
        let overrides = task.overrides.as_ref().map(|overrides| {
            let value = serde_json::to_value(overrides).unwrap_or_default();
            (task.definition_name, flow(&without_nulls(value)))
        });
        Caller {
            cluster: task.cluster,
            external: task.task.launch_type.as_deref() == Some("EXTERNAL"),
            awsvpc: task.definition.network_mode() == NetworkMode::Awsvpc,
            overrides,
        }
    }
}

/// Writes a selection.
pub fn write(sources: &[Source], selection: &Selection<'_>, options: Options) -> Written {
    let mut callers = BTreeMap::<Caller<'_>, Vec<&Taken<'_>>>::new();
    for task in &selection.taken {
        callers.entry(Caller::of(task)).or_default().push(task);
    }
    let first = earliest(&selection.taken);
    let start = first
        .filter(|_| options.start_date)
        .map(|moment| moment.second());
    let zero = match start {
        Some(start) => start.unix_secs().unsigned_abs() * 1_000_000,
        None => first.map_or(0, |moment| moment.micros()),
    };
    let (mut workloads, mut files) = (String::new(), Vec::new());
    for (index, (caller, tasks)) in callers.iter().enumerate() {
        let number = match index {
            0 => String::new(),
            _ => format!("-{}", index + 1),
        };
        let file = format!("tasks{number}.csv");
        workloads += &workload(caller, tasks, &format!("recorded{number}"), &file);
        files.push((file, trace(tasks, zero)));
    }
    let start_date = start.map_or_else(String::new, |start| format!("startDate: \"{start}\"\n"));
    let workloads = match workloads.is_empty() {
        true => String::new(),
        false => format!("\nworkloads:\n{workloads}"),
    };
    let late = |instance: &Instance<'_>| {
        let at = instance.described.registered_at;
        start.is_some() && at.is_some_and(|at| Some(at.second()) > start)
    };
    let scenario = format!(
        "{}name: aws
description: Tasks of a cluster at their recorded times, as the AWS CLI describes them.
{start_date}
clusters:
{}{}{workloads}",
        comment(sources, selection),
        clusters(selection, late),
        definitions(selection)
    );
    files.insert(0, (SCENARIO.to_owned(), scenario));
    let late = selection.instances.iter().filter(|it| late(it)).count();
    Written {
        files,
        notes: notes(selection, options, late),
    }
}

fn comment(sources: &[Source], selection: &Selection<'_>) -> String {
    let (instances, tasks) = (selection.instances.len(), selection.taken.len());
    let files: String = sources
        .iter()
        .map(|source| {
            let name = source.file.rsplit(['/', '\\']).next();
            format!("#   {}\n", json!(name.unwrap_or(&source.file)))
        })
        .collect();
    format!(
        "\
# Question: how would the recorded tasks have gone under another placement strategy, on fewer instances,
# or on others?
#
# Setting: the container instances ({instances}) and tasks ({tasks}) that the AWS CLI described. A task is asked
# for at its createdAt and runs from its start for as long as it did. The documents do not tell the placement
# strategy of the calls: without one, RunTask places at random. A task that finds no place is asked for
# again, after 1 s and then ever later, for an hour.
#
# Look for: waits, which the record did not have where it fitted; and in failures.csv, what was short.
#
# Documents, by `stowplan import aws`:
{files}"
    )
}

fn clusters(selection: &Selection<'_>, late: impl Fn(&Instance<'_>) -> bool) -> String {
    let mut text = String::new();
    let mut cluster = None;
    for instance in &selection.instances {
        if cluster != Some(instance.cluster) {
            text += &format!(
                "  - clusterName: {}\n    containerInstances:\n",
                json!(instance.cluster)
            );
            cluster = Some(instance.cluster);
        }
        let line = flow(&container_instance(instance, late(instance)));
        text += &format!("      - {line}\n");
    }
    text
}

fn container_instance(instance: &Instance<'_>, late: bool) -> Value {
    let described = instance.described;
    let mut fields = Map::new();
    let mut add = |key: &str, value: Value| {
        if !value.is_null() {
            fields.insert(key.to_owned(), value);
        }
    };
    let attributes = described.attributes.as_deref().unwrap_or_default();
    let attribute = |name: &str| {
        let mut all = attributes.iter();
        all.find(|other| other.name == name)
            .and_then(|other| other.value.as_deref())
    };
    add("name", json!(instance.name));
    add("instanceType", json!(attribute("ecs.instance-type")));
    add("registeredResources", registered(instance));
    let trunk = attributes.iter().any(|it| it.name == "ecs.awsvpc-trunk-id");
    add("eniTrunking", trunk.then_some(true).into());
    if attribute("ecs.availability-zone").is_none() {
        let zones = instance.zone.map(|zone| vec![zone]);
        add("availabilityZones", json!(zones));
    }
    add("ec2InstanceId", json!(described.ec2_instance_id));
    add("status", json!(described.status));
    add("agentConnected", json!(described.agent_connected));
    let version = described.version_info.as_ref();
    add("agentVersion", json!(version.map(|it| &it.agent_version)));
    let registered_at = described.registered_at.filter(|_| !late);
    add("registeredAt", json!(registered_at.map(|at| at.second())));
    add("reservedPorts", ports(instance, "PORTS"));
    add("reservedPortsUdp", ports(instance, "PORTS_UDP"));
    let pairs = attributes
        .iter()
        .map(|Attribute { name, value }| (name.clone(), json!(value)));
    let pairs: Map<String, Value> = pairs.collect();
    add("attributes", Some(pairs).filter(|it| !it.is_empty()).into());
    Value::Object(fields)
}

/// CPU, memory and GPUs as registered. Network interfaces no document tells: they follow from the
/// instance type.
fn registered(instance: &Instance<'_>) -> Value {
    let mut amounts = Map::new();
    for resource in instance.described.registered_resources.iter().flatten() {
        let amount = match resource.name.as_str() {
            "CPU" | "MEMORY" => json!(resource.integer_value),
            "GPU" => json!(resource.string_set_value.as_ref().map_or(0, Vec::len)),
            _ => continue,
        };
        amounts.insert(resource.name.clone(), amount);
    }
    Value::Object(amounts)
}

/// A set of ports as registered: those the agent keeps back, and none of a task.
fn ports(instance: &Instance<'_>, name: &str) -> Value {
    let mut resources = instance.described.registered_resources.iter().flatten();
    let ports = resources
        .find(|resource| resource.name == name)
        .and_then(|resource| resource.string_set_value.as_ref());
    let numbers = ports.map(|ports| {
        let numbers = ports.iter().filter_map(|port| port.parse::<u16>().ok());
        numbers.collect::<BTreeSet<u16>>()
    });
    json!(numbers)
}

fn definitions(selection: &Selection<'_>) -> String {
    let lines: String = selection
        .definitions
        .values()
        .map(|definition| format!("  - {}\n", flow(&shortened(definition))))
        .collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\ntaskDefinitions:\n{lines}"),
    }
}

/// The fields of a definition that have an effect. Its status has none here: the tasks did run, even
/// if it has been deregistered since.
fn shortened(definition: &TaskDefinition) -> Value {
    let mut value = without_nulls(serde_json::to_value(definition).unwrap_or_default());
    keep(&mut value, &OF_DEFINITION);
    for container in value["containerDefinitions"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        keep(container, &OF_CONTAINER);
        if let Some(check) = container.get_mut("healthCheck") {
            check["command"] = json!([]);
        }
    }
    value
}

fn keep(value: &mut Value, keys: &[&str]) {
    if let Value::Object(fields) = value {
        fields.retain(|key, value| {
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            keys.contains(&key.as_str()) && !is_empty
        });
    }
}

fn workload(caller: &Caller<'_>, tasks: &[&Taken<'_>], name: &str, file: &str) -> String {
    let mut run_task = format!(
        "      cluster: {}\n      taskDefinition: {}\n",
        json!(caller.cluster),
        json!(tasks[0].definition_name)
    );
    if caller.external {
        run_task += "      launchType: EXTERNAL\n";
    }
    if caller.awsvpc {
        let network = json!({"awsvpcConfiguration": {"subnets": subnets(tasks)}});
        run_task += &format!("      networkConfiguration: {}\n", flow(&network));
    }
    if let Some((_, overrides)) = &caller.overrides {
        run_task += &format!("      overrides: {overrides}\n");
    }
    format!(
        "  - name: {name}
    runTask:
{run_task}      # There to be changed: placementStrategy: [{{type: binpack, field: memory}}], or
      # [{{type: spread, field: \"attribute:ecs.availability-zone\"}}, {{type: spread, field: instanceId}}].
    arrivals: {{process: trace, file: {file}}}
    onFailure: {{retry: {{first: 1s, factor: 2, atMost: 1m, giveUpAfter: 1h}}}}
"
    )
}

/// The subnets that the tasks had their interfaces in. The scenario describes none of them, so that
/// they bind the tasks to no zone: the calls may have named more.
fn subnets(tasks: &[&Taken<'_>]) -> Vec<String> {
    let attachments = tasks
        .iter()
        .flat_map(|task| task.task.attachments.iter().flatten());
    let details = attachments.flat_map(|attachment| attachment.details.iter().flatten());
    let subnets = details.filter(|detail| detail.name == "subnetId");
    let subnets: BTreeSet<String> = subnets.filter_map(|detail| detail.value.clone()).collect();
    match subnets.is_empty() {
        true => vec!["subnet-unknown".to_owned()],
        false => subnets.into_iter().take(MOST_SUBNETS).collect(),
    }
}

fn trace(tasks: &[&Taken<'_>], zero: u64) -> String {
    let mut text = "time,duration,taskDefinition,group,cpu,memory,gpu,exitCode,name\n".to_owned();
    let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    for task in tasks {
        let at = task.task.created_at.micros().saturating_sub(zero);
        let group = task.task.group.as_deref();
        let usual = format!("family:{}", task.definition.family);
        let group = group.filter(|group| *group != usual).unwrap_or_default();
        let fields = [
            SimDuration::from_micros(at).to_string(),
            task.run_time.to_string(),
            field(task.definition_name),
            field(group),
            number(task.sizes.cpu),
            number(task.sizes.memory),
            number(task.sizes.gpu),
            number(exit_code(task).map(u32::from)),
            field(task.id),
        ];
        text += &fields.join(",");
        text.push('\n');
    }
    text
}

/// The exit code, where it is one that a trace can hold.
fn exit_code(task: &Taken<'_>) -> Option<u8> {
    u8::try_from(task.exit_code()?).ok()
}

/// A field of a CSV file, quoted where it must be.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn notes(selection: &Selection<'_>, options: Options, late: usize) -> Vec<String> {
    let taken = &selection.taken;
    let count =
        |wanted: &dyn Fn(&Taken<'_>) -> bool| taken.iter().filter(|task| wanted(task)).count();
    let known: BTreeSet<&str> = selection
        .instances
        .iter()
        .map(|instance| instance.described.container_instance_arn.as_str())
        .collect();
    let of_providers = selection
        .instances
        .iter()
        .filter(|instance| instance.described.capacity_provider_name.is_some());
    let unended = options.unended.unwrap_or_default();
    let counted = [
        (
            "things that AWS was asked for and did not describe or start (failures)".to_owned(),
            selection.failures,
        ),
        (
            format!("tasks without a recorded end, which run {unended} s here"),
            count(&|task| task.task.stopped_at.is_none()),
        ),
        (
            "tasks that ran on instances that no document describes; here they go to those that are described"
                .to_owned(),
            count(&|task| {
                let arn = task.task.container_instance_arn.as_deref();
                arn.is_some_and(|arn| !known.contains(arn))
            }),
        ),
        (
            "tasks of services, which are asked for here as recorded: no service replaces them".to_owned(),
            count(&|task| {
                let group = task.task.group.as_deref();
                group.is_some_and(|group| group.starts_with("service:"))
            }),
        ),
        (
            "tasks of task definitions that are no longer ACTIVE, which are taken to be".to_owned(),
            count(&|task| task.definition.status.is_some_and(|it| it != TaskDefinitionStatus::Active)),
        ),
        (
            "tasks with an exit code outside 0 to 255, which is left out".to_owned(),
            count(&|task| task.exit_code().is_some() && exit_code(task).is_none()),
        ),
        (
            "instances of capacity providers, which are there from the start here and stay".to_owned(),
            of_providers.count(),
        ),
        (
            "instances that registered after the first task was created; here they are there from the start"
                .to_owned(),
            late,
        ),
    ];
    let counted = counted.into_iter().filter(|(_, count)| *count > 0);
    let mut notes: Vec<String> = counted
        .map(|(what, count)| format!("{what}: {count}"))
        .collect();
    if let Some(delay) = start_up(taken) {
        notes.push(format!(
            "from createdAt to startedAt the tasks took {delay} s on average (placement, network, image); \
             the scenario pulls no image, so that here they start when they are placed"
        ));
    }
    notes
}

/// Mean time from creation to start, over the tasks that tell both.
fn start_up(taken: &[Taken<'_>]) -> Option<SimDuration> {
    let delays = taken.iter().filter_map(|task| {
        let started = task.task.started_at?;
        Some(u128::from(
            started
                .micros()
                .saturating_sub(task.task.created_at.micros()),
        ))
    });
    let (mut sum, mut count) = (0, 0);
    delays.for_each(|delay| (sum, count) = (sum + delay, count + 1));
    let mean = u64::try_from(sum.checked_div(count)?).ok()?;
    Some(SimDuration::from_micros(mean)).filter(|mean| *mean > SimDuration::ZERO)
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            fields
                .map(|(key, value)| (key, without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// A value on one line of YAML: JSON with a blank after each mark, and quotes only on keys that need
/// them.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", plain(key), flow(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

fn plain(key: &str) -> String {
    // The keys of a scenario; names that the user chose might be `null` or `no`, and hold a hyphen or
    // a dot or not.
    let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_ours = key.len() > 5 || matches!(key, "name" | "cpu" | "type" | "value" | "CPU" | "GPU");
    match is_plain && is_ours && key.starts_with(|first: char| first.is_ascii_alphabetic()) {
        true => key.to_owned(),
        false => json!(key).to_string(),
    }
}
