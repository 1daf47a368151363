//! What happens in one task, from what was drawn of its containers.
//!
//! All times are counted from the moment at which the agent begins with the task: it is PENDING and
//! has its resources. The images of all containers are pulled at once; when the last pull has ended,
//! each container starts as soon as those that it depends on have come far enough. Nothing here
//! takes time that was not drawn.
//!
//! Sources: ECS API reference, ContainerDependency and HealthCheck; ECS developer guide, "Task
//! lifecycle" and "Stopped task error codes".

use super::container::{Container, Drawn, Exit};
use crate::api::Condition;
use crate::time::SimDuration;

/// What a task does if nobody stops it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// When the first image pull starts and the last one ends; absent when nothing is pulled.
    pub pull: Option<(SimDuration, SimDuration)>,
    /// When all containers have started: RUNNING. Absent when the task ends before, or some
    /// container waits for ever.
    pub started: Option<SimDuration>,
    /// How it begins to stop by itself; absent when it runs until it is stopped.
    pub end: Option<End>,
    /// Its health up to then.
    pub health: Health,
}

/// How a task begins to stop by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: SimDuration,
    /// Why.
    pub kind: EndKind,
    /// The container that exited, could not be pulled, or was waited for in vain.
    pub container: usize,
    /// Whether no container runs any more.
    pub alone: bool,
}

/// Why a task begins to stop by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndKind {
    /// An essential container has exited.
    EssentialContainerExited,
    /// An image that the task cannot do without could not be pulled.
    ImagePullFailed,
    /// A container has exited, and others needed it to succeed or to become healthy.
    DependencyFailed,
    /// A container did not come far enough within its `startTimeout` for those that depend on it.
    StartTimedOut,
}

/// When the `healthStatus` of a task changes: the worst over its essential containers. One without
/// a health check stays UNKNOWN, and so does its task.
///
/// Source: ECS developer guide, "Determine task health using container health checks".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// When it first becomes HEALTHY; absent: never.
    pub healthy: Option<SimDuration>,
    /// When it first becomes UNHEALTHY; absent: never.
    pub unhealthy: Option<SimDuration>,
    /// When all checks that there are have passed, which is what a service goes by; absent: never,
    /// or there is no check.
    pub checked: Option<SimDuration>,
}

/// How a task stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// When the first essential container stops; absent when none had started.
    pub executed: Option<SimDuration>,
    /// When the last container has stopped.
    pub stopped: SimDuration,
}

/// Room to work in, kept from task to task so that none is allocated.
#[derive(Debug, Default)]
pub struct Scratch {
    courses: Vec<Course>,
    stops: Vec<Option<SimDuration>>,
}

/// What becomes of a container if the task goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Not known yet.
    Open,
    /// It never starts.
    Never,
    /// It starts.
    From(SimDuration),
}

/// What a task does if nobody stops it. `drawn` has one entry for each container.
pub fn timeline(containers: &[Container], drawn: &[Drawn], scratch: &mut Scratch) -> Timeline {
    let courses = &mut scratch.courses;
    let (pull, failure) = follow(containers, drawn, courses);
    let mut end: Option<End> = None;
    let mut started = Some(SimDuration::ZERO);
    for (index, container) in containers.iter().enumerate() {
        match courses[index] {
            Course::From(start) => started = started.map(|latest| latest.max(start)),
            // One that could not be pulled, and that nobody misses, counts as exited.
            Course::Never if drawn[index].pull_fails && failure.is_none() => {}
            Course::Never | Course::Open => started = None,
        }
        if container.essential
            && let Some((at, _)) = exit(courses[index], &drawn[index])
        {
            let kind = EndKind::EssentialContainerExited;
            end = earlier(end, End::new(at, kind, index));
        }
    }
    if let Some(failure) = failure {
        end = earlier(end, failure);
    }
    if let Some(end) = &mut end {
        let runs = |(course, drawn)| is_running(course, drawn, end.at);
        end.alone = !courses.iter().copied().zip(drawn).any(runs);
        started = started.filter(|start| *start <= end.at);
    }
    Timeline {
        pull: pull.map(|stop| (SimDuration::ZERO, stop)),
        started,
        end,
        health: health(containers, drawn, courses, end.map(|end| end.at)),
    }
}

