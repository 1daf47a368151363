//! The least change that would have placed somebody at a moment, proved by running it.
//!
//! Each change is made when everything else of the moment has been done, so all that came before is
//! as it was; the run ends with that moment. A change counts only when the task or job takes its
//! place in it, and does not with the next smaller step of the same change.

use rayon::prelude::*;

use super::Who;
use super::cause::Cause;
use super::moment::{Asked, Moment};
use super::tally::{is_able, refusal, request};
use super::until;
use crate::api::{FargateSizes, OperatingSystem, is_fargate_size};
use crate::batch::Capacity;
use crate::engine::amend::{Amendment, Waiter};
use crate::engine::job::JobStatus;
use crate::engine::plan::{Action, Deed};
use crate::engine::{Occurrence, Plan, Recorder, World};
use crate::model::arena::{ClusterId, EnvironmentId, Id, JobKindId, TemplateId};
use crate::model::instance::{Description, InstanceStatus};
use crate::model::request::{Constraint, LaunchOn};
use crate::model::resources::Demand;
use crate::placement::constraint::in_pool;
use crate::time::SimTime;

/// A change, and the step before it that is too small.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// What places it.
    pub change: Change,
    /// What does not, by one step of the same change; absent: nothing but its place in its queue.
    pub smaller: Option<Change>,
}

/// What is other than it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Whether it stands first in its queue, or it is its share's turn; a caller that backs off asks
    /// at that moment whatever else is changed.
    pub first: bool,
    /// What else.
    pub what: What,
}

/// What is other than it was, apart from a place in a queue.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Nothing.
    Same,
    /// It asks for so much less of a resource.
    Less(Amount, u32),
    /// It has one placement constraint less.
    Without(Constraint),
    /// So many more instances like this one are registered in a cluster.
    Instances(ClusterId, Box<Description>, u32),
    /// A compute environment may have so many more vCPUs.
    MaxVcpus(EnvironmentId, u32),
}

/// What a task can ask less of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// CPU units.
    Cpu,
    /// MiB.
    Memory,
    /// Whole GPUs.
    Gpus,
}

impl Amount {
    /// What a demand has of it.
    fn of(self, demand: &Demand) -> u32 {
        match self {
            Amount::Cpu => demand.resources.cpu,
            Amount::Memory => demand.resources.memory,
            Amount::Gpus => demand.resources.gpus,
        }
    }

    fn set(self, demand: &mut Demand, to: u32) {
        match self {
            Amount::Cpu => demand.resources.cpu = to,
            Amount::Memory => demand.resources.memory = to,
            Amount::Gpus => demand.resources.gpus = to,
        }
    }

    /// The smallest step, and the least that may be left. Sources: AWS Batch API reference,
    /// ResourceRequirement (whole vCPUs on EC2, 4 MiB); ECS API reference, ContainerDefinition
    /// (2 CPU units on Linux, 6 MiB).
    const fn step_and_least(self, is_job: bool) -> (u32, u32) {
        match (self, is_job) {
            (Amount::Cpu, true) => (1024, 1024),
            (Amount::Cpu, false) => (1, 2),
            (Amount::Memory, true) => (1, 4),
            (Amount::Memory, false) => (1, 6),
            (Amount::Gpus, _) => (1, 0),
        }
    }
}

/// What would have placed the one who waits at a moment; empty when no change of these kinds does
/// by itself, or when it did not wait for a place.
pub fn proposals(plan: &Plan, moment: &Moment) -> Vec<Proposal> {
    if !moment.cause.wants_room() {
        return Vec::new();
    }
    let behind = matches!(moment.cause, Cause::QueueOrder | Cause::Share);
    let found = proposals_from(plan, moment, behind);
    // In PROVISIONING many wait for the same instance, and the oldest of them goes first.
    let in_line = matches!(moment.cause, Cause::Boot | Cause::Scaling | Cause::Maximum);
    match found.is_empty() && in_line {
        true => proposals_from(plan, moment, true),
        false => found,
    }
}

