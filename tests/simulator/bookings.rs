//! Meetings that come by themselves: as often as told, of every kind, the same from the same seed.

use std::collections::HashSet;

use calendly_keeper::simulator::{Booking, DueEvent, MeetingOptions, Options, Simulator};
use reqwest::Method;
use serde_json::{Value, json};

use crate::application::{Application, due, subscribe};
use crate::support::{api, control, start, text, until, usual};

fn lively(seed: u64) -> Simulator {
    let meetings = MeetingOptions { soon_share: 0.0, no_show_share: 0.1, ..MeetingOptions::default() };
    let simulator = start(Options { seed: Some(seed), meetings, ..Options::default() });
    for name in ["anna", "ben", "carla"] {
        simulator.connect(name).unwrap();
    }
    simulator
}

/// What happened, without where it happened: each simulator has another port.
fn story(simulator: &Simulator) -> Vec<(&'static str, String)> {
    let path = |due: DueEvent| (due.event, due.invitee.replace(&simulator.url(), ""));
    simulator.due_events().into_iter().map(path).collect()
}

#[tokio::test]
async fn the_same_seed_books_the_same() {
    let [one, same, other] = [7, 7, 8].map(lively);
    for simulator in [&one, &same, &other] {
        simulator.draw_bookings(200);
    }
    assert_eq!(story(&one), story(&same));
    assert_ne!(story(&one), story(&other));
}

#[tokio::test]
async fn chance_brings_every_kind_of_change() {
    let meetings = MeetingOptions { no_show_share: 0.5, soon_share: 0.3, ..MeetingOptions::default() };
    let simulator = start(Options { seed: Some(3), meetings, ..Options::default() });
    let anna = simulator.connect("anna").unwrap();
    // One that has begun, for the marks.
    let begun = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    simulator.book(&Booking::with("anna").starting(begun)).unwrap();
    simulator.draw_bookings(400);
    let names: Vec<_> = simulator.due_events().iter().map(|due| due.event).collect();
    for name in ["invitee.created", "invitee.canceled", "invitee_no_show.created", "invitee_no_show.deleted"]
    {
        assert!(names.contains(&name), "{name}");
    }
    let mut page: Option<String> = Some(format!("/scheduled_events?count=100&user={}", anna.calendly_user));
    let mut meetings = Vec::new();
    while let Some(next) = page {
        let body = api(&simulator, Method::GET, &next, &anna.access_token).await.json();
        meetings.extend(body["collection"].as_array().unwrap().clone());
        page = body["pagination"]["next_page"].as_str().map(str::to_owned);
    }
    let count = |holds: &dyn Fn(&Value) -> bool| meetings.iter().filter(|meeting| holds(meeting)).count();
    let soon = (chrono::Utc::now() + chrono::TimeDelta::minutes(1)).to_rfc3339();
    let of_group = |meeting: &Value| meeting["invitees_counter"]["limit"].as_u64() > Some(1);
    let by = |who: &'static str| move |meeting: &Value| meeting["cancellation"]["canceler_type"] == who;
    for (what, found) in [
        ("soon", count(&|meeting| text(meeting, "end_time") < &*soon)),
        ("far", count(&|meeting| text(meeting, "start_time") > &*soon)),
        ("joined", count(&|meeting| meeting["invitees_counter"]["total"].as_u64() > Some(1))),
        (
            "left by some",
            count(&|meeting| {
                let counter = &meeting["invitees_counter"];
                of_group(meeting) && meeting["status"] == "active" && counter["active"] != counter["total"]
            }),
        ),
        ("cancelled by the host", count(&by("host"))),
        ("cancelled by an invitee", count(&by("invitee"))),
    ] {
        assert!(found > 0, "{what}");
    }
    let invitees = simulator.due_events().into_iter().filter(|due| due.event == "invitee.created");
    let mut moved = 0;
    for due in invitees.take(200) {
        let shown = api(&simulator, Method::GET, &due.invitee, &anna.access_token).await.json();
        moved += usize::from(shown["resource"]["old_invitee"].is_string());
    }
    assert!(moved > 0);
}

#[tokio::test]
async fn they_come_at_the_rate_that_is_told_and_no_more_when_it_is_taken_back() {
    let simulator = usual();
    for name in ["anna", "ben"] {
        simulator.connect(name).unwrap();
    }
    let application = Application::start().await;
    for name in ["anna", "ben"] {
        subscribe(&simulator, name, application.url(&format!("/{name}")));
    }
    assert_eq!(simulator.counters().events_due, 0, "none unless asked");
    let start = json!({"per_minute": 60_000});
    assert_eq!(control(&simulator, Method::POST, "bookings/start", &start).await.status, 200);
    until("bookings", || simulator.counters().events_due >= 100).await;
    assert_eq!(control(&simulator, Method::POST, "bookings/stop", &json!({})).await.status, 200);
    until("deliveries", || simulator.pending_deliveries() == 0).await;
    let (heard, expected): (HashSet<_>, HashSet<_>) =
        (application.events().into_iter().collect(), due(&simulator).into_iter().collect());
    assert_eq!(heard, expected, "the application was told what the ledger says, and nothing else");
    let counters = simulator.counters();
    assert_eq!(counters.deliveries_succeeded, counters.events_due);
    assert_eq!(application.heard().len() as u64, counters.events_due);
    let shown = control(&simulator, Method::GET, "options", &json!({})).await.json();
    assert_eq!(shown["meetings"]["bookings_per_minute"], 0.0);
    let refused = control(&simulator, Method::POST, "bookings/start", &json!({"per_minute": -1})).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn so_many_are_drawn_at_once() {
    let simulator = lively(1);
    assert_eq!(control(&simulator, Method::POST, "bookings/draw", &json!({"count": 50})).await.status, 200);
    assert!(simulator.counters().events_due >= 50);
}
