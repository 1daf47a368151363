//! `stowplan compare`.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::alternatives::{
    Vary, alternatives, bar, default_assumptions, default_folder, in_force, load_all,
    no_such_metric, settle_warm_up, share,
};
use super::{Failure, print, source};
use crate::experiment::compare::{self, Comparison, Design, Replications};
use crate::experiment::metric::{Metric, usual};
use crate::experiment::sensitivity::{MOST, Sensitivity, sensitivity, shaken};
use crate::experiment::{self, Alternative};
use crate::report::comparison::ComparisonReport;
use crate::report::directory::Directory;
use crate::scenario::Source;
use crate::scenario::variation::{Combination, Grid, Variation, combinations};
use crate::statistics::Confidence;
use crate::statistics::stopping::{LEAST_REPLICATIONS, Precision};
use crate::units::WarmUp;

/// Run alternatives of a scenario on the same work and say which is better, and how sure that is
#[derive(Args)]
pub struct Compare {
    /// Scenario file; the built-in quickstart if left out
    scenario: Option<PathBuf>,
    #[command(flatten)]
    vary: Vary,
    /// Runs of every alternative, each with another seed
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=MOST_REPLICATIONS))]
    replications: u32,
    /// As many runs as it takes until the mean of the first metric is known so well, such as 2%
    #[arg(long, value_parser = precision, conflicts_with = "replications")]
    precision: Option<Precision>,
    /// With --precision: at most so many runs of every alternative
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "precision", value_parser = clap::value_parser!(u32).range(1..=MOST_REPLICATIONS))]
    at_most: u32,
    /// What to judge by (repeatable; the first ranks): wait.mean, wait.p95, cost, … or a path into
    /// summary.json
    #[arg(long = "metric", value_name = "METRIC")]
    metrics: Vec<String>,
    /// What counts as practically the same
    #[arg(long, default_value = "2%", value_parser = share)]
    margin: f64,
    /// Confidence of the intervals
    #[arg(long, default_value = "95%", value_parser = confidence)]
    confidence: Confidence,
    /// From when on statistics count: a time, or auto for the steady state [default: the scenario's
    /// warmUp; else auto where the work never ends by itself]
    #[arg(long, value_name = "TIME|auto")]
    warm_up: Option<WarmUp>,
    /// Do not look whether the ranking survives random ties and shaken arrivals
    #[arg(long)]
    no_sensitivity: bool,
    /// Seed of the first replication, instead of the scenario's own
    #[arg(long)]
    seed: Option<u64>,
    /// Directory for the results [default: results/<name of the scenario>-compare]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print comparison.json instead of the tables
    #[arg(long)]
    json: bool,
}

/// No more replications of an alternative than this.
const MOST_REPLICATIONS: i64 = 100_000;

/// No more alternatives than this; a sweep takes more.
const MOST_ALTERNATIVES: usize = 1000;

fn precision(text: &str) -> Result<Precision, String> {
    Precision::new(share(text)?).ok_or_else(|| "a precision is above 0".to_owned())
}

pub(super) fn confidence(text: &str) -> Result<Confidence, String> {
    let share = share(text)?;
    let sensible = (0.5..=0.999_999).contains(&share);
    let confidence = Confidence::new(share).filter(|_| sensible);
    confidence.ok_or_else(|| "a confidence lies between 50 % and 99.9999 %".to_owned())
}

