//! The same keeper on PostgreSQL: end to end, with a stand-by of its own data directory, and a server that goes away.

use calendly_keeper::simulator::{Endpoint, Fault, FaultKind};

use crate::installation::Installation;
use crate::process::{DEADLINE, Keeper};
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{Durability, Postgres, Stop, psql};
use crate::support::wait::until;

/// An installation on this database, with a configured key.
pub(crate) fn on(url: &str, lifetime: i64) -> Installation {
    let mut place = Installation::new(lifetime);
    let key = place.run(&["keys", "generate"]).fine().out;
    place.set("ENCRYPTION__KEYS", key.trim_end());
    place.set("DATABASE__URL", url);
    place.set("LOG__STATUS_EVERY", "1s");
    place
}

/// A second keeper of the same installation on another machine, as it were.
fn second(place: &Installation) -> Keeper {
    let mut command = place.command(&["run", "--data-dir", "second"]);
    Keeper::start(&mut command)
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_keeper_imports_refreshes_and_verifies_on_postgresql() {
    let place = on(&Postgres::shared().create_database(), 60);
    place.connect_expired(&["anna"]);

    let keeper = place.start();
    keeper.wait_for(&["started", "connections=1", "database=postgres"]);
    keeper.wait_for(&["connection/anna", "token refreshed", "generation=2"]);
    keeper.wait_for(&["webhook found in Calendly", "connection=anna"]);
    place.connect_expired(&["ben"]);
    keeper.wait_for(&["connection/ben", "token refreshed", "generation=2"]);

    assert_eq!(place.status("anna")["webhook"]["state"], "ok");
    place.assert_nothing_reused();
    keeper.terminate();
    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");
    assert!(!place.file("keeper.db").exists() && !place.file("keeper.key").exists());
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_second_keeper_on_postgresql_stands_by_and_goes_on_at_once_after_a_clean_stop() {
    let place = on(&Postgres::shared().create_database(), 8);
    place.connect_expired(&["anna"]);
    let first = place.started();
    first.wait_for(&["connection/anna", "token refreshed"]);
    let second = second(&place);
    second.wait_for(&["standing by, another keeper works", "calendly-keeper"]);
    second.wait_for(&["standing by", "holder=", "database=postgres"]);

    first.terminate();
    assert_eq!(first.ended().0, 0);

    second.wait_for(&["started", "connections=1"]);
    second.wait_for(&["connection/anna", "token refreshed"]);
    assert!(!second.said().contains("refreshing_in"), "nothing was left in flight:\n{}", second.said());
    place.assert_nothing_reused();
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn after_the_first_was_killed_the_second_on_postgresql_takes_over_but_exchanges_nothing_yet() {
    let place = on(&Postgres::shared().create_database(), 60);
    place.simulator.fault(Fault::always(Endpoint::Token, FaultKind::Hold)).unwrap();
    place.connect_expired(&["anna"]);
    let first = place.started();
    until("the exchange", DEADLINE, || (place.simulator.held() == 1).then_some(()));
    let second = second(&place);
    second.wait_for(&["standing by, another keeper works"]);

    first.kill();

    second.wait_for(&["took over", "refreshing_in="]);
    second.wait_for(&["started", "connections=1"]);
    second.wait_for(&[" status ", "connections=1", "refreshing=0"]);
    assert_eq!(place.simulator.ledger().presented.len(), 1, "{}", second.said());
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_pair_that_arrives_while_postgresql_is_down_is_kept_when_it_is_back() {
    let server = Postgres::new(Durability::Durable);
    let url = server.create_database();
    let place = on(&url, 60);
    place.simulator.fault(Fault::next(Endpoint::Token, FaultKind::Hold)).unwrap();
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    until("the exchange", DEADLINE, || (place.simulator.held() == 1).then_some(()));

    server.stop(Stop::Immediate);
    place.simulator.release();
    keeper.wait_for(&["connection/anna", "new tokens not committed yet"]);
    server.start();

    keeper.wait_for(&["connection/anna", "token refreshed", "generation=2"]);
    keeper.wait_for(&["webhook found in Calendly", "connection=anna"]);
    let anna = place.status("anna");
    assert_eq!((&anna["status"], &anna["generation"]), (&"active".into(), &2.into()));
    assert_eq!(psql(&url, "SELECT count(*) FROM calendly_keeper.connections"), "1");
    place.assert_nothing_reused();
    keeper.terminate();
    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");
    // What was written is the living pair.
    let living = place.simulator.current_grant("anna").unwrap();
    let facts = place.simulator.refresh_token_facts(&living.refresh_token).unwrap();
    assert_eq!((facts.generation, facts.presented), (2, 0));
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn on_postgresql_a_missing_key_or_an_unreachable_server_is_told_by_exit_code_without_the_password() {
    let mut place = on("postgres://keeper:hunter2@127.0.0.1:1/keeper", 60);
    let away = place.run(&["status"]);
    assert_eq!(away.code, 1, "perhaps later: {}", away.err);
    assert!(
        away.err.contains("the database cannot be opened") && !away.all().contains("hunter2"),
        "{}",
        away.err
    );
    let waiting = place.start();
    waiting.wait_for(&["waiting for the database", "refused"]);
    waiting.terminate();
    let (code, said) = waiting.ended();
    assert!(code == 0 && !said.contains("hunter2"), "{code}: {said}");

    place.unset("ENCRYPTION__KEYS");
    let ran = place.run(&["run"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("encryption.keys") && ran.err.contains("keys generate"), "{}", ran.err);
    assert!(!ran.all().contains("hunter2"), "{}", ran.err);
}

#[test]
#[cfg_attr(
    not(has_pgbouncer),
    ignore = "PgBouncer, or PostgreSQL's server binaries, were not found; install Debian's pgbouncer and postgresql"
)]
fn a_pooler_in_transaction_mode_ends_the_start_with_2_and_one_in_session_mode_serves() {
    let server = Postgres::shared();
    let direct = server.create_database();
    let transaction = PgBouncer::before(server, "transaction");
    let mut place = on(&transaction.url(&direct), 60);
    let ran = place.run(&["run"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("pooler in session mode"), "{}", ran.err);

    let session = PgBouncer::before(server, "session");
    place.set("DATABASE__URL", &session.url(&direct));
    place.connect_expired(&["anna"]);
    let keeper = place.started();
    keeper.wait_for(&["connection/anna", "token refreshed", "generation=2"]);
    keeper.terminate();
    let (code, said) = keeper.ended();
    assert_eq!(code, 0, "{said}");
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn asked_to_stop_while_it_waits_for_another_s_migrations_a_keeper_ends_with_0() {
    let url = Postgres::shared().create_database();
    let place = on(&url, 60);
    // What whoever migrates holds: "keep", "migr".
    let migrating = Postgres::shared().hold(&url, "SELECT pg_advisory_lock(1801807216, 1835624306)");
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let keeper = place.start();
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock' AND application_name = 'calendly-keeper'
            AND pid NOT IN (SELECT pid FROM gone)";
        psql(&url, "CREATE TABLE IF NOT EXISTS gone (pid int)");
        until("it waits", DEADLINE, || (psql(&url, waiting) == "1").then_some(()));
        keeper.signal(signal);
        let (code, said) = keeper.ended();
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("asked to stop while the database was being opened"), "{said}");
        // The server does not notice that a session that waits has lost its client.
        psql(
            &url,
            "INSERT INTO gone SELECT pid FROM pg_stat_activity WHERE application_name = 'calendly-keeper'",
        );
    }
    drop(migrating);
    assert_eq!(psql(&url, "SELECT to_regnamespace('calendly_keeper') IS NULL"), "t");
}
