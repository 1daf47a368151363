//! The distribution of waits: which share waited at most how long.

use plotters::style::RGBColor;

use super::axis::{
    LARGEST, Range, Tick, duration, grouped, logarithmic_time_ticks, percent_ticks, time_ticks,
};
use super::palette::{ABSENT, AXIS, BLACK, BLUE, GREEN, ORANGE, PURPLE, QUIET, SKY, VERMILLION};
use super::panel::Panel;
use super::picture::{Anchor, HEIGHT, Label, Picture, SMALL, WIDTH};

/// What [`ecdf`] draws: waits in seconds, in any order.
///
/// Waits that are negative count as 0; those that are not finite do not count.
#[derive(Clone, Debug, Default)]
pub struct Ecdf {
    /// Stands above the picture.
    pub title: String,
    /// The waits of everyone.
    pub all: Vec<f64>,
    /// Names and waits of groups, such as task groups; the first six are drawn.
    pub groups: Vec<(String, Vec<f64>)>,
}

const LEFT: i32 = 100;
const RIGHT: i32 = 980;
const TOP: i32 = 116;
const BOTTOM: i32 = HEIGHT - 58;
/// Of everyone and of the groups.
const COLORS: [RGBColor; 7] = [BLACK, BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION];
/// Steps a curve is thinned to; a step of 1/2000 is a quarter of a pixel.
const MOST_STEPS: usize = 2000;
/// Waits below a microsecond, the resolution of simulated time, count as no wait.
const SHORTEST: f64 = 1e-6;
/// The axis is logarithmic when the longest wait is more than this many times the shortest.
const THREE_DECADES: f64 = 1000.0;

/// The empirical distribution function of waits, for everyone and for each group.
///
/// The axis is linear from 0, or logarithmic where the waits span more than three decades; then
/// waits of 0 stand in a strip of their own at the left. Marked are the 50th, 95th and 99th
/// percentile of everyone: the least wait that at least so many percent do not exceed.
pub fn ecdf(input: &Ecdf) -> Picture {
    let mut picture = Picture::titled(&input.title);
    let groups = &input.groups;
    let named = groups.iter().map(|(name, waits)| (name.as_str(), waits));
    let curves: Vec<Curve> = [("all", &input.all)]
        .into_iter()
        .chain(named)
        .zip(COLORS)
        .map(|((name, waits), color)| Curve::new(name, waits, color))
        .collect();
    if curves.iter().all(|curve| curve.waits.is_empty()) {
        picture.no_data();
        return picture;
    }
    let axis = Axis::over(&curves);
    let panel = Panel::new((LEFT, RIGHT), (TOP, BOTTOM), axis.range(), Range::SHARES);
    draw_axes(&mut picture, &panel, &axis);
    // From the last to the first, so that the curve of everyone lies on top.
    for curve in curves.iter().rev() {
        curve.draw(&mut picture, &panel, &axis);
    }
    percentiles(&mut picture, &panel, &axis, &curves[0].waits);
    hint_shares(&mut picture, &panel, &curves);
    legend(&mut picture, &curves, groups.len() + 1 - curves.len());
    picture
}

/// The finite waits in order, within what an axis can show.
fn sorted(waits: &[f64]) -> Vec<f64> {
    let held = |wait: f64| {
        if wait < SHORTEST {
            0.0
        } else {
            wait.min(LARGEST)
        }
    };
    let finite = waits.iter().filter(|wait| wait.is_finite());
    let mut waits: Vec<f64> = finite.map(|wait| held(*wait)).collect();
    waits.sort_unstable_by(f64::total_cmp);
    waits
}

/// Sorted waits, and how they are shown.
struct Curve<'a> {
    name: &'a str,
    waits: Vec<f64>,
    color: RGBColor,
}

impl<'a> Curve<'a> {
    fn new(name: &'a str, waits: &[f64], color: RGBColor) -> Self {
        let waits = sorted(waits);
        Curve { name, waits, color }
    }

    fn draw(&self, picture: &mut Picture, panel: &Panel, axis: &Axis) {
        if self.waits.is_empty() {
            return;
        }
        let (mut line, mut level) = (vec![(panel.left, panel.bottom)], panel.bottom);
        for (wait, share) in steps(&self.waits) {
            let (x, y) = panel.at(axis.place(wait), share);
            line.extend([(x, level), (x, y)]);
            level = y;
        }
        line.push((panel.right, level));
        line.dedup();
        picture.line(line, 2, self.color);
    }
}

