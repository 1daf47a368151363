//! What the AWS CLI prints, as far as a scenario needs it.
//!
//! Keys that are not named here are passed over: AWS adds some every year. Only a task definition
//! is read whole, because a field of it that is not understood might decide where tasks go.
//!
//! Source: ECS API reference and service model, version 2014-11-13: the responses of
//! DescribeContainerInstances, DescribeTaskDefinition, DescribeTasks, RunTask and StartTask.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::{Kind, Source};
use crate::api::{TaskDefinition, TaskOverride};
use crate::model::instance::InstanceStatus;
use crate::scenario::document::{Document, Format};
use crate::scenario::problem::{Problem, quoted};
use crate::units::Timestamp;

/// A document of any of the three kinds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Described {
    container_instances: Option<Vec<ContainerInstance>>,
    task_definition: Option<TaskDefinition>,
    tasks: Option<Vec<Task>>,
    failures: Option<Vec<Value>>,
}

/// What a document holds.
#[derive(Debug)]
pub enum Content {
    /// The answer of DescribeContainerInstances.
    ContainerInstances(Vec<ContainerInstance>),
    /// The answer of DescribeTaskDefinition.
    TaskDefinition(Box<TaskDefinition>),
    /// The answer of DescribeTasks, RunTask or StartTask.
    Tasks(Vec<Task>),
}

/// A document that has been read.
#[derive(Debug)]
pub struct Read {
    /// Knows where everything stands.
    pub document: Document,
    /// What it holds.
    pub content: Content,
    /// How many things AWS was asked for and did not describe or start.
    pub failures: usize,
}

/// A container instance. Source: ECS API reference, ContainerInstance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerInstance {
    /// `arn:aws:ecs:<region>:<account>:container-instance/<cluster>/<id>`, the old form without cluster.
    pub container_instance_arn: String,
    /// Absent for external instances.
    pub ec2_instance_id: Option<String>,
    /// Registration state.
    pub status: Option<InstanceStatus>,
    /// Whether the agent is connected.
    pub agent_connected: Option<bool>,
    /// Version of the agent.
    pub version_info: Option<VersionInfo>,
    /// Resources as registered.
    pub registered_resources: Option<Vec<Resource>>,
    /// Built-in and custom attributes.
    pub attributes: Option<Vec<Attribute>>,
    /// Moment of registration.
    pub registered_at: Option<Moment>,
    /// Capacity provider it belongs to.
    pub capacity_provider_name: Option<String>,
    /// Grows with every change.
    pub version: Option<u64>,
}

/// Versions of what runs on an instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// That of the agent.
    pub agent_version: Option<String>,
}

/// A resource of an instance. Source: ECS API reference, Resource.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// `CPU`, `MEMORY`, `PORTS`, `PORTS_UDP`, `GPU` or another.
    pub name: String,
    /// Amount of an INTEGER resource.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub integer_value: Option<u32>,
    /// Members of a STRINGSET resource.
    pub string_set_value: Option<Vec<String>>,
}

/// An attribute of an instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its value; many have none.
    pub value: Option<String>,
}

/// A task. Source: ECS API reference, Task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// `arn:aws:ecs:<region>:<account>:task/<cluster>/<id>`.
    pub task_arn: String,
    /// `arn:aws:ecs:<region>:<account>:cluster/<name>`.
    pub cluster_arn: String,
    /// `arn:aws:ecs:<region>:<account>:task-definition/<family>:<revision>`.
    pub task_definition_arn: String,
    /// When ECS accepted it.
    pub created_at: Moment,
    /// When it began to run; absent if it never did.
    pub started_at: Option<Moment>,
    /// When it had stopped; absent while it has not.
    pub stopped_at: Option<Moment>,
    /// Where it was placed.
    pub container_instance_arn: Option<String>,
    /// Zone of that place.
    pub availability_zone: Option<String>,
    /// Task group.
    pub group: Option<String>,
    /// `EC2`, `FARGATE`, `EXTERNAL` or `MANAGED_INSTANCES`.
    pub launch_type: Option<String>,
    /// Capacity provider that took it.
    pub capacity_provider_name: Option<String>,
    /// What its call changed in the task definition.
    pub overrides: Option<TaskOverride>,
    /// Its containers.
    pub containers: Option<Vec<Container>>,
    /// Network interfaces and volumes.
    pub attachments: Option<Vec<Attachment>>,
    /// Grows with every change.
    pub version: Option<u64>,
}

