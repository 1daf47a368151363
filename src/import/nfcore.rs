//! Jobs that nf-core pipelines ran on AWS Batch: the CSV of the data set aws-batch-nfcore-2025.
//!
//! A row is a job of AWS Batch, submitted and running as recorded; a retry of Nextflow is a row of
//! its own. The list has the recorded instance types and zones, but neither the compute environment
//! nor who shared an instance: the environment here may launch the recorded types, and as many of
//! them as the jobs want. The times of each run count from its own start, so that runs are set one
//! after another, each at a whole hour and at least one hour after the recorded end of the last.
//!
//! Source: seqeralabs/nf-aggregate, run dumps of Seqera Platform; MIT License.

mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::Deserialize;

use super::jobs::{
    self, Converted, Job, LEAST_MEMORY_MIB, Ledger, Names, Setting, Stream, Target,
    UNLIMITED_VCPUS, millionths, shown,
};
use super::openb::List;
use crate::scenario::problem::{Problem, Problems, quoted};
use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};

/// Quantities of a list.
const QUANTITIES: [&str; 5] = [
    "jobs",
    "vCPUs",
    "run time, s",
    "vCPU seconds",
    "memory, MiB",
];

/// Exit code of a job that has none: killed from outside, or never started.
const KILLED: u8 = 137;

/// So many problems are told; then the rest is only counted.
const MOST_PROBLEMS: usize = 20;

/// A row as it stands in the file, as far as it counts.
#[derive(Deserialize)]
struct Row {
    run_id: String,
    process: String,
    exit_code: u64,
    submit_s: String,
    start_s: String,
    complete_s: String,
    run_s: String,
    vcpus: u32,
    memory_mib: u32,
    machine_type: String,
    az: String,
    price_model: String,
    billed_split_cost_usd: Option<String>,
    billed_unused_cost_usd: Option<String>,
}

/// A row that has been understood. Times are microseconds.
struct Recorded {
    row: Row,
    submitted: u64,
    started: u64,
    run_time: u64,
    completed: u64,
    /// US dollars for the job itself and for its share of what its instance had idle, to be told and
    /// no more; absent where no bill was found.
    billed: Option<(f64, f64)>,
}

/// Converts a list; of all runs, or of one.
///
/// # Errors
/// Every row that cannot be read; a run that is not in the list.
pub fn convert(
    list: List<impl Read>,
    run: Option<&str>,
    target: Target<'_>,
) -> Result<Converted, Problems> {
    let file = list.file.clone();
    let rows = read(list).map_err(Problems::new)?;
    let is_wanted = |row: &&Recorded| run.is_none_or(|run| row.row.run_id == run);
    let taken: Vec<&Recorded> = rows.iter().filter(is_wanted).collect();
    if taken.is_empty() {
        let ids: BTreeSet<&str> = rows.iter().map(|it| it.row.run_id.as_str()).collect();
        let wanted = run.unwrap_or_default();
        let problem = Problem::in_file(file, format!("no run {}", quoted(wanted)));
        let ids: Vec<&str> = ids.into_iter().collect();
        return Err(problem.suggest(wanted, "runs", ids).into());
    }
    let starts = starts(&taken);
    let mut ledger = Ledger::new();
    for row in &rows {
        match is_wanted(&row) {
            true => ledger.take(row.amounts()),
            false => ledger.leave_out("of other runs", row.amounts()),
        }
    }
    let mut names = Names::default();
    let mut jobs: Vec<Job> = taken
        .iter()
        .map(|it| Job {
            at: SimTime::from_micros(starts[it.row.run_id.as_str()] + it.submitted),
            name: names.give(&it.row.process),
            duration: SimDuration::from_micros(it.run_time),
            exit_code: u8::try_from(it.row.exit_code).unwrap_or(KILLED),
            vcpus: it.row.vcpus,
            memory_mib: it.row.memory_mib.max(LEAST_MEMORY_MIB),
            ..Job::default()
        })
        .collect();
    jobs.sort_by_key(|job| job.at);
    let setting = Setting {
        comment: comment(&file, taken.len(), &starts),
        description: "Jobs of nf-core pipelines that ran on AWS Batch, at their recorded times.",
        environment: environment(&taken),
        environment_name: "recorded",
        discipline: None,
        target,
    };
    let measure = |job: &Job| amounts(job.vcpus, job.duration.micros(), job.memory_mib);
    let notes = notes(&taken, &starts);
    setting.convert(&Stream::only(jobs), ledger, QUANTITIES, measure, notes)
}

