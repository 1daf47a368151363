//! What a sweep leaves behind: `runs.csv`, `summary.csv`, `experiment.json`, `report.html`.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::assumed::assumptions;
use super::comparison::{JUDGED, measure, percent, with_half_width};
use super::html::{self, Page};
use super::runs::{RunRows, number};
use super::table::{Block, Table};
use super::tables::Input;
use crate::experiment::Run;
use crate::experiment::metric::{Metric, usual};
use crate::statistics::Confidence;
use crate::statistics::estimate::Estimate;

/// More combinations than these are not printed.
const MOST_PRINTED: usize = 40;

/// More metrics than these are not printed.
const MOST_COLUMNS: usize = 5;

/// More combinations than these do not stand in the table of the report.
const MOST_ROWS: usize = 1000;

/// More combinations than these are not drawn.
const MOST_DRAWN: usize = 60;

/// What a sweep is, and all that its results depend on: two with the same head have the same runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SweepHead {
    /// Version of stowplan.
    pub stowplan: String,
    /// Name of the experiment.
    pub name: String,
    /// What it is to find out.
    pub description: Option<String>,
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the first replication.
    pub seed: u64,
    /// Runs of every combination.
    pub replications: u32,
    /// What varies; the values of the last go round fastest.
    pub factors: Vec<Factor>,
    /// Names of the metrics.
    pub metrics: Vec<String>,
    /// Whether the user named them: all of them are shown then.
    pub metrics_named: bool,
    /// From when on statistics were to count, when that was said.
    pub warm_up: Option<String>,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Choices in force where AWS documents nothing; one that varies has its first value here.
    pub assumptions: Value,
    /// Files that the experiment is made of.
    pub inputs: Vec<Input>,
    /// The experiment as it was read; absent when it was a scenario.
    pub experiment_text: Option<String>,
    /// The scenario as it was read.
    pub scenario_text: String,
}

/// Something that varies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Factor {
    /// Its name, short where that is clear.
    pub name: String,
    /// Where it stands in the scenario, or `strategy`.
    pub path: String,
    /// Its values.
    pub values: Vec<String>,
}

impl SweepHead {
    /// How many combinations there are.
    pub fn combinations(&self) -> usize {
        let counts = self.factors.iter().map(|it| it.values.len());
        counts.fold(1, usize::saturating_mul)
    }

    /// How many runs there are.
    pub fn runs(&self) -> u64 {
        (self.combinations() as u64).saturating_mul(self.replications.into())
    }

    /// The value of every factor in a combination.
    pub fn values(&self, combination: usize) -> Vec<&str> {
        let mut rest = combination;
        let mut values = Vec::new();
        for factor in self.factors.iter().rev() {
            let count = factor.values.len().max(1);
            let value = factor.values.get(rest % count);
            values.push(value.map_or("", String::as_str));
            rest /= count;
        }
        values.reverse();
        values
    }

    /// The columns of the factors: their names, unless another column has that name.
    fn columns(&self) -> Vec<String> {
        let fixed = ["replication", "replications", "seed", "end", "events"];
        let taken = |name: &String| {
            let of_metric = |metric: &String| {
                name.strip_prefix(metric)
                    .is_some_and(|rest| ["", ".halfWidth", ".count"].contains(&rest))
            };
            fixed.contains(&name.as_str()) || self.metrics.iter().any(of_metric)
        };
        let column = |name: &String| match taken(name) {
            true => format!("factor:{name}"),
            false => name.clone(),
        };
        self.factors.iter().map(|it| column(&it.name)).collect()
    }

    /// What is measured.
    pub fn read_metrics(&self) -> Vec<Metric> {
        self.metrics
            .iter()
            .map(|name| Metric::named(name))
            .collect()
    }

    /// Names of the metrics of a sweep that names none.
    pub fn usual_metrics() -> Vec<String> {
        usual().into_iter().map(|metric| metric.name).collect()
    }

    /// What tells two heads apart, in words.
    pub fn differences(&self, other: &SweepHead) -> Vec<String> {
        let mut found = Vec::new();
        let mut note = |same: bool, what: &str| {
            if !same {
                found.push(what.to_owned());
            }
        };
        note(self.stowplan == other.stowplan, "the version of stowplan");
        note(
            (&self.name, &self.description) == (&other.name, &other.description),
            "its name or description",
        );
        note(self.factors == other.factors, "what varies");
        note(
            self.replications == other.replications,
            "the number of replications",
        );
        note(self.seed == other.seed, "the seed");
        note(self.metrics == other.metrics, "the metrics");
        note(self.warm_up == other.warm_up, "the warm-up");
        note(self.confidence == other.confidence, "the confidence");
        for input in &self.inputs {
            let same = other.inputs.contains(input);
            note(same, &format!("the file {}", input.file));
        }
        for input in &other.inputs {
            let known = self.inputs.iter().any(|it| it.file == input.file);
            note(known, &format!("the file {}", input.file));
        }
        if found.is_empty() && self != other {
            found.push("the scenario".to_owned());
        }
        found
    }
}

