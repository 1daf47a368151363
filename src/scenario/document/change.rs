//! One value of a document in the place of another, so that alternatives can be made of a scenario
//! without writing it anew: `clusters[0].containerInstances[0].count` = `12`.

use super::Document;
use super::tree::{Entry, Item, Node, NodeId, Position, Tree};
use super::yaml;
use crate::scenario::problem::{Problem, Problems, quoted};

/// Deeper than documents may be nested.
const MOST_STEPS: usize = 64;

/// A value that takes the place of another.
///
/// The path is that of messages, `clusters[0].containerInstances[0].count`. An item of a list may
/// also be named by what it is called (`workloads[web]`, `clusters[default]`), and `[*]` is every
/// item that has what the path goes on with. The last key need not be there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: String,
    /// What, in YAML.
    pub value: String,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Name(String),
    All,
}

impl Document {
    /// The document with the changes made, in order. Messages name it together with them.
    ///
    /// # Errors
    /// When a path cannot be read or leads nowhere, or a value is no YAML.
    pub fn with(&self, changes: &[Change]) -> Result<Document, Problems> {
        let mut document = self.clone();
        for change in changes {
            document = document.with_one(change)?;
        }
        Ok(document)
    }

    fn with_one(&self, change: &Change) -> Result<Document, Problems> {
        let Change { path, value } = change;
        let steps = steps(path).map_err(|message| self.problem(path, message))?;
        let file = format!("{} with {path}={value}", self.file);
        let (parsed, found) = yaml::parse(&file, value)?;
        let root = self.tree.root();
        let mut tree = self.tree.clone();
        let value = tree.graft(&parsed);
        let mut edit = Edit {
            tree,
            value,
            several: false,
        };
        let Some(changed) = edit.put(root.value, root.at, &steps) else {
            return Err(self.nowhere(path, &steps).into());
        };
        let tree = edit.tree.with_root(Item {
            at: root.at,
            value: changed,
        });
        let mut document = Document {
            file,
            tree,
            found: self.found.clone(),
        };
        document.found.extend(found);
        Ok(document)
    }

    /// That a path leads nowhere, at the last place where it still led somewhere.
    fn nowhere(&self, path: &str, steps: &[Step]) -> Problem {
        let mut here = self.tree.root();
        for step in steps {
            let next = match (self.tree.node(here.value), step) {
                (Node::Mapping(entries), Step::Key(key)) => {
                    entries.iter().find(|entry| entry.key == *key).map(item_of)
                }
                (Node::Sequence(items), Step::Index(index)) => items.get(*index).copied(),
                (Node::Sequence(items), Step::Name(name)) => items
                    .iter()
                    .copied()
                    .find(|item| self.tree.is_called(item.value, name)),
                _ => None,
            };
            let Some(next) = next else {
                let (message, names) = match (self.tree.node(here.value), step) {
                    (Node::Mapping(entries), Step::Key(key)) => (
                        format!("there is no {} here", quoted(key)),
                        entries.iter().map(|entry| entry.key.clone()).collect(),
                    ),
                    (Node::Sequence(items), Step::Index(index)) => (
                        format!("there is no item {index}: the list has {}", items.len()),
                        Vec::new(),
                    ),
                    (Node::Sequence(items), Step::Name(name)) => (
                        format!("no item of this list is called {}", quoted(name)),
                        items
                            .iter()
                            .filter_map(|item| self.tree.name_of(item.value))
                            .collect(),
                    ),
                    (Node::Sequence(_), Step::All) => (
                        "no item of this list has what the path goes on with".to_owned(),
                        Vec::new(),
                    ),
                    (Node::Sequence(_), Step::Key(_)) => (
                        "this is a list: name an item, as in [0] or [*]".to_owned(),
                        Vec::new(),
                    ),
                    _ => ("this is no list and no mapping".to_owned(), Vec::new()),
                };
                let wanted = match step {
                    Step::Key(name) | Step::Name(name) => name.as_str(),
                    Step::Index(_) | Step::All => "",
                };
                let problem = Problem {
                    path: path.to_owned(),
                    ..Problem::in_file(&self.file, message).at(here.at.line, here.at.column)
                };
                return problem.suggest(wanted, "there are", names.iter().map(String::as_str));
            };
            here = next;
        }
        self.problem(path, "no place of the scenario has this path")
    }
}

const fn item_of(entry: &Entry) -> Item {
    Item {
        at: entry.at,
        value: entry.value,
    }
}

/// A tree in which one value takes the place of others. Only what lies above those is copied: the
/// rest may be shared by aliases.
struct Edit {
    tree: Tree,
    value: NodeId,
    /// Whether the path has come by a `[*]`: from there on keys must be there.
    several: bool,
}

impl Edit {
    /// The value `here`, which stands at `at`, with what the steps lead to replaced; absent when
    /// they lead nowhere.
    fn put(&mut self, here: NodeId, at: Position, steps: &[Step]) -> Option<NodeId> {
        let Some((step, rest)) = steps.split_first() else {
            return Some(self.value);
        };
        match (self.tree.node(here), step) {
            (Node::Mapping(entries), Step::Key(key)) => {
                let mut entries = entries.clone();
                match entries.iter().position(|entry| entry.key == *key) {
                    Some(place) => {
                        let entry = &entries[place];
                        entries[place].value = self.put(entry.value, entry.at, rest)?;
                    }
                    None => {
                        let inner = rest.iter().all(|step| matches!(step, Step::Key(_)));
                        if !inner || self.several && !rest.is_empty() {
                            return None;
                        }
                        let empty = self.tree.add(Node::Mapping(Vec::new()));
                        entries.push(Entry {
                            key: key.clone(),
                            at,
                            value: self.put(empty, at, rest)?,
                        });
                    }
                }
                Some(self.tree.add(Node::Mapping(entries)))
            }
            (Node::Sequence(items), step) => {
                let mut items = items.clone();
                let mut any = false;
                for (place, item) in items.iter_mut().enumerate() {
                    let meant = match step {
                        Step::All => true,
                        Step::Index(index) => place == *index,
                        Step::Name(name) => self.tree.is_called(item.value, name),
                        Step::Key(_) => false,
                    };
                    if !meant {
                        continue;
                    }
                    self.several |= *step == Step::All;
                    if let Some(value) = self.put(item.value, item.at, rest) {
                        item.value = value;
                        any = true;
                    }
                }
                any.then(|| self.tree.add(Node::Sequence(items)))
            }
            _ => None,
        }
    }
}

