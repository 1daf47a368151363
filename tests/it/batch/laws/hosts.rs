//! The hosts in the books: what runs on each, and how many vCPUs an environment has.

use std::collections::HashMap;

use stowplan::batch::Capacity;
use stowplan::batch::allocation::{AllocationStrategy, Need};
use stowplan::engine::plan::{Action, Deed, InstanceDeed, Plan};
use stowplan::engine::{InstanceChange, World};
use stowplan::model::arena::{ClusterId, EnvironmentId, Id, InstanceId, JobId};
use stowplan::model::resources::Resources;
use stowplan::time::SimTime;

use super::books::environment_of;

type Place = (ClusterId, InstanceId);

/// A host.
#[derive(Debug, Default)]
struct Host {
    used: (u64, u64, u64),
    tenants: Vec<JobId>,
    /// The multi-node job whose node is here.
    held_by: Option<JobId>,
    /// The last attempt that came here: when, and the multi-node job that it is of.
    last: Option<(SimTime, Option<JobId>)>,
    /// Since when it takes nothing any more.
    closed: Option<SimTime>,
    is_gone: bool,
}

/// The life of an instance that was launched for an environment.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// Which launch it was.
    number: u32,
    vcpus: u64,
    launched: SimTime,
    /// When it went, the how manieth to go, and whether it was scaled in.
    gone: Option<(SimTime, u64, bool)>,
}

/// All hosts.
pub struct Hosts {
    hosts: HashMap<Place, Host>,
    /// Where the nodes of multi-node jobs are.
    of_gang: HashMap<JobId, Vec<Place>>,
    lives: Vec<HashMap<InstanceId, Life>>,
    /// `minvCpus` and `maxvCpus` of each environment, from when on.
    limits: Vec<Vec<(SimTime, u64, u64)>>,
    /// Environments that are always as they were made.
    is_standing: Vec<bool>,
    terminations: Vec<(SimTime, ClusterId)>,
    gone: u64,
    /// How many were scaled in.
    pub scaled_in: u64,
}

impl Hosts {
    pub fn new(plan: &Plan) -> Self {
        let environments = &plan.world.batch.environments;
        let replaced = |id: EnvironmentId| {
            plan.actions.iter().any(|action| {
                matches!(&action.what, Deed::UpdateEnvironment { environment, replace: Some(_), .. }
                    if *environment == id)
            })
        };
        let fails = plan.faults.instance_failure.is_some();
        let terminations = plan
            .actions
            .iter()
            .filter_map(|Action { at, what }| match what {
                Deed::Instances {
                    cluster,
                    what: InstanceDeed::Terminate,
                    ..
                } => Some((*at, *cluster)),
                _ => None,
            });
        let limits = environments.iter().map(|(_, it)| {
            vec![(
                SimTime::ZERO,
                u64::from(it.min_vcpus),
                u64::from(it.max_vcpus),
            )]
        });
        Hosts {
            hosts: HashMap::new(),
            of_gang: HashMap::new(),
            lives: environments.iter().map(|_| HashMap::new()).collect(),
            limits: limits.collect(),
            is_standing: environments
                .ids()
                .map(|id| !fails && !replaced(id))
                .collect(),
            terminations: terminations.collect(),
            gone: 0,
            scaled_in: 0,
        }
    }

    /// An attempt comes aboard, of a job that was dispatched some time ago: there is room, and who
    /// has the host to itself shares it with nobody.
    pub fn board(
        &mut self,
        at: Place,
        job: JobId,
        (gang, since): (Option<JobId>, SimTime),
        need: Need,
        capacity: Resources,
        now: SimTime,
    ) {
        let host = self.hosts.entry(at).or_default();
        assert!(!host.is_gone, "placed on an instance that is gone");
        // A node comes to the instance that its job has kept for it.
        let is_kept = gang.is_some() && host.closed.is_some_and(|closed| since < closed);
        assert!(
            host.closed.is_none() || is_kept,
            "placed on an instance that takes nothing"
        );
        assert!(
            host.held_by.is_none(),
            "an instance of a multi-node job is shared"
        );
        if let Some(gang) = gang {
            assert!(host.tenants.is_empty(), "a node is not alone");
            host.held_by = Some(gang);
            self.of_gang.entry(gang).or_default().push(at);
        }
        host.tenants.push(job);
        host.last = Some((now, gang));
        host.used.0 += u64::from(need.cpu);
        host.used.1 += u64::from(need.memory);
        host.used.2 += u64::from(need.gpus);
        assert!(
            host.used.0 <= u64::from(capacity.cpu)
                && host.used.1 <= u64::from(capacity.memory)
                && host.used.2 <= u64::from(capacity.gpus),
            "{:?} in use of {capacity:?}",
            host.used
        );
    }

