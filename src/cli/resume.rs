//! `resume`: the end of a pause.

use std::io::Write;

use super::global::Global;
use super::{Done, verb};

const HELP: &str = "\
What has become due in the meantime is done at once.

Examples:
  calendly-keeper resume user-42";

/// What `resume` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Which connection, and how to tell it
    #[command(flatten)]
    pub verb: verb::Asked,
}

/// Has it resumed by the running keeper.
///
/// # Errors
/// Where the keeper does not run or does not know it.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    verb::ask("resume", &args.verb, global, out, |told, out| {
        writeln!(out, "{} is resumed: {}", told.id, told.text("/status"))?;
        Ok(Done::Fine)
    })
}
