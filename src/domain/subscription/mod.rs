//! A webhook subscription: what is wanted, what was found, what follows from the difference.

pub mod callback;
pub mod gap;
pub mod reconcile;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

/// For whose events a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// One user's.
    User,
    /// A whole organization's.
    Organization,
}

impl Scope {
    /// Calendly's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
        }
    }
}

/// Under whom Calendly files a subscription: the organization, and for user scope the user in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The organization's URI, always needed.
    pub organization: Box<str>,
    /// The user's URI, for user scope.
    pub user: Option<Box<str>>,
}

impl Owner {
    /// User scope where a user is named, else organization scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if self.user.is_some() { Scope::User } else { Scope::Organization }
    }

    /// The URI that the subscription is filed under.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.organization)
    }
}

/// A subscription as Calendly lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name at Calendly.
    pub uri: String,
    /// Where it delivers; may be written differently from what was asked for.
    pub callback_url: String,
    /// Whether it delivers.
    pub state: State,
    /// What it delivers; unknown names are data.
    pub events: BTreeSet<String>,
    /// `user`, `organization`, `group`, or something new.
    pub scope: String,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Since when deliveries fail, or failed once.
    pub retry_started_at: Option<DateTime<Utc>>,
}

/// A subscription's state at Calendly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It delivers.
    Active,
    /// Calendly has switched it off; nothing switches it on again.
    Disabled,
    /// A state that is not known here.
    Other(String),
}

/// What the keeper last recorded about a subscription that it made or found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its name at Calendly.
    pub uri: String,
    /// When it was last seen right.
    pub verified_at: Option<DateTime<Utc>>,
    /// As last seen.
    pub retry_started_at: Option<DateTime<Utc>>,
}
