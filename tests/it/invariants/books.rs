//! A recorder that keeps books of its own and holds every occurrence to the laws.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use stowplan::engine::plan::{Deed, Plan};
use stowplan::engine::task::{Health, Host, StopCode, StopReason, Task, TaskState};
use stowplan::engine::{InstanceChange, Occurrence, Outcome, Recorder, Scaled, World};
use stowplan::model::arena::{Arena, ClusterId, InstanceId, ProviderId, WorkloadId};
use stowplan::model::cluster::{Cluster, Part};
use stowplan::model::instance::{InstanceStatus, Purchase};
use stowplan::model::request::{LaunchOn, Request, StrategyRule};
use stowplan::placement::constraint::{first_failure, in_pool};
use stowplan::placement::scan;
use stowplan::service::deployment::{lower_bound, upper_bound};
use stowplan::time::{SimDuration, SimTime};
use stowplan::workload::service::{DeploymentSettings, Scheduling};
use stowplan::workload::{Call, Workload};

use super::ledger::{Held, Stay, check_agent};

/// More occurrences than this at one moment, or events in a run, are a loop.
const MOST_AT_ONCE: u64 = 1_000_000;
const MOST_EVENTS: u64 = 20_000_000;

/// An instance of a cluster.
type Spot = (ClusterId, InstanceId);

/// What happened, in a number: two runs that differ in anything told differ in it.
#[derive(Default)]
pub struct Digest(DefaultHasher);

impl Digest {
    pub fn value(&self) -> u64 {
        self.0.finish()
    }
}

impl Recorder for Digest {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, _: &World) {
        let hasher = &mut self.0;
        now.micros().hash(hasher);
        std::mem::discriminant(&occurrence).hash(hasher);
        match occurrence {
            Occurrence::Accepted(task)
            | Occurrence::Placed(task)
            | Occurrence::Moved(task)
            | Occurrence::Started(task)
            | Occurrence::HealthChanged(task)
            | Occurrence::Stopping(task)
            | Occurrence::Released(task)
            | Occurrence::Stopped(task) => {
                (task.number, task.state as u8, task.gpus).hash(hasher);
                (task.instance(), task.workload, task.key).hash(hasher);
            }
            Occurrence::Instance {
                cluster,
                instance,
                change,
            } => (cluster, instance, change as u8).hash(hasher),
            Occurrence::Requested(call)
            | Occurrence::Queued(call)
            | Occurrence::Refused { call, .. }
            | Occurrence::GaveUp { call, .. }
            | Occurrence::Repeated { call, .. } => {
                (call.workload, call.number, call.missing).hash(hasher);
            }
            Occurrence::Scaled(scaled) => (scaled.provider, scaled.desired).hash(hasher),
            Occurrence::Job { id, job, .. }
            | Occurrence::Attempt { id, job }
            | Occurrence::JobBlocked { id, job } => {
                (id, job.status as u8).hash(hasher);
            }
            Occurrence::JobRefused { workload, kind } => (workload, kind).hash(hasher),
            Occurrence::Service(note) => (note.service, note.deployment).hash(hasher),
        }
    }
}

/// The tasks of a workload.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    asked: u64,
    accepted: u64,
    given_up: u64,
}

/// What a service has been told to keep.
#[derive(Clone, Copy, Debug)]
struct Kept {
    scheduling: Scheduling,
    desired: u32,
    settings: DeploymentSettings,
}

/// The books.
pub struct Books {
    workloads: Arena<WorkloadId, Workload>,
    /// Changes of services that are still to come, latest first.
    changes: Vec<stowplan::engine::plan::Action>,
    /// Instances that something is done to from outside.
    touched: BTreeSet<Spot>,
    instances_fail: bool,
    /// The clusters right before each occurrence, by the occurrences alone.
    clusters: Arena<ClusterId, Cluster>,
    held: BTreeMap<Spot, Held>,
    stays: BTreeMap<Spot, Vec<Stay>>,
    /// Tasks in the order in which they came to the agent of their instance.
    came: BTreeMap<Spot, Vec<u64>>,
    live: BTreeMap<u64, Task>,
    stopped: u64,
    accounts: BTreeMap<WorkloadId, Account>,
    services: BTreeMap<WorkloadId, Kept>,
    desired: BTreeMap<ProviderId, u32>,
    read_at: BTreeMap<ProviderId, SimTime>,
    fargate_used: [u64; 2],
    now: SimTime,
    at_once: u64,
    pub digest: Digest,
}

