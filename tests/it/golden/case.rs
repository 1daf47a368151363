//! A golden case: a scenario in a few words, its run, and what ECS answers.

use std::iter;
use std::path::Path;

use stowplan::engine::{self, Occurrence, Outcome, Plan, Recorder, World};
use stowplan::model::arena::{ClusterId, Id, InstanceId, WorkloadId};
use stowplan::model::cluster::Cluster;
use stowplan::model::instance::Instance;
use stowplan::scenario;
use stowplan::scenario::problem::Problems;
use stowplan::time::SimTime;

/// CPU units or MiB of an instance where the table leaves them open.
pub const ROOMY: u32 = 100_000;

/// The only cluster of a case.
pub const CLUSTER: ClusterId = ClusterId(0);

/// Placement rule: spread over zones.
pub const SPREAD_ZONE: &str = "{type: spread, field: 'attribute:ecs.availability-zone'}";
/// Placement rule: spread over instances.
pub const SPREAD_INSTANCE: &str = "{type: spread, field: instanceId}";
/// Placement rule: least remaining CPU.
pub const BINPACK_CPU: &str = "{type: binpack, field: cpu}";
/// Placement rule: least remaining memory.
pub const BINPACK_MEMORY: &str = "{type: binpack, field: memory}";

/// The constraint that keeps tasks of a group apart.
pub const DISTINCT: &str = "placementConstraints: [{type: distinctInstance}]";
/// What ECS answers when it is not met.
pub const DISTINCT_FAILS: &str = "DistinctInstance placement constraint unsatisfied.";
/// What ECS answers when an expression is not met.
pub const MEMBER_OF_FAILS: &str = "MemberOf placement constraint unsatisfied.";

/// The fields of a request with this strategy chain.
pub fn strategy(rules: &[&str]) -> String {
    format!("placementStrategy: [{}]", rules.join(", "))
}

/// The fields of a request or a task definition with this constraint.
pub fn member_of(expression: &str) -> String {
    format!("placementConstraints: [{{type: memberOf, expression: '{expression}'}}]")
}

/// The fields of a request whose tasks have an interface in this subnet; `subnet-a` and `subnet-b`
/// lie in the zones a and b.
pub fn network(subnet: &str) -> String {
    format!("networkConfiguration: {{awsvpcConfiguration: {{subnets: [{subnet}]}}}}")
}

/// A scenario being written: instances, the task definition `T`, and calls, all in YAML flow style.
///
/// Calls at one moment are made in the order in which they are written. A task runs for an hour,
/// unless told otherwise, and the run stops after half an hour.
#[derive(Clone)]
pub struct Case {
    instances: Vec<String>,
    definition: String,
    calls: Vec<String>,
    moment: &'static str,
    life: &'static str,
    assumptions: &'static str,
}

impl Case {
    /// A case without anything.
    pub fn new() -> Self {
        Case {
            instances: Vec::new(),
            definition: String::new(),
            calls: Vec::new(),
            moment: "0s",
            life: "duration: {distribution: constant, value: 1h}",
            assumptions: "",
        }
    }

    /// An instance in zone a, with these CPU units and MiB.
    pub fn instance(self, name: &str, cpu: u32, memory: u32) -> Self {
        self.instance_in("a", name, cpu, memory)
    }

    /// An instance in a zone.
    pub fn instance_in(self, zone: &str, name: &str, cpu: u32, memory: u32) -> Self {
        self.instance_with(&format!(
            "name: {name}, availabilityZones: [{zone}], registeredResources: {{CPU: {cpu}, MEMORY: {memory}}}"
        ))
    }

    /// An instance with room for everything in zone a, and these fields beside.
    pub fn roomy(self, name: &str, fields: &str) -> Self {
        self.roomy_in("a", name, fields)
    }

    /// The same in a zone.
    pub fn roomy_in(self, zone: &str, name: &str, fields: &str) -> Self {
        self.instance_with(&format!(
            "name: {name}, availabilityZones: [{zone}], \
             registeredResources: {{CPU: {ROOMY}, MEMORY: {ROOMY}, ENI: 2}}, {fields}"
        ))
    }

