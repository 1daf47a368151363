//! Which task of a service stops when one has to.
//!
//! First preferences that no strategy overrules [U-39]: tasks without scale-in protection, then
//! tasks not yet RUNNING, then tasks on DRAINING instances, then unhealthy ones. Then the service's
//! placement strategy, rule by rule: each keeps the tasks that tie as its victim. Of what is left
//! one is drawn, each with equal chance.
//! Source: ECS developer guide, "Task placement strategies" and "Amazon ECS services".

use crate::rng::Draw;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What scale-in must know of a task that is meant to run, apart from what the rules rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Victim {
    /// Under scale-in protection: stops only when no task without it is left.
    pub protected: bool,
    /// Its last status is RUNNING.
    pub running: bool,
    /// Its container instance is DRAINING.
    pub on_draining: bool,
    /// It failed its health check.
    pub unhealthy: bool,
}

impl Victim {
    /// What comes before any strategy: the least goes first [U-39].
    fn preference(self) -> (bool, bool, bool, bool) {
        (
            self.protected,
            self.running,
            !self.on_draining,
            !self.unhealthy,
        )
    }
}

/// A rule of the service's placement strategy, with what it ranks of each task, in the order of the
/// tasks.
///
/// A service without a strategy has two: spread over the zone, then over the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The number of the field's value on each task's instance. A task goes from the value with most
    /// tasks of the service; instances that lack the field share a number of their own.
    Spread(Vec<u32>),
    /// The task goes whose instance has most of the resource left after the stop.
    Binpack(Vec<Share>),
    /// Every task is as good as another; later rules have no effect.
    Random,
}

/// A task's part in the resource that a `binpack` rule names, in CPU units or MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The number of the task's instance.
    pub instance: u32,
    /// What the instance has left while the task is on it.
    pub remaining: u64,
    /// What the task gives back when it stops.
    pub demand: u64,
}

/// The tasks of one service, from which victims are taken one after another.
///
/// Each victim counts as gone for the next one, also between calls of [`ScaleIn::take`].
#[derive(Clone, Debug)]
pub struct ScaleIn {
    tasks: Vec<Victim>,
    rules: Vec<Rule>,
    /// For each rule: tasks left by value (`spread`), or what victims gave back by instance.
    amounts: Vec<BTreeMap<u32, u64>>,
}

impl ScaleIn {
    /// A choice among `tasks`, which must be all of the service that are meant to run: `spread`
    /// counts them all, also those that may not stop.
    ///
    /// # Panics
    /// When a rule does not rank each task.
    pub fn new(tasks: Vec<Victim>, rules: Vec<Rule>) -> Self {
        let amounts = rules.iter().map(|rule| amounts(rule, tasks.len()));
        ScaleIn {
            amounts: amounts.collect(),
            tasks,
            rules,
        }
    }

    /// Takes up to `count` victims out of `candidates` (positions in the list of tasks), in the
    /// order in which they stop.
    pub fn take(&mut self, candidates: &[usize], count: usize, draw: &mut Draw) -> Vec<usize> {
        let mut left = candidates.to_vec();
        let mut victims = Vec::new();
        while victims.len() < count {
            let Some(victim) = self.choose(&left, draw) else {
                break;
            };
            left.retain(|index| *index != victim);
            self.remove(victim);
            victims.push(victim);
        }
        victims
    }

    /// The next victim; `None` when there is no candidate.
    fn choose(&self, candidates: &[usize], draw: &mut Draw) -> Option<usize> {
        let mut tied = candidates.to_vec();
        keep_least(&mut tied, |index| self.tasks[index].preference());
        for (rule, amounts) in self.rules.iter().zip(&self.amounts) {
            let amount = |number| amounts.get(&number).copied().unwrap_or(0);
            match rule {
                Rule::Spread(values) => {
                    keep_least(&mut tied, |index| Reverse(amount(values[index])));
                }
                Rule::Binpack(shares) => keep_least(&mut tied, |index| {
                    let share = shares[index];
                    Reverse(share.remaining + share.demand + amount(share.instance))
                }),
                Rule::Random => break,
            }
        }
        match tied.len() {
            0 => None,
            1 => Some(tied[0]),
            count => Some(tied[draw.below(count)]),
        }
    }

    /// Counts a victim as gone.
    fn remove(&mut self, victim: usize) {
        for (rule, amounts) in self.rules.iter().zip(&mut self.amounts) {
            match rule {
                Rule::Spread(values) => {
                    let left = amounts.entry(values[victim]).or_default();
                    *left = left.saturating_sub(1);
                }
                Rule::Binpack(shares) => {
                    let share = shares[victim];
                    *amounts.entry(share.instance).or_default() += share.demand;
                }
                Rule::Random => {}
            }
        }
    }
}

