//! An ordered set of container instances that finds the first one with room enough.
//!
//! Placement asks for the least instance in some order (the least free CPU, say) whose free resources cover a
//! demand. [`Tree`] is a B+ tree over [`Key`]s in which every slot of an inner node also holds the greatest free
//! amount of each resource below it. A subtree where one resource falls short is skipped unseen, so that a
//! question costs a few nodes and not a walk over the cluster.
//!
//! Nodes lie in two arenas, leaves and inner nodes, and name each other by index; a node that is given up is used
//! again. A sparse node is joined with a neighbour, or the coming and going of keys would leave most slots empty.

use std::array;
use std::ops::{ControlFlow, Index, IndexMut};

/// What the tree is ordered by. Unique: the low 32 bits are the instance id, those above up to three `u32` ranks,
/// the most significant first.
pub type Key = u128;

/// Free amounts of the four resources: CPU units, MiB of memory, GPUs, network interfaces.
pub type Free = [u32; 4];

/// No resources at all.
const NOTHING: Free = [0; 4];

/// Slots of a leaf.
const LEAF: usize = 32;

/// Slots of an inner node.
const FAN: usize = 32;

/// Levels of inner nodes a path has room for. Each multiplies the nodes by about twenty, and by five when removals
/// have been as unkind as they can be, so that memory ends long before.
const MAX_HEIGHT: usize = 12;

/// Container instances in key order, each with its free resources.
#[derive(Debug)]
pub struct Tree {
    leaves: Arena<(), LEAF>,
    inners: Arena<u32, FAN>,
    /// A leaf when `height` is 0, an inner node otherwise.
    root: u32,
    /// Levels of inner nodes above the leaves.
    height: usize,
    len: usize,
}

impl Default for Tree {
    fn default() -> Self {
        Tree::new()
    }
}

