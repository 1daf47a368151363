//! Alternatives of a scenario: every combination of the values that something may take.
//!
//! ```
//! # use stowplan::scenario::variation::{Variation, combinations};
//! let counts: Variation = "clusters[0].containerInstances[0].count=8|12".parse()?;
//! let ties: Variation = "assumptions.ties=lowest-id|random".parse()?;
//! let names: Vec<String> = combinations(&[counts, ties]).iter().map(|it| it.name()).collect();
//! assert_eq!(
//!     names,
//!     [
//!         "count=8, ties=lowest-id",
//!         "count=8, ties=random",
//!         "count=12, ties=lowest-id",
//!         "count=12, ties=random",
//!     ],
//! );
//! # Ok::<(), String>(())
//! ```

use std::iter::StepBy;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::json;

use super::document::Change;
use super::problem::quoted;

/// Where placement strategies stand in a scenario.
const STRATEGIES: [&str; 2] = [
    "workloads[*].runTask.placementStrategy",
    "services[*].createService.placementStrategy",
];

/// A range has no more values than these.
const LONGEST_RANGE: u64 = 100_000;

/// Something that varies: what it is called, and the values it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variation {
    /// What it is called: a path, or `strategy`.
    pub name: String,
    /// Its values.
    pub values: Vec<Choice>,
}

/// One value of a variation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What it is called in tables: the value as written.
    pub name: String,
    /// What it changes. Of several changes those that lead nowhere are left out, but not all.
    pub changes: Vec<Change>,
}

/// One combination: a value of every variation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Combination {
    /// Names of the variations, short, each with the value.
    pub values: Vec<(String, Choice)>,
}

impl Combination {
    /// What it is called: `count=8, ties=random`; `as it is` when nothing varies.
    pub fn name(&self) -> String {
        if self.values.is_empty() {
            return "as it is".to_owned();
        }
        let values = self
            .values
            .iter()
            .map(|(name, choice)| match name.as_str() {
                "strategy" => choice.name.clone(),
                _ => format!("{name}={}", choice.name),
            });
        values.collect::<Vec<_>>().join(", ")
    }
}

impl Variation {
    /// Of a path, with values in YAML.
    pub fn of_path(path: &str, values: impl IntoIterator<Item = String>) -> Self {
        let values = values.into_iter().map(|value| Choice {
            name: value.clone(),
            changes: vec![Change {
                path: path.to_owned(),
                value,
            }],
        });
        Variation {
            name: path.to_owned(),
            values: values.collect(),
        }
    }

    /// Its values as whole numbers, when they are that and each is greater than the one before it.
    pub fn growing_numbers(&self) -> Option<Vec<i64>> {
        let numbers = self.values.iter().map(|it| it.name.parse::<i64>().ok());
        let numbers: Vec<i64> = numbers.collect::<Option<_>>()?;
        numbers
            .windows(2)
            .all(|pair| pair[0] < pair[1])
            .then_some(numbers)
    }

    /// Of the placement strategy of every caller and service, written like `binpack:memory` or
    /// `spread:attribute:ecs.availability-zone+binpack:cpu`: rules, each a type and a field.
    ///
    /// # Errors
    /// When one is empty, in words.
    pub fn of_strategies<'a>(
        strategies: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let values = strategies.into_iter().map(|text| {
            let rules = text.split('+').map(|rule| {
                let (kind, field) = match rule.trim().split_once(':') {
                    Some((kind, field)) => (kind, Some(field)),
                    None => (rule.trim(), None),
                };
                match (kind, field) {
                    ("", _) => Err(format!(
                        "{}: a rule is missing; write one such as binpack:memory, spread:instanceId+binpack:cpu or random",
                        quoted(text)
                    )),
                    (kind, Some(field)) => Ok(json!({"type": kind, "field": field})),
                    (kind, None) => Ok(json!({"type": kind})),
                }
            });
            let rules = rules.collect::<Result<Vec<_>, String>>()?;
            let value = serde_json::Value::Array(rules).to_string();
            Ok(Choice {
                name: text.trim().to_owned(),
                changes: STRATEGIES
                    .map(|path| Change {
                        path: path.to_owned(),
                        value: value.clone(),
                    })
                    .into(),
            })
        });
        Ok(Variation {
            name: "strategy".to_owned(),
            values: values.collect::<Result<_, String>>()?,
        })
    }

    /// The last key of its path, without the items of lists.
    pub fn short_name(&self) -> &str {
        let end = self
            .name
            .rfind(|letter| letter != ']')
            .map_or(0, |end| end + 1);
        let key = match self.name[..end].rfind('[') {
            Some(open) if end < self.name.len() => &self.name[..open],
            _ => &self.name,
        };
        key.rsplit('.').next().unwrap_or(key)
    }
}

