//! When requests arrive: arrival processes.
//!
//! [`Arrivals`] is the shape a scenario is written in. When the scenario loads it becomes an
//! [`ArrivalProcess`], or says everything that is wrong with it; each run then asks that for its
//! [`ArrivalTimes`], an iterator that draws lazily from one random stream.
//!
//! Times count from the start of the run. `from` and `first` are when a process begins, `until`
//! is when it ends (what would come at `until` no longer comes), `count` is how many requests
//! arrive in all. A process with neither `until` nor `count` never ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;
use rand_distr::{Distribution as _, Exp1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::units::{Duration, Rate, RateOrZero, Timestamp};

/// When requests arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "process",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Arrivals {
    /// At given times.
    At {
        /// The times, in any order; at least one.
        #[schemars(length(min = 1))]
        times: Vec<Duration>,
    },
    /// At regular intervals.
    Every {
        /// From one arrival to the next; above zero.
        interval: Duration,
        /// The first arrival; the start of the run if left out.
        first: Option<Duration>,
        /// How many arrive in all.
        #[schemars(range(min = 1))]
        count: Option<u64>,
        /// None arrives at this time or later.
        until: Option<Duration>,
    },
    /// A Poisson process: independent exponential interarrival times.
    Poisson {
        /// Mean arrivals in a unit of time.
        rate: Rate,
        /// None arrives before; the start of the run if left out.
        from: Option<Duration>,
        /// None arrives at this time or later.
        until: Option<Duration>,
        /// How many arrive in all.
        #[schemars(range(min = 1))]
        count: Option<u64>,
    },
    /// A Poisson process whose rate follows the hours of the day or of the week, again and again.
    Profile {
        /// 24 rates (hours of a day) or 168 (hours of a week, from Monday 00:00), in UTC. A run
        /// without a start date starts on Monday 00:00.
        rates: Vec<RateOrZero>,
        /// None arrives before; the start of the run if left out.
        from: Option<Duration>,
        /// None arrives at this time or later.
        until: Option<Duration>,
        /// How many arrive in all.
        #[schemars(range(min = 1))]
        count: Option<u64>,
    },
    /// Several at a time, at regular intervals (`every`) or as a Poisson process (`rate`).
    Bursts {
        /// From the start of one burst to the next; give this or `rate`.
        every: Option<Duration>,
        /// Mean bursts in a unit of time; give this or `every`.
        rate: Option<Rate>,
        /// How many arrive in a burst.
        #[schemars(range(min = 1))]
        size: u32,
        /// The arrivals of a burst spread evenly at random over this span; all at once if left out.
        within: Option<Duration>,
        /// No burst before; with `every` this is the first burst. The start of the run if left out.
        from: Option<Duration>,
        /// None arrives at this time or later.
        until: Option<Duration>,
        /// How many arrive in all (arrivals, not bursts).
        #[schemars(range(min = 1))]
        count: Option<u64>,
    },
    /// As recorded in a file.
    Trace {
        /// The file.
        file: String,
    },
}

impl Arrivals {
    /// Whether arrivals never end, so that the run needs a horizon.
    pub fn is_endless(&self) -> bool {
        let window = self.window();
        match self {
            Arrivals::At { .. } | Arrivals::Trace { .. } => false,
            _ => window.until.is_none() && window.count.is_none(),
        }
    }

    /// Whether they come at one rate all the time.
    fn is_steady(&self) -> bool {
        match self {
            Arrivals::Every { .. } | Arrivals::Poisson { .. } => true,
            Arrivals::Bursts { rate, .. } => rate.is_some(),
            Arrivals::At { .. } | Arrivals::Profile { .. } | Arrivals::Trace { .. } => false,
        }
    }

