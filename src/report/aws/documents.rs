//! Fills documents while a run goes on: a task's as it stops, the others at the end.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::job::Jobs;
use super::{JobFacts, List, Names, TaskFacts, instance, task};
use crate::engine::task::{Task, TaskState};
use crate::engine::{Occurrence, Outcome, World};
use crate::model::arena::{Arena, ClusterId, InstanceId, JobKindId, TemplateId};
use crate::model::resources::HostPort;
use crate::report::Clock;

/// Writes `describe-tasks.json` and `describe-container-instances.json`: tasks in the order in which
/// they stopped, then those that had not, by number; instances by cluster in the order in which they
/// registered.
pub struct Documents<W: Write> {
    tasks: List<W>,
    instances: W,
    jobs: Option<(W, Arena<JobKindId, Arc<JobFacts>>)>,
    scope: Scope,
    /// Of each task that was placed and has not stopped, by number.
    live: FxHashMap<u64, Told>,
    hosts: FxHashMap<(ClusterId, InstanceId), Host>,
}

/// What all documents of a run have in common.
pub(super) struct Scope {
    pub names: Names,
    pub clock: Clock,
    pub facts: Arena<TemplateId, TaskFacts>,
}

/// What has been told of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The last status that was told.
    pub status: &'static str,
    /// 1, and one more for each change of that.
    pub version: u64,
    /// Host ports that were picked for it, in the order of its containers and their mappings; of a
    /// range the first.
    pub ports: Vec<u16>,
}

/// What has been told of an instance.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// How often it changed: status, connection, what is free on it.
    pub changes: u64,
    /// Host ports that were picked for its tasks.
    ports: BTreeSet<u16>,
}

/// First of the host ports that are picked: the agent's own range where the kernel's is not known.
/// Source: ECS API reference, PortMapping, `hostPort`.
const FIRST_PICKED: u16 = 49153;

impl<W: Write> Documents<W> {
    /// Begins both files of a run in `world`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn new(
        tasks: W,
        instances: W,
        clock: Clock,
        facts: Arena<TemplateId, TaskFacts>,
        world: &World,
    ) -> io::Result<Self> {
        Ok(Documents {
            tasks: List::new(tasks, "tasks")?,
            instances,
            jobs: None,
            scope: Scope {
                names: Names::of_zone(any_zone(world)),
                clock,
                facts,
            },
            live: FxHashMap::default(),
            hosts: FxHashMap::default(),
        })
    }

    /// Has `describe-jobs.json` written as well: all jobs in the order of their creation.
    #[must_use]
    pub fn with_jobs(mut self, jobs: W, facts: Arena<JobKindId, Arc<JobFacts>>) -> Self {
        self.jobs = Some((jobs, facts));
        self
    }

    /// Notes what happened; writes a task that has stopped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&mut self, occurrence: Occurrence<'_>, world: &World) -> io::Result<()> {
        match occurrence {
            Occurrence::Placed(task) => {
                let waited = task.times.placed != Some(task.times.created);
                self.live.insert(task.number, Told::first(task, waited));
                self.host_changed(task, world);
            }
            Occurrence::Moved(task) => self.told(task),
            Occurrence::Started(task) => {
                self.told(task);
                self.pick_ports(task, world);
            }
            Occurrence::Released(task) => self.host_changed(task, world),
            Occurrence::Stopped(task) => return self.stopped(task, world),
            Occurrence::Instance {
                cluster, instance, ..
            } => self.hosts.entry((cluster, instance)).or_default().changes += 1,
            Occurrence::Requested(_)
            | Occurrence::Queued(_)
            | Occurrence::Refused { .. }
            | Occurrence::GaveUp { .. }
            | Occurrence::Repeated { .. }
            | Occurrence::Accepted(_)
            | Occurrence::HealthChanged(_)
            | Occurrence::Stopping(_)
            | Occurrence::Scaled(_)
            | Occurrence::Service(_)
            | Occurrence::Job { .. }
            | Occurrence::Attempt { .. }
            | Occurrence::JobBlocked { .. }
            | Occurrence::JobRefused { .. } => {}
        }
        Ok(())
    }

    /// Writes the tasks that have not stopped, the instances and the jobs; ends the files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(mut self, outcome: &Outcome) -> io::Result<()> {
        let world = &outcome.world;
        for task in &outcome.live {
            let told = self.live.remove(&task.number);
            let told = told.unwrap_or_else(|| Told::first(task, false));
            self.tasks
                .push(&task::document(task, world, &self.scope, &told))?;
        }
        self.tasks.end()?;
        let mut pending = FxHashMap::<(ClusterId, InstanceId), u32>::default();
        let at_agents = outcome
            .live
            .iter()
            .filter(|task| matches!(task.state, TaskState::Queued | TaskState::Pending));
        for place in at_agents.filter_map(|task| place(task, world)) {
            *pending.entry(place).or_default() += 1;
        }
        let mut list = List::new(self.instances, "containerInstances")?;
        for (cluster, instances) in world.clusters.iter() {
            for id in instances.instances().ids() {
                let place = (cluster, id);
                let changes = self.hosts.get(&place).map_or(0, |host| host.changes);
                let pending = pending.get(&place).copied().unwrap_or(0);
                list.push(&instance::document(
                    place,
                    world,
                    &self.scope,
                    changes,
                    pending,
                ))?;
            }
        }
        list.end()?;
        let Some((file, facts)) = self.jobs else {
            return Ok(());
        };
        let jobs = Jobs::new(outcome, &self.scope, &facts);
        let mut list = List::new(file, "jobs")?;
        for (id, job) in outcome.jobs.iter() {
            list.push(&jobs.document(id, job))?;
        }
        list.end_without_failures()
    }

    fn told(&mut self, task: &Task) {
        if let Some(told) = self.live.get_mut(&task.number) {
            told.note(task);
        }
    }

    fn stopped(&mut self, task: &Task, world: &World) -> io::Result<()> {
        let told = self.live.remove(&task.number);
        // It was never placed: it waited in PROVISIONING.
        let mut told = told.unwrap_or_else(|| Told {
            status: TaskState::Waiting.last_status(),
            version: 1,
            ports: Vec::new(),
        });
        told.note(task);
        self.tasks
            .push(&task::document(task, world, &self.scope, &told))?;
        let Some(host) = place(task, world).and_then(|place| self.hosts.get_mut(&place)) else {
            return Ok(());
        };
        let picked = self.scope.facts[task.template].picked();
        for (first, count) in told.ports.into_iter().zip(picked) {
            for port in span(first, count) {
                host.ports.remove(&port);
            }
        }
        Ok(())
    }

    fn host_changed(&mut self, task: &Task, world: &World) {
        if let Some(place) = place(task, world) {
            self.hosts.entry(place).or_default().changes += 1;
        }
    }

    /// Picks a host port for each mapping that names none, or as many in a row as its range has: the
    /// lowest from 49153 up that no other task of the instance has. When there is none left, this
    /// mapping and those after it have no binding.
    fn pick_ports(&mut self, task: &Task, world: &World) {
        let Some(told) = self.live.get_mut(&task.number) else {
            return;
        };
        let Some((cluster, id)) = place(task, world) else {
            return;
        };
        for count in self.scope.facts[task.template].picked() {
            let host = self.hosts.entry((cluster, id)).or_default();
            let taken = &world.clusters[cluster].instances()[id].ports;
            let Some(first) = lowest(count, &host.ports, taken) else {
                return;
            };
            host.ports.extend(span(first, count));
            told.ports.push(first);
        }
    }
}

