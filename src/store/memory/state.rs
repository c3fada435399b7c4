//! The tables in memory, and what each operation does to them in one step.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::super::time::stored;
use super::gaps::Ledger;
use super::inbox::Events;
use crate::domain::facts::{Facts, GrantFact};
use crate::domain::grant::{Connection, Existing, Given, NewGrant, OpenClaim, Seen, decide_put};
use crate::domain::ids::{ConnectionId, Generation};
use crate::domain::notice::{Announced, Subject};
use crate::domain::rotation::{ClaimRequest, Claimed, Commit, Committed, Refuse, Release};
use crate::domain::secrets::{AccessToken, RefreshToken};
use crate::domain::subscription::{Owner, Recorded};
use crate::domain::timeline::Entry;
use crate::ports::{Changes, Deleted, Handed, HandedPage, Lock, Page};

/// No need for a key: it never leaves the process.
type Fingerprint = [u8; 32];

#[derive(Clone)]
pub(super) struct Row {
    pub(super) connection: Connection,
    refresh_token: Option<RefreshToken>,
    fingerprint: Fingerprint,
    pub(super) deleted: bool,
    pub(super) changed: i64,
}

/// Everything that a database would hold.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) rows: BTreeMap<ConnectionId, Row>,
    pub(super) seen: HashMap<Fingerprint, ConnectionId>,
    pub(super) marker: i64,
    pub(super) subscriptions: HashMap<(Owner, String), Recorded>,
    pub(super) gaps: Ledger,
    pub(super) timeline: Vec<Entry>,
    pub(super) announced: BTreeMap<Subject, Announced>,
    pub(super) events: Events,
    pub(super) lock: Option<Lock>,
}

