//! EASY backfilling: which hosts are free when, as far as the time limits of jobs tell.
//!
//! Jobs stand in order of submission. The first that finds no hosts is promised some by number, at
//! the earliest moment at which its limits let the running jobs leave enough; whoever stands behind
//! it starts only where the promise is kept. A job takes the hosts of the lowest numbers that are
//! free for as long as it may run. A promise that only counted hosts would let a job behind take one
//! of those that the first one will need.
//!
//! Nothing here knows a clock or a queue: the engine makes a [`Profile`] of what runs and asks it.
//!
//! Sources: D. Lifka, "The ANL/IBM SP Scheduling System", JSSPP 1995; A. Mu'alem and D. Feitelson,
//! "Utilization, Predictability, Workloads, and User Runtime Estimates in Scheduling the IBM SP2 with
//! Backfilling", IEEE TPDS 12(6), 2001. That the promise names hosts: as Batsim has it (P.-F. Dutot
//! et al., "Batsim", JSSPP 2016).

use std::collections::BTreeMap;

use crate::model::resources::Resources;
use crate::time::{SimDuration, SimTime};

/// A host and what becomes of it.
#[derive(Clone, Debug)]
pub struct Host<'n> {
    /// Whether it takes jobs; one that does not is free for nobody, whatever it has.
    pub takes_jobs: bool,
    /// Instance type, or nothing. The nodes of one job run on one type.
    pub instance_type: &'n str,
    /// All that it has.
    pub capacity: Resources,
    /// What of it is free now.
    pub free: Resources,
    /// What jobs on it give back, and when at the latest, in ascending order of time.
    pub ends: Vec<(SimTime, Resources)>,
}

/// What a job wants.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'n> {
    /// What it takes of its host; of several nodes, the most that one of them takes.
    pub need: Resources,
    /// Of a job of several nodes: how many hosts it has for itself, and of which type, where it says.
    pub nodes: Option<(usize, Option<&'n str>)>,
    /// For how long it may run; above nothing.
    pub limit: SimDuration,
}

/// Hosts that are kept for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// From when.
    pub start: SimTime,
    /// Numbers of the hosts, ascending.
    pub hosts: Vec<usize>,
    /// What is kept of each; absent: all of it.
    need: Option<Resources>,
}

/// Free hosts from a moment on. Hosts are numbered from 0.
#[derive(Clone, Debug)]
pub struct Profile<'n> {
    now: SimTime,
    hosts: Vec<Host<'n>>,
    /// Numbers of the hosts on which something is free now, ascending.
    open: Vec<usize>,
}

impl Host<'_> {
    /// What is free at a moment from now on when nobody else comes.
    fn free_at(&self, at: SimTime) -> Resources {
        let over = self.ends.iter().take_while(|(end, _)| *end <= at);
        over.fold(self.free, |free, (_, back)| free.plus(back))
    }

    /// The earliest moment from `now` on at which so much is free.
    fn free_from(&self, need: &Resources, now: SimTime) -> Option<SimTime> {
        let ends = self.ends.iter().map(|(end, _)| *end);
        let mut moments = std::iter::once(now).chain(ends);
        moments.find(|at| self.free_at(*at).fits(need))
    }

    /// Whether a job may ever have it.
    fn suits(&self, wish: &Wish<'_>) -> bool {
        let named = wish.nodes.and_then(|(_, instance_type)| instance_type);
        self.takes_jobs
            && self.capacity.fits(&wish.need)
            && named.is_none_or(|named| named == self.instance_type)
    }

    /// What a job takes of it: with several nodes, everything.
    fn wanted(&self, wish: &Wish<'_>) -> Resources {
        match wish.nodes {
            Some(_) => self.capacity,
            None => wish.need,
        }
    }

    /// By what hosts are alike; the smallest type comes first.
    fn kind(&self) -> (u32, u32, &str) {
        (self.capacity.cpu, self.capacity.memory, self.instance_type)
    }
}

impl<'n> Profile<'n> {
    /// Of hosts as they are at `now`.
    pub fn new(now: SimTime, hosts: Vec<Host<'n>>) -> Self {
        let mut profile = Profile {
            now,
            hosts,
            open: Vec::new(),
        };
        let numbers = 0..profile.hosts.len();
        profile.open = numbers.filter(|number| profile.is_open(*number)).collect();
        profile
    }

