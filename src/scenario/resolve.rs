//! From names to ids: checks everything that a schema cannot, and builds the plan.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::document::Document;
use super::file::{self, Scenario, StartTaskMemberOf, Ties};
use super::problem::{Problem, Problems, key_path, quoted};
use super::{Loaded, clock};
use crate::api::{
    ApiError, ContainerOverride, LaunchType, NetworkConfiguration, NetworkMode,
    PlacementConstraint, PlacementConstraintType, ResourceRequirement, ResourceType, RunTask,
    StartTask, TaskDefinition, TaskOverride,
};
use crate::catalogue::Catalogue;
use crate::engine::{Plan, World};
use crate::model::arena::{Arena, ClusterId, Id, InstanceId, RulesId, TemplateId};
use crate::model::cluster::Cluster;
use crate::model::instance::{Description, InstanceStatus, MAX_GPUS, MAX_RESERVED_PORTS};
use crate::model::request::{
    Constraint, Pool, RequiredAttribute, Rules, StrategyRule, Subnets, Template,
};
use crate::model::resources::{HostPort, Protocol, Resources};
use crate::report::rows::Names;
use crate::report::tables::Input;
use crate::time::{SimDuration, SimTime};
use crate::workload::arrival;
use crate::workload::distribution::{Distribution, Sampler};
use crate::workload::trace::{self, RowRequest};
use crate::workload::{Arrivals, Call, Container, OnFailure, Submission, Target, Workload};

/// TCP ports that the agent keeps for itself on Linux.
/// Source: ECS API reference, PortMapping; ECS agent configuration, ECS_RESERVED_PORTS.
const RESERVED_PORTS: [u16; 5] = [22, 2375, 2376, 51678, 51679];

