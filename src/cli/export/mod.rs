//! `export`: the way back. Import lines with the living tokens, when nobody refreshes these grants any more.

mod file;
mod line;
mod stillness;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde_json::json;

use self::file::NewFile;
use super::api::Api;
use super::failure::Usage;
use super::global::Global;
use super::open::{self, Opened};
use super::{Done, table};
use crate::config::Config;
use crate::domain::facts::GrantFact;
use crate::domain::ids::ConnectionId;
use crate::domain::timeline::{Entry, Kind};
use crate::ports::Handed;

const PAGE: usize = 500;
/// Named at most.
const NAMED: usize = 10;

const HELP: &str = "\
One line a connection, as `import` takes it, with the living access and refresh tokens in
plain text: into a new file that its owner alone can read. Delete it when it is taken over.

A grant can have only one refresher. So either the keeper has stopped, or --pause makes the
running keeper pause all connections first and waits for the refreshes under way; they stay
paused. Whoever takes the file over refreshes from then on; a keeper that goes on with the
same grants would end them. Grants that were refused are left out: only their users can help.

Examples:
  systemctl stop calendly-keeper && calendly-keeper export grants.jsonl
  calendly-keeper export grants.jsonl --pause";

/// What `export` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// The file, which must not exist yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Have the running keeper pause all connections first
    #[arg(long)]
    pub pause: bool,
}

/// What has been written.
#[derive(Default)]
struct Written {
    exported: Vec<ConnectionId>,
    refused: u64,
    doubtful: Vec<ConnectionId>,
    unreadable: Vec<ConnectionId>,
}

/// Exports.
///
/// # Errors
/// Where a keeper goes on refreshing, or the file or the database cannot be used. Then there is no file.
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    if args.file.as_os_str() == "-" {
        return Err(Usage("tokens only go into a file of their own: name one instead of -".into()).into());
    }
    if args.file.symlink_metadata().is_ok() {
        let what = format!("{} exists: tokens only go into a new file", args.file.display());
        return Err(Usage(what).into());
    }
    let opened = open::open_existing(&config)?;
    let written = opened.runtime.block_on(async {
        let at_work = opened.keeper_at_work().await.context("whether a keeper works cannot be found out")?;
        let written = export(args, &config, &opened, at_work).await;
        opened.let_go().await;
        written
    })?;
    tell(args, &written, out)
}

async fn export(
    args: &Args,
    config: &Config,
    opened: &Opened,
    at_work: Option<String>,
) -> anyhow::Result<Written> {
    match &at_work {
        None => stillness::level(config, opened).await?,
        Some(_) if args.pause => stillness::pause_all(&Api::of(config)?, &*opened.store).await?,
        Some(holder) => bail!(
            "a keeper works on this database and goes on refreshing ({holder}): stop it first, or have it pause all \
             connections with --pause"
        ),
    }
    let mut file = NewFile::create(&args.file)?;
    let (mut written, mut after) = (Written::default(), None);
    loop {
        let page = opened.store.hand_over(after.as_ref(), PAGE).await.context("the grants cannot be read")?;
        for handed in &page.connections {
            write_one(handed, at_work.is_some(), &mut file, &mut written)?;
        }
        written.unreadable.extend(page.unreadable);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    file.finish()?;
    note(opened, &written.exported).await;
    Ok(written)
}

fn write_one(
    handed: &Handed,
    must_be_paused: bool,
    file: &mut NewFile,
    written: &mut Written,
) -> anyhow::Result<()> {
    let connection = &handed.connection;
    let id = &connection.id;
    if matches!(connection.facts.grant, GrantFact::Refused { .. }) {
        written.refused += 1;
        return Ok(());
    }
    if must_be_paused && connection.facts.paused.is_none() {
        bail!("{id} was given anew or resumed in the meantime, and the keeper refreshes it: export again");
    }
    if connection.claim.is_some() || connection.unknown_since.is_some() {
        written.doubtful.push(id.clone());
    }
    file.line(&line::of(handed)?)?;
    written.exported.push(id.clone());
    Ok(())
}

/// Into each connection's timeline; the export does not fail for it.
async fn note(opened: &Opened, exported: &[ConnectionId]) {
    let at = opened.now();
    for some in exported.chunks(PAGE) {
        let entries = some.iter().map(|id| Entry {
            connection: id.clone(),
            at,
            kind: Kind::Exported,
            text: "its tokens were exported".into(),
            detail: json!({}),
        });
        if let Err(error) = opened.store.record(entries.collect()).await {
            log::warn!(target: "export", error:% = error; "the timeline does not say that tokens were exported");
            return;
        }
    }
}

fn tell(args: &Args, written: &Written, out: &mut impl Write) -> anyhow::Result<Done> {
    let mut rows = vec![["exported".to_owned(), written.exported.len().to_string()]];
    rows.push(["refused, left out".into(), written.refused.to_string()]);
    writeln!(out, "{}", args.file.display())?;
    table::print(out, &rows)?;
    let named = |ids: &[ConnectionId]| {
        let some: Vec<_> = ids.iter().take(NAMED).map(ConnectionId::as_str).collect();
        format!("{}{}", some.join(", "), if ids.len() > NAMED { ", …" } else { "" })
    };
    if !written.doubtful.is_empty() {
        writeln!(
            out,
            "\nof {} nobody knows what became of the last refresh, so their refresh tokens may be used up: {}",
            written.doubtful.len(),
            named(&written.doubtful)
        )?;
    }
    let paused = if args.pause { ": all of them stay paused, resume none that is taken over" } else { "" };
    writeln!(
        out,
        "\nThe file holds tokens in plain text: delete it when it is taken over. A grant can have only one refresher{paused}."
    )?;
    if written.unreadable.is_empty() {
        return Ok(Done::Fine);
    }
    bail!(
        "{} connections are missing in the file, because they were encrypted with a key that is not configured: {}",
        written.unreadable.len(),
        named(&written.unreadable)
    )
}
