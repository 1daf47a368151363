//! The Alibaba GPU cluster trace of 2023 (openb): a list of nodes and a list of pods.
//!
//! [`convert`] makes two scenarios of them. `one-by-one` asks the published question: pods come one
//! after another, none leaves, who finds no place? `replay` keeps the recorded times; because they
//! are thin, it takes few of the nodes, so that pods wait for each other.
//!
//! A node becomes a container instance and a pod a task, with 1024 CPU units for 1000 milli-CPU:
//! nodes rounded down and pods up, so that rounding never makes room. ECS hands out whole GPUs only:
//! a pod that asks for part of one gets all of it. A GPU model is the attribute `gpu-model`, and the
//! models that a pod allows (`gpu_spec`) are a `memberOf` constraint. A pod runs from its scheduling
//! to its deletion; from its creation where it was never scheduled. What all this changes is told by
//! the [`ledger`] of each scenario.
//!
//! Source: Q. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with
//! Fragmentation Gradient Descent", USENIX ATC 2023; alibaba/clusterdata, cluster-trace-gpu-v2023.

pub mod ledger;
pub(crate) mod list;

use std::collections::BTreeSet;
use std::io::Read;

use crate::scenario::problem::{Problem, Problems, quoted};
use ledger::Line;
use list::{Node, Pod};

/// A list of the trace.
#[derive(Debug)]
pub struct List<R> {
    /// The file, as messages and comments name it.
    pub file: String,
    /// Its text: CSV.
    pub text: R,
}

/// What a conversion gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// `one-by-one` and `replay`.
    pub forms: [Form; 2],
    /// What was changed or left out, a sentence each.
    pub notes: Vec<String>,
}

/// A scenario with its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Name of the files, without ending.
    pub name: &'static str,
    /// The scenario, as YAML.
    pub scenario: String,
    /// The trace, as CSV.
    pub trace: String,
    /// Nodes of the list against container instances of the scenario.
    pub nodes: Vec<Line>,
    /// Pods of the list against rows of the trace.
    pub pods: Vec<Line>,
}

/// Least memory of a container in MiB. Source: ECS API reference, ContainerDefinition, `memory`.
const LEAST_MEMORY_MIB: u32 = 6;

/// Milli-GPUs of a whole GPU.
const WHOLE_GPU: u32 = 1000;

/// CPU units of a node, rounded down.
fn node_cpu(node: &Node) -> u32 {
    (u64::from(node.cpu_milli) * 1024 / 1000) as u32
}

/// CPU units of a pod, rounded up.
fn pod_cpu(pod: &Pod) -> u32 {
    (u64::from(pod.cpu_milli) * 1024).div_ceil(1000) as u32
}

/// Memory of a pod's container in MiB.
fn pod_memory(pod: &Pod) -> u32 {
    pod.memory_mib.max(LEAST_MEMORY_MIB)
}

/// Whether a pod fits an empty node, as both are converted.
fn fits(pod: &Pod, node: &Node) -> bool {
    let allowed = |model| pod.models.contains(model);
    pod_cpu(pod) <= node_cpu(node)
        && pod_memory(pod) <= node.memory_mib
        && pod.gpus <= node.gpus
        && (pod.models.is_empty() || node.model.as_ref().is_some_and(allowed))
}

/// Converts a node list and a pod list; the scenarios name their traces with `trace_ending` (`.csv`).
///
/// # Errors
/// Every line of either list that cannot be read or contradicts itself; a list without rows; no pod
/// that fits any node.
pub fn convert(
    nodes: List<impl Read>,
    pods: List<impl Read>,
    trace_ending: &str,
) -> Result<Converted, Problems> {
    let (nodes_file, pods_file) = (nodes.file.clone(), pods.file.clone());
    let (nodes, pods) = both(list::nodes(nodes), list::pods(pods))?;
    let whole = Selection {
        nodes: nodes.iter().collect(),
        pods: pods.iter().collect(),
    };
    let part = whole.small();
    if part.pods.is_empty() {
        let message = format!("no pod fits any node of {}", quoted(&nodes_file));
        return Err(Problem::in_file(pods_file, message).into());
    }
    let files = format!("{} and {}", shown(&nodes_file), shown(&pods_file));
    let (one_by_one, replay) = (one_by_one(&files, &whole), replay(&files, &whole, &part));
    Ok(Converted {
        forms: [
            form(one_by_one, &whole, &whole, trace_ending)?,
            form(replay, &whole, &part, trace_ending)?,
        ],
        notes: notes(&whole, &part),
    })
}

