use super::*;

fn at(secs: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(secs)
}

fn vcpus(count: u32) -> u32 {
    count * 1024
}

fn entry(identifier: &str, weight: u32) -> ShareAttributes {
    let identifier = identifier.to_string();
    ShareAttributes { identifier, weight }
}

fn policy(decay: u64, reservation: u32, weights: &[(&str, u32)]) -> FairSharePolicy {
    let entries = weights.iter().map(|(name, weight)| entry(name, *weight));
    FairSharePolicy::new(
        SimDuration::from_secs(decay),
        reservation,
        entries.collect(),
    )
    .expect("a valid policy")
}

fn queue(decay: u64, reservation: u32, weights: &[(&str, u32)]) -> FairShare {
    let policy = policy(decay, reservation, weights);
    FairShare::new(policy, UsageMode::Window, SimDuration::ZERO)
}

/// A share with one live job.
fn joined(queue: &mut FairShare, identifier: &str) -> ShareIndex {
    let share = queue.share(identifier);
    queue.job_joined(share);
    share
}

/// Runs one-vCPU attempts given as (share, start, end), in order of time.
fn run(queue: &mut FairShare, attempts: &[(ShareIndex, u64, u64)]) {
    let mut marks: Vec<(u64, bool, ShareIndex)> = Vec::new();
    for (share, start, end) in attempts {
        marks.extend([(*start, false, *share), (*end, true, *share)]);
    }
    marks.sort();
    for (secs, ends, share) in marks {
        match ends {
            false => queue.attempt_started(share, at(secs), vcpus(1)),
            true => queue.attempt_ended(share, at(secs), vcpus(1)),
        }
    }
}

/// Dispatches at time 0 while `max` vCPUs and the cap allow, from shares that have waiting jobs
/// without end; the n-th share has jobs of the n-th size and was there before the next.
fn burst(queue: &mut FairShare, shares: &[(ShareIndex, u32)], max: u32) -> Vec<usize> {
    let max = u64::from(vcpus(max));
    let cap = queue.cap(at(0), Some(max));
    let mut order = Vec::new();
    loop {
        let candidates = shares
            .iter()
            .zip(0..)
            .map(|((share, _), seq)| (*share, seq));
        let next = queue.least_used(at(0), candidates).expect("a candidate");
        let position = shares.iter().position(|(share, _)| *share == next);
        let position = position.expect("one of the candidates");
        let cpu = vcpus(shares[position].1);
        let used = queue.cpu_in_flight() + u64::from(cpu);
        if used > max || !cap.allows(used) {
            return order;
        }
        queue.attempt_started(next, at(0), cpu);
        order.push(position);
    }
}

/// The cap in CPU units for 0, 1, 2, ... active shares.
fn caps(reservation: u32, max: u64, shares: u32) -> Vec<Option<u64>> {
    let mut queue = queue(0, reservation, &[]);
    let mut caps = vec![queue.cap(at(0), Some(max)).most()];
    for number in 0..shares {
        joined(&mut queue, &format!("S{number}"));
        caps.push(queue.cap(at(0), Some(max)).most());
    }
    caps
}

#[test]
fn reservations_of_the_documentation() {
    let usable = |reservation, shares| -> Vec<u64> {
        let all = caps(reservation, 256 * 1024, shares).into_iter();
        all.skip(1).map(|cap| cap.expect("a cap") / 1024).collect()
    };
    assert_eq!(usable(50, 4), [128, 192, 224, 240]);
    assert_eq!(usable(25, 3), [192, 240, 252]);
    // Of 1 000 000: 100 %, 75 %, 56.25 % and 42.1875 % are reserved.
    let expected = [0, 250_000, 437_500, 578_125].map(Some);
    assert_eq!(caps(75, 1_000_000, 3), expected);
}

#[test]
fn the_cap_is_compared_without_rounding() {
    // 99 % of 150 is 148.5: 1.5 units may be used, so 1 may and 2 may not.
    let mut queue = queue(0, 99, &[]);
    joined(&mut queue, "A");
    let cap = queue.cap(at(0), Some(150));
    assert_eq!([0, 1, 2].map(|used| cap.allows(used)), [true, true, false]);
    // However small the reservation becomes, it is more than nothing.
    for (reservation, max) in [(1, 1000), (50, u64::MAX), (99, 1)] {
        let cap = caps(reservation, max, 500)[500];
        assert_eq!(cap, Some(max - 1), "{reservation}");
    }
    // 0.99^500 = 0.006 570 483 ...: of 10^9 units 6 570 483.04 are reserved.
    assert_eq!(caps(99, 1_000_000_000, 500)[500], Some(993_429_516));
}

