//! The books of calls whose tasks are not accepted.

use super::{Books, CallBook, Kind, Waited};
use crate::engine::{Next, PendingCall, World};
use crate::explain::Who;
use crate::explain::cause::Cause;
use crate::explain::tally::{Tally, is_on_instances};
use crate::explain::wait::{Account, Line, State};
use crate::model::arena::{TemplateId, WorkloadId};
use crate::placement::constraint::{Reason, Refusal};
use crate::time::SimTime;
use crate::workload::MAX_COUNT;

impl Books {
    pub(super) fn requested(&mut self, now: SimTime, call: &PendingCall) {
        let book = CallBook {
            account: Account::new(now, Cause::BackOff),
            template: call.template,
            requested: now,
            count: call.count,
            missing: call.missing,
        };
        self.calls.insert((call.workload, call.number), book);
    }

    pub(super) fn turn_call(&mut self, now: SimTime, call: (WorkloadId, u64), to: State) {
        if let Some(book) = self.calls.get_mut(&call) {
            book.account.switch(now, to, &mut self.lines);
        }
    }

    pub(super) fn refused(
        &mut self,
        now: SimTime,
        call: &PendingCall,
        refusal: &Refusal,
        next: Next,
        world: &World,
    ) {
        let key = (call.workload, call.number);
        let says = |reason| refusal.count(reason) > 0;
        let to = match next {
            Next::GivenUp => return,
            _ if self.starts[call.workload] => {
                let reasons = refusal.reasons().map(|(reason, _)| reason);
                State::Own(reasons.max().map_or(Cause::NamedInstance, Cause::of))
            }
            Next::RetryAt(_) if says(Reason::Quota) => State::Own(Cause::ProvisioningLimit),
            Next::RetryAt(_) if says(Reason::Capacity) || says(Reason::Throttled) => {
                State::Own(Cause::Fargate)
            }
            Next::RetryAt(_) => State::Line(self.callers(call.template, false, world)),
            Next::Queued => State::Line(self.callers(call.template, true, world)),
        };
        if next == Next::Queued {
            self.queued[call.workload].push_back(call.number);
        }
        self.turn_call(now, key, to);
    }

    /// The line of callers who want tasks of a template.
    pub(super) fn callers(&mut self, template: TemplateId, queue: bool, world: &World) -> usize {
        let (lines, kinds) = (&mut self.lines, &mut self.kinds);
        let line = self.line_of_callers.entry((template, queue));
        *line.or_insert_with(|| {
            let launches = 0..world.templates[template].launches.len() as u8;
            let tallies = launches.filter(|it| is_on_instances(world, template, *it));
            let tallies = tallies.map(|it| Tally::new(world, template, it)).collect();
            kinds.push(Kind::Callers(queue, tallies));
            lines.push(Line::new(Cause::BackOff));
            lines.len() - 1
        })
    }

    /// A call has all its tasks, or never will.
    pub(super) fn forget_call(
        &mut self,
        now: SimTime,
        call: (WorkloadId, u64),
        world: Option<&World>,
    ) {
        if let Some(mut book) = self.calls.remove(&call) {
            let gone = State::Own(Cause::BackOff);
            book.account.switch(now, gone, &mut self.lines);
        }
        let queue = &mut self.queued[call.0];
        let was_head = queue.front() == Some(&call.1);
        queue.retain(|number| *number != call.1);
        if let (true, Some(next), Some(world)) = (was_head, queue.front().copied(), world) {
            let key = (call.0, next);
            let template = self.calls.get(&key).map(|book| book.template);
            if let Some(template) = template {
                let line = self.callers(template, true, world);
                self.turn_call(now, key, State::Line(line));
            }
        }
    }

    /// The missing tasks of a call are never run, or not in this run.
    pub(super) fn drop_call(&mut self, now: SimTime, call: (WorkloadId, u64)) {
        let Some(book) = self.calls.get(&call).cloned() else {
            return;
        };
        let sums = book.account.sums(now, &self.lines);
        for nth in book.count - book.missing..book.count {
            let who = Who::Task(call.0, call.1 * MAX_COUNT + u64::from(nth));
            if let Some(one) = self.one.as_mut().filter(|one| one.who == who) {
                one.turn(now, None);
            }
            self.waited(Waited {
                who,
                task: None,
                requested: book.requested,
                started: None,
                until: now,
                sums,
                spans: Vec::new(),
            });
        }
        self.forget_call(now, call, None);
    }
}
