//! The files about jobs of AWS Batch: a row an attempt, a row a job, and their columns of
//! `utilization.csv`.

use std::io;

use csv::Writer;

use super::rows::Row;
use super::{Clock, tables, wording};
use crate::engine::job::{Job, JobStatus};
use crate::engine::task::Task;
use crate::engine::{Outcome, World};
use crate::metrics::jobs::{JobMetrics, bounded_slowdown};
use crate::metrics::level::{Bins, Gauge};
use crate::model::arena::{ClusterId, EnvironmentId, InstanceId, JobId};
use crate::time::{MICROS_PER_SEC, SimTime};

/// Columns of `attempts.csv`.
pub const ATTEMPT_COLUMNS: [&str; 13] = [
    "jobId",
    "attempt",
    "computeEnvironment",
    "containerInstance",
    "taskId",
    "placedAt",
    "startedAt",
    "stoppedAt",
    "exitCode",
    "reason",
    "statusReason",
    "evaluateOnExit",
    "action",
];

/// `attempts.csv`: attempts in the order in which they ended, then those in flight, by task.
pub struct AttemptRows<W: io::Write> {
    out: Writer<W>,
    row: Row,
}

impl<W: io::Write> AttemptRows<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, clock: Clock) -> io::Result<Self> {
        let mut out = Writer::from_writer(out);
        out.write_record(ATTEMPT_COLUMNS)?;
        let row = Row::new(clock);
        Ok(AttemptRows { out, row })
    }

    /// Writes the attempt of a job that ended last.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, id: JobId, job: &Job, world: &World) -> io::Result<()> {
        let Some(attempt) = job.attempts.last() else {
            return Ok(());
        };
        self.begin(
            Begun {
                id,
                job,
                number: job.attempts.len(),
                environment: attempt.environment,
                instance: attempt.instance,
                task: attempt.task,
                placed: Some(attempt.placed),
                started: attempt.started,
            },
            world,
        );
        let reason = attempt.container_reason;
        let action = match (attempt.retried, attempt.decided_by) {
            (true, _) => Some("RETRY"),
            (false, Some(_)) => Some("EXIT"),
            (false, None) => None,
        };
        self.row
            .time(Some(attempt.stopped))
            .maybe_number(attempt.exit.map(|exit| exit.code))
            .maybe_text(reason.map(|reason| world.reasons[reason as usize].as_str()))
            .text(&world.status_reason(&attempt.reason))
            .maybe_number(attempt.decided_by.map(|entry| u32::from(entry) + 1))
            .maybe_text(action);
        self.row.write(&mut self.out)
    }

    /// Writes the attempts that are in flight when the run ends, and flushes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        let world = &outcome.world;
        for task in &outcome.live {
            let Some((id, environment)) = task.job.zip(environment_of(task, world)) else {
                continue;
            };
            let job = &outcome.jobs[id];
            let cluster = world.templates[task.template].cluster;
            self.begin(
                Begun {
                    id,
                    job,
                    number: job.attempts.len() + 1,
                    environment,
                    instance: task.instance().map(|instance| (cluster, instance)),
                    task: task.number,
                    placed: task.times.placed,
                    started: task.times.started,
                },
                world,
            );
            for _ in 0..6 {
                self.row.text("");
            }
            self.row.write(&mut self.out)?;
        }
        self.out.flush()
    }

    /// The columns that are known while an attempt runs.
    fn begin(&mut self, begun: Begun<'_>, world: &World) {
        let instance = begun
            .instance
            .map(|(cluster, id)| world.clusters[cluster].descriptions()[id].name.as_str());
        self.row
            .text(&wording::job_id(begun.id, begun.job))
            .number(begun.number as u64)
            .text(&world.batch.environments[begun.environment].name)
            .maybe_text(instance)
            .numbered("task-", begun.task)
            .time(begun.placed)
            .time(begun.started);
    }
}

/// What is known of an attempt while it runs.
struct Begun<'a> {
    id: JobId,
    job: &'a Job,
    number: usize,
    environment: EnvironmentId,
    instance: Option<(ClusterId, InstanceId)>,
    task: u64,
    placed: Option<SimTime>,
    started: Option<SimTime>,
}

/// The compute environment that a task of a job runs in.
fn environment_of(task: &Task, world: &World) -> Option<EnvironmentId> {
    let cluster = world.templates[task.template].cluster;
    let mut environments = world.batch.environments.iter();
    environments
        .find(|(_, environment)| environment.cluster == cluster)
        .map(|(id, _)| id)
}

