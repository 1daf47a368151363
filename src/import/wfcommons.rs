//! Workflows of WfCommons: recorded executions of task graphs, in WfFormat 1.5.
//!
//! A task becomes a job that depends on the jobs of its parents; all are submitted at once and run
//! as long as they did. A job asks for the cores that are recorded and otherwise for as many as its
//! average use of CPU needs, rounded up, but never for more than a machine has; and for its peak of
//! memory. The machines are those recorded, or as many slots as [`Machines::Slots`] says, of which
//! each job takes one.
//!
//! A job of AWS Batch depends on 20 others at most. Tasks with more parents are refused, or
//! [joined](ManyParents::Join): jobs of no length stand for 20 parents each.
//!
//! Source: T. Coleman et al., "WfCommons: A Framework for Enabling Scientific Workflow Research and
//! Development", Future Generation Computer Systems 128, 2022; wfcommons.org, WfFormat 1.5.

mod graph;

use super::jobs::{
    self, Converted, Instances, Job, LEAST_MEMORY_MIB, Ledger, MOST_DEPENDENCIES, Names, Setting,
    Stream, Target, shown,
};
use crate::scenario::problem::{Problem, Problems, quoted};
use crate::time::{SimDuration, SimTime};
use graph::{Graph, Task};

/// What becomes of tasks with more than 20 parents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManyParents {
    /// They are an error, as for AWS Batch.
    #[default]
    Reject,
    /// They depend on jobs of no length, each of which depends on 20 of the parents.
    Join,
}

/// On what the workflow runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machines {
    /// The recorded machines.
    #[default]
    Recorded,
    /// So many slots, of which each job takes one. As many as there are jobs are no limit.
    Slots(u32),
}

/// What a workflow leaves to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What becomes of tasks with more than 20 parents.
    pub many_parents: ManyParents,
    /// On what the workflow runs.
    pub machines: Machines,
}

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// Quantities of a workflow. Memory is in bytes, so that no digit is lost.
const QUANTITIES: [&str; 5] = [
    "tasks, jobs",
    "dependencies",
    "run time, s",
    "core seconds",
    "memory, bytes",
];

/// Converts a workflow: `text` is JSON, and messages name it `file`.
///
/// # Errors
/// Everything that is wrong with the workflow; tasks with more than 20 parents unless they are
/// joined; a job that fits no recorded machine.
pub fn convert(
    file: &str,
    text: &str,
    options: Options,
    target: Target<'_>,
) -> Result<Converted, Problems> {
    let graph = graph::read(file, text)?;
    let order = graph.order(file)?;
    if options.many_parents == ManyParents::Reject {
        reject_many_parents(file, &graph)?;
    }
    let sizes = Sizes::new(&graph, options.machines);
    let (jobs, ledger, joins) = write(&graph, &order, &sizes);
    let instances = sizes.instances(&graph, &jobs);
    let fits = |job: &Job| {
        let within =
            |it: &Instances| job.vcpus <= it.vcpus && u64::from(job.memory_mib) <= it.memory_mib;
        instances.iter().any(within)
    };
    if let Some(job) = jobs.iter().find(|job| !fits(job)) {
        let message = format!(
            "a job of {} vCPUs and {} MiB ({}) fits none of the machines",
            job.vcpus, job.memory_mib, job.name
        );
        return Err(Problem::in_file(file, message).help("pass --slots").into());
    }
    if !instances.iter().all(Instances::can_be) {
        let message = "a machine is larger than an instance can be";
        return Err(Problem::in_file(file, message).help("pass --slots").into());
    }
    let longest = graph.longest_path(&order);
    let setting = Setting {
        comment: comment(file, &graph, &sizes, longest),
        description: "Jobs of a workflow, which wait for each other.",
        environment: jobs::fixed_environment("machines", &instances, false),
        environment_name: "machines",
        discipline: None,
        target,
    };
    let measure = |job: &Job| {
        let bytes = u128::from(job.memory_mib) * u128::from(MIB);
        amounts(job.depends_on.len(), job.duration, job.vcpus, bytes)
    };
    let notes = notes(&graph, &sizes, longest, joins);
    setting.convert(&Stream::only(jobs), ledger, QUANTITIES, measure, notes)
}