#[test]
fn no_cap_without_reservation_or_without_a_known_maximum() {
    let mut free = queue(0, 0, &[]);
    assert_eq!(free.cap(at(0), Some(4)), Cap(None));
    assert!(free.cap(at(0), Some(4)).allows(u64::MAX));
    // G134: an unmanaged environment without unmanagedvCpus; with a maximum of 4 the cap is 2.
    let mut half = queue(0, 50, &[]);
    joined(&mut half, "A");
    assert!(half.cap(at(0), None).allows(4));
    assert!(!half.cap(at(0), Some(4)).allows(4));
    assert!(half.cap(at(0), Some(4)).allows(2));
}

#[test]
fn g85_reservation_grows_with_active_shares() {
    let mut queue = queue(0, 50, &[]);
    let mut shares = Vec::new();
    for (identifier, total) in [("A", 128), ("B", 192), ("C", 224)] {
        shares.push((joined(&mut queue, identifier), 1));
        burst(&mut queue, &shares, 256);
        assert_eq!(queue.cpu_in_flight(), total * 1024, "with {identifier}");
    }
}

#[test]
fn burst_of_an_eighth_of_the_weight() {
    let mut queue = queue(600, 0, &[("B", 1250)]);
    let shares = ["A", "B"].map(|name| (joined(&mut queue, name), 1));
    assert_eq!(burst(&mut queue, &shares, 9), [0, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(queue.share_cpu_in_flight(shares[1].0), 8 * 1024);
}

#[test]
fn g89_burst_of_small_and_large_jobs() {
    let mut queue = queue(600, 0, &[]);
    let shares = [("A", 32), ("B", 64)].map(|(name, cpu)| (joined(&mut queue, name), cpu));
    assert_eq!(burst(&mut queue, &shares, 128), [0, 1, 0]);
}

#[test]
fn burst_of_three_weights() {
    for mode in [UsageMode::Window, UsageMode::Current] {
        let weights = policy(600, 0, &[("A", 10_000), ("B", 5000), ("C", 20_000)]);
        let mut queue = FairShare::new(weights, mode, SimDuration::ZERO);
        let shares = ["A", "B", "C"].map(|name| (joined(&mut queue, name), 1));
        assert_eq!(burst(&mut queue, &shares, 14).len(), 14);
        let running = shares.map(|(share, _)| queue.share_cpu_in_flight(share) / 1024);
        assert_eq!(running, [4, 8, 2], "{mode:?}");
    }
}

#[test]
fn usage_of_four_vcpus_decays() {
    // Four vCPUs from 0 to 300, window 600: at 300, at 600, at 750 and at 900.
    let mut queue = queue(600, 0, &[]);
    let share = joined(&mut queue, "A");
    queue.attempt_started(share, at(0), vcpus(4));
    queue.attempt_ended(share, at(300), vcpus(4));
    for (secs, usage) in [(300, 900), (600, 300), (750, 75), (900, 0), (901, 0)] {
        let doubled = usage * 4096 / 4 * 2 * 600 * 1_000_000_u128.pow(2);
        assert_eq!(queue.unweighted(share, at(secs), 0), doubled, "at {secs}");
        assert_eq!(queue.usage(share, at(secs)), usage as f64, "at {secs}");
    }
}

/// Usage of 100 and 10 vCPU-seconds, or 40 and 10, at 600: one vCPU whose ages have the middle
/// 300 counts half its time.
fn used_at_600(queue: &mut FairShare, half_span_of_a: u64) -> [ShareIndex; 2] {
    let [a, b] = ["A", "B"].map(|name| joined(queue, name));
    let around = |half| (300 - half, 300 + half);
    let (a_span, b_span) = (around(half_span_of_a), around(10));
    run(queue, &[(a, a_span.0, a_span.1), (b, b_span.0, b_span.1)]);
    [a, b]
}

#[test]
fn g86_the_lower_usage_goes_next() {
    let mut queue = queue(600, 0, &[]);
    let [a, b] = used_at_600(&mut queue, 100);
    assert_eq!(
        [a, b].map(|share| queue.usage(share, at(600))),
        [100.0, 10.0]
    );
    assert_eq!(queue.least_used(at(600), [(a, 1), (b, 2)]), Some(b));
    assert_eq!(queue.least_used(at(600), [(a, 1)]), Some(a));
    assert_eq!(queue.least_used(at(600), []), None);
}

#[test]
fn g87_usage_is_times_weight() {
    let mut queue = queue(600, 0, &[("A", 1250)]);
    let [a, b] = used_at_600(&mut queue, 40);
    assert_eq!([a, b].map(|share| queue.usage(share, at(600))), [5.0, 10.0]);
    assert_eq!(queue.least_used(at(600), [(a, 2), (b, 1)]), Some(a));
}

#[test]
fn equal_usage_goes_by_submission() {
    let mut queue = queue(600, 0, &[]);
    let [a, b] = ["A", "B"].map(|name| joined(&mut queue, name));
    assert_eq!(queue.least_used(at(0), [(a, 8), (b, 7)]), Some(b));
    assert_eq!(queue.least_used(at(0), [(b, 7), (a, 6)]), Some(a));
}

#[test]
fn current_usage_forgets_what_ended() {
    let mut queue = FairShare::new(policy(600, 0, &[]), UsageMode::Current, SimDuration::ZERO);
    let [a, b] = ["A", "B"].map(|name| joined(&mut queue, name));
    run(&mut queue, &[(a, 0, 100)]);
    assert_eq!(queue.least_used(at(100), [(a, 1), (b, 2)]), Some(a));
    queue.attempt_started(a, at(100), vcpus(3));
    assert_eq!(queue.least_used(at(100), [(a, 1), (b, 2)]), Some(b));
    assert_eq!(queue.usage(a, at(100)), 3.0);
}

#[test]
fn g94_identifiers_under_a_prefix_divide_its_weight() {
    let mut queue = queue(600, 0, &[("U*", 10_000), ("V", 5000)]);
    let first = joined(&mut queue, "U1");
    assert_eq!(queue.effective_weight(first), 10_000);
    let second = joined(&mut queue, "U2");
    assert_eq!(
        [first, second].map(|share| queue.effective_weight(share)),
        [20_000; 2]
    );
    for identifier in ["U3", "U4", "U5", "V", "W", "xU"] {
        joined(&mut queue, identifier);
    }
    assert_eq!(queue.effective_weight(first), 50_000);
    let single = queue.share("V");
    let other = queue.share("W");
    assert_eq!(
        [single, other].map(|share| queue.effective_weight(share)),
        [5000, 10_000]
    );
    queue.job_left(first, at(0));
    assert_eq!(queue.active(at(0)), 7);
    assert_eq!(queue.effective_weight(second), 40_000);
}

/// Active shares when the only attempt of the only job ended so long ago.
fn active_after(decay: u64, lag: u64, secs: u64) -> u32 {
    let lag = SimDuration::from_secs(lag);
    let mut queue = FairShare::new(policy(decay, 0, &[]), UsageMode::Window, lag);
    let share = joined(&mut queue, "B");
    run(&mut queue, &[(share, 0, 1000)]);
    queue.job_left(share, at(1000));
    queue.active(at(1000 + secs))
}

#[test]
fn g96_a_share_is_active_for_a_window_after_its_last_attempt() {
    assert_eq!([500, 700].map(|secs| active_after(600, 0, secs)), [1, 0]);
    assert_eq!([659, 660].map(|secs| active_after(600, 60, secs)), [1, 0]);
}

#[test]
fn g136_no_decay_is_ten_minutes() {
    assert_eq!([599, 600].map(|secs| active_after(0, 0, secs)), [1, 0]);
    assert_eq!([0, 1].map(|secs| active_after(1, 0, secs)), [1, 0]);
}

#[test]
fn a_live_job_keeps_a_share_active() {
    let mut queue = queue(600, 0, &[]);
    let share = joined(&mut queue, "A");
    queue.job_joined(share);
    run(&mut queue, &[(share, 0, 10)]);
    queue.job_left(share, at(10));
    assert_eq!(queue.active(at(5000)), 1);
    // The other one never runs, so with it the share becomes inactive.
    queue.job_left(share, at(5000));
    assert_eq!(queue.active(at(5000)), 0);
    // A job that comes while the share lingers makes it stay.
    queue.job_joined(share);
    queue.attempt_started(share, at(6000), 1);
    queue.attempt_ended(share, at(6001), 1);
    queue.job_left(share, at(6001));
    queue.job_joined(share);
    assert_eq!(queue.active(at(9000)), 1);
}

#[test]
fn g92_at_most_500_shares_are_active() {
    let mut queue = queue(600, 0, &[]);
    for number in 0..500 {
        let identifier = format!("S{number}");
        assert!(!queue.would_exceed(&identifier, at(0)), "{identifier}");
        joined(&mut queue, &identifier);
    }
    assert!(queue.would_exceed("S500", at(0)));
    assert!(!queue.would_exceed("S499", at(0)));
    let first = queue.share("S0");
    queue.job_left(first, at(0));
    assert!(!queue.would_exceed("S500", at(0)));
    joined(&mut queue, "S500");
    assert!(queue.would_exceed("S0", at(0)));
}

/// Numbers without order, the same ones each time: a linear congruential generator.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0) * u128::from(bound)) >> 64) as u64
    }
}

