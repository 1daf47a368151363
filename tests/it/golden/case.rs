//! A golden case: a scenario in a few words, its run, and what ECS answers.

use std::iter;
use std::path::Path;

use stowplan::engine::task::{Task, TaskState};
use stowplan::engine::{self, Occurrence, Outcome, Plan, Recorder, World};
use stowplan::model::arena::{ClusterId, Id, InstanceId, WorkloadId};
use stowplan::model::cluster::Cluster;
use stowplan::model::instance::Instance;
use stowplan::report::wording;
use stowplan::scenario;
use stowplan::scenario::problem::Problems;
use stowplan::time::SimTime;
use stowplan::workload::Call;

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

/// The fields of a request that runs on these capacity providers.
pub fn providers(items: &[(&str, u32, u32)]) -> String {
    let item = |(name, base, weight): &(&str, u32, u32)| {
        format!("{{capacityProvider: {name}, base: {base}, weight: {weight}}}")
    };
    let items: Vec<String> = items.iter().map(item).collect();
    format!("capacityProviderStrategy: [{}]", items.join(", "))
}

/// A scenario being written: instances, the task definition `T`, calls, services, capacity
/// providers and actions, all in YAML flow style.
///
/// Calls at one moment are made in the order in which they are written, after the actions of that
/// moment; services are there from the start. A task runs for an hour, unless told otherwise, and
/// the run stops after half an hour.
#[derive(Clone)]
pub struct Case {
    instances: Vec<String>,
    providers: Vec<String>,
    definition: String,
    others: Vec<String>,
    family: &'static str,
    calls: Vec<String>,
    services: Vec<String>,
    actions: Vec<String>,
    moment: &'static str,
    duration: &'static str,
    life: &'static str,
    beside: &'static str,
    horizon: &'static str,
    assumptions: &'static str,
    fargate: &'static str,
}

