//! The same for a terminal.

use super::{Charge, Everybody, Looked, One, Queue};

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
