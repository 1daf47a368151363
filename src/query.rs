//! The cluster query language of Amazon ECS, as `memberOf` placement constraints use it.
//!
//! An expression is checked whole when it is parsed: an unknown subject, an operator its subject
//! does not take, a number, version, time or regular expression that is none are all errors with a
//! place. What parses can then be asked of any [`Candidate`] and cannot fail.
//!
//! ```text
//! or         = and { ("or" | "||") and }
//! and        = not { ("and" | "&&") not }
//! not        = { "not" | "!" } ( "(" or ")" | comparison )
//! comparison = subject ( exist | list "[" value { "," value } "]" | operator value )
//! subject    = "agentConnected" | "agentVersion" | "ec2InstanceId" | "registeredAt"
//!            | "runningTasksCount" | "task:group" | "attribute:" name
//! exist      = "exists" | "!exists" | "not_exists"
//! list       = "in" | "!in" | "not_in"
//! operator   = "==" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~"
//!            | "equals" | "not_equals" | "less_than" | "less_than_equal"
//!            | "greater_than" | "greater_than_equal" | "matches" | "not_matches"
//! value      = "'" any but ' "'" | '"' any but " '"' | any but white space ( ) [ ] , ' " && ||
//! ```
//!
//! AWS documents neither the precedence (here `not`, `and`, `or`) nor quotes (here both kinds,
//! without escapes); keywords are lower case. An attribute that is absent fails every comparison,
//! `!=` included, and satisfies only `!exists`; `task:group != x` means that no task has group `x`.
//! Regular expressions are Java's and match the whole value, as far as [`pattern`] says.
//!
//! Source: Amazon ECS Developer Guide, "Cluster query language" and "Task placement constraints".
//!
//! ```
//! # use stowplan::query;
//! let expression = query::parse("attribute:stack == prod and runningTasksCount < 2")?;
//! assert!(expression.depends_on_tasks());
//! assert_eq!(expression.attributes().collect::<Vec<_>>(), ["stack"]);
//!
//! let error = query::parse("attribute:stack = prod").unwrap_err();
//! assert_eq!((error.column, error.help.as_deref()), (17, Some("did you mean ==?")));
//! # Ok::<(), query::ParseError>(())
//! ```

mod ast;
mod eval;
mod parser;
pub mod pattern;
#[cfg(test)]
mod tests;
pub mod timestamp;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::ops::Range;

use ast::{Node, Subject};
pub use eval::{Blame, Candidate, Explanation};

/// The longest expression there may be, in characters. Source: ECS API, `PlacementConstraint`.
pub const MAX_CHARACTERS: usize = 2000;

/// A parsed expression: a question with the answer yes or no for each container instance.
///
/// Two expressions are equal when they ask the same in the same words: parentheses that change
/// nothing, double negation, spelling of operators, quotes and white space do not count. An
/// expression prints in one spelling, which parses to an equal one unless it outgrows
/// [`MAX_CHARACTERS`].
#[derive(Clone)]
pub struct Expression {
    text: String,
    root: Node,
}

/// Parses `text`.
///
/// # Errors
/// The first thing that is wrong with `text`, and where.
pub fn parse(text: &str) -> Result<Expression, ParseError> {
    let root = parser::parse(text)?;
    Ok(Expression {
        text: text.to_string(),
        root,
    })
}

impl Expression {
    /// Whether `candidate` satisfies the expression.
    pub fn matches(&self, candidate: &impl Candidate) -> bool {
        self.root.matches(candidate)
    }

    /// Whether `candidate` satisfies the expression and, if not, which comparisons are to blame.
    pub fn explain(&self, candidate: &impl Candidate) -> Explanation {
        eval::explain(&self.root, &self.text, candidate)
    }

    /// The names of the attributes the expression asks about, each once, in alphabetical order.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        let names: BTreeSet<&str> = self
            .root
            .comparisons()
            .filter_map(|comparison| match &comparison.subject {
                Subject::Attribute(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        names.into_iter()
    }

    /// Whether the answer may change with the tasks on an instance (`runningTasksCount`, `task:group`).
    pub fn depends_on_tasks(&self) -> bool {
        self.root.comparisons().any(|comparison| {
            matches!(
                comparison.subject,
                Subject::RunningTasksCount | Subject::TaskGroup
            )
        })
    }

    /// Whether instances with equal attributes may get different answers: some subject is no attribute.
    pub fn depends_on_instance(&self) -> bool {
        self.root
            .comparisons()
            .any(|comparison| !matches!(comparison.subject, Subject::Attribute(_)))
    }
}

impl PartialEq for Expression {
    /// The text as written is left out: what counts is what it says.
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(out)
    }
}

impl fmt::Debug for Expression {
    /// As it prints: the tree says no more, and is much longer.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Expression({self})")
    }
}

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The characters at fault, counted from the start of the text; empty at the end of the text.
    pub span: Range<usize>,
    /// Line of the first of them, from 1.
    pub line: usize,
    /// Column of the first of them in its line, from 1, in characters.
    pub column: usize,
    /// What was expected or is wrong, without the place.
    pub message: String,
    /// What to write instead, when that can be guessed.
    pub help: Option<String>,
}

impl ParseError {
    /// The line of `text` at fault and, below it, carets under the fault and what is wrong.
    ///
    /// `text` is the text that was parsed; with another the carets point nowhere in particular.
    pub fn snippet(&self, text: &str) -> String {
        let line = text.split('\n').nth(self.line - 1).unwrap_or_default();
        let line = line.trim_end_matches('\r');
        let indent: String = line
            .chars()
            .map(|character| if character == '\t' { '\t' } else { ' ' })
            .chain(std::iter::repeat(' '))
            .take(self.column - 1)
            .collect();
        let rest_of_line = line.chars().count().saturating_sub(self.column - 1);
        let carets = "^".repeat(self.span.len().min(rest_of_line).max(1));
        let help = self.help.as_ref().map(|help| format!("; {help}"));
        let help = help.unwrap_or_default();
        format!("{line}\n{indent}{carets} {}{help}", self.message)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at ", self.message)?;
        if self.line > 1 {
            write!(out, "line {}, ", self.line)?;
        }
        write!(out, "column {}", self.column)?;
        match &self.help {
            Some(help) => write!(out, "; {help}"),
            None => Ok(()),
        }
    }
}

impl Error for ParseError {}
