//! The words of a rotation's protocol: what a claim, a commit, a release and a refusal say to the store.

use chrono::{DateTime, Utc};

use super::facts::Refusal;
use super::grant::Connection;
use super::ids::{ClaimId, ConnectionId, Generation, GrantId};
use super::secrets::{AccessToken, RefreshToken};
use super::token::Lifetime;

/// Asks for the refresh token of `(grant_id, generation)`, to be sent once.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest<'a> {
    /// Whose.
    pub id: &'a ConnectionId,
    /// Guard.
    pub grant_id: GrantId,
    /// Guard.
    pub generation: Generation,
    /// The new attempt.
    pub claim_id: ClaimId,
    /// Now.
    pub at: DateTime<Utc>,
    /// A claim found in the row whose task is known to be dead, taken over by compare-and-swap.
    pub seize: Option<ClaimId>,
}

/// A claim that was granted.
#[derive(Debug)]
pub struct Claimed {
    /// To be sent to the token endpoint within 5 s, once.
    pub refresh_token: RefreshToken,
    /// The OAuth client that the grant was issued to.
    pub client_id: Option<Box<str>>,
    /// Since when an earlier attempt's outcome is not known (a seized claim counts).
    pub unknown_since: Option<DateTime<Utc>>,
}

/// A pair to be kept: guarded by `grant_id` and `generation <` the pair's, not by the claim.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose.
    pub id: ConnectionId,
    /// Guard.
    pub grant_id: GrantId,
    /// The pair's.
    pub generation: Generation,
    /// New.
    pub access_token: AccessToken,
    /// New, or the one that was sent. `None`: the row's stays, which has to be of the pair before.
    pub refresh_token: Option<RefreshToken>,
    /// When the access token ends.
    pub expires_at: DateTime<Utc>,
    /// Its whole lifetime.
    pub lifetime: Lifetime,
    /// Said by the answer; `None` leaves what is stored.
    pub scope: Option<Box<str>>,
    /// Said by the answer, fills in what is not known.
    pub user: Option<Box<str>>,
    /// Said by the answer, fills in what is not known.
    pub organization: Option<Box<str>>,
    /// The answer's owner, where it is another than the connection's user.
    pub foreign_owner: Option<Box<str>>,
    /// No refresh before, where the answer's expiry was odd.
    pub not_before: Option<DateTime<Utc>>,
}

impl Commit {
    /// The generation that a row must have come to for the pair to be whole there.
    #[must_use]
    pub fn row_at_least(&self) -> Generation {
        match self.refresh_token {
            Some(_) => Generation(0),
            None => Generation(self.generation.0.saturating_sub(1)),
        }
    }
}

/// What came of a commit.
#[derive(Debug)]
pub enum Committed {
    /// Durable.
    Kept,
    /// The row has moved on: another grant, a deletion, or a later generation.
    Superseded(Option<Box<Connection>>),
}

/// Ends a claim without a new pair.
#[derive(Clone, Debug)]
pub struct Release {
    /// Whose.
    pub id: ConnectionId,
    /// Guard.
    pub claim_id: ClaimId,
    /// The token may have been consumed: since when.
    pub unknown_since: Option<DateTime<Utc>>,
    /// Failed attempts in a row.
    pub attempts: u32,
    /// No attempt before.
    pub next_attempt_at: DateTime<Utc>,
}

/// Marks a grant as gone, guarded by `(grant_id, generation)`; deletes nothing.
#[derive(Clone, Debug)]
pub struct Refuse {
    /// Whose.
    pub id: ConnectionId,
    /// Guard.
    pub grant_id: GrantId,
    /// Guard.
    pub generation: Generation,
    /// As what it was recognised.
    pub reason: Refusal,
    /// Now.
    pub at: DateTime<Utc>,
}
