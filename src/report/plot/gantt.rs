//! Which attempt of a job ran where and when.

use plotters::style::RGBColor;

use super::axis::{LARGEST, Range, moment, time_ticks};
use super::bins::groups;
use super::palette::{ABSENT, BLUE, GREEN, GRID, ORANGE, STRANDED, VERMILLION};
use super::panel::{Level, Panel, entry};
use super::picture::{Anchor, HEIGHT, Label, Picture, SMALL, WIDTH};

/// What [`gantt`] draws. Moments are in seconds from the start.
#[derive(Clone, Debug, Default)]
pub struct Gantt {
    /// Stands above the picture.
    pub title: String,
    /// End of the axis.
    pub end: f64,
    /// Instances, from the top down.
    pub lanes: Vec<Lane>,
}

/// An instance, or all of Fargate that a compute environment uses.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// From when to when it was there; absent: always.
    pub present: Option<(f64, f64)>,
    /// What ran on it, in any order.
    pub bars: Vec<Bar>,
}

/// An attempt.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// When it was placed.
    pub placed: f64,
    /// When it began to run; absent: it never did.
    pub started: Option<f64>,
    /// When it ended.
    pub until: f64,
    /// What came of it.
    pub fate: Fate,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its job succeeded.
    Succeeded,
    /// Another attempt followed.
    Retried,
    /// Its job failed.
    Failed,
    /// It had not ended.
    InFlight,
}

/// What a piece of a bar shows: the fates, and the time before it ran.
const PIECES: [(&str, RGBColor); 5] = [
    ("starting", STRANDED),
    ("succeeded", GREEN),
    ("running", BLUE),
    ("retried", ORANGE),
    ("failed", VERMILLION),
];
const STARTING: usize = 0;

const RIGHT: i32 = 1000;
const TOP: i32 = 62;
const BOTTOM: i32 = HEIGHT - 58;
/// Widest name of an instance, in pixels.
const WIDEST_NAME: i32 = 230;
/// A bar is at least this high, in pixels, and at most that high.
const BAR: [i32; 2] = [4, 24];
/// More bars than this are not drawn one by one: they would hide each other.
const MOST_BARS: usize = 2500;
/// A row of areas is at least this high, in pixels; more instances share a row.
const ROW: i32 = 9;

/// Attempts on instances over time.
///
/// Bar by bar, those of one instance that overlap below each other, while there is room for that.
/// Otherwise a row an instance (or a few neighbours, under the first one's name) with areas: how many
/// attempts it had at once, as part of the most that it ever had.
pub fn gantt(input: &Gantt) -> Picture {
    let mut picture = Picture::titled(&input.title);
    let lanes: Vec<Shown> = input
        .lanes
        .iter()
        .map(|lane| Shown::of(lane, input.end))
        .collect();
    let count: usize = lanes.iter().map(|lane| lane.bars.len()).sum();
    if count == 0 || !(0.0..=LARGEST).contains(&input.end) {
        picture.no_data();
        return picture;
    }
    let packed: Vec<Vec<usize>> = lanes.iter().map(|lane| pack(&lane.bars)).collect();
    let depth = |places: &Vec<usize>| places.iter().max().map_or(1, |most| most + 1);
    let rows: usize = packed.iter().map(depth).sum();
    let fits = rows as i32 <= (BOTTOM - TOP) / BAR[0] && count <= MOST_BARS;
    let heights: Vec<usize> = match fits {
        true => packed.iter().map(depth).collect(),
        false => {
            let rows = groups(lanes.len(), ((BOTTOM - TOP) / ROW) as usize);
            vec![1; rows.len()]
        }
    };
    let grid = Rows::new(&heights, if fits { BAR[1] } else { BOTTOM - TOP });
    let shared = groups(lanes.len(), heights.len());
    let names = shared
        .iter()
        .map(|lanes| input.lanes[lanes.start].name.as_str());
    let left = grid.name(&mut picture, names) + 14;
    let range = Range::new(0.0, input.end);
    let (unit, ticks) = time_ticks(range, 12);
    let panel = Panel::new((left, RIGHT), (TOP, grid.bottom()), range, Range::SHARES);
    panel.grid(&mut picture, &ticks, &[]);
    let mut seen = [false; PIECES.len()];
    for (row, members) in shared.iter().enumerate() {
        let (top, bottom) = grid.edges(row);
        let here = &lanes[members.clone()];
        let part = Panel::new((left, RIGHT), (top, bottom), range, Range::SHARES);
        presence(&mut picture, &part, here);
        match fits {
            true => bars(
                &mut picture,
                &part,
                &here[0],
                &packed[members.start],
                heights[row],
            ),
            false => areas(&mut picture, &part, here),
        }
        for piece in here
            .iter()
            .flat_map(|lane| &lane.bars)
            .flat_map(Shape::pieces)
        {
            seen[piece.0] = true;
        }
        picture.line(vec![(left, bottom), (RIGHT, bottom)], 1, GRID);
    }
    panel.x_axis(&mut picture, &ticks, &format!("time ({unit})"));
    legend(&mut picture, seen, fits);
    picture
}

