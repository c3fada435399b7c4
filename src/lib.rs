//! Keeps every Calendly connection of an application alive. `main` and `cli` wire what is here.

pub mod config;
pub mod domain;
pub mod ports;
pub mod store;
pub mod telemetry;
