//! Grants handed over and taken away.

use serde_json::{Value, json};

use crate::api::Served;

fn line(served: &Served, name: &str) -> Value {
    let mut line: Value = serde_json::from_str(&served.place.user(name, 3600).import_line()).unwrap();
    line.as_object_mut().unwrap().remove("id");
    line
}

#[test]
fn a_grant_is_handed_over_served_at_once_and_taken_away() {
    let served = Served::with(&[]);
    let body = line(&served, "anna").to_string();
    let created = served.api.put("/v1/connections/anna", &body).is(201);
    assert_eq!((&created.body["id"], &created.body["status"]), (&"anna".into(), &"active".into()));
    served.api.get("/v1/connections/anna/access-token").is(200);
    served.api.put("/v1/connections/anna", &body).is(200);
    assert_eq!(served.api.get("/v1/connections/anna").is(200).body["generation"], 1, "it is the same grant");

    served.api.delete("/v1/connections/anna").is(204);
    served.api.get("/v1/connections/anna").fails_with(404, "unknown-connection");
    served.api.delete("/v1/connections/anna").fails_with(404, "unknown-connection");
}

#[test]
fn an_older_grant_takes_nobody_s_place_unless_it_shall() {
    let served = Served::with(&[]);
    served.api.put("/v1/connections/anna", &line(&served, "anna").to_string()).is(201);
    let mut other = line(&served, "anna");
    other["expires_at"] = "2020-01-01T00:00:00Z".into();
    served.api.put("/v1/connections/anna", &other.to_string()).fails_with(409, "older-grant");
    other["replace"] = true.into();
    let replaced = served.api.put("/v1/connections/anna", &other.to_string()).is(200);
    assert!(replaced.body["generation"].as_i64().unwrap() >= 2);
    served.api.put("/v1/connections/ben", &other.to_string()).fails_with(409, "token-in-use");
}

#[test]
fn bad_bodies_are_named_and_store_nothing() {
    let served = Served::with(&[]);
    let secret = "hunter2hunter2hunter2hunter2";
    let good = json!({ "refresh_token": secret });
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body.to_string()
    };
    for (body, says) in [
        ("{".to_owned(), "is not JSON"),
        ("[]".to_owned(), "no JSON object"),
        (json!({ "access_token": secret }).to_string(), "refresh_token"),
        (with("id", "ben".into()), "another id"),
        (with("replace", "yes".into()), "replace"),
        (with("colour", "red".into()), "colour"),
        (with("expires_at", "tomorrow".into()), "expires_at"),
        (with("access_token", secret.into()), "the same"),
    ] {
        let answer = served.api.put("/v1/connections/anna", &body).fails_with(400, "invalid-request");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(says) && !detail.contains("hunter2"), "{body}: {detail}");
    }
    served.api.put("/v1/connections/a%20b", &good.to_string()).fails_with(400, "invalid-request");
    served.api.put("/v1/connections/anna", &"x".repeat(70_000)).fails_with(413, "too-large");
    served.api.get("/v1/connections/anna").fails_with(404, "unknown-connection");
    assert!(!served.keeper.said().contains("hunter2"));
}
