//! Placement in steady state: equal hosts of 32 vCPU and 128 GiB at 80 % CPU load.
//!
//! A task draws, in this order from SplitMix64(42): base vCPU 1, 2, 4 or 8 with 45, 30, 20, 5 %;
//! CPU = base × 1024 - below(base × 512); memory = CPU × r × (0.5 + u) with r = 2, 4, 8 at 50, 30,
//! 20 %, cut to [1, 131072] MiB; an exponential duration of mean 3600 s; and then the exponential
//! gap to the next arrival. The cluster is filled at time 0 with the steady-state number of tasks;
//! then arrivals and the completions between them go on for as long as they are asked for. A task
//! that fits nowhere is dropped and counted.

use std::collections::BTreeMap;

use stowplan::engine::calendar::Calendar;
use stowplan::model::arena::{GroupId, InstanceId, RulesId};
use stowplan::model::cluster::Cluster;
use stowplan::model::instance::{Description, InstanceStatus};
use stowplan::model::request::{Pool, Request, Rules, StrategyRule};
use stowplan::model::resources::{Demand, Resources};
use stowplan::placement::{index::Index, scan};
use stowplan::rng::{Draw, Purpose, Streams};
use stowplan::time::{SimDuration, SimTime};

const HOST: Resources = Resources {
    cpu: 32_768,
    memory: 131_072,
    gpus: 0,
    enis: 0,
};

/// Mean duration in seconds.
const DURATION: f64 = 3600.0;

/// Tasks that run on a host on average: 80 % of its CPU over the mean demand of 1,728 units.
const TASKS_A_HOST: f64 = 15.17;

/// Steele, Lea and Flood 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }
}

/// Who chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chooser {
    /// The index of the simulator.
    Index,
    /// The exhaustive scan.
    Scan,
}

/// A cluster at work.
pub struct Steady {
    cluster: Cluster,
    rules: Rules,
    group: GroupId,
    index: Index,
    calendar: Calendar<u32>,
    running: Vec<(InstanceId, Demand)>,
    free: Vec<u32>,
    draws: SplitMix64,
    now: SimTime,
    gap: f64,
    asked: u64,
    /// Tasks that fitted nowhere.
    pub dropped: u64,
    /// Sum over decisions of (number of the decision × chosen host), to tell that two choosers agree.
    pub checksum: u64,
}

impl Steady {
    /// `hosts` hosts, filled under `strategy`.
    pub fn filled(hosts: u32, strategy: StrategyRule) -> Self {
        let mut steady = Steady::empty(hosts, strategy);
        for _ in 0..(TASKS_A_HOST * f64::from(hosts)) as u64 {
            steady.task(Chooser::Index);
        }
        steady
    }

    /// `hosts` hosts, each with as many tasks: a state that is cheap to make.
    pub fn filled_evenly(hosts: u32, strategy: StrategyRule) -> Self {
        let mut steady = Steady::empty(hosts, strategy);
        for host in 0..hosts {
            for _ in 0..TASKS_A_HOST as u32 {
                let (demand, duration) = steady.draw();
                if steady.cluster.instances()[InstanceId(host)]
                    .free
                    .fits(&demand.resources)
                {
                    steady.start(InstanceId(host), demand, duration);
                }
            }
        }
        steady
    }

    fn empty(hosts: u32, strategy: StrategyRule) -> Self {
        let mut cluster = Cluster::new("default");
        for number in 0..hosts {
            let description = Description {
                name: number.to_string(),
                ec2_instance_id: None,
                instance_type: None,
                attributes: BTreeMap::new(),
                agent_version: None,
                registered_at: 0,
                capacity: HOST,
                reserved_ports: Vec::new(),
                price: None,
                ..Description::default()
            };
            cluster.register(description, InstanceStatus::Active, true);
        }
        let group = cluster.group("family:task");
        let rules = Rules {
            pool: Pool::Ec2,
            required: Vec::new(),
            subnets: None,
            constraints: Vec::new(),
            strategies: vec![strategy],
        };
        Steady {
            index: Index::new([&rules]),
            cluster,
            rules,
            group,
            calendar: Calendar::new(),
            running: Vec::new(),
            free: Vec::new(),
            draws: SplitMix64(42),
            now: SimTime::ZERO,
            gap: DURATION / (TASKS_A_HOST * f64::from(hosts)),
            asked: 0,
            dropped: 0,
            checksum: 0,
        }
    }

