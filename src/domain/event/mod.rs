//! Calendly's events: what a delivery says, what makes it one event and no other, whose it is, how it stands.

mod arrival;
mod identity;
mod kept;
pub mod signature;
mod whose;

pub use self::arrival::Arrival;
pub use self::identity::{About, recognise};
pub use self::kept::{
    Attempt, Attempted, EventId, InvalidEventId, Kept, Line, NewEvent, Settled, State, Summary,
};
pub use self::whose::{Addressee, at_path, organization_of, whose};
