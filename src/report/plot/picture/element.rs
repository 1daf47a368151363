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
        let title = match self.marks.first() {
            Some(Mark::Text(title)) => escaped(&title.text),
            _ => String::new(),
        };
        let mut out = format!(
            "<svg class=\"picture\" viewBox=\"0 {BELOW_TITLE} {WIDTH} {}\" role=\"img\" aria-label=\"{title}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n",
            HEIGHT - BELOW_TITLE
        );
        let below = self.marks.get(1..).unwrap_or_default();
        for run in below.chunk_by(boxes_of_one_color) {
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

/// Text between tags and in attributes. Labels have no characters that XML forbids.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::super::palette::{ABSENT, BLUE, heat, tint};
    use super::*;

    #[test]
    fn marks_become_elements_with_the_roles_of_their_colors() {
        let mut picture = Picture::titled("a <b> \"c\"");
        picture.fill((10, 50), (14, 60), ABSENT);
        picture.fill((14, 50), (20, 60), ABSENT);
        picture.fill((20, 50), (30, 60), heat(1.0));
        picture.line(vec![(1, 50), (5, 50), (5, 70), (9, 80)], 2, BLUE);
        picture.area(vec![(0, 90), (4, 90), (4, 99)], tint(BLUE));
        picture.text(Label::new((3, 45), Anchor::Upward, "x & y"));
        picture.hint((1, 50), (1, 60), "p1\n2 s < 3 s\u{1}");
        let expected = "\
<svg class=\"picture\" viewBox=\"0 40 1200 660\" role=\"img\" aria-label=\"a &lt;b&gt; &quot;c&quot;\" \
xmlns=\"http://www.w3.org/2000/svg\">
<path d=\"M10 50h4v10h-4zM14 50h6v10h-6z\" class=\"f-absent\"/>
<path d=\"M20 50h10v10h-10z\" fill=\"#fde725\"/>
<path d=\"M1 50H5V70L9 80\" fill=\"none\" stroke-width=\"2\" class=\"s-blue\"/>
<path d=\"M0 90H4V99z\" class=\"f-blue-tint\"/>
<text x=\"3\" y=\"45\" dy=\".35em\" font-size=\"16\" text-anchor=\"middle\" transform=\"rotate(-90 3 45)\" class=\"f-ink\">x &amp; y</text>
<rect class=\"hint\" x=\"1\" y=\"50\" width=\"1\" height=\"10\"><title>p1
2 s &lt; 3 s </title></rect>
</svg>";
        assert_eq!(picture.element(), expected);
    }
}