    /// Lets a thousand tasks arrive, and one that fits nowhere, so that whatever is built at the
    /// first question of its kind is there.
    pub fn settle(&mut self, chooser: Chooser) {
        for _ in 0..1_000 {
            self.step(chooser);
        }
        let resources = Resources {
            cpu: u32::MAX,
            ..HOST
        };
        assert_eq!(
            self.choose(
                &Demand {
                    resources,
                    ..Demand::default()
                },
                chooser
            ),
            None
        );
    }

    /// Lets `count` tasks arrive, and end those whose time has come.
    #[inline(never)]
    pub fn measured_tasks(&mut self, count: u64, chooser: Chooser) {
        for _ in 0..count {
            self.step(chooser);
        }
    }

    fn step(&mut self, chooser: Chooser) {
        {
            self.task(chooser);
            let gap = self.draws.exponential(self.gap);
            self.now += SimDuration::from_secs_f64(gap);
            while self.calendar.next_time().is_some_and(|at| at <= self.now) {
                let Some((_, slot)) = self.calendar.pop() else {
                    break;
                };
                let (host, demand) = &self.running[slot as usize];
                self.cluster.release(*host, demand, self.group, 0);
                self.free.push(slot);
            }
        }
    }

    fn task(&mut self, chooser: Chooser) {
        let (demand, duration) = self.draw();
        let host = self.choose(&demand, chooser);
        let Some(host) = host else {
            self.dropped += 1;
            return;
        };
        self.checksum = self
            .checksum
            .wrapping_add(self.asked.wrapping_mul(u64::from(host.0) + 1));
        self.start(host, demand, duration);
    }

    fn choose(&mut self, demand: &Demand, chooser: Chooser) -> Option<InstanceId> {
        self.asked += 1;
        let request = Request {
            rules_id: RulesId(0),
            rules: &self.rules,
            demand,
            group: self.group,
        };
        let mut draw = Draw::new(Streams::new(1), Purpose::RandomPlacement, 0, self.asked);
        match chooser {
            Chooser::Index => self.index.choose(&self.cluster, &request, &mut draw),
            Chooser::Scan => scan::choose(&self.cluster, &request, &mut draw),
        }
    }

    fn start(&mut self, host: InstanceId, demand: Demand, duration: SimDuration) {
        self.cluster.place(host, &demand, self.group);
        let slot = self.free.pop().unwrap_or(self.running.len() as u32);
        match self.running.get_mut(slot as usize) {
            Some(place) => *place = (host, demand),
            None => self.running.push((host, demand)),
        }
        self.calendar.schedule(self.now + duration, 0, slot);
    }

    fn draw(&mut self) -> (Demand, SimDuration) {
        let base = match self.draws.below(100) {
            0..45 => 1,
            45..75 => 2,
            75..95 => 4,
            _ => 8,
        };
        let cpu = base * 1024 - self.draws.below(base * 512);
        let ratio = match self.draws.below(100) {
            0..50 => 2.0,
            50..80 => 4.0,
            _ => 8.0,
        };
        let memory = cpu as f64 * ratio * (0.5 + self.draws.unit());
        let duration = SimDuration::from_secs_f64(self.draws.exponential(DURATION));
        let memory = (memory as u32).clamp(1, 131_072);
        let resources = Resources {
            cpu: cpu as u32,
            memory,
            gpus: 0,
            enis: 0,
        };
        (
            Demand {
                resources,
                ..Demand::default()
            },
            duration,
        )
    }
}
