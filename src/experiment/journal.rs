//! The runs that have been made, a line each, written as soon as a run has ended: whoever is stopped
//! goes on from here.
//!
//! Two lines head a journal. The first says what the runs belong to; whoever goes on must hold the
//! same. The second is what was found out before the first run. A line is whole when its end of line
//! is there: what follows the last one was being written when the process died, and is dropped.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Run;

/// What stands in a journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// What the runs belong to.
    pub head: String,
    /// What was found out before the first run.
    pub found: String,
    /// Runs with their numbers, in the order in which they ended.
    pub runs: Vec<(u64, Run)>,
    /// Bytes up to the end of the last whole line.
    whole: u64,
}

impl Journal {
    /// Of runs.
    pub fn new(head: String, found: String, runs: Vec<(u64, Run)>) -> Self {
        Journal {
            head,
            found,
            runs,
            whole: 0,
        }
    }

    /// Reads a journal; absent when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read or is no journal, in words, without the name of the file.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let mut text = Vec::new();
        match File::open(path).and_then(|mut file| file.read_to_end(&mut text)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
            Ok(_) => {}
        }
        let end = text.iter().rposition(|byte| *byte == b'\n');
        text.truncate(end.map_or(0, |end| end + 1));
        let whole = text.len() as u64;
        let text = String::from_utf8(text).map_err(|_| damaged(1))?;
        let mut lines = text.lines();
        // Both are objects in JSON.
        let mut heading = || lines.next().filter(|line| line.starts_with('{'));
        let (Some(head), Some(found)) = (heading(), heading()) else {
            return Err("is no journal of a sweep".to_owned());
        };
        let runs = lines.zip(3..).map(|(line, number)| {
            let run = parse(line);
            run.ok_or_else(|| damaged(number))
        });
        let runs: Vec<(u64, Run)> = runs.collect::<Result<_, _>>()?;
        let width = runs.first().map_or(0, |(_, run)| run.values.len());
        if let Some(wrong) = runs.iter().position(|(_, run)| run.values.len() != width) {
            return Err(damaged(wrong + 3));
        }
        Ok(Some(Journal {
            head: head.to_owned(),
            found: found.to_owned(),
            runs,
            whole,
        }))
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        writeln!(out, "{}", self.head)?;
        writeln!(out, "{}", self.found)?;
        for (number, run) in &self.runs {
            out.write_all(line(*number, run).as_bytes())?;
        }
        out.flush()
    }

    /// Opens the file that this was read from, to go on after its last whole line.
    ///
    /// # Errors
    /// When it cannot be opened or cut.
    pub fn go_on(&self, path: &Path) -> io::Result<Appender> {
        let file = OpenOptions::new().append(true).open(path)?;
        file.set_len(self.whole)?;
        Ok(Appender(Mutex::new(Some(file))))
    }
}

fn damaged(line: usize) -> String {
    format!("is damaged in line {line}")
}

/// The end of a journal, where runs are added from several threads.
#[derive(Debug)]
pub struct Appender(Mutex<Option<File>>);

impl Appender {
    /// Adds a run, in one piece.
    ///
    /// # Errors
    /// When it cannot be written. Nothing is added after that: it would follow half a line.
    pub fn add(&self, number: u64, run: &Run) -> io::Result<()> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = place.as_mut() else {
            return Err(io::Error::other("an earlier line could not be written"));
        };
        let written = file.write_all(line(number, run).as_bytes());
        if written.is_err() {
            *place = None;
        }
        written
    }
}

/// `number,seed,end,events,value,…`: numbers as Rust prints them, which reads back to the last bit.
fn line(number: u64, run: &Run) -> String {
    let Run {
        seed,
        values,
        end,
        events,
    } = run;
    let mut line = format!("{number},{seed},{end},{events}");
    for value in values {
        line.push(',');
        line.extend(value.map(|value| value.to_string()));
    }
    line.push('\n');
    line
}

fn parse(line: &str) -> Option<(u64, Run)> {
    let mut fields = line.split(',');
    let number = fields.next()?.parse().ok()?;
    let seed = fields.next()?.parse().ok()?;
    let end = fields.next()?.parse().ok()?;
    let events = fields.next()?.parse().ok()?;
    let values = fields.map(|field| match field {
        "" => Some(None),
        number => number.parse().ok().map(Some),
    });
    let run = Run {
        seed,
        values: values.collect::<Option<_>>()?,
        end,
        events,
    };
    Some((number, run))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_run(seed: u64) -> Run {
        Run {
            seed,
            values: vec![Some(0.1 + 0.2), None, Some(1e-300), Some(f64::MAX)],
            end: 1.0 / 3.0,
            events: u64::MAX,
        }
    }

    #[test]
    fn goes_on_after_the_last_whole_line_wherever_it_was_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        assert_eq!(Journal::read(&path), Ok(None));
        let all: Vec<(u64, Run)> = (0..3).map(|number| (number, some_run(number))).collect();
        let mut text = Vec::new();
        let whole = Journal::new("{\"a\":1}".to_owned(), "{}".to_owned(), all.clone());
        whole.write(&mut text).expect("memory");
        let heads = "{\"a\":1}\n{}\n".len();
        for cut in heads..=text.len() {
            std::fs::write(&path, &text[..cut]).expect("a file");
            let journal = Journal::read(&path).expect("readable").expect("there");
            let lines = text[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(journal.runs, all[..lines - 2], "cut at {cut}");
            let end = journal.go_on(&path).expect("it can be written");
            for (number, run) in &all[lines - 2..] {
                end.add(*number, run).expect("it can be written");
            }
            assert!(
                std::fs::read(&path).expect("a file") == text,
                "cut at {cut}"
            );
        }
        for cut in 0..heads {
            std::fs::write(&path, &text[..cut]).expect("a file");
            assert!(Journal::read(&path).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_journal_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        for rest in ["x\n", "1,2,3\n", "1,2,3,4,a\n", "1,2,3,4,5\n2,2,3,4\n"] {
            std::fs::write(&path, format!("{{}}\n{{}}\n{rest}")).expect("a file");
            let refused = Journal::read(&path).expect_err(rest);
            assert!(refused.starts_with("is damaged in line "), "{refused}");
        }
        std::fs::write(&path, b"\xff\n\n").expect("a file");
        assert!(Journal::read(&path).is_err());
        assert!(Journal::read(folder.path()).is_err());
    }
}