fn reject_many_parents(file: &str, graph: &Graph) -> Result<(), Problem> {
    let has_many = |task: &&Task| task.parents.len() > MOST_DEPENDENCIES;
    let most = graph
        .tasks
        .iter()
        .filter(has_many)
        .max_by_key(|task| task.parents.len());
    let Some(worst) = most else {
        return Ok(());
    };
    let count = graph.tasks.iter().filter(has_many).count();
    let message = format!(
        "{count} of the tasks have more than {MOST_DEPENDENCIES} parents, {} has {}; a job of AWS \
         Batch cannot depend on so many",
        quoted(&worst.id),
        worst.parents.len()
    );
    let help = "--many-parents join puts jobs of no length between";
    Err(Problem::in_file(file, message).help(help))
}

/// How large jobs are and on what they run.
struct Sizes {
    machines: Machines,
    /// Cores of the widest machine; absent when no machine is recorded or none counts.
    most_cores: Option<u32>,
}

impl Sizes {
    fn new(graph: &Graph, machines: Machines) -> Self {
        let most_cores = match machines {
            Machines::Recorded => graph.machines.iter().map(|machine| machine.cores).max(),
            Machines::Slots(_) => Some(1),
        };
        Sizes {
            machines,
            most_cores,
        }
    }

    fn vcpus(&self, task: &Task) -> u32 {
        task.cores.min(self.most_cores.unwrap_or(u32::MAX))
    }

    /// The machines; where none is recorded, one on which all jobs run at once. A machine without
    /// recorded memory has enough for all jobs at once.
    fn instances(&self, graph: &Graph, jobs: &[Job]) -> Vec<Instances> {
        let all_memory = jobs.iter().map(|job| u64::from(job.memory_mib)).sum();
        let alike = |vcpus, memory_mib| Instances {
            count: 1,
            vcpus,
            memory_mib,
        };
        match self.machines {
            Machines::Slots(slots) => vec![alike(slots, all_memory)],
            Machines::Recorded if graph.machines.is_empty() => {
                let all_vcpus = jobs
                    .iter()
                    .fold(0u32, |sum, job| sum.saturating_add(job.vcpus));
                vec![alike(all_vcpus, all_memory)]
            }
            Machines::Recorded => {
                let machines = graph.machines.iter();
                let memory = |bytes: Option<u64>| bytes.map_or(all_memory, |bytes| bytes / MIB);
                machines
                    .map(|it| alike(it.cores, memory(it.memory_bytes)))
                    .collect()
            }
        }
    }
}

/// The jobs in an order in which each stands behind those that it depends on, what becomes of every
/// task, and how many jobs of no length were added.
fn write(graph: &Graph, order: &[usize], sizes: &Sizes) -> (Vec<Job>, Ledger<5>, usize) {
    let (mut made, mut ledger, mut names) = (Vec::new(), Ledger::new(), Names::default());
    // Tasks take their names before any join does.
    let name_of: Vec<String> = graph
        .tasks
        .iter()
        .map(|task| names.give(&task.id))
        .collect();
    for index in order {
        let task = &graph.tasks[*index];
        let bytes = task.memory_bytes.unwrap_or(0);
        ledger.take(amounts(
            task.parents.len(),
            task.run_time,
            task.cores,
            bytes.into(),
        ));
        let parents = task.parents.iter().map(|parent| name_of[*parent].clone());
        let this = (name_of[*index].as_str(), SimTime::ZERO);
        let depends_on = jobs::join(parents.collect(), this, &mut names, &mut made);
        let memory = u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX);
        made.push(Job {
            name: name_of[*index].clone(),
            duration: task.run_time,
            vcpus: sizes.vcpus(task),
            memory_mib: memory.max(LEAST_MEMORY_MIB),
            depends_on,
            ..Job::default()
        });
    }
    let joins = made.len() - graph.tasks.len();
    (made, ledger, joins)
}