/// The same, from its place in its queue or from the first.
fn proposals_from(plan: &Plan, moment: &Moment, first: bool) -> Vec<Proposal> {
    let same = Change {
        first,
        what: What::Same,
    };
    if starts(plan, moment, &same) {
        let change = same;
        return vec![Proposal {
            change,
            smaller: None,
        }];
    }
    let candidates = candidates(moment);
    let proved = candidates.into_par_iter().filter_map(|(what, smaller)| {
        let proposal = Proposal {
            change: Change { first, what },
            smaller: smaller.map(|what| Change { first, what }),
        };
        let smaller = proposal.smaller.as_ref();
        let is_least = smaller.is_none_or(|smaller| !starts(plan, moment, smaller));
        (is_least && starts(plan, moment, &proposal.change)).then_some(proposal)
    });
    let mut found: Vec<Proposal> = proved.collect();
    found.extend(fargate_vcpus(plan, moment, first));
    found
}

/// Whether a change places the one who waits at that moment.
pub fn starts(plan: &Plan, moment: &Moment, change: &Change) -> bool {
    let mut proof = Proof {
        who: moment.who,
        at: moment.at,
        starts: false,
    };
    crate::engine::run(amended(plan, moment, change), &mut proof);
    proof.starts
}

/// Whether somebody takes his place at a moment.
struct Proof {
    who: Who,
    at: SimTime,
    starts: bool,
}

impl Recorder for Proof {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, _: &World) {
        let who = match occurrence {
            Occurrence::Placed(task) => Who::Task(task.workload, task.key),
            Occurrence::Job { id, job, .. } if job.status == JobStatus::Starting => Who::Job(id),
            _ => return,
        };
        // A job that comes back to STARTING at once has been placed too.
        self.starts |= now == self.at && who == self.who;
    }
}

// ---- The plan with a change -----------------------------------------------------------------

/// The plan in which a change is made at the moment, up to its end.
pub fn amended(plan: &Plan, moment: &Moment, change: &Change) -> Plan {
    let mut plan = until(plan, moment.at);
    let world = &mut plan.world;
    let (mut instances, mut max_vcpus) = (Vec::new(), None);
    let mut asked = None;
    match &change.what {
        What::Same => {}
        What::Less(amount, by) => asked = Some(with_less(world, moment, *amount, *by)),
        What::Without(constraint) => asked = Some(without(world, moment, constraint)),
        What::Instances(cluster, like, count) => {
            instances = (0..*count).map(|_| (*cluster, (**like).clone())).collect();
        }
        What::MaxVcpus(environment, more) => {
            let before = moment.world.batch.environments[*environment].max_vcpus;
            max_vcpus = Some((*environment, before + more));
        }
    }
    let who = match (moment.who, asked) {
        (Who::Task(workload, key), asked) => Waiter::Task {
            workload,
            key,
            template: match asked {
                Some(Asked::Task(template, _)) => Some(template),
                _ => None,
            },
        },
        (Who::Job(id), asked) => Waiter::Job {
            id,
            kind: match asked {
                Some(Asked::Job(kind)) => Some(kind),
                _ => None,
            },
        },
    };
    let amendment = Amendment {
        who,
        first: change.first,
        instances,
        max_vcpus,
    };
    plan.actions.push(Action {
        at: moment.at,
        what: Deed::Amend(Box::new(amendment)),
    });
    plan
}

/// Adds what the one asks for with less of something.
fn with_less(world: &mut World, moment: &Moment, amount: Amount, by: u32) -> Asked {
    let lessened = |world: &mut World, id: TemplateId| {
        let mut template = world.templates[id].clone();
        let left = amount.of(&template.demand).saturating_sub(by);
        amount.set(&mut template.demand, left);
        world.templates.push(template)
    };
    match moment.asked {
        Asked::Task(template, launch) => Asked::Task(lessened(world, template), launch),
        Asked::Job(id) => {
            let kind = with_templates(world, id, lessened);
            let need = &mut world.batch.kinds[kind].need;
            match amount {
                Amount::Cpu => need.cpu -= by,
                Amount::Memory => need.memory -= by,
                Amount::Gpus => need.gpus -= by,
            }
            Asked::Job(kind)
        }
    }
}

/// Adds what the one asks for with one constraint less.
fn without(world: &mut World, moment: &Moment, constraint: &Constraint) -> Asked {
    let freed = |world: &mut World, id: TemplateId| {
        let mut template = world.templates[id].clone();
        for launch in &mut template.launches {
            let mut rules = world.rules[launch.rules].clone();
            rules.constraints.retain(|it| it != constraint);
            launch.rules = world.rules.push(rules);
        }
        template.distinct_instance &= *constraint != Constraint::DistinctInstance;
        world.templates.push(template)
    };
    match moment.asked {
        Asked::Task(template, launch) => Asked::Task(freed(world, template), launch),
        Asked::Job(id) => Asked::Job(with_templates(world, id, freed)),
    }
}

