use super::*;
use crate::model::resources::Protocol;
use proptest::prelude::*;

const SMALL: Resources = Resources {
    cpu: 2048,
    memory: 4096,
    gpus: 1,
    enis: 2,
};
const LARGE: Resources = Resources {
    cpu: 8192,
    memory: 8192,
    gpus: 4,
    enis: 3,
};

fn bounds(types: &[Resources]) -> Bounds {
    let reserved = [tcp(22)];
    let types: Vec<_> = types.iter().map(|it| (*it, 0)).collect();
    Bounds::of(&types, &reserved).expect("a type")
}

const fn tcp(port: u16) -> HostPort {
    HostPort {
        protocol: Protocol::Tcp,
        port,
    }
}

/// `count` waiting tasks that take (CPU units, MiB, GPUs, ENIs).
fn waiting(count: u32, (cpu, memory, gpus, enis): (u32, u32, u32, u32)) -> WaitingGroup {
    let resources = Resources {
        cpu,
        memory,
        gpus,
        enis,
    };
    let demand = Demand {
        resources,
        ..Demand::default()
    };
    WaitingGroup {
        demand,
        count,
        distinct_instance: false,
    }
}

fn group(desired: u32, minimum: u32, maximum: u32) -> AutoScalingGroup {
    AutoScalingGroup {
        desired,
        minimum,
        maximum,
        youngest_age: None,
    }
}

const fn target(target_capacity: u32) -> ManagedScaling {
    ManagedScaling {
        target_capacity,
        ..steps(1, 10_000)
    }
}

const fn steps(minimum_step: u32, maximum_step: u32) -> ManagedScaling {
    ManagedScaling {
        target_capacity: 100,
        minimum_step,
        maximum_step,
        warm_up: SimDuration::ZERO,
    }
}

#[test]
fn bounds_take_each_resource_for_itself() {
    let wide = Resources {
        cpu: 1024,
        memory: 16_384,
        gpus: 0,
        enis: 9,
    };
    let bounds = bounds(&[SMALL, wide, LARGE]);
    let ends = |resources: Resources| {
        let Resources {
            cpu,
            memory,
            gpus,
            enis,
        } = resources;
        (cpu, memory, gpus, enis)
    };
    assert_eq!(ends(bounds.smallest), (1024, 4096, 0, 2));
    assert_eq!(ends(bounds.largest), (8192, 16_384, 4, 9));
    assert_eq!(Bounds::of(&[], &[]), None);
}

#[test]
fn need_is_the_greatest_of_the_compatible_groups() {
    let check = |groups: &[WaitingGroup], expected| {
        assert_eq!(
            need(groups, &bounds(&[SMALL, LARGE])),
            expected,
            "{groups:?}"
        );
    };
    let some = Need::Instances;
    check(&[], Need::NothingWaits);
    check(&[waiting(0, (1, 1, 0, 0))], Need::NothingWaits);
    // The largest holds 8 by CPU, 4 by memory.
    check(&[waiting(8, (1024, 2048, 0, 0))], some(2));
    check(&[waiting(9, (1024, 2048, 0, 0))], some(3));
    check(&[waiting(7, (1, 1, 0, 1))], some(3)); // 3 by network interfaces
    check(&[waiting(7, (1, 1, 1, 0))], some(2)); // 4 by GPUs
    check(&[waiting(u32::MAX, (0, 0, 0, 0))], some(1)); // nothing taken
    check(&[waiting(u32::MAX, (2048, 1, 0, 0))], some(1 << 30));
    // Groups share instances: the greatest counts, not the sum; the incompatible one is left out.
    let alone = waiting(100, (2049, 1, 0, 0));
    let (two, three) = (
        waiting(8, (1024, 2048, 0, 0)),
        waiting(9, (1024, 2048, 0, 0)),
    );
    check(&[alone.clone(), two.clone(), three.clone()], some(3));
    check(&[three, two, alone.clone()], some(3));
    check(&[alone], Need::Incompatible);
    // One task an instance.
    let mut distinct = waiting(5, (1, 1, 0, 0));
    distinct.distinct_instance = true;
    check(&[distinct], some(5));
    let mut all_gpus = waiting(5, (1, 1, 1, 0));
    all_gpus.demand.all_gpus = true;
    check(&[all_gpus], some(5));
    let mut port = waiting(5, (0, 0, 0, 0));
    port.demand.ports = vec![tcp(80)];
    check(&[port], some(5));
}

