//! Stranded capacity: what is free where nothing that waits fits.

use crate::engine::World;
use crate::model::arena::{ClusterId, Id, TemplateId};
use crate::model::cluster::Cluster;
use crate::model::instance::Instance;
use crate::model::resources::{Demand, Resources};

/// Free resources that are of no use to anyone who waits, by the resource that binds:
/// `by[b][r]` is what is free of resource `r` on instances where `b` is what a waiting task lacks.
/// Resources are CPU, memory, GPU, ENI, in this order.
pub type ByBinding = [[u64; 4]; 4];

/// Follows one cluster.
///
/// An instance is stranded while at least one task waits for the cluster and none that waits would
/// fit it, going by CPU, memory, GPUs and ENIs only. Among the shapes that wait only the smallest
/// matter (those that no other waiting shape undercuts in everything). The resource that binds is
/// the first, in the order of placement's own tests (CPU, memory, ENI, GPU), that the least of the
/// smallest shapes lacks.
#[derive(Clone, Debug, Default)]
pub struct Stranded {
    waiting: Vec<u32>,
    total: u64,
    touched: Vec<TemplateId>,
    is_touched: Vec<bool>,
    shapes: Vec<(Resources, u32)>,
    counted: Vec<u32>,
    smallest: Vec<Resources>,
    seen: Option<u64>,
    binding: Vec<Option<u8>>,
    free: Vec<Resources>,
    sums: ByBinding,
}

impl Stranded {
    /// `plus` more and `minus` fewer tasks of a template wait.
    pub fn wait(&mut self, template: TemplateId, plus: u32, minus: u32) {
        let at = template.index();
        if self.waiting.len() <= at {
            self.waiting.resize(at + 1, 0);
            self.is_touched.resize(at + 1, false);
            self.counted.resize(at + 1, 0);
        }
        self.waiting[at] = self.waiting[at] + plus - minus;
        self.total = self.total + u64::from(plus) - u64::from(minus);
        if !self.is_touched[at] {
            self.is_touched[at] = true;
            self.touched.push(template);
        }
    }

    /// What is stranded now.
    pub fn now(&mut self, id: ClusterId, world: &World) -> ByBinding {
        if self.total == 0 {
            return ByBinding::default();
        }
        if self.count_shapes(world) {
            let mut smallest: Vec<Resources> =
                self.shapes.iter().map(|(shape, _)| *shape).collect();
            let undercut = |shape: &Resources| {
                self.shapes.iter().any(|(other, _)| {
                    other != shape && shape.fits(other) && (shape.gpus < ALL || other.gpus <= 1)
                })
            };
            smallest.retain(|shape| !undercut(shape));
            if smallest != self.smallest {
                self.smallest = smallest;
                self.seen = None;
            }
        }
        self.follow(&world.clusters[id]);
        self.sums
    }

    /// Brings the list of waiting shapes up to date; whether it gained or lost one.
    fn count_shapes(&mut self, world: &World) -> bool {
        let mut changed = false;
        for template in std::mem::take(&mut self.touched) {
            let at = template.index();
            self.is_touched[at] = false;
            let (before, after) = (self.counted[at] > 0, self.waiting[at] > 0);
            self.counted[at] = self.waiting[at];
            if before == after {
                continue;
            }
            let shape = shape_of(&world.templates[template].demand);
            let key = |shape: &Resources| (shape.cpu, shape.memory, shape.gpus, shape.enis);
            match (
                self.shapes
                    .binary_search_by_key(&key(&shape), |(shape, _)| key(shape)),
                after,
            ) {
                (Ok(at), true) => self.shapes[at].1 += 1,
                (Err(at), true) => {
                    self.shapes.insert(at, (shape, 1));
                    changed = true;
                }
                (Ok(at), false) => {
                    self.shapes[at].1 -= 1;
                    if self.shapes[at].1 == 0 {
                        self.shapes.remove(at);
                        changed = true;
                    }
                }
                (Err(_), false) => {}
            }
        }
        changed
    }

    fn follow(&mut self, cluster: &Cluster) {
        self.binding.resize(cluster.instances().len(), None);
        self.free
            .resize(cluster.instances().len(), Resources::default());
        match self.seen.and_then(|seen| cluster.changes_since(seen)) {
            Some(changes) => changes
                .iter()
                .for_each(|change| self.judge(change.instance.index(), cluster)),
            None => (0..cluster.instances().len()).for_each(|index| self.judge(index, cluster)),
        }
        self.seen = Some(cluster.version());
    }

    fn judge(&mut self, index: usize, cluster: &Cluster) {
        if let Some(binding) = self.binding[index] {
            add(
                &mut self.sums[usize::from(binding)],
                &self.free[index],
                u64::wrapping_sub,
            );
        }
        let instance = &cluster.instances().items()[index];
        let useless =
            instance.is_placeable() && !self.smallest.iter().any(|shape| has_room(instance, shape));
        self.free[index] = instance.free;
        self.binding[index] = if useless {
            self.smallest
                .first()
                .and_then(|shape| lacking(instance, shape))
        } else {
            None
        };
        if let Some(binding) = self.binding[index] {
            add(
                &mut self.sums[usize::from(binding)],
                &self.free[index],
                u64::wrapping_add,
            );
        }
    }
}

/// Stands for all GPUs of an instance in the shape of a task that wants them all.
const ALL: u32 = u32::MAX;

fn shape_of(demand: &Demand) -> Resources {
    let gpus = if demand.all_gpus {
        ALL
    } else {
        demand.resources.gpus
    };
    Resources {
        gpus,
        ..demand.least()
    }
}

/// What a shape takes on an instance.
fn need_on(instance: &Instance, shape: &Resources) -> Resources {
    let gpus = if shape.gpus == ALL {
        instance.capacity.gpus.max(1)
    } else {
        shape.gpus
    };
    Resources { gpus, ..*shape }
}

fn has_room(instance: &Instance, shape: &Resources) -> bool {
    instance.free.fits(&need_on(instance, shape))
}

/// The first resource of which an instance has too little for `shape`.
fn lacking(instance: &Instance, shape: &Resources) -> Option<u8> {
    let (free, shape) = (&instance.free, &need_on(instance, shape));
    let tests = [
        (free.cpu < shape.cpu, 0),
        (free.memory < shape.memory, 1),
        (free.enis < shape.enis, 3),
        (free.gpus < shape.gpus, 2),
    ];
    tests
        .into_iter()
        .find(|(lacks, _)| *lacks)
        .map(|(_, resource)| resource)
}

fn add(sums: &mut [u64; 4], free: &Resources, combine: fn(u64, u64) -> u64) {
    for (sum, part) in sums
        .iter_mut()
        .zip([free.cpu, free.memory, free.gpus, free.enis])
    {
        *sum = combine(*sum, u64::from(part));
    }
}
