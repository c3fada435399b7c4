//! Meetings: booked, joined, cancelled, rescheduled, not come to; and the events that each of these makes due.

use calendly_keeper::simulator::{
    Booked, Booking, Canceler, MeetingOptions, Options, Role, SeedGrant, Simulator, UpdatedAt,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::application::due;
use crate::support::{api, control, member, start, text, usual};

async fn resource(simulator: &Simulator, grant: &SeedGrant, uri: &str) -> Value {
    let answer = api(simulator, Method::GET, uri, &grant.access_token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["resource"].clone()
}

fn event(name: &str, booked: &Booked) -> (String, String) {
    (name.to_owned(), booked.invitee.clone())
}

#[tokio::test]
async fn a_booking_is_due_for_its_hosts_though_nobody_subscribed() {
    let simulator = usual();
    let anna = member(&simulator, "anna", Role::Owner);
    let ben = member(&simulator, "ben", Role::User);
    simulator.connect("carla").unwrap();
    let hosts = vec!["anna".to_owned(), "ben".to_owned()];
    let booked = simulator.book(&Booking { hosts, ..Booking::default() }).unwrap();
    let all = simulator.due_events();
    assert_eq!(due(&simulator), [event("invitee.created", &booked)]);
    assert_eq!((&all[0].meeting, all[0].subscriptions, all[0].delivered), (&booked.meeting, 0, 0));
    assert_eq!(all[0].users, [anna.calendly_user.0.clone(), ben.calendly_user.0.clone()]);
    assert_eq!(simulator.due_events_of("ben", None).unwrap(), all);
    assert_eq!(simulator.due_events_of("ben", Some(all[0].at)).unwrap(), all);
    let later = all[0].at + chrono::TimeDelta::microseconds(1);
    assert!(simulator.due_events_of("ben", Some(later)).unwrap().is_empty());
    assert!(simulator.due_events_of("carla", None).unwrap().is_empty());
    assert_eq!(simulator.counters().events_due, 1);
    let shown = resource(&simulator, &ben, &booked.meeting).await;
    assert_eq!(shown["event_memberships"][1]["user"], json!(ben.calendly_user));
    assert_eq!(shown["invitees_counter"], json!({"total": 1, "active": 1, "limit": 1}));
}

#[tokio::test]
async fn a_meeting_of_one_ends_with_its_invitee() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let booked = simulator.book(&Booking::with("anna")).unwrap();
    let before = resource(&simulator, &anna, &booked.meeting).await;
    assert_eq!((&before["status"], before.get("cancellation")), (&json!("active"), None));
    simulator.cancel(&booked.invitee, Canceler::Host).unwrap();
    let meeting = resource(&simulator, &anna, &booked.meeting).await;
    let invitee = resource(&simulator, &anna, &booked.invitee).await;
    for shown in [&meeting, &invitee] {
        assert_eq!(shown["status"], "canceled");
        assert_eq!(shown["cancellation"]["canceler_type"], "host");
        assert_eq!(shown["cancellation"]["canceled_by"], "anna");
        assert_eq!(shown["updated_at"], shown["cancellation"]["created_at"]);
        assert!(text(shown, "updated_at") > text(shown, "created_at"), "{shown}");
    }
    assert_eq!(due(&simulator), [event("invitee.created", &booked), event("invitee.canceled", &booked)]);
    let again = simulator.cancel(&booked.invitee, Canceler::Invitee).unwrap_err();
    assert!(again.to_string().contains("cancelled already"), "{again}");
}

#[tokio::test]
async fn one_of_a_group_comes_and_goes_without_the_meeting_showing_it_unless_told() {
    for (group_updated_at, moves) in [(UpdatedAt::Keep, false), (UpdatedAt::Touch, true)] {
        let meetings = MeetingOptions { group_updated_at, ..MeetingOptions::default() };
        let simulator = start(Options { meetings, ..Options::default() });
        let anna = simulator.connect("anna").unwrap();
        let first = simulator.book(&Booking::with("anna").seats(2)).unwrap();
        let before = resource(&simulator, &anna, &first.meeting).await;
        let second = simulator.join(&first.meeting).unwrap();
        assert_eq!(second.meeting, first.meeting);
        let full = simulator.join(&first.meeting).unwrap_err();
        assert!(full.to_string().contains("full"), "{full}");
        simulator.cancel(&first.invitee, Canceler::Invitee).unwrap();
        let after = resource(&simulator, &anna, &first.meeting).await;
        assert_eq!(after["status"], "active");
        assert_eq!(after["invitees_counter"], json!({"total": 2, "active": 1, "limit": 2}));
        assert_eq!(after["updated_at"] != before["updated_at"], moves, "{group_updated_at:?}");
        assert_eq!(resource(&simulator, &anna, &first.invitee).await["status"], "canceled");
        assert_eq!(resource(&simulator, &anna, &second.invitee).await["status"], "active");
        simulator.cancel(&second.invitee, Canceler::Invitee).unwrap();
        assert_eq!(resource(&simulator, &anna, &first.meeting).await["status"], "canceled");
    }
}

#[tokio::test]
async fn a_host_who_cancels_a_group_cancels_everybody_who_would_have_come() {
    let simulator = usual();
    simulator.connect("anna").unwrap();
    let first = simulator.book(&Booking::with("anna").seats(3)).unwrap();
    let (second, third) = (simulator.join(&first.meeting).unwrap(), simulator.join(&first.meeting).unwrap());
    simulator.cancel(&second.invitee, Canceler::Invitee).unwrap();
    simulator.cancel_meeting(&first.meeting).unwrap();
    let canceled = [&second, &first, &third].map(|booked| event("invitee.canceled", booked));
    assert_eq!(due(&simulator)[3..], canceled);
    assert!(simulator.cancel_meeting(&first.meeting).is_err());
    assert!(simulator.join(&first.meeting).is_err());
}

#[tokio::test]
async fn rescheduling_ends_one_and_begins_another_and_each_names_the_other() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let booking = Booking { invitee: Some("Jo Doe".into()), seconds: 600, ..Booking::with("anna") };
    let old = simulator.book(&booking).unwrap();
    let start = "2027-03-01T10:00:00Z".parse().unwrap();
    let new = simulator.reschedule(&old.invitee, start).unwrap();
    assert_ne!(new.meeting, old.meeting);
    let (was, is) =
        (resource(&simulator, &anna, &old.invitee).await, resource(&simulator, &anna, &new.invitee).await);
    assert_eq!((&was["status"], &was["rescheduled"]), (&json!("canceled"), &json!(true)));
    assert_eq!((&was["new_invitee"], &was["old_invitee"]), (&json!(new.invitee), &Value::Null));
    assert_eq!((&is["status"], &is["rescheduled"]), (&json!("active"), &json!(false)));
    assert_eq!((&is["old_invitee"], &is["new_invitee"]), (&json!(old.invitee), &Value::Null));
    assert_eq!((&is["name"], &is["email"]), (&was["name"], &was["email"]));
    let meeting = resource(&simulator, &anna, &new.meeting).await;
    assert_eq!(meeting["start_time"], "2027-03-01T10:00:00.000000Z");
    assert_eq!(meeting["end_time"], "2027-03-01T10:10:00.000000Z");
    let events = [event("invitee.canceled", &old), event("invitee.created", &new)];
    assert_eq!(due(&simulator)[1..], events);
}

