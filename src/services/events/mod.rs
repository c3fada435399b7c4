//! What is asked of events that are there: fetched by the application, looked at, relayed again, erased.

mod again;
mod fetch;
mod readers;

pub use again::{purge, replay};
pub use fetch::{Ask, Fetched, From, NotFetched, acknowledge, fetch};
pub use readers::Readers;
