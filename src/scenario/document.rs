//! The front door for files people write: YAML (of which JSON is a part) to checked Rust values.
//!
//! [`Document::read`] reads a file into a tree that remembers where everything stands.
//! [`Document::decode`] checks it against the JSON Schema of a type and gives the value, or every
//! structural problem in it at once, each with line, column, path and remedy. Checks that need to
//! know more than one value come later, and ask [`Document::problem`] for the place.
//!
//! ```
//! # use stowplan::scenario::document::Document;
//! #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Fleet {
//!     #[schemars(range(max = 10))]
//!     count: u32,
//! }
//! let document = Document::parse("fleet.yaml", "count: 11\n").unwrap();
//! assert_eq!(
//!     document.decode::<Fleet>(&[]).unwrap_err().to_string(),
//!     "error: fleet.yaml:1:1: count: 11 is above the maximum of 10\n  help: write 0 to 10",
//! );
//! ```

mod change;
mod check;
mod scheme;
mod syntax;
mod tree;
mod yaml;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::scenario::problem::{Problem, Problems, key_path};
pub use change::Change;
use tree::{Item, Node, NodeId, Position, Tree};

/// A `format` of the schema, with the check of a value of that format; its error is the message.
pub type Format = (&'static str, fn(&Value) -> Result<(), String>);

/// Larger files are refused unread: 64 MiB.
const MAX_BYTES: usize = 64 << 20;

/// More problems than these are not gathered; nobody would read them.
const MAX_PROBLEMS: usize = 1000;

/// A file that has been read as YAML and not yet been given a type.
#[derive(Clone, Debug)]
pub struct Document {
    file: String,
    tree: Tree,
    /// What is wrong with the YAML without making it unreadable, such as a key that stands twice.
    found: Vec<Problem>,
}

impl Document {
    /// Reads a file. Messages name it as `path` does.
    ///
    /// # Errors
    /// When it cannot be read, is larger than 64 MiB, or is not UTF-8; and as [`Document::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Document, Problems> {
        let path = path.as_ref();
        Document::parse(&path.display().to_string(), &read_text(path)?)
    }

    /// Reads a text. Messages name it `file`.
    ///
    /// # Errors
    /// When it is larger than 64 MiB, is not YAML, is not one document, or is no mapping at the
    /// top; when it is nested more than 64 deep, or holds more than two million values once its
    /// aliases are written out.
    pub fn parse(file: &str, text: &str) -> Result<Document, Problems> {
        if text.len() > MAX_BYTES {
            return Err(too_large(file).into());
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (tree, found) = yaml::parse(file, text)?;
        let document = Document {
            file: file.to_owned(),
            tree,
            found,
        };
        let found = match document.tree.node(document.tree.root().value) {
            Node::Mapping(_) | Node::Refused => return Ok(document),
            Node::Sequence(_) => "a list".to_owned(),
            Node::Scalar(scalar) => scalar.to_string(),
        };
        let message = format!("expected a mapping at the top, found {found}");
        let help = "write \"key: value\", a key a line";
        let mut problems = vec![document.problem("", message).help(help)];
        problems.extend(document.found);
        Err(Problems::new(problems))
    }

    /// The value that the document describes. Values whose schema has one of the `formats` are
    /// passed to its check, unless they are null or wrong already.
    ///
    /// # Errors
    /// Everything that is wrong with the structure of the document, up to a thousand problems.
    pub fn decode<T: DeserializeOwned + JsonSchema>(
        &self,
        formats: &[Format],
    ) -> Result<T, Problems> {
        let schema = SchemaGenerator::default().into_root_schema_for::<T>();
        let (value, wrong) = check::check(&self.file, &self.tree, schema.as_value(), formats);
        let mut found = self.found.clone();
        wrong
            .into_iter()
            .for_each(|problem| keep(&mut found, problem));
        if !found.is_empty() {
            return Err(Problems::new(found));
        }
        // What the schema does not say, a `TryFrom` may: then there is a message without a place.
        serde_json::from_value(value).map_err(|error| {
            let message = error.to_string();
            // The line and column that may follow are not those of the file.
            let message = message.split(" at line ").next().unwrap_or_default();
            self.problem("", message).into()
        })
    }

    /// Whether there is such a key at the top.
    pub fn has(&self, key: &str) -> bool {
        match self.tree.node(self.tree.root().value) {
            Node::Mapping(entries) => entries.iter().any(|entry| entry.key == key),
            Node::Sequence(_) | Node::Scalar(_) | Node::Refused => false,
        }
    }

    /// A problem with the value at `path`, such as `clusters[0].containerInstances[2]`; its place
    /// is that of the nearest value around it when there is none. The empty path is the whole
    /// document. A key that holds a dot may be quoted, as [`key_path`] does, or not.
    pub fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        let at = self.locate(path);
        let problem = Problem::in_file(&self.file, message).at(at.line, at.column);
        Problem {
            path: path.to_owned(),
            ..problem
        }
    }

    fn locate(&self, path: &str) -> Position {
        let (mut here, mut rest) = (self.tree.root(), path);
        while let Some((below, after)) = self.step(here.value, rest) {
            (here, rest) = (below, after);
        }
        here.at
    }

    /// The value that the first step of a path leads to, and the other steps.
    fn step<'a>(&self, from: NodeId, path: &'a str) -> Option<(Item, &'a str)> {
        match self.tree.node(from) {
            Node::Sequence(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some((*items.get(index.parse::<usize>().ok()?)?, rest))
            }
            Node::Mapping(entries) => {
                let path = path.strip_prefix('.').unwrap_or(path);
                let after = |key: &str| {
                    let rest = path.strip_prefix(key)?;
                    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
                };
                // Of the keys `ecs` and `ecs.id`, the longer is meant.
                entries
                    .iter()
                    .filter_map(|entry| {
                        let rest =
                            after(&key_path("", &entry.key)).or_else(|| after(&entry.key))?;
                        Some((
                            Item {
                                at: entry.at,
                                value: entry.value,
                            },
                            rest,
                        ))
                    })
                    .min_by_key(|(_, rest)| rest.len())
            }
            Node::Scalar(_) | Node::Refused => None,
        }
    }
}

