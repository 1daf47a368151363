use super::*;

const VCPU: u32 = 1024;

/// A type of 4 GiB a vCPU that may be used, in a pool of depth 0, first in the list.
fn offer(name: &str, vcpus: u32, price: u64) -> Offer {
    Offer {
        name: name.to_owned(),
        vcpus,
        memory: vcpus * 4096,
        gpus: 0,
        price,
        depth: 0,
        usable: true,
        position: 0,
    }
}

fn pool(name: &str, price: u64, depth: u32, position: u32) -> Offer {
    Offer {
        depth,
        position,
        ..offer(name, 4, price)
    }
}

fn need(vcpus: u32) -> Need {
    Need {
        cpu: vcpus * VCPU,
        memory: 512,
        gpus: 0,
    }
}

/// The names of the candidates for a job of `vcpus`, in order.
fn check(strategy: AllocationStrategy, offers: &[Offer], vcpus: u32, expected: &[&str]) {
    let order = candidates(strategy, offers, &need(vcpus));
    let names: Vec<&str> = order
        .iter()
        .map(|index| offers[*index].name.as_str())
        .collect();
    assert_eq!(names, expected, "{strategy}");
}

fn list(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// `name@position` of each type of a list, in the catalogue with `rows` more of it.
fn expanded(text: &str, rows: &str) -> String {
    let mut catalogue = Catalogue::embedded();
    let header = "instanceType,vcpus,memoryMib,architecture,onDemandUsdPerHour";
    catalogue
        .extend(format!("{header}\n{rows}").as_bytes())
        .expect("rows that are well formed");
    let types = expand(&list(text), &catalogue).expect("a list that expands");
    let written: Vec<String> = types
        .iter()
        .map(|(found, position)| format!("{}@{position}", found.name))
        .collect();
    written.join(" ")
}

fn refused(text: &str) -> InstanceTypesError {
    expand(&list(text), &Catalogue::embedded()).expect_err("a list that does not expand")
}

#[test]
fn strategies_are_written_as_aws_writes_them() {
    for strategy in AllocationStrategy::ALL {
        assert_eq!(
            AllocationStrategy::parse(&strategy.to_string()),
            Some(strategy)
        );
    }
    let names: Vec<&str> = AllocationStrategy::ALL.map(AllocationStrategy::name).into();
    assert_eq!(
        names,
        [
            "BEST_FIT",
            "BEST_FIT_PROGRESSIVE",
            "BEST_FIT_PROGRESSIVE_ORDERED",
            "SPOT_CAPACITY_OPTIMIZED",
            "SPOT_PRICE_CAPACITY_OPTIMIZED",
            "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
        ]
    );
    assert_eq!(AllocationStrategy::parse("best_fit"), None);
    assert_eq!(AllocationStrategy::default(), AllocationStrategy::BestFit);
}

#[test]
fn some_strategies_are_for_one_way_to_buy() {
    let may = |purchase| AllocationStrategy::ALL.map(|strategy| strategy.is_for(purchase));
    assert_eq!(
        may(Purchase::OnDemand),
        [true, true, true, false, false, false]
    );
    assert_eq!(may(Purchase::Spot), [true, true, false, true, true, true]);
}

#[test]
fn best_fit_takes_the_lowest_price_then_the_fewest_vcpus_then_the_name() {
    let offers = [
        offer("d", 8, 300),
        offer("c", 4, 200),
        offer("b", 2, 200),
        offer("a", 4, 200),
        offer("e", 96, 100),
    ];
    check(
        AllocationStrategy::BestFit,
        &offers,
        1,
        &["e", "b", "a", "c", "d"],
    );
    check(AllocationStrategy::BestFit, &offers, 8, &["e", "d"]);
    check(AllocationStrategy::BestFit, &offers, 97, &[]);
}

#[test]
fn best_fit_progressive_takes_the_lowest_price_a_vcpu_then_the_fewest_vcpus_then_the_name() {
    // A micro-dollar a vCPU: c 100, e 100, b 100, a 100; d 99.99…; f 100.3….
    let offers = [
        offer("e", 8, 800),
        offer("f", 3, 301),
        offer("c", 4, 400),
        offer("b", 2, 200),
        offer("a", 8, 800),
        offer("d", 7, 699),
    ];
    check(
        AllocationStrategy::BestFitProgressive,
        &offers,
        1,
        &["d", "b", "c", "a", "e", "f"],
    );
}

#[test]
fn prices_a_vcpu_are_compared_without_rounding_or_overflow() {
    let offers = [
        offer("dearer", 65_536, u64::MAX),
        offer("cheaper", 65_536, u64::MAX - 1),
    ];
    check(
        AllocationStrategy::BestFitProgressive,
        &offers,
        1,
        &["cheaper", "dearer"],
    );
}

#[test]
fn ordered_takes_the_list_and_progressive_order_inside_a_family() {
    let at = |position, offer: Offer| Offer { position, ..offer };
    let offers = [
        at(1, offer("family.large", 2, 210)),
        at(1, offer("family.xlarge", 4, 400)),
        at(2, offer("cheap.large", 2, 1)),
        at(0, offer("dear.large", 2, 900)),
    ];
    check(
        AllocationStrategy::BestFitProgressiveOrdered,
        &offers,
        1,
        &["dear.large", "family.xlarge", "family.large", "cheap.large"],
    );
    check(
        AllocationStrategy::BestFitProgressiveOrdered,
        &offers,
        4,
        &["family.xlarge"],
    );
}

/// Tiers: 0; 1; 2 and 3; 4 to 7; 8 to 15.
#[test]
fn spot_strategies_look_at_depth_first() {
    let offers = [
        pool("a", 10, 0, 0),
        pool("b", 20, 1, 1),
        pool("c", 90, 8, 5),
        pool("d", 80, 15, 4),
        pool("e", 70, 9, 6),
        pool("f", 60, 7, 2),
        pool("g", 70, 15, 3),
        pool("h", 70, 15, 7),
    ];
    check(
        AllocationStrategy::SpotCapacityOptimized,
        &offers,
        1,
        &["g", "h", "d", "e", "c", "f", "b", "a"],
    );
    check(
        AllocationStrategy::SpotPriceCapacityOptimized,
        &offers,
        1,
        &["e", "g", "h", "d", "c", "f", "b", "a"],
    );
    check(
        AllocationStrategy::SpotCapacityOptimizedPrioritized,
        &offers,
        1,
        &["g", "d", "c", "e", "h", "f", "b", "a"],
    );
}

#[test]
fn prioritized_has_the_progressive_order_inside_a_family() {
    let offers = [
        pool("family.a", 50, 8, 0),
        pool("family.b", 40, 8, 0),
        pool("first", 90, 7, 0),
    ];
    check(
        AllocationStrategy::SpotCapacityOptimizedPrioritized,
        &offers,
        1,
        &["family.b", "family.a", "first"],
    );
}

#[test]
fn what_does_not_fit_or_costs_too_much_is_no_candidate() {
    let small = Offer {
        memory: 7953,
        gpus: 1,
        ..offer("small", 2, 100)
    };
    let fits = |need| small.fits(&need);
    let all = Need {
        cpu: 2 * VCPU,
        memory: 7953,
        gpus: 1,
    };
    assert!(fits(all));
    assert!(fits(Need::default()));
    assert!(!fits(Need {
        cpu: 2 * VCPU + 1,
        ..all
    }));
    assert!(!fits(Need {
        memory: 7954,
        ..all
    }));
    assert!(!fits(Need { gpus: 2, ..all }));
    let dear = Offer {
        usable: false,
        ..small.clone()
    };
    let found = candidates(AllocationStrategy::BestFit, &[dear, small], &all);
    assert_eq!(found, [1]);
}

/// m4.large registers 7985 MiB, and with the Batch AMI 7953; so 8192 MiB never fit.
#[test]
fn g109_u40_registered_memory_is_less_than_nominal() {
    let catalogue = Catalogue::embedded();
    let memory = |name| catalogue.get(name).map(registered_memory);
    assert_eq!(memory("m4.large"), Some(7953));
    assert_eq!(memory("c5.large"), Some(3960));
    assert_eq!(memory("m6i.xlarge"), Some(15_938));
    assert_eq!(memory("m6i.2xlarge"), Some(31_908));
    assert_eq!(memory("m6i.4xlarge"), Some(63_849));
    let m4 = Offer {
        memory: memory("m4.large").expect("a known type"),
        ..offer("m4.large", 2, 100_000)
    };
    let job = Need {
        memory: 8192,
        ..need(1)
    };
    let order = candidates(AllocationStrategy::BestFit, &[m4], &job);
    assert_eq!(
        choose(AllocationStrategy::BestFit, &order, |_| false, false),
        Choice::Nothing
    );
}

#[test]
fn g100_without_capacity_best_fit_waits_and_the_others_go_on() {
    let offers = [
        pool("preferred", 100, 8, 0),
        pool("other", 200, 7, 1),
        pool("last", 300, 3, 2),
    ];
    for strategy in AllocationStrategy::ALL {
        let order = candidates(strategy, &offers, &need(1));
        assert_eq!(order, [0, 1, 2], "{strategy}");
        let choice =
            |lacking: &[usize]| choose(strategy, &order, |index| lacking.contains(&index), false);
        assert_eq!(choice(&[]), Choice::Launch(0), "{strategy}");
        assert_eq!(choice(&[1, 2]), Choice::Launch(0), "{strategy}");
        assert_eq!(choice(&[0, 1, 2]), Choice::InsufficientCapacity(0));
        let (one, two) = match strategy {
            AllocationStrategy::BestFit => (
                Choice::InsufficientCapacity(0),
                Choice::InsufficientCapacity(0),
            ),
            _ => (Choice::Launch(1), Choice::Launch(2)),
        };
        assert_eq!(choice(&[0]), one, "{strategy}");
        assert_eq!(choice(&[0, 1]), two, "{strategy}");
    }
}

#[test]
fn progressive_does_not_go_on_for_a_multi_node_job() {
    let choice = |strategy| choose(strategy, &[5, 6], |index| index == 5, true);
    let insufficient = Choice::InsufficientCapacity(5);
    assert_eq!(choice(AllocationStrategy::BestFit), insufficient);
    assert_eq!(choice(AllocationStrategy::BestFitProgressive), insufficient);
    assert_eq!(
        choice(AllocationStrategy::BestFitProgressiveOrdered),
        Choice::Launch(6)
    );
}

/// m7a.4xlarge costs most a vCPU here, and is launched all the same.
#[test]
fn g101_an_explicit_type_keeps_its_place_before_its_family() {
    let rows = "m7a.large,2,8192,,0.2\n\
                m7a.4xlarge,16,65536,,1.9\n\
                m7a.metal-48xl,192,786432,,1\n\
                m6a.large,2,8192,,0.1\n";
    assert_eq!(
        expanded("m7a.4xlarge m7a m6a", rows),
        "m7a.4xlarge@0 m7a.large@1 m6a.large@2"
    );
    let at = |position, name, vcpus, price| Offer {
        position,
        ..offer(name, vcpus, price)
    };
    let offers = [
        at(0, "m7a.4xlarge", 16, 1_900_000),
        at(1, "m7a.large", 2, 200_000),
        at(2, "m6a.large", 2, 100_000),
    ];
    let strategy = AllocationStrategy::BestFitProgressiveOrdered;
    let order = candidates(strategy, &offers, &need(1));
    assert_eq!(
        choose(strategy, &order, |_| false, false),
        Choice::Launch(0)
    );
}

#[test]
fn a_family_has_every_size_but_metal() {
    assert_eq!(
        expanded("c5", ""),
        "c5.12xlarge@0 c5.18xlarge@0 c5.24xlarge@0 c5.2xlarge@0 c5.4xlarge@0 c5.9xlarge@0 \
         c5.large@0 c5.xlarge@0"
    );
    assert!(!expanded("c7i", "").contains("metal"));
    assert_eq!(expanded("c5.metal", ""), "c5.metal@0");
    assert_eq!(expanded("", ""), "");
}

#[test]
fn an_explicit_type_leaves_its_family_wherever_it_stands() {
    let types = expanded("c5.large c5 m5.large c5.18xlarge m5.large", "");
    assert!(types.starts_with("c5.large@0 c5.12xlarge@1 c5.24xlarge@1"));
    assert!(types.ends_with("c5.xlarge@1 m5.large@2 c5.18xlarge@3"));
    assert_eq!(types.split(' ').count(), 9);
}

#[test]
fn a_type_counts_where_its_family_comes_first() {
    assert_eq!(expanded("c5 c5", ""), expanded("c5", ""));
    let types = expanded("c6i optimal", "");
    assert!(types.contains("c6i.large@0") && types.contains("m6i.large@1"));
    assert_eq!(
        types.matches("c6i.").count(),
        expanded("c6i", "").matches('@').count()
    );
}

#[test]
fn bundles_are_their_families() {
    assert_eq!(expanded("optimal", ""), expanded("default_x86_64", ""),);
    let families = |text| {
        let types = expanded(text, "");
        let mut families: Vec<String> = types
            .split(' ')
            .filter_map(|name| Some(name.split_once('.')?.0.to_owned()))
            .collect();
        families.dedup();
        families.join(" ")
    };
    assert_eq!(families("default_x86_64"), "c6i c7i m6i r6i");
    // c7g belongs to the bundle, but the catalogue that comes along lacks it.
    assert_eq!(families("default_arm64"), "c6g m6g r6g");
    assert!(expanded("default_arm64", "c7g.large,2,4096,arm64,\n").contains(" c7g.large@0 "));
}

#[test]
fn an_entry_that_stands_for_nothing_is_refused_with_the_nearest_name() {
    let check = |text, entry, name: &str, nearest: Option<&str>| {
        assert_eq!(
            refused(text),
            InstanceTypesError::Unknown {
                entry,
                name: name.to_owned(),
                nearest: nearest.map(str::to_owned),
            }
        );
    };
    check("m5 m5.lagre", 1, "m5.lagre", Some("m5.large"));
    check("optimum", 0, "optimum", Some("optimal"));
    check("C6I", 0, "C6I", Some("c6i"));
    check("p4", 0, "p4", Some("c4")); // p3 is as near, c4 is first by name
    check("quantum.huge", 0, "quantum.huge", None);
    assert_eq!(
        refused("m5.lagre").to_string(),
        "no instance type, family or bundle named \"m5.lagre\" in the catalogue"
    );
}

#[test]
fn a_family_of_metal_only_stands_for_nothing() {
    let mut catalogue = Catalogue::default();
    catalogue
        .extend("instanceType,vcpus,memoryMib\nx9.metal,96,1024\n".as_bytes())
        .expect("a row that is well formed");
    let refused = |text| expand(&list(text), &catalogue).map(|types| types.len());
    assert_eq!(refused("x9.metal"), Ok(1));
    assert!(matches!(
        refused("x9"),
        Err(InstanceTypesError::Unknown { entry: 0, .. })
    ));
    assert!(matches!(
        refused("optimal"),
        Err(InstanceTypesError::Unknown { entry: 0, .. })
    ));
}

#[test]
fn an_environment_has_one_architecture() {
    assert_eq!(
        refused("optimal m5.large m7g.large m6g"),
        InstanceTypesError::Architectures {
            entry: 2,
            instance_type: "m7g.large".to_owned(),
            found: Architecture::Arm64,
            expected: Architecture::X86_64,
        }
    );
    assert_eq!(
        refused("m7g optimal").to_string(),
        "c6i.12xlarge is x86_64, the types before it are arm64; an environment has one \
         architecture"
    );
}

/// The maximum is 10 vCPUs, the type has 4: three are launched, never a fourth.
#[test]
fn g99_the_maximum_is_exceeded_by_less_than_one_instance() {
    let launched = |strategy: AllocationStrategy, purchase| {
        let totals = (0_u64..).map(|count| count * 4);
        totals
            .take_while(|total| strategy.may_launch(purchase, *total, 4, 10))
            .count()
    };
    for strategy in AllocationStrategy::ALL {
        for purchase in [Purchase::OnDemand, Purchase::Spot] {
            let stays_within =
                strategy == AllocationStrategy::BestFit && purchase == Purchase::OnDemand;
            let expected = if stays_within { 2 } else { 3 };
            assert_eq!(
                launched(strategy, purchase),
                expected,
                "{strategy} {purchase:?}"
            );
        }
    }
}

#[test]
fn the_maximum_itself_may_be_reached() {
    let best_fit = |total, vcpus, max| {
        AllocationStrategy::BestFit.may_launch(Purchase::OnDemand, total, vcpus, max)
    };
    assert!(best_fit(6, 4, 10));
    assert!(!best_fit(7, 4, 10));
    assert!(!best_fit(u64::MAX, 4, u32::MAX));
    let progressive = |total| {
        AllocationStrategy::BestFitProgressive.may_launch(Purchase::OnDemand, total, 192, 10)
    };
    assert!(progressive(9));
    assert!(!progressive(10));
    assert!(!AllocationStrategy::BestFit.may_launch(Purchase::Spot, 0, 4, 0));
}

/// On-Demand 1.00, 20 %: the Spot price must be below 0.20.
#[test]
fn g105_the_spot_price_is_strictly_below_the_bid() {
    let usable = |spot| usable_spot(spot, 1_000_000, 20);
    assert_eq!(
        [250_000, 200_000, 190_000].map(usable),
        [false, false, true]
    );
    assert!(usable(199_999));
    assert!(usable_spot(33, 101, 33)); // 33 is below 33.33
    assert!(!usable_spot(u64::MAX, u64::MAX, 100));
    assert!(usable_spot(u64::MAX, u64::MAX, 101));
}

#[test]
fn g129_a_multi_node_job_takes_whole_instances_of_the_smallest_type_for_all_nodes() {
    let four = offer("four", 4, 1);
    assert_eq!(multi_node_cpu(&[need(1); 2], [&four]), u64::from(8 * VCPU));
    let eight = offer("eight", 8, 1);
    let two = offer("two", 2, 1);
    let mixed = [need(1), need(3), need(1)];
    let all = [&eight, &two, &four];
    assert_eq!(multi_node_cpu(&mixed, all), u64::from(12 * VCPU));
    assert_eq!(multi_node_cpu(&mixed, [&two]), u64::from(5 * VCPU));
    assert_eq!(
        Need::largest([
            Need { gpus: 1, ..need(1) },
            Need {
                memory: 9,
                ..need(3)
            }
        ]),
        Need {
            cpu: 3 * VCPU,
            memory: 512,
            gpus: 1
        }
    );
}
