//! `stowplan merge`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::alternatives::default_folder;
use super::sweep_directory::{JournalHead, SweepDirectory, SweepJournal, json_line};
use super::{Failure, print};
use crate::experiment::Run;
use crate::experiment::journal::Journal;
use crate::experiment::sweep::Shard;

/// Put the shards of a sweep together: the same files as if it had been run in one piece
#[derive(Args)]
pub struct Merge {
    /// Journals of shards, or directories that hold them
    #[arg(required = true, value_name = "DIR|FILE")]
    shards: Vec<PathBuf>,
    /// Directory for the results [default: results/<name of the experiment>-sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// At most so many runs that are missing are named.
const MOST_NAMED: usize = 10;

impl Merge {
    /// Reads all shards, checks that they are one sweep, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let input = |message: String| Failure::Input(message);
        let shards = read_all(&self.shards).map_err(input)?;
        let whole = put_together(shards).map_err(input)?;
        let path = self
            .out
            .unwrap_or_else(|| default_folder(&whole.head.sweep.name, "sweep"));
        let directory = SweepDirectory::lock(&path, Shard::WHOLE)?;
        if let Err(Failure::Input(message)) = directory.journal(&whole.head) {
            // There is no --fresh here: what would be lost is not looked at.
            let message = message.lines().next().unwrap_or_default();
            return Err(Failure::Input(format!(
                "{message}\n  help: choose another directory with --out"
            )));
        }
        print(&directory.publish(&whole)?)
    }
}

/// Every journal, with the file it stands in; or all that is wrong with any of them.
fn read_all(paths: &[PathBuf]) -> Result<Vec<(PathBuf, SweepJournal)>, String> {
    let (mut shards, mut found) = (Vec::new(), Vec::new());
    for path in paths {
        let files = match journals(path) {
            Ok(files) => files,
            Err(message) => {
                found.push(message);
                continue;
            }
        };
        for file in files {
            match SweepJournal::read(&file) {
                Ok(Some(journal)) => shards.push((file, journal)),
                Ok(None) => found.push(format!("error: {}: there is no such file", file.display())),
                Err(message) => found.push(format!("error: {}: {message}", file.display())),
            }
        }
    }
    match found.is_empty() {
        true => Ok(shards),
        false => Err(found.join("\n")),
    }
}

/// The journals of a directory in the order of their names; or the one file.
fn journals(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let shown = path.display();
    let told = |error: std::io::Error| format!("error: {shown}: {error}");
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(told)? {
        let file = entry.map_err(told)?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".journal") && !name.starts_with('.') {
            files.push(file);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(format!(
            "error: {shown}: there is no journal of a sweep here\n  help: name the directories that the shards \
             wrote into"
        )),
        false => Ok(files),
    }
}

/// The sweep that the shards are parts of, with all its runs in order.
fn put_together(shards: Vec<(PathBuf, SweepJournal)>) -> Result<SweepJournal, String> {
    let mut shards = shards.into_iter();
    let Some((first_file, first)) = shards.next() else {
        return Err("error: there are no shards".to_owned());
    };
    let mut found = Vec::new();
    let mut runs: Vec<Option<Run>> = vec![None; first.head.sweep.runs() as usize];
    let mut parts = vec![first.head.shard.clone()];
    let differs = |file: &Path, one: &SweepJournal| {
        let what = first.head.sweep.differences(&one.head.sweep).join(", ");
        let (shown, other) = (file.display(), first_file.display());
        match (what.is_empty(), one.found == first.found) {
            (true, true) => None,
            (true, false) => Some(format!(
                "error: {shown}: is not of the same sweep as {other}: another warm-up was found"
            )),
            (false, _) => Some(format!(
                "error: {shown}: is not of the same sweep as {other}: {what} changed"
            )),
        }
    };
    let others: Vec<(PathBuf, SweepJournal)> = shards.collect();
    let ours = std::iter::once((&first_file, &first));
    for (file, shard) in ours.chain(others.iter().map(|(file, shard)| (file, shard))) {
        if let Some(message) = differs(file, shard) {
            found.push(message);
            continue;
        }
        parts.push(shard.head.shard.clone());
        for (number, run) in &shard.journal.runs {
            let place = &mut runs[*number as usize];
            if place.as_ref().is_some_and(|known| known != run) {
                let shown = file.display();
                found.push(format!(
                    "error: {shown}: run {number} came out otherwise in another shard"
                ));
            }
            *place = Some(run.clone());
        }
    }
    found.extend(missing(&runs, &parts));
    if !found.is_empty() {
        return Err(found.join("\n"));
    }
    let head = JournalHead {
        shard: Shard::WHOLE.to_string(),
        sweep: first.head.sweep,
    };
    let runs = (0..).zip(runs.into_iter().flatten()).collect();
    Ok(SweepJournal {
        journal: Journal::new(json_line(&head), json_line(&first.found), runs),
        head,
        found: first.found,
    })
}

/// Which runs no shard has, and whose they are.
fn missing(runs: &[Option<Run>], parts: &[String]) -> Option<String> {
    let missing = runs.iter().zip(0_u64..).filter(|(run, _)| run.is_none());
    let missing: Vec<u64> = missing.map(|(_, number)| number).collect();
    if missing.is_empty() {
        return None;
    }
    let named: Vec<String> = missing
        .iter()
        .take(MOST_NAMED)
        .map(u64::to_string)
        .collect();
    let more = match missing.len() > MOST_NAMED {
        true => ", …",
        false => "",
    };
    // Shards of different sizes have no numbers in common.
    let of = parts.iter().filter_map(|part| part.parse::<Shard>().ok());
    let help = match of.map(Shard::of).max() {
        Some(of) if of > 1 => {
            let shards = (1..=of).filter(|number| {
                let first = u64::from(*number) - 1;
                missing.iter().any(|run| run % u64::from(of) == first)
            });
            let shards: Vec<String> = shards
                .take(MOST_NAMED)
                .map(|number| format!("{number}/{of}"))
                .collect();
            format!("run or finish the shards {}", shards.join(", "))
        }
        _ => "start the sweep again, it goes on".to_owned(),
    };
    Some(format!(
        "error: {} of {} runs are missing: {}{more}\n  help: {help}",
        missing.len(),
        runs.len(),
        named.join(", ")
    ))
}
