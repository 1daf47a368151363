use super::*;
use crate::import::openb::ledger::Line;

/// A workflow of tasks (name, parents, further recorded facts) on the machines.
fn workflow(tasks: &[(&str, &[&str], &str)], machines: &str) -> String {
    let specified: Vec<String> = tasks
        .iter()
        .map(|(id, parents, _)| {
            let children: Vec<&str> = tasks
                .iter()
                .filter(|(_, parents, _)| parents.contains(id))
                .map(|(child, ..)| *child)
                .collect();
            format!(r#"{{"id": "{id}", "name": "{id}", "parents": {parents:?}, "children": {children:?}}}"#)
        })
        .collect();
    let executed: Vec<String> = tasks
        .iter()
        .map(|(id, _, facts)| format!(r#"{{"id": "{id}", {facts}}}"#))
        .collect();
    format!(
        r#"{{"name": "toy", "schemaVersion": "1.5", "author": {{"name": "x"}}, "workflow": {{
"specification": {{"tasks": [{}], "files": []}},
"execution": {{"makespanInSeconds": 40, "tasks": [{}], "machines": [{machines}]}}}}}}"#,
        specified.join(",\n"),
        executed.join(",\n")
    )
}

/// `last` stands first in the file and waits for the two others, of which `b.1` waits for `a`.
fn diamond(machines: &str) -> String {
    let tasks: [(&str, &[&str], &str); 3] = [
        (
            "last",
            &["a", "b.1", "a"],
            r#""runtimeInSeconds": 0.25, "avgCPU": 180.5, "memoryInBytes": 5000000"#,
        ),
        ("a", &[], r#""runtimeInSeconds": 1.000001, "coreCount": 3"#),
        ("b.1", &["a"], r#""runtimeInSeconds": 10"#),
    ];
    workflow(&tasks, machines)
}

const TWO_CORES: &str = r#"{"nodeName": "m", "cpu": {"coreCount": 2}, "memoryInBytes": 8388608}"#;

fn converted(text: &str, options: Options) -> Result<Converted, String> {
    let target = Target {
        name: "toy",
        trace_ending: ".csv",
    };
    convert("dags/toy.json", text, options, target).map_err(|problems| problems.to_string())
}

fn amounts_of(lines: &[Line]) -> Vec<String> {
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

/// `a` has 3 cores and gets the 2 of the machine; `last` needs 1.805 and gets 2, and 5,000,000 bytes
/// are 4.8 MiB. Core seconds: 2 × 0.25 + 3 × 1.000001 + 10 = 13.500003, less 1.000001.
#[test]
fn tasks_become_jobs_behind_their_parents() {
    let found = converted(&diamond(TWO_CORES), Options::default()).expect("a good workflow");
    let trace = "\
time,jobName,duration,exitCode,vcpus,memory,dependsOn
0,a,1.000001,0,2,4,
0,b_1,10,0,1,4,a
0,last,0.25,0,2,5,a b_1
";
    assert_eq!(found.traces, [("toy.csv".to_owned(), trace.to_owned())]);
    assert_eq!(
        amounts_of(&found.lines),
        [
            "tasks, jobs: 3 - 0 + 0 = 3",
            "dependencies: 3 - 0 + 0 = 3",
            "run time, s: 11.250001 - 0 + 0 = 11.250001",
            "core seconds: 13.500003 - 0 + -1.000001 = 12.500002",
            "memory, bytes: 5,000,000 - 0 + 8,631,488 = 13,631,488",
        ]
    );
    assert_eq!(
        found.notes,
        [
            "longest path: 11.250001 s; all run times: 11.250001 s",
            "vCPUs of a job: its recorded cores, else its average use of CPU, rounded up; memory: its \
             peak, in whole MiB and at least 4",
            "recorded machines: 1",
            "tasks that need more vCPUs than a job can have here, and get that many: 1",
            "tasks without a recorded memory: 2",
        ]
    );
    let machine = "        - {count: 1, registeredResources: {CPU: 2048, MEMORY: 8}}\n";
    assert!(found.scenario.contains(machine), "{}", found.scenario);
}

/// All jobs at once take 2 + 3 + 1 vCPUs and 4 + 4 + 5 MiB; as slots, one vCPU each.
#[test]
fn without_machines_all_jobs_run_at_once() {
    let check = |machines: Machines, cpu: u32, vcpus: &str| {
        let options = Options {
            machines,
            ..Options::default()
        };
        let found = converted(&diamond(""), options).expect("a good workflow");
        let machine = format!("- {{count: 1, registeredResources: {{CPU: {cpu}, MEMORY: 13}}}}\n");
        assert!(found.scenario.contains(&machine), "{}", found.scenario);
        let column = found.traces[0].1.lines().skip(1);
        let column: Vec<&str> = column.filter_map(|row| row.split(',').nth(4)).collect();
        assert_eq!(column.join(" "), vcpus);
    };
    check(Machines::Recorded, 6 * 1024, "3 1 2");
    check(Machines::Slots(5), 5 * 1024, "1 1 1");
}

/// 45 parents: two joins of 20 and five parents as they are would be 7; here a third joins the five.
#[test]
fn tasks_with_many_parents_are_refused_or_joined() {
    let names: Vec<String> = (0..45).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let facts = r#""runtimeInSeconds": 1"#;
    let mut tasks: Vec<(&str, &[&str], &str)> = names
        .iter()
        .map(|name| (*name, [].as_slice(), facts))
        .collect();
    tasks.push(("end", &names, facts));
    let text = workflow(&tasks, "");
    assert_eq!(
        converted(&text, Options::default()),
        Err("error: dags/toy.json: 1 of the tasks have more than 20 parents, \"end\" has 45; a job of \
             AWS Batch cannot depend on so many\n  help: --many-parents join puts jobs of no length \
             between"
            .to_owned())
    );
    let options = Options {
        many_parents: ManyParents::Join,
        ..Options::default()
    };
    let found = converted(&text, options).expect("joined");
    let last: Vec<&str> = found.traces[0].1.lines().skip(46).collect();
    assert_eq!(last.len(), 4);
    assert_eq!(last[2], "0,join-end-3,0,0,1,4,p40 p41 p42 p43 p44");
    assert_eq!(last[3], "0,end,1,0,1,4,join-end join-end-2 join-end-3");
    assert_eq!(
        amounts_of(&found.lines)[..3],
        [
            "tasks, jobs: 46 - 0 + 3 = 49",
            "dependencies: 45 - 0 + 3 = 48",
            "run time, s: 46 - 0 + 0 = 46",
        ]
    );
}

#[test]
fn broken_workflows_are_told() {
    let check = |text: &str, expected: &str| {
        let told = converted(text, Options::default()).expect_err("a broken workflow");
        assert!(told.contains(expected), "{told}");
    };
    let good = diamond("");
    check(
        r#"{"name": "old", "schemaVersion": "1.3", "workflow": {"tasks": []}}"#,
        "workflow: no workflow.specification and workflow.execution; the schemaVersion is \"1.3\"",
    );
    check(
        &good.replace("\"id\": \"a\", \"name\"", "\"id\": \"c\", \"name\""),
        "parents: no task \"a\"",
    );
    check(
        &good.replace("\"children\": [\"last\", \"b.1\"]", "\"children\": [\"a\"]"),
        "workflow.specification.tasks[1].children: \"a\" does not have \"a\" among its parents",
    );
    check(
        &good.replace("\"id\": \"b.1\", \"runtime", "\"id\": \"b.2\", \"runtime"),
        "no run time of \"b.1\" in workflow.execution.tasks",
    );
    check(
        &good.replace("\"id\": \"b.1\", \"name\"", "\"id\": \"a\", \"name\""),
        "a second task \"a\"",
    );
    check(&good.replace("0.25", "-1"), "runtimeInSeconds");
    check(&workflow(&[], ""), "the workflow has no tasks");
    let facts = r#""runtimeInSeconds": 1"#;
    let circle: [(&str, &[&str], &str); 2] = [("a", &["b"], facts), ("b", &["a"], facts)];
    check(
        &workflow(&circle, ""),
        "tasks wait for each other in a circle, and \"a\" for them",
    );
    let heavy = good.replace("5000000", "50000000");
    let heavy = heavy.replace("\"machines\": []", &format!("\"machines\": [{TWO_CORES}]"));
    check(
        &heavy,
        "a job of 2 vCPUs and 48 MiB (last) fits none of the machines",
    );
}
