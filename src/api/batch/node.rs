//! Nodes of multi-node parallel jobs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::consumable::ConsumableResourceProperties;
use super::container::{ContainerProperties, EcsProperties};
use super::definition::{PlatformCapability, eks_is_not_simulated};
use super::overrides::{NodeOverrides, NodePropertyOverride};
use super::request::Request;
use super::{in_range, within};
use crate::api::error::{ApiError, Checked};

/// Most nodes of a job. Source: AWS Batch user guide, node groups of multi-node parallel jobs.
const MAX_NODES: i64 = 1000;

/// Most ranges of nodes. Source: AWS Batch user guide, node groups of multi-node parallel jobs.
const MAX_RANGES: usize = 5;

/// The nodes of a multi-node parallel job.
///
/// Source: AWS Batch API reference, NodeProperties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchNodeProperties")]
pub struct NodeProperties {
    /// Number of nodes: 1 to 1000.
    pub num_nodes: i64,
    /// Index of the main node, from 0, with whose end the job ends.
    pub main_node: i64,
    /// Ranges of nodes: 1 to 5, which together have every node.
    pub node_range_properties: Vec<NodeRangeProperty>,
}

/// What the nodes of a range run.
///
/// Source: AWS Batch API reference, NodeRangeProperty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "BatchNodeRangeProperty")]
pub struct NodeRangeProperty {
    /// The nodes: `0:3`, `:3`, `4:` or `:`. Of nested ranges the inner one counts.
    pub target_nodes: String,
    /// The container.
    pub container: Option<ContainerProperties>,
    /// The containers, where there are several.
    pub ecs_properties: Option<EcsProperties>,
    /// Pods of Amazon EKS; not simulated.
    pub eks_properties: Option<Value>,
    /// The instance type: at most one, and the same for all ranges.
    pub instance_types: Option<Vec<String>>,
    /// Consumable resources that each node needs.
    pub consumable_resource_properties: Option<ConsumableResourceProperties>,
}

/// What the nodes of a job come to once overrides are applied.
#[derive(Debug)]
pub(super) struct Assigned {
    pub main_node: u32,
    /// The different kinds of nodes.
    pub kinds: Vec<NodeKind>,
    /// The kind of each node.
    pub of_node: Vec<usize>,
}

/// Nodes that are alike.
#[derive(Debug)]
pub(super) struct NodeKind {
    pub range: NodeRangeProperty,
    pub request: Request,
}

impl NodeProperties {
    /// The rules on nodes that are not overridden.
    pub(super) fn check(&self) -> Checked {
        self.nodes(None).map(drop)
    }

    /// The nodes after overrides, checked.
    pub(super) fn nodes(&self, overrides: Option<&NodeOverrides>) -> Result<Assigned, ApiError> {
        let num_nodes = self.checked_num_nodes(overrides)?;
        let (range_of_node, main_node) = self.range_of_each_node(num_nodes)?;
        for (index, range) in self.node_range_properties.iter().enumerate() {
            range.request().map_err(at_range(index))?;
        }
        check_instance_types(self.node_range_properties.iter())
            .map_err(|error| error.within("nodeProperties"))?;
        let changes = overrides
            .and_then(|overrides| overrides.node_property_overrides.as_deref())
            .unwrap_or_default();
        let change_of_node = change_of_each_node(num_nodes, changes)?;

        let mut known = BTreeMap::new();
        let mut kinds = Vec::new();
        let mut of_node = Vec::new();
        for pair in range_of_node.into_iter().zip(change_of_node) {
            let kind = match known.get(&pair) {
                Some(&kind) => kind,
                None => {
                    let (range, change) = pair;
                    kinds.push(self.kind(range, change.map(|index| (index, &changes[index])))?);
                    known.insert(pair, kinds.len() - 1);
                    kinds.len() - 1
                }
            };
            of_node.push(kind);
        }
        check_instance_types(kinds.iter().map(|kind: &NodeKind| &kind.range))
            .map_err(|error| error.within("nodeOverrides"))?;
        Ok(Assigned {
            main_node,
            kinds,
            of_node,
        })
    }

