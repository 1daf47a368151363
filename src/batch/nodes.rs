//! Node ranges: which of its container descriptions each node of a multi-node parallel job gets.
//!
//! A job definition describes ranges of nodes (`targetNodes`), and each node takes the narrowest
//! range it is in, so that `4:5` inside `0:` sets nodes 4 and 5 apart. The order of the list says
//! nothing. A range without an upper end reaches to the last node, whichever that is when a
//! submission changes the number of nodes.
//! Source: AWS Batch API reference, NodeProperties, NodeRangeProperty and NodeOverrides.
//!
//! ```
//! use stowplan::batch::nodes::{NodeRange, assign};
//!
//! let ranges = [NodeRange::parse("0:")?, NodeRange::parse("4:5")?];
//! assert_eq!(assign(6, &ranges)?, [0, 0, 0, 0, 1, 1]);
//! # Ok::<(), String>(())
//! ```

use std::fmt;
use std::ops::RangeInclusive;

/// The most nodes of a job: the default of an account.
/// Source: AWS Batch user guide, multi-node parallel node groups.
const MAX_NODES: u32 = 1000;

/// The most node ranges of a job. Source: AWS Batch user guide, multi-node parallel node groups.
const MAX_RANGES: usize = 5;

/// Nodes of a job by their index, both ends included (`targetNodes`).
///
/// Printed as `first:last`, with nothing for a last node that is left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRange {
    first: u32,
    /// `None`: up to the last node of the job.
    last: Option<u32>,
}

impl NodeRange {
    /// Reads `first:last`; without `first` it starts at node 0, without `last` it ends at the last
    /// node. A number alone is that node [B-24].
    ///
    /// # Errors
    /// Anything but decimal digits around one colon (blanks and signs too), a number beyond 32
    /// bits, or an end before the start.
    pub fn parse(text: &str) -> Result<NodeRange, String> {
        let refusal =
            || format!("targetNodes is '{text}'; it must be a range such as 0:3, 4: or :");
        let number = |digits: &str| -> Result<Option<u32>, String> {
            if digits.is_empty() {
                return Ok(None);
            }
            // `parse` alone would take a sign.
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refusal());
            }
            digits.parse().map(Some).map_err(|_| refusal())
        };
        let (first, last) = match text.split_once(':') {
            Some((first, last)) => (number(first)?.unwrap_or(0), number(last)?),
            None => {
                let node = number(text)?.ok_or_else(refusal)?;
                (node, Some(node))
            }
        };
        if last.is_some_and(|last| last < first) {
            return Err(format!(
                "targetNodes is '{text}'; it ends before it starts."
            ));
        }
        Ok(NodeRange { first, last })
    }

    /// The nodes meant in a job of `num_nodes`, at least 1.
    fn within(self, num_nodes: u32) -> Result<RangeInclusive<u32>, String> {
        let highest = self.last.unwrap_or(self.first);
        if highest >= num_nodes {
            return Err(format!(
                "targetNodes {self} has node {highest}; the last of {num_nodes} nodes is {}.",
                num_nodes - 1
            ));
        }
        Ok(self.first..=self.last.unwrap_or(num_nodes - 1))
    }
}

impl fmt::Display for NodeRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.first)?;
        match self.last {
            Some(last) => write!(out, "{last}"),
            None => Ok(()),
        }
    }
}

/// The range of each node of a job of `num_nodes`, by index into `ranges`: the narrowest one that
/// the node is in.
///
/// # Errors
/// As those of [`check_num_nodes`] and [`narrowest`]; there are not 1 to 5 ranges, or a node is in
/// no range.
pub fn assign(num_nodes: u32, ranges: &[NodeRange]) -> Result<Vec<usize>, String> {
    check_num_nodes(num_nodes.into())?;
    if !(1..=MAX_RANGES).contains(&ranges.len()) {
        return Err(format!(
            "nodeRangeProperties has {} entries; it must have 1 to {MAX_RANGES}.",
            ranges.len()
        ));
    }
    let found = narrowest(num_nodes, ranges)?.into_iter().enumerate();
    found
        .map(|(node, range)| range.ok_or_else(|| format!("targetNodes leave out node {node}.")))
        .collect()
}

