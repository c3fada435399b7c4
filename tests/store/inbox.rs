//! Events on their way in and on their way to the application.

use std::time::Duration;

use bytes::Bytes;
use calendly_keeper::domain::event::{
    Arrival, Attempt, Attempted, EventId, Kept, NewEvent, Settled, State, recognise,
};
use calendly_keeper::ports::{Backlog, Selection, Store};
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde_json::json;

use crate::fixture::Fixture;
use crate::given::{at, grant, id};

/// A body of this event about this invitee.
fn body(event: &str, invitee: &str) -> Bytes {
    let body = json!({
        "event": event, "created_at": "2026-01-02T03:04:05.678901Z", "created_by": "https://api.calendly.com/users/A",
        "payload": {"uri": format!("https://api.calendly.com/scheduled_events/E/invitees/{invitee}"), "updated_at": "x"},
    });
    body.to_string().into()
}

pub(crate) fn arrived(connection: &str, body: impl Into<Bytes>, seconds: i64) -> NewEvent {
    let arrival = Arrival {
        path: Some(connection.into()),
        signature: Some("t=1,v1=00".into()),
        content_type: Some("application/json".into()),
        received_at: at(seconds),
        body: body.into(),
    };
    NewEvent::of(&arrival, recognise(&arrival.body).as_ref(), Some(id(connection)), true)
}

pub(crate) fn created(connection: &str, invitee: &str, seconds: i64) -> NewEvent {
    arrived(connection, body("invitee.created", invitee), seconds)
}

fn canceled(connection: &str, invitee: &str, seconds: i64) -> NewEvent {
    arrived(connection, body("invitee.canceled", invitee), seconds)
}

pub(crate) async fn all(store: &dyn Store) -> Vec<Kept> {
    store.events_after(0, None, 10_000).await.unwrap()
}

pub(crate) fn ids<'a>(events: impl IntoIterator<Item = &'a Kept>) -> Vec<EventId> {
    events.into_iter().map(|kept| kept.summary.id.clone()).collect()
}

async fn due(store: &dyn Store, seconds: i64, busy: &[i64]) -> Vec<EventId> {
    ids(&store.due_events(at(seconds), busy.to_vec(), 100).await.unwrap())
}

pub(crate) async fn settle(store: &dyn Store, event: &EventId, seconds: i64, settled: Settled) {
    let ordinal = store.event(event).await.unwrap().unwrap().0.summary.ordinal;
    let attempt =
        Attempt { at: at(seconds), status: Some(503), error: None, took: Duration::from_micros(1500) };
    store.settle_events(vec![Attempted { ordinal, attempt, settled }]).await.unwrap();
}

pub(crate) async fn events_are_kept_in_order_and_a_repetition_is_recognised(f: Fixture) {
    let (one, two, three) = (created("anna", "1", 1), canceled("anna", "1", 2), created("ben", "2", 3));
    let expected = [&one, &two, &three].map(|event| event.id.clone());
    assert_eq!(f.store.take_in(vec![]).await.unwrap(), [] as [bool; 0]);
    let repeated = vec![one.clone(), two.clone(), one.clone()];
    assert_eq!(f.store.take_in(repeated).await.unwrap(), [true, true, false], "within a batch");
    let later = NewEvent { received_at: at(50), ..one.clone() };
    assert_eq!(f.store.take_in(vec![later, three]).await.unwrap(), [false, true], "and over time");

    let kept = all(&*f.store).await;
    assert_eq!(ids(&kept), expected);
    let places: Vec<_> = kept.iter().map(|kept| kept.summary.ordinal).collect();
    assert!(places.is_sorted_by(|a, b| a < b) && places[0] > 0, "{places:?}");
    assert_eq!(f.store.last_place().await.unwrap(), places[2]);
    let first = &kept[0];
    assert_eq!(first.summary.received_at, at(1), "the first one stays");
    assert_eq!(first.summary.occurred_at.unwrap().to_rfc3339(), "2026-01-02T03:04:05.678901+00:00");
    assert_eq!(
        (first.summary.connection.clone(), &*first.summary.event),
        (Some(id("anna")), "invitee.created")
    );
    assert_eq!((first.summary.state, first.summary.attempts), (State::Pending, 0));
    assert_eq!((first.summary.next_at, first.summary.settled_at), (Some(at(1)), None));
    assert_eq!((&first.line, first.signature.as_deref()), (&one.line, Some("t=1,v1=00")));
    assert_eq!(first.content_type.as_deref(), Some("application/json"));

    let unknown = created("carla", "9", 1).id;
    let known = f.store.known_events(vec![expected[2].clone(), unknown]).await.unwrap();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [expected[2].clone()]);
}

