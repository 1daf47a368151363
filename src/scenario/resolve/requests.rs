//! Task definitions, and the RunTask and StartTask calls that name them.

use std::collections::{BTreeMap, HashMap};

use super::{Resolver, Site};
use crate::api::{
    self, ApiError, ClusterView, ContainerOverride, CreateService, LaunchType,
    NetworkConfiguration, NetworkMode, PlacementConstraint, PlacementConstraintType,
    PlacementStrategy, ResourceRequirement, ResourceType, RunTask, SchedulingStrategy, StartTask,
    TaskDefinition, TaskOverride,
};
use crate::model::arena::{ClusterId, Id, RulesId, TemplateId};
use crate::model::request::{
    Constraint, Launch, LaunchOn, Pool, RequiredAttribute, Rules, StrategyRule, Subnets, Template,
};
use crate::report::aws::TaskFacts;
use crate::scenario::file;
use crate::scenario::file::{Capabilities, Ec2LaunchType, StartTaskMemberOf, Ties};
use crate::workload::trace::RowRequest;
use crate::workload::{Call, Target};

/// What a call says of where its tasks go.
struct Destination<'b> {
    launch: api::Launch<'b>,
    /// What launch type EC2 means.
    ec2: Pool,
    constraints: Vec<&'b PlacementConstraint>,
    strategies: Vec<StrategyRule>,
    network: Option<&'b NetworkConfiguration>,
}

