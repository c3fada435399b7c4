//! Commands that only look, or make what is missing: `status`, `config`, `keys generate`, `migrate`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::installation::Installation;

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_connection_as_json_has_exactly_the_documented_keys() {
    let place = Installation::new(60);
    place.connect_expired(&["anna"]);
    let keeper = place.start();
    keeper.wait_for(&["webhook found in Calendly", "connection=anna"]);

    let anna = place.status("anna");

    let shape = [
        "id",
        "status",
        "reason",
        "hint",
        "since",
        "generation",
        "expires_at",
        "refresh_at",
        "calendly_user",
        "calendly_organization",
        "scopes",
        "missing_scopes",
        "restarts",
        "webhook",
    ];
    assert_eq!(keys(&anna), shape.into());
    assert_eq!(keys(&anna["webhook"]), ["state", "uri", "callback_url", "verified_at", "reason"].into());
    assert_eq!((anna["id"].as_str(), anna["status"].as_str()), (Some("anna"), Some("active")));
    assert_eq!((&anna["reason"], &anna["hint"]), (&Value::Null, &Value::Null));
    assert_eq!(anna["generation"], 2);
    assert!(anna["expires_at"].as_str().unwrap().ends_with('Z'), "UTC: {anna}");
    assert!(anna["webhook"]["uri"].as_str().unwrap().contains("/webhook_subscriptions/"), "{anna}");
    let user = place.simulator.current_grant("anna").unwrap().calendly_user;
    assert_eq!(anna["calendly_user"], user.0);
}

#[test]
fn status_is_a_table_with_a_sum_and_an_unknown_id_fails_with_1() {
    let place = Installation::new(60);
    place.connect_expired(&["anna", "ben"]);

    let table = place.run(&["status"]).fine();
    let one = place.run(&["status", "anna"]).fine();
    let unknown = place.run(&["status", "nobody"]);

    assert!(table.out.contains("connections=2 active=2"), "{}", table.out);
    assert!(one.out.contains("generation") && one.out.contains("anna"), "{}", one.out);
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert!(unknown.err.contains("there is no connection nobody"), "{}", unknown.err);
}

#[test]
fn a_revoked_grant_is_shown_with_its_reason_and_what_to_do() {
    let place = Installation::new(60);
    place.connect_expired(&["anna", "ben"]);
    place.simulator.revoke_grant("anna").unwrap();
    let keeper = place.start();
    keeper.wait_for(&["connection/anna", "status=reauthorization_required", "hint="]);
    keeper.wait_for(&["connection/ben", "token refreshed"]);

    let anna = place.status("anna");
    assert_eq!(anna["status"], "reauthorization_required");
    assert_eq!(anna["reason"], "dead_on_arrival", "it had never been refreshed here");
    assert!(anna["hint"].as_str().unwrap().contains("connect again"), "{anna}");
    assert_eq!(place.status("ben")["status"], "active", "nobody else is harmed");
}

#[test]
fn config_names_every_source_and_masks_every_secret() {
    let mut place = Installation::new(60);
    place.write("secret", "the-secret-in-a-file\n");
    place.unset("CALENDLY__CLIENT_SECRET");
    place.set("CALENDLY__CLIENT_SECRET_FILE", "secret");
    place.set("WEBHOOK__SIGNING_KEY", "sign-1-hidden,sign-2-hidden");
    place.set("ENCRYPTION__KEYS", "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    place.set("DATABASE__URL", "postgres://keeper:hidden-password@db.example/keeper");
    let ran = place.run(&["config"]).fine();
    for hidden in ["the-secret-in-a-file", "-hidden", "hidden-password", "AAECAwQF"] {
        assert!(!ran.all().contains(hidden), "{hidden} in\n{}", ran.all());
    }
    for shown in ["KEEPER__WEBHOOK__SIGNING_KEY", "client_secret_file", "keeper:***@db.example", "# default"]
    {
        assert!(ran.out.contains(shown), "{shown} not in\n{}", ran.out);
    }
}

#[test]
fn keys_are_made_anew_each_time_and_a_file_of_them_is_private_and_never_overwritten() {
    let mut place = Installation::new(60);
    let [one, two] = [0, 1].map(|_| place.run(&["keys", "generate"]).fine().out);
    assert!(one.starts_with("k1:") && one != two);
    place.set("ENCRYPTION__KEYS", one.trim_end());
    place.run(&["migrate"]).fine();

    place.run(&["keys", "generate", "--out", "my.key"]).fine();
    let mode = fs::metadata(place.file("my.key")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let before = place.snapshot();
    let again = place.run(&["keys", "generate", "--out", "my.key"]);
    assert_eq!(again.code, 2, "{}", again.all());
    assert!(place.snapshot() == before);
}

#[test]
fn migrate_makes_the_database_says_where_and_changes_nothing_the_second_time() {
    let place = Installation::new(60);
    let first = place.run(&["migrate"]).fine();
    assert!(first.out.contains("keeper.db"), "{}", first.out);
    let before = place.snapshot();
    place.run(&["migrate"]).fine();
    assert!(place.snapshot() == before);
}
