//! Reserved and stranded capacity over time, a panel a resource, and below them the tasks and what
//! capacity providers want.

use plotters::style::RGBColor;

use super::Resource;
use super::axis::{Range, Tick, count_ticks, percent_ticks, time_ticks};
use super::bins::Bins;
use super::palette::{BLUE, GREEN, ORANGE, PURPLE, SKY, STRANDED, VERMILLION, tint};
use super::panel::{Level, Panel, entry, hint_bins};
use super::picture::{HEIGHT, Picture};

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
    /// Tasks that wait for capacity of their provider, the mean of each bin; not drawn when there is
    /// none.
    pub provisioning: Vec<f64>,
    /// Tasks on their way to STOPPED, likewise.
    pub stopping: Vec<f64>,
    /// Capacity providers with managed scaling; the first four have a line of their own.
    pub providers: Vec<ProviderUse>,
}

/// What a capacity provider wanted and had.
#[derive(Clone, Debug, Default)]
pub struct ProviderUse {
    /// Its name.
    pub name: String,
    /// Desired capacity of its group, the mean of each bin.
    pub desired: Vec<f64>,
    /// Its instances that were there, likewise.
    pub running: Vec<f64>,
    /// CapacityProviderReservation in percent, likewise; none while it is not known.
    pub reservation: Vec<Option<f64>>,
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

    let below = if input.providers.is_empty() { 1 } else { 3 };
    let panels = resources.len() as i32 + below;
    let gap = if panels > 5 { GAP / 2 } else { GAP };
    let height = (BOTTOM - TOP - gap * (panels - 1)) / panels;
    let panel = |place: usize, y: Range| {
        let top = TOP + place as i32 * (height + gap);
        Panel::new((LEFT, RIGHT), (top, top + height), bins.range(), y)
    };
    for (place, resource) in resources.iter().enumerate() {
        let panel = panel(place, Range::SHARES);
        resource_panel(&mut picture, &panel, resource, &bins.edges, &ticks);
    }
    let mut groups = vec![("tasks", tasks(input, &bins))];
    if !input.providers.is_empty() {
        groups.push(("instances", instances(input, &bins)));
        groups.push(("metric (%)", reservations(input, &bins)));
    }
    let last = groups.len() - 1;
    for (place, (title, lines)) in groups.iter().enumerate() {
        let panel = panel(resources.len() + place, range_of(lines));
        line_panel(&mut picture, &panel, title, lines, &bins.edges, &ticks);
        if place == last {
            panel.x_axis(&mut picture, &ticks, &format!("time ({unit})"));
        } else {
            panel.x_line(&mut picture, &ticks);
        }
    }
    let all = Panel::new((LEFT, RIGHT), (TOP, BOTTOM), bins.range(), Range::SHARES);
    hint_bins(&mut picture, &all, &bins.edges, |bin| {
        let shares = resources.iter().filter_map(|shown| shown.told(bin));
        let lines = groups.iter().flat_map(|(_, lines)| lines);
        let levels =
            lines.filter_map(|line| Some(format!("{}: {:.1}", line.name, line.means[bin]?)));
        shares.chain(levels).collect()
    });
    picture
}

/// A line of a panel, and its entry in the legend.
struct Line {
    name: String,
    color: RGBColor,
    means: Means,
}

impl Line {
    fn of(name: &str, color: RGBColor, values: &[f64], bins: &Bins) -> Self {
        Line {
            name: name.to_owned(),
            color,
            means: bins.means(|bin| values.get(bin).copied()),
        }
    }
}

/// From 0 to a little above the highest of some lines.
fn range_of(lines: &[Line]) -> Range {
    let values = lines.iter().flat_map(|line| &line.means).flatten();
    let highest = values.copied().fold(0.0, f64::max);
    Range::new(0.0, highest * 1.05)
}

/// Tasks running and waiting, and those in other states where there are any.
fn tasks(input: &Utilization, bins: &Bins) -> Vec<Line> {
    let mut lines = vec![
        Line::of("tasks running", SKY, &input.running, bins),
        Line::of("tasks waiting", ORANGE, &input.waiting, bins),
    ];
    let others = [
        ("provisioning", VERMILLION, &input.provisioning),
        ("stopping", PURPLE, &input.stopping),
    ];
    for (name, color, values) in others {
        if values.iter().any(|value| *value > 0.0) {
            lines.push(Line::of(name, color, values, bins));
        }
    }
    lines
}

/// Instances of all providers together: those that are there, and those that are wanted.
fn instances(input: &Utilization, bins: &Bins) -> Vec<Line> {
    let sum = |of: fn(&ProviderUse) -> &Vec<f64>| {
        let of_bin = |bin| {
            let values = input.providers.iter().map(|provider| of(provider).get(bin));
            values.flatten().sum::<f64>()
        };
        (0..input.edges.len()).map(of_bin).collect::<Vec<f64>>()
    };
    vec![
        Line::of(
            "instances running",
            BLUE,
            &sum(|provider| &provider.running),
            bins,
        ),
        Line::of(
            "instances desired",
            ORANGE,
            &sum(|provider| &provider.desired),
            bins,
        ),
    ]
}

/// CapacityProviderReservation of the first providers.
fn reservations(input: &Utilization, bins: &Bins) -> Vec<Line> {
    let providers = input.providers.iter().zip([GREEN, PURPLE, VERMILLION, SKY]);
    let line = |(provider, color): (&ProviderUse, RGBColor)| Line {
        name: match input.providers.len() {
            1 => "reservation".to_owned(),
            _ => format!("reservation {}", provider.name),
        },
        color,
        means: bins.means(|bin| *provider.reservation.get(bin)?),
    };
    providers.map(line).collect()
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

    /// What a bin shows of this resource; none while there is no capacity.
    fn told(&self, bin: usize) -> Option<String> {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let (name, reserved) = (self.resource.name(), percent(self.reserved[bin]?));
        Some(match self.stranded.get(bin).copied().flatten() {
            Some(stranded) => format!(
                "{name}: {reserved} reserved, {} stranded",
                percent(stranded)
            ),
            None => format!("{name}: {reserved} reserved"),
        })
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

/// A panel of lines; the first stands on an area.
fn line_panel(
    picture: &mut Picture,
    panel: &Panel,
    title: &str,
    lines: &[Line],
    edges: &[f64],
    x_ticks: &[Tick],
) {
    let bands = |line: &Line| panel.bands(edges, &from_zero(&line.means));
    if let Some(first) = lines.first() {
        for band in bands(first) {
            picture.area(band.outline(), tint(first.color));
        }
    }
    let most = if panel.bottom - panel.top >= 90 { 4 } else { 3 };
    let y_ticks = count_ticks(panel.y, most);
    panel.grid(picture, x_ticks, &y_ticks);
    panel.y_axis(picture, &y_ticks, title);
    for line in lines {
        for band in bands(line) {
            picture.line(band.upper, 2, line.color);
        }
    }
    let step = if lines.len() > 2 { 17 } else { 24 };
    let top = -step * (lines.len() as i32 - 1) / 2;
    for (place, line) in lines.iter().enumerate() {
        let below = top + step * place as i32;
        entry(picture, panel, below, line.color, &line.name);
    }
}