impl Compare {
    /// Loads, runs, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let source = source(self.scenario.as_deref())?;
        let combinations = self.combinations()?;
        let loaded = load_all(&source, &combinations)?;
        let mut them = alternatives(&loaded, &combinations, self.seed);
        let first = &loaded[0];
        let name = &first.name;
        let from = settle_warm_up(&mut them, self.warm_up.or(first.warm_up))?;
        let design = self.design();
        self.check_paths(&them)?;
        let path = self
            .out
            .clone()
            .unwrap_or_else(|| default_folder(name, "compare"));
        let mut directory = Directory::create(&path)
            .map_err(|message| Failure::Input(format!("error: {message}")))?;
        let bar = bar(self.runs(them.len() as u64));
        let done = || {
            if let Some(bar) = &bar {
                bar.inc(1);
            }
        };
        let comparison = compare::run(&them, design, &done);
        let sensitivity = match self.no_sensitivity || them.len() < 2 || !is_ranked(&comparison) {
            true => Vec::new(),
            false => disturb(&source, &combinations, &them, &comparison, &done)?,
        };
        if let Some(bar) = &bar {
            bar.finish_and_clear();
        }
        let report = ComparisonReport {
            scenario: name,
            seed: them[0].plan.seed,
            inputs: &first.inputs,
            scenario_text: &first.text,
            assumptions: [&in_force(first), &default_assumptions()],
            statistics_from: &from,
            comparison: &comparison,
            all_judged: !self.metrics.is_empty(),
            sensitivity,
        };
        let json = report.json();
        let told = |error: io::Error| Failure::Other(format!("{}: {error}", path.display()));
        write(&mut directory, &report, &json).map_err(told)?;
        directory.publish_among_others().map_err(told)?;
        if self.json {
            return print(&json);
        }
        let version = env!("CARGO_PKG_VERSION");
        let blocks: Vec<String> = report.blocks().iter().map(|it| it.text()).collect();
        print(&format!(
            "stowplan {version}: scenario {name}, seed {}\n\n{}\n\nresults in {}",
            report.seed,
            blocks.join("\n\n"),
            path.display()
        ))
    }

    /// The alternatives: not too many, each once, and nothing varies that has an option of its own.
    fn combinations(&self) -> Result<Vec<Combination>, Failure> {
        let variations = self.vary.variations()?;
        for (path, option) in [("seed", "--seed"), ("warmUp", "--warm-up")] {
            if variations.iter().any(|it| it.name == path) {
                return Err(Failure::Input(format!(
                    "error: --vary {path}: alternatives meet the same work over the same time\n  help: give {option}"
                )));
            }
        }
        let count = Grid::new(variations.clone()).count();
        if count > MOST_ALTERNATIVES {
            return Err(Failure::Input(format!(
                "error: --vary: {count} alternatives are too many to hold each against each\n  help: compare \
                 {MOST_ALTERNATIVES} at most, or use stowplan sweep"
            )));
        }
        let combinations = combinations(&variations);
        let mut names: Vec<String> = combinations.iter().map(Combination::name).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Failure::Input(format!(
                "error: {}: this alternative stands twice\n  help: give each value once",
                pair[0]
            ))),
            None => Ok(combinations),
        }
    }

    /// A path into `summary.json` that the first run of no alternative has is a slip of the pen.
    fn check_paths(&self, alternatives: &[Alternative]) -> Result<(), Failure> {
        let metrics = self.metrics.iter().map(|name| Metric::named(name));
        let mut missing: Vec<Metric> = metrics.filter(|metric| !metric.is_known()).collect();
        for alternative in alternatives {
            if missing.is_empty() {
                return Ok(());
            }
            let results = experiment::results(&alternative.plan, 0);
            missing.retain(|metric| metric.of(&results).is_none());
        }
        let missing = missing
            .iter()
            .map(|it| no_such_metric("--metric", &it.name));
        match missing.collect::<Vec<_>>() {
            missing if missing.is_empty() => Ok(()),
            missing => Err(Failure::Input(missing.join("\n"))),
        }
    }

    fn design(&self) -> Design {
        let metrics = match self.metrics.is_empty() {
            true => usual(),
            false => self
                .metrics
                .iter()
                .map(|name| Metric::named(name))
                .collect(),
        };
        let replications = match self.precision {
            Some(precision) => Replications::Until {
                precision,
                at_most: self.at_most,
            },
            None => Replications::Exactly(self.replications),
        };
        Design {
            metrics,
            replications,
            confidence: self.confidence,
            margin: self.margin,
        }
    }

    /// How many runs there will be, as far as that is known.
    fn runs(&self, alternatives: u64) -> u64 {
        let each = match self.precision {
            Some(_) => LEAST_REPLICATIONS,
            None => u64::from(self.replications),
        };
        let disturbed = match self.no_sensitivity || alternatives < 2 {
            true => 0,
            false => 2 * each.min(MOST.into()),
        };
        alternatives * (each + disturbed)
    }
}

/// Whether the first metric has a better direction, and any value.
fn is_ranked(comparison: &Comparison) -> bool {
    let first = comparison.metrics.first();
    first.is_some_and(|it| it.metric.goal.is_some())
}

fn write(directory: &mut Directory, report: &ComparisonReport<'_>, json: &str) -> io::Result<()> {
    directory.write("comparison.json", json.as_bytes())?;
    report.runs(directory.open("runs.csv")?)?;
    report.pairs(directory.open("pairs.csv")?)?;
    directory.write("report.html", report.page().html().as_bytes())
}

/// The ranking under the other way to break ties, and under shaken arrivals.
fn disturb(
    source: &Source,
    combinations: &[Combination],
    alternatives: &[Alternative],
    comparison: &Comparison,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<(&'static str, Sensitivity)>, Failure> {
    let shaken = sensitivity(comparison, 0, &shaken(alternatives), done);
    let random = with_random_ties(source, combinations, alternatives)?;
    let ties = sensitivity(comparison, 0, &random, done);
    Ok(vec![("random ties", ties), ("shaken arrivals", shaken)])
}

/// The same alternatives with every tie broken at random.
fn with_random_ties(
    source: &Source,
    combinations: &[Combination],
    alternatives: &[Alternative],
) -> Result<Vec<Alternative>, Failure> {
    let ties = Variation::of_path("assumptions.ties", ["random".to_owned()]);
    let value = Grid::new(vec![ties]).combination(0).values;
    let random: Vec<Combination> = combinations
        .iter()
        .map(|it| Combination {
            values: it.values.iter().chain(&value).cloned().collect(),
        })
        .collect();
    let loaded = load_all(source, &random)?;
    let mut random = self::alternatives(&loaded, combinations, None);
    for (random, original) in random.iter_mut().zip(alternatives) {
        random.plan.seed = original.plan.seed;
        random.plan.warm_up = original.plan.warm_up;
    }
    Ok(random)
}
