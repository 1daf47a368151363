//! Random scenarios of the invariants and of the laws of AWS Batch: every ledger adds up, every
//! proposed change places its task or job at that very moment, the step before it does not, and all
//! that came before is as it was.
//!
//! `STOWPLAN_SEED` sets the seed of the first scenario, `STOWPLAN_SCENARIOS` how many there are.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use stowplan::engine::job::JobStatus;
use stowplan::engine::{self, Occurrence, Outcome, Plan, Recorder, World};
use stowplan::explain::cause::Cause;
use stowplan::explain::change::{Change, What, amended, starts};
use stowplan::explain::ledger::{Totals, Waited};
use stowplan::explain::moment::{Answer, Moment};
use stowplan::explain::{self, Who};
use stowplan::scenario::load_text;
use stowplan::time::{SimDuration, SimTime};

use crate::batch::laws::random;
use crate::invariants::scenario;

const FIRST_SEED: u64 = 1;
const SCENARIOS: u64 = 12;

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

fn plan(text: &str) -> Plan {
    match load_text("laws.yaml", text, Path::new("")) {
        Ok(loaded) => loaded.plan,
        Err(problems) => panic!("{problems}"),
    }
}

/// Takes down placements and starts, and the waits of tasks as the tasks themselves tell.
#[derive(Default)]
struct Tape {
    seen: Vec<(SimTime, Who, u32)>,
    /// When a task was asked for, and started or ended.
    waits: BTreeMap<Who, (SimTime, Option<SimTime>)>,
}

impl Recorder for Tape {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, _: &World) {
        let of = |workload, key| Who::Task(workload, key);
        match occurrence {
            Occurrence::Placed(task) => {
                let host = task.instance().map_or(u32::MAX, |id| id.0);
                self.seen.push((now, of(task.workload, task.key), host));
            }
            Occurrence::Job { id, job, .. } => {
                self.seen.push((now, Who::Job(id), job.status as u32));
            }
            _ => {}
        }
        match occurrence {
            Occurrence::Accepted(task) if task.job.is_none() => {
                let who = of(task.workload, task.key);
                self.waits.insert(who, (task.times.requested, None));
            }
            Occurrence::Started(task) | Occurrence::Stopped(task) if task.job.is_none() => {
                let wait = self.waits.get_mut(&of(task.workload, task.key));
                wait.expect("accepted").1.get_or_insert(now);
            }
            Occurrence::GaveUp { call, .. } => {
                for nth in call.count - call.missing..call.count {
                    let key = call.number * 10 + u64::from(nth);
                    let wait = (call.requested_at, Some(now));
                    self.waits.insert(of(call.workload, key), wait);
                }
            }
            _ => {}
        }
    }
}

/// Count and sum of the waits as tasks and jobs tell them.
fn told(tape: &Tape, outcome: &Outcome) -> [(u64, u128); 2] {
    let sum = |waits: Vec<SimDuration>| {
        let total = waits.iter().map(|wait| u128::from(wait.micros())).sum();
        (waits.len() as u64, total)
    };
    let ended = |(from, to): &(SimTime, Option<SimTime>)| to.unwrap_or(outcome.end) - *from;
    let mut tasks: Vec<SimDuration> = tape.waits.values().map(ended).collect();
    for waiting in &outcome.waiting {
        let wait = outcome.end - waiting.call.requested_at;
        tasks.extend((0..waiting.call.missing).map(|_| wait));
    }
    let jobs = outcome.jobs.items().iter();
    let jobs = jobs.filter(|job| !job.is_parent() && !job.is_node());
    let jobs = jobs.map(|job| {
        let times = &job.times;
        let until = times.first_started.or(times.stopped);
        until.unwrap_or(outcome.end) - times.created
    });
    [sum(tasks), sum(jobs.collect())]
}

fn adds_up(totals: &Totals) -> (u64, u128) {
    assert_eq!(totals.by_cause.iter().sum::<u128>(), totals.total);
    (totals.count, totals.total)
}

/// Spans follow each other from the request to the start, no two of one cause, and add up by cause.
fn is_ledger(waited: &Waited) {
    let (mut at, mut before) = (waited.requested, None);
    let mut sums: BTreeMap<Cause, u64> = BTreeMap::new();
    for span in &waited.spans {
        assert_eq!(span.from, at);
        assert!(
            span.to > span.from && before != Some(span.cause),
            "{span:?}"
        );
        *sums.entry(span.cause).or_default() += (span.to - span.from).micros();
        (at, before) = (span.to, Some(span.cause));
    }
    assert_eq!(at, waited.until);
    let expected: BTreeMap<Cause, u64> = waited
        .sums
        .iter()
        .map(|(cause, span)| (cause, span.micros()))
        .collect();
    assert_eq!(sums, expected);
}

