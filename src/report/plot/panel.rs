//! A rectangle of the picture with two axes, and the steps drawn in it.

use plotters::style::RGBColor;

use super::axis::{Range, Tick, moment};
use super::palette::{AXIS, GRID};
use super::picture::{Anchor, Label, Picture, Point, SMALL, WIDTH};

/// Where a picture's data lies, in pixels, and which values its edges stand for.
pub(super) struct Panel {
    pub left: i32,
    pub right: i32,
    pub top: i32,
    pub bottom: i32,
    pub x: Range,
    pub y: Range,
}

impl Panel {
    /// From the left to the right pixel and from the top to the bottom one.
    pub(super) fn new(across: Point, down: Point, x: Range, y: Range) -> Self {
        let ((left, right), (top, bottom)) = (across, down);
        Panel {
            left,
            right,
            top,
            bottom,
            x,
            y,
        }
    }

    pub(super) fn x_at(&self, value: f64) -> i32 {
        let width = f64::from(self.right - self.left);
        self.left + (self.x.share(value) * width).round() as i32
    }

    pub(super) fn y_at(&self, value: f64) -> i32 {
        let height = f64::from(self.bottom - self.top);
        self.bottom - (self.y.share(value) * height).round() as i32
    }

    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        (self.x_at(x), self.y_at(y))
    }

    /// Light lines at the ticks, behind the data.
    pub(super) fn grid(&self, picture: &mut Picture, x: &[Tick], y: &[Tick]) {
        for tick in x {
            let x = self.x_at(tick.at);
            picture.line(vec![(x, self.top), (x, self.bottom)], 1, GRID);
        }
        for tick in y {
            let y = self.y_at(tick.at);
            picture.line(vec![(self.left, y), (self.right, y)], 1, GRID);
        }
    }

    /// The bottom line with its marks.
    pub(super) fn x_line(&self, picture: &mut Picture, ticks: &[Tick]) {
        picture.line(
            vec![(self.left, self.bottom), (self.right, self.bottom)],
            1,
            AXIS,
        );
        for tick in ticks {
            let x = self.x_at(tick.at);
            picture.line(vec![(x, self.bottom), (x, self.bottom + 5)], 1, AXIS);
        }
    }

    /// The bottom line with its marks, what is written at them, and below that the title.
    pub(super) fn x_axis(&self, picture: &mut Picture, ticks: &[Tick], title: &str) {
        self.x_line(picture, ticks);
        for tick in ticks {
            let at = (self.x_at(tick.at), self.bottom + 17);
            picture
                .text_where_free(Label::new(at, Anchor::Middle, tick.label.as_str()).size(SMALL));
        }
        let at = ((self.left + self.right) / 2, self.bottom + 40);
        picture.text(Label::new(at, Anchor::Middle, title));
    }

    /// The left line with its marks, what is written at them, and beside that the title.
    pub(super) fn y_axis(&self, picture: &mut Picture, ticks: &[Tick], title: &str) {
        picture.line(
            vec![(self.left, self.top), (self.left, self.bottom)],
            1,
            AXIS,
        );
        for tick in ticks {
            let y = self.y_at(tick.at);
            picture.line(vec![(self.left - 5, y), (self.left, y)], 1, AXIS);
            let label = Label::new((self.left - 9, y), Anchor::Right, tick.label.as_str());
            picture.text_where_free(label.size(SMALL));
        }
        let at = (self.left - 68, (self.top + self.bottom) / 2);
        picture.text(Label::new(at, Anchor::Upward, title));
    }

    /// The bands over bins with these edges; one for each run of bins that have a level.
    pub(super) fn bands(&self, edges: &[f64], levels: &[Option<Level>]) -> Vec<Band> {
        let bins: Vec<_> = edges.windows(2).zip(levels).collect();
        bins.split(|(_, level)| level.is_none())
            .filter(|run| !run.is_empty())
            .map(|run| {
                let mut band = Band::default();
                for (edge, level) in run {
                    let Level { low, high } = level.unwrap_or_default();
                    let (from, to) = (self.x_at(edge[0]), self.x_at(edge[1]));
                    extend(&mut band.lower, from, to, self.y_at(low));
                    extend(&mut band.upper, from, to, self.y_at(high));
                }
                band
            })
            .collect()
    }
}

/// Tells of each bin what it holds, over the height of all panels that show it.
pub(super) fn hint_bins(
    picture: &mut Picture,
    panel: &Panel,
    edges: &[f64],
    told: impl Fn(usize) -> Vec<String>,
) {
    for (bin, edge) in edges.windows(2).enumerate() {
        let when = format!("{} to {}", moment(edge[0]), moment(edge[1]));
        let lines: Vec<String> = [when].into_iter().chain(told(bin)).collect();
        let (from, to) = (panel.x_at(edge[0]), panel.x_at(edge[1]));
        picture.hint((from, panel.top), (to, panel.bottom), &lines.join("\n"));
    }
}

/// A line of the legend at the right of a panel, `below` its middle.
pub(super) fn entry(picture: &mut Picture, panel: &Panel, below: i32, color: RGBColor, name: &str) {
    let (x, y) = (panel.right + 18, (panel.top + panel.bottom) / 2 + below);
    picture.fill((x, y - 5), (x + 22, y + 5), color);
    picture.text(Label::new((x + 30, y), Anchor::Left, name).within(WIDTH - x - 40));
}

/// What lies between two values in a bin.
#[derive(Clone, Copy, Default)]
pub(super) struct Level {
    pub low: f64,
    pub high: f64,
}

/// The stepped lower and upper edge of an area, each from left to right.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Band {
    lower: Vec<Point>,
    pub upper: Vec<Point>,
}

impl Band {
    pub(super) fn outline(&self) -> Vec<Point> {
        self.upper
            .iter()
            .chain(self.lower.iter().rev())
            .copied()
            .collect()
    }
}

/// Goes on at level `y` up to `to`, with a step where the level changes.
fn extend(line: &mut Vec<Point>, from: i32, to: i32, y: i32) {
    match line.last_mut() {
        Some(last) if last.1 == y => last.0 = to,
        _ => line.extend([(from, y), (to, y)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_step_and_break() {
        let range = Range {
            low: 0.0,
            high: 4.0,
        };
        let panel = Panel::new((0, 40), (0, 40), range, range);
        let level = |high| Some(Level { low: 0.0, high });
        let bands = panel.bands(
            &[0.0, 1.0, 2.0, 3.0, 4.0],
            &[level(1.0), level(1.0), None, level(9.0)],
        );
        let flat = |from, to, y| vec![(from, y), (to, y)];
        let expected = [
            Band {
                lower: flat(0, 20, 40),
                upper: flat(0, 20, 30),
            },
            Band {
                lower: flat(30, 40, 40),
                upper: flat(30, 40, 0),
            },
        ];
        assert_eq!(bands, expected);
        assert_eq!(bands[0].outline(), [(0, 30), (20, 30), (20, 40), (0, 40)]);
    }
}
