//! The command line as its users meet it: the real binary, in a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::binary::{command, done, stowplan, succeed, temporary};

/// The files of a run of one cluster, in alphabetical order, without events.
const FILES: [&str; 13] = [
    "failures.csv",
    "instances.csv",
    "instances.png",
    "instances.svg",
    "report.html",
    "scenario.yaml",
    "summary.json",
    "tasks.csv",
    "utilization.csv",
    "utilization.png",
    "utilization.svg",
    "waits.png",
    "waits.svg",
];

/// What a run with job queues has besides.
const JOB_FILES: [&str; 8] = [
    "attempts.csv",
    "attempts.png",
    "attempts.svg",
    "job-waits.png",
    "job-waits.svg",
    "jobs.csv",
    "jobs.png",
    "jobs.svg",
];

fn scenario(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    path.join(format!("{name}.yaml")).display().to_string()
}

fn scenario_names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(folder).expect("the scenarios");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .map(|path| path.file_stem().expect("a name").display().to_string())
        .collect();
    names.sort();
    names
}

/// Every file below a folder, hidden ones included.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = PathBuf::from(path.file_name().expect("a name"));
        if path.is_dir() {
            let below = files(&path).into_iter();
            found.extend(below.map(|(path, bytes)| (name.join(path), bytes)));
        } else {
            found.insert(name, fs::read(&path).expect("a file"));
        }
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    let found = files(folder).into_keys();
    found.map(|path| path.display().to_string()).collect()
}

fn summary(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("summary.json")).expect("summary.json");
    serde_json::from_str(&text).expect("summary.json is JSON")
}

fn number(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no whole number at {pointer}"))
}

