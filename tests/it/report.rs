//! The report of a run: one well-formed page that loads nothing and shows every picture.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use roxmltree::{Document, Node, ParsingOptions};
use tempfile::TempDir;

/// A scenario that tries to break out of the page wherever its names and its text are shown.
const HOSTILE: &str = r#"
name: "<script>alert(1)<!--script>"
description: "a </p> & a ]]> \"quote\""
clusters: [{containerInstances: [{instanceType: m5.large}]}]
taskDefinitions: [{family: job, containerDefinitions: [{name: job, cpu: 512, memory: 1024}]}]
workloads:
  - name: jobs
    runTask: {taskDefinition: job, group: "</script><b>"}
    arrivals: {process: every, interval: 1m, count: 10}
    containers: {job: {duration: {distribution: constant, value: 90s}}}
"#;

fn scenario(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    path.join(format!("{name}.yaml"))
}

/// The report of a scenario, and the folder in which it stands.
fn report(scenario: &Path) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_stowplan"))
        .arg("run")
        .arg(scenario)
        .args(["--out", "out"])
        .current_dir(folder.path())
        .output()
        .expect("the binary starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let text = fs::read_to_string(folder.path().join("out/report.html")).expect("report.html");
    (folder, text)
}

/// The report of [`HOSTILE`].
fn hostile() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hostile.yaml");
    fs::write(&path, HOSTILE).expect("a scenario");
    report(&path)
}

fn parsed(text: &str) -> Document<'_> {
    // The document type is the only declaration that a page has.
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).expect("the report is well-formed")
}

fn all<'a>(document: &'a Document<'_>, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    let nodes = document.root().descendants();
    nodes.filter(move |node| node.tag_name().name() == name)
}

fn text_of(node: Node) -> String {
    let texts = node.descendants().filter(Node::is_text);
    texts.filter_map(|text| text.text()).collect()
}

#[test]
fn the_report_holds_every_picture_table_and_the_scenario() {
    for name in ["quickstart", "batch-scaling"] {
        let (folder, text) = report(&scenario(name));
        let page = parsed(&text);
        let entries = fs::read_dir(folder.path().join("out")).expect("the results");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let svgs = paths.filter(|path| path.extension().is_some_and(|end| end == "svg"));
        let pictures = all(&page, "svg").filter(|svg| svg.attribute("class") == Some("picture"));
        assert_eq!(pictures.count(), svgs.count(), "{name}");
        assert!(all(&page, "table").count() >= 3, "{name}");
        let title = text_of(all(&page, "h1").next().expect("a title"));
        assert_eq!(title, format!("Run of {name}"));
        let source = fs::read_to_string(scenario(name)).expect("the scenario");
        assert!(all(&page, "code").any(|code| text_of(code) == source));
        let html = page.root_element();
        assert_eq!(html.attribute("lang"), Some("en"));
        assert!(all(&page, "meta").any(|meta| meta.attribute("name") == Some("viewport")));
        // A page of more opens slowly on a phone.
        assert!(text.len() < 3_000_000, "{name}: {} bytes", text.len());
    }
}

#[test]
fn what_the_terminal_says_stands_in_the_report() {
    let (folder, text) = report(&scenario("quickstart"));
    let page = parsed(&text);
    let rows: Vec<String> = all(&page, "tr")
        .map(|row| row.children().map(text_of).collect::<Vec<_>>().join(" "))
        .collect();
    let terminal = Command::new(env!("CARGO_BIN_EXE_stowplan"))
        .args(["run", "--no-plots"])
        .current_dir(folder.path())
        .output()
        .expect("the binary starts");
    let terminal = String::from_utf8(terminal.stdout).expect("text");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<String> = rows.iter().map(|row| words(row)).collect();
    let shown: Vec<&str> = terminal
        .lines()
        .filter(|line| line.starts_with(' '))
        .collect();
    assert!(shown.len() > 10, "{terminal}");
    for line in shown {
        assert!(rows.contains(&words(line)), "{line}\n{rows:#?}");
    }
}

#[test]
fn the_report_loads_nothing() {
    let (_folder, text) = hostile();
    let page = parsed(&text);
    for node in page.root().descendants().filter(Node::is_element) {
        assert!(!matches!(
            node.tag_name().name(),
            "img" | "link" | "iframe" | "object" | "image"
        ));
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "src", "{name}={value}");
            assert!(name != "href" || value.starts_with('#'), "{name}={value}");
        }
    }
    let names = [
        "xmlns=\"http://www.w3.org/1999/xhtml\"",
        "xmlns=\"http://www.w3.org/2000/svg\"",
    ];
    let rest = names
        .iter()
        .fold(text.clone(), |text, name| text.replace(name, ""));
    for address in ["http://", "https://", "url(", "@import", "fetch("] {
        assert!(!rest.contains(address), "{address}");
    }
}

#[test]
fn names_cannot_break_the_report() {
    let (_folder, text) = hostile();
    let page = parsed(&text);
    let title = text_of(all(&page, "h1").next().expect("a title"));
    assert_eq!(title, "Run of <script>alert(1)<!--script>");
    assert!(all(&page, "p").any(|p| text_of(p) == "a </p> & a ]]> \"quote\""));
    assert!(all(&page, "th").any(|th| text_of(th) == "</script><b>"));
    assert_eq!(all(&page, "script").count(), 1);
    assert_eq!(text.matches("<script").count(), 1);
    assert_eq!(text.matches("</script").count(), 1);
}

#[test]
fn the_same_run_gives_the_same_report() {
    let path = scenario("chain");
    let (first, second) = (report(&path).1, report(&path).1);
    assert!(first == second);
    assert!(hostile().1 != first);
}

/// A browser, when this machine has one.
fn browser() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// Appended to a report: writes the size of every picture, and what a script did, to the page.
const MEASURE: &str = r#"<script>
var sizes = Array.from(document.querySelectorAll("svg.picture"), function (svg) {
  var box = svg.getBoundingClientRect();
  return Math.round(box.width) + "x" + Math.round(box.height);
});
document.documentElement.setAttribute("data-sizes", sizes.join(" "));
document.documentElement.setAttribute("data-tools", document.querySelectorAll(".tools").length);
</script></body>"#;

#[test]
fn a_browser_shows_the_report_without_an_error() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium and no google-chrome on PATH to show the report");
        return;
    };
    let (folder, text) = report(&scenario("quickstart"));
    let page = folder.path().join("measured.html");
    fs::write(&page, text.replace("</body>", MEASURE)).expect("a page");
    let profile = folder.path().join("profile");
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args([
            "--disable-sync",
            "--enable-logging=stderr",
            "--window-size=1280,800",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = errors
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(said.is_empty(), "{said:?}");
    let shown = String::from_utf8_lossy(&output.stdout);
    let (_, sizes) = shown
        .split_once("data-sizes=\"")
        .unwrap_or_else(|| panic!("{errors}"));
    let sizes: Vec<&str> = sizes
        .split('"')
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    for size in sizes {
        let (width, height) = size.split_once('x').expect("width and height");
        let [width, height] = [width, height].map(|length| length.parse::<u32>().expect("pixels"));
        assert!(width > 700 && height > 300, "{size}");
    }
    // The script of the page ran to its end.
    assert!(shown.contains("data-tools=\"3\""));
}
