//! Logs in the Standard Workload Format, version 2.2, of the Parallel Workloads Archive.
//!
//! A line is a job and a processor a vCPU. Jobs keep their submittal and run times; waits are what
//! a simulation is for. A job asks for the processors that it requested and, where the log does not
//! tell, for those that it used: what is requested is what a scheduler sees. Its memory is that
//! requested, else that used, times its processors.
//!
//! No log tells over which nodes a job spread. The machine is therefore one instance with all
//! processors, unless [`Options`] give a size of node. Then a job wider than a node has as many nodes
//! as it needs for itself, and asks the same of each: its processors and its memory spread evenly,
//! rounded up.
//!
//! Under `x-sjf` and `x-easy` a job's timeout is the time that it requested and, where the log does
//! not tell, its run time; one that ran longer is stopped. Else nothing stops a job.
//!
//! Lines that are left out: of partial executions, which another line sums up; without a submittal
//! time, run time (such jobs never ran) or number of processors; wider than the machine.
//!
//! Source: S. Chapin et al., "Benchmarks and Standards for the Evaluation of Parallel Job
//! Schedulers", JSSPP 1999; Parallel Workloads Archive, "The Standard Workload Format", version 2.2.

mod log;

use std::io::Read;

use super::jobs::{
    self, Converted, Instances, Job, LEAST_MEMORY_MIB, Ledger, Names, Setting, Stream, Target,
    shown,
};
use super::openb::List;
use crate::batch::Discipline;
use crate::scenario::problem::{Problem, Problems};
use crate::workload::trace::MOST_NODES;
use log::{Log, Record};

/// What a log leaves to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Processors of a node; absent: one node has them all.
    pub cores_per_node: Option<u32>,
    /// Memory of a node in MiB for each of its processors; absent: so much that no job ever waits
    /// for memory.
    pub memory_per_core: Option<u32>,
    /// In which order jobs start.
    pub discipline: Discipline,
}

/// Kilobytes of memory in a MiB, as logs count them.
const KB_PER_MIB: u64 = 1024;

/// Quantities of a log. Memory is in kilobytes, so that no digit is lost.
const QUANTITIES: [&str; 5] = [
    "jobs",
    "processors",
    "run time, s",
    "processor seconds",
    "memory, KB",
];

/// Converts a log.
///
/// # Errors
/// Every line that cannot be read; a log without a job that the machine can take; nodes larger than
/// an instance can be.
pub fn convert(
    list: List<impl Read>,
    options: Options,
    target: Target<'_>,
) -> Result<Converted, Problems> {
    let file = list.file.clone();
    let log = log::read(list).map_err(Problems::new)?;
    let machine = Machine::new(&log, options);
    let (jobs, ledger) = select(&log, &machine, options.discipline);
    if jobs.is_empty() {
        let reasons: Vec<String> = ledger
            .reasons()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let message = format!("no job of the log can be taken: {}", reasons.join(", "));
        return Err(Problem::in_file(file, message).into());
    }
    let memory_per_core = machine.memory_per_core(&jobs);
    let instances = machine.instances(memory_per_core);
    if !instances.iter().all(Instances::can_be) {
        let message = format!(
            "a node of {} processors with {memory_per_core} MiB each is larger than an instance can be",
            machine.node
        );
        let help = "pass a smaller --cores-per-node or --memory-per-core";
        return Err(Problem::in_file(file, message).help(help).into());
    }
    let setting = Setting {
        comment: comment(&file, &log, &machine, &jobs, options.discipline),
        description: "Jobs of a parallel machine at their recorded times.",
        environment: jobs::fixed_environment("machine", &instances, !machine.is_one_node()),
        environment_name: "machine",
        discipline: name(options.discipline),
        target,
    };
    let measure = |job: &Job| {
        let nodes = job.nodes.unwrap_or(1);
        let kb = u128::from(job.memory_mib) * u128::from(nodes) * u128::from(KB_PER_MIB);
        amounts(job.vcpus.saturating_mul(nodes), job.duration.micros(), kb)
    };
    let wide = jobs.iter().filter(|job| job.nodes.is_some()).count();
    let mut notes = notes(&log, &machine, memory_per_core, options.discipline);
    if wide > 0 {
        notes.push(format!(
            "jobs wider than a node, each with nodes for itself among which its processors and memory are \
             spread evenly, rounded up: {wide}"
        ));
    }
    setting.convert(&Stream::only(jobs), ledger, QUANTITIES, measure, notes)
}

