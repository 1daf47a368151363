//! The cheapest fleet that meets its targets, found with far fewer runs than all candidates take.
//!
//! Candidates stand in lines: along a line only one number grows, such as the count of instances of
//! a type, and what a line has besides is the same. On a line targets get easier to meet and the
//! fleet gets dearer, so there is one place where it begins to meet them, and bisection finds it:
//! one of 200 with 8 candidates. Whoever is as dear as the best found so far needs no decision.
//! A candidate far from its limit is decided by few runs and one near it by many
//! ([`mod@super::evidence`]); run i of every candidate meets the same work.
//!
//! What is taken for granted, that a longer line is easier and dearer, is checked on every candidate
//! that ran ([`Sizing::contradictions`]).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use super::evidence::{Decision, Evidence, Standard};
use super::metric::Metric;
use super::{Alternative, Run, replicate};
use crate::engine::Plan;
use crate::statistics::difference::{Pair, compare};

/// All candidates: number `line × width + place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    /// How many lines.
    pub count: usize,
    /// Candidates of each, from the smallest to the largest; at least 1.
    pub width: usize,
}

/// What should be as small as possible.
#[derive(Clone, Debug)]
pub enum Objective {
    /// The mean of a metric over the runs; less is better.
    Metric(Metric),
    /// The number that grows along a line, by place.
    Number(Vec<f64>),
}

/// Where plans come from, and who is told of runs.
pub struct Maker<'a, E> {
    /// The plan of a candidate, with the seed of its first replication.
    pub plan: &'a dyn Fn(usize) -> Result<Plan, E>,
    /// Told of every run that has ended, from several threads.
    pub done: &'a (dyn Fn() + Sync),
}

/// A search, and what came of it.
pub struct Sizing<'a, E> {
    lines: Lines,
    standard: Standard,
    objective: Objective,
    metrics: Vec<Metric>,
    /// Which of the metrics should be small; absent where it is no metric.
    objective_place: Option<usize>,
    maker: Maker<'a, E>,
    seen: BTreeMap<usize, Seen>,
}

/// A candidate that ran.
#[derive(Clone, Debug)]
pub struct Seen {
    plan: Plan,
    /// Its runs, by replication.
    pub runs: Vec<Run>,
}

/// What a search found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The cheapest that meets all targets; absent when none was shown to.
    pub chosen: Option<usize>,
    /// The dearest of those that are cheaper, none of which was shown to meet them; absent when
    /// there is none, or nothing was chosen.
    pub next_cheaper: Option<usize>,
}

/// How candidates are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By bisection of every line.
    Bisection {
        /// A candidate that may well be the one: it is tried before others of its line.
        likely: Option<usize>,
    },
    /// All of them are decided: where lines are not what bisection takes for granted.
    Everything,
}

/// Something that was taken for granted and is not so.
#[derive(Clone, Debug, PartialEq)]
pub struct Contradiction {
    /// A candidate.
    pub smaller: usize,
    /// The next larger one of its line that ran.
    pub larger: usize,
    /// The metric that is worse for the larger one, though a limit or the objective wants the
    /// opposite.
    pub metric: String,
    /// Whether it is the objective, which should grow, and not that of a target.
    pub of_objective: bool,
}

impl<'a, E> Sizing<'a, E> {
    /// A search that has not begun.
    pub fn new(
        lines: Lines,
        standard: Standard,
        objective: Objective,
        maker: Maker<'a, E>,
    ) -> Self {
        let targets = standard.targets.iter().map(|it| it.metric.clone());
        let mut metrics: Vec<Metric> = targets.collect();
        let objective_place = match &objective {
            Objective::Number(_) => None,
            Objective::Metric(metric) => {
                let same = metrics.iter().position(|it| it.name == metric.name);
                Some(same.unwrap_or_else(|| {
                    metrics.push(metric.clone());
                    metrics.len() - 1
                }))
            }
        };
        Sizing {
            metrics,
            objective_place,
            lines,
            standard,
            objective,
            maker,
            seen: BTreeMap::new(),
        }
    }

