//! `stowplan sweep`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::alternatives::{Vary, bar, default_folder, gathered, latest, no_such_metric, settled};
use super::compare::confidence;
use super::shard::ShardArguments;
use super::sweep_directory::{
    Found, JournalHead, MOST_RUNS, SweepDirectory, SweepJournal, journal_path, json_line,
};
use super::{Failure, print};
use crate::engine::Plan;
use crate::experiment::journal::Journal;
use crate::experiment::metric::Metric;
use crate::experiment::steady::{Regime, regime};
use crate::experiment::sweep::{Shard, sweep};
use crate::experiment::{Run, results};
use crate::report::sweep::{Factor, SweepHead};
use crate::report::tables::Input;
use crate::scenario::Loaded;
use crate::scenario::experiment::{Experiment, read};
use crate::scenario::variation::Grid;
use crate::statistics::Confidence;
use crate::time::SimTime;
use crate::units::WarmUp;

/// Run every combination of what varies in an experiment; killed, it goes on where it was
#[derive(Args)]
pub struct Sweep {
    /// Experiment file, or a scenario
    experiment: PathBuf,
    #[command(flatten)]
    vary: Vary,
    /// Runs of every combination, each with another seed [default: the experiment's, or 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    replications: Option<u32>,
    /// What to measure (repeatable): wait.mean, wait.p95, cost, … or a path into summary.json
    #[arg(long = "metric", value_name = "METRIC")]
    metrics: Vec<String>,
    /// Confidence of the intervals [default: the experiment's, or 95%]
    #[arg(long, value_parser = confidence)]
    confidence: Option<Confidence>,
    /// From when on statistics count: a time, or auto for the steady state [default: the
    /// experiment's or scenario's warmUp; else auto where the work never ends by itself]
    #[arg(long, value_name = "TIME|auto")]
    warm_up: Option<WarmUp>,
    /// Seed of the first replication, instead of the experiment's or scenario's own
    #[arg(long)]
    seed: Option<u64>,
    /// Directory for the results [default: results/<name of the experiment>-sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Threads; the results do not depend on it [default: RAYON_NUM_THREADS, or one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    threads: Option<u16>,
    #[command(flatten)]
    shard: ShardArguments,
    /// Throw away what an earlier start left in the directory
    #[arg(long)]
    fresh: bool,
}

impl Sweep {
    /// Reads, checks, runs what has not been run yet, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let shard = self.shard.shard(&|name| std::env::var(name).ok())?;
        let threads = usize::from(self.threads.unwrap_or(0));
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| Failure::Other(format!("threads: {error}")))?;
        pool.install(|| self.run_shard(shard))
    }

    fn run_shard(self, shard: Shard) -> Result<(), Failure> {
        let study = Study::new(self.experiment()?)?;
        let path = self
            .out
            .clone()
            .unwrap_or_else(|| default_folder(&study.head.name, "sweep"));
        // Before anything is written: it may be found out that there is nothing to run.
        let found = match !self.fresh && journal_path(&path, shard).exists() {
            true => None,
            false => Some(study.find()?),
        };
        let directory = SweepDirectory::lock(&path, shard)?;
        if self.fresh {
            directory.forget()?;
        }
        let head = JournalHead {
            shard: shard.to_string(),
            sweep: study.head.clone(),
        };
        let begun = match directory.journal(&head)? {
            Some(earlier) => earlier.journal,
            None => {
                let found = found.map_or_else(|| study.find(), Ok)?;
                let journal = Journal::new(json_line(&head), json_line(&found), Vec::new());
                directory.write_journal(&journal)?;
                journal
            }
        };
        let wanted: Vec<u64> = shard.runs(study.head.runs()).collect();
        tell_what_is_there(begun.runs.len(), wanted.len());
        study.run(&directory, &wanted)?;
        let mut whole = open(&directory)?;
        whole.journal.runs.sort_by_key(|(number, _)| *number);
        // A run that stands twice was made by two processes, and is the same run.
        whole.journal.runs.dedup_by_key(|(number, _)| *number);
        if shard == Shard::WHOLE {
            return print(&directory.publish(&whole)?);
        }
        directory.write_journal(&whole.journal)?;
        print(&format!(
            "stowplan {}: sweep {}, shard {shard}: {} of {} runs, in {}\n\nwhen all shards are done: stowplan merge {}",
            study.head.stowplan,
            study.head.name,
            wanted.len(),
            study.head.runs(),
            directory.journal_path().display(),
            path.display()
        ))
    }

    /// The experiment with what the command line says in the place of what the file does.
    fn experiment(&self) -> Result<Experiment, Failure> {
        let mut experiment = read(&self.experiment)?;
        experiment.variations.extend(self.vary.variations()?);
        if let Some(replications) = self.replications {
            experiment.replications = replications;
        }
        if !self.metrics.is_empty() {
            experiment.metrics.clone_from(&self.metrics);
        }
        experiment.confidence = self.confidence.unwrap_or(experiment.confidence);
        experiment.warm_up = self.warm_up.or(experiment.warm_up);
        experiment.seed = self.seed.or(experiment.seed);
        Ok(experiment)
    }
}

