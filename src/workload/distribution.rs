//! How long things take and how they end: run-time distributions and weighted exit codes.
//!
//! [`Distribution`] and [`Exits`] are the shapes a scenario is written in. Each gives a sampler,
//! once, when the scenario loads, or says everything that is wrong with it; after that a draw
//! cannot fail. Draws are rounded to the nearest microsecond, and what is too long becomes the
//! longest span there is, so the most extreme parameters neither panic nor hang.
//!
//! A distribution is given by what a user can read off a chart (a median and a 95th percentile,
//! a mean and a coefficient of variation) where that determines it. Formulas are those of Law,
//! *Simulation Modeling and Analysis*, 5th ed., section 6.2.2, unless another source is named.

use std::fmt;
use std::io::Read;

use rand::RngExt;
use rand_distr::{Distribution as _, Exp1, Gamma, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rng::Stream;
use crate::time::SimDuration;
use crate::units::{Duration, Mebibytes, scaled};

/// What a [`Distribution`] may be of: a quantity in whole millionths of its unit.
pub trait Quantity: Copy + Ord + Default + fmt::Display {
    /// As samplers draw it: a span of time; of another quantity so many seconds as it has units.
    fn span(self) -> SimDuration;

    /// Reads what a file of observed values has.
    ///
    /// # Errors
    /// What is wrong with it.
    fn read(field: &str) -> Result<SimDuration, String>;
}

impl Quantity for Duration {
    fn span(self) -> SimDuration {
        Duration::span(self)
    }

    /// A number of seconds, or a duration with a unit.
    fn read(field: &str) -> Result<SimDuration, String> {
        let Ok(secs) = field.parse::<f64>() else {
            return field.parse::<Duration>().map(Duration::span);
        };
        match (0.0..Duration::LONGEST.span().secs()).contains(&secs) {
            true => Ok(SimDuration::from_secs_f64(secs)),
            false => Err(format!(
                "{field} is not a number of seconds from 0 to 4.6e12"
            )),
        }
    }
}

impl Quantity for Mebibytes {
    fn span(self) -> SimDuration {
        SimDuration::from_micros(self.millionths())
    }

    /// A number of MiB.
    fn read(field: &str) -> Result<SimDuration, String> {
        field.parse::<Mebibytes>().map(Mebibytes::span)
    }
}

/// How a span of time, or another quantity, is distributed. With `atMost`, a longer draw becomes
/// `atMost`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "distribution",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
#[schemars(rename = "DistributionOf{T}")]
pub enum Distribution<T = Duration> {
    /// Always the same.
    Constant {
        /// The span.
        value: T,
        /// No draw is longer.
        at_most: Option<T>,
    },
    /// Every microsecond from `min` to `max`, both included, equally likely.
    Uniform {
        /// The shortest span.
        min: T,
        /// The longest span; at least `min`.
        max: T,
        /// No draw is longer.
        at_most: Option<T>,
    },
    /// Exponential: memoryless.
    Exponential {
        /// Mean, above zero.
        mean: T,
        /// No draw is longer.
        at_most: Option<T>,
    },
    /// Lognormal: the logarithm is normal. Run times often look so.
    Lognormal {
        /// Half of the draws are shorter; above zero.
        median: T,
        /// 95 % of the draws are shorter; at least the median.
        p95: T,
        /// No draw is longer.
        at_most: Option<T>,
    },
    /// Gamma, by its mean and either `shape` or `cv`.
    Gamma {
        /// Mean, above zero.
        mean: T,
        /// Shape, above 0; 1 is the exponential, larger is narrower.
        #[schemars(range(min = 0.0))]
        shape: Option<f64>,
        /// Coefficient of variation (standard deviation / mean), above 0; the shape is 1 / cv².
        #[schemars(range(min = 0.0))]
        cv: Option<f64>,
        /// No draw is longer.
        at_most: Option<T>,
    },
    /// Weibull; a shape below 1 gives a tail heavier than the exponential's.
    Weibull {
        /// Scale, above zero: 63 % of the draws are shorter.
        scale: T,
        /// Shape, above 0; 1 is the exponential.
        #[schemars(range(min = 0.0))]
        shape: f64,
        /// No draw is longer.
        at_most: Option<T>,
    },
    /// Pareto (type I): P(longer than x) = (min / x)^shape. Without `atMost` its mean is infinite
    /// when the shape is 1 or less.
    Pareto {
        /// The shortest span, above zero.
        min: T,
        /// Shape, above 0; smaller is a heavier tail.
        #[schemars(range(min = 0.0))]
        shape: f64,
        /// No draw is longer.
        at_most: Option<T>,
    },
    /// One of the observed spans, each equally likely, drawn with replacement.
    Empirical {
        /// The observed spans; give these or `file`.
        values: Option<Vec<T>>,
        /// CSV file of observed spans: numbers of seconds, or durations with a unit.
        file: Option<String>,
        /// The column of the file to read; may be left out when there is only one.
        column: Option<String>,
        /// No draw is longer.
        at_most: Option<T>,
    },
}

impl<T: Quantity> Distribution<T> {
    /// Everything that is wrong across the fields: path from here, and message. Empty when all is
    /// well. Does not open the file of an empirical distribution.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut faults = Faults::default();
        match self {
            Distribution::Constant { .. } => {}
            Distribution::Uniform { min, max, .. } => faults.not_below("max", *max, "min", *min),
            Distribution::Exponential { mean, .. } => faults.not_zero("mean", *mean),
            Distribution::Lognormal { median, p95, .. } => {
                faults.not_zero("median", *median);
                faults.not_below("p95", *p95, "median", *median);
            }
            Distribution::Gamma {
                mean, shape, cv, ..
            } => {
                faults.not_zero("mean", *mean);
                shape
                    .iter()
                    .for_each(|shape| faults.positive("shape", *shape));
                cv.iter().for_each(|cv| faults.positive("cv", *cv));
                if shape.is_some() == cv.is_some() {
                    faults.add("", "a gamma distribution has either shape or cv");
                }
            }
            Distribution::Weibull { scale, shape, .. } => {
                faults.not_zero("scale", *scale);
                faults.positive("shape", *shape);
            }
            Distribution::Pareto { min, shape, .. } => {
                faults.not_zero("min", *min);
                faults.positive("shape", *shape);
            }
            Distribution::Empirical {
                values,
                file,
                column,
                ..
            } => {
                if values.is_some() == file.is_some() {
                    faults.add("", "an empirical distribution has either values or file");
                }
                if values.as_ref().is_some_and(Vec::is_empty) {
                    faults.add("values", "the list is empty; there is nothing to draw from");
                }
                if column.is_some() && file.is_none() {
                    faults.add("column", "there is no file to read this column of");
                }
            }
        }
        faults.0
    }

    /// What draws from this distribution. Where it names a file, `open` opens it, once.
    ///
    /// # Errors
    /// All that [`Distribution::check`] finds; else what is wrong with the file, under `file`.
    pub fn sampler<R: Read>(
        &self,
        open: impl FnOnce(&str) -> Result<R, String>,
    ) -> Result<Sampler, Vec<(String, String)>> {
        let faults = self.check();
        if !faults.is_empty() {
            return Err(faults);
        }
        let model = self
            .model(open)
            .map_err(|(path, message)| vec![(path.into(), message)])?;
        Ok(Sampler {
            model,
            at_most: self.at_most().map(T::span),
        })
    }

    fn at_most(&self) -> Option<T> {
        match self {
            Distribution::Constant { at_most, .. }
            | Distribution::Uniform { at_most, .. }
            | Distribution::Exponential { at_most, .. }
            | Distribution::Lognormal { at_most, .. }
            | Distribution::Gamma { at_most, .. }
            | Distribution::Weibull { at_most, .. }
            | Distribution::Pareto { at_most, .. }
            | Distribution::Empirical { at_most, .. } => *at_most,
        }
    }

    /// The parameters as a draw needs them; called on a checked distribution.
    fn model<R: Read>(
        &self,
        open: impl FnOnce(&str) -> Result<R, String>,
    ) -> Result<Model, (&'static str, String)> {
        let secs = |quantity: &T| quantity.span().secs();
        Ok(match self {
            Distribution::Constant { value, .. } => Model::Constant(value.span()),
            Distribution::Uniform { min, max, .. } => Model::Uniform {
                min: min.span(),
                max: max.span(),
            },
            Distribution::Exponential { mean, .. } => Model::Exponential { mean: secs(mean) },
            Distribution::Lognormal { median, p95, .. } => Model::Lognormal {
                median: secs(median),
                sigma: sigma(secs(median), secs(p95)),
            },
            Distribution::Gamma {
                mean, shape, cv, ..
            } => {
                let shape = shape
                    .or_else(|| cv.map(|cv| 1.0 / (cv * cv)))
                    .unwrap_or(1.0);
                // Beyond these it is a constant, or zero, in every bit; inside nothing overflows.
                let shape = shape.clamp(1e-300, 1e300);
                let unit = Gamma::new(shape, 1.0);
                let unit = unit.map_err(|error| ("shape", error.to_string()))?;
                Model::Gamma {
                    mean: secs(mean),
                    shape,
                    unit,
                }
            }
            Distribution::Weibull { scale, shape, .. } => Model::Weibull {
                scale: secs(scale),
                shape: *shape,
            },
            Distribution::Pareto { min, shape, .. } => Model::Pareto {
                min: secs(min),
                shape: *shape,
            },
            Distribution::Empirical {
                values,
                file,
                column,
                ..
            } => match file {
                None => Model::Empirical(values.iter().flatten().map(|v| v.span()).collect()),
                Some(file) => {
                    let in_file = |message| ("file", format!("{file}: {message}"));
                    let source = open(file).map_err(|message| ("file", message))?;
                    let spans = read_values::<T>(source, column.as_deref());
                    Model::Empirical(spans.map_err(in_file)?)
                }
            },
        })
    }
}

