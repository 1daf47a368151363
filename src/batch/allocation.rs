//! Which instance types a compute environment offers for a job, in which order, and whether one
//! may be launched.
//!
//! [`expand`] turns the list of an environment into instance types; the caller gives each its
//! price and, on Spot, its pool, which makes an [`Offer`]; [`candidates`] orders the offers that
//! can take a job by the [`AllocationStrategy`], [`choose`] takes one of them, and
//! [`AllocationStrategy::may_launch`] tells whether `maxvCpus` leaves room for it.
//!
//! Source: AWS Batch user guide, "Instance type allocation strategies"; where it is silent, one
//! fixed order decides [B-43].

use crate::catalogue::{Architecture, Catalogue, InstanceType};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::fmt;

/// CPU units in a vCPU.
pub(super) const CPU_UNITS_PER_VCPU: u64 = 1024;

/// Memory in MiB that the default Batch AMI withholds from what the agent would register.
/// Source: AWS Batch user guide, "Compute resource memory management".
const WITHHELD_MEMORY: u32 = 32;

/// Bundles of families, and the families in them.
///
/// Source: AWS Batch user guide, "Instance type compute table". For `optimal` the sources differ;
/// the API reference, the newest, has it mean what `default_x86_64` means.
const BUNDLES: [(&str, [&str; 4]); 3] = [
    ("default_arm64", ["m6g", "c6g", "r6g", "c7g"]),
    ("default_x86_64", ["m6i", "c6i", "r6i", "c7i"]),
    ("optimal", ["m6i", "c6i", "r6i", "c7i"]),
];

/// How a compute environment picks among the instance types that can take a job
/// (`allocationStrategy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllocationStrategy {
    /// The cheapest type an hour, and no other: when EC2 has none of it, the job waits.
    #[default]
    BestFit,
    /// The cheapest type a vCPU; when EC2 has none of it, the next.
    BestFitProgressive,
    /// The first type of the list; when EC2 has none of it, the next. On-Demand only.
    BestFitProgressiveOrdered,
    /// The deepest Spot pool. Spot only.
    SpotCapacityOptimized,
    /// The cheapest of the deepest Spot pools. Spot only.
    SpotPriceCapacityOptimized,
    /// The first in the list of the deepest Spot pools. Spot only.
    SpotCapacityOptimizedPrioritized,
}

/// How the instances of a compute environment are bought (its `type` EC2 or SPOT).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purchase {
    /// On-Demand (`EC2`).
    OnDemand,
    /// Spot (`SPOT`).
    Spot,
}

/// What a job, or one node of it, asks of an instance. Several nodes of one job run on one type:
/// see [`Need::largest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Need {
    /// CPU units; 1024 are one vCPU.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Whole GPUs.
    pub gpus: u32,
}

/// An instance type as a compute environment can have it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its name, such as `m5.large`; no two offers of an environment share it.
    pub name: String,
    /// Virtual CPUs, at least 1.
    pub vcpus: u32,
    /// Memory in MiB that an instance registers with Batch, see [`registered_memory`].
    pub memory: u32,
    /// Whole GPUs.
    pub gpus: u32,
    /// Micro-dollars an hour that are paid: the On-Demand price, or on Spot the Spot price.
    pub price: u64,
    /// Depth of the Spot pool, 0 for the shallowest; without effect unless the strategy is for Spot.
    pub depth: u32,
    /// Whether the price allows a launch: always On-Demand, on Spot as [`usable_spot`] has it.
    pub usable: bool,
    /// Place of its entry in the environment's list, from 0; the types of one family share it.
    pub position: u32,
}

/// What [`choose`] answers. The numbers are indexes of offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This one is to be launched, if `maxvCpus` allows.
    Launch(usize),
    /// EC2 has none of the types the strategy would take; this is the one it would like best.
    InsufficientCapacity(usize),
    /// No offer can take the job.
    Nothing,
}

/// Why a list of instance types cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceTypesError {
    /// An entry stands for no instance type at all.
    #[error("no instance type, family or bundle named {name:?} in the catalogue")]
    Unknown {
        /// Index of the entry.
        entry: usize,
        /// The entry.
        name: String,
        /// The type, family or bundle that it is one slip for every three letters away from, or
        /// less; absent when none is.
        nearest: Option<String>,
    },
    /// Entries before this one, or the same one, have the other architecture.
    #[error(
        "{instance_type} is {found}, the types before it are {expected}; an environment has one architecture"
    )]
    Architectures {
        /// Index of the entry.
        entry: usize,
        /// The first type of the entry that differs.
        instance_type: String,
        /// Its architecture.
        found: Architecture,
        /// The architecture of the first type of the list.
        expected: Architecture,
    },
}

