//! The area bound: capacity that is full all the time.

use std::collections::BTreeMap;

use crate::time::SimTime;

/// Arrivals that are kept apart at most.
const MOST_ARRIVALS: usize = 4096;

/// How much work was released when: resource × microseconds.
///
/// Arrivals are kept apart by their microsecond up to 4,096 of them, and beyond that in ever wider
/// bins that stand at the first arrival in each, which lowers the bound by less than a bin.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    /// A bin is 2^shift microseconds wide.
    shift: u32,
    bins: BTreeMap<u64, (SimTime, [u128; 4])>,
}

impl Arrivals {
    /// So much work could begin at `release` and not before.
    pub fn add(&mut self, release: SimTime, areas: [u128; 4]) {
        self.join(release, areas);
        while self.bins.len() > MOST_ARRIVALS {
            self.shift += 1;
            for (first, areas) in std::mem::take(&mut self.bins).into_values() {
                self.join(first, areas);
            }
        }
    }

    fn join(&mut self, release: SimTime, areas: [u128; 4]) {
        let bin = self.bins.entry(release.micros() >> self.shift);
        let (first, sums) = bin.or_insert((release, [0; 4]));
        *first = release.min(*first);
        for (sum, area) in sums.iter_mut().zip(areas) {
            *sum += area;
        }
    }

    /// When all of it can have ended at the earliest on so much capacity of one resource, in
    /// microseconds: the greatest r + W(r) / capacity over all arrivals r, where W(r) is the area of the
    /// work that arrives at r or later. 0 without work or without capacity.
    ///
    /// Source: for r = 0 Graham 1969, "Bounds on multiprocessing timing anomalies", SIAM Journal on
    /// Applied Mathematics 17; the same argument holds from every later arrival on.
    pub fn earliest_end(&self, resource: usize, capacity: u64) -> u64 {
        let (mut left, mut latest) = (0, 0);
        for (first, areas) in self.bins.values().rev() {
            left += areas[resource];
            if left > 0 && capacity > 0 {
                let end = u128::from(first.micros()) + left.div_ceil(u128::from(capacity));
                latest = latest.max(end);
            }
        }
        u64::try_from(latest).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(list: &[(u64, u128)]) -> Arrivals {
        let mut arrivals = Arrivals::default();
        for (release, area) in list {
            arrivals.add(SimTime::from_micros(*release), [*area, 0, 0, 0]);
        }
        arrivals
    }

    /// Two units of capacity. 40 at 0 and 10 at 100: all of it takes 25 from 0, the last 5 from 100.
    #[test]
    fn the_latest_arrivals_may_decide() {
        assert_eq!(arrivals(&[(0, 40), (100, 10)]).earliest_end(0, 2), 105);
        assert_eq!(arrivals(&[(100, 10), (0, 400)]).earliest_end(0, 2), 205);
        assert_eq!(arrivals(&[(7, 3), (7, 4)]).earliest_end(0, 2), 7 + 4);
        assert_eq!(arrivals(&[(7, 3)]).earliest_end(1, 2), 0);
        assert_eq!(arrivals(&[(7, 3)]).earliest_end(0, 0), 0);
        assert_eq!(arrivals(&[]).earliest_end(0, 2), 0);
    }

    /// Many arrivals: never above the exact bound, and below it by less than a bin.
    #[test]
    fn bins_lower_the_bound_a_little() {
        let list: Vec<(u64, u128)> = (0..100_000).map(|at| (at * 1000, 1500)).collect();
        let found = arrivals(&list).earliest_end(0, 1);
        let exact = 150_000_000;
        assert!(found <= exact && found > exact - 66_000, "{found}");
        let late: Vec<(u64, u128)> = (0..100_000).map(|at| (at * 1000, 500)).collect();
        let found = arrivals(&late).earliest_end(0, 1);
        let exact = 99_999_000 + 500;
        assert!(found <= exact && found > exact - 66_000, "{found}");
    }
}
