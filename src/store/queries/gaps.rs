//! The ledger of gaps.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::row::{GapRow, OpenGapRow, ProgressRow};
use crate::store::schema::gaps::dsl as g;

/// Told again, after an answer that was lost, it is still one gap. Told again after it was closed it is open again.
pub(crate) async fn open(db: &mut Conn, row: GapRow) -> QueryResult<()> {
    let of = g::connection_id.eq(row.connection_id.clone()).and(g::from_at.eq(row.from_at));
    let same = of.and(g::opened_at.eq(row.opened_at)).and(g::reason.eq(row.reason.clone()));
    write_transaction!(db, async |db| {
        let nothing = ProgressRow { since_at: None, began_at: None, reached_at: None };
        let anew = (nothing, g::closed_at.eq(None::<i64>), g::found.eq(0));
        diesel::update(g::gaps.filter(same).filter(g::closed_at.is_not_null())).set(anew).execute(db).await?;
        diesel::insert_into(g::gaps).values(row).on_conflict_do_nothing().execute(db).await.map(drop)
    })
}

/// Those that are not closed, after a number.
pub(crate) async fn all_open(db: &mut Conn, after: i64, limit: i64) -> QueryResult<Vec<OpenGapRow>> {
    let open = g::gaps.filter(g::closed_at.is_null().and(g::id.gt(after)));
    open.order(g::id).limit(limit).select(OpenGapRow::as_select()).load(db).await
}

/// Writes how far some have come, and what was found for each, all or none.
pub(crate) async fn progress(
    db: &mut Conn,
    ids: Vec<i64>,
    row: ProgressRow,
    found: Vec<(i64, i64)>,
) -> QueryResult<()> {
    write_transaction!(db, async |db| {
        diesel::update(g::gaps.filter(g::id.eq_any(ids))).set(&row).execute(db).await?;
        for (id, more) in found {
            diesel::update(g::gaps.find(id)).set(g::found.eq(g::found + more)).execute(db).await?;
        }
        QueryResult::Ok(())
    })
}

/// Closes them, where that was not done before.
pub(crate) async fn close(db: &mut Conn, ids: Vec<i64>, at: i64) -> QueryResult<usize> {
    let open = g::gaps.filter(g::id.eq_any(ids).and(g::closed_at.is_null()));
    diesel::update(open).set(g::closed_at.eq(at)).execute(db).await
}
