//! Single values, by name.

use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::schema::connections::dsl as c;
use crate::store::schema::meta::dsl as m;

/// The value that stands there, after `value` was offered: the first one offered ever.
pub(crate) async fn first(db: &mut Conn, name: &'static str, value: Vec<u8>) -> QueryResult<Vec<u8>> {
    diesel::insert_into(m::meta)
        .values((m::name.eq(name), m::value.eq(value)))
        .on_conflict_do_nothing()
        .execute(db)
        .await?;
    m::meta.find(name).select(m::value).first(db).await
}

/// A value; `None` where there is none.
pub(crate) async fn get(db: &mut Conn, name: &'static str) -> QueryResult<Option<Vec<u8>>> {
    m::meta.find(name).select(m::value).first(db).await.optional()
}

/// Puts a value in the place of the one that stands there.
pub(crate) async fn set(db: &mut Conn, name: &'static str, value: Vec<u8>) -> QueryResult<usize> {
    diesel::insert_into(m::meta)
        .values((m::name.eq(name), m::value.eq(&value)))
        .on_conflict(m::name)
        .do_update()
        .set(m::value.eq(excluded(m::value)))
        .execute(db)
        .await
}

/// Writes as a refresh does, and means nothing: waits for whoever keeps others from the connections, and needs room on the
/// disk.
pub(crate) async fn try_write(db: &mut Conn, value: Vec<u8>) -> QueryResult<usize> {
    write_transaction!(db, async |db| {
        diesel::update(c::connections.filter(c::id.eq(""))).set(c::attempts.eq(0)).execute(db).await?;
        set(db, "last_tried", value).await
    })
}
