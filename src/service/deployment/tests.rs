//! Evaluations by hand, and the laws of the loop in a small model of a cluster.

use super::*;
use proptest::prelude::*;

const HEALTHY: TaskView = TaskView {
    deployment: Deployment::Primary,
    phase: Phase::Running,
    health: Health::Healthy,
    on_draining: false,
    protected: false,
    rebalances: false,
    zone: Some(0),
};
const STARTING: TaskView = TaskView {
    phase: Phase::Starting,
    health: Health::Unknown,
    ..HEALTHY
};
const UNKNOWN: TaskView = TaskView {
    health: Health::Unknown,
    ..HEALTHY
};
const UNHEALTHY: TaskView = TaskView {
    health: Health::Unhealthy,
    ..HEALTHY
};

fn old(task: TaskView) -> TaskView {
    TaskView {
        deployment: Deployment::Old,
        ..task
    }
}

fn draining(task: TaskView) -> TaskView {
    TaskView {
        on_draining: true,
        ..task
    }
}

fn protected(task: TaskView) -> TaskView {
    TaskView {
        protected: true,
        ..task
    }
}

fn in_zone(zone: u32, task: TaskView) -> TaskView {
    TaskView {
        zone: Some(zone),
        ..task
    }
}

fn service(desired: u32, minimum: u32, maximum: u32) -> ServiceView<'static> {
    ServiceView {
        desired,
        minimum_healthy_percent: minimum,
        maximum_percent: maximum,
        placement_failing: false,
        rebalanced_zones: &[],
    }
}

/// An evaluation that takes the first of the candidates.
fn first(service: &ServiceView<'_>, tasks: &[TaskView]) -> Step {
    evaluate(service, tasks, &mut |candidates, count| {
        candidates[..count].to_vec()
    })
}

/// The tasks that stop, all for `reason`, and how many start.
fn check(
    service: ServiceView<'_>,
    tasks: &[TaskView],
    stop: &[usize],
    reason: StopReason,
    start: u32,
) {
    let expected = Step {
        stop: stop.iter().map(|index| (*index, reason)).collect(),
        start,
        rebalance_into: None,
    };
    assert_eq!(first(&service, tasks), expected, "{tasks:?}");
}

fn join(parts: &[&[TaskView]]) -> Vec<TaskView> {
    parts.concat()
}

#[test]
fn ecs_g119_lower_bound_is_rounded_up() {
    assert_eq!(lower_bound(2, 75), 2);
    assert_eq!(lower_bound(4, 50), 2);
    assert_eq!(lower_bound(4, 0), 0);
    assert_eq!(lower_bound(u32::MAX, 200), 2 * u64::from(u32::MAX));
    check(
        service(2, 75, 100),
        &[old(HEALTHY); 2],
        &[],
        StopReason::Replaced,
        0,
    );
}

#[test]
fn ecs_g120_upper_bound_is_rounded_down() {
    assert_eq!(upper_bound(4, 200), 8);
    assert_eq!(upper_bound(3, 125), 3);
}

#[test]
fn starts_what_is_missing_and_no_more() {
    use StopReason::ScaleIn;
    check(service(3, 100, 200), &[], &[], ScaleIn, 3);
    check(service(3, 100, 200), &[HEALTHY, STARTING], &[], ScaleIn, 1);
    check(service(3, 100, 200), &[STARTING; 3], &[], ScaleIn, 0);
    check(service(0, 100, 200), &[HEALTHY; 2], &[0, 1], ScaleIn, 0);
    check(service(1, 100, 200), &[HEALTHY; 3], &[0, 1], ScaleIn, 0);
    check(
        service(1, 100, 200),
        &[protected(HEALTHY); 3],
        &[],
        ScaleIn,
        0,
    );
}

#[test]
fn rolling_update_within_both_bounds() {
    use StopReason::Replaced;
    let four_old = [old(HEALTHY); 4];
    check(service(4, 100, 200), &four_old, &[], Replaced, 4);
    check(service(4, 100, 150), &four_old, &[], Replaced, 2);
    check(service(4, 50, 100), &four_old, &[0, 1], Replaced, 2);
    check(service(4, 0, 100), &four_old, &[0, 1, 2, 3], Replaced, 4);
    check(service(4, 50, 200), &four_old, &[0, 1], Replaced, 4);
    let one_new = join(&[&four_old, &[HEALTHY], &[STARTING; 3]]);
    check(service(4, 100, 200), &one_new, &[0], Replaced, 0);
    let blocked = [protected(old(HEALTHY)); 4];
    check(service(4, 0, 100), &blocked, &[], Replaced, 0);
}

