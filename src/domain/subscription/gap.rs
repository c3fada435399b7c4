//! Gaps: the time in which events may have been lost, and the early warning before one opens.

use chrono::{DateTime, TimeDelta, Utc};

use super::Recorded;

/// From when on events may have been lost when a subscription had to be made anew.
///
/// From the last good verification; for a disabled one, whose deliveries failed for up to a day before,
/// from the earlier of that minus 24 h and `retry_started_at`. Never before the connection existed: where this grant is
/// its first, that is `granted_at`; where it was connected anew, what was missed before counts.
#[must_use]
pub fn gap_from(
    verified_at: Option<DateTime<Utc>>,
    disabled: bool,
    retry_started_at: Option<DateTime<Utc>>,
    granted_at: DateTime<Utc>,
    is_first_grant: bool,
) -> DateTime<Utc> {
    let Some(verified_at) = verified_at else { return granted_at };
    let from = if disabled {
        let day_before = verified_at - TimeDelta::hours(24);
        retry_started_at.map_or(day_before, |retry| retry.min(day_before))
    } else {
        verified_at
    };
    if is_first_grant { from.max(granted_at) } else { from }
}

/// Whether deliveries have begun to fail since the record was made: only a *change* says so, since the field may stay set.
#[must_use]
pub fn deliveries_failing(recorded: Option<&Recorded>, retry_started_at: Option<DateTime<Utc>>) -> bool {
    match (recorded, retry_started_at) {
        (Some(before), Some(now)) => before.retry_started_at != Some(now),
        _ => false,
    }
}

/// From when on events may be lost whose deliveries have begun to fail: since they do, or since the last good verification,
/// whichever is earlier.
#[must_use]
pub fn failing_from(
    verified_at: Option<DateTime<Utc>>,
    retry_started_at: DateTime<Utc>,
    granted_at: DateTime<Utc>,
    is_first_grant: bool,
) -> DateTime<Utc> {
    let from = verified_at.map_or(retry_started_at, |verified| verified.min(retry_started_at));
    if is_first_grant { from.max(granted_at) } else { from }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).unwrap()
    }

    #[test]
    fn a_missing_one_leaves_a_gap_since_the_last_good_verification() {
        assert_eq!(gap_from(Some(hour(10)), false, None, hour(-99), true), hour(10));
    }

    #[test]
    fn a_disabled_one_leaves_a_gap_of_a_day_more_or_since_its_retries_began() {
        assert_eq!(gap_from(Some(hour(10)), true, None, hour(-99), true), hour(-14));
        assert_eq!(gap_from(Some(hour(10)), true, Some(hour(-20)), hour(-99), true), hour(-20));
        assert_eq!(gap_from(Some(hour(10)), true, Some(hour(0)), hour(-99), true), hour(-14));
    }

    #[test]
    fn no_gap_reaches_behind_the_connection() {
        assert_eq!(gap_from(Some(hour(10)), true, None, hour(5), true), hour(5));
        assert_eq!(gap_from(None, false, None, hour(5), true), hour(5));
    }

    #[test]
    fn what_was_missed_before_the_user_connected_again_counts() {
        assert_eq!(gap_from(Some(hour(10)), false, None, hour(60), false), hour(10));
        assert_eq!(gap_from(None, false, None, hour(60), false), hour(60));
    }

    #[test]
    fn failing_deliveries_open_a_gap_since_they_fail_or_were_last_right() {
        assert_eq!(failing_from(Some(hour(10)), hour(12), hour(-99), true), hour(10));
        assert_eq!(failing_from(Some(hour(10)), hour(8), hour(-99), true), hour(8));
        assert_eq!(failing_from(None, hour(8), hour(-99), true), hour(8));
        assert_eq!(failing_from(Some(hour(10)), hour(8), hour(9), true), hour(9));
        assert_eq!(failing_from(Some(hour(10)), hour(8), hour(9), false), hour(8), "connected again");
    }

    #[test]
    fn only_a_change_of_retry_started_at_warns() {
        let record = |retry| Recorded { uri: "s".into(), verified_at: None, retry_started_at: retry };
        assert!(deliveries_failing(Some(&record(None)), Some(hour(1))));
        assert!(deliveries_failing(Some(&record(Some(hour(0)))), Some(hour(1))));
        assert!(!deliveries_failing(Some(&record(Some(hour(1)))), Some(hour(1))));
        assert!(!deliveries_failing(Some(&record(Some(hour(1)))), None));
        assert!(!deliveries_failing(None, Some(hour(1))));
    }
}
