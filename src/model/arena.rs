//! Arenas and the ids into them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// An index into an arena of one kind of thing.
pub trait Id: Copy {
    /// The id of the thing at `index`.
    fn from_index(index: usize) -> Self;
    /// Where the thing is.
    fn index(self) -> usize;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl Id for $name {
            fn from_index(index: usize) -> Self {
                $name(u32::try_from(index).expect("fewer than 2^32 of a kind"))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}", self.0)
            }
        }
    )*};
}

ids! {
    /// A cluster of the scenario.
    ClusterId;
    /// A container instance of a cluster. Ids are given in the order of registration, equal moments
    /// in the order of ARNs, and never reused: the lowest id is the oldest instance.
    InstanceId;
    /// A task group of a cluster: `family:web`, `service:api`, or a name of the user's.
    GroupId;
    /// An instance attribute whose values are counted, see [`super::cluster::Cluster::track`].
    AttributeId;
    /// A set of placement rules that many requests share.
    RulesId;
    /// A kind of request: task definition, overrides, group, rules.
    TemplateId;
    /// A workload or service of the scenario.
    WorkloadId;
    /// A capacity provider of the scenario.
    ProviderId;
    /// How the containers of a kind of task behave.
    BehaviourId;
    /// A compute environment of AWS Batch.
    EnvironmentId;
    /// A job queue of AWS Batch.
    QueueId;
    /// A kind of job that a workload submits again and again.
    JobKindId;
    /// A job of the run: simple, array parent or array child, in order of creation.
    JobId;
}

/// A growing list of `T`, indexed by its own kind of id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arena<I, T> {
    items: Vec<T>,
    ids: PhantomData<fn() -> I>,
}

impl<I: Id, T> Arena<I, T> {
    /// An empty arena.
    pub const fn new() -> Self {
        Arena {
            items: Vec::new(),
            ids: PhantomData,
        }
    }

    /// Adds `item` and gives its id.
    pub fn push(&mut self, item: T) -> I {
        let id = I::from_index(self.items.len());
        self.items.push(item);
        id
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All, in order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (I, &T)> + DoubleEndedIterator {
        self.items
            .iter()
            .enumerate()
            .map(|(index, item)| (I::from_index(index), item))
    }

    /// All ids, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = I> + DoubleEndedIterator + use<I, T> {
        (0..self.items.len()).map(I::from_index)
    }

    /// All items, in order of their ids.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// All items, in order of their ids.
    pub fn into_items(self) -> impl ExactSizeIterator<Item = T> {
        self.items.into_iter()
    }

    /// All items to change, in order of their ids.
    pub fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

impl<I: Id, T> Default for Arena<I, T> {
    fn default() -> Self {
        Arena::new()
    }
}

impl<I: Id, T> FromIterator<T> for Arena<I, T> {
    fn from_iter<It: IntoIterator<Item = T>>(items: It) -> Self {
        Arena {
            items: items.into_iter().collect(),
            ids: PhantomData,
        }
    }
}

impl<I: Id, T> Index<I> for Arena<I, T> {
    type Output = T;
    fn index(&self, id: I) -> &T {
        &self.items[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for Arena<I, T> {
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.index()]
    }
}
