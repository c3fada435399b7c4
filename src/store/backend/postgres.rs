//! PostgreSQL: whole batches in one statement over arrays, rows locked in the order of their ids.

pub(crate) mod statements;

use std::collections::HashSet;
use std::sync::Arc;

use diesel::prelude::{ExpressionMethods as _, QueryDsl as _, QueryResult};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::try_join_all;

use self::statements::{claim, commit};
use super::{Keep, granted};
use crate::store::batch::{Done, Op};
use crate::store::event_row::{AttemptRow, NewEventRow};
use crate::store::row::{CommitRow, EntryRow, FingerprintRow, GrantRow};
use crate::store::schema::{
    connections::dsl as c, event_attempts, event_places::dsl as p, events, fingerprints::dsl as f, timeline,
};
use crate::store::session::MayClaim;

pub(crate) type Conn = AsyncPgConnection;
pub(crate) type Database = diesel::pg::Pg;

macro_rules! write_transaction {
    ($db:expr, $body:expr) => {
        diesel_async::AsyncConnection::transaction($db, $body).await
    };
}

/// What was read stays as it is until the end of the transaction.
macro_rules! for_update {
    ($query:expr) => {
        $query.for_update()
    };
}

macro_rules! rows {
    ($db:expr, $query:expr) => {
        diesel_async::RunQueryDsl::load($query, $db).await
    };
}

#[path = "../queries/mod.rs"]
pub(crate) mod queries;

/// Sends every statement before it waits for the first answer.
macro_rules! each {
    ($db:expr, $rows:expr, $statement:path) => {{
        let shared: &Conn = $db;
        let statements = $rows.iter().map(|row| {
            let mut db = shared;
            RunQueryDsl::execute($statement(row), &mut db)
        });
        let changed = try_join_all(statements).await?;
        $rows.iter().zip(changed).map(|(row, rows)| (row.id.clone(), Done::from_rows(rows)))
    }};
}

/// A statement has 65 535 bind variables at most.
const ROWS_AT_ONCE: usize = 1000;

/// New grants and their fingerprints.
pub(crate) async fn write_grants(
    db: &mut Conn,
    rows: Vec<GrantRow>,
    fingerprints: Vec<FingerprintRow>,
) -> QueryResult<()> {
    for rows in rows.chunks(ROWS_AT_ONCE) {
        let insert = diesel::insert_into(c::connections).values(rows.to_vec());
        insert.on_conflict(c::id).do_update().set(granted!()).execute(db).await?;
    }
    for rows in fingerprints.chunks(ROWS_AT_ONCE) {
        diesel::insert_into(f::fingerprints).values(rows).execute(db).await?;
    }
    Ok(())
}

/// Pairs of rows that went back.
pub(crate) async fn commit_rows(db: &mut Conn, rows: Vec<CommitRow>) -> QueryResult<()> {
    commit(db, &rows.iter().collect::<Vec<_>>()).await.map(drop)
}

/// Timeline entries.
pub(crate) async fn write_entries(db: &mut Conn, entries: Vec<EntryRow>) -> QueryResult<()> {
    for entries in entries.chunks(ROWS_AT_ONCE) {
        diesel::insert_into(timeline::table).values(entries).execute(db).await?;
    }
    Ok(())
}

/// Events, each with the next place; whether each is new.
pub(crate) async fn write_events(db: &mut Conn, rows: Vec<NewEventRow>) -> QueryResult<Vec<bool>> {
    write_transaction!(db, async |db| {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let up = diesel::update(p::event_places).set(p::last.eq(p::last + count));
        let last: i64 = Keep(up.returning(p::last)).get_result(db).await?;
        let first = last - count + 1;
        let mut rows = rows;
        for (row, ordinal) in rows.iter_mut().zip(first..) {
            row.ordinal = ordinal;
        }
        let mut written = HashSet::new();
        for some in rows.chunks(ROWS_AT_ONCE) {
            let insert = diesel::insert_into(events::table).values(some).on_conflict(events::id);
            written.extend(insert.do_nothing().returning(events::ordinal).load::<i64>(db).await?);
        }
        QueryResult::Ok(rows.iter().map(|row| written.contains(&row.ordinal)).collect())
    })
}

/// Attempts to relay events.
pub(crate) async fn write_attempts(db: &mut Conn, rows: Vec<AttemptRow>) -> QueryResult<()> {
    for rows in rows.chunks(ROWS_AT_ONCE) {
        diesel::insert_into(event_attempts::table).values(rows).execute(db).await?;
    }
    Ok(())
}

/// All of a batch or nothing. The ids in it are distinct and in order.
pub(crate) async fn batch(db: &mut Conn, ops: Arc<[Op]>, lock: MayClaim) -> QueryResult<Vec<Done>> {
    let (mut claims, mut commits, mut releases, mut refusals) = (vec![], vec![], vec![], vec![]);
    for op in ops.iter() {
        match op {
            Op::Claim(row) => claims.push(&**row),
            Op::Commit(row) => commits.push(&**row),
            Op::Release(row) => releases.push(&**row),
            Op::Refuse(row) => refusals.push(&**row),
        }
    }
    let mut done = if commits.len() == ops.len() {
        commit(db, &commits).await? // most batches: no round trips for a transaction
    } else if claims.len() == ops.len() {
        claim(db, &claims, lock).await?
    } else {
        write_transaction!(db, async |db| {
            // Else two writers, each holding rows of one kind and waiting for rows of another, could wait for ever.
            let ids: Vec<&str> = ops.iter().map(Op::id).collect();
            lock_rows(db, &ids).await?;
            let mut done = claim(db, &claims, lock).await?;
            done.extend(commit(db, &commits).await?);
            done.extend(each!(db, &releases, queries::rotation::release));
            done.extend(each!(db, &refusals, queries::rotation::refuse));
            QueryResult::Ok(done)
        })?
    };
    Ok(ops.iter().map(|op| done.remove(op.id()).unwrap_or(Done::Nothing)).collect())
}

async fn lock_rows(db: &mut Conn, ids: &[&str]) -> QueryResult<Vec<String>> {
    c::connections.filter(c::id.eq_any(ids)).order(c::id).select(c::id).for_update().load(db).await
}
