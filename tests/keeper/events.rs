//! Fetching events under virtual time.

use std::time::Duration;

use calendly_keeper::domain::event::{Arrival, NewEvent, recognise};
use calendly_keeper::ports::Inbox as _;
use calendly_keeper::services::events::{Ask, Fetched, From, acknowledge, fetch};
use calendly_keeper::services::inbox;
use chrono::TimeDelta;
use serde_json::json;

use crate::support::world::{World, virtual_time};

const MINUTE: Duration = Duration::from_secs(60);

fn event(world: &World, connection: &str, invitee: &str, size: usize) -> NewEvent {
    let body = json!({"event": "invitee.created", "payload": {"uri": invitee, "x": "x".repeat(size)}});
    let arrival = Arrival {
        path: None,
        signature: None,
        content_type: None,
        received_at: world.now(),
        body: body.to_string().into(),
    };
    let about = recognise(&arrival.body);
    NewEvent::of(&arrival, about.as_ref(), Some(connection.parse().unwrap()), false)
}

async fn add(world: &World, connection: &str, invitee: &str) {
    inbox::add(&world.services, vec![event(world, connection, invitee, 0)]).await.unwrap();
}

fn ask(from: From, wait: Duration) -> Ask {
    Ask { from, connection: None, limit: 100, wait }
}

async fn got(world: &World, ask: Ask) -> Fetched {
    fetch(&world.services, ask).await.unwrap()
}

#[test]
fn whoever_waits_is_woken_by_what_comes_and_by_nothing_else() {
    virtual_time(7200, async |world| {
        let start = world.now();
        let of_anna = Ask { connection: Some("anna".parse().unwrap()), ..ask(From::Oldest, MINUTE) };
        let come = async {
            world.pass(10).await;
            add(&world, "ben", "1").await;
            world.pass(10).await;
            add(&world, "anna", "2").await;
        };
        let (fetched, ()) = tokio::join!(got(&world, of_anna), come);
        assert_eq!(fetched.events.len(), 1);
        assert_eq!(world.now() - start, TimeDelta::seconds(20));

        let (start, from) = (world.now(), From::After(fetched.next));
        let none = got(&world, ask(from, MINUTE)).await;
        assert_eq!((none.events.len(), none.next), (0, fetched.next), "it ends empty, where it began");
        assert_eq!(world.now() - start, TimeDelta::seconds(60));
        assert_eq!(got(&world, ask(From::Oldest, MINUTE)).await.events.len(), 2);
        assert_eq!(world.now() - start, TimeDelta::seconds(60), "what is there is given at once");
    });
}

#[test]
fn a_stop_keeps_nobody_waiting() {
    virtual_time(7200, async |world| {
        let start = world.now();
        let stop = async {
            world.pass(3).await;
            world.services.stop();
        };
        let (fetched, ()) = tokio::join!(got(&world, ask(From::Oldest, MINUTE)), stop);
        assert_eq!((fetched.events.len(), world.now() - start), (0, TimeDelta::seconds(3)));
    });
}

#[test]
fn large_bodies_make_shorter_answers_and_nothing_is_left_out() {
    virtual_time(7200, async |world| {
        let events = (0..20).map(|n| event(&world, "anna", &n.to_string(), 1 << 20)).collect();
        inbox::add(&world.services, events).await.unwrap();
        inbox::add(&world.services, vec![event(&world, "anna", "huge", 9 << 20)]).await.unwrap();
        let (mut seen, mut place, mut answers) = (0, 0, vec![]);
        while seen < 21 {
            let some = got(&world, ask(From::After(place), Duration::ZERO)).await;
            (seen, place) = (seen + some.events.len(), some.next);
            answers.push(some.events.len());
        }
        assert_eq!(answers, [7, 7, 6, 1]);
        let many = (0..500).map(|n| event(&world, "ben", &n.to_string(), 0)).collect();
        inbox::add(&world.services, many).await.unwrap();
        let some = Ask { limit: 499, ..ask(From::After(place), Duration::ZERO) };
        assert_eq!(got(&world, some).await.events.len(), 499);
    });
}

#[test]
fn what_a_consumer_has_not_acknowledged_is_kept_as_long_as_it_is_seen() {
    virtual_time(7200, async |world| {
        let crm = || ask(From::Consumer("crm".into()), Duration::ZERO);
        let expire = async || {
            let before = world.now() - TimeDelta::hours(2);
            world.store.expire_events(before, before - TimeDelta::days(365)).await.unwrap()
        };
        add(&world, "anna", "1").await;
        for _ in 0..12 {
            let fetched = got(&world, crm()).await;
            assert_eq!(fetched.events.len(), 1);
            assert_eq!(expire().await, 0);
            world.pass(1801).await;
        }
        let place = got(&world, crm()).await.next;
        acknowledge(&world.services, "crm", place).await.unwrap();
        assert_eq!(expire().await, 1, "it has it");
        add(&world, "anna", "2").await;
        world.pass(3 * 3600).await;
        assert_eq!(expire().await, 1, "nobody has been seen for long");
        assert!(acknowledge(&world.services, "crm", place + 2).await.is_err(), "that place was never given");
        assert!(fetch(&world.services, ask(From::After(place + 2), MINUTE)).await.is_err());
    });
}
