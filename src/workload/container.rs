//! What a container is like, and how those of one task behave: everything that chance decides.
//!
//! A [`Container`] has what its definition fixes and what a scenario says of its behaviour.
//! [`draw`] makes of it, once a task, a [`Drawn`] for each container: the same numbers whenever and
//! wherever the task is placed. What follows from them in time is the matter of [`super::timeline`].

use super::distribution::{ExitSampler, Sampler};
use crate::api::Condition;
use crate::model::arena::{Id, WorkloadId};
use crate::rng::{Chance, Purpose, Stream, Streams};
use crate::time::SimDuration;

/// A container of the tasks of a workload.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Whether its exit stops the task.
    pub essential: bool,
    /// Containers that must have come so far before it starts, as places in the task definition.
    /// They form no cycle.
    pub depends_on: Vec<(usize, Condition)>,
    /// How long after its start those that depend on it wait for it; absent: for ever.
    pub start_timeout: Option<SimDuration>,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout: SimDuration,
    /// Its health check.
    pub health_check: Option<HealthCheck>,
    /// Whether and when it runs again in its task.
    pub restart_policy: Option<RestartPolicy>,
    /// Hard memory limit in MiB, its own or else that of the task; absent when there is neither.
    pub memory_limit: Option<u32>,
    /// How long it runs once started; absent: until its task stops.
    pub duration: Option<Sampler>,
    /// How it exits.
    pub exits: ExitSampler,
    /// Reason of each of those exits, as a number into the world's reasons.
    pub reasons: Vec<Option<u32>>,
    /// How long its image is pulled; absent: no time.
    pub image_pull: Option<Sampler>,
    /// How likely the image is there already.
    pub image_cached: Chance,
    /// How its pull may fail.
    pub image_pull_failure: Option<ImagePullFailure>,
    /// What it does when it is told to stop.
    pub on_sigterm: OnSigterm,
    /// How much memory it uses; absent: never too much.
    pub memory_use: Option<MemoryUse>,
    /// When its health check passes; absent: always.
    pub health: Option<HealthPeriod>,
}

/// Seconds from SIGTERM to SIGKILL where the container says nothing.
/// Source: ECS API reference, ContainerDefinition, `stopTimeout`.
pub const STOP_TIMEOUT: SimDuration = SimDuration::from_secs(30);

/// How ECS finds out whether a container is healthy. A check answers at once here.
///
/// Source: ECS API reference, HealthCheck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// From the start to the first check, and from each to the next.
    pub interval: SimDuration,
    /// Failures in a row after which the container is unhealthy; at least 1.
    pub retries: u32,
    /// Failures sooner after the start do not count, until a check has passed.
    pub start_period: SimDuration,
}

/// Restart of a container within its task. Source: ECS API reference, ContainerRestartPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// How long it must have run to be restarted.
    pub attempt_period: SimDuration,
    /// Exit codes after which it is not.
    pub ignored_exit_codes: Vec<u8>,
}

/// An image pull that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImagePullFailure {
    /// How likely it fails.
    pub chance: Chance,
    /// The reason that is given, as a number into the world's reasons.
    pub reason: u32,
}

/// What a container does when it gets SIGTERM.
#[derive(Clone, Debug)]
pub enum OnSigterm {
    /// It exits.
    Exits {
        /// So long after; absent: at once.
        after: Option<Sampler>,
        /// With this code.
        code: u8,
    },
    /// It goes on until SIGKILL.
    Ignores,
}

/// How much memory a container uses.
#[derive(Clone, Debug)]
pub struct MemoryUse {
    /// The most, in MiB, drawn as so many seconds.
    pub peak: Sampler,
    /// How long after its start it uses that much.
    pub after: Sampler,
    /// The reason that is given for a kill, as a number into the world's reasons.
    pub reason: u32,
}

/// When the health check of a container passes, counted from its start.
#[derive(Clone, Debug)]
pub struct HealthPeriod {
    /// It passes from here on; absent: at once.
    pub healthy_after: Option<Sampler>,
    /// It fails from here on; absent: never.
    pub unhealthy_after: Option<Sampler>,
}

