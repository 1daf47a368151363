//! A [`Tree`] against a JSON Schema: every structural problem at once, and the value that is left.
//!
//! The schema is the one that `schemars` derives, and what it emits is what is understood here:
//! `$ref`, `allOf`, `properties`, `required`, `additionalProperties`, `oneOf` and `anyOf` for
//! enums and options, `const` and `enum`, limits, lengths and formats. Of an enum only the branch
//! that is meant is checked, so that no message speaks of the others.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::scheme::{Kind, Scheme, Shape};
use super::tree::{Entry, Item, Meaning, Node, NodeId, Position, Scalar, Tree};
use super::{Format, keep};
use crate::scenario::problem::{Problem, key_path, listed, quoted, shortened};

/// The value that the tree describes, with everything that is wrong about it. The value means
/// something only when nothing is wrong.
pub fn check(file: &str, tree: &Tree, schema: &Value, formats: &[Format]) -> (Value, Vec<Problem>) {
    let mut checker = Checker {
        file,
        tree,
        scheme: Scheme::new(schema),
        formats,
        found: vec![],
    };
    let root = tree.root();
    let place = Place {
        at: root.at,
        step: Step::Root,
    };
    let value = checker.value(root.value, schema, &place);
    (value, checker.found)
}

/// Where a value stands; its path is only written out when something is wrong with it.
struct Place<'a> {
    at: Position,
    step: Step<'a>,
}

enum Step<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn path(&self) -> String {
        match &self.step {
            Step::Root => String::new(),
            Step::Key(parent, key) => key_path(&parent.path(), key),
            Step::Index(parent, index) => format!("{}[{index}]", parent.path()),
        }
    }
}

