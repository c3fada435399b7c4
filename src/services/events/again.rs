//! A selection of events is relayed again, or erased: a portion at a time, so that deliveries and rotations come between.

use std::time::Duration;

use crate::domain::event::State;
use crate::ports::{Selection, StoreError};
use crate::runtime::sleep;
use crate::services::Services;

const PAUSE: Duration = Duration::from_millis(10);

/// Relays a selection again, delivered ones too; how many.
///
/// # Errors
/// Where the database does not answer; some may be on their way then.
pub async fn replay(services: &Services, selection: Selection) -> Result<usize, StoreError> {
    let now = services.adapters.clock.now();
    // What comes from here on is relayed anyway.
    let until = Some(selection.until.map_or(now, |until| until.min(now)));
    let selection = Selection { until, ..selection };
    let (mut replayed, mut after) = (0, 0);
    while let (some, Some(place)) = services.adapters.store.replay_selected(&selection, after, now).await? {
        (replayed, after) = (replayed + some, place);
        services.relay.look();
        sleep(PAUSE).await;
    }
    Ok(replayed)
}

/// Erases the bodies of a selection; how many. Where it names no connection, what is still to be relayed stays.
///
/// # Errors
/// Where the database does not answer; some may be erased then.
pub async fn purge(services: &Services, selection: Selection) -> Result<usize, StoreError> {
    let settled = [State::Delivered, State::Dead, State::Kept];
    let some = |state| Selection { state: Some(state), ..selection.clone() };
    let parts: Vec<_> = match (&selection.connection, selection.state) {
        (Some(_), _) | (_, Some(_)) => vec![selection.clone()],
        (None, None) => settled.into_iter().map(some).collect(),
    };
    let mut erased = 0;
    for part in parts {
        loop {
            match services.adapters.store.erase_events(&part, services.adapters.clock.now()).await? {
                0 => break,
                some => erased += some,
            }
            sleep(PAUSE).await;
        }
    }
    Ok(erased)
}
