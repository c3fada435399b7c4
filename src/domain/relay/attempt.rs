//! What follows from an attempt to relay an event.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::backoff::Backoff;
use crate::domain::event::{Settled, Summary};

/// Per event; one that is down for all is probed more often.
const BACKOFF: Backoff = Backoff { min: Duration::from_secs(1), max: Duration::from_secs(300) };

/// When an event is given up.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// From receipt, or the latest replay, on.
    pub give_up_after: Duration,
}

/// Whether an answer with this status says that the application has it. A redirect does not.
#[must_use]
pub fn delivered(status: u16) -> bool {
    (200..300).contains(&status)
}

impl Policy {
    /// After one that failed. Only a real attempt gives an event up, however old it is.
    #[must_use]
    pub fn after_failure(&self, event: &Summary, now: DateTime<Utc>, jitter: f64) -> Settled {
        let age = (now - event.queued_at).to_std().unwrap_or_default();
        if age >= self.give_up_after {
            return Settled::Dead;
        }
        let delay = BACKOFF.delay(event.attempts.saturating_add(1), jitter);
        Settled::Again(now + TimeDelta::from_std(delay).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::event::{Arrival, NewEvent, State, recognise};
    use super::*;

    fn event(attempts: u32, age_seconds: i64) -> (Summary, DateTime<Utc>) {
        let now = DateTime::from_timestamp(2_000_000_000, 0).unwrap();
        let queued_at = now - TimeDelta::seconds(age_seconds);
        let arrival = Arrival {
            path: None,
            signature: None,
            content_type: None,
            received_at: queued_at,
            body: r#"{"event":"a"}"#.into(),
        };
        let new = NewEvent::of(&arrival, recognise(&arrival.body).as_ref(), None, true);
        let summary = Summary {
            ordinal: 1,
            id: new.id,
            connection: None,
            event: new.event,
            occurred_at: None,
            received_at: queued_at,
            queued_at,
            backfilled: false,
            state: State::Pending,
            attempts,
            next_at: None,
            settled_at: None,
        };
        (summary, now)
    }

    #[test]
    fn waits_double_from_one_second_to_five_minutes() {
        let policy = Policy { give_up_after: Duration::from_secs(1000) };
        let waits = [0, 1, 4, 20].map(|attempts| {
            let (event, now) = event(attempts, 0);
            match policy.after_failure(&event, now, 1.0) {
                Settled::Again(at) => (at - now).num_seconds(),
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(waits, [1, 2, 16, 300]);
    }

    #[test]
    fn giving_up_goes_by_age_alone() {
        let policy = Policy { give_up_after: Duration::from_secs(1000) };
        let (young, now) = event(500, 999);
        assert!(matches!(policy.after_failure(&young, now, 0.0), Settled::Again(_)));
        let (old, now) = event(0, 1000);
        assert_eq!(policy.after_failure(&old, now, 0.0), Settled::Dead);
    }

    #[test]
    fn a_redirect_is_not_taken() {
        assert!(delivered(200) && delivered(204) && delivered(299));
        assert!(![0, 100, 199, 300, 301, 302, 304, 400, 410, 500].iter().any(|status| delivered(*status)));
    }
}
