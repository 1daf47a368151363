//! A golden case: jobs in a few words, their run, and what AWS Batch tells about them.

use std::collections::BTreeMap;
use std::path::Path;

use stowplan::engine::job::{Job, JobStatus, Part, Request};
use stowplan::engine::{self, InstanceChange, Occurrence, Outcome, Plan, Recorder, World};
use stowplan::model::arena::{ClusterId, Id, InstanceId, JobId, WorkloadId};
use stowplan::report::wording;
use stowplan::scenario;
use stowplan::time::SimTime;

/// The container has ended, well or not.
pub const EXITED: &str = "Essential container in task exited";
/// A job that it depends on failed.
pub const DEPENDENCY: &str = "Dependent Job failed";
/// A child of the array failed.
pub const CHILD: &str = "Array Child Job failed";
/// The attempt took too long.
pub const TIMEOUT: &str = "Job attempt duration exceeded timeout";

/// A scenario being written, in YAML flow style.
///
/// The environment is `ce`, unless others are given: MANAGED, On-Demand, of one c5.xlarge with 4
/// vCPU and 16384 MiB, there from the start. The queue is `q`, unless others are given: first in,
/// first out, with all environments in their order. Nothing takes time but containers. Jobs of one
/// moment are submitted in the order in which they are written, before the actions of that moment.
#[derive(Clone)]
pub struct Case {
    environments: Vec<String>,
    environment_names: Vec<&'static str>,
    policies: Vec<String>,
    queues: Vec<String>,
    consumables: Vec<String>,
    jobs: Vec<Written>,
    actions: Vec<String>,
    moment: &'static str,
    queue: &'static str,
    horizon: &'static str,
    assumptions: &'static str,
}

/// A job being written.
#[derive(Clone)]
struct Written {
    name: &'static str,
    vcpus: String,
    memory: u32,
    queue: &'static str,
    moment: &'static str,
    submit: Vec<String>,
    dependencies: Vec<String>,
    definition: Vec<String>,
    properties: Vec<String>,
    behaviour: String,
    /// Nodes of a multi-node job, and which is the main one.
    nodes: Option<(u32, u32)>,
}

impl Case {
    /// A case without a job.
    pub fn new() -> Self {
        Case {
            environments: Vec::new(),
            environment_names: Vec::new(),
            policies: Vec::new(),
            queues: Vec::new(),
            consumables: Vec::new(),
            jobs: Vec::new(),
            actions: Vec::new(),
            moment: "0s",
            queue: "q",
            horizon: "",
            assumptions: "",
        }
    }

    // ---- Where jobs run ---------------------------------------------------------------------

    /// A MANAGED environment instead of `ce`: `computeResources` of these fields, beside what every
    /// environment has to have, and without a boot time.
    pub fn environment(self, name: &'static str, resources: &str) -> Self {
        self.environment_with(name, resources, "bootTime: 0s")
    }

    /// The same, with the fields beside `computeResources`.
    pub fn environment_with(self, name: &'static str, resources: &str, beside: &str) -> Self {
        self.environment_of(
            name,
            &format!(
                "type: MANAGED, computeResources: {{instanceRole: ecsInstanceRole, subnets: [subnet-1], \
                 securityGroupIds: [sg-1], {resources}}}, {beside}"
            ),
        )
    }

    /// An environment of these fields.
    pub fn environment_of(mut self, name: &'static str, fields: &str) -> Self {
        self.environment_names.push(name);
        let memory = match fields.contains("c5.xlarge") {
            true => "registeredMemory: {c5.xlarge: 16384 MiB}, ",
            false => "",
        };
        self.environments
            .push(format!("computeEnvironmentName: {name}, {memory}{fields}"));
        self
    }

    /// A queue instead of `q`, with these environments in order; the jobs that follow are for it.
    pub fn queue(mut self, name: &'static str, environments: &[&str], fields: &str) -> Self {
        let order = environments
            .iter()
            .enumerate()
            .map(|(at, environment)| format!("{{order: {at}, computeEnvironment: {environment}}}"));
        let order: Vec<String> = order.collect();
        let order = order.join(", ");
        self.queues.push(format!(
            "jobQueueName: {name}, computeEnvironmentOrder: [{order}], {fields}"
        ));
        self.queue = name;
        self
    }

