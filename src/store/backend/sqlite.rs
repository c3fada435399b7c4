//! SQLite: whole batches in one hop to the blocking pool, one writer at a time.

mod statements;

use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

use self::statements::{claim, commit, record};
use super::{Keep, granted};
use crate::store::batch::{Done, Op};
use crate::store::event_row::{AttemptRow, NewEventRow};
use crate::store::row::{CommitRow, EntryRow, FingerprintRow, GrantRow};
use crate::store::schema::{
    connections::dsl as c, event_attempts, event_places::dsl as p, events, fingerprints::dsl as f,
};

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

/// Rows as the database gives them, read where it is asked: diesel's way copies each value once more.
macro_rules! rows {
    ($db:expr, $query:expr) => {{
        let query = $query;
        $db.spawn_blocking(move |db| diesel::RunQueryDsl::load(query, db)).await
    }};
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
            let insert = diesel::insert_into(c::connections).values(row).on_conflict(c::id);
            let write = insert.do_update().set(granted!()).returning(c::generation);
            Keep(write).get_result::<i64>(db)?;
        }
        for row in fingerprints {
            diesel::insert_into(f::fingerprints).values(row).execute(db)?;
        }
        Ok(())
    };
    db.spawn_blocking(write).await
}

/// Pairs of rows that went back.
pub(crate) async fn commit_rows(db: &mut Conn, rows: Vec<CommitRow>) -> QueryResult<()> {
    db.spawn_blocking(move |db| rows.iter().try_for_each(|row| commit(db, row).map(drop))).await
}

/// Timeline entries.
pub(crate) async fn write_entries(db: &mut Conn, entries: Vec<EntryRow>) -> QueryResult<()> {
    db.spawn_blocking(move |db| entries.iter().try_for_each(|entry| record(db, entry).map(drop))).await
}

/// Events, each with the next place; whether each is new.
pub(crate) async fn write_events(db: &mut Conn, rows: Vec<NewEventRow>) -> QueryResult<Vec<bool>> {
    db.spawn_blocking(move |db| {
        db.immediate_transaction(|db| {
            let mut last: i64 = p::event_places.select(p::last).first(db)?;
            let mut are_new = Vec::with_capacity(rows.len());
            for mut row in rows {
                row.ordinal = last + 1;
                let insert = diesel::insert_into(events::table).values(row).on_conflict(events::id);
                let is_new = insert.do_nothing().execute(db)? > 0;
                last += i64::from(is_new);
                are_new.push(is_new);
            }
            diesel::update(p::event_places).set(p::last.eq(last)).execute(db)?;
            Ok(are_new)
        })
    })
    .await
}

/// Attempts to relay events.
pub(crate) async fn write_attempts(db: &mut Conn, rows: Vec<AttemptRow>) -> QueryResult<()> {
    let write = |row: AttemptRow, db: &mut SqliteConnection| {
        diesel::insert_into(event_attempts::table).values(row).execute(db).map(drop)
    };
    db.spawn_blocking(move |db| rows.into_iter().try_for_each(|row| write(row, db))).await
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
