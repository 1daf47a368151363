//! Why the instances of a cluster do not take a task, kept up to date as they change.

use super::cause::Cause;
use crate::engine::{World, request};
use crate::model::arena::{Arena, ClusterId, Id, InstanceId, TemplateId};
use crate::model::cluster::Cluster;
use crate::model::instance::InstanceStatus;
use crate::model::request::{LaunchOn, Request};
use crate::placement::constraint::{Reason, first_failure, has_attributes, has_zone, in_pool};

/// What an instance says to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answer {
    /// Whether it is considered at all.
    considered: bool,
    /// Why it refuses; absent: it takes the task.
    reason: Option<Reason>,
    /// Whether it would take the task if it were empty.
    able: bool,
}

/// The answers of all instances of a cluster to one template under one of its launches.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    template: TemplateId,
    launch: u8,
    cluster: ClusterId,
    answers: Arena<InstanceId, Answer>,
    version: Option<u64>,
    /// Those that would take it.
    takers: u32,
    /// Refusals by reason: of those that could take it when empty, and of all.
    able: [u32; Reason::ALL.len()],
    all: [u32; Reason::ALL.len()],
}

/// Whether an instance could take a task if nothing else were on it.
pub(super) fn is_able(cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> bool {
    let instance = &cluster.instances()[id];
    let room = instance
        .capacity
        .fits(&instance.resources_for(request.demand));
    room && has_attributes(cluster, id, request.rules) && has_zone(cluster, id, request.rules)
}

/// Why an ACTIVE instance of the pool does not take a task. One that is kept for a job of several
/// nodes has no CPU for others.
pub(super) fn refusal(cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> Option<Reason> {
    match cluster.instances()[id].held {
        true => Some(Reason::Cpu),
        false => first_failure(cluster, id, request),
    }
}

impl Tally {
    pub fn new(world: &World, template: TemplateId, launch: u8) -> Self {
        Tally {
            template,
            launch,
            cluster: world.templates[template].cluster,
            answers: Arena::new(),
            version: None,
            takers: 0,
            able: [0; Reason::ALL.len()],
            all: [0; Reason::ALL.len()],
        }
    }

    /// Follows the cluster to where it is now.
    pub fn update(&mut self, world: &World) {
        let cluster = &world.clusters[self.cluster];
        let version = cluster.version();
        if self.version == Some(version) {
            return;
        }
        let request = request(world, self.template, self.launch);
        let changes = self.version.and_then(|since| cluster.changes_since(since));
        match changes {
            Some(changes) => {
                for change in changes {
                    self.ask(cluster, change.instance, &request);
                }
            }
            None => {
                for id in cluster.instances().ids() {
                    self.ask(cluster, id, &request);
                }
            }
        }
        self.version = Some(version);
    }

    fn ask(&mut self, cluster: &Cluster, id: InstanceId, request: &Request<'_>) {
        while self.answers.len() <= id.index() {
            self.answers.push(Answer::default());
        }
        let active = cluster.instances()[id].status == InstanceStatus::Active;
        let considered = active && in_pool(cluster, id, request.rules.pool);
        let answer = match considered {
            false => Answer::default(),
            true => Answer {
                considered,
                reason: refusal(cluster, id, request),
                able: is_able(cluster, id, request),
            },
        };
        let before = std::mem::replace(&mut self.answers[id], answer);
        if before != answer {
            self.count(before, |count| *count -= 1);
            self.count(answer, |count| *count += 1);
        }
    }

    fn count(&mut self, answer: Answer, change: impl Fn(&mut u32)) {
        match answer.reason {
            _ if !answer.considered => {}
            None => change(&mut self.takers),
            Some(reason) => {
                change(&mut self.all[reason as usize]);
                if answer.able {
                    change(&mut self.able[reason as usize]);
                }
            }
        }
    }

    /// What keeps a task from its place; absent when an instance takes it.
    pub fn cause(&self) -> Option<Cause> {
        let latest = |counts: &[u32]| {
            let mut reasons = Reason::ALL.into_iter().rev();
            reasons.find(|reason| counts[*reason as usize] > 0)
        };
        match self.takers {
            0 => {
                let reason = latest(&self.able).or_else(|| latest(&self.all));
                Some(reason.map_or(Cause::NoInstance, Cause::of))
            }
            _ => None,
        }
    }
}

/// Whether a launch goes to container instances.
pub(super) fn is_on_instances(world: &World, template: TemplateId, launch: u8) -> bool {
    match world.templates[template].launches[usize::from(launch)].on {
        LaunchOn::Ec2 | LaunchOn::External => true,
        LaunchOn::Fargate => false,
        LaunchOn::Provider(id) => !world.providers[id].is_fargate(),
    }
}