/// The same for any number of `ranges`, such as those of overrides, which may leave nodes out.
/// `num_nodes` is at least 1.
///
/// # Errors
/// A range names a node that the job does not have, or of two ranges neither holds the other though
/// they meet, or both are the same [B-24].
pub fn narrowest(num_nodes: u32, ranges: &[NodeRange]) -> Result<Vec<Option<usize>>, String> {
    let spans = ranges
        .iter()
        .map(|range| range.within(num_nodes))
        .collect::<Result<Vec<_>, _>>()?;
    check_nesting(ranges, &spans)?;
    // Nested as they are, no two that a node is in are equally narrow.
    let of_node = |node: u32| {
        (0..spans.len())
            .filter(|index| spans[*index].contains(&node))
            .min_by_key(|index| spans[*index].end() - spans[*index].start())
    };
    Ok((0..num_nodes).map(of_node).collect())
}

/// Of any two spans one must hold the other, or they must not meet: else a node has no one
/// narrowest range [B-24].
fn check_nesting(ranges: &[NodeRange], spans: &[RangeInclusive<u32>]) -> Result<(), String> {
    for (later, right) in spans.iter().enumerate() {
        for (earlier, left) in spans[..later].iter().enumerate() {
            let pair = format!("targetNodes {} and {}", ranges[earlier], ranges[later]);
            if left == right {
                return Err(format!("{pair} are the same nodes."));
            }
            let apart = left.end() < right.start() || right.end() < left.start();
            if !apart && !holds(left, right) && !holds(right, left) {
                return Err(format!("{pair} overlap, and neither holds the other."));
            }
        }
    }
    Ok(())
}

fn holds(outer: &RangeInclusive<u32>, inner: &RangeInclusive<u32>) -> bool {
    outer.contains(inner.start()) && outer.contains(inner.end())
}

/// `numNodes` as a number of nodes.
///
/// # Errors
/// It is not 1 to 1000.
pub fn check_num_nodes(num_nodes: i64) -> Result<u32, String> {
    u32::try_from(num_nodes)
        .ok()
        .filter(|number| (1..=MAX_NODES).contains(number))
        .ok_or_else(|| format!("numNodes is {num_nodes}; it must be 1 to {MAX_NODES}."))
}

/// `mainNode` as the index, from 0, of a node of a job of `num_nodes`.
///
/// # Errors
/// The job has no such node.
pub fn check_main_node(main_node: i64, num_nodes: u32) -> Result<u32, String> {
    u32::try_from(main_node)
        .ok()
        .filter(|node| *node < num_nodes)
        .ok_or_else(|| {
            format!(
                "mainNode is {main_node}; it must be 0 or more and less than numNodes, {num_nodes}."
            )
        })
}

/// Whether a submission may set `nodeOverrides.numNodes` to `new_num_nodes`, for a definition with
/// this main node and these ranges.
///
/// # Errors
/// No range has an open upper end, one that has starts beyond the new last node, the main node is
/// beyond it, or the ranges do not suit the new number, as [`assign`] says [B-24].
pub fn check_override(
    main_node: i64,
    ranges: &[NodeRange],
    new_num_nodes: u32,
) -> Result<(), String> {
    let mut open = ranges
        .iter()
        .filter(|range| range.last.is_none())
        .peekable();
    if open.peek().is_none() {
        return Err(
            "numNodes can be overridden only if a targetNodes has no upper end.".to_owned(),
        );
    }
    if let Some(range) = open.find(|range| range.first >= new_num_nodes) {
        return Err(format!(
            "targetNodes {range} starts at node {}; numNodes must be greater, not {new_num_nodes}.",
            range.first
        ));
    }
    check_main_node(main_node, new_num_nodes)?;
    assign(new_num_nodes, ranges).map(|_| ())
}

#[cfg(test)]
mod tests;
