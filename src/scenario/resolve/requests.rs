//! Task definitions, and the RunTask and StartTask calls that name them.

use std::collections::{BTreeMap, HashMap};

use super::{Resolver, Site};
use crate::api::{
    ApiError, ClusterView, ContainerOverride, FargateSizes, Host, LaunchType, NetworkConfiguration,
    NetworkMode, PlacementConstraint, PlacementConstraintType, ResourceRequirement, ResourceType,
    RunTask, StartTask, TaskDefinition, TaskOverride,
};
use crate::model::arena::{Id, RulesId, TemplateId};
use crate::model::request::{
    Constraint, Launch, LaunchOn, Pool, RequiredAttribute, Rules, StrategyRule, Subnets, Template,
};
use crate::scenario::file;
use crate::scenario::file::{StartTaskMemberOf, Ties};
use crate::workload::trace::RowRequest;
use crate::workload::{Call, Target};

impl<'a> Resolver<'a> {
    pub(super) fn definitions(&mut self) {
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        for (index, definition) in self.scenario.task_definitions.iter().enumerate() {
            let path = format!("taskDefinitions[{index}]");
            if let Err(error) = definition.validate(FargateSizes::default()) {
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

    /// Cluster and task definition of a request; what cannot be found is a problem.
    pub(super) fn site(
        &mut self,
        path: String,
        cluster: Option<&str>,
        definition: &str,
    ) -> Option<Site<'a>> {
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
        let providers = provider_names(run);
        if let Err(error) = run.validate(site.definition, &self.view(site, &providers)) {
            self.api_problem(&site.path, error);
            return None;
        }
        if run.launch_type == Some(LaunchType::Fargate) {
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
        let template = self.run_template(site, run, &RowRequest::default());
        Some(Call::RunTask {
            template: template
                .map_err(|error| self.api_problem(&site.path, error))
                .ok()?,
            count: u32::try_from(run.count.unwrap_or(1)).unwrap_or(1),
            client_token: run.client_token.clone(),
        })
    }

    /// The cluster of a site as the rules on calls look at it. Providers are not simulated yet, so
    /// those that a call names pass as the cluster's until they are refused.
    fn view<'v>(&self, site: &Site<'_>, providers: &'v [String]) -> ClusterView<'v> {
        let written = &self.scenario.clusters[site.cluster.index()];
        ClusterView {
            capacity_providers: providers,
            has_instances: !written.container_instances.is_empty(),
            ..ClusterView::default()
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
        run.validate(site.definition, &self.view(site, &[]))?;
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
        let demand = site.definition.demand(overrides, Host::Instance)?;
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
            launches: vec![Launch {
                on: match self.world.rules[rules].pool {
                    Pool::External => LaunchOn::External,
                    _ => LaunchOn::Ec2,
                },
                base: 0,
                weight: 1,
                rules,
            }],
            network_interface: site.definition.network_mode() == NetworkMode::Awsvpc,
            size: (None, None),
            started_by: None,
            distinct_instance: false,
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

/// Names of the capacity providers that a call names.
fn provider_names(run: &RunTask) -> Vec<String> {
    let items = run.capacity_provider_strategy.iter().flatten();
    items.map(|item| item.capacity_provider.clone()).collect()
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
