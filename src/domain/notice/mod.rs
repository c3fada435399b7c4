//! Notices: what an application or an operator has to be told without asking, and about whom.
//!
//! Level-triggered: what is to be said follows from what was announced before and from how things stand now, so that a
//! keeper that was away misses nothing. [`Announced`] decides.

mod announced;

use std::fmt;
use std::str::FromStr;

pub use announced::{After, Announced, Delivery, Next, Open, Told};

use super::ids::{ConnectionId, InvalidConnectionId};
use super::status::Status;

/// What a notice says; the names are fixed, more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The grant is gone: only the user can help.
    ReauthorizationRequired,
    /// The token is fine, but Calendly refuses subscriptions.
    WebhookUnavailable,
    /// The connection needs nobody any more.
    ConnectionRecovered,
    /// Events are not passed on.
    RelayFailing,
    /// An event was given up.
    RelayExhausted,
    /// Events are passed on again.
    RelayRecovered,
    /// Something is wrong for all.
    SystemFault,
    /// It is over.
    SystemRecovered,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::ReauthorizationRequired,
        Self::WebhookUnavailable,
        Self::ConnectionRecovered,
        Self::RelayFailing,
        Self::RelayExhausted,
        Self::RelayRecovered,
        Self::SystemFault,
        Self::SystemRecovered,
    ];

    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReauthorizationRequired => "connection.reauthorization_required",
            Self::WebhookUnavailable => "connection.webhook_unavailable",
            Self::ConnectionRecovered => "connection.recovered",
            Self::RelayFailing => "relay.failing",
            Self::RelayExhausted => "relay.exhausted",
            Self::RelayRecovered => "relay.recovered",
            Self::SystemFault => "system.fault",
            Self::SystemRecovered => "system.recovered",
        }
    }

    /// The inverse of [`Kind::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What is wrong after this was said: itself, or nothing.
    #[must_use]
    pub fn wrong(self) -> Option<Self> {
        match self {
            Self::ConnectionRecovered | Self::RelayRecovered | Self::SystemRecovered => None,
            wrong => Some(wrong),
        }
    }

    /// Whether it is said again as long as it holds: a system fault has an operator who looks at it.
    #[must_use]
    pub fn is_repeated(self) -> bool {
        matches!(self, Self::ReauthorizationRequired | Self::WebhookUnavailable)
    }
}

/// Whom or what notices are about. Written `connection/ID`, `relay/events` and `system/FAULT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A connection.
    Connection(ConnectionId),
    /// Passing events on.
    Relay,
    /// A system fault, by its name.
    System(Box<str>),
}

impl Subject {
    /// What is said when nothing is wrong any more.
    #[must_use]
    pub fn recovered(&self) -> Kind {
        match self {
            Self::Connection(_) => Kind::ConnectionRecovered,
            Self::Relay => Kind::RelayRecovered,
            Self::System(_) => Kind::SystemRecovered,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(id) => write!(f, "connection/{id}"),
            Self::Relay => f.write_str("relay/events"),
            Self::System(fault) => write!(f, "system/{fault}"),
        }
    }
}

/// A text that names no subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubject {
    /// Neither a connection nor the system.
    #[error("notices are about connection/ID, relay/events or system/FAULT")]
    Unknown,
    /// No id.
    #[error(transparent)]
    Id(#[from] InvalidConnectionId),
}

impl FromStr for Subject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("connection", id)) => Ok(Self::Connection(id.parse()?)),
            Some(("relay", "events")) => Ok(Self::Relay),
            Some(("system", fault)) => Ok(Self::System(fault.into())),
            _ => Err(InvalidSubject::Unknown),
        }
    }
}

/// How a subject stands, as far as notices care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is wrong.
    Well,
    /// Something is.
    Wrong(Kind),
    /// Nobody can say, or nobody wants to hear: what was said stays as it is.
    Hidden,
    /// There is no such connection any more.
    Gone,
}

impl From<Status> for Standing {
    /// A pause was made on purpose, and neither it nor a quarantine lets see what is behind.
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Well,
            Status::ReauthorizationRequired => Self::Wrong(Kind::ReauthorizationRequired),
            Status::WebhookUnavailable => Self::Wrong(Kind::WebhookUnavailable),
            Status::Paused | Status::Quarantined => Self::Hidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        assert!(Kind::ALL.iter().all(|kind| Kind::parse(kind.as_str()) == Some(*kind)));
        assert_eq!(Kind::parse("connection.else"), None);
        for subject in ["connection/a.b_c:d@e-f", "relay/events", "system/database_away"] {
            assert_eq!(subject.parse::<Subject>().unwrap().to_string(), subject);
        }
        for wrong in ["", "anna", "relay/x", "connection/", "connection/a b"] {
            assert!(wrong.parse::<Subject>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_pause_or_a_quarantine_hides_is_not_told() {
        let hidden = Status::ALL.into_iter().filter(|status| Standing::from(*status) == Standing::Hidden);
        assert_eq!(hidden.collect::<Vec<_>>(), [Status::Quarantined, Status::Paused]);
    }
}