    /// An instance of these fields.
    pub fn instance_with(mut self, fields: &str) -> Self {
        self.instances.push(fields.to_owned());
        self
    }

    /// `T` has one container, of this size.
    pub fn task(self, cpu: u32, memory: u32) -> Self {
        self.container(&format!("cpu: {cpu}, memory: {memory}"))
    }

    /// `T` has one container, `app`, of these fields.
    pub fn container(self, fields: &str) -> Self {
        self.definition(&format!("containerDefinitions: [{{name: app, {fields}}}]"))
    }

    /// `T` is a small task with one container, and these fields beside.
    pub fn small_task(self, fields: &str) -> Self {
        self.definition(&format!(
            "containerDefinitions: [{{name: app, cpu: 100, memory: 100}}], {fields}"
        ))
    }

    /// `T` has these fields; one of its containers is `app`.
    pub fn definition(mut self, fields: &str) -> Self {
        self.definition = fields.to_owned();
        self
    }

    /// The moment of the calls that follow.
    pub fn at(mut self, moment: &'static str) -> Self {
        self.moment = moment;
        self
    }

    /// How the container `app` of the calls that follow behaves.
    pub fn life(mut self, fields: &'static str) -> Self {
        self.life = fields;
        self
    }

    /// Choices other than the defaults, where AWS documents nothing.
    pub fn assuming(mut self, fields: &'static str) -> Self {
        self.assumptions = fields;
        self
    }

    /// RunTask for `count` tasks.
    pub fn run(self, count: u32, fields: &str) -> Self {
        self.call(&format!(
            "runTask: {{taskDefinition: T, count: {count}, {fields}}}"
        ))
    }

    /// StartTask on these instances.
    pub fn start(self, instances: &str, fields: &str) -> Self {
        self.call(&format!(
            "startTask: {{taskDefinition: T, containerInstances: [{instances}], {fields}}}"
        ))
    }

    fn call(mut self, request: &str) -> Self {
        let number = self.calls.len();
        let (moment, life) = (self.moment, self.life);
        self.calls.push(format!(
            "name: call-{number}, {request}, arrivals: {{process: at, times: [{moment}]}}, containers: {{app: {{{life}}}}}"
        ));
        self
    }

    fn text(&self) -> String {
        let list = |items: &[String]| {
            let items = items.iter().map(|item| format!("{{{item}}}"));
            items.collect::<Vec<_>>().join(",\n  ")
        };
        format!(
            "name: golden\nhorizon: 30m\nassumptions: {{{}}}\n\
             subnets: [{{subnetId: subnet-a, availabilityZone: a}}, {{subnetId: subnet-b, availabilityZone: b}}]\n\
             clusters: [{{containerInstances: [\n  {}]}}]\n\
             taskDefinitions: [{{family: T, {}}}]\n\
             workloads: [\n  {}]\n",
            self.assumptions,
            list(&self.instances),
            self.definition,
            list(&self.calls)
        )
    }

    fn load(&self) -> Result<Plan, Problems> {
        scenario::load_text("golden.yaml", &self.text(), Path::new("")).map(|loaded| loaded.plan)
    }

    /// The scenario, ready to run.
    pub fn plan(&self) -> Plan {
        self.load()
            .unwrap_or_else(|problems| panic!("{problems}\nin\n{}", self.text()))
    }

    /// Place and text of the one error that the scenario has.
    pub fn error(&self) -> String {
        match self.load() {
            Ok(_) => panic!("no error in\n{}", self.text()),
            Err(problems) => match problems.as_slice() {
                [problem] => format!("{}: {}", problem.path, problem.message),
                _ => panic!("more than one error:\n{problems}"),
            },
        }
    }

    /// Runs the case, and asserts what its last call gives: see [`End::gives`].
    pub fn gives(&self, tasks: &str, failures: &[&str]) -> End {
        let end = End::of(self.plan());
        end.gives(tasks, failures);
        end
    }
}

