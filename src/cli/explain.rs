//! `stowplan explain`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Failure, print};
use crate::engine::job::Job;
use crate::explain::name::{Name, Nobody, find};
use crate::explain::{self, Who};
use crate::model::arena::{Arena, JobId};
use crate::report::Clock;
use crate::report::explain::Naming;
use crate::scenario::{self, Loaded};
use crate::time::SimTime;
use crate::units::{Duration, Timestamp};

/// Tell why tasks and jobs waited, and what would have started them
#[derive(Args)]
pub struct Explain {
    /// Scenario file, or a directory that `stowplan run` wrote
    run: PathBuf,
    /// Job, as jobs.csv names it: job-7, job-7:2 for a child; or web#3, the third that a workload submitted
    #[arg(long, value_name = "ID", conflicts_with = "task")]
    job: Option<String>,
    /// Task, as tasks.csv names it: task-7; or web#3.2, the second of the third call of a workload
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Moment to look at: 90s, 2h, or a date where the scenario has a start [default: when it began
    /// to wait for room]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Folder of the files that the scenario names [default: that of the scenario; for a directory
    /// of results the current one]
    #[arg(long, value_name = "DIR")]
    inputs: Option<PathBuf>,
    /// Seed of all random streams, instead of that of the scenario or of the run
    #[arg(long)]
    seed: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Runs the scenario again with books of its own, and prints them.
    pub fn run(self) -> Result<(), Failure> {
        let name = match self.job.as_ref().or(self.task.as_ref()) {
            Some(text) => Some(text.parse::<Name>().map_err(|error| input(&error))?),
            None => None,
        };
        let mut loaded = self.load()?;
        if let Some(seed) = self.seed {
            loaded.plan.seed = seed;
        }
        let at = match &self.at {
            Some(text) => Some(moment(text, loaded.names.clock)?),
            None => None,
        };
        match (name, at) {
            (Some(name), at) => self.one(&loaded, &name, at),
            (None, Some(at)) => self.waiting(&loaded, at),
            (None, None) => {
                let (books, outcome) = explain::everybody(&loaded.plan);
                let told = naming(&loaded, &outcome.jobs).everybody(&books);
                self.tell(&loaded, &told, told.text())
            }
        }
    }

    fn one(&self, loaded: &Loaded, name: &Name, at: Option<SimTime>) -> Result<(), Failure> {
        let who = find(&loaded.plan, name).map_err(|nobody| self.nobody(&nobody))?;
        if self.job.is_some() != matches!(who, Who::Job(_)) {
            let (is, option) = match who {
                Who::Job(_) => ("a job", "--job"),
                Who::Task(..) => ("a task", "--task"),
            };
            return Err(input(&format!(
                "this names {is}\n  help: ask with {option}"
            )));
        }
        let Some((found, outcome)) = explain::one(&loaded.plan, who, at) else {
            return Err(input("nothing happens up to this moment"));
        };
        let told = naming(loaded, &outcome.jobs).one(&found);
        self.tell(loaded, &told, told.text())
    }

    fn waiting(&self, loaded: &Loaded, at: SimTime) -> Result<(), Failure> {
        let Some((at, waiting, outcome)) = explain::waiting(&loaded.plan, at) else {
            return Err(input("nothing happens up to this moment"));
        };
        let told = naming(loaded, &outcome.jobs).waiting(at, &waiting);
        self.tell(loaded, &told, told.text())
    }

    fn tell(&self, loaded: &Loaded, told: &impl Serialize, text: String) -> Result<(), Failure> {
        let (version, name) = (env!("CARGO_PKG_VERSION"), &loaded.name);
        let seed = loaded.plan.seed;
        if !self.json {
            let head = format!("stowplan {version}: scenario {name}, seed {seed}");
            return print(&format!("{head}\n\n{text}"));
        }
        let mut whole = json!({"stowplan": version, "scenario": name, "seed": seed});
        if let (Value::Object(whole), Ok(Value::Object(told))) =
            (&mut whole, serde_json::to_value(told))
        {
            whole.extend(told);
        }
        print(&serde_json::to_string_pretty(&whole).unwrap_or_default())
    }

    fn nobody(&self, nobody: &Nobody) -> Failure {
        let asked = self.job.as_ref().or(self.task.as_ref());
        let asked = asked.map_or("", String::as_str);
        input(&match nobody {
            Nobody::Unknown => format!(
                "{asked}: there is none in this run\n  help: look in jobs.csv or tasks.csv; calls \
                 that were never answered stand in failures.csv with workload and call"
            ),
            Nobody::NoWorkload(name) => {
                format!("{asked}: no workload is named {name:?}\n  help: look under workloads")
            }
            Nobody::TaskOfJob(job) => {
                let job = job.0 + 1;
                format!(
                    "{asked}: this is the task of a job\n  help: attempts.csv tells which; job number {job}"
                )
            }
            Nobody::Parent(size) => format!(
                "{asked}: this is an array of {size}, which never runs itself\n  help: ask for a \
                 child: {asked}:0"
            ),
        })
    }

    // ---- The run ----------------------------------------------------------------------------

    fn load(&self) -> Result<Loaded, Failure> {
        if self.run.is_dir() {
            return self.load_results(&self.run);
        }
        match &self.inputs {
            None => Ok(scenario::load(&self.run)?),
            Some(folder) => {
                let text = scenario::document::read_text(&self.run)
                    .map_err(|problem| Failure::from(scenario::problem::Problems::from(problem)))?;
                let name = self.run.display().to_string();
                Ok(scenario::load_text(&name, &text, folder)?)
            }
        }
    }

    /// The scenario that a directory of results was made of: all its files must be what they were.
    fn load_results(&self, folder: &Path) -> Result<Loaded, Failure> {
        let shown = folder.display();
        let read = |name: &str| {
            fs::read_to_string(folder.join(name)).map_err(|error| {
                input(&format!(
                    "{}: {error}\n  help: RUN is a scenario, or a directory that stowplan run wrote: \
                     it holds summary.json and scenario.yaml",
                    folder.join(name).display()
                ))
            })
        };
        let summary: Value = serde_json::from_str(&read("summary.json")?).map_err(|error| {
            input(&format!(
                "{shown}/summary.json: {error}\n  help: run the scenario again"
            ))
        })?;
        let text = read("scenario.yaml")?;
        let recorded = Recorded::of(&summary).ok_or_else(|| {
            input(&format!(
                "{shown}/summary.json: it does not say which scenario, seed and version it comes \
                 from\n  help: run the scenario again"
            ))
        })?;
        let inputs = self.inputs.clone().unwrap_or_default();
        let loaded = scenario::load_text(&recorded.inputs[0].0, &text, &inputs);
        let mut loaded = loaded.map_err(|problems| {
            let help = match self.inputs {
                None => {
                    "\n  help: files that the scenario names are looked for in the current \
                         directory; give their folder with --inputs"
                }
                Some(_) => "",
            };
            Failure::Input(format!("{problems}{help}"))
        })?;
        recorded.check(&loaded, &shown.to_string())?;
        let version = env!("CARGO_PKG_VERSION");
        if recorded.version != version {
            eprintln!(
                "note: {shown} was written by stowplan {}; this is {version}, and may come to \
                 other results",
                recorded.version
            );
        }
        loaded.plan.seed = recorded.seed;
        Ok(loaded)
    }
}

/// What a summary says of where it comes from.
struct Recorded {
    version: String,
    seed: u64,
    /// Names and hashes; the first is the scenario.
    inputs: Vec<(String, String)>,
}

impl Recorded {
    fn of(summary: &Value) -> Option<Self> {
        let text = |of: &Value, key: &str| of.get(key)?.as_str().map(str::to_owned);
        let inputs = summary.get("inputs")?.as_array()?.iter();
        let inputs = inputs.map(|it| Some((text(it, "file")?, text(it, "sha256")?)));
        let inputs: Vec<_> = inputs.collect::<Option<_>>()?;
        (!inputs.is_empty()).then_some(())?;
        Some(Recorded {
            version: text(summary, "stowplan")?,
            seed: summary.get("seed")?.as_u64()?,
            inputs,
        })
    }

