//! What a journal knows, as rows; and what came of each in the database.

use chrono::{DateTime, Utc};

use super::clean;
use super::row::{CommitRow, FingerprintRow, GrantRow, StoredRow};
use super::time::{micros, time};
use super::vault::Vault;
use crate::domain::facts::WebhookState;
use crate::domain::ids::{ConnectionId, Generation};
use crate::domain::journal::{Deletion, Forward, Known, KnownGrant, Stored, Tokens};
use crate::domain::token::DEFAULT_LIFETIME;
use crate::ports::{Forwarded, StoreError};

/// One connection's known state and the rows that it would make.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) id: String,
    pub(super) known: Known,
    /// The whole grant, where its refresh token is known. Its generation is the one before the pair's.
    pub(super) grant: Option<(GrantRow, FingerprintRow)>,
    /// The latest pair.
    pub(super) commit: Option<CommitRow>,
}

/// What came of it.
pub(super) struct Applied {
    pub(super) id: String,
    pub(super) forward: Forward,
    /// The pause that was set, with its new marker.
    pub(super) paused: Option<(Option<DateTime<Utc>>, i64)>,
    /// The known refresh token was never in the database.
    pub(super) is_new: bool,
}

impl Offer {
    pub(super) fn new(vault: &Vault, id: &ConnectionId, known: Known) -> Result<Self, StoreError> {
        let known = clean::known(known);
        let (mut grant, mut commit) = (None, None);
        if let Some(grant_known) = &known.grant {
            commit = grant_known.pair(id).map(|pair| vault.commit(&pair)).transpose()?.map(|mut row| {
                // Several answers in a row may have brought none.
                row.at_least = row.at_least.min(grant_known.token_since.0);
                row
            });
            grant = grant_known.whole(id).map(|grant| vault.grant(&grant)).transpose()?.map(|mut row| {
                let head = &grant_known.head;
                row.granted_generation = head.granted_generation.0;
                row.generation = grant_known.generation.0 - i64::from(commit.is_some());
                let print = FingerprintRow {
                    fingerprint: row.refresh_fingerprint.clone(),
                    connection_id: row.id.clone(),
                };
                (row, print)
            });
        }
        Ok(Self { id: id.as_str().into(), known, grant, commit })
    }

    /// The row of a deletion that the database knows nothing of, before it is erased; with the fingerprint of its last
    /// refresh token, where that is known.
    pub(super) fn tombstone(&self, deletion: Deletion) -> (GrantRow, Option<FingerprintRow>) {
        let print = self.known.deleted_grant().and(self.grant.as_ref()).map(|(_, print)| print.clone());
        let generation = self.known.deleted_generation().0;
        let row = GrantRow {
            id: self.id.clone(),
            grant_id: deletion.grant_id.to_string(),
            generation,
            granted_generation: generation,
            granted_at: micros(deletion.granted_at),
            client_id: None,
            access_token: None,
            refresh_token: None,
            // No token has none.
            refresh_fingerprint: print.as_ref().map_or_else(Vec::new, |print| print.fingerprint.clone()),
            expires_at: None,
            lifetime: DEFAULT_LIFETIME.seconds(),
            scope: None,
            calendly_user: None,
            calendly_organization: None,
            webhook_state: WebhookState::Unknown.as_str(),
            webhook_since: micros(deletion.at),
            changed: 0,
        };
        (row, print)
    }

    pub(super) fn fingerprint(&self) -> Option<&Vec<u8>> {
        self.grant.as_ref().map(|(_, print)| &print.fingerprint)
    }
}

impl Applied {
    /// `None` where there is nothing to tell.
    pub(super) fn forwarded(self, id: ConnectionId, known: Option<&KnownGrant>) -> Option<Forwarded> {
        let Forward { tokens, delete, pause, .. } = self.forward;
        let stray = tokens == Tokens::Superseded && self.is_new;
        let revoke = known.filter(|_| stray).and_then(|known| known.refresh_token.clone());
        let nothing = tokens == Tokens::Current || (tokens == Tokens::Superseded && revoke.is_none());
        let told = !nothing || delete || pause;
        told.then_some(Forwarded { id, tokens, deleted: delete, paused: pause, revoke })
    }
}

impl StoredRow {
    /// `None` where another version wrote its grant id.
    pub(super) fn stored(&self) -> Option<Stored> {
        Some(Stored {
            grant_id: self.grant_id.parse().ok()?,
            granted_at: time(self.granted_at),
            generation: Generation(self.generation),
            granted_generation: Generation(self.granted_generation),
            deleted: self.deleted_at.is_some(),
            changed: self.changed,
        })
    }
}

/// Sorted and distinct, as the batch wants them.
pub(super) fn offers(vault: &Vault, known: Vec<(ConnectionId, Known)>) -> Result<Vec<Offer>, StoreError> {
    let mut offers: Vec<_> =
        known.into_iter().map(|(id, known)| Offer::new(vault, &id, known)).collect::<Result<_, _>>()?;
    offers.sort_by(|a, b| a.id.cmp(&b.id));
    offers.dedup_by(|a, b| a.id == b.id);
    Ok(offers)
}
