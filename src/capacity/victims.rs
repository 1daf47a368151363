//! Which instances an Auto Scaling group gives up when it shrinks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use crate::time::SimTime;

/// An instance of an Auto Scaling group, as scale-in looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its availability zone.
    pub zone: &'a str,
    /// When it was launched.
    pub launched: SimTime,
    /// Whether it may be chosen: not protected, and not on its way out already.
    pub eligible: bool,
}

/// What a zone has: all its instances, and the eligible ones with the oldest in front.
#[derive(Default)]
struct Zone {
    instances: usize,
    eligible: VecDeque<(SimTime, usize)>,
}

/// The positions in `members` of the instances to give up, first to last: at most `count`, fewer
/// when fewer are eligible.
///
/// Each time the oldest eligible instance of the zone that has most instances, protected ones
/// included, counted anew after each; of zones equally full the one with the older instance, then
/// the one first in the list [U-36]. Instances that are leaving already are best left out of
/// `members`, for they no longer count towards their zone.
/// Source: EC2 Auto Scaling, default termination policy.
pub fn victims(members: &[Member], count: usize) -> Vec<usize> {
    let mut zones: BTreeMap<&str, Zone> = BTreeMap::new();
    for (position, member) in members.iter().enumerate() {
        let zone = zones.entry(member.zone).or_default();
        zone.instances += 1;
        if member.eligible {
            zone.eligible.push_back((member.launched, position));
        }
    }
    for zone in zones.values_mut() {
        zone.eligible.make_contiguous().sort_unstable();
    }
    let mut chosen = Vec::new();
    while chosen.len() < count {
        let fullest = zones
            .values_mut()
            .filter(|zone| !zone.eligible.is_empty())
            .min_by_key(|zone| (Reverse(zone.instances), zone.eligible.front().copied()));
        let Some(zone) = fullest else { break };
        zone.instances -= 1;
        chosen.extend(zone.eligible.pop_front().map(|(_, position)| position));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members as (zone, second of launch, eligible).
    fn check(members: &[(&str, u64, bool)], count: usize, expected: &[usize]) {
        let member = |&(zone, secs, eligible)| Member {
            zone,
            launched: SimTime::from_micros(secs * 1_000_000),
            eligible,
        };
        let list: Vec<Member> = members.iter().map(member).collect();
        assert_eq!(victims(&list, count), expected, "{members:?}");
    }

    #[test]
    fn fullest_zone_then_oldest_counted_anew() {
        // b has three, so its oldest goes; then two each, and a has the oldest of all.
        let members = [
            ("a", 1, true),
            ("b", 9, true),
            ("a", 4, true),
            ("b", 2, true),
            ("b", 3, true),
        ];
        check(&members, 5, &[3, 0, 4, 2, 1]);
        check(&members, 2, &[3, 0]);
        check(&members, 0, &[]);
        check(&members, 9, &[3, 0, 4, 2, 1]);
    }

    #[test]
    fn of_equals_the_first_in_the_list() {
        check(&[("b", 5, true), ("a", 5, true)], 1, &[0]);
        check(&[("a", 5, true), ("a", 5, true)], 2, &[0, 1]);
    }

    #[test]
    fn protected_instances_fill_their_zone_but_stay() {
        check(
            &[("a", 1, true), ("b", 2, false), ("b", 3, true)],
            3,
            &[2, 0],
        );
        check(
            &[
                ("a", 1, true),
                ("b", 2, false),
                ("b", 3, false),
                ("a", 4, true),
            ],
            1,
            &[0],
        );
    }

    #[test]
    fn ecs_g102_nothing_eligible_nothing_terminated() {
        check(&[("a", 1, false), ("b", 2, false)], 2, &[]);
        check(&[], 2, &[]);
    }
}
