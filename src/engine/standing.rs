//! What those wait for whose turn it is in the queues of AWS Batch, for whoever explains a wait.

use super::scale_up::{needed_cpu, resources};
use super::{Engine, Recorder};
use crate::batch::JobKind;
use crate::model::arena::{EnvironmentId, JobId, QueueId, TemplateId};

/// A RUNNABLE job whose turn it is: the first of its queue, or one behind it that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its queue.
    pub queue: QueueId,
    /// Which job.
    pub job: JobId,
    /// What it waits for.
    pub hold: Hold,
}

/// What keeps a job whose turn it is from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Too little is left of a consumable resource.
    Consumable,
    /// What is left is kept for shares that are not active (`computeReservation`).
    Reservation,
    /// An instance that is large enough for it is on its way.
    Boot,
    /// An environment could launch an instance for it, but for its `maxvCpus`.
    Maximum,
    /// EC2 has no instance of a type that could be launched for it.
    Insufficient,
    /// The instances of an environment that grows no more, or does not grow, have no room for what
    /// this template asks.
    Full(TemplateId),
    /// No environment of the queue has, or may launch, an instance that is large enough.
    NoType,
    /// No environment of the queue is ENABLED.
    Disabled,
}

impl<R: Recorder> Engine<'_, R> {
    /// Tells who stands first in each queue, where somebody wants to know.
    pub(super) fn tell_heads(&mut self) {
        if !self.recorder.wants_heads() || self.jobs.queues.is_empty() {
            return;
        }
        let mut heads = Vec::new();
        let lookahead = self.world.batch.choices.lookahead;
        for queue in self.world.batch.queues.ids() {
            if self.jobs.queues[queue].is_empty() {
                continue;
            }
            for job in self.jobs.queues[queue].first(self.now, lookahead) {
                let hold = self.is_held_back(job);
                let hold = hold.unwrap_or_else(|| self.what_it_waits_for(job));
                heads.push(Head { queue, job, hold });
            }
        }
        self.recorder.heads(self.now, &heads, &self.world);
    }

    /// Over the environments of its queue: an instance that comes decides, then one that may not,
    /// then one that cannot; else what is there is full.
    fn what_it_waits_for(&self, job: JobId) -> Hold {
        let what = &self.world.batch.kinds[self.job(job).kind];
        let environments = &self.world.batch.queues[what.queue].environments;
        let enabled = environments.iter().copied().enumerate();
        let enabled = enabled.filter(|(_, id)| self.jobs.environments[*id].enabled);
        let mut found = None;
        for (at, id) in enabled {
            let hold = self.what_it_waits_for_in(id, what, what.templates[at]);
            if found.is_none_or(|before| urgency(hold) < urgency(before)) {
                found = Some(hold);
            }
        }
        found.unwrap_or(Hold::Disabled)
    }

    fn what_it_waits_for_in(&self, id: EnvironmentId, what: &JobKind, at: TemplateId) -> Hold {
        let there = &self.world.batch.environments[id];
        let state = &self.jobs.environments[id];
        if there.capacity.is_fargate() {
            let fits = what.need.cpu <= there.max_vcpus.saturating_mul(1024);
            return match fits && what.nodes.is_none() {
                true => Hold::Maximum,
                false => Hold::NoType,
            };
        }
        let need = what.nodes.as_ref().map_or(what.need, |nodes| nodes.largest);
        let need = resources(&need);
        let mut coming = state.pending.iter().filter(|pending| !pending.old);
        if coming.any(|pending| there.descriptions[pending.offer].capacity.fits(&need)) {
            return Hold::Boot;
        }
        let takes_it = what.nodes.is_none() || there.takes_multi_node_jobs();
        if !self.fits_some_type(id, what) || !takes_it {
            return Hold::NoType;
        }
        if !there.is_managed() {
            return Hold::Full(at);
        }
        if self.insufficient_type(id, what).is_some() {
            return Hold::Insufficient;
        }
        let too_large = needed_cpu(what, there) > u64::from(there.max_vcpus) * 1024;
        let offers = there.candidates(what);
        let is_updating = state.is_updating();
        let may = |offer: &usize| there.may_launch(*offer, 1, state.total, is_updating);
        match offers.is_empty() || (!too_large && offers.iter().any(may)) {
            true => Hold::Full(at),
            false => Hold::Maximum,
        }
    }
}

/// Of the environments of a queue that one is told of whose answer is the least here.
const fn urgency(hold: Hold) -> u8 {
    match hold {
        Hold::Consumable => 0,
        Hold::Reservation => 1,
        Hold::Boot => 2,
        Hold::Maximum => 3,
        Hold::Insufficient => 4,
        Hold::Full(_) => 5,
        Hold::NoType => 6,
        Hold::Disabled => 7,
    }
}
