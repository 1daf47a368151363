use super::*;

fn ranges(texts: &[&str]) -> Vec<NodeRange> {
    let range = |text: &&str| NodeRange::parse(text).expect(text);
    texts.iter().map(range).collect()
}

#[test]
fn batch_g67_node_ranges() {
    let check = |num_nodes, texts: &[&str], expected: &[usize]| {
        let assigned = assign(num_nodes, &ranges(texts));
        assert_eq!(assigned.as_deref(), Ok(expected), "{num_nodes} {texts:?}");
    };
    check(4, &["0:3"], &[0; 4]);
    check(4, &[":3"], &[0; 4]);
    check(4, &["0:"], &[0; 4]);
    check(4, &[":"], &[0; 4]);
    check(6, &["0:", "4:5"], &[0, 0, 0, 0, 1, 1]);
    check(6, &["4:5", "0:"], &[1, 1, 1, 1, 0, 0]);
    check(11, &["0:10", "4:5"], &[0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
    // Ranges side by side, a node alone, three deep, a shared end.
    check(4, &["0:2", "3:"], &[0, 0, 0, 1]);
    check(4, &["0", "1:"], &[0, 1, 1, 1]);
    check(5, &["2", ":", "1:3"], &[1, 2, 0, 2, 1]);
    check(3, &["0:2", "0:1", "2"], &[1, 1, 2]);
    check(1, &[":"], &[0]);
    check(5, &["0", "1", "2", "3", "4"], &[0, 1, 2, 3, 4]);
}

#[test]
fn batch_g67_node_ranges_that_are_refused() {
    let check = |num_nodes, texts: &[&str], text: &str| {
        let assigned = assign(num_nodes, &ranges(texts));
        assert_eq!(assigned, Err(text.to_owned()), "{num_nodes} {texts:?}");
    };
    check(4, &["0:2"], "targetNodes leave out node 3.");
    check(4, &["1:"], "targetNodes leave out node 0.");
    check(4, &["0:1", "3:"], "targetNodes leave out node 2.");
    check(
        4,
        &["0:4"],
        "targetNodes 0:4 has node 4; the last of 4 nodes is 3.",
    );
    check(
        4,
        &["0:3", "4:"],
        "targetNodes 4: has node 4; the last of 4 nodes is 3.",
    );
    check(
        9,
        &["0:5", "3:8"],
        "targetNodes 0:5 and 3:8 overlap, and neither holds the other.",
    );
    check(
        9,
        &["3:8", "0:5"],
        "targetNodes 3:8 and 0:5 overlap, and neither holds the other.",
    );
    check(
        9,
        &[":", "0:5", "5:8"],
        "targetNodes 0:5 and 5:8 overlap, and neither holds the other.",
    );
    check(
        4,
        &["0:3", "1", "0:3"],
        "targetNodes 0:3 and 0:3 are the same nodes.",
    );
    check(
        4,
        &[":", "0:3"],
        "targetNodes 0: and 0:3 are the same nodes.",
    );
    check(
        4,
        &["3", "3:", ":"],
        "targetNodes 3:3 and 3: are the same nodes.",
    );
    check(
        4,
        &[],
        "nodeRangeProperties has 0 entries; it must have 1 to 5.",
    );
    let six = ["0", "1", "2", "3", "4", "5"];
    check(
        6,
        &six,
        "nodeRangeProperties has 6 entries; it must have 1 to 5.",
    );
    check(0, &[":"], "numNodes is 0; it must be 1 to 1000.");
    check(1001, &[":"], "numNodes is 1001; it must be 1 to 1000.");
    check(
        u32::MAX,
        &[":"],
        "numNodes is 4294967295; it must be 1 to 1000.",
    );
    check(
        4,
        &["0:4294967295"],
        "targetNodes 0:4294967295 has node 4294967295; the last of 4 nodes is 3.",
    );
}

#[test]
fn batch_g67_another_number_of_nodes() {
    let check = |main_node, texts: &[&str], num_nodes, expected: Result<(), &str>| {
        let checked = check_override(main_node, &ranges(texts), num_nodes);
        assert_eq!(
            checked,
            expected.map_err(str::to_owned),
            "{texts:?} {num_nodes}"
        );
    };
    check(0, &["0:"], 8, Ok(()));
    assert_eq!(assign(8, &ranges(&["0:"])), Ok(vec![0; 8]));
    check(0, &[":"], 1, Ok(()));
    check(1, &["0:1", "2:"], 3, Ok(()));
    let closed = "numNodes can be overridden only if a targetNodes has no upper end.";
    check(0, &["0:3"], 8, Err(closed));
    check(0, &["0:3"], 4, Err(closed));
    let beyond = "targetNodes 3: starts at node 3; numNodes must be greater, not 2.";
    check(0, &["0:2", "3:"], 2, Err(beyond));
    let beyond = "targetNodes 3: starts at node 3; numNodes must be greater, not 3.";
    check(0, &["0:", "3:"], 3, Err(beyond));
    check(
        3,
        &["0:"],
        3,
        Err("mainNode is 3; it must be 0 or more and less than numNodes, 3."),
    );
    check(2, &["0:"], 3, Ok(()));
    // The ranges are held to the new number as they were to the old one.
    let fixed = "targetNodes 4:5 has node 5; the last of 5 nodes is 4.";
    check(0, &["0:", "4:5"], 5, Err(fixed));
    let same = "targetNodes 0:3 and 0: are the same nodes.";
    check(0, &["0:3", "0:"], 4, Err(same));
    check(0, &["0:3", "0:"], 5, Ok(()));
    let zero = "targetNodes 0: starts at node 0; numNodes must be greater, not 0.";
    check(0, &["0:"], 0, Err(zero));
    check(
        0,
        &["0:"],
        1001,
        Err("numNodes is 1001; it must be 1 to 1000."),
    );
}

#[test]
fn batch_g66_the_main_node_is_one_of_the_nodes() {
    let refusal = "mainNode is 3; it must be 0 or more and less than numNodes, 3.".to_owned();
    assert_eq!(check_main_node(3, 3), Err(refusal));
    assert_eq!(check_main_node(2, 3), Ok(2));
    assert_eq!(check_main_node(0, 1), Ok(0));
    assert!(check_main_node(-1, 1).is_err());
}

#[test]
fn target_nodes_are_read() {
    for (text, printed) in [
        ("0:3", "0:3"),
        (":3", "0:3"),
        ("0:", "0:"),
        (":", "0:"),
        ("4", "4:4"),
        ("007:010", "7:10"),
        ("5:5", "5:5"),
    ] {
        let range = NodeRange::parse(text).expect(text);
        assert_eq!(range.to_string(), printed, "{text}");
        assert_eq!(NodeRange::parse(printed), Ok(range), "{text}");
    }
    for text in [
        "",
        " ",
        "a",
        "0:b",
        "0 :3",
        " 0:3",
        "0:3 ",
        "+1",
        "0:+1",
        "-1",
        "0:-1",
        "0:1:2",
        "::",
        "0-3",
        "1.0",
        "１",
        "*",
        "n:m",
        "4294967296",
        "0:99999999999999999999",
    ] {
        let refusal = format!("targetNodes is '{text}'; it must be a range such as 0:3, 4: or :");
        assert_eq!(NodeRange::parse(text), Err(refusal));
    }
    let refusal = "targetNodes is '5:3'; it ends before it starts.".to_owned();
    assert_eq!(NodeRange::parse("5:3"), Err(refusal));
}

/// Five ranges, up to four deep: 250 in 200:299 in 100:899 in all, and 900: beside them.
#[test]
fn a_thousand_nodes() {
    let mut texts = [":", "100:899", "200:299", "250", "900:"];
    for _ in 0..texts.len() {
        texts.rotate_left(1);
        let assigned = assign(1000, &ranges(&texts)).expect("nested ranges");
        let count = |text| {
            let index = texts.iter().position(|it| *it == text);
            assigned.iter().filter(|it| Some(**it) == index).count()
        };
        assert_eq!(assigned.len(), 1000);
        assert_eq!(texts[assigned[250]], "250");
        assert_eq!(count("250"), 1);
        assert_eq!(count("200:299"), 99);
        assert_eq!(count("100:899"), 700);
        assert_eq!(count("900:"), 100);
        assert_eq!(count(":"), 100);
    }
}
