//! What happened while a subscription was dead is found afterwards, once, under the id of a delivery; a gap is closed with what
//! was found in it, and not before.

use std::time::Duration;

use calendly_keeper::domain::event::{Arrival, NewEvent, recognise};
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::ports::{ApiErrorClass, Gap, Gaps as _, Inbox as _, Selection};
use calendly_keeper::services::backfill::BackfillSettings;
use chrono::{DateTime, TimeDelta, Utc};

use crate::support::heard;
use crate::support::world::{World, virtual_time};

const HOUR: u64 = 3600;

pub(super) fn settings() -> BackfillSettings {
    let on_connect = Duration::ZERO;
    // No sweep comes between.
    BackfillSettings { on_connect, sweep_every: Duration::from_secs(1_000_000_000), own_callback: true }
}

/// A keeper that takes deliveries, with `anna` connected and her subscription looked at.
pub(super) async fn connected(world: World) -> World {
    let mut world = world.wanting(|wanted| wanted.backfill = Some(settings()));
    world.connect("anna").await;
    world.start();
    world.pass(300).await;
    assert_eq!(world.store.open_gaps(0, 9).await.unwrap(), [], "nothing happened since the connect");
    world.calendly.book().agenda.lists.clear();
    world.calendly.book().agenda.looked_into.clear();
    world
}

pub(super) fn hours(from: DateTime<Utc>, hours: i64) -> DateTime<Utc> {
    from + TimeDelta::hours(hours)
}

/// Of `anna`, so many minutes ago.
pub(super) async fn open_gap(world: &World, minutes: i64) {
    let (connection, opened_at) = ("anna".parse().unwrap(), world.now());
    let from = opened_at - TimeDelta::minutes(minutes);
    world.store.open_gap(Gap { connection, from, opened_at, reason: "disabled".into() }).await.unwrap();
    world.services.backfill.look();
}

/// Name of the event, name of the meeting, in the order in which they came.
pub(super) async fn taken(world: &World) -> Vec<(String, String)> {
    let mut events = world.store.list_events(&Selection::default(), None, 1000).await.unwrap();
    events.reverse();
    let mut taken = vec![];
    for event in events {
        assert!(event.backfilled && event.occurred_at.is_some());
        let (kept, _) = world.store.event(&event.id).await.unwrap().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&kept.body.unwrap()).unwrap();
        let name = body["payload"]["scheduled_event"]["name"].as_str().unwrap().to_owned();
        taken.push((event.event.to_string(), name));
    }
    taken
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(event, name)| ((*event).to_owned(), (*name).to_owned())).collect()
}

async fn is_closed(world: &World) -> bool {
    world.store.open_gaps(0, 9).await.unwrap().is_empty()
}

#[test]
fn what_happened_in_a_gap_is_taken_in_once_and_closes_it() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let start = world.now();
        world.calendly.book().agenda.book("anna", "old", hours(start, 90), start);
        world.calendly.book().agenda.book("anna", "moved", hours(start, 99), start);
        world.pass(HOUR).await;
        {
            let (mut book, now) = (world.calendly.book(), world.now());
            // It starts and ends in the gap; and one that is booked and cancelled in it.
            book.agenda.book("anna", "held", now + TimeDelta::minutes(5), now);
            book.agenda.book("anna", "both", hours(now, 500), now + TimeDelta::minutes(1));
            book.agenda.cancel("both", now + TimeDelta::minutes(2));
            book.agenda.cancel("moved", now + TimeDelta::minutes(3));
            book.agenda.book("ben", "other", hours(now, 5), now);
        }
        world.pass(1200).await;
        open_gap(&world, 25).await;
        world.pass(10).await;
        let expected = [
            ("invitee.created", "held"),
            ("invitee.created", "both"),
            ("invitee.canceled", "both"),
            ("invitee.canceled", "moved"),
        ];
        assert_eq!(taken(&world).await, pairs(&expected));
        assert!(!is_closed(&world).await, "it is read through once more");
        world.pass(120).await;
        assert!(is_closed(&world).await);
        assert_eq!(world.store.closed_gaps().last().unwrap().1, 4);
        assert_eq!(taken(&world).await.len(), 4);
        assert_eq!(world.services.counters().backfilled.get(), 4);
        assert!(world.kinds("anna").await.contains(&Kind::GapClosed));
        assert_eq!(heard::lines(&["gap closed connection=anna", "found=4"]).len(), 1);
    });
}

