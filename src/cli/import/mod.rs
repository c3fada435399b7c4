//! `import`: takes grants over, line by line. A bad line is reported and stops nothing else.

mod csv;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod intake;
mod lines;
mod progress;
mod report;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;

use self::csv::Header;
use self::intake::Intake;
use self::lines::{Line, Lines};
use self::progress::Progress;
use super::failure::Usage;
use super::global::Global;
use super::{Done, open};
use crate::domain::grant_line::{self, Fields};
use crate::ports::StoreError;
use crate::services::journal::Use;

const HELP: &str = "\
One JSON object a line, or CSV with the same names in its header:
  {\"id\":\"user-42\",\"access_token\":\"…\",\"refresh_token\":\"…\",
   \"expires_at\":\"2026-01-31T12:00:00Z\"}    (in the file without the line break)

  id             the application's own id: 1 to 128 of A-Z a-z 0-9 . _ : @ -
  refresh_token  needed: the grant lives in it
  access_token   without it, or without expires_at, it is refreshed as soon as the keeper runs
  expires_at     with a time zone; SQL's 2026-01-31 12:00:00+00 is fine, too
  expires_in     the access token's whole lifetime in seconds, 7200 where absent
  calendly_user, calendly_organization, scope    where the application knows them

A line that was taken already changes nothing, and a stored grant gives way only to a
refresh token that was never seen before with a later expires_at: an import may be
repeated. A bad line is reported and stops nothing else; the exit code is then 1.

A grant can have only one refresher: stop the job that refreshed these grants until now,
then import, then run.

Examples:
  calendly-keeper import grants.jsonl --dry-run
  psql app -c \"copy (select id, access_token, refresh_token, expires_at from connections)
    to stdout csv header\" | calendly-keeper import - --format csv";

/// What `import` takes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// The file, or - for standard input
    #[arg(value_name = "FILE|-")]
    pub file: String,
    /// How it is written; by default what its name ends with, else jsonl
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Say what would be done and store nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// How an import file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    Jsonl,
    /// A header, then one record a line
    Csv,
}

/// Imports a file.
///
/// # Errors
/// Where the file or the database cannot be opened, or a CSV header cannot be used. Bad lines are no errors: they are
/// reported, and make it [`Done::Failed`].
pub fn execute(args: &Args, global: &Global, out: &mut impl Write) -> anyhow::Result<Done> {
    let config = global.start()?;
    let (reader, total) = source(&args.file)?;
    let opened = if args.dry_run { open::open_or_pretend(&config) } else { open::open(&config) }?;
    let journal = match open::use_of_journal(&config) {
        Use::Beside if !args.dry_run => Some(opened.runtime.block_on(opened.journal(&config))?),
        Use::Beside | Use::Instead => None,
    };
    let mut intake =
        Intake::new(&*opened.store, config.calendly.client_id.as_deref(), opened.now(), args.dry_run);
    intake.journal = journal.as_deref();
    let mut progress = Progress::new(&*opened.clock, total);
    let read = opened.runtime.block_on(read(reader, args.format(), &mut intake, &mut progress));
    progress.end();
    match read {
        Ok(()) => {}
        Err(Interrupted::Store(error)) => intake.report.stopped = Some(error.to_string()),
        Err(Interrupted::File(error)) => {
            intake.report.stopped = Some(format!("the file cannot be read: {error}"));
        }
        Err(Interrupted::Header(bad)) => return Err(Usage(format!("{}: {bad}", args.file)).into()),
    }
    let name = if args.file == "-" { "standard input" } else { &args.file };
    intake.report.print(name, args.dry_run, out)?;
    Ok(if intake.report.is_fine() { Done::Fine } else { Done::Failed })
}

impl Args {
    fn format(&self) -> Format {
        let csv = Path::new(&self.file).extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        self.format.unwrap_or(if csv { Format::Csv } else { Format::Jsonl })
    }
}

fn source(file: &str) -> anyhow::Result<(Box<dyn BufRead>, Option<u64>)> {
    if file == "-" {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let opened = File::open(file).map_err(|error| Usage(format!("{file} cannot be opened: {error}")))?;
    let metadata = opened.metadata().with_context(|| format!("{file} cannot be read"))?;
    if metadata.is_dir() {
        return Err(Usage(format!("{file} is a directory; name a file")).into());
    }
    Ok((Box::new(BufReader::new(opened)), Some(metadata.len()).filter(|length| *length > 0)))
}

/// What ends an import before its file does.
enum Interrupted {
    Store(StoreError),
    File(io::Error),
    Header(csv::BadHeader),
}

async fn read(
    reader: impl BufRead,
    format: Format,
    intake: &mut Intake<'_>,
    progress: &mut Progress<'_>,
) -> Result<(), Interrupted> {
    let mut lines = Lines::new(reader);
    let mut header = None;
    loop {
        let next = match lines.next() {
            Ok(next) => next,
            Err(error) => {
                intake.flush().await.map_err(Interrupted::Store)?;
                return Err(Interrupted::File(error));
            }
        };
        let Some((number, line)) = next else { break };
        progress.at(lines.position());
        let Line::Bytes(line) = line else {
            intake.refuse(number, "is longer than 64 KiB; a grant has a few");
            continue;
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let fields: Result<Fields, String> = match (format, &header) {
            (Format::Jsonl, _) => grant_line::fields(&line).map_err(|bad| bad.to_string()),
            (Format::Csv, Some(header)) => Header::fields(header, &line).map_err(|bad| bad.to_string()),
            (Format::Csv, None) => {
                header = Some(Header::parse(&line).map_err(Interrupted::Header)?);
                continue;
            }
        };
        match fields {
            Ok(fields) => intake.take(number, &fields).await.map_err(Interrupted::Store)?,
            Err(bad) => intake.refuse(number, bad),
        }
    }
    intake.flush().await.map_err(Interrupted::Store)
}