impl Books {
    pub fn new(plan: &Plan) -> Self {
        let mut clusters = plan.world.clusters.clone();
        for (_, template) in plan.world.templates.iter() {
            for launch in &template.launches {
                for rule in &plan.world.rules[launch.rules].strategies {
                    if let StrategyRule::SpreadAttribute(name) = rule {
                        clusters[template.cluster].track(template.group, name);
                    }
                }
            }
        }
        let mut touched = BTreeSet::new();
        for action in &plan.actions {
            if let Deed::Instances {
                cluster, instances, ..
            } = &action.what
            {
                touched.extend(instances.iter().map(|id| (*cluster, *id)));
            }
        }
        let services = plan.workloads.iter().filter_map(|(id, workload)| {
            let Call::CreateService(service) = &workload.call else {
                return None;
            };
            let kept = Kept {
                scheduling: service.scheduling,
                desired: service.desired,
                settings: service.deployment,
            };
            Some((id, kept))
        });
        Books {
            services: services.collect(),
            workloads: plan.workloads.clone(),
            changes: plan.actions.iter().rev().cloned().collect(),
            touched,
            instances_fail: plan.faults.instance_failure.is_some(),
            clusters,
            held: BTreeMap::new(),
            stays: BTreeMap::new(),
            came: BTreeMap::new(),
            live: BTreeMap::new(),
            stopped: 0,
            accounts: BTreeMap::new(),
            desired: BTreeMap::new(),
            read_at: BTreeMap::new(),
            fargate_used: [0, 0],
            now: SimTime::ZERO,
            at_once: 0,
            digest: Digest::default(),
        }
    }

    fn tick(&mut self, now: SimTime) {
        assert!(now >= self.now, "time goes back");
        self.at_once = if now > self.now { 0 } else { self.at_once + 1 };
        assert!(self.at_once < MOST_AT_ONCE, "{now} s never ends");
        self.now = now;
        while self.changes.last().is_some_and(|action| action.at <= now) {
            let action = self.changes.pop().expect("just seen");
            if let Deed::UpdateService { service, change } = action.what {
                let kept = self.services.get_mut(&service).expect("a known service");
                kept.desired = change.desired.unwrap_or(kept.desired);
                kept.settings = change.deployment.unwrap_or(kept.settings);
            }
        }
    }

    fn account(&mut self, workload: WorkloadId) -> &mut Account {
        self.accounts.entry(workload).or_default()
    }

    fn is_daemon(&self, workload: WorkloadId) -> bool {
        let kept = self.services.get(&workload);
        kept.is_some_and(|kept| kept.scheduling == Scheduling::Daemon)
    }

    /// Tasks of a workload that are meant to run.
    fn meant(&self, workload: WorkloadId) -> impl Iterator<Item = &Task> {
        let tasks = self.live.values();
        tasks.filter(move |task| task.workload == workload && task.is_desired())
    }

    /// Holds a task to what was known of it, and notes what is known now.
    fn follow(&mut self, task: &Task) {
        let known = self.live.get(&task.number).expect("an accepted task");
        assert!(
            last_status(known.state) <= last_status(task.state),
            "lastStatus moves back"
        );
        let (then, times) = (known.times, task.times);
        assert_eq!(
            (then.requested, then.created),
            (times.requested, times.created)
        );
        let once = [
            (then.placed, times.placed),
            (then.released, times.released),
            (then.begun, times.begun),
            (then.started, times.started),
            (then.stopping, times.stopping),
            (then.stopped, times.stopped),
        ];
        for (before, after) in once {
            assert!(
                before.is_none() || before == after,
                "a moment is written twice"
            );
            assert!(after.is_none_or(|it| it <= self.now), "a moment to come");
        }
        // The end of execution is known beforehand, and comes sooner when the instance is lost.
        if let Some(before) = then.execution_stopped {
            let after = times.execution_stopped.expect("it stays");
            assert!(after == before || (self.now <= after && after < before));
        }
        assert!(
            known.stop.is_none() || known.stop == task.stop,
            "one reason to stop"
        );
        assert!(
            known.host.is_none() || known.host == task.host,
            "a task stays where it is"
        );
        self.live.insert(task.number, task.clone());
        self.check_times(task);
    }

