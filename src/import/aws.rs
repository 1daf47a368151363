//! A cluster as the AWS CLI describes it: its container instances, its task definitions, and the
//! tasks that ran on it.
//!
//! [`convert`] turns the documents of `aws ecs describe-container-instances`,
//! `describe-task-definition` and `describe-tasks` (or of `run-task` and `start-task`, which answer
//! alike) into a scenario with traces. A task becomes a row: asked for at its `createdAt`, running
//! from `startedAt` to `stoppedAt`, with the sizes that its overrides gave and the exit code of its
//! first essential container. Nothing of the fields without effect is written, so that no command,
//! environment or secret gets into a scenario.
//!
//! Whatever is missing is told at once; whatever is left out is counted, and the counts are held
//! against the scenario and the traces as a run would read them.

mod document;
mod selection;
mod writing;

use crate::import::openb::ledger::{Amount, Line};
use crate::scenario::document::Document;
use crate::scenario::file::Scenario;
use crate::scenario::problem::{Problem, Problems};
use crate::time::SimDuration;
use crate::workload::trace;
use selection::{LeftOut, Selection};

/// What a document is given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `aws ecs describe-container-instances`.
    ContainerInstances,
    /// `aws ecs describe-task-definition`.
    TaskDefinitions,
    /// `aws ecs describe-tasks`, `run-task`, `start-task`.
    Tasks,
}

impl Kind {
    /// The key under which such a document holds what it describes.
    fn key(self) -> &'static str {
        match self {
            Kind::ContainerInstances => "containerInstances",
            Kind::TaskDefinitions => "taskDefinition",
            Kind::Tasks => "tasks",
        }
    }

    /// The option that takes such documents.
    fn option(self) -> &'static str {
        match self {
            Kind::ContainerInstances => "--container-instances",
            Kind::TaskDefinitions => "--task-definitions",
            Kind::Tasks => "--tasks",
        }
    }

    /// How to get such a document.
    fn command(self) -> &'static str {
        match self {
            Kind::ContainerInstances => {
                "write one: aws ecs describe-container-instances --cluster … --container-instances … \
                 --output json > FILE"
            }
            Kind::TaskDefinitions => {
                "write one: aws ecs describe-task-definition --task-definition … --output json > FILE"
            }
            Kind::Tasks => {
                "write one: aws ecs describe-tasks --cluster … --tasks … --output json > FILE"
            }
        }
    }
}

/// A document.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as messages and comments name it.
    pub file: String,
    /// Its text: JSON.
    pub text: String,
    /// What it is given as.
    pub kind: Kind,
}

/// What the documents leave to choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the scenario gets a start date: the second in which the first task was created.
    pub start_date: bool,
    /// Run time of tasks without a recorded end; absent: they are left out.
    pub unended: Option<SimDuration>,
    /// Whether tasks are left out whose task definition or cluster no document describes; otherwise
    /// they are an error.
    pub leave_out_undescribed: bool,
}

/// What a conversion gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Names and texts: `scenario.yaml`, then a trace a workload (`tasks.csv`, `tasks-2.csv`, …).
    pub files: Vec<(String, String)>,
    /// What the documents hold against what was written.
    pub lines: Vec<Line>,
    /// What was changed or left out, a sentence each.
    pub notes: Vec<String>,
}

/// Name of the scenario's file.
pub const SCENARIO: &str = "scenario.yaml";

