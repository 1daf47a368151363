//! The containers of a caller's tasks: what their definition fixes, and how they behave.

use super::{Resolver, Site};
use crate::api::{self, ContainerDefinition, Host, TaskDefinition};
use crate::rng::Chance;
use crate::scenario::file;
use crate::scenario::problem::{key_path, quoted};
use crate::time::SimDuration;
use crate::workload::container::{
    Container, HealthCheck, HealthPeriod, ImagePullFailure, MemoryUse, OnSigterm, RestartPolicy,
    STOP_TIMEOUT, TERMINATED,
};
use crate::workload::distribution::{Distribution, ExitSampler, Quantity, Sampler};
use crate::workload::{Arrivals, arrival};

/// Reason of a container that has passed its hard memory limit.
/// Source: ECS developer guide, "Stopped task error codes".
const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

/// Reason of a container whose image could not be pulled, where the scenario gives none.
/// Source: ECS developer guide, "Stopped task error codes".
const CANNOT_PULL: &str = "CannotPullContainerError";

/// What a scenario says of a container.
struct Behaviour {
    duration: Option<Sampler>,
    exits: ExitSampler,
    reasons: Vec<Option<u32>>,
    image_pull: Option<Sampler>,
    image_cached: Chance,
    image_pull_failure: Option<ImagePullFailure>,
    on_sigterm: OnSigterm,
    memory_use: Option<MemoryUse>,
    health: Option<HealthPeriod>,
}

impl<'a> Resolver<'a> {
    /// The containers of a workload's tasks; those that it describes and no task has are checked
    /// as well.
    pub(super) fn containers(
        &mut self,
        path: &str,
        written: &file::Workload,
        site: Option<&Site<'a>>,
        arrivals: Option<&Arrivals>,
    ) -> Vec<Container> {
        let path = format!("{path}.containers");
        let task = site.map(|site| {
            let run = written.run_task.as_ref().map(|run| &run.overrides);
            let start = written.start_task.as_ref().map(|start| &start.overrides);
            let overrides = run.or(start).and_then(Option::as_ref);
            let task = site.definition.with_overrides(overrides, Host::Instance);
            // What is wrong with overrides is told with the call.
            task.unwrap_or(std::borrow::Cow::Borrowed(site.definition))
        });
        let definitions = task
            .as_ref()
            .map_or(&[][..], |it| &it.container_definitions);
        let names: Vec<&str> = definitions.iter().map(|it| it.name.as_str()).collect();
        let mut all_known = true;
        for (name, container) in &written.containers {
            if names.contains(&name.as_str()) {
                continue;
            }
            all_known = false;
            let place = key_path(&path, name);
            self.behaviour(&place, Some(container));
            let Some(site) = site else { continue };
            let definition = &site.definition_name;
            let message = format!(
                "task definition {definition} has no container named {}",
                quoted(name)
            );
            let problem = self.document.problem(&place, message);
            self.problems
                .push(problem.suggest(name, "containers", names.clone()));
        }
        let mut containers = Vec::new();
        for definition in definitions {
            let place = key_path(&path, &definition.name);
            let behaviour = written.containers.get(&definition.name);
            if definition.health_check.is_none() && behaviour.is_some_and(|it| it.health.is_some())
            {
                let message = "the container has no healthCheck in its task definition";
                self.problem(&format!("{place}.health"), message).help =
                    Some("give it one, or leave health out".to_owned());
            }
            let behaviour = self.behaviour(&place, behaviour);
            containers.extend(
                behaviour
                    .zip(task.as_deref())
                    .map(|(behaviour, task)| container(task, definition, behaviour)),
            );
        }
        let essential = definitions.iter().filter(|it| it.is_essential());
        let mut essential = essential.map(|it| it.name.as_str()).peekable();
        let first = essential.peek().copied().unwrap_or("app");
        let has_duration = |name: &str| {
            let container = written.containers.get(name);
            container.is_some_and(|container| container.duration.is_some())
        };
        // A trace that could not be read might have had the durations.
        let recorded = match arrivals {
            Some(Arrivals::Trace(rows)) => rows.iter().all(|row| row.duration.is_some()),
            Some(Arrivals::Process(_)) => false,
            None => matches!(written.arrivals, arrival::Arrivals::Trace { .. }),
        };
        if site.is_some() && all_known && !recorded && !essential.any(has_duration) {
            self.problem(
                &path,
                "no essential container has a duration: its tasks would never end",
            )
            .help = Some(format!(
                "write containers: {{{first}: {{duration: {{distribution: exponential, mean: 10m}}}}}}"
            ));
        }
        containers
    }

