//! `stowplan plan`.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;

use super::alternatives::{
    PILOTS, Vary, default_assumptions, default_folder, in_force, in_words, load_all,
    no_such_metric, no_warm_up,
};
use super::compare::confidence;
use super::{Failure, print, progress_bar, source};
use crate::engine::Plan as RunPlan;
use crate::experiment::evidence::Standard;
use crate::experiment::metric::Metric;
use crate::experiment::results;
use crate::experiment::sizing::{Found, Lines, Maker, Objective, Sizing, Way};
use crate::experiment::steady::{NoWarmUp, Regime, regime, warm_up};
use crate::experiment::target::Target;
use crate::metrics::results::Results;
use crate::report::directory::Directory;
use crate::report::sizing::SizingReport;
use crate::scenario::variation::{Combination, Variation, combinations};
use crate::scenario::{Loaded, Source};
use crate::statistics::Confidence;
use crate::time::SimTime;
use crate::units::WarmUp;

/// Find the cheapest fleet that meets a target, and show that the next cheaper one does not
#[derive(Args)]
pub struct Plan {
    /// Scenario file; the built-in quickstart if left out
    scenario: Option<PathBuf>,
    #[command(flatten)]
    vary: Vary,
    /// A limit that must hold (repeatable: all must), such as 'wait.p95 <= 10m'
    #[arg(long = "target", value_name = "METRIC <= VALUE", required = true)]
    targets: Vec<String>,
    /// What should be as small as possible: cost, instances, another metric, or the last range of
    /// --vary by its name [default: cost where something has a price, else that range]
    #[arg(long, visible_alias = "minimize", value_name = "METRIC")]
    minimise: Option<String>,
    /// How sure each decision is
    #[arg(long, default_value = "95%", value_parser = confidence)]
    confidence: Confidence,
    /// The probability with which a run must meet limits on percentiles, greatest values, counts and
    /// money [default: as --confidence]
    #[arg(long, value_parser = confidence)]
    probability: Option<Confidence>,
    /// Runs at most of a candidate; one that is undecided then counts as not meeting the target
    #[arg(long, value_name = "N", default_value_t = 1280, value_parser = clap::value_parser!(u32).range(5..))]
    at_most: u32,
    /// Decide every candidate instead of searching: where more is not always easier and dearer
    #[arg(long)]
    exhaustive: bool,
    /// From when on statistics count: a time, or auto for the steady state [default: the scenario's
    /// warmUp; else auto where the work never ends by itself]
    #[arg(long, value_name = "TIME|auto")]
    warm_up: Option<WarmUp>,
    /// Seed of the first replication, instead of the scenario's own
    #[arg(long)]
    seed: Option<u64>,
    /// Directory for the results [default: results/<name of the scenario>-plan]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print plan.json instead of sentences and tables
    #[arg(long)]
    json: bool,
}

/// More candidates than these are refused: somebody has mistyped a range.
const MOST_CANDIDATES: usize = 100_000;

/// Lines of which both ends are loaded before the first run, so that what is wrong with them is told
/// at once.
const LINES_CHECKED: usize = 100;

/// After so many searches the warm-up is what it is.
const MOST_SEARCHES: usize = 4;

/// All candidates, and what grows along their lines.
struct Candidates {
    combinations: Vec<Combination>,
    names: Vec<String>,
    lines: Lines,
    /// Name and values of what grows; absent when nothing does.
    growing: Option<(String, Vec<f64>)>,
}

