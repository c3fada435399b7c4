//! What the store keeps about a connection besides its tokens: facts, each with a reason and since when.

use chrono::{DateTime, Utc};

/// All facts of one connection. The status shown is derived from them (see [`super::status`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Whether the grant lives.
    pub grant: GrantFact,
    /// How the webhook subscription stands.
    pub webhook: WebhookFact,
    /// Since when the connection is paused.
    pub paused: Option<DateTime<Utc>>,
    /// Parked after too many restarts.
    pub quarantined: Option<Quarantined>,
}

/// Whether the grant lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantFact {
    /// As far as anybody knows.
    Live {
        /// When it was given.
        since: DateTime<Utc>,
    },
    /// Calendly refused it; only a new grant helps.
    Refused {
        /// As what it was recognised.
        reason: Refusal,
        /// When.
        since: DateTime<Utc>,
    },
}

/// How a grant came to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user or Calendly ended it.
    Revoked,
    /// An answer that consumed the refresh token never reached us.
    RotationLost,
    /// Refused at the first refresh after it was imported.
    DeadOnArrival,
}

impl Refusal {
    /// The machine-readable reason.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::RotationLost => "rotation_lost",
            Self::DeadOnArrival => "dead_on_arrival",
        }
    }

    /// The inverse of [`Refusal::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Revoked, Self::RotationLost, Self::DeadOnArrival].into_iter().find(|r| r.as_str() == text)
    }

    /// Which refusal an `invalid_grant` is: `doubtful` where an earlier attempt's outcome is unknown,
    /// `first` where the grant was never refreshed here.
    #[must_use]
    pub fn classify(doubtful: bool, first: bool) -> Self {
        match (doubtful, first) {
            (true, _) => Self::RotationLost,
            (false, true) => Self::DeadOnArrival,
            (false, false) => Self::Revoked,
        }
    }
}

/// How the webhook subscription stands, as last seen.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookFact {
    /// As last seen or made.
    pub state: WebhookState,
    /// Machine-readable, where the state needs one.
    pub reason: Option<Box<str>>,
    /// Since when it stands so.
    pub since: DateTime<Utc>,
    /// When it was last seen right.
    pub verified_at: Option<DateTime<Utc>>,
    /// The subscription's URI at Calendly.
    pub uri: Option<Box<str>>,
}

/// The states of section 10's `webhook.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookState {
    /// Not looked at yet.
    Unknown,
    /// Active and as wanted.
    Ok,
    /// There is none.
    Missing,
    /// Calendly switched it off.
    Disabled,
    /// There is one, but another than wanted.
    Drifted,
    /// Calendly refuses subscriptions: plan, permission, scopes.
    Unavailable,
    /// The keeper is not asked to keep one.
    Off,
}

impl WebhookState {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Unknown, Self::Ok, Self::Missing, Self::Disabled, Self::Drifted, Self::Unavailable, Self::Off];

    /// The name used in the store and in every answer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Disabled => "disabled",
            Self::Drifted => "drifted",
            Self::Unavailable => "unavailable",
            Self::Off => "off",
        }
    }

    /// The inverse of [`WebhookState::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Parked after too many restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The last failure.
    pub reason: Box<str>,
    /// When.
    pub since: DateTime<Utc>,
}

impl Facts {
    /// Those of a grant just given.
    #[must_use]
    pub fn new(granted_at: DateTime<Utc>) -> Self {
        Self {
            grant: GrantFact::Live { since: granted_at },
            webhook: WebhookFact {
                state: WebhookState::Unknown,
                reason: None,
                since: granted_at,
                verified_at: None,
                uri: None,
            },
            paused: None,
            quarantined: None,
        }
    }

    /// Whether the grant lives and nobody paused it.
    #[must_use]
    pub fn may_refresh(&self) -> bool {
        matches!(self.grant, GrantFact::Live { .. }) && self.paused.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for state in WebhookState::ALL {
            assert_eq!(WebhookState::parse(state.as_str()), Some(state));
        }
        for refusal in [Refusal::Revoked, Refusal::RotationLost, Refusal::DeadOnArrival] {
            assert_eq!(Refusal::parse(refusal.as_str()), Some(refusal));
        }
        assert_eq!(WebhookState::parse("else"), None);
    }

    #[test]
    fn an_unknown_outcome_before_a_refusal_means_a_lost_rotation() {
        assert_eq!(Refusal::classify(true, true), Refusal::RotationLost);
        assert_eq!(Refusal::classify(true, false), Refusal::RotationLost);
        assert_eq!(Refusal::classify(false, true), Refusal::DeadOnArrival);
        assert_eq!(Refusal::classify(false, false), Refusal::Revoked);
    }
}