/// The steps of a path.
fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    if rest.is_empty() {
        return Err(
            "the path is empty; write one such as clusters[0].containerInstances[0].count"
                .to_owned(),
        );
    }
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let quoted = inside.starts_with('"');
            let end = if quoted {
                inside[1..].find("\"]").map(|end| end + 2)
            } else {
                inside.find(']')
            };
            let end =
                end.ok_or_else(|| format!("{} lacks its closing bracket", self::quoted(rest)))?;
            let text = &inside[..end];
            steps.push(match text {
                "*" => Step::All,
                _ if quoted => Step::Key(text.trim_matches('"').to_owned()),
                _ => text
                    .parse()
                    .map_or_else(|_| Step::Name(text.to_owned()), Step::Index),
            });
            rest = &inside[end + 1..];
        } else {
            let key = rest.strip_prefix('.').unwrap_or(rest);
            let end = key.find(['.', '[']).unwrap_or(key.len());
            if end == 0 {
                return Err(format!("a key is missing before {}", self::quoted(key)));
            }
            steps.push(Step::Key(key[..end].to_owned()));
            rest = &key[end..];
        }
    }
    match steps.len() > MOST_STEPS {
        true => Err(format!("a path has at most {MOST_STEPS} steps")),
        false => Ok(steps),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
name: a
clusters:
  - clusterName: default
    fleet: &fleet [{count: 1}, {count: 2}]
  - clusterName: other
    fleet: *fleet
workloads:
  - {name: web, runTask: {count: 1}}
  - {name: jobs, submitJob: {}}
";

    fn changed(path: &str, value: &str) -> Result<serde_json::Value, String> {
        let document = Document::parse("a.yaml", TEXT).expect("the text is YAML");
        let change = Change {
            path: path.to_owned(),
            value: value.to_owned(),
        };
        let changed = document
            .with(&[change])
            .map_err(|found| found.to_string())?;
        changed
            .decode::<serde_json::Value>(&[])
            .map_err(|found| found.to_string())
    }

    #[test]
    fn a_value_takes_the_place_of_another() {
        let check = |path: &str, value: &str, pointer: &str, expected: serde_json::Value| {
            let tree = changed(path, value).expect("the path leads somewhere");
            assert_eq!(tree.pointer(pointer), Some(&expected), "{path}");
        };
        check("name", "b", "/name", "b".into());
        check("seed", "7", "/seed", 7.into());
        check(
            "assumptions.ties",
            "random",
            "/assumptions/ties",
            "random".into(),
        );
        check(
            "clusters[0].fleet[1].count",
            "9",
            "/clusters/0/fleet/1/count",
            9.into(),
        );
        check(
            "clusters[other].fleet[0].count",
            "9",
            "/clusters/1/fleet/0/count",
            9.into(),
        );
        check(
            "workloads[web].runTask.count",
            "3",
            "/workloads/0/runTask/count",
            3.into(),
        );
        check(
            "workloads[*].runTask.placementStrategy",
            "[{type: random}]",
            "/workloads/0/runTask/placementStrategy/0/type",
            "random".into(),
        );
        check(
            "clusters[*].fleet[*].count",
            "4",
            "/clusters/1/fleet/1/count",
            4.into(),
        );
    }

    /// What an alias shares stays as it was in the other place.
    #[test]
    fn what_is_shared_is_copied() {
        let tree = changed("clusters[0].fleet[0].count", "9").expect("the path leads somewhere");
        assert_eq!(tree.pointer("/clusters/1/fleet/0/count"), Some(&1.into()));
        let tree = changed("workloads[*].runTask.count", "9").expect("the path leads somewhere");
        assert_eq!(tree.pointer("/workloads/1/runTask"), None);
    }

    #[test]
    fn a_path_that_leads_nowhere_says_where_it_ends() {
        let check = |path: &str, expected: &str| {
            assert_eq!(changed(path, "1").expect_err("it leads nowhere"), expected);
        };
        check(
            "clusters[7].fleet",
            "error: a.yaml:3:1: clusters[7].fleet: there is no item 7: the list has 2",
        );
        check(
            "workloads[wep].runTask.count",
            "error: a.yaml:8:1: workloads[wep].runTask.count: no item of this list is called \"wep\"\n  \
             help: did you mean \"web\"?",
        );
        check(
            "clusters.count",
            "error: a.yaml:3:1: clusters.count: this is a list: name an item, as in [0] or [*]",
        );
        check(
            "cluster[0].fleet",
            "error: a.yaml:2:1: cluster[0].fleet: there is no \"cluster\" here\n  \
             help: did you mean \"clusters\"?",
        );
        check(
            "clusters[0",
            "error: a.yaml:3:1: clusters[0: \"[0\" lacks its closing bracket",
        );
        check(
            "workloads[*].startTask.count",
            "error: a.yaml:8:1: workloads[*].startTask.count: no item of this list has what the path goes on with",
        );
    }
}