/// A CSV file: its columns, and its rows as they were written.
struct Sheet {
    columns: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Sheet {
    fn read(path: &Path) -> Sheet {
        let mut reader = csv::Reader::from_path(path).expect("a CSV file");
        let columns = reader.headers().expect("a header").iter();
        let columns = columns.map(str::to_owned).collect();
        let rows = reader.records().map(|row| row.expect("a row")).collect();
        Sheet { columns, rows }
    }

    fn column(&self, name: &str) -> impl Iterator<Item = &str> {
        let place = self.columns.iter().position(|column| column == name);
        let place = place.unwrap_or_else(|| panic!("no column {name}"));
        self.rows.iter().map(move |row| &row[place])
    }

    /// A column of seconds, in microseconds; nothing where the field is empty.
    fn micros(&self, name: &str) -> Vec<Option<u64>> {
        let read = |text: &str| (!text.is_empty()).then(|| micros(text));
        self.column(name).map(read).collect()
    }

    fn sum(&self, name: &str) -> u64 {
        let numbers = self.column(name).map(|text| text.parse::<u64>());
        numbers.map(|number| number.expect("a whole number")).sum()
    }
}

/// Decimal seconds, exactly.
fn micros(secs: &str) -> u64 {
    let (whole, fraction) = secs.split_once('.').unwrap_or((secs, ""));
    format!("{whole}{fraction:0<6}").parse().expect("seconds")
}

/// What sorts moments by time, be they dates or seconds.
fn moment(text: &str) -> (String, u64) {
    match text.strip_suffix('Z') {
        Some(date) => {
            let (whole, fraction) = date.split_once('.').unwrap_or((date, ""));
            (whole.to_owned(), micros(&format!("0.{fraction}")))
        }
        None => (String::new(), micros(text)),
    }
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

// ---- run ------------------------------------------------------------------------------------

#[test]
fn every_scenario_runs_and_its_comment_is_true() {
    let names_of_all = scenario_names();
    assert!(names_of_all.len() >= 24, "{names_of_all:?}");
    for name in names_of_all {
        let folder = temporary();
        let out = succeed(folder.path(), &["run", &scenario(&name)]);
        let results = folder.path().join("results").join(&name);
        let summary = summary(&results);
        assert_eq!(names(&results), files_of(&summary), "{name}");
        check_accounts(&name, &summary);
        let seed = number(&summary, "/seed");
        let version = env!("CARGO_PKG_VERSION");
        let head = format!("stowplan {version}: scenario {name}, seed {seed}\n");
        assert!(out.starts_with(&head), "{name}: {out}");
        assert!(
            out.ends_with(&format!("\n\nresults in results/{name}\n")),
            "{out}"
        );
        check_quotes(&name, &out);
    }
}

/// The files of a run: events where it has services, pictures of each cluster.
fn files_of(summary: &Value) -> Vec<String> {
    let clusters = summary["results"]["clusters"].as_array();
    let names = clusters.expect("the clusters").iter().map(|cluster| {
        let name = cluster["cluster"].as_str();
        name.expect("the name of a cluster").to_owned()
    });
    let suffixes: Vec<String> = match names.collect::<Vec<_>>().as_slice() {
        [_] => vec![String::new()],
        several => several.iter().map(|name| format!("-{name}")).collect(),
    };
    let mut files = Vec::new();
    for file in FILES {
        match file.split_once('.').expect("an ending") {
            (name, end @ ("png" | "svg")) => {
                let pictures = suffixes
                    .iter()
                    .map(|suffix| format!("{name}{suffix}.{end}"));
                files.extend(pictures);
            }
            _ => files.push(file.to_owned()),
        }
    }
    if number(summary, "/results/tasks/services") > 0 {
        files.push("service-events.csv".to_owned());
    }
    if summary["results"]["jobs"].is_object() {
        files.extend(JOB_FILES.map(str::to_owned));
    }
    files.sort();
    files
}

/// Everybody is accounted for.
fn check_accounts(name: &str, summary: &Value) {
    let tasks = |what: &str| number(summary, &format!("/results/tasks/{what}"));
    assert!(tasks("requested") > 0, "{name}");
    assert_eq!(
        tasks("requested"),
        tasks("accepted") + tasks("givenUp") + tasks("waiting"),
        "{name}"
    );
    let alive = ["running", "provisioning", "pending", "stopping"].map(tasks);
    assert_eq!(
        tasks("accepted"),
        tasks("stopped") + alive.iter().sum::<u64>(),
        "{name}"
    );
    let results = &summary["results"];
    if results["jobs"].is_object() {
        assert_eq!(results["jobs"]["littlesLaw"], true, "{name}");
    }
    let checks = &results["checks"];
    assert_eq!(checks["littlesLaw"], true, "{name}");
    assert_eq!(checks["utilizationLaw"], true, "{name}");
}

/// What the opening comment quotes of the table, the table says.
fn check_quotes(name: &str, out: &str) {
    let text = fs::read_to_string(scenario(name)).expect("a scenario");
    let comment: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix('#'))
        .collect();
    for part in ["Question: ", "Setting: ", "Look for"] {
        assert!(
            comment.iter().any(|line| line.trim().starts_with(part)),
            "{name}: the comment has no {part}"
        );
    }
    let says = comment
        .iter()
        .position(|line| line.ends_with("The table says:"));
    let quoted = says.map_or(&[][..], |line| &comment[line + 1..]);
    let printed: Vec<String> = out.lines().map(words).collect();
    for line in quoted.iter().filter(|line| !line.is_empty()) {
        let line = words(line);
        assert!(
            printed.iter().any(|printed| printed.starts_with(&line)),
            "{name}: the table does not say {line:?}:\n{out}"
        );
    }
}

#[test]
fn strategy_scenarios_differ_in_nothing_but_the_strategy() {
    let work = |name: &str| {
        let text = fs::read_to_string(scenario(name)).expect("a scenario");
        let own = ["#", "name: ", "description: "];
        let lines = text
            .lines()
            .filter(|line| !own.iter().any(|own| line.starts_with(own)));
        let text = lines.collect::<Vec<_>>().join("\n");
        let (before, rest) = text.split_once("&strategy").expect("the strategy");
        let after = rest.split_once("    arrivals:").expect("what follows it").1;
        format!("{before}{after}")
    };
    let random = work("random");
    assert!(random.contains("placementStrategy: *strategy"));
    for name in [
        "spread-instance",
        "spread-zone",
        "binpack-cpu",
        "binpack-memory",
        "chain",
    ] {
        assert_eq!(work(name), random, "{name}");
    }
}

#[test]
fn mmc_scenario_comes_near_erlangs_c_formula() {
    let folder = temporary();
    succeed(
        folder.path(),
        &["run", &scenario("mmc"), "--no-plots", "--out", "out"],
    );
    let out = folder.path().join("out");
    let mean = summary(&out)["results"]["wait"]["mean"]
        .as_f64()
        .expect("a mean");
    assert!((mean / 0.668_732 - 1.0).abs() < 0.1, "mean wait {mean}");
    let tasks = Sheet::read(&out.join("tasks.csv"));
    let requested = tasks.micros("requestedAt");
    let measured = requested.iter().zip(tasks.micros("wait"));
    let waits: Vec<u64> = measured
        .filter(|(at, _)| at.is_some_and(|at| at >= micros("600")))
        .filter_map(|(_, wait)| wait)
        .collect();
    let summary = summary(&out);
    let counted = number(&summary, "/results/wait/count");
    assert_eq!(counted, waits.len() as u64, "the warm-up is left out");
    let offered = &summary["results"]["clusters"][0]["resources"][0]["offeredLoad"];
    let offered = offered.as_f64().expect("an offered load");
    assert!((offered - 0.9).abs() < 0.02, "offered load {offered}");
    let waited = waits.iter().filter(|wait| **wait > 0).count() as f64 / waits.len() as f64;
    assert!(
        (waited / 0.668_732 - 1.0).abs() < 0.05,
        "P(wait > 0) {waited}"
    );
}

#[test]
fn results_stay_in_their_directory() {
    let folder = temporary();
    let text = fs::read_to_string(scenario("start-task")).expect("a scenario");
    for name in ["../elsewhere", "a/b", "/elsewhere", "..", "."] {
        let text = text.replace("name: start-task", &format!("name: {name}"));
        fs::write(folder.path().join("named.yaml"), text).expect("a file");
        let done = stowplan(folder.path(), &["run", "named.yaml"]);
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{name}");
        assert_eq!(names(folder.path()), ["named.yaml"]);
    }
}

#[test]
fn json_is_what_summary_json_holds() {
    let folder = temporary();
    let arguments = [
        "run",
        &scenario("start-task"),
        "--json",
        "--no-plots",
        "--out",
        "a/b",
    ];
    let out = succeed(folder.path(), &arguments);
    let written = fs::read_to_string(folder.path().join("a/b/summary.json"));
    assert_eq!(out, written.expect("summary.json"));
    let summary: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(summary["stowplan"], env!("CARGO_PKG_VERSION"));
    assert_eq!(summary["scenario"], "start-task");
    assert_eq!(summary["inputs"][0]["file"], "start-task.yaml");
}

#[test]
fn pictures_are_left_out_when_nobody_wants_them() {
    let folder = temporary();
    let path = scenario("start-task");
    succeed(folder.path(), &["run", &path, "--out", "with"]);
    succeed(
        folder.path(),
        &["run", &path, "--out", "without", "--no-plots"],
    );
    let (with, without) = (folder.path().join("with"), folder.path().join("without"));
    let mut rest = files(&with);
    rest.retain(|name, _| {
        name.extension()
            .is_some_and(|end| end != "svg" && end != "png" && end != "html")
    });
    assert_eq!(rest.len(), 6);
    assert!(rest == files(&without));
}

#[test]
fn events_agree_with_the_summary() {
    for name in ["quickstart", "binpack-cpu", "constraints", "start-task"] {
        let folder = temporary();
        let arguments = [
            "run",
            &scenario(name),
            "--events",
            "--no-plots",
            "--out",
            ".",
        ];
        succeed(folder.path(), &arguments);
        let text = fs::read_to_string(folder.path().join("events.jsonl")).expect("events.jsonl");
        let events: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("every line is JSON"))
            .collect();
        let moments: Vec<(String, u64)> = events
            .iter()
            .map(|event| match &event["time"] {
                Value::String(date) => moment(date),
                number => moment(&number.to_string()),
            })
            .collect();
        assert!(moments.is_sorted(), "{name}: time goes back");
        let of = |kind: &'static str| events.iter().filter(move |event| event["event"] == kind);
        let missing = |kind| of(kind).map(|event| number(event, "/missing")).sum::<u64>();
        let summary = summary(folder.path());
        let check = |pointer: &str, counted: u64| {
            let told = number(&summary, &format!("/results/{pointer}"));
            assert_eq!(counted, told, "{name}: {pointer}");
        };
        let started = of("started").count() as u64;
        check("tasks/requested", missing("requested"));
        check("tasks/accepted", of("accepted").count() as u64);
        check("tasks/placed", of("placed").count() as u64);
        check("tasks/started", started);
        check("tasks/running", started - of("stopped").count() as u64);
        check("tasks/stopped", of("stopped").count() as u64);
        check("tasks/givenUp", missing("gaveUp"));
        check("calls/made", of("requested").count() as u64);
        check("calls/refused", of("refused").count() as u64);
        check_lives(name, &events);
    }
}

