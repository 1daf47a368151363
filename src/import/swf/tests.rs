use super::*;
use crate::import::openb::ledger::Line;

/// Job 2 comes before job 1. Job 3 never ran, 4 is wider than the machine, 5 has no processors, 6 is
/// part of another job, 7 runs no time.
const LOG: &str = "\
; Version: 2.2
;  Computer: Toy\t
; MaxNodes: 2
; MaxProcs: 8 (two nodes)
; Note: MaxQueues: 1
;
1  5  0  100   2 -1  512  4 60 1024 1 1 1 -1 1 -1 -1 -1
2  0  0  10.5  3 -1 2048 -1 -1   -1 0 1 1 -1 1 -1  1  5

3  7 -1   -1  -1 -1   -1  4 60   -1 5 1 1 -1 1 -1 -1 -1
4  8  0    5   9 -1   -1 -1 -1   -1 1 1 1 -1 1 -1 -1 -1
5  9  0    5  -1 -1   -1  0 -1   -1 1 1 1 -1 1 -1 -1 -1
6 -1  0    5   1 -1   -1 -1 -1   -1 3 1 1 -1 1 -1 -1 -1
7 10  0    0   8 -1   -1  8 10 1500 1 1 1 -1 1 -1 -1 -1
";

fn converted(log: &str, options: Options) -> Result<Converted, String> {
    let list = List {
        file: "logs/toy.swf".to_owned(),
        text: log.as_bytes(),
    };
    let target = Target {
        name: "toy",
        trace_ending: ".csv",
    };
    convert(list, options, target).map_err(|problems| problems.to_string())
}

fn texts(lines: &[Line]) -> Vec<String> {
    let text = |line: &Line| {
        let written = line.written.map_or("-".to_owned(), |it| it.to_string());
        let (listed, left_out, changed) = (line.listed, line.left_out, line.changed);
        format!(
            "{}: {listed} - {left_out} + {changed} = {written}",
            line.what
        )
    };
    lines.iter().map(text).collect()
}

/// Job 1 requested 4 processors with 1024 KB each: 4 MiB. Job 2 used 3 with 2048 KB: 6 MiB. Job 7
/// requested 8 with 1500 KB: 12,000 KB in 12 MiB. The node has 2 MiB a processor, as jobs 2 and 7 need.
#[test]
fn jobs_keep_times_processors_and_memory() {
    let found = converted(LOG, Options::default()).expect("a good log");
    let trace = "\
time,jobName,duration,exitCode,vcpus,memory
0,2,10.5,1,3,6
5,1,100,0,4,4
10,7,0,0,8,12
";
    assert_eq!(found.traces, [("toy.csv".to_owned(), trace.to_owned())]);
    assert_eq!(
        texts(&found.lines),
        [
            "jobs: 7 - 4 + 0 = 3",
            "of a partial execution, which another line sums up: 1 - 1 + 0 = 0",
            "wider than the machine: 1 - 1 + 0 = 0",
            "without a number of processors: 1 - 1 + 0 = 0",
            "without a run time: they never ran: 1 - 1 + 0 = 0",
            "processors: 29 - 14 + 0 = 15",
            "run time, s: 125.5 - 15 + 0 = 110.5",
            "processor seconds: 481.5 - 50 + 0 = 431.5",
            "memory, KB: 22,240 - 0 + 288 = 22,528",
        ]
    );
    assert_eq!(
        found.notes,
        [
            "processors of the machine: 8, MaxProcs of the log",
            "processors of a job: those requested, else those used",
            "memory of a job: that requested per processor, else that used, times its processors, in \
             whole MiB and at least 4",
            "memory of a node: 2 MiB per processor, as the job with the most asks for; no job waits for \
             memory",
            "one node has all processors: the log does not tell how jobs spread over nodes \
             (--cores-per-node)",
            "lines with other numbers of processors requested and used: 1",
            "failed and cancelled jobs, which exit with 1: 2",
            "jobs with a preceding job; they come at their submittal time and do not wait for it: 1",
            "jobs that run longer than they requested; nothing stops them here either: 1",
        ]
    );
    assert_eq!(found.scenario, SCENARIO);
}

