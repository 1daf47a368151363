//! What a REPLICA service does next: one evaluation.
//!
//! [`evaluate`] sees the tasks that are meant to run and answers with tasks to stop and a number to
//! start. Two bounds hold it: no stop takes the healthy tasks below the lower bound, and no start
//! takes all tasks above the upper bound. So a rolling update, draining, the replacement of
//! unhealthy tasks and the move between zones are one thing: start what is missing, stop what is
//! not wanted, as far as the bounds allow, and look again at the next change.
//!
//! A task counts as healthy when it runs and its health check passed or, without one, 40 seconds
//! after RUNNING. Until then its health is unknown.
//! Source: ECS API reference, DeploymentConfiguration; ECS developer guide, "Amazon ECS services".

use std::collections::BTreeMap;

/// Healthy tasks that must stay: `desired` times `minimum_healthy_percent`, rounded up.
pub fn lower_bound(desired: u32, minimum_healthy_percent: u32) -> u64 {
    (u64::from(desired) * u64::from(minimum_healthy_percent)).div_ceil(100)
}

/// Tasks there may be in RUNNING and PENDING: `desired` times `maximum_percent`, rounded down.
pub fn upper_bound(desired: u32, maximum_percent: u32) -> u64 {
    u64::from(desired) * u64::from(maximum_percent) / 100
}

/// The deployment that a task belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// The newest one, which shall run.
    Primary,
    /// Any other, which shall go.
    Old,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for an instance, in PROVISIONING.
    Waiting,
    /// Placed and not yet RUNNING.
    Starting,
    /// RUNNING.
    Running,
}

/// What is known of a task's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Its check passed or, without one, it has run for 40 seconds.
    Healthy,
    /// Its check failed.
    Unhealthy,
    /// Nothing yet.
    Unknown,
}

/// A task of the service whose desired status is RUNNING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// Whose it is.
    pub deployment: Deployment,
    /// How far it has come.
    pub phase: Phase,
    /// Its health, which counts only while it runs.
    pub health: Health,
    /// Its instance is DRAINING.
    pub on_draining: bool,
    /// Under scale-in protection: while it runs neither scale-in, a deployment nor, by choice
    /// [U-39], draining stops it.
    pub protected: bool,
    /// It was started to even out the zones ([`Step::rebalance_into`]).
    pub rebalances: bool,
    /// The number of its zone; absent while it has no instance.
    pub zone: Option<u32>,
}

impl TaskView {
    fn is_primary(&self) -> bool {
        self.deployment == Deployment::Primary
    }

    fn runs(&self) -> bool {
        self.phase == Phase::Running
    }

    fn is(&self, health: Health) -> bool {
        self.runs() && self.health == health
    }

    /// Of the primary deployment and to stay: neither unhealthy nor on a DRAINING instance.
    fn serves(&self) -> bool {
        self.is_primary() && !self.on_draining && !self.is(Health::Unhealthy)
    }

    /// May yet turn out healthy or unhealthy.
    fn is_undecided(&self) -> bool {
        !self.is(Health::Healthy) && !self.is(Health::Unhealthy)
    }
}

/// What the service wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceView<'a> {
    /// `desiredCount`.
    pub desired: u32,
    /// `minimumHealthyPercent`, 100 by default.
    pub minimum_healthy_percent: u32,
    /// `maximumPercent`, 200 by default.
    pub maximum_percent: u32,
    /// The last start found no room: an unhealthy task then stops before its replacement starts,
    /// as it does when the upper bound leaves none.
    pub placement_failing: bool,
    /// The numbers of the zones in which the service's tasks may run, in rising order; empty when
    /// zone rebalancing is off. It must be off unless the placement strategy is absent or begins
    /// with spread over the zone, since the strategy then names the task that stops.
    pub rebalanced_zones: &'a [u32],
}

/// Why a service stops a task; its stop code is ServiceSchedulerInitiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It belongs to an older deployment.
    Replaced,
    /// There are more tasks than desired.
    ScaleIn,
    /// Its instance is DRAINING.
    Draining,
    /// It failed its health check.
    Unhealthy,
    /// Its instance no longer meets the constraints of a DAEMON service.
    Unmatched,
}