/// Runs with a change, and holds all that came before to what it was.
fn places(plan: &Plan, moment: &Moment, change: &Change, original: &Tape) -> bool {
    let mut tape = Tape::default();
    engine::run(amended(plan, moment, change), &mut tape);
    let before = |it: &&(SimTime, Who, u32)| it.0 <= moment.at;
    let known: Vec<_> = original.seen.iter().filter(before).collect();
    let now: Vec<_> = tape.seen.iter().filter(before).collect();
    assert_eq!(known[..], now[..known.len()], "the past is another");
    let after = &now[known.len()..];
    assert!(after.iter().all(|it| it.0 == moment.at));
    let is_placed = |it: &&&(SimTime, Who, u32)| match moment.who {
        Who::Task(..) => it.1 == moment.who,
        Who::Job(_) => it.1 == moment.who && it.2 == JobStatus::Starting as u32,
    };
    after.iter().find(is_placed).is_some()
}

/// What a proposal changes, for the count of what has been tried.
fn kind(change: &Change) -> String {
    let what = match &change.what {
        What::Same => "same".to_owned(),
        What::Less(amount, _) => format!("{amount:?}"),
        What::Without(_) => "constraint".to_owned(),
        What::Instances(..) => "instance".to_owned(),
        What::MaxVcpus(..) => "vcpus".to_owned(),
    };
    match change.first {
        true => format!("first+{what}"),
        false => what,
    }
}

/// Holds a scenario to the laws; counts its causes and proposals.
fn check(text: &str) -> BTreeMap<String, u64> {
    let plan = plan(text);
    let mut tape = Tape::default();
    let outcome = engine::run(plan.clone(), &mut tape);
    let (books, again) = explain::everybody(&plan);
    assert_eq!(outcome.end, again.end);
    let [tasks, jobs] = told(&tape, &outcome);
    assert_eq!(adds_up(&books.tasks), tasks);
    assert_eq!(adds_up(&books.jobs), jobs);

    let mut seen = BTreeMap::new();
    let mut count = |what: String| *seen.entry(what).or_default() += 1;
    let middle = SimTime::from_micros(outcome.end.micros() / 2);
    let waiting = explain::waiting(&plan, middle).map_or(Vec::new(), |(_, waiting, _)| waiting);
    let now = waiting.iter().take(2).map(|it| (it.who, Some(middle)));
    let worst = books.worst.iter().step_by(4).map(|it| (it.who, None));
    for (who, at) in worst.chain(now).collect::<Vec<_>>() {
        let (found, _) = explain::one(&plan, who, at).expect("somebody who waited");
        is_ledger(&found.waited);
        for span in &found.waited.spans {
            count(span.cause.text().to_owned());
        }
        let Some(moment) = &found.moment else {
            continue;
        };
        for proposal in &found.proposals {
            let (change, smaller) = (&proposal.change, &proposal.smaller);
            assert!(places(&plan, moment, change, &tape), "{change:?}");
            if let Some(smaller) = smaller {
                assert!(!places(&plan, moment, smaller, &tape), "{smaller:?}");
            }
            let nothing = Change {
                first: change.first,
                what: What::Same,
            };
            let is_nothing = *change == nothing;
            assert!(
                is_nothing || !starts(&plan, moment, &nothing),
                "{nothing:?}"
            );
            count(kind(change));
        }
        // Who has room everywhere he could have it waits for his turn, and for nothing else.
        let takes = moment.rows().iter().any(|row| row.answer == Answer::Takes);
        let turn = matches!(
            moment.cause,
            Cause::QueueOrder | Cause::Share | Cause::BackOff
        );
        if takes && turn {
            count("only the turn".to_owned());
        }
    }
    seen
}

fn laws(texts: Vec<String>) -> BTreeMap<String, u64> {
    let counts: Vec<_> = texts.par_iter().map(|text| check(text)).collect();
    let mut all = BTreeMap::new();
    for (what, times) in counts.into_iter().flatten() {
        *all.entry(what).or_default() += times;
    }
    all
}

fn seeds() -> std::ops::Range<u64> {
    let (first, count) = (
        number("STOWPLAN_SEED", FIRST_SEED),
        number("STOWPLAN_SCENARIOS", SCENARIOS),
    );
    first..first + count
}

/// A law says little about what never happens.
fn has_seen(seen: &BTreeMap<String, u64>, what: &[&str]) {
    let missing: Vec<_> = what.iter().filter(|it| !seen.contains_key(**it)).collect();
    let all = seeds().end - seeds().start >= SCENARIOS;
    assert!(!all || missing.is_empty(), "{missing:?} in {seen:?}");
}

#[test]
fn waits_of_tasks_are_explained() {
    let seen = laws(seeds().map(scenario::Scenario::text).collect());
    has_seen(
        &seen,
        &[
            "RESOURCE:CPU",
            "back-off of the caller",
            "instance boot",
            "image pull",
            "Cpu",
            "Memory",
            "instance",
            "first+instance",
        ],
    );
}

#[test]
fn waits_of_jobs_are_explained() {
    let texts = seeds().map(|seed| random::Scenario::of(seed).to_string());
    let seen = laws(texts.collect());
    has_seen(
        &seen,
        &[
            "dependency",
            "queue order",
            "share",
            "instance boot",
            "maximum size",
            "first+same",
            "instance",
            "first+instance",
        ],
    );
}
