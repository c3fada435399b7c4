//! The simulator, seen from outside: over HTTP with a client that shares nothing with it, and over raw sockets.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and serve and wait on a runtime and clock of their own"
)]
#![cfg(feature = "simulator")]

#[path = "simulator/support.rs"]
mod support;

#[path = "simulator/consent.rs"]
mod consent;
#[path = "simulator/contract.rs"]
mod contract;
#[path = "simulator/control.rs"]
mod control;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/ledger.rs"]
mod ledger;
#[path = "simulator/oauth.rs"]
mod oauth;
#[path = "simulator/permissions.rs"]
mod permissions;
#[path = "simulator/process.rs"]
mod process;
#[path = "simulator/revocation.rs"]
mod revocation;
#[path = "simulator/webhooks.rs"]
mod webhooks;
