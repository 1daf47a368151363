//! Placement constraints and strategies as requests write them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use crate::model::request::{Constraint, Measured, StrategyRule};
use crate::query;

/// Most constraints of a task, those of its task definition included. Source: ECS API, RunTask.
pub(super) const MAX_CONSTRAINTS: usize = 10;

/// Most rules of a strategy. Source: ECS API, RunTask.
const MAX_STRATEGIES: usize = 5;

/// A constraint on the container instances that a task may be placed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlacementConstraint {
    /// `memberOf` needs an expression; `distinctInstance` takes none.
    pub r#type: PlacementConstraintType,
    /// Expression of the cluster query language, at most 2000 characters.
    pub expression: Option<String>,
}

/// Kind of a placement constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PlacementConstraintType {
    /// No other task of the same task group on the instance.
    DistinctInstance,
    /// Only instances that satisfy the expression.
    MemberOf,
}

/// A rule that says which of the instances that may take a task is best.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlacementStrategy {
    /// Kind of the rule.
    pub r#type: PlacementStrategyType,
    /// `spread`: `instanceId`, `host` or `attribute:<name>`; `binpack`: `cpu` or `memory`; `random`: none.
    /// `x-best-fit`, `x-worst-fit` and `x-dot-product`: which of `cpu`, `memory` and `gpu` count, with
    /// commas between them; all if left out. Other extensions: none.
    pub field: Option<String>,
}

/// Kind of a placement strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PlacementStrategyType {
    /// Any instance, each with equal chance.
    Random,
    /// Fewest tasks of the group by instance or attribute value.
    Spread,
    /// Least remaining CPU or memory.
    Binpack,
    /// The instance that registered first; no strategy of ECS.
    #[serde(rename = "x-first-fit")]
    FirstFit,
    /// Least remaining of several resources together; no strategy of ECS.
    #[serde(rename = "x-best-fit")]
    BestFit,
    /// Most remaining of several resources together; no strategy of ECS.
    #[serde(rename = "x-worst-fit")]
    WorstFit,
    /// Least product of what remains and what the task takes; no strategy of ECS.
    #[serde(rename = "x-dot-product")]
    DotProduct,
    /// GPUs in use before idle ones; no strategy of ECS.
    #[serde(rename = "x-gpu-packing")]
    GpuPacking,
    /// Least growth of the GPU capacity that the expected tasks cannot use; no strategy of ECS.
    #[serde(rename = "x-fgd")]
    Fgd,
    /// No order of the instances; shares of GPUs go to any device with room; no strategy of ECS.
    #[serde(rename = "x-random-gpu")]
    RandomGpu,
}

/// The text, unless it is absent or empty: describe calls write absent fields as empty texts.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

impl PlacementStrategy {
    /// A chain as the command line writes it: `binpack:memory`, `spread:instanceId+binpack:cpu`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn chain(text: &str) -> Result<Vec<PlacementStrategy>, String> {
        let written = text.split('+').map(|rule| {
            let (kind, field) = match rule.split_once(':') {
                Some((kind, field)) => (kind, Some(field.to_owned())),
                None => (rule, None),
            };
            let known = PlacementStrategyType::ALL;
            let known = known.into_iter().find(|known| known.name() == kind);
            let strategy = PlacementStrategy {
                r#type: known.ok_or_else(|| {
                    let names = PlacementStrategyType::ALL.map(PlacementStrategyType::name);
                    format!("no strategy {kind:?}; there are {}", names.join(", "))
                })?,
                field,
            };
            strategy.rule().map_err(|error| error.to_string())?;
            Ok(strategy)
        });
        written.collect()
    }

    /// The rule, parsed.
    ///
    /// # Errors
    /// InvalidParameterException when the field is none that the type takes.
    pub fn rule(&self) -> Result<StrategyRule, ApiError> {
        let field = given(&self.field);
        let invalid = |kind| {
            let message = format!("{kind} field '{}' is invalid", field.unwrap_or_default());
            ApiError::invalid("field", message)
        };
        let plain = |rule| match field {
            None => Ok(rule),
            Some(_) => {
                let message = format!("{} field should not be specified", self.r#type.name());
                Err(ApiError::invalid("field", message))
            }
        };
        let measured = || match field {
            None => Ok(Measured::ALL),
            Some(field) => measured(field).ok_or_else(|| invalid(self.r#type.name())),
        };
        match self.r#type {
            PlacementStrategyType::Random => plain(StrategyRule::Random),
            PlacementStrategyType::FirstFit => plain(StrategyRule::FirstFit),
            PlacementStrategyType::BestFit => Ok(StrategyRule::BestFit(measured()?)),
            PlacementStrategyType::WorstFit => Ok(StrategyRule::WorstFit(measured()?)),
            PlacementStrategyType::DotProduct => Ok(StrategyRule::DotProduct(measured()?)),
            PlacementStrategyType::GpuPacking => plain(StrategyRule::GpuPacking),
            PlacementStrategyType::Fgd => plain(StrategyRule::Fgd),
            PlacementStrategyType::RandomGpu => plain(StrategyRule::RandomGpu),
            PlacementStrategyType::Binpack => match field.map(str::to_ascii_lowercase).as_deref() {
                Some("cpu") => Ok(StrategyRule::BinpackCpu),
                Some("memory") => Ok(StrategyRule::BinpackMemory),
                _ => Err(invalid("binpack")),
            },
            PlacementStrategyType::Spread => match field {
                Some("instanceId" | "host") => Ok(StrategyRule::SpreadInstance),
                Some(field) => match field.strip_prefix("attribute:") {
                    Some(name) if is_attribute_name(name) => {
                        Ok(StrategyRule::SpreadAttribute(name.into()))
                    }
                    _ => Err(invalid("spread")),
                },
                None => Err(invalid("spread")),
            },
        }
    }
}

impl PlacementStrategyType {
    /// All types: ECS's, then extensions.
    const ALL: [PlacementStrategyType; 10] = [
        PlacementStrategyType::Random,
        PlacementStrategyType::Spread,
        PlacementStrategyType::Binpack,
        PlacementStrategyType::FirstFit,
        PlacementStrategyType::BestFit,
        PlacementStrategyType::WorstFit,
        PlacementStrategyType::DotProduct,
        PlacementStrategyType::GpuPacking,
        PlacementStrategyType::Fgd,
        PlacementStrategyType::RandomGpu,
    ];

    /// The type as requests write it.
    const fn name(self) -> &'static str {
        match self {
            PlacementStrategyType::Random => "random",
            PlacementStrategyType::Spread => "spread",
            PlacementStrategyType::Binpack => "binpack",
            PlacementStrategyType::FirstFit => "x-first-fit",
            PlacementStrategyType::BestFit => "x-best-fit",
            PlacementStrategyType::WorstFit => "x-worst-fit",
            PlacementStrategyType::DotProduct => "x-dot-product",
            PlacementStrategyType::GpuPacking => "x-gpu-packing",
            PlacementStrategyType::Fgd => "x-fgd",
            PlacementStrategyType::RandomGpu => "x-random-gpu",
        }
    }
}

