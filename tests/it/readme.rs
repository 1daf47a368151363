//! The README says what the commands print.

use std::path::Path;
use std::process::Command;

/// The lines after `$ command` up to the end of its console block.
fn printed(readme: &str, command: &str) -> String {
    let start = format!("```console\n$ {command}\n");
    let block = readme
        .split(&start)
        .nth(1)
        .unwrap_or_else(|| panic!("no block for {command}"));
    block
        .split("```")
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

#[test]
fn quickstart_prints_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let folder = tempfile::tempdir().expect("a folder");
    let run = Command::new(env!("CARGO_BIN_EXE_stowplan"))
        .args(["run", "--no-plots"])
        .arg(root.join("scenarios/quickstart.yaml"))
        .current_dir(&folder)
        .output()
        .expect("stowplan runs");
    let expected = printed(
        &readme,
        "cargo run --release -- run scenarios/quickstart.yaml",
    );
    assert_eq!(String::from_utf8_lossy(&run.stdout).trim_end(), expected);
}
