//! The command line: arguments, where results go, exit codes.
//!
//! Results go to stdout or to files, everything else to stderr. Exit codes: 0 done, 1 something
//! outside the input failed (a disk that is full) or nothing was found, 2 bad input. A closed pipe is success.

mod alternatives;
mod compare;
mod explain;
mod import;
mod merge;
mod plan;
mod query;
mod run;
mod shard;
mod study;
mod sweep;
mod sweep_directory;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::scenario::problem::Problems;
use crate::scenario::{self, Source};

/// The scenario that `stowplan run` runs when it is given none.
pub const QUICKSTART: &str = include_str!("../scenarios/quickstart.yaml");

/// Simulates clusters scheduled the way Amazon ECS places tasks and AWS Batch runs jobs.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario, print its results and write them to a directory
    Run(run::Run),
    /// Run alternatives of a scenario on the same work and say which is better, and how sure that is
    Compare(compare::Compare),
    /// Run every combination of what varies in an experiment; killed, it goes on where it was
    Sweep(sweep::Sweep),
    /// Put the shards of a sweep together
    Merge(merge::Merge),
    /// Find the cheapest fleet that meets a target, and show that the next cheaper one does not
    Plan(plan::Plan),
    /// Check scenarios and print everything that is wrong with them
    Validate {
        /// Scenario files
        #[arg(required = true)]
        scenarios: Vec<PathBuf>,
    },
    /// Print the JSON Schema of a scenario, for completion and checks in an editor
    Schema {
        /// That of an experiment, which `stowplan sweep` takes
        #[arg(long)]
        experiment: bool,
    },
    /// Tell which container instances an expression of the cluster query language selects
    Query(query::Query),
    /// Tell why tasks and jobs waited, and what would have started them
    Explain(explain::Explain),
    /// Turn a recorded workload into a scenario and a trace
    #[command(subcommand)]
    Import(import::Import),
    /// Repeat a published study
    #[command(subcommand)]
    Study(study::Study),
}

/// Why a command did not do what it should.
enum Failure {
    /// The input is at fault: exit code 2.
    Input(String),
    /// Something else is: exit code 1.
    Other(String),
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Failure::Input(problems.to_string())
    }
}

/// Runs the command that the process was called with.
pub fn run() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(run) => run.run(),
        Command::Compare(compare) => compare.run(),
        Command::Sweep(sweep) => sweep.run(),
        Command::Merge(merge) => merge.run(),
        Command::Plan(plan) => plan.run(),
        Command::Validate { scenarios } => validate(&scenarios),
        Command::Schema { experiment: false } => print(&scenario::schema()),
        Command::Schema { experiment: true } => print(&scenario::experiment::schema()),
        Command::Query(query) => query.run(),
        Command::Explain(explain) => explain.run(),
        Command::Import(import) => import.run(),
        Command::Study(study) => study.run(),
    };
    let (text, code) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Input(text)) => (text, 2),
        Err(Failure::Other(text)) => (format!("error: {text}"), 1),
    };
    let mut errors = io::stderr().lock();
    // Nobody is left to tell when stderr is closed too.
    let _ = writeln!(errors, "{}", coloured(&text, io::stderr().is_terminal()));
    ExitCode::from(code)
}

/// The text with every `error:` in red and every `help:` in cyan, on a terminal that wants colour.
fn coloured(text: &str, terminal: bool) -> String {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if !terminal || !wanted {
        return text.to_owned();
    }
    let lines = text.lines().map(|line| {
        let line = line.strip_prefix("error:").map_or(line.to_owned(), |rest| {
            format!("\x1b[1;31merror:\x1b[0m{rest}")
        });
        line.strip_prefix("  help:")
            .map_or(line.clone(), |rest| format!("  \x1b[36mhelp:\x1b[0m{rest}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Prints to stdout; that nobody reads it is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// A scenario from a file, or the built-in one.
fn source(path: Option<&Path>) -> Result<Source, Failure> {
    Ok(match path {
        Some(path) => Source::read(path)?,
        None => Source::of_text("quickstart.yaml", QUICKSTART, Path::new(""))?,
    })
}

/// A bar of so many steps, or a spinner; none when nobody sits there to see it.
fn progress_bar(steps: Option<u64>, template: &str) -> Option<ProgressBar> {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = steps.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    io::stderr().is_terminal().then(|| bar.with_style(style))
}

fn validate(paths: &[PathBuf]) -> Result<(), Failure> {
    let mut found = Vec::new();
    let mut fine = Vec::new();
    for path in paths {
        match scenario::load(path) {
            Ok(loaded) => fine.push(format!(
                "{}: {}",
                path.display(),
                loaded.description_of_size()
            )),
            Err(problems) => found.extend(problems.into_vec()),
        }
    }
    if !fine.is_empty() {
        print(&fine.join("\n"))?;
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(Problems::new(found).into())
    }
}
