//! `stowplan run`.

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::alternatives::settle_warm_up;
use super::{Failure, print, progress_bar, source};
use crate::engine::{self, Outcome, Plan};
use crate::experiment::Alternative;
use crate::experiment::long_run::Waits;
use crate::experiment::steady::{Regime, regime};
use crate::metrics::Metrics;
use crate::report::aws::Documents;
use crate::report::directory::{Directory, File};
use crate::report::events::{EventRows, ServiceRows};
use crate::report::figures::{self, Drawn};
use crate::report::jobs::{self, AttemptRows, JobSeries};
use crate::report::rows::{FailureRows, TaskRows};
use crate::report::run_page::RunPage;
use crate::report::tables::{self, Series, SummaryFile};
use crate::report::wording::Services;
use crate::report::{RowWriter, table};
use crate::scenario::Loaded;
use crate::scenario::file::Assumptions;
use crate::statistics::Confidence;
use crate::units::WarmUp;

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
    /// Draw no pictures, and write no report.html
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
        let mut loaded = source(self.scenario.as_deref())?.load(&[])?;
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
        if loaded.warm_up == Some(WarmUp::Auto) {
            settle_one(&mut loaded)?;
        }
        let mut rows = self.rows(&mut directory, &mut loaded).map_err(told)?;
        if regime(&loaded.plan) == Regime::SteadyState {
            rows.waits = Some(Waits::default());
        }
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
        results.assert_laws();
        rows.finish(&outcome).map_err(told)?;
        let waits = rows.waits.as_ref();
        let long_run = waits.and_then(|waits| waits.summary(Confidence::USUAL));
        let summary = SummaryFile {
            stowplan: env!("CARGO_PKG_VERSION"),
            scenario: &loaded.name,
            seed,
            start_date: loaded.names.clock.0.map(|start| start.to_string()),
            inputs: &loaded.inputs,
            assumptions: &loaded.assumptions,
            results: &results,
            long_run: long_run.as_ref(),
        };
        self.finish(&mut directory, &loaded, &rows.metrics, &outcome, &summary)
            .map_err(told)?;
        directory.publish().map_err(told)?;
        if self.json {
            print(&summary.json())
        } else {
            print(&self.text(&loaded, &summary, &path.display().to_string()))
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
        summary: &SummaryFile<'_, Assumptions>,
    ) -> io::Result<()> {
        let clock = loaded.names.clock;
        directory.write("summary.json", summary.json().as_bytes())?;
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
        let drawn: Vec<Drawn> = figures::all(&loaded.name, metrics, outcome, &series, &of_jobs)
            .par_iter()
            .map(figures::Figure::draw)
            .collect();
        for (name, bytes) in drawn.iter().flat_map(|drawn| &drawn.files) {
            directory.write(name, bytes)?;
        }
        let page = RunPage {
            summary,
            description: loaded.description.as_deref(),
            default_assumptions: &Assumptions::default(),
            figures: &drawn,
            scenario_text: &loaded.text,
        };
        directory.write("report.html", page.page().html().as_bytes())
    }

    fn text(&self, loaded: &Loaded, summary: &SummaryFile<'_, Assumptions>, path: &str) -> String {
        let (version, seed) = (summary.stowplan, summary.seed);
        let head = format!("stowplan {version}: scenario {}, seed {seed}", loaded.name);
        let description = loaded
            .description
            .as_deref()
            .map_or_else(String::new, |text| format!("\n{}", text.trim()));
        let sure = summary.long_run.map_or_else(String::new, |it| {
            format!("\n{}", table::long_run(it).join("\n"))
        });
        format!(
            "{head}{description}\n\n{}{sure}\n\nresults in {path}",
            table::text(summary.results)
        )
    }
}

/// Sets a warm-up that the scenario wants to be found.
fn settle_one(loaded: &mut Loaded) -> Result<(), Failure> {
    let mut one = [Alternative {
        name: loaded.name.clone(),
        plan: std::mem::take(&mut loaded.plan),
    }];
    settle_warm_up(&mut one, Some(WarmUp::Auto))?;
    let [one] = one;
    loaded.plan = one.plan;
    Ok(())
}

/// A bar over the simulated time, or a spinner when its end is not known.
fn progress(plan: &Plan) -> Option<ProgressBar> {
    let horizon = plan.horizon.map(|horizon| horizon.micros() / 1_000_000);
    let template = match horizon {
        Some(_) => "{bar:40} {percent} % of the simulated time, {msg}, {eta} left",
        None => "{spinner} {pos} s simulated, {msg}",
    };
    progress_bar(horizon, template)
}
