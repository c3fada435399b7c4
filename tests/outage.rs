//! The database away for minutes, in the middle of refreshes: no pair is lost, living tokens are served, no status changes,
//! and all is in the database soon after its return; also where the keeper is killed and started again meanwhile.
//!
//! The full form is `KEEPER_OUTAGE_SECONDS=300 cargo test --test outage -- --nocapture`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test on real time that prints its figures; what cannot be set up fails it"
)]

mod support;

#[path = "outage/place.rs"]
mod place;
#[path = "outage/restarted.rs"]
mod restarted;
#[path = "outage/served.rs"]
mod served;

use support::database::Backend;

#[test]
fn without_sqlite_living_tokens_are_served_throughout() {
    served::throughout(Backend::Sqlite);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn without_postgresql_living_tokens_are_served_throughout() {
    served::throughout(Backend::Postgres);
}

#[test]
fn killed_and_started_again_without_sqlite_a_keeper_has_every_pair_when_it_is_back() {
    restarted::meanwhile(Backend::Sqlite);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn killed_and_started_again_without_postgresql_a_keeper_has_every_pair_when_it_is_back() {
    restarted::meanwhile(Backend::Postgres);
}
