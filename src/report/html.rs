//! Reports as one HTML file that opens without a network: text, tables and pictures on a page.
//!
//! A [`Page`] is filled section by section and turned into text once. Whatever it is told is
//! escaped, so names may hold anything; the text is well-formed XML too. The page is light or dark as
//! its reader's system is; without scripts everything can still be read, and a small script adds what
//! is told of a place under the pointer, zooming and sorting.
//!
//! ```
//! use stowplan::report::html::{Page, Verdict};
//!
//! let mut page = Page::new("binpack or spread?");
//! page.section("Verdicts").verdicts(&[(Verdict::Better, "binpack waits less than spread".to_owned())]);
//! assert!(page.html().starts_with("<!DOCTYPE html>"));
//! ```

mod intervals;
mod measure;
mod scatter;

use std::fmt::Write;

pub use intervals::{Interval, IntervalPlot, interval_plot};
pub use measure::Measure;
pub use scatter::{Point, PointKind, Scatter, scatter};

use super::table::{Block, Table};
use super::tables::Input;

/// Scenarios longer than this, in bytes, are shown up to here: a page must open at once.
const LONGEST_SCENARIO: usize = 400_000;

/// A page that is being filled.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    sections: Vec<Section>,
}

/// A part of a page, with a heading unless it is the introduction.
#[derive(Clone, Debug, Default)]
pub struct Section {
    title: String,
    body: String,
}

/// A picture with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it shows, in a few words; among alternatives the name of this one.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// The picture: a well-formed element, as [`Picture::element`](super::plot::Picture::element)
    /// gives it.
    pub element: String,
}

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Better by more than chance and more than the margin.
    Better,
    /// Worse, likewise.
    Worse,
    /// Practically the same.
    Same,
    /// The runs made do not tell.
    CannotTell,
}

impl Verdict {
    /// Class, and what is written: a mark and a word, so that colour is never the only sign.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Verdict::Better => ("better", "▲ better"),
            Verdict::Worse => ("worse", "▼ worse"),
            Verdict::Same => ("same", "= same"),
            Verdict::CannotTell => ("cannot-tell", "? cannot tell"),
        }
    }
}

impl Page {
    /// A page with an empty introduction.
    pub fn new(title: &str) -> Self {
        Page {
            title: title.to_owned(),
            sections: vec![Section::default()],
        }
    }

    /// What stands under the title, before the first section.
    pub fn introduction(&mut self) -> &mut Section {
        &mut self.sections[0]
    }

    /// Starts a section at the end of the page.
    pub fn section(&mut self, title: &str) -> &mut Section {
        self.sections.push(Section {
            title: title.to_owned(),
            body: String::new(),
        });
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }

    /// A section on what the results were made of: files with their hashes, and the scenario.
    pub fn scenario(&mut self, inputs: &[Input], text: &str) {
        let section = self.section("Scenario");
        let mut files = Table::new(["file", "SHA-256"]);
        for input in inputs {
            files.row([input.file.clone(), input.sha256.clone()]);
        }
        section.text(
            "The same files, seed and version of stowplan give the same results to the byte.",
        );
        section.table("Files that the scenario is made of", &files);
        if text.len() <= LONGEST_SCENARIO {
            section.code("The scenario as it was read", text);
            return;
        }
        // At the end of a line, which is the end of a letter too.
        let mut beginning = text.as_bytes()[..LONGEST_SCENARIO].iter();
        let end = beginning.rposition(|byte| *byte == b'\n').unwrap_or(0);
        section.code("The beginning of the scenario as it was read", &text[..end]);
        let left_out = text[end..].trim().lines().count();
        section.text(&format!("Left out here, lines: {left_out}."));
    }