struct Checker<'a> {
    file: &'a str,
    tree: &'a Tree,
    scheme: Scheme<'a>,
    formats: &'a [Format],
    found: Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn problem(&self, place: &Place, message: impl Into<String>) -> Problem {
        let problem = Problem::in_file(self.file, message).at(place.at.line, place.at.column);
        Problem {
            path: place.path(),
            ..problem
        }
    }

    fn report(&mut self, problem: Problem) {
        keep(&mut self.found, problem);
    }

    /// Checks a value and everything below it.
    fn value(&mut self, id: NodeId, schema: &'a Value, place: &Place) -> Value {
        let node = self.tree.node(id);
        let Some(shape) = self.shape_for(node, schema, place) else {
            return Value::Null;
        };
        let kinds = self.scheme.kinds_of_shape(&shape);
        let Some(kind) = fitting(node, &kinds) else {
            self.report_wrong_kind(node, &kinds, &shape, place);
            return Value::Null;
        };
        let before = self.found.len();
        let value = match node {
            Node::Refused => Value::Null,
            Node::Sequence(items) => self.sequence(items, &shape, place),
            Node::Mapping(entries) => self.mapping(entries, &shape, place),
            Node::Scalar(scalar) => self.scalar(scalar, kind, &shape, place),
        };
        if self.found.len() == before && !matches!(node, Node::Refused) {
            self.check_format(&value, &shape, place);
        }
        value
    }

    /// The schema with every choice in it made as `node` asks. `None`, once reported, when it
    /// asks for none of them.
    fn shape_for(&mut self, node: &'a Node, schema: &'a Value, place: &Place) -> Option<Shape<'a>> {
        let mut shape = self.scheme.shape(schema);
        while let Some(branches) = shape.choices.pop() {
            let branch = self.choose(node, branches, place)?;
            self.scheme.gather(branch, &mut shape);
        }
        Some(shape)
    }

    /// The branch of a choice that `node` means.
    fn choose(
        &mut self,
        node: &'a Node,
        branches: &'a [Value],
        place: &Place,
    ) -> Option<&'a Value> {
        let all = self.scheme.flattened(branches);
        let rank = |schema: &&'a Value| rank(node, &self.scheme.kinds(schema));
        let Some(best) = all.iter().filter_map(rank).min() else {
            if !matches!(node, Node::Refused) {
                self.report_no_branch(node, &all, place);
            }
            return None;
        };
        let fitting: Vec<&Value> = all
            .iter()
            .copied()
            .filter(|schema| rank(schema) == Some(best))
            .collect();
        match (node, fitting.as_slice()) {
            (Node::Scalar(scalar), _) if best.kind == Kind::String => {
                self.choose_text(scalar, &fitting, &all, place)
            }
            (_, [only]) => Some(only),
            (Node::Mapping(entries), _) => self.choose_mapping(entries, &fitting, place),
            _ => fitting.first().copied(),
        }
    }

    /// Reports a node of a kind that no branch of a choice takes.
    fn report_no_branch(&mut self, node: &Node, all: &[&'a Value], place: &Place) {
        let kinds = all.iter().flat_map(|schema| self.scheme.kinds(schema));
        let kinds: Vec<Kind> = kinds.collect();
        let shapes = all.iter().map(|schema| self.scheme.shape(schema));
        let mappings: Vec<Shape> = shapes.filter(|it| !it.known_keys().is_empty()).collect();
        if let (Some(tag), false) = (Shape::common_tag(&mappings), kinds.contains(&Kind::Array)) {
            let message = format!(
                "expected {}, found {}",
                expectation(&kinds),
                described(node)
            );
            let known = mappings.iter().filter_map(|shape| shape.tag_value(tag));
            let known: Vec<&str> = known.collect();
            let help = format!(
                "write {{{tag}: …}}, which takes one of: {}",
                known.join(", ")
            );
            let problem = self.problem(place, message).help(help);
            return self.report(problem);
        }
        let mut shape = Shape::default();
        all.iter()
            .for_each(|schema| self.scheme.gather(schema, &mut shape));
        self.report_wrong_kind(node, &kinds, &shape, place);
    }

    /// The one of `branches` of which the text is a value; else the first that takes any text.
    /// Among `all` branches there may also be mappings.
    fn choose_text(
        &mut self,
        scalar: &Scalar,
        branches: &[&'a Value],
        all: &[&'a Value],
        place: &Place,
    ) -> Option<&'a Value> {
        let mut known = Vec::new();
        let mut free = None;
        for &branch in branches {
            match self.scheme.constants(branch) {
                Some(values) if values.contains(&scalar.text.as_str()) => return Some(branch),
                Some(values) => known.extend(values),
                None => free = free.or(Some(branch)),
            }
        }
        if free.is_some() {
            return free;
        }
        let is_key = |schema: &&Value| self.scheme.shape(schema).only_key() == Some(&scalar.text);
        if all.iter().any(is_key) {
            let text = &scalar.text;
            let problem = self.problem(place, format!("{text} needs more than its name"));
            self.report(problem.help(format!("write it as a key: \"{text}: …\"")));
        } else {
            self.report_unknown_value(&scalar.text, known, place);
        }
        None
    }

    fn report_unknown_value(&mut self, text: &str, known: Vec<&str>, place: &Place) {
        let problem = self.problem(place, format!("unknown value {}", quoted(text)));
        self.report(problem.suggest(text, "known values", known));
    }

    /// The variant of an enum that a mapping is: by its tag, by its only key, or else the one that
    /// knows most of its keys.
    fn choose_mapping(
        &mut self,
        entries: &'a [Entry],
        branches: &[&'a Value],
        place: &Place,
    ) -> Option<&'a Value> {
        let shapes: Vec<Shape> = branches
            .iter()
            .map(|branch| self.scheme.shape(branch))
            .collect();
        if let Some(tag) = Shape::common_tag(&shapes) {
            let index = self.choose_by_tag(entries, tag, &shapes, place)?;
            return Some(branches[index]);
        }
        let variants: Option<Vec<&str>> = shapes.iter().map(Shape::only_key).collect();
        if let Some(variants) = variants {
            let index = self.choose_by_key(entries, &variants, place)?;
            return Some(branches[index]);
        }
        let known = |shape: &Shape| {
            entries
                .iter()
                .filter(|entry| shape.property(&entry.key).is_some())
                .count()
        };
        // The first of several that know equally many.
        let (_, branch) = shapes
            .iter()
            .zip(branches)
            .rev()
            .max_by_key(|(shape, _)| known(shape))?;
        Some(branch)
    }

    fn choose_by_tag(
        &mut self,
        entries: &'a [Entry],
        tag: &str,
        shapes: &[Shape<'a>],
        place: &Place,
    ) -> Option<usize> {
        let known: Vec<&str> = shapes
            .iter()
            .filter_map(|shape| shape.tag_value(tag))
            .collect();
        let Some(entry) = entries.iter().find(|entry| entry.key == tag) else {
            let problem = self.problem(place, format!("the key {} is missing", quoted(tag)));
            self.report(problem.help(format!("it takes one of: {}", known.join(", "))));
            return None;
        };
        let place = Place {
            at: entry.at,
            step: Step::Key(place, tag),
        };
        match self.tree.node(entry.value) {
            Node::Scalar(scalar) if scalar.meaning != Meaning::Null => {
                let index = known.iter().position(|value| *value == scalar.text);
                if index.is_none() {
                    self.report_unknown_value(&scalar.text, known, &place);
                }
                index
            }
            Node::Refused => None,
            other => {
                self.report_wrong_kind(other, &[Kind::String], &Shape::default(), &place);
                None
            }
        }
    }

    fn choose_by_key(
        &mut self,
        entries: &[Entry],
        variants: &[&str],
        place: &Place,
    ) -> Option<usize> {
        let [entry] = entries else {
            let message = format!("exactly one key is needed here, not {}", entries.len());
            let known = format!("it is one of: {}", variants.join(", "));
            let problem = self.problem(place, message).help(known);
            self.report(problem);
            return None;
        };
        let index = variants.iter().position(|variant| *variant == entry.key);
        if index.is_none() {
            let place = Place {
                at: entry.at,
                step: Step::Key(place, &entry.key),
            };
            let problem = self.problem(&place, "unknown key");
            self.report(problem.suggest(&entry.key, "known keys", variants.iter().copied()));
        }
        index
    }

    fn report_unknown_key(&mut self, entry: &Entry, shape: &Shape, place: &Place) {
        let problem = self.problem(place, "unknown key");
        self.report(match shape.get("patternProperties") {
            Some(_) => problem.help("the keys here are whole numbers"),
            None => {
                let problem = problem.suggest(&entry.key, "known keys", shape.known_keys());
                match problem.help {
                    Some(_) => problem,
                    None => problem.help("\"stowplan schema\" lists the known keys"),
                }
            }
        });
    }

    fn mapping(&mut self, entries: &'a [Entry], shape: &Shape<'a>, place: &Place) -> Value {
        let mut object = Map::new();
        for entry in entries {
            let below = Place {
                at: entry.at,
                step: Step::Key(place, &entry.key),
            };
            let Some(schema) = shape.value_schema(&entry.key) else {
                self.report_unknown_key(entry, shape, &below);
                continue;
            };
            object.insert(entry.key.clone(), self.value(entry.value, schema, &below));
        }
        for key in shape.required() {
            if !entries.iter().any(|entry| entry.key == key) {
                self.report_missing_key(key, shape, place);
            }
        }
        self.check_length(entries.len(), "Properties", "key", shape, place);
        Value::Object(object)
    }

    fn report_missing_key(&mut self, key: &str, shape: &Shape<'a>, place: &Place) {
        let problem = self.problem(place, format!("the key {} is missing", quoted(key)));
        let schema = shape.property(key).unwrap_or(&Value::Bool(true));
        let takes = match self.scheme.constants(schema) {
            Some(values) => format!("it takes one of: {}", values.join(", ")),
            None => format!("it takes {}", expectation(&self.scheme.kinds(schema))),
        };
        let examples = self.scheme.shape(schema).get("examples");
        let example = examples.and_then(|it| it.get(0)?.as_str());
        let takes = example.map_or(takes.clone(), |example| {
            format!("{takes} such as {example}")
        });
        self.report(problem.help(takes));
    }

    fn sequence(&mut self, items: &[Item], shape: &Shape<'a>, place: &Place) -> Value {
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let below = Place {
                at: item.at,
                step: Step::Index(place, index),
            };
            // More items than a tuple has: their number is reported below.
            values.push(match shape.item_schema(index) {
                Some(schema) => self.value(item.value, schema, &below),
                None => Value::Null,
            });
        }
        self.check_length(items.len(), "Items", "item", shape, place);
        if shape.get("uniqueItems") == Some(&Value::Bool(true)) {
            self.check_unique(items, &values, place);
        }
        Value::Array(values)
    }

    fn check_unique(&mut self, items: &[Item], values: &[Value], place: &Place) {
        let mut first = BTreeMap::new();
        for (index, (item, value)) in items.iter().zip(values).enumerate() {
            let earlier = *first.entry(value.to_string()).or_insert(index);
            if earlier != index {
                let below = Place {
                    at: item.at,
                    step: Step::Index(place, index),
                };
                let message = format!("the same item already stands at [{earlier}]");
                let problem = self.problem(&below, message).help("remove one of the two");
                self.report(problem);
            }
        }
    }

    /// Checks a number of `things` against, say, `minItems` and `maxItems`.
    fn check_length(
        &mut self,
        length: usize,
        keyword: &str,
        thing: &str,
        shape: &Shape,
        place: &Place,
    ) {
        let limit = |end: &str| {
            shape
                .get(&format!("{end}{keyword}"))
                .and_then(Value::as_u64)
        };
        let (at_least, at_most) = (limit("min"), limit("max"));
        let length = length as u64;
        let found = counted(length, thing);
        let needed = match (at_least, at_most) {
            (Some(least), Some(most)) if least == most && length != least => {
                format!("{found}; {} needed", are(least))
            }
            (Some(least), _) if length < least => {
                format!("{found}; at least {} needed", are(least))
            }
            (_, Some(most)) if length > most => {
                format!("{found}; at most {} allowed", are(most))
            }
            _ => return,
        };
        let problem = self.problem(place, needed);
        self.report(problem);
    }

    /// A scalar taken for what the schema wants: a version `1.0` without quotes is text where only
    /// text is wanted.
    fn scalar(&mut self, scalar: &Scalar, kind: Kind, shape: &Shape, place: &Place) -> Value {
        let value = match (kind, scalar.meaning) {
            (Kind::String, _) | (_, Meaning::Text) => Value::String(scalar.text.clone()),
            (_, Meaning::Null) => Value::Null,
            (_, Meaning::Bool(value)) => Value::Bool(value),
            (_, Meaning::Integer(_) | Meaning::Float(_)) => self.number(scalar, kind, shape, place),
        };
        if kind == Kind::String {
            self.check_length(
                scalar.text.chars().count(),
                "Length",
                "character",
                shape,
                place,
            );
        }
        let known = shape.values();
        if !value.is_null() && !known.is_empty() && !known.contains(&&value) {
            let texts: Vec<String> = known
                .iter()
                .map(|value| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                })
                .collect();
            let texts = texts.iter().map(String::as_str).collect();
            self.report_unknown_value(&scalar.text, texts, place);
        }
        value
    }

    fn number(&mut self, scalar: &Scalar, kind: Kind, shape: &Shape, place: &Place) -> Value {
        let text = shortened(&scalar.text);
        if let Meaning::Float(value) = scalar.meaning
            && !value.is_finite()
        {
            let problem = self.problem(place, format!("{text} is not a finite number"));
            self.report(problem.help("write a number in digits"));
            return Value::Null;
        }
        if let Some((message, help)) = shape.out_of_range(scalar.meaning) {
            let problem = self.problem(place, format!("{text} {message}")).help(help);
            self.report(problem);
            return Value::Null;
        }
        match scalar.meaning {
            Meaning::Float(value) if kind == Kind::Integer => {
                let problem = self.problem(place, format!("{text} is not a whole number"));
                let help = match value.fract() == 0.0 {
                    true => format!("write {value}"),
                    false => format!("write {} or {}", value.floor(), value.ceil()),
                };
                self.report(problem.help(help));
                Value::Null
            }
            Meaning::Integer(value) => Number::from_i128(value)
                .or_else(|| Number::from_f64(value as f64))
                .map_or(Value::Null, Value::Number),
            Meaning::Float(value) => Value::from(value),
            _ => Value::Null,
        }
    }

    fn check_format(&mut self, value: &Value, shape: &Shape, place: &Place) {
        let Some(wanted) = shape.get("format").and_then(Value::as_str) else {
            return;
        };
        if value.is_null() {
            return;
        }
        let format = self.formats.iter().find(|(name, _)| *name == wanted);
        if let Some(Err(message)) = format.map(|(_, check)| check(value)) {
            let problem = self.problem(place, message);
            self.report(problem);
        }
    }

    fn report_wrong_kind(&mut self, node: &Node, kinds: &[Kind], shape: &Shape, place: &Place) {
        if matches!(node, Node::Refused) {
            return;
        }
        let message = format!("expected {}, found {}", expectation(kinds), described(node));
        let problem = self.problem(place, message);
        let help = remedy(node, kinds, shape);
        self.report(match help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }
}

/// How well a kind suits a node: the lower, the better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    order: usize,
    kind: Kind,
}

