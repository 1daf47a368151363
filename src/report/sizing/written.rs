//! What a search leaves in files: rows, a document, a page.

use std::io;

use serde_json::{Value, json};

use super::SizingReport;
use crate::experiment::evidence::{Decision, Evidence};
use crate::experiment::sizing::{Contradiction, Objective};
use crate::experiment::target::{Judged, Target};
use crate::report::assumed::assumptions;
use crate::report::comparison::measure;
use crate::report::html::{self, Page, Point, PointKind, Scatter};
use crate::report::runs::RunRows;
use crate::statistics::{Interval, proportion};

/// Candidates that miss their limit by more than so many times are not drawn: nothing could be told
/// of the others.
const FAR_OFF: f64 = 10.0;

impl<E> SizingReport<'_, E> {
    /// `candidates.csv`: a row for each candidate that ran.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn candidates(&self, out: impl io::Write) -> io::Result<()> {
        let mut out = csv::Writer::from_writer(out);
        let metrics = self.sizing.metrics();
        let targets = &self.sizing.standard().targets;
        let head = ["candidate", "replications", "decision", "runsMet"];
        let tail = ["probability", "probabilityLow", "probabilityHigh"];
        let means = metrics[..targets.len()].iter().map(|it| it.name.as_str());
        let fixed = head.into_iter().chain(tail).chain(means);
        out.write_record(fixed.chain(["objective", "onFront"]))?;
        let front = self.sizing.front();
        for candidate in self.sizing.seen().keys() {
            let evidence = self.sizing.evidence(*candidate);
            let interval = self.share(&evidence);
            let share = evidence.met as f64 / evidence.replications as f64;
            let head = [
                self.names[*candidate].clone(),
                evidence.replications.to_string(),
                self.word(*candidate, evidence.decision).to_owned(),
                evidence.met.to_string(),
                share.to_string(),
                interval.map_or_else(String::new, |it| it.low.to_string()),
                interval.map_or_else(String::new, |it| it.high.to_string()),
            ];
            let means = (0..targets.len()).map(|place| {
                let mean = self.sizing.mean_of(*candidate, place);
                mean.map_or_else(String::new, |mean| mean.to_string())
            });
            let objective = self.sizing.objective(*candidate);
            let objective = match objective.is_finite() {
                true => objective.to_string(),
                false => String::new(),
            };
            let tail = [objective, front.contains(candidate).to_string()];
            out.write_record(head.into_iter().chain(means).chain(tail))?;
        }
        out.flush()
    }

    /// Where the probability lies with which all targets hold in a run, by Clopper and Pearson's
    /// interval after all runs, with the confidence of the search and no correction for looks.
    fn share(&self, evidence: &Evidence) -> Option<Interval> {
        let confidence = self.sizing.standard().confidence;
        proportion::interval(evidence.met, evidence.replications, confidence)
    }

    /// `runs.csv`: a row a run.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn run_rows(&self, out: impl io::Write) -> io::Result<()> {
        let mut rows = RunRows::new(out, ["alternative"], self.sizing.metrics())?;
        for (candidate, seen) in self.sizing.seen() {
            rows.write_all([self.names[*candidate].as_str()], &seen.runs)?;
        }
        rows.finish()
    }

    /// `plan.json`: everything, for a program.
    pub fn json(&self) -> String {
        let standard = self.sizing.standard();
        let front = self.sizing.front();
        let candidate = |number: usize| {
            let evidence = self.sizing.evidence(number);
            let objective = self.sizing.objective(number);
            let means = (0..standard.targets.len()).map(|it| self.sizing.mean_of(number, it));
            json!({
                "candidate": self.names[number],
                "objective": objective.is_finite().then_some(objective),
                "means": means.collect::<Vec<_>>(),
                "probability": self.share(&evidence),
                "evidence": evidence,
                "onFront": front.contains(&number),
            })
        };
        let candidates = self.sizing.seen().keys().map(|it| candidate(*it));
        let target = |it: &Target| {
            let judged = match it.judged() {
                Judged::ByRun => "by-run",
                Judged::OnMean => "on-mean",
            };
            json!({"target": it.to_string(), "judged": judged})
        };
        let contradictions = self.sizing.contradictions();
        let contradiction = |it: &Contradiction| {
            json!({
                "metric": it.metric,
                "smaller": self.names[it.smaller],
                "larger": self.names[it.larger],
            })
        };
        let document = json!({
            "stowplan": env!("CARGO_PKG_VERSION"),
            "scenario": self.scenario,
            "seed": self.seed,
            "inputs": self.inputs,
            "statisticsFrom": self.statistics_from,
            "targets": standard.targets.iter().map(target).collect::<Vec<_>>(),
            "probability": standard.probability,
            "confidence": standard.confidence,
            "atMost": standard.at_most,
            "minimise": self.objective,
            "chosen": self.found.chosen.map(&candidate),
            "nextCheaper": self.found.next_cheaper.map(&candidate),
            "gridSize": self.names.len(),
            "runs": self.runs,
            "contradictions": contradictions.iter().map(contradiction).collect::<Vec<_>>(),
            "candidates": candidates.collect::<Vec<Value>>(),
        });
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// `report.html`.
    pub fn page(&self) -> Page {
        let mut page = Page::new(&format!("How much {} needs", self.scenario));
        let introduction = page.introduction();
        for line in self.head() {
            introduction.text(&line);
        }
        introduction.facts(&[
            ("scenario", self.scenario.to_owned()),
            ("seed of the first replication", self.seed.to_string()),
            ("stowplan", env!("CARGO_PKG_VERSION").to_owned()),
        ]);
        let answer = page.section("Answer");
        for line in self.answer().iter().flatten().chain(&self.warnings()) {
            answer.text(line.trim_start());
        }
        if let Some(front) = self.front() {
            page.section("Pareto front").figure(&html::scatter(&front));
        }
        page.section("Candidates").block(&self.table(usize::MAX));
        let [in_force, defaults] = self.assumptions;
        assumptions(&mut page, in_force, defaults);
        page.scenario(self.inputs, self.scenario_text);
        page
    }

    /// The objective against the metric of the first target.
    fn front(&self) -> Option<Scatter> {
        let target = self.sizing.standard().targets.first()?;
        let is_upper = target.relation.is_upper_limit();
        let front = self.sizing.front();
        let kind = |candidate: usize| match self.sizing.evidence(candidate).decision {
            _ if self.found.chosen == Some(candidate) => PointKind::Chosen,
            _ if front.contains(&candidate) => PointKind::Front,
            Decision::Meets => PointKind::Other,
            Decision::Fails | Decision::Open => PointKind::Fails,
        };
        let near = |mean: &f64| !is_upper || target.value <= 0.0 || *mean <= FAR_OFF * target.value;
        let seen = self.sizing.seen().keys();
        let points: Vec<Point> = seen
            .clone()
            .filter_map(|it| {
                let mean = self.sizing.mean_of(*it, 0).filter(near)?;
                Some(Point {
                    name: self.names[*it].clone(),
                    x: self.sizing.objective(*it),
                    y: mean,
                    kind: kind(*it),
                })
            })
            .collect();
        let left_out = match seen.len() - points.len() {
            0 => String::new(),
            count => format!(" Left out, far beyond the limit: {count}."),
        };
        let better = if is_upper { "lower" } else { "higher" };
        let x = match self.sizing.what_to_minimise() {
            Objective::Metric(metric) => measure(metric),
            Objective::Number(_) => html::Measure::Number(String::new()),
        };
        let metric = &target.metric;
        Some(Scatter {
            title: format!("{} against {}", self.objective, metric.name),
            caption: format!(
                "Each candidate that ran, with the mean of {} over its runs; {better} is better. No other is better in \
                 both than those on the line.{left_out}",
                metric.name
            ),
            x: (self.objective.to_owned(), x),
            y: (metric.name.clone(), measure(metric)),
            target: Some(target.value),
            points,
        })
    }
}
