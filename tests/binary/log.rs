//! What is written: no secret at any level, JSON that every line of is an object, the status line.

use std::fs;

use base64::Engine as _;
use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};
use serde_json::{Map, Value, json};

use crate::installation::Installation;

/// The parts of a status line that are always there, in their order.
const STATUS: [&str; 8] = [
    "connections",
    "active",
    "refreshing",
    "restarts",
    "quarantined",
    "next_refresh_in",
    "refreshed",
    "repaired",
];

#[test]
fn no_token_no_secret_and_no_key_is_ever_printed_at_the_loudest_level() {
    let mut place = Installation::new(8);
    place.variable("KEEPER_LOG", "trace");
    place.variable("RUST_LOG", "trace");
    place.variable("RUST_BACKTRACE", "1");
    place.set("WEBHOOK__SIGNING_KEY", "whsec_neverShownSigningKey");
    let mut secrets = vec![
        place.simulator.client_secret().to_owned(),
        "neverShownSigningKey".to_owned(),
        base64::engine::general_purpose::STANDARD.encode(format!(
            "{}:{}",
            place.simulator.client_id(),
            place.simulator.client_secret()
        )),
    ];
    let mut note = |user: &str| {
        let now = place.simulator.current_grant(user).unwrap();
        secrets.extend([now.access_token, now.refresh_token]);
    };
    // An answer like any other, odd ones, a cut one, HTML, an error that quotes, a refusal, and a user without webhooks.
    let users = ["plain", "odd", "cut", "error", "revoked", "unavailable"];
    let mut said = String::new();
    let grants: Vec<_> = users.iter().map(|user| place.user(user, -86_400)).collect();
    users.iter().for_each(|user| note(user));
    let fault = |user: &str, kind| {
        place.simulator.fault(Fault::next(Endpoint::Token, kind).user(user)).unwrap();
    };
    let odd: Map<String, Value> =
        json!({ "expires_in": "soon", "scope": 7, "created_at": [] }).as_object().unwrap().clone();
    fault("odd", FaultKind::OddToken { set: odd, remove: vec![], status: Some(500), spend: false });
    fault("cut", FaultKind::Truncate);
    let quoting = json!({ "error": "server_error", "error_description": grants[3].refresh_token });
    fault("error", FaultKind::Status { code: 503, body: Some(quoting), headers: Default::default() });
    place.simulator.revoke_grant("revoked").unwrap();
    place.simulator.remove_scope("unavailable", "webhooks:write").unwrap();
    said += &place.import(&grants).all();

    let keeper = place.start();
    for user in ["plain", "odd", "error", "unavailable"] {
        keeper.wait_for(&[&format!("connection/{user} "), "token refreshed", "generation=2"]);
        note(user);
    }
    keeper.wait_for(&["connection/cut", "rotation_lost"]);
    note("cut");
    keeper.wait_for(&["connection/revoked", "reauthorization_required"]);
    keeper.wait_for(&["connection/plain", "token refreshed", "generation=3"]);
    note("plain");
    for arguments in [&["status"][..], &["status", "--json"], &["status", "plain"], &["config"], &["migrate"]]
    {
        said += &place.run(arguments).fine().all();
    }
    keeper.terminate();
    let (code, log) = keeper.ended();
    assert_eq!(code, 0);
    assert!(log.contains("DEBUG"), "nothing was loud:\n{log}");
    said += &log;

    let key = fs::read_to_string(place.file("keeper.key")).unwrap();
    secrets.push(key.trim_end().split_once(':').unwrap().1.to_owned());
    for secret in &secrets {
        let found = said.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(found, None, "a secret was printed");
        // Nor is half of one, as in a message that quotes what it could not read.
        let half = &secret[..secret.len().min(24)];
        assert_eq!(said.lines().find(|line| line.contains(half)), None, "a part of a secret was printed");
    }
    // On the disk neither.
    for (name, bytes) in place.snapshot() {
        let own = ["keeper.key", "grants.jsonl"].contains(&name.as_str());
        for secret in secrets.iter().filter(|_| !own) {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{name} holds a secret in the clear");
        }
    }
}

