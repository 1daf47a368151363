//! How compute environments grow with the jobs that wait.
//!
//! AWS publishes no scaling algorithm; this is the recommended one [B-43]: jobs are reserved room
//! in the order of their turns, on what is there and on what is on its way, and where there is none
//! an instance is launched, as far as `maxvCpus` goes.
//!
//! Sources: AWS Batch API reference, ComputeResource; AWS Batch user guide, "Allocation strategies".

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::instances::Launching;
use super::queues::Turn;
use super::{Engine, Recorder};
use crate::batch::allocation::{Choice, Need, candidates, choose, multi_node_cpu};
use crate::batch::{Capacity, ComputeEnvironment, JobKind, Nodes};
use crate::model::arena::{Arena, EnvironmentId, Id, InstanceId, JobKindId, QueueId};
use crate::model::instance::Description;
use crate::model::resources::Resources;

/// What an environment has, and what it would have after the launches so far.
#[derive(Debug)]
struct Fleet<'w> {
    /// vCPUs of its instances.
    total: u64,
    rooms: Vec<Room<'w>>,
    /// The rooms by free CPU, free memory and number.
    by_size: BTreeSet<(u32, u32, usize)>,
}

/// Room for jobs on an instance that is there or on its way.
#[derive(Clone, Copy, Debug)]
struct Room<'w> {
    instance: Option<InstanceId>,
    instance_type: Option<&'w str>,
    capacity: Resources,
    free: Resources,
    /// Whether nothing runs there and nothing was reserved.
    is_empty: bool,
    /// Whether a waiting job was reserved a part of it.
    is_reserved: bool,
}

/// What comes of a look at the jobs that wait.
#[derive(Debug, Default)]
struct Scaling {
    /// What is to be launched, in order: environments and numbers of their offers.
    launches: Vec<(EnvironmentId, usize)>,
    /// Instances on which jobs were reserved room.
    reserved: FxHashSet<(EnvironmentId, InstanceId)>,
    /// Turns for which there was nothing.
    left_out: Vec<(QueueId, Turn)>,
}

/// What an environment would launch for a job.
enum Growth {
    Launch(usize),
    /// EC2 has none of the types it may take.
    Insufficient,
    None,
}

impl<'w> Fleet<'w> {
    fn push(&mut self, room: Room<'w>) -> usize {
        let number = self.rooms.len();
        self.rooms.push(room);
        self.by_size
            .insert((room.free.cpu, room.free.memory, number));
        number
    }

    /// Reserves a job room where it fits most tightly [B-42].
    fn reserve(&mut self, need: &Need) -> bool {
        let wanted = resources(need);
        let mut sizes = self.by_size.range((need.cpu, 0, 0)..);
        let found = sizes.find(|(_, _, number)| self.rooms[*number].free.fits(&wanted));
        let Some((.., number)) = found.copied() else {
            return false;
        };
        self.take(number, need);
        true
    }

    fn take(&mut self, number: usize, need: &Need) {
        let room = &mut self.rooms[number];
        self.by_size
            .remove(&(room.free.cpu, room.free.memory, number));
        room.free = room.free.checked_sub(&resources(need)).unwrap_or_default();
        (room.is_empty, room.is_reserved) = (false, true);
        self.by_size
            .insert((room.free.cpu, room.free.memory, number));
    }

    /// Keeps a whole instance for a node.
    fn hold(&mut self, number: usize) {
        let room = &mut self.rooms[number];
        self.by_size
            .remove(&(room.free.cpu, room.free.memory, number));
        (room.is_empty, room.is_reserved) = (false, true);
        room.free = Resources::default();
    }

    /// The empty rooms that take every node, by type; the smallest type first.
    fn empty(&self, nodes: &Nodes) -> BTreeMap<(u32, u32, &'w str), Vec<usize>> {
        let mut by_type: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (number, room) in self.rooms.iter().enumerate() {
            if room.is_empty
                && let Some(name) = nodes.type_that_fits(room.instance_type, &room.capacity)
            {
                let kind = (room.capacity.cpu, room.capacity.memory, name);
                by_type.entry(kind).or_default().push(number);
            }
        }
        by_type
    }
}

