//! The books of tasks, from the moment ECS accepts them to RUNNING.

use super::{Book, Books, Kind};
use crate::engine::World;
use crate::engine::task::{Host, Task, TaskState};
use crate::explain::Who;
use crate::explain::cause::Cause;
use crate::explain::moment::Asked;
use crate::explain::wait::{Account, Line, State};
use crate::model::request::LaunchOn;
use crate::time::SimTime;
use crate::workload::MAX_COUNT;

impl Books {
    pub(super) fn accepted(&mut self, now: SimTime, task: &Task, world: &World) {
        if task.job.is_some() {
            return;
        }
        let who = Who::Task(task.workload, task.key);
        let call = (task.workload, task.key / MAX_COUNT);
        let requested = task.times.requested;
        let account = match self.calls.get_mut(&call) {
            Some(book) if task.deployment == 0 => {
                book.missing -= 1;
                let mut own = book.account;
                if let State::Line(line) = own.state {
                    self.lines[line].members += 1;
                }
                own.switch(now, State::Own(Cause::Fargate), &mut self.lines);
                if book.missing == 0 {
                    self.forget_call(now, call, Some(world));
                }
                own
            }
            _ => self.wanted_by_service(now, task),
        };
        if let Some(one) = self.one.as_mut().filter(|one| one.who == who) {
            one.turn(now, None);
            one.task = Some(task.number);
        }
        let mut book = Book {
            who,
            requested,
            account,
            asked: Asked::Task(task.template, Some(task.launch)),
            attached: None,
            activating: None,
            is_placed: false,
            is_closed: false,
        };
        if let Some(line) = self.provider_line(task, world) {
            book.account.switch(now, State::Line(line), &mut self.lines);
        }
        self.accepted.insert(task.number, book);
    }

    /// What a service's task waited for before it was accepted, as far as the service has told.
    pub(super) fn wanted_by_service(&mut self, now: SimTime, task: &Task) -> Account {
        let mut account = Account::new(task.times.requested, Cause::ServiceScheduler);
        let who = Who::Task(task.workload, task.key);
        let told = self.services.get(&task.workload);
        let mut at = (task.times.requested, Cause::ServiceScheduler);
        let mut one = self.one.as_mut().filter(|one| one.who == who);
        let end = (now, Cause::Fargate);
        for (since, cause) in told.into_iter().flatten().copied().chain([end]) {
            if since > at.0 {
                if let Some(one) = &mut one {
                    one.charge(at.0, since, at.1);
                }
                account.switch(since, State::Own(cause), &mut self.lines);
                at.0 = since;
            } else {
                account.switch(at.0, State::Own(cause), &mut self.lines);
            }
            at.1 = cause;
        }
        account
    }

    pub(super) fn provider_line(&mut self, task: &Task, world: &World) -> Option<usize> {
        let template = &world.templates[task.template];
        let LaunchOn::Provider(provider) = template.launches[usize::from(task.launch)].on else {
            return None;
        };
        let group = world.providers[provider].group()?;
        group.scaling?;
        let (lines, kinds) = (&mut self.lines, &mut self.kinds);
        let line = self.line_of_provider.entry((task.template, task.launch));
        Some(*line.or_insert_with(|| {
            let mut types = group.types.iter();
            let windows = |it: &crate::model::instance::Description| it.is_windows();
            let fits = types.any(|it| it.capacity.fits(&template.demand.on(windows(it))));
            kinds.push(Kind::Provider(provider, fits));
            lines.push(Line::new(Cause::Scaling));
            lines.len() - 1
        }))
    }

    /// The books of the task of a job stand with the job; of a node, with the job it belongs to.
    pub(super) fn book_of(&mut self, task: &Task) -> Option<&mut Book> {
        match task.job {
            None => self.accepted.get_mut(&task.number),
            Some(id) => {
                let owner = self.parents[id].unwrap_or(id);
                self.made[owner].as_mut().filter(|it| !it.is_closed)
            }
        }
    }

    pub(super) fn placed(&mut self, now: SimTime, task: &Task) {
        let lines = std::mem::take(&mut self.lines);
        let mut lines = lines;
        let mut who = None;
        if let Some(book) = self.book_of(task) {
            book.account
                .switch(now, State::Own(Cause::Interface), &mut lines);
            book.is_placed = true;
            (book.attached, book.activating) = (None, None);
            who = Some(book.who);
        }
        self.lines = lines;
        if let Some(one) = self.one.as_mut().filter(|one| Some(one.who) == who) {
            one.turn(now, None);
        }
    }

    pub(super) fn moved(&mut self, now: SimTime, task: &Task) {
        if let Some(book) = self.book_of(task) {
            match task.state {
                TaskState::Pending => book.attached = Some(now),
                TaskState::Activating => book.activating = Some(now),
                _ => {}
            }
        }
    }

    /// From its placement up to `now`: charges each stage of the start of a task.
    pub(super) fn charge_start(&mut self, now: SimTime, task: &Task) {
        let Some(placed) = task.times.placed else {
            return;
        };
        let Some(book) = self.book_of(task).filter(|book| book.is_placed) else {
            return;
        };
        book.is_placed = false;
        let attaching = match task.host {
            Some(Host::Fargate { .. }) => Cause::FargateStart,
            _ => Cause::Interface,
        };
        let attached = match task.state {
            TaskState::Provisioning => now,
            _ => book.attached.or(task.times.begun).unwrap_or(placed),
        };
        let begun = task.times.begun.unwrap_or(now);
        let pulled = task.times.pull.map_or(begun, |pull| begun + pull);
        let stages = [
            (attached, attaching),
            (begun, Cause::Stopping),
            (pulled, Cause::ImagePull),
            (book.activating.unwrap_or(now), Cause::Containers),
            (now, Cause::LoadBalancer),
        ];
        let (who, mut account) = (book.who, book.account);
        let mut at = placed;
        for (to, cause) in stages {
            let to = to.clamp(at, now.max(at));
            account.switch(at, State::Own(cause), &mut self.lines);
            if let Some(one) = self.one.as_mut().filter(|one| one.who == who) {
                one.charge(at, to, cause);
            }
            at = to;
        }
        account.switch(now, State::Own(Cause::Interface), &mut self.lines);
        if let Some(book) = self.book_of(task) {
            book.account = account;
        }
    }

    pub(super) fn started(&mut self, now: SimTime, task: &Task) {
        self.charge_start(now, task);
        match task.job {
            None => self.close_task(now, task, Some(now)),
            Some(id) => self.close_job(now, self.parents[id].unwrap_or(id), Some(now)),
        }
    }

    /// A task has stopped, or the run has, and perhaps it never ran.
    pub(super) fn unstarted(&mut self, now: SimTime, task: &Task) {
        if task.times.started.is_none() {
            self.charge_start(now, task);
        }
        if task.job.is_none() {
            self.close_task(now, task, None);
        }
    }

    pub(super) fn close_task(&mut self, now: SimTime, task: &Task, started: Option<SimTime>) {
        if let Some(book) = self.accepted.remove(&task.number) {
            self.close_book(now, book, Some(task.number), started);
        }
    }
}
