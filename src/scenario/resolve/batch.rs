//! AWS Batch: environments with their clusters, queues, and what workloads submit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Resolver, micro_dollars};
use crate::api::batch::{
    self as api, ArrayDependency, ComputeEnvironmentType, ComputeResourceType, EnvironmentView,
    Nodes, QueueView, SubmitJob,
};
use crate::api::{ApiError, CpuArchitecture, GpuDemand, Switch};
use crate::batch::allocation::{self, AllocationStrategy, InstanceTypesError, Need, Offer};
use crate::batch::blocked::JobStateTimeLimitAction;
use crate::batch::fair_share::{FairSharePolicy, ShareAttributes};
use crate::batch::{
    Capacity, ComputeEnvironment, Consumable, Dependency, Discipline, JobKind, JobQueue, Shortage,
};
use crate::catalogue::{Architecture, Catalogue};
use crate::model::arena::{
    BehaviourId, ClusterId, EnvironmentId, Id, JobKindId, QueueId, RulesId, TemplateId, WorkloadId,
};
use crate::model::instance::{Description, Purchase};
use crate::model::request::{Launch, LaunchOn, Pool, Rules, StrategyRule, Template};
use crate::model::resources::{Demand, Resources};
use crate::report::aws::{ContainerFacts, JobFacts, TaskFacts};
use crate::rng::Chance;
use crate::scenario::file;
use crate::scenario::problem::{key_path, quoted};
use crate::time::{SimDuration, SimTime};
use crate::workload::distribution::Distribution;

/// Name of the container of a job of one container, as Batch gives it.
const CONTAINER: &str = "default";

/// Most that an instance can cost an hour.
const MOST_DOLLARS_PER_HOUR: f64 = 1e6;

/// Most kinds of job that attempts and children of one workload may make.
const MOST_BEHAVIOURS: usize = 100_000;

/// What is known of the queues while workloads are resolved.
#[derive(Default)]
pub(super) struct KnownBatch {
    queues: HashMap<String, (QueueId, QueueView)>,
    consumables: HashMap<String, usize>,
    /// Templates that are made already, by queue and need.
    templates: HashMap<(QueueId, Need), Vec<TemplateId>>,
    shapes: HashMap<(QueueId, Need, Takes), u32>,
    last_shape: u32,
    rules: Option<RulesId>,
    /// How nodes behave in jobs of rows whose workload has jobs of one node.
    pub(super) node_behaviours: HashMap<JobKindId, Vec<Vec<BehaviourId>>>,
}

/// Quantities of consumable resources.
type Takes = Vec<(usize, u64)>;

impl KnownBatch {
    /// The number of what a job asks for. Each kind of job with several nodes has its own.
    pub(super) fn shape(
        &mut self,
        queue: QueueId,
        need: Need,
        has_nodes: bool,
        consumables: &[(usize, u64)],
    ) -> u32 {
        let next = self.last_shape + 1;
        let shape = match has_nodes {
            true => next,
            false => *(self.shapes)
                .entry((queue, need, consumables.to_vec()))
                .or_insert(next),
        };
        self.last_shape = self.last_shape.max(shape);
        shape
    }
}

impl<'a> Resolver<'a> {
    /// Environments, queues, policies, definitions and consumable resources.
    pub(super) fn batch(&mut self, catalogue: &Catalogue) -> KnownBatch {
        let mut known = KnownBatch::default();
        self.world.batch.choices = self.scenario.assumptions.aws_batch.choices();
        let environments = self.environments(catalogue);
        let policies = self.policies();
        self.queues(&environments, &policies, &mut known);
        let mut names = HashSet::new();
        for (index, written) in self.scenario.batch.consumable_resources.iter().enumerate() {
            let path = format!("batch.consumableResources[{index}]");
            let name = &written.consumable_resource_name;
            if let Err(error) = written.validate() {
                self.api_problem(&path, error);
            }
            if !names.insert(name) {
                let message = format!("a second consumable resource named {}", quoted(name));
                self.problem(&format!("{path}.consumableResourceName"), message);
            }
            let consumables = &mut self.world.batch.consumables;
            known.consumables.insert(name.clone(), consumables.len());
            consumables.push(Consumable {
                name: name.clone(),
                total: written.total(),
                replenishable: written.resource_type.unwrap_or_default()
                    == api::ConsumableResourceType::Replenishable,
            });
        }
        for (index, written) in self.scenario.batch.job_definitions.iter().enumerate() {
            if let Err(error) = written.validate() {
                self.api_problem(&format!("batch.jobDefinitions[{index}]"), error);
            }
        }
        self.check_circles();
        known
    }

