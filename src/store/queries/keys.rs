//! Tokens as they are sealed: to be handed over, or sealed anew.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::row::{ConnectionRow, SealedRow};
use crate::store::schema::connections::dsl as c;
use crate::store::schema::meta::dsl as m;

/// Living ones after an id with their sealed refresh tokens, in the order of their ids.
pub(crate) async fn with_refresh_tokens(
    db: &mut Conn,
    after: String,
    limit: i64,
) -> QueryResult<Vec<(ConnectionRow, Option<Vec<u8>>)>> {
    c::connections
        .filter(c::id.gt(after).and(c::deleted_at.is_null()))
        .order(c::id)
        .limit(limit)
        .select((ConnectionRow::as_select(), c::refresh_token))
        .load(db)
        .await
}

/// The sealed tokens of living ones after an id, in the order of their ids.
pub(crate) async fn sealed(db: &mut Conn, after: String, limit: i64) -> QueryResult<Vec<SealedRow>> {
    c::connections
        .filter(c::id.gt(after).and(c::deleted_at.is_null()))
        .order(c::id)
        .limit(limit)
        .select(SealedRow::as_select())
        .load(db)
        .await
}

/// Puts the same tokens, sealed anew, in their place; answers how many rows were still as they were read. In order of
/// their ids, as commits are: whoever locks two of them locks them in one order.
pub(crate) async fn reseal(db: &mut Conn, rows: Vec<SealedRow>) -> QueryResult<usize> {
    write_transaction!(db, async |db| {
        let mut changed = 0;
        for row in rows {
            let as_read = c::connections
                .filter(c::id.eq(row.id).and(c::grant_id.eq(row.grant_id)))
                .filter(c::generation.eq(row.generation).and(c::deleted_at.is_null()));
            let tokens = (c::access_token.eq(row.access_token), c::refresh_token.eq(row.refresh_token));
            changed += diesel::update(as_read).set(tokens).execute(db).await?;
        }
        Ok(changed)
    })
}

/// A single value.
pub(crate) async fn value(db: &mut Conn, name: &'static str) -> QueryResult<Option<Vec<u8>>> {
    m::meta.find(name).select(m::value).first(db).await.optional()
}

/// Puts a value in the place of another, if that is still there.
pub(crate) async fn replace(
    db: &mut Conn,
    name: &'static str,
    old: Vec<u8>,
    new: Vec<u8>,
) -> QueryResult<usize> {
    diesel::update(m::meta.filter(m::name.eq(name).and(m::value.eq(old))))
        .set(m::value.eq(new))
        .execute(db)
        .await
}

/// Sets a value.
pub(crate) async fn set(db: &mut Conn, name: &'static str, value: Vec<u8>) -> QueryResult<usize> {
    diesel::insert_into(m::meta)
        .values((m::name.eq(name), m::value.eq(&value)))
        .on_conflict(m::name)
        .do_update()
        .set(m::value.eq(&value))
        .execute(db)
        .await
}
