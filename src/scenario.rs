//! The only door for input: from a file to a [`Plan`] that cannot fail.
//!
//! [`document`] reads the text and knows where everything stands; [`mod@file`] is the scenario exactly
//! as it is written; `resolve` turns names into ids and holds every request to the rules of ECS.
//! Whatever is wrong is gathered ([`problem`]) and told at once, each with its file, line, path and
//! remedy.

pub mod document;
pub mod file;
pub mod problem;
mod resolve;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use crate::engine::Plan;
use crate::model::arena::{Arena, JobKindId, TemplateId};
use crate::report::Clock;
use crate::report::aws::{JobFacts, TaskFacts};
use crate::report::rows::Names;
use crate::report::tables::Input;
use document::Document;
use file::{Assumptions, Scenario};
use problem::Problems;

/// A scenario that has been loaded: ready to run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Its text, byte for byte.
    pub text: String,
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

/// Loads a scenario file.
///
/// # Errors
/// Everything that is wrong with it and with the files it names.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    let text = document::read_text(path)?;
    let document = Document::parse(&path.display().to_string(), &text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    load_document(&document, &name, &text, folder)
}

/// Loads a scenario from its text. The files it names are looked for in `folder`.
///
/// # Errors
/// Everything that is wrong with it and with the files it names.
pub fn load_text(name: &str, text: &str, folder: &Path) -> Result<Loaded, Problems> {
    load_document(&Document::parse(name, text)?, name, text, folder)
}

fn load_document(
    document: &Document,
    name: &str,
    text: &str,
    folder: &Path,
) -> Result<Loaded, Problems> {
    let scenario: Scenario = document.decode(&formats())?;
    let main = Input {
        file: name.to_owned(),
        sha256: resolve::sha256(text.as_bytes()),
    };
    let mut loaded = resolve::resolve(document, main, folder, &scenario)?;
    loaded.text = text.to_owned();
    Ok(loaded)
}

/// All custom formats of the schema, with their checks.
fn formats() -> Vec<document::Format> {
    crate::units::FORMATS
        .iter()
        .chain(crate::api::FORMATS)
        .copied()
        .collect()
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
