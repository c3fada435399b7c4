//! Bringing rows that went back up to what a journal knows, in memory.

use super::state::{State, fingerprint};
use crate::domain::grant::NewGrant;
use crate::domain::ids::{ConnectionId, Generation};
use crate::domain::journal::{Deletion, Forward, Known, KnownGrant, Stored, Tokens};
use crate::domain::secrets::RefreshToken;
use crate::domain::token::DEFAULT_LIFETIME;
use crate::ports::Forwarded;

impl State {
    pub(super) fn write_forward(&mut self, id: &ConnectionId, known: &Known) -> Option<Forwarded> {
        let stored = self.rows.get(id).map(|row| Stored {
            grant_id: row.connection.grant_id,
            granted_at: row.connection.granted_at,
            generation: row.connection.generation,
            granted_generation: row.connection.granted_generation,
            deleted: row.deleted,
            changed: row.changed,
        });
        let Forward { tokens, further, delete, pause } = known.forward(stored.as_ref());
        self.marker = self.marker.max(known.latest_marker().unwrap_or(0));
        let token = known.grant.as_ref().and_then(|grant| grant.refresh_token.clone());
        let is_new = token.as_ref().is_some_and(|token| !self.seen.contains_key(&fingerprint(token)));
        match (tokens, &known.grant) {
            (Tokens::Grant, Some(grant)) => self.give_back(id, grant, further),
            (Tokens::Pair, Some(grant)) => {
                let was_refused = self.get(id).is_some_and(|row| !row.facts.may_refresh());
                if let Some(mut pair) = grant.pair(id) {
                    let at_least = Generation(pair.row_at_least().min(grant.token_since).0 + further);
                    pair.generation.0 += further;
                    self.commit_from(pair, at_least);
                    if was_refused {
                        self.touch(id);
                    }
                }
            }
            _ => {}
        }
        if let Some(deletion) = known.deleted.filter(|_| delete) {
            match stored {
                Some(_) => {
                    self.delete(id);
                    self.bury(id, deletion, known.deleted_generation());
                }
                None => self.bury_unseen(id, deletion, known),
            }
        }
        if let Some((since, _)) = known.paused.filter(|_| pause) {
            self.set_pause(id, since);
        }
        let revoke = token.filter(|_| tokens == Tokens::Superseded && is_new);
        let nothing = tokens == Tokens::Current || (tokens == Tokens::Superseded && revoke.is_none());
        (!nothing || delete || pause).then(|| Forwarded {
            id: id.clone(),
            tokens,
            deleted: delete,
            paused: pause,
            revoke,
        })
    }

    /// See the databases' statement of that name.
    fn bury(&mut self, id: &ConnectionId, deletion: Deletion, reached: Generation) {
        let Some(row) = self.rows.get_mut(id) else { return };
        if row.connection.granted_at < deletion.granted_at {
            row.connection.grant_id = deletion.grant_id;
            row.connection.granted_at = deletion.granted_at;
            row.connection.generation = row.connection.generation.max(reached);
        }
    }

    fn bury_unseen(&mut self, id: &ConnectionId, deletion: Deletion, known: &Known) {
        let last = known.deleted_grant().and_then(|grant| grant.refresh_token.clone());
        if let Some(token) = &last {
            self.seen.entry(fingerprint(token)).or_insert_with(|| id.clone());
        }
        let grant = NewGrant {
            id: id.clone(),
            grant_id: deletion.grant_id,
            granted_at: deletion.granted_at,
            client_id: None,
            access_token: None,
            refresh_token: last.unwrap_or_else(|| RefreshToken::new("")),
            expires_at: None,
            lifetime: DEFAULT_LIFETIME,
            scope: None,
            user: None,
            organization: None,
            replace: true,
        };
        self.put_tombstone(grant, known.deleted_generation());
    }

    fn give_back(&mut self, id: &ConnectionId, known: &KnownGrant, further: i64) {
        let Some(grant) = known.whole(id) else { return };
        let on = |generation: Generation| Generation(generation.0 + further);
        self.put_back(grant, on(known.head.granted_generation), on(known.generation));
        if let Some(row) = self.rows.get_mut(id) {
            row.connection.foreign_owner.clone_from(&known.foreign_owner);
            row.connection.next_attempt_at = known.not_before;
        }
    }
}
