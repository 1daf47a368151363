//! Capacity providers: FARGATE and FARGATE_SPOT, and Auto Scaling groups with what they launch.

use super::Resolver;
use super::clusters::{Found, one_of};
use crate::api;
use crate::catalogue::Catalogue;
use crate::model::arena::{ClusterId, Id, ProviderId};
use crate::model::instance::{Description, InstanceStatus};
use crate::model::provider::{AutoScalingGroup, ManagedScaling, Provider, ProviderKind, WarmPool};
use crate::scenario::file;
use crate::scenario::problem::did_you_mean;
use crate::time::SimDuration;
use crate::units::Duration;

/// What names of capacity providers are like. Source: ECS API reference, CreateCapacityProvider.
const NAMES: &str = "a name is used once, begins with none of aws, ecs and fargate, and has letters, \
                     digits, hyphens and underscores";

impl<'a> Resolver<'a> {
    /// A capacity provider of the cluster with number `cluster`; `earlier` are those with a group.
    pub(super) fn provider(
        &mut self,
        path: &str,
        cluster: usize,
        written: &file::CapacityProvider,
        catalogue: &Catalogue,
        earlier: &mut Vec<api::CapacityProvider>,
    ) -> Option<Provider> {
        let kind = match written.name.as_str() {
            "FARGATE" => ProviderKind::Fargate,
            "FARGATE_SPOT" => ProviderKind::FargateSpot,
            _ => {
                let group = self.group(path, cluster, written, catalogue, earlier)?;
                ProviderKind::AutoScalingGroup(group)
            }
        };
        let provider = Provider {
            name: written.name.clone(),
            kind,
        };
        if provider.is_fargate() {
            for (key, given) in [
                (
                    "autoScalingGroupProvider",
                    written.auto_scaling_group_provider.is_some(),
                ),
                ("autoScalingGroup", written.auto_scaling_group.is_some()),
            ] {
                if given {
                    let message = format!("{} has no Auto Scaling group", provider.name);
                    self.problem(&format!("{path}.{key}"), message).help =
                        Some("leave it out, or give the provider another name".to_owned());
                }
            }
        }
        Some(provider)
    }

    fn group(
        &mut self,
        path: &str,
        cluster: usize,
        written: &file::CapacityProvider,
        catalogue: &Catalogue,
        earlier: &mut Vec<api::CapacityProvider>,
    ) -> Option<AutoScalingGroup> {
        let managed = written.auto_scaling_group_provider.clone();
        let provider = api::CapacityProvider {
            name: written.name.clone(),
            auto_scaling_group_provider: managed.unwrap_or_default(),
            capacity_provider_arn: None,
            status: None,
            tags: None,
        };
        let valid = provider.validate(earlier);
        if let Err(error) = &valid {
            self.api_problem(path, error.clone());
        }
        let misnamed = valid.as_ref().is_err_and(|error| error.field == "name");
        if let Some(problem) = self.problems.last_mut().filter(|_| misnamed) {
            let near = did_you_mean(&written.name, ["FARGATE", "FARGATE_SPOT"]);
            problem.help = near.or_else(|| Some(NAMES.to_owned()));
        }
        earlier.push(provider.clone());
        let Some(group) = &written.auto_scaling_group else {
            if !misnamed {
                self.problem(path, "the capacity provider has no autoScalingGroup")
                    .help = Some(
                    "write autoScalingGroup: {instanceTypes: [m5.large], maxSize: 10}".to_owned(),
                );
            }
            return None;
        };
        let path = format!("{path}.autoScalingGroup");
        let desired = group.desired_capacity.unwrap_or(group.min_size);
        self.check_sizes(
            &path,
            group.min_size,
            group.max_size,
            group.desired_capacity,
        );
        let zones = group.availability_zones.clone().unwrap_or_default();
        self.check_zones(&path, &zones);
        let types = self.launch_types(&path, group, catalogue)?;
        valid.ok()?;
        Some(AutoScalingGroup {
            cluster: ClusterId::from_index(cluster),
            types,
            zones,
            min_size: group.min_size,
            max_size: group.max_size,
            desired,
            scaling: provider.scaling().map(|scaling| ManagedScaling {
                target_capacity: scaling.target_capacity,
                minimum_step: scaling.minimum_step,
                maximum_step: scaling.maximum_step,
                warm_up: SimDuration::from_secs(scaling.warmup_secs.into()),
            }),
            termination_protection: provider.protects_from_termination(),
            draining: provider.drains(),
            warm_pool: group.warm_pool.map(|pool| WarmPool {
                size: pool.size,
                boot_time: pool.boot_time.span(),
            }),
            boot_time: group.boot_time.map(Duration::span),
        })
    }

