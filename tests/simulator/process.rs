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

#[tokio::test]
async fn meetings_come_by_themselves_from_a_switch() {
    let switches =
        ["--listen", "127.0.0.1:0", "--users", "2", "--seed", "5", "--bookings-per-minute", "60000"];
    let mut process = Command::new(env!("CARGO_BIN_EXE_calendly-simulator"))
        .args(switches)
        .args(["--group-share", "0.5", "--delivery-clock", "3600", "--signing-key", "a key"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split(' ').find(|word| word.starts_with("http://127.0.0.1:")).unwrap().to_owned();
    let client = client();
    let mut due = 0;
    while due < 20 {
        let events = client.get(format!("{url}/simulator/events?user=user-2")).send().await.unwrap();
        due = events.json::<Value>().await.unwrap()["events"].as_array().unwrap().len();
    }
    let options = client.get(format!("{url}/simulator/options")).send().await.unwrap().text().await.unwrap();
    assert!(
        options.contains("\"group_share\":0.5") && options.contains("\"delivery_clock\":3600.0"),
        "{options}"
    );
    assert!(!options.contains("a key"));
    process.kill().unwrap();
    process.wait().unwrap();
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