    /// Everything that is wrong across the fields: path from here, and message. Empty when all is
    /// well.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |path: &str, message: String| faults.push((path.to_owned(), message));
        match self {
            Arrivals::At { times } if times.is_empty() => {
                fault(
                    "times",
                    "the list is empty; give at least one time".to_owned(),
                );
            }
            Arrivals::Every { interval, .. } if *interval == Duration::default() => {
                fault("interval", "0s is not above 0s".to_owned());
            }
            Arrivals::Poisson { rate, .. } => check_rate("rate", rate.per_sec(), &mut fault),
            Arrivals::Profile { rates, .. } => check_profile(rates, &mut fault),
            Arrivals::Bursts {
                every,
                rate,
                size,
                within,
                ..
            } => {
                check_bursts(*every, *rate, *size, within.unwrap_or_default(), &mut fault);
            }
            _ => {}
        }
        let window = self.window();
        let begin = window.begin.unwrap_or_default();
        if let Some(until) = window.until.filter(|until| *until <= begin) {
            fault(
                "until",
                format!("{until} is not after the begin at {begin}"),
            );
        }
        if window.count == Some(0) {
            fault("count", "0 is below the minimum of 1".to_owned());
        }
        faults
    }

    /// The arrival process of a run that starts at `start`; Monday 00:00 UTC without one.
    ///
    /// # Errors
    /// All that [`Arrivals::check`] finds. A trace is refused too: its requests come from its
    /// reader, each with a time of its own.
    pub fn process(
        &self,
        start: Option<Timestamp>,
    ) -> Result<ArrivalProcess, Vec<(String, String)>> {
        let faults = self.check();
        if !faults.is_empty() {
            return Err(faults);
        }
        let window = self.window();
        let begin = SimTime::ZERO + window.begin.unwrap_or_default().span();
        let (source, mean_rate) = match self {
            Arrivals::At { times } => {
                let mut times: Vec<_> = times.iter().map(|t| SimTime::ZERO + t.span()).collect();
                times.sort_unstable_by_key(|time| Reverse(*time));
                (
                    Source::At {
                        latest_first: times,
                    },
                    None,
                )
            }
            Arrivals::Every { interval, .. } => {
                let interval = interval.span();
                (
                    Source::Every {
                        next: Some(begin),
                        interval,
                    },
                    Some(1.0 / interval.secs()),
                )
            }
            Arrivals::Poisson { rate, .. } => (Source::poisson(*rate, begin), Some(rate.per_sec())),
            Arrivals::Profile { rates, .. } => {
                let rates: Vec<f64> = rates.iter().map(|rate| rate.per_sec()).collect();
                let mean = rates.iter().sum::<f64>() / rates.len() as f64;
                let since_monday = start.map_or(SimDuration::ZERO, Timestamp::since_monday);
                (
                    Source::Poisson(Hourly::new(&rates, since_monday, begin)),
                    Some(mean),
                )
            }
            Arrivals::Bursts {
                every,
                rate,
                size,
                within,
                ..
            } => {
                let within = within.unwrap_or_default().span();
                let bursts = Bursts::new(burst_starts(*every, *rate, begin), *size, within);
                let mean = bursts_per_sec(*every, *rate).map(|rate| rate * f64::from(*size));
                (Source::Bursts(bursts), mean)
            }
            Arrivals::Trace { .. } => {
                let message = "a trace gives its requests and their times itself";
                return Err(vec![("process".to_owned(), message.to_owned())]);
            }
        };
        let until = window
            .until
            .map_or(SimTime::MAX, |until| SimTime::ZERO + until.span());
        Ok(ArrivalProcess {
            source,
            until,
            left: window.count.unwrap_or(u64::MAX),
            mean_rate,
            endless: self.is_endless(),
            steady: self.is_steady(),
        })
    }

    fn window(&self) -> Window {
        match *self {
            Arrivals::At { .. } | Arrivals::Trace { .. } => Window::default(),
            Arrivals::Every {
                first,
                count,
                until,
                ..
            } => Window {
                begin: first,
                until,
                count,
            },
            Arrivals::Poisson {
                from, until, count, ..
            }
            | Arrivals::Profile {
                from, until, count, ..
            }
            | Arrivals::Bursts {
                from, until, count, ..
            } => Window {
                begin: from,
                until,
                count,
            },
        }
    }
}

