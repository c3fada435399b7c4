//! What the keeper says about itself: the log's lines. Who says what, and when, is decided elsewhere.

mod fields;
mod filter;
mod json;
pub mod log;
mod panics;
mod scrub;
mod text;

pub use panics::log_panics;
