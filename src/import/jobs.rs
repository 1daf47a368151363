//! Recorded jobs as AWS Batch would be asked to run them: what every importer of jobs writes, and
//! how it is held against its source.
//!
//! A scenario has one compute environment, and for each job queue a workload whose trace has a row a
//! job. Each importer says which environment, and what of its source becomes a `Job`; its
//! `Ledger` sums up the source record by record, and closes on the traces as read back from their
//! text.

use std::collections::BTreeMap;

use super::openb::ledger::{Amount, Line};
use crate::scenario::problem::{Problem, Problems, quoted};
use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};
use crate::workload::trace::{self, JobRow};

/// `maxvCpus` of an environment whose own is not known: more than the jobs can want.
pub(super) const UNLIMITED_VCPUS: u32 = 1_000_000;

/// How the files of a conversion will be called.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Name of the scenario and of its file; beginning of the names of its traces.
    pub name: &'a str,
    /// How the names of traces end: `.csv` or `.csv.gz`.
    pub trace_ending: &'a str,
}

/// What a conversion gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The scenario, as YAML.
    pub scenario: String,
    /// File names, in the scenario's folder, and texts of the traces: CSV.
    pub traces: Vec<(String, String)>,
    /// What the source holds against what was written.
    pub lines: Vec<Line>,
    /// What was chosen, changed or left out, a sentence each.
    pub notes: Vec<String>,
}

/// Least memory of a job in MiB. Source: AWS Batch API reference, ResourceRequirement.
pub(super) const LEAST_MEMORY_MIB: u32 = 4;

/// Most vCPUs of an instance: what it can register, in CPU units, is 2³¹ - 1.
pub(super) const MOST_VCPUS: u32 = 2_097_151;

/// Most memory that an instance can register, in MiB.
pub(super) const MOST_MEMORY_MIB: u64 = 2_147_483_647;

/// A job as its row of the trace has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Job {
    /// Submission.
    pub at: SimTime,
    pub name: String,
    /// Run time of its container.
    pub duration: SimDuration,
    pub exit_code: u8,
    pub vcpus: u32,
    pub memory_mib: u32,
    pub gpus: u32,
    /// Its share, in a queue with fair share.
    pub share: Option<String>,
    /// Names of earlier jobs that it waits for.
    pub depends_on: Vec<String>,
    /// How many instances it takes at once, each for `vcpus` and `memory_mib`; absent: a part of one.
    pub nodes: Option<u32>,
    /// How long it may run.
    pub timeout: Option<SimDuration>,
}

/// The trace of jobs that stand in order of submission. Columns that no job needs are left out.
pub(super) fn trace(jobs: &[Job]) -> String {
    let has_gpus = jobs.iter().any(|job| job.gpus > 0);
    let has_shares = jobs.iter().any(|job| job.share.is_some());
    let has_dependencies = jobs.iter().any(|job| !job.depends_on.is_empty());
    let has_nodes = jobs.iter().any(|job| job.nodes.is_some());
    let has_timeouts = jobs.iter().any(|job| job.timeout.is_some());
    let mut text = "time,jobName,duration,exitCode,vcpus,memory".to_owned();
    for (wanted, column) in [
        (has_gpus, ",gpus"),
        (has_shares, ",shareIdentifier"),
        (has_dependencies, ",dependsOn"),
        (has_nodes, ",nodes"),
        (has_timeouts, ",timeout"),
    ] {
        text.push_str(if wanted { column } else { "" });
    }
    text.push('\n');
    for job in jobs {
        let Job {
            at, name, duration, ..
        } = job;
        let (code, vcpus, memory) = (job.exit_code, job.vcpus, job.memory_mib);
        text += &format!("{at},{name},{duration},{code},{vcpus},{memory}");
        if has_gpus {
            text += &format!(",{}", job.gpus);
        }
        if has_shares {
            text += &format!(",{}", job.share.as_deref().unwrap_or_default());
        }
        if has_dependencies {
            text += &format!(",{}", job.depends_on.join(" "));
        }
        if has_nodes {
            text += &format!(",{}", shown_if(job.nodes));
        }
        if has_timeouts {
            text += &format!(",{}", shown_if(job.timeout));
        }
        text.push('\n');
    }
    text
}

