//! A picture as a list of marks, and the one function that paints the list on any backend.
//!
//! The pictures themselves never meet a backend: they add marks, so SVG and PNG cannot differ,
//! and a test can ask whether two texts overlap.

mod element;

use std::io::Write;
use std::sync::Once;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::drawing::{DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, TextStyle, register_font,
};

use super::palette::{BLACK, WHITE};

/// Width of every picture, in pixels.
pub const WIDTH: i32 = 1200;
/// Height of every picture, in pixels.
pub const HEIGHT: i32 = 700;

/// Size of text that names an axis, a tick or a line.
pub(super) const TEXT: i32 = 16;
/// Size of text where there is much of it.
pub(super) const SMALL: i32 = 14;
/// Size of the title.
const TITLE: i32 = 23;

/// A reader's sans-serif font may be this much wider than the font compiled in.
const WIDER: f64 = 1.2;
/// Characters of a label that are ever looked at; more than fit on any line.
const LONGEST: usize = 400;

/// Pixels from the left and from the top.
pub(super) type Point = (i32, i32);

/// A finished picture, which can be written as SVG or as PNG, with equal bytes for equal input.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    marks: Vec<Mark>,
    /// What a page tells of a place when it is pointed at.
    hints: Vec<([Point; 2], String)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Mark {
    Box([Point; 2], RGBColor),
    Line(Vec<Point>, i32, RGBColor),
    Area(Vec<Point>, RGBColor),
    Text(Label),
}

/// Which part of a label lies on its point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
    /// The middle, and the text runs upwards.
    Upward,
}

/// A line of text; its point is half way up the letters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    pub at: Point,
    pub text: String,
    pub size: i32,
    pub anchor: Anchor,
    pub color: RGBColor,
}

impl Label {
    pub(super) fn new(at: Point, anchor: Anchor, text: impl Into<String>) -> Self {
        let text = printable(&text.into());
        Label {
            at,
            text,
            size: TEXT,
            anchor,
            color: BLACK,
        }
    }

    pub(super) fn size(self, size: i32) -> Self {
        Label { size, ..self }
    }

    pub(super) fn color(self, color: RGBColor) -> Self {
        Label { color, ..self }
    }

    /// Shortened in the middle to `width` pixels: the ends of a name tell most.
    pub(super) fn within(self, width: i32) -> Self {
        Label {
            text: shortened(&self.text, self.size, width),
            ..self
        }
    }

    /// Pixels along the text that it may take.
    pub(super) fn width(&self) -> i32 {
        text_width(&self.text, self.size)
    }

    /// The corners of the space this label may take.
    fn extent(&self) -> (Point, Point) {
        let (width, half) = (self.width(), self.size / 2);
        let (x, y) = self.at;
        match self.anchor {
            Anchor::Left => ((x, y - half), (x + width, y + half)),
            Anchor::Middle => ((x - width / 2, y - half), (x + width / 2, y + half)),
            Anchor::Right => ((x - width, y - half), (x, y + half)),
            Anchor::Upward => ((x - half, y - width / 2), (x + half, y + width / 2)),
        }
    }

    fn overlaps(&self, other: &Label) -> bool {
        let ((left, top), (right, bottom)) = self.extent();
        let ((other_left, other_top), (other_right, other_bottom)) = other.extent();
        left < other_right && other_left < right && top < other_bottom && other_top < bottom
    }

    fn is_inside(&self) -> bool {
        let ((left, top), (right, bottom)) = self.extent();
        left >= 0 && top >= 0 && right <= WIDTH && bottom <= HEIGHT
    }

    /// Where plotters has to be told to paint: it sets text a little above the point it is given.
    fn painted_at(&self) -> Point {
        let (x, y) = self.at;
        match self.anchor {
            Anchor::Left | Anchor::Middle | Anchor::Right => (x, y + 2),
            Anchor::Upward => (x + 2, y),
        }
    }

    fn style(&self, scale: i32) -> TextStyle<'_> {
        let (across, turn) = match self.anchor {
            Anchor::Left => (HPos::Left, FontTransform::None),
            Anchor::Middle => (HPos::Center, FontTransform::None),
            Anchor::Right => (HPos::Right, FontTransform::None),
            Anchor::Upward => (HPos::Center, FontTransform::Rotate270),
        };
        TextStyle::from(font(self.size * scale).transform(turn))
            .color(&self.color)
            .pos(Pos::new(across, VPos::Center))
    }
}

