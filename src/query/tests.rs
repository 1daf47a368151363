//! The golden cases of the language, its error texts, and its laws.

use proptest::prelude::*;

use super::*;

/// An instance as the golden cases describe it.
#[derive(Clone, Debug, Default)]
struct Instance {
    connected: bool,
    version: Option<&'static str>,
    ec2_instance_id: Option<&'static str>,
    registered_at: Option<i64>,
    running: u32,
    groups: Vec<&'static str>,
    attributes: Vec<(&'static str, &'static str)>,
}

impl Candidate for Instance {
    fn agent_connected(&self) -> bool {
        self.connected
    }
    fn agent_version(&self) -> Option<&str> {
        self.version
    }
    fn ec2_instance_id(&self) -> Option<&str> {
        self.ec2_instance_id
    }
    fn registered_at(&self) -> Option<i64> {
        self.registered_at
    }
    fn running_tasks_count(&self) -> u32 {
        self.running
    }
    fn any_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.groups.iter().any(|group| test(group))
    }
    fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }
}

/// The five instances of the golden cases, I1 to I5.
fn fixture() -> Vec<Instance> {
    let instance = |kind, zone, stack: Option<&'static str>, version, id, registered| {
        let mut attributes = vec![("ecs.instance-type", kind), ("ecs.availability-zone", zone)];
        attributes.extend(stack.map(|stack| ("stack", stack)));
        Instance {
            connected: true,
            version: Some(version),
            ec2_instance_id: Some(id),
            registered_at: timestamp::parse(registered),
            attributes,
            ..Instance::default()
        }
    };
    #[rustfmt::skip]
    let mut fleet = vec![
        instance("t2.small", "us-east-1a", Some("prod"), "1.14.4", "i-aaaa1111", "2018-02-12T23:59:59Z"),
        instance("t2.medium", "us-east-1b", Some("dev"), "1.14.5", "i-bbbb2222", "2018-02-13T00:00:00Z"),
        instance("g2.2xlarge", "us-east-1d", None, "1.9.0", "i-cccc3333", "2018-06-18T22:28:28Z"),
        instance("g2.2xlarge", "us-east-1a", Some("prod"), "1.51.0", "i-dddd4444", "2019-01-01T00:00:00Z"),
        instance("m4.large", "us-east-1b", Some("prod blue"), "1.51.0", "i-eeee5555", "2020-05-05T05:05:05Z"),
    ];
    fleet[3].connected = false;
    fleet[4].attributes.push(("ssd", ""));
    for (instance, running) in fleet.iter_mut().zip([1, 0, 2, 1, 5]) {
        instance.running = running;
    }
    fleet[0].groups = vec!["service:production"];
    fleet[2].groups = vec!["database", "family:web"];
    fleet[3].groups = vec!["database"];
    fleet[4].groups = vec!["service:web"];
    fleet
}

/// The numbers of the instances that `text` selects.
fn selected(text: &str) -> Vec<usize> {
    let expression = parse(text).unwrap_or_else(|error| panic!("{}", error.snippet(text)));
    (1..)
        .zip(fixture())
        .filter(|(_, instance)| expression.matches(instance))
        .map(|(number, _)| number)
        .collect()
}

/// A test a row: its name, the expression, the instances it selects.
macro_rules! selects {
    ($($name:ident $text:literal => $expected:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let expected: &[usize] = &$expected;
                assert_eq!(selected($text), expected, "{}", $text);
            }
        )*
    };
}