/// How waits are laid along the axis.
enum Axis {
    /// From 0 to `longest` seconds.
    Linear { longest: f64 },
    /// Decimal logarithms of seconds; waits of 0 in the middle of a strip at the left of them, as
    /// wide as `strip`, which is 0 when there are none.
    Logarithmic { logarithms: Range, strip: f64 },
}

impl Axis {
    /// The axis for curves of which one at least has a wait.
    fn over(curves: &[Curve]) -> Self {
        let every: Vec<&[f64]> = curves.iter().map(|curve| curve.waits.as_slice()).collect();
        let longest = every.iter().filter_map(|waits| waits.last());
        let longest = longest.copied().fold(0.0, f64::max);
        let zeros = |waits: &[f64]| waits.partition_point(|wait| *wait == 0.0);
        let shortest = every.iter().filter_map(|waits| waits.get(zeros(waits)));
        let shortest = shortest.copied().fold(f64::INFINITY, f64::min);
        if longest <= THREE_DECADES * shortest {
            return Axis::Linear { longest };
        }
        let logarithms = Range {
            low: shortest.log10().floor(),
            high: longest.log10(),
        };
        let has_zero = every.iter().any(|waits| zeros(waits) > 0);
        let strip = if has_zero {
            0.07 * logarithms.span()
        } else {
            0.0
        };
        Axis::Logarithmic { logarithms, strip }
    }

    /// With some room at the ends, so that a step there does not hide on the frame.
    fn range(&self) -> Range {
        let (range, left) = match *self {
            Axis::Linear { longest } => (Range::new(0.0, longest), 0.02),
            Axis::Logarithmic { logarithms, strip } => (
                Range {
                    low: logarithms.low - strip,
                    ..logarithms
                },
                0.0,
            ),
        };
        let room = range.span();
        Range {
            low: range.low - left * room,
            high: range.high + 0.02 * room,
        }
    }

    fn place(&self, wait: f64) -> f64 {
        match self {
            Axis::Linear { .. } => wait,
            Axis::Logarithmic { logarithms, strip } if wait == 0.0 => logarithms.low - strip / 2.0,
            Axis::Logarithmic { .. } => wait.log10(),
        }
    }
}

fn draw_axes(picture: &mut Picture, panel: &Panel, axis: &Axis) {
    let y_ticks = percent_ticks(10);
    let (title, x_ticks) = match axis {
        Axis::Linear { .. } => {
            let (unit, ticks) = time_ticks(panel.x, 11);
            (format!("wait ({unit})"), ticks)
        }
        Axis::Logarithmic { logarithms, strip } => {
            let strip_end = (panel.x_at(logarithms.low), panel.bottom);
            picture.fill((panel.left, panel.top), strip_end, ABSENT);
            let zero = Tick {
                at: axis.place(0.0),
                label: "0".to_string(),
            };
            let zero = (*strip > 0.0).then_some(zero);
            let positive = Range {
                low: logarithms.low,
                ..panel.x
            };
            let ticks = zero
                .into_iter()
                .chain(logarithmic_time_ticks(positive))
                .collect();
            ("wait (logarithmic)".to_string(), ticks)
        }
    };
    panel.grid(picture, &x_ticks, &y_ticks);
    panel.x_axis(picture, &x_ticks, &title);
    panel.y_axis(picture, &y_ticks, "waited at most this long (%)");
}

/// Points of the distribution function of sorted waits, from the first to the last: all of them,
/// or about [`MOST_STEPS`] at equal distances of rank.
fn steps(waits: &[f64]) -> Vec<(f64, f64)> {
    let count = waits.len();
    let ranks = (1..=count.min(MOST_STEPS)).map(|step| step * count / count.min(MOST_STEPS));
    let mut chosen: Vec<f64> = [1]
        .into_iter()
        .chain(ranks)
        .map(|rank| waits[rank - 1])
        .collect();
    chosen.dedup();
    let share = |wait: f64| waits.partition_point(|other| *other <= wait) as f64 / count as f64;
    chosen.into_iter().map(|wait| (wait, share(wait))).collect()
}

/// The least of sorted waits that at least `percent` of them do not exceed; none of no waits.
fn percentile(waits: &[f64], percent: usize) -> Option<f64> {
    let rank = (waits.len() * percent).div_ceil(100);
    waits.get(rank.checked_sub(1)?).copied()
}

