//! Whole files, into the store in memory.

use std::fmt::Write as _;

use super::report::{Kind, Report};
use super::*;
use crate::clock::SystemClock;
use crate::domain::ids::ConnectionId;
use crate::ports::Store as _;
use crate::store::MemoryStore;

/// Imports a text; answers the report and what is printed.
fn import(store: &MemoryStore, format: Format, text: &[u8], dry_run: bool) -> (Report, String) {
    let now = "2026-01-31T10:00:00Z".parse().unwrap();
    let mut intake = Intake::new(store, Some("client"), now, dry_run);
    let mut progress = Progress::new(&SystemClock, None);
    let read = block_on(read(text, format, &mut intake, &mut progress));
    match read {
        Ok(()) => {}
        Err(Interrupted::Store(error)) => intake.report.stopped = Some(error.to_string()),
        Err(Interrupted::File(error)) => panic!("{error}"),
        Err(Interrupted::Header(bad)) => panic!("{bad}"),
    }
    let mut out = vec![];
    intake.report.print("test", dry_run, &mut out).unwrap();
    (intake.report, String::from_utf8(out).unwrap())
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn stored(store: &MemoryStore, id: &str) -> Option<crate::domain::grant::Connection> {
    block_on(store.get(&id.parse::<ConnectionId>().unwrap())).unwrap()
}

fn counts(report: &Report) -> [u64; 5] {
    [Kind::Created, Kind::Replaced, Kind::Unchanged, Kind::Older, Kind::Refused]
        .map(|kind| report.counted(kind))
}

#[test]
fn a_bad_line_stops_nothing_else() {
    let store = MemoryStore::new();
    let file = b"\xef\xbb\xbf{\"id\":\"a\",\"refresh_token\":\"ra\"}\n\nrubbish\n{\"id\":\"b\",\"refresh_token\":\"rb\"}\r\n\
        {\"id\":\"c\"}\n{\"id\":\"d\",\"refresh_token\":\"rd\"}";
    let (report, said) = import(&store, Format::Jsonl, file, false);
    assert_eq!(counts(&report), [3, 0, 0, 0, 2]);
    assert!(!report.is_fine());
    assert!(
        said.contains("line 3: is no JSON object") && said.contains("line 5: has no refresh_token"),
        "{said}"
    );
    assert!(["a", "b", "d"].iter().all(|id| stored(&store, id).is_some()));
    assert!(said.contains("only one refresher"));
}

#[test]
fn csv_and_json_lines_say_the_same() {
    let store = MemoryStore::new();
    let csv = "id,access_token,refresh_token,expires_at,note\n\
        a,xa,ra,2026-01-31 12:00:00+00,hello\n\
        b,xb,rb,2026-01-31 12:00:00,\"no, zone\"\n\
        c,xc\n";
    let (report, said) = import(&store, Format::Csv, csv.as_bytes(), false);
    assert_eq!(counts(&report), [1, 0, 0, 0, 2]);
    let json = br#"{"id":"a","access_token":"xa","refresh_token":"ra","expires_at":"2026-01-31T12:00:00Z"}"#;
    assert_eq!(counts(&import(&store, Format::Jsonl, json, false).0), [0, 0, 1, 0, 0]);
    assert!(
        said.contains("line 3: expires_at has no time zone") && said.contains("line 4: has 2 fields"),
        "{said}"
    );
    assert!(said.contains("\"note\" in 2 lines"), "{said}");
}

#[test]
fn a_second_import_changes_nothing_and_only_a_later_expiry_replaces() {
    let store = MemoryStore::new();
    let line =
        |token: &str, at: &str| format!(r#"{{"id":"a","refresh_token":"{token}","expires_at":"{at}"}}"#);
    let run = |token, at| counts(&import(&store, Format::Jsonl, line(token, at).as_bytes(), false).0);
    assert_eq!(run("r1", "2026-01-31T12:00:00Z"), [1, 0, 0, 0, 0]);
    assert_eq!(run("r1", "2026-01-31T12:00:00Z"), [0, 0, 1, 0, 0]);
    assert_eq!(run("r2", "2026-01-31T11:00:00Z"), [0, 0, 0, 1, 0]);
    assert_eq!(run("r3", "2026-01-31T13:00:00Z"), [0, 1, 0, 0, 0]);
}

#[test]
fn one_refresh_token_under_two_ids_is_refused_within_a_file_and_against_the_store() {
    let store = MemoryStore::new();
    let lines =
        |ids: [&str; 2]| ids.map(|id| format!("{{\"id\":\"{id}\",\"refresh_token\":\"same\"}}\n")).concat();
    let (report, said) = import(&store, Format::Jsonl, lines(["a", "b"]).as_bytes(), false);
    assert_eq!(counts(&report), [1, 0, 0, 0, 1]);
    assert!(said.contains("line 2: b has the refresh token of a in line 1"), "{said}");

    let (report, said) = import(&store, Format::Jsonl, lines(["c", "c"]).as_bytes(), false);
    assert_eq!(counts(&report), [0, 0, 0, 0, 2]);
    assert!(said.contains("its refresh token belongs to a"), "{said}");
    assert!(!said.contains("same"), "{said}");
}

#[test]
fn a_dry_run_decides_the_same_and_stores_nothing() {
    let store = MemoryStore::new();
    let (report, said) = import(&store, Format::Jsonl, br#"{"id":"a","refresh_token":"r"}"#, true);
    assert_eq!(counts(&report), [1, 0, 0, 0, 0]);
    assert!(said.starts_with("dry run, nothing was stored"), "{said}");
    assert!(stored(&store, "a").is_none());
}

#[test]
fn many_lines_go_in_by_batches_and_each_begins_its_timeline() {
    let store = MemoryStore::new();
    let file = (0..2500).fold(String::new(), |mut file, n| {
        let _ = writeln!(file, r#"{{"id":"u{n}","refresh_token":"r{n}"}}"#);
        file
    });
    let (report, _) = import(&store, Format::Jsonl, file.as_bytes(), false);
    assert_eq!(counts(&report), [2500, 0, 0, 0, 0]);
    let last = "u2499".parse().unwrap();
    let timeline = block_on(store.timeline(&last, None, 10)).unwrap().entries;
    assert_eq!(timeline.len(), 1);
    assert_eq!(timeline[0].kind, crate::domain::timeline::Kind::Connected);
}

#[test]
fn a_database_that_goes_away_ends_the_import_with_what_was_done() {
    let store = MemoryStore::new();
    store.set_available(false);
    let (report, said) = import(&store, Format::Jsonl, br#"{"id":"a","refresh_token":"r"}"#, false);
    assert!(!report.is_fine());
    assert!(
        said.contains("stopped early: the database is not available") && said.contains("run it again"),
        "{said}"
    );
}

#[test]
fn a_line_that_is_too_long_is_refused_alone() {
    let store = MemoryStore::new();
    let mut file = format!("{{\"id\":\"a\",\"refresh_token\":\"{}\"}}\n", "x".repeat(lines::MAX_BYTES));
    file.push_str("{\"id\":\"b\",\"refresh_token\":\"r\"}");
    let (report, said) = import(&store, Format::Jsonl, file.as_bytes(), false);
    assert_eq!(counts(&report), [1, 0, 0, 0, 1]);
    assert!(said.contains("line 1: is longer than 64 KiB"), "{said}");
}

#[test]
fn the_format_is_told_by_the_name_unless_it_is_given() {
    let args = |file: &str, format| Args { file: file.into(), format, dry_run: false };
    assert_eq!(args("grants.CSV", None).format(), Format::Csv);
    assert_eq!(args("grants.jsonl", None).format(), Format::Jsonl);
    assert_eq!(args("-", None).format(), Format::Jsonl);
    assert_eq!(args("-", Some(Format::Csv)).format(), Format::Csv);
}
