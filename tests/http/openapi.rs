//! The description of the API and the API: each route answers as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::api::{Answer, Served};
use crate::delivering::taking;
use crate::receiver::Receiver;
use crate::relayed::relaying;

const ROUTES: &str = include_str!("../../src/server/routes/mod.rs");

fn described(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, methods): (&String, &Value)| {
        let names: Vec<_> =
            methods.as_object().unwrap().keys().map(|name| (path.clone(), name.clone())).collect();
        names
    };
    paths.iter().flat_map(of).collect()
}

/// As `routes/mod.rs` puts them together: `at("…")` and the `web::METHOD()` that follow.
fn routed() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    let routes_of = ROUTES.replace("at(redirect::PATH)", "at(\"/oauth/callback\")");
    // Described once: the id may be left out.
    let routes_of = routes_of.replace("at(path)", "at(\"/webhooks/calendly/{id}\")");
    for part in routes_of.split("at(\"").skip(1) {
        let (path, rest) = part.split_once('"').unwrap();
        for method in rest.split("web::").skip(1) {
            let (method, _) = method.split_once('(').unwrap();
            if ["get", "put", "post", "delete"].contains(&method) {
                routes.insert((path.to_owned(), method.to_owned()));
            }
        }
    }
    routes
}

/// The answer's body against the schema that its route names for its status.
#[track_caller]
fn fits(document: &Value, route: (&str, &str), answer: &Answer) {
    let (path, method) = route;
    let response = &document["paths"][path][method]["responses"][answer.status.to_string()];
    assert!(
        response.is_object(),
        "{method} {path} does not say that it answers {}: {}",
        answer.status,
        answer.text
    );
    let Some(content) = response["content"].as_object() else {
        assert!(answer.text.is_empty(), "{method} {path}: a body is not described: {}", answer.text);
        return;
    };
    let (kind, described) = content.iter().next().unwrap();
    assert!(
        answer.header("content-type").unwrap().starts_with(kind.as_str()),
        "{method} {path}: {:?}",
        answer.headers
    );
    if !kind.ends_with("json") {
        return;
    }
    let schema = json!({ "components": document["components"], "allOf": [described["schema"]] });
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<_> = validator.iter_errors(&answer.body).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{method} {path} {}: {wrong:?}\n{}", answer.status, answer.text);
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let served = Served::with(&[]);
    let document = served.api.as_(None).get("/openapi.json").is(200).body;
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let routed = routed();
    assert!(routed.len() > 10);
    assert_eq!(described(&document), routed);
}

