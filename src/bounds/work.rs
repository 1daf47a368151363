//! Listens to a run and keeps what the bounds are made of.

use crate::bounds::area::Arrivals;
use crate::bounds::packing::{fewest, fewest_on_average, martello_toth};
use crate::bounds::{Bound, RESOURCES, Reached, parts};
use crate::engine::task::Task;
use crate::engine::{Outcome, World};
use crate::model::arena::{ClusterId, Id, JobId, TemplateId};
use crate::time::{SimDuration, SimTime};

/// The work of a run, cluster by cluster.
#[derive(Clone, Debug, Default)]
pub struct Work {
    clusters: Vec<ClusterWork>,
    /// When each job was made.
    jobs: Vec<SimTime>,
    since: SimTime,
}

/// The work on the container instances of one cluster. A task counts with the least that it takes on
/// any instance.
#[derive(Clone, Debug, Default)]
pub(super) struct ClusterWork {
    /// Tasks that hold resources, by template.
    running: Vec<u32>,
    /// What they hold together.
    levels: [Level; 4],
    /// Demand × time from RUNNING to the release of the resources, over the whole run.
    done: [u128; 4],
    arrivals: Arrivals,
    /// When the longest task can have ended at the earliest.
    longest_end: SimTime,
    first: Option<SimTime>,
    last: SimTime,
    /// Whether some of it has no end of its own, or ran elsewhere.
    boundless: bool,
}

/// What tasks hold of one resource.
#[derive(Clone, Debug, Default)]
struct Level {
    now: u64,
    since: SimTime,
    area: u128,
    /// The greatest level that lasted, and the tasks that held it, by template.
    peak: u64,
    at_peak: Vec<u32>,
    /// Templates of which the number has changed since.
    changed: Vec<TemplateId>,
    is_changed: Vec<bool>,
}

impl Level {
    /// Brings area and peak up to date, before anything changes at `now`.
    fn advance(&mut self, now: SimTime, running: &[u32]) {
        let span = now.since(self.since).micros();
        self.since = now;
        if span == 0 {
            return;
        }
        self.area += u128::from(self.now) * u128::from(span);
        if self.now <= self.peak {
            return;
        }
        self.peak = self.now;
        self.at_peak.resize(running.len(), 0);
        for template in self.changed.drain(..) {
            self.at_peak[template.index()] = running[template.index()];
            self.is_changed[template.index()] = false;
        }
    }

    fn change(&mut self, template: TemplateId, plus: u64, minus: u64) {
        self.now = self.now + plus - minus;
        if self.is_changed.len() <= template.index() {
            self.is_changed.resize(template.index() + 1, false);
        }
        if !std::mem::replace(&mut self.is_changed[template.index()], true) {
            self.changed.push(template);
        }
    }
}

impl Work {
    /// A task took its resources.
    pub fn placed(&mut self, now: SimTime, task: &Task, world: &World) {
        let cluster = self.cluster(world.templates[task.template].cluster);
        cluster.boundless |= task.deployment > 0 || task.run_time.is_none();
        match task.instance() {
            Some(_) => cluster.hold(now, task.template, world, true),
            None => cluster.boundless = true,
        }
    }

    /// A task gave its resources back.
    pub fn released(&mut self, now: SimTime, task: &Task, world: &World) {
        let release = self.released_at(task);
        let id = world.templates[task.template].cluster;
        if task.instance().is_some() {
            let cluster = self.cluster(id);
            cluster.hold(now, task.template, world, false);
            cluster.did(now, task, release, world);
        }
    }

    /// A task stopped.
    pub fn stopped(&mut self, now: SimTime, task: &Task, world: &World) {
        if task.instance().is_some() && task.times.started.is_some() {
            self.cluster(world.templates[task.template].cluster).last = now;
        }
    }

    /// A job was made.
    pub fn submitted(&mut self, now: SimTime, id: JobId) {
        // Jobs are numbered in the order in which they are made.
        self.jobs.resize(id.index(), now);
        self.jobs.push(now);
    }

    /// Statistics begin: instances are counted from here on.
    pub fn warmed_up(&mut self, at: SimTime) {
        self.since = at;
        for cluster in &mut self.clusters {
            cluster.advance(at);
            for level in &mut cluster.levels {
                (level.area, level.peak) = (0, 0);
            }
        }
    }

    /// The run is over: what still runs has been done up to here.
    pub(super) fn close(&mut self, outcome: &Outcome) {
        for cluster in &mut self.clusters {
            cluster.advance(outcome.end);
        }
        for task in &outcome.live {
            if task.instance().is_some() && task.times.released.is_none() {
                let release = self.released_at(task);
                let id = outcome.world.templates[task.template].cluster;
                self.cluster(id)
                    .did(outcome.end, task, release, &outcome.world);
            }
        }
    }

    pub(super) const fn since(&self) -> SimTime {
        self.since
    }

    pub(super) fn of(&self, id: ClusterId) -> Option<&ClusterWork> {
        self.clusters.get(id.index())
    }

