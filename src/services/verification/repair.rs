//! Carrying a verdict out: create first, delete after, record what was made.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use log::warn;

use super::{Stop, Visit, each, report};
use crate::domain::facts::WebhookState;
use crate::domain::ids::Generation;
use crate::domain::subscription::callback::CallbackUrl;
use crate::domain::subscription::gap::{deliveries_failing, failing_from, gap_from};
use crate::domain::subscription::reconcile::{Verdict, Wanted, Wrong, reconcile, wrong};
use crate::domain::subscription::{Found, Owner, Recorded};
use crate::ports::{ApiErrorClass, NewSubscription};
use crate::registry::cell::Cell;

/// A 409 whose twin cannot be seen is got round by another version of the URL, this often.
const VERSIONS_TRIED: u32 = 5;

/// Brings one callback URL's subscription into order; true where it was not.
pub(super) async fn repair(
    visit: &Visit<'_>,
    owner: &Owner,
    callback: CallbackUrl,
    listed: &[Found],
    record: Option<Recorded>,
    cells: &[Arc<Cell>],
) -> Result<bool, Stop> {
    let services = visit.services;
    let events: BTreeSet<String> = visit.webhook.events.clone();
    let wanted = Wanted { callback, events, scope: visit.webhook.scope };
    let found = |uri: &str| listed.iter().find(|found| found.uri == uri);
    match reconcile(&wanted, listed) {
        Verdict::Keep { uri } => {
            let retry = before(visit, &wanted, listed, record.as_ref(), &uri, cells).await?;
            keep(visit, owner, &wanted, uri.clone(), retry).await?;
            let reported = report::found(services, cells, &uri, wanted.events.len()).await;
            reported.map_err(|error| visit.store(error))?;
            return Ok(false);
        }
        Verdict::DeleteDuplicates { keep: uri, delete } => {
            let retry = before(visit, &wanted, listed, record.as_ref(), &uri, cells).await?;
            keep(visit, owner, &wanted, uri.clone(), retry).await?;
            let deleted = delete_all(visit, &delete).await;
            report::duplicates(services, cells, &uri, &deleted).await;
        }
        Verdict::Create { version } => {
            let made = match create(visit, owner, &wanted, version).await {
                Ok(made) => made,
                Err(stop) => return Err(left(visit, cells, WebhookState::Missing, "missing", stop).await),
            };
            let from = gap(record.as_ref(), cells, None);
            // Before it is recorded: after that nothing tells any more that one was missing.
            opened(visit, cells, from, "missing").await?;
            keep(visit, owner, &wanted, made.uri.clone(), made.retry_started_at).await?;
            report::created(services, cells, &made.uri, from).await;
        }
        Verdict::Replace { version, old, reason } => {
            let state =
                if reason == Wrong::Disabled { WebhookState::Disabled } else { WebhookState::Drifted };
            let made = match create(visit, owner, &wanted, version).await {
                Ok(made) => made,
                Err(stop) => return Err(left(visit, cells, state, reason.reason(), stop).await),
            };
            let disabled = (reason == Wrong::Disabled)
                .then(|| old.iter().filter_map(|uri| found(uri)?.retry_started_at).min());
            let from = gap(record.as_ref(), cells, disabled);
            opened(visit, cells, from, reason.reason()).await?;
            keep(visit, owner, &wanted, made.uri.clone(), made.retry_started_at).await?;
            delete_all(visit, &old).await;
            report::replaced(services, cells, &made.uri, &reason, from).await;
        }
        Verdict::Unknown { reason } => {
            each(cells, |connection| {
                warn!(target: "webhook", connection, reason; "nothing can be concluded about the webhook");
            });
            return Err(Stop::Later(visit.webhook.verify_every));
        }
    }
    Ok(true)
}

/// What has to be in the ledger before a subscription that stands is recorded: broken off between the two it is told
/// twice, and not lost. Answers since when its deliveries fail.
async fn before(
    visit: &Visit<'_>,
    wanted: &Wanted,
    listed: &[Found],
    record: Option<&Recorded>,
    uri: &str,
    cells: &[Arc<Cell>],
) -> Result<Option<DateTime<Utc>>, Stop> {
    let found = |uri: &str| listed.iter().find(|found| found.uri == uri);
    // Another one than the recorded: somebody made it anew, or a repair was broken off.
    if let Some(record) = record.filter(|record| record.uri != uri) {
        let old = found(&record.uri);
        let fault = old.and_then(|old| wrong(wanted, old));
        if old.is_none() || fault.is_some() {
            let is_disabled = fault == Some(Wrong::Disabled);
            let disabled = is_disabled.then(|| old.and_then(|old| old.retry_started_at));
            let reason = fault.as_ref().map_or("missing", Wrong::reason);
            opened(visit, cells, gap(Some(record), cells, disabled), reason).await?;
        }
    }
    let retry = found(uri).and_then(|found| found.retry_started_at);
    if let Some(since) = retry.filter(|_| deliveries_failing(record, retry)) {
        let from = failing_since(cells, record.and_then(|record| record.verified_at), since);
        let told = report::deliveries_failing(visit.services, cells, &wanted.callback, since, from).await;
        told.map_err(|error| visit.store(error))?;
    }
    Ok(retry)
}