/// What [`Distribution::check`] has found so far.
#[derive(Default)]
struct Faults(Vec<(String, String)>);

impl Faults {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push((path.to_owned(), message.into()));
    }

    fn positive(&mut self, path: &str, number: f64) {
        if !(number.is_finite() && number > 0.0) {
            self.add(path, format!("{number} is not above 0"));
        }
    }

    fn not_zero<T: Quantity>(&mut self, path: &str, value: T) {
        let zero = T::default();
        if value == zero {
            self.add(path, format!("{zero} is not above {zero}"));
        }
    }

    fn not_below<T: Quantity>(&mut self, path: &str, value: T, bound_name: &str, bound: T) {
        if value < bound {
            self.add(path, format!("{value} is below {bound_name}, {bound}"));
        }
    }
}

/// Draws spans of time from a [`Distribution`].
#[derive(Clone, Debug)]
pub struct Sampler {
    model: Model,
    at_most: Option<SimDuration>,
}

/// A distribution with its parameters as a draw needs them; `f64`s are seconds, or pure numbers.
#[derive(Clone, Debug)]
enum Model {
    Constant(SimDuration),
    Uniform {
        min: SimDuration,
        max: SimDuration,
    },
    Exponential {
        mean: f64,
    },
    Lognormal {
        median: f64,
        sigma: f64,
    },
    Gamma {
        mean: f64,
        shape: f64,
        unit: Gamma<f64>,
    },
    Weibull {
        scale: f64,
        shape: f64,
    },
    Pareto {
        min: f64,
        shape: f64,
    },
    Empirical(Vec<SimDuration>), // never empty
}

