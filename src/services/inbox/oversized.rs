//! A delivery that is too large is refused, and what it said has to be found otherwise.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use log::{error, warn};
use serde_json::json;

use crate::domain::ids::ConnectionId;
use crate::domain::timeline::Kind;
use crate::ports::Gap;
use crate::registry::cell::Cell;
use crate::services::Services;

/// Calendly tries so long, so that much may have gone by since it happened.
const TRIED_FOR: TimeDelta = TimeDelta::hours(25);

/// Notes it; `path` is the last segment of the path that it came to. One gap an hour: it is sent again and again.
pub async fn too_large(services: &Services, path: Option<&str>, bytes: usize) {
    services.counters().events_oversized.add_one();
    let cells = concerned(services, path);
    if cells.is_empty() {
        error!(target: "inbox", bytes, hint = "raise inbox.max_body"; "a delivery is too large, and nobody can say whose it is");
        return;
    }
    let connections = cells.len();
    warn!(target: "inbox", connection:% = cells[0].id(), connections, bytes, hint = "raise inbox.max_body"; "a delivery is too large, what it said is looked for");
    let opened_at = hour(services.adapters.clock.now());
    let from = opened_at - TRIED_FOR;
    for cell in cells {
        let id = cell.id();
        let gap = Gap { connection: id.clone(), from, opened_at, reason: "oversized".into() };
        match services.adapters.store.open_gap(gap).await {
            Ok(()) => {
                let detail = json!({ "bytes": bytes });
                services.timeline.note(id, Kind::GapOpened, "a delivery was too large", detail);
            }
            Err(error) => {
                error!(target: "inbox", connection:% = id, error:% = error; "the gap could not be recorded");
                return;
            }
        }
    }
}

/// The path's connection, or all of the path's organization; where the path names nobody at all, everybody.
fn concerned(services: &Services, path: Option<&str>) -> Vec<Arc<Cell>> {
    let mut cells: Vec<_> = match path {
        Some(path) => {
            let connection = path.parse::<ConnectionId>().ok();
            if let Some(cell) = connection.as_ref().and_then(|id| services.registry.get(id)) {
                return vec![cell];
            }
            let is_in = |cell: &Arc<Cell>| {
                let organization = cell.read(|c| c.organization.clone());
                organization.is_some_and(|uri| uri.rsplit('/').next() == Some(path))
            };
            services.registry.cells().into_iter().filter(is_in).collect()
        }
        None => services.registry.cells(),
    };
    cells.retain(|cell| !cell.is_deleted());
    cells.sort_by(|one, other| one.id().cmp(other.id()));
    cells
}

fn hour(now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(now.timestamp().div_euclid(3600) * 3600, 0).unwrap_or(now)
}
