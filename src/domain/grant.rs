//! A connection as stored, a grant as offered, and what to do with an offer.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::facts::Facts;
use super::ids::{ClaimId, ConnectionId, Generation, GrantId, InstanceId};
use super::secrets::{AccessToken, RefreshToken};
use super::token::Lifetime;

/// A connection as the store knows it. The refresh token is not in it: only a claim returns that.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The application's id.
    pub id: ConnectionId,
    /// Which authorization.
    pub grant_id: GrantId,
    /// Of the stored pair.
    pub generation: Generation,
    /// The generation with which this grant began.
    pub granted_generation: Generation,
    /// When this grant was given to the keeper.
    pub granted_at: DateTime<Utc>,
    /// The OAuth client that the grant was issued to.
    pub client_id: Option<Arc<str>>,
    /// `None` where an import had none.
    pub access_token: Option<AccessToken>,
    /// When the access token ends; `None` where that is not known.
    pub expires_at: Option<DateTime<Utc>>,
    /// The access token's whole lifetime.
    pub lifetime: Lifetime,
    /// Granted scopes, separated by blanks.
    pub scope: Option<Arc<str>>,
    /// The user's URI.
    pub user: Option<Box<str>>,
    /// The organization's URI.
    pub organization: Option<Box<str>>,
    /// The user whose tokens these turned out to be, where it is another than `user`: kept, but not served.
    pub foreign_owner: Option<Box<str>>,
    /// Everything else that is known.
    pub facts: Facts,
    /// The refresh that is or was under way.
    pub claim: Option<OpenClaim>,
    /// Since when it is not known whether the stored refresh token was consumed.
    pub unknown_since: Option<DateTime<Utc>>,
    /// Failed attempts in a row.
    pub attempts: u32,
    /// No attempt before.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

impl Connection {
    /// How often this grant was rotated: what two states of one grant are compared by. Written forward over a grant that had
    /// gone further, it begins with another generation.
    #[must_use]
    pub fn rotations(&self) -> i64 {
        self.generation.0 - self.granted_generation.0
    }
}

/// A durable mark that a generation is being refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenClaim {
    /// The attempt.
    pub id: ClaimId,
    /// Whose.
    pub holder: InstanceId,
    /// When it was made.
    pub at: DateTime<Utc>,
}

/// A grant as handed over: by an import line, later by `PUT` or the connect flow.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// The application's id.
    pub id: ConnectionId,
    /// The random id of this grant.
    pub grant_id: GrantId,
    /// Now.
    pub granted_at: DateTime<Utc>,
    /// The OAuth client that it was issued to.
    pub client_id: Option<Box<str>>,
    /// May be absent: then it is refreshed at once.
    pub access_token: Option<AccessToken>,
    /// What the grant lives in.
    pub refresh_token: RefreshToken,
    /// May be absent: then it is refreshed at once.
    pub expires_at: Option<DateTime<Utc>>,
    /// The access token's whole lifetime.
    pub lifetime: Lifetime,
    /// Granted scopes.
    pub scope: Option<Box<str>>,
    /// The user's URI.
    pub user: Option<Box<str>>,
    /// The organization's URI.
    pub organization: Option<Box<str>>,
    /// Replace whatever is stored, even something newer (the connect flow, `"replace":true`).
    pub replace: bool,
}

/// What the store knows under an offered grant's id.
#[derive(Clone, Copy, Debug)]
pub struct Existing {
    /// Only a tombstone is left.
    pub deleted: bool,
    /// Where its generations stand.
    pub generation: Generation,
    /// When its access token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// The offered refresh token is the very one stored now (or last, for a tombstone).
    pub holds_offered_token: bool,
}

/// Under whose id an offered refresh token has been seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Never.
    Never,
    /// Under the same id.
    Here,
    /// Under another one.
    Elsewhere(ConnectionId),
}