/// Both values, or the problems of both.
pub(crate) fn both<A, B>(
    one: Result<A, Vec<Problem>>,
    two: Result<B, Vec<Problem>>,
) -> Result<(A, B), Problems> {
    match (one, two) {
        (Ok(one), Ok(two)) => Ok((one, two)),
        (one, two) => Err(Problems::new(
            [one.err(), two.err()]
                .into_iter()
                .flatten()
                .flatten()
                .collect(),
        )),
    }
}

/// Name of a file without its folder, quoted so that it stays within a comment.
fn shown(file: &str) -> String {
    quoted(file.rsplit(['/', '\\']).next().unwrap_or(file))
}

/// Nodes and pods of the lists, in the order in which they are written.
struct Selection<'a> {
    nodes: Vec<&'a Node>,
    pods: Vec<&'a Pod>,
}

impl<'a> Selection<'a> {
    /// The first node of each shape, and in order of creation the pods that fit one of them. These
    /// are the pods that fit any node at all: a pod sees nothing of a node but its shape.
    fn small(&self) -> Selection<'a> {
        let mut shapes = BTreeSet::new();
        let mut is_new = |node: &&Node| {
            shapes.insert((
                node.cpu_milli,
                node.memory_mib,
                node.gpus,
                node.model.clone(),
            ))
        };
        let nodes: Vec<&Node> = self
            .nodes
            .iter()
            .copied()
            .filter(|node| is_new(node))
            .collect();
        let fits = |pod: &&Pod| nodes.iter().any(|node| fits(pod, node));
        let mut pods: Vec<&Pod> = self.pods.iter().copied().filter(|pod| fits(pod)).collect();
        pods.sort_by_key(|pod| pod.created_at);
        Selection { nodes, pods }
    }

    fn gpus(&self) -> u64 {
        self.nodes.iter().map(|node| u64::from(node.gpus)).sum()
    }

    fn count(&self, wanted: impl Fn(&Pod) -> bool) -> usize {
        self.pods.iter().filter(|pod| wanted(pod)).count()
    }
}

/// What the conversion changed or left out, in words.
fn notes(whole: &Selection<'_>, part: &Selection<'_>) -> Vec<String> {
    let mut notes = vec![
        format!(
            "replay takes {} of {} nodes with {} of {} GPUs: the first of each shape (CPU, memory, \
             GPUs, model)",
            part.nodes.len(),
            whole.nodes.len(),
            part.gpus(),
            whole.gpus()
        ),
        "CPU units are milli-CPU × 1.024, rounded down for each node and up for each pod"
            .to_owned(),
    ];
    let counted = [
        (
            "pods that ask for part of a GPU and get a whole one",
            whole.count(Pod::shares_gpu),
        ),
        (
            "pods that ask for less memory than ECS allows for a container and get the least, 6 MiB",
            whole.count(|pod| pod.memory_mib < LEAST_MEMORY_MIB),
        ),
        (
            "pods that were never scheduled; in replay they run from creation to deletion",
            whole.count(|pod| !pod.scheduled),
        ),
        (
            "pods that fit no node even when it is empty; replay leaves them out, or those behind \
             them would wait for ever",
            whole.pods.len() - part.pods.len(),
        ),
    ];
    let counted = counted.into_iter().filter(|(_, count)| *count > 0);
    notes.extend(counted.map(|(what, count)| format!("{what}: {count}")));
    notes
}

/// What differs between the two forms.
struct Kind {
    name: &'static str,
    comment: String,
    description: &'static str,
    /// When the pods are created.
    times: Times,
}

enum Times {
    /// One a second from 0, none leaves.
    EachSecond,
    /// As in the list.
    Recorded,
}

