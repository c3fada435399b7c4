//! How the relay goes, for metrics, notices and whoever looks.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::notice::{Kind, Standing};
use crate::ports::Backlog;

/// An application that is away for a moment, as in a deploy, is no news.
const FAILING_AFTER: TimeDelta = TimeDelta::minutes(1);
/// An event that has not gone on for so long is, whatever the others do.
const LATE_AFTER: TimeDelta = TimeDelta::minutes(10);
/// That an event was given up stays news for so long.
const EXHAUSTED_FOR: TimeDelta = TimeDelta::hours(1);

/// The relay at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// What is on its way, as it was last looked.
    pub backlog: Backlog,
    /// Since when the application takes nothing.
    pub down_since: Option<DateTime<Utc>>,
    /// It wants no more.
    pub paused: bool,
    /// When an event was last given up.
    pub gave_up_at: Option<DateTime<Utc>>,
    /// Why the latest attempt failed.
    pub error: Option<Box<str>>,
}

impl View {
    /// What the application's people are told.
    #[must_use]
    pub fn standing(&self, now: DateTime<Utc>) -> Standing {
        let since = |at: Option<DateTime<Utc>>, long: TimeDelta| at.is_some_and(|at| now - at >= long);
        if self.gave_up_at.is_some_and(|at| now - at < EXHAUSTED_FOR) {
            Standing::Wrong(Kind::RelayExhausted)
        } else if self.paused
            || since(self.down_since, FAILING_AFTER)
            || since(self.backlog.oldest.filter(|_| self.error.is_some()), LATE_AFTER)
        {
            Standing::Wrong(Kind::RelayFailing)
        } else {
            Standing::Well
        }
    }

    /// The age of the oldest event that is to be relayed.
    #[must_use]
    pub fn oldest(&self, now: DateTime<Utc>) -> Duration {
        self.backlog.oldest.and_then(|at| (now - at).to_std().ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_follows_from_what_is_wrong_and_for_how_long() {
        let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap();
        let failing = Standing::Wrong(Kind::RelayFailing);
        let down = View { down_since: Some(at(0)), ..View::default() };
        assert_eq!(down.standing(at(0)), Standing::Well);
        assert_eq!(down.standing(at(1)), failing);
        assert_eq!(View { paused: true, ..View::default() }.standing(at(0)), failing);
        let backlog = Backlog { oldest: Some(at(0)), ..Backlog::default() };
        let late = View { backlog, error: Some("500".into()), ..View::default() };
        assert_eq!((late.standing(at(9)), late.standing(at(10))), (Standing::Well, failing));
        let exhausted = View { gave_up_at: Some(at(0)), ..down };
        assert_eq!(exhausted.standing(at(5)), Standing::Wrong(Kind::RelayExhausted));
        assert_eq!(exhausted.standing(at(61)), failing);
    }
}
