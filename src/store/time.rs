//! Times as stored: whole microseconds since 1970 in an ordinary integer column.
//!
//! One schema then serves both databases, and a year before or after what a timestamp type can hold is no special
//! case. Whoever looks with `psql` or `sqlite3` reads the view `connections_readable`.

use chrono::{DateTime, Utc};

use crate::domain::notice::{Announced, Open, Told};
use crate::domain::subscription::Recorded;

/// Microseconds since 1970.
pub(super) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// The inverse of [`micros`]; a number that no calendar reaches becomes the earliest time.
pub(super) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// What is read back after `given` was stored.
pub(super) fn stored(given: DateTime<Utc>) -> DateTime<Utc> {
    time(micros(given))
}

/// A subscription's record as it is read back.
pub(super) fn recorded(given: Recorded) -> Recorded {
    Recorded {
        verified_at: given.verified_at.map(stored),
        retry_started_at: given.retry_started_at.map(stored),
        ..given
    }
}

/// What was announced, as it is read back.
pub(super) fn announced(given: Announced) -> Announced {
    Announced {
        told: given.told.map(|told| Told { at: stored(told.at), ..told }),
        open: given.open.map(|open| Open { at: stored(open.at), next_at: stored(open.next_at), ..open }),
        since: given.since.map(stored),
        recent: given.recent.into_iter().map(stored).collect(),
        ..given
    }
}
