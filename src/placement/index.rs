//! The same choice as [`scan`], at a cost that hardly grows with the cluster.
//!
//! Five ideas:
//!
//! - **Kinds.** Instances that agree in operating system and in every attribute that some rule looks
//!   at are of one kind; an expression over attributes is evaluated once a kind, and so are a spread
//!   over an attribute and what a demand is at the least.
//! - **Views.** For each order that some strategy chain asks for (least free memory; fewest tasks of
//!   group 3, then least free CPU) the instances of each kind stand in a [`Tree`], which finds the
//!   first with room for a demand. A view follows the cluster's log of changes, and only when it
//!   is asked, so that an order nobody uses just now costs nothing.
//! - **Bounds.** Fewest tasks of a group on the instance: in this order an instance moves only when a
//!   task of that group comes or goes. So that a hundred groups do not cost a hundred times as much,
//!   such a view knows only a bound of what is free: a task of another group that comes leaves it
//!   too high, one that goes raises it when it must. Who is found by the bound is looked at, and
//!   the bound corrected where it was too high.
//! - **Probes.** `random` draws instances until one is a candidate; only when that fails for long
//!   are the candidates gathered from a view. Either way each candidate has the same chance.
//!
//! Where a rule depends on what the task takes (`x-dot-product`, `x-gpu-packing`, `x-fgd`), or a chain
//! has more orders than a key has room for, the instances with room are **gathered** and compared as
//! the scan does: the cost of such a choice grows with their number, but not with that of the others.
//!
//! The best of a request is the best over its kinds of (rule keys in the order of the chain,
//! instance id), compared as one list.

use std::ops::ControlFlow;

use rustc_hash::FxHashMap;

use super::constraint::{has_attributes, has_zone, in_pool};
use super::tree::{Free, Key, Tree};
use super::{scan, score};
use crate::model::arena::{Arena, AttributeId, GroupId, Id, InstanceId, ProviderId, RulesId};
use crate::model::cluster::{Change, Cluster};
use crate::model::instance::Instance;
use crate::model::request::{Constraint, Measured, Request, Rules, StrategyRule};
use crate::model::resources::Resources;
use crate::query::Expression;
use crate::rng::Draw;

/// How often `random` draws an instance before the candidates are gathered instead.
const PROBES: usize = 16;

/// Ranks of at most this many rules fit a key.
const RANKS: usize = 3;

/// The bits of a [`Key`] that name the instance.
const ID_BITS: u32 = 32;

/// Finds instances for requests. It mirrors one [`Cluster`] and holds nothing of its own: it can be
/// thrown away and made anew at any time.
#[derive(Default)]
pub struct Index {
    /// Names of all attributes that some known rule looks at.
    attributes: Vec<String>,
    kinds: Kinds,
    pools: Members,
    views: Vec<View>,
    classes: Vec<Class>,
    class_of: FxHashMap<(RulesId, Option<GroupId>), usize>,
    /// Buffer for the kinds of one question, with the part of their rank that all their
    /// instances share.
    order: Vec<(Ranks, usize)>,
    /// Buffer for instances among which the chain does not tell.
    tied: Vec<InstanceId>,
}

/// Rank under each rule of the chain.
type Ranks = [u32; 5];

/// What makes a kind: external or not, capacity provider, Windows or not, and the values of all
/// attributes that some rule looks at.
type KindKey = (bool, Option<ProviderId>, bool, Vec<Option<String>>);

/// Which instances are alike as far as rules can tell.
#[derive(Debug, Default)]
struct Kinds {
    number_of: FxHashMap<KindKey, usize>,
    of: Arena<InstanceId, usize>,
    /// One instance of each kind, to evaluate expressions on.
    example: Vec<InstanceId>,
}

/// The placeable instances of each kind, in no particular but a reproducible order.
#[derive(Debug, Default)]
struct Members {
    seen: u64,
    by_kind: Vec<Vec<InstanceId>>,
    place: Vec<Option<u32>>,
}

