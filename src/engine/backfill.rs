//! Queues with EASY backfilling (`x-easy`): who starts is for [`crate::batch::backfill`] to say; here
//! it is told what runs where, and when it is asked.
//!
//! It is asked in the last round of an instant, when all that ends in it has ended. Where anything
//! came free, all waiting jobs are looked at in order, and the first that finds no hosts is promised
//! some anew; where jobs have only come, just they are, and the promise stands. A look costs a walk
//! over the instances and what runs there, and for each job one over the instances with something
//! free; it ends when there are none.

use super::queues::Place;
use super::scale_up::resources;
use super::task::Host;
use super::{Engine, Recorder};
use crate::batch::JobKind;
use crate::batch::backfill::{self, Profile, Promise, Wish};
use crate::engine::job::JobStatus;
use crate::model::arena::{EnvironmentId, Id, InstanceId, JobId, QueueId};
use crate::model::instance::{Instance, InstanceStatus};
use crate::model::resources::Resources;
use crate::time::{SimDuration, SimTime};

/// What a queue remembers from one look at its jobs to the next.
#[derive(Debug, Default)]
pub(super) struct Backfill {
    /// Jobs that have come since, in order.
    fresh: Vec<JobId>,
    promised: Option<Promised>,
    /// How much had come free then; absent: all jobs are to be looked at.
    seen: Option<u64>,
}

/// Hosts that a job is promised.
#[derive(Clone, Debug)]
struct Promised {
    job: JobId,
    /// Which environment of the queue they are in.
    at: usize,
    promise: Promise,
}

/// What comes of a look.
struct Look {
    starts: Vec<(JobId, usize, Vec<usize>)>,
    promised: Option<Promised>,
}

impl Backfill {
    /// A job has come to the queue.
    pub fn joined(&mut self, id: JobId) {
        self.fresh.push(id);
    }

    /// A job has left it. Without the one that was promised hosts, others may have them.
    pub fn left(&mut self, id: JobId) {
        if self.promised.as_ref().is_some_and(|it| it.job == id) {
            *self = Backfill {
                fresh: std::mem::take(&mut self.fresh),
                ..Backfill::default()
            };
        }
    }
}

impl JobKind {
    fn wish(&self) -> Wish<'_> {
        let nodes = self.nodes.as_ref();
        let largest = nodes.map_or(&self.need, |nodes| &nodes.largest);
        Wish {
            need: resources(largest),
            nodes: nodes.map(|nodes| (nodes.count(), nodes.instance_type.as_deref())),
            // Every job of such a queue has one; a scenario without is refused.
            limit: self.timeout.unwrap_or(SimDuration::MAX),
        }
    }
}

