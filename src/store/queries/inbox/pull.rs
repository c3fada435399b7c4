//! What the application fetches.

use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::event_row::EventRow;
use crate::store::schema::{consumers::dsl as k, event_places::dsl as p, events::dsl as e};

/// The latest place.
pub(crate) async fn last(db: &mut Conn) -> QueryResult<i64> {
    p::event_places.select(p::last).first(db).await
}

/// Events after a place, with their bodies.
pub(crate) async fn after(
    db: &mut Conn,
    ordinal: i64,
    connection: Option<String>,
    limit: i64,
) -> QueryResult<Vec<EventRow>> {
    let is_told = e::body.is_not_null().and(e::event.ne(""));
    let mut some = e::events.filter(e::ordinal.gt(ordinal).and(is_told)).into_boxed();
    if let Some(connection) = connection {
        some = some.filter(e::connection_id.eq(connection));
    }
    some.order(e::ordinal).limit(limit).select(EventRow::as_select()).load(db).await
}

/// How far a consumer is.
pub(crate) async fn acknowledged(db: &mut Conn, name: String) -> QueryResult<Option<i64>> {
    k::consumers.find(name).select(k::acknowledged).first(db).await.optional()
}

/// Notes how far a consumer is; it never goes back.
pub(crate) async fn acknowledge(db: &mut Conn, name: String, ordinal: i64, at: i64) -> QueryResult<()> {
    write_transaction!(db, async |db| {
        let new = (k::name.eq(&name), k::acknowledged.eq(ordinal), k::seen_at.eq(at));
        let insert = diesel::insert_into(k::consumers).values(new).on_conflict(k::name);
        insert.do_update().set(k::seen_at.eq(excluded(k::seen_at))).execute(db).await?;
        let behind = k::consumers.filter(k::name.eq(&name).and(k::acknowledged.lt(ordinal)));
        diesel::update(behind).set(k::acknowledged.eq(ordinal)).execute(db).await?;
        QueryResult::Ok(())
    })
}