/// Adds a kind of job like another, with other templates.
fn with_templates(
    world: &mut World,
    id: JobKindId,
    change: impl Fn(&mut World, TemplateId) -> TemplateId,
) -> JobKindId {
    let mut kind = world.batch.kinds[id].clone();
    for template in &mut kind.templates {
        *template = change(world, *template);
    }
    let shapes = world.batch.kinds.items().iter().map(|it| it.shape);
    kind.shape = shapes.max().unwrap_or(0) + 1;
    world.batch.kinds.push(kind)
}

// ---- What may help --------------------------------------------------------------------------

/// Changes that may place it, each with the step before it.
fn candidates(moment: &Moment) -> Vec<(What, Option<What>)> {
    let mut found = Vec::new();
    let is_gang = moment.is_gang();
    if !is_gang {
        for amount in [Amount::Cpu, Amount::Memory, Amount::Gpus] {
            if let Some((by, step)) = least_less(moment, amount) {
                let smaller = (by > step).then(|| What::Less(amount, by - step));
                found.push((What::Less(amount, by), smaller));
            }
        }
        found.extend(fargate_size(moment));
        let dropped = constraints(moment).into_iter();
        found.extend(dropped.map(|it| (What::Without(it), None)));
    }
    let most = if is_gang { nodes(moment) } else { 1 };
    for (cluster, like) in kinds_of_instances(moment) {
        for count in 1..=most {
            let instances = |count| What::Instances(cluster, Box::new(like.clone()), count);
            found.push((instances(count), (count > 1).then(|| instances(count - 1))));
        }
    }
    found
}

fn nodes(moment: &Moment) -> u32 {
    match moment.asked {
        Asked::Job(kind) => {
            let nodes = &moment.world.batch.kinds[kind].nodes;
            nodes.as_ref().map_or(1, |nodes| nodes.needs.len() as u32)
        }
        Asked::Task(..) => 1,
    }
}

/// The least that an instance would have to be asked less of a resource, all else as it is, and the
/// step in which that is counted.
fn least_less(moment: &Moment, amount: Amount) -> Option<(u32, u32)> {
    let world = &moment.world;
    let is_job = matches!(moment.asked, Asked::Job(_));
    let (step, least) = amount.step_and_least(is_job);
    let mut found: Option<u32> = None;
    for (template, launch) in moment.asked.templates(world) {
        let demand = &world.templates[template].demand;
        let now = amount.of(demand);
        let depends_on_instance = match amount {
            Amount::Gpus => demand.all_gpus,
            Amount::Cpu | Amount::Memory => demand.windows.is_some(),
        };
        if depends_on_instance {
            continue;
        }
        let mut without = demand.clone();
        amount.set(&mut without, 0);
        let mut asked = request(world, template, launch);
        asked.demand = &without;
        let cluster = &world.clusters[world.templates[template].cluster];
        for (id, instance) in cluster.instances().iter() {
            let considered = instance.status == InstanceStatus::Active
                && in_pool(cluster, id, asked.rules.pool)
                && refusal(cluster, id, &asked).is_none();
            let free = match amount {
                Amount::Cpu => instance.free.cpu,
                Amount::Memory => instance.free.memory,
                Amount::Gpus => instance.free.gpus,
            };
            if considered && free < now {
                let by = (now - free).div_ceil(step) * step;
                let left = now.checked_sub(by).filter(|left| *left >= least);
                if left.is_some() {
                    found = Some(found.map_or(by, |before| before.min(by)));
                }
            }
        }
    }
    Some((found?, step))
}

/// On Fargate: less CPU means another of its sizes, the next smaller one of the same memory.
fn fargate_size(moment: &Moment) -> Vec<(What, Option<What>)> {
    let Asked::Job(id) = moment.asked else {
        return Vec::new();
    };
    let kind = &moment.world.batch.kinds[id];
    let environments = &moment.world.batch.queues[kind.queue].environments;
    let mut all = environments.iter();
    if !all.all(|it| moment.world.batch.environments[*it].capacity.is_fargate()) {
        return Vec::new();
    }
    let (cpu, memory) = (kind.need.cpu, kind.need.memory);
    let offered = |it: &u32| {
        let newest = FargateSizes::Newest;
        *it < cpu && is_fargate_size(*it, memory, OperatingSystem::Linux, newest)
    };
    let sizes = (8..15).rev().map(|power| 1 << power).filter(offered);
    let less: Vec<What> = sizes
        .map(|size| What::Less(Amount::Cpu, cpu - size))
        .collect();
    let before = [None].into_iter().chain(less.iter().cloned().map(Some));
    less.iter().cloned().zip(before).collect()
}

