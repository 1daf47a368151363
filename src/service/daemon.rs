//! What a DAEMON service does next: exactly one task on each instance that meets its constraints.
//!
//! There is no desired count, no strategy and no room above: `maximumPercent` is 100, so an old
//! task stops before the new one starts on its instance.
//! Source: ECS developer guide, "Amazon ECS services", daemon scheduling strategy.

use super::deployment::{Deployment, Health, Phase, StopReason, lower_bound};

/// What a container instance is to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// ACTIVE, connected, and it meets the constraints.
    Wanted,
    /// Nothing starts here, but a task that is here stays: the agent is disconnected, or a managed
    /// drain has not yet ended the other tasks, and the daemon's stops last.
    Kept,
    /// DRAINING.
    Draining,
    /// It does not meet the constraints, or no longer does.
    Unmatched,
}

/// The service's task on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonTask {
    /// Whose it is.
    pub deployment: Deployment,
    /// How far it has come.
    pub phase: Phase,
    /// Its health, which counts only while it runs.
    pub health: Health,
}

impl DaemonTask {
    fn is(self, health: Health) -> bool {
        self.phase == Phase::Running && self.health == health
    }
}

/// A container instance with the task that the service means to run there, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaemonInstance {
    /// Whether a task belongs here.
    pub standing: Standing,
    /// The task that is here.
    pub task: Option<DaemonTask>,
}

/// What to do now: first the stops, then the starts. Positions in the list of instances, rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonStep {
    /// Instances whose task stops.
    pub stop: Vec<(usize, StopReason)>,
    /// Instances on which a task of the primary deployment starts.
    pub start: Vec<usize>,
}

/// What the service does on `instances`, all of the cluster.
///
/// Tasks of an older deployment are replaced while the healthy tasks stay at or above
/// `minimum_healthy_percent` (0 by default) of the wanted instances. Unhealthy tasks, and tasks on
/// instances where they do not belong, stop regardless.
pub fn daemon_step(instances: &[DaemonInstance], minimum_healthy_percent: u32) -> DaemonStep {
    let wanted = |instance: &&DaemonInstance| instance.standing == Standing::Wanted;
    let healthy =
        |instance: &&DaemonInstance| instance.task.is_some_and(|task| task.is(Health::Healthy));
    let desired = u32::try_from(instances.iter().filter(wanted).count()).unwrap_or(u32::MAX);
    let lower = lower_bound(desired, minimum_healthy_percent);
    let mut spare =
        (instances.iter().filter(wanted).filter(healthy).count() as u64).checked_sub(lower);
    let mut step = DaemonStep::default();
    for (index, instance) in instances.iter().enumerate() {
        let reason = instance
            .task
            .and_then(|task| stop_reason(instance.standing, task, &mut spare));
        if let Some(reason) = reason {
            step.stop.push((index, reason));
        }
        if instance.standing == Standing::Wanted && (instance.task.is_none() || reason.is_some()) {
            step.start.push(index);
        }
    }
    step
}

/// Why `task` stops, if it does; `spare` is how many healthy tasks there are above the lower bound,
/// `None` when there are fewer than it asks for.
fn stop_reason(
    standing: Standing,
    task: DaemonTask,
    spare: &mut Option<u64>,
) -> Option<StopReason> {
    match standing {
        Standing::Kept => return None,
        Standing::Draining => return Some(StopReason::Draining),
        Standing::Unmatched => return Some(StopReason::Unmatched),
        Standing::Wanted => {}
    }
    // Its replacement can start nowhere else, and it is none of the healthy tasks.
    if task.is(Health::Unhealthy) {
        return Some(StopReason::Unhealthy);
    }
    if task.deployment == Deployment::Primary {
        return None;
    }
    if task.phase == Phase::Running {
        let left = (*spare)?;
        if task.health == Health::Healthy {
            *spare = Some(left.checked_sub(1)?);
        }
    }
    Some(StopReason::Replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(standing: Standing, task: Option<(Deployment, Phase, Health)>) -> DaemonInstance {
        let task = task.map(|(deployment, phase, health)| DaemonTask {
            deployment,
            phase,
            health,
        });
        DaemonInstance { standing, task }
    }

    fn check(
        instances: &[DaemonInstance],
        minimum: u32,
        stop: &[(usize, StopReason)],
        start: &[usize],
    ) {
        let expected = DaemonStep {
            stop: stop.to_vec(),
            start: start.to_vec(),
        };
        assert_eq!(daemon_step(instances, minimum), expected);
    }

    const HEALTHY: Option<(Deployment, Phase, Health)> =
        Some((Deployment::Primary, Phase::Running, Health::Healthy));
    const OLD: Option<(Deployment, Phase, Health)> =
        Some((Deployment::Old, Phase::Running, Health::Healthy));

    #[test]
    fn ecs_g121_one_task_on_each_active_instance() {
        let mut instances = vec![instance(Standing::Wanted, None); 3];
        instances.push(instance(Standing::Draining, None));
        check(&instances, 0, &[], &[0, 1, 2]);
    }

    #[test]
    fn ecs_g122_only_where_the_constraint_holds() {
        let other = instance(Standing::Unmatched, None);
        check(
            &[other, instance(Standing::Wanted, None), other],
            0,
            &[],
            &[1],
        );
    }

    #[test]
    fn leaves_instances_that_drain_or_no_longer_match() {
        let instances = [
            instance(Standing::Wanted, HEALTHY),
            instance(Standing::Draining, HEALTHY),
            instance(Standing::Unmatched, HEALTHY),
            instance(Standing::Kept, OLD),
        ];
        let stop = [(1, StopReason::Draining), (2, StopReason::Unmatched)];
        check(&instances, 100, &stop, &[]);
    }

    #[test]
    fn a_deployment_keeps_the_lower_bound() {
        let old = [instance(Standing::Wanted, OLD); 4];
        let replaced = |index| (index, StopReason::Replaced);
        check(&old, 0, &[0, 1, 2, 3].map(replaced), &[0, 1, 2, 3]);
        check(&old, 50, &[replaced(0), replaced(1)], &[0, 1]);
        check(&old, 100, &[], &[]);
        let starting = Some((Deployment::Old, Phase::Starting, Health::Unknown));
        let mut mixed = old;
        mixed[3] = instance(Standing::Wanted, starting);
        check(&mixed, 75, &[replaced(3)], &[3]);
        let unknown = Some((Deployment::Old, Phase::Running, Health::Unknown));
        mixed[3] = instance(Standing::Wanted, unknown);
        check(&mixed, 75, &[replaced(3)], &[3]);
        check(&mixed, 100, &[], &[]);
    }

    #[test]
    fn replaces_the_unhealthy_in_place() {
        let unhealthy = Some((Deployment::Primary, Phase::Running, Health::Unhealthy));
        let instances = [
            instance(Standing::Wanted, unhealthy),
            instance(Standing::Wanted, HEALTHY),
        ];
        check(&instances, 50, &[(0, StopReason::Unhealthy)], &[0]);
    }
}
