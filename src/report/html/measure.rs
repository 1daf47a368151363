//! What charts have in common: units, and places that are percentages, so that text keeps its size
//! at any width.

use super::{Figure, put};
use crate::report::plot::axis::{Range, Tick, count_ticks, duration, time_ticks};

/// What the numbers of an axis are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Spans of time in seconds.
    Seconds,
    /// Parts of a whole, 1 for all; shown in percent.
    Share,
    /// Anything else, with its unit, which may be empty.
    Number(String),
}

impl Measure {
    /// Ticks over a range, and the unit in which they count.
    pub(super) fn ticks(&self, range: Range, most: usize) -> (&str, Vec<Tick>) {
        let (unit, mut ticks) = match self {
            Measure::Seconds => time_ticks(range, most),
            Measure::Share => {
                let percent = Range::new(range.low * 100.0, range.high * 100.0);
                let mut ticks = count_ticks(percent, most);
                for tick in &mut ticks {
                    tick.at /= 100.0;
                }
                ("%", ticks)
            }
            Measure::Number(unit) => (unit.as_str(), count_ticks(range, most)),
        };
        for tick in &mut ticks {
            tick.label = tick.label.replace('-', "−");
        }
        (unit, ticks)
    }

    /// An interval in words, with its unit once where all numbers share one.
    pub(super) fn show_interval(&self, mean: f64, ends: Option<(f64, f64)>) -> String {
        let Some((low, high)) = ends else {
            return self.show(mean);
        };
        let number = |value: f64| Measure::Number(String::new()).show(value);
        let in_unit = |by: f64, unit: &str| {
            let [mean, low, high] = [mean, low, high].map(|value| number(value * by));
            format!("{mean} [{low}, {high}] {unit}")
                .trim_end()
                .to_owned()
        };
        match self {
            Measure::Seconds => {
                let [mean, low, high] = [mean, low, high].map(|value| self.show(value));
                format!("{mean} [{low}, {high}]")
            }
            Measure::Share => in_unit(100.0, "%"),
            Measure::Number(unit) => in_unit(1.0, unit),
        }
    }

    /// A value in words.
    pub(super) fn show(&self, value: f64) -> String {
        let sign = if value < 0.0 { "−" } else { "" };
        let size = value.abs();
        match self {
            Measure::Seconds => format!("{sign}{}", duration(size)),
            Measure::Share => format!("{sign}{:.2} %", size * 100.0),
            Measure::Number(unit) => {
                // Three digits of small numbers, and never more than two decimals of large ones.
                let digits = match size {
                    size if size >= 10.0 || size == 0.0 => 2,
                    size => (2.0 - size.log10().floor()).clamp(2.0, 9.0) as usize,
                };
                format!("{sign}{size:.digits$} {unit}")
                    .trim_end()
                    .to_owned()
            }
        }
    }
}

/// A range, and between which percentages of a picture it lies.
pub(super) struct Axis {
    pub range: Range,
    from: f64,
    to: f64,
}

impl Axis {
    /// Over all of some values, with room at both ends; none without values.
    pub(super) fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        let room = match high > low {
            true => 0.04 * (high - low),
            false => 0.5 * low.abs().max(1e-6),
        };
        let range = Range::new(low - room, high + room);
        (low <= high).then_some(Axis { range, from, to })
    }

    /// Where a value lies, as a percentage to a hundredth.
    pub(super) fn at(&self, value: f64) -> String {
        let place = self.from + (self.to - self.from) * self.range.share(value);
        format!("{place:.2}%")
    }
}

pub(super) fn upright(out: &mut String, x: &str, from: &str, to: &str, class: &str) {
    put(
        out,
        format_args!("<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"{from}\" y2=\"{to}\"/>\n"),
    );
}

pub(super) fn level(out: &mut String, from: &str, to: &str, y: &str, class: &str) {
    put(
        out,
        format_args!("<line class=\"{class}\" x1=\"{from}\" x2=\"{to}\" y1=\"{y}\" y2=\"{y}\"/>\n"),
    );
}

pub(super) fn nothing(title: &str, caption: &str) -> Figure {
    Figure {
        title: title.to_owned(),
        caption: caption.to_owned(),
        element: "<p>no data</p>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_with_their_unit() {
        let check = |measure: Measure, value, text: &str| assert_eq!(measure.show(value), text);
        check(Measure::Seconds, -90.0, "−1.5 min");
        check(Measure::Share, 0.1234, "12.34 %");
        check(Measure::Number("USD".to_owned()), 1234.5, "1234.50 USD");
        check(Measure::Number(String::new()), 0.001_234, "0.00123");
        check(Measure::Number(String::new()), 0.0, "0.00");
    }

    #[test]
    fn an_interval_has_its_unit_once() {
        let usd = Measure::Number("USD".to_owned());
        assert_eq!(
            usd.show_interval(-12.0, Some((-14.0, -10.0))),
            "−12.00 [−14.00, −10.00] USD"
        );
        assert_eq!(usd.show_interval(3.0, None), "3.00 USD");
        assert_eq!(
            Measure::Share.show_interval(0.5, Some((0.25, 0.75))),
            "50.00 [25.00, 75.00] %"
        );
    }
}
