//! A YAML document as a tree in which every value knows where it was written.

use std::fmt;

use crate::scenario::problem::{quoted, shortened};

/// A value of a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub struct NodeId(u32);

/// Where something was written. Both count from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// A value as it was written.
#[derive(Clone, Debug)]
pub enum Node {
    /// A value that is wrong in itself and has been reported.
    Refused,
    /// Text, a number, true, false, or nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Item>),
    /// A mapping, in the order of the file, without duplicate keys.
    Mapping(Vec<Entry>),
}

/// An item of a list.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Where the item starts.
    pub at: Position,
    /// The item.
    pub value: NodeId,
}

/// A key of a mapping, with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands: what is wrong with the value is reported here too, because a value
    /// may be empty, or an alias of something far away.
    pub at: Position,
    /// The value.
    pub value: NodeId,
}

/// A scalar: what was written, and what YAML takes it for.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The text between the quotes, or as it stands when there are none.
    pub text: String,
    /// What it means.
    pub meaning: Meaning,
}

/// What a scalar means in the core schema of YAML 1.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// Nothing: `null`, `~`, or no text at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number, infinities and NaN included.
    Float(f64),
    /// Text.
    Text,
}

impl Scalar {
    /// A scalar written in quotes, as a block, or with the tag `!!str`.
    pub fn text(text: String) -> Self {
        Scalar {
            text,
            meaning: Meaning::Text,
        }
    }

    /// A scalar written without quotes. Source: YAML 1.2.2, 10.3.2, "Tag Resolution".
    pub fn plain(text: String) -> Self {
        let meaning = match text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" => Meaning::Bool(true),
            "false" | "False" | "FALSE" => Meaning::Bool(false),
            number => integer(number)
                .map(Meaning::Integer)
                .or_else(|| float(number).map(Meaning::Float))
                .unwrap_or(Meaning::Text),
        };
        Scalar { text, meaning }
    }
}

/// A whole number of the core schema: decimal, `0o17` or `0x1F`. One of more digits than 128 bits
/// hold is left to [`float`].
fn integer(text: &str) -> Option<i128> {
    let in_radix = |digits: &str, radix: u32| {
        let legal = digits.chars().all(|digit| digit.is_digit(radix));
        legal
            .then(|| i128::from_str_radix(digits, radix).ok())
            .flatten()
    };
    if let Some(octal) = text.strip_prefix("0o") {
        return in_radix(octal, 8);
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return in_radix(hexadecimal, 16);
    }
    text.parse().ok()
}

/// A number of the core schema, written with digits, as `.inf` or as `.nan`.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match (text, unsigned) {
        (".nan" | ".NaN" | ".NAN", _) => return Some(f64::NAN),
        (_, ".inf" | ".Inf" | ".INF") => return Some(sign * f64::INFINITY),
        _ => {}
    }
    // Rust also reads `inf`, `nan` and `infinity`, which are words here.
    let digits = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Scalar {
    /// The scalar as a message names it: `text "ten"`, `the number 1.5`, `true`, `nothing`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning {
            Meaning::Null => out.write_str("nothing"),
            Meaning::Bool(value) => write!(out, "{value}"),
            Meaning::Integer(_) | Meaning::Float(_) => {
                write!(out, "the number {}", shortened(&self.text))
            }
            Meaning::Text => write!(out, "text {}", quoted(&self.text)),
        }
    }
}

/// The values of a document. An alias is the id of the value it names, so that a value may be
/// reached in more than one way; but never from itself.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    root: Item,
}

impl Tree {
    /// The tree of these nodes; an id is a place in the list.
    pub fn new(nodes: Vec<Node>, root: Item) -> Self {
        Tree { nodes, root }
    }

    /// The value at the top.
    pub fn root(&self) -> Item {
        self.root
    }

    /// The same values below another one.
    pub fn with_root(self, root: Item) -> Self {
        Tree { root, ..self }
    }

    /// Adds a value, which nothing holds yet.
    pub fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId::new(self.nodes.len() - 1)
    }

    /// Adds all values of another tree; gives the one at its top, which nothing holds yet.
    pub fn graft(&mut self, other: &Tree) -> NodeId {
        let first = self.nodes.len();
        let moved = |id: NodeId| NodeId::new(id.index() + first);
        let nodes = other.nodes.iter().cloned().map(|mut node| {
            match &mut node {
                Node::Sequence(items) => {
                    items
                        .iter_mut()
                        .for_each(|item| item.value = moved(item.value));
                }
                Node::Mapping(entries) => {
                    entries
                        .iter_mut()
                        .for_each(|entry| entry.value = moved(entry.value));
                }
                Node::Scalar(_) | Node::Refused => {}
            }
            node
        });
        self.nodes.extend(nodes);
        moved(other.root.value)
    }

    /// What a mapping calls itself: the text of `name`, `family`, or a key that ends with `Name`.
    pub fn name_of(&self, id: NodeId) -> Option<String> {
        let Node::Mapping(entries) = self.node(id) else {
            return None;
        };
        let names = |key: &str| key == "name" || key == "family" || key.ends_with("Name");
        let entry = entries.iter().find(|entry| names(&entry.key))?;
        match self.node(entry.value) {
            Node::Scalar(scalar) => Some(scalar.text.clone()),
            _ => None,
        }
    }

    /// Whether a mapping calls itself so.
    pub fn is_called(&self, id: NodeId, name: &str) -> bool {
        self.name_of(id).is_some_and(|known| known == name)
    }

    /// A value.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }
}

impl NodeId {
    /// The id of the node at this place. Files hold fewer nodes than 32 bits count.
    pub fn new(index: usize) -> Self {
        NodeId(index as u32)
    }

    /// The place of the node.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_scalars_as_the_core_schema_does() {
        let check = |text: &str, meaning: Meaning| {
            assert_eq!(Scalar::plain(text.to_owned()).meaning, meaning, "{text:?}");
        };
        for text in ["", "~", "null", "Null"] {
            check(text, Meaning::Null);
        }
        check("true", Meaning::Bool(true));
        check("FALSE", Meaning::Bool(false));
        check("-12", Meaning::Integer(-12));
        check("+0123", Meaning::Integer(123));
        check("0o17", Meaning::Integer(15));
        check("0xfF", Meaning::Integer(255));
        check("1.", Meaning::Float(1.0));
        check("-.5e1", Meaning::Float(-5.0));
        check("-.inf", Meaning::Float(f64::NEG_INFINITY));
        check("1e999", Meaning::Float(f64::INFINITY));
        check(&"9".repeat(40), Meaning::Float(1e40));
        let words = "yes no on inf nan infinity 1_000 1.2.3 2024-01-01 0x 0x-5 0o8 . - + 1e -.nan";
        for text in words.split(' ') {
            check(text, Meaning::Text);
        }
        assert!(
            matches!(Scalar::plain(".NaN".to_owned()).meaning, Meaning::Float(x) if x.is_nan())
        );
    }
}
