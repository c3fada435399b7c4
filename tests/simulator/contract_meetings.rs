//! Meetings, invitees and deliveries against Calendly's own description of them and against captured ones.

use std::collections::BTreeSet;

use calendly_keeper::simulator::{Booking, Canceler};
use reqwest::Method;
use serde_json::{Value, json};

use crate::application::{Application, Heard, subscribe};
use crate::contract::{OPENAPI, check, collected, mistakes, read};
use crate::support::{Answered, api, until, usual};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/calendly/samples");

/// The document describes invitees as they are delivered, and in them their meetings.
fn is_described(document: &Value, schema: &Value, shown: &Value) {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    let mistakes = mistakes(&schema, shown);
    assert!(mistakes.is_empty(), "{mistakes:?} in {shown}");
}

#[tokio::test]
#[cfg_attr(not(has_shared), ignore = "needs ../shared/reference, which is not here")]
async fn meetings_and_invitees_are_as_calendly_describes_them() {
    let document = read(OPENAPI);
    let schemas = &document["components"]["schemas"];
    let mut invitee_schema = schemas["InviteePayload"].clone();
    let meeting_schema = invitee_schema["properties"]["scheduled_event"].clone();
    invitee_schema["required"].as_array_mut().unwrap().retain(|name| name != "scheduled_event");

    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let ben = simulator.connect("ben").unwrap();
    let group = simulator.book(&Booking::with("anna").seats(3)).unwrap();
    let left = simulator.join(&group.meeting).unwrap();
    simulator.set_no_show(&group.invitee, true).unwrap();
    simulator.cancel(&left.invitee, Canceler::Invitee).unwrap();
    let old = simulator.book(&Booking::with("anna")).unwrap();
    let new = simulator.reschedule(&old.invitee, "2027-03-01T10:00:00Z".parse().unwrap()).unwrap();

    let token = &*anna.access_token;
    let get = |path: String| {
        let (simulator, token) = (simulator.clone(), token.to_owned());
        async move { api(&simulator, Method::GET, &path, &token).await }
    };
    let list = |answer: &Answered, schema: &Value| {
        let body = answer.json();
        for item in body["collection"].as_array().unwrap() {
            is_described(&document, schema, item);
        }
        is_described(&document, &schemas["Pagination"], &body["pagination"]);
        body["collection"].as_array().unwrap().len()
    };
    for page in ["", "&count=1"] {
        let listed = get(format!("/scheduled_events?user={}{page}", anna.calendly_user)).await;
        assert_eq!(list(&listed, &meeting_schema), if page.is_empty() { 3 } else { 1 });
        // Only the API's own has it.
        assert!(listed.json()["collection"][0]["calendar_event"]["external_id"].is_string());
    }
    assert_eq!(list(&get(format!("{}/invitees", group.meeting)).await, &invitee_schema), 2);
    for meeting in [&group.meeting, &old.meeting] {
        is_described(&document, &meeting_schema, &get(meeting.clone()).await.json()["resource"]);
    }
    for invitee in [&group.invitee, &left.invitee, &old.invitee, &new.invitee] {
        is_described(&document, &invitee_schema, &get(invitee.clone()).await.json()["resource"]);
    }

    let (events, one) = ("/scheduled_events", "/scheduled_events/{uuid}");
    let invitees = "/scheduled_events/{uuid}/invitees";
    let invitee = "/scheduled_events/{event_uuid}/invitees/{invitee_uuid}";
    for (token, expected) in [("made up", 401), (&*ben.access_token, 403)] {
        for (path, url) in [
            (events, format!("/scheduled_events?user={}", anna.calendly_user)),
            (one, group.meeting.clone()),
            (invitees, format!("{}/invitees", group.meeting)),
            (invitee, group.invitee.clone()),
        ] {
            let refused = api(&simulator, Method::GET, &url, token).await;
            assert_eq!(refused.status, expected, "{url}");
            check(&document, path, "get", &refused);
        }
    }
    check(&document, events, "get", &get("/scheduled_events?sort=name".into()).await);
    check(&document, invitees, "get", &get(format!("{}/invitees?status=x", group.meeting)).await);
    check(&document, one, "get", &get("/scheduled_events/x".into()).await);
    let errors = read(&format!("{SAMPLES}/errors.json"));
    let refused = api(&simulator, Method::GET, &group.meeting, &ben.access_token).await;
    assert_eq!(refused.json(), collected(&errors, "api", 403, "not allowed to view this event"));
}

/// The names of all members, those of objects inside with their place.
fn members(value: &Value, place: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let place = format!("{place}.{name}");
                members(value, &place, found);
                found.insert(place);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, place, found)),
        _ => {}
    }
}

#[tokio::test]
#[cfg_attr(not(has_shared), ignore = "needs ../shared/reference, which is not here")]
async fn deliveries_look_like_those_that_were_captured() {
    let document = read(OPENAPI);
    let simulator = usual();
    simulator.connect("anna").unwrap();
    let application = Application::start().await;
    subscribe(&simulator, "anna", application.url("/hook"));
    let booked = simulator.book(&Booking::with("anna")).unwrap();
    simulator.set_no_show(&booked.invitee, true).unwrap();
    simulator.set_no_show(&booked.invitee, false).unwrap();
    simulator.cancel(&booked.invitee, Canceler::Invitee).unwrap();
    until("the deliveries", || simulator.pending_deliveries() == 0).await;
    let heard: Vec<Value> = application.heard().iter().map(Heard::json).collect();
    let of = |name: &str| heard.iter().find(|body| body["event"] == name).unwrap();
    for body in &heard {
        let envelope: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(envelope, ["created_at", "created_by", "event", "payload"]);
        let payload = &document["components"]["schemas"]["InviteePayload"];
        is_described(&document, payload, &body["payload"]);
    }
    assert_eq!(of("invitee_no_show.deleted")["payload"]["no_show"], json!(null));
    for (name, sample) in [
        ("invitee.created", "invitee.created.captured-2025"),
        ("invitee.canceled", "invitee.canceled.sampled-2026"),
        ("invitee_no_show.created", "invitee_no_show.created.sampled-2026"),
    ] {
        let (mut ours, mut theirs) = (BTreeSet::new(), BTreeSet::new());
        members(of(name), "", &mut ours);
        members(&read(&format!("{SAMPLES}/{sample}.json")), "", &mut theirs);
        // Answers and places differ from meeting to meeting.
        let fixed = |place: &String| !place.contains(".location.") && !place.contains("_answers.");
        ours.retain(fixed);
        theirs.retain(fixed);
        assert_eq!(ours, theirs, "{name}");
    }
}
