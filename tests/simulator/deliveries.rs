//! Deliveries: to whom, with what, signed how. Those that fail are in `retries`.

use calendly_keeper::simulator::{
    Booking, Canceler, DeliveryOptions, Endpoint, Fault, FaultKind, NewSubscription, Options, Role,
    SubscriptionScope,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::application::{Application, KEY, due, subscribe};
use crate::support::{control, create, member, start, text, until, user_subscription, usual};

fn organization_wide(creator: &str, callback_url: String) -> NewSubscription {
    NewSubscription {
        creator: creator.into(),
        callback_url,
        events: vec!["invitee.created".into()],
        scope: SubscriptionScope::Organization,
        foreign: false,
    }
}

#[tokio::test]
async fn a_delivery_is_signed_and_carries_the_invitee_with_his_meeting() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let application = Application::start().await;
    subscribe(&simulator, "anna", application.url("/hook"));
    let booked = simulator.book(&Booking::with("anna")).unwrap();
    until("the delivery", || simulator.pending_deliveries() == 0).await;
    let heard = application.heard();
    assert_eq!((heard.len(), &*heard[0].path), (1, "/hook"));
    assert!(heard[0].is_signed_with(KEY) && !heard[0].is_signed_with("another"));
    let body = heard[0].json();
    assert_eq!(body["event"], "invitee.created");
    assert_eq!(body["created_by"], json!(anna.calendly_user));
    assert!(text(&body, "created_at").ends_with(".000000Z"));
    let payload = &body["payload"];
    assert_eq!(payload["uri"], json!(booked.invitee));
    assert_eq!(payload["scheduled_event"]["uri"], json!(booked.meeting));
    assert_eq!(payload["scheduled_event"]["event_memberships"][0]["user"], json!(anna.calendly_user));
    let due = &simulator.due_events()[0];
    assert_eq!((due.subscriptions, due.delivered), (1, 1));
    let attempts = simulator.delivery_attempts();
    assert_eq!((attempts.len(), attempts[0].status, attempts[0].attempt), (1, Some(200), 1));
    assert_eq!((attempts[0].due, attempts[0].invitee.as_ref()), (due.number, Some(&booked.invitee)));
    let counters = simulator.counters();
    assert_eq!((counters.deliveries_attempted, counters.deliveries_succeeded), (1, 1));
    let sent = &simulator.ledger().endpoints[Endpoint::Delivery as usize];
    assert_eq!((sent.endpoint, sent.requests, counters.requests), (Endpoint::Delivery, 1, 0));
}

#[tokio::test]
async fn a_change_tells_everybody_who_subscribed_to_it_and_nobody_else() {
    let simulator = usual();
    for (name, role) in [("anna", Role::Owner), ("ben", Role::User)] {
        member(&simulator, name, role);
    }
    simulator.connect("carla").unwrap();
    let application = Application::start().await;
    for name in ["anna", "ben", "carla"] {
        subscribe(&simulator, name, application.url(&format!("/{name}")));
    }
    simulator.add_subscription(organization_wide("anna", application.url("/all"))).unwrap();
    let gone = subscribe(&simulator, "ben", application.url("/gone"));
    let disabled = subscribe(&simulator, "ben", application.url("/disabled"));
    simulator.delete_subscription(&gone).unwrap();
    simulator.disable_subscription(&disabled).unwrap();
    let booked = simulator.book(&Booking::with("ben")).unwrap();
    simulator.cancel(&booked.invitee, Canceler::Invitee).unwrap();
    until("the deliveries", || simulator.pending_deliveries() == 0).await;
    let mut heard: Vec<_> =
        application.heard().iter().map(|heard| (heard.path.clone(), heard.event().0)).collect();
    heard.sort();
    let expected = [("/all", "invitee.created"), ("/ben", "invitee.canceled"), ("/ben", "invitee.created")];
    assert_eq!(heard, expected.map(|(path, event)| (path.to_owned(), event.to_owned())));
    let subscriptions: Vec<_> = simulator.due_events().iter().map(|due| due.subscriptions).collect();
    assert_eq!(subscriptions, [2, 1]);
}

