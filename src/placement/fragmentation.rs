//! Fragmentation of GPUs: how much of what is free the expected work cannot use, and `x-fgd`, which
//! keeps it from growing.
//!
//! The fragmentation of an instance is the mean over typical tasks, each as often as it is expected,
//! of the GPU capacity there that such a task cannot use: all that is left where it asks for no GPU,
//! may not run there, or finds too little CPU or too few GPUs; else what is left on GPUs that have
//! less than it asks for of one. Memory does not count. `x-fgd` (fragmentation gradient descent)
//! takes the instance, and where the task shares a GPU the device, on which it grows least.
//!
//! Source: Q. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with
//! Fragmentation Gradient Descent", USENIX ATC 2023, sections 3 and 4.

use crate::model::arena::InstanceId;
use crate::model::cluster::Cluster;
use crate::model::gpus::GpusLeft;
use crate::model::mix::{GpuKind, Mix};
use crate::model::request::Request;

/// The fragmentation of an instance: thousandths of a GPU times [`Mix::total`], so that it is a whole
/// number; 0 where no work is expected.
pub fn fragmentation(cluster: &Cluster, id: InstanceId) -> u64 {
    let instance = &cluster.instances()[id];
    cluster.expected(id).map_or(0, |(mix, allowed)| {
        stranded(mix, allowed, instance.free.cpu, &instance.gpus_left())
    })
}

/// Where a task is best off on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// What `x-fgd` gives the instance, 0 to 99; higher is better.
    pub score: u32,
    /// The device, for a task that shares one.
    pub device: Option<u8>,
}

/// What `x-fgd` thinks of an instance that has room: 100 / (1 + exp((after - before) / 1000)), rounded
/// down, of the fragmentation before and after in thousandths of a GPU. A share of a GPU takes the
/// device for which that is highest, of equals the one with the lowest number. 50 where no work is
/// expected.
///
/// The cost grows with the number of kinds of typical tasks (GPUs asked for) times the GPUs of the
/// instance; for a share once more with the devices that differ in what is left.
pub fn fit(cluster: &Cluster, id: InstanceId, request: &Request<'_>) -> Fit {
    let (instance, share) = (&cluster.instances()[id], request.demand.shared_gpu_memory);
    let need = instance.resources_for(request.demand);
    let (left, cpu) = (instance.gpus_left(), instance.free.cpu);
    let change = cluster.expected(id).map(|(mix, allowed)| Change {
        mix,
        allowed,
        before: stranded(mix, allowed, cpu, &left),
        cpu_after: cpu.saturating_sub(need.cpu),
    });
    let score = |after: &GpusLeft| change.as_ref().map_or(EVEN, |change| change.score(after));
    if share == 0 {
        return Fit {
            score: score(&left.without_whole(need.gpus)),
            device: None,
        };
    }
    let mut best = Fit {
        score: 0,
        device: None,
    };
    for (device, amount) in (0u8..).zip(left.devices()) {
        // Devices with as much left are as good.
        let known = left.devices()[..usize::from(device)].contains(amount);
        if *amount < share || known {
            continue;
        }
        let score = score(&left.without(device, share));
        if best.device.is_none() || score > best.score {
            best = Fit {
                score,
                device: Some(device),
            };
        }
    }
    best
}

/// A task that comes to an instance.
struct Change<'a> {
    mix: &'a Mix,
    allowed: &'a [bool],
    before: u64,
    cpu_after: u32,
}

impl Change<'_> {
    fn score(&self, after: &GpusLeft) -> u32 {
        let after = stranded(self.mix, self.allowed, self.cpu_after, after);
        sigmoid(
            i128::from(self.before) - i128::from(after),
            i128::from(self.mix.total),
        )
    }
}

fn stranded(mix: &Mix, allowed: &[bool], cpu: u32, gpus: &GpusLeft) -> u64 {
    let all = gpus.milli(sum(gpus, |_| true));
    let kinds = mix.kinds.iter().zip(allowed);
    let of_each = kinds.map(|(kind, allowed)| match *allowed && all > 0 {
        true => stranded_for(kind, cpu, gpus, all),
        false => kind.total * all,
    });
    of_each.sum()
}