impl<'a> Resolver<'a> {
    pub(super) fn definitions(&mut self) {
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        for (index, definition) in self.scenario.task_definitions.iter().enumerate() {
            let path = format!("taskDefinitions[{index}]");
            if let Err(error) = definition.validate(self.scenario.assumptions.fargate_sizes) {
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
    pub(super) fn definition(&self, wanted: &str) -> Option<(usize, String)> {
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

    /// The cluster that a request names.
    pub(super) fn cluster(&mut self, path: &str, cluster: Option<&str>) -> Option<ClusterId> {
        let wanted = cluster.unwrap_or("default");
        let wanted = wanted.rsplit('/').next().unwrap_or(wanted);
        let clusters = &self.world.clusters;
        let found = clusters
            .iter()
            .find(|(_, cluster)| cluster.name == wanted)
            .map(|(id, _)| id);
        if found.is_none() {
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
        found
    }

    /// Cluster and task definition of a request; what cannot be found is a problem.
    pub(super) fn site(
        &mut self,
        path: String,
        cluster: Option<&str>,
        definition: &str,
    ) -> Option<Site<'a>> {
        let cluster = self.cluster(&path, cluster);
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

    pub(super) fn run_task(
        &mut self,
        path: &str,
        run: &RunTask,
    ) -> (Option<Call>, Option<Site<'a>>) {
        let path = format!("{path}.runTask");
        let site = self.site(path, run.cluster.as_deref(), &run.task_definition);
        let call = site.as_ref().and_then(|site| self.run_call(site, run));
        (call, site)
    }

    fn run_call(&mut self, site: &Site<'a>, run: &RunTask) -> Option<Call> {
        let template = self.run_template(site, run, &RowRequest::default());
        Some(Call::RunTask {
            template: template
                .map_err(|error| self.api_problem(&site.path, error))
                .ok()?,
            count: u32::try_from(run.count.unwrap_or(1)).unwrap_or(1),
            client_token: run.client_token.clone(),
        })
    }

    /// Names of the capacity providers of a cluster.
    pub(super) fn provider_names(&self, cluster: ClusterId) -> Vec<String> {
        let providers = &self.scenario.clusters[cluster.index()].capacity_providers;
        providers.iter().map(|it| it.name.clone()).collect()
    }

    /// A cluster as the rules on calls look at it. A group that may grow counts as instances, for
    /// they may be there when the call is made.
    pub(super) fn view<'v>(&self, cluster: ClusterId, providers: &'v [String]) -> ClusterView<'v>
    where
        'a: 'v,
    {
        let written = &self.scenario.clusters[cluster.index()];
        let mut groups = written
            .capacity_providers
            .iter()
            .filter_map(|provider| provider.auto_scaling_group.as_ref());
        ClusterView {
            capacity_providers: providers,
            default_strategy: &written.default_capacity_provider_strategy,
            has_instances: !written.container_instances.is_empty()
                || groups.any(|group| group.max_size > 0),
            fargate_sizes: self.scenario.assumptions.fargate_sizes,
        }
    }

    /// The template of a RunTask request, with what a trace row changes in it.
    pub(super) fn run_template(
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
        let providers = self.provider_names(site.cluster);
        let view = self.view(site.cluster, &providers);
        run.validate(site.definition, &view)?;
        let constraints = site.definition.placement_constraints.iter().flatten();
        let destination = Destination {
            launch: run.launch(&view),
            ec2: self.ec2_pool(),
            constraints: constraints
                .chain(run.placement_constraints.iter().flatten())
                .collect(),
            // Without a strategy RunTask places at random. Source: ECS developer guide, scheduling tasks.
            strategies: self.chain(&run.placement_strategy, &[])?,
            network: run.network_configuration.as_ref(),
        };
        let template = self.template(
            site,
            run.group.as_deref(),
            run.overrides.as_ref(),
            &destination,
        )?;
        self.world.templates[template].started_by = run.started_by;
        Ok(template)
    }

    /// The template of the tasks of a service that [`CreateService::validate`] takes.
    pub(super) fn service_template(
        &mut self,
        site: &Site<'_>,
        service: &CreateService,
    ) -> Result<TemplateId, ApiError> {
        let providers = self.provider_names(site.cluster);
        let view = self.view(site.cluster, &providers);
        // Source: ECS developer guide, "Replica scheduling strategy". A DAEMON chooses no instance. On
        // Fargate they say only which task goes first on scale-in.
        let usual = [
            StrategyRule::SpreadAttribute("ecs.availability-zone".to_owned()),
            StrategyRule::SpreadInstance,
        ];
        let usual = match service.scheduling_strategy() {
            SchedulingStrategy::Replica => &usual[..],
            SchedulingStrategy::Daemon => &[],
        };
        let constraints = site.definition.placement_constraints.iter().flatten();
        let destination = Destination {
            launch: service.launch(&view),
            ec2: self.ec2_pool(),
            constraints: constraints
                .chain(service.placement_constraints.iter().flatten())
                .collect(),
            strategies: self.chain(&service.placement_strategy, usual)?,
            network: service.network_configuration.as_ref(),
        };
        let group = format!("service:{}", service.service_name);
        self.template(site, Some(&group), None, &destination)
    }

    /// The rules of a strategy, or else the `usual` ones; never none.
    fn chain(
        &self,
        written: &Option<Vec<PlacementStrategy>>,
        usual: &[StrategyRule],
    ) -> Result<Vec<StrategyRule>, ApiError> {
        let rules = written.iter().flatten().map(|strategy| strategy.rule());
        let mut rules: Vec<StrategyRule> = rules.collect::<Result<_, _>>()?;
        if rules.is_empty() {
            rules = usual.to_vec();
        }
        match self.scenario.assumptions.ties {
            Ties::Shuffled if !rules.is_empty() => rules.push(StrategyRule::Shuffled),
            Ties::LowestId if !rules.is_empty() => {}
            _ => rules.push(StrategyRule::Random),
        }
        Ok(rules)
    }

    const fn ec2_pool(&self) -> Pool {
        match self.scenario.assumptions.ec2_launch_type {
            Ec2LaunchType::AllInstances => Pool::Ec2,
            Ec2LaunchType::OutsideProviders => Pool::Ec2OutsideProviders,
        }
    }

    pub(super) fn start_task(
        &mut self,
        path: &str,
        start: &StartTask,
    ) -> (Option<Call>, Option<Site<'a>>) {
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
        let destination = Destination {
            launch: api::Launch::Type(LaunchType::Ec2),
            // The caller may name any instance.
            ec2: Pool::Ec2,
            constraints: constraints.collect(),
            strategies: vec![StrategyRule::Random],
            network: start.network_configuration.as_ref(),
        };
        let overrides = start.overrides.as_ref();
        let template = self.template(site, start.group.as_deref(), overrides, &destination);
        let template = template
            .map_err(|error| self.api_problem(&site.path, error))
            .ok()?;
        self.world.templates[template]
            .started_by
            .clone_from(&start.started_by);
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
        destination: &Destination<'_>,
    ) -> Result<TemplateId, ApiError> {
        let assumptions = &self.scenario.assumptions;
        let host = destination.launch.host(assumptions.fargate_sizes);
        let task = site.definition.with_overrides(overrides, host)?;
        let demand = site.definition.demand(overrides, host)?;
        let containers = site.definition.containers(overrides, host)?;
        let fargate = destination.launch.is_fargate();
        let constraints = destination.constraints.iter().map(|it| it.rule());
        let constraints: Vec<Constraint> = constraints.collect::<Result<_, _>>()?;
        let distinct_instance = constraints.contains(&Constraint::DistinctInstance);
        let rules = Rules {
            pool: destination.ec2,
            required: if fargate {
                Vec::new()
            } else {
                required_attributes(site.definition, assumptions.capabilities)
            },
            subnets: self.subnets(destination.network)?,
            constraints,
            strategies: destination.strategies.clone(),
        };
        if let Some(subnets) = rules.subnets.as_ref().filter(|_| fargate) {
            for zone in &subnets.zones {
                if !self.world.zones.contains(zone) {
                    self.world.zones.push(zone.clone());
                }
            }
        }
        let launches = self.launches(site.cluster, destination.launch, &rules);
        let group = group.map_or_else(
            || format!("family:{}", site.definition.family),
            str::to_owned,
        );
        let group = self.world.clusters[site.cluster].group(&group);
        self.facts
            .push(TaskFacts::new(&task, &containers, overrides));
        Ok(self.world.templates.push(Template {
            cluster: site.cluster,
            task_definition: site.definition_name.clone(),
            group,
            demand,
            launches,
            network_interface: site.definition.network_mode() == NetworkMode::Awsvpc,
            size: (
                task.cpu.as_ref().map(|size| size.units()),
                task.memory.as_ref().map(|size| size.mib()),
            ),
            started_by: None,
            distinct_instance,
        }))
    }

    /// What runs the tasks, each with `rules` for its own pool. A provider that is broken, which has
    /// been told, is left out.
    fn launches(
        &mut self,
        cluster: ClusterId,
        launch: api::Launch<'_>,
        rules: &Rules,
    ) -> Vec<Launch> {
        let items = match launch {
            api::Launch::Providers(items) => items,
            api::Launch::Type(launch_type) => {
                let (on, pool) = match launch_type {
                    LaunchType::External => (LaunchOn::External, Pool::External),
                    // No instance is looked at, so any pool will do.
                    LaunchType::Fargate => (LaunchOn::Fargate, Pool::Ec2),
                    LaunchType::Ec2 | LaunchType::ManagedInstances => (LaunchOn::Ec2, rules.pool),
                };
                let rules = self.rules_in(pool, rules);
                return vec![Launch {
                    on,
                    base: 0,
                    weight: 1,
                    rules,
                }];
            }
        };
        let number = |value: Option<i64>| u32::try_from(value.unwrap_or(0)).unwrap_or(0);
        let mut launches = Vec::new();
        for item in items {
            let provider = self.providers[cluster.index()].get(&item.capacity_provider);
            let Some(provider) = provider.copied() else {
                continue;
            };
            launches.push(Launch {
                on: LaunchOn::Provider(provider),
                base: number(item.base),
                weight: number(item.weight),
                rules: self.rules_in(Pool::Provider(provider), rules),
            });
        }
        launches
    }

    /// These rules for a pool; those that are there already are shared.
    fn rules_in(&mut self, pool: Pool, rules: &Rules) -> RulesId {
        let rules = Rules {
            pool,
            ..rules.clone()
        };
        let known = self.world.rules.iter().find(|(_, known)| **known == rules);
        match known {
            Some((id, _)) => id,
            None => self.world.rules.push(rules),
        }
    }

    /// Zones and VPC of the subnets that the scenario describes; nothing when it describes none.
    fn subnets(&self, network: Option<&NetworkConfiguration>) -> Result<Option<Subnets>, ApiError> {
        let Some(awsvpc) = network.and_then(|network| network.awsvpc_configuration.as_ref()) else {
            return Ok(None);
        };
        let described = awsvpc.subnets.iter().filter_map(|id| {
            let mut subnets = self.scenario.subnets.iter();
            subnets.find(|subnet| subnet.subnet_id == *id)
        });
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
    pub(super) fn check_tokens(&mut self) {
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
}

/// The attributes that a definition needs. Capabilities of the agent are left out unless they are
/// checked: a described task definition lists them all, and few instances of a scenario do.
fn required_attributes(
    definition: &TaskDefinition,
    capabilities: Capabilities,
) -> Vec<RequiredAttribute> {
    let mut required = definition.required_attributes();
    let is_capability = |name: &str| {
        name.starts_with("com.amazonaws.ecs.capability.") || name.starts_with("ecs.capability.")
    };
    if capabilities == Capabilities::Ignored {
        required.retain(|attribute| !is_capability(&attribute.name));
        return required;
    }
    for name in definition.capabilities() {
        if required.iter().all(|known| known.name != name) {
            required.push(RequiredAttribute { name, value: None });
        }
    }
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