/// The closed form of one attempt at `now`, times 2W, in CPU units and microseconds.
fn direct(window: i128, now: u64, start: u64, end: Option<u64>, cpu: u32) -> i128 {
    let age = |moment: u64| i128::from(now - moment).min(window);
    let (young, old) = (age(end.unwrap_or(now)), age(start));
    i128::from(cpu) * (2 * window * (old - young) - (old * old - young * young))
}

#[test]
fn usage_is_the_sum_over_all_attempts() {
    // Windows from microseconds to a week, 2^39 of them.
    for seed in 0..20 {
        let mut numbers = Numbers(seed);
        let window = SimDuration::from_micros(1 + numbers.below(1 << (2 + 2 * seed)));
        let mut usage = DecayedUsage::new(window);
        let mut attempts: Vec<(u64, Option<u64>, u32)> = Vec::new();
        let (mut now, mut seen) = (0, 0);
        for _ in 0..600 {
            now += numbers.below(3) * numbers.below(window.micros() / 4 + 2);
            let moment = SimTime::from_micros(now);
            let running = attempts.iter().position(|attempt| attempt.1.is_none());
            match (numbers.below(5), running) {
                (0 | 1, _) => {
                    let cpu = 1 + numbers.below(1 << 31) as u32;
                    usage.start(moment, cpu);
                    attempts.push((now, None, cpu));
                }
                (2 | 3, Some(position)) => {
                    usage.end(moment, attempts[position].2);
                    attempts[position].1 = Some(now);
                }
                _ => {}
            }
            if numbers.below(2) == 0 {
                let wide = i128::from(window.micros());
                let each = attempts.iter();
                let sum: i128 = each
                    .map(|(start, end, cpu)| direct(wide, now, *start, *end, *cpu))
                    .sum();
                assert_eq!(usage.doubled(moment) as i128, sum, "seed {seed} at {now}");
                seen += u32::from(sum > 0);
            }
        }
        assert!(seen > 100, "seed {seed} saw usage {seen} times only");
    }
}