    /// The jobs that follow are for this queue.
    pub fn in_queue(mut self, name: &'static str) -> Self {
        self.queue = name;
        self
    }

    /// A scheduling policy.
    pub fn policy(mut self, name: &str, fields: &str) -> Self {
        self.policies
            .push(format!("name: {name}, fairsharePolicy: {{{fields}}}"));
        self
    }

    /// A consumable resource: `REPLENISHABLE` or `NON_REPLENISHABLE`.
    pub fn consumable(mut self, name: &str, total: u32, kind: &str) -> Self {
        self.consumables.push(format!(
            "consumableResourceName: {name}, totalQuantity: {total}, resourceType: {kind}"
        ));
        self
    }

    // ---- Jobs -------------------------------------------------------------------------------

    /// A job of so many vCPUs, and 512 MiB, that runs so many seconds and exits with this code: `J`
    /// of `1,10,0`. It is submitted at the moment in use to the queue in use.
    pub fn job(mut self, name: &'static str, what: &str) -> Self {
        let (vcpus, run) = what.split_once(',').expect("vCPUs, duration, exit code");
        let (duration, code) = run.split_once(',').expect("duration and exit code");
        self.jobs.push(Written {
            name,
            vcpus: vcpus.to_owned(),
            memory: 512,
            queue: self.queue,
            moment: self.moment,
            submit: Vec::new(),
            dependencies: Vec::new(),
            definition: Vec::new(),
            properties: Vec::new(),
            behaviour: format!("container: {}", container(duration, code)),
            nodes: None,
        });
        self
    }

    /// The job written last asks for so many MiB.
    pub fn memory(mut self, mebibytes: u32) -> Self {
        self.last().memory = mebibytes;
        self
    }

    /// These fields of its SubmitJob call.
    pub fn submit(mut self, fields: &str) -> Self {
        self.last().submit.push(fields.to_owned());
        self
    }

    /// These fields of its definition.
    pub fn define(mut self, fields: &str) -> Self {
        self.last().definition.push(fields.to_owned());
        self
    }

    /// These fields of its `containerProperties`.
    pub fn properties(mut self, fields: &str) -> Self {
        self.last().properties.push(fields.to_owned());
        self
    }

    /// It may make so many attempts.
    pub fn tries(self, attempts: u32) -> Self {
        self.define(&format!("retryStrategy: {{attempts: {attempts}}}"))
    }

    /// It may make so many attempts, under these rules: `onExitCode: "1", action: EXIT`.
    pub fn rules(self, attempts: u32, rules: &[&str]) -> Self {
        let rules: Vec<String> = rules.iter().map(|rule| format!("{{{rule}}}")).collect();
        let rules = rules.join(", ");
        self.define(&format!(
            "retryStrategy: {{attempts: {attempts}, evaluateOnExit: [{rules}]}}"
        ))
    }

    /// An attempt of it may run for so many seconds.
    pub fn timeout(self, secs: u32) -> Self {
        self.define(&format!("timeout: {{attemptDurationSeconds: {secs}}}"))
    }

    /// It is an array of so many children.
    pub fn array(self, size: u32) -> Self {
        self.submit(&format!("arrayProperties: {{size: {size}}}"))
    }

    /// It waits for these jobs.
    pub fn after(mut self, jobs: &[&str]) -> Self {
        let jobs = jobs.iter().map(|job| format!("{{jobId: {job}}}"));
        self.last().dependencies.extend(jobs);
        self
    }

    /// Each of its children waits for the child of that index of another array.
    pub fn child_by_child(mut self, array: &str) -> Self {
        let dependency = format!("{{jobId: {array}, type: N_TO_N}}");
        self.last().dependencies.push(dependency);
        self
    }

    /// Each of its children waits for the one before it.
    pub fn sequential(mut self) -> Self {
        let dependency = "{type: SEQUENTIAL}".to_owned();
        self.last().dependencies.push(dependency);
        self
    }

