//! `inbox replay`: events are relayed again.

use std::io::Write;

use clap::ArgGroup;
use serde_json::json;

use super::time::Time;
use crate::cli::api::Api;
use crate::cli::global::Global;
use crate::cli::{Done, print};
use crate::clock::SystemClock;
use crate::domain::event::EventId;
use crate::domain::ids::ConnectionId;
use crate::ports::Clock as _;

const HELP: &str = "\
Events are relayed again under their ids, delivered ones too: the application recognises a repetition
by `webhook-id`. What was erased cannot be. Times are written like 2026-01-31T12:00:00Z, or as how
long ago they were: 2h, 3d.

Examples:
  calendly-keeper inbox replay evt_0123456789abcdef0123456789abcdef
  calendly-keeper inbox replay --dead                              all that was given up
  calendly-keeper inbox replay --since 2h                          after a bad deploy
  calendly-keeper inbox replay --connection user-42 --since 3d --until 1d";

/// What `inbox replay` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["ids", "connection", "since", "until", "dead"]))]
pub struct Args {
    /// Which, as `inbox list` shows them
    #[arg(value_name = "EVENT", conflicts_with_all = ["connection", "since", "until", "dead"])]
    pub ids: Vec<EventId>,
    /// Of this connection
    #[arg(long, value_name = "ID")]
    pub connection: Option<ConnectionId>,
    /// Received at or after then
    #[arg(long, value_name = "TIME")]
    pub since: Option<Time>,
    /// Received before then
    #[arg(long, value_name = "TIME")]
    pub until: Option<Time>,
    /// Only what was given up
    #[arg(long)]
    pub dead: bool,
    /// Print JSON, in the shape of the HTTP API
    #[arg(long)]
    pub json: bool,
}

/// Has them relayed by the running keeper.
///
/// # Errors
/// Where the keeper does not run, does not relay, or does not know an event.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let api = Api::of(&config)?;
    let now = SystemClock.now();
    let wanted = if args.ids.is_empty() {
        json!({
            "connection": args.connection.as_ref().map(ConnectionId::as_str),
            "since": args.since.map(|time| time.to_api(now)),
            "until": args.until.map(|time| time.to_api(now)),
            "state": args.dead.then_some("dead"),
        })
    } else {
        json!({ "ids": args.ids.iter().map(EventId::as_str).collect::<Vec<_>>() })
    };
    let answer = api.post_json("/v1/events/replay", &wanted)?.body;
    if args.json {
        return print::json(&answer, out);
    }
    let replayed = answer["replayed"].as_u64().unwrap_or_default();
    let erased = (args.ids.len() as u64).saturating_sub(replayed);
    writeln!(out, "{} again", print::counted(replayed, "event is relayed", "events are relayed"))?;
    if erased > 0 {
        writeln!(
            out,
            "{}, and what was in them is gone",
            print::counted(erased, "event was erased", "events were erased")
        )?;
        return Ok(Done::Failed);
    }
    Ok(Done::Fine)
}