#[test]
fn marks_are_kept_for_a_window_only() {
    let mut queue = queue(600, 0, &[]);
    let share = joined(&mut queue, "A");
    for start in 0..10_000 {
        run(&mut queue, &[(share, start, start + 1)]);
    }
    // An end and the next start are at one moment, so a mark a second.
    assert!(queue.shares[0].usage.marks.len() <= 601);
}

#[test]
fn the_largest_usage_is_compared_exactly() {
    // The window of a week, 2^31 vCPUs in flight all along and 500 identifiers of the largest weight
    // need more than 128 bits; one unit less is less.
    let mut queue = queue(604_800, 0, &[("U*", 9_999_999)]);
    let shares: Vec<ShareIndex> = (0..500)
        .map(|number| joined(&mut queue, &format!("U{number}")))
        .collect();
    for (share, less) in [(shares[0], 0), (shares[1], 1)] {
        for _ in 0..512 {
            queue.attempt_started(share, at(0), u32::MAX);
        }
        queue.attempt_started(share, at(0), 512 - less);
    }
    let now = at(2_000_000);
    let candidates = [(shares[0], 1), (shares[1], 2)];
    assert_eq!(queue.least_used(now, candidates), Some(shares[1]));
    let usage = queue.unweighted(shares[0], now, 0);
    assert_eq!(usage.checked_mul(500 * 9_999_999), None);
}