impl Picture {
    /// An empty picture under a title.
    pub(super) fn titled(title: &str) -> Self {
        let mut picture = Picture {
            marks: Vec::new(),
            hints: Vec::new(),
        };
        let label = Label::new((WIDTH / 2, 24), Anchor::Middle, title);
        picture.text(label.size(TITLE).within(WIDTH - 80));
        picture
    }

    pub(super) fn fill(&mut self, from: Point, to: Point, color: RGBColor) {
        self.marks.push(Mark::Box([from, to], color));
    }

    /// A line `width` pixels wide; for more than one, of level and upright pieces.
    pub(super) fn line(&mut self, points: Vec<Point>, width: i32, color: RGBColor) {
        self.marks.push(Mark::Line(points, width, color));
    }

    pub(super) fn area(&mut self, outline: Vec<Point>, color: RGBColor) {
        self.marks.push(Mark::Area(outline, color));
    }

    pub(super) fn text(&mut self, label: Label) {
        self.marks.push(Mark::Text(label));
    }

    /// Tells `text` of the space between two corners, on a page only.
    pub(super) fn hint(&mut self, from: Point, to: Point, text: &str) {
        let lines: Vec<String> = text.lines().map(printable).collect();
        self.hints.push(([from, to], lines.join("\n")));
    }

    /// Adds the label unless it would touch another text or leave the picture.
    pub(super) fn text_where_free(&mut self, label: Label) {
        if label.is_inside() && self.labels().all(|other| !label.overlaps(other)) {
            self.text(label);
        }
    }

    /// Says in the middle of the picture that there is nothing to show.
    pub(super) fn no_data(&mut self) {
        self.text(Label::new(
            (WIDTH / 2, HEIGHT / 2),
            Anchor::Middle,
            "no data",
        ));
    }

    fn labels(&self) -> impl Iterator<Item = &Label> {
        self.marks.iter().filter_map(|mark| match mark {
            Mark::Text(label) => Some(label),
            _ => None,
        })
    }

    /// The labels that overlap another or leave the picture.
    #[cfg(test)]
    pub(super) fn misplaced(&self) -> Vec<&str> {
        let labels: Vec<&Label> = self.labels().collect();
        let is_misplaced = |place: usize, label: &Label| {
            !label.is_inside() || labels[..place].iter().any(|other| label.overlaps(other))
        };
        (labels.iter().enumerate())
            .filter(|(place, label)| is_misplaced(*place, label))
            .map(|(_, label)| label.text.as_str())
            .collect()
    }

    /// The picture as an SVG document, in the reader's own sans-serif font.
    pub fn svg(&self) -> String {
        let mut document = String::new();
        let size = (WIDTH as u32, HEIGHT as u32);
        self.paint(SVGBackend::with_string(&mut document, size), 1)
            .expect("painting into a string cannot fail");
        document
    }

    /// The picture as a PNG file, in a font compiled in.
    pub fn png(&self) -> Vec<u8> {
        let (width, height) = (WIDTH * FINER, HEIGHT * FINER);
        let mut pixels = vec![0; (width * height) as usize * PIXEL_BYTES];
        let size = (width as u32, height as u32);
        self.paint(BitMapBackend::with_buffer(&mut pixels, size), FINER)
            .expect("painting into memory cannot fail");
        png_file(&coarser(&pixels))
    }

    /// Paints every mark `scale` times as large.
    fn paint<DB: DrawingBackend>(
        &self,
        backend: DB,
        scale: i32,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let area = backend.into_drawing_area();
        let scaled = |points: &[Point], shift: i32| -> Vec<Point> {
            points
                .iter()
                .map(|(x, y)| (x * scale + shift, y * scale + shift))
                .collect()
        };
        area.fill(&WHITE)?;
        for mark in &self.marks {
            match mark {
                Mark::Box(corners, color) => {
                    let corners = corners.map(|(x, y)| (x * scale, y * scale));
                    area.draw(&Rectangle::new(corners, color.filled()))?;
                }
                // Lines of one pixel, side by side: plotters makes a wide line a polygon, which
                // tears where steps are as narrow as the line.
                Mark::Line(points, width, color) => {
                    for shift in 0..width * scale {
                        let style = color.stroke_width(1);
                        area.draw(&PathElement::new(scaled(points, shift), style))?;
                    }
                }
                Mark::Area(outline, color) => {
                    area.draw(&Polygon::new(scaled(outline, 0), color.filled()))?;
                }
                Mark::Text(label) => {
                    let (x, y) = label.painted_at();
                    area.draw_text(&label.text, &label.style(scale), (x * scale, y * scale))?;
                }
            }
        }
        area.present()
    }
}