    fn kind(
        &self,
        index: usize,
        change: Option<(usize, &NodePropertyOverride)>,
    ) -> Result<NodeKind, ApiError> {
        let range = &self.node_range_properties[index];
        let Some((place, change)) = change else {
            let request = range.request().map_err(at_range(index))?;
            return Ok(NodeKind {
                range: range.clone(),
                request,
            });
        };
        let field = format!("nodeOverrides.nodePropertyOverrides[{place}]");
        let range = change.applied_to(range).map_err(within(&field))?;
        let request = range.request().map_err(within(&field))?;
        Ok(NodeKind { range, request })
    }

    fn checked_num_nodes(&self, overrides: Option<&NodeOverrides>) -> Result<u32, ApiError> {
        let field = "nodeProperties.numNodes";
        in_range(field, Some(self.num_nodes), 1..=MAX_NODES)?;
        let count = self.node_range_properties.len();
        if !(1..=MAX_RANGES).contains(&count) {
            let message = format!("{count} node ranges; there may be 1 to {MAX_RANGES}.");
            let field = "nodeProperties.nodeRangeProperties";
            return Err(ApiError::client(field, message));
        }
        let Some(wanted) = overrides.and_then(|overrides| overrides.num_nodes) else {
            return Ok(self.num_nodes as u32);
        };
        let field = "nodeOverrides.numNodes";
        in_range(field, Some(wanted), 1..=MAX_NODES)?;
        let num_nodes = wanted as u32;
        let targets = self.targets();
        check_num_nodes_override(self.main_node, &targets, num_nodes)
            .map_err(|message| ApiError::client(field, message))?;
        Ok(num_nodes)
    }

    fn targets(&self) -> Vec<&str> {
        self.node_range_properties
            .iter()
            .map(|range| range.target_nodes.as_str())
            .collect()
    }

    /// The range of each node, and the main node.
    fn range_of_each_node(&self, num_nodes: u32) -> Result<(Vec<usize>, u32), ApiError> {
        let main_node = u32::try_from(self.main_node)
            .ok()
            .filter(|&main_node| main_node < num_nodes)
            .ok_or_else(|| {
                let message = format!(
                    "mainNode is {}; it may be 0 to {}.",
                    self.main_node,
                    num_nodes - 1
                );
                ApiError::client("nodeProperties.mainNode", message)
            })?;
        let field = "nodeProperties.nodeRangeProperties";
        let ranges = narrowest_ranges(num_nodes, &self.targets())
            .map_err(|message| ApiError::client(field, message))?;
        let covered = ranges.iter().copied().collect::<Option<Vec<usize>>>();
        let ranges = covered.ok_or_else(|| {
            let message = "The node ranges do not have every node.";
            ApiError::client(field, message)
        })?;
        Ok((ranges, main_node))
    }
}

impl NodeRangeProperty {
    /// Checks what the nodes run and adds up what each asks for.
    pub(super) fn request(&self) -> Result<Request, ApiError> {
        if self.eks_properties.is_some() {
            return Err(eks_is_not_simulated("eksProperties"));
        }
        let types = self.instance_types.as_ref().map_or(0, Vec::len);
        if types > 1 {
            let message = format!("{types} instance types; there may be one.");
            return Err(ApiError::client("instanceTypes", message));
        }
        if let Some(resources) = &self.consumable_resource_properties {
            resources
                .check()
                .map_err(within("consumableResourceProperties"))?;
        }
        let platforms = [PlatformCapability::Ec2];
        match (&self.container, &self.ecs_properties) {
            (Some(container), None) => container.request(&platforms).map_err(within("container")),
            (None, Some(ecs)) => ecs.request(&platforms).map_err(within("ecsProperties")),
            _ => {
                let message = "A node range must have one of container and ecsProperties.";
                Err(ApiError::client("", message))
            }
        }
    }

    /// The instance types named: one of the range, one of its container.
    fn instance_types(&self) -> impl Iterator<Item = &str> {
        let container = self.container.as_ref();
        let of_container = container.and_then(|container| container.instance_type.as_ref());
        let of_range = self.instance_types.iter().flatten();
        of_range.chain(of_container).map(String::as_str)
    }
}

