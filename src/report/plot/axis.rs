//! Ranges, round ticks and the units of time in which an axis counts.

/// Larger than any moment a run reaches (1.8e13 s), small enough that sums stay finite.
pub(in crate::report) const LARGEST: f64 = 1e15;

/// From the lower to the higher end of an axis; the higher is really higher.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Range {
    pub low: f64,
    pub high: f64,
}

impl Range {
    /// From nothing to the whole.
    pub(in crate::report) const SHARES: Range = Range {
        low: 0.0,
        high: 1.0,
    };

    /// Widened where the ends are too close for an axis.
    pub(in crate::report) fn new(low: f64, high: f64) -> Self {
        let least = 1e-9 * low.abs().max(high.abs());
        let high = if high - low > least { high } else { low + 1.0 };
        Range { low, high }
    }

    pub(in crate::report) fn span(self) -> f64 {
        self.high - self.low
    }

    /// Where `value` lies, from 0 at the low end to 1 at the high one; held at the ends.
    pub(in crate::report) fn share(self, value: f64) -> f64 {
        ((value - self.low) / self.span()).clamp(0.0, 1.0)
    }
}

/// A place on an axis and what is written there.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Tick {
    pub at: f64,
    pub label: String,
}

struct Unit {
    name: &'static str,
    secs: f64,
    /// Round steps in this unit, ascending; beyond them 1, 2 or 5 times a power of ten.
    steps: &'static [f64],
}

const SIXTIETHS: &[f64] = &[0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0];
const UNITS: [Unit; 6] = [
    Unit {
        name: "d",
        secs: 86_400.0,
        steps: &[],
    },
    Unit {
        name: "h",
        secs: 3_600.0,
        steps: &[0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0],
    },
    Unit {
        name: "min",
        secs: 60.0,
        steps: SIXTIETHS,
    },
    Unit {
        name: "s",
        secs: 1.0,
        steps: SIXTIETHS,
    },
    Unit {
        name: "ms",
        secs: 1e-3,
        steps: &[],
    },
    Unit {
        name: "µs",
        secs: 1e-6,
        steps: &[],
    },
];

/// The largest unit of which `secs` holds at least `least`.
fn unit(secs: f64, least: f64) -> &'static Unit {
    let fits = |unit: &&Unit| secs >= least * unit.secs;
    UNITS.iter().find(fits).unwrap_or(&UNITS[UNITS.len() - 1])
}

/// At most about `most` round ticks over a range of seconds, and the unit their labels count in.
pub(in crate::report) fn time_ticks(range: Range, most: usize) -> (&'static str, Vec<Tick>) {
    let unit = unit(range.span(), 3.0);
    let counted = Range {
        low: range.low / unit.secs,
        high: range.high / unit.secs,
    };
    let least = counted.span() / most as f64;
    let listed = unit.steps.iter().copied().find(|step| *step >= least);
    let step = listed.unwrap_or_else(|| decimal_step(least));
    let decimals = decimals_of(step);
    let label = |value: f64| format!("{value:.decimals$}");
    let ticks = multiples(counted, step)
        .map(|value| Tick {
            at: value * unit.secs,
            label: label(value),
        })
        .collect();
    (unit.name, ticks)
}

/// At most about `most` round ticks over a range of counts.
pub(in crate::report) fn count_ticks(range: Range, most: usize) -> Vec<Tick> {
    let step = decimal_step(range.span() / most as f64);
    multiples(range, step)
        .map(|at| Tick {
            at,
            label: short_count(at, step),
        })
        .collect()
}

/// Ticks at every `step` percent over a range of shares.
pub(in crate::report) fn percent_ticks(step: usize) -> Vec<Tick> {
    let tick = |percent: u32| Tick {
        at: f64::from(percent) / 100.0,
        label: percent.to_string(),
    };
    (0..=100).step_by(step).map(tick).collect()
}

/// Ticks for an axis of the decimal logarithm of seconds, each labelled with its own unit.
pub(in crate::report) fn logarithmic_time_ticks(range: Range) -> Vec<Tick> {
    const ROUND: [(f64, &str); 14] = [
        (1e-6, "1 µs"),
        (1e-5, "10 µs"),
        (1e-4, "100 µs"),
        (1e-3, "1 ms"),
        (1e-2, "10 ms"),
        (1e-1, "100 ms"),
        (1.0, "1 s"),
        (10.0, "10 s"),
        (60.0, "1 min"),
        (600.0, "10 min"),
        (3_600.0, "1 h"),
        (36_000.0, "10 h"),
        (86_400.0, "1 d"),
        (864_000.0, "10 d"),
    ];
    let short = ROUND.iter().map(|(secs, label)| (*secs, label.to_string()));
    let long = (2..11).map(|power| (86_400.0 * 10f64.powi(power), format!("1e{power} d")));
    short
        .chain(long)
        .map(|(secs, label)| Tick {
            at: secs.log10(),
            label,
        })
        .filter(|tick| range.low <= tick.at && tick.at <= range.high)
        .collect()
}