// D: the documents say so.
selects! {
    query_q01 "attribute:ecs.instance-type == t2.small" => [1];
    query_q02 "attribute:ecs.instance-type equals t2.small" => [1];
    query_q04 "attribute:ecs.instance-type in [t2.small, t2.medium]" => [1, 2];
    query_q05 "attribute:ecs.instance-type =~ t2.*" => [1, 2];
    query_q06 "attribute:ecs.instance-type matches g2.*" => [3, 4];
    query_q07 "attribute:ecs.instance-type !~ g2.*" => [1, 2, 5];
    query_q09 "attribute:stack == prod" => [1, 4];
    query_q10 "attribute:stack != prod" => [2, 5];
    query_q11 "not(attribute:stack == prod)" => [2, 3, 5];
    query_q12 "attribute:stack exists" => [1, 2, 4, 5];
    query_q14 "attribute:stack not_exists" => [3];
    query_q15 "attribute:ssd exists" => [5];
    query_q16 "attribute:stack == 'prod blue'" => [5];
    query_q19 "task:group == database" => [3, 4];
    query_q20 "not(task:group == database)" => [1, 2, 5];
    query_q21 "!(task:group == database)" => [1, 2, 5];
    query_q25 "runningTasksCount == 1" => [1, 4];
    query_q26 "runningTasksCount < 2" => [1, 2, 4];
    query_q27 "runningTasksCount greater_than_equal 2" => [3, 5];
    query_q29 "agentVersion >= 1.14.5" => [2, 4, 5];
    query_q30 "agentConnected == true" => [1, 2, 3, 5];
    query_q31 "agentConnected == false" => [4];
    query_q32 "registeredAt < 2018-02-13" => [1];
    query_q34 "registeredAt > 2018-06-18T22:28:28Z" => [4, 5];
    query_q35 "ec2InstanceId in ['i-aaaa1111', 'i-eeee5555']" => [1, 5];
    query_q36 "ec2InstanceId =~ 'i-[ab].*'" => [1, 2];
    query_q37 "(attribute:stack == dev or attribute:stack == prod) and runningTasksCount < 1" => [2];
    query_q39 "(attribute:ecs.instance-type == t2.small or attribute:ecs.instance-type == m4.large) and runningTasksCount > 4" => [5];
    query_q40 "attribute:stack == prod && agentConnected == true" => [1];
    query_q47 "attribute:stack !exists or attribute:stack != prod" => [2, 3, 5];
    query_q49 "agentVersion == 1.51.0" => [4, 5];
    query_q52 "runningTasksCount != 1" => [2, 3, 5];
}

// C: a choice where the documents are silent.
selects! {
    query_q17 "attribute:stack not_in [prod, dev]" => [5];
    query_q22 "task:group != database" => [1, 2, 5];
    query_q24 "task:group =~ service:.*" => [1, 5];
    query_q41 "attribute:stack == prod && agentConnected == true || task:group == service:web" => [1, 5];
    query_q42 "!attribute:stack exists" => [3];
    query_q44 "attribute:ecs.instance-type =~ t2" => [];
    query_q45 "attribute:STACK exists" => [];
    query_q46 "attribute:stack == PROD" => [];
    query_q50 "task:group !~ service:.*" => [2, 3, 4];
    query_q51 "attribute:stack > dev" => [1, 4, 5];
}

// What the golden cases leave out.
selects! {
    white_space_may_go "attribute:stack==prod&&!(agentConnected==false)" => [1];
    white_space_may_be_line_ends "\tattribute:stack\r\n==\nprod " => [1, 4];
    words_end_at_brackets "not(attribute:stack in[prod])and(attribute:stack matches'd.*')" => [2];
    keywords_may_be_values "attribute:stack == and or attribute:stack == prod" => [1, 4];
    and_before_or "attribute:stack exists or attribute:ssd exists and agentConnected == false" => [1, 2, 4, 5];
    not_before_and "not attribute:stack exists and agentConnected == true" => [3];
    negations_cancel "!! not !attribute:stack == prod" => [1, 4];
    a_bare_value_ends_before_and "attribute:stack == prod&&agentConnected == true" => [1];
    longest_operator_first "attribute:stack >=prod" => [1, 4, 5];
    a_value_may_begin_like_an_operator "attribute:stack > =prod" => [1, 2, 4, 5];
    quotes_of_both_kinds "attribute:stack in ['dev', \"prod blue\"]" => [2, 5];
    empty_text_is_a_value "attribute:ssd == ''" => [5];
    group_exists "task:group exists" => [1, 3, 4, 5];
    group_is_missing "task:group !exists" => [2];
    group_in_none "task:group !in [database, 'service:web']" => [1, 2];
    versions_pad_with_zero "agentVersion == 1.9 or agentVersion < 001.9.0.1" => [3];
    quoted_numbers "runningTasksCount == '5'" => [5];
    counts_may_be_huge "runningTasksCount < 99999999999999999999 and runningTasksCount > -99999999999999999999" => [1, 2, 3, 4, 5];
    times_have_zones "registeredAt == 2018-06-19T00:28:28+02:00" => [3];
    connected_by_pattern "agentConnected =~ f.* or agentConnected in [maybe]" => [4];
}

