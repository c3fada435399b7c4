//! A delivery that is too large is refused, and what it said has to be found otherwise.

use chrono::{DateTime, TimeDelta, Utc};
use log::{error, warn};
use serde_json::json;

use crate::domain::ids::ConnectionId;
use crate::domain::timeline::Kind;
use crate::ports::Gap;
use crate::services::Services;

/// Calendly tries so long, so that much may have gone by since it happened.
const TRIED_FOR: TimeDelta = TimeDelta::hours(25);

/// Notes it; `path` is the last segment of the path that it came to. One gap an hour: it is sent again and again.
pub async fn too_large(services: &Services, path: Option<&str>, bytes: usize) {
    services.counters().events_oversized.add_one();
    let connection = path.and_then(|path| path.parse::<ConnectionId>().ok());
    let Some(cell) = connection.as_ref().and_then(|id| services.registry.get(id)) else {
        error!(target: "inbox", bytes, hint = "raise inbox.max_body"; "a delivery is too large, and nobody can say whose it is");
        return;
    };
    let (id, now) = (cell.id().clone(), services.adapters.clock.now());
    warn!(target: "inbox", connection:% = id, bytes, hint = "raise inbox.max_body"; "a delivery is too large, what it said is looked for");
    let opened_at = hour(now);
    let from = opened_at - TRIED_FOR;
    let gap = Gap { connection: id.clone(), from, opened_at, reason: "oversized".into() };
    match services.adapters.store.open_gap(gap).await {
        Ok(()) => services.timeline.note(
            &id,
            Kind::GapOpened,
            "a delivery was too large",
            json!({ "bytes": bytes }),
        ),
        Err(error) => {
            error!(target: "inbox", connection:% = id, error:% = error; "the gap could not be recorded");
        }
    }
}

fn hour(now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(now.timestamp().div_euclid(3600) * 3600, 0).unwrap_or(now)
}
