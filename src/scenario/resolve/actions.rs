//! What is done from outside while the run goes on.

use std::collections::BTreeMap;

use super::Resolver;
use super::services::KnownService;
use crate::catalogue::Catalogue;
use crate::engine::job::Request;
use crate::engine::plan::{Action, Deed, InstanceDeed};
use crate::model::arena::{ClusterId, Id, InstanceId, ProviderId, WorkloadId};
use crate::model::instance::Purchase;
use crate::scenario::file;
use crate::scenario::problem::quoted;
use crate::time::{SimDuration, SimTime};

/// Minutes that task protection lasts unless told otherwise.
/// Source: ECS API reference, UpdateTaskProtection.
const PROTECTION_MINUTES: u32 = 120;

/// What actions refer to, as the actions before have left it.
struct Known {
    services: Vec<KnownService>,
    environments: BTreeMap<String, file::ComputeEnvironment>,
    /// Fewest and most instances of each Auto Scaling group.
    sizes: BTreeMap<ProviderId, (u32, u32)>,
}

/// Whose tasks an action is about, as it is written.
#[derive(Clone, Copy)]
struct Whose<'w> {
    workload: Option<&'w str>,
    service: Option<&'w str>,
    cluster: Option<&'w str>,
}

impl<'a> Resolver<'a> {
    /// The actions in the order of their times, those of one moment as they are written.
    pub(super) fn actions(
        &mut self,
        services: Vec<KnownService>,
        catalogue: &Catalogue,
    ) -> Vec<Action> {
        let providers = self.world.providers.iter();
        let sizes = providers.filter_map(|(id, provider)| {
            let group = provider.group()?;
            Some((id, (group.min_size, group.max_size)))
        });
        let sizes = sizes.collect();
        let environments = self.scenario.batch.compute_environments.iter();
        let mut known = Known {
            services,
            environments: environments
                .map(|it| (it.compute_environment_name.clone(), it.clone()))
                .collect(),
            sizes,
        };
        let mut written: Vec<_> = self.scenario.actions.iter().enumerate().collect();
        written.sort_by_key(|(_, action)| action.at);
        let mut actions = Vec::new();
        for (index, action) in written {
            let what = self.deed(&format!("actions[{index}]"), action, &mut known, catalogue);
            actions.extend(what.map(|what| Action {
                at: SimTime::ZERO + action.at.span(),
                what,
            }));
        }
        actions
    }

    /// The one deed of an action.
    fn deed(
        &mut self,
        path: &str,
        action: &file::Action,
        known: &mut Known,
        catalogue: &Catalogue,
    ) -> Option<Deed> {
        let at = |verb: &str| format!("{path}.{verb}");
        let mut deeds = Vec::new();
        if let Some(written) = &action.stop_task {
            deeds.push(self.stop_task(&at("stopTask"), written, known));
        }
        if let Some(written) = &action.update_task_protection {
            deeds.push(self.protect_task(&at("updateTaskProtection"), written, known));
        }
        if let Some(written) = &action.update_container_instances_state {
            let what = match written.status {
                file::SettableStatus::Active => InstanceDeed::Activate,
                file::SettableStatus::Draining => InstanceDeed::Drain,
            };
            let path = at("updateContainerInstancesState");
            deeds.push(self.instances_deed(
                &path,
                written.cluster.as_deref(),
                &written.container_instances,
                what,
            ));
        }
        if let Some(written) = &action.deregister_container_instance {
            deeds.push(self.deregister(&at("deregisterContainerInstance"), written));
        }
        for (verb, written, what) in [
            (
                "terminateInstances",
                &action.terminate_instances,
                InstanceDeed::Terminate,
            ),
            ("stopInstances", &action.stop_instances, InstanceDeed::Stop),
            (
                "disconnectAgents",
                &action.disconnect_agents,
                InstanceDeed::Disconnect,
            ),
            (
                "connectAgents",
                &action.connect_agents,
                InstanceDeed::Connect,
            ),
            (
                "interruptSpotInstances",
                &action.interrupt_spot_instances,
                InstanceDeed::InterruptSpot,
            ),
        ] {
            if let Some(written) = written {
                let cluster = written.cluster.as_deref();
                let names = &written.container_instances;
                deeds.push(self.instances_deed(&at(verb), cluster, names, what));
            }
        }
        if let Some(written) = &action.update_service {
            deeds.push(self.update_service(&at("updateService"), written, known));
        }
        if let Some(written) = &action.update_auto_scaling_group {
            deeds.push(self.resize(&at("updateAutoScalingGroup"), written, known));
        }
        if let Some(written) = &action.interrupt_fargate_spot {
            let whose = Whose {
                workload: written.workload.as_deref(),
                service: written.service.as_deref(),
                cluster: written.cluster.as_deref(),
            };
            let workload = self.whose(&at("interruptFargateSpot"), whose, known);
            deeds.push(workload.map(|workload| Deed::InterruptFargateSpot { workload }));
        }
        for (verb, written, request) in [
            ("cancelJob", &action.cancel_job, Request::Cancel),
            ("terminateJob", &action.terminate_job, Request::Terminate),
        ] {
            if let Some(written) = written {
                deeds.push(self.end_jobs(&at(verb), written, request));
            }
        }
        if let Some(written) = &action.update_job_queue {
            deeds.push(self.update_queue(&at("updateJobQueue"), written));
        }
        if let Some(written) = &action.update_compute_environment {
            let path = at("updateComputeEnvironment");
            let known = &mut known.environments;
            deeds.push(self.update_environment(&path, written, known, catalogue));
        }
        if let Some(written) = &action.update_consumable_resource {
            deeds.push(self.update_consumable(&at("updateConsumableResource"), written));
        }
        match deeds.len() {
            0 => {
                self.problem(path, "the action does nothing").help = Some(
                    "write what is done, such as stopTask: {workload: web, task: 1}".to_owned(),
                );
                None
            }
            1 => deeds.pop()?,
            count => {
                self.problem(path, format!("{count} things are done in one action"))
                    .help = Some("make an action of each".to_owned());
                None
            }
        }
    }