#[test]
fn a_log_in_json_has_one_object_a_line() {
    let mut place = Installation::new(60);
    place.set("LOG__FORMAT", "json");
    place.set("LOG__STATUS_EVERY", "1s");
    place.variable("KEEPER_LOG", "debug");
    place.connect_expired(&["anna", "ben"]);
    place.simulator.revoke_grant("ben").unwrap();
    let keeper = place.start();
    keeper.wait_for(&["webhook found in Calendly"]);
    keeper.wait_for(&["connection/ben", "reauthorization_required"]);
    keeper.wait_for(&["\"msg\":\"status\""]);
    keeper.terminate();
    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");

    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for key in ["ts", "level", "target", "msg"] {
            assert!(line[key].is_string(), "{key} of {line}");
        }
    }
    let refreshed = lines.iter().find(|line| line["msg"] == "token refreshed").unwrap();
    assert_eq!((&refreshed["target"], &refreshed["generation"]), (&json!("connection/anna"), &json!(2)));
    let status = lines.iter().rfind(|line| line["msg"] == "status").unwrap();
    for key in STATUS {
        assert!(!status[key].is_null(), "{key} of {status}");
    }
}

#[test]
fn the_status_line_comes_at_its_interval_with_its_keys_in_order() {
    let mut place = Installation::new(60);
    place.set("LOG__STATUS_EVERY", "1s");
    place.connect_expired(&["anna", "ben"]);
    let keeper = place.started();
    keeper.wait_for(&["webhook found in Calendly", "connection=anna"]);
    keeper.wait_for(&["webhook found in Calendly", "connection=ben"]);
    let is_status = |line: &&String| line.contains(" supervisor ") && line.contains(" status ");
    crate::support::wait::until("four status lines", crate::process::DEADLINE, || {
        (keeper.lines().iter().filter(is_status).count() >= 4).then_some(())
    });

    let lines = keeper.lines();
    let status: Vec<_> = lines.iter().filter(is_status).collect();
    let last = status.last().unwrap();
    let keys: Vec<_> = last.split_whitespace().filter_map(|word| Some(word.split_once('=')?.0)).collect();
    assert_eq!(keys, [&STATUS[..], &["exposure_median", "exposure_p99"]].concat(), "{last}");
    assert!(last.contains("connections=2 active=2 refreshing=0 restarts=0 quarantined=0"), "{last}");
    let sum: u32 = status
        .iter()
        .filter_map(|line| {
            line.split_whitespace().find_map(|word| word.strip_prefix("refreshed="))?.parse::<u32>().ok()
        })
        .sum();
    assert_eq!(sum, 2, "each refresh is counted in one line:\n{}", keeper.said());
    let at = |line: &str| chrono::DateTime::parse_from_rfc3339(line.split_once(' ').unwrap().0).unwrap();
    let (first, last) = (at(status[0]), at(last));
    let mean = (last - first).num_milliseconds() / (status.len() as i64 - 1);
    assert!((800..2_500).contains(&mean), "every {mean} ms");
}

#[test]
fn connections_alone_can_be_made_loud() {
    let mut place = Installation::new(7200);
    place.variable("KEEPER_LOG", "info,connection=debug");
    place.import(&[place.user("anna", 3600)]);
    let keeper = place.started();
    keeper.wait_for(&["DEBUG connection/anna", "status=active"]);
    keeper.wait_for(&["INFO  webhook", "webhook found in Calendly", "connection=anna"]);
    let loud = |line: &&String| line.contains(" DEBUG ") && !line.contains(" DEBUG connection/");
    assert_eq!(keeper.lines().iter().filter(loud).count(), 0, "{}", keeper.said());
}

/// One subscription for all: each is found by its id all the same.
#[test]
fn a_line_about_a_subscription_that_is_shared_names_everybody() {
    let mut place = Installation::new(7200);
    place.set("WEBHOOK__SCOPE", "organization");
    place.set("WEBHOOK__CALLBACK_URL", "https://app.example/hooks/all");
    place.import(&[place.user("anna", 3600), place.user("ben", 3600)]);
    let keeper = place.started();
    for name in ["anna", "ben"] {
        let line = keeper.wait_for(&[" webhook ", &format!(" connection={name}")]);
        assert!(!line.contains(" more"), "{line}");
    }
}
