use super::*;

const EXITED: &str = "Essential container in task exited";
const NOT_STARTED: &str = "Task failed to start";
const HOST: &str = "Host EC2 (instance i-0abc) terminated.";
const SPOT: &str = "Your Spot Task was interrupted.";
const MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";
const PULL: &str = "CannotPullContainerError: pull access denied";

/// The example of the user guide's best practices.
const GUIDE: &str = "SR=Host EC2*>RETRY; R=*>EXIT";
/// The example of its page on retries, in the editions of 2026 and of 2023.
const GUIDE_2026: &str = "R=AGENT>RETRY; SR=Task failed to start>RETRY; R=*>EXIT";
const GUIDE_2023: &str = "R=AGENT>RETRY; R=Task failed to start>RETRY; R=*>EXIT";
const ALL_THREE: &str = "SR=Essential*,R=OutOf*,X=13*>RETRY; X=*>EXIT";

/// Entries as the tests write them: `SR=Host EC2*,X=1>RETRY; R=*>EXIT`.
fn conditions(text: &str) -> Result<Vec<ExitCondition>, String> {
    text.split_terminator("; ").map(condition).collect()
}

fn condition(text: &str) -> Result<ExitCondition, String> {
    let (patterns, action) = text.split_once('>').expect("an action");
    let mut condition = ExitCondition {
        on_status_reason: None,
        on_reason: None,
        on_exit_code: None,
        action: action.parse()?,
    };
    for pattern in patterns.split_terminator(',') {
        let (field, text) = pattern.split_once('=').expect("a field");
        let parsed = match field {
            "X" => Pattern::of_exit_code(text),
            _ => Pattern::of_reason(text),
        };
        let parsed = Some(parsed.map_err(|error| error.to_string())?);
        match field {
            "SR" => condition.on_status_reason = parsed,
            "R" => condition.on_reason = parsed,
            "X" => condition.on_exit_code = parsed,
            _ => panic!("no field {field}"),
        }
    }
    Ok(condition)
}

fn strategy(attempts: Option<i64>, entries: &str) -> Result<RetryStrategy, String> {
    RetryStrategy::new(attempts, conditions(entries)?).map_err(|error| error.to_string())
}

fn ended<'a>(
    status_reason: &'a str,
    reason: impl Into<Option<&'a str>>,
    exit_code: impl Into<Option<u8>>,
) -> Ending<'a> {
    Ending {
        cause: Cause::Exit,
        status_reason: Some(status_reason).filter(|text| !text.is_empty()),
        reason: reason.into(),
        exit_code: exit_code.into(),
    }
}

/// The same ending for another cause.
fn because(cause: Cause, ending: Ending<'_>) -> Ending<'_> {
    Ending { cause, ..ending }
}

/// A container that ended by itself and gave no reason.
fn exited(code: u8) -> Ending<'static> {
    ended(EXITED, None, code)
}

fn lost_host() -> Ending<'static> {
    because(Cause::HostLost, ended(HOST, None, None))
}

/// The verdict in the words of the table: `exit 2` is EXIT by the second entry, `retry` without a
/// number is a retry by none.
fn words(verdict: Verdict) -> String {
    let by = |entry: usize| entry + 1;
    match (verdict.decision, verdict.by.map(by)) {
        (Decision::Succeed, None) => "succeed".to_owned(),
        (Decision::Retry, None) => "retry".to_owned(),
        (Decision::Fail, None) => "fail".to_owned(),
        (Decision::Retry, Some(entry)) => format!("retry {entry}"),
        (Decision::Fail, Some(entry)) => format!("exit {entry}"),
        (Decision::Succeed, Some(entry)) => panic!("entry {entry} let a job succeed"),
    }
}

/// What follows the first attempt, or the text with which the strategy is refused.
fn outcome(
    attempts: Option<i64>,
    entries: &str,
    ending: &Ending<'_>,
    exit_star_needs_code: bool,
) -> String {
    match strategy(attempts, entries) {
        Ok(strategy) => words(decide(&strategy, 1, ending, exit_star_needs_code)),
        Err(refusal) => refusal,
    }
}

/// The attempts of a job that has some left after its first.
const LEFT: Option<i64> = Some(3);