/// The amounts of a rule before the first victim.
fn amounts(rule: &Rule, tasks: usize) -> BTreeMap<u32, u64> {
    let mut amounts = BTreeMap::new();
    match rule {
        Rule::Spread(values) => {
            assert_eq!(values.len(), tasks, "a spread rule ranks each task");
            for value in values {
                *amounts.entry(*value).or_default() += 1;
            }
        }
        Rule::Binpack(shares) => assert_eq!(shares.len(), tasks, "a binpack rule ranks each task"),
        Rule::Random => {}
    }
    amounts
}

/// Keeps the candidates with the least key, in their order.
fn keep_least<K: Ord>(candidates: &mut Vec<usize>, key: impl Fn(usize) -> K) {
    let least = candidates.iter().map(|index| key(*index)).min();
    candidates.retain(|index| Some(key(*index)) == least);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Streams};

    /// A task that runs, healthy and unprotected, on an ACTIVE instance.
    const PLAIN: Victim = Victim {
        protected: false,
        running: true,
        on_draining: false,
        unhealthy: false,
    };

    fn draw(entity: u64) -> Draw {
        Draw::new(Streams::new(7), Purpose::RandomPlacement, entity, 0)
    }

    fn share(instance: u32, remaining: u64) -> Share {
        Share {
            instance,
            remaining,
            demand: 100,
        }
    }

    /// Every first victim that some draw gives, in order.
    fn victims(tasks: &[Victim], rules: &[Rule]) -> Vec<usize> {
        let all: Vec<usize> = (0..tasks.len()).collect();
        let first = |entity| {
            let mut scale_in = ScaleIn::new(tasks.to_vec(), rules.to_vec());
            scale_in.take(&all, 1, &mut draw(entity))[0]
        };
        let mut found: Vec<usize> = (0..100).map(first).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn ecs_g60_binpack_stops_where_most_is_left() {
        let rules = [Rule::Binpack(vec![share(1, 200), share(2, 700)])];
        assert_eq!(victims(&[PLAIN; 2], &rules), [1]);
    }

    #[test]
    fn ecs_g61_spread_stops_in_the_fullest_zone() {
        let rules = [Rule::Spread(vec![0, 1, 0, 0])];
        assert_eq!(victims(&[PLAIN; 4], &rules), [0, 2, 3]);
    }

    #[test]
    fn ecs_g62_without_a_strategy_fullest_zone_then_fullest_instance() {
        let zones = Rule::Spread(vec![0, 1, 1, 2, 2]);
        let apart = Rule::Spread(vec![0, 1, 2, 3, 4]);
        assert_eq!(
            victims(&[PLAIN; 5], &[zones.clone(), apart]),
            [1, 2, 3, 4],
            "one in b or c"
        );
        let together_in_c = Rule::Spread(vec![0, 1, 2, 3, 3]);
        assert_eq!(victims(&[PLAIN; 5], &[zones, together_in_c]), [3, 4]);
    }

    #[test]
    fn preferences_come_before_the_strategy() {
        let check = |better: Victim, worse: Victim| {
            let rules = [Rule::Spread(vec![0, 1, 1])];
            assert_eq!(victims(&[better, worse, worse], &rules), [0]);
        };
        let pending = Victim {
            running: false,
            ..PLAIN
        };
        let draining = Victim {
            on_draining: true,
            ..PLAIN
        };
        let unhealthy = Victim {
            unhealthy: true,
            ..PLAIN
        };
        check(pending, draining);
        check(draining, unhealthy);
        check(unhealthy, PLAIN);
        check(
            PLAIN,
            Victim {
                protected: true,
                ..pending
            },
        );
    }

    #[test]
    fn random_ends_the_chain() {
        let spread = Rule::Spread(vec![0, 1, 1]);
        assert_eq!(victims(&[PLAIN; 3], &[Rule::Random, spread]), [0, 1, 2]);
    }

    /// Three tasks in zone a and one in b: two victims leave one in each.
    #[test]
    fn counts_change_between_victims() {
        let rules = vec![Rule::Spread(vec![0, 0, 0, 1])];
        for entity in 0..20 {
            let mut scale_in = ScaleIn::new(vec![PLAIN; 4], rules.clone());
            let mut draw = draw(entity);
            assert!(!scale_in.take(&[0, 1, 2, 3], 2, &mut draw).contains(&3));
        }
        // The instance with 500 left gains by its own victim: 600, then 700 against 650.
        let shares = vec![share(1, 500), share(1, 500), share(2, 550), share(2, 450)];
        let mut scale_in = ScaleIn::new(vec![PLAIN; 4], vec![Rule::Binpack(shares)]);
        let all = [0, 1, 2, 3];
        assert_eq!(scale_in.take(&all, 1, &mut draw(0)), [2]);
        assert_eq!(scale_in.take(&[0, 1, 3], 1, &mut draw(0)), [3]);
    }

    #[test]
    fn takes_no_more_than_there_are() {
        let mut scale_in = ScaleIn::new(vec![PLAIN; 3], vec![Rule::Random]);
        let mut taken = scale_in.take(&[0, 2], 9, &mut draw(0));
        taken.sort_unstable();
        assert_eq!(taken, [0, 2]);
        assert!(scale_in.take(&[], 1, &mut draw(0)).is_empty());
    }
}
