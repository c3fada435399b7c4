//! Keeps every Calendly connection of an application alive: tokens refreshed before they expire, webhook
//! subscriptions repaired, one supervised actor a connection. `main` and `cli` wire what is here.

pub mod actors;
pub mod calendly;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod outgoing;
pub mod ports;
pub mod registry;
pub mod runtime;
pub mod server;
pub mod services;
pub mod shutdown;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod spool;
pub mod store;
pub mod telemetry;
pub mod views;
