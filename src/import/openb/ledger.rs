//! What the lists hold against what was written, to the last unit.
//!
//! `listed` and `left_out` are summed over the lists, `changed` over the conversions of the rows that
//! are kept; `written` is summed over the finished scenario and trace, read back by the readers that a
//! run uses. `listed - left_out + changed = written` in every line, or nothing is written at all.

use std::fmt;

use super::list::{Node, Pod};
use super::{node_cpu, pod_cpu, pod_memory};
use crate::scenario::document::Document;
use crate::scenario::file::{RegisteredResources, Scenario};
use crate::scenario::problem::{Problem, Problems};
use crate::time::MICROS_PER_SEC;
use crate::workload::trace::{self, Row};

/// An amount in millionths of its unit: shares, rounding and times stay exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i128);

impl Amount {
    /// So many units.
    pub fn whole(units: impl Into<i128>) -> Self {
        Amount(units.into() * i128::from(MICROS_PER_SEC))
    }

    /// So many millionths of a unit.
    pub fn millionths(amount: impl Into<i128>) -> Self {
        Amount(amount.into())
    }

    /// So many thousandths of a unit.
    fn thousandths(amount: impl Into<i128>) -> Self {
        Amount(amount.into() * 1000)
    }
}

impl fmt::Display for Amount {
    /// With commas between thousands and no more decimals than needed: `6,086.8`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = u128::from(MICROS_PER_SEC);
        let (whole, part) = (self.0.unsigned_abs() / scale, self.0.unsigned_abs() % scale);
        let digits = whole.to_string();
        let mut text = if self.0 < 0 {
            "-".to_owned()
        } else {
            String::new()
        };
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        let decimals = format!(".{part:06}");
        text.push_str(decimals.trim_end_matches('0').trim_end_matches('.'));
        out.pad(&text)
    }
}

/// One quantity of a list and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Quantity and unit.
    pub what: &'static str,
    /// Sum over the list.
    pub listed: Amount,
    /// Part of it in rows that are not used.
    pub left_out: Amount,
    /// Added by rounding and by what ECS demands.
    pub changed: Amount,
    /// Sum over what was written; absent for a unit that scenarios do not know.
    pub written: Option<Amount>,
}

const CPU: &str = "CPU, units";

/// Quantities of the node list, in the order of every array of nodes.
const OF_NODES: [&str; 4] = ["nodes", CPU, "memory, MiB", "GPUs"];

/// Quantities of the pod list. Whole GPUs count each GPU that is asked for, however small the part.
const OF_PODS: [&str; 6] = [
    "pods",
    CPU,
    "memory, MiB",
    "GPUs, whole",
    "GPUs, shares",
    "run time, s",
];

/// Holds the container instances of a scenario against the nodes.
///
/// # Errors
/// When the scenario does not read as written, which is a defect.
pub(super) fn nodes(
    file: &str,
    scenario: &str,
    all: &[&Node],
    taken: &[&Node],
) -> Result<Vec<Line>, Problems> {
    let formats: Vec<_> = crate::units::FORMATS
        .iter()
        .chain(crate::api::FORMATS)
        .copied()
        .collect();
    let scenario: Scenario = Document::parse(file, scenario)?.decode(&formats)?;
    let instances = scenario
        .clusters
        .iter()
        .flat_map(|cluster| &cluster.container_instances);
    let registered = instances.map(|instance| match instance.registered_resources {
        Some(RegisteredResources {
            cpu, memory, gpu, ..
        }) => [Some(1), cpu, memory, gpu].map(|amount| Amount::whole(amount.unwrap_or_default())),
        None => [Amount::whole(1), Amount(0), Amount(0), Amount(0)],
    });
    let listed = |node: &Node| {
        let cpu = Amount::thousandths(u64::from(node.cpu_milli) * 1024);
        [
            Amount::whole(1),
            cpu,
            Amount::whole(node.memory_mib),
            Amount::whole(node.gpus),
        ]
    };
    let converted =
        |node: &Node| [1, node_cpu(node), node.memory_mib, node.gpus].map(Amount::whole);
    let sums = Sums {
        listed: sum(all.iter().map(|node| listed(node))),
        taken: sum(taken.iter().map(|node| listed(node))),
        converted: sum(taken.iter().map(|node| converted(node))),
        written: sum(registered),
    };
    sums.lines(file, OF_NODES)
}

/// Holds the rows of a trace against the pods.
///
/// # Errors
/// When the trace does not read as written, which is a defect.
pub(super) fn pods(
    file: &str,
    trace: &str,
    all: &[&Pod],
    taken: &[&Pod],
) -> Result<Vec<Line>, Problems> {
    let rows = trace::read(trace.as_bytes()).map_err(|faults| {
        let told = faults
            .into_iter()
            .map(|fault| Problem::in_file(file, fault.message));
        Problems::new(told.collect())
    })?;
    let timed = rows.iter().any(|row| row.duration.is_some());
    let run_time = |micros: u64| Amount(if timed { micros.into() } else { 0 });
    let listed = |pod: &Pod| {
        [
            Amount::whole(1),
            Amount::thousandths(u64::from(pod.cpu_milli) * 1024),
            Amount::whole(pod.memory_mib),
            Amount::whole(pod.gpus),
            Amount::thousandths(pod.gpus * pod.gpu_milli),
            run_time(pod.run_time.micros()),
        ]
    };
    let converted = |pod: &Pod| {
        let [one, cpu, memory, gpus] =
            [1, pod_cpu(pod), pod_memory(pod), pod.gpus].map(Amount::whole);
        [
            one,
            cpu,
            memory,
            gpus,
            gpus,
            run_time(pod.run_time.micros()),
        ]
    };
    let found = |row: &Row| {
        let request = &row.request;
        let [one, cpu, memory, gpus] = [Some(1), request.cpu, request.memory, request.gpu]
            .map(|amount| Amount::whole(amount.unwrap_or_default()));
        [
            one,
            cpu,
            memory,
            gpus,
            gpus,
            run_time(row.duration.unwrap_or_default().micros()),
        ]
    };
    let sums = Sums {
        listed: sum(all.iter().map(|pod| listed(pod))),
        taken: sum(taken.iter().map(|pod| listed(pod))),
        converted: sum(taken.iter().map(|pod| converted(pod))),
        written: sum(rows.iter().map(found)),
    };
    let mut lines = sums.lines(file, OF_PODS)?;
    if !timed {
        lines.pop();
    }
    Ok(lines)
}

