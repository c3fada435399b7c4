//! What a request has done beyond looking: as a tracked task, so that it goes on when the caller hangs up.

use std::time::Duration;

use tokio::time::timeout;

use super::problem::{DATABASE_UNAVAILABLE, INTERNAL, INVALID_REQUEST, Problem};
use super::state::State;
use crate::ports::StoreError;

/// How soon a database that is away may be asked again.
const AWAY: Duration = Duration::from_secs(5);

/// Does it on the I/O runtime, to its end.
///
/// # Errors
/// Where the store failed.
pub(super) async fn tracked<T: Send + 'static>(
    state: &State,
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, Problem> {
    match state.services().io.spawn(work).await {
        Ok(done) => done.map_err(of_store),
        Err(_) => Err(Problem::new(INTERNAL, "the work failed; the log says why")),
    }
}

/// Waits until the actors know everything that is in the database by now. False where that takes longer.
pub(super) async fn known_to_actors(state: &State, patience: Duration) -> bool {
    let (services, shared) = (state.services().clone(), state.shared.clone());
    let known = services.io.spawn({
        let services = services.clone();
        async move {
            if let Ok(marker) = services.adapters.store.change_marker().await {
                shared.know_changes_up_to(marker).await;
            }
        }
    });
    timeout(patience, known).await.is_ok()
}

/// What is told where the store failed.
pub(super) fn of_store(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) | StoreError::Unwritable(_) | StoreError::Unreadable(_) => {
            Problem::new(DATABASE_UNAVAILABLE, error.to_string()).retry_after(AWAY)
        }
        StoreError::Refused(why) => Problem::new(INVALID_REQUEST, format!("the database refused it: {why}")),
    }
}
