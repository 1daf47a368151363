//! Requests as recorded in a CSV file, one call a row.
//!
//! The first line names the columns, in any order: `time` is needed, all others may be left out or
//! empty. Times are seconds from the start of the run (or carry a unit: `90s`); rows need not be in
//! order, rows of equal time keep theirs.
//!
//! | column | meaning |
//! | --- | --- |
//! | `time` | when the call is made |
//! | `duration` | run time of the first essential container |
//! | `exitCode` | its exit code |
//! | `count` | tasks asked for, 1 to 10 |
//! | `group` | task group |
//! | `taskDefinition` | instead of the request's own |
//! | `cpu`, `memory`, `gpu` | override of the first essential container: CPU units, MiB, whole GPUs |
//! | `memberOf` | one more placement constraint, in the cluster query language |
//! | `name` | not looked at: for the reader |
//!
//! A trace of jobs ([`read_jobs`]) has `time`, `duration` and `exitCode`, and
//!
//! | column | meaning |
//! | --- | --- |
//! | `jobName` | name of the job; needed only where others depend on it |
//! | `vcpus`, `memory`, `gpus` | what it asks for, in whole vCPUs, MiB and GPUs |
//! | `shareIdentifier` | its share |
//! | `dependsOn` | names of jobs of earlier rows, separated by spaces |
//! | `nodes` | instances that the job takes at once, 1 to 10,000: above 1 it is a multi-node parallel job, each node of which asks for `vcpus`, `memory` and `gpus` and runs as long as the main one |
//! | `timeout` | after so long an attempt is terminated; what queue disciplines take for its requested time |

use std::collections::HashMap;
use std::io::Read;

use serde::Deserialize;

use crate::time::{SimDuration, SimTime};
use crate::units::Duration;

/// One call of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line of the file, from 1.
    pub line: u64,
    /// When the call is made.
    pub at: SimTime,
    /// Run time of the first essential container.
    pub duration: Option<SimDuration>,
    /// Its exit code.
    pub exit_code: Option<u8>,
    /// Tasks asked for.
    pub count: Option<u32>,
    /// What differs from the workload's own request.
    pub request: RowRequest,
}

/// What a row changes in the request of its workload. Equal values share one template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowRequest {
    /// Task group.
    pub group: Option<String>,
    /// Task definition.
    pub task_definition: Option<String>,
    /// CPU units of the first essential container.
    pub cpu: Option<u32>,
    /// Memory of the first essential container in MiB.
    pub memory: Option<u32>,
    /// Whole GPUs of the first essential container.
    pub gpu: Option<u32>,
    /// One more constraint.
    pub member_of: Option<String>,
}

/// One job of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Line of the file, from 1.
    pub line: u64,
    /// When it is submitted.
    pub at: SimTime,
    /// Run time of its container.
    pub duration: Option<SimDuration>,
    /// Its exit code.
    pub exit_code: Option<u8>,
    /// What differs from the workload's own request.
    pub job: RowJob,
}

/// What a row changes in the job of its workload. Equal values share one kind of job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RowJob {
    /// Name of the job.
    pub name: Option<String>,
    /// Whole vCPUs.
    pub vcpus: Option<u32>,
    /// Memory in MiB.
    pub memory: Option<u32>,
    /// Whole GPUs.
    pub gpus: Option<u32>,
    /// Share identifier.
    pub share: Option<String>,
    /// Numbers, from 1, of the rows that it waits for.
    pub depends_on: Vec<u64>,
    /// Instances that it takes at once.
    pub nodes: Option<u32>,
    /// How long an attempt may run; above nothing.
    pub timeout: Option<SimDuration>,
}

/// What is wrong with a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line of the file, from 1; absent when the file as a whole is at fault.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Columns that a trace may have.
pub const COLUMNS: [&str; 11] = [
    "time",
    "duration",
    "exitCode",
    "count",
    "group",
    "taskDefinition",
    "cpu",
    "memory",
    "gpu",
    "memberOf",
    "name",
];