/// A lane as far as it can be drawn.
struct Shown {
    present: (f64, f64),
    /// In order of their beginnings.
    bars: Vec<Shape>,
}

/// A bar with finite moments in order.
#[derive(Clone, Copy)]
struct Shape {
    placed: f64,
    started: f64,
    until: f64,
    fate: usize,
}

impl Shown {
    fn of(lane: &Lane, end: f64) -> Self {
        let held = |at: f64| at.clamp(0.0, end.max(0.0));
        let shape = |bar: &Bar| {
            let started = bar.started.unwrap_or(bar.until);
            let all = [bar.placed, started, bar.until];
            let in_order = all.iter().all(|at| at.is_finite()) && all.is_sorted();
            in_order.then(|| Shape {
                placed: held(bar.placed),
                started: held(started),
                until: held(bar.until),
                fate: match bar.fate {
                    Fate::Succeeded => 1,
                    Fate::InFlight => 2,
                    Fate::Retried => 3,
                    Fate::Failed => 4,
                },
            })
        };
        let mut bars: Vec<Shape> = lane.bars.iter().filter_map(shape).collect();
        bars.sort_by(|one, other| one.placed.total_cmp(&other.placed));
        let (from, until) = lane.present.unwrap_or((0.0, end));
        Shown {
            present: (held(from), held(until)),
            bars,
        }
    }
}

impl Shape {
    /// What the bar shows, in words.
    fn told(&self) -> String {
        let fate = PIECES[self.fate].0;
        let [placed, started, until] = [self.placed, self.started, self.until].map(moment);
        match self.started < self.until {
            true => format!("{fate}\nplaced {placed}, started {started}, until {until}"),
            false => format!("{fate}\nplaced {placed}, until {until}"),
        }
    }

    /// What to draw, from left to right: which piece, from when, to when.
    fn pieces(&self) -> impl Iterator<Item = (usize, f64, f64)> + use<> {
        let pieces = [
            (STARTING, self.placed, self.started),
            (self.fate, self.started, self.until),
        ];
        let instant = self.placed == self.until;
        let mut pieces = pieces.into_iter();
        // What took no time is seen all the same, by its fate.
        if instant {
            pieces.next();
        }
        pieces.filter(move |(_, from, until)| instant || from < until)
    }
}

/// For each of some bars in order of their beginnings, the first place of a lane that is free.
fn pack(bars: &[Shape]) -> Vec<usize> {
    let mut free_from: Vec<f64> = Vec::new();
    let mut place_of = |bar: &Shape| {
        let free = free_from.iter().position(|free| *free <= bar.placed);
        let place = free.unwrap_or_else(|| {
            free_from.push(0.0);
            free_from.len() - 1
        });
        free_from[place] = bar.until;
        place
    };
    bars.iter().map(&mut place_of).collect()
}

/// Where each row lies; a row is as high as it has bars at once.
struct Rows {
    /// Top of each row in bars, and the bottom of the last.
    edges: Vec<usize>,
    /// Height of all rows, in pixels.
    height: i32,
}

