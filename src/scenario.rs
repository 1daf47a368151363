//! The only door for input: from a file to a [`Plan`] that cannot fail.
//!
//! [`document`] reads the text and knows where everything stands; [`mod@file`] is the scenario exactly
//! as it is written; `resolve` turns names into ids and holds every request to the rules of ECS.
//! Whatever is wrong is gathered ([`problem`]) and told at once, each with its file, line, path and
//! remedy.

pub mod document;
pub mod experiment;
pub mod file;
pub mod problem;
mod resolve;
#[cfg(test)]
mod tests;
pub mod variation;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::Plan;
use crate::model::arena::{Arena, JobKindId, TemplateId};
use crate::report::Clock;
use crate::report::aws::{JobFacts, TaskFacts};
use crate::report::rows::Names;
use crate::report::tables::Input;
use crate::units::WarmUp;
use document::{Change, Document};
use file::{Assumptions, Scenario};
use problem::Problems;
use variation::Combination;

/// A scenario that has been loaded: ready to run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The scenario as it was read.
    pub text: String,
    /// `warmUp`, when it says so.
    pub warm_up: Option<WarmUp>,
    /// The files that it is made of.
    pub inputs: Vec<Input>,
    /// Choices in force where AWS documents nothing.
    pub assumptions: Assumptions,
    /// What the outputs call things.
    pub names: Names,
    /// What documents in the form of the AWS CLI tell of each kind of request.
    pub facts: Arena<TemplateId, TaskFacts>,
    /// What they tell of each kind of job.
    pub job_facts: Arena<JobKindId, Arc<JobFacts>>,
    /// What to run.
    pub plan: Plan,
}

impl Loaded {
    /// A few words on how large it is.
    pub fn description_of_size(&self) -> String {
        let clusters = &self.plan.world.clusters;
        let instances: usize = clusters
            .items()
            .iter()
            .map(|cluster| cluster.instances().len())
            .sum();
        let (clusters, workloads) = (clusters.len(), self.plan.workloads.len());
        let plural = |count: usize, word: &str| {
            format!("{count} {word}{}", if count == 1 { "" } else { "s" })
        };
        format!(
            "no problems; {}, {}, {}",
            plural(clusters, "cluster"),
            plural(instances, "container instance"),
            plural(workloads, "workload")
        )
    }
}

/// A scenario that has been read: it can be loaded as it stands, or with changes.
#[derive(Clone, Debug)]
pub struct Source {
    document: Document,
    text: String,
    main: Input,
    folder: PathBuf,
}

impl Source {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// When it cannot be read or is no YAML.
    pub fn read(path: &Path) -> Result<Source, Problems> {
        let text = document::read_text(path)?;
        let document = Document::parse(&path.display().to_string(), &text)?;
        let name = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Source::new(document, &name, text, folder))
    }

    /// Reads a scenario from its text. The files it names are looked for in `folder`.
    ///
    /// # Errors
    /// When it is no YAML.
    pub fn of_text(name: &str, text: &str, folder: &Path) -> Result<Source, Problems> {
        let document = Document::parse(name, text)?;
        Ok(Source::new(document, name, text.to_owned(), folder))
    }

    fn new(document: Document, name: &str, text: String, folder: &Path) -> Source {
        Source {
            document,
            main: Input {
                file: name.to_owned(),
                sha256: resolve::sha256(text.as_bytes()),
            },
            text,
            folder: folder.to_owned(),
        }
    }

    /// Loads it with the values of a combination. Of the several changes of one value those are left
    /// out that lead nowhere here, unless all do.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub fn load_combination(&self, combination: &Combination) -> Result<Loaded, Problems> {
        let mut changes = Vec::new();
        for (_, choice) in &combination.values {
            let leads =
                |change: &&Change| self.document.with(std::slice::from_ref(*change)).is_ok();
            let before = changes.len();
            changes.extend(choice.changes.iter().filter(leads).cloned());
            if changes.len() == before {
                changes.extend(choice.changes.first().cloned());
            }
        }
        self.load(&changes)
    }

    /// Loads it with changes made to it, which may be none.
    ///
    /// # Errors
    /// When a change leads nowhere; everything that is wrong with what comes of it and with the
    /// files it names.
    pub fn load(&self, changes: &[Change]) -> Result<Loaded, Problems> {
        let changed;
        let document = match changes {
            [] => &self.document,
            _ => {
                changed = self.document.with(changes)?;
                &changed
            }
        };
        let scenario: Scenario = document.decode(&formats())?;
        let mut loaded = resolve::resolve(document, self.main.clone(), &self.folder, &scenario)?;
        loaded.text.clone_from(&self.text);
        Ok(loaded)
    }
}

/// Loads a scenario file.
///
/// # Errors
/// Everything that is wrong with it and with the files it names.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    Source::read(path)?.load(&[])
}

/// Loads a scenario from its text. The files it names are looked for in `folder`.
///
/// # Errors
/// Everything that is wrong with it and with the files it names.
pub fn load_text(name: &str, text: &str, folder: &Path) -> Result<Loaded, Problems> {
    Source::of_text(name, text, folder)?.load(&[])
}

/// All custom formats of the schema, with their checks.
fn formats() -> Vec<document::Format> {
    crate::units::FORMATS
        .iter()
        .chain(crate::api::FORMATS)
        .copied()
        .collect()
}

/// Whether a directory of results may have this name: it must not lie elsewhere.
fn is_directory_name(name: &str) -> bool {
    let illegal = |letter: char| matches!(letter, '/' | '\\') || letter.is_control();
    !name.contains(illegal) && !matches!(name, "." | "..")
}

/// The JSON Schema of a scenario.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Scenario);
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// How moments of this scenario are written.
fn clock(scenario: &Scenario) -> Clock {
    Clock(scenario.start_date)
}