    fn check_times(&self, task: &Task) {
        let times = task.times;
        let pulled = times.begun.and_then(|begun| Some(begun + times.pull?));
        let pulled = pulled.filter(|_| times.started.is_some());
        let until_stop = [
            Some(times.requested),
            Some(times.created),
            times.placed,
            times.begun,
            pulled,
            times.started,
            times.stopping,
            times.stopped,
        ];
        let executed = [
            times.begun,
            pulled,
            times.started,
            times.execution_stopped,
            times.stopped,
        ];
        let released = [times.placed, times.stopping, times.released, times.stopped];
        for order in [&until_stop[..], &executed, &released] {
            assert!(
                order.iter().flatten().is_sorted(),
                "moments out of order: {task:?}"
            );
        }
        assert_eq!(
            times.stopped.is_some(),
            task.state == TaskState::Stopped,
            "{task:?}"
        );
        assert_eq!(times.stopping.is_some(), task.stop.is_some());
    }

    fn placed(&mut self, task: &Task, world: &World) {
        let template = &world.templates[task.template];
        let cluster = template.cluster;
        let launch = &template.launches[usize::from(task.launch)];
        let host = task.host.expect("a placed task has a host");
        let Host::Instance(id) = host else {
            return self.placed_on_fargate(task, world);
        };
        assert!(
            self.live[&task.number].host.is_none(),
            "a task is placed once"
        );
        let request = Request {
            rules_id: launch.rules,
            rules: &world.rules[launch.rules],
            demand: &template.demand,
            group: template.group,
        };
        let before = &self.clusters[cluster];
        let instance = &before.instances()[id];
        assert!(
            instance.is_placeable() && instance.left_at.is_none(),
            "placed where nothing may be"
        );
        assert_eq!(
            first_failure(before, id, &request),
            None,
            "placed against a constraint"
        );
        let others = || {
            let tasks = self.live.values();
            tasks.filter(|it| {
                it.is_desired()
                    && it.instance() == Some(id)
                    && world.templates[it.template].cluster == cluster
            })
        };
        if template.distinct_instance {
            let shares = |it: &Task| world.templates[it.template].group == template.group;
            assert!(!others().any(shares), "distinctInstance");
        }
        match &self.workloads[task.workload].call {
            Call::StartTask { .. } => {}
            Call::CreateService(_) if self.is_daemon(task.workload) => {
                let twice = others().any(|it| it.workload == task.workload);
                assert!(!twice, "a daemon has two tasks on an instance");
            }
            Call::RunTask { .. } | Call::CreateService(_) | Call::SubmitJob(_) => {
                assert!(
                    in_pool(before, id, request.rules.pool),
                    "placed outside its pool"
                );
                check_first_rule(before, id, &request);
            }
        }
        let held = self.held.entry((cluster, id)).or_default();
        held.take(task, &template.demand, &before.instances()[id]);
        let gpus = self.clusters[cluster].place(id, &template.demand, template.group);
        assert_eq!(gpus, task.gpus, "the first free GPUs");
        self.compare((cluster, id), world);
    }

    fn placed_on_fargate(&mut self, task: &Task, world: &World) {
        let spot = matches!(task.host, Some(Host::Fargate { spot: true, .. }));
        let used = &mut self.fargate_used[usize::from(spot)];
        *used += u64::from(world.templates[task.template].demand.resources.cpu);
        let quota = match spot {
            true => world.fargate.spot_quota,
            false => world.fargate.on_demand_quota,
        };
        assert!(quota.is_none_or(|quota| *used <= quota), "Fargate's quota");
    }

