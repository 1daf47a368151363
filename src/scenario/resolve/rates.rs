//! Faults and Fargate: how often, how fast, at what price.

use super::{Resolver, micro_dollars};
use crate::engine::plan::{Fargate, Faults};
use crate::scenario::file;
use crate::time::SimDuration;
use crate::units::Duration;

/// Prices of a vCPU-hour and a GB-hour on Linux and X86 in us-east-1, in US dollars.
/// Source: AWS Fargate pricing.
const USD_PER_HOUR: (f64, f64) = (0.040_48, 0.004_445);

/// Shortest mean time between two faults of one instance or task.
const SHORTEST_MEAN: SimDuration = SimDuration::from_secs(1);

impl<'a> Resolver<'a> {
    pub(super) fn faults_of_capacity(&mut self) -> Faults {
        let written = &self.scenario.faults;
        let failures = written.instance_failures;
        if let Some(failures) = failures.filter(|it| it.mtbf.span() < SHORTEST_MEAN) {
            let message = format!("{} is below 1s", failures.mtbf);
            self.problem("faults.instanceFailures.mtbf", message);
        }
        Faults {
            spot_interruption: self.mean("spotInterruptions", written.spot_interruptions),
            instance_failure: failures.map(|failures| failures.mtbf.span()),
            instance_repair: failures.and_then(|it| it.replace_after.map(Duration::span)),
            fargate_spot_interruption: self.mean(
                "fargateSpotInterruptions",
                written.fargate_spot_interruptions,
            ),
        }
    }

    /// Mean time to an interruption.
    fn mean(&mut self, key: &str, written: Option<file::Interruptions>) -> Option<SimDuration> {
        let rate = written?.rate;
        let mean = SimDuration::from_secs_f64(1.0 / rate.per_sec());
        if mean < SHORTEST_MEAN {
            let message = format!("{rate} is more than 1/s");
            self.problem(&format!("faults.{key}.rate"), message);
        }
        Some(mean)
    }

    pub(super) fn fargate(&mut self) -> Fargate {
        let written = &self.scenario.fargate;
        let units = |vcpus: Option<u32>| vcpus.map(|vcpus| u64::from(vcpus) * 1024);
        let spot = (written.spot_usd_per_vcpu_hour, written.spot_usd_per_gb_hour);
        let missing = match spot {
            (Some(_), None) => Some(("spotUsdPerVcpuHour", "spotUsdPerGbHour")),
            (None, Some(_)) => Some(("spotUsdPerGbHour", "spotUsdPerVcpuHour")),
            _ => None,
        };
        if let Some((given, missing)) = missing {
            let message = format!("{given} goes with {missing}");
            self.problem(&format!("fargate.{given}"), message).help =
                Some("give both, or neither".to_owned());
        }
        let price = (
            written.usd_per_vcpu_hour.unwrap_or(USD_PER_HOUR.0),
            written.usd_per_gb_hour.unwrap_or(USD_PER_HOUR.1),
        );
        let micro = |(vcpu, gb)| (micro_dollars(vcpu), micro_dollars(gb));
        Fargate {
            on_demand_quota: units(written.on_demand_vcpu_quota),
            spot_quota: units(written.spot_vcpu_quota),
            launch_rate: written
                .launch_rate
                .map(|rate| (rate.burst, rate.per_second)),
            price: Some(micro(price)),
            spot_price: spot.0.zip(spot.1).map(micro),
        }
    }
}
