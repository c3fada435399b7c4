//! Waiting for a condition with a deadline, so that no test sleeps for a time somebody guessed.
#![allow(
    clippy::disallowed_methods,
    reason = "conditions outside the process cannot wake us: they are polled"
)]

use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(10);

/// Blocks until `condition` gives a value; panics after `deadline`, naming `what` did not come.
#[track_caller]
pub(crate) fn until<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < deadline, "{what}: not within {deadline:?}");
        std::thread::sleep(POLL);
    }
}

/// The same where the condition is asynchronous. Under virtual time the deadline passes virtually too.
pub(crate) async fn until_async<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> T {
    let poll = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let outcome = tokio::time::timeout(deadline, poll).await;
    outcome.unwrap_or_else(|_| panic!("{what}: not within {deadline:?}"))
}