/// The journal that was just written.
fn open(directory: &SweepDirectory) -> Result<SweepJournal, Failure> {
    let path = directory.journal_path();
    let gone = || "is gone".to_owned();
    let read = SweepJournal::read(&path).and_then(|it| it.ok_or_else(gone));
    read.map_err(|message| Failure::Other(format!("{}: {message}", path.display())))
}

fn tell_what_is_there(there: usize, wanted: usize) {
    if there > 0 {
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(
            io::stderr(),
            "going on: {there} of {wanted} runs have been made"
        );
    }
}

/// A sweep whose every combination has been found to load.
struct Study {
    experiment: Experiment,
    grid: Grid,
    metrics: Vec<Metric>,
    head: SweepHead,
    /// What ends the runs: of all combinations, the one that asks most of the statistics.
    regime: Regime,
    /// From when on statistics are to count, when the experiment or the scenario says so.
    warm_up: Option<WarmUp>,
}

/// What is kept of a combination that has been checked.
struct Checked {
    inputs: Vec<Input>,
    regime: Regime,
    warm_up: Option<WarmUp>,
    /// The first only.
    loaded: Option<Box<Loaded>>,
}

impl Study {
    /// Loads every combination once, to tell everything that is wrong with any of them.
    fn new(experiment: Experiment) -> Result<Self, Failure> {
        let grid = Grid::new(experiment.variations.clone());
        check_grid(&experiment, &grid)?;
        let check = |number: usize| {
            let loaded = experiment
                .source
                .load_combination(&grid.combination(number))?;
            Ok(Checked {
                inputs: loaded.inputs.clone(),
                regime: regime(&loaded.plan),
                warm_up: loaded.warm_up,
                loaded: (number == 0).then(|| Box::new(loaded)),
            })
        };
        let checked: Vec<_> = (0..grid.count()).into_par_iter().map(check).collect();
        let mut checked = gathered(checked)?;
        let first = checked.first_mut().and_then(|it| it.loaded.take());
        let Some(first) = first else {
            return Err(Failure::Input("error: nothing to run".to_owned()));
        };
        let several = checked.iter().any(|it| it.warm_up != first.warm_up);
        if several && experiment.warm_up.is_none() {
            let message = "error: warmUp varies: alternatives can only be held against each other over the same time\n  \
                           help: give --warm-up, or the experiment a warmUp";
            return Err(Failure::Input(message.to_owned()));
        }
        let head = head(&experiment, &grid, &first, &checked);
        Ok(Study {
            metrics: head.read_metrics(),
            regime: checked
                .iter()
                .map(|it| it.regime)
                .max()
                .unwrap_or(Regime::Terminating),
            warm_up: experiment.warm_up.or(first.warm_up),
            experiment,
            grid,
            head,
        })
    }

    /// What to run for a combination.
    ///
    /// # Errors
    /// When a file that it is made of has changed since the sweep was started.
    fn plan(&self, combination: usize) -> Result<Plan, Failure> {
        let combination = self.grid.combination(combination);
        let loaded = self.experiment.source.load_combination(&combination)?;
        if let Some(changed) = loaded
            .inputs
            .iter()
            .find(|it| !self.head.inputs.contains(it))
        {
            return Err(Failure::Input(format!(
                "error: {}: has changed while the sweep was running\n  help: start it again",
                changed.file
            )));
        }
        let mut plan = loaded.plan;
        plan.seed = self.experiment.seed.unwrap_or(plan.seed);
        Ok(plan)
    }

    /// Finds out what has to be known before the first run.
    fn find(&self) -> Result<Found, Failure> {
        self.check_metrics()?;
        let (from, sentence) = settled(self.regime, self.warm_up, || {
            latest((0..self.grid.count()).map(|number| {
                let name = self.grid.combination(number).name();
                Ok((name, self.plan(number)?))
            }))
        })?;
        Ok(Found {
            statistics_from: sentence,
            warm_up_micros: from.micros(),
        })
    }

