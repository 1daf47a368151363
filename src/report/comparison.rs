//! What a comparison leaves behind: sentences and tables for a person, rows for a program.

use std::io;

use serde_json::{Value, json};

use super::assumed::assumptions;
use super::html::{self, Page};
use super::runs::RunRows;
use super::table::{Block, Table, span};
use super::tables::Input;
use crate::experiment::compare::{Compared, ComparedPair, Comparison};
use crate::experiment::metric::{Metric, Unit};
use crate::experiment::sensitivity::Sensitivity;
use crate::statistics::verdict::Verdict;

/// Alternatives side by side in one table; more go into further tables.
const MOST_COLUMNS: usize = 6;

/// More pairs than these are not printed, only written.
const MOST_SENTENCES: usize = 15;

/// The metrics on which alternatives are judged in sentences, where nobody chose others.
pub(super) const JUDGED: [&str; 6] = [
    "wait.mean",
    "wait.p95",
    "waiting",
    "instances.used",
    "given-up",
    "cost",
];

/// Everything that is told of a comparison.
pub struct ComparisonReport<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Seed of the first replication.
    pub seed: u64,
    /// Files of the scenario.
    pub inputs: &'a [Input],
    /// The scenario as it was read.
    pub scenario_text: &'a str,
    /// Assumptions in force for the first alternative, and those of a scenario that states none.
    pub assumptions: [&'a Value; 2],
    /// From when on runs were measured.
    pub statistics_from: &'a str,
    /// What came out.
    pub comparison: &'a Comparison,
    /// Whether the user named the metrics: all of them are judged then.
    pub all_judged: bool,
    /// What ties and shaken arrivals do to the ranking by the first metric; absent where it was not
    /// looked at.
    pub sensitivity: Vec<(&'a str, Sensitivity)>,
}

impl ComparisonReport<'_> {
    /// What the terminal shows.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = vec![Block::of_lines(self.head())];
        blocks.extend(self.means().into_iter().map(Block::of_table));
        for compared in self.judged() {
            let sentences = self.sentences(compared).into_iter().map(|(_, text)| text);
            let mut lines: Vec<String> = sentences.take(MOST_SENTENCES).collect();
            let left_out = compared.pairs.len().saturating_sub(lines.len());
            if left_out > 0 {
                lines.push(format!("({left_out} more pairs stand in pairs.csv)"));
            }
            lines.extend(pairing(compared));
            if !lines.is_empty() {
                blocks.push(Block::of_lines(lines));
            }
        }
        blocks.extend(self.stability());
        blocks
    }

    fn head(&self) -> Vec<String> {
        let Comparison {
            alternatives,
            runs,
            design,
            ..
        } = self.comparison;
        let each = runs.first().map_or(0, Vec::len);
        let confidence = percent(design.confidence.share());
        let mut lines = vec![
            format!(
                "{} alternatives × {each} replications on the same work; {confidence} intervals",
                alternatives.len()
            ),
            self.statistics_from.to_owned(),
        ];
        let waits = self.comparison.metrics.iter().any(|it| {
            it.metric.name == "waiting" && it.estimates.iter().flatten().any(|it| it.mean > 0.0)
        });
        if waits {
            lines.push(
                "waits leave out whoever still waited at the end: hold them against `waiting`"
                    .to_owned(),
            );
        }
        if self.comparison.deterministic {
            lines.push(
                "every replication gave the same: nothing in the scenario is left to chance, so there is nothing \
                 to be unsure of but the scenario itself"
                    .to_owned(),
            );
        }
        if self.comparison.precise == Some(false) {
            lines.push("the precision asked for was not reached; raise --at-most".to_owned());
        }
        lines
    }

    /// Means with the half widths of their intervals: a row a metric, a column an alternative.
    fn means(&self) -> Vec<Table> {
        let alternatives = &self.comparison.alternatives;
        let numbers: Vec<usize> = (0..alternatives.len()).collect();
        let tables = numbers.chunks(MOST_COLUMNS).map(|columns| {
            let mut table = Table::default();
            table.header.push("mean".to_owned());
            let names = columns.iter().map(|column| alternatives[*column].clone());
            table.header.extend(names);
            for compared in &self.comparison.metrics {
                let cells = columns
                    .iter()
                    .map(|column| match &compared.estimates[*column] {
                        Some(it) => with_half_width(&compared.metric, it.mean, it.half_width),
                        None => String::new(),
                    });
                table.row([compared.metric.name.clone()].into_iter().chain(cells));
            }
            table
        });
        tables.collect()
    }

    /// The metrics on which sentences are said: those that tell the alternatives apart at all.
    fn judged(&self) -> impl Iterator<Item = &Compared> {
        let chosen = |metric: &Metric| self.all_judged || JUDGED.contains(&metric.name.as_str());
        self.comparison.metrics.iter().filter(move |compared| {
            let differs = compared
                .pairs
                .iter()
                .any(|pair| pair.difference.mean != 0.0 || pair.difference.half_width != Some(0.0));
            compared.metric.goal.is_some() && chosen(&compared.metric) && differs
        })
    }

    /// One sentence a pair.
    fn sentences(&self, compared: &Compared) -> Vec<(html::Verdict, String)> {
        let names = &self.comparison.alternatives;
        let margin = self.comparison.design.margin;
        let pairs = compared.pairs.iter().filter_map(|pair| {
            let verdict = pair.verdict?;
            let (one, other) = (&names[pair.first], &names[pair.second]);
            let text = sentence(&compared.metric, pair, verdict, one, other, margin);
            Some((mark(verdict), text))
        });
        pairs.collect()
    }

    /// Ranks as they are and when disturbed, and whether the ranking survives.
    fn stability(&self) -> Option<Block> {
        let compared = self.comparison.metrics.first()?;
        self.sensitivity.first()?;
        let mut table = Table::new(["rank", "as it is"]);
        table.header[0] = format!("rank by {}", compared.metric.name);
        let disturbed = self.sensitivity.iter();
        table
            .header
            .extend(disturbed.clone().map(|(what, _)| (*what).to_owned()));
        let rank = |rank: Option<usize>| rank.map_or_else(String::new, |rank| rank.to_string());
        let ranks = compared.ranks();
        for (place, name) in self.comparison.alternatives.iter().enumerate() {
            let others = disturbed.clone().map(|(_, it)| rank(it.ranks[place]));
            table.row([name.clone(), rank(ranks[place])].into_iter().chain(others));
        }
        let decided = compared
            .pairs
            .iter()
            .any(|pair| matches!(pair.verdict, Some(Verdict::Better | Verdict::Worse)));
        let lines = match decided {
            true => self
                .sensitivity
                .iter()
                .map(|(what, it)| self.survival(what, it))
                .collect(),
            false => vec![format!(
                "by {} no alternative was found better than another: there is no ranking to overturn",
                compared.metric.name
            )],
        };
        Some(Block {
            lines,
            table: Some(table),
        })
    }

    fn survival(&self, what: &str, it: &Sensitivity) -> String {
        let names = &self.comparison.alternatives;
        let runs = it.replications;
        let told = |pairs: &[(usize, usize)], words: &str| {
            let pairs = pairs.iter();
            let pairs: Vec<String> = pairs
                .map(|(better, other)| format!("{} {words} {}", names[*better], names[*other]))
                .collect();
            pairs.join("; ")
        };
        if !it.overturned.is_empty() {
            let pairs = told(&it.overturned, "is worse there than");
            return format!("the ranking does NOT survive {what} ({runs} replications): {pairs}");
        }
        if !it.uncertain.is_empty() {
            let pairs = told(&it.uncertain, "is not shown to be better than");
            return format!(
                "the ranking is less certain under {what} ({runs} replications): {pairs}"
            );
        }
        format!(
            "the ranking survives {what}: whoever was found better is found so again ({runs} replications)"
        )
    }

    /// `pairs.csv`: a row a metric and pair.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn pairs(&self, out: impl io::Write) -> io::Result<()> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record([
            "metric",
            "first",
            "second",
            "firstMean",
            "secondMean",
            "difference",
            "low",
            "high",
            "pValue",
            "adjustedPValue",
            "varianceRatio",
            "replications",
            "verdict",
            "moreReplications",
        ])?;
        let names = &self.comparison.alternatives;
        for compared in &self.comparison.metrics {
            for pair in &compared.pairs {
                let it = &pair.difference;
                let interval = it.interval();
                let (verdict, more) = match pair.verdict {
                    Some(Verdict::CannotTell { more_replications }) => {
                        ("cannot-tell", more_replications)
                    }
                    Some(Verdict::Better) => ("better", None),
                    Some(Verdict::Worse) => ("worse", None),
                    Some(Verdict::Same) => ("same", None),
                    None => ("", None),
                };
                let number =
                    |number: Option<f64>| number.map_or_else(String::new, |it| it.to_string());
                out.write_record([
                    compared.metric.name.clone(),
                    names[pair.first].clone(),
                    names[pair.second].clone(),
                    it.first.to_string(),
                    it.second.to_string(),
                    it.mean.to_string(),
                    number(interval.map(|it| it.low)),
                    number(interval.map(|it| it.high)),
                    number(it.p_value),
                    number(it.adjusted_p_value),
                    number(it.variance_ratio),
                    it.count.to_string(),
                    verdict.to_owned(),
                    more.map_or_else(String::new, |more| more.to_string()),
                ])?;
            }
        }
        out.flush()
    }

    /// `runs.csv`: a row a run.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn runs(&self, out: impl io::Write) -> io::Result<()> {
        let comparison = self.comparison;
        let mut rows = RunRows::new(out, ["alternative"], &comparison.design.metrics)?;
        for (name, runs) in comparison.alternatives.iter().zip(&comparison.runs) {
            rows.write_all([name.as_str()], runs)?;
        }
        rows.finish()
    }

    /// `comparison.json`: everything, for a program.
    pub fn json(&self) -> String {
        let comparison = self.comparison;
        let metrics: Vec<Value> = comparison
            .metrics
            .iter()
            .map(|it| {
                json!({
                    "metric": it.metric.name,
                    "unit": it.metric.unit,
                    "goal": it.metric.goal,
                    "estimates": it.estimates,
                    "pairs": it.pairs,
                    "ranks": it.ranks(),
                })
            })
            .collect();
        let sensitivity: Vec<Value> = self
            .sensitivity
            .iter()
            .map(|(what, it)| json!({"disturbed": what, "ranking": it}))
            .collect();
        let document = json!({
            "stowplan": env!("CARGO_PKG_VERSION"),
            "scenario": self.scenario,
            "seed": self.seed,
            "inputs": self.inputs,
            "statisticsFrom": self.statistics_from,
            "alternatives": comparison.alternatives,
            "replications": comparison.runs.first().map_or(0, Vec::len),
            "confidence": comparison.design.confidence,
            "margin": comparison.design.margin,
            "deterministic": comparison.deterministic,
            "precise": comparison.precise,
            "metrics": metrics,
            "sensitivity": sensitivity,
        });
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// `report.html`.
    pub fn page(&self) -> Page {
        let mut page = Page::new(&format!("Alternatives of {}", self.scenario));
        let introduction = page.introduction();
        for line in self.head() {
            introduction.text(&line);
        }
        introduction.facts(&[
            ("scenario", self.scenario.to_owned()),
            ("seed of the first replication", self.seed.to_string()),
            ("stowplan", env!("CARGO_PKG_VERSION").to_owned()),
        ]);
        let verdicts = page.section("Verdicts");
        for compared in self.judged() {
            verdicts.text(&format!("By {}:", compared.metric.name));
            verdicts.verdicts(&self.sentences(compared));
            pairing(compared).iter().for_each(|line| {
                verdicts.text(line);
            });
        }
        let means = page.section("Means");
        for table in self.means() {
            means.table(
                "Mean over the replications, with the half width of its interval",
                &table,
            );
        }
        let pictures = page.section("Pictures");
        for compared in self.judged() {
            pictures.figure(&html::interval_plot(&self.plot(compared)));
            pictures.figure(&html::interval_plot(&self.differences(compared)));
        }
        if let Some(block) = self.stability() {
            page.section("Does chance decide?").block(&block);
        }
        let [in_force, defaults] = self.assumptions;
        assumptions(&mut page, in_force, defaults);
        page.scenario(self.inputs, self.scenario_text);
        page
    }

    /// What is sure of the differences, however wide the intervals of the means are.
    fn differences(&self, compared: &Compared) -> html::IntervalPlot {
        let names = &self.comparison.alternatives;
        let rows = compared
            .pairs
            .iter()
            .take(MOST_SENTENCES)
            .map(|pair| html::Interval {
                name: format!("{} − {}", names[pair.first], names[pair.second]),
                mean: pair.difference.mean,
                ends: pair.difference.interval().map(|it| (it.low, it.high)),
            });
        html::IntervalPlot {
            title: format!("Differences of {}", compared.metric.name),
            caption: "Mean over the replications of the first less the second, on the same work, with the interval \
                      that the verdict rests on."
                .to_owned(),
            measure: measure(&compared.metric),
            reference: Some(0.0),
            rows: rows.collect(),
        }
    }

    fn plot(&self, compared: &Compared) -> html::IntervalPlot {
        let rows = self.comparison.alternatives.iter().zip(&compared.estimates);
        html::IntervalPlot {
            title: compared.metric.name.clone(),
            caption: format!(
                "Mean over the replications with its {} interval.",
                percent(self.comparison.design.confidence.share())
            ),
            measure: measure(&compared.metric),
            reference: None,
            rows: rows
                .filter_map(|(name, estimate)| {
                    let estimate = (*estimate)?;
                    Some(html::Interval {
                        name: name.clone(),
                        mean: estimate.mean,
                        ends: estimate.interval().map(|it| (it.low, it.high)),
                    })
                })
                .collect(),
        }
    }
}

