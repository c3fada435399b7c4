//! Keys that are changed, and grants that are taken back, on PostgreSQL.

use std::fs;

use calendly_keeper::simulator::RefreshTokenState;
use serde_json::Value;

use crate::postgres::on;
use crate::support::postgres::Postgres;

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn keys_are_rotated_under_a_keeper_on_postgresql_and_its_grants_exported_after_it() {
    let mut place = on(&Postgres::shared().create_database(), 8);
    let key = |id| place.run(&["keys", "generate", "--id", id]).fine().out.trim().to_owned();
    let (old, new) = (key("k1"), key("k2"));
    place.set("ENCRYPTION__KEYS", &old);
    place.connect_expired(&["anna", "ben"]);
    place.set("ENCRYPTION__KEYS", &format!("{new},{old}"));
    let keeper = place.started();
    for id in ["anna", "ben"] {
        keeper.wait_for(&[&format!("connection/{id} "), "token refreshed"]);
    }

    let rotated = place.run(&["keys", "rotate"]).fine();
    assert!(rotated.out.contains("k1 is needed by the rotation journal still"), "{}", rotated.out);
    let refused = place.run(&["export", "out.jsonl"]);
    assert_eq!(refused.code, 1, "{}", refused.all());
    assert!(refused.err.contains("a keeper works on this database"), "{}", refused.err);
    assert!(!place.file("out.jsonl").exists());
    keeper.terminate();
    assert_eq!(keeper.ended().0, 0);

    place.run(&["export", "out.jsonl"]).fine();
    let text = fs::read_to_string(place.file("out.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let token = line["refresh_token"].as_str().unwrap();
        assert_eq!(place.simulator.refresh_token_state(token), RefreshTokenState::Living, "{}", line["id"]);
    }
    place.set("ENCRYPTION__KEYS", &new);
    assert_eq!(place.status("anna")["status"], "active", "the old key is not needed for the rows");
    place.assert_nothing_reused();
}