impl Nodes {
    /// The name of an instance type, where every node can run on it.
    fn type_that_fits<'n>(&self, name: Option<&'n str>, capacity: &Resources) -> Option<&'n str> {
        let name = name.unwrap_or_default();
        let wanted = self.instance_type.as_deref();
        let fits = capacity.fits(&resources(&self.largest));
        (fits && wanted.is_none_or(|wanted| wanted == name)).then_some(name)
    }
}

impl ComputeEnvironment {
    /// The types that could be launched for a job, the best first.
    pub(super) fn candidates(&self, what: &JobKind) -> Vec<usize> {
        let Some(nodes) = &what.nodes else {
            return candidates(self.strategy, &self.offers, &what.need);
        };
        let mut found = candidates(self.strategy, &self.offers, &nodes.largest);
        if let Some(named) = &nodes.instance_type {
            found.retain(|offer| self.offers[*offer].name == *named);
        }
        found
    }

    /// Whether it may launch so many instances of a type, where it has so many vCPUs.
    pub(super) fn may_launch(
        &self,
        offer: usize,
        count: usize,
        total: u64,
        is_updating: bool,
    ) -> bool {
        let vcpus = self.offers[offer].vcpus;
        let smallest = self.offers.iter().map(|it| it.vcpus).min().unwrap_or(0);
        let mut totals = (0..count as u64).map(|before| total + before * u64::from(vcpus));
        totals.all(|total| {
            // While instances are replaced, the old ones count and the last one has to fit.
            let fits = total + u64::from(smallest) <= u64::from(self.max_vcpus);
            let purchase = self.purchase();
            (fits || !is_updating)
                && self
                    .strategy
                    .may_launch(purchase, total, vcpus, self.max_vcpus)
        })
    }

    /// Whether a job is not too large for it, whatever its types.
    fn could_host(&self, what: &JobKind) -> bool {
        match self.capacity {
            Capacity::Ec2 => true,
            Capacity::Spot | Capacity::Unmanaged => {
                what.nodes.is_none() || self.takes_multi_node_jobs()
            }
            Capacity::Fargate | Capacity::FargateSpot => false,
        }
    }
}

/// CPU that a job takes of an environment: of several nodes, whole instances.
pub(super) fn needed_cpu(what: &JobKind, there: &ComputeEnvironment) -> u64 {
    match &what.nodes {
        None => u64::from(what.need.cpu),
        Some(nodes) => multi_node_cpu(&nodes.needs, &there.offers),
    }
}

