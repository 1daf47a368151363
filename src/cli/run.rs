//! `stowplan run`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::{Failure, load, print};
use crate::engine::{self, Outcome, Plan};
use crate::metrics::Metrics;
use crate::metrics::results::Results;
use crate::report::aws::Documents;
use crate::report::directory::{Directory, File};
use crate::report::events::{EventRows, ServiceRows};
use crate::report::figures;
use crate::report::jobs::{self, AttemptRows, JobSeries};
use crate::report::rows::{FailureRows, TaskRows};
use crate::report::tables::{self, Series, SummaryFile};
use crate::report::wording::Services;
use crate::report::{RowWriter, table};
use crate::scenario::Loaded;

/// Run a scenario, print its results and write them to a directory
#[derive(Args)]
pub struct Run {
    /// Scenario file; the built-in quickstart if left out
    scenario: Option<PathBuf>,
    /// Seed of all random streams, instead of the scenario's own
    #[arg(long)]
    seed: Option<u64>,
    /// Directory for the results [default: results/<name of the scenario>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also write events.jsonl, every transition in order
    #[arg(long)]
    events: bool,
    /// What to write of tasks, container instances and jobs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print summary.json instead of the table
    #[arg(long)]
    json: bool,
    /// Draw no pictures
    #[arg(long)]
    no_plots: bool,
}

/// The form in which tasks and container instances are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables
    #[default]
    Csv,
    /// The tables, and describe-tasks.json, describe-container-instances.json and describe-jobs.json as the AWS CLI
    /// prints them
    Aws,
}

