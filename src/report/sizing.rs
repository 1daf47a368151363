//! What a search for the cheapest fleet leaves behind: its certificate, the candidates, the Pareto
//! front.

mod written;

use serde_json::Value;

use super::comparison::{percent, plain, value};
use super::table::{Block, Table};
use super::tables::Input;
use crate::experiment::evidence::{About, Criterion, Decision, Evidence, are_alike};
use crate::experiment::sizing::{Contradiction, Found, Objective, Sizing};
use crate::experiment::target::Judged;

/// More candidates than these are not printed, only written.
const MOST_ROWS: usize = 25;

/// Everything that is told of a search.
pub struct SizingReport<'a, E> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Seed of the first replication.
    pub seed: u64,
    /// Files of the scenario.
    pub inputs: &'a [Input],
    /// The scenario as it was read.
    pub scenario_text: &'a str,
    /// Assumptions in force for the first candidate, and those of a scenario that states none.
    pub assumptions: [&'a Value; 2],
    /// From when on runs were measured.
    pub statistics_from: &'a str,
    /// Names of all candidates, by number.
    pub names: &'a [String],
    /// What is as small as possible, in words: the name of a metric or of what varies.
    pub objective: &'a str,
    /// The search.
    pub sizing: &'a Sizing<'a, E>,
    /// What it found.
    pub found: Found,
    /// Runs that were made in all.
    pub runs: u64,
}

