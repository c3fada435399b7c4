//! Keeps every Calendly connection of an application alive.

pub mod calendly;
pub mod domain;
pub mod ports;
#[cfg(feature = "simulator")]
pub mod simulator;
