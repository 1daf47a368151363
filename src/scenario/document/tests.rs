//! A type that uses every shape a schema can have, and what is said about files that break it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{Strategy as _, *};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Toy {
    name: String,
    version: Option<String>,
    seed: u64,
    level: i8,
    share: f64,
    #[schemars(range(min = 1, max = 10))]
    count: Option<u32>,
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1.5))]
    factor: f64,
    #[schemars(length(min = 1, max = 2))]
    zones: Vec<String>,
    #[schemars(length(min = 2, max = 4))]
    code: String,
    active: bool,
    strategy: Option<Strategy>,
    size: Size,
    rules: Vec<Rule>,
    arrivals: Option<Arrivals>,
    attributes: BTreeMap<String, String>,
    ports: BTreeMap<u16, String>,
    tags: BTreeSet<String>,
    pair: Option<(u32, String)>,
    triple: [u8; 3],
    cpu: Option<Cpu>,
    #[schemars(extend("type" = ["string", "integer"]))]
    memory: Value,
    target: Option<Target>,
    instance: Option<Box<Instance>>,
    #[schemars(extend("format" = "seconds"))]
    delay: Option<String>,
    extra: Value,
    even: Even,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Strategy {
    Random,
    Spread,
    Binpack,
}

#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Size {
    /// Fits anywhere.
    #[default]
    Small,
    /// Fits nowhere.
    Large,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "type", deny_unknown_fields, rename_all = "camelCase")]
enum Rule {
    DistinctInstance,
    MemberOf { expression: String },
    Nested(Instance),
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Arrivals {
    Never,
    At(Vec<u32>),
    Poisson { rate: f64 },
}

/// Either a number of units or a text.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Cpu {
    Units(u32),
    Text(String),
}

/// Told apart by the keys only.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Target {
    Instance { instance: String, zone: String },
    Group { group: String, zone: String },
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Instance {
    instance_type: String,
    strategy: Strategy,
    inner: Option<Box<Instance>>,
}

/// A number with a rule that its schema does not tell.
#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
struct Even(u8);

impl TryFrom<u8> for Even {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        match number % 2 {
            0 => Ok(Even(number)),
            _ => Err(format!("{number} is odd")),
        }
    }
}

fn seconds(value: &Value) -> Result<(), String> {
    match value.as_str().is_some_and(|text| text.ends_with('s')) {
        true => Ok(()),
        false => Err(format!("{value} has no unit; write \"90s\"")),
    }
}

const FORMATS: &[Format] = &[("seconds", seconds)];

fn load(text: &str) -> Result<Toy, Problems> {
    Document::parse("toy.yaml", text)?.decode(FORMATS)
}

/// Checks what is said about a text, without the `error: toy.yaml:` of every line.
fn check(text: &str, expected: &[&str]) {
    let problems = load(text).map(|toy| format!("{toy:?}")).expect_err(text);
    let said = problems.to_string().replace("error: toy.yaml:", "");
    assert_eq!(said.lines().collect::<Vec<_>>(), expected, "\n{text}");
}

/// Checks how a key of a good file is read.
fn reads(text: &str, read: impl Fn(&Toy) -> String, expected: &str) {
    let toy = load(text).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    assert_eq!(read(&toy), expected, "{text}");
}

