//! `stowplan import`.

mod batsim;
mod jobs;

use std::fs;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Failure, print};
use crate::import::aws::{self, Kind, Source};
use crate::import::openb::ledger::{Amount, Line};
use crate::import::openb::{self, Converted, Form, List};
use crate::report::directory::Directory;
use crate::scenario;
use crate::scenario::document::read_text;
use crate::scenario::problem::{Problem, Problems};
use crate::units::Duration;

/// Turn a recorded workload into a scenario and a trace
#[derive(Subcommand)]
pub enum Import {
    /// Alibaba GPU cluster trace of 2023: a list of nodes and a list of pods
    Openb(Openb),
    /// A cluster and its tasks as the AWS CLI describes them
    Aws(Aws),
    /// Log of a parallel machine in the Standard Workload Format, as jobs of AWS Batch
    Swf(jobs::Swf),
    /// Workload of Batsim, as jobs of AWS Batch under EASY backfilling
    Batsim(batsim::Batsim),
    /// Workflow of WfCommons (WfFormat 1.5), as jobs of AWS Batch that depend on each other
    Wfcommons(jobs::Wfcommons),
    /// Jobs of nf-core pipelines on AWS Batch, from the CSV of the data set aws-batch-nfcore-2025
    Nfcore(jobs::Nfcore),
    /// Jobs of AWS Batch as the AWS CLI describes them
    Jobs(jobs::Described),
}

impl Import {
    /// Converts and tells.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Import::Openb(openb) => openb.run(),
            Import::Aws(aws) => aws.run(),
            Import::Swf(swf) => swf.run(),
            Import::Batsim(batsim) => batsim.run(),
            Import::Wfcommons(workflow) => workflow.run(),
            Import::Nfcore(nfcore) => nfcore.run(),
            Import::Jobs(described) => described.run(),
        }
    }
}

/// Writes two scenarios, each with its trace: `one-by-one` (none departs) and `replay` (recorded times)
#[derive(Args)]
pub struct Openb {
    /// Node list, such as openb_node_list_gpu_node.csv; may be gzipped
    #[arg(long, value_name = "FILE")]
    nodes: PathBuf,
    /// Pod list, such as openb_pod_list_default.csv; may be gzipped
    #[arg(long, value_name = "FILE")]
    pods: PathBuf,
    /// Directory for the four files
    #[arg(long, value_name = "DIR", default_value = "openb")]
    out: PathBuf,
    /// Gzip the traces
    #[arg(long)]
    gzip: bool,
}

impl Openb {
    /// Reads, converts, writes, prints.
    fn run(self) -> Result<(), Failure> {
        let ending = if self.gzip { ".csv.gz" } else { ".csv" };
        let (nodes, pods) = match (list(&self.nodes), list(&self.pods)) {
            (Ok(nodes), Ok(pods)) => (nodes, pods),
            (nodes, pods) => {
                let found = [nodes.err(), pods.err()].into_iter().flatten().collect();
                return Err(Problems::new(found).into());
            }
        };
        let converted = openb::convert(nodes, pods, ending)?;
        let directory = Directory::create(&self.out);
        let directory = directory.map_err(|message| Failure::Input(format!("error: {message}")))?;
        let paths = write(directory, &converted, ending)
            .map_err(|error| Failure::Other(format!("{}: {error}", self.out.display())))?;
        let files: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let notes: Vec<String> = converted
            .notes
            .iter()
            .map(|note| format!("- {note}"))
            .collect();
        print(&format!(
            "{}\n\n{}\n\nwritten: {}",
            table(&converted),
            notes.join("\n"),
            files.join(", ")
        ))
    }
}

/// Writes `scenario.yaml`, and `tasks.csv` with the tasks at their recorded times and run times
#[derive(Args)]
#[command(group(
    ArgGroup::new("documents").required(true).multiple(true)
        .args(["container_instances", "task_definitions", "tasks"])
))]
pub struct Aws {
    /// Output of `aws ecs describe-container-instances`; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    container_instances: Vec<PathBuf>,
    /// Output of `aws ecs describe-task-definition`; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    task_definitions: Vec<PathBuf>,
    /// Output of `aws ecs describe-tasks`, `run-task` or `start-task`; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    tasks: Vec<PathBuf>,
    /// Directory for the files
    #[arg(long, value_name = "DIR", default_value = "aws")]
    out: PathBuf,
    /// Start the scenario at the date of the first task, so that results carry dates
    #[arg(long)]
    start_date: bool,
    /// Run time of tasks without a recorded end, such as 1h [default: they are left out]
    #[arg(long, value_name = "DURATION")]
    unended: Option<Duration>,
    /// Leave out tasks whose task definition or cluster is not described, instead of refusing them
    #[arg(long)]
    leave_out_undescribed: bool,
}

