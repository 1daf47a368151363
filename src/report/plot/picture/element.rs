//! A picture as an element of a page: it scales, takes its colours from the page and answers the
//! pointer.

use std::fmt::Write;

use plotters::style::RGBColor;

use super::super::palette;
use super::{Anchor, HEIGHT, Label, Mark, Picture, Point, WIDTH};

/// The title stands above this line; a page has it in the caption instead.
const BELOW_TITLE: i32 = 40;

impl Picture {
    /// The picture as an `svg` element of class `picture` that fills the width it is given, without
    /// the title.
    ///
    /// Colours with a role have classes (`f-blue` fills, `s-blue` draws lines) that the page's style
    /// defines, so that it can be light or dark; other colours are written out. What is told of a
    /// place is a `rect` of class `hint` with a `title`.
    pub fn element(&self) -> String {
        let mut out = format!(
            "<svg class=\"picture\" viewBox=\"0 {BELOW_TITLE} {WIDTH} {}\" role=\"img\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n",
            HEIGHT - BELOW_TITLE
        );
        // The first mark is the title.
        let marks = &self.marks[1..];
        for run in marks.chunk_by(|one, other| boxes_of_one_color(one, other)) {
            match &run[0] {
                Mark::Box(_, color) => boxes(&mut out, run, *color),
                Mark::Line(points, width, color) => line(&mut out, points, *width, *color),
                Mark::Area(outline, color) => area(&mut out, outline, *color),
                Mark::Text(label) => text(&mut out, label),
            }
        }
        for ([from, to], told) in &self.hints {
            let told = escaped(told);
            write(
                &mut out,
                format_args!(
                    "<rect class=\"hint\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{told}</title></rect>\n",
                    from.0,
                    from.1,
                    (to.0 - from.0).max(1),
                    (to.1 - from.1).max(1)
                ),
            );
        }
        out.push_str("</svg>");
        out
    }
}

fn write(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments)
        .expect("writing to a string cannot fail");
}

fn boxes_of_one_color(one: &Mark, other: &Mark) -> bool {
    matches!((one, other), (Mark::Box(_, one), Mark::Box(_, other)) if one == other)
}

/// How an element gets its colour, as an attribute.
fn paint(color: RGBColor, class: char, attribute: &str) -> String {
    match palette::role(color) {
        Some(role) => format!("class=\"{class}-{role}\""),
        None => {
            let RGBColor(red, green, blue) = color;
            format!("{attribute}=\"#{red:02x}{green:02x}{blue:02x}\"")
        }
    }
}

fn boxes(out: &mut String, run: &[Mark], color: RGBColor) {
    out.push_str("<path d=\"");
    for mark in run {
        if let Mark::Box([from, to], _) = mark {
            let (width, height) = (to.0 - from.0, to.1 - from.1);
            let (x, y) = *from;
            write(out, format_args!("M{x} {y}h{width}v{height}h{}z", -width));
        }
    }
    let paint = paint(color, 'f', "fill");
    write(out, format_args!("\" {paint}/>\n"));
}

/// Points of a path: the first, then how far to the next, and the next.
fn path(out: &mut String, points: &[Point]) {
    let mut last: Option<Point> = None;
    for (x, y) in points {
        match last {
            None => write(out, format_args!("M{x} {y}")),
            Some((_, at)) if at == *y => write(out, format_args!("H{x}")),
            Some((at, _)) if at == *x => write(out, format_args!("V{y}")),
            Some(_) => write(out, format_args!("L{x} {y}")),
        }
        last = Some((*x, *y));
    }
}

fn line(out: &mut String, points: &[Point], width: i32, color: RGBColor) {
    out.push_str("<path d=\"");
    path(out, points);
    let paint = paint(color, 's', "stroke");
    write(
        out,
        format_args!("\" fill=\"none\" stroke-width=\"{width}\" {paint}/>\n"),
    );
}

fn area(out: &mut String, outline: &[Point], color: RGBColor) {
    out.push_str("<path d=\"");
    path(out, outline);
    let paint = paint(color, 'f', "fill");
    write(out, format_args!("z\" {paint}/>\n"));
}

fn text(out: &mut String, label: &Label) {
    let (x, y) = label.at;
    let (anchor, turn) = match label.anchor {
        Anchor::Left => ("", String::new()),
        Anchor::Middle => (" text-anchor=\"middle\"", String::new()),
        Anchor::Right => (" text-anchor=\"end\"", String::new()),
        Anchor::Upward => (
            " text-anchor=\"middle\"",
            format!(" transform=\"rotate(-90 {x} {y})\""),
        ),
    };
    let (size, paint) = (label.size, paint(label.color, 'f', "fill"));
    let told = escaped(&label.text);
    write(
        out,
        format_args!(
            "<text x=\"{x}\" y=\"{y}\" dy=\".35em\" font-size=\"{size}\"{anchor}{turn} {paint}>{told}</text>\n"
        ),
    );
}

/// Text between tags. Labels have no characters that XML forbids.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
