//! Points by two costs, and their front. A point that is not finite is left out.

use super::measure::{Axis, Measure, level, nothing, upright};
use super::{Figure, escaped, put};

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

/// Points by two costs, and a stepped line along the front of those that no other beats in both.
pub fn scatter(plot: &Scatter) -> Figure {
    let is_shown = |point: &&Point| point.x.is_finite() && point.y.is_finite();
    let points: Vec<&Point> = plot.points.iter().filter(is_shown).collect();
    let target = plot.target.filter(|target| target.is_finite());
    let across = Axis::over(points.iter().map(|point| point.x), 13.0, 97.0);
    let up = Axis::over(points.iter().map(|point| point.y).chain(target), 86.0, 4.0);
    let (Some(across), Some(up)) = (across, up) else {
        return nothing(&plot.title, &plot.caption);
    };
    let mut out = String::new();
    draw_axes(&mut out, plot, &across, &up);
    if let Some(target) = target {
        draw_target(&mut out, &up.at(target), &plot.y.1.show(target));
    }
    draw_front(&mut out, &points, &across, &up);
    // What was chosen lies on top.
    for kind in PointKind::ALL.into_iter().rev() {
        for point in points.iter().filter(|point| point.kind == kind) {
            draw_point(&mut out, plot, point, &across, &up);
        }
    }
    out.push_str("</svg>\n");
    draw_legend(&mut out, &points);
    Figure {
        title: plot.title.clone(),
        caption: plot.caption.clone(),
        element: out,
    }
}

/// Opens the picture, and draws what lies behind the points.
fn draw_axes(out: &mut String, plot: &Scatter, across: &Axis, up: &Axis) {
    let ((x_name, x_measure), (y_name, y_measure)) = (&plot.x, &plot.y);
    let (x_unit, x_ticks) = x_measure.ticks(across.range, 4);
    let (y_unit, y_ticks) = y_measure.ticks(up.range, 6);
    let (title, x_name, y_name) = (
        escaped(&plot.title),
        escaped(&with_unit(x_name, x_unit)),
        escaped(&with_unit(y_name, y_unit)),
    );
    put(
        out,
        format_args!(
            "<p class=\"axis-name\">↑ {y_name}</p>\n\
             <svg class=\"chart\" height=\"400\" role=\"img\" aria-label=\"{title}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n"
        ),
    );
    for tick in x_ticks {
        let (x, label) = (across.at(tick.at), escaped(&tick.label));
        upright(out, &x, "2%", "88%", "s-grid");
        put(
            out,
            format_args!("<text x=\"{x}\" y=\"93%\" text-anchor=\"middle\">{label}</text>\n"),
        );
    }
    for tick in y_ticks {
        let (y, label) = (up.at(tick.at), escaped(&tick.label));
        level(out, "12%", "100%", &y, "s-grid");
        put(
            out,
            format_args!(
                "<text x=\"11.5%\" y=\"{y}\" dy=\".35em\" text-anchor=\"end\">{label}</text>\n"
            ),
        );
    }
    level(out, "12%", "100%", "88%", "s-axis");
    upright(out, "12%", "2%", "88%", "s-axis");
    put(
        out,
        format_args!("<text x=\"100%\" y=\"99%\" text-anchor=\"end\">{x_name} →</text>\n"),
    );
}

fn draw_target(out: &mut String, y: &str, target: &str) {
    let target = escaped(target);
    put(
        out,
        format_args!(
            "<line class=\"s-vermillion\" stroke-width=\"2\" stroke-dasharray=\"6 4\" \
             x1=\"12%\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>\n\
             <text x=\"99.5%\" y=\"{y}\" dy=\"-.5em\" text-anchor=\"end\">target {target}</text>\n"
        ),
    );
}

fn draw_point(out: &mut String, plot: &Scatter, point: &Point, across: &Axis, up: &Axis) {
    let ((x_name, x_measure), (y_name, y_measure)) = (&plot.x, &plot.y);
    let (x, y) = (x_measure.show(point.x), y_measure.show(point.y));
    let told = escaped(&format!("{}\n{x_name}: {x}\n{y_name}: {y}", point.name));
    let (x, y, shape) = (across.at(point.x), up.at(point.y), point.kind.shape());
    put(
        out,
        format_args!(
            "<svg x=\"{x}\" y=\"{y}\" overflow=\"visible\">{shape}\
             <circle class=\"hint\" r=\"10\"><title>{told}</title></circle></svg>\n"
        ),
    );
}

/// The kinds that there are, each with its shape.
fn draw_legend(out: &mut String, points: &[&Point]) {
    out.push_str("<ul class=\"legend\">\n");
    for kind in PointKind::ALL {
        if points.iter().any(|point| point.kind == kind) {
            let (shape, words) = (kind.shape(), kind.words());
            put(
                out,
                format_args!(
                    "<li><svg viewBox=\"-8 -8 16 16\" aria-hidden=\"true\" \
                     xmlns=\"http://www.w3.org/2000/svg\">{shape}</svg>{words}</li>\n"
                ),
            );
        }
    }
    out.push_str("</ul>");
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
fn draw_front(out: &mut String, points: &[&Point], across: &Axis, up: &Axis) {
    let is_front = |point: &&&Point| matches!(point.kind, PointKind::Front | PointKind::Chosen);
    let mut front: Vec<&&Point> = points.iter().filter(is_front).collect();
    front.sort_by(|one, other| one.x.total_cmp(&other.x).then(other.y.total_cmp(&one.y)));
    for pair in front.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let ((x1, y1), (x2, y2)) = (
            (across.at(from.x), up.at(from.y)),
            (across.at(to.x), up.at(to.y)),
        );
        level(out, &x1, &x2, &y1, "s-blue");
        upright(out, &x2, &y1, &y2, "s-blue");
    }
}

/// A name with its unit behind it.
fn with_unit(name: &str, unit: &str) -> String {
    match unit {
        "" => name.to_owned(),
        unit => format!("{name} ({unit})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
