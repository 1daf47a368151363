//! Many alternatives, each loaded when its turn comes, and many runs of each, in parallel.
//!
//! Runs have numbers: those of the first alternative come first, by replication. A number says which
//! run it is on every machine, so that several can share the work ([`Shard`]).

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::metric::Metric;
use super::{Run, run};
use crate::engine::Plan;

/// The part of a sweep that one process runs: every n-th run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { number: 1, of: 1 };

    /// Number `number`, from 1, of so many; absent when there is none of that number.
    pub fn new(number: u32, of: u32) -> Option<Self> {
        (1..=of).contains(&number).then_some(Shard { number, of })
    }

    /// How many there are.
    pub const fn of(self) -> u32 {
        self.of
    }

    /// Its number, from 1.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// The runs that it makes, of so many.
    pub fn runs(self, total: u64) -> impl Iterator<Item = u64> {
        (u64::from(self.number) - 1..total).step_by(self.of as usize)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    /// `I/N`, such as `2/7`: from `1/7` to `7/7`.
    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(number, of)| {
            Some((
                number.trim().parse::<u32>().ok()?,
                of.trim().parse::<u32>().ok()?,
            ))
        });
        let (number, of) =
            numbers.ok_or("write I/N, such as 2/7 for the second of seven shards")?;
        Shard::new(number, of)
            .ok_or_else(|| format!("there is no shard {number} of {of}; they count from 1"))
    }
}

/// An alternative while its runs are made.
#[derive(Default)]
struct Slot {
    /// Runs still to be begun or ended.
    left: u64,
    plan: Option<Arc<Plan>>,
}

/// Makes the runs of these numbers, of `replications` each alternative; `ended` is given each run at
/// once, from several threads and in no fixed order. An alternative is loaded for its first run and
/// forgotten after its last, so that about as many are in memory as there are threads.
///
/// # Errors
/// The first error of `load` or `ended`; no further run is begun then.
pub fn sweep<E: Send>(
    numbers: &[u64],
    replications: u32,
    metrics: &[Metric],
    load: &(dyn Fn(usize) -> Result<Plan, E> + Sync),
    ended: &(dyn Fn(u64, &Run) -> Result<(), E> + Sync),
) -> Result<(), E> {
    let replications = u64::from(replications.max(1));
    let place = |number: u64| (number / replications) as usize;
    let count = numbers.iter().map(|number| place(*number) + 1).max();
    let mut slots: Vec<Mutex<Slot>> = (0..count.unwrap_or(0)).map(|_| Mutex::default()).collect();
    for number in numbers {
        let slot = slots[place(*number)].get_mut();
        slot.unwrap_or_else(PoisonError::into_inner).left += 1;
    }
    // In order, one by one: runs of one alternative are made at about the same time.
    numbers.iter().par_bridge().try_for_each(|&number| {
        let lock = || {
            let slot = slots[place(number)].lock();
            slot.unwrap_or_else(PoisonError::into_inner)
        };
        let plan = {
            let mut slot = lock();
            match &slot.plan {
                Some(plan) => Arc::clone(plan),
                None => Arc::clone(slot.plan.insert(Arc::new(load(place(number))?))),
            }
        };
        let run = run(&plan, (number % replications) as u32, metrics);
        {
            let mut slot = lock();
            slot.left -= 1;
            if slot.left == 0 {
                slot.plan = None;
            }
        }
        ended(number, &run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_make_every_run_once() {
        for of in [1, 2, 3, 7, 20] {
            let mut all: Vec<u64> = (1..=of)
                .filter_map(|number| Shard::new(number, of))
                .flat_map(|shard| shard.runs(10))
                .collect();
            all.sort_unstable();
            assert_eq!(all, (0..10).collect::<Vec<_>>(), "{of} shards");
        }
        let second = Shard::new(2, 3).expect("a shard");
        assert_eq!(second.runs(8).collect::<Vec<_>>(), [1, 4, 7]);
    }

    #[test]
    fn shards_are_read_as_they_are_printed() {
        let shard: Shard = "2/7".parse().expect("a shard");
        assert_eq!((shard.number(), shard.of()), (2, 7));
        assert_eq!(shard.to_string(), "2/7");
        let refused = |text: &str| text.parse::<Shard>().expect_err(text);
        assert_eq!(
            refused("0/3"),
            "there is no shard 0 of 3; they count from 1"
        );
        assert_eq!(
            refused("4/3"),
            "there is no shard 4 of 3; they count from 1"
        );
        for text in ["", "3", "a/b", "-1/3", "1/0"] {
            refused(text);
        }
    }
}
