//! Jobs of AWS Batch as `aws batch describe-jobs` prints them.
//!
//! A job that has ended becomes a row: submitted at its `createdAt`, running from `startedAt` to
//! `stoppedAt`, which are those of its last attempt, with its exit code, sizes, share and
//! dependencies. Each job queue keeps its name and is a workload with a trace of its own. Of an array
//! job the described children become jobs, and wait for what the array waited for. Nothing else is
//! written, so that no command, environment or secret gets into a scenario.
//!
//! The documents do not tell the compute environment: the one here launches the types of `optimal`,
//! as many as the jobs want.
//!
//! Source: AWS Batch API reference, DescribeJobs and JobDetail.

mod document;

use std::collections::{BTreeMap, BTreeSet};

use super::jobs::{
    self, Converted, Job, LEAST_MEMORY_MIB, Ledger, Names, Setting, Stream, Target,
    UNLIMITED_VCPUS, shown,
};
use crate::scenario::problem::{Problem, Problems};
use crate::time::{SimDuration, SimTime};
use document::{Detail, Kind};

/// Quantities of the documents.
const QUANTITIES: [&str; 6] = [
    "jobs",
    "run time, s",
    "vCPUs",
    "vCPU seconds",
    "memory, MiB",
    "GPUs",
];

/// Microseconds of a millisecond, in which AWS Batch counts.
const MILLI: u64 = 1000;

/// Exit code of a failed job that has none, such as one that was terminated.
const KILLED: u8 = 137;

/// Converts documents: names of files and their texts.
///
/// # Errors
/// Everything that is wrong with any of them; no job that can be taken.
pub fn convert(sources: &[(String, String)], target: Target<'_>) -> Result<Converted, Problems> {
    let (mut details, mut problems) = (Vec::new(), Vec::new());
    for (file, text) in sources {
        match document::read(file, text) {
            Ok(found) => details.extend(found),
            Err(found) => problems.extend(found.into_vec()),
        }
    }
    if !problems.is_empty() {
        return Err(Problems::new(problems));
    }
    let selection = Selection::new(&details);
    let file = sources.first().map_or("", |(file, _)| file);
    if selection.taken.is_empty() {
        let reasons = selection.ledger.reasons();
        let reasons: Vec<String> = reasons
            .map(|(why, count)| format!("{count} {why}"))
            .collect();
        let message = match reasons.is_empty() {
            true => "the documents describe no job".to_owned(),
            false => format!("no job can be taken: {}", reasons.join(", ")),
        };
        return Err(Problem::in_file(file, message).into());
    }
    let links = Links::new(&details, &selection.taken);
    let (streams, joins) = streams(&selection.taken, &links);
    let has_gpus = selection.taken.iter().any(|job| job.gpus() > 0);
    let setting = Setting {
        comment: comment(file, sources.len(), selection.taken.len()),
        description: "Jobs that ran on AWS Batch, at their recorded times.",
        environment: environment(has_gpus),
        environment_name: "elastic",
        discipline: None,
        target,
    };
    let measure = |job: &Job| {
        let (vcpus, memory) = (jobs::units(job.vcpus), jobs::units(job.memory_mib));
        amounts(job.duration, vcpus, memory, job.gpus)
    };
    let notes = notes(&selection, &links, streams.len(), joins);
    setting.convert(&streams, selection.ledger, QUANTITIES, measure, notes)
}

/// Quantities of a job, in millionths.
fn amounts(run_time: SimDuration, vcpus: i128, memory: i128, gpus: u32) -> [i128; 6] {
    let micros = i128::from(run_time.micros());
    // vCPUs of Fargate are quarters at the least, so that this division is exact.
    let vcpu_seconds = vcpus * micros / jobs::units(1);
    [
        jobs::units(1),
        micros,
        vcpus,
        vcpu_seconds,
        memory,
        jobs::units(gpus),
    ]
}

