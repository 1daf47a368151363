//! The work that is expected on a cluster: which tasks are typical, and how frequent they are.

use super::instance::Seen;
use super::resources::Demand;
use crate::query::Expression;

/// A task that is expected, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedTask {
    /// What it takes. Its CPU units and GPUs count here; `ALL` GPUs count as one.
    pub demand: Demand,
    /// Expressions that its instance satisfies.
    pub constraints: Vec<Expression>,
    /// How many of them are expected.
    pub count: u64,
}

/// The typical tasks of a cluster: the most frequent ones that together are 95 % of all that are
/// expected. Two are the same when they ask for the same CPU units, GPUs and instances.
///
/// Source: Q. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with
/// Fragmentation Gradient Descent", USENIX ATC 2023, section 4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mix {
    /// The typical tasks by what they ask of GPUs.
    pub kinds: Vec<GpuKind>,
    /// How many tasks these are.
    pub total: u64,
}

/// Typical tasks that ask for the same GPUs of the same instances.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuKind {
    /// Whole GPUs.
    pub gpus: u32,
    /// MiB of the memory of a GPU that is shared; 0 where none is.
    pub share: u32,
    /// How many they are.
    pub total: u64,
    constraints: Vec<Expression>,
    /// CPU units in ascending order, each with the number of tasks that ask for no more.
    cpus: Vec<(u32, u64)>,
}

/// How much of the expected work the typical tasks are at least.
const TYPICAL_PERCENT: u128 = 95;

impl Mix {
    /// The typical ones of these tasks; of equally frequent ones the earlier come first.
    pub fn new(expected: impl IntoIterator<Item = ExpectedTask>) -> Self {
        let mut distinct: Vec<ExpectedTask> = Vec::new();
        for task in expected {
            match distinct.iter_mut().find(|known| is_same(known, &task)) {
                Some(known) => known.count += task.count,
                None => distinct.push(task),
            }
        }
        distinct.sort_by_key(|task| std::cmp::Reverse(task.count));
        let all: u64 = distinct.iter().map(|task| task.count).sum();
        let mut mix = Mix::default();
        for task in distinct {
            if u128::from(mix.total) * 100 >= u128::from(all) * TYPICAL_PERCENT {
                break;
            }
            mix.total += task.count;
            mix.add(task);
        }
        mix
    }

    fn add(&mut self, task: ExpectedTask) {
        let (gpus, share) = (task.demand.resources.gpus, task.demand.shared_gpu_memory);
        let is_alike = |kind: &GpuKind| {
            (kind.gpus, kind.share) == (gpus, share) && kind.constraints == task.constraints
        };
        let at = self.kinds.iter().position(is_alike).unwrap_or_else(|| {
            self.kinds.push(GpuKind {
                gpus,
                share,
                total: 0,
                constraints: task.constraints,
                cpus: Vec::new(),
            });
            self.kinds.len() - 1
        });
        self.kinds[at].add(task.demand.resources.cpu, task.count);
    }

    /// Which kinds an instance may take, by what its attributes say.
    pub fn allowed(&self, seen: &Seen<'_>) -> Box<[bool]> {
        let allows = |kind: &GpuKind| kind.constraints.iter().all(|it| it.matches(seen));
        self.kinds.iter().map(allows).collect()
    }
}

impl GpuKind {
    fn add(&mut self, cpu: u32, count: u64) {
        let at = self.cpus.partition_point(|(known, _)| *known < cpu);
        let before = at.checked_sub(1).map_or(0, |last| self.cpus[last].1);
        self.cpus.insert(at, (cpu, before));
        for (_, up_to) in &mut self.cpus[at..] {
            *up_to += count;
        }
        self.total += count;
    }

    /// How many of the tasks ask for no more than so many CPU units.
    pub fn within(&self, cpu: u32) -> u64 {
        let above = self.cpus.partition_point(|(known, _)| *known <= cpu);
        above.checked_sub(1).map_or(0, |last| self.cpus[last].1)
    }
}

fn is_same(one: &ExpectedTask, other: &ExpectedTask) -> bool {
    let asked = |task: &ExpectedTask| {
        let resources = task.demand.resources;
        (resources.cpu, resources.gpus, task.demand.shared_gpu_memory)
    };
    asked(one) == asked(other) && one.constraints == other.constraints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::resources::Resources;

    fn tasks(cpu: u32, gpus: u32, count: u64) -> ExpectedTask {
        let resources = Resources {
            cpu,
            gpus,
            ..Resources::default()
        };
        ExpectedTask {
            demand: Demand {
                resources,
                ..Demand::default()
            },
            constraints: Vec::new(),
            count,
        }
    }

    /// 60 and 36 of 100 tasks are 96 %, so that the 4 others are not typical.
    #[test]
    fn rare_tasks_are_not_typical() {
        let expected = [(4, 1, 4), (2, 1, 30), (1, 1, 36), (2, 1, 30)];
        let mix = Mix::new(expected.map(|(cpu, gpus, count)| tasks(cpu, gpus, count)));
        assert_eq!((mix.kinds.len(), mix.total), (1, 96));
        let within = [0, 1, 2, 9].map(|cpu| mix.kinds[0].within(cpu));
        assert_eq!(within, [0, 36, 96, 96]);
    }
}
