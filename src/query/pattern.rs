//! Java's regular expressions on the `regex` crate, which takes linear time.
//!
//! A pattern is rewritten piece by piece, and what is not known here is refused: so nothing that
//! both languages accept with different meanings slips through. What is taken, as in
//! `java.util.regex.Pattern` without flags:
//!
//! - characters; `.` (all but line ends: `\n` `\r` U+0085 U+2028 U+2029); `^` `$` `\A` `\z` `\b` `\B`;
//! - `*` `+` `?` `{n}` `{n,}` `{n,m}`, each greedy or, with `?` behind, reluctant;
//! - `|`, `(…)`, `(?:…)`, `(?<name>…)`, and `(?i)` `(?-i)` `(?i:…)` `(?-i:…)`;
//! - `[…]` and `[^…]` of characters, ranges and the escapes below;
//! - `\d` `\D` `\w` `\W` `\s` `\S`, ASCII as in Java; `\t` `\n` `\r` `\f` `\a` `\e` `\xhh` `\x{h…}`
//!   `\uhhhh`; and a backslash before what is neither a letter nor a digit.
//!
//! Refused by name: look-around, back-references, atomic groups, possessive quantifiers and
//! quantified quantifiers (`a++`, `a{2}{3}`, which `regex` reads otherwise), `\Q…\E`, and in classes
//! `&&` and nested sets (Java 8 and 9 disagree on their negation). All else that is refused (`\Z`,
//! `\R`, `\h`, `\v`, `\p{…}`, octal, flags but `i`) is said to be not supported.
//!
//! Two differences are left, both beyond what ECS lets a name or value hold: `(?i)` folds letters
//! outside ASCII too, and `$` is the very end, where Java's allows one more line end.

use std::fmt::Write as _;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

/// The largest compiled form, in bytes: small enough that an expression full of the worst
/// patterns is refused in a moment, and far larger than instance types and zones need.
const SIZE_LIMIT: usize = 1 << 20;

/// A regular expression that a whole value matches or does not.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// The characters of the pattern at fault, counted from its start.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
}

impl Pattern {
    /// Compiles `text`, a Java regular expression.
    ///
    /// # Errors
    /// When `text` is malformed, too large, or asks for what this module does not take.
    pub fn new(text: &str) -> Result<Pattern, PatternError> {
        let mut translator = Translator::new(text);
        translator.pattern()?;
        RegexBuilder::new(&format!(r"\A(?:{})\z", translator.output))
            .size_limit(SIZE_LIMIT)
            .build()
            .map(|regex| Pattern {
                text: text.to_string(),
                regex,
            })
            .map_err(|error| PatternError {
                span: 0..translator.chars.len(),
                message: reason(&error),
            })
    }