/// When a process begins and ends, as written.
#[derive(Default)]
struct Window {
    begin: Option<Duration>,
    until: Option<Duration>,
    count: Option<u64>,
}

/// The clock ticks in microseconds, so more events than one a tick could not be told apart.
const MOST_PER_SEC: f64 = 1e6;

/// How many arrivals of bursts that overlap may be ahead at once; each takes memory.
const MOST_AHEAD: f64 = 1e6;

fn check_rate(path: &str, per_sec: f64, fault: &mut impl FnMut(&str, String)) {
    if per_sec > MOST_PER_SEC {
        fault(
            path,
            format!("{per_sec}/s is above 1000000/s, one a microsecond"),
        );
    }
}

fn check_profile(rates: &[RateOrZero], fault: &mut impl FnMut(&str, String)) {
    if rates.len() != 24 && rates.len() != 168 {
        let rule = "a profile has 24 (hours of a day) or 168 (hours of a week)";
        fault("rates", format!("{} rates; {rule}", rates.len()));
    }
    for (hour, rate) in rates.iter().enumerate() {
        check_rate(&format!("rates[{hour}]"), rate.per_sec(), fault);
    }
    if !rates.is_empty() && rates.iter().all(|rate| rate.per_sec() == 0.0) {
        fault(
            "rates",
            "every rate is 0; nothing would ever arrive".to_owned(),
        );
    }
}

fn check_bursts(
    every: Option<Duration>,
    rate: Option<Rate>,
    size: u32,
    within: Duration,
    fault: &mut impl FnMut(&str, String),
) {
    if every.is_some() == rate.is_some() {
        fault("", "bursts have either every or rate".to_owned());
    }
    if every == Some(Duration::default()) {
        fault("every", "0s is not above 0s".to_owned());
    }
    if size == 0 {
        fault("size", "0 is below the minimum of 1".to_owned());
    }
    if let Some(rate) = rate {
        check_rate("rate", rate.per_sec(), fault);
    }
    let overlap = bursts_per_sec(every, rate).unwrap_or(0.0) * within.span().secs();
    if f64::from(size) * overlap.max(1.0) > MOST_AHEAD {
        let rule = "size × within / (time between bursts) may be 1000000 at most, and so may size";
        fault("size", format!("{size} is too much; {rule}"));
    }
}

fn bursts_per_sec(every: Option<Duration>, rate: Option<Rate>) -> Option<f64> {
    every
        .map(|every| 1.0 / every.span().secs())
        .or(rate.map(Rate::per_sec))
}

/// Where bursts start: at regular intervals, or at the times of a Poisson process.
fn burst_starts(every: Option<Duration>, rate: Option<Rate>, begin: SimTime) -> Source {
    match (every, rate) {
        (Some(every), _) => Source::Every {
            next: Some(begin),
            interval: every.span(),
        },
        (None, Some(rate)) => Source::poisson(rate, begin),
        (None, None) => Source::At {
            latest_first: Vec::new(),
        },
    }
}

/// An arrival process, ready to be run any number of times.
#[derive(Clone, Debug)]
pub struct ArrivalProcess {
    source: Source,
    until: SimTime,
    /// How many may still arrive.
    left: u64,
    mean_rate: Option<f64>,
    endless: bool,
    steady: bool,
}

impl ArrivalProcess {
    /// Long-run arrivals a second while the process lasts; nothing for given times.
    pub fn mean_rate(&self) -> Option<f64> {
        self.mean_rate
    }

    /// Whether arrivals never end, so that the run needs a horizon.
    pub fn is_endless(&self) -> bool {
        self.endless
    }

    /// Whether the load is the same all the time: neither the hours of the day nor regular bursts
    /// make one moment unlike another.
    pub fn is_steady(&self) -> bool {
        self.steady
    }

