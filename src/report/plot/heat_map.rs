//! Utilization of every instance over time, as colour.

use std::ops::Range as Indices;

use super::Resource;
use super::axis::{Range, moment, time_ticks};
use super::bins::{Bins, groups};
use super::palette::{ABSENT, AXIS, heat};
use super::panel::Panel;
use super::picture::{Anchor, HEIGHT, Label, Picture, SMALL, WIDTH};

/// What [`heat_map`] draws: a value for every instance, bin of time and resource.
#[derive(Clone, Debug, Default)]
pub struct HeatMap {
    /// Stands above the picture.
    pub title: String,
    /// Edges of the bins in seconds, ascending: one more than there are bins.
    pub edges: Vec<f64>,
    /// Names of the instances, from the top down; about 128 rows can be told apart.
    pub instances: Vec<String>,
    /// One for each resource that exists, from left to right; the first four are drawn.
    pub resources: Vec<ResourceHeat>,
}

/// How much of one resource was in use on each instance.
#[derive(Clone, Debug)]
pub struct ResourceHeat {
    /// Which resource.
    pub resource: Resource,
    /// A row an instance, a value a bin: reserved share of the instance's capacity, 0 to 1; `None`
    /// while the instance is not there or has none of the resource.
    pub reserved: Vec<Vec<Option<f64>>>,
}

const RIGHT: i32 = WIDTH - 130;
const TOP: i32 = 84;
const BOTTOM: i32 = HEIGHT - 58;
const GAP: i32 = 24;
/// Widest name of an instance, in pixels.
const WIDEST_NAME: i32 = 230;
/// A cell is at least this wide and high, in pixels; more rows or bins are joined.
const CELL: i32 = 4;
/// About so many places of a panel are told of.
const MOST_HINTS: usize = 1000;
/// Shades that are told apart; neighbours of one shade are drawn as one.
const SHADES: f64 = 32.0;

/// The reserved share of each instance over time as colour, a panel a resource.
///
/// Where rows or bins would be less than four pixels, neighbours are joined by their means and the
/// row bears the first name. Names are left out where they would touch.
pub fn heat_map(input: &HeatMap) -> Picture {
    let mut picture = Picture::titled(&input.title);
    let rows = groups(input.instances.len(), ((BOTTOM - TOP) / CELL) as usize);
    let left = row_names(&mut picture, input, &rows) + 14;
    let resources = &input.resources[..input.resources.len().min(Resource::COUNT)];
    let panels = resources.len().max(1) as i32;
    let width = (RIGHT - left - GAP * (panels - 1)) / panels;
    let bins = Bins::new(&input.edges, (width / CELL) as usize);
    if bins.is_empty() || rows.is_empty() || resources.is_empty() {
        let mut picture = Picture::titled(&input.title);
        picture.no_data();
        return picture;
    }
    let (unit, ticks) = time_ticks(bins.range(), (12 / panels) as usize);
    for (place, heat) in resources.iter().enumerate() {
        let from = left + place as i32 * (width + GAP);
        let y = Range {
            low: 0.0,
            high: rows.len() as f64,
        };
        let panel = Panel::new((from, from + width), (TOP, BOTTOM), bins.range(), y);
        let above = ((panel.left + panel.right) / 2, TOP - 18);
        picture.text(Label::new(above, Anchor::Middle, heat.resource.name()));
        picture.fill((panel.left, TOP), (panel.right, BOTTOM), ABSENT);
        for (row, instances) in rows.iter().enumerate() {
            let shares = bins.means(|bin| mean_of(&heat.reserved, instances.clone(), bin));
            cells(&mut picture, &panel, &bins.edges, row, &shares);
        }
        hint_rows(&mut picture, &panel, input, heat, &rows, &bins);
        panel.x_axis(&mut picture, &ticks, &format!("time ({unit})"));
    }
    scale(&mut picture);
    picture
}

/// The mean over those of the instances that have a value in the bin.
fn mean_of(rows: &[Vec<Option<f64>>], instances: Indices<usize>, bin: usize) -> Option<f64> {
    let values = instances
        .filter_map(|instance| *rows.get(instance)?.get(bin)?)
        .filter(|value| value.is_finite());
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then_some(sum / count)
}

/// Top and bottom of a row, in pixels.
fn row_edges(row: usize, rows: usize) -> (i32, i32) {
    let edge = |place: usize| TOP + ((BOTTOM - TOP) as usize * place / rows) as i32;
    (edge(row), edge(row + 1))
}