    /// A metric that nobody knows must lead somewhere in some first run.
    fn check_metrics(&self) -> Result<(), Failure> {
        let mut missing: Vec<&Metric> = self.metrics.iter().filter(|it| !it.is_known()).collect();
        for combination in 0..self.grid.count() {
            if missing.is_empty() {
                return Ok(());
            }
            let results = results(&self.plan(combination)?, 0);
            missing.retain(|metric| metric.of(&results).is_none());
        }
        let lines: Vec<String> = missing
            .iter()
            .map(|it| no_such_metric("--metric", &it.name))
            .collect();
        match lines.is_empty() {
            true => Ok(()),
            false => Err(Failure::Input(lines.join("\n"))),
        }
    }

    /// Makes those of the wanted runs that the journal lacks, and adds them to it.
    fn run(&self, directory: &SweepDirectory, wanted: &[u64]) -> Result<(), Failure> {
        let begun = open(directory)?;
        let mut there: Vec<u64> = begun.journal.runs.iter().map(|(it, _)| *it).collect();
        there.sort_unstable();
        let missing = wanted
            .iter()
            .filter(|number| there.binary_search(number).is_err());
        let missing: Vec<u64> = missing.copied().collect();
        let end = begun
            .journal
            .go_on(&directory.journal_path())
            .map_err(|error| directory.failed(&error))?;
        let bar = bar(missing.len() as u64);
        let load = |combination: usize| {
            let mut plan = self.plan(combination)?;
            plan.warm_up = SimTime::from_micros(begun.found.warm_up_micros);
            Ok(plan)
        };
        let ended = |number: u64, run: &Run| {
            end.add(number, run)
                .map_err(|error| directory.failed(&error))?;
            if let Some(bar) = &bar {
                bar.inc(1);
            }
            Ok(())
        };
        let replications = self.experiment.replications;
        let done = sweep(&missing, replications, &self.metrics, &load, &ended);
        if let Some(bar) = &bar {
            bar.finish_and_clear();
        }
        done
    }
}

/// Nothing may vary twice, and not too much at once.
fn check_grid(experiment: &Experiment, grid: &Grid) -> Result<(), Failure> {
    let variations = &experiment.variations;
    let mut found: Vec<String> = variations
        .iter()
        .enumerate()
        .filter(|(place, it)| {
            variations[..*place]
                .iter()
                .any(|other| other.name == it.name)
        })
        .map(|(_, it)| {
            let name = &it.name;
            format!("error: {name} varies twice\n  help: give all its values at once")
        })
        .collect();
    let each = u64::from(experiment.replications);
    if (grid.count() as u64).saturating_mul(each) > MOST_RUNS {
        found.push(format!(
            "error: these are more than {MOST_RUNS} runs\n  help: leave out values, or vary fewer things at a time"
        ));
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(Failure::Input(found.join("\n"))),
    }
}

fn head(experiment: &Experiment, grid: &Grid, first: &Loaded, checked: &[Checked]) -> SweepHead {
    let own = experiment.file.as_ref();
    let mut inputs: Vec<Input> = own.map(|(input, _)| input.clone()).into_iter().collect();
    for input in checked.iter().flat_map(|it| &it.inputs) {
        if !inputs.contains(input) {
            inputs.push(input.clone());
        }
    }
    let factors = grid.variations().map(|(name, variation)| Factor {
        name: name.to_owned(),
        path: variation.name.clone(),
        values: variation.values.iter().map(|it| it.name.clone()).collect(),
    });
    let name = experiment.name.as_ref().unwrap_or(&first.name);
    SweepHead {
        stowplan: env!("CARGO_PKG_VERSION").to_owned(),
        name: name.clone(),
        description: match own {
            Some(_) => experiment.description.clone(),
            None => first.description.clone(),
        },
        scenario: first.name.clone(),
        seed: experiment.seed.unwrap_or(first.plan.seed),
        replications: experiment.replications,
        factors: factors.collect(),
        metrics: match experiment.metrics.is_empty() {
            true => SweepHead::usual_metrics(),
            false => experiment.metrics.clone(),
        },
        metrics_named: !experiment.metrics.is_empty(),
        warm_up: experiment.warm_up.map(|it| it.to_string()),
        confidence: experiment.confidence.share(),
        assumptions: serde_json::to_value(first.assumptions).unwrap_or_default(),
        inputs,
        experiment_text: own.map(|(_, text)| text.clone()),
        scenario_text: first.text.clone(),
    }
}
