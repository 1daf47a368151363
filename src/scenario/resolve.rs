//! From names to ids: checks everything that a schema cannot, and builds the plan.
//!
//! One [`Resolver`] gathers what is wrong; `clusters` registers the instances, `providers` those of
//! Auto Scaling groups, `containers` says how containers behave, `requests` holds task definitions and calls to the rules of ECS, `workloads`
//! does the rest of a caller, `services` that of a service, `actions` what is done from outside,
//! `rates` faults and Fargate.

mod actions;
mod batch;
mod clusters;
mod containers;
mod disciplines;
mod job_actions;
mod job_rows;
mod providers;
mod rates;
mod requests;
mod services;
mod workloads;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::document::Document;
use super::file::Scenario;
use super::problem::{Problem, Problems, quoted};
use super::{Loaded, clock, is_directory_name};
use crate::api::{ApiError, TaskDefinition};
use crate::engine::{Plan, World};
use crate::model::arena::{Arena, ClusterId, InstanceId, JobKindId, ProviderId, TemplateId};
use crate::report::aws::{JobFacts, TaskFacts};
use crate::report::rows::Names;
use crate::report::tables::Input;
use crate::time::{SimDuration, SimTime};
use crate::units::WarmUp;
use crate::workload::Call;

/// Largest trace or value file that is read.
const MOST_BYTES: u64 = 4 << 30;

/// Turns a scenario into a plan.
pub fn resolve(
    document: &Document,
    main: Input,
    folder: &Path,
    scenario: &Scenario,
) -> Result<Loaded, Problems> {
    let mut resolver = Resolver {
        document,
        folder,
        scenario,
        problems: Vec::new(),
        inputs: vec![main],
        world: World::default(),
        facts: Arena::new(),
        job_facts: Arena::new(),
        instances: Vec::new(),
        instances_known: false,
        providers: Vec::new(),
        definitions: BTreeMap::new(),
        broken: HashSet::new(),
    };
    resolver.check_name();
    resolver.check_times();
    resolver.check_subnets();
    let catalogue = resolver.catalogue();
    resolver.clusters(&catalogue);
    let mut batch = resolver.batch(&catalogue);
    resolver.instances_known = resolver.problems.is_empty();
    resolver.definitions();
    let mut workloads = resolver.workloads(&mut batch);
    let services = resolver.services(&mut workloads);
    let actions = resolver.actions(services, &catalogue);
    let faults = resolver.faults_of_capacity();
    resolver.world.fargate = resolver.fargate();
    resolver.world.choices = scenario.assumptions.choices();
    if !resolver.problems.is_empty() {
        return Err(Problems::new(resolver.problems));
    }
    let start = |duration: Option<crate::units::Duration>| {
        duration.map(|duration| SimTime::ZERO + duration.span())
    };
    Ok(Loaded {
        name: scenario.name.clone(),
        description: scenario.description.clone(),
        text: String::new(),
        warm_up: scenario.warm_up,
        inputs: resolver.inputs,
        assumptions: scenario.assumptions,
        names: Names {
            clock: clock(scenario),
            workloads: workloads
                .items()
                .iter()
                .map(|workload| workload.name.clone())
                .collect(),
            starts: workloads
                .items()
                .iter()
                .map(|w| matches!(w.call, Call::StartTask { .. }))
                .collect(),
        },
        facts: resolver.facts,
        job_facts: resolver.job_facts,
        plan: Plan {
            seed: scenario.seed,
            horizon: start(scenario.horizon),
            warm_up: match scenario.warm_up {
                Some(WarmUp::After(span)) => SimTime::ZERO + span.span(),
                Some(WarmUp::Auto) | None => SimTime::ZERO,
            },
            shaken: false,
            world: resolver.world,
            workloads,
            actions,
            faults,
        },
    })
}

struct Resolver<'a> {
    document: &'a Document,
    folder: &'a Path,
    scenario: &'a Scenario,
    problems: Vec<Problem>,
    inputs: Vec<Input>,
    world: World,
    /// What documents tell of the templates, in the order of these.
    facts: Arena<TemplateId, TaskFacts>,
    /// What documents tell of the kinds of job, in the order of these.
    job_facts: Arena<JobKindId, Arc<JobFacts>>,
    /// Instances of each cluster by name, for `startTask`.
    instances: Vec<HashMap<String, InstanceId>>,
    /// Whether those are all that the scenario means.
    instances_known: bool,
    /// Capacity providers of each cluster by name.
    providers: Vec<BTreeMap<String, ProviderId>>,
    /// Task definitions by `family:revision`, with their places in the file.
    definitions: BTreeMap<String, usize>,
    /// Task definitions that ECS would not register: what asks for them is not judged.
    broken: HashSet<usize>,
}

