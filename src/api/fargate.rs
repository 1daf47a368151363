//! Task sizes that Fargate offers.

use super::OperatingSystem;

/// Whether Fargate offers tasks of `cpu` CPU units and `memory` MiB.
///
/// The 32-vCPU sizes of newer guide pages are not in the service model, which is what counts here.
/// Source: ECS API reference, RegisterTaskDefinition, `memory`; developer guide, "Task size".
pub fn is_fargate_size(cpu: u32, memory: u32, system: OperatingSystem) -> bool {
    let steps = |least, most, step| (least..=most).contains(&memory) && memory.is_multiple_of(step);
    let linux = system == OperatingSystem::Linux;
    match cpu {
        256 => linux && [512, 1024, 2048].contains(&memory),
        512 => linux && steps(1024, 4096, 1024),
        1024 => steps(2048, 8192, 1024),
        2048 => steps(4096, 16_384, 1024),
        4096 => steps(8192, 30_720, 1024),
        8192 => linux && steps(16_384, 61_440, 4096),
        16_384 => linux && steps(32_768, 122_880, 8192),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OperatingSystem::{Linux, Windows};

    fn check(system: OperatingSystem, accepted: bool, pairs: &[(u32, u32)]) {
        for &(cpu, memory) in pairs {
            assert_eq!(
                is_fargate_size(cpu, memory, system),
                accepted,
                "{cpu}/{memory} {system:?}"
            );
        }
    }

    #[test]
    fn ecs_g105_offered_pairs() {
        let pairs = [
            (256, 512),
            (512, 4096),
            (1024, 8192),
            (2048, 16_384),
            (4096, 30_720),
            (8192, 61_440),
            (16_384, 122_880),
        ];
        check(Linux, true, &pairs);
        check(Windows, true, &pairs[2..5]);
    }

    #[test]
    fn ecs_g106_pairs_beside_the_table() {
        check(
            Linux,
            false,
            &[
                (256, 768),
                (256, 4096),
                (512, 512),
                (1024, 1024),
                (2048, 2048),
                (4096, 31_744),
            ],
        );
        check(
            Linux,
            false,
            &[(8192, 18_432), (16_384, 36_864), (16_384, 40_000)],
        );
    }

    #[test]
    fn ecs_g107_windows() {
        check(Windows, false, &[(256, 512), (512, 1024), (8192, 16_384)]);
    }

    #[test]
    fn ecs_g109_32_vcpus_are_not_in_the_model() {
        check(Linux, false, &[(32_768, 61_440)]);
    }

    #[test]
    fn there_are_74_pairs() {
        let pairs = (0..16)
            .map(|power| 1 << power)
            .flat_map(|cpu| (0..=131_072).step_by(256).map(move |memory| (cpu, memory)));
        assert_eq!(
            pairs
                .filter(|&(cpu, memory)| is_fargate_size(cpu, memory, Linux))
                .count(),
            74
        );
    }
}
