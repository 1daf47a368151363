//! Capacity provider strategies: how tasks are divided among providers by base and weight.
//!
//! Base and weights hold over one RunTask call, or over the tasks alive of a service's current
//! deployment [U-28]; the caller counts them. Lists are in the order of the strategy's items.

use std::cmp::Reverse;

/// One item of a capacity provider strategy.
///
/// Source: ECS API reference, CapacityProviderStrategyItem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Tasks that the provider gets before weights count, 0 to 100 000.
    pub base: u32,
    /// Relative share of the tasks beyond the base, 0 to 1000; 0 gets none.
    pub weight: u32,
}

/// The item that gets the next task when item `i` has `tasks[i]` already; `None` when no item has
/// weight or an open base.
///
/// An open base is filled first, weight or not [U-30]. Beyond it the item that is furthest below
/// its share of the tasks gets the next one, the first in the list of equals [U-29].
pub fn next(shares: &[Share], tasks: &[u32]) -> Option<usize> {
    let open = |(share, has): (&Share, &u32)| share.base > *has;
    if let Some(item) = shares.iter().zip(tasks).position(open) {
        return Some(item);
    }
    let excess = weighted(shares, tasks);
    let total = total(shares, &excess) + 1;
    (0..excess.len())
        .filter(|item| shares[*item].weight > 0)
        .max_by_key(|item| (-above(shares, &excess, total, *item), Reverse(*item)))
}

/// The items that have tasks, in the order in which they give one up: first the item furthest above
/// its share of the tasks that remain, last those that are down to their base [U-28].
///
/// Of equals the last in the list goes first, since it would be the last to get a task. The order
/// is that for one task: ask again for the next.
pub fn surplus(shares: &[Share], tasks: &[u32]) -> Vec<usize> {
    let excess = weighted(shares, tasks);
    let total = total(shares, &excess) - 1;
    let mut items: Vec<usize> = (0..excess.len())
        .filter(|item| tasks[*item] > 0)
        .rev()
        .collect();
    items.sort_by_key(|item| {
        let beyond_base = excess[*item] > 0;
        Reverse((beyond_base, above(shares, &excess, total, *item)))
    });
    items
}

/// The tasks of each item beyond its base.
fn weighted(shares: &[Share], tasks: &[u32]) -> Vec<u32> {
    let beyond = |(share, has): (&Share, &u32)| has.saturating_sub(share.base);
    shares.iter().zip(tasks).map(beyond).collect()
}

/// The tasks that weights divide: what an item without weight has is not part of them.
fn total(shares: &[Share], excess: &[u32]) -> i128 {
    let items = shares.iter().zip(excess);
    items
        .filter(|(share, _)| share.weight > 0)
        .map(|(_, count)| i128::from(*count))
        .sum()
}

