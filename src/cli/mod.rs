//! The command line: one file a command. Here are the commands there are, and what their ends mean to a shell.

mod api;
pub mod completions;
pub mod config;
mod confirm;
pub mod connect;
#[cfg(feature = "simulator")]
pub mod demo;
pub mod disconnect;
pub mod doctor;
pub mod export;
pub mod failure;
pub mod global;
pub mod import;
pub mod inbox;
pub mod keys;
pub mod migrate;
pub mod open;
pub mod pause;
pub mod plan;
mod print;
pub mod process;
mod progress;
pub mod refresh;
pub mod resume;
pub mod run;
pub mod service_manager;
pub mod settings;
pub mod signals;
pub mod start;
pub mod status;
mod table;
pub mod token;
mod verb;
pub mod verify;
pub mod why;

use std::io::Write as _;

use clap::{Parser, Subcommand};

use global::Global;

/// Keeps every Calendly connection of an application alive: tokens refreshed ahead of their end, webhook
/// subscriptions repaired, one supervised actor a connection.
#[derive(Debug, Parser)]
#[command(name = "calendly-keeper", version, after_long_help = EXAMPLES)]
pub struct Cli {
    /// What all commands take.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  calendly-keeper demo                                  see it work, nothing to set up
  calendly-keeper import grants.jsonl --dry-run         look at what an import would do
  calendly-keeper --config keeper.toml run              keep the connections
  calendly-keeper status                                how they stand
  calendly-keeper token user-42                         a valid access token
  calendly-keeper why user-42                           what happened, and what comes next
  calendly-keeper inbox list --state dead               what the application did not take
  calendly-keeper doctor                                what is wrong around it, and how to mend it
  KEEPER__LOG__FORMAT=json calendly-keeper config       what is in force, and who said so

Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep the connections until told to stop
    Run(run::Args),
    /// Run against a simulated Calendly, with nothing to set up
    #[cfg(feature = "simulator")]
    Demo(demo::Args),
    /// Take grants over from an application's table
    Import(import::Args),
    /// Connect a user by a link
    Connect(connect::Args),
    /// Write the grants down again, with their living tokens
    Export(export::Args),
    /// Show how the connections stand, from the database
    Status(status::Args),
    /// Print a connection's access token, and nothing else
    Token(token::Args),
    /// Refresh a connection now
    Refresh(refresh::Args),
    /// Verify a connection's webhook subscription now
    Verify(verify::Args),
    /// Keep a connection from being refreshed and verified
    Pause(pause::Args),
    /// End a connection's pause
    Resume(resume::Args),
    /// End a connection, here and at Calendly
    Disconnect(disconnect::Args),
    /// Show what the keeper would do now, and do nothing
    Plan(plan::Args),
    /// Tell how a connection came to stand as it does
    Why(why::Args),
    /// Look at the events that Calendly delivered, relay them again, erase them
    #[command(subcommand)]
    Inbox(inbox::Command),
    /// Bring the database to this version and say where it is
    Migrate,
    /// Show the effective configuration and where each value came from
    Config,
    /// Look at everything that the keeper needs, and say how to mend it
    Doctor(doctor::Args),
    /// Make encryption keys, and encrypt with another one
    #[command(subcommand)]
    Keys(keys::Command),
    /// Print what a shell needs to complete a command line
    Completions(completions::Args),
}

/// How a command that ran to its end came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Exit code 0.
    Fine,
    /// Exit code 1; the command has said why.
    Failed,
}

/// Does what is asked.
///
/// # Errors
/// To be printed with their causes; [`failure::exit_code`] says what they mean to a shell.
pub fn execute(cli: Cli) -> anyhow::Result<Done> {
    let mut out = std::io::stdout().lock();
    let done = match cli.command {
        Command::Run(args) => run::execute(&args, &cli.global).map(|()| Done::Fine),
        #[cfg(feature = "simulator")]
        Command::Demo(args) => demo::execute(&args, &mut out).map(|()| Done::Fine),
        Command::Import(args) => import::execute(&args, &cli.global, &mut out),
        Command::Connect(args) => connect::execute(&args, &cli.global, &mut out),
        Command::Export(args) => export::execute(&args, &cli.global, &mut out),
        Command::Doctor(args) => doctor::execute(args, &cli.global, &mut out),
        Command::Status(args) => status::execute(&args, &cli.global, &mut out),
        Command::Token(args) => token::execute(&args, &cli.global, &mut out),
        Command::Refresh(args) => refresh::execute(&args, &cli.global, &mut out),
        Command::Verify(args) => verify::execute(&args, &cli.global, &mut out),
        Command::Pause(args) => pause::execute(&args, &cli.global, &mut out),
        Command::Resume(args) => resume::execute(&args, &cli.global, &mut out),
        Command::Disconnect(args) => disconnect::execute(&args, &cli.global, &mut out),
        Command::Plan(args) => plan::execute(args, &cli.global, &mut out),
        Command::Why(args) => why::execute(&args, &cli.global, &mut out),
        Command::Inbox(command) => inbox::execute(&command, &cli.global, &mut out),
        Command::Migrate => migrate::execute(&cli.global, &mut out),
        Command::Config => config::execute(&cli.global, &mut out),
        Command::Keys(command) => keys::execute(&command, &cli.global, &mut out),
        Command::Completions(args) => completions::execute(&args, &mut out),
    };
    match done.and_then(|done| Ok(out.flush().map(|()| done)?)) {
        // Whoever reads us has seen enough: `calendly-keeper status | head`.
        Err(error) if failure::is_broken_pipe(&error) => Ok(Done::Fine),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_may_stand_before_and_behind_the_command() {
        let before = Cli::try_parse_from(["calendly-keeper", "--set", "log.format=json", "status"]).unwrap();
        let behind = Cli::try_parse_from(["calendly-keeper", "status", "--set", "log.format=json"]).unwrap();
        assert_eq!(before.global.set[0], behind.global.set[0]);
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
