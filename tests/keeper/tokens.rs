//! Tokens are fresh, always, and each refresh token is presented once.

use calendly_keeper::domain::grant::Put;
use calendly_keeper::domain::status::Status;
use calendly_keeper::domain::timeline::Kind;

use crate::support::world::{EVENTS, virtual_time};
use calendly_keeper::domain::subscription::State;

/// The failure that this product exists to end.
#[test]
fn a_token_that_expired_long_ago_is_refreshed_before_its_webhook_is_verified() {
    virtual_time(7200, async |mut world| {
        let url = "https://app.example/hooks/anna";
        world.calendly.add_subscription("anna", url, &EVENTS, State::Active);
        let grant = world.offer("anna", "anna", 40 * 24 * 3600);
        assert!(matches!(world.put(grant).await, Put::Created(_)));
        world.start();
        world.pass(5).await;
        assert_eq!(world.status("anna"), Status::Active);
        assert_eq!(world.calendly.book().with_expired_token, 0);
        assert_eq!(world.calendly.book().token_requests, 1);
        assert_eq!(world.kinds("anna").await, [Kind::Connected, Kind::Refreshed, Kind::WebhookFound]);
    });
}

#[test]
fn for_a_day_a_hundred_connections_never_lack_a_valid_token() {
    virtual_time(7200, async |mut world| {
        let names: Vec<_> = (0..100).map(|n| format!("user-{n}")).collect();
        for name in &names {
            world.connect(name).await;
        }
        world.start();
        for _ in 0..24 * 60 {
            world.pass(60).await;
            for name in &names {
                assert!(world.cell(name).living(world.now()).is_some(), "{name} at {}", world.now());
            }
        }
        let book = world.calendly.book();
        assert_eq!((book.reused, book.with_expired_token), (0, 0));
        assert!(names.iter().all(|name| (12..=15).contains(&book.rotations[name])), "{:?}", book.rotations);
    });
}

/// Everything expired together after a deploy (teleport#6889).
#[test]
fn tokens_issued_together_are_not_refreshed_together() {
    virtual_time(7200, async |mut world| {
        for n in 0..200 {
            world.connect(&format!("user-{n}")).await;
        }
        world.start();
        world.pass(7200 - 900 - 360 - 5).await;
        let mut busiest = 0;
        for _ in 0..80 {
            let before = world.calendly.book().token_requests;
            world.pass(5).await;
            busiest = busiest.max(world.calendly.book().token_requests - before);
        }
        assert!(world.calendly.book().token_requests >= 200);
        assert!(busiest < 60, "{busiest} in five seconds");
    });
}

#[test]
fn a_connection_imported_while_running_is_noticed_within_seconds() {
    virtual_time(7200, async |mut world| {
        world.start();
        world.pass(10).await;
        let grant = world.offer("late", "late", 1);
        world.put(grant).await;
        world.pass(3).await;
        assert_eq!(world.status("late"), Status::Active);
        assert!(world.cell("late").living(world.now()).is_some());
    });
}

/// A suspended machine refreshed too late (pizauth#47).
#[test]
fn an_hour_that_nobody_saw_go_by_is_caught_up_by_the_sweep() {
    virtual_time(7200, async |mut world| {
        world.connect("anna").await;
        world.start();
        world.pass(10).await;
        let asleep = world.cell("anna");
        asleep.set_wake_at(Some(world.now() - chrono::TimeDelta::hours(1)));
        world.pass(31).await;
        assert!(asleep.wake_at().is_some_and(|at| at > world.now()), "the sweep made it look again");
    });
}

#[test]
fn the_order_in_which_overdue_ones_are_refreshed_is_bounded_and_slow_at_first() {
    virtual_time(7200, async |mut world| {
        for n in 0..500 {
            let name = format!("user-{n}");
            let grant = world.offer(&name, &name, 3600);
            world.put(grant).await;
        }
        world.calendly.hold_answers();
        world.start();
        world.pass(2).await;
        assert_eq!(world.calendly.book().token_requests, 1, "slow start: one before the first success");
        world.pass(4).await;
        assert_eq!(world.calendly.book().token_requests, 2, "an answer that hangs holds nobody up for long");
        world.calendly.release_answers();
        world.pass(20).await;
        assert_eq!(world.calendly.book().token_requests, 500);
    });
}
