//! Jobs by state over time: those on their way stacked on each other, and below them those that have
//! ended.

use plotters::style::RGBColor;

use super::axis::{Range, Tick, count_ticks, time_ticks};
use super::bins::Bins;
use super::palette::{BLUE, GREEN, ORANGE, PURPLE, SKY, STRANDED, VERMILLION};
use super::panel::{Level, Panel, entry, hint_bins};
use super::picture::{HEIGHT, Picture};

/// What [`stack`] draws: means over bins of time. States that nothing was in are left out.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// Stands above the picture.
    pub title: String,
    /// Edges of the bins in seconds, ascending: one more than there are bins.
    pub edges: Vec<f64>,
    /// Jobs on their way by state, from the bottom up: name, and the mean of each bin. The first
    /// five are drawn.
    pub live: Vec<(String, Vec<f64>)>,
    /// Jobs that have ended, likewise. The first two are drawn.
    pub ended: Vec<(String, Vec<f64>)>,
}

const LEFT: i32 = 94;
const RIGHT: i32 = 1000;
const TOP: i32 = 62;
/// Where the jobs on their way end, and those that have ended begin.
const MIDDLE: [i32; 2] = [430, 456];
const BOTTOM: i32 = HEIGHT - 58;
/// More bins than this are joined: a bin is two pixels wide at least.
const MOST_BINS: usize = ((RIGHT - LEFT) / 2) as usize;

const LIVE: [RGBColor; 5] = [BLUE, SKY, ORANGE, STRANDED, PURPLE];
const ENDED: [RGBColor; 2] = [GREEN, VERMILLION];

/// How many jobs are in each state over time, as areas that stand on each other.
///
/// Bins beyond a few hundred are joined, by their means.
pub fn stack(input: &Stack) -> Picture {
    let mut picture = Picture::titled(&input.title);
    let bins = Bins::new(&input.edges, MOST_BINS);
    if bins.is_empty() {
        picture.no_data();
        return picture;
    }
    let (unit, ticks) = time_ticks(bins.range(), 12);
    let live = layers(&input.live, &LIVE, &bins);
    let ended = layers(&input.ended, &ENDED, &bins);
    let panel =
        |down, layers: &[Layer]| Panel::new((LEFT, RIGHT), down, bins.range(), range_of(layers));
    let above = panel((TOP, MIDDLE[0]), &live);
    draw(&mut picture, &above, "jobs", &live, &bins.edges, &ticks);
    above.x_line(&mut picture, &ticks);
    let below = panel((MIDDLE[1], BOTTOM), &ended);
    draw(
        &mut picture,
        &below,
        "jobs ended",
        &ended,
        &bins.edges,
        &ticks,
    );
    below.x_axis(&mut picture, &ticks, &format!("time ({unit})"));
    let all = Panel::new((LEFT, RIGHT), (TOP, BOTTOM), bins.range(), Range::SHARES);
    hint_bins(&mut picture, &all, &bins.edges, |bin| {
        let told = |layer: &Layer| {
            let Level { low, high } = layer.levels[bin]?;
            Some(format!("{}: {:.1}", layer.name, high - low))
        };
        live.iter().rev().chain(&ended).filter_map(told).collect()
    });
    picture
}

/// A state, and what it takes of each bin on top of those below it.
struct Layer<'a> {
    name: &'a str,
    color: RGBColor,
    levels: Vec<Option<Level>>,
}

fn layers<'a>(
    states: &'a [(String, Vec<f64>)],
    colors: &[RGBColor],
    bins: &Bins,
) -> Vec<Layer<'a>> {
    let mut tops = vec![0.0; bins.edges.len().saturating_sub(1)];
    let mut layers = Vec::new();
    for ((name, values), color) in states.iter().zip(colors) {
        if !values.iter().any(|value| *value > 0.0) {
            continue;
        }
        let means = bins.means(|bin| values.get(bin).copied());
        let levels = tops.iter_mut().zip(means).map(|(top, mean)| {
            let low = *top;
            *top += mean?;
            Some(Level { low, high: *top })
        });
        layers.push(Layer {
            name,
            color: *color,
            levels: levels.collect(),
        });
    }
    layers
}

/// From 0 to a little above the highest.
fn range_of(layers: &[Layer]) -> Range {
    let levels = layers.iter().flat_map(|layer| &layer.levels).flatten();
    let highest = levels.map(|level| level.high).fold(0.0, f64::max);
    Range::new(0.0, highest * 1.05)
}

fn draw(
    picture: &mut Picture,
    panel: &Panel,
    title: &str,
    layers: &[Layer],
    edges: &[f64],
    x_ticks: &[Tick],
) {
    let y_ticks = count_ticks(panel.y, 5);
    panel.grid(picture, x_ticks, &y_ticks);
    for layer in layers {
        for band in panel.bands(edges, &layer.levels) {
            picture.area(band.outline(), layer.color);
        }
    }
    panel.y_axis(picture, &y_ticks, title);
    // The legend stands in the order of the areas, the lowest at the bottom.
    let lowest = 12 * (layers.len() as i32 - 1);
    for (place, layer) in layers.iter().enumerate() {
        let below = lowest - 24 * place as i32;
        entry(picture, panel, below, layer.color, layer.name);
    }
}
