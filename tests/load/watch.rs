//! Looks at every connection many times a second, as somebody who asks for its token would.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use calendly_keeper::domain::ids::ConnectionId;
use calendly_keeper::ports::Clock;
use calendly_keeper::runtime::sleep;
use calendly_keeper::services::Services;

/// Between two looks at everybody.
const EVERY: Duration = Duration::from_millis(100);
/// Until everybody is loaded.
const LOADING: Duration = Duration::from_secs(60);

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Without a valid token at some moment before the grant was refused, if it was.
    pub(crate) expired: BTreeSet<ConnectionId>,
    /// The least that any token had left, in seconds; where no attempt's outcome is unknown.
    pub(crate) least_left: f64,
}

impl Default for Seen {
    fn default() -> Self {
        Self { expired: BTreeSet::new(), least_left: f64::INFINITY }
    }
}

/// Watches for `length` from when all connections are loaded.
pub(crate) async fn watch(
    services: &Services,
    clock: &dyn Clock,
    connections: usize,
    length: Duration,
    seen: &mut Seen,
) {
    let start = Instant::now();
    while services.registry.len() < connections {
        assert!(start.elapsed() < LOADING, "only {} loaded", services.registry.len());
        sleep(Duration::from_millis(10)).await;
    }
    let start = Instant::now();
    while start.elapsed() < length {
        let now = clock.now();
        for cell in services.registry.cells() {
            let view = cell.token_view();
            if !view.may_refresh {
                continue; // its grant was lost on the way, which is counted apart
            }
            let left = view.expires_at.map_or(0.0, |at| (at - now).as_seconds_f64());
            if left <= 0.0 {
                seen.expired.insert(cell.id().clone());
            }
            if !view.unknown {
                seen.least_left = seen.least_left.min(left);
            }
        }
        sleep(EVERY).await;
    }
}
