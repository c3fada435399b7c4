//! A loop that has to go on: a panic in it is a bug of ours, and must not end what everybody relies on.

use std::time::Duration;

use log::error;

use crate::runtime::{IoRuntime, sleep};

/// Between a failure and the next try: one that fails at once must not eat a core.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs what `make` makes until it ends by itself.
pub(super) async fn restarted<F>(io: IoRuntime, name: &'static str, make: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while io.spawn_loop(make()).await.is_err() {
        error!(target: name, "failed, started again; what it was about to do is done again");
        sleep(PAUSE).await;
    }
}