impl AllocationStrategy {
    /// Every strategy there is.
    pub const ALL: [AllocationStrategy; 6] = [
        AllocationStrategy::BestFit,
        AllocationStrategy::BestFitProgressive,
        AllocationStrategy::BestFitProgressiveOrdered,
        AllocationStrategy::SpotCapacityOptimized,
        AllocationStrategy::SpotPriceCapacityOptimized,
        AllocationStrategy::SpotCapacityOptimizedPrioritized,
    ];

    /// The strategy that AWS writes as `text`, exactly; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.name() == text)
    }

    /// As AWS writes it, such as `BEST_FIT`.
    pub const fn name(self) -> &'static str {
        match self {
            AllocationStrategy::BestFit => "BEST_FIT",
            AllocationStrategy::BestFitProgressive => "BEST_FIT_PROGRESSIVE",
            AllocationStrategy::BestFitProgressiveOrdered => "BEST_FIT_PROGRESSIVE_ORDERED",
            AllocationStrategy::SpotCapacityOptimized => "SPOT_CAPACITY_OPTIMIZED",
            AllocationStrategy::SpotPriceCapacityOptimized => "SPOT_PRICE_CAPACITY_OPTIMIZED",
            AllocationStrategy::SpotCapacityOptimizedPrioritized => {
                "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED"
            }
        }
    }

    /// Whether an environment that buys this way may have the strategy.
    pub const fn is_for(self, purchase: Purchase) -> bool {
        match self {
            AllocationStrategy::BestFit | AllocationStrategy::BestFitProgressive => true,
            AllocationStrategy::BestFitProgressiveOrdered => {
                matches!(purchase, Purchase::OnDemand)
            }
            AllocationStrategy::SpotCapacityOptimized
            | AllocationStrategy::SpotPriceCapacityOptimized
            | AllocationStrategy::SpotCapacityOptimizedPrioritized => {
                matches!(purchase, Purchase::Spot)
            }
        }
    }

    /// Whether an instance of `vcpus` may be launched beside `total_vcpus` that run or are on
    /// their way, under a `maxvCpus` of `max_vcpus`.
    ///
    /// BEST_FIT with On-Demand instances stays within the maximum; everything else may exceed it,
    /// by no more than one instance. For several at once ask for the last of them, with the others
    /// in the total. Source: AWS Batch API reference, ComputeResource, `maxvCpus`.
    pub fn may_launch(
        self,
        purchase: Purchase,
        total_vcpus: u64,
        vcpus: u32,
        max_vcpus: u32,
    ) -> bool {
        let max = u64::from(max_vcpus);
        match (self, purchase) {
            (AllocationStrategy::BestFit, Purchase::OnDemand) => {
                total_vcpus.saturating_add(u64::from(vcpus)) <= max
            }
            _ => total_vcpus < max,
        }
    }

    /// Whether the strategy turns to its next type when EC2 has none of the first. For a
    /// multi-node job BEST_FIT_PROGRESSIVE does not; the guide says so of no other strategy.
    const fn falls_through(self, multi_node: bool) -> bool {
        match self {
            AllocationStrategy::BestFit => false,
            AllocationStrategy::BestFitProgressive => !multi_node,
            _ => true,
        }
    }

    /// What the strategy looks at first; equal offers are left to their names.
    fn compare(self, one: &Offer, other: &Offer) -> Ordering {
        match self {
            AllocationStrategy::BestFit => by_key(one, other, |offer| (offer.price, offer.vcpus)),
            AllocationStrategy::BestFitProgressive => progressive(one, other),
            AllocationStrategy::BestFitProgressiveOrdered => in_list(one, other),
            AllocationStrategy::SpotCapacityOptimized => {
                by_key(one, other, |offer| (Reverse(offer.depth), offer.price))
            }
            AllocationStrategy::SpotPriceCapacityOptimized => {
                by_key(one, other, |offer| (Reverse(offer.tier()), offer.price))
            }
            AllocationStrategy::SpotCapacityOptimizedPrioritized => {
                by_key(one, other, |offer| Reverse(offer.tier())).then_with(|| in_list(one, other))
            }
        }
    }
}

