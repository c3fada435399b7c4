//! `inbox resume`: the end of the relay's pause.

use std::io::Write;

use crate::cli::api::Api;
use crate::cli::global::Global;
use crate::cli::{Done, print};

const HELP: &str = "\
An application that answers 410 says that it wants no more events, and the relay pauses. What came
in the meantime is relayed from here on.

Examples:
  calendly-keeper inbox resume";

/// What `inbox resume` takes.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Print JSON, in the shape of the HTTP API
    #[arg(long)]
    pub json: bool,
}

/// Has it resumed by the running keeper.
///
/// # Errors
/// Where the keeper does not run, or does not relay.
pub fn execute(args: Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let answer = Api::of(&config)?.post("/v1/events/resume")?.body;
    if args.json {
        return print::json(&answer, out);
    }
    let was_paused = answer["was_paused"] == true;
    writeln!(out, "{}", if was_paused { "events are relayed again" } else { "the relay was not paused" })?;
    Ok(Done::Fine)
}