/// An expression that must not parse, and what the error says.
fn check_rejected(text: &str, expected: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(error.to_string(), expected, "{text}");
}

/// A test a row: its name, the expression, the error.
macro_rules! rejects {
    ($($name:ident $text:literal => $expected:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check_rejected($text, $expected);
            }
        )*
    };
}

const OPERATORS: &str = "==, !=, <, <=, >, >=, =~, !~, in, !in, exists, !exists";
const SUBJECTS: &str = "agentConnected, agentVersion, ec2InstanceId, registeredAt, \
                        runningTasksCount, task:group, attribute:NAME";
const QUOTES: &str = "a value with spaces, commas, parentheses or brackets needs quotes";

// The list that the specification says must be rejected.
rejects! {
    no_operator "attribute:stack" => &format!("expected an operator: {OPERATORS} at column 16");
    unclosed_parenthesis "(attribute:stack == prod" => "this ( is not closed at column 1";
    single_equals "attribute:stack = prod" => &format!("expected an operator: {OPERATORS} at column 17; did you mean ==?");
    list_needed "attribute:stack in prod" => "expected a list such as [a, b] at column 20";
    unknown_subject "foo == bar" => "unknown subject foo at column 1; did you mean attribute:foo?";
    no_argument "attribute:stack == " => "expected a value at column 20";
    parenthesis_for_a_value "attribute:stack == (prod)" => &format!("expected a value at column 20; {QUOTES}");
    argument_after_exists "attribute:stack exists prod" => "expected and, or, or the end at column 24";
    open_quote "attribute:stack == 'prod" => "this quote is not closed at column 20";
    nothing_after_and "attribute:stack == prod and" => &format!("expected a subject: {SUBJECTS} at column 28");
    count_takes_no_pattern "runningTasksCount =~ 1" => "expected an operator of runningTasksCount: ==, !=, <, <=, >, >= at column 19";
    version_takes_no_list "agentVersion in [1.1.1]" => "expected an operator of agentVersion: ==, !=, <, <=, >, >= at column 14";
    not_a_number "runningTasksCount < many" => "expected a whole number at column 21";
    not_a_time "registeredAt < yesterday" => "expected a time such as 2018-06-18, 2018-06-18T22:28:28Z or 2018-06-18T22:28:28+02:00 at column 16";
    space_in_operator "attribute:stack ! exists" => &format!("expected an operator: {OPERATORS} at column 17; write !exists, !in, != or !~, without a space");
    empty_list "attribute:stack in []" => "expected a value at column 21";
    bad_pattern "attribute:stack =~ 'a)(b'" => "bad regular expression: this ) closes no group at column 22";
    attribute_without_prefix "ecs.os-type == windows" => "unknown subject ecs.os-type at column 1; did you mean attribute:ecs.os-type?";
    not_a_version "agentVersion < v2" => "expected a version such as 1.14.5 at column 16";
}

