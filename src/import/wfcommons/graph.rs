//! A workflow as it is written, checked: who waits for whom.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::document::Document;
use crate::scenario::problem::{Problem, Problems, quoted};
use crate::time::SimDuration;

/// A document of WfFormat, as far as it counts here.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Instance {
    name: Option<String>,
    schema_version: Option<String>,
    workflow: Workflow,
}

#[derive(Deserialize, JsonSchema)]
struct Workflow {
    specification: Option<Specification>,
    execution: Option<Execution>,
}

#[derive(Deserialize, JsonSchema)]
struct Specification {
    tasks: Vec<Specified>,
}

#[derive(Deserialize, JsonSchema)]
struct Specified {
    id: String,
    #[serde(default)]
    parents: Vec<String>,
    #[serde(default)]
    children: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Execution {
    #[schemars(range(min = 0.0, max = 1e9))]
    makespan_in_seconds: Option<f64>,
    tasks: Vec<Executed>,
    #[serde(default)]
    machines: Vec<Recorded>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Executed {
    id: String,
    #[schemars(range(min = 0.0, max = 1e9))]
    runtime_in_seconds: f64,
    #[schemars(range(min = 0.0, max = 2e6))]
    core_count: Option<f64>,
    /// Percent of one core.
    #[serde(rename = "avgCPU")]
    #[schemars(range(min = 0.0, max = 2e8))]
    avg_cpu: Option<f64>,
    #[schemars(range(min = 0.0, max = 1e15))]
    memory_in_bytes: Option<f64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    #[schemars(range(min = 0.0, max = 1e18))]
    memory_in_bytes: Option<f64>,
    cpu: Option<Cpu>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    #[schemars(range(min = 1.0, max = 2e6))]
    core_count: Option<f64>,
}

/// A workflow.
#[derive(Debug)]
pub(super) struct Graph {
    pub name: String,
    pub tasks: Vec<Task>,
    /// Those whose cores are recorded.
    pub machines: Vec<Machine>,
    /// How long the recorded execution took.
    pub makespan: Option<SimDuration>,
}

/// A task.
#[derive(Debug)]
pub(super) struct Task {
    pub id: String,
    /// Places among the tasks, each once.
    pub parents: Vec<usize>,
    pub run_time: SimDuration,
    /// At least 1.
    pub cores: u32,
    /// At its peak.
    pub memory_bytes: Option<u64>,
}

/// A machine of the recorded execution.
#[derive(Debug)]
pub(super) struct Machine {
    pub cores: u32,
    pub memory_bytes: Option<u64>,
}

/// Reads a workflow. Run times are rounded to the microsecond.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(file: &str, text: &str) -> Result<Graph, Problems> {
    let document = Document::parse(file, text)?;
    let instance: Instance = document.decode(&[])?;
    let version = instance.schema_version.unwrap_or_default();
    let (Some(specification), Some(execution)) =
        (instance.workflow.specification, instance.workflow.execution)
    else {
        let message = format!(
            "no workflow.specification and workflow.execution; the schemaVersion is {}",
            quoted(&version)
        );
        let help = "the form that is read is WfFormat 1.5, with recorded executions";
        return Err(document.problem("workflow", message).help(help).into());
    };
    let mut executed = BTreeMap::new();
    for task in &execution.tasks {
        executed.insert(task.id.as_str(), task);
    }
    let mut problems = Vec::new();
    let mut places = BTreeMap::new();
    for (place, task) in specification.tasks.iter().enumerate() {
        if places.insert(task.id.as_str(), place).is_some() {
            let message = format!("a second task {}", quoted(&task.id));
            problems.push(document.problem(&format!("{TASKS}[{place}].id"), message));
        }
    }
    let mut tasks = Vec::new();
    for (place, task) in specification.tasks.iter().enumerate() {
        let mut wrong = |key: &str, message: String| {
            problems.push(document.problem(&format!("{TASKS}[{place}].{key}"), message));
        };
        let mut parents = BTreeSet::new();
        for parent in &task.parents {
            match places.get(parent.as_str()) {
                Some(parent) => drop(parents.insert(*parent)),
                None => wrong("parents", format!("no task {}", quoted(parent))),
            }
        }
        let unaware = |child: &&String| {
            let child = places
                .get(child.as_str())
                .map(|child| &specification.tasks[*child]);
            child.is_none_or(|child| !child.parents.contains(&task.id))
        };
        if let Some(child) = task.children.iter().find(unaware) {
            let message = format!(
                "{} does not have {} among its parents",
                quoted(child),
                quoted(&task.id)
            );
            wrong("children", message);
        }
        let Some(executed) = executed.get(task.id.as_str()) else {
            wrong(
                "id",
                format!(
                    "no run time of {} in workflow.execution.tasks",
                    quoted(&task.id)
                ),
            );
            continue;
        };
        tasks.push(executed.task(parents.into_iter().collect()));
    }
    if tasks.is_empty() && problems.is_empty() {
        problems.push(document.problem(TASKS, "the workflow has no tasks"));
    }
    if !problems.is_empty() {
        return Err(Problems::new(problems));
    }
    let machines = execution.machines.iter().filter_map(Recorded::machine);
    Ok(Graph {
        name: instance.name.unwrap_or_default(),
        tasks,
        machines: machines.collect(),
        makespan: execution
            .makespan_in_seconds
            .map(SimDuration::from_secs_f64),
    })
}

/// Where tasks stand.
const TASKS: &str = "workflow.specification.tasks";

impl Executed {
    fn task(&self, parents: Vec<usize>) -> Task {
        let used = || (self.avg_cpu.unwrap_or(0.0) / 100.0).ceil();
        let cores = self.core_count.map_or_else(used, f64::ceil);
        Task {
            id: self.id.clone(),
            parents,
            run_time: SimDuration::from_secs_f64(self.runtime_in_seconds),
            cores: (cores as u32).max(1),
            memory_bytes: self.memory_in_bytes.map(|bytes| bytes.ceil() as u64),
        }
    }
}

impl Recorded {
    fn machine(&self) -> Option<Machine> {
        Some(Machine {
            cores: self.cpu.as_ref()?.core_count? as u32,
            memory_bytes: self.memory_in_bytes.map(|bytes| bytes as u64),
        })
    }
}

impl Graph {
    /// Places of all tasks, each behind its parents and otherwise as early as the file has it.
    ///
    /// # Errors
    /// When tasks wait for each other in a circle.
    pub fn order(&self, file: &str) -> Result<Vec<usize>, Problem> {
        let mut children = vec![Vec::new(); self.tasks.len()];
        let mut unmet: Vec<usize> = self.tasks.iter().map(|task| task.parents.len()).collect();
        for (place, task) in self.tasks.iter().enumerate() {
            task.parents
                .iter()
                .for_each(|parent| children[*parent].push(place));
        }
        let free = (0..self.tasks.len()).filter(|place| unmet[*place] == 0);
        let mut free: BTreeSet<usize> = free.collect();
        let mut order = Vec::new();
        while let Some(place) = free.pop_first() {
            order.push(place);
            for child in &children[place] {
                unmet[*child] -= 1;
                if unmet[*child] == 0 {
                    free.insert(*child);
                }
            }
        }
        match unmet.iter().position(|unmet| *unmet > 0) {
            Some(place) => {
                let task = quoted(&self.tasks[place].id);
                Err(Problem::in_file(
                    file,
                    format!("tasks wait for each other in a circle, and {task} for them"),
                ))
            }
            None => Ok(order),
        }
    }

    /// The longest sum of run times along a path: no execution is faster.
    pub fn longest_path(&self, order: &[usize]) -> SimDuration {
        let mut ends = vec![SimDuration::ZERO; self.tasks.len()];
        for place in order {
            let task = &self.tasks[*place];
            let start = task.parents.iter().map(|parent| ends[*parent]).max();
            ends[*place] = start.unwrap_or_default() + task.run_time;
        }
        ends.into_iter().max().unwrap_or_default()
    }
}
