//! Quantities as a scenario writes them, with their units: `90s`, `30/h`, `4 GiB`.
//!
//! A bare number where a unit is needed is an error, so that nobody has to remember which unit a
//! key takes. Each type is read from text once, exactly (decimal digits times an integer unit,
//! never through a float), and afterwards only holds legal values. [`FORMATS`] lists the same
//! checks by JSON Schema format, for whoever checks a whole file and wants every problem at once.
//!
//! ```
//! # use stowplan::units::{Duration, MemorySize};
//! let duration: Duration = "1h30m".parse()?;
//! assert_eq!(duration.span().micros(), 5_400_000_000);
//! let refused = "4GB".parse::<MemorySize>();
//! assert_eq!(refused.unwrap_err(), r#""4GB": GB is not a unit of memory here; write "4 GiB""#);
//! # Ok::<(), String>(())
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::{SimDuration, SimTime};

/// A check of one value of a file; the error says what is wrong with it and what to write instead.
pub type FormatCheck = fn(&Value) -> Result<(), String>;

/// The `format` names that the schemas of this module use, each with its check.
///
/// A duration is not called `duration`, because JSON Schema keeps that name for ISO 8601 (`PT90S`).
pub const FORMATS: &[(&str, FormatCheck)] = &[
    ("duration-with-unit", check::<Duration>),
    ("warm-up", check::<WarmUp>),
    ("rate", check::<Rate>),
    ("rate-or-zero", check::<RateOrZero>),
    ("memory-size", check::<MemorySize>),
    ("timestamp", check::<Timestamp>),
];

/// Checks that `value` reads as a `T`. A number goes through as text, to be told of its unit.
fn check<T: FromStr<Err = String>>(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => text.parse::<T>().map(|_| ()),
        Value::Number(number) => number.to_string().parse::<T>().map(|_| ()),
        other => Err(format!("expected text, found {other}")),
    }
}

/// Makes a type that reads from and prints as text do so in files too, under a schema of its own.
macro_rules! written_as_text {
    ($name:ident, $format:literal, $description:literal, $examples:tt) => {
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "format": $format,
                    "description": $description,
                    "examples": $examples
                })
            }
        }
    };
}

/// A span of time: `90s`, `2h`, `1h30m`, `250ms`, `1.5h`. Whole microseconds, zero or more.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(SimDuration);

written_as_text!(
    Duration,
    "duration-with-unit",
    "A span of time with its unit (us, ms, s, m, h, d, w), in whole microseconds.",
    ["90s", "2h", "1h30m", "250ms", "1.5h"]
);

impl Duration {
    /// The longest duration, as long as the longest [`SimDuration::from_secs_f64`] gives.
    pub const LONGEST: Duration = Duration(SimDuration::from_micros(u64::MAX / 4));

    /// A span of simulated time; [`Duration::LONGEST`] at most.
    pub const fn of(span: SimDuration) -> Self {
        if span.micros() > Duration::LONGEST.0.micros() {
            Duration::LONGEST
        } else {
            Duration(span)
        }
    }

    /// The same span in simulated time.
    pub const fn span(self) -> SimDuration {
        self.0
    }
}

impl From<SimDuration> for Duration {
    /// Saturates at [`Duration::LONGEST`].
    fn from(span: SimDuration) -> Self {
        Duration::of(span)
    }
}

/// When statistics begin: after a span of time, or `auto`, once the steady state has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WarmUp {
    /// As soon as the steady state has been reached.
    Auto,
    /// So long after the start of the run.
    After(Duration),
}

written_as_text!(
    WarmUp,
    "warm-up",
    "A span of time with its unit (us, ms, s, m, h, d, w), or auto: once the steady state has been reached.",
    ["auto", "1h", "0s"]
);

impl FromStr for WarmUp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(WarmUp::Auto),
            _ => text.parse().map(WarmUp::After),
        }
    }
}

impl fmt::Display for WarmUp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WarmUp::Auto => out.write_str("auto"),
            WarmUp::After(span) => span.fmt(out),
        }
    }
}

/// A unit of time and its length in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimeUnit {
    name: &'static str,
    micros: u64,
}

const fn time_unit(name: &'static str, micros: u64) -> TimeUnit {
    TimeUnit { name, micros }
}

