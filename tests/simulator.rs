//! The simulator, seen from outside: over HTTP with a client that shares nothing with it, and over raw sockets.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and serve and wait on a runtime and clock of their own"
)]
#![cfg(feature = "simulator")]

#[path = "simulator/application.rs"]
mod application;
#[path = "simulator/support.rs"]
mod support;

#[path = "simulator/bookings.rs"]
mod bookings;
#[path = "simulator/consent.rs"]
mod consent;
#[path = "simulator/contract.rs"]
mod contract;
#[path = "simulator/contract_meetings.rs"]
mod contract_meetings;
#[path = "simulator/control.rs"]
mod control;
#[path = "simulator/deliveries.rs"]
mod deliveries;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/ledger.rs"]
mod ledger;
#[path = "simulator/meetings.rs"]
mod meetings;
#[path = "simulator/oauth.rs"]
mod oauth;
#[path = "simulator/permissions.rs"]
mod permissions;
#[path = "simulator/process.rs"]
mod process;
#[path = "simulator/retries.rs"]
mod retries;
#[path = "simulator/revocation.rs"]
mod revocation;
#[path = "simulator/scheduled_events.rs"]
mod scheduled_events;
#[path = "simulator/webhooks.rs"]
mod webhooks;