/// Names every row, or every second, third or so on, as far as they do not touch; returns the pixel
/// where the names end.
fn row_names(picture: &mut Picture, input: &HeatMap, rows: &[Indices<usize>]) -> i32 {
    let every = (SMALL as usize * rows.len()).div_ceil((BOTTOM - TOP) as usize);
    let shown = rows.iter().enumerate().step_by(every.max(1));
    let mut labels: Vec<Label> = shown
        .map(|(row, instances)| {
            let (top, bottom) = row_edges(row, rows.len());
            let name = input.instances[instances.start].as_str();
            let label = Label::new((0, (top + bottom) / 2), Anchor::Right, name);
            label.size(SMALL).within(WIDEST_NAME)
        })
        .collect();
    let end = 40 + labels.iter().map(Label::width).max().unwrap_or(0);
    for label in &mut labels {
        label.at.0 = end;
    }
    labels.into_iter().for_each(|label| picture.text(label));
    picture.text(Label::new(
        (22, (TOP + BOTTOM) / 2),
        Anchor::Upward,
        "instance",
    ));
    end
}

/// A row of cells, neighbours of one shade as one.
fn cells(picture: &mut Picture, panel: &Panel, edges: &[f64], row: usize, shares: &[Option<f64>]) {
    let (top, bottom) = row_edges(row, panel.y.high as usize);
    let shade = |share: &Option<f64>| share.map(|share| (share.clamp(0.0, 1.0) * SHADES).round());
    let mut bin = 0;
    for run in shares.chunk_by(|a, b| shade(a) == shade(b)) {
        let (from, to) = (panel.x_at(edges[bin]), panel.x_at(edges[bin + run.len()]));
        bin += run.len();
        if let Some(shade) = shade(&run[0]) {
            picture.fill((from, top), (to, bottom), heat(shade / SHADES));
        }
    }
}

/// Tells of each row and each of some stretches of time how much was reserved. As many stretches as
/// keep a page small: about [`MOST_HINTS`] in a panel.
fn hint_rows(
    picture: &mut Picture,
    panel: &Panel,
    input: &HeatMap,
    heat: &ResourceHeat,
    rows: &[Indices<usize>],
    bins: &Bins,
) {
    let stretches = Bins::new(
        &input.edges,
        (MOST_HINTS / rows.len()).clamp(1, bins.edges.len()),
    );
    for (row, instances) in rows.iter().enumerate() {
        let (top, bottom) = row_edges(row, rows.len());
        let name = match instances.len() {
            1 => input.instances[instances.start].clone(),
            count => format!(
                "{} and {} more",
                input.instances[instances.start],
                count - 1
            ),
        };
        let shares = stretches.means(|bin| mean_of(&heat.reserved, instances.clone(), bin));
        for (edge, share) in stretches.edges.windows(2).zip(shares) {
            let Some(share) = share else { continue };
            let when = format!("{} to {}", moment(edge[0]), moment(edge[1]));
            let (resource, share) = (heat.resource.name(), share * 100.0);
            let told = format!("{name}\n{when}\n{resource}: {share:.1} % reserved");
            let (from, to) = (panel.x_at(edge[0]), panel.x_at(edge[1]));
            picture.hint((from, top), (to, bottom), &told);
        }
    }
}

/// What the colours mean, at the right of the panels.
fn scale(picture: &mut Picture) {
    let (left, right) = (RIGHT + 28, RIGHT + 46);
    let (top, bottom) = (TOP + 40, TOP + 340);
    picture.text(Label::new((left, TOP + 10), Anchor::Left, "reserved"));
    for y in top..bottom {
        let share = f64::from(bottom - y) / f64::from(bottom - top);
        let shade = (share * SHADES).round();
        picture.fill((left, y), (right, y + 1), heat(shade / SHADES));
    }
    for percent in [0, 25, 50, 75, 100] {
        let y = bottom - (bottom - top) * percent / 100;
        picture.line(vec![(right, y), (right + 5, y)], 1, AXIS);
        let label = Label::new((right + 9, y), Anchor::Left, format!("{percent} %"));
        picture.text(label.size(SMALL));
    }
    let y = bottom + 44;
    picture.fill((left, y - 9), (right, y + 9), ABSENT);
    picture.text(Label::new((right + 9, y), Anchor::Left, "absent").size(SMALL));
}