/// A container of a task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Its name in the task definition.
    pub name: Option<String>,
    /// How it exited.
    pub exit_code: Option<i64>,
}

/// Something attached to a task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Name and value of each detail, such as `subnetId`.
    pub details: Option<Vec<Attribute>>,
}

/// A moment in microseconds since 1970-01-01T00:00:00Z.
///
/// The AWS CLI prints `2021-08-11T12:21:26.681000-04:00` or, with `cli_timestamp_format` at `wire`
/// and in its first version, seconds since 1970 such as `1563421494.186`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Value")]
pub struct Moment(u64);

/// Name of the format of a [`Moment`].
const MOMENT: &str = "aws-moment";

/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

impl Moment {
    /// Microseconds since 1970.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The second in which it falls.
    pub fn second(self) -> Timestamp {
        Timestamp::from_unix_secs((self.0 / 1_000_000).cast_signed())
    }

    fn parse(text: &str) -> Option<Self> {
        let (secs, rest) = match text.split_at_checked(19) {
            Some((date_and_time, rest)) if date_and_time.contains('T') => {
                let local = format!("{date_and_time}Z").parse::<Timestamp>().ok()?;
                (local.unix_secs(), rest)
            }
            _ => {
                let point = text.find('.').unwrap_or(text.len());
                (text[..point].parse().ok()?, &text[point..])
            }
        };
        let (micros, zone) = match rest.strip_prefix('.') {
            Some(rest) => {
                let end = rest.find(|letter: char| !letter.is_ascii_digit());
                let (digits, zone) = rest.split_at(end.unwrap_or(rest.len()));
                (millionths(digits)?, zone)
            }
            None => (0, rest),
        };
        let secs = secs.checked_sub(offset(zone)?)?;
        let secs = u64::try_from(secs).ok().filter(|_| secs <= LAST_SECOND)?;
        Some(Moment(secs * 1_000_000 + micros))
    }
}

/// Decimals of a second in microseconds; more than six are cut off.
fn millionths(digits: &str) -> Option<u64> {
    let six = digits.get(..6).unwrap_or(digits);
    format!("{six:0<6}")
        .parse()
        .ok()
        .filter(|_| !six.is_empty())
}

/// Seconds east of UTC: `Z`, `-04:00`, `+0530`, or nothing.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone.strip_prefix(['+', '-'])?.replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

impl TryFrom<Value> for Moment {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Moment::parse(&text).ok_or_else(|| {
            let text = quoted(&text);
            format!(
                "{text} is no moment from 1970 to 9999; write it such as 2021-08-11T12:21:26.681000-04:00"
            )
        })
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "format": MOMENT })
    }
}

/// Checks a moment of a document; one that is absent passes.
fn check_moment(value: &Value) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        value => Moment::try_from(value.clone()).map(drop),
    }
}

/// Reads a document and holds it against the kind that it was given as.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(source: &Source) -> Result<Read, Vec<Problem>> {
    let in_file = |message: &str| Problem::in_file(&source.file, message);
    if !source
        .text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('{')
    {
        let message = "this is not JSON as the AWS CLI prints it: it does not begin with \"{\"";
        return Err(vec![in_file(message).help(source.kind.command())]);
    }
    let document =
        Document::parse(&source.file, &source.text).map_err(|problems| problems.into_vec())?;
    let formats: Vec<Format> = crate::api::FORMATS
        .iter()
        .copied()
        .chain([(MOMENT, check_moment as fn(&Value) -> Result<(), String>)])
        .collect();
    let described: Described = document.decode(&formats).map_err(|problems| {
        problems
            .into_vec()
            .into_iter()
            .map(told)
            .collect::<Vec<_>>()
    })?;
    let failures = described.failures.as_ref().map_or(0, Vec::len);
    let found = described.kinds();
    let content = match source.kind {
        Kind::ContainerInstances => described
            .container_instances
            .map(Content::ContainerInstances),
        Kind::TaskDefinitions => described
            .task_definition
            .map(|definition| Content::TaskDefinition(Box::new(definition))),
        Kind::Tasks => described.tasks.map(Content::Tasks),
    };
    let content = content.ok_or_else(|| {
        let message = format!("there is no {:?} in it", source.kind.key());
        let help = match found.first() {
            Some(kind) => format!("it holds {:?}: pass it with {}", kind.key(), kind.option()),
            None => source.kind.command().to_owned(),
        };
        vec![in_file(&message).help(help)]
    })?;
    Ok(Read {
        document,
        content,
        failures,
    })
}

