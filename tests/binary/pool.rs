//! The pool of connections to the database: not held while Calendly is waited for, and not needed to see how things are.

use crate::installation::Installation;
use crate::postgres::on;
use crate::process::{DEADLINE, Keeper};
use crate::stopping::with_refreshes_in_flight;
use crate::support::postgres::{Postgres, psql};
use crate::support::wait::until;

/// As many refreshes held in flight as a pool of two could not bear, and one more connection that needs it.
fn others_go_on_while_answers_are_held(place: &Installation, meanwhile: impl FnOnce()) {
    place.connect_expired(&["early-1", "early-2", "early-3"]);
    let keeper = with_refreshes_in_flight(place, &["anna", "ben", "carla"]);
    for id in ["early-1", "early-2", "early-3"] {
        keeper.wait_for(&[&format!("connection/{id} "), "token refreshed"]);
    }
    meanwhile();

    place.connect_expired(&["dora"]);
    keeper.wait_for(&["connection/dora", "token refreshed", "generation=2"]);
    keeper.wait_for(&["webhook found in Calendly", "connection=dora"]);
    assert_eq!(place.simulator.held(), 3, "all of it while they were in flight");

    place.simulator.clear_faults();
    place.simulator.release();
    for id in ["anna", "ben", "carla"] {
        keeper.wait_for(&[&format!("connection/{id} "), "token refreshed"]);
    }
    place.assert_nothing_reused();
}

/// A database connection held during the HTTP call drained the pool (nango#2859, n8n PR#33092).
#[test]
fn no_connection_to_sqlite_is_held_while_answers_are_waited_for() {
    let mut place = Installation::new(60);
    place.set("DATABASE__MAX_CONNECTIONS", "1");
    others_go_on_while_answers_are_held(&place, || {});
}

/// The same on a server, which can say who is in a transaction.
#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn no_connection_to_postgresql_is_held_while_answers_are_waited_for() {
    let url = Postgres::shared().create_database();
    let mut place = on(&url, 60);
    place.set("DATABASE__MAX_CONNECTIONS", "1");
    others_go_on_while_answers_are_held(&place, || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND state = 'idle in transaction'";
        until("nobody is in a transaction", DEADLINE, || (psql(&url, sql) == "0").then_some(()));
    });
}

fn status_lines(keeper: &Keeper) -> usize {
    keeper.lines().iter().filter(|line| line.contains(" status ") && line.contains("connections=2")).count()
}

/// The healer used the broken pool (nango#6692): here every connection of it waits for a lock.
#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn status_lines_go_on_while_every_connection_of_the_pool_hangs_and_all_is_well_afterwards() {
    let url = Postgres::shared().create_database();
    let mut place = on(&url, 8);
    place.set("DATABASE__MAX_CONNECTIONS", "2");
    place.connect_expired(&["anna", "ben"]);
    let keeper = place.started();
    for id in ["anna", "ben"] {
        keeper.wait_for(&[&format!("connection/{id} "), "token refreshed", "generation=2"]);
    }
    let waiting = || -> usize {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock' AND application_name LIKE 'calendly-keeper%'";
        psql(&url, sql).parse().unwrap()
    };

    let lock = Postgres::shared().hold(
        &url,
        "LOCK TABLE calendly_keeper.connections, calendly_keeper.change_marker IN ACCESS EXCLUSIVE MODE",
    );
    until("the pool is used up", DEADLINE, || (waiting() >= 2).then_some(()));
    let before = status_lines(&keeper);
    until("status lines", DEADLINE, || (status_lines(&keeper) >= before + 4).then_some(()));
    assert!(waiting() >= 2, "all that while the pool was used up");
    drop(lock);

    for id in ["anna", "ben"] {
        keeper.wait_for(&[&format!("connection/{id} "), "token refreshed", "generation=3"]);
        assert_eq!(place.status(id)["status"], "active");
    }
    place.assert_nothing_reused();
    keeper.terminate();
    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");
}
