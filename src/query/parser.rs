//! Text to tree. One function a rule of the grammar, except that `or`, `and`, `not` and parentheses
//! share a loop with a stack of its own: no number of parentheses overflows it.

use std::ops::Range;

use super::ast::{
    Comparison, Node, Number, Relation, Subject, Test, bare_length, is_digits, is_version,
};
use super::pattern::Pattern;
use super::{MAX_CHARACTERS, ParseError, timestamp};

/// Parses a whole expression.
pub fn parse(text: &str) -> Result<Node, ParseError> {
    let parser = Parser {
        chars: text.chars().collect(),
        at: 0,
        bare_end: None,
    };
    let length = parser.chars.len();
    if length > MAX_CHARACTERS {
        let message = format!(
            "the expression has {length} characters, and at most {MAX_CHARACTERS} are allowed"
        );
        return Err(parser.error(MAX_CHARACTERS..length, message));
    }
    if parser.chars.iter().all(|&character| is_space(character)) {
        return Err(parser.error(0..0, "the expression is empty"));
    }
    parser.expression()
}

struct Parser {
    chars: Vec<char>,
    /// The next character.
    at: usize,
    /// Where the latest value without quotes ended.
    bare_end: Option<usize>,
}

/// What stands between a parenthesis and where the parser is.
struct Group {
    /// Where the parenthesis is; the outermost group has none.
    opened: Option<usize>,
    /// Whether an odd number of negations stands before it.
    negated: bool,
    /// What stood between the `or`s so far.
    alternatives: Vec<Node>,
    /// What stood between the `and`s since.
    conjuncts: Vec<Node>,
}

impl Group {
    fn new(opened: Option<usize>, negated: bool) -> Self {
        Group {
            opened,
            negated,
            alternatives: Vec::new(),
            conjuncts: Vec::new(),
        }
    }

    fn end_alternative(&mut self) {
        let conjuncts = std::mem::take(&mut self.conjuncts);
        self.alternatives.push(Node::all(conjuncts));
    }

    fn finish(mut self) -> Node {
        self.end_alternative();
        negate_if(self.negated, Node::any(self.alternatives))
    }
}

fn negate_if(negated: bool, node: Node) -> Node {
    if negated { Node::not(node) } else { node }
}

/// What may follow an operand.
enum Connective {
    And,
    Or,
    /// The closing parenthesis or, outside any, the end of the text.
    End,
}

/// What an operator asks, apart from being negated.
#[derive(Clone, Copy, PartialEq)]
enum Question {
    Compare(Relation),
    Matches,
    In,
    Exists,
}

struct Operator {
    symbol: &'static str,
    /// The other spelling, if there is one.
    word: Option<&'static str>,
    negated: bool,
    question: Question,
}

impl Operator {
    fn spelled(spelling: &str) -> Option<&'static Operator> {
        OPERATORS
            .iter()
            .find(|operator| operator.symbol == spelling || operator.word == Some(spelling))
    }
}

const fn operator(
    symbol: &'static str,
    word: Option<&'static str>,
    negated: bool,
    question: Question,
) -> Operator {
    Operator {
        symbol,
        word,
        negated,
        question,
    }
}

/// Every operator, in the order in which errors name them.
#[rustfmt::skip]
static OPERATORS: [Operator; 12] = [
    operator("==", Some("equals"), false, Question::Compare(Relation::Equal)),
    operator("!=", Some("not_equals"), true, Question::Compare(Relation::Equal)),
    operator("<", Some("less_than"), false, Question::Compare(Relation::Less)),
    operator("<=", Some("less_than_equal"), false, Question::Compare(Relation::LessOrEqual)),
    operator(">", Some("greater_than"), false, Question::Compare(Relation::Greater)),
    operator(">=", Some("greater_than_equal"), false, Question::Compare(Relation::GreaterOrEqual)),
    operator("=~", Some("matches"), false, Question::Matches),
    operator("!~", Some("not_matches"), true, Question::Matches),
    operator("in", None, false, Question::In),
    operator("!in", Some("not_in"), true, Question::In),
    operator("exists", None, false, Question::Exists),
    operator("!exists", Some("not_exists"), true, Question::Exists),
];

/// The subjects, as they are written.
const SUBJECTS: [(&str, Subject); 6] = [
    ("agentConnected", Subject::AgentConnected),
    ("agentVersion", Subject::AgentVersion),
    ("ec2InstanceId", Subject::Ec2InstanceId),
    ("registeredAt", Subject::RegisteredAt),
    ("runningTasksCount", Subject::RunningTasksCount),
    ("task:group", Subject::TaskGroup),
];