    pub fn leave(&mut self, at: Place, job: JobId, need: Need) {
        let host = self.hosts.get_mut(&at).expect("a known host");
        host.tenants.retain(|tenant| *tenant != job);
        host.used.0 -= u64::from(need.cpu);
        host.used.1 -= u64::from(need.memory);
        host.used.2 -= u64::from(need.gpus);
    }

    /// A multi-node job has no attempt any more.
    pub fn release(&mut self, gang: JobId) {
        for at in self.of_gang.remove(&gang).into_iter().flatten() {
            self.hosts.entry(at).or_default().held_by = None;
        }
    }

    /// Since a multi-node job was placed, nobody else came to the instance of one of its nodes.
    pub fn was_held(&self, at: Place, gang: JobId, placed: SimTime) {
        let last = self.hosts.get(&at).and_then(|host| host.last);
        if let Some((time, by)) = last {
            assert!(
                by == Some(gang) || time <= placed,
                "an instance kept for a node was used"
            );
        }
    }

    pub fn changed(&mut self, at: Place, change: InstanceChange, now: SimTime, world: &World) {
        let (cluster, instance) = at;
        let host = self.hosts.entry(at).or_default();
        let Some(environment) = environment_of(world, cluster) else {
            return;
        };
        let there = &world.batch.environments[environment];
        let lives = &mut self.lives[environment.index()];
        match change {
            InstanceChange::Registered if there.is_managed() => {
                let known = &world.clusters[cluster].descriptions()[instance];
                let number = known.name.rsplit('/').next().and_then(|it| it.parse().ok());
                let life = Life {
                    number: number.expect("a numbered launch"),
                    vcpus: u64::from(known.capacity.cpu / 1024),
                    launched: known.launched_at,
                    gone: None,
                };
                assert!(lives.insert(instance, life).is_none(), "registered twice");
            }
            InstanceChange::Draining | InstanceChange::SpotNotice => {
                host.closed.get_or_insert(now);
            }
            InstanceChange::Terminated => {
                let terminated = self.terminations.contains(&(now, cluster));
                let scaled_in =
                    host.closed.is_none() && !terminated && self.is_standing[environment.index()];
                host.is_gone = true;
                assert!(
                    !scaled_in || host.tenants.is_empty(),
                    "scaled in with an attempt on it"
                );
                self.gone += 1;
                self.scaled_in += u64::from(scaled_in);
                if let Some(life) = lives.get_mut(&instance) {
                    life.gone = Some((now, self.gone, scaled_in));
                }
            }
            _ => {}
        }
    }

    pub fn settled(&mut self, now: SimTime, world: &World) {
        for (limits, there) in self.limits.iter_mut().zip(world.batch.environments.items()) {
            let next = (u64::from(there.min_vcpus), u64::from(there.max_vcpus));
            if limits
                .last()
                .is_none_or(|(_, min, max)| (*min, *max) != next)
            {
                limits.push((now, next.0, next.1));
            }
        }
    }

    /// How many instances were launched, and registered.
    pub fn launched(&self) -> u64 {
        self.lives.iter().map(|lives| lives.len() as u64).sum()
    }

    pub fn are_empty(&self) {
        let mut hosts = self.hosts.values();
        assert!(
            hosts.all(|it| it.tenants.is_empty() && it.used == (0, 0, 0)),
            "not empty"
        );
        assert!(self.of_gang.is_empty());
    }

    /// vCPUs after each launch and after each removal.
    pub fn close(&self, end: SimTime, world: &World) {
        for (id, there) in world.batch.environments.iter() {
            if !there.is_managed() {
                continue;
            }
            let lives: Vec<Life> = self.lives[id.index()].values().copied().collect();
            let limits = |at: SimTime| {
                let mut limits = self.limits[id.index()].iter();
                *limits
                    .rfind(|it| it.0 <= at)
                    .expect("limits from the start on")
            };
            let strict =
                there.strategy == AllocationStrategy::BestFit && there.capacity == Capacity::Ec2;
            for life in &lives {
                let before = lives.iter().filter(|it| {
                    it.number < life.number && it.gone.is_none_or(|gone| gone.0 > life.launched)
                });
                let before: u64 = before.map(|it| it.vcpus).sum();
                let (_, _, max) = limits(life.launched);
                let fits = match strict {
                    true => before + life.vcpus <= max,
                    false => before < max,
                };
                assert!(
                    fits,
                    "{} launched beside {before} of {max} vCPUs",
                    life.vcpus
                );
                let Some((at, order, true)) = life.gone else {
                    continue;
                };
                // What was launched until then has registered by the end, and is known.
                if at + there.boot_time > end {
                    continue;
                }
                let left = lives
                    .iter()
                    .filter(|it| it.launched <= at && it.gone.is_none_or(|gone| gone.1 > order));
                let left: u64 = left.map(|it| it.vcpus).sum();
                let (_, min, _) = limits(at);
                assert!(left >= min, "scaled in to {left} vCPUs with minvCpus {min}");
            }
        }
    }
}
