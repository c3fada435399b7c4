//! Which events are due, and how they are put together.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::event::recognise;
use crate::domain::ids::ConnectionId;

const USER: &str = "https://api.calendly.com/users/U1";
const EVENT: &str = "https://api.calendly.com/scheduled_events/E1";

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
}

fn text(minute: i64) -> String {
    at(minute).to_rfc3339()
}

/// Booked, and perhaps cancelled, so many minutes after the gap began.
fn meeting(booked: i64, canceled: Option<i64>, limit: u32) -> (Value, Value) {
    let status = if canceled.is_some() { "canceled" } else { "active" };
    let mut scheduled = json!({
        "uri": EVENT, "status": status, "created_at": text(booked), "updated_at": text(canceled.unwrap_or(booked)),
        "start_time": text(10_000), "invitees_counter": {"total": 1, "active": 1, "limit": limit},
        "event_memberships": [{"user": USER, "user_name": "U"}], "calendar_event": {"kind": "google"},
    });
    let mut invitee = json!({
        "uri": format!("{EVENT}/invitees/I1"), "status": status, "created_at": text(booked),
        "updated_at": text(canceled.unwrap_or(booked)), "email": "a@b.example", "rescheduled": false,
    });
    if let Some(canceled) = canceled {
        let cancellation = json!({"canceled_by": "A", "reason": null, "created_at": text(canceled)});
        (scheduled["cancellation"], invitee["cancellation"]) = (cancellation.clone(), cancellation);
    }
    (scheduled, invitee)
}

fn names((scheduled, invitee): &(Value, Value), window: Window) -> Vec<&'static str> {
    happened(scheduled, invitee, window).into_iter().map(|happened| happened.event).collect()
}

#[test]
fn what_is_due_follows_from_when_it_was_booked_and_cancelled() {
    let since = Window::from(at(0));
    let both = vec!["invitee.created", "invitee.canceled"];
    for (booked, canceled, looked_into, due) in [
        (-5, None, false, vec![]),
        (5, None, true, vec!["invitee.created"]),
        (0, None, true, vec!["invitee.created"]),
        (-5, Some(-1), false, vec![]),
        (-5, Some(5), true, vec!["invitee.canceled"]),
        (-5, Some(0), true, vec!["invitee.canceled"]),
        (5, Some(6), true, both.clone()),
        (5, Some(5), true, both),
    ] {
        let meeting = meeting(booked, canceled, 1);
        assert_eq!(to_look_into(&meeting.0, since), looked_into, "{booked} {canceled:?}");
        assert_eq!(names(&meeting, since), due, "{booked} {canceled:?}");
    }
}

#[test]
fn the_end_of_a_window_hides_what_came_later_and_nothing_else() {
    let window = Window { since: at(0), until: Some(at(10)) };
    assert_eq!(names(&meeting(5, Some(12), 1), window), ["invitee.created"]);
    assert!(to_look_into(&meeting(5, Some(12), 1).0, window));
    assert!(names(&meeting(10, None, 1), window).is_empty());
}

#[test]
fn where_several_attend_it_is_always_looked_into() {
    let (mut scheduled, mut attendee) = meeting(-500, None, 5);
    assert!(to_look_into(&scheduled, Window::from(at(0))));
    (attendee["status"], attendee["cancellation"]) = ("canceled".into(), json!({"created_at": text(3)}));
    let due = happened(&scheduled, &attendee, Window::from(at(0)));
    assert_eq!(due, [Happened { event: "invitee.canceled", at: at(3) }]);
    scheduled["invitees_counter"] = Value::Null;
    assert!(to_look_into(&scheduled, Window::from(at(0))), "who knows");
}

#[test]
fn a_cancellation_without_a_time_has_the_meetings_or_that_of_the_last_change() {
    let (mut scheduled, mut invitee) = meeting(-5, Some(7), 1);
    let since = Window::from(at(0));
    let only = |at| vec![Happened { event: "invitee.canceled", at }];
    invitee["cancellation"] = json!({"canceled_by": "A"});
    assert_eq!(happened(&scheduled, &invitee, since), only(at(7)));
    (scheduled["cancellation"], invitee["updated_at"]) = (Value::Null, text(9).into());
    assert_eq!(happened(&scheduled, &invitee, since), only(at(9)));
    // The host has cancelled, and the invitee does not say so.
    (invitee["status"], invitee["cancellation"]) = ("active".into(), Value::Null);
    assert_eq!(happened(&scheduled, &invitee, since), only(at(9)));
}