    /// Every file must be, byte for byte, what it was.
    fn check(&self, loaded: &Loaded, shown: &str) -> Result<(), Failure> {
        let changed = self.inputs.iter().filter(|(file, hash)| {
            let mut now = loaded.inputs.iter();
            !now.any(|it| it.file == *file && it.sha256 == *hash)
        });
        let changed: Vec<String> = changed
            .map(|(file, _)| format!("error: {file}: is not what it was when {shown} was written"))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let help =
            "  help: name the folder of the old files with --inputs, or run the scenario again";
        Err(Failure::Input(format!("{}\n{help}", changed.join("\n"))))
    }
}

fn naming<'a>(loaded: &'a Loaded, jobs: &'a Arena<JobId, Job>) -> Naming<'a> {
    Naming {
        clock: loaded.names.clock,
        workloads: &loaded.names.workloads,
        jobs,
    }
}

fn input(message: &str) -> Failure {
    Failure::Input(format!("error: {message}"))
}

/// A moment of the run: a span from its start, or a date.
fn moment(text: &str, clock: Clock) -> Result<SimTime, Failure> {
    let is_number = text.parse::<f64>().is_ok();
    let span = match is_number {
        true => format!("{text}s").parse::<Duration>(),
        false => text.parse::<Duration>(),
    };
    if let Ok(span) = span {
        return Ok(SimTime::ZERO + span.span());
    }
    let date = clock.0.and_then(|start| {
        // As outputs write it, with a fraction of a second where there is one.
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (format!("{whole}Z"), fraction.trim_end_matches('Z')),
            None => (text.to_owned(), "0"),
        };
        let secs = whole.parse::<Timestamp>().ok()?.unix_secs() - start.unix_secs();
        let rest = format!("0.{fraction}s").parse::<Duration>().ok()?;
        let since = Duration::of(crate::time::SimDuration::from_secs(
            u64::try_from(secs).ok()?,
        ));
        Some(SimTime::ZERO + since.span() + rest.span())
    });
    date.ok_or_else(|| {
        let dates = match clock.0 {
            Some(start) => format!(", or a date from {start} on"),
            None => String::new(),
        };
        input(&format!(
            "--at {text:?} is no moment of the run\n  help: write 90s, 10m, 2h{dates}"
        ))
    })
}
