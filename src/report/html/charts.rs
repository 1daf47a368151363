//! Pictures that stay readable at any width: their places are percentages, so text keeps its size.
//!
//! They know numbers and names only. A value that is not finite is left out.

use super::{Figure, escaped, put};
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

/// A mean and where it may lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// Of what, such as an alternative.
    pub name: String,
    /// The mean.
    pub mean: f64,
    /// Lower and upper end of its confidence interval; absent when there was one run.
    pub ends: Option<(f64, f64)>,
}

/// What [`interval_plot`] draws.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalPlot {
    /// Stands above the picture.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// What is measured.
    pub measure: Measure,
    /// A value to compare with, such as 0 for differences.
    pub reference: Option<f64>,
    /// From the top down.
    pub rows: Vec<Interval>,
}

/// Why a point of a [`Scatter`] is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointKind {
    /// The one that was chosen.
    Chosen,
    /// No other is better in both.
    Front,
    /// Another is better in both.
    Other,
    /// It misses the target.
    Fails,
}

/// A point of a [`Scatter`].
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// What it stands for.
    pub name: String,
    /// Rightwards; less is better.
    pub x: f64,
    /// Upwards; less is better.
    pub y: f64,
    /// Why it is there.
    pub kind: PointKind,
}

/// What [`scatter`] draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// Stands above the picture.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// Name of the axis to the right, and what it measures.
    pub x: (String, Measure),
    /// Name of the axis upwards, likewise.
    pub y: (String, Measure),
    /// A value on the axis upwards that must not be exceeded.
    pub target: Option<f64>,
    /// In any order. A line joins those of [`PointKind::Front`] and [`PointKind::Chosen`].
    pub points: Vec<Point>,
}