/// Columns that a trace of jobs may have.
pub const JOB_COLUMNS: [&str; 11] = [
    "time",
    "duration",
    "exitCode",
    "jobName",
    "vcpus",
    "memory",
    "gpus",
    "shareIdentifier",
    "dependsOn",
    "nodes",
    "timeout",
];

/// Most nodes of a job: ten times what an account of AWS may have unless it asks for more.
/// Source: AWS Batch user guide, multi-node parallel node groups.
pub const MOST_NODES: u32 = 10_000;

/// Most jobs that one may depend on. Source: AWS Batch API reference, SubmitJob, `dependsOn`.
const MAX_DEPENDENCIES: usize = 20;

/// So many faults are told; then the rest is only counted.
const MOST_FAULTS: usize = 20;

/// A row as it stands in the file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    time: &'a str,
    duration: Option<&'a str>,
    exit_code: Option<u8>,
    count: Option<u32>,
    group: Option<&'a str>,
    task_definition: Option<&'a str>,
    cpu: Option<u32>,
    memory: Option<u32>,
    gpu: Option<u32>,
    member_of: Option<&'a str>,
}

/// A row of a trace of jobs as it stands in the file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobRecord<'a> {
    time: &'a str,
    duration: Option<&'a str>,
    exit_code: Option<u8>,
    job_name: Option<&'a str>,
    vcpus: Option<u32>,
    memory: Option<u32>,
    gpus: Option<u32>,
    share_identifier: Option<&'a str>,
    depends_on: Option<&'a str>,
    nodes: Option<u32>,
    timeout: Option<&'a str>,
}

/// Reads a trace, in order of time.
///
/// # Errors
/// Everything that is wrong with it, line by line.
pub fn read(source: impl Read) -> Result<Vec<Row>, Vec<Fault>> {
    let mut rows = read_rows(source, &COLUMNS, row)?;
    rows.sort_by_key(|row| row.at);
    Ok(rows)
}

/// Reads a trace of jobs, in order of time.
///
/// # Errors
/// Everything that is wrong with it, line by line.
pub fn read_jobs(source: impl Read) -> Result<Vec<JobRow>, Vec<Fault>> {
    let mut rows = read_rows(source, &JOB_COLUMNS, job_row)?;
    rows.sort_by_key(|(row, _)| row.at);
    let (mut numbers, mut jobs, mut faults) = (HashMap::new(), Vec::new(), Vec::new());
    for (number, (mut row, on)) in (1u64..).zip(rows) {
        for name in &on {
            match numbers.get(name) {
                Some(earlier) => row.job.depends_on.push(*earlier),
                None if faults.len() < MOST_FAULTS => faults.push(Fault {
                    line: Some(row.line),
                    message: format!("dependsOn: no job named {name:?} is submitted before"),
                    help: Some("a job depends on jobs of earlier rows only".to_owned()),
                }),
                None => {}
            }
        }
        if let Some(name) = &row.job.name {
            numbers.insert(name.clone(), number);
        }
        jobs.push(row);
    }
    match faults.is_empty() {
        true => Ok(jobs),
        false => Err(faults),
    }
}

/// Reads the rows of a file one by one.
fn read_rows<T>(
    source: impl Read,
    columns: &[&str],
    row: fn(u64, &csv::StringRecord, &csv::StringRecord) -> Result<T, String>,
) -> Result<Vec<T>, Vec<Fault>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(source);
    let header = reader
        .headers()
        .map_err(|error| vec![fault(None, told(&error))])?
        .clone();
    check_header(&header, columns)?;
    let (mut rows, mut faults, mut more) = (Vec::new(), Vec::new(), 0);
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                match row(line, &record, &header) {
                    Ok(row) => rows.push(row),
                    Err(message) if faults.len() < MOST_FAULTS => {
                        faults.push(fault(Some(line), message))
                    }
                    Err(_) => more += 1,
                }
            }
            Err(error) => {
                let line = error.position().map_or(line, csv::Position::line);
                let fatal = error.is_io_error();
                if faults.len() < MOST_FAULTS || fatal {
                    faults.push(fault((!fatal).then_some(line), told(&error)));
                } else {
                    more += 1;
                }
                if fatal {
                    break;
                }
            }
        }
    }
    if more > 0 {
        faults.push(fault(None, format!("{more} more lines are wrong")));
    }
    if faults.is_empty() && rows.is_empty() {
        faults.push(fault(None, "the trace has no rows".to_owned()));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(rows)
}

