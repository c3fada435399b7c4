//! What the keeper says about itself: the log's lines and the counters. Who says what, and when, is decided elsewhere.

pub mod counters;
mod fields;
mod filter;
mod json;
pub mod log;
mod scrub;
mod text;

pub use counters::{Counters, Outcome, Snapshot};
