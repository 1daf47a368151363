//! The rows of the heat map: what each instance has reserved, or a few neighbours together.

use std::ops::Range;

use super::level::Gauge;
use crate::model::arena::{Id, InstanceId};
use crate::time::SimTime;

/// Most rows of the heat map; beyond it neighbouring instances share a row.
pub const MOST_ROWS: usize = 128;

/// Reserved CPU, memory and GPUs by row, in the order of registration.
///
/// Nobody knows beforehand how many instances there will be. Each has a row while there are few;
/// when the rows are full, neighbours are joined by pairs, and there is room again.
#[derive(Clone, Debug)]
pub struct Rows {
    shared_by: usize,
    instances: usize,
    rows: Vec<[Gauge; 3]>,
}

impl Default for Rows {
    fn default() -> Self {
        Rows {
            shared_by: 1,
            instances: 0,
            rows: Vec::new(),
        }
    }
}

impl Rows {
    /// Makes room for the first `instances` instances.
    pub fn grow(&mut self, now: SimTime, instances: usize) {
        self.instances = self.instances.max(instances);
        while self.instances.div_ceil(self.shared_by) > MOST_ROWS {
            self.fold(now);
        }
        let count = self.instances.div_ceil(self.shared_by);
        self.rows.resize_with(count, Default::default);
    }

    fn fold(&mut self, now: SimTime) {
        self.shared_by *= 2;
        let mut rows = std::mem::take(&mut self.rows).into_iter();
        while let Some(mut row) = rows.next() {
            for (gauge, neighbour) in row.iter_mut().zip(rows.next().unwrap_or_default()) {
                gauge.join(now, neighbour);
            }
            self.rows.push(row);
        }
    }

    /// Changes what an instance has reserved of CPU (0), memory (1) or GPUs (2).
    pub fn change(&mut self, now: SimTime, id: InstanceId, resource: usize, plus: u64, minus: u64) {
        let row = &mut self.rows[id.index() / self.shared_by];
        if let Some(gauge) = row.get_mut(resource) {
            gauge.change(now, plus, minus);
        }
    }

    /// The rows, and which instances each stands for.
    pub fn iter(&self) -> impl Iterator<Item = (Range<usize>, &[Gauge; 3])> {
        self.rows.iter().enumerate().map(|(row, gauges)| {
            let first = row * self.shared_by;
            (first..(first + self.shared_by).min(self.instances), gauges)
        })
    }

    /// All their levels.
    pub(super) fn gauges(&mut self) -> impl Iterator<Item = &mut Gauge> {
        self.rows.iter_mut().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> SimTime {
        SimTime::from_micros(secs * 1_000_000)
    }

    /// 100 instances have a row each; with 300 four share one, and what the first five reserved
    /// (1 each for 10 s, then 1 more on the fifth) stands in the first two rows.
    #[test]
    fn neighbours_are_joined_when_the_rows_are_full() {
        let mut rows = Rows::default();
        rows.grow(at(0), 100);
        assert_eq!(rows.iter().count(), 100);
        for index in 0..5 {
            rows.change(at(0), InstanceId(index), 0, 1, 0);
        }
        rows.grow(at(10), 300);
        rows.change(at(10), InstanceId(4), 0, 1, 0);
        rows.gauges().for_each(|gauge| gauge.change(at(20), 0, 0));
        let shown: Vec<(Range<usize>, u128)> = rows
            .iter()
            .map(|(instances, row)| (instances, row[0].integral.area() / 1_000_000))
            .collect();
        assert_eq!(shown.len(), 75);
        assert_eq!(shown[..3], [(0..4, 80), (4..8, 30), (8..12, 0)]);
        assert_eq!(shown[74].0, 296..300);
    }
}