/// Every unit of time, from short to long; where two have a length the first is printed.
const TIME_UNITS: [TimeUnit; 8] = [
    time_unit("us", 1),
    time_unit("ms", 1_000),
    time_unit("s", 1_000_000),
    time_unit("m", 60_000_000),
    time_unit("min", 60_000_000),
    time_unit("h", 3_600_000_000),
    time_unit("d", 86_400_000_000),
    time_unit("w", 604_800_000_000),
];

/// Finds the unit called `name` among `units`; the error quotes the `whole` text it stood in.
fn find_time_unit(units: &[TimeUnit], name: &str, whole: &str) -> Result<TimeUnit, String> {
    if let Some(unit) = units.iter().find(|unit| unit.name == name) {
        return Ok(*unit);
    }
    let meant = match name.to_lowercase().as_str() {
        "µs" | "μs" | "usec" | "usecs" | "microsecond" | "microseconds" => "us",
        "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        _ => "",
    };
    let remedy = match units.iter().any(|unit| unit.name == meant) {
        true => format!("write {meant}"),
        false => {
            let names: Vec<&str> = units.iter().map(|unit| unit.name).collect();
            format!("the units are {}", names.join(", "))
        }
    };
    Err(format!(
        "unknown unit {} in {}; {remedy}",
        quoted(name),
        quoted(whole)
    ))
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = text.trim();
        refuse_empty_or_negative(whole, "duration", "90s, 10m, 2h")?;
        let (mut rest, mut total, mut longer) = (whole, 0u64, u64::MAX);
        while !rest.is_empty() {
            let Some((number, tail)) = leading_number(rest) else {
                return Err(not_a(whole, "duration", "90s, 10m, 2h"));
            };
            let (name, tail) = leading_letters(tail.trim_start());
            if name.is_empty() {
                return Err(match tail.is_empty() {
                    true => format!("{} needs a unit: 90s, 10m, 2h", shortened(number)),
                    false => not_a(whole, "duration", "90s, 10m, 2h"),
                });
            }
            let unit = find_time_unit(&TIME_UNITS, name, whole)?;
            if unit.micros >= longer {
                let rule = "units go from large to small, each once, as in 1h30m";
                return Err(format!("{}: {rule}", quoted(whole)));
            }
            let micros = scaled(number, unit.micros).map_err(|misfit| match misfit {
                Misfit::TooLarge => too_long(whole),
                Misfit::NotWhole => format!("{} is finer than a microsecond", quoted(whole)),
            })?;
            total = total.checked_add(micros).ok_or_else(|| too_long(whole))?;
            (rest, longer) = (tail.trim_start(), unit.micros);
        }
        if total > Duration::LONGEST.0.micros() {
            return Err(too_long(whole));
        }
        Ok(Duration(SimDuration::from_micros(total)))
    }
}

fn too_long(text: &str) -> String {
    format!("{} is too long: more than 146000 years", quoted(text))
}

/// As it would be written: `1h30m`, `250ms`, `0s`.
impl fmt::Display for Duration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.micros();
        if rest == 0 {
            return out.write_str("0s");
        }
        for unit in TIME_UNITS.iter().rev().filter(|unit| unit.name != "min") {
            if rest >= unit.micros {
                write!(out, "{}{}", rest / unit.micros, unit.name)?;
                rest %= unit.micros;
            }
        }
        Ok(())
    }
}

/// So many in a unit of time, as written.
#[derive(Clone, Copy, Debug, PartialEq)]
struct PerTime {
    count: f64,
    unit: TimeUnit,
}

impl PerTime {
    fn per_sec(self) -> f64 {
        self.count / SimDuration::from_micros(self.unit.micros).secs()
    }
}

impl FromStr for PerTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = text.trim();
        refuse_empty_or_negative(whole, "rate", "30/h, 0.5/s")?;
        let (number, tail) =
            leading_number(whole).ok_or_else(|| not_a(whole, "rate", "30/h, 0.5/s"))?;
        if tail.is_empty() {
            return Err(format!("{} needs a unit: 30/h, 0.5/s", shortened(number)));
        }
        let Some(name) = tail.trim_start().strip_prefix('/') else {
            return Err(not_a(whole, "rate", "30/h, 0.5/s"));
        };
        let unit = find_time_unit(&TIME_UNITS[2..], name.trim(), whole)?;
        match number.parse::<f64>() {
            Ok(count) if count.is_finite() => Ok(PerTime { count, unit }),
            _ => Err(format!("{} is too large for a rate", quoted(whole))),
        }
    }
}

