//! Which pictures are drawn of a run, and from what.

mod jobs;

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
    input: Input,
}

enum Input {
    Utilization(Utilization),
    HeatMap(HeatMap),
    Waits(Ecdf),
    Jobs(Stack),
    Attempts(Gantt),
}

impl Figure {
    /// Draws it: name and bytes of the SVG and of the PNG.
    pub fn files(&self) -> [(String, Vec<u8>); 2] {
        let picture: Picture = match &self.input {
            Input::Utilization(input) => plot::utilization(input),
            Input::HeatMap(input) => plot::heat_map(input),
            Input::Waits(input) => plot::ecdf(input),
            Input::Jobs(input) => plot::stack(input),
            Input::Attempts(input) => plot::gantt(input),
        };
        [
            (format!("{}.svg", self.name), picture.svg().into_bytes()),
            (format!("{}.png", self.name), picture.png()),
        ]
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
        let suffix = if several {
            format!("-{}", cluster.name)
        } else {
            String::new()
        };
        let about = if several {
            format!("{scenario}, cluster {}", cluster.name)
        } else {
            scenario.to_owned()
        };
        let mut add = |name: &str, input| {
            figures.push(Figure {
                name: format!("{name}{suffix}"),
                input,
            })
        };
        add(
            "utilization",
            Input::Utilization(utilization(&about, measured, series)),
        );
        add(
            "instances",
            Input::HeatMap(heat_map(&about, cluster, measured, series)),
        );
        add("waits", Input::Waits(waits(&about, cluster, measured)));
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
