//! The lists as they are written, row by row.

use std::collections::BTreeMap;
use std::io::Read;

use super::{List, WHOLE_GPU};
use crate::model::instance::MAX_GPUS;
use crate::query;
use crate::scenario::problem::{Problem, quoted};
use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};
use crate::units::Duration;

/// A node of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub name: String,
    pub cpu_milli: u32,
    pub memory_mib: u32,
    pub gpus: u32,
    /// Model of its GPUs; absent when it has none.
    pub model: Option<String>,
}

/// A pod of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pod {
    pub name: String,
    pub cpu_milli: u32,
    pub memory_mib: u32,
    pub gpus: u32,
    /// Part of each of them, of 1000.
    pub gpu_milli: u32,
    /// GPU models that it may run on, each once; empty: any.
    pub models: Vec<String>,
    pub created_at: SimTime,
    /// From scheduling to deletion; from creation where it was not scheduled.
    pub run_time: SimDuration,
    pub scheduled: bool,
}

impl Pod {
    /// Whether it asks for part of a GPU.
    pub fn shares_gpu(&self) -> bool {
        self.gpus > 0 && self.gpu_milli < WHOLE_GPU
    }
}

/// Any of the GPU models, as an expression of the cluster query language.
pub(crate) fn constraint(models: &[String]) -> String {
    format!("attribute:gpu-model in [{}]", models.join(", "))
}

/// Most milli-CPU of a node or pod: what an instance can register, in CPU units, is 2³¹ - 1.
const MOST_CPU_MILLI: u32 = 2_000_000_000;

/// Most memory that an instance can register, in MiB.
const MOST_MEMORY_MIB: u32 = 2_147_483_647;

/// Longest value of an attribute, and longest name here. Source: ECS API reference, Attribute.
const LONGEST_NAME: usize = 128;

/// The nodes of a list.
pub(crate) fn nodes(list: List<impl Read>) -> Result<Vec<Node>, Vec<Problem>> {
    let mut known = BTreeMap::new();
    let node = |row: &mut Row<'_>| {
        let name = row.name("sn");
        if let Some(line) = known.get(&name) {
            row.refuse(
                "sn",
                format!("{} stands in line {line} already", quoted(&name)),
            );
        } else {
            known.insert(name.clone(), row.line);
        }
        Node {
            name,
            cpu_milli: row.whole("cpu_milli", MOST_CPU_MILLI),
            memory_mib: row.whole("memory_mib", MOST_MEMORY_MIB),
            gpus: row.whole("gpu", MAX_GPUS),
            model: row.has("model").then(|| row.name("model")),
        }
    };
    read(
        list,
        &["sn", "cpu_milli", "memory_mib", "gpu", "model"],
        node,
    )
}

/// The columns of a pod list that count.
const POD_COLUMNS: [&str; 9] = [
    "name",
    "cpu_milli",
    "memory_mib",
    "num_gpu",
    "gpu_milli",
    "gpu_spec",
    "creation_time",
    "deletion_time",
    "scheduled_time",
];

/// The pods of a list.
pub(crate) fn pods(list: List<impl Read>) -> Result<Vec<Pod>, Vec<Problem>> {
    read(list, &POD_COLUMNS, |row| {
        let name = row.name("name");
        let (created_at, run_time) = row.times();
        Pod {
            name,
            cpu_milli: row.whole("cpu_milli", MOST_CPU_MILLI),
            memory_mib: row.whole("memory_mib", MOST_MEMORY_MIB),
            gpus: row.whole("num_gpu", MAX_GPUS),
            gpu_milli: row.whole("gpu_milli", WHOLE_GPU),
            models: row.models(),
            created_at,
            run_time,
            scheduled: row.has("scheduled_time"),
        }
    })
}

/// Reads all rows of a list that has these `columns`, in any order and among others.
fn read<T>(
    list: List<impl Read>,
    columns: &[&str],
    mut convert: impl FnMut(&mut Row<'_>) -> T,
) -> Result<Vec<T>, Vec<Problem>> {
    let file = list.file;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(list.text);
    let header = match reader.headers() {
        // Spreadsheets put a byte order mark before the first name.
        Ok(header) => header
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}'))
            .collect::<csv::StringRecord>(),
        Err(error) => return Err(vec![told(&file, &error)]),
    };
    let mut problems = check_header(&file, &header, columns);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut rows = Vec::new();
    for record in reader.into_records() {
        match record {
            Ok(record) => {
                let line = line(record.position());
                let (file, header) = (&file, &header);
                let mut row = Row {
                    file,
                    line,
                    header,
                    record: &record,
                    problems: &mut problems,
                };
                rows.push(convert(&mut row));
            }
            Err(error) => problems.push(told(&file, &error)),
        }
    }
    if rows.is_empty() && problems.is_empty() {
        problems.push(Problem::in_file(file, "the list has no rows"));
    }
    if problems.is_empty() {
        Ok(rows)
    } else {
        Err(problems)
    }
}