impl fmt::Display for PerTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.count, self.unit.name)
    }
}

/// How often something happens: `30/h`, `0.5/s`. Above zero and finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(PerTime);

written_as_text!(
    Rate,
    "rate",
    "How often something happens: a number above 0 in a unit of time (s, m, h, d, w).",
    ["30/h", "0.5/s", "2/d"]
);

impl Rate {
    /// Events a second.
    pub fn per_sec(self) -> f64 {
        self.0.per_sec()
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rate: PerTime = text.parse()?;
        // Asked of the rate a second, which can vanish where the number as written does not.
        if rate.per_sec() == 0.0 {
            return Err(format!("{} is not above 0", quoted(text.trim())));
        }
        Ok(Rate(rate))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A rate that may be zero, as in the quiet hours of a profile: `30/h`, `0/h`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RateOrZero(PerTime);

written_as_text!(
    RateOrZero,
    "rate-or-zero",
    "How often something happens: a number of 0 or more in a unit of time (s, m, h, d, w).",
    ["30/h", "0/h"]
);

impl RateOrZero {
    /// Events a second.
    pub fn per_sec(self) -> f64 {
        self.0.per_sec()
    }
}

impl FromStr for RateOrZero {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(RateOrZero)
    }
}

impl fmt::Display for RateOrZero {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// An amount of memory as a plain number of MiB, rounded once to whole millionths: `300`, `0.5`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "f64", into = "f64")]
pub struct Mebibytes(u64);

impl Mebibytes {
    /// The largest amount: 1 EiB.
    const MOST: f64 = (1u64 << 40) as f64;

    /// Millionths of a MiB.
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl TryFrom<f64> for Mebibytes {
    type Error = String;

    fn try_from(mib: f64) -> Result<Self, String> {
        match (0.0..=Self::MOST).contains(&mib) {
            true => Ok(Mebibytes((mib * 1e6).round() as u64)),
            false => Err(format!("{mib} is not a number of MiB from 0 to 2^40")),
        }
    }
}

impl From<Mebibytes> for f64 {
    fn from(amount: Mebibytes) -> f64 {
        amount.0 as f64 / 1e6
    }
}

impl FromStr for Mebibytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mib = text.parse::<f64>();
        mib.map_err(|_| format!("{} is not a number of MiB", quoted(text)))?
            .try_into()
    }
}

impl fmt::Display for Mebibytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", f64::from(*self))
    }
}

impl JsonSchema for Mebibytes {
    fn schema_name() -> Cow<'static, str> {
        "Mebibytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "minimum": 0,
            "maximum": Self::MOST,
            "description": "An amount of memory as a plain number of MiB."
        })
    }
}

/// An amount of memory in whole MiB: `4 GiB`, `512 MiB`, `1 TiB`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct MemorySize(u32);

written_as_text!(
    MemorySize,
    "memory-size",
    "An amount of memory with its unit (MiB, GiB, TiB), in whole MiB.",
    ["4 GiB", "512 MiB", "1 TiB"]
);

/// Units of memory in MiB, from large to small.
const MEMORY_UNITS: [(&str, u64); 3] = [("TiB", 1 << 20), ("GiB", 1 << 10), ("MiB", 1)];

impl MemorySize {
    /// The amount in MiB.
    pub const fn mib(self) -> u32 {
        self.0
    }
}

impl FromStr for MemorySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = text.trim();
        let (number, name) = number_and_unit(whole, "memory size", "512 MiB, 4 GiB, 1 TiB")?;
        let Some((_, unit)) = MEMORY_UNITS.iter().find(|unit| unit.0 == name) else {
            return Err(unknown_memory_unit(number, name, whole));
        };
        let mib = scaled(number, *unit).map_err(|misfit| match misfit {
            Misfit::TooLarge => format!("{} is too large for a memory size", quoted(whole)),
            Misfit::NotWhole => format!("{} is not a whole number of MiB", quoted(whole)),
        })?;
        let mib = u32::try_from(mib);
        mib.map(MemorySize)
            .map_err(|_| format!("{} is too large for a memory size", quoted(whole)))
    }
}

