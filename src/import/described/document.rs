//! What `aws batch describe-jobs` prints, as far as a trace needs it. Other keys are passed over:
//! AWS adds some every year.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::import::jobs::millionths;
use crate::scenario::document::Document;
use crate::scenario::problem::{Problems, quoted};
use crate::time::{MICROS_PER_SEC, SimDuration};

/// The answer of DescribeJobs.
#[derive(Deserialize, JsonSchema)]
struct Described {
    jobs: Option<Vec<Detail>>,
}

/// A job. Times are milliseconds since 1970. Source: AWS Batch API reference, JobDetail.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail {
    pub job_id: String,
    pub job_name: String,
    pub job_queue: String,
    pub status: String,
    #[schemars(range(max = 253_402_300_799_999_u64))]
    pub created_at: u64,
    #[schemars(range(max = 253_402_300_799_999_u64))]
    pub started_at: Option<u64>,
    #[schemars(range(max = 253_402_300_799_999_u64))]
    pub stopped_at: Option<u64>,
    pub share_identifier: Option<String>,
    pub depends_on: Option<Vec<Dependency>>,
    pub attempts: Option<Vec<Attempt>>,
    pub container: Option<Container>,
    pub ecs_properties: Option<EcsProperties>,
    pub array_properties: Option<ArrayProperties>,
    pub node_properties: Option<NodeProperties>,
    pub node_details: Option<NodeDetails>,
}

/// A job that another waits for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    pub job_id: Option<String>,
    pub r#type: Option<String>,
}

/// An attempt.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Attempt {
    container: Option<Exited>,
}

/// How the container of an attempt ended.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Exited {
    exit_code: Option<i64>,
}

/// A container.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    exit_code: Option<i64>,
    /// Absent where `resourceRequirements` tell it.
    vcpus: Option<u32>,
    /// MiB; absent where `resourceRequirements` tell it.
    memory: Option<u32>,
    resource_requirements: Option<Vec<Requirement>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Requirement {
    r#type: String,
    value: String,
}

/// The containers of a job of several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EcsProperties {
    task_properties: Option<Vec<TaskProperties>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TaskProperties {
    containers: Option<Vec<Container>>,
}

/// What makes a job an array, or a child of one.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ArrayProperties {
    size: Option<u32>,
    index: Option<u32>,
}

/// There for a multi-node parallel job.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct NodeProperties {}

/// There for a node of such a job.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct NodeDetails {}

/// What a job is beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A job by itself.
    Single,
    /// The parent of an array.
    Array,
    /// A child of an array.
    Child { array: &'a str, index: u32 },
    /// A multi-node parallel job, or a node of one.
    Nodes,
}

impl Detail {
    pub fn kind(&self) -> Kind<'_> {
        if self.node_properties.is_some() || self.node_details.is_some() {
            return Kind::Nodes;
        }
        let array = self.array_properties.as_ref();
        match (array.and_then(|it| it.index), self.job_id.rsplit_once(':')) {
            (Some(index), Some((array, _))) => Kind::Child { array, index },
            _ if array.is_some_and(|it| it.size.is_some()) => Kind::Array,
            _ => Kind::Single,
        }
    }

    /// Why it cannot be taken, if it cannot.
    pub fn left_out(&self) -> Option<&'static str> {
        match self.kind() {
            Kind::Array => return Some("arrays as a whole; their described children are jobs"),
            Kind::Nodes => return Some("of many nodes"),
            Kind::Single | Kind::Child { .. } => {}
        }
        if !matches!(self.status.as_str(), "SUCCEEDED" | "FAILED") || self.stopped_at.is_none() {
            return Some("not ended");
        }
        if self.run_time().is_none() {
            return Some("never started");
        }
        (self.vcpu_millionths() == 0).then_some("without a number of vCPUs")
    }

    /// Of the last attempt; absent when it has not started or not ended. A job that never started
    /// has a start of 0 or none.
    pub fn run_time(&self) -> Option<SimDuration> {
        let started = self
            .started_at
            .filter(|started| *started >= self.created_at)?;
        let span = self.stopped_at?.checked_sub(started)?;
        Some(SimDuration::from_micros(span * 1000))
    }

    /// Last part of the ARN.
    pub fn queue(&self) -> &str {
        self.job_queue.rsplit('/').next().unwrap_or_default()
    }

    /// Absent for a job that did not succeed and has none from 1 to 255.
    pub fn exit_code(&self) -> Option<u8> {
        if self.status == "SUCCEEDED" {
            return Some(0);
        }
        let last = self.attempts.as_ref().and_then(|attempts| attempts.last());
        let last = last.and_then(|attempt| attempt.container.as_ref()?.exit_code);
        let code = self
            .container
            .as_ref()
            .and_then(|container| container.exit_code);
        let code = u8::try_from(code.or(last)?).ok();
        code.filter(|code| *code > 0)
    }

    fn containers(&self) -> impl Iterator<Item = &Container> {
        let tasks = self
            .ecs_properties
            .iter()
            .filter_map(|ecs| ecs.task_properties.as_ref());
        let many = tasks
            .flatten()
            .filter_map(|task| task.containers.as_ref())
            .flatten();
        self.container.iter().chain(many)
    }

    /// Of a kind of resource, all containers together, in millionths.
    fn asked(&self, kind: &str) -> u64 {
        let of = |container: &Container| {
            let requirements = container.resource_requirements.iter().flatten();
            let value = requirements
                .filter(|it| it.r#type == kind)
                .find_map(|it| millionths(&it.value));
            let old = match kind {
                "VCPU" => container.vcpus,
                "MEMORY" => container.memory,
                _ => None,
            };
            value
                .or(old.map(|old| u64::from(old) * MICROS_PER_SEC))
                .unwrap_or(0)
        };
        self.containers().map(of).sum()
    }

    pub fn vcpu_millionths(&self) -> i128 {
        self.asked("VCPU").into()
    }

    /// Rounded up.
    pub fn whole_vcpus(&self) -> u32 {
        whole(self.asked("VCPU"))
    }

    pub fn memory_mib(&self) -> u32 {
        whole(self.asked("MEMORY"))
    }

    pub fn gpus(&self) -> u32 {
        whole(self.asked("GPU"))
    }
}

fn whole(millionths: u64) -> u32 {
    u32::try_from(millionths.div_ceil(MICROS_PER_SEC)).unwrap_or(u32::MAX)
}

/// Reads a document.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Detail>, Problems> {
    let document = Document::parse(file, text)?;
    let described: Described = document.decode(&[])?;
    let Some(jobs) = described.jobs else {
        let problem = document.problem("", "there is no \"jobs\" in it");
        let help = "write one: aws batch describe-jobs --jobs … --output json > FILE";
        return Err(problem.help(help).into());
    };
    let is_name = |name: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=128).contains(&name.len()) && name.bytes().all(plain)
    };
    let mut problems = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        let queue = Some(job.queue()).filter(|name| !is_name(name));
        let share = job.share_identifier.as_deref();
        let share = share.filter(|name| !name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        for (key, wrong) in [("jobQueue", queue), ("shareIdentifier", share)] {
            if let Some(name) = wrong {
                let message = format!("{} is not a name", quoted(name));
                problems.push(document.problem(&format!("jobs[{index}].{key}"), message));
            }
        }
    }
    match problems.is_empty() {
        true => Ok(jobs),
        false => Err(Problems::new(problems)),
    }
}
