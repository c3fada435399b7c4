//! What a meeting looks like when it is booked from outside, and what the booker gets.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A meeting to book. A user is named by URI, uuid or name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Booking {
    /// Its members, its owner first.
    pub hosts: Vec<String>,
    /// When it starts; none: in two days.
    pub start: Option<DateTime<Utc>>,
    /// How long it takes.
    pub seconds: u32,
    /// How many may come; above 1 it is a group event, which others may join.
    pub seats: u32,
    /// Who books; none: a made-up name.
    pub invitee: Option<String>,
    /// It was booked then, a time ago: it stands in lists and in the ledger, nothing is delivered. None: now.
    pub booked_at: Option<DateTime<Utc>>,
}

impl Default for Booking {
    fn default() -> Self {
        Self { hosts: Vec::new(), start: None, seconds: 1800, seats: 1, invitee: None, booked_at: None }
    }
}

impl Booking {
    /// Half an hour with that user, the day after tomorrow.
    #[must_use]
    pub fn with(host: impl Into<String>) -> Self {
        Self { hosts: vec![host.into()], ..Self::default() }
    }

    /// The same, starting then.
    #[must_use]
    pub fn starting(self, start: DateTime<Utc>) -> Self {
        Self { start: Some(start), ..self }
    }

    /// The same as a group event of so many seats.
    #[must_use]
    pub fn seats(self, seats: u32) -> Self {
        Self { seats, ..self }
    }
}

/// What was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booked {
    /// The URI of the scheduled event.
    pub meeting: String,
    /// The URI of the invitee.
    pub invitee: String,
}

/// Who cancels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canceler {
    /// The meeting's owner.
    Host,
    /// Who booked it.
    #[default]
    Invitee,
}
