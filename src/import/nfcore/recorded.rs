//! What really happened in the recorded runs, to be set beside what a simulation says.

use std::collections::BTreeMap;

use super::Recorded;
use crate::batch::allocation::registered_memory;
use crate::catalogue::Catalogue;
use crate::metrics::sample::Summary;

/// vCPUs and MiB.
type Size = (u64, u64);

/// Waits, what ran at once and what was billed, a sentence each.
pub(super) fn figures(rows: &[&Recorded], starts: &BTreeMap<&str, u64>) -> Vec<String> {
    let mut waits: Vec<u64> = rows.iter().map(|it| it.started - it.submitted).collect();
    let waits = Summary::of_micros(&mut waits);
    let of = |value: Option<f64>| value.unwrap_or_default();
    let mut figures = vec![
        format!(
            "recorded waits from submission to start: mean {:.1} s, p50 {} s, p99 {} s, most {} s",
            of(waits.mean),
            of(waits.p50),
            of(waits.p99),
            of(waits.max)
        ),
        at_once(rows, starts),
    ];
    let bills: Vec<(f64, f64)> = rows.iter().filter_map(|it| it.billed).collect();
    if !bills.is_empty() {
        let usd = |part: fn(&(f64, f64)) -> f64| bills.iter().map(part).sum::<f64>();
        figures.push(format!(
            "billed for {} jobs: {:.2} USD, and {:.2} USD for what their instances had idle",
            bills.len(),
            usd(|it| it.0),
            usd(|it| it.1)
        ));
    }
    figures
}

/// The peaks of running jobs, of their vCPUs and of the instances that they need at least: those of
/// a type and zone can share, and no others.
fn at_once(rows: &[&Recorded], starts: &BTreeMap<&str, u64>) -> String {
    let catalogue = Catalogue::embedded();
    let size = |name: &str| {
        let kind = catalogue.get(name)?;
        Some((kind.vcpus.into(), registered_memory(kind).into()))
    };
    let mut changes = Vec::new();
    for it in rows {
        let start = starts[it.row.run_id.as_str()];
        changes.push((start + it.completed, false, *it));
        changes.push((start + it.started, true, *it));
    }
    // What ends at a moment stands before what begins then; a job of no length holds nothing.
    changes.retain(|(.., it)| it.completed > it.started);
    changes.sort_by_key(|(at, begins, _)| (*at, *begins));
    let mut used: BTreeMap<(&str, &str), Size> = BTreeMap::new();
    let (mut jobs, mut vcpus) = (0u64, 0u64);
    let (mut most_jobs, mut most_vcpus, mut most_instances) = (0, 0, 0);
    for (_, begins, it) in changes {
        let pool = used.entry((&it.row.machine_type, &it.row.az)).or_default();
        let job = (u64::from(it.row.vcpus), u64::from(it.row.memory_mib));
        if begins {
            *pool = (pool.0 + job.0, pool.1 + job.1);
            (jobs, vcpus) = (jobs + 1, vcpus + job.0);
        } else {
            *pool = (pool.0 - job.0, pool.1 - job.1);
            (jobs, vcpus) = (jobs - 1, vcpus - job.0);
        }
        most_jobs = jobs.max(most_jobs);
        most_vcpus = vcpus.max(most_vcpus);
        let needed = used.iter().map(|((name, _), pool)| {
            let (vcpus, memory): Size = size(name).unwrap_or((u64::MAX, u64::MAX));
            pool.0.div_ceil(vcpus).max(pool.1.div_ceil(memory))
        });
        most_instances = most_instances.max(needed.sum());
    }
    format!(
        "recorded at most at once: {most_jobs} jobs, {most_vcpus} vCPUs, instances of a type and zone \
         with room for their jobs: {most_instances}"
    )
}
