//! `inbox list`: events and how they stand.

use std::io::Write;

use clap::ValueEnum;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::time::Time;
use crate::cli::api::Api;
use crate::cli::global::Global;
use crate::cli::{Done, print, table};
use crate::clock::SystemClock;
use crate::domain::ids::ConnectionId;
use crate::ports::Clock as _;

/// The HTTP API gives no more at once.
const PAGE: u32 = 1000;

const HELP: &str = "\
Times are written like 2026-01-31T12:00:00Z, or as how long ago they were: 2h, 3d.
What was erased is not listed.

Examples:
  calendly-keeper inbox list --state pending                what is on its way
  calendly-keeper inbox list --state dead --since 3d        what was given up lately
  calendly-keeper inbox list --connection user-42 --json | jq -r '.events[].id'";

/// What `inbox list` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Of this connection
    #[arg(long, value_name = "ID")]
    pub connection: Option<ConnectionId>,
    /// Received at or after then
    #[arg(long, value_name = "TIME")]
    pub since: Option<Time>,
    /// Received before then
    #[arg(long, value_name = "TIME")]
    pub until: Option<Time>,
    /// That stand so
    #[arg(long)]
    pub state: Option<Stands>,
    /// So many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print JSON, in the shape of the HTTP API
    #[arg(long)]
    pub json: bool,
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stands {
    /// To be relayed
    Pending,
    /// The application has it
    Delivered,
    /// Given up
    Dead,
    /// For whoever fetches it, or no event
    Kept,
}

impl Stands {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Kept => "kept",
        }
    }
}

/// Prints them.
///
/// # Errors
/// Where the keeper does not run.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let api = Api::of(&config)?;
    let (mut events, mut cursor) = (vec![], None);
    let mut left = args.limit;
    let now = SystemClock.now();
    let (since, until) = (args.since.map(|time| time.to_api(now)), args.until.map(|time| time.to_api(now)));
    loop {
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &left.min(PAGE).to_string());
        let asked = [
            ("connection", args.connection.as_ref().map(ConnectionId::as_str)),
            ("since", since.as_deref()),
            ("until", until.as_deref()),
            ("state", args.state.map(Stands::as_str)),
            ("cursor", cursor.as_deref()),
        ];
        for (name, value) in asked {
            query.extend_pairs(value.map(|value| (name, value)));
        }
        let mut page = api.get(&format!("/v1/inbox?{}", query.finish()))?.body;
        let Some(Value::Array(some)) = page.get_mut("events").map(Value::take) else { break };
        left = left.saturating_sub(u32::try_from(some.len()).unwrap_or(u32::MAX));
        events.extend(some);
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() || left == 0 {
            break;
        }
    }
    if args.json {
        return print::json(&json!({ "events": events, "next_cursor": cursor }), out);
    }
    let mut rows =
        vec![["ID", "EVENT", "CONNECTION", "RECEIVED", "STATE", "ATTEMPTS", "NEXT"].map(str::to_owned)];
    rows.extend(events.iter().map(row));
    table::print(out, &rows)?;
    if cursor.is_some() {
        writeln!(out, "\nthere are more; --limit shows them")?;
    }
    Ok(Done::Fine)
}

fn row(event: &Value) -> [String; 7] {
    let text = |name: &str| match &event[name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    };
    let state = text("state") + if event["backfilled"] == true { " (backfilled)" } else { "" };
    [
        text("id"),
        text("event"),
        text("connection"),
        print::seconds(&text("received_at")),
        state,
        text("attempts"),
        print::seconds(&text("next_at")),
    ]
}