/// What a view orders by, most significant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    TasksOf(GroupId),
    FreeCpu,
    FreeMemory,
    /// What remains of these resources, least or most first.
    Remaining(Measured),
    MostRemaining(Measured),
    Registration,
    Shuffled,
}

/// The placeable instances in one order, a tree a kind.
struct View {
    ranks: Vec<Rank>,
    seen: u64,
    trees: Vec<Tree>,
    key_of: Vec<Option<Key>>,
    /// A view by tasks of a group alone keeps bounds of what is free, the same as in its trees.
    bounds: Option<Vec<Free>>,
    /// Buffer for keys whose bound was found too high.
    too_high: Vec<Key>,
    /// What ranks by remaining resources are parts of.
    largest: Resources,
}

/// What is known beforehand of all requests with the same rules (and group, where it matters).
#[derive(Debug)]
struct Class {
    /// Kinds that pass every test on attributes, among the first `kinds_seen`.
    kinds: Vec<usize>,
    kinds_seen: usize,
    /// Numbers of the constraints that must be evaluated instance by instance.
    residual: Vec<usize>,
    distinct: bool,
    chain: Vec<Part>,
    random: bool,
    /// Whether candidates are gathered and compared one by one; `chain` is empty then.
    gathered: bool,
    view: usize,
}

/// What a rule of a chain looks at.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// The same for all instances of a kind.
    Attribute(AttributeId),
    /// A rank of the view, by position.
    View(usize),
}

