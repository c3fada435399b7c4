//! Where gaps come from, whose an organization's meetings are, and the sweep that finds what nobody would have missed.

use std::time::Duration;

use calendly_keeper::domain::subscription::{Scope, State};
use calendly_keeper::domain::timeline::Kind;
use calendly_keeper::ports::{Gaps as _, Inbox as _, Selection};
use chrono::TimeDelta;

use super::backfill::{connected, hours, open_gap, settings, taken};
use crate::support::heard;
use crate::support::world::{EVENTS, virtual_time};

const HOUR: u64 = 3600;

#[test]
fn a_keeper_that_was_away_looks_for_what_was_not_delivered() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let mut world = world.stopped().await;
        world.pass(240).await;
        world.start();
        world.pass(30).await;
        assert!(world.store.open_gaps(0, 9).await.unwrap().is_empty(), "a restart is bridged by Calendly");
        let mut world = world.stopped().await;
        let away_since = world.now();
        world.pass(HOUR).await;
        world.calendly.book().agenda.book("anna", "lost", hours(world.now(), 5), world.now());
        world.pass(HOUR).await;
        world.start();
        world.pass(180).await;
        assert_eq!(taken(&world).await.len(), 1);
        let (gap, found) = world.store.closed_gaps().pop().unwrap();
        assert_eq!((gap.reason.as_str(), found), ("keeper_down", 1));
        assert!(gap.from <= away_since && away_since - gap.from <= TimeDelta::seconds(61), "{gap:?}");
        assert_eq!(heard::lines(&["nobody took deliveries for a while"]).len(), 1);
    });
}

#[test]
fn deliveries_that_begin_to_fail_are_said_at_once_and_open_a_gap() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let fails_since = world.now() + TimeDelta::minutes(3);
        world.pass(300).await;
        world.calendly.book().agenda.book("anna", "lost", hours(world.now(), 5), world.now());
        for (_, found) in world.calendly.book().subscriptions.values_mut() {
            found.retry_started_at = Some(fails_since);
        }
        let gaps = world.store.gaps().len();
        world.pass(1000).await;
        assert_eq!(heard::lines(&["deliveries are failing now, check that"]).len(), 1);
        let opened = world.store.gaps().split_off(gaps);
        assert_eq!(opened.len(), 1, "{opened:?}");
        assert_eq!(opened[0].reason, "deliveries_failing");
        assert!(opened[0].from < fails_since, "since it was last seen right");
        world.pass(180).await;
        assert_eq!(taken(&world).await.len(), 1);
        world.pass(5 * HOUR).await;
        assert_eq!(world.store.gaps().len(), gaps + 1, "it stays set, and that is no news");
    });
}

#[test]
fn those_that_fail_beside_a_duplicate_open_a_gap_too() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let fails_since = world.now();
        let url = "https://app.example/hooks/anna?v=1";
        world.calendly.add_subscription("anna", url, &EVENTS, State::Active);
        for (_, found) in world.calendly.book().subscriptions.values_mut() {
            found.retry_started_at = Some(fails_since);
        }
        let gaps = world.store.gaps().len();
        world.pass(1000).await;
        assert_eq!(world.calendly.subscriptions_of("anna").len(), 1);
        let opened = world.store.gaps().split_off(gaps);
        assert_eq!(opened.len(), 1, "{opened:?}");
        assert_eq!(opened[0].reason, "deliveries_failing");
    });
}

#[test]
fn what_was_booked_before_the_first_connect_is_found_where_it_is_wanted() {
    for (wanted, expected) in [(Duration::ZERO, 0), (Duration::from_secs(30 * 24 * HOUR), 1)] {
        virtual_time(7200, async |world| {
            let mut world = world.wanting(|all| {
                all.backfill = Some(calendly_keeper::services::backfill::BackfillSettings {
                    on_connect: wanted,
                    ..settings()
                });
            });
            let now = world.now();
            world.calendly.book().agenda.book("anna", "long ago", hours(now, 900), now - TimeDelta::days(60));
            world.calendly.book().agenda.book("anna", "lately", hours(now, 900), now - TimeDelta::days(9));
            world.connect("anna").await;
            world.start();
            world.pass(300).await;
            assert_eq!(taken(&world).await.len(), expected);
            assert!(world.store.open_gaps(0, 9).await.unwrap().is_empty());
            world.connect("anna").await;
            world.pass(HOUR).await;
            assert_eq!(taken(&world).await.len(), expected, "another grant is no first connect");
        });
    }
}

