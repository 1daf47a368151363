//! YAML text to a [`Tree`].
//!
//! The parser reports syntax; what is built here besides is the tree, its aliases and merge keys,
//! and the limits that keep a small file from growing into a huge one. Whatever leaves the rest of
//! the file readable (a duplicate key, an unknown tag) is noted and passed over, so that it is
//! reported together with everything that is wrong further on.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag, options};

use super::keep;
use super::syntax::in_plain_words;
use super::tree::{Entry, Item, Node, NodeId, Position, Scalar, Tree};
use crate::scenario::problem::{Problem, Problems, key_path, quoted};

/// Lists and mappings within each other, aliases written out.
const MAX_DEPTH: u32 = 64;

/// Values in a file, aliases written out; 64 bytes of text count as one more.
const MAX_VALUES: usize = 2_000_000;

/// Reads one document. The problems beside the tree are those that it could be built in spite of.
///
/// # Errors
/// Everything found up to where the text can no longer be read.
pub fn parse(file: &str, text: &str) -> Result<(Tree, Vec<Problem>), Problems> {
    let mut builder = Builder::new(file, text);
    match builder.read() {
        Ok(root) => Ok((Tree::new(builder.nodes, root), builder.problems)),
        Err(last) => {
            builder.problems.push(*last);
            Err(Problems::new(builder.problems))
        }
    }
}

/// Why reading stops. Boxed, since it is large beside what reading gives.
type Stop = Box<Problem>;

/// How much a value holds, aliases written out.
#[derive(Clone, Copy)]
struct Size {
    values: usize,
    depth: u32,
}

/// A list or mapping that has started and not yet ended.
struct Open {
    at: Position,
    /// The anchor that names it; 0 is none.
    anchor: usize,
    size: Size,
    content: Content,
}

enum Content {
    Sequence(Vec<Item>),
    Mapping {
        entries: Vec<Entry>,
        merged: Vec<Item>,
        key: Option<(Key, Position)>,
    },
}

/// A key whose value comes next.
enum Key {
    Name(String),
    /// `<<`, whose value is a mapping to take keys from.
    Merge,
    /// A key that is wrong in itself and has been reported.
    Refused,
}

