//! Scheduling policies.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::{check_name, check_tags, in_range, within};
use crate::api::error::{ApiError, Checked};

/// Most characters of a share identifier. Source: AWS Batch API reference, ShareAttributes.
const MAX_IDENTIFIER: usize = 255;

/// Weights in ten-thousandths. Source: AWS Batch API reference, ShareAttributes, `weightFactor`.
const WEIGHT: std::ops::RangeInclusive<u32> = 1..=9_999_999;

/// The weight 1.0, which a share has that is given none.
const DEFAULT_WEIGHT: u32 = 10_000;

/// A scheduling policy, as CreateSchedulingPolicy takes it or as DescribeSchedulingPolicies prints it.
///
/// Source: AWS Batch API reference, CreateSchedulingPolicy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchSchedulingPolicy")]
pub struct SchedulingPolicy {
    /// Name: up to 128 letters, digits, `-` and `_`.
    pub name: String,
    /// Fair share. A policy must have it.
    pub fairshare_policy: Option<FairsharePolicy>,
    /// Shares with quotas, for service jobs; not simulated.
    pub quota_share_policy: Option<Value>,
    /// Tags; without effect.
    pub tags: Option<BTreeMap<String, String>>,
    /// Amazon resource name, as printed by Batch; without effect.
    pub arn: Option<Value>,
}

/// How shares come to their part of a job queue's compute environments.
///
/// Source: AWS Batch API reference, FairsharePolicy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchFairsharePolicy")]
pub struct FairsharePolicy {
    /// Seconds over which usage counts: 0 to 604800. Absent or 0 is 600.
    pub share_decay_seconds: Option<i64>,
    /// Percent, to the power of the number of active shares, that is kept for others: 0 to 99. Absent is 0.
    pub compute_reservation: Option<i64>,
    /// Shares and their weights. What is not named weighs 1.
    pub share_distribution: Option<Vec<ShareAttributes>>,
}

/// A share, or all whose identifiers begin alike, and their weight.
///
/// Source: AWS Batch API reference, ShareAttributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchShareAttributes")]
pub struct ShareAttributes {
    /// Identifier: up to 255 letters and digits; with `*` at the end, all that begin so.
    pub share_identifier: String,
    /// Weight: 0.0001 to 999.9999, with up to four decimals. The lower, the more a share gets. Absent is 1.
    pub weight_factor: Option<Number>,
}

impl SchedulingPolicy {
    /// Checks the call.
    ///
    /// # Errors
    /// ClientException for the first rule that is broken; UnsupportedFeatureException for quota shares.
    pub fn validate(&self) -> Result<(), ApiError> {
        check_name("name", &self.name)?;
        check_tags(self.tags.as_ref())?;
        let field = "quotaSharePolicy";
        match (&self.fairshare_policy, &self.quota_share_policy) {
            (Some(_), Some(_)) => {
                let message =
                    "A scheduling policy has one of fairsharePolicy and quotaSharePolicy.";
                Err(ApiError::client(field, message))
            }
            (None, Some(_)) => {
                let message =
                    "Quota shares are for queues of service jobs, which are not simulated.";
                Err(ApiError::unsupported(field, message))
            }
            (None, None) => {
                let message = "A scheduling policy needs a fairsharePolicy.";
                Err(ApiError::client("fairsharePolicy", message))
            }
            (Some(policy), None) => policy.check().map_err(within("fairsharePolicy")),
        }
    }
}

impl FairsharePolicy {
    fn check(&self) -> Checked {
        in_range("shareDecaySeconds", self.share_decay_seconds, 0..=604_800)?;
        in_range("computeReservation", self.compute_reservation, 0..=99)?;
        let shares = self.share_distribution.as_deref().unwrap_or_default();
        for (index, share) in shares.iter().enumerate() {
            let at = format!("shareDistribution[{index}]");
            share.check().map_err(within(&at))?;
            if let Some(other) = shares[..index].iter().find(|other| share.overlaps(other)) {
                let message = format!(
                    "Share identifiers {} and {} overlap.",
                    other.share_identifier, share.share_identifier
                );
                return Err(ApiError::client(format!("{at}.shareIdentifier"), message));
            }
        }
        Ok(())
    }
}

impl ShareAttributes {
    /// The weight in ten-thousandths: 1 to 9999999. To be asked of a valid policy.
    pub fn weight(&self) -> u32 {
        self.parsed_weight().unwrap_or(DEFAULT_WEIGHT)
    }

    fn check(&self) -> Checked {
        check_share_identifier("shareIdentifier", &self.share_identifier)?;
        if self.parsed_weight().is_some() {
            return Ok(());
        }
        let message = "weightFactor may be 0.0001 to 999.9999, with up to four decimals.";
        Err(ApiError::client("weightFactor", message))
    }

    /// Read from the text of the number, so that no rounding comes in.
    fn parsed_weight(&self) -> Option<u32> {
        let Some(number) = &self.weight_factor else {
            return Some(DEFAULT_WEIGHT);
        };
        let text = number.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let fraction = fraction.trim_end_matches('0');
        let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || fraction.len() > 4 {
            return None;
        }
        let weight = format!("{whole}{fraction:0<4}").parse().ok()?;
        WEIGHT.contains(&weight).then_some(weight)
    }

    /// Whether some identifier belongs to both.
    fn overlaps(&self, other: &ShareAttributes) -> bool {
        let prefix = |share: &ShareAttributes| {
            let prefix = share.share_identifier.strip_suffix('*');
            prefix.map(str::to_owned)
        };
        match (prefix(self), prefix(other)) {
            (None, None) => self.share_identifier == other.share_identifier,
            (Some(mine), None) => other.share_identifier.starts_with(&mine),
            (None, Some(theirs)) => self.share_identifier.starts_with(&theirs),
            (Some(mine), Some(theirs)) => mine.starts_with(&theirs) || theirs.starts_with(&mine),
        }
    }
}

/// Source: AWS Batch API reference, ShareAttributes, `shareIdentifier`.
pub(super) fn check_share_identifier(field: &str, identifier: &str) -> Checked {
    let name = identifier.strip_suffix('*').unwrap_or(identifier);
    let short = !identifier.is_empty() && name.len() <= MAX_IDENTIFIER;
    if short && name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let message = format!(
        "shareIdentifier '{identifier}' is invalid; it has 1 to {MAX_IDENTIFIER} letters and digits and may end in '*'."
    );
    Err(ApiError::client(field, message))
}