/// Quantities of a job, in millionths.
fn amounts(dependencies: usize, run_time: SimDuration, vcpus: u32, bytes: u128) -> [i128; 5] {
    [
        jobs::units(1),
        jobs::units(dependencies as u64),
        run_time.micros().into(),
        jobs::unit_seconds(vcpus, run_time),
        jobs::units(bytes.cast_signed()),
    ]
}

fn comment(file: &str, graph: &Graph, sizes: &Sizes, longest: SimDuration) -> String {
    let machines = match sizes.machines {
        Machines::Slots(slots) => format!("{slots} slots, one for each job"),
        Machines::Recorded if graph.machines.is_empty() => {
            "all at once: no machine is recorded".to_owned()
        }
        Machines::Recorded => format!("the {} recorded machines", graph.machines.len()),
    };
    let recorded = graph.makespan.map_or_else(String::new, |makespan| {
        format!(
            " The recorded execution took\n# {makespan} s, with what its own engine, queue and copies of data cost."
        )
    });
    format!(
        "\
# Question: how long does the workflow take, and what holds it up: its longest path, the number of
# machines, or the rule that a job is started when those that it depends on have ended?
#
# Setting: {tasks} tasks of {name}, submitted at once, with their
# recorded run times. They run on {machines}.
#
# Look for: the makespan. It is never below the longest path, which takes {longest} s, nor below the sum of
# the run times over the number of jobs that can run at once.{recorded}
#
# Workflow: {file}, by `stowplan import wfcommons`. Workflows of WfCommons: cite T. Coleman, H. Casanova,
# L. Pottier, M. Kaushik, E. Deelman, R. Ferreira da Silva. WfCommons. Future Generation Computer
# Systems 128, 2022.
",
        tasks = graph.tasks.len(),
        name = quoted(&graph.name),
        file = shown(file),
    )
}

/// What was chosen, in words, and how many tasks it concerns.
fn notes(graph: &Graph, sizes: &Sizes, longest: SimDuration, joins: usize) -> Vec<String> {
    let total = graph
        .tasks
        .iter()
        .fold(SimDuration::ZERO, |sum, task| sum + task.run_time);
    let mut notes = vec![
        format!("longest path: {longest} s; all run times: {total} s"),
        "vCPUs of a job: its recorded cores, else its average use of CPU, rounded up; memory: its peak, \
         in whole MiB and at least 4"
            .to_owned(),
    ];
    match sizes.machines {
        Machines::Slots(slots) => notes.push(format!("{slots} slots; each job takes one")),
        Machines::Recorded if graph.machines.is_empty() => {
            notes.push("no machine is recorded: one has room for all jobs at once".to_owned());
        }
        Machines::Recorded => notes.push(format!("recorded machines: {}", graph.machines.len())),
    }
    let count = |wanted: &dyn Fn(&Task) -> bool| graph.tasks.iter().filter(|it| wanted(it)).count();
    let counted = [
        (
            "tasks that need more vCPUs than a job can have here, and get that many",
            count(&|task| sizes.vcpus(task) < task.cores),
        ),
        (
            "tasks without a recorded memory",
            count(&|task| task.memory_bytes.is_none()),
        ),
        (
            "tasks with more than 20 parents",
            count(&|task| task.parents.len() > MOST_DEPENDENCIES),
        ),
        ("jobs of no length that join parents, 20 at a time", joins),
    ];
    let counted = counted.into_iter().filter(|(_, count)| *count > 0);
    notes.extend(counted.map(|(what, count)| format!("{what}: {count}")));
    notes
}

#[cfg(test)]
mod tests;
