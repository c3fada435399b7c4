//! Deliveries that fail: tried again, given up, the subscription disabled. Hours pass in moments.

use std::time::Duration;

use calendly_keeper::simulator::{AfterRetries, Booking, DeliveryOptions, Options, Simulator};
use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::application::{Application, KEY, subscribe};
use crate::support::{control, refresh_raw, start, text, until};

const HOUR: Duration = Duration::from_secs(3600);

/// Real time stands nearly still, so that only what a test lets pass counts.
fn slow() -> DeliveryOptions {
    DeliveryOptions { delivery_clock: 0.001, ..DeliveryOptions::default() }
}

fn with(deliveries: DeliveryOptions) -> Simulator {
    let simulator = start(Options { deliveries, ..Options::default() });
    simulator.connect("anna").unwrap();
    simulator
}

fn shown(simulator: &Simulator) -> Value {
    simulator.subscriptions("anna").unwrap()[0].clone()
}

async fn attempts(simulator: &Simulator, count: usize) {
    until("attempts", || simulator.delivery_attempts().len() >= count).await;
    assert_eq!(simulator.delivery_attempts().len(), count);
}

#[tokio::test]
async fn what_fails_is_tried_again_ever_later_and_signed_anew() {
    for (after_retries, stays) in [(AfterRetries::Keep, true), (AfterRetries::Clear, false)] {
        let simulator = with(DeliveryOptions { after_retries, ..slow() });
        let application = Application::start().await;
        application.answers(500);
        subscribe(&simulator, "anna", application.url("/hook"));
        simulator.book(&Booking::with("anna")).unwrap();
        attempts(&simulator, 1).await;
        let since = text(&shown(&simulator), "retry_started_at").to_owned();
        assert!((Utc::now() - since.parse::<chrono::DateTime<Utc>>().unwrap()).abs() < TimeDelta::minutes(1));
        assert_eq!(shown(&simulator)["updated_at"], json!(since));
        // A spread of a fifth about 10 s, then 20 s.
        simulator.pass_delivery_time(Duration::from_secs(13));
        attempts(&simulator, 2).await;
        assert_eq!(shown(&simulator)["retry_started_at"], json!(since), "when they began");
        application.answers(204);
        simulator.pass_delivery_time(Duration::from_secs(25));
        until("delivered", || simulator.pending_deliveries() == 0).await;
        let statuses: Vec<_> = simulator.delivery_attempts().iter().map(|attempt| attempt.status).collect();
        assert_eq!(statuses, [Some(500), Some(500), Some(204)]);
        assert_eq!(shown(&simulator)["retry_started_at"] == json!(since), stays, "{after_retries:?}");
        assert_eq!(shown(&simulator)["state"], "active");
        let heard = application.heard();
        assert!(heard.iter().all(|each| each.body == heard[0].body && each.is_signed_with(KEY)));
    }
}

#[tokio::test]
async fn a_subscription_that_fails_for_a_day_is_disabled_and_what_waited_is_lost() {
    let simulator = with(DeliveryOptions { delivery_clock: 100_000.0, ..DeliveryOptions::default() });
    let application = Application::start().await;
    application.answers(301);
    subscribe(&simulator, "anna", application.url("/hook"));
    simulator.book(&Booking::with("anna")).unwrap();
    until("disabled", || shown(&simulator)["state"] == "disabled").await;
    assert_eq!(simulator.pending_deliveries(), 0);
    let tried = simulator.delivery_attempts();
    assert!((10..40).contains(&tried.len()), "{}", tried.len());
    assert!(tried.iter().all(|attempt| attempt.status == Some(301)));
    assert!(application.heard().iter().all(|heard| heard.path == "/hook"), "no redirect is followed");
    let counters = simulator.counters();
    assert_eq!((counters.subscriptions_disabled, counters.deliveries_dropped), (1, 1));
    assert_eq!(simulator.ledger().subscriptions.last().unwrap().by, "deliveries");
    assert_ne!(shown(&simulator)["retry_started_at"], Value::Null);

    application.answers(200);
    simulator.book(&Booking::with("anna")).unwrap();
    let due = simulator.due_events();
    let seen: Vec<_> = due.iter().map(|due| (due.subscriptions, due.delivered)).collect();
    assert_eq!(seen, [(1, 0), (0, 0)], "due all the same");
    assert_eq!(simulator.pending_deliveries(), 0);
}

#[tokio::test]
async fn one_delivery_within_the_day_keeps_the_subscription() {
    let simulator = with(slow());
    let application = Application::start().await;
    subscribe(&simulator, "anna", application.url("/hook"));
    application.answers(503);
    simulator.book(&Booking::with("anna")).unwrap();
    attempts(&simulator, 1).await;
    simulator.pass_delivery_time(23 * HOUR);
    attempts(&simulator, 2).await;
    application.answers(200);
    simulator.book(&Booking::with("anna")).unwrap();
    attempts(&simulator, 3).await;
    application.answers(503);
    let began = text(&shown(&simulator), "retry_started_at").to_owned();
    simulator.pass_delivery_time(2 * HOUR);
    // The first message has had its day; the subscription has failed for no time at all.
    attempts(&simulator, 4).await;
    until("given up", || simulator.pending_deliveries() == 0).await;
    assert_eq!(shown(&simulator)["state"], "active");
    assert!(text(&shown(&simulator), "retry_started_at") > &*began, "retries have begun anew");
    assert_eq!(simulator.counters().deliveries_dropped, 1);
}