impl<E> SizingReport<'_, E> {
    /// What the terminal shows.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = vec![Block::of_lines(self.head())];
        blocks.extend(self.answer().into_iter().map(Block::of_lines));
        let warnings = self.warnings();
        if !warnings.is_empty() {
            blocks.push(Block::of_lines(warnings));
        }
        blocks.push(self.table(MOST_ROWS));
        blocks
    }

    fn head(&self) -> Vec<String> {
        let standard = self.sizing.standard();
        let sure = percent(standard.confidence.share());
        let mut lines: Vec<String> = standard
            .targets
            .iter()
            .map(|target| match target.judged() {
                Judged::ByRun => format!(
                    "target: {target} in {} of all runs or more, shown with {sure} confidence",
                    percent(standard.probability)
                ),
                Judged::OnMean => {
                    format!(
                        "target: {target} on average over all runs, shown with {sure} confidence"
                    )
                }
            })
            .collect();
        lines.push(format!("as small as possible: {}", self.objective));
        lines.push(self.statistics_from.to_owned());
        lines.push(self.effort());
        lines
    }

    /// How many runs it took, against those of all candidates.
    fn effort(&self) -> String {
        let (seen, all) = (self.sizing.seen().len(), self.names.len());
        let made = format!("{} runs of {seen} out of {all} candidates", self.runs);
        match self.found.chosen {
            Some(chosen) if seen < all => {
                let each = self.sizing.runs(chosen).len();
                format!(
                    "{made}; all of them with the {each} replications of the chosen one would take {}",
                    all * each
                )
            }
            _ => made,
        }
    }

    /// The chosen one and the next cheaper, each with what shows it; or that there is none.
    fn answer(&self) -> Vec<Vec<String>> {
        let Some(chosen) = self.found.chosen else {
            return vec![self.none_found()];
        };
        let what = match self.found.next_cheaper {
            Some(_) => "is the cheapest that was shown to meet the target",
            None => "meets the target, and no cheaper candidate ran",
        };
        let mut parts = vec![self.certificate(chosen, what)];
        if let Some(next) = self.found.next_cheaper {
            let what = match self.sizing.evidence(next).decision {
                Decision::Fails => "is the next cheaper, and fails",
                _ => "is the next cheaper, and could not be shown to meet the target or to fail",
            };
            parts.push(self.certificate(next, what));
        }
        parts
    }

    fn none_found(&self) -> Vec<String> {
        let mut lines = vec![self.verdict()];
        if let Some(nearest) = self.sizing.nearest() {
            lines.extend(self.certificate(nearest, "comes nearest"));
        }
        lines
    }

    /// The outcome in a sentence.
    pub fn verdict(&self) -> String {
        let all = self.names.len();
        match self.found.chosen {
            Some(chosen) => format!(
                "{} is the cheapest that was shown to meet the target",
                self.names[chosen]
            ),
            None if all == 1 => "the only candidate was not shown to meet the target".to_owned(),
            None => match self.sizing.seen().len() {
                seen if seen == all => {
                    format!("none of the {all} candidates was shown to meet the target")
                }
                seen => format!(
                    "none of the {seen} candidates that ran, out of {all}, was shown to meet the target: the search \
                     takes for granted that more is easier; --exhaustive does not"
                ),
            },
        }
    }

    fn certificate(&self, candidate: usize, what: &str) -> Vec<String> {
        let name = &self.names[candidate];
        let of = match self.sizing.what_to_minimise() {
            // The name tells it already.
            Objective::Number(_) => String::new(),
            Objective::Metric(_) if !self.sizing.objective(candidate).is_finite() => String::new(),
            Objective::Metric(_) => format!(", {} {},", self.objective, self.cost(candidate)),
        };
        let evidence = self.sizing.evidence(candidate);
        let mut lines = vec![format!("{name}{of} {what}:")];
        if are_alike(self.sizing.runs(candidate)) {
            lines.push(
                "  every replication gave the same: nothing is left to chance, and one run decides"
                    .to_owned(),
            );
        } else {
            let criteria = evidence.criteria.iter();
            lines.extend(criteria.map(|it| format!("  {}", self.criterion(candidate, it))));
        }
        lines.push(format!("  {}", self.share_of_runs(&evidence)));
        lines
    }

    /// What is known of one criterion of a candidate.
    fn criterion(&self, candidate: usize, criterion: &Criterion) -> String {
        let standard = self.sizing.standard();
        let runs = self.sizing.runs(candidate).len();
        let sure = percent(standard.confidence.share());
        let targets = |judged| {
            let some = standard
                .targets
                .iter()
                .filter(move |it| it.judged() == judged);
            some.map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" and ")
        };
        match (criterion.about, criterion.interval) {
            (About::EachRun, Some(interval)) => {
                let all = targets(Judged::ByRun);
                let allowed = percent(1.0 - standard.probability);
                match criterion.decision {
                    Decision::Meets => format!(
                        "{all} in a run with probability {} or more ({sure} confidence)",
                        floor(interval.low)
                    ),
                    Decision::Fails => format!(
                        "not {all} in a run with probability {} or more ({sure} confidence), where {allowed} is allowed",
                        floor(1.0 - interval.high)
                    ),
                    Decision::Open => format!(
                        "{all} in a run with probability {} to {} ({sure} confidence either way); more replications \
                         may tell, see --at-most",
                        floor(interval.low),
                        percent(interval.high)
                    ),
                }
            }
            (About::Mean(target), Some(interval)) => {
                let metric = &standard.targets[target].metric;
                let limit = &standard.targets[target];
                let show = |number: f64| match number.is_finite() {
                    true => value(metric, number),
                    false => "anything".to_owned(),
                };
                let mean = self
                    .sizing
                    .mean_of(candidate, target)
                    .map_or_else(String::new, show);
                let is_upper = limit.relation.is_upper_limit();
                let bound = match (criterion.decision, is_upper) {
                    (Decision::Meets, true) | (Decision::Fails, false) => {
                        format!("at most {}", show(interval.high))
                    }
                    (Decision::Meets, false) | (Decision::Fails, true) => {
                        format!("at least {}", show(interval.low))
                    }
                    (Decision::Open, _) => {
                        format!("between {} and {}", show(interval.low), show(interval.high))
                    }
                };
                let name = &metric.name;
                match criterion.decision {
                    Decision::Meets => format!(
                        "{limit}: {name} is {mean} on average over {runs} runs, and {bound} with {sure} confidence"
                    ),
                    Decision::Fails => format!(
                        "not {limit}: {name} is {mean} on average over {runs} runs, and {bound} with {sure} confidence"
                    ),
                    Decision::Open => format!(
                        "cannot tell {limit}: {name} is {mean} on average over {runs} runs, and {bound}; more \
                         replications may tell, see --at-most"
                    ),
                }
            }
            (About::EachRun, None) => "some runs have no such number".to_owned(),
            (About::Mean(target), None) => {
                let metric = &standard.targets[target].metric.name;
                format!(
                    "not {}: some runs have no {metric}",
                    standard.targets[target]
                )
            }
        }
    }

    fn share_of_runs(&self, evidence: &Evidence) -> String {
        let Evidence {
            met, replications, ..
        } = evidence;
        let what = match self.sizing.standard().targets.len() {
            1 => "the target holds",
            _ => "all targets hold at once",
        };
        format!("{what} in {met} of {replications} runs")
    }

    /// What was taken for granted and is not so.
    fn warnings(&self) -> Vec<String> {
        let sentence = |it: &Contradiction| {
            let (smaller, larger) = (&self.names[it.smaller], &self.names[it.larger]);
            let metric = &it.metric;
            let what = match it.of_objective {
                true => "is lower",
                false => "is further from its target",
            };
            format!("warning: {metric} {what} with {larger} than with {smaller}")
        };
        // When everything was decided, nothing was taken for granted.
        if self.sizing.seen().len() == self.names.len() {
            return Vec::new();
        }
        let mut lines: Vec<String> = self.sizing.contradictions().iter().map(sentence).collect();
        if !lines.is_empty() {
            lines.push(
                "the search takes for granted that more is easier and dearer; --exhaustive does not".to_owned(),
            );
        }
        lines
    }

    /// Candidates that ran, the cheapest first.
    fn by_objective(&self) -> Vec<usize> {
        let mut all: Vec<usize> = self.sizing.seen().keys().copied().collect();
        let cost = |it: &usize| self.sizing.objective(*it);
        all.sort_by(|one, other| cost(one).total_cmp(&cost(other)));
        all
    }

    fn cost(&self, candidate: usize) -> String {
        let number = self.sizing.objective(candidate);
        match self.sizing.what_to_minimise() {
            Objective::Metric(metric) if number.is_finite() => value(metric, number),
            Objective::Number(_) => plain_number(number),
            Objective::Metric(_) => String::new(),
        }
    }

    /// A row for each candidate that ran, the nearest to the chosen one if there are too many.
    fn table(&self, most: usize) -> Block {
        let mut table = Table::default();
        let targets = &self.sizing.standard().targets;
        let metrics = targets.iter().map(|it| it.metric.name.clone());
        let head = ["candidate".to_owned(), self.objective.to_owned()];
        let tail = ["target held", "decision"].map(str::to_owned);
        table.header = head.into_iter().chain(metrics).chain(tail).collect();
        let all = self.by_objective();
        let centre = self.found.chosen.or(self.sizing.nearest());
        let centre = all.iter().position(|it| Some(*it) == centre).unwrap_or(0);
        let first = centre
            .saturating_sub(most / 2)
            .min(all.len().saturating_sub(most));
        for candidate in all.iter().skip(first).take(most) {
            let evidence = self.sizing.evidence(*candidate);
            let means = targets.iter().enumerate().map(|(place, target)| {
                let mean = self.sizing.mean_of(*candidate, place);
                mean.map_or_else(String::new, |mean| value(&target.metric, mean))
            });
            let head = [self.names[*candidate].clone(), self.cost(*candidate)];
            let tail = [
                format!("{} / {}", evidence.met, evidence.replications),
                self.word(*candidate, evidence.decision).to_owned(),
            ];
            table.row(head.into_iter().chain(means).chain(tail));
        }
        let left_out = all.len() - table.rows.len();
        Block {
            lines: match left_out {
                0 => Vec::new(),
                _ => vec![format!(
                    "({left_out} more candidates stand in candidates.csv)"
                )],
            },
            table: Some(table),
        }
    }

    fn word(&self, candidate: usize, decision: Decision) -> &'static str {
        match decision {
            _ if self.found.chosen == Some(candidate) => "chosen",
            Decision::Meets => "meets",
            Decision::Fails => "fails",
            Decision::Open if self.is_too_dear(candidate) => "too dear",
            Decision::Open => "undecided",
        }
    }

    /// Whether a candidate is as dear as the chosen one, so that nobody asked what it can do.
    fn is_too_dear(&self, candidate: usize) -> bool {
        let cost = |candidate| self.sizing.objective(candidate);
        self.found
            .chosen
            .is_some_and(|chosen| cost(candidate) >= cost(chosen))
    }
}

/// A whole number without decimals.
fn plain_number(number: f64) -> String {
    match number.fract() == 0.0 {
        true => format!("{number:.0}"),
        false => plain(number),
    }
}

/// A probability that is a lower bound, never rounded up.
fn floor(probability: f64) -> String {
    percent((probability * 1000.0).floor() / 1000.0)
}