impl<R: Recorder> Engine<'_, R> {
    /// Starts the jobs of a queue that can start.
    pub(super) fn backfill(&mut self, queue: QueueId) {
        // What else falls due in this instant may free hosts of lower numbers.
        if self.jobs.queues[queue].is_empty() || self.calendar.next_time() == Some(self.now) {
            return;
        }
        let freed = self.freed(queue);
        let state = &mut self.jobs.queues[queue].backfill;
        let fresh = std::mem::take(&mut state.fresh);
        let look = match state.seen == Some(freed) {
            true if fresh.is_empty() => return,
            true => {
                let promised = state.promised.take();
                let still = |id: &JobId| self.job(*id).status == JobStatus::Runnable;
                self.look(queue, fresh.into_iter().filter(still), promised)
            }
            false => self.look(queue, self.jobs.queues[queue].in_line(), None),
        };
        for (id, at, hosts) in look.starts {
            let mut instances = hosts.into_iter().map(InstanceId::from_index);
            let kind = &self.world.batch.kinds[self.job(id).kind];
            let place = match (&kind.nodes, instances.next()) {
                (Some(_), first) => Place::Gang(first.into_iter().chain(instances).collect()),
                (None, Some(first)) => Place::One(Host::Instance(first)),
                (None, None) => unreachable!("a job starts somewhere"),
            };
            self.leave_line(id);
            self.start_attempt(id, at, place);
        }
        let state = &mut self.jobs.queues[queue].backfill;
        (state.promised, state.seen) = (look.promised, Some(freed));
    }

    /// A number that grows whenever hosts of a queue come free, or come and go.
    fn freed(&self, queue: QueueId) -> u64 {
        let environments = self.world.batch.queues[queue].environments.iter();
        let changes = environments.map(|id| {
            let cluster = self.world.batch.environments[*id].cluster;
            self.membership[cluster]
        });
        self.jobs.freed + changes.sum::<u64>()
    }

    /// Which of these jobs start now, each where it does not hold up the one that is promised hosts:
    /// as long as none is, the first that finds none will be. A job that lacks consumable resources
    /// is passed over, and promised nothing.
    fn look(
        &self,
        queue: QueueId,
        jobs: impl Iterator<Item = JobId>,
        mut promised: Option<Promised>,
    ) -> Look {
        let mut profiles = self.profiles(queue);
        let stock = self.jobs.consumables.iter();
        let mut stock: Vec<u64> = stock.map(|it| it.available()).collect();
        let mut starts = Vec::new();
        for id in jobs {
            if promised.is_some() && profiles.iter().all(|(_, profile)| profile.is_full()) {
                break;
            }
            let kind = &self.world.batch.kinds[self.job(id).kind];
            let takes = || self.jobs.still_to_take(id, kind);
            if takes().any(|(resource, quantity)| stock[resource] < quantity) {
                continue;
            }
            let wish = kind.wish();
            let mut now = None;
            for (at, profile) in &mut profiles {
                let here = promised.as_ref().filter(|it| it.at == *at);
                if !self.takes(queue, *at, kind) {
                    continue;
                }
                now = profile.now(&wish, here.map(|it| &it.promise));
                if let Some(hosts) = &now {
                    profile.take(hosts, &wish);
                    starts.push((id, *at, hosts.clone()));
                    takes().for_each(|(resource, quantity)| stock[resource] -= quantity);
                    break;
                }
            }
            if now.is_none() && promised.is_none() {
                promised = self.promise(queue, id, &profiles);
            }
        }
        Look { starts, promised }
    }

    /// The earliest hosts for a job; of several environments the first.
    fn promise(
        &self,
        queue: QueueId,
        job: JobId,
        profiles: &[(usize, Profile<'_>)],
    ) -> Option<Promised> {
        let kind = &self.world.batch.kinds[self.job(job).kind];
        let wish = kind.wish();
        let there = profiles.iter();
        let there = there.filter(|(at, _)| self.takes(queue, *at, kind));
        let found = there.filter_map(|(at, profile)| {
            let (at, promise) = (*at, profile.earliest(&wish)?);
            Some(Promised { job, at, promise })
        });
        found.min_by_key(|it| it.promise.start)
    }

    /// Whether an environment of a queue takes jobs of a kind.
    fn takes(&self, queue: QueueId, at: usize, kind: &JobKind) -> bool {
        let id = self.world.batch.queues[queue].environments[at];
        kind.nodes.is_none() || self.world.batch.environments[id].takes_multi_node_jobs()
    }

    /// The hosts of each environment of a queue that is in use.
    fn profiles(&self, queue: QueueId) -> Vec<(usize, Profile<'_>)> {
        let environments = self.world.batch.queues[queue].environments.iter();
        let used = environments.enumerate();
        let used = used.filter(|(_, id)| self.jobs.environments[**id].enabled);
        used.map(|(at, id)| (at, Profile::new(self.now, self.hosts(*id))))
            .collect()
    }

    fn hosts(&self, id: EnvironmentId) -> Vec<backfill::Host<'_>> {
        let cluster = self.world.batch.environments[id].cluster;
        let there = &self.world.clusters[cluster];
        let mut held = vec![None; there.instances().len()];
        for (job, gang) in &self.jobs.gangs {
            let queue = self.world.batch.kinds[self.job(*job).kind].queue;
            if self.world.batch.queues[queue].environments[gang.at] == id {
                let end = self.expected_end(*job, gang.placed);
                gang.hosts
                    .iter()
                    .for_each(|host| held[host.index()] = Some(end));
            }
        }
        let instances = there.instances().iter().zip(held);
        let hosts = instances.map(|((id, instance), held)| {
            let (free, ends) = match held {
                Some(end) => (Resources::default(), vec![(end, instance.capacity)]),
                None => self.shared(instance, self.aboard[cluster][id.index()].iter()),
            };
            backfill::Host {
                takes_jobs: instance.status == InstanceStatus::Active && instance.agent_connected,
                instance_type: there.descriptions()[id]
                    .instance_type
                    .as_deref()
                    .unwrap_or(""),
                capacity: instance.capacity,
                free,
                ends,
            }
        });
        hosts.collect()
    }

    /// What is free on an instance that nobody has for himself, and what its jobs give back when. A
    /// node that stops because its job has ended keeps all others away until it has.
    fn shared(
        &self,
        instance: &Instance,
        aboard: impl Iterator<Item = super::event::Ref>,
    ) -> (Resources, Vec<(SimTime, Resources)>) {
        let (mut ends, mut rest, mut stops) = (Vec::new(), instance.capacity, false);
        for at in aboard {
            let task = self.tasks.get(at);
            let Some((task, job)) = task.and_then(|task| Some((task, task.job?))) else {
                continue;
            };
            let flight = self.jobs.list[job].task.filter(|flight| flight.task == at);
            let Some(flight) = flight else {
                stops = true;
                continue;
            };
            let taken = self.world.templates[task.template].demand.resources;
            rest = rest.checked_sub(&taken).unwrap_or_default();
            ends.push((self.expected_end(job, flight.placed), taken));
        }
        if stops {
            ends.push((self.soon(), rest));
        }
        ends.sort_unstable_by_key(|(end, _)| *end);
        let free = match stops {
            true => Resources::default(),
            false => instance.free,
        };
        (free, ends)
    }

    /// The next moment after this.
    fn soon(&self) -> SimTime {
        self.now + SimDuration::from_micros(1)
    }

    /// When an attempt ends at the latest, by its timeout; one without may run for ever. What is
    /// over its time is about to end.
    fn expected_end(&self, id: JobId, placed: SimTime) -> SimTime {
        let job = self.job(id);
        let Some(timeout) = self.world.batch.kinds[job.kind].timeout else {
            return SimTime::MAX;
        };
        let begun = match job.status {
            JobStatus::Running => job.times.started.unwrap_or(placed),
            _ => placed,
        };
        (begun + timeout).max(self.soon())
    }
}
