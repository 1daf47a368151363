//! Retries and timeouts of jobs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{in_range, refused, within};
use crate::api::error::{ApiError, Checked};
use crate::batch::retry::{self, ExitCondition, Pattern, PatternError, StrategyError};

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

impl RetryStrategy {
    /// The rules that decide about an attempt that ended.
    ///
    /// # Errors
    /// ClientException for the first rule on retry strategies that is broken.
    pub fn rules(&self) -> Result<retry::RetryStrategy, ApiError> {
        let place = |index: usize| format!("evaluateOnExit[{index}]");
        let entries = self.evaluate_on_exit.iter().flatten().enumerate();
        let conditions = entries
            .map(|(index, entry)| entry.condition().map_err(within(&place(index))))
            .collect::<Result<Vec<_>, _>>()?;
        retry::RetryStrategy::new(self.attempts, conditions).map_err(|error| {
            let field = match error {
                StrategyError::Attempts(_) => "attempts".to_owned(),
                StrategyError::Conditions(_) => "evaluateOnExit".to_owned(),
                StrategyError::NoPattern(index) => place(index),
            };
            ApiError::client(field, error.to_string())
        })
    }
}

impl EvaluateOnExit {
    fn condition(&self) -> Result<ExitCondition, ApiError> {
        let action = self.action.parse();
        Ok(ExitCondition {
            on_status_reason: pattern(
                "onStatusReason",
                &self.on_status_reason,
                Pattern::of_reason,
            )?,
            on_reason: pattern("onReason", &self.on_reason, Pattern::of_reason)?,
            on_exit_code: pattern("onExitCode", &self.on_exit_code, Pattern::of_exit_code)?,
            action: action.map_err(refused("action"))?,
        })
    }
}

fn pattern(
    field: &str,
    text: &Option<String>,
    parse: fn(&str) -> Result<Pattern, PatternError>,
) -> Result<Option<Pattern>, ApiError> {
    let parsed = text.as_deref().map(parse).transpose();
    parsed.map_err(|error| ApiError::client(field, error.to_string()))
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
