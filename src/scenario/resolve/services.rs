//! Services: CreateService when the run starts, and what UpdateService changes later.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Resolver, Site};
use crate::api::{self, CreateService, SchedulingStrategy, ThresholdType};
use crate::model::arena::{Arena, ClusterId, Id, WorkloadId};
use crate::scenario::file;
use crate::scenario::problem::quoted;
use crate::service::circuit_breaker::Threshold;
use crate::time::SimDuration;
use crate::units::Duration;
use crate::workload::service::{
    CircuitBreaker, DeploymentSettings, Revision, Scheduling, Service, ServiceChange,
};
use crate::workload::{Arrivals, Call, OnFailure, Workload};

/// Most tasks that a service may be told to keep.
const MOST_TASKS: i64 = 1_000_000;

/// How containers behave, by name.
type Containers = BTreeMap<String, file::Container>;

/// A service as the calls up to a moment have made it.
pub(super) struct KnownService {
    /// Its name.
    pub name: String,
    /// Which of the workloads it is.
    pub workload: WorkloadId,
    /// What it is; absent when it is broken, which has been told.
    pub state: Option<ServiceState>,
}

/// What there is to know of a sound service.
pub(super) struct ServiceState {
    pub cluster: ClusterId,
    call: CreateService,
    definition: String,
    containers: Containers,
}

impl<'a> Resolver<'a> {
    /// Adds the services to the workloads.
    pub(super) fn services(
        &mut self,
        workloads: &mut Arena<WorkloadId, Workload>,
    ) -> Vec<KnownService> {
        let written = &self.scenario.services;
        if !written.is_empty() && self.scenario.horizon.is_none() {
            self.problem(
                "services",
                "services never end, and the scenario has no horizon",
            )
            .help = Some("give horizon: 24h to the scenario".to_owned());
        }
        let mut known: Vec<KnownService> = Vec::new();
        for (index, service) in written.iter().enumerate() {
            let path = format!("services[{index}]");
            let (workload, state) = self.service(&path, service).unzip();
            let name = service.create_service.service_name.clone();
            let cluster = |other: &KnownService| other.state.as_ref().map(|it| it.cluster);
            let same = |other: &&KnownService| {
                let here = state.as_ref().map(|it: &ServiceState| it.cluster);
                other.name == name && here.is_some() && cluster(other) == here
            };
            if known.iter().any(|other| same(&other)) {
                let message = format!("a second service named {} in its cluster", quoted(&name));
                self.problem(&format!("{path}.createService.serviceName"), message);
            }
            if let Some(workload) = workload {
                workloads.push(workload);
            }
            known.push(KnownService {
                name,
                workload: WorkloadId::from_index(self.scenario.workloads.len() + index),
                state,
            });
        }
        known
    }

    fn service(&mut self, path: &str, written: &file::Service) -> Option<(Workload, ServiceState)> {
        let before = self.problems.len();
        let create = &written.create_service;
        let call_path = format!("{path}.createService");
        let site = self.site(
            call_path,
            create.cluster.as_deref(),
            &create.task_definition,
        );
        let containers = self.service_containers(path, &written.containers, site.as_ref());
        let site = site?;
        let providers = self.provider_names(site.cluster);
        if let Err(error) = create.validate(site.definition, &self.view(site.cluster, &providers)) {
            self.api_problem(&site.path, error);
            return None;
        }
        let desired = self.desired_count(&site.path, create.desired_count);
        let template = self.service_template(&site, create);
        let template = template
            .map_err(|error| self.api_problem(&site.path, error))
            .ok()?;
        let behaviour = self.world.behaviours.push(containers);
        let delay = |of: fn(file::LoadBalancer) -> Option<Duration>| {
            let delay = written.load_balancer.and_then(of);
            delay.map_or(SimDuration::ZERO, Duration::span)
        };
        let grace = create.health_check_grace_period_seconds.unwrap_or(0);
        let service = Service {
            scheduling: match create.scheduling_strategy() {
                SchedulingStrategy::Replica => Scheduling::Replica,
                SchedulingStrategy::Daemon => Scheduling::Daemon,
            },
            desired: desired.unwrap_or(0),
            revision: Revision {
                template,
                behaviour,
            },
            deployment: deployment_settings(create),
            grace_period: SimDuration::from_secs(u64::try_from(grace).unwrap_or(0)),
            zone_rebalancing: create.rebalances_zones(),
            activation: delay(|it| it.registration_delay),
            deactivation: delay(|it| it.deregistration_delay),
        };
        let workload = Workload {
            name: create.service_name.clone(),
            call: Call::CreateService(Box::new(service)),
            arrivals: Arrivals::Trace(Arc::new([])),
            behaviour,
            on_failure: OnFailure::GiveUp,
        };
        let state = ServiceState {
            cluster: site.cluster,
            call: create.clone(),
            definition: site.definition_name,
            containers: written.containers.clone(),
        };
        (self.problems.len() == before).then_some((workload, state))
    }