    /// Notes the moment a task comes to the agent of its instance.
    fn comes(&mut self, task: &Task, world: &World) {
        if let (Some(id), TaskState::Pending | TaskState::Queued) = (task.instance(), task.state) {
            let place = (world.templates[task.template].cluster, id);
            let came = self.came.entry(place).or_default();
            if !came.contains(&task.number) {
                came.push(task.number);
            }
        }
    }

    fn compare(&self, (cluster, id): Spot, world: &World) {
        let known = &world.clusters[cluster];
        let instance = &known.instances()[id];
        let nothing = Held::default();
        let held = self.held.get(&(cluster, id)).unwrap_or(&nothing);
        held.compare(instance, &known.descriptions()[id]);
    }

    fn compare_all(&self, world: &World) {
        let mut meant: BTreeMap<Spot, u32> = BTreeMap::new();
        for task in self.live.values().filter(|task| task.is_desired()) {
            if let Some(id) = task.instance() {
                let cluster = world.templates[task.template].cluster;
                *meant.entry((cluster, id)).or_default() += 1;
            }
        }
        for (cluster, known) in world.clusters.iter() {
            for (id, instance) in known.instances().iter() {
                self.compare((cluster, id), world);
                let mirror = &self.clusters[cluster].instances()[id];
                assert_eq!(
                    (
                        instance.status,
                        instance.agent_connected,
                        instance.left_at,
                        instance.tasks
                    ),
                    (
                        mirror.status,
                        mirror.agent_connected,
                        mirror.left_at,
                        mirror.tasks
                    ),
                    "instance {cluster}/{id} changed unseen"
                );
                let tasks = meant.get(&(cluster, id)).copied().unwrap_or(0);
                assert_eq!(instance.tasks, tasks, "tasks of {cluster}/{id}");
            }
        }
    }

    fn stopping(&mut self, task: &Task, world: &World) {
        let stop = task.stop.expect("a task that stops has a reason");
        let template = &world.templates[task.template];
        if stop.code == StopCode::ServiceSchedulerInitiated {
            self.stopped_by_service(task, world);
        }
        let Some(id) = task.instance() else {
            return;
        };
        self.clusters[template.cluster].leave(id, template.group);
        if stop.code == StopCode::TerminationNotice && self.keeps(task, world) {
            let place = (template.cluster, id);
            assert!(
                !self.is_protected(place, world),
                "scale-in takes a protected instance with tasks"
            );
        }
    }

    /// Whether a task keeps an instance of a protected group from scale-in.
    fn keeps(&self, task: &Task, world: &World) -> bool {
        let launch = &world.templates[task.template].launches[usize::from(task.launch)];
        let counts = matches!(launch.on, LaunchOn::Provider(_)) || world.choices.launch_type_counts;
        counts && !self.is_daemon(task.workload)
    }

    /// Whether scale-in may not take an instance with tasks, and nothing else may happen to it.
    fn is_protected(&self, (cluster, id): Spot, world: &World) -> bool {
        let description = &world.clusters[cluster].descriptions()[id];
        let provider = description.provider.map(|it| &world.providers[it]);
        let group = provider.and_then(|provider| provider.group());
        group.is_some_and(|group| group.termination_protection)
            && !self.instances_fail
            && !self.touched.contains(&(cluster, id))
    }

    /// A service's own stop leaves as many healthy tasks as its lower bound says, and protected
    /// tasks alone.
    fn stopped_by_service(&self, task: &Task, world: &World) {
        let kept = self.services[&task.workload];
        if kept.scheduling == Scheduling::Daemon {
            return;
        }
        let runs = task.state == TaskState::Running;
        let reason = task.stop.map(|stop| stop.reason);
        let protected = runs && self.now < task.aside().protected_until;
        assert!(
            !protected || reason == Some(StopReason::Unhealthy),
            "a protected task is stopped"
        );
        if !self.is_healthy(task, world) {
            return;
        }
        let others = self.meant(task.workload);
        let healthy = others
            .filter(|it| it.number != task.number && self.is_healthy(it, world))
            .count();
        let least = lower_bound(kept.desired, kept.settings.minimum_healthy_percent);
        assert!(
            healthy as u64 >= least,
            "{healthy} healthy tasks are left, not {least}"
        );
    }

