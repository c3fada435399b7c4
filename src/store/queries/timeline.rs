//! What happened to each connection.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, write_entries};
use crate::store::row::EntryRow;
use crate::store::schema::timeline::dsl as t;

/// Writes entries, all or none.
pub(crate) async fn record(db: &mut Conn, entries: Vec<EntryRow>) -> QueryResult<()> {
    write_transaction!(db, async |db| write_entries(db, entries).await)
}

/// The latest of a connection, newest first; of two at the same moment the one written later.
pub(crate) async fn latest(
    db: &mut Conn,
    id: String,
    before: Option<(i64, i64)>,
    limit: i64,
) -> QueryResult<Vec<(i64, EntryRow)>> {
    let (at, number) = before.unwrap_or((i64::MAX, i64::MAX));
    t::timeline
        .filter(t::connection_id.eq(id))
        .filter(t::at.lt(at).or(t::at.eq(at).and(t::id.lt(number))))
        .order((t::at.desc(), t::id.desc()))
        .limit(limit)
        .select((t::id, EntryRow::as_select()))
        .load(db)
        .await
}

/// Deletes those among the oldest `limit` entries that are from before then. Entries are written in the order of time,
/// near enough: the primary key finds the oldest, and no other index is paid for at each write.
pub(crate) async fn forget(db: &mut Conn, before: i64, limit: i64) -> QueryResult<usize> {
    let oldest: Vec<(i64, i64)> =
        t::timeline.select((t::id, t::at)).order(t::id).limit(limit).load(db).await?;
    let ids: Vec<i64> = oldest.into_iter().filter(|(_, at)| *at < before).map(|(id, _)| id).collect();
    diesel::delete(t::timeline.filter(t::id.eq_any(ids))).execute(db).await
}