/// Columns of `jobs.csv`.
pub const JOB_COLUMNS: [&str; 20] = [
    "jobId",
    "jobName",
    "jobDefinition",
    "jobQueue",
    "shareIdentifier",
    "schedulingPriority",
    "arrayIndex",
    "status",
    "statusReason",
    "createdAt",
    "startedAt",
    "stoppedAt",
    "attempts",
    "vcpus",
    "memory",
    "gpus",
    "exitCode",
    "wait",
    "turnaround",
    "boundedSlowdown",
];

/// Writes `jobs.csv`: jobs in order of creation, parents and children of arrays included.
///
/// # Errors
/// When `out` cannot be written.
pub fn jobs(out: impl io::Write, outcome: &Outcome, clock: Clock) -> io::Result<()> {
    let world = &outcome.world;
    let mut out = Writer::from_writer(out);
    out.write_record(JOB_COLUMNS)?;
    let mut row = Row::new(clock);
    for (id, job) in outcome.jobs.iter() {
        let kind = &world.batch.kinds[job.kind];
        let reason = job
            .reason
            .as_ref()
            .map(|reason| world.status_reason(reason));
        let exit = job.attempts.last().and_then(|attempt| attempt.exit);
        let slowdown = bounded_slowdown(job).map(tables::level);
        row.text(&wording::job_id(id, job))
            .text(&kind.name)
            .text(&kind.definition)
            .text(&world.batch.queues[kind.queue].name)
            .maybe_text(kind.share.as_deref())
            .number(kind.priority)
            .maybe_number(job.index())
            .text(job.status.text())
            .maybe_text(reason.as_deref())
            .time(Some(job.times.created))
            .time(job.times.started)
            .time(job.times.stopped)
            .number(job.attempts_made() as u64)
            .millionths(u64::from(kind.need.cpu) * MICROS_PER_SEC / 1024)
            .number(kind.need.memory)
            .number(kind.need.gpus)
            .maybe_number(exit.map(|exit| exit.code))
            .secs(job.wait().map(|wait| wait.micros()))
            .secs(job.turnaround().map(|time| time.micros()))
            .maybe_text(slowdown.as_deref());
        row.write(&mut out)?;
    }
    out.flush()
}

/// Levels of jobs by bin, each with the name of its column of `utilization.csv`.
#[derive(Clone, Debug, Default)]
pub struct JobSeries {
    /// Jobs by state over all queues, in the order of [`JobStatus::ALL`]; empty without queues.
    pub states: Vec<Vec<f64>>,
    /// The same queue by queue, and shares: name of the column and means.
    pub queues: Vec<(String, Vec<f64>)>,
}

impl JobSeries {
    /// Up to the end of the run.
    pub fn new(metrics: &JobMetrics, world: &World, end: SimTime) -> Self {
        if metrics.queues.is_empty() {
            return JobSeries::default();
        }
        let width = Bins::width_for(end);
        let means = |gauge: &Gauge| gauge.bins.means(width, end);
        let mut queues = Vec::new();
        for (id, queue) in metrics.queues.iter() {
            let name = &world.batch.queues[id].name;
            for (status, gauge) in JobStatus::ALL.iter().zip(&queue.states) {
                queues.push((format!("queue.{name}.{}", status.text()), means(gauge)));
            }
            for share in &queue.shares {
                let share_name = format!("share.{name}.{}", share.name);
                queues.push((format!("{share_name}.RUNNABLE"), means(&share.runnable)));
                queues.push((format!("{share_name}.cpu"), means(&share.cpu)));
            }
        }
        JobSeries {
            states: metrics.all_states(end).iter().map(means).collect(),
            queues,
        }
    }

    /// Names of all columns.
    pub fn header(&self) -> impl Iterator<Item = String> + '_ {
        let states = JobStatus::ALL.iter().zip(&self.states);
        let states = states.map(|(status, _)| format!("jobs.{}", status.text()));
        states.chain(self.queues.iter().map(|(name, _)| name.clone()))
    }

    /// Means of all columns in a bin.
    pub fn means(&self, bin: usize) -> impl Iterator<Item = f64> + '_ {
        let queues = self.queues.iter().map(|(_, means)| means);
        self.states
            .iter()
            .chain(queues)
            .map(move |means| means[bin])
    }
}