    /// The whole file.
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        let sections = self.sections[1..].iter().zip(1..);
        let (mut contents, mut body) = (String::new(), String::new());
        for (section, number) in sections {
            let (heading, text) = (escaped(&section.title), &section.body);
            put(
                &mut contents,
                format_args!("<li><a href=\"#s{number}\">{heading}</a></li>\n"),
            );
            put(
                &mut body,
                format_args!(
                    "<section aria-labelledby=\"s{number}\">\n<h2 id=\"s{number}\">{heading}</h2>\n{text}</section>\n"
                ),
            );
        }
        if !contents.is_empty() {
            contents = format!("<nav aria-label=\"Contents\"><ul>\n{contents}</ul></nav>\n");
        }
        let introduction = &self.sections[0].body;
        let (style, script) = (include_str!("html/page.css"), include_str!("html/page.js"));
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "<!DOCTYPE html>\n\
             <html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n\
             <head>\n<meta charset=\"utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <meta name=\"color-scheme\" content=\"light dark\"/>\n\
             <meta name=\"generator\" content=\"stowplan {version}\"/>\n\
             <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
             <header>\n<h1>{title}</h1>\n{introduction}{contents}</header>\n\
             <main>\n{body}</main>\n\
             <footer><p>Written by stowplan {version}. This file is complete: it loads nothing.</p></footer>\n\
             <script>\n//<![CDATA[\n{script}//]]>\n</script>\n</body>\n</html>\n"
        )
    }
}

impl Section {
    /// A paragraph.
    pub fn text(&mut self, text: &str) -> &mut Self {
        let text = escaped(text);
        self.put(format_args!("<p>{text}</p>\n"))
    }

    /// Names and what they stand for.
    pub fn facts(&mut self, facts: &[(&str, String)]) -> &mut Self {
        self.body.push_str("<dl>\n");
        for (name, value) in facts {
            let (name, value) = (escaped(name), escaped(value));
            self.put(format_args!("<div><dt>{name}</dt><dd>{value}</dd></div>\n"));
        }
        self.put(format_args!("</dl>\n"))
    }

    /// A table under its caption, which may be empty. Columns of numbers stand at their right edge,
    /// and each column can be sorted; a table that is too wide scrolls by itself.
    pub fn table(&mut self, caption: &str, table: &Table) -> &mut Self {
        // A box that scrolls must be reached by the keyboard too, and then needs a name.
        let label = match caption {
            "" => table.header.first().map_or("", String::as_str),
            caption => caption,
        };
        let label = escaped(label);
        self.put(format_args!(
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table: {label}\">\n<table>\n"
        ));
        if !caption.is_empty() {
            let caption = escaped(caption);
            self.put(format_args!("<caption>{caption}</caption>\n"));
        }
        let numbers: Vec<bool> = (0..table.header.len())
            .map(|column| column > 0 && is_of_numbers(table, column))
            .collect();
        let class = |column: usize| match numbers.get(column) {
            Some(true) => " class=\"number\"",
            _ => "",
        };
        self.body.push_str("<thead><tr>");
        for (column, name) in table.header.iter().enumerate() {
            let (name, class) = (escaped(name), class(column));
            self.put(format_args!("<th scope=\"col\"{class}>{name}</th>"));
        }
        self.body.push_str("</tr></thead>\n<tbody>\n");
        for row in &table.rows {
            self.body.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let (text, class) = (escaped(cell.trim()), class(column));
                match column {
                    // Part of the row above it.
                    0 if cell.starts_with(' ') => {
                        self.put(format_args!("<th scope=\"row\" class=\"part\">{text}</th>"))
                    }
                    0 => self.put(format_args!("<th scope=\"row\">{text}</th>")),
                    _ => self.put(format_args!("<td{class}>{text}</td>")),
                };
            }
            self.body.push_str("</tr>\n");
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n"))
    }

    /// Results as the terminal shows them: sentences, then the table.
    pub fn block(&mut self, block: &Block) -> &mut Self {
        for line in &block.lines {
            self.text(line);
        }
        if let Some(table) = &block.table {
            self.table("", table);
        }
        self
    }

    /// Sentences, each with what it comes to.
    pub fn verdicts(&mut self, verdicts: &[(Verdict, String)]) -> &mut Self {
        self.body.push_str("<ul class=\"verdicts\">\n");
        for (verdict, sentence) in verdicts {
            let ((class, words), sentence) = (verdict.words(), escaped(sentence));
            self.put(format_args!(
                "<li class=\"{class}\"><strong>{words}</strong> {sentence}</li>\n"
            ));
        }
        self.put(format_args!("</ul>\n"))
    }

