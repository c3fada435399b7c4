//! A wall clock that is set, and a machine that sleeps: no token is served past its end, and nobody is woken in a herd.
#![allow(clippy::print_stdout, reason = "figures for whoever runs it with --nocapture")]

use std::time::Duration;

use calendly_keeper::ports::Clock as _;
use calendly_keeper::services::system_fault::Kind as Fault;
use chrono::TimeDelta;

use crate::support::heard;
use crate::support::world::{World, virtual_time};

const LIFETIME: i64 = 7200;

/// 300 connections, spread over two hours, well for an hour.
async fn well(world: &mut World) {
    world.connect_many(300, |n| 1300 + 20 * n).await;
    world.calendly.book().takes = Duration::from_millis(100);
    world.start();
    world.pass(3600).await;
    assert_eq!((world.without_a_token(), world.overdue(5), world.fault()), (0, 0, None));
    world.calendly.book().most_under_way = 0;
}

/// Recognised, said once, over, everybody well: within three minutes, and no call with a token that has ended.
async fn recovers(world: &World, fault: Fault, says: &str) {
    let recognised = world.until("recognised", 10, |w| w.fault() == Some(fault)).await;
    let at = world.clock.boot();
    let over = world.until("its end", 60, |w| w.fault().is_none()).await;
    let well = world.until("all well", 180 - over, |w| w.without_a_token() == 0 && w.overdue(5) == 0).await;
    assert_eq!(heard::lines(&["system fault, "]).len(), 1, "{:?}", heard::lines(&["system fault"]));
    assert_eq!(heard::lines(&["system fault, ", says]).len(), 1, "{:?}", heard::lines(&["system fault"]));
    assert_eq!(world.marked(), []);
    let most = world.calendly.book().most_under_way;
    let refreshed = world.calendly.arrived(at, Duration::from_secs(180));
    println!(
        "{says}: recognised after {recognised} s, over after {over} s, all well {well} s later, {refreshed} refreshed, \
         {most} at once at most"
    );
    assert!(most <= 64);
    let first = world.calendly.book().arrivals.iter().copied().find(|arrival| *arrival >= at);
    if let Some(first) = first {
        let at_first = world.calendly.arrived(first, Duration::from_millis(350));
        assert!(at_first <= 16, "a herd: {at_first} in the first 350 ms");
    }
}

/// For two lives of a token nobody is without one, and none is used after its end.
async fn stays_well(world: &World) {
    for _ in 0..2 * LIFETIME / 10 {
        world.pass(10).await;
        assert_eq!(world.without_a_token(), 0);
    }
    let book = world.calendly.book();
    assert_eq!((book.with_expired_token, book.reused), (0, 0));
    assert_eq!(world.marked(), []);
}

#[test]
fn a_clock_set_back_by_an_hour_lets_no_token_be_served_past_its_end() {
    virtual_time(LIFETIME, async |mut world| {
        well(&mut world).await;
        world.clock.set_by(-TimeDelta::hours(1));
        recovers(&world, Fault::ClockJumped, "set by -1h").await;
        assert!(
            world.calendly.arrived(world.clock.boot() - Duration::from_secs(10), Duration::MAX / 2) < 20,
            "nothing was due"
        );
        stays_well(&world).await;
    });
}

#[test]
fn a_clock_set_forward_by_an_hour_refreshes_early_and_without_a_herd() {
    virtual_time(LIFETIME, async |mut world| {
        well(&mut world).await;
        world.clock.set_by(TimeDelta::hours(1));
        recovers(&world, Fault::ClockJumped, "set by +1h").await;
        stays_well(&world).await;
    });
}

/// A wrong hour and its correction, each way round, ten minutes apart.
#[test]
fn a_clock_that_is_wrong_for_ten_minutes_costs_nobody_a_token() {
    for hours in [1, -1] {
        virtual_time(LIFETIME, async |mut world| {
            well(&mut world).await;
            world.clock.set_by(TimeDelta::hours(hours));
            world.until("well", 180, |w| w.fault().is_none() && w.without_a_token() == 0).await;
            world.pass(600).await;
            let before = world.calendly.book().token_requests;
            world.clock.set_by(-TimeDelta::hours(hours));
            world.pass(10).await;
            world.until("well again", 170, |w| w.fault().is_none() && w.without_a_token() == 0).await;
            let after = world.calendly.book().token_requests;
            println!("{hours:+} h for ten minutes: {} refreshes at the correction", after - before);
            assert!(after - before < 10, "nobody's token had come nearer to its end");
            stays_well(&world).await;
        });
    }
}

#[test]
fn a_machine_that_slept_for_three_hours_catches_up_without_a_herd() {
    virtual_time(LIFETIME, async |mut world| {
        well(&mut world).await;
        world.clock.sleep_through(Duration::from_secs(3 * 3600));
        assert!(world.without_a_token() > 250);
        recovers(&world, Fault::Suspended, "stood still for 3h").await;
        world.pass(60).await;
        stays_well(&world).await;
    });
}

/// Corrections by less are the time service's daily work.
#[test]
fn a_clock_that_is_corrected_by_seconds_is_no_fault() {
    virtual_time(LIFETIME, async |mut world| {
        well(&mut world).await;
        for _ in 0..60 {
            world.clock.set_by(-TimeDelta::seconds(1));
            world.pass(60).await;
        }
        assert_eq!(heard::lines(&["system fault"]), Vec::<String>::new());
        let late = world.cell("user-0");
        let ends = late.read(|connection| connection.expires_at.unwrap());
        assert!(world.calendly.accepts(late.living(world.now()).unwrap().token.expose()));
        assert!(ends - world.now() <= TimeDelta::seconds(LIFETIME), "{ends}");
        stays_well(&world).await;
    });
}
