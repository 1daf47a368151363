//! What strategies must know of a whole run before it starts: the work to expect (`x-fgd`) and the
//! shuffled order of the instances (`assumptions.ties: shuffled`).

use crate::model::arena::{Arena, ClusterId, Id, TemplateId, WorkloadId};
use crate::model::mix::{ExpectedTask, Mix};
use crate::model::request::{Constraint, StrategyRule};
use crate::rng::Streams;
use crate::workload::{Arrivals, Call, Workload};

use super::plan::World;

/// Tells every cluster what the rules of its templates need.
pub(super) fn tell_clusters(
    world: &mut World,
    workloads: &Arena<WorkloadId, Workload>,
    streams: Streams,
) {
    let clusters: Vec<ClusterId> = world.clusters.ids().collect();
    for cluster in clusters {
        if uses(world, cluster, &StrategyRule::Shuffled) {
            world.clusters[cluster].shuffle(streams, cluster.index() as u64);
        }
        if uses(world, cluster, &StrategyRule::Fgd) {
            let mix = Mix::new(expected(world, cluster, workloads));
            world.clusters[cluster].expect(mix);
        }
    }
}

fn uses(world: &World, cluster: ClusterId, rule: &StrategyRule) -> bool {
    let templates = world.templates.items();
    let mut launches = templates
        .iter()
        .filter(|template| template.cluster == cluster)
        .flat_map(|template| &template.launches);
    launches.any(|launch| world.rules[launch.rules].strategies.contains(rule))
}

/// The tasks that workloads ask a cluster for: a service as many as it keeps, a trace as many as its
/// rows ask for, and any other workload those of one call, since nobody knows how many will come.
fn expected<'a>(
    world: &'a World,
    cluster: ClusterId,
    workloads: &'a Arena<WorkloadId, Workload>,
) -> impl Iterator<Item = ExpectedTask> + 'a {
    let of_each = workloads.items().iter().flat_map(asked);
    of_each
        .filter(move |(template, _)| world.templates[*template].cluster == cluster)
        .map(|(template, count)| expected_task(world, template, count))
}

fn asked(workload: &Workload) -> Vec<(TemplateId, u64)> {
    let (own, count) = match &workload.call {
        Call::CreateService(service) => {
            return vec![(service.revision.template, service.desired.into())];
        }
        Call::RunTask {
            template, count, ..
        } => (*template, *count),
        // Nobody chooses an instance for these by a strategy of the scenario's.
        Call::SubmitJob(_) | Call::StartTask { .. } => return Vec::new(),
    };
    match &workload.arrivals {
        Arrivals::Process(_) => vec![(own, count.into())],
        Arrivals::Trace(rows) => rows
            .iter()
            .map(|row| {
                let count = row.count.unwrap_or(count);
                (row.template.unwrap_or(own), count.into())
            })
            .collect(),
    }
}

fn expected_task(world: &World, template: TemplateId, count: u64) -> ExpectedTask {
    let template = &world.templates[template];
    let rules = &world.rules[template.rules()];
    let constraints = rules
        .constraints
        .iter()
        .filter_map(|constraint| match constraint {
            // What runs on an instance now says nothing of what it may take later.
            Constraint::MemberOf(expression) if !expression.depends_on_tasks() => {
                Some(expression.clone())
            }
            Constraint::MemberOf(_) | Constraint::DistinctInstance => None,
        });
    ExpectedTask {
        demand: template.demand.clone(),
        constraints: constraints.collect(),
        count,
    }
}