impl Aws {
    /// Reads, converts, tries, writes, prints.
    fn run(self) -> Result<(), Failure> {
        let converted = aws::convert(&self.sources()?, self.options())?;
        let files = converted.files.iter();
        let files = files.map(|(name, text)| (name.as_str(), text.as_bytes()));
        check(aws::SCENARIO, files, &self.out)?;
        let directory = Directory::create(&self.out);
        let mut directory =
            directory.map_err(|message| Failure::Input(format!("error: {message}")))?;
        let written = converted
            .files
            .iter()
            .try_for_each(|(name, text)| directory.write(name, text.as_bytes()))
            .and_then(|()| directory.publish_among_others());
        let paths =
            written.map_err(|error| Failure::Other(format!("{}: {error}", self.out.display())))?;
        let mut text = ledger(["quantity", "described", "left out", "added", "written"]);
        for line in &converted.lines {
            let [_, rest @ ..] = row("", line);
            text.add_row(rest);
        }
        right(&mut text, 1);
        let notes: String = converted
            .notes
            .iter()
            .map(|note| format!("- {note}\n"))
            .collect();
        let paths: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        print(&format!("{text}\n\n{notes}\nwritten: {}", paths.join(", ")))
    }

    fn options(&self) -> aws::Options {
        aws::Options {
            start_date: self.start_date,
            unended: self.unended.map(Duration::span),
            leave_out_undescribed: self.leave_out_undescribed,
        }
    }

    /// All documents, or what is wrong with the files.
    fn sources(&self) -> Result<Vec<Source>, Problems> {
        let given = [
            (Kind::ContainerInstances, &self.container_instances),
            (Kind::TaskDefinitions, &self.task_definitions),
            (Kind::Tasks, &self.tasks),
        ];
        let given = given
            .iter()
            .flat_map(|(kind, paths)| paths.iter().map(|path| (*kind, path)));
        let (mut sources, mut problems) = (Vec::new(), Vec::new());
        for (kind, path) in given {
            match read_text(path) {
                Ok(text) => sources.push(Source {
                    file: path.display().to_string(),
                    text,
                    kind,
                }),
                Err(problem) => problems.push(problem),
            }
        }
        match problems.is_empty() {
            true => Ok(sources),
            false => Err(Problems::new(problems)),
        }
    }
}

/// Loads a scenario from a folder of its own before anything is written to `out`: what a source
/// holds may still be what AWS, or this simulator, would not take.
fn check<'a>(
    scenario: &str,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    out: &Path,
) -> Result<(), Failure> {
    let told = |error: io::Error| Failure::Other(format!("a temporary folder: {error}"));
    let folder = tempfile::tempdir().map_err(told)?;
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).map_err(told)?;
    }
    let Err(problems) = scenario::load(&folder.path().join(scenario)) else {
        return Ok(());
    };
    let told = problems.into_vec().into_iter().map(|problem| {
        let name = Path::new(&problem.file).file_name();
        let file = name.map_or_else(
            || problem.file.clone(),
            |name| out.join(name).display().to_string(),
        );
        let help = problem.help.clone().unwrap_or_else(|| {
            "nothing was written; the line is that of the scenario that was made of the source"
                .to_owned()
        });
        Problem { file, ..problem }.help(help)
    });
    Err(Problems::new(told.collect()).into())
}

/// Opens a list. Unpacks gzip.
pub(super) fn list(path: &Path) -> Result<List<Box<dyn Read>>, Problem> {
    let file = path.display().to_string();
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Problem::in_file(&file, "no such file"),
        _ => Problem::in_file(&file, format!("cannot be read: {error}")),
    };
    let mut source = BufReader::new(fs::File::open(path).map_err(told)?);
    let mut start = Vec::new();
    source
        .by_ref()
        .take(2)
        .read_to_end(&mut start)
        .map_err(told)?;
    let packed = start == [0x1f, 0x8b];
    let source = Cursor::new(start).chain(source);
    let text: Box<dyn Read> = if packed {
        Box::new(MultiGzDecoder::new(source))
    } else {
        Box::new(source)
    };
    Ok(List { file, text })
}

fn write(
    mut directory: Directory,
    converted: &Converted,
    ending: &str,
) -> io::Result<Vec<PathBuf>> {
    for Form {
        name,
        scenario,
        trace,
        ..
    } in &converted.forms
    {
        directory.write(&format!("{name}.yaml"), scenario.as_bytes())?;
        let trace = match ending.ends_with(".gz") {
            true => gzipped(trace)?,
            false => trace.clone().into_bytes(),
        };
        directory.write(&format!("{name}{ending}"), &trace)?;
    }
    directory.publish_among_others()
}

fn gzipped(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// `in the list` - `left out` + `changed` = `written`, line by line.
fn table(converted: &Converted) -> Table {
    let mut table = ledger([
        "scenario",
        "quantity",
        "in the list",
        "left out",
        "changed",
        "written",
    ]);
    for form in &converted.forms {
        for (index, line) in form.nodes.iter().chain(&form.pods).enumerate() {
            let name = if index == 0 { form.name } else { "" };
            table.add_row(row(name, line));
        }
    }
    right(&mut table, 2);
    table
}

/// A table without rules.
fn ledger<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Sets the columns from `first` on to the right.
fn right(table: &mut Table, first: usize) {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn row(name: &str, line: &Line) -> [String; 6] {
    let changed = match line.written {
        Some(_) if line.changed > Amount::default() => format!("+{}", line.changed),
        Some(_) => line.changed.to_string(),
        None => String::new(),
    };
    let written = line
        .written
        .map_or_else(String::new, |amount| amount.to_string());
    [
        name.to_owned(),
        line.what.to_owned(),
        line.listed.to_string(),
        line.left_out.to_string(),
        changed,
        written,
    ]
}