impl Run {
    /// Loads, runs, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let mut loaded = load(self.scenario.as_deref())?;
        if let Some(seed) = self.seed {
            loaded.plan.seed = seed;
        }
        let path = self
            .out
            .clone()
            .unwrap_or_else(|| PathBuf::from("results").join(&loaded.name));
        let mut directory = Directory::create(&path)
            .map_err(|message| Failure::Input(format!("error: {message}")))?;
        let told = |error: io::Error| Failure::Other(format!("{}: {error}", path.display()));
        let mut rows = self.rows(&mut directory, &mut loaded).map_err(told)?;
        let bar = progress(&loaded.plan);
        if let Some(bar) = bar.clone() {
            rows.on_progress = Box::new(move |now, events| {
                bar.set_position(now.micros() / 1_000_000);
                bar.set_message(format!("{events} events"));
            });
        }
        let seed = loaded.plan.seed;
        let plan = std::mem::take(&mut loaded.plan);
        let outcome = engine::run(plan, &mut rows);
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let results = rows.metrics.results(&outcome);
        assert!(
            results.checks.littles_law,
            "Little's law does not hold: this is a defect of stowplan"
        );
        assert!(
            results.checks.utilization_law,
            "the utilization law does not hold: this is a defect of stowplan"
        );
        if let Some(jobs) = &results.jobs {
            assert!(
                jobs.littles_law,
                "Little's law does not hold for jobs: this is a defect of stowplan"
            );
        }
        rows.finish(&outcome).map_err(told)?;
        let summary = SummaryFile {
            stowplan: env!("CARGO_PKG_VERSION"),
            scenario: &loaded.name,
            seed,
            start_date: loaded.names.clock.0.map(|start| start.to_string()),
            inputs: &loaded.inputs,
            assumptions: &loaded.assumptions,
            results: &results,
        };
        let summary = summary.json();
        self.finish(&mut directory, &loaded, &rows.metrics, &outcome, &summary)
            .map_err(told)?;
        directory.publish().map_err(told)?;
        if self.json {
            print(&summary)
        } else {
            print(&self.text(&loaded, seed, &results, &path.display().to_string()))
        }
    }

    fn rows(&self, directory: &mut Directory, loaded: &mut Loaded) -> io::Result<RowWriter<File>> {
        let tasks = TaskRows::new(directory.open("tasks.csv")?, loaded.names.clone())?;
        let failures = FailureRows::new(directory.open("failures.csv")?, loaded.names.clone())?;
        let services = Services::of(&loaded.plan);
        let events = match self.events {
            true => Some(EventRows::new(
                directory.open("events.jsonl")?,
                loaded.names.clone(),
                services.clone(),
            )),
            false => None,
        };
        let mut rows = RowWriter::new(tasks, failures, events);
        if !services.is_empty() {
            let file = directory.open("service-events.csv")?;
            rows.service_events = Some(ServiceRows::new(file, loaded.names.clone(), services)?);
        }
        if !loaded.plan.world.batch.queues.is_empty() {
            let file = directory.open("attempts.csv")?;
            rows.attempts = Some(AttemptRows::new(file, loaded.names.clock)?);
        }
        if self.format == Format::Aws {
            let documents = Documents::new(
                directory.open("describe-tasks.json")?,
                directory.open("describe-container-instances.json")?,
                loaded.names.clock,
                std::mem::take(&mut loaded.facts),
                &loaded.plan.world,
            )?;
            rows.documents = Some(match loaded.plan.world.batch.queues.is_empty() {
                true => documents,
                false => {
                    let file = directory.open("describe-jobs.json")?;
                    documents.with_jobs(file, std::mem::take(&mut loaded.job_facts))
                }
            });
        }
        Ok(rows)
    }

    /// Writes what can be written only when the run is over.
    fn finish(
        &self,
        directory: &mut Directory,
        loaded: &Loaded,
        metrics: &Metrics,
        outcome: &Outcome,
        summary: &str,
    ) -> io::Result<()> {
        let clock = loaded.names.clock;
        directory.write("summary.json", summary.as_bytes())?;
        directory.write("scenario.yaml", loaded.text.as_bytes())?;
        tables::instances(directory.open("instances.csv")?, metrics, outcome, clock)?;
        let series: Vec<(String, Series)> = outcome
            .world
            .clusters
            .iter()
            .map(|(id, cluster)| {
                let series = Series::new(metrics, &outcome.world, id, outcome.end);
                (cluster.name.clone(), series)
            })
            .collect();
        let of_jobs = JobSeries::new(&metrics.jobs, &outcome.world, outcome.end);
        tables::utilization(directory.open("utilization.csv")?, &series, &of_jobs, clock)?;
        if !outcome.world.batch.queues.is_empty() {
            jobs::jobs(directory.open("jobs.csv")?, outcome, clock)?;
        }
        if self.no_plots {
            return Ok(());
        }
        // Drawing takes longer than most runs; the pictures have nothing to do with each other.
        let drawn: Vec<(String, Vec<u8>)> =
            figures::all(&loaded.name, metrics, outcome, &series, &of_jobs)
                .into_par_iter()
                .flat_map_iter(|figure| figure.files())
                .collect();
        drawn
            .iter()
            .try_for_each(|(name, bytes)| directory.write(name, bytes))
    }

    fn text(&self, loaded: &Loaded, seed: u64, results: &Results, path: &str) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let head = format!("stowplan {version}: scenario {}, seed {seed}", loaded.name);
        let description = loaded
            .description
            .as_deref()
            .map_or_else(String::new, |text| format!("\n{}", text.trim()));
        format!(
            "{head}{description}\n\n{}\n\nresults in {path}",
            table::text(results)
        )
    }
}

/// A progress bar, when somebody sits there to see it.
fn progress(plan: &Plan) -> Option<ProgressBar> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let bar = match plan.horizon {
        Some(horizon) => ProgressBar::new(horizon.micros() / 1_000_000).with_style(style(
            "{bar:40} {percent} % of the simulated time, {msg}, {eta} left",
        )),
        None => ProgressBar::new_spinner().with_style(style("{spinner} {pos} s simulated, {msg}")),
    };
    Some(bar)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
