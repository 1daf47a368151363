//! Which of what is described becomes part of the scenario.

use std::collections::BTreeMap;

use super::document::{Arn, ContainerInstance, Content, Moment, Read, Task};
use super::{Kind, Options};
use crate::api::{ContainerOverride, FargateSizes, ResourceType, TaskDefinition, TaskOverride};
use crate::scenario::document::Document;
use crate::scenario::problem::{Problem, Problems, quoted};
use crate::time::SimDuration;

/// Why a task is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Another document, or another place of the same one, describes it too, and later.
    Again,
    /// Nothing of the cluster carries it: Fargate and managed instances.
    Elsewhere,
    /// It stopped before it ran.
    NeverStarted,
    /// It has no recorded end.
    Unended,
    /// Its task definition or its cluster is not described.
    Undescribed,
}

impl LeftOut {
    /// All of them, in the order in which they are looked at.
    const ALL: [LeftOut; 5] = [
        LeftOut::Again,
        LeftOut::Elsewhere,
        LeftOut::NeverStarted,
        LeftOut::Unended,
        LeftOut::Undescribed,
    ];

    /// Row of the table.
    pub const fn row(self) -> &'static str {
        match self {
            LeftOut::Again => "- described more than once",
            LeftOut::Elsewhere => "- on Fargate or managed instances",
            LeftOut::NeverStarted => "- never started",
            LeftOut::Unended => "- no recorded end",
            LeftOut::Undescribed => "- task definition or cluster not described",
        }
    }

    /// The same within a sentence.
    pub fn words(self) -> &'static str {
        self.row().trim_start_matches("- ")
    }
}

/// A container instance that is taken.
pub struct Instance<'a> {
    /// Its description.
    pub described: &'a ContainerInstance,
    /// Its name: the last part of its ARN.
    pub name: &'a str,
    /// Its cluster.
    pub cluster: &'a str,
    /// Its zone, where only tasks tell it.
    pub zone: Option<&'a str>,
    /// Where it stands.
    place: Place<'a>,
}

/// A task that is taken.
pub struct Taken<'a> {
    /// Its description.
    pub task: &'a Task,
    /// The last part of its ARN.
    pub id: &'a str,
    /// Its cluster.
    pub cluster: &'a str,
    /// `family:revision`.
    pub definition_name: &'a str,
    /// The same, described.
    pub definition: &'a TaskDefinition,
    /// How long it runs.
    pub run_time: SimDuration,
    /// Overrides that a row of a trace can hold.
    pub sizes: Sizes,
    /// All size overrides, where a row cannot hold them.
    pub overrides: Option<TaskOverride>,
}

/// Overrides of the first essential container that a trace has columns for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// CPU units.
    pub cpu: Option<u32>,
    /// MiB.
    pub memory: Option<u32>,
    /// Whole GPUs.
    pub gpu: Option<u32>,
}

impl Taken<'_> {
    /// Recorded run time in microseconds; 0 where none is.
    pub fn recorded(&self) -> u128 {
        recorded(self.task).map_or(0, |span| span.micros().into())
    }

    /// Exit code of the first essential container.
    pub fn exit_code(&self) -> Option<i64> {
        let name = first_essential(self.definition);
        let mut containers = self.task.containers.iter().flatten();
        containers
            .find(|container| container.name.is_some() && container.name.as_deref() == name)?
            .exit_code
    }
}

/// What is taken, and what is not.
pub struct Selection<'a> {
    /// Container instances, by cluster and name.
    pub instances: Vec<Instance<'a>>,
    /// Descriptions of instances that others replace.
    pub instances_again: usize,
    /// Task definitions by family and revision.
    pub definitions: BTreeMap<(&'a str, u32), &'a TaskDefinition>,
    /// Descriptions of task definitions that are there already.
    pub definitions_again: usize,
    /// Tasks, in the order of creation.
    pub taken: Vec<Taken<'a>>,
    /// The others.
    left_out: Vec<(LeftOut, &'a Task)>,
    /// How many things AWS was asked for and did not describe or start.
    pub failures: usize,
}

/// Where something stands: a document and a path in it.
#[derive(Clone)]
struct Place<'a> {
    document: &'a Document,
    path: String,
}

