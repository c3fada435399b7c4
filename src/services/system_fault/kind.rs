//! The faults there are, and what each has in common with others.

use crate::ports::StoreError;

/// What is wrong for all. Where several hold, the first in this order is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The machine slept, or the process was stopped.
    Suspended,
    /// The wall clock was set.
    ClockJumped,
    /// The database does not answer.
    DatabaseAway,
    /// The database answers, but takes no writes.
    DatabaseUnwritable,
    /// Client id, secret or token URL are wrong.
    ClientRefused,
    /// Every grant is refused.
    EverybodyRefused,
    /// No connection to Calendly.
    CalendlyUnreachable,
    /// Calendly's answers say nothing.
    CalendlyFailing,
    /// Everybody is told to wait.
    EverybodyThrottled,
    /// Rows are older than what memory knows.
    DatabaseWentBack,
    /// Grants that another client was given.
    ForeignClient,
}

/// Faults of one group have one cause, so at most one of them holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Over when time goes on as it should.
    Machine,
    /// Over when the database takes a write.
    Database,
    /// Over when Calendly answers well.
    Calendly,
    /// Concerns some connections, which are kept from harm one by one: the others go on.
    Some,
}

impl Kind {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::Suspended,
        Self::ClockJumped,
        Self::DatabaseAway,
        Self::DatabaseUnwritable,
        Self::ClientRefused,
        Self::EverybodyRefused,
        Self::CalendlyUnreachable,
        Self::CalendlyFailing,
        Self::EverybodyThrottled,
        Self::DatabaseWentBack,
        Self::ForeignClient,
    ];

    /// The machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::ClockJumped => "clock_jumped",
            Self::DatabaseAway => "database_away",
            Self::DatabaseUnwritable => "database_unwritable",
            Self::ClientRefused => "client_refused",
            Self::EverybodyRefused => "everybody_refused",
            Self::CalendlyUnreachable => "calendly_unreachable",
            Self::CalendlyFailing => "calendly_failing",
            Self::EverybodyThrottled => "everybody_throttled",
            Self::DatabaseWentBack => "database_went_back",
            Self::ForeignClient => "foreign_client",
        }
    }

    /// What to look at.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::Suspended => {
                "the machine slept or the process stood still; nothing is to be done where that was meant"
            }
            Self::ClockJumped => "the wall clock was set: check the machine's time service",
            Self::DatabaseAway => "the database does not answer: check it, and the way to it",
            Self::DatabaseUnwritable => {
                "the database takes no writes: check its disk, and whether it is read-only"
            }
            Self::ClientRefused => {
                "check calendly.client_id and calendly.client_secret, auth_url and token_url"
            }
            Self::EverybodyRefused => "check whether the application was changed or blocked at Calendly",
            Self::CalendlyUnreachable => "Calendly cannot be reached: check network, DNS and CA bundle",
            Self::CalendlyFailing => "Calendly gives no usable answers: see its status page",
            Self::EverybodyThrottled => {
                "Calendly tells everybody to wait: check other users of the same application"
            }
            Self::DatabaseWentBack => {
                "rows are older than what is known: check what was restored or failed over to"
            }
            Self::ForeignClient => "some grants were issued to another client: check calendly.client_id",
        }
    }

    /// What a failure of the store is, where it is not about a single row.
    #[must_use]
    pub fn of_store(error: &StoreError) -> Option<Self> {
        match error {
            StoreError::Unavailable(_) => Some(Self::DatabaseAway),
            StoreError::Unwritable(_) => Some(Self::DatabaseUnwritable),
            StoreError::Refused(_) | StoreError::Unreadable(_) => None,
        }
    }

    /// Whether refreshing stops for all.
    #[must_use]
    pub fn holds(self) -> bool {
        self.group() != Group::Some
    }

    pub(super) fn group(self) -> Group {
        match self {
            Self::Suspended | Self::ClockJumped => Group::Machine,
            Self::DatabaseAway | Self::DatabaseUnwritable => Group::Database,
            Self::ClientRefused
            | Self::EverybodyRefused
            | Self::CalendlyUnreachable
            | Self::CalendlyFailing
            | Self::EverybodyThrottled => Group::Calendly,
            Self::DatabaseWentBack | Self::ForeignClient => Group::Some,
        }
    }
}
