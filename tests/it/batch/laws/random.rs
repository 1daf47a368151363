//! Random scenarios of AWS Batch: everything that jobs may be, and what may happen to them.

use rand::RngExt;
use serde_json::{Map, Value, json};
use stowplan::rng::{Purpose, Stream, Streams};

/// Instance types of two to eight vCPUs; one has a GPU.
const TYPES: [&str; 7] = [
    "c5.large",
    "c5.xlarge",
    "c5.2xlarge",
    "m5.large",
    "m5.xlarge",
    "r5.large",
    "g4dn.xlarge",
];

const ON_DEMAND: [&str; 3] = [
    "BEST_FIT",
    "BEST_FIT_PROGRESSIVE",
    "BEST_FIT_PROGRESSIVE_ORDERED",
];

const SPOT: [&str; 5] = [
    "BEST_FIT",
    "BEST_FIT_PROGRESSIVE",
    "SPOT_CAPACITY_OPTIMIZED",
    "SPOT_PRICE_CAPACITY_OPTIMIZED",
    "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
];

/// vCPUs and MiB that a job on Fargate may ask for.
const FARGATE: [(&str, u64); 4] = [("0.25", 512), ("0.5", 1024), ("1", 2048), ("2", 4096)];

/// Entries of `evaluateOnExit`.
const RULES: [(&str, &str, &str); 10] = [
    ("onExitCode", "1", "RETRY"),
    ("onExitCode", "1*", "RETRY"),
    ("onExitCode", "2", "EXIT"),
    ("onExitCode", "*", "RETRY"),
    ("onExitCode", "137", "EXIT"),
    ("onReason", "CannotPull*", "RETRY"),
    ("onReason", "OutOfMemory*", "EXIT"),
    ("onStatusReason", "Host EC2*", "RETRY"),
    ("onStatusReason", "Task failed to start", "RETRY"),
    ("onReason", "*", "EXIT"),
];

/// A compute environment as far as queues and actions must know.
#[derive(Clone, Debug)]
struct Environment {
    name: String,
    kind: Kind,
    strategy: &'static str,
    most: u64,
    /// The type that Amazon EC2 runs short of.
    short: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ec2,
    Spot,
    Fargate,
    Unmanaged,
}

/// A queue as far as workloads must know.
#[derive(Clone, Debug)]
struct Queue {
    name: String,
    fargate: bool,
    fair: bool,
    easy: bool,
}

/// A workload as far as others and actions must know.
#[derive(Clone, Debug)]
struct Work {
    name: String,
    /// Children, of an array.
    size: Option<u64>,
}

/// A scenario while it is made.
pub struct Scenario {
    stream: Stream,
    environments: Vec<Environment>,
    queues: Vec<Queue>,
    consumables: Vec<String>,
    definitions: Vec<Value>,
    works: Vec<Work>,
}

impl Scenario {
    /// The scenario of a seed, as JSON, which is YAML.
    pub fn of(seed: u64) -> Value {
        let mut scenario = Scenario {
            stream: Streams::new(seed).stream(Purpose::Arrivals, 0, 0),
            environments: Vec::new(),
            queues: Vec::new(),
            consumables: Vec::new(),
            definitions: Vec::new(),
            works: Vec::new(),
        };
        scenario.write(seed)
    }

    fn within(&mut self, least: u64, most: u64) -> u64 {
        self.stream.random_range(least..=most)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.stream.random_range(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.stream.random_range(0..of.len())].clone()
    }

    fn secs(&mut self, least: u64, most: u64) -> Value {
        json!(format!("{}s", self.within(least, most)))
    }

    fn write(&mut self, seed: u64) -> Value {
        let mut environments = Vec::new();
        for number in 0..self.within(1, 3) {
            let kind = self.pick(&[Kind::Ec2, Kind::Ec2, Kind::Spot, Kind::Unmanaged]);
            environments.push(self.environment(format!("ce{number}"), kind));
        }
        if self.chance(35) {
            environments.push(self.environment("cf".to_owned(), Kind::Fargate));
        }
        let (policies, queues) = self.queues();
        let consumables: Vec<Value> = (0..self.within(0, 2))
            .map(|number| self.consumable(number))
            .collect();
        let mut workloads = Vec::new();
        for number in 0..self.within(2, 4) {
            self.group(number, &mut workloads);
        }
        let mut actions = Vec::new();
        for _ in 0..self.within(0, 30) {
            self.action(&mut actions);
        }
        let faults = self.faults();
        let mut scenario = json!({
            "name": "laws",
            "seed": seed,
            "batch": {
                "computeEnvironments": environments,
                "schedulingPolicies": policies,
                "jobQueues": queues,
                "consumableResources": consumables,
                "jobDefinitions": std::mem::take(&mut self.definitions),
            },
            "workloads": workloads,
            "actions": actions,
            "assumptions": self.assumptions(),
        });
        let endless = faults.as_object().is_some_and(|it| !it.is_empty());
        scenario["faults"] = faults;
        // Hosts that fail and come back do so for ever, also where a job can never run.
        if endless {
            scenario["horizon"] = json!("72h");
        } else if self.chance(10) {
            scenario["horizon"] = json!(format!("{}m", self.within(10, 120)));
        }
        scenario
    }