    /// Its attempts one by one, seconds and exit code of each: `10,1 10,0`. The last goes for all
    /// that follow.
    pub fn attempts(mut self, each: &str) -> Self {
        self.last().behaviour = format!("attempts: [{}]", attempts(each));
        self
    }

    /// Its children one by one, each with its attempts. The last goes for all that follow.
    pub fn children(mut self, each: &[&str]) -> Self {
        let each = each.iter().map(|child| format!("[{}]", attempts(child)));
        let each: Vec<String> = each.collect();
        self.last().behaviour = format!("children: [{}]", each.join(", "));
        self
    }

    /// It has so many nodes, each of which asks for what it says, and this is the main one.
    pub fn nodes(mut self, count: u32, main: u32) -> Self {
        self.last().nodes = Some((count, main));
        self
    }

    /// Its nodes one by one, each with its attempts. The last goes for all that follow.
    pub fn node_by_node(mut self, each: &[&str]) -> Self {
        let each = each.iter().map(|node| format!("[{}]", attempts(node)));
        let each: Vec<String> = each.collect();
        self.last().behaviour = format!("nodes: [{}]", each.join(", "));
        self
    }

    /// Its container behaves so: `duration: …, imagePull: …`.
    pub fn container(mut self, fields: &str) -> Self {
        self.last().behaviour = format!("container: {{{fields}}}");
        self
    }

    fn last(&mut self) -> &mut Written {
        self.jobs.last_mut().expect("a job before its fields")
    }

    // ---- The run ----------------------------------------------------------------------------

    /// The moment of the jobs and actions that follow.
    pub fn at(mut self, moment: &'static str) -> Self {
        self.moment = moment;
        self
    }

    /// Something is done at the moment in use: `cancelJob: {job: A, reason: x}`.
    pub fn does(mut self, action: &str) -> Self {
        let moment = self.moment;
        self.actions.push(format!("at: {moment}, {action}"));
        self
    }

    /// When the run stops; what falls due then is not done. Without it, when all jobs have ended or
    /// none ever will.
    pub fn until(mut self, horizon: &'static str) -> Self {
        self.horizon = horizon;
        self
    }

    /// Choices about AWS Batch other than the defaults.
    pub fn assuming(mut self, fields: &'static str) -> Self {
        self.assumptions = fields;
        self
    }

    fn text(&self) -> String {
        if self.environments.is_empty() {
            let resources = "type: EC2, allocationStrategy: BEST_FIT, minvCpus: 4, maxvCpus: 4, \
                             instanceTypes: [c5.xlarge]";
            return self.clone().environment("ce", resources).text();
        }
        if self.queues.is_empty() {
            let all = &self.environment_names;
            return self.clone().queue("q", all, "priority: 1").text();
        }
        let list = |items: &[String]| {
            let items = items.iter().map(|item| format!("\n  {{{item}}}"));
            items.collect::<Vec<_>>().join(",")
        };
        let of_jobs = |write: fn(&Written) -> String| {
            let written: Vec<String> = self.jobs.iter().map(write).collect();
            list(&written)
        };
        let horizon = match self.horizon {
            "" => String::new(),
            horizon => format!("horizon: {horizon}\n"),
        };
        format!(
            "name: golden\n{horizon}assumptions: {{awsBatch: {{fargateStart: 0s, {}}}}}\nbatch:\n \
             computeEnvironments: [{}]\n schedulingPolicies: [{}]\n jobQueues: [{}]\n \
             consumableResources: [{}]\n jobDefinitions: [{}]\n\
             workloads: [{}]\nactions: [{}]\n",
            self.assumptions,
            list(&self.environments),
            list(&self.policies),
            list(&self.queues),
            list(&self.consumables),
            of_jobs(Written::definition),
            of_jobs(Written::workload),
            list(&self.actions),
        )
    }