/// Each task is accepted, placed, started, told to stop, released and stopped, each once and in this
/// order, and ends only when it has come the whole way.
fn check_lives(name: &str, events: &[Value]) {
    const LIFE: [&str; 6] = [
        "accepted", "placed", "started", "stopping", "released", "stopped",
    ];
    let mut lived: BTreeMap<&str, usize> = BTreeMap::new();
    let steps = events.iter().filter(|event| event["event"] != "moved");
    for event in steps {
        let Some(task) = event["taskId"].as_str() else {
            continue;
        };
        let step = lived.entry(task).or_default();
        assert_eq!(
            event["event"].as_str(),
            LIFE.get(*step).copied(),
            "{name}: {task}"
        );
        *step += 1;
    }
    assert!(
        lived.values().any(|steps| *steps == LIFE.len()),
        "{name}: nobody lived to the end"
    );
    let alive = lived.values().filter(|steps| **steps < LIFE.len());
    assert!(
        alive.into_iter().all(|steps| *steps <= 3),
        "{name}: somebody stops and never ends"
    );
}

#[test]
fn tasks_agree_with_the_summary_and_their_times_are_in_order() {
    let folder = temporary();
    let text = fs::read_to_string(scenario("quickstart")).expect("quickstart");
    let text = text.replace("startDate: 2026-01-05\n", "");
    fs::write(folder.path().join("seconds.yaml"), text).expect("a file");
    for path in [
        "seconds.yaml".to_owned(),
        scenario("random"),
        scenario("start-task"),
    ] {
        succeed(folder.path(), &["run", &path, "--no-plots", "--out", "out"]);
        let summary = summary(&folder.path().join("out"));
        let tasks = Sheet::read(&folder.path().join("out/tasks.csv"));
        let statuses: Vec<&str> = tasks.column("lastStatus").collect();
        let with = |status| statuses.iter().filter(|found| **found == status).count() as u64;
        let told = |what| number(&summary, &format!("/results/tasks/{what}"));
        assert_eq!(statuses.len() as u64, told("placed"), "{path}");
        assert_eq!(with("STOPPED"), told("stopped"), "{path}");
        assert_eq!(with("RUNNING"), told("running"), "{path}");
        let ids: BTreeSet<&str> = tasks.column("taskId").collect();
        assert_eq!(
            ids.len(),
            statuses.len(),
            "{path}: a task stands there twice"
        );
        check_times(&path, &tasks);
        check_exits(&tasks, &summary);
    }
}

