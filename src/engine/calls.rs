//! RunTask and StartTask: who asks, what ECS answers, what the caller does about it.

use super::event::{Event, Ref};
use super::lifecycle::Wanted;
use super::services::shares;
use super::task::{Host, Recorded};
use super::{Engine, Next, Occurrence, Recorder, World};
use crate::capacity::strategy;
use crate::model::arena::{ClusterId, Id, InstanceId, TemplateId, WorkloadId};
use crate::model::instance::InstanceStatus;
use crate::model::request::Request;
use crate::placement::constraint::{Reason, Refusal, first_failure};
use crate::placement::{device, scan};
use crate::rng::{Draw, Purpose};
use crate::time::{SimDuration, SimTime};
use crate::workload::{Call, MAX_COUNT, OnFailure, Submission, Target};

/// A request of a caller, as long as some of its tasks are not placed.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCall {
    /// Whose it is.
    pub workload: WorkloadId,
    /// Number among the calls of the workload, from 0.
    pub number: u64,
    /// What its tasks are.
    pub template: TemplateId,
    /// When it was first made.
    pub requested_at: SimTime,
    /// How many tasks it wanted in the beginning.
    pub count: u32,
    /// How many of them are still to be placed.
    pub missing: u32,
    /// How often ECS was asked, this time included.
    pub attempts: u32,
    recorded: Recorded,
    /// StartTask: where the missing ones are to go.
    pub(super) targets: Vec<Target>,
    delay: SimDuration,
    deadline: Option<SimTime>,
    /// What stood in the way last time, apart from instances.
    obstacle: Option<Reason>,
    /// Which of several launches took no more last time, as bits.
    full: u32,
    /// Version of the cluster when ECS last refused.
    refused_at: u64,
}

impl PendingCall {
    /// Whether another call is refused for the same reasons.
    pub(super) fn is_like(&self, other: &PendingCall) -> bool {
        (self.template, self.obstacle, self.full) == (other.template, other.obstacle, other.full)
            && self.targets == other.targets
    }
}

