//! How the connections stand and what has been done for them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::events::events;
use super::page::Page;
use crate::actors::{Shared, Standing};
use crate::domain::facts::WebhookState;
use crate::domain::refresh_outcome::RefreshOutcome;
use crate::domain::status::Status;
use crate::services::Services;
use crate::services::system_fault::Kind;

/// Upper bounds in seconds: most are a few milliseconds; a database that is away makes them minutes.
const EXPOSED: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0];

/// Reads the cells and counters.
#[derive(Debug)]
pub(super) struct Keeper(pub(super) Arc<Shared>);

/// What all cells come to.
#[derive(Default)]
struct Cells {
    statuses: BTreeMap<&'static str, usize>,
    webhooks: BTreeMap<&'static str, usize>,
    without_token: usize,
    soonest_refresh: Option<i64>,
    unverified_since: Option<i64>,
}

impl Collector for Keeper {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let services = &self.0.services;
        self.standing(&mut page)?;
        connections(services, &mut page)?;
        refreshes(services, &mut page)?;
        events(services, &mut page)?;
        faults(services, &mut page)
    }
}

impl Keeper {
    fn standing(&self, page: &mut Page<'_>) -> fmt::Result {
        let standing = match &*self.0.standing().borrow() {
            Standing::Starting => "starting",
            Standing::By { .. } => "standing_by",
            Standing::Working => "working",
        };
        page.gauges(
            "keeper_standing",
            "1 for what this keeper does: starting, standing_by or working",
            "standing",
            ["starting", "standing_by", "working"].map(|one| (one, f64::from(u8::from(one == standing)))),
        )?;
        let version = env!("CARGO_PKG_VERSION");
        page.gauges("keeper_build_info", "Always 1; the version is the label", "version", [(version, 1.0)])
    }
}

fn cells(services: &Services) -> Cells {
    let now = services.adapters.clock.now();
    let mut all = Cells::default();
    for cell in services.registry.cells() {
        let (status, facts) = (cell.status().status, cell.facts());
        *all.statuses.entry(status.as_str()).or_default() += 1;
        let healthy = !matches!(status, Status::Paused | Status::ReauthorizationRequired);
        all.without_token += usize::from(healthy && cell.living(now).is_none());
        if services.settings.webhook.is_some() && healthy {
            *all.webhooks.entry(facts.webhook.state.as_str()).or_default() += 1;
            let seen = facts.webhook.verified_at.unwrap_or(facts.webhook.since).timestamp();
            if status != Status::WebhookUnavailable {
                all.unverified_since = Some(all.unverified_since.map_or(seen, |before| before.min(seen)));
            }
        }
        let view = cell.token_view();
        if let Some(at) = view.refresh_at.filter(|_| view.may_refresh) {
            all.soonest_refresh =
                Some(all.soonest_refresh.map_or(at.timestamp(), |soonest| soonest.min(at.timestamp())));
        }
    }
    all
}

fn connections(services: &Services, page: &mut Page<'_>) -> fmt::Result {
    let all = cells(services);
    let count = |counts: &BTreeMap<&str, usize>, name| counts.get(name).copied().unwrap_or(0) as f64;
    page.gauges(
        "keeper_connections",
        "Connections by status",
        "status",
        Status::ALL.map(|status| (status.as_str(), count(&all.statuses, status.as_str()))),
    )?;
    page.gauges(
        "keeper_webhooks",
        "Connections by the state of their webhook subscription, of those that shall have one",
        "state",
        WebhookState::ALL.map(|state| (state.as_str(), count(&all.webhooks, state.as_str()))),
    )?;
    page.gauge(
        "keeper_connections_without_token",
        "Connections that are neither paused nor in need of their user, and have no living access token now",
        all.without_token as f64,
    )?;
    if let Some(at) = all.soonest_refresh {
        page.gauge("keeper_next_refresh_timestamp_seconds", "When the next token is refreshed", at as f64)?;
    }
    if let Some(at) = all.unverified_since {
        page.gauge(
            "keeper_oldest_verification_timestamp_seconds",
            "When the subscription that was not looked at for the longest time was last seen right",
            at as f64,
        )?;
    }
    let counted = services.counters().read();
    page.counter("keeper_restarts", "Actors restarted after a failure", counted.restarts)?;
    page.counter("keeper_quarantines", "Actors parked after too many failures", counted.quarantines)?;
    page.counter("keeper_verifications", "Webhook subscriptions looked at", counted.verified)?;
    page.counter(
        "keeper_repairs",
        "Webhook subscriptions created, replaced or cleared of duplicates",
        counted.repaired,
    )
}

fn refreshes(services: &Services, page: &mut Page<'_>) -> fmt::Result {
    let counted = services.counters().read();
    page.counters(
        "keeper_refreshes",
        "Refreshes by how they ended; self_inflicted means a grant lost by the keeper and must stay at 0",
        "outcome",
        RefreshOutcome::ALL.map(|outcome| (outcome.as_str(), counted.refreshes(outcome))),
    )?;
    page.gauge(
        "keeper_refreshes_in_flight",
        "Refreshes under way or waiting for their turn",
        services.registry.in_flight.len() as f64,
    )?;
    page.gauge(
        "keeper_exchanges_in_flight",
        "Refresh tokens that are being exchanged",
        services.limiter.under_way() as f64,
    )?;
    page.counter(
        "keeper_superseded",
        "New tokens given back because their grant had been replaced or deleted",
        counted.superseded,
    )?;
    let exposure = &services.registry.exposure;
    let buckets = exposure.buckets(&EXPOSED);
    page.histogram(
        "keeper_rotation_exposure_seconds",
        "How long new tokens were in memory alone, until the first durable write",
        exposure.sum().as_secs_f64(),
        &buckets,
    )
}

fn faults(services: &Services, page: &mut Page<'_>) -> fmt::Result {
    page.gauges(
        "keeper_system_fault",
        "1 while this is wrong for all connections",
        "fault",
        Kind::ALL.map(|kind| (kind.as_str(), f64::from(u8::from(services.system.is(kind))))),
    )?;
    page.gauge(
        "keeper_journal_writable",
        "0 while the rotation journal cannot be written: new tokens are not safe from a failure of the database",
        f64::from(u8::from(!services.journal.is_broken())),
    )
}
