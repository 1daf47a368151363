//! What is waited for when all events of a moment have been done.

use super::{Book, Books, Kind, Waiting};
use crate::engine::World;
use crate::explain::Who;
use crate::explain::cause::Cause;
use crate::explain::moment::{Asked, Moment, When};
use crate::model::arena::Id;
use crate::time::SimTime;
use crate::workload::MAX_COUNT;

impl Books {
    /// What those in the lines of ECS wait for now.
    pub(super) fn turn_others(&mut self, now: SimTime, world: &World) {
        for (line, kind) in self.lines.iter_mut().zip(&mut self.kinds) {
            if line.members == 0 {
                continue;
            }
            let cause = match kind {
                Kind::Queue(..) => continue,
                Kind::Provider(provider, fits) => {
                    let (starting, desired) = self.scaled[*provider];
                    let group = world.providers[*provider].group();
                    match group.is_none_or(|group| desired < group.max_size) {
                        _ if !*fits => Cause::NoType,
                        _ if starting > 0 => Cause::Boot,
                        true => Cause::Scaling,
                        false => Cause::Maximum,
                    }
                }
                Kind::Callers(queue, tallies) => {
                    let mut cause = None;
                    for tally in tallies.iter_mut() {
                        tally.update(world);
                        cause = cause.or(tally.cause());
                    }
                    match (cause, *queue) {
                        (Some(cause), _) => cause,
                        (None, false) => Cause::BackOff,
                        (None, true) if tallies.is_empty() => Cause::Fargate,
                        (None, true) => Cause::ProvisioningLimit,
                    }
                }
            };
            if line.cause != cause {
                line.set(now, cause);
            }
        }
    }

    /// What the one waits for now, and what it asks for; absent when it does not wait for a place.
    pub(super) fn now_of_one(&self, who: Who) -> Option<(Cause, Asked)> {
        match who {
            Who::Task(workload, key) => {
                let task = self.one.as_ref().and_then(|one| one.task);
                if let Some(book) = task.and_then(|task| self.accepted.get(&task)) {
                    let cause = book.account.cause(&self.lines);
                    return (!book.is_placed).then_some((cause, book.asked));
                }
                let book = self.calls.get(&(workload, key / MAX_COUNT))?;
                let missing = book.count - book.missing..book.count;
                let cause = book.account.cause(&self.lines);
                let waits = missing.contains(&((key % MAX_COUNT) as u32));
                waits.then_some((cause, Asked::Task(book.template, None)))
            }
            Who::Job(id) => {
                let book = self.made.items().get(id.index())?.as_ref()?;
                let cause = book.account.cause(&self.lines);
                let waits = !book.is_closed && !book.is_placed && !cause.is_start();
                waits.then_some((cause, book.asked))
            }
        }
    }

    pub(super) fn look_at_one(&mut self, now: SimTime, world: &World) {
        let Some(who) = self.one.as_ref().map(|one| one.who) else {
            return;
        };
        let found = self.now_of_one(who);
        let Some(one) = &mut self.one else { return };
        let Some((cause, asked)) = found else { return };
        if one.open.is_none_or(|(_, before)| before != cause) {
            one.turn(now, Some(cause));
        }
        let wanted = match one.when {
            When::RoomWanted => one.moment.is_none() && cause.wants_room(),
            When::At(at) => now == at,
        };
        if wanted {
            one.moment = Some(Moment {
                at: now,
                who,
                cause,
                asked,
                world: world.clone(),
            });
        }
    }

    pub(super) fn list_waiting(&mut self, now: SimTime) {
        let calls = self.calls.iter().map(|((workload, number), book)| Waiting {
            who: Who::Task(
                *workload,
                number * MAX_COUNT + u64::from(book.count - book.missing),
            ),
            task: None,
            count: book.missing,
            requested: book.requested,
            cause: book.account.cause(&self.lines),
        });
        let of = |task: Option<u64>, book: &Book| Waiting {
            who: book.who,
            task,
            count: 1,
            requested: book.requested,
            cause: book.account.cause(&self.lines),
        };
        let tasks = self.accepted.iter().filter(|(_, book)| !book.is_placed);
        let tasks = tasks.map(|(number, book)| of(Some(*number), book));
        let jobs = self.made.items().iter().flatten();
        let jobs = jobs.filter(|book| !book.is_closed && !book.is_placed);
        let jobs = jobs.map(|book| of(None, book));
        self.waiting = calls.chain(tasks).chain(jobs).collect();
        self.waiting.retain(|it| it.requested <= now);
        self.waiting.sort_by_key(|it| (it.requested, it.who));
    }
}
