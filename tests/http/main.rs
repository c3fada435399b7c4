//! The HTTP API of a real keeper, over real sockets.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    dead_code,
    reason = "tests fail by panicking, and wait on real processes; what is shared is not all used here"
)]
#![cfg(feature = "simulator")]

mod access_token;
mod api;
mod auth;
mod browser;
mod chromium;
mod commands;
mod connect;
mod connect_attacks;
mod connect_browser;
mod connect_command;
mod connect_secrets;
mod connect_users;
mod connections;
mod delivering;
mod disconnect;
mod doctor;
mod endpoint;
mod events;
mod examples;
mod export;
mod grants;
mod health;
mod hostile;
#[path = "../binary/installation.rs"]
mod installation;
mod keys;
mod metrics;
mod openapi;
mod problems;
#[path = "../binary/process.rs"]
mod process;
#[path = "../binary/receiver.rs"]
mod receiver;
mod relayed;
mod secrets;
mod terminal;
mod verbs;
#[path = "../support/wait.rs"]
mod wait;

/// Where the receiver looks for it.
mod support {
    pub(crate) use crate::wait;
}