#[test]
fn each_route_answers_as_it_says() {
    let receiver = Receiver::answering("410 Gone");
    let served = taking(&["anna", "ben"], relaying(&receiver));
    let document = served.api.get("/openapi.json").is(200).body;
    served.deliver("anna", crate::delivering::body("invitee.created", "1"));
    receiver.wait_for(1);
    let event = served.event_ids().remove(0);
    let cursor = served.api.get("/v1/events").is(200).body["next_cursor"].as_str().unwrap().to_owned();
    let (one, again) = (format!("/v1/events/{event}"), format!(r#"{{"ids":["{event}"]}}"#));
    let ack = format!(r#"{{"consumer":"crm","cursor":"{cursor}"}}"#);
    let line = served.place.user("carla", 3600).import_line();
    let line = line.as_str();
    served.place.simulator.revoke_grant("ben").unwrap();
    served.api.post("/v1/connections/ben/refresh");
    served.keeper.wait_for(&["connection/ben", "reauthorization_required"]);
    let asked: &[(Method, &str, &str, Option<&str>)] = &[
        (Method::GET, "/healthz", "/healthz", None),
        (Method::GET, "/readyz", "/readyz", None),
        (Method::GET, "/metrics", "/metrics", None),
        (Method::GET, "/openapi.json", "/openapi.json", None),
        (Method::PUT, "/v1/connections/{id}", "/v1/connections/carla", Some(line)),
        (Method::PUT, "/v1/connections/{id}", "/v1/connections/carla", Some(line)),
        (Method::PUT, "/v1/connections/{id}", "/v1/connections/carla", Some("{")),
        (Method::GET, "/v1/connections", "/v1/connections", None),
        (Method::GET, "/v1/connections", "/v1/connections?limit=0", None),
        (Method::GET, "/v1/connections/{id}", "/v1/connections/anna", None),
        (Method::GET, "/v1/connections/{id}", "/v1/connections/nobody", None),
        (Method::GET, "/v1/connections/{id}/access-token", "/v1/connections/anna/access-token", None),
        (Method::GET, "/v1/connections/{id}/access-token", "/v1/connections/ben/access-token", None),
        (
            Method::GET,
            "/v1/connections/{id}/access-token",
            "/v1/connections/anna/access-token?wait=1ms&after=99",
            None,
        ),
        (Method::GET, "/v1/connections/{id}/timeline", "/v1/connections/anna/timeline?limit=1", None),
        (Method::POST, "/v1/connections/{id}/refresh", "/v1/connections/anna/refresh", None),
        (Method::POST, "/v1/connections/{id}/refresh", "/v1/connections/ben/refresh", None),
        (Method::POST, "/v1/connections/{id}/verify", "/v1/connections/anna/verify", None),
        (Method::POST, "/v1/connections/{id}/pause", "/v1/connections/anna/pause", None),
        (Method::POST, "/v1/connections/{id}/resume", "/v1/connections/anna/resume", None),
        (Method::DELETE, "/v1/connections/{id}", "/v1/connections/carla", None),
        (Method::DELETE, "/v1/connections/{id}", "/v1/connections/carla", None),
        (Method::POST, "/v1/connect", "/v1/connect", Some(r#"{"id":"dora"}"#)),
        (
            Method::POST,
            "/v1/connect",
            "/v1/connect",
            Some(r#"{"id":"dora","return_url":"https://evil.example"}"#),
        ),
        (Method::POST, "/v1/connect", "/v1/connect", Some(r#"{"user":1}"#)),
        (
            Method::POST,
            "/v1/connect/confirm",
            "/v1/connect/confirm",
            Some(r#"{"id":"dora","ticket":"none"}"#),
        ),
        (Method::GET, "/v1/connect/{flow}", "/v1/connect/none", None),
        (Method::GET, "/v1/events", "/v1/events", None),
        (Method::GET, "/v1/events", "/v1/events?cursor=x", None),
        (Method::GET, "/v1/events/{id}", &one, None),
        (Method::GET, "/v1/events/{id}", "/v1/events/none", None),
        (Method::GET, "/v1/inbox", "/v1/inbox", None),
        (Method::GET, "/v1/inbox", "/v1/inbox?limit=0", None),
        (Method::POST, "/v1/events/ack", "/v1/events/ack", Some(&ack)),
        (Method::POST, "/v1/events/ack", "/v1/events/ack", Some("{}")),
        (Method::POST, "/v1/events/ack", "/v1/events/ack", None),
        (Method::POST, "/v1/events/replay", "/v1/events/replay", Some(&again)),
        (Method::POST, "/v1/events/replay", "/v1/events/replay", Some(r#"{"ids":["none"]}"#)),
        (Method::POST, "/v1/events/replay", "/v1/events/replay", Some("{}")),
        (Method::POST, "/v1/events/resume", "/v1/events/resume", None),
        (Method::POST, "/v1/events/purge", "/v1/events/purge", Some(r#"{"connection":"anna"}"#)),
        (Method::POST, "/v1/events/purge", "/v1/events/purge", Some("{}")),
        (Method::GET, "/v1/events/{id}", &one, None),
        (Method::POST, "/webhooks/calendly/{id}", "/webhooks/calendly/anna", Some("{}")),
        (Method::GET, "/oauth/callback", "/oauth/callback?state=none&code=none", None),
    ];
    for (method, path, asked, body) in asked {
        let name = method.as_str().to_ascii_lowercase();
        let answer = served.api.ask(method.clone(), asked, *body);
        assert!(answer.status < 500, "{asked}: {}", answer.text);
        fits(&document, (path, &name), &answer);
        let stranger = served.api.as_(Some("nobody-s-token-0123456789")).ask(method.clone(), asked, *body);
        fits(&document, (path, &name), &stranger);
    }
}
