//! Two keepers on one data directory: one works, the other waits and takes over.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::installation::Installation;

#[test]
fn a_second_keeper_stands_by_says_who_works_and_takes_over_when_the_first_is_killed() {
    let mut place = Installation::new(8);
    place.set("LOG__STATUS_EVERY", "1s");
    place.connect_expired(&["anna", "ben"]);
    let first = place.started();
    first.wait_for(&["connection/anna", "token refreshed"]);
    first.wait_for(&["connection/ben", "token refreshed"]);

    let second = place.start();
    let holder = format!("process {}", first.pid());
    second.wait_for(&["standing by, another keeper works", &holder]);
    // Each status interval one line says so again.
    second.wait_for(&["standing by", &holder, "database=sqlite"]);
    assert!(!second.said().contains("started"), "{}", second.said());

    let killed = Instant::now();
    first.kill();
    second.wait_for(&["supervisor", "started", "connections=2", "active=2"]);
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    for id in ["anna", "ben"] {
        second.wait_for(&[&format!("connection/{id} "), "token refreshed"]);
    }
    place.assert_nothing_reused();
    second.terminate();
    assert_eq!(second.ended().0, 0);
}

#[test]
fn a_keeper_that_stands_by_stops_with_0() {
    let place = Installation::new(7200);
    let first = place.started();
    let second = place.start();
    second.wait_for(&["standing by"]);
    second.terminate();
    let (code, said) = second.ended();
    assert_eq!(code, 0, "{said}");
    first.terminate();
    assert_eq!(first.ended().0, 0);
}

/// Old code beside new in a rolling deploy (calcom/companion#174).
#[test]
fn a_keeper_whose_database_a_newer_one_migrates_ends_in_order_and_does_not_start_again() {
    let place = Installation::new(8);
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    keeper.wait_for(&["connection/anna", "token refreshed"]);

    let mut newer = SqliteConnection::establish(place.file("keeper.db").to_str().unwrap()).unwrap();
    newer
        .batch_execute(
            "PRAGMA busy_timeout = 20000;
             INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')",
        )
        .unwrap();

    let (code, said) = keeper.ended();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("stopped unfinished=0"), "{said}");
    assert!(said.contains("newer version of calendly-keeper (migration 29991231000000)"), "{said}");
    assert_eq!(place.run(&["run"]).code, 2);
    place.assert_nothing_reused();
}
