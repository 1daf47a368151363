use proptest::prelude::*;

use super::*;

const VCPU: Resources = Resources {
    cpu: 1024,
    memory: 0,
    gpus: 0,
    enis: 0,
};

fn vcpus(count: u32) -> Resources {
    Resources {
        cpu: count * VCPU.cpu,
        ..VCPU
    }
}

fn at(secs: u64) -> SimTime {
    SimTime::from_micros(secs * 1_000_000)
}

/// A host of so many vCPUs with a job of one vCPU until each of these seconds.
fn host(capacity: u32, ends: &[u64]) -> Host<'static> {
    Host {
        takes_jobs: true,
        instance_type: "",
        capacity: vcpus(capacity),
        free: vcpus(capacity - ends.len() as u32),
        ends: ends.iter().map(|secs| (at(*secs), VCPU)).collect(),
    }
}

/// A job on a host.
fn one(need: u32, secs: u64) -> Wish<'static> {
    Wish {
        need: vcpus(need),
        nodes: None,
        limit: SimDuration::from_secs(secs),
    }
}

/// A job that has so many hosts for itself.
fn gang(count: usize, secs: u64) -> Wish<'static> {
    Wish {
        nodes: Some((count, None)),
        ..one(1, secs)
    }
}

fn profile(hosts: Vec<Host<'static>>) -> Profile<'static> {
    Profile::new(SimTime::ZERO, hosts)
}

/// Four hosts of one slot, the first free, the others until 10 s: three hosts are there at 10 s, and
/// they are the first three. Of four one would be over, but the free one is among those promised.
#[test]
fn a_promise_names_its_hosts() {
    let profile = profile(vec![
        host(1, &[]),
        host(1, &[10]),
        host(1, &[10]),
        host(1, &[10]),
    ]);
    let promise = profile.earliest(&gang(3, 60)).expect("it can run");
    assert_eq!(
        (promise.start, &promise.hosts[..]),
        (at(10), &[0, 1, 2][..])
    );
    let check = |secs, expected: Option<Vec<usize>>| {
        assert_eq!(
            profile.now(&gang(1, secs), Some(&promise)),
            expected,
            "{secs}"
        );
        assert_eq!(
            profile.now(&one(1, secs), Some(&promise)),
            expected,
            "{secs}"
        );
    };
    check(10, Some(vec![0]));
    check(11, None);
    assert_eq!(profile.now(&one(1, 11), None), Some(vec![0]));
}

/// The last host is free and not promised: who runs there is in nobody's way.
#[test]
fn hosts_that_are_not_promised_are_free_for_all() {
    let profile = profile(vec![
        host(1, &[10]),
        host(1, &[10]),
        host(1, &[5]),
        host(1, &[]),
    ]);
    let promise = profile.earliest(&gang(3, 60)).expect("it can run");
    assert_eq!(
        (promise.start, &promise.hosts[..]),
        (at(10), &[0, 1, 2][..])
    );
    assert_eq!(profile.now(&gang(1, 1000), Some(&promise)), Some(vec![3]));
}

/// A host of four vCPUs, two of them free until 20 s and one more from 10 s on: a job of three is
/// promised the host from 10 s on; then one vCPU is over until 20 s, when there are two.
#[test]
fn jobs_share_a_host_with_a_promise() {
    let mut profile = profile(vec![host(4, &[10, 20])]);
    let promise = profile.earliest(&one(3, 60)).expect("it can run");
    assert_eq!(promise.start, at(10));
    let hosts = |profile: &Profile<'_>, need, secs| profile.now(&one(need, secs), Some(&promise));
    assert_eq!(hosts(&profile, 2, 10), Some(vec![0]));
    assert_eq!(hosts(&profile, 1, 11), None);
    assert_eq!(hosts(&profile, 3, 1), None);
    profile.take(&[0], &one(2, 10));
    assert!(profile.is_full());
    assert_eq!(profile.earliest(&one(3, 60)), Some(promise));
}

/// Nodes run on one type: three hosts of two kinds are no two of the larger one.
#[test]
fn nodes_are_alike() {
    let named = |capacity, instance_type| Host {
        instance_type,
        ..host(capacity, &[])
    };
    let profile = profile(vec![
        named(4, "large"),
        named(2, "small"),
        named(2, "small"),
        Host {
            takes_jobs: false,
            ..named(4, "large")
        },
    ]);
    assert_eq!(profile.now(&gang(2, 60), None), Some(vec![1, 2]));
    assert_eq!(profile.now(&gang(3, 60), None), None);
    assert_eq!(profile.earliest(&gang(3, 60)), None);
    let large = Wish {
        nodes: Some((1, Some("large"))),
        ..gang(1, 60)
    };
    assert_eq!(profile.now(&large, None), Some(vec![0]));
    let wide = Wish {
        need: vcpus(3),
        ..gang(1, 60)
    };
    assert_eq!(profile.now(&wide, None), Some(vec![0]));
}

fn hosts() -> impl Strategy<Value = Vec<Host<'static>>> {
    let one = (1..4u32).prop_flat_map(|capacity| {
        let ends = prop::collection::vec(1..9u64, 0..=capacity as usize);
        ends.prop_map(move |mut ends| {
            ends.sort_unstable();
            host(capacity, &ends)
        })
    });
    prop::collection::vec(one, 1..6)
}

fn wish() -> impl Strategy<Value = Wish<'static>> {
    let one = (1..4u32, 1..9u64).prop_map(|(need, secs)| one(need, secs));
    let gang = (1..4usize, 1..9u64).prop_map(|(count, secs)| gang(count, secs));
    prop_oneof![one, gang]
}

/// Whether a job has its hosts at a moment, by looking at everything.
fn can_start(hosts: &[Host<'_>], wish: &Wish<'_>, moment: u64) -> bool {
    let is_free = |host: &&Host<'_>| host.free_at(at(moment)).fits(&host.wanted(wish));
    let free: Vec<&Host<'_>> = hosts.iter().filter(is_free).collect();
    let (count, _) = wish.nodes.unwrap_or((1, None));
    let alike = |host: &&Host<'_>| {
        let same = free.iter().filter(|other| other.capacity == host.capacity);
        wish.nodes.is_none() || same.count() >= count
    };
    !free.is_empty() && free.iter().any(alike)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn promises_are_the_earliest(hosts in hosts(), wish in wish()) {
        let expected = (0..10).find(|moment| can_start(&hosts, &wish, *moment));
        let promise = profile(hosts).earliest(&wish);
        prop_assert_eq!(promise.map(|promise| promise.start), expected.map(at));
    }

    /// Whoever starts behind the first job, that one has its promised hosts when it was promised.
    #[test]
    fn promises_are_kept(hosts in hosts(), first in wish(), behind in prop::collection::vec(wish(), 1..6)) {
        let mut profile = profile(hosts);
        let Some(promise) = profile.earliest(&first) else { return Ok(()) };
        for wish in &behind {
            if let Some(numbers) = profile.now(wish, Some(&promise)) {
                profile.take(&numbers, wish);
            }
        }
        for number in &promise.hosts {
            let host = &profile.hosts[*number];
            prop_assert!(host.free_at(promise.start).fits(&host.wanted(&first)));
        }
        prop_assert!(profile.earliest(&first).is_some_and(|now| now.start <= promise.start));
    }
}
