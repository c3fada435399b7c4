//! `token`: a connection's access token, alone on standard output.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;

use super::api::{Api, path};
use super::global::Global;
use super::{Done, print};
use crate::domain::ids::ConnectionId;

const HELP: &str = "\
It asks the running keeper, which serves it from memory. Where there is none the exit code is 1, and
standard error says why.

Examples:
  curl -H \"Authorization: Bearer $(calendly-keeper token user-42)\" https://api.calendly.com/users/me
  calendly-keeper token user-42 --min-ttl 5m     one that lives at least so long";

/// What `token` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Whose
    #[arg(value_name = "ID")]
    pub id: ConnectionId,
    /// It shall live at least so long, as in 5m; else it is refreshed first
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub min_ttl: Option<Duration>,
    /// Print JSON, in the shape of the HTTP API
    #[arg(long)]
    pub json: bool,
}

/// Prints it.
///
/// # Errors
/// Why there is none.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let min_ttl = args.min_ttl.map(|ttl| format!("?min_ttl={}s", ttl.as_secs())).unwrap_or_default();
    let answer = Api::of(&config)?.get(&path(&args.id, &format!("/access-token{min_ttl}")))?;
    if args.json {
        return print::json(&answer.body, out);
    }
    let token = answer.body["access_token"].as_str().context("the keeper's answer holds no token")?;
    writeln!(out, "{token}")?;
    Ok(Done::Fine)
}