/// Refuses a unit of memory; for a decimal or shortened one (`GB`, `Gi`, `g`) says which to write.
fn unknown_memory_unit(number: &str, name: &str, whole: &str) -> String {
    let meant = match name.to_lowercase().as_str() {
        "m" | "mb" | "mi" | "mib" => "MiB",
        "g" | "gb" | "gi" | "gib" => "GiB",
        "t" | "tb" | "ti" | "tib" => "TiB",
        _ => {
            let units = "the units are MiB, GiB, TiB";
            return format!(
                "unknown unit {} in {}; {units}",
                quoted(name),
                quoted(whole)
            );
        }
    };
    let remedy = quoted(&format!("{number} {meant}"));
    format!(
        "{}: {name} is not a unit of memory here; write {remedy}",
        quoted(whole)
    )
}

/// In the largest unit that leaves a whole number: `4 GiB`, `1536 MiB`.
impl fmt::Display for MemorySize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = u64::from(self.0);
        let fits = |unit: &&(&str, u64)| mib > 0 && mib.is_multiple_of(unit.1);
        let (name, unit) = MEMORY_UNITS.iter().find(fits).unwrap_or(&MEMORY_UNITS[2]);
        write!(out, "{} {name}", mib / unit)
    }
}

/// A date and time in UTC, in whole seconds: `2026-01-05` or `2026-01-05T08:30:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

written_as_text!(
    Timestamp,
    "timestamp",
    "A date, or a date and time in UTC (ISO 8601), in whole seconds.",
    ["2026-01-05", "2026-01-05T08:30:00Z"]
);

const SECS_IN_DAY: i64 = 86_400;

impl Timestamp {
    /// The moment `secs` seconds after 1970-01-01T00:00:00Z (before it, when negative).
    pub const fn from_unix_secs(secs: i64) -> Self {
        Timestamp(secs)
    }

    /// Seconds since 1970-01-01T00:00:00Z; negative before.
    pub const fn unix_secs(self) -> i64 {
        self.0
    }

    /// How long before this moment the week began, on Monday 00:00 UTC.
    pub fn since_monday(self) -> SimDuration {
        // 1970-01-01, day 0, was a Thursday: the fourth day of its week.
        let secs = (self.0.rem_euclid(7 * SECS_IN_DAY) + 3 * SECS_IN_DAY) % (7 * SECS_IN_DAY);
        SimDuration::from_secs(secs.unsigned_abs())
    }

    /// ISO 8601 text of the moment `time` of a run that starts here, with no more digits than
    /// needed: `2026-01-05T00:00:12.5Z`.
    pub fn at(self, time: SimTime) -> String {
        let (secs, micros) = (time.micros() / 1_000_000, time.micros() % 1_000_000);
        let text = Timestamp(self.0.saturating_add_unsigned(secs)).to_string();
        if micros == 0 {
            return text;
        }
        let digits = format!("{micros:06}");
        format!(
            "{}.{}Z",
            text.trim_end_matches('Z'),
            digits.trim_end_matches('0')
        )
    }
}

impl FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = text.trim();
        let Some(([year, month, day], [hour, minute, second])) = date_and_time(whole) else {
            let remedy = "write 2026-01-05 or 2026-01-05T08:30:00Z";
            return Err(format!(
                "{} is not a date or a UTC time; {remedy}",
                quoted(whole)
            ));
        };
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return Err(format!("{}: the calendar has no such day", quoted(whole)));
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err(format!("{}: the day has no such time", quoted(whole)));
        }
        Ok(Timestamp(
            days * SECS_IN_DAY + hour * 3600 + minute * 60 + second,
        ))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(SECS_IN_DAY));
        let secs = self.0.rem_euclid(SECS_IN_DAY);
        let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
        write!(
            out,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// The fields of `2026-01-05` or `2026-01-05T08:30:00Z`; nothing when the text has another shape.
fn date_and_time(text: &str) -> Option<([i64; 3], [i64; 3])> {
    match text.split_once('T') {
        None => Some((digit_fields(text, '-', [4, 2, 2])?, [0; 3])),
        Some((date, time)) => Some((
            digit_fields(date, '-', [4, 2, 2])?,
            digit_fields(time.strip_suffix('Z')?, ':', [2, 2, 2])?,
        )),
    }
}

/// Three numbers of given numbers of digits, with `separator` between them.
fn digit_fields(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day comes last. Source: H. Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms" (2013), `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + leap_days + day_of_year - DAYS_BEFORE_1970
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

/// Year, month and day of the day `days` after 1970-01-01: undoes [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    let days = days + DAYS_BEFORE_1970;
    let (era, day) = (
        days.div_euclid(DAYS_IN_400_YEARS),
        days.rem_euclid(DAYS_IN_400_YEARS),
    );
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = (month_from_march + 2) % 12 + 1;
    let year = 400 * era + year_of_era + i64::from(month <= 2);
    (
        year,
        month,
        day_of_year - (153 * month_from_march + 2) / 5 + 1,
    )
}

/// Why a decimal number of some unit is not a whole number of the smallest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It does not fit 64 bits.
    TooLarge,
    /// Something is left over.
    NotWhole,
}