const SCENARIO: &str = r#"# Question: how long do the jobs of a parallel machine wait when AWS Batch runs them first come first
# served? With which queues, shares or sizes of instance would they wait less?
#
# Setting: 3 jobs at their recorded submittal times and with their recorded run times. A processor
# is a vCPU: 8 of them (MaxProcs of the log), on one instance, because the log does not tell how jobs spread over nodes.
#
# Look for: waits in the table, and vCPUs that are free while the head of the queue waits for many of them
# and nobody may overtake it.
#
# Log: "toy.swf", by `stowplan import swf`.
#   Computer: "Toy"
#
# Logs of the Parallel Workloads Archive: cite D. Feitelson, D. Tsafrir, D. Krakov. Experience with using
# the Parallel Workloads Archive. J. Parallel Distrib. Comput. 74(10), 2014.
name: "toy"
description: Jobs of a parallel machine at their recorded times.

batch:
  computeEnvironments:
    - computeEnvironmentName: machine
      type: UNMANAGED
      state: ENABLED
      containerInstances:
        - {count: 1, registeredResources: {CPU: 8192, MEMORY: 16}}

  jobQueues:
    - jobQueueName: "jobs"
      priority: 1
      computeEnvironmentOrder: [{order: 1, computeEnvironment: machine}]

  jobDefinitions:
    - jobDefinitionName: job
      type: container
      # Each row of the trace has its own sizes.
      containerProperties:
        image: recorded
        resourceRequirements: [{type: VCPU, value: "1"}, {type: MEMORY, value: "4"}]

workloads:
  - name: "jobs"
    submitJob: {jobName: recorded, jobQueue: "jobs", jobDefinition: job}
    arrivals: {process: trace, file: "toy.csv"}
"#;

/// 8 processors are two nodes of 3 and one of 2. Job 1 wants 4 processors and 4 MiB: 2 and 2, hence 4
/// as the least, of each of two nodes. Job 2 fits a node and needs 2 MiB for each of its 3 processors.
/// Job 7 wants 8, for which there are too few nodes of 3.
#[test]
fn nodes_have_the_size_that_is_given() {
    let options = |memory_per_core| Options {
        cores_per_node: Some(3),
        memory_per_core,
        ..Options::default()
    };
    for memory in [None, Some(2)] {
        let found = converted(LOG, options(memory)).expect("a good log");
        let trace = "\
time,jobName,duration,exitCode,vcpus,memory,nodes
0,2,10.5,1,3,6,
5,1,100,0,2,4,2
";
        assert_eq!(found.traces[0].1, trace);
        assert!(found.scenario.contains("      multiNodeJobs: true\n"));
        let instances = "        - {count: 2, registeredResources: {CPU: 3072, MEMORY: 6}}
        - {count: 1, registeredResources: {CPU: 2048, MEMORY: 4}}\n";
        assert!(found.scenario.contains(instances), "{}", found.scenario);
        let lines = texts(&found.lines);
        let wide = "wider than all nodes of full size: 1 - 1 + 0 = 0";
        assert!(lines.contains(&wide.to_owned()), "{lines:?}");
    }
    assert_eq!(
        converted(LOG, options(Some(1))),
        Err("error: logs/toy.swf: no job of the log can be taken: 1 of a partial execution, which \
             another line sums up, 1 wider than all nodes of full size, 1 wider than the machine, 2 with more memory than a node, 1 without a \
             number of processors, 1 without a run time: they never ran"
            .to_owned())
    );
    assert_eq!(
        converted(
            LOG,
            Options {
                memory_per_core: Some(u32::MAX),
                ..Options::default()
            }
        ),
        Err("error: logs/toy.swf: a node of 8 processors with 4294967295 MiB each is larger than an \
             instance can be\n  help: pass a smaller --cores-per-node or --memory-per-core"
            .to_owned())
    );
}

