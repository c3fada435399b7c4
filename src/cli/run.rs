//! `run`: what it takes.

/// Keeps the connections until SIGTERM or SIGINT. It then finishes what is under way (75 s at most) and ends with 0.
///
/// Of several keepers on one database one works and the others stand by. Import grants first:
///
///   calendly-keeper --config keeper.toml import grants.jsonl
///   calendly-keeper --config keeper.toml run
#[derive(Clone, Debug, Default, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}