/// What is there, or nothing.
fn shown_if(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The jobs of a trace as a run would read them; absent when it does not.
fn read_back(trace: &str) -> Option<Vec<Job>> {
    let rows = trace::read_jobs(trace.as_bytes()).ok()?;
    let name = |number: u64| rows.get(number as usize - 1)?.job.name.clone();
    let job = |row: &JobRow| {
        let asked = &row.job;
        Some(Job {
            at: row.at,
            name: asked.name.clone()?,
            duration: row.duration?,
            exit_code: row.exit_code?,
            vcpus: asked.vcpus?,
            memory_mib: asked.memory?,
            gpus: asked.gpus.unwrap_or(0),
            share: asked.share.clone(),
            depends_on: asked
                .depends_on
                .iter()
                .map(|on| name(*on))
                .collect::<Option<_>>()?,
            nodes: asked.nodes,
            timeout: asked.timeout,
        })
    };
    rows.iter().map(job).collect()
}

/// Millionths of a decimal number of zero or more, below 10¹²; absent when it is none, or finer.
pub(super) fn millionths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let part = part.trim_end_matches('0');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || part.len() > 6 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * MICROS_PER_SEC + part)
}

/// Gives out job names, each once.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Every name that is taken, with the number that its next namesake gets.
    taken: BTreeMap<String, u32>,
}

/// So much is kept of a name, so that a number finds room behind it.
const LONGEST_KEPT: usize = 100;

impl Names {
    /// `wanted` as far as it is a job name: 128 letters, digits, hyphens and underscores, the first
    /// a letter or digit. A name that is taken gets a number.
    ///
    /// Source: AWS Batch API reference, SubmitJob, `jobName`.
    pub fn give(&mut self, wanted: &str) -> String {
        let allowed =
            |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let cleaned = wanted
            .chars()
            .map(|letter| if allowed(letter) { letter } else { '_' });
        let mut name: String = cleaned.take(LONGEST_KEPT).collect();
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            name.insert_str(0, "job");
        }
        let Some(next) = self.taken.get(&name) else {
            self.taken.insert(name.clone(), 2);
            return name;
        };
        let mut number = *next;
        let mut numbered = format!("{name}-{number}");
        while self.taken.contains_key(&numbered) {
            number += 1;
            numbered = format!("{name}-{number}");
        }
        self.taken.insert(name, number + 1);
        self.taken.insert(numbered.clone(), 2);
        numbered
    }
}

/// Most jobs that one may depend on. Source: AWS Batch API reference, SubmitJob, `dependsOn`.
pub(super) const MOST_DEPENDENCIES: usize = 20;

/// At most 20 names for a `job` at `at` to depend on instead of `wanted`: for each 20 of them a job
/// of no length is added to `jobs`, until they are few enough.
pub(super) fn join(
    mut wanted: Vec<String>,
    (job, at): (&str, SimTime),
    names: &mut Names,
    jobs: &mut Vec<Job>,
) -> Vec<String> {
    while wanted.len() > MOST_DEPENDENCIES {
        let mut joined = Vec::new();
        for group in wanted.chunks(MOST_DEPENDENCIES) {
            if let [single] = group {
                joined.push(single.clone());
                continue;
            }
            let name = names.give(&format!("join-{job}"));
            joined.push(name.clone());
            jobs.push(Job {
                at,
                name,
                vcpus: 1,
                memory_mib: LEAST_MEMORY_MIB,
                depends_on: group.to_vec(),
                ..Job::default()
            });
        }
        wanted = joined;
    }
    wanted
}

/// Sums over a source, quantity by quantity; the first counts its records.
#[derive(Debug)]
pub(super) struct Ledger<const N: usize> {
    listed: [i128; N],
    left_out: BTreeMap<&'static str, [i128; N]>,
}

impl<const N: usize> Ledger<N> {
    /// Nothing yet.
    pub fn new() -> Self {
        Ledger {
            listed: [0; N],
            left_out: BTreeMap::new(),
        }
    }

