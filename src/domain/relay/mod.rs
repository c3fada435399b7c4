//! Passing events on: whether the application can be sent something now, and what follows from an attempt.

mod attempt;
mod target;

pub use attempt::{Policy, delivered};
pub use target::{Allowed, Changed, Failure, Target};
