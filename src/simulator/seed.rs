//! What users, grants and subscriptions look like when they are made from outside, and the making of them.
//! The handle's side is `seeding`, the wire's side `control`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::grants::RefreshTokenState;
use super::scopes::DEFAULT_SCOPES;
use super::state::State;
use super::subscriptions::SubscriptionScope;
use super::time;
use super::tokens::TokenName;
use super::webhook_create;
use super::{Result, SimulatorError};

/// What a user pays for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Everything, 500 requests a minute.
    #[default]
    Paid,
    /// Webhooks but for a few events, 50 requests a minute.
    Free,
    /// As it was before November 2026: creating a webhook is refused with 403.
    FreeWithoutWebhooks,
}

/// What a user is in its organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A plain member: no organization scope.
    User,
    /// May use organization scope.
    Admin,
    /// May use organization scope.
    #[default]
    Owner,
}

/// A user to make.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedUser {
    /// Any name; control calls may use it in place of the URI.
    pub name: String,
    /// What it grants the application; `default` alone stands for an app from before scopes.
    pub scopes: Vec<String>,
    /// What it pays for.
    pub plan: Plan,
    /// What it is in its organization.
    pub role: Role,
    /// Any label (or a URI): users with the same one share an organization. None: one of its own.
    pub organization: Option<String>,
}

impl Default for SeedUser {
    fn default() -> Self {
        Self {
            name: "user".into(),
            scopes: DEFAULT_SCOPES.map(str::to_owned).to_vec(),
            plan: Plan::default(),
            role: Role::default(),
            organization: None,
        }
    }
}

impl SeedUser {
    /// The usual user: default scopes, paid plan, owner of an organization of its own.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The URI of a user, as tokens and resources carry it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserUri(pub String);

impl std::fmt::Display for UserUri {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for UserUri {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// How a grant to make differs from the usual.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewGrant {
    /// Seconds its first access token lives, below 0 for one that has expired; none: as `Options::expires_in`.
    pub expires_in: Option<i64>,
    /// What was granted; none: the user's scopes.
    pub scopes: Option<Vec<String>>,
}

/// A grant as its holder knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeedGrant {
    /// The user's name.
    pub id: String,
    /// The living access token.
    pub access_token: String,
    /// The living refresh token.
    pub refresh_token: String,
    /// When the access token expires.
    pub expires_at: DateTime<Utc>,
    /// The user's URI.
    pub calendly_user: UserUri,
    /// Its organization's URI.
    pub calendly_organization: String,
    /// Space-separated.
    pub scope: String,
    /// The grant's number, as the ledger uses it.
    #[serde(skip)]
    pub grant: u32,
}

impl SeedGrant {
    /// As one line of JSON that an import takes.
    #[must_use]
    pub fn import_line(&self) -> String {
        // A struct of texts and a time: it always serializes.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// All that is known of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefreshTokenFacts {
    /// What it is worth.
    pub state: RefreshTokenState,
    /// Whose it is.
    pub user: UserUri,
    /// Number of its grant.
    pub grant: u32,
    /// Which pair of the grant it belongs to, from 1.
    pub generation: u32,
    /// How often it was presented and judged.
    pub presented: u32,
    /// Whether the answer that carried it has been handed to the network whole (seeded: true).
    pub answer_whole: bool,
    /// The newest pair made from it.
    pub successor: Option<u32>,
    /// Whether the answer with that pair has been handed to the network whole: presenting it again is a mistake.
    pub successor_whole: bool,
}

/// A subscription to make without asking whether it may be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// Who made it: URI, uuid or name.
    pub creator: String,
    /// Where its deliveries go.
    pub callback_url: String,
    /// Its events.
    pub events: Vec<String>,
    /// Whose events.
    pub scope: SubscriptionScope,
    /// Whether another application made it: revoking a grant leaves it alone.
    #[serde(default)]
    pub foreign: bool,
}

impl State {
    pub(super) fn seed_user(&mut self, user: &SeedUser) -> u32 {
        let scope: Arc<str> = user.scopes.join(" ").into();
        self.add_user(user.name.clone(), scope, user.plan, user.role, user.organization.as_deref())
    }

    pub(super) fn seed_grant(&mut self, user: u32, grant: &NewGrant) -> Result<SeedGrant> {
        let scope = match &grant.scopes {
            Some(scopes) => scopes.join(" ").into(),
            None => Arc::clone(&self.users[user as usize].scope),
        };
        let lifetime = grant.expires_in.unwrap_or(self.options.expires_in);
        let name = self.add_grant(user, scope, lifetime, true);
        self.grant_as_held(name)
    }

    pub(super) fn grant_as_held(&self, name: TokenName) -> Result<SeedGrant> {
        let pair = self.pair_text(name);
        let pair = pair.ok_or_else(|| SimulatorError::unknown("grant", &name.grant.to_string()))?;
        let user = self.grants[name.grant as usize].user;
        Ok(SeedGrant {
            id: self.users[user as usize].name.clone(),
            access_token: pair.access_token,
            refresh_token: pair.refresh_token,
            expires_at: time::date_time(pair.expires_at),
            calendly_user: UserUri(pair.owner),
            calendly_organization: pair.organization,
            scope: pair.scope.to_string(),
            grant: name.grant,
        })
    }

    pub(super) fn user_or_error(&self, text: &str) -> Result<u32> {
        self.find_user_loosely(text).ok_or_else(|| SimulatorError::unknown("user", text))
    }

    pub(super) fn seed_subscription(&mut self, new: NewSubscription) -> Result<u32> {
        let creator = self.user_or_error(&new.creator)?;
        let grant = if new.foreign { None } else { self.users[creator as usize].grants.last().copied() };
        let by = ("control", None);
        let url = new.callback_url.into();
        Ok(webhook_create::add(self, creator, grant, url, new.events, new.scope, by))
    }

    /// Takes a scope from a user and from all its grants.
    pub(super) fn take_scope(&mut self, user: u32, scope: &str) {
        let without = |held: &str| -> Arc<str> {
            let left: Vec<&str> = held.split_ascii_whitespace().filter(|part| *part != scope).collect();
            left.join(" ").into()
        };
        let entry = &mut self.users[user as usize];
        entry.scope = without(&entry.scope);
        for grant in entry.grants.clone() {
            let grant = &mut self.grants[grant as usize];
            grant.scope = without(&grant.scope);
        }
    }

    /// Ends the lifetime of every access token of a user.
    pub(super) fn expire_access_tokens(&mut self, user: u32) {
        let now = time::now();
        for grant in self.users[user as usize].grants.clone() {
            let grant = &mut self.grants[grant as usize];
            for generation in 1..=grant.current() {
                if let Some(pair) = grant.pair_mut(generation) {
                    pair.expires_at = pair.expires_at.min(now);
                }
            }
        }
    }

    pub(super) fn revoke_grants(&mut self, user: u32) {
        for grant in self.users[user as usize].grants.clone() {
            self.revoke_grant(grant, "control");
        }
    }

    pub(super) fn subscription_or_error(&self, text: &str) -> Result<u32> {
        let uuid = text.rsplit('/').next().unwrap_or(text);
        let found = self.subscriptions.find(uuid);
        found.ok_or_else(|| SimulatorError::unknown("subscription", text))
    }
}
