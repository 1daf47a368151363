//! What extension strategies think of an instance, as a whole number of which the least is the best.
//!
//! - [`remaining`]: best fit takes the least, worst fit the most. Source: E. G. Coffman, M. R. Garey,
//!   D. S. Johnson, "Approximation algorithms for bin packing: a survey", 1996, for one resource; the
//!   equal weight of several as in Q. Weng et al., USENIX ATC 2023, section 6.
//! - [`dot_product`]. Source: R. Panigrahy, K. Talwar, L. Uyeda, U. Wieder, "Heuristics for vector
//!   bin packing", 2011, who take the task with the greatest product for one open instance; here the
//!   task is given, and the instance with the least product is taken, as in Weng et al.
//! - [`gpu_packing`]. Source: Weng et al., section 6.
//!
//! Each resource is a part of the most that any instance has registered ([`Cluster::largest`]), so
//! that a unit of a scarce resource weighs as much as its share of the largest instance.

use crate::model::arena::InstanceId;
use crate::model::cluster::Cluster;
use crate::model::gpus::MILLI;
use crate::model::instance::Instance;
use crate::model::request::{Measured, Request};
use crate::model::resources::Resources;

/// The whole of a resource. Three of them fit a `u32`, and parts of the usual sizes, powers of two
/// and of ten, are exact.
const WHOLE: u64 = 1_024_000_000;

/// What remains of the measured resources before the task is placed, each in 1,024,000,000ths of the
/// most that any instance has of it, summed. Since the demand is the same for every candidate, the
/// order is that of what remains after it.
pub fn remaining(instance: &Instance, largest: &Resources, measured: Measured) -> u32 {
    let gpu_milli = u64::from(largest.gpus) * MILLI;
    let parts: [(bool, u64, u64); 3] = [
        (measured.cpu, instance.free.cpu.into(), largest.cpu.into()),
        (
            measured.memory,
            instance.free.memory.into(),
            largest.memory.into(),
        ),
        (measured.gpu, instance.free_gpu_milli(), gpu_milli),
    ];
    let parts = parts.into_iter().filter(|(measured, ..)| *measured);
    let parts = parts.map(|(_, free, most)| part(free, most));
    parts.sum::<u64>() as u32
}

/// A lower bound of [`remaining`] for any instance that has at least `need`.
pub fn at_least(need: [u32; 3], largest: &Resources, measured: Measured) -> u32 {
    let [cpu, memory, gpus] = need.map(u64::from);
    let parts = [
        (measured.cpu, cpu, largest.cpu),
        (measured.memory, memory, largest.memory),
        (measured.gpu, gpus, largest.gpus),
    ];
    let parts = parts.into_iter().filter(|(measured, ..)| *measured);
    let parts = parts.map(|(_, need, most)| part(need.min(most.into()), most.into()));
    parts.sum::<u64>() as u32
}

fn part(free: u64, most: u64) -> u64 {
    (free * WHOLE).checked_div(most).unwrap_or(0)
}

/// The mean over the measured resources that some instance has of (what remains) × (what the task
/// takes), both as parts of the most that any instance has: in percent, rounded up.
pub fn dot_product(
    cluster: &Cluster,
    id: InstanceId,
    request: &Request<'_>,
    measured: Measured,
) -> u32 {
    let (instance, largest) = (&cluster.instances()[id], cluster.largest());
    let need = instance.resources_for(request.demand);
    let share = request.demand.shared_gpu_memory;
    let gpu_milli = u64::from(need.gpus) * MILLI
        + u64::from(share) * MILLI / u64::from(instance.gpu_memory.max(1));
    let free = instance.free;
    let terms: [(bool, u64, u64, u64); 3] = [
        (
            measured.cpu,
            free.cpu.into(),
            need.cpu.into(),
            largest.cpu.into(),
        ),
        (
            measured.memory,
            free.memory.into(),
            need.memory.into(),
            largest.memory.into(),
        ),
        (
            measured.gpu,
            instance.free_gpu_milli(),
            gpu_milli,
            u64::from(largest.gpus) * MILLI,
        ),
    ];
    let terms = terms.into_iter().filter(|term| term.0 && term.3 > 0);
    let (mut sum, mut count) = (0u128, 0u128);
    for (_, free, need, most) in terms {
        let [free, need, most] = [free, need, most].map(u128::from);
        sum += free * need * u128::from(WHOLE) / (most * most);
        count += 1;
    }
    // 100 × sum / (WHOLE × count), at most 100.
    (sum * 100).div_ceil(u128::from(WHOLE) * count.max(1)) as u32
}

/// 100 less the score of GPU packing; 100 for tasks without GPUs, which take what is first.
///
/// A task that fits the GPUs in use scores 100 less a tenth of their free percent, but at least 50;
/// one that needs `f` idle GPUs of an instance in use 50 - `f`, at least 33; and one that needs an
/// idle instance with `g` GPUs 33 - `g`, at least `g`. A share is taken of the fullest device with
/// room.
pub fn gpu_packing(instance: &Instance, request: &Request<'_>) -> u32 {
    let need = instance.resources_for(request.demand);
    let share = request.demand.shared_gpu_memory;
    let (left, has) = (instance.gpus_left(), instance.capacity.gpus);
    let score = match (need.gpus, share) {
        (0, 0) => 0,
        _ if instance.free.gpus == has => 33u32.saturating_sub(has).max(has),
        (0, share) => {
            let device = left.fullest(share).map(usize::from);
            let amount = device.map_or(left.whole(), |device| left.devices()[device]);
            match amount == left.whole() {
                true => 49,
                false => 100 - (left.milli(amount.into()) as u32 / 10) / 10,
            }
        }
        (idle, _) => 50u32.saturating_sub(idle).max(33),
    };
    100 - score
}