#[tokio::test]
async fn marks_for_who_did_not_come_are_events_each() {
    for (no_show_updated_at, moves) in [(UpdatedAt::Keep, false), (UpdatedAt::Touch, true)] {
        let meetings = MeetingOptions { no_show_updated_at, ..MeetingOptions::default() };
        let simulator = start(Options { meetings, ..Options::default() });
        let anna = simulator.connect("anna").unwrap();
        let booked = simulator.book(&Booking::with("anna")).unwrap();
        let before = resource(&simulator, &anna, &booked.invitee).await;
        let mut marks = Vec::new();
        for _ in 0..2 {
            simulator.set_no_show(&booked.invitee, true).unwrap();
            assert!(simulator.set_no_show(&booked.invitee, true).is_err());
            let marked = resource(&simulator, &anna, &booked.invitee).await;
            marks.push(text(&marked["no_show"], "uri").to_owned());
            assert_eq!(marked["updated_at"] != before["updated_at"], moves);
            simulator.set_no_show(&booked.invitee, false).unwrap();
            assert_eq!(resource(&simulator, &anna, &booked.invitee).await["no_show"], Value::Null);
        }
        assert_ne!(marks[0], marks[1]);
        let names: Vec<_> = simulator.due_events().iter().skip(1).map(|due| due.event).collect();
        let toggled = ["invitee_no_show.created", "invitee_no_show.deleted"];
        assert_eq!(names, [toggled, toggled].concat());
    }
}

