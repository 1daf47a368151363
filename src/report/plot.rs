//! Pictures of a run: utilization over time, a heat map of the instances, the distribution of waits;
//! jobs by state, and the attempts of jobs on instances.
//!
//! Each function takes plain numbers and returns a [`Picture`], which is written as SVG or as PNG.
//! Nothing here knows a cluster, and any numbers make a picture: what cannot be drawn (a bin out of
//! order, a value that is not finite) is left out. Fonts are compiled in.

pub(super) mod axis;
mod bins;
mod ecdf;
mod gantt;
mod heat_map;
mod palette;
mod panel;
mod picture;
mod stack;
mod utilization;

use plotters::style::RGBColor;

pub use ecdf::{Ecdf, ecdf};
pub use gantt::{Bar, Fate, Gantt, Lane, gantt};
pub use heat_map::{HeatMap, ResourceHeat, heat_map};
pub use picture::{HEIGHT, Picture, WIDTH};
pub use stack::{Stack, stack};
pub use utilization::{ProviderUse, ResourceUse, Utilization, utilization};

/// A resource of which instances have a capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// CPU units.
    Cpu,
    /// Memory.
    Memory,
    /// GPUs.
    Gpu,
    /// Elastic network interfaces.
    Eni,
}

impl Resource {
    /// How many resources there are, and so how many panels a picture has room for.
    const COUNT: usize = 4;