#[test]
fn what_follows_an_attempt() {
    let out_of_memory = ended(EXITED, MEMORY, 137);
    let not_pulled = because(Cause::StartFailure, ended(NOT_STARTED, PULL, None));
    let not_started = because(Cause::StartFailure, ended(NOT_STARTED, NOT_STARTED, None));
    let interrupted = because(Cause::HostLost, ended(SPOT, None, 137));
    let timed_out = because(Cause::Timeout, ended("", None, 137));
    let terminated = because(Cause::Terminated, ended("", None, 143));
    let seven = "X=1>EXIT; X=2>EXIT; X=3>EXIT; X=4>EXIT; X=5>EXIT; X=6>EXIT; X=7>EXIT";
    let rows = [
        ("retry_v1", LEFT, "", exited(1), "retry"),
        ("retry_v2", LEFT, "", exited(0), "succeed"),
        ("retry_v2", LEFT, GUIDE, exited(0), "succeed"),
        ("retry_v2", LEFT, GUIDE_2026, exited(0), "succeed"),
        ("retry_v2", LEFT, ALL_THREE, exited(0), "succeed"),
        ("retry_v4", LEFT, GUIDE, exited(1), "exit 2"),
        ("retry_v5", LEFT, GUIDE, out_of_memory, "exit 2"),
        ("retry_v6", LEFT, GUIDE, not_pulled, "exit 2"),
        (
            "retry_v7",
            LEFT,
            GUIDE_2026,
            ended("", "AGENT", None),
            "retry 1",
        ),
        ("retry_v9", LEFT, GUIDE_2026, exited(1), "exit 3"),
        (
            "retry_v10",
            LEFT,
            GUIDE_2026,
            ended(EXITED, "AGENT error", None),
            "exit 3",
        ),
        ("retry_v11", LEFT, GUIDE_2023, not_pulled, "exit 3"),
        ("retry_v12", LEFT, GUIDE_2023, not_started, "retry 2"),
        ("retry_v15", LEFT, "X=40*>EXIT", exited(4), "retry"),
        ("retry_v16", LEFT, "X=40*>EXIT", exited(140), "retry"),
        ("retry_v17", LEFT, "X=1>EXIT", exited(1), "exit 1"),
        ("retry_v19", LEFT, "X=1*>EXIT", exited(137), "exit 1"),
        ("retry_v20", LEFT, "X=*>EXIT", exited(2), "exit 1"),
        ("retry_v21", LEFT, "X=*>EXIT", lost_host(), "exit 1"),
        ("retry_v22", LEFT, "X=1,R=Foo*>EXIT", exited(1), "retry"),
        (
            "retry_v24",
            LEFT,
            "X=1,R=Foo*>EXIT",
            ended(EXITED, "Foo bar", 2),
            "retry",
        ),
        (
            "retry_v25",
            LEFT,
            "X=1*>RETRY; X=137>EXIT",
            out_of_memory,
            "retry 1",
        ),
        (
            "retry_v26",
            LEFT,
            "X=137>EXIT; X=1*>RETRY",
            out_of_memory,
            "exit 1",
        ),
        (
            "retry_v27",
            LEFT,
            "SR=host ec2*>RETRY; R=*>EXIT",
            lost_host(),
            "exit 2",
        ),
        (
            "retry_v29",
            LEFT,
            "R=CannotPullContainerError:*>EXIT",
            not_pulled,
            "exit 1",
        ),
        (
            "retry_v30",
            LEFT,
            "R=CannotPullContainerError:*>EXIT",
            exited(1),
            "retry",
        ),
        (
            "retry_v31",
            LEFT,
            "SR=Your Spot Task was interrupted.>RETRY; R=*>EXIT",
            interrupted,
            "retry 1",
        ),
        (
            "retry_v32",
            LEFT,
            "X=137>EXIT; SR=Your Spot Task*>RETRY",
            interrupted,
            "exit 1",
        ),
        (
            "retry_v34",
            LEFT,
            "R=OutOfMemoryError*>EXIT; SR=Essential*>RETRY",
            exited(137),
            "retry 2",
        ),
        ("retry_v35", LEFT, ALL_THREE, out_of_memory, "retry 1"),
        ("retry_v36", LEFT, ALL_THREE, exited(137), "exit 2"),
        ("retry_v37", LEFT, "SR=*>EXIT", exited(7), "exit 1"),
        ("retry_v39", Some(1), "SR=*>RETRY", lost_host(), "fail"),
        ("retry_v39", Some(1), GUIDE, lost_host(), "fail"),
        ("retry_v40", LEFT, "SR=*>RETRY", timed_out, "fail"),
        ("retry_v41", LEFT, "SR=*>RETRY", terminated, "fail"),
        (
            "retry_v42",
            LEFT,
            "X=a*>EXIT",
            exited(1),
            "Evaluate on exit condition contains restricted characters",
        ),
        (
            "retry_v44",
            None,
            GUIDE,
            exited(1),
            "RetryAttempts must be provided with retry strategy",
        ),
        (
            "retry_v45",
            LEFT,
            seven,
            exited(1),
            "evaluateOnExit has 7 entries; it may have 6.",
        ),
    ];
    for (id, attempts, entries, ending, expected) in rows {
        let outcome = |needs_code| outcome(attempts, entries, &ending, needs_code);
        assert_eq!(outcome(false), expected, "{id}: {entries}");
        // The option is about a missing exit code and `*` only.
        let with_option = if id == "retry_v21" { "retry" } else { expected };
        assert_eq!(
            outcome(true),
            with_option,
            "{id} with the option: {entries}"
        );
    }
}

