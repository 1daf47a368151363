//! How much of the GPUs of a cluster a placement strategy fills before too little fits any more.
//!
//! Pods of the openb list come one after another in random order, and then again, drawn at random
//! from the list, while what they ask for stays within [`MOST_PERCENT`] of the GPU capacity. None
//! leaves. A pod that fits nowhere is given up. A pod may ask for a part of a GPU: a device has 1000
//! units of memory, and a share takes so many of them ([`Demand::shared_gpu_memory`]). CPU is in
//! milli-CPU here, as the lists have it, so that nothing is rounded. There is no clock.
//!
//! Source: Q. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with
//! Fragmentation Gradient Descent", USENIX ATC 2023, section 6.

use std::io::Read;

use crate::import::openb::list::{self, Node, Pod};
use crate::import::openb::{self, List};
use crate::model::arena::{GroupId, InstanceId, RulesId};
use crate::model::cluster::Cluster;
use crate::model::instance::{Description, InstanceStatus};
use crate::model::mix::{ExpectedTask, Mix};
use crate::model::request::{Constraint, Pool, Request, Rules, StrategyRule};
use crate::model::resources::{Demand, Resources};
use crate::placement::index::Index;
use crate::placement::{device, fragmentation};
use crate::query::{self, Expression};
use crate::rng::{Draw, Purpose, Streams};
use crate::scenario::problem::{Problem, Problems};

/// GPUs that all pods together ask for at most, in percent of those there are.
pub const MOST_PERCENT: u64 = 130;

/// Where a replication is looked at: GPUs asked for so far, in percent of those there are.
pub const POINTS: [u64; 10] = [50, 70, 80, 85, 90, 95, 100, 110, 120, MOST_PERCENT];

/// Units of memory of a device, of which a share takes some.
const DEVICE: u32 = 1000;

/// A cluster without tasks, and the pods that may come.
#[derive(Clone, Debug)]
pub struct Setting {
    cluster: Cluster,
    group: GroupId,
    pods: Vec<Wanted>,
    /// Where pods may run by the GPU models that they allow: each list once, as expressions of the
    /// cluster query language, of which a pod that allows any has none.
    allowed: Vec<Vec<Expression>>,
    /// GPUs of the cluster in thousandths.
    capacity: u64,
    /// How many typical pods a fragmentation is summed over.
    typical: u64,
}

/// A pod of the list.
#[derive(Clone, Debug)]
struct Wanted {
    demand: Demand,
    /// Place of its GPU models in [`Setting::allowed`].
    models: usize,
    gpu_milli: u64,
}

/// What decides when the strategy leaves instances equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// The first in the node list.
    LowestId,
    /// The first in a random order, drawn once a replication.
    Shuffled,
    /// Any of them, each with equal chance.
    Random,
}

/// What a replication was like at each of the [`POINTS`]: just after the pod that reached it, or at
/// the end where none did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// GPUs that were allocated, in percent of those there are.
    pub allocated: [f64; POINTS.len()],
    /// GPUs that the typical pod could not use, in percent of those there are.
    pub fragmented: [f64; POINTS.len()],
    /// Pods that came.
    pub arrived: usize,
    /// Pods that were given up.
    pub given_up: usize,
}

impl Setting {
    /// The nodes and pods of two lists.
    ///
    /// # Errors
    /// Every line of either list that cannot be read.
    pub fn read(nodes: List<impl Read>, pods: List<impl Read>) -> Result<Self, Problems> {
        let file = pods.file.clone();
        let (nodes, pods) = openb::both(list::nodes(nodes), list::pods(pods))?;
        let mut cluster = Cluster::new("openb");
        for node in &nodes {
            cluster.register(description(node), InstanceStatus::Active, true);
        }
        let group = cluster.group("pods");
        let mut models: Vec<&[String]> = Vec::new();
        let wanted = pods.iter().map(|pod| {
            let known = models.iter().position(|known| *known == pod.models);
            let models = known.unwrap_or_else(|| {
                models.push(&pod.models);
                models.len() - 1
            });
            Wanted::new(pod, models)
        });
        let wanted: Vec<Wanted> = wanted.collect();
        let allowed = models.iter().map(|models| expressions(&file, models));
        let allowed = allowed.collect::<Result<Vec<_>, Problem>>()?;
        let mix = Mix::new(wanted.iter().map(|pod| ExpectedTask {
            demand: pod.demand.clone(),
            constraints: allowed[pod.models].clone(),
            count: 1,
        }));
        let typical = mix.total;
        cluster.expect(mix);
        Ok(Setting {
            capacity: nodes.iter().map(|node| u64::from(node.gpus) * 1000).sum(),
            cluster,
            group,
            pods: wanted,
            allowed,
            typical,
        })
    }

    /// Lets pods come until no more may, and places them by a strategy. The seed draws who comes
    /// when, whatever the strategy.
    pub fn replicate(&self, strategies: &[StrategyRule], ties: Ties, seed: u64) -> Curve {
        let streams = Streams::new(seed);
        let mut cluster = self.cluster.clone();
        let mut strategies = strategies.to_vec();
        match ties {
            Ties::LowestId => {}
            Ties::Shuffled => {
                cluster.shuffle(streams, 0);
                strategies.push(StrategyRule::Shuffled);
            }
            Ties::Random => strategies.push(StrategyRule::Random),
        }
        let rules: Vec<Rules> = self.rules(&strategies);
        let mut run = Replication {
            index: Index::new(&rules),
            fragments: vec![0; cluster.instances().len()],
            cluster,
            setting: self,
            rules: &rules,
            streams,
            fragmented: 0,
            allocated: 0,
        };
        run.measure_all();
        run.run(&self.arrivals(streams))
    }

