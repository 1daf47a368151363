//! Fargate: hosts that nobody sees, in the zones of a task's subnets.
//!
//! Capacity is unlimited unless the scenario gives a quota. Sources: ECS developer guide, "Amazon
//! ECS on AWS Fargate", "Fargate capacity providers"; ECS service quotas.

use super::event::{Event, Ref};
use super::instances::exponential;
use super::task::{Host, Stop, StopCode, StopReason};
use super::{Engine, Recorder};
use crate::model::arena::{ClusterId, GroupId, Id, TemplateId};
use crate::model::provider::ProviderKind;
use crate::model::request::LaunchOn;
use crate::placement::constraint::Reason;
use crate::rng::Purpose;
use crate::time::{MICROS_PER_SEC, SimDuration, SimTime};

/// What runs on Fargate.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    /// CPU units in use: on demand, Spot.
    used: [u64; 2],
    /// Tasks meant to run, by cluster, group and zone.
    tasks: rustc_hash::FxHashMap<(ClusterId, GroupId, u32), u32>,
    /// Launches that are granted now, in millionths.
    tokens: u64,
    refilled_at: SimTime,
    opened: bool,
    /// When the next launch is granted that somebody waits for.
    wakes_at: Option<SimTime>,
}

impl<R: Recorder> Engine<'_, R> {
    /// Whether a launch runs on Fargate, and whether on Spot capacity.
    pub(super) fn fargate_launch(&self, on: LaunchOn) -> Option<bool> {
        match on {
            LaunchOn::Fargate => Some(false),
            LaunchOn::Provider(id) => match self.world.providers[id].kind {
                ProviderKind::Fargate => Some(false),
                ProviderKind::FargateSpot => Some(true),
                ProviderKind::AutoScalingGroup(_) => None,
            },
            LaunchOn::Ec2 | LaunchOn::External => None,
        }
    }

    /// A host for a task: in the zone with fewest tasks of its group, the first of those that tie.
    pub(super) fn fargate_host(
        &mut self,
        template: TemplateId,
        launch: u8,
        spot: bool,
    ) -> Result<Host, Reason> {
        let template = &self.world.templates[template];
        let limits = self.world.fargate;
        let quota = if spot {
            limits.spot_quota
        } else {
            limits.on_demand_quota
        };
        let used = self.fleet.used[usize::from(spot)];
        let cpu = u64::from(template.demand.resources.cpu);
        if quota.is_some_and(|quota| used + cpu > quota) {
            return Err(Reason::Capacity);
        }
        let rules = &self.world.rules[template.launches[usize::from(launch)].rules];
        let zones = rules.subnets.iter().flat_map(|subnets| &subnets.zones);
        let place = (template.cluster, template.group);
        let numbers = zones.filter_map(|zone| {
            let at = self.world.zones.iter().position(|known| known == zone)?;
            u32::try_from(at).ok()
        });
        let count = |zone: &u32| {
            let key = (place.0, place.1, *zone);
            self.fleet.tasks.get(&key).copied().unwrap_or(0)
        };
        let zone = numbers.min_by_key(count);
        if !self.take_token() {
            return Err(Reason::Throttled);
        }
        Ok(Host::Fargate { zone, spot })
    }

    /// Takes a launch out of the bucket, when the scenario limits the rate of launches.
    fn take_token(&mut self) -> bool {
        let Some((burst, per_second)) = self.world.fargate.launch_rate else {
            return true;
        };
        let full = u64::from(burst) * MICROS_PER_SEC;
        if !self.fleet.opened {
            (self.fleet.opened, self.fleet.tokens) = (true, full);
        }
        let elapsed = self.now.since(self.fleet.refilled_at).micros();
        let back = elapsed.saturating_mul(u64::from(per_second));
        self.fleet.tokens = self.fleet.tokens.saturating_add(back).min(full);
        self.fleet.refilled_at = self.now;
        match self.fleet.tokens.checked_sub(MICROS_PER_SEC) {
            Some(left) => {
                self.fleet.tokens = left;
                true
            }
            None => {
                self.wake_for_token(per_second);
                false
            }
        }
    }

    /// Whoever was refused a launch may ask again when the next one is granted.
    fn wake_for_token(&mut self, per_second: u32) {
        if self.fleet.wakes_at.is_some() || per_second == 0 {
            return;
        }
        let missing = MICROS_PER_SEC - self.fleet.tokens;
        let after = missing.div_ceil(u64::from(per_second)).max(1);
        let at = self.now + SimDuration::from_micros(after);
        self.fleet.wakes_at = Some(at);
        self.schedule(at, Event::LaunchGranted);
    }

    pub(super) fn launch_granted(&mut self) {
        self.fleet.wakes_at = None;
        self.vacancies += 1;
        self.hopeless = 0;
    }

    /// A task takes its place on Fargate.
    pub(super) fn board_fargate(&mut self, at: Ref, zone: Option<u32>, spot: bool) {
        let task = self.tasks.get(at).expect("a task that is placed lives");
        let template = &self.world.templates[task.template];
        self.fleet.used[usize::from(spot)] += u64::from(template.demand.resources.cpu);
        if let Some(zone) = zone {
            let key = (template.cluster, template.group, zone);
            *self.fleet.tasks.entry(key).or_insert(0) += 1;
        }
        let mean = self.faults.fargate_spot_interruption.filter(|_| spot);
        if let Some(mean) = mean {
            let (major, minor) = (task.workload.index() as u64, task.key);
            let purpose = Purpose::FargateSpotInterruption;
            let after = exponential(&self.streams, mean, purpose, major, minor);
            self.schedule(self.now + after, Event::FargateSpotNotice(at));
        }
    }

    /// A task on Fargate is no longer meant to run: its zone counts it no more.
    pub(super) fn leave_fargate_zone(&mut self, cluster: ClusterId, group: GroupId, zone: u32) {
        if let Some(count) = self.fleet.tasks.get_mut(&(cluster, group, zone)) {
            *count -= 1;
        }
    }

    /// A task on Fargate has stopped: its capacity is free.
    pub(super) fn leave_fargate(&mut self, at: Ref, spot: bool) {
        let task = self.tasks.get(at).expect("a task that stopped lived");
        let demand = &self.world.templates[task.template].demand;
        self.fleet.used[usize::from(spot)] -= u64::from(demand.resources.cpu);
        self.vacancies += 1;
    }

    /// Fargate Spot takes a task's capacity back: SIGTERM at once, and two minutes at most.
    ///
    /// Source: ECS developer guide, "Fargate capacity providers".
    pub(super) fn fargate_spot_notice(&mut self, at: Ref) {
        let stop = Stop {
            code: StopCode::SpotInterruption,
            reason: StopReason::Spot,
        };
        self.stop(at, stop);
    }
}