    fn is_healthy(&self, task: &Task, world: &World) -> bool {
        let Some(started) = task
            .times
            .started
            .filter(|_| task.state == TaskState::Running)
        else {
            return false;
        };
        let containers = &world.behaviours[task.behaviour];
        let checked = containers
            .iter()
            .any(|it| it.essential && it.health_check.is_some());
        match checked {
            true => task.health == Health::Healthy,
            false => self.now.since(started) >= world.choices.healthy_after,
        }
    }

    fn accepted(&mut self, task: &Task) {
        let number = self.live.len() as u64 + self.stopped + 1;
        assert_eq!(task.number, number, "tasks are numbered");
        assert_eq!(task.times.created, self.now);
        self.live.insert(task.number, task.clone());
        self.check_times(task);
        let account = self.account(task.workload);
        account.accepted += 1;
        assert_eq!(task.of_workload, account.accepted);
        let Some(kept) = self.services.get(&task.workload).copied() else {
            return;
        };
        self.account(task.workload).asked += 1;
        if kept.scheduling == Scheduling::Replica {
            let most = upper_bound(kept.desired, kept.settings.maximum_percent);
            let tasks = self.meant(task.workload).count() as u64;
            assert!(tasks <= most, "{tasks} tasks of a service, at most {most}");
        }
    }

    fn released(&mut self, task: &Task, world: &World) {
        let template = &world.templates[task.template];
        let Some(id) = task.instance() else {
            return;
        };
        let mirror = &mut self.clusters[template.cluster];
        let place = (template.cluster, id);
        let held = self.held.get_mut(&place).expect("it was placed");
        held.give_back(task, &template.demand, &mirror.instances()[id]);
        mirror.free(id, &template.demand, template.group, task.gpus, Part::Body);
        self.compare(place, world);
    }

    fn has_stopped(&mut self, task: &Task, world: &World) {
        self.live.remove(&task.number);
        self.stopped += 1;
        let template = &world.templates[task.template];
        match task.host {
            Some(Host::Instance(id)) => {
                let place = (template.cluster, id);
                let held = self.held.get_mut(&place).expect("it was placed");
                held.give_interface_back(&template.demand);
                self.clusters[template.cluster].free(
                    id,
                    &template.demand,
                    template.group,
                    task.gpus,
                    Part::Interface,
                );
                self.compare(place, world);
                self.stay(task, world);
            }
            Some(Host::Fargate { spot, .. }) => {
                self.fargate_used[usize::from(spot)] -= u64::from(template.demand.resources.cpu);
            }
            None => assert_eq!(task.times.placed, None),
        }
    }

    fn stay(&mut self, task: &Task, world: &World) {
        let template = &world.templates[task.template];
        let Some(id) = task.instance() else {
            return;
        };
        let stay = Stay {
            task: task.clone(),
            demand: template.demand.clone(),
        };
        let stays = self.stays.entry((template.cluster, id)).or_default();
        stays.push(stay);
    }

    fn instance(&mut self, place: Spot, change: InstanceChange, world: &World) {
        let (cluster, id) = place;
        let mirror = &mut self.clusters[cluster];
        match change {
            InstanceChange::Registered => {
                let description = world.clusters[cluster].descriptions()[id].clone();
                let known = mirror.register(description, InstanceStatus::Active, true);
                assert_eq!(known, id, "instances are numbered as they register");
            }
            InstanceChange::Activated => mirror.set_status(id, InstanceStatus::Active),
            InstanceChange::Draining => mirror.set_status(id, InstanceStatus::Draining),
            InstanceChange::Connected => mirror.set_connected(id, true),
            InstanceChange::Disconnected => mirror.set_connected(id, false),
            InstanceChange::SpotNotice | InstanceChange::Refused => {}
            InstanceChange::Deregistered if mirror.instances()[id].left_at.is_some() => {
                mirror.set_status(id, InstanceStatus::Inactive);
            }
            InstanceChange::Deregistered => mirror.deregister(id, self.now),
            InstanceChange::Terminated => mirror.terminate(id, self.now),
        }
        let description = &world.clusters[cluster].descriptions()[id];
        if change == InstanceChange::Draining
            && description.purchase == Purchase::OnDemand
            && self.is_protected(place, world)
        {
            let here = |it: &&Task| {
                it.instance() == Some(id) && world.templates[it.template].cluster == cluster
            };
            let keeps = |it: &Task| self.keeps(it, world);
            assert!(
                !self.live.values().filter(here).any(keeps),
                "scale-in drains a protected instance with tasks"
            );
        }
        let gone = matches!(
            change,
            InstanceChange::Deregistered | InstanceChange::Terminated
        );
        if gone {
            let left = |it: &Task| {
                it.instance() == Some(id) && world.templates[it.template].cluster == cluster
            };
            assert!(
                !self.live.values().any(left),
                "a task outlives its instance"
            );
        }
    }

