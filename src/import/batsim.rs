//! Workloads of Batsim, the simulator of batch schedulers: JSON with `jobs`, `profiles` and `nb_res`.
//!
//! A host becomes an instance with room for one job, a job one of AWS Batch that takes as many
//! instances as it has resources, for itself and at once; its `walltime` becomes the timeout, the
//! `delay` of its profile the run time. The queue is under `x-easy`, as Batsim's EASY backfilling;
//! nothing but jobs takes time. [`schedule`] holds a run against what Batsim itself wrote.
//!
//! Jobs that are left out: with a profile other than `delay`, which would need a model of the
//! platform; those that EASY refuses, because they have no walltime or are wider than the machine.
//!
//! Source: P.-F. Dutot, M. Mercier, M. Poquet, O. Richard, "Batsim: a Realistic Language-Independent
//! Resources and Jobs Management Systems Simulator", JSSPP 2016; Batsim's documentation, "Workload".

pub mod schedule;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::jobs::{
    self, Converted, Instances, Job, LEAST_MEMORY_MIB, Ledger, Names, Setting, Stream, Target,
    shown,
};
use crate::scenario::document::Document;
use crate::scenario::problem::{Problem, Problems, quoted};
use crate::time::{SimDuration, SimTime};

/// Quantities of a workload.
const QUANTITIES: [&str; 5] = [
    "jobs",
    "hosts of jobs",
    "run time, s",
    "host seconds",
    "walltime, s",
];

/// A workload. Keys that are not read here say nothing about jobs, or are for schedulers.
#[derive(Deserialize, JsonSchema)]
struct Workload {
    #[schemars(range(min = 1))]
    nb_res: u32,
    jobs: Vec<Listed>,
    profiles: BTreeMap<String, Profile>,
}

/// A job of a workload; times are in seconds.
#[derive(Deserialize, JsonSchema)]
struct Listed {
    id: Value,
    #[schemars(range(min = 0.0, max = 1e12))]
    subtime: f64,
    #[schemars(range(min = 1))]
    res: u32,
    /// Absent or below 0: without a limit.
    #[schemars(range(max = 1e12))]
    walltime: Option<f64>,
    profile: String,
}

/// What a job does.
#[derive(Deserialize, JsonSchema)]
struct Profile {
    r#type: String,
    #[schemars(range(min = 0.0, max = 1e12))]
    delay: Option<f64>,
    /// Exit code.
    #[serde(default)]
    ret: i64,
}

/// A job of which everything is known.
struct Known {
    job: Job,
    /// Why it is left out, if it is.
    left_out: Option<&'static str>,
}

/// Converts a workload: `text` is JSON, and messages name it `file`.
///
/// # Errors
/// Everything that is wrong with the workload; one without a job that can be taken.
pub fn convert(file: &str, text: &str, target: Target<'_>) -> Result<Converted, Problems> {
    let document = Document::parse(file, text)?;
    let workload: Workload = document.decode(&[])?;
    let known = read(&document, &workload)?;
    let late = known.iter().filter(|it| {
        let walltime = it.job.timeout.unwrap_or_default();
        it.left_out.is_none() && it.job.duration > walltime
    });
    let notes = notes(&workload, late.count());
    let (jobs, ledger) = select(known);
    if jobs.is_empty() {
        let reasons = ledger.reasons();
        let reasons: Vec<_> = reasons
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let message = format!("no job can be taken: {}", reasons.join(", "));
        return Err(Problem::in_file(file, message).into());
    }
    let hosts = Instances {
        count: workload.nb_res,
        vcpus: 1,
        memory_mib: LEAST_MEMORY_MIB.into(),
    };
    let setting = Setting {
        comment: comment(file, &workload, jobs.len()),
        description: "Jobs of a Batsim workload under EASY backfilling.",
        environment: jobs::fixed_environment("hosts", &[hosts], true),
        environment_name: "hosts",
        discipline: Some("x-easy"),
        target,
    };
    setting.convert(&Stream::only(jobs), ledger, QUANTITIES, amounts, notes)
}

