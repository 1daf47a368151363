//! Which GPU a task takes a share of, once its instance is chosen.

use super::fragmentation;
use crate::model::arena::InstanceId;
use crate::model::cluster::Cluster;
use crate::model::request::{Request, StrategyRule};
use crate::rng::Draw;

/// The device on an instance with room that a task takes its share of; `None` for a task that takes
/// none, and where ECS chooses [U-15].
///
/// Under `x-fgd` that on which fragmentation grows least; under `x-random-gpu` any with room, each
/// with equal chance; under other extension strategies the fullest with room.
pub fn choose(
    cluster: &Cluster,
    id: InstanceId,
    request: &Request<'_>,
    draw: &mut Draw,
) -> Option<u8> {
    let (strategies, share) = (&request.rules.strategies, request.demand.shared_gpu_memory);
    let decides = strategies.iter().find(|rule| rule.is_extension())?;
    if share == 0 {
        return None;
    }
    let left = cluster.instances()[id].gpus_left();
    match decides {
        StrategyRule::Fgd => fragmentation::fit(cluster, id, request).device,
        StrategyRule::RandomGpu => {
            let devices = (0u8..).zip(left.devices());
            let room: Vec<u8> = devices
                .filter(|(_, left)| **left >= share)
                .map(|(device, _)| device)
                .collect();
            (!room.is_empty()).then(|| room[draw.below(room.len())])
        }
        _ => left.fullest(share),
    }
}
