//! A schedule that Batsim wrote (`*_jobs.csv`), and a run of the same jobs held against it.
//!
//! Batsim counts time in seconds as floating-point numbers and prints six digits; a run counts whole
//! microseconds, to which submission times, delays and walltimes are rounded. Starts are equal when
//! they are the same number of microseconds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::engine::Outcome;
use crate::engine::job::{Job, Part};
use crate::import::jobs::millionths;
use crate::model::arena::{Id, JobId};
use crate::scenario::problem::{Problem, Problems, quoted};
use crate::time::{MICROS_PER_SEC, SimTime};
use crate::workload::trace;

/// When a job ran, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub job: String,
    /// When it was submitted.
    pub submitted: SimTime,
    /// When it started.
    pub started: SimTime,
    /// When it ended.
    pub ended: SimTime,
    /// Numbers of its hosts, from 0.
    pub hosts: BTreeSet<usize>,
}

/// Columns that are read.
const COLUMNS: [&str; 5] = [
    "job_id",
    "submission_time",
    "starting_time",
    "finish_time",
    "allocated_resources",
];

/// A row of the file, as far as it counts here.
#[derive(Deserialize)]
struct Row<'a> {
    job_id: &'a str,
    submission_time: &'a str,
    starting_time: &'a str,
    finish_time: &'a str,
    allocated_resources: &'a str,
}

/// So many problems are told; then the rest is only counted.
const MOST_PROBLEMS: usize = 20;

/// Most hosts of a schedule.
const MOST_HOSTS: usize = 1_000_000;

/// So many differences are told.
const MOST_TOLD: usize = 10;

/// Reads a schedule: `text` is CSV, and messages name it `file`.
///
/// # Errors
/// What is wrong with it, line by line.
pub fn read(file: &str, text: &str) -> Result<Vec<Entry>, Problems> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let told = |line: Option<u64>, message: String| {
        let mut problem = Problem::in_file(file, message);
        problem.line = line.and_then(|line| u32::try_from(line).ok());
        problem
    };
    let header = reader.headers().cloned();
    let header = header.map_err(|error| told(None, trace::told(&error)))?;
    let missing = COLUMNS
        .iter()
        .find(|name| header.iter().all(|it| it != **name));
    if let Some(missing) = missing {
        let problem = told(Some(1), format!("no column {}", quoted(missing)));
        return Err(problem
            .help("a schedule is what Batsim writes as *_jobs.csv")
            .into());
    }
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let entry = match record {
            Ok(record) => {
                let line = record.position().map(csv::Position::line);
                let row = record.deserialize(Some(&header));
                let row = row.map_err(|error| trace::told(&error));
                row.and_then(entry).map_err(|message| told(line, message))
            }
            Err(error) => {
                let line = error.position().map(csv::Position::line);
                Err(told(line, trace::told(&error)))
            }
        };
        match entry {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() && entries.is_empty() {
        problems.push(told(None, "the schedule has no jobs".to_owned()));
    }
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        problems.truncate(MOST_PROBLEMS);
        problems.push(told(None, format!("{more} more lines are wrong")));
    }
    match problems.is_empty() {
        true => Ok(entries),
        false => Err(Problems::new(problems)),
    }
}

fn entry(row: Row<'_>) -> Result<Entry, String> {
    let time = |column: &str, text: &str| {
        let found = millionths(text).map(SimTime::from_micros);
        found.ok_or_else(|| format!("{column}: {} is not a number of seconds", quoted(text)))
    };
    let hosts = row.allocated_resources;
    Ok(Entry {
        job: row.job_id.to_owned(),
        submitted: time("submission_time", row.submission_time)?,
        started: time("starting_time", row.starting_time)?,
        ended: time("finish_time", row.finish_time)?,
        hosts: host_set(hosts).ok_or_else(|| {
            let hosts = quoted(hosts);
            format!("allocated_resources: {hosts} are not numbers such as 0 3-5")
        })?,
    })
}

/// Hosts as Batsim prints them: `0 3-5`.
fn host_set(text: &str) -> Option<BTreeSet<usize>> {
    let mut hosts = BTreeSet::new();
    for part in text.split_whitespace() {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MOST_HOSTS {
            return None;
        }
        hosts.extend(first..=last);
    }
    (!hosts.is_empty()).then_some(hosts)
}

/// The jobs of a run that have ended, in order of submission; hosts go by the numbers of the
/// instances.
pub fn of_run(outcome: &Outcome) -> Vec<Entry> {
    let jobs = outcome.jobs.iter().filter(|(_, job)| !job.is_node());
    let entries = jobs.filter_map(|(id, job)| {
        Some(Entry {
            job: outcome.world.batch.kinds[job.kind].name.clone(),
            submitted: job.times.created,
            started: job.times.started?,
            ended: job.times.stopped?,
            hosts: hosts(outcome, id, job),
        })
    });
    entries.collect()
}

