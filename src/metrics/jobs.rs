//! Jobs of AWS Batch: how many are in each state over time, and what is summed up of them when the
//! run is over.
//!
//! Counted are jobs by themselves, multi-node jobs as one, and children of arrays. The parent of an
//! array is left out: it never runs, and its children say all there is to say. Statistics are of jobs that were created
//! since the warm-up ended; counts are over the whole run.

use serde::Serialize;

use super::level::{Gauge, ratio};
use super::results::{MeanPeak, SLOWDOWN_BOUND};
use super::sample::Summary;
use crate::engine::job::{Job, JobStatus};
use crate::engine::{Outcome, World};
use crate::model::arena::{Arena, JobKindId, QueueId};
use crate::time::{MICROS_PER_SEC, SimTime};

/// Levels of the jobs of a run, by queue. Empty without queues.
#[derive(Clone, Debug, Default)]
pub struct JobMetrics {
    /// By queue.
    pub queues: Arena<QueueId, QueueMetrics>,
    /// Number of the share of each kind of job in its queue.
    share_of: Arena<JobKindId, Option<usize>>,
}

/// Levels of the jobs of a queue.
#[derive(Clone, Debug, Default)]
pub struct QueueMetrics {
    /// Jobs by state, in the order of [`JobStatus::ALL`].
    pub states: [Gauge; JobStatus::ALL.len()],
    /// Of a queue with fair share: the shares that any job names.
    pub shares: Vec<ShareMetrics>,
    /// SubmitJob calls that were refused, over the whole run.
    pub refused: u64,
}

/// Levels of a share of a queue.
#[derive(Clone, Debug, Default)]
pub struct ShareMetrics {
    /// `shareIdentifier`.
    pub name: String,
    /// Its RUNNABLE jobs.
    pub runnable: Gauge,
    /// CPU units of its jobs in STARTING and RUNNING.
    pub cpu: Gauge,
}

/// Whether a job in this state has its CPU.
const fn holds_cpu(status: JobStatus) -> bool {
    matches!(status, JobStatus::Starting | JobStatus::Running)
}

impl JobMetrics {
    /// Gets to know the queues and the shares of their jobs.
    pub(super) fn meet(&mut self, world: &World) {
        let batch = &world.batch;
        self.queues = batch.queues.ids().map(|_| Default::default()).collect();
        self.share_of = Arena::new();
        for (_, kind) in batch.kinds.iter() {
            let is_fair = batch.queues[kind.queue].policy.is_some();
            let shares = &mut self.queues[kind.queue].shares;
            let share = kind.share.as_ref().filter(|_| is_fair).map(|name| {
                let known = shares.iter().position(|share| share.name == *name);
                known.unwrap_or_else(|| {
                    shares.push(ShareMetrics {
                        name: name.clone(),
                        ..ShareMetrics::default()
                    });
                    shares.len() - 1
                })
            });
            self.share_of.push(share);
        }
    }

    /// A job was made, or came to another state.
    pub(super) fn moved(
        &mut self,
        now: SimTime,
        job: &Job,
        from: Option<JobStatus>,
        world: &World,
    ) {
        if job.is_parent() || job.is_node() || from == Some(job.status) {
            return;
        }
        let kind = &world.batch.kinds[job.kind];
        let queue = &mut self.queues[kind.queue];
        if let Some(from) = from {
            queue.states[from as usize].change(now, 0, 1);
        }
        queue.states[job.status as usize].change(now, 1, 0);
        let Some(share) = self.share_of[job.kind] else {
            return;
        };
        let share = &mut queue.shares[share];
        let count = |is_so: bool, amount: u32| if is_so { u64::from(amount) } else { 0 };
        let runnable = |status| count(status == JobStatus::Runnable, 1);
        let cpu = |status| count(holds_cpu(status), kind.need.cpu);
        share
            .runnable
            .change(now, runnable(job.status), from.map_or(0, runnable));
        share.cpu.change(now, cpu(job.status), from.map_or(0, cpu));
    }

    /// A SubmitJob call was refused.
    pub(super) fn refused(&mut self, kind: JobKindId, world: &World) {
        self.queues[world.batch.kinds[kind].queue].refused += 1;
    }

    fn gauges(&mut self) -> impl Iterator<Item = &mut Gauge> {
        self.queues.items_mut().iter_mut().flat_map(|queue| {
            let shares = queue.shares.iter_mut();
            let of_shares = shares.flat_map(|share| [&mut share.runnable, &mut share.cpu]);
            queue.states.iter_mut().chain(of_shares)
        })
    }

