//! The future event list: events wait here, in order, until the moment they are due.
//!
//! A ladder queue (Tang, Goh and Thng 2005, "Ladder queue: an O(1) priority queue structure for
//! large-scale discrete event simulation"), which may be read as a radix sort that is put off until
//! its results are needed. A *rung* divides a stretch of time into buckets of equal width, and
//! events lie in a bucket unsorted. When the nearest bucket is due it is sorted if it is small, or
//! else spread over the buckets of a further, finer rung. What is sorted is the *front*, popped
//! from its end; events scheduled too early for any rung go into a small heap beside it, *late*.
//!
//! Each event is moved a bounded number of times before it is sorted among few others, so that the
//! cost of an event hardly grows with the number pending. Buckets keep their events in chunks from
//! one pool, so that memory follows the number of events and not the number of buckets.

use crate::time::SimTime;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A bucket of at most so many events is sorted, a greater one is spread over a further rung.
const SORTED_AT_ONCE: usize = 64;
/// How many more events than the front `late` may hold before both are put in order anew.
const LATE_AT_MOST: usize = 64;
/// How many events a rung is given for each of its buckets.
const EVENTS_A_BUCKET: usize = 4;
/// Buckets in a rung, at most: so few that the ends of all of them stay in the processor's cache.
const BUCKETS_AT_MOST: usize = 1024;
/// Rungs, at most; below the last of them buckets of any size are sorted. Eight as in the paper.
const RUNGS_AT_MOST: usize = 8;
/// Events in a chunk.
const CHUNK: usize = 32;

/// The future event list: a queue of events of type `E` by the moment they are due.
///
/// Simultaneous events leave by class, lowest first, and within a class in the order in which they
/// were scheduled. An event that is overtaken is not removed: it carries what shows it is stale.
pub struct Calendar<E: Copy> {
    /// Events before the floor of every rung, the one due first last.
    front: Vec<Entry<E>>,
    /// More events before the floor of every rung, scheduled since `front` was sorted.
    late: BinaryHeap<Entry<E>>,
    /// From the farthest stretch of time to the nearest: each lies below the floor of the one before.
    rungs: Vec<Rung>,
    pool: Pool<E>,
    /// When the last event was popped, in microseconds.
    now: u64,
    /// Events scheduled so far.
    scheduled: u64,
    /// Events popped so far. The difference is pending; a third counter, changed by both, costs more.
    popped: u64,
}

impl<E: Copy> Calendar<E> {
    /// A calendar without events, at the start of the run.
    pub fn new() -> Self {
        Calendar {
            front: Vec::new(),
            late: BinaryHeap::new(),
            rungs: Vec::new(),
            pool: Pool::new(),
            now: 0,
            scheduled: 0,
            popped: 0,
        }
    }

    /// How many events are pending.
    pub fn len(&self) -> usize {
        (self.scheduled - self.popped) as usize
    }

    /// Whether no event is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an event that is due at `at`, among simultaneous ones by its `class`.
    ///
    /// What is scheduled at the very moment of the last event popped is still delivered.
    ///
    /// # Panics
    /// When `at` lies before the last event popped: simulated time never goes back.
    pub fn schedule(&mut self, at: SimTime, class: u8, event: E) {
        let time = at.micros();
        assert!(
            time >= self.now,
            "an event is scheduled at {at} s, in the past: it is already {} s",
            SimTime::from_micros(self.now)
        );
        // 2^56 events would take 2000 years at a million a second, so the classes never mix.
        let order = u64::from(class) << 56 | self.scheduled;
        self.scheduled += 1;
        let entry = Entry { time, order, event };
        match self.rungs.iter_mut().find(|rung| time >= rung.floor) {
            Some(rung) => rung.push(entry, &mut self.pool),
            None => self.push_late(entry),
        }
    }

    /// The moment of the earliest event, or nothing when none is pending.
    pub fn next_time(&mut self) -> Option<SimTime> {
        self.refill();
        self.nearest().map(|entry| SimTime::from_micros(entry.time))
    }

