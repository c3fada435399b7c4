//! The database: statements that are whole or not at all, guarded as the store's are.

use super::forward::{self, Lacks};
use super::guards::{Guard, Removed};
use super::world::{Claim, Late, NINETY, Pair, Record, Row, Statement, Task, World};

/// Whether a statement about `pair` is about this row's grant.
fn is_same_grant(row: &Row, pair: Pair, removed: Removed) -> bool {
    row.pair.grant == pair.grant || !removed.keeps(Guard::GrantId)
}

/// Grant and generation are those of the row, and it lives.
fn is_current(row: &Row, pair: Pair, removed: Removed) -> bool {
    is_same_grant(row, pair, removed) && row.pair.generation == pair.generation && !row.deleted
}

/// Facts and identity, as a claim asks for them.
pub(crate) fn may_claim(row: &Row, pair: Pair, removed: Removed) -> bool {
    let facts = !row.refused && !row.paused || !removed.keeps(Guard::ClaimGuardedByFacts);
    is_current(row, pair, removed) && facts
}

/// Marks the row; true where it was free.
pub(crate) fn claim(world: &mut World, holder: usize, pair: Pair, removed: Removed) -> bool {
    let row = world.database.stored.row;
    let is_free = row.claim.is_none_or(|found| {
        let settled = world.database.stored.replayed[found.holder()]
            || world.keepers[found.holder()].gone // the old access token is about to end
            || !removed.keeps(Guard::UnreplayedClaimsLive);
        let dead = found.age >= NINETY && settled && removed.keeps(Guard::ForeignClaimsDie);
        found.holder() == holder || dead || !removed.keeps(Guard::ForeignClaimsLive)
    });
    let locked = world.database.lock == Some(holder) || !removed.keeps(Guard::ClaimChecksLock);
    if !(is_free && locked && may_claim(&row, pair, removed)) {
        return false;
    }
    if row.refused || row.paused {
        world.broken("a paused or refused grant is claimed");
    }
    if world.is_spent(row.pair.token) {
        world.judge_spent_claim(holder, row.pair.token);
    }
    world.database.stored.row.claim = Some(Claim::by(holder));
    // What comes of it is in its journal at first.
    world.database.stored.replayed[holder] = false;
    true
}

/// Ends a claim without a pair.
pub(crate) fn release(world: &mut World, holder: usize, pair: Pair) {
    let row = &mut world.database.stored.row;
    if row.claim.is_some_and(|claim| claim.holder() == holder) && row.pair == pair {
        row.claim = None;
    }
}

/// Takes a pair, guarded by grant and `generation <`.
pub(crate) fn commit(world: &mut World, pair: Pair, removed: Removed) -> Statement {
    let row = &mut world.database.stored.row;
    if is_same_grant(row, pair, removed) && row.pair.generation < pair.generation && !row.deleted {
        keep(row, pair);
        return Statement::Done;
    }
    if row.pair == pair { Statement::Done } else { Statement::Superseded(*row) }
}

fn keep(row: &mut Row, pair: Pair) {
    // The token columns and the generation: whose row it is stays.
    row.pair = Pair { grant: row.pair.grant, ..pair };
    row.refused = false;
    row.claim = None;
}

/// Marks the grant as gone.
pub(crate) fn refuse(world: &mut World, pair: Pair, removed: Removed) -> Statement {
    let row = world.database.stored.row;
    if !is_current(&row, pair, removed) && removed.keeps(Guard::RefusalByGeneration) {
        return Statement::Superseded(row);
    }
    if !row.deleted
        && !world.server.dead[usize::from(row.pair.token.grant)]
        && world.is_healthy(row.pair.token.grant)
    {
        world.broken("a healthy grant is marked refused");
    }
    let row = &mut world.database.stored.row;
    row.refused = true;
    row.claim = None;
    Statement::Done
}

/// What was claimed through an earlier session of the keeper lock, and not carried out yet, is not given.
pub(crate) fn void_claims(world: &mut World, holder: usize, removed: Removed) {
    if removed.keeps(Guard::ClaimChecksLock) {
        let row = world.database.stored.row;
        for task in &mut world.keepers[holder].tasks {
            if let Task::Claiming { at: at @ Statement::Sent, .. } = task {
                *at = Statement::Superseded(row);
            }
        }
        world.database.late.take_if(|late| matches!(late, Late::Claim(by, _) if *by == holder));
    }
}

/// Writes what a keeper knows and the row has lost.
pub(crate) fn write_forward(row: &mut Row, record: Record, removed: Removed) {
    match forward::lacks(row, record, removed) {
        Lacks::Nothing => {}
        Lacks::Pair => keep(row, record.pair),
        Lacks::Grant => *row = Row { paused: row.paused, ..Row::new(record.pair) },
        Lacks::Deletion => {
            row.deleted = true;
            if row.pair.grant < record.pair.grant && removed.keeps(Guard::TombstoneOfTheDeleted) {
                row.pair = record.pair;
            }
        }
    }
}

/// A statement is carried out after its sender has gone.
pub(crate) fn late(world: &mut World, removed: Removed) {
    match world.database.late.take() {
        Some(Late::Claim(holder, pair)) => {
            claim(world, holder, pair, removed);
        }
        Some(Late::Commit(pair)) => {
            commit(world, pair, removed);
        }
        Some(Late::Refuse(pair)) => {
            refuse(world, pair, removed);
        }
        None => {}
    }
}