/// How a task stops that is told to, or begins to by itself, at `from`: containers in reverse order
/// of their dependencies, each by SIGTERM when all that depend on it have stopped, and by SIGKILL
/// when its `stopTimeout` is over. `exits` is emptied first, and then has for each container how it
/// exited; nothing for one that never started.
///
/// Source: ECS API reference, ContainerDefinition, `dependsOn` and `stopTimeout`.
pub fn stop(
    containers: &[Container],
    drawn: &[Drawn],
    from: SimDuration,
    scratch: &mut Scratch,
    exits: &mut Vec<Option<Exit>>,
) -> Stopping {
    follow(containers, drawn, &mut scratch.courses);
    exits.clear();
    exits.resize(containers.len(), None);
    scratch.stops.clear();
    scratch.stops.resize(containers.len(), None);
    let mut stopping = Stopping {
        executed: None,
        stopped: from,
    };
    for _ in containers {
        let mut settled = true;
        for (index, container) in containers.iter().enumerate().rev() {
            if scratch.stops[index].is_some() {
                continue;
            }
            let Some(told) = told_to_stop(containers, index, from, &scratch.stops) else {
                settled = false;
                continue;
            };
            let course = scratch.courses[index];
            let ended = stop_one(container, course, &drawn[index], from, told);
            scratch.stops[index] = Some(ended.map_or(from, |(at, _)| at));
            let Some((at, exit)) = ended else { continue };
            exits[index] = Some(exit);
            stopping.stopped = stopping.stopped.max(at);
            if container.essential {
                stopping.executed = Some(stopping.executed.map_or(at, |first| first.min(at)));
            }
        }
        if settled {
            break;
        }
    }
    stopping
}

/// When a container gets its SIGTERM: when the last of those that depend on it has stopped. Nothing
/// when one of them is still to be settled.
fn told_to_stop(
    containers: &[Container],
    index: usize,
    from: SimDuration,
    stops: &[Option<SimDuration>],
) -> Option<SimDuration> {
    let mut told = from;
    for (dependent, stop) in containers.iter().zip(stops) {
        if dependent.depends_on.iter().any(|(on, _)| *on == index) {
            told = told.max((*stop)?);
        }
    }
    Some(told)
}

/// When and how a container ends in a task that stops from `from` on; nothing when it has not
/// started by then.
fn stop_one(
    container: &Container,
    course: Course,
    drawn: &Drawn,
    from: SimDuration,
    told: SimDuration,
) -> Option<(SimDuration, Exit)> {
    match course {
        Course::From(start) if start <= from => {}
        Course::From(_) | Course::Never | Course::Open => return None,
    }
    let killed = (told + container.stop_timeout, Exit::KILLED);
    let terminated = drawn.sigterm.map(|(span, exit)| (told + span, exit));
    let stops = terminated
        .filter(|(at, _)| *at <= killed.0)
        .unwrap_or(killed);
    let exits = exit(course, drawn).filter(|(at, _)| *at <= stops.0);
    Some(exits.unwrap_or(stops))
}

impl End {
    const fn new(at: SimDuration, kind: EndKind, container: usize) -> Self {
        End {
            at,
            kind,
            container,
            alone: true,
        }
    }
}

/// The earlier end; the first of two at one moment.
fn earlier(first: Option<End>, second: End) -> Option<End> {
    Some(
        first
            .filter(|first| first.at <= second.at)
            .unwrap_or(second),
    )
}

/// When and how a container exits by itself.
fn exit(course: Course, drawn: &Drawn) -> Option<(SimDuration, Exit)> {
    match (course, drawn.run) {
        (Course::From(start), Some((span, exit))) => Some((start + span, exit)),
        (Course::From(_) | Course::Never | Course::Open, _) => None,
    }
}

fn is_running(course: Course, drawn: &Drawn, at: SimDuration) -> bool {
    matches!(course, Course::From(start) if start <= at)
        && exit(course, drawn).is_none_or(|(exit, _)| exit > at)
}