    /// A record whose job is written; amounts in millionths.
    pub fn take(&mut self, amounts: [i128; N]) {
        add(&mut self.listed, amounts);
    }

    /// A record that is left out.
    pub fn leave_out(&mut self, reason: &'static str, amounts: [i128; N]) {
        add(&mut self.listed, amounts);
        add(self.left_out.entry(reason).or_insert([0; N]), amounts);
    }

    /// The reasons for which records are left out, with their number.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, i128)> {
        let million = i128::from(MICROS_PER_SEC);
        self.left_out
            .iter()
            .map(move |(reason, sums)| (*reason, sums[0] / million))
    }

    /// `listed - left out + changed = written` for each quantity, and after the first a line a
    /// reason.
    fn lines(self, names: [&'static str; N], written: [i128; N]) -> Vec<Line> {
        let mut left_out = [0; N];
        self.left_out
            .values()
            .for_each(|sums| add(&mut left_out, *sums));
        let mut lines = Vec::new();
        for (index, what) in names.into_iter().enumerate() {
            lines.push(line(
                what,
                self.listed[index],
                left_out[index],
                written[index],
            ));
            if index == 0 {
                let reasons = self.left_out.iter();
                lines.extend(reasons.map(|(reason, sums)| line(reason, sums[0], sums[0], 0)));
            }
        }
        lines
    }
}

fn add<const N: usize>(sums: &mut [i128; N], amounts: [i128; N]) {
    sums.iter_mut()
        .zip(amounts)
        .for_each(|(sum, amount)| *sum += amount);
}

/// A line of amounts in millionths; what changed is what makes it add up.
pub(super) fn line(what: &'static str, listed: i128, left_out: i128, written: i128) -> Line {
    Line {
        what,
        listed: Amount::millionths(listed),
        left_out: Amount::millionths(left_out),
        changed: Amount::millionths(written - (listed - left_out)),
        written: Some(Amount::millionths(written)),
    }
}

/// So many units in millionths.
pub(super) fn units(amount: impl Into<i128>) -> i128 {
    amount.into() * i128::from(MICROS_PER_SEC)
}

/// So many units through a span, in millionths of a unit-second.
pub(super) fn unit_seconds(amount: u32, span: SimDuration) -> i128 {
    i128::from(amount) * i128::from(span.micros())
}

/// The jobs of a queue, in order of submission.
pub(super) struct Stream {
    pub queue: String,
    pub jobs: Vec<Job>,
}

impl Stream {
    /// All jobs in a queue called `jobs`.
    pub fn only(jobs: Vec<Job>) -> Vec<Self> {
        let queue = "jobs".to_owned();
        vec![Stream { queue, jobs }]
    }

    fn has_shares(&self) -> bool {
        self.jobs.iter().any(|job| job.share.is_some())
    }
}

/// A scenario around traces.
pub(super) struct Setting<'a> {
    /// Lines that begin with `#`.
    pub comment: String,
    pub description: &'static str,
    /// The compute environment that the queues feed, as an entry of `computeEnvironments`, indented
    /// by four.
    pub environment: String,
    /// Its name.
    pub environment_name: &'static str,
    /// Where jobs do not start in the order of AWS Batch.
    pub discipline: Option<&'static str>,
    pub target: Target<'a>,
}