#[test]
fn an_organizations_meeting_is_its_hosts_and_any_admin_reads_it() {
    virtual_time(7200, async |world| {
        let mut world = world.wanting(|wanted| {
            (wanted.backfill, wanted.scope) = (Some(settings()), Scope::Organization);
        });
        world.calendly.book().agenda.admins = Some(vec!["ben".into()]);
        for name in ["anna", "ben", "carla"] {
            world.connect(name).await;
        }
        world.pass(1).await;
        let now = world.now();
        {
            let mut book = world.calendly.book();
            book.agenda.book("anna", "hers", hours(now, 5), now);
            book.agenda.book("carla", "carlas", hours(now, 6), now);
            book.agenda.book("stranger", "nobodys", hours(now, 7), now);
        }
        world.start();
        world.pass(400).await;
        let mut events = world.store.list_events(&Selection::default(), None, 100).await.unwrap();
        events.sort_by_key(|event| event.ordinal);
        let whose: Vec<_> =
            events.iter().map(|event| event.connection.clone().unwrap().to_string()).collect();
        assert_eq!(whose, ["anna", "carla", "ben"], "the last one's host is not connected");
        assert!(world.store.open_gaps(0, 9).await.unwrap().is_empty());
    });
}

#[test]
fn the_sweep_finds_what_was_not_delivered_and_counts_it() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let mut world = world.stopped().await.wanting(|wanted| {
            let sweep_every = Duration::from_secs(6 * HOUR);
            wanted.backfill =
                Some(calendly_keeper::services::backfill::BackfillSettings { sweep_every, ..settings() });
        });
        world.start();
        let now = world.now();
        world.calendly.book().agenda.book("anna", "lost", hours(now, 90), now);
        world.pass(6 * HOUR + 400).await;
        assert_eq!(taken(&world).await.len(), 1);
        let counted = world.services.counters().read();
        assert_eq!((counted.events_missed, counted.backfilled), (1, 0));
        assert!(world.kinds("anna").await.contains(&Kind::EventsMissed));
        assert_eq!(heard::lines(&["events were not delivered", "connection=anna", "missed=1"]).len(), 1);
        // Whatever came less than 5 min ago may be on its way: of those booked each minute nearly all are found.
        for n in 0..720_u64 {
            world.calendly.book().agenda.book("anna", &format!("m{n}"), hours(now, 90), world.now());
            world.pass(60).await;
            let missed = world.services.counters().events_missed.get();
            assert!(missed <= 1 + n.saturating_sub(4), "{missed} of {n}");
        }
        assert!(world.services.counters().events_missed.get() > 300);
        assert!(world.store.open_gaps(0, 9).await.unwrap().is_empty());
    });
}

#[test]
fn a_connection_with_a_gap_is_not_swept_so_that_what_is_known_is_not_counted() {
    virtual_time(7200, async |world| {
        let world = connected(world).await;
        let mut world = world.stopped().await.wanting(|wanted| {
            let sweep_every = Duration::from_secs(HOUR);
            wanted.backfill =
                Some(calendly_keeper::services::backfill::BackfillSettings { sweep_every, ..settings() });
        });
        world.start();
        world.pass(60).await;
        world.calendly.book().agenda.book("anna", "lost", hours(world.now(), 90), world.now());
        open_gap(&world, 5).await;
        world.pass(2 * HOUR).await;
        let counted = world.services.counters().read();
        assert_eq!((counted.events_missed, counted.backfilled), (0, 1));
    });
}
