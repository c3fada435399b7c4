//! Rows to the domain's words and back, where no secret is involved.

use super::row::{ConnectionRow, EntryRow, SubscriptionRow, WebhookRow};
use super::time::{micros, time};
use super::vault::{Unreadable, Vault};
use crate::domain::facts::WebhookFact;
use crate::domain::ids::ConnectionId;
use crate::domain::subscription::{Owner, Recorded};
use crate::domain::timeline::{Entry, Kind};
use crate::ports::{Changes, Page};

/// One unreadable row must not hide the others.
pub(super) fn page(vault: &Vault, rows: Vec<ConnectionRow>, limit: usize) -> Page {
    let full = rows.len() >= limit;
    let mut page = Page::default();
    for row in rows {
        let id = row.id.parse::<ConnectionId>().ok();
        if full {
            page.next.clone_from(&id);
        }
        match vault.connection(row) {
            Ok(connection) => page.connections.push(connection),
            Err(_) => page.unreadable.extend(id),
        }
    }
    page
}

/// As a page, from a marker on.
pub(super) fn changes(vault: &Vault, marker: i64, rows: Vec<ConnectionRow>) -> Changes {
    let mut changes = Changes { marker, ..Changes::default() };
    for row in rows {
        changes.marker = row.changed;
        let id = row.id.parse::<ConnectionId>().ok();
        if row.deleted_at.is_some() {
            changes.gone.extend(id);
            continue;
        }
        match vault.connection(row) {
            Ok(connection) => changes.present.push(connection),
            Err(_) => changes.unreadable.extend(id),
        }
    }
    changes
}

pub(super) fn webhook(fact: WebhookFact) -> WebhookRow {
    WebhookRow {
        webhook_state: fact.state.as_str(),
        webhook_reason: fact.reason.map(Into::into),
        webhook_since: micros(fact.since),
        webhook_verified_at: fact.verified_at.map(micros),
        webhook_uri: fact.uri.map(Into::into),
    }
}

/// The key of a subscription: organization, user or nothing.
pub(super) fn owner(owner: &Owner) -> (String, String) {
    (owner.organization.to_string(), owner.user.as_deref().unwrap_or_default().to_owned())
}

pub(super) fn subscription(of: &Owner, callback: &str, recorded: Recorded) -> SubscriptionRow {
    let (calendly_organization, calendly_user) = owner(of);
    SubscriptionRow {
        calendly_organization,
        calendly_user,
        callback: callback.into(),
        uri: recorded.uri,
        verified_at: recorded.verified_at.map(micros),
        retry_started_at: recorded.retry_started_at.map(micros),
    }
}

pub(super) fn recorded(row: SubscriptionRow) -> Recorded {
    Recorded {
        uri: row.uri,
        verified_at: row.verified_at.map(time),
        retry_started_at: row.retry_started_at.map(time),
    }
}

pub(super) fn entry_row(entry: Entry) -> EntryRow {
    EntryRow {
        connection_id: entry.connection.into(),
        at: micros(entry.at),
        kind: entry.kind.as_str().into(),
        text: entry.text,
        detail: entry.detail.to_string(),
    }
}

/// A newer version may have written kinds that are not known here.
pub(super) fn entry(row: EntryRow) -> Result<Entry, Unreadable> {
    let wrong =
        |what: &str| Unreadable(format!("a timeline entry of {} cannot be read: {what}", row.connection_id));
    Ok(Entry {
        at: time(row.at),
        kind: Kind::parse(&row.kind).ok_or_else(|| wrong("its kind is not known"))?,
        detail: serde_json::from_str(&row.detail).map_err(|_| wrong("its detail is no JSON"))?,
        connection: row.connection_id.parse().map_err(|_| wrong("its connection id is none"))?,
        text: row.text,
    })
}
