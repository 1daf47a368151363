//! `report.html` of a run: everything that the terminal and the directory show, on one page.

use std::collections::BTreeMap;

use serde::Serialize;

use super::assumed::assumptions;
use super::figures::{Drawn, Kind};
use super::html::{self, Page, Section};
use super::table::{self, span};
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
        assumptions(&mut page, summary.assumptions, self.default_assumptions);
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