/// Every quantity of a list, summed.
struct Sums<const N: usize> {
    /// Over the whole list.
    listed: [Amount; N],
    /// Over the rows that are used.
    taken: [Amount; N],
    /// Over the same rows, as they were converted.
    converted: [Amount; N],
    /// Over what was written, read back.
    written: [Amount; N],
}

fn sum<const N: usize>(rows: impl Iterator<Item = [Amount; N]>) -> [Amount; N] {
    rows.fold([Amount::default(); N], |mut sums, row| {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, amount)| sum.0 += amount.0);
        sums
    })
}

impl<const N: usize> Sums<N> {
    /// The lines, checked.
    fn lines(&self, file: &str, names: [&'static str; N]) -> Result<Vec<Line>, Problems> {
        let mut lines = Vec::new();
        for (index, what) in names.into_iter().enumerate() {
            let [listed, taken] = [self.listed[index], self.taken[index]];
            let [converted, written] = [self.converted[index], self.written[index]];
            if converted != written {
                let message = format!(
                    "{what}: {converted} in the lists, {written} written; this is a defect of stowplan"
                );
                return Err(Problem::in_file(file, message).into());
            }
            let left_out = Amount(listed.0 - taken.0);
            if what == CPU {
                lines.push(in_milli(listed, left_out));
            }
            let changed = Amount(converted.0 - taken.0);
            lines.push(Line {
                what,
                listed,
                left_out,
                changed,
                written: Some(written),
            });
        }
        Ok(lines)
    }
}

/// CPU as the lists have it. Exact: what they hold is whole in milli-CPU.
fn in_milli(listed: Amount, left_out: Amount) -> Line {
    let milli = |units: Amount| Amount(units.0 * 1000 / 1024);
    Line {
        what: "CPU, milli",
        listed: milli(listed),
        left_out: milli(left_out),
        changed: Amount::default(),
        written: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{SimDuration, SimTime};

    #[test]
    fn amounts_print_exactly() {
        let check = |millionths, text: &str| assert_eq!(Amount(millionths).to_string(), text);
        check(0, "0");
        check(999_000_000, "999");
        check(1_000_000_000, "1,000");
        check(-1_234_567_000_001, "-1,234,567.000001");
        check(-24_000, "-0.024");
        check(6_086_800_000, "6,086.8");
    }

    #[test]
    fn what_was_written_wrongly_is_found() {
        let pod = Pod {
            name: "p".to_owned(),
            cpu_milli: 1000,
            memory_mib: 8,
            gpus: 1,
            gpu_milli: 500,
            models: Vec::new(),
            created_at: SimTime::ZERO,
            run_time: SimDuration::from_secs(3),
            scheduled: true,
        };
        let node = Node {
            name: "n".to_owned(),
            cpu_milli: 1000,
            memory_mib: 8,
            gpus: 1,
            model: None,
        };
        let head = "time,duration,cpu,memory,gpu\n";
        let trace = |row: &str| {
            let lines = pods("t.csv", &format!("{head}{row}\n"), &[&pod], &[&pod]);
            lines.map(drop).map_err(|problems| problems.to_string())
        };
        let wrong = |what: &str| Err(format!("error: {what}; this is a defect of stowplan"));
        assert_eq!(trace("0,3,1024,8,1"), Ok(()));
        assert_eq!(
            trace("0,3,1023,8,1"),
            wrong("t.csv: CPU, units: 1,024 in the lists, 1,023 written")
        );
        assert_eq!(
            trace("0,3,1024,,1"),
            wrong("t.csv: memory, MiB: 8 in the lists, 0 written")
        );
        assert_eq!(
            trace("0,3,1024,8,0"),
            wrong("t.csv: GPUs, whole: 1 in the lists, 0 written")
        );
        assert_eq!(
            trace("0,3.1,1024,8,1"),
            wrong("t.csv: run time, s: 3 in the lists, 3.1 written")
        );
        let scenario = |instance: &str| {
            let text = format!("name: s\nclusters: [{{containerInstances: [{instance}]}}]\n");
            let lines = nodes("s.yaml", &text, &[&node], &[&node]);
            lines.map(drop).map_err(|problems| problems.to_string())
        };
        assert_eq!(
            scenario("{registeredResources: {CPU: 1024, MEMORY: 8, GPU: 1}}"),
            Ok(())
        );
        assert_eq!(
            scenario(""),
            wrong("s.yaml: nodes: 1 in the lists, 0 written")
        );
        assert_eq!(
            scenario("{registeredResources: {CPU: 1024, MEMORY: 8}}"),
            wrong("s.yaml: GPUs: 1 in the lists, 0 written")
        );
    }
}