// What else people get wrong.
rejects! {
    empty "" => "the expression is empty at column 1";
    blank " \t\n" => "the expression is empty at column 1";
    misspelt_subject "runningtaskcount < 2" => "unknown subject runningtaskcount at column 1; did you mean runningTasksCount?";
    misspelt_prefix "atribute:stack == prod" => "unknown subject atribute:stack at column 1; did you mean attribute:stack?";
    hopeless_subject "größe == 1" => &format!("unknown subject größe at column 1; the subjects are {SUBJECTS}");
    attribute_without_name "attribute: == prod" => "expected the name of an attribute at column 11";
    attribute_with_odd_name "attribute:a@b exists" => "the name of an attribute has only the letters A to Z and a to z, digits and - _ / \\ . at column 12";
    keyword_in_capitals "attribute:stack IN [prod]" => &format!("expected an operator: {OPERATORS} at column 17; did you mean in?");
    not_for_an_operator "attribute:stack not in [prod]" => &format!("expected an operator: {OPERATORS} at column 17; write !exists, !in, != or !~, without a space");
    word_runs_on "attribute:stack existsand" => &format!("expected an operator: {OPERATORS} at column 17");
    group_has_no_order "task:group < b" => "expected an operator of task:group: ==, !=, =~, !~, in, !in, exists, !exists at column 12";
    id_always_exists "ec2InstanceId exists" => "expected an operator of ec2InstanceId: ==, !=, =~, !~, in, !in at column 15";
    connected_has_no_order "agentConnected >= true" => "expected an operator of agentConnected: ==, !=, =~, !~, in, !in at column 16";
    space_without_quotes "attribute:stack == prod blue" => &format!("expected and, or, or the end at column 25; {QUOTES}");
    unmatched_close "attribute:stack == prod)" => "this ) closes nothing at column 24";
    empty_parentheses "()" => &format!("expected a subject: {SUBJECTS} at column 2");
    or_first "or attribute:a exists" => &format!("expected a subject: {SUBJECTS} at column 1");
    junk_in_parentheses "(attribute:a exists ]" => "expected and, or, or ) at column 21";
    unclosed_list "attribute:stack in [prod, dev" => "this [ is not closed at column 20";
    list_without_comma "attribute:stack in [prod dev]" => &format!("expected , or ] at column 26; {QUOTES}");
    list_with_last_comma "attribute:stack in [prod,]" => "expected a value at column 26";
    value_is_a_connective "attribute:stack == && attribute:a exists" => "expected a value at column 20";
    no_break_space "attribute:stack ==\u{a0}prod" => "expected a value at column 19";
    fraction_of_tasks "runningTasksCount < 1.5" => "expected a whole number at column 21";
    java_only "attribute:stack =~ (?!prod).*" => &format!("expected a value at column 20; {QUOTES}");
    java_only_in_quotes "attribute:stack =~ '(?!prod).*'" => "bad regular expression: look-ahead is not supported at column 21";
    possessive "attribute:stack =~ t2.++" => "bad regular expression: possessive quantifiers are not supported at column 24";
    error_in_a_later_line "attribute:a exists\nand attribute:b = 1" => &format!("expected an operator: {OPERATORS} at line 2, column 17; did you mean ==?");
}

#[test]
fn at_most_2000_characters() {
    let text = |length: usize| format!("attribute:a == {}", "ü".repeat(length - 15));
    assert!(parse(&text(2000)).is_ok());
    check_rejected(
        &text(2001),
        "the expression has 2001 characters, and at most 2000 are allowed at column 2001",
    );
}

