//! `report.html` of a run: everything that the terminal and the directory show, on one page.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::figures::{Drawn, Kind};
use super::html::{self, Page, Section};
use super::table::{self, Table, span};
use super::tables::SummaryFile;

/// What the page of a run shows.
pub struct RunPage<'a, A> {
    /// What came out, and of what.
    pub summary: &'a SummaryFile<'a, A>,
    /// What the scenario says of itself.
    pub description: Option<&'a str>,
    /// The assumptions of a scenario that states none.
    pub default_assumptions: &'a A,
    /// The pictures.
    pub figures: &'a [Drawn],
    /// The scenario as it was read.
    pub scenario_text: &'a str,
}

impl<A: Serialize> RunPage<'_, A> {
    /// The page.
    pub fn page(&self) -> Page {
        let summary = self.summary;
        let mut page = Page::new(&format!("Run of {}", summary.scenario));
        let introduction = page.introduction();
        if let Some(description) = self.description {
            introduction.text(description.trim());
        }
        let mut facts = vec![
            ("scenario", summary.scenario.to_owned()),
            ("seed", summary.seed.to_string()),
            ("version of stowplan", summary.stowplan.to_owned()),
            ("simulated", span(summary.results.end)),
        ];
        facts.extend(summary.start_date.clone().map(|date| ("from", date)));
        introduction.facts(&facts);

        let results = page.section("Results");
        for block in table::blocks(summary.results) {
            results.block(&block);
        }
        for line in summary.long_run.iter().flat_map(|it| table::long_run(it)) {
            results.text(&line);
        }
        figures(page.section("Pictures"), self.figures);
        assumptions(
            page.section("Assumptions"),
            summary.assumptions,
            self.default_assumptions,
        );
        page.scenario(summary.inputs, self.scenario_text);
        page
    }
}

/// Pictures of one kind beside each other, as alternatives where clusters have one each.
fn figures(section: &mut Section, drawn: &[Drawn]) {
    section.text(
        "Point at a picture, or touch it, to read values; drag over a part to see it larger.",
    );
    let mut kinds: BTreeMap<Kind, Vec<html::Figure>> = BTreeMap::new();
    for one in drawn {
        kinds.entry(one.kind).or_default().push(one.figure.clone());
    }
    for figures in kinds.values() {
        match figures.as_slice() {
            [figure] => section.figure(figure),
            several => section.figures(several),
        };
    }
}

/// Those that differ from their defaults first: they are what a reader would not expect.
fn assumptions<A: Serialize>(section: &mut Section, in_force: &A, defaults: &A) {
    section.text("What the simulation takes for granted where AWS documents nothing.");
    let (in_force, defaults) = (listed(in_force), listed(defaults));
    let mut own = Table::new(["assumption", "in force", "default"]);
    let mut usual = Table::new(["assumption", "in force"]);
    for ((name, value), (_, default)) in in_force.into_iter().zip(defaults) {
        if value == default {
            usual.row([name, value]);
        } else {
            own.row([name, value, default]);
        }
    }
    match own.rows.len() {
        0 => section.text("All are at their defaults."),
        _ => section.table("Chosen by the scenario", &own),
    };
    section.folded("At their defaults", |section| {
        section.table("", &usual);
    });
}

/// Every assumption by its path in a scenario, and its value.
fn listed<A: Serialize>(assumptions: &A) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let value = serde_json::to_value(assumptions).unwrap_or_default();
    flatten("", &value, &mut found);
    found
}

fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.contains_key("distribution") => {
            for (name, value) in fields {
                let separator = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{separator}{name}"), value, found);
            }
        }
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assumptions_are_listed_by_their_path() {
        let value = serde_json::json!({
            "ties": "random",
            "awsBatch": {"grace": "10m", "start": {"distribution": "constant", "value": 3}},
        });
        let found = listed(&value);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            pair("ties", "random"),
            pair("awsBatch.grace", "10m"),
            pair(
                "awsBatch.start",
                "{\"distribution\":\"constant\",\"value\":3}",
            ),
        ];
        assert_eq!(found, expected);
    }
}