    /// The arrivals of one run, drawn from `stream`.
    pub fn times(&self, stream: Stream) -> ArrivalTimes {
        ArrivalTimes {
            process: self.clone(),
            stream,
        }
    }
}

/// The times at which requests arrive, never decreasing, each drawn when it is asked for.
#[derive(Clone, Debug)]
pub struct ArrivalTimes {
    process: ArrivalProcess,
    stream: Stream,
}

impl Iterator for ArrivalTimes {
    type Item = SimTime;

    fn next(&mut self) -> Option<SimTime> {
        let process = &mut self.process;
        process.left = process.left.checked_sub(1)?;
        let time = process
            .source
            .next_time(&mut self.stream)
            .filter(|time| *time < process.until);
        if time.is_none() {
            process.left = 0;
        }
        time
    }
}

/// A sequence of moments, never decreasing. It ends before [`SimTime::MAX`].
#[derive(Clone, Debug)]
enum Source {
    At {
        latest_first: Vec<SimTime>,
    },
    Every {
        next: Option<SimTime>,
        interval: SimDuration,
    },
    Poisson(Hourly),
    Bursts(Bursts),
}

impl Source {
    /// The plain Poisson process from `begin` on.
    fn poisson(rate: Rate, begin: SimTime) -> Self {
        Source::Poisson(Hourly::new(&[rate.per_sec()], SimDuration::ZERO, begin))
    }

    fn next_time(&mut self, stream: &mut Stream) -> Option<SimTime> {
        match self {
            Source::At { latest_first } => latest_first.pop(),
            Source::Every { next, interval } => {
                let time = (*next)?;
                *next = later(time, interval.micros());
                Some(time)
            }
            Source::Poisson(hourly) => hourly.next_time(stream),
            Source::Bursts(bursts) => bursts.next_time(stream),
        }
    }
}

/// `micros` after `time`; nothing when that is beyond the last moment there is.
fn later(time: SimTime, micros: u64) -> Option<SimTime> {
    time.micros().checked_add(micros).map(SimTime::from_micros)
}

const HOUR: SimDuration = SimDuration::from_secs(3600);

/// A Poisson process with a rate for each hour of a cycle; with one rate, the plain process.
///
/// By inversion: the arrivals of a process of rate 1, seen through the inverse of the cumulative
/// rate, which is linear in each hour (Çinlar 1975; Law, section 8.6.2). The position is an hour and
/// an offset in it, so the precision does not fade as time goes on.
#[derive(Clone, Debug)]
struct Hourly {
    /// Arrivals a microsecond in each hour of the cycle.
    rates: Vec<f64>,
    /// Index of the current hour in `rates`.
    hour: usize,
    /// When the current hour ends; nothing once that is beyond the last moment there is.
    hour_end: Option<SimTime>,
    /// What is left of the current hour, in microseconds.
    left: f64,
}

impl Hourly {
    /// The process that begins at `begin` in a run that starts `offset` after the cycle does;
    /// `rates` are arrivals a second.
    fn new(rates: &[f64], offset: SimDuration, begin: SimTime) -> Self {
        let hour = u128::from(HOUR.micros());
        let since = u128::from(offset.micros()) + u128::from(begin.micros());
        let left = HOUR.micros() - (since % hour) as u64;
        Hourly {
            rates: rates.iter().map(|rate| rate / 1e6).collect(),
            hour: (since / hour % rates.len() as u128) as usize,
            hour_end: later(begin, left),
            left: left as f64,
        }
    }