/// The rows of a list.
fn read(list: List<impl Read>) -> Result<Vec<Recorded>, Vec<Problem>> {
    let file = list.file;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(list.text);
    let (mut rows, mut problems, mut more) = (Vec::new(), Vec::new(), 0u32);
    let mut told = |line: Option<u64>, message: String| {
        if problems.len() == MOST_PROBLEMS {
            more += 1;
            return;
        }
        let mut problem = Problem::in_file(&file, message);
        problem.line = line.and_then(|line| u32::try_from(line).ok());
        problems.push(problem);
    };
    for (row, line) in reader.deserialize::<Row>().zip(2..) {
        match row {
            Ok(row) => match Recorded::new(row) {
                Ok(recorded) => rows.push(recorded),
                Err(message) => told(Some(line), message),
            },
            Err(error) => {
                let line = error.position().map(csv::Position::line);
                let message = match error.kind() {
                    csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
                    csv::ErrorKind::Io(error) => format!("cannot be read: {error}"),
                    _ => error.to_string(),
                };
                told(line, message);
            }
        }
    }
    if rows.is_empty() && problems.is_empty() {
        problems.push(Problem::in_file(&file, "the list has no rows"));
    }
    if more > 0 {
        problems.push(Problem::in_file(
            &file,
            format!("{more} more rows are wrong"),
        ));
    }
    match problems.is_empty() {
        true => Ok(rows),
        false => Err(problems),
    }
}

impl Recorded {
    fn new(row: Row) -> Result<Self, String> {
        let micros = |column: &str, text: &str| {
            millionths(text)
                .ok_or_else(|| format!("{column}: {} is not a number of seconds", quoted(text)))
        };
        if row.vcpus == 0 {
            return Err("vcpus: 0 is not above 0".to_owned());
        }
        let plain = |text: &str| {
            text.bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"-.".contains(&it))
        };
        for (column, text) in [("machine_type", &row.machine_type), ("az", &row.az)] {
            if text.is_empty() || !plain(text) {
                return Err(format!("{column}: {} is not a name", quoted(text)));
            }
        }
        let submitted = micros("submit_s", &row.submit_s)?;
        let completed = micros("complete_s", &row.complete_s)?;
        if completed < submitted {
            let (before, after) = (&row.complete_s, &row.submit_s);
            return Err(format!(
                "complete_s: {before} is before the submit_s {after}"
            ));
        }
        let started = micros("start_s", &row.start_s)?;
        if started < submitted {
            let (before, after) = (&row.start_s, &row.submit_s);
            return Err(format!("start_s: {before} is before the submit_s {after}"));
        }
        let bills = [&row.billed_split_cost_usd, &row.billed_unused_cost_usd];
        let [own, idle] = bills.map(|text| text.as_deref().and_then(usd));
        Ok(Recorded {
            submitted,
            started,
            completed,
            billed: own.zip(idle),
            run_time: micros("run_s", &row.run_s)?,
            row,
        })
    }

    fn amounts(&self) -> [i128; 5] {
        amounts(self.row.vcpus, self.run_time, self.row.memory_mib)
    }
}

/// US dollars of a bill.
fn usd(text: &str) -> Option<f64> {
    text.parse().ok().filter(|usd: &f64| usd.is_finite())
}

/// Quantities of a job, in millionths.
fn amounts(vcpus: u32, run_micros: u64, memory_mib: u32) -> [i128; 5] {
    let run_time = SimDuration::from_micros(run_micros);
    [
        jobs::units(1),
        jobs::units(vcpus),
        run_micros.into(),
        jobs::unit_seconds(vcpus, run_time),
        jobs::units(memory_mib),
    ]
}

/// Microseconds of an hour.
const HOUR: u64 = 3600 * MICROS_PER_SEC;