fn check_times(path: &str, tasks: &Sheet) {
    let columns = [
        "requestedAt",
        "createdAt",
        "placedAt",
        "pullStartedAt",
        "pullStoppedAt",
        "startedAt",
        "stoppingAt",
        "stoppedAt",
    ];
    let columns = columns.map(|column| tasks.micros(column));
    let (started, requested) = (&columns[5], &columns[0]);
    let mut waited = 0;
    for (row, wait) in tasks.micros("wait").into_iter().enumerate() {
        let times: Vec<u64> = columns.iter().filter_map(|column| column[row]).collect();
        assert!(times.is_sorted(), "{path}, row {row}: {times:?}");
        let expected = started[row].zip(requested[row]);
        let expected = expected.map(|(started, requested)| started - requested);
        assert_eq!(wait, expected, "{path}, row {row}");
        waited += u64::from(wait > Some(0));
    }
    assert!(waited > 0, "{path}: nobody waits, so nothing was checked");
}

/// Whoever has stopped, and nobody else, has an exit code and the reason for stopping.
fn check_exits(tasks: &Sheet, summary: &Value) {
    let mut codes: BTreeMap<String, u64> = BTreeMap::new();
    let exits = tasks.column("exitCode").zip(tasks.column("stopCode"));
    for (status, (exit, stop)) in tasks.column("lastStatus").zip(exits) {
        assert_eq!(status == "STOPPED", !exit.is_empty());
        assert_eq!(status == "STOPPED", stop == "EssentialContainerExited");
        if !exit.is_empty() {
            *codes.entry(exit.to_owned()).or_default() += 1;
        }
    }
    let told = &summary["results"]["tasks"]["exitCodes"];
    assert_eq!(&serde_json::json!(codes), told);
}

