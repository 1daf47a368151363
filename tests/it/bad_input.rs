//! Bad input: what the user is told, to the letter.
//!
//! The text files beside this one hold the cases. A case is written as a patch of `base.yaml` (those
//! of AWS Batch: of `batch.yaml`), which is sound:
//!
//! ```text
//! ## what is wrong
//! - a line of base.yaml
//! + what stands there instead
//! > a file beside the scenario
//! | a line of that file
//! error: what the user is told
//! ```
//!
//! What is accepted is run, and what is told is how the run ends.
//! Lines that stand together in `base.yaml` may be replaced together; a case that replaces none is
//! a whole scenario. `UPDATE_GOLDEN=1` writes what is told today into the files; read the
//! difference before it is kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::sample::Index;
use stowplan::cli::QUICKSTART;
use stowplan::engine::{self, Outcome, Plan};
use stowplan::metrics::Metrics;
use stowplan::scenario;
use stowplan::time::{SimDuration, SimTime};
use stowplan::workload::{Arrivals, OnFailure};
use tempfile::TempDir;

const BASE: &str = include_str!("bad_input/base.yaml");

/// The same for AWS Batch.
const BATCH: &str = include_str!("bad_input/batch.yaml");

/// A sound scenario with one of each key that has to do with capacity, services and actions.
const EVERYTHING: &str = include_str!("bad_input/everything.yaml");

/// A case of a file: what is wrong, and the lines that make it so.
struct Case<'a> {
    base: &'static str,
    input: Vec<&'a str>,
}

impl<'a> Case<'a> {
    fn parse(base: &'static str, text: &'a str) -> Self {
        let mut lines = text.lines();
        let title = lines.next().expect("a case has a title");
        let input = lines.filter(|line| line.starts_with(['-', '+', '>', '|']));
        Case {
            base,
            input: [title].into_iter().chain(input).collect(),
        }
    }

    /// The lines of the input that start with `sign`, without it.
    fn lines(&self, sign: &str) -> impl Iterator<Item = &'a str> {
        self.input.iter().filter_map(move |line| marked(line, sign))
    }

    /// The scenario that the case describes.
    fn scenario(&self) -> String {
        if self.lines("-").next().is_none() {
            return self.lines("+").map(|line| format!("{line}\n")).collect();
        }
        let mut text = self.base.to_owned();
        let mut changes = self.input.iter().peekable();
        while changes.peek().is_some() {
            let mut take = |sign: &str| {
                let mut lines = String::new();
                while let Some(line) = changes.peek().and_then(|line| marked(line, sign)) {
                    lines.push_str(&format!("{line}\n"));
                    changes.next();
                }
                lines
            };
            let (old, new) = (take("-"), take("+"));
            if old.is_empty() {
                assert!(new.is_empty(), "{}: lines are added nowhere", self.input[0]);
                changes.next();
                continue;
            }
            assert_eq!(text.matches(&old).count(), 1, "{}: {old}", self.input[0]);
            text = text.replace(&old, &new);
        }
        text
    }

    /// Writes the files that the scenario names.
    fn write_files(&self, folder: &Path) {
        let mut path = folder.to_owned();
        let mut text = String::new();
        for line in &self.input {
            if let Some(name) = marked(line, ">") {
                path = folder.join(name);
                text.clear();
            } else if let Some(line) = marked(line, "|") {
                text.push_str(&format!("{line}\n"));
            } else {
                continue;
            }
            fs::write(&path, &text).expect("the folder can be written to");
        }
    }

    /// What the user is told today: what is wrong, or else how the run ends.
    fn tell(&self) -> String {
        let folder = TempDir::new().expect("a temporary folder");
        self.write_files(folder.path());
        match scenario::load_text("base.yaml", &self.scenario(), folder.path()) {
            Ok(loaded) => {
                let outcome = run(loaded.plan);
                let (live, waiting) = (outcome.live.len(), outcome.waiting.len());
                format!("in the end {live} tasks live and {waiting} calls wait")
            }
            Err(problems) => {
                let here = format!("{}/", folder.path().display());
                problems.to_string().replace(&here, "")
            }
        }
    }
}

/// Runs a loaded scenario and has its books checked.
fn run(mut plan: Plan) -> Outcome {
    plan.warm_up = SimTime::ZERO;
    let mut metrics = Metrics::new();
    let outcome = engine::run(plan, &mut metrics);
    let checks = metrics.results(&outcome).checks;
    assert!(checks.littles_law && checks.utilization_law);
    outcome
}

