//! A log as it is written, line by line.

use std::io::{self, BufRead, BufReader, Read};

use crate::import::jobs::millionths;
use crate::import::openb::List;
use crate::scenario::problem::{Problem, quoted};
use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};

/// A log. Units are those of the standard: seconds, in microseconds here, and kilobytes.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Processors of the machine, with the key of the header that tells; absent when none does.
    pub processors: Option<(u32, &'static str)>,
    /// What the header says of the machine and its log, made safe for a comment.
    pub facts: Vec<String>,
    pub records: Vec<Record>,
}

/// A line of the log. What it does not tell, where it has -1, is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub number: String,
    pub submitted: Option<u64>,
    pub run_time: Option<u64>,
    /// Processors, each at least 1.
    pub used: Option<u32>,
    pub requested: Option<u32>,
    pub requested_time: Option<u64>,
    /// Per processor.
    pub used_memory_kb: Option<u64>,
    pub requested_memory_kb: Option<u64>,
    pub status: Option<u32>,
    pub has_preceding: bool,
}

impl Record {
    /// Those requested, else those used.
    pub fn processors(&self) -> Option<u32> {
        self.requested.or(self.used)
    }

    /// Per processor: requested, else used, else none.
    pub fn memory_kb(&self) -> u128 {
        let asked = self.requested_memory_kb.or(self.used_memory_kb);
        asked.unwrap_or(0).into()
    }

    /// Whether it failed (0) or was cancelled (5).
    pub fn is_unsuccessful(&self) -> bool {
        matches!(self.status, Some(0 | 5))
    }

    /// For how long it may run: as it requested, else as it did; above nothing.
    pub fn limit(&self) -> SimDuration {
        let asked = self.requested_time.or(self.run_time).unwrap_or(0);
        SimDuration::from_micros(asked.max(1))
    }

    /// Submission and run time, or why the line is no job with both.
    pub fn times(&self) -> Result<(SimTime, SimDuration), &'static str> {
        if matches!(self.status, Some(2..=4)) {
            return Err("of a partial execution, which another line sums up");
        }
        let submitted = self.submitted.ok_or("without a submittal time")?;
        let run_time = self.run_time.ok_or("without a run time: they never ran")?;
        Ok((
            SimTime::from_micros(submitted),
            SimDuration::from_micros(run_time),
        ))
    }
}

/// Fields of a line. Source: the standard's definition, version 2.2.
const FIELDS: usize = 18;

/// So many problems are told; then the rest is only counted.
const MOST_PROBLEMS: usize = 20;

/// Keys of the header that say what the log is of.
const FACTS: [&str; 4] = ["Computer", "Installation", "Acknowledge", "Conversion"];

/// Reads a log.
///
/// # Errors
/// The first lines that cannot be read, with the number of the others; a log without jobs.
pub(super) fn read(list: List<impl Read>) -> Result<Log, Vec<Problem>> {
    let (file, mut source) = (list.file, BufReader::new(list.text));
    let (mut log, mut problems, mut more) = (Log::default(), Vec::new(), 0u32);
    let (mut max_nodes, mut line, mut number) = (None, Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        match source.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Err(vec![unreadable(&file, &error)]),
        }
        // Headers hold names in other encodings than UTF-8.
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if let Some(header) = text.strip_prefix(';') {
            log.header(header, &mut max_nodes);
        } else if !text.is_empty() {
            match record(text) {
                Ok(record) => log.records.push(record),
                Err(message) if problems.len() < MOST_PROBLEMS => {
                    let mut problem = Problem::in_file(&file, message);
                    problem.line = Some(number);
                    problems.push(problem);
                }
                Err(_) => more += 1,
            }
        }
    }
    // A log that tells only of nodes has one processor a node.
    log.processors = log.processors.or(max_nodes);
    if more > 0 {
        problems.push(Problem::in_file(
            &file,
            format!("{more} more lines are wrong"),
        ));
    }
    if problems.is_empty() && log.records.is_empty() {
        problems.push(Problem::in_file(&file, "the log has no jobs"));
    }
    match problems.is_empty() {
        true => Ok(log),
        false => Err(problems),
    }
}

fn unreadable(file: &str, error: &io::Error) -> Problem {
    Problem::in_file(file, format!("cannot be read: {error}"))
}

impl Log {
    /// Takes in a line of the header: `MaxProcs: 128`.
    fn header(&mut self, line: &str, max_nodes: &mut Option<(u32, &'static str)>) {
        let Some((key, value)) = line.split_once(':') else {
            return;
        };
        let (key, value) = (key.trim(), value.trim());
        let first = value.split_whitespace().next().unwrap_or_default();
        let size = first.parse().ok().filter(|size| *size > 0);
        match key {
            "MaxProcs" => self.processors = size.map(|size| (size, "MaxProcs")),
            "MaxNodes" => *max_nodes = size.map(|size| (size, "MaxNodes")),
            _ if FACTS.contains(&key) && !value.is_empty() => {
                self.facts.push(format!("{key}: {}", quoted(value)));
            }
            _ => {}
        }
    }
}

fn record(line: &str) -> Result<Record, String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() != FIELDS {
        let found = fields.len();
        return Err(format!(
            "{found} fields, where a line of the format has {FIELDS}"
        ));
    }
    let field = |number: usize, read: fn(&str) -> Result<Option<u64>, &'static str>| {
        let text = fields[number - 1];
        read(text).map_err(|what| format!("field {number}: {} is not {what}", quoted(text)))
    };
    let seconds = |number| field(number, decimal);
    let whole = |number| field(number, whole);
    let processors = |number| {
        let found: Option<u64> = whole(number)?;
        let fits = |found: u64| {
            u32::try_from(found)
                .map_err(|_| format!("field {number}: {found} processors are too many"))
        };
        found.filter(|found| *found > 0).map(fits).transpose()
    };
    Ok(Record {
        number: fields[0].to_owned(),
        submitted: seconds(2)?,
        run_time: seconds(4)?,
        used: processors(5)?,
        used_memory_kb: whole(7)?.filter(|memory| *memory > 0),
        requested: processors(8)?,
        requested_time: seconds(9)?,
        requested_memory_kb: whole(10)?.filter(|memory| *memory > 0),
        status: whole(11)?.and_then(|status| u32::try_from(status).ok()),
        has_preceding: whole(17)?.is_some(),
    })
}

/// A number of zero or more in millionths; -1 is absent.
fn decimal(text: &str) -> Result<Option<u64>, &'static str> {
    match text {
        "-1" => Ok(None),
        text => millionths(text)
            .map(Some)
            .ok_or("-1 or a number of seconds"),
    }
}

/// A whole number of zero or more; -1 is absent.
fn whole(text: &str) -> Result<Option<u64>, &'static str> {
    match text {
        "-1" => Ok(None),
        text => millionths(text)
            .filter(|number| number.is_multiple_of(MICROS_PER_SEC))
            .map(|number| Some(number / MICROS_PER_SEC))
            .ok_or("-1 or a whole number"),
    }
}