/// The instances of the latest attempt of a job, and of its nodes.
fn hosts(outcome: &Outcome, id: JobId, job: &Job) -> BTreeSet<usize> {
    let nodes = match job.part {
        Part::Gang { first_node } => {
            let nodes = &outcome.world.batch.kinds[job.kind].nodes;
            let count = nodes.as_ref().map_or(0, |nodes| nodes.needs.len());
            let first = first_node.index();
            (first..first + count).map(JobId::from_index).collect()
        }
        _ => vec![id],
    };
    let attempts = nodes
        .iter()
        .filter_map(|id| outcome.jobs[*id].attempts.last());
    let instances = attempts.filter_map(|attempt| attempt.instance);
    instances.map(|(_, instance)| instance.index()).collect()
}

/// How two schedules of the same jobs agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Jobs of the recorded schedule.
    pub jobs: usize,
    /// Those that start in the same microsecond.
    pub equal_starts: usize,
    /// Those that have the same hosts.
    pub equal_hosts: usize,
    /// Where they differ, job by job; the first ten.
    pub differences: Vec<String>,
    /// Statistics of the recorded schedule.
    pub recorded: Totals,
    /// Those of the run.
    pub run: Totals,
}

/// Statistics of a schedule, as Batsim has them. Seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Totals {
    /// Mean time from submission to start.
    pub mean_wait: f64,
    /// The longest.
    pub max_wait: f64,
    /// Mean of the time from submission to end, by the run time.
    pub mean_slowdown: f64,
    /// Mean time from submission to end.
    pub mean_turnaround: f64,
    /// The last end.
    pub makespan: f64,
}

impl Agreement {
    /// Whether all starts and hosts are equal, and no job is in one schedule only.
    pub fn is_complete(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Totals {
    /// Of a schedule; zeros of none.
    pub fn of(entries: &[Entry]) -> Self {
        let secs = |micros: u128| micros as f64 / MICROS_PER_SEC as f64;
        let count = entries.len().max(1) as f64;
        let waits =
            || (entries.iter()).map(|it| u128::from((it.started.since(it.submitted)).micros()));
        let times = || entries.iter().map(|it| it.ended.since(it.submitted));
        let turnaround = times().map(|time| u128::from(time.micros())).sum();
        let slowdowns = entries.iter().map(|it| {
            let run = it.ended.since(it.started).micros().max(1) as f64;
            it.ended.since(it.submitted).micros() as f64 / run
        });
        let ends = entries.iter().map(|it| u128::from(it.ended.micros()));
        Totals {
            mean_wait: secs(waits().sum()) / count,
            max_wait: secs(waits().max().unwrap_or(0)),
            mean_slowdown: slowdowns.sum::<f64>() / count,
            mean_turnaround: secs(turnaround) / count,
            makespan: secs(ends.max().unwrap_or(0)),
        }
    }
}

/// Holds a run against a recorded schedule.
pub fn compare(recorded: &[Entry], run: &[Entry]) -> Agreement {
    let here: BTreeMap<&str, &Entry> = run.iter().map(|it| (it.job.as_str(), it)).collect();
    let mut found = Agreement {
        jobs: recorded.len(),
        equal_starts: 0,
        equal_hosts: 0,
        differences: Vec::new(),
        recorded: Totals::of(recorded),
        run: Totals::of(run),
    };
    let mut differences = Vec::new();
    for entry in recorded {
        let Some(other) = here.get(entry.job.as_str()) else {
            differences.push(format!("job {} has not ended in the run", entry.job));
            continue;
        };
        let starts = entry.started == other.started;
        let hosts = entry.hosts == other.hosts;
        found.equal_starts += usize::from(starts);
        found.equal_hosts += usize::from(hosts);
        if !starts || !hosts {
            differences.push(format!(
                "job {} starts at {} s on {}, recorded: at {} s on {}",
                entry.job,
                other.started,
                shown(&other.hosts),
                entry.started,
                shown(&entry.hosts)
            ));
        }
    }
    let known: BTreeSet<&str> = recorded.iter().map(|it| it.job.as_str()).collect();
    let more = run.iter().filter(|it| !known.contains(it.job.as_str()));
    differences.extend(more.map(|it| format!("job {} is not in the schedule", it.job)));
    differences.truncate(MOST_TOLD);
    found.differences = differences;
    found
}

fn shown(hosts: &BTreeSet<usize>) -> String {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    hosts.join(" ")
}