    /// The container of a job. One that says nothing of SIGTERM survives it for `grace`, and dies of
    /// SIGKILL [B-07].
    pub(super) fn batch_container(
        &mut self,
        path: &str,
        name: &str,
        written: &file::Container,
        grace: SimDuration,
    ) -> Option<Container> {
        let behaviour = self.behaviour(path, Some(written))?;
        let silent = written.on_sigterm.is_none();
        Some(Container {
            name: name.to_owned(),
            essential: true,
            depends_on: Vec::new(),
            start_timeout: None,
            stop_timeout: if silent { grace } else { STOP_TIMEOUT },
            health_check: None,
            restart_policy: None,
            memory_limit: None,
            duration: behaviour.duration,
            exits: behaviour.exits,
            reasons: behaviour.reasons,
            image_pull: behaviour.image_pull,
            image_cached: behaviour.image_cached,
            image_pull_failure: behaviour.image_pull_failure,
            on_sigterm: if silent {
                OnSigterm::Ignores
            } else {
                behaviour.on_sigterm
            },
            memory_use: behaviour.memory_use,
            health: behaviour.health,
        })
    }

    /// How a container behaves, each part of which is checked whatever is wrong with the others.
    fn behaviour(&mut self, path: &str, written: Option<&file::Container>) -> Option<Behaviour> {
        let get = |part: fn(&file::Container) -> Option<&Distribution>| written.and_then(part);
        let duration = self.optional(path, "duration", get(|it| it.duration.as_ref()));
        let image_pull = self.optional(path, "imagePull", get(|it| it.image_pull.as_ref()));
        let image_cached = written.and_then(|it| it.image_cached);
        let failure = written.and_then(|it| it.image_pull_failure.as_ref());
        if image_cached.is_some() && failure.is_none() && get(|it| it.image_pull.as_ref()).is_none()
        {
            self.problem(&format!("{path}.imageCached"), "no image is pulled anyway")
                .help = Some("give imagePull as well".to_owned());
        }
        let image_pull_failure = failure.map(|failure| ImagePullFailure {
            chance: Chance::of(failure.probability),
            reason: self.reason(failure.reason.as_deref().unwrap_or(CANNOT_PULL)),
        });
        let sigterm = written.and_then(|it| it.on_sigterm.as_ref());
        let on_sigterm = self.on_sigterm(&format!("{path}.onSigterm"), sigterm);
        let memory_use = written.and_then(|it| it.memory_use.as_ref());
        let memory_use = memory_use.and_then(|memory| self.memory_use(path, memory));
        let health = written.and_then(|it| it.health.as_ref());
        let health = health.map(|health| {
            let path = format!("{path}.health");
            let (healthy, unhealthy) = (&health.healthy_after, &health.unhealthy_after);
            HealthPeriod {
                healthy_after: self.optional(&path, "healthyAfter", healthy.as_ref()),
                unhealthy_after: self.optional(&path, "unhealthyAfter", unhealthy.as_ref()),
            }
        });
        let exits = written.and_then(|container| container.exits.clone());
        let exits = exits.unwrap_or_default().sampler();
        let exits = exits
            .map_err(|faults| self.faults(&format!("{path}.exits"), faults))
            .ok()?;
        let reasons = exits.exits().iter();
        let reasons = reasons.map(|exit| Some(self.reason(exit.reason.as_ref()?)));
        Some(Behaviour {
            duration,
            reasons: reasons.collect(),
            exits,
            image_pull,
            image_cached: Chance::of(image_cached.unwrap_or(0.0)),
            image_pull_failure,
            on_sigterm,
            memory_use,
            health,
        })
    }

    fn on_sigterm(&mut self, path: &str, written: Option<&file::OnSigterm>) -> OnSigterm {
        let after = written.and_then(|it| it.duration.as_ref());
        let after = self.optional(path, "duration", after);
        let exit_code = written.and_then(|it| it.exit_code);
        if written.is_some_and(|it| it.ignores) {
            if written.is_some_and(|it| it.duration.is_some() || it.exit_code.is_some()) {
                let message = "a container that ignores SIGTERM has no duration and no exitCode";
                self.problem(path, message).help =
                    Some("leave out ignores, or the others".to_owned());
            }
            return OnSigterm::Ignores;
        }
        OnSigterm::Exits {
            after,
            code: exit_code.unwrap_or(TERMINATED),
        }
    }

