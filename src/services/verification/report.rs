//! What a verification leaves behind: facts in the store and the cells, a line in the log, an entry in the timeline, a gap.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use log::{Level, debug, info, log, warn};
use serde_json::{Value, json};

use super::each;
use crate::domain::backfill::CONNECTED;
use crate::domain::facts::{WebhookFact, WebhookState};
use crate::domain::subscription::callback::CallbackUrl;
use crate::domain::subscription::reconcile::Wrong;
use crate::domain::timeline::Kind;
use crate::ports::{Gap, StoreError};
use crate::registry::cell::Cell;
use crate::services::Services;

pub(super) async fn found(
    services: &Services,
    cells: &[Arc<Cell>],
    uri: &str,
    events: usize,
) -> Result<(), StoreError> {
    services.counters().verified.add_one();
    let news: Vec<_> =
        cells.iter().filter(|c| c.facts().webhook.state != WebhookState::Ok).cloned().collect();
    connected(services, &news).await?;
    fact(services, cells, WebhookState::Ok, None, Some(uri)).await;
    if news.is_empty() {
        found_again(cells, events);
    } else {
        let level = services.routine();
        each(&news, |connection| {
            log!(target: "webhook", level, connection, events, state = "active"; "webhook found in Calendly");
        });
        note(services, &news, Kind::WebhookFound, "webhook found in Calendly", &json!({ "uri": uri }));
    }
    Ok(())
}

fn found_again(cells: &[Arc<Cell>], events: usize) {
    each(cells, |connection| {
        debug!(target: "webhook", connection, events, state = "active"; "webhook found in Calendly");
    });
}

pub(super) async fn created(services: &Services, cells: &[Arc<Cell>], uri: &str, gap_from: DateTime<Utc>) {
    // Many that never had one, as after a first import, are counted as repaired.
    let is_first = cells.iter().all(|cell| cell.facts().webhook.verified_at.is_none());
    repaired(services, cells, uri).await;
    let (level, gap_from) = (if is_first { services.routine() } else { Level::Info }, time(gap_from));
    each(cells, |connection| {
        log!(target: "webhook", level, connection, gap_from = gap_from.as_str(); "webhook was missing, created");
    });
    note(services, cells, Kind::WebhookCreated, "webhook was missing, created", &json!({ "uri": uri }));
}

pub(super) async fn replaced(
    services: &Services,
    cells: &[Arc<Cell>],
    uri: &str,
    wrong: &Wrong,
    gap_from: DateTime<Utc>,
) {
    repaired(services, cells, uri).await;
    let (text, missing, extra) = match wrong {
        Wrong::Disabled => ("webhook was disabled, replaced", String::new(), String::new()),
        Wrong::Events { missing, extra } => {
            ("webhook had wrong events, replaced", missing.join(","), extra.join(","))
        }
        Wrong::Scope(_) => ("webhook had the wrong scope, replaced", String::new(), String::new()),
    };
    let gap_from = time(gap_from);
    let (gap_from, lacks, beyond) = (gap_from.as_str(), missing.as_str(), extra.as_str());
    each(cells, |connection| match wrong {
        Wrong::Events { .. } => {
            warn!(target: "webhook", connection, gap_from, missing = lacks, extra = beyond; "{text}");
        }
        _ => warn!(target: "webhook", connection, gap_from; "{text}"),
    });
    let detail = json!({ "uri": uri, "reason": wrong.reason(), "missing": missing, "extra": extra });
    note(services, cells, Kind::WebhookReplaced, text, &detail);
}

pub(super) async fn duplicates(services: &Services, cells: &[Arc<Cell>], kept: &str, deleted: &[String]) {
    fact(services, cells, WebhookState::Ok, None, Some(kept)).await;
    if deleted.is_empty() {
        return;
    }
    services.counters().repaired.add_one();
    each(cells, |connection| {
        warn!(target: "webhook", connection, deleted = deleted.len(); "duplicate webhooks deleted");
    });
    let detail = json!({ "kept": kept, "deleted": deleted });
    note(
        services,
        cells,
        Kind::WebhookDeleted,
        "duplicate webhooks deleted, the oldest right one stays",
        &detail,
    );
}

pub(super) fn retired(services: &Services, cells: &[Arc<Cell>], uri: &str) {
    each(cells, |connection| {
        info!(target: "webhook", connection; "webhook at a retired callback URL deleted");
    });
    note(
        services,
        cells,
        Kind::WebhookDeleted,
        "webhook at a retired callback URL deleted",
        &json!({ "uri": uri }),
    );
}

