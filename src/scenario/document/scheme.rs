//! Reading a JSON Schema as `schemars` derives it.

use serde_json::{Map, Value};

use super::tree::Meaning;

/// What a schema lets a value be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// A mapping.
    Object,
    /// Nothing.
    Null,
    /// Whatever it is.
    Any,
}

impl Kind {
    fn of(name: &str) -> Kind {
        match name {
            "string" => Kind::String,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            "array" => Kind::Array,
            "object" => Kind::Object,
            "null" => Kind::Null,
            _ => Kind::Any,
        }
    }

    fn of_value(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Boolean,
            Value::Number(number) if number.is_f64() => Kind::Number,
            Value::Number(_) => Kind::Integer,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }

    /// As messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "text",
            Kind::Integer => "a whole number",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
            Kind::Array => "a list",
            Kind::Object => "a mapping",
            Kind::Null => "nothing",
            Kind::Any => "a value",
        }
    }
}

/// A root schema, whose definitions its parts refer to.
#[derive(Clone, Copy)]
pub struct Scheme<'a> {
    root: &'a Value,
}

/// Schemas that all hold of one value.
#[derive(Default)]
pub struct Shape<'a> {
    parts: Vec<&'a Map<String, Value>>,
    /// Branches of which one must hold, for each `oneOf` and `anyOf`.
    pub choices: Vec<&'a [Value]>,
}

impl<'a> Scheme<'a> {
    /// The scheme of a root schema.
    pub fn new(root: &'a Value) -> Self {
        Scheme { root }
    }

    /// A schema with what it refers to.
    pub fn shape(self, schema: &'a Value) -> Shape<'a> {
        let mut shape = Shape::default();
        self.gather(schema, &mut shape);
        shape
    }

    /// Adds a schema, with what it refers to, to those that hold.
    pub fn gather(self, schema: &'a Value, shape: &mut Shape<'a>) {
        let Value::Object(part) = schema else {
            return; // `true`: anything goes.
        };
        shape.parts.push(part);
        if let Some(Value::String(reference)) = part.get("$ref")
            && let Some(target) = self.root.pointer(reference.trim_start_matches('#'))
        {
            self.gather(target, shape);
        }
        for schema in part
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.gather(schema, shape);
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(Value::Array(branches)) = part.get(keyword) {
                shape.choices.push(branches);
            }
        }
    }

    /// What a schema lets a value be, in the order of the schema; never empty.
    pub fn kinds(self, schema: &'a Value) -> Vec<Kind> {
        self.kinds_of_shape(&self.shape(schema))
    }

    /// What schemas that all hold let a value be.
    pub fn kinds_of_shape(self, shape: &Shape<'a>) -> Vec<Kind> {
        match shape.get("type") {
            Some(Value::String(name)) => return vec![Kind::of(name)],
            Some(Value::Array(names)) => {
                return names
                    .iter()
                    .filter_map(Value::as_str)
                    .map(Kind::of)
                    .collect();
            }
            _ => {}
        }
        let values = shape.values();
        if !values.is_empty() {
            return values.into_iter().map(Kind::of_value).collect();
        }
        match shape.choices.first() {
            Some(branches) => branches
                .iter()
                .flat_map(|branch| self.kinds(branch))
                .collect(),
            None => vec![Kind::Any],
        }
    }

    /// The branches of a choice, where a branch that is only another choice gives its own.
    pub fn flattened(self, branches: &'a [Value]) -> Vec<&'a Value> {
        let mut flat = Vec::new();
        for branch in branches {
            let shape = self.shape(branch);
            match shape.choices.as_slice() {
                [inner] if shape.get("type").is_none() => flat.extend(self.flattened(inner)),
                _ => flat.push(branch),
            }
        }
        flat
    }

    /// The texts that a schema allows; `None` when it allows any, or something besides text.
    pub fn constants(self, schema: &'a Value) -> Option<Vec<&'a str>> {
        let shape = self.shape(schema);
        let values = shape.values();
        if !values.is_empty() {
            return values.into_iter().map(Value::as_str).collect();
        }
        let branches = shape.choices.first()?;
        let nested: Option<Vec<_>> = branches
            .iter()
            .map(|branch| self.constants(branch))
            .collect();
        Some(nested?.concat())
    }
}

impl<'a> Shape<'a> {
    /// The first schema for a keyword.
    pub fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.parts.iter().find_map(|part| part.get(keyword))
    }

    /// The only values allowed; empty when there is no such list.
    pub fn values(&self) -> Vec<&'a Value> {
        match (self.get("const"), self.get("enum")) {
            (Some(only), _) => vec![only],
            (None, Some(Value::Array(values))) => values.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The known keys, each once.
    pub fn known_keys(&self) -> Vec<&'a str> {
        let mut keys = Vec::new();
        for part in &self.parts {
            let properties = part.get("properties").and_then(Value::as_object);
            for key in properties.into_iter().flat_map(Map::keys) {
                if !keys.contains(&key.as_str()) {
                    keys.push(key);
                }
            }
        }
        keys
    }

    /// The schema of a known key.
    pub fn property(&self, key: &str) -> Option<&'a Value> {
        self.parts
            .iter()
            .find_map(|part| part.get("properties")?.get(key))
    }