impl Candidates {
    /// The last variation that counts upwards grows along the lines.
    fn new(mut variations: Vec<Variation>) -> Result<Self, Failure> {
        let sizes = variations.iter().map(|it| it.values.len());
        let count = sizes.fold(1_usize, usize::saturating_mul);
        if count > MOST_CANDIDATES {
            return Err(Failure::Input(format!(
                "error: --vary: {count} candidates are more than {MOST_CANDIDATES}\n  help: take larger steps, such as \
                 1..200 by 10"
            )));
        }
        for (place, it) in variations.iter().enumerate() {
            let name = &it.name;
            if variations[..place].iter().any(|other| other.name == *name) {
                return Err(Failure::Input(format!(
                    "error: --vary: {name} varies twice\n  help: give all its values at once"
                )));
            }
            if let "seed" | "warmUp" = name.as_str() {
                return Err(Failure::Input(format!(
                    "error: --vary {name}: candidates meet the same work over the same time\n  help: give --seed or \
                     --warm-up"
                )));
            }
        }
        let place = variations
            .iter()
            .rposition(|it| it.values.len() > 1 && it.growing_numbers().is_some());
        let numbers = place.and_then(|place| {
            let growing = variations.remove(place);
            let numbers = growing.growing_numbers();
            variations.push(growing);
            numbers
        });
        let combinations = combinations(&variations);
        let width = numbers.as_ref().map_or(1, Vec::len);
        let growing = numbers.and_then(|numbers| {
            let (name, _) = combinations.first()?.values.last()?;
            let numbers = numbers.iter().map(|number| *number as f64);
            Some((name.clone(), numbers.collect()))
        });
        Ok(Candidates {
            names: combinations.iter().map(Combination::name).collect(),
            lines: Lines {
                count: combinations.len() / width,
                width,
            },
            combinations,
            growing,
        })
    }

    /// The ends of the lines.
    fn ends(&self) -> Vec<Combination> {
        let lines = self
            .combinations
            .chunks(self.lines.width)
            .take(LINES_CHECKED);
        let ends = lines.flat_map(|line| match line {
            [only] => vec![only.clone()],
            [first, .., last] => vec![first.clone(), last.clone()],
            [] => Vec::new(),
        });
        ends.collect()
    }
}

impl Plan {
    /// Searches, writes, prints.
    pub fn run(self) -> Result<(), Failure> {
        let targets = self.read_targets()?;
        let source = source(self.scenario.as_deref())?;
        let candidates = Candidates::new(self.vary.variations()?)?;
        let first = load_all(&source, &candidates.ends())?.remove(0);
        let path = self
            .out
            .clone()
            .unwrap_or_else(|| default_folder(&first.name, "plan"));
        let mut directory = Directory::create(&path)
            .map_err(|message| Failure::Input(format!("error: {message}")))?;
        let runs = AtomicU64::new(0);
        let bar = progress_bar(None, "{spinner} {pos} runs, {elapsed}");
        let done = || {
            runs.fetch_add(1, Ordering::Relaxed);
            if let Some(bar) = &bar {
                bar.inc(1);
            }
        };
        let seed = self.seed.unwrap_or(first.plan.seed);
        let from = Cell::new(SimTime::ZERO);
        let plan = |candidate: usize| {
            self.plan(
                &source,
                &candidates.combinations[candidate],
                seed,
                from.get(),
            )
        };
        let shown = results(&plan(candidates.lines.width - 1)?, 0);
        done();
        let (objective, of) = self.objective(candidates.growing.as_ref(), &shown);
        self.check_paths(&targets, &objective, &shown)?;
        let standard = Standard {
            targets,
            probability: self.probability.unwrap_or(self.confidence).share(),
            confidence: self.confidence,
            at_most: self.at_most,
        };
        if let Some(needed) = standard.runs_to_show() {
            return Err(Failure::Input(format!(
                "error: --at-most {}: even if every run meets the target, so few cannot show a probability of {} with \
                 {} confidence\n  help: give --at-most {needed} or more, or less of --probability",
                self.at_most,
                standard.probability,
                self.confidence.share()
            )));
        }
        let fresh = || {
            let maker = Maker {
                plan: &plan,
                done: &done,
            };
            Sizing::new(candidates.lines, standard.clone(), objective.clone(), maker)
        };
        let (sizing, found, statistics_from) =
            self.search(&candidates, &first, &from, &plan, &done, fresh)?;
        if let Some(bar) = &bar {
            bar.finish_and_clear();
        }
        check_metrics(&sizing)?;
        let report = SizingReport {
            scenario: &first.name,
            seed,
            inputs: &first.inputs,
            scenario_text: &first.text,
            assumptions: [&in_force(&first), &default_assumptions()],
            statistics_from: &statistics_from,
            names: &candidates.names,
            objective: &of,
            sizing: &sizing,
            found,
            runs: runs.load(Ordering::Relaxed),
        };
        let json = report.json();
        let told = |error: io::Error| Failure::Other(format!("{}: {error}", path.display()));
        write(&mut directory, &report, &json).map_err(told)?;
        directory.publish_among_others().map_err(told)?;
        if self.json {
            print(&json)?;
        } else {
            let version = env!("CARGO_PKG_VERSION");
            let blocks: Vec<String> = report.blocks().iter().map(|it| it.text()).collect();
            print(&format!(
                "stowplan {version}: scenario {}, seed {seed}\n\n{}\n\nresults in {}",
                first.name,
                blocks.join("\n\n"),
                path.display()
            ))?;
        }
        match found.chosen {
            Some(_) => Ok(()),
            None => Err(Failure::Other(report.verdict())),
        }
    }