/// What an axis of a metric measures.
pub fn measure(metric: &Metric) -> html::Measure {
    match metric.unit {
        Unit::Seconds => html::Measure::Seconds,
        Unit::Share => html::Measure::Share,
        Unit::Dollars => html::Measure::Number("USD".to_owned()),
        Unit::Number => html::Measure::Number(String::new()),
    }
}

const fn mark(verdict: Verdict) -> html::Verdict {
    match verdict {
        Verdict::Better => html::Verdict::Better,
        Verdict::Worse => html::Verdict::Worse,
        Verdict::Same => html::Verdict::Same,
        Verdict::CannotTell { .. } => html::Verdict::CannotTell,
    }
}

/// What is said of one alternative against another.
fn sentence(
    metric: &Metric,
    pair: &ComparedPair,
    verdict: Verdict,
    one: &str,
    other: &str,
    margin: f64,
) -> String {
    let it = &pair.difference;
    let name = &metric.name;
    let means = format!(
        "{} against {}",
        value(metric, it.first),
        value(metric, it.second)
    );
    let Some(interval) = it.interval() else {
        return format!("{name}: {one} and {other}: cannot tell from one run ({means})");
    };
    let range = match it.half_width == Some(0.0) {
        true => "in every replication".to_owned(),
        false => format!(
            "{} interval {} to {}",
            percent(it.confidence.share()),
            signed(metric, interval.low),
            signed(metric, interval.high)
        ),
    };
    let relative = match it.second == 0.0 {
        true => String::new(),
        false => format!(" ({:+.1} %)", it.mean / it.second.abs() * 100.0).replace('-', "−"),
    };
    let apart = format!("{}{relative}, {range}", signed(metric, it.mean));
    match verdict {
        Verdict::Better => format!("{name}: {one} is better than {other}: {means}, {apart}"),
        Verdict::Worse => format!("{name}: {one} is worse than {other}: {means}, {apart}"),
        Verdict::Same if it.mean == 0.0 && it.half_width == Some(0.0) => {
            format!("{name}: {one} and {other} are the same in every replication: {means}")
        }
        Verdict::Same => format!(
            "{name}: {one} and {other} are practically the same (within {}): {means}, {apart}",
            percent(margin)
        ),
        Verdict::CannotTell { more_replications } => {
            let more = match more_replications {
                Some(more) => format!("about {more} more replications would tell"),
                None => "more replications than are worth while would be needed".to_owned(),
            };
            format!("{name}: cannot tell {one} from {other} yet: {means}, {apart}; {more}")
        }
    }
}