impl Place<'_> {
    fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        let dot = if key.is_empty() { "" } else { "." };
        self.document
            .problem(&format!("{}{dot}{key}", self.path), message)
    }
}

fn recorded(task: &Task) -> Option<SimDuration> {
    let (start, stop) = task.started_at.zip(task.stopped_at)?;
    let micros = stop.micros().checked_sub(start.micros())?;
    Some(SimDuration::from_micros(micros))
}

fn first_essential(definition: &TaskDefinition) -> Option<&str> {
    let mut containers = definition.container_definitions.iter();
    let first = containers.find(|container| container.is_essential());
    first.map(|container| container.name.as_str())
}

/// What makes a selection; gathers what is wrong.
struct Selector<'a> {
    options: Options,
    problems: Vec<Problem>,
    /// Region and account of the first resource.
    owner: Option<(&'a str, &'a str)>,
    /// Whether a second region or account has been told.
    several_owners: bool,
}

impl<'a> Selection<'a> {
    /// Looks through documents.
    ///
    /// # Errors
    /// Everything that contradicts itself, and everything that is missing.
    pub fn new(read: &'a [Read], options: Options) -> Result<Self, Problems> {
        let mut selector = Selector {
            options,
            problems: Vec::new(),
            owner: None,
            several_owners: false,
        };
        let described = selector.tasks(read);
        let (instances, instances_again) = selector.instances(read, &described.tasks);
        let (definitions, definitions_again) = selector.definitions(read);
        let clusters: Vec<&str> = instances.iter().map(|instance| instance.cluster).collect();
        let (taken, left_out) = selector.choose(described, &clusters, &definitions);
        if !selector.problems.is_empty() {
            return Err(Problems::new(selector.problems));
        }
        Ok(Selection {
            instances,
            instances_again,
            definitions,
            definitions_again,
            taken,
            left_out,
            failures: read.iter().map(|document| document.failures).sum(),
        })
    }

    /// Whether there is neither an instance nor a task.
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty() && self.taken.is_empty()
    }

    /// For each reason the tasks that were left out, and their recorded run time in microseconds.
    pub fn left_out_by_reason(&self) -> [(LeftOut, usize, u128); 5] {
        LeftOut::ALL.map(|reason| {
            let tasks = self.left_out.iter().filter(|(other, _)| *other == reason);
            let run_times = tasks.clone().filter_map(|(_, task)| recorded(task));
            let micros = run_times.map(|span| u128::from(span.micros())).sum();
            (reason, tasks.count(), micros)
        })
    }
}

/// A task as it stands in a document, its names taken apart.
struct Named<'a> {
    task: &'a Task,
    place: Place<'a>,
    id: &'a str,
    cluster: &'a str,
    definition: &'a str,
}

/// Every task once, and the descriptions that another one replaces.
struct Tasks<'a> {
    tasks: Vec<Named<'a>>,
    again: Vec<&'a Task>,
}

type Definitions<'a> = BTreeMap<(&'a str, u32), &'a TaskDefinition>;

