//! From when on changes count.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Calendly's clock is another than ours, and what it lists may lag behind. What is looked at twice is recognised.
const SLACK: TimeDelta = TimeDelta::minutes(2);

/// Changes at or after `since` and, where there is an end, before `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment that counts.
    pub since: DateTime<Utc>,
    /// The first that does not any more.
    pub until: Option<DateTime<Utc>>,
}

impl Window {
    /// Everything from then on.
    #[must_use]
    pub fn from(since: DateTime<Utc>) -> Self {
        Self { since, until: None }
    }

    /// Whether a change then counts.
    #[must_use]
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        at >= self.since && self.until.is_none_or(|until| at < until)
    }
}

/// The reason of the gap before a connection's first grant, which was asked for.
pub const CONNECTED: &str = "connected";

/// From when on a gap's changes count: a little before it began, but nothing from before the connection existed, unless that
/// was asked for.
#[must_use]
pub fn changed_since(
    gap_from: DateTime<Utc>,
    reason: &str,
    granted_at: DateTime<Utc>,
    is_first_grant: bool,
) -> DateTime<Utc> {
    if reason == CONNECTED {
        gap_from
    } else if is_first_grant || gap_from >= granted_at {
        (gap_from - SLACK).max(granted_at)
    } else {
        gap_from - SLACK
    }
}

/// Whether someone's turn has come after `last` and until `now`, where everybody has one in each `every`. `share`, between 0
/// and 1, is his place in it. Turns go by the calendar, so a restart moves nobody's.
#[must_use]
pub fn is_turn(share: f64, every: Duration, last: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1);
    let place = (every as f64 * share.clamp(0.0, 1.0)) as i64;
    let turns = |at: DateTime<Utc>| at.timestamp_micros().saturating_sub(place).div_euclid(every);
    now > last && turns(now) > turns(last)
}
