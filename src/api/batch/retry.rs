//! Retries and timeouts of jobs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::in_range;
use crate::api::error::{ApiError, Checked};

/// Attempts of a job. Source: AWS Batch API reference, RetryStrategy.
const ATTEMPTS: std::ops::RangeInclusive<i64> = 1..=10;

/// Most entries: the newest of two published numbers [B-11]. Source: AWS Batch user guide, "Automated
/// job retries".
const MAX_ENTRIES: usize = 6;

/// Most characters of a pattern. Source: AWS Batch API reference, EvaluateOnExit.
const MAX_PATTERN: usize = 512;

/// Least seconds of an attempt. Source: AWS Batch API reference, JobTimeout.
const MIN_TIMEOUT: i64 = 60;

/// How often a job is tried, and after which ends.
///
/// Source: AWS Batch API reference, RetryStrategy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchRetryStrategy")]
pub struct RetryStrategy {
    /// Attempts in all: 1 to 10. A strategy must have it.
    pub attempts: Option<i64>,
    /// Conditions, of which the first that holds decides: at most 6 [B-11].
    pub evaluate_on_exit: Option<Vec<EvaluateOnExit>>,
}

/// What is to happen after an attempt that failed in a certain way: all patterns given must match.
///
/// Source: AWS Batch API reference, EvaluateOnExit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchEvaluateOnExit")]
pub struct EvaluateOnExit {
    /// Pattern of the status reason: letters, digits, `.`, `:`, white space, and `*` at the end.
    pub on_status_reason: Option<String>,
    /// Pattern of the reason of the container, of the same letters.
    pub on_reason: Option<String>,
    /// Pattern of the exit code: digits, and `*` at the end.
    pub on_exit_code: Option<String>,
    /// `RETRY` or `EXIT`, in any case.
    #[serde(default)]
    pub action: String,
}

/// How long an attempt may run.
///
/// Source: AWS Batch API reference, JobTimeout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchJobTimeout")]
pub struct JobTimeout {
    /// Seconds from the start of the attempt, at least 60. Absent is no timeout.
    pub attempt_duration_seconds: Option<i64>,
}

/// The rules on a retry strategy.
pub(super) fn checked_retry(strategy: &RetryStrategy) -> Checked {
    if strategy.attempts.is_none() {
        let message = "RetryAttempts must be provided with retry strategy";
        return Err(ApiError::client("attempts", message));
    }
    in_range("attempts", strategy.attempts, ATTEMPTS)?;
    let entries = strategy.evaluate_on_exit.as_deref().unwrap_or_default();
    if entries.len() > MAX_ENTRIES {
        let message = format!(
            "{} entries; at most {MAX_ENTRIES} are allowed.",
            entries.len()
        );
        return Err(ApiError::client("evaluateOnExit", message));
    }
    for (index, entry) in entries.iter().enumerate() {
        entry
            .check()
            .map_err(|error| error.within(&format!("evaluateOnExit[{index}]")))?;
    }
    Ok(())
}

impl EvaluateOnExit {
    fn check(&self) -> Checked {
        let patterns = [
            ("onStatusReason", &self.on_status_reason),
            ("onReason", &self.on_reason),
            ("onExitCode", &self.on_exit_code),
        ];
        if patterns.iter().all(|(_, pattern)| pattern.is_none()) {
            let message = "At least one of onStatusReason, onReason and onExitCode is needed.";
            return Err(ApiError::client("", message));
        }
        for (field, pattern) in patterns {
            if let Some(pattern) = pattern {
                check_pattern(field, pattern)?;
            }
        }
        if ["RETRY", "EXIT"]
            .iter()
            .any(|action| action.eq_ignore_ascii_case(&self.action))
        {
            return Ok(());
        }
        let message = format!("action is '{}'; it may be RETRY or EXIT.", self.action);
        Err(ApiError::client("action", message))
    }
}

/// Source: AWS Batch API reference, EvaluateOnExit; that a pattern is not empty: [B-10].
fn check_pattern(field: &str, pattern: &str) -> Checked {
    let length = pattern.chars().count();
    if !(1..=MAX_PATTERN).contains(&length) {
        let message = format!("{field} has {length} characters; it may have 1 to {MAX_PATTERN}.");
        return Err(ApiError::client(field, message));
    }
    let allowed = |letter: char| {
        let text = letter.is_ascii_alphabetic() || ".: \t".contains(letter);
        letter.is_ascii_digit() || text && field != "onExitCode"
    };
    let literal = pattern.strip_suffix('*').unwrap_or(pattern);
    if literal.chars().all(allowed) {
        return Ok(());
    }
    let message = "Evaluate on exit condition contains restricted characters";
    Err(ApiError::client(field, message))
}

impl JobTimeout {
    pub(super) fn check(self) -> Checked {
        let longest = i64::from(u32::MAX);
        let field = "attemptDurationSeconds";
        match self.attempt_duration_seconds {
            Some(seconds) if seconds > longest => {
                in_range(field, Some(seconds), MIN_TIMEOUT..=longest)
            }
            seconds => in_range(field, seconds, MIN_TIMEOUT..=i64::MAX),
        }
    }

    /// Seconds, where the timeout has passed the check.
    pub(super) fn seconds(self) -> Option<u32> {
        self.attempt_duration_seconds
            .and_then(|seconds| u32::try_from(seconds).ok())
    }
}
