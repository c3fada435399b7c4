//! What was delivered may be lost: the keeper itself was away, or the database went back in time.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use log::{debug, warn};
use serde_json::json;

use super::group::waits;
use crate::domain::ids::Generation;
use crate::domain::timeline::Kind;
use crate::ports::{Gap, StoreError};
use crate::registry::cell::Cell;
use crate::runtime::sleep;
use crate::services::Services;
use crate::services::system_fault::Kind as Fault;

/// Calendly tries again for longer than a restart takes.
const BRIDGED: TimeDelta = TimeDelta::minutes(5);
/// So much of what it took a database has lost, mostly, that goes back: what its standby had not yet.
const LOST: TimeDelta = TimeDelta::minutes(15);
const AGAIN: Duration = Duration::from_secs(2);

/// Opens a gap for everybody where nobody took deliveries for a while.
pub(super) async fn at_first(services: &Services) {
    loop {
        match look(services).await {
            Ok(()) => return,
            Err(error) => {
                debug!(target: "backfill", error:% = error; "since when nobody took deliveries could not be read, trying again");
                sleep(AGAIN).await;
            }
        }
    }
}

async fn look(services: &Services) -> Result<(), StoreError> {
    let store = &services.adapters.store;
    let now = services.adapters.clock.now();
    let alive_at = store.alive_at().await?;
    if let Some(from) = alive_at.filter(|at| now - *at > BRIDGED) {
        // Without a subscription nothing was delivered, and the repair opens a gap of its own.
        let had_one = |cell: &Cell| cell.facts().webhook.verified_at.is_some();
        let connections = open(services, from, now, "keeper_down", had_one).await?;
        let since = from.to_rfc3339_opts(SecondsFormat::Secs, true);
        warn!(target: "backfill", since = since.as_str(), connections;
            "nobody took deliveries for a while, looking for what was missed");
    }
    // Only now: broken off half-way it is done again.
    store.note_alive(now).await
}

/// Opens a gap for everybody: what was acknowledged last may be in the database no more.
pub fn went_back(services: &Arc<Services>) {
    if services.settings.backfill.is_none() {
        return;
    }
    let services = services.clone();
    services.clone().io.spawn_loop(async move {
        let now = services.adapters.clock.now();
        let reason = Fault::DatabaseWentBack.as_str();
        while !services.shutdown.is_requested() {
            match open(&services, now - LOST, now, reason, |_| true).await {
                Ok(connections) => {
                    warn!(target: "backfill", connections; "the database went back in time, looking for what it has lost");
                    return services.backfill.look();
                }
                Err(error) => {
                    debug!(target: "backfill", error:% = error; "the gaps could not be recorded, trying again");
                    sleep(AGAIN).await;
                }
            }
        }
    });
}

/// For how many that are not waiting.
async fn open(
    services: &Services,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
    reason: &str,
    concerns: impl Fn(&Cell) -> bool,
) -> Result<usize, StoreError> {
    let mut opened = 0_usize;
    for cell in services.registry.cells() {
        let (granted_at, first) = cell.read(|c| (c.granted_at, c.granted_generation == Generation(1)));
        let from = if first { since.max(granted_at) } else { since };
        // A pause ends.
        if from >= now || cell.is_deleted() || !concerns(&cell) {
            continue;
        }
        let gap = Gap { connection: cell.id().clone(), from, opened_at: now, reason: reason.into() };
        services.adapters.store.open_gap(gap).await?;
        opened += usize::from(!waits(&cell));
        let detail = json!({ "from": from, "reason": reason });
        services.timeline.note(cell.id(), Kind::GapOpened, "events may have been lost since then", detail);
    }
    Ok(opened)
}