impl Assigned {
    /// The one instance type that the nodes ask for, if they do.
    pub(super) fn instance_type(&self) -> Option<&str> {
        let mut types = self
            .kinds
            .iter()
            .flat_map(|kind| kind.range.instance_types());
        types.next()
    }
}

/// That all nodes have one instance type. Source: AWS Batch user guide, node groups of multi-node
/// parallel jobs.
fn check_instance_types<'a>(mut ranges: impl Iterator<Item = &'a NodeRangeProperty>) -> Checked {
    let mut first = None;
    let agree = ranges.all(|range| {
        let mut types = range.instance_types();
        types.all(|instance_type| *first.get_or_insert(instance_type) == instance_type)
    });
    if agree {
        return Ok(());
    }
    let message = "All node ranges must use one instance type.";
    Err(ApiError::client("", message))
}

fn at_range(index: usize) -> impl Fn(ApiError) -> ApiError {
    move |error| error.within(&format!("nodeProperties.nodeRangeProperties[{index}]"))
}

/// The override of each node, if any.
fn change_of_each_node(
    num_nodes: u32,
    changes: &[NodePropertyOverride],
) -> Result<Vec<Option<usize>>, ApiError> {
    let targets: Vec<&str> = changes
        .iter()
        .map(|change| change.target_nodes.as_str())
        .collect();
    let field = "nodeOverrides.nodePropertyOverrides";
    narrowest_ranges(num_nodes, &targets).map_err(|message| ApiError::client(field, message))
}

/// For each node the index of the narrowest of the ranges that have it.
///
/// A range out of bounds, the same range twice and ranges that cross are refused [B-24].
fn narrowest_ranges(num_nodes: u32, targets: &[&str]) -> Result<Vec<Option<usize>>, String> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for target in targets {
        let (first, last) = bounds(target)?;
        let last = last.unwrap_or(num_nodes - 1);
        if first > last || last >= num_nodes {
            return Err(format!(
                "targetNodes '{target}' is not within nodes 0 to {}.",
                num_nodes - 1
            ));
        }
        for &(other_first, other_last) in &ranges {
            let apart = last < other_first || other_last < first;
            let inside = other_first <= first && last <= other_last;
            let around = first <= other_first && other_last <= last;
            if inside && around || !(apart || inside || around) {
                return Err(format!("targetNodes '{target}' crosses another range."));
            }
        }
        ranges.push((first, last));
    }
    let narrowest = |node: u32| {
        let covering = ranges
            .iter()
            .enumerate()
            .filter(|(_, (first, last))| (*first..=*last).contains(&node));
        covering
            .min_by_key(|(_, (first, last))| last - first)
            .map(|(index, _)| index)
    };
    Ok((0..num_nodes).map(narrowest).collect())
}

/// That some range is open at its upper end, begins below the new number of nodes, and that the
/// main node does too. Source: AWS Batch API reference, NodeOverrides, `numNodes`.
fn check_num_nodes_override(
    main_node: i64,
    targets: &[&str],
    num_nodes: u32,
) -> Result<(), String> {
    let mut open = false;
    for target in targets {
        let (first, last) = bounds(target)?;
        if last.is_some() {
            continue;
        }
        if first >= num_nodes {
            return Err(format!(
                "targetNodes '{target}' begins at {first}, which is not below {num_nodes}."
            ));
        }
        open = true;
    }
    if !open {
        return Err("numNodes can be overridden only if a node range has no upper end.".to_owned());
    }
    if main_node >= i64::from(num_nodes) {
        return Err(format!(
            "mainNode is {main_node}, which is not below {num_nodes}."
        ));
    }
    Ok(())
}

/// First and last node of `a:b`, where a missing `a` is 0 and a missing `b` is open; `n` is `n:n` [B-24].
fn bounds(target: &str) -> Result<(u32, Option<u32>), String> {
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        plain
            .then(|| text.parse::<u32>().ok())
            .flatten()
            .ok_or_else(|| format!("targetNodes '{target}' is invalid; write it like '0:3'."))
    };
    let Some((first, last)) = target.split_once(':') else {
        let node = number(target)?;
        return Ok((node, Some(node)));
    };
    let first = if first.is_empty() { 0 } else { number(first)? };
    let last = (!last.is_empty()).then(|| number(last)).transpose()?;
    Ok((first, last))
}
