//! Bins of time, joined until there are no more than a picture can show.

use std::ops::Range as Indices;

use super::axis::{LARGEST, Range};

/// Bins of time, each a group of neighbouring bins of the input.
pub(super) struct Bins {
    /// Edges of the groups, in seconds.
    pub edges: Vec<f64>,
    groups: Vec<Indices<usize>>,
    /// Lengths of the bins of the input, in seconds.
    lengths: Vec<f64>,
}

impl Bins {
    /// At most `most` groups of the bins between `edges`, which count as far as they are in order.
    pub(super) fn new(edges: &[f64], most: usize) -> Self {
        let in_range = edges
            .iter()
            .take_while(|edge| edge.abs() <= LARGEST)
            .count();
        let in_order = edges[..in_range]
            .windows(2)
            .take_while(|pair| pair[0] <= pair[1])
            .count();
        let edges = if in_order == 0 {
            &[]
        } else {
            &edges[..=in_order]
        };
        let lengths: Vec<f64> = edges.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let groups = groups(lengths.len(), most);
        let starts = groups.iter().map(|group| group.start);
        let edges = starts
            .chain([lengths.len()])
            .filter_map(|at| edges.get(at).copied())
            .collect();
        Bins {
            edges,
            groups,
            lengths,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// From the first to the last edge.
    pub(super) fn range(&self) -> Range {
        let ends = self.edges.first().zip(self.edges.last());
        ends.map_or(Range::new(0.0, 1.0), |(first, last)| {
            Range::new(*first, *last)
        })
    }

    /// The mean of each group over the time for which there is a value; none where there is not.
    pub(super) fn means(&self, value: impl Fn(usize) -> Option<f64>) -> Vec<Option<f64>> {
        let mean = |group: &Indices<usize>| {
            let present = group.clone().filter_map(|bin| {
                let value = value(bin).filter(|value| value.is_finite())?;
                Some((value.clamp(0.0, LARGEST), self.lengths[bin]))
            });
            let (area, length) = present.fold((0.0, 0.0), |(area, length), (value, time)| {
                (area + value * time, length + time)
            });
            (length > 0.0).then_some(area / length)
        };
        self.groups.iter().map(mean).collect()
    }
}

/// The numbers below `count` in at most `most` groups of equal size; the last may be smaller.
pub(super) fn groups(count: usize, most: usize) -> Vec<Indices<usize>> {
    let size = count.div_ceil(most.max(1)).max(1);
    (0..count)
        .step_by(size)
        .map(|start| start..(start + size).min(count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_bins_by_their_time() {
        // Bins of 1, 3 and 2 s, two to a group: (1 × 8 + 3 × 4) / 4 = 5, and 7 alone.
        let bins = Bins::new(&[0.0, 1.0, 4.0, 6.0], 2);
        let values = [8.0, 4.0, 7.0];
        assert_eq!(bins.edges, [0.0, 4.0, 6.0]);
        assert_eq!(bins.means(|bin| Some(values[bin])), [Some(5.0), Some(7.0)]);
        assert_eq!(
            bins.means(|bin| (bin == 0).then_some(8.0)),
            [Some(8.0), None]
        );
    }

    #[test]
    fn edges_count_as_far_as_they_are_in_order() {
        let check = |edges: &[f64], kept: &[f64]| assert_eq!(Bins::new(edges, 10).edges, kept);
        check(&[], &[]);
        check(&[1.0], &[]);
        check(&[1.0, 2.0, 1.5], &[1.0, 2.0]);
        check(&[1.0, 2.0, f64::NAN, 3.0], &[1.0, 2.0]);
        check(&[1.0, 2.0, f64::INFINITY], &[1.0, 2.0]);
        check(&[2.0, 1.0], &[]);
    }
}