/// Adds a problem to those found; the one after the last that is kept says that there are more.
fn keep(found: &mut Vec<Problem>, problem: Problem) {
    match found.len() {
        0..MAX_PROBLEMS => found.push(problem),
        MAX_PROBLEMS => found.push(Problem::in_file(
            problem.file,
            format!("there are more problems than the {MAX_PROBLEMS} shown"),
        )),
        _ => {}
    }
}

/// The text of a file.
///
/// # Errors
/// When it cannot be read, is larger than 64 MiB, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Problem> {
    let file = path.display().to_string();
    let bytes = read_bytes(path).map_err(|error| cannot_read(&file, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        not_utf8(&file, &error.as_bytes()[..valid])
    })
}

/// The content of a file, with at most one byte more than is allowed.
fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > MAX_BYTES {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}

fn cannot_read(file: &str, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::NotFound => {
            Problem::in_file(file, "there is no such file").help("check the name and the folder")
        }
        io::ErrorKind::IsADirectory => {
            Problem::in_file(file, "this is a folder, not a file").help("name a file in it")
        }
        io::ErrorKind::PermissionDenied => {
            Problem::in_file(file, "this file may not be read").help("check its permissions")
        }
        io::ErrorKind::FileTooLarge => too_large(file),
        _ => Problem::in_file(file, format!("cannot be read: {error}")),
    }
}

fn too_large(file: &str) -> Problem {
    let message = format!("the file is larger than {} MiB", MAX_BYTES >> 20);
    Problem::in_file(file, message).help("describe alike things once, with a count")
}

/// The problem with the first byte after `valid`.
fn not_utf8(file: &str, valid: &[u8]) -> Problem {
    let line_start = valid
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + String::from_utf8_lossy(&valid[line_start..])
        .chars()
        .count();
    Problem::in_file(file, "this is not UTF-8 text")
        .at(line as u32, column as u32)
        .help("save the file as UTF-8")
}

#[cfg(test)]
mod tests;