    /// Takes the earliest event, with its moment.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        self.refill();
        let entry = self.take_nearest()?;
        Some((SimTime::from_micros(entry.time), entry.event))
    }

    /// Appends all events of the earliest moment to `into`, in order, and answers which moment it is.
    ///
    /// What is scheduled at the same moment later on makes a further round.
    pub fn drain_instant(&mut self, into: &mut Vec<E>) -> Option<SimTime> {
        let now = self.next_time()?;
        // A rung never holds the moment of an event in front of it: no need to refill on the way.
        while self
            .nearest()
            .is_some_and(|entry| entry.time == now.micros())
        {
            into.extend(self.take_nearest().map(|entry| entry.event));
        }
        Some(now)
    }

    /// The earliest event of `front` and `late`.
    fn nearest(&self) -> Option<&Entry<E>> {
        self.front.last().max(self.late.peek())
    }

    fn take_nearest(&mut self) -> Option<Entry<E>> {
        let entry = if self.late.peek() > self.front.last() {
            self.late.pop()
        } else {
            self.front.pop()
        }?;
        self.now = entry.time;
        self.popped += 1;
        Some(entry)
    }

    /// Brings the next events to the front when there are none left before the rungs.
    fn refill(&mut self) {
        while self.front.is_empty() && self.late.is_empty() {
            let Some(rung) = self.rungs.last_mut() else {
                return;
            };
            let bucket = rung.take_first();
            if rung.is_exhausted() {
                self.rungs.pop();
            }
            self.pool.empty(bucket, &mut self.front);
            self.put_in_order(None);
        }
    }

    /// Adds an event before all rungs. Once `late` outgrows the front, both are put in order
    /// anew: a cost that is shared by the many events which have come late meanwhile.
    fn push_late(&mut self, entry: Entry<E>) {
        self.late.push(entry);
        if self.late.len() > LATE_AT_MOST + self.front.len() {
            self.front.extend(self.late.drain());
            self.put_in_order(Some(self.now));
        }
    }

    /// Sorts the front if it is small, else spreads it over a new rung, which begins at `start` or,
    /// without one, at the earliest event.
    fn put_in_order(&mut self, start: Option<u64>) {
        if self.front.len() <= SORTED_AT_ONCE || self.rungs.len() == RUNGS_AT_MOST {
            return self.front.sort_unstable();
        }
        let times = || self.front.iter().map(|entry| entry.time);
        let (first, last) = times().fold((u64::MAX, 0), |(first, last), time| {
            (first.min(time), last.max(time))
        });
        if first == last {
            return self.front.sort_unstable();
        }
        let mut rung = Rung::new(start.unwrap_or(first), last, self.front.len());
        for entry in self.front.drain(..) {
            rung.push(entry, &mut self.pool);
        }
        self.rungs.push(rung);
    }
}

impl<E: Copy> Default for Calendar<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// An event with its place in the order: by `time` in microseconds, then by `order`, which is the
/// class in the highest byte and the number of events scheduled before in the others.
///
/// The greater entry is the one due earlier, because a heap gives its greatest element first and a
/// vector its last.
#[derive(Clone, Copy)]
struct Entry<E> {
    time: u64,
    order: u64,
    event: E,
}

impl<E> Entry<E> {
    fn key(&self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.order)
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

/// A stretch of time in buckets of 2^`shift` microseconds, the first of which begins at `start`.
///
/// The last bucket takes whatever comes later, so a rung has no end.
struct Rung {
    start: u64,
    shift: u32,
    /// Where the buckets begin that have not been taken: earlier events do not belong here.
    floor: u64,
    buckets: Vec<Bucket>,
    /// The first bucket that has not been taken.
    next: usize,
}

impl Rung {
    /// A rung from `start` to `last`, for so many events.
    fn new(start: u64, last: u64, events: usize) -> Self {
        let wanted = (events / EVENTS_A_BUCKET).clamp(2, BUCKETS_AT_MOST);
        let span = last - start;
        let span_bits = u64::BITS - span.leading_zeros();
        let shift = span_bits.saturating_sub(wanted.ilog2());
        let buckets = vec![Bucket::default(); (span >> shift) as usize + 1];
        Rung {
            start,
            shift,
            floor: start,
            buckets,
            next: 0,
        }
    }

    /// Adds an event that is not earlier than the floor. Inlined, as [`Pool::push`] is, because a call
    /// would hand the entry over through memory and wait for it: a third of the cost of an event.
    #[inline(always)]
    fn push<E: Copy>(&mut self, entry: Entry<E>, pool: &mut Pool<E>) {
        let last = self.buckets.len() - 1;
        let index = ((entry.time - self.start) >> self.shift).min(last as u64);
        pool.push(&mut self.buckets[index as usize], entry);
    }