pub(crate) async fn a_body_is_kept_byte_for_byte_whatever_it_holds(f: Fixture) {
    let large =
        format!(r#"{{"event":"invitee.created","payload":{{"uri":"L","x":"{}"}}}}"#, "x".repeat(2 << 20));
    let deep =
        format!(r#"{{"event":"a","payload":{{"uri":"D","x":{}{}}}}}"#, "[".repeat(3000), "]".repeat(3000));
    let bodies = [
        Bytes::from_static(b""),
        Bytes::from_static(b"\0"),
        Bytes::from_static(b"{\"event\":\"a\",\"x\":\"\xff\xfe\"}"),
        Bytes::from_static(br#"{"event":"in\u0000vitee","payload":{"uri":"N"}}"#),
        Bytes::from_static(b"\xef\xbb\xbf{\"event\":\"bom\"}"),
        large.into(),
        deep.into(),
        (0..=255).collect::<Vec<u8>>().into(),
    ];
    let events: Vec<_> = bodies.iter().map(|body| arrived("anna", body.clone(), 1)).collect();
    assert_eq!(f.store.take_in(events.clone()).await.unwrap(), [true; 8]);
    for (event, body) in events.iter().zip(&bodies) {
        let (kept, _) = f.store.event(&event.id).await.unwrap().unwrap();
        assert_eq!(kept.body.as_ref(), Some(body));
        assert_eq!(*kept.summary.event, event.event.replace('\0', "\u{fffd}"));
    }
    let told: Vec<_> = all(&*f.store).await.into_iter().map(|kept| kept.summary.event).collect();
    assert_eq!(
        told,
        ["a", "in\u{fffd}vitee", "bom", "invitee.created", "a"].map(Into::into),
        "what is no event is not"
    );
    let listed = f.store.list_events(&Selection::default(), None, 100).await.unwrap();
    assert_eq!(listed.len(), 8, "but it is shown");
    assert_eq!(f.store.take_in(events).await.unwrap(), [false; 8]);
}

pub(crate) async fn what_is_not_to_be_relayed_is_only_kept(f: Fixture) {
    let event = NewEvent { relayed: false, backfilled: true, ..created("anna", "1", 4) };
    let nobodys = NewEvent {
        connection: None,
        signature: None,
        content_type: None,
        relayed: false,
        ..arrived("anna", "x", 5)
    };
    f.store.take_in(vec![event.clone(), nobodys.clone()]).await.unwrap();
    assert_eq!(due(&*f.store, 100, &[]).await, []);
    let (kept, attempts) = f.store.event(&event.id).await.unwrap().unwrap();
    assert_eq!((kept.summary.state, kept.summary.settled_at), (State::Kept, Some(at(4))));
    assert!(kept.summary.backfilled && attempts.is_empty());
    let (kept, _) = f.store.event(&nobodys.id).await.unwrap().unwrap();
    assert_eq!((kept.summary.connection, kept.signature, kept.content_type), (None, None, None));
    assert_eq!(f.store.backlog().await.unwrap(), Backlog { ..Backlog::default() });
}

pub(crate) async fn no_reader_is_passed_by_an_event(f: Fixture) {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let write = |writer: usize| {
        let store = f.store.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                // Every second one has been there already: it takes no place that anybody waits for.
                let some = (0..=n % 3).map(|m| created("anna", &format!("{writer}-{n}-{m}"), 1)).collect();
                store.take_in(some).await.unwrap();
                store.take_in(vec![created("anna", &format!("{writer}-{n}-0"), 1)]).await.unwrap();
            }
        })
    };
    let store = f.store.clone();
    let total = WRITERS * (0..EACH).map(|n| n % 3 + 1).sum::<usize>();
    let read = tokio::spawn(async move {
        let (mut seen, mut place) = (vec![], 0);
        while seen.len() < total {
            let some = store.events_after(place, None, 7).await.unwrap();
            place = some.last().map_or(place, |kept| kept.summary.ordinal);
            seen.extend(ids(&some));
        }
        seen
    });
    for written in join_all((0..WRITERS).map(write)).await {
        written.unwrap();
    }
    let seen = read.await.unwrap();
    assert_eq!(seen, ids(&all(&*f.store).await), "each once, in its place");
    assert_eq!(seen.len(), total);
}

