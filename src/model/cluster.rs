//! A cluster: its container instances and what runs on them.

use rand::Rng;
use rustc_hash::FxHashMap;

use super::arena::{Arena, AttributeId, GroupId, Id, InstanceId};
use super::instance::{Description, Instance, InstanceStatus, Seen};
use super::mix::Mix;
use super::resources::{Demand, Resources};
use crate::rng::{Purpose, Streams};
use crate::time::SimTime;

/// Container instances, task groups, and the counts that placement asks for.
///
/// Every change of an instance is noted in a log, so that whoever keeps an order of the instances
/// (placement, metrics) can follow by looking only at what changed: [`Cluster::changes_since`].
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The cluster's name.
    pub name: String,
    descriptions: Arena<InstanceId, Description>,
    instances: Arena<InstanceId, Instance>,
    group_names: Vec<String>,
    group_ids: FxHashMap<String, GroupId>,
    group_spreads: Arena<GroupId, Vec<Spread>>,
    /// The groups whose tasks are counted instance by instance; absent: all.
    counted: Option<Arena<GroupId, bool>>,
    tracked: Arena<AttributeId, Tracked>,
    /// The most of each resource that any instance has registered so far.
    largest: Resources,
    shuffled: Option<Shuffled>,
    expected: Option<Expected>,
    changes: ChangeLog,
}

/// A random order of the instances.
#[derive(Clone, Debug)]
struct Shuffled {
    streams: Streams,
    number: u64,
    ranks: Arena<InstanceId, u32>,
}

impl Shuffled {
    fn rank(&self, id: InstanceId) -> u32 {
        let (number, id) = (self.number, u64::from(id.0));
        let mut stream = self.streams.stream(Purpose::TieOrder, number, id);
        stream.next_u32()
    }
}

/// The work that is expected, and which of its kinds each instance may take.
#[derive(Clone, Debug)]
struct Expected {
    mix: Mix,
    allows: Arena<InstanceId, Box<[bool]>>,
}

/// The value that each instance has of one attribute.
#[derive(Clone, Debug)]
struct Tracked {
    name: String,
    values: FxHashMap<String, u32>,
    value_of: Arena<InstanceId, Option<u32>>,
}

/// Tasks of one group by value of one attribute.
#[derive(Clone, Debug)]
struct Spread {
    attribute: AttributeId,
    counts: Vec<u32>,
}

/// Which instances changed, oldest first. Old entries are dropped once there are more of them than
/// a reader would want to follow one by one.
#[derive(Clone, Debug, Default)]
struct ChangeLog {
    dropped: u64,
    entries: Vec<Change>,
}

/// A part of what a task holds on its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// CPU, memory, GPUs and host ports.
    Body,
    /// Its network interface, which is free only when the task has stopped [U-17].
    Interface,
}

/// A change of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which instance.
    pub instance: InstanceId,
    /// The group of the task that came or went; absent when the status changed.
    pub group: Option<GroupId>,
}

impl Cluster {
    /// An empty cluster.
    pub fn new(name: impl Into<String>) -> Self {
        Cluster {
            name: name.into(),
            descriptions: Arena::new(),
            instances: Arena::new(),
            group_names: Vec::new(),
            group_ids: FxHashMap::default(),
            group_spreads: Arena::new(),
            counted: None,
            tracked: Arena::new(),
            largest: Resources::default(),
            shuffled: None,
            expected: None,
            changes: ChangeLog::default(),
        }
    }

    /// Registers an instance. Its id tells its age and breaks ties: register in the order of
    /// time, equal moments in the order that is to count.
    pub fn register(
        &mut self,
        description: Description,
        status: InstanceStatus,
        connected: bool,
    ) -> InstanceId {
        let id = self
            .instances
            .push(Instance::new(&description, status, connected));
        for tracked in self.tracked.ids().collect::<Vec<_>>() {
            let value = self.tracked[tracked].intern(&description);
            self.tracked[tracked].value_of.push(value);
        }
        if let Some(shuffled) = &mut self.shuffled {
            let rank = shuffled.rank(id);
            shuffled.ranks.push(rank);
        }
        self.largest = self.largest.greater(&description.capacity);
        self.descriptions.push(description);
        if let Some(expected) = &mut self.expected {
            let seen = Seen {
                description: &self.descriptions[id],
                instance: &self.instances[id],
                groups: &self.group_names,
            };
            expected.allows.push(expected.mix.allowed(&seen));
        }
        self.note(id, None);
        id
    }

