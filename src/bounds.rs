//! Optimality in sight: lower bounds beside what a run has reached, and the gap between them.
//!
//! A bound is of the work as it went: the tasks that ran on container instances, each with its demand
//! and the time from RUNNING until it gave its resources back, and jobs with their attempts. No other
//! placement of that same work on those same instances could have come below it; whether one could
//! have reached it is not said. [`Work`] listens to the run; [`Work::bounds`] sums up:
//! - the makespan of a cluster, by area and by the longest task ([`area`]); absent where the work has
//!   no end of its own (services, tasks that run until they are stopped, work left at the end), where
//!   the number of instances follows the work (Auto Scaling groups, managed compute environments) and
//!   where some of it ran on Fargate;
//! - the container instances in use, at the peak and on average ([`packing`]), since statistics began;
//! - the critical path of jobs of AWS Batch ([`chain`]); absent unless all of them have ended;
//! - what the instances of a cluster cost ([`price`]); absent where one of them has no price.
//!
//! Shared GPU memory, host ports, constraints and boot times are left out: each could only raise a
//! bound.

pub mod area;
pub mod chain;
pub mod packing;
pub mod price;
mod work;

use serde::Serialize;

pub use work::Work;

use crate::engine::Outcome;
use crate::model::arena::ClusterId;
use crate::model::cluster::Cluster;
use crate::model::resources::Resources;

/// Names of the resources that are looked at, in the order of every array of four here.
pub const RESOURCES: [&str; 4] = ["CPU", "MEMORY", "GPU", "ENI"];

pub(crate) fn parts(resources: &Resources) -> [u64; 4] {
    [
        resources.cpu,
        resources.memory,
        resources.gpus,
        resources.enis,
    ]
    .map(u64::from)
}

/// What was reached, and what nothing could have come below.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// By this run.
    pub reached: f64,
    /// The lower bound, in the same unit.
    pub bound: f64,
    /// reached / bound − 1; absent when the bound is 0.
    pub gap: Option<f64>,
    /// What the greatest bound comes from: a resource, `longest task` or `longest chain`.
    pub by: &'static str,
}

impl Bound {
    fn new(reached: f64, bound: f64, by: &'static str) -> Self {
        // The last bit of a float must not read as a negative gap.
        let gap = (bound > 0.0).then(|| (reached / bound - 1.0).max(0.0));
        Bound {
            reached,
            bound,
            gap,
            by,
        }
    }
}

/// Lower bounds of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bounds {
    /// By cluster in which some bound applies.
    pub clusters: Vec<ClusterBounds>,
    /// From the first SubmitJob call to the last end of a job, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_path: Option<Bound>,
}

/// Lower bounds of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterBounds {
    /// Its name.
    pub cluster: String,
    /// From the first request to the last stop of the tasks that ran on its instances, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub makespan: Option<Bound>,
    /// Instances that held tasks at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances_at_peak: Option<Bound>,
    /// The same on average over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances_on_average: Option<Bound>,
    /// What its instances cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Bound>,
}

/// What a run has reached in one cluster, as others have measured it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reached {
    /// Instances that hold tasks, on average since statistics began.
    pub instances_on_average: f64,
    /// The most of them at once since statistics began.
    pub instances_at_peak: u64,
    /// What its instances cost over the whole run, in US dollars.
    pub instances_usd: f64,
}

impl Work {
    /// The bounds of a run that ended with `outcome`; `reached` by cluster, and for the jobs their
    /// makespan in seconds. Absent when none applies.
    pub fn bounds(
        &mut self,
        outcome: &Outcome,
        reached: &[Reached],
        jobs_makespan: Option<f64>,
    ) -> Option<Bounds> {
        self.close(outcome);
        let clusters = outcome.world.clusters.iter().zip(reached);
        let clusters = clusters.filter_map(|((id, cluster), reached)| {
            let bounds = self.of_cluster(id, cluster, outcome, reached);
            let nothing = ClusterBounds {
                cluster: bounds.cluster.clone(),
                ..ClusterBounds::default()
            };
            (bounds != nothing).then_some(bounds)
        });
        let critical_path = jobs_makespan
            .zip(chain::critical_path(outcome))
            .map(|(reached, bound)| Bound::new(reached, bound.secs(), "longest chain"));
        let bounds = Bounds {
            clusters: clusters.collect(),
            critical_path,
        };
        (bounds != Bounds::default()).then_some(bounds)
    }

    fn of_cluster(
        &self,
        id: ClusterId,
        cluster: &Cluster,
        outcome: &Outcome,
        reached: &Reached,
    ) -> ClusterBounds {
        let name = cluster.name.clone();
        let Some(work) = self.of(id) else {
            return ClusterBounds {
                cluster: name,
                ..ClusterBounds::default()
            };
        };
        let instances = cluster.instances().items().iter();
        let capacities: Vec<[u64; 4]> = instances.map(|it| parts(&it.capacity)).collect();
        let has_end = !is_scaled(id, outcome) && !is_open(id, outcome);
        let span = outcome.end.since(self.since());
        ClusterBounds {
            cluster: name,
            makespan: work.makespan(&capacities).filter(|_| has_end),
            instances_at_peak: work.at_peak(&capacities, reached, &outcome.world),
            instances_on_average: work.on_average(&capacities, reached, span),
            cost: price::least(id, work.done(), outcome)
                .filter(|_| reached.instances_usd > 0.0)
                .map(|(usd, resource)| Bound::new(reached.instances_usd, usd, RESOURCES[resource])),
        }
    }
}

/// Whether the number of instances of a cluster follows its work.
fn is_scaled(id: ClusterId, outcome: &Outcome) -> bool {
    let world = &outcome.world;
    let groups = world.providers.items().iter();
    let mut groups = groups.filter_map(|provider| provider.group());
    let mut environments = world.batch.environments.items().iter();
    groups.any(|group| group.cluster == id)
        || environments.any(|it| it.cluster == id && it.is_managed())
}

/// Whether work of a cluster is left at the end.
fn is_open(id: ClusterId, outcome: &Outcome) -> bool {
    let cluster = |template| outcome.world.templates[template].cluster;
    let mut waiting = outcome.waiting.iter();
    let mut live = outcome.live.iter();
    let mut environments = outcome.world.batch.environments.items().iter();
    waiting.any(|it| cluster(it.call.template) == id)
        || live.any(|task| cluster(task.template) == id)
        || environments.any(|it| it.cluster == id)
            && outcome
                .jobs
                .items()
                .iter()
                .any(|job| job.times.stopped.is_none())
}
