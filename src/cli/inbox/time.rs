//! A time as people write it: RFC 3339, or how long ago.

use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// As it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Then.
    At(DateTime<Utc>),
    /// So long before now.
    Ago(TimeDelta),
}

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(at.with_timezone(&Utc)));
        }
        let ago = humantime::parse_duration(text).ok().and_then(|ago| TimeDelta::from_std(ago).ok());
        ago.map(Self::Ago)
            .ok_or("a time is written like 2026-01-31T12:00:00Z, or as how long ago it was: 2h, 3d")
    }
}

impl Time {
    /// As the HTTP API takes it.
    pub(super) fn to_api(self, now: DateTime<Utc>) -> String {
        let at = match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub_signed(ago).unwrap_or_default().max(DateTime::UNIX_EPOCH),
        };
        at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_time_or_how_long_ago() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let read = |text: &str| text.parse::<Time>().map(|time| time.to_api(now));
        assert_eq!(read("2026-01-31T13:00:00+01:00").unwrap(), "2026-01-31T12:00:00Z");
        assert_eq!(read("2h").unwrap(), "2027-01-15T06:00:00Z");
        assert_eq!(read("3d").unwrap(), "2027-01-12T08:00:00Z");
        assert_eq!(read("100000y").unwrap(), "1970-01-01T00:00:00Z");
        for wrong in ["", "yesterday", "2026-01-31", "-2h"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