impl Case {
    /// A case without anything.
    pub fn new() -> Self {
        Case {
            instances: Vec::new(),
            providers: Vec::new(),
            definition: String::new(),
            others: Vec::new(),
            family: "T",
            calls: Vec::new(),
            services: Vec::new(),
            actions: Vec::new(),
            moment: "0s",
            duration: "1h",
            life: "",
            beside: "",
            horizon: "30m",
            assumptions: "",
            fargate: "",
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

    /// Another task definition, of one container `app` of this size; the calls and services that
    /// follow are for it.
    pub fn other_task(mut self, family: &'static str, cpu: u32, memory: u32) -> Self {
        self.others.push(format!(
            "family: {family}, containerDefinitions: [{{name: app, cpu: {cpu}, memory: {memory}}}]"
        ));
        self.family = family;
        self
    }

    /// A capacity provider with managed scaling of these settings, and a group in zone a of
    /// instances of 2048 CPU units and 4096 MiB.
    pub fn scaled(self, name: &str, scaling: &str, group: &str) -> Self {
        self.scaled_with(name, scaling, "", group)
    }

    /// The same, with fields beside `managedScaling`.
    pub fn scaled_with(self, name: &str, scaling: &str, beside: &str, group: &str) -> Self {
        self.provider(&format!(
            "name: {name}, autoScalingGroupProvider: {{managedScaling: {{status: ENABLED, {scaling}}}, {beside}}}, \
             autoScalingGroup: {{registeredResources: {{CPU: 2048, MEMORY: 4096}}, \
             availabilityZones: [a], {group}}}"
        ))
    }

    /// A capacity provider of these fields.
    pub fn provider(mut self, fields: &str) -> Self {
        self.providers.push(fields.to_owned());
        self
    }

    /// A service of the task definition in use.
    pub fn service(self, name: &str, fields: &str) -> Self {
        self.service_with(name, fields, "")
    }

    /// The same, with fields beside the CreateService call.
    pub fn service_with(mut self, name: &str, fields: &str, beside: &str) -> Self {
        let (family, containers) = (self.family, self.containers());
        self.services.push(format!(
            "createService: {{serviceName: {name}, taskDefinition: {family}, {fields}}}, \
             {containers}, {beside}"
        ));
        self
    }

    /// Something is done at the moment in use.
    pub fn does(mut self, action: &str) -> Self {
        let moment = self.moment;
        self.actions.push(format!("at: {moment}, {action}"));
        self
    }

    /// When the run stops.
    pub fn until(mut self, horizon: &'static str) -> Self {
        self.horizon = horizon;
        self
    }

    /// The moment of the calls and actions that follow.
    pub fn at(mut self, moment: &'static str) -> Self {
        self.moment = moment;
        self
    }

    /// How long the container `app` of the calls and services that follow runs.
    pub fn lasts(mut self, duration: &'static str) -> Self {
        self.duration = duration;
        self
    }

    /// How else it behaves.
    pub fn life(mut self, fields: &'static str) -> Self {
        self.life = fields;
        self
    }

    /// How other containers behave, as in `side: {...}`; else they run as long as their task.
    pub fn beside(mut self, containers: &'static str) -> Self {
        self.beside = containers;
        self
    }

    fn containers(&self) -> String {
        let (duration, life, beside) = (self.duration, self.life, self.beside);
        format!(
            "containers: {{app: {{duration: {{distribution: constant, value: {duration}}}, {life}}}, {beside}}}"
        )
    }

    /// Choices other than the defaults, where AWS documents nothing.
    pub fn assuming(mut self, fields: &'static str) -> Self {
        self.assumptions = fields;
        self
    }

    /// Limits of Fargate.
    pub fn fargate(mut self, fields: &'static str) -> Self {
        self.fargate = fields;
        self
    }

    /// RunTask for `count` tasks.
    pub fn run(self, count: u32, fields: &str) -> Self {
        let family = self.family;
        self.call(&format!(
            "runTask: {{taskDefinition: {family}, count: {count}, {fields}}}"
        ))
    }

    /// StartTask on these instances.
    pub fn start(self, instances: &str, fields: &str) -> Self {
        let family = self.family;
        self.call(&format!(
            "startTask: {{taskDefinition: {family}, containerInstances: [{instances}], {fields}}}"
        ))
    }

    fn call(mut self, request: &str) -> Self {
        let number = self.calls.len();
        let (moment, containers) = (self.moment, self.containers());
        self.calls.push(format!(
            "name: call-{number}, {request}, arrivals: {{process: at, times: [{moment}]}}, {containers}"
        ));
        self
    }

    fn text(&self) -> String {
        let list = |items: &[String]| {
            let items = items.iter().map(|item| format!("{{{item}}}"));
            items.collect::<Vec<_>>().join(",\n  ")
        };
        let others = self.others.iter().map(|other| format!(", {{{other}}}"));
        format!(
            "name: golden\nhorizon: {}\nassumptions: {{{}}}\nfargate: {{{}}}\n\
             subnets: [{{subnetId: subnet-a, availabilityZone: a}}, {{subnetId: subnet-b, availabilityZone: b}}]\n\
             clusters: [{{containerInstances: [\n  {}],\n  capacityProviders: [\n  {}]}}]\n\
             taskDefinitions: [{{family: T, {}}}{}]\n\
             workloads: [\n  {}]\nservices: [\n  {}]\nactions: [\n  {}]\n",
            self.horizon,
            self.assumptions,
            self.fargate,
            list(&self.instances),
            list(&self.providers),
            self.definition,
            others.collect::<String>(),
            list(&self.calls),
            list(&self.services),
            list(&self.actions)
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
    /// How many tasks ECS accepted, also those that wait in PROVISIONING.
    pub accepted: u32,
    /// How many tasks it was asked for; none when it repeats the answer to an earlier call.
    pub wanted: u32,
    /// Whether it was the answer to an earlier call with the same client token.
    pub repeated: bool,
}

/// A task as it was when something last happened to it.
#[derive(Clone)]
pub struct Witnessed {
    /// The task.
    pub task: Task,
    /// Name of its instance; empty without one.
    pub on: String,
    /// `stopCode: stoppedReason`; empty while it is meant to run.
    pub why: String,
    statuses: Vec<(f64, TaskState)>,
}

impl Witnessed {
    /// Each `lastStatus` with the second from which it held, as in `0 PENDING, 3 RUNNING`. A task
    /// that never waited for capacity shows no state before its place.
    pub fn life(&self) -> String {
        let statuses = self.statuses.iter();
        let statuses = statuses.map(|(secs, state)| format!("{secs} {}", state.last_status()));
        statuses.collect::<Vec<_>>().join(", ")
    }

    /// Exit code of the container that ended it, or of its first essential one.
    pub fn exit_code(&self) -> Option<i32> {
        self.task.exit.map(|exit| i32::from(exit.code))
    }

    /// The order that holds of a task's times, and that its status only moves forward.
    fn check(&self) {
        let times = self.task.times;
        let pulled = times.begun.zip(times.pull).map(|(from, span)| from + span);
        let first = [
            Some(times.created),
            times.placed,
            times.begun,
            pulled,
            times.started,
        ];
        let before: Vec<SimTime> = first.into_iter().flatten().collect();
        assert!(before.is_sorted(), "{times:?}");
        for later in [times.stopping, times.execution_stopped, times.stopped] {
            let latest = times.started.unwrap_or(times.created);
            assert!(later.is_none_or(|later| latest <= later), "{times:?}");
            let end = times.stopped.or(later);
            assert!(later <= end, "{times:?}");
        }
        assert!(
            self.statuses.is_sorted_by(|one, next| one.1 <= next.1),
            "{}",
            self.life()
        );
    }
}

/// The end of a case.
pub struct End {
    /// The answers to the calls, in the order in which the calls are written.
    pub answers: Vec<Answer>,
    /// All tasks, in the order of acceptance.
    pub tasks: Vec<Witnessed>,
    /// What happened to instances, capacity providers and services: when, in seconds, and what, as in
    /// `i1 draining`, `cp desired 2` and `web steadyState`.
    pub log: Vec<(f64, String)>,
    /// The state of the cluster.
    pub outcome: Outcome,
}

impl End {
    /// Runs a plan to its end.
    pub fn of(plan: Plan) -> Self {
        let names = plan.workloads.iter().map(|(_, it)| it.name.clone());
        let is_call = |call: &Call| !matches!(call, Call::CreateService(_));
        let calls = plan.workloads.iter().filter(|(_, it)| is_call(&it.call));
        let mut witness = Witness {
            answers: vec![Answer::default(); calls.count()],
            names: names.collect(),
            desired: vec![None; plan.world.providers.len()],
            ..Witness::default()
        };
        let outcome = engine::run(plan, &mut witness);
        witness.tasks.iter().for_each(Witnessed::check);
        End {
            answers: witness.answers,
            tasks: witness.tasks,
            log: witness.log,
            outcome,
        }
    }

    /// The task of this number in the order of acceptance, from 1.
    pub fn task(&self, number: usize) -> &Witnessed {
        &self.tasks[number - 1]
    }

    /// The seconds at which the log tells this.
    pub fn when(&self, what: &str) -> Vec<f64> {
        let lines = self.log.iter().filter(|(_, line)| line == what);
        lines.map(|(secs, _)| *secs).collect()
    }

    /// The lines of the log that begin with a name, as in `0 cp desired 2, 60 cp desired 3`.
    pub fn told_of(&self, name: &str) -> String {
        let lines = self.log.iter().filter(|(_, line)| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(' '))
        });
        let lines = lines.map(|(secs, line)| format!("{secs}{}", &line[name.len()..]));
        lines.collect::<Vec<_>>().join(", ")
    }

    /// Where the tasks are that are meant to run at the end, in alphabetic order; a task that waits
    /// or runs on Fargate is not among them.
    pub fn live_on(&self) -> String {
        let live = self.tasks.iter().filter(|it| it.task.is_desired());
        let mut names: Vec<&str> = live.map(|it| &*it.on).filter(|on| !on.is_empty()).collect();
        names.sort_unstable();
        names.join(" ")
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

/// The recorder.
#[derive(Default)]
struct Witness {
    answers: Vec<Answer>,
    names: Vec<String>,
    tasks: Vec<Witnessed>,
    log: Vec<(f64, String)>,
    /// Desired capacity of each provider that was told last.
    desired: Vec<Option<u32>>,
}

impl Witness {
    /// The answer to a call; none is kept of a service.
    fn to(&mut self, call: WorkloadId) -> Option<&mut Answer> {
        self.answers.get_mut(call.index())
    }

    /// Notes how a task is now.
    fn see(&mut self, now: SimTime, task: &Task, world: &World) {
        let index = task.number as usize - 1;
        if index == self.tasks.len() {
            self.tasks.push(Witnessed {
                task: task.clone(),
                on: String::new(),
                why: String::new(),
                statuses: Vec::new(),
            });
        }
        let cluster = &world.clusters[world.templates[task.template].cluster];
        let seen = &mut self.tasks[index];
        if let Some(id) = task.instance() {
            seen.on.clone_from(&cluster.descriptions()[id].name);
        }
        if let Some(stop) = task.stop {
            let reason = wording::stopped_reason(task, world);
            seen.why = format!("{}: {reason}", stop.code.text());
        }
        let placed = |last: &mut (f64, TaskState)| *last == (now.secs(), TaskState::Waiting);
        seen.statuses.pop_if(placed);
        let status = task.state.last_status();
        let same = |last: &(f64, TaskState)| last.1.last_status() == status;
        if !seen.statuses.last().is_some_and(same) {
            seen.statuses.push((now.secs(), task.state));
        }
        seen.task = task.clone();
    }
}

impl Recorder for Witness {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        let mut tell = |line: String| self.log.push((now.secs(), line));
        match occurrence {
            Occurrence::Accepted(task) => {
                self.see(now, task, world);
                if let Some(answer) = self.to(task.workload) {
                    answer.accepted += 1;
                }
            }
            Occurrence::Placed(task) => {
                self.see(now, task, world);
                let on = self.tasks[task.number as usize - 1].on.clone();
                if let Some(answer) = self.to(task.workload) {
                    answer.tasks.push(on);
                    answer.gpus.push(task.gpus);
                }
            }
            Occurrence::Moved(task)
            | Occurrence::Started(task)
            | Occurrence::HealthChanged(task)
            | Occurrence::Stopping(task)
            | Occurrence::Released(task)
            | Occurrence::Stopped(task) => self.see(now, task, world),
            Occurrence::Refused { call, refusal, .. } => {
                let answer = &mut self.answers[call.workload.index()];
                for (reason, count) in refusal.reasons() {
                    answer
                        .failures
                        .extend(iter::repeat_n(reason.text(), count as usize));
                }
                assert_eq!(
                    answer.accepted + call.missing,
                    call.count,
                    "every task is accepted or refused"
                );
            }
            Occurrence::Repeated { call, .. } => {
                self.answers[call.workload.index()].repeated = true;
            }
            Occurrence::Requested(call) => {
                self.answers[call.workload.index()].wanted = call.count;
            }
            Occurrence::Instance {
                cluster,
                instance,
                change,
            } => {
                let name = &world.clusters[cluster].descriptions()[instance].name;
                tell(format!("{name} {}", wording::instance_change(change)));
            }
            Occurrence::Scaled(scaled) => {
                let name = &world.providers[scaled.provider].name;
                let last = &mut self.desired[scaled.provider.index()];
                if last.replace(scaled.desired) != Some(scaled.desired) {
                    tell(format!("{name} desired {}", scaled.desired));
                }
                if let Some(reservation) = scaled.reservation {
                    tell(format!("{name} at {reservation:.1}"));
                }
            }
            Occurrence::Job { .. }
            | Occurrence::Attempt { .. }
            | Occurrence::JobBlocked { .. }
            | Occurrence::JobRefused { .. } => {}
            Occurrence::Service(note) => {
                let name = &self.names[note.service.index()];
                tell(format!("{name} {}", wording::service_news(&note.what)));
            }
            Occurrence::Queued(_) | Occurrence::GaveUp { .. } => {}
        }
    }
}