    /// Who comes: numbers of pods.
    fn arrivals(&self, streams: Streams) -> Vec<usize> {
        let mut draw = Draw::new(streams, Purpose::StudyArrivals, 0, 0);
        let mut order: Vec<usize> = (0..self.pods.len()).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, draw.below(last + 1));
        }
        let mut asked: u64 = self.pods.iter().map(|pod| pod.gpu_milli).sum();
        // Pods without GPUs fill nothing.
        while asked > 0 {
            let again = draw.below(self.pods.len());
            asked += self.pods[again].gpu_milli;
            if asked * 100 > self.capacity * MOST_PERCENT {
                break;
            }
            order.push(again);
        }
        order
    }

    fn rules(&self, strategies: &[StrategyRule]) -> Vec<Rules> {
        let rules = self.allowed.iter().map(|allowed| Rules {
            pool: Pool::Ec2,
            required: Vec::new(),
            subnets: None,
            constraints: allowed.iter().cloned().map(Constraint::MemberOf).collect(),
            strategies: strategies.to_vec(),
        });
        rules.collect()
    }
}

/// A replication on its way.
struct Replication<'a> {
    setting: &'a Setting,
    rules: &'a [Rules],
    index: Index,
    cluster: Cluster,
    streams: Streams,
    /// Fragmentation of each instance, and their sum.
    fragments: Vec<u64>,
    fragmented: u64,
    allocated: u64,
}

impl Replication<'_> {
    fn run(&mut self, arrivals: &[usize]) -> Curve {
        let (mut curve, mut asked) = (Curve::default(), 0);
        let mut points = (0..POINTS.len()).peekable();
        for (number, pod) in arrivals.iter().enumerate() {
            let pod = &self.setting.pods[*pod];
            asked += pod.gpu_milli;
            curve.given_up += usize::from(!self.place(pod, number as u64));
            let reached = |point: &usize| asked * 100 >= POINTS[*point] * self.setting.capacity;
            while let Some(point) = points.next_if(reached) {
                self.note(&mut curve, point);
            }
        }
        points.for_each(|point| self.note(&mut curve, point));
        curve.arrived = arrivals.len();
        curve
    }

    /// Whether the pod found a place.
    fn place(&mut self, pod: &Wanted, number: u64) -> bool {
        let request = Request {
            rules_id: RulesId(pod.models as u32),
            rules: &self.rules[pod.models],
            demand: &pod.demand,
            group: self.setting.group,
        };
        let mut draw = Draw::new(self.streams, Purpose::RandomPlacement, 0, number);
        let Some(id) = self.index.choose(&self.cluster, &request, &mut draw) else {
            return false;
        };
        let mut draw = Draw::new(self.streams, Purpose::SharedGpu, 0, number);
        let device = device::choose(&self.cluster, id, &request, &mut draw);
        self.cluster
            .place_on_gpu(id, &pod.demand, self.setting.group, device);
        self.allocated += pod.gpu_milli;
        self.measure(id);
        true
    }

    fn measure_all(&mut self) {
        let ids: Vec<InstanceId> = self.cluster.instances().ids().collect();
        ids.into_iter().for_each(|id| self.measure(id));
    }

    /// Only where a pod came does the fragmentation change.
    fn measure(&mut self, id: InstanceId) {
        let now = fragmentation::fragmentation(&self.cluster, id);
        let known = &mut self.fragments[id.0 as usize];
        self.fragmented = self.fragmented - *known + now;
        *known = now;
    }

    fn note(&self, curve: &mut Curve, point: usize) {
        let percent = |amount: u64, of: u64| 100.0 * amount as f64 / of.max(1) as f64;
        let (capacity, typical) = (self.setting.capacity, self.setting.typical);
        curve.allocated[point] = percent(self.allocated, capacity);
        curve.fragmented[point] = percent(self.fragmented, capacity * typical);
    }
}

fn description(node: &Node) -> Description {
    let model = node.model.iter();
    Description {
        name: node.name.clone(),
        attributes: model
            .map(|model| ("gpu-model".to_owned(), model.clone()))
            .collect(),
        capacity: Resources {
            cpu: node.cpu_milli,
            memory: node.memory_mib,
            gpus: node.gpus,
            enis: 0,
        },
        gpu_memory: Some(DEVICE),
        ..Description::default()
    }
}

impl Wanted {
    /// Part of one GPU is a share; whoever asks for parts of several gets them whole.
    fn new(pod: &Pod, models: usize) -> Self {
        let share = match pod.gpus == 1 && pod.shares_gpu() {
            true => pod.gpu_milli,
            false => 0,
        };
        let gpus = if share > 0 { 0 } else { pod.gpus };
        Wanted {
            demand: Demand {
                resources: Resources {
                    cpu: pod.cpu_milli,
                    memory: pod.memory_mib,
                    gpus,
                    enis: 0,
                },
                shared_gpu_memory: share,
                ..Demand::default()
            },
            models,
            gpu_milli: u64::from(gpus) * 1000 + u64::from(share),
        }
    }
}

/// The GPU models that are allowed, as an expression; none where any is.
fn expressions(file: &str, models: &[String]) -> Result<Vec<Expression>, Problem> {
    if models.is_empty() {
        return Ok(Vec::new());
    }
    let parsed = query::parse(&list::constraint(models));
    let told = |error| Problem::in_file(file, format!("gpu_spec: {error}"));
    Ok(vec![parsed.map_err(told)?])
}