/// How attributes are written.
const ATTRIBUTE: &str = "attribute:";

impl Subject {
    /// Whether ECS lets the operator be used with the subject. It lists operators for all but
    /// `task:group` and attributes; those take what makes sense.
    fn takes(&self, question: Question) -> bool {
        match self {
            Subject::Attribute(_) => true,
            Subject::AgentVersion | Subject::RegisteredAt | Subject::RunningTasksCount => {
                matches!(question, Question::Compare(_))
            }
            Subject::AgentConnected | Subject::Ec2InstanceId => match question {
                Question::Compare(relation) => relation == Relation::Equal,
                Question::Matches | Question::In => true,
                Question::Exists => false,
            },
            Subject::TaskGroup => match question {
                Question::Compare(relation) => relation == Relation::Equal,
                Question::Matches | Question::In | Question::Exists => true,
            },
        }
    }
}

/// A value, and where its text stands, without quotes.
struct Literal {
    text: String,
    span: Range<usize>,
}

impl Parser {
    fn expression(mut self) -> Result<Node, ParseError> {
        let mut outer = Vec::new();
        let mut group = Group::new(None, false);
        loop {
            let negated = self.negations();
            if self.eat("(") {
                let inner = Group::new(Some(self.at - 1), negated);
                outer.push(std::mem::replace(&mut group, inner));
                continue;
            }
            let comparison = Node::Comparison(self.comparison()?);
            group.conjuncts.push(negate_if(negated, comparison));
            loop {
                match self.connective(group.opened)? {
                    Connective::And => break,
                    Connective::Or => {
                        group.end_alternative();
                        break;
                    }
                    Connective::End => {
                        let node = group.finish();
                        let Some(parent) = outer.pop() else {
                            return Ok(node);
                        };
                        group = parent;
                        group.conjuncts.push(node);
                    }
                }
            }
        }
    }

    /// Skips `!` and `not`; whether there is an odd number of them.
    fn negations(&mut self) -> bool {
        let mut odd = false;
        loop {
            self.skip_space();
            if !self.eat("!") && !self.eat_word("not") {
                return odd;
            }
            odd = !odd;
        }
    }

    /// What follows an operand in the group that was `opened` there.
    fn connective(&mut self, opened: Option<usize>) -> Result<Connective, ParseError> {
        let after_bare = self.bare_end == Some(self.at);
        self.skip_space();
        if self.eat("&&") || self.eat_word("and") {
            return Ok(Connective::And);
        }
        if self.eat("||") || self.eat_word("or") {
            return Ok(Connective::Or);
        }
        match (self.peek(), opened) {
            (None, None) => Ok(Connective::End),
            (None, Some(open)) => Err(self.error(open..open + 1, "this ( is not closed")),
            (Some(')'), None) => Err(self.error(self.next_word(), "this ) closes nothing")),
            (Some(')'), Some(_)) => {
                self.at += 1;
                Ok(Connective::End)
            }
            (Some(_), None) => Err(self.unexpected("and, or, or the end", after_bare)),
            (Some(_), Some(_)) => Err(self.unexpected("and, or, or )", after_bare)),
        }
    }

    fn comparison(&mut self) -> Result<Comparison, ParseError> {
        let start = self.at;
        let subject = self.subject()?;
        let operator = self.operator(&subject)?;
        let test = match operator.question {
            Question::Compare(relation) => self.typed(&subject, relation)?,
            Question::Matches => Test::Matches(self.pattern()?),
            Question::In => Test::In(self.list()?),
            Question::Exists => Test::Exists,
        };
        Ok(Comparison {
            subject,
            negated: operator.negated,
            test,
            span: start..self.at,
        })
    }

    fn subject(&mut self) -> Result<Subject, ParseError> {
        let span = self.at..self.at + self.run(|character| !ends_subject(character));
        let word = self.text(&span);
        if matches!(word.as_str(), "" | "and" | "or") {
            return Err(self.error(
                self.next_word(),
                format!("expected a subject: {}", subject_list()),
            ));
        }
        let subject = match word.strip_prefix(ATTRIBUTE) {
            Some(name) => self.attribute(name)?,
            None => SUBJECTS
                .into_iter()
                .find(|(spelling, _)| *spelling == word)
                .map(|(_, subject)| subject)
                .ok_or_else(|| {
                    self.error(span.clone(), format!("unknown subject {word}"))
                        .with_help(subject_help(&word))
                })?,
        };
        self.at = span.end;
        Ok(subject)
    }

