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
use super::{refused, within};
use crate::api::error::{ApiError, Checked};
use crate::batch::nodes::{self, NodeRange};

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
        let (main_node, range_of_node) = self.range_of_each_node(overrides)?;
        for (index, range) in self.node_range_properties.iter().enumerate() {
            range.request().map_err(at_range(index))?;
        }
        check_instance_types(self.node_range_properties.iter())
            .map_err(|error| error.within("nodeProperties"))?;
        let changes = overrides
            .and_then(|overrides| overrides.node_property_overrides.as_deref())
            .unwrap_or_default();
        let targets = changes.iter().map(|change| change.target_nodes.as_str());
        let change_of_node = node_ranges(targets)
            .and_then(|ranges| nodes::narrowest(range_of_node.len() as u32, &ranges))
            .map_err(refused("nodeOverrides.nodePropertyOverrides"))?;

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

    /// The main node, and the range of each node.
    fn range_of_each_node(
        &self,
        overrides: Option<&NodeOverrides>,
    ) -> Result<(u32, Vec<usize>), ApiError> {
        let mut num_nodes =
            nodes::check_num_nodes(self.num_nodes).map_err(refused("nodeProperties.numNodes"))?;
        let ranges = self.node_range_properties.iter();
        let field = "nodeProperties.nodeRangeProperties";
        let ranges =
            node_ranges(ranges.map(|range| range.target_nodes.as_str())).map_err(refused(field))?;
        if let Some(wanted) = overrides.and_then(|overrides| overrides.num_nodes) {
            let refused = refused("nodeOverrides.numNodes");
            num_nodes = nodes::check_num_nodes(wanted).map_err(&refused)?;
            nodes::check_override(self.main_node, &ranges, num_nodes).map_err(&refused)?;
        }
        let main_node = nodes::check_main_node(self.main_node, num_nodes)
            .map_err(refused("nodeProperties.mainNode"))?;
        let of_node = nodes::assign(num_nodes, &ranges).map_err(refused(field))?;
        Ok((main_node, of_node))
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

fn node_ranges<'a>(targets: impl Iterator<Item = &'a str>) -> Result<Vec<NodeRange>, String> {
    targets.map(NodeRange::parse).collect()
}