#[tokio::test]
async fn a_subscription_hears_of_what_happens_while_it_is_there() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let application = Application::start().await;
    let before = simulator.book(&Booking::with("anna")).unwrap();
    let wanted = user_subscription(&anna, &application.url("/hook"));
    let created = create(&simulator, &anna.access_token, &wanted).await.json();
    let during = simulator.book(&Booking::with("anna")).unwrap();
    until("the delivery", || simulator.pending_deliveries() == 0).await;
    simulator.disable_subscription(text(&created["resource"], "uri")).unwrap();
    let after = simulator.book(&Booking::with("anna")).unwrap();
    let event = |invitee: &str| ("invitee.created".to_owned(), invitee.to_owned());
    assert_eq!(due(&simulator), [&before, &during, &after].map(|booked| event(&booked.invitee)));
    assert_eq!(application.events(), [event(&during.invitee)]);
    assert_eq!(simulator.pending_deliveries(), 0);
}

#[tokio::test]
async fn the_key_is_the_subscriptions_own_or_the_applications_as_it_is_then() {
    let simulator = usual();
    let anna = simulator.connect("anna").unwrap();
    let application = Application::start().await;
    let mut wanted = user_subscription(&anna, &application.url("/own"));
    wanted["signing_key"] = json!("a key of its own");
    let created = create(&simulator, &anna.access_token, &wanted).await;
    assert!(created.status == 201 && !created.text.contains("a key of its own"), "{}", created.text);
    subscribe(&simulator, "anna", application.url("/app"));
    let foreign = NewSubscription { foreign: true, ..organization_wide("anna", application.url("/foreign")) };
    simulator.add_subscription(foreign).unwrap();
    let heard = |path: &str| {
        let all = application.heard();
        all.into_iter().rfind(|heard| heard.path == path).unwrap()
    };
    simulator.book(&Booking::with("anna")).unwrap();
    until("the deliveries", || simulator.pending_deliveries() == 0).await;
    assert!(heard("/own").is_signed_with("a key of its own"));
    assert!(heard("/app").is_signed_with(KEY));
    assert_eq!(heard("/foreign").signature, None, "not with a key of ours");

    let rotated = json!({"deliveries": {"signing_key": "the next one"}});
    let shown = control(&simulator, Method::PATCH, "options", &rotated).await;
    assert!(shown.status == 200 && !shown.text.contains("the next one"), "{}", shown.text);
    simulator.book(&Booking::with("anna")).unwrap();
    until("the deliveries", || simulator.pending_deliveries() == 0).await;
    assert!(heard("/app").is_signed_with("the next one"));
    assert!(heard("/own").is_signed_with("a key of its own"));
}

#[tokio::test]
async fn deliveries_can_come_twice_late_and_again_after_a_lost_answer() {
    let deliveries = DeliveryOptions { delivery_clock: 10_000.0, ..DeliveryOptions::default() };
    let simulator = start(Options { deliveries, ..Options::default() });
    simulator.connect("anna").unwrap();
    let application = Application::start().await;
    subscribe(&simulator, "anna", application.url("/hook"));

    simulator.fault(Fault::next(Endpoint::Delivery, FaultKind::Duplicate).user("anna")).unwrap();
    let twice = simulator.book(&Booking::with("anna")).unwrap();
    until("twice", || simulator.pending_deliveries() == 0).await;
    let heard = application.heard();
    assert_eq!((heard.len(), heard[0].event().1), (2, twice.invitee));
    assert_eq!(heard[0].body, heard[1].body);
    let repeated: Vec<_> = simulator.delivery_attempts().iter().map(|attempt| attempt.repeated).collect();
    assert_eq!(repeated, [false, true]);

    simulator.fault(Fault::next(Endpoint::Delivery, FaultKind::Delay { ms: 300 })).unwrap();
    let late = simulator.book(&Booking::with("anna")).unwrap();
    until("on its way", || simulator.faults()[1].left == Some(0)).await;
    let overtaking = simulator.book(&Booking::with("anna")).unwrap();
    until("both", || simulator.pending_deliveries() == 0).await;
    let events: Vec<String> = application.events().into_iter().skip(2).map(|event| event.1).collect();
    assert_eq!(events, [overtaking.invitee, late.invitee]);

    for kind in [FaultKind::ResetBefore, FaultKind::ResetAfter] {
        simulator.fault(Fault::next(Endpoint::Delivery, kind)).unwrap();
    }
    let lost = simulator.book(&Booking::with("anna")).unwrap();
    until("again", || simulator.pending_deliveries() == 0).await;
    let events: Vec<String> = application.events().into_iter().skip(4).map(|event| event.1).collect();
    assert_eq!(events, [&*lost.invitee, &*lost.invitee], "the first was never sent");
    let attempts = simulator.delivery_attempts();
    let statuses: Vec<_> = attempts.iter().skip(4).map(|attempt| (attempt.status, attempt.error)).collect();
    assert_eq!(
        statuses,
        [(None, Some("fault: never sent")), (None, Some("fault: answer lost")), (Some(200), None)]
    );
    assert_eq!(simulator.counters().faults_fired, 4);
}