impl<R: Recorder> Engine<'_, R> {
    /// All calls that a workload makes now; the next later one is scheduled.
    pub(super) fn arrivals(&mut self, id: WorkloadId) {
        while let Some(submission) = self.sources[id].next {
            if submission.at > self.now {
                self.schedule(submission.at, Event::Arrival(id));
                return;
            }
            let source = &mut self.sources[id];
            let number = source.made;
            source.made += 1;
            source.next = source.submissions.next();
            self.first_call(id, number, submission);
        }
        self.open_sources -= 1;
    }

    fn first_call(&mut self, id: WorkloadId, number: u64, submission: Submission) {
        let workload = &self.workloads[id];
        if let Call::SubmitJob(kind) = workload.call {
            return self.submit(id, submission.job.unwrap_or(kind), submission);
        }
        let (template, count, targets) = match &workload.call {
            Call::RunTask {
                template, count, ..
            } => (*template, submission.count.unwrap_or(*count), Vec::new()),
            Call::StartTask {
                template,
                instances,
            } => (*template, instances.len() as u32, instances.clone()),
            Call::CreateService(_) | Call::SubmitJob(_) => unreachable!("it calls nothing"),
        };
        let (delay, deadline) = match workload.on_failure {
            OnFailure::Retry {
                first,
                give_up_after,
                ..
            } => (first, give_up_after.map(|span| self.now + span)),
            OnFailure::GiveUp | OnFailure::Queue => (SimDuration::ZERO, None),
        };
        let mut call = PendingCall {
            workload: id,
            number,
            template: submission.template.unwrap_or(template),
            requested_at: self.now,
            count,
            missing: count,
            attempts: 0,
            recorded: Recorded {
                duration: submission.duration,
                exit_code: submission.exit_code,
            },
            targets,
            delay,
            deadline,
            obstacle: None,
            full: 0,
            refused_at: 0,
        };
        if self.is_repeated(&call) {
            self.repeated(&call, false);
            return;
        }
        self.recorder
            .record(self.now, Occurrence::Requested(&call), &self.world);
        if self.workloads[id].on_failure == OnFailure::Queue && !self.queues[id].is_empty() {
            self.recorder
                .record(self.now, Occurrence::Queued(&call), &self.world);
            let call = self.calls.insert(call);
            self.queues[id].push_back(call);
            return;
        }
        if let Some(refusal) = self.ask(&mut call) {
            self.refused(call, &refusal);
        }
    }

    /// Whether another call with the same client token was answered less than 24 hours ago with
    /// some task. Such a call starts nothing. Source: ECS API reference, RunTask, `clientToken`.
    fn is_repeated(&self, call: &PendingCall) -> bool {
        let Some(token) = self.token(call) else {
            return false;
        };
        self.tokens
            .get(&token)
            .is_some_and(|(workload, number, until)| {
                (*workload, *number) != (call.workload, call.number) && self.now < *until
            })
    }

    fn token(&self, call: &PendingCall) -> Option<(ClusterId, String)> {
        match &self.workloads[call.workload].call {
            Call::RunTask {
                client_token: Some(token),
                ..
            } => Some((self.world.templates[call.template].cluster, token.clone())),
            Call::RunTask { .. }
            | Call::StartTask { .. }
            | Call::SubmitJob(_)
            | Call::CreateService(_) => None,
        }
    }

    fn remember_token(&mut self, call: &PendingCall) {
        if let Some(token) = self.token(call) {
            let until = self.now + self.world.choices.token_life;
            self.tokens
                .insert(token, (call.workload, call.number, until));
        }
    }

    fn repeated(&mut self, call: &PendingCall, waited: bool) {
        let occurrence = Occurrence::Repeated { call, waited };
        self.recorder.record(self.now, occurrence, &self.world);
    }

    /// A caller asks again, or gives up.
    pub(super) fn call_due(&mut self, at: Ref) {
        self.calls_due -= 1;
        let Some(mut call) = self.calls.remove(at) else {
            return;
        };
        if call.deadline.is_some_and(|deadline| deadline <= self.now) {
            self.give_up(&call);
            return;
        }
        if self.is_repeated(&call) {
            self.repeated(&call, true);
            return;
        }
        if let Some(refusal) = self.ask(&mut call) {
            self.refused(call, &refusal);
        }
    }

    /// Asks ECS for the missing tasks of a call. Gives the reason when some stay missing.
    fn ask(&mut self, call: &mut PendingCall) -> Option<Refusal> {
        if call.targets.is_empty() {
            self.run_task(call).then(|| self.refusal(call))
        } else {
            self.start_task(call)
        }
    }

    /// The same, when nobody wants to know the reason: whether some stay missing.
    pub(super) fn ask_again(&mut self, call: &mut PendingCall) -> bool {
        if call.targets.is_empty() {
            self.run_task(call)
        } else {
            self.start_task(call).is_some()
        }
    }

    /// RunTask: one task at a time, the state updated between [U-01]. Each task has its capacity
    /// provider before any is placed; once one of a launch cannot be placed none of the rest can, for
    /// they are alike and nothing is released meanwhile. Whether some stay missing.
    ///
    /// Source: ECS API reference, RunTask; ECS developer guide, "Task placement".
    fn run_task(&mut self, call: &mut PendingCall) -> bool {
        let had = call.missing;
        (call.obstacle, call.full) = (None, 0);
        if self.passes_quota(call) {
            call.obstacle = Some(Reason::Quota);
        } else if self.world.templates[call.template].launches.len() == 1 {
            while call.missing > 0 && self.run_one(call, 0) {}
        } else {
            self.run_on_providers(call);
        }
        self.answered(call, had);
        call.missing > 0
    }

    /// Deals the missing tasks of a call out to its capacity providers, base and weights per call
    /// [U-28], and runs them in that order.
    fn run_on_providers(&mut self, call: &mut PendingCall) {
        let shares = shares(&self.world.templates[call.template].launches);
        let mut given = vec![0; shares.len()];
        for _ in 0..call.missing {
            let Some(launch) = strategy::next(&shares, &given) else {
                return;
            };
            given[launch] += 1;
            if call.full & (1 << launch) == 0 && !self.run_one(call, launch as u8) {
                call.full |= 1 << launch;
            }
        }
    }

    /// Whether so many tasks of a call would come to wait in PROVISIONING that the cluster's limit
    /// would be passed: then none is started. Source: ECS API reference, RunTask.
    fn passes_quota(&self, call: &PendingCall) -> bool {
        let template = &self.world.templates[call.template];
        let room = self.waiting_room(template.cluster);
        let launches = template.launches.len() as u8;
        if call.missing <= room
            || (0..launches).all(|it| self.scaling_provider(call.template, it).is_none())
        {
            return false;
        }
        // Near the limit: puts the tasks where they would go in a copy of the cluster, and counts.
        let shares = shares(&template.launches);
        let mut trial = self.world.clusters[template.cluster].clone();
        let (mut given, mut wait) = (vec![0; shares.len()], 0);
        for number in 0..call.missing {
            let Some(launch) = strategy::next(&shares, &given) else {
                break;
            };
            given[launch] += 1;
            if self.scaling_provider(call.template, launch as u8).is_none() {
                continue;
            }
            let (major, key) = (
                call.workload.index() as u64,
                task_key(call) + u64::from(number),
            );
            let mut draw = Draw::new(self.streams, Purpose::RandomPlacement, major, key);
            let request = request(&self.world, call.template, launch as u8);
            match scan::choose(&trial, &request, &mut draw) {
                Some(id) => {
                    let device = device::choose(&trial, id, &request, &mut draw);
                    trial.place_on_gpu(id, &template.demand, template.group, device);
                }
                None => wait += 1,
            }
        }
        wait > room
    }

    /// The next missing task of a call under one of its launches: whether ECS takes it.
    fn run_one(&mut self, call: &mut PendingCall, launch: u8) -> bool {
        let wanted = self.wanted_by(call, launch);
        match self.find_host(&wanted) {
            Ok(host) => {
                call.missing -= 1;
                let at = self.admit(&wanted);
                self.house(at, host);
                true
            }
            Err(obstacle) => {
                call.obstacle = call.obstacle.or(obstacle);
                false
            }
        }
    }

    fn wanted_by(&self, call: &PendingCall, launch: u8) -> Wanted {
        Wanted {
            workload: call.workload,
            key: task_key(call),
            template: call.template,
            launch,
            deployment: 0,
            job: None,
            behaviour: self.workloads[call.workload].behaviour,
            requested: call.requested_at,
            recorded: call.recorded,
        }
    }

    /// StartTask: each named instance is judged by itself. Its rules carry the task definition's
    /// constraints only when the scenario wants them checked [U-13].
    ///
    /// Source: ECS API reference, StartTask.
    fn start_task(&mut self, call: &mut PendingCall) -> Option<Refusal> {
        let had = call.missing;
        let mut refusal = Refusal::default();
        let mut failed = Vec::new();
        for target in std::mem::take(&mut call.targets) {
            self.decisions += 1;
            match self.judge(call.template, target) {
                Ok(instance) => self.place(call, instance),
                Err(reason) => {
                    refusal.add(reason);
                    failed.push(target);
                }
            }
        }
        let refused = !failed.is_empty();
        call.targets = failed;
        self.answered(call, had);
        refused.then_some(refusal)
    }

    /// ECS has answered a call of which `had` tasks were missing.
    fn answered(&mut self, call: &mut PendingCall, had: u32) {
        call.attempts += 1;
        if call.missing < had {
            self.hopeless = 0;
            self.remember_token(call);
        } else {
            self.hopeless += 1;
        }
    }

    /// Why the missing tasks of a call cannot be placed now.
    pub(super) fn refusal(&self, call: &PendingCall) -> Refusal {
        let mut refusal = Refusal::default();
        if call.targets.is_empty() {
            let template = &self.world.templates[call.template];
            let cluster = &self.world.clusters[template.cluster];
            for (launch, option) in template.launches.iter().enumerate() {
                let refused = call.full == 0 || call.full & (1 << launch) != 0;
                if refused && self.fargate_launch(option.on).is_none() {
                    let request = request(&self.world, call.template, launch as u8);
                    refusal.join(&scan::refusal(cluster, &request));
                }
            }
            if let Some(obstacle) = call.obstacle {
                refusal.add(obstacle);
            }
            return refusal;
        }
        for reason in call
            .targets
            .iter()
            .filter_map(|target| self.judge(call.template, *target).err())
        {
            refusal.add(reason);
        }
        refusal
    }

    fn judge(&self, template: TemplateId, target: Target) -> Result<InstanceId, Reason> {
        let Target::Known(id) = target else {
            return Err(Reason::Missing);
        };
        let cluster = &self.world.clusters[self.world.templates[template].cluster];
        if cluster.instances()[id].status != InstanceStatus::Active {
            return Err(Reason::Inactive);
        }
        match first_failure(cluster, id, &request(&self.world, template, 0)) {
            Some(reason) => Err(reason),
            None => Ok(id),
        }
    }

    /// Creates the next missing task of a call on an instance.
    fn place(&mut self, call: &mut PendingCall, instance: InstanceId) {
        let wanted = self.wanted_by(call, 0);
        call.missing -= 1;
        let at = self.admit(&wanted);
        self.house(at, Some(Host::Instance(instance)));
    }

    /// Decides what comes of the missing tasks of a call, as its workload's `onFailure` says.
    fn refused(&mut self, mut call: PendingCall, refusal: &Refusal) {
        call.refused_at = self.version(self.world.templates[call.template].cluster);
        let next = match self.workloads[call.workload].on_failure {
            OnFailure::GiveUp => Next::GivenUp,
            OnFailure::Queue => Next::Queued,
            OnFailure::Retry {
                factor, at_most, ..
            } => {
                let at = self.now + call.delay;
                let at = call.deadline.map_or(at, |deadline| deadline.min(at));
                call.delay = SimDuration::from_secs_f64(call.delay.secs() * factor).min(at_most);
                Next::RetryAt(at)
            }
        };
        self.recorder.record(
            self.now,
            Occurrence::Refused {
                call: &call,
                refusal,
                next,
            },
            &self.world,
        );
        match next {
            Next::GivenUp => self.give_up(&call),
            Next::RetryAt(at) => {
                let call = self.calls.insert(call);
                self.calls_due += 1;
                self.schedule(at, Event::CallDue(call));
            }
            Next::Queued => {
                let id = call.workload;
                let call = self.calls.insert(call);
                self.queues[id].push_back(call);
            }
        }
    }

    fn give_up(&mut self, call: &PendingCall) {
        let run_time = self.missing_run_time(call);
        self.recorder
            .record(self.now, Occurrence::GaveUp { call, run_time }, &self.world);
    }

    /// How long the missing tasks of a call would run, together.
    pub(super) fn missing_run_time(&mut self, call: &PendingCall) -> SimDuration {
        let mut call = call.clone();
        let mut sum = SimDuration::ZERO;
        while call.missing > 0 {
            let behaviour = self.workloads[call.workload].behaviour;
            let life = self.life(call.workload, task_key(&call), behaviour, call.recorded);
            sum = sum + life.run_time().unwrap_or(SimDuration::ZERO);
            call.missing -= 1;
        }
        sum
    }

    /// Lets the head of each queue ask again where the cluster has changed since it was refused,
    /// until no head finds a place any more.
    pub(super) fn serve_queues(&mut self) {
        let mut served = true;
        while served {
            served = false;
            for id in self.workloads.ids() {
                while let Some(head) = self.queues[id].front().copied() {
                    if !self.serve(id, head) {
                        break;
                    }
                    served = true;
                }
            }
        }
    }

    /// Whether the head of a queue could be placed whole. What could not keeps the place.
    fn serve(&mut self, id: WorkloadId, head: Ref) -> bool {
        let Some(call) = self.calls.get(head) else {
            return false;
        };
        let cluster = self.world.templates[call.template].cluster;
        if call.refused_at == self.version(cluster) {
            return false;
        }
        let mut call = call.clone();
        if self.is_repeated(&call) {
            self.repeated(&call, true);
            self.calls.remove(head);
            self.queues[id].pop_front();
            return true;
        }
        let unplaced = self.ask_again(&mut call);
        call.refused_at = self.version(cluster);
        match self.calls.get_mut(head) {
            Some(place) if unplaced => *place = call,
            _ => {
                self.calls.remove(head);
                self.queues[id].pop_front();
            }
        }
        !unplaced
    }

    /// Whether a call that was refused will be refused for ever, if nothing changes.
    pub(super) fn is_hopeless(&self, call: &PendingCall) -> bool {
        let cluster = self.world.templates[call.template].cluster;
        let queued = self.workloads[call.workload].on_failure == OnFailure::Queue;
        call.deadline.is_none() && (queued || call.refused_at == self.version(cluster))
    }

    /// A number that grows with every change that may make room for a call.
    pub(super) fn version(&self, cluster: ClusterId) -> u64 {
        self.world.clusters[cluster].version() + self.vacancies
    }
}

/// Key of the next missing task of a call among all tasks of its workload: it does not depend on
/// when or how often the call was made.
pub(super) fn task_key(call: &PendingCall) -> u64 {
    call.number * MAX_COUNT + u64::from(call.count - call.missing)
}

/// What placement is asked for a task of a template under one of its launches.
pub(crate) fn request(world: &World, template: TemplateId, launch: u8) -> Request<'_> {
    let template = &world.templates[template];
    let rules = template.launches[usize::from(launch)].rules;
    Request {
        rules_id: rules,
        rules: &world.rules[rules],
        demand: &template.demand,
        group: template.group,
    }
}