#[tokio::test]
async fn what_was_booked_a_time_ago_is_history() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let then = "2026-01-05T09:00:00Z".parse().unwrap();
    let booking = Booking { booked_at: Some(then), ..Booking::with("anna") };
    let booked = simulator.book(&booking).unwrap();
    assert_eq!(simulator.due_events()[0].at, then);
    let meeting = resource(&simulator, &anna, &booked.meeting).await;
    assert_eq!(meeting["created_at"], "2026-01-05T09:00:00.000000Z");
    assert_eq!(meeting["start_time"], "2026-01-07T09:00:00.000000Z");
}

#[tokio::test]
async fn all_of_it_goes_over_http() {
    let simulator = usual();
    simulator.connect("anna").unwrap();
    let post = |path: String, body: Value| {
        let simulator = simulator.clone();
        async move { control(&simulator, Method::POST, &path, &body).await }
    };
    let uuid = |uri: &str| uri.rsplit('/').next().unwrap().to_owned();
    let booked = post("meetings".into(), json!({"hosts": ["anna"], "seats": 3})).await;
    assert_eq!(booked.status, 201, "{}", booked.text);
    let booked = booked.json();
    let meeting = uuid(text(&booked, "meeting"));
    let joined = post(format!("meetings/{meeting}/join"), json!({"invitee": "Jo"})).await.json();
    let (first, second) = (uuid(text(&booked, "invitee")), uuid(text(&joined, "invitee")));
    let moved = post(format!("invitees/{first}/reschedule"), json!({"start": "2027-03-01T10:00:00Z"})).await;
    assert_eq!(moved.status, 201, "{}", moved.text);
    let moved = uuid(text(&moved.json(), "meeting"));
    let marked = post(format!("invitees/{second}/no-show"), json!({})).await;
    let path = format!("invitees/{second}/no-show");
    let unmarked = control(&simulator, Method::DELETE, &path, &json!({})).await;
    let canceled = post(format!("invitees/{second}/cancel"), json!({"by": "host"})).await;
    let ended = post(format!("meetings/{moved}/cancel"), json!({})).await;
    for answer in [marked, unmarked, canceled, ended] {
        assert_eq!((answer.status, answer.json()), (200, json!({})));
    }
    let names: Vec<_> = simulator.due_events().iter().map(|due| due.event).collect();
    assert_eq!(
        names,
        [
            "invitee.created",
            "invitee.created",
            "invitee.canceled",
            "invitee.created",
            "invitee_no_show.created",
            "invitee_no_show.deleted",
            "invitee.canceled",
            "invitee.canceled",
        ]
    );
    for (path, body, says) in [
        ("meetings", json!({"hosts": ["nobody"]}), "user: `nobody` is not known"),
        ("meetings", json!({"hosts": []}), "hosts: empty"),
        ("meetings", json!({"hosts": ["anna"], "seats": 0}), "seats, seconds: 0"),
        ("meetings/x/cancel", json!({}), "meeting: `x` is not known"),
        ("invitees/x/cancel", json!({}), "invitee: `x` is not known"),
        ("bookings/draw", json!({"count": 100_001}), "count: 100001"),
    ] {
        let refused = post(path.into(), body).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.text.contains(says), "{path}: {}", refused.text);
    }
    assert_eq!(post("invitees".into(), json!({})).await.status, 404);
}