/// A line without its sign and the space after it, when it has that sign.
fn marked<'a>(line: &'a str, sign: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(sign)?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

fn path_of(file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bad_input");
    folder.join(file)
}

/// Compares what the cases of a file are told with what the file says.
fn check(file: &str) {
    check_from(BASE, file);
}

/// The same for cases that are patches of another scenario.
fn check_from(base: &'static str, file: &str) {
    let path = path_of(file);
    let text = fs::read_to_string(&path).expect("the file of cases is there");
    let mut parts = text.split("\n## ");
    let mut told = parts.next().expect("a preface").to_owned();
    for case in parts.map(|text| Case::parse(base, text)) {
        let input = case.input.join("\n");
        told.push_str(&format!("\n## {input}\n{}\n", case.tell()));
    }
    compare(&path, &text, &told);
}

/// Compares a file with what it should say today, case by case.
fn compare(path: &Path, text: &str, today: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, today).expect("the file can be written");
        return;
    }
    for (expected, found) in text.split("\n\n").zip(today.split("\n\n")) {
        assert_eq!(found, expected, "{}", path.display());
    }
    assert_eq!(today, text, "{}", path.display());
}

#[test]
fn the_base_is_sound() {
    for text in [BASE, BATCH, EVERYTHING] {
        assert!(scenario::load_text("base.yaml", text, Path::new("")).is_ok());
    }
}

#[test]
fn documents() {
    check("document.txt");
}

#[test]
fn scenarios() {
    check("scenario.txt");
}

#[test]
fn requests() {
    check("requests.txt");
}

#[test]
fn workloads() {
    check("workloads.txt");
}

#[test]
fn containers() {
    check("containers.txt");
}

#[test]
fn capacity() {
    check("capacity.txt");
}

#[test]
fn services() {
    check("services.txt");
}

#[test]
fn actions() {
    check("actions.txt");
}

#[test]
fn batch() {
    check_from(BATCH, "batch.txt");
}

#[test]
fn files() {
    check("files.txt");
}

#[test]
fn extremes() {
    check("extremes.txt");
}

/// A folder with the files that the commands are given.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let with = |old: &str, new: &str| BASE.replace(old, new).into_bytes();
    let (every, duration) = (
        "{process: every, interval: 10m}",
        "{distribution: constant, value: 5m}",
    );
    let trace = "{process: trace, file: cut.csv.gz}";
    let spans = "{distribution: empirical, file: cut.csv.gz, column: duration}";
    let files = [
        ("base.yaml", BASE.into()),
        ("empty.yaml", Vec::new()),
        (
            "latin.yaml",
            b"name: base\ndescription: gr\xf6\xdfer\n".to_vec(),
        ),
        ("tab.yaml", with("    runTask", "\trunTask")),
        ("deep.yaml", vec![b'['; 1_000_000]),
        ("large.yaml", vec![b'['; 100_000_000]),
        ("key.yaml", with("horizon", "horizont")),
        ("unit.yaml", with("10m", "10")),
        (
            "limit.yaml",
            with("taskDefinition: web", "taskDefinition: web, count: 11"),
        ),
        (
            "reference.yaml",
            with("{taskDefinition: web}", "{taskDefinition: wbe}"),
        ),
        ("trace.yaml", with(every, trace)),
        ("spans.yaml", with(duration, spans)),
        (
            "types.yaml",
            with("clusters:", "instanceTypes: latin.yaml\nclusters:"),
        ),
        ("cut.csv.gz", cut_off()),
        ("kept/tasks.csv", b"of the last run".to_vec()),
    ];
    fs::create_dir(folder.path().join("kept")).expect("the folder can be written to");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("the folder can be written to");
    }
    folder
}

/// The first half of a packed trace.
fn cut_off() -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    writeln!(packer, "time,duration").expect("memory takes it");
    for row in 0..2000 {
        writeln!(packer, "{row},{}", row * 7919 % 1000).expect("memory takes it");
    }
    let mut packed = packer.finish().expect("memory takes it");
    packed.truncate(packed.len() / 2);
    packed
}

/// Every file in and below a folder with its size.
fn files_in(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        let about = fs::metadata(&path).expect("it is there");
        if about.is_dir() {
            files.append(&mut files_in(&path));
        }
        files.insert(path, about.len());
    }
    files
}

