//! `invalid_grant`: final for its grant, unless the row has moved on, or everybody is refused.
//!
//! A provider's bad ten minutes look like many single revocations. So a refusal stands only on evidence: a refresh that
//! succeeded after it. Where none comes by itself, another connection is refreshed ahead of its time as a witness,
//! which spends nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::claim::{self, Consumed, Held};
use super::{Ended, Rotation, start};
use crate::domain::decision::Why;
use crate::domain::facts::Refusal;
use crate::domain::ids::ConnectionId;
use crate::domain::rotation::Refuse;
use crate::domain::timeline::Kind;
use crate::registry::cell::Cell;
use crate::services::system_fault::Evidence;

/// How long a refusal waits for evidence before a witness is called.
const GRACE: Duration = Duration::from_secs(2);
/// So many witnesses without a word, and the refusal is put off.
const WITNESSES: usize = 6;

/// Marks the grant as gone, where the refusal stands.
pub(super) async fn refused(rotation: &Rotation, held: Held) -> Ended {
    let services = &rotation.services;
    if !stands(rotation).await {
        return claim::release(rotation, &held, Consumed::No, Duration::from_secs(5)).await;
    }
    let first = rotation.cell.read(|c| c.granted_generation == held.generation);
    let reason = Refusal::classify(held.unknown_since.is_some(), first);
    let at = services.adapters.clock.now();
    let refuse = Refuse {
        id: rotation.id().clone(),
        grant_id: held.grant_id,
        generation: held.generation,
        reason,
        at,
    };
    match services.adapters.store.refuse(refuse).await {
        Ok(true) => {}
        Ok(false) => return rotation.moved_on().await,
        Err(error) => {
            // Nothing is lost: the claim stays open, the same answer will come again.
            rotation.database_failed(&error);
            return rotation.retry_in(Duration::from_secs(5));
        }
    }
    rotation.cell.refused(held.grant_id, held.generation, reason, at);
    let counters = services.counters();
    let (counter, kind, text) = match reason {
        Refusal::RotationLost => {
            (&counters.self_inflicted, Kind::RotationLost, "an answer was lost, the grant is gone")
        }
        Refusal::Revoked => (&counters.refused, Kind::Revoked, "Calendly refuses the grant: revoked"),
        Refusal::DeadOnArrival => (
            &counters.refused,
            Kind::DeadOnArrival,
            "Calendly refused the imported grant at its first refresh",
        ),
    };
    counter.add_one();
    services.timeline.note(rotation.id(), kind, text, json!({ "generation": held.generation }));
    Ended::Refused
}

/// Whether this refusal is the connection's own.
async fn stands(rotation: &Rotation) -> bool {
    let services = &rotation.services;
    let before = services.system.successes();
    let mut called = HashSet::new();
    loop {
        let now = services.adapters.clock.now();
        match services.system.evidence(rotation.id(), before, now, GRACE).await {
            Evidence::Stands => return true,
            Evidence::Withheld => return false,
            Evidence::None if called.len() >= WITNESSES || services.shutdown.is_requested() => return false,
            Evidence::None => {}
        }
        let Some(witness) = witness(rotation, &called) else { return true }; // nobody else is there to ask
        called.insert(witness.id().clone());
        if let Some(task) = start(services, &witness, Why::Witness) {
            let _ = task.await; // how it ended is told to `system`
        }
    }
}

/// Another connection whose token could be refreshed now, the one that needs it soonest.
fn witness(rotation: &Rotation, called: &HashSet<ConnectionId>) -> Option<Arc<Cell>> {
    let registry = &rotation.services.registry;
    let now = rotation.services.adapters.clock.now();
    let may = |cell: &Arc<Cell>| {
        cell.id() != rotation.id()
            && !called.contains(cell.id())
            && cell.living(now).is_some()
            && cell.token_view().may_refresh
            && registry.in_flight.end_of(cell.id()).is_none()
    };
    registry.cells().into_iter().filter(may).min_by_key(|cell| cell.read(|c| c.expires_at))
}