    /// The keys that must be there.
    pub fn required(&self) -> impl Iterator<Item = &'a str> {
        self.parts
            .iter()
            .filter_map(|part| part.get("required")?.as_array())
            .flatten()
            .filter_map(Value::as_str)
    }

    /// The schema of the value under a key; `None` when there may be no such key.
    pub fn value_schema(&self, key: &str) -> Option<&'a Value> {
        if let Some(schema) = self.property(key) {
            return Some(schema);
        }
        // The patterns that are emitted are those of maps whose keys are whole numbers.
        let digits = key.strip_prefix('-').unwrap_or(key);
        let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
        if let Some(Value::Object(patterns)) = self.get("patternProperties")
            && is_number
        {
            return patterns.values().next();
        }
        let others = ["additionalProperties", "unevaluatedProperties"];
        match others.iter().find_map(|keyword| self.get(keyword)) {
            Some(Value::Bool(false)) => None,
            Some(schema) => Some(schema),
            None => Some(&Value::Bool(true)),
        }
    }

    /// The schema of an item; `None` when there may be no such item.
    pub fn item_schema(&self, index: usize) -> Option<&'a Value> {
        match (
            self.get("prefixItems").and_then(|items| items.get(index)),
            self.get("items"),
        ) {
            (Some(schema), _) => Some(schema),
            (None, Some(Value::Bool(false))) => None,
            (None, Some(schema)) => Some(schema),
            (None, None) => Some(&Value::Bool(true)),
        }
    }

    /// The key whose constant value tells these shapes apart: the tag of an enum.
    pub fn common_tag(shapes: &[Shape<'a>]) -> Option<&'a str> {
        let is_tag = |key: &str| shapes.iter().all(|shape| shape.tag_value(key).is_some());
        shapes
            .first()?
            .known_keys()
            .into_iter()
            .find(|key| is_tag(key))
    }

    /// The constant text that a key must have.
    pub fn tag_value(&self, key: &str) -> Option<&'a str> {
        self.property(key)?.get("const")?.as_str()
    }

    /// The key that is both the only one required and the only one known: an enum's variant.
    pub fn only_key(&self) -> Option<&'a str> {
        let (known, required) = (self.known_keys(), self.required().collect::<Vec<_>>());
        match (known.as_slice(), required.as_slice()) {
            ([known], [required]) if known == required => Some(required),
            _ => None,
        }
    }

    /// What is wrong with a number that is too small or too large, and what to write instead.
    pub fn out_of_range(&self, number: Meaning) -> Option<(String, String)> {
        let (lowest, highest) = self.format_range();
        let least = self.limit("minimum").or(lowest);
        let most = self.limit("maximum").or(highest);
        let help = match (&least, &most) {
            (Some(least), Some(most)) => format!("write {least} to {most}"),
            (Some(least), None) => format!("write {least} or more"),
            (None, Some(most)) => format!("write {most} or less"),
            (None, None) => "write a number nearer to 0".to_owned(),
        };
        if let Some(least) = least.filter(|least| less(number, least.0)) {
            return Some((format!("is below the minimum of {least}"), help));
        }
        if let Some(most) = most.filter(|most| less(most.0, number)) {
            return Some((format!("is above the maximum of {most}"), help));
        }
        let above = self
            .limit("exclusiveMinimum")
            .filter(|limit| !less(limit.0, number));
        if let Some(limit) = above {
            return Some((
                format!("is not above {limit}"),
                format!("write more than {limit}"),
            ));
        }
        let below = self
            .limit("exclusiveMaximum")
            .filter(|limit| !less(number, limit.0));
        below.map(|limit| {
            (
                format!("is not below {limit}"),
                format!("write less than {limit}"),
            )
        })
    }

    fn limit(&self, keyword: &str) -> Option<Limit> {
        let number = self.get(keyword)?.as_number()?;
        let whole = number.as_i128().map(Meaning::Integer);
        whole
            .or_else(|| number.as_f64().map(Meaning::Float))
            .map(Limit)
    }

    /// The range of a Rust integer. Schemas give the range of the small ones only.
    fn format_range(&self) -> (Option<Limit>, Option<Limit>) {
        let name = self
            .get("format")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (least, most) = match name {
            "int8" => (i8::MIN.into(), i8::MAX.into()),
            "int16" => (i16::MIN.into(), i16::MAX.into()),
            "int32" => (i32::MIN.into(), i32::MAX.into()),
            "uint8" => (0, u8::MAX.into()),
            "uint16" => (0, u16::MAX.into()),
            "uint32" => (0, u32::MAX.into()),
            "uint" | "uint64" => (0, u64::MAX.into()),
            "int" | "int64" => (i128::from(i64::MIN), i64::MAX.into()),
            _ => return (None, None),
        };
        (
            Some(Limit(Meaning::Integer(least))),
            Some(Limit(Meaning::Integer(most))),
        )
    }
}

/// The least or greatest number allowed.
struct Limit(Meaning);

impl std::fmt::Display for Limit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Meaning::Integer(limit) => write!(out, "{limit}"),
            Meaning::Float(limit) => write!(out, "{limit}"),
            Meaning::Null | Meaning::Bool(_) | Meaning::Text => Ok(()),
        }
    }
}

/// Whether one number is less than another; what is no number is less than none.
fn less(a: Meaning, b: Meaning) -> bool {
    let float = |number| match number {
        Meaning::Integer(value) => value as f64,
        Meaning::Float(value) => value,
        Meaning::Null | Meaning::Bool(_) | Meaning::Text => f64::NAN,
    };
    match (a, b) {
        (Meaning::Integer(a), Meaning::Integer(b)) => a < b,
        _ => float(a) < float(b),
    }
}