impl fmt::Display for AllocationStrategy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl Need {
    /// The most of each resource that any of `needs` asks for: what a type must have to take each
    /// node of a multi-node job, since all its instances are of one type.
    pub fn largest(needs: impl IntoIterator<Item = Need>) -> Need {
        needs.into_iter().fold(Need::default(), |most, need| Need {
            cpu: most.cpu.max(need.cpu),
            memory: most.memory.max(need.memory),
            gpus: most.gpus.max(need.gpus),
        })
    }
}

impl Offer {
    /// Whether an empty instance takes `need`, whatever its price. Registered memory counts, or a
    /// job could be given a type that it will never fit [B-41].
    pub fn fits(&self, need: &Need) -> bool {
        u64::from(need.cpu) <= u64::from(self.vcpus) * CPU_UNITS_PER_VCPU
            && need.memory <= self.memory
            && need.gpus <= self.gpus
    }

    /// Pools that are similarly deep are one tier: the whole part of the binary logarithm of the
    /// depth, and below all of them the pools of depth 0 [B-43].
    fn tier(&self) -> Option<u32> {
        self.depth.checked_ilog2()
    }
}

fn by_key<K: Ord>(one: &Offer, other: &Offer, key: impl Fn(&Offer) -> K) -> Ordering {
    key(one).cmp(&key(other))
}

/// The lower price a vCPU first, then the fewer vCPUs.
fn progressive(one: &Offer, other: &Offer) -> Ordering {
    // One price over its vCPUs against the other, multiplied out so that nothing is rounded.
    let product = |price: u64, vcpus: u32| u128::from(price) * u128::from(vcpus);
    product(one.price, other.vcpus)
        .cmp(&product(other.price, one.vcpus))
        .then(one.vcpus.cmp(&other.vcpus))
}

/// The order of the environment's list; inside a family or bundle the progressive order.
fn in_list(one: &Offer, other: &Offer) -> Ordering {
    by_key(one, other, |offer| offer.position).then_with(|| progressive(one, other))
}

/// Indexes of the offers that can take `need` at a price that is accepted, first the one that
/// `strategy` likes best.
pub fn candidates(strategy: AllocationStrategy, offers: &[Offer], need: &Need) -> Vec<usize> {
    let mut indexes: Vec<usize> = (0..offers.len())
        .filter(|index| offers[*index].usable && offers[*index].fits(need))
        .collect();
    indexes.sort_by(|one, other| {
        let (one, other) = (&offers[*one], &offers[*other]);
        strategy
            .compare(one, other)
            .then_with(|| one.name.cmp(&other.name))
    });
    indexes
}

/// The first of `candidates` (in the order that [`candidates`] gives) that `strategy` may take,
/// where EC2 has no instance of an offer for which `is_insufficient` holds.
pub fn choose(
    strategy: AllocationStrategy,
    candidates: &[usize],
    is_insufficient: impl Fn(usize) -> bool,
    multi_node: bool,
) -> Choice {
    let Some(&first) = candidates.first() else {
        return Choice::Nothing;
    };
    let considered = if strategy.falls_through(multi_node) {
        candidates
    } else {
        &candidates[..1]
    };
    let available = considered.iter().find(|index| !is_insufficient(**index));
    available.map_or(Choice::InsufficientCapacity(first), |index| {
        Choice::Launch(*index)
    })
}

/// Whether a Spot pool may be used: its price is below `bid_percentage` of the On-Demand price of
/// its type. Both prices in micro-dollars an hour.
///
/// The Spot price is what is then paid. Source: AWS Batch API reference, ComputeResource,
/// `bidPercentage`.
pub fn usable_spot(spot_price: u64, on_demand_price: u64, bid_percentage: u32) -> bool {
    u128::from(spot_price) * 100 < u128::from(on_demand_price) * u128::from(bid_percentage)
}

/// Memory in MiB that an instance of the type registers with Batch: what the ECS agent registers,
/// less the 32 MiB that the default Batch AMI withholds [B-40].
pub fn registered_memory(instance_type: &InstanceType) -> u32 {
    instance_type
        .registered_memory_mib
        .saturating_sub(WITHHELD_MEMORY)
}

