//! What the rotation journal holds, what it says about each connection, and what of that a database that went back lacks.
//!
//! Going forward only: a record never takes a row back, it brings one that went back up to what was known before.

mod forward;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::grant::NewGrant;
use super::ids::{ConnectionId, Generation, GrantId};
use super::rotation::Commit;
use super::secrets::{AccessToken, RefreshToken};
use super::token::Lifetime;

pub use self::forward::{Forward, Stored, Tokens};

/// One thing that is durable here before, or although, the database may lack it.
#[derive(Clone, Debug)]
pub enum Record {
    /// A pair that a rotation brought.
    Pair {
        /// The pair.
        commit: Box<Commit>,
        /// Of which grant.
        grant: GrantHead,
    },
    /// A new grant, with what the store made of it.
    Granted {
        /// As it was offered.
        grant: Box<NewGrant>,
        /// As it was stored.
        head: GrantHead,
    },
    /// A deletion.
    Deleted {
        /// Whose.
        id: ConnectionId,
        /// Of which grant.
        grant_id: GrantId,
        /// When that had been given.
        granted_at: DateTime<Utc>,
        /// How far it had come.
        generation: Generation,
        /// When.
        at: DateTime<Utc>,
        /// The change marker that it got.
        marker: i64,
    },
    /// A pause, or its end.
    Paused {
        /// Whose.
        id: ConnectionId,
        /// Since when; `None`: it ended.
        since: Option<DateTime<Utc>>,
        /// The change marker that it got.
        marker: i64,
    },
}

impl Record {
    /// A grant that was stored as it was offered, with this generation.
    #[must_use]
    pub fn granted(grant: NewGrant, generation: Generation) -> Self {
        let head = GrantHead {
            grant_id: grant.grant_id,
            granted_generation: generation,
            granted_at: grant.granted_at,
            client_id: grant.client_id.clone(),
        };
        Self::Granted { grant: Box::new(grant), head }
    }
}

/// What a row knows about its grant besides tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantHead {
    /// Which.
    pub grant_id: GrantId,
    /// The generation with which it began.
    pub granted_generation: Generation,
    /// When it was given: between grants the later one wins.
    pub granted_at: DateTime<Utc>,
    /// The OAuth client that it was issued to.
    pub client_id: Option<Box<str>>,
}

/// The latest that is known about one connection.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Its latest grant, with the latest pair.
    pub grant: Option<KnownGrant>,
    /// The latest deletion.
    pub deleted: Option<Deletion>,
    /// The latest pause or end of one, with its marker.
    pub paused: Option<(Option<DateTime<Utc>>, i64)>,
}

/// A grant and its latest pair.
#[derive(Clone, Debug)]
pub struct KnownGrant {
    /// Which.
    pub head: GrantHead,
    /// Of the pair.
    pub generation: Generation,
    /// `None` where an import had none.
    pub access_token: Option<AccessToken>,
    /// `None` where the answers since the oldest record brought no new one.
    pub refresh_token: Option<RefreshToken>,
    /// With which generation that refresh token came, or a row must have come to for its own to be the one.
    pub token_since: Generation,
    /// When the access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its whole lifetime.
    pub lifetime: Lifetime,
    /// Granted scopes.
    pub scope: Option<Box<str>>,
    /// The user's URI.
    pub user: Option<Box<str>>,
    /// The organization's URI.
    pub organization: Option<Box<str>>,
    /// See [`Commit::foreign_owner`].
    pub foreign_owner: Option<Box<str>>,
    /// See [`Commit::not_before`].
    pub not_before: Option<DateTime<Utc>>,
}

/// A deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Of which grant.
    pub grant_id: GrantId,
    /// When the deleted grant had been given.
    pub granted_at: DateTime<Utc>,
    /// How far it had come.
    pub generation: Generation,
    /// When.
    pub at: DateTime<Utc>,
    /// Its change marker.
    pub marker: i64,
}

/// The latest of each connection, from records in the order in which they were written.
#[derive(Clone, Debug, Default)]
pub struct Journalled(BTreeMap<ConnectionId, Known>);

