//! `stowplan import batsim`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::jobs::Out;
use super::{Failure, ledger, print, right};
use crate::engine;
use crate::import::batsim;
use crate::import::batsim::schedule::{self, Agreement, Entry};
use crate::metrics::Metrics;
use crate::scenario;
use crate::scenario::document::read_text;
use crate::scenario::problem::Problems;

/// Writes a scenario with the jobs at their submission times, on as many one-slot instances as the
/// machine has hosts, under x-easy
#[derive(Args)]
pub struct Batsim {
    /// The workload: JSON
    #[arg(long, value_name = "FILE")]
    workload: PathBuf,
    /// Run the scenario and hold starts and hosts against a schedule that Batsim wrote: *_jobs.csv
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    #[command(flatten)]
    out: Out,
}

impl Batsim {
    /// Reads, converts, tries, writes, prints; runs and compares, if it is to.
    pub fn run(self) -> Result<(), Failure> {
        let text = read_text(&self.workload).map_err(Problems::from)?;
        let recorded = self.check.as_deref().map(recorded).transpose()?;
        let file = self.workload.display().to_string();
        self.out
            .write(|target| batsim::convert(&file, &text, target))?;
        let Some(recorded) = recorded else {
            return Ok(());
        };
        let mut path = self.out.out.into_os_string();
        path.push(".yaml");
        let path = PathBuf::from(path);
        let loaded = scenario::load(&path)?;
        let outcome = engine::run(loaded.plan, &mut Metrics::new());
        let found = schedule::compare(&recorded, &schedule::of_run(&outcome));
        tell(&found)?;
        match found.is_complete() {
            true => Ok(()),
            false => Err(Failure::Other(format!(
                "{} does not run as recorded:\n{}",
                path.display(),
                found.differences.join("\n")
            ))),
        }
    }
}

fn recorded(path: &Path) -> Result<Vec<Entry>, Failure> {
    let text = read_text(path).map_err(Problems::from)?;
    Ok(schedule::read(&path.display().to_string(), &text)?)
}

fn tell(found: &Agreement) -> Result<(), Failure> {
    let mut table = ledger(["statistic", "recorded", "run"]);
    let (recorded, run) = (&found.recorded, &found.run);
    for (name, recorded, run) in [
        ("mean wait, s", recorded.mean_wait, run.mean_wait),
        ("longest wait, s", recorded.max_wait, run.max_wait),
        ("mean slowdown", recorded.mean_slowdown, run.mean_slowdown),
        (
            "mean turnaround, s",
            recorded.mean_turnaround,
            run.mean_turnaround,
        ),
        ("makespan, s", recorded.makespan, run.makespan),
    ] {
        table.add_row([
            name.to_owned(),
            format!("{recorded:.6}"),
            format!("{run:.6}"),
        ]);
    }
    right(&mut table, 1);
    let jobs = found.jobs;
    print(&format!(
        "\n{table}\n\nequal start times: {} of {jobs}\nequal host sets: {} of {jobs}",
        found.equal_starts, found.equal_hosts
    ))
}