/// What ECS answered to one call.
#[derive(Clone, Default)]
pub struct Answer {
    /// Names of the instances that took a task, in the order of placement.
    pub tasks: Vec<String>,
    /// GPU devices of those tasks, as bits.
    pub gpus: Vec<u64>,
    /// A reason for each instance that was examined in vain, in the order of testing.
    pub failures: Vec<&'static str>,
    /// How many tasks it was asked for; none when it repeats the answer to an earlier call.
    pub wanted: u32,
    /// Whether it was the answer to an earlier call with the same client token.
    pub repeated: bool,
}

/// The end of a case.
pub struct End {
    /// The answers to the calls, in the order in which the calls are written.
    pub answers: Vec<Answer>,
    /// The state of the cluster.
    pub outcome: Outcome,
}

impl End {
    /// Runs a plan to its end.
    pub fn of(plan: Plan) -> Self {
        let mut answers = Answers(vec![Answer::default(); plan.workloads.len()]);
        let outcome = engine::run(plan, &mut answers);
        End {
            answers: answers.0,
            outcome,
        }
    }

    /// Asserts what the last call gave: tasks on these instances, in whatever order, and these
    /// failures.
    pub fn gives(&self, tasks: &str, failures: &[&str]) {
        let last = self.last();
        assert!(last.wanted > 0 || last.repeated, "the call is made");
        let mut found = last.tasks.clone();
        found.sort();
        let mut expected: Vec<&str> = tasks.split_whitespace().collect();
        expected.sort_unstable();
        assert_eq!(
            (found, &last.failures[..]),
            (expected.into_iter().map(str::to_owned).collect(), failures)
        );
    }

    /// The answer to the last call.
    pub fn last(&self) -> &Answer {
        self.answers.last().expect("a case with a call")
    }

    /// CPU units and MiB that remain on an instance.
    pub fn remaining(&self, name: &str) -> (u32, u32) {
        let free = self.instance(name).free;
        (free.cpu, free.memory)
    }

    /// Host ports that are taken on an instance, ascending.
    pub fn ports(&self, name: &str) -> Vec<u16> {
        self.instance(name)
            .ports
            .iter()
            .map(|port| port.port)
            .collect()
    }

    fn instance(&self, name: &str) -> &Instance {
        let cluster = &self.outcome.world.clusters[CLUSTER];
        &cluster.instances()[instance_named(cluster, name)]
    }
}

/// The instance of this name.
pub fn instance_named(cluster: &Cluster, name: &str) -> InstanceId {
    let mut descriptions = cluster.descriptions().iter();
    let found = descriptions.find(|(_, description)| description.name == name);
    found.expect("an instance of the case").0
}

/// The recorder: the answers by call.
struct Answers(Vec<Answer>);

impl Answers {
    fn to(&mut self, call: WorkloadId) -> &mut Answer {
        &mut self.0[call.index()]
    }
}

impl Recorder for Answers {
    fn record(&mut self, _now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        match occurrence {
            Occurrence::Placed(task) => {
                let cluster = &world.clusters[world.templates[task.template].cluster];
                let answer = self.to(task.workload);
                answer.tasks.push(
                    cluster.descriptions()[task.instance().expect("a task on an instance")]
                        .name
                        .clone(),
                );
                answer.gpus.push(task.gpus);
            }
            Occurrence::Refused { call, refusal, .. } => {
                let answer = self.to(call.workload);
                for (reason, count) in refusal.reasons() {
                    answer
                        .failures
                        .extend(iter::repeat_n(reason.text(), count as usize));
                }
                let placed = answer.tasks.len() as u32;
                assert_eq!(
                    placed + call.missing,
                    call.count,
                    "every task is placed or refused"
                );
            }
            Occurrence::Repeated { call, .. } => self.to(call.workload).repeated = true,
            Occurrence::Requested(call) => self.to(call.workload).wanted = call.count,
            _ => {}
        }
    }
}
