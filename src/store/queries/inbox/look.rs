//! What people look at.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;

use super::{Conn, Database};
use crate::domain::event::State;
use crate::store::event_row::{AttemptRow, EventRow, Selected, SummaryRow};
use crate::store::schema::{event_attempts::dsl as a, events, events::dsl as e};

type Boxed = diesel::helper_types::IntoBoxed<'static, events::table, Database>;

pub(super) fn selected(of: Selected) -> Boxed {
    let mut some = e::events.into_boxed();
    if let Some(connection) = of.connection {
        some = some.filter(e::connection_id.eq(connection));
    }
    if let Some(since) = of.since {
        some = some.filter(e::received_at.ge(since));
    }
    if let Some(until) = of.until {
        some = some.filter(e::received_at.lt(until));
    }
    // Written so that there is an index for the two that are few among many.
    match of.state {
        Some(State::Pending) => some.filter(e::next_at.is_not_null()),
        Some(State::Dead) => some.filter(sql::<Bool>("state = 'dead'")),
        Some(state) => some.filter(e::state.eq(state.as_str())),
        None => some,
    }
}

/// The newest of a selection before a place, of those with a body.
pub(crate) async fn list(
    db: &mut Conn,
    of: Selected,
    before: i64,
    limit: i64,
) -> QueryResult<Vec<SummaryRow>> {
    let some = selected(of).filter(e::ordinal.lt(before).and(e::body.is_not_null()));
    some.order(e::ordinal.desc()).limit(limit).select(SummaryRow::as_select()).load(db).await
}

/// One by its id.
pub(crate) async fn get(db: &mut Conn, id: String) -> QueryResult<Option<EventRow>> {
    e::events.filter(e::id.eq(id)).select(EventRow::as_select()).first(db).await.optional()
}

/// Its attempts.
pub(crate) async fn attempts(db: &mut Conn, ordinal: i64) -> QueryResult<Vec<AttemptRow>> {
    let of_it = a::event_attempts.filter(a::ordinal.eq(ordinal));
    of_it.order(a::id).select(AttemptRow::as_select()).load(db).await
}

/// The places of a selection after one, in order; of those with a body.
pub(crate) async fn places(db: &mut Conn, of: Selected, after: i64, limit: i64) -> QueryResult<Vec<i64>> {
    let some = selected(of).filter(e::ordinal.gt(after).and(e::body.is_not_null()));
    some.order(e::ordinal).limit(limit).select(e::ordinal).load(db).await
}