/// Every job of a workload, in order of the file.
fn read(document: &Document, workload: &Workload) -> Result<Vec<Known>, Problems> {
    let (mut known, mut problems, mut names) = (Vec::new(), Vec::new(), Names::default());
    for (index, listed) in workload.jobs.iter().enumerate() {
        match known_job(listed, workload, &mut names) {
            Ok(job) => known.push(job),
            Err((key, message)) => {
                let path = format!("jobs[{index}].{key}");
                problems.push(document.problem(&path, message));
            }
        }
    }
    match problems.is_empty() {
        true => Ok(known),
        false => Err(Problems::new(problems)),
    }
}

/// A job, or which key of it is wrong and why.
fn known_job(
    listed: &Listed,
    workload: &Workload,
    names: &mut Names,
) -> Result<Known, (&'static str, String)> {
    let id = match &listed.id {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return Err(("id", "neither a number nor a text".to_owned())),
    };
    let name = &listed.profile;
    let Some(profile) = workload.profiles.get(name) else {
        return Err(("profile", format!("no profile named {}", quoted(name))));
    };
    let is_delay = profile.r#type == "delay";
    if is_delay && profile.delay.is_none() {
        return Err(("profile", format!("profile {} has no delay", quoted(name))));
    }
    let walltime = listed.walltime.filter(|walltime| *walltime > 0.0);
    let left_out = if !is_delay {
        Some("with a profile other than delay")
    } else if listed.res > workload.nb_res {
        Some("wider than the machine")
    } else if walltime.is_none() {
        Some("without a walltime")
    } else {
        None
    };
    let shortest = SimDuration::from_micros(1);
    let job = Job {
        at: SimTime::ZERO + SimDuration::from_secs_f64(listed.subtime),
        name: names.give(&id),
        duration: SimDuration::from_secs_f64(profile.delay.unwrap_or(0.0)),
        exit_code: u8::try_from(profile.ret).unwrap_or(1),
        vcpus: 1,
        memory_mib: LEAST_MEMORY_MIB,
        nodes: Some(listed.res),
        timeout: walltime.map(|walltime| SimDuration::from_secs_f64(walltime).max(shortest)),
        ..Job::default()
    };
    Ok(Known { job, left_out })
}

/// The jobs that are taken, in order of submission, and what becomes of every one.
fn select(known: Vec<Known>) -> (Vec<Job>, Ledger<5>) {
    let (mut jobs, mut ledger) = (Vec::new(), Ledger::new());
    for Known { job, left_out } in known {
        match left_out {
            Some(reason) => ledger.leave_out(reason, amounts(&job)),
            None => {
                ledger.take(amounts(&job));
                jobs.push(job);
            }
        }
    }
    jobs.sort_by_key(|job| job.at);
    (jobs, ledger)
}

/// Quantities of a job, in millionths.
fn amounts(job: &Job) -> [i128; 5] {
    let hosts = job.nodes.unwrap_or(1);
    let walltime = job.timeout.unwrap_or_default();
    [
        jobs::units(1),
        jobs::units(hosts),
        job.duration.micros().into(),
        jobs::unit_seconds(hosts, job.duration),
        walltime.micros().into(),
    ]
}

fn comment(file: &str, workload: &Workload, jobs: usize) -> String {
    format!(
        "\
# Question: when do the jobs of a Batsim workload start under EASY backfilling, and on which hosts?
#
# Setting: {jobs} jobs at their submission times, with their delays as run times and their walltimes as
# timeouts, on {hosts} instances with room for one of them; a job takes as many instances as it has
# resources. Nothing else takes time. The queue is under x-easy.
#
# Look for: starts and instances (attempts.csv) against those of Batsim; leave out the discipline, and
# nobody overtakes.
#
# Workload: {file}, by `stowplan import batsim`.
",
        hosts = workload.nb_res,
        file = shown(file),
    )
}

fn notes(workload: &Workload, late: usize) -> Vec<String> {
    let mut notes = vec![
        format!(
            "hosts: {}, nb_res of the workload, each an instance of one slot",
            workload.nb_res
        ),
        "a job takes its hosts for itself, as many as it has resources (res)".to_owned(),
        "walltime: timeout of the job, and its requested time under x-easy".to_owned(),
        "times are rounded to microseconds".to_owned(),
    ];
    if late > 0 {
        notes.push(format!(
            "jobs with a delay above their walltime, which are stopped then: {late}"
        ));
    }
    notes
}

#[cfg(test)]
mod tests;