fn one_by_one(files: &str, whole: &Selection<'_>) -> Kind {
    let (nodes, gpus, pods) = (whole.nodes.len(), whole.gpus(), whole.pods.len());
    let shares = whole.count(Pod::shares_gpu);
    Kind {
        name: "one-by-one",
        comment: format!(
            "\
# Question: when pods come one after another and none leaves, how many find no place, and how much of
# the GPUs is free all the same? Which placement strategy refuses the fewest?
#
# Setting: all {nodes} nodes with {gpus} GPUs and all {pods} pods of the lists, in their order,
# one RunTask a second; a refused pod is given up. The run ends one second after the last pod, and none
# departs before. Pods that ask for part of a GPU ({shares}) get a whole one: ECS hands out no shares.
#
# Look for: how many are given up, and the peak of each resource against what is offered, which is what
# all pods ask for together; in failures.csv, why they are refused.
#
# Lists: {files}.
"
        ),
        description: "Pods of a production GPU cluster, placed one by one until it is full.",
        times: Times::EachSecond,
    }
}

fn replay(files: &str, whole: &Selection<'_>, part: &Selection<'_>) -> Kind {
    let (nodes, gpus, pods) = (part.nodes.len(), part.gpus(), part.pods.len());
    let (all_nodes, all_pods) = (whole.nodes.len(), whole.pods.len());
    let shares = part.count(Pod::shares_gpu);
    Kind {
        name: "replay",
        comment: format!(
            "\
# Question: how long do the pods of a production GPU cluster wait when it is small, and which placement
# strategy makes them wait least?
#
# Setting: {pods} of {all_pods} pods with their recorded times and run times, first come first
# served. The load in the lists never fills their cluster, so that only {nodes} of {all_nodes} nodes
# are here, with {gpus} GPUs: the first of each shape (CPU, memory, GPUs, model). A pod that fits any
# node fits one of them; pods that fit none are left out. Pods that ask for part of a GPU
# ({shares}) get a whole one: ECS hands out no shares.
#
# Look for: waits in the table and in waits.png, and GPUs that are free while the head of the queue
# waits for a large node and nobody may overtake it.
#
# Lists: {files}.
"
        ),
        description: "Pods of a production GPU cluster at their recorded times, on a few of its nodes.",
        times: Times::Recorded,
    }
}

/// Where the data come from and how to cite them.
const SOURCE: &str = "\
#
# Source: Alibaba GPU cluster trace v2023 (openb), by `stowplan import openb`. The data are under the
# Apache License 2.0. Cite: Q. Weng, L. Yang, Y. Yu, W. Wang, X. Tang, G. Yang, L. Zhang. Beware of
# Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent. USENIX ATC 2023.
";

/// Writes a form and holds what was written against the lists.
fn form(
    kind: Kind,
    whole: &Selection<'_>,
    taken: &Selection<'_>,
    trace_ending: &str,
) -> Result<Form, Problems> {
    let name = kind.name;
    let (scenario_file, trace_file) = (format!("{name}.yaml"), format!("{name}{trace_ending}"));
    let (scenario, trace) = (scenario(&kind, taken, &trace_file), trace(&kind, taken));
    Ok(Form {
        name,
        nodes: ledger::nodes(&scenario_file, &scenario, &whole.nodes, &taken.nodes)?,
        pods: ledger::pods(&trace_file, &trace, &whole.pods, &taken.pods)?,
        scenario,
        trace,
    })
}

fn scenario(kind: &Kind, taken: &Selection<'_>, trace_file: &str) -> String {
    let Kind {
        name,
        comment,
        description,
        times,
    } = kind;
    let instances: String = taken.nodes.iter().map(|node| instance(node)).collect();
    let pods = taken.pods.len();
    let (horizon, behaviour) = match times {
        // The least run time that outlasts the run: what is offered is then what all ask for together.
        Times::EachSecond => (
            format!("horizon: {pods}s\n"),
            format!(
                "    containers: {{pod: {{duration: {{distribution: constant, value: {pods}s}}}}}}\n    \
                 onFailure: giveUp"
            ),
        ),
        Times::Recorded => (String::new(), "    onFailure: {queue: x-fcfs}".to_owned()),
    };
    format!(
        "{comment}{SOURCE}\
name: openb-{name}
description: {description}
{horizon}
clusters:
  - clusterName: default
    containerInstances:
{instances}
taskDefinitions:
  - family: pod
    containerDefinitions:
      - {{name: pod, cpu: 1024, memory: 1024}}  # each row of the trace has its own sizes

workloads:
  - name: pods
    runTask:
      taskDefinition: pod
      # There to be changed: {{type: binpack, field: memory}}, {{type: spread, field: instanceId}},
      # {{type: random}}, or several of them.
      placementStrategy: [{{type: binpack, field: cpu}}]
    arrivals: {{process: trace, file: {trace_file}}}
{behaviour}
"
    )
}