impl Index {
    /// An index of `cluster` for requests under any of `rules`.
    pub fn new<'a>(rules: impl IntoIterator<Item = &'a Rules>) -> Self {
        let mut attributes: Vec<String> = rules.into_iter().flat_map(attributes_of).collect();
        attributes.sort();
        attributes.dedup();
        Index {
            attributes,
            ..Index::default()
        }
    }

    /// The instance that `request` goes to, or `None` when no instance can take it: exactly what
    /// [`scan::choose`] gives, `random` apart, which draws differently from the same candidates.
    ///
    /// # Panics
    /// When the rules look at an attribute that none of the rules given to [`Index::new`] does.
    pub fn choose(
        &mut self,
        cluster: &Cluster,
        request: &Request<'_>,
        draw: &mut Draw,
    ) -> Option<InstanceId> {
        self.kinds.follow(cluster, &self.attributes);
        let number = self.class(cluster, request);
        let class = &self.classes[number];
        if class.gathered {
            return self.compare(number, cluster, request, draw);
        }
        if class.random && class.chain.is_empty() {
            self.pools.follow(cluster, &self.kinds);
            if let Some(found) = probe(&self.pools, &class.kinds, class, cluster, request, draw) {
                return Some(found);
            }
        }
        self.views[class.view].follow(cluster, &self.kinds);
        let question = Question::new(cluster, request, class, &self.kinds.example);
        let view = &mut self.views[class.view];
        let best = question.best(view, &mut self.order)?;
        if !class.random {
            return Some(best.1);
        }
        let whole_kinds_tie = class
            .chain
            .iter()
            .all(|part| matches!(part, Part::Attribute(_)));
        if whole_kinds_tie && !class.chain.is_empty() {
            self.pools.follow(cluster, &self.kinds);
            let kinds = self.order.iter().filter(|(ranks, _)| *ranks == best.0);
            let kinds: Vec<usize> = kinds.map(|(_, kind)| *kind).collect();
            if let Some(found) = probe(&self.pools, &kinds, class, cluster, request, draw) {
                return Some(found);
            }
        }
        question.ties(&best.0, view, &self.order, &mut self.tied);
        Some(self.tied[draw.below(self.tied.len())])
    }

    /// Gathers the candidates of a class and compares them.
    fn compare(
        &mut self,
        class: usize,
        cluster: &Cluster,
        request: &Request<'_>,
        draw: &mut Draw,
    ) -> Option<InstanceId> {
        let class = &self.classes[class];
        self.views[class.view].follow(cluster, &self.kinds);
        let question = Question::new(cluster, request, class, &self.kinds.example);
        let candidates = question.candidates(&self.views[class.view]);
        scan::best_of(cluster, request, candidates, draw)
    }

    /// The class of a request, made if it is new, with all kinds judged.
    fn class(&mut self, cluster: &Cluster, request: &Request<'_>) -> usize {
        let by_group = request
            .rules
            .constraints
            .contains(&Constraint::DistinctInstance)
            || request
                .rules
                .strategies
                .contains(&StrategyRule::SpreadInstance);
        let key = (request.rules_id, by_group.then_some(request.group));
        let number = match self.class_of.get(&key) {
            Some(number) => *number,
            None => {
                let class = self.make_class(cluster, request);
                self.classes.push(class);
                self.class_of.insert(key, self.classes.len() - 1);
                self.classes.len() - 1
            }
        };
        let class = &mut self.classes[number];
        while class.kinds_seen < self.kinds.example.len() {
            let example = self.kinds.example[class.kinds_seen];
            if kind_may_serve(cluster, example, request.rules) {
                class.kinds.push(class.kinds_seen);
            }
            class.kinds_seen += 1;
        }
        number
    }

    fn make_class(&mut self, cluster: &Cluster, request: &Request<'_>) -> Class {
        let rules = request.rules;
        for name in attributes_of(rules) {
            assert!(
                self.attributes.contains(&name),
                "the index was not told of rules that look at {name}"
            );
        }
        let distinct = rules.constraints.contains(&Constraint::DistinctInstance);
        // Candidates under distinctInstance are those with no task of the group: they stand together
        // at the beginning of a view that orders by that count first.
        let mut ranks: Vec<Rank> = if distinct {
            vec![Rank::TasksOf(request.group)]
        } else {
            Vec::new()
        };
        let mut chain = Vec::new();
        let (mut random, mut gathered) = (false, false);
        for rule in &rules.strategies {
            let rank = match rule {
                StrategyRule::Random => {
                    random = true;
                    break;
                }
                StrategyRule::SpreadAttribute(name) => {
                    let attribute = cluster
                        .tracked(name)
                        .expect("spread attributes are tracked");
                    chain.push(Part::Attribute(attribute));
                    continue;
                }
                StrategyRule::SpreadInstance => Rank::TasksOf(request.group),
                StrategyRule::BinpackCpu => Rank::FreeCpu,
                StrategyRule::BinpackMemory => Rank::FreeMemory,
                StrategyRule::FirstFit => Rank::Registration,
                StrategyRule::BestFit(measured) => Rank::Remaining(*measured),
                StrategyRule::WorstFit(measured) => Rank::MostRemaining(*measured),
                StrategyRule::Shuffled => Rank::Shuffled,
                StrategyRule::RandomGpu => continue,
                StrategyRule::DotProduct(_) | StrategyRule::GpuPacking | StrategyRule::Fgd => {
                    gathered = true;
                    break;
                }
            };
            let at = ranks
                .iter()
                .position(|known| *known == rank)
                .unwrap_or_else(|| {
                    ranks.push(rank);
                    ranks.len() - 1
                });
            chain.push(Part::View(at));
        }
        if gathered || ranks.len() > RANKS {
            (gathered, random) = (true, false);
            chain.clear();
            ranks.truncate(usize::from(distinct));
        }
        let view = self
            .views
            .iter()
            .position(|view| view.ranks == ranks)
            .unwrap_or_else(|| {
                self.views.push(View::new(ranks));
                self.views.len() - 1
            });
        let residual = rules.constraints.iter().enumerate();
        let residual = residual
            .filter(|(_, constraint)| {
                expression(constraint).is_some_and(|expression| !is_static(expression))
            })
            .map(|(number, _)| number)
            .collect();
        Class {
            kinds: Vec::new(),
            kinds_seen: 0,
            residual,
            distinct,
            chain,
            random,
            gathered,
            view,
        }
    }
}