/// Finds out when each container starts. Gives when the pulls end, and what first keeps the task
/// from starting.
fn follow(
    containers: &[Container],
    drawn: &[Drawn],
    courses: &mut Vec<Course>,
) -> (Option<SimDuration>, Option<End>) {
    let mut pull: Option<SimDuration> = None;
    let mut failure: Option<End> = None;
    for (index, it) in drawn.iter().enumerate() {
        pull = pull.max(it.pull);
        if let Some(at) = it.pull
            && it.pull_fails
            && is_needed(containers, index)
        {
            failure = earlier(failure, End::new(at, EndKind::ImagePullFailed, index));
        }
    }
    courses.clear();
    if let Some(end) = failure {
        courses.resize(containers.len(), Course::Never);
        return (Some(end.at), failure);
    }
    courses.resize(containers.len(), Course::Open);
    let ready = pull.unwrap_or_default();
    // Each round settles at least one container: dependencies form no cycle.
    for _ in containers {
        let mut settled = true;
        for index in 0..containers.len() {
            if courses[index] == Course::Open {
                courses[index] = begin(containers, drawn, courses, index, ready, &mut failure);
                settled &= courses[index] != Course::Open;
            }
        }
        if settled {
            break;
        }
    }
    (pull, failure)
}

/// Whether the task cannot do without a container: it is essential, or others depend on it.
fn is_needed(containers: &[Container], index: usize) -> bool {
    containers[index].essential
        || containers
            .iter()
            .any(|other| other.depends_on.iter().any(|(on, _)| *on == index))
}

/// When a container starts that may from `ready` on, as far as those are settled that it depends on.
/// What it waits for in vain goes to `failure`, if it is the first.
fn begin(
    containers: &[Container],
    drawn: &[Drawn],
    courses: &[Course],
    index: usize,
    ready: SimDuration,
    failure: &mut Option<End>,
) -> Course {
    let depends_on = &containers[index].depends_on;
    if drawn[index].pull_fails {
        return Course::Never;
    }
    if depends_on
        .iter()
        .any(|(on, _)| courses[*on] == Course::Open)
    {
        return Course::Open;
    }
    let mut course = Course::From(ready);
    for (on, condition) in depends_on {
        let Course::From(start) = courses[*on] else {
            course = Course::Never;
            continue;
        };
        match wait(&containers[*on], &drawn[*on], start, *condition) {
            Wait::Until(at) => {
                if let Course::From(latest) = course {
                    course = Course::From(latest.max(at));
                }
            }
            Wait::Fails(at, kind) => {
                *failure = earlier(*failure, End::new(at, kind, *on));
                course = Course::Never;
            }
            Wait::ForEver => course = Course::Never,
        }
    }
    course
}

/// How the wait for a container ends.
enum Wait {
    Until(SimDuration),
    Fails(SimDuration, EndKind),
    ForEver,
}

/// How the wait ends for a container that starts at `start` to come as far as `condition`.
fn wait(container: &Container, drawn: &Drawn, start: SimDuration, condition: Condition) -> Wait {
    let exit = exit(Course::From(start), drawn);
    let failed = exit.map_or(Wait::ForEver, |(at, _)| {
        Wait::Fails(at, EndKind::DependencyFailed)
    });
    let wait = match condition {
        Condition::Start => return Wait::Until(start),
        Condition::Complete => exit.map_or(Wait::ForEver, |(at, _)| Wait::Until(at)),
        Condition::Success => match exit {
            Some((at, Exit { code: 0, .. })) => Wait::Until(at),
            _ => failed,
        },
        Condition::Healthy => {
            let healthy = probes(container, drawn).and_then(|probes| probes.healthy);
            let healthy = healthy.map(|span| start + span);
            healthy
                .filter(|at| exit.is_none_or(|(exit, _)| *at < exit))
                .map_or(failed, Wait::Until)
        }
    };
    let Some(timeout) = container.start_timeout else {
        return wait;
    };
    let limit = start + timeout;
    match wait {
        Wait::Until(at) | Wait::Fails(at, _) if at <= limit => wait,
        _ => Wait::Fails(limit, EndKind::StartTimedOut),
    }
}

/// What the health checks of a container find, counted from its start.
struct Probes {
    /// First HEALTHY.
    healthy: Option<SimDuration>,
    /// UNHEALTHY before that.
    unhealthy: Option<SimDuration>,
    /// UNHEALTHY after that.
    relapse: Option<SimDuration>,
}