    // ---- Environments -----------------------------------------------------------------------

    fn environments(&mut self, catalogue: &Catalogue) -> BTreeMap<String, Known<'a>> {
        let mut known = BTreeMap::new();
        for (index, written) in self.scenario.batch.compute_environments.iter().enumerate() {
            let path = format!("batch.computeEnvironments[{index}]");
            let name = &written.compute_environment_name;
            let taken = self
                .world
                .clusters
                .items()
                .iter()
                .any(|it| it.name == *name);
            if taken {
                let message = format!("a second cluster or environment named {}", quoted(name));
                self.problem(&format!("{path}.computeEnvironmentName"), message);
            }
            let request = written.request();
            let valid = request
                .validate()
                .map_err(|error| self.api_problem(&path, error));
            let mut found = Vec::new();
            let unmanaged = written.r#type == ComputeEnvironmentType::Unmanaged;
            if !unmanaged && !written.container_instances.is_empty() {
                let message = "a managed compute environment launches its instances itself";
                self.problem(&format!("{path}.containerInstances"), message)
                    .help = Some("write type: UNMANAGED".to_owned());
            }
            for (at, group) in written.container_instances.iter().enumerate() {
                let path = format!("{path}.containerInstances[{at}]");
                self.instances(&path, name, group, catalogue, &mut found);
            }
            self.providers.push(BTreeMap::new());
            self.register(name, found);
            let cluster = ClusterId::from_index(self.world.clusters.len() - 1);
            if valid.is_ok() {
                let environment = self.environment(&path, written, cluster, catalogue);
                self.check_types(&path, written, &environment.offers);
                let first = environment.offers.first();
                let first = first.and_then(|offer| catalogue.get(&offer.name));
                let architecture = first.map(|it| match it.architecture {
                    Architecture::X86_64 => CpuArchitecture::X86_64,
                    Architecture::Arm64 => CpuArchitecture::Arm64,
                });
                let id = self.world.batch.environments.push(environment);
                let view = EnvironmentView {
                    name,
                    valid: true,
                    platform: request.platform(),
                    architecture,
                };
                known.insert(name.clone(), Known { id, view });
            }
        }
        known
    }

    pub(super) fn environment(
        &mut self,
        path: &str,
        written: &file::ComputeEnvironment,
        cluster: ClusterId,
        catalogue: &Catalogue,
    ) -> ComputeEnvironment {
        let resources = written.compute_resources.as_ref();
        let kind = resources.and_then(|resources| resources.r#type);
        let capacity = match (written.r#type, kind) {
            (ComputeEnvironmentType::Unmanaged, _) => Capacity::Unmanaged,
            (_, Some(ComputeResourceType::Spot)) => Capacity::Spot,
            (_, Some(ComputeResourceType::Fargate)) => Capacity::Fargate,
            (_, Some(ComputeResourceType::FargateSpot)) => Capacity::FargateSpot,
            (_, Some(ComputeResourceType::EcsManagedInstances)) => {
                let message = "ECS Managed Instances are not simulated";
                self.problem(&format!("{path}.computeResources.type"), message)
                    .help = Some("write EC2, SPOT, FARGATE or FARGATE_SPOT".to_owned());
                Capacity::Ec2
            }
            (_, Some(ComputeResourceType::Ec2) | None) => Capacity::Ec2,
        };
        let number = |value: Option<i64>| value.and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
        let (offers, descriptions) = self.offers(path, written, capacity, catalogue);
        let shortages = Self::shortages(written, &offers);
        let minutes = resources
            .and_then(|it| it.scaling_policy)
            .and_then(|policy| policy.min_scale_down_delay_minutes)
            .filter(|minutes| *minutes > 0);
        let strategy = resources.map_or(AllocationStrategy::BestFit, |it| strategy(it.strategy()));
        let assumptions = &self.scenario.assumptions.aws_batch;
        let usual_boot_time = match capacity.is_fargate() {
            true => assumptions.fargate_start,
            false => assumptions.boot_time,
        };
        ComputeEnvironment {
            name: written.compute_environment_name.clone(),
            cluster,
            capacity,
            enabled: written.state != Some(Switch::Disabled),
            strategy,
            min_vcpus: number(resources.and_then(|it| it.min_vcpus)),
            max_vcpus: match capacity {
                Capacity::Unmanaged => number(written.unmanaged_vcpus),
                _ => number(resources.and_then(|it| it.max_vcpus)),
            },
            offers,
            descriptions,
            zones: written.availability_zones.clone().unwrap_or_default(),
            boot_time: written.boot_time.unwrap_or(usual_boot_time).span(),
            scale_down_delay: minutes.map(|it| SimDuration::from_secs(it.unsigned_abs() * 60)),
            shortages,
            multi_node_jobs: self.multi_node_jobs(path, written, capacity),
        }
    }

    /// The instance types that an environment may launch, and what each registers.
    fn offers(
        &mut self,
        path: &str,
        written: &file::ComputeEnvironment,
        capacity: Capacity,
        catalogue: &Catalogue,
    ) -> (Vec<Offer>, Vec<Description>) {
        let none = (Vec::new(), Vec::new());
        let Some(resources) = &written.compute_resources else {
            return none;
        };
        if !matches!(capacity, Capacity::Ec2 | Capacity::Spot) {
            return none;
        }
        let entries = resources.instance_types.clone().unwrap_or_default();
        let place = format!("{path}.computeResources.instanceTypes");
        let types = match allocation::expand(&entries, catalogue) {
            Ok(types) => types,
            Err(error) => {
                let (entry, help) = match &error {
                    InstanceTypesError::Unknown { entry, nearest, .. } => (
                        *entry,
                        nearest.as_ref().map(|name| format!("did you mean {name}?")),
                    ),
                    InstanceTypesError::Architectures { entry, .. } => (*entry, None),
                };
                self.problem(&format!("{place}[{entry}]"), error.to_string())
                    .help = help;
                return none;
            }
        };
        if types.is_empty() {
            self.problem(&place, "no instance type is given").help =
                Some("write instanceTypes: [optimal]".to_owned());
        }
        let zones = written.availability_zones.as_deref().unwrap_or_default();
        self.check_zones(path, zones);
        let spot = capacity == Capacity::Spot;
        let bid = resources
            .bid_percentage
            .and_then(|it| u32::try_from(it).ok());
        let (mut offers, mut descriptions) = (Vec::new(), Vec::new());
        for (kind, position) in types {
            let name = &kind.name;
            let on_demand = kind.on_demand_usd_per_hour.map(|usd| usd.micro_dollars());
            let spot_price = written.spot_prices.get(name).map(|usd| micro_dollars(*usd));
            let spot_price = spot_price.or(on_demand.map(|usd| usd * 3 / 10));
            let price = if spot { spot_price } else { on_demand };
            let memory = written.registered_memory.get(name);
            let memory = memory.map_or_else(|| allocation::registered_memory(kind), |it| it.mib());
            let alike = file::ContainerInstances {
                instance_type: Some(name.clone()),
                ..file::ContainerInstances::default()
            };
            let Some(description) = self.description(path, "computeResources", &alike, catalogue)
            else {
                continue;
            };
            descriptions.push(Description {
                capacity: Resources {
                    memory,
                    ..description.capacity
                },
                price,
                purchase: if spot {
                    Purchase::Spot
                } else {
                    Purchase::OnDemand
                },
                spot_draining: spot,
                ..description
            });
            offers.push(Offer {
                name: name.clone(),
                vcpus: kind.vcpus,
                memory,
                gpus: kind.gpus,
                // A type without a known price comes last.
                price: price.unwrap_or(u64::from(u32::MAX)),
                depth: written.spot_depths.get(name).copied().unwrap_or(1),
                usable: match (spot, price, on_demand) {
                    (true, Some(price), Some(on_demand)) => {
                        allocation::usable_spot(price, on_demand, bid.unwrap_or(100))
                    }
                    _ => true,
                },
                position,
            });
        }
        (offers, descriptions)
    }

    /// What is said of instance types must be of those that are launched.
    fn check_types(&mut self, path: &str, written: &file::ComputeEnvironment, offers: &[Offer]) {
        for (key, names) in [
            (
                "registeredMemory",
                written.registered_memory.keys().collect::<Vec<_>>(),
            ),
            ("spotPrices", written.spot_prices.keys().collect()),
            ("spotDepths", written.spot_depths.keys().collect()),
        ] {
            for name in names {
                if offers.iter().all(|offer| offer.name != *name) {
                    let place = key_path(&format!("{path}.{key}"), name);
                    let message = format!("the environment launches no {name}");
                    self.problem(&place, message);
                }
            }
        }
        for (name, price) in &written.spot_prices {
            if !(0.0..=MOST_DOLLARS_PER_HOUR).contains(price) {
                let place = key_path(&format!("{path}.spotPrices"), name);
                let message = format!("{price} is not a price in US dollars an hour");
                self.problem(&place, message).help =
                    Some(format!("write a number from 0 to {MOST_DOLLARS_PER_HOUR}"));
            }
        }
        for (index, shortage) in written.insufficient_capacity.iter().enumerate() {
            let place = format!("{path}.insufficientCapacity[{index}]");
            let name = &shortage.instance_type;
            if offers.iter().all(|offer| offer.name != *name) {
                let message = format!("the environment launches no {name}");
                self.problem(&format!("{place}.instanceType"), message);
            }
            if let Some(until) = shortage.until
                && until <= shortage.from
            {
                let message = format!("{until} is not after {}", shortage.from);
                self.problem(&format!("{place}.until"), message);
            }
        }
    }

    /// When types run short. A type that an update does not launch any more is left out.
    fn shortages(written: &file::ComputeEnvironment, offers: &[Offer]) -> Vec<Shortage> {
        let shortages = written.insufficient_capacity.iter();
        let found = shortages.filter_map(|shortage| {
            let mut offers = offers.iter();
            Some(Shortage {
                offer: offers.position(|it| it.name == shortage.instance_type)?,
                from: SimTime::ZERO + shortage.from.span(),
                until: shortage.until.map(|until| SimTime::ZERO + until.span()),
            })
        });
        found.collect()
    }

    // ---- Queues -----------------------------------------------------------------------------

    fn policies(&mut self) -> HashMap<String, FairSharePolicy> {
        let mut policies = HashMap::new();
        for (index, written) in self.scenario.batch.scheduling_policies.iter().enumerate() {
            let path = format!("batch.schedulingPolicies[{index}]");
            if let Err(error) = written.validate() {
                self.api_problem(&path, error);
                continue;
            }
            let Some(policy) = &written.fairshare_policy else {
                continue;
            };
            let number = |value: Option<i64>| value.map_or(0, i64::unsigned_abs);
            let shares = policy.share_distribution.iter().flatten();
            let shares = shares.map(|share| ShareAttributes {
                identifier: share.share_identifier.clone(),
                weight: share.weight(),
            });
            let made = FairSharePolicy::new(
                SimDuration::from_secs(number(policy.share_decay_seconds)),
                number(policy.compute_reservation) as u32,
                shares.collect(),
            );
            match made {
                Ok(made) => {
                    if policies.insert(written.name.clone(), made).is_some() {
                        let message = format!("a second policy named {}", quoted(&written.name));
                        self.problem(&format!("{path}.name"), message);
                    }
                }
                Err(message) => {
                    self.problem(&format!("{path}.fairsharePolicy"), message);
                }
            }
        }
        policies
    }

    fn queues(
        &mut self,
        environments: &BTreeMap<String, Known<'a>>,
        policies: &HashMap<String, FairSharePolicy>,
        known: &mut KnownBatch,
    ) {
        let views: Vec<EnvironmentView<'_>> = environments.values().map(|it| it.view).collect();
        for (index, written) in self.scenario.batch.job_queues.iter().enumerate() {
            let path = format!("batch.jobQueues[{index}]");
            let written_ones = &self.scenario.batch.compute_environments;
            let is_broken = |name: &str| {
                let mut all = written_ones.iter();
                !environments.contains_key(name)
                    && all.any(|it| it.compute_environment_name == name)
            };
            // What is wrong with a broken environment has been told.
            if (written.request().environments().iter()).any(|name| is_broken(name)) {
                continue;
            }
            let call = written.request();
            if let Err(error) = call.validate(&views) {
                self.api_problem(&path, error);
                continue;
            }
            let policy = call.scheduling_policy().map(|name| {
                let found = policies.get(name);
                if found.is_none() {
                    let place = format!("{path}.schedulingPolicyArn");
                    self.problem(
                        &place,
                        format!("no scheduling policy named {}", quoted(name)),
                    );
                }
                found.cloned()
            });
            let actions = written.job_state_time_limit_actions.iter().flatten();
            let limits = actions.filter_map(|it| {
                let time = it.max_time_seconds;
                JobStateTimeLimitAction::new(&it.reason, &it.state, time, &it.action).ok()
            });
            let names = call.environments();
            let of_queue = names.iter().filter_map(|name| environments.get(*name));
            let first = of_queue.clone().next();
            let mut queue = JobQueue {
                name: written.job_queue_name.clone(),
                priority: written.priority,
                enabled: call.is_enabled(),
                environments: of_queue.map(|it| it.id).collect(),
                policy: policy.flatten(),
                discipline: Discipline::Aws,
                time_limits: limits.collect(),
            };
            queue.discipline = self.discipline(&path, written, &queue);
            let view = QueueView {
                // A queue may be enabled when the job comes.
                enabled: true,
                fair_share: call.scheduling_policy().is_some(),
                platform: first.map_or(api::PlatformCapability::Ec2, |it| it.view.platform),
            };
            let id = self.world.batch.queues.push(queue);
            let name = written.job_queue_name.clone();
            if known.queues.insert(name.clone(), (id, view)).is_some() {
                let message = format!("a second job queue named {}", quoted(&name));
                self.problem(&format!("{path}.jobQueueName"), message);
            }
        }
    }

    // ---- Jobs -------------------------------------------------------------------------------

    /// The kind of job that a workload submits.
    pub(super) fn submit_job(
        &mut self,
        path: &str,
        submit: &SubmitJob,
        behaviours: Vec<Vec<BehaviourId>>,
        known: &mut KnownBatch,
    ) -> Option<JobKindId> {
        let place = format!("{path}.submitJob");
        let name = submit.job_queue.rsplit('/').next().unwrap_or_default();
        let Some((queue, view)) = known.queues.get(name).copied() else {
            // What is wrong with a broken queue has been told.
            let queues = &self.scenario.batch.job_queues;
            if queues.iter().all(|it| it.job_queue_name != name) {
                self.api_problem(&place, ApiError::job_queue_not_found(&submit.job_queue));
            }
            return None;
        };
        let definitions = &self.scenario.batch.job_definitions;
        let found = match api::resolve(definitions, &submit.job_definition) {
            Ok(found) => found,
            Err(error) => {
                self.api_problem(&place, error);
                return None;
            }
        };
        let definition = &definitions[found.index];
        if let Err(error) = submit.validate(definition, &view) {
            self.api_problem(&place, error);
            return None;
        }
        let job = definition
            .job(submit)
            .map_err(|error| self.api_problem(&place, error))
            .ok()?;
        let (need, nodes) = match &job.nodes {
            Nodes::One(request) => (need(request), None),
            Nodes::Many {
                main_node,
                requests,
            } => {
                let needs: Vec<Need> = requests.iter().map(need).collect();
                let of_node = |need: &Need| self.job_templates(queue, *need, known);
                let templates = needs.iter().map(of_node).collect();
                let nodes = crate::batch::Nodes {
                    main: *main_node,
                    largest: Need::largest(needs.iter().copied()),
                    needs,
                    instance_type: job.instance_type.clone(),
                    templates,
                };
                (sum(&nodes.needs), Some(nodes))
            }
        };
        let behaviours = match &nodes {
            None => behaviours,
            Some(nodes) => self.node_behaviours(behaviours, nodes.main, nodes.templates.len()),
        };
        self.limit_memory(&behaviours, &job.nodes);
        let mut consumables = Vec::new();
        for (name, quantity) in &job.consumables {
            let short = name.rsplit('/').next().unwrap_or_default();
            match known.consumables.get(short) {
                Some(resource) => consumables.push((*resource, *quantity)),
                None => {
                    let message = format!("no consumable resource named {}", quoted(name));
                    self.problem(&place, message);
                }
            }
        }
        let kind = JobKind {
            name: submit.job_name.clone(),
            definition: format!("{}:{}", definition.job_definition_name, found.revision),
            queue,
            need,
            shape: known.shape(queue, need, nodes.is_some(), &consumables),
            templates: match &nodes {
                Some(nodes) => nodes.templates[nodes.main as usize].clone(),
                None => self.job_templates(queue, need, known),
            },
            nodes,
            behaviours,
            retry: job.retry,
            timeout: job
                .timeout_seconds
                .map(|it| SimDuration::from_secs(it.into())),
            share: job.share_identifier.clone(),
            priority: job.scheduling_priority,
            array_size: job.array_size,
            depends_on: self.dependencies(&place, submit),
            consumables,
            fails_with: job.fails_with.map(|text| self.reason(text)),
        };
        let merged = submit.applied_to(definition).ok()?;
        self.job_facts
            .push(Arc::new(JobFacts::new(&merged, &job.command)));
        Some(self.world.batch.kinds.push(kind))
    }

    /// `dependsOn`, in which a job goes by the name of its workload.
    fn dependencies(&mut self, place: &str, submit: &SubmitJob) -> Vec<Dependency> {
        let mut found = Vec::new();
        for (index, written) in submit.depends_on.iter().flatten().enumerate() {
            let at = format!("{place}.dependsOn[{index}].jobId");
            let Some(name) = &written.job_id else {
                found.push(Dependency::Sequential);
                continue;
            };
            let workloads = &self.scenario.workloads;
            let (name, child) = named_child(workloads, name);
            let Some(number) = workloads.iter().position(|it| it.name == *name) else {
                let names = workloads.iter().map(|it| it.name.as_str());
                let message = format!("no workload named {}", quoted(name));
                let problem = self.document.problem(&at, message);
                let problem = problem.suggest(name, "workloads", names.collect::<Vec<_>>());
                self.problems.push(problem);
                continue;
            };
            let on = WorkloadId::from_index(number);
            let Some(other) = &workloads[number].submit_job else {
                let message = format!("workload {} submits no jobs", quoted(name));
                self.problem(&at, message);
                continue;
            };
            if let Some(child) = child {
                if other.array_size().is_none_or(|size| child >= size) {
                    let message = format!("a job of {} has no child {child}", quoted(name));
                    self.problem(&at, message);
                }
                found.push(Dependency::Child(on, child));
            } else if written.r#type == Some(ArrayDependency::NToN) {
                if other.array_size() != submit.array_size() || submit.array_size().is_none() {
                    self.api_problem(place, ApiError::dependency_of_other_size(index));
                }
                found.push(Dependency::Each(on));
            } else {
                found.push(Dependency::Job(on));
            }
        }
        found
    }

    /// Refuses workloads whose jobs would wait for themselves, through whichever others: a job
    /// depends on jobs that are submitted before it.
    fn check_circles(&mut self) {
        let workloads = &self.scenario.workloads;
        let numbered = workloads.iter().enumerate();
        let names: HashMap<&str, usize> = numbered
            .clone()
            .map(|(at, it)| (it.name.as_str(), at))
            .collect();
        let mut edges = Vec::new();
        for (at, workload) in numbered {
            let submit = workload.submit_job.iter();
            let on = submit.flat_map(|it| it.depends_on.iter().flatten());
            for (index, dependency) in on.enumerate() {
                let named = dependency.job_id.as_deref();
                let named = named.map(|name| named_child(workloads, name).0);
                let on = named.and_then(|name| names.get(name).copied());
                edges.extend(on.map(|on| (at, index, on)));
            }
        }
        // What waits for nothing, or is waited for by nothing, is on no circle.
        let (forth, back) = (edges.iter().copied(), edges.iter().copied());
        let waiting = left_over(workloads.len(), forth.map(|(at, _, on)| (at, on)));
        let waited_for = left_over(workloads.len(), back.map(|(at, _, on)| (on, at)));
        for (at, index, on) in edges {
            if [at, on]
                .iter()
                .all(|it| waiting.contains(it) && waited_for.contains(it))
            {
                let place = format!("workloads[{at}].submitJob.dependsOn[{index}].jobId");
                let message = format!("the jobs of {} wait for these", quoted(&workloads[on].name));
                self.problem(&place, message).help =
                    Some("a job depends on jobs that are submitted before it".to_owned());
            }
        }
    }

    /// A template for each environment of a queue.
    pub(super) fn job_templates(
        &mut self,
        queue: QueueId,
        need: Need,
        known: &mut KnownBatch,
    ) -> Vec<TemplateId> {
        if let Some(made) = known.templates.get(&(queue, need)) {
            return made.clone();
        }
        let rules = *known.rules.get_or_insert_with(|| {
            self.world.rules.push(Rules {
                pool: Pool::Ec2,
                required: Vec::new(),
                subnets: None,
                constraints: Vec::new(),
                // The fullest instance that still has room [B-42].
                strategies: vec![StrategyRule::BinpackCpu, StrategyRule::BinpackMemory],
            })
        });
        let mut templates = Vec::new();
        for id in self.world.batch.queues[queue].environments.clone() {
            let environment = &self.world.batch.environments[id];
            let fargate = environment.capacity.is_fargate();
            let cluster = environment.cluster;
            let name = format!("batch:{}", self.world.batch.queues[queue].name);
            let group = self.world.clusters[cluster].group(&name);
            self.facts.push(TaskFacts {
                overrides: serde_json::json!({}),
                containers: vec![ContainerFacts {
                    name: CONTAINER.to_owned(),
                    essential: true,
                    is_checked: false,
                    cpu: need.cpu,
                    memory: Some(need.memory),
                    memory_reservation: None,
                    gpus: GpuDemand::Whole(need.gpus),
                    ports: Vec::new(),
                }],
            });
            let launch = Launch {
                on: if fargate {
                    LaunchOn::Fargate
                } else {
                    LaunchOn::Ec2
                },
                base: 0,
                weight: 1,
                rules,
            };
            templates.push(self.world.templates.push(Template {
                cluster,
                task_definition: name,
                group,
                demand: Demand {
                    resources: Resources {
                        cpu: need.cpu,
                        memory: need.memory,
                        gpus: need.gpus,
                        enis: 0,
                    },
                    ..Demand::default()
                },
                launches: vec![launch],
                network_interface: fargate,
                size: (Some(need.cpu), Some(need.memory)),
                started_by: None,
                distinct_instance: false,
            }));
        }
        known.templates.insert((queue, need), templates.clone());
        templates
    }

    /// How the containers of a job behave: by child, by attempt.
    pub(super) fn job_behaviours(
        &mut self,
        path: &str,
        written: &file::Workload,
        recorded: bool,
    ) -> Vec<Vec<BehaviourId>> {
        let given = [
            written.container.is_some(),
            !written.attempts.is_empty(),
            !written.children.is_empty(),
            !written.nodes.is_empty(),
        ];
        if given.iter().filter(|given| **given).count() > 1 {
            let message = "more than one of container, attempts, children and nodes is given";
            self.problem(path, message).help = Some("give one of them".to_owned());
        }
        let (parts, of_parts) = match written.nodes.is_empty() {
            true => ("children", &written.children),
            false => ("nodes", &written.nodes),
        };
        let described = of_parts.iter().map(Vec::len).sum::<usize>();
        if described > MOST_BEHAVIOURS {
            let message =
                format!("{described} attempts; at most {MOST_BEHAVIOURS} may be described");
            self.problem(&format!("{path}.{parts}"), message);
            return Vec::new();
        }
        let one = |key: &str, index: usize| format!("{path}.{key}[{index}]");
        let mut made = Vec::new();
        if !of_parts.is_empty() {
            for (part, attempts) in of_parts.iter().enumerate() {
                let path = one(parts, part);
                let attempts = attempts.iter().enumerate();
                let attempts = attempts
                    .map(|(at, it)| self.job_container(&format!("{path}[{at}]"), it, recorded));
                made.push(attempts.collect());
            }
        } else if !written.attempts.is_empty() {
            let attempts = written.attempts.iter().enumerate();
            let attempts =
                attempts.map(|(at, it)| self.job_container(&one("attempts", at), it, recorded));
            made.push(attempts.collect());
        } else {
            let default = file::Container::default();
            let container = written.container.as_ref().unwrap_or(&default);
            let path = format!("{path}.container");
            made.push(vec![self.job_container(&path, container, recorded)]);
        }
        for (part, attempts) in made.iter().enumerate() {
            if attempts.is_empty() {
                self.problem(&one(parts, part), "no attempt is described");
            }
        }
        made
    }

    /// The behaviour of each node: those that are not the main one take a given time to start
    /// [B-25].
    pub(super) fn node_behaviours(
        &mut self,
        given: Vec<Vec<BehaviourId>>,
        main: u32,
        count: usize,
    ) -> Vec<Vec<BehaviourId>> {
        let start = self.scenario.assumptions.aws_batch.node_start;
        let start = Distribution::Constant {
            value: start,
            at_most: None,
        };
        let pull = self.sampler("assumptions.awsBatch.nodeStart", &start);
        let mut of_others: BTreeMap<BehaviourId, BehaviourId> = BTreeMap::new();
        let mut made = Vec::new();
        for node in (0..count).filter(|_| !given.is_empty()) {
            let mut attempts = given[node.min(given.len() - 1)].clone();
            if node != main as usize {
                for id in &mut attempts {
                    let behaviours = &mut self.world.behaviours;
                    let known = of_others.get(id).copied();
                    let other = known.unwrap_or_else(|| {
                        let mut containers = behaviours[*id].clone();
                        for container in &mut containers {
                            container.image_pull.clone_from(&pull);
                            container.image_cached = Chance::default();
                            container.image_pull_failure = None;
                        }
                        behaviours.push(containers)
                    });
                    of_others.insert(*id, other);
                    *id = other;
                }
            }
            made.push(attempts);
        }
        made
    }

    /// A container that uses more memory than its job asked for is killed.
    fn limit_memory(&mut self, behaviours: &[Vec<BehaviourId>], nodes: &Nodes) {
        for (part, attempts) in behaviours.iter().enumerate() {
            let request = match nodes {
                Nodes::One(request) => request,
                Nodes::Many { requests, .. } => &requests[part.min(requests.len() - 1)],
            };
            for id in attempts {
                for container in &mut self.world.behaviours[*id] {
                    container.memory_limit = Some(request.memory);
                }
            }
        }
    }

    fn job_container(
        &mut self,
        path: &str,
        written: &file::Container,
        recorded: bool,
    ) -> BehaviourId {
        if written.duration.is_none() && !recorded {
            let message = "the container has no duration: its job would never end";
            self.problem(path, message).help =
                Some("write duration: {distribution: exponential, mean: 10m}".to_owned());
        }
        let grace = self.scenario.assumptions.aws_batch.grace();
        let container = self.batch_container(path, CONTAINER, written, grace);
        self.world.behaviours.push(container.into_iter().collect())
    }
}