impl Measure {
    /// Ticks over a range, and the unit in which they count.
    fn ticks(&self, range: Range, most: usize) -> (&str, Vec<Tick>) {
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
    fn show_interval(&self, mean: f64, ends: Option<(f64, f64)>) -> String {
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
    fn show(&self, value: f64) -> String {
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

/// A name with its unit behind it.
fn with_unit(name: &str, unit: &str) -> String {
    match unit {
        "" => name.to_owned(),
        unit => format!("{name} ({unit})"),
    }
}

/// Means with their confidence intervals, a row each: a thick mark for the mean, a bar with ends for
/// the interval, and both in words.
pub fn interval_plot(plot: &IntervalPlot) -> Figure {
    let shown = |row: &&Interval| row.mean.is_finite();
    let ends = |row: &Interval| {
        let ends = row
            .ends
            .filter(|(low, high)| low.is_finite() && high.is_finite());
        ends.unwrap_or((row.mean, row.mean))
    };
    let values = (plot.rows.iter().filter(shown))
        .flat_map(|row| [row.mean, ends(row).0, ends(row).1])
        .chain(plot.reference.filter(|value| value.is_finite()));
    let Some(axis) = Axis::over(values, 3.0, 97.0) else {
        return nothing(&plot.title, &plot.caption);
    };
    let (unit, ticks) = plot.measure.ticks(axis.range, 4);
    let mut out = String::from("<div class=\"intervals\">\n");
    for row in plot.rows.iter().filter(shown) {
        let name = escaped(&row.name);
        let words = plot.measure.show_interval(row.mean, row.ends);
        let words = escaped(&words);
        put(
            &mut out,
            format_args!(
                "<div class=\"interval\"><div class=\"name\">{name}</div>\n<svg class=\"chart\" role=\"img\" aria-label=\"{name}: {words}\" \
                 xmlns=\"http://www.w3.org/2000/svg\">\n"
            ),
        );
        for tick in &ticks {
            upright(&mut out, axis.at(tick.at), "-4", "28", "s-grid");
        }
        if let Some(value) = plot.reference {
            upright(&mut out, axis.at(value), "-4", "28", "s-ink");
        }
        let ((low, high), mean) = (ends(row), axis.at(row.mean));
        let (low, high) = (axis.at(low), axis.at(high));
        put(
            &mut out,
            format_args!(
                "<line class=\"s-blue\" stroke-width=\"2\" x1=\"{low}\" x2=\"{high}\" y1=\"12\" y2=\"12\"/>\n"
            ),
        );
        for end in [&low, &high] {
            upright(&mut out, end.clone(), "7", "17", "s-blue");
        }
        put(
            &mut out,
            format_args!(
                "<circle class=\"f-blue\" cx=\"{mean}\" cy=\"12\" r=\"5\"/>\n\
                 <rect class=\"hint\" x=\"0\" y=\"0\" width=\"100%\" height=\"24\"><title>{name}\n{words}</title></rect>\n\
                 </svg>\n<div class=\"value\">{words}</div></div>\n"
            ),
        );
    }
    out.push_str(
        "<div class=\"interval\"><div class=\"name\"></div>\n<svg class=\"chart scale\" aria-hidden=\"true\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n<line class=\"s-axis\" x1=\"0\" x2=\"100%\" y1=\"1\" y2=\"1\"/>\n",
    );
    for tick in &ticks {
        let label = format!("{} {unit}", tick.label);
        let (x, label) = (axis.at(tick.at), escaped(label.trim_end()));
        upright(&mut out, x.clone(), "1", "6", "s-axis");
        put(
            &mut out,
            format_args!("<text x=\"{x}\" y=\"22\" text-anchor=\"middle\">{label}</text>\n"),
        );
    }
    out.push_str("</svg>\n<div class=\"value\"></div></div>\n</div>");
    Figure {
        title: plot.title.clone(),
        caption: plot.caption.clone(),
        element: out,
    }
}

/// Points by two costs, a stepped line along the front of those that no other beats in both.
pub fn scatter(plot: &Scatter) -> Figure {
    let is_shown = |point: &&Point| point.x.is_finite() && point.y.is_finite();
    let points: Vec<&Point> = plot.points.iter().filter(is_shown).collect();
    let target = plot.target.filter(|target| target.is_finite());
    let across = Axis::over(points.iter().map(|point| point.x), 13.0, 97.0);
    let up = Axis::over(points.iter().map(|point| point.y).chain(target), 86.0, 4.0);
    let (Some(across), Some(up)) = (across, up) else {
        return nothing(&plot.title, &plot.caption);
    };
    let ((x_name, x_measure), (y_name, y_measure)) = (&plot.x, &plot.y);
    let (x_unit, x_ticks) = x_measure.ticks(across.range, 4);
    let (y_unit, y_ticks) = y_measure.ticks(up.range, 6);
    let label = escaped(&plot.title);
    let mut out = format!(
        "<p class=\"axis-name\">↑ {}</p>\n<svg class=\"chart\" height=\"400\" role=\"img\" aria-label=\"{label}\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n",
        escaped(&with_unit(y_name, y_unit))
    );
    for tick in x_ticks {
        let (x, label) = (across.at(tick.at), escaped(&tick.label));
        upright(&mut out, x.clone(), "2%", "88%", "s-grid");
        put(
            &mut out,
            format_args!("<text x=\"{x}\" y=\"93%\" text-anchor=\"middle\">{label}</text>\n"),
        );
    }
    for tick in y_ticks {
        let (y, label) = (up.at(tick.at), escaped(&tick.label));
        level(&mut out, "12%", "100%", y.clone(), "s-grid");
        put(
            &mut out,
            format_args!(
                "<text x=\"11.5%\" y=\"{y}\" dy=\".35em\" text-anchor=\"end\">{label}</text>\n"
            ),
        );
    }
    level(&mut out, "12%", "100%", "88%".to_owned(), "s-axis");
    upright(&mut out, "12%".to_owned(), "2%", "88%", "s-axis");
    let name = escaped(&with_unit(x_name, x_unit));
    put(
        &mut out,
        format_args!("<text x=\"100%\" y=\"99%\" text-anchor=\"end\">{name} →</text>\n"),
    );
    if let Some(target) = target {
        let y = up.at(target);
        put(
            &mut out,
            format_args!(
                "<line class=\"s-vermillion\" stroke-width=\"2\" stroke-dasharray=\"6 4\" x1=\"12%\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>\n\
                 <text x=\"99.5%\" y=\"{y}\" dy=\"-.5em\" text-anchor=\"end\">target {}</text>\n",
                escaped(&y_measure.show(target))
            ),
        );
    }
    front(&mut out, &points, &across, &up);
    // What was chosen lies on top.
    for kind in PointKind::ALL.into_iter().rev() {
        for point in points.iter().filter(|point| point.kind == kind) {
            let (x, y) = (x_measure.show(point.x), y_measure.show(point.y));
            let told = format!("{}\n{x_name}: {x}\n{y_name}: {y}", point.name);
            let (x, y, told) = (across.at(point.x), up.at(point.y), escaped(&told));
            let shape = kind.shape();
            put(
                &mut out,
                format_args!(
                    "<svg x=\"{x}\" y=\"{y}\" overflow=\"visible\">{shape}\
                     <circle class=\"hint\" r=\"10\"><title>{told}</title></circle></svg>\n"
                ),
            );
        }
    }
    out.push_str("</svg>\n<ul class=\"legend\">\n");
    for kind in PointKind::ALL {
        if points.iter().any(|point| point.kind == kind) {
            let (shape, words) = (kind.shape(), kind.words());
            put(
                &mut out,
                format_args!(
                    "<li><svg viewBox=\"-8 -8 16 16\" aria-hidden=\"true\" \
                     xmlns=\"http://www.w3.org/2000/svg\">{shape}</svg>{words}</li>\n"
                ),
            );
        }
    }
    out.push_str("</ul>");
    Figure {
        title: plot.title.clone(),
        caption: plot.caption.clone(),
        element: out,
    }
}

impl PointKind {
    const ALL: [PointKind; 4] = [
        PointKind::Chosen,
        PointKind::Front,
        PointKind::Other,
        PointKind::Fails,
    ];

    /// Told apart by shape as well as by colour.
    fn shape(self) -> &'static str {
        match self {
            PointKind::Chosen => "<path class=\"f-green s-ink\" d=\"M0 -8L8 0L0 8L-8 0z\"/>",
            PointKind::Front => "<circle class=\"f-blue\" r=\"5\"/>",
            PointKind::Other => {
                "<circle class=\"s-axis\" fill=\"none\" stroke-width=\"1.5\" r=\"4.5\"/>"
            }
            PointKind::Fails => {
                "<path class=\"s-vermillion\" stroke-width=\"2\" d=\"M-5 -5L5 5M-5 5L5 -5\"/>"
            }
        }
    }

    fn words(self) -> &'static str {
        match self {
            PointKind::Chosen => "chosen",
            PointKind::Front => "on the front: no other is better in both",
            PointKind::Other => "another is better in both",
            PointKind::Fails => "misses the target",
        }
    }
}

/// Whatever lies right of and above the line can be had; steps, since nothing lies between points.
fn front(out: &mut String, points: &[&Point], across: &Axis, up: &Axis) {
    let is_front = |point: &&&Point| matches!(point.kind, PointKind::Front | PointKind::Chosen);
    let mut front: Vec<&&Point> = points.iter().filter(is_front).collect();
    front.sort_by(|one, other| one.x.total_cmp(&other.x).then(other.y.total_cmp(&one.y)));
    for pair in front.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let ((x1, y1), (x2, y2)) = (
            (across.at(from.x), up.at(from.y)),
            (across.at(to.x), up.at(to.y)),
        );
        level(out, &x1, &x2, y1.clone(), "s-blue");
        upright(out, x2, &y1, &y2, "s-blue");
    }
}

/// A range, and between which percentages of a picture it lies.
struct Axis {
    range: Range,
    from: f64,
    to: f64,
}

impl Axis {
    /// Over all of some values, with room at both ends; none without values.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
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
    fn at(&self, value: f64) -> String {
        let place = self.from + (self.to - self.from) * self.range.share(value);
        format!("{place:.2}%")
    }
}

fn upright(out: &mut String, x: String, from: &str, to: &str, class: &str) {
    put(
        out,
        format_args!("<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"{from}\" y2=\"{to}\"/>\n"),
    );
}

fn level(out: &mut String, from: &str, to: &str, y: String, class: &str) {
    put(
        out,
        format_args!("<line class=\"{class}\" x1=\"{from}\" x2=\"{to}\" y1=\"{y}\" y2=\"{y}\"/>\n"),
    );
}

fn nothing(title: &str, caption: &str) -> Figure {
    Figure {
        title: title.to_owned(),
        caption: caption.to_owned(),
        element: "<p>no data</p>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(name: &str, mean: f64, ends: Option<(f64, f64)>) -> Interval {
        Interval {
            name: name.to_owned(),
            mean,
            ends,
        }
    }

    fn plot_of(rows: Vec<Interval>) -> Figure {
        interval_plot(&IntervalPlot {
            title: "wait".to_owned(),
            caption: String::new(),
            measure: Measure::Seconds,
            reference: Some(0.0),
            rows,
        })
    }

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

    #[test]
    fn an_interval_lies_around_its_mean() {
        let figure = plot_of(vec![interval("a & b", 100.0, Some((50.0, 150.0)))]);
        // From 0 (the reference) to 150 with 4 % room: 3 + 94 (v + 6) / 162.
        for place in [
            "x1=\"35.49%\" x2=\"93.52%\"",
            "cx=\"64.51%\"",
            "x1=\"6.48%\" x2=\"6.48%\"",
        ] {
            assert!(
                figure.element.contains(place),
                "{place}: {}",
                figure.element
            );
        }
        assert!(
            figure
                .element
                .contains("a &amp; b\n1.67 min [50 s, 2.5 min]")
        );
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        assert_eq!(plot_of(Vec::new()).element.matches("<circle").count(), 0);
        let rows = vec![
            interval("a", f64::NAN, None),
            interval("b", 1.0, Some((f64::NEG_INFINITY, 2.0))),
        ];
        assert_eq!(plot_of(rows).element.matches("<circle").count(), 1);
    }

    #[test]
    fn the_front_is_a_stair() {
        let point = |x, y, kind| Point {
            name: String::new(),
            x,
            y,
            kind,
        };
        let usd = || ("cost".to_owned(), Measure::Number("USD".to_owned()));
        let figure = scatter(&Scatter {
            title: "cost and wait".to_owned(),
            caption: String::new(),
            x: usd(),
            y: ("wait".to_owned(), Measure::Seconds),
            target: Some(20.0),
            points: vec![
                point(3.0, 10.0, PointKind::Front),
                point(1.0, 30.0, PointKind::Fails),
                point(2.0, 20.0, PointKind::Chosen),
                point(f64::NAN, 20.0, PointKind::Other),
            ],
        });
        // Across 13 + 84 (x - 0.92) / 2.16, down 86 - 82 (y - 9.2) / 21.6.
        let step = "x1=\"55.00%\" x2=\"93.89%\" y1=\"45.00%\" y2=\"45.00%\"";
        assert!(figure.element.contains(step), "{}", figure.element);
        assert_eq!(figure.element.matches("class=\"hint\"").count(), 3);
        assert!(!figure.element.contains("another is better"));
    }
}
