//! What is erased and forgotten.

use diesel::dsl::{case_when, min};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::event::State;
use crate::store::backend::either;
use crate::store::schema::{consumers::dsl as k, event_attempts::dsl as a, events::dsl as e};

/// Erases the bodies at these places, and what was tried with them. What was to be relayed is given up.
pub(crate) async fn erase(db: &mut Conn, ordinals: Vec<i64>, at: i64) -> QueryResult<usize> {
    write_transaction!(db, async |db| {
        let (pending, dead) = (State::Pending.as_str(), State::Dead.as_str());
        let state = case_when(e::state.eq(pending), dead.into_sql::<Text>()).otherwise(e::state);
        let settled = either(e::settled_at, Some(at));
        let nothing =
            (e::body.eq(None::<Vec<u8>>), e::signature.eq(None::<String>), e::next_at.eq(None::<i64>));
        let some = e::events.filter(e::ordinal.eq_any(&ordinals));
        let erased = diesel::update(some)
            .set((nothing, e::state.eq(state), e::settled_at.eq(settled)))
            .execute(db)
            .await?;
        diesel::delete(a::event_attempts.filter(a::ordinal.eq_any(&ordinals))).execute(db).await?;
        QueryResult::Ok(erased)
    })
}

/// Settled before then, and acknowledged by every consumer seen since.
pub(crate) async fn settled(db: &mut Conn, before: i64, limit: i64) -> QueryResult<Vec<i64>> {
    let consumers = k::consumers.filter(k::seen_at.ge(before));
    let acknowledged: Option<i64> = consumers.select(min(k::acknowledged)).first(db).await?;
    e::events
        .filter(e::body.is_not_null().and(e::settled_at.lt(before)))
        .filter(e::ordinal.le(acknowledged.unwrap_or(i64::MAX)))
        .order(e::settled_at)
        .limit(limit)
        .select(e::ordinal)
        .load(db)
        .await
}

/// Forgets what was erased and came before then, some at a time.
pub(crate) async fn forget(db: &mut Conn, before: i64, limit: i64) -> QueryResult<usize> {
    let erased = e::events.filter(e::body.is_null().and(e::received_at.lt(before)));
    let ordinals: Vec<i64> = erased.order(e::received_at).limit(limit).select(e::ordinal).load(db).await?;
    // What was under way when it was erased has left an attempt behind.
    diesel::delete(a::event_attempts.filter(a::ordinal.eq_any(&ordinals))).execute(db).await?;
    diesel::delete(e::events.filter(e::ordinal.eq_any(ordinals))).execute(db).await
}