/// The workload that a `jobId` names, and the child of its array, where it has the form
/// `<workload>:<index>`.
fn named_child<'n>(workloads: &[file::Workload], name: &'n str) -> (&'n str, Option<u32>) {
    let split = name.rsplit_once(':').and_then(|(workload, index)| {
        let index = index.parse().ok()?;
        workloads
            .iter()
            .any(|it| it.name == workload)
            .then_some((workload, Some(index)))
    });
    split.unwrap_or((name, None))
}

/// What is left of so many nodes when those without an edge are taken away again and again.
fn left_over(count: usize, edges: impl Iterator<Item = (usize, usize)>) -> HashSet<usize> {
    let mut out = vec![0_usize; count];
    let mut back = vec![Vec::new(); count];
    for (from, to) in edges {
        out[from] += 1;
        back[to].push(from);
    }
    let mut free: Vec<usize> = (0..count).filter(|node| out[*node] == 0).collect();
    while let Some(node) = free.pop() {
        for from in &back[node] {
            out[*from] -= 1;
            if out[*from] == 0 {
                free.push(*from);
            }
        }
    }
    (0..count).filter(|node| out[*node] > 0).collect()
}

/// What one instance of a job asks for.
fn need(request: &api::Request) -> Need {
    Need {
        cpu: request.cpu,
        memory: request.memory,
        gpus: request.gpus,
    }
}