#[test]
fn depth_overflows_nothing() {
    let core = "attribute:a exists";
    let with_parentheses = format!("{}{core}{}", "(".repeat(990), ")".repeat(990));
    let with_negations = format!("{}{core}", "!".repeat(1982));
    let expected = parse(core).unwrap();
    assert_eq!(parse(&with_parentheses), Ok(expected.clone()));
    assert_eq!(parse(&with_negations), Ok(expected));
    for symbol in ["(", "!", "!(", "not(", "[", "'"] {
        assert!(parse(&symbol.repeat(2000 / symbol.len())).is_err());
    }
    // The deepest tree there is: `or` in `not` in `and` in `not`, and so on.
    let levels: String = (0..105)
        .map(|level| ["task:group==a||!(", "task:group==a&&!("][level % 2])
        .collect();
    let text = format!("{levels}task:group==a{}", ")".repeat(105));
    let deepest = parse(&text).unwrap();
    assert_eq!(deepest.clone(), deepest);
    for instance in fixture() {
        assert!(deepest.explain(&instance).matches == deepest.matches(&instance));
    }
    assert_eq!(deepest.to_string().matches("task:group").count(), 106);
}

#[test]
fn prints_in_one_spelling() {
    let check = |text, expected| assert_eq!(parse(text).unwrap().to_string(), expected);
    check(
        "(attribute:a equals 'b')&&!task:group not_in['c d',\"e'f\"]||not not agentVersion<1.2",
        "(attribute:a == b and not(task:group !in ['c d', \"e'f\"])) or agentVersion < 1.2",
    );
    check(
        "attribute:a exists and (attribute:b !exists and (attribute:c =~ 'x|y'))",
        "attribute:a exists and attribute:b !exists and attribute:c =~ x|y",
    );
    check("attribute:a == 'b&&c'", "attribute:a == 'b&&c'");
    check("attribute:a == ''", "attribute:a == ''");
    check("registeredAt > '2018-06-18'", "registeredAt > 2018-06-18");
}

#[test]
fn spelling_and_place_do_not_count() {
    let expression = parse("attribute:a==b").unwrap();
    assert_eq!(expression, parse(" ( attribute:a equals \"b\" ) ").unwrap());
    assert_ne!(expression, parse("attribute:a == c").unwrap());
    assert_ne!(expression, parse("attribute:a != b").unwrap());
    assert_ne!(expression, parse("attribute:b == b").unwrap());
}

#[test]
fn attributes_order_numbers_exactly_and_texts_by_code_point() {
    let holds = |value: &'static str, rest: &str| {
        let instance = Instance {
            attributes: vec![("a", value)],
            ..Instance::default()
        };
        parse(&format!("attribute:a {rest}"))
            .unwrap()
            .matches(&instance)
    };
    for (value, rest) in [
        ("9", "< 10"),
        ("-10", "< -9.5"),
        ("-1", "< 0"),
        ("0.10", ">= .1"),
        ("0.1", ">= 0.10"),
        ("0.1", "<= +00.10"),
        ("-0", ">= 0"),
        ("123456789012345678901", "> 123456789012345678900.9"),
        ("1.05", "< 1.5"),
        ("a9", "> a10"),
        ("1e3", "> 100x"),
        ("inf", "> 5"),
        ("é", "> z"),
        ("", "< 0"),
    ] {
        assert!(holds(value, rest), "{value:?} {rest}");
    }
    assert!(!holds("01", "== 1"));
    assert!(holds("01", "!= 1"));
    assert!(!holds("01", "> 1"));
}

#[test]
fn what_is_absent_fails_every_comparison() {
    let nothing = Instance::default();
    for subject in ["agentVersion", "registeredAt"] {
        let literal = if subject == "agentVersion" {
            "1"
        } else {
            "2018-06-18"
        };
        for operator in ["==", "!=", "<", "<=", ">", ">="] {
            let expression = parse(&format!("{subject} {operator} {literal}")).unwrap();
            assert!(!expression.matches(&nothing), "{expression}");
        }
    }
    for rest in ["== x", "!= x", "in [x]", "!in [x]", "=~ x", "!~ x"] {
        for subject in ["ec2InstanceId", "attribute:a"] {
            let expression = parse(&format!("{subject} {rest}")).unwrap();
            assert!(!expression.matches(&nothing), "{expression}");
        }
    }
    for rest in ["< x", "<= x", "> x", ">= x", "exists"] {
        assert!(
            !parse(&format!("attribute:a {rest}"))
                .unwrap()
                .matches(&nothing)
        );
    }
    assert!(parse("attribute:a !exists").unwrap().matches(&nothing));
    let strange = Instance {
        version: Some("v1.2"),
        ..Instance::default()
    };
    assert!(!parse("agentVersion != 1").unwrap().matches(&strange));
}