impl Rows {
    fn new(heights: &[usize], highest: i32) -> Self {
        let mut edges = vec![0];
        edges.extend(heights.iter().scan(0, |sum, height| {
            *sum += height;
            Some(*sum)
        }));
        let all = edges[heights.len()] as i32;
        Rows {
            edges,
            height: all.saturating_mul(highest).min(BOTTOM - TOP),
        }
    }

    fn at(&self, edge: usize) -> i32 {
        let all = self.edges[self.edges.len() - 1].max(1);
        TOP + (self.height as usize * self.edges[edge] / all) as i32
    }

    fn bottom(&self) -> i32 {
        self.at(self.edges.len() - 1)
    }

    fn edges(&self, row: usize) -> (i32, i32) {
        (self.at(row), self.at(row + 1))
    }

    /// Writes the names of the rows as far as they do not touch; returns the pixel where they end.
    fn name<'a>(&self, picture: &mut Picture, names: impl Iterator<Item = &'a str>) -> i32 {
        let mut labels: Vec<Label> = Vec::new();
        let mut free_from = TOP - SMALL;
        for (row, name) in names.enumerate() {
            let (top, bottom) = self.edges(row);
            let middle = (top + bottom) / 2;
            if middle - SMALL / 2 >= free_from {
                let label = Label::new((0, middle), Anchor::Right, name);
                labels.push(label.size(SMALL).within(WIDEST_NAME));
                free_from = middle + SMALL / 2;
            }
        }
        let end = 40 + labels.iter().map(Label::width).max().unwrap_or(0);
        for mut label in labels {
            label.at.0 = end;
            picture.text(label);
        }
        let middle = (22, (TOP + self.bottom()) / 2);
        picture.text(Label::new(middle, Anchor::Upward, "instance"));
        end
    }
}

/// Shades the time in which the instances of a row were there.
fn presence(picture: &mut Picture, panel: &Panel, lanes: &[Shown]) {
    let from = lanes
        .iter()
        .map(|lane| lane.present.0)
        .fold(f64::INFINITY, f64::min);
    let until = lanes.iter().map(|lane| lane.present.1).fold(0.0, f64::max);
    if from < until {
        let (left, right) = (panel.x_at(from), panel.x_at(until));
        picture.fill((left, panel.top), (right, panel.bottom), ABSENT);
    }
}

fn bars(picture: &mut Picture, panel: &Panel, lane: &Shown, places: &[usize], depth: usize) {
    let height = panel.bottom - panel.top;
    let edge = |place: usize| panel.top + height * place as i32 / depth as i32;
    for (bar, place) in lane.bars.iter().zip(places) {
        let (top, bottom) = (edge(*place), edge(place + 1));
        let (from, to) = (panel.x_at(bar.placed), panel.x_at(bar.until));
        picture.hint((from, top), (to, bottom), &bar.told());
        // A line of background between bars tells them apart; so does one at their ends.
        let gap = i32::from(bottom - top > 2);
        for (piece, from, until) in bar.pieces() {
            let (left, right) = (panel.x_at(from), panel.x_at(until));
            let ends = i32::from(until == bar.until && right - left > 3);
            let right = (right - ends).max(left + 1);
            picture.fill((left, top + gap), (right, bottom), PIECES[piece].1);
        }
    }
}

/// Attempts at once over time, piece upon piece.
fn areas(picture: &mut Picture, panel: &Panel, lanes: &[Shown]) {
    let bins = ((panel.right - panel.left) / 2).max(1) as usize;
    let width = panel.x.high / bins as f64;
    let mut means = PIECES.map(|_| Means::new(bins, width));
    for bar in lanes.iter().flat_map(|lane| &lane.bars) {
        for (piece, from, until) in bar.pieces() {
            means[piece].add(from, until);
        }
    }
    let means = means.map(Means::finish);
    let sum = |bin: usize| means.iter().map(|means| means[bin]).sum::<f64>();
    let most = (0..bins).map(sum).fold(0.0, f64::max);
    let panel = Panel {
        y: Range::new(0.0, most),
        ..Panel::new(
            (panel.left, panel.right),
            (panel.top + 1, panel.bottom),
            panel.x,
            panel.y,
        )
    };
    let edges: Vec<f64> = (0..=bins).map(|edge| width * edge as f64).collect();
    let mut tops = vec![0.0; bins];
    // The fates at the bottom, in order, and the time before on top.
    for piece in (1..PIECES.len()).chain([STARTING]) {
        let levels: Vec<Option<Level>> = tops
            .iter_mut()
            .zip(&means[piece])
            .map(|(top, mean)| {
                let low = *top;
                *top += mean;
                (*mean > 0.0).then_some(Level { low, high: *top })
            })
            .collect();
        for band in panel.bands(&edges, &levels) {
            picture.area(band.outline(), PIECES[piece].1);
        }
    }
}

