//! What was announced, and what is to be sent.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::row::NoticeRow;
use crate::store::schema::notices::dsl as n;

/// All of it: a row for each subject with something to say.
pub(crate) async fn all(db: &mut Conn) -> QueryResult<Vec<NoticeRow>> {
    n::notices.select(NoticeRow::as_select()).order(n::subject).load(db).await
}

/// Writes some and forgets others, all or none. Rows are written in the order of their keys.
pub(crate) async fn save(db: &mut Conn, rows: Vec<NoticeRow>, forgotten: Vec<String>) -> QueryResult<()> {
    write_transaction!(db, async |db| {
        for row in rows {
            diesel::insert_into(n::notices)
                .values(&row)
                .on_conflict(n::subject)
                .do_update()
                .set(&row)
                .execute(db)
                .await?;
        }
        if !forgotten.is_empty() {
            diesel::delete(n::notices.filter(n::subject.eq_any(forgotten))).execute(db).await?;
        }
        QueryResult::Ok(())
    })
}
