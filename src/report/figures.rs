//! Which pictures are drawn of a run, and from what.

mod jobs;

use super::html;
use super::jobs::JobSeries;
use super::plot::{
    self, Ecdf, Gantt, HeatMap, Picture, ProviderUse, Resource, ResourceHeat, ResourceUse, Stack,
    Utilization,
};
use super::tables::Series;
use crate::engine::Outcome;
use crate::metrics::level::Bins;
use crate::metrics::results::shown_resources;
use crate::metrics::{ClusterMetrics, Metrics};
use crate::model::arena::{GroupId, Id, InstanceId};
use crate::model::cluster::Cluster;
use crate::time::MICROS_PER_SEC;

/// The counted resources as pictures name them, in the order of every array of four.
const RESOURCES: [Resource; 4] = [
    Resource::Cpu,
    Resource::Memory,
    Resource::Gpu,
    Resource::Eni,
];

/// A picture that is still to be drawn, and what its files are called.
pub struct Figure {
    name: String,
    kind: Kind,
    /// The cluster that it is of, where there are several.
    cluster: Option<String>,
    input: Input,
}

/// What a picture shows, in the order in which a reader asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Reserved and stranded capacity over time.
    Utilization,
    /// Jobs by state over time.
    Jobs,
    /// The distribution of the waits of tasks.
    Waits,
    /// The distribution of the waits of jobs.
    JobWaits,
    /// Which attempt ran where and when.
    Attempts,
    /// What was reserved on each instance over time.
    Instances,
}

/// A picture that has been drawn.
pub struct Drawn {
    /// What it shows.
    pub kind: Kind,
    /// Names and bytes of its SVG and of its PNG.
    pub files: [(String, Vec<u8>); 2],
    /// The picture for a page.
    pub figure: html::Figure,
}

enum Input {
    Utilization(Utilization),
    HeatMap(HeatMap),
    Waits(Ecdf),
    Jobs(Stack),
    Attempts(Gantt),
}

impl Kind {
    fn file(self) -> &'static str {
        match self {
            Kind::Utilization => "utilization",
            Kind::Jobs => "jobs",
            Kind::Waits => "waits",
            Kind::JobWaits => "job-waits",
            Kind::Attempts => "attempts",
            Kind::Instances => "instances",
        }
    }

    /// Title, and how to read it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Utilization => (
                "Utilization",
                "Share of each resource that is reserved over time, with the free share that nothing waiting \
                 fits (stranded) on top of it; below, the tasks by state.",
            ),
            Kind::Jobs => (
                "Jobs by state",
                "Above, jobs on their way, state upon state; below, those that have ended.",
            ),
            Kind::Waits => (
                "Waits of tasks",
                "Share of the tasks that waited at most so long from the request to RUNNING.",
            ),
            Kind::JobWaits => (
                "Waits of jobs",
                "Share of the jobs that waited at most so long from RUNNABLE to RUNNING.",
            ),
            Kind::Attempts => (
                "Attempts",
                "Which attempt of a job ran where and when; light where an instance was there.",
            ),
            Kind::Instances => (
                "Instances",
                "Reserved share of each instance over time, a panel a resource.",
            ),
        }
    }
}

impl Figure {
    fn new(kind: Kind, cluster: Option<&str>, input: Input) -> Self {
        let name = match cluster {
            Some(cluster) => format!("{}-{cluster}", kind.file()),
            None => kind.file().to_owned(),
        };
        Figure {
            name,
            kind,
            cluster: cluster.map(str::to_owned),
            input,
        }
    }

    /// Draws it.
    pub fn draw(&self) -> Drawn {
        let picture: Picture = match &self.input {
            Input::Utilization(input) => plot::utilization(input),
            Input::HeatMap(input) => plot::heat_map(input),
            Input::Waits(input) => plot::ecdf(input),
            Input::Jobs(input) => plot::stack(input),
            Input::Attempts(input) => plot::gantt(input),
        };
        let (title, caption) = self.kind.words();
        Drawn {
            kind: self.kind,
            files: [
                (format!("{}.svg", self.name), picture.svg().into_bytes()),
                (format!("{}.png", self.name), picture.png()),
            ],
            figure: html::Figure {
                title: match &self.cluster {
                    Some(cluster) => format!("{title}, cluster {cluster}"),
                    None => title.to_owned(),
                },
                caption: caption.to_owned(),
                element: picture.element(),
            },
        }
    }
}

/// All pictures of a run. With several clusters the names of the files end in the cluster's name.
pub fn all(
    scenario: &str,
    metrics: &Metrics,
    outcome: &Outcome,
    series: &[(String, Series)],
    of_jobs: &JobSeries,
) -> Vec<Figure> {
    let clusters = &outcome.world.clusters;
    let several = clusters.len() > 1;
    let mut figures = Vec::new();
    for ((id, cluster), (_, series)) in clusters.iter().zip(series) {
        let measured = &metrics.clusters[id];
        let of = several.then_some(cluster.name.as_str());
        let about = if several {
            format!("{scenario}, cluster {}", cluster.name)
        } else {
            scenario.to_owned()
        };
        let used = Input::Utilization(utilization(&about, measured, series));
        let heat = Input::HeatMap(heat_map(&about, cluster, measured, series));
        let waits = Input::Waits(waits(&about, cluster, measured));
        let drawn = [
            (Kind::Utilization, used),
            (Kind::Instances, heat),
            (Kind::Waits, waits),
        ];
        figures.extend(drawn.map(|(kind, input)| Figure::new(kind, of, input)));
    }
    let edges = series
        .first()
        .map_or_else(Vec::new, |(_, series)| edges(series));
    let since = metrics.since();
    figures.extend(jobs::all(scenario, since, outcome, of_jobs, edges));
    figures
}

