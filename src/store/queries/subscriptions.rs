//! The subscriptions that the keeper made or found, and the gaps in which events may have been lost.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::row::{GapRow, SubscriptionRow};
use crate::store::schema::{gaps, subscriptions::dsl as s};

/// By owner and callback.
pub(crate) async fn get(
    db: &mut Conn,
    organization: String,
    user: String,
    callback: String,
) -> QueryResult<Option<SubscriptionRow>> {
    s::subscriptions
        .find((organization, user, callback))
        .select(SubscriptionRow::as_select())
        .first(db)
        .await
        .optional()
}

/// Records one, in the place of what was there.
pub(crate) async fn set(db: &mut Conn, row: SubscriptionRow) -> QueryResult<usize> {
    diesel::insert_into(s::subscriptions)
        .values(&row)
        .on_conflict((s::calendly_organization, s::calendly_user, s::callback))
        .do_update()
        .set(&row)
        .execute(db)
        .await
}

/// Forgets one.
pub(crate) async fn forget(
    db: &mut Conn,
    organization: String,
    user: String,
    callback: String,
) -> QueryResult<usize> {
    diesel::delete(s::subscriptions.find((organization, user, callback))).execute(db).await
}

/// Told again, after an answer that was lost, it is still one gap.
pub(crate) async fn open_gap(db: &mut Conn, row: GapRow) -> QueryResult<usize> {
    diesel::insert_into(gaps::table).values(row).on_conflict_do_nothing().execute(db).await
}