    fn desired_count(&mut self, path: &str, written: Option<i64>) -> Option<u32> {
        let count = written?;
        if count > MOST_TASKS {
            let message = format!("{count} tasks; a service may have {MOST_TASKS} here");
            self.problem(&format!("{path}.desiredCount"), message);
        }
        u32::try_from(count).ok()
    }

    /// What a call of UpdateService changes; the service is brought up to date.
    pub(super) fn service_change(
        &mut self,
        path: &str,
        written: &file::UpdateService,
        service: &mut ServiceState,
    ) -> Option<ServiceChange> {
        let update = api::UpdateService {
            desired_count: written.desired_count,
            task_definition: written.task_definition.clone(),
            deployment_configuration: written.deployment_configuration.clone(),
            ..api::UpdateService::default()
        };
        let updated = update.applied_to(&service.call);
        let site = self.site(
            path.to_owned(),
            updated.cluster.as_deref(),
            &updated.task_definition,
        )?;
        let providers = self.provider_names(site.cluster);
        let view = self.view(site.cluster, &providers);
        if let Err(error) = update.validate(&service.call, site.definition, &view) {
            self.api_problem(path, error);
            return None;
        }
        let desired = self.desired_count(path, written.desired_count);
        let deploys = written.force_new_deployment || site.definition_name != service.definition;
        if written.containers.is_some() && !deploys {
            self.problem(
                &format!("{path}.containers"),
                "no new deployment begins that these could be of",
            )
            .help = Some("give forceNewDeployment: true".to_owned());
            return None;
        }
        let revision = if deploys {
            Some(self.revision(path, written, &site, &updated, service)?)
        } else {
            None
        };
        service.call = updated;
        Some(ServiceChange {
            desired,
            revision,
            deployment: written
                .deployment_configuration
                .is_some()
                .then(|| deployment_settings(&service.call)),
        })
    }

    /// The tasks of a new deployment. Behaviours that are not given are those of the containers of
    /// the same name before.
    fn revision(
        &mut self,
        path: &str,
        written: &file::UpdateService,
        site: &Site<'a>,
        updated: &CreateService,
        service: &mut ServiceState,
    ) -> Option<Revision> {
        let inherited = || {
            let mut containers = service.containers.clone();
            let definitions = &site.definition.container_definitions;
            containers.retain(|name, _| definitions.iter().any(|it| it.name == *name));
            containers
        };
        let containers = written.containers.clone().unwrap_or_else(inherited);
        let behaviour = self.service_containers(path, &containers, Some(site));
        let template = self.service_template(site, updated);
        let template = template
            .map_err(|error| self.api_problem(path, error))
            .ok()?;
        (service.definition, service.containers) = (site.definition_name.clone(), containers);
        Some(Revision {
            template,
            behaviour: self.world.behaviours.push(behaviour),
        })
    }
}

/// How a service that ECS takes replaces its tasks.
fn deployment_settings(service: &CreateService) -> DeploymentSettings {
    let deployment = service.deployment_configuration.as_ref();
    let breaker = deployment.and_then(|it| it.deployment_circuit_breaker.as_ref());
    DeploymentSettings {
        minimum_healthy_percent: service.minimum_healthy_percent(),
        maximum_percent: service.maximum_percent(),
        circuit_breaker: breaker.filter(|it| it.enable).map(|it| CircuitBreaker {
            rollback: it.rollback,
            threshold: it
                .threshold_configuration
                .map_or_else(Threshold::default, |threshold| match threshold.r#type {
                    ThresholdType::Count => Threshold::Count(threshold.value),
                    ThresholdType::BoundedPercent => Threshold::BoundedPercent(threshold.value),
                    ThresholdType::UnboundedPercent => Threshold::UnboundedPercent(threshold.value),
                }),
            reset_on_healthy_task: it.reset_on_healthy_task.unwrap_or(true),
        }),
    }
}
