//! Clusters and their container instances; `providers` adds those of Auto Scaling groups.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Resolver, is_name, micro_dollars};
use crate::catalogue::Catalogue;
use crate::model::arena::{ClusterId, Id};
use crate::model::cluster::Cluster;
use crate::model::instance::{Description, InstanceStatus, MAX_GPUS, MAX_RESERVED_PORTS, Purchase};
use crate::model::resources::{HostPort, Protocol, Resources};
use crate::scenario::file;
use crate::scenario::problem::{Problem, key_path, quoted};
use crate::time::SimTime;
use crate::units::Timestamp;

/// TCP ports that the agent keeps for itself on Linux.
/// Source: ECS API reference, PortMapping; ECS agent configuration, ECS_RESERVED_PORTS.
const RESERVED_PORTS: [u16; 5] = [22, 2375, 2376, 51678, 51679];

/// The same on Windows.
const RESERVED_PORTS_WINDOWS: [u16; 11] = [
    53, 135, 139, 445, 2375, 2376, 3389, 5985, 5986, 51678, 51679,
];

/// Most container instances of a scenario.
const MOST_INSTANCES: u64 = 5_000_000;

/// An instance to be registered: status, and whether its agent is connected.
pub(super) type Found = (Description, InstanceStatus, bool);

impl<'a> Resolver<'a> {
    pub(super) fn clusters(&mut self, catalogue: &Catalogue) {
        let batch = &self.scenario.batch;
        if self.scenario.clusters.is_empty() && batch.compute_environments.is_empty() {
            let message = "there is neither a cluster nor a compute environment";
            self.problem("clusters", message).help =
                Some("write clusters: [{containerInstances: […]}]".to_owned());
        }
        let (mut names, mut total) = (HashSet::new(), 0);
        let mut earlier = Vec::new();
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
            let standing = groups.iter().map(|group| u64::from(group.count));
            let launched = written.capacity_providers.iter().filter_map(|provider| {
                let group = provider.auto_scaling_group.as_ref()?;
                Some(u64::from(group.desired_capacity.unwrap_or(group.min_size)))
            });
            let before = total;
            total += standing.chain(launched).sum::<u64>();
            if before <= MOST_INSTANCES && total > MOST_INSTANCES {
                let message = format!("more than {MOST_INSTANCES} container instances in all");
                let key = if groups.is_empty() {
                    "capacityProviders"
                } else {
                    "containerInstances"
                };
                self.problem(&format!("{path}.{key}"), message);
            }
            let (mut found, mut ends) = (Vec::new(), Vec::new());
            let groups = groups.iter().enumerate();
            for (at, group) in groups.filter(|_| total <= MOST_INSTANCES) {
                let path = format!("{path}.containerInstances[{at}]");
                self.instances(&path, name, group, catalogue, &mut found);
                ends.push(("containerInstances", found.len()));
            }
            let mut known = BTreeMap::new();
            for (at, provider) in written.capacity_providers.iter().enumerate() {
                let path = format!("{path}.capacityProviders[{at}]");
                let made = self.provider(&path, index, provider, catalogue, &mut earlier);
                if known.contains_key(&provider.name) {
                    let message = format!("a second {} of the cluster", provider.name);
                    // A second name of an Auto Scaling group is ECS's to refuse.
                    if file::is_fargate(&provider.name) {
                        self.problem(&format!("{path}.name"), message);
                    }
                }
                if let Some(provider) = made.filter(|_| total <= MOST_INSTANCES) {
                    self.launched(self.world.providers.len(), &provider, &mut found);
                    known.insert(provider.name.clone(), self.world.providers.push(provider));
                }
                ends.push(("capacityProviders", found.len()));
            }
            self.providers.push(known);
            self.check_instance_names(&path, &found, &ends);
            let id = ClusterId::from_index(index);
            if let Err(error) = self.view(id, &self.provider_names(id)).validate() {
                self.api_problem(&path, error);
            }
            self.register(name, found);
        }
    }

    /// Reports names that stand twice, once for each group of instances; `ends` tells in which list
    /// the groups stand and where in `found` they end.
    fn check_instance_names(
        &mut self,
        path: &str,
        found: &[Found],
        ends: &[(&'static str, usize)],
    ) {
        let (mut seen, mut start) = (HashSet::new(), 0);
        let mut last = ("", 0);
        for (list, end) in ends {
            last = (list, if last.0 == *list { last.1 + 1 } else { 0 });
            let names = found[start..*end].iter().map(|(it, ..)| it.name.as_str());
            let twice = names.filter(|name| !seen.insert(*name));
            if let Some(name) = twice.reduce(|first, _| first) {
                let place = format!("{path}.{list}[{}].name", last.1);
                self.problem(
                    &place,
                    format!("a second container instance named {name:?}"),
                );
            }
            start = *end;
        }
    }

    pub(super) fn catalogue(&mut self) -> Catalogue {
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

    /// What an instance registers, without name, ids and zone; `type_key` is where its type stands.
    pub(super) fn description(
        &mut self,
        path: &str,
        type_key: &str,
        written: &file::ContainerInstances,
        catalogue: &Catalogue,
    ) -> Option<Description> {
        let known = written
            .instance_type
            .as_ref()
            .and_then(|name| catalogue.get(name));
        if let (Some(name), None) = (&written.instance_type, known) {
            if written.registered_resources.is_none() {
                let problem = self.document.problem(
                    &format!("{path}.{type_key}"),
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
                return None;
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
            return None;
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
            return None;
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
        let reserved_ports = self.reserved_ports(path, written, &attributes);
        let on_demand = known.and_then(|known| known.on_demand_usd_per_hour);
        let start = self.scenario.start_date;
        Some(Description {
            name: String::new(),
            ec2_instance_id: None,
            instance_type: written.instance_type.clone(),
            attributes,
            agent_version: written.agent_version.clone(),
            registered_at: written
                .registered_at
                .or(start)
                .map_or(0, Timestamp::unix_secs),
            capacity,
            reserved_ports,
            price: match (written.usd_per_hour, written.purchase) {
                (Some(usd), _) => Some(micro_dollars(usd)),
                (None, file::Purchase::OnDemand) => on_demand.map(|usd| usd.micro_dollars()),
                (None, file::Purchase::Spot) => None,
            },
            gpu_memory: known.and_then(|known| known.gpu_memory_mib),
            purchase: match written.purchase {
                file::Purchase::OnDemand => Purchase::OnDemand,
                file::Purchase::Spot => Purchase::Spot,
            },
            provider: None,
            launched_at: SimTime::ZERO,
            joined_at: SimTime::ZERO,
            spot_draining: written.spot_draining,
        })
    }

    /// The `count` instances that are alike.
    pub(super) fn instances(
        &mut self,
        path: &str,
        cluster: &str,
        written: &file::ContainerInstances,
        catalogue: &Catalogue,
        found: &mut Vec<Found>,
    ) {
        let Some(description) = self.description(path, "instanceType", written, catalogue) else {
            return;
        };
        if let (Some(at), Some(start)) = (written.registered_at, self.scenario.start_date)
            && at > start
        {
            let message = format!("{at} is after the start of the run, {start}");
            self.problem(&format!("{path}.registeredAt"), message).help =
                Some("all instances are there from the start".to_owned());
        }
        let zones = written.availability_zones.as_deref().unwrap_or_default();
        self.check_zones(path, zones);
        let status = written.status.unwrap_or(InstanceStatus::Active);
        let connected = written.agent_connected.unwrap_or(true);
        for number in 0..written.count {
            let suffix = if written.count > 1 {
                format!("-{}", number + 1)
            } else {
                String::new()
            };
            let name = written.name.as_ref().map_or_else(
                || format!("{cluster}/{}", found.len() + 1),
                |name| format!("{name}{suffix}"),
            );
            let mut instance = one_of(&description, name, zones, number, found.len() + 1);
            if let Some(id) = &written.ec2_instance_id {
                instance.ec2_instance_id = Some(format!("{id}{suffix}"));
            }
            found.push((instance, status, connected));
        }
    }

    pub(super) fn check_zones(&mut self, path: &str, zones: &[String]) {
        for (at, zone) in zones.iter().enumerate() {
            if zone.is_empty() || !is_attribute_value(zone) {
                let message = format!("the zone {} {NO_ATTRIBUTE_VALUE}", quoted(zone));
                self.problem(&format!("{path}.availabilityZones[{at}]"), message);
            }
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

    fn reserved_ports(
        &mut self,
        path: &str,
        written: &file::ContainerInstances,
        attributes: &BTreeMap<String, String>,
    ) -> Vec<HostPort> {
        let windows = attributes
            .get("ecs.os-type")
            .is_some_and(|system| system == "windows");
        let usual = if windows {
            &RESERVED_PORTS_WINDOWS[..]
        } else {
            &RESERVED_PORTS[..]
        };
        let tcp = written.reserved_ports.as_deref().unwrap_or(usual);
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
    pub(super) fn register(&mut self, name: &str, mut found: Vec<Found>) {
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
}

/// Instance `number`, from 0, of those that are alike, which is number `place`, from 1, of its cluster.
pub(super) fn one_of(
    alike: &Description,
    name: String,
    zones: &[String],
    number: u32,
    place: usize,
) -> Description {
    let mut instance = Description {
        name,
        ..alike.clone()
    };
    if !zones.is_empty() {
        let zone = &zones[number as usize % zones.len()];
        let attributes = &mut instance.attributes;
        attributes
            .entry("ecs.availability-zone".to_owned())
            .or_insert_with(|| zone.clone());
    }
    if !instance.is_external() {
        instance.ec2_instance_id = Some(format!("i-{place:017x}"));
    }
    instance
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