pub(super) async fn deliveries_failing(
    services: &Services,
    cells: &[Arc<Cell>],
    callback: &CallbackUrl,
    since: DateTime<Utc>,
    gap_from: DateTime<Utc>,
) -> Result<(), StoreError> {
    gap(services, cells, gap_from, "deliveries_failing").await?;
    let since = time(since);
    each(cells, |connection| {
        warn!(target: "webhook", connection, since = since.as_str(), callback_url:% = callback;
            "deliveries are failing now, check that the callback URL answers with 2xx within 15 s");
    });
    note(services, cells, Kind::DeliveriesFailing, "deliveries are failing", &json!({ "since": since }));
    Ok(())
}

pub(super) async fn unavailable(services: &Services, cells: &[Arc<Cell>], reason: String) {
    let news: Vec<_> = cells
        .iter()
        .filter(|c| c.facts().webhook.reason.as_deref() != Some(reason.as_str()))
        .cloned()
        .collect();
    fact(services, cells, WebhookState::Unavailable, Some(&reason), None).await;
    if !news.is_empty() {
        let why = reason.as_str();
        each(&news, |connection| {
            warn!(target: "webhook", connection, reason = why; "Calendly refuses webhooks, looking again in a day");
        });
        note(
            services,
            &news,
            Kind::WebhookUnavailable,
            "Calendly refuses webhooks",
            &json!({ "reason": reason }),
        );
    }
}

/// Sets a state without further ado.
pub(super) async fn state(
    services: &Services,
    cells: &[Arc<Cell>],
    state: WebhookState,
    reason: Option<&str>,
) {
    let news: Vec<_> = cells.iter().filter(|c| c.facts().webhook.state != state).cloned().collect();
    if !news.is_empty() {
        fact(services, &news, state, reason, None).await;
    }
}

async fn repaired(services: &Services, cells: &[Arc<Cell>], uri: &str) {
    services.counters().repaired.add_one();
    fact(services, cells, WebhookState::Ok, None, Some(uri)).await;
}

/// The gap that a repair leaves, and those of whoever is connected with it.
pub(super) async fn opened(
    services: &Services,
    cells: &[Arc<Cell>],
    from: DateTime<Utc>,
    reason: &str,
) -> Result<(), StoreError> {
    gap(services, cells, from, reason).await?;
    connected(services, cells).await
}

/// Told in the timeline of those for whom it is in the ledger.
async fn gap(
    services: &Services,
    cells: &[Arc<Cell>],
    from: DateTime<Utc>,
    reason: &str,
) -> Result<(), StoreError> {
    let opened_at = services.adapters.clock.now();
    let detail = json!({ "from": from, "reason": reason });
    for cell in cells {
        let gap = Gap { connection: cell.id().clone(), from, opened_at, reason: reason.into() };
        services.adapters.store.open_gap(gap).await?;
        let cell = std::slice::from_ref(cell);
        note(services, cell, Kind::GapOpened, "events may have been lost since then", &detail);
    }
    services.backfill.look();
    Ok(())
}

/// What was booked before they were connected is wanted, too, of those whose subscription is seen for the first time.
async fn connected(services: &Services, cells: &[Arc<Cell>]) -> Result<(), StoreError> {
    let back = services.settings.backfill.map(|settings| settings.on_connect).unwrap_or_default();
    let Some(back) = TimeDelta::from_std(back).ok().filter(|back| !back.is_zero()) else { return Ok(()) };
    for cell in cells.iter().filter(|cell| cell.facts().webhook.verified_at.is_none()) {
        let from = cell.read(|c| c.granted_at) - back;
        gap(services, std::slice::from_ref(cell), from, CONNECTED).await?;
    }
    Ok(())
}

/// Writes the fact down, keeping since when it holds and when it was last seen right.
async fn fact(
    services: &Services,
    cells: &[Arc<Cell>],
    state: WebhookState,
    reason: Option<&str>,
    uri: Option<&str>,
) {
    let now = services.adapters.clock.now();
    let mut written: Vec<(WebhookFact, Vec<_>)> = vec![];
    for cell in cells {
        let before = cell.facts().webhook;
        let new = WebhookFact {
            state,
            reason: reason.map(Into::into),
            since: if before.state == state { before.since } else { now },
            verified_at: if state == WebhookState::Ok { Some(now) } else { before.verified_at },
            uri: uri.map(Into::into).or(before.uri),
        };
        cell.set_webhook(new.clone());
        match written.iter_mut().find(|(fact, _)| *fact == new) {
            Some((_, ids)) => ids.push(cell.id().clone()),
            None => written.push((new, vec![cell.id().clone()])),
        }
    }
    for (fact, ids) in written {
        if let Err(error) = services.adapters.store.save_webhook(ids, fact).await {
            each(cells, |connection| {
                warn!(target: "webhook", connection, error:% = error; "the webhook's state could not be stored, next time");
            });
        }
    }
}

fn note(services: &Services, cells: &[Arc<Cell>], kind: Kind, text: &str, detail: &Value) {
    for cell in cells {
        services.timeline.note(cell.id(), kind, text, detail.clone());
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
