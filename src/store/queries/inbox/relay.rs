//! What goes on to the application.

use diesel::dsl::{count_star, exists, min, not};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, write_attempts};
use crate::domain::event::State;
use crate::store::event_row::{AttemptRow, EventRow, Follows};
use crate::store::schema::events;
use crate::store::schema::events::dsl as e;

diesel::alias!(events as earlier: Earlier);

/// Due, and the first of their line that is still to be relayed.
pub(crate) async fn due(db: &mut Conn, now: i64, busy: Vec<i64>, limit: i64) -> QueryResult<Vec<EventRow>> {
    let before_it = earlier.filter(
        earlier
            .field(e::line)
            .eq(e::line)
            .and(earlier.field(e::ordinal).lt(e::ordinal))
            .and(earlier.field(e::next_at).is_not_null()),
    );
    e::events
        .filter(e::next_at.le(now))
        .filter(e::ordinal.ne_all(busy))
        .filter(not(exists(before_it)))
        .order((e::next_at, e::ordinal))
        .limit(limit)
        .select(EventRow::as_select())
        .load(db)
        .await
}

/// Writes attempts and what follows from them, all or none. What was erased meanwhile is not revived.
pub(crate) async fn settle(
    db: &mut Conn,
    attempts: Vec<AttemptRow>,
    follows: Vec<Follows>,
) -> QueryResult<()> {
    write_transaction!(db, async |db| {
        for row in follows {
            let pending = e::events.filter(e::ordinal.eq(row.ordinal).and(e::next_at.is_not_null()));
            let set = (
                e::state.eq(row.state),
                e::next_at.eq(row.next_at),
                e::settled_at.eq(row.settled_at),
                e::attempts.eq(e::attempts + 1),
            );
            diesel::update(pending).set(set).execute(db).await?;
        }
        write_attempts(db, attempts).await
    })
}

/// What waits is due.
pub(crate) async fn hurry(db: &mut Conn, now: i64) -> QueryResult<usize> {
    diesel::update(e::events.filter(e::next_at.gt(now))).set(e::next_at.eq(now)).execute(db).await
}

/// How many are to be relayed, since when the oldest is there, when the next is due; and how many are dead.
pub(crate) async fn backlog(db: &mut Conn) -> QueryResult<(i64, Option<i64>, Option<i64>, i64)> {
    let pending = e::events.filter(e::next_at.is_not_null());
    let (count, oldest, next) =
        pending.select((count_star(), min(e::queued_at), min(e::next_at))).first(db).await?;
    let dead = diesel::dsl::sql::<diesel::sql_types::Bool>("state = 'dead'");
    let dead = e::events.filter(dead).select(count_star()).first(db).await?;
    Ok((count, oldest, next, dead))
}

/// Relays these again.
pub(crate) async fn replay(db: &mut Conn, ids: Vec<String>, now: i64) -> QueryResult<usize> {
    let some = e::events.filter(e::id.eq_any(ids).and(e::body.is_not_null()));
    diesel::update(some).set(again(now)).execute(db).await
}

/// The same by their places.
pub(crate) async fn replay_places(db: &mut Conn, ordinals: Vec<i64>, now: i64) -> QueryResult<usize> {
    let some = e::events.filter(e::ordinal.eq_any(ordinals).and(e::body.is_not_null()));
    diesel::update(some).set(again(now)).execute(db).await
}

type Again = (
    diesel::dsl::Eq<e::state, &'static str>,
    diesel::dsl::Eq<e::next_at, Option<i64>>,
    diesel::dsl::Eq<e::queued_at, i64>,
    diesel::dsl::Eq<e::settled_at, Option<i64>>,
);

fn again(now: i64) -> Again {
    (
        e::state.eq(State::Pending.as_str()),
        e::next_at.eq(Some(now)),
        e::queued_at.eq(now),
        e::settled_at.eq(None),
    )
}