/// When each run starts, in the order of the list.
fn starts<'a>(rows: &[&'a Recorded]) -> BTreeMap<&'a str, u64> {
    let (mut order, mut ends) = (Vec::new(), BTreeMap::new());
    for it in rows {
        let run = it.row.run_id.as_str();
        if !ends.contains_key(run) {
            order.push(run);
        }
        let end: &mut u64 = ends.entry(run).or_default();
        *end = it.completed.max(*end);
    }
    let (mut starts, mut next) = (BTreeMap::new(), 0);
    for run in order {
        starts.insert(run, next);
        next = (next + ends[run] + HOUR).next_multiple_of(HOUR);
    }
    starts
}

/// Whether all jobs ran on Spot.
fn is_spot(rows: &[&Recorded]) -> bool {
    rows.iter().all(|it| it.row.price_model == "spot")
}

fn environment(rows: &[&Recorded]) -> String {
    let types: BTreeSet<&str> = rows.iter().map(|it| it.row.machine_type.as_str()).collect();
    let zones: BTreeSet<&str> = rows.iter().map(|it| it.row.az.as_str()).collect();
    let listed = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
    let (kind, strategy) = match is_spot(rows) {
        true => ("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED"),
        false => ("EC2", "BEST_FIT_PROGRESSIVE"),
    };
    format!(
        "    - computeEnvironmentName: recorded
      type: MANAGED
      state: ENABLED
      computeResources:
        type: {kind}
        # There to be changed: the list does not tell it.
        allocationStrategy: {strategy}
        minvCpus: 0
        maxvCpus: {UNLIMITED_VCPUS}  # no limit
        instanceTypes: [{}]
        instanceRole: ecsInstanceRole
        subnets: [subnet-1]
        securityGroupIds: [sg-1]
      bootTime: 180s  # the list does not tell it either
      availabilityZones: [{}]
",
        listed(types),
        listed(zones)
    )
}

fn comment(file: &str, jobs: usize, starts: &BTreeMap<&str, u64>) -> String {
    format!(
        "\
# Question: how long do the jobs of bioinformatics pipelines wait for instances on AWS Batch, how many
# instances does it take, and what do they cost?
#
# Setting: {jobs} jobs of {runs} runs, one run after another, each job at its recorded submission and with its
# recorded run time. Instances are of the recorded types, as many as jobs want.
#
# Look for: waits, which are launches of instances; the recorded ones are the column queue_s of the list.
# Instances and their cost; the list has what AWS billed.
#
# List: {file}, by `stowplan import nfcore`. Source: seqeralabs/nf-aggregate, run dumps of Seqera
# Platform; MIT License, Copyright (c) The seqeralabs/nf-aggregate team.
",
        runs = starts.len(),
        file = shown(file),
    )
}

/// What was chosen, in words, and how many jobs it concerns.
fn notes(rows: &[&Recorded], starts: &BTreeMap<&str, u64>) -> Vec<String> {
    let mut notes = vec![
        "the list does not tell the compute environment: it may launch the recorded types, as many \
         as jobs want"
            .to_owned(),
        "jobs have neither dependencies, as the list has none, nor timeouts: run times are as recorded"
            .to_owned(),
    ];
    let mut in_order: Vec<(&u64, &&str)> = starts.iter().map(|(run, start)| (start, run)).collect();
    in_order.sort_unstable();
    for (start, run) in in_order {
        notes.push(format!("run {} starts at {} h", quoted(run), start / HOUR));
    }
    let count = |wanted: fn(&&&Recorded) -> bool| rows.iter().filter(wanted).count();
    let counted = [
        (
            "jobs without an exit code (killed, or never started); they exit with 137",
            count(|it| u8::try_from(it.row.exit_code).is_err()),
        ),
        (
            "jobs with less memory than AWS Batch allows, which get 4 MiB",
            count(|it| it.row.memory_mib < LEAST_MEMORY_MIB),
        ),
    ];
    let counted = counted.into_iter().filter(|(_, count)| *count > 0);
    notes.extend(counted.map(|(what, count)| format!("{what}: {count}")));
    notes.extend(recorded::figures(rows, starts));
    notes
}

#[cfg(test)]
mod tests;