#[test]
fn explanations_blame_the_smallest_parts() {
    /// `number` is the instance of the fixture.
    fn check(text: &str, number: usize, expected: &str) {
        let explanation = parse(text).unwrap().explain(&fixture()[number - 1]);
        assert_eq!(explanation.to_string(), expected, "{text}");
    }
    check("attribute:stack == dev", 2, "matches");
    check(
        "attribute:stack ==prod",
        2,
        "attribute:stack ==prod: attribute:stack is \"dev\"",
    );
    check(
        "attribute:stack == prod",
        3,
        "attribute:stack == prod: attribute:stack is absent",
    );
    check(
        "attribute:ssd !exists",
        5,
        "attribute:ssd !exists: attribute:ssd is without value",
    );
    check(
        "runningTasksCount < 2",
        3,
        "runningTasksCount < 2: runningTasksCount is 2",
    );
    check(
        "attribute:stack exists and (agentConnected == false or agentVersion > 2) and task:group =~ 'x.*'",
        2,
        "agentConnected == false: agentConnected is true\n\
         agentVersion > 2: agentVersion is \"1.14.5\"\n\
         task:group =~ 'x.*': no task is there",
    );
    check(
        "not(task:group == database or attribute:stack == prod)",
        3,
        "task:group == database must not hold: task:group is \"database\" and \"family:web\"",
    );
    check(
        "registeredAt > 2018-06-18T22:28:28Z and ec2InstanceId != i-cccc3333",
        3,
        "registeredAt > 2018-06-18T22:28:28Z: registeredAt is 2018-06-18T22:28:28Z\n\
         ec2InstanceId != i-cccc3333: ec2InstanceId is \"i-cccc3333\"",
    );
    let explanation = parse("attribute:a == 'ü' or attribute:b == x")
        .unwrap()
        .explain(&Instance::default());
    let spans: Vec<_> = explanation
        .blames
        .iter()
        .map(|blame| blame.span.clone())
        .collect();
    assert_eq!(spans, [0..18, 22..38]);
}

#[test]
fn says_what_it_depends_on() {
    let check = |text, attributes: &[&str], tasks, instance| {
        let expression = parse(text).unwrap();
        let found: Vec<&str> = expression.attributes().collect();
        let found = (
            found.as_slice(),
            expression.depends_on_tasks(),
            expression.depends_on_instance(),
        );
        assert_eq!(found, (attributes, tasks, instance), "{text}");
    };
    check(
        "attribute:b exists or not(attribute:a == x and attribute:b == y)",
        &["a", "b"],
        false,
        false,
    );
    check(
        "agentConnected == true or attribute:a exists",
        &["a"],
        false,
        true,
    );
    check("registeredAt > 2018-06-18", &[], false, true);
    check("ec2InstanceId == i-1", &[], false, true);
    check("agentVersion > 1", &[], false, true);
    check("runningTasksCount < 2", &[], true, true);
    check("task:group == a", &[], true, true);
}

#[test]
fn snippets_point_at_the_fault() {
    let check = |text, expected: &str| {
        assert_eq!(parse(text).unwrap_err().snippet(text), expected);
    };
    check(
        "attribute:ecs.instance-type = c5.large",
        "attribute:ecs.instance-type = c5.large\n                            \
         ^ expected an operator: ==, !=, <, <=, >, >=, =~, !~, in, !in, exists, !exists; \
         did you mean ==?",
    );
    check(
        "attribute:a == 'ü' and\r\n\trunningTasksCount < many\r\nor attribute:b exists",
        "\trunningTasksCount < many\n\t                    ^^^^ expected a whole number",
    );
    check(
        "attribute:a ==",
        "attribute:a ==\n              ^ expected a value",
    );
}