    /// That an Auto Scaling group may have these sizes.
    /// Source: Amazon EC2 Auto Scaling API reference, UpdateAutoScalingGroup.
    pub(super) fn check_sizes(&mut self, path: &str, min: u32, max: u32, desired: Option<u32>) {
        if min > max {
            let message = format!("minSize {min} is above maxSize {max}");
            self.problem(&format!("{path}.minSize"), message);
        } else if let Some(desired) = desired.filter(|desired| !(min..=max).contains(desired)) {
            let message =
                format!("desiredCapacity {desired} is not between minSize {min} and maxSize {max}");
            self.problem(&format!("{path}.desiredCapacity"), message);
        }
    }

    /// What a group launches in turn. What is wrong with several types alike is told once.
    fn launch_types(
        &mut self,
        path: &str,
        group: &file::AutoScalingGroup,
        catalogue: &Catalogue,
    ) -> Option<Vec<Description>> {
        if group.instance_types.is_empty() {
            if group.registered_resources.is_none() {
                self.problem(
                    path,
                    "neither instanceTypes nor registeredResources is given",
                )
                .help = Some(
                    "write instanceTypes: [m5.large], or registeredResources: {CPU: 2048, MEMORY: 7680}"
                        .to_owned(),
                );
                return None;
            }
            let alone = self.description(path, "", &alike(group, None), catalogue);
            return alone.map(|description| vec![description]);
        }
        let before = self.problems.len();
        let mut types = Vec::new();
        for (at, name) in group.instance_types.iter().enumerate() {
            let written = alike(group, Some(name));
            let so_far = self.problems.len();
            let key = format!("instanceTypes[{at}]");
            types.extend(self.description(path, &key, &written, catalogue));
            for problem in self.problems.split_off(so_far) {
                if !self.problems[before..].contains(&problem) {
                    self.problems.push(problem);
                }
            }
        }
        (self.problems.len() == before).then_some(types)
    }

    /// Adds the instances that provider number `provider` has when the run starts: types and zones
    /// in turn.
    pub(super) fn launched(&self, provider: usize, made: &Provider, found: &mut Vec<Found>) {
        let Some(group) = made.group() else { return };
        for number in 0..group.desired {
            let alike = &group.types[number as usize % group.types.len()];
            let name = format!("{}/{}", made.name, number + 1);
            let mut instance = one_of(alike, name, &group.zones, number, found.len() + 1);
            instance.provider = Some(ProviderId::from_index(provider));
            found.push((instance, InstanceStatus::Active, true));
        }
    }
}

/// An instance of a group as it would be written alone.
fn alike(
    group: &file::AutoScalingGroup,
    instance_type: Option<&String>,
) -> file::ContainerInstances {
    file::ContainerInstances {
        count: 1,
        name: None,
        instance_type: instance_type.cloned(),
        registered_resources: group.registered_resources,
        reserved_memory: group.reserved_memory,
        availability_zones: None,
        attributes: group.attributes.clone(),
        ec2_instance_id: None,
        status: None,
        agent_connected: None,
        agent_version: group.agent_version.clone(),
        registered_at: None,
        eni_trunking: group.eni_trunking,
        reserved_ports: group.reserved_ports.clone(),
        reserved_ports_udp: group.reserved_ports_udp.clone(),
        usd_per_hour: group.usd_per_hour,
        purchase: group.purchase,
        spot_draining: group.spot_draining,
    }
}
