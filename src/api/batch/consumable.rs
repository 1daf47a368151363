//! Consumable resources: licences, database connections and the like, that jobs need to run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{check_name, check_tags, in_range, name_of};
use crate::api::error::{ApiError, Checked};

/// Most resources that a job may need. Source: AWS Batch user guide, resource-aware scheduling.
const MAX_RESOURCES: usize = 5;

/// A consumable resource, as CreateConsumableResource takes it or as DescribeConsumableResource prints it.
///
/// Source: AWS Batch API reference, CreateConsumableResource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchConsumableResource")]
pub struct ConsumableResource {
    /// Name: up to 128 letters, digits, `-` and `_`.
    pub consumable_resource_name: String,
    /// How much there is, at least 0. Absent is 0.
    pub total_quantity: Option<i64>,
    /// Whether it comes back when a job ends. Absent is REPLENISHABLE.
    pub resource_type: Option<ConsumableResourceType>,
    /// Tags; without effect.
    pub tags: Option<BTreeMap<String, String>>,
    /// Amazon resource name, as printed by Batch; without effect.
    pub consumable_resource_arn: Option<Value>,
    /// Quantity in use, as printed by Batch; without effect.
    pub in_use_quantity: Option<Value>,
    /// Quantity available, as printed by Batch; without effect.
    pub available_quantity: Option<Value>,
    /// Time of creation, as printed by Batch; without effect.
    pub created_at: Option<Value>,
}

/// Whether a consumable resource comes back when a job ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "BatchConsumableResourceType")]
pub enum ConsumableResourceType {
    /// It does.
    #[default]
    Replenishable,
    /// It is used up.
    NonReplenishable,
}

/// The consumable resources that a job needs.
///
/// Source: AWS Batch API reference, ConsumableResourceProperties.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchConsumableResourceProperties")]
pub struct ConsumableResourceProperties {
    /// The resources: at most 5.
    pub consumable_resource_list: Option<Vec<ConsumableResourceRequirement>>,
}

/// How much of a consumable resource a job needs.
///
/// Source: AWS Batch API reference, ConsumableResourceRequirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchConsumableResourceRequirement")]
pub struct ConsumableResourceRequirement {
    /// Name or Amazon resource name.
    pub consumable_resource: String,
    /// How much, at least 0. Absent is 0.
    pub quantity: Option<i64>,
}

impl ConsumableResource {
    /// Checks the call.
    ///
    /// # Errors
    /// ClientException for the first rule that is broken.
    pub fn validate(&self) -> Result<(), ApiError> {
        check_name("consumableResourceName", &self.consumable_resource_name)?;
        in_range("totalQuantity", self.total_quantity, 0..=i64::MAX)?;
        check_tags(self.tags.as_ref())
    }

    /// How much there is at first. To be asked of a valid resource.
    pub fn total(&self) -> u64 {
        quantity(self.total_quantity)
    }
}

impl ConsumableResourceProperties {
    pub(super) fn check(&self) -> Checked {
        let list = self.consumable_resource_list.as_deref().unwrap_or_default();
        if list.len() > MAX_RESOURCES {
            let message = format!(
                "{} resources; at most {MAX_RESOURCES} are allowed.",
                list.len()
            );
            return Err(ApiError::client("consumableResourceList", message));
        }
        for (index, item) in list.iter().enumerate() {
            let field = format!("consumableResourceList[{index}].quantity");
            in_range(&field, item.quantity, 0..=i64::MAX)?;
        }
        Ok(())
    }

    /// Adds what `jobs` of the kind need to `needs`, which keeps the order of first mention.
    pub(super) fn add_to(&self, needs: &mut Vec<(String, u64)>, jobs: u64) {
        for item in self.consumable_resource_list.iter().flatten() {
            let name = name_of(&item.consumable_resource);
            let quantity = quantity(item.quantity).saturating_mul(jobs);
            match needs.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum = sum.saturating_add(quantity),
                None => needs.push((name.to_owned(), quantity)),
            }
        }
    }
}

/// A quantity that has passed the checks.
fn quantity(value: Option<i64>) -> u64 {
    value.map_or(0, |value| u64::try_from(value).unwrap_or(0))
}
