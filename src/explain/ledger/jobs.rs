//! The books of jobs of AWS Batch.

use super::{Book, Books, Kind};
use crate::engine::World;
use crate::engine::job::{Job, JobStatus, Part};
use crate::engine::standing::{Head, Hold};
use crate::explain::Who;
use crate::explain::cause::Cause;
use crate::explain::moment::Asked;
use crate::explain::tally::Tally;
use crate::explain::wait::{Account, State};
use crate::model::arena::{Id, JobId};
use crate::time::SimTime;

impl Books {
    pub(super) fn job(&mut self, now: SimTime, id: JobId, job: &Job, from: Option<JobStatus>) {
        if from.is_none() {
            let is_one = !job.is_parent() && !job.is_node();
            self.parents.push(match job.part {
                Part::Node { parent, .. } => Some(parent),
                _ => None,
            });
            self.made.push(is_one.then(|| Book {
                who: Who::Job(id),
                requested: now,
                account: Account::new(now, Cause::Evaluation),
                asked: Asked::Job(job.kind),
                attached: None,
                activating: None,
                is_placed: false,
                is_closed: false,
            }));
        }
        let Some(book) = self.made[id].as_mut().filter(|it| !it.is_closed) else {
            return;
        };
        let to = match job.status {
            JobStatus::Submitted => State::Own(Cause::Evaluation),
            JobStatus::Pending => State::Own(Cause::Dependency),
            JobStatus::Runnable => State::Line(self.line_of_kind[job.kind]),
            JobStatus::Starting => State::Own(Cause::Interface),
            JobStatus::Running => return,
            JobStatus::Succeeded | JobStatus::Failed => return self.close_job(now, id, None),
        };
        book.account.switch(now, to, &mut self.lines);
        if job.status == JobStatus::Starting
            && let Some(one) = self.one.as_mut().filter(|one| one.who == Who::Job(id))
        {
            one.turn(now, None);
        }
    }

    pub(super) fn close_job(&mut self, now: SimTime, id: JobId, started: Option<SimTime>) {
        let Some(book) = self.made[id].as_mut().filter(|it| !it.is_closed) else {
            return;
        };
        book.is_closed = true;
        let book = book.clone();
        self.close_book(now, book, None, started);
    }

    /// What the jobs in a line wait for: those ahead of them, or the turn of another share.
    pub(super) fn turn_lines(&mut self, now: SimTime, world: &World) {
        for (line, kind) in self.lines.iter_mut().zip(&self.kinds) {
            let Kind::Queue(queue, share) = kind else {
                break;
            };
            if line.members == 0 {
                continue;
            }
            let head = self.heads.iter().find(|head| head.queue == *queue);
            let turn = head.and_then(|head| {
                let Some(Some(book)) = self.made.items().get(head.job.index()) else {
                    return None;
                };
                match book.asked {
                    Asked::Job(kind) => Some(&world.batch.kinds[kind].share),
                    Asked::Task(..) => None,
                }
            });
            let others = share.is_some() && turn.is_some_and(|turn| turn != share);
            let cause = match others {
                true => Cause::Share,
                false => Cause::QueueOrder,
            };
            if line.cause != cause {
                line.set(now, cause);
            }
        }
    }

    pub(super) fn cause_of(&mut self, hold: Hold, world: &World) -> Cause {
        match hold {
            Hold::Consumable => Cause::Consumable,
            Hold::Reservation => Cause::Share,
            Hold::Boot => Cause::Boot,
            Hold::Maximum => Cause::Maximum,
            Hold::Insufficient => Cause::Insufficient,
            Hold::NoType => Cause::NoType,
            Hold::Disabled => Cause::Disabled,
            Hold::Full(template) => {
                let tally = self.tallies.entry(template);
                let tally = tally.or_insert_with(|| Tally::new(world, template, 0));
                tally.update(world);
                // Room for one node is not room for all.
                tally.cause().unwrap_or(Cause::Cpu)
            }
        }
    }

    pub(super) fn turn_heads(&mut self, now: SimTime, heads: &[Head], world: &World) {
        let before = std::mem::replace(&mut self.heads, heads.to_vec());
        for gone in before {
            let still = heads.iter().any(|head| head.job == gone.job);
            let Some(Some(book)) = self.made.items_mut().get_mut(gone.job.index()) else {
                continue;
            };
            let waits = matches!(book.account.state, State::Own(cause) if cause.wants_room());
            if !still && waits && !book.is_closed && !book.is_placed {
                let Asked::Job(kind) = book.asked else {
                    continue;
                };
                let line = State::Line(self.line_of_kind[kind]);
                book.account.switch(now, line, &mut self.lines);
            }
        }
        for head in heads {
            let cause = self.cause_of(head.hold, world);
            if let Some(book) = &mut self.made[head.job] {
                book.account.switch(now, State::Own(cause), &mut self.lines);
            }
        }
        self.turn_lines(now, world);
    }
}
