//! Every new or ended grant goes through here: put, delete, pause, resume. A running keeper notices by the change marker.

use serde_json::json;

use super::Services;
use crate::domain::grant::{NewGrant, Put};
use crate::domain::ids::ConnectionId;
use crate::domain::timeline::Kind;
use crate::ports::StoreError;

/// Stores what is new among the offered grants.
///
/// # Errors
/// Where the database does not answer; nothing is changed then.
pub async fn put(services: &Services, grants: Vec<NewGrant>) -> Result<Vec<Put>, StoreError> {
    let ids: Vec<_> = grants.iter().map(|grant| grant.id.clone()).collect();
    let decided = services.adapters.store.put(grants, false).await?;
    for (id, put) in ids.iter().zip(&decided) {
        let (kind, generation) = match put {
            Put::Created(generation) => (Kind::Connected, generation),
            Put::Replaced(generation) => (Kind::Replaced, generation),
            _ => continue,
        };
        services.timeline.note(id, kind, "a new grant was given", json!({ "generation": generation }));
    }
    Ok(decided)
}

/// Deletes a connection: tokens erased, a tombstone stays. A rotation in flight gives its pair back.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete(services: &Services, id: &ConnectionId) -> Result<bool, StoreError> {
    let deleted = services.adapters.store.delete(id, services.adapters.clock.now()).await?;
    if deleted {
        services.timeline.note(id, Kind::Disconnected, "the connection was deleted", json!({}));
    }
    Ok(deleted)
}

/// Pauses a connection. A rotation in flight is kept, the pause stays.
///
/// # Errors
/// Where the database does not answer.
pub async fn pause(services: &Services, id: &ConnectionId) -> Result<bool, StoreError> {
    let done = services.adapters.store.pause(id, Some(services.adapters.clock.now())).await?;
    if done {
        services.timeline.note(id, Kind::Paused, "paused", json!({}));
    }
    Ok(done)
}

/// Ends a pause.
///
/// # Errors
/// Where the database does not answer.
pub async fn resume(services: &Services, id: &ConnectionId) -> Result<bool, StoreError> {
    let done = services.adapters.store.pause(id, None).await?;
    if done {
        services.timeline.note(id, Kind::Resumed, "resumed", json!({}));
    }
    Ok(done)
}
