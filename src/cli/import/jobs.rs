//! Imports of jobs: each writes a scenario, and its traces beside it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Failure, check, gzipped, ledger, list, print, right, row};
use crate::import::jobs::{Converted, Target};
use crate::import::{described, nfcore, swf, wfcommons};
use crate::report::directory::Directory;
use crate::scenario::document::read_text;
use crate::scenario::problem::Problems;

/// Where the files go
#[derive(Args)]
pub(super) struct Out {
    /// The scenario becomes NAME.yaml and its trace NAME.csv
    #[arg(long, value_name = "NAME")]
    pub out: PathBuf,
    /// Gzip the trace
    #[arg(long)]
    gzip: bool,
}

impl Out {
    /// Converts, tries what comes of it, writes it and tells.
    pub fn write(
        &self,
        convert: impl FnOnce(Target<'_>) -> Result<Converted, Problems>,
    ) -> Result<(), Failure> {
        let out = self.out.display();
        let name = self.out.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|_| !self.out.is_dir()) else {
            let message =
                format!("error: {out}: not the name of a file; choose another with --out");
            return Err(Failure::Input(message));
        };
        let folder = match self.out.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new(""),
        };
        let trace_ending = if self.gzip { ".csv.gz" } else { ".csv" };
        let converted = convert(Target { name, trace_ending })?;
        let scenario = format!("{name}.yaml");
        let mut files = vec![(scenario.clone(), converted.scenario.clone().into_bytes())];
        for (file, text) in &converted.traces {
            let bytes = match self.gzip {
                true => {
                    gzipped(text).map_err(|error| Failure::Other(format!("{file}: {error}")))?
                }
                false => text.clone().into_bytes(),
            };
            files.push((file.clone(), bytes));
        }
        let borrowed = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        check(&scenario, borrowed, folder)?;
        let directory = Directory::create(folder);
        let mut directory =
            directory.map_err(|message| Failure::Input(format!("error: {message}")))?;
        let written = files
            .iter()
            .try_for_each(|(name, bytes)| directory.write(name, bytes))
            .and_then(|()| directory.publish_among_others());
        let paths = written.map_err(|error| Failure::Other(format!("{out}: {error}")))?;
        tell(&converted, &paths)
    }
}

/// `in the source` - `left out` + `changed` = `written`, line by line, then the notes.
fn tell(converted: &Converted, paths: &[PathBuf]) -> Result<(), Failure> {
    let mut table = ledger([
        "quantity",
        "in the source",
        "left out",
        "changed",
        "written",
    ]);
    for line in &converted.lines {
        let [_, rest @ ..] = row("", line);
        table.add_row(rest);
    }
    right(&mut table, 1);
    let notes = converted.notes.iter().map(|note| format!("- {note}\n"));
    let notes: String = notes.collect();
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    print(&format!(
        "{table}\n\n{notes}\nwritten: {}",
        paths.join(", ")
    ))
}

/// Writes a scenario with the jobs at their recorded times and run times
#[derive(Args)]
pub struct Swf {
    /// The log, such as those of the Parallel Workloads Archive; may be gzipped
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// Processors of a node; wider jobs have several for themselves [default: one node has all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cores_per_node: Option<u32>,
    /// Memory of a node for each of its processors [default: so much that no job waits for memory]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    memory_per_core: Option<u32>,
    /// In which order jobs start [default: that of AWS Batch]
    #[arg(long, value_enum)]
    discipline: Option<Discipline>,
    #[command(flatten)]
    out: Out,
}

/// An order of jobs that AWS Batch does not know
#[derive(Clone, Copy, ValueEnum)]
enum Discipline {
    /// First come, first served
    #[value(name = "x-fcfs")]
    Fcfs,
    /// Shortest requested time first; jobs are stopped when it is over
    #[value(name = "x-sjf")]
    Sjf,
    /// EASY backfilling; jobs are stopped when their requested time is over
    #[value(name = "x-easy")]
    Easy,
}

impl From<Discipline> for crate::batch::Discipline {
    fn from(chosen: Discipline) -> Self {
        match chosen {
            Discipline::Fcfs => crate::batch::Discipline::Fcfs,
            Discipline::Sjf => crate::batch::Discipline::Sjf,
            Discipline::Easy => crate::batch::Discipline::Easy,
        }
    }
}

impl Swf {
    /// Reads, converts, tries, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let log = list(&self.log).map_err(Problems::from)?;
        let options = swf::Options {
            cores_per_node: self.cores_per_node,
            memory_per_core: self.memory_per_core,
            discipline: self.discipline.map(Into::into).unwrap_or_default(),
        };
        self.out.write(|target| swf::convert(log, options, target))
    }
}

/// What becomes of tasks with more than 20 parents
#[derive(Clone, Copy, ValueEnum)]
enum ManyParents {
    /// An error, as for AWS Batch
    Reject,
    /// Jobs of no length between them, each for 20 parents
    Join,
}

/// Writes a scenario with the tasks of a workflow as jobs, submitted at once
#[derive(Args)]
pub struct Wfcommons {
    /// The workflow: JSON
    #[arg(long, value_name = "FILE")]
    workflow: PathBuf,
    /// What becomes of tasks with more than 20 parents
    #[arg(long, value_enum, default_value_t = ManyParents::Reject)]
    many_parents: ManyParents,
    /// Slots, of which each job takes one, instead of the recorded machines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slots: Option<u32>,
    #[command(flatten)]
    out: Out,
}

impl Wfcommons {
    /// Reads, converts, tries, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let text = read_text(&self.workflow).map_err(Problems::from)?;
        let options = wfcommons::Options {
            many_parents: match self.many_parents {
                ManyParents::Reject => wfcommons::ManyParents::Reject,
                ManyParents::Join => wfcommons::ManyParents::Join,
            },
            machines: match self.slots {
                Some(slots) => wfcommons::Machines::Slots(slots),
                None => wfcommons::Machines::Recorded,
            },
        };
        let file = self.workflow.display().to_string();
        self.out
            .write(|target| wfcommons::convert(&file, &text, options, target))
    }
}

/// Writes a scenario with the jobs at their recorded times and run times, on the recorded instance types
#[derive(Args)]
pub struct Nfcore {
    /// The list: aws_batch_tasks.csv; may be gzipped
    #[arg(long, value_name = "FILE")]
    jobs: PathBuf,
    /// Only the jobs of this run [default: all runs, one after another]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    #[command(flatten)]
    out: Out,
}

impl Nfcore {
    /// Reads, converts, tries, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let jobs = list(&self.jobs).map_err(Problems::from)?;
        let run = self.run.as_deref();
        self.out.write(|target| nfcore::convert(jobs, run, target))
    }
}

/// Writes a scenario with the jobs at their recorded times and run times, a trace for each job queue
#[derive(Args)]
pub struct Described {
    /// Output of `aws batch describe-jobs`; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    jobs: Vec<PathBuf>,
    #[command(flatten)]
    out: Out,
}

impl Described {
    /// Reads, converts, tries, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let (mut sources, mut problems) = (Vec::new(), Vec::new());
        for path in &self.jobs {
            match read_text(path) {
                Ok(text) => sources.push((path.display().to_string(), text)),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(Problems::new(problems).into());
        }
        self.out
            .write(|target| described::convert(&sources, target))
    }
}