/// What to do now: first the stops, then the starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Positions in the list of tasks, in the order in which they stop.
    pub stop: Vec<(usize, StopReason)>,
    /// Tasks of the primary deployment to start.
    pub start: u32,
    /// One more task to start, in this zone: a task in a fuller zone stops once it is healthy.
    pub rebalance_into: Option<u32>,
}

/// Takes up to so many victims out of the candidates: [`super::scale_in::ScaleIn::take`].
///
/// Called only when something stops, so that what the choice needs can be prepared then.
pub type Pick<'a> = dyn FnMut(&[usize], usize) -> Vec<usize> + 'a;

/// What the service does about `tasks`, which are all of it that are meant to run.
///
/// Tasks that are stopping are not among them, so nothing waits for a stop to end.
pub fn evaluate(service: &ServiceView<'_>, tasks: &[TaskView], pick: &mut Pick<'_>) -> Step {
    let mut evaluation = Evaluation {
        service,
        tasks,
        pick,
        kept: vec![true; tasks.len()],
        step: Step::default(),
    };
    evaluation.stop_pending_on_draining();
    evaluation.stop_old();
    evaluation.stop_draining();
    evaluation.scale_in();
    evaluation.stop_unhealthy();
    evaluation.start_missing();
    evaluation.rebalance();
    evaluation.step
}

/// Whether the service is in its steady state: as many tasks as desired, all of the primary
/// deployment, on instances that stay, and healthy.
pub fn is_steady(service: &ServiceView<'_>, tasks: &[TaskView]) -> bool {
    tasks.len() as u64 == u64::from(service.desired)
        && tasks
            .iter()
            .all(|task| task.serves() && task.is(Health::Healthy))
}

struct Evaluation<'a, 'p> {
    service: &'a ServiceView<'a>,
    tasks: &'a [TaskView],
    pick: &'a mut Pick<'p>,
    /// Which tasks are still meant to run.
    kept: Vec<bool>,
    step: Step,
}

impl Evaluation<'_, '_> {
    fn stop_pending_on_draining(&mut self) {
        self.stop_all(
            |task| task.on_draining && !task.runs(),
            StopReason::Draining,
        );
    }

    /// Old tasks that do not count as healthy go at once, the others within the lower bound.
    fn stop_old(&mut self) {
        let old = |task: &TaskView| !task.is_primary() && !task.protected;
        self.stop_all(
            |task| old(task) && (!task.runs() || task.is(Health::Unhealthy)),
            StopReason::Replaced,
        );
        self.stop_within_lower_bound(old, StopReason::Replaced);
    }

    fn stop_draining(&mut self) {
        self.stop_within_lower_bound(
            |task| task.is_primary() && task.on_draining && !task.protected,
            StopReason::Draining,
        );
    }

    /// Scale-in waits until the old tasks are gone.
    ///
    /// A task that evens out the zones is no task too many before it is healthy.
    fn scale_in(&mut self) {
        if self.count(|task| !task.is_primary() && !task.protected) > 0 {
            return;
        }
        let settled = |task: &TaskView| task.serves() && !(task.rebalances && task.is_undecided());
        let excess = self.count(settled).saturating_sub(self.desired());
        self.stop(
            |task| settled(task) && !task.protected,
            excess,
            StopReason::ScaleIn,
        );
    }

    /// An unhealthy task stops when a healthy replacement is there, or when a replacement turned
    /// out unhealthy itself. Where no replacement can start before, one stops at a time, and the
    /// lower bound then is for RUNNING tasks: an unhealthy task is none of the healthy ones.
    fn stop_unhealthy(&mut self) {
        let unhealthy = |task: &TaskView| task.is_primary() && task.is(Health::Unhealthy);
        if self.count(unhealthy) == 0 {
            return;
        }
        let undecided = self.count(|task| task.is_primary() && task.is_undecided());
        let excess = self
            .count(TaskView::is_primary)
            .saturating_sub(self.desired());
        let mut count = excess.saturating_sub(undecided);
        let blocked = self.room() == 0 || self.service.placement_failing;
        if count == 0 && blocked && undecided == 0 && self.count(TaskView::runs) > self.lower() {
            count = 1;
        }
        self.stop(unhealthy, count, StopReason::Unhealthy);
    }