impl<'a> Selector<'a> {
    /// The parts of an ARN; what is none, or lies elsewhere than the others, is a problem.
    fn arn(
        &mut self,
        place: &Place<'_>,
        key: &str,
        text: &'a str,
        resource: &str,
    ) -> Option<Arn<'a>> {
        let arn = Arn::parse(text, resource);
        if arn.is_none() {
            let message = format!("{} is not the ARN of a {resource}", quoted(text));
            let help = format!("write it such as arn:aws:ecs:us-east-1:123456789012:{resource}/…");
            self.problems.push(place.problem(key, message).help(help));
        }
        arn
    }

    /// Clusters of one name in two regions are two clusters, which one scenario cannot tell apart.
    fn check_owner(&mut self, place: &Place<'_>, key: &str, arn: Arn<'a>) {
        let (region, account) = arn.owner;
        let (first_region, first_account) = *self.owner.get_or_insert(arn.owner);
        if (region, account) == (first_region, first_account) || self.several_owners {
            return;
        }
        self.several_owners = true;
        let message = format!(
            "it is of {region}, account {account}; what stands before is of {first_region}, account \
             {first_account}"
        );
        let help = "import each region and account on its own";
        self.problems.push(place.problem(key, message).help(help));
    }

    fn tasks(&mut self, read: &'a [Read]) -> Tasks<'a> {
        let (mut by_arn, mut again) = (BTreeMap::<&str, Named<'_>>::new(), Vec::new());
        for Read {
            document, content, ..
        } in read
        {
            let Content::Tasks(tasks) = content else {
                continue;
            };
            for (index, task) in tasks.iter().enumerate() {
                let place = Place {
                    document,
                    path: format!("tasks[{index}]"),
                };
                let Some(named) = self.named(task, place) else {
                    continue;
                };
                let known = by_arn.get(task.task_arn.as_str());
                if known.is_some_and(|known| known.task.version > task.version) {
                    again.push(task);
                } else if let Some(old) = by_arn.insert(&task.task_arn, named) {
                    again.push(old.task);
                }
            }
        }
        let mut tasks: Vec<Named<'_>> = by_arn.into_values().collect();
        tasks.sort_by_key(|named| (named.task.created_at, named.id));
        Tasks { tasks, again }
    }

    fn named(&mut self, task: &'a Task, place: Place<'a>) -> Option<Named<'a>> {
        let id = self.arn(&place, "taskArn", &task.task_arn, "task");
        let cluster = self.arn(&place, "clusterArn", &task.cluster_arn, "cluster");
        let definition = &task.task_definition_arn;
        let definition = self.arn(&place, "taskDefinitionArn", definition, "task-definition");
        self.check_moments(task, &place);
        self.check_owner(&place, "clusterArn", cluster?);
        Some(Named {
            task,
            place,
            id: id?.id(),
            cluster: cluster?.id(),
            definition: definition?.path,
        })
    }

    fn check_moments(&mut self, task: &Task, place: &Place<'_>) {
        let mut before = ("createdAt", task.created_at);
        for (key, moment) in [
            ("startedAt", task.started_at),
            ("stoppedAt", task.stopped_at),
        ] {
            let Some(moment) = moment else { continue };
            if moment < before.1 {
                let message = format!("{key} is before {}", before.0);
                self.problems.push(place.problem(key, message));
            }
            before = (key, moment);
        }
    }

    /// Instances, and how many descriptions others replace. The old form of ARN does not tell the
    /// cluster: tasks do, and where none does it is `default`.
    fn instances(&mut self, read: &'a [Read], tasks: &[Named<'a>]) -> (Vec<Instance<'a>>, usize) {
        let on = tasks
            .iter()
            .filter_map(|named| Some((named.task.container_instance_arn.as_deref()?, named)));
        let on: BTreeMap<&str, &Named<'a>> = on.collect();
        let (mut by_arn, mut again) = (BTreeMap::<&str, Instance<'_>>::new(), 0);
        for Read {
            document, content, ..
        } in read
        {
            let Content::ContainerInstances(instances) = content else {
                continue;
            };
            for (index, described) in instances.iter().enumerate() {
                let place = Place {
                    document,
                    path: format!("containerInstances[{index}]"),
                };
                let text = &described.container_instance_arn;
                let key = "containerInstanceArn";
                let Some(arn) = self.arn(&place, key, text, "container-instance") else {
                    continue;
                };
                self.check_owner(&place, key, arn);
                let task = on.get(text.as_str());
                let told = task.map_or("default", |named| named.cluster);
                let zone = task.and_then(|named| named.task.availability_zone.as_deref());
                let instance = Instance {
                    described,
                    name: arn.id(),
                    cluster: arn.cluster().unwrap_or(told),
                    zone,
                    place,
                };
                let known = by_arn.get(text.as_str());
                again += usize::from(known.is_some());
                if known.is_none_or(|known| known.described.version <= described.version) {
                    by_arn.insert(text, instance);
                }
            }
        }
        let mut instances: Vec<Instance<'_>> = by_arn.into_values().collect();
        for instance in &instances {
            self.check_resources(instance);
        }
        instances.sort_by_key(|instance| (instance.cluster, instance.name));
        (instances, again)
    }

    fn check_resources(&mut self, instance: &Instance<'_>) {
        let place = &instance.place;
        for name in ["CPU", "MEMORY"] {
            let mut resources = instance.described.registered_resources.iter().flatten();
            if !resources.any(|other| other.name == name && other.integer_value.is_some()) {
                let message = format!("no resource {name:?} with an integerValue");
                self.problems
                    .push(place.problem("registeredResources", message));
            }
        }
        for (index, resource) in instance
            .described
            .registered_resources
            .iter()
            .flatten()
            .enumerate()
        {
            let is_port_set = matches!(resource.name.as_str(), "PORTS" | "PORTS_UDP");
            for (at, port) in resource.string_set_value.iter().flatten().enumerate() {
                if is_port_set && port.parse::<u16>().is_err() {
                    let key = format!("registeredResources[{index}].stringSetValue[{at}]");
                    let message = format!("{} is not a port", quoted(port));
                    self.problems.push(place.problem(&key, message));
                }
            }
        }
    }

    fn definitions(&mut self, read: &'a [Read]) -> (Definitions<'a>, usize) {
        let (mut definitions, mut again) = (BTreeMap::new(), 0);
        for Read {
            document, content, ..
        } in read
        {
            let Content::TaskDefinition(definition) = content else {
                continue;
            };
            if let Err(error) = definition.validate(FargateSizes::Newest) {
                let error = error.within("taskDefinition");
                self.problems
                    .push(document.problem(&error.field, error.to_string()));
            }
            let Some(revision) = definition.revision else {
                let message = "the revision is missing, by which tasks name the task definition";
                self.problems
                    .push(document.problem("taskDefinition", message));
                continue;
            };
            let name = (definition.family.as_str(), revision);
            again += usize::from(definitions.insert(name, &**definition).is_some());
        }
        (definitions, again)
    }

    fn choose(
        &mut self,
        tasks: Tasks<'a>,
        clusters: &[&str],
        definitions: &Definitions<'a>,
    ) -> (Vec<Taken<'a>>, Vec<(LeftOut, &'a Task)>) {
        let again = tasks.again.into_iter().map(|task| (LeftOut::Again, task));
        let (mut taken, mut left_out) = (Vec::new(), again.collect::<Vec<_>>());
        let mut missing = Missing::default();
        for named in tasks.tasks {
            let run_time = match run_time(named.task, self.options.unended) {
                Ok(run_time) => run_time,
                Err(reason) => {
                    left_out.push((reason, named.task));
                    continue;
                }
            };
            let definition = split(named.definition).and_then(|name| definitions.get(&name));
            let is_described = clusters.contains(&named.cluster);
            let Some(definition) = definition.filter(|_| is_described) else {
                left_out.push((LeftOut::Undescribed, named.task));
                missing.note(&named, definition.is_none(), !is_described);
                continue;
            };
            let (sizes, overrides) = sizes(named.task.overrides.as_ref(), definition);
            taken.push(Taken {
                task: named.task,
                id: named.id,
                cluster: named.cluster,
                definition_name: named.definition,
                definition,
                run_time,
                sizes,
                overrides,
            });
        }
        if !self.options.leave_out_undescribed {
            self.problems.extend(missing.problems());
        }
        (taken, left_out)
    }
}