#[test]
fn nobody_is_booked_and_odd_shapes_are_no_panic() {
    let (scheduled, mut invitee) = meeting(5, None, 1);
    invitee["uri"] = "".into();
    assert!(happened(&scheduled, &invitee, Window::from(at(0))).is_empty());
    for odd in [json!(null), json!([]), json!("x"), json!({"created_at": 5, "event_memberships": {"a": 1}})] {
        assert!(to_look_into(&odd, Window::from(at(0))), "nothing says when it changed");
        assert!(happened(&odd, &odd, Window::from(at(0))).is_empty());
        assert!(hosts(&odd).is_empty() && start_time(&odd).is_none());
    }
}

#[test]
fn a_body_is_what_a_delivery_would_have_been_and_has_its_id() {
    let anna: ConnectionId = "anna".parse().unwrap();
    let (scheduled, invitee) = meeting(5, Some(6), 1);
    for happened in happened(&scheduled, &invitee, Window::from(at(0))) {
        let body = body_of(happened, USER, &scheduled, &invitee);
        let read: Value = serde_json::from_slice(&body).unwrap();
        let keys: Vec<_> = read.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["created_at", "created_by", "event", "payload"]);
        assert_eq!(read["created_by"], USER);
        assert_eq!(read["payload"]["email"], "a@b.example");
        assert_eq!(read["payload"]["scheduled_event"]["uri"], EVENT);
        assert!(read["payload"]["scheduled_event"].get("calendar_event").is_none(), "lists alone have it");
        // Calendly's own delivery differs in what does not matter: when it was made, what else it says.
        let mut delivered = read.clone();
        (delivered["created_at"], delivered["payload"]["status"]) = (text(99).into(), "active".into());
        let delivered = recognise(delivered.to_string().as_bytes()).unwrap();
        let event = event_of(body, anna.clone(), at(50), true).unwrap();
        assert_eq!(event.id, delivered.id(Some(&anna)));
        assert_eq!(event.line, delivered.line(Some(&anna)));
        assert_eq!((event.occurred_at, event.received_at), (Some(happened.at), at(50)));
        assert!(event.backfilled && event.relayed && event.signature.is_none());
        assert_eq!(event.content_type.as_deref(), Some("application/json"));
    }
}

/// Payloads that Calendly has sent, names and addresses replaced.
#[test]
fn what_calendly_has_sent_comes_out_as_it_was() {
    let anna: ConnectionId = "anna".parse().unwrap();
    for delivered in
        [include_str!("samples/invitee.created.json"), include_str!("samples/invitee.canceled.json")]
    {
        let sent: Value = serde_json::from_str(delivered).unwrap();
        let mut invitee = sent["payload"].clone();
        let scheduled = invitee.as_object_mut().unwrap().remove("scheduled_event").unwrap();
        let window = Window::from("2020-01-01T00:00:00Z".parse().unwrap());
        assert!(to_look_into(&scheduled, window) && start_time(&scheduled).is_some());
        let due = happened(&scheduled, &invitee, window).into_iter().find(|due| due.event == sent["event"]);
        let user = hosts(&scheduled).into_iter().next().unwrap();
        let found = body_of(due.unwrap(), &user, &scheduled, &invitee);
        let mut read: Value = serde_json::from_slice(&found).unwrap();
        read["created_at"] = sent["created_at"].clone();
        assert_eq!(read, sent, "but for when it was sent");
        let event = event_of(found, anna.clone(), at(0), false).unwrap();
        assert_eq!(event.id, recognise(delivered.as_bytes()).unwrap().id(Some(&anna)));
    }
}

#[test]
fn nothing_from_before_the_connection_existed_unless_on_purpose() {
    let since = |from, reason, is_first| changed_since(at(from), reason, at(10), is_first);
    assert_eq!(since(10, "missing", true), at(10));
    assert_eq!(since(11, "missing", true), at(10), "a little earlier, but not before the grant");
    assert_eq!(since(60, "missing", true), at(58));
    assert_eq!(since(-600, "oversized", true), at(10));
    assert_eq!(since(-600, CONNECTED, true), at(-600), "asked for");
    assert_eq!(since(-600, "missing", false), at(-602), "connected again");
    assert_eq!(since(10, "missing", false), at(10), "given anew after a deletion");
}

