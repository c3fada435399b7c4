//! One event, however often and in whatever way it comes.

use serde_json::json;

use super::*;

const INVITEE: &str = "https://api.calendly.com/scheduled_events/E1/invitees/I1";

fn body(event: &str, payload: &Value) -> Vec<u8> {
    let created_at = "2026-01-02T03:04:05.000000Z";
    let body = json!({
        "event": event, "created_at": created_at, "created_by": "https://api.calendly.com/users/U1", "payload": payload,
    });
    body.to_string().into_bytes()
}

fn id(body: &[u8]) -> EventId {
    recognise(body).unwrap().id(Some(&"anna".parse().unwrap()))
}

#[test]
fn the_same_event_of_the_same_invitee_is_one_whatever_else_is_in_it() {
    for event in ["invitee.created", "invitee.canceled"] {
        let first = body(event, &json!({"uri": INVITEE, "updated_at": "a", "timezone": "x"}));
        let again = body(event, &json!({"uri": INVITEE, "updated_at": "b"}));
        assert_eq!(id(&first), id(&again), "{event}");
    }
}

#[test]
fn other_names_invitees_and_connections_are_other_events() {
    let made = |event: &str, uri: &str| body(event, &json!({ "uri": uri }));
    let one = made("invitee.created", INVITEE);
    let ids = [
        id(&one),
        id(&made("invitee.canceled", INVITEE)),
        id(&made("invitee.created", "https://api.calendly.com/scheduled_events/E1/invitees/I2")),
        recognise(&one).unwrap().id(Some(&"ben".parse().unwrap())),
        recognise(&one).unwrap().id(None),
    ];
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn each_toggle_of_a_no_show_is_one_though_the_invitee_does_not_change() {
    let toggled = |event: &str, no_show: Value| {
        body(event, &json!({"uri": INVITEE, "updated_at": "a", "no_show": no_show}))
    };
    let first =
        toggled("invitee_no_show.created", json!({"uri": "https://api.calendly.com/invitee_no_shows/1"}));
    let second =
        toggled("invitee_no_show.created", json!({"uri": "https://api.calendly.com/invitee_no_shows/2"}));
    assert_ne!(id(&first), id(&second));
    assert_eq!(id(&first), id(&first.clone()));
    let deleted = toggled("invitee_no_show.deleted", Value::Null);
    let later = String::from_utf8(deleted.clone()).unwrap().replace("03:04:05", "03:09:05").into_bytes();
    assert_ne!(id(&deleted), id(&later));
}

#[test]
fn an_unknown_name_is_an_event_and_tells_its_times_apart() {
    let of = |updated_at: &str| body("invitee.sneezed", &json!({"uri": INVITEE, "updated_at": updated_at}));
    assert_eq!(id(&of("a")), id(&of("a")));
    assert_ne!(id(&of("a")), id(&of("b")));
}

#[test]
fn without_a_uri_the_body_is_what_it_is() {
    let of = |x: u8| body("odd.event", &json!({ "x": x }));
    assert_eq!(id(&of(1)), id(&of(1)));
    assert_ne!(id(&of(1)), id(&of(2)));
}

#[test]
fn all_that_is_about_an_invitee_stands_in_one_line() {
    let anna = "anna".parse().unwrap();
    let line =
        |event: &str, uri: &str| recognise(&body(event, &json!({ "uri": uri }))).unwrap().line(Some(&anna));
    assert_eq!(line("invitee.created", INVITEE), line("invitee.canceled", INVITEE));
    assert_ne!(line("invitee.created", INVITEE), line("invitee.created", "https://api.calendly.com/x"));
}

#[test]
fn odd_parts_cost_only_themselves() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let text = format!(
        r#"{{"event":"invitee.created","created_by":7,"created_at":"never","deep":{deep},"payload":{{"uri":"u","scheduled_event":{{"event_memberships":[1,{{"user":"h"}}]}}}}}}"#
    );
    let about = recognise(text.as_bytes()).unwrap();
    assert_eq!((about.created_by.as_deref(), about.created_at), (None, None));
    assert_eq!(about.members, BTreeSet::from(["h".into()]));
}

#[test]
fn what_names_no_event_is_none() {
    for text in ["", "{}", "[]", r#"{"event":7}"#, r#"{"event":""}"#, "{\"event\":\"a\"", "\0", "\u{feff}"] {
        assert!(recognise(text.as_bytes()).is_none(), "{text:?}");
    }
}