/// What becomes of an offered grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// A new connection.
    Created(Generation),
    /// The new grant takes the old one's place.
    Replaced(Generation),
    /// The refresh token is known here already.
    Unchanged,
    /// What is stored is as new or newer.
    Older,
    /// The connection was deleted, and the token had been used up before.
    UsedUp,
    /// The token belongs to another connection.
    BelongsTo(ConnectionId),
}

/// What became of an offered grant in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What was decided.
    pub put: Put,
    /// When the grant counts as given, where it was stored: later than the one before it, whatever the clock says.
    pub granted_at: DateTime<Utc>,
}

impl Given {
    /// With which generation it began, where it was stored.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        match self.put {
            Put::Created(generation) | Put::Replaced(generation) => Some(generation),
            Put::Unchanged | Put::Older | Put::UsedUp | Put::BelongsTo(_) => None,
        }
    }
}

/// Decides about an offer. A token seen before changes nothing, under another id it is refused;
/// a stored grant gives way only to a later `expires_at`.
#[must_use]
pub fn decide_put(existing: Option<&Existing>, offer: &NewGrant, seen: &Seen) -> Put {
    if let Seen::Elsewhere(other) = seen {
        return Put::BelongsTo(other.clone());
    }
    let Some(existing) = existing else { return Put::Created(Generation(1)) };
    let next = existing.generation.next();
    match (existing.deleted, seen) {
        (true, Seen::Here) if !existing.holds_offered_token => Put::UsedUp,
        (true, _) => Put::Created(next),
        (false, Seen::Here) => Put::Unchanged,
        (false, _) if offer.replace || offer.expires_at > existing.expires_at => Put::Replaced(next),
        (false, _) => Put::Older,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn offer(expires_at: Option<DateTime<Utc>>, replace: bool) -> NewGrant {
        NewGrant {
            id: "a".parse().unwrap(),
            grant_id: GrantId::new(uuid::Uuid::nil()),
            granted_at: at(0),
            client_id: None,
            access_token: None,
            refresh_token: RefreshToken::new("r"),
            expires_at,
            lifetime: super::super::token::DEFAULT_LIFETIME,
            scope: None,
            user: None,
            organization: None,
            replace,
        }
    }

    fn stored(deleted: bool, holds_offered_token: bool) -> Existing {
        Existing { deleted, generation: Generation(7), expires_at: Some(at(100)), holds_offered_token }
    }

    #[test]
    fn a_new_id_is_created_with_the_first_generation() {
        assert_eq!(decide_put(None, &offer(None, false), &Seen::Never), Put::Created(Generation(1)));
    }

    #[test]
    fn a_stored_grant_gives_way_only_to_a_later_expiry() {
        let existing = stored(false, false);
        let decide =
            |expires_at, replace| decide_put(Some(&existing), &offer(expires_at, replace), &Seen::Never);
        assert_eq!(decide(Some(at(101)), false), Put::Replaced(Generation(8)));
        assert_eq!(decide(Some(at(100)), false), Put::Older);
        assert_eq!(decide(None, false), Put::Older, "without expires_at a line is never newer");
        assert_eq!(decide(None, true), Put::Replaced(Generation(8)));
    }

    #[test]
    fn a_known_token_changes_nothing_and_under_another_id_it_is_refused() {
        let existing = stored(false, true);
        assert_eq!(decide_put(Some(&existing), &offer(Some(at(999)), true), &Seen::Here), Put::Unchanged);
        let elsewhere = Seen::Elsewhere("b".parse().unwrap());
        assert_eq!(decide_put(None, &offer(None, false), &elsewhere), Put::BelongsTo("b".parse().unwrap()));
    }

    #[test]
    fn generations_survive_deletion() {
        let decide = |holds, seen| decide_put(Some(&stored(true, holds)), &offer(None, false), &seen);
        assert_eq!(decide(false, Seen::Never), Put::Created(Generation(8)));
        assert_eq!(decide(true, Seen::Here), Put::Created(Generation(8)), "the last token may be given back");
        assert_eq!(decide(false, Seen::Here), Put::UsedUp);
    }
}