/// Everything that is told of a sweep.
pub struct SweepReport<'a> {
    head: &'a SweepHead,
    statistics_from: &'a str,
    metrics: Vec<Metric>,
    runs: &'a [Run],
    /// By combination, then by metric.
    estimates: Vec<Vec<Option<Estimate>>>,
}

impl<'a> SweepReport<'a> {
    /// Of all runs in the order of their numbers; `statistics_from` says from when on they were
    /// measured.
    pub fn new(head: &'a SweepHead, statistics_from: &'a str, runs: &'a [Run]) -> Self {
        let confidence = Confidence::new(head.confidence).unwrap_or(Confidence::USUAL);
        let metrics = head.read_metrics();
        let of_one = |runs: &[Run]| {
            let estimate = |place: usize| {
                let values = runs.iter().filter_map(|run| *run.values.get(place)?);
                Estimate::of(&values.collect::<Vec<_>>(), confidence)
            };
            (0..metrics.len()).map(estimate).collect()
        };
        let each = head.replications.max(1) as usize;
        SweepReport {
            head,
            statistics_from,
            estimates: runs.chunks(each).map(of_one).collect(),
            metrics,
            runs,
        }
    }

    /// `runs.csv`: a row a run.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn runs(&self, out: impl io::Write) -> io::Result<()> {
        let columns = self.head.columns();
        let columns = columns.iter().map(String::as_str);
        let mut rows = RunRows::new(out, columns, &self.metrics)?;
        let each = self.head.replications.max(1) as usize;
        for (combination, runs) in self.runs.chunks(each).enumerate() {
            for (replication, run) in (0..).zip(runs) {
                rows.write(self.head.values(combination), replication, run)?;
            }
        }
        rows.finish()
    }

    /// `summary.csv`: a row a combination, with mean, half width and number of values of every
    /// metric.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn summary(&self, out: impl io::Write) -> io::Result<()> {
        let mut out = csv::Writer::from_writer(out);
        let mut header = self.head.columns();
        header.push("replications".to_owned());
        for name in &self.head.metrics {
            header.extend(["", ".halfWidth", ".count"].map(|part| format!("{name}{part}")));
        }
        out.write_record(&header)?;
        for (combination, estimates) in self.estimates.iter().enumerate() {
            let mut row: Vec<String> = self.values(combination);
            row.push(self.head.replications.to_string());
            for estimate in estimates {
                row.push(number(estimate.map(|it| it.mean)));
                row.push(number(estimate.and_then(|it| it.half_width)));
                row.push(estimate.map_or(0, |it| it.count).to_string());
            }
            out.write_record(&row)?;
        }
        out.flush()
    }

    fn values(&self, combination: usize) -> Vec<String> {
        let values = self.head.values(combination);
        values.into_iter().map(str::to_owned).collect()
    }

    /// `experiment.json`: what was run, for a program.
    pub fn json(&self) -> String {
        let mut document = serde_json::to_value(self.head).unwrap_or_default();
        if let Some(object) = document.as_object_mut() {
            // They stand in the report, and their hashes among the inputs.
            for text in ["experimentText", "scenarioText"] {
                object.shift_remove(text);
            }
            object.insert("statisticsFrom".to_owned(), json!(self.statistics_from));
            object.insert("combinations".to_owned(), json!(self.estimates.len()));
            object.insert("runs".to_owned(), json!(self.runs.len()));
        }
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// What the terminal shows.
    pub fn blocks(&self) -> Vec<Block> {
        let metrics: Vec<usize> = self.judged().take(MOST_COLUMNS).collect();
        let table = self.means(&metrics, MOST_PRINTED);
        let mut lines = self.introduction();
        let left_out = self.estimates.len().saturating_sub(table.rows.len());
        if left_out > 0 {
            lines.push(format!(
                "({left_out} more combinations stand in summary.csv)"
            ));
        }
        vec![Block::of_lines(lines), Block::of_table(table)]
    }

    fn introduction(&self) -> Vec<String> {
        vec![
            format!(
                "{} combinations × {} replications; means with {} intervals",
                self.estimates.len(),
                self.head.replications,
                percent(self.head.confidence)
            ),
            self.statistics_from.to_owned(),
        ]
    }

    /// Places of the metrics of which any run has a value.
    fn with_values(&self) -> impl Iterator<Item = usize> {
        (0..self.metrics.len()).filter(|place| self.estimates.iter().any(|it| it[*place].is_some()))
    }

    /// Places of the metrics that are shown first.
    fn judged(&self) -> impl Iterator<Item = usize> {
        self.with_values().filter(|place| {
            let name = self.metrics[*place].name.as_str();
            self.head.metrics_named || JUDGED.contains(&name)
        })
    }

    /// Means with the half widths of their intervals: a row a combination.
    fn means(&self, metrics: &[usize], most: usize) -> Table {
        let mut header = self.head.columns();
        if header.is_empty() {
            header.push("scenario".to_owned());
        }
        let names = metrics
            .iter()
            .map(|place| self.metrics[*place].name.clone());
        header.extend(names);
        let mut table = Table {
            header,
            ..Table::default()
        };
        for (combination, estimates) in self.estimates.iter().enumerate().take(most) {
            let mut row = self.values(combination);
            if row.is_empty() {
                row.push(self.head.scenario.clone());
            }
            row.extend(metrics.iter().map(|place| match &estimates[*place] {
                Some(it) => with_half_width(&self.metrics[*place], it.mean, it.half_width),
                None => String::new(),
            }));
            table.row(row);
        }
        table
    }

    /// `report.html`; `defaults` are the assumptions of a scenario that states none.
    pub fn page(&self, defaults: &Value) -> Page {
        let head = self.head;
        let mut page = Page::new(&format!("Sweep {}", head.name));
        let introduction = page.introduction();
        for line in head.description.iter().chain(&self.introduction()) {
            introduction.text(line.trim());
        }
        introduction.facts(&[
            ("scenario", head.scenario.clone()),
            ("runs", self.runs.len().to_string()),
            ("seed of the first replication", head.seed.to_string()),
            ("stowplan", head.stowplan.clone()),
        ]);
        let mut varying = Table::new(["what varies", "path", "values"]);
        for factor in &head.factors {
            varying.row([
                factor.name.clone(),
                factor.path.clone(),
                factor.values.join(" | "),
            ]);
        }
        page.section("What varies").table("", &varying);
        let metrics: Vec<usize> = self.with_values().collect();
        let means = page.section("Means");
        if self.estimates.len() > MOST_ROWS {
            means.text(&format!(
                "The first {MOST_ROWS} of {} combinations; all stand in summary.csv.",
                self.estimates.len()
            ));
        }
        means.table(
            "Mean over the replications, with the half width of its interval",
            &self.means(&metrics, MOST_ROWS),
        );
        let pictures = page.section("Pictures");
        if self.estimates.len() > MOST_DRAWN {
            pictures.text(&format!("The first {MOST_DRAWN} combinations."));
        }
        for place in self.judged() {
            pictures.figure(&html::interval_plot(&self.plot(place)));
        }
        if let Some(text) = &head.experiment_text {
            page.section("Experiment")
                .code("The experiment as it was read", text);
        }
        assumptions(&mut page, &head.assumptions, defaults);
        page.scenario(&head.inputs, &head.scenario_text);
        page
    }

    fn plot(&self, place: usize) -> html::IntervalPlot {
        let metric = &self.metrics[place];
        let row = |(combination, estimates): (usize, &Vec<Option<Estimate>>)| {
            let estimate = estimates[place]?;
            Some(html::Interval {
                name: self.name(combination),
                mean: estimate.mean,
                ends: estimate.interval().map(|it| (it.low, it.high)),
            })
        };
        let rows = self.estimates.iter().enumerate().take(MOST_DRAWN);
        html::IntervalPlot {
            title: metric.name.clone(),
            caption: format!(
                "Mean over the replications with its {} interval.",
                percent(self.head.confidence)
            ),
            measure: measure(metric),
            reference: None,
            rows: rows.filter_map(row).collect(),
        }
    }

    /// What a combination is called: values of the factors that take more than one.
    fn name(&self, combination: usize) -> String {
        let values = self.head.values(combination);
        let parts = self.head.factors.iter().zip(values);
        let parts = parts
            .filter(|(factor, _)| factor.values.len() > 1)
            .map(|(factor, value)| match factor.path.as_str() {
                "strategy" => value.to_owned(),
                _ => format!("{}={value}", factor.name),
            });
        match parts.collect::<Vec<_>>() {
            parts if parts.is_empty() => self.head.scenario.clone(),
            parts => parts.join(", "),
        }
    }
}