/// Draws placeable instances of `kinds` until one is a candidate, but not for ever.
fn probe(
    pools: &Members,
    kinds: &[usize],
    class: &Class,
    cluster: &Cluster,
    request: &Request<'_>,
    draw: &mut Draw,
) -> Option<InstanceId> {
    let total: usize = kinds.iter().map(|kind| pools.by_kind[*kind].len()).sum();
    if total == 0 {
        return None;
    }
    for _ in 0..PROBES {
        let mut at = draw.below(total);
        for kind in kinds {
            let members = &pools.by_kind[*kind];
            if at < members.len() {
                let id = members[at];
                if has_room(cluster, id, request) && accepts(cluster, id, request, class) {
                    return Some(id);
                }
                break;
            }
            at -= members.len();
        }
    }
    None
}

/// The tests that kinds and trees cannot answer: ports, demands that depend on the instance,
/// constraints on what runs there.
fn accepts(cluster: &Cluster, id: InstanceId, request: &Request<'_>, class: &Class) -> bool {
    let instance = &cluster.instances()[id];
    (request.demand.is_uniform() || has_room(cluster, id, request))
        && instance.has_ports(&request.demand.ports)
        && (!class.distinct || instance.tasks_of(request.group) == 0)
        && (class.residual.is_empty() || {
            let seen = cluster.seen(id);
            let numbers = class.residual.iter();
            let mut constraints = numbers.map(|number| &request.rules.constraints[*number]);
            constraints.all(|constraint| {
                expression(constraint).is_none_or(|expression| expression.matches(&seen))
            })
        })
}

fn has_room(cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> bool {
    let instance = &cluster.instances()[id];
    instance.has_room(request.demand)
}

/// One request, and what is known of requests like it.
struct Question<'a> {
    cluster: &'a Cluster,
    request: &'a Request<'a>,
    class: &'a Class,
    /// One instance of each kind.
    examples: &'a [InstanceId],
    /// Whether room and order are all that an instance is asked for.
    plain: bool,
}

impl<'a> Question<'a> {
    fn new(
        cluster: &'a Cluster,
        request: &'a Request<'a>,
        class: &'a Class,
        examples: &'a [InstanceId],
    ) -> Self {
        let demand = request.demand;
        Question {
            cluster,
            request,
            class,
            examples,
            plain: class.residual.is_empty() && demand.is_uniform() && demand.ports.is_empty(),
        }
    }

    /// The least that an instance of a kind must have.
    fn need(&self, kind: usize) -> Free {
        let example = &self.cluster.instances()[self.examples[kind]];
        free_of(&self.request.demand.on(example.windows))
    }

    /// The part of a view where candidates of a kind can be: nothing below the demand where it
    /// orders by what is left, nothing with a task of the group under `distinctInstance`.
    fn range(&self, view: &View, kind: usize) -> (Key, Key) {
        let mut from = [0; RANKS];
        let [cpu, memory, gpus, _] = self.need(kind);
        let first = usize::from(self.class.distinct);
        match view.ranks.get(first) {
            Some(Rank::FreeCpu) => from[first] = cpu,
            Some(Rank::FreeMemory) => from[first] = memory,
            Some(Rank::Remaining(measured)) => {
                from[first] = score::at_least([cpu, memory, gpus], &view.largest, *measured);
            }
            Some(
                Rank::TasksOf(_) | Rank::MostRemaining(_) | Rank::Registration | Rank::Shuffled,
            )
            | None => {}
        }
        let to = if self.class.distinct {
            Key::MAX >> 32
        } else {
            Key::MAX
        };
        (key(from, InstanceId(0)), to)
    }

    fn accepts(&self, id: InstanceId) -> bool {
        accepts(self.cluster, id, self.request, self.class)
    }

