//! Events for an application that fetches them.

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::delivering::{body, deliver_to, ids, taking};
use crate::process::DEADLINE;
use crate::wait::until;

#[test]
fn events_come_in_order_with_the_whole_body_unchanged() {
    let served = taking(&["anna", "ben"], |_| ());
    let odd = r#"{ "payload":{"uri":"https://api.calendly.com/i/3","x":1.10, "a":"\ud800"} ,"event":"invitee.sneezed"}"#;
    let bodies = [body("invitee.created", "1"), body("invitee.canceled", "1"), odd.to_owned()];
    for (connection, body) in ["anna", "ben", "anna"].iter().zip(&bodies) {
        served.deliver(connection, body);
        served.deliver(connection, body); // Calendly repeats itself
    }
    let page = served.api.get("/v1/events").is(200);
    assert!(bodies.iter().all(|body| page.text.contains(&format!(r#""payload":{body}"#))), "{}", page.text);
    let first = &served.api.get("/v1/events?limit=1").is(200).body["events"][0];
    assert_eq!(first["payload"], serde_json::from_str::<Value>(&bodies[0]).unwrap());
    assert_eq!((&first["event"], &first["connection"]), (&json!("invitee.created"), &json!("anna")));
    assert_eq!(
        (&first["occurred_at"], &first["backfilled"]),
        (&json!("2026-01-02T03:04:05.678901Z"), &json!(false))
    );
    assert!(first["received_at"].is_string() && first["payload_base64"].is_null());

    let (mut seen, mut cursor) = (vec![], String::new());
    loop {
        let page = served.api.get(&format!("/v1/events?limit=2{cursor}").replace(r"\ud800", "")).is(200);
        let page: Value = serde_json::from_str(&page.text.replace(r"\ud800", "")).unwrap();
        let events = page["events"].as_array().unwrap();
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
        if events.is_empty() {
            break;
        }
        assert!(events.len() <= 2);
        seen.extend(events.iter().map(|event| event["event"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen, ["invitee.created", "invitee.canceled", "invitee.sneezed"]);
    let bens = served.api.get("/v1/events?connection=ben").is(200).body;
    assert_eq!(bens["events"].as_array().unwrap().len(), 1);
    assert_eq!(served.api.get("/v1/events?connection=nobody").is(200).body["events"], json!([]));
    let end = served.api.get(&format!("/v1/events?limit=2{cursor}")).is(200).body;
    assert_eq!(
        format!("&cursor={}", end["next_cursor"].as_str().unwrap()),
        cursor,
        "the end is a place to go on from"
    );
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let served = taking(&["anna"], |_| ());
    served.deliver("anna", body("invitee.created", "1"));
    served.deliver("anna", body("invitee.created", "2"));
    let listed = served.api.get("/v1/inbox?limit=1").is(200).body;
    let of_the_list = format!("cursor={}", listed["next_cursor"].as_str().unwrap());
    let ahead = |place: i64| {
        let bytes: Vec<u8> = [1].into_iter().chain(place.to_be_bytes()).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let far = format!("cursor={}", ahead(i64::MAX));
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=",
        "cursor=!",
        "cursor=AQ",
        &of_the_list,
        &far,
        "wait=61s",
        "wait=soon",
        "consumer=",
        "consumer=a%20b",
        "connection=a%20b",
        "consumer=crm&cursor=AQ",
        "page=2",
    ] {
        served.api.get(&format!("/v1/events?{wrong}")).fails_with(400, "invalid-request");
    }
    for wrong in [
        "limit=0",
        "cursor=!",
        "state=lost",
        "since=2h",
        "until=yesterday",
        "connection=a%20b",
        "wait=1s",
        "consumer=crm",
    ] {
        served.api.get(&format!("/v1/inbox?{wrong}")).fails_with(400, "invalid-request");
    }
    for wrong in [
        json!({}),
        json!({"consumer": "crm"}),
        json!({"consumer": "crm", "cursor": "AQ"}),
        json!({"consumer": "a b", "cursor": ahead(1)}),
        json!({"consumer": "crm", "cursor": ahead(i64::MAX)}),
        json!({"consumer": "crm", "cursor": ahead(1), "x": 1}),
    ] {
        served.api.send("/v1/events/ack", &wrong).fails_with(400, "invalid-request");
    }
    assert_eq!(served.api.get("/v1/events?consumer=crm").is(200).body["events"].as_array().unwrap().len(), 2);
    for unknown in ["nothing", "evt_0123456789abcdef0123456789abcdef"] {
        served.api.get(&format!("/v1/events/{unknown}")).fails_with(404, "unknown-event");
    }
}

#[test]
fn whoever_waits_gets_what_comes_at_once() {
    let served = taking(&["anna"], |_| ());
    assert_eq!(served.api.get("/v1/events?wait=1ms").is(200).body["events"], json!([]));
    let api = served.api.clone();
    let started = Instant::now();
    let waiting = thread::spawn(move || api.get("/v1/events?wait=25s"));
    served.deliver("anna", body("invitee.created", "1"));
    let came = waiting.join().unwrap().is(200).body;
    assert_eq!(ids(came["events"].as_array().unwrap()), served.event_ids());
    assert!(started.elapsed() < Duration::from_secs(20), "it was told, and did not wait to the end");
}

#[test]
fn a_consumer_goes_on_where_it_has_acknowledged() {
    let served = taking(&["anna"], |_| ());
    let events = |consumer: &str, limit: u32| {
        let page = served.api.get(&format!("/v1/events?consumer={consumer}&limit={limit}")).is(200).body;
        (ids(page["events"].as_array().unwrap()), page["next_cursor"].as_str().unwrap().to_owned())
    };
    let acknowledge = |consumer: &str, cursor: &str| {
        let answer =
            served.api.send("/v1/events/ack", &json!({"consumer": consumer, "cursor": cursor})).is(204);
        assert!(answer.text.is_empty());
    };
    assert_eq!(events("crm", 10).0, [] as [&str; 0]);
    for invitee in ["1", "2", "3"] {
        served.deliver("anna", body("invitee.created", invitee));
    }
    let all = served.event_ids();
    let (first, one) = events("crm", 1);
    assert_eq!(first, all[..1]);
    assert_eq!(events("crm", 10).0, all, "nothing is acknowledged by being fetched");
    let (_, three) = events("crm", 10);
    acknowledge("crm", &one);
    assert_eq!(events("crm", 10).0, all[1..]);
    acknowledge("crm", &three);
    acknowledge("crm", &one);
    assert_eq!(events("crm", 10), (vec![], three.clone()), "it never goes back");
    assert_eq!(events("billing", 10).0, all, "the other has its own");
    served.deliver("anna", body("invitee.created", "4"));
    assert_eq!(events("crm", 10).0.len(), 1);
}

#[test]
fn no_reader_is_passed_by_an_event_while_deliveries_come() {
    const SENDERS: usize = 4;
    const EACH: usize = 20;
    let served = taking(&["anna"], |_| ());
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let url = served.api.url.clone();
            thread::spawn(move || {
                for n in 0..EACH {
                    deliver_to(&url, "anna", body("invitee.created", &format!("{sender}-{n}")).as_bytes())
                        .is(204);
                }
            })
        })
        .collect();
    let (mut seen, mut cursor) = (vec![], String::new());
    while seen.len() < SENDERS * EACH {
        let page = served.api.get(&format!("/v1/events?limit=7&wait=20s{cursor}")).is(200).body;
        let some = ids(page["events"].as_array().unwrap());
        assert!(!some.is_empty(), "{} of all have come", seen.len());
        seen.extend(some);
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    assert_eq!(seen, served.event_ids(), "each once, in its place");
}

#[test]
fn what_is_no_event_is_shown_and_not_fetched() {
    let served = taking(&["anna"], |_| ());
    served.deliver("anna", b"\0 no event");
    assert_eq!(served.events(), [] as [Value; 0]);
    let listed = served.api.get("/v1/inbox").is(200).body;
    let listed = &listed["events"][0];
    assert_eq!(
        (&listed["event"], &listed["state"], &listed["attempts"]),
        (&Value::Null, &json!("kept"), &json!(0))
    );
    let shown = served.api.get(&format!("/v1/events/{}", listed["id"].as_str().unwrap())).is(200).body;
    assert!(shown["payload"].is_null() && shown["attempts"] == json!([]));
    assert_eq!(STANDARD.decode(shown["payload_base64"].as_str().unwrap()).unwrap(), b"\0 no event");
}

#[test]
fn what_a_disconnected_user_was_sent_is_erased() {
    let served = taking(&["anna", "ben"], |_| ());
    served.deliver("anna", body("invitee.created", "1"));
    served.deliver("ben", body("invitee.created", "2"));
    served.api.delete("/v1/connections/anna").is(204);
    until("only the other's are left", DEADLINE, || {
        let left = served.events();
        left.iter().all(|event| event["connection"] == "ben").then(|| assert_eq!(left.len(), 1))
    });
}

#[test]
fn each_role_reaches_what_is_its_own() {
    let secret = |role: &str| format!("{role}-0123456789abcdef");
    let roles = ["tokens", "read", "events", "admin"];
    let served = taking(&["anna"], |place| {
        let tokens: Vec<_> = roles.iter().map(|role| format!("{role}:{role}:{}", secret(role))).collect();
        place.set("SERVER__API_TOKENS", &tokens.join(","));
    });
    let unknown = "evt_0123456789abcdef0123456789abcdef";
    let (one, ids) = (format!("/v1/events/{unknown}"), json!({"ids": [unknown]}).to_string());
    let asked: [(Method, &str, Option<&str>, &str); 7] = [
        (Method::GET, "/v1/events", None, "events"),
        (Method::GET, &one, None, "events"),
        (Method::POST, "/v1/events/ack", Some("{}"), "events"),
        (Method::POST, "/v1/events/replay", Some(&ids), "events"),
        (Method::POST, "/v1/events/purge", Some("{}"), "admin"),
        (Method::POST, "/v1/events/resume", None, "admin"),
        (Method::GET, "/v1/inbox", None, "read"),
    ];
    for (method, path, body, needed) in asked {
        for role in roles {
            let answer = served.api.as_(Some(&secret(role))).ask(method.clone(), path, body);
            if role == needed || role == "admin" {
                assert!(![401, 403].contains(&answer.status), "{role} {method} {path}: {}", answer.text);
            } else {
                answer.fails_with(403, "forbidden");
            }
        }
        served.api.as_(None).ask(method, path, body).fails_with(401, "unauthorized");
    }
}
