//! Why somebody waited: a ledger of causes that adds up to the whole wait, the instances at a
//! moment, and the least change that would have ended the wait then.
//!
//! A run is deterministic, so it is run again with a recorder that keeps the books ([`ledger`]):
//! every microsecond that a task or a job waits is charged to one [`cause::Cause`], from the request
//! to the first start. [`moment`] looks at the instances when one of them began to wait for room;
//! [`change`] looks for changes that would have placed it at that very moment, and runs the scenario
//! once more for each, to prove it.
//!
//! What is charged when several things bind at once: of the instances that could take the task when
//! they are empty, the one that came closest decides, which is the one whose first failing test
//! comes latest in ECS's order of testing ([`crate::placement::constraint::Reason::ALL`]); where no
//! instance ever could, the closest of all.

pub mod cause;
pub mod change;

pub mod ledger;
pub mod moment;
pub mod name;
mod tally;
mod wait;

use crate::engine::{Occurrence, Outcome, Plan, Recorder, World};
use crate::model::arena::{JobId, WorkloadId};
use crate::time::{SimDuration, SimTime};
use change::Proposal;

use ledger::{Books, Waited, Waiting};
use moment::{Moment, When};

/// A task or a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// A task, by its workload and its key among all tasks of the workload.
    Task(WorkloadId, u64),
    /// A job of AWS Batch; of an array, a child.
    Job(JobId),
}

/// Why one task or job waited.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Its whole wait.
    pub waited: Waited,
    /// The moment that was asked for, or the last before it at which anything happened; absent when
    /// none was asked for.
    pub asked_at: Option<SimTime>,
    /// The moment that was looked at; absent when it never waited for room, or not then.
    pub moment: Option<Moment>,
    /// The least changes that would have placed it then, each proved by a run.
    pub proposals: Vec<Proposal>,
}

/// Runs a plan and keeps the books of everybody.
pub fn everybody(plan: &Plan) -> (Books, Outcome) {
    let mut books = Books::new(plan);
    let outcome = crate::engine::run(plan.clone(), &mut books);
    books.close(&outcome);
    (books, outcome)
}

/// Why one waited: at the last moment up to `at` at which anything happened, or when its wait for
/// room began. Absent when there is no such task or job in the run.
pub fn one(plan: &Plan, who: Who, at: Option<SimTime>) -> Option<(Explanation, Outcome)> {
    let asked_at = match at {
        Some(at) => Some(last_moment(plan, at)?),
        None => None,
    };
    let when = asked_at.map_or(When::RoomWanted, When::At);
    let mut books = Books::of(plan, who, when);
    let outcome = crate::engine::run(plan.clone(), &mut books);
    books.close(&outcome);
    let (waited, moment) = books.into_one()?;
    let proposals = match &moment {
        Some(moment) => change::proposals(plan, moment),
        None => Vec::new(),
    };
    let explanation = Explanation {
        waited,
        asked_at,
        moment,
        proposals,
    };
    Some((explanation, outcome))
}

/// Who waits at the last moment up to `at` at which anything happened, and which that is; oldest
/// first. Absent when nothing happens up to there.
pub fn waiting(plan: &Plan, at: SimTime) -> Option<(SimTime, Vec<Waiting>, Outcome)> {
    let moment = last_moment(plan, at)?;
    let mut books = Books::listing(plan, moment);
    let outcome = crate::engine::run(until(plan, moment), &mut books);
    Some((moment, books.waiting, outcome))
}

/// The run up to a moment, all that happens at it included.
fn until(plan: &Plan, moment: SimTime) -> Plan {
    let mut plan = plan.clone();
    let end = moment + SimDuration::from_micros(1);
    plan.horizon = Some(plan.horizon.map_or(end, |horizon| horizon.min(end)));
    plan
}

/// Notes when anything happened last.
struct Last(Option<SimTime>);

impl Recorder for Last {
    fn record(&mut self, _: SimTime, _: Occurrence<'_>, _: &World) {}

    fn settled(&mut self, now: SimTime, _: &World) {
        self.0 = Some(now);
    }
}

fn last_moment(plan: &Plan, at: SimTime) -> Option<SimTime> {
    let mut last = Last(None);
    crate::engine::run(until(plan, at), &mut last);
    last.0
}
