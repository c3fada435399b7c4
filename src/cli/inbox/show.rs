//! `inbox show`: one event, what is in it, and what was tried.

use std::io::Write;

use serde_json::Value;

use crate::cli::api::Api;
use crate::cli::global::Global;
use crate::cli::{Done, print, table};
use crate::domain::event::EventId;

const HELP: &str = "\
Examples:
  calendly-keeper inbox show evt_0123456789abcdef0123456789abcdef
  calendly-keeper inbox show evt_0123456789abcdef0123456789abcdef --json | jq .payload";

/// What `inbox show` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Which, as `inbox list` shows it
    #[arg(value_name = "EVENT")]
    pub id: EventId,
    /// Print JSON, in the shape of the HTTP API
    #[arg(long)]
    pub json: bool,
}

/// Prints it.
///
/// # Errors
/// Where the keeper does not run or does not know it.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let event = Api::of(&config)?.get(&format!("/v1/events/{}", args.id))?.body;
    if args.json {
        return print::json(&event, out);
    }
    let text = |of: &Value, name: &str| match &of[name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    };
    let line = |name: &str, label: &str| [label.to_owned(), text(&event, name)];
    let lines = [
        line("id", "event"),
        line("event", "name"),
        line("connection", "connection"),
        line("occurred_at", "occurred"),
        line("received_at", "received"),
        line("backfilled", "backfilled"),
        line("state", "state"),
        line("settled_at", "settled"),
        line("next_at", "next attempt"),
    ];
    table::print(out, &lines)?;
    let attempts = event["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !attempts.is_empty() {
        writeln!(out)?;
        let mut rows = vec![["ATTEMPT", "STATUS", "TOOK", "ERROR"].map(str::to_owned)];
        rows.extend(attempts.iter().map(|attempt| {
            [
                text(attempt, "at"),
                text(attempt, "status"),
                text(attempt, "took_ms") + "ms",
                text(attempt, "error"),
            ]
        }));
        table::print(out, &rows)?;
    }
    writeln!(out)?;
    match (&event["payload"], &event["payload_base64"]) {
        (Value::Null, Value::Null) => writeln!(out, "what was in it is erased")?,
        (Value::Null, bytes) => writeln!(out, "no JSON, in base64: {}", bytes.as_str().unwrap_or_default())?,
        (payload, _) => return print::json(payload, out),
    }
    Ok(Done::Fine)
}