impl FromStr for Variation {
    type Err = String;

    /// `PATH=VALUE|VALUE|…`. A `|` in quotes or brackets is part of a value. Whole numbers from one
    /// to another, both included, are `1..200`; of those every tenth, from the first on,
    /// `1..200 by 10`.
    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || {
            format!(
                "{}: write PATH=VALUE|VALUE, such as clusters[0].containerInstances[0].count=8|12",
                quoted(text)
            )
        };
        let (path, values) = text.split_once('=').ok_or_else(usage)?;
        if path.trim().is_empty() || values.trim().is_empty() {
            return Err(usage());
        }
        let mut all = Vec::new();
        for value in split_values(values) {
            match range(&value)? {
                Some(numbers) => all.extend(numbers.map(|number| number.to_string())),
                None => all.push(value),
            }
        }
        Ok(Variation::of_path(path.trim(), all))
    }
}

/// Splits at every `|` outside quotes and brackets.
fn split_values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let (mut depth, mut quote) = (0_usize, None);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        match values.last_mut() {
            Some(last) if letter != '|' || depth > 0 || quote.is_some() => last.push(letter),
            _ => values.push(String::new()),
        }
    }
    values.iter().map(|value| value.trim().to_owned()).collect()
}

/// The numbers of `1..200` or `1..200 by 10`; absent when it is no range of whole numbers.
fn range(text: &str) -> Result<Option<StepBy<RangeInclusive<i64>>>, String> {
    let (ends, step) = match text.split_once(" by ") {
        Some((ends, step)) => (ends, step.trim().parse::<usize>().ok()),
        None => (text, Some(1)),
    };
    let ends = ends.split_once("..").map(|(from, to)| {
        let number = |text: &str| text.trim().parse::<i64>().ok();
        number(from).zip(number(to))
    });
    let (Some(Some((from, to))), Some(step)) = (ends, step) else {
        return Ok(None);
    };
    if from > to || step == 0 {
        let rule = "a range goes up, in steps of at least 1, such as 1..200 or 1..200 by 10";
        return Err(format!("{}: {rule}", quoted(text)));
    }
    if to.abs_diff(from) / step as u64 >= LONGEST_RANGE {
        let rule =
            format!("a range has at most {LONGEST_RANGE} values; write it with a larger step");
        return Err(format!(
            "{}: {rule}, such as {from}..{to} by 1000",
            quoted(text)
        ));
    }
    Ok(Some((from..=to).step_by(step)))
}

/// Every combination of the values of some variations, made one at a time: those of the last
/// variation go round fastest.
#[derive(Clone, Debug)]
pub struct Grid {
    names: Vec<String>,
    variations: Vec<Variation>,
}

impl Grid {
    /// Of these variations; without any there is one combination, which changes nothing.
    pub fn new(variations: Vec<Variation>) -> Self {
        let name = |variation: &Variation| {
            let short = variation.short_name();
            let same = variations.iter().filter(|it| it.short_name() == short);
            match same.count() {
                1 => short.to_owned(),
                _ => variation.name.clone(),
            }
        };
        Grid {
            names: variations.iter().map(name).collect(),
            variations,
        }
    }

    /// Each variation with its name, short where that is clear.
    pub fn variations(&self) -> impl Iterator<Item = (&str, &Variation)> {
        self.names.iter().map(String::as_str).zip(&self.variations)
    }

    /// How many combinations there are; `usize::MAX` stands for more than that.
    pub fn count(&self) -> usize {
        let counts = self.variations.iter().map(|it| it.values.len());
        counts.fold(1, usize::saturating_mul)
    }

