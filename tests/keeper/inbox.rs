//! Taking deliveries under virtual time: whatever they hold, whosever they are, whether or not the database is there.

use calendly_keeper::domain::event::{Arrival, State};
use calendly_keeper::domain::grant::NewGrant;
use calendly_keeper::ports::{Inbox as _, Selection};
use calendly_keeper::services::inbox::{Taken, too_large};
use serde_json::{Value, json};

use crate::support::fake_calendly::user_uri;
use crate::support::world::{World, with_events};

/// A delivery of `event` about the invitee `about` of `user`.
pub(crate) fn body(event: &str, user: &str, about: &str) -> Vec<u8> {
    let uri = format!("https://api.calendly.com/scheduled_events/E/invitees/{about}");
    json!({
        "event": event,
        "created_at": "2027-01-15T08:00:00.000000Z",
        "created_by": user_uri(user),
        "payload": { "uri": uri, "name": "Müller", "scheduled_event": { "event_memberships": [] } },
    })
    .to_string()
    .into_bytes()
}

pub(crate) fn arrival(world: &World, path: Option<&str>, body: Vec<u8>) -> Arrival {
    Arrival {
        path: path.map(Into::into),
        signature: Some("t=1,v1=00".into()),
        content_type: Some("application/json".into()),
        received_at: world.now(),
        body: body.into(),
    }
}

pub(crate) async fn deliver(world: &World, event: &str, user: &str, about: &str) -> Taken {
    let arrival = arrival(world, Some(user), body(event, user, about));
    world.services.inbox.take(arrival).await.unwrap()
}

async fn events(world: &World) -> Vec<(Option<String>, String, State)> {
    let all = world.store.events_after(0, None, 10_000).await.unwrap();
    let told = |kept: calendly_keeper::domain::event::Kept| {
        let summary = kept.summary;
        (summary.connection.map(Into::into), summary.event.into(), summary.state)
    };
    all.into_iter().map(told).collect()
}

#[test]
fn one_too_large_is_looked_for_by_all_who_may_have_had_it() {
    with_events(7200, async |mut world| {
        world.connect("anna").await;
        world.connect("ben").await;
        let organization = Some("https://api.calendly.com/organizations/OTHER".into());
        world.put(NewGrant { organization, ..world.offer("carla", "carla", -7200) }).await;
        world.start();
        world.pass(10).await;
        let concerned = async |path: Option<&str>| {
            too_large(&world.services, path, 9_000_000).await;
            let mut gaps = world.store.gaps();
            gaps.retain(|gap| gap.reason == "oversized");
            gaps.into_iter().map(|gap| String::from(gap.connection)).collect::<Vec<_>>()
        };
        assert_eq!(concerned(Some("nobody")).await, [""; 0]);
        assert_eq!(concerned(Some("ben")).await, ["ben"]);
        assert_eq!(concerned(Some("ORG")).await, ["ben", "anna"]);
        assert_eq!(concerned(None).await, ["ben", "anna", "carla"], "told twice it is one");
    });
}

#[test]
fn a_delivery_is_kept_once_however_often_it_comes() {
    with_events(7200, async |world| {
        world.connect("anna").await;
        world.application.answers_with(500);
        for _ in 0..3 {
            assert_eq!(deliver(&world, "invitee.created", "anna", "I1").await, Taken::Kept);
        }
        assert_eq!(deliver(&world, "invitee.created", "anna", "I2").await, Taken::Kept);
        assert_eq!(deliver(&world, "invitee.canceled", "anna", "I1").await, Taken::Kept);
        let kept: Vec<_> = events(&world).await.into_iter().map(|(_, event, _)| event).collect();
        assert_eq!(kept, ["invitee.created", "invitee.created", "invitee.canceled"]);
        let counted = world.services.counters().read();
        assert_eq!((counted.events_kept, counted.events_duplicate), (3, 2));
    });
}

#[test]
fn any_bytes_are_kept_as_they_are_and_what_is_no_event_is_not_relayed() {
    with_events(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        let odd: [&[u8]; 5] =
            [b"", b"\0", b"not JSON", b"{\"event\":\"\xff\"}", "[".repeat(100_000).leak().as_bytes()];
        for bytes in odd {
            let arrival = arrival(&world, Some("anna"), bytes.to_vec());
            assert_eq!(world.services.inbox.take(arrival).await.unwrap(), Taken::Kept);
        }
        let mut all = world.store.list_events(&Selection::default(), None, 100).await.unwrap();
        all.reverse();
        assert_eq!(all.len(), odd.len());
        for (summary, bytes) in all.iter().zip(odd) {
            assert_eq!((summary.state, &*summary.event), (State::Kept, ""));
            let (kept, _) = world.store.event(&summary.id).await.unwrap().unwrap();
            assert!(kept.body.is_some_and(|body| body == bytes), "changed");
        }
        world.pass(60).await;
        assert!(world.application.attempts().is_empty());
    });
}

