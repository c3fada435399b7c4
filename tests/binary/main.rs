//! The binary as a black box: real processes, real sockets, a simulated Calendly in the test process, real signals.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and wait on real processes and a real clock"
)]
#![cfg(feature = "simulator")]

#[path = "../support/mod.rs"]
mod support;

mod installation;
mod process;
mod receiver;

mod bad_input;
mod database_away;
mod demo;
mod first_job;
mod frozen;
mod imports;
mod journal;
mod keys;
mod log;
mod looking;
mod notices;
mod pool;
mod postgres;
mod refused_row;
mod restored;
mod service_manager;
mod stand_by;
mod stopping;
mod system_faults;
