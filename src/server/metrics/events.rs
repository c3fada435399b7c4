//! How events come in and go on.

use std::fmt;

use super::page::Page;
use crate::services::Services;

pub(super) fn events(services: &Services, page: &mut Page<'_>) -> fmt::Result {
    let counted = services.counters().read();
    page.counters(
        "keeper_events",
        "Events by what became of them as they came: new, or there already",
        "intake",
        [("new", counted.events_kept), ("duplicate", counted.events_duplicate)],
    )?;
    page.counters(
        "keeper_deliveries_not_kept",
        "Deliveries that are in no inbox: nobody's any more, refused for their signature, or too large",
        "reason",
        [
            ("nobody", counted.events_dropped),
            ("signature", counted.signatures_refused),
            ("too_large", counted.events_oversized),
        ],
    )?;
    page.counter(
        "keeper_deliveries_spilled",
        "Deliveries kept beside the database while it was away",
        counted.events_spilled,
    )?;
    page.counter("keeper_backfilled", "Events found by backfills of gaps", counted.backfilled)?;
    page.counter(
        "keeper_events_missed",
        "Events that were not delivered although nothing was wrong, found by the sweep: the pipe leaks",
        counted.events_missed,
    )?;
    relay(services, page)
}

fn relay(services: &Services, page: &mut Page<'_>) -> fmt::Result {
    let counted = services.counters().read();
    let view = services.relay.view();
    page.counter("keeper_events_relayed", "Events that the application took", counted.events_relayed)?;
    page.counter(
        "keeper_relay_failures",
        "Attempts to pass an event on that the application did not answer with 2xx",
        counted.relay_failures,
    )?;
    page.counter(
        "keeper_events_given_up",
        "Events given up after relay.give_up_after",
        counted.events_given_up,
    )?;
    page.gauge("keeper_events_pending", "Events to be passed on", view.backlog.pending as f64)?;
    page.gauge("keeper_events_dead", "Events given up that nobody has replayed", view.backlog.dead as f64)?;
    page.gauge(
        "keeper_oldest_pending_event_seconds",
        "For how long the oldest event that is to be passed on has waited",
        view.oldest(services.adapters.clock.now()).as_secs_f64(),
    )?;
    page.gauge(
        "keeper_relay_up",
        "0 while the application takes no events, or has answered 410",
        f64::from(u8::from(view.down_since.is_none() && !view.paused)),
    )
}