#[test]
fn old_tasks_that_do_not_count_go_first() {
    use StopReason::Replaced;
    let tasks = [HEALTHY, UNHEALTHY, STARTING, HEALTHY].map(old);
    check(service(4, 100, 100), &tasks, &[1, 2], Replaced, 2);
    // Unknown ones may be the next healthy ones: they stay while healthy tasks are short.
    let fresh = [old(UNKNOWN); 4];
    check(service(4, 100, 200), &fresh, &[], Replaced, 4);
    let half = join(&[&[old(UNKNOWN); 2], &[old(HEALTHY); 2]]);
    check(service(4, 50, 100), &half, &[0, 1], Replaced, 2);
}

#[test]
fn scale_in_waits_for_the_old_deployment() {
    let tasks = join(&[&[HEALTHY; 2], &[old(HEALTHY); 2], &[STARTING; 2]]);
    // Lower bound 2: both old tasks can go, and then two of the four new ones.
    let step = first(&service(2, 100, 200), &tasks);
    let reasons: Vec<_> = step.stop.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(reasons[..2], [StopReason::Replaced; 2]);
    // The first candidates are healthy and needed, so they are left for now.
    assert_eq!(reasons.len(), 2);
    let held = join(&[&[old(HEALTHY); 2], &[STARTING; 4]]);
    check(service(2, 100, 200), &held, &[], StopReason::ScaleIn, 0);
}

#[test]
fn ecs_g91_pending_on_draining_stops_at_once_and_running_is_replaced() {
    let tasks = [draining(STARTING), draining(HEALTHY)];
    check(service(2, 100, 200), &tasks, &[0], StopReason::Draining, 2);
    check(service(2, 100, 100), &tasks, &[0], StopReason::Draining, 1);
}

#[test]
fn ecs_g92_replacements_start_before_any_stop() {
    use StopReason::Draining;
    let leaving = [draining(HEALTHY); 4];
    check(service(4, 100, 200), &leaving, &[], Draining, 4);
    let begun = join(&[&leaving, &[STARTING; 4]]);
    check(service(4, 100, 200), &begun, &[], Draining, 0);
    let two_up = join(&[&leaving, &[HEALTHY; 2], &[STARTING; 2]]);
    check(service(4, 100, 200), &two_up, &[0, 1], Draining, 0);
}

/// Desired 4, minimum 50: two stop at once, and their room goes to two replacements.
#[test]
fn draining_below_the_minimum_stops_first() {
    let leaving = [draining(HEALTHY); 4];
    check(
        service(4, 50, 100),
        &leaving,
        &[0, 1],
        StopReason::Draining,
        2,
    );
}

#[test]
fn ecs_g94_draining_at_100_and_100_changes_nothing() {
    let leaving = [draining(HEALTHY); 4];
    check(service(4, 100, 100), &leaving, &[], StopReason::Draining, 0);
}

#[test]
fn unhealthy_is_replaced_first_when_there_is_room() {
    use StopReason::Unhealthy;
    let three = [HEALTHY; 3];
    let with = |rest: &[TaskView]| join(&[&three, rest]);
    let wide = service(4, 100, 200);
    check(wide, &with(&[UNHEALTHY]), &[], Unhealthy, 1);
    check(wide, &with(&[UNHEALTHY, STARTING]), &[], Unhealthy, 0);
    check(wide, &with(&[UNHEALTHY, UNKNOWN]), &[], Unhealthy, 0);
    check(wide, &with(&[UNHEALTHY, HEALTHY]), &[3], Unhealthy, 0);
    // The replacement is no better: one of the two stops and another one starts.
    check(wide, &with(&[UNHEALTHY, UNHEALTHY]), &[3], Unhealthy, 1);
}

#[test]
fn unhealthy_stops_first_when_there_is_no_room() {
    use StopReason::Unhealthy;
    let tasks = [HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY];
    check(service(4, 50, 100), &tasks, &[2], Unhealthy, 1);
    check(service(4, 100, 100), &tasks, &[], Unhealthy, 0);
    let begun = [HEALTHY, HEALTHY, STARTING, UNHEALTHY];
    check(service(4, 50, 100), &begun, &[], Unhealthy, 0);
    // The cluster has no room although the bound leaves some.
    let full = ServiceView {
        placement_failing: true,
        ..service(4, 50, 200)
    };
    check(full, &tasks, &[2], Unhealthy, 2);
}

