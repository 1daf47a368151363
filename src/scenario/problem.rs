//! What is wrong with an input file: where, what, and what to do about it.
//!
//! Every check of a scenario ends in [`Problem`]s. They are gathered, never thrown one by one, so
//! that a file can be mended in one go; [`Problems`] sorts and prints them.

use std::fmt;

/// One thing that is wrong with an input file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as its user named it.
    pub file: String,
    /// Line, from 1; absent when the file as a whole is at fault.
    pub line: Option<u32>,
    /// Column in characters, from 1; absent when only the line is known.
    pub column: Option<u32>,
    /// The place in the document, such as `workloads[0].runTask.count`; empty for all of it.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem with a file as a whole.
    pub fn in_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Problem {
            file: file.into(),
            line: None,
            column: None,
            path: String::new(),
            message: message.into(),
            help: None,
        }
    }

    /// The same problem at a line and column, both from 1.
    pub fn at(mut self, line: u32, column: u32) -> Self {
        (self.line, self.column) = (Some(line), Some(column));
        self
    }

    /// The same problem with a remedy.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same problem with the likeliest of the `known` names as its remedy; with all of them
    /// when none is likely and they are few. `what` says what they are: `known keys`, `clusters`.
    pub fn suggest<'a, I>(mut self, wanted: &str, what: &str, known: I) -> Self
    where
        I: IntoIterator<Item = &'a str>,
        I::IntoIter: Clone,
    {
        let known = known.into_iter();
        self.help = did_you_mean(wanted, known.clone()).or_else(|| listed(what, known));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error: {}", self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(out, ":{number}")?;
        }
        if !self.path.is_empty() {
            write!(out, ": {}", self.path)?;
        }
        write!(out, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(out, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with the input, by file, line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts what was found; problems of one place keep their order.
    pub fn new(mut found: Vec<Problem>) -> Self {
        found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        Problems(found)
    }

    /// The problems in the order in which they are printed.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    /// The problems, to be put together with others.
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Problems(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            write!(out, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Names longer than this are not compared: the time to compare grows with their product.
const LONGEST_COMPARED: usize = 64;

/// `did you mean "spot-b"?` for the known name nearest to `wanted`, when one is near.
///
/// Near is the same but for upper and lower case, or one slip (a letter too many, too few, wrong,
/// or two swapped: Damerau and Levenshtein) for every three letters. Of equally near names the
/// alphabetically first is taken, so that the order of `known` does not matter.
pub fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if wanted.len() > LONGEST_COMPARED {
        return None;
    }
    let folded = wanted.to_lowercase();
    let allowed = (folded.chars().count() / 3).max(1);
    let (_, nearest) = known
        .into_iter()
        .filter(|name| name.len() <= LONGEST_COMPARED && *name != wanted)
        .map(|name| {
            (
                strsim::damerau_levenshtein(&folded, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(slips, name)| *slips <= allowed && *slips < name.chars().count())
        .min()?;
    Some(format!("did you mean {}?", quoted(nearest)))
}

/// At most so many names are worth listing in a remedy.
const MOST_LISTED: usize = 16;

/// `known keys: count, name`, unless there are none or too many to read.
pub(super) fn listed<'a>(what: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = known.take(MOST_LISTED + 1).collect();
    let readable = (1..=MOST_LISTED).contains(&names.len());
    readable.then(|| format!("{what}: {}", names.join(", ")))
}

/// A text from the input as messages show it: in quotes, with what cannot be printed escaped,
/// and cut when it is long.
pub fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// At most 60 characters of `text`, with an ellipsis when that is not all of it.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The path of the value under `key`: `runTask` gives `path.runTask`, and a key that holds more
/// than letters, digits, `-` and `_` is quoted: `path["ecs.instance-type"]`.
pub fn key_path(path: &str, key: &str) -> String {
    if !is_plain(key) {
        return format!("{path}[{}]", quoted(key));
    }
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{}", shortened(key))
}

/// Whether a key can stand in a path without quotes.
fn is_plain(key: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    !key.is_empty() && key.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_place_message_and_remedy() {
        let mut problem = Problem::in_file("a.yaml", "11 is above the maximum of 10");
        assert_eq!(
            problem.to_string(),
            "error: a.yaml: 11 is above the maximum of 10"
        );
        problem = problem.at(12, 5).help("write 10");
        problem.path = "workloads[0].runTask.count".to_owned();
        assert_eq!(
            problem.to_string(),
            "error: a.yaml:12:5: workloads[0].runTask.count: 11 is above the maximum of 10\n  \
             help: write 10"
        );
    }

    #[test]
    fn sorts_by_file_line_and_column() {
        let found = [("b", 1, 1), ("a", 10, 2), ("a", 9, 7), ("a", 10, 1)]
            .map(|(file, line, column)| Problem::in_file(file, "x").at(line, column));
        let printed = Problems::new(found.to_vec()).to_string();
        let expected = "error: a:9:7: x\nerror: a:10:1: x\nerror: a:10:2: x\nerror: b:1:1: x";
        assert_eq!(printed, expected);
    }

    #[test]
    fn suggests_the_nearest_name() {
        let check = |wanted: &str, known: &[&str], expected: Option<&str>| {
            let expected = expected.map(|name| format!("did you mean \"{name}\"?"));
            assert_eq!(
                did_you_mean(wanted, known.iter().copied()),
                expected,
                "{wanted}"
            );
        };
        check("spotb", &["spot-a", "spot-b"], Some("spot-b"));
        check("Count", &["count", "amount"], Some("count"));
        check("spot-c", &["spot-b", "spot-a"], Some("spot-a"));
        check("cuont", &["count"], Some("count"));
        check("memory", &["cpu", "gpu"], None);
        check("x", &["y"], None);
        check("", &["a"], None);
        check(&"a".repeat(10_000_000), &["a"], None);
    }

    #[test]
    fn lists_names_only_when_they_are_few() {
        let help = |known: &[&str]| {
            let problem = Problem::in_file("a", "x");
            problem
                .suggest("zzzzzz", "known keys", known.iter().copied())
                .help
        };
        assert_eq!(
            help(&["one", "two"]).as_deref(),
            Some("known keys: one, two")
        );
        assert_eq!(help(&[]), None);
        assert_eq!(help(&["n"; 17]), None);
    }

    #[test]
    fn quotes_keys_that_would_be_misread() {
        let check = |path, key, expected: &str| assert_eq!(key_path(path, key), expected);
        check("", "name", "name");
        check("a[0]", "name", "a[0].name");
        check(
            "attributes",
            "ecs.instance-type",
            "attributes[\"ecs.instance-type\"]",
        );
        check("a", "b\n\u{1b}", "a[\"b\\n\\u{1b}\"]");
        check("a", "größe", "a.größe");
    }
}