pub(crate) async fn what_is_due_is_the_first_of_its_line(f: Fixture) {
    let (a1, a2, b1) = (created("anna", "1", 1), canceled("anna", "1", 2), created("anna", "2", 3));
    let other = created("ben", "1", 4);
    f.store.take_in(vec![a1.clone(), a2.clone(), b1.clone(), other.clone()]).await.unwrap();
    assert_eq!(due(&*f.store, 0, &[]).await, [], "not yet");
    assert_eq!(due(&*f.store, 3, &[]).await, [a1.id.clone(), b1.id.clone()]);
    assert_eq!(due(&*f.store, 9, &[]).await, [&a1, &b1, &other].map(|e| e.id.clone()), "longest due first");
    let (first, _) = f.store.event(&a1.id).await.unwrap().unwrap();
    let busy = [first.summary.ordinal];
    assert_eq!(due(&*f.store, 9, &busy).await, [&b1, &other].map(|e| e.id.clone()), "its line waits for it");
    assert_eq!(f.store.due_events(at(9), vec![], 2).await.unwrap().len(), 2);
    assert_eq!(f.store.due_events(at(9), vec![], 1).await.unwrap()[0], first, "with all that is relayed");

    settle(&*f.store, &a1.id, 10, Settled::Again(at(60))).await;
    assert_eq!(due(&*f.store, 20, &[]).await, [&b1, &other].map(|e| e.id.clone()), "so does one that failed");
    settle(&*f.store, &b1.id, 10, Settled::Again(at(30))).await;
    settle(&*f.store, &other.id, 11, Settled::Delivered).await;
    assert_eq!(due(&*f.store, 60, &[]).await, [&b1, &a1].map(|e| e.id.clone()));
    settle(&*f.store, &a1.id, 61, Settled::Dead).await;
    assert_eq!(
        due(&*f.store, 61, &[]).await,
        [&a2, &b1].map(|e| e.id.clone()),
        "one that is given up holds up nobody"
    );
}

pub(crate) async fn attempts_are_told_and_counted(f: Fixture) {
    let event = created("anna", "1", 1);
    f.store.take_in(vec![event.clone()]).await.unwrap();
    let ordinal = all(&*f.store).await[0].summary.ordinal;
    let attempt = |seconds, status, error: Option<&str>| Attempt {
        at: at(seconds),
        status,
        error: error.map(Into::into),
        took: Duration::from_micros(1_234_567),
    };
    let attempts =
        [attempt(2, None, Some("no\0route")), attempt(3, Some(500), None), attempt(4, Some(204), None)];
    let settled = [Settled::Again(at(3)), Settled::Again(at(4)), Settled::Delivered];
    let attempted = attempts.clone().into_iter().zip(settled).map(|(attempt, settled)| Attempted {
        ordinal,
        attempt,
        settled,
    });
    f.store.settle_events(attempted.collect()).await.unwrap();
    f.store.settle_events(vec![]).await.unwrap();
    let (kept, told) = f.store.event(&event.id).await.unwrap().unwrap();
    assert_eq!(told[0].error.as_deref(), Some("no\u{fffd}route"));
    assert_eq!(told[1..], attempts[1..]);
    let summary = kept.summary;
    assert_eq!((summary.state, summary.attempts, summary.next_at), (State::Delivered, 3, None));
    assert_eq!(summary.settled_at, Some(at(4)));
    // An attempt that ends after that changes nothing.
    settle(&*f.store, &event.id, 9, Settled::Again(at(10))).await;
    let (kept, told) = f.store.event(&event.id).await.unwrap().unwrap();
    assert_eq!((kept.summary.state, kept.summary.attempts, told.len()), (State::Delivered, 3, 4));
    assert_eq!(due(&*f.store, 99, &[]).await, []);
}