#[test]
fn rebalances_one_task_at_a_time_when_steady() {
    let zones = [0, 1, 2];
    let service = ServiceView {
        rebalanced_zones: &zones,
        ..service(4, 100, 150)
    };
    let step = |tasks: &[TaskView]| first(&service, tasks);
    let uneven = [0, 0, 0, 1].map(|zone| in_zone(zone, HEALTHY));
    assert_eq!(step(&uneven).rebalance_into, Some(2));
    let even = [0, 0, 1, 2].map(|zone| in_zone(zone, HEALTHY));
    assert_eq!(step(&even), Step::default());
    // Nothing to take from the fullest zone.
    let fixed = uneven.map(|task| TaskView {
        protected: task.zone == Some(0),
        ..task
    });
    assert_eq!(step(&fixed), Step::default());
    // Not while anything else goes on, nor without room.
    let mut busy = uneven;
    busy[3].health = Health::Unknown;
    assert_eq!(step(&busy), Step::default());
    let tight = ServiceView {
        maximum_percent: 100,
        ..service
    };
    assert_eq!(first(&tight, &uneven), Step::default());
    // The fifth task counts as one too many once it is healthy.
    let mut fifth = TaskView {
        rebalances: true,
        ..in_zone(2, STARTING)
    };
    assert_eq!(step(&join(&[&uneven, &[fifth]])), Step::default());
    (fifth.phase, fifth.health) = (Phase::Running, Health::Healthy);
    check(
        service,
        &join(&[&uneven, &[fifth]]),
        &[0],
        StopReason::ScaleIn,
        0,
    );
}

fn any_task() -> impl Strategy<Value = TaskView> {
    let deployment = prop_oneof![Just(Deployment::Primary), Just(Deployment::Old)];
    let progress = prop_oneof![
        Just((Phase::Waiting, Health::Unknown)),
        Just((Phase::Starting, Health::Unknown)),
        Just((Phase::Running, Health::Unknown)),
        Just((Phase::Running, Health::Unhealthy)),
        Just((Phase::Running, Health::Healthy)),
        Just((Phase::Running, Health::Healthy)),
    ];
    (deployment, progress, any::<bool>(), 0..3_u32).prop_map(
        |(deployment, (phase, health), on_draining, zone)| TaskView {
            deployment,
            phase,
            health,
            on_draining: on_draining && phase != Phase::Waiting,
            zone: (phase != Phase::Waiting).then_some(zone),
            ..HEALTHY
        },
    )
}

fn healthy(tasks: &[TaskView]) -> u64 {
    tasks.iter().filter(|task| task.is(Health::Healthy)).count() as u64
}

/// A cluster with room for everything: stops are immediate, a new task becomes healthy when its
/// turn comes.
struct Model<'a> {
    service: ServiceView<'a>,
    tasks: Vec<TaskView>,
    /// Drawn numbers: which candidate stops, which task advances.
    choices: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl Model<'_> {
    fn choice(&mut self, count: usize) -> usize {
        self.choices.next().unwrap_or(0) % count
    }

    /// Evaluates and does it, holding the step to the bounds; whether anything changed.
    fn act(&mut self) -> Result<bool, TestCaseError> {
        let choices = &mut self.choices;
        let step = evaluate(&self.service, &self.tasks, &mut |candidates, count| {
            let mut left = candidates.to_vec();
            let mut take = |_| left.remove(choices.next().unwrap_or(0) % left.len());
            (0..count).map(&mut take).collect()
        });
        let (before, healthy_before) = (self.tasks.len() as u64, healthy(&self.tasks));
        let mut stopped: Vec<usize> = step.stop.iter().map(|(index, _)| *index).collect();
        stopped.sort_unstable();
        for index in stopped.iter().rev() {
            self.tasks.remove(*index);
        }
        prop_assert_eq!(
            self.tasks.len() as u64 + stopped.len() as u64,
            before,
            "each stops once"
        );
        let lower = lower_bound(self.service.desired, self.service.minimum_healthy_percent);
        prop_assert!(healthy(&self.tasks) >= healthy_before.min(lower));
        for _ in 0..step.start {
            self.tasks.push(STARTING);
        }
        if let Some(zone) = step.rebalance_into {
            self.tasks.push(TaskView {
                rebalances: true,
                ..in_zone(zone, STARTING)
            });
        }
        let starts = step.start > 0 || step.rebalance_into.is_some();
        let upper = upper_bound(self.service.desired, self.service.maximum_percent);
        prop_assert!(!starts || self.tasks.len() as u64 <= upper);
        Ok(starts || !stopped.is_empty())
    }

    /// One task comes one step further; whether there was one.
    fn advance(&mut self) -> bool {
        let undecided: Vec<usize> = (0..self.tasks.len())
            .filter(|index| self.tasks[*index].is_undecided())
            .collect();
        if undecided.is_empty() {
            return false;
        }
        let index = undecided[self.choice(undecided.len())];
        let task = &mut self.tasks[index];
        match task.phase {
            Phase::Waiting => task.phase = Phase::Starting,
            Phase::Starting => task.phase = Phase::Running,
            Phase::Running => task.health = Health::Healthy,
        }
        true
    }

    /// Runs until nothing changes any more; an error when that takes too long.
    fn run(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..2_000 {
            if !self.act()? && !self.advance() {
                return Ok(());
            }
        }
        Err(TestCaseError::fail("does not come to rest"))
    }
}