    /// The targets, or everything that is wrong with them.
    fn read_targets(&self) -> Result<Vec<Target>, Failure> {
        let mut wrong = Vec::new();
        let mut targets = Vec::new();
        for text in &self.targets {
            match text.parse::<Target>() {
                Ok(target) => targets.push(target),
                Err(message) => wrong.push(format!(
                    "error: --target '{text}': {message}\n  help: write a metric, a relation and a value, such as \
                     'wait.p95 <= 10m', 'utilization.cpu >= 60%' or 'cost < 12 USD'"
                )),
            }
        }
        match wrong.is_empty() {
            true => Ok(targets),
            false => Err(Failure::Input(wrong.join("\n"))),
        }
    }

    /// The plan of a candidate.
    fn plan(
        &self,
        source: &Source,
        combination: &Combination,
        seed: u64,
        from: SimTime,
    ) -> Result<RunPlan, Failure> {
        let mut plan = source.load_combination(combination)?.plan;
        plan.seed = seed;
        plan.warm_up = from;
        Ok(plan)
    }

    /// What should be small, and what it is called. A run shows whether anything has a price.
    fn objective(
        &self,
        growing: Option<&(String, Vec<f64>)>,
        shown: &Results,
    ) -> (Objective, String) {
        let of_metric = |name: &str| (Objective::Metric(minimised(name)), name.to_owned());
        match (&self.minimise, growing) {
            (Some(wanted), Some((name, numbers))) if name == wanted => {
                (Objective::Number(numbers.clone()), name.clone())
            }
            (Some(wanted), _) => of_metric(wanted),
            (None, _) if shown.cost.is_some() => of_metric("cost"),
            (None, Some((name, numbers))) => (Objective::Number(numbers.clone()), name.clone()),
            (None, None) => of_metric("instances"),
        }
    }

    /// Before anything is searched: whatever is no known metric must at least be a number of a run.
    fn check_paths(
        &self,
        targets: &[Target],
        objective: &Objective,
        shown: &Results,
    ) -> Result<(), Failure> {
        let is_wrong = |metric: &Metric| !metric.is_known() && metric.of(shown).is_none();
        let targets = targets.iter().map(|it| ("--target", &it.metric));
        let objective = match objective {
            Objective::Metric(metric) => Some(("--minimise", metric)),
            Objective::Number(_) => None,
        };
        told(
            targets
                .chain(objective)
                .filter(|(_, metric)| is_wrong(metric)),
        )
    }