#[test]
fn each_resource_of_the_smallest_type_can_keep_a_group_out() {
    let check = |group: WaitingGroup, expected| {
        let found = need(std::slice::from_ref(&group), &bounds(&[SMALL, LARGE]));
        assert_eq!(found, expected, "{group:?}");
    };
    check(waiting(1, (2048, 4096, 1, 2)), Need::Instances(1));
    check(waiting(1, (2049, 1, 0, 0)), Need::Incompatible);
    check(waiting(1, (1, 4097, 0, 0)), Need::Incompatible);
    check(waiting(1, (1, 1, 2, 0)), Need::Incompatible);
    check(waiting(1, (1, 1, 0, 3)), Need::Incompatible);
    let with_ports = |ports: Vec<HostPort>| {
        let mut group = waiting(1, (1, 1, 0, 0));
        group.demand.ports = ports;
        group
    };
    check(with_ports(vec![tcp(80), tcp(22)]), Need::Incompatible); // 22 is reserved
    let other = HostPort {
        protocol: Protocol::Udp,
        port: 22,
    };
    check(with_ports(vec![other]), Need::Instances(1));
    check(
        with_ports((100..199).map(tcp).collect()),
        Need::Instances(1),
    ); // 100 with the one reserved
    check(
        with_ports((100..200).map(tcp).collect()),
        Need::Incompatible,
    );
}

/// Desired capacity after each minute that changes it, when the group follows at once and tasks
/// fill what they need; half an hour in all.
fn course(first: Reading, settings: &ManagedScaling) -> Vec<u32> {
    let mut scaler = Scaler::default();
    let (mut reading, mut desired) = (first, first.running);
    let mut course = Vec::new();
    for _ in 0..30 {
        let new = scaler.minute(&reading, settings, &group(desired, 0, 10_000));
        if new != desired {
            course.push(new);
        }
        desired = new;
        let empty = desired.saturating_sub(first.needed);
        reading = Reading::new(desired, empty, Need::NothingWaits, settings);
    }
    course
}

#[test]
fn ecs_g96_metric_and_desired_capacity() {
    let check = |running,
                 empty,
                 groups: &[WaitingGroup],
                 settings: &ManagedScaling,
                 expected: (u32, &str, &[u32])| {
        let need = need(groups, &bounds(&[SMALL]));
        let reading = Reading::new(running, empty, need, settings);
        let percent = format!("{:.1}", reading.percent());
        let course = course(reading, settings);
        let found = (reading.needed, percent.as_str(), course.as_slice());
        assert_eq!(found, expected, "{running} running, {empty} empty");
    };
    let ten = [waiting(10, (1024, 2048, 0, 0))];
    let one = [waiting(1, (1024, 2048, 0, 0))];
    check(0, 0, &[], &target(100), (0, "100.0", &[]));
    check(0, 0, &ten, &target(100), (5, "200.0", &[2]));
    check(5, 0, &[], &target(100), (5, "100.0", &[]));
    check(5, 2, &[], &target(100), (3, "60.0", &[3]));
    check(10, 8, &[], &target(100), (2, "20.0", &[5, 3, 2]));
    check(4, 0, &ten, &target(100), (9, "225.0", &[9]));
    check(4, 0, &ten, &steps(1, 3), (7, "175.0", &[7]));
    check(4, 0, &one, &steps(4, 10_000), (8, "200.0", &[8]));
    check(8, 0, &[], &target(80), (8, "100.0", &[10]));
    check(3, 1, &[], &target(50), (2, "66.7", &[4]));
    check(50, 2, &[], &target(100), (48, "96.0", &[48]));
    check(
        334,
        300,
        &[],
        &target(100),
        (34, "10.2", &[167, 84, 42, 34]),
    );
}

