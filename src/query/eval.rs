//! Asking an expression of an instance. Knows no cluster, only a [`Candidate`].

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use super::ast::{Comparison, Node, Relation, Subject, Test, is_digits, is_version};
use super::timestamp;

/// What an expression may look at: a container instance, seen from here.
pub trait Candidate {
    /// Whether the container agent is connected.
    fn agent_connected(&self) -> bool;
    /// The version of the container agent, such as `1.51.0`, if it has one.
    fn agent_version(&self) -> Option<&str>;
    /// The id of the EC2 instance, if it is one.
    fn ec2_instance_id(&self) -> Option<&str>;
    /// When the instance was registered, in Unix seconds.
    fn registered_at(&self) -> Option<i64>;
    /// The number of tasks that run on the instance.
    fn running_tasks_count(&self) -> u32;
    /// Whether `test` holds for the group of some task that is meant to run on the instance.
    fn any_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool;
    /// The value of an attribute: nothing when it is absent, empty when it has no value.
    fn attribute(&self, name: &str) -> Option<&str>;
}

/// Whether a candidate satisfies an expression and, if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it does.
    pub matches: bool,
    /// The comparisons to blame, in the order of the text; empty when the candidate matches.
    pub blames: Vec<Blame>,
}

/// A comparison that turned out so that the whole expression fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// The comparison as it was written.
    pub source: String,
    /// Where it stands in the text, in characters.
    pub span: Range<usize>,
    /// Whether it holds: then a negation around it makes it the culprit.
    pub holds: bool,
    /// The value found, as in `attribute:stack is "dev"`.
    pub found: String,
}

impl Node {
    /// Whether `candidate` satisfies the expression.
    pub fn matches(&self, candidate: &impl Candidate) -> bool {
        match self {
            Node::Comparison(comparison) => comparison.holds(candidate),
            Node::Not(inner) => !inner.matches(candidate),
            Node::All(nodes) => nodes.iter().all(|node| node.matches(candidate)),
            Node::Any(nodes) => nodes.iter().any(|node| node.matches(candidate)),
        }
    }
}

impl Comparison {
    fn holds(&self, candidate: &impl Candidate) -> bool {
        let test = &self.test;
        let accepted = match &self.subject {
            Subject::AgentConnected => Some(test.accepts(connected(candidate))),
            Subject::AgentVersion => candidate
                .agent_version()
                .filter(|version| is_version(version))
                .map(|version| test.accepts(version)),
            Subject::Ec2InstanceId => candidate.ec2_instance_id().map(|id| test.accepts(id)),
            Subject::RegisteredAt => candidate
                .registered_at()
                .map(|seconds| test.accepts_number(seconds)),
            Subject::RunningTasksCount => {
                Some(test.accepts_number(candidate.running_tasks_count().into()))
            }
            Subject::TaskGroup => Some(candidate.any_group(&mut |group| test.accepts(group))),
            Subject::Attribute(name) => candidate.attribute(name).map(|value| test.accepts(value)),
        };
        match accepted {
            Some(accepted) => accepted != self.negated,
            None => self.negated && matches!(test, Test::Exists),
        }
    }
}

impl Test {
    /// Whether a subject with this value passes, before any negation.
    fn accepts(&self, value: &str) -> bool {
        match self {
            Test::Exists => true,
            Test::In(members) => members.iter().any(|member| member == value),
            Test::Matches(pattern) => pattern.matches(value),
            // Numbers in another spelling are not the same text, though neither is the greater.
            Test::Text(Relation::Equal, text) => value == text,
            Test::Text(relation, text) => relation.holds(compare_texts(value, text)),
            Test::Version(relation, version) => relation.holds(compare_versions(value, version)),
            Test::Number(..) => false,
        }
    }

