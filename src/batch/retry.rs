//! Retry strategies: what becomes of a job when an attempt of it ends.
//!
//! A strategy says how many attempts a job may make and, entry by entry, which endings are worth
//! another one. A terminated or timed-out attempt is never retried, exit code 0 always succeeds, the
//! last attempt allowed is the last; otherwise the first entry that matches decides, and an ending
//! that no entry matches is retried.
//! Source: AWS Batch user guide, job retries; AWS Batch API reference, RetryStrategy.
//!
//! ```
//! use stowplan::batch::retry::{
//!     Action, Cause, Decision, Ending, ExitCondition, Pattern, RetryStrategy, decide,
//! };
//!
//! let lost_host = ExitCondition {
//!     on_status_reason: Some(Pattern::of_reason("Host EC2*")?),
//!     on_reason: None,
//!     on_exit_code: None,
//!     action: Action::Retry,
//! };
//! let anything_else = ExitCondition {
//!     on_status_reason: None,
//!     on_reason: Some(Pattern::of_reason("*")?),
//!     on_exit_code: None,
//!     action: Action::Exit,
//! };
//! let strategy = RetryStrategy::new(Some(5), vec![lost_host, anything_else])?;
//! let ending = Ending {
//!     cause: Cause::Exit,
//!     status_reason: Some("Essential container in task exited"),
//!     reason: None,
//!     exit_code: Some(1),
//! };
//! let verdict = decide(&strategy, 1, &ending, false);
//! assert_eq!((verdict.decision, verdict.by), (Decision::Fail, Some(1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The most attempts a job may make. Source: AWS Batch API reference, RetryStrategy.
const MAX_ATTEMPTS: u32 = 10;

/// The most entries of `evaluateOnExit`: documents say 5 or 6, and what may be legal is taken [B-11].
const MAX_CONDITIONS: usize = 6;

/// The longest pattern in characters. Source: AWS Batch API reference, EvaluateOnExit.
const MAX_PATTERN: usize = 512;

/// How often a job is tried, and which endings of an attempt are worth another (`retryStrategy`).
///
/// The strategy of a submission replaces that of the job definition as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryStrategy {
    attempts: u32,
    evaluate_on_exit: Vec<ExitCondition>,
}

impl Default for RetryStrategy {
    /// One attempt, as a job without a strategy has.
    fn default() -> Self {
        RetryStrategy {
            attempts: 1,
            evaluate_on_exit: Vec::new(),
        }
    }
}

impl RetryStrategy {
    /// A strategy of so many `attempts`, the first one included, whose `conditions` are asked in
    /// this order.
    ///
    /// # Errors
    /// `attempts` is missing or not 1 to 10, there are more than 6 conditions [B-11], or a condition
    /// has no pattern [B-10].
    pub fn new(
        attempts: Option<i64>,
        conditions: Vec<ExitCondition>,
    ) -> Result<Self, StrategyError> {
        let attempts = attempts
            .and_then(|attempts| u32::try_from(attempts).ok())
            .filter(|attempts| (1..=MAX_ATTEMPTS).contains(attempts))
            .ok_or(StrategyError::Attempts(attempts))?;
        if conditions.len() > MAX_CONDITIONS {
            return Err(StrategyError::Conditions(conditions.len()));
        }
        if let Some(entry) = conditions.iter().position(ExitCondition::is_empty) {
            return Err(StrategyError::NoPattern(entry));
        }
        Ok(RetryStrategy {
            attempts,
            evaluate_on_exit: conditions,
        })
    }

    /// How many times the job may enter RUNNABLE, the first time included: 1 to 10.
    ///
    /// An attempt that ends before its container runs counts as well [B-01].
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The entries in the order in which they are asked, at most 6; each has a pattern.
    pub fn evaluate_on_exit(&self) -> &[ExitCondition] {
        &self.evaluate_on_exit
    }
}

