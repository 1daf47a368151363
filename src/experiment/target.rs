//! What a fleet must achieve: `wait.p95 <= 10m`.
//!
//! ```
//! use stowplan::experiment::target::Target;
//!
//! let target: Target = "wait.p95 <= 10m".parse()?;
//! assert_eq!(target.value, 600.0);
//! assert!(target.holds(599.9) && !target.holds(600.1));
//! # Ok::<(), String>(())
//! ```

use std::fmt;
use std::str::FromStr;

use super::metric::{Metric, Unit};
use crate::units::Duration;

/// How a metric should stand to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

impl Relation {
    /// Every relation with its sign; a sign comes before those it begins with.
    const SIGNS: [(&str, Relation); 4] = [
        ("<=", Relation::AtMost),
        (">=", Relation::AtLeast),
        ("<", Relation::Below),
        (">", Relation::Above),
    ];

    /// Whether less is better.
    pub const fn is_upper_limit(self) -> bool {
        matches!(self, Relation::AtMost | Relation::Below)
    }
}

/// What a target is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Every run by itself: the question is how likely a run is to meet it.
    ByRun,
    /// The expected value, which is estimated by the mean over runs.
    OnMean,
}

/// A limit on a metric.
#[derive(Clone, Debug)]
pub struct Target {
    /// Of what.
    pub metric: Metric,
    /// On which side of the value it should lie.
    pub relation: Relation,
    /// The value: seconds, a share, dollars or a plain number, as the metric is measured.
    pub value: f64,
    text: String,
}

impl Target {
    /// Whether a value of the metric meets it.
    pub fn holds(&self, value: f64) -> bool {
        match self.relation {
            Relation::AtMost => value <= self.value,
            Relation::Below => value < self.value,
            Relation::AtLeast => value >= self.value,
            Relation::Above => value > self.value,
        }
    }

    /// What it is held against. A limit on an average ([`Metric::is_average`]) is one on the long
    /// run, so it is judged on the mean over runs; a limit on anything else, such as a percentile, a
    /// greatest value, a count or money, is a promise for each run.
    pub fn judged(&self) -> Judged {
        match self.metric.is_average() {
            true => Judged::OnMean,
            false => Judged::ByRun,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl FromStr for Target {
    type Err = String;

    /// `METRIC <= VALUE`, or with `<`, `>=` or `>`. The value has the unit of the metric: `10m`,
    /// `5 %` or `0.05`, `12 USD`, a plain number; of a path into `summary.json` any of these.
    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']);
        let at = at.ok_or("a relation is missing: <=, <, >= or >")?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        if name.is_empty() {
            return Err("the metric is missing".to_owned());
        }
        let found = Relation::SIGNS.iter().find_map(|(sign, relation)| {
            let value = rest.strip_prefix(sign)?.trim();
            Some((*sign, *relation, value))
        });
        // The rest begins with one of the signs, since it was cut there.
        let (sign, relation, value) = found.ok_or("a relation is missing: <=, <, >= or >")?;
        let metric = Metric::named(name);
        Ok(Target {
            value: parse_value(value, &metric)?,
            relation,
            text: format!("{name} {sign} {value}"),
            metric,
        })
    }
}

fn parse_value(text: &str, metric: &Metric) -> Result<f64, String> {
    if text.is_empty() {
        return Err("the value is missing".to_owned());
    }
    if !metric.is_known() {
        let readings = [number, seconds, share, dollars];
        let value = readings.iter().find_map(|read| read(text).ok());
        return value.ok_or_else(|| {
            format!("{text} is no value; write a number, or one such as 10m, 5% or 12 USD")
        });
    }
    match metric.unit {
        Unit::Seconds => seconds(text),
        Unit::Share => share(text),
        Unit::Dollars => dollars(text),
        Unit::Number => number(text),
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|it| it.is_finite());
    number.ok_or_else(|| format!("{text} is no number"))
}

fn seconds(text: &str) -> Result<f64, String> {
    match text {
        "0" => Ok(0.0),
        _ => Ok(text.parse::<Duration>()?.span().secs()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text} is no share; write 60% or 0.6");
    let share = match text.strip_suffix('%') {
        Some(percent) => number(percent.trim()).map_err(|_| wrong())? / 100.0,
        None => number(text).map_err(|_| wrong())?,
    };
    match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err(wrong()),
    }
}

fn dollars(text: &str) -> Result<f64, String> {
    let amount = text.strip_suffix("USD").unwrap_or(text);
    number(amount.trim()).map_err(|_| format!("{text} is no amount; write one such as 12 USD"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(f64, Judged), &str>) {
        let found = text.parse::<Target>();
        let found = found.map(|target| (target.value, target.judged()));
        assert_eq!(found, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn values_have_the_unit_of_their_metric() {
        check("wait.p95 <= 10m", Ok((600.0, Judged::ByRun)));
        check("wait.mean<0", Ok((0.0, Judged::OnMean)));
        check("utilization.cpu >= 60 %", Ok((0.6, Judged::OnMean)));
        check("utilization.cpu > 0.6", Ok((0.6, Judged::OnMean)));
        check("cost <= 12.5 USD", Ok((12.5, Judged::ByRun)));
        check("given-up <= 0", Ok((0.0, Judged::ByRun)));
        check("clusters[0].running.mean > 3", Ok((3.0, Judged::OnMean)));
        check("clusters[0].wait.p95 < 90s", Ok((90.0, Judged::ByRun)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        check("wait.p95", Err("a relation is missing: <=, <, >= or >"));
        check("<= 10m", Err("the metric is missing"));
        check("wait.p95 <=", Err("the value is missing"));
        check("wait.p95 <= 600", Err("600 needs a unit: 90s, 10m, 2h"));
        check(
            "utilization.cpu > 60",
            Err("60 is no share; write 60% or 0.6"),
        );
        check(
            "cost <= 12 EUR",
            Err("12 EUR is no amount; write one such as 12 USD"),
        );
        check("refusals <= few", Err("few is no number"));
        check(
            "a.b <= x",
            Err("x is no value; write a number, or one such as 10m, 5% or 12 USD"),
        );
    }

    #[test]
    fn limits_are_strict_where_they_say_so() {
        let holds = |text: &str, value| text.parse::<Target>().expect("a target").holds(value);
        assert!(holds("refusals <= 2", 2.0) && !holds("refusals < 2", 2.0));
        assert!(holds("placed >= 2", 2.0) && !holds("placed > 2", 2.0));
    }
}
