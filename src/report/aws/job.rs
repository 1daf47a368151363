//! The document of a job of AWS Batch, as DescribeJobs answers once the run is over.
//!
//! Source: AWS Batch API reference and service model, version 2016-08-10: JobDetail, AttemptDetail,
//! AttemptContainerDetail, ContainerDetail, ArrayPropertiesDetail.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use super::JobFacts;
use super::documents::Scope;
use crate::api::without_nulls;
use crate::batch::retry::RetryStrategy;
use crate::batch::{Dependency, JobKind};
use crate::engine::Outcome;
use crate::engine::job::{Attempt, Job, JobStatus, Part, Request};
use crate::engine::task::Task;
use crate::model::arena::{Arena, ClusterId, InstanceId, JobId, JobKindId, WorkloadId};
use crate::report::wording::job_id;
use crate::time::SimTime;

/// Most characters of a definition's name in the name of a log stream.
/// Source: AWS Batch API reference, ContainerDetail, `logStreamName`.
const LOG_STREAM_NAME: usize = 200;

/// The jobs of a run, and what is needed to tell of them.
pub(super) struct Jobs<'a> {
    outcome: &'a Outcome,
    scope: &'a Scope,
    facts: &'a Arena<JobKindId, Arc<JobFacts>>,
    /// Jobs that were submitted, by workload and number: what `dependsOn` names.
    submitted: FxHashMap<(WorkloadId, u64), JobId>,
    /// Tasks of the attempts that have not ended.
    live: FxHashMap<JobId, &'a Task>,
}

/// An attempt, ended or not, as far as its container is told of.
struct Run {
    cluster: ClusterId,
    instance: Option<InstanceId>,
    task: u64,
    started: bool,
    exit_code: Option<u8>,
    reason: Option<u32>,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(
        outcome: &'a Outcome,
        scope: &'a Scope,
        facts: &'a Arena<JobKindId, Arc<JobFacts>>,
    ) -> Self {
        let jobs = outcome.jobs.iter();
        let submitted = jobs.filter(|(_, job)| was_submitted(job));
        let live = outcome.live.iter();
        Jobs {
            outcome,
            scope,
            facts,
            submitted: submitted
                .map(|(id, job)| ((job.workload, job.number), id))
                .collect(),
            live: live.filter_map(|task| Some((task.job?, task))).collect(),
        }
    }

    /// A job as it is at the end of the run; absent members are left out.
    pub(super) fn document(&self, id: JobId, job: &Job) -> Value {
        let world = &self.outcome.world;
        let kind = &world.batch.kinds[job.kind];
        let facts = &self.facts[job.kind];
        let queue = &world.batch.queues[kind.queue];
        let names = &self.scope.names;
        let shared = queue.policy.is_some();
        let reason = job.reason.as_ref();
        let request = job.request.map(|(request, _)| request);
        let attempts = job.attempts.iter();
        without_nulls(json!({
            "jobArn": names.batch("job", &job_id(id, job)),
            "jobName": kind.name,
            "jobId": job_id(id, job),
            "jobQueue": names.batch("job-queue", &queue.name),
            "status": job.status.text(),
            "shareIdentifier": kind.share.as_ref().filter(|_| shared),
            "schedulingPriority": shared.then_some(kind.priority),
            "attempts": attempts.map(|attempt| self.attempt(attempt, kind)).collect::<Vec<_>>(),
            "statusReason": reason.map(|reason| world.status_reason(reason)),
            "createdAt": self.millis(job.times.created),
            "retryStrategy": retry_strategy(&kind.retry),
            // A member that must be there: 0 of a job that never ran [B-03].
            "startedAt": job.times.started.map_or(0, |at| self.millis(at)),
            "stoppedAt": job.times.stopped.map(|at| self.millis(at)),
            "dependsOn": self.depends_on(job, kind),
            "jobDefinition": names.batch("job-definition", &kind.definition),
            "parameters": facts.parameters,
            "container": self.container(id, job, kind),
            "arrayProperties": self.array(job, kind),
            "nodeDetails": node_details(job, kind),
            "timeout": kind.timeout.map(
                |timeout| json!({"attemptDurationSeconds": timeout.micros() / 1_000_000})
            ),
            "tags": facts.tags,
            "propagateTags": facts.propagate_tags,
            "platformCapabilities": facts.platform_capabilities,
            "ecsProperties": facts.ecs_properties,
            "isCancelled": request == Some(Request::Cancel),
            "isTerminated": request == Some(Request::Terminate),
            "consumableResourceProperties": self.consumables(kind),
        }))
    }