    /// The same for a subject that is a number.
    fn accepts_number(&self, value: i64) -> bool {
        match self {
            Test::Number(relation, number) => relation.holds(value.cmp(&number.value)),
            Test::Exists | Test::In(_) | Test::Matches(_) | Test::Text(..) | Test::Version(..) => {
                false
            }
        }
    }
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Relation::Equal => ordering.is_eq(),
            Relation::Less => ordering.is_lt(),
            Relation::LessOrEqual => ordering.is_le(),
            Relation::Greater => ordering.is_gt(),
            Relation::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// As numbers if both are decimal numbers, else by code point. AWS documents no ordering.
fn compare_texts(left: &str, right: &str) -> Ordering {
    match (Decimal::parse(left), Decimal::parse(right)) {
        (Some(left), Some(right)) => left.compare(&right),
        // The bytes of UTF-8 are in the order of the code points.
        _ => left.cmp(right),
    }
}

/// A number of any length, kept as its digits so that comparing is exact.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// `[+-]?[0-9]+(\.[0-9]+)?`
    fn parse(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        if !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Decimal {
            negative: text.starts_with('-') && !zero,
            whole,
            fraction,
        })
    }

    fn compare(&self, other: &Decimal) -> Ordering {
        let magnitude =
            compare_digits(self.whole, other.whole).then_with(|| self.fraction.cmp(other.fraction));
        match (self.negative, other.negative) {
            (false, false) => magnitude,
            (true, true) => magnitude.reverse(),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

/// Two whole numbers of any length, written in digits.
fn compare_digits(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Component by component, as numbers; a component that is missing is 0.
fn compare_versions(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let (left, right) = (left.next(), right.next());
        if left.is_none() && right.is_none() {
            return Ordering::Equal;
        }
        let ordering = compare_digits(left.unwrap_or("0"), right.unwrap_or("0"));
        if ordering.is_ne() {
            return ordering;
        }
    }
}

fn connected(candidate: &impl Candidate) -> &'static str {
    match candidate.agent_connected() {
        true => "true",
        false => "false",
    }
}

/// Explains what `root`, parsed from `text`, says of `candidate`.
pub fn explain(root: &Node, text: &str, candidate: &impl Candidate) -> Explanation {
    let mut culprits = Vec::new();
    blame(root, true, candidate, &mut culprits);
    let blames: Vec<Blame> = culprits
        .into_iter()
        .map(|comparison| Blame {
            source: slice(text, &comparison.span),
            span: comparison.span.clone(),
            holds: comparison.holds(candidate),
            found: found(&comparison.subject, candidate),
        })
        .collect();
    Explanation {
        matches: blames.is_empty(),
        blames,
    }
}

/// Gathers the comparisons because of which `node` is not as `wanted`; none when it is.
fn blame<'a>(
    node: &'a Node,
    wanted: bool,
    candidate: &impl Candidate,
    culprits: &mut Vec<&'a Comparison>,
) {
    if node.matches(candidate) == wanted {
        return;
    }
    match node {
        Node::Comparison(comparison) => culprits.push(comparison),
        Node::Not(inner) => blame(inner, !wanted, candidate, culprits),
        Node::All(nodes) | Node::Any(nodes) => {
            for node in nodes {
                blame(node, wanted, candidate, culprits);
            }
        }
    }
}

fn slice(text: &str, span: &Range<usize>) -> String {
    text.chars().skip(span.start).take(span.len()).collect()
}

/// What `candidate` has for `subject`, in words.
fn found(subject: &Subject, candidate: &impl Candidate) -> String {
    let value = match subject {
        Subject::AgentConnected => Some(connected(candidate).to_string()),
        Subject::AgentVersion => candidate.agent_version().map(|version| {
            let remark = if is_version(version) {
                ""
            } else {
                ", which is no version"
            };
            format!("\"{version}\"{remark}")
        }),
        Subject::Ec2InstanceId => candidate.ec2_instance_id().map(|id| format!("\"{id}\"")),
        Subject::RegisteredAt => candidate.registered_at().map(timestamp::format),
        Subject::RunningTasksCount => Some(candidate.running_tasks_count().to_string()),
        Subject::TaskGroup => return found_groups(candidate),
        Subject::Attribute(name) => candidate.attribute(name).map(|value| match value {
            "" => "without value".to_string(),
            value => format!("\"{value}\""),
        }),
    };
    format!("{subject} is {}", value.as_deref().unwrap_or("absent"))
}

/// The groups on the instance, each once and in alphabetical order.
fn found_groups(candidate: &impl Candidate) -> String {
    let mut groups = BTreeSet::new();
    candidate.any_group(&mut |group| {
        groups.insert(format!("\"{group}\""));
        false
    });
    if groups.is_empty() {
        return "no task is there".to_string();
    }
    let groups: Vec<String> = groups.into_iter().collect();
    format!("task:group is {}", groups.join(" and "))
}

impl fmt::Display for Blame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds { " must not hold" } else { "" };
        write!(out, "{}{verdict}: {}", self.source, self.found)
    }
}

impl fmt::Display for Explanation {
    /// `matches`, or one line for each comparison to blame.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.matches {
            return out.write_str("matches");
        }
        let lines: Vec<String> = self.blames.iter().map(Blame::to_string).collect();
        out.write_str(&lines.join("\n"))
    }
}