/// Why there is no such [`RetryStrategy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyError {
    /// So many attempts: none, or not 1 to 10.
    Attempts(Option<i64>),
    /// So many conditions: more than 6.
    Conditions(usize),
    /// The condition at this place has no pattern.
    NoPattern(usize),
}

impl fmt::Display for StrategyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StrategyError::Attempts(None) => {
                out.write_str("RetryAttempts must be provided with retry strategy")
            }
            StrategyError::Attempts(Some(given)) => {
                write!(out, "attempts is {given}; it must be 1 to {MAX_ATTEMPTS}.")
            }
            StrategyError::Conditions(entries) => write!(
                out,
                "evaluateOnExit has {entries} entries; it may have {MAX_CONDITIONS}."
            ),
            StrategyError::NoPattern(entry) => write!(
                out,
                "evaluateOnExit[{entry}] needs onStatusReason, onReason or onExitCode."
            ),
        }
    }
}

impl Error for StrategyError {}

/// An entry of `evaluateOnExit`: all patterns that are given must match. Absent: not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitCondition {
    /// Asked of the attempt's status reason.
    pub on_status_reason: Option<Pattern>,
    /// Asked of the container's reason.
    pub on_reason: Option<Pattern>,
    /// Asked of the container's exit code in decimal.
    pub on_exit_code: Option<Pattern>,
    /// What follows when every pattern matches.
    pub action: Action,
}

impl ExitCondition {
    fn is_empty(&self) -> bool {
        self.on_status_reason.is_none() && self.on_reason.is_none() && self.on_exit_code.is_none()
    }

    fn matches(&self, ending: &Ending<'_>, exit_star_needs_code: bool) -> bool {
        let code = ending.exit_code.map(|code| code.to_string());
        let asked = [
            (&self.on_status_reason, ending.status_reason),
            (&self.on_reason, ending.reason),
            (&self.on_exit_code, code.as_deref()),
        ];
        let no_code = exit_star_needs_code && self.on_exit_code.is_some() && code.is_none();
        !no_code
            && asked.into_iter().all(|(pattern, value)| {
                pattern
                    .as_ref()
                    .is_none_or(|pattern| pattern.matches(value))
            })
    }
}

/// What an entry of `evaluateOnExit` asks for. Read without regard to case, printed in lower case
/// as DescribeJobs does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Another attempt, if one is left.
    Retry,
    /// No other attempt, whatever is left.
    Exit,
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Action::Retry, Action::Exit]
            .into_iter()
            .find(|action| text.eq_ignore_ascii_case(action.text()))
            .ok_or_else(|| format!("action is '{text}'; it must be RETRY or EXIT."))
    }
}

impl Action {
    const fn text(self) -> &'static str {
        match self {
            Action::Retry => "retry",
            Action::Exit => "exit",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

/// A text to be met as it stands, or with `*` at its end the start of one; case counts [B-09].
///
/// Source: AWS Batch API reference, EvaluateOnExit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern for a reason: letters (ASCII), digits, `.`, `:`, space and tab, then perhaps `*`.
    ///
    /// # Errors
    /// The text is empty [B-10], longer than 512 characters or has another character in it.
    pub fn of_reason(text: &str) -> Result<Pattern, PatternError> {
        Pattern::parse(text, |character| {
            character.is_ascii_alphanumeric() || matches!(character, '.' | ':' | ' ' | '\t')
        })
    }

    /// A pattern for an exit code: digits, then perhaps `*`.
    ///
    /// # Errors
    /// As those of [`Pattern::of_reason`].
    pub fn of_exit_code(text: &str) -> Result<Pattern, PatternError> {
        Pattern::parse(text, |character| character.is_ascii_digit())
    }

    fn parse(text: &str, allowed: impl Fn(char) -> bool) -> Result<Pattern, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.chars().count() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        if !text.strip_suffix('*').unwrap_or(text).chars().all(allowed) {
            return Err(PatternError::Restricted);
        }
        Ok(Pattern(text.to_owned()))
    }