#[test]
fn the_metric_meets_the_target_exactly() {
    let check = |running, empty, percent, expected| {
        let settings = target(percent);
        let reading = Reading::new(running, empty, Need::NothingWaits, &settings);
        assert_eq!(reading.against_target(&settings), expected, "{reading:?}");
    };
    check(10, 2, 80, Ordering::Equal);
    check(4, 2, 50, Ordering::Equal);
    check(0, 0, 100, Ordering::Equal);
    // One part in thirty million.
    check(30_000_000, 20_000_001, 33, Ordering::Greater);
    check(100_000_000, 67_000_001, 33, Ordering::Less);
    check(100_000_000, 66_999_999, 33, Ordering::Greater);
}

#[test]
fn ecs_g97_from_none_to_two_whatever_the_target_and_need() {
    let check = |groups: &[WaitingGroup], settings: &ManagedScaling, maximum, expected| {
        let need = need(groups, &bounds(&[SMALL]));
        let reading = Reading::new(0, 0, need, settings);
        let mut scaler = Scaler::default();
        let desired = scaler.minute(&reading, settings, &group(0, 0, maximum));
        assert_eq!((reading.percent(), desired), (200.0, expected));
        // While they boot, the same reading orders nothing more.
        let again = scaler.minute(&reading, settings, &group(desired, 0, maximum));
        assert_eq!(again, expected);
    };
    let one = [waiting(1, (1024, 2048, 0, 0))];
    let many = [waiting(900, (1024, 2048, 0, 0))];
    check(&one, &ManagedScaling::default(), 10, 2);
    check(&many, &ManagedScaling::default(), 1000, 2);
    check(&many, &target(10), 1000, 2);
    check(&one, &steps(7, 9), 1000, 2);
    check(&one, &ManagedScaling::default(), 1, 1);
}

#[test]
fn ecs_g99_what_does_not_fit_the_smallest_type_scales_nothing() {
    let groups = [waiting(3, (4096, 1, 0, 0))];
    let need = need(&groups, &bounds(&[SMALL, LARGE]));
    let check = |running, empty, percent| {
        let settings = target(percent);
        let reading = Reading::new(running, empty, need, &settings);
        assert_eq!(reading.percent(), f64::from(percent));
        let mut scaler = Scaler::default();
        for _ in 0..40 {
            let desired = scaler.minute(&reading, &settings, &group(running, 0, 100));
            assert_eq!(desired, running);
        }
    };
    check(0, 0, 100);
    check(4, 2, 100);
    check(4, 2, 70);
}

/// Feeds one reading a minute, of five instances, given by how many are empty; after each the
/// desired capacity must be as given.
fn check_minutes(minutes: impl IntoIterator<Item = (u32, u32)>) {
    let settings = target(100);
    let mut scaler = Scaler::default();
    for (minute, (empty, expected)) in minutes.into_iter().enumerate() {
        let reading = Reading::new(5, empty, Need::NothingWaits, &settings);
        let desired = scaler.minute(&reading, &settings, &group(5, 0, 10));
        assert_eq!(desired, expected, "minute {}", minute + 1);
    }
}

#[test]
fn ecs_g100_a_datapoint_at_the_target_starts_the_fifteen_again() {
    let below = |count| std::iter::repeat_n((1, 5), count);
    check_minutes(below(14).chain([(1, 4), (1, 4)]));
    check_minutes(below(14).chain([(0, 5)]).chain(below(14)).chain([(1, 4)]));
    // Also once it has begun to shrink.
    let begun = below(14).chain([(1, 4), (0, 5)]);
    check_minutes(begun.chain(below(14)).chain([(1, 4)]));
}

#[test]
fn warm_up_blocks_growth_and_still_starts_the_fifteen_again() {
    let settings = ManagedScaling::default();
    let full = Reading::new(4, 0, Need::Instances(5), &settings);
    let minute = |scaler: &mut Scaler, youngest_age| {
        let group = AutoScalingGroup {
            youngest_age,
            ..group(4, 0, 100)
        };
        scaler.minute(&full, &settings, &group)
    };
    let mut scaler = Scaler { below: 14 };
    let age = |secs| Some(SimDuration::from_secs(secs));
    assert_eq!(minute(&mut scaler, age(299)), 4);
    assert_eq!(scaler, Scaler::default());
    assert_eq!(minute(&mut scaler, age(300)), 9);
    assert_eq!(minute(&mut scaler, None), 9);
}

