//! Random scenarios: small clusters with everything that may happen to them.

use rand::RngExt;
use serde_json::{Map, Value, json};
use stowplan::rng::{Purpose, Stream, Streams};

const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];

/// Instance types with the chance of each: general ones, and some with one or four GPUs.
const TYPES: [&str; 8] = [
    "m5.large",
    "m5.large",
    "m5.xlarge",
    "c5.xlarge",
    "c5.2xlarge",
    "r5.large",
    "g4dn.xlarge",
    "g4dn.12xlarge",
];

/// A task definition as far as calls of it must know.
#[derive(Clone, Debug)]
struct Definition {
    family: String,
    /// Names, each with whether its health is checked.
    containers: Vec<(String, bool)>,
    awsvpc: bool,
    fargate: bool,
}

/// A capacity provider with an Auto Scaling group.
#[derive(Clone, Debug)]
struct Group {
    name: String,
    desired: u32,
    most: u32,
}

/// A cluster as far as calls on it must know.
#[derive(Clone, Debug)]
struct Place {
    name: String,
    instances: Vec<(String, bool)>,
    groups: Vec<Group>,
}

/// A scenario while it is made.
pub struct Scenario {
    stream: Stream,
    seed: u64,
    horizon_minutes: u64,
    definitions: Vec<Definition>,
    places: Vec<Place>,
    workloads: Vec<String>,
    services: Vec<(String, String, bool)>,
}

impl Scenario {
    /// The scenario of `seed`, as JSON, which is YAML.
    pub fn text(seed: u64) -> String {
        let mut scenario = Scenario {
            stream: Streams::new(seed).stream(Purpose::Arrivals, 0, 0),
            seed,
            horizon_minutes: 0,
            definitions: Vec::new(),
            places: Vec::new(),
            workloads: Vec::new(),
            services: Vec::new(),
        };
        serde_json::to_string(&scenario.write()).expect("JSON prints")
    }

    fn below(&mut self, count: usize) -> usize {
        self.stream.random_range(0..count)
    }