    fn scaled(&mut self, scaled: &Scaled, world: &World) {
        let id = scaled.provider;
        let group = world.providers[id].group().expect("an Auto Scaling group");
        let bounds = group.min_size..=group.max_size;
        assert!(
            bounds.contains(&scaled.desired),
            "{} is not within {bounds:?}",
            scaled.desired
        );
        let before = self.desired.insert(id, scaled.desired);
        if scaled.reservation.is_none() {
            return;
        }
        let minute = SimDuration::from_secs(60);
        let read = self.read_at.insert(id, self.now).unwrap_or_default();
        assert!(self.now.since(read) >= minute, "two readings in a minute");
        if let Some(drop) = before.and_then(|before| before.checked_sub(scaled.desired)) {
            let most = (before.unwrap_or(0) / 2).max(1);
            assert!(drop <= most, "scale-in by {drop}, at most {most}");
        }
    }

    /// What must hold at the end.
    pub fn close(mut self, outcome: &Outcome) {
        let world = &outcome.world;
        self.compare_all(world);
        let live: Vec<u64> = outcome.live.iter().map(|task| task.number).collect();
        assert!(self.live.keys().eq(&live), "tasks that live");
        let waits = |task: &&Task| task.state == TaskState::Waiting;
        let waiting = outcome.live.iter().filter(waits).map(|task| task.number);
        let told = outcome.provisioning.iter().map(|(number, _)| *number);
        assert!(waiting.eq(told), "each task in PROVISIONING has a reason");
        for waiting in &outcome.waiting {
            let call = &waiting.call;
            assert!(0 < call.missing && call.missing <= call.count);
            self.account(call.workload).given_up += u64::from(call.missing);
        }
        for (workload, account) in &self.accounts {
            let answered = account.accepted + account.given_up;
            assert_eq!(account.asked, answered, "tasks of workload {workload}");
        }
        for task in &outcome.live {
            self.stay(task, world);
        }
        for ((cluster, id), stays) in &mut self.stays {
            let instance = &world.clusters[*cluster].instances()[*id];
            check_agent(stays, instance, outcome.end);
            let came = self.came.get(&(*cluster, *id));
            let came = came.map_or(&[][..], Vec::as_slice);
            stays.sort_by_key(|stay| came.iter().position(|it| *it == stay.task.number));
            let begun = stays.iter().filter_map(|stay| stay.task.times.begun);
            assert!(
                begun.is_sorted(),
                "an agent's queue is first come, first served"
            );
        }
        another_instance_refuses_nothing(world);
    }
}

