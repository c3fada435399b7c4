//! The database gone for a while, in the middle of refreshes: nothing is refused, nothing is lost, nothing is reused.

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::installation::Installation;
use crate::process::DEADLINE;
use crate::support::wait::until;

#[test]
fn a_pair_that_arrives_while_another_program_locks_the_sqlite_file_is_kept_when_it_lets_go() {
    let place = Installation::new(8);
    place.simulator.fault(Fault::next(Endpoint::Token, FaultKind::Hold)).unwrap();
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    until("the exchange", DEADLINE, || (place.simulator.held() == 1).then_some(()));

    let mut other = SqliteConnection::establish(place.file("keeper.db").to_str().unwrap()).unwrap();
    other.batch_execute("PRAGMA busy_timeout = 20000; BEGIN EXCLUSIVE").unwrap();
    place.simulator.release();
    // Longer than SQLite itself waits for a lock.
    keeper.wait_for(&["connection/anna", "new tokens not committed yet"]);
    other.batch_execute("ROLLBACK").unwrap();

    keeper.wait_for(&["connection/anna", "token refreshed", "generation=2"]);
    keeper.wait_for(&["webhook found in Calendly", "connection=anna"]);
    keeper.wait_for(&["connection/anna", "token refreshed", "generation=3"]);
    let anna = place.status("anna");
    assert_eq!((&anna["status"], &anna["reason"]), (&"active".into(), &serde_json::Value::Null));
    place.assert_nothing_reused();
    keeper.terminate();
    assert_eq!(keeper.ended().0, 0);
}

#[test]
fn no_refresh_is_started_that_could_not_be_saved() {
    let place = Installation::new(8);
    place.connect_expired(&["anna", "ben"]);
    let keeper = place.started();
    for id in ["anna", "ben"] {
        keeper.wait_for(&[&format!("connection/{id} "), "token refreshed", "generation=2"]);
    }
    let mut other = SqliteConnection::establish(place.file("keeper.db").to_str().unwrap()).unwrap();
    other.batch_execute("PRAGMA busy_timeout = 20000; BEGIN EXCLUSIVE").unwrap();
    let presented = place.simulator.ledger().presented.len();

    keeper.wait_for(&["connection/", "the store failed"]);
    assert_eq!(place.simulator.ledger().presented.len(), presented, "{}", keeper.said());
    other.batch_execute("ROLLBACK").unwrap();

    for id in ["anna", "ben"] {
        keeper.wait_for(&[&format!("connection/{id} "), "token refreshed", "generation=3"]);
        assert_eq!(place.status(id)["status"], "active");
    }
    place.assert_nothing_reused();
}