/// How a container exits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit code.
    pub code: u8,
    /// The container's reason, as a number into the world's reasons.
    pub reason: Option<u32>,
}

impl Exit {
    /// With code 0.
    pub const SUCCESS: Exit = Exit::with(0);
    /// Killed by SIGKILL: 128 + 9.
    pub const KILLED: Exit = Exit::with(137);

    /// With a code, and no reason.
    pub const fn with(code: u8) -> Self {
        Exit { code, reason: None }
    }
}

/// Exit code of a container that dies of SIGTERM: 128 + 15.
pub const TERMINATED: u8 = 143;

/// How a container of one task behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// How long its image is pulled; absent when nothing is pulled.
    pub pull: Option<SimDuration>,
    /// Whether that fails.
    pub pull_fails: bool,
    /// How long it runs, restarts included, and how it exits; absent: until it is stopped.
    pub run: Option<(SimDuration, Exit)>,
    /// How long after SIGTERM it exits, and how; absent: it waits for SIGKILL.
    pub sigterm: Option<(SimDuration, Exit)>,
    /// Its health check passes from so long after its start.
    pub healthy_after: SimDuration,
    /// And fails again from here; absent: never.
    pub unhealthy_after: Option<SimDuration>,
}

/// What a trace has recorded of the first essential container of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// How long it ran. Nothing cuts that short.
    pub duration: Option<SimDuration>,
    /// How it exited then.
    pub exit_code: Option<u8>,
}

/// So many restarts of a container are followed; then it counts as running until it is stopped.
const MOST_RESTARTS: u64 = 1000;

/// Draws how the containers of a task behave. `task` numbers it among those of its workload;
/// `drawn` is emptied first, and holds as many as there are containers afterwards.
pub fn draw(
    containers: &[Container],
    streams: &Streams,
    workload: WorkloadId,
    task: u64,
    recorded: Recorded,
    drawn: &mut Vec<Drawn>,
) {
    let mut draws = Draws {
        streams,
        workload: workload.index() as u64,
        task,
        container: 0,
    };
    drawn.clear();
    let mut run_times = None;
    let mut first_essential = None;
    let mut first_to_exit: Option<(SimDuration, usize)> = None;
    for (index, container) in containers.iter().enumerate() {
        let mut run_time = container.duration.as_ref().map(|duration| {
            // One stream for all containers, in order.
            let stream = || streams.stream(Purpose::RunTime, draws.workload, task);
            duration.sample(run_times.get_or_insert_with(stream))
        });
        if container.essential {
            if first_essential.is_none() {
                first_essential = Some(index);
                run_time = recorded.duration.or(run_time);
            }
            if let Some(span) = run_time
                && first_to_exit.is_none_or(|(least, _)| span < least)
            {
                first_to_exit = Some((span, index));
            }
        }
        draws.container = index as u64;
        drawn.push(draws.around(container, run_time));
    }
    for (index, (container, drawn)) in containers.iter().zip(drawn).enumerate() {
        draws.container = index as u64;
        let recorded = match first_essential == Some(index) {
            true => recorded,
            false => Recorded::default(),
        };
        // The container that ends the task has the task's own stream.
        let ends_task = first_to_exit.is_some_and(|(_, first)| first == index);
        let natural = drawn.run.map(|(span, _)| {
            let exit = match (recorded.exit_code, ends_task) {
                (Some(code), _) => Exit::with(code),
                (None, true) => container.exit(|| draws.of_task(Purpose::Exit)),
                (None, false) => container.exit(|| draws.of_run(Purpose::OtherExit, 0)),
            };
            (span, exit)
        });
        let first_run = match recorded.duration {
            Some(_) => natural,
            None => draws.cut_by_memory(container, natural, 0),
        };
        drawn.run = first_run.and_then(|run| draws.restarted(container, run));
    }
}

