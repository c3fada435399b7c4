//! `inbox purge`: what is in events is erased.

use std::io::{self, Write};

use clap::ArgGroup;
use serde_json::json;

use super::time::Time;
use crate::cli::api::Api;
use crate::cli::confirm::confirmed;
use crate::cli::global::Global;
use crate::cli::{Done, print};
use crate::clock::SystemClock;
use crate::domain::ids::ConnectionId;
use crate::ports::Clock as _;

const HELP: &str = "\
What Calendly said is erased for good, and cannot be replayed or fetched any more. That an event was
there stays known, so that a repetition is recognised. With --connection that is also what is still
to be relayed; with --older-than alone that stays.

Examples:
  calendly-keeper inbox purge --connection user-42
  calendly-keeper inbox purge --older-than 7d --yes";

/// What `inbox purge` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["older_than", "connection"]))]
pub struct Args {
    /// Received so long ago, or before then
    #[arg(long, value_name = "TIME")]
    pub older_than: Option<Time>,
    /// Of this connection
    #[arg(long, value_name = "ID")]
    pub connection: Option<ConnectionId>,
    /// Do not ask whether it is meant
    #[arg(long)]
    pub yes: bool,
    /// Print JSON, in the shape of the HTTP API
    #[arg(long)]
    pub json: bool,
}

/// Has it erased by the running keeper.
///
/// # Errors
/// Where nobody confirms it, or the keeper does not run.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let api = Api::of(&config)?;
    let until = args.older_than.map(|time| time.to_api(SystemClock.now()));
    let of = args.connection.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
    let before = until.as_ref().map(|until| format!(" received before {until}")).unwrap_or_default();
    let what = format!("all events{of}{before}");
    if !args.yes && !confirmed(&format!("Erase what is in {what}?"), "erasing events", &mut io::stderr())? {
        writeln!(out, "nothing was done")?;
        return Ok(Done::Failed);
    }
    let wanted = json!({ "connection": args.connection.as_ref().map(ConnectionId::as_str), "until": until });
    let answer = api.post_json("/v1/events/purge", &wanted)?.body;
    if args.json {
        return print::json(&answer, out);
    }
    let purged = answer["purged"].as_u64().unwrap_or_default();
    writeln!(out, "{}", print::counted(purged, "event is erased", "events are erased"))?;
    Ok(Done::Fine)
}