    /// Text as it stands in a file, folded away under its title.
    pub fn code(&mut self, title: &str, text: &str) -> &mut Self {
        self.folded(title, |section| {
            let text = escaped(text);
            section.put(format_args!(
                "<pre tabindex=\"0\"><code>{text}</code></pre>\n"
            ));
        })
    }

    /// Whatever `fill` adds, folded away under a title.
    pub fn folded(&mut self, title: &str, fill: impl FnOnce(&mut Section)) -> &mut Self {
        let title = escaped(title);
        self.put(format_args!("<details>\n<summary>{title}</summary>\n"));
        fill(self);
        self.put(format_args!("</details>\n"))
    }

    /// A picture.
    pub fn figure(&mut self, figure: &Figure) -> &mut Self {
        let Figure {
            title,
            caption,
            element,
        } = figure;
        let (title, caption) = (escaped(title), escaped(caption));
        self.put(format_args!(
            "<figure aria-label=\"{title}\">\n<figcaption><strong>{title}</strong> {caption}</figcaption>\n\
             <div class=\"drawing\" tabindex=\"0\">\n{element}\n</div>\n</figure>\n"
        ))
    }

    /// Pictures of which one is looked at at a time, such as one of each alternative.
    pub fn figures(&mut self, figures: &[Figure]) -> &mut Self {
        self.body.push_str("<div class=\"alternatives\">\n");
        for figure in figures {
            self.figure(figure);
        }
        self.put(format_args!("</div>\n"))
    }

    fn put(&mut self, arguments: std::fmt::Arguments<'_>) -> &mut Self {
        put(&mut self.body, arguments);
        self
    }
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments)
        .expect("writing to a string cannot fail");
}

/// Text as it may stand between tags and in attributes, without what XML 1.0 forbids (section 2.2).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(letter),
            // CRLF ends one line.
            '\r' => {}
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ if letter.is_control() => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

/// Whether every cell of a column that is not empty is a number, perhaps with a unit.
fn is_of_numbers(table: &Table, column: usize) -> bool {
    let cells = table.rows.iter().filter_map(|row| row.get(column));
    cells.clone().any(|cell| !cell.is_empty())
        && cells.into_iter().all(|cell| is_number(cell.trim()))
}

fn is_number(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['-', '−', '+', '±', '[', '(', '<', '≤', '≥', '≈', ' ']);
    let rest =
        digits.trim_start_matches(|letter: char| letter.is_ascii_digit() || ".,".contains(letter));
    let ends =
        |rest: &str| rest.is_empty() || rest.starts_with([' ', '%', ']', ')', '±', '/', 'e']);
    digits.is_empty() || (rest.len() < digits.len() && ends(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_words() {
        let check = |cell: &str, expected| assert_eq!(is_number(cell), expected, "{cell}");
        check("", true);
        check("12", true);
        check("3.00 min", true);
        check("−1.5 % ± 0.2", true);
        check("[1.2, 3.4]", true);
        check("1,234", true);
        check("3fa9c", false);
        check("m5.large", false);
        check("lowest-id", false);
    }

    #[test]
    fn what_a_page_is_told_cannot_break_it() {
        assert_eq!(
            escaped("<b a=\"1\">&\u{1}\r\n"),
            "&lt;b a=&quot;1&quot;&gt;&amp;\u{fffd}\n"
        );
    }

    #[test]
    fn columns_of_numbers_stand_at_the_right() {
        let mut table = Table::new(["name", "count", "kind"]);
        table.row(["a", "1", "x"].map(str::to_owned));
        table.row(["  b", "", "2x"].map(str::to_owned));
        let mut section = Section::default();
        section.table("", &table);
        let cells = [
            "<th scope=\"col\">name</th><th scope=\"col\" class=\"number\">count</th><th scope=\"col\">kind</th>",
            "<th scope=\"row\">a</th><td class=\"number\">1</td><td>x</td>",
            "<th scope=\"row\" class=\"part\">b</th><td class=\"number\"></td><td>2x</td>",
        ];
        for cell in cells {
            assert!(section.body.contains(cell), "{}", section.body);
        }
    }
}