/// Converts documents.
///
/// # Errors
/// Everything that is wrong with any of them, and everything that is missing: a task definition or a
/// cluster that tasks name and no document describes, or anything to simulate at all.
pub fn convert(sources: &[Source], options: Options) -> Result<Converted, Problems> {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for source in sources {
        match document::read(source) {
            Ok(document) => read.push(document),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(Problems::new(problems));
    }
    let selection = Selection::new(&read, options)?;
    if selection.is_empty() {
        let file = sources.first().map_or("", |source| &source.file);
        return Err(nothing(file, &selection).into());
    }
    let written = writing::write(sources, &selection, options);
    Ok(Converted {
        lines: lines(sources.len(), &selection, &written.files)?,
        files: written.files,
        notes: written.notes,
    })
}

fn nothing(file: &str, selection: &Selection<'_>) -> Problem {
    let left_out = selection.left_out_by_reason();
    let reasons = left_out.iter().filter(|(_, tasks, _)| *tasks > 0);
    let reasons: Vec<String> = reasons
        .map(|(reason, tasks, _)| format!("{tasks} {}", reason.words()))
        .collect();
    let message = match reasons.is_empty() {
        true => "the documents describe no container instance and no task".to_owned(),
        false => format!(
            "the documents describe no container instance, and no task can be taken: {}",
            reasons.join(", ")
        ),
    };
    let unended = left_out
        .iter()
        .any(|(reason, tasks, _)| *reason == LeftOut::Unended && *tasks > 0);
    let help = match unended {
        true => "pass --container-instances; --unended 1h takes tasks without a recorded end",
        false => "pass --container-instances",
    };
    Problem::in_file(file, message).help(help)
}

/// `described - left out + added = written`, with what was written read back.
fn lines(
    documents: usize,
    selection: &Selection<'_>,
    files: &[(String, String)],
) -> Result<Vec<Line>, Problems> {
    let whole = |count: usize| Amount::whole(count as u64);
    let line = |what, listed: usize, left_out: usize| Line {
        what,
        listed: whole(listed),
        left_out: whole(left_out),
        changed: Amount::default(),
        written: Some(whole(listed - left_out)),
    };
    let (instances, again) = (selection.instances.len(), selection.instances_again);
    let (definitions, repeated) = (selection.definitions.len(), selection.definitions_again);
    let left_out = selection.left_out_by_reason();
    let tasks_left_out: usize = left_out.iter().map(|(_, tasks, _)| tasks).sum();
    let all_tasks = selection.taken.len() + tasks_left_out;
    let mut lines = vec![
        line("documents", documents, 0),
        line("container instances", instances + again, again),
        line("task definitions", definitions + repeated, repeated),
        line("tasks", all_tasks, tasks_left_out),
    ];
    for (reason, tasks, _) in left_out.iter().filter(|(_, tasks, _)| *tasks > 0) {
        lines.push(line(reason.row(), *tasks, *tasks));
    }
    let recorded: u128 = selection.taken.iter().map(|task| task.recorded()).sum();
    let missed: u128 = left_out.iter().map(|(.., micros)| micros).sum();
    let run_time: u128 = selection
        .taken
        .iter()
        .map(|task| u128::from(task.run_time.micros()))
        .sum();
    let micros = |micros: u128| Amount::millionths(micros.cast_signed());
    lines.push(Line {
        what: "run time, s",
        listed: micros(recorded + missed),
        left_out: micros(missed),
        changed: micros(run_time - recorded),
        written: Some(micros(run_time)),
    });
    let found = count(files)?;
    let expected = [instances, definitions, selection.taken.len()].map(|count| count as u128);
    if found != (expected, run_time) {
        let message = format!(
            "container instances, task definitions, tasks and run time: {:?} were to be written, {found:?} were; \
             this is a defect of stowplan",
            (expected, run_time)
        );
        return Err(Problem::in_file(SCENARIO, message).into());
    }
    Ok(lines)
}

/// Container instances, task definitions and rows, and the run time of those in microseconds, as a
/// run would read them.
fn count(files: &[(String, String)]) -> Result<([u128; 3], u128), Problems> {
    let (mut counts, mut run_time) = ([0; 3], 0);
    for (name, text) in files {
        if name == SCENARIO {
            let scenario: Scenario = Document::parse(name, text)?.decode(&[])?;
            let clusters = scenario.clusters.iter();
            let instances = clusters.map(|cluster| cluster.container_instances.len());
            counts[0] = instances.sum::<usize>() as u128;
            counts[1] = scenario.task_definitions.len() as u128;
            continue;
        }
        let rows = trace::read(text.as_bytes()).map_err(|faults| {
            let told = faults.into_iter();
            Problems::new(
                told.map(|fault| Problem::in_file(name, fault.message))
                    .collect(),
            )
        })?;
        counts[2] += rows.len() as u128;
        let durations = rows.iter().filter_map(|row| row.duration);
        run_time += durations.map(|it| u128::from(it.micros())).sum::<u128>();
    }
    Ok((counts, run_time))
}
