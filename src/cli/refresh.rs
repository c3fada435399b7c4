//! `refresh`: a new pair, now.

use std::io::Write;

use super::global::Global;
use super::{Done, verb};

const HELP: &str = "\
Nobody needs it in the ordinary course of things: the keeper refreshes ahead of the end, and
an application that was answered 401 asks for the next token by rejected=GENERATION.

Examples:
  calendly-keeper refresh user-42";

/// What `refresh` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Which connection, and how to tell it
    #[command(flatten)]
    pub verb: verb::Asked,
}

/// Has it refreshed by the running keeper.
///
/// # Errors
/// Where it cannot be: the keeper does not run, the grant is gone, the connection is paused.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    verb::ask("refresh", &args.verb, global, out, |told, out| {
        let (id, generation, ends) = (told.id, told.text("/generation"), told.text("/expires_at"));
        if told.is_done() {
            writeln!(out, "{id} is refreshed: generation {generation}, its token ends at {ends}")?;
        } else {
            writeln!(
                out,
                "{id} is not refreshed yet (generation {generation}); the keeper goes on, `calendly-keeper why {id}` says \
                 what holds it up"
            )?;
        }
        Ok(Done::Fine)
    })
}