/// `number` (decimal digits with at most one point) times `unit`, exactly.
pub(crate) fn scaled(number: &str, unit: u64) -> Result<u64, Misfit> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let decimals = decimals.trim_end_matches('0');
    let whole: u64 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| Misfit::TooLarge)?,
    };
    let part = match decimals {
        "" => 0,
        digits => part_of(digits, unit).ok_or(Misfit::NotWhole)?,
    };
    let product = whole
        .checked_mul(unit)
        .and_then(|whole| whole.checked_add(part));
    product.ok_or(Misfit::TooLarge)
}

/// The fraction with these `decimals` times `unit`, when that is whole; it is less than `unit`.
///
/// What overflows 128 bits has more decimals than any unit of this module can cancel.
fn part_of(decimals: &str, unit: u64) -> Option<u64> {
    let digits: u128 = decimals.parse().ok()?;
    let power = 10u128.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let product = digits.checked_mul(unit.into())?;
    let is_whole = product.is_multiple_of(power);
    is_whole.then_some((product / power) as u64)
}

/// Splits off the decimal number that `text` starts with: `12`, `1.5` or `.5`.
fn leading_number(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let points = number.matches('.').count();
    let is_number = points <= 1 && number.ends_with(|c: char| c.is_ascii_digit());
    is_number.then_some((number, rest))
}

/// Splits off the letters that `text` starts with.
fn leading_letters(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_alphabetic())
            .unwrap_or(text.len()),
    )
}

/// Splits `4 GiB` into `4` and `GiB`; the errors name the `kind` of quantity and give `examples`.
fn number_and_unit<'a>(
    whole: &'a str,
    kind: &str,
    examples: &str,
) -> Result<(&'a str, &'a str), String> {
    refuse_empty_or_negative(whole, kind, examples)?;
    let (number, name) = leading_number(whole).ok_or_else(|| not_a(whole, kind, examples))?;
    match name.trim_start() {
        "" => Err(format!("{} needs a unit: {examples}", shortened(number))),
        name => Ok((number, name)),
    }
}

fn refuse_empty_or_negative(text: &str, kind: &str, examples: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("an empty text is not a {kind}; write {examples}"));
    }
    let negative = text
        .strip_prefix('-')
        .is_some_and(|rest| leading_number(rest).is_some());
    match negative {
        true => Err(format!("{} is negative; a {kind} is not", quoted(text))),
        false => Ok(()),
    }
}

fn not_a(text: &str, kind: &str, examples: &str) -> String {
    format!("{} is not a {kind}; write {examples}", quoted(text))
}

