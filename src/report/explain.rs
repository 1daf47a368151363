//! What `stowplan explain` says, as text and as JSON.

use serde::Serialize;

use super::{Clock, wording, write_secs};
use crate::engine::job::Job;
use crate::explain::cause::Cause;
use crate::explain::change::{Amount, Change, Proposal, What};
use crate::explain::ledger::{Books, Totals, Waited, Waiting};
use crate::explain::moment::{Answer, Asked, Moment, Row};
use crate::explain::{Explanation, Who};
use crate::model::arena::{Arena, Id, JobId};
use crate::model::request::Constraint;
use crate::model::resources::Resources;
use crate::time::SimTime;
use crate::workload::MAX_COUNT;

/// What ids are made of.
#[derive(Debug)]
pub struct Naming<'a> {
    /// How moments are written.
    pub clock: Clock,
    /// Names of the workloads, by id.
    pub workloads: &'a [String],
    /// The jobs of the run.
    pub jobs: &'a Arena<JobId, Job>,
}

/// A part of a wait.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// From here; absent in a sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// Up to here.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    cause: Cause,
    seconds: Seconds,
}

/// Seconds with as many digits as it takes, exactly.
#[derive(Debug)]
pub struct Seconds(u128);

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.text())
    }
}

impl Seconds {
    fn text(&self) -> String {
        let whole = u64::try_from(self.0 / 1_000_000).unwrap_or(u64::MAX);
        let mut text = Vec::new();
        write_secs((self.0 % 1_000_000) as u64, &mut text);
        let fraction = String::from_utf8_lossy(&text[1..]).into_owned();
        format!("{whole}{fraction}")
    }
}

/// Why one waited.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct One {
    id: String,
    requested_at: String,
    started_at: Option<String>,
    until: String,
    wait: Seconds,
    ledger: Vec<Charge>,
    by_cause: Vec<Charge>,
    /// The moment that was asked for, where it did not wait then.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_waiting_at: Option<String>,
    moment: Option<Looked>,
    least_changes: Vec<Remedy>,
}

/// The instances at a moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Looked {
    at: String,
    cause: Cause,
    #[serde(skip)]
    wants_room: bool,
    instances: Vec<Instance>,
}

/// What an instance says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    cluster: String,
    instance: String,
    instance_type: Option<String>,
    free: Amounts,
    needed: Amounts,
    answer: String,
    /// Whether it would take it if it were empty.
    able: bool,
}

/// Resources in the words of the files.
#[derive(Debug, Serialize)]
pub struct Amounts {
    cpu: u32,
    memory: u32,
    gpu: u32,
    eni: u32,
}

/// A change that would have placed it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remedy {
    change: String,
    /// The next smaller step, which does not.
    not_enough: Option<String>,
}

/// Waits of many.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sum {
    count: u64,
    unstarted: u64,
    wait: Seconds,
    by_cause: Vec<Charge>,
}

/// Why everybody waited.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Everybody {
    tasks: Sum,
    jobs: Sum,
    worst: Vec<Worst>,
}

/// One of the longest waits.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Worst {
    id: String,
    requested_at: String,
    started_at: Option<String>,
    wait: Seconds,
    by_cause: Vec<Charge>,
}

/// Who waits at a moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    at: String,
    waiting: Vec<InQueue>,
}

/// One who waits at a moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InQueue {
    id: String,
    tasks: u32,
    since: String,
    wait: Seconds,
    cause: Cause,
}