/// What meeting the same work gained.
fn pairing(compared: &Compared) -> Option<String> {
    let ratios = compared
        .pairs
        .iter()
        .filter_map(|pair| pair.difference.variance_ratio);
    let least = ratios.clone().min_by(f64::total_cmp)?;
    let most = ratios.max_by(f64::total_cmp)?;
    let name = &compared.metric.name;
    let times = |ratio: f64| match ratio < 1000.0 {
        true => format!("{ratio:.1}"),
        false => "more than 1,000".to_owned(),
    };
    if most < 1.05 {
        return Some(format!(
            "{name}: meeting the same work did not cut the variance of the difference"
        ));
    }
    let (least, most) = (times(least), times(most));
    let range = match least == most {
        true => least,
        false => format!("{least} to {most}"),
    };
    Some(format!(
        "{name}: meeting the same work cut the variance of the difference {range} times"
    ))
}

/// A value of a metric in its unit.
pub fn value(metric: &Metric, number: f64) -> String {
    match metric.unit {
        Unit::Seconds => span(number),
        Unit::Share => percent(number),
        // A cent is much of a small sum.
        Unit::Dollars if number.abs() < 10.0 => format!("{number:.4} USD"),
        Unit::Dollars => format!("{number:.2} USD"),
        Unit::Number => plain(number),
    }
}

/// A difference, with its sign.
fn signed(metric: &Metric, number: f64) -> String {
    let sign = if number < 0.0 { "−" } else { "+" };
    format!("{sign}{}", value(metric, number.abs()))
}

/// A mean with the half width of its interval.
pub(super) fn with_half_width(metric: &Metric, mean: f64, half_width: Option<f64>) -> String {
    let mean = value(metric, mean);
    match half_width {
        None | Some(0.0) => mean,
        Some(half) => format!("{mean} ± {}", value(metric, half)),
    }
}

/// A share in percent, with as many digits as it takes.
pub(super) fn percent(share: f64) -> String {
    let digits = if share.abs() < 0.1 { 2 } else { 1 };
    let text = format!("{:.digits$}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Three digits and no trailing zeros.
pub fn plain(number: f64) -> String {
    let digits = match number.abs() {
        0.0 => 0,
        size => (2.0 - size.log10().floor()).clamp(0.0, 6.0) as usize,
    };
    let text = format!("{number:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