/// Checks come at every multiple of the interval. Those within the start period that fail do not
/// count, until one has passed.
fn probes(container: &Container, drawn: &Drawn) -> Option<Probes> {
    let check = container.health_check?;
    let interval = check.interval.micros().max(1);
    let more = u64::from(check.retries.saturating_sub(1));
    let first = |from: SimDuration| from.micros().div_ceil(interval).max(1);
    let moment = |number: u64| SimDuration::from_micros(interval.saturating_mul(number));
    let passed = first(drawn.healthy_after);
    let passes = drawn
        .unhealthy_after
        .is_none_or(|from| moment(passed) < from);
    let failed = first(check.start_period).saturating_add(more);
    let relapse = |from| moment(first(from).saturating_add(more));
    Some(Probes {
        healthy: passes.then(|| moment(passed)),
        unhealthy: (!passes || failed < passed).then(|| moment(failed)),
        relapse: drawn.unhealthy_after.filter(|_| passes).map(relapse),
    })
}

/// The health of a task that ends at `end`.
fn health(
    containers: &[Container],
    drawn: &[Drawn],
    courses: &[Course],
    end: Option<SimDuration>,
) -> Health {
    let mut all = Some(SimDuration::ZERO);
    let mut checked: Option<Option<SimDuration>> = None;
    let (mut unhealthy, mut relapse) = (None, None);
    for (index, container) in containers.iter().enumerate() {
        if !container.essential {
            continue;
        }
        let probes = probes(container, &drawn[index]);
        let (Course::From(start), Some(probes)) = (courses[index], probes) else {
            all = None;
            if container.health_check.is_some() {
                checked = Some(None);
            }
            continue;
        };
        let own = probes.healthy.map(|span| start + span);
        all = all.zip(own).map(|(others, own)| others.max(own));
        let others = checked.unwrap_or(Some(SimDuration::ZERO));
        checked = Some(others.zip(own).map(|(others, own)| others.max(own)));
        let first = probes.unhealthy.or(probes.relapse);
        unhealthy = sooner(unhealthy, first.map(|span| start + span));
        relapse = sooner(relapse, probes.relapse.map(|span| start + span));
    }
    let in_time = |at: &SimDuration| end.is_none_or(|end| *at < end);
    // Never all at once, when one relapses before the last comes round.
    let together = |at: &SimDuration| relapse.is_none_or(|relapse| *at < relapse) && in_time(at);
    Health {
        healthy: all.filter(together),
        unhealthy: unhealthy.filter(in_time),
        checked: checked.flatten().filter(together),
    }
}