pub(super) fn sum(needs: &[Need]) -> Need {
    needs.iter().fold(Need::default(), |sum, need| Need {
        cpu: sum.cpu.saturating_add(need.cpu),
        memory: sum.memory.saturating_add(need.memory),
        gpus: sum.gpus.saturating_add(need.gpus),
    })
}

/// A compute environment that is known by name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    id: EnvironmentId,
    view: EnvironmentView<'a>,
}

impl file::ComputeEnvironment {
    /// The call of CreateComputeEnvironment.
    pub(super) fn request(&self) -> api::ComputeEnvironment {
        api::ComputeEnvironment {
            compute_environment_name: self.compute_environment_name.clone(),
            r#type: self.r#type,
            state: self.state,
            unmanaged_vcpus: self.unmanaged_vcpus,
            compute_resources: self.compute_resources.clone(),
            update_policy: self.update_policy,
            eks_configuration: None,
            service_role: self.service_role.clone(),
            tags: self.tags.clone(),
            context: None,
            ecs_settings: None,
            compute_environment_arn: None,
            ecs_cluster_arn: None,
            container_orchestration_type: None,
            status: None,
            status_reason: None,
            uuid: None,
        }
    }
}

fn strategy(written: api::AllocationStrategy) -> AllocationStrategy {
    match written {
        api::AllocationStrategy::BestFit => AllocationStrategy::BestFit,
        api::AllocationStrategy::BestFitProgressive => AllocationStrategy::BestFitProgressive,
        api::AllocationStrategy::BestFitProgressiveOrdered => {
            AllocationStrategy::BestFitProgressiveOrdered
        }
        api::AllocationStrategy::SpotCapacityOptimized => AllocationStrategy::SpotCapacityOptimized,
        api::AllocationStrategy::SpotPriceCapacityOptimized => {
            AllocationStrategy::SpotPriceCapacityOptimized
        }
        api::AllocationStrategy::SpotCapacityOptimizedPrioritized => {
            AllocationStrategy::SpotCapacityOptimizedPrioritized
        }
    }
}
