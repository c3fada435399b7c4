//! An event as the inbox keeps it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::identity::unrecognised;
use super::{About, Arrival};
use crate::domain::ids::ConnectionId;

/// The id of an event: derived from what it is, so the same in every delivery, attempt, replay and backfill.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EventId(Box<str>);

/// A text that is no event's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event's id is evt_ and 32 of 0-9 a-f, as `inbox list` shows it")]
pub struct InvalidEventId;

impl EventId {
    pub(super) fn of(parts: [&str; 4]) -> Self {
        Self(format!("evt_{}", digest(&parts)).into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("evt_").ok_or(InvalidEventId)?;
        let is_hex = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if is_hex { Ok(Self(text.into())) } else { Err(InvalidEventId) }
    }
}

/// What stands in one line is relayed one after the other.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Line(Box<str>);

impl Line {
    pub(super) fn of(parts: [&str; 2]) -> Self {
        Self(digest(&parts).into())
    }

    /// As it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text.into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parts are told apart: no two lists of them have one digest.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How an event stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is to be relayed.
    Pending,
    /// The application took it.
    Delivered,
    /// Given up.
    Dead,
    /// There is nobody to relay it to, or it is no event: it is kept and shown.
    Kept,
}

impl State {
    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Kept => "kept",
        }
    }

    /// The inverse.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Dead, Self::Kept]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// An event on its way into the inbox.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What it is.
    pub id: EventId,
    /// Whose; `None` for what is no event and came to no connection's path.
    pub connection: Option<ConnectionId>,
    /// `invitee.created` and so on; empty where it is no event.
    pub event: Box<str>,
    /// What it stands in line with.
    pub line: Line,
    /// When it happened, where it says so.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Found by a backfill.
    pub backfilled: bool,
    /// Calendly's header.
    pub signature: Option<Box<str>>,
    /// Calendly's header.
    pub content_type: Option<Box<str>>,
    /// Byte for byte.
    pub body: Bytes,
    /// Whether it is to be relayed.
    pub relayed: bool,
}

impl NewEvent {
    /// An arrival as the event of a connection; `about` is `None` where it is no event.
    #[must_use]
    pub fn of(
        arrival: &Arrival,
        about: Option<&About>,
        connection: Option<ConnectionId>,
        relayed: bool,
    ) -> Self {
        let whose = connection.as_ref();
        let (id, line) = match about {
            Some(about) => (about.id(whose), about.line(whose)),
            None => unrecognised(&arrival.body, whose),
        };
        Self {
            id,
            line,
            event: about.map(|about| about.event.clone()).unwrap_or_default(),
            occurred_at: about.and_then(|about| about.created_at),
            received_at: arrival.received_at,
            backfilled: false,
            signature: arrival.signature.clone(),
            content_type: arrival.content_type.clone(),
            body: arrival.body.clone(),
            connection,
            relayed,
        }
    }
}

/// An event of the inbox, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its place: grows in the order in which events became durable, so no cursor passes one.
    pub ordinal: i64,
    /// What it is.
    pub id: EventId,
    /// Whose.
    pub connection: Option<ConnectionId>,
    /// Its name.
    pub event: Box<str>,
    /// When it happened.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it came or was replayed: giving up goes by its age.
    pub queued_at: DateTime<Utc>,
    /// Found by a backfill.
    pub backfilled: bool,
    /// How it stands.
    pub state: State,
    /// How often it was sent to the application.
    pub attempts: u32,
    /// When it is sent next, where it is pending.
    pub next_at: Option<DateTime<Utc>>,
    /// Since when it is delivered or dead.
    pub settled_at: Option<DateTime<Utc>>,
}

/// An event of the inbox with all that is relayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What is told of it.
    pub summary: Summary,
    /// What it stands in line with.
    pub line: Line,
    /// Calendly's header.
    pub signature: Option<Box<str>>,
    /// Calendly's header.
    pub content_type: Option<Box<str>>,
    /// Byte for byte; `None` once it was erased.
    pub body: Option<Bytes>,
}

/// One time that an event was sent to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: DateTime<Utc>,
    /// The answer's status, where there was one.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<Box<str>>,
    /// Until the answer.
    pub took: Duration,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The application has it.
    Delivered,
    /// Again then.
    Again(DateTime<Utc>),
    /// Given up.
    Dead,
}

/// An attempt, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// Of which event.
    pub ordinal: i64,
    /// What was tried.
    pub attempt: Attempt,
    /// What follows.
    pub settled: Settled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_and_other_texts_refused() {
        let id = EventId::of(["a", "b", "c", "d"]);
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        for wrong in
            ["", "evt_", "evt_xyz", &id.as_str()[4..], &format!("{id}0"), &id.as_str().to_uppercase()]
        {
            assert_eq!(wrong.parse::<EventId>(), Err(InvalidEventId), "{wrong}");
        }
    }

    #[test]
    fn parts_do_not_flow_into_each_other() {
        assert_ne!(EventId::of(["ab", "c", "", ""]), EventId::of(["a", "bc", "", ""]));
    }

    #[test]
    fn states_are_read_back() {
        for state in [State::Pending, State::Delivered, State::Dead, State::Kept] {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("lost"), None);
    }
}
