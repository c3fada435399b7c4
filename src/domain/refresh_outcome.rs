//! How a refresh ended, as it is counted: each in exactly one of five ways.

use super::facts::Refusal;

/// What a refresh came to, from the claim on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefreshOutcome {
    /// A new pair arrived and is kept, or was given back where its grant had been replaced meanwhile.
    Success,
    /// The provider or the user ended the grant.
    Refused,
    /// The grant was lost by us: an answer that consumed the token is gone.
    SelfInflicted,
    /// Nothing came of it, and the token lives on.
    Transient,
    /// Nothing came of it, and nobody knows whether the token lives on.
    Unknown,
}

impl RefreshOutcome {
    /// All five.
    pub const ALL: [Self; 5] =
        [Self::Success, Self::Refused, Self::SelfInflicted, Self::Transient, Self::Unknown];

    /// The name in the log and in every count.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::SelfInflicted => "self_inflicted",
            Self::Transient => "transient",
            Self::Unknown => "unknown",
        }
    }
}

/// A refusal that stands.
impl From<Refusal> for RefreshOutcome {
    fn from(reason: Refusal) -> Self {
        match reason {
            Refusal::Revoked | Refusal::DeadOnArrival => Self::Refused,
            Refusal::RotationLost => Self::SelfInflicted,
        }
    }
}
