//! Colours, the same in every picture and told apart by colour-blind readers.
//!
//! Source: M. Okabe and K. Ito, "Color Universal Design" (2008), for lines and areas; matplotlib's
//! `viridis` (S. van der Walt and N. Smith, 2015), read at nine places, for heat maps.

use plotters::style::RGBColor;

pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);
pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);

/// Axes and their marks.
pub(super) const AXIS: RGBColor = RGBColor(110, 110, 110);
/// Lines behind the data.
pub(super) const GRID: RGBColor = RGBColor(222, 222, 222);
/// Text that stands behind other text.
pub(super) const QUIET: RGBColor = RGBColor(85, 85, 85);
/// Free capacity that nothing waiting can use.
pub(super) const STRANDED: RGBColor = RGBColor(190, 190, 190);
/// Where there is nothing to measure: lighter than any colour of [`heat`].
pub(super) const ABSENT: RGBColor = RGBColor(236, 236, 236);

/// The colours that mean something by themselves; a page may show them otherwise where it is dark.
const ROLES: [(RGBColor, &str); 13] = [
    (WHITE, "paper"),
    (BLACK, "ink"),
    (BLUE, "blue"),
    (SKY, "sky"),
    (GREEN, "green"),
    (ORANGE, "orange"),
    (VERMILLION, "vermillion"),
    (PURPLE, "purple"),
    (AXIS, "axis"),
    (GRID, "grid"),
    (QUIET, "quiet"),
    (STRANDED, "stranded"),
    (ABSENT, "absent"),
];

/// What a colour is called on a page, or its [`tint`]; none for the colours of [`heat`].
pub(super) fn role(color: RGBColor) -> Option<String> {
    let is = |of: fn(RGBColor) -> RGBColor| {
        let found = ROLES.iter().find(|(role, _)| of(*role) == color);
        found.map(|(_, name)| *name)
    };
    is(|role| role)
        .map(str::to_owned)
        .or_else(|| Some(format!("{}-tint", is(tint)?)))
}

const VIRIDIS: [RGBColor; 9] = [
    RGBColor(68, 1, 84),
    RGBColor(71, 45, 123),
    RGBColor(59, 82, 139),
    RGBColor(44, 114, 142),
    RGBColor(33, 145, 140),
    RGBColor(40, 174, 128),
    RGBColor(94, 201, 98),
    RGBColor(173, 220, 48),
    RGBColor(253, 231, 37),
];

/// The colour of `share` (0 to 1; beyond that as at the nearer end) on the scale of heat maps.
pub(super) fn heat(share: f64) -> RGBColor {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (place as usize).min(VIRIDIS.len() - 2);
    mix(VIRIDIS[below], VIRIDIS[below + 1], place - below as f64)
}

/// `color` as a light area, opaque, so that neighbours which touch do not add up.
pub(super) fn tint(color: RGBColor) -> RGBColor {
    mix(WHITE, color, 0.25)
}

fn mix(from: RGBColor, to: RGBColor, share: f64) -> RGBColor {
    let between =
        |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    RGBColor(
        between(from.0, to.0),
        between(from.1, to.1),
        between(from.2, to.2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_meets_its_ends_and_never_gets_darker() {
        assert_eq!(heat(-1.0), VIRIDIS[0]);
        assert_eq!(heat(2.0), VIRIDIS[8]);
        assert_eq!(heat(0.5), VIRIDIS[4]);
        let luma =
            |RGBColor(r, g, b)| 2126 * u32::from(r) + 7152 * u32::from(g) + 722 * u32::from(b);
        for step in 0..100 {
            let (low, high) = (f64::from(step) / 100.0, f64::from(step + 1) / 100.0);
            assert!(
                luma(heat(low)) < luma(heat(high)),
                "darker from {low} to {high}"
            );
        }
    }
}
