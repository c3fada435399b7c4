//! The tree is the architecture: who may import whom, which crate is used where, how large a file may be.
//!
//! The table is in `architecture/rules.rs`. A mistake is reported with its file, its line and the rule.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a tree that cannot be read fails the test")]

#[path = "architecture/check.rs"]
mod check;
#[path = "architecture/lexer.rs"]
mod lexer;
#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/rules.rs"]
mod rules;

use std::fs;
use std::path::Path;

use check::Source;

#[test]
fn the_source_keeps_to_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, "", &mut files);

    let broken = violations(&files);

    assert!(broken.is_empty(), "{} broken rules:\n{}\n", broken.len(), broken.join("\n"));
}

fn violations(files: &[(String, String)]) -> Vec<String> {
    let sources: Vec<Source> = files.iter().map(|(file, text)| Source::read(file, text)).collect();
    let for_tests: Vec<&Vec<String>> = sources.iter().flat_map(|source| &source.test_modules).collect();
    let mut found = Vec::new();
    for source in &sources {
        found.extend(source.layout());
        if !for_tests.iter().any(|module| source.is_below(module)) {
            found.extend(source.imports());
        }
    }
    found.iter().map(ToString::to_string).collect()
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if Path::new(&name).extension().is_some_and(|extension| extension == "rs") {
            files.push((name, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

/// The check itself: each rule, broken in a small file, is reported; what only looks like it is not.
mod checked {
    use super::violations;

    #[track_caller]
    fn reports(file: &str, code: &str, expected: &[&str]) {
        let found = violations(&[(file.to_owned(), format!("//! Doc.\n{code}"))]);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (message, part) in found.iter().zip(expected) {
            assert!(message.contains(part), "{message} does not say {part}");
        }
    }

    #[test]
    fn an_arrow_upwards_is_reported_with_file_line_import_and_rule() {
        reports(
            "services/grants.rs",
            "use crate::store::Writer;",
            &[
                "src/services/grants.rs:2: crate::store::Writer: services may import only registry, ports, views, domain",
            ],
        );
        reports("domain/mod.rs", "use crate::ports::Clock;", &["domain may import nothing of the crate"]);
        reports("store/mod.rs", "use crate::domain::Grant; use crate::ports;", &[]);
    }

    #[test]
    fn nested_relative_and_inline_paths_are_followed() {
        reports(
            "store/mod.rs",
            "use crate::{domain::{self, Id}, spool::Journal};",
            &["crate::spool::Journal"],
        );
        reports("store/sqlite/pool.rs", "use super::super::super::spool::x as y;", &["crate::spool::x"]);
        reports("store/sqlite/pool.rs", "use super::super::queries;", &[]);
        reports(
            "store/mod.rs",
            "mod inner { use super::queries; fn f() { super::super::spool::x() } }",
            &["crate::spool::x"],
        );
        reports("calendly/wire.rs", "fn f(x: &crate::store::Row) {}", &["crate::store::Row"]);
        reports("registry/cell.rs", "pub(crate) use crate::services::{claim, commit};", &["claim", "commit"]);
    }

    #[test]
    fn binaries_wire_but_keep_crates_in_their_places() {
        reports("main.rs", "use calendly_keeper::{cli, store}; use actix::System;", &[]);
        reports("main.rs", "use diesel::prelude::*;", &["`diesel` only in src/store"]);
        reports("bin/calendly-simulator.rs", "use calendly_keeper::simulator::serve;", &[]);
    }

    #[test]
    fn a_crate_outside_its_place_is_reported() {
        reports(
            "services/relay.rs",
            "use reqwest::Client;",
            &["`reqwest` only in src/calendly, src/outgoing"],
        );
        reports(
            "server/mod.rs",
            "#[actix::main] async fn f() {}",
            &["`actix` only in src/actors, src/runtime"],
        );
        reports(
            "actors/connection.rs",
            "use actix::{Actor, dev::ContextFut};",
            &["`actix::dev` only in", "`ContextFut` only in"],
        );
        reports(
            "actors/connection.rs",
            "use actix::prelude::*; struct S(ContextFut);",
            &["`ContextFut` only in"],
        );
        reports("actors/supervision.rs", "use actix::dev::ContextFut; use actix::ContextFut as C;", &[]);
        reports("ports.rs", "fn f() -> ::anyhow::Result<()> {}", &["`anyhow` only in src/cli"]);
    }

    #[test]
    fn the_domain_is_pure() {
        reports("domain/grant.rs", "use tokio::sync::Mutex;", &["domain is pure"]);
        reports("domain/grant.rs", "fn f() { log::info!(\"x\"); }", &["domain is pure"]);
        reports("domain/grant.rs", "async fn f() {}", &["domain is pure"]);
        reports("registry/cell.rs", "use tokio::sync::watch;", &[]);
    }

    #[test]
    fn comments_strings_and_tests_are_no_imports() {
        reports(
            "domain/grant.rs",
            "// use crate::store;\n/* crate::store::x /* */ */\nconst S: &str = r#\"crate::store::\"x\"#;",
            &[],
        );
        reports(
            "domain/grant.rs",
            "fn f<'a>(c: char) { match c { '\"' | '\\'' => {} _ => crate::store::x() } }",
            &["crate::store::x"],
        );
        reports("domain/grant.rs", "#[cfg(test)]\nmod tests { use crate::store::x; async fn f() {} }", &[]);
        reports(
            "domain/grant.rs",
            "#[cfg(test)] use crate::{store};\nuse crate::spool;",
            &[":3: crate::spool"],
        );
        reports("domain/grant.rs", "#[cfg(all(test, unix))] #[allow(x)] fn f() { crate::store::x() }", &[]);
        reports("domain/grant.rs", "#[cfg(not(test))] use crate::store;", &["crate::store"]);
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_no_import_either() {
        let grant = ("domain/grant.rs".to_owned(), "//! Doc.\n#[cfg(test)]\nmod tests;".to_owned());
        let tests = ("domain/grant/tests.rs".to_owned(), "//! Doc.\nuse crate::store::x;".to_owned());
        assert!(violations(&[grant, tests]).is_empty());
    }

    #[test]
    fn layout_is_checked() {
        reports("helm/mod.rs", "", &["add it to the table"]);
        reports("store/utils/mod.rs", "", &["`utils` is no name"]);
        reports("store/writer.rs", &"\n".repeat(400), &["src/store/writer.rs:351: 401 lines"]);
        let undocumented = violations(&[("clock.rs".to_owned(), "use std::fmt;".to_owned())]);
        assert!(undocumented[0].contains("src/clock.rs:1: no `//!`"), "{undocumented:?}");
    }
}