    /// Place and text of the one error that the scenario has.
    pub fn error(&self) -> String {
        let text = self.text();
        match scenario::load_text("golden.yaml", &text, Path::new("")) {
            Ok(_) => panic!("no error in\n{text}"),
            Err(problems) => match problems.as_slice() {
                [problem] => format!("{}: {}", problem.path, problem.message),
                _ => panic!("more than one error:\n{problems}"),
            },
        }
    }

    /// Runs the case to its end.
    pub fn run(&self) -> Ran {
        Ran::of(self.plan())
    }

    /// What the scenario comes to.
    pub fn plan(&self) -> Plan {
        let text = self.text();
        let loaded = scenario::load_text("golden.yaml", &text, Path::new(""));
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}\nin\n{text}"));
        loaded.plan
    }
}

impl Written {
    fn definition(&self) -> String {
        let Written {
            name,
            vcpus,
            memory,
            ..
        } = self;
        let beside: String = self
            .definition
            .iter()
            .map(|field| format!(", {field}"))
            .collect();
        let inside = self.properties.iter().map(|field| format!(", {field}"));
        let inside: String = inside.collect();
        let properties = format!(
            "{{image: i, resourceRequirements: [{{type: VCPU, value: \"{vcpus}\"}}, \
             {{type: MEMORY, value: \"{memory}\"}}]{inside}}}"
        );
        match self.nodes {
            None => format!(
                "jobDefinitionName: {name}, type: container, containerProperties: {properties}{beside}"
            ),
            Some((count, main)) => format!(
                "jobDefinitionName: {name}, type: multinode, nodeProperties: {{numNodes: {count}, \
                 mainNode: {main}, nodeRangeProperties: [{{targetNodes: \"0:\", \
                 container: {properties}}}]}}{beside}"
            ),
        }
    }

    fn workload(&self) -> String {
        let Written {
            name,
            queue,
            moment,
            behaviour,
            ..
        } = self;
        let mut submit = self.submit.clone();
        if !self.dependencies.is_empty() {
            submit.push(format!("dependsOn: [{}]", self.dependencies.join(", ")));
        }
        let beside: String = submit.iter().map(|field| format!(", {field}")).collect();
        format!(
            "name: {name}, submitJob: {{jobName: {name}, jobQueue: {queue}, \
             jobDefinition: {name}{beside}}}, arrivals: {{process: at, times: [{moment}]}}, {behaviour}"
        )
    }
}

fn container(duration: &str, code: &str) -> String {
    format!(
        "{{duration: {{distribution: constant, value: {duration}s}}, exits: [{{weight: 1, exitCode: {code}}}]}}"
    )
}

fn attempts(each: &str) -> String {
    let each = each.split_whitespace().map(|attempt| {
        let (duration, code) = attempt.split_once(',').expect("duration and exit code");
        container(duration, code)
    });
    each.collect::<Vec<_>>().join(", ")
}

/// The end of a case.
///
/// A job goes by the name of its workload, its children by `A:0`, its nodes by `A#0`; of several jobs of a workload the
/// first is meant.
pub struct Ran {
    /// The state of everything.
    pub outcome: Outcome,
    /// Workloads whose SubmitJob was refused, one a call.
    pub refused: Vec<String>,
    names: Vec<String>,
    states: BTreeMap<JobId, Vec<(f64, JobStatus)>>,
    gone: BTreeMap<(ClusterId, InstanceId), f64>,
}

impl Ran {
    fn of(plan: Plan) -> Self {
        let names = plan.workloads.iter().map(|(_, it)| it.name.clone());
        let mut witness = Witness {
            names: names.collect(),
            ..Witness::default()
        };
        let outcome = engine::run(plan, &mut witness);
        let ran = Ran {
            outcome,
            refused: witness.refused,
            names: witness.names,
            states: witness.states,
            gone: witness.gone,
        };
        ran.check();
        ran
    }