async fn opened(
    visit: &Visit<'_>,
    cells: &[Arc<Cell>],
    from: DateTime<Utc>,
    reason: &str,
) -> Result<(), Stop> {
    let opened = report::opened(visit.services, cells, from, reason).await;
    opened.map_err(|error| visit.store(error))
}

/// The repair failed: the facts say how the subscription was left.
async fn left(visit: &Visit<'_>, cells: &[Arc<Cell>], state: WebhookState, reason: &str, stop: Stop) -> Stop {
    report::state(visit.services, cells, state, Some(reason)).await;
    stop
}

async fn create(visit: &Visit<'_>, owner: &Owner, wanted: &Wanted, version: u32) -> Result<Found, Stop> {
    let subscriptions = &visit.services.adapters.subscriptions;
    for version in version..version + VERSIONS_TRIED {
        let callback_url = wanted.callback.version(version);
        let new = NewSubscription { owner, callback_url: &callback_url, events: &wanted.events };
        match subscriptions.create(visit.caller(), &new).await {
            Err(error) if error.class == ApiErrorClass::AlreadyExists => {
                // Somebody else may have made it since the list was read: look again before going round it.
                let listed = subscriptions.list(visit.caller(), owner).await;
                let listed = listed.map_err(|error| visit.stop(error))?;
                if listed.iter().any(|found| wanted.callback.version_of(&found.callback_url) == Some(version))
                {
                    return Err(Stop::Later(Duration::from_secs(1)));
                }
            }
            other => return other.map_err(|error| visit.stop(error)),
        }
    }
    warn!(target: "webhook", connection:% = visit.asker.id(), callback_url:% = wanted.callback; "every version of the callback URL is taken, list the account's webhooks");
    Err(Stop::Later(visit.webhook.verify_every))
}

async fn keep(
    visit: &Visit<'_>,
    owner: &Owner,
    wanted: &Wanted,
    uri: String,
    retry_started_at: Option<DateTime<Utc>>,
) -> Result<(), Stop> {
    let verified_at = Some(visit.services.adapters.clock.now());
    let record = Recorded { uri, verified_at, retry_started_at };
    let store_port = &visit.services.adapters.store;
    let recorded = store_port.record_subscription(owner, &wanted.callback.to_string(), Some(record)).await;
    recorded.map_err(|error| visit.store(error))
}

/// Answers what is gone. What could not be deleted is a duplicate at the next verification.
async fn delete_all(visit: &Visit<'_>, uris: &[String]) -> Vec<String> {
    let mut deleted = vec![];
    for uri in uris {
        match visit.services.adapters.subscriptions.delete(visit.caller(), uri).await {
            Ok(()) => deleted.push(uri.clone()),
            Err(error) => {
                warn!(target: "webhook", connection:% = visit.asker.id(), error:% = error; "an old webhook could not be deleted, next time");
            }
        }
    }
    deleted
}

/// `disabled`: the outer option says whether it was, the inner since when its deliveries failed.
fn gap(
    record: Option<&Recorded>,
    cells: &[Arc<Cell>],
    disabled: Option<Option<DateTime<Utc>>>,
) -> DateTime<Utc> {
    let (granted_at, is_first) = granted(cells);
    let seen = cells.iter().filter_map(|cell| cell.facts().webhook.verified_at).max();
    let verified_at = record.and_then(|record| record.verified_at).or(seen);
    gap_from(verified_at, disabled.is_some(), disabled.flatten(), granted_at, is_first)
}

fn failing_since(
    cells: &[Arc<Cell>],
    verified_at: Option<DateTime<Utc>>,
    since: DateTime<Utc>,
) -> DateTime<Utc> {
    let (granted_at, is_first) = granted(cells);
    failing_from(verified_at, since, granted_at, is_first)
}

/// When the first of them was granted, and whether these are the first grants of all.
fn granted(cells: &[Arc<Cell>]) -> (DateTime<Utc>, bool) {
    let granted_at = cells.iter().map(|cell| cell.read(|c| c.granted_at)).min().unwrap_or_default();
    (granted_at, cells.iter().all(|cell| cell.read(|c| c.granted_generation) == Generation(1)))
}