impl Told {
    /// A task that is told of for the first time, unless it has `waited` in PROVISIONING.
    fn first(task: &Task, waited: bool) -> Self {
        let mut told = Told {
            status: task.state.last_status(),
            version: 1,
            ports: Vec::new(),
        };
        if waited {
            told.status = TaskState::Waiting.last_status();
            told.note(task);
        }
        told
    }

    fn note(&mut self, task: &Task) {
        let status = task.state.last_status();
        if self.status != status {
            self.status = status;
            self.version += 1;
        }
    }
}

impl TaskFacts {
    /// How many ports each mapping has that names no port of the host.
    fn picked(&self) -> impl Iterator<Item = u16> {
        let ports = self.containers.iter().flat_map(|it| &it.ports);
        ports
            .filter(|port| port.host.is_none())
            .map(|port| port.count())
    }
}

/// The instance of a task, in its cluster.
fn place(task: &Task, world: &World) -> Option<(ClusterId, InstanceId)> {
    Some((world.templates[task.template].cluster, task.instance()?))
}

fn span(first: u16, count: u16) -> impl Iterator<Item = u16> {
    (first..=u16::MAX).take(count.into())
}

/// The first of the lowest `count` ports in a row that are neither picked nor taken.
fn lowest(count: u16, picked: &BTreeSet<u16>, taken: &[HostPort]) -> Option<u16> {
    let is_free =
        |port: &u16| !picked.contains(port) && taken.iter().all(|other| other.port != *port);
    let last = u16::MAX - count.saturating_sub(1);
    (FIRST_PICKED..=last).find(|first| span(*first, count).all(|port| is_free(&port)))
}

/// A zone of the scenario, which tells the region: one scenario is of one.
fn any_zone(world: &World) -> Option<&str> {
    let descriptions = world.clusters.items().iter();
    let mut standing = descriptions.flat_map(|cluster| cluster.descriptions().items());
    let groups = world.providers.items().iter();
    let mut groups = groups.filter_map(|provider| provider.group());
    let mut environments = world.batch.environments.items().iter();
    standing
        .find_map(|description| description.zone())
        .or_else(|| groups.find_map(|group| group.zones.first().map(String::as_str)))
        .or_else(|| {
            environments.find_map(|environment| environment.zones.first().map(String::as_str))
        })
        .or_else(|| world.zones.first().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::resources::Protocol;

    #[test]
    fn the_lowest_ports_that_are_free_are_picked() {
        let taken = [HostPort {
            protocol: Protocol::Udp,
            port: 49155,
        }];
        let check = |count, picked: &[u16], expected| {
            let picked = picked.iter().copied().collect();
            assert_eq!(lowest(count, &picked, &taken), expected);
        };
        check(1, &[], Some(49153));
        check(1, &[49153], Some(49154));
        check(1, &[49153, 49154], Some(49156));
        check(2, &[49153], Some(49156));
        check(16380, &[], Some(49156));
        check(16381, &[], None);
        check(u16::MAX, &[], None);
    }
}
