//! The whole keeper under virtual time: actors, services and domain, with the store and Calendly in memory.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod backfill;
mod backfill_sweep;
mod bad_rows;
mod clock;
mod connect;
mod doubt;
mod events;
mod in_flight;
mod inbox;
mod journal;
mod late;
mod log_volume;
mod notices;
mod outcomes;
mod refresh_outcomes;
mod refusals;
mod relay;
mod supervision;
mod system_faults;
mod tokens;
mod webhooks;