impl Container {
    fn exit(&self, stream: impl FnOnce() -> Stream) -> Exit {
        let exit = self.exits.sample(stream);
        Exit {
            code: self.exits.exits()[exit].exit_code,
            reason: self.reasons[exit],
        }
    }
}

impl RestartPolicy {
    fn restarts_after(&self, (span, exit): (SimDuration, Exit)) -> bool {
        span >= self.attempt_period && !self.ignored_exit_codes.contains(&exit.code)
    }
}

/// The streams of one container of one task.
struct Draws<'a> {
    streams: &'a Streams,
    workload: u64,
    task: u64,
    container: u64,
}

impl Draws<'_> {
    fn of_task(&self, purpose: Purpose) -> Stream {
        self.streams.stream(purpose, self.workload, self.task)
    }

    /// The stream of the container, for its run after so many restarts.
    fn of_run(&self, purpose: Purpose, restarts: u64) -> Stream {
        self.streams.stream(
            purpose,
            restarts << 32 | self.workload,
            self.task << 8 | self.container,
        )
    }

    /// All but the run, of which only the span is there.
    fn around(&self, container: &Container, run_time: Option<SimDuration>) -> Drawn {
        let failure = container.image_pull_failure;
        let pulls = (container.image_pull.is_some() || failure.is_some())
            && !container
                .image_cached
                .happens(|| self.of_run(Purpose::ImageCached, 0));
        let pull = || self.span(container.image_pull.as_ref(), Purpose::ImagePull);
        let fails = |failure: ImagePullFailure| {
            let stream = || self.of_run(Purpose::ImagePullFailure, 0);
            failure.chance.happens(stream)
        };
        let health = container.health.as_ref();
        Drawn {
            pull: pulls.then(|| pull().unwrap_or_default()),
            pull_fails: pulls && failure.is_some_and(fails),
            run: run_time.map(|span| (span, Exit::SUCCESS)),
            sigterm: match &container.on_sigterm {
                OnSigterm::Ignores => None,
                OnSigterm::Exits { after, code } => {
                    let after = self.span(after.as_ref(), Purpose::Sigterm);
                    Some((after.unwrap_or_default(), Exit::with(*code)))
                }
            },
            healthy_after: health
                .and_then(|it| self.span(it.healthy_after.as_ref(), Purpose::HealthyAfter))
                .unwrap_or_default(),
            unhealthy_after: health
                .and_then(|it| self.span(it.unhealthy_after.as_ref(), Purpose::UnhealthyAfter)),
        }
    }

    fn span(&self, sampler: Option<&Sampler>, purpose: Purpose) -> Option<SimDuration> {
        sampler.map(|sampler| sampler.sample(&mut self.of_run(purpose, 0)))
    }

    /// A run, unless the container passes its hard memory limit first and is killed.
    ///
    /// Source: ECS API reference, ContainerDefinition, `memory`: only the hard limit kills.
    fn cut_by_memory(
        &self,
        container: &Container,
        natural: Option<(SimDuration, Exit)>,
        restarts: u64,
    ) -> Option<(SimDuration, Exit)> {
        let (Some(memory), Some(limit)) = (&container.memory_use, container.memory_limit) else {
            return natural;
        };
        let draw = |sampler: &Sampler, purpose| sampler.sample(&mut self.of_run(purpose, restarts));
        let peak = draw(&memory.peak, Purpose::MemoryPeak);
        if peak <= SimDuration::from_secs(limit.into()) {
            return natural;
        }
        let after = draw(&memory.after, Purpose::MemoryPeakAfter);
        if natural.is_some_and(|(span, _)| span <= after) {
            return natural;
        }
        let exit = Exit {
            reason: Some(memory.reason),
            ..Exit::KILLED
        };
        Some((after, exit))
    }

    /// What becomes of a first run when the container may run again: all runs as one. A restart
    /// takes no time. Absent when it runs until it is stopped.
    fn restarted(
        &self,
        container: &Container,
        mut run: (SimDuration, Exit),
    ) -> Option<(SimDuration, Exit)> {
        let Some(policy) = &container.restart_policy else {
            return Some(run);
        };
        let mut before = SimDuration::ZERO;
        for restarts in 1..=MOST_RESTARTS {
            if !policy.restarts_after(run) {
                return Some((before + run.0, run.1));
            }
            before = before + run.0;
            let natural = container.duration.as_ref().map(|duration| {
                let span = duration.sample(&mut self.of_run(Purpose::RunTime, restarts));
                let exit = container.exit(|| self.of_run(Purpose::OtherExit, restarts));
                (span, exit)
            });
            run = self.cut_by_memory(container, natural, restarts)?;
        }
        None
    }
}