/// Bars at once in bins of equal width: a bar costs the same however long it is.
struct Means {
    width: f64,
    /// Seconds in bins that a bar takes in part.
    parts: Vec<f64>,
    /// Bars that take whole bins: how many more from this bin on.
    steps: Vec<i64>,
}

impl Means {
    fn new(bins: usize, width: f64) -> Self {
        Means {
            width,
            parts: vec![0.0; bins],
            steps: vec![0; bins + 1],
        }
    }

    fn add(&mut self, from: f64, until: f64) {
        let last = self.parts.len() - 1;
        let bin = |at: f64| ((at / self.width) as usize).min(last);
        let (first, final_bin) = (bin(from), bin(until));
        if first == final_bin {
            self.parts[first] += until - from;
            return;
        }
        self.parts[first] += self.width * (first + 1) as f64 - from;
        self.parts[final_bin] += until - self.width * final_bin as f64;
        self.steps[first + 1] += 1;
        self.steps[final_bin] -= 1;
    }

    fn finish(self) -> Vec<f64> {
        let mut whole = 0;
        let bins = self.parts.iter().zip(&self.steps);
        bins.map(|(part, step)| {
            whole += step;
            (whole as f64 + part / self.width).max(0.0)
        })
        .collect()
    }
}

/// What the colours mean, at the right.
fn legend(picture: &mut Picture, seen: [bool; PIECES.len()], are_bars: bool) {
    let panel = Panel::new((0, RIGHT), (TOP, TOP), Range::SHARES, Range::SHARES);
    let mut below = 12;
    let pieces = PIECES.iter().zip(seen).filter(|(_, seen)| *seen);
    for ((name, color), _) in pieces {
        entry(picture, &panel, below, *color, name);
        below += 26;
    }
    entry(picture, &panel, below, ABSENT, "nothing runs");
    if !are_bars {
        let lines = ["height of a row: the", "most that it ever had"];
        for (place, line) in lines.into_iter().enumerate() {
            let at = (RIGHT + 18, TOP + below + 34 + 20 * place as i32);
            let label = Label::new(at, Anchor::Left, line).size(SMALL);
            picture.text(label.within(WIDTH - RIGHT - 28));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(placed: f64, until: f64) -> Shape {
        Shape {
            placed,
            started: placed,
            until,
            fate: 1,
        }
    }

    #[test]
    fn overlapping_bars_have_places_of_their_own() {
        let bars = [(0.0, 4.0), (1.0, 2.0), (2.0, 3.0), (2.0, 9.0), (4.0, 5.0)];
        assert_eq!(
            pack(&bars.map(|(from, to)| shape(from, to))),
            [0, 1, 1, 2, 0]
        );
    }

    /// Bins of 2 s: one bar from 1 to 7, one from 4 to 5.
    #[test]
    fn means_count_what_runs_at_once() {
        let mut means = Means::new(5, 2.0);
        means.add(1.0, 7.0);
        means.add(4.0, 5.0);
        assert_eq!(means.finish(), [0.5, 1.0, 1.5, 0.5, 0.0]);
    }

    #[test]
    fn rows_are_as_high_as_they_have_bars() {
        let rows = Rows::new(&[1, 3, 2], 10);
        assert_eq!(
            [0, 1, 2].map(|row| rows.edges(row)),
            [(TOP, TOP + 10), (TOP + 10, TOP + 40), (TOP + 40, TOP + 60),]
        );
    }
}
