//! `why`: how a connection came to stand as it does, from the database; the keeper need not run.

mod story;

use std::io::Write;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::global::Global;
use super::print::{self, time};
use super::{Done, open};
use crate::config::Config;
use crate::domain::ids::ConnectionId;
use crate::domain::outlook::{Wants, outlook};
use crate::ports::Store;
use crate::views::{Beside, ConnectionView, EntryView};

const HELP: &str = "\
It reads the database alone; the keeper need not run.

Examples:
  calendly-keeper why user-42                what happened, what was decided, what comes next
  calendly-keeper why user-42 --limit 1000   further back";

/// What `why` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Which connection
    #[arg(value_name = "ID")]
    pub id: ConnectionId,
    /// So many entries of the timeline, the latest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Print JSON: the connection and its timeline in the shapes of the HTTP API, and what comes next
    #[arg(long)]
    pub json: bool,
}

/// Tells it.
///
/// # Errors
/// Where the database does not answer or knows nothing of the connection.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let opened = open::open_existing(&config)?;
    opened.runtime.block_on(tell(args, &config, &*opened.store, opened.now(), out))
}

/// What the keeper is configured to do.
pub(super) fn wants(config: &Config) -> Wants<'_> {
    let webhook = &config.webhook;
    Wants {
        client_id: config.calendly.client_id.as_deref(),
        verify_every: webhook.callback.as_ref().map(|_| webhook.verify_every),
    }
}

async fn tell(
    args: &Args,
    config: &Config,
    store: &dyn Store,
    now: DateTime<Utc>,
    out: &mut impl Write,
) -> anyhow::Result<Done> {
    let id = &args.id;
    let connection = store.get(id).await.context("the connection cannot be read")?;
    let told = store.timeline(id, None, args.limit as usize).await.context("the timeline cannot be read")?;
    if connection.is_none() && told.entries.is_empty() {
        bail!("there is no connection {id}, and there never was one as far back as the timeline goes");
    }
    let next = connection
        .as_ref()
        .map(|row| story::next(outlook(row, wants(config), now), row.expires_at, now))
        .unwrap_or_default();
    let wanted_events = config.webhook.callback.as_ref().map(|_| &config.webhook.events);
    let beside = Beside { wanted_events, wanted_scopes: &config.connect.scopes, ..Beside::default() };
    let view = connection.as_ref().map(|row| ConnectionView::of(row, beside));
    if args.json {
        let entries: Vec<_> = told.entries.iter().map(EntryView::of).collect();
        let next_cursor = told.next.map(|place| place.to_string());
        let timeline = json!({ "entries": entries, "next_cursor": next_cursor });
        return print::json(&json!({ "connection": view, "timeline": timeline, "next": next }), out);
    }
    match &view {
        Some(view) => {
            let reason = view.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            writeln!(out, "{id} is {}{reason} since {}.", view.status, time(view.since))?;
            if let Some(hint) = view.hint {
                writeln!(out, "What to do: {hint}.")?;
            }
        }
        None => writeln!(out, "{id} is not connected any more.")?,
    }
    writeln!(out, "\nWhat happened")?;
    if told.next.is_some() {
        writeln!(out, "  … and before that more: --limit")?;
    }
    for sentence in story::told(&told.entries) {
        writeln!(out, "  {}  {}", time(sentence.at), sentence.text)?;
    }
    if !next.is_empty() {
        writeln!(out, "\nWhat comes next, if a keeper runs")?;
        next.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
    }
    Ok(Done::Fine)
}