    /// The attribute called `name`, which stands here behind its prefix.
    fn attribute(&self, name: &str) -> Result<Subject, ParseError> {
        let start = self.at + ATTRIBUTE.len();
        if name.is_empty() {
            return Err(self.error(start..start, "expected the name of an attribute"));
        }
        match name.chars().position(|character| !is_in_name(character)) {
            Some(index) => Err(self.error(
                start + index..start + index + 1,
                "the name of an attribute has only the letters A to Z and a to z, digits and - _ / \\ .",
            )),
            None => Ok(Subject::Attribute(name.to_string())),
        }
    }

    fn operator(&mut self, subject: &Subject) -> Result<&'static Operator, ParseError> {
        self.skip_space();
        let span = self.operator_span();
        let spelling = self.text(&span);
        let known = Operator::spelled(&spelling);
        if let Some(operator) = known
            && subject.takes(operator.question)
        {
            self.at = span.end;
            return Ok(operator);
        }
        let taken = OPERATORS
            .iter()
            .filter(|operator| subject.takes(operator.question));
        let symbols: Vec<&str> = taken.map(|operator| operator.symbol).collect();
        let of = match subject {
            Subject::Attribute(_) => String::new(),
            other => format!(" of {other}"),
        };
        let message = format!("expected an operator{of}: {}", symbols.join(", "));
        let error = self.error(span, message);
        Err(match operator_help(&spelling) {
            Some(help) if known.is_none() => error.with_help(help),
            _ => error,
        })
    }

    /// Where an operator stands if one does: a word, `!` and a word, or the longest symbol.
    fn operator_span(&self) -> Range<usize> {
        let letters_at = self.at + usize::from(self.peek() == Some('!'));
        let letters = self.word_length(letters_at);
        if letters > 0 {
            return self.at..letters_at + letters;
        }
        let symbols = self.run(|character| "=!<>~".contains(character));
        (1..=symbols.min(2))
            .rev()
            .map(|length| self.at..self.at + length)
            .find(|span| Operator::spelled(&self.text(span)).is_some())
            .unwrap_or_else(|| match symbols {
                0 => self.next_word(),
                symbols => self.at..self.at + symbols,
            })
    }

    /// The test of `relation` to a literal of the subject's type.
    fn typed(&mut self, subject: &Subject, relation: Relation) -> Result<Test, ParseError> {
        let Literal { text, span } = self.literal()?;
        let (number, expected) = match subject {
            Subject::RunningTasksCount => (count(&text), "a whole number"),
            Subject::RegisteredAt => (
                timestamp::parse(&text),
                "a time such as 2018-06-18, 2018-06-18T22:28:28Z or 2018-06-18T22:28:28+02:00",
            ),
            Subject::AgentVersion if is_version(&text) => return Ok(Test::Version(relation, text)),
            Subject::AgentVersion => (None, "a version such as 1.14.5"),
            Subject::AgentConnected
            | Subject::Ec2InstanceId
            | Subject::TaskGroup
            | Subject::Attribute(_) => return Ok(Test::Text(relation, text)),
        };
        match number {
            Some(value) => Ok(Test::Number(relation, Number { text, value })),
            None => Err(self.error(span, format!("expected {expected}"))),
        }
    }

    fn pattern(&mut self) -> Result<Pattern, ParseError> {
        let Literal { text, span } = self.literal()?;
        Pattern::new(&text).map_err(|error| {
            self.error(
                span.start + error.span.start..span.start + error.span.end,
                format!("bad regular expression: {}", error.message),
            )
        })
    }

    fn list(&mut self) -> Result<Vec<String>, ParseError> {
        self.skip_space();
        let open = self.at;
        if !self.eat("[") {
            return Err(self.unexpected("a list such as [a, b]", false));
        }
        let mut members = Vec::new();
        loop {
            members.push(self.literal()?.text);
            let after_bare = self.bare_end == Some(self.at);
            self.skip_space();
            if self.eat("]") {
                return Ok(members);
            }
            if self.peek().is_none() {
                return Err(self.error(open..open + 1, "this [ is not closed"));
            }
            if !self.eat(",") {
                return Err(self.unexpected(", or ]", after_bare));
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, ParseError> {
        self.skip_space();
        let start = self.at;
        if let Some(quote @ ('\'' | '"')) = self.peek() {
            self.at += 1;
            let length = self.run(|character| character != quote);
            let span = self.at..self.at + length;
            if span.end == self.chars.len() {
                return Err(self.error(start..start + 1, "this quote is not closed"));
            }
            self.at = span.end + 1;
            let text = self.text(&span);
            return Ok(Literal { text, span });
        }
        let length = bare_length(self.chars[start..].iter().copied());
        if length == 0 {
            let bracket = matches!(self.peek(), Some('(' | '['));
            return Err(self.unexpected("a value", bracket));
        }
        self.at += length;
        self.bare_end = Some(self.at);
        let span = start..self.at;
        let text = self.text(&span);
        Ok(Literal { text, span })
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn text(&self, span: &Range<usize>) -> String {
        self.chars[span.clone()].iter().collect()
    }

    /// How many characters from here on belong to `kind`.
    fn run(&self, kind: impl Fn(char) -> bool) -> usize {
        let rest = self.chars[self.at..].iter();
        rest.take_while(|&&character| kind(character)).count()
    }

    fn skip_space(&mut self) {
        self.at += self.run(is_space);
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let mut rest = self.chars[self.at..].iter().copied();
        let found = symbol
            .chars()
            .all(|character| rest.next() == Some(character));
        if found {
            self.at += symbol.len();
        }
        found
    }

    /// The same for a word, which is a whole run of letters and underscores.
    fn eat_word(&mut self, word: &str) -> bool {
        self.word_length(self.at) == word.len() && self.eat(word)
    }

    fn word_length(&self, start: usize) -> usize {
        let rest = self.chars[start..].iter();
        rest.take_while(|character| character.is_alphabetic() || **character == '_')
            .count()
    }

    /// What an error here is about: the word or the character; nothing at the end of the text.
    fn next_word(&self) -> Range<usize> {
        let least = usize::from(self.at < self.chars.len());
        self.at..self.at + self.run(|character| !ends_subject(character)).max(least)
    }

    /// That `expected` stands not here, and a hint at quotes where their lack is the likely reason.
    fn unexpected(&self, expected: &str, lacks_quotes: bool) -> ParseError {
        let error = self.error(self.next_word(), format!("expected {expected}"));
        match lacks_quotes {
            true => error.with_help(
                "a value with spaces, commas, parentheses or brackets needs quotes".to_string(),
            ),
            false => error,
        }
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> ParseError {
        let before = &self.chars[..span.start];
        let line_start = before
            .iter()
            .rposition(|&character| character == '\n')
            .map_or(0, |index| index + 1);
        ParseError {
            line: 1 + before
                .iter()
                .filter(|&&character| character == '\n')
                .count(),
            column: 1 + span.start - line_start,
            span,
            message: message.into(),
            help: None,
        }
    }
}

impl ParseError {
    fn with_help(self, help: String) -> Self {
        ParseError {
            help: Some(help),
            ..self
        }
    }
}

/// White space that separates.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// What no subject holds, nor any word that someone might take for one.
fn ends_subject(character: char) -> bool {
    character.is_whitespace() || "()[],'\"=!<>~&|".contains(character)
}

fn is_in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_/\\.".contains(character)
}

/// `-?[0-9]+`. What is out of range is greater, or less, than any count all the same.
fn count(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let limit = if digits == text { i64::MAX } else { i64::MIN };
    is_digits(digits).then(|| text.parse().unwrap_or(limit))
}

fn subject_list() -> String {
    let subjects = SUBJECTS.map(|(spelling, _)| spelling);
    format!("{}, {ATTRIBUTE}NAME", subjects.join(", "))
}

/// What someone may have meant who wrote `word` for a subject.
fn subject_help(word: &str) -> String {
    let subjects = SUBJECTS.map(|(spelling, _)| spelling);
    if let Some(subject) = closest(word, subjects) {
        return format!("did you mean {subject}?");
    }
    let name = match word.split_once(':') {
        Some((prefix, name)) => closest(prefix, ["attribute"]).map(|_| name),
        None => Some(word),
    };
    match name {
        Some(name) if !name.is_empty() && name.chars().all(is_in_name) => {
            format!("did you mean {ATTRIBUTE}{name}?")
        }
        _ => format!("the subjects are {}", subject_list()),
    }
}

/// What someone may have meant who wrote `spelling` for an operator.
fn operator_help(spelling: &str) -> Option<String> {
    match spelling {
        "=" => Some("did you mean ==?".to_string()),
        "!" | "not" => Some("write !exists, !in, != or !~, without a space".to_string()),
        _ => {
            let words = OPERATORS.iter().flat_map(|operator| {
                let symbol = operator.symbol.ends_with(char::is_alphabetic);
                operator
                    .word
                    .into_iter()
                    .chain(symbol.then_some(operator.symbol))
            });
            closest(spelling, words).map(|word| format!("did you mean {word}?"))
        }
    }
}

/// The first of `options` nearest to `word`, if a third of its letters, or one, would be wrong at most.
fn closest<'a>(word: &str, options: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    options
        .into_iter()
        .map(|option| (strsim::osa_distance(&word, &option.to_lowercase()), option))
        .filter(|(distance, option)| *distance <= (option.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, option)| option)
}
