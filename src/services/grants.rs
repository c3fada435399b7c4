//! Every new or ended grant goes through here: put, delete, pause, resume. A running keeper notices by the change marker.
//!
//! `by` names the API token that asked, where one did: it stands in the timeline. What was acknowledged survives a failover of the database: it is in the journal before anybody is told.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::Services;
use crate::domain::grant::{NewGrant, Put};
use crate::domain::ids::ConnectionId;
use crate::domain::journal::Record;
use crate::domain::secrets::RefreshToken;
use crate::domain::timeline::Kind;
use crate::ports::StoreError;

/// Stores what is new among the offered grants.
///
/// # Errors
/// Where the database does not answer; nothing is changed then.
pub async fn put(
    services: &Services,
    grants: Vec<NewGrant>,
    by: Option<&str>,
) -> Result<Vec<Put>, StoreError> {
    let decided = services.adapters.store.put(grants.clone(), false).await?;
    for (grant, given) in grants.into_iter().zip(&decided) {
        let Some(generation) = given.generation() else { continue };
        let kind = if matches!(given.put, Put::Created(_)) { Kind::Connected } else { Kind::Replaced };
        let id = grant.id.clone();
        let as_stored = NewGrant { granted_at: given.granted_at, ..grant };
        services.journal.append_beside(Record::granted(as_stored, generation)).await;
        services.timeline.note(
            &id,
            kind,
            "a new grant was given",
            json!({ "generation": generation, "by": by }),
        );
    }
    Ok(decided.into_iter().map(|given| given.put).collect())
}

/// Deletes a connection: tokens erased, a tombstone stays. A rotation in flight gives its pair back.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete(services: &Services, id: &ConnectionId, by: Option<&str>) -> Result<bool, StoreError> {
    Ok(erase(services, id, by).await?.is_some())
}

/// What a deletion erased.
pub(super) struct Erased {
    /// `None` where no key opens it.
    pub(super) refresh_token: Option<RefreshToken>,
}

/// The same for whoever revokes what was erased. `None` where there was no such connection.
pub(super) async fn erase(
    services: &Services,
    id: &ConnectionId,
    by: Option<&str>,
) -> Result<Option<Erased>, StoreError> {
    let at = services.adapters.clock.now();
    let Some(deleted) = services.adapters.store.delete(id, at).await? else { return Ok(None) };
    if let Some(cell) = services.registry.get(id) {
        cell.mark_deleted(deleted.grant_id); // no token is served and no subscription made from here on
    }
    let record = Record::Deleted {
        id: id.clone(),
        grant_id: deleted.grant_id,
        granted_at: deleted.granted_at,
        generation: deleted.generation,
        at,
        marker: deleted.marker,
    };
    services.journal.append_beside(record).await;
    services.timeline.note(id, Kind::Disconnected, "the connection was deleted", json!({ "by": by }));
    Ok(Some(Erased { refresh_token: deleted.refresh_token }))
}

/// Pauses a connection. A rotation in flight is kept, the pause stays.
///
/// # Errors
/// Where the database does not answer.
pub async fn pause(services: &Services, id: &ConnectionId, by: Option<&str>) -> Result<bool, StoreError> {
    set_pause(services, id, Some(services.adapters.clock.now()), Kind::Paused, by).await
}

/// Ends a pause.
///
/// # Errors
/// Where the database does not answer.
pub async fn resume(services: &Services, id: &ConnectionId, by: Option<&str>) -> Result<bool, StoreError> {
    set_pause(services, id, None, Kind::Resumed, by).await
}

async fn set_pause(
    services: &Services,
    id: &ConnectionId,
    since: Option<DateTime<Utc>>,
    kind: Kind,
    by: Option<&str>,
) -> Result<bool, StoreError> {
    let Some(marker) = services.adapters.store.pause(id, since).await? else { return Ok(false) };
    services.journal.append_beside(Record::Paused { id: id.clone(), since, marker }).await;
    services.timeline.note(id, kind, kind.as_str(), json!({ "by": by }));
    Ok(true)
}
