//! Task sizes: CPU units and MiB, as task definitions write them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is wrong with a value of a format, in words that name the remedy.
pub type FormatCheck = fn(&Value) -> Result<(), String>;

/// The `format`s that the JSON Schemas of this module use, each with its check. Null is an absent
/// size and passes.
pub const FORMATS: &[(&str, FormatCheck)] = &[
    (CpuSize::FORMAT, check::<CpuSize>),
    (MemorySize::FORMAT, check::<MemorySize>),
];

fn check<T: TryFrom<Value, Error = String>>(value: &Value) -> Result<(), String> {
    if value.is_null() {
        Ok(())
    } else {
        T::try_from(value.clone()).map(drop)
    }
}

macro_rules! sizes {
    ($($(#[$doc:meta])* $name:ident: $format:literal, $suffix:literal, $noun:literal, $remedy:literal, $amount:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// Serializes as it was written. Source: ECS API reference, RegisterTaskDefinition.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(try_from = "Value", into = "String")]
        pub struct $name {
            amount: u32,
            text: String,
        }

        impl $name {
            /// Name of the format in JSON Schemas, see [`FORMATS`].
            pub const FORMAT: &str = $format;

            /// The amount, in the unit of the type.
            pub const fn $amount(&self) -> u32 {
                self.amount
            }

            /// As it was written.
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl TryFrom<Value> for $name {
            type Error = String;

            fn try_from(value: Value) -> Result<Self, String> {
                let text = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                match amount(&text, $suffix) {
                    Ok(amount) => Ok($name { amount, text }),
                    Err(Fault::Form) => Err(format!("{text:?} is no {}; {}", $noun, $remedy)),
                    Err(Fault::Fraction) => Err(format!("{text:?} is no whole {}; {}", $noun, $remedy)),
                    Err(Fault::Range) => Err(format!("{text:?} is too large for a {}; {}", $noun, $remedy)),
                }
            }
        }

        impl From<$name> for String {
            fn from(size: $name) -> String {
                size.text
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "integer"], "format": $format })
            }
        }
    )*};
}

sizes! {
    /// CPU of a task: `1024` CPU units, or `1 vCPU`, `.5 vcpu`.
    CpuSize: "ecs-cpu", "vcpu", "number of CPU units",
        "write CPU units such as 512, or vCPUs such as \"0.5 vCPU\"", units;
    /// Memory of a task: `2048` MiB, or `2GB`, `0.5 GB`, where a GB is 1024 MiB.
    MemorySize: "ecs-memory", "gb", "number of MiB",
        "write MiB such as 2048, or gigabytes such as \"2GB\"", mib;
}

/// Why a text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Form,
    Fraction,
    Range,
}

/// The amount that `text` stands for: a whole number, or a decimal number of 1024s and `suffix`,
/// whose case is free. What does not come to a whole number is refused and not rounded: ECS does
/// not document how it would round.
fn amount(text: &str, suffix: &str) -> Result<u32, Fault> {
    let text = text.trim().to_ascii_lowercase();
    let Some(number) = text.strip_suffix(suffix) else {
        return digits(&text);
    };
    let number = number.trim_end();
    let Some((whole, fraction)) = number.split_once('.') else {
        return digits(number)?.checked_mul(1024).ok_or(Fault::Range);
    };
    let whole = if whole.is_empty() { 0 } else { digits(whole)? };
    let part = part_of_1024(fraction)?;
    whole
        .checked_mul(1024)
        .and_then(|whole| whole.checked_add(part))
        .ok_or(Fault::Range)
}

/// 1024 times the number `0.fraction`.
fn part_of_1024(fraction: &str) -> Result<u32, Fault> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Form);
    }
    let fraction = fraction.trim_end_matches('0');
    // 1/1024 has ten decimals, so that what needs more is not whole.
    if fraction.len() > 10 {
        return Err(Fault::Fraction);
    }
    let scale = 10_u64.pow(fraction.len() as u32);
    let product = 1024
        * fraction
            .bytes()
            .fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    if product % scale == 0 {
        Ok((product / scale) as u32)
    } else {
        Err(Fault::Fraction)
    }
}

