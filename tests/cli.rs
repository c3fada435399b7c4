//! The binary as a shell sees it: exit codes, what is printed where, what is left on the disk.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TOKEN: &str = "R3fr3shAbCdEfGhIjKlMnOpQrStUvWxYz0123456789";

/// Runs in `dir`, with nothing in the environment but what is given.
fn keeper(dir: &Path, environment: &[(&str, &str)], args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_calendly-keeper"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn grants_go_in_and_are_shown_and_no_token_is_printed_at_any_level() {
    let dir = tempfile::tempdir().unwrap();
    let lines = format!(
        "{{\"id\":\"anna\",\"access_token\":\"x{TOKEN}\",\"refresh_token\":\"{TOKEN}\"}}\n\
         {{\"id\":\"ben\",\"refresh_token\":\"{TOKEN}\"}}\n{TOKEN}\n{{\"id\":\"{TOKEN} \",\"refresh_token\":\"y\"}}\n"
    );
    fs::write(dir.path().join("grants.jsonl"), lines).unwrap();
    let loud = [("KEEPER_LOG", "trace")];

    let imported = keeper(dir.path(), &loud, &["import", "grants.jsonl"]);
    let shown = keeper(dir.path(), &loud, &["status", "--json"]);

    assert_eq!((imported.0, shown.0), (1, 0), "a line was refused: {imported:?}");
    assert!(
        imported.1.contains("created           1") && imported.1.contains("refused           3"),
        "{imported:?}"
    );
    let list: serde_json::Value = serde_json::from_str(&shown.1).unwrap();
    assert_eq!(list["connections"][0]["id"], "anna");
    assert_eq!(list["connections"].as_array().unwrap().len(), 1);
    assert!(!format!("{imported:?} {shown:?}").contains(TOKEN));
    let key = fs::read_to_string(dir.path().join("keeper.key")).unwrap();
    assert!(!format!("{imported:?} {shown:?}").contains(key.trim_end().split_once(':').unwrap().1));
}

#[test]
fn looking_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("g.csv"), "id,refresh_token\na,r\n").unwrap();
    let (code, _, error) = keeper(dir.path(), &[], &["status"]);
    assert_eq!(code, 1);
    assert!(error.starts_with("error: there is no database at "), "{error}");
    assert_eq!(keeper(dir.path(), &[], &["import", "--dry-run", "g.csv"]).0, 0);
    assert_eq!(keeper(dir.path(), &[], &["config"]).0, 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn wrong_usage_and_wrong_configuration_end_with_2_and_name_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad.toml"), "[log]\nfromat = \"json\"\n").unwrap();
    fs::write(dir.path().join("g.csv"), "user;token\n").unwrap();
    for (args, part) in [
        (&["nonsense"][..], "unrecognized subcommand"),
        (&["status", "a b"], "connection id"),
        (&["--config", "bad.toml", "config"], "did you mean \"log.format\"?"),
        (&["--set", "calendly.client_secret=x", "config"], "can be read by everybody"),
        (&["--set", "database.url=postgres://127.0.0.1:1/k", "migrate"], "on PostgreSQL"),
        (&["run"], "calendly.client_secret is missing"),
        (&["import", "nowhere.jsonl"], "nowhere.jsonl cannot be opened"),
        (&["import", "g.csv"], "separate them by commas"),
    ] {
        let (code, out, error) = keeper(dir.path(), &[], args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {error}");
        assert!(error.contains(part), "{args:?}: {error}");
    }
}

#[test]
fn a_lost_key_file_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(keeper(dir.path(), &[], &["migrate"]).0, 0);
    fs::remove_file(dir.path().join("keeper.key")).unwrap();
    let (code, _, error) = keeper(dir.path(), &[], &["status"]);
    assert_eq!(code, 2);
    assert!(error.contains("keeper.key is gone"), "{error}");
    assert!(!dir.path().join("keeper.key").exists());
}

#[test]
fn the_effective_configuration_says_who_said_what() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("keeper.toml"), "[calendly]\nclient_id = \"the-id\"\n").unwrap();
    let environment =
        [("KEEPER__CALENDLY__CLIENT_SECRET", "hunter2hunter2"), ("KEEPER_CONFIG", "keeper.toml")];
    let (code, out, _) = keeper(dir.path(), &environment, &["--set", "log.format=json", "config"]);
    assert_eq!(code, 0);
    let line = |key: &str| out.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    assert!(line("calendly.client_id").ends_with("# keeper.toml"), "{out}");
    assert!(line("calendly.client_secret ").contains("*** ") && !out.contains("hunter2"), "{out}");
    assert!(line("log.format").ends_with("# flag --set"), "{out}");
}