/// The nodes of the machine.
struct Machine {
    /// All processors.
    processors: u32,
    /// Where their number comes from.
    source: String,
    /// Processors of a node; the last node has what is left.
    node: u32,
    /// Memory in MiB for each processor, where it is given.
    memory_per_core: Option<u32>,
}

impl Machine {
    fn new(log: &Log, options: Options) -> Self {
        let (processors, source) = match &log.processors {
            Some((processors, key)) => (*processors, format!("{key} of the log")),
            None => {
                let widest = log.records.iter().filter_map(Record::processors).max();
                let source = "as many as the widest job has: the log does not tell";
                (widest.unwrap_or(1), source.to_owned())
            }
        };
        let node = options.cores_per_node.unwrap_or(processors);
        Machine {
            processors,
            source,
            node: node.clamp(1, processors),
            memory_per_core: options.memory_per_core,
        }
    }

    fn is_one_node(&self) -> bool {
        self.node == self.processors
    }

    /// MiB for each processor: as given, or what the job with the most asks for each of its own. Then
    /// jobs that have processors have memory as well.
    fn memory_per_core(&self, jobs: &[Job]) -> u64 {
        let asked = |job: &Job| u64::from(job.memory_mib.div_ceil(job.vcpus));
        match self.memory_per_core {
            Some(memory) => memory.into(),
            None => jobs.iter().map(asked).max().unwrap_or_default(),
        }
    }

    fn instances(&self, memory_per_core: u64) -> Vec<Instances> {
        let alike = |count, vcpus| Instances {
            count,
            vcpus,
            memory_mib: u64::from(vcpus) * memory_per_core,
        };
        let rest = self.processors % self.node;
        let mut instances = vec![alike(self.processors / self.node, self.node)];
        instances.extend((rest > 0).then(|| alike(1, rest)));
        instances
    }

    /// On how many nodes a job runs, and what it asks of each: processors and MiB; or why the machine
    /// cannot take it.
    fn spread(&self, processors: u32, memory_mib: u64) -> Result<(u32, u32, u32), &'static str> {
        let nodes = processors.div_ceil(self.node);
        if processors > self.processors {
            return Err("wider than the machine");
        }
        if nodes > self.processors / self.node {
            return Err("wider than all nodes of full size");
        }
        if nodes > MOST_NODES {
            return Err("on more than 10,000 nodes");
        }
        let memory = memory_mib.div_ceil(nodes.into());
        let memory = memory.max(LEAST_MEMORY_MIB.into());
        let most = self
            .memory_per_core
            .map(|memory| u64::from(memory) * u64::from(self.node));
        if memory > most.unwrap_or(u32::MAX.into()) {
            return Err("with more memory than a node");
        }
        let memory = u32::try_from(memory).unwrap_or(u32::MAX);
        Ok((nodes, processors.div_ceil(nodes), memory))
    }
}

/// The jobs that are taken, in order of submission, and what becomes of every line.
fn select(log: &Log, machine: &Machine, discipline: Discipline) -> (Vec<Job>, Ledger<5>) {
    let (mut jobs, mut ledger, mut names) = (Vec::new(), Ledger::new(), Names::default());
    for record in &log.records {
        let processors = record.processors();
        let memory_kb = record.memory_kb() * u128::from(processors.unwrap_or(0));
        let amounts = amounts(
            processors.unwrap_or(0),
            record.run_time.unwrap_or(0),
            memory_kb,
        );
        let memory = memory_kb.div_ceil(u128::from(KB_PER_MIB));
        let memory = u64::try_from(memory).unwrap_or(u64::MAX);
        let taken = record.times().and_then(|(at, duration)| {
            let processors = processors.ok_or("without a number of processors")?;
            Ok((at, duration, machine.spread(processors, memory)?))
        });
        match taken {
            Ok((at, duration, (nodes, vcpus, memory_mib))) => {
                ledger.take(amounts);
                jobs.push(Job {
                    at,
                    name: names.give(&record.number),
                    duration,
                    exit_code: u8::from(record.is_unsuccessful()),
                    vcpus,
                    memory_mib,
                    nodes: (nodes > 1).then_some(nodes),
                    timeout: needs_time(discipline).then(|| record.limit()),
                    ..Job::default()
                });
            }
            Err(reason) => ledger.leave_out(reason, amounts),
        }
    }
    jobs.sort_by_key(|job| job.at);
    (jobs, ledger)
}

/// How a scenario calls a discipline; AWS Batch's own is not named.
const fn name(discipline: Discipline) -> Option<&'static str> {
    match discipline {
        Discipline::Aws => None,
        Discipline::Fcfs => Some("x-fcfs"),
        Discipline::Sjf => Some("x-sjf"),
        Discipline::Easy => Some("x-easy"),
    }
}