    /// What holds of every job.
    fn check(&self) {
        for (id, job) in self.outcome.jobs.iter() {
            let states = &self.states[&id];
            assert_eq!(states.last().map(|last| last.1), Some(job.status));
            let runnable = states.iter().filter(|it| it.1 == JobStatus::Runnable);
            assert_eq!(runnable.count(), usize::from(job.tries), "tries");
            let starting = states.iter().filter(|it| it.1 == JobStatus::Starting);
            let in_flight = matches!(job.status, JobStatus::Starting | JobStatus::Running);
            // A node has an entry for each attempt of its job, also where it was never launched.
            let launched = starting.count();
            let entries = job.attempts.len() + usize::from(in_flight);
            assert!(
                launched == entries || job.is_node() && launched < entries,
                "attempts"
            );
            assert_eq!(
                job.status.is_terminal(),
                job.times.stopped.is_some(),
                "stoppedAt"
            );
            for attempt in &job.attempts {
                assert!(attempt.placed <= attempt.started.unwrap_or(attempt.stopped));
                assert!(attempt.started.unwrap_or(attempt.placed) <= attempt.stopped);
            }
        }
    }

    fn id(&self, name: &str) -> JobId {
        let (name, part) = name.split_at(name.find([':', '#']).unwrap_or(name.len()));
        let index = part.strip_prefix(':').and_then(|it| it.parse().ok());
        let node = part.strip_prefix('#').and_then(|it| it.parse().ok());
        let workload = self.names.iter().position(|it| it == name);
        let workload = WorkloadId::from_index(workload.expect("a workload of this name"));
        let mut jobs = self.outcome.jobs.iter();
        let found = jobs.find(|(_, job)| {
            job.workload == workload && job.index() == index && job.node() == node
        });
        found.expect("a job of this name").0
    }

    /// A job as it is at the end.
    pub fn job(&self, name: &str) -> &Job {
        &self.outcome.jobs[self.id(name)]
    }

    /// Each state with the second in which it was entered: `SB@0 RN@0 ST@0 RG@0 OK@10`.
    pub fn states(&self, name: &str) -> String {
        let states = self.states[&self.id(name)].iter();
        let states = states.map(|(at, status)| format!("{}@{at}", short(*status)));
        states.collect::<Vec<_>>().join(" ")
    }

