//! `pause`: no refresh and no verification until it is resumed.

use std::io::Write;

use super::global::Global;
use super::{Done, verb};

const HELP: &str = "\
A refresh that is under way is kept. The token is served while it lives; deliveries of the
webhook go on.

Examples:
  calendly-keeper pause user-42";

/// What `pause` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Which connection, and how to tell it
    #[command(flatten)]
    pub verb: verb::Asked,
}

/// Has it paused by the running keeper.
///
/// # Errors
/// Where the keeper does not run or does not know it.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    verb::ask("pause", &args.verb, global, out, |told, out| {
        let (id, ends) = (told.id, told.text("/expires_at"));
        writeln!(
            out,
            "{id} is paused; its token ends at {ends}. `calendly-keeper resume {id}` ends the pause"
        )?;
        Ok(Done::Fine)
    })
}
