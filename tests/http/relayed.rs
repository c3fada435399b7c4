//! What is asked of events that the application was sent: how they stand, again, erased.

use serde_json::{Value, json};

use crate::api::Served;
use crate::delivering::{body, taking};
use crate::installation::Installation;
use crate::process::DEADLINE;
use crate::receiver::Receiver;
use crate::wait::until;

pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

pub(crate) fn relaying(receiver: &Receiver) -> impl FnOnce(&mut Installation) {
    let url = format!("http://127.0.0.1:{}/hooks", receiver.port);
    move |place| {
        place.set("RELAY__URL", &url);
        place.set("RELAY__SECRET", SECRET);
    }
}

/// Waits until an event stands so.
#[track_caller]
fn wait_for(served: &Served, id: &str, state: &str) -> Value {
    until(&format!("{id} is {state}"), DEADLINE, || {
        Some(served.api.get(&format!("/v1/events/{id}")).is(200).body).filter(|event| event["state"] == state)
    })
}

#[test]
fn an_event_is_told_with_each_attempt_and_relayed_again_under_its_id() {
    let receiver = Receiver::answering("503 Service Unavailable");
    let served = taking(&["anna"], relaying(&receiver));
    served.deliver("anna", body("invitee.created", "1"));
    receiver.wait_for(1);
    receiver.answers("204 No Content");
    let id = served.event_ids().remove(0);
    let event = wait_for(&served, &id, "delivered");
    let attempts = event["attempts"].as_array().unwrap();
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt["status"].as_u64().unwrap()).collect();
    assert!(statuses.starts_with(&[503]) && statuses.ends_with(&[204]), "{statuses:?}");
    assert!(attempts.iter().all(|attempt| attempt["at"].is_string() && attempt["took_ms"].is_u64()));
    assert_eq!(event["payload"], serde_json::from_str::<Value>(&body("invitee.created", "1")).unwrap());
    assert!(event["settled_at"].is_string() && event["next_at"].is_null());

    let before = receiver.got().len();
    let answer = served.api.send("/v1/events/replay", &json!({"ids": [id]})).is(200);
    assert_eq!(answer.body, json!({"replayed": 1}));
    let got = receiver.wait_for(before + 1);
    assert!(got.iter().all(|posted| posted.id() == id), "one id in all attempts");
    let event = wait_for(&served, &id, "delivered");
    assert_eq!(event["attempts"].as_array().unwrap().len(), attempts.len() + 1);
}

#[test]
fn a_selection_is_relayed_again_and_only_that() {
    let receiver = Receiver::answering("204 No Content");
    let served = taking(&["anna", "ben"], relaying(&receiver));
    for (connection, invitee) in [("anna", "1"), ("ben", "2"), ("anna", "3")] {
        served.deliver(connection, body("invitee.created", invitee));
    }
    let ids = served.event_ids();
    ids.iter().for_each(|id| drop(wait_for(&served, id, "delivered")));
    let replay = |wanted: &Value| served.api.send("/v1/events/replay", wanted);
    let replayed = |wanted: Value| replay(&wanted).is(200).body["replayed"].as_u64().unwrap();
    assert_eq!(replayed(json!({"connection": "ben"})), 1);
    assert_eq!(receiver.wait_for(4)[3].id(), ids[1]);
    assert_eq!(replayed(json!({"state": "dead"})), 0);
    assert_eq!(replayed(json!({"until": "2020-01-01T00:00:00Z"})), 0);
    assert_eq!(replayed(json!({"connection": "anna", "since": "2020-01-01T00:00:00Z"})), 2);
    receiver.wait_for(6);
    let unknown = "evt_0123456789abcdef0123456789abcdef";
    for (wanted, status, name) in [
        (json!({"ids": [ids[0], unknown]}), 404, "unknown-event"),
        (json!({"ids": ["7"]}), 404, "unknown-event"),
        (json!({"ids": []}), 400, "invalid-request"),
        (json!({}), 400, "invalid-request"),
        (json!({"ids": [ids[0]], "connection": "anna"}), 400, "invalid-request"),
        (json!({"since": "2h"}), 400, "invalid-request"),
        (json!({"state": "lost"}), 400, "invalid-request"),
        (json!({"id": ids[0]}), 400, "invalid-request"),
    ] {
        replay(&wanted).fails_with(status, name);
    }
    assert_eq!(receiver.got().len(), 6, "a request with one unknown id relays none");
}