/// Comparisons in many spellings.
fn comparison() -> impl Strategy<Value = String> {
    let value = || {
        prop_oneof![
            Just("prod".to_string()),
            Just("and".to_string()),
            Just("=b&".to_string()),
            Just("'prod blue'".to_string()),
            Just("\"it's\"".to_string()),
            "[a-z&|!=<>.é-]{1,6}".prop_filter("no bare value", |text| {
                !text.contains("&&") && !text.contains("||") && !text.starts_with(['=', '~'])
            }),
            "'[^']{0,6}'",
        ]
    };
    let text_rest = || {
        prop_oneof![
            ("( == | equals | != | not_equals )", value())
                .prop_map(|(operator, value)| operator + &value),
            ("( in|!in | not_in)", prop::collection::vec(value(), 1..4))
                .prop_map(|(operator, values)| format!("{operator}[{}]", values.join(" ,"))),
            ("( =~ |!~ | matches | not_matches )", "[a-z.]{1,5}[*+?]?")
                .prop_map(|(operator, value)| operator + &value),
        ]
    };
    let order = "( == | != | less_than | <= | > | greater_than_equal )";
    let exists = "( exists|!exists| not_exists)";
    prop_oneof![
        ("(attribute:(stack|ssd|a-b/c)|task:group)", text_rest()).prop_map(|(a, b)| a + &b),
        ("(attribute:(stack|ssd)|task:group)", exists).prop_map(|(a, b)| a + &b),
        ("(agentConnected|ec2InstanceId)", text_rest()).prop_map(|(a, b)| a + &b),
        ("attribute:stack", order, value()).prop_map(|(a, b, c)| a + &b + &c),
        ("runningTasksCount", order, "-?[0-9]{1,3}").prop_map(|(a, b, c)| a + &b + &c),
        ("agentVersion", order, "1[.](9|14|51)([.][0-9])?").prop_map(|(a, b, c)| a + &b + &c),
        (
            "registeredAt",
            order,
            "201[89]-0[1-6]-1[0-9](T22:28:28(Z|-03:00)?)?"
        )
            .prop_map(|(a, b, c)| a + &b + &c),
    ]
}

/// Expressions in many spellings, with parentheses around every part, and with fewer.
fn expression() -> impl Strategy<Value = String> {
    comparison().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone(), "( and | or | && | \\|\\| )")
                .prop_map(|(left, right, joint)| left + &joint + &right),
            ("(not|!|! not |!!)", inner.clone()).prop_map(|(not, inner)| format!("{not}({inner})")),
            inner.prop_map(|inner| format!("( {inner})")),
        ]
    })
}

fn instance() -> impl Strategy<Value = Instance> {
    let version = prop::option::of(prop::sample::select(vec!["1.9.0", "1.14.4", "1.51", "dev"]));
    let id = prop::option::of(prop::sample::select(vec!["i-1", "prod", "a"]));
    let stack = prop::option::of(prop::sample::select(vec![
        "",
        "prod",
        "prod blue",
        "z",
        "é",
    ]));
    let groups = prop::sample::subsequence(vec!["prod", "and", "service:web"], 0..=3);
    let registered = prop::option::of(1_514_764_800..1_577_836_800_i64);
    (
        any::<bool>(),
        version,
        id,
        registered,
        0..50_u32,
        groups,
        stack,
        any::<bool>(),
    )
        .prop_map(
            |(connected, version, id, registered_at, running, groups, stack, ssd)| Instance {
                connected,
                version,
                ec2_instance_id: id,
                registered_at,
                running,
                groups,
                attributes: stack
                    .map(|stack| ("stack", stack))
                    .into_iter()
                    .chain(ssd.then_some(("ssd", "")))
                    .collect(),
            },
        )
}