/// The line of a container instance. Names are quoted: a node may be called `null`.
fn instance(node: &Node) -> String {
    let attributes = node.model.as_ref().map_or_else(String::new, |model| {
        format!(", attributes: {{gpu-model: \"{model}\"}}")
    });
    format!(
        "      - {{name: \"{}\", registeredResources: {{CPU: {}, MEMORY: {}, GPU: {}}}{attributes}}}\n",
        node.name,
        node_cpu(node),
        node.memory_mib,
        node.gpus
    )
}

fn trace(kind: &Kind, taken: &Selection<'_>) -> String {
    let times = match kind.times {
        Times::EachSecond => "time",
        Times::Recorded => "time,duration",
    };
    let mut text = format!("{times},cpu,memory,gpu,memberOf,name\n");
    for (second, pod) in taken.pods.iter().enumerate() {
        let times = match kind.times {
            Times::EachSecond => second.to_string(),
            Times::Recorded => format!("{},{}", pod.created_at, pod.run_time),
        };
        let constraint = match pod.models.is_empty() {
            true => String::new(),
            false => format!("\"{}\"", list::constraint(&pod.models)),
        };
        let (cpu, memory, gpus) = (pod_cpu(pod), pod_memory(pod), pod.gpus);
        text += &format!("{times},{cpu},{memory},{gpus},{constraint},{}\n", pod.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
sn,cpu_milli,memory_mib,gpu,model
small,4001,8192,0,
null,8000,16384,2,T4
twin,8000,16384,2,T4
large,16000,65536,8,V100M32
";

    /// Columns in another order and one too many; out of order in time; `c` fits no node.
    const PODS: &str = "\
name,qos,memory_mib,cpu_milli,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time,scheduled_time
a,LS,0,1001,1,460,V100M32|T4|V100M32,20,30.5,25
b,BE,4096,4000,0,0,,10,40,
c,LS,70000,1000,8,1000,,15,16,15
";

    fn list<'a>(file: &str, text: &'a str) -> List<&'a [u8]> {
        List {
            file: file.to_owned(),
            text: text.as_bytes(),
        }
    }

    fn converted(nodes: &str, pods: &str) -> Result<Converted, String> {
        let (nodes, pods) = (list("lists/nodes.csv", nodes), list("lists/pods.csv", pods));
        convert(nodes, pods, ".csv").map_err(|problems| problems.to_string())
    }

    #[test]
    fn one_by_one_takes_everything_in_order() {
        let [form, _] = converted(NODES, PODS).expect("good lists").forms;
        assert_eq!(form.scenario, ONE_BY_ONE);
        assert_eq!(
            form.trace,
            "time,cpu,memory,gpu,memberOf,name
0,1026,6,1,\"attribute:gpu-model in [V100M32, T4]\",a
1,4096,4096,0,,b
2,1024,70000,8,,c
"
        );
    }

    const ONE_BY_ONE: &str = r#"# Question: when pods come one after another and none leaves, how many find no place, and how much of
# the GPUs is free all the same? Which placement strategy refuses the fewest?
#
# Setting: all 4 nodes with 12 GPUs and all 3 pods of the lists, in their order,
# one RunTask a second; a refused pod is given up. The run ends one second after the last pod, and none
# departs before. Pods that ask for part of a GPU (1) get a whole one: ECS hands out no shares.
#
# Look for: how many are given up, and the peak of each resource against what is offered, which is what
# all pods ask for together; in failures.csv, why they are refused.
#
# Lists: "nodes.csv" and "pods.csv".
#
# Source: Alibaba GPU cluster trace v2023 (openb), by `stowplan import openb`. The data are under the
# Apache License 2.0. Cite: Q. Weng, L. Yang, Y. Yu, W. Wang, X. Tang, G. Yang, L. Zhang. Beware of
# Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent. USENIX ATC 2023.
name: openb-one-by-one
description: Pods of a production GPU cluster, placed one by one until it is full.
horizon: 3s

clusters:
  - clusterName: default
    containerInstances:
      - {name: "small", registeredResources: {CPU: 4097, MEMORY: 8192, GPU: 0}}
      - {name: "null", registeredResources: {CPU: 8192, MEMORY: 16384, GPU: 2}, attributes: {gpu-model: "T4"}}
      - {name: "twin", registeredResources: {CPU: 8192, MEMORY: 16384, GPU: 2}, attributes: {gpu-model: "T4"}}
      - {name: "large", registeredResources: {CPU: 16384, MEMORY: 65536, GPU: 8}, attributes: {gpu-model: "V100M32"}}

taskDefinitions:
  - family: pod
    containerDefinitions:
      - {name: pod, cpu: 1024, memory: 1024}  # each row of the trace has its own sizes

workloads:
  - name: pods
    runTask:
      taskDefinition: pod
      # There to be changed: {type: binpack, field: memory}, {type: spread, field: instanceId},
      # {type: random}, or several of them.
      placementStrategy: [{type: binpack, field: cpu}]
    arrivals: {process: trace, file: one-by-one.csv}
    containers: {pod: {duration: {distribution: constant, value: 3s}}}
    onFailure: giveUp
"#;

    #[test]
    fn replay_takes_a_node_of_each_shape_and_the_pods_that_fit() {
        let [_, form] = converted(NODES, PODS).expect("good lists").forms;
        assert_eq!(form.scenario, REPLAY);
        assert_eq!(
            form.trace,
            "time,duration,cpu,memory,gpu,memberOf,name
10,30,4096,4096,0,,b
20,5.5,1026,6,1,\"attribute:gpu-model in [V100M32, T4]\",a
"
        );
    }

    const REPLAY: &str = r#"# Question: how long do the pods of a production GPU cluster wait when it is small, and which placement
# strategy makes them wait least?
#
# Setting: 2 of 3 pods with their recorded times and run times, first come first
# served. The load in the lists never fills their cluster, so that only 3 of 4 nodes
# are here, with 10 GPUs: the first of each shape (CPU, memory, GPUs, model). A pod that fits any
# node fits one of them; pods that fit none are left out. Pods that ask for part of a GPU
# (1) get a whole one: ECS hands out no shares.
#
# Look for: waits in the table and in waits.png, and GPUs that are free while the head of the queue
# waits for a large node and nobody may overtake it.
#
# Lists: "nodes.csv" and "pods.csv".
#
# Source: Alibaba GPU cluster trace v2023 (openb), by `stowplan import openb`. The data are under the
# Apache License 2.0. Cite: Q. Weng, L. Yang, Y. Yu, W. Wang, X. Tang, G. Yang, L. Zhang. Beware of
# Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent. USENIX ATC 2023.
name: openb-replay
description: Pods of a production GPU cluster at their recorded times, on a few of its nodes.

clusters:
  - clusterName: default
    containerInstances:
      - {name: "small", registeredResources: {CPU: 4097, MEMORY: 8192, GPU: 0}}
      - {name: "null", registeredResources: {CPU: 8192, MEMORY: 16384, GPU: 2}, attributes: {gpu-model: "T4"}}
      - {name: "large", registeredResources: {CPU: 16384, MEMORY: 65536, GPU: 8}, attributes: {gpu-model: "V100M32"}}

taskDefinitions:
  - family: pod
    containerDefinitions:
      - {name: pod, cpu: 1024, memory: 1024}  # each row of the trace has its own sizes

workloads:
  - name: pods
    runTask:
      taskDefinition: pod
      # There to be changed: {type: binpack, field: memory}, {type: spread, field: instanceId},
      # {type: random}, or several of them.
      placementStrategy: [{type: binpack, field: cpu}]
    arrivals: {process: trace, file: replay.csv}
    onFailure: {queue: x-fcfs}
"#;

    /// CPU of the nodes: 4001 × 1.024 = 4097.024, written 4097. Of the pods: 1025.024 is written 1026.
    /// Shares: 0.46 + 0 + 8 = 8.46, written 9. Left out of replay: `twin` and pod `c`.
    #[test]
    fn ledgers_account_for_everything() {
        let Converted { forms, notes } = converted(NODES, PODS).expect("good lists");
        let text = |line: &Line| {
            let written = line
                .written
                .map_or("-".to_owned(), |amount| amount.to_string());
            let Line {
                what,
                listed,
                left_out,
                changed,
                ..
            } = line;
            format!("{what}: {listed} - {left_out} + {changed} = {written}")
        };
        let texts = |form: &Form| -> Vec<String> {
            form.nodes.iter().chain(&form.pods).map(text).collect()
        };
        assert_eq!(
            texts(&forms[0]),
            [
                "nodes: 4 - 0 + 0 = 4",
                "CPU, milli: 36,001 - 0 + 0 = -",
                "CPU, units: 36,865.024 - 0 + -0.024 = 36,865",
                "memory, MiB: 106,496 - 0 + 0 = 106,496",
                "GPUs: 12 - 0 + 0 = 12",
                "pods: 3 - 0 + 0 = 3",
                "CPU, milli: 6,001 - 0 + 0 = -",
                "CPU, units: 6,145.024 - 0 + 0.976 = 6,146",
                "memory, MiB: 74,096 - 0 + 6 = 74,102",
                "GPUs, whole: 9 - 0 + 0 = 9",
                "GPUs, shares: 8.46 - 0 + 0.54 = 9",
            ]
        );
        assert_eq!(
            texts(&forms[1]),
            [
                "nodes: 4 - 1 + 0 = 3",
                "CPU, milli: 36,001 - 8,000 + 0 = -",
                "CPU, units: 36,865.024 - 8,192 + -0.024 = 28,673",
                "memory, MiB: 106,496 - 16,384 + 0 = 90,112",
                "GPUs: 12 - 2 + 0 = 10",
                "pods: 3 - 1 + 0 = 2",
                "CPU, milli: 6,001 - 1,000 + 0 = -",
                "CPU, units: 6,145.024 - 1,024 + 0.976 = 5,122",
                "memory, MiB: 74,096 - 70,000 + 6 = 4,102",
                "GPUs, whole: 9 - 8 + 0 = 1",
                "GPUs, shares: 8.46 - 8 + 0.54 = 1",
                "run time, s: 36.5 - 1 + 0 = 35.5",
            ]
        );
        assert_eq!(
            notes,
            [
                "replay takes 3 of 4 nodes with 10 of 12 GPUs: the first of each shape (CPU, memory, \
                 GPUs, model)",
                "CPU units are milli-CPU × 1.024, rounded down for each node and up for each pod",
                "pods that ask for part of a GPU and get a whole one: 1",
                "pods that ask for less memory than ECS allows for a container and get the least, 6 \
                 MiB: 1",
                "pods that were never scheduled; in replay they run from creation to deletion: 1",
                "pods that fit no node even when it is empty; replay leaves them out, or those \
                 behind them would wait for ever: 1",
            ]
        );
    }

    #[test]
    fn lists_from_a_spreadsheet_read_the_same() {
        let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(
            converted(&windows(NODES), &windows(PODS)),
            converted(NODES, PODS)
        );
    }

    #[test]
    fn a_file_name_stays_within_its_comment() {
        let pods = list("a\nname: b.csv", PODS);
        let [form, _] = convert(list("nodes.csv", NODES), pods, ".csv")
            .expect("good lists")
            .forms;
        assert!(
            form.scenario
                .contains("# Lists: \"nodes.csv\" and \"a\\nname: b.csv\".\n")
        );
    }

    #[test]
    fn broken_lists_are_told_line_by_line() {
        let head = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time,\
                    scheduled_time\n";
        let nodes = |rows: &str| format!("sn,cpu_milli,memory_mib,gpu,model\n{rows}");
        let pods = |rows: &str| format!("{head}{rows}");
        let (good_nodes, good_pods) = (nodes("n,8000,16384,2,T4\n"), pods("p,1,1,0,0,,0,1,0\n"));
        let check = |nodes: &str, pods: &str, expected: &[&str]| {
            let told = converted(nodes, pods).expect_err("broken lists");
            assert_eq!(told.lines().collect::<Vec<_>>(), expected);
        };
        check(
            "sn,memory_mib,gpu,model,sn\n",
            &good_pods,
            &[
                "error: lists/nodes.csv:1: column \"sn\" stands there more than once",
                "  help: columns: sn, cpu_milli, memory_mib, gpu, model",
                "error: lists/nodes.csv:1: no column \"cpu_milli\"",
                "  help: columns: sn, cpu_milli, memory_mib, gpu, model",
            ],
        );
        check(
            &nodes("n,-1,2147483648,65,a b\nn,1,1,0,\n,1.5,1,0,\nm,1\n"),
            &good_pods,
            &[
                "error: lists/nodes.csv:2: cpu_milli: \"-1\" is not a whole number from 0 to 2000000000",
                "error: lists/nodes.csv:2: memory_mib: \"2147483648\" is not a whole number from 0 to \
                 2147483647",
                "error: lists/nodes.csv:2: gpu: \"65\" is not a whole number from 0 to 64",
                "error: lists/nodes.csv:2: model: \"a b\" is not a name of 1 to 128 letters, digits, \
                 hyphens, underscores and dots",
                "error: lists/nodes.csv:3: sn: \"n\" stands in line 2 already",
                "error: lists/nodes.csv:4: sn: \"\" is not a name of 1 to 128 letters, digits, hyphens, \
                 underscores and dots",
                "error: lists/nodes.csv:4: cpu_milli: \"1.5\" is not a whole number from 0 to 2000000000",
                "error: lists/nodes.csv:5: 2 fields, where the first line has 5",
            ],
        );
        check(
            &good_nodes,
            &pods(
                "p,1,1,65,1001,T4||T4,0,1,0\n\
                 ,,1,0,0,,9,8,9\n\
                 p,1,1,0,0,,9,10,8\n\
                 p,1,1,0,0,,soon,-1,2m\n\
                 p,1,1,0,0,,9,8,\n",
            ),
            &[
                "error: lists/pods.csv:2: num_gpu: \"65\" is not a whole number from 0 to 64",
                "error: lists/pods.csv:2: gpu_milli: \"1001\" is not a whole number from 0 to 1000",
                "error: lists/pods.csv:2: gpu_spec: \"\" is not a name of 1 to 128 letters, digits, \
                 hyphens, underscores and dots",
                "error: lists/pods.csv:3: name: \"\" is not a name of 1 to 128 letters, digits, hyphens, \
                 underscores and dots",
                "error: lists/pods.csv:3: deletion_time: 8 is before the scheduled_time 9",
                "error: lists/pods.csv:3: cpu_milli: \"\" is not a whole number from 0 to 2000000000",
                "error: lists/pods.csv:4: scheduled_time: 8 is before the creation_time 9",
                "error: lists/pods.csv:5: creation_time: \"soon\" is not a number of seconds from 0 to 4611686018427",
                "error: lists/pods.csv:5: scheduled_time: \"2m\" is not a number of seconds from 0 to 4611686018427",
                "error: lists/pods.csv:5: deletion_time: \"-1\" is not a number of seconds from 0 to 4611686018427",
                "error: lists/pods.csv:6: deletion_time: 8 is before the creation_time 9",
            ],
        );
        let models: Vec<String> = (0..500).map(|number| format!("G{number}")).collect();
        check(
            &nodes(""),
            &pods(&format!("p,1,1,0,0,{},0,1,0\n", models.join("|"))),
            &[
                "error: lists/nodes.csv: the list has no rows",
                "error: lists/pods.csv:2: gpu_spec: the constraint has 2913 characters; at most 2000 are \
                 allowed",
            ],
        );
        check(
            &good_nodes,
            &pods("p,9000,1,0,0,,0,1,0\n"),
            &["error: lists/pods.csv: no pod fits any node of \"lists/nodes.csv\""],
        );
    }
}
