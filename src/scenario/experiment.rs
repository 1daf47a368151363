//! An experiment: a scenario, what varies in it, and how often every combination is run.
//!
//! [`read`] takes a file of either kind, since a scenario is an experiment in which nothing varies.

use std::borrow::Cow;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::document::{self, Change, Document, Format};
use super::problem::{Problem, Problems, quoted};
use super::variation::{Choice, Variation};
use super::{Source, is_directory_name, resolve};
use crate::report::tables::Input;
use crate::statistics::Confidence;
use crate::units::{self, WarmUp};

/// Replications unless told otherwise.
pub const USUAL_REPLICATIONS: u32 = 10;

/// A stowplan experiment: a scenario, what varies in it, and how often every combination is run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Experiment")]
struct File {
    /// Name of the experiment; results go to `results/<name>-sweep` unless told otherwise.
    #[schemars(length(min = 1, max = 100), extend("format" = "directory-name"))]
    name: String,
    /// What the experiment is to find out.
    description: Option<String>,
    /// The scenario file; the path counts from the experiment's own folder.
    scenario: String,
    /// What varies: paths into the scenario, each with a list of the values it takes. Every
    /// combination is run; the last path goes round fastest. A list of one value sets it.
    #[serde(default)]
    vary: Vary,
    /// Placement strategies that every caller and service uses in turn, such as `binpack:memory` or
    /// `spread:instanceId+binpack:cpu`; they vary after all paths.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    strategies: Vec<String>,
    /// Runs of every combination, each with another seed; 10 if left out.
    #[schemars(range(min = 1))]
    replications: Option<u32>,
    /// Seed of the first replication, instead of the scenario's own.
    seed: Option<u64>,
    /// What is measured: names of metrics, or paths into summary.json; the usual ones if left out.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    metrics: Vec<String>,
    /// From when on statistics count: a time such as `10m`, or `auto` for the steady state; what the
    /// scenario says if left out.
    warm_up: Option<WarmUp>,
    /// Confidence of the intervals, a share such as 0.95, which it is if left out.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    confidence: Option<f64>,
}

/// Paths with their values, in the order of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
struct Vary(Map<String, Value>);

impl JsonSchema for Vary {
    fn schema_name() -> Cow<'static, str> {
        "Vary".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Paths into the scenario, each with a list of the values it takes.",
            "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": true, "items": true}
        })
    }
}

/// The formats of an experiment.
fn formats() -> Vec<Format> {
    let name: Format = ("directory-name", |value| match value.as_str() {
        Some(name) if !is_directory_name(name) => Err(format!(
            "{} cannot name the directory of the results",
            quoted(name)
        )),
        _ => Ok(()),
    });
    units::FORMATS.iter().copied().chain([name]).collect()
}

/// An experiment that has been read; its scenario has not been loaded yet.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its name; absent for a scenario that is run as it is, which brings its own.
    pub name: Option<String>,
    /// What it is to find out.
    pub description: Option<String>,
    /// The experiment's own file with its text; absent for a scenario.
    pub file: Option<(Input, String)>,
    /// The scenario.
    pub source: Source,
    /// What varies.
    pub variations: Vec<Variation>,
    /// Runs of every combination.
    pub replications: u32,
    /// Seed of the first replication; absent: the scenario's.
    pub seed: Option<u64>,
    /// Names of the metrics; none: the usual ones.
    pub metrics: Vec<String>,
    /// From when on statistics count; absent: as the scenario says, or found where there is need.
    pub warm_up: Option<WarmUp>,
    /// Of the intervals.
    pub confidence: Confidence,
}

/// Reads an experiment or a scenario.
///
/// # Errors
/// Everything that is wrong with the file, and that the scenario cannot be read.
pub fn read(path: &Path) -> Result<Experiment, Problems> {
    let text = document::read_text(path)?;
    let document = Document::parse(&path.display().to_string(), &text)?;
    let own = ["scenario", "vary", "strategies", "replications"];
    if !own.iter().any(|key| document.has(key)) {
        return Ok(of_scenario(Source::read(path)?));
    }
    let file: File = document.decode(&formats())?;
    let mut found = Vec::new();
    let variations = variations(&document, &file, &mut found);
    let folder = path.parent().unwrap_or(Path::new(""));
    match Source::read(&folder.join(&file.scenario)) {
        Ok(source) if found.is_empty() => {
            let name = path.file_name();
            let input = Input {
                file: name.map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
                sha256: resolve::sha256(text.as_bytes()),
            };
            Ok(Experiment {
                name: Some(file.name),
                description: file.description,
                file: Some((input, text)),
                variations,
                replications: file.replications.unwrap_or(USUAL_REPLICATIONS),
                seed: file.seed,
                metrics: file.metrics,
                warm_up: file.warm_up,
                confidence: file
                    .confidence
                    .and_then(Confidence::new)
                    .unwrap_or(Confidence::USUAL),
                ..of_scenario(source)
            })
        }
        Ok(_) => Err(Problems::new(found)),
        Err(problems) => {
            found.extend(problems.into_vec());
            Err(Problems::new(found))
        }
    }
}

fn of_scenario(source: Source) -> Experiment {
    Experiment {
        name: None,
        description: None,
        file: None,
        source,
        variations: Vec::new(),
        replications: USUAL_REPLICATIONS,
        seed: None,
        metrics: Vec::new(),
        warm_up: None,
        confidence: Confidence::USUAL,
    }
}

/// The variations of a file: paths, then strategies.
fn variations(document: &Document, file: &File, found: &mut Vec<Problem>) -> Vec<Variation> {
    let mut all: Vec<Variation> = file
        .vary
        .0
        .iter()
        .map(|(path, values)| Variation {
            name: path.clone(),
            values: values
                .as_array()
                .into_iter()
                .flatten()
                .map(|value| choice(path, value))
                .collect(),
        })
        .collect();
    for (place, text) in file.strategies.iter().enumerate() {
        if let Err(message) = Variation::of_strategies([text.as_str()]) {
            found.push(document.problem(&format!("strategies[{place}]"), message));
        }
    }
    let strategies = file.strategies.iter().map(String::as_str);
    if let (false, Ok(strategies)) = (
        file.strategies.is_empty(),
        Variation::of_strategies(strategies),
    ) {
        all.push(strategies);
    }
    all
}

/// A value of a path: in JSON, which is YAML.
fn choice(path: &str, value: &Value) -> Choice {
    Choice {
        name: value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
        changes: vec![Change {
            path: path.to_owned(),
            value: value.to_string(),
        }],
    }
}

/// The JSON Schema of an experiment.
pub fn schema() -> String {
    let schema = schemars::schema_for!(File);
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}
