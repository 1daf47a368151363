//! What an expression says, and how it prints.
//!
//! The tree is never deep: parentheses are gone, a double negation cancels, and `and` within `and`
//! is one `and`. So each level of `and` or `or` owns a comparison, of 13 characters or more, and
//! 2000 characters make fewer than 320 levels. Walking the tree by recursion is safe.

use std::fmt;
use std::ops::Range;

use super::pattern::Pattern;

/// A comparison, or a Boolean combination. Made by [`Node::not`], [`Node::all`] and [`Node::any`],
/// which keep it shallow.
#[derive(Clone, PartialEq)]
pub enum Node {
    Comparison(Comparison),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
}

/// One subject put to one test.
#[derive(Clone)]
pub struct Comparison {
    /// What is looked at.
    pub subject: Subject,
    /// Whether the operator is `!=`, `!in`, `!~` or `!exists`, the complement of `test`.
    pub negated: bool,
    /// What is asked.
    pub test: Test,
    /// Where the comparison stands in the text, in characters.
    pub span: Range<usize>,
}

/// What a comparison looks at.
#[derive(Clone, PartialEq, Eq)]
pub enum Subject {
    AgentConnected,
    AgentVersion,
    Ec2InstanceId,
    RegisteredAt,
    RunningTasksCount,
    TaskGroup,
    Attribute(String),
}

/// What is asked of a subject that has a value. Literals keep the digits they were written with.
#[derive(Clone, PartialEq)]
pub enum Test {
    Exists,
    In(Vec<String>),
    Matches(Pattern),
    Text(Relation, String),
    Version(Relation, String),
    Number(Relation, Number),
}

/// How a value stands to a literal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A count, or a moment in Unix seconds, and how it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Number {
    /// As it was written.
    pub text: String,
    /// The count, or Unix seconds.
    pub value: i64,
}

impl Node {
    /// The complement of `node`.
    pub fn not(node: Node) -> Node {
        match node {
            Node::Not(inner) => *inner,
            other => Node::Not(Box::new(other)),
        }
    }

    /// `nodes` joined by `and`; there is at least one.
    pub fn all(nodes: Vec<Node>) -> Node {
        flat(nodes, Node::All, |node| match node {
            Node::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// `nodes` joined by `or`; there is at least one.
    pub fn any(nodes: Vec<Node>) -> Node {
        flat(nodes, Node::Any, |node| match node {
            Node::Any(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Every comparison, in the order of the text.
    pub fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            loop {
                match open.pop()? {
                    Node::Comparison(comparison) => return Some(comparison),
                    Node::Not(inner) => open.push(inner),
                    Node::All(nodes) | Node::Any(nodes) => open.extend(nodes.iter().rev()),
                }
            }
        })
    }
}

/// Joins `nodes`, putting those that `inner` takes apart in place of themselves.
fn flat(
    mut nodes: Vec<Node>,
    join: fn(Vec<Node>) -> Node,
    inner: fn(Node) -> Result<Vec<Node>, Node>,
) -> Node {
    if nodes.len() == 1 {
        return nodes.remove(0);
    }
    let mut joined = Vec::with_capacity(nodes.len());
    for node in nodes {
        match inner(node) {
            Ok(parts) => joined.extend(parts),
            Err(other) => joined.push(other),
        }
    }
    join(joined)
}

impl PartialEq for Comparison {
    /// Where it stands does not count.
    fn eq(&self, other: &Self) -> bool {
        self.subject == other.subject && self.negated == other.negated && self.test == other.test
    }
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Comparison(comparison) => comparison.fmt(out),
            Node::Not(inner) => write!(out, "not({inner})"),
            Node::All(nodes) => write_joined(nodes, " and ", out),
            Node::Any(nodes) => write_joined(nodes, " or ", out),
        }
    }
}

/// Parentheses stand around every `and` in an `or` too, so that nobody must know the precedence.
fn write_joined(nodes: &[Node], joint: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        if index > 0 {
            out.write_str(joint)?;
        }
        match node {
            Node::Comparison(_) | Node::Not(_) => write!(out, "{node}")?,
            Node::All(_) | Node::Any(_) => write!(out, "({node})")?,
        }
    }
    Ok(())
}

impl Comparison {
    fn operator(&self) -> &'static str {
        match (&self.test, self.negated) {
            (Test::Exists, false) => "exists",
            (Test::Exists, true) => "!exists",
            (Test::In(_), false) => "in",
            (Test::In(_), true) => "!in",
            (Test::Matches(_), false) => "=~",
            (Test::Matches(_), true) => "!~",
            (
                Test::Text(relation, _) | Test::Version(relation, _) | Test::Number(relation, _),
                negated,
            ) => match relation {
                Relation::Equal if negated => "!=",
                Relation::Equal => "==",
                Relation::Less => "<",
                Relation::LessOrEqual => "<=",
                Relation::Greater => ">",
                Relation::GreaterOrEqual => ">=",
            },
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.subject, self.operator())?;
        match &self.test {
            Test::Exists => Ok(()),
            Test::In(members) => {
                let members: Vec<String> = members.iter().map(|text| quoted(text)).collect();
                write!(out, " [{}]", members.join(", "))
            }
            Test::Matches(pattern) => write!(out, " {}", quoted(pattern.as_str())),
            Test::Text(_, text) | Test::Version(_, text) => write!(out, " {}", quoted(text)),
            Test::Number(_, number) => write!(out, " {}", quoted(&number.text)),
        }
    }
}

/// `text` as a literal: bare where that reads back as the same, else in quotes. A text that came
/// from a literal never holds both kinds of quotes.
fn quoted(text: &str) -> String {
    if !text.is_empty() && bare_length(text.chars()) == text.chars().count() {
        text.to_string()
    } else if text.contains('\'') {
        format!("\"{text}\"")
    } else {
        format!("'{text}'")
    }
}

/// How many of the `characters` belong to a bare literal that starts with the first.
///
/// White space of any kind ends it, also such as separates nothing: a no-break space pasted from a
/// page is an error and not an invisible part of a value.
pub fn bare_length(characters: impl Iterator<Item = char>) -> usize {
    let mut length = 0;
    let mut previous = None;
    for character in characters {
        if character.is_whitespace() || "()[],'\"".contains(character) {
            return length;
        }
        if matches!(character, '&' | '|') && previous == Some(character) {
            return length - 1;
        }
        length += 1;
        previous = Some(character);
    }
    length
}

/// `[0-9]+`
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[0-9]+(\.[0-9]+)*`
pub fn is_version(text: &str) -> bool {
    text.split('.').all(is_digits)
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::AgentConnected => out.write_str("agentConnected"),
            Subject::AgentVersion => out.write_str("agentVersion"),
            Subject::Ec2InstanceId => out.write_str("ec2InstanceId"),
            Subject::RegisteredAt => out.write_str("registeredAt"),
            Subject::RunningTasksCount => out.write_str("runningTasksCount"),
            Subject::TaskGroup => out.write_str("task:group"),
            Subject::Attribute(name) => write!(out, "attribute:{name}"),
        }
    }
}