#[cfg(test)]
impl Container {
    /// An essential container that runs until it is stopped, and dies of SIGTERM.
    pub(super) fn plain(name: &str) -> Self {
        let exits = super::distribution::Exits::default();
        Container {
            name: name.to_owned(),
            essential: true,
            depends_on: Vec::new(),
            start_timeout: None,
            stop_timeout: STOP_TIMEOUT,
            health_check: None,
            restart_policy: None,
            memory_limit: None,
            duration: None,
            exits: exits.sampler().expect("one way to exit"),
            reasons: vec![None],
            image_pull: None,
            image_cached: Chance::default(),
            image_pull_failure: None,
            on_sigterm: OnSigterm::Exits {
                after: None,
                code: TERMINATED,
            },
            memory_use: None,
            health: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Duration, Mebibytes};
    use crate::workload::distribution::{Distribution, Exits, Quantity};

    const WORKLOAD: u64 = 3;

    fn secs(secs: u64) -> SimDuration {
        SimDuration::from_secs(secs)
    }

    fn sampler_of<T: Quantity + serde::de::DeserializeOwned>(json: &str) -> Sampler {
        let distribution: Distribution<T> = serde_json::from_str(json).expect("a distribution");
        let no_file = |name: &str| Err::<&[u8], _>(name.to_owned());
        distribution.sampler(no_file).expect("a sound distribution")
    }

    fn sampler(json: &str) -> Sampler {
        sampler_of::<Duration>(json)
    }

    fn always(span: u64) -> Sampler {
        sampler(&format!(
            r#"{{"distribution": "constant", "value": "{span}s"}}"#
        ))
    }

    fn exits(json: &str) -> ExitSampler {
        let exits: Exits = serde_json::from_str(json).expect("exits");
        exits.sampler().expect("sound exits")
    }

    fn drawn(containers: &[Container], task: u64, recorded: Recorded) -> Vec<Drawn> {
        let mut drawn = Vec::new();
        let workload = WorkloadId::from_index(WORKLOAD as usize);
        draw(
            containers,
            &Streams::new(5),
            workload,
            task,
            recorded,
            &mut drawn,
        );
        drawn
    }

    /// How the only container of a task runs.
    fn run(container: Container) -> Option<(SimDuration, Exit)> {
        drawn(&[container], 0, Recorded::default())[0].run
    }

    fn using(peak: &str, limit: Option<u32>) -> Container {
        Container {
            memory_limit: limit,
            memory_use: Some(MemoryUse {
                peak: sampler_of::<Mebibytes>(peak),
                after: always(20),
                reason: 4,
            }),
            duration: Some(always(60)),
            ..Container::plain("app")
        }
    }

    /// Results of a scenario depend on which stream has which key.
    #[test]
    fn streams_of_runs_exits_and_pulls_never_change() {
        let durations = [
            r#"{"distribution": "exponential", "mean": "100s"}"#,
            r#"{"distribution": "lognormal", "median": "50s", "p95": "300s"}"#,
        ]
        .map(sampler);
        let pulls = [
            r#"{"distribution": "uniform", "min": "1s", "max": "9s"}"#,
            r#"{"distribution": "gamma", "mean": "5s", "shape": 2}"#,
        ]
        .map(sampler);
        let ways = r#"[{"weight": 1, "exitCode": 0}, {"weight": 1, "exitCode": 7, "reason": "x"}]"#;
        let containers: Vec<Container> = [0, 1]
            .map(|index: usize| Container {
                duration: Some(durations[index].clone()),
                image_pull: Some(pulls[index].clone()),
                exits: exits(ways),
                reasons: vec![None, Some(2)],
                ..Container::plain("app")
            })
            .into();
        let streams = Streams::new(5);
        let mut firsts = [0, 0];
        for task in 0..50 {
            // One stream of run times for the task, in order; one of pulls for each container; the
            // exit of the first container to end from the stream of the task.
            let mut run_times = streams.stream(Purpose::RunTime, WORKLOAD, task);
            let spans = [0, 1].map(|index: usize| durations[index].sample(&mut run_times));
            let first = usize::from(spans[1] < spans[0]);
            let way = exits(ways).sample(|| streams.stream(Purpose::Exit, WORKLOAD, task));
            let exit = [
                Exit::SUCCESS,
                Exit {
                    code: 7,
                    reason: Some(2),
                },
            ][way];
            let drawn = drawn(&containers, task, Recorded::default());
            assert_eq!(drawn[first].run, Some((spans[first], exit)));
            for index in [0, 1] {
                let key = task << 8 | index as u64;
                let mut stream = streams.stream(Purpose::ImagePull, WORKLOAD, key);
                assert_eq!(drawn[index].pull, Some(pulls[index].sample(&mut stream)));
                assert_eq!(drawn[index].run.map(|(span, _)| span), Some(spans[index]));
            }
            firsts[first] += 1;
        }
        assert!(firsts[0] > 5 && firsts[1] > 5, "{firsts:?}");
    }

    #[test]
    fn what_a_trace_records_is_of_the_first_essential_container() {
        let aside = Container {
            essential: false,
            duration: Some(always(5)),
            ..Container::plain("aside")
        };
        // Recorded runs are not cut: this one would pass its limit at 20 s.
        let app = using(r#"{"distribution": "constant", "value": 400}"#, Some(300));
        let recorded = Recorded {
            duration: Some(secs(900)),
            exit_code: Some(9),
        };
        let drawn = drawn(&[aside, app], 0, recorded);
        assert_eq!(drawn[0].run, Some((secs(5), Exit::SUCCESS)));
        assert_eq!(drawn[1].run, Some((secs(900), Exit::with(9))));
    }

    /// 400 MiB against a hard limit of 300 MiB, reached after 20 s.
    #[test]
    fn ecs_g85_beyond_the_hard_limit_it_is_killed() {
        let killed = Exit {
            code: 137,
            reason: Some(4),
        };
        let check = |peak: &str, end| {
            let peak = format!(r#"{{"distribution": "constant", "value": {peak}}}"#);
            assert_eq!(run(using(&peak, Some(300))), Some(end), "{peak}");
        };
        check("400", (secs(20), killed));
        check("300.5", (secs(20), killed));
        check("300", (secs(60), Exit::SUCCESS));
        // It has exited before it uses so much.
        let short = Container {
            duration: Some(always(20)),
            ..using(r#"{"distribution": "constant", "value": 400}"#, Some(300))
        };
        assert_eq!(run(short), Some((secs(20), Exit::SUCCESS)));
    }

    #[test]
    fn ecs_g86_a_soft_limit_kills_nobody() {
        let container = using(r#"{"distribution": "constant", "value": 3000}"#, None);
        assert_eq!(run(container), Some((secs(60), Exit::SUCCESS)));
    }

    #[test]
    fn images_are_pulled_cached_or_not_to_be_had() {
        let pulling = Container {
            image_pull: Some(always(7)),
            ..Container::plain("app")
        };
        let check = |container: Container, pull, fails| {
            let drawn = drawn(&[container], 0, Recorded::default());
            assert_eq!((drawn[0].pull, drawn[0].pull_fails), (pull, fails));
        };
        check(Container::plain("app"), None, false);
        check(pulling.clone(), Some(secs(7)), false);
        let failing = Container {
            image_pull_failure: Some(ImagePullFailure {
                chance: Chance::of(1.0),
                reason: 0,
            }),
            ..pulling.clone()
        };
        check(failing.clone(), Some(secs(7)), true);
        // A pull of no length, but a pull.
        let at_once = Container {
            image_pull: None,
            ..failing.clone()
        };
        check(at_once, Some(SimDuration::ZERO), true);
        let cached = Container {
            image_cached: Chance::of(1.0),
            ..failing
        };
        check(cached, None, false);
        let half = Container {
            image_cached: Chance::of(0.5),
            ..pulling
        };
        let cached = |task: &u64| {
            drawn(std::slice::from_ref(&half), *task, Recorded::default())[0]
                .pull
                .is_none()
        };
        // Standard deviation of the count: √(1000 / 4) = 16.
        let count = (0..1000).filter(cached).count();
        assert!((450..550).contains(&count), "{count}");
    }

    fn restarting(period: u64, ignored: &[u8]) -> Container {
        Container {
            restart_policy: Some(RestartPolicy {
                attempt_period: secs(period),
                ignored_exit_codes: ignored.to_vec(),
            }),
            ..Container::plain("app")
        }
    }

    #[test]
    fn restarts_until_a_run_is_too_short_or_its_code_is_ignored() {
        let check = |duration, period, ignored: &[u8], expected| {
            let container = Container {
                duration: Some(duration),
                ..restarting(period, ignored)
            };
            assert_eq!(run(container), expected);
        };
        check(always(59), 60, &[], Some((secs(59), Exit::SUCCESS)));
        check(always(60), 60, &[0], Some((secs(60), Exit::SUCCESS)));
        // 60 s is long enough, again and again: it runs until it is stopped.
        check(always(60), 60, &[], None);
        // Runs of 60 s go on, the first of 59 s is the last: n times 60 s and 59 s.
        let either =
            sampler(r#"{"distribution": "empirical", "values": ["60s", "60s", "60s", "59s"]}"#);
        let container = Container {
            duration: Some(either),
            ..restarting(60, &[])
        };
        let mut restarts = 0;
        for task in 0..100 {
            let drawn = drawn(std::slice::from_ref(&container), task, Recorded::default());
            let (span, exit) = drawn[0].run.expect("an end");
            assert_eq!(
                (span.micros() % 60_000_000, exit),
                (59_000_000, Exit::SUCCESS)
            );
            restarts += span.micros() / 60_000_000;
        }
        // Before the first 59 s come on average 3 runs of 60 s; standard deviation √12 each.
        assert!((200..400).contains(&restarts), "{restarts}");
    }

    /// A restarted container uses memory anew: it is killed 20 s after each start. With a period of
    /// 20 s that goes on for ever, unless 137 is ignored.
    #[test]
    fn a_killed_container_restarts_as_well() {
        let killed = |ignored: &[u8]| Container {
            restart_policy: restarting(20, ignored).restart_policy,
            ..using(r#"{"distribution": "constant", "value": 400}"#, Some(300))
        };
        assert_eq!(run(killed(&[])), None);
        let end = run(killed(&[137])).map(|(span, exit)| (span, exit.code));
        assert_eq!(end, Some((secs(20), 137)));
    }

    #[test]
    fn answers_sigterm_as_it_is_told() {
        let check = |on_sigterm, expected| {
            let container = Container {
                on_sigterm,
                ..Container::plain("app")
            };
            let drawn = drawn(&[container], 0, Recorded::default());
            assert_eq!(drawn[0].sigterm, expected);
        };
        let exits = |after, code| OnSigterm::Exits { after, code };
        check(exits(None, 143), Some((secs(0), Exit::with(143))));
        check(exits(Some(always(8)), 0), Some((secs(8), Exit::SUCCESS)));
        check(OnSigterm::Ignores, None);
    }
}