impl Journalled {
    /// Takes a record in.
    pub fn add(&mut self, record: Record) {
        match record {
            Record::Pair { commit, grant } => {
                let known = self.0.entry(commit.id.clone()).or_default();
                known.add_grant(KnownGrant::from_pair(*commit, grant));
            }
            Record::Granted { grant, head } => {
                let known = self.0.entry(grant.id.clone()).or_default();
                known.add_grant(KnownGrant::from_grant(*grant, head));
            }
            Record::Deleted { id, grant_id, granted_at, generation, at, marker } => {
                let known = self.0.entry(id).or_default();
                if known.deleted.is_none_or(|before| before.marker < marker) {
                    known.deleted = Some(Deletion { grant_id, granted_at, generation, at, marker });
                }
            }
            Record::Paused { id, since, marker } => {
                let known = self.0.entry(id).or_default();
                if known.paused.is_none_or(|(_, before)| before < marker) {
                    known.paused = Some((since, marker));
                }
            }
        }
    }

    /// How many connections there is something about.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of the ids.
    pub fn into_known(self) -> impl Iterator<Item = (ConnectionId, Known)> {
        self.0.into_iter()
    }
}

impl Known {
    /// The later grant, and of one grant the later pair. A pair without a new refresh token lives on with that of the
    /// generation before, if that is known.
    fn add_grant(&mut self, new: KnownGrant) {
        let Some(known) = &mut self.grant else {
            self.grant = Some(new);
            return;
        };
        if new.head.grant_id != known.head.grant_id {
            if new.head.granted_at >= known.head.granted_at {
                *known = new;
            }
        } else if new.rotations() > known.rotations() {
            let before = std::mem::replace(known, new);
            if known.refresh_token.is_none() && before.rotations() + 1 == known.rotations() {
                known.refresh_token = before.refresh_token;
                known.token_since = before.token_since;
            }
            known.scope = known.scope.take().or(before.scope);
            known.user = known.user.take().or(before.user);
            known.organization = known.organization.take().or(before.organization);
        }
    }

    /// The latest change marker in it.
    #[must_use]
    pub fn latest_marker(&self) -> Option<i64> {
        let paused = self.paused.map(|(_, marker)| marker);
        self.deleted.map(|deletion| deletion.marker).max(paused)
    }
}

impl KnownGrant {
    /// How often the grant was rotated.
    fn rotations(&self) -> i64 {
        self.generation.0 - self.head.granted_generation.0
    }

    /// The pair, where a rotation brought it.
    #[must_use]
    pub fn pair(&self, id: &ConnectionId) -> Option<Commit> {
        let rotated = self.generation > self.head.granted_generation;
        let (access_token, expires_at) = (self.access_token.clone()?, self.expires_at?);
        rotated.then(|| Commit {
            id: id.clone(),
            grant_id: self.head.grant_id,
            generation: self.generation,
            access_token,
            refresh_token: self.refresh_token.clone(),
            expires_at,
            lifetime: self.lifetime,
            scope: self.scope.clone(),
            user: self.user.clone(),
            organization: self.organization.clone(),
            foreign_owner: self.foreign_owner.clone(),
            not_before: self.not_before,
        })
    }

    /// The grant as if it had been given with its latest pair; `None` where its refresh token is not known.
    #[must_use]
    pub fn whole(&self, id: &ConnectionId) -> Option<NewGrant> {
        Some(NewGrant {
            id: id.clone(),
            grant_id: self.head.grant_id,
            granted_at: self.head.granted_at,
            client_id: self.head.client_id.clone(),
            access_token: self.access_token.clone(),
            refresh_token: self.refresh_token.clone()?,
            expires_at: self.expires_at,
            lifetime: self.lifetime,
            scope: self.scope.clone(),
            user: self.user.clone(),
            organization: self.organization.clone(),
            replace: true,
        })
    }

    fn from_pair(commit: Commit, head: GrantHead) -> Self {
        let of_the_one_before = commit.refresh_token.is_none();
        Self {
            head,
            token_since: Generation(commit.generation.0.saturating_sub(i64::from(of_the_one_before))),
            generation: commit.generation,
            access_token: Some(commit.access_token),
            refresh_token: commit.refresh_token,
            expires_at: Some(commit.expires_at),
            lifetime: commit.lifetime,
            scope: commit.scope,
            user: commit.user,
            organization: commit.organization,
            foreign_owner: commit.foreign_owner,
            not_before: commit.not_before,
        }
    }

    fn from_grant(grant: NewGrant, head: GrantHead) -> Self {
        Self {
            generation: head.granted_generation,
            token_since: head.granted_generation,
            head,
            access_token: grant.access_token,
            refresh_token: Some(grant.refresh_token),
            expires_at: grant.expires_at,
            lifetime: grant.lifetime,
            scope: grant.scope,
            user: grant.user,
            organization: grant.organization,
            foreign_owner: None,
            not_before: None,
        }
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
