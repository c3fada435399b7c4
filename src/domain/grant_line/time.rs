//! `expires_at` as applications and their databases write it.

use chrono::{DateTime, Datelike as _, NaiveDateTime, Utc};

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTime {
    #[error("expires_at has no time zone; write it in UTC with a Z, as in 2026-01-31T12:00:00Z")]
    NoZone,
    #[error("expires_at is no time; write it like 2026-01-31T12:00:00Z")]
    Unreadable,
}

/// RFC 3339, or what SQL prints: `2026-01-31 12:00:00+00`. A year of more or less than four digits is a mistake of
/// some export, and no database holds all of those that can be written.
pub(crate) fn parse(text: &str) -> Result<DateTime<Utc>, BadTime> {
    let at = read(text)?;
    if (1..=9999).contains(&at.year()) { Ok(at) } else { Err(BadTime::Unreadable) }
}

fn read(text: &str) -> Result<DateTime<Utc>, BadTime> {
    const ZONED: [&str; 3] =
        ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f UTC"];
    const BARE: [&str; 4] =
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let [sql, iso, utc] = ZONED;
    let zoned = [sql, iso].iter().find_map(|format| DateTime::parse_from_str(text, format).ok());
    if let Some(at) = zoned {
        return Ok(at.to_utc());
    }
    if let Ok(at) = NaiveDateTime::parse_from_str(text, utc) {
        return Ok(at.and_utc());
    }
    let bare = BARE.iter().any(|format| NaiveDateTime::parse_from_str(text, format).is_ok());
    Err(if bare { BadTime::NoZone } else { BadTime::Unreadable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_moment_is_read_however_it_is_written() {
        let noon: DateTime<Utc> = "2026-01-31T12:00:00Z".parse().unwrap();
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31t12:00:00z",
            "2026-01-31T13:00:00+01:00",
            "2026-01-31T12:00:00.000000+00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31 12:00:00+00",
            "2026-01-31 12:00:00.000+00",
            "2026-01-31 17:30:00+05:30",
            "2026-01-31 07:00:00-0500",
            "2026-01-31T12:00:00+0000",
            "2026-01-31 12:00:00 UTC",
        ] {
            assert_eq!(parse(text), Ok(noon), "{text}");
        }
    }

    #[test]
    fn a_time_without_zone_is_refused_with_the_remedy() {
        for text in ["2026-01-31T12:00:00", "2026-01-31 12:00:00.123", "2026-01-31 12:00"] {
            assert_eq!(parse(text), Err(BadTime::NoZone), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "1769860800",
            "2026-02-31T12:00:00Z",
            "2026-01-31",
            "2026-01-31T25:00:00Z",
            "-262143-01-01 00:00:00Z",
            "+10000-01-01 00:00:00+00",
        ] {
            assert_eq!(parse(text), Err(BadTime::Unreadable), "{text}");
        }
    }
}