/// What a request of a workload resolves against.
struct Site<'a> {
    path: String,
    cluster: ClusterId,
    definition: &'a TaskDefinition,
    definition_name: String,
}

impl<'a> Resolver<'a> {
    fn problem(&mut self, path: &str, message: impl Into<String>) -> &mut Problem {
        let problem = self.document.problem(path, message);
        self.problems.push(problem);
        self.problems.last_mut().expect("just pushed")
    }

    fn api_problem(&mut self, parent: &str, error: ApiError) {
        let help = remedy(&error);
        let error = error.within(parent);
        let message = error.to_string();
        self.problem(&error.field, message).help = help.map(str::to_owned);
    }

    /// The name of a scenario is that of a directory too, which must not lie elsewhere.
    fn check_name(&mut self) {
        let name = &self.scenario.name;
        if !is_directory_name(name) {
            let message = format!("{} cannot name the directory of the results", quoted(name));
            self.problem("name", message).help =
                Some("leave out slashes and control characters".to_owned());
        }
    }

    fn check_subnets(&mut self) {
        let mut seen = HashSet::new();
        for (index, subnet) in self.scenario.subnets.iter().enumerate() {
            let id = &subnet.subnet_id;
            if !seen.insert(id) {
                let message = format!("a second subnet {}", quoted(id));
                self.problem(&format!("subnets[{index}].subnetId"), message);
            }
        }
    }

    fn check_times(&mut self) {
        if self
            .scenario
            .horizon
            .is_some_and(|horizon| horizon.span() == SimDuration::ZERO)
        {
            self.problem("horizon", "0s is not above 0s");
        }
        // A service that asked again at once would never let time pass.
        if self.scenario.assumptions.service_retry.span() == SimDuration::ZERO {
            self.problem("assumptions.serviceRetry", "0s is not above 0s");
        }
        match (self.scenario.warm_up, self.scenario.horizon) {
            (Some(WarmUp::After(warm_up)), Some(horizon)) if warm_up >= horizon => {
                let message = format!("{warm_up} is not before the horizon of {horizon}");
                self.problem("warmUp", message);
            }
            (Some(WarmUp::Auto), None) => {
                let problem = self.problem("warmUp", "a run without a horizon has no steady state");
                problem.help = Some("give a horizon, or leave out warmUp".to_owned());
            }
            _ => {}
        }
    }

    // ---- Files ------------------------------------------------------------------------------

    /// Reads a file that the scenario names, and notes its hash. Unpacks gzip.
    fn open(&mut self, name: &str) -> Result<Box<dyn Read>, String> {
        let path = self.folder.join(name);
        let bytes = read_file(&path).map_err(|message| format!("{}: {message}", path.display()))?;
        let sha256 = sha256(&bytes);
        if self.inputs.iter().all(|input| input.file != name) {
            self.inputs.push(Input {
                file: name.to_owned(),
                sha256,
            });
        }
        let source = io::Cursor::new(bytes);
        Ok(if source.get_ref().starts_with(&[0x1f, 0x8b]) {
            Box::new(Unpacked(MultiGzDecoder::new(source)))
        } else {
            Box::new(source)
        })
    }
}

/// A gzip file that is being unpacked, whose errors say so.
struct Unpacked<R>(MultiGzDecoder<R>);

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let message = format!("the gzip data is cut off or damaged ({error}); pack it again");
            io::Error::new(error.kind(), message)
        })
    }
}

/// What to do about an error that ECS only names.
fn remedy(error: &ApiError) -> Option<&'static str> {
    let field = error.field.rsplit('.').next().unwrap_or_default();
    Some(match field {
        "field" => {
            "spread takes instanceId or attribute:<name>, binpack takes cpu or memory, random takes none"
        }
        "cluster" => "give the cluster containerInstances",
        "capacityProvider" => "name it in the cluster's capacityProviders",
        "clientToken" => "give each request a token of its own",
        "networkConfiguration" => {
            "write networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}"
        }
        _ => return None,
    })
}

/// A price in micro-dollars.
fn micro_dollars(usd: f64) -> u64 {
    (usd * 1e6).round() as u64
}

/// Source: ECS API reference, CreateCluster.
fn is_name(name: &str, longest: usize) -> bool {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    !name.is_empty() && name.len() <= longest && name.chars().all(legal)
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => error.to_string(),
    })?;
    if about.is_dir() {
        return Err("is a directory, not a file".to_owned());
    }
    if about.len() > MOST_BYTES {
        return Err(format!("is larger than {MOST_BYTES} bytes"));
    }
    fs::read(path).map_err(|error| error.to_string())
}

/// SHA-256 of a file, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