impl Sampler {
    /// One draw.
    ///
    /// With E exponential of mean 1 and Z standard normal: exponential `mean · E`, lognormal
    /// `median · e^(sigma · Z)`, Weibull `scale · E^(1 / shape)`, Pareto `min · e^(E / shape)`
    /// (inverse transforms); gamma by Marsaglia and Tsang (2000), scaled by `mean / shape`.
    pub fn sample(&self, stream: &mut Stream) -> SimDuration {
        let span = self.model.sample(stream);
        self.at_most.map_or(span, |at_most| span.min(at_most))
    }

    /// The exact mean in seconds; nothing when it is infinite, or when `atMost` cuts a
    /// distribution (lognormal, gamma, Weibull) whose mean then has no elementary form.
    pub fn mean_secs(&self) -> Option<f64> {
        let at_most = self.at_most.map_or(f64::INFINITY, SimDuration::secs);
        self.model
            .mean_secs(at_most)
            .filter(|mean| mean.is_finite())
    }
}

impl Model {
    /// A draw before `atMost`; see [`Sampler::sample`].
    fn sample(&self, stream: &mut Stream) -> SimDuration {
        let mut exponential = || -> f64 { Exp1.sample(stream) };
        let secs = match self {
            Model::Constant(value) => return *value,
            Model::Uniform { min, max } => {
                let micros = stream.random_range(min.micros()..=max.micros());
                return SimDuration::from_micros(micros);
            }
            Model::Empirical(spans) => return spans[stream.random_range(0..spans.len())],
            Model::Exponential { mean } => mean * exponential(),
            Model::Weibull { scale, shape } => scale * exponential().powf(1.0 / shape),
            Model::Pareto { min, shape } => min * (exponential() / shape).exp(),
            Model::Lognormal { median, sigma } => {
                let normal: f64 = StandardNormal.sample(stream);
                median * (sigma * normal).exp()
            }
            Model::Gamma { mean, shape, unit } => mean * (unit.sample(stream) / shape),
        };
        SimDuration::from_secs_f64(secs)
    }

    /// Mean of the smaller of a draw and `cap` seconds: P(draw > x) integrated from 0 to `cap`.
    fn mean_secs(&self, cap: f64) -> Option<f64> {
        let uncapped = |mean: f64| (cap == f64::INFINITY).then_some(mean);
        match self {
            Model::Constant(value) => Some(value.secs().min(cap)),
            Model::Uniform { min, max } => Some(uniform_mean(min.secs(), max.secs(), cap)),
            Model::Exponential { mean } => Some(-mean * (-cap / mean).exp_m1()),
            Model::Lognormal { median, sigma } => uncapped(median * (sigma * sigma / 2.0).exp()),
            Model::Gamma { mean, .. } => uncapped(*mean),
            Model::Weibull { scale, shape } => uncapped(scale * gamma_function(1.0 + 1.0 / shape)),
            Model::Pareto { min, shape } => Some(pareto_mean(*min, *shape, cap)),
            Model::Empirical(spans) => {
                let sum: f64 = spans.iter().map(|span| span.secs().min(cap)).sum();
                Some(sum / spans.len() as f64)
            }
        }
    }
}

/// Standard deviation of the logarithm of a lognormal, from its median and 95th percentile:
/// `ln(p95 / median) / z`, where z is the 95 % quantile of the standard normal.
fn sigma(median: f64, p95: f64) -> f64 {
    const NORMAL_P95: f64 = 1.644_853_626_951_472_2;
    (p95 / median).ln() / NORMAL_P95
}

