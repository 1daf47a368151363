//! Who is meant by a name: tasks and jobs as the files of a run call them.

use std::str::FromStr;

use super::Who;
use crate::engine::job::{Job, Part};
use crate::engine::{Occurrence, Plan, Recorder, World};
use crate::model::arena::{Id, JobId, WorkloadId};
use crate::time::SimTime;
use crate::workload::MAX_COUNT;

/// A task or job as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `task-7`: the task of this number, as in `tasks.csv`.
    Task(u64),
    /// `job-7`, `job-7:2`: the job of this number, as in `jobs.csv`, and the child of this index.
    Job(u64, Option<u32>),
    /// `web#3`, `web#3.2`, `array#3:2`: the third call of a workload, and the second of its tasks, or
    /// the child of index 2.
    Call(String, u64, Option<u32>),
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|number: &u64| *number > 0);
        let remedy = "write task-7, job-7, job-7:2 for a child of an array, or web#3 for the third \
                      call of the workload web and web#3.2 for its second task";
        let wrong = || format!("{text:?} names no task or job; {remedy}");
        if let Some((workload, rest)) = text.rsplit_once('#') {
            let (call, part) = match rest.split_once(['.', ':']) {
                Some((call, part)) => (call, Some(part.parse().map_err(|_| wrong())?)),
                None => (rest, None),
            };
            let call = number(call).ok_or_else(wrong)?;
            return Ok(Name::Call(workload.to_owned(), call, part));
        }
        if let Some(task) = text.strip_prefix("task-") {
            return Ok(Name::Task(number(task).ok_or_else(wrong)?));
        }
        let job = text.strip_prefix("job-").ok_or_else(wrong)?;
        let (job, index) = match job.split_once(':') {
            Some((job, index)) => (job, Some(index.parse().map_err(|_| wrong())?)),
            None => (job, None),
        };
        Ok(Name::Job(number(job).ok_or_else(wrong)?, index))
    }
}

/// Why a name means nobody whose wait can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nobody {
    /// There is none in the run.
    Unknown,
    /// No workload has this name.
    NoWorkload(String),
    /// It is the task of a job: the id of that job.
    TaskOfJob(JobId),
    /// It is the parent of an array, which never runs itself: its size.
    Parent(u32),
}

/// Who is meant. Runs the plan as far as it has to be known.
///
/// # Errors
/// Why nobody is meant.
pub fn find(plan: &Plan, name: &Name) -> Result<Who, Nobody> {
    let workload = match name {
        Name::Call(workload, ..) => {
            let mut all = plan.workloads.iter();
            let found = all.find(|(_, it)| it.name == *workload);
            let found = found.ok_or_else(|| Nobody::NoWorkload(workload.clone()))?;
            Some(found.0)
        }
        Name::Task(_) | Name::Job(..) => None,
    };
    let mut search = Search {
        name,
        workload,
        found: None,
    };
    crate::engine::run(plan.clone(), &mut search);
    search.found.unwrap_or(Err(Nobody::Unknown))
}

struct Search<'a> {
    name: &'a Name,
    workload: Option<WorkloadId>,
    found: Option<Result<Who, Nobody>>,
}

impl Search<'_> {
    fn look_at_job(&mut self, id: JobId, job: &Job, world: &World) {
        let (number, index) = match job.part {
            Part::Child { parent, index } => (parent.index() as u64 + 1, Some(index)),
            Part::Node { .. } => return,
            Part::Whole | Part::Parent { .. } | Part::Gang { .. } => (id.index() as u64 + 1, None),
        };
        let is_it = match self.name {
            Name::Task(_) => false,
            Name::Job(wanted, part) => (*wanted, *part) == (number, index),
            Name::Call(_, call, part) => {
                (self.workload, *call, *part) == (Some(job.workload), job.number, index)
            }
        };
        if is_it {
            let size = world.batch.kinds[job.kind].array_size;
            self.found = Some(match job.is_parent() {
                true => Err(Nobody::Parent(size.unwrap_or(0))),
                false => Ok(Who::Job(id)),
            });
        }
    }
}

impl Recorder for Search<'_> {
    fn record(&mut self, _: SimTime, occurrence: Occurrence<'_>, world: &World) {
        if self.found.is_some() {
            return;
        }
        match (self.name, occurrence) {
            (Name::Task(number), Occurrence::Accepted(task)) if task.number == *number => {
                self.found = Some(match task.job {
                    Some(job) => Err(Nobody::TaskOfJob(job)),
                    None => Ok(Who::Task(task.workload, task.key)),
                });
            }
            (Name::Call(_, number, nth), Occurrence::Requested(call)) => {
                let nth = nth.unwrap_or(1);
                let is_it = (self.workload, *number) == (Some(call.workload), call.number + 1);
                if is_it && (1..=call.count).contains(&nth) {
                    let key = call.number * MAX_COUNT + u64::from(nth - 1);
                    self.found = Some(Ok(Who::Task(call.workload, key)));
                }
            }
            (
                _,
                Occurrence::Job {
                    id,
                    job,
                    from: None,
                },
            ) => self.look_at_job(id, job, world),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_files() {
        let parsed = |text: &str| text.parse::<Name>().ok();
        assert_eq!(parsed("task-7"), Some(Name::Task(7)));
        assert_eq!(parsed("job-7"), Some(Name::Job(7, None)));
        assert_eq!(parsed("job-7:0"), Some(Name::Job(7, Some(0))));
        let call = |call, part| Some(Name::Call("a#b".to_owned(), call, part));
        assert_eq!(parsed("a#b#3"), call(3, None));
        assert_eq!(parsed("a#b#3.2"), call(3, Some(2)));
        for wrong in ["", "task-0", "task-x", "job-1:", "web#0", "web#1.x", "7"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