#[test]
fn says_keys_that_are_unknown_or_missing() {
    check(
        "nam: x\n",
        &["1:1: nam: unknown key", "  help: did you mean \"name\"?"],
    );
    check(
        "zebra: 1\n",
        &[
            "1:1: zebra: unknown key",
            "  help: \"stowplan schema\" lists the known keys",
        ],
    );
    check(
        "instance: {instanceType: a, strategy: random, typ: 1}\n",
        &[
            "1:47: instance.typ: unknown key",
            "  help: known keys: instanceType, strategy, inner",
        ],
    );
    check(
        "instance: {strategy: random}\n",
        &[
            "1:1: instance: the key \"instanceType\" is missing",
            "  help: it takes text",
        ],
    );
    check(
        "instance:\n  instanceType: a\n  inner: {}\n",
        &[
            "1:1: instance: the key \"strategy\" is missing",
            "  help: it takes one of: random, spread, binpack",
            "3:3: instance.inner: the key \"instanceType\" is missing",
            "  help: it takes text",
            "3:3: instance.inner: the key \"strategy\" is missing",
            "  help: it takes one of: random, spread, binpack",
        ],
    );
    check(
        "instance: {instanceType: a, strategy: random, inner: {instanceType: b, strategie: spread}}\n",
        &[
            "1:47: instance.inner: the key \"strategy\" is missing",
            "  help: it takes one of: random, spread, binpack",
            "1:72: instance.inner.strategie: unknown key",
            "  help: did you mean \"strategy\"?",
        ],
    );
    check(
        "rules: [{type: memberOf, expression: x, field: y}]\n",
        &[
            "1:41: rules[0].field: unknown key",
            "  help: known keys: type, expression",
        ],
    );
    check(
        "rules:\n  - type: memberOf\n",
        &[
            "2:5: rules[0]: the key \"expression\" is missing",
            "  help: it takes text",
        ],
    );
    check(
        "ports: {http: x}\n",
        &[
            "1:9: ports.http: unknown key",
            "  help: the keys here are whole numbers",
        ],
    );
    check(
        "target: {group: g}\n",
        &[
            "1:1: target: the key \"zone\" is missing",
            "  help: it takes text",
        ],
    );
    check(
        "name: x\nname: y\n\nname: z\n",
        &[
            "2:1: name: this key already stands on line 1",
            "  help: remove one of the two",
            "4:1: name: this key already stands on line 1",
            "  help: remove one of the two",
        ],
    );
    check(
        "instance: {instanceType: a, instanceType: b, strategy: random}\n",
        &[
            "1:29: instance.instanceType: this key already stands on line 1",
            "  help: remove one of the two",
        ],
    );
    check(
        "attributes: {\"a b\": 1, \"a b\": 2}\n",
        &[
            "1:24: attributes[\"a b\"]: this key already stands on line 1",
            "  help: remove one of the two",
        ],
    );
}