/// `text` in quotes, its control characters escaped, cut short where it is long.
fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// `text`, cut after 40 characters: a message has no use for a megabyte of it.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `text` reads as, printed again, or the error.
    fn read<T: FromStr<Err = String> + fmt::Display>(text: &str) -> String {
        text.parse::<T>()
            .map_or_else(|error| format!("error: {error}"), |value| value.to_string())
    }

    #[test]
    fn durations_are_exact() {
        let check = |text: &str, micros| {
            assert_eq!(
                text.parse::<Duration>().map(|d| d.span().micros()),
                Ok(micros),
                "{text}"
            );
        };
        check("90s", 90_000_000);
        check("2h", 7_200_000_000);
        check("1h30m", 5_400_000_000);
        check(" 1 h 30 min ", 5_400_000_000);
        check("250ms", 250_000);
        check("10us", 10);
        check("1.5h", 5_400_000_000);
        check("2 h", 7_200_000_000);
        check("3d", 259_200_000_000);
        check("1w", 604_800_000_000);
        check("0s", 0);
        check(".5s", 500_000);
        check("0.1s", 100_000);
        check("1.000001000s", 1_000_001);
        check("2w1d1h1m1s1ms1us", 1_299_661_001_001);
        check("4611686018427387903us", u64::MAX / 4);
    }

    #[test]
    fn durations_are_printed_as_written_and_refused_in_words() {
        let check = |text: &str, expected: &str| assert_eq!(read::<Duration>(text), expected);
        check("90s", "1m30s");
        check("1.5h", "1h30m");
        check("36h", "1d12h");
        check("0ms", "0s");
        check("1000001us", "1s1us");
        check(
            "",
            "error: an empty text is not a duration; write 90s, 10m, 2h",
        );
        check("90", "error: 90 needs a unit: 90s, 10m, 2h");
        check("1h30", "error: 30 needs a unit: 90s, 10m, 2h");
        check("-5s", r#"error: "-5s" is negative; a duration is not"#);
        check(
            "NaN",
            r#"error: "NaN" is not a duration; write 90s, 10m, 2h"#,
        );
        check("s", r#"error: "s" is not a duration; write 90s, 10m, 2h"#);
        check(
            "1.2.3s",
            r#"error: "1.2.3s" is not a duration; write 90s, 10m, 2h"#,
        );
        check(
            "1.s",
            r#"error: "1.s" is not a duration; write 90s, 10m, 2h"#,
        );
        check("5%", r#"error: "5%" is not a duration; write 90s, 10m, 2h"#);
        check(
            "5 hours",
            r#"error: unknown unit "hours" in "5 hours"; write h"#,
        );
        check("5µs", r#"error: unknown unit "µs" in "5µs"; write us"#);
        check(
            "1e3s",
            r#"error: unknown unit "e" in "1e3s"; the units are us, ms, s, m, min, h, d, w"#,
        );
        check(
            "1m1h",
            r#"error: "1m1h": units go from large to small, each once, as in 1h30m"#,
        );
        check(
            "1m1min",
            r#"error: "1m1min": units go from large to small, each once, as in 1h30m"#,
        );
        check("0.5us", r#"error: "0.5us" is finer than a microsecond"#);
        check(
            "0.33333333333333333333333333333333333333333s",
            r#"error: "0.33333333333333333333333333333333333333…" is finer than a microsecond"#,
        );
        check(
            "4611686018427387904us",
            r#"error: "4611686018427387904us" is too long: more than 146000 years"#,
        );
        check(
            "99999999999999999999w",
            r#"error: "99999999999999999999w" is too long: more than 146000 years"#,
        );
        check(
            "30000000w4000000d",
            r#"error: "30000000w4000000d" is too long: more than 146000 years"#,
        );
    }

    #[test]
    fn rates() {
        let check = |text: &str, expected: &str| assert_eq!(read::<Rate>(text), expected);
        check("30/h", "30/h");
        check(" 0.5 / s ", "0.5/s");
        check("1.50/min", "1.5/min");
        check("", "error: an empty text is not a rate; write 30/h, 0.5/s");
        check("30", "error: 30 needs a unit: 30/h, 0.5/s");
        check("0/h", r#"error: "0/h" is not above 0"#);
        check("-1/h", r#"error: "-1/h" is negative; a rate is not"#);
        check(
            "30/hour",
            r#"error: unknown unit "hour" in "30/hour"; write h"#,
        );
        check(
            "30/ms",
            r#"error: unknown unit "ms" in "30/ms"; the units are s, m, min, h, d, w"#,
        );
        check(
            "2 per minute",
            r#"error: "2 per minute" is not a rate; write 30/h, 0.5/s"#,
        );
        let huge = format!("{}/s", "9".repeat(400));
        let cut = "9".repeat(40);
        check(&huge, &format!("error: \"{cut}…\" is too large for a rate"));
        assert_eq!("36/h".parse::<Rate>().map(Rate::per_sec), Ok(0.01));
        assert_eq!(read::<RateOrZero>("0/h"), "0/h");
        assert_eq!(
            "7/w".parse::<RateOrZero>().map(RateOrZero::per_sec),
            Ok(7.0 / 604_800.0)
        );
    }

    #[test]
    fn memory_sizes() {
        let check = |text: &str, expected: &str| assert_eq!(read::<MemorySize>(text), expected);
        check("4 GiB", "4 GiB");
        check("4GiB", "4 GiB");
        check("2048 MiB", "2 GiB");
        check("1.5 GiB", "1536 MiB");
        check("1 TiB", "1 TiB");
        check("0 MiB", "0 MiB");
        check("512", "error: 512 needs a unit: 512 MiB, 4 GiB, 1 TiB");
        check(
            "4GB",
            r#"error: "4GB": GB is not a unit of memory here; write "4 GiB""#,
        );
        check(
            "4 Gi",
            r#"error: "4 Gi": Gi is not a unit of memory here; write "4 GiB""#,
        );
        check(
            "1 KiB",
            r#"error: unknown unit "KiB" in "1 KiB"; the units are MiB, GiB, TiB"#,
        );
        check(
            "0.3 GiB",
            r#"error: "0.3 GiB" is not a whole number of MiB"#,
        );
        check(
            "5000 TiB",
            r#"error: "5000 TiB" is too large for a memory size"#,
        );
        check(
            "99999999999999 TiB",
            r#"error: "99999999999999 TiB" is too large for a memory size"#,
        );
        check(
            "lots",
            r#"error: "lots" is not a memory size; write 512 MiB, 4 GiB, 1 TiB"#,
        );
        check(
            "",
            "error: an empty text is not a memory size; write 512 MiB, 4 GiB, 1 TiB",
        );
        assert_eq!("4 GiB".parse::<MemorySize>().map(MemorySize::mib), Ok(4096));
        // The twentieth decimal still counts: 2^-20 TiB.
        assert_eq!(read::<MemorySize>("0.00000095367431640625 TiB"), "1 MiB");
    }

    #[test]
    fn timestamps() {
        let check = |text: &str, expected: &str| assert_eq!(read::<Timestamp>(text), expected);
        check("2026-01-05", "2026-01-05T00:00:00Z");
        check("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z");
        check(
            "2026-02-29",
            r#"error: "2026-02-29": the calendar has no such day"#,
        );
        check(
            "1900-02-29",
            r#"error: "1900-02-29": the calendar has no such day"#,
        );
        check(
            "2026-13-01",
            r#"error: "2026-13-01": the calendar has no such day"#,
        );
        check(
            "2026-01-00",
            r#"error: "2026-01-00": the calendar has no such day"#,
        );
        check(
            "2026-01-05T24:00:00Z",
            r#"error: "2026-01-05T24:00:00Z": the day has no such time"#,
        );
        for shape in [
            "",
            "2026-1-5",
            "2026-01-05T00:00:00",
            "2026-01-05T00:00:00+01:00",
            "1767571200",
            "2026-01-05-",
            "+026-01-05",
            "2026-01-05T00:00:00.5Z",
        ] {
            let remedy = "write 2026-01-05 or 2026-01-05T08:30:00Z";
            check(
                shape,
                &format!("error: {shape:?} is not a date or a UTC time; {remedy}"),
            );
        }
        let unix = |text: &str| text.parse::<Timestamp>().map(Timestamp::unix_secs);
        assert_eq!(unix("1970-01-01"), Ok(0));
        assert_eq!(unix("2026-01-05T00:00:00Z"), Ok(1_767_571_200));
        assert_eq!(unix("0000-03-01"), Ok(-DAYS_BEFORE_1970 * SECS_IN_DAY));
    }

    /// 2026-01-05 is a Monday, 1969-12-31 a Wednesday.
    #[test]
    fn weeks_begin_on_monday() {
        let check = |text: &str, secs| {
            let since = text.parse::<Timestamp>().map(Timestamp::since_monday);
            assert_eq!(since, Ok(SimDuration::from_secs(secs)), "{text}");
        };
        check("2026-01-05", 0);
        check("2026-01-04T23:59:59Z", 7 * 86_400 - 1);
        check("1970-01-01", 3 * 86_400);
        check("1969-12-31T01:00:00Z", 2 * 86_400 + 3_600);
    }

    #[test]
    fn moments_of_a_run_print_with_no_more_digits_than_needed() {
        let start = Timestamp::from_unix_secs(1_767_571_200);
        let check = |micros, text: &str| assert_eq!(start.at(SimTime::from_micros(micros)), text);
        check(0, "2026-01-05T00:00:00Z");
        check(86_412_500_000, "2026-01-06T00:00:12.5Z");
        check(1, "2026-01-05T00:00:00.000001Z");
        assert_eq!(Timestamp::from_unix_secs(i64::MAX).at(SimTime::MAX), {
            "292277026596-12-04T15:30:07.551614Z"
        });
    }

    #[test]
    fn every_format_has_its_check() {
        let check = |format: &str, value: Value| {
            let found = FORMATS.iter().find(|(name, _)| *name == format);
            found
                .map(|(_, check)| check(&value))
                .expect("a format of that name")
        };
        assert_eq!(check("duration-with-unit", "2h".into()), Ok(()));
        let needs_unit = Err("90 needs a unit: 90s, 10m, 2h".to_owned());
        assert_eq!(check("duration-with-unit", 90.into()), needs_unit);
        assert_eq!(
            check("rate", Value::Null),
            Err("expected text, found null".to_owned())
        );
        assert_eq!(check("rate-or-zero", "0/d".into()), Ok(()));
        assert_eq!(check("memory-size", "1 GiB".into()), Ok(()));
        assert_eq!(check("timestamp", "2026-01-05".into()), Ok(()));
    }

    #[test]
    fn schemas_name_formats_that_exist_and_give_examples_that_read() {
        fn check<T: JsonSchema>() {
            let schema = schemars::schema_for!(T);
            let format = schema.get("format").and_then(Value::as_str);
            let found = FORMATS.iter().find(|(name, _)| Some(*name) == format);
            let (_, check) = found.expect("a format of the table");
            let examples = schema.get("examples").and_then(Value::as_array);
            for example in examples.expect("examples") {
                assert_eq!(check(example), Ok(()));
            }
        }
        check::<Duration>();
        check::<Rate>();
        check::<RateOrZero>();
        check::<MemorySize>();
        check::<Timestamp>();
    }

    #[test]
    fn files_hold_them_as_text() {
        let duration: Duration = serde_json::from_str("\"1.5h\"").expect("a duration");
        assert_eq!(serde_json::to_string(&duration).expect("text"), "\"1h30m\"");
        let error = serde_json::from_str::<Duration>("\"90\"").map_err(|error| error.to_string());
        assert_eq!(error, Err("90 needs a unit: 90s, 10m, 2h".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_panics(
            text in "\\PC*|[-+0-9.eE/:TZ a-zA-Zµ]{0,40}|[0-9.]{0,60} ?(TiB|vCPU|w|us|/h)"
        ) {
            let value = Value::String(text);
            for (_, check) in FORMATS {
                let _ = check(&value);
            }
        }

        #[test]
        fn what_is_printed_reads_back(
            micros in 0..=u64::MAX / 4,
            mib: u32,
            secs in -62_167_219_200..253_402_300_800i64, // the years 0000 to 9999
        ) {
            let duration = Duration::from(SimDuration::from_micros(micros));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
            let memory = MemorySize(mib);
            prop_assert_eq!(memory.to_string().parse(), Ok(memory));
            let timestamp = Timestamp::from_unix_secs(secs);
            prop_assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }

        #[test]
        fn rates_read_back(count in 1e-9..1e9f64) {
            let rate = Rate(PerTime { count, unit: TIME_UNITS[5] });
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn any_moment_prints(secs: i64, micros: u64) {
            let text = Timestamp::from_unix_secs(secs).at(SimTime::from_micros(micros));
            prop_assert!(text.ends_with('Z'));
        }
    }

    #[test]
    fn mebibytes_are_plain_numbers() {
        let check = |json: &str, expected: Option<u64>| {
            let read = serde_json::from_str::<Mebibytes>(json);
            assert_eq!(read.ok().map(Mebibytes::millionths), expected, "{json}");
            let read = json.parse::<Mebibytes>();
            assert_eq!(read.ok().map(Mebibytes::millionths), expected, "{json}");
        };
        check("300", Some(300_000_000));
        check("0.5", Some(500_000));
        check("0.0000004", Some(0));
        check("1099511627776", Some(1_099_511_627_776_000_000));
        check("1099511627777", None);
        check("-1", None);
        check("1e999", None);
        check("\"4 GiB\"", None);
    }
}