/// The input of `run-task` and `start-task` names its task definition where an answer describes one.
fn told(problem: Problem) -> Problem {
    match problem.path.as_str() {
        "taskDefinition" if problem.message.contains("found text") => {
            problem.help("this is what a call asks for; pass what it answers")
        }
        _ => problem,
    }
}

impl Described {
    fn kinds(&self) -> Vec<Kind> {
        let found = [
            (Kind::ContainerInstances, self.container_instances.is_some()),
            (Kind::TaskDefinitions, self.task_definition.is_some()),
            (Kind::Tasks, self.tasks.is_some()),
        ];
        let found = found.into_iter().filter(|(_, is_there)| *is_there);
        found.map(|(kind, _)| kind).collect()
    }
}

/// Where a resource of ECS lies and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arn<'a> {
    /// Region and account.
    pub owner: (&'a str, &'a str),
    /// What follows the kind of resource: `<cluster>/<id>`, `<name>`, `<family>:<revision>`.
    pub path: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads the ARN of a `resource`, such as `task`.
    pub fn parse(text: &'a str, resource: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let known = parts.next()? == "arn" && !parts.next()?.is_empty() && parts.next()? == "ecs";
        let owner = (parts.next()?, parts.next()?);
        let path = parts.next()?.strip_prefix(resource)?.strip_prefix('/')?;
        (known && !path.is_empty()).then_some(Arn { owner, path })
    }

    /// The cluster, where the ARN names one.
    pub fn cluster(self) -> Option<&'a str> {
        self.path.split_once('/').map(|(cluster, _)| cluster)
    }

    /// The last part.
    pub fn id(self) -> &'a str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_moments_are_read() {
        let check =
            |text: &str, micros| assert_eq!(Moment::parse(text), Some(Moment(micros)), "{text}");
        check("2021-08-11T12:21:26.681000-04:00", 1_628_698_886_681_000);
        check("2021-08-11T16:21:26.681Z", 1_628_698_886_681_000);
        check("2021-08-11T16:21:26", 1_628_698_886_000_000);
        check("2021-08-11T21:51:26.1234567+0530", 1_628_698_886_123_456);
        check("1563421494.186", 1_563_421_494_186_000);
        check("0", 0);
        for text in [
            "",
            ".5",
            "-1",
            "soon",
            "1e300",
            "1969-12-31T23:59:59Z",
            "2021-02-30T00:00:00Z",
            "2021-08-11T12:21:26.Z",
            "2021-08-11T12:21:26+4",
            "2021-08-11",
            "253402300800",
            "99999999999999999999999",
            "äöüäöüäöüäöüäöüäöü",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn arns_are_taken_apart() {
        let arn = Arn::parse("arn:aws:ecs:us-west-2:123:task/web/0a", "task").expect("an ARN");
        assert_eq!(arn.owner, ("us-west-2", "123"));
        assert_eq!((arn.cluster(), arn.id()), (Some("web"), "0a"));
        let old = "arn:aws-cn:ecs:cn-north-1:123:container-instance/0a";
        let arn = Arn::parse(old, "container-instance").expect("an ARN");
        assert_eq!((arn.cluster(), arn.id()), (None, "0a"));
        for wrong in [
            "",
            "task/0a",
            "arn:aws:ecs:r:1:task/",
            "arn:aws:s3:r:1:task/a",
        ] {
            assert_eq!(Arn::parse(wrong, "task"), None, "{wrong}");
        }
    }
}