    /// The part of a kind's rank that all its instances share; view ranks are left zero.
    fn shared_ranks(&self, kind: usize) -> Ranks {
        let mut ranks = [0; 5];
        for (rank, part) in ranks.iter_mut().zip(&self.class.chain) {
            if let Part::Attribute(attribute) = part {
                *rank = match self
                    .cluster
                    .attribute_value(*attribute, self.examples[kind])
                {
                    Some(value) => self
                        .cluster
                        .spread_count(self.request.group, *attribute, value),
                    None => u32::MAX,
                };
            }
        }
        ranks
    }

    fn with_view_ranks(&self, mut ranks: Ranks, key: Key) -> Ranks {
        for (rank, part) in ranks.iter_mut().zip(&self.class.chain) {
            if let Part::View(at) = part {
                *rank = (key >> (ID_BITS * (RANKS - at) as u32)) as u32;
            }
        }
        ranks
    }

    /// The best candidate with its ranks. Leaves in `order` the kinds with their shared ranks.
    fn best(
        &self,
        view: &mut View,
        order: &mut Vec<(Ranks, usize)>,
    ) -> Option<(Ranks, InstanceId)> {
        order.clear();
        let kinds = self
            .class
            .kinds
            .iter()
            .filter(|kind| !view.trees[**kind].is_empty());
        order.extend(kinds.map(|kind| (self.shared_ranks(*kind), *kind)));
        // View ranks are zero here, so a kind comes before another whenever its best possible does.
        if order.len() > 1 {
            order.sort_unstable();
        }
        let mut best: Option<(Ranks, InstanceId)> = None;
        for (shared, kind) in order.iter() {
            if best.as_ref().is_some_and(|(ranks, _)| shared > ranks) {
                break;
            }
            if let Some(key) = self.first(view, *kind) {
                let found = (self.with_view_ranks(*shared, key), id_of(key));
                if best.as_ref().is_none_or(|best| found < *best) {
                    best = Some(found);
                }
            }
        }
        best
    }

    /// The first candidate of a kind. Corrects the bounds that it finds too high.
    fn first(&self, view: &mut View, kind: usize) -> Option<Key> {
        let ((from, to), need) = (self.range(view, kind), self.need(kind));
        let View {
            trees,
            too_high,
            bounds,
            ..
        } = view;
        let tree = &mut trees[kind];
        let Some(bounds) = bounds else {
            return tree.first(from, to, &need, |key| {
                self.plain || self.accepts(id_of(key))
            });
        };
        let found = tree.first(from, to, &need, |key| {
            let room = has_room(self.cluster, id_of(key), self.request);
            if !room {
                too_high.push(key);
            }
            room && self.accepts(id_of(key))
        });
        for key in too_high.drain(..) {
            let free = free_of(&self.cluster.instances()[id_of(key)].free);
            tree.replace(key, key, free);
            bounds[id_of(key).index()] = free;
        }
        found
    }

    /// All candidates, in order of registration.
    fn candidates(&self, view: &View) -> Vec<InstanceId> {
        let mut found = Vec::new();
        for kind in &self.class.kinds {
            let ((from, to), need) = (self.range(view, *kind), self.need(*kind));
            view.trees[*kind].visit(from, to, &need, |key| {
                let id = id_of(key);
                if has_room(self.cluster, id, self.request) && self.accepts(id) {
                    found.push(id);
                }
                ControlFlow::Continue(())
            });
        }
        found.sort_unstable();
        found
    }

