//! Reading connections, and the facts that no rotation touches.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::row::{ConnectionRow, WebhookRow};
use crate::store::schema::{change_marker, connections::dsl as c};

/// Living ones after an id, in the order of their ids.
pub(crate) async fn page(db: &mut Conn, after: String, limit: i64) -> QueryResult<Vec<ConnectionRow>> {
    rows!(
        db,
        c::connections
            .filter(c::id.gt(after).and(c::deleted_at.is_null()))
            .order(c::id)
            .limit(limit)
            .select(ConnectionRow::as_select())
    )
}

/// A living one.
pub(crate) async fn get(db: &mut Conn, id: String) -> QueryResult<Option<ConnectionRow>> {
    c::connections
        .filter(c::id.eq(id).and(c::deleted_at.is_null()))
        .select(ConnectionRow::as_select())
        .first(db)
        .await
        .optional()
}

/// The marker of the latest grant, deletion or pause.
pub(crate) async fn marker(db: &mut Conn) -> QueryResult<i64> {
    change_marker::table.select(change_marker::marker).first(db).await
}

/// Granted, deleted or paused after a marker, tombstones too, in the order in which it happened.
pub(crate) async fn changes(db: &mut Conn, marker: i64, limit: i64) -> QueryResult<Vec<ConnectionRow>> {
    rows!(
        db,
        c::connections
            .filter(c::changed.gt(marker))
            .order(c::changed)
            .limit(limit)
            .select(ConnectionRow::as_select())
    )
}

/// Sets the webhook fact of some, 1000 ids at most.
pub(crate) async fn set_webhook(db: &mut Conn, ids: Vec<String>, fact: WebhookRow) -> QueryResult<usize> {
    diesel::update(c::connections.filter(c::id.eq_any(ids).and(c::deleted_at.is_null())))
        .set(fact)
        .execute(db)
        .await
}

/// Fills in user and organization, each where it is not known.
pub(crate) async fn learn(
    db: &mut Conn,
    id: String,
    grant: String,
    user: String,
    organization: String,
) -> QueryResult<()> {
    let of_grant = || c::id.eq(id.clone()).and(c::grant_id.eq(grant.clone()));
    let living = || c::connections.filter(of_grant().and(c::deleted_at.is_null()));
    diesel::update(living().filter(c::calendly_user.is_null()))
        .set(c::calendly_user.eq(user))
        .execute(db)
        .await?;
    diesel::update(living().filter(c::calendly_organization.is_null()))
        .set(c::calendly_organization.eq(organization))
        .execute(db)
        .await?;
    Ok(())
}

/// Parks one, or releases it.
pub(crate) async fn set_quarantine(
    db: &mut Conn,
    id: String,
    since: Option<i64>,
    reason: Option<String>,
) -> QueryResult<usize> {
    diesel::update(c::connections.filter(c::id.eq(id).and(c::deleted_at.is_null())))
        .set((c::quarantined_since.eq(since), c::quarantine_reason.eq(reason)))
        .execute(db)
        .await
}

/// The sum of all generations; over `BIGINT` PostgreSQL sums up in `NUMERIC`.
pub(crate) async fn reached(db: &mut Conn) -> QueryResult<i64> {
    let sum = diesel::dsl::sql::<diesel::sql_types::BigInt>("CAST(coalesce(sum(generation), 0) AS BIGINT)");
    c::connections.select(sum).first(db).await
}