/// The jobs that are taken, and what becomes of all.
struct Selection<'a> {
    /// In order of submission.
    taken: Vec<&'a Detail>,
    ledger: Ledger<6>,
}

impl<'a> Selection<'a> {
    fn new(details: &'a [Detail]) -> Self {
        let (mut taken, mut ledger, mut seen) = (Vec::new(), Ledger::new(), BTreeSet::new());
        for detail in details {
            let amounts = amounts(
                detail.run_time().unwrap_or_default(),
                detail.vcpu_millionths(),
                jobs::units(detail.memory_mib()),
                detail.gpus(),
            );
            let reason = match seen.insert(&detail.job_id) {
                true => detail.left_out(),
                false => Some("described before"),
            };
            match reason {
                Some(reason) => ledger.leave_out(reason, amounts),
                None => {
                    ledger.take(amounts);
                    taken.push(detail);
                }
            }
        }
        taken.sort_by_key(|detail| detail.created_at);
        Selection { taken, ledger }
    }
}

/// Who waits for whom, by place among the jobs that are taken.
struct Links {
    waits_for: Vec<BTreeSet<usize>>,
    /// Dependencies on jobs that are not there, are in another queue or were submitted later.
    lost: usize,
}

impl Links {
    fn new(details: &[Detail], taken: &[&Detail]) -> Self {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, detail) in taken.iter().enumerate() {
            places.entry(&detail.job_id).or_default().push(place);
            if let Kind::Child { array, .. } = detail.kind() {
                places.entry(array).or_default().push(place);
            }
        }
        let parents = details
            .iter()
            .filter(|detail| matches!(detail.kind(), Kind::Array));
        let parents: BTreeMap<&str, &Detail> = parents
            .map(|detail| (detail.job_id.as_str(), detail))
            .collect();
        let mut links = Links {
            waits_for: vec![BTreeSet::new(); taken.len()],
            lost: 0,
        };
        for (place, detail) in taken.iter().enumerate() {
            let own = detail.depends_on.iter().flatten();
            let (array, index) = match detail.kind() {
                Kind::Child { array, index } => (Some(array), index),
                _ => (None, 0),
            };
            let of_array = array.and_then(|array| parents.get(array));
            let of_array = of_array.and_then(|array| array.depends_on.as_ref());
            for dependency in own.chain(of_array.into_iter().flatten()) {
                let one = match (dependency.r#type.as_deref(), &dependency.job_id, array) {
                    (Some("SEQUENTIAL"), None, Some(_)) if index == 0 => continue,
                    (Some("SEQUENTIAL"), None, Some(array)) => format!("{array}:{}", index - 1),
                    (Some("N_TO_N"), Some(other), Some(_)) => format!("{other}:{index}"),
                    (_, Some(other), _) => other.clone(),
                    (_, None, _) => continue,
                };
                let found = places.get(one.as_str()).map_or(&[][..], Vec::as_slice);
                let usable =
                    |other: &usize| *other < place && taken[*other].queue() == detail.queue();
                let usable: BTreeSet<usize> = found.iter().copied().filter(usable).collect();
                if usable.is_empty() {
                    links.lost += 1;
                }
                links.waits_for[place].extend(usable);
            }
        }
        links
    }
}

