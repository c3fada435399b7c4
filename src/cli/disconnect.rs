//! `disconnect`: the end of a connection, here and at Calendly.

use std::io::{self, Write};

use super::Done;
use super::api::{Api, path};
use super::confirm::confirmed;
use super::global::Global;
use crate::domain::ids::ConnectionId;

const HELP: &str = "\
Its tokens are erased at once and for good. At Calendly its webhook subscription is deleted,
where no other connection uses it, and its grant revoked, where no other connection has the
same Calendly user. What Calendly does not take is tried a few times and then said; the
deletion here stands.

Examples:
  calendly-keeper disconnect user-42
  calendly-keeper disconnect user-42 --yes --keep-remote   before another keeper takes it over";

/// What `disconnect` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// Which connection
    #[arg(value_name = "ID")]
    pub id: ConnectionId,
    /// Leave the subscription and the grant at Calendly as they are
    #[arg(long)]
    pub keep_remote: bool,
    /// Do not ask whether it is meant
    #[arg(long)]
    pub yes: bool,
}

/// Has it disconnected by the running keeper.
///
/// # Errors
/// Where nobody confirms it, the keeper does not run or does not know it.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let (api, id) = (Api::of(&config)?, &args.id);
    let question = format!("Disconnect {id}? Its tokens are erased for good.");
    if !args.yes && !confirmed(&question, &format!("disconnecting {id}"), &mut io::stderr())? {
        writeln!(out, "nothing was done")?;
        return Ok(Done::Failed);
    }
    let query = if args.keep_remote { "?keep_remote=true" } else { "" };
    let answer = api.delete(&path(id, query))?;
    let at_calendly = match answer.remote.as_deref() {
        Some("kept") => "its subscription and its grant stay at Calendly, as asked",
        Some("shared") => "what another connection needs stays at Calendly",
        Some("pending") => {
            "Calendly has not answered yet; the keeper goes on, and its log says what comes of it"
        }
        Some("left") => {
            writeln!(
                out,
                "{id} is disconnected, but something of it is left at Calendly; `calendly-keeper why {id}` says what"
            )?;
            return Ok(Done::Failed);
        }
        _ => "its subscription and its grant are gone at Calendly, too",
    };
    writeln!(out, "{id} is disconnected; {at_calendly}")?;
    Ok(Done::Fine)
}