#[test]
fn tables_have_their_columns_and_add_up() {
    let folder = temporary();
    succeed(
        folder.path(),
        &["run", &scenario("start-task"), "--no-plots", "--out", "."],
    );
    let sheet = |name: &str| Sheet::read(&folder.path().join(name));
    let summary = summary(folder.path());
    let check = |name: &str, columns: &str| assert_eq!(sheet(name).columns.join(" "), columns);
    check(
        "tasks.csv",
        "taskId group taskDefinition cluster workload deployment launchType capacityProvider \
         containerInstance instanceType availabilityZone lastStatus desiredStatus healthStatus \
         requestedAt createdAt placedAt pullStartedAt pullStoppedAt startedAt stoppingAt \
         executionStoppedAt stoppedAt stopCode stoppedReason exitCode containerReason cpu memory gpu gpuIds wait",
    );
    check(
        "failures.csv",
        "time cluster workload request call attempt group taskDefinition missing outcome reason \
         detail instancesConsidered MISSING INACTIVE AGENT ATTRIBUTE LOCATION RESOURCE:CPU \
         RESOURCE:MEMORY RESOURCE:PORTS RESOURCE:ENI RESOURCE:GPU \
         MemberOf placement constraint unsatisfied. \
         DistinctInstance placement constraint unsatisfied. \
         Capacity is unavailable at this time. Please try again later or in a different \
         availability zone ThrottlingException ClientException: too many tasks in PROVISIONING",
    );
    check(
        "instances.csv",
        "containerInstance cluster ec2InstanceId instanceType availabilityZone \
         capacityProvider purchase status launchedAt registeredAt terminatedAt cpu memory gpu eni tasks cpuUtilization memoryUtilization \
         gpuUtilization busy cost",
    );
    check(
        "utilization.csv",
        "time duration cluster instancesUsed instancesStarting instancesActive instancesDraining \
         instancesDisconnected running provisioning pending stopping waiting cpuCapacity cpuReserved \
         cpuStranded memoryCapacity memoryReserved memoryStranded gpuCapacity gpuReserved \
         gpuStranded eniCapacity eniReserved eniStranded",
    );
    let instances = sheet("instances.csv");
    let named: Vec<&str> = instances.column("containerInstance").collect();
    assert_eq!(named, ["node-1", "node-2", "node-3", "leaving", "lost"]);
    let tasks = number(&summary, "/results/tasks/placed");
    assert_eq!(instances.sum("tasks"), tasks);
    let failures = sheet("failures.csv");
    let reasons = &summary["results"]["calls"]["reasons"];
    for (reason, count) in reasons.as_object().expect("reasons") {
        assert_eq!(Some(failures.sum(reason)), count.as_u64(), "{reason}");
    }
    let utilization = sheet("utilization.csv");
    let spans = utilization.micros("duration").into_iter().flatten();
    let end = summary["results"]["end"].to_string();
    assert_eq!(spans.sum::<u64>(), micros(&end));
}