impl Recorder for Books {
    fn record(&mut self, now: SimTime, occurrence: Occurrence<'_>, world: &World) {
        self.tick(now);
        self.digest.record(now, occurrence, world);
        match occurrence {
            Occurrence::Requested(call) => {
                assert_eq!(call.missing, call.count);
                self.account(call.workload).asked += u64::from(call.count);
            }
            Occurrence::Queued(_)
            | Occurrence::Service(_)
            | Occurrence::Job { .. }
            | Occurrence::Attempt { .. }
            | Occurrence::JobBlocked { .. }
            | Occurrence::JobRefused { .. } => {}
            Occurrence::Refused { call, .. } => {
                assert!(0 < call.missing && call.missing <= call.count);
            }
            Occurrence::GaveUp { call, .. } => {
                self.account(call.workload).given_up += u64::from(call.missing);
            }
            Occurrence::Repeated { call, waited } if waited => {
                self.account(call.workload).asked -= u64::from(call.missing);
            }
            Occurrence::Repeated { .. } => {}
            Occurrence::Accepted(task) => self.accepted(task),
            Occurrence::Placed(task) => {
                self.placed(task, world);
                self.comes(task, world);
                self.follow(task);
            }
            Occurrence::Moved(task) => {
                self.comes(task, world);
                self.follow(task);
            }
            Occurrence::Started(task) => {
                assert_eq!(task.state, TaskState::Running);
                self.follow(task);
            }
            Occurrence::HealthChanged(task) => self.follow(task),
            Occurrence::Stopping(task) => {
                self.stopping(task, world);
                self.follow(task);
            }
            Occurrence::Released(task) => {
                self.released(task, world);
                self.follow(task);
            }
            Occurrence::Stopped(task) => {
                self.follow(task);
                self.has_stopped(task, world);
            }
            Occurrence::Instance {
                cluster,
                instance,
                change,
            } => self.instance((cluster, instance), change, world),
            Occurrence::Scaled(scaled) => self.scaled(scaled, world),
        }
    }

    fn settled(&mut self, now: SimTime, world: &World) {
        self.tick(now);
        self.compare_all(world);
    }

    fn progress(&mut self, now: SimTime, events: u64) {
        assert!(events < MOST_EVENTS, "the run goes on and on at {now} s");
    }
}

/// The place of a task's `lastStatus`: a task that waits for its agent is PENDING as it was before.
fn last_status(state: TaskState) -> TaskState {
    match state {
        TaskState::Waiting => TaskState::Provisioning,
        TaskState::Queued => TaskState::Pending,
        other => other,
    }
}

/// With `binpack` first the instance has least left of all candidates; with `spread` first no
/// candidate's value has fewer tasks of the group.
fn check_first_rule(cluster: &Cluster, id: InstanceId, request: &Request<'_>) {
    let candidates = scan::candidates(cluster, request);
    assert!(candidates.contains(&id), "the pick is a candidate");
    let tasks = |id: InstanceId| cluster.instances()[id].tasks_of(request.group);
    let rank = |id: InstanceId| {
        let free = cluster.instances()[id].free;
        match &request.rules.strategies[0] {
            StrategyRule::Random => 0,
            StrategyRule::BinpackCpu => free.cpu,
            StrategyRule::BinpackMemory => free.memory,
            StrategyRule::SpreadInstance => tasks(id),
            StrategyRule::SpreadAttribute(name) => {
                let value = |id| cluster.descriptions()[id].attributes.get(name);
                let Some(own) = value(id) else {
                    return u32::MAX;
                };
                let alike = cluster
                    .instances()
                    .ids()
                    .filter(|it| value(*it) == Some(own));
                alike.map(tasks).sum()
            }
            rule => panic!("no run here is placed by {rule:?}"),
        }
    };
    let best = candidates.iter().map(|it| rank(*it)).min();
    assert_eq!(Some(rank(id)), best, "the first rule's best");
}

/// What can be placed somewhere can be placed when there is one instance more.
fn another_instance_refuses_nothing(world: &World) {
    for (cluster, known) in world.clusters.iter() {
        let mut larger = known.clone();
        let Some(last) = known.descriptions().items().last() else {
            continue;
        };
        larger.register(last.clone(), InstanceStatus::Active, true);
        for (_, template) in world.templates.iter() {
            for launch in &template.launches {
                let fargate = match launch.on {
                    LaunchOn::Fargate => true,
                    LaunchOn::Provider(id) => world.providers[id].is_fargate(),
                    LaunchOn::Ec2 | LaunchOn::External => false,
                };
                if template.cluster != cluster || fargate {
                    continue;
                }
                let request = Request {
                    rules_id: launch.rules,
                    rules: &world.rules[launch.rules],
                    demand: &template.demand,
                    group: template.group,
                };
                let before = scan::candidates(known, &request);
                let after = scan::candidates(&larger, &request);
                assert!(
                    after.starts_with(&before),
                    "an instance more refuses a task"
                );
            }
        }
    }
}
