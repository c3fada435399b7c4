//! `connect`: a link for one user, made by the running keeper; waits until its user has agreed, and confirms.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::anyhow;
use serde_json::{Value, json};

use super::Done;
use super::api::{self, Api};
use super::global::Global;
use crate::domain::ids::ConnectionId;

const HELP: &str = "\
Open the link in a browser, or give it to the one user whom it is for: whoever opens it
connects his own Calendly account. It works once and for ten minutes. A connection that
works stays as it is until then.

Examples:
  calendly-keeper connect user-42               print the link and wait
  calendly-keeper connect user-42 --open        open it on this machine";

/// What opens a link, by machine.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// What `connect` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// The connection, new or known
    #[arg(value_name = "ID")]
    pub id: ConnectionId,
    /// Open the link in this machine's browser
    #[arg(long)]
    pub open: bool,
    /// Another Calendly user may take over the connection
    #[arg(long)]
    pub change_user: bool,
}

/// Connects one user.
///
/// # Errors
/// Where the keeper cannot be asked or refuses.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let keeper = Api::of(&config)?;
    let wanted = json!({ "id": args.id.as_str(), "change_user": args.change_user });
    let link = keeper.post_json("/v1/connect", &wanted)?.body;
    let url = text(&link, "authorization_url")?;
    writeln!(out, "{url}")?;
    writeln!(
        out,
        "The link works once, until {}. Waiting for its user; Ctrl-C gives up.",
        text(&link, "expires_at")?
    )?;
    out.flush()?;
    if args.open && !open(url) {
        writeln!(out, "No browser could be opened: open the link yourself.")?;
    }
    let flow = text(&link, "flow")?;
    let ended = loop {
        let stands = keeper.get(&format!("/v1/connect/{flow}?wait=30s"))?.body;
        if stands["outcome"] != "pending" {
            break stands;
        }
    };
    if ended["outcome"] != "connected" {
        let why = ended["hint"].as_str().unwrap_or("the user said no");
        writeln!(out, "not connected ({}): {why}", ended["reason"].as_str().unwrap_or("denied"))?;
        return Ok(Done::Failed);
    }
    let connection = match ended["ticket"].as_str() {
        Some(ticket) => {
            let confirmation = json!({ "id": args.id.as_str(), "ticket": ticket });
            keeper.post_json("/v1/connect/confirm", &confirmation)?.body
        }
        None => keeper.get(&api::path(&args.id, ""))?.body,
    };
    let user = connection["calendly_user"].as_str().unwrap_or("a user not known yet");
    writeln!(out, "connected {} as {user}, status {}", args.id, text(&connection, "status")?)?;
    let missing: Vec<_> =
        connection["missing_scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !missing.is_empty() {
        writeln!(out, "not granted: {}", missing.join(" "))?;
    }
    Ok(Done::Fine)
}

fn text<'a>(answer: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    answer[key].as_str().ok_or_else(|| anyhow!("the keeper's answer has no {key}: is it another version?"))
}

/// The link goes as an argument to a program of this user, and into no shell.
fn open(url: &str) -> bool {
    OPENERS.iter().any(|program| {
        let started = Command::new(program)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        started.is_ok_and(|status| status.success())
    })
}