    fn memory_use(&mut self, path: &str, written: &file::MemoryUse) -> Option<MemoryUse> {
        let peak = self.sampler(&format!("{path}.memoryUse.peak"), &written.peak);
        let after = self.sampler(&format!("{path}.memoryUse.after"), &written.after);
        Some(MemoryUse {
            peak: peak?,
            after: after?,
            reason: self.reason(OUT_OF_MEMORY),
        })
    }

    /// The number of a container reason in the world.
    pub(super) fn reason(&mut self, reason: &str) -> u32 {
        let reasons = &mut self.world.reasons;
        let known = reasons.iter().position(|known| known == reason);
        let at = known.unwrap_or_else(|| {
            reasons.push(reason.to_owned());
            reasons.len() - 1
        });
        u32::try_from(at).expect("a scenario has fewer than 2^32 reasons")
    }

    fn optional<T: Quantity>(
        &mut self,
        path: &str,
        key: &str,
        distribution: Option<&Distribution<T>>,
    ) -> Option<Sampler> {
        distribution.and_then(|distribution| self.sampler(&format!("{path}.{key}"), distribution))
    }

    pub(super) fn sampler<T: Quantity>(
        &mut self,
        path: &str,
        distribution: &Distribution<T>,
    ) -> Option<Sampler> {
        let made = distribution.sampler(|file| self.open(file));
        made.map_err(|faults| self.faults(path, faults)).ok()
    }
}

/// A container of a task, whose definition ECS takes.
fn container(
    task: &TaskDefinition,
    definition: &ContainerDefinition,
    behaviour: Behaviour,
) -> Container {
    let containers = &task.container_definitions;
    let depends_on = definition.depends_on.iter().flatten();
    let depends_on = depends_on.filter_map(|item| {
        let named = |it: &ContainerDefinition| it.name == item.container_name;
        Some((containers.iter().position(named)?, item.condition))
    });
    let secs = |secs: u32| SimDuration::from_secs(secs.into());
    let restart_policy = definition.restart_policy.as_ref();
    let task_memory = || Some(task.memory.as_ref()?.mib());
    Container {
        name: definition.name.clone(),
        essential: definition.is_essential(),
        depends_on: depends_on.collect(),
        // Without an effect where it is 0, as in the agent.
        start_timeout: definition.start_timeout.filter(|it| *it > 0).map(secs),
        stop_timeout: definition.stop_timeout.map_or(STOP_TIMEOUT, secs),
        health_check: definition.health_check.as_ref().map(health_check),
        restart_policy: restart_policy
            .filter(|it| it.enabled)
            .map(restart_policy_of),
        memory_limit: definition.hard_memory().or_else(task_memory),
        duration: behaviour.duration,
        exits: behaviour.exits,
        reasons: behaviour.reasons,
        image_pull: behaviour.image_pull,
        image_cached: behaviour.image_cached,
        image_pull_failure: behaviour.image_pull_failure,
        on_sigterm: behaviour.on_sigterm,
        memory_use: behaviour.memory_use,
        health: behaviour.health,
    }
}

/// Defaults: ECS API reference, HealthCheck.
fn health_check(written: &api::HealthCheck) -> HealthCheck {
    let secs = |secs: Option<u32>, default| SimDuration::from_secs(secs.unwrap_or(default).into());
    HealthCheck {
        interval: secs(written.interval, 30),
        retries: written.retries.unwrap_or(3),
        start_period: secs(written.start_period, 0),
    }
}

/// Default: ECS API reference, ContainerRestartPolicy.
fn restart_policy_of(written: &api::RestartPolicy) -> RestartPolicy {
    let ignored = written.ignored_exit_codes.iter().flatten();
    RestartPolicy {
        attempt_period: SimDuration::from_secs(
            written.restart_attempt_period.unwrap_or(300).into(),
        ),
        ignored_exit_codes: ignored
            .filter_map(|code| u8::try_from(*code).ok())
            .collect(),
    }
}