impl Tree {
    /// A tree without entries.
    pub fn new() -> Self {
        let mut leaves = Arena::EMPTY;
        let root = leaves.add(Leaf::EMPTY);
        Tree {
            leaves,
            inners: Arena::EMPTY,
            root,
            height: 0,
            len: 0,
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an entry.
    ///
    /// # Panics
    /// When `key` is in the tree already.
    pub fn insert(&mut self, key: Key, free: Free) {
        let path = self.path_to(key);
        let leaf = &self.leaves[path.leaf];
        let at = leaf.lower_bound(key);
        assert!(!leaf.holds(at, key), "key {key:#x} is in the tree already");
        self.len += 1;
        match self.leaves.insert(path.leaf, at, key, free, ()) {
            Some(split) => self.graft(&path, split, free),
            None => self.raise(&path, 0, free),
        }
    }

    /// Removes the entry of `key`.
    ///
    /// # Panics
    /// When `key` is not in the tree.
    pub fn remove(&mut self, key: Key) {
        let (path, at) = self.find(key);
        self.remove_at(&path, at);
    }

    /// Gives the entry of `old` another key, which may be the same, and other free resources.
    ///
    /// # Panics
    /// When `old` is not in the tree, or `new` belongs to another entry.
    pub fn replace(&mut self, old: Key, new: Key, free: Free) {
        let (path, at) = self.find(old);
        let leaf = &mut self.leaves[path.leaf];
        if leaf.spans(new) {
            let before = leaf.replace(at, new, free);
            self.settle(&path, before, free);
        } else {
            self.remove_at(&path, at);
            self.insert(new, free);
        }
    }

    /// The least key in `from..=to` whose free resources are at least `need`, each of them, and which `accept` takes.
    pub fn first(
        &self,
        from: Key,
        to: Key,
        need: &Free,
        mut accept: impl FnMut(Key) -> bool,
    ) -> Option<Key> {
        let mut found = None;
        self.visit(from, to, need, |key| {
            if !accept(key) {
                return ControlFlow::Continue(());
            }
            found = Some(key);
            ControlFlow::Break(())
        });
        found
    }

    /// Shows `visit`, in order, every key in `from..=to` whose free resources are at least `need`, each of them,
    /// until it breaks.
    pub fn visit(
        &self,
        from: Key,
        to: Key,
        need: &Free,
        mut visit: impl FnMut(Key) -> ControlFlow<()>,
    ) {
        // Broken off or not, the visit is over.
        let _ = self.visit_below(self.height, self.root, from, to, need, &mut visit);
    }

    /// Visits what lies below node `id`, which has `height` levels of inner nodes.
    fn visit_below(
        &self,
        height: usize,
        id: u32,
        from: Key,
        to: Key,
        need: &Free,
        visit: &mut impl FnMut(Key) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if height == 0 {
            return self.leaves[id].visit(from, to, need, visit);
        }
        let inner = &self.inners[id];
        let start = inner.lower_bound(from);
        for slot in inner.fitting(start, need) {
            if slot > start && inner.keys[slot - 1] >= to {
                return ControlFlow::Break(());
            }
            self.visit_below(height - 1, inner.children[slot], from, to, need, visit)?;
        }
        ControlFlow::Continue(())
    }

    /// The way to the leaf that holds `key`, or would hold it.
    fn path_to(&self, key: Key) -> Path {
        let mut steps = [Step::default(); MAX_HEIGHT];
        let mut id = self.root;
        for step in steps[..self.height].iter_mut().rev() {
            let slot = self.inners[id].lower_bound(key);
            *step = Step {
                inner: id,
                slot: slot as u32,
            };
            id = self.inners[id].children[slot];
        }
        Path { leaf: id, steps }
    }

    /// The way to an entry that is there, and its slot in the leaf.
    fn find(&self, key: Key) -> (Path, usize) {
        let path = self.path_to(key);
        let leaf = &self.leaves[path.leaf];
        let at = leaf.lower_bound(key);
        assert!(leaf.holds(at, key), "key {key:#x} is not in the tree");
        (path, at)
    }

    /// Removes the entry in slot `at` of the path's leaf, and joins the nodes on the path that this leaves sparse.
    fn remove_at(&mut self, path: &Path, at: usize) {
        self.len -= 1;
        let leaf = &mut self.leaves[path.leaf];
        let gone = leaf.remove(at);
        let mut sparse = leaf.is_sparse();
        self.settle(path, gone, NOTHING);
        for (level, step) in path.steps[..self.height].iter().enumerate() {
            if !sparse {
                return;
            }
            let slot = step.slot as usize;
            let joined = self.join(level, step.inner, slot)
                || slot > 0 && self.join(level, step.inner, slot - 1);
            sparse = joined && self.inners[step.inner].is_sparse();
        }
        self.lower_root();
    }

    /// Moves what is below slot `slot` of inner node `parent` into the child after it, and drops the slot. Answers
    /// whether there is a child after it with room enough. The children are leaves when `level` is 0.
    ///
    /// A child that is alone below its parent may even become empty; it stays until the parent is joined.
    fn join(&mut self, level: usize, parent: u32, slot: usize) -> bool {
        let inner = &self.inners[parent];
        if slot + 1 == inner.len() {
            return false;
        }
        let (left, right) = (inner.children[slot], inner.children[slot + 1]);
        let joined = match level {
            0 => self.leaves.join(left, right),
            _ => self.inners.join(left, right),
        };
        if joined {
            let inner = &mut self.inners[parent];
            let moved = inner.remove(slot);
            inner.free[slot] = greater(inner.free[slot], moved);
        }
        joined
    }

    /// Lets a root with one child give way to it.
    fn lower_root(&mut self) {
        while self.height > 0 && self.inners[self.root].len == 1 {
            let child = self.inners[self.root].children[0];
            self.inners.vacate(self.root);
            self.root = child;
            self.height -= 1;
        }
    }

    /// Brings the summaries above a leaf up to date, after one of its entries went from `before` to `after`.
    fn settle(&mut self, path: &Path, mut before: Free, mut after: Free) {
        for level in 0..self.height {
            let Step { inner, slot } = path.steps[level];
            let held = self.inners[inner].free[slot as usize];
            let most = match level {
                0 => self.leaves[path.leaf].revised(held, before, after),
                _ => self.inners[path.steps[level - 1].inner].revised(held, before, after),
            };
            if most == held {
                return;
            }
            self.inners[inner].free[slot as usize] = most;
            (before, after) = (held, most);
        }
    }

    /// Brings the summaries in the inner nodes of a path, from `level` up, to date after an entry was added below.
    fn raise(&mut self, path: &Path, level: usize, free: Free) {
        for step in &path.steps[level..self.height] {
            let most = &mut self.inners[step.inner].free[step.slot as usize];
            *most = greater(*most, free);
        }
    }

    /// Enters the halves of a split leaf in the nodes above it, which may split in turn. `free` is that of the new
    /// entry.
    fn graft(&mut self, path: &Path, mut split: Split, free: Free) {
        for (level, step) in path.steps[..self.height].iter().enumerate() {
            let (id, slot) = (step.inner, step.slot as usize);
            let Split {
                bound, left, right, ..
            } = split;
            self.inners[id].free[slot] = right;
            match self.inners.insert(id, slot, bound, left, split.id) {
                Some(above) => split = above,
                None => return self.raise(path, level + 1, free),
            }
        }
        let mut root = Inner::EMPTY;
        root.insert(0, split.bound, split.left, split.id);
        root.insert(1, Key::MAX, split.right, self.root);
        self.root = self.inners.add(root);
        self.height += 1;
    }
}

/// Whether `free` is at least `need`, resource by resource.
fn covers(free: &Free, need: &Free) -> bool {
    // No short circuit, so that the four are compared at once.
    (free[0] >= need[0]) & (free[1] >= need[1]) & (free[2] >= need[2]) & (free[3] >= need[3])
}

/// The greater of `a` and `b`, resource by resource.
fn greater(a: Free, b: Free) -> Free {
    array::from_fn(|k| a[k].max(b[k]))
}

/// The way from the root to a leaf.
struct Path {
    leaf: u32,
    /// The inner nodes, from the one above the leaf up to the root.
    steps: [Step; MAX_HEIGHT],
}

/// An inner node on a path, and the slot taken there.
#[derive(Clone, Copy, Default)]
struct Step {
    inner: u32,
    slot: u32,
}

/// What a full node became: a new node `id` with the keys up to `bound`, and itself with those above. `left` and
/// `right` are the greatest free amounts of the two.
struct Split {
    id: u32,
    bound: Key,
    left: Free,
    right: Free,
}

/// Entries of the tree.
type Leaf = Node<(), LEAF>;

/// Children, each with the greatest free amounts below it. The key of a child is no less than any below it and less
/// than any below the next child. The last is therefore the key of the node itself in the one above, or [`Key::MAX`].
type Inner = Node<u32, FAN>;

/// Slots in key order, field by field, so that a search reads only what it compares.
#[derive(Clone, Copy, Debug)]
struct Node<C, const N: usize> {
    len: u32,
    /// [`Key::MAX`] behind the last slot.
    keys: [Key; N],
    free: [Free; N],
    children: [C; N],
}

impl Leaf {
    const EMPTY: Leaf = Node {
        len: 0,
        keys: [Key::MAX; LEAF],
        free: [NOTHING; LEAF],
        children: [(); LEAF],
    };

    /// Whether slot `at` has `key`.
    fn holds(&self, at: usize, key: Key) -> bool {
        self.keys[..self.len()].get(at) == Some(&key)
    }

    /// Whether `key` lies between the first and the last key, so that it belongs in this leaf.
    fn spans(&self, key: Key) -> bool {
        self.keys[0] <= key && key <= self.keys[self.len() - 1]
    }

    /// Gives slot `at` another key, which stays in this leaf, and other free amounts; answers with the old ones.
    fn replace(&mut self, at: usize, key: Key, free: Free) -> Free {
        let before = self.free[at];
        if key != self.keys[at] {
            self.remove(at);
            let to = self.lower_bound(key);
            assert!(!self.holds(to, key), "key {key:#x} is in the tree already");
            self.insert(to, key, free, ());
        } else {
            self.free[at] = free;
        }
        before
    }

    /// [`Tree::visit`] in this leaf.
    fn visit(
        &self,
        from: Key,
        to: Key,
        need: &Free,
        visit: &mut impl FnMut(Key) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for at in self.fitting(self.lower_bound(from), need) {
            if self.keys[at] > to {
                return ControlFlow::Break(());
            }
            visit(self.keys[at])?;
        }
        ControlFlow::Continue(())
    }
}

impl Inner {
    const EMPTY: Inner = Node {
        len: 0,
        keys: [Key::MAX; FAN],
        free: [NOTHING; FAN],
        children: [0; FAN],
    };
}

impl<C: Copy, const N: usize> Node<C, N> {
    fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the node should be joined with a neighbour, if that has room.
    fn is_sparse(&self) -> bool {
        self.len() <= N / 4
    }

    /// The first slot whose key is not less than `key`.
    fn lower_bound(&self, key: Key) -> usize {
        // Over all slots, used or not, the steps are the same for every key, and there is nothing to mispredict.
        const { assert!(N.is_power_of_two()) };
        let mut at = 0;
        let mut step = N / 2;
        while step > 0 {
            at += step * usize::from(self.keys[at + step - 1] < key);
            step /= 2;
        }
        at + usize::from(self.keys[at] < key)
    }

    /// Adds a slot before slot `at`; there must be room.
    fn insert(&mut self, at: usize, key: Key, free: Free, child: C) {
        let len = self.len();
        self.keys.copy_within(at..len, at + 1);
        self.free.copy_within(at..len, at + 1);
        self.children.copy_within(at..len, at + 1);
        (self.keys[at], self.free[at], self.children[at]) = (key, free, child);
        self.len += 1;
    }

    /// Removes slot `at` and answers with its free amounts.
    fn remove(&mut self, at: usize) -> Free {
        let len = self.len();
        let free = self.free[at];
        self.keys.copy_within(at + 1..len, at);
        self.free.copy_within(at + 1..len, at);
        self.children.copy_within(at + 1..len, at);
        self.keys[len - 1] = Key::MAX;
        self.len -= 1;
        free
    }

    /// Moves the slots before slot `at` into a node of their own.
    fn split_off(&mut self, at: usize) -> Self {
        let mut left = *self;
        left.keys[at..].fill(Key::MAX);
        left.len = at as u32;
        let len = self.len();
        self.keys.copy_within(at..len, 0);
        self.free.copy_within(at..len, 0);
        self.children.copy_within(at..len, 0);
        self.keys[len - at..].fill(Key::MAX);
        self.len -= at as u32;
        left
    }

    /// Puts the slots of `left` before its own; there must be room.
    fn prepend(&mut self, left: &Self) {
        let (more, len) = (left.len(), self.len());
        self.keys.copy_within(..len, more);
        self.free.copy_within(..len, more);
        self.children.copy_within(..len, more);
        self.keys[..more].copy_from_slice(&left.keys[..more]);
        self.free[..more].copy_from_slice(&left.free[..more]);
        self.children[..more].copy_from_slice(&left.children[..more]);
        self.len += left.len;
    }

    /// The slots from `start` on whose free amounts cover `need`.
    fn fitting(&self, start: usize, need: &Free) -> impl Iterator<Item = usize> {
        (start..self.len()).filter(|&slot| covers(&self.free[slot], need))
    }

    /// The greatest free amounts of all slots.
    fn most(&self) -> Free {
        self.free[..self.len()]
            .iter()
            .fold(NOTHING, |most, &free| greater(most, free))
    }

    /// The greatest free amounts, which were `held` until one slot went from `before` to `after`.
    fn revised(&self, held: Free, before: Free, after: Free) -> Free {
        let lost = |k: usize| (before[k] == held[k]) & (after[k] < before[k]);
        if !(lost(0) | lost(1) | lost(2) | lost(3)) {
            return greater(held, after);
        }
        array::from_fn(|k| {
            if lost(k) {
                self.most_of(k, held[k])
            } else {
                held[k].max(after[k])
            }
        })
    }

    /// The greatest free amount of resource `k`, which is at most `held`.
    fn most_of(&self, k: usize, held: u32) -> u32 {
        let mut most = 0;
        for free in self.free[..self.len()].iter().rev() {
            most = most.max(free[k]);
            // Often another slot has as much.
            if most == held {
                break;
            }
        }
        most
    }
}

/// Nodes, named by their index.
#[derive(Debug)]
struct Arena<C, const N: usize> {
    nodes: Vec<Node<C, N>>,
    /// Nodes that are in no tree and can be used again.
    vacant: Vec<u32>,
}

impl<C: Copy, const N: usize> Arena<C, N> {
    const EMPTY: Self = Arena {
        nodes: Vec::new(),
        vacant: Vec::new(),
    };

    /// Takes a node in.
    fn add(&mut self, node: Node<C, N>) -> u32 {
        if let Some(id) = self.vacant.pop() {
            self[id] = node;
            return id;
        }
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    /// Gives a node up.
    fn vacate(&mut self, id: u32) {
        self.vacant.push(id);
    }

    /// Adds a slot before slot `at` of node `id`, which is split when it is full.
    fn insert(&mut self, id: u32, at: usize, key: Key, free: Free, child: C) -> Option<Split> {
        let node = &mut self[id];
        if node.len() < N {
            node.insert(at, key, free, child);
            return None;
        }
        // Keys that come in order, as when a cluster registers, leave full nodes behind.
        let half = if at == N { N } else { N / 2 };
        let mut left = node.split_off(half);
        if at < half {
            left.insert(at, key, free, child);
        } else {
            node.insert(at - half, key, free, child);
        }
        let right = node.most();
        Some(Split {
            bound: left.keys[left.len() - 1],
            left: left.most(),
            right,
            id: self.add(left),
        })
    }

    /// Moves the slots of node `left` to the front of node `right` and gives `left` up, if there is room.
    fn join(&mut self, left: u32, right: u32) -> bool {
        let joined = self[left].len() + self[right].len() <= N;
        if joined {
            let moved = self[left];
            self[right].prepend(&moved);
            self.vacate(left);
        }
        joined
    }
}

impl<C, const N: usize> Index<u32> for Arena<C, N> {
    type Output = Node<C, N>;
    fn index(&self, id: u32) -> &Node<C, N> {
        &self.nodes[id as usize]
    }
}

impl<C, const N: usize> IndexMut<u32> for Arena<C, N> {
    fn index_mut(&mut self, id: u32) -> &mut Node<C, N> {
        &mut self.nodes[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::mem;

    impl Tree {
        /// Asserts what must hold between any two calls.
        fn check(&self) {
            let mut seen = (
                vec![false; self.leaves.nodes.len()],
                vec![false; self.inners.nodes.len()],
            );
            let (_, len) = self.check_below(self.height, self.root, None, Key::MAX, &mut seen);
            assert_eq!(len, self.len, "entries");
            for &id in &self.leaves.vacant {
                assert!(
                    !mem::replace(&mut seen.0[id as usize], true),
                    "leaf {id} is vacant and used"
                );
            }
            for &id in &self.inners.vacant {
                assert!(
                    !mem::replace(&mut seen.1[id as usize], true),
                    "node {id} is vacant and used"
                );
            }
            assert!(
                seen.0.iter().chain(&seen.1).all(|&seen| seen),
                "a node is lost"
            );
            assert!(
                self.height == 0 || self.inners[self.root].len > 1,
                "the root has one child"
            );
        }

        /// Checks node `id`, whose keys must lie above `above` and not above `bound`; answers with the
        /// greatest free amounts and the number of entries.
        fn check_below(
            &self,
            height: usize,
            id: u32,
            above: Option<Key>,
            bound: Key,
            seen: &mut (Vec<bool>, Vec<bool>),
        ) -> (Free, usize) {
            if height == 0 {
                assert!(
                    !mem::replace(&mut seen.0[id as usize], true),
                    "leaf {id} is met twice"
                );
                let leaf = &self.leaves[id];
                let keys = &leaf.keys[..leaf.len()];
                assert!(keys.is_sorted_by(|a, b| a < b), "a leaf out of order");
                assert!(
                    keys.iter().all(|&key| above < Some(key) && key <= bound),
                    "a key out of its leaf"
                );
                assert!(
                    leaf.keys[leaf.len()..].iter().all(|&key| key == Key::MAX),
                    "an unused key"
                );
                return (leaf.most(), leaf.len());
            }
            assert!(
                !mem::replace(&mut seen.1[id as usize], true),
                "node {id} is met twice"
            );
            let inner = &self.inners[id];
            assert!(inner.len > 0, "an inner node without children");
            assert!(
                inner.keys[inner.len()..].iter().all(|&key| key == Key::MAX),
                "an unused key"
            );
            let (mut above, mut len) = (above, 0);
            assert_eq!(inner.keys[inner.len() - 1], bound, "the bound of a node");
            for slot in 0..inner.len() {
                let (child, bound) = (inner.children[slot], inner.keys[slot]);
                assert!(above < Some(bound), "bounds out of order");
                let (most, below) = self.check_below(height - 1, child, above, bound, seen);
                assert_eq!(inner.free[slot], most, "a summary");
                (above, len) = (Some(bound), len + below);
            }
            (inner.most(), len)
        }
    }

    /// The same as [`Tree`], written in the plainest way.
    #[derive(Default)]
    struct Model(BTreeMap<Key, Free>);

    impl Model {
        fn fitting(&self, from: Key, to: Key, need: &Free) -> Vec<Key> {
            let fits = |free: &Free| (0..4).all(|k| free[k] >= need[k]);
            let held = self
                .0
                .iter()
                .filter(|(key, free)| from <= **key && **key <= to && fits(free));
            held.map(|(key, _)| *key).collect()
        }

        /// The `nth` key, counted round and round; nothing when there is none.
        fn nth(&self, nth: usize) -> Option<Key> {
            self.0.keys().nth(nth % self.0.len().max(1)).copied()
        }
    }

    /// A key with `rank` on top.
    fn key(rank: u32, id: u32) -> Key {
        Key::from(rank) << 96 | Key::from(id)
    }

    /// Few different amounts, so that many entries share a maximum.
    fn some_free() -> impl Strategy<Value = Free> {
        prop_oneof![3 => prop::array::uniform4(0u32..6), 1 => prop::array::uniform4(any::<u32>())]
    }

    fn some_key() -> impl Strategy<Value = Key> {
        prop_oneof![
            20 => (0u32..8, 0u32..2000).prop_map(|(rank, id)| key(rank, id)),
            1 => Just(Key::MIN),
            1 => Just(Key::MAX),
        ]
    }

    #[derive(Clone, Debug)]
    enum Operation {
        Insert(Key, Free),
        /// Every `step`th key of a rank, upwards or downwards.
        Fill {
            rank: u32,
            step: usize,
            down: bool,
            free: Free,
        },
        Remove(usize),
        /// All keys between two.
        Clear(Key, Key),
        /// Another key, or the same one, or the next id.
        Replace(usize, Option<Key>, Free),
        Ask {
            from: Key,
            to: Key,
            need: Free,
            modulus: Key,
            most: usize,
        },
    }

    fn some_operation() -> impl Strategy<Value = Operation> {
        use Operation::*;
        prop_oneof![
            4 => (some_key(), some_free()).prop_map(|(key, free)| Insert(key, free)),
            2 => (0u32..8, 1usize..9, any::<bool>(), some_free())
                .prop_map(|(rank, step, down, free)| Fill { rank, step, down, free }),
            4 => any::<usize>().prop_map(Remove),
            1 => (some_key(), some_key()).prop_map(|(from, to)| Clear(from, to)),
            8 => (any::<usize>(), prop::option::of(some_key()), some_free())
                .prop_map(|(nth, key, free)| Replace(nth, key, free)),
            8 => (some_key(), some_key(), some_free(), 1u128..5, 1usize..50)
                .prop_map(|(from, to, need, modulus, most)| Ask { from, to, need, modulus, most }),
        ]
    }

    /// Does the same to both and compares the answers.
    fn apply(operation: Operation, tree: &mut Tree, model: &mut Model) {
        match operation {
            Operation::Insert(key, free) => {
                if let std::collections::btree_map::Entry::Vacant(entry) = model.0.entry(key) {
                    entry.insert(free);
                    tree.insert(key, free);
                }
            }
            Operation::Fill {
                rank,
                step,
                down,
                free,
            } => {
                let mut ids: Vec<u32> = (0..2000).step_by(step).collect();
                if down {
                    ids.reverse();
                }
                for id in ids {
                    // Amounts that differ from entry to entry, and leave some to be the greatest.
                    let free = free.map(|amount| amount.saturating_sub(id * 7 % 5));
                    apply(Operation::Insert(key(rank, id), free), tree, model);
                }
            }
            Operation::Remove(nth) => {
                if let Some(key) = model.nth(nth) {
                    model.0.remove(&key);
                    tree.remove(key);
                }
            }
            Operation::Clear(from, to) => {
                for key in model.fitting(from, to, &NOTHING) {
                    model.0.remove(&key);
                    tree.remove(key);
                }
            }
            Operation::Replace(nth, new, free) => {
                let Some(old) = model.nth(nth) else { return };
                let new = new.unwrap_or(old.saturating_add(nth as Key % 2));
                if new == old || !model.0.contains_key(&new) {
                    model.0.remove(&old);
                    model.0.insert(new, free);
                    tree.replace(old, new, free);
                }
            }
            Operation::Ask {
                from,
                to,
                need,
                modulus,
                most,
            } => {
                let expected = model.fitting(from, to, &need);
                let accept = |key: Key| key.is_multiple_of(modulus);
                let first = expected.iter().copied().find(|&key| accept(key));
                assert_eq!(tree.first(from, to, &need, accept), first);
                let mut visited = Vec::new();
                tree.visit(from, to, &need, |key| {
                    visited.push(key);
                    if visited.len() < most {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                });
                assert_eq!(visited, expected[..most.min(expected.len())]);
            }
        }
        assert_eq!(
            (tree.len(), tree.is_empty()),
            (model.0.len(), model.0.is_empty())
        );
    }

    proptest! {
        #[test]
        fn agrees_with_a_scan(operations in prop::collection::vec(some_operation(), 0..60)) {
            let (mut tree, mut model) = (Tree::new(), Model::default());
            for operation in operations {
                apply(operation, &mut tree, &mut model);
                tree.check();
            }
            apply(Operation::Clear(Key::MIN, Key::MAX), &mut tree, &mut model);
            tree.check();
        }
    }

    /// 40,000 keys in order, then in a random order, then none: four levels, each way up and down.
    #[test]
    fn grows_and_shrinks() {
        let mut tree = Tree::new();
        for id in 0..40_000 {
            tree.insert(key(9, id), [9, id, 0, 1]);
        }
        tree.check();
        // Keys that come in order leave no gaps: 32 entries a leaf.
        assert_eq!(tree.leaves.nodes.len(), 40_000 / LEAF);
        assert_eq!(tree.height, 3);
        // 7919 is a prime and divides nothing here, so that every id is met once.
        let shuffled = |at: u32| at * 7919 % 40_000;
        for id in (0..40_000).map(shuffled) {
            tree.replace(key(9, id), key(id % 5, id), [id % 5, id % 1000, 0, 1]);
        }
        tree.check();
        // 997 is the first id with a remainder of 2 or more by 5 and of at least 997 by 1000.
        assert_eq!(
            tree.first(0, Key::MAX, &[2, 997, 0, 1], |_| true),
            Some(key(2, 997))
        );
        for id in (0..40_000).map(shuffled).map(|id| (id + 13) % 40_000) {
            tree.remove(key(id % 5, id));
            if id % 1000 == 0 {
                tree.check();
            }
        }
        tree.check();
        assert_eq!((tree.len(), tree.height), (0, 0));
        assert_eq!(tree.first(0, Key::MAX, &NOTHING, |_| true), None);
    }

    #[test]
    #[should_panic(expected = "key 0x7 is in the tree already")]
    fn refuses_a_key_twice() {
        let mut tree = Tree::new();
        tree.insert(7, NOTHING);
        tree.insert(7, NOTHING);
    }

    #[test]
    #[should_panic(expected = "key 0x8 is in the tree already")]
    fn refuses_the_key_of_another() {
        let mut tree = Tree::new();
        (7..=9).for_each(|key| tree.insert(key, NOTHING));
        tree.replace(9, 8, NOTHING);
    }

    #[test]
    #[should_panic(expected = "key 0x7 is not in the tree")]
    fn refuses_to_remove_what_is_not_there() {
        Tree::new().remove(7);
    }
}