#[test]
fn a_look_goes_on_from_start_times_and_by_token_only_within_one() {
    let starts = |minutes: &[i64]| minutes.iter().map(|minute| Some(at(*minute))).collect::<Vec<_>>();
    let second = TimeDelta::seconds(1);
    assert_eq!(onward(at(0), &starts(&[1, 2]), false), Onward::End);
    assert_eq!(onward(at(0), &starts(&[1, 2, 2]), true), Onward::From(at(2) - second));
    assert_eq!(onward(at(2) - second, &starts(&[2, 2, 2]), true), Onward::Token, "all at the same time");
    assert_eq!(onward(at(2) - second, &starts(&[2, 2, 2, 3]), true), Onward::From(at(3) - second));
    assert_eq!(onward(at(0), &[], true), Onward::Token, "an empty page is not the last one");
    assert_eq!(onward(at(0), &[None, Some(at(5))], true), Onward::Token);
    assert_eq!(onward(at(0), &[Some(at(5)), None], true), Onward::Token);
    assert_eq!(onward(at(0), &starts(&[9, 5]), true), Onward::Token, "newest first");
}

#[test]
fn gaps_are_gone_on_with_together_only_where_all_are_as_far() {
    let progress = Progress { since: None, began_at: at(0), reached: Some(at(5)) };
    let further = Progress { reached: Some(at(6)), ..progress };
    assert_eq!(resumed(&[Some(progress), Some(progress)]), Some(progress));
    for others in [vec![], vec![None], vec![Some(progress), None], vec![Some(progress), Some(further)]] {
        assert_eq!(resumed(&others), None, "{others:?}");
    }
}

proptest! {
    /// Whoever has a turn has one in each period, at whatever steps the time is looked at.
    #[test]
    fn everybody_has_one_turn_a_period(share in 0.0..1.0_f64, steps in prop::collection::vec(1_i64..900, 1..300)) {
        let every = Duration::from_secs(6 * 3600);
        let (mut last, mut turns) = (at(0), 0_i64);
        for step in steps {
            let now = last + TimeDelta::seconds(step);
            turns += i64::from(is_turn(share, every, last, now));
            last = now;
        }
        let periods = (last - at(0)).num_seconds() / (6 * 3600);
        prop_assert!((periods..=periods + 1).contains(&turns), "{} in {} periods", turns, periods);
        prop_assert!(!is_turn(share, every, last, last));
        prop_assert!(!is_turn(share, every, last, last - TimeDelta::hours(7)), "a clock that was set back");
    }

    /// What is due lies in the window, is in order, and a meeting with something due is looked into.
    #[test]
    fn what_is_due_is_found_and_in_order(
        booked in -100_i64..100, after in prop::option::of(0_i64..100), limit in 1_u32..3, until in prop::option::of(1_i64..100),
    ) {
        let meeting = meeting(booked, after.map(|after| booked + after), limit);
        let window = Window { since: at(0), until: until.map(at) };
        let due = happened(&meeting.0, &meeting.1, window);
        prop_assert!(due.iter().all(|one| window.holds(one.at)));
        prop_assert!(due.is_sorted_by_key(|one| one.at));
        prop_assert!(due.is_empty() || to_look_into(&meeting.0, window));
        let canceled = after.map(|after| booked + after);
        let expected = [Some(booked), canceled].into_iter().flatten().filter(|minute| window.holds(at(*minute)));
        prop_assert_eq!(due.len(), expected.count());
    }

    /// Whatever the pages hold, a look goes on, and never back.
    #[test]
    fn a_look_never_goes_back(from in -50_i64..50, starts in prop::collection::vec(prop::option::of(-50_i64..50), 0..9), more: bool) {
        let starts: Vec<_> = starts.into_iter().map(|minute| minute.map(at)).collect();
        if let Onward::From(next) = onward(at(from), &starts, more) {
            prop_assert!(more && next > at(from));
            prop_assert!(starts.iter().all(|start| start.is_some_and(|start| start <= next + TimeDelta::seconds(1))));
        }
    }
}