    /// Unix time in milliseconds; a run without a start date begins in 1970.
    fn millis(&self, at: SimTime) -> i64 {
        let start = self.scope.clock.0.map_or(0, |start| start.unix_secs());
        let millis = start.saturating_mul(1000);
        millis.saturating_add_unsigned(at.micros() / 1000)
    }

    fn attempt(&self, attempt: &Attempt, kind: &JobKind) -> Value {
        json!({
            "container": self.container_of(&self.ended(attempt), kind),
            "startedAt": attempt.started.map(|at| self.millis(at)),
            "stoppedAt": self.millis(attempt.stopped),
            "statusReason": self.outcome.world.status_reason(&attempt.reason),
        })
    }

    fn ended(&self, attempt: &Attempt) -> Run {
        let environment = &self.outcome.world.batch.environments[attempt.environment];
        Run {
            cluster: environment.cluster,
            instance: attempt.instance.map(|(_, instance)| instance),
            task: attempt.task,
            started: attempt.started.is_some(),
            exit_code: attempt.exit.map(|exit| exit.code),
            reason: attempt.container_reason,
        }
    }

    /// The latest attempt: a job tells of its container what that attempt does.
    fn latest(&self, id: JobId, job: &Job) -> Option<Run> {
        let in_flight = matches!(job.status, JobStatus::Starting | JobStatus::Running);
        let Some(task) = self.live.get(&id).filter(|_| in_flight) else {
            return job.attempts.last().map(|attempt| self.ended(attempt));
        };
        Some(Run {
            cluster: self.outcome.world.templates[task.template].cluster,
            instance: task.instance(),
            task: task.number,
            started: task.times.started.is_some(),
            exit_code: None,
            reason: None,
        })
    }

    fn container_of(&self, run: &Run, kind: &JobKind) -> Map<String, Value> {
        let world = &self.outcome.world;
        let cluster = &world.clusters[run.cluster];
        let instance = run.instance.map(|id| &cluster.descriptions()[id].name);
        let names = &self.scope.names;
        let task = names.task(&cluster.name, run.task);
        let (name, _) = kind.definition.split_once(':').unwrap_or_default();
        let name: String = name.chars().take(LOG_STREAM_NAME).collect();
        let log = task.rsplit('/').next().filter(|_| run.started);
        let members = [
            (
                "containerInstanceArn",
                json!(instance.map(|name| names.container_instance(&cluster.name, name))),
            ),
            ("exitCode", json!(run.exit_code)),
            (
                "reason",
                json!(run.reason.map(|reason| &world.reasons[reason as usize])),
            ),
            (
                "logStreamName",
                json!(log.map(|task| format!("{name}/default/{task}"))),
            ),
            ("taskArn", json!(task)),
            ("networkInterfaces", json!([])),
        ];
        members
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect()
    }

    /// The container of the job: its definition, what it asks for, and how the latest attempt goes.
    /// None of a job of several containers, which has `ecsProperties`.
    fn container(&self, id: JobId, job: &Job, kind: &JobKind) -> Value {
        let facts = &self.facts[job.kind];
        if facts.ecs_properties.is_some() {
            return Value::Null;
        }
        let mut container = facts.container.clone();
        container.insert("resourceRequirements".to_owned(), resources(kind));
        if let Some(run) = self.latest(id, job) {
            container.extend(self.container_of(&run, kind));
        }
        Value::Object(container)
    }