    // ---- Where jobs run ---------------------------------------------------------------------

    fn environment(&mut self, name: String, kind: Kind) -> Value {
        let most = self.within(2, 48);
        let strategy = match kind {
            Kind::Ec2 => self.pick(&ON_DEMAND),
            _ => self.pick(&SPOT),
        };
        let types = self.types();
        let short = self.pick(&types);
        self.environments.push(Environment {
            name: name.clone(),
            kind,
            strategy,
            most,
            short,
        });
        if kind == Kind::Unmanaged {
            let mut written = json!({
                "computeEnvironmentName": name,
                "type": "UNMANAGED",
                "containerInstances": [{
                    "name": format!("{name}-host"),
                    "count": self.within(1, 4),
                    "instanceType": self.pick(&TYPES),
                }],
            });
            if self.chance(60) {
                written["unmanagedvCpus"] = json!(most);
            }
            return written;
        }
        let mut resources = json!({
            "maxvCpus": most, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"],
        });
        if kind == Kind::Fargate {
            resources["type"] = json!(self.pick(&["FARGATE", "FARGATE_SPOT"]));
            return json!({
                "computeEnvironmentName": name,
                "type": "MANAGED",
                "computeResources": resources,
            });
        }
        resources["type"] = json!(if kind == Kind::Spot { "SPOT" } else { "EC2" });
        resources["instanceRole"] = json!("ecsInstanceRole");
        resources["allocationStrategy"] = json!(strategy);
        resources["minvCpus"] = json!(if self.chance(50) {
            0
        } else {
            self.within(0, most)
        });
        resources["instanceTypes"] = json!(types);
        if kind == Kind::Spot {
            resources["spotIamFleetRole"] = json!("arn:aws:iam::111122223333:role/fleet");
        }
        if self.chance(30) {
            resources["scalingPolicy"] = json!({"minScaleDownDelayMinutes": self.within(20, 60)});
        }
        let mut written = json!({
            "computeEnvironmentName": name,
            "type": "MANAGED",
            "computeResources": resources,
        });
        if self.chance(70) {
            written["bootTime"] = self.secs(0, 180);
        }
        if self.chance(30) {
            written["availabilityZones"] = json!(["us-east-1a", "us-east-1b"]);
        }
        if self.chance(40) {
            let from = self.within(0, 3600);
            let until = from + self.within(60, 3600);
            written["insufficientCapacity"] = json!([{
                "instanceType": short,
                "from": format!("{from}s"),
                "until": format!("{until}s"),
            }]);
        }
        if kind == Kind::Spot && self.chance(50) {
            let depth = self.within(1, 9);
            written["spotDepths"] = json!({types[0]: depth});
        }
        if self.chance(30) {
            written["updatePolicy"] = json!({
                "terminateJobsOnUpdate": self.chance(50),
                "jobExecutionTimeoutMinutes": self.within(1, 30),
            });
        }
        written
    }