/// How long a task runs, or why it is left out.
fn run_time(task: &Task, unended: Option<SimDuration>) -> Result<SimDuration, LeftOut> {
    let elsewhere = |name: &String| {
        matches!(
            name.as_str(),
            "FARGATE" | "FARGATE_SPOT" | "MANAGED_INSTANCES"
        )
    };
    let provider = task.capacity_provider_name.as_ref();
    if task
        .launch_type
        .as_ref()
        .or(provider)
        .is_some_and(elsewhere)
        || provider.is_some_and(elsewhere)
    {
        return Err(LeftOut::Elsewhere);
    }
    match (task.started_at, task.stopped_at) {
        (None, Some(_)) => Err(LeftOut::NeverStarted),
        (_, None) => unended.ok_or(LeftOut::Unended),
        (Some(_), Some(_)) => Ok(recorded(task).unwrap_or_default()),
    }
}

/// Family and revision of a name.
fn split(name: &str) -> Option<(&str, u32)> {
    let (family, revision) = name.split_once(':')?;
    Some((family, revision.parse().ok()?))
}

/// What the overrides of a task say of sizes: as the columns of a trace where these suffice, as
/// overrides of a call where not.
fn sizes(
    overrides: Option<&TaskOverride>,
    definition: &TaskDefinition,
) -> (Sizes, Option<TaskOverride>) {
    let Some(overrides) = overrides else {
        return Default::default();
    };
    let entries = overrides.container_overrides.iter().flatten();
    let entries = entries.map(|entry| ContainerOverride {
        command: None,
        environment: None,
        environment_files: None,
        ..entry.clone()
    });
    let entries: Vec<ContainerOverride> = entries
        .filter(|entry| {
            let name = entry.name.clone();
            *entry
                != ContainerOverride {
                    name,
                    ..Default::default()
                }
        })
        .collect();
    let of_task = overrides.cpu.is_some() || overrides.memory.is_some();
    match &entries[..] {
        [] if !of_task => return Default::default(),
        [entry] if !of_task && entry.name.as_deref() == first_essential(definition) => {
            if let Some(sizes) = columns(entry) {
                return (sizes, None);
            }
        }
        _ => {}
    }
    let rest = TaskOverride {
        cpu: overrides.cpu.clone(),
        memory: overrides.memory.clone(),
        container_overrides: Some(entries).filter(|entries| !entries.is_empty()),
        ..Default::default()
    };
    (Sizes::default(), Some(rest))
}

