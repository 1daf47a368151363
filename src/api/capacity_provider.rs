//! Capacity providers that stand for an Auto Scaling group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{ApiError, Checked};
use super::registration::is_name;

/// Percent of the group that tasks should use. Source: ECS API, ManagedScaling.
const TARGET_CAPACITY: std::ops::RangeInclusive<i64> = 1..=100;

/// Instances that come or go at once. Source: ECS API, ManagedScaling.
const STEP_SIZE: std::ops::RangeInclusive<i64> = 1..=10_000;

/// Seconds of warm-up. Source: ECS API, ManagedScaling.
const WARMUP_PERIOD: std::ops::RangeInclusive<i64> = 0..=10_000;

/// Beginnings of names that are not free. Source: ECS API, CreateCapacityProvider.
const RESERVED: [&str; 3] = ["aws", "ecs", "fargate"];

/// A capacity provider, as CreateCapacityProvider takes it or as DescribeCapacityProviders prints it.
///
/// Source: ECS API reference, CreateCapacityProvider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapacityProvider {
    /// Name: up to 255 letters, digits, `_` and `-`, not beginning with `aws`, `ecs` or `fargate`.
    pub name: String,
    /// The Auto Scaling group and how ECS manages it.
    pub auto_scaling_group_provider: AutoScalingGroupProvider,
    /// Amazon resource name, as printed by ECS; without effect.
    pub capacity_provider_arn: Option<Value>,
    /// State, as printed by ECS; without effect.
    pub status: Option<Value>,
    /// Tags; without effect.
    pub tags: Option<Value>,
}

/// The Auto Scaling group of a capacity provider and how ECS manages it.
///
/// Source: ECS API reference, AutoScalingGroupProvider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoScalingGroupProvider {
    /// Amazon resource name of the group.
    pub auto_scaling_group_arn: Option<String>,
    /// Managed scaling. Absent is off.
    pub managed_scaling: Option<ManagedScaling>,
    /// Whether instances with tasks are kept from scale-in; needs managed scaling. Absent is
    /// DISABLED.
    pub managed_termination_protection: Option<Switch>,
    /// Whether instances drain before they are terminated. Absent is ENABLED.
    pub managed_draining: Option<Switch>,
}

/// How ECS scales an Auto Scaling group.
///
/// Source: ECS API reference, ManagedScaling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedScaling {
    /// Whether the group is scaled. Absent is ENABLED.
    pub status: Option<Switch>,
    /// Percent of the group that tasks should use: 1 to 100. Absent is 100.
    pub target_capacity: Option<i64>,
    /// Fewest instances that come at once: 1 to 10000. Absent is 1.
    pub minimum_scaling_step_size: Option<i64>,
    /// Most instances that come at once: 1 to 10000. Absent is 10000.
    pub maximum_scaling_step_size: Option<i64>,
    /// Seconds after which a new instance counts: 0 to 10000. Absent is 300.
    pub instance_warmup_period: Option<i64>,
}

/// Whether something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Switch {
    /// On.
    Enabled,
    /// Off.
    Disabled,
}

/// Settings of managed scaling, defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// Percent of the group that tasks should use: 1 to 100.
    pub target_capacity: u32,
    /// Fewest instances that come at once: 1 to 10000.
    pub minimum_step: u32,
    /// Most instances that come at once: `minimum_step` to 10000.
    pub maximum_step: u32,
    /// Seconds after which a new instance counts: 0 to 10000.
    pub warmup_secs: u32,
}

impl CapacityProvider {
    /// Checks the provider, where `earlier` are those created before it.
    ///
    /// # Errors
    /// ClientException for the first rule that is broken. That a name is taken is told in the same
    /// words as that it is reserved.
    pub fn validate(&self, earlier: &[CapacityProvider]) -> Checked {
        let lower = self.name.to_ascii_lowercase();
        let reserved = RESERVED.iter().any(|prefix| lower.starts_with(prefix));
        let taken = earlier.iter().any(|other| other.name == self.name);
        if reserved || taken || !is_name(&self.name) {
            let message = "The specified capacity provider name is invalid";
            return Err(ApiError::client("name", message));
        }
        let group = &self.auto_scaling_group_provider;
        let within = |error: ApiError| error.within("autoScalingGroupProvider");
        if let Some(scaling) = &group.managed_scaling {
            scaling
                .validate()
                .map_err(|error| within(error.within("managedScaling")))?;
        }
        if self.protects_from_termination() && self.scaling().is_none() {
            let message = "The managed termination protection setting for the capacity provider is invalid. \
                           It needs managed scaling.";
            let error = ApiError::client("managedTerminationProtection", message);
            return Err(within(error));
        }
        Ok(())
    }

    /// How the group is scaled; nothing when it is not. To be asked of a valid provider.
    pub fn scaling(&self) -> Option<Scaling> {
        let scaling = self.auto_scaling_group_provider.managed_scaling.as_ref()?;
        (scaling.status != Some(Switch::Disabled)).then(|| scaling.settings())
    }

    /// Whether instances with tasks are kept from scale-in.
    pub fn protects_from_termination(&self) -> bool {
        let switch = self
            .auto_scaling_group_provider
            .managed_termination_protection;
        switch == Some(Switch::Enabled)
    }

    /// Whether instances drain before they are terminated.
    pub fn drains(&self) -> bool {
        self.auto_scaling_group_provider.managed_draining != Some(Switch::Disabled)
    }
}

