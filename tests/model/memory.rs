//! What a keeper knows: its cell goes forward only, and says whether a rotation may start.

use calendly_keeper::domain::decision::{Next, TokenView, next_refresh};
use chrono::{DateTime, TimeDelta};

use super::guards::{Guard, Removed};
use super::world::{Due, Keeper, Memory, Pair, Record, Row, Token, World};

impl Keeper {
    /// Knows that this token's grant was deleted or replaced.
    pub(crate) fn knows_over(&self, token: Token) -> bool {
        let over = |pair: Pair, deleted: bool| (pair.grant, deleted) > (token.grant, false);
        self.journal.is_some_and(|record| over(record.pair, record.deleted))
            || self.memory.is_some_and(|known| over(known.pair, known.deleted))
    }

    /// A record takes the place of an older one.
    pub(crate) fn append(&mut self, record: Record) {
        if self.journal.is_none_or(|known| known.order() < record.order()) {
            self.journal = Some(record);
        }
    }
}

/// Takes a row over, as `Cell::adopt` does, tombstones by their grant as well.
pub(crate) fn adopt(world: &mut World, keeper: usize, removed: Removed) {
    let row = world.database.stored.row;
    let Some(known) = world.keepers[keeper].memory else { return };
    let went_back = match (removed.keeps(Guard::GrantId), row.pair.grant == known.pair.grant) {
        (true, false) => row.pair.grant < known.pair.grant,
        _ => row.pair.generation < known.pair.generation || known.deleted && !row.deleted,
    };
    let adopted = if went_back && removed.keeps(Guard::ReloadGoesForward) {
        // Pauses come from outside.
        let same = row.pair.grant == known.pair.grant;
        Memory { paused: if same { row.paused } else { known.paused }, ..known }
    } else {
        Memory::of(row)
    };
    world.keepers[keeper].memory = Some(adopted);
    learn(world, row);
}

/// Of a grant that a keeper has read nothing is promised yet, but it may not be thrown away either.
fn learn(world: &mut World, row: Row) {
    let grant = usize::from(row.pair.token.grant);
    let is_current = world.server.current[grant] == row.pair.token.number;
    let is_wanted = world.user.grant == row.pair.grant && !world.user.deleted;
    if !row.deleted && is_current && is_wanted && world.server.due[grant] == Due::Nothing {
        world.server.due[grant] = Due::Known;
    }
}

/// The successor of what is known.
pub(crate) fn keep(memory: &mut Option<Memory>, pair: Pair) {
    let Some(known) = memory else { return };
    if known.pair.grant == pair.grant && known.pair.generation < pair.generation {
        known.pair = pair;
        known.refused = false;
    }
}

/// Whether a rotation is due, by the keeper's own decision: the access token may end at any time here.
pub(crate) fn is_due(memory: &Memory) -> bool {
    let now = DateTime::UNIX_EPOCH;
    let ended = Some(now - TimeDelta::seconds(1));
    let view = TokenView {
        asked: false,
        may_refresh: !memory.deleted && !memory.refused && !memory.paused,
        has_access_token: true,
        expires_at: ended,
        refresh_at: ended,
        unknown: false,
        rejected: false,
        withheld: false,
        not_before: None,
    };
    matches!(next_refresh(&view, now), Next::Now(_))
}