/// CPU units of a compute environment that a multi-node job of `nodes` takes: whole instances, of
/// the smallest of the `offers` that can take every node, or the sum of what the nodes ask for
/// where there is none [B-38].
pub fn multi_node_cpu<'a>(nodes: &[Need], offers: impl IntoIterator<Item = &'a Offer>) -> u64 {
    let largest = Need::largest(nodes.iter().copied());
    let fitting = offers.into_iter().filter(|offer| offer.fits(&largest));
    match fitting.map(|offer| offer.vcpus).min() {
        Some(vcpus) => nodes.len() as u64 * u64::from(vcpus) * CPU_UNITS_PER_VCPU,
        None => nodes.iter().map(|node| u64::from(node.cpu)).sum(),
    }
}

/// The instance types of a list (`instanceTypes`), each with the place of its entry in the list, by
/// place and then by name.
///
/// An entry is a type, a family (all its sizes but metal) or a bundle of families: `optimal`,
/// `default_x86_64`, `default_arm64`. A type that is written out keeps its place and leaves the
/// families and bundles that have it too; otherwise the first entry that has a type counts. Of a
/// bundle, families that the catalogue lacks are left out.
///
/// # Errors
/// The first entry that stands for no type, or that has another architecture than those before it.
pub fn expand<'a>(
    instance_types: &[String],
    catalogue: &'a Catalogue,
) -> Result<Vec<(&'a InstanceType, u32)>, InstanceTypesError> {
    let mut places: BTreeMap<&str, (&InstanceType, usize)> = BTreeMap::new();
    let written_out = (0..)
        .zip(instance_types)
        .filter_map(|(entry, name)| Some((entry, catalogue.get(name)?)));
    for (entry, found) in written_out {
        places.entry(&found.name).or_insert((found, entry));
    }
    let mut architecture = None;
    for (entry, name) in instance_types.iter().enumerate() {
        let types = named(name, catalogue);
        if types.is_empty() {
            return Err(unknown(entry, name, catalogue));
        }
        for found in types {
            one_architecture(entry, found, &mut architecture)?;
            places.entry(&found.name).or_insert((found, entry));
        }
    }
    let mut expanded: Vec<_> = places
        .into_values()
        .map(|(found, entry)| (found, u32::try_from(entry).unwrap_or(u32::MAX)))
        .collect();
    expanded.sort_by_key(|(_, position)| *position);
    Ok(expanded)
}

/// The types that one entry of a list stands for, by name.
fn named<'a>(entry: &str, catalogue: &'a Catalogue) -> Vec<&'a InstanceType> {
    if let Some(found) = catalogue.get(entry) {
        return vec![found];
    }
    let bundle = BUNDLES.iter().find(|(name, _)| *name == entry);
    let families = bundle.map_or_else(|| vec![entry], |(_, families)| families.to_vec());
    catalogue
        .names()
        .filter(|name| {
            name.split_once('.').is_some_and(|(family, size)| {
                families.contains(&family) && !size.starts_with("metal")
            })
        })
        .filter_map(|name| catalogue.get(name))
        .collect()
}

fn one_architecture(
    entry: usize,
    found: &InstanceType,
    architecture: &mut Option<Architecture>,
) -> Result<(), InstanceTypesError> {
    let expected = *architecture.get_or_insert(found.architecture);
    if found.architecture == expected {
        return Ok(());
    }
    Err(InstanceTypesError::Architectures {
        entry,
        instance_type: found.name.clone(),
        found: found.architecture,
        expected,
    })
}

fn unknown(entry: usize, name: &str, catalogue: &Catalogue) -> InstanceTypesError {
    let families = catalogue.names().filter_map(|known| {
        let (family, size) = known.split_once('.')?;
        (!size.starts_with("metal")).then_some(family)
    });
    let bundles = BUNDLES.iter().map(|(bundle, _)| *bundle);
    // A name of hundreds of characters is like none of these, and comparing it would take long.
    let start: String = name.to_lowercase().chars().take(64).collect();
    let slips_allowed = (start.chars().count() / 3).max(1);
    let nearest = catalogue
        .names()
        .chain(families)
        .chain(bundles)
        .map(|known| (strsim::damerau_levenshtein(&start, known), known))
        .filter(|(slips, _)| *slips <= slips_allowed)
        .min();
    InstanceTypesError::Unknown {
        entry,
        name: name.to_owned(),
        nearest: nearest.map(|(_, known)| known.to_owned()),
    }
}

#[cfg(test)]
mod tests;
