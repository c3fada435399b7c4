//! What several commands print alike: JSON, times, spans of time.

use std::io::Write;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;

use super::Done;

/// One object, for programs and for people.
pub(super) fn json(value: &impl Serialize, out: &mut impl Write) -> anyhow::Result<Done> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    Ok(Done::Fine)
}

/// RFC 3339 in UTC, to the second.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time of the HTTP API, to the second; anything else as it is.
pub(super) fn seconds(text: &str) -> String {
    DateTime::parse_from_rfc3339(text).map_or_else(|_| text.into(), |at| time(at.with_timezone(&Utc)))
}

/// `1 event is`, `2 events are`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `in 1h41m`, or `3d4h ago`.
pub(super) fn from_now(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if at <= now { format!("{} ago", span(now - at)) } else { format!("in {}", span(at - now)) }
}

/// Two units at most: `3d4h`, `1h41m`, `12s`.
pub(super) fn span(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, ..) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}