/// How far an item is above its share of `total` tasks, in tasks times the sum of the weights.
/// 128 bits hold it for any weights and counts.
fn above(shares: &[Share], excess: &[u32], total: i128, item: usize) -> i128 {
    let weights: i128 = shares.iter().map(|share| i128::from(share.weight)).sum();
    weights * i128::from(excess[item]) - i128::from(shares[item].weight) * total
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shares(items: &[(u32, u32)]) -> Vec<Share> {
        let share = |&(base, weight): &(u32, u32)| Share { base, weight };
        items.iter().map(share).collect()
    }

    /// The items that get `count` tasks one by one, from none.
    fn divide(shares: &[Share], count: u32) -> (Vec<usize>, Vec<u32>) {
        let mut tasks = vec![0; shares.len()];
        let order = (0..count).map_while(|_| {
            let item = next(shares, &tasks)?;
            tasks[item] += 1;
            Some(item)
        });
        (order.collect(), tasks)
    }

    #[test]
    fn ecs_g95_ecs_c11_base_then_weights() {
        let check = |items: &[(u32, u32)], count, expected: &[u32]| {
            assert_eq!(
                divide(&shares(items), count).1,
                expected,
                "{items:?} {count}"
            );
        };
        check(&[(0, 1), (0, 1)], 10, &[5, 5]);
        check(&[(0, 1), (0, 4)], 5, &[1, 4]);
        check(&[(0, 1), (0, 4)], 10, &[2, 8]);
        check(&[(0, 1), (0, 4)], 7, &[1, 6]); // C11: the rounding is a choice
        check(&[(0, 1), (0, 1)], 3, &[2, 1]);
        check(&[(2, 1), (0, 3)], 10, &[4, 6]);
        check(&[(10, 1), (0, 1)], 7, &[7, 0]);
        check(&[(1, 1), (0, 1)], 5, &[3, 2]);
        check(&[(0, 0), (0, 1)], 5, &[0, 5]);
        check(&[(0, 2), (0, 1), (0, 1)], 8, &[4, 2, 2]);
        check(&[(1, 0), (0, 1)], 4, &[1, 3]);
        assert_eq!(divide(&shares(&[(0, 1), (0, 4)]), 5).0, [1, 1, 0, 1, 1]);
    }

    #[test]
    fn without_weight_only_a_base_takes_tasks() {
        assert_eq!(next(&[], &[]), None);
        assert_eq!(next(&shares(&[(0, 0)]), &[0]), None);
        assert_eq!(divide(&shares(&[(0, 0), (2, 0)]), 5).1, [0, 2]);
    }

    #[test]
    fn what_has_no_weight_does_not_move_the_others() {
        let three = shares(&[(0, 1), (0, 4), (0, 0)]);
        let mut tasks = [0, 0, 50];
        for expected in [1, 1, 0, 1, 1] {
            assert_eq!(next(&three, &tasks), Some(expected));
            tasks[expected] += 1;
        }
    }

    #[test]
    fn surplus_goes_first_where_it_is_greatest_and_base_goes_last() {
        let check = |items: &[(u32, u32)], tasks: &[u32], expected: &[usize]| {
            assert_eq!(
                surplus(&shares(items), tasks),
                expected,
                "{items:?} {tasks:?}"
            );
        };
        check(&[(0, 1), (0, 1)], &[3, 5], &[1, 0]);
        check(&[(0, 1), (0, 1)], &[5, 3], &[0, 1]);
        check(&[(0, 1), (0, 1)], &[4, 4], &[1, 0]); // a tie
        check(&[(0, 1), (0, 1)], &[0, 4], &[1]); // who has none gives none
        check(&[(4, 1), (0, 1)], &[4, 1], &[1, 0]); // base is kept
        check(&[(4, 1), (0, 1)], &[4, 0], &[0]); // until nothing else is left
        check(&[(4, 1), (0, 1)], &[9, 1], &[0, 1]);
        check(&[(1, 0), (0, 1)], &[3, 9], &[0, 1]); // no weight, no share beyond the base
        check(&[], &[], &[]);
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        let most = u32::MAX;
        let twenty = vec![
            Share {
                base: 0,
                weight: most
            };
            20
        ];
        let mut tasks = vec![most; 20];
        tasks[7] -= 1;
        assert_eq!(next(&twenty, &tasks), Some(7));
        assert_eq!(surplus(&twenty, &tasks).last(), Some(&7));
    }

    fn some_shares() -> impl Strategy<Value = Vec<Share>> {
        let share = (0..4_u32, 1..=1000_u32).prop_map(|(base, weight)| Share { base, weight });
        prop::collection::vec(share, 1..6)
    }

    proptest! {
        /// Full rounds of the weights are divided exactly, whatever the order inside a round.
        #[test]
        fn full_rounds_are_exact(
            weights in prop::collection::vec(1..20_u32, 1..6), rounds in 1..4_u32
        ) {
            let items: Vec<(u32, u32)> = weights.iter().map(|weight| (0, *weight)).collect();
            let count = weights.iter().sum::<u32>() * rounds;
            let expected: Vec<u32> = weights.iter().map(|weight| weight * rounds).collect();
            prop_assert_eq!(divide(&shares(&items), count).1, expected);
        }

        /// A base gives nothing while any item has a task beyond its own; in the end all give.
        #[test]
        fn scale_in_keeps_the_base(items in some_shares(), count in 0..200_u32) {
            let mut tasks = divide(&items, count).1;
            while let Some(&item) = surplus(&items, &tasks).first() {
                let spare = items.iter().zip(&tasks).any(|(share, has)| *has > share.base);
                prop_assert_eq!(spare, tasks[item] > items[item].base);
                tasks[item] -= 1;
            }
            prop_assert!(tasks.iter().all(|has| *has == 0));
        }
    }
}
