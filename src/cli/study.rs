//! `stowplan study`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use rayon::prelude::*;

use super::import::list;
use super::{Failure, print};
use crate::api::PlacementStrategy;
use crate::model::request::StrategyRule;
use crate::scenario::problem::Problems;
use crate::study::fgd::{Curve, POINTS, Setting, Ties};

/// Repeat a published study
#[derive(Subcommand)]
pub enum Study {
    /// GPU allocation and fragmentation by placement strategy on the openb cluster (Weng et al. 2023)
    Fgd(Fgd),
}

impl Study {
    /// Computes and prints.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Study::Fgd(fgd) => fgd.run(),
        }
    }
}

/// Lets pods come in random order, none of which leaves, and prints how much of the GPUs each strategy fills
#[derive(Args)]
pub struct Fgd {
    /// Node list, such as openb_node_list_gpu_node.csv; may be gzipped
    #[arg(long, value_name = "FILE")]
    nodes: PathBuf,
    /// Pod list, such as openb_pod_list_default.csv; may be gzipped
    #[arg(long, value_name = "FILE")]
    pods: PathBuf,
    /// Replications of each strategy
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    replications: u64,
    /// Seed of the first replication; the next ones follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Strategy, rules joined with + and each as type or type:field; may be given several times
    /// [default: those of the published table, and those of Amazon ECS]
    #[arg(long, value_name = "CHAIN", value_parser = chain)]
    strategy: Vec<Chain>,
    /// What decides between instances that the strategy leaves equal; may be given several times
    /// [default: each of them]
    #[arg(long, value_enum)]
    ties: Vec<TieChoice>,
}

/// A strategy as it was written.
#[derive(Clone, Debug)]
struct Chain {
    text: String,
    rules: Vec<StrategyRule>,
}

fn chain(text: &str) -> Result<Chain, String> {
    let written = PlacementStrategy::chain(text)?;
    let rules = written.iter().map(PlacementStrategy::rule);
    let rules: Result<_, _> = rules.collect();
    Ok(Chain {
        text: text.to_owned(),
        rules: rules.map_err(|error| error.to_string())?,
    })
}

/// What decides between equal instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TieChoice {
    /// The first in the node list
    LowestId,
    /// The first in a random order, drawn once a replication
    Shuffled,
    /// Any of them, each with equal chance
    Random,
}

/// The strategies of the published table, in its order, then those of Amazon ECS.
const STRATEGIES: [&str; 9] = [
    "x-random-gpu+random",
    "x-dot-product:cpu,gpu",
    "x-gpu-packing",
    "x-best-fit:cpu,gpu",
    "x-fgd",
    "random",
    "binpack:cpu",
    "binpack:memory",
    "spread:instanceId",
];

impl Fgd {
    fn run(mut self) -> Result<(), Failure> {
        let setting = match (list(&self.nodes), list(&self.pods)) {
            (Ok(nodes), Ok(pods)) => Setting::read(nodes, pods)?,
            (nodes, pods) => {
                let found = [nodes.err(), pods.err()].into_iter().flatten().collect();
                return Err(Problems::new(found).into());
            }
        };
        if self.strategy.is_empty() {
            let usual = STRATEGIES.into_iter().map(chain);
            self.strategy = usual.collect::<Result<_, _>>().map_err(Failure::Other)?;
        }
        if self.ties.is_empty() {
            self.ties = TieChoice::value_variants().to_vec();
        }
        let rows = self.rows();
        let curves = self.curves(&setting, &rows);
        print(&self.report(&rows, &curves))
    }

    /// Each strategy under each reading of ties; where it ends with `random` there are none.
    fn rows(&self) -> Vec<(&Chain, Option<TieChoice>)> {
        let mut rows = Vec::new();
        for chain in &self.strategy {
            match chain.rules.contains(&StrategyRule::Random) {
                true => rows.push((chain, None)),
                false => rows.extend(self.ties.iter().map(|ties| (chain, Some(*ties)))),
            }
        }
        rows
    }

    /// The replications of each row, in order whatever the threads do.
    fn curves(&self, setting: &Setting, rows: &[(&Chain, Option<TieChoice>)]) -> Vec<Vec<Curve>> {
        let runs: Vec<(usize, u64)> = (0..rows.len())
            .flat_map(|row| (0..self.replications).map(move |run| (row, run)))
            .collect();
        let curves: Vec<Curve> = runs
            .into_par_iter()
            .map(|(row, run)| {
                let (chain, ties) = &rows[row];
                let ties = match ties {
                    None | Some(TieChoice::LowestId) => Ties::LowestId,
                    Some(TieChoice::Shuffled) => Ties::Shuffled,
                    Some(TieChoice::Random) => Ties::Random,
                };
                setting.replicate(&chain.rules, ties, self.seed.wrapping_add(run))
            })
            .collect();
        let each = curves.chunks(self.replications as usize);
        each.map(<[Curve]>::to_vec).collect()
    }

    fn report(&self, rows: &[(&Chain, Option<TieChoice>)], curves: &[Vec<Curve>]) -> String {
        let table = |what: fn(&Curve) -> &[f64; POINTS.len()]| {
            let points = POINTS.map(|point| point.to_string()).join(" | ");
            let mut text = format!("| strategy | ties | {points} | sd |\n| --- | --- |");
            text += &" ---: |".repeat(POINTS.len() + 1);
            for ((chain, ties), curves) in rows.iter().zip(curves) {
                let ties = ties.and_then(|ties| ties.to_possible_value());
                let ties = ties.as_ref().map_or("", |ties| ties.get_name());
                text += &format!("\n| {} | {ties} |", chain.text);
                for point in 0..POINTS.len() {
                    let values: Vec<f64> = curves.iter().map(|curve| what(curve)[point]).collect();
                    text += &format!(" {:.2} |", mean(&values));
                    if point + 1 == POINTS.len() {
                        let deviation = deviation(&values);
                        text += &deviation.map_or(" |".to_owned(), |it| format!(" {it:.2} |"));
                    }
                }
            }
            text
        };
        format!(
            "GPUs allocated, in percent of those there are, when so many percent were asked for\n\n{}\n\n\
             GPUs that the typical pod cannot use, in percent of those there are\n\n{}\n\n\
             stowplan {}; mean of {} replications from seed {}; sd: standard deviation of the last column",
            table(|curve| &curve.allocated),
            table(|curve| &curve.fragmented),
            env!("CARGO_PKG_VERSION"),
            self.replications,
            self.seed,
        )
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of a sample; none of a single value.
fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}