    /// All levels are what they are up to `now`.
    pub(super) fn touch(&mut self, now: SimTime) {
        self.gauges().for_each(|gauge| gauge.change(now, 0, 0));
    }

    /// Statistics begin at `now`.
    pub(super) fn restart(&mut self, now: SimTime) {
        self.gauges().for_each(|gauge| gauge.restart(now));
    }

    /// Jobs by state over all queues, up to `end`.
    pub fn all_states(&self, end: SimTime) -> [Gauge; JobStatus::ALL.len()] {
        let mut all: [Gauge; JobStatus::ALL.len()] = Default::default();
        for queue in self.queues.items() {
            for (sum, gauge) in all.iter_mut().zip(&queue.states) {
                sum.join(end, gauge.clone());
            }
        }
        all
    }

    /// Sums up the jobs of a run that ended with `outcome`; absent without queues.
    pub(super) fn results(&self, outcome: &Outcome, since: SimTime) -> Option<JobResults> {
        if self.queues.is_empty() {
            return None;
        }
        let (world, end) = (&outcome.world, outcome.end);
        let mut all = Sums::default();
        let mut queues: Vec<(Sums, Vec<Sums>)> = self
            .queues
            .items()
            .iter()
            .map(|queue| (Sums::default(), vec![Sums::default(); queue.shares.len()]))
            .collect();
        let (mut calls, mut arrays, mut residence) = (0, 0, 0);
        for (_, job) in outcome.jobs.iter().filter(|(_, job)| !job.is_node()) {
            calls += u64::from(job.parent().is_none());
            if job.is_parent() {
                arrays += 1;
                continue;
            }
            let stopped = job.times.stopped.unwrap_or(end);
            residence += u128::from((stopped - job.times.created).micros());
            let kind = &world.batch.kinds[job.kind];
            let (queue, shares) = &mut queues[kind.queue.0 as usize];
            let share = self.share_of[job.kind].map(|share| &mut shares[share]);
            for sums in [&mut all, queue].into_iter().chain(share) {
                sums.add(job, kind.need.cpu, since);
            }
        }
        let span = end.since(since);
        let queues = self
            .queues
            .iter()
            .zip(queues)
            .map(|((id, queue), (sums, shares))| {
                let shares = queue
                    .shares
                    .iter()
                    .zip(shares)
                    .map(|(share, sums)| ShareResults {
                        share: share.name.clone(),
                        runnable: MeanPeak::of(&share.runnable, span),
                        cpu: MeanPeak::of(&share.cpu, span),
                        statistics: sums.statistics(),
                    });
                QueueResults {
                    queue: world.batch.queues[id].name.clone(),
                    refused: queue.refused,
                    statistics: sums.statistics(),
                    shares: shares.collect(),
                }
            });
        let jobs = outcome.jobs.items().iter();
        let first = jobs.clone().map(|job| job.times.created).min();
        let last = jobs.filter_map(|job| job.times.stopped).max();
        Some(JobResults {
            calls,
            refused: self.queues.items().iter().map(|queue| queue.refused).sum(),
            arrays,
            makespan: first
                .zip(last)
                .map(|(first, last)| last.since(first).secs()),
            statistics: all.statistics(),
            queues: queues.collect(),
            littles_law: self.in_system() == residence,
        })
    }

    /// Jobs that have not ended × microseconds, over the whole run.
    fn in_system(&self) -> u128 {
        self.live().map(|gauge| gauge.integral.whole_area()).sum()
    }

    /// The levels of jobs in every state but the last.
    pub(super) fn live(&self) -> impl Iterator<Item = &Gauge> {
        let queues = self.queues.items().iter();
        let states = queues.flat_map(|queue| JobStatus::ALL.iter().zip(&queue.states));
        let live = states.filter(|(status, _)| !status.is_terminal());
        live.map(|(_, gauge)| gauge)
    }
}

/// Bounded slowdown of a job: turnaround over the run time of its last attempt, at least 10 s, and
/// at least 1. Absent when it has not ended, or when its last attempt never ran.
///
/// Source: Feitelson and Rudolph 1998.
pub fn bounded_slowdown(job: &Job) -> Option<f64> {
    let last = job.attempts.last()?;
    let ran = (last.stopped - last.started?).micros();
    let bound = ran.max(SLOWDOWN_BOUND.micros());
    let turnaround = job.turnaround()?.micros();
    Some((turnaround as f64 / bound as f64).max(1.0))
}

