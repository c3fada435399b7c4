//! A connection that goes: its tokens are erased, and the refresh token is handed out once, to be revoked.

use chrono::{DateTime, Utc};

use super::database::Database;
use super::pool::ask;
use super::time::{micros, time};
use crate::domain::ids::{ConnectionId, Generation};
use crate::ports::{Deleted, StoreError};

/// Leaves a tombstone. `None` where there is no such connection.
pub(super) async fn erase(
    database: &Database,
    id: &ConnectionId,
    at: DateTime<Utc>,
) -> Result<Option<Deleted>, StoreError> {
    let row = id.as_str().to_owned();
    let Some((grant_id, granted_at, generation, sealed, marker)) =
        ask!(database.db, write, grants::delete(row, micros(at)))?
    else {
        return Ok(None);
    };
    let refresh_token = sealed.and_then(|sealed| database.vault.refresh_token(id, &sealed).ok());
    let grant_id = grant_id
        .parse()
        .map_err(|_| StoreError::Unreadable("the deleted row's grant_id is no UUID".into()))?;
    let (granted_at, generation) = (time(granted_at), Generation(generation));
    Ok(Some(Deleted { grant_id, granted_at, generation, marker, refresh_token }))
}