impl<R: Recorder> Engine<'_, R> {
    /// Launches what the waiting jobs need, and what `minvCpus` asks for. Gives the instances on
    /// which jobs were reserved room.
    pub(super) fn scale_up(&mut self) -> FxHashSet<(EnvironmentId, InstanceId)> {
        let scaling = match self.may_any_change() {
            true => self.reserve_for_jobs(),
            false => Scaling::default(),
        };
        self.jobs.capacity_version += 1;
        for queue in self.jobs.queues.items_mut() {
            queue.left_out.clear();
        }
        for (queue, turn) in scaling.left_out {
            let left_out = &mut self.jobs.queues[queue].left_out;
            left_out.entry(turn.shape).or_insert(turn.key);
        }
        for (environment, offer) in scaling.launches {
            self.launch_for(environment, offer);
        }
        for id in self.world.batch.environments.ids() {
            self.fill_to_minimum(id);
        }
        scaling.reserved
    }

    /// Whether reserving room can have any effect: some environment may launch, or might remove an
    /// idle instance.
    fn may_any_change(&self) -> bool {
        if self.jobs.queues.items().iter().all(|it| it.is_empty()) {
            return false;
        }
        self.world.batch.environments.iter().any(|(id, what)| {
            let state = &self.jobs.environments[id];
            let grows = state.enabled && state.total < u64::from(what.max_vcpus);
            let shrinks = state.total > u64::from(what.min_vcpus) && state.idle() > 0;
            what.is_managed() && (grows || shrinks)
        })
    }

    /// Goes through the jobs that wait, queue by queue, in the order of their turns.
    fn reserve_for_jobs(&self) -> Scaling {
        let mut scaling = Scaling::default();
        let mut fleets: Arena<EnvironmentId, Option<Fleet<'_>>> =
            self.jobs.environments.ids().map(|_| None).collect();
        let stock = self.jobs.consumables.iter();
        let mut stock: Vec<u64> = stock.map(|it| it.available()).collect();
        let batch = &self.world.batch;
        let cpu_of = |id| batch.kinds[self.job(id).kind].need.cpu;
        for queue in &self.jobs.order {
            let mut turns = self.jobs.queues[*queue].turns(self.now, self.max_cpu(*queue));
            let mut hopeless = FxHashSet::default();
            while let Some(turn) = turns.first(cpu_of) {
                let kind = self.job(turn.job).kind;
                let what = &batch.kinds[kind];
                let takes = || self.jobs.still_to_take(turn.job, what);
                if takes().any(|(resource, quantity)| stock[resource] < quantity) {
                    turns.give_up(turn);
                    continue;
                }
                for (resource, quantity) in takes() {
                    stock[resource] -= quantity;
                }
                if !hopeless.contains(&what.shape)
                    && self.reserve_for(kind, &mut fleets, &mut scaling)
                {
                    turns.take(turn, what.need.cpu);
                    continue;
                }
                scaling.left_out.push((*queue, turn));
                if what.consumables.is_empty() {
                    turns.give_up(turn);
                } else {
                    // What it will take one day is not there for those behind it.
                    hopeless.insert(what.shape);
                    turns.take(turn, 0);
                }
            }
        }
        for (id, fleet) in fleets.iter() {
            let rooms = fleet.iter().flat_map(|fleet| &fleet.rooms);
            let reserved = rooms.filter(|room| room.is_reserved);
            scaling
                .reserved
                .extend(reserved.filter_map(|room| Some((id, room.instance?))));
        }
        scaling
    }

    /// Reserves room for a job of a kind in the first environment that has it or can get it.
    fn reserve_for<'w>(
        &'w self,
        kind: JobKindId,
        fleets: &mut Arena<EnvironmentId, Option<Fleet<'w>>>,
        scaling: &mut Scaling,
    ) -> bool {
        let what = &self.world.batch.kinds[kind];
        for id in self.world.batch.queues[what.queue]
            .environments
            .iter()
            .copied()
        {
            let there = &self.world.batch.environments[id];
            let too_large =
                there.is_managed() && needed_cpu(what, there) > u64::from(there.max_vcpus) * 1024;
            if !self.jobs.environments[id].enabled || !there.could_host(what) || too_large {
                continue;
            }
            let fleet = fleets[id].get_or_insert_with(|| self.fleet(id));
            if what.nodes.is_none() && fleet.reserve(&what.need) {
                return true;
            }
            if let Some(nodes) = &what.nodes
                && let Some(rooms) =
                    (fleet.empty(nodes).into_values()).find(|rooms| rooms.len() >= nodes.count())
            {
                for number in &rooms[..nodes.count()] {
                    fleet.hold(*number);
                }
                return true;
            }
            match self.growth(id, what) {
                Growth::Launch(offer) => {
                    if self.launch_virtually(id, offer, what, fleet, scaling) {
                        return true;
                    }
                }
                // A job of several nodes is not taken elsewhere.
                Growth::Insufficient if what.nodes.is_some() => return false,
                Growth::Insufficient | Growth::None => {}
            }
        }
        false
    }

    /// Launches what a job still needs of a type, if `maxvCpus` lets it have all of that.
    fn launch_virtually<'w>(
        &'w self,
        id: EnvironmentId,
        offer: usize,
        what: &JobKind,
        fleet: &mut Fleet<'w>,
        scaling: &mut Scaling,
    ) -> bool {
        let there = &self.world.batch.environments[id];
        let empty = match &what.nodes {
            None => Vec::new(),
            Some(nodes) => {
                let name = there.offers[offer].name.as_str();
                let mut kinds = fleet.empty(nodes).into_iter();
                let found = kinds.find(|((_, _, kind), _)| *kind == name);
                found.map_or(Vec::new(), |(_, rooms)| rooms)
            }
        };
        let count = what.nodes.as_ref().map_or(1, Nodes::count) - empty.len();
        let is_updating = self.jobs.environments[id].is_updating();
        if !there.may_launch(offer, count, fleet.total, is_updating) {
            return false;
        }
        for number in empty {
            fleet.hold(number);
        }
        for _ in 0..count {
            scaling.launches.push((id, offer));
            fleet.total += u64::from(there.offers[offer].vcpus);
            let number = fleet.push(Room::coming(&there.descriptions[offer]));
            match &what.nodes {
                None => fleet.take(number, &what.need),
                Some(_) => fleet.hold(number),
            }
        }
        true
    }

    /// What an environment would launch now for a job.
    fn growth(&self, id: EnvironmentId, what: &JobKind) -> Growth {
        let there = &self.world.batch.environments[id];
        let order = there.candidates(what);
        let short = |offer| there.is_insufficient(offer, self.now);
        match choose(there.strategy, &order, short, what.nodes.is_some()) {
            Choice::Launch(offer) => Growth::Launch(offer),
            Choice::InsufficientCapacity(_) => Growth::Insufficient,
            Choice::Nothing => Growth::None,
        }
    }

    /// Whether an environment has an instance, or could have one, that takes a job or each of its
    /// nodes.
    pub(super) fn fits_some_type(&self, id: EnvironmentId, what: &JobKind) -> bool {
        let there = &self.world.batch.environments[id];
        let need = what.nodes.as_ref().map_or(what.need, |nodes| nodes.largest);
        let instances = self.world.clusters[there.cluster].instances().items();
        there.capacity.is_fargate()
            || there.offers.iter().any(|offer| offer.fits(&need))
            || instances.iter().any(|instance| {
                instance.left_at.is_none() && instance.capacity.fits(&resources(&need))
            })
    }

    /// The type that an environment would like best for a job, where EC2 has none that it may take
    /// and it would launch one.
    pub(super) fn insufficient_type(&self, id: EnvironmentId, what: &JobKind) -> Option<&str> {
        let there = &self.world.batch.environments[id];
        let order = there.candidates(what);
        let short = |offer| there.is_insufficient(offer, self.now);
        let Choice::InsufficientCapacity(offer) =
            choose(there.strategy, &order, short, what.nodes.is_some())
        else {
            return None;
        };
        let state = &self.jobs.environments[id];
        let may = there.may_launch(offer, 1, state.total, state.is_updating());
        may.then_some(there.offers[offer].name.as_str())
    }

    /// The empty instances on which a job of several nodes can start: of the smallest type of
    /// which there are enough, the first [B-28].
    pub(super) fn find_gang(&self, id: EnvironmentId, nodes: &Nodes) -> Option<Vec<InstanceId>> {
        let state = &self.jobs.environments[id];
        if state.idle() < nodes.count() {
            return None;
        }
        let cluster = &self.world.clusters[self.world.batch.environments[id].cluster];
        let mut by_type: BTreeMap<_, Vec<InstanceId>> = BTreeMap::new();
        for (_, id) in &state.idle {
            let instance = &cluster.instances()[*id];
            let name = cluster.descriptions()[*id].instance_type.as_deref();
            if instance.is_placeable()
                && let Some(name) = nodes.type_that_fits(name, &instance.capacity)
            {
                let kind = (instance.capacity.cpu, instance.capacity.memory, name);
                by_type.entry(kind).or_default().push(*id);
            }
        }
        let mut kinds = by_type.into_values();
        let mut there = kinds.find(|there| there.len() >= nodes.count())?;
        there.sort_unstable();
        there.truncate(nodes.count());
        Some(there)
    }

    /// What is free in an environment: on its instances, oldest first, and on those on their way.
    fn fleet(&self, id: EnvironmentId) -> Fleet<'_> {
        let state = &self.jobs.environments[id];
        let mut fleet = Fleet {
            total: state.total,
            rooms: Vec::new(),
            by_size: BTreeSet::new(),
        };
        let cluster = &self.world.clusters[self.world.batch.environments[id].cluster];
        for (id, instance) in cluster.instances().iter() {
            if instance.is_placeable() && instance.free.cpu > 0 {
                fleet.push(Room {
                    instance: Some(id),
                    instance_type: cluster.descriptions()[id].instance_type.as_deref(),
                    capacity: instance.capacity,
                    free: instance.free,
                    is_empty: state.is_idle(id),
                    is_reserved: false,
                });
            }
        }
        for pending in state.pending.iter().filter(|pending| !pending.old) {
            let offers = &self.world.batch.environments[id].descriptions;
            fleet.push(Room::coming(&offers[pending.offer]));
        }
        fleet
    }

    /// Keeps `minvCpus`, also without jobs and also when DISABLED [B-46].
    fn fill_to_minimum(&mut self, id: EnvironmentId) {
        let one_vcpu = Need {
            cpu: 1024,
            ..Need::default()
        };
        loop {
            let there = &self.world.batch.environments[id];
            let state = &self.jobs.environments[id];
            if !there.is_managed() || state.total >= u64::from(there.min_vcpus) {
                return;
            }
            let order = candidates(there.strategy, &there.offers, &one_vcpu);
            let short = |offer| there.is_insufficient(offer, self.now);
            let Choice::Launch(offer) = choose(there.strategy, &order, short, false) else {
                return;
            };
            if !there.may_launch(offer, 1, state.total, state.is_updating()) {
                return;
            }
            self.launch_for(id, offer);
        }
    }

    fn launch_for(&mut self, id: EnvironmentId, offer: usize) {
        let what = &self.world.batch.environments[id];
        let state = &mut self.jobs.environments[id];
        let launch = state.launch(offer, u64::from(what.offers[offer].vcpus));
        let alike = &what.descriptions[offer];
        let mut attributes = alike.attributes.clone();
        if !what.zones.is_empty() {
            let zone = &what.zones[(launch as usize - 1) % what.zones.len()];
            attributes.insert("ecs.availability-zone".to_owned(), zone.clone());
        }
        let description = Description {
            name: format!("{}/{launch}", what.name),
            ec2_instance_id: Some(format!("i-{:04x}{launch:013x}", id.index() + 1)),
            launched_at: self.now,
            attributes,
            ..alike.clone()
        };
        let (cluster, boot_time) = (what.cluster, what.boot_time);
        self.jobs.capacity_version += 1;
        self.launch(
            Launching {
                cluster,
                description,
                kind: launch as usize,
            },
            boot_time,
        );
    }
}

impl<'w> Room<'w> {
    /// On an instance that is on its way.
    fn coming(description: &'w Description) -> Self {
        Room {
            instance: None,
            instance_type: description.instance_type.as_deref(),
            capacity: description.capacity,
            free: description.capacity,
            is_empty: true,
            is_reserved: false,
        }
    }
}

pub(super) fn resources(need: &Need) -> Resources {
    Resources {
        cpu: need.cpu,
        memory: need.memory,
        gpus: need.gpus,
        enis: 0,
    }
}