    /// Takes the first bucket with events. It is empty when no bucket has any.
    fn take_first(&mut self) -> Bucket {
        let last = self.buckets.len() - 1;
        while self.next < last && self.buckets[self.next].len == 0 {
            self.next += 1;
        }
        let bucket = std::mem::take(&mut self.buckets[self.next]);
        self.next += 1;
        if !self.is_exhausted() {
            self.floor = self.start + ((self.next as u64) << self.shift);
        }
        bucket
    }

    /// Whether every bucket has been taken. Such a rung has no floor and must go.
    fn is_exhausted(&self) -> bool {
        self.next == self.buckets.len()
    }
}

/// Events in no order, held in chunks of a pool: all are full but `newest`.
#[derive(Clone, Copy, Default)]
struct Bucket {
    len: usize,
    /// The chunk that was added last. Means nothing when there are no events.
    newest: usize,
}

/// The chunks of all buckets.
struct Pool<E> {
    chunks: Vec<Chunk<E>>,
    /// Chunks that belong to no bucket.
    free: Vec<usize>,
}

/// Room for some events of a bucket.
struct Chunk<E> {
    entries: [Entry<E>; CHUNK],
    /// The chunk that the bucket filled before this one, if it did.
    previous: usize,
}

impl<E: Copy> Pool<E> {
    fn new() -> Self {
        Pool {
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }

    #[inline(always)]
    fn push(&mut self, bucket: &mut Bucket, entry: Entry<E>) {
        let place = bucket.len % CHUNK;
        if place == 0 {
            bucket.newest = self.allocate(entry.event, bucket.newest);
        }
        self.chunks[bucket.newest].entries[place] = entry;
        bucket.len += 1;
    }

    /// A chunk to be filled. In a new one copies of `event` stand where nothing has been written yet.
    fn allocate(&mut self, event: E, previous: usize) -> usize {
        if let Some(index) = self.free.pop() {
            self.chunks[index].previous = previous;
            return index;
        }
        let unwritten = Entry {
            time: 0,
            order: 0,
            event,
        };
        self.chunks.push(Chunk {
            entries: [unwritten; CHUNK],
            previous,
        });
        self.chunks.len() - 1
    }

    /// Appends the events of `bucket` to `into` and frees its chunks.
    fn empty(&mut self, bucket: Bucket, into: &mut Vec<Entry<E>>) {
        let Bucket {
            mut len,
            newest: mut index,
        } = bucket;
        while len > 0 {
            let filled = (len - 1) % CHUNK + 1;
            let chunk = &self.chunks[index];
            into.extend_from_slice(&chunk.entries[..filled]);
            self.free.push(index);
            index = chunk.previous;
            len -= filled;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last moment there is.
    const LATEST: u64 = SimTime::MAX.micros();
    /// An event of no test.
    const MARK: u64 = u64::MAX;
    use crate::rng::{Purpose, Stream, Streams};
    use proptest::prelude::*;
    use rand::Rng;
    use std::cmp::Reverse;

    /// A calendar beside the plainest queue there is; each answer of the one is compared with the other's.
    /// An event is the number of events scheduled before it.
    struct Checked {
        calendar: Calendar<u64>,
        expected: BinaryHeap<Reverse<(u64, u8, u64)>>,
        now: u64,
        scheduled: u64,
    }

    impl Checked {
        fn new() -> Self {
            Checked {
                calendar: Calendar::new(),
                expected: BinaryHeap::new(),
                now: 0,
                scheduled: 0,
            }
        }

        fn schedule(&mut self, delay: u64, class: u8) {
            let time = self.now.saturating_add(delay).min(LATEST);
            self.calendar
                .schedule(SimTime::from_micros(time), class, self.scheduled);
            self.expected.push(Reverse((time, class, self.scheduled)));
            self.scheduled += 1;
            assert_eq!(self.calendar.len(), self.expected.len());
        }

        fn next_time(&mut self) {
            let expected = self
                .expected
                .peek()
                .map(|&Reverse((time, ..))| SimTime::from_micros(time));
            assert_eq!(self.calendar.next_time(), expected);
        }

        fn pop(&mut self) {
            let expected = self
                .expected
                .pop()
                .map(|Reverse((time, _, event))| (time, event));
            let popped = self
                .calendar
                .pop()
                .map(|(time, event)| (time.micros(), event));
            assert_eq!(popped, expected);
            self.now = expected.map_or(self.now, |(time, _)| time);
            assert_eq!(self.calendar.is_empty(), self.expected.is_empty());
        }

        fn drain_instant(&mut self) {
            let time = self.expected.peek().map(|&Reverse((time, ..))| time);
            let mut expected = vec![MARK];
            while let Some(&Reverse((next, _, event))) = self.expected.peek()
                && Some(next) == time
            {
                self.expected.pop();
                expected.push(event);
            }
            let mut drained = vec![MARK];
            assert_eq!(
                self.calendar
                    .drain_instant(&mut drained)
                    .map(SimTime::micros),
                time
            );
            assert_eq!(drained, expected);
            self.now = time.unwrap_or(self.now);
            assert_eq!(self.calendar.len(), self.expected.len());
        }

        fn pop_all(mut self) {
            while !self.expected.is_empty() {
                self.pop();
            }
            self.pop();
        }
    }

    fn stream() -> Stream {
        Streams::new(7).stream(Purpose::Arrivals, 0, 0)
    }

    /// Schedules `fill` events, holds thrice as many and pops all; `delay` knows how many came before.
    fn check(fill: u64, mut delay: impl FnMut(&mut Stream, u64) -> u64) {
        let mut random = stream();
        let mut queue = Checked::new();
        for step in 0..4 * fill {
            if step >= fill {
                queue.pop();
            }
            let span = delay(&mut random, step);
            queue.schedule(span, (random.next_u64() % 5) as u8);
        }
        queue.pop_all();
    }

    /// A span between a microsecond and 2^`bits` microseconds, every order of magnitude as likely.
    fn any_magnitude(random: &mut Stream, bits: u64) -> u64 {
        random.next_u64() >> (64 - bits + random.next_u64() % bits)
    }

    fn exponential(random: &mut Stream, mean: f64) -> u64 {
        let uniform = ((random.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        (-uniform.ln() * mean) as u64
    }

    #[test]
    fn simultaneous_events_leave_by_class_and_then_first_in_first_out() {
        let mut calendar = Calendar::new();
        let at = SimTime::from_micros;
        for (time, class, event) in [
            (5, 1, 'd'),
            (9, 0, 'f'),
            (5, 0, 'b'),
            (5, 1, 'e'),
            (3, 255, 'a'),
            (5, 0, 'c'),
        ] {
            calendar.schedule(at(time), class, event);
        }
        let popped: Vec<_> = std::iter::from_fn(|| calendar.pop()).collect();
        assert_eq!(
            popped,
            [
                (at(3), 'a'),
                (at(5), 'b'),
                (at(5), 'c'),
                (at(5), 'd'),
                (at(5), 'e'),
                (at(9), 'f')
            ]
        );
    }

    #[test]
    fn what_is_scheduled_at_a_drained_instant_makes_a_further_round() {
        let mut calendar = Calendar::new();
        let at = SimTime::from_micros;
        calendar.schedule(at(4), 2, 'b');
        calendar.schedule(at(4), 1, 'a');
        calendar.schedule(at(6), 0, 'd');
        let mut events = Vec::new();
        assert_eq!(calendar.drain_instant(&mut events), Some(at(4)));
        calendar.schedule(at(4), 0, 'c');
        assert_eq!((calendar.len(), calendar.next_time()), (2, Some(at(4))));
        assert_eq!(calendar.drain_instant(&mut events), Some(at(4)));
        assert_eq!(calendar.drain_instant(&mut events), Some(at(6)));
        assert_eq!(calendar.drain_instant(&mut events), None);
        assert_eq!(events, ['a', 'b', 'c', 'd']);
    }

    #[test]
    #[should_panic(expected = "an event is scheduled at 1.5 s, in the past: it is already 2 s")]
    fn the_past_is_refused_in_words() {
        let mut calendar = Calendar::new();
        calendar.schedule(SimTime::from_micros(2_000_000), 0, ());
        calendar.pop();
        calendar.schedule(SimTime::from_micros(1_500_000), 0, ());
    }

    #[test]
    fn exponential_delays_keep_their_order() {
        for fill in [1, 10, 70, 1000, 20_000] {
            check(fill, |random, _| exponential(random, 1e6));
        }
    }

    #[test]
    fn floods_and_bursts_keep_their_order() {
        check(20_000, |_, _| 0);
        check(5000, |_, step| if step < 5000 { 1000 } else { 0 });
        check(5000, |_, step| if step % 1000 == 0 { 1_000_000 } else { 0 });
        check(5000, |_, step| step / 500 * 1_000_000);
        check(5000, |_, _| 1_000_000);
    }

    #[test]
    fn decreasing_times_keep_their_order() {
        check(20_000, |_, step| 1_000_000 - step.min(20_000));
        check(5000, |_, step| LATEST >> (step % 64));
    }

    #[test]
    fn every_order_of_magnitude_keeps_its_order() {
        check(10_000, |random, _| any_magnitude(random, 50));
        check(10_000, |random, _| any_magnitude(random, 64));
    }

    #[test]
    fn outliers_keep_their_order() {
        let near = |random: &mut Stream| random.next_u64() % 100;
        check(5000, |random, step| {
            if step % 100 == 0 {
                LATEST
            } else {
                near(random)
            }
        });
        check(
            5000,
            |random, step| {
                if step == 0 { LATEST - 1 } else { near(random) }
            },
        );
        check(5000, |random, _| LATEST - near(random));
        let far = |step| if step < 5000 { 1 << 40 } else { 0 };
        check(5000, |random, step| far(step) + near(random));
    }

    /// Each look at the next time takes a bucket, below which the following events then come late.
    #[test]
    fn the_number_of_rungs_is_limited() {
        let mut queue = Checked::new();
        let mut deepest = 0;
        for step in 0..20_000 {
            queue.schedule(1_000_000 - step * 10, 0);
            queue.next_time();
            deepest = deepest.max(queue.calendar.rungs.len());
        }
        assert_eq!(deepest, RUNGS_AT_MOST);
        queue.pop_all();
    }

    /// Emptied buckets give their chunks back, so that the room taken follows the number of events.
    #[test]
    fn room_is_used_again() {
        const PENDING: usize = 100_000;
        let mut random = stream();
        let mut calendar = Calendar::new();
        for step in 0..10 * PENDING {
            let now = if step < PENDING {
                SimTime::ZERO
            } else {
                calendar.pop().unwrap().0
            };
            let at = now.micros() + exponential(&mut random, 1e6);
            calendar.schedule(SimTime::from_micros(at), 0, 0u64);
        }
        let room = calendar.pool.chunks.len() * CHUNK
            + calendar.front.capacity()
            + calendar.late.capacity();
        assert!(
            room < 3 * PENDING,
            "room for {room} events is taken by {PENDING}"
        );
    }

    #[derive(Clone, Debug)]
    enum Step {
        Schedule { delay: u64, class: u8 },
        Flood { delay: u64, events: u8 },
        Pop(u8),
        NextTime,
        DrainInstant,
    }

    fn any_delay() -> impl Strategy<Value = u64> {
        prop_oneof![
            Just(0),
            Just(1_000_000),
            0..10u64,
            0..10_000_000u64,
            (any::<u64>(), 0..64u32).prop_map(|(delay, shift)| delay >> shift),
        ]
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            12 => (any_delay(), 0..4u8).prop_map(|(delay, class)| Step::Schedule { delay, class }),
            2 => (any_delay(), any::<u8>()).prop_map(|(delay, events)| Step::Flood { delay, events }),
            4 => any::<u8>().prop_map(Step::Pop),
            2 => Just(Step::NextTime),
            2 => Just(Step::DrainInstant),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_steps_answer_as_the_plainest_queue_does(
            steps in prop::collection::vec(any_step(), 0..400),
        ) {
            let mut queue = Checked::new();
            for step in steps {
                match step {
                    Step::Schedule { delay, class } => queue.schedule(delay, class),
                    Step::Flood { delay, events } => {
                        (0..u64::from(events)).for_each(|i| queue.schedule(delay ^ i, i as u8 % 3));
                    }
                    Step::Pop(events) => (0..events / 4).for_each(|_| queue.pop()),
                    Step::NextTime => queue.next_time(),
                    Step::DrainInstant => queue.drain_instant(),
                }
            }
            queue.pop_all();
        }

        #[test]
        fn any_hold_answers_as_the_plainest_queue_does(
            spans in prop::collection::vec((any_delay(), 0..4u8), 1..4000),
            pending in 1..1000usize,
        ) {
            let mut queue = Checked::new();
            for (step, (delay, class)) in spans.into_iter().enumerate() {
                if step >= pending {
                    queue.drain_instant();
                }
                queue.schedule(delay, class);
            }
            queue.pop_all();
        }
    }
}