/// An override as columns; none when it holds what no column does.
fn columns(entry: &ContainerOverride) -> Option<Sizes> {
    let gpu = match entry.resource_requirements.as_deref() {
        None => None,
        Some([]) => Some(0),
        Some([one]) if one.r#type == ResourceType::Gpu && one.sharing_strategy.is_none() => {
            Some(one.value.as_ref()?.parse().ok()?)
        }
        Some(_) => return None,
    };
    entry.memory_reservation.is_none().then_some(Sizes {
        cpu: entry.cpu,
        memory: entry.memory,
        gpu,
    })
}

/// What tasks name and no document describes: how many, and where the first of them stands.
#[derive(Default)]
struct Missing<'a> {
    definitions: BTreeMap<&'a str, (usize, Option<Place<'a>>)>,
    clusters: BTreeMap<&'a str, (usize, Option<Place<'a>>)>,
}

impl<'a> Missing<'a> {
    fn note(&mut self, named: &Named<'a>, definition: bool, cluster: bool) {
        let found = [
            (definition, &mut self.definitions, named.definition),
            (cluster, &mut self.clusters, named.cluster),
        ];
        for (is_missing, map, name) in found {
            if is_missing {
                let (count, place) = map.entry(name).or_default();
                *count += 1;
                place.get_or_insert_with(|| named.place.clone());
            }
        }
    }

    fn problems(self) -> Vec<Problem> {
        const OR: &str = "--leave-out-undescribed leaves such tasks out";
        let tasks = |count: usize| match count {
            1 => "1 task names".to_owned(),
            count => format!("{count} tasks name"),
        };
        let mut problems = Vec::new();
        for (name, (count, place)) in self.definitions {
            let Some(place) = place else { continue };
            let option = Kind::TaskDefinitions.option();
            let message = format!(
                "{} task definition {}, which no {option} file describes",
                tasks(count),
                quoted(name)
            );
            let help = format!(
                "pass {option} with the output of aws ecs describe-task-definition --task-definition {name}; {OR}"
            );
            problems.push(place.problem("taskDefinitionArn", message).help(help));
        }
        for (name, (count, place)) in self.clusters {
            let Some(place) = place else { continue };
            let option = Kind::ContainerInstances.option();
            let message = format!(
                "{} cluster {}, of which no {option} file describes an instance",
                tasks(count),
                quoted(name)
            );
            let help = format!(
                "pass {option} with the output of aws ecs describe-container-instances --cluster {name} \
                 --container-instances …; {OR}"
            );
            problems.push(place.problem("clusterArn", message).help(help));
        }
        problems
    }
}

/// The earliest creation of a taken task.
pub fn earliest(taken: &[Taken<'_>]) -> Option<Moment> {
    taken.iter().map(|task| task.task.created_at).min()
}
