//! Tasks that wait in PROVISIONING for capacity of their provider.
//!
//! Source: ECS developer guide, "Amazon ECS cluster auto scaling".

use std::collections::VecDeque;

use super::calls::request;
use super::event::{Event, Ref};
use super::plan::WaitingOrder;
use super::task::{Host, Stop, StopCode, StopReason, TaskState};
use super::{Engine, Recorder};
use crate::capacity::WaitingGroup;
use crate::model::arena::{ClusterId, ProviderId, TemplateId};
use crate::model::instance::InstanceStatus;
use crate::model::request::LaunchOn;
use crate::placement::constraint::Refusal;
use crate::placement::scan;

/// The tasks that wait for one provider, oldest first.
#[derive(Debug, Default)]
pub(super) struct Line {
    tasks: VecDeque<Ref>,
    /// Version of the cluster when none of them found a place.
    tried_at: u64,
    /// Whether one has joined since.
    joined: bool,
}

impl<R: Recorder> Engine<'_, R> {
    /// The provider whose managed scaling makes a place for the tasks of a launch, if there is one.
    pub(super) fn scaling_provider(&self, template: TemplateId, launch: u8) -> Option<ProviderId> {
        match self.world.templates[template].launches[usize::from(launch)].on {
            LaunchOn::Provider(id) => {
                let group = self.world.providers[id].group()?;
                group.scaling.map(|_| id)
            }
            LaunchOn::Ec2 | LaunchOn::External | LaunchOn::Fargate => None,
        }
    }

    /// How many more tasks of a cluster may wait. Source: ECS service quotas.
    pub(super) fn waiting_room(&self, cluster: ClusterId) -> u32 {
        self.world
            .choices
            .provisioning_limit
            .saturating_sub(self.waiting[cluster])
    }

    /// Whether a task that comes now has to wait behind those that wait for a provider already. They
    /// are tried first; only where nobody may pass does one that still waits hold it up [U-33].
    pub(super) fn is_behind_others(&mut self, provider: ProviderId) -> bool {
        if self.lines[provider].tasks.is_empty() {
            return false;
        }
        self.serve_waiting();
        self.world.choices.waiting_order == WaitingOrder::HeadOfLine
            && !self.lines[provider].tasks.is_empty()
    }

    /// A task joins the line of its provider.
    pub(super) fn wait(&mut self, at: Ref, provider: ProviderId) {
        let task = self.tasks.get(at).expect("a task that waits lives");
        let cluster = self.world.templates[task.template].cluster;
        self.waiting[cluster] += 1;
        self.lines[provider].tasks.push_back(at);
        self.lines[provider].joined = true;
        let until = self.now + self.world.choices.patience;
        self.schedule(until, Event::PatienceEnds(at));
        self.tell_scaled(provider, None);
    }

    /// Tries those that wait again where the cluster has changed, oldest first; a later one that
    /// fits may pass [U-33]. Of tasks that are alike only the first is tried in vain.
    #[inline]
    pub(super) fn serve_waiting(&mut self) {
        for provider in self.world.providers.ids() {
            let Some(group) = self.world.providers[provider].group() else {
                continue;
            };
            let cluster = group.cluster;
            let version = self.world.clusters[cluster].version();
            let line = &self.lines[provider];
            if line.tasks.is_empty() || (line.tried_at == version && !line.joined) {
                continue;
            }
            let before = self.waiting_for(provider);
            self.serve_line(provider);
            if self.waiting_for(provider) < before {
                self.tell_scaled(provider, None);
            }
            self.lines[provider].joined = false;
            self.lines[provider].tried_at = self.world.clusters[cluster].version();
        }
    }

    fn serve_line(&mut self, provider: ProviderId) {
        let mut in_vain: Vec<(TemplateId, u8)> = Vec::new();
        let mut still = VecDeque::new();
        let blocks = self.world.choices.waiting_order == WaitingOrder::HeadOfLine;
        while let Some(at) = self.lines[provider].tasks.pop_front() {
            let Some(task) = self.tasks.get(at) else {
                continue;
            };
            if task.state != TaskState::Waiting {
                continue;
            }
            let kind = (task.template, task.launch);
            let (workload, key) = (task.workload, task.key);
            let found = if in_vain.contains(&kind) || (blocks && !in_vain.is_empty()) {
                None
            } else {
                self.choose(kind.0, kind.1, workload, key)
            };
            match found {
                Some(id) => {
                    let cluster = self.world.templates[kind.0].cluster;
                    self.waiting[cluster] -= 1;
                    self.vacancies += 1;
                    self.board(at, Host::Instance(id), None);
                }
                None => {
                    if !in_vain.contains(&kind) {
                        in_vain.push(kind);
                    }
                    still.push_back(at);
                }
            }
        }
        self.lines[provider].tasks = still;
    }

    /// A task has waited long enough [U-35].
    pub(super) fn patience_ends(&mut self, at: Ref) {
        // A place that is there in the last moment is still taken.
        self.serve_waiting();
        let Some(task) = self.tasks.get(at) else {
            return;
        };
        if task.state != TaskState::Waiting {
            return;
        }
        let (template, launch) = (task.template, task.launch);
        let cluster = &self.world.clusters[self.world.templates[template].cluster];
        let LaunchOn::Provider(provider) =
            self.world.templates[template].launches[usize::from(launch)].on
        else {
            return;
        };
        let closest = scan::closest(cluster, &request(&self.world, template, launch));
        let is_there = |(id, _): (_, &crate::model::instance::Description)| {
            cluster.descriptions()[id].provider == Some(provider)
                && cluster.instances()[id].status != InstanceStatus::Inactive
        };
        let reason = match closest {
            Some((_, reason)) => StopReason::NoRoom(reason),
            None if cluster.descriptions().iter().any(is_there) => StopReason::NoActiveInstances,
            None => StopReason::EmptyProvider,
        };
        let code = StopCode::TaskFailedToStart;
        self.stop(at, Stop { code, reason });
    }

    /// A task stops that never got a place.
    pub(super) fn leave_waiting(&mut self, at: Ref) {
        let task = self.tasks.get(at).expect("a task that stopped lived");
        self.vacancies += 1;
        let template = &self.world.templates[task.template];
        self.waiting[template.cluster] -= 1;
        if let LaunchOn::Provider(provider) = template.launches[usize::from(task.launch)].on {
            self.lines[provider].tasks.retain(|other| *other != at);
            self.tell_scaled(provider, None);
        }
    }

    /// A task that waits is tried again, as it is now; before all others, if it comes to the front.
    pub(super) fn try_waiting(&mut self, at: Ref, provider: ProviderId, to_front: bool) {
        let line = &mut self.lines[provider];
        if to_front {
            line.tasks.retain(|other| *other != at);
            line.tasks.push_front(at);
        }
        line.joined = true;
    }

    /// How many tasks wait for a provider.
    pub(super) fn waiting_for(&self, provider: ProviderId) -> u32 {
        self.lines[provider].tasks.len() as u32
    }

    /// The tasks that wait for a provider, alike ones together.
    pub(super) fn waiting_groups(&self, provider: ProviderId) -> Vec<WaitingGroup> {
        let mut groups: Vec<WaitingGroup> = Vec::new();
        let mut known: Vec<(TemplateId, usize)> = Vec::new();
        for task in self.lines[provider]
            .tasks
            .iter()
            .filter_map(|at| self.tasks.get(*at))
        {
            let kind = known.iter().find(|(kind, _)| *kind == task.template);
            let at = kind.map(|(_, at)| *at).unwrap_or_else(|| {
                let template = &self.world.templates[task.template];
                let alike = |group: &WaitingGroup| {
                    group.demand == template.demand
                        && group.distinct_instance == template.distinct_instance
                };
                let at = groups.iter().position(alike).unwrap_or_else(|| {
                    groups.push(WaitingGroup {
                        demand: template.demand.clone(),
                        count: 0,
                        distinct_instance: template.distinct_instance,
                    });
                    groups.len() - 1
                });
                known.push((task.template, at));
                at
            });
            groups[at].count += 1;
        }
        groups
    }

    /// Why each task that waits finds no place, by its number.
    pub(super) fn why_waiting(&self) -> Vec<(u64, Refusal)> {
        let mut found = Vec::new();
        for id in self.lines.ids() {
            let mut known: Vec<((TemplateId, u8), Refusal)> = Vec::new();
            for task in self.lines[id]
                .tasks
                .iter()
                .filter_map(|at| self.tasks.get(*at))
            {
                let kind = (task.template, task.launch);
                let refusal = match known.iter().find(|(other, _)| *other == kind) {
                    Some((_, refusal)) => refusal.clone(),
                    None => {
                        let cluster =
                            &self.world.clusters[self.world.templates[task.template].cluster];
                        let refusal = scan::refusal(cluster, &request(&self.world, kind.0, kind.1));
                        known.push((kind, refusal.clone()));
                        refusal
                    }
                };
                found.push((task.number, refusal));
            }
        }
        found.sort_by_key(|(number, _)| *number);
        found
    }
}