    fn start_missing(&mut self) {
        let missing = self.desired().saturating_sub(self.count(TaskView::serves));
        self.step.start = u32::try_from(missing.min(self.room())).unwrap_or(u32::MAX);
    }

    /// In the steady state: one more task in the emptiest zone when a zone has two more tasks and
    /// can give one.
    fn rebalance(&mut self) {
        let zones = self.service.rebalanced_zones;
        if zones.is_empty() || self.room() == 0 || !is_steady(self.service, self.tasks) {
            return;
        }
        let mut counts: BTreeMap<u32, u64> = zones.iter().map(|zone| (*zone, 0)).collect();
        for zone in self.tasks.iter().filter_map(|task| task.zone) {
            *counts.entry(zone).or_default() += 1;
        }
        let movable = self.tasks.iter().filter(|task| !task.protected);
        let fullest = movable.filter_map(|task| counts.get(&task.zone?)).max();
        let emptiest = zones.iter().min_by_key(|zone| counts[zone]);
        if let (Some(most), Some(zone)) = (fullest, emptiest)
            && *most >= counts[zone] + 2
        {
            self.step.rebalance_into = Some(*zone);
        }
    }

    fn desired(&self) -> u64 {
        u64::from(self.service.desired)
    }

    fn lower(&self) -> u64 {
        lower_bound(self.service.desired, self.service.minimum_healthy_percent)
    }

    /// How many tasks may start before the upper bound is reached.
    fn room(&self) -> u64 {
        upper_bound(self.service.desired, self.service.maximum_percent)
            .saturating_sub(self.count(|_| true))
    }

    fn kept(&self, want: impl Fn(&TaskView) -> bool) -> impl Iterator<Item = usize> {
        let tasks = self.tasks.iter().zip(&self.kept).enumerate();
        tasks
            .filter(move |(_, (task, kept))| **kept && want(task))
            .map(|(index, _)| index)
    }

    fn count(&self, want: impl Fn(&TaskView) -> bool) -> u64 {
        self.kept(want).count() as u64
    }

    /// Healthy tasks above the lower bound; `None` when there are fewer than it asks for.
    fn spare(&self) -> Option<u64> {
        self.count(|task| task.is(Health::Healthy))
            .checked_sub(self.lower())
    }

    fn stop_all(&mut self, want: impl Fn(&TaskView) -> bool, reason: StopReason) {
        self.stop(want, u64::MAX, reason);
    }

    /// Stops RUNNING tasks while the lower bound holds. Those of unknown health cost nothing, but
    /// while healthy tasks are short they may be the next ones, so they stay.
    fn stop_within_lower_bound(&mut self, want: impl Fn(&TaskView) -> bool, reason: StopReason) {
        let Some(spare) = self.spare() else {
            return;
        };
        self.stop_all(|task| want(task) && task.is(Health::Unknown), reason);
        self.stop(|task| want(task) && task.is(Health::Healthy), spare, reason);
    }

    /// Stops up to `count` of the tasks that `want` names, but no healthy one that the lower bound needs.
    fn stop(&mut self, want: impl Fn(&TaskView) -> bool, count: u64, reason: StopReason) {
        if count == 0 {
            return;
        }
        let candidates: Vec<usize> = self.kept(want).collect();
        let count = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(candidates.len());
        if count == 0 {
            return;
        }
        let mut spare = self.spare().unwrap_or(0);
        for index in (self.pick)(&candidates, count) {
            if self.tasks[index].is(Health::Healthy) {
                if spare == 0 {
                    continue;
                }
                spare -= 1;
            }
            self.kept[index] = false;
            self.step.stop.push((index, reason));
        }
    }
}

#[cfg(test)]
mod tests;