#[tokio::test]
async fn a_fault_for_requests_leaves_deliveries_alone_and_one_for_deliveries_fits_them() {
    let simulator = usual();
    simulator.connect("anna").unwrap();
    let application = Application::start().await;
    subscribe(&simulator, "anna", application.url("/hook"));
    simulator.fault(Fault::always(Endpoint::Any, FaultKind::ResetBefore)).unwrap();
    simulator.book(&Booking::with("anna")).unwrap();
    until("the delivery", || simulator.pending_deliveries() == 0).await;
    assert_eq!(application.heard().len(), 1);
    for (fault, says) in [
        (Fault::next(Endpoint::Token, FaultKind::Duplicate), "needs `delivery`"),
        (Fault::next(Endpoint::Delivery, FaultKind::Hold), "needs an endpoint where requests arrive"),
    ] {
        let refused = simulator.fault(fault).unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
    }
}

#[tokio::test]
async fn the_ledger_is_read_in_pages() {
    let simulator = start(Options { ledger_entries: 5, ..Options::default() });
    for name in ["anna", "ben"] {
        simulator.connect(name).unwrap();
    }
    let application = Application::start().await;
    let hook = subscribe(&simulator, "anna", application.url("/hook"));
    for number in 0..7 {
        simulator.book(&Booking::with(if number % 2 == 0 { "anna" } else { "ben" })).unwrap();
    }
    until("the deliveries", || simulator.pending_deliveries() == 0).await;
    let get = |path: String| {
        let simulator = simulator.clone();
        async move { control(&simulator, Method::GET, &path, &Value::Null).await }
    };
    let numbers = |page: &Value, list: &str| -> Vec<u64> {
        page[list].as_array().unwrap().iter().map(|entry| entry["number"].as_u64().unwrap()).collect()
    };
    let first = get("events?limit=3".into()).await.json();
    assert_eq!((numbers(&first, "events"), &first["forgotten"]), (vec![3, 4, 5], &json!(2)));
    let second = get(format!("events?limit=3&after={}", first["next"])).await.json();
    assert_eq!((numbers(&second, "events"), &second["next"]), (vec![6, 7], &Value::Null));
    let exact = get("events?limit=5".into()).await.json();
    assert_eq!((numbers(&exact, "events").len(), &exact["next"]), (5, &Value::Null));
    assert_eq!(numbers(&get("events?user=ben".into()).await.json(), "events"), [4, 6]);
    let since = text(&second["events"][1], "at").to_owned();
    assert_eq!(numbers(&get(format!("events?since={since}")).await.json(), "events"), [7]);
    let attempts = get(format!("deliveries?limit=3&subscription={hook}")).await.json();
    assert_eq!((numbers(&attempts, "attempts"), &attempts["pending"]), (vec![1, 2, 3], &json!(0)));
    let after = get(format!("deliveries?after={}", attempts["next"])).await.json();
    assert_eq!((numbers(&after, "attempts"), &after["attempts"][0]["status"]), (vec![4], &json!(200)));
    for wrong in ["events?after=x", "events?since=noon", "events?user=nobody", "deliveries?subscription=x"] {
        assert_eq!(get(wrong.into()).await.status, 400, "{wrong}");
    }
}
