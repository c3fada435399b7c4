//! Between the domain and the rows: seals and opens tokens, knows their fingerprints, converts times and names.
//!
//! All of it runs on the calling task; the writer moves sealed bytes only.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

use super::key_ring::{KeyRing, Place};
use super::row::{
    ClaimRow, ClaimedRow, CommitRow, ConnectionRow, GrantRow, RefuseRow, ReleaseRow, SealedRow,
};
use super::shared_text::SharedText;
use super::time::{micros, time};
use crate::domain::facts::{Facts, GrantFact, Quarantined, Refusal, WebhookFact, WebhookState};
use crate::domain::grant::{Connection, NewGrant, OpenClaim};
use crate::domain::ids::{ConnectionId, Generation, InstanceId};
use crate::domain::rotation::{ClaimRequest, Claimed, Commit, Refuse, Release};
use crate::domain::secrets::{AccessToken, RefreshToken};
use crate::domain::token::{DEFAULT_LIFETIME, Lifetime};
use crate::ports::{Handed, StoreError};

const ACCESS_TOKEN: &str = "access_token";
const REFRESH_TOKEN: &str = "refresh_token";

/// The key ring, and the key of the fingerprints, which stays the same when keys rotate.
pub(super) struct Vault {
    ring: KeyRing,
    fingerprints: Zeroizing<[u8; 32]>,
    texts: SharedText,
}

/// A row whose tokens no configured key opens, or that another version wrote.
pub(super) struct Unreadable(pub(super) String);

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable.0)
    }
}

impl Vault {
    pub(super) fn new(ring: KeyRing, fingerprints: Zeroizing<[u8; 32]>) -> Self {
        Self { ring, fingerprints, texts: SharedText::default() }
    }