    fn next_time(&mut self, stream: &mut Stream) -> Option<SimTime> {
        // What the cumulative rate has to grow by until the next arrival.
        let mut growth: f64 = Exp1.sample(stream);
        let a_cycle = self.rates.iter().sum::<f64>() * HOUR.micros() as f64;
        let cycles = (growth / a_cycle).floor();
        growth = (growth - cycles * a_cycle).max(0.0);
        self.skip_hours(cycles * self.rates.len() as f64)?;
        while growth > self.rates[self.hour] * self.left {
            growth -= self.rates[self.hour] * self.left;
            self.skip_hours(1.0)?;
            self.hour = (self.hour + 1) % self.rates.len();
            self.left = HOUR.micros() as f64;
        }
        if growth > 0.0 {
            self.left = (self.left - growth / self.rates[self.hour]).max(0.0);
        }
        // What is left, rounded up, rounds the time down; at least 1 keeps it inside the hour.
        let left = (self.left.ceil() as u64).max(1);
        self.hour_end
            .map(|end| SimTime::from_micros(end.micros() - left))
    }

    /// Moves the end of the current hour on; nothing when that is beyond the last moment.
    fn skip_hours(&mut self, hours: f64) -> Option<()> {
        let micros = (hours as u64).checked_mul(HOUR.micros());
        self.hour_end = self.hour_end.and_then(|end| later(end, micros?));
        self.hour_end.map(|_| ())
    }
}

/// Bursts of arrivals that may overlap.
#[derive(Clone, Debug)]
struct Bursts {
    starts: Box<Source>,
    /// The next burst, once drawn.
    next_start: Option<SimTime>,
    size: u32,
    within: SimDuration,
    /// Arrivals of the bursts that have started.
    ahead: BinaryHeap<Reverse<SimTime>>,
}

impl Bursts {
    fn new(starts: Source, size: u32, within: SimDuration) -> Self {
        let (starts, ahead) = (Box::new(starts), BinaryHeap::new());
        Bursts {
            starts,
            next_start: None,
            size,
            within,
            ahead,
        }
    }

    /// Starts bursts until the earliest arrival is not after the start of the next burst.
    fn next_time(&mut self, stream: &mut Stream) -> Option<SimTime> {
        loop {
            self.next_start = self.next_start.or_else(|| self.starts.next_time(stream));
            let earliest = self.ahead.peek().map(|time| time.0);
            match (self.next_start, earliest) {
                (Some(start), None) => self.start_burst(start, stream),
                (Some(start), Some(time)) if start < time => self.start_burst(start, stream),
                _ => return self.ahead.pop().map(|time| time.0),
            }
        }
    }