#[test]
fn products_of_192_bits() {
    assert_eq!(product(3, 5), (0, 15));
    assert_eq!(product(1 << 64, 5), (5, 0));
    // (2^128 - 1) * (2^64 - 1) = 2^192 - 2^128 - 2^64 + 1
    let upper = u128::MAX - (1 << 64);
    assert_eq!(product(u128::MAX, u64::MAX), (upper, 1));
}

#[test]
fn order_of_dispatch() {
    let first = DispatchKey::new;
    // G119: P with priority, then R that is retried, then S; then later children and submissions.
    let order = [
        first(2, 0).with_priority(5),
        first(0, 0).retried(),
        first(3, 0).retried(),
        first(1, 0),
        first(4, 0),
        first(4, 1),
        first(5, 0),
    ];
    assert!(order.is_sorted_by(|a, b| a < b));
    assert_eq!(first(7, 2).with_priority(1).retried().submit_seq(), 7);
    // A retry does not pass a higher priority of its share.
    assert!(first(0, 0).retried().with_priority(1) > first(9, 9).with_priority(2));
}

#[test]
fn policies_out_of_range() {
    let refused = |decay: SimDuration, reservation, entries: Vec<ShareAttributes>| {
        FairSharePolicy::new(decay, reservation, entries).expect_err("a policy out of range")
    };
    let week = SimDuration::from_secs(604_800);
    let all = vec![entry("A", 1), entry("B", 9_999_999)];
    assert!(FairSharePolicy::new(week, 99, all).is_ok());
    assert_eq!(
        refused(week + SimDuration::from_secs(1), 0, vec![]),
        "shareDecaySeconds 604801; it may be 0 to 604800, whole"
    );
    assert_eq!(
        refused(SimDuration::from_micros(500_000), 0, vec![]),
        "shareDecaySeconds 0.5; it may be 0 to 604800, whole"
    );
    assert_eq!(
        refused(week, 100, vec![]),
        "computeReservation 100; it may be 0 to 99"
    );
    assert_eq!(
        refused(week, 0, vec![entry("A", 0)]),
        "weightFactor 0.0000 of \"A\"; it may be 0.0001 to 999.9999"
    );
    assert_eq!(
        refused(week, 0, vec![entry("A", 10_000_000)]),
        "weightFactor 1000.0000 of \"A\"; it may be 0.0001 to 999.9999"
    );
    assert_eq!(
        refused(week, 0, vec![entry("A-1", 1)]),
        "share identifier \"A-1\"; it may be 1 to 255 letters and digits, then perhaps *"
    );
}

#[test]
fn entries_that_overlap() {
    let check = |one: &str, other: &str, overlap: bool| {
        for (one, other) in [(one, other), (other, one)] {
            let entries = vec![entry(one, 1), entry("Z", 1), entry(other, 1)];
            let result = FairSharePolicy::new(SimDuration::ZERO, 0, entries);
            let text =
                format!("shareDistribution has \"{one}\" and \"{other}\"; entries may not overlap");
            assert_eq!(result.err(), overlap.then_some(text));
        }
    };
    check("UserA*", "UserA1", true);
    check("UserA*", "UserA", true);
    check("UserA*", "UserA1*", true);
    check("UserA", "UserA", true);
    check("UserA*", "UserB*", false);
    check("UserA", "UserA1", false);
    check("UserA", "UserA1*", false);
}

#[test]
fn identifiers() {
    let check = |identifier: &str, legal: bool| {
        assert_eq!(check_identifier(identifier).is_ok(), legal, "{identifier}");
    };
    check("A1", true);
    check("A1*", true);
    check(&"a".repeat(255), true);
    check(&format!("{}*", "a".repeat(255)), true);
    check(&"a".repeat(256), false);
    check("", false);
    check("A*1", false);
    check("A**", false);
    check("A_1", false);
}
