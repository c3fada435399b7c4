//! `inbox`: the events that Calendly delivered, as the running keeper has them.

pub mod list;
pub mod purge;
pub mod replay;
pub mod resume;
pub mod show;
mod time;

use std::io::Write;

use clap::Subcommand;

use super::Done;
use super::global::Global;

/// What can be done with events.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// List events and how they stand, newest first
    List(list::Args),
    /// Show an event, what is in it and each attempt to relay it
    Show(show::Args),
    /// Relay events again, delivered ones too
    Replay(replay::Args),
    /// Erase what is in events, for good
    Purge(purge::Args),
    /// End the relay's pause after the application had answered 410
    Resume(resume::Args),
}

/// Does it.
///
/// # Errors
/// Where the keeper does not run or does not do what is asked.
pub fn execute(command: &Command, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    match command {
        Command::List(args) => list::execute(args, global, out),
        Command::Show(args) => show::execute(args, global, out),
        Command::Replay(args) => replay::execute(args, global, out),
        Command::Purge(args) => purge::execute(args, global, out),
        Command::Resume(args) => resume::execute(*args, global, out),
    }
}