fn uniform_mean(min: f64, max: f64, cap: f64) -> f64 {
    if cap >= max {
        return (min + max) / 2.0;
    }
    if cap <= min {
        return cap;
    }
    cap - (cap - min) * (cap - min) / (2.0 * (max - min))
}

fn pareto_mean(min: f64, shape: f64, cap: f64) -> f64 {
    if cap <= min {
        return cap;
    }
    if shape == 1.0 {
        return min + min * (cap / min).ln();
    }
    min + min / (shape - 1.0) * (1.0 - (min / cap).powf(shape - 1.0))
}

/// The gamma function for `x` of 1 or more, to about 13 digits; infinite from 172 on.
///
/// Stirling's series (Abramowitz and Stegun, 6.1.41) at an argument of 10 or more, brought down
/// by Γ(x + 1) = x Γ(x).
fn gamma_function(mut x: f64) -> f64 {
    let mut divisor = 1.0;
    while x < 10.0 {
        divisor *= x;
        x += 1.0;
    }
    let series = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
    ];
    let correction: f64 = series
        .iter()
        .rev()
        .fold(0.0, |sum, term| sum / (x * x) + term)
        / x;
    let half_log_tau = 0.5 * std::f64::consts::TAU.ln();
    ((x - 0.5) * x.ln() - x + half_log_tau + correction).exp() / divisor
}

/// Reads spans of time from CSV: numbers of seconds (rounded to microseconds), or durations such
/// as `90s`. With `column`, the first line names the columns; without, there is one column, and a
/// first line that starts with a letter is its name. Lines that start with `#` are left out.
///
/// # Errors
/// The first fault, with its line: a value that is no span, no such column, uneven lines, text
/// that is not UTF-8; or that there are no values, or that reading fails.
pub fn read_spans(source: impl Read, column: Option<&str>) -> Result<Vec<SimDuration>, String> {
    read_values::<Duration>(source, column)
}

/// The same for any quantity.
fn read_values<T: Quantity>(
    source: impl Read,
    column: Option<&str>,
) -> Result<Vec<SimDuration>, String> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader
        .has_headers(false)
        .comment(Some(b'#'))
        .trim(csv::Trim::All);
    let mut records = reader.from_reader(source).into_records().peekable();
    let mut index = 0;
    if let Some(Ok(first)) = records.peek() {
        let at_line = |message| format!("line {}: {message}", line_of(first));
        index = column_index(first, column).map_err(at_line)?;
        if column.is_some() || first[index].starts_with(|c: char| c.is_alphabetic() || c == '_') {
            records.next();
        }
    }
    let mut spans = Vec::new();
    for record in records {
        let record = record.map_err(|error| csv_fault(&error))?;
        let span = T::read(record.get(index).unwrap_or_default());
        spans.push(span.map_err(|message| format!("line {}: {message}", line_of(&record)))?);
    }
    match spans.is_empty() {
        true => Err("there are no values in it".to_owned()),
        false => Ok(spans),
    }
}

/// Which field of a line to read, by its `first` line.
fn column_index(first: &csv::StringRecord, column: Option<&str>) -> Result<usize, String> {
    let names = || first.iter().collect::<Vec<_>>().join(", ");
    match column {
        Some(column) => first
            .iter()
            .position(|name| name == column)
            .ok_or_else(|| format!("no column named {column:?}; the columns are {}", names())),
        None if first.len() == 1 => Ok(0),
        None => Err(format!(
            "there are {} columns; say which: {}",
            first.len(),
            names()
        )),
    }
}

fn line_of(record: &csv::StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// What is wrong with a CSV file, in a few words.
fn csv_fault(error: &csv::Error) -> String {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => format!("line {line}: the text is not UTF-8"),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("line {line}: {len} fields, where the first line has {expected_len}")
        }
        _ => error.to_string(),
    }
}

/// One way for a container to end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exit {
    /// How likely, relative to the other weights; 0 or more, whole or with decimals.
    #[schemars(range(min = 0.0))]
    pub weight: f64,
    /// Exit code of the process.
    pub exit_code: u8,
    /// The container's reason, as ECS and Batch report it.
    pub reason: Option<String>,
}

/// The ways for a container to end, by weight. None at all means exit code 0, always.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Exits(pub Vec<Exit>);