    /// Whether the whole of `value` matches, as Java's `matches()` asks.
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// The reason without the picture of the translated pattern, which its author never wrote.
fn reason(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = error {
        return "this regular expression is too large".to_string();
    }
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_string()
}

/// Rewrites a pattern from left to right.
struct Translator {
    chars: Vec<char>,
    at: usize,
    /// Where the groups that are open began.
    open: Vec<usize>,
    output: String,
    previous: Previous,
}

/// What stands before the current character, as far as a quantifier cares.
#[derive(Clone, Copy, PartialEq)]
enum Previous {
    Nothing,
    Atom,
    Quantifier,
    Reluctant,
}

/// What a backslash and what follows it stand for.
enum Escape {
    Char(char),
    Class(&'static str),
    Anchor(&'static str),
}

impl Translator {
    fn new(text: &str) -> Self {
        Translator {
            chars: text.chars().collect(),
            at: 0,
            open: Vec::new(),
            output: String::new(),
            previous: Previous::Nothing,
        }
    }

    fn pattern(&mut self) -> Result<(), PatternError> {
        while let Some(next) = self.peek(0) {
            match next {
                '(' => self.open_group()?,
                ')' => self.close_group()?,
                '*' | '+' | '?' | '{' => self.quantifier()?,
                '|' => self.copy(1, Previous::Nothing),
                '^' | '$' => self.copy(1, Previous::Atom),
                '[' => self.class()?,
                _ => self.atom()?,
            }
        }
        match self.open.pop() {
            Some(start) => refuse(start..start + 1, "this group is not closed"),
            None => Ok(()),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        let mut rest = self.chars[self.at..].iter();
        text.chars()
            .all(|character| rest.next() == Some(&character))
    }

    fn copy(&mut self, length: usize, previous: Previous) {
        self.output.extend(&self.chars[self.at..self.at + length]);
        self.at += length;
        self.previous = previous;
    }

    /// A single character, `.` or an escape.
    fn atom(&mut self) -> Result<(), PatternError> {
        match self.character()? {
            Escape::Char(character) => self.push_literal(character),
            Escape::Class(text) | Escape::Anchor(text) => self.output.push_str(text),
        }
        self.previous = Previous::Atom;
        Ok(())
    }

    fn character(&mut self) -> Result<Escape, PatternError> {
        let character = self.chars[self.at];
        self.at += 1;
        match character {
            '\\' => self.escape(),
            '.' => Ok(Escape::Class(r"[^\n\r\x{85}\x{2028}\x{2029}]")),
            other => Ok(Escape::Char(other)),
        }
    }

    /// Letters and digits stand for themselves everywhere; the rest goes by number, so that none
    /// of it can be an operator, in a class or outside.
    fn push_literal(&mut self, character: char) {
        if character.is_alphanumeric() {
            self.output.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(self.output, r"\x{{{:X}}}", u32::from(character));
        }
    }

    fn open_group(&mut self) -> Result<(), PatternError> {
        let start = self.at;
        let flags = ["(?i)", "(?-i)"];
        let heads = ["(?:", "(?i:", "(?-i:"];
        if let Some(flag) = flags.into_iter().find(|flag| self.starts_with(flag)) {
            self.copy(flag.len(), Previous::Nothing);
            return Ok(());
        }
        if let Some(head) = heads.into_iter().find(|head| self.starts_with(head)) {
            self.copy(head.len(), Previous::Nothing);
        } else if !self.starts_with("(?") {
            self.output.push_str("(?:");
            self.at += 1;
        } else if let Some(length) = self.named_head() {
            self.copy(length, Previous::Nothing);
        } else {
            let ahead = [
                ("(?=", "look-ahead is not supported"),
                ("(?!", "look-ahead is not supported"),
                ("(?<=", "look-behind is not supported"),
                ("(?<!", "look-behind is not supported"),
                ("(?>", "atomic groups are not supported"),
                (
                    "(?<",
                    "a group name is an ASCII letter, then letters and digits, then >",
                ),
            ];
            let (head, message) = ahead
                .into_iter()
                .find(|(head, _)| self.starts_with(head))
                .unwrap_or((
                    "(?",
                    "of the flags only i is supported, as in (?i) or (?i:a)",
                ));
            return refuse(start..start + head.len(), message);
        }
        self.open.push(start);
        self.previous = Previous::Nothing;
        Ok(())
    }

    /// The length of `(?<name>`.
    fn named_head(&self) -> Option<usize> {
        let rest = self.chars[self.at..].strip_prefix(&['(', '?', '<'])?;
        let length = rest.iter().position(|&character| character == '>')?;
        let name = &rest[..length];
        let legal = name.first()?.is_ascii_alphabetic()
            && name
                .iter()
                .all(|character| character.is_ascii_alphanumeric());
        legal.then_some(3 + length + 1)
    }

    fn close_group(&mut self) -> Result<(), PatternError> {
        if self.open.pop().is_none() {
            return refuse(self.at..self.at + 1, "this ) closes no group");
        }
        self.copy(1, Previous::Atom);
        Ok(())
    }

    fn quantifier(&mut self) -> Result<(), PatternError> {
        let span = self.at..self.at + 1;
        match (self.previous, self.chars[self.at]) {
            (Previous::Nothing, _) => refuse(span, "there is nothing to repeat before this"),
            (Previous::Quantifier, '?') => {
                self.copy(1, Previous::Reluctant);
                Ok(())
            }
            (Previous::Quantifier, '+') => refuse(span, "possessive quantifiers are not supported"),
            (Previous::Quantifier | Previous::Reluctant, _) => {
                refuse(span, "a quantifier may not follow a quantifier")
            }
            (Previous::Atom, '{') => {
                let length = self.counted_length().ok_or_else(|| PatternError {
                    span,
                    message:
                        "a counted repetition is {2}, {2,} or {2,5}; for the character write \\{"
                            .to_string(),
                })?;
                self.copy(length, Previous::Quantifier);
                Ok(())
            }
            (Previous::Atom, _) => {
                self.copy(1, Previous::Quantifier);
                Ok(())
            }
        }
    }

    /// The length of `{n}`, `{n,}` or `{n,m}`.
    fn counted_length(&self) -> Option<usize> {
        let rest = &self.chars[self.at + 1..];
        let length = rest.iter().position(|&character| character == '}')?;
        let mut bounds = rest[..length].split(|&character| character == ',');
        let digits = |bound: &[char]| bound.iter().all(char::is_ascii_digit);
        let least = bounds.next()?;
        let legal = !least.is_empty()
            && digits(least)
            && bounds.next().is_none_or(digits)
            && bounds.next().is_none();
        legal.then_some(length + 2)
    }

    /// `[…]`. A hyphen makes a range unless the class, or a range, an escape for many or the
    /// opening stands before it, or the end behind it: Java's rule.
    fn class(&mut self) -> Result<(), PatternError> {
        let start = self.at;
        self.copy(1, Previous::Nothing);
        if self.peek(0) == Some('^') {
            self.copy(1, Previous::Nothing);
        }
        let first = self.at;
        loop {
            match self.peek(0) {
                None => return refuse(start..start + 1, "this class is not closed"),
                Some(']') if self.at > first => {
                    self.copy(1, Previous::Atom);
                    return Ok(());
                }
                Some(_) => self.class_item()?,
            }
        }
    }

    fn class_item(&mut self) -> Result<(), PatternError> {
        let start = self.at;
        let Some(least) = self.class_character()? else {
            return Ok(());
        };
        self.push_literal(least);
        if self.peek(0) != Some('-') || matches!(self.peek(1), None | Some(']' | '[')) {
            return Ok(());
        }
        self.at += 1;
        let greatest = self.class_character()?;
        match greatest.filter(|&greatest| least <= greatest) {
            Some(greatest) => {
                self.output.push('-');
                self.push_literal(greatest);
                Ok(())
            }
            None => refuse(
                start..self.at,
                "this range of characters has no end or goes down",
            ),
        }
    }

    /// One character of a class; nothing when it was an escape for many, which is written already.
    fn class_character(&mut self) -> Result<Option<char>, PatternError> {
        let start = self.at;
        if self.starts_with("&&") {
            return refuse(
                start..start + 2,
                "intersections (&&) in classes are not supported",
            );
        }
        if self.starts_with("[") {
            let message = "sets in classes are not supported; for the character write \\[";
            return refuse(start..start + 1, message);
        }
        let escape = if self.starts_with(".") {
            self.at += 1;
            Escape::Char('.')
        } else {
            self.character()?
        };
        match escape {
            Escape::Char(character) => Ok(Some(character)),
            Escape::Class(class) => {
                self.output.push_str(class);
                Ok(None)
            }
            Escape::Anchor(_) => refuse(start..self.at, "this is no character"),
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<Escape, PatternError> {
        let start = self.at - 1;
        let Some(letter) = self.peek(0) else {
            return refuse(start..self.at, "a backslash needs a character after it");
        };
        self.at += 1;
        let message = match letter {
            'd' => return Ok(Escape::Class("[0-9]")),
            'D' => return Ok(Escape::Class("[^0-9]")),
            'w' => return Ok(Escape::Class("[a-zA-Z0-9_]")),
            'W' => return Ok(Escape::Class("[^a-zA-Z0-9_]")),
            's' => return Ok(Escape::Class(r"[ \t\n\x0B\f\r]")),
            'S' => return Ok(Escape::Class(r"[^ \t\n\x0B\f\r]")),
            'b' => return Ok(Escape::Anchor(r"\b")),
            'B' => return Ok(Escape::Anchor(r"\B")),
            'A' => return Ok(Escape::Anchor(r"\A")),
            'z' => return Ok(Escape::Anchor(r"\z")),
            't' => return Ok(Escape::Char('\t')),
            'n' => return Ok(Escape::Char('\n')),
            'r' => return Ok(Escape::Char('\r')),
            'f' => return Ok(Escape::Char('\u{C}')),
            'a' => return Ok(Escape::Char('\u{7}')),
            'e' => return Ok(Escape::Char('\u{1B}')),
            'x' | 'u' => match self.hexadecimal(letter) {
                Some(character) => return Ok(Escape::Char(character)),
                None => "a character by number is \\x2d, \\x{2d} or \\u002d",
            },
            '1'..='9' | 'k' => "back-references are not supported",
            'Q' | 'E' => "quoting with \\Q and \\E is not supported",
            letter if letter.is_ascii_alphanumeric() => "this escape is not supported",
            other => return Ok(Escape::Char(other)),
        };
        refuse(start..self.at, message)
    }

    /// The character of `xhh`, `x{h…}` or `uhhhh`, of which the letter is read.
    fn hexadecimal(&mut self, letter: char) -> Option<char> {
        let rest = &self.chars[self.at..];
        let (digits, length) = match (letter, rest.first()?) {
            ('x', '{') => {
                let end = rest.iter().position(|&character| character == '}')?;
                (&rest[1..end], end + 1)
            }
            ('x', _) => (rest.get(..2)?, 2),
            _ => (rest.get(..4)?, 4),
        };
        let digits: Option<String> = digits
            .iter()
            .map(|digit| digit.is_ascii_hexdigit().then_some(*digit))
            .collect();
        let code = u32::from_str_radix(&digits?, 16).ok()?;
        self.at += length;
        char::from_u32(code)
    }
}

fn refuse<T>(span: Range<usize>, message: &str) -> Result<T, PatternError> {
    Err(PatternError {
        span,
        message: message.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That `pattern` matches all of `yes` and none of `no`.
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let compiled = Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error:?}"));
        for value in yes {
            assert!(compiled.matches(value), "{pattern} should match {value:?}");
        }
        for value in no {
            assert!(!compiled.matches(value), "{pattern} matches {value:?}");
        }
    }

    fn check_refused(pattern: &str, span: Range<usize>, message: &str) {
        let error = Pattern::new(pattern).expect_err(pattern);
        assert_eq!(
            (error.span, error.message.as_str()),
            (span, message),
            "{pattern}"
        );
    }

    #[test]
    fn the_whole_value_matches() {
        check("t2", &["t2"], &["t2.small", "xt2", "t2\n", ""]);
        check("a|bc", &["a", "bc"], &["ac", "abc", "b"]);
        check("^t2.*$", &["t2", "t2.small"], &["at2"]);
        check("", &[""], &["a"]);
        check("a||b()", &["a", "", "b"], &["ab"]);
    }

    #[test]
    fn classes_and_escapes_are_javas() {
        check(r"\d+", &["09"], &["٣", ""]);
        check(r"\w\W\s\S\D", &["_- aa"], &["é- aa", "a-\u{a0}aa"]);
        check(r"[^\W\d]", &["a", "_"], &["1", "é"]);
        check(".", &["é", "\u{c}"], &["\n", "\r", "\u{85}", "\u{2028}"]);
        check(r"\<\-\.\ \_\é", &["<-. _é"], &[]);
        check(r"\x2d\x{2D}\u002d\t\e", &["---\t\u{1b}"], &[]);
        check(r"\bfoo\b", &["foo"], &["foo "]);
        check("[]a]", &["]", "a"], &["b"]);
        check("[^]a]", &["b"], &["]", "a"]);
        check("[a-c-e]", &["b", "-", "e"], &["d"]);
        check("[--/]", &["-", ".", "/"], &["0"]);
        check(r"[\w-.]", &["a", "-", "."], &["+"]);
        check("[a-]", &["a", "-"], &["b"]);
        check("[~~^&|.]", &["~", "^", "&", "|", "."], &["a"]);
        check(
            "(?i)Prod(?-i)X|y",
            &["PRODX", "prodX", "y"],
            &["prodx", "Y"],
        );
        check("(?i:[a-c])b", &["Bb"], &["BB"]);
        check(
            "(?<zone>us)-(?:east|west)-[12]",
            &["us-east-1"],
            &["us-east-3"],
        );
        check("a{2}b{1,}?c{0,1}]}", &["aab]}", "aabbc]}"], &["ab]}"]);
    }

    #[test]
    fn refusals_say_what_and_where() {
        check_refused("a)(b", 1..2, "this ) closes no group");
        check_refused("ab(c(d)", 2..3, "this group is not closed");
        check_refused("x(?=a)", 1..4, "look-ahead is not supported");
        check_refused("(?!a)", 0..3, "look-ahead is not supported");
        check_refused("(?<=a)b", 0..4, "look-behind is not supported");
        check_refused("(?<!a)b", 0..4, "look-behind is not supported");
        check_refused("(?>a)b", 0..3, "atomic groups are not supported");
        check_refused(
            "(?<a_b>c)",
            0..3,
            "a group name is an ASCII letter, then letters and digits, then >",
        );
        for pattern in ["(?x)a", "(?U)a", "(?s:a)", "(?P<a>b)", "(?)"] {
            check_refused(
                pattern,
                0..2,
                "of the flags only i is supported, as in (?i) or (?i:a)",
            );
        }
        check_refused(r"(a)\1", 3..5, "back-references are not supported");
        check_refused(r"(?<a>b)\k<a>", 7..9, "back-references are not supported");
        for pattern in ["a*+", "a++", "a?+"] {
            check_refused(pattern, 2..3, "possessive quantifiers are not supported");
        }
        check_refused("a{2}+", 4..5, "possessive quantifiers are not supported");
        for pattern in ["a**", "a+{2}"] {
            check_refused(pattern, 2..3, "a quantifier may not follow a quantifier");
        }
        check_refused("a+?+", 3..4, "a quantifier may not follow a quantifier");
        for pattern in ["*a", "{2}"] {
            check_refused(pattern, 0..1, "there is nothing to repeat before this");
        }
        check_refused("(?i)*", 4..5, "there is nothing to repeat before this");
        for pattern in ["a{,3}", "a{ 2 }", "a{", "a{1,2,3}", "a{x}", "a{}"] {
            check_refused(
                pattern,
                1..2,
                "a counted repetition is {2}, {2,} or {2,5}; for the character write \\{",
            );
        }
        check_refused(r"\Qa\E", 0..2, "quoting with \\Q and \\E is not supported");
        check_refused(
            "[a-z&&b]",
            4..6,
            "intersections (&&) in classes are not supported",
        );
        for (pattern, at) in [("[a[b]]", 2), ("[a-[b]]", 3), ("[[:alpha:]]", 1)] {
            check_refused(
                pattern,
                at..at + 1,
                "sets in classes are not supported; for the character write \\[",
            );
        }
        check_refused("x[ab", 1..2, "this class is not closed");
        check_refused("[]", 0..1, "this class is not closed");
        for pattern in ["[z-a]", r"[a-\d]"] {
            let end = pattern.len() - 1;
            check_refused(
                pattern,
                1..end,
                "this range of characters has no end or goes down",
            );
        }
        check_refused(r"[\b]", 1..3, "this is no character");
        for escape in [
            "\\Z", "\\h", "\\v", "\\R", "\\p", "\\P", "\\G", "\\X", "\\0", "\\c",
        ] {
            check_refused(escape, 0..2, "this escape is not supported");
        }
        for pattern in [
            r"\x2",
            r"\u12g4",
            r"\u{41}",
            r"\x{}",
            r"\x{110000}",
            r"\ud83d",
        ] {
            let error = Pattern::new(pattern).expect_err(pattern);
            assert_eq!(
                error.message,
                r"a character by number is \x2d, \x{2d} or \u002d"
            );
        }
        check_refused("a\\", 1..2, "a backslash needs a character after it");
        check_refused(
            "((.{99}){99}){99}",
            0..17,
            "this regular expression is too large",
        );
        check_refused(
            "a{3,2}",
            0..6,
            "invalid repetition count range, the start must be <= the end",
        );
    }
}
