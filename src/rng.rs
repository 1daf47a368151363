//! One seed, many independent random streams, each with a name.
//!
//! A draw is keyed by what it is for ([`Purpose`]) and for whom (two numbers: say a workload and
//! its 17th request). So a draw in one place moves no other, and two policies that are compared
//! meet the very same work: common random numbers, as in Law, *Simulation Modeling and Analysis*,
//! 5th ed., section 11.2.
//!
//! The generator is PCG-64 (XSL-RR, 128-bit state; O'Neill 2014), named here because `rand`'s
//! `StdRng` and `SmallRng` promise no stable output. Its state and sequence come from the key by
//! SplitMix64's finalizer (Steele, Lea and Flood 2014).

use rand::{Rng, RngExt};
use rand_pcg::Pcg64;

/// A random stream: a generator that belongs to one key.
pub type Stream = Pcg64;

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Interarrival times of a workload.
    Arrivals = 1,
    /// Run time of a container.
    RunTime = 2,
    /// Exit code and reason of a container.
    Exit = 3,
    /// Image pull time.
    ImagePull = 4,
    /// The `random` placement strategy, and ties that the scenario breaks at random.
    RandomPlacement = 5,
    /// Exit code and reason of a container that is not the first to end its task.
    OtherExit = 20,
    /// Whether the image is there already.
    ImageCached = 21,
    /// Whether the image pull fails.
    ImagePullFailure = 22,
    /// How long a container takes to stop when it is told to.
    Sigterm = 23,
    /// Most memory that a container uses.
    MemoryPeak = 24,
    /// When it has come to use that much.
    MemoryPeakAfter = 25,
    /// When health checks begin to pass.
    HealthyAfter = 26,
    /// When health checks begin to fail again.
    UnhealthyAfter = 27,
    /// When a Spot instance is interrupted.
    SpotInterruption = 30,
    /// When an instance fails.
    InstanceFailure = 31,
    /// When a task on Fargate Spot is interrupted.
    FargateSpotInterruption = 32,
    /// Which of a service's tasks stops of those that are equal.
    ServiceVictim = 33,
    /// By how much an arrival is put off where a run is shaken.
    Shake = 40,
    /// Where each instance of a cluster stands in the shuffled order that breaks ties.
    TieOrder = 50,
    /// Which device a share of a GPU is taken of, under `x-random-gpu`.
    SharedGpu = 51,
    /// The order in which the pods of a study come, and which of them come again.
    StudyArrivals = 52,
}

/// The source of all streams of a run.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of `seed`.
    pub const fn new(seed: u64) -> Self {
        Streams { seed }
    }

    /// The stream for `purpose` of the entity (`major`, `minor`), always from its beginning.
    pub fn stream(&self, purpose: Purpose, major: u64, minor: u64) -> Stream {
        let mut key = Key(mix(self.seed) ^ mix((purpose as u64) << 48 ^ major));
        key.absorb(minor);
        let state = u128::from(key.next()) << 64 | u128::from(key.next());
        let sequence = u128::from(key.next()) << 64 | u128::from(key.next());
        Pcg64::new(state, sequence)
    }
}

/// The seed number `number` of those that belong to `seed`: the seed itself, then others that have
/// nothing to do with it or with each other.
pub fn nth_seed(seed: u64, number: u32) -> u64 {
    match number {
        0 => seed,
        _ => mix(mix(seed) ^ u64::from(number)),
    }
}

/// A keyed stream of whole numbers that is made only when somebody draws from it.
#[derive(Clone, Debug)]
pub struct Draw {
    key: (Streams, Purpose, u64, u64),
    stream: Option<Stream>,
}

impl Draw {
    /// Draws from the stream for `purpose` of the entity (`major`, `minor`).
    pub const fn new(streams: Streams, purpose: Purpose, major: u64, minor: u64) -> Self {
        Draw {
            key: (streams, purpose, major, minor),
            stream: None,
        }
    }

    /// A number from 0 to `count` - 1, each with equal chance, up to a bias below `count` / 2^64.
    ///
    /// Source: Lemire 2019, "Fast random integer generation in an interval", without the rejection.
    pub fn below(&mut self, count: usize) -> usize {
        let (streams, purpose, major, minor) = self.key;
        let stream = self
            .stream
            .get_or_insert_with(|| streams.stream(purpose, major, minor));
        ((u128::from(stream.next_u64()) * count as u128) >> 64) as usize
    }
}

/// How likely something is, in parts of 2^53, so that no float decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    const PARTS: u64 = 1 << 53;

    /// The chance of `probability`, 0 to 1; what lies outside is taken for the nearer end.
    pub fn of(probability: f64) -> Self {
        Chance((probability.clamp(0.0, 1.0) * Self::PARTS as f64).round() as u64)
    }

    /// Whether it happens. Draws only when that is not certain.
    pub fn happens(self, stream: impl FnOnce() -> Stream) -> bool {
        match self.0 {
            0 => false,
            Self::PARTS => true,
            parts => stream().random_range(0..Self::PARTS) < parts,
        }
    }
}

/// SplitMix64 over a key.
struct Key(u64);

impl Key {
    fn absorb(&mut self, word: u64) {
        self.0 = mix(self.0 ^ mix(word));
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

/// SplitMix64's finalizer: a bijection that spreads each bit over all others.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let first = |seed, purpose, major, minor| {
            Streams::new(seed).stream(purpose, major, minor).next_u64()
        };
        let base = first(1, Purpose::RunTime, 3, 4);
        assert_eq!(base, first(1, Purpose::RunTime, 3, 4));
        for other in [
            first(2, Purpose::RunTime, 3, 4),
            first(1, Purpose::Exit, 3, 4),
            first(1, Purpose::RunTime, 4, 3),
            first(1, Purpose::RunTime, 3, 5),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn chances_hold() {
        let streams = Streams::new(3);
        let happened = |probability| {
            let chance = Chance::of(probability);
            let draw = |minor| chance.happens(|| streams.stream(Purpose::ImageCached, 0, minor));
            (0..10_000).filter(|minor| draw(*minor)).count()
        };
        assert_eq!(happened(0.0), 0);
        assert_eq!(happened(1.0), 10_000);
        // Standard deviation of the count: √(10,000 · 0.25 · 0.75) = 43.
        let quarter = happened(0.25);
        assert!((2_370..2_630).contains(&quarter), "{quarter}");
    }

    /// The generator is part of the file format: other numbers are other results.
    #[test]
    fn first_numbers_never_change() {
        let mut stream = Streams::new(7).stream(Purpose::Arrivals, 0, 0);
        assert_eq!(
            [stream.next_u64(), stream.next_u64()],
            [9_703_169_357_560_956_436, 5_389_513_187_788_905_400]
        );
    }
}