fn sooner(one: Option<SimDuration>, other: Option<SimDuration>) -> Option<SimDuration> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::super::container::{HealthCheck, ImagePullFailure};
    use super::*;
    use crate::rng::Chance;

    fn secs(secs: u64) -> SimDuration {
        SimDuration::from_secs(secs)
    }

    /// A container that depends on others.
    fn after(depends_on: &[(usize, Condition)]) -> Container {
        Container {
            depends_on: depends_on.to_vec(),
            ..Container::plain("container")
        }
    }

    fn essential() -> Container {
        after(&[])
    }

    fn aside() -> Container {
        Container {
            essential: false,
            ..essential()
        }
    }

    fn until_stopped() -> Drawn {
        Drawn {
            pull: None,
            pull_fails: false,
            run: None,
            sigterm: Some((SimDuration::ZERO, Exit::with(143))),
            healthy_after: SimDuration::ZERO,
            unhealthy_after: None,
        }
    }

    fn runs(span: u64, code: u8) -> Drawn {
        Drawn {
            run: Some((secs(span), Exit::with(code))),
            ..until_stopped()
        }
    }

    fn pulls(span: u64, fails: bool) -> Drawn {
        Drawn {
            pull: Some(secs(span)),
            pull_fails: fails,
            ..until_stopped()
        }
    }

    fn line(containers: &[Container], drawn: &[Drawn]) -> Timeline {
        timeline(containers, drawn, &mut Scratch::default())
    }

    fn end(at: u64, kind: EndKind, container: usize, alone: bool) -> Option<End> {
        Some(End {
            at: secs(at),
            kind,
            container,
            alone,
        })
    }

    fn exited(at: u64, container: usize, alone: bool) -> Option<End> {
        end(at, EndKind::EssentialContainerExited, container, alone)
    }

    /// Stops a task and compares: when the first essential container and the last of all stop, and
    /// the exit codes.
    fn check_stop(
        containers: &[Container],
        drawn: &[Drawn],
        from: u64,
        expected: (Option<u64>, u64),
        codes: &[Option<u8>],
    ) {
        let mut exits = Vec::new();
        let stopping = stop(
            containers,
            drawn,
            secs(from),
            &mut Scratch::default(),
            &mut exits,
        );
        let (executed, stopped) = expected;
        assert_eq!(stopping.executed, executed.map(secs));
        assert_eq!(stopping.stopped, secs(stopped));
        let found: Vec<_> = exits
            .iter()
            .map(|exit| exit.map(|exit| exit.code))
            .collect();
        assert_eq!(found, codes);
    }

    #[test]
    fn ecs_g81_an_essential_container_exits() {
        let (task, drawn) = ([essential()], [runs(60, 0)]);
        let line = line(&task, &drawn);
        assert_eq!((line.pull, line.started), (None, Some(secs(0))));
        assert_eq!(line.end, exited(60, 0, true));
        let end = line.end.expect("it ends");
        assert_eq!(end.kind, EndKind::EssentialContainerExited);
        check_stop(&task, &drawn, 60, (Some(60), 60), &[Some(0)]);
    }

    #[test]
    fn a_container_may_run_for_no_time() {
        let line = line(&[essential()], &[runs(0, 0)]);
        assert_eq!(line.started, Some(secs(0)));
        assert_eq!(line.end, exited(0, 0, true));
    }

    #[test]
    fn ecs_g82_a_non_essential_container_exits() {
        let (task, drawn) = ([essential(), aside()], [until_stopped(), runs(5, 1)]);
        let line = line(&task, &drawn);
        assert_eq!((line.started, line.end), (Some(secs(0)), None));
        // Told to stop at 100: the one that runs dies of SIGTERM, the other had exited with 1.
        check_stop(&task, &drawn, 100, (Some(100), 100), &[Some(143), Some(1)]);
    }

    /// Told to stop at 100, with a stopTimeout of 5 s.
    #[test]
    fn ecs_g84_sigkill_ends_who_ignores_sigterm() {
        let task = [Container {
            stop_timeout: secs(5),
            ..essential()
        }];
        let check = |run: Drawn, stopped, code| {
            let expected = (Some(stopped), stopped);
            check_stop(&task, &[run], 100, expected, &[Some(code)]);
        };
        let ignores = Drawn {
            sigterm: None,
            ..until_stopped()
        };
        let takes = |span| Drawn {
            sigterm: Some((secs(span), Exit::with(0))),
            ..until_stopped()
        };
        check(ignores, 105, 137);
        check(takes(6), 105, 137);
        check(takes(5), 105, 0);
        check(takes(2), 102, 0);
        // It would have exited by itself at 103.
        let ends = Drawn {
            run: Some((secs(103), Exit::with(9))),
            ..ignores
        };
        check(ends, 103, 9);
    }

    /// The kill as it was drawn ends the task if the container is essential.
    #[test]
    fn ecs_g85_out_of_memory_ends_the_task_of_an_essential_container() {
        let drawn = [runs(20, 137), until_stopped()];
        let task = [essential(), essential()];
        assert_eq!(line(&task, &drawn).end, exited(20, 0, false));
        assert_eq!(line(&[aside(), essential()], &drawn).end, None);
    }

    /// Pulls of 4, 6 and 9 s at once: the second fails at 6 s, and none starts.
    #[test]
    fn ecs_g87_an_image_cannot_be_pulled() {
        let failing = Container {
            image_pull_failure: Some(ImagePullFailure {
                chance: Chance::of(1.0),
                reason: 1,
            }),
            ..essential()
        };
        let task = [essential(), failing, essential()];
        let drawn = [pulls(4, false), pulls(6, true), pulls(9, false)];
        let line = line(&task, &drawn);
        assert_eq!(line.started, None);
        assert_eq!(line.pull, Some((secs(0), secs(6))));
        assert_eq!(line.end, end(6, EndKind::ImagePullFailed, 1, true));
        check_stop(&task, &drawn, 6, (None, 6), &[None, None, None]);
    }

    #[test]
    fn an_image_that_nobody_needs_may_fail_to_be_pulled() {
        let drawn = [pulls(4, false), pulls(6, true)];
        let alone = line(&[essential(), aside()], &drawn);
        assert_eq!((alone.started, alone.end), (Some(secs(6)), None));
        let needed = line(&[after(&[(1, Condition::Start)]), aside()], &drawn);
        assert_eq!(needed.end, end(6, EndKind::ImagePullFailed, 1, true));
    }

    /// Pulls end at 3; A runs from 3 to 13, and B from 13 to 43.
    #[test]
    fn ecs_g89_success_is_waited_for() {
        let task = [after(&[(1, Condition::Success)]), aside()];
        let a = |code| Drawn {
            pull: Some(secs(3)),
            ..runs(10, code)
        };
        let line_of = |code| line(&task, &[runs(30, 0), a(code)]);
        let line = line_of(0);
        assert_eq!(line.pull, Some((secs(0), secs(3))));
        assert_eq!(
            (line.started, line.end),
            (Some(secs(13)), exited(43, 0, true))
        );
        // With another code the task fails to start at 13; COMPLETE takes any code.
        let failed = line_of(1);
        assert_eq!(failed.started, None);
        assert_eq!(failed.end, end(13, EndKind::DependencyFailed, 1, true));
        let complete = [after(&[(1, Condition::Complete)]), aside()];
        let complete = timeline(&complete, &[runs(30, 0), a(1)], &mut Scratch::default());
        assert_eq!(
            (complete.started, complete.end),
            (Some(secs(13)), exited(43, 0, true))
        );
        // Told to stop at 5: B has never started.
        check_stop(
            &task,
            &[runs(30, 0), a(0)],
            5,
            (None, 5),
            &[None, Some(143)],
        );
    }

    /// The essential container exits at 8, before the last one starts at 10: never RUNNING.
    #[test]
    fn a_task_may_end_before_it_runs() {
        let task = [
            essential(),
            aside(),
            Container {
                essential: false,
                ..after(&[(1, Condition::Complete)])
            },
        ];
        let drawn = [runs(8, 0), runs(10, 0), until_stopped()];
        let line = line(&task, &drawn);
        assert_eq!((line.started, line.end), (None, exited(8, 0, false)));
        check_stop(&task, &drawn, 8, (Some(8), 8), &[Some(0), Some(143), None]);
    }

    /// Listed so that each comes after those that depend on it: 0 waits for 1, 1 waits for 2. Runs
    /// of 10 s and 20 s lead to starts at 0 (2), 20 (1) and 30 (0).
    #[test]
    fn chains_start_one_after_the_other() {
        let link = |on| Container {
            essential: false,
            ..after(&[(on, Condition::Complete)])
        };
        let task = [after(&[(1, Condition::Complete)]), link(2), aside()];
        let drawn = [runs(5, 0), runs(10, 0), runs(20, 0)];
        let line = line(&task, &drawn);
        assert_eq!(
            (line.started, line.end),
            (Some(secs(30)), exited(35, 0, true))
        );
    }

    /// 2 depends on 1, 1 on 0, 3 on none; all ignore SIGTERM, with timeouts of 30, 10, 5 and 7 s.
    /// From 100: 2 and 3 are told at 100 and killed at 105 and 107, 1 is told at 105 and killed at
    /// 115, 0 is told at 115 and killed at 145: the longest chain, 5 + 10 + 30.
    #[test]
    fn chains_stop_one_after_the_other() {
        let stubborn = |timeout, depends_on: &[(usize, Condition)]| Container {
            stop_timeout: secs(timeout),
            ..after(depends_on)
        };
        let task = [
            stubborn(30, &[]),
            stubborn(10, &[(0, Condition::Start)]),
            stubborn(5, &[(1, Condition::Start)]),
            stubborn(7, &[]),
        ];
        let mut drawn = [Drawn {
            sigterm: None,
            ..until_stopped()
        }; 4];
        check_stop(&task, &drawn, 100, (Some(105), 145), &[Some(137); 4]);
        // 2 exits by itself at 103; 1 is told then, killed at 113, and 0 killed at 143.
        drawn[2].run = Some((secs(103), Exit::with(2)));
        let codes = [Some(137), Some(137), Some(2), Some(137)];
        check_stop(&task, &drawn, 100, (Some(103), 143), &codes);
        // The task of its own accord at 103: the others are told from there.
        assert_eq!(line(&task, &drawn).end, exited(103, 2, false));
        check_stop(&task, &drawn, 103, (Some(103), 143), &codes);
        // Listed the other way round it is the same.
        let flip = |(on, condition): &(usize, Condition)| (3 - on, *condition);
        let flipped: Vec<Container> = task
            .iter()
            .rev()
            .map(|it| {
                stubborn(
                    it.stop_timeout.micros() / 1_000_000,
                    &it.depends_on.iter().map(flip).collect::<Vec<_>>(),
                )
            })
            .collect();
        drawn.reverse();
        let codes = [Some(137), Some(2), Some(137), Some(137)];
        check_stop(&flipped, &drawn, 103, (Some(103), 143), &codes);
    }

    /// Pulls end at 3, A starts then, and may take 10 s: those that wait give up at 13.
    #[test]
    fn start_timeout_ends_the_wait() {
        let check = |condition, run: Drawn, expected| {
            let a = Container {
                start_timeout: Some(secs(10)),
                health_check: Some(HealthCheck {
                    interval: secs(10),
                    retries: 3,
                    start_period: secs(0),
                }),
                ..aside()
            };
            let run = Drawn {
                pull: Some(secs(3)),
                ..run
            };
            let line = line(&[after(&[(1, condition)]), a], &[until_stopped(), run]);
            assert_eq!((line.started, line.end), expected);
        };
        let timed_out = |alone| (None, end(13, EndKind::StartTimedOut, 1, alone));
        check(Condition::Complete, runs(11, 0), timed_out(false));
        check(Condition::Success, runs(11, 0), timed_out(false));
        check(Condition::Complete, until_stopped(), timed_out(false));
        check(Condition::Complete, runs(10, 0), (Some(secs(13)), None));
        check(Condition::Success, runs(9, 0), (Some(secs(12)), None));
        let failed = end(12, EndKind::DependencyFailed, 1, true);
        check(Condition::Success, runs(9, 1), (None, failed));
        check(Condition::Start, until_stopped(), (Some(secs(3)), None));
        // The first check, at 10 s, passes in time; the second, at 20 s, is too late.
        check(Condition::Healthy, until_stopped(), (Some(secs(13)), None));
        let late = Drawn {
            healthy_after: secs(11),
            ..until_stopped()
        };
        check(Condition::Healthy, late, timed_out(false));
    }

    /// Checks at 30, 60, 90 s and so on after the start; unhealthy after 3 failures.
    #[test]
    fn health_follows_the_checks() {
        let check =
            |start_period, healthy_after, unhealthy_after: Option<u64>, healthy, unhealthy| {
                let container = Container {
                    health_check: Some(HealthCheck {
                        interval: secs(30),
                        retries: 3,
                        start_period: secs(start_period),
                    }),
                    ..essential()
                };
                let run = Drawn {
                    pull: Some(secs(5)),
                    healthy_after: secs(healthy_after),
                    unhealthy_after: unhealthy_after.map(secs),
                    ..until_stopped()
                };
                let found = line(&[container], &[run]).health;
                let (healthy, unhealthy): (Option<u64>, Option<u64>) = (healthy, unhealthy);
                assert_eq!(found.healthy, healthy.map(|at| secs(5 + at)));
                assert_eq!(found.unhealthy, unhealthy.map(|at| secs(5 + at)));
            };
        check(0, 0, None, Some(30), None);
        check(0, 30, None, Some(30), None);
        check(0, 31, None, Some(60), None);
        // Failures at 30 and 60, a pass at 90: two are not enough.
        check(0, 90, None, Some(90), None);
        // Failures at 30, 60 and 90, a pass at 120.
        check(0, 91, None, Some(120), Some(90));
        // Those before 100 s do not count: failures at 120, 150 and 180 do.
        check(100, 91, None, Some(120), None);
        check(100, 1000, None, Some(1020), Some(180));
        // A failure at the very end of the start period counts: 90, 120, 150.
        check(90, 1000, None, Some(1020), Some(150));
        // A pass at 30; failures at 60, 90 and 120, though the start period lasts.
        check(300, 0, Some(60), Some(30), Some(120));
        // It fails from the first check on: never healthy.
        check(0, 0, Some(30), None, Some(90));
    }

    /// The worst of the essential containers decides; what comes after the end never comes.
    #[test]
    fn health_of_a_task_is_the_worst() {
        let checked = |essential| Container {
            essential,
            health_check: Some(HealthCheck {
                interval: secs(10),
                retries: 1,
                start_period: secs(0),
            }),
            ..after(&[])
        };
        let check = |task: &[Container], drawn: &[Drawn], healthy, unhealthy| {
            let health = line(task, drawn).health;
            let expected: (Option<u64>, Option<u64>) = (healthy, unhealthy);
            assert_eq!(health.healthy, expected.0.map(secs));
            assert_eq!(health.unhealthy, expected.1.map(secs));
        };
        let fine = until_stopped();
        let ill = |from| Drawn {
            unhealthy_after: Some(secs(from)),
            ..until_stopped()
        };
        let slow = Drawn {
            healthy_after: secs(50),
            ..until_stopped()
        };
        check(
            &[checked(true), checked(true)],
            &[fine, fine],
            Some(10),
            None,
        );
        // The second fails its first check, at 10; at 50 both are healthy.
        check(
            &[checked(true), checked(true)],
            &[fine, slow],
            Some(50),
            Some(10),
        );
        check(
            &[checked(true), checked(true)],
            &[fine, ill(25)],
            Some(10),
            Some(30),
        );
        // The first is ill from 30 on, before the second is healthy.
        check(
            &[checked(true), checked(true)],
            &[ill(25), slow],
            None,
            Some(10),
        );
        check(
            &[checked(true), checked(false)],
            &[fine, ill(25)],
            Some(10),
            None,
        );
        // An essential container without a check stays UNKNOWN.
        check(&[checked(true), essential()], &[fine, fine], None, None);
        check(
            &[checked(true), essential()],
            &[ill(25), fine],
            None,
            Some(30),
        );
        // The task ends at 30, and at 10.
        let until = |end| Drawn {
            unhealthy_after: Some(secs(25)),
            ..runs(end, 0)
        };
        check(&[checked(true)], &[until(30)], Some(10), None);
        check(&[checked(true)], &[until(10)], None, None);
    }

    /// B waits for A to be healthy, at its first check at 30; A has no time for that in 20 s.
    #[test]
    fn healthy_is_waited_for() {
        let a = |essential| Container {
            essential,
            health_check: Some(HealthCheck {
                interval: secs(30),
                retries: 3,
                start_period: secs(0),
            }),
            ..after(&[])
        };
        let b = after(&[(0, Condition::Healthy)]);
        let check = |essential, run, expected| {
            let line = line(&[a(essential), b.clone()], &[run, runs(100, 0)]);
            assert_eq!((line.started, line.end), expected);
        };
        check(
            true,
            until_stopped(),
            (Some(secs(30)), exited(130, 1, false)),
        );
        check(
            false,
            runs(20, 0),
            (None, end(20, EndKind::DependencyFailed, 0, true)),
        );
        check(true, runs(20, 0), (None, exited(20, 0, true)));
        let never = Drawn {
            unhealthy_after: Some(secs(0)),
            ..until_stopped()
        };
        check(false, never, (None, None));
    }

    /// The longest spans there are add up to the end of time, and no further.
    #[test]
    fn the_end_of_time_is_no_overflow() {
        let longest = SimDuration::from_micros(u64::MAX);
        let endless = Drawn {
            pull: Some(longest),
            run: Some((longest, Exit::SUCCESS)),
            sigterm: Some((longest, Exit::SUCCESS)),
            healthy_after: longest,
            unhealthy_after: Some(longest),
            ..until_stopped()
        };
        let a = Container {
            stop_timeout: longest,
            start_timeout: Some(longest),
            health_check: Some(HealthCheck {
                interval: longest,
                retries: u32::MAX,
                start_period: longest,
            }),
            ..aside()
        };
        let task = [after(&[(1, Condition::Complete)]), a];
        let line = line(&task, &[endless, endless]);
        assert_eq!(line.end.map(|end| end.at), Some(longest));
        let mut exits = Vec::new();
        let stopping = stop(
            &task,
            &[endless; 2],
            longest,
            &mut Scratch::default(),
            &mut exits,
        );
        assert_eq!(stopping.stopped, longest);
    }
}
