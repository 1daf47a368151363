//! The packing bound: how many instances it takes to hold tasks at once.

/// The fewest bins whose capacities reach `total`: the largest ones first; as many as there are when
/// all of them do not.
///
/// The continuous bound L1 for bins of different sizes.
/// Source: Martello and Toth 1990, *Knapsack Problems*, section 8.3.1.
pub fn fewest(mut total: u64, capacities: &[u64]) -> u64 {
    let mut bins = 0;
    for capacity in descending(capacities) {
        if total == 0 {
            break;
        }
        total = total.saturating_sub(capacity);
        bins += 1;
    }
    bins
}

/// The same where the last bin is filled in part, of a level integrated over `span`: bins on average.
///
/// The inverse of the running sum of falling capacities is convex, so by Jensen's inequality it is at
/// the mean level at most what it is on average.
pub fn fewest_on_average(area: u128, capacities: &[u64], span: u64) -> f64 {
    let (mut left, mut bins) = (area, 0.0);
    for capacity in descending(capacities) {
        let most = u128::from(capacity) * u128::from(span);
        if left <= most {
            return if left == 0 {
                bins
            } else {
                bins + left as f64 / most as f64
            };
        }
        left -= most;
        bins += 1.0;
    }
    bins
}

fn descending(capacities: &[u64]) -> Vec<u64> {
    let mut capacities = capacities.to_vec();
    capacities.sort_unstable_by(|one, other| other.cmp(one));
    capacities
}

/// The bound L2 of Martello and Toth: bins of one capacity that it takes to hold all items, given as
/// (size, how many), in time of the order of the number of sizes × its logarithm.
///
/// For each a up to half the capacity c: items above c − a fill a bin each (J1), those above c / 2 and
/// up to c − a too, but leave room (J2), and those from a to c / 2 (J3) go into that room or into bins of
/// their own: |J1| + |J2| + max(0, ceil((ΣJ3 − (|J2| c − ΣJ2)) / c)). The greatest over a = 0 and all
/// sizes up to c / 2; never below the continuous bound ceil(Σ / c). Items above the capacity are left
/// out, as they fit nowhere.
/// Source: Martello and Toth 1990, "Lower bounds and reduction procedures for the bin packing problem",
/// Discrete Applied Mathematics 28; *Knapsack Problems*, section 8.3.2.
pub fn martello_toth(items: &[(u64, u64)], capacity: u64) -> u64 {
    if capacity == 0 {
        return 0;
    }
    let mut items: Vec<(u64, u64)> = items
        .iter()
        .copied()
        .filter(|(size, count)| (1..=capacity).contains(size) && *count > 0)
        .collect();
    items.sort_unstable();
    // Counts and sums of all items before each place.
    let mut before = vec![(0_u128, 0_u128)];
    for (size, count) in &items {
        let (many, sum) = before[before.len() - 1];
        let (size, count) = (u128::from(*size), u128::from(*count));
        before.push((many + count, sum + size * count));
    }
    let small = items.partition_point(|(size, _)| 2 * size <= capacity);
    let whole = u128::from(capacity);
    let thresholds = std::iter::once(0).chain(items[..small].iter().map(|(size, _)| *size));
    let bins = thresholds.map(|least| {
        let from = items.partition_point(|(size, _)| *size < least);
        let full = items.partition_point(|(size, _)| *size <= capacity - least);
        let large = before[items.len()].0 - before[small].0;
        let roomy = (
            before[full].0 - before[small].0,
            before[full].1 - before[small].1,
        );
        let rest = before[small].1 - before[from].1;
        let room = roomy.0 * whole - roomy.1;
        large + rest.saturating_sub(room).div_ceil(whole)
    });
    u64::try_from(bins.max().unwrap_or(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_bins_first() {
        assert_eq!(fewest(0, &[4, 8]), 0);
        assert_eq!(fewest(8, &[4, 8]), 1);
        assert_eq!(fewest(9, &[4, 8]), 2);
        assert_eq!(fewest(99, &[4, 8]), 2);
        // 10 of a bin of 8 and of one of 4: one and a half.
        assert_eq!(fewest_on_average(10, &[4, 8], 1), 1.5);
        assert_eq!(fewest_on_average(20, &[4, 8], 10), 0.25);
        assert_eq!(fewest_on_average(0, &[4, 8], 0), 0.0);
        assert_eq!(fewest_on_average(5, &[], 1), 0.0);
    }

    /// 70, 60, 50, 33, 33, 33, 11, 7 and 3 sum to 300: three bins of 100 by the sum. With a = 11: 70 and 60 leave
    /// 30 + 40 of room; 50 + 3 × 33 + 11 = 160 are 90 more: one bin more, 3. With a = 33: 70 takes a bin
    /// for itself, 60 leaves 40; 50 + 99 = 149 are 109 more: two bins more, 4.
    #[test]
    fn room_beside_large_items_counts() {
        let items = [70, 60, 50, 33, 33, 33, 11, 7, 3].map(|size| (size, 1));
        assert_eq!(martello_toth(&items, 100), 4);
    }

    #[test]
    fn simple_cases() {
        assert_eq!(martello_toth(&[], 10), 0);
        assert_eq!(martello_toth(&[(3, 1)], 0), 0);
        // Six of 6: no two fit together, though four bins have the room.
        assert_eq!(martello_toth(&[(6, 6)], 10), 6);
        assert_eq!(martello_toth(&[(5, 6)], 10), 3);
        assert_eq!(martello_toth(&[(5, 7)], 10), 4);
        assert_eq!(martello_toth(&[(10, 2), (1, 11)], 10), 4);
        assert_eq!(martello_toth(&[(11, 5), (0, 9)], 10), 0);
    }

    /// Least number of bins by trying everything.
    fn optimum(items: &[u64], bins: &mut Vec<u64>, capacity: u64, best: usize) -> usize {
        let Some((item, rest)) = items.split_first() else {
            return bins.len().min(best);
        };
        let mut best = best;
        for index in 0..=bins.len() {
            if index == bins.len() {
                if bins.len() + 1 >= best {
                    break;
                }
                bins.push(0);
            }
            if bins[index] + item <= capacity {
                bins[index] += item;
                best = optimum(rest, bins, capacity, best);
                bins[index] -= item;
            }
            if bins[index] == 0 {
                bins.truncate(index);
            }
        }
        best
    }

    proptest::proptest! {
        #[test]
        fn no_packing_comes_below(items in proptest::collection::vec(1_u64..=20, 0..7)) {
            let counted: Vec<(u64, u64)> = items.iter().map(|size| (*size, 1)).collect();
            let bound = martello_toth(&counted, 20);
            let total: u64 = items.iter().sum();
            assert!(bound >= total.div_ceil(20));
            assert!(bound as usize <= optimum(&items, &mut Vec::new(), 20, items.len() + 1));
        }
    }
}