/// The jobs of each queue, and how many of no length were added.
fn streams(taken: &[&Detail], links: &Links) -> (Vec<Stream>, usize) {
    let first = taken.first().map_or(0, |detail| detail.created_at);
    let mut names = Names::default();
    let name_of: Vec<String> = taken
        .iter()
        .map(|detail| names.give(&detail.job_name))
        .collect();
    let mut streams: Vec<Stream> = Vec::new();
    let mut joins = 0;
    for (place, detail) in taken.iter().enumerate() {
        let queue = detail.queue();
        let known = streams.iter().position(|stream| stream.queue == queue);
        let number = known.unwrap_or_else(|| {
            let queue = queue.to_owned();
            streams.push(Stream {
                queue,
                jobs: Vec::new(),
            });
            streams.len() - 1
        });
        let into = &mut streams[number].jobs;
        let at = SimTime::from_micros((detail.created_at - first) * MILLI);
        let wanted = links.waits_for[place]
            .iter()
            .map(|other| name_of[*other].clone());
        let before = into.len();
        let depends_on = jobs::join(wanted.collect(), (&name_of[place], at), &mut names, into);
        joins += into.len() - before;
        let share = detail.share_identifier.clone();
        into.iter_mut()
            .skip(before)
            .for_each(|join| join.share.clone_from(&share));
        into.push(Job {
            at,
            name: name_of[place].clone(),
            duration: detail.run_time().unwrap_or_default(),
            exit_code: detail.exit_code().unwrap_or(KILLED),
            vcpus: detail.whole_vcpus(),
            memory_mib: detail.memory_mib().max(LEAST_MEMORY_MIB),
            gpus: detail.gpus(),
            share,
            depends_on,
            ..Job::default()
        });
    }
    (streams, joins)
}

fn environment(has_gpus: bool) -> String {
    let types = if has_gpus { "optimal, g4dn" } else { "optimal" };
    format!(
        "    # There to be changed: the documents do not tell it.
    - computeEnvironmentName: elastic
      type: MANAGED
      state: ENABLED
      computeResources:
        type: EC2
        allocationStrategy: BEST_FIT_PROGRESSIVE
        minvCpus: 0
        maxvCpus: {UNLIMITED_VCPUS}  # no limit
        instanceTypes: [{types}]
        instanceRole: ecsInstanceRole
        subnets: [subnet-1]
        securityGroupIds: [sg-1]
"
    )
}

fn comment(file: &str, documents: usize, jobs: usize) -> String {
    format!(
        "\
# Question: how long do the recorded jobs wait, and what do their instances cost, with another compute
# environment, other queues or other priorities?
#
# Setting: {jobs} jobs at their recorded submission and with their recorded run times.
#
# Look for: waits in the table, instances and their cost.
#
# Documents: {documents}, the first is {file}, by `stowplan import jobs`.
",
        file = shown(file),
    )
}

/// What was chosen, in words, and how many jobs it concerns.
fn notes(selection: &Selection<'_>, links: &Links, queues: usize, joins: usize) -> Vec<String> {
    let mut notes = vec![
        "the documents do not tell the compute environment, nor what the job definitions held: \
         instances are of `optimal`, as many as jobs want, and jobs have one attempt without a timeout"
            .to_owned(),
        format!("job queues: {queues}, all of one priority"),
    ];
    let taken = &selection.taken;
    let count = |wanted: fn(&Detail) -> bool| taken.iter().filter(|it| wanted(it)).count();
    let dependencies = links.waits_for.iter().map(BTreeSet::len).sum();
    let counted = [
        ("dependencies between the jobs", dependencies),
        (
            "jobs of no length that join dependencies, 20 at a time",
            joins,
        ),
        (
            "dependencies on jobs of other queues or that are not there, which are left out",
            links.lost,
        ),
        (
            "jobs with more than one attempt; the last is what runs",
            count(|it| {
                it.attempts
                    .as_ref()
                    .is_some_and(|attempts| attempts.len() > 1)
            }),
        ),
        (
            "jobs without an exit code that did not succeed; they exit with 137",
            count(|it| it.exit_code().is_none()),
        ),
        (
            "jobs with part of a vCPU, which get a whole one",
            count(|it| jobs::units(it.whole_vcpus()) != it.vcpu_millionths()),
        ),
    ];
    let counted = counted.into_iter().filter(|(_, count)| *count > 0);
    notes.extend(counted.map(|(what, count)| format!("{what}: {count}")));
    notes
}

#[cfg(test)]
mod tests;