pub(crate) async fn what_waits_can_be_hurried_and_is_counted(f: Fixture) {
    let events =
        [created("anna", "1", 1), created("anna", "2", 2), created("anna", "3", 3), created("anna", "4", 4)];
    f.store.take_in(events.to_vec()).await.unwrap();
    settle(&*f.store, &events[0].id, 10, Settled::Again(at(500))).await;
    settle(&*f.store, &events[1].id, 10, Settled::Again(at(700))).await;
    settle(&*f.store, &events[2].id, 10, Settled::Dead).await;
    settle(&*f.store, &events[3].id, 10, Settled::Delivered).await;
    let backlog = |next| Backlog { pending: 2, dead: 1, oldest: Some(at(1)), next_at: Some(at(next)) };
    assert_eq!(f.store.backlog().await.unwrap(), backlog(500));
    f.store.hurry_events(at(20)).await.unwrap();
    assert_eq!(f.store.backlog().await.unwrap(), backlog(20));
    f.store.hurry_events(at(400)).await.unwrap();
    assert_eq!(f.store.backlog().await.unwrap(), backlog(20), "nothing is put off");
    assert_eq!(due(&*f.store, 20, &[]).await, [&events[0], &events[1]].map(|e| e.id.clone()));
}

pub(crate) async fn an_organizations_first_living_connection_is_found(f: Fixture) {
    let of = |name: &str, organization: Option<&str>| calendly_keeper::domain::grant::NewGrant {
        organization: organization.map(Into::into),
        ..grant(name, &format!("r-{name}"))
    };
    let grants = vec![
        of("anna", Some("O1")),
        of("ben", Some("O1")),
        of("carla", Some("O1")),
        of("dora", None),
        of("emil", Some("o1")),
        of("fred", Some("O3")),
    ];
    f.store.put(grants, false).await.unwrap();
    let first = async |organizations: &[&str]| {
        let organizations = organizations.iter().map(|of| (*of).into()).collect();
        let mut first: Vec<_> = f.store.first_of(organizations).await.unwrap().into_iter().collect();
        first.sort();
        first.into_iter().map(|(of, id)| (of.to_string(), id.to_string())).collect::<Vec<_>>()
    };
    let of = |of: &str, id: &str| (of.to_owned(), id.to_owned());
    assert_eq!(first(&["O1", "O2", "O3"]).await, [of("O1", "anna"), of("O3", "fred")]);
    for gone in ["anna", "fred"] {
        f.store.delete(&id(gone), at(5)).await.unwrap().unwrap();
    }
    assert_eq!(first(&["O1", "O2", "O3"]).await, [of("O1", "ben")]);
    assert_eq!(first(&[]).await, []);
}

pub(crate) async fn living_connections_are_found_by_id_and_by_user(f: Fixture) {
    let of = |name: &str, user: Option<&str>| calendly_keeper::domain::grant::NewGrant {
        user: user.map(Into::into),
        ..grant(name, &format!("r-{name}"))
    };
    let grants =
        vec![of("anna", Some("U1")), of("ben", Some("U1")), of("carla", None), of("gone", Some("U1"))];
    f.store.put(grants, false).await.unwrap();
    let now: DateTime<Utc> = at(5);
    f.store.delete(&id("gone"), now).await.unwrap().unwrap();
    let found = async |ids: &[&str], users: &[&str]| {
        let ids = ids.iter().map(|name| id(name)).collect();
        let users = users.iter().map(|user| (*user).into()).collect();
        let found = f.store.addressees(ids, users).await.unwrap();
        let mut found: Vec<_> =
            found.into_iter().map(|one| (one.id.to_string(), one.user.map(String::from))).collect();
        found.sort();
        found.dedup();
        found
    };
    let (anna, ben) = (("anna".to_owned(), Some("U1".to_owned())), ("ben".to_owned(), Some("U1".to_owned())));
    assert_eq!(found(&[], &["U1", "U2"]).await, [anna.clone(), ben]);
    assert_eq!(found(&["anna", "carla", "gone", "nobody"], &[]).await, [anna, ("carla".into(), None)]);
    assert_eq!(found(&[], &[]).await, []);
}