#[tokio::test]
async fn what_is_over_for_a_day_is_not_tried_for_another() {
    let simulator = with(slow());
    let application = Application::start().await;
    application.answers(500);
    subscribe(&simulator, "anna", application.url("/hook"));
    let past = Booking::with("anna").starting(Utc::now() - TimeDelta::hours(20));
    simulator.book(&past).unwrap();
    attempts(&simulator, 1).await;
    simulator.pass_delivery_time(5 * HOUR);
    until("given up", || simulator.pending_deliveries() == 0).await;
    assert_eq!(simulator.delivery_attempts().len(), 2);
    assert_eq!(shown(&simulator)["state"], "active");
}

#[tokio::test]
async fn no_answer_in_time_and_nobody_there_are_failures() {
    let simulator = with(DeliveryOptions { delivery_timeout: 0.2, ..slow() });
    let application = Application::start().await;
    application.hangs(true);
    subscribe(&simulator, "anna", application.url("/hook"));
    simulator.book(&Booking::with("anna")).unwrap();
    attempts(&simulator, 1).await;
    assert_eq!(simulator.delivery_attempts()[0].error, Some("timeout"));
    assert!(simulator.delivery_attempts()[0].latency_us >= 200_000);
    assert_eq!(application.heard().len(), 1);

    let nobody = with(slow());
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    subscribe(&nobody, "anna", format!("http://127.0.0.1:{port}/hook"));
    nobody.book(&Booking::with("anna")).unwrap();
    attempts(&nobody, 1).await;
    assert_eq!(nobody.delivery_attempts()[0].error, Some("cannot connect"));
    assert_ne!(shown(&nobody)["retry_started_at"], Value::Null);
}

#[tokio::test]
async fn a_calendly_that_is_down_delivers_when_it_is_back_what_was_under_way_too() {
    let simulator = with(slow());
    let application = Application::start().await;
    application.hangs(true);
    subscribe(&simulator, "anna", application.url("/hook"));
    let first = simulator.book(&Booking::with("anna")).unwrap();
    until("under way", || application.heard().len() == 1).await;
    simulator.stop();
    assert!(refresh_raw(&simulator, "any").await.unwrap_err().is_connect());
    let second = simulator.book(&Booking::with("anna")).unwrap();
    assert_eq!((simulator.pending_deliveries(), application.heard().len()), (2, 1));
    application.hangs(false);
    simulator.come_back().unwrap();
    until("the deliveries", || simulator.pending_deliveries() == 0).await;
    let mut heard: Vec<_> = application.events().into_iter().map(|event| event.1).collect();
    heard[1..].sort();
    let mut expected = [first.invitee.clone(), second.invitee];
    expected.sort();
    assert_eq!((&heard[0], &heard[1..]), (&first.invitee, &expected[..]));
    assert!(simulator.delivery_attempts().iter().all(|attempt| attempt.attempt == 1), "none failed");
}

#[tokio::test]
async fn a_subscription_that_goes_takes_what_waits_for_it_along() {
    let simulator = with(slow());
    let application = Application::start().await;
    application.answers(500);
    let hook = subscribe(&simulator, "anna", application.url("/hook"));
    for _ in 0..3 {
        simulator.book(&Booking::with("anna")).unwrap();
    }
    attempts(&simulator, 3).await;
    assert_eq!(simulator.pending_deliveries(), 3);
    simulator.delete_subscription(&hook).unwrap();
    assert_eq!((simulator.pending_deliveries(), simulator.counters().deliveries_dropped), (0, 3));

    application.answers(200);
    let hook = subscribe(&simulator, "anna", application.url("/under-way"));
    application.hangs(true);
    let heard = application.heard().len();
    simulator.book(&Booking::with("anna")).unwrap();
    until("under way", || application.heard().len() > heard).await;
    simulator.delete_subscription(&hook).unwrap();
    application.goes_on();
    until("answered", || simulator.pending_deliveries() == 0).await;
    assert_eq!(simulator.due_events().last().unwrap().delivered, 1, "it had arrived");
}

#[tokio::test]
async fn the_pace_of_hours_is_changed_while_they_pass() {
    let simulator = with(slow());
    let application = Application::start().await;
    application.answers(500);
    subscribe(&simulator, "anna", application.url("/hook"));
    simulator.book(&Booking::with("anna")).unwrap();
    attempts(&simulator, 1).await;
    application.answers(200);
    let pass = control(&simulator, Method::POST, "deliveries/pass", &json!({"seconds": 5})).await;
    assert_eq!(pass.status, 200, "{}", pass.text);
    assert_eq!(simulator.pending_deliveries(), 1, "8 s at least");
    let faster = json!({"deliveries": {"delivery_clock": 1e6}});
    assert_eq!(control(&simulator, Method::PATCH, "options", &faster).await.status, 200);
    until("delivered", || simulator.pending_deliveries() == 0).await;
    for (change, says) in [
        (json!({"deliveries": {"delivery_clock": 0}}), "delivery_clock: 0, use"),
        (json!({"deliveries": {"delivery_timeout": -1}}), "delivery_timeout: -1, use"),
        (json!({"deliveries": {"delivery_connect_timeout": 1}}), "delivery_connect_timeout: fixed at start"),
        (json!({"deliveries": {"unknown": 1}}), "unknown"),
    ] {
        let refused = control(&simulator, Method::PATCH, "options", &change).await;
        assert_eq!(refused.status, 400, "{change}");
        assert!(refused.text.contains(says), "{}", refused.text);
    }
}