    /// Finds the cheapest candidate that meets all targets, and the next cheaper one; both have as
    /// many runs in the end.
    ///
    /// # Errors
    /// When a plan cannot be made.
    pub fn search(&mut self, way: Way) -> Result<Found, E> {
        loop {
            let found = match way {
                Way::Bisection { likely } => self.bisect(likely)?,
                Way::Everything => self.decide_all()?,
            };
            let both = found.chosen.into_iter().chain(found.next_cheaper);
            let most = both.clone().map(|it| self.runs(it).len()).max();
            for candidate in both.clone() {
                self.extend(candidate, most.unwrap_or(0) as u32)?;
            }
            // Only where the first runs were alike by chance do more runs take a decision back.
            let meets = |it| self.evidence(it).decision == Decision::Meets;
            if both
                .clone()
                .all(|it| meets(it) == (found.chosen == Some(it)))
            {
                return Ok(found);
            }
        }
    }

    fn bisect(&mut self, likely: Option<usize>) -> Result<Found, E> {
        let mut chosen: Option<usize> = None;
        for line in 0..self.lines.count {
            if let Some(candidate) = self.boundary(line, chosen, likely)?
                && !self.is_as_dear(candidate, chosen)?
                && self.decide(candidate)? == Decision::Meets
            {
                chosen = Some(candidate);
            }
        }
        // Where more is cheaper, a candidate that ran on the way may be the better one.
        for candidate in self.seen.keys().copied().collect::<Vec<_>>() {
            let meets = self.evidence(candidate).decision == Decision::Meets;
            if meets && chosen.is_some_and(|best| self.by_objective(candidate, best).is_lt()) {
                chosen = Some(candidate);
            }
        }
        let next_cheaper = match chosen {
            Some(chosen) => self.next_cheaper(chosen)?,
            None => None,
        };
        Ok(Found {
            chosen,
            next_cheaper,
        })
    }

    fn decide_all(&mut self) -> Result<Found, E> {
        let all = 0..self.lines.count * self.lines.width;
        let (mut meeting, mut others) = (Vec::new(), Vec::new());
        for candidate in all {
            match self.decide(candidate)? {
                Decision::Meets => meeting.push(candidate),
                Decision::Fails | Decision::Open => others.push(candidate),
            }
        }
        let by_objective = |one: &usize, other: &usize| self.by_objective(*one, *other);
        let chosen = meeting.into_iter().min_by(by_objective);
        // Of equals the first, as bisection has it.
        others.reverse();
        others.retain(|it| chosen.is_some_and(|chosen| by_objective(it, &chosen).is_lt()));
        let next_cheaper = others.into_iter().max_by(by_objective);
        Ok(Found {
            chosen,
            next_cheaper,
        })
    }