/// Job 2 did not request a time: its limit is its run time. Job 1 ran 100 s and is stopped after 60.
#[test]
fn under_x_easy_requested_times_are_limits() {
    let options = Options {
        cores_per_node: Some(4),
        discipline: Discipline::Easy,
        ..Options::default()
    };
    let found = converted(LOG, options).expect("a good log");
    let trace = "\
time,jobName,duration,exitCode,vcpus,memory,nodes,timeout
0,2,10.5,1,3,6,,10.5
5,1,100,0,4,4,,60
10,7,0,0,4,6,2,10
";
    assert_eq!(found.traces[0].1, trace);
    assert!(found.scenario.contains("      discipline: x-easy\n"));
    let late = "jobs that run longer than they requested, and are stopped here: 1";
    assert!(found.notes.contains(&late.to_owned()), "{:?}", found.notes);
    let lines = texts(&found.lines);
    assert!(
        lines.contains(&"processors: 29 - 14 + 0 = 15".to_owned()),
        "{lines:?}"
    );
    let fcfs = Options {
        discipline: Discipline::Fcfs,
        ..options
    };
    let found = converted(LOG, fcfs).expect("a good log");
    assert!(!found.traces[0].1.contains("timeout"));
    assert!(found.scenario.contains("      discipline: x-fcfs\n"));
}

#[test]
fn the_machine_is_as_large_as_the_header_says_or_the_widest_job() {
    let check = |log: String, note: &str| {
        let found = converted(&log, Options::default()).expect("a good log");
        assert_eq!(found.notes[0], note);
    };
    check(
        LOG.replace("MaxProcs: 8", "MaxProcs: -1")
            .replace("MaxNodes: 2", "MaxNodes: 16"),
        "processors of the machine: 16, MaxNodes of the log",
    );
    check(
        LOG.replace("; Max", "; No"),
        "processors of the machine: 9, as many as the widest job has: the log does not tell",
    );
}

#[test]
fn broken_lines_are_told() {
    let good = "1 0 0 1 1 -1 -1 1 -1 -1 1 1 1 -1 1 -1 -1 -1\n";
    let check = |log: &str, expected: &str| {
        assert_eq!(converted(log, Options::default()), Err(expected.to_owned()));
    };
    check(
        "; Version: 2.2\n",
        "error: logs/toy.swf: the log has no jobs",
    );
    check(
        &format!("{good}1 2 3\n2 -2 0 1 1.5 -1 -1 1 -1 -1 1 1 1 -1 1 -1 -1 -1\n"),
        "error: logs/toy.swf:2: 3 fields, where a line of the format has 18\n\
         error: logs/toy.swf:3: field 2: \"-2\" is not -1 or a number of seconds",
    );
    check(
        &good.replacen("1 1 -1", "1 1.5 -1", 1),
        "error: logs/toy.swf:1: field 5: \"1.5\" is not -1 or a whole number",
    );
    check(
        &good.replacen("1 1 -1", "1 4294967296 -1", 1),
        "error: logs/toy.swf:1: field 5: 4294967296 processors are too many",
    );
    let many = "x\n".repeat(22);
    let told = converted(&many, Options::default()).expect_err("broken lines");
    assert_eq!(told.lines().count(), 21);
    assert!(told.contains("error: logs/toy.swf: 2 more lines are wrong"));
    let latin: &[u8] = b"; Computer: Universit\xe4t\n1 0 0 1 1 -1 -1 1 -1 -1 1 1 1 -1 1 -1 -1 -1\n";
    let list = List {
        file: "l".to_owned(),
        text: latin,
    };
    let log = log::read(list).expect("headers may be in any encoding");
    assert_eq!(log.facts, ["Computer: \"Universit\u{fffd}t\""]);
}