    /// The combination of this number, from 0; those from [`Grid::count`] on begin anew.
    pub fn combination(&self, number: usize) -> Combination {
        let mut rest = number;
        let mut values = Vec::new();
        for (name, variation) in self.variations().collect::<Vec<_>>().into_iter().rev() {
            let count = variation.values.len().max(1);
            let choice = variation.values.get(rest % count);
            values.extend(choice.map(|choice| (name.to_owned(), choice.clone())));
            rest /= count;
        }
        values.reverse();
        Combination { values }
    }
}

/// All combinations of a [`Grid`].
pub fn combinations(variations: &[Variation]) -> Vec<Combination> {
    let grid = Grid::new(variations.to_vec());
    (0..grid.count())
        .map(|number| grid.combination(number))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_outside_brackets_and_quotes() {
        let check = |text: &str, expected: &[&str]| {
            let variation: Variation = text.parse().expect("it can be read");
            let names: Vec<&str> = variation.values.iter().map(|it| it.name.as_str()).collect();
            assert_eq!(names, expected, "{text}");
        };
        check("a=1|2 | 3", &["1", "2", "3"]);
        check("a[0].b=[x|y]|{c: \"|\"}", &["[x|y]", "{c: \"|\"}"]);
        check("a='1|2'|3", &["'1|2'", "3"]);
        for bad in ["a", "=1", "a=", ""] {
            assert!(bad.parse::<Variation>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_have_both_ends() {
        let names = |text: &str| {
            let variation: Result<Variation, String> = text.parse();
            variation.map(|it| it.values.into_iter().map(|it| it.name).collect::<Vec<_>>())
        };
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(
                names(text),
                Ok(expected.iter().map(|it| (*it).to_owned()).collect())
            );
        };
        check("a=1..3|8", &["1", "2", "3", "8"]);
        check("a=1..12 by 5", &["1", "6", "11"]);
        check("a=-1..0", &["-1", "0"]);
        check("a=7..7", &["7"]);
        check("a=1..x|'1..3'|1.5", &["1..x", "'1..3'", "1.5"]);
        for (bad, rule) in [
            ("a=3..1", "\"3..1\": a range goes up"),
            ("a=1..3 by 0", "\"1..3 by 0\": a range goes up"),
            (
                "a=1..100001",
                "\"1..100001\": a range has at most 100000 values",
            ),
        ] {
            let message = names(bad).expect_err(bad);
            assert!(message.starts_with(rule), "{message}");
        }
    }

    #[test]
    fn numbers_that_grow() {
        let numbers = |text: &str| {
            text.parse::<Variation>()
                .expect("it can be read")
                .growing_numbers()
        };
        assert_eq!(numbers("a=1|5|9"), Some(vec![1, 5, 9]));
        assert_eq!(numbers("a=1|1"), None);
        assert_eq!(numbers("a=1|m5.large"), None);
    }

    #[test]
    fn names_are_short_where_they_differ() {
        let variations = ["clusters[0].fleet[1].count=1", "seeds[3]=4", "a.b=5"]
            .map(|text| text.parse::<Variation>().expect("it can be read"));
        assert_eq!(combinations(&variations)[0].name(), "count=1, seeds=4, b=5");
        let alike = ["a.count=1", "b.count=2"]
            .map(|text| text.parse::<Variation>().expect("it can be read"));
        assert_eq!(combinations(&alike)[0].name(), "a.count=1, b.count=2");
        assert_eq!(combinations(&[])[0].name(), "as it is");
    }

    #[test]
    fn strategies_are_rules_of_type_and_field() {
        let strategies = [
            "spread:attribute:ecs.availability-zone+binpack:cpu",
            "random",
        ];
        let variation = Variation::of_strategies(strategies).expect("they can be read");
        let value = |place: usize| variation.values[place].changes[0].value.as_str();
        assert_eq!(
            value(0),
            r#"[{"type":"spread","field":"attribute:ecs.availability-zone"},{"type":"binpack","field":"cpu"}]"#
        );
        assert_eq!(value(1), r#"[{"type":"random"}]"#);
        assert!(Variation::of_strategies(["binpack:cpu+"]).is_err());
    }
}
