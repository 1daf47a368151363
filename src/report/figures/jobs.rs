//! Pictures of jobs of AWS Batch.

use std::collections::BTreeMap;

use super::{Figure, Input, Kind};
use crate::engine::Outcome;
use crate::engine::job::{Attempt, Job, JobStatus, Part};
use crate::engine::task::Task;
use crate::model::arena::{ClusterId, InstanceId};
use crate::report::jobs::JobSeries;
use crate::report::plot::{Bar, Ecdf, Fate, Gantt, Lane, Stack};
use crate::time::SimTime;

/// Pictures of the jobs of a run; none without job queues. Waits are those of jobs that were created
/// from `since` on.
pub(super) fn all(
    scenario: &str,
    since: SimTime,
    outcome: &Outcome,
    series: &JobSeries,
    edges: Vec<f64>,
) -> Vec<Figure> {
    if outcome.world.batch.queues.is_empty() {
        return Vec::new();
    }
    let figure = |kind, input| Figure::new(kind, None, input);
    vec![
        figure(Kind::Jobs, Input::Jobs(states(scenario, series, edges))),
        figure(Kind::Attempts, Input::Attempts(attempts(scenario, outcome))),
        figure(
            Kind::JobWaits,
            Input::Waits(waits(scenario, since, outcome)),
        ),
    ]
}

fn states(scenario: &str, series: &JobSeries, edges: Vec<f64>) -> Stack {
    let of = |status: &JobStatus| {
        let means = series.states.get(*status as usize);
        (status.text().to_owned(), means.cloned().unwrap_or_default())
    };
    let (ended, live): (Vec<_>, Vec<_>) = JobStatus::ALL
        .into_iter()
        .partition(|status| status.is_terminal());
    Stack {
        title: format!("Jobs by state: {scenario}"),
        edges,
        live: live.iter().rev().map(of).collect(),
        ended: ended.iter().map(of).collect(),
    }
}

/// Where an attempt runs; on Fargate there is no instance to be seen.
type Place = (ClusterId, Option<InstanceId>);

fn attempts(scenario: &str, outcome: &Outcome) -> Gantt {
    let world = &outcome.world;
    let mut bars: BTreeMap<Place, Vec<Bar>> = BTreeMap::new();
    // What a multi-node job does, its nodes show.
    let is_drawn = |job: &&Job| !matches!(job.part, Part::Gang { .. });
    for job in outcome.jobs.items().iter().filter(is_drawn) {
        for (number, attempt) in job.attempts.iter().enumerate() {
            let cluster = world.batch.environments[attempt.environment].cluster;
            let place = (cluster, attempt.instance.map(|(_, instance)| instance));
            let is_last = number + 1 == job.attempts.len();
            bars.entry(place)
                .or_default()
                .push(ended(attempt, job, is_last));
        }
    }
    for task in outcome.live.iter().filter(|task| task.job.is_some()) {
        let place = (world.templates[task.template].cluster, task.instance());
        bars.entry(place)
            .or_default()
            .push(in_flight(task, outcome.end));
    }
    let lanes = bars.into_iter().map(|((id, instance), bars)| {
        let cluster = &world.clusters[id];
        let Some(instance) = instance else {
            return Lane {
                name: format!("Fargate, {}", cluster.name),
                present: None,
                bars,
            };
        };
        let description = &cluster.descriptions()[instance];
        let left_at = cluster.instances()[instance].left_at;
        let until = left_at.unwrap_or(outcome.end);
        Lane {
            name: description.name.clone(),
            present: Some((description.joined_at.secs(), until.secs())),
            bars,
        }
    });
    Gantt {
        title: format!("Attempts: {scenario}"),
        end: outcome.end.secs(),
        lanes: lanes.collect(),
    }
}

fn ended(attempt: &Attempt, job: &Job, is_last: bool) -> Bar {
    Bar {
        placed: attempt.placed.secs(),
        started: attempt.started.map(SimTime::secs),
        until: attempt.stopped.secs(),
        fate: match (attempt.retried, job.status) {
            (true, _) => Fate::Retried,
            (false, JobStatus::Succeeded) if is_last => Fate::Succeeded,
            (false, _) => Fate::Failed,
        },
    }
}

fn in_flight(task: &Task, end: SimTime) -> Bar {
    Bar {
        placed: task.times.placed.unwrap_or(end).secs(),
        started: task.times.started.map(SimTime::secs),
        until: end.secs(),
        fate: Fate::InFlight,
    }
}

/// Waits of all jobs, of each queue, and of one with fair share by its shares; the largest groups
/// first.
fn waits(scenario: &str, since: SimTime, outcome: &Outcome) -> Ecdf {
    let batch = &outcome.world.batch;
    let several = batch.queues.len() > 1;
    let mut all = Vec::new();
    let mut of_kinds: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for job in outcome.jobs.items().iter().filter(|job| !job.is_node()) {
        let Some(wait) = job.wait().filter(|_| job.times.created >= since) else {
            continue;
        };
        all.push(wait.secs());
        let kind = &batch.kinds[job.kind];
        let queue = &batch.queues[kind.queue];
        let share = kind.share.as_deref().filter(|_| queue.policy.is_some());
        let queue = several.then_some(queue.name.as_str());
        of_kinds
            .entry((queue, share))
            .or_default()
            .push(wait.secs());
    }
    let named = of_kinds.into_iter().map(|((queue, share), waits)| {
        let parts: Vec<&str> = queue.into_iter().chain(share).collect();
        (parts.join(", "), waits)
    });
    let mut groups: Vec<(String, Vec<f64>)> = named.collect();
    groups.sort_by_key(|(_, waits)| std::cmp::Reverse(waits.len()));
    if groups.len() < 2 {
        groups.clear();
    }
    Ecdf {
        title: format!("Waits of jobs from RUNNABLE to RUNNING: {scenario}"),
        all,
        groups,
    }
}