// ---- same bytes -----------------------------------------------------------------------------

#[test]
fn same_seed_gives_same_bytes_wherever_it_runs() {
    let quickstart = scenario("quickstart");
    let run = |seed: &[&str], threads: Option<&str>| {
        let folder = temporary();
        let mut arguments = vec!["run", &quickstart, "--events", "--out", "out"];
        arguments.extend(seed);
        let mut command = command(folder.path(), &arguments);
        if let Some(threads) = threads {
            command.env("RAYON_NUM_THREADS", threads);
        }
        let done = done(command);
        assert_eq!(done.code, Some(0), "{}", done.err);
        (done.out, files(&folder.path().join("out")))
    };
    let (printed, written) = run(&[], None);
    assert_eq!(written.len(), FILES.len() + 1);
    for again in [
        run(&[], Some("1")),
        run(&[], Some("4")),
        run(&["--seed", "7"], None),
    ] {
        assert_eq!(again.0, printed);
        for (name, bytes) in &written {
            assert!(
                again.1.get(name) == Some(bytes),
                "{} differs",
                name.display()
            );
        }
        assert_eq!(again.1.len(), written.len());
    }
    let (other_printed, other) = run(&["--seed", "8"], None);
    assert_ne!(other_printed, printed);
    for name in [
        "tasks.csv",
        "summary.json",
        "events.jsonl",
        "utilization.svg",
    ] {
        assert!(other[Path::new(name)] != written[Path::new(name)], "{name}");
    }
}

#[test]
fn without_a_scenario_the_quickstart_runs() {
    let folder = temporary();
    let printed = succeed(folder.path(), &["run"]);
    let path = scenario("quickstart");
    let same = succeed(folder.path(), &["run", &path, "--out", "results/same"]);
    assert_eq!(same.replace("results/same", "results/quickstart"), printed);
    let mut here = files(&folder.path().join("results/quickstart"));
    let there = files(&folder.path().join("results/same"));
    assert_eq!(here.len(), FILES.len());
    assert!(here == there);
    // A second run replaces the files of the first.
    fs::write(folder.path().join("results/quickstart/tasks.csv"), "old").expect("a file");
    let own = folder
        .path()
        .join("results/quickstart/instances-of-my-own.png");
    fs::write(&own, "mine").expect("a file");
    succeed(folder.path(), &["run", "--no-plots"]);
    assert_eq!(fs::read(&own).expect("the user's file"), b"mine");
    fs::remove_file(&own).expect("the user's file");
    here = files(&folder.path().join("results/quickstart"));
    let picture = |name: &Path| {
        name.extension()
            .is_some_and(|end| end == "svg" || end == "png" || end == "html")
    };
    let mut tables = there;
    tables.retain(|name, _| !picture(name));
    // What the first run drew and this one did not is gone: it would show another run.
    assert!(here == tables);
}

// ---- validate, schema, query ----------------------------------------------------------------

