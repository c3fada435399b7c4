//! While a fault of the whole system holds, one exchange is let through from time to time: it finds out that it is over.

use std::sync::Arc;
use std::time::Duration;

use super::Services;
use super::rotation;
use super::system_fault::Kind;
use crate::domain::backoff::Backoff;
use crate::domain::decision::Why;
use crate::registry::cell::Cell;
use crate::runtime::sleep;

/// The first probe comes after 5 s, the next ones after twice as long each, up to a minute.
const PROBE: Backoff = Backoff { min: Duration::from_secs(5), max: Duration::from_secs(60) };
/// Nobody waited to be the probe: look again.
const NOBODY: Duration = Duration::from_secs(5);

/// Probes while a fault holds, until the keeper stops.
pub(super) fn watch(services: &Arc<Services>) {
    let services = services.clone();
    services.io.clone().spawn_loop(async move {
        tokio::select! {
            () = probe_for_ever(&services) => {}
            () = services.shutdown.requested() => {}
        }
    });
}

async fn probe_for_ever(services: &Arc<Services>) {
    loop {
        let changed = services.system.changed();
        if !services.system.is_holding() {
            changed.await;
            continue;
        }
        let mut attempt = 1;
        let mut wait = PROBE.delay(attempt, 1.0);
        while services.system.is_holding() {
            sleep(wait).await;
            wait = if probe(services) {
                attempt += 1;
                PROBE.delay(attempt, 1.0)
            } else {
                NOBODY
            };
        }
    }
}

/// False where there was nobody to send.
fn probe(services: &Arc<Services>) -> bool {
    if !services.system.is_holding() {
        return true;
    }
    if services.system.is(Kind::EverybodyRefused)
        && let Some(cell) = healthy(services)
        && rotation::start(services, &cell, Why::Witness).is_some()
    {
        // Those who wait may all be dead grants; a witness is the most urgent, so it is the one let through.
        services.limiter.admit_next();
        return true;
    }
    services.limiter.admit_probe(services.adapters.jitter.draw())
}

/// One that was refreshed here before and was not refused since, the one that needs it soonest.
fn healthy(services: &Services) -> Option<Arc<Cell>> {
    let registry = &services.registry;
    let now = services.adapters.clock.now();
    let may = |cell: &Arc<Cell>| {
        let view = cell.token_view();
        view.may_refresh
            && !view.unknown
            && view.not_before.is_none_or(|not_before| not_before <= now)
            && cell.read(|c| c.generation > c.granted_generation)
            && !services.system.is_refused(cell.id())
            && registry.in_flight.end_of(cell.id()).is_none()
    };
    registry.cells().into_iter().filter(may).min_by_key(|cell| cell.read(|c| c.expires_at))
}