/// The resources that a text names, each once, with commas between them.
fn measured(text: &str) -> Option<Measured> {
    let mut measured = Measured {
        cpu: false,
        memory: false,
        gpu: false,
    };
    for name in text.split(',') {
        let named = match name.trim() {
            "cpu" => &mut measured.cpu,
            "memory" => &mut measured.memory,
            "gpu" => &mut measured.gpu,
            _ => return None,
        };
        if std::mem::replace(named, true) {
            return None;
        }
    }
    Some(measured)
}

/// Source: ECS API reference, Attribute: 1 to 128 letters, digits, `-`, `_`, `/`, `\`, `.`.
fn is_attribute_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/\\.".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(allowed)
}

impl PlacementConstraint {
    /// The constraint, parsed.
    ///
    /// # Errors
    /// InvalidParameterException when the expression is missing, too long, does not parse [U-26],
    /// or stands where none belongs.
    pub fn rule(&self) -> Result<Constraint, ApiError> {
        self.check_length()?;
        let invalid = |message: String| Err(ApiError::invalid("expression", message));
        match (self.r#type, given(&self.expression)) {
            (PlacementConstraintType::DistinctInstance, None) => Ok(Constraint::DistinctInstance),
            (PlacementConstraintType::DistinctInstance, Some(_)) => {
                invalid("distinctInstance expression should not be specified".into())
            }
            (PlacementConstraintType::MemberOf, Some(text)) if !text.trim().is_empty() => {
                match query::parse(text) {
                    Ok(expression) => Ok(Constraint::MemberOf(expression)),
                    Err(error) => invalid(format!("memberOf expression is invalid: {error}")),
                }
            }
            (PlacementConstraintType::MemberOf, _) => {
                invalid("memberOf expression should be specified".into())
            }
        }
    }

    fn check_length(&self) -> Result<(), ApiError> {
        let length = given(&self.expression).unwrap_or_default().chars().count();
        if length > query::MAX_CHARACTERS {
            let limit = query::MAX_CHARACTERS;
            let message = format!(
                "constraint expression has {length} characters; at most {limit} are allowed"
            );
            return Err(ApiError::invalid("expression", message));
        }
        Ok(())
    }
}

/// The rules on a list of constraints, in the order in which ECS is taken to judge them [U-45]:
/// lengths, `memberOf`, `distinctInstance`.
pub(super) fn check_constraints(constraints: &[PlacementConstraint]) -> Result<(), ApiError> {
    let within = |index: usize| format!("placementConstraints[{index}]");
    for (index, constraint) in constraints.iter().enumerate() {
        constraint
            .check_length()
            .map_err(|error| error.within(&within(index)))?;
    }
    for kind in [
        PlacementConstraintType::MemberOf,
        PlacementConstraintType::DistinctInstance,
    ] {
        for (index, constraint) in constraints
            .iter()
            .enumerate()
            .filter(|(_, item)| item.r#type == kind)
        {
            constraint
                .rule()
                .map_err(|error| error.within(&within(index)))?;
        }
    }
    Ok(())
}

pub(super) fn check_strategy_count(strategies: &[PlacementStrategy]) -> Result<(), ApiError> {
    if strategies.len() > MAX_STRATEGIES {
        let message = format!("Maximum number of strategies is {MAX_STRATEGIES}");
        return Err(ApiError::invalid("placementStrategy", message));
    }
    Ok(())
}

/// The rules on the fields of strategies, in the order in which ECS is taken to judge them [U-45].
pub(super) fn check_strategies(strategies: &[PlacementStrategy]) -> Result<(), ApiError> {
    for kind in [
        PlacementStrategyType::Random,
        PlacementStrategyType::Binpack,
        PlacementStrategyType::Spread,
    ] {
        for (index, strategy) in strategies
            .iter()
            .enumerate()
            .filter(|(_, item)| item.r#type == kind)
        {
            strategy
                .rule()
                .map_err(|error| error.within(&format!("placementStrategy[{index}]")))?;
        }
    }
    Ok(())
}