    /// Whether `value` is what the pattern asks for. An absent value counts as an empty text, which
    /// only `*` alone matches [B-08].
    pub fn matches(&self, value: Option<&str>) -> bool {
        let value = value.unwrap_or_default();
        match self.0.strip_suffix('*') {
            Some(start) => value.starts_with(start),
            None => value == self.0,
        }
    }
}

impl fmt::Display for Pattern {
    /// The text as it was given.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Why a text is no [`Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It has no character.
    Empty,
    /// It has more than 512 characters.
    TooLong,
    /// A character is not allowed, or `*` stands before the end.
    Restricted,
}

impl fmt::Display for PatternError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternError::Empty => out.write_str("Evaluate on exit condition is empty"),
            PatternError::TooLong => write!(
                out,
                "Evaluate on exit condition is longer than {MAX_PATTERN} characters"
            ),
            PatternError::Restricted => {
                out.write_str("Evaluate on exit condition contains restricted characters")
            }
        }
    }
}

impl Error for PatternError {}

/// What ended an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The container ended by itself.
    Exit,
    /// The container never ran, as when its image cannot be pulled.
    StartFailure,
    /// The instance under the attempt went away, or Fargate took Spot capacity back.
    HostLost,
    /// The attempt ran longer than the job's timeout.
    Timeout,
    /// Someone terminated the job.
    Terminated,
    /// The job definition turned out not to be valid.
    InvalidDefinition,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending<'a> {
    /// What ended it.
    pub cause: Cause,
    /// The attempt's `statusReason`.
    pub status_reason: Option<&'a str>,
    /// The container's `reason`; absent for a plain exit.
    pub reason: Option<&'a str>,
    /// The container's exit code; absent when it never ran or its host was lost.
    pub exit_code: Option<u8>,
}

/// What becomes of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is SUCCEEDED.
    Succeed,
    /// It is RUNNABLE again.
    Retry,
    /// It is FAILED.
    Fail,
}

/// The decision about an ending, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of the job.
    pub decision: Decision,
    /// The index, from 0, of the entry of `evaluateOnExit` that decided; `None`: no entry did.
    pub by: Option<usize>,
}

/// What becomes of a job whose attempt number `attempt`, from 1, ended as `ending` says.
///
/// With `exit_star_needs_code` an `onExitCode` of `*` does not match an attempt without an exit
/// code; without it, it does [B-08].
/// Source: AWS Batch user guide, job retries and job timeouts; API reference, EvaluateOnExit.
pub fn decide(
    strategy: &RetryStrategy,
    attempt: u32,
    ending: &Ending<'_>,
    exit_star_needs_code: bool,
) -> Verdict {
    let by_no_entry = |decision| Verdict { decision, by: None };
    // The order counts: who is terminated or timed out fails even with exit code 0.
    match (ending.cause, ending.exit_code) {
        (Cause::Terminated | Cause::Timeout, _) => return by_no_entry(Decision::Fail),
        (_, Some(0)) => return by_no_entry(Decision::Succeed),
        (Cause::InvalidDefinition, _) => return by_no_entry(Decision::Fail),
        (Cause::Exit | Cause::StartFailure | Cause::HostLost, _) => {}
    }
    if attempt >= strategy.attempts {
        return by_no_entry(Decision::Fail);
    }
    let mut entries = strategy.evaluate_on_exit.iter().enumerate();
    match entries.find(|(_, entry)| entry.matches(ending, exit_star_needs_code)) {
        Some((index, entry)) => Verdict {
            decision: match entry.action {
                Action::Retry => Decision::Retry,
                Action::Exit => Decision::Fail,
            },
            by: Some(index),
        },
        None => by_no_entry(Decision::Retry),
    }
}

#[cfg(test)]
mod tests;
