//! `run`: what it takes.

const HELP: &str = "\
Runs until SIGTERM or SIGINT, then finishes what is under way (75 s at most) and ends with 0. Of several keepers on
one database one works and the others stand by.

Examples:
  calendly-keeper --config keeper.toml import grants.jsonl
  calendly-keeper --config keeper.toml run";

/// What `run` takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {}
