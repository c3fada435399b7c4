//! How a look through all meetings goes on, and how far it has come.
//!
//! The list is asked for anew from the last start time on, page after page: a page token goes stale within a minute, and a
//! look may take hours and be broken off. Only through meetings that start at the same time a token leads.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::happened::time;

/// Whether a list's beginning is included is not said, so it is asked for a little earlier.
const BEFORE: TimeDelta = TimeDelta::seconds(1);

/// How far a backfill has come; kept in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The second look: what changed from then on, while the first one was under way. `None`: the first.
    pub since: Option<DateTime<Utc>>,
    /// When this look began.
    pub began_at: DateTime<Utc>,
    /// Meetings that start before then are done.
    pub reached: Option<DateTime<Utc>>,
}

/// What several gaps have come to together: nothing, unless all are as far.
#[must_use]
pub fn resumed(gaps: &[Option<Progress>]) -> Option<Progress> {
    let first = (*gaps.first()?)?;
    gaps.iter().all(|progress| *progress == Some(first)).then_some(first)
}

/// What follows a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// It was the last one.
    End,
    /// A new list, of what starts then or later.
    From(DateTime<Utc>),
    /// The next page of the same list.
    Token,
}

/// After the pages so far of a list that began `from` then. `starts` are those of its meetings, as they came.
#[must_use]
pub fn onward(from: DateTime<Utc>, starts: &[Option<DateTime<Utc>>], has_more: bool) -> Onward {
    if !has_more {
        return Onward::End;
    }
    // Of a list in another order than asked for, no meeting says that all before it were seen.
    let in_order = starts.is_sorted() && starts.first().is_some_and(Option::is_some);
    match starts.last() {
        Some(Some(last)) if in_order && *last - BEFORE > from => Onward::From(*last - BEFORE),
        _ => Onward::Token,
    }
}

/// When a scheduled event starts.
#[must_use]
pub fn start_time(scheduled: &Value) -> Option<DateTime<Utc>> {
    time(&scheduled["start_time"])
}
