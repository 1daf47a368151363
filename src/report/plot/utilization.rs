//! Reserved and stranded capacity over time, a panel a resource, and the tasks below.

use plotters::style::RGBColor;

use super::Resource;
use super::axis::{Range, Tick, count_ticks, percent_ticks, time_ticks};
use super::bins::Bins;
use super::palette::{ORANGE, SKY, STRANDED, tint};
use super::panel::{Level, Panel};
use super::picture::{Anchor, HEIGHT, Label, Picture, WIDTH};

/// What [`utilization`] draws: means over bins of time.
#[derive(Clone, Debug, Default)]
pub struct Utilization {
    /// Stands above the picture.
    pub title: String,
    /// Edges of the bins in seconds, ascending: one more than there are bins.
    pub edges: Vec<f64>,
    /// One for each resource to show, from the top down; the first four are drawn.
    pub resources: Vec<ResourceUse>,
    /// Tasks running, the mean of each bin.
    pub running: Vec<f64>,
    /// Tasks waiting, the mean of each bin.
    pub waiting: Vec<f64>,
}

/// How much of one resource was in use.
#[derive(Clone, Debug)]
pub struct ResourceUse {
    /// Which resource.
    pub resource: Resource,
    /// Reserved share of the capacity, 0 to 1, the mean of each bin; `None` while there is no
    /// capacity. A resource with no share at all is left out of the picture.
    pub reserved: Vec<Option<f64>>,
    /// Share of the capacity that is free where nothing that waits fits, likewise; empty when it
    /// was not measured.
    pub stranded: Vec<Option<f64>>,
}

const LEFT: i32 = 94;
const RIGHT: i32 = 1000;
const TOP: i32 = 62;
const BOTTOM: i32 = HEIGHT - 58;
const GAP: i32 = 20;
/// More bins than this are joined: a bin is two pixels wide at least.
const MOST_BINS: usize = ((RIGHT - LEFT) / 2) as usize;

/// The share of each resource that is reserved and stranded over time, as stepped lines over light
/// areas, and below them how many tasks run and wait.
///
/// Bins beyond a few hundred are joined, by their means. Shares beyond 1 are drawn as 1.
pub fn utilization(input: &Utilization) -> Picture {
    let mut picture = Picture::titled(&input.title);
    let bins = Bins::new(&input.edges, MOST_BINS);
    if bins.is_empty() {
        picture.no_data();
        return picture;
    }
    let resources: Vec<Shown> = (input.resources.iter())
        .map(|resource| Shown::of(resource, &bins))
        .filter(|resource| resource.reserved.iter().any(Option::is_some))
        .take(Resource::COUNT)
        .collect();
    let (unit, ticks) = time_ticks(bins.range(), 12);

    let panels = resources.len() as i32 + 1;
    let height = (BOTTOM - TOP - GAP * (panels - 1)) / panels;
    let panel = |place: usize, y: Range| {
        let top = TOP + place as i32 * (height + GAP);
        Panel::new((LEFT, RIGHT), (top, top + height), bins.range(), y)
    };
    for (place, resource) in resources.iter().enumerate() {
        let panel = panel(place, Range::SHARES);
        resource_panel(&mut picture, &panel, resource, &bins.edges, &ticks);
    }
    let count = |values: &[f64]| bins.means(|bin| values.get(bin).copied());
    let counts = [count(&input.running), count(&input.waiting)];
    let highest = counts
        .iter()
        .flatten()
        .flatten()
        .copied()
        .fold(0.0, f64::max);
    let panel = panel(resources.len(), Range::new(0.0, highest * 1.05));
    task_panel(&mut picture, &panel, &counts, &bins.edges, &ticks);
    panel.x_axis(&mut picture, &ticks, &format!("time ({unit})"));
    picture
}

/// A mean for each bin that is drawn.
type Means = Vec<Option<f64>>;

/// The shares of a resource in the bins that are drawn.
struct Shown {
    resource: Resource,
    reserved: Means,
    stranded: Means,
}

impl Shown {
    fn of(input: &ResourceUse, bins: &Bins) -> Self {
        let means = |shares: &[Option<f64>]| bins.means(|bin| *shares.get(bin)?);
        let (reserved, stranded) = (means(&input.reserved), means(&input.stranded));
        Shown {
            resource: input.resource,
            reserved,
            stranded,
        }
    }

    /// The stranded share on top of the reserved one, where both are known.
    fn lost(&self) -> Vec<Option<Level>> {
        let level = |(reserved, stranded): (&Option<f64>, &Option<f64>)| {
            let low = (*reserved)?;
            Some(Level {
                low,
                high: low + (*stranded)?,
            })
        };
        self.reserved
            .iter()
            .zip(&self.stranded)
            .map(level)
            .collect()
    }
}

/// Levels from 0 up to each mean.
fn from_zero(means: &[Option<f64>]) -> Vec<Option<Level>> {
    let level = |high| Level { low: 0.0, high };
    means.iter().map(|mean| mean.map(level)).collect()
}

fn resource_panel(
    picture: &mut Picture,
    panel: &Panel,
    shown: &Shown,
    edges: &[f64],
    x_ticks: &[Tick],
) {
    let (name, color) = (shown.resource.name(), shown.resource.color());
    let used = panel.bands(edges, &from_zero(&shown.reserved));
    let lost = panel.bands(edges, &shown.lost());
    for band in &used {
        picture.area(band.outline(), tint(color));
    }
    for band in &lost {
        picture.area(band.outline(), STRANDED);
    }
    let step = if panel.bottom - panel.top >= 110 {
        25
    } else {
        50
    };
    let y_ticks = percent_ticks(step);
    panel.grid(picture, x_ticks, &y_ticks);
    panel.x_line(picture, x_ticks);
    panel.y_axis(picture, &y_ticks, &format!("{name} (%)"));
    for band in used {
        picture.line(band.upper, 2, color);
    }
    entry(picture, panel, -12, color, &format!("{name} reserved"));
    if !lost.is_empty() {
        entry(picture, panel, 12, STRANDED, &format!("{name} stranded"));
    }
}

/// The panel of the means of tasks running and waiting.
fn task_panel(
    picture: &mut Picture,
    panel: &Panel,
    counts: &[Means; 2],
    edges: &[f64],
    x_ticks: &[Tick],
) {
    let [running, waiting] = counts
        .each_ref()
        .map(|means| panel.bands(edges, &from_zero(means)));
    for band in &running {
        picture.area(band.outline(), tint(SKY));
    }
    let y_ticks = count_ticks(panel.y, 4);
    panel.grid(picture, x_ticks, &y_ticks);
    panel.y_axis(picture, &y_ticks, "tasks");
    for (bands, color) in [(running, SKY), (waiting, ORANGE)] {
        for band in bands {
            picture.line(band.upper, 2, color);
        }
    }
    entry(picture, panel, -12, SKY, "tasks running");
    entry(picture, panel, 12, ORANGE, "tasks waiting");
}

/// A line of the legend at the right of a panel, `below` its middle.
fn entry(picture: &mut Picture, panel: &Panel, below: i32, color: RGBColor, name: &str) {
    let (x, y) = (panel.right + 18, (panel.top + panel.bottom) / 2 + below);
    picture.fill((x, y - 5), (x + 22, y + 5), color);
    picture.text(Label::new((x + 30, y), Anchor::Left, name).within(WIDTH - x - 40));
}