/// The constraints that it has, each once.
fn constraints(moment: &Moment) -> Vec<Constraint> {
    let mut found: Vec<Constraint> = Vec::new();
    for (template, launch) in moment.asked.templates(&moment.world) {
        let rules = request(&moment.world, template, launch).rules;
        for constraint in &rules.constraints {
            if !found.contains(constraint) {
                found.push(constraint.clone());
            }
        }
    }
    found
}

/// One instance of each kind there is: those that are registered, and those that a group or an
/// environment may launch.
fn kinds_of_instances(moment: &Moment) -> Vec<(ClusterId, Description)> {
    let world = &moment.world;
    let mut found: Vec<(ClusterId, Description)> = Vec::new();
    for (template, launch) in moment.asked.templates(world) {
        let asked = &world.templates[template];
        let cluster = &world.clusters[asked.cluster];
        let request = request(world, template, launch);
        let there = cluster.instances().iter().filter(|(id, instance)| {
            let registered = instance.left_at.is_none();
            registered
                && in_pool(cluster, *id, request.rules.pool)
                && is_able(cluster, *id, &request)
        });
        let there = there.map(|(id, _)| cluster.descriptions()[id].clone());
        let of_group = match asked.launches[usize::from(launch)].on {
            LaunchOn::Provider(id) => world.providers[id].group().map(|group| {
                let launched = |it: &Description| Description {
                    provider: Some(id),
                    ..it.clone()
                };
                group.types.iter().map(launched).collect::<Vec<_>>()
            }),
            LaunchOn::Ec2 | LaunchOn::External | LaunchOn::Fargate => None,
        };
        let environments = world.batch.environments.items().iter();
        let of_environment = environments.filter(|it| it.cluster == asked.cluster);
        let of_environment = of_environment.flat_map(|it| it.descriptions.iter().cloned());
        let kinds = there
            .chain(of_group.into_iter().flatten())
            .chain(of_environment);
        for like in kinds {
            let kind = kind_of(&like);
            let is_known = found
                .iter()
                .any(|(id, other)| *id == asked.cluster && kind_of(other) == kind);
            if !is_known {
                found.push((asked.cluster, like));
            }
        }
    }
    found
}

/// What tells one kind of instance from another; zone and identity do not.
fn kind_of(
    like: &Description,
) -> (
    Option<&str>,
    [u32; 4],
    Option<usize>,
    Vec<(&String, &String)>,
) {
    let capacity = like.capacity;
    let mut attributes: Vec<_> = like.attributes.iter().collect();
    attributes.retain(|(name, _)| name.as_str() != "ecs.availability-zone");
    (
        like.instance_type.as_deref(),
        [capacity.cpu, capacity.memory, capacity.gpus, capacity.enis],
        like.provider.map(Id::index),
        attributes,
    )
}

/// The least `maxvCpus` of each Fargate environment that starts a job; found by halving, for more
/// never does less.
fn fargate_vcpus(plan: &Plan, moment: &Moment, first: bool) -> Vec<Proposal> {
    let Asked::Job(id) = moment.asked else {
        return Vec::new();
    };
    let kind = &moment.world.batch.kinds[id];
    let environments = moment.world.batch.queues[kind.queue].environments.iter();
    let fargate = environments.filter(|id| {
        let capacity = moment.world.batch.environments[**id].capacity;
        matches!(capacity, Capacity::Fargate | Capacity::FargateSpot)
    });
    let found = fargate.filter_map(|id| {
        let more = |vcpus| Change {
            first,
            what: What::MaxVcpus(*id, vcpus),
        };
        let (mut too_few, mut enough) = (0, kind.need.cpu.div_ceil(1024));
        if !starts(plan, moment, &more(enough)) {
            return None;
        }
        while too_few + 1 < enough {
            let middle = too_few + (enough - too_few) / 2;
            match starts(plan, moment, &more(middle)) {
                true => enough = middle,
                false => too_few = middle,
            }
        }
        Some(Proposal {
            change: more(enough),
            smaller: (too_few > 0).then(|| more(too_few)),
        })
    });
    found.collect()
}
