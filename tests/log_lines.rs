//! docs/LOG.md lists every line that the keeper writes, with its level, target and keys; this reads the source for them.
//!
//! After a change, `KEEPER_WRITE_LOG_DOC=1 cargo test --test log_lines` writes the list anew; whoever reads the log for a
//! living sees in the diff what became of a line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tree that cannot be read fails the test"
)]

#[path = "log_lines/calls.rs"]
mod calls;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use calls::{Call, calls_in};

const BEGIN: &str = "<!-- lines: written by tests/log_lines.rs -->\n";
const END: &str = "<!-- end of lines -->\n";
/// Neither the keeper's nor anybody's lines.
const LEFT_OUT: [&str; 4] = ["simulator/", "bin/", "fuzzing", "cli/demo"];
/// Put together by hand: the status line and the ones like it.
const KEYS_OF_STATUS: [&str; 18] = [
    "connections",
    "active",
    "webhook_unavailable",
    "quarantined",
    "reauthorization_required",
    "paused",
    "refreshing",
    "restarts",
    "next_refresh_in",
    "refreshed",
    "repaired",
    "verified",
    "objective",
    "exposure_median",
    "exposure_p99",
    "journal",
    "fault",
    "database",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root().join("src")).unwrap().to_str().unwrap().to_owned();
            let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
            if !is_test && !LEFT_OUT.iter().any(|out| name.starts_with(out)) {
                let text = fs::read_to_string(&path).unwrap();
                // Tests stand at the end of a file.
                found.push((name, text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned()));
            }
        }
    }
}

fn all() -> Vec<(String, Call)> {
    let mut files = vec![];
    sources(&root().join("src"), &mut files);
    files
        .into_iter()
        .flat_map(|(name, text)| calls_in(&text).into_iter().map(move |call| (name.clone(), call)))
        .collect()
}

fn table(calls: &[(String, Call)]) -> String {
    let mut by_target: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (_, call) in calls {
        let keys: Vec<_> = call.keys.iter().map(|key| format!("`{key}`")).collect();
        let message = if call.message.is_empty() { "–".into() } else { format!("`{}`", call.message) };
        let row = format!("| {message} | {} | {} |", call.level, keys.join(" "));
        by_target.entry(&call.target).or_default().insert(row);
    }
    let mut table = String::new();
    for (target, rows) in by_target {
        let rows: Vec<_> = rows.into_iter().collect();
        write!(table, "\n### `{target}`\n\n| message | level | keys |\n|---|---|---|\n{}\n", rows.join("\n"))
            .unwrap();
    }
    table.push('\n');
    table
}

#[test]
fn every_line_is_documented_as_it_is_written() {
    let path = root().join("docs/LOG.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the beginning of the list");
    let (listed, after) = rest.split_once(END).expect("the end of the list");
    let written = table(&all());
    if std::env::var_os("KEEPER_WRITE_LOG_DOC").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{written}{END}{after}")).unwrap();
        return;
    }
    let rows = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (listed_rows, written_rows) = (rows(listed), rows(&written));
    let missing: Vec<_> = written_rows.difference(&listed_rows).collect();
    let surplus: Vec<_> = listed_rows.difference(&written_rows).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "not in docs/LOG.md: {missing:#?}\nonly there: {surplus:#?}"
    );
    assert_eq!(listed, written, "the order of the lines");
}

#[test]
fn every_key_is_explained_and_no_other() {
    let document = fs::read_to_string(root().join("docs/LOG.md")).unwrap();
    let (_, glossary) = document.split_once("\n## Keys\n").expect("the section of the keys");
    let rows = glossary.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    let explained: BTreeSet<String> = rows
        .filter_map(|row| row.split_once(" | "))
        .flat_map(|(keys, _)| {
            keys.split('`')
                .filter(|key| !key.trim_matches([',', ' ']).is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let used: BTreeSet<String> = all()
        .into_iter()
        .flat_map(|(_, call)| call.keys)
        .chain(KEYS_OF_STATUS.iter().map(|key| (*key).to_owned()))
        .collect();
    let missing: Vec<_> = used.difference(&explained).collect();
    let surplus: Vec<_> = explained.difference(&used).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "not explained: {missing:?}, not used: {surplus:?}");
}

/// A connection is followed by its id alone: `connection/ID` in the target, or `connection=ID`.
#[test]
fn what_works_on_one_connection_names_it() {
    const OF_ONE: [&str; 4] =
        ["services/verification/", "services/rotation/", "actors/connection.rs", "actors/webhook.rs"];
    /// About the journal as a whole.
    const OF_ALL: [&str; 1] = ["journal"];
    let nameless = |(file, call): &(String, Call)| {
        OF_ONE.iter().any(|place| file.starts_with(place))
            && !call.target.starts_with("connection/")
            && !call.keys.iter().any(|key| key == "connection")
            && !OF_ALL.contains(&call.target.as_str())
    };
    let calls = all();
    assert!(calls.iter().filter(|(file, _)| file.starts_with(OF_ONE[0])).count() > 10, "they are found");
    let nameless: Vec<_> = calls.into_iter().filter(nameless).collect();
    assert!(nameless.is_empty(), "{nameless:#?}");
}