/// The best of `kinds` for a node. A number or a truth value passes for text where nothing else
/// is wanted; a fraction passes for a whole number last of all, to be told that it is none.
fn rank(node: &Node, kinds: &[Kind]) -> Option<Rank> {
    let suitable: &[Kind] = match node {
        Node::Refused => return None,
        Node::Sequence(_) => &[Kind::Array],
        Node::Mapping(_) => &[Kind::Object],
        Node::Scalar(scalar) => match scalar.meaning {
            Meaning::Null => &[Kind::Null],
            Meaning::Bool(_) => &[Kind::Boolean, Kind::String],
            Meaning::Integer(_) => &[Kind::Integer, Kind::Number, Kind::String],
            Meaning::Float(_) => &[Kind::Number, Kind::String, Kind::Integer],
            Meaning::Text => &[Kind::String],
        },
    };
    let suitable = suitable.iter().chain(&[Kind::Any]);
    let (order, kind) = suitable
        .enumerate()
        .find(|(_, kind)| kinds.contains(kind))?;
    Some(Rank { order, kind: *kind })
}

/// A node as a message names it.
fn described(node: &Node) -> String {
    match node {
        Node::Refused => "a value that is wrong".to_owned(),
        Node::Scalar(scalar) => scalar.to_string(),
        Node::Sequence(_) => "a list".to_owned(),
        Node::Mapping(_) => "a mapping".to_owned(),
    }
}

