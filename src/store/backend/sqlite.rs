//! SQLite: whole batches in one hop to the blocking pool, one writer at a time.

use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

use super::{Keep, either, either_text, granted};
use crate::store::batch::{Done, Op};
use crate::store::row::{ClaimRow, ClaimedRow, CommitRow, EntryRow, FingerprintRow, GrantRow};
use crate::store::schema::{connections::dsl as c, fingerprints::dsl as f, timeline};

pub(crate) type Conn = SyncConnectionWrapper<SqliteConnection>;
pub(crate) type Database = diesel::sqlite::Sqlite;

/// Takes the write lock at once: a lock taken half-way could fail after something was read.
macro_rules! write_transaction {
    ($db:expr, $body:expr) => {
        $db.immediate_transaction($body).await
    };
}

/// The write lock is held already.
macro_rules! for_update {
    ($query:expr) => {
        $query
    };
}

#[path = "../queries/mod.rs"]
pub(crate) mod queries;

/// New grants and their fingerprints.
pub(crate) async fn write_grants(
    db: &mut Conn,
    rows: Vec<GrantRow>,
    fingerprints: Vec<FingerprintRow>,
) -> QueryResult<()> {
    let write = move |db: &mut SqliteConnection| {
        for row in rows {
            let insert = diesel::insert_into(c::connections).values(row);
            Keep(insert.on_conflict(c::id).do_update().set(granted!())).execute(db)?;
        }
        for row in fingerprints {
            diesel::insert_into(f::fingerprints).values(row).execute(db)?;
        }
        Ok(())
    };
    db.spawn_blocking(write).await
}

/// Timeline entries.
pub(crate) async fn write_entries(db: &mut Conn, entries: Vec<EntryRow>) -> QueryResult<()> {
    let write = move |db: &mut SqliteConnection| {
        for entry in entries {
            diesel::insert_into(timeline::table).values(entry).execute(db)?;
        }
        Ok(())
    };
    db.spawn_blocking(write).await
}

/// All of a batch or nothing: one transaction, one write to the disk. Without the keeper lock nothing is claimed.
pub(crate) async fn batch(db: &mut Conn, ops: Arc<[Op]>, may_claim: bool) -> QueryResult<Vec<Done>> {
    db.spawn_blocking(move |db| {
        db.immediate_transaction(|db| ops.iter().map(|op| one(db, op, may_claim)).collect::<QueryResult<_>>())
    })
    .await
}

fn one(db: &mut SqliteConnection, op: &Op, may_claim: bool) -> QueryResult<Done> {
    match op {
        Op::Claim(_) if !may_claim => Ok(Done::Nothing),
        Op::Claim(row) => Ok(claim(db, row)?.map_or(Done::Nothing, Done::Claimed)),
        Op::Commit(row) => commit(db, row).map(Done::from_rows),
        Op::Release(row) => db.execute_returning_count(&queries::rotation::release(row)).map(Done::from_rows),
        Op::Refuse(row) => db.execute_returning_count(&queries::rotation::refuse(row)).map(Done::from_rows),
    }
}

/// The file lock says who works, so a claim to be seized is known to be dead whoever holds it.
fn claim(db: &mut SqliteConnection, row: &ClaimRow) -> QueryResult<Option<ClaimedRow>> {
    let claimable = c::connections
        .filter(c::id.eq(&row.id).and(c::deleted_at.is_null()))
        .filter(c::grant_id.eq(&row.grant_id).and(c::generation.eq(row.generation)))
        .filter(c::refused_reason.is_null().and(c::paused_since.is_null()))
        .filter(c::claim_id.is_null().or(c::claim_id.eq(&row.seize)));
    let update = diesel::update(claimable)
        .set((
            c::unknown_since.eq(either(c::unknown_since, c::claim_at)),
            c::claim_id.eq(&row.claim_id),
            c::claim_holder.eq(&row.holder),
            c::claim_at.eq(row.at),
        ))
        .returning((c::refresh_token, c::client_id, c::unknown_since));
    Keep(update).get_result(db).optional()
}

fn commit(db: &mut SqliteConnection, row: &CommitRow) -> QueryResult<usize> {
    let guarded = c::connections
        .filter(c::id.eq(&row.id).and(c::deleted_at.is_null()))
        .filter(c::grant_id.eq(&row.grant_id).and(c::generation.lt(row.generation)));
    let changed = Keep(diesel::update(guarded).set((
        c::generation.eq(row.generation),
        c::access_token.eq(&row.access_token),
        row.refresh_token.as_ref().map(|(sealed, _)| c::refresh_token.eq(sealed)),
        row.refresh_token.as_ref().map(|(_, fingerprint)| c::refresh_fingerprint.eq(fingerprint)),
        c::expires_at.eq(row.expires_at),
        c::lifetime.eq(row.lifetime),
        row.scope.as_ref().map(|scope| c::scope.eq(scope)),
        c::calendly_user.eq(either_text(c::calendly_user, &row.calendly_user)),
        c::calendly_organization.eq(either_text(c::calendly_organization, &row.calendly_organization)),
        c::foreign_owner.eq(&row.foreign_owner),
        (c::refused_reason.eq(None::<String>), c::refused_since.eq(None::<i64>)),
        (c::claim_id.eq(None::<String>), c::claim_holder.eq(None::<String>), c::claim_at.eq(None::<i64>)),
        c::unknown_since.eq(None::<i64>),
        c::attempts.eq(0),
        c::next_attempt_at.eq(row.not_before),
    )))
    .execute(db)?;
    if let (1.., Some((_, fingerprint))) = (changed, &row.refresh_token) {
        // A token known elsewhere is kept all the same: losing it would lose the grant.
        let insert = diesel::insert_into(f::fingerprints)
            .values((f::fingerprint.eq(fingerprint), f::connection_id.eq(&row.id)));
        Keep(insert.on_conflict_do_nothing()).execute(db)?;
    }
    Ok(changed)
}
