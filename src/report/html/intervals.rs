//! Means with their confidence intervals. A value that is not finite is left out.

use super::measure::{Axis, Measure, nothing, upright};
use super::{Figure, escaped, put};
use crate::report::plot::axis::Tick;

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

/// Means with their confidence intervals, a row each: a dot for the mean, a bar with ends for the
/// interval, and both in words.
pub fn interval_plot(plot: &IntervalPlot) -> Figure {
    let rows: Vec<&Interval> = (plot.rows.iter())
        .filter(|row| row.mean.is_finite())
        .collect();
    let reference = plot.reference.filter(|value| value.is_finite());
    let values = (rows.iter())
        .flat_map(|row| [row.mean, row.shown_ends().0, row.shown_ends().1])
        .chain(reference);
    let Some(axis) = Axis::over(values, 3.0, 97.0) else {
        return nothing(&plot.title, &plot.caption);
    };
    let (unit, ticks) = plot.measure.ticks(axis.range, 4);
    let mut out = String::from("<div class=\"intervals\">\n");
    for row in rows {
        let words = plot.measure.show_interval(row.mean, row.finite_ends());
        draw_row(&mut out, row, &words, &axis, &ticks, reference);
    }
    draw_scale(&mut out, &axis, unit, &ticks);
    out.push_str("</div>");
    Figure {
        title: plot.title.clone(),
        caption: plot.caption.clone(),
        element: out,
    }
}

impl Interval {
    /// The interval, when it is known and ends somewhere.
    fn finite_ends(&self) -> Option<(f64, f64)> {
        let finite = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite();
        self.ends.filter(finite)
    }

    /// Where the bar is drawn: at the mean alone without an interval.
    fn shown_ends(&self) -> (f64, f64) {
        self.finite_ends().unwrap_or((self.mean, self.mean))
    }
}

fn draw_row(
    out: &mut String,
    row: &Interval,
    words: &str,
    axis: &Axis,
    ticks: &[Tick],
    reference: Option<f64>,
) {
    let (name, words) = (escaped(&row.name), escaped(words));
    put(
        out,
        format_args!(
            "<div class=\"interval\"><div class=\"name\">{name}</div>\n\
             <svg class=\"chart\" role=\"img\" aria-label=\"{name}: {words}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n"
        ),
    );
    for tick in ticks {
        upright(out, &axis.at(tick.at), "-4", "28", "s-grid");
    }
    if let Some(value) = reference {
        upright(out, &axis.at(value), "-4", "28", "s-ink");
    }
    let (low, high) = row.shown_ends();
    let [mean, low, high] = [row.mean, low, high].map(|value| axis.at(value));
    put(
        out,
        format_args!(
            "<line class=\"s-blue\" stroke-width=\"2\" x1=\"{low}\" x2=\"{high}\" y1=\"12\" y2=\"12\"/>\n"
        ),
    );
    for end in [&low, &high] {
        upright(out, end, "7", "17", "s-blue");
    }
    put(
        out,
        format_args!(
            "<circle class=\"f-blue\" cx=\"{mean}\" cy=\"12\" r=\"5\"/>\n\
             <rect class=\"hint\" x=\"0\" y=\"0\" width=\"100%\" height=\"24\"><title>{name}\n{words}</title></rect>\n\
             </svg>\n<div class=\"value\">{words}</div></div>\n"
        ),
    );
}

/// The line under the rows with its ticks, in the column of the bars.
fn draw_scale(out: &mut String, axis: &Axis, unit: &str, ticks: &[Tick]) {
    out.push_str(
        "<div class=\"interval\"><div class=\"name\"></div>\n\
         <svg class=\"chart scale\" aria-hidden=\"true\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <line class=\"s-axis\" x1=\"0\" x2=\"100%\" y1=\"1\" y2=\"1\"/>\n",
    );
    for tick in ticks {
        let label = format!("{} {unit}", tick.label);
        let (x, label) = (axis.at(tick.at), escaped(label.trim_end()));
        upright(out, &x, "1", "6", "s-axis");
        put(
            out,
            format_args!("<text x=\"{x}\" y=\"22\" text-anchor=\"middle\">{label}</text>\n"),
        );
    }
    out.push_str("</svg>\n<div class=\"value\"></div></div>\n");
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
        let element = plot_of(rows).element;
        assert_eq!(element.matches("<circle").count(), 1);
        assert!(
            !element.contains("inf") && !element.contains("NaN"),
            "{element}"
        );
    }
}