    fn is_open(&self, number: usize) -> bool {
        let host = &self.hosts[number];
        host.takes_jobs && host.free.cpu > 0
    }

    /// Whether no host has anything free now.
    pub fn is_full(&self) -> bool {
        self.open.is_empty()
    }

    /// The hosts on which a job can start now and run for as long as it may while a promise is kept;
    /// those of the lowest numbers. Looks at every host on which something is free.
    pub fn now(&self, wish: &Wish<'_>, promise: Option<&Promise>) -> Option<Vec<usize>> {
        let suited = self.open.iter().copied().filter(|number| {
            let host = &self.hosts[*number];
            host.suits(wish)
                && host.free.fits(&host.wanted(wish))
                && promise.is_none_or(|promise| self.keeps(promise, *number, wish))
        });
        self.first(suited, wish)
    }

    /// Whether a promise is kept when a job takes its part of a host from now on.
    fn keeps(&self, promise: &Promise, number: usize, wish: &Wish<'_>) -> bool {
        if promise.hosts.binary_search(&number).is_err() || promise.start >= self.now + wish.limit {
            return true;
        }
        let host = &self.hosts[number];
        let kept = promise.need.unwrap_or(host.capacity);
        let left = host.free_at(promise.start).checked_sub(&kept);
        left.is_some_and(|left| left.fits(&host.wanted(wish)))
    }

    /// The first of the given hosts for a job; as many as it has nodes are of one type, of several
    /// such types the smallest.
    fn first(
        &self,
        mut numbers: impl Iterator<Item = usize>,
        wish: &Wish<'_>,
    ) -> Option<Vec<usize>> {
        let Some((count, _)) = wish.nodes else {
            return numbers.next().map(|number| vec![number]);
        };
        let mut by_kind: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for number in numbers {
            let alike = by_kind.entry(self.hosts[number].kind()).or_default();
            if alike.len() < count {
                alike.push(number);
            }
        }
        by_kind.into_values().find(|alike| alike.len() == count)
    }

    /// The earliest hosts for a job if nobody else comes; none when it would wait for ever. Looks at
    /// every host, and at every job there.
    pub fn earliest(&self, wish: &Wish<'_>) -> Option<Promise> {
        let numbered = self.hosts.iter().enumerate();
        let suited = numbered.filter(|(_, host)| host.suits(wish));
        let found = suited.filter_map(|(number, host)| {
            let from = host.free_from(&host.wanted(wish), self.now)?;
            Some((from, number))
        });
        let free: Vec<(SimTime, usize)> = found.collect();
        let count = wish.nodes.map_or(1, |(count, _)| count);
        let start = self.start(&free, count)?;
        let there = free.iter().filter(|(from, _)| *from <= start);
        let hosts = self.first(there.map(|(_, number)| *number), wish)?;
        Some(Promise {
            start,
            hosts,
            need: wish.nodes.is_none().then_some(wish.need),
        })
    }

    /// When so many hosts of one type are free, each given with the moment from which it is.
    fn start(&self, free: &[(SimTime, usize)], count: usize) -> Option<SimTime> {
        let mut by_kind: BTreeMap<_, Vec<SimTime>> = BTreeMap::new();
        for (from, number) in free {
            let kind = self.hosts[*number].kind();
            by_kind.entry(kind).or_default().push(*from);
        }
        let starts = by_kind.into_values().filter_map(|mut moments| {
            moments.sort_unstable();
            moments.get(count.checked_sub(1)?).copied()
        });
        starts.min()
    }

    /// A job starts now on these hosts.
    pub fn take(&mut self, numbers: &[usize], wish: &Wish<'_>) {
        let end = self.now + wish.limit;
        for number in numbers {
            let host = &mut self.hosts[*number];
            let taken = host.wanted(wish);
            host.free = host.free.checked_sub(&taken).unwrap_or_default();
            let at = host.ends.partition_point(|(other, _)| *other <= end);
            host.ends.insert(at, (end, taken));
        }
        let hosts = &self.hosts;
        self.open.retain(|number| hosts[*number].free.cpu > 0);
    }
}

#[cfg(test)]
mod tests;
