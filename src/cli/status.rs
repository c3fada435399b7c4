//! `status`: how the connections stand, from the database alone; the keeper need not run.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};

use super::global::Global;
use super::print::{self, from_now, time};
use super::{Done, open, table};
use crate::config::Config;
use crate::domain::grant::Connection;
use crate::domain::ids::ConnectionId;
use crate::domain::status::Status;
use crate::ports::Store;
use crate::views::{Beside, ConnectionView};

const PAGE: usize = 1000;

const HELP: &str = "\
It reads the database alone; the keeper need not run.

Examples:
  calendly-keeper status                 a table, and how many are in each status
  calendly-keeper status user-42         one connection, and what to do about it
  calendly-keeper status --json |
    jq '.connections[] | select(.status != \"active\") | .id'";

/// What `status` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Only this connection
    #[arg(value_name = "ID")]
    pub id: Option<ConnectionId>,
    /// Print JSON, in the shapes of the HTTP API
    #[arg(long)]
    pub json: bool,
}

/// Prints one connection or all.
///
/// # Errors
/// Where the database does not answer or does not know the connection.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let opened = open::open_existing(&config)?;
    opened.runtime.block_on(show(args, &config, &*opened.store, opened.now(), out))
}

async fn show(
    args: &Args,
    config: &Config,
    store: &dyn Store,
    now: DateTime<Utc>,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let wanted = config.webhook.callback.as_ref().map(|_| &config.webhook.events);
    let beside = Beside { wanted_events: wanted, wanted_scopes: &config.connect.scopes, ..Beside::default() };
    match (&args.id, args.json) {
        (Some(id), json) => {
            let Some(connection) = store.get(id).await.context("the connection cannot be read")? else {
                bail!("there is no connection {id}");
            };
            let view = ConnectionView::of(&connection, beside);
            if json {
                return print::json(&view, out);
            }
            one(&view, now, out)?;
            Ok(Done::Fine)
        }
        (None, true) => all_as_json(store, beside, out).await,
        (None, false) => all(store, beside, now, out).await,
    }
}

async fn all_as_json(store: &dyn Store, beside: Beside<'_>, out: &mut impl Write) -> anyhow::Result<Done> {
    write!(out, "{{\"connections\":[")?;
    let mut first = true;
    let unreadable = each_page(store, |connections| {
        for connection in connections {
            write!(out, "{}", if first { "" } else { "," })?;
            first = false;
            serde_json::to_writer(&mut *out, &ConnectionView::of(connection, beside))?;
        }
        Ok(())
    })
    .await?;
    writeln!(out, "],\"next_cursor\":null}}")?;
    told(&unreadable)
}

async fn all(
    store: &dyn Store,
    beside: Beside<'_>,
    now: DateTime<Utc>,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let unreadable = each_page(store, |connections| {
        let mut rows =
            vec![["ID", "STATUS", "REASON", "TOKEN EXPIRES", "WEBHOOK", "SINCE"].map(str::to_owned)];
        for connection in connections {
            let view = ConnectionView::of(connection, beside);
            *counts.entry(view.status).or_default() += 1;
            rows.push([
                view.id.into(),
                view.status.into(),
                view.reason.as_deref().unwrap_or("-").into(),
                expiry(view.expires_at, now),
                view.webhook.state.into(),
                time(view.since),
            ]);
        }
        Ok(table::print(out, &rows)?)
    })
    .await?;
    let total: u64 = counts.values().sum();
    let counted: Vec<_> = Status::ALL
        .iter()
        .filter_map(|status| counts.get(status.as_str()).map(|count| format!("{status}={count}")))
        .collect();
    match total {
        0 => writeln!(out, "no connections yet; `calendly-keeper import --help` says how they come in")?,
        _ => writeln!(out, "\nconnections={total} {}", counted.join(" "))?,
    }
    told(&unreadable)
}

/// Calls `page` for up to 1000 connections at a time; answers those that no configured key opens.
async fn each_page(
    store: &dyn Store,
    mut page: impl FnMut(&[Connection]) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<ConnectionId>> {
    let mut after = None;
    let mut unreadable = vec![];
    loop {
        let read = store.page(after.as_ref(), PAGE).await.context("the connections cannot be read")?;
        if !read.connections.is_empty() {
            page(&read.connections)?;
        }
        unreadable.extend(read.unreadable);
        match read.next {
            Some(next) => after = Some(next),
            None => return Ok(unreadable),
        }
    }
}

fn told(unreadable: &[ConnectionId]) -> anyhow::Result<Done> {
    match unreadable {
        [] => Ok(Done::Fine),
        [first, ..] => bail!(
            "{} connections were encrypted with a key that is not configured, among them {first}; add that key to \
             encryption.keys or to the key file",
            unreadable.len()
        ),
    }
}

fn one(view: &ConnectionView<'_>, now: DateTime<Utc>, out: &mut impl Write) -> anyhow::Result<()> {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let mut rows = vec![
        ["id", view.id].map(str::to_owned),
        ["status".into(), format!("{} since {}", view.status, time(view.since))],
    ];
    rows.extend(view.reason.as_deref().map(|reason| ["reason", reason].map(str::to_owned)));
    rows.extend(view.hint.map(|hint| ["what to do", hint].map(str::to_owned)));
    rows.extend([
        ["token expires".into(), expiry(view.expires_at, now)],
        ["refreshed at".into(), view.refresh_at.map_or_else(|| "-".into(), time)],
        ["generation".into(), view.generation.to_string()],
        ["Calendly user".into(), or_dash(view.calendly_user)],
        ["organization".into(), or_dash(view.calendly_organization)],
        ["scopes".into(), if view.scopes.is_empty() { "-".into() } else { view.scopes.join(" ") }],
    ]);
    if !view.missing_scopes.is_empty() {
        rows.push(["missing scopes".into(), view.missing_scopes.join(" ")]);
    }
    let webhook = &view.webhook;
    let reason = webhook.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    rows.extend([
        ["webhook".into(), format!("{}{reason}", webhook.state)],
        ["verified at".into(), webhook.verified_at.map_or_else(|| "-".into(), time)],
        ["subscription".into(), or_dash(webhook.uri)],
    ]);
    Ok(table::print(out, &rows)?)
}

fn expiry(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    match at {
        None => "unknown".into(),
        Some(at) => from_now(at, now),
    }
}

#[cfg(test)]
mod tests;