/// The font compiled in, so that a machine without fonts draws the same picture.
fn font(size: i32) -> FontDesc<'static> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let bytes = epaint_default_fonts::UBUNTU_LIGHT;
        let registered = register_font("sans-serif", FontStyle::Normal, bytes);
        assert!(registered.is_ok(), "the font compiled in can be read");
    });
    FontDesc::new(FontFamily::SansSerif, f64::from(size), FontStyle::Normal)
}

/// Pixels that `text` may take in whatever font the reader has.
fn text_width(text: &str, size: i32) -> i32 {
    let (width, _) = font(size)
        .box_size(text)
        .expect("the font compiled in can measure");
    // From here on (Hangul, Chinese, emoji) letters are square, and the font compiled in has none.
    let square = text.chars().filter(|c| *c >= '\u{1100}').count() as i32;
    (f64::from(width) * WIDER).ceil() as i32 + square * size
}

/// `text` without what XML 1.0 forbids (section 2.2) or a line of text cannot show.
fn printable(text: &str) -> String {
    let is_forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars()
        .map(|c| if is_forbidden(c) { ' ' } else { c })
        .collect()
}

fn shortened(text: &str, size: i32, width: i32) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= LONGEST && text_width(text, size) <= width {
        return text.to_string();
    }
    let ends = |kept: usize| -> String {
        let (head, tail) = (&letters[..kept], &letters[letters.len() - kept..]);
        head.iter().chain(&['…']).chain(tail).collect()
    };
    (0..=letters.len().min(LONGEST) / 2)
        .rev()
        .map(ends)
        .find(|short| text_width(short, size) <= width)
        .unwrap_or_default()
}

/// Red, green and blue.
const PIXEL_BYTES: usize = 3;

/// Pixels across and down that become one pixel of a PNG, so that letters and slopes are smooth.
const FINER: i32 = 3;

/// The picture in its own size: each pixel the mean of a square.
fn coarser(pixels: &[u8]) -> Vec<u8> {
    let finer = FINER as usize;
    let (width, height) = (WIDTH as usize, HEIGHT as usize);
    let mut coarse = Vec::with_capacity(width * height * PIXEL_BYTES);
    for y in 0..height {
        for x in 0..width {
            for part in 0..PIXEL_BYTES {
                let mut sum = 0;
                for down in 0..finer {
                    for across in 0..finer {
                        let pixel = (y * finer + down) * width * finer + x * finer + across;
                        sum += u32::from(pixels[pixel * PIXEL_BYTES + part]);
                    }
                }
                coarse.push((sum / (finer * finer) as u32) as u8);
            }
        }
    }
    coarse
}

/// A PNG file of rows of pixels: 8 bits a colour, no filter, one data chunk.
///
/// Source: W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", sections 5 and 11.
fn png_file(pixels: &[u8]) -> Vec<u8> {
    let [width, height] = [WIDTH, HEIGHT].map(|length| (length as u32).to_be_bytes());
    let (bit_depth, true_color) = (8, 2);
    let header = [&width[..], &height[..], &[bit_depth, true_color, 0, 0, 0]].concat();

    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixels.chunks(WIDTH as usize * PIXEL_BYTES) {
        let no_filter = [0];
        for bytes in [&no_filter, row] {
            rows.write_all(bytes)
                .expect("compressing into memory cannot fail");
        }
    }
    let data = rows.finish().expect("compressing into memory cannot fail");

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", &header), (b"IDAT", &data), (b"IEND", &Vec::new())] {
        file.extend((content.len() as u32).to_be_bytes());
        let mut check = Crc::new();
        for bytes in [&kind[..], content] {
            check.update(bytes);
            file.extend(bytes);
        }
        file.extend(check.sum().to_be_bytes());
    }
    file
}
