//! What a row that went back lacks of what is known. Never the other way.

use chrono::{DateTime, Utc};

use super::{Deletion, Known, KnownGrant};
use crate::domain::ids::{Generation, GrantId};

/// What a database holds under an id, living or a tombstone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Of which grant.
    pub grant_id: GrantId,
    /// When that was given.
    pub granted_at: DateTime<Utc>,
    /// Of the pair.
    pub generation: Generation,
    /// With which the grant began.
    pub granted_generation: Generation,
    /// Only a tombstone is left.
    pub deleted: bool,
    /// The marker of its latest grant, deletion or pause.
    pub changed: i64,
}

/// What is to be written so that a row is as new as what is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forward {
    /// About its tokens.
    pub tokens: Tokens,
    /// So many generations further on than they are known: a connection's generation never goes back, though an older
    /// grant may have gone further than this one.
    pub further: i64,
    /// The row is to be a tombstone again.
    pub delete: bool,
    /// The known pause, or its end, is to be set.
    pub pause: bool,
}

/// What a row that went back lacks of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tokens {
    /// Nothing.
    #[default]
    Current,
    /// A later pair of its grant.
    Pair,
    /// The whole grant.
    Grant,
    /// Nothing can be written: the row went back, and the refresh token is not known here.
    Lost,
    /// The row is of a later grant, or deleted: the known pair is nobody's any more.
    Superseded,
}

impl Known {
    /// What the database lacks. `None`: it has no such row at all, not even a tombstone.
    #[must_use]
    pub fn forward(&self, row: Option<&Stored>) -> Forward {
        let tokens = self.grant.as_ref().map_or(Tokens::Current, |known| known.lacks(row, self.deleted));
        // Whoever is given back a whole grant is not deleted with it: that grant came after the deletion.
        let delete = tokens != Tokens::Grant
            && self.deleted.is_some_and(|deletion| match row {
                Some(row) if row.deleted => row.granted_at < deletion.granted_at, // an earlier deletion's
                Some(row) => row.granted_at <= deletion.granted_at,
                // Without a tombstone, whoever knows the grant and not its end would bring it back.
                None => true,
            });
        let pause = !delete
            && self.latest_pause().is_some_and(|(_, marker)| match row {
                Some(row) => (!row.deleted || tokens == Tokens::Grant) && row.changed < marker,
                None => tokens == Tokens::Grant,
            });
        let further = self.grant.as_ref().zip(row).map_or(0, |(known, row)| known.further(row, tokens));
        Forward { tokens, further, delete, pause }
    }

    /// The deleted grant with the latest of its pairs, as far as that is known: one may have come after the deletion.
    #[must_use]
    pub fn deleted_grant(&self) -> Option<&KnownGrant> {
        let deleted = self.deleted?.grant_id;
        self.grant.as_ref().filter(|grant| grant.head.grant_id == deleted)
    }

    /// How far the deleted grant had come. Generations begin with 1.
    #[must_use]
    pub fn deleted_generation(&self) -> Generation {
        let deleted = self.deleted.map_or(Generation(1), |deletion| deletion.generation.max(Generation(1)));
        self.deleted_grant().map_or(deleted, |grant| grant.generation.max(deleted))
    }

    /// A deletion ends what was paused before it.
    fn latest_pause(&self) -> Option<(Option<DateTime<Utc>>, i64)> {
        self.paused.filter(|(_, marker)| self.deleted.is_none_or(|deletion| deletion.marker < *marker))
    }
}

impl Stored {
    fn rotations(&self) -> i64 {
        self.generation.0 - self.granted_generation.0
    }
}

impl KnownGrant {
    fn further(&self, row: &Stored, tokens: Tokens) -> i64 {
        let further = match tokens {
            Tokens::Grant => row.generation.0 + 1 - self.generation.0,
            Tokens::Pair => row.granted_generation.0 - self.head.granted_generation.0,
            Tokens::Current | Tokens::Lost | Tokens::Superseded => 0,
        };
        further.max(0)
    }

    fn lacks(&self, row: Option<&Stored>, deleted: Option<Deletion>) -> Tokens {
        if deleted.is_some_and(|deletion| deletion.granted_at >= self.head.granted_at) {
            return Tokens::Current; // it was deleted after all this
        }
        let whole = if self.refresh_token.is_some() { Tokens::Grant } else { Tokens::Lost };
        match row {
            None => whole,
            Some(row) if row.grant_id == self.head.grant_id => {
                let token_since = self.token_since.0 - self.head.granted_generation.0;
                if row.rotations() >= self.rotations() {
                    Tokens::Current
                } else if row.deleted {
                    Tokens::Superseded
                } else if self.refresh_token.is_some() || row.rotations() >= token_since {
                    Tokens::Pair
                } else {
                    Tokens::Lost
                }
            }
            Some(row) if row.granted_at < self.head.granted_at => whole,
            Some(_) => Tokens::Superseded,
        }
    }
}
