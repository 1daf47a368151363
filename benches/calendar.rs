//! The future event list in the hold model: take the earliest event, put it back a random span later.
//!
//! So many events are pending all the time; spans are exponential with mean 1 s, `-ln(u)` of
//! SplitMix64, in whole microseconds. Each queue first makes as many untimed holds as events are pending, and
//! then some more. It is compared with the standard library's heap of tuples and with
//! `priority-queue`; all must have popped the same events in the same order. A chain of dependent
//! xor, multiply and add is timed beside them, to show how fast the machine was at the time.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use priority_queue::PriorityQueue;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Duration;
use stowplan::engine::calendar::Calendar;
use stowplan::time::SimTime;

/// Mean of the exponential spans: 1 s, in microseconds.
const MEAN_SPAN: f64 = 1e6;
/// Numbers of pending events.
const PENDING: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Holds after the settling, whose order is compared as well.
const COMPARED: u32 = 100_000;

/// A first-in-first-out queue of events by time in microseconds.
trait Queue: Default {
    fn push(&mut self, time: u64, event: u32);
    fn pop(&mut self) -> (u64, u32);
}

#[derive(Default)]
struct Ladder(Calendar<u32>);

impl Queue for Ladder {
    fn push(&mut self, time: u64, event: u32) {
        self.0.schedule(SimTime::from_micros(time), 0, event);
    }

    fn pop(&mut self) -> (u64, u32) {
        let (time, event) = self.0.pop().expect("an event is pending");
        (time.micros(), event)
    }
}

#[derive(Default)]
struct Heap {
    entries: BinaryHeap<Reverse<(u64, u64, u32)>>,
    scheduled: u64,
}

impl Queue for Heap {
    fn push(&mut self, time: u64, event: u32) {
        self.entries.push(Reverse((time, self.scheduled, event)));
        self.scheduled += 1;
    }

    fn pop(&mut self) -> (u64, u32) {
        let Reverse((time, _, event)) = self.entries.pop().expect("an event is pending");
        (time, event)
    }
}

#[derive(Default)]
struct ByPriority {
    entries: PriorityQueue<u32, Reverse<(u64, u64)>>,
    scheduled: u64,
}

impl Queue for ByPriority {
    fn push(&mut self, time: u64, event: u32) {
        self.entries.push(event, Reverse((time, self.scheduled)));
        self.scheduled += 1;
    }

    fn pop(&mut self) -> (u64, u32) {
        let (event, Reverse((time, _))) = self.entries.pop().expect("an event is pending");
        (time, event)
    }
}

/// A queue in the hold model.
struct Hold<Q> {
    queue: Q,
    random: u64,
    /// Of the events popped, in their order.
    checksum: u64,
}

impl<Q: Queue> Hold<Q> {
    /// The queue in its steady state.
    fn settled(pending: u32) -> Self {
        let mut hold = Hold {
            queue: Q::default(),
            random: 42,
            checksum: 0,
        };
        for event in 0..pending {
            let time = hold.span();
            hold.queue.push(time, event);
        }
        for _ in 0..pending + COMPARED {
            hold.step();
        }
        hold
    }

    fn step(&mut self) {
        let (time, event) = self.queue.pop();
        self.checksum = self
            .checksum
            .wrapping_mul(31)
            .wrapping_add(time ^ u64::from(event));
        let span = self.span();
        self.queue.push(time + span, event);
    }

    /// An exponential span in microseconds.
    fn span(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let uniform = (((word ^ (word >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64;
        (-uniform.ln() * MEAN_SPAN) as u64
    }
}

/// Times holds of one queue; answers the checksum of the untimed ones.
fn time_holds<Q: Queue>(criterion: &mut Criterion, name: &str, pending: u32) -> u64 {
    let mut hold = Hold::<Q>::settled(pending);
    let checksum = hold.checksum;
    let mut group = criterion.benchmark_group(format!("hold/{pending}"));
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |bencher| bencher.iter(|| hold.step()));
    group.finish();
    checksum
}

fn hold(criterion: &mut Criterion) {
    for pending in PENDING {
        let ladder = time_holds::<Ladder>(criterion, "calendar", pending);
        let heap = time_holds::<Heap>(criterion, "BinaryHeap", pending);
        let by_priority = time_holds::<ByPriority>(criterion, "priority-queue", pending);
        assert_eq!(ladder, heap, "the calendar and BinaryHeap differ in order");
        assert_eq!(
            by_priority, heap,
            "priority-queue and BinaryHeap differ in order"
        );
    }
}

fn machine(criterion: &mut Criterion) {
    let mut word = black_box(1u64);
    criterion.bench_function("machine/alu", |bencher| {
        bencher.iter(|| {
            word = (word ^ 0x9e37_79b9)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
                .wrapping_add(11);
        });
    });
    black_box(word);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = machine, hold
}
criterion_main!(benches);
