//! The simulator's time: microseconds since 1970, and how they are written on the wire.

use chrono::{DateTime, Utc};

pub(super) const SECOND: i64 = 1_000_000;

/// Microseconds since 1970; the simulator's only look at a clock.
#[allow(clippy::disallowed_methods, reason = "a server of its own: the keeper's clock is not its clock")]
pub(super) fn now() -> i64 {
    Utc::now().timestamp_micros()
}

pub(super) fn date_time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// As resources carry it: six decimals and a Z.
pub(super) fn written(micros: i64) -> String {
    date_time(micros).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// As the Date header carries it.
pub(super) fn http_date(micros: i64) -> String {
    date_time(micros).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