fn check_header(header: &csv::StringRecord, columns: &[&str]) -> Result<(), Vec<Fault>> {
    let mut faults = Vec::new();
    for (index, name) in header.iter().enumerate() {
        if !columns.contains(&name) {
            faults.push(Fault {
                line: Some(1),
                message: format!("unknown column {name:?}"),
                help: Some(format!("known columns: {}", columns.join(", "))),
            });
        }
        if header.iter().take(index).any(|other| other == name) {
            faults.push(fault(
                Some(1),
                format!("column {name:?} stands there twice"),
            ));
        }
    }
    if !header.iter().any(|name| name == "time") {
        faults.push(Fault {
            line: Some(1),
            message: "no column \"time\"".to_owned(),
            help: Some("the first line of a trace names its columns".to_owned()),
        });
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn row(line: u64, record: &csv::StringRecord, header: &csv::StringRecord) -> Result<Row, String> {
    let raw: Record<'_> = record
        .deserialize(Some(header))
        .map_err(|error| field_fault(&error, record, header))?;
    if let Some(count) = raw.count.filter(|count| !(1..=10).contains(count)) {
        return Err(format!("count: {count} is not from 1 to 10"));
    }
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Row {
        line,
        at: SimTime::ZERO + span("time", raw.time)?,
        duration: raw
            .duration
            .filter(|text| !text.is_empty())
            .map(|text| span("duration", text))
            .transpose()?,
        exit_code: raw.exit_code,
        count: raw.count,
        request: RowRequest {
            group: text(raw.group),
            task_definition: text(raw.task_definition),
            cpu: raw.cpu,
            memory: raw.memory,
            gpu: raw.gpu,
            member_of: text(raw.member_of),
        },
    })
}

/// A job, and the names of those that it depends on.
fn job_row(
    line: u64,
    record: &csv::StringRecord,
    header: &csv::StringRecord,
) -> Result<(JobRow, Vec<String>), String> {
    let raw: JobRecord<'_> = record
        .deserialize(Some(header))
        .map_err(|error| field_fault(&error, record, header))?;
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let on = raw.depends_on.unwrap_or_default().split_whitespace();
    let on: Vec<String> = on.map(str::to_owned).collect();
    if on.len() > MAX_DEPENDENCIES {
        return Err("dependsOn: Job cannot have more than 20 dependencies".to_owned());
    }
    if raw.vcpus == Some(0) {
        return Err("vcpus: 0 is not above 0".to_owned());
    }
    if let Some(nodes) = raw.nodes.filter(|nodes| !(1..=MOST_NODES).contains(nodes)) {
        return Err(format!("nodes: {nodes} is not from 1 to {MOST_NODES}"));
    }
    let timeout = raw.timeout.filter(|text| !text.is_empty());
    let timeout = timeout.map(|text| span("timeout", text)).transpose()?;
    if timeout == Some(SimDuration::ZERO) {
        return Err("timeout: 0 is not above 0".to_owned());
    }
    let row = JobRow {
        line,
        at: SimTime::ZERO + span("time", raw.time)?,
        duration: raw
            .duration
            .filter(|text| !text.is_empty())
            .map(|text| span("duration", text))
            .transpose()?,
        exit_code: raw.exit_code,
        job: RowJob {
            name: text(raw.job_name),
            vcpus: raw.vcpus,
            memory: raw.memory,
            gpus: raw.gpus,
            share: text(raw.share_identifier),
            depends_on: Vec::new(),
            nodes: raw.nodes,
            timeout,
        },
    };
    Ok((row, on))
}

/// Seconds, or a duration with its unit, to the microsecond.
fn span(column: &str, text: &str) -> Result<SimDuration, String> {
    let with_unit = if text.ends_with(|last: char| last.is_ascii_digit()) {
        format!("{text}s")
    } else {
        text.to_owned()
    };
    match with_unit.parse::<Duration>() {
        Ok(duration) => Ok(duration.span()),
        Err(_) => Err(format!(
            "{column}: {text:?} is not a number of seconds, nor a duration such as 90s"
        )),
    }
}

/// What serde did not like about a field, with the name of its column.
fn field_fault(
    error: &csv::Error,
    record: &csv::StringRecord,
    header: &csv::StringRecord,
) -> String {
    let csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
        return told(error);
    };
    let Some(index) = err.field().and_then(|field| usize::try_from(field).ok()) else {
        return err.to_string();
    };
    let column = header.get(index).unwrap_or("?");
    let value = record.get(index).unwrap_or_default();
    let range = if column == "exitCode" {
        "0 to 255"
    } else {
        "0 to 4294967295"
    };
    format!("{column}: {value:?} is not a whole number from {range}")
}

