//! Keeps every Calendly connection of an application alive.

pub mod domain;
pub mod ports;