#[test]
fn a_gap_whose_meetings_cannot_be_read_stays_open() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let now = world.now();
        world.calendly.book().agenda.book("anna", "lost", hours(now, 5), now);
        world.calendly.book().agenda.hides_invitees = true;
        open_gap(&world, 5).await;
        world.pass(HOUR).await;
        assert!(!is_closed(&world).await && taken(&world).await.is_empty());
        world.calendly.book().agenda.hides_invitees = false;
        world.pass(25 * HOUR).await; // it is asked again after a day
        assert!(is_closed(&world).await);
        assert_eq!(taken(&world).await, pairs(&[("invitee.created", "lost")]));
    });
}

#[test]
fn what_was_delivered_is_known() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let now = world.now();
        let body = {
            let mut book = world.calendly.book();
            book.agenda.book("anna", "delivered", hours(now, 5), now);
            book.agenda.book("anna", "lost", hours(now, 5), now);
            book.agenda.delivery("anna", "delivered")
        };
        let arrival =
            Arrival { path: None, signature: None, content_type: None, received_at: now, body: body.into() };
        let about = recognise(&arrival.body);
        let event = NewEvent::of(&arrival, about.as_ref(), Some("anna".parse().unwrap()), false);
        world.store.take_in(vec![NewEvent { backfilled: true, ..event }]).await.unwrap();
        open_gap(&world, 5).await;
        world.pass(180).await;
        let expected = [("invitee.created", "delivered"), ("invitee.created", "lost")];
        assert_eq!(taken(&world).await, pairs(&expected));
        assert_eq!(world.services.counters().backfilled.get(), 1);
    });
}

#[test]
fn what_is_booked_early_while_the_pages_are_read_is_found_by_the_second_look() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let now = world.now();
        {
            let mut book = world.calendly.book();
            for n in 0..10 {
                book.agenda.book("anna", &format!("m{n}"), hours(now, 10 + n), now);
            }
            book.agenda.page = 2;
            book.agenda.takes = Duration::from_secs(2);
        }
        open_gap(&world, 5).await;
        world.until("half of it", 60, |w| w.calendly.book().agenda.looked_into.len() > 5).await;
        world.calendly.book().agenda.book("anna", "early", hours(now, 1), world.now());
        world.pass(300).await;
        assert!(is_closed(&world).await);
        assert_eq!(taken(&world).await.len(), 11);
    });
}

#[test]
fn after_a_crash_it_goes_on_where_it_was() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let now = world.now();
        {
            let mut book = world.calendly.book();
            for n in 0..20 {
                book.agenda.book("anna", &format!("m{n}"), hours(now, 10 + n), now);
            }
            (book.agenda.page, book.agenda.takes) = (2, Duration::from_secs(1));
        }
        open_gap(&world, 5).await;
        world.until("half of it", 60, |w| w.calendly.book().agenda.looked_into.len() > 10).await;
        let reached = world.store.open_gaps(0, 9).await.unwrap()[0].progress.unwrap().reached.unwrap();
        assert!(reached > hours(now, 15), "{reached}");
        let mut world = world.stopped().await;
        world.calendly.book().agenda.lists.clear();
        world.start();
        world.pass(10).await;
        assert_eq!(world.calendly.book().agenda.lists[0], (reached, false), "a start time, no page token");
        world.pass(300).await;
        assert!(is_closed(&world).await);
        assert_eq!(taken(&world).await.len(), 20);
        assert_eq!(world.store.closed_gaps().last().unwrap().1, 20);
    });
}

#[test]
fn meetings_that_start_at_the_same_time_are_paged_and_a_stale_token_is_no_end() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let now = world.now();
        {
            let mut book = world.calendly.book();
            for n in 0..7 {
                book.agenda.book("anna", &format!("m{n}"), hours(now, 10), now);
            }
            book.agenda.book("anna", "later", hours(now, 11), now);
            // The second page is asked for too late.
            (book.agenda.page, book.agenda.takes) = (2, Duration::from_secs(61));
        }
        open_gap(&world, 5).await;
        world.pass(200).await;
        world.calendly.book().agenda.takes = Duration::ZERO;
        world.pass(2 * HOUR).await;
        assert!(is_closed(&world).await);
        assert_eq!(taken(&world).await.len(), 8);
        assert!(world.calendly.book().agenda.lists.iter().any(|(_, is_later)| *is_later));
    });
}