#[test]
fn says_values_of_the_wrong_kind() {
    check(
        "count: ten\n",
        &["1:1: count: expected a whole number, found text \"ten\""],
    );
    check(
        "count: \"10\"\n",
        &[
            "1:1: count: expected a whole number, found text \"10\"",
            "  help: write 10 without quotes",
        ],
    );
    check(
        "count: [1]\n",
        &["1:1: count: expected a whole number, found a list"],
    );
    check(
        "share: abc\n",
        &["1:1: share: expected a number, found text \"abc\""],
    );
    check(
        "active: yes\n",
        &[
            "1:1: active: expected true or false, found text \"yes\"",
            "  help: write true",
        ],
    );
    check(
        "active: \"true\"\n",
        &[
            "1:1: active: expected true or false, found text \"true\"",
            "  help: write true without quotes",
        ],
    );
    check(
        "active: 1\n",
        &["1:1: active: expected true or false, found the number 1"],
    );
    check(
        "active: maybe\n",
        &["1:1: active: expected true or false, found text \"maybe\""],
    );
    check(
        "name: [a]\n",
        &[
            "1:1: name: expected text, found a list",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "name: {a: b}\n",
        &[
            "1:1: name: expected text, found a mapping",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "name:\n",
        &[
            "1:1: name: expected text, found nothing",
            "  help: write a value, or remove it",
        ],
    );
    check(
        "name: null\n",
        &[
            "1:1: name: expected text, found nothing",
            "  help: to mean the word, quote it: \"null\"",
        ],
    );
    check(
        "zones: a\n",
        &[
            "1:1: zones: expected a list, found text \"a\"",
            "  help: start each item with \"- \", or use [ ]",
        ],
    );
    check(
        "zones: {a: b}\n",
        &[
            "1:1: zones: expected a list, found a mapping",
            "  help: start each item of the list with \"- \"",
        ],
    );
    check(
        "zones:\n",
        &[
            "1:1: zones: expected a list, found nothing",
            "  help: write a value, or remove it",
        ],
    );
    check(
        "zones: [a, ]\nname: ~\n",
        &[
            "2:1: name: expected text, found nothing",
            "  help: to mean the word, quote it: \"~\"",
        ],
    );
    check(
        "instance: m5.large\n",
        &[
            "1:1: instance: expected a mapping, found text \"m5.large\"",
            "  help: it takes the keys: instanceType, strategy, inner",
        ],
    );
    check(
        "instance: [a]\n",
        &[
            "1:1: instance: expected a mapping, found a list",
            "  help: it takes the keys: instanceType, strategy, inner",
        ],
    );
    check(
        "attributes: 5\n",
        &[
            "1:1: attributes: expected a mapping, found the number 5",
            "  help: write \"key: value\"",
        ],
    );
    check(
        "attributes: {a: [b]}\n",
        &[
            "1:14: attributes.a: expected text, found a list",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "attributes:\n  stack: {a: 1}\n",
        &[
            "2:3: attributes.stack: expected text, found a mapping",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "cpu: [1]\n",
        &[
            "1:1: cpu: expected a whole number or text, found a list",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "memory: {a: 1}\n",
        &[
            "1:1: memory: expected text or a whole number, found a mapping",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "rules: [memberOf]\n",
        &[
            "1:9: rules[0]: expected a mapping, found text \"memberOf\"",
            "  help: write {type: …}, which takes one of: distinctInstance, memberOf, nested",
        ],
    );
    check(
        "rules: {type: memberOf}\n",
        &[
            "1:1: rules: expected a list, found a mapping",
            "  help: start each item of the list with \"- \"",
        ],
    );
    check(
        "arrivals: 5\n",
        &[
            "1:1: arrivals: unknown value \"5\"",
            "  help: known values: never",
        ],
    );
    check(
        "pair: x\n",
        &[
            "1:1: pair: expected a list, found text \"x\"",
            "  help: start each item with \"- \", or use [ ]",
        ],
    );
}

#[test]
fn says_numbers_out_of_range() {
    check(
        "count: 11\n",
        &[
            "1:1: count: 11 is above the maximum of 10",
            "  help: write 1 to 10",
        ],
    );
    check(
        "count: 0\n",
        &[
            "1:1: count: 0 is below the minimum of 1",
            "  help: write 1 to 10",
        ],
    );
    check(
        "count: 1.5\n",
        &[
            "1:1: count: 1.5 is not a whole number",
            "  help: write 1 or 2",
        ],
    );
    check(
        "seed: -1\n",
        &[
            "1:1: seed: -1 is below the minimum of 0",
            "  help: write 0 to 18446744073709551615",
        ],
    );
    check(
        "seed: 18446744073709551616\n",
        &[
            "1:1: seed: 18446744073709551616 is above the maximum of 18446744073709551615",
            "  help: write 0 to 18446744073709551615",
        ],
    );
    check(
        "seed: 1e3\n",
        &["1:1: seed: 1e3 is not a whole number", "  help: write 1000"],
    );
    check(
        "seed: 999999999999999999999999999999999999999999999\n",
        &[
            "1:1: seed: 999999999999999999999999999999999999999999999 is above the maximum of 18446744073709551615",
            "  help: write 0 to 18446744073709551615",
        ],
    );
    check(
        "level: 128\n",
        &[
            "1:1: level: 128 is above the maximum of 127",
            "  help: write -128 to 127",
        ],
    );
    check(
        "level: -0x81\n",
        &["1:1: level: expected a whole number, found text \"-0x81\""],
    );
    check(
        "level: -129\n",
        &[
            "1:1: level: -129 is below the minimum of -128",
            "  help: write -128 to 127",
        ],
    );
    check(
        "share: .nan\n",
        &[
            "1:1: share: .nan is not a finite number",
            "  help: write a number in digits",
        ],
    );
    check(
        "share: -.inf\n",
        &[
            "1:1: share: -.inf is not a finite number",
            "  help: write a number in digits",
        ],
    );
    check(
        "share: 1e999\n",
        &[
            "1:1: share: 1e999 is not a finite number",
            "  help: write a number in digits",
        ],
    );
    check(
        "share: NaN\n",
        &["1:1: share: expected a number, found text \"NaN\""],
    );
    check(
        "factor: 0\n",
        &["1:1: factor: 0 is not above 0", "  help: write more than 0"],
    );
    check(
        "factor: 1.5\n",
        &[
            "1:1: factor: 1.5 is not below 1.5",
            "  help: write less than 1.5",
        ],
    );
    check(
        "ports: {80: 1, 70000: 2}\n",
        &["1:1: invalid value: integer `70000`, expected u16"],
    );
    check(
        "cpu: 5000000000\n",
        &[
            "1:1: cpu: 5000000000 is above the maximum of 4294967295",
            "  help: write 0 to 4294967295",
        ],
    );
    check(
        "seed: .5\n",
        &[
            "1:1: seed: .5 is not a whole number",
            "  help: write 0 or 1",
        ],
    );
}

#[test]
fn says_values_that_are_not_among_the_known() {
    check(
        "strategy: binpak\n",
        &[
            "1:1: strategy: unknown value \"binpak\"",
            "  help: did you mean \"binpack\"?",
        ],
    );
    check(
        "strategy: fastest\n",
        &[
            "1:1: strategy: unknown value \"fastest\"",
            "  help: known values: random, spread, binpack",
        ],
    );
    check(
        "strategy: 5\n",
        &[
            "1:1: strategy: unknown value \"5\"",
            "  help: known values: random, spread, binpack",
        ],
    );
    check(
        "strategy: [random]\n",
        &[
            "1:1: strategy: expected text, found a list",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "size: larg\n",
        &[
            "1:1: size: unknown value \"larg\"",
            "  help: did you mean \"large\"?",
        ],
    );
    check(
        "size: huge\n",
        &[
            "1:1: size: unknown value \"huge\"",
            "  help: known values: small, large",
        ],
    );
    check(
        "size: {}\n",
        &[
            "1:1: size: expected text, found a mapping",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "rules: [{type: memberof, expression: x}]\n",
        &[
            "1:10: rules[0].type: unknown value \"memberof\"",
            "  help: did you mean \"memberOf\"?",
        ],
    );
    check(
        "rules: [{expression: x}]\n",
        &[
            "1:9: rules[0]: the key \"type\" is missing",
            "  help: it takes one of: distinctInstance, memberOf, nested",
        ],
    );
    check(
        "rules: [{type: [a]}]\n",
        &[
            "1:10: rules[0].type: expected text, found a list",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "rules: [{type: ~}]\n",
        &[
            "1:10: rules[0].type: expected text, found nothing",
            "  help: to mean the word, quote it: \"~\"",
        ],
    );
    check(
        "arrivals: always\n",
        &[
            "1:1: arrivals: unknown value \"always\"",
            "  help: known values: never",
        ],
    );
    check(
        "arrivals: poisson\n",
        &[
            "1:1: arrivals: poisson needs more than its name",
            "  help: write it as a key: \"poisson: …\"",
        ],
    );
    check(
        "arrivals: {poison: {rate: 1}}\n",
        &[
            "1:12: arrivals.poison: unknown key",
            "  help: did you mean \"poisson\"?",
        ],
    );
    check(
        "arrivals: {at: [1], poisson: {rate: 1}}\n",
        &[
            "1:1: arrivals: exactly one key is needed here, not 2",
            "  help: it is one of: at, poisson",
        ],
    );
    check(
        "arrivals: {}\n",
        &[
            "1:1: arrivals: exactly one key is needed here, not 0",
            "  help: it is one of: at, poisson",
        ],
    );
    check(
        "arrivals: {poisson: {rate: x}}\n",
        &["1:22: arrivals.poisson.rate: expected a number, found text \"x\""],
    );
    check(
        "arrivals: {poisson: {}}\n",
        &[
            "1:12: arrivals.poisson: the key \"rate\" is missing",
            "  help: it takes a number",
        ],
    );
}

#[test]
fn says_lengths_and_formats() {
    check(
        "zones: []\n",
        &["1:1: zones: 0 items; at least 1 is needed"],
    );
    check(
        "zones: [a, b, c]\n",
        &["1:1: zones: 3 items; at most 2 are allowed"],
    );
    check(
        "code: x\n",
        &["1:1: code: 1 character; at least 2 are needed"],
    );
    check(
        "code: abcde\n",
        &["1:1: code: 5 characters; at most 4 are allowed"],
    );
    check("triple: [1, 2]\n", &["1:1: triple: 2 items; 3 are needed"]);
    check(
        "triple: [1, 2, 300]\n",
        &[
            "1:16: triple[2]: 300 is above the maximum of 255",
            "  help: write 0 to 255",
        ],
    );
    check("pair: [1]\n", &["1:1: pair: 1 item; 2 are needed"]);
    check("pair: [1, a, b]\n", &["1:1: pair: 3 items; 2 are needed"]);
    check(
        "tags: [a, b, a]\n",
        &[
            "1:14: tags[2]: the same item already stands at [0]",
            "  help: remove one of the two",
        ],
    );
    check(
        "delay: 90\n",
        &["1:1: delay: \"90\" has no unit; write \"90s\""],
    );
    check(
        "delay: 90m\n",
        &["1:1: delay: \"90m\" has no unit; write \"90s\""],
    );
    check("even: 3\n", &["1:1: 3 is odd"]);
}

#[test]
fn says_several_problems_at_once() {
    check(
        "seed: x\nname: ok\nzones: [a, [b], c]\nrules:\n  - {type: memberOf, expression: 1.0, extra: 1}\n  - {type: nested, instanceType: 5, strategy: x}\nname: twice\n",
        &[
            "1:1: seed: expected a whole number, found text \"x\"",
            "3:1: zones: 3 items; at most 2 are allowed",
            "3:12: zones[1]: expected text, found a list",
            "  help: if it is text, quote it",
            "5:39: rules[0].extra: unknown key",
            "  help: known keys: type, expression",
            "6:37: rules[1].strategy: unknown value \"x\"",
            "  help: known values: random, spread, binpack",
            "7:1: name: this key already stands on line 2",
            "  help: remove one of the two",
        ],
    );
    check(
        "base: &base {instanceType: a}\ninstance: *base\n",
        &[
            "1:1: base: unknown key",
            "  help: \"stowplan schema\" lists the known keys",
            "2:1: instance: the key \"strategy\" is missing",
            "  help: it takes one of: random, spread, binpack",
        ],
    );
    check(
        "attributes: &a {stack: [x]}\nextra: 1\n<<: {attributes: *a, seed: x}\n",
        &[
            "1:17: attributes.stack: expected text, found a list",
            "  help: if it is text, quote it",
            "3:22: seed: expected a whole number, found text \"x\"",
        ],
    );
}

#[test]
fn says_syntax() {
    check(
        "",
        &[
            " the file is empty",
            "  help: write a mapping, such as \"name: …\"",
        ],
    );
    check(
        "  \n\n",
        &[
            " the file is empty",
            "  help: write a mapping, such as \"name: …\"",
        ],
    );
    check(
        "# only\n# comments\n",
        &[
            " the file holds nothing but comments",
            "  help: write a mapping, such as \"name: …\"",
        ],
    );
    check(
        "---\n",
        &[
            "1:4: expected a mapping at the top, found nothing",
            "  help: write \"key: value\", a key a line",
        ],
    );
    check(
        "- a\n",
        &[
            "1:1: expected a mapping at the top, found a list",
            "  help: write \"key: value\", a key a line",
        ],
    );
    check(
        "just text\n",
        &[
            "1:1: expected a mapping at the top, found text \"just text\"",
            "  help: write \"key: value\", a key a line",
        ],
    );
    check(
        "5\n",
        &[
            "1:1: expected a mapping at the top, found the number 5",
            "  help: write \"key: value\", a key a line",
        ],
    );
    check(
        "name: a\n---\nname: b\n",
        &[
            "2:1: a second document starts here",
            "  help: keep one document in a file, and remove the line \"---\"",
        ],
    );
    check(
        "a: b: c\n",
        &[
            "1:5: a colon cannot stand here",
            "  help: quote text that holds \": \"; else check the indentation, and the line before",
        ],
    );
    check(
        "name: [a, b\n",
        &[
            "1:7: name[1]: a \"[\" is never closed",
            "  help: add the closing \"]\"",
        ],
    );
    check(
        "name: {a: b\n",
        &[
            "1:7: name: a \"{\" is never closed",
            "  help: add the closing \"}\"",
        ],
    );
    check(
        "name: \"abc\n",
        &[
            "2:1: name: a quote is not closed before this line",
            "  help: add the closing quote, or indent the line",
        ],
    );
    check(
        "name:\n\t- a\n",
        &[
            "2:2: name: a tab stands where YAML allows only spaces",
            "  help: replace the tab with spaces",
        ],
    );
    check(
        "instance:\n\tinstanceType: a\n",
        &[
            "2:2: instance: a tab stands where YAML allows only spaces",
            "  help: replace the tab with spaces",
        ],
    );
    check(
        "name: a\n  seed: 1\n",
        &[
            "2:7: a colon cannot stand here",
            "  help: quote text that holds \": \"; else check the indentation, and the line before",
        ],
    );
    check(
        "zones:\n  - a\n - b\n",
        &[
            "3:2: a key was expected here",
            "  help: check the indentation of this line and the one before",
        ],
    );
    check(
        "name: @x\n",
        &[
            "1:7: name: a value cannot start with \"@\"",
            "  help: put the value in quotes",
        ],
    );
    check(
        "name: %x\n",
        &[
            "1:7: name: a value cannot start with \"%\"",
            "  help: put the value in quotes",
        ],
    );
    check(
        "name: 'a' b\n",
        &[
            "1:11: name: more text follows the closing quote",
            "  help: put the whole text in quotes",
        ],
    );
    check(
        "name: \"\\q\"\n",
        &[
            "1:7: name: a backslash stands before a character that it has no meaning for",
            "  help: double the backslash, or use single quotes",
        ],
    );
    check(
        "name x\nseed: 1\n",
        &[
            "2:5: a colon cannot stand here",
            "  help: quote text that holds \": \"; else check the indentation, and the line before",
        ],
    );
    check(
        "zones: [a b: c: d]\n",
        &[
            "1:15: zones[0]: a \",\" or \"}\" was expected here",
            "  help: separate the keys of a mapping by commas",
        ],
    );
    check(
        "zones: ]\n",
        &[
            "1:8: zones: this closing bracket closes nothing",
            "  help: remove it, or quote it if it is text",
        ],
    );
    check(
        "zones: [a}\n",
        &[
            "1:8: zones[0]: a \"[\" is closed by a \"}\"",
            "  help: close it by \"]\"",
        ],
    );
    check(
        "name: `x`\n",
        &[
            "1:7: name: a value cannot start with \"`\"",
            "  help: put the value in quotes",
        ],
    );
    check(
        "name: a\nseed\n",
        &[
            "2:1: this is neither a key nor a list item",
            "  help: write \"key: value\"",
        ],
    );
    check(
        "zones: [a, b\nname: x\n",
        &[
            "2:5: zones[1]: a colon cannot stand here",
            "  help: quote text that holds \": \"; else check the indentation, and the line before",
        ],
    );
    check(
        "%YAML 3.0\n---\nname: x\n",
        &["1:1: not YAML: unsupported YAML major version"],
    );
    check(
        "name: !Ref x\n",
        &[
            "1:12: name: the tag \"!Ref\" has no meaning here",
            "  help: remove the tag; a text that starts with \"!\" needs quotes",
        ],
    );
    check(
        "zones: !x [a]\n",
        &[
            "1:11: zones: the tag \"!x\" has no meaning here",
            "  help: remove the tag; a text that starts with \"!\" needs quotes",
        ],
    );
    check(
        "name: *nowhere\n",
        &[
            "1:7: name: no value before this is named \"&nowhere\"",
            "  help: write the value itself, or name it further up",
        ],
    );
    check(
        "zones: &z [*z]\n",
        &[
            "1:12: zones[0]: the alias \"*z\" stands within the value that it names",
            "  help: write out what is meant",
        ],
    );
    check(
        "? [a]\n: 1\n",
        &[
            "1:3: a key must be text, not a list or a mapping",
            "  help: quote it if it is text",
        ],
    );
    check(
        "{a: 1}: 2\n",
        &[
            "1:1: a key must be text, not a list or a mapping",
            "  help: quote it if it is text",
        ],
    );
    check(
        ": 1\n",
        &[
            "1:1: a key is missing before the colon",
            "  help: write a name before the colon",
        ],
    );
    check(
        "extra: {~: 1}\nattributes: {\"\": x}\n",
        &[
            "2:14: attributes: a key is missing before the colon",
            "  help: write a name before the colon",
        ],
    );
    check(
        "<<: 5\nname: x\n",
        &[
            "1:5: only a mapping can be merged",
            "  help: write an alias of a mapping, such as \"<<: *base\"",
        ],
    );
    check(
        "<<: [{seed: 1}, 5]\n",
        &[
            "1:17: only a mapping can be merged",
            "  help: write an alias of a mapping, such as \"<<: *base\"",
        ],
    );
    check(
        "name: \u{feff}x\n",
        &["1:7: name: not YAML: a BOM must not appear inside a document"],
    );
    check(
        "na\u{0}me: x\n",
        &[
            "1:3: \"\\0\" cannot stand in a file",
            "  help: remove this control character",
        ],
    );
    check(
        "name: x\u{1b}[31m\nseed: \"\u{1b}\"\n",
        &[
            "1:7: name: \"\\u{1b}\" cannot stand in a file",
            "  help: remove this control character",
        ],
    );
    check(
        "größe: 1\n",
        &[
            "1:1: größe: unknown key",
            "  help: \"stowplan schema\" lists the known keys",
        ],
    );
    check(
        "name: ü\nattributes: {größe: [1]}\n",
        &[
            "2:14: attributes.größe: expected text, found a list",
            "  help: if it is text, quote it",
        ],
    );
    check(
        "\u{feff}name: x\r\nseed: y\r\n",
        &["2:1: seed: expected a whole number, found text \"y\""],
    );
    check(
        "name: |\n  a\n\tb\nseed: x\n",
        &[
            "3:2: a key was expected here",
            "  help: check the indentation of this line and the one before",
        ],
    );
}

/// A file without a problem, which says everything in a way that is easily misread.
const GOOD: &str = r#"# every shape
name: 007
version: 1.51.0
seed: 0x1F
level: -1
share: 1e-3
count: 10
factor: 1
zones: [us-east-1a, &b "us-east-1b"]
code: '1.0'
active: true
strategy: binpack
size: large
rules:
  - type: distinctInstance
  - &rule {type: memberOf, expression: "attribute:stack == prod"}
  - *rule
  - type: nested
    instanceType: m5.large
    strategy: random
arrivals: {poisson: {rate: 2}}
attributes: &attributes
  ecs.instance-type: 1.0
  from: 2024-01-01
  on: yes
ports: {80: http}
tags: [a, b]
pair: [1, true]
triple: [1, 2, 3]
cpu: 0.5
memory: 512
target: {zone: a, group: web}
instance: {instanceType: a, strategy: spread, inner: ~}
delay: !!str 90s
extra: {<<: *attributes, on: no, list: [~, 0o17, .5, "x"]}
even: 4
"#;

#[test]
fn reads_a_good_file() {
    let text = GOOD;
    for same in [GOOD.replace('\n', "\r\n"), format!("\u{feff}{GOOD}")] {
        assert_eq!(load(&same), load(text));
    }
    reads(text, |toy| toy.name.clone(), "007");
    reads(text, |toy| format!("{:?}", toy.version), "Some(\"1.51.0\")");
    reads(text, |toy| toy.seed.to_string(), "31");
    reads(text, |toy| format!("{:?}", toy.share), "0.001");
    reads(text, |toy| format!("{:?}", toy.factor), "1.0");
    reads(
        text,
        |toy| format!("{:?} {:?}", toy.zones, toy.size),
        r#"["us-east-1a", "us-east-1b"] Large"#,
    );
    reads(
        text,
        |toy| format!("{:?}", toy.attributes),
        r#"{"ecs.instance-type": "1.0", "from": "2024-01-01", "on": "yes"}"#,
    );
    reads(
        text,
        |toy| format!("{:?} {:?}", toy.pair, toy.ports),
        r#"Some((1, "true")) {80: "http"}"#,
    );
    reads(
        text,
        |toy| format!("{:?} {}", toy.cpu, toy.memory),
        r#"Some(Text("0.5")) 512"#,
    );
    reads(
        text,
        |toy| (toy.rules[1] == toy.rules[2]).to_string(),
        "true",
    );
    reads(
        text,
        |toy| format!("{:?}", toy.arrivals),
        "Some(Poisson { rate: 2.0 })",
    );
    reads(
        text,
        |toy| format!("{:?}", toy.target),
        r#"Some(Group { group: "web", zone: "a" })"#,
    );
    reads(
        text,
        |toy| toy.extra.to_string(),
        r#"{"on":"no","list":[null,15,0.5,"x"],"ecs.instance-type":1.0,"from":"2024-01-01"}"#,
    );
}

#[test]
fn takes_what_is_absent_or_null_for_none() {
    reads("{}", |toy| format!("{:?}", toy.version), "None");
    let nulls = "version: ~\ncount:\nstrategy: null\narrivals: ~\npair: ~\ndelay: ~\ninstance:\n";
    reads(
        nulls,
        |toy| format!("{:?} {:?}", toy.count, toy.strategy),
        "None None",
    );
}

#[test]
fn merges_keep_what_stands_first() {
    let text = "extra: {<<: [{a: 1}, {a: 2, b: 2}], c: 3, \"<<\": 4}\n";
    reads(
        text,
        |toy| toy.extra.to_string(),
        r#"{"c":3,"<<":4,"a":1,"b":2}"#,
    );
}

#[test]
fn finds_the_place_of_a_path() {
    let document = Document::parse("good.yaml", GOOD).unwrap();
    let place = |path: &str, line: u32, column: u32| {
        let problem = document.problem(path, "x").help("y");
        let shown = if path.is_empty() {
            String::new()
        } else {
            format!(" {path}:")
        };
        let expected = format!("error: good.yaml:{line}:{column}:{shown} x\n  help: y");
        assert_eq!(problem.to_string(), expected);
    };
    place("", 2, 1);
    place("seed", 4, 1);
    place("zones[1]", 9, 24);
    place("rules[1].expression", 16, 28);
    place("rules[2]", 17, 5);
    place("rules[2].expression", 16, 28);
    place("rules[3].strategy", 20, 5);
    place("attributes[\"ecs.instance-type\"]", 23, 3);
    place("attributes.ecs.instance-type", 23, 3);
    place("attributes.missing.more", 22, 1);
    place("rules[9].type", 14, 1);
    place("rules[x", 14, 1);
    place("zones[0].name", 9, 9);
    place("nowhere", 2, 1);
    place("]][", 2, 1);
}

#[test]
fn stops_at_files_that_grow_or_nest_without_end() {
    let stopped = |text: &str, expected: &str| {
        let problems = Document::parse("f", text).map(|_| ()).unwrap_err();
        assert_eq!(problems.as_slice()[0].message, expected);
    };
    let many = "more than 2000000 values up to here, aliases written out";
    let deep = "lists and mappings are nested more than 64 deep";
    stopped(&"[".repeat(100_000_000), "the file is larger than 64 MiB");
    stopped(&"[".repeat(60_000_000), deep);
    stopped(&"- ".repeat(1_000_000), deep);
    stopped(&format!("a: {}", "{a: ".repeat(80)), deep);

    let (mut laughs, mut tower) = ("a0: &a0 [ha]\n".to_owned(), "a0: &a0 [ha]\n".to_owned());
    for index in 1..100 {
        let below = format!("*a{}", index - 1);
        let ten = [below.as_str(); 10].join(", ");
        laughs.push_str(&format!("a{index}: &a{index} [{ten}]\n"));
        tower.push_str(&format!("a{index}: &a{index} [{below}]\n"));
    }
    stopped(&laughs, many);
    stopped(&tower, deep);

    let long = "x".repeat(1_000_000);
    stopped(
        &format!("a: &a {long}\nb: [{}]\n", "*a, ".repeat(200)),
        many,
    );
    stopped(
        &format!("a: &a {{? {long} : 1}}\nb:\n{}", "  - <<: *a\n".repeat(200)),
        many,
    );
}

#[test]
fn shows_a_thousand_problems_and_no_more() {
    let problems = load(&format!("zones: [{}]\nseed: x\n", "[], ".repeat(5000))).unwrap_err();
    assert_eq!(problems.as_slice().len(), 1001);
    let first = problems.as_slice()[0].to_string();
    assert_eq!(
        first,
        "error: toy.yaml: there are more problems than the 1000 shown"
    );
}

#[test]
fn says_why_a_file_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: Option<&[u8]>, expected: &str| {
        let path = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let problems = Document::read(&path).map(|_| ()).unwrap_err();
        assert_eq!(
            problems.to_string(),
            format!("error: {}{expected}", path.display())
        );
    };
    check(
        "none.yaml",
        None,
        ": there is no such file\n  help: check the name and the folder",
    );
    check(
        "",
        None,
        ": this is a folder, not a file\n  help: name a file in it",
    );
    let latin = b"name: x\nzones: [\xc3\xbc, \xfc]\n";
    check(
        "latin.yaml",
        Some(latin),
        ":2:12: this is not UTF-8 text\n  help: save the file as UTF-8",
    );
    check(
        "bad.yaml",
        Some(b"a: b: c\n"),
        concat!(
            ":1:5: a colon cannot stand here\n",
            "  help: quote text that holds \": \"; else check the indentation, and the line before",
        ),
    );

    let large = folder.path().join("large.yaml");
    File::create(&large)
        .unwrap()
        .set_len(64 * 1024 * 1024 + 1)
        .unwrap();
    let problems = Document::read(&large).map(|_| ()).unwrap_err();
    assert_eq!(
        problems.as_slice()[0].message,
        "the file is larger than 64 MiB"
    );

    let good = folder.path().join("good.yaml");
    std::fs::write(&good, GOOD).unwrap();
    assert!(
        Document::read(&good)
            .unwrap()
            .decode::<Toy>(FORMATS)
            .is_ok()
    );
}

/// What a text comes to: it loads, or every problem has a message.
fn survives(text: &str) {
    match load(text) {
        Ok(toy) => assert!(!format!("{toy:?}").is_empty()),
        Err(problems) => {
            assert!(!problems.as_slice().is_empty());
            for problem in problems.as_slice() {
                assert!(
                    problem.to_string().starts_with("error: toy.yaml:"),
                    "{problem}"
                );
                assert!(!problem.message.is_empty(), "{problem:?}");
            }
        }
    }
}

/// Any JSON value without empty keys, which YAML files here may not have.
fn json() -> impl proptest::strategy::Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        "[ -~äé\\n\\t😀]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[ -~ä]{1,8}", inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_survives(text in "\\PC*") {
        survives(&text);
    }

    #[test]
    fn any_signs_of_yaml_survive(text in "[-?:,\\[\\]{}#&*!|>'\"%@` \\n\\t~<a0.]{0,60}") {
        survives(&text);
    }

    #[test]
    fn a_good_file_with_any_slips_survives(
        slips in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..3_u8, "[-:,\\[\\]{}&*!|'\" \\n\\t~x0]"),
            1..8,
        )
    ) {
        let mut letters: Vec<char> = GOOD.chars().collect();
        for (place, slip, sign) in slips {
            let (index, sign) = (place.index(letters.len()), sign.chars().next().unwrap_or('-'));
            match slip {
                0 => letters[index] = sign,
                1 => letters.insert(index, sign),
                _ => drop(letters.remove(index)),
            }
        }
        survives(&letters.into_iter().collect::<String>());
    }

    #[test]
    fn any_path_has_a_place(path in "[a-z.\\[\\]\"0-9]{0,20}") {
        let document = Document::parse("good.yaml", GOOD).unwrap();
        prop_assert!(document.problem(&path, "x").line.is_some());
    }

    #[test]
    fn json_is_read_as_itself(value in json()) {
        let text = format!("{{\"extra\": {value}}}");
        let toy = load(&text).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        prop_assert_eq!(toy.extra, value);
    }
}