impl Setting<'_> {
    /// Writes scenario and traces, reads those back, and closes the ledger on them; `measure` gives
    /// the `quantities` of a job.
    ///
    /// # Errors
    /// When a trace does not hold its jobs, which is a defect.
    pub fn convert<const N: usize>(
        self,
        streams: &[Stream],
        ledger: Ledger<N>,
        quantities: [&'static str; N],
        measure: impl Fn(&Job) -> [i128; N],
        notes: Vec<String>,
    ) -> Result<Converted, Problems> {
        let (mut traces, mut written) = (Vec::new(), [0; N]);
        for stream in streams {
            let (file, text) = (self.file(streams, stream), trace(&stream.jobs));
            let found = read_back(&text).filter(|found| *found == stream.jobs);
            let Some(found) = found else {
                let message = "the trace does not read as written; this is a defect of stowplan";
                return Err(Problem::in_file(file, message).into());
            };
            found.iter().for_each(|job| add(&mut written, measure(job)));
            traces.push((file, text));
        }
        Ok(Converted {
            scenario: self.scenario(streams),
            traces,
            lines: ledger.lines(quantities, written),
            notes,
        })
    }

    /// Name of the trace of a stream.
    fn file(&self, streams: &[Stream], stream: &Stream) -> String {
        let Target { name, trace_ending } = self.target;
        match streams.len() {
            1 => format!("{name}{trace_ending}"),
            _ => format!("{name}-{}{trace_ending}", stream.queue),
        }
    }

    /// The scenario as YAML.
    fn scenario(&self, streams: &[Stream]) -> String {
        let Setting {
            comment,
            description,
            environment,
            environment_name,
            discipline,
            target,
        } = self;
        let name = in_quotes(target.name);
        let (mut queues, mut workloads, mut policies) = (String::new(), String::new(), "");
        for stream in streams {
            let queue = in_quotes(&stream.queue);
            queues += &format!(
                "    - jobQueueName: {queue}
      priority: 1
      computeEnvironmentOrder: [{{order: 1, computeEnvironment: {environment_name}}}]
"
            );
            if let Some(discipline) = discipline {
                queues += &format!("      discipline: {discipline}\n");
            }
            if stream.has_shares() {
                queues += "      schedulingPolicyArn: fair\n";
                policies = "\n  schedulingPolicies:\n    - {name: fair, fairsharePolicy: {}}\n";
            }
            let file = in_quotes(&self.file(streams, stream));
            let share = match stream.has_shares() {
                true => ", shareIdentifier: none",
                false => "",
            };
            workloads += &format!(
                "  - name: {queue}
    submitJob: {{jobName: recorded, jobQueue: {queue}, jobDefinition: job{share}}}
    arrivals: {{process: trace, file: {file}}}
"
            );
        }
        format!(
            "{comment}name: {name}
description: {description}

batch:
  computeEnvironments:
{environment}{policies}
  jobQueues:
{queues}
  jobDefinitions:
    - jobDefinitionName: job
      type: container
      # Each row of the trace has its own sizes.
      containerProperties:
        image: recorded
        resourceRequirements: [{{type: VCPU, value: \"1\"}}, {{type: MEMORY, value: \"{LEAST_MEMORY_MIB}\"}}]

workloads:
{workloads}"
        )
    }
}

/// Instances of a fixed compute environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instances {
    pub count: u32,
    pub vcpus: u32,
    pub memory_mib: u64,
}

impl Instances {
    /// Whether ECS lets an instance register so much: 2³¹ - 1 CPU units and MiB.
    pub fn can_be(&self) -> bool {
        self.vcpus <= MOST_VCPUS && self.memory_mib <= MOST_MEMORY_MIB
    }
}

/// A compute environment that supplies these instances from the start and never changes; whether it
/// takes multi-node jobs, as AWS Batch would not let it.
pub(super) fn fixed_environment(name: &str, instances: &[Instances], multi_node: bool) -> String {
    let multi_node = match multi_node {
        true => "      multiNodeJobs: true\n",
        false => "",
    };
    let instances: String = instances
        .iter()
        .map(|alike| {
            let (count, memory) = (alike.count, alike.memory_mib);
            let cpu = u64::from(alike.vcpus) * 1024;
            format!("        - {{count: {count}, registeredResources: {{CPU: {cpu}, MEMORY: {memory}}}}}\n")
        })
        .collect();
    format!(
        "    - computeEnvironmentName: {name}
      type: UNMANAGED
      state: ENABLED
{multi_node}      containerInstances:
{instances}"
    )
}

/// A text in double quotes, as both JSON and YAML read it.
fn in_quotes(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Name of a file without its folder, quoted so that it stays within a comment.
pub(super) fn shown(file: &str) -> String {
    quoted(file.rsplit(['/', '\\']).next().unwrap_or(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_job_names_and_given_once() {
        let mut names = Names::default();
        let mut check = |wanted: &str, given: &str| assert_eq!(names.give(wanted), given);
        check("a.b:c", "a_b_c");
        check("a_b:c", "a_b_c-2");
        check("a_b_c-2", "a_b_c-2-2");
        check("a_b_c", "a_b_c-3");
        check("_", "job_");
        check("", "job");
        check("é", "job_-2");
        check(&"x".repeat(200), &"x".repeat(100));
    }

    #[test]
    fn decimals_are_read_exactly() {
        let check = |text, expected| assert_eq!(millionths(text), expected, "{text}");
        check("0", Some(0));
        check("12.5", Some(12_500_000));
        check("0.0000010", Some(1));
        check("999999999999.999999", Some(999_999_999_999_999_999));
        for wrong in [
            "",
            ".5",
            "-1",
            "1e3",
            "1.0000001",
            "1000000000000",
            "1.2.3",
            "+1",
            " 1",
        ] {
            check(wrong, None);
        }
    }

    fn job(name: &str) -> Job {
        Job {
            name: name.to_owned(),
            vcpus: 2,
            memory_mib: 4,
            duration: SimDuration::from_micros(1_500_000),
            ..Job::default()
        }
    }

    /// 41 names become two jobs of 20 and one name that is left.
    #[test]
    fn many_dependencies_are_joined_by_twenties() {
        let wanted: Vec<String> = (1..=41).map(|number| format!("p{number}")).collect();
        let (mut names, mut jobs) = (Names::default(), Vec::new());
        let at = SimTime::from_micros(7);
        let found = join(wanted.clone(), ("x", at), &mut names, &mut jobs);
        assert_eq!(found, ["join-x", "join-x-2", "p41"]);
        assert_eq!(jobs.len(), 2);
        assert_eq!(jobs[1].depends_on, wanted[20..40]);
        assert_eq!((jobs[0].at, jobs[0].duration), (at, SimDuration::ZERO));
        jobs.clear();
        let found = join(wanted[..20].to_vec(), ("x", at), &mut names, &mut jobs);
        assert_eq!((found.len(), jobs.len()), (20, 0));
        let all: Vec<String> = (0..401).map(|number| format!("q{number}")).collect();
        let found = join(all, ("x", at), &mut names, &mut jobs);
        assert_eq!((found.len(), jobs.len()), (2, 21));
    }

    /// Two records of 2 and 5 vCPUs; the second is left out and a third job added.
    #[test]
    fn a_ledger_adds_up_or_nothing_is_written() {
        let mut ledger = Ledger::new();
        ledger.take([units(1), units(2)]);
        ledger.leave_out("too wide", [units(1), units(5)]);
        let reasons: Vec<_> = ledger.reasons().collect();
        assert_eq!(reasons, [("too wide", 1)]);
        assert_eq!(
            ledger.lines(["jobs", "vCPUs"], [units(2), units(4)]),
            [
                line("jobs", units(2), units(1), units(2)),
                line("too wide", units(1), units(1), 0),
                line("vCPUs", units(7), units(5), units(4)),
            ]
        );
        assert_eq!(
            line("x", units(7), units(5), units(4)).changed,
            Amount::whole(2)
        );
    }

    #[test]
    fn a_trace_has_the_columns_that_it_needs_and_reads_as_written() {
        let plain = [job("a")];
        assert_eq!(
            trace(&plain),
            "time,jobName,duration,exitCode,vcpus,memory\n0,a,1.5,0,2,4\n"
        );
        let shared = Job {
            share: Some("s".to_owned()),
            gpus: 1,
            depends_on: vec!["a".to_owned()],
            ..job("b")
        };
        let both = [job("a"), shared];
        let text = trace(&both);
        assert_eq!(
            text,
            "time,jobName,duration,exitCode,vcpus,memory,gpus,shareIdentifier,dependsOn
0,a,1.5,0,2,4,0,,
0,b,1.5,0,2,4,1,s,a
"
        );
        assert_eq!(read_back(&text), Some(both.to_vec()));
        for wrong in [text.replace("b,1.5", "b,x"), text.replace("1,s,a", "1,s,c")] {
            assert_eq!(read_back(&wrong), None);
        }
    }
}