    fn stop_task(&mut self, path: &str, written: &file::StopTask, known: &Known) -> Option<Deed> {
        let whose = Whose {
            workload: written.workload.as_deref(),
            service: written.service.as_deref(),
            cluster: written.cluster.as_deref(),
        };
        Some(Deed::StopTask {
            workload: self.whose(path, whose, known)?,
            task: written.task,
            reason: written.reason.as_ref().map(|reason| self.reason(reason)),
        })
    }

    fn protect_task(
        &mut self,
        path: &str,
        written: &file::UpdateTaskProtection,
        known: &Known,
    ) -> Option<Deed> {
        let whose = Whose {
            workload: written.workload.as_deref(),
            service: written.service.as_deref(),
            cluster: written.cluster.as_deref(),
        };
        let minutes = written.expires_in_minutes.unwrap_or(PROTECTION_MINUTES);
        Some(Deed::ProtectTask {
            workload: self.whose(path, whose, known)?,
            task: written.task,
            lasts: if written.protection_enabled {
                SimDuration::from_secs(u64::from(minutes) * 60)
            } else {
                SimDuration::ZERO
            },
        })
    }

    /// The workload or service that an action names.
    fn whose(&mut self, path: &str, whose: Whose<'_>, known: &Known) -> Option<WorkloadId> {
        match (whose.workload, whose.service) {
            (Some(name), None) => {
                let place = format!("{path}.workload");
                let workload = self.workload_named(&place, name)?;
                if self.scenario.workloads[workload.index()]
                    .submit_job
                    .is_some()
                {
                    let message = format!("workload {} submits jobs", quoted(name));
                    self.problem(&place, message).help =
                        Some("write cancelJob or terminateJob".to_owned());
                    return None;
                }
                Some(workload)
            }
            (None, Some(name)) => {
                let at = self.which_service(path, name, whose.cluster, known)?;
                Some(known.services[at].workload)
            }
            (None, None) => {
                self.problem(path, "neither workload nor service is given")
                    .help = Some("say whose tasks are meant".to_owned());
                None
            }
            (Some(_), Some(_)) => {
                self.problem(path, "both workload and service are given")
                    .help = Some("make two actions of it".to_owned());
                None
            }
        }
    }

    pub(super) fn workload_named(&mut self, path: &str, name: &str) -> Option<WorkloadId> {
        let workloads = &self.scenario.workloads;
        let at = workloads.iter().position(|it| it.name == name);
        if at.is_none() {
            let message = format!("no workload named {}", quoted(name));
            let names = workloads.iter().map(|it| it.name.as_str());
            let problem = self.document.problem(path, message);
            self.problems
                .push(problem.suggest(name, "workloads", names));
        }
        at.map(WorkloadId::from_index)
    }

    /// The place of a service among those that are known.
    fn which_service(
        &mut self,
        path: &str,
        name: &str,
        cluster: Option<&str>,
        known: &Known,
    ) -> Option<usize> {
        let cluster = match cluster {
            Some(_) => Some(self.cluster(path, cluster)?),
            None => None,
        };
        let services = known.services.iter().enumerate();
        // What is wrong with a broken service has been told: it may stand in any cluster.
        let named = services.filter(|(_, service)| {
            let here = service.state.as_ref().map(|it| it.cluster);
            service.name == name && (cluster.is_none() || here.is_none() || here == cluster)
        });
        let found: Vec<usize> = named.map(|(at, _)| at).collect();
        let place = format!("{path}.service");
        match found.as_slice() {
            [] => {
                let names = known.services.iter().map(|it| it.name.as_str());
                let message = format!(
                    "ServiceNotFoundException: Service not found. (no service named {})",
                    quoted(name)
                );
                let problem = self.document.problem(&place, message);
                self.problems.push(problem.suggest(name, "services", names));
                None
            }
            [at] => Some(*at),
            [at, ..] if cluster.is_some() => Some(*at),
            _ => {
                let message = format!("several clusters have a service named {}", quoted(name));
                self.problem(&place, message).help = Some("give cluster as well".to_owned());
                None
            }
        }
    }

