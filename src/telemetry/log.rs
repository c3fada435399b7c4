//! The log: one event a line on standard error, in a format of our own, for people or for programs.

use std::io::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};

use super::filter::Filter;
use super::{json, scrub, text};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl Format {
    /// One record as a line, with its end.
    #[must_use]
    pub fn line(self, at: DateTime<Utc>, record: &log::Record<'_>) -> String {
        let ts = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        match self {
            Self::Text => text::line(&ts, record),
            Self::Json => json::line(&ts, record),
        }
    }
}

/// Starts logging for the process. `now` dates the lines; `variable` reads the environment.
///
/// # Errors
/// Where a logger is at work already.
pub fn init(
    format: Format,
    now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), log::SetLoggerError> {
    let filter = Filter::from_environment(variable);
    env_logger::Builder::new()
        .parse_filters(filter.spec.as_deref().unwrap_or("info"))
        .write_style(env_logger::WriteStyle::Never)
        .format(move |out, record| {
            if !filter.admits(record) {
                return Ok(());
            }
            out.write_all(format.line(now(), record).as_bytes())
        })
        .try_init()
}

/// A text without what looks like a secret, for the few that reach a terminal past the log.
#[must_use]
pub fn scrubbed(text: &str) -> String {
    scrub::scrub(text).into_owned()
}

#[cfg(test)]
mod tests;
