//! Single values, by name.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
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
