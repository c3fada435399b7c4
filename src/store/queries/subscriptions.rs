//! The subscriptions that the keeper made or found.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::row::SubscriptionRow;
use crate::store::schema::subscriptions::dsl as s;

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
