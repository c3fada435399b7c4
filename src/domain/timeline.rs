//! What is written down about a connection: one entry for each thing that happened to it.

use chrono::{DateTime, Utc};

use super::ids::ConnectionId;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// The kinds of entries; the names are fixed, more may come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $variant),* }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The fixed name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The inverse of [`Kind::as_str`].
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    /// A new grant was given.
    Connected = "connected",
    /// A grant took the place of an older one.
    Replaced = "replaced",
    /// A user was asked to connect, and it came to nothing.
    ConnectFailed = "connect_failed",
    /// The connection was deleted.
    Disconnected = "disconnected",
    /// A rotation was kept.
    Refreshed = "refreshed",
    /// A refresh did not succeed; it will be tried again.
    RefreshFailed = "refresh_failed",
    /// Refused after an unknown outcome.
    RotationLost = "rotation_lost",
    /// Refused by the user or Calendly.
    Revoked = "revoked",
    /// Refused at its first refresh.
    DeadOnArrival = "dead_on_arrival",
    /// The answer of a replaced or deleted grant came late; its pair was revoked.
    Superseded = "superseded",
    /// The database had gone back, or missed a write: what the journal knew was written again.
    WrittenForward = "written_forward",
    /// An answer that was odd but usable, or of another user.
    OddAnswer = "odd_answer",
    /// The subscription is there and right.
    WebhookFound = "webhook_found",
    /// There was none.
    WebhookCreated = "webhook_created",
    /// It was disabled or another than wanted.
    WebhookReplaced = "webhook_replaced",
    /// A duplicate or an old one was removed.
    WebhookDeleted = "webhook_deleted",
    /// Calendly refuses subscriptions.
    WebhookUnavailable = "webhook_unavailable",
    /// Deliveries are failing now.
    DeliveriesFailing = "deliveries_failing",
    /// Events may have been lost from here on.
    GapOpened = "gap_opened",
    /// Everything since then was looked through, and what was missing is taken in.
    GapClosed = "gap_closed",
    /// Events were not delivered although nothing was wrong.
    EventsMissed = "events_missed",
    /// The actor failed and was started again.
    Restarted = "restarted",
    /// Too many restarts.
    Quarantined = "quarantined",
    /// Tried again after quarantine.
    Released = "released",
    /// Its tokens were handed out by an export.
    Exported = "exported",
    /// Somebody asked for a refresh or a verification.
    Asked = "asked",
    /// Somebody paused it.
    Paused = "paused",
    /// Somebody resumed it.
    Resumed = "resumed",
    /// The application was told how it stands.
    Notified = "notified",
}

/// One entry. `text` is a sentence for people; `detail` is JSON for programs and holds no secret.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose.
    pub connection: ConnectionId,
    /// When.
    pub at: DateTime<Utc>,
    /// What kind.
    pub kind: Kind,
    /// A sentence.
    pub text: String,
    /// More, as an object.
    pub detail: serde_json::Value,
}

/// A place between two entries, to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The time of the entry before it, in microseconds.
    pub at: i64,
    /// Which of that time.
    pub number: i64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at, self.number)
    }
}

impl std::str::FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, number) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { at: at.parse()?, number: number.parse()? })
    }
}

/// A part of a timeline.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next part begins; `None` at the end.
    pub next: Option<Place>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_read_back() {
        let names: std::collections::HashSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| Kind::parse(kind.as_str()) == Some(*kind)));
        assert_eq!(Kind::parse("else"), None);
    }

    #[test]
    fn every_kind_is_documented_and_nothing_else_is() {
        let rows = include_str!("../../docs/TIMELINE.md").lines().filter_map(|line| line.strip_prefix("| `"));
        let named = rows.filter_map(|row| row.split_once(" |")).flat_map(|(names, _)| names.split(", "));
        let mut documented: Vec<_> = named.map(|name| name.trim_matches('`')).collect();
        let mut known: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        documented.retain(|name| *name != "kind");
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known);
    }

    #[test]
    fn a_place_is_read_back() {
        let place = Place { at: -5, number: 7 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "5", "5.", ".5", "5.x", "5.6.7"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
