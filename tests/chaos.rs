//! Everything at once that one machine can do to keepers: killed, stopped, frozen, their database stopped and crashed,
//! while Calendly's answers fail. What that costs stands in one table at the end.
//!
//! The short form runs with all tests. Longer, or again:
//!
//! ```text
//! KEEPER_CHAOS_SECONDS=600 cargo test --test chaos -- --nocapture
//! ```
//!
//! | variable | meaning | else |
//! |---|---|---|
//! | `KEEPER_CHAOS_SECONDS` | how long there is trouble; then all is left to come into order | 6 |
//! | `KEEPER_CHAOS_SEED` | what is drawn: troubles, their order and length, Calendly's faults | another one each time |
//! | `KEEPER_CHAOS_CONNECTIONS` | how many | 150 |
//! | `KEEPER_CHAOS_DATABASE` | `sqlite` or `postgres`: the other one is left out | both |
//! | `KEEPER_CHAOS_KEEPERS` | 1, or 2: one of them stands by | SQLite 2, PostgreSQL 1 |
//!
//! A seed repeats what is done, not what it meets: that is the machine's. From two minutes on tokens live 60 s instead
//! of 20, pauses are also longer than any wait of the keeper and than the life of a claim, and PostgreSQL goes away
//! in the middle (after which a keeper waits 90 s before it refreshes, so that takes its time).
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test on real time that prints its figures; what cannot be set up fails it"
)]

mod support;

#[path = "chaos/crew.rs"]
mod crew;
#[path = "chaos/play.rs"]
mod play;
#[path = "chaos/report.rs"]
mod report;
#[path = "chaos/settings.rs"]
mod settings;
#[path = "chaos/stage.rs"]
mod stage;
#[path = "chaos/troubles.rs"]
mod troubles;

use settings::Settings;
use support::database::Backend;

fn nothing_is_lost_but_what_nobody_can_save(backend: Backend) {
    let Some(settings) = Settings::read(backend) else {
        eprintln!("chaos: {} is left out", backend.name());
        return;
    };
    eprintln!("chaos on {settings}");
    let report = play::play(settings);
    eprintln!("{report}");
    report.judge();
}

#[test]
fn chaos_on_sqlite_costs_only_answers_that_a_kill_met_before_they_were_durable() {
    nothing_is_lost_but_what_nobody_can_save(Backend::Sqlite);
}

#[test]
#[cfg_attr(
    not(has_postgres),
    ignore = "PostgreSQL's server binaries were not found; install Debian's postgresql"
)]
fn chaos_on_postgresql_costs_only_answers_that_a_kill_met_before_they_were_durable() {
    nothing_is_lost_but_what_nobody_can_save(Backend::Postgres);
}