fn digits(text: &str) -> Result<u32, Fault> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Form);
    }
    text.parse().map_err(|_| Fault::Range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_are_read_in_every_form() {
        let cpu = |value| CpuSize::try_from(value).map(|size| size.units());
        let memory = |value| MemorySize::try_from(value).map(|size| size.mib());
        for (text, units) in [
            ("1024", 1024),
            ("1 vCPU", 1024),
            (".5 vcpu", 512),
            ("0.25 vCPU", 256),
            ("1.50vCpu", 1536),
            (" 4 VCPU ", 4096),
            ("0.0009765625 vCPU", 1),
            ("4294967295", u32::MAX),
        ] {
            assert_eq!(cpu(json!(text)), Ok(units), "{text}");
        }
        for (text, mib) in [
            ("512", 512),
            ("1GB", 1024),
            ("1 GB", 1024),
            ("0.5 gb", 512),
            ("2.0GB", 2048),
        ] {
            assert_eq!(memory(json!(text)), Ok(mib), "{text}");
        }
        assert_eq!(cpu(json!(256)), Ok(256));
        assert_eq!(memory(json!(0)), Ok(0));
    }

    #[test]
    fn what_is_no_size_is_refused_with_a_remedy() {
        let remedy = "write CPU units such as 512, or vCPUs such as \"0.5 vCPU\"";
        for (value, fault) in [
            (json!(""), "\"\" is no number of CPU units"),
            (json!("vCPU"), "\"vCPU\" is no number of CPU units"),
            (json!("."), "\".\" is no number of CPU units"),
            (json!("1. vCPU"), "\"1. vCPU\" is no number of CPU units"),
            (json!("+1"), "\"+1\" is no number of CPU units"),
            (json!("-1 vCPU"), "\"-1 vCPU\" is no number of CPU units"),
            (
                json!("1.2.3 vCPU"),
                "\"1.2.3 vCPU\" is no number of CPU units",
            ),
            (json!("0.5"), "\"0.5\" is no number of CPU units"),
            (json!(1.5), "\"1.5\" is no number of CPU units"),
            (json!(-1), "\"-1\" is no number of CPU units"),
            (json!("2GB"), "\"2GB\" is no number of CPU units"),
            (json!("٣"), "\"٣\" is no number of CPU units"),
            (json!(null), "\"null\" is no number of CPU units"),
            (
                json!("0.3 vCPU"),
                "\"0.3 vCPU\" is no whole number of CPU units",
            ),
            (
                json!("0.00097656250001 vCPU"),
                "\"0.00097656250001 vCPU\" is no whole number of CPU units",
            ),
            (
                json!("4294967296"),
                "\"4294967296\" is too large for a number of CPU units",
            ),
            (
                json!("4194304 vCPU"),
                "\"4194304 vCPU\" is too large for a number of CPU units",
            ),
            (
                json!("99999999999999999999.5 vCPU"),
                "\"99999999999999999999.5 vCPU\" is too large for a number of CPU units",
            ),
        ] {
            assert_eq!(CpuSize::try_from(value), Err(format!("{fault}; {remedy}")));
        }
        assert_eq!(
            MemorySize::try_from(json!("2 GiB")),
            Err("\"2 GiB\" is no number of MiB; write MiB such as 2048, or gigabytes such as \"2GB\"".into())
        );
    }

    #[test]
    fn formats_check_what_the_types_read() {
        let outcomes = |value: Value| {
            FORMATS
                .iter()
                .map(move |(name, check)| (*name, check(&value).is_ok()))
        };
        let passing = |value: Value| {
            outcomes(value)
                .filter(|(_, passes)| *passes)
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(passing(json!("1 vCPU")), ["ecs-cpu"]);
        assert_eq!(passing(json!("1 GB")), ["ecs-memory"]);
        assert_eq!(passing(json!(null)), ["ecs-cpu", "ecs-memory"]);
    }

    #[test]
    fn a_size_serializes_as_written() {
        let size: CpuSize = serde_json::from_value(json!(".5 vcpu")).expect("a size");
        assert_eq!(serde_json::to_value(&size).expect("text"), json!(".5 vcpu"));
    }
}