    /// All candidates with exactly these ranks, in order of kind and view.
    fn ties(
        &self,
        ranks: &Ranks,
        view: &View,
        order: &[(Ranks, usize)],
        into: &mut Vec<InstanceId>,
    ) {
        into.clear();
        for (shared, kind) in order {
            let ((from, to), need) = (self.range(view, *kind), self.need(*kind));
            view.trees[*kind].visit(from, to, &need, |key| {
                let (found, id) = (self.with_view_ranks(*shared, key), id_of(key));
                if found == *ranks && has_room(self.cluster, id, self.request) && self.accepts(id) {
                    into.push(id);
                }
                if found > *ranks {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        }
    }
}

impl Kinds {
    /// Sorts the instances that are new into kinds.
    fn follow(&mut self, cluster: &Cluster, attributes: &[String]) {
        for index in self.of.len()..cluster.descriptions().len() {
            let id = InstanceId::from_index(index);
            let has = &cluster.descriptions()[id].attributes;
            let values = attributes
                .iter()
                .map(|name| has.get(name).cloned())
                .collect();
            let description = &cluster.descriptions()[id];
            let key = (
                description.is_external(),
                description.provider,
                description.is_windows(),
                values,
            );
            let next = self.example.len();
            let kind = *self.number_of.entry(key).or_insert(next);
            if kind == next {
                self.example.push(id);
            }
            self.of.push(kind);
        }
    }
}

impl Members {
    fn follow(&mut self, cluster: &Cluster, kinds: &Kinds) {
        self.by_kind.resize_with(kinds.example.len(), Vec::new);
        self.place.resize(cluster.instances().len(), None);
        follow(cluster, &mut self.seen, |change, instance| {
            let id = change.instance;
            let members = &mut self.by_kind[kinds.of[id]];
            match (self.place[id.index()], instance.is_placeable()) {
                (None, true) => {
                    self.place[id.index()] = Some(members.len() as u32);
                    members.push(id);
                }
                (Some(at), false) => {
                    self.place[id.index()] = None;
                    members.swap_remove(at as usize);
                    if let Some(moved) = members.get(at as usize) {
                        self.place[moved.index()] = Some(at);
                    }
                }
                (None, false) | (Some(_), true) => {}
            }
        });
    }
}

impl View {
    fn new(ranks: Vec<Rank>) -> Self {
        let bounded = matches!(ranks.as_slice(), [Rank::TasksOf(_)]);
        View {
            ranks,
            seen: 0,
            trees: Vec::new(),
            key_of: Vec::new(),
            bounds: bounded.then(Vec::new),
            too_high: Vec::new(),
            largest: Resources::default(),
        }
    }

    /// Whether its order is by parts of the largest instance, and there is a larger one than before.
    fn is_outgrown(&self, cluster: &Cluster) -> bool {
        let by_part = |rank: &Rank| matches!(rank, Rank::Remaining(_) | Rank::MostRemaining(_));
        self.largest != cluster.largest() && self.ranks.iter().any(by_part)
    }

    fn follow(&mut self, cluster: &Cluster, kinds: &Kinds) {
        if self.is_outgrown(cluster) {
            *self = View::new(std::mem::take(&mut self.ranks));
            self.largest = cluster.largest();
        }
        self.trees.resize_with(kinds.example.len(), Tree::new);
        self.key_of.resize(cluster.instances().len(), None);
        let mut bounds = self.bounds.as_mut();
        if let Some(bounds) = &mut bounds {
            bounds.resize(cluster.instances().len(), [0; 4]);
        }
        let group = match self.ranks.as_slice() {
            [Rank::TasksOf(group)] => Some(*group),
            _ => None,
        };
        let (ranks, trees, key_of) = (&self.ranks, &mut self.trees, &mut self.key_of);
        follow(cluster, &mut self.seen, |change, instance| {
            let id = change.instance;
            let free = free_of(&instance.free);
            if let Some(bounds) = &mut bounds {
                let bound = &mut bounds[id.index()];
                let moved = change.group.is_none() || change.group == group;
                if !moved && bound.iter().zip(free).all(|(bound, free)| *bound >= free) {
                    return;
                }
                *bound = free;
            }
            let tree = &mut trees[kinds.of[id]];
            let new = instance
                .is_placeable()
                .then(|| key_for(ranks, id, instance, cluster));
            match (key_of[id.index()], new) {
                (Some(old), Some(new)) => tree.replace(old, new, free),
                (Some(old), None) => tree.remove(old),
                (None, Some(new)) => tree.insert(new, free),
                (None, None) => {}
            }
            key_of[id.index()] = new;
        });
    }
}

const fn free_of(resources: &Resources) -> Free {
    [
        resources.cpu,
        resources.memory,
        resources.gpus,
        resources.enis,
    ]
}

/// Tells `tell` of every change since `seen`; of all instances, when that is long ago.
fn follow(cluster: &Cluster, seen: &mut u64, mut tell: impl FnMut(Change, &Instance)) {
    match cluster.changes_since(*seen) {
        Some(changes) => {
            for (at, change) in changes.iter().enumerate() {
                // Of equal changes in a row only the last tells anything.
                if changes.get(at + 1) != Some(change) {
                    tell(*change, &cluster.instances()[change.instance]);
                }
            }
        }
        None => {
            for (id, instance) in cluster.instances().iter() {
                tell(
                    Change {
                        instance: id,
                        group: None,
                    },
                    instance,
                );
            }
        }
    }
    *seen = cluster.version();
}

fn key_for(ranks: &[Rank], id: InstanceId, instance: &Instance, cluster: &Cluster) -> Key {
    let remaining = |measured| score::remaining(instance, &cluster.largest(), measured);
    let mut values = [0; RANKS];
    for (value, rank) in values.iter_mut().zip(ranks) {
        *value = match rank {
            Rank::TasksOf(group) => instance.tasks_of(*group),
            Rank::FreeCpu => instance.free.cpu,
            Rank::FreeMemory => instance.free.memory,
            Rank::Remaining(measured) => remaining(*measured),
            Rank::MostRemaining(measured) => u32::MAX - remaining(*measured),
            Rank::Registration => id.0,
            Rank::Shuffled => cluster.shuffled(id),
        };
    }
    key(values, id)
}

fn key(ranks: [u32; RANKS], id: InstanceId) -> Key {
    ranks
        .into_iter()
        .fold(0, |key, rank| key << 32 | Key::from(rank))
        << ID_BITS
        | Key::from(id.0)
}

fn id_of(key: Key) -> InstanceId {
    InstanceId(key as u32)
}

/// Whether instances of a kind can ever serve under these rules, judged on one of them.
fn kind_may_serve(cluster: &Cluster, example: InstanceId, rules: &Rules) -> bool {
    let seen = cluster.seen(example);
    in_pool(cluster, example, rules.pool)
        && has_attributes(cluster, example, rules)
        && has_zone(cluster, example, rules)
        && rules
            .constraints
            .iter()
            .filter_map(expression)
            .filter(|expression| is_static(expression))
            .all(|e| e.matches(&seen))
}

fn expression(constraint: &Constraint) -> Option<&Expression> {
    match constraint {
        Constraint::MemberOf(expression) => Some(expression),
        Constraint::DistinctInstance => None,
    }
}

/// Whether an expression looks at attributes only, which never change.
fn is_static(expression: &Expression) -> bool {
    !expression.depends_on_tasks() && !expression.depends_on_instance()
}

/// Names of all attributes that the rules look at.
fn attributes_of(rules: &Rules) -> Vec<String> {
    let mut names: Vec<String> = rules
        .required
        .iter()
        .map(|required| required.name.clone())
        .collect();
    names.extend(
        rules
            .constraints
            .iter()
            .filter_map(expression)
            .flat_map(|e| e.attributes().map(str::to_owned)),
    );
    names.extend(rules.strategies.iter().filter_map(|rule| match rule {
        StrategyRule::SpreadAttribute(name) => Some(name.clone()),
        _ => None,
    }));
    if let Some(subnets) = &rules.subnets {
        names.push("ecs.availability-zone".to_owned());
        names.extend(subnets.vpc.as_ref().map(|_| "ecs.vpc-id".to_owned()));
    }
    names
}