/// What tasks of one kind cannot use, summed over them, where they may run.
fn stranded_for(kind: &GpuKind, cpu: u32, gpus: &GpusLeft, all: u64) -> u64 {
    let (asked, devices) = match (kind.gpus, kind.share) {
        (0, 0) => return kind.total * all,
        (0, share) => (share, 1),
        (whole, _) => (gpus.whole(), whole as usize),
    };
    let enough = gpus.devices().iter().filter(|left| **left >= asked).count();
    if enough < devices {
        return kind.total * all;
    }
    let fitting = kind.within(cpu);
    let small = gpus.milli(sum(gpus, |left| left < asked));
    fitting * small + (kind.total - fitting) * all
}

fn sum(gpus: &GpusLeft, of: impl Fn(u32) -> bool) -> u64 {
    let devices = gpus.devices().iter().filter(|left| of(**left));
    devices.map(|left| u64::from(*left)).sum()
}

/// What an instance gets where nothing changes.
const EVEN: u32 = 50;

/// 100 / (1 + exp(-x)) reaches 51, 52, … 99 at these x, in billionths: ln(k / (100 - k)).
const REACHED_AT: [i128; 49] = [
    40_005_335,
    80_042_708,
    120_144_312,
    160_342_650,
    200_670_695,
    241_162_057,
    281_851_152,
    322_773_392,
    363_965_377,
    405_465_108,
    447_312_218,
    489_548_225,
    532_216_814,
    575_364_145,
    619_039_208,
    663_294_217,
    708_185_058,
    753_771_802,
    800_119_300,
    847_297_860,
    895_384_047,
    944_461_609,
    994_622_575,
    1_045_968_555,
    1_098_612_289,
    1_152_679_510,
    1_208_311_206,
    1_265_666_373,
    1_324_925_415,
    1_386_294_361,
    1_450_010_176,
    1_516_347_489,
    1_585_627_264,
    1_658_228_077,
    1_734_601_055,
    1_815_289_967,
    1_900_958_761,
    1_992_430_165,
    2_090_741_097,
    2_197_224_577,
    2_313_634_929,
    2_442_347_035,
    2_586_689_344,
    2_751_535_313,
    2_944_438_979,
    3_178_053_830,
    3_476_098_690,
    3_891_820_298,
    4_595_119_850,
];

/// 100 / (1 + exp(-x / 1000)) for x = `gain` / `total`, rounded down, without a float.
fn sigmoid(gain: i128, total: i128) -> u32 {
    let gain = gain * 1_000_000;
    // It reaches 50 at 0, and 100 - k at minus the x of k.
    let above = REACHED_AT.iter().take_while(|at| gain >= **at * total);
    let below = REACHED_AT.iter().take_while(|at| gain < -**at * total);
    match gain >= 0 {
        true => EVEN + above.count() as u32,
        false => EVEN - 1 - below.count() as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::instance::{Description, InstanceStatus};
    use crate::model::mix::ExpectedTask;
    use crate::model::resources::{Demand, Resources};

    #[test]
    fn the_table_gives_the_formula() {
        for gain in (-6_000..6_000).map(|step| f64::from(step) * 1.037) {
            let exact = 100.0 / (1.0 + (-gain / 1000.0).exp());
            let total = 8_152.0;
            let found = sigmoid((gain * total) as i128, total as i128);
            assert_eq!(found, exact as u32, "at {gain}: {exact}");
        }
    }

    fn demand(cpu: u32, gpus: u32, share: u32) -> Demand {
        Demand {
            resources: Resources {
                cpu,
                gpus,
                ..Resources::default()
            },
            shared_gpu_memory: share,
            ..Demand::default()
        }
    }

    /// 8 CPU units; a device with 300 of 1000 left, an idle one: 1300 in all. Nine tasks in ten ask
    /// for a share of 400: they cannot use the 300. One in ten asks for a GPU and 9 CPU units: it can
    /// use nothing. 9 × 300 + 1300 = 4000 tenths of a milli-GPU.
    #[test]
    fn what_expected_work_cannot_use_is_fragmented() {
        let mut cluster = Cluster::new("default");
        let capacity = demand(8, 2, 0).resources;
        let description = Description {
            capacity,
            gpu_memory: Some(1000),
            ..Description::default()
        };
        let id = cluster.register(description, InstanceStatus::Active, true);
        let tasks = [(demand(1, 0, 400), 9), (demand(9, 1, 0), 1)];
        cluster.expect(Mix::new(tasks.map(|(demand, count)| ExpectedTask {
            demand,
            constraints: Vec::new(),
            count,
        })));
        let group = cluster.group("g");
        cluster.place(id, &demand(0, 0, 700), group);
        assert_eq!(fragmentation(&cluster, id), 4000);
    }
}
