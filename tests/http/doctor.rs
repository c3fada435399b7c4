//! What is wrong around the keeper, and how to mend it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::api::Served;
use crate::installation::{Installation, Ran};

/// The results of a check.
fn results(report: &Value, check: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap();
    let of_it = checks.iter().filter(|one| one["check"] == check);
    of_it.map(|one| one["result"].as_str().unwrap().to_owned()).collect()
}

fn doctor(place: &Installation) -> (Ran, Value) {
    let ran = place.run(&["doctor", "--json"]);
    let report = ran.json();
    assert_eq!(report["ok"].as_bool(), Some(ran.code == 0), "{}", ran.all());
    (ran, report)
}

fn chmod(place: &Installation, name: &str, mode: u32) {
    fs::set_permissions(place.file(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_sound_installation_is_sound_and_nothing_is_spent() {
    let served = Served::with(&["anna"]).found();
    chmod(&served.place, ".", 0o700);
    let mut place = served.place;
    place.unset("WEBHOOK__CALLBACK_URL");
    let (ran, report) = doctor(&place);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for check in
        ["files", "keys", "database", "writes", "connections", "credentials", "clock", "api", "keeper"]
    {
        assert!(results(&report, check).iter().all(|result| result == "ok"), "{check}: {}", ran.out);
        assert!(!results(&report, check).is_empty(), "{check}: {}", ran.out);
    }
    assert_eq!(place.status("anna")["generation"], 1);
    let text = place.run(&["doctor"]).fine().out;
    assert!(text.contains("ok    credentials"), "{text}");
    drop(served.keeper);
}

#[test]
fn what_is_wrong_fails_with_its_remedy() {
    let mut place = Installation::new(7200);
    place.import(&[place.user("anna", 3600)]);
    chmod(&place, "keeper.db", 0o644);
    place.set("CALENDLY__CLIENT_SECRET", "another-secret-than-calendly-knows");
    place.set("WEBHOOK__CALLBACK_URL", "https://127.0.0.1:1/hooks/{connection}");
    place.set("CONNECT__SCOPES", "users:read");
    let (ran, report) = doctor(&place);
    assert_eq!(ran.code, 1);
    for check in ["files", "credentials", "scopes"] {
        assert!(results(&report, check).contains(&"fail".into()), "{check}: {}", ran.out);
    }
    assert_eq!(results(&report, "callback"), ["warn"], "{}", ran.out);
    assert_eq!(results(&report, "keeper"), ["warn"], "{}", ran.out);
    assert!(!ran.all().contains("another-secret"));
    let text = place.run(&["doctor"]).out;
    assert!(text.contains("FAIL  files") && text.contains("→ chmod 600"), "{text}");

    place.simulator.stop();
    let (_, report) = doctor(&place);
    assert_eq!(
        (results(&report, "credentials"), results(&report, "api")),
        (vec!["fail".into()], vec!["fail".into()])
    );
}

#[test]
fn a_key_that_is_lost_is_told_and_nothing_is_made_in_its_place() {
    let place = Installation::new(7200);
    place.import(&[place.user("anna", 3600)]);
    fs::remove_file(place.file("keeper.key")).unwrap();
    let (ran, report) = doctor(&place);
    assert_eq!((ran.code, results(&report, "keys")), (1, vec!["fail".to_owned()]), "{}", ran.out);
    assert!(!place.file("keeper.key").exists());
}

#[test]
fn what_a_keeper_would_do_is_planned_and_not_done() {
    let place = Installation::new(7200);
    place.import(&[place.user("anna", 3600), place.user("ben", -60)]);
    let before = place.status("ben");
    let plan = place.run(&["plan"]).fine().out;
    assert!(plan.contains("ben") && plan.contains("expired_while_down"), "{plan}");
    let all = place.run(&["plan", "--json"]).fine().json();
    assert!(
        all["steps"].as_array().unwrap().iter().any(|step| step["id"] == "anna" && step["do"] == "verify")
    );
    assert_eq!(place.status("ben"), before);
    assert_eq!(place.simulator.counters().requests, 0);
}