    /// The state that it was in at a second, after all that happened then.
    pub fn state_in(&self, name: &str, second: f64) -> &'static str {
        let states = self.states[&self.id(name)].iter();
        let last = states.take_while(|(at, _)| *at <= second).last();
        last.map_or("", |(_, status)| short(*status))
    }

    /// Its `statusReason`; empty without one.
    pub fn reason(&self, name: &str) -> String {
        let reason = self.job(name).reason.as_ref();
        reason.map_or(String::new(), |reason| {
            self.outcome.world.status_reason(reason).into_owned()
        })
    }

    /// Its ended attempts, from when to when they ran and the exit code: `0-10 exit 1, 10-20 exit 0`.
    /// One that never ran has a `?` for its start, one without exit code ends there.
    pub fn attempts(&self, name: &str) -> String {
        let attempts = self.job(name).attempts.iter().map(|attempt| {
            let started = attempt.started.map(SimTime::secs);
            let started = started.map_or("?".to_owned(), |secs| secs.to_string());
            let code = attempt.exit.map(|exit| format!(" exit {}", exit.code));
            let code = code.unwrap_or_default();
            format!("{started}-{}{code}", attempt.stopped.secs())
        });
        attempts.collect::<Vec<_>>().join(", ")
    }

    /// `statusReason` of each of them.
    pub fn attempt_reasons(&self, name: &str) -> Vec<String> {
        let world = &self.outcome.world;
        let attempts = self.job(name).attempts.iter();
        let reasons = attempts.map(|it| world.status_reason(&it.reason).into_owned());
        reasons.collect()
    }

    /// The instances that they were placed on.
    pub fn hosts(&self, name: &str) -> Vec<&str> {
        let attempts = self.job(name).attempts.iter();
        let hosts = attempts.filter_map(|it| it.instance);
        let hosts = hosts.map(|(cluster, id)| {
            let cluster = &self.outcome.world.clusters[cluster];
            cluster.descriptions()[id].name.as_str()
        });
        hosts.collect()
    }

    /// `createdAt`, `startedAt` and `stoppedAt` in seconds.
    pub fn times(&self, name: &str) -> (f64, Option<f64>, Option<f64>) {
        let times = self.job(name).times;
        let secs = |at: Option<SimTime>| at.map(SimTime::secs);
        (
            times.created.secs(),
            secs(times.started),
            secs(times.stopped),
        )
    }

    /// Whether it is marked as cancelled or terminated, and with which reason.
    pub fn request(&self, name: &str) -> Option<(Request, &str)> {
        let (request, text) = self.job(name).request?;
        Some((request, &self.outcome.world.reasons[text as usize]))
    }

    /// `statusSummary` of an array, without zeros: `SUCCEEDED 3`.
    pub fn summary(&self, name: &str) -> String {
        let Part::Parent { summary, .. } = &self.job(name).part else {
            panic!("{name} is no array");
        };
        let counts = JobStatus::ALL.iter().zip(summary);
        let counts = counts.filter(|(_, count)| **count > 0);
        let counts = counts.map(|(status, count)| format!("{} {count}", status.text()));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// `jobId`, where that of its parent or its own is `p`.
    pub fn job_id(&self, name: &str) -> String {
        let id = self.id(name);
        let own = wording::job_id(id, &self.outcome.jobs[id]);
        let (first, child) = own.split_at(own.find(':').unwrap_or(own.len()));
        let parent = self.outcome.jobs[id].parent().unwrap_or(id);
        let known = wording::job_id(parent, &self.outcome.jobs[parent]);
        assert_eq!(first, known);
        format!("p{child}")
    }

    /// The instances of an environment that registered, oldest first, each with the seconds in which
    /// it was launched, registered and was gone: `c5.xlarge 0/180/780`.
    pub fn instances(&self, environment: &str) -> Vec<String> {
        let world = &self.outcome.world;
        let mut environments = world.batch.environments.items().iter();
        let found = environments.find(|it| it.name == environment);
        let cluster = found.expect("an environment of this name").cluster;
        let of_cluster = world.clusters[cluster].descriptions().iter();
        let written = of_cluster.map(|(id, it)| {
            let kind = it.instance_type.as_deref().unwrap_or("");
            let gone = self.gone.get(&(cluster, id));
            let gone = gone.map_or("-".to_owned(), f64::to_string);
            format!(
                "{kind} {}/{}/{gone}",
                it.launched_at.secs(),
                it.joined_at.secs()
            )
        });
        written.collect()
    }

    /// The end of a job: how, when and why.
    pub fn end(&self, name: &str) -> (String, String) {
        let last = self.states[&self.id(name)].last();
        let last = last.map(|(at, status)| format!("{}@{at}", short(*status)));
        (last.unwrap_or_default(), self.reason(name))
    }
}

/// A state in two letters.
const fn short(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Submitted => "SB",
        JobStatus::Pending => "PD",
        JobStatus::Runnable => "RN",
        JobStatus::Starting => "ST",
        JobStatus::Running => "RG",
        JobStatus::Succeeded => "OK",
        JobStatus::Failed => "FL",
    }
}

/// The recorder.
#[derive(Default)]
struct Witness {
    names: Vec<String>,
    refused: Vec<String>,
    states: BTreeMap<JobId, Vec<(f64, JobStatus)>>,
    gone: BTreeMap<(ClusterId, InstanceId), f64>,
}

impl Recorder for Witness {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, _: &World) {
        match occurrence {
            Occurrence::Job { id, job, from } => {
                let states = self.states.entry(id).or_default();
                assert_eq!(states.last().map(|last| last.1), from, "no state is missed");
                states.push((now.secs(), job.status));
            }
            Occurrence::Attempt { job, .. } => {
                let last = job.attempts.last();
                assert_eq!(last.map(|attempt| attempt.stopped), Some(now));
            }
            Occurrence::JobRefused { workload, .. } => {
                self.refused.push(self.names[workload.index()].clone());
            }
            Occurrence::Instance {
                cluster,
                instance,
                change: InstanceChange::Terminated,
            } => {
                self.gone.insert((cluster, instance), now.secs());
            }
            _ => {}
        }
    }
}
