//! The cost of a placement hardly grows with the cluster: instructions counted by valgrind, which
//! are the same whatever else the machine does.

#[path = "../../benches/shared/steady.rs"]
mod steady;

use std::process::Command;

use steady::{Chooser, Steady};
use stowplan::model::request::StrategyRule;

/// Set for the process that valgrind looks at: strategy and number of hosts.
const WORK: &str = "STOWPLAN_COUNTED_WORK";

const TASKS: u64 = 4_000;

fn strategy(name: &str) -> StrategyRule {
    match name {
        "binpack-cpu" => StrategyRule::BinpackCpu,
        "binpack-memory" => StrategyRule::BinpackMemory,
        _ => StrategyRule::Random,
    }
}

/// Does the work that is counted, in a process of its own; otherwise holds the index against the
/// scan on the same work.
#[test]
fn counted_work() {
    let Ok(work) = std::env::var(WORK) else {
        let sums = [Chooser::Index, Chooser::Scan].map(|chooser| {
            let mut steady = Steady::filled(100, StrategyRule::BinpackCpu);
            steady.measured_tasks(1_000, chooser);
            (steady.checksum, steady.dropped)
        });
        assert_eq!(sums[0], sums[1]);
        return;
    };
    let (name, hosts) = work.split_once(' ').expect("strategy and hosts");
    let mut steady = Steady::filled_evenly(hosts.parse().expect("a number"), strategy(name));
    // The first question builds the index; it is not counted.
    steady.settle(Chooser::Index);
    steady.measured_tasks(TASKS, Chooser::Index);
}

/// Instructions a task, as callgrind counts them inside `measured_tasks`.
fn instructions(name: &str, hosts: u32) -> f64 {
    let out = std::env::temp_dir().join(format!(
        "stowplan-callgrind-{}-{name}-{hosts}",
        std::process::id()
    ));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*measured_tasks*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "instructions::counted_work", "--test-threads=1"])
        .env(WORK, format!("{name} {hosts}"))
        .output()
        .expect("valgrind runs");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let _ = std::fs::remove_file(&out);
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    let line = told
        .lines()
        .find(|line| line.contains("Collected :"))
        .expect("a count");
    let count = line
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse::<f64>().ok());
    count.expect("a number") / TASKS as f64
}

/// At 10^4 instances at most 1.3 times the instructions at 10^3, at 10^5 at most 1.6 times. Spread
/// over instances is left out: right after a cluster was filled evenly, the instances with the
/// fewest tasks are those that are full with large ones, and walking past them takes longer the
/// more of them there are.
#[test]
fn instructions_per_task_hardly_grow() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return;
    }
    for name in ["binpack-cpu", "binpack-memory", "random"] {
        let [small, middle, large] =
            [1_000, 10_000, 100_000].map(|hosts| instructions(name, hosts));
        println!(
            "{name}: {small:.0}, {middle:.0}, {large:.0} instructions a task at 10^3, 10^4, 10^5 instances"
        );
        assert!(
            middle <= 1.3 * small,
            "{name}: {middle} at 10^4 against {small} at 10^3"
        );
        assert!(
            large <= 1.6 * small,
            "{name}: {large} at 10^5 against {small} at 10^3"
        );
    }
}
