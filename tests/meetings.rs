//! No meeting is missed: a simulated Calendly whose users are booked, a real keeper between it and a real application,
//! and trouble everywhere. At the end the application has every event of the ledger.
//!
//! `KEEPER_MEETINGS_SECONDS` says how long the trouble lasts, `KEEPER_MEETINGS_SEED` which,
//! `KEEPER_MEETINGS_DATABASE` on which database, `KEEPER_MEETINGS_RATE` how many are booked a minute.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what a test did not expect fails it; its figures are for whoever runs it"
)]

#[path = "meetings/application.rs"]
mod application;
#[path = "meetings/stage.rs"]
mod stage;
mod support;
#[path = "meetings/verdict.rs"]
mod verdict;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use support::database::Backend;
use support::rig::setting;

use stage::Stage;

/// Everything has to be there so soon after the last trouble is gone: a verification, a backfill, a relay, and on PostgreSQL, after a
/// keeper was killed, the 90 s in which its successor exchanges nothing.
const PROMISED: Duration = Duration::from_secs(150);

#[test]
fn with_sqlite_the_application_has_every_event_in_the_end() {
    play(Backend::Sqlite);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn with_postgres_the_application_has_every_event_in_the_end() {
    play(Backend::Postgres);
}

/// One after the other: what is promised is promised to one installation on a machine.
static ALONE: Mutex<()> = Mutex::new(());

fn play(backend: Backend) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = setting("KEEPER_MEETINGS_DATABASE", String::new());
    if !wanted.is_empty() && wanted != backend.name() {
        return;
    }
    let length = Duration::from_secs(setting("KEEPER_MEETINGS_SECONDS", 20));
    let seed: u64 = setting("KEEPER_MEETINGS_SEED", rand::random::<u32>().into());
    eprintln!("{}: {} s of trouble, KEEPER_MEETINGS_SEED={seed}", backend.name(), length.as_secs());
    let mut stage = Stage::new(backend, seed, setting("KEEPER_MEETINGS_RATE", 600.0));
    stage.trouble(length, seed);
    stage.calm();
    let took = stage.wait_for_all(PROMISED);
    verdict::judge(&stage, took);
}
