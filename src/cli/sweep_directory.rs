//! The directory of a sweep: who may write into it, the journal, and what is written at the end.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Failure;
use super::alternatives::default_assumptions;
use crate::experiment::Run;
use crate::experiment::journal::Journal;
use crate::experiment::sweep::Shard;
use crate::report::directory::Directory;
use crate::report::sweep::{SweepHead, SweepReport};

/// More runs than these are refused: a grid that large is a slip.
pub const MOST_RUNS: u64 = 10_000_000;

/// The first line of a journal.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalHead {
    /// Which runs stand here, such as `2/7`; `1/1` is all of them.
    pub shard: String,
    /// What they belong to.
    pub sweep: SweepHead,
}

/// The second line of a journal.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Found {
    /// From when on statistics count, in words.
    pub statistics_from: String,
    /// The same as a moment in microseconds.
    pub warm_up_micros: u64,
}

/// A line of a journal.
pub fn json_line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A journal that has been understood.
#[derive(Debug)]
pub struct SweepJournal {
    /// Which part of what sweep.
    pub head: JournalHead,
    /// What was found out before the first run.
    pub found: Found,
    /// All of it.
    pub journal: Journal,
}

impl SweepJournal {
    /// Reads a journal; absent when there is none.
    ///
    /// # Errors
    /// When it cannot be read or understood, in words, without the name of the file.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let Some(journal) = Journal::read(path)? else {
            return Ok(None);
        };
        let strange = |_| "is no journal of a sweep, or of another version of stowplan".to_owned();
        let head: JournalHead = serde_json::from_str(&journal.head).map_err(strange)?;
        let found: Found = serde_json::from_str(&journal.found).map_err(strange)?;
        let (runs, metrics) = (head.sweep.runs(), head.sweep.metrics.len());
        let fits = |(number, run): &(u64, Run)| *number < runs && run.values.len() == metrics;
        if runs > MOST_RUNS {
            return Err(format!("is of more than {MOST_RUNS} runs"));
        }
        match journal.runs.iter().position(|run| !fits(run)) {
            Some(place) => Err(format!("is damaged in line {}", place + 3)),
            None => Ok(Some(SweepJournal {
                head,
                found,
                journal,
            })),
        }
    }
}

/// A directory that nobody else writes this part of a sweep into.
pub struct SweepDirectory {
    path: PathBuf,
    shard: Shard,
    /// Held until the process ends, however it ends.
    _lock: File,
}

impl SweepDirectory {
    /// Makes the directory if it is not there, and locks this part of it.
    pub fn lock(path: &Path, shard: Shard) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let remedy = "choose another directory with --out";
            Failure::Input(format!(
                "error: {}: cannot write here: {error}\n  help: {remedy}",
                path.display()
            ))
        };
        fs::create_dir_all(path).map_err(failed)?;
        let name = path.join(format!(".{}.lock", stem(shard)));
        let mut options = File::options();
        let lock = options.create(true).append(true).open(name);
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(SweepDirectory {
                path: path.to_owned(),
                shard,
                _lock: lock,
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
            Err(TryLockError::WouldBlock) => Err(Failure::Input(format!(
                "error: {}: another process is writing the same sweep here\n  help: wait until it is done, or choose \
                 another directory with --out",
                path.display()
            ))),
        }
    }

    /// Where the journal stands.
    pub fn journal_path(&self) -> PathBuf {
        journal_path(&self.path, self.shard)
    }

    /// The journal of an earlier start; absent when there is none.
    ///
    /// # Errors
    /// When there is one of another sweep, or one that cannot be read.
    pub fn journal(&self, head: &JournalHead) -> Result<Option<SweepJournal>, Failure> {
        let path = self.journal_path();
        let refused = |message: String| {
            Failure::Input(format!(
                "error: {}: {message}\n  help: --fresh throws it away and starts anew; another --out keeps it",
                path.display()
            ))
        };
        let Some(earlier) = SweepJournal::read(&path).map_err(refused)? else {
            return Ok(None);
        };
        match earlier.journal.head == json_line(head) {
            true => Ok(Some(earlier)),
            false => Err(refused(format!(
                "is of another sweep: {} changed",
                earlier.head.sweep.differences(&head.sweep).join(", ")
            ))),
        }
    }

    /// Throws away the journal of an earlier start, and the results that were made of it.
    pub fn forget(&self) -> Result<(), Failure> {
        let results = ["runs.csv", "summary.csv", "experiment.json", "report.html"];
        let results = results.map(|name| self.path.join(name));
        let whole = self.shard == Shard::WHOLE;
        let results = results.into_iter().filter(|_| whole);
        for path in results.chain([self.journal_path()]) {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.failed(&error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a whole journal in the place of an earlier one.
    pub fn write_journal(&self, journal: &Journal) -> Result<(), Failure> {
        let mut directory = Directory::alone(&self.path);
        directory
            .open(&journal_name(self.shard))
            .and_then(|file| journal.write(file))
            .and_then(|()| directory.publish_among_others())
            .map_err(|error| self.failed(&error))?;
        Ok(())
    }

    /// Writes the results of all runs, which the journal holds in order; the journal comes last.
    /// Gives what the terminal shows.
    pub fn publish(&self, whole: &SweepJournal) -> Result<String, Failure> {
        let runs = whole.journal.runs.iter();
        let runs: Vec<Run> = runs.map(|(_, run)| run.clone()).collect();
        let head = &whole.head.sweep;
        let report = SweepReport::new(head, &whole.found.statistics_from, &runs);
        self.write(&report, &whole.journal)
            .map_err(|error| self.failed(&error))?;
        let blocks: Vec<String> = report.blocks().iter().map(|it| it.text()).collect();
        Ok(format!(
            "stowplan {}: sweep {}, scenario {}, seed {}\n\n{}\n\nresults in {}",
            head.stowplan,
            head.name,
            head.scenario,
            head.seed,
            blocks.join("\n\n"),
            self.path.display()
        ))
    }

    fn write(&self, report: &SweepReport<'_>, journal: &Journal) -> io::Result<()> {
        let mut directory = Directory::alone(&self.path);
        report.runs(directory.open("runs.csv")?)?;
        report.summary(directory.open("summary.csv")?)?;
        directory.write("experiment.json", report.json().as_bytes())?;
        directory.write(
            "report.html",
            report.page(&default_assumptions()).html().as_bytes(),
        )?;
        journal.write(directory.open(&journal_name(self.shard))?)?;
        directory.publish_among_others()?;
        Ok(())
    }

    /// What is told when the directory cannot be written.
    pub fn failed(&self, error: &io::Error) -> Failure {
        Failure::Other(format!("{}: {error}", self.path.display()))
    }
}

/// Where the journal of a part of a sweep stands.
pub fn journal_path(folder: &Path, shard: Shard) -> PathBuf {
    folder.join(journal_name(shard))
}

fn journal_name(shard: Shard) -> String {
    format!("{}.journal", stem(shard))
}

fn stem(shard: Shard) -> String {
    match shard {
        Shard::WHOLE => "sweep".to_owned(),
        shard => format!("shard-{}-of-{}", shard.number(), shard.of()),
    }
}