#[test]
fn growth_does_not_order_twice_or_lower() {
    let settings = target(100);
    let reading = Reading::new(4, 0, Need::Instances(5), &settings);
    let check = |desired, maximum, expected| {
        let group = group(desired, 0, maximum);
        let found = Scaler::default().minute(&reading, &settings, &group);
        assert_eq!(found, expected, "{group:?}");
    };
    check(4, 100, 9);
    check(9, 100, 9); // five are booting
    check(12, 100, 12);
    check(4, 7, 7);
    check(9, 7, 7); // MaxSize holds even against the present value
}

#[test]
fn min_size_ends_the_shrinking() {
    let settings = target(100);
    let reading = Reading::new(10, 10, Need::NothingWaits, &settings);
    let check = |desired, minimum, expected| {
        let mut scaler = Scaler { below: 14 };
        let group = group(desired, minimum, 100);
        let found = scaler.minute(&reading, &settings, &group);
        assert_eq!(found, expected, "{group:?}");
    };
    check(10, 8, 8);
    check(10, 0, 5);
    check(1, 0, 0);
    check(0, 0, 0);
    check(0, 3, 3);
}

fn some_need() -> impl Strategy<Value = Need> {
    prop_oneof![
        3 => Just(Need::NothingWaits),
        1 => Just(Need::Incompatible),
        2 => (1..500_u32).prop_map(Need::Instances),
    ]
}

fn some_settings() -> impl Strategy<Value = ManagedScaling> {
    (1..=100_u32, 1..50_u32, 0..500_u32, 0..600_u64).prop_map(|(target, step, more, secs)| {
        ManagedScaling {
            target_capacity: target,
            minimum_step: step,
            maximum_step: step + more,
            warm_up: SimDuration::from_secs(secs),
        }
    })
}

proptest! {
    #[test]
    fn desired_capacity_moves_within_its_limits(
        settings in some_settings(),
        minimum in 0..50_u32,
        room in 0..500_u32,
        minutes in prop::collection::vec((0..300_u32, 0..300_u32, some_need(), 0..900_u64), 1..80),
        quiet in 0..40_usize,
    ) {
        let maximum = minimum + room;
        let (mut scaler, mut desired) = (Scaler::default(), minimum);
        let calm = std::iter::repeat_n((200, 190, Need::NothingWaits, 900), quiet);
        for (running, empty, need, age) in minutes.into_iter().chain(calm) {
            let reading = Reading::new(running, empty.min(running), need, &settings);
            let youngest_age = Some(SimDuration::from_secs(age));
            let group = AutoScalingGroup { youngest_age, ..group(desired, minimum, maximum) };
            let new = scaler.minute(&reading, &settings, &group);
            prop_assert!((minimum..=maximum).contains(&new));
            match reading.against_target(&settings) {
                Ordering::Greater => prop_assert!(new >= desired),
                Ordering::Equal => prop_assert_eq!(new, desired),
                Ordering::Less => {
                    prop_assert!(new <= desired && desired - new <= (desired / 2).max(1));
                }
            }
            if youngest_age < Some(settings.warm_up) {
                prop_assert!(new <= desired);
            }
            desired = new;
        }
    }

    /// Left alone, the group comes to rest where the target says.
    #[test]
    fn a_quiet_group_settles_at_the_target(
        percent in 1..=100_u32, busy in 1..200_u32, spare in 0..2000_u32
    ) {
        let settings = target(percent);
        let (mut scaler, mut desired) = (Scaler::default(), busy + spare);
        for _ in 0..100 {
            let reading = Reading::new(desired, desired - busy, Need::NothingWaits, &settings);
            desired = scaler.minute(&reading, &settings, &group(desired, 0, u32::MAX));
        }
        prop_assert_eq!(desired, (100 * busy).div_ceil(percent));
    }
}