/// Whether it goes by requested times.
const fn needs_time(discipline: Discipline) -> bool {
    matches!(discipline, Discipline::Sjf | Discipline::Easy)
}

/// Quantities of a job, in millionths.
fn amounts(processors: u32, run_micros: u64, memory_kb: u128) -> [i128; 5] {
    [
        jobs::units(1),
        jobs::units(processors),
        run_micros.into(),
        i128::from(run_micros) * i128::from(processors),
        jobs::units(memory_kb.cast_signed()),
    ]
}

fn comment(
    file: &str,
    log: &Log,
    machine: &Machine,
    jobs: &[Job],
    discipline: Discipline,
) -> String {
    let (count, processors, node) = (jobs.len(), machine.processors, machine.node);
    let nodes = match machine.is_one_node() {
        true => {
            "on one instance, because the log does not tell how jobs spread over nodes".to_owned()
        }
        false => format!("on instances of {node}; wider jobs have several for themselves"),
    };
    let facts: String = log
        .facts
        .iter()
        .map(|fact| format!("#   {fact}\n"))
        .collect();
    let (order, look) = match discipline {
        Discipline::Aws => ("first come first\n# served", NOBODY_PASSES),
        Discipline::Fcfs => ("under\n# x-fcfs", NOBODY_PASSES),
        Discipline::Sjf => ("under\n# x-sjf", NOBODY_PASSES),
        Discipline::Easy => ("under\n# x-easy", OTHERS_PASS),
    };
    format!(
        "\
# Question: how long do the jobs of a parallel machine wait when AWS Batch runs them {order}? With which queues, shares or sizes of instance would they wait less?
#
# Setting: {count} jobs at their recorded submittal times and with their recorded run times. A processor
# is a vCPU: {processors} of them ({source}), {nodes}.
#
# Look for: {look}
#
# Log: {file}, by `stowplan import swf`.
{facts}#
# Logs of the Parallel Workloads Archive: cite D. Feitelson, D. Tsafrir, D. Krakov. Experience with using
# the Parallel Workloads Archive. J. Parallel Distrib. Comput. 74(10), 2014.
",
        source = machine.source,
        file = shown(file),
    )
}

const NOBODY_PASSES: &str =
    "waits in the table, and vCPUs that are free while the head of the queue waits for many of them
# and nobody may overtake it.";

const OTHERS_PASS: &str =
    "waits in the table, and jobs that start before those that stood in front of them: leave out the
# discipline, and nobody overtakes.";

/// What was chosen, in words, and how many lines it concerns.
fn notes(
    log: &Log,
    machine: &Machine,
    memory_per_core: u64,
    discipline: Discipline,
) -> Vec<String> {
    let mut notes = vec![
        format!("processors of the machine: {}, {}", machine.processors, machine.source),
        "processors of a job: those requested, else those used".to_owned(),
        "memory of a job: that requested per processor, else that used, times its processors, in whole \
         MiB and at least 4"
            .to_owned(),
        match machine.memory_per_core {
            Some(memory) => format!("memory of a node: {memory} MiB per processor"),
            None => format!(
                "memory of a node: {memory_per_core} MiB per processor, as the job with the most asks for; \
                 no job waits for memory"
            ),
        },
    ];
    if machine.is_one_node() {
        notes.push(
            "one node has all processors: the log does not tell how jobs spread over nodes \
             (--cores-per-node)"
                .to_owned(),
        );
    }
    let count = |wanted: fn(&Record) -> bool| log.records.iter().filter(|it| wanted(it)).count();
    let counted = [
        (
            "lines with other numbers of processors requested and used",
            count(|it| it.requested.is_some() && it.used.is_some() && it.requested != it.used),
        ),
        (
            "failed and cancelled jobs, which exit with 1",
            count(Record::is_unsuccessful),
        ),
        (
            "jobs with a preceding job; they come at their submittal time and do not wait for it",
            count(|it| it.has_preceding),
        ),
        (
            match needs_time(discipline) {
                true => "jobs that run longer than they requested, and are stopped here",
                false => "jobs that run longer than they requested; nothing stops them here either",
            },
            count(|it| {
                it.requested_time
                    .is_some_and(|asked| it.run_time > Some(asked))
            }),
        ),
    ];
    let counted = counted.into_iter().filter(|(_, count)| *count > 0);
    notes.extend(counted.map(|(what, count)| format!("{what}: {count}")));
    notes
}

#[cfg(test)]
mod tests;
