//! Who asks for what and when: workloads, and the submissions they make in the order of time.

pub mod arrival;
pub mod container;
pub mod distribution;
pub mod service;
pub mod timeline;
pub mod trace;

use std::sync::Arc;

use rand::RngExt;

use crate::model::arena::{BehaviourId, Id, InstanceId, JobKindId, TemplateId, WorkloadId};
use crate::rng::{Purpose, Streams};
use crate::time::{SimDuration, SimTime};
use arrival::{ArrivalProcess, ArrivalTimes};

pub use container::Container;

/// Most tasks that one call may ask for. Source: ECS API reference, RunTask.
pub const MAX_COUNT: u64 = 10;

/// A caller that makes requests of one kind.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// What it calls.
    pub call: Call,
    /// When.
    pub arrivals: Arrivals,
    /// How the containers of its tasks behave.
    pub behaviour: BehaviourId,
    /// What it does about tasks that ECS does not place.
    pub on_failure: OnFailure,
}

/// The API call of a workload.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// CreateService when the run starts: the service asks for tasks itself.
    CreateService(Box<service::Service>),
    /// RunTask: ECS chooses the instances.
    RunTask {
        /// What to run; a trace may say otherwise row by row.
        template: TemplateId,
        /// How many, 1 to [`MAX_COUNT`].
        count: u32,
        /// Idempotency token: the same in every call of the workload.
        client_token: Option<String>,
    },
    /// SubmitJob: a job of AWS Batch.
    SubmitJob(JobKindId),
    /// StartTask: the caller names the instances, one task on each.
    StartTask {
        /// What to run.
        template: TemplateId,
        /// Where, 1 to [`MAX_COUNT`] entries.
        instances: Vec<Target>,
    },
}

/// An instance that StartTask names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One that the cluster knows.
    Known(InstanceId),
    /// One that it does not: the answer is `MISSING`.
    Unknown,
}

/// When a workload calls.
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// By an arrival process.
    Process(ArrivalProcess),
    /// As a trace has it, in order of time.
    Trace(Arc<[Submission]>),
}

/// What a caller does about tasks that were not placed. ECS itself does not retry RunTask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OnFailure {
    /// Nothing: those tasks are never run.
    GiveUp,
    /// Asks again for what is missing, after a delay that grows.
    Retry {
        /// First delay.
        first: SimDuration,
        /// By how much each delay is longer than the one before.
        factor: f64,
        /// The delay grows no further.
        at_most: SimDuration,
        /// Gives up this long after the first request; absent: never.
        give_up_after: Option<SimDuration>,
    },
    /// `x-fcfs`: keeps its requests in a first-come-first-served queue; the head asks again whenever
    /// the cluster changes, and nobody overtakes it.
    Queue,
}

/// One call of a workload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Submission {
    /// When.
    pub at: SimTime,
    /// What to run, where it is not the workload's own.
    pub template: Option<TemplateId>,
    /// What job to submit, where it is not the workload's own.
    pub job: Option<JobKindId>,
    /// How many tasks, where it is not the workload's own number.
    pub count: Option<u32>,
    /// Run time of the tasks' first essential container, where the trace has recorded it.
    pub duration: Option<SimDuration>,
    /// Exit code of that container, where the trace has recorded it.
    pub exit_code: Option<u8>,
}

impl Submission {
    /// A call at `at` with nothing out of the ordinary.
    pub const fn plain(at: SimTime) -> Self {
        Submission {
            at,
            template: None,
            job: None,
            count: None,
            duration: None,
            exit_code: None,
        }
    }
}

/// The submissions of one workload, in order of time.
pub enum Submissions {
    /// Drawn as they are asked for.
    Process(ArrivalTimes),
    /// Read off a trace.
    Trace(Arc<[Submission]>, usize),
    /// Put off a little.
    Shaken(Box<Shaken>),
}

/// Submissions of which each is put off a little, see [`Submissions::shaken`].
pub struct Shaken {
    submissions: Submissions,
    next: Option<Submission>,
    streams: Streams,
    workload: WorkloadId,
    made: u64,
}

/// A submission is put off by less than this.
const LONGEST_SHAKE: SimDuration = SimDuration::from_secs(60);

impl Submissions {
    /// The same submissions, each put off by a random part of the gap to the next, of a minute at
    /// most: nobody overtakes anybody. The last, and those at one moment but the last, stay.
    ///
    /// A result that such noise overturns rests on chance. Source: Tsafrir and Feitelson 2006,
    /// "Instability in parallel job scheduling simulation" (input shaking).
    pub fn shaken(mut self, workload: WorkloadId, streams: Streams) -> Submissions {
        let next = self.next();
        Submissions::Shaken(Box::new(Shaken {
            submissions: self,
            next,
            streams,
            workload,
            made: 0,
        }))
    }
}

impl Iterator for Shaken {
    type Item = Submission;

    fn next(&mut self) -> Option<Submission> {
        let mut submission = self.next.take()?;
        self.next = self.submissions.next();
        let gap = self
            .next
            .map_or(SimDuration::ZERO, |next| next.at - submission.at);
        let most = gap.min(LONGEST_SHAKE).micros();
        if most > 0 {
            let major = self.workload.index() as u64;
            let mut stream = self.streams.stream(Purpose::Shake, major, self.made);
            submission.at += SimDuration::from_micros(stream.random_range(0..most));
        }
        self.made += 1;
        Some(submission)
    }
}

impl Workload {
    /// Whether it is a service.
    pub fn is_service(&self) -> bool {
        matches!(self.call, Call::CreateService(_))
    }

    /// Its submissions, from the beginning.
    pub fn submissions(&self, id: WorkloadId, streams: &Streams) -> Submissions {
        match &self.arrivals {
            Arrivals::Process(process) => {
                let stream = streams.stream(Purpose::Arrivals, id.index() as u64, 0);
                Submissions::Process(process.times(stream))
            }
            Arrivals::Trace(rows) => Submissions::Trace(Arc::clone(rows), 0),
        }
    }
}

impl Iterator for Submissions {
    type Item = Submission;

    fn next(&mut self) -> Option<Submission> {
        match self {
            Submissions::Process(times) => times.next().map(Submission::plain),
            Submissions::Trace(rows, next) => {
                let row = rows.get(*next).copied();
                *next += 1;
                row
            }
            Submissions::Shaken(shaken) => shaken.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arrivals at 0, 10, 10 and 500 s: the first moves by less than 10 s, the second stays with the
    /// third, the third moves by less than a minute, the last stays.
    #[test]
    fn shaken_submissions_keep_their_order() {
        let at = |secs: u64| SimTime::ZERO + SimDuration::from_secs(secs);
        let rows: Arc<[Submission]> = [0, 10, 10, 500]
            .map(|secs| Submission::plain(at(secs)))
            .into();
        let mut moved = 0;
        for seed in 0..50 {
            let shaken =
                Submissions::Trace(Arc::clone(&rows), 0).shaken(WorkloadId(0), Streams::new(seed));
            let times: Vec<SimTime> = shaken.map(|it| it.at).collect();
            assert!(times[0] < at(10) && times[1] == at(10), "{times:?}");
            assert!(times[2] >= at(10) && times[2] < at(70), "{times:?}");
            assert_eq!(times[3], at(500));
            moved += usize::from(times[0] > at(0)) + usize::from(times[2] > at(10));
        }
        assert_eq!(moved, 100);
    }
}