#[test]
fn retry_v14_an_exit_code_is_met_from_its_start() {
    // No container of a run exits with 404, so the vector is asked of the pattern itself.
    let check = |code, expected| {
        let pattern = Pattern::of_exit_code("40*").expect("digits");
        assert_eq!(pattern.matches(Some(code)), expected, "{code}");
    };
    check("404", true);
    check("40", true);
    check("4", false);
    check("140", false);
    assert_eq!(outcome(LEFT, "X=40*>EXIT", &exited(40), false), "exit 1");
}

#[test]
fn success_and_final_endings_are_told_before_the_rules() {
    let check = |cause, code, expected| {
        let ending = because(cause, ended(EXITED, None, code));
        let outcome = outcome(LEFT, "SR=*>RETRY", &ending, false);
        assert_eq!(outcome, expected, "{cause:?} {code:?}");
    };
    for (cause, with_zero, otherwise) in [
        (Cause::Exit, "succeed", "retry 1"),
        (Cause::StartFailure, "succeed", "retry 1"),
        (Cause::HostLost, "succeed", "retry 1"),
        (Cause::Timeout, "fail", "fail"),
        (Cause::Terminated, "fail", "fail"),
        (Cause::InvalidDefinition, "succeed", "fail"),
    ] {
        check(cause, Some(0), with_zero);
        check(cause, Some(1), otherwise);
        check(cause, None, otherwise);
    }
}