    fn within(&mut self, least: u64, most: u64) -> u64 {
        self.stream.random_range(least..=most)
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.stream.random_range(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let at = self.below(of.len());
        of[at].clone()
    }

    fn secs(&mut self, least: u64, most: u64) -> Value {
        json!(format!("{}s", self.within(least, most)))
    }

    fn write(&mut self) -> Value {
        self.horizon_minutes = self.within(20, 240);
        let clusters = 1 + u32::from(self.chance(20));
        let clusters: Vec<Value> = (0..clusters).map(|number| self.cluster(number)).collect();
        let definitions: Vec<Value> = (0..self.within(2, 5))
            .map(|number| self.definition(number))
            .collect();
        let workloads: Vec<Value> = (0..self.within(1, 4))
            .map(|number| self.workload(number))
            .collect();
        let services: Vec<Value> = (0..self.within(0, 3))
            .map(|number| self.service(number))
            .collect();
        let mut actions: Vec<Value> = (0..self.within(0, 12)).map(|_| self.action()).collect();
        actions.retain(|action| action.as_object().is_some_and(|it| it.len() == 2));
        let mut scenario = json!({
            "name": "law",
            "seed": self.seed,
            "horizon": format!("{}m", self.horizon_minutes),
            "warmUp": if self.chance(30) { "10m" } else { "0s" },
            "subnets": [
                {"subnetId": "subnet-a", "availabilityZone": ZONES[0], "vpcId": "vpc-1"},
                {"subnetId": "subnet-b", "availabilityZone": ZONES[1], "vpcId": "vpc-1"},
            ],
            "clusters": clusters,
            "taskDefinitions": definitions,
            "workloads": workloads,
            "services": services,
            "actions": actions,
            "faults": self.faults(),
            "fargate": self.fargate(),
            "assumptions": self.assumptions(),
        });
        if services.is_empty() && self.chance(20) && !self.has_endless() {
            scenario.as_object_mut().map(|it| it.remove("horizon"));
        }
        scenario
    }

    /// Whether something may go on for ever: then a run needs a horizon.
    fn has_endless(&self) -> bool {
        self.places.iter().any(|place| !place.groups.is_empty())
    }

    fn cluster(&mut self, number: u32) -> Value {
        let name = if number == 0 { "default" } else { "other" };
        let (mut instances, mut known) = (Vec::new(), Vec::new());
        for number in 0..self.within(1, 4) {
            let (written, names) = self.instances(number);
            instances.push(written);
            known.extend(names);
        }
        let mut providers = vec![json!({"name": "FARGATE"}), json!({"name": "FARGATE_SPOT"})];
        let mut groups = Vec::new();
        for at in 0..self.below(3) {
            let (written, group, spot) = self.provider(&format!("grow{number}{at}"));
            providers.push(written);
            let started = (1..=group.desired).map(|it| (format!("{}/{it}", group.name), spot));
            known.extend(started);
            groups.push(group);
        }
        let mut cluster = json!({
            "clusterName": name,
            "containerInstances": instances,
            "capacityProviders": providers,
        });
        if !groups.is_empty() && self.chance(30) {
            let first = &groups[0].name;
            cluster["defaultCapacityProviderStrategy"] =
                json!([{"capacityProvider": first, "weight": 1}]);
        }
        self.places.push(Place {
            name: name.to_owned(),
            instances: known,
            groups,
        });
        cluster
    }

    fn instances(&mut self, number: u64) -> (Value, Vec<(String, bool)>) {
        let count = self.within(1, 8);
        let spot = self.chance(25);
        let name = format!("i{number}");
        let kind = self.pick(&TYPES);
        let mut attributes = Map::new();
        if self.chance(50) {
            attributes.insert("rack".into(), json!(self.within(1, 3).to_string()));
        }
        if self.chance(8) {
            attributes.insert("ecs.os-type".into(), json!("windows"));
        }
        if self.chance(4) {
            attributes.insert("ecs.capability.external".into(), Value::Null);
        }
        let mut written = json!({
            "name": name,
            "count": count,
            "instanceType": kind,
            "attributes": attributes,
            "purchase": if spot { "spot" } else { "on-demand" },
            "spotDraining": self.chance(50),
            "eniTrunking": self.chance(30),
        });
        if self.chance(85) {
            let zones = self.within(1, 3) as usize;
            written["availabilityZones"] = json!(ZONES[..zones]);
        }
        if self.chance(15) {
            written["registeredResources"] = json!({"CPU": 2048, "MEMORY": 3000, "ENI": 2});
        }
        if self.chance(5) {
            written["status"] = json!("DRAINING");
        }
        if self.chance(5) {
            written["agentConnected"] = json!(false);
        }
        let named = |at| match count {
            1 => name.clone(),
            _ => format!("{name}-{at}"),
        };
        let names = (1..=count).map(|at| (named(at), spot)).collect();
        (written, names)
    }

    fn provider(&mut self, name: &str) -> (Value, Group, bool) {
        let least = self.within(0, 2) as u32;
        let most = least + self.within(0, 8) as u32;
        let desired = self.within(least.into(), most.into()) as u32;
        let spot = self.chance(25);
        let scaled = self.chance(75);
        let steps = self.within(1, 3);
        let mut types = vec![self.pick(&TYPES)];
        if self.chance(30) {
            types.push("m5.xlarge");
            types.dedup();
        }
        let switch = |on| if on { "ENABLED" } else { "DISABLED" };
        let mut managed = json!({"managedDraining": switch(self.chance(60))});
        if scaled {
            managed["managedTerminationProtection"] = json!(switch(self.chance(50)));
            managed["managedScaling"] = json!({
                "status": "ENABLED",
                "targetCapacity": self.pick(&[100, 100, 80, 50]),
                "minimumScalingStepSize": steps,
                "maximumScalingStepSize": steps + self.within(0, 5),
                "instanceWarmupPeriod": self.pick(&[0, 60, 300]),
            });
        }
        let mut group = json!({
            "instanceTypes": types,
            "availabilityZones": ZONES[..self.within(1, 3) as usize],
            "minSize": least,
            "maxSize": most,
            "desiredCapacity": desired,
            "purchase": if spot { "spot" } else { "on-demand" },
            "spotDraining": self.chance(50),
            "bootTime": self.secs(0, 300),
        });
        if self.chance(30) {
            group["warmPool"] = json!({"size": self.within(1, 3), "bootTime": self.secs(0, 30)});
        }
        let written = json!({
            "name": name,
            "autoScalingGroupProvider": managed,
            "autoScalingGroup": group,
        });
        let group = Group {
            name: name.to_owned(),
            desired,
            most,
        };
        (written, group, spot)
    }

    fn definition(&mut self, number: u64) -> Value {
        let family = format!("f{number}");
        let fargate = self.chance(20);
        let awsvpc = fargate || self.chance(20);
        let host = !awsvpc && self.chance(20);
        let gpu = match fargate {
            true => 99,
            false => self.below(12),
        };
        let containers = self.within(1, 3) as usize;
        let mut written: Vec<Value> = (0..containers)
            .map(|at| self.container(at, fargate))
            .collect();
        let names = written.iter().enumerate();
        let names = names.map(|(at, it)| (format!("c{at}"), it.get("healthCheck").is_some()));
        let names = names.collect();
        match gpu {
            0 => written[0]["resourceRequirements"] = json!([{"type": "GPU", "value": "1"}]),
            1 => written[0]["resourceRequirements"] = json!([{"type": "GPU", "value": "ALL"}]),
            2 | 3 => {
                let memory = self.within(2000, 9000);
                let share = json!({"nvidiaMps": {"memory": memory}});
                written[0]["resourceRequirements"] =
                    json!([{"type": "GPU", "sharingStrategy": share}]);
            }
            _ => {}
        }
        if host || (!awsvpc && self.chance(15)) {
            let port = self.within(8080, 8082);
            let protocol = self.pick(&["tcp", "udp"]);
            written[0]["portMappings"] =
                json!([{"containerPort": port, "hostPort": port, "protocol": protocol}]);
        }
        let mode = match (awsvpc, host) {
            (true, _) => "awsvpc",
            (_, true) => "host",
            _ => "bridge",
        };
        let mut definition = json!({
            "family": family,
            "networkMode": mode,
            "containerDefinitions": written,
        });
        if fargate {
            (definition["cpu"], definition["memory"]) = (json!("1024"), json!("2048"));
            definition["requiresCompatibilities"] = json!(["FARGATE"]);
        } else if self.chance(15) {
            (definition["cpu"], definition["memory"]) = (json!("4096"), json!("8192"));
        }
        if !fargate && self.chance(20) {
            let expression = self.expression();
            definition["placementConstraints"] =
                json!([{"type": "memberOf", "expression": expression}]);
        }
        self.definitions.push(Definition {
            family,
            containers: names,
            awsvpc,
            fargate,
        });
        definition
    }

    fn container(&mut self, at: usize, fargate: bool) -> Value {
        let mut container = json!({"name": format!("c{at}")});
        if !fargate {
            container["cpu"] = json!(self.pick(&[0, 64, 128, 256, 512, 1024]));
            container["memory"] = json!(self.pick(&[128, 256, 500, 1024, 2048]));
        }
        if at > 0 {
            container["essential"] = json!(self.chance(40));
        }
        if self.chance(40) {
            container["healthCheck"] = json!({
                "command": ["CMD", "true"],
                "interval": self.within(5, 30),
                "timeout": 5,
                "retries": self.within(1, 3),
                "startPeriod": self.within(0, 30),
            });
        }
        if self.chance(30) {
            container["stopTimeout"] = json!(self.within(2, 100));
        }
        if self.chance(20) {
            container["startTimeout"] = json!(self.within(2, 100));
        }
        if self.chance(15) {
            container["restartPolicy"] =
                json!({"enabled": true, "restartAttemptPeriod": self.within(60, 120)});
        }
        if at > 0 && self.chance(50) {
            container["dependsOn"] =
                json!([{"containerName": format!("c{}", at - 1), "condition": "START"}]);
        }
        container
    }

    /// An expression of the cluster query language.
    fn expression(&mut self) -> String {
        self.pick(&[
            "attribute:ecs.availability-zone in [us-east-1a, us-east-1b]",
            "attribute:rack == 1 or attribute:rack !exists",
            "not(attribute:ecs.instance-type =~ g4dn.*)",
            "runningTasksCount < 3",
            "not(task:group == family:f0)",
            "task:group == family:f1 or runningTasksCount == 0",
        ])
        .to_owned()
    }

    /// What all calls have that make tasks: where, on what, by which rules.
    fn call(&mut self, definition: &Definition, place: &Place, daemon: bool) -> Value {
        let mut call = json!({"cluster": place.name, "taskDefinition": definition.family});
        if definition.awsvpc {
            let subnets = self.pick(&[vec!["subnet-a"], vec!["subnet-b", "subnet-a"]]);
            call["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": subnets}});
        }
        if definition.fargate {
            call["capacityProviderStrategy"] = match self.below(3) {
                0 => json!([{"capacityProvider": "FARGATE", "weight": 1}]),
                1 => json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]),
                _ => json!([
                    {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
                    {"capacityProvider": "FARGATE_SPOT", "weight": 2},
                ]),
            };
            return call;
        }
        if daemon {
            call["launchType"] = json!("EC2");
        } else if place.groups.is_empty() || self.chance(40) {
            let external = self.chance(5) && !definition.awsvpc;
            call["launchType"] = json!(if external { "EXTERNAL" } else { "EC2" });
        } else {
            let items: Vec<Value> = place
                .groups
                .iter()
                .enumerate()
                .map(|(at, group)| {
                    let weight = self.within(1, 3);
                    let base = if at == 0 { self.within(0, 2) } else { 0 };
                    json!({"capacityProvider": group.name, "weight": weight, "base": base})
                })
                .collect();
            call["capacityProviderStrategy"] = json!(items);
        }
        let mut constraints = Vec::new();
        if !daemon && self.chance(25) {
            constraints.push(json!({"type": "distinctInstance"}));
        }
        if self.chance(30) {
            constraints.push(json!({"type": "memberOf", "expression": self.expression()}));
        }
        call["placementConstraints"] = json!(constraints);
        if !daemon {
            let rules: Vec<Value> = (0..self.below(4)).map(|_| self.strategy()).collect();
            call["placementStrategy"] = json!(rules);
        }
        call
    }

    fn strategy(&mut self) -> Value {
        let field = self.pick(&[
            "instanceId",
            "attribute:ecs.availability-zone",
            "attribute:rack",
            "cpu",
            "memory",
            "",
        ]);
        match field {
            "" => json!({"type": "random"}),
            "cpu" | "memory" => json!({"type": "binpack", "field": field}),
            _ => json!({"type": "spread", "field": field}),
        }
    }

    fn workload(&mut self, number: u64) -> Value {
        let name = format!("w{number}");
        let definition = self.pick(&self.definitions.clone());
        let place = self.pick(&self.places.clone());
        let mut workload = json!({
            "name": name,
            "arrivals": self.arrivals(),
            "containers": self.behaviour(&definition, true),
        });
        if !definition.fargate && self.chance(12) {
            let mut targets = Vec::new();
            for _ in 0..self.within(1, 4) {
                targets.push(self.pick(&place.instances).0);
            }
            let mut call = json!({
                "cluster": place.name,
                "taskDefinition": definition.family,
                "containerInstances": targets,
            });
            if definition.awsvpc {
                call["networkConfiguration"] =
                    json!({"awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"]}});
            }
            workload["startTask"] = call;
        } else {
            let mut call = self.call(&definition, &place, false);
            call["count"] = json!(self.within(1, 10));
            if self.chance(25) {
                call["group"] = json!(self.pick(&["team", "family:f0"]));
            }
            if self.chance(10) {
                call["clientToken"] = json!(format!("token-{name}"));
            }
            workload["runTask"] = call;
        }
        workload["onFailure"] = match self.below(4) {
            0 => json!({"queue": "x-fcfs"}),
            1 => json!({"retry": {
                "first": self.secs(1, 60),
                "factor": self.pick(&[1.0, 2.0]),
                "atMost": "5m",
                "giveUpAfter": self.secs(0, 3600),
            }}),
            2 => json!({"retry": {"first": self.secs(5, 60)}}),
            _ => json!("giveUp"),
        };
        self.workloads.push(name);
        workload
    }

    fn arrivals(&mut self) -> Value {
        let count = self.within(1, 25);
        match self.below(4) {
            0 => {
                json!({"process": "poisson", "rate": format!("{}/h", self.within(5, 60)), "count": count})
            }
            1 => json!({"process": "every", "interval": self.secs(20, 900), "count": count}),
            2 => {
                let times: Vec<Value> =
                    (0..self.within(1, 4)).map(|_| self.secs(0, 3000)).collect();
                json!({"process": "at", "times": times})
            }
            _ => {
                json!({"process": "bursts", "every": self.secs(60, 1800), "size": self.within(1, 6), "count": count})
            }
        }
    }

    /// How the containers of a task behave; those of a call end by themselves.
    fn behaviour(&mut self, definition: &Definition, ends: bool) -> Value {
        let mut behaviours = Map::new();
        for (at, (name, checked)) in definition.containers.iter().enumerate() {
            let mut behaviour = Map::new();
            if (ends && at == 0) || self.chance(15) {
                let duration = match self.below(3) {
                    0 => json!({"distribution": "constant", "value": self.secs(0, 1800)}),
                    1 => {
                        json!({"distribution": "exponential", "mean": self.secs(10, 1800), "atMost": "2h"})
                    }
                    _ => json!({"distribution": "uniform", "min": "1s", "max": self.secs(1, 3600)}),
                };
                behaviour.insert("duration".into(), duration);
                if self.chance(30) {
                    let exits = json!([{"weight": 3, "exitCode": 0}, {"weight": 1, "exitCode": 1}]);
                    behaviour.insert("exits".into(), exits);
                }
            }
            if self.chance(50) {
                let pull = json!({"distribution": "uniform", "min": "0s", "max": self.secs(0, 60)});
                behaviour.insert("imagePull".into(), pull);
                if self.chance(30) {
                    behaviour.insert("imageCached".into(), json!(0.5));
                }
            }
            if self.chance(12) {
                let probability = self.pick(&[0.1, 1.0]);
                let failure = json!({"probability": probability});
                behaviour.insert("imagePullFailure".into(), failure);
            }
            if self.chance(40) {
                let mut sigterm = json!({"ignores": self.chance(40)});
                if !sigterm["ignores"].as_bool().unwrap_or_default() {
                    sigterm["duration"] =
                        json!({"distribution": "constant", "value": self.secs(0, 90)});
                }
                behaviour.insert("onSigterm".into(), sigterm);
            }
            if !definition.fargate && self.chance(12) {
                let memory = json!({
                    "peak": {"distribution": "uniform", "min": 100, "max": 2100},
                    "after": {"distribution": "constant", "value": self.secs(0, 600)},
                });
                behaviour.insert("memoryUse".into(), memory);
            }
            if *checked && self.chance(60) {
                let healthy = json!({"distribution": "constant", "value": self.secs(0, 120)});
                let mut health = json!({"healthyAfter": healthy});
                if self.chance(40) {
                    health["unhealthyAfter"] =
                        json!({"distribution": "constant", "value": self.secs(120, 1800)});
                }
                behaviour.insert("health".into(), health);
            }
            behaviours.insert(name.clone(), behaviour.into());
        }
        behaviours.into()
    }

    fn service(&mut self, number: u64) -> Value {
        let name = format!("s{number}");
        let definition = self.pick(&self.definitions.clone());
        let place = self.pick(&self.places.clone());
        let daemon = !definition.fargate && self.chance(30);
        let mut call = self.call(&definition, &place, daemon);
        call["serviceName"] = json!(name);
        if daemon {
            call["schedulingStrategy"] = json!("DAEMON");
            if self.chance(50) {
                call["deploymentConfiguration"] =
                    json!({"minimumHealthyPercent": self.pick(&[0, 50])});
            }
        } else {
            call["desiredCount"] = json!(self.within(0, 8));
            if self.chance(60) {
                call["deploymentConfiguration"] = self.deployment();
            }
            if self.chance(30) {
                call["availabilityZoneRebalancing"] = json!("DISABLED");
            }
        }
        if self.chance(30) {
            call["healthCheckGracePeriodSeconds"] = json!(self.within(0, 120));
        }
        let ends = self.chance(40);
        let mut service = json!({
            "createService": call,
            "containers": self.behaviour(&definition, ends),
        });
        if self.chance(30) {
            service["loadBalancer"] = json!({
                "registrationDelay": self.secs(0, 30),
                "deregistrationDelay": self.secs(0, 60),
            });
        }
        self.services.push((name, place.name, daemon));
        service
    }

    fn deployment(&mut self) -> Value {
        let mut deployment = json!({
            "minimumHealthyPercent": self.pick(&[0, 50, 75, 100]),
            "maximumPercent": self.pick(&[125, 150, 200]),
        });
        if self.chance(40) {
            deployment["deploymentCircuitBreaker"] = json!({
                "enable": true,
                "rollback": self.chance(50),
                "thresholdConfiguration": {"type": "COUNT", "value": self.within(1, 5)},
            });
        }
        deployment
    }

    /// One thing that is done from outside. Where there is nothing to do it to, it lacks its verb.
    fn action(&mut self) -> Value {
        let at = format!("{}s", self.within(0, self.horizon_minutes * 60));
        let place = self.pick(&self.places.clone());
        let (instance, spot) = self.pick(&place.instances);
        let cluster = place.name.clone();
        let instances = json!({"cluster": cluster, "containerInstances": [instance]});
        let mut whose = match self.services.is_empty() || self.chance(50) {
            true => json!({"workload": self.pick(&self.workloads.clone())}),
            false => {
                let (service, cluster, _) = self.pick(&self.services.clone());
                json!({"service": service, "cluster": cluster})
            }
        };
        let mut action = json!({"at": at});
        match self.below(14) {
            0 => {
                if self.chance(60) {
                    whose["task"] = json!(self.within(1, 12));
                }
                action["stopTask"] = whose;
            }
            1 | 2 => {
                let minutes = self.within(1, 60);
                whose["protectionEnabled"] = json!(true);
                whose["expiresInMinutes"] = json!(minutes);
                action["updateTaskProtection"] = whose;
            }
            3 | 4 => {
                let status = self.pick(&["DRAINING", "DRAINING", "ACTIVE"]);
                action["updateContainerInstancesState"] = json!({
                    "cluster": cluster, "containerInstances": [instance], "status": status,
                });
            }
            5 => {
                action["deregisterContainerInstance"] = json!({
                    "cluster": cluster, "containerInstance": instance, "force": self.chance(70),
                });
            }
            6 => action["terminateInstances"] = instances,
            7 => action["stopInstances"] = instances,
            8 => action["disconnectAgents"] = instances,
            9 => action["connectAgents"] = instances,
            10 if spot => action["interruptSpotInstances"] = instances,
            11 if !place.groups.is_empty() => {
                let group = self.pick(&place.groups);
                let most = u64::from(group.most);
                let least = self.within(0, most);
                let desired = self.within(least, most);
                action["updateAutoScalingGroup"] = json!({
                    "capacityProvider": group.name,
                    "minSize": least, "maxSize": most, "desiredCapacity": desired,
                });
            }
            12 => action["interruptFargateSpot"] = whose,
            _ if !self.services.is_empty() => {
                let (service, cluster, daemon) = self.pick(&self.services.clone());
                action["updateService"] = self.update(&service, &cluster, daemon);
            }
            _ => {}
        }
        action
    }

    fn update(&mut self, service: &str, cluster: &str, daemon: bool) -> Value {
        let mut update = json!({
            "service": service, "cluster": cluster,
            "forceNewDeployment": self.chance(60),
        });
        if !daemon && self.chance(60) {
            update["desiredCount"] = json!(self.within(0, 10));
        }
        if !daemon && self.chance(30) {
            update["deploymentConfiguration"] = self.deployment();
        }
        update
    }

    fn faults(&mut self) -> Value {
        let mut faults = Map::new();
        if self.chance(30) {
            faults.insert("spotInterruptions".into(), json!({"rate": "0.5/h"}));
        }
        if self.chance(25) {
            let mut failures = json!({"mtbf": "10h"});
            if self.chance(50) {
                failures["replaceAfter"] = json!("10m");
            }
            faults.insert("instanceFailures".into(), failures);
        }
        if self.chance(30) {
            faults.insert("fargateSpotInterruptions".into(), json!({"rate": "1/h"}));
        }
        faults.into()
    }

    fn fargate(&mut self) -> Value {
        let mut fargate = Map::new();
        if self.chance(40) {
            fargate.insert("onDemandVcpuQuota".into(), json!(self.within(1, 8)));
            fargate.insert("spotVcpuQuota".into(), json!(self.within(1, 8)));
        }
        if self.chance(30) {
            let rate = json!({"burst": self.within(1, 5), "perSecond": 1});
            fargate.insert("launchRate".into(), rate);
        }
        fargate.into()
    }

    fn assumptions(&mut self) -> Value {
        let mut choices = Map::new();
        let readings = [
            ("ties", "random"),
            ("startTaskMemberOf", "checked"),
            ("resourceRelease", "on-stopped"),
            ("ec2LaunchType", "outside-providers"),
            ("waitingOrder", "head-of-line"),
            ("scaleInOrder", "fullest-zone-newest"),
            ("launchTypeTasks", "do-not-keep"),
        ];
        for (key, reading) in readings {
            if self.chance(25) {
                choices.insert(key.into(), json!(reading));
            }
        }
        if self.chance(3) {
            choices.insert("capabilities".into(), json!("checked"));
        }
        let spans = [
            ("provisioningPatience", 60, 1800),
            ("bootTime", 0, 300),
            ("serviceRetry", 1, 30),
            ("healthyAfter", 0, 60),
            ("interfaceAttachment", 0, 20),
            ("interfaceDetachment", 0, 20),
            ("fargateProvisioning", 0, 30),
            ("fargateDeprovisioning", 0, 30),
            ("clientTokenLifetime", 60, 7200),
        ];
        for (key, least, most) in spans {
            if self.chance(30) {
                choices.insert(key.into(), self.secs(least, most));
            }
        }
        if self.chance(15) {
            choices.insert("provisioningTaskLimit".into(), json!(self.within(1, 8)));
        }
        choices.into()
    }
}