/// Marks p50, p95 and p99. Each label has a line to itself and stands at the left of its mark, so
/// that no label meets another or another's mark, however close they are.
fn percentiles(picture: &mut Picture, panel: &Panel, axis: &Axis, all: &[f64]) {
    for (row, percent) in [50, 95, 99].into_iter().enumerate() {
        let Some(wait) = percentile(all, percent) else {
            return;
        };
        let share = percent as f64 / 100.0;
        let (x, y) = panel.at(axis.place(wait), share);
        let label_y = panel.top - 16 - row as i32 * 20;
        picture.line(vec![(x, label_y), (x, panel.bottom)], 1, AXIS);
        picture.fill((x - 4, y - 4), (x + 5, y + 5), BLACK);
        let text = format!("p{percent} = {}", duration(wait));
        picture.text(Label::new((x - 6, label_y), Anchor::Right, text).size(SMALL));
    }
}

/// Tells of each percent how long that many waited at most, curve by curve.
fn hint_shares(picture: &mut Picture, panel: &Panel, curves: &[Curve]) {
    for percent in 1..=100 {
        let told = curves.iter().filter_map(|curve| {
            let wait = percentile(&curve.waits, percent)?;
            Some(format!("{}: {}", curve.name, duration(wait)))
        });
        let lines: Vec<String> = [format!("p{percent}")].into_iter().chain(told).collect();
        let y = |share: usize| panel.y_at(share as f64 / 100.0);
        let (from, to) = ((panel.left, y(percent)), (panel.right, y(percent - 1)));
        picture.hint(from, to, &lines.join("\n"));
    }
}

/// Each curve's name and the number of its waits, and how many groups are not drawn.
fn legend(picture: &mut Picture, curves: &[Curve], not_drawn: usize) {
    let (x, mut y) = (RIGHT + 20, TOP + 12);
    let quiet = |at, text| Label::new(at, Anchor::Left, text).size(SMALL).color(QUIET);
    for Curve { name, waits, color } in curves {
        picture.fill((x, y - 2), (x + 24, y + 2), *color);
        picture.text(Label::new((x + 32, y), Anchor::Left, *name).within(WIDTH - x - 40));
        picture.text(quiet(
            (x + 32, y + 20),
            format!("n = {}", grouped(waits.len())),
        ));
        y += 52;
    }
    if not_drawn > 0 {
        picture.text(quiet((x, y), format!("{not_drawn} more not drawn")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lie_on_the_curve() {
        assert_eq!(
            steps(&[1.0, 1.0, 3.0, 4.0]),
            [(1.0, 0.5), (3.0, 0.75), (4.0, 1.0)]
        );
        let waits: Vec<f64> = (0..1_000_000).map(|wait| f64::from(wait / 7)).collect();
        let thinned = steps(&waits);
        assert!(thinned.len() <= MOST_STEPS + 1);
        assert_eq!(thinned[0], (0.0, 7e-6));
        assert_eq!(thinned[thinned.len() - 1], (142_857.0, 1.0));
        for (wait, share) in thinned {
            assert_eq!(share, ((wait + 1.0) * 7.0).min(1e6) / 1e6);
        }
    }

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let check =
            |waits: &[f64], percent, expected| assert_eq!(percentile(waits, percent), expected);
        check(&[], 50, None);
        check(&[7.0], 50, Some(7.0));
        check(&[7.0], 99, Some(7.0));
        check(&[1.0, 2.0, 3.0, 4.0], 50, Some(2.0));
        check(&[1.0, 2.0, 3.0, 4.0], 95, Some(4.0));
    }

    #[test]
    fn the_axis_is_logarithmic_beyond_three_decades() {
        let is_logarithmic = |waits: &[f64]| {
            let curve = Curve::new("all", waits, BLACK);
            matches!(Axis::over(&[curve]), Axis::Logarithmic { .. })
        };
        assert!(!is_logarithmic(&[0.0]));
        assert!(!is_logarithmic(&[0.0, 5.0]));
        assert!(!is_logarithmic(&[1.0, 1000.0]));
        assert!(is_logarithmic(&[1.0, 1001.0]));
        assert!(is_logarithmic(&[0.0, 1.0, 1001.0]));
    }

    #[test]
    fn waits_that_cannot_be_are_left_out() {
        assert_eq!(
            sorted(&[f64::NAN, 3.0, -1.0, f64::INFINITY, 1e-9]),
            [0.0, 0.0, 3.0]
        );
    }
}