    fn cluster(&mut self, id: ClusterId) -> &mut ClusterWork {
        if self.clusters.len() <= id.index() {
            self.clusters
                .resize_with(id.index() + 1, ClusterWork::default);
        }
        &mut self.clusters[id.index()]
    }

    /// When a task could have begun: an attempt of a job when the job was submitted.
    fn released_at(&self, task: &Task) -> SimTime {
        let submitted = task.job.and_then(|id| self.jobs.get(id.index()).copied());
        submitted.map_or(task.times.requested, |at| at.min(task.times.requested))
    }
}

impl ClusterWork {
    fn advance(&mut self, now: SimTime) {
        for level in &mut self.levels {
            level.advance(now, &self.running);
        }
    }

    fn hold(&mut self, now: SimTime, template: TemplateId, world: &World, takes: bool) {
        self.advance(now);
        if self.running.len() <= template.index() {
            self.running.resize(template.index() + 1, 0);
        }
        let running = &mut self.running[template.index()];
        *running = if takes { *running + 1 } else { *running - 1 };
        let demand = parts(&world.templates[template].demand.least());
        for (level, part) in self.levels.iter_mut().zip(demand) {
            let (plus, minus) = if takes { (part, 0) } else { (0, part) };
            if part > 0 {
                level.change(template, plus, minus);
            }
        }
    }

    /// A task ran until `now`, or until its instance left.
    fn did(&mut self, now: SimTime, task: &Task, release: SimTime, world: &World) {
        let (Some(id), Some(started)) = (task.instance(), task.times.started) else {
            return;
        };
        let template = &world.templates[task.template];
        let left_at = world.clusters[template.cluster].instances()[id].left_at;
        let ran = left_at.unwrap_or(now).min(now).since(started);
        let areas =
            parts(&template.demand.least()).map(|part| u128::from(part) * u128::from(ran.micros()));
        for (sum, area) in self.done.iter_mut().zip(areas) {
            *sum += area;
        }
        self.arrivals.add(release, areas);
        self.longest_end = self.longest_end.max(release + ran);
        self.first = Some(self.first.map_or(release, |first| first.min(release)));
    }

    /// Demand × time done, by resource.
    pub const fn done(&self) -> &[u128; 4] {
        &self.done
    }

    /// The makespan on instances that were all there all the time.
    pub fn makespan(&self, capacities: &[[u64; 4]]) -> Option<Bound> {
        let first = self.first.filter(|_| !self.boundless)?;
        let (mut end, mut by) = (self.longest_end, "longest task");
        for (resource, name) in RESOURCES.into_iter().enumerate() {
            let capacity = capacities.iter().map(|it| it[resource]).sum();
            let full = SimTime::from_micros(self.arrivals.earliest_end(resource, capacity));
            if full > end {
                (end, by) = (full, name);
            }
        }
        let reached = self.last.since(first).secs();
        Some(Bound::new(reached, end.since(first).secs(), by))
    }

    /// Instances that the tasks needed who ran when most was held of each resource.
    pub fn at_peak(
        &self,
        capacities: &[[u64; 4]],
        reached: &Reached,
        world: &World,
    ) -> Option<Bound> {
        let of = |resource: usize| {
            let level = &self.levels[resource];
            // Nothing was held for any time since statistics began: who held before does not count.
            if level.peak == 0 {
                return 0;
            }
            let bins: Vec<u64> = capacities.iter().map(|it| it[resource]).collect();
            let tasks = level
                .at_peak
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0);
            let items: Vec<(u64, u64)> = tasks
                .map(|(index, count)| {
                    let template = &world.templates[TemplateId::from_index(index)];
                    let size = parts(&template.demand.least())[resource];
                    (size, u64::from(*count))
                })
                .collect();
            let largest = bins.iter().copied().max().unwrap_or(0);
            fewest(level.peak, &bins).max(martello_toth(&items, largest))
        };
        let (bound, resource) = greatest((0..4).map(|resource| (of(resource), resource)))?;
        let (reached, bound) = (reached.instances_at_peak as f64, bound as f64);
        (bound > 0.0).then(|| Bound::new(reached, bound, RESOURCES[resource]))
    }

    /// The same on average over `span`.
    pub fn on_average(
        &self,
        capacities: &[[u64; 4]],
        reached: &Reached,
        span: SimDuration,
    ) -> Option<Bound> {
        let of = |resource: usize| {
            let bins: Vec<u64> = capacities.iter().map(|it| it[resource]).collect();
            fewest_on_average(self.levels[resource].area, &bins, span.micros())
        };
        let (bound, resource) = greatest((0..4).map(|resource| (of(resource), resource)))?;
        (bound > 0.0).then(|| Bound::new(reached.instances_on_average, bound, RESOURCES[resource]))
    }
}

/// The greatest, and of equals the first.
fn greatest<T: PartialOrd>(bounds: impl Iterator<Item = (T, usize)>) -> Option<(T, usize)> {
    bounds.reduce(|best, next| if next.0 > best.0 { next } else { best })
}