#[test]
fn one_attendee_of_several_is_found_though_the_meeting_says_nothing() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let start = world.now();
        {
            let mut book = world.calendly.book();
            book.agenda.plan("anna", "group", hours(start, 90), start - TimeDelta::days(2), 9);
            book.agenda.attend("group", "I1", start - TimeDelta::days(2));
            book.agenda.attend("group", "I2", start - TimeDelta::days(1));
            book.agenda.book("anna", "single", hours(start, 90), start - TimeDelta::days(2));
        }
        world.pass(HOUR).await;
        {
            let (mut book, now) = (world.calendly.book(), world.now());
            book.agenda.attend("group", "I3", now);
            book.agenda.leave("group", 0, now + TimeDelta::seconds(1));
            book.agenda.page = 1;
        }
        world.pass(60).await;
        open_gap(&world, 5).await;
        world.pass(180).await;
        let expected = [("invitee.created", "group"), ("invitee.canceled", "group")];
        assert_eq!(taken(&world).await, pairs(&expected));
        assert!(
            !world.calendly.book().agenda.looked_into.contains(&"single".into()),
            "nothing changed in it"
        );
    });
}

#[test]
fn without_the_scope_the_gap_stays_open_until_the_user_connects_again() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        world.calendly.book().agenda.book("anna", "lost", hours(world.now(), 5), world.now());
        let refusal = ApiErrorClass::InsufficientScope(vec!["scheduled_events:read".into()]);
        world.calendly.book().agenda.troubles.push_back(refusal);
        open_gap(&world, 5).await;
        world.pass(12 * HOUR).await;
        assert!(!is_closed(&world).await);
        let said = ["connection=anna", "reason=missing_scopes=scheduled_events:read", "the gap stays open"];
        assert_eq!(heard::lines(&said).len(), 1, "once");
        world.connect("anna").await;
        world.pass(300).await;
        assert!(is_closed(&world).await);
        assert_eq!(taken(&world).await.len(), 1);
    });
}

#[test]
fn without_the_scope_it_is_tried_again_a_day_later() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        world.calendly.book().agenda.troubles.push_back(ApiErrorClass::PermissionDenied);
        open_gap(&world, 5).await;
        world.pass(23 * HOUR).await;
        assert!(!is_closed(&world).await);
        world.pass(2 * HOUR).await;
        assert!(is_closed(&world).await);
    });
}

#[test]
fn a_refused_token_is_refreshed_once_and_trouble_is_waited_for() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        world.calendly.book().agenda.book("anna", "lost", hours(world.now(), 5), world.now());
        let before = world.calendly.book().token_requests;
        world.calendly.book().agenda.troubles.extend([
            ApiErrorClass::Unauthenticated,
            ApiErrorClass::Throttled(Some(Duration::from_secs(7))),
            ApiErrorClass::Unavailable,
            ApiErrorClass::Throttled(None),
            ApiErrorClass::Unreadable,
            ApiErrorClass::InvalidRequest,
        ]);
        open_gap(&world, 5).await;
        world.pass(900).await;
        assert!(is_closed(&world).await);
        assert_eq!(taken(&world).await.len(), 1);
        assert_eq!(world.calendly.book().token_requests, before + 1);
    });
}

#[test]
fn a_paused_connection_waits_and_a_deleted_ones_gap_is_void() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let anna = "anna".parse().unwrap();
        open_gap(&world, 5).await;
        world.services.adapters.store.pause(&anna, Some(world.now())).await.unwrap();
        world.pass(5).await;
        world.calendly.book().agenda.lists.clear();
        world.pass(HOUR).await;
        assert!(!is_closed(&world).await);
        assert_eq!(world.calendly.book().agenda.lists, []);
        world.services.adapters.store.pause(&anna, None).await.unwrap();
        world.pass(180).await;
        assert!(is_closed(&world).await);
        open_gap(&world, 5).await;
        world.services.adapters.store.delete(&anna, world.now()).await.unwrap();
        world.pass(180).await;
        assert!(is_closed(&world).await);
    });
}

#[test]
fn with_nobody_to_give_events_to_gaps_stay_open() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(HOUR).await;
        assert_eq!(world.store.open_gaps(0, 9).await.unwrap().len(), 1);
        assert_eq!(world.calendly.book().agenda.lists, []);
    });
}
