//! The catalogue's CSV form: a header that names columns, in any order and not necessarily all of
//! them, then a row a type. Lines that start with `#` and empty lines are skipped; a field that is
//! empty says nothing.

use super::{Architecture, Problem, UsdPerHour};
use csv::{ErrorKind, Position, ReaderBuilder, StringRecord, Trim};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Every column there is; only the first is required.
const COLUMNS: [&str; 12] = [
    "instanceType",
    "vcpus",
    "memoryMib",
    "registeredMemoryMib",
    "gpus",
    "gpuModel",
    "gpuMemoryMib",
    "architecture",
    "tasksEni",
    "tasksEniTrunking",
    "onDemandUsdPerHour",
    "priceDate",
];

// Bounds far above every EC2 type, so that CPU units, and sums over a few instances, fit 32 bits.
const VCPUS: RangeInclusive<u32> = 1..=65_536;
const MEMORY_MIB: RangeInclusive<u32> = 1..=1 << 28;
const GPUS: RangeInclusive<u32> = 0..=1_024;
const ENIS: RangeInclusive<u32> = 0..=65_536;

/// One row as written; a field is `None` where it was left empty.
pub(super) struct Row {
    pub line: u64,
    pub name: String,
    pub vcpus: Option<u32>,
    pub memory_mib: Option<u32>,
    pub registered_memory_mib: Option<u32>,
    pub gpus: Option<u32>,
    pub gpu_model: Option<String>,
    pub gpu_memory_mib: Option<u32>,
    pub architecture: Option<Architecture>,
    pub task_enis: Option<u32>,
    pub task_enis_with_trunking: Option<u32>,
    pub on_demand_usd_per_hour: Option<UsdPerHour>,
    pub price_date: Option<String>,
}

/// The rows of `text` that are well formed, and what is wrong with the others.
pub(super) fn read(text: &str) -> (Vec<Row>, Vec<Problem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut problems = Vec::new();
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return (Vec::new(), vec![record_problem(text, &error)]),
    };
    check_header(line_of(text, header.position()), &header, &mut problems);
    if !problems.is_empty() {
        return (Vec::new(), problems);
    }
    let mut rows = Vec::new();
    let mut lines_by_name = BTreeMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(record_problem(text, &error));
                continue;
            }
        };
        let line = line_of(text, record.position());
        let mut fields = Fields {
            line,
            header: &header,
            record: &record,
            problems: &mut problems,
        };
        let Some(row) = fields.row() else { continue };
        match lines_by_name.insert(row.name.clone(), line) {
            None => rows.push(row),
            Some(first) => {
                let message = format!("{:?} has a row already, on line {first}", row.name);
                problems.push(Problem::at(line, message));
            }
        }
    }
    (rows, problems)
}

fn check_header(line: u64, header: &StringRecord, problems: &mut Vec<Problem>) {
    if header.is_empty() {
        problems.push(Problem::at(
            line,
            "there is no header that names the columns",
        ));
        return;
    }
    for (index, name) in header.iter().enumerate() {
        if !COLUMNS.contains(&name) {
            let known = COLUMNS.join(", ");
            let message = format!("there is no column {name:?}; the columns are {known}");
            problems.push(Problem::at(line, message));
        } else if header.iter().take(index).any(|earlier| earlier == name) {
            problems.push(Problem::at(line, format!("column {name} is there twice")));
        }
    }
    if !header.iter().any(|name| name == COLUMNS[0]) {
        problems.push(Problem::at(line, "the column instanceType is missing"));
    }
}

/// What is wrong with a record that could not be read at all.
fn record_problem(text: &str, error: &csv::Error) -> Problem {
    let message = match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            let plural = if *len == 1 { "" } else { "s" };
            format!("{len} field{plural}, but the header names {expected_len} columns")
        }
        _ => error.to_string(),
    };
    Problem::at(line_of(text, error.position()), message)
}

/// The line a record stands on, counted from 1. The reader gives the position from which it looked
/// for the record; the comments and empty lines that it skipped from there are to be added.
fn line_of(text: &str, position: Option<&Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.get(start..).unwrap_or("");
    let skipped = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with('#'));
    position.line() + skipped.count() as u64
}

/// The fields of one record, by column.
struct Fields<'a> {
    line: u64,
    header: &'a StringRecord,
    record: &'a StringRecord,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// The whole row; `None` when a field is wrong, which is then among the problems.
    fn row(&mut self) -> Option<Row> {
        let problems_before = self.problems.len();
        let name = self.text("instanceType").unwrap_or("");
        if name.is_empty() {
            self.problems
                .push(Problem::at(self.line, "instanceType is empty"));
        }
        let row = Row {
            line: self.line,
            name: name.to_owned(),
            vcpus: self.whole("vcpus", VCPUS),
            memory_mib: self.whole("memoryMib", MEMORY_MIB),
            registered_memory_mib: self.whole("registeredMemoryMib", MEMORY_MIB),
            gpus: self.whole("gpus", GPUS),
            gpu_model: self.text("gpuModel").map(str::to_owned),
            gpu_memory_mib: self.whole("gpuMemoryMib", MEMORY_MIB),
            architecture: self.parse("architecture", "x86_64 or arm64", Architecture::parse),
            task_enis: self.whole("tasksEni", ENIS),
            task_enis_with_trunking: self.whole("tasksEniTrunking", ENIS),
            on_demand_usd_per_hour: self.parse(
                "onDemandUsdPerHour",
                "a price in dollars, such as 0.096, with at most six decimals",
                UsdPerHour::parse,
            ),
            price_date: self.text("priceDate").map(str::to_owned),
        };
        (self.problems.len() == problems_before).then_some(row)
    }

    /// The field in `column`; `None` when it is empty or the file has no such column.
    fn text(&self, column: &str) -> Option<&'a str> {
        let index = self.header.iter().position(|name| name == column)?;
        self.record.get(index).filter(|field| !field.is_empty())
    }

    fn whole(&mut self, column: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.parse(column, &expected, |field| {
            field.parse().ok().filter(|n| range.contains(n))
        })
    }

    fn parse<T>(
        &mut self,
        column: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let field = self.text(column)?;
        let value = parse(field);
        if value.is_none() {
            let message = format!("{column}: {field:?} is not {expected}");
            self.problems.push(Problem::at(self.line, message));
        }
        value
    }
}