impl Naming<'_> {
    fn time(&self, at: SimTime) -> String {
        let mut text = Vec::new();
        self.clock.write(at, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Id of a task or job: as in the files, or workload, call and task where it was not accepted.
    fn id(&self, who: Who, task: Option<u64>) -> String {
        match (who, task) {
            (Who::Job(id), _) => wording::job_id(id, &self.jobs[id]),
            (Who::Task(..), Some(number)) => format!("task-{number}"),
            (Who::Task(workload, key), None) => {
                let name = &self.workloads[workload.index()];
                format!("{name}#{}.{}", key / MAX_COUNT + 1, key % MAX_COUNT + 1)
            }
        }
    }

    fn charges(&self, waited: &Waited) -> Vec<Charge> {
        let spans = waited.sums.iter().map(|(cause, span)| Charge {
            from: None,
            to: None,
            cause,
            seconds: Seconds(u128::from(span.micros())),
        });
        spans.collect()
    }

    /// Why one waited.
    pub fn one(&self, it: &Explanation) -> One {
        let waited = &it.waited;
        let ledger = waited.spans.iter().map(|span| Charge {
            from: Some(self.time(span.from)),
            to: Some(self.time(span.to)),
            cause: span.cause,
            seconds: Seconds(u128::from((span.to - span.from).micros())),
        });
        let moment = it.moment.as_ref();
        let remedies = moment.into_iter().flat_map(|moment| {
            let proposals = it.proposals.iter();
            proposals.map(|proposal| remedy(proposal, moment))
        });
        One {
            id: self.id(waited.who, waited.task),
            requested_at: self.time(waited.requested),
            started_at: waited.started.map(|at| self.time(at)),
            until: self.time(waited.until),
            wait: Seconds(u128::from(waited.total().micros())),
            ledger: ledger.collect(),
            by_cause: self.charges(waited),
            not_waiting_at: match (it.asked_at, moment) {
                (Some(at), None) => Some(self.time(at)),
                _ => None,
            },
            moment: moment.map(|moment| Looked {
                at: self.time(moment.at),
                cause: moment.cause,
                wants_room: moment.cause.wants_room(),
                instances: moment
                    .rows()
                    .iter()
                    .map(|row| instance(row, moment))
                    .collect(),
            }),
            least_changes: remedies.collect(),
        }
    }

    /// Why everybody waited.
    pub fn everybody(&self, books: &Books) -> Everybody {
        let worst = books.worst.iter().map(|waited| Worst {
            id: self.id(waited.who, waited.task),
            requested_at: self.time(waited.requested),
            started_at: waited.started.map(|at| self.time(at)),
            wait: Seconds(u128::from(waited.total().micros())),
            by_cause: self.charges(waited),
        });
        Everybody {
            tasks: sum(&books.tasks),
            jobs: sum(&books.jobs),
            worst: worst.collect(),
        }
    }

    /// Who waits at a moment.
    pub fn waiting(&self, at: SimTime, waiting: &[Waiting]) -> Queue {
        let waiting = waiting.iter().map(|it| InQueue {
            id: self.id(it.who, it.task),
            tasks: it.count,
            since: self.time(it.requested),
            wait: Seconds(u128::from((at - it.requested).micros())),
            cause: it.cause,
        });
        Queue {
            at: self.time(at),
            waiting: waiting.collect(),
        }
    }
}

fn sum(totals: &Totals) -> Sum {
    let by_cause = Cause::ALL.into_iter().zip(totals.by_cause);
    let by_cause = by_cause.filter(|(_, micros)| *micros > 0);
    Sum {
        count: totals.count,
        unstarted: totals.unstarted,
        wait: Seconds(totals.total),
        by_cause: by_cause
            .map(|(cause, micros)| Charge {
                from: None,
                to: None,
                cause,
                seconds: Seconds(micros),
            })
            .collect(),
    }
}

fn amounts(of: Resources) -> Amounts {
    Amounts {
        cpu: of.cpu,
        memory: of.memory,
        gpu: of.gpus,
        eni: of.enis,
    }
}

fn instance(row: &Row, moment: &Moment) -> Instance {
    let cluster = &moment.world.clusters[row.cluster];
    let description = &cluster.descriptions()[row.instance];
    Instance {
        cluster: cluster.name.clone(),
        instance: description.name.clone(),
        instance_type: description.instance_type.clone(),
        free: amounts(row.free),
        needed: amounts(row.need),
        answer: match row.answer {
            Answer::Takes => "takes it".to_owned(),
            Answer::Refuses(reason) => reason.text().to_owned(),
            Answer::InUse => "is not empty".to_owned(),
            Answer::NotActive(status) => match serde_json::to_value(status) {
                Ok(serde_json::Value::String(text)) => text,
                _ => "not ACTIVE".to_owned(),
            },
            Answer::OutsidePool => "not of its launch type or capacity provider".to_owned(),
        },
        able: row.able,
    }
}

fn remedy(proposal: &Proposal, moment: &Moment) -> Remedy {
    Remedy {
        change: change(&proposal.change, moment),
        not_enough: proposal.smaller.as_ref().map(|it| change(it, moment)),
    }
}

/// A change in words.
pub fn change(change: &Change, moment: &Moment) -> String {
    let world = &moment.world;
    let place = match (change.first, moment.cause) {
        (false, _) => None,
        (true, Cause::Share) => Some("the turn of its share"),
        (true, _) => Some("the first place in its queue"),
    };
    let what = match &change.what {
        What::Same if change.first => None,
        What::Same => Some("its caller asking again at this moment".to_owned()),
        What::Less(amount, by) => Some(less(*amount, *by, moment)),
        What::Without(Constraint::DistinctInstance) => {
            Some("no constraint distinctInstance".to_owned())
        }
        What::Without(Constraint::MemberOf(expression)) => {
            Some(format!("no constraint memberOf {expression}"))
        }
        What::Instances(cluster, like, count) => {
            let of = like.instance_type.as_deref().unwrap_or(&like.name);
            let cluster = &world.clusters[*cluster].name;
            let idle = match count {
                1 => "one more instance".to_owned(),
                count => format!("{count} more instances"),
            };
            Some(format!("{idle} of {of} in {cluster}"))
        }
        What::MaxVcpus(environment, more) => {
            let there = &world.batch.environments[*environment];
            let (name, most) = (&there.name, there.max_vcpus + more);
            Some(format!("{more} more vCPU of maxvCpus of {name} ({most})"))
        }
    };
    let parts: Vec<String> = place.map(str::to_owned).into_iter().chain(what).collect();
    parts.join(", and ")
}

fn less(amount: Amount, by: u32, moment: &Moment) -> String {
    match (amount, moment.asked) {
        (Amount::Cpu, Asked::Job(_)) if by.is_multiple_of(1024) => {
            format!("{} vCPU less", by / 1024)
        }
        (Amount::Cpu, _) => format!("{by} CPU units less"),
        (Amount::Memory, _) => format!("{by} MiB less"),
        (Amount::Gpus, _) => format!("{by} GPU less"),
    }
}

// ---- Text -----------------------------------------------------------------------------------

/// Lines of columns: the first to the left, seconds to the right.
fn columns(rows: &[Vec<String>], right: &[usize]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().enumerate().map(|(at, cell)| {
            let width = widths[at];
            match right.contains(&at) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            }
        });
        format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn charges(charges: &[Charge]) -> Vec<Vec<String>> {
    let rows = charges.iter().map(|it| {
        let span = match (&it.from, &it.to) {
            (Some(from), Some(to)) => vec![from.clone(), "to".to_owned(), to.clone()],
            _ => Vec::new(),
        };
        let sum = [it.seconds.text() + " s", it.cause.text().to_owned()];
        span.into_iter().chain(sum).collect()
    });
    rows.collect()
}

impl One {
    /// For a terminal.
    pub fn text(&self) -> String {
        let ended = match &self.started_at {
            Some(at) => format!("and started at {at}"),
            None => format!("and never started up to {}", self.until),
        };
        let (id, asked, wait) = (&self.id, &self.requested_at, self.wait.text());
        let mut parts = vec![format!("{id} was asked for at {asked} {ended}: {wait} s")];
        parts.push(columns(&charges(&self.ledger), &[0, 2, 3]));
        if self.by_cause.len() < self.ledger.len() {
            parts.push("together".to_owned());
            parts.push(columns(&charges(&self.by_cause), &[0]));
        }
        if let Some(at) = &self.not_waiting_at {
            parts.push(format!("\nat {at} it did not wait for a place"));
        }
        if let Some(moment) = &self.moment {
            parts.push(moment.text());
            parts.push(self.remedies(moment));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }

    fn remedies(&self, moment: &Looked) -> String {
        let at = &moment.at;
        if !moment.wants_room {
            return String::new();
        }
        if self.least_changes.is_empty() {
            return format!("\nno single change that was tried would have placed it at {at}");
        }
        let lines = self.least_changes.iter().map(|it| match &it.not_enough {
            Some(smaller) => format!("  {} ({smaller} is not enough)", it.change),
            None => format!("  {}", it.change),
        });
        let lines: Vec<String> = lines.collect();
        format!(
            "\neach of these would have placed it at {at} (each proved by a run)\n{}",
            lines.join("\n")
        )
    }
}

impl Looked {
    fn text(&self) -> String {
        let head = format!("\nat {} it waited for: {}", self.at, self.cause.text());
        if self.instances.is_empty() {
            return head;
        }
        let titles = [
            "instance",
            "type",
            "cpu",
            "memory",
            "gpu",
            "eni",
            "why it does not take it",
        ];
        let mut rows = vec![titles.map(str::to_owned).to_vec()];
        for it in &self.instances {
            let pair = |free: u32, needed: u32| format!("{needed} of {free}");
            let able = if it.able { "" } else { ", and never could" };
            rows.push(vec![
                it.instance.clone(),
                it.instance_type.clone().unwrap_or_default(),
                pair(it.free.cpu, it.needed.cpu),
                pair(it.free.memory, it.needed.memory),
                pair(it.free.gpu, it.needed.gpu),
                pair(it.free.eni, it.needed.eni),
                format!("{}{able}", it.answer),
            ]);
        }
        let note = "(what it needs of what is free: CPU units, MiB, GPUs, network interfaces)";
        format!("{head}\n{}\n  {note}", columns(&rows, &[2, 3, 4, 5]))
    }
}

impl Everybody {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut parts = Vec::new();
        for (word, sum) in [("tasks", &self.tasks), ("jobs", &self.jobs)] {
            if sum.count == 0 {
                continue;
            }
            let (count, wait) = (sum.count, sum.wait.text());
            let unstarted = match sum.unstarted {
                0 => String::new(),
                unstarted => format!(", {unstarted} of them never started"),
            };
            parts.push(format!("{count} {word} waited {wait} s in all{unstarted}"));
            parts.push(columns(&charges(&sum.by_cause), &[0]));
        }
        if !self.worst.is_empty() {
            parts.push("the longest waits".to_owned());
        }
        let worst = self.worst.iter().map(|it| {
            let causes = it.by_cause.iter();
            let causes = causes.map(|it| format!("{} {} s", it.cause.text(), it.seconds.text()));
            vec![
                it.id.clone(),
                format!("{} s", it.wait.text()),
                format!("from {}", it.requested_at),
                causes.collect::<Vec<_>>().join(", "),
            ]
        });
        parts.push(columns(&worst.collect::<Vec<_>>(), &[1]));
        parts.retain(|part| !part.is_empty());
        match parts.is_empty() {
            true => "nobody asked for anything".to_owned(),
            false => parts.join("\n"),
        }
    }
}

impl Queue {
    /// For a terminal.
    pub fn text(&self) -> String {
        if self.waiting.is_empty() {
            return format!("at {} nobody waits", self.at);
        }
        let rows = self.waiting.iter().map(|it| {
            let many = match it.tasks {
                1 => it.id.clone(),
                count => format!("{} and {} more", it.id, count - 1),
            };
            vec![
                many,
                format!("{} s", it.wait.text()),
                format!("since {}", it.since),
                it.cause.text().to_owned(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        format!("at {} these wait\n{}", self.at, columns(&rows, &[1]))
    }
}
