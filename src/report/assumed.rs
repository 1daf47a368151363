//! The assumptions in force, as a section of a page.

use serde::Serialize;
use serde_json::Value;

use super::html::Page;
use super::table::Table;

/// Adds a section: those that differ from their defaults first, as they are what a reader would not
/// expect.
pub fn assumptions<A: Serialize>(page: &mut Page, in_force: &A, defaults: &A) {
    let section = page.section("Assumptions");
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
