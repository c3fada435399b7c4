//! The keeper itself was away: where deliveries come to it, some may have been lost.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use log::{debug, warn};
use serde_json::json;

use super::group::waits;
use crate::domain::ids::Generation;
use crate::domain::timeline::Kind;
use crate::ports::{Gap, StoreError};
use crate::runtime::sleep;
use crate::services::Services;

/// Calendly tries again for longer than a restart takes.
const BRIDGED: TimeDelta = TimeDelta::minutes(5);
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
        open(services, from, now).await?;
    }
    // Only now: broken off half-way it is done again.
    store.note_alive(now).await
}

async fn open(services: &Services, away_since: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut opened = 0_usize;
    for cell in services.registry.cells() {
        let (granted_at, first) = cell.read(|c| (c.granted_at, c.granted_generation == Generation(1)));
        let from = if first { away_since.max(granted_at) } else { away_since };
        // Without a subscription nothing was delivered, and the repair opens a gap of its own. A pause ends.
        let had_one = cell.facts().webhook.verified_at.is_some();
        if !had_one || from >= now || cell.is_deleted() {
            continue;
        }
        let gap = Gap { connection: cell.id().clone(), from, opened_at: now, reason: "keeper_down".into() };
        services.adapters.store.open_gap(gap).await?;
        opened += usize::from(!waits(&cell));
        let detail = json!({ "from": from, "reason": "keeper_down" });
        services.timeline.note(cell.id(), Kind::GapOpened, "events may have been lost since then", detail);
    }
    let since = away_since.to_rfc3339_opts(SecondsFormat::Secs, true);
    warn!(target: "backfill", since = since.as_str(), connections = opened;
        "nobody took deliveries for a while, looking for what was missed");
    Ok(())
}
