//! `verify`: the subscription is looked at and mended, now.

use std::io::Write;

use super::global::Global;
use super::{Done, verb};

const HELP: &str = "\
The exit code is 1 where Calendly refuses subscriptions.

Examples:
  calendly-keeper verify user-42";

/// What `verify` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Which connection, and how to tell it
    #[command(flatten)]
    pub verb: verb::Asked,
}

/// Has it verified by the running keeper.
///
/// # Errors
/// Where it cannot be: the keeper does not run, the grant is gone, the connection is paused.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    verb::ask("verify", &args.verb, global, out, |told, out| {
        let (id, state) = (told.id, told.text("/webhook/state"));
        match (state.as_str(), told.is_done()) {
            ("off", _) => writeln!(out, "{id} has no webhook subscription: webhook.callback_url is not set")?,
            (_, false) => writeln!(
                out,
                "{id} is not verified yet (webhook {state}); the keeper goes on, `calendly-keeper why {id}` says what came \
                 of it"
            )?,
            ("unavailable", true) => {
                writeln!(out, "{id}: webhook unavailable, {}", told.text("/webhook/reason"))?;
                return Ok(Done::Failed);
            }
            (_, true) => {
                writeln!(out, "{id} is verified: webhook {state}, {}", told.text("/webhook/uri"))?;
            }
        }
        Ok(Done::Fine)
    })
}
