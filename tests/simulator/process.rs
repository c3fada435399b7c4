//! The simulator as a process: its start line, its import lines, its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{client, text};

#[tokio::test]
async fn the_process_says_where_it_is_writes_its_grants_and_ends_cleanly_on_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("grants.jsonl");
    let mut process = Command::new(env!("CARGO_BIN_EXE_calendly-simulator"))
        .args(["--listen", "127.0.0.1:0", "--users", "3", "--expires-in", "60", "--import-file"])
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let url = line.split(' ').find(|word| word.starts_with("http://127.0.0.1:")).unwrap().to_owned();

    let grants = std::fs::read_to_string(&file).unwrap();
    let grants: Vec<Value> = grants.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(grants.len(), 3);
    assert_eq!(text(&grants[0], "id"), "user-1");
    let request = client().get(format!("{url}/users/me")).bearer_auth(text(&grants[0], "access_token"));
    let body: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(body["resource"]["uri"], grants[0]["calendly_user"]);

    let id = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(process.wait().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("ended requests=1"), "{rest}");
    for token in ["access_token", "refresh_token"] {
        assert!(!line.contains(text(&grants[0], token)) && !rest.contains(text(&grants[0], token)));
    }
}

#[test]
fn a_switch_that_cannot_be_is_refused_with_its_name_and_remedy() {
    let output = Command::new(env!("CARGO_BIN_EXE_calendly-simulator"))
        .args(["--listen", "127.0.0.1:0", "--invalid-grant-status", "418"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("invalid_grant_status: 418, use 400 or 401"), "{said}");
}
