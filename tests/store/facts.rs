//! Facts that no rotation touches, subscriptions, gaps, the timeline.

use calendly_keeper::domain::facts::{Quarantined, WebhookFact, WebhookState};
use calendly_keeper::domain::ids::GrantId;
use calendly_keeper::domain::subscription::{Owner, Recorded};
use calendly_keeper::domain::timeline::{Entry, Kind};
use calendly_keeper::ports::{Gap, Me};
use serde_json::json;

use crate::fixture::Fixture;
use crate::given::{at, given, grant, id, pair, read};

pub(crate) async fn a_webhook_fact_is_saved_for_all_and_touched_by_no_rotation(f: Fixture) {
    let anna = given(&*f.store, grant("anna", "r1")).await;
    given(&*f.store, grant("ben", "r2")).await;
    let fact = WebhookFact {
        state: WebhookState::Drifted,
        reason: Some("events".into()),
        since: at(1),
        verified_at: Some(at(2)),
        uri: Some("https://api.calendly.com/webhook_subscriptions/S".into()),
    };
    f.store.save_webhook(vec![id("ben"), id("anna"), id("nobody")], fact.clone()).await.unwrap();
    f.store.commit(pair(&anna, "r3")).await.unwrap();
    for name in ["anna", "ben"] {
        assert_eq!(read(&*f.store, &id(name)).await.facts.webhook, fact);
    }
    let plain = WebhookFact { reason: None, verified_at: None, uri: None, ..fact };
    f.store.save_webhook(vec![id("anna")], plain.clone()).await.unwrap();
    assert_eq!(read(&*f.store, &id("anna")).await.facts.webhook, plain);
}

pub(crate) async fn a_user_is_learned_once_and_for_its_grant_alone(f: Fixture) {
    let grant_id = given(&*f.store, grant("anna", "r1")).await.grant_id;
    let late = Me { user: "an older grant's".into(), organization: "x".into() };
    f.store.learn_user(&id("anna"), GrantId::new(uuid::Uuid::from_u128(99)), late).await.unwrap();
    for name in ["a", "b"] {
        let me = Me { user: format!("user-{name}"), organization: format!("organization-{name}") };
        f.store.learn_user(&id("anna"), grant_id, me).await.unwrap();
    }
    let anna = read(&*f.store, &id("anna")).await;
    assert_eq!(
        (anna.user.as_deref(), anna.organization.as_deref()),
        (Some("user-a"), Some("organization-a"))
    );
}

pub(crate) async fn a_quarantine_comes_and_goes(f: Fixture) {
    given(&*f.store, grant("anna", "r1")).await;
    let parked = Quarantined { reason: "panicked: \u{fffd}".into(), since: at(5) };
    let told = Quarantined { reason: "panicked: \0".into(), ..parked.clone() };
    f.store.quarantine(&id("anna"), Some(told)).await.unwrap();
    assert_eq!(read(&*f.store, &id("anna")).await.facts.quarantined, Some(parked));
    f.store.quarantine(&id("anna"), None).await.unwrap();
    assert_eq!(read(&*f.store, &id("anna")).await.facts.quarantined, None);
}

pub(crate) async fn a_subscription_is_recorded_by_owner_and_callback(f: Fixture) {
    let user = Owner { organization: "o".into(), user: Some("u".into()) };
    let organization = Owner { organization: "o".into(), user: None };
    let first = Recorded { uri: "s1".into(), verified_at: Some(at(1)), retry_started_at: Some(at(2)) };
    let second = Recorded { uri: "s2".into(), verified_at: None, retry_started_at: None };
    f.store.record_subscription(&user, "https://a/", Some(first.clone())).await.unwrap();
    f.store.record_subscription(&organization, "https://a/", Some(second.clone())).await.unwrap();
    assert_eq!(f.store.subscription(&user, "https://a/").await.unwrap(), Some(first));
    assert_eq!(f.store.subscription(&user, "https://b/").await.unwrap(), None);

    f.store.record_subscription(&user, "https://a/", Some(second.clone())).await.unwrap();
    assert_eq!(f.store.subscription(&user, "https://a/").await.unwrap(), Some(second.clone()));
    f.store.record_subscription(&user, "https://a/", None).await.unwrap();
    assert_eq!(f.store.subscription(&user, "https://a/").await.unwrap(), None);
    assert_eq!(f.store.subscription(&organization, "https://a/").await.unwrap(), Some(second));
}

pub(crate) async fn the_timeline_is_newest_first(f: Fixture) {
    let entry = |name: &str, seconds, text: &str| Entry {
        connection: id(name),
        at: at(seconds),
        kind: Kind::Refreshed,
        text: text.into(),
        detail: json!({ "generation": seconds, "odd": "\0" }),
    };
    let entries = vec![entry("anna", 2, "second"), entry("ben", 9, "another's"), entry("anna", 2, "third\0")];
    f.store.record(entries).await.unwrap();
    f.store.record(vec![entry("anna", 1, "first")]).await.unwrap();
    f.store.record(Vec::new()).await.unwrap();

    let latest = f.store.timeline(&id("anna"), None, 10).await.unwrap().entries;
    let texts: Vec<_> = latest.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts, ["third\u{fffd}", "second", "first"]);
    assert_eq!((latest[0].at, latest[0].kind), (at(2), Kind::Refreshed));
    assert_eq!(latest[0].detail, json!({ "generation": 2, "odd": "\u{fffd}" }));

    let (mut told, mut place) = (vec![], None);
    loop {
        let part = f.store.timeline(&id("anna"), place, 1).await.unwrap();
        assert_eq!(part.entries.len(), 1);
        told.extend(part.entries.into_iter().map(|entry| entry.text));
        place = part.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(told, texts, "the same, one by one");
}

pub(crate) async fn old_entries_of_the_timeline_are_forgotten_and_new_ones_are_not(f: Fixture) {
    let entry = |seconds| Entry {
        connection: id("anna"),
        at: at(seconds),
        kind: Kind::Refreshed,
        text: "token refreshed".into(),
        detail: json!({}),
    };
    f.store.record((0..1500).map(entry).collect()).await.unwrap();
    let mut forgotten = 0;
    loop {
        match f.store.forget_timeline(at(1200)).await.unwrap() {
            0 => break,
            some => forgotten += some,
        }
    }
    assert_eq!(forgotten, 1200);
    let left = f.store.timeline(&id("anna"), None, 2000).await.unwrap().entries;
    assert_eq!((left.len(), left[299].at), (300, at(1200)));
}

pub(crate) async fn a_gap_told_twice_is_no_error(f: Fixture) {
    for _ in 0..2 {
        f.store.open_gap(gap()).await.unwrap();
    }
}

pub(crate) fn gap() -> Gap {
    Gap { connection: id("anna"), from: at(1), opened_at: at(2), reason: "disabled".into() }
}