    /// The most of each resource that any instance has registered so far, whether or not it is still
    /// there.
    pub fn largest(&self) -> Resources {
        self.largest
    }

    /// Puts the instances, those to come included, in a random order, which stays: that of
    /// [`Cluster::shuffled`]. Clusters of one run differ by `number`.
    pub fn shuffle(&mut self, streams: Streams, number: u64) {
        let mut shuffled = Shuffled {
            streams,
            number,
            ranks: Arena::new(),
        };
        for id in self.instances.ids() {
            let rank = shuffled.rank(id);
            shuffled.ranks.push(rank);
        }
        self.shuffled = Some(shuffled);
    }

    /// The place of an instance in the random order, as a number that may occur twice, if rarely; 0
    /// without [`Cluster::shuffle`].
    pub fn shuffled(&self, id: InstanceId) -> u32 {
        self.shuffled.as_ref().map_or(0, |order| order.ranks[id])
    }

    /// Tells the cluster what work is expected, for strategies that look ahead.
    pub fn expect(&mut self, mix: Mix) {
        let ids = self.instances.ids();
        let allows = ids.map(|id| mix.allowed(&self.seen(id))).collect();
        self.expected = Some(Expected { mix, allows });
    }

    /// The work that is expected, and which of its kinds an instance may take; `None` without
    /// [`Cluster::expect`].
    pub fn expected(&self, id: InstanceId) -> Option<(&Mix, &[bool])> {
        let expected = self.expected.as_ref()?;
        Some((&expected.mix, &expected.allows[id]))
    }

    /// The state of every instance.
    pub fn instances(&self) -> &Arena<InstanceId, Instance> {
        &self.instances
    }

    /// What every instance registered.
    pub fn descriptions(&self) -> &Arena<InstanceId, Description> {
        &self.descriptions
    }

