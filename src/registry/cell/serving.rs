//! The token in a cell, for whoever uses or serves it: the one that lives, that Calendly refused it, that a fresh one is
//! wanted, that one has come.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::futures::Notified;

use super::{Cell, lock};
use crate::domain::facts::GrantFact;
use crate::domain::ids::{Generation, GrantId};
use crate::domain::secrets::AccessToken;

/// A token with less left than this is not used for a call: it could end on the way.
const USABLE_REST: TimeDelta = TimeDelta::seconds(3);

/// A token that can be used now.
#[derive(Clone, Debug)]
pub struct Living {
    /// The token.
    pub token: AccessToken,
    /// Which grant it is of.
    pub grant_id: GrantId,
    /// Which pair it is of.
    pub generation: Generation,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl Cell {
    /// The token, where there is one that can be used at `now` and was not rejected.
    #[must_use]
    pub fn living(&self, now: DateTime<Utc>) -> Option<Living> {
        let state = lock(&self.state);
        let row = &state.row;
        let usable = !state.deleted
            && row.foreign_owner.is_none()
            && state.rejected != Some(row.generation)
            && matches!(row.facts.grant, GrantFact::Live { .. });
        let expires_at = row.expires_at.filter(|at| usable && *at - USABLE_REST > now)?;
        let token = row.access_token.clone()?;
        Some(Living { token, grant_id: row.grant_id, generation: row.generation, expires_at })
    }

    /// Calendly refused this generation's access token. True the first time.
    ///
    /// One refresh follows at once; where the fresh token is refused too, each next one waits twice as long.
    pub fn reject(&self, generation: Generation, now: DateTime<Utc>) -> bool {
        let mut state = lock(&self.state);
        let first = state.row.generation == generation && state.rejected != Some(generation);
        if first {
            state.rejected = Some(generation);
            state.rejections += 1;
            if state.rejections > 1 {
                state.row.next_attempt_at = Some(now + rest_after(state.rejections));
            }
        }
        first
    }

    /// Calendly accepted the token.
    pub fn accepted(&self) {
        lock(&self.state).rejections = 0;
    }

    /// Whether this generation's access token was refused.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        let state = lock(&self.state);
        state.rejected == Some(state.row.generation)
    }

    /// Somebody wants a fresh token in the place of this generation's. Nothing where a later one is there already.
    pub fn ask_for_successor(&self, of: Generation) {
        let mut state = lock(&self.state);
        if state.row.generation == of {
            state.asked = Some(of);
        }
    }

    /// When the token that is here was issued, as far as is known.
    #[must_use]
    pub fn issued_at(&self) -> Option<DateTime<Utc>> {
        let row = &lock(&self.state).row;
        row.expires_at.map(|end| end - row.lifetime.delta())
    }

    /// The whole life of a token.
    #[must_use]
    pub fn lifetime(&self) -> TimeDelta {
        lock(&self.state).row.lifetime.delta()
    }

    /// Ends when a new pair, a new grant, a refusal, a pause or a deletion comes. To be enabled before the cell is looked
    /// at, so that nothing is missed between.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

/// A minute after the second refused token in a row, doubling to an hour.
fn rest_after(rejections: u32) -> TimeDelta {
    TimeDelta::minutes(1_i64.checked_shl(rejections.saturating_sub(2)).unwrap_or(60).clamp(1, 60))
}