/// What a node is to be read as, given what is wanted.
fn fitting(node: &Node, kinds: &[Kind]) -> Option<Kind> {
    match node {
        Node::Refused => Some(Kind::Any),
        _ => rank(node, kinds).map(|rank| rank.kind),
    }
}

/// `a whole number or text`.
fn expectation(kinds: &[Kind]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for kind in kinds
        .iter()
        .filter(|kind| **kind != Kind::Null || kinds.len() == 1)
    {
        if !names.contains(&kind.name()) {
            names.push(kind.name());
        }
    }
    names.join(" or ")
}

/// What to do about a value of the wrong kind.
fn remedy(node: &Node, kinds: &[Kind], shape: &Shape) -> Option<String> {
    let wants = |kind: Kind| kinds.contains(&kind);
    let wants_number = wants(Kind::Integer) || wants(Kind::Number);
    match node {
        Node::Scalar(scalar) => {
            match (scalar.meaning, Scalar::plain(scalar.text.clone()).meaning) {
                (Meaning::Null, _) if wants(Kind::String) && !scalar.text.is_empty() => Some(
                    format!("to mean the word, quote it: {}", quoted(&scalar.text)),
                ),
                (Meaning::Null, _) => Some("write a value, or remove it".to_owned()),
                (Meaning::Text, Meaning::Integer(_) | Meaning::Float(_)) if wants_number => {
                    Some(format!("write {} without quotes", scalar.text))
                }
                (Meaning::Text, Meaning::Bool(value)) if wants(Kind::Boolean) => {
                    Some(format!("write {value} without quotes"))
                }
                (Meaning::Text, _) if wants(Kind::Boolean) => truth(&scalar.text),
                _ if wants(Kind::Array) => {
                    Some("start each item with \"- \", or use [ ]".to_owned())
                }
                _ if wants(Kind::Object) => keys_below(shape),
                _ => None,
            }
        }
        Node::Mapping(_) if wants(Kind::Array) => {
            Some("start each item of the list with \"- \"".to_owned())
        }
        Node::Sequence(_) if wants(Kind::Object) => keys_below(shape),
        _ if wants(Kind::String) => Some("if it is text, quote it".to_owned()),
        _ => None,
    }
}

/// The truth value that a word of YAML 1.1 was.
fn truth(word: &str) -> Option<String> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" => Some("write true".to_owned()),
        "no" | "n" | "off" | "false" => Some("write false".to_owned()),
        _ => None,
    }
}

/// Which keys a mapping takes that is not one yet.
fn keys_below(shape: &Shape) -> Option<String> {
    let known = listed("it takes the keys", shape.known_keys().into_iter());
    known.or_else(|| Some("write \"key: value\"".to_owned()))
}

/// `1 item`, `2 items`.
fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// `1 is`, `2 are`.
fn are(count: u64) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{count} {verb}")
}