    /// An instance as the query language sees it.
    pub fn seen(&self, id: InstanceId) -> Seen<'_> {
        Seen {
            description: &self.descriptions[id],
            instance: &self.instances[id],
            groups: &self.group_names,
        }
    }

    /// The group of this name, made if it is new.
    pub fn group(&mut self, name: &str) -> GroupId {
        if let Some(id) = self.group_ids.get(name) {
            return *id;
        }
        let id = self.group_spreads.push(Vec::new());
        self.group_names.push(name.to_owned());
        self.group_ids.insert(name.to_owned(), id);
        id
    }

    /// Name of a group.
    pub fn group_name(&self, group: GroupId) -> &str {
        &self.group_names[group.index()]
    }

    /// From now on only these groups are counted instance by instance, for who asks for no others:
    /// that saves a look at memory far away at each coming and going of a task.
    pub fn count_only(&mut self, groups: &[GroupId]) {
        let mut counted: Arena<GroupId, bool> = self.group_spreads.ids().map(|_| false).collect();
        for group in groups {
            counted[*group] = true;
        }
        for instance in self.instances.items_mut() {
            instance.groups.retain(|(group, _)| counted[*group]);
        }
        self.counted = Some(counted);
    }

    /// Whether the tasks of a group are counted instance by instance.
    fn counts(&self, group: GroupId) -> bool {
        match &self.counted {
            Some(counted) => group.index() >= counted.len() || counted[group],
            None => true,
        }
    }

    /// Starts to count the tasks of `group` by the values of an attribute, for `spread`.
    pub fn track(&mut self, group: GroupId, attribute: &str) -> AttributeId {
        let id = self.track_attribute(attribute);
        if self.group_spreads[group]
            .iter()
            .all(|spread| spread.attribute != id)
        {
            let tracked = &self.tracked[id];
            let mut counts = vec![0; tracked.values.len()];
            for (instance, state) in self.instances.iter() {
                if let Some(value) = tracked.value_of[instance] {
                    counts[value as usize] += state.tasks_of(group);
                }
            }
            self.group_spreads[group].push(Spread {
                attribute: id,
                counts,
            });
        }
        id
    }

    fn track_attribute(&mut self, name: &str) -> AttributeId {
        if let Some((id, _)) = self
            .tracked
            .iter()
            .find(|(_, tracked)| tracked.name == name)
        {
            return id;
        }
        let mut tracked = Tracked {
            name: name.to_owned(),
            values: FxHashMap::default(),
            value_of: Arena::new(),
        };
        for (_, description) in self.descriptions.iter() {
            let value = tracked.intern(description);
            tracked.value_of.push(value);
        }
        self.tracked.push(tracked)
    }

    /// Number of the value that an instance has of a tracked attribute; none when it lacks it.
    pub fn attribute_value(&self, attribute: AttributeId, instance: InstanceId) -> Option<u32> {
        self.tracked[attribute].value_of[instance]
    }

    /// Tasks of `group` that are meant to run, over all instances with this value of the
    /// attribute, whatever their status and room [U-04, U-05].
    ///
    /// # Panics
    /// When the pair was never passed to [`Cluster::track`].
    pub fn spread_count(&self, group: GroupId, attribute: AttributeId, value: u32) -> u32 {
        let spread = self.group_spreads[group]
            .iter()
            .find(|spread| spread.attribute == attribute);
        let spread = spread.expect("the group's tasks are counted by this attribute");
        spread.counts.get(value as usize).copied().unwrap_or(0)
    }

    /// The tracked attribute of this name.
    pub fn tracked(&self, name: &str) -> Option<AttributeId> {
        self.tracked
            .iter()
            .find(|(_, tracked)| tracked.name == name)
            .map(|(id, _)| id)
    }

    /// Puts a task on an instance: takes its resources, ports and GPU devices. Gives the devices as
    /// bits: the first free ones in the order in which the instance registered them [U-15].
    ///
    /// # Panics
    /// When the demand does not fit.
    pub fn place(&mut self, id: InstanceId, demand: &Demand, group: GroupId) -> u64 {
        self.place_on_gpu(id, demand, group, None)
    }

    /// The same, where a share of a GPU is taken of the named device; where none is named, of the
    /// one that ECS is taken to choose, [`Instance::gpu_to_share`].
    ///
    /// # Panics
    /// When the demand does not fit, or its share not on the device.
    pub fn place_on_gpu(
        &mut self,
        id: InstanceId,
        demand: &Demand,
        group: GroupId,
        device: Option<u8>,
    ) -> u64 {
        let counts = self.counts(group);
        let instance = &mut self.instances[id];
        let need = instance.resources_for(demand);
        instance.free = instance
            .free
            .checked_sub(&need)
            .expect("a task is placed where it fits");
        assert!(
            instance.has_ports(&demand.ports),
            "a task is placed where its ports are free"
        );
        for port in &demand.ports {
            let at = instance.ports.partition_point(|taken| taken < port);
            instance.ports.insert(at, *port);
        }
        let gpus = match demand.shared_gpu_memory {
            0 => lowest_bits(instance.free_gpus, need.gpus),
            memory => {
                let device = device.or_else(|| instance.gpu_to_share(memory));
                let device = device.expect("a task is placed where a GPU has room");
                instance.share_gpu(device, memory)
            }
        };
        instance.free_gpus &= !gpus;
        instance.tasks += 1;
        if counts {
            instance.count_in(group);
        }
        self.count(id, group, |count| *count += 1);
        self.note(id, Some(group));
        gpus
    }

    /// A task on an instance is no longer meant to run: it counts no more for its group. It goes on
    /// holding what it holds.
    ///
    /// # Panics
    /// When the task was not there.
    pub fn leave(&mut self, id: InstanceId, group: GroupId) {
        self.discount(id, group);
        self.note(id, Some(group));
    }

    /// Gives back a part of what [`Cluster::place`] took.
    ///
    /// # Panics
    /// When more is given back than was taken.
    pub fn free(&mut self, id: InstanceId, demand: &Demand, group: GroupId, gpus: u64, part: Part) {
        if part == Part::Interface && demand.resources.enis == 0 {
            return;
        }
        self.credit(id, demand, gpus, part);
        self.note(id, Some(group));
    }

    /// A task is no longer meant to run, and all but its network interface is free at once.
    pub fn leave_and_free(&mut self, id: InstanceId, demand: &Demand, group: GroupId, gpus: u64) {
        self.discount(id, group);
        self.credit(id, demand, gpus, Part::Body);
        self.note(id, Some(group));
    }

    /// A task is gone at once, with all that it held.
    pub fn release(&mut self, id: InstanceId, demand: &Demand, group: GroupId, gpus: u64) {
        self.leave_and_free(id, demand, group, gpus);
        self.free(id, demand, group, gpus, Part::Interface);
    }

    fn discount(&mut self, id: InstanceId, group: GroupId) {
        let counts = self.counts(group);
        let instance = &mut self.instances[id];
        instance.tasks -= 1;
        if counts {
            instance.count_out(group);
        }
        self.count(id, group, |count| *count -= 1);
    }

    fn credit(&mut self, id: InstanceId, demand: &Demand, gpus: u64, part: Part) {
        let instance = &mut self.instances[id];
        let whole = instance.resources_for(demand);
        let back = match part {
            Part::Body => Resources { enis: 0, ..whole },
            Part::Interface => Resources {
                enis: whole.enis,
                ..Resources::default()
            },
        };
        instance.free = instance.free.plus(&back);
        assert!(
            instance.capacity.fits(&instance.free),
            "more is released than was taken"
        );
        if part == Part::Interface {
            return;
        }
        assert!(instance.free_gpus & gpus == 0, "a GPU is released twice");
        match demand.shared_gpu_memory {
            0 => instance.free_gpus |= gpus,
            memory => instance.unshare_gpu(gpus, memory),
        }
        for port in &demand.ports {
            let at = instance
                .ports
                .binary_search(port)
                .expect("a released port was taken");
            instance.ports.remove(at);
        }
    }

    /// The agent of an instance is connected, or has lost its connection.
    pub fn set_connected(&mut self, id: InstanceId, connected: bool) {
        self.instances[id].agent_connected = connected;
        self.note(id, None);
    }

    /// An instance is kept for one job of several nodes, or no longer.
    pub fn set_held(&mut self, id: InstanceId, held: bool) {
        self.instances[id].held = held;
        self.note(id, None);
    }

    /// The machine of an instance is gone. A connected agent deregisters it; a disconnected
    /// instance stays registered. Source: ECS developer guide, "Deregister a container instance".
    pub fn terminate(&mut self, id: InstanceId, at: SimTime) {
        if self.instances[id].agent_connected {
            return self.deregister(id, at);
        }
        self.instances[id].left_at = Some(at);
        self.note(id, None);
    }

    /// An instance leaves the cluster for good.
    pub fn deregister(&mut self, id: InstanceId, at: SimTime) {
        let instance = &mut self.instances[id];
        instance.status = InstanceStatus::Inactive;
        instance.left_at = Some(at);
        self.note(id, None);
    }

    /// Sets an instance ACTIVE, DRAINING and so on, as UpdateContainerInstancesState does.
    pub fn set_status(&mut self, id: InstanceId, status: InstanceStatus) {
        self.instances[id].status = status;
        self.note(id, None);
    }

    /// Resources of all registered instances together, in `u64` a resource: CPU, memory, GPUs, ENIs.
    pub fn total(&self, of: impl Fn(&Instance) -> Resources) -> [u64; 4] {
        let mut total = [0; 4];
        for instance in self.instances.items() {
            let resources = of(instance);
            for (sum, part) in total.iter_mut().zip([
                resources.cpu,
                resources.memory,
                resources.gpus,
                resources.enis,
            ]) {
                *sum += u64::from(part);
            }
        }
        total
    }

    /// A number that grows with every change of an instance.
    pub fn version(&self) -> u64 {
        self.changes.dropped + self.changes.entries.len() as u64
    }

    /// What changed since `version`, oldest first; `None` when that
    /// is too long ago, so that the reader looks at all of them instead.
    pub fn changes_since(&self, version: u64) -> Option<&[Change]> {
        let skip = version.checked_sub(self.changes.dropped)?;
        Some(&self.changes.entries[skip as usize..])
    }

    fn note(&mut self, instance: InstanceId, group: Option<GroupId>) {
        let log = &mut self.changes;
        let keep = 1024 + self.instances.len();
        if log.entries.len() >= 2 * keep {
            log.entries.drain(..keep);
            log.dropped += keep as u64;
        }
        log.entries.push(Change { instance, group });
    }

    fn count(&mut self, instance: InstanceId, group: GroupId, change: impl Fn(&mut u32)) {
        for spread in &mut self.group_spreads[group] {
            if let Some(value) = self.tracked[spread.attribute].value_of[instance] {
                let value = value as usize;
                if spread.counts.len() <= value {
                    spread.counts.resize(value + 1, 0);
                }
                change(&mut spread.counts[value]);
            }
        }
    }
}

impl Tracked {
    fn intern(&mut self, description: &Description) -> Option<u32> {
        let value = description.attributes.get(&self.name)?;
        let next = self.values.len() as u32;
        Some(*self.values.entry(value.clone()).or_insert(next))
    }
}

/// The `count` lowest bits that are set in `bits`.
fn lowest_bits(bits: u64, count: u32) -> u64 {
    let mut rest = bits;
    for _ in 0..count {
        rest &= rest.wrapping_sub(1);
    }
    bits & !rest
}