    /// Keyed, so that whoever has the database cannot tell whether a token he guesses or found is in it.
    pub(super) fn fingerprint(&self, token: &RefreshToken) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.fingerprints[..]) else {
            unreachable!("HMAC takes keys of every length")
        };
        mac.update(token.expose().as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    pub(super) fn grant(&self, grant: &NewGrant) -> Result<GrantRow, StoreError> {
        let id = grant.id.as_str();
        let access_token = grant.access_token.as_ref();
        Ok(GrantRow {
            id: id.into(),
            grant_id: grant.grant_id.to_string(),
            generation: 0,
            granted_generation: 0,
            granted_at: micros(grant.granted_at),
            client_id: owned(&grant.client_id),
            access_token: access_token
                .map(|token| self.seal(id, ACCESS_TOKEN, token.expose()))
                .transpose()?,
            refresh_token: Some(self.seal(id, REFRESH_TOKEN, grant.refresh_token.expose())?),
            refresh_fingerprint: self.fingerprint(&grant.refresh_token),
            expires_at: grant.expires_at.map(micros),
            lifetime: grant.lifetime.seconds(),
            scope: owned(&grant.scope),
            calendly_user: owned(&grant.user),
            calendly_organization: owned(&grant.organization),
            webhook_state: WebhookState::Unknown.as_str(),
            webhook_since: micros(grant.granted_at),
            changed: 0,
        })
    }

    pub(super) fn commit(&self, commit: &Commit) -> Result<CommitRow, StoreError> {
        let id = commit.id.as_str();
        let refresh_token = commit.refresh_token.as_ref();
        Ok(CommitRow {
            id: id.into(),
            grant_id: commit.grant_id.to_string(),
            generation: commit.generation.0,
            access_token: self.seal(id, ACCESS_TOKEN, commit.access_token.expose())?,
            refresh_token: refresh_token
                .map(|token| {
                    self.seal(id, REFRESH_TOKEN, token.expose())
                        .map(|sealed| (sealed, self.fingerprint(token)))
                })
                .transpose()?,
            at_least: commit.row_at_least().0,
            expires_at: micros(commit.expires_at),
            lifetime: commit.lifetime.seconds(),
            scope: owned(&commit.scope),
            calendly_user: owned(&commit.user),
            calendly_organization: owned(&commit.organization),
            foreign_owner: owned(&commit.foreign_owner),
            not_before: commit.not_before.map(micros),
        })
    }

    pub(super) fn claimed(&self, id: &ConnectionId, row: ClaimedRow) -> Result<Claimed, StoreError> {
        let sealed =
            row.refresh_token.ok_or_else(|| unreadable(id.as_str(), "its refresh token is missing"))?;
        Ok(Claimed {
            refresh_token: self.refresh_token(id, &sealed)?,
            client_id: row.client_id.map(Into::into),
            unknown_since: row.unknown_since.map(time),
        })
    }

    pub(super) fn refresh_token(&self, id: &ConnectionId, sealed: &[u8]) -> Result<RefreshToken, Unreadable> {
        Ok(RefreshToken::new(self.open(id.as_str(), REFRESH_TOKEN, sealed)?))
    }

    pub(super) fn connection(&self, row: ConnectionRow) -> Result<Connection, Unreadable> {
        let wrong = |what| unreadable(&row.id, what);
        let granted_at = time(row.granted_at);
        let grant = match (row.refused_reason.as_deref(), row.refused_since) {
            (Some(reason), Some(since)) => GrantFact::Refused {
                reason: Refusal::parse(reason).ok_or_else(|| wrong("refused_reason is not known here"))?,
                since: time(since),
            },
            _ => GrantFact::Live { since: granted_at },
        };
        let claim = match (&row.claim_id, &row.claim_holder, row.claim_at) {
            (Some(id), Some(holder), Some(at)) => Some(OpenClaim {
                id: id.parse().map_err(|_| wrong("claim_id is no UUID"))?,
                holder: holder.parse().map_err(|_| wrong("claim_holder is no UUID"))?,
                at: time(at),
            }),
            _ => None,
        };
        let state = WebhookState::parse(&row.webhook_state);
        let access_token = row.access_token.as_deref();
        Ok(Connection {
            grant_id: row.grant_id.parse().map_err(|_| wrong("grant_id is no UUID"))?,
            generation: Generation(row.generation),
            granted_generation: Generation(row.granted_generation),
            granted_at,
            access_token: access_token
                .map(|sealed| self.open(&row.id, ACCESS_TOKEN, sealed).map(AccessToken::new))
                .transpose()?,
            expires_at: row.expires_at.map(time),
            lifetime: Lifetime::from_seconds(row.lifetime).unwrap_or(DEFAULT_LIFETIME),
            facts: Facts {
                grant,
                webhook: WebhookFact {
                    state: state.ok_or_else(|| wrong("webhook_state is not known here"))?,
                    reason: row.webhook_reason.map(Into::into),
                    since: time(row.webhook_since),
                    verified_at: row.webhook_verified_at.map(time),
                    uri: row.webhook_uri.map(Into::into),
                },
                paused: row.paused_since.map(time),
                quarantined: row.quarantined_since.map(|since| Quarantined {
                    reason: row.quarantine_reason.unwrap_or_default().into(),
                    since: time(since),
                }),
            },
            claim,
            unknown_since: row.unknown_since.map(time),
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            next_attempt_at: row.next_attempt_at.map(time),
            id: row.id.parse().map_err(|_| unreadable(&row.id, "its id is none"))?,
            client_id: row.client_id.map(|text| self.texts.get(&text)),
            scope: row.scope.map(|text| self.texts.get(&text)),
            user: row.calendly_user.map(Into::into),
            organization: row.calendly_organization.map(Into::into),
            foreign_owner: row.foreign_owner.map(Into::into),
        })
    }

    pub(super) fn handed(&self, row: ConnectionRow, sealed: Option<Vec<u8>>) -> Result<Handed, Unreadable> {
        let connection = self.connection(row)?;
        let sealed =
            sealed.ok_or_else(|| unreadable(connection.id.as_str(), "its refresh token is missing"))?;
        let refresh_token = self.refresh_token(&connection.id, &sealed)?;
        Ok(Handed { connection, refresh_token })
    }

    /// The row with its tokens sealed by the first key; `None` where they are already.
    pub(super) fn resealed(&self, row: SealedRow) -> Result<Option<SealedRow>, Unreadable> {
        if [&row.access_token, &row.refresh_token]
            .into_iter()
            .flatten()
            .all(|sealed| self.ring.is_first(sealed))
        {
            return Ok(None);
        }
        let again = |column, sealed: Option<Vec<u8>>| -> Result<Option<Vec<u8>>, Unreadable> {
            let Some(sealed) = sealed else { return Ok(None) };
            let text = self.open(&row.id, column, &sealed)?;
            self.seal(&row.id, column, &text)
                .map(Some)
                .map_err(|_| unreadable(&row.id, &format!("its {column} could not be sealed")))
        };
        let access_token = again(ACCESS_TOKEN, row.access_token)?;
        let refresh_token = again(REFRESH_TOKEN, row.refresh_token)?;
        Ok(Some(SealedRow { access_token, refresh_token, ..row }))
    }

    /// Something of the database's own, sealed by the first key; `None` where it is already, or no key opens it.
    pub(super) fn resealed_own(&self, place: Place<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
        if self.ring.is_first(sealed) {
            return None;
        }
        self.ring.seal(place, &self.ring.open(place, sealed)?)
    }

    /// The ids of the keys, the sealing one first.
    pub(super) fn keys(&self) -> Vec<String> {
        self.ring.ids()
    }

    fn seal(&self, row: &str, column: &str, text: &str) -> Result<Vec<u8>, StoreError> {
        self.ring
            .seal(Place { row, column }, text.as_bytes())
            .ok_or_else(|| StoreError::Refused(format!("connection {row}: {column} could not be sealed")))
    }

    fn open(&self, row: &str, column: &str, sealed: &[u8]) -> Result<String, Unreadable> {
        let opened = self.ring.open(Place { row, column }, sealed);
        let text = opened.and_then(|bytes| std::str::from_utf8(&bytes).ok().map(str::to_owned));
        text.ok_or_else(|| unreadable(row, &format!("no configured encryption key opens its {column}")))
    }
}

pub(super) fn claim(request: &ClaimRequest<'_>, holder: InstanceId) -> ClaimRow {
    ClaimRow {
        id: request.id.as_str().into(),
        grant_id: request.grant_id.to_string(),
        generation: request.generation.0,
        claim_id: request.claim_id.to_string(),
        holder: holder.to_string(),
        at: micros(request.at),
        seize: request.seize.map(|claim| claim.to_string()),
    }
}

pub(super) fn release(release: &Release) -> ReleaseRow {
    ReleaseRow {
        id: release.id.as_str().into(),
        claim_id: release.claim_id.to_string(),
        unknown_since: release.unknown_since.map(micros),
        attempts: release.attempts.into(),
        next_attempt_at: micros(release.next_attempt_at),
    }
}

pub(super) fn refuse(refuse: &Refuse) -> RefuseRow {
    RefuseRow {
        id: refuse.id.as_str().into(),
        grant_id: refuse.grant_id.to_string(),
        generation: refuse.generation.0,
        reason: refuse.reason.as_str(),
        at: micros(refuse.at),
    }
}

fn owned(text: &Option<Box<str>>) -> Option<String> {
    text.as_deref().map(str::to_owned)
}

fn unreadable(id: &str, what: &str) -> Unreadable {
    Unreadable(format!("connection {id} cannot be read: {what}"))
}