/// A span of time in the unit that suits it, to three digits: `350 ms`, `12.3 s`, `2 h`.
pub(in crate::report) fn duration(secs: f64) -> String {
    if secs <= 0.0 {
        return "0 s".to_string();
    }
    let unit = unit(secs, 1.0);
    let value = secs / unit.secs;
    let decimals = if value >= 100.0 {
        0
    } else {
        decimals_of(value / 100.0)
    };
    let digits = format!("{value:.decimals$}");
    let digits = if decimals > 0 {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        &digits
    };
    format!("{digits} {}", unit.name)
}

/// A moment as seconds below two minutes, then as on a clock: `7.5 s`, `0:12:05`, `2 d 03:00:00`.
pub(in crate::report) fn moment(secs: f64) -> String {
    if secs < 120.0 {
        return duration(secs);
    }
    let whole = secs.round() as u64;
    let (days, hours) = (whole / 86_400, whole / 3600 % 24);
    let (minutes, secs) = (whole / 60 % 60, whole % 60);
    match days {
        0 => format!("{hours}:{minutes:02}:{secs:02}"),
        _ => format!("{days} d {hours:02}:{minutes:02}:{secs:02}"),
    }
}

/// A count with its thousands set apart: `1,234,567`.
pub(in crate::report) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The multiples of `step` within a range; never more than a hundred.
fn multiples(range: Range, step: f64) -> impl Iterator<Item = f64> {
    let slack = 1e-9;
    let first = (range.low / step - slack).ceil();
    let last = (range.high / step + slack).floor();
    let count = (last - first + 1.0).clamp(0.0, 100.0) as u32;
    (0..count).map(move |place| (first + f64::from(place)) * step)
}

/// The least of 1, 2 and 5 times a power of ten that is not below `least`.
fn decimal_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 5.0];
    let fits = factors.into_iter().find(|factor| factor * power >= least);
    fits.unwrap_or(10.0) * power
}

/// Decimals that tell multiples of `step` apart.
fn decimals_of(step: f64) -> usize {
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize
}

fn short_count(count: f64, step: f64) -> String {
    let (size, suffix) = match count {
        _ if count >= 1e9 => return format!("{count:e}"),
        _ if count >= 1e6 => (1e6, "M"),
        _ if count >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let decimals = decimals_of(step / size);
    format!("{:.decimals$}{suffix}", count / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_in_round_steps_of_a_sensible_unit() {
        let check = |low, high, most, name, labels: &str| {
            let (unit, ticks) = time_ticks(Range::new(low, high), most);
            let found: Vec<_> = ticks.iter().map(|tick| tick.label.as_str()).collect();
            assert_eq!((unit, found.join(" ").as_str()), (name, labels));
        };
        check(0.0, 1.0, 5, "ms", "0 200 400 600 800 1000");
        check(0.0, 10.0, 5, "s", "0 2 4 6 8 10");
        check(0.0, 170.0, 6, "s", "0 30 60 90 120 150");
        check(0.0, 3_600.0, 8, "min", "0 10 20 30 40 50 60");
        check(0.0, 86_400.0, 9, "h", "0 3 6 9 12 15 18 21 24");
        check(0.0, 172_800.0, 4, "h", "0 12 24 36 48");
        check(0.0, 604_800.0, 8, "d", "0 1 2 3 4 5 6 7");
        check(3_600.0, 7_200.0, 4, "min", "60 75 90 105 120");
        check(0.0, 1e15, 3, "d", "0 5000000000 10000000000");
        check(5.0, 5.0, 2, "ms", "5000 5500 6000");
    }

    #[test]
    fn counts_are_round_and_short() {
        let check = |high, labels: &str| {
            let ticks = count_ticks(Range::new(0.0, high), 4);
            let found: Vec<_> = ticks.iter().map(|tick| tick.label.as_str()).collect();
            assert_eq!(found.join(" "), labels);
        };
        check(1.0, "0.0 0.5 1.0");
        check(7.0, "0 2 4 6");
        check(40.0, "0 10 20 30 40");
        check(40_000.0, "0 10k 20k 30k 40k");
        check(3e15, "0 1e15 2e15 3e15");
    }

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let check = |secs, text: &str| assert_eq!(duration(secs), text);
        check(0.0, "0 s");
        check(0.35, "350 ms");
        check(1.0, "1 s");
        check(12.34, "12.3 s");
        check(90.0, "1.5 min");
        check(100.0 * 60.0, "1.67 h");
        check(864_000.0 * 20.0, "200 d");
    }

    #[test]
    fn moments_read_as_on_a_clock() {
        let check = |secs, text: &str| assert_eq!(moment(secs), text);
        check(0.0, "0 s");
        check(7.5, "7.5 s");
        check(725.2, "0:12:05");
        check(2.0 * 86_400.0 + 10_800.0, "2 d 03:00:00");
    }

    #[test]
    fn thousands_are_set_apart() {
        let check = |count, text: &str| assert_eq!(grouped(count), text);
        check(0, "0");
        check(999, "999");
        check(1_000_000, "1,000,000");
    }

    #[test]
    fn a_logarithmic_axis_has_its_round_times() {
        let labels: Vec<_> = logarithmic_time_ticks(Range::new(-1.0, 4.0))
            .into_iter()
            .map(|tick| tick.label)
            .collect();
        assert_eq!(labels.join(", "), "100 ms, 1 s, 10 s, 1 min, 10 min, 1 h");
    }
}