    /// Searches, again with a longer warm-up as long as the chosen candidate takes longer to settle
    /// than was left out; all candidates are measured from the same moment.
    fn search<'a>(
        &self,
        candidates: &Candidates,
        first: &Loaded,
        from: &Cell<SimTime>,
        plan: &dyn Fn(usize) -> Result<RunPlan, Failure>,
        done: &dyn Fn(),
        fresh: impl Fn() -> Sizing<'a, Failure>,
    ) -> Result<(Sizing<'a, Failure>, Found, String), Failure> {
        let regime = regime(&first.plan);
        let wanted = self.warm_up.or(first.warm_up);
        let by_itself = wanted.is_none();
        let (is_searched, mut words) = match wanted {
            Some(WarmUp::After(span)) => {
                from.set(SimTime::ZERO + span.span());
                (false, "as given".to_owned())
            }
            None if regime != Regime::SteadyState => (false, "and all of it counts".to_owned()),
            Some(WarmUp::Auto) | None => (true, String::new()),
        };
        let settle = |candidate: usize| -> Result<bool, Failure> {
            let name = &candidates.names[candidate];
            let (at, settles) = settled(&plan(candidate)?, name)?;
            (0..PILOTS).for_each(|_| done());
            from.set(from.get().max(at));
            Ok(settles)
        };
        if is_searched {
            let largest = candidates.lines.width - 1;
            settle(largest)?;
            let name = &candidates.names[largest];
            words = format!("found by MSER-5 over {PILOTS} runs of {name}");
        }
        let mut way = match self.exhaustive {
            true => Way::Everything,
            false => Way::Bisection { likely: None },
        };
        let mut searches = 0;
        loop {
            searches += 1;
            let measured_from = from.get();
            let mut sizing = fresh();
            let found = sizing.search(way)?;
            if let (true, Some(chosen)) = (is_searched, found.chosen) {
                let settles = settle(chosen)?;
                if from.get() > measured_from && searches < MOST_SEARCHES {
                    if let Way::Bisection { likely } = &mut way {
                        *likely = Some(chosen);
                    }
                    continue;
                }
                words = match settles {
                    true => format!("found by MSER-5 over {PILOTS} runs of the chosen candidate"),
                    false => "half of the run, since the chosen candidate does not settle before: make the horizon longer"
                        .to_owned(),
                };
            }
            let words = in_words(regime, measured_from, &words, by_itself);
            return Ok((sizing, found, words));
        }
    }
}

/// A known metric of which no run has a value, such as money where nothing has a price.
fn check_metrics(sizing: &Sizing<'_, Failure>) -> Result<(), Failure> {
    let metrics = sizing.metrics().iter().enumerate();
    let runs = || sizing.seen().values().flat_map(|seen| &seen.runs);
    let targets = sizing.standard().targets.len();
    // Where nothing began there are no waits: such a run meets nothing.
    let of_tasks = ["wait.", "slowdown.", "turnaround.", "makespan"];
    let may_lack = |metric: &Metric| of_tasks.iter().any(|it| metric.name.starts_with(it));
    let missing = metrics
        .filter(|(place, metric)| *place >= targets || !may_lack(metric))
        .filter(|(place, _)| runs().all(|run| run.values[*place].is_none()));
    told(missing.map(|(place, metric)| match place < targets {
        true => ("--target", metric),
        false => ("--minimise", metric),
    }))
}

/// An error for each metric that there is not, with the option that named it.
fn told<'a>(missing: impl Iterator<Item = (&'static str, &'a Metric)>) -> Result<(), Failure> {
    let wrong = missing.map(|(option, metric)| no_such_metric(option, &metric.name));
    let wrong: Vec<String> = wrong.collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Failure::Input(wrong.join("\n"))),
    }
}

/// The metric of a name that stands with `--minimise`.
fn minimised(name: &str) -> Metric {
    Metric::named(match name {
        "instances" => "instances.registered",
        _ => name,
    })
}

/// When a candidate has settled, and whether it does so in the first half of its run; if it does not,
/// that is where the half ends.
fn settled(plan: &RunPlan, name: &str) -> Result<(SimTime, bool), Failure> {
    match warm_up(plan, PILOTS) {
        Ok(found) => Ok((found.at, true)),
        Err(NoWarmUp::SecondHalf { at }) => {
            let half = plan
                .horizon
                .map_or(at, |end| SimTime::from_micros(end.micros() / 2));
            Ok((half.min(at), false))
        }
        Err(why @ NoWarmUp::TooShort) => Err(Failure::Input(no_warm_up(name, why))),
    }
}

fn write(
    directory: &mut Directory,
    report: &SizingReport<'_, Failure>,
    json: &str,
) -> io::Result<()> {
    directory.write("plan.json", json.as_bytes())?;
    report.candidates(directory.open("candidates.csv")?)?;
    report.run_rows(directory.open("runs.csv")?)?;
    directory.write("report.html", report.page().html().as_bytes())
}