/// Most container instances of a scenario.
const MOST_INSTANCES: u64 = 5_000_000;

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
        instances: Vec::new(),
        definitions: BTreeMap::new(),
        broken: HashSet::new(),
    };
    resolver.check_name();
    resolver.check_times();
    resolver.check_subnets();
    resolver.clusters();
    resolver.definitions();
    let workloads = resolver.workloads();
    if !resolver.problems.is_empty() {
        return Err(Problems::new(resolver.problems));
    }
    let start = |duration: Option<crate::units::Duration>| {
        duration.map(|duration| SimTime::ZERO + duration.span())
    };
    Ok(Loaded {
        name: scenario.name.clone(),
        description: scenario.description.clone(),
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
        plan: Plan {
            seed: scenario.seed,
            horizon: start(scenario.horizon),
            warm_up: start(scenario.warm_up).unwrap_or_default(),
            world: resolver.world,
            workloads,
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
    /// Instances of each cluster by name, for `startTask`.
    instances: Vec<HashMap<String, InstanceId>>,
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
        let illegal = |letter: char| matches!(letter, '/' | '\\') || letter.is_control();
        if name.contains(illegal) || matches!(name.as_str(), "." | "..") {
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
        let (Some(warm_up), Some(horizon)) = (self.scenario.warm_up, self.scenario.horizon) else {
            return;
        };
        if warm_up >= horizon {
            self.problem(
                "warmUp",
                format!("{warm_up} is not before the horizon of {horizon}"),
            );
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

    // ---- Clusters ---------------------------------------------------------------------------

    fn clusters(&mut self) {
        let catalogue = self.catalogue();
        let (mut names, mut total) = (HashSet::new(), 0);
        for (index, written) in self.scenario.clusters.iter().enumerate() {
            let path = format!("clusters[{index}]");
            let name = &written.cluster_name;
            if !names.insert(name) {
                let message = format!("a second cluster named {}", quoted(name));
                self.problem(&format!("{path}.clusterName"), message).help =
                    Some("give each cluster a clusterName of its own".to_owned());
            }
            if !is_name(name, 255) {
                let message = format!(
                    "{} is not a name of 1 to 255 letters, digits, hyphens and underscores",
                    quoted(name)
                );
                self.problem(&format!("{path}.clusterName"), message);
            }
            let groups = &written.container_instances;
            let before = total;
            total += groups
                .iter()
                .map(|group| u64::from(group.count))
                .sum::<u64>();
            if before <= MOST_INSTANCES && total > MOST_INSTANCES {
                let message = format!("more than {MOST_INSTANCES} container instances in all");
                self.problem(&format!("{path}.containerInstances"), message);
            }
            let (mut found, mut ends) = (Vec::new(), Vec::new());
            let groups = groups.iter().enumerate();
            for (at, group) in groups.filter(|_| total <= MOST_INSTANCES) {
                let path = format!("{path}.containerInstances[{at}]");
                self.instances(&path, name, group, &catalogue, &mut found);
                ends.push(found.len());
            }
            self.check_instance_names(&path, &found, &ends);
            self.register(name, found);
        }
    }

    /// Reports names that stand twice, once for each group of instances; `ends` tells where in
    /// `found` the groups end.
    fn check_instance_names(
        &mut self,
        path: &str,
        found: &[(Description, InstanceStatus, bool)],
        ends: &[usize],
    ) {
        let (mut seen, mut start) = (HashSet::new(), 0);
        for (at, end) in ends.iter().enumerate() {
            let names = found[start..*end].iter().map(|(it, ..)| it.name.as_str());
            let twice = names.filter(|name| !seen.insert(*name));
            if let Some(name) = twice.reduce(|first, _| first) {
                let place = format!("{path}.containerInstances[{at}].name");
                self.problem(
                    &place,
                    format!("a second container instance named {name:?}"),
                );
            }
            start = *end;
        }
    }

    fn catalogue(&mut self) -> Catalogue {
        let mut catalogue = Catalogue::embedded();
        let Some(name) = &self.scenario.instance_types else {
            return catalogue;
        };
        match self.open(name) {
            Err(message) => {
                self.problem("instanceTypes", message);
            }
            Ok(source) => {
                for problem in catalogue.extend(source).err().into_iter().flatten() {
                    let file = self.folder.join(name).display().to_string();
                    let mut told = Problem::in_file(file, problem.message);
                    told.line = problem.line.and_then(|line| u32::try_from(line).ok());
                    self.problems.push(told);
                }
            }
        }
        catalogue
    }

    /// The descriptions of `count` instances that are alike.
    fn instances(
        &mut self,
        path: &str,
        cluster: &str,
        written: &file::ContainerInstances,
        catalogue: &Catalogue,
        found: &mut Vec<(Description, InstanceStatus, bool)>,
    ) {
        let known = written
            .instance_type
            .as_ref()
            .and_then(|name| catalogue.get(name));
        if let (Some(name), None) = (&written.instance_type, known) {
            if written.registered_resources.is_none() {
                let problem = self.document.problem(
                    &format!("{path}.instanceType"),
                    format!("no instance type named {name:?} in the catalogue"),
                );
                let problem = problem.suggest(
                    name,
                    "instance types",
                    catalogue.names().collect::<Vec<_>>(),
                );
                self.problems.push(if problem.help.is_some() {
                    problem
                } else {
                    problem.help(
                        "give registeredResources, or extend the catalogue with instanceTypes",
                    )
                });
                return;
            }
        } else if known.is_none() && written.registered_resources.is_none() {
            self.problem(
                path,
                "neither instanceType nor registeredResources is given",
            )
            .help = Some(
                "write instanceType: m5.large, or registeredResources: {CPU: 2048, MEMORY: 7680}"
                    .to_owned(),
            );
            return;
        }
        let mut capacity = Resources::default();
        if let Some(known) = known {
            capacity = Resources {
                cpu: known.vcpus.saturating_mul(1024),
                memory: known.registered_memory_mib,
                gpus: known.gpus,
                enis: match (written.eni_trunking, known.task_enis_with_trunking) {
                    (true, Some(enis)) => enis,
                    (true, None) | (false, _) => known.task_enis,
                },
            };
        }
        if let Some(resources) = &written.registered_resources {
            capacity = Resources {
                cpu: resources.cpu.unwrap_or(capacity.cpu),
                memory: resources.memory.unwrap_or(capacity.memory),
                gpus: resources.gpu.unwrap_or(capacity.gpus),
                enis: resources.eni.unwrap_or(capacity.enis),
            };
        }
        if capacity.gpus > MAX_GPUS {
            self.problem(
                path,
                format!("{} GPUs; an instance has at most {MAX_GPUS}", capacity.gpus),
            );
            return;
        }
        if let Some(reserved) = written.reserved_memory {
            match capacity.memory.checked_sub(reserved.mib()) {
                Some(rest) => capacity.memory = rest,
                None => {
                    let message = format!(
                        "{reserved} is more than the {} MiB that the instance has",
                        capacity.memory
                    );
                    self.problem(&format!("{path}.reservedMemory"), message);
                }
            }
        }
        let attributes = self.attributes(path, written, known);
        let ports = self.reserved_ports(path, written);
        let zones = written.availability_zones.as_deref().unwrap_or_default();
        for (at, zone) in zones.iter().enumerate() {
            if zone.is_empty() || !is_attribute_value(zone) {
                let message = format!("the zone {} {NO_ATTRIBUTE_VALUE}", quoted(zone));
                self.problem(&format!("{path}.availabilityZones[{at}]"), message);
            }
        }
        let price = written
            .usd_per_hour
            .map(|usd| (usd * 1e6).round() as u64)
            .or_else(|| {
                known
                    .and_then(|known| known.on_demand_usd_per_hour)
                    .map(|usd| usd.micro_dollars())
            });
        let start = self
            .scenario
            .start_date
            .map_or(0, crate::units::Timestamp::unix_secs);
        for number in 0..written.count {
            let suffix = if written.count > 1 {
                format!("-{}", number + 1)
            } else {
                String::new()
            };
            let place = found.len() + 1;
            let mut attributes = attributes.clone();
            if !zones.is_empty() {
                let zone = &zones[number as usize % zones.len()];
                attributes
                    .entry("ecs.availability-zone".to_owned())
                    .or_insert_with(|| zone.clone());
            }
            let external = attributes.contains_key("ecs.capability.external");
            let made_up = (!external).then(|| format!("i-{place:017x}"));
            let description = Description {
                name: written.name.as_ref().map_or_else(
                    || format!("{cluster}/{place}"),
                    |name| format!("{name}{suffix}"),
                ),
                ec2_instance_id: written
                    .ec2_instance_id
                    .as_ref()
                    .map(|id| format!("{id}{suffix}"))
                    .or(made_up),
                instance_type: written.instance_type.clone(),
                attributes,
                agent_version: written.agent_version.clone(),
                registered_at: written
                    .registered_at
                    .map_or(start, crate::units::Timestamp::unix_secs),
                capacity,
                reserved_ports: ports.clone(),
                price,
            };
            let status = written.status.unwrap_or(InstanceStatus::Active);
            found.push((description, status, written.agent_connected.unwrap_or(true)));
        }
    }

    fn attributes(
        &mut self,
        path: &str,
        written: &file::ContainerInstances,
        known: Option<&crate::catalogue::InstanceType>,
    ) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        let mut add = |name: &str, value: String| attributes.insert(name.to_owned(), value);
        add("ecs.os-type", "linux".to_owned());
        add("ecs.os-family", "LINUX".to_owned());
        add(
            "ecs.cpu-architecture",
            known.map_or_else(
                || "x86_64".to_owned(),
                |known| known.architecture.to_string(),
            ),
        );
        if let Some(name) = &written.instance_type {
            add("ecs.instance-type", name.clone());
        }
        // Source: ECS API reference, Attribute.
        let mut custom = 0;
        for (name, value) in &written.attributes {
            let place = key_path(&format!("{path}.attributes"), name);
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/\\.".contains(&byte);
            if name.is_empty() || name.len() > 128 || !name.bytes().all(legal) {
                let message = format!(
                    "the name {} is not 1 to 128 of letters, digits, - _ / \\ .",
                    quoted(name)
                );
                self.problem(&place, message);
            }
            let text = value.as_deref().unwrap_or_default();
            if !is_attribute_value(text) {
                let message = format!("the value {} {NO_ATTRIBUTE_VALUE}", quoted(text));
                self.problem(&place, message);
            }
            let built_in = name.starts_with("ecs.") || name.starts_with("com.amazonaws.ecs.");
            custom += u32::from(!built_in);
            attributes.insert(name.clone(), text.to_owned());
        }
        if custom > 10 {
            let message = format!(
                "AttributeLimitExceededException: {custom} custom attributes; a container instance may have 10"
            );
            self.problem(&format!("{path}.attributes"), message);
        }
        attributes
    }

    fn reserved_ports(&mut self, path: &str, written: &file::ContainerInstances) -> Vec<HostPort> {
        let tcp = written.reserved_ports.as_deref().unwrap_or(&RESERVED_PORTS);
        let udp = written.reserved_ports_udp.as_deref().unwrap_or_default();
        let tcp = tcp.iter().map(|port| HostPort {
            protocol: Protocol::Tcp,
            port: *port,
        });
        let udp = udp.iter().map(|port| HostPort {
            protocol: Protocol::Udp,
            port: *port,
        });
        let mut ports: Vec<HostPort> = tcp.chain(udp).collect();
        ports.sort();
        ports.dedup();
        if ports.len() > MAX_RESERVED_PORTS {
            let message = format!(
                "{} ports; at most {MAX_RESERVED_PORTS} may be reserved on an instance",
                ports.len()
            );
            self.problem(&format!("{path}.reservedPorts"), message);
        }
        ports
    }

    /// Registers the instances of a cluster, oldest first, equal ones as they are written.
    fn register(&mut self, name: &str, mut found: Vec<(Description, InstanceStatus, bool)>) {
        found.sort_by_key(|(description, ..)| description.registered_at);
        let mut cluster = Cluster::new(name);
        let mut by_name = HashMap::new();
        for (description, status, connected) in found {
            let name = description.name.clone();
            by_name.insert(name, cluster.register(description, status, connected));
        }
        self.world.clusters.push(cluster);
        self.instances.push(by_name);
    }

    // ---- Task definitions -------------------------------------------------------------------

    fn definitions(&mut self) {
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        for (index, definition) in self.scenario.task_definitions.iter().enumerate() {
            let path = format!("taskDefinitions[{index}]");
            if let Err(error) = definition.validate() {
                self.api_problem(&path, error);
                self.broken.insert(index);
            }
            let last = last.entry(&definition.family).or_insert(0);
            let revision = definition.revision.unwrap_or(last.wrapping_add(1));
            *last = (*last).max(revision);
            let name = format!("{}:{revision}", definition.family);
            if self.definitions.insert(name.clone(), index).is_some() {
                self.problem(&path, format!("a second task definition {name}"));
            }
        }
    }

    /// The definition that a request names: a family (its latest ACTIVE revision), `family:revision`,
    /// or an ARN that ends in one of these.
    fn definition(&self, wanted: &str) -> Option<(usize, String)> {
        let wanted = wanted.rsplit('/').next().unwrap_or(wanted);
        if let Some(index) = self.definitions.get(wanted) {
            return Some((*index, wanted.to_owned()));
        }
        let definitions = &self.scenario.task_definitions;
        let prefix = format!("{wanted}:");
        let family = self.definitions.range(prefix.clone()..);
        let family = family.take_while(|(name, _)| name.starts_with(&prefix));
        let revision = |name: &str| {
            name.rsplit(':')
                .next()
                .and_then(|text| text.parse::<u32>().ok())
        };
        let latest =
            family.max_by_key(|(name, index)| (definitions[**index].is_active(), revision(name)));
        latest.map(|(name, index)| (*index, name.clone()))
    }

    // ---- Workloads --------------------------------------------------------------------------

    fn workloads(&mut self) -> Arena<crate::model::arena::WorkloadId, Workload> {
        let (mut workloads, mut names) = (Arena::new(), HashSet::new());
        for (index, written) in self.scenario.workloads.iter().enumerate() {
            let path = format!("workloads[{index}]");
            if !names.insert(&written.name) {
                let message = format!("a second workload named {}", quoted(&written.name));
                self.problem(&format!("{path}.name"), message);
            }
            if let Some(workload) = self.workload(&path, written) {
                workloads.push(workload);
            }
        }
        self.check_tokens();
        workloads
    }

    /// A workload, each part of which is checked whatever is wrong with the others.
    fn workload(&mut self, path: &str, written: &file::Workload) -> Option<Workload> {
        let before = self.problems.len();
        let on_failure = self.on_failure(path, written.on_failure.as_ref());
        let (call, site) = match (&written.run_task, &written.start_task) {
            (Some(run), None) => self.run_task(path, run),
            (None, Some(start)) => self.start_task(path, start),
            (None, None) => {
                self.problem(path, "neither runTask nor startTask is given")
                    .help = Some("write runTask: {taskDefinition: …}".to_owned());
                (None, None)
            }
            (Some(_), Some(_)) => {
                self.problem(path, "both runTask and startTask are given")
                    .help = Some("make two workloads of it".to_owned());
                (None, None)
            }
        };
        let arrivals = self.arrivals(path, written, call.as_ref().and(site.as_ref()));
        let containers = self.containers(path, written, site.as_ref(), arrivals.as_ref());
        let workload = Workload {
            name: written.name.clone(),
            call: call?,
            arrivals: arrivals?,
            containers,
            on_failure,
        };
        (self.problems.len() == before).then_some(workload)
    }

    fn on_failure(&mut self, path: &str, written: Option<&file::OnFailure>) -> OnFailure {
        match written {
            None | Some(file::OnFailure::GiveUp) => OnFailure::GiveUp,
            Some(file::OnFailure::Queue(file::Discipline::Fcfs)) => OnFailure::Queue,
            Some(file::OnFailure::Retry(retry)) => {
                if retry.first.span() == SimDuration::ZERO {
                    self.problem(
                        &format!("{path}.onFailure.retry.first"),
                        "0s is not above 0s",
                    );
                }
                let at_most = retry.at_most.unwrap_or(crate::units::Duration::LONGEST);
                if at_most < retry.first {
                    let message = format!("{at_most} is below the first delay of {}", retry.first);
                    self.problem(&format!("{path}.onFailure.retry.atMost"), message);
                }
                OnFailure::Retry {
                    first: retry.first.span(),
                    factor: retry.factor.unwrap_or(1.0),
                    at_most: at_most.span(),
                    give_up_after: retry.give_up_after.map(crate::units::Duration::span),
                }
            }
        }
    }

    /// Cluster and task definition of a request; what cannot be found is a problem.
    fn site(&mut self, path: String, cluster: Option<&str>, definition: &str) -> Option<Site<'a>> {
        let wanted = cluster.unwrap_or("default");
        let wanted = wanted.rsplit('/').next().unwrap_or(wanted);
        let clusters = &self.world.clusters;
        let cluster = clusters
            .iter()
            .find(|(_, cluster)| cluster.name == wanted)
            .map(|(id, _)| id);
        if cluster.is_none() {
            let names: Vec<&str> = clusters
                .items()
                .iter()
                .map(|cluster| cluster.name.as_str())
                .collect();
            let error = ApiError::cluster_not_found();
            let problem = self.document.problem(
                &format!("{path}.cluster"),
                format!("{error} (no cluster named {wanted:?})"),
            );
            let problem = problem.suggest(wanted, "clusters", names);
            self.problems.push(problem);
        }
        let found = self.definition(definition);
        if found.is_none() {
            let families: Vec<&str> = self
                .scenario
                .task_definitions
                .iter()
                .map(|other| other.family.as_str())
                .collect();
            let error = ApiError::task_definition_not_found();
            let message = format!("{error} (no task definition named {definition:?})");
            let problem = self
                .document
                .problem(&format!("{path}.taskDefinition"), message);
            self.problems
                .push(problem.suggest(definition, "families", families));
        }
        let (index, definition_name) = found.filter(|(index, _)| !self.broken.contains(index))?;
        let site = Site {
            path,
            cluster: cluster?,
            definition: &self.scenario.task_definitions[index],
            definition_name,
        };
        Some(site)
    }

    fn run_task(&mut self, path: &str, run: &RunTask) -> (Option<Call>, Option<Site<'a>>) {
        let path = format!("{path}.runTask");
        let site = self.site(path, run.cluster.as_deref(), &run.task_definition);
        let call = site.as_ref().and_then(|site| self.run_call(site, run));
        (call, site)
    }

    fn run_call(&mut self, site: &Site<'a>, run: &RunTask) -> Option<Call> {
        if let Err(error) = run.validate(site.definition) {
            self.api_problem(&site.path, error);
            return None;
        }
        if run.launch_type == Some(LaunchType::Fargate)
            || run.launch_type == Some(LaunchType::ManagedInstances)
        {
            self.problem(
                &format!("{}.launchType", site.path),
                "only EC2 and EXTERNAL are simulated",
            );
            return None;
        }
        if run
            .capacity_provider_strategy
            .as_ref()
            .is_some_and(|items| !items.is_empty())
        {
            self.problem(
                &format!("{}.capacityProviderStrategy", site.path),
                "capacity providers are not simulated yet",
            )
            .help = Some("give launchType: EC2, or neither".to_owned());
            return None;
        }
        let written = &self.scenario.clusters[site.cluster.index()];
        if written.container_instances.is_empty() {
            self.api_problem(&site.path, ApiError::no_container_instances());
            return None;
        }
        let template = self.run_template(site, run, &RowRequest::default());
        Some(Call::RunTask {
            template: template
                .map_err(|error| self.api_problem(&site.path, error))
                .ok()?,
            count: u32::try_from(run.count.unwrap_or(1)).unwrap_or(1),
            client_token: run.client_token.clone(),
        })
    }

    /// The template of a RunTask request, with what a trace row changes in it.
    fn run_template(
        &mut self,
        site: &Site<'_>,
        run: &RunTask,
        row: &RowRequest,
    ) -> Result<TemplateId, ApiError> {
        let mut run = run.clone();
        if row.cpu.is_some() || row.memory.is_some() || row.gpu.is_some() {
            override_first_container(&mut run, site.definition, row);
        }
        if let Some(expression) = &row.member_of {
            let constraint = PlacementConstraint {
                r#type: PlacementConstraintType::MemberOf,
                expression: Some(expression.clone()),
            };
            run.placement_constraints
                .get_or_insert_default()
                .push(constraint);
        }
        if let Some(group) = &row.group {
            run.group = Some(group.clone());
        }
        run.validate(site.definition)?;
        let strategies = run
            .placement_strategy
            .iter()
            .flatten()
            .map(|strategy| strategy.rule());
        let mut strategies: Vec<StrategyRule> = strategies.collect::<Result<_, _>>()?;
        // Without a strategy RunTask places at random. Source: ECS developer guide, scheduling tasks.
        if strategies.is_empty() || self.scenario.assumptions.ties == Ties::Random {
            strategies.push(StrategyRule::Random);
        }
        let constraints = site.definition.placement_constraints.iter().flatten();
        let constraints = constraints
            .chain(run.placement_constraints.iter().flatten())
            .map(|constraint| constraint.rule());
        let rules = Rules {
            pool: if run.launch_type == Some(LaunchType::External) {
                Pool::External
            } else {
                Pool::Ec2
            },
            required: required_attributes(site.definition),
            subnets: self.subnets(run.network_configuration.as_ref())?,
            constraints: constraints.collect::<Result<_, _>>()?,
            strategies,
        };
        self.template(site, run.group.as_deref(), run.overrides.as_ref(), rules)
    }

    fn start_task(&mut self, path: &str, start: &StartTask) -> (Option<Call>, Option<Site<'a>>) {
        let path = format!("{path}.startTask");
        let site = self.site(path, start.cluster.as_deref(), &start.task_definition);
        let call = site.as_ref().and_then(|site| self.start_call(site, start));
        (call, site)
    }

    fn start_call(&mut self, site: &Site<'a>, start: &StartTask) -> Option<Call> {
        if let Err(error) = start.validate(site.definition) {
            self.api_problem(&site.path, error);
            return None;
        }
        let checked = self.scenario.assumptions.start_task_member_of == StartTaskMemberOf::Checked;
        let constraints = site
            .definition
            .placement_constraints
            .iter()
            .flatten()
            .filter(|_| checked);
        let made = || -> Result<Rules, ApiError> {
            Ok(Rules {
                pool: Pool::Ec2,
                required: required_attributes(site.definition),
                subnets: self.subnets(start.network_configuration.as_ref())?,
                constraints: constraints
                    .map(|constraint| constraint.rule())
                    .collect::<Result<Vec<Constraint>, _>>()?,
                strategies: vec![StrategyRule::Random],
            })
        };
        let template = made().and_then(|rules| {
            self.template(
                site,
                start.group.as_deref(),
                start.overrides.as_ref(),
                rules,
            )
        });
        let template = template
            .map_err(|error| self.api_problem(&site.path, error))
            .ok()?;
        let known = &self.instances[site.cluster.index()];
        let targets = start.container_instances.iter().map(|name| {
            let short = name.rsplit('/').next().unwrap_or(name);
            known
                .get(name)
                .or_else(|| known.get(short))
                .map_or(Target::Unknown, |id| Target::Known(*id))
        });
        Some(Call::StartTask {
            template,
            instances: targets.collect(),
        })
    }

    fn template(
        &mut self,
        site: &Site<'_>,
        group: Option<&str>,
        overrides: Option<&TaskOverride>,
        rules: Rules,
    ) -> Result<TemplateId, ApiError> {
        let demand = site.definition.demand(overrides)?;
        let group = group.map_or_else(
            || format!("family:{}", site.definition.family),
            str::to_owned,
        );
        let group = self.world.clusters[site.cluster].group(&group);
        let known = self
            .world
            .rules
            .iter()
            .find(|(_, known)| **known == rules)
            .map(|(id, _)| id);
        let rules: RulesId = known.unwrap_or_else(|| self.world.rules.push(rules));
        Ok(self.world.templates.push(Template {
            cluster: site.cluster,
            task_definition: site.definition_name.clone(),
            group,
            demand,
            rules,
            starts_in_provisioning: site.definition.network_mode() == NetworkMode::Awsvpc,
        }))
    }

    /// Zones and VPC of the subnets that the scenario describes; nothing when it describes none.
    fn subnets(&self, network: Option<&NetworkConfiguration>) -> Result<Option<Subnets>, ApiError> {
        let Some(awsvpc) = network.and_then(|network| network.awsvpc_configuration.as_ref()) else {
            return Ok(None);
        };
        let described = self
            .scenario
            .subnets
            .iter()
            .filter(|subnet| awsvpc.subnets.contains(&subnet.subnet_id));
        let described: Vec<&file::Subnet> = described.collect();
        if described.is_empty() {
            return Ok(None);
        }
        let vpcs: Vec<&String> = described
            .iter()
            .filter_map(|subnet| subnet.vpc_id.as_ref())
            .collect();
        if vpcs.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(ApiError::subnets_in_several_vpcs());
        }
        let zones = described
            .iter()
            .map(|subnet| subnet.availability_zone.clone())
            .collect();
        Ok(Some(Subnets {
            zones,
            vpc: vpcs.first().map(|vpc| (*vpc).clone()),
        }))
    }

    /// Two workloads with one client token make the same request, or the later ones conflict.
    fn check_tokens(&mut self) {
        let mut seen: HashMap<(String, &str), RunTask> = HashMap::new();
        for (index, workload) in self.scenario.workloads.iter().enumerate() {
            let Some((run, token)) = workload
                .run_task
                .as_ref()
                .and_then(|run| Some((run, run.client_token.as_deref()?)))
            else {
                continue;
            };
            let cluster = run.cluster.as_deref().unwrap_or("default");
            let cluster = cluster.rsplit('/').next().unwrap_or(cluster).to_owned();
            let request = RunTask {
                cluster: None,
                ..run.clone()
            };
            let known = seen.entry((cluster, token));
            if *known.or_insert_with(|| request.clone()) != request {
                self.api_problem(
                    &format!("workloads[{index}].runTask"),
                    ApiError::client_token_reused(),
                );
            }
        }
    }

    // ---- Arrivals ---------------------------------------------------------------------------

    fn arrivals(
        &mut self,
        path: &str,
        written: &file::Workload,
        site: Option<&Site<'a>>,
    ) -> Option<Arrivals> {
        let path = format!("{path}.arrivals");
        if written.arrivals.is_endless() && self.scenario.horizon.is_none() {
            self.problem(&path, "arrivals never end, and the scenario has no horizon")
                .help = Some(
                "give horizon: 24h to the scenario, or until or count to the arrivals".to_owned(),
            );
        }
        if let arrival::Arrivals::Trace { file } = &written.arrivals {
            if written.start_task.is_some() {
                self.problem(&path, "a trace goes with runTask only");
                return None;
            }
            let rows = self.trace(&path, file, written.run_task.as_ref().zip(site));
            return rows.map(Arrivals::Trace);
        }
        match written.arrivals.process(self.scenario.start_date) {
            Ok(process) => Some(Arrivals::Process(process)),
            Err(faults) => {
                self.faults(&path, faults);
                None
            }
        }
    }

    /// The submissions of a trace; only the file is looked at when there is no sound request to make.
    fn trace(
        &mut self,
        path: &str,
        name: &str,
        request: Option<(&RunTask, &Site<'a>)>,
    ) -> Option<Arc<[Submission]>> {
        let place = format!("{path}.file");
        let source = self.open(name).map_err(|message| {
            self.problem(&place, message);
        });
        let file = self.folder.join(name).display().to_string();
        let in_trace = |line: Option<u64>, message: String| {
            let mut problem = Problem::in_file(file.clone(), message);
            problem.line = line.and_then(|line| u32::try_from(line).ok());
            problem
        };
        let rows = match trace::read(source.ok()?) {
            Ok(rows) => rows,
            Err(faults) => {
                for fault in faults {
                    let mut problem = in_trace(fault.line, fault.message);
                    problem.help = fault.help;
                    self.problems.push(problem);
                }
                return None;
            }
        };
        let (run, site) = request?;
        let mut templates: HashMap<&RowRequest, Option<TemplateId>> = HashMap::new();
        let mut submissions = Vec::with_capacity(rows.len());
        for row in &rows {
            let known = templates.get(&row.request).copied();
            let template = known.unwrap_or_else(|| {
                let made = self.row_template(site, run, &row.request);
                let made = made
                    .map_err(|message| self.problems.push(in_trace(Some(row.line), message)))
                    .ok();
                templates.insert(&row.request, made);
                made
            });
            submissions.push(Submission {
                at: row.at,
                template,
                count: row.count,
                duration: row.duration,
                exit_code: row.exit_code,
            });
        }
        Some(submissions.into())
    }

    fn row_template(
        &mut self,
        site: &Site<'a>,
        run: &RunTask,
        row: &RowRequest,
    ) -> Result<TemplateId, String> {
        let named = row.task_definition.as_ref().map(|name| {
            self.definition(name).ok_or_else(|| {
                let error = ApiError::task_definition_not_found();
                format!("taskDefinition: {error} (no task definition named {name:?})")
            })
        });
        let other = named.transpose()?.map(|(index, definition_name)| Site {
            path: site.path.clone(),
            cluster: site.cluster,
            definition: &self.scenario.task_definitions[index],
            definition_name,
        });
        self.run_template(other.as_ref().unwrap_or(site), run, row)
            .map_err(|error| error.to_string())
    }

    fn faults(&mut self, path: &str, faults: Vec<(String, String)>) {
        for (place, message) in faults {
            let dot = if place.is_empty() || place.starts_with('[') {
                ""
            } else {
                "."
            };
            self.problem(&format!("{path}{dot}{place}"), message);
        }
    }

    // ---- Containers -------------------------------------------------------------------------

    /// The containers of a workload's tasks; those that it describes and no task has are checked
    /// as well.
    fn containers(
        &mut self,
        path: &str,
        written: &file::Workload,
        site: Option<&Site<'a>>,
        arrivals: Option<&Arrivals>,
    ) -> Vec<Container> {
        let path = format!("{path}.containers");
        let definitions = site.map_or(&[][..], |site| &site.definition.container_definitions);
        let names: Vec<&str> = definitions.iter().map(|it| it.name.as_str()).collect();
        let mut all_known = true;
        for (name, container) in &written.containers {
            if names.contains(&name.as_str()) {
                continue;
            }
            all_known = false;
            let place = key_path(&path, name);
            self.container(&place, false, Some(container));
            let Some(site) = site else { continue };
            let definition = &site.definition_name;
            let message = format!(
                "task definition {definition} has no container named {}",
                quoted(name)
            );
            let problem = self.document.problem(&place, message);
            self.problems
                .push(problem.suggest(name, "containers", names.clone()));
        }
        let mut containers = Vec::new();
        for definition in definitions {
            let place = key_path(&path, &definition.name);
            let written = written.containers.get(&definition.name);
            containers.extend(self.container(&place, definition.is_essential(), written));
        }
        let essential = definitions.iter().filter(|it| it.is_essential());
        let mut essential = essential.map(|it| it.name.as_str()).peekable();
        let first = essential.peek().copied().unwrap_or("app");
        let has_duration = |name: &str| {
            let container = written.containers.get(name);
            container.is_some_and(|container| container.duration.is_some())
        };
        // A trace that could not be read might have had the durations.
        let recorded = match arrivals {
            Some(Arrivals::Trace(rows)) => rows.iter().all(|row| row.duration.is_some()),
            Some(Arrivals::Process(_)) => false,
            None => matches!(written.arrivals, arrival::Arrivals::Trace { .. }),
        };
        if site.is_some() && all_known && !recorded && !essential.any(has_duration) {
            self.problem(
                &path,
                "no essential container has a duration: its tasks would never end",
            )
            .help = Some(format!(
                "write containers: {{{first}: {{duration: {{distribution: exponential, mean: 10m}}}}}}"
            ));
        }
        containers
    }

    fn container(
        &mut self,
        path: &str,
        essential: bool,
        written: Option<&file::Container>,
    ) -> Option<Container> {
        let duration = written.and_then(|container| container.duration.as_ref());
        let duration =
            duration.and_then(|duration| self.sampler(&format!("{path}.duration"), duration));
        let pull = written.and_then(|container| container.image_pull.as_ref());
        let image_pull = pull.and_then(|pull| self.sampler(&format!("{path}.imagePull"), pull));
        let exits = written.and_then(|container| container.exits.clone());
        let exits = exits.unwrap_or_default().sampler();
        let sampler = exits
            .map_err(|faults| self.faults(&format!("{path}.exits"), faults))
            .ok()?;
        let reasons = sampler.exits().iter().map(|exit| {
            let reason = exit.reason.as_ref()?;
            let known = self.world.reasons.iter().position(|known| known == reason);
            let at = known.unwrap_or_else(|| {
                self.world.reasons.push(reason.clone());
                self.world.reasons.len() - 1
            });
            u32::try_from(at).ok()
        });
        let reasons = reasons.collect();
        Some(Container {
            essential,
            duration,
            exits: sampler,
            reasons,
            image_pull,
        })
    }

    fn sampler(&mut self, path: &str, distribution: &Distribution) -> Option<Sampler> {
        let made = distribution.sampler(|file| self.open(file));
        made.map_err(|faults| self.faults(path, faults)).ok()
    }
}

/// The attributes that a definition needs, capabilities of the agent left out: agents are taken to
/// have all of them. A described task definition lists them all.
fn required_attributes(definition: &TaskDefinition) -> Vec<RequiredAttribute> {
    let mut required = definition.required_attributes();
    required.retain(|attribute| {
        let name = attribute.name.as_str();
        !name.starts_with("com.amazonaws.ecs.capability.") && !name.starts_with("ecs.capability.")
    });
    required
}

/// Adds what a trace row says of sizes to the overrides of a request.
fn override_first_container(run: &mut RunTask, definition: &TaskDefinition, row: &RowRequest) {
    let container = definition
        .container_definitions
        .iter()
        .find(|container| container.is_essential());
    let gpus = row.gpu.map(|gpus| {
        let value = (gpus > 0).then(|| gpus.to_string());
        let requirement = |value| ResourceRequirement {
            r#type: ResourceType::Gpu,
            value: Some(value),
            sharing_strategy: None,
        };
        value.into_iter().map(requirement).collect()
    });
    let entry = ContainerOverride {
        name: container.map(|container| container.name.clone()),
        cpu: row.cpu,
        memory: row.memory,
        resource_requirements: gpus,
        ..ContainerOverride::default()
    };
    run.overrides
        .get_or_insert_default()
        .container_overrides
        .get_or_insert_default()
        .push(entry);
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
        "clientToken" => "give each request a token of its own",
        "networkConfiguration" => {
            "write networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1]}}"
        }
        _ => return None,
    })
}

/// What is wrong with a text that [`is_attribute_value`] refuses.
const NO_ATTRIBUTE_VALUE: &str =
    "is not 1 to 128 of letters, digits, - _ / \\ . @ : and inner spaces";

/// Whether an attribute may have this value; the empty one stands for none.
/// Source: ECS API reference, Attribute.
fn is_attribute_value(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/\\.@: ".contains(&byte);
    text.len() <= 128 && text.bytes().all(legal) && text.trim() == text
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