    fn start_burst(&mut self, start: SimTime, stream: &mut Stream) {
        self.next_start = None;
        for _ in 0..self.size {
            let offset = match self.within.micros() {
                0 => 0,
                within => stream.random_range(0..within),
            };
            self.ahead.extend(later(start, offset).map(Reverse));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Streams};
    use proptest::prelude::*;

    fn arrivals(json: &str) -> Arrivals {
        serde_json::from_str(json).expect("arrivals")
    }

    fn stream(seed: u64) -> Stream {
        Streams::new(seed).stream(Purpose::Arrivals, 0, 0)
    }

    fn process(json: &str) -> ArrivalProcess {
        arrivals(json).process(None).expect("sound arrivals")
    }

    /// All times in seconds, at a fixed seed.
    fn secs(json: &str) -> Vec<f64> {
        process(json).times(stream(5)).map(SimTime::secs).collect()
    }

    #[test]
    fn given_and_regular_times() {
        let check = |json: &str, expected: &[f64]| assert_eq!(secs(json), expected, "{json}");
        check(
            r#"{"process": "at", "times": ["5s", "0s", "5s"]}"#,
            &[0.0, 5.0, 5.0],
        );
        check(
            r#"{"process": "every", "interval": "10s", "count": 3}"#,
            &[0.0, 10.0, 20.0],
        );
        check(
            r#"{"process": "every", "interval": "10s", "first": "4s", "until": "24s"}"#,
            &[4.0, 14.0],
        );
        check(
            r#"{"process": "every", "interval": "10s", "count": 2, "until": "1h"}"#,
            &[0.0, 10.0],
        );
        check(
            r#"{"process": "bursts", "every": "1m", "size": 2, "from": "5s", "count": 5}"#,
            &[5.0, 5.0, 65.0, 65.0, 125.0],
        );
    }

    #[test]
    fn a_process_ends_with_time_itself() {
        let json = r#"{"process": "every", "interval": "4611686018427387903us"}"#;
        assert_eq!(process(json).times(stream(5)).count(), 5);
    }

    #[test]
    fn poisson_has_its_rate_and_its_dispersion() {
        // 100 an hour over 1000 hours; the counts an hour have variance = mean.
        let json = r#"{"process": "poisson", "rate": "100/h", "from": "30m", "until": "1000.5h"}"#;
        let times = secs(json);
        assert!(
            times
                .iter()
                .all(|time| (1800.0..3_601_800.0).contains(time))
        );
        assert!(times.len().abs_diff(100_000) < 900, "{}", times.len());
        let mut counts = [0.0f64; 1000];
        times
            .iter()
            .for_each(|time| counts[((time - 1800.0) / 3600.0) as usize] += 1.0);
        let mean = times.len() as f64 / 1000.0;
        let variance = counts
            .iter()
            .map(|count| (count - mean).powi(2))
            .sum::<f64>()
            / 999.0;
        assert!(
            (0.9..1.1).contains(&(variance / mean)),
            "{}",
            variance / mean
        );
        assert_eq!(process(json).mean_rate(), Some(100.0 / 3600.0));
        // Interarrival times are exponential: a share of e^-1 exceeds the mean.
        let longer = times
            .windows(2)
            .filter(|pair| pair[1] - pair[0] > 36.0)
            .count();
        let share = longer as f64 / times.len() as f64;
        assert!((share - (-1f64).exp()).abs() < 0.005, "{share}");
    }

    #[test]
    fn the_fastest_poisson_process_keeps_its_rate() {
        let times = secs(r#"{"process": "poisson", "rate": "1000000/s", "until": "100ms"}"#);
        assert!(times.len().abs_diff(100_000) < 1000, "{}", times.len());
    }

    #[test]
    fn count_is_exact() {
        let count = |json: &str| process(json).times(stream(5)).count();
        assert_eq!(
            count(r#"{"process": "poisson", "rate": "1/s", "count": 1234}"#),
            1234
        );
        let bursts =
            r#"{"process": "bursts", "rate": "1/m", "size": 7, "within": "5m", "count": 100}"#;
        assert_eq!(count(bursts), 100);
    }

    /// A day profile with `rate(hour)` arrivals an hour.
    fn profile(hours: usize, rate: impl Fn(usize) -> u64, rest: &str) -> Arrivals {
        let rates: Vec<String> = (0..hours)
            .map(|hour| format!("\"{}/h\"", rate(hour)))
            .collect();
        arrivals(&format!(
            r#"{{"process": "profile", "rates": [{}] {rest}}}"#,
            rates.join(",")
        ))
    }

    #[test]
    fn a_profile_follows_the_hours_of_the_day() {
        let arrivals = profile(24, |hour| 10 * hour as u64, r#", "until": "400d""#);
        let process = arrivals.process(None).expect("sound");
        assert_eq!(
            process.mean_rate().map(|rate| (rate * 3600.0).round()),
            Some(115.0)
        );
        let mut counts = [0u32; 24];
        process
            .times(stream(5))
            .for_each(|time| counts[(time.secs() / 3600.0) as usize % 24] += 1);
        for (hour, count) in counts.into_iter().enumerate() {
            // 4.5 standard deviations of a Poisson count.
            let mean = 4000.0 * hour as f64;
            assert!(
                (f64::from(count) - mean).abs() <= 4.5 * mean.sqrt(),
                "{hour}: {count}"
            );
        }
    }

    #[test]
    fn a_profile_is_aligned_to_the_start_of_the_run() {
        // Only on Wednesdays from 06:00 to 07:00; the run starts on Tuesday 2026-01-06 at 05:30.
        let open = 2 * 24 + 6;
        let week = profile(
            168,
            |hour| if hour == open { 60 } else { 0 },
            r#", "until": "4w""#,
        );
        let times = |start: Option<&str>| -> Vec<f64> {
            let start = start.map(|start| start.parse().expect("a timestamp"));
            let process = week.process(start).expect("sound");
            process
                .times(stream(5))
                .map(|time| time.secs() / 3600.0 % 168.0)
                .collect()
        };
        let hours = times(Some("2026-01-06T05:30:00Z"));
        assert!(hours.len().abs_diff(240) < 60, "{}", hours.len());
        assert!(
            hours.iter().all(|hour| (24.5..25.5).contains(hour)),
            "{hours:?}"
        );
        assert!(times(None).iter().all(|hour| (54.0..55.0).contains(hour)));
    }

    #[test]
    fn bursts_spread_and_overlap() {
        let json =
            r#"{"process": "bursts", "every": "10m", "size": 50, "within": "1h", "until": "100h"}"#;
        let times = secs(json);
        assert!(times.is_sorted());
        // Of 600 bursts of 50, the last six are cut by `until`: half their arrivals, and a little.
        assert!(times.len().abs_diff(30_000 - 150) < 60, "{}", times.len());
        let rate = process(json).mean_rate().expect("a mean");
        assert!((rate - 50.0 / 600.0).abs() < 1e-12, "{rate}");
    }

    #[test]
    fn poisson_bursts() {
        let json = r#"{"process": "bursts", "rate": "1/m", "size": 3, "until": "500h"}"#;
        let times = secs(json);
        assert!(
            times
                .chunks(3)
                .all(|burst| burst.len() == 3 && burst[0] == burst[2])
        );
        assert!(times.len().abs_diff(90_000) < 1600, "{}", times.len());
        assert_eq!(process(json).mean_rate(), Some(3.0 / 60.0));
    }

    /// The draws are part of the results: other numbers are other results.
    #[test]
    fn first_times_never_change() {
        let times =
            process(r#"{"process": "poisson", "rate": "1/s", "count": 3}"#).times(stream(5));
        assert_eq!(
            times.map(SimTime::micros).collect::<Vec<_>>(),
            [393_514, 712_516, 1_507_393]
        );
    }

    #[test]
    fn endless_or_not() {
        let check =
            |json: &str, endless| assert_eq!(arrivals(json).is_endless(), endless, "{json}");
        check(r#"{"process": "at", "times": ["0s"]}"#, false);
        check(r#"{"process": "trace", "file": "a.csv"}"#, false);
        check(r#"{"process": "every", "interval": "1s"}"#, true);
        assert!(process(r#"{"process": "every", "interval": "1s"}"#).is_endless());
        check(r#"{"process": "poisson", "rate": "1/s"}"#, true);
        check(
            r#"{"process": "poisson", "rate": "1/s", "count": 1}"#,
            false,
        );
        check(
            r#"{"process": "bursts", "every": "1h", "size": 1, "until": "1d"}"#,
            false,
        );
    }

    #[test]
    fn faults_across_fields() {
        let check = |json: &str, expected: &[(&str, &str)]| {
            let owned = |(path, message): &(&str, &str)| (path.to_string(), message.to_string());
            let expected: Vec<_> = expected.iter().map(owned).collect();
            assert_eq!(arrivals(json).check(), expected, "{json}");
            assert_eq!(arrivals(json).process(None).err(), Some(expected));
        };
        check(
            r#"{"process": "at", "times": []}"#,
            &[("times", "the list is empty; give at least one time")],
        );
        check(
            r#"{"process": "every", "interval": "0s", "first": "2h", "until": "1h", "count": 0}"#,
            &[
                ("interval", "0s is not above 0s"),
                ("until", "1h is not after the begin at 2h"),
                ("count", "0 is below the minimum of 1"),
            ],
        );
        check(
            r#"{"process": "poisson", "rate": "2000000/s"}"#,
            &[("rate", "2000000/s is above 1000000/s, one a microsecond")],
        );
        let hours = "a profile has 24 (hours of a day) or 168 (hours of a week)";
        check(
            r#"{"process": "profile", "rates": ["0/h"]}"#,
            &[
                ("rates", &format!("1 rates; {hours}")),
                ("rates", "every rate is 0; nothing would ever arrive"),
            ],
        );
        check(
            r#"{"process": "bursts", "size": 1}"#,
            &[("", "bursts have either every or rate")],
        );
        check(
            r#"{"process": "bursts", "every": "0s", "size": 0}"#,
            &[
                ("every", "0s is not above 0s"),
                ("size", "0 is below the minimum of 1"),
            ],
        );
        let rule = "size × within / (time between bursts) may be 1000000 at most, and so may size";
        check(
            r#"{"process": "bursts", "every": "1s", "size": 1000, "within": "1h"}"#,
            &[("size", &format!("1000 is too much; {rule}"))],
        );
    }

    #[test]
    fn a_trace_brings_its_own_times() {
        let trace = arrivals(r#"{"process": "trace", "file": "a.csv"}"#);
        let message = "a trace gives its requests and their times itself";
        assert_eq!(trace.check(), []);
        assert_eq!(
            trace.process(None).err(),
            Some(vec![("process".to_owned(), message.to_owned())])
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        let json = r#"{"process": "every", "interval": "1s", "from": "1s"}"#;
        assert!(serde_json::from_str::<Arrivals>(json).is_err());
    }

    fn any_duration() -> impl Strategy<Value = Duration> {
        let micros = prop_oneof![0..10u64, 0..10_000_000_000u64, 0..=u64::MAX / 4];
        micros.prop_map(|micros| SimDuration::from_micros(micros).into())
    }

    fn any_rate<T: std::str::FromStr + std::fmt::Debug>() -> impl Strategy<Value = Option<T>> {
        let count = prop_oneof![0.0..100.0f64, 0.0..2e6f64, Just(0.0), Just(5e-324)];
        let unit = prop_oneof![Just("s"), Just("h"), Just("w")];
        (count, unit).prop_map(|(count, unit)| format!("{count}/{unit}").parse().ok())
    }

    prop_compose! {
        fn any_arrivals()(
            which in 0..5,
            (a, within) in (any_duration(), any_duration()),
            rate in any_rate::<Rate>(),
            rates in proptest::collection::vec(any_rate::<RateOrZero>(), 24),
            size in 0..50u32,
            from in proptest::option::of(any_duration()),
            until in proptest::option::of(any_duration()),
            count in proptest::option::of(0..1000u64),
        ) -> Arrivals {
            match (which, rate) {
                (0, _) => Arrivals::At { times: vec![a, within] },
                (1, Some(rate)) => Arrivals::Poisson { rate, from, until, count },
                (2, _) => {
                    let rates = rates.into_iter().flatten().collect();
                    Arrivals::Profile { rates, from, until, count }
                }
                (3, rate) => Arrivals::Bursts {
                    every: rate.is_none().then_some(a),
                    rate,
                    size,
                    within: Some(within),
                    from,
                    until,
                    count,
                },
                _ => Arrivals::Every { interval: a, first: from, until, count },
            }
        }
    }

    proptest! {
        #[test]
        fn times_never_go_back_and_stay_in_their_window(
            arrivals in any_arrivals(),
            seed: u64,
            start in proptest::option::of(any::<i64>().prop_map(Timestamp::from_unix_secs)),
        ) {
            if let Ok(process) = arrivals.process(start) {
                let window = arrivals.window();
                let mut last = SimTime::ZERO + window.begin.unwrap_or_default().span();
                let mut seen = 0;
                for time in process.times(stream(seed)).take(200) {
                    prop_assert!(last <= time);
                    let is_before = |until: Duration| time < SimTime::ZERO + until.span();
                    prop_assert!(window.until.is_none_or(is_before));
                    (last, seen) = (time, seen + 1);
                }
                prop_assert!(window.count.is_none_or(|count| seen <= count));
            }
        }
    }
}
