//! The throwaway PostgreSQL server of `tests/support` does what the tests that rest on it believe.

mod support;

use std::net::TcpStream;

use support::postgres::{Durability, Postgres, Stop, psql};

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn two_databases_of_the_shared_server_know_nothing_of_each_other() {
    let server = Postgres::shared();
    let (one, other) = (server.create_database(), server.create_database());

    psql(&one, "CREATE TABLE mine (id int); INSERT INTO mine VALUES (1)");

    assert_eq!(psql(&one, "SELECT count(*) FROM mine"), "1");
    assert_eq!(psql(&other, "SELECT to_regclass('mine') IS NULL"), "t");
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_durable_server_keeps_what_was_committed_over_an_immediate_stop() {
    let server = Postgres::new(Durability::Durable);
    let database = server.create_database();
    psql(&database, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)");

    server.stop(Stop::Immediate);
    server.start();

    assert_eq!(psql(&database, "SELECT id FROM kept"), "7");
    assert_eq!(psql(&database, "SHOW fsync"), "on");
    assert!(
        server.log().contains("automatic recovery in progress"),
        "the stop was a crash:\n{}",
        server.log()
    );
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn a_stopped_server_refuses_and_a_dropped_one_leaves_nothing_behind() {
    let server = Postgres::new(Durability::Fast);
    let (address, folder) = (server.address(), server.folder().to_owned());
    assert!(TcpStream::connect(&address).is_ok());

    server.stop(Stop::Fast);
    assert!(TcpStream::connect(&address).is_err());
    server.start();
    assert!(TcpStream::connect(&address).is_ok());

    drop(server);
    assert!(TcpStream::connect(&address).is_err());
    assert!(!folder.exists(), "{} is still there", folder.display());
}