    /// As submitted; children of an array and nodes were not.
    fn depends_on(&self, job: &Job, kind: &JobKind) -> Value {
        let job_of = |workload: WorkloadId, number: u64| {
            let id = self.submitted.get(&(workload, number))?;
            Some(job_id(*id, &self.outcome.jobs[*id]))
        };
        let depends_on = kind.depends_on.iter().filter(|_| was_submitted(job));
        let entries = depends_on.map(|dependency| match *dependency {
            Dependency::Job(workload) => json!({"jobId": job_of(workload, job.number)}),
            Dependency::Numbered(workload, number) => json!({"jobId": job_of(workload, number)}),
            Dependency::Child(workload, index) => {
                let of_array = job_of(workload, job.number);
                json!({"jobId": of_array.map(|id| format!("{id}:{index}"))})
            }
            Dependency::Each(workload) => {
                json!({"jobId": job_of(workload, job.number), "type": "N_TO_N"})
            }
            Dependency::Sequential => json!({"type": "SEQUENTIAL"}),
        });
        entries.collect()
    }

    /// Of a parent its size and its children by status, zeros included [B-21]; of a child its index.
    fn array(&self, job: &Job, kind: &JobKind) -> Value {
        let Part::Parent { summary, .. } = &job.part else {
            return job
                .index()
                .map_or(Value::Null, |index| json!({"index": index}));
        };
        let counts = JobStatus::ALL.iter().zip(summary);
        let counts = counts.map(|(status, count)| (status.text().to_owned(), json!(count)));
        json!({
            "statusSummary": counts.collect::<Map<_, _>>(),
            // The parent ends in the moment in which its last child does.
            "statusSummaryLastUpdatedAt": job.times.stopped.map(|at| self.millis(at)),
            "size": kind.array_size,
        })
    }

    fn consumables(&self, kind: &JobKind) -> Value {
        if kind.consumables.is_empty() {
            return Value::Null;
        }
        let resources = &self.outcome.world.batch.consumables;
        let entry = |(resource, quantity): &(usize, u64)| {
            let name = &resources[*resource].name;
            let name = self.scope.names.batch("consumable-resource", name);
            json!({"consumableResource": name, "quantity": quantity})
        };
        let list: Value = kind.consumables.iter().map(entry).collect();
        json!({"consumableResourceList": list})
    }
}

/// Whether a call of SubmitJob made it: it is neither child nor node.
const fn was_submitted(job: &Job) -> bool {
    job.parent().is_none() && !job.is_node()
}

fn node_details(job: &Job, kind: &JobKind) -> Value {
    let Some((index, nodes)) = job.node().zip(kind.nodes.as_ref()) else {
        return Value::Null;
    };
    json!({"nodeIndex": index, "isMainNode": index == nodes.main})
}

/// Actions stand in lower case, as Batch prints them.
fn retry_strategy(strategy: &RetryStrategy) -> Value {
    let entries = strategy.evaluate_on_exit().iter();
    let entries = entries.map(|entry| {
        let text = |pattern: &Option<_>| pattern.as_ref().map(ToString::to_string);
        json!({
            "onStatusReason": text(&entry.on_status_reason),
            "onReason": text(&entry.on_reason),
            "onExitCode": text(&entry.on_exit_code),
            "action": entry.action.to_string(),
        })
    });
    json!({"attempts": strategy.attempts(), "evaluateOnExit": entries.collect::<Value>()})
}

fn resources(kind: &JobKind) -> Value {
    let need = &kind.need;
    let entry = |name: &str, value: String| json!({"type": name, "value": value});
    // Units are a 1024th of a vCPU: the quotient is exact.
    let vcpus = f64::from(need.cpu) / 1024.0;
    let mut entries = vec![
        entry("VCPU", vcpus.to_string()),
        entry("MEMORY", need.memory.to_string()),
    ];
    if need.gpus > 0 {
        entries.push(entry("GPU", need.gpus.to_string()));
    }
    Value::Array(entries)
}
