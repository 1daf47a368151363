//! Which pictures are drawn of a run, and from what.

use super::plot::{self, Ecdf, HeatMap, Picture, Resource, ResourceHeat, ResourceUse, Utilization};
use super::tables::{Series, heat_rows};
use crate::engine::Outcome;
use crate::metrics::results::shown_resources;
use crate::metrics::{ClusterMetrics, Metrics};
use crate::model::arena::{GroupId, Id};
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
}

impl Figure {
    /// Draws it: name and bytes of the SVG and of the PNG.
    pub fn files(&self) -> [(String, Vec<u8>); 2] {
        let picture: Picture = match &self.input {
            Input::Utilization(input) => plot::utilization(input),
            Input::HeatMap(input) => plot::heat_map(input),
            Input::Waits(input) => plot::ecdf(input),
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
    figures
}

fn edges(series: &Series) -> Vec<f64> {
    series.edges().into_iter().map(|at| at.secs()).collect()
}

fn utilization(about: &str, metrics: &ClusterMetrics, series: &Series) -> Utilization {
    let resources = shown_resources(metrics, series.capacity);
    let shares = |levels: &[f64], resource: usize| {
        levels
            .iter()
            .map(|level| Some(level / series.capacity[resource] as f64))
            .collect()
    };
    Utilization {
        title: format!("Utilization: {about}"),
        edges: edges(series),
        resources: resources
            .into_iter()
            .map(|resource| ResourceUse {
                resource: RESOURCES[resource],
                reserved: shares(&series.reserved[resource], resource),
                stranded: shares(&series.stranded[resource], resource),
            })
            .collect(),
        running: series.running.clone(),
        waiting: series.waiting.clone(),
    }
}

fn heat_map(about: &str, cluster: &Cluster, metrics: &ClusterMetrics, series: &Series) -> HeatMap {
    let names: Vec<&str> = cluster
        .descriptions()
        .items()
        .iter()
        .map(|instance| instance.name.as_str())
        .collect();
    let rows = heat_rows(metrics, &names);
    let resources = (0..3).filter(|resource| series.capacity[*resource] > 0);
    let heat = |resource: usize| {
        let row = |(row, (_, instances)): (usize, &(String, std::ops::Range<usize>))| {
            let capacities =
                cluster.instances().items()[instances.clone()]
                    .iter()
                    .map(|instance| {
                        let capacity = instance.capacity;
                        u64::from([capacity.cpu, capacity.memory, capacity.gpus][resource])
                    });
            let capacity: u64 = capacities.sum();
            let means = metrics.rows[row][resource]
                .bins
                .means(series.width, series.end);
            means
                .into_iter()
                .map(|level| (capacity > 0).then(|| level / capacity as f64))
                .collect()
        };
        ResourceHeat {
            resource: RESOURCES[resource],
            reserved: rows.iter().enumerate().map(row).collect(),
        }
    };
    HeatMap {
        title: format!("Reserved on each instance: {about}"),
        edges: edges(series),
        resources: resources.map(heat).collect(),
        instances: rows.iter().map(|(name, _)| name.clone()).collect(),
    }
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