#[test]
fn validate_tells_of_every_file() {
    let folder = temporary();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect(name);
    write(
        "good.yaml",
        "name: good\nclusters: [{containerInstances: [{count: 3, instanceType: m5.large}]}]\n",
    );
    write("bad.yaml", "name: bad\nclusters: 3\nsead: 3\n");
    write("worse.yaml", "name: worse\nclusters: [{}]\nhorizon: 5\n");
    let good = "good.yaml: no problems; 1 cluster, 3 container instances, 0 workloads\n";
    assert_eq!(succeed(folder.path(), &["validate", "good.yaml"]), good);
    let done = stowplan(
        folder.path(),
        &["validate", "worse.yaml", "good.yaml", "bad.yaml"],
    );
    assert_eq!((done.code, done.out.as_str()), (Some(2), good));
    let errors: Vec<&str> = done
        .err
        .lines()
        .filter(|l| l.starts_with("error: "))
        .collect();
    let files = ["bad.yaml:2:", "bad.yaml:3:", "worse.yaml:3:"];
    assert_eq!(errors.len(), files.len(), "{}", done.err);
    for (error, file) in errors.iter().zip(files) {
        assert!(error.starts_with(&format!("error: {file}")), "{error}");
    }
    assert!(done.err.contains("did you mean \"seed\"?"), "{}", done.err);
    let paths: Vec<String> = scenario_names().iter().map(|name| scenario(name)).collect();
    let mut arguments = vec!["validate"];
    arguments.extend(paths.iter().map(String::as_str));
    let out = succeed(folder.path(), &arguments);
    assert_eq!(out.lines().count(), paths.len());
}

#[test]
fn schema_describes_every_key() {
    let folder = temporary();
    let schema: Value = serde_json::from_str(&succeed(folder.path(), &["schema"])).expect("JSON");
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let keys = schema["properties"].as_object().expect("properties").keys();
    let keys: Vec<&str> = keys.map(String::as_str).collect();
    let expected = [
        "name",
        "description",
        "seed",
        "startDate",
        "horizon",
        "warmUp",
        "instanceTypes",
        "subnets",
        "clusters",
        "batch",
        "taskDefinitions",
        "workloads",
        "services",
        "actions",
        "faults",
        "fargate",
        "assumptions",
    ];
    assert_eq!(keys, expected);
    assert_eq!(schema["required"], serde_json::json!(["name"]));
    let mut described = 0;
    check_schema(&schema, &schema, "", &mut described);
    assert!(described > 150, "{described} keys only");
}

/// Every key has a description, every reference leads somewhere, every mapping is closed.
fn check_schema(root: &Value, node: &Value, path: &str, described: &mut usize) {
    if let Some(target) = node["$ref"].as_str() {
        let pointer = target.strip_prefix('#').expect("a reference within");
        assert!(root.pointer(pointer).is_some(), "{path}: {target}");
    }
    if node["type"] == "object" {
        let closed = node.get("additionalProperties").is_some();
        assert!(closed, "{path}: takes any key");
    }
    for (key, property) in node["properties"].as_object().into_iter().flatten() {
        // A key that tells the variants of an enum apart is described by its variant.
        let alone = node["properties"].as_object().map(serde_json::Map::len) == Some(1);
        let tells_apart = alone || property.get("const").is_some();
        let told = tells_apart && node.get("description").is_some();
        let told = told || property.get("description").is_some();
        assert!(told, "{path}.{key}: no description");
        *described += 1;
    }
    let parts: Vec<(String, &Value)> = match node {
        Value::Object(keys) => keys.iter().map(|(key, part)| (key.clone(), part)).collect(),
        Value::Array(items) => items.iter().map(|part| ("[]".to_owned(), part)).collect(),
        _ => Vec::new(),
    };
    for (key, part) in parts {
        check_schema(root, part, &format!("{path}/{key}"), described);
    }
}