struct Builder<'a> {
    file: &'a str,
    text: &'a str,
    nodes: Vec<Node>,
    /// Beside `nodes`.
    sizes: Vec<Size>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, NodeId>,
    /// Entries looked at on behalf of merge keys.
    merged: usize,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        Builder {
            file,
            text,
            nodes: Vec::new(),
            sizes: Vec::new(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            merged: 0,
            problems: Vec::new(),
        }
    }

    /// Reads to the end of the text, and gives the value at the top.
    fn read(&mut self) -> Result<Item, Stop> {
        let mut options = options! { emit_unresolved_aliases: true };
        options.set_emit_comments(false);
        let mut root = None;
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            if root.is_some() && matches!(event, Event::DocumentStart(..)) {
                return Err(Box::new(
                    self.problem(position(&span.start), "a second document starts here")
                        .help("keep one document in a file, and remove the line \"---\""),
                ));
            }
            if let Some(value) = self.event(event, &span)? {
                root = Some(value);
            }
        }
        root.ok_or_else(|| {
            let what = match self.text.trim() {
                "" => "the file is empty",
                _ => "the file holds nothing but comments",
            };
            Box::new(Problem::in_file(self.file, what).help("write a mapping, such as \"name: …\""))
        })
    }

    /// Takes an event; gives the value at the top once that is complete.
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<Option<Item>, Stop> {
        let at = position(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                // The parser gives `~` where nothing at all is written.
                let absent = plain && span.start.index() == span.end.index();
                let text = if absent {
                    String::new()
                } else {
                    text.into_owned()
                };
                let scalar = self.scalar(text, plain, tag.as_deref(), at);
                if self.expects_key() {
                    let merge = plain && scalar.text == "<<";
                    self.take_key(
                        if merge {
                            Key::Merge
                        } else {
                            name(&scalar.text)
                        },
                        at,
                    );
                    if anchor != 0 {
                        let id = self.add_scalar(scalar, at)?;
                        self.anchors.insert(anchor, id);
                    }
                    return Ok(None);
                }
                let id = self.add_scalar(scalar, at)?;
                self.complete(Item { at, value: id }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "seq", at);
                self.start(at, anchor, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "map", at);
                let (entries, merged) = (Vec::new(), Vec::new());
                self.start(
                    at,
                    anchor,
                    Content::Mapping {
                        entries,
                        merged,
                        key: None,
                    },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(self.anchors.get(&anchor).copied(), span),
            Event::UnresolvedAlias(name) => {
                let message = format!(
                    "no value before this is named {}",
                    quoted(&format!("&{name}"))
                );
                self.note(at, message, "write the value itself, or name it further up");
                let id = self.add(
                    Node::Refused,
                    Size {
                        values: 1,
                        depth: 0,
                    },
                    at,
                )?;
                self.alias(Some(id), span)
            }
            _ => Ok(None),
        }
    }

    /// A scalar as its tag, or in want of one its style, says.
    fn scalar(&mut self, text: String, plain: bool, tag: Option<&Tag>, at: Position) -> Scalar {
        let Some(tag) = tag else {
            return if plain {
                Scalar::plain(text)
            } else {
                Scalar::text(text)
            };
        };
        match tag.core_suffix() {
            Some("str") => Scalar::text(text),
            Some("null" | "bool" | "int" | "float") => Scalar::plain(text),
            _ => {
                self.refuse_tag(tag, at);
                Scalar::text(text)
            }
        }
    }

    fn check_collection_tag(&mut self, tag: Option<&Tag>, own: &str, at: Position) {
        if let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(own)) {
            self.refuse_tag(tag, at);
        }
    }

    fn refuse_tag(&mut self, tag: &Tag, at: Position) {
        // A lone `!` only says that the value is text or a collection, as it would be anyway.
        let written = tag.to_string();
        if written != "!" {
            let message = format!("the tag {} has no meaning here", quoted(&written));
            self.note(
                at,
                message,
                "remove the tag; a text that starts with \"!\" needs quotes",
            );
        }
    }

    /// Whether the next value is a key of the innermost mapping.
    fn expects_key(&self) -> bool {
        let innermost = self.open.last().map(|open| &open.content);
        matches!(innermost, Some(Content::Mapping { key: None, .. }))
    }

    /// Sets the key whose value comes next.
    fn take_key(&mut self, found: Key, at: Position) {
        if matches!(&found, Key::Refused) {
            self.note(
                at,
                "a key is missing before the colon",
                "write a name before the colon",
            );
        }
        self.set_key(found, at);
    }

    fn set_key(&mut self, found: Key, at: Position) {
        if let Some(Open {
            content: Content::Mapping { key, .. },
            ..
        }) = self.open.last_mut()
        {
            *key = Some((found, at));
        }
    }

    /// An alias of a value, which is absent while that value has not ended.
    fn alias(&mut self, target: Option<NodeId>, span: &Span) -> Result<Option<Item>, Stop> {
        let at = position(&span.start);
        let Some(value) = target else {
            let name = quoted(span.slice(self.text).unwrap_or("*"));
            let message = format!("the alias {name} stands within the value that it names");
            self.note(at, message, "write out what is meant");
            let id = self.add(
                Node::Refused,
                Size {
                    values: 1,
                    depth: 0,
                },
                at,
            )?;
            return self.alias(Some(id), span);
        };
        if self.expects_key() {
            match &self.nodes[value.index()] {
                Node::Scalar(scalar) => self.take_key(name(&scalar.text), at),
                Node::Refused => self.set_key(Key::Refused, at),
                Node::Sequence(_) | Node::Mapping(_) => self.refuse_collection_key(at),
            }
            return Ok(None);
        }
        self.complete(Item { at, value }, 0)
    }

    fn refuse_collection_key(&mut self, at: Position) {
        self.note(
            at,
            "a key must be text, not a list or a mapping",
            "quote it if it is text",
        );
        self.set_key(Key::Refused, at);
    }

    fn start(
        &mut self,
        at: Position,
        anchor: usize,
        content: Content,
    ) -> Result<Option<Item>, Stop> {
        if self.expects_key() {
            self.refuse_collection_key(at);
        }
        let size = Size {
            values: 1,
            depth: 1,
        };
        self.open.push(Open {
            at,
            anchor,
            size,
            content,
        });
        match self.open.len() > MAX_DEPTH as usize {
            true => Err(self.too_deep(at)),
            false => Ok(None),
        }
    }

    fn end(&mut self) -> Result<Option<Item>, Stop> {
        let Some(Open {
            at,
            anchor,
            mut size,
            content,
        }) = self.open.pop()
        else {
            return Ok(None); // Events are balanced.
        };
        let node = match content {
            Content::Sequence(items) => Node::Sequence(items),
            Content::Mapping {
                entries, merged, ..
            } => {
                let mut entries = self.without_duplicates(entries);
                self.merge(&mut entries, &merged, &mut size)?;
                Node::Mapping(entries)
            }
        };
        let id = self.add(node, size, at)?;
        self.complete(Item { at, value: id }, anchor)
    }

    /// Puts a value where it belongs: into the innermost list or mapping, or at the top.
    fn complete(&mut self, value: Item, anchor: usize) -> Result<Option<Item>, Stop> {
        if anchor != 0 {
            self.anchors.insert(anchor, value.value);
        }
        let inner = self.sizes[value.value.index()];
        let Some(open) = self.open.last_mut() else {
            return Ok(Some(value));
        };
        open.size.values += inner.values;
        open.size.depth = open.size.depth.max(inner.depth + 1);
        match &mut open.content {
            Content::Sequence(items) => items.push(value),
            Content::Mapping {
                entries,
                merged,
                key,
            } => match key.take() {
                Some((Key::Name(key), at)) => {
                    open.size.values += key.len() / 64;
                    entries.push(Entry {
                        key,
                        at,
                        value: value.value,
                    });
                }
                Some((Key::Merge, _)) => merged.push(value),
                Some((Key::Refused, _)) => {}
                None => {}
            },
        }
        let (size, depth) = (open.size, self.open.len() as u32);
        self.check_size(
            Size {
                depth: depth - 1 + size.depth,
                ..size
            },
            value.at,
        )?;
        Ok(None)
    }

    fn add_scalar(&mut self, scalar: Scalar, at: Position) -> Result<NodeId, Stop> {
        let size = Size {
            values: 1 + scalar.text.len() / 64,
            depth: 0,
        };
        self.add(Node::Scalar(scalar), size, at)
    }

    fn add(&mut self, node: Node, size: Size, at: Position) -> Result<NodeId, Stop> {
        self.nodes.push(node);
        self.sizes.push(size);
        let values = size.values.max(self.nodes.len() + self.merged);
        self.check_size(Size { values, ..size }, at)?;
        Ok(NodeId::new(self.nodes.len() - 1))
    }

    fn check_size(&self, size: Size, at: Position) -> Result<(), Stop> {
        if size.depth > MAX_DEPTH {
            return Err(self.too_deep(at));
        }
        if size.values <= MAX_VALUES {
            return Ok(());
        }
        let message = format!("more than {MAX_VALUES} values up to here, aliases written out");
        let help = "describe alike things once, with a count";
        Err(Box::new(self.problem(at, message).help(help)))
    }

    fn too_deep(&self, at: Position) -> Stop {
        let message = format!("lists and mappings are nested more than {MAX_DEPTH} deep");
        Box::new(Problem::in_file(self.file, message).at(at.line, at.column))
    }

    /// The entries of a mapping, the first of each key.
    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|&index| (&entries[index].key, index));
        let mut later = BTreeSet::new();
        let mut first = 0;
        for index in order {
            let (entry, earlier) = (&entries[index], &entries[first]);
            if index == first || entry.key != earlier.key {
                first = index;
                continue;
            }
            later.insert(index);
            let message = format!("this key already stands on line {}", earlier.at.line);
            let mut problem = self
                .problem(entry.at, message)
                .help("remove one of the two");
            problem.path = key_path(&problem.path, &entry.key);
            keep(&mut self.problems, problem);
        }
        let numbered = entries.into_iter().enumerate();
        numbered
            .filter(|(index, _)| !later.contains(index))
            .map(|(_, entry)| entry)
            .collect()
    }

    /// Adds what the merge keys of a mapping bring in. Its own keys win, then earlier mappings.
    /// Source: "Merge Key Language-Independent Type for YAML", <https://yaml.org/type/merge.html>.
    fn merge(
        &mut self,
        entries: &mut Vec<Entry>,
        merged: &[Item],
        size: &mut Size,
    ) -> Result<(), Stop> {
        let mut known: BTreeSet<String> = match merged {
            [] => return Ok(()),
            _ => entries.iter().map(|entry| entry.key.clone()).collect(),
        };
        for &source in merged {
            self.charge_merge(source)?;
            let mappings = match &self.nodes[source.value.index()] {
                Node::Sequence(items) => items.clone(),
                _ => vec![source],
            };
            for mapping in mappings {
                self.charge_merge(mapping)?;
                let inherited = match &self.nodes[mapping.value.index()] {
                    Node::Mapping(inherited) => inherited.clone(),
                    Node::Refused => continue,
                    Node::Scalar(_) | Node::Sequence(_) => {
                        let help = "write an alias of a mapping, such as \"<<: *base\"";
                        self.note(mapping.at, "only a mapping can be merged", help);
                        continue;
                    }
                };
                for entry in inherited {
                    if known.insert(entry.key.clone()) {
                        size.values += self.sizes[entry.value.index()].values;
                        entries.push(entry);
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts what a merge looks at, even where it adds nothing: looking takes time as well.
    fn charge_merge(&mut self, source: Item) -> Result<(), Stop> {
        self.merged += match &self.nodes[source.value.index()] {
            Node::Sequence(items) => items.len(),
            Node::Mapping(entries) => entries.iter().map(|entry| 1 + entry.key.len() / 64).sum(),
            Node::Scalar(_) | Node::Refused => 1,
        };
        self.check_size(
            Size {
                values: self.merged,
                depth: 0,
            },
            source.at,
        )
    }

    /// Keeps a problem for later, at the value that is being read.
    fn note(&mut self, at: Position, message: impl Into<String>, help: &str) {
        let problem = self.problem(at, message).help(help);
        keep(&mut self.problems, problem);
    }

    /// A problem with the value that is being read.
    fn problem(&self, at: Position, message: impl Into<String>) -> Problem {
        let mut path = String::new();
        for open in &self.open {
            match &open.content {
                Content::Sequence(items) => path.push_str(&format!("[{}]", items.len())),
                Content::Mapping {
                    key: Some((Key::Name(key), _)),
                    ..
                } => {
                    path = key_path(&path, key);
                }
                Content::Mapping { .. } => {}
            }
        }
        Problem {
            path,
            ..Problem::in_file(self.file, message).at(at.line, at.column)
        }
    }

    /// A syntax error, in plain words where the parser speaks to those who know how it works.
    fn syntax(&self, error: &ScanError) -> Stop {
        let at = position(error.marker());
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return self.too_deep(at);
        }
        let (message, help) = in_plain_words(error.kind());
        let tab = match error.kind() {
            ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar => indenting_tab(self.text, at.line),
            _ => None,
        };
        let problem = match tab.filter(|tab| tab.line > at.line) {
            // The parser is still at a value before the line with the tab.
            Some(tab) => Problem::in_file(self.file, message).at(tab.line, tab.column),
            None => self.problem(at, message),
        };
        Box::new(match help {
            Some(help) => problem.help(help),
            None => problem,
        })
    }
}

/// Where the first line, from this one on, is that is indented by a tab.
fn indenting_tab(text: &str, line: u32) -> Option<Position> {
    let mut lines = text
        .lines()
        .zip(1..)
        .skip_while(|(_, number)| *number < line);
    lines.find_map(|(text, line)| {
        let indent = text.len() - text.trim_start_matches([' ', '\t']).len();
        let column = text[..indent].find('\t')? as u32 + 1;
        Some(Position { line, column })
    })
}

/// The key that this text is, unless it is none.
fn name(text: &str) -> Key {
    match text {
        "" => Key::Refused,
        _ => Key::Name(text.to_owned()),
    }
}

/// Where the parser is; it counts columns from 0.
fn position(marker: &Marker) -> Position {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position {
        line: number(marker.line()),
        column: number(marker.col() + 1),
    }
}