impl ManagedScaling {
    fn validate(&self) -> Checked {
        let steps = [
            (self.minimum_scaling_step_size, "minimumScalingStepSize"),
            (self.maximum_scaling_step_size, "maximumScalingStepSize"),
        ];
        let refuse = |field| {
            let message = "The minimum or maximum scaling step size value is invalid";
            Err(ApiError::client(field, message))
        };
        for (size, field) in steps {
            if size.is_some_and(|size| !STEP_SIZE.contains(&size)) {
                return refuse(field);
            }
        }
        let least = self.minimum_scaling_step_size.unwrap_or(1);
        if self
            .maximum_scaling_step_size
            .is_some_and(|most| least > most)
        {
            return refuse("minimumScalingStepSize");
        }
        for (value, range, field) in [
            (self.target_capacity, TARGET_CAPACITY, "targetCapacity"),
            (
                self.instance_warmup_period,
                WARMUP_PERIOD,
                "instanceWarmupPeriod",
            ),
        ] {
            if let Some(value) = value.filter(|value| !range.contains(value)) {
                let (least, most) = range.into_inner();
                let message = format!("{field} is {value}; it may be {least} to {most}.");
                return Err(ApiError::client(field, message));
            }
        }
        Ok(())
    }

    fn settings(&self) -> Scaling {
        let amount = |value: Option<i64>, default| {
            value.map_or(default, |value| u32::try_from(value).unwrap_or(default))
        };
        Scaling {
            target_capacity: amount(self.target_capacity, 100),
            minimum_step: amount(self.minimum_scaling_step_size, 1),
            maximum_step: amount(self.maximum_scaling_step_size, 10_000),
            warmup_secs: amount(self.instance_warmup_period, 300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn provider(name: &str, group: Value) -> CapacityProvider {
        let document = json!({"name": name, "autoScalingGroupProvider": group});
        serde_json::from_value(document).expect("a capacity provider")
    }

    fn check(name: &str, group: Value, expected: &str) {
        let earlier = [provider("taken", json!({}))];
        let outcome = match provider(name, group.clone()).validate(&earlier) {
            Ok(()) => "accepted".to_owned(),
            Err(error) => format!("{}: {error}", error.field),
        };
        assert_eq!(outcome, expected, "{name} {group}");
    }

    #[test]
    fn names() {
        for name in ["a", "my_provider-1", "taken2", &"n".repeat(255)] {
            check(name, json!({}), "accepted");
        }
        let reserved = ["aws-1", "ecsx", "FARGATE", "fargate_spot", "taken"];
        for name in reserved
            .into_iter()
            .chain(["", "a b", "é", &"n".repeat(256)])
        {
            let expected = "name: ClientException: The specified capacity provider name is invalid";
            check(name, json!({}), expected);
        }
    }

    #[test]
    fn managed_scaling() {
        let at = "autoScalingGroupProvider.managedScaling";
        let scaling = |settings: Value, expected: &str| {
            check("p", json!({"managedScaling": settings}), expected);
        };
        for (field, least, most) in [
            ("minimumScalingStepSize", 1, 10_000),
            ("maximumScalingStepSize", 1, 10_000),
            ("targetCapacity", 1, 100),
            ("instanceWarmupPeriod", 0, 10_000),
        ] {
            for value in [least, most] {
                scaling(json!({field: value}), "accepted");
            }
            for value in [least - 1, most + 1] {
                let message = if field.ends_with("StepSize") {
                    "The minimum or maximum scaling step size value is invalid".to_owned()
                } else {
                    format!("{field} is {value}; it may be {least} to {most}.")
                };
                let expected = format!("{at}.{field}: ClientException: {message}");
                scaling(json!({field: value}), &expected);
            }
        }
        let steps =
            |least, most| json!({"minimumScalingStepSize": least, "maximumScalingStepSize": most});
        scaling(steps(7, 7), "accepted");
        let crossed = format!(
            "{at}.minimumScalingStepSize: ClientException: The minimum or maximum scaling step size value is invalid"
        );
        scaling(steps(8, 7), &crossed);
    }

    #[test]
    fn termination_protection_needs_managed_scaling() {
        let protection = |scaling: Value| json!({"managedScaling": scaling, "managedTerminationProtection": "ENABLED"});
        check("p", protection(json!({"status": "ENABLED"})), "accepted");
        for scaling in [Value::Null, json!({"status": "DISABLED"})] {
            check(
                "p",
                protection(scaling),
                "autoScalingGroupProvider.managedTerminationProtection: ClientException: The managed termination \
                 protection setting for the capacity provider is invalid. It needs managed scaling.",
            );
        }
    }

    #[test]
    fn defaults() {
        let bare = provider("p", json!({}));
        assert_eq!(
            (
                bare.scaling(),
                bare.protects_from_termination(),
                bare.drains()
            ),
            (None, false, true)
        );
        let scaled = provider(
            "p",
            json!({"managedScaling": {}, "managedDraining": "DISABLED"}),
        );
        assert!(!scaled.drains());
        let expected = Scaling {
            target_capacity: 100,
            minimum_step: 1,
            maximum_step: 10_000,
            warmup_secs: 300,
        };
        assert_eq!(scaled.scaling(), Some(expected));
        let off = provider("p", json!({"managedScaling": {"status": "DISABLED"}}));
        assert_eq!(off.scaling(), None);
    }
}
