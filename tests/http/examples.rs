//! The examples for applications, run where their tools are: they get a token, use it, and get another one where Calendly
//! refuses it.

use std::path::Path;
use std::process::Command;

use crate::api::Served;

/// Runs one for `anna`; whose URI it has printed.
#[track_caller]
fn asks_and_asks_again(program: &str, arguments: &[&str]) {
    if Command::new(program).arg("--version").output().is_err() {
        eprintln!("{program} is not here, so its example is not run");
        return;
    }
    let served = Served::with(&["anna"]);
    let token = std::fs::read_to_string(served.place.file("api.token")).unwrap();
    let run = || {
        let output = Command::new(program)
            .args(arguments)
            .arg("anna")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"))
            .env("KEEPER_URL", &served.api.url)
            .env("KEEPER_TOKEN", token.trim())
            .env("CALENDLY_URL", served.place.simulator.url())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(!said.contains(token.trim()), "{said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let user = served.api.get("/v1/connections/anna").is(200).body["calendly_user"].clone();
    assert_eq!(user, run());
    assert_eq!(served.place.simulator.counters().rotations, 0);
    served.place.simulator.expire_access_token("anna").unwrap();
    assert_eq!(user, run());
    assert_eq!(served.place.simulator.counters().rotations, 1, "it said that the token was refused");
}

#[test]
fn python() {
    asks_and_asks_again("python3", &["ask_for_token.py"]);
}

#[test]
fn node() {
    asks_and_asks_again("node", &["ask_for_token.mjs"]);
}

#[test]
fn curl() {
    if Command::new("curl").arg("--version").output().is_ok() {
        asks_and_asks_again("sh", &["ask_for_token.sh"]);
    }
}

#[test]
fn rust() {
    let example =
        Path::new(env!("CARGO_BIN_EXE_calendly-keeper")).with_file_name("examples").join("ask_for_token");
    // `cargo test` builds it; `cargo test --test http` does not.
    if example.exists() {
        asks_and_asks_again(example.to_str().unwrap(), &[]);
    }
}