#[test]
fn it_is_for_whom_the_path_names_else_for_its_user_else_nobodys() {
    with_events(7200, async |world| {
        world.connect("anna").await;
        world.put(world.offer("anna-2", "anna", -7200)).await;
        world.application.answers_with(500);
        let take = async |path, user, about| {
            let arrival = arrival(&world, path, body("invitee.created", user, about));
            world.services.inbox.take(arrival).await.unwrap()
        };
        assert_eq!(take(Some("anna-2"), "anna", "I1").await, Taken::Kept);
        assert_eq!(take(None, "anna", "I2").await, Taken::Kept);
        assert_eq!(take(Some("nobody"), "ben", "I3").await, Taken::Dropped);
        let whose: Vec<_> = events(&world).await.into_iter().map(|(id, ..)| id.unwrap()).collect();
        assert_eq!(whose, ["anna-2", "anna", "anna-2"]);
        assert_eq!(world.services.counters().read().events_dropped, 1);
    });
}

#[test]
fn while_the_database_is_away_deliveries_are_spilled_and_taken_in_before_newer_ones() {
    with_events(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(5).await;
        world.store.set_available(false);
        for n in 0..20 {
            let taken = deliver(&world, "invitee.created", "anna", &format!("I{n}")).await;
            assert_eq!(taken, Taken::Spilled);
            world.pass(30).await;
        }
        assert_eq!(world.spill.len(), 20);
        assert!(world.application.attempts().is_empty());
        world.store.set_available(true);
        assert_eq!(deliver(&world, "invitee.created", "anna", "I20").await, Taken::Spilled);
        world.until("taken in", 5, |w| w.spill.is_empty()).await;
        world.until("relayed", 30, |w| w.application.taken().len() == 21).await;
        let of = |kept: &calendly_keeper::domain::event::Kept| {
            let body: Value = serde_json::from_slice(kept.body.as_ref().unwrap()).unwrap();
            body["payload"]["uri"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
        };
        let all = world.store.events_after(0, None, 100).await.unwrap();
        let order: Vec<_> = all.iter().map(of).collect();
        assert_eq!(order, (0..21).map(|n| format!("I{n}")).collect::<Vec<_>>());
        assert_eq!(deliver(&world, "invitee.created", "anna", "I21").await, Taken::Kept);
    });
}

#[test]
fn what_is_left_in_the_spill_is_taken_in_by_the_next_start() {
    with_events(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(5).await;
        world.store.set_available(false);
        assert_eq!(deliver(&world, "invitee.created", "anna", "I1").await, Taken::Spilled);
        let mut world = world.stopped().await;
        world.store.set_available(true);
        world.start();
        world.until("relayed", 60, |w| w.application.taken().len() == 1).await;
    });
}

#[test]
fn where_nothing_can_keep_it_calendly_is_asked_to_send_it_again() {
    with_events(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(5).await;
        world.store.set_available(false);
        world.spill.set_full(true);
        let arrival = arrival(&world, Some("anna"), body("invitee.created", "anna", "I1"));
        assert!(world.services.inbox.take(arrival.clone()).await.is_err());
        world.store.set_available(true);
        world.pass(3).await;
        assert_eq!(world.services.inbox.take(arrival).await.unwrap(), Taken::Kept);
    });
}

#[test]
fn a_database_that_hangs_is_as_good_as_away() {
    with_events(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(5).await;
        world.store.set_hanging(true);
        for n in 1..=20 {
            let begun = world.now();
            assert_eq!(deliver(&world, "invitee.created", "anna", &format!("I{n}")).await, Taken::Spilled);
            assert!((world.now() - begun).num_seconds() < 10, "Calendly waits 15 s");
            world.pass(3).await;
        }
        world.store.set_hanging(false);
        world.until("relayed", 60, |w| w.application.taken().len() == 20).await;
        let all = world.store.list_events(&Selection::default(), None, 100).await.unwrap();
        assert_eq!(all.len(), 20);
    });
}