    /// The first candidate of a line that meets the targets or is as dear as the best so far; absent
    /// when there is none.
    fn boundary(
        &mut self,
        line: usize,
        best: Option<usize>,
        likely: Option<usize>,
    ) -> Result<Option<usize>, E> {
        let all = self.line(line);
        let Range {
            start: mut low,
            end: mut high,
        } = all;
        // Many lines are too dear from their beginning.
        if best.is_some() && self.is_as_dear(low, best)? {
            return Ok(Some(low));
        }
        let mut hints: Vec<usize> = likely.map_or(Vec::new(), |it| vec![it.saturating_sub(1), it]);
        while low < high {
            let hint = hints.pop().filter(|it| (low..high).contains(it));
            let middle = hint.unwrap_or(low + (high - low) / 2);
            match self.is_as_dear(middle, best)? || self.decide(middle)? == Decision::Meets {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        Ok(all.contains(&high).then_some(high))
    }

    /// The dearest candidate that is cheaper than the chosen one.
    fn next_cheaper(&mut self, chosen: usize) -> Result<Option<usize>, E> {
        let mut dearest: Option<usize> = None;
        for line in 0..self.lines.count {
            let boundary = self.boundary(line, Some(chosen), None)?;
            let all = self.line(line);
            let last = boundary.unwrap_or(all.end).checked_sub(1);
            let Some(last) = last.filter(|it| all.contains(it)) else {
                continue;
            };
            if dearest.is_none_or(|dearest| self.by_objective(last, dearest).is_gt()) {
                dearest = Some(last);
            }
        }
        Ok(dearest)
    }

    fn line(&self, line: usize) -> Range<usize> {
        line * self.lines.width..(line + 1) * self.lines.width
    }

    /// Whether a candidate is no cheaper than the best.
    fn is_as_dear(&mut self, candidate: usize, best: Option<usize>) -> Result<bool, E> {
        let Some(best) = best else {
            return Ok(false);
        };
        if let Objective::Metric(_) = self.objective {
            self.extend(candidate, self.standard.look_after(0))?;
        }
        Ok(self.by_objective(candidate, best).is_ge())
    }

    /// Which of two candidates is cheaper, over the replications that both have made.
    fn by_objective(&self, one: usize, other: usize) -> Ordering {
        let common = self.runs(one).len().min(self.runs(other).len());
        let mean = |candidate| self.mean_objective(candidate, common);
        mean(one).total_cmp(&mean(other))
    }

    /// Runs a candidate until its decision falls, or until there are as many runs as there may be.
    fn decide(&mut self, candidate: usize) -> Result<Decision, E> {
        loop {
            let decision = self.evidence(candidate).decision;
            let runs = self.runs(candidate).len();
            let look = self.standard.look_after(runs);
            if decision != Decision::Open || runs >= look as usize {
                return Ok(decision);
            }
            self.extend(candidate, look)?;
        }
    }

    /// Sees to it that a candidate has so many runs.
    fn extend(&mut self, candidate: usize, count: u32) -> Result<(), E> {
        if !self.seen.contains_key(&candidate) {
            let plan = (self.maker.plan)(candidate)?;
            let runs = Vec::new();
            self.seen.insert(candidate, Seen { plan, runs });
        }
        let Some(seen) = self.seen.get_mut(&candidate) else {
            return Ok(());
        };
        let so_far = seen.runs.len() as u32;
        if so_far < count {
            let one = [Alternative {
                name: String::new(),
                plan: seen.plan.clone(),
            }];
            let more = replicate(&one, so_far..count, &self.metrics, self.maker.done);
            seen.runs.extend(more.into_iter().flatten());
        }
        Ok(())
    }

    /// Every candidate that ran, by number.
    pub const fn seen(&self) -> &BTreeMap<usize, Seen> {
        &self.seen
    }

    /// What is read off every run: the metric of each target, then that of the objective unless it is
    /// one of them.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// What is asked of a candidate.
    pub const fn standard(&self) -> &Standard {
        &self.standard
    }

    /// What should be small.
    pub const fn what_to_minimise(&self) -> &Objective {
        &self.objective
    }

    /// The runs of a candidate; none when it did not run.
    pub fn runs(&self, candidate: usize) -> &[Run] {
        self.seen.get(&candidate).map_or(&[], |seen| &seen.runs)
    }

    /// What is known of a candidate.
    pub fn evidence(&self, candidate: usize) -> Evidence {
        self.standard.judge(self.runs(candidate))
    }

    /// What should be small, on average over all runs of a candidate; infinite without a value.
    pub fn objective(&self, candidate: usize) -> f64 {
        self.mean_objective(candidate, self.runs(candidate).len())
    }

    fn mean_objective(&self, candidate: usize, runs: usize) -> f64 {
        let runs = &self.runs(candidate)[..runs];
        match (&self.objective, self.objective_place) {
            (Objective::Number(numbers), _) => numbers[candidate % self.lines.width],
            (_, Some(place)) => mean(runs, place).unwrap_or(f64::INFINITY),
            (Objective::Metric(_), None) => f64::INFINITY,
        }
    }

    /// The mean of metric number `metric` over those runs of a candidate that have one.
    pub fn mean_of(&self, candidate: usize, metric: usize) -> Option<f64> {
        mean(self.runs(candidate), metric)
    }

    /// Of candidates that do not meet the targets the one that comes nearest: that meets them in the
    /// greatest share of its runs, and of equals the one whose first metric is best.
    pub fn nearest(&self) -> Option<usize> {
        let share = |candidate: usize| {
            let evidence = self.evidence(candidate);
            evidence.met as f64 / evidence.replications.max(1) as f64
        };
        let sign = match self.standard.targets.first() {
            Some(target) if !target.relation.is_upper_limit() => -1.0,
            _ => 1.0,
        };
        let excess = |candidate: usize| {
            let mean = self.mean_of(candidate, 0);
            mean.map_or(f64::INFINITY, |mean| sign * mean)
        };
        let order = |one: &&usize, other: &&usize| {
            let by_share = share(**other).total_cmp(&share(**one));
            by_share.then_with(|| excess(**one).total_cmp(&excess(**other)))
        };
        self.seen.keys().min_by(order).copied()
    }

    /// Candidates that ran and that no other is better than in both the objective and the metric of
    /// the first target: the Pareto front, by number.
    pub fn front(&self) -> Vec<usize> {
        let Some(target) = self.standard.targets.first() else {
            return Vec::new();
        };
        let sign = if target.relation.is_upper_limit() {
            1.0
        } else {
            -1.0
        };
        let points: Vec<(usize, f64, f64)> = self
            .seen
            .keys()
            .filter_map(|it| Some((*it, self.objective(*it), sign * self.mean_of(*it, 0)?)))
            .filter(|(_, cost, _)| cost.is_finite())
            .collect();
        let dominates = |one: &(usize, f64, f64), other: &(usize, f64, f64)| {
            one.1 <= other.1 && one.2 <= other.2 && (one.1 < other.1 || one.2 < other.2)
        };
        let undominated =
            |point: &&(usize, f64, f64)| !points.iter().any(|it| dominates(it, point));
        points.iter().filter(undominated).map(|it| it.0).collect()
    }

    /// Neighbours on a line, of those that ran, of which the larger is further from a target or
    /// cheaper, so surely that all of it is said falsely with probability 1 − confidence at most
    /// (paired t tests, corrected after Holm).
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = Vec::new();
        let mut pairs = Vec::new();
        let candidates: Vec<usize> = self.seen.keys().copied().collect();
        for two in candidates.windows(2) {
            let (smaller, larger) = (two[0], two[1]);
            if smaller / self.lines.width != larger / self.lines.width {
                continue;
            }
            for (place, metric) in self.metrics.iter().enumerate() {
                let target = self.standard.targets.get(place);
                let falls = target.is_some_and(|it| it.relation.is_upper_limit());
                let both = self.runs(smaller).iter().zip(self.runs(larger));
                let (one, other): (Vec<f64>, Vec<f64>) = both
                    .filter_map(|(one, other)| one.values[place].zip(other.values[place]))
                    .unzip();
                // The better one first: what falls along the line should be positive.
                let pair = match falls {
                    true => Pair::new(&one, &other),
                    false => Pair::new(&other, &one),
                };
                let Some(pair) = pair else { continue };
                pairs.push(pair);
                found.push(Contradiction {
                    smaller,
                    larger,
                    metric: metric.name.clone(),
                    of_objective: target.is_none(),
                });
            }
        }
        let differences = compare(&pairs, self.standard.confidence);
        let contradicts = differences
            .iter()
            .map(|it| it.interval().is_some_and(|interval| interval.high < 0.0));
        let mut contradicts = contradicts.collect::<Vec<bool>>().into_iter();
        found.retain(|_| contradicts.next() == Some(true));
        found
    }
}

fn mean(runs: &[Run], metric: usize) -> Option<f64> {
    let values: Vec<f64> = runs.iter().filter_map(|run| run.values[metric]).collect();
    let sum: f64 = values.iter().sum();
    (!values.is_empty()).then(|| sum / values.len() as f64)
}