    fn types(&mut self) -> Vec<&'static str> {
        let mut types = TYPES.to_vec();
        types.retain(|_| self.stream.random_range(0..100) < 40);
        if types.is_empty() {
            types.push(self.pick(&TYPES));
        }
        types
    }

    fn queues(&mut self) -> (Vec<Value>, Vec<Value>) {
        let (mut policies, mut queues) = (Vec::new(), Vec::new());
        let all = self.environments.clone();
        for fargate in [false, true] {
            let of_kind = all
                .iter()
                .filter(|it| (it.kind == Kind::Fargate) == fargate);
            let names: Vec<&String> = of_kind.map(|it| &it.name).collect();
            if names.is_empty() {
                continue;
            }
            for _ in 0..self.within(1, 3) {
                let name = format!("q{}", queues.len());
                let first = self.within(0, names.len() as u64 - 1) as usize;
                let count = self.within(1, names.len() as u64) as usize;
                let order = names.iter().cycle().skip(first).take(count).enumerate();
                let order =
                    order.map(|(at, name)| json!({"order": at + 1, "computeEnvironment": name}));
                let fair = self.chance(45);
                let mut queue = json!({
                    "jobQueueName": name,
                    "priority": self.within(1, 4),
                    "computeEnvironmentOrder": order.collect::<Vec<_>>(),
                });
                if fair {
                    queue["schedulingPolicyArn"] = json!(format!("p{}", policies.len()));
                    policies.push(json!({
                        "name": format!("p{}", policies.len()),
                        "fairsharePolicy": self.fair_share(),
                    }));
                }
                let order = self.pick(&["", "", "x-fcfs", "x-sjf", "x-easy"]);
                let easy = order == "x-easy" && !fair && !fargate;
                if !order.is_empty() && !fair && (order != "x-easy" || !fargate) {
                    queue["discipline"] = json!(order);
                }
                // Otherwise what can never start holds up a queue for good, and little happens.
                if self.chance(85) {
                    let reasons = [
                        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
                        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
                        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
                    ];
                    let limits = reasons.map(|reason| {
                        json!({"reason": reason, "state": "RUNNABLE", "action": "CANCEL",
                               "maxTimeSeconds": self.within(600, 1200)})
                    });
                    queue["jobStateTimeLimitActions"] = json!(limits);
                }
                queues.push(queue);
                self.queues.push(Queue {
                    name,
                    fargate,
                    fair,
                    easy,
                });
            }
        }
        (policies, queues)
    }

    fn fair_share(&mut self) -> Value {
        let mut policy = json!({
            "shareDecaySeconds": self.pick(&[0, 60, 600, 3600]),
            "computeReservation": self.pick(&[0, 0, 20, 50, 80]),
        });
        if self.chance(70) {
            policy["shareDistribution"] = json!([
                {"shareIdentifier": "A", "weightFactor": self.pick(&[0.125, 0.5, 1.0, 2.0])},
                {"shareIdentifier": "B*", "weightFactor": self.pick(&[0.125, 0.5, 1.0, 2.0])},
            ]);
        }
        policy
    }

    fn consumable(&mut self, number: u64) -> Value {
        let name = format!("r{number}");
        self.consumables.push(name.clone());
        let comes_back = self.chance(60);
        json!({
            "consumableResourceName": name,
            "totalQuantity": if comes_back { self.within(2, 20) } else { self.within(50, 400) },
            "resourceType": if comes_back { "REPLENISHABLE" } else { "NON_REPLENISHABLE" },
        })
    }

    // ---- Jobs -------------------------------------------------------------------------------

    /// Workloads that submit at the same times, each depending on some of those before it.
    fn group(&mut self, number: u64, workloads: &mut Vec<Value>) {
        let mut times = Vec::new();
        for _ in 0..self.within(8, 40) {
            let at = self.within(0, 7200);
            times.extend((0..self.within(1, 2)).map(|_| at));
        }
        times.sort_unstable();
        let times: Vec<String> = times.iter().map(|at| format!("{at}s")).collect();
        let size = self.within(2, 12);
        let mut before: Vec<Work> = Vec::new();
        for member in 0..self.within(1, 5) {
            let name = format!("w{number}{member}");
            let queue = self.pick(&self.queues.clone());
            let gang = !queue.fargate && self.chance(12);
            let is_array = !gang && self.chance(45);
            let work = Work {
                name: name.clone(),
                size: is_array.then_some(size),
            };
            let mut submit = json!({
                "jobName": name, "jobQueue": queue.name, "jobDefinition": name,
                "dependsOn": self.dependencies(is_array, &before),
            });
            if is_array {
                submit["arrayProperties"] = json!({"size": size});
            }
            if queue.fair {
                submit["shareIdentifier"] = json!(self.pick(&["A", "B1", "B2", "C", "D"]));
                submit["schedulingPriorityOverride"] = json!(self.within(0, 2));
            }
            let nodes = self.within(2, 4);
            let definition = self.definition(&name, &queue, gang.then_some(nodes));
            self.definitions.push(definition);
            let mut workload = json!({
                "name": name,
                "submitJob": submit,
                "arrivals": {"process": "at", "times": times},
            });
            if gang && self.chance(60) {
                let each: Vec<Value> = (0..nodes).map(|_| json!([self.container()])).collect();
                workload["nodes"] = json!(each);
            } else if self.chance(25) {
                workload["attempts"] = json!([self.container(), self.container()]);
            } else {
                workload["container"] = self.container();
            }
            workloads.push(workload);
            before.push(work.clone());
            self.works.push(work);
        }
    }

    fn dependencies(&mut self, is_array: bool, before: &[Work]) -> Value {
        let mut on = Vec::new();
        for work in before {
            if self.chance(35) {
                let each = is_array && work.size.is_some() && self.chance(60);
                on.push(match each {
                    true => json!({"jobId": work.name, "type": "N_TO_N"}),
                    false => json!({"jobId": work.name}),
                });
            }
        }
        if is_array && self.chance(30) {
            on.push(json!({"type": "SEQUENTIAL"}));
        }
        json!(on)
    }

    fn definition(&mut self, name: &str, queue: &Queue, nodes: Option<u64>) -> Value {
        let (vcpus, memory) = match queue.fargate {
            true => self.pick(&FARGATE),
            false => {
                let vcpus = self.pick(&["1", "1", "1", "2", "2", "3", "4"]);
                (vcpus, self.within(128, 3500))
            }
        };
        let (vcpus, memory) = match self.chance(2) && !queue.fargate {
            true => ("16", 8192),
            false => (vcpus, memory),
        };
        let mut wanted = vec![
            json!({"type": "VCPU", "value": vcpus}),
            json!({"type": "MEMORY", "value": memory.to_string()}),
        ];
        if !queue.fargate && self.chance(2) {
            wanted.push(json!({"type": "GPU", "value": "1"}));
        }
        let mut container = json!({"image": "i", "resourceRequirements": wanted});
        let mut definition = json!({"jobDefinitionName": name, "type": "container"});
        if queue.fargate {
            container["executionRoleArn"] = json!("arn:aws:iam::111122223333:role/execution");
            definition["platformCapabilities"] = json!(["FARGATE"]);
        }
        let takes = self.consumables.clone();
        let takes = takes.iter().filter(|_| self.chance(15));
        let takes = takes.map(|it| json!({"consumableResource": it, "quantity": 1}));
        let takes = json!({"consumableResourceList": takes.collect::<Vec<_>>()});
        match nodes {
            None => {
                definition["containerProperties"] = container;
                definition["consumableResourceProperties"] = takes;
            }
            Some(nodes) => {
                definition["type"] = json!("multinode");
                definition["nodeProperties"] = json!({
                    "numNodes": nodes,
                    "mainNode": self.within(0, nodes - 1),
                    "nodeRangeProperties": [{
                        "targetNodes": "0:", "container": container,
                        "consumableResourceProperties": takes,
                    }],
                });
            }
        }
        if self.chance(60) {
            let mut retry = json!({"attempts": self.pick(&[1, 2, 2, 3, 3, 4, 10])});
            if self.chance(50) {
                let rules = (0..self.within(1, 4)).map(|_| {
                    let (key, pattern, action) = self.pick(&RULES);
                    json!({key: pattern, "action": action})
                });
                retry["evaluateOnExit"] = json!(rules.collect::<Vec<_>>());
            }
            definition["retryStrategy"] = retry;
        }
        if queue.easy || self.chance(30) {
            definition["timeout"] = json!({"attemptDurationSeconds": self.within(60, 400)});
        }
        definition
    }

    fn container(&mut self) -> Value {
        let mean = self.secs(1, 300);
        let mut container = json!({"duration": match self.chance(50) {
            true => json!({"distribution": "exponential", "mean": mean}),
            false => json!({"distribution": "constant", "value": mean}),
        }});
        if self.chance(60) {
            let bad = self.within(1, 9);
            container["exits"] = json!([
                {"weight": 10, "exitCode": 0},
                {"weight": bad, "exitCode": self.pick(&[1, 1, 2, 137])},
            ]);
        }
        if self.chance(40) {
            container["imagePull"] = json!({"distribution": "constant", "value": self.secs(0, 40)});
        }
        if self.chance(20) {
            let probability = self.pick(&[0.05, 0.3]);
            container["imagePullFailure"] = json!({"probability": probability});
        }
        if self.chance(20) {
            let span = json!({"distribution": "constant", "value": self.secs(0, 60)});
            container["onSigterm"] = json!({"duration": span, "exitCode": self.pick(&[0, 143])});
        }
        container
    }

    // ---- What is done to them ---------------------------------------------------------------

    fn action(&mut self, actions: &mut Vec<Value>) {
        let second = self.within(0, 9000);
        let at = format!("{second}s");
        let later = format!("{}s", second + self.within(1, 1800));
        let environment = self.pick(&self.environments.clone());
        match self.within(0, 11) {
            0..=4 => {
                let verb = self.pick(&["cancelJob", "terminateJob"]);
                let work = self.pick(&self.works.clone());
                let mut whose = json!({"job": work.name, "reason": "enough"});
                if self.chance(90) {
                    whose["number"] = json!(self.within(1, 50));
                }
                if let Some(size) = work.size
                    && self.chance(60)
                {
                    whose["index"] = json!(self.within(0, size - 1));
                }
                actions.push(json!({"at": at, verb: whose}));
            }
            5 => {
                let queue = self.pick(&self.queues.clone()).name;
                let priority = self.within(1, 4);
                actions.push(json!({"at": at, "updateJobQueue":
                    {"jobQueue": queue, "state": "DISABLED", "priority": priority}}));
                actions.push(json!({"at": later, "updateJobQueue":
                    {"jobQueue": queue, "state": "ENABLED"}}));
            }
            6 => {
                let of = |state| json!({"computeEnvironment": environment.name, "state": state});
                actions.push(json!({"at": at, "updateComputeEnvironment": of("DISABLED")}));
                if self.chance(90) {
                    actions.push(json!({"at": later, "updateComputeEnvironment": of("ENABLED")}));
                }
            }
            7 => self.update(&environment, at, actions),
            8 if !self.consumables.is_empty() => {
                let resource = self.pick(&self.consumables.clone());
                let operation = self.pick(&["SET", "ADD", "ADD", "REMOVE"]);
                actions.push(json!({"at": at, "updateConsumableResource": {
                    "consumableResource": resource, "operation": operation,
                    "quantity": self.within(0, 30),
                }}));
            }
            _ if environment.kind == Kind::Fargate => {}
            _ => {
                let name = &environment.name;
                let host = match environment.kind {
                    Kind::Unmanaged => format!("{name}-host"),
                    _ => format!("{name}/{}", self.within(1, 12)),
                };
                let verb = match environment.kind == Kind::Spot && self.chance(60) {
                    true => "interruptSpotInstances",
                    false => "terminateInstances",
                };
                if environment.kind != Kind::Unmanaged {
                    let hosts = json!({"cluster": name, "containerInstances": [host]});
                    actions.push(json!({"at": at, verb: hosts}));
                }
            }
        }
    }

    /// An update of how large an environment is, or of its infrastructure.
    fn update(&mut self, environment: &Environment, at: String, actions: &mut Vec<Value>) {
        let resources = match environment.kind {
            Kind::Unmanaged => return,
            Kind::Fargate => json!({"maxvCpus": self.within(2, 48)}),
            _ if environment.strategy != "BEST_FIT" && self.chance(60) => {
                let mut types = self.types();
                types.retain(|it| *it != environment.short);
                types.push(environment.short);
                json!({"instanceTypes": types})
            }
            _ => {
                let most = self.within(2, 48).max(environment.most / 2);
                json!({"minvCpus": self.within(0, most), "maxvCpus": most})
            }
        };
        actions.push(json!({"at": at, "updateComputeEnvironment": {
            "computeEnvironment": environment.name, "computeResources": resources,
        }}));
    }

    fn faults(&mut self) -> Value {
        let mut faults = Map::new();
        if self.chance(25) {
            faults.insert("spotInterruptions".into(), json!({"rate": "1/h"}));
        }
        if self.chance(20) {
            faults.insert("instanceFailures".into(), json!({"mtbf": "2h"}));
        }
        if self.chance(30) {
            faults.insert("fargateSpotInterruptions".into(), json!({"rate": "1/h"}));
        }
        faults.into()
    }

    fn assumptions(&mut self) -> Value {
        let mut batch = Map::new();
        let spans = [
            ("evaluationDelay", 0, 30),
            ("timeoutLag", 0, 5),
            ("termGrace", 0, 40),
            ("idleTime", 0, 1200),
            ("nodeStart", 0, 20),
            ("inactiveLag", 0, 300),
        ];
        for (key, least, most) in spans {
            if self.chance(30) {
                batch.insert(key.into(), self.secs(least, most));
            }
        }
        if self.chance(30) {
            batch.insert("lookahead".into(), json!(self.within(1, 10)));
        }
        if self.chance(30) {
            batch.insert("exitStarNeedsCode".into(), json!(true));
        }
        if self.chance(30) {
            batch.insert("usageMode".into(), json!("current"));
        }
        json!({"awsBatch": batch})
    }
}