/// What is wrong with a file of CSV, without the place.
pub(crate) fn told(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            let plural = if *len == 1 { "" } else { "s" };
            format!("{len} field{plural}, where the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_owned(),
        csv::ErrorKind::Io(error) => format!("cannot be read: {error}"),
        _ => error.to_string(),
    }
}

fn fault(line: Option<u64>, message: String) -> Fault {
    Fault {
        line,
        message,
        help: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_empty_fields_are_absent() {
        let rows = read("time,cpu,duration,group\n3.5,,2m,\n1,512,0.25,web\n".as_bytes()).unwrap();
        assert_eq!(rows[0].at, SimTime::from_micros(1_000_000));
        assert_eq!(rows[0].duration, Some(SimDuration::from_micros(250_000)));
        assert_eq!(rows[0].request.cpu, Some(512));
        assert_eq!(rows[0].request.group.as_deref(), Some("web"));
        assert_eq!(rows[1].duration, Some(SimDuration::from_secs(120)));
        assert_eq!(
            (&rows[1].request, rows[1].line),
            (&RowRequest::default(), 2)
        );
    }

    #[test]
    fn faults_name_line_and_column() {
        let check = |text: &str, expected: &[(Option<u64>, &str)]| {
            let faults = read(text.as_bytes()).unwrap_err();
            let faults: Vec<_> = faults
                .iter()
                .map(|fault| (fault.line, fault.message.as_str()))
                .collect();
            assert_eq!(faults, expected);
        };
        check("", &[(Some(1), "no column \"time\"")]);
        check("time\n", &[(None, "the trace has no rows")]);
        check("time,cpus\n1,2\n", &[(Some(1), "unknown column \"cpus\"")]);
        check(
            "time,cpu\n1\n2,3\n",
            &[(Some(2), "1 field, where the first line has 2")],
        );
        check(
            "time,cpu\n1,-5\nsoon,1\n",
            &[
                (
                    Some(2),
                    "cpu: \"-5\" is not a whole number from 0 to 4294967295",
                ),
                (
                    Some(3),
                    "time: \"soon\" is not a number of seconds, nor a duration such as 90s",
                ),
            ],
        );
        check(
            "time,count\n1,11\n",
            &[(Some(2), "count: 11 is not from 1 to 10")],
        );
        check(
            "time,exitCode\n1,256\n",
            &[(
                Some(2),
                "exitCode: \"256\" is not a whole number from 0 to 255",
            )],
        );
    }
}
