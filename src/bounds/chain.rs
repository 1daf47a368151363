//! The critical path: the longest chain of jobs that wait for each other.

use rustc_hash::FxHashMap;

use crate::batch::Dependency;
use crate::engine::Outcome;
use crate::engine::job::{Job, Part, StatusReason};
use crate::model::arena::{Id, JobId, WorkloadId};
use crate::time::{SimDuration, SimTime};

/// From the first SubmitJob call until all jobs can have ended at the earliest, whatever capacity there
/// is; absent without jobs, and unless all have ended.
///
/// A job ends at the earliest at max(its submission, the ends of what it depends on) + the run time of
/// its attempts; those that lost their host are left out, as they need not have. The parent of an array
/// ends with its last child.
/// Source: Kelley and Walker 1959, "Critical-path planning and scheduling".
pub fn critical_path(outcome: &Outcome) -> Option<SimDuration> {
    let jobs = outcome.jobs.items();
    if jobs.iter().any(|job| job.times.stopped.is_none()) {
        return None;
    }
    let first = jobs.iter().map(|job| job.times.created).min()?;
    let last = Graph::new(outcome).ends().into_iter().max()?;
    Some(last.since(first))
}

struct Graph<'a> {
    outcome: &'a Outcome,
    /// Jobs by themselves and parents, by their numbers.
    by_number: FxHashMap<(WorkloadId, u64), JobId>,
}

impl<'a> Graph<'a> {
    fn new(outcome: &'a Outcome) -> Self {
        let whole = outcome
            .jobs
            .iter()
            .filter(|(_, job)| job.parent().is_none() && !job.is_node());
        let by_number = whole
            .map(|(id, job)| ((job.workload, job.number), id))
            .collect();
        Graph { outcome, by_number }
    }

    /// The earliest end of every job.
    fn ends(&self) -> Vec<SimTime> {
        let jobs = &self.outcome.jobs;
        let mut ends: Vec<Option<SimTime>> = vec![None; jobs.len()];
        let mut before = Vec::new();
        for start in jobs.ids() {
            // A stack of its own: a chain may be as long as there are jobs.
            let mut stack = vec![start];
            while let Some(id) = stack.last().copied() {
                if ends[id.index()].is_some() {
                    stack.pop();
                    continue;
                }
                before.clear();
                self.before(id, &mut before);
                let known = stack.len();
                let open = before.iter().filter(|it| ends[it.index()].is_none());
                stack.extend(open.rev());
                if stack.len() == known {
                    ends[id.index()] = Some(self.end(id, &before, &ends));
                }
            }
        }
        ends.into_iter().flatten().collect()
    }

    fn end(&self, id: JobId, before: &[JobId], ends: &[Option<SimTime>]) -> SimTime {
        let job = &self.outcome.jobs[id];
        // A child is made when its parent's turn comes; it was asked for with its parent.
        let asked = job
            .parent()
            .map_or(job, |parent| &self.outcome.jobs[parent]);
        let ready = before.iter().filter_map(|it| ends[it.index()]);
        ready.fold(asked.times.created, SimTime::max) + run_time(job)
    }

    /// Whose ends a job had to wait for: only of what ran can that be said, as a job that never ran may
    /// have ended before those it depends on.
    fn before(&self, id: JobId, list: &mut Vec<JobId>) {
        let job = &self.outcome.jobs[id];
        match job.part {
            Part::Node { .. } => {}
            Part::Parent {
                first_child: Some(first),
                ..
            } => {
                let size = self.outcome.world.batch.kinds[job.kind].array_size;
                list.extend((0..size.unwrap_or(0)).map(|index| child(first, index)));
            }
            Part::Parent { .. } => {}
            Part::Whole | Part::Gang { .. } | Part::Child { .. } => {
                if job.times.first_started.is_some() {
                    self.depends_on(job, list);
                }
            }
        }
    }

    fn depends_on(&self, job: &Job, list: &mut Vec<JobId>) {
        let kind = &self.outcome.world.batch.kinds[job.kind];
        let numbered = |on: WorkloadId, number| self.by_number.get(&(on, number)).copied();
        let child_of = |on: WorkloadId, index| {
            let parent = numbered(on, job.number)?;
            match self.outcome.jobs[parent].part {
                Part::Parent { first_child, .. } => Some(child(first_child?, index)),
                _ => None,
            }
        };
        let first = job
            .parent()
            .and_then(|parent| match self.outcome.jobs[parent].part {
                Part::Parent { first_child, .. } => first_child,
                _ => None,
            });
        let on = kind.depends_on.iter().filter_map(|on| match on {
            Dependency::Job(on) => numbered(*on, job.number),
            Dependency::Numbered(on, number) => numbered(*on, *number),
            Dependency::Child(on, index) => child_of(*on, *index),
            Dependency::Each(on) => child_of(*on, job.index()?),
            Dependency::Sequential => Some(child(first?, job.index()?.checked_sub(1)?)),
        });
        list.extend(on);
    }
}

fn child(first: JobId, index: u32) -> JobId {
    JobId::from_index(first.index() + index as usize)
}

/// How long the attempts of a job ran that did not lose their host.
fn run_time(job: &Job) -> SimDuration {
    let kept = job.attempts.iter().filter(|attempt| {
        !matches!(
            attempt.reason,
            StatusReason::HostTerminated(..) | StatusReason::FargateSpot
        )
    });
    let ran = kept.filter_map(|attempt| Some(attempt.stopped - attempt.started?));
    SimDuration::from_micros(ran.map(SimDuration::micros).sum())
}