impl Exits {
    /// What draws an exit.
    ///
    /// # Errors
    /// Path and message of each weight that is negative or not finite; else that all are 0, or that
    /// they cannot be counted in parts of one size.
    pub fn sampler(&self) -> Result<ExitSampler, Vec<(String, String)>> {
        if self.0.is_empty() {
            let success = Exit {
                weight: 1.0,
                exit_code: 0,
                reason: None,
            };
            return Ok(ExitSampler {
                exits: vec![success],
                bounds: vec![1],
            });
        }
        let mut faults = Vec::new();
        for (index, exit) in self.0.iter().enumerate() {
            if !(exit.weight.is_finite() && exit.weight >= 0.0) {
                let message = format!("{} is not a number of 0 or more", exit.weight);
                faults.push((format!("[{index}].weight"), message));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let fault = |message: &str| Err(vec![(String::new(), message.to_owned())]);
        match self.bounds() {
            None => fault("the weights have too many digits, or differ too much"),
            Some(bounds) if bounds.ends_with(&[0]) => fault("all weights are 0; one must be above"),
            Some(bounds) => Ok(ExitSampler {
                exits: self.0.clone(),
                bounds,
            }),
        }
    }

    /// Running sums of the weights, exactly as written in decimal, in parts of the smallest power
    /// of ten that makes all of them whole; nothing when a sum does not fit 64 bits.
    fn bounds(&self) -> Option<Vec<u64>> {
        let texts: Vec<String> = self
            .0
            .iter()
            .map(|exit| exit.weight.abs().to_string())
            .collect();
        let decimals = |text: &String| text.split_once('.').map_or(0, |(_, part)| part.len());
        let most_decimals = texts.iter().map(decimals).max().unwrap_or(0);
        let parts = 10u64.checked_pow(u32::try_from(most_decimals).ok()?)?;
        let mut sum = 0u64;
        let add = |text: &String| {
            sum = sum.checked_add(scaled(text, parts).ok()?)?;
            Some(sum)
        };
        texts.iter().map(add).collect()
    }
}

/// Draws the way a container ends.
#[derive(Clone, Debug)]
pub struct ExitSampler {
    exits: Vec<Exit>,
    /// For each exit, the sum of its weight and those before it, in whole parts. Not empty, and
    /// the last is above 0.
    bounds: Vec<u64>,
}

impl ExitSampler {
    /// The ways for the container to end; at least one.
    pub fn exits(&self) -> &[Exit] {
        &self.exits
    }

    /// One draw: each exit with a chance of exactly its weight over the sum of the weights.
    ///
    /// Gives its number among [`ExitSampler::exits`]. Draws only when there is a choice.
    pub fn sample(&self, stream: impl FnOnce() -> Stream) -> usize {
        if self.exits.len() == 1 {
            return 0;
        }
        let total = self.bounds[self.bounds.len() - 1];
        let part = stream().random_range(0..total);
        self.bounds.partition_point(|bound| *bound <= part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Streams};
    use proptest::prelude::*;

    fn distribution(json: &str) -> Distribution {
        serde_json::from_str(json).expect("a distribution")
    }

    fn no_file(name: &str) -> Result<&'static [u8], String> {
        Err(format!("{name}: no such file"))
    }

    fn sampler(json: &str) -> Sampler {
        distribution(json)
            .sampler(no_file)
            .expect("a sound distribution")
    }

    fn stream() -> Stream {
        Streams::new(11).stream(Purpose::RunTime, 0, 0)
    }

    /// 100,000 draws at a fixed seed, in seconds, in order of size.
    fn draws(sampler: &Sampler) -> Vec<f64> {
        let mut stream = stream();
        let mut draws: Vec<f64> = (0..100_000)
            .map(|_| sampler.sample(&mut stream).secs())
            .collect();
        draws.sort_by(f64::total_cmp);
        draws
    }

    fn assert_near(found: f64, expected: f64, what: &str) {
        let off = (found - expected).abs() / expected;
        assert!(off < 0.015, "{what}: {found}, expected {expected}");
    }

    /// Mean, median and 95th percentile against theory, within 1.5 %.
    fn check(json: &str, mean: Option<f64>, median: f64, p95: f64) {
        let sampler = sampler(json);
        let draws = draws(&sampler);
        if let Some(mean) = mean {
            assert_near(draws.iter().sum::<f64>() / draws.len() as f64, mean, json);
        }
        match (sampler.mean_secs(), mean) {
            (Some(exact), Some(mean)) => {
                assert!((exact / mean - 1.0).abs() < 1e-9, "{exact} {mean}")
            }
            (exact, mean) => assert_eq!(exact, mean),
        }
        assert_near(draws[draws.len() / 2], median, json);
        assert_near(draws[draws.len() * 95 / 100], p95, json);
    }

    #[test]
    fn draws_follow_theory() {
        check(
            r#"{"distribution": "constant", "value": "90s"}"#,
            Some(90.0),
            90.0,
            90.0,
        );
        check(
            r#"{"distribution": "uniform", "min": "10s", "max": "30s"}"#,
            Some(20.0),
            20.0,
            29.0,
        );
        // Quantiles of the exponential: -mean ln(1 - p).
        check(
            r#"{"distribution": "exponential", "mean": "100s"}"#,
            Some(100.0),
            69.314_718,
            299.573_227,
        );
        // ln(45/10) / 1.644854 = 0.914414 = sigma; mean = 600 e^(sigma² / 2).
        check(
            r#"{"distribution": "lognormal", "median": "10m", "p95": "45m"}"#,
            Some(600.0 * (0.914_414_129_094_204_9_f64.powi(2) / 2.0).exp()),
            600.0,
            2700.0,
        );
        // Gamma of shape 2 is Erlang: quantiles solve 1 - (1 + y) e^-y = p, y = 1.678347, 4.743865.
        check(
            r#"{"distribution": "gamma", "mean": "100s", "shape": 2}"#,
            Some(100.0),
            83.917_35,
            237.193_25,
        );
        // The same by its coefficient of variation, 1 / √shape.
        check(
            r#"{"distribution": "gamma", "mean": "100s", "cv": 0.7071067811865476}"#,
            Some(100.0),
            83.917_35,
            237.193_25,
        );
        // Quantiles of the Weibull: scale (-ln(1 - p))^(1/shape); mean = scale Γ(1.5) = scale √π / 2.
        check(
            r#"{"distribution": "weibull", "scale": "100s", "shape": 2}"#,
            Some(50.0 * std::f64::consts::PI.sqrt()),
            83.255_461,
            173.081_838,
        );
        // Quantiles of the Pareto: min (1 - p)^(-1/shape); mean = shape min / (shape - 1).
        check(
            r#"{"distribution": "pareto", "min": "10s", "shape": 3}"#,
            Some(15.0),
            12.599_210,
            27.144_176,
        );
        check(
            r#"{"distribution": "pareto", "min": "10s", "shape": 1}"#,
            None,
            20.0,
            200.0,
        );
        check(
            r#"{"distribution": "empirical", "values": ["10s", "20s", "20s", "50s"]}"#,
            Some(25.0),
            20.0,
            50.0,
        );
    }

    #[test]
    fn caps_hold_and_move_the_mean() {
        let mean = |json: &str| {
            let sampler = sampler(json);
            let draws = draws(&sampler);
            let exact = sampler.mean_secs();
            if let Some(exact) = exact {
                assert_near(draws.iter().sum::<f64>() / draws.len() as f64, exact, json);
            }
            (draws[draws.len() - 1], exact)
        };
        let check = |json: &str, top, expected: f64| {
            let (largest, exact) = mean(json);
            assert_eq!(largest, top);
            assert!(
                (exact.expect("a mean") - expected).abs() < 1e-6,
                "{exact:?} {expected}"
            );
        };
        check(
            r#"{"distribution": "constant", "value": "9s", "atMost": "5s"}"#,
            5.0,
            5.0,
        );
        check(
            r#"{"distribution": "uniform", "min": "0s", "max": "8s", "atMost": "4s"}"#,
            4.0,
            3.0,
        );
        check(
            r#"{"distribution": "uniform", "min": "6s", "max": "8s", "atMost": "4s"}"#,
            4.0,
            4.0,
        );
        check(
            r#"{"distribution": "exponential", "mean": "10s", "atMost": "10s"}"#,
            10.0,
            10.0 * (1.0 - (-1f64).exp()),
        );
        check(
            r#"{"distribution": "pareto", "min": "1s", "shape": 1, "atMost": "10s"}"#,
            10.0,
            1.0 + 10f64.ln(),
        );
        check(
            r#"{"distribution": "pareto", "min": "1s", "shape": 2, "atMost": "10s"}"#,
            10.0,
            1.9,
        );
        check(
            r#"{"distribution": "empirical", "values": ["2s", "9s"], "atMost": "4s"}"#,
            4.0,
            3.0,
        );
        let capped =
            r#"{"distribution": "lognormal", "median": "1s", "p95": "9s", "atMost": "5s"}"#;
        assert_eq!(mean(capped), (5.0, None));
    }

    #[test]
    fn gamma_function_of_known_arguments() {
        let check = |x: f64, expected: f64| {
            assert!((gamma_function(x) / expected - 1.0).abs() < 1e-12, "{x}");
        };
        check(1.0, 1.0);
        check(1.5, std::f64::consts::PI.sqrt() / 2.0);
        check(6.0, 120.0);
        check(21.0, 2_432_902_008_176_640_000.0);
        assert_eq!(gamma_function(400.0), f64::INFINITY);
    }

    /// The draws are part of the results: other numbers are other results.
    #[test]
    fn first_draws_never_change() {
        let check = |json: &str, expected: [u64; 3]| {
            let (sampler, mut stream) = (sampler(json), stream());
            let found = [(); 3].map(|()| sampler.sample(&mut stream).micros());
            assert_eq!(found, expected, "{json}");
        };
        check(
            r#"{"distribution": "uniform", "min": "1s", "max": "2s"}"#,
            [1_124_272, 1_408_751, 1_464_220],
        );
        check(
            r#"{"distribution": "exponential", "mean": "1s"}"#,
            [254_908, 986_069, 2_852_246],
        );
        check(
            r#"{"distribution": "lognormal", "median": "1s", "p95": "3s"}"#,
            [419_290, 792_993, 857_170],
        );
        check(
            r#"{"distribution": "gamma", "mean": "1s", "shape": 0.5}"#,
            [25_647, 256_152, 873_767],
        );
    }

    #[test]
    fn faults_across_fields() {
        let check = |json: &str, expected: &[(&str, &str)]| {
            let owned = |(path, message): &(&str, &str)| (path.to_string(), message.to_string());
            let expected: Vec<_> = expected.iter().map(owned).collect();
            assert_eq!(distribution(json).check(), expected, "{json}");
        };
        check(
            r#"{"distribution": "uniform", "min": "2m", "max": "1m"}"#,
            &[("max", "1m is below min, 2m")],
        );
        check(
            r#"{"distribution": "exponential", "mean": "0s"}"#,
            &[("mean", "0s is not above 0s")],
        );
        check(
            r#"{"distribution": "lognormal", "median": "10m", "p95": "5m"}"#,
            &[("p95", "5m is below median, 10m")],
        );
        check(
            r#"{"distribution": "gamma", "mean": "0s", "shape": -1}"#,
            &[
                ("mean", "0s is not above 0s"),
                ("shape", "-1 is not above 0"),
            ],
        );
        let either = "a gamma distribution has either shape or cv";
        check(
            r#"{"distribution": "gamma", "mean": "1s"}"#,
            &[("", either)],
        );
        check(
            r#"{"distribution": "gamma", "mean": "1s", "shape": 1, "cv": 1}"#,
            &[("", either)],
        );
        check(
            r#"{"distribution": "weibull", "scale": "0s", "shape": 0}"#,
            &[
                ("scale", "0s is not above 0s"),
                ("shape", "0 is not above 0"),
            ],
        );
        check(
            r#"{"distribution": "pareto", "min": "0s", "shape": 1}"#,
            &[("min", "0s is not above 0s")],
        );
        let either = "an empirical distribution has either values or file";
        check(r#"{"distribution": "empirical"}"#, &[("", either)]);
        check(
            r#"{"distribution": "empirical", "values": [], "column": "a"}"#,
            &[
                ("values", "the list is empty; there is nothing to draw from"),
                ("column", "there is no file to read this column of"),
            ],
        );
        check(r#"{"distribution": "constant", "value": "0s"}"#, &[]);
    }

    #[test]
    fn unknown_keys_and_distributions_are_refused() {
        let check = |json: &str| assert!(serde_json::from_str::<Distribution>(json).is_err());
        check(r#"{"distribution": "constant", "value": "1s", "atmost": "2s"}"#);
        check(r#"{"distribution": "normal", "mean": "1s"}"#);
    }

    #[test]
    fn files_of_observed_spans() {
        let check = |text: &str, column, expected: Result<&[u64], &str>| {
            let spans = read_spans(text.as_bytes(), column);
            let micros = spans.map(|spans| spans.iter().map(|s| s.micros()).collect());
            assert_eq!(
                micros,
                expected.map(<[u64]>::to_vec).map_err(str::to_owned),
                "{text:?}"
            );
        };
        check("1\n2.5\n", None, Ok(&[1_000_000, 2_500_000]));
        check(
            "\u{feff}runtime\r\n# a note\r\n\r\n1e1\r\n 90s \r\n",
            None,
            Ok(&[10_000_000, 90_000_000]),
        );
        check(
            "id,secs\n7,1\n8,0.0000014\n",
            Some("secs"),
            Ok(&[1_000_000, 1]),
        );
        check(
            "1\n2x\n",
            None,
            Err(r#"line 2: unknown unit "x" in "2x"; the units are us, ms, s, m, min, h, d, w"#),
        );
        check(
            "1\n-2\n",
            None,
            Err("line 2: -2 is not a number of seconds from 0 to 4.6e12"),
        );
        check(
            "1\nNaN\n",
            None,
            Err("line 2: NaN is not a number of seconds from 0 to 4.6e12"),
        );
        check(
            "a,b\n1,2\n",
            None,
            Err("line 1: there are 2 columns; say which: a, b"),
        );
        check(
            "a,b\n1,2\n",
            Some("c"),
            Err(r#"line 1: no column named "c"; the columns are a, b"#),
        );
        check(
            "a,b\n1,2\n3\n",
            Some("a"),
            Err("line 3: 1 fields, where the first line has 2"),
        );
        check("", None, Err("there are no values in it"));
        check("runtime\n", None, Err("there are no values in it"));
        let not_text = read_spans(&b"1\n\xff\n"[..], None);
        assert_eq!(not_text, Err("line 2: the text is not UTF-8".to_owned()));
    }

    #[test]
    fn a_file_is_opened_by_name_and_its_faults_carry_it() {
        let json = r#"{"distribution": "empirical", "file": "runs.csv", "column": "secs"}"#;
        let sampler = |text: &'static str| {
            distribution(json).sampler(|name| {
                assert_eq!(name, "runs.csv");
                Ok(text.as_bytes())
            })
        };
        let sound = sampler("secs\n3\n5\n").expect("a sound file");
        assert_eq!(sound.mean_secs(), Some(4.0));
        let fault = |message: &str| Some(vec![("file".to_owned(), message.to_owned())]);
        let found = sampler("secs\n").err();
        assert_eq!(found, fault("runs.csv: there are no values in it"));
        assert_eq!(
            distribution(json).sampler(no_file).err(),
            fault("runs.csv: no such file")
        );
    }

    fn exits(weights: &[f64]) -> Exits {
        let exit = |(code, weight): (usize, &f64)| Exit {
            weight: *weight,
            exit_code: code as u8,
            reason: None,
        };
        Exits(weights.iter().enumerate().map(exit).collect())
    }

    #[test]
    fn exits_come_by_weight() {
        let sampler = exits(&[97.0, 0.0, 2.5, 0.5])
            .sampler()
            .expect("sound weights");
        assert_eq!(sampler.bounds, [970, 970, 995, 1000]);
        let (streams, mut counts) = (Streams::new(11), [0u32; 4]);
        for draw in 0..100_000 {
            counts[sampler.sample(|| streams.stream(Purpose::Exit, 0, draw))] += 1;
        }
        assert_eq!(counts.iter().sum::<u32>(), 100_000);
        assert_eq!(counts[1], 0);
        assert!(counts[2].abs_diff(2500) < 150, "{counts:?}");
        assert!(counts[3].abs_diff(500) < 70, "{counts:?}");
    }

    #[test]
    fn no_exits_are_success() {
        let sampler = Exits::default().sampler().expect("sound");
        let only = sampler.sample(|| unreachable!("there is no choice"));
        assert_eq!(sampler.exits()[only].exit_code, 0);
    }

    #[test]
    fn weights_are_exact_or_refused() {
        let check = |weights: &[f64], expected: &[(&str, &str)]| {
            let owned = |(path, message): &(&str, &str)| (path.to_string(), message.to_string());
            let expected: Vec<_> = expected.iter().map(owned).collect();
            assert_eq!(
                exits(weights).sampler().err(),
                Some(expected),
                "{weights:?}"
            );
        };
        check(
            &[1.0, -2.0, f64::NAN],
            &[
                ("[1].weight", "-2 is not a number of 0 or more"),
                ("[2].weight", "NaN is not a number of 0 or more"),
            ],
        );
        check(
            &[0.0, -0.0],
            &[("", "all weights are 0; one must be above")],
        );
        let inexact = [("", "the weights have too many digits, or differ too much")];
        check(&[1e300], &inexact);
        check(&[1e10, 1e-10], &inexact);
        check(&[1e-300], &inexact);
        check(&[1e19, 1e19], &inexact);
    }

    #[test]
    fn exits_as_written() {
        let json = r#"[{"weight": 3, "exitCode": 137, "reason": "OutOfMemoryError"}]"#;
        let exits: Exits = serde_json::from_str(json).expect("exits");
        assert_eq!(exits.0[0].reason.as_deref(), Some("OutOfMemoryError"));
        assert!(serde_json::from_str::<Exits>(r#"[{"weight": 1, "exitCode": 256}]"#).is_err());
    }

    fn any_duration() -> impl Strategy<Value = Duration> {
        let micros = prop_oneof![0..=10u64, 0..=u64::MAX / 4, Just(u64::MAX / 4)];
        micros.prop_map(|micros| SimDuration::from_micros(micros).into())
    }

    fn any_number() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>(),
            Just(f64::MIN_POSITIVE),
            Just(5e-324),
            Just(f64::MAX),
            0.01..100.0
        ]
    }

    prop_compose! {
        fn any_distribution()(
            which in 0..8,
            (a, b) in (any_duration(), any_duration()),
            number in any_number(),
            has_cv: bool,
            at_most in proptest::option::of(any_duration()),
        ) -> Distribution {
            match which {
                0 => Distribution::Constant { value: a, at_most },
                1 => Distribution::Uniform { min: a, max: b, at_most },
                2 => Distribution::Exponential { mean: a, at_most },
                3 => Distribution::Lognormal { median: a, p95: b, at_most },
                4 => Distribution::Gamma {
                    mean: a,
                    shape: (!has_cv).then_some(number),
                    cv: has_cv.then_some(number),
                    at_most,
                },
                5 => Distribution::Weibull { scale: a, shape: number, at_most },
                6 => Distribution::Pareto { min: a, shape: number, at_most },
                _ => Distribution::Empirical {
                    values: Some(vec![a, b]),
                    file: None,
                    column: None,
                    at_most,
                },
            }
        }
    }

    proptest! {
        #[test]
        fn accepted_parameters_neither_panic_nor_hang(distribution in any_distribution(), seed: u64) {
            let sampler = distribution.sampler(no_file);
            prop_assert_eq!(sampler.is_ok(), distribution.check().is_empty());
            if let Ok(sampler) = sampler {
                let mut stream = Streams::new(seed).stream(Purpose::RunTime, 0, 0);
                for _ in 0..20 {
                    let span = sampler.sample(&mut stream);
                    prop_assert!(span <= distribution.at_most().unwrap_or(Duration::LONGEST).span());
                }
                prop_assert!(sampler.mean_secs().is_none_or(|mean| mean.is_finite() && mean >= 0.0));
            }
        }

        #[test]
        fn no_file_panics(
            text in "[-0-9.,\"#\n\r a-z]{0,60}",
            column in proptest::option::of("[a-z]?"),
        ) {
            let _ = read_spans(text.as_bytes(), column.as_deref());
        }

        #[test]
        fn no_weights_panic(weights in proptest::collection::vec(any_number(), 0..5), seed: u64) {
            if let Ok(sampler) = exits(&weights).sampler() {
                let drawn = sampler.sample(|| Streams::new(seed).stream(Purpose::Exit, 0, 0));
                prop_assert!(sampler.exits()[drawn].weight > 0.0);
            }
        }
    }
}