fn check_header(file: &str, header: &csv::StringRecord, columns: &[&str]) -> Vec<Problem> {
    let wrong = columns.iter().filter_map(|column| {
        let message = match header.iter().filter(|name| name == column).count() {
            0 => format!("no column {column:?}"),
            1 => return None,
            _ => format!("column {column:?} stands there more than once"),
        };
        let help = format!("columns: {}", columns.join(", "));
        let mut problem = Problem::in_file(file, message).help(help);
        problem.line = Some(1);
        Some(problem)
    });
    wrong.collect()
}

/// A row that is being read. What is wrong with it goes to `problems`, and a value stands in for it.
struct Row<'a> {
    file: &'a str,
    line: u32,
    header: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Row<'a> {
    fn text(&self, column: &str) -> &'a str {
        let index = self.header.iter().position(|name| name == column);
        index
            .and_then(|index| self.record.get(index))
            .unwrap_or_default()
    }

    fn has(&self, column: &str) -> bool {
        !self.text(column).is_empty()
    }

    fn refuse(&mut self, column: &str, message: String) {
        let mut problem = Problem::in_file(self.file, message);
        problem.line = Some(self.line);
        problem.path = column.to_owned();
        self.problems.push(problem);
    }

    fn whole(&mut self, column: &str, most: u32) -> u32 {
        let text = self.text(column);
        let number = text
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok());
        number
            .flatten()
            .filter(|number| *number <= most)
            .unwrap_or_else(|| {
                let message = format!("{} is not a whole number from 0 to {most}", quoted(text));
                self.refuse(column, message);
                0
            })
    }

    fn name(&mut self, column: &str) -> String {
        let text = self.text(column);
        if !is_name(text) {
            self.refuse_name(column, text);
        }
        text.to_owned()
    }

    fn refuse_name(&mut self, column: &str, text: &str) {
        let message = format!(
            "{} is not a name of 1 to {LONGEST_NAME} letters, digits, hyphens, underscores and dots",
            quoted(text)
        );
        self.refuse(column, message);
    }

    /// GPU models joined with `|`. The list has some of them twice.
    fn models(&mut self) -> Vec<String> {
        let (column, mut models) = ("gpu_spec", Vec::new());
        if !self.has(column) {
            return models;
        }
        for name in self.text(column).split('|').map(str::trim) {
            if !is_name(name) {
                self.refuse_name(column, name);
            } else if !models.iter().any(|known| known == name) {
                models.push(name.to_owned());
            }
        }
        let length = constraint(&models).len();
        if length > query::MAX_CHARACTERS {
            let most = query::MAX_CHARACTERS;
            let message =
                format!("the constraint has {length} characters; at most {most} are allowed");
            self.refuse(column, message);
        }
        models
    }

    /// Seconds from the start of the trace.
    fn moment(&mut self, column: &str) -> Option<SimTime> {
        let text = self.text(column);
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let span = plain
            .then(|| format!("{text}s").parse::<Duration>().ok())
            .flatten();
        if span.is_none() {
            let most = Duration::LONGEST.span().micros() / MICROS_PER_SEC;
            let message = format!(
                "{} is not a number of seconds from 0 to {most}",
                quoted(text)
            );
            self.refuse(column, message);
        }
        span.map(|span| SimTime::ZERO + span.span())
    }

    /// Creation and run time. Created, scheduled, deleted is the order.
    fn times(&mut self) -> (SimTime, SimDuration) {
        let created = self.moment("creation_time");
        let (column, started) = match self.has("scheduled_time") {
            true => ("scheduled_time", self.moment("scheduled_time")),
            false => ("creation_time", created),
        };
        let deleted = self.moment("deletion_time");
        let (Some(created), Some(started), Some(deleted)) = (created, started, deleted) else {
            return (SimTime::ZERO, SimDuration::ZERO);
        };
        if started < created {
            self.refuse(
                column,
                format!("{started} is before the creation_time {created}"),
            );
        }
        if deleted < started {
            self.refuse(
                "deletion_time",
                format!("{deleted} is before the {column} {started}"),
            );
        }
        (created, deleted.since(started))
    }
}

/// Whether `text` can stand unquoted in a trace and in an expression, and be an attribute's value.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(plain)
}

/// What the CSV reader did not like.
fn told(file: &str, error: &csv::Error) -> Problem {
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("{len} fields, where the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_owned(),
        csv::ErrorKind::Io(error) => format!("cannot be read: {error}"),
        _ => error.to_string(),
    };
    let mut problem = Problem::in_file(file, message);
    problem.line = error.position().map(|position| line(Some(position)));
    problem
}

fn line(position: Option<&csv::Position>) -> u32 {
    position.map_or(1, |position| {
        u32::try_from(position.line()).unwrap_or(u32::MAX)
    })
}