fn edges(series: &Series) -> Vec<f64> {
    series.edges().into_iter().map(|at| at.secs()).collect()
}

fn utilization(about: &str, metrics: &ClusterMetrics, series: &Series) -> Utilization {
    let shares = |levels: &[f64], resource: usize| {
        let levels = levels.iter().zip(&series.capacity[resource]);
        levels
            .map(|(level, capacity)| share(*level, *capacity))
            .collect()
    };
    // Without managed scaling nobody wants what is not there.
    let scaled = series
        .providers
        .iter()
        .filter(|provider| provider.reservation.iter().any(Option::is_some));
    Utilization {
        title: format!("Utilization: {about}"),
        edges: edges(series),
        resources: shown_resources(metrics)
            .into_iter()
            .map(|resource| ResourceUse {
                resource: RESOURCES[resource],
                reserved: shares(&series.reserved[resource], resource),
                stranded: shares(&series.stranded[resource], resource),
            })
            .collect(),
        running: series.state("running").to_vec(),
        waiting: series.state("waiting").to_vec(),
        provisioning: series.state("provisioning").to_vec(),
        stopping: series.state("stopping").to_vec(),
        providers: scaled
            .map(|provider| ProviderUse {
                name: provider.name.clone(),
                desired: provider.desired.clone(),
                running: provider.running.clone(),
                reservation: provider.reservation.clone(),
            })
            .collect(),
    }
}

/// A level as part of a capacity; none where there is no capacity.
fn share(level: f64, capacity: f64) -> Option<f64> {
    (capacity > 0.0).then(|| level / capacity)
}

fn heat_map(about: &str, cluster: &Cluster, metrics: &ClusterMetrics, series: &Series) -> HeatMap {
    let resources = (0..3).filter(|resource| metrics.capacity()[*resource] > 0);
    let heat = |resource: usize| {
        let rows = metrics.rows.iter().map(|(instances, gauges)| {
            let capacities = registered(cluster, instances, resource, series);
            let levels = gauges[resource].bins.means(series.width, series.end);
            let levels = levels.into_iter().zip(capacities);
            levels
                .map(|(level, capacity)| share(level, capacity))
                .collect()
        });
        ResourceHeat {
            resource: RESOURCES[resource],
            reserved: rows.collect(),
        }
    };
    HeatMap {
        title: format!("Reserved on each instance: {about}"),
        edges: edges(series),
        resources: resources.map(heat).collect(),
        instances: metrics
            .rows
            .iter()
            .filter_map(|(instances, _)| cluster.descriptions().items().get(instances.start))
            .map(|first| first.name.clone())
            .collect(),
    }
}

/// What some instances had registered together, the mean of each bin.
fn registered(
    cluster: &Cluster,
    instances: std::ops::Range<usize>,
    resource: usize,
    series: &Series,
) -> Vec<f64> {
    let mut bins = Bins::default();
    for index in instances {
        let id = InstanceId::from_index(index);
        let instance = &cluster.instances()[id];
        let capacity = &instance.capacity;
        let capacity = [capacity.cpu, capacity.memory, capacity.gpus][resource];
        let left_at = instance.left_at.unwrap_or(series.end).min(series.end);
        let joined_at = cluster.descriptions()[id].joined_at;
        bins.add(u64::from(capacity), joined_at, left_at);
    }
    bins.means(series.width, series.end)
}

/// Waits of the whole cluster, and of its largest groups when there are several.
fn waits(about: &str, cluster: &Cluster, metrics: &ClusterMetrics) -> Ecdf {
    let secs = |waits: &[u64]| {
        waits
            .iter()
            .map(|wait| *wait as f64 / MICROS_PER_SEC as f64)
            .collect::<Vec<f64>>()
    };
    let mut groups: Vec<(String, Vec<f64>)> = metrics
        .groups
        .iter()
        .enumerate()
        .filter(|(_, group)| !group.waits.is_empty())
        .map(|(index, group)| {
            (
                cluster.group_name(GroupId::from_index(index)).to_owned(),
                secs(&group.waits),
            )
        })
        .collect();
    groups.sort_by(|(one, ones), (other, others)| {
        others.len().cmp(&ones.len()).then_with(|| one.cmp(other))
    });
    let all = groups
        .iter()
        .flat_map(|(_, waits)| waits.iter().copied())
        .collect();
    if groups.len() < 2 {
        groups.clear();
    }
    Ecdf {
        title: format!("Waits from request to RUNNING: {about}"),
        all,
        groups,
    }
}
