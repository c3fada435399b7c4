//! What is said of single events.

use log::{debug, error};

use crate::domain::event::{Attempt, Kept, Settled};

/// What came of an attempt.
pub(super) fn event(event: &Kept, settled: &Settled, why: &str) {
    let (id, attempts) = (event.summary.id.as_str(), event.summary.attempts + 1);
    let connection = event.summary.connection.as_ref().map_or("", |id| id.as_str());
    match settled {
        Settled::Delivered => debug!(target: "relay", connection, event = id, attempts; "event passed on"),
        Settled::Again(_) => {
            debug!(target: "relay", connection, event = id, attempts, error = why; "event not taken, again later");
        }
        Settled::Dead => {
            error!(target: "relay", connection, event = id, attempts, error = why,
                hint = "when the application takes events again: `calendly-keeper inbox replay --dead`"; "event given up");
        }
    }
}

/// Why it failed.
pub(super) fn failure(attempt: &Attempt) -> String {
    match (attempt.status, &attempt.error) {
        (Some(status), _) => format!("it answers {status}"),
        (None, Some(error)) => error.to_string(),
        (None, None) => String::new(),
    }
}