    fn deregister(
        &mut self,
        path: &str,
        written: &file::DeregisterContainerInstance,
    ) -> Option<Deed> {
        let cluster = self.cluster(path, written.cluster.as_deref())?;
        let place = format!("{path}.containerInstance");
        let instance = self.instance(&place, cluster, &written.container_instance)?;
        Some(Deed::Instances {
            cluster,
            instances: vec![instance],
            what: InstanceDeed::Deregister {
                force: written.force,
            },
        })
    }

    fn instances_deed(
        &mut self,
        path: &str,
        cluster: Option<&str>,
        names: &[String],
        what: InstanceDeed,
    ) -> Option<Deed> {
        let cluster = self.cluster(path, cluster)?;
        let before = self.problems.len();
        let mut instances = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let place = format!("{path}.containerInstances[{at}]");
            let Some(id) = self.instance(&place, cluster, name) else {
                continue;
            };
            if what == InstanceDeed::InterruptSpot
                && self.purchase(cluster, id) == Some(Purchase::OnDemand)
            {
                let message = format!("{} is not a Spot instance", quoted(name));
                self.problem(&place, message).help = Some("give it purchase: spot".to_owned());
            }
            if instances.contains(&id) {
                self.problem(&place, format!("{} stands here twice", quoted(name)));
            }
            instances.push(id);
        }
        (self.problems.len() == before).then_some(Deed::Instances {
            cluster,
            instances,
            what,
        })
    }

    /// An instance that is there when the run starts, by name or ARN.
    fn instance(&mut self, path: &str, cluster: ClusterId, name: &str) -> Option<InstanceId> {
        if let Some(number) = self.number_in_environment(cluster, name) {
            return Some(InstanceId(number));
        }
        let known = &self.instances[cluster.index()];
        let short = name.rsplit('/').next().unwrap_or(name);
        let found = known.get(name).or_else(|| known.get(short)).copied();
        if found.is_none() && self.instances_known {
            let descriptions = self.world.clusters[cluster].descriptions().items();
            let names = descriptions.iter().map(|it| it.name.as_str());
            let message = format!(
                "no container instance named {} when the run starts",
                quoted(name)
            );
            let problem = self.document.problem(path, message);
            let problem = problem.suggest(name, "container instances", names);
            self.problems.push(problem);
        }
        found
    }

    fn update_service(
        &mut self,
        path: &str,
        written: &file::UpdateService,
        known: &mut Known,
    ) -> Option<Deed> {
        let at = self.which_service(path, &written.service, written.cluster.as_deref(), known)?;
        let service = &mut known.services[at];
        let change = self.service_change(path, written, service.state.as_mut()?)?;
        Some(Deed::UpdateService {
            service: service.workload,
            change,
        })
    }

    fn resize(
        &mut self,
        path: &str,
        written: &file::UpdateAutoScalingGroup,
        known: &mut Known,
    ) -> Option<Deed> {
        let name = &written.capacity_provider;
        let place = format!("{path}.capacityProvider");
        if file::is_fargate(name) {
            self.problem(&place, format!("{name} has no Auto Scaling group"));
            return None;
        }
        let providers = &self.world.providers;
        let id = providers.ids().find(|id| providers[*id].name == *name);
        let clusters = self.scenario.clusters.iter();
        let mut all = clusters.flat_map(|it| &it.capacity_providers);
        // One that is broken has been told.
        if id.is_none() && !all.clone().any(|it| it.name == *name) {
            let names = all.by_ref().map(|it| it.name.as_str());
            let names: Vec<&str> = names.filter(|it| !file::is_fargate(it)).collect();
            let message = format!("no capacity provider named {}", quoted(name));
            let problem = self.document.problem(&place, message);
            let problem = problem.suggest(name, "capacity providers", names);
            self.problems.push(problem);
        }
        let provider = id?;
        let (min, max) = *known.sizes.get(&provider)?;
        let sizes = (
            written.min_size.unwrap_or(min),
            written.max_size.unwrap_or(max),
        );
        self.check_sizes(path, sizes.0, sizes.1, written.desired_capacity);
        known.sizes.insert(provider, sizes);
        Some(Deed::Resize {
            provider,
            min_size: written.min_size,
            max_size: written.max_size,
            desired: written.desired_capacity,
        })
    }
}