/// What is summed up job by job.
#[derive(Clone, Debug, Default)]
struct Sums {
    states: [u64; JobStatus::ALL.len()],
    attempts: u64,
    retries: u64,
    lost_work: u128,
    waits: Vec<u64>,
    turnarounds: Vec<u64>,
    slowdowns: Vec<f64>,
}

impl Sums {
    fn add(&mut self, job: &Job, cpu: u32, since: SimTime) {
        self.states[job.status as usize] += 1;
        self.attempts += job.attempts_made() as u64;
        for attempt in job.attempts.iter().filter(|attempt| attempt.retried) {
            self.retries += 1;
            let ran = attempt
                .started
                .map_or(0, |at| (attempt.stopped - at).micros());
            self.lost_work += u128::from(cpu) * u128::from(ran);
        }
        if job.times.created >= since {
            self.waits.extend(job.wait().map(|wait| wait.micros()));
            self.turnarounds
                .extend(job.turnaround().map(|time| time.micros()));
            self.slowdowns.extend(bounded_slowdown(job));
        }
    }

    fn statistics(mut self) -> JobStatistics {
        let [
            submitted,
            pending,
            runnable,
            starting,
            running,
            succeeded,
            failed,
        ] = self.states;
        JobStatistics {
            states: JobCounts {
                submitted,
                pending,
                runnable,
                starting,
                running,
                succeeded,
                failed,
            },
            attempts: self.attempts,
            retries: self.retries,
            lost_vcpu_hours: ratio(self.lost_work, 1024 * 3600 * u128::from(MICROS_PER_SEC)),
            wait: Summary::of_micros(&mut self.waits),
            turnaround: Summary::of_micros(&mut self.turnarounds),
            bounded_slowdown: Summary::of_numbers(&mut self.slowdowns),
        }
    }
}

/// Jobs of AWS Batch in `summary.json`. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResults {
    /// SubmitJob calls that made a job.
    pub calls: u64,
    /// SubmitJob calls that were refused.
    pub refused: u64,
    /// How many of the calls made an array.
    pub arrays: u64,
    /// From the first creation to the last end; absent when nothing ended.
    pub makespan: Option<f64>,
    /// Of all queues together.
    #[serde(flatten)]
    pub statistics: JobStatistics,
    /// By queue, in the order of their creation.
    pub queues: Vec<QueueResults>,
    /// Little's law: jobs that have not ended, integrated over time, equal the sum of the times from
    /// creation to the end (Little 1961).
    pub littles_law: bool,
}

/// A job queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueResults {
    /// Its name.
    pub queue: String,
    /// SubmitJob calls that were refused.
    pub refused: u64,
    /// Of its jobs.
    #[serde(flatten)]
    pub statistics: JobStatistics,
    /// With fair share: the shares that any job names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareResults>,
}

/// A share of a queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareResults {
    /// `shareIdentifier`.
    pub share: String,
    /// RUNNABLE jobs: mean and peak.
    pub runnable: MeanPeak,
    /// CPU units of jobs in STARTING and RUNNING: mean and peak.
    pub cpu: MeanPeak,
    /// Of its jobs.
    #[serde(flatten)]
    pub statistics: JobStatistics,
}

/// What came of some jobs, parents of arrays left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStatistics {
    /// Jobs by state at the end.
    pub states: JobCounts,
    /// Attempts that were placed.
    pub attempts: u64,
    /// Attempts that another one followed.
    pub retries: u64,
    /// vCPU-hours that those had run.
    pub lost_vcpu_hours: f64,
    /// From RUNNABLE to RUNNING, each for the first time.
    pub wait: Summary,
    /// From creation to the end.
    pub turnaround: Summary,
    /// max(1, turnaround / max(run time of the last attempt, 10 s)), of jobs whose last attempt ran.
    pub bounded_slowdown: Summary,
}

/// Jobs by state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobCounts {
    /// SUBMITTED.
    pub submitted: u64,
    /// PENDING.
    pub pending: u64,
    /// RUNNABLE.
    pub runnable: u64,
    /// STARTING.
    pub starting: u64,
    /// RUNNING.
    pub running: u64,
    /// SUCCEEDED.
    pub succeeded: u64,
    /// FAILED.
    pub failed: u64,
}
