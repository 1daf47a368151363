//! The instances at a moment: what each has free, and why it does not take the one who waits.

use super::Who;
use super::cause::Cause;
use super::tally::{is_able, is_on_instances, refusal};
use crate::engine::{World, request};
use crate::model::arena::{ClusterId, InstanceId, JobKindId, TemplateId};
use crate::model::instance::InstanceStatus;
use crate::model::resources::Resources;
use crate::placement::constraint::{Reason, in_pool};
use crate::time::SimTime;

/// Which moment is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When it first waited for room.
    RoomWanted,
    /// The last up to here at which anything happened.
    At(SimTime),
}

/// One who waits, and everything around, when all events of a moment have been done.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When.
    pub at: SimTime,
    /// Who waits.
    pub who: Who,
    /// What for.
    pub cause: Cause,
    /// What it asks for.
    pub asked: Asked,
    /// The clusters, templates and environments as they are then.
    pub world: World,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A task of this template, under any of its launches or only this one.
    Task(TemplateId, Option<u8>),
    /// A job.
    Job(JobKindId),
}

/// What an instance has, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
    /// What it has free.
    pub free: Resources,
    /// What the task would take there.
    pub need: Resources,
    /// What it says.
    pub answer: Answer,
    /// Whether it would take the task if it were empty.
    pub able: bool,
}

/// What an instance says to one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It would take it.
    Takes,
    /// It does not, for this reason.
    Refuses(Reason),
    /// It has other tasks, and each node of the job needs an instance for itself.
    InUse,
    /// It is not considered: it is not ACTIVE.
    NotActive(InstanceStatus),
    /// It is not considered: it is none of the launch type or capacity provider.
    OutsidePool,
}

impl Asked {
    /// The templates that instances are asked about, each with a launch.
    pub fn templates(self, world: &World) -> Vec<(TemplateId, u8)> {
        match self {
            Asked::Task(template, launch) => {
                let all = 0..world.templates[template].launches.len() as u8;
                let all = all.filter(|it| launch.is_none_or(|launch| launch == *it));
                all.filter(|it| is_on_instances(world, template, *it))
                    .map(|it| (template, it))
                    .collect()
            }
            Asked::Job(kind) => {
                let kind = &world.batch.kinds[kind];
                let environments = world.batch.queues[kind.queue].environments.iter();
                let with = environments.zip(&kind.templates).filter(|(id, _)| {
                    let environment = &world.batch.environments[**id];
                    !environment.capacity.is_fargate()
                });
                with.map(|(_, template)| (*template, 0)).collect()
            }
        }
    }
}

impl Moment {
    /// Every instance that is registered, in order of registration; those of several environments in
    /// the order of these, and where several launches are possible, once for each.
    pub fn rows(&self) -> Vec<Row> {
        let asked = self.asked.templates(&self.world);
        let rows = asked.into_iter().flat_map(|(template, launch)| {
            let id = self.world.templates[template].cluster;
            let instances = self.world.clusters[id].instances().iter();
            let there = instances.filter(|(_, it)| it.left_at.is_none());
            there.map(move |(instance, _)| self.row(id, instance, template, launch))
        });
        rows.collect()
    }

    /// Whether it is a job of several nodes.
    pub(super) fn is_gang(&self) -> bool {
        match self.asked {
            Asked::Job(kind) => self.world.batch.kinds[kind].nodes.is_some(),
            Asked::Task(..) => false,
        }
    }

    fn row(&self, id: ClusterId, instance: InstanceId, template: TemplateId, launch: u8) -> Row {
        let cluster = &self.world.clusters[id];
        let request = request(&self.world, template, launch);
        let state = &cluster.instances()[instance];
        let answer = match refusal(cluster, instance, &request) {
            _ if !in_pool(cluster, instance, request.rules.pool) => Answer::OutsidePool,
            _ if state.status != InstanceStatus::Active => Answer::NotActive(state.status),
            Some(reason) => Answer::Refuses(reason),
            None if self.is_gang() && state.tasks > 0 => Answer::InUse,
            None => Answer::Takes,
        };
        Row {
            cluster: id,
            instance,
            free: state.free,
            need: state.resources_for(request.demand),
            answer,
            able: is_able(cluster, instance, &request),
        }
    }
}