impl State {
    pub(super) fn page(&self, after: Option<&ConnectionId>, limit: usize) -> Page {
        let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.clone()));
        let mut living = self.rows.range((from, Bound::Unbounded)).filter(|(_, row)| !row.deleted);
        let connections: Vec<_> =
            living.by_ref().take(limit).map(|(_, row)| row.connection.clone()).collect();
        let next = living.next().and(connections.last().map(|last| last.id.clone()));
        Page { connections, unreadable: Vec::new(), next }
    }

    pub(super) fn hand_over(&self, after: Option<&ConnectionId>, limit: usize) -> HandedPage {
        let Page { connections, next, .. } = self.page(after, limit);
        let token = |id: &ConnectionId| self.rows.get(id).and_then(|row| row.refresh_token.clone());
        let handed = connections.into_iter().filter_map(|connection| {
            token(&connection.id).map(|refresh_token| Handed { connection, refresh_token })
        });
        HandedPage { connections: handed.collect(), unreadable: Vec::new(), next }
    }

    pub(super) fn get(&self, id: &ConnectionId) -> Option<Connection> {
        self.rows.get(id).filter(|row| !row.deleted).map(|row| row.connection.clone())
    }

    pub(super) fn marker(&self) -> i64 {
        self.marker
    }

    pub(super) fn changes(&self, marker: i64, limit: usize) -> Changes {
        let mut changed: Vec<_> = self.rows.values().filter(|row| row.changed > marker).collect();
        changed.sort_by_key(|row| row.changed);
        changed.truncate(limit);
        let mut changes = Changes { marker, ..Changes::default() };
        for row in changed {
            changes.marker = row.changed;
            if row.deleted {
                changes.gone.push(row.connection.id.clone());
            } else {
                changes.present.push(row.connection.clone());
            }
        }
        changes
    }

    pub(super) fn put(&mut self, offer: NewGrant) -> Given {
        let fingerprint = fingerprint(&offer.refresh_token);
        let seen = match self.seen.get(&fingerprint) {
            None => Seen::Never,
            Some(id) if *id == offer.id => Seen::Here,
            Some(id) => Seen::Elsewhere(id.clone()),
        };
        let row = self.rows.get(&offer.id);
        let existing = row.map(|row| Existing {
            deleted: row.deleted,
            generation: row.connection.generation,
            expires_at: row.connection.expires_at,
            holds_offered_token: row.fingerprint == fingerprint && row.connection.claim.is_none(),
        });
        let offer = NewGrant {
            granted_at: row.map_or(stored(offer.granted_at), |row| {
                // Between grants the later one wins, whatever the clock says.
                stored(offer.granted_at).max(row.connection.granted_at + TimeDelta::microseconds(1))
            }),
            expires_at: offer.expires_at.map(stored),
            ..offer
        };
        let put = decide_put(existing.as_ref(), &offer, &seen);
        let given = Given { put, granted_at: offer.granted_at };
        if let Some(generation) = given.generation() {
            let old = row.filter(|row| !row.deleted).map(|row| &row.connection);
            let refresh_token = Some(offer.refresh_token.clone());
            let connection = granted(offer, generation, old);
            self.seen.insert(fingerprint, connection.id.clone());
            self.marker += 1;
            let row = Row { refresh_token, fingerprint, deleted: false, changed: self.marker, connection };
            self.rows.insert(row.connection.id.clone(), row);
        }
        given
    }

    /// The grant with its latest pair, in the place of whatever is there.
    pub(super) fn put_back(&mut self, grant: NewGrant, began: Generation, generation: Generation) {
        let fingerprint = fingerprint(&grant.refresh_token);
        let old = self.rows.get(&grant.id).filter(|row| !row.deleted).map(|row| &row.connection);
        let refresh_token = Some(grant.refresh_token.clone());
        let connection = Connection { granted_generation: began, ..granted(grant, generation, old) };
        self.seen.entry(fingerprint).or_insert_with(|| connection.id.clone());
        self.marker += 1;
        let row = Row { refresh_token, fingerprint, deleted: false, changed: self.marker, connection };
        self.rows.insert(row.connection.id.clone(), row);
    }

    /// A tombstone where there is not even a row.
    pub(super) fn put_tombstone(&mut self, grant: NewGrant, generation: Generation) {
        let fingerprint = fingerprint(&grant.refresh_token);
        self.marker += 1;
        let connection = granted(grant, generation, None);
        let row = Row { refresh_token: None, fingerprint, deleted: true, changed: self.marker, connection };
        self.rows.insert(row.connection.id.clone(), row);
    }

    pub(super) fn reached(&self) -> i64 {
        self.rows.values().map(|row| row.connection.generation.0).sum()
    }

    pub(super) fn delete(&mut self, id: &ConnectionId) -> Option<Deleted> {
        let row = self.rows.get_mut(id).filter(|row| !row.deleted)?;
        self.marker += 1;
        row.changed = self.marker;
        row.deleted = true;
        let refresh_token = row.refresh_token.take();
        row.connection.access_token = None;
        let Connection { grant_id, granted_at, generation, .. } = row.connection;
        Some(Deleted { grant_id, granted_at, generation, marker: self.marker, refresh_token })
    }

    pub(super) fn pause(&mut self, id: &ConnectionId, since: Option<DateTime<Utc>>) -> Option<i64> {
        let row = self.rows.get(id).filter(|row| !row.deleted)?;
        if row.connection.facts.paused.is_some() == since.is_some() {
            return Some(row.changed);
        }
        self.set_pause(id, since)
    }

    pub(super) fn set_pause(&mut self, id: &ConnectionId, since: Option<DateTime<Utc>>) -> Option<i64> {
        let row = self.rows.get_mut(id).filter(|row| !row.deleted)?;
        row.connection.facts.paused = since.map(stored);
        self.marker += 1;
        row.changed = self.marker;
        Some(row.changed)
    }

    pub(super) fn touch(&mut self, id: &ConnectionId) {
        if let Some(row) = self.rows.get_mut(id).filter(|row| !row.deleted) {
            self.marker += 1;
            row.changed = self.marker;
        }
    }

    pub(super) fn claim(&mut self, request: &ClaimRequest<'_>) -> Option<Claimed> {
        let row = self.rows.get_mut(request.id).filter(|row| !row.deleted)?;
        let connection = &mut row.connection;
        let free = connection.claim.is_none_or(|claim| Some(claim.id) == request.seize);
        let current = (connection.grant_id, connection.generation) == (request.grant_id, request.generation);
        if !(free && current && connection.facts.may_refresh()) {
            return None;
        }
        let refresh_token = row.refresh_token.clone()?;
        let seized = connection.claim.map(|claim| claim.at);
        connection.unknown_since = connection.unknown_since.or(seized);
        connection.claim =
            Some(OpenClaim { id: request.claim_id, holder: super::instance(), at: stored(request.at) });
        Some(Claimed {
            refresh_token,
            client_id: connection.client_id.as_deref().map(Into::into),
            unknown_since: connection.unknown_since,
        })
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Committed {
        let at_least = commit.row_at_least();
        self.commit_from(commit, at_least)
    }

    /// Where the row has come so far; see [`Commit::row_at_least`].
    pub(super) fn commit_from(&mut self, commit: Commit, at_least: Generation) -> Committed {
        let Some(row) = self.rows.get_mut(&commit.id).filter(|row| !row.deleted) else {
            return Committed::Superseded(None);
        };
        let new = commit.refresh_token.as_ref().map(fingerprint);
        let connection = &mut row.connection;
        let is_before = (at_least..commit.generation).contains(&connection.generation);
        if connection.grant_id != commit.grant_id || !is_before {
            let same_access = connection.access_token.as_ref().map(AccessToken::expose)
                == Some(commit.access_token.expose());
            let ours = match new {
                Some(new) => new == row.fingerprint,
                None => connection.generation == commit.generation && same_access,
            };
            return if ours && connection.grant_id == commit.grant_id {
                Committed::Kept
            } else {
                Committed::Superseded(Some(Box::new(connection.clone())))
            };
        }
        connection.generation = commit.generation;
        connection.access_token = Some(commit.access_token);
        connection.expires_at = Some(stored(commit.expires_at));
        connection.lifetime = commit.lifetime;
        connection.scope = commit.scope.map(Into::into).or(connection.scope.take());
        connection.user = connection.user.take().or(commit.user);
        connection.organization = connection.organization.take().or(commit.organization);
        connection.foreign_owner = commit.foreign_owner;
        connection.facts.grant = GrantFact::Live { since: connection.granted_at };
        connection.claim = None;
        connection.unknown_since = None;
        connection.attempts = 0;
        connection.next_attempt_at = commit.not_before.map(stored);
        if let (Some(token), Some(new)) = (commit.refresh_token, new) {
            row.refresh_token = Some(token);
            row.fingerprint = new;
            // A token known elsewhere is kept all the same: losing it would lose the grant.
            self.seen.entry(new).or_insert(commit.id);
        }
        Committed::Kept
    }

    pub(super) fn release(&mut self, release: &Release) -> bool {
        let Some(row) = self.rows.get_mut(&release.id).filter(|row| !row.deleted) else { return false };
        let connection = &mut row.connection;
        if connection.claim.map(|claim| claim.id) != Some(release.claim_id) {
            return false;
        }
        connection.claim = None;
        connection.unknown_since = connection.unknown_since.or(release.unknown_since.map(stored));
        connection.attempts = release.attempts;
        connection.next_attempt_at = Some(stored(release.next_attempt_at));
        true
    }

    pub(super) fn refuse(&mut self, refuse: &Refuse) -> bool {
        let Some(row) = self.rows.get_mut(&refuse.id).filter(|row| !row.deleted) else { return false };
        let connection = &mut row.connection;
        if (connection.grant_id, connection.generation) != (refuse.grant_id, refuse.generation) {
            return false;
        }
        connection.facts.grant = GrantFact::Refused { reason: refuse.reason, since: stored(refuse.at) };
        connection.claim = None;
        true
    }

    pub(super) fn change(&mut self, id: &ConnectionId, change: impl FnOnce(&mut Connection)) {
        if let Some(row) = self.rows.get_mut(id).filter(|row| !row.deleted) {
            change(&mut row.connection);
        }
    }
}

/// The connection that a new grant makes of `old`: a pause, a quarantine and the webhook are none of its business.
fn granted(offer: NewGrant, generation: Generation, old: Option<&Connection>) -> Connection {
    let mut facts = old.map_or_else(|| Facts::new(offer.granted_at), |old| old.facts.clone());
    facts.grant = GrantFact::Live { since: offer.granted_at };
    Connection {
        id: offer.id,
        grant_id: offer.grant_id,
        generation,
        granted_generation: generation,
        granted_at: offer.granted_at,
        client_id: offer.client_id.map(Into::into),
        access_token: offer.access_token,
        expires_at: offer.expires_at,
        lifetime: offer.lifetime,
        scope: offer.scope.map(Into::into),
        // Who is not said to be somebody else is the same person: else a stranger's tokens would not be noticed.
        user: offer.user.or(old.and_then(|old| old.user.clone())),
        organization: offer.organization.or(old.and_then(|old| old.organization.clone())),
        foreign_owner: None,
        facts,
        claim: None,
        unknown_since: None,
        attempts: 0,
        next_attempt_at: None,
    }
}

pub(super) fn fingerprint(token: &RefreshToken) -> Fingerprint {
    Sha256::digest(token.expose()).into()
}
