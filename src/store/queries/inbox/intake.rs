//! What comes in.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, write_events};
use crate::store::event_row::NewEventRow;
use crate::store::schema::{connections::dsl as c, events::dsl as e};

/// Living connections by id, with their Calendly users.
pub(crate) async fn by_ids(db: &mut Conn, ids: Vec<String>) -> QueryResult<Vec<(String, Option<String>)>> {
    let living = c::connections.filter(c::id.eq_any(ids).and(c::deleted_at.is_null()));
    living.select((c::id, c::calendly_user)).load(db).await
}

/// Living connections of Calendly users.
pub(crate) async fn by_users(
    db: &mut Conn,
    users: Vec<String>,
) -> QueryResult<Vec<(String, Option<String>)>> {
    let living = c::connections.filter(c::calendly_user.eq_any(users).and(c::deleted_at.is_null()));
    living.select((c::id, c::calendly_user)).load(db).await
}

/// Organizations with the first of their living connections.
pub(crate) async fn first_of(
    db: &mut Conn,
    organizations: Vec<String>,
) -> QueryResult<Vec<(Option<String>, Option<String>)>> {
    let of = c::calendly_organization.eq_any(organizations);
    let living = c::connections.filter(of.and(c::deleted_at.is_null()));
    living
        .group_by(c::calendly_organization)
        .select((c::calendly_organization, diesel::dsl::min(c::id)))
        .load(db)
        .await
}

/// Whether each is new; their places follow each other.
pub(crate) async fn take_in(db: &mut Conn, rows: Vec<NewEventRow>) -> QueryResult<Vec<bool>> {
    write_events(db, rows).await
}

/// Those that are there, erased or not.
pub(crate) async fn known(db: &mut Conn, ids: Vec<String>) -> QueryResult<Vec<String>> {
    e::events.filter(e::id.eq_any(ids)).select(e::id).load(db).await
}