fn bounds() -> impl Strategy<Value = (u32, u32, u32)> {
    (0..=8_u32, 0..=100_u32, 100..=200_u32)
}

proptest! {
    /// Whatever the service is in the middle of, it comes to rest within the bounds, and in the
    /// steady state when one of the bounds leaves it a task to move.
    #[test]
    fn reaches_the_steady_state(
        (desired, minimum, maximum) in bounds(),
        tasks in prop::collection::vec(any_task(), 0..16),
        choices in prop::collection::vec(any::<usize>(), 1..40),
    ) {
        let service = service(desired, minimum, maximum);
        let mut model = Model { service, tasks, choices: choices.into_iter().cycle() };
        model.run()?;
        let progress = lower_bound(desired, minimum) < u64::from(desired)
            || upper_bound(desired, maximum) > u64::from(desired)
            || desired == 0;
        prop_assert!(!progress || is_steady(&service, &model.tasks), "{:?}", model.tasks);
    }

    /// A rolling update from the steady state never has fewer healthy tasks than the lower bound.
    #[test]
    fn rolling_update_keeps_the_lower_bound_throughout(
        (desired, minimum, maximum) in bounds(),
        choices in prop::collection::vec(any::<usize>(), 1..40),
    ) {
        let service = service(desired, minimum, maximum);
        let tasks = vec![old(HEALTHY); desired as usize];
        let mut model = Model { service, tasks, choices: choices.into_iter().cycle() };
        for _ in 0..200 {
            model.act()?;
            prop_assert!(healthy(&model.tasks) >= lower_bound(desired, minimum));
            prop_assert!(model.tasks.len() as u64 <= upper_bound(desired, maximum));
            model.advance();
        }
    }

    /// Rebalancing ends, with the zones within one task of each other, when the strategy takes
    /// from the fullest zone.
    #[test]
    fn rebalancing_evens_out_the_zones(
        placed in prop::collection::vec(0..3_u32, 1..9),
    ) {
        let desired = placed.len() as u32;
        let zones = [0, 1, 2];
        let service = ServiceView { rebalanced_zones: &zones, ..service(desired, 100, 200) };
        let mut tasks: Vec<TaskView> = placed.iter().map(|zone| in_zone(*zone, HEALTHY)).collect();
        for _ in 0..40 {
            let snapshot = tasks.clone();
            let size = |zone| snapshot.iter().filter(|task| task.zone == zone).count();
            let step = evaluate(&service, &tasks, &mut |candidates, count| {
                assert_eq!(count, 1);
                let fullest = candidates.iter().max_by_key(|index| size(snapshot[**index].zone));
                fullest.copied().into_iter().collect()
            });
            prop_assert_eq!(step.start, 0);
            for (index, _) in step.stop {
                tasks.remove(index);
            }
            let moved = step.rebalance_into.map(|zone| TaskView { rebalances: true, ..in_zone(zone, HEALTHY) });
            tasks.extend(moved);
        }
        let sizes = zones.map(|zone| tasks.iter().filter(|task| task.zone == Some(zone)).count());
        prop_assert_eq!(tasks.len(), placed.len());
        prop_assert!(sizes.iter().max() <= sizes.iter().min().map(|least| least + 1).as_ref());
    }
}
