//! `stowplan import`.

use std::fs;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Failure, print};
use crate::import::openb::ledger::{Amount, Line};
use crate::import::openb::{self, Converted, Form, List};
use crate::report::directory::Directory;
use crate::scenario::problem::{Problem, Problems};

/// Turn a recorded workload into a scenario and a trace
#[derive(Subcommand)]
pub enum Import {
    /// Alibaba GPU cluster trace of 2023: a list of nodes and a list of pods
    Openb(Openb),
}

impl Import {
    /// Converts and tells.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Import::Openb(openb) => openb.run(),
        }
    }
}

/// Writes two scenarios, each with its trace: `one-by-one` (none departs) and `replay` (recorded times)
#[derive(Args)]
pub struct Openb {
    /// Node list, such as openb_node_list_gpu_node.csv; may be gzipped
    #[arg(long, value_name = "FILE")]
    nodes: PathBuf,
    /// Pod list, such as openb_pod_list_default.csv; may be gzipped
    #[arg(long, value_name = "FILE")]
    pods: PathBuf,
    /// Directory for the four files
    #[arg(long, value_name = "DIR", default_value = "openb")]
    out: PathBuf,
    /// Gzip the traces
    #[arg(long)]
    gzip: bool,
}

impl Openb {
    /// Reads, converts, writes, prints.
    fn run(self) -> Result<(), Failure> {
        let ending = if self.gzip { ".csv.gz" } else { ".csv" };
        let (nodes, pods) = match (list(&self.nodes), list(&self.pods)) {
            (Ok(nodes), Ok(pods)) => (nodes, pods),
            (nodes, pods) => {
                let found = [nodes.err(), pods.err()].into_iter().flatten().collect();
                return Err(Problems::new(found).into());
            }
        };
        let converted = openb::convert(nodes, pods, ending)?;
        let directory = Directory::create(&self.out);
        let directory = directory.map_err(|message| Failure::Input(format!("error: {message}")))?;
        let paths = write(directory, &converted, ending)
            .map_err(|error| Failure::Other(format!("{}: {error}", self.out.display())))?;
        let files: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let notes: Vec<String> = converted
            .notes
            .iter()
            .map(|note| format!("- {note}"))
            .collect();
        print(&format!(
            "{}\n\n{}\n\nwritten: {}",
            table(&converted),
            notes.join("\n"),
            files.join(", ")
        ))
    }
}

/// Opens a list. Unpacks gzip.
fn list(path: &Path) -> Result<List<Box<dyn Read>>, Problem> {
    let file = path.display().to_string();
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Problem::in_file(&file, "no such file"),
        _ => Problem::in_file(&file, format!("cannot be read: {error}")),
    };
    let mut source = BufReader::new(fs::File::open(path).map_err(told)?);
    let mut start = Vec::new();
    source
        .by_ref()
        .take(2)
        .read_to_end(&mut start)
        .map_err(told)?;
    let packed = start == [0x1f, 0x8b];
    let source = Cursor::new(start).chain(source);
    let text: Box<dyn Read> = if packed {
        Box::new(MultiGzDecoder::new(source))
    } else {
        Box::new(source)
    };
    Ok(List { file, text })
}

fn write(
    mut directory: Directory,
    converted: &Converted,
    ending: &str,
) -> io::Result<Vec<PathBuf>> {
    for Form {
        name,
        scenario,
        trace,
        ..
    } in &converted.forms
    {
        directory.write(&format!("{name}.yaml"), scenario.as_bytes())?;
        let trace = match ending.ends_with(".gz") {
            true => gzipped(trace)?,
            false => trace.clone().into_bytes(),
        };
        directory.write(&format!("{name}{ending}"), &trace)?;
    }
    directory.publish()
}

fn gzipped(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// `in the list` - `left out` + `changed` = `written`, line by line.
fn table(converted: &Converted) -> Table {
    let mut table = Table::new();
    let header = [
        "scenario",
        "quantity",
        "in the list",
        "left out",
        "changed",
        "written",
    ];
    table.load_style(presets::NOTHING).set_header(header);
    for form in &converted.forms {
        for (index, line) in form.nodes.iter().chain(&form.pods).enumerate() {
            let name = if index == 0 { form.name } else { "" };
            table.add_row(row(name, line));
        }
    }
    for column in 2..header.len() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(name: &str, line: &Line) -> [String; 6] {
    let changed = match line.written {
        Some(_) if line.changed > Amount::default() => format!("+{}", line.changed),
        Some(_) => line.changed.to_string(),
        None => String::new(),
    };
    let written = line
        .written
        .map_or_else(String::new, |amount| amount.to_string());
    [
        name.to_owned(),
        line.what.to_owned(),
        line.listed.to_string(),
        line.left_out.to_string(),
        changed,
        written,
    ]
}
