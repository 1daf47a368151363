//! Placement in steady state, the index against the exhaustive scan in the same run.

#[path = "shared/steady.rs"]
mod steady;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use steady::{Chooser, Steady};
use stowplan::model::request::StrategyRule;

fn strategies() -> [(&'static str, StrategyRule); 4] {
    [
        ("binpack cpu", StrategyRule::BinpackCpu),
        ("binpack memory", StrategyRule::BinpackMemory),
        ("spread instanceId", StrategyRule::SpreadInstance),
        ("random", StrategyRule::Random),
    ]
}

/// Both choosers make the same decisions from the same state; `random` draws differently.
fn agree() {
    for (name, strategy) in strategies()
        .into_iter()
        .filter(|(name, _)| *name != "random")
    {
        let sums = [Chooser::Index, Chooser::Scan].map(|chooser| {
            let mut steady = Steady::filled_evenly(300, strategy.clone());
            steady.measured_tasks(3_000, chooser);
            (steady.checksum, steady.dropped)
        });
        assert_eq!(sums[0], sums[1], "{name}: index and scan differ");
    }
}

fn placement(criterion: &mut Criterion) {
    agree();
    for (name, strategy) in strategies() {
        let mut group = criterion.benchmark_group(name);
        group
            .throughput(Throughput::Elements(1))
            .sample_size(10)
            .warm_up_time(Duration::from_millis(500));
        for hosts in [1_000, 10_000, 100_000] {
            let mut steady = Steady::filled(hosts, strategy.clone());
            steady.settle(Chooser::Index);
            for (label, chooser) in [("index", Chooser::Index), ("scan", Chooser::Scan)] {
                group.measurement_time(Duration::from_secs(2));
                group.bench_function(BenchmarkId::new(label, hosts), |bencher| {
                    bencher.iter_custom(|tasks| {
                        let start = Instant::now();
                        steady.measured_tasks(tasks, chooser);
                        start.elapsed()
                    });
                });
            }
            black_box(steady.checksum);
        }
        group.finish();
    }
}

criterion_group!(benches, placement);
criterion_main!(benches);
