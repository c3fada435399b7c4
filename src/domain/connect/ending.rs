//! How a flow ends, as its user, the application and the log are told.

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The user agreed, and the keeper has the tokens.
    Connected,
    /// The user said no.
    Denied,
    /// Something else.
    Failed(Reason),
}

impl Ending {
    /// The fixed word for `outcome`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Denied => "denied",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it failed.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Failed(reason) => Some(*reason),
            Self::Connected | Self::Denied => None,
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $hint:literal;)*) => {
        /// Why a flow failed; the names are fixed, more may come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])* $variant),* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The fixed name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// A sentence for whoever wants to go on.
            #[must_use]
            pub fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint),* }
            }
        }
    };
}

reasons! {
    /// The connection is another Calendly user's.
    DifferentUser = "different_user", "this connection belongs to another Calendly user: sign in to Calendly as that user, or ask for a change of user";
    /// Neither the answer nor Calendly's API says whose the tokens are, and the connection is somebody's.
    UnknownUser = "unknown_user", "Calendly did not say which user agreed: grant users:read and try again";
    /// The code was refused: too old, or used.
    InvalidGrant = "invalid_grant", "the consent was too long ago or used already: open a new link";
    /// The consent page refused a scope.
    InvalidScope = "invalid_scope", "Calendly does not know a scope that is asked for: check connect.scopes and the app's scopes";
    /// The consent page failed, in another way.
    ConsentFailed = "consent_failed", "Calendly's consent page ended with an error: open a new link";
    /// Our client is not known, or may not do this.
    ClientRefused = "client_refused", "Calendly refuses this application: check calendly.client_id, client_secret and the registered redirect URI";
    /// Too many tokens in a minute.
    Throttled = "throttled", "Calendly asks to wait: open a new link in a minute";
    /// No connection could be made.
    CalendlyUnreachable = "calendly_unreachable", "Calendly cannot be reached: open a new link later";
    /// No usable answer came.
    CalendlyFailing = "calendly_failing", "Calendly did not answer as it should: open a new link later";
    /// There is nothing to keep alive.
    NoRefreshToken = "no_refresh_token", "Calendly gave no refresh token: check the kind of the application";
    /// The same tokens are another connection's.
    GrantInUse = "grant_in_use", "Calendly gave tokens that another connection holds: disconnect that one first";
    /// They could not be stored.
    NotStored = "not_stored", "the keeper could not store the tokens: open a new link later";
}

impl Reason {
    /// Of an `error` that the consent page sent back. Whatever else stands there is not repeated.
    #[must_use]
    pub fn of_consent(error: &str) -> Self {
        match error {
            "invalid_scope" => Self::InvalidScope,
            "unauthorized_client" => Self::ClientRefused,
            "temporarily_unavailable" | "server_error" => Self::CalendlyFailing,
            _ => Self::ConsentFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn reasons_are_distinct_words() {
        let names: HashSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }

    #[test]
    fn only_what_failed_has_a_reason() {
        assert_eq!((Ending::Connected.reason(), Ending::Denied.reason()), (None, None));
        let failed = Ending::Failed(Reason::of_consent("invalid_scope"));
        assert_eq!((failed.outcome(), failed.reason()), ("failed", Some(Reason::InvalidScope)));
    }
}
