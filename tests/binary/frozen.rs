//! A process that is frozen (SIGSTOP) at the two moments that count: after the answer came, and before the token is sent.

use std::time::{Duration, Instant};

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};
use rustix::process::Signal;

use crate::installation::Installation;
use crate::postgres::on;
use crate::process::DEADLINE;
use crate::support::postgres::{Postgres, psql};
use crate::support::wait::until;

/// How long the keeper waits for an answer here.
const PATIENCE: Duration = Duration::from_secs(1);
/// A claim that is older is not acted on.
const FRESH: Duration = Duration::from_secs(5);

#[test]
fn a_frozen_keeper_that_wakes_up_after_its_patience_keeps_the_answer_that_came_meanwhile() {
    let mut place = Installation::new(600);
    place.set("CALENDLY__TOKEN_TIMEOUT", "1s");
    let users: Vec<_> = (1..=3).map(|n| format!("user-{n}")).collect();
    let keeper = place.started();
    for user in &users {
        place.simulator.fault(Fault::next(Endpoint::Token, FaultKind::Hold)).unwrap();
        place.connect_expired(&[user]);
        until("the exchange", DEADLINE, || (place.simulator.held() == 1).then_some(()));

        keeper.signal(Signal::STOP);
        place.simulator.release();
        let frozen = Instant::now();
        until("its patience is over", DEADLINE, || (frozen.elapsed() > PATIENCE * 3 / 2).then_some(()));
        keeper.signal(Signal::CONT);

        keeper.wait_for(&[&format!("connection/{user} "), "token refreshed", "generation=2"]);
        assert!(!keeper.said().contains("token not refreshed"), "{}", keeper.said());
    }
    place.assert_nothing_reused();
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_frozen_keeper_that_wakes_up_with_an_old_claim_does_not_send_its_token() {
    let server = Postgres::shared();
    let url = server.create_database();
    let place = on(&url, 600);
    place.connect_expired(&["anna"]);
    let locked = server.hold(&url, "LOCK TABLE calendly_keeper.connections IN SHARE MODE");
    let keeper = place.started();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND application_name = 'calendly-keeper'";
    until("the claim waits", DEADLINE, || (psql(&url, waiting) == "1").then_some(()));

    // When it wakes up its claim, made long ago, is acknowledged.
    keeper.signal(Signal::STOP);
    let frozen = Instant::now();
    drop(locked);
    until("the claim is old", DEADLINE, || (frozen.elapsed() > FRESH).then_some(()));
    assert_eq!(place.simulator.ledger().presented.len(), 0);
    keeper.signal(Signal::CONT);

    keeper.wait_for(&["connection/anna", "token not refreshed", "outcome=transient", "claim_too_old"]);
    // A new claim, and this one is sent.
    keeper.wait_for(&["connection/anna", "token refreshed", "generation=2"]);
    assert_eq!(place.simulator.ledger().presented.len(), 1, "{}", keeper.said());
    place.assert_nothing_reused();
}
