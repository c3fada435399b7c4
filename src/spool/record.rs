//! A record as text, before it is sealed. Short names: each rotation writes one. Names may be added, never reused.

use chrono::{DateTime, Utc};
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use crate::domain::grant::NewGrant;
use crate::domain::ids::{ConnectionId, Generation, GrantId};
use crate::domain::journal::{GrantHead, Record};
use crate::domain::rotation::Commit;
use crate::domain::secrets::{AccessToken, RefreshToken};
use crate::domain::token::{DEFAULT_LIFETIME, Lifetime};

/// The text of a record, wiped when it is dropped.
pub(super) fn encode(record: &Record) -> Option<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(8 << 10));
    serde_json::to_writer(&mut *text, &Text::from(record)).ok()?;
    Some(text)
}

pub(super) fn decode(text: &[u8]) -> Result<Record, serde_json::Error> {
    serde_json::from_slice::<Text<'_>>(text).map(Record::from)
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Text<'a> {
    Pair {
        tokens: Tokens<'a>,
        head: Head<'a>,
        generation: Generation,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        foreign_owner: Option<Cow<'a>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<DateTime<Utc>>,
    },
    Granted {
        tokens: Tokens<'a>,
        head: Head<'a>,
    },
    Deleted {
        id: ConnectionId,
        grant_id: GrantId,
        granted_at: DateTime<Utc>,
        #[serde(default)]
        generation: Generation,
        at: DateTime<Utc>,
        marker: i64,
    },
    Paused {
        id: ConnectionId,
        since: Option<DateTime<Utc>>,
        marker: i64,
    },
}

type Cow<'a> = std::borrow::Cow<'a, str>;

#[derive(Serialize, Deserialize)]
struct Tokens<'a> {
    id: ConnectionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<Cow<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<Cow<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    lifetime: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Cow<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<Cow<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Head<'a> {
    grant_id: GrantId,
    since: Generation,
    granted_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<Cow<'a>>,
}

impl<'a> From<&'a Record> for Text<'a> {
    fn from(record: &'a Record) -> Self {
        match record {
            Record::Pair { commit, grant } => Self::Pair {
                tokens: Tokens {
                    id: commit.id.clone(),
                    access: Some(commit.access_token.expose().into()),
                    refresh: commit.refresh_token.as_ref().map(|token| token.expose().into()),
                    expires_at: Some(commit.expires_at),
                    lifetime: commit.lifetime.seconds(),
                    scope: commit.scope.as_deref().map(Into::into),
                    user: commit.user.as_deref().map(Into::into),
                    organization: commit.organization.as_deref().map(Into::into),
                },
                head: grant.into(),
                generation: commit.generation,
                foreign_owner: commit.foreign_owner.as_deref().map(Into::into),
                not_before: commit.not_before,
            },
            Record::Granted { grant, head } => Self::Granted {
                tokens: Tokens {
                    id: grant.id.clone(),
                    access: grant.access_token.as_ref().map(|token| token.expose().into()),
                    refresh: Some(grant.refresh_token.expose().into()),
                    expires_at: grant.expires_at,
                    lifetime: grant.lifetime.seconds(),
                    scope: grant.scope.as_deref().map(Into::into),
                    user: grant.user.as_deref().map(Into::into),
                    organization: grant.organization.as_deref().map(Into::into),
                },
                head: head.into(),
            },
            Record::Deleted { id, grant_id, granted_at, generation, at, marker } => Self::Deleted {
                id: id.clone(),
                grant_id: *grant_id,
                granted_at: *granted_at,
                generation: *generation,
                at: *at,
                marker: *marker,
            },
            Record::Paused { id, since, marker } => {
                Self::Paused { id: id.clone(), since: *since, marker: *marker }
            }
        }
    }
}

impl From<Text<'_>> for Record {
    fn from(text: Text<'_>) -> Self {
        match text {
            Text::Pair { tokens, head, generation, foreign_owner, not_before } => {
                let commit = Commit {
                    id: tokens.id,
                    grant_id: head.grant_id,
                    generation,
                    access_token: AccessToken::new(tokens.access.unwrap_or_default()),
                    refresh_token: tokens.refresh.map(RefreshToken::new),
                    expires_at: tokens.expires_at.unwrap_or(DateTime::UNIX_EPOCH),
                    lifetime: lifetime(tokens.lifetime),
                    scope: tokens.scope.map(Into::into),
                    user: tokens.user.map(Into::into),
                    organization: tokens.organization.map(Into::into),
                    foreign_owner: foreign_owner.map(Into::into),
                    not_before,
                };
                Self::Pair { commit: Box::new(commit), grant: head.into() }
            }
            Text::Granted { tokens, head } => {
                let grant = NewGrant {
                    id: tokens.id,
                    grant_id: head.grant_id,
                    granted_at: head.granted_at,
                    client_id: head.client_id.as_deref().map(Into::into),
                    access_token: tokens.access.map(AccessToken::new),
                    refresh_token: RefreshToken::new(tokens.refresh.unwrap_or_default()),
                    expires_at: tokens.expires_at,
                    lifetime: lifetime(tokens.lifetime),
                    scope: tokens.scope.map(Into::into),
                    user: tokens.user.map(Into::into),
                    organization: tokens.organization.map(Into::into),
                    replace: true,
                };
                Self::Granted { grant: Box::new(grant), head: head.into() }
            }
            Text::Deleted { id, grant_id, granted_at, generation, at, marker } => {
                Self::Deleted { id, grant_id, granted_at, generation, at, marker }
            }
            Text::Paused { id, since, marker } => Self::Paused { id, since, marker },
        }
    }
}

impl<'a> From<&'a GrantHead> for Head<'a> {
    fn from(head: &'a GrantHead) -> Self {
        Self {
            grant_id: head.grant_id,
            since: head.granted_generation,
            granted_at: head.granted_at,
            client_id: head.client_id.as_deref().map(Into::into),
        }
    }
}

impl From<Head<'_>> for GrantHead {
    fn from(head: Head<'_>) -> Self {
        Self {
            grant_id: head.grant_id,
            granted_generation: head.since,
            granted_at: head.granted_at,
            client_id: head.client_id.map(Into::into),
        }
    }
}

fn lifetime(seconds: i64) -> Lifetime {
    Lifetime::from_seconds(seconds).unwrap_or(DEFAULT_LIFETIME)
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
