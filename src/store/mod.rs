//! The store: what the keeper knows, kept in SQLite, PostgreSQL or, for tests, in memory. Same behaviour in all.
//!
//! SQL stands here and nowhere else. What a state means and what follows from it is decided in `domain`.

mod clean;
mod memory;
mod time;

pub use memory::{MemorySnapshot, MemoryStore};