/// What becomes of a job whose attempts end one after another like this, and after how many.
fn last_word(attempts: i64, entries: &str, endings: &[Ending<'_>]) -> (String, usize) {
    let strategy = strategy(Some(attempts), entries).expect("a strategy");
    for (ending, attempt) in endings.iter().zip(1..) {
        let verdict = decide(&strategy, attempt, ending, false);
        if verdict.decision != Decision::Retry {
            return (words(verdict), attempt as usize);
        }
    }
    panic!("no end in {} attempts", endings.len());
}

#[test]
fn attempts_run_out() {
    let check = |id: &str, attempts, entries, endings: &[Ending<'_>], word: &str, count| {
        let last = last_word(attempts, entries, endings);
        assert_eq!(last, (word.to_owned(), count), "{id}");
    };
    let not_pulled = because(Cause::StartFailure, ended(NOT_STARTED, PULL, None));
    let foo = "X=1,R=Foo*>EXIT";
    let (one, zero) = (exited(1), exited(0));
    check("batch_g14", 3, "", &[one, one, zero], "succeed", 3);
    check("batch_g15", 3, "", &[one; 4], "fail", 3);
    check(
        "batch_g16",
        5,
        GUIDE,
        &[lost_host(), lost_host(), one],
        "exit 2",
        3,
    );
    check("batch_g17", 5, GUIDE, &[lost_host(); 6], "fail", 5);
    check("batch_g19", 5, "X=2>EXIT", &[exited(2)], "exit 1", 1);
    check("batch_g20", 5, foo, &[one, zero], "succeed", 2);
    check("batch_g21", 2, "X=1>Exit", &[one], "exit 1", 1);
    check("batch_g22", 3, "X=0*>RETRY", &[zero], "succeed", 1);
    check("batch_g24 defined", 5, "X=1>EXIT", &[one, one], "exit 1", 1);
    check("batch_g24 submitted", 2, "", &[one, one], "fail", 2);
    check("batch_g27", 2, GUIDE_2026, &[not_pulled; 2], "fail", 2);
    check("batch_g29", 1, "", &[lost_host()], "fail", 1);
}

#[test]
fn without_a_strategy_there_is_one_attempt() {
    let default = RetryStrategy::default();
    assert_eq!(Ok(&default), strategy(Some(1), "").as_ref());
    assert_eq!(words(decide(&default, 1, &exited(1), false)), "fail");
    assert_eq!(words(decide(&default, 1, &exited(0), false)), "succeed");
}

#[test]
fn batch_g25_strategies_that_are_refused() {
    let check = |attempts, entries: &str, text: &str| {
        assert_eq!(
            strategy(attempts, entries),
            Err(text.to_owned()),
            "{entries}"
        );
    };
    for attempts in [i64::MIN, -1, 0, 11, 1 << 32, (1 << 32) + 1, i64::MAX] {
        let text = format!("attempts is {attempts}; it must be 1 to 10.");
        check(Some(attempts), "", &text);
    }
    let missing = "RetryAttempts must be provided with retry strategy";
    check(None, "", missing);
    check(None, "X=1>EXIT", missing);
    check(
        LEFT,
        "X=1>EXIT; >EXIT",
        "evaluateOnExit[1] needs onStatusReason, onReason or onExitCode.",
    );
    check(LEFT, "R=>EXIT", "Evaluate on exit condition is empty");
    check(
        LEFT,
        &format!("R={}>EXIT", "a".repeat(513)),
        "Evaluate on exit condition is longer than 512 characters",
    );
    check(
        LEFT,
        "X=1>STOP",
        "action is 'STOP'; it must be RETRY or EXIT.",
    );
}

#[test]
fn the_greatest_strategy_is_taken() {
    let six = ["X=1>EXIT"; 6].join("; ");
    let strategy = strategy(Some(10), &six).expect("ten attempts and six entries");
    assert_eq!(
        (strategy.attempts(), strategy.evaluate_on_exit().len()),
        (10, 6)
    );
}

#[test]
fn alphabets_of_patterns() {
    let reason = |text: &str| Pattern::of_reason(text);
    let code = |text: &str| Pattern::of_exit_code(text);
    for text in ["*", "a", "Z9.: \t*", "Host EC2*", " ", &"a".repeat(512)] {
        let pattern = reason(text).expect(text);
        assert_eq!(pattern.to_string(), text);
    }
    for text in ["*", "0", "137", "13*", &"1".repeat(512)] {
        assert_eq!(code(text).expect(text).to_string(), text);
    }
    for text in [
        "**",
        "*a",
        "a*b",
        "a**",
        "(",
        "Host EC2 (instance i*",
        "i-1",
        "a_b",
        "a/b",
        "a\n",
        "é",
        "１",
    ] {
        assert_eq!(reason(text), Err(PatternError::Restricted), "{text:?}");
    }
    for text in ["**", "*1", "1*3", "-1", "+1", " 1", "1.0", "0x1", "a", "１"] {
        assert_eq!(code(text), Err(PatternError::Restricted), "{text:?}");
    }
    for parse in [Pattern::of_reason, Pattern::of_exit_code] {
        assert_eq!(parse(""), Err(PatternError::Empty));
        assert_eq!(parse(&"1".repeat(513)), Err(PatternError::TooLong));
        let star = format!("{}*", "1".repeat(512));
        assert_eq!(parse(&star), Err(PatternError::TooLong));
    }
}

#[test]
fn only_a_star_matches_what_is_absent() {
    let check = |pattern: &str, value, expected| {
        let parsed = Pattern::of_reason(pattern).expect(pattern);
        assert_eq!(parsed.matches(value), expected, "{pattern} {value:?}");
    };
    check("*", None, true);
    check("*", Some(""), true);
    check("*", Some("(anything)"), true);
    check("a*", None, false);
    check("a", None, false);
    check("a", Some("a"), true);
    check("a", Some("A"), false);
    check("a", Some("ab"), false);
    check("a*", Some("a"), true);
    check("a*", Some("ab*"), true);
    check("a*", Some("ba"), false);
}

#[test]
fn actions_are_read_in_any_case_and_printed_in_lower_case() {
    for (text, action, printed) in [
        ("RETRY", Action::Retry, "retry"),
        ("Retry", Action::Retry, "retry"),
        ("exit", Action::Exit, "exit"),
        ("eXIT", Action::Exit, "exit"),
    ] {
        assert_eq!(text.parse(), Ok(action));
        assert_eq!(action.to_string(), printed);
    }
    for text in ["", "retry ", "EXITED"] {
        let refusal = format!("action is '{text}'; it must be RETRY or EXIT.");
        assert_eq!(text.parse::<Action>(), Err(refusal));
    }
}