    fn name(self) -> &'static str {
        match self {
            Resource::Cpu => "CPU",
            Resource::Memory => "Memory",
            Resource::Gpu => "GPU",
            Resource::Eni => "ENI",
        }
    }

    fn color(self) -> RGBColor {
        match self {
            Resource::Cpu => palette::BLUE,
            Resource::Memory => palette::VERMILLION,
            Resource::Gpu => palette::GREEN,
            Resource::Eni => palette::PURPLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "arn:aws:ecs:us-east-1:012345678910:container-instance/default/";

    fn bins(count: usize, span: f64) -> Vec<f64> {
        (0..=count)
            .map(|edge| span * edge as f64 / count as f64)
            .collect()
    }

    /// A wave between 0 and 1.
    fn wave(count: usize) -> Vec<f64> {
        (0..count)
            .map(|bin| 0.5 + 0.5 * (bin as f64 / 7.0).sin())
            .collect()
    }

    fn shares(count: usize) -> Vec<Option<f64>> {
        wave(count)
            .into_iter()
            .map(|share| (share > 0.1).then_some(share))
            .collect()
    }

    fn utilization_of(resources: &[Resource], count: usize, span: f64, tasks: f64) -> Utilization {
        let levels = |resource: &Resource| ResourceUse {
            resource: *resource,
            reserved: shares(count),
            stranded: wave(count)
                .iter()
                .map(|share| Some((1.0 - share) / 2.0))
                .collect(),
        };
        Utilization {
            title: "a <b> & \"c\"".to_string(),
            edges: bins(count, span),
            resources: resources.iter().map(levels).collect(),
            running: wave(count).iter().map(|share| share * tasks).collect(),
            waiting: wave(count)
                .iter()
                .map(|share| share * tasks / 3.0)
                .collect(),
            ..Utilization::default()
        }
    }

    /// The same with tasks in every state and so many capacity providers.
    fn scaled_of(resources: &[Resource], count: usize, providers: usize) -> Utilization {
        let provider = |number: usize| ProviderUse {
            name: format!("provider-{number}"),
            desired: wave(count).iter().map(|share| share * 12.0).collect(),
            running: wave(count).iter().map(|share| share * 9.0).collect(),
            reservation: shares(count)
                .into_iter()
                .map(|share| share.map(|share| share * 200.0))
                .collect(),
        };
        Utilization {
            provisioning: wave(count).iter().map(|share| share * 5.0).collect(),
            stopping: wave(count),
            providers: (0..providers).map(provider).collect(),
            ..utilization_of(resources, count, 86_400.0, 40.0)
        }
    }

    fn heat_map_of(resources: &[Resource], instances: usize, count: usize, name: &str) -> HeatMap {
        let heat = |resource: &Resource| ResourceHeat {
            resource: *resource,
            reserved: (0..instances).map(|row| shares(count + row % 3)).collect(),
        };
        HeatMap {
            title: "instances".to_string(),
            edges: bins(count, 90_000.0),
            instances: (0..instances).map(|row| format!("{name}{row}")).collect(),
            resources: resources.iter().map(heat).collect(),
        }
    }

    fn ecdf_of(groups: usize, count: usize, wait: impl Fn(f64) -> f64) -> Ecdf {
        let waits = |factor: f64| {
            wave(count)
                .iter()
                .map(|share| wait(share * factor))
                .collect()
        };
        Ecdf {
            title: "waits".to_string(),
            all: waits(1.0),
            groups: (0..groups)
                .map(|group| (format!("{LONG}{group}"), waits(group as f64)))
                .collect(),
        }
    }

    fn stack_of(count: usize, span: f64, jobs: f64) -> Stack {
        let states = |names: &[&str]| {
            let levels = || wave(count).iter().map(|share| share * jobs).collect();
            names
                .iter()
                .map(|name| (name.to_string(), levels()))
                .collect()
        };
        Stack {
            title: "jobs".to_string(),
            edges: bins(count, span),
            live: states(&["RUNNING", "STARTING", "RUNNABLE", "PENDING", "SUBMITTED"]),
            ended: states(&["SUCCEEDED", "FAILED"]),
        }
    }

    /// Instances with so many attempts each, two at once, of every fate.
    fn gantt_of(instances: usize, attempts: usize, name: &str) -> Gantt {
        let fates = [Fate::Succeeded, Fate::Retried, Fate::Failed, Fate::InFlight];
        let bar = |number: usize| Bar {
            placed: number as f64,
            started: (!number.is_multiple_of(7)).then_some(number as f64 + 0.2),
            until: number as f64 + 1.9,
            fate: fates[number % 4],
        };
        Gantt {
            title: "attempts".to_string(),
            end: attempts as f64 + 2.0,
            lanes: (0..instances)
                .map(|lane| Lane {
                    name: format!("{name}{lane}"),
                    present: (lane % 2 > 0).then_some((0.5, attempts as f64)),
                    bars: (0..attempts).map(bar).collect(),
                })
                .collect(),
        }
    }

    const EVERY: [Resource; 4] = [
        Resource::Cpu,
        Resource::Memory,
        Resource::Gpu,
        Resource::Eni,
    ];

    fn pictures() -> Vec<(&'static str, Picture)> {
        let utilization = |resources: &[Resource], count, span, tasks| {
            utilization(&utilization_of(resources, count, span, tasks))
        };
        let heat_map = |resources: &[Resource], instances, count, name| {
            heat_map(&heat_map_of(resources, instances, count, name))
        };
        let ecdf = |groups, count, wait: fn(f64) -> f64| ecdf(&ecdf_of(groups, count, wait));
        vec![
            ("a day", utilization(&EVERY[..3], 288, 86_400.0, 40.0)),
            (
                "every resource, many bins",
                utilization(&EVERY, 20_000, 2e6, 4e4),
            ),
            (
                "more resources than there are",
                utilization(&EVERY.repeat(20), 5, 60.0, 3.0),
            ),
            (
                "a capacity provider",
                super::utilization(&scaled_of(&EVERY[..2], 288, 1)),
            ),
            (
                "every resource, many capacity providers",
                super::utilization(&scaled_of(&EVERY, 288, 9)),
            ),
            ("no resource", utilization(&[], 10, 60.0, 0.0)),
            ("one bin", utilization(&EVERY, 1, 1e-3, 1.0)),
            ("huge time and counts", utilization(&EVERY, 9, 1e15, 1e300)),
            ("no bins", super::utilization(&Utilization::default())),
            ("instances", heat_map(&EVERY[..3], 40, 96, "i-")),
            ("128 instances", heat_map(&EVERY, 128, 200, LONG)),
            ("1000 instances", heat_map(&EVERY[..1], 1000, 30, "i-")),
            ("one instance, one bin", heat_map(&EVERY[..1], 1, 1, "")),
            (
                "square letters",
                heat_map(&EVERY[..2], 60, 10, "容器实例容器实例容器实例容器实例"),
            ),
            ("no instances", heat_map(&EVERY, 0, 5, "")),
            ("no heat", super::heat_map(&HeatMap::default())),
            ("waits", ecdf(6, 500, |wait| wait * 100.0)),
            (
                "waits with zeros, logarithmic",
                ecdf(9, 500, |wait| (wait * 20.0).exp_m1().max(0.5) - 0.5),
            ),
            ("jobs", stack(&stack_of(288, 86_400.0, 40.0))),
            ("many jobs, many bins", stack(&stack_of(20_000, 2e6, 4e6))),
            ("huge counts", stack(&stack_of(9, 1e15, 1e300))),
            ("no jobs", stack(&stack_of(10, 60.0, 0.0))),
            ("no bins of jobs", stack(&Stack::default())),
            ("50 attempts", gantt(&gantt_of(5, 10, "i-"))),
            ("a bar each", gantt(&gantt_of(70, 10, LONG))),
            ("50,000 attempts", gantt(&gantt_of(500, 100, LONG))),
            ("one attempt", gantt(&gantt_of(1, 1, ""))),
            ("no attempts", gantt(&gantt_of(9, 0, "i-"))),
            ("no lanes", gantt(&Gantt::default())),
            ("one wait", ecdf(0, 1, |_| 90.0)),
            ("all waits 0", ecdf(2, 10, |_| 0.0)),
            ("all waits equal", ecdf(2, 10, |_| 7.0)),
            ("huge waits", ecdf(1, 100, |wait| (wait * 700.0).exp())),
            ("no finite wait", ecdf(1, 10, |_| f64::NAN)),
            ("no waits", super::ecdf(&Ecdf::default())),
        ]
    }

    /// Tags nest, attributes are quoted, and text has no bare `<` or `&`.
    fn assert_well_formed(svg: &str) {
        let mut open: Vec<&str> = Vec::new();
        for piece in svg.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').expect("a tag ends");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.extend(tag.split(' ').next());
            }
            for entity in [tag, text].iter().flat_map(|part| part.split('&').skip(1)) {
                let name = entity.split(';').next();
                assert!(
                    matches!(name, Some("lt" | "gt" | "amp" | "quot" | "apos")),
                    "&{entity}"
                );
            }
            assert!(
                text.chars().all(|c| c == '\n' || !c.is_control()),
                "{text:?}"
            );
        }
        assert!(open.is_empty() && svg.starts_with("<svg "), "{open:?}");
    }

    #[test]
    fn every_picture_is_well_formed_and_no_texts_overlap() {
        for (name, picture) in pictures() {
            assert_well_formed(&picture.svg());
            assert_eq!(picture.misplaced(), [""; 0], "{name}");
        }
    }

    #[test]
    fn pictures_bear_their_names() {
        let check = |picture: Picture, texts: &[&str]| {
            let svg = picture.svg();
            for text in texts {
                assert!(svg.contains(&format!(">\n{text}\n</text>")), "no {text:?}");
            }
            assert!(svg.contains("font-family=\"sans-serif\""));
        };
        check(
            utilization(&utilization_of(&EVERY[..3], 288, 86_400.0, 40.0)),
            &[
                "a &lt;b&gt; &amp; &quot;c&quot;",
                "time (h)",
                "CPU (%)",
                "GPU stranded",
                "tasks waiting",
            ],
        );
        check(
            utilization(&scaled_of(&EVERY[..1], 288, 1)),
            &[
                "provisioning",
                "stopping",
                "instances desired",
                "reservation",
            ],
        );
        check(
            heat_map(&heat_map_of(&EVERY[..2], 4, 9, "i-")),
            &[
                "instances",
                "i-0",
                "i-3",
                "Memory",
                "100 %",
                "absent",
                "time (h)",
            ],
        );
        check(
            ecdf(&Ecdf {
                title: "line\u{0}\nbreak".to_string(),
                all: vec![10.0, 20.0, 30.0, 40.0],
                groups: vec![("service:web".to_string(), vec![10.0])],
            }),
            &[
                "line  break",
                "service:web",
                "n = 4",
                "p50 = 20 s",
                "p95 = 40 s",
                "wait (s)",
            ],
        );
        check(
            stack(&stack_of(20, 60.0, 4.0)),
            &["jobs ended", "RUNNABLE", "FAILED", "time (s)"],
        );
        check(
            gantt(&gantt_of(3, 8, "i-")),
            &["i-0", "i-2", "starting", "retried", "failed", "running"],
        );
        check(
            gantt(&gantt_of(500, 100, "i-")),
            &["i-0", "succeeded", "height of a row: the"],
        );
        check(utilization(&Utilization::default()), &["no data"]);
    }

    #[test]
    fn a_resource_without_capacity_is_left_out() {
        let mut input = utilization_of(&EVERY[..2], 4, 60.0, 1.0);
        input.resources[0].reserved = vec![None; 4];
        let svg = utilization(&input).svg();
        assert!(!svg.contains("CPU") && svg.contains("Memory"));
    }

    #[test]
    fn a_png_has_the_right_size_and_holds_every_pixel() {
        use std::io::Read;
        let png = ecdf(&ecdf_of(2, 50, |wait| wait)).png();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[8..16], b"\0\0\0\x0dIHDR");
        assert_eq!(
            png[16..24],
            [1200u32.to_be_bytes(), 700u32.to_be_bytes()].concat()
        );
        assert_eq!(&png[37..41], b"IDAT");
        assert!(png.ends_with(b"IEND\xae\x42\x60\x82"));
        let mut rows = Vec::new();
        let data = flate2::read::ZlibDecoder::new(&png[41..]).read_to_end(&mut rows);
        assert_eq!(data.ok(), Some(700 * (1 + 1200 * 3)));
        assert!(
            rows[1..4] == [255; 3] && rows.contains(&0),
            "white at the corner, black somewhere"
        );
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        let draw = || heat_map(&heat_map_of(&EVERY[..2], 20, 30, "i-"));
        assert_eq!(draw().svg(), draw().svg());
        assert_eq!(draw().png(), draw().png());
    }

    #[test]
    fn any_numbers_make_a_picture() {
        let odd = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1.0,
            0.0,
            1e-300,
            1.0,
            1e15,
            1e300,
        ];
        for first in odd {
            for second in odd {
                let numbers = vec![first, second, second + 1.0];
                let shares: Vec<_> = numbers.iter().copied().map(Some).collect();
                let reserved = shares.clone();
                let (resource, stranded) = (Resource::Cpu, shares.clone());
                let pictures = [
                    utilization(&Utilization {
                        edges: numbers.clone(),
                        resources: vec![ResourceUse {
                            resource,
                            reserved,
                            stranded,
                        }],
                        running: numbers.clone(),
                        ..Utilization::default()
                    }),
                    heat_map(&HeatMap {
                        edges: numbers.clone(),
                        instances: vec!["i".to_string()],
                        resources: vec![ResourceHeat {
                            resource,
                            reserved: vec![shares],
                        }],
                        ..HeatMap::default()
                    }),
                    ecdf(&Ecdf {
                        all: numbers.clone(),
                        ..Ecdf::default()
                    }),
                    stack(&Stack {
                        edges: numbers.clone(),
                        live: vec![("live".to_string(), numbers.clone())],
                        ended: vec![("ended".to_string(), numbers.clone())],
                        ..Stack::default()
                    }),
                    gantt(&Gantt {
                        end: first,
                        lanes: vec![Lane {
                            present: Some((second, first)),
                            bars: vec![Bar {
                                placed: first,
                                started: Some(second),
                                until: second + 1.0,
                                fate: Fate::Failed,
                            }],
                            ..Lane::default()
                        }],
                        ..Gantt::default()
                    }),
                ];
                for picture in pictures {
                    assert_well_formed(&picture.svg());
                    assert_eq!(picture.misplaced(), [""; 0], "{numbers:?}");
                }
            }
        }
    }
}