#[test]
fn query_tells_who_matches_and_why_others_do_not() {
    let folder = temporary();
    let constraints = scenario("constraints");
    let query = |expression: &str| succeed(folder.path(), &["query", expression, &constraints]);
    assert_eq!(
        query(
            "attribute:stack == prod and \
             (attribute:ssd exists or attribute:ecs.instance-type =~ r5.*)"
        ),
        "\
3 of 8 instances match
  disk-1
  disk-2
  memory
the others do not:
  prod-1: attribute:ssd exists: attribute:ssd is absent; \
   attribute:ecs.instance-type =~ r5.*: attribute:ecs.instance-type is \"m5.xlarge\"
  prod-2: attribute:ssd exists: attribute:ssd is absent; \
   attribute:ecs.instance-type =~ r5.*: attribute:ecs.instance-type is \"m5.xlarge\"
  prod-3: attribute:ssd exists: attribute:ssd is absent; \
   attribute:ecs.instance-type =~ r5.*: attribute:ecs.instance-type is \"m5.xlarge\"
  lab-1: attribute:stack == prod: attribute:stack is \"lab\"
  lab-2: attribute:stack == prod: attribute:stack is \"lab\"
"
    );
    assert_eq!(
        query("runningTasksCount > 0 or ec2InstanceId =~ 'x.*'")
            .lines()
            .take(3)
            .collect::<Vec<_>>(),
        [
            "0 of 8 instances match",
            "the others do not:",
            "  prod-1: runningTasksCount > 0: runningTasksCount is 0; \
             ec2InstanceId =~ 'x.*': ec2InstanceId is \"i-00000000000000001\"",
        ]
    );
    assert_eq!(
        query("not (task:group == databases)"),
        "\
8 of 8 instances match
  prod-1
  prod-2
  prod-3
  disk-1
  disk-2
  memory
  lab-1
  lab-2
"
    );
}

#[test]
fn broken_query_is_marked_with_a_caret() {
    let folder = temporary();
    let check = |arguments: &[&str], message: &str| {
        let done = stowplan(folder.path(), arguments);
        assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
        assert_eq!(done.err, message);
    };
    let constraints = scenario("constraints");
    check(
        &["query", "attribute:stack = prod", &constraints],
        "\
error: not an expression of the cluster query language
attribute:stack = prod
                ^ expected an operator: ==, !=, <, <=, >, >=, =~, !~, in, !in, exists, !exists; did you mean ==?
",
    );
    check(
        &[
            "query",
            "agentConnected == true",
            &constraints,
            "--cluster",
            "other",
        ],
        &format!("error: {constraints}: no cluster named \"other\"\n  help: clusters: default\n"),
    );
}

// ---- manners --------------------------------------------------------------------------------

#[test]
fn closed_pipe_is_success() {
    let folder = temporary();
    let start_task = scenario("start-task");
    for arguments in [
        &["run", &start_task, "--no-plots"][..],
        &["run", &start_task, "--no-plots", "--json"],
        &["validate", &start_task],
        &["schema"],
        &["query", "agentConnected == true", &start_task],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = command(folder.path(), arguments);
        command.stdout(writer).stderr(Stdio::piped());
        let done = done(command);
        assert_eq!(done.code, Some(0), "{arguments:?}: {}", done.err);
        assert_eq!(done.err, "", "{arguments:?}");
    }
    assert_eq!(names(&folder.path().join("results/start-task")).len(), 6);
}

#[test]
fn no_escape_codes_without_a_terminal() {
    let folder = temporary();
    fs::write(folder.path().join("bad.yaml"), "name: bad\n").expect("a file");
    let start_task = scenario("start-task");
    for arguments in [
        &["run", &start_task, "--no-plots"][..],
        &["validate", "bad.yaml"],
        &["run", "--frobnicate"],
        &["--help"],
    ] {
        for no_color in [None, Some(""), Some("1")] {
            let mut command = command(folder.path(), arguments);
            command.envs(no_color.map(|value| ("NO_COLOR", value)));
            let done = done(command);
            let text = done.out + &done.err;
            assert!(!text.is_empty(), "{arguments:?}");
            assert!(!text.contains('\x1b'), "{arguments:?}: {text}");
        }
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let folder = temporary();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["run", "--frobnicate"],
        &["run", "--seed", "-1"],
        &["run", "a.yaml", "b.yaml"],
        &["validate"],
        &["query", "agentConnected == true"],
        &["run", "no-such-file.yaml"],
        &["validate", "no-such-file.yaml"],
    ] {
        let done = stowplan(folder.path(), arguments);
        assert_eq!(
            (done.code, done.out.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(!done.err.is_empty(), "{arguments:?}");
    }
    assert!(names(folder.path()).is_empty(), "something was written");
    let version = format!("stowplan {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(succeed(folder.path(), &["--version"]), version);
}