#[test]
fn where_nothing_is_relayed_nothing_can_be_again() {
    let served = taking(&["anna"], |_| ());
    served.deliver("anna", body("invitee.created", "1"));
    let ids = served.event_ids();
    served.api.send("/v1/events/replay", &json!({ "ids": ids })).fails_with(409, "no-relay");
    served.api.post("/v1/events/resume").fails_with(409, "no-relay");
    assert_eq!(served.api.get("/v1/inbox?state=kept").is(200).body["events"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_purged_is_gone_and_still_known() {
    let receiver = Receiver::answering("204 No Content");
    let served = taking(&["anna", "ben"], relaying(&receiver));
    for (connection, invitee) in [("anna", "1"), ("ben", "2")] {
        served.deliver(connection, body("invitee.created", invitee));
    }
    let ids = served.event_ids();
    ids.iter().for_each(|id| drop(wait_for(&served, id, "delivered")));
    receiver.answers("503 Service Unavailable");
    served.deliver("ben", body("invitee.created", "4"));
    receiver.wait_for(3);

    for wrong in [json!({}), json!({"until": "7d"}), json!({"connection": "a b"}), json!({"state": "dead"})] {
        served.api.send("/v1/events/purge", &wrong).fails_with(400, "invalid-request");
    }
    let purge =
        |wanted: &Value| served.api.send("/v1/events/purge", wanted).is(200).body["purged"].as_u64().unwrap();
    assert_eq!(purge(&json!({"connection": "anna"})), 1);
    assert_eq!(served.event_ids().len(), 2);
    let shown = served.api.get(&format!("/v1/events/{}", ids[0])).is(200).body;
    assert!(shown["payload"].is_null() && shown["payload_base64"].is_null());
    assert_eq!((&shown["state"], &shown["event"]), (&json!("delivered"), &json!("invitee.created")));
    served.deliver("anna", body("invitee.created", "1"));
    assert_eq!(served.event_ids().len(), 2, "a repetition is recognised");
    let replayed = served.api.send("/v1/events/replay", &json!({"ids": [ids[0]]})).is(200);
    assert_eq!(replayed.body["replayed"], 0, "what is erased cannot be sent");

    assert_eq!(purge(&json!({"until": "2020-01-01T00:00:00Z"})), 0);
    assert_eq!(purge(&json!({"until": "2999-01-01T00:00:00Z"})), 1, "not what is still to be relayed");
    assert_eq!(served.api.get("/v1/inbox?state=pending").is(200).body["events"].as_array().unwrap().len(), 1);
    assert_eq!(purge(&json!({"connection": "ben"})), 1, "but of a connection everything");
    assert_eq!(served.events(), [] as [Value; 0]);
}

#[test]
fn the_commands_list_show_replay_purge_and_resume() {
    let receiver = Receiver::answering("204 No Content");
    let served = taking(&["anna", "ben"], relaying(&receiver)).found();
    served.deliver("anna", body("invitee.created", "1"));
    served.deliver("ben", body("invitee.canceled", "2"));
    let ids = served.event_ids();
    ids.iter().for_each(|id| drop(wait_for(&served, id, "delivered")));

    let listed = served.run(&["inbox", "list"]).fine().out;
    let rows: Vec<_> = listed.lines().collect();
    assert_eq!(rows.len(), 3, "{listed}");
    assert!(
        rows[0].starts_with("ID ") && rows[1].starts_with(&ids[1]) && rows[2].starts_with(&ids[0]),
        "{listed}"
    );
    assert!(
        rows[1].contains("invitee.canceled") && rows[1].contains("ben") && rows[1].contains("delivered"),
        "{listed}"
    );
    let json =
        served.run(&["inbox", "list", "--json", "--connection", "anna", "--since", "1h"]).fine().json();
    assert_eq!(crate::delivering::ids(json["events"].as_array().unwrap()), ids[..1]);
    assert!(json["next_cursor"].is_null());
    let first = served.run(&["inbox", "list", "--limit", "1"]).fine().out;
    assert!(
        first.contains(&ids[1]) && !first.contains(&ids[0]) && first.contains("there are more"),
        "{first}"
    );
    for nothing in [["--until", "1h"], ["--state", "dead"], ["--since", "2999-01-01T00:00:00Z"]] {
        let listed = served.run(&[&["inbox", "list"][..], &nothing].concat()).fine().out;
        assert_eq!(listed.lines().count(), 1, "{nothing:?}: {listed}");
    }
    served.run(&["inbox", "list", "--since", "yesterday"]).fails_with(2, &["2h, 3d"]);
    served.run(&["inbox", "list", "--state", "lost"]).fails_with(2, &["pending"]);

    let shown = served.run(&["inbox", "show", &ids[0]]).fine().out;
    for part in [&ids[0], "anna", "delivered", "204", "scheduled_events/E/invitees/1"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let json = served.run(&["inbox", "show", &ids[0], "--json"]).fine().json();
    assert_eq!(json, served.api.get(&format!("/v1/events/{}", ids[0])).is(200).body);
    let unknown = "evt_0123456789abcdef0123456789abcdef";
    served.run(&["inbox", "show", unknown]).fails_with(1, &["there is no event", unknown]);
    served.run(&["inbox", "show", "7"]).fails_with(2, &["evt_"]);

    assert_eq!(served.run(&["inbox", "replay", &ids[0]]).fine().out, "1 event is relayed again\n");
    assert_eq!(receiver.wait_for(3)[2].id(), ids[0]);
    assert_eq!(
        served.run(&["inbox", "replay", "--since", "1h", "--json"]).fine().json(),
        json!({"replayed": 2})
    );
    receiver.wait_for(5);
    assert_eq!(served.run(&["inbox", "replay", "--dead"]).fine().out, "0 events are relayed again\n");
    served.run(&["inbox", "replay"]).fails_with(2, &["--dead"]);
    served.run(&["inbox", "replay", "--json"]).fails_with(2, &["--dead"]);
    served.run(&["inbox", "replay", &ids[0], "--dead"]).fails_with(2, &["--dead"]);
    served.run(&["inbox", "replay", unknown]).fails_with(1, &["there is no event"]);

    ids.iter().for_each(|id| drop(wait_for(&served, id, "delivered")));
    served.run(&["inbox", "purge"]).fails_with(2, &["--older-than"]);
    served.run(&["inbox", "purge", "--yes"]).fails_with(2, &["--older-than"]);
    served.run(&["inbox", "purge", "--connection", "anna"]).fails_with(2, &["cannot be undone", "--yes"]);
    assert_eq!(served.event_ids().len(), 2, "nothing was done");
    assert_eq!(
        served.run(&["inbox", "purge", "--connection", "anna", "--yes"]).fine().out,
        "1 event is erased\n"
    );
    let shown = served.run(&["inbox", "show", &ids[0]]).fine().out;
    assert!(shown.contains("what was in it is erased"), "{shown}");
    let replayed = served.run(&["inbox", "replay", &ids[0]]);
    assert_eq!(replayed.code, 1, "{}", replayed.all());
    assert!(replayed.out.contains("1 event was erased"), "{}", replayed.out);
    let json = served.run(&["inbox", "purge", "--older-than", "1h", "--yes", "--json"]).fine().json();
    assert_eq!(json, json!({"purged": 0}));

    assert_eq!(served.run(&["inbox", "resume"]).fine().out, "the relay was not paused\n");
    receiver.answers("410 Gone");
    served.deliver("ben", body("invitee.created", "5"));
    served.keeper.wait_for(&["relay", "410"]);
    receiver.answers("204 No Content");
    assert_eq!(served.run(&["inbox", "resume"]).fine().out, "events are relayed again\n");
    let last = served.event_ids().pop().unwrap();
    wait_for(&served, &last, "delivered");
}