/// Whatever `text` is, parsing answers, and an error lies within the text.
fn check_answers(text: &str) {
    match parse(text) {
        Ok(expression) => {
            for instance in fixture() {
                let explanation = expression.explain(&instance);
                assert_eq!(explanation.matches, expression.matches(&instance));
            }
        }
        Err(error) => {
            let length = text.chars().count();
            assert!(error.span.start <= error.span.end && error.span.end <= length);
            assert!(!error.to_string().is_empty());
            assert!(error.snippet(text).contains('^'));
            assert!(error.snippet("").contains('^'));
        }
    }
}

proptest! {
    #[test]
    fn parsing_undoes_printing(text in expression()) {
        let parsed = parse(&text).map_err(|error| TestCaseError::fail(error.snippet(&text)))?;
        let printed = parsed.to_string();
        let again = parse(&printed).map_err(|error| TestCaseError::fail(error.snippet(&printed)))?;
        prop_assert_eq!(&again, &parsed);
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn boolean_laws(left in expression(), right in expression(), instance in instance()) {
        let matches = |text: &str| parse(text).unwrap().matches(&instance);
        let (a, b) = (matches(&left), matches(&right));
        prop_assert_eq!(matches(&format!("not({left})")), !a);
        prop_assert_eq!(matches(&format!("!!({left})")), a);
        prop_assert_eq!(matches(&format!("({left}) and ({right})")), a && b);
        prop_assert_eq!(matches(&format!("({left})||({right})")), a || b);
        prop_assert_eq!(matches(&format!("!(({left}) or ({right}))")), !a && !b);
        prop_assert_eq!(matches(&parse(&left).unwrap().to_string()), a);
    }

    /// `not` binds closer than `and`, and `and` closer than `or`.
    #[test]
    fn precedence(parts in prop::collection::vec(comparison(), 3), instance in instance()) {
        let matches = |text: &str| parse(text).unwrap().matches(&instance);
        let [a, b, c] = [0, 1, 2].map(|part| matches(&parts[part]));
        let text = format!("{} or {} and {}", parts[0], parts[1], parts[2]);
        prop_assert_eq!(matches(&text), a || (b && c));
        let text = format!("{} && !{} || {}", parts[0], parts[1], parts[2]);
        prop_assert_eq!(matches(&text), (a && !b) || c);
    }

    /// Each comparison to blame comes out as is claimed, and there are some just when there is need.
    #[test]
    fn blames_are_true(text in expression(), instance in instance()) {
        let expression = parse(&text).unwrap();
        let explanation = expression.explain(&instance);
        prop_assert_eq!(explanation.matches, expression.matches(&instance));
        prop_assert_eq!(explanation.matches, explanation.blames.is_empty());
        for blame in explanation.blames {
            prop_assert_eq!(parse(&blame.source).unwrap().matches(&instance), blame.holds);
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check_answers(&text);
    }

    #[test]
    fn text_like_an_expression_is_answered(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                " ", "(", ")", "[", "]", ",", "'", "\"", "!", "=", "==", "=~", "<", "&&", "||",
                "and", "or", "not", "in", "!in", "exists", "attribute:a", "attribute:", "task:group",
                "agentVersion", "registeredAt", "runningTasksCount", "1.2", "2018-06-18", "b", "é",
                "\\", "\n", "\u{a0}", "(?i)", "[a-z]", "*",
            ]),
            0..20,
        )
    ) {
        check_answers(&pieces.concat());
    }

    #[test]
    fn any_pattern_is_answered(pattern in "[a-c()\\[\\]{}*+?|^$.\\\\dwx019:=<>!iPQ,&~ é-]{0,24}") {
        check_answers(&format!("attribute:a =~ '{pattern}'"));
    }
}