/// Bad input is told on stderr, with exit code 2 and nothing on stdout, and leaves nothing behind.
#[test]
fn commands() {
    let path = path_of("commands.txt");
    let text = fs::read_to_string(&path).expect("the file of commands is there");
    let folder = folder();
    let before = files_in(folder.path());
    let mut parts = text.split("\n$ ");
    let mut told = parts.next().expect("a preface").to_owned();
    for command in parts.filter_map(|part| part.lines().next()) {
        let output = Command::new(env!("CARGO_BIN_EXE_stowplan"))
            .args(command.split(' '))
            .current_dir(folder.path())
            .output()
            .expect("the command can be started");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{command}");
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert_eq!(files_in(folder.path()), before, "{command}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        told.push_str(&format!("\n$ {command}\n{stderr}"));
    }
    compare(&path, &text, &told);
}

/// A change to one of many parts, or to two of them.
#[derive(Clone, Debug)]
struct Change {
    kind: u8,
    first: Index,
    second: Index,
}

impl Change {
    /// Drops, doubles or swaps parts, or puts `other` in place of one.
    fn apply<T: Clone>(&self, parts: &mut Vec<T>, other: T) {
        if parts.is_empty() {
            return;
        }
        let first = self.first.index(parts.len());
        let second = self.second.index(parts.len());
        match self.kind {
            0 => drop(parts.remove(first)),
            1 => parts.insert(second, parts[first].clone()),
            2 => parts.swap(first, second),
            _ => parts[first] = other,
        }
    }
}

/// A scenario with a few lines, bytes of its lines, or digits changed.
fn garbled(text: &'static str) -> impl Strategy<Value = String> {
    let change = || {
        (0..4u8, any::<Index>(), any::<Index>()).prop_map(|(kind, first, second)| Change {
            kind,
            first,
            second,
        })
    };
    let known = b"0123456789 -:#{}[],&*!|>'\"%@`\\/.ehsmu".to_vec();
    let byte = prop_oneof![3 => prop::sample::select(known), 1 => any::<u8>()];
    let in_line = (any::<Index>(), change(), byte);
    let lines = prop::collection::vec(change(), 0..2);
    let in_lines = prop::collection::vec(in_line, 0..2);
    let digits = prop::collection::vec((any::<Index>(), "[0-9]{0,2}"), 0..4);
    (lines, in_lines, digits).prop_map(|(lines, in_lines, digits)| {
        let written = text.lines().filter(|line| !line.starts_with('#'));
        let mut text: Vec<Vec<u8>> = written.map(|line| format!("{line}\n").into()).collect();
        for change in &lines {
            change.apply(&mut text, b"\n".to_vec());
        }
        for (line, change, byte) in &in_lines {
            let line = line.index(text.len());
            change.apply(&mut text[line], *byte);
        }
        let mut text = String::from_utf8_lossy(&text.concat()).into_owned();
        for (place, digits) in &digits {
            let places: Vec<usize> = text
                .match_indices(|letter: char| letter.is_ascii_digit())
                .map(|(at, _)| at)
                .collect();
            let at = places[place.index(places.len())];
            text.replace_range(at..=at, digits);
        }
        text
    })
}

/// A plan cut down so that it makes few calls; nothing when it has too many instances, or asks
/// again too often.
fn small(mut plan: Plan) -> Option<Plan> {
    let instances = plan
        .world
        .clusters
        .items()
        .iter()
        .map(|cluster| cluster.instances().len());
    let mut calls_per_sec = 0.0;
    for workload in plan.workloads.items() {
        if let Arrivals::Process(process) = &workload.arrivals {
            calls_per_sec += process.mean_rate().unwrap_or(0.0);
        }
        if matches!(workload.on_failure, OnFailure::Retry { first, .. } if first.secs() < 1.0) {
            return None;
        }
    }
    let span = SimDuration::from_secs_f64((500.0 / calls_per_sec).min(4.0 * 3600.0));
    plan.horizon = Some(SimTime::ZERO + span);
    (instances.sum::<usize>() < 1000).then_some(plan)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbled_scenarios_never_panic(text in prop_oneof![garbled(QUICKSTART), garbled(EVERYTHING)]) {
        if let Err(problems) = scenario::load_text("quickstart.yaml", &text, Path::new("")) {
            prop_assert!(!problems.as_slice().is_empty());
        }
    }

    #[test]
    fn garbled_scenarios_that_load_run(text in garbled(QUICKSTART)) {
        let loaded = scenario::load_text("quickstart.yaml", &text, Path::new(""));
        if let Some(plan) = loaded.ok().and_then(|loaded| small(loaded.plan)) {
            run(plan);
        }
    }
}
