//! Finding what was missed: which meetings have to be looked into, which events are due for them, how far a look has come.
//!
//! Calendly lists meetings by when they start and by nothing else, so what changed is told from the meetings themselves.

mod body;
mod happened;
mod paging;
mod window;

pub use self::body::{body_of, event_of};
pub use self::happened::{Happened, happened, hosts, to_look_into};
pub use self::paging::{Onward, Progress, onward, resumed, start_time};
pub use self::window::{CONNECTED, Window, changed_since, is_turn};

#[cfg(test)]
mod tests;
