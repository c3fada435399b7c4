//! What is erased: what was kept long enough, and what a deleted connection leaves behind.

use std::time::Duration;

use chrono::TimeDelta;
use log::warn;

use crate::domain::ids::ConnectionId;
use crate::ports::{Clock, Selection, Store};
use crate::runtime::sleep;

/// For so long after its body was erased an event is recognised when it comes again.
const REMEMBERED: TimeDelta = TimeDelta::days(120);
/// Between two portions: deliveries and rotations come first.
const PAUSE: Duration = Duration::from_millis(20);

/// Erases what was settled for longer than `keep`, a little at a time.
pub async fn expire(store: &dyn Store, clock: &dyn Clock, keep: Duration) {
    let Some(before) = TimeDelta::from_std(keep).ok().and_then(|keep| clock.now().checked_sub_signed(keep))
    else {
        return;
    };
    loop {
        match store.expire_events(before, before - REMEMBERED).await {
            Ok(0) => return,
            Ok(_) => sleep(PAUSE).await,
            Err(error) => {
                warn!(target: "inbox", error:% = error; "old events could not be erased, next time");
                return;
            }
        }
    }
}

/// Erases everything of a connection.
pub async fn erase_of(store: &dyn Store, clock: &dyn Clock, connection: &ConnectionId) {
    let all = Selection { connection: Some(connection.clone()), ..Selection::default() };
    loop {
        match store.erase_events(&all, clock.now()).await {
            Ok(0) => return,
            Ok(_) => sleep(PAUSE).await,
            Err(error) => {
                warn!(target: "inbox", connection:% = connection, error:% = error,
                    hint = "run `calendly-keeper inbox purge --connection` with its id"; "its events could not be erased");
                return;
            }
        }
    }
}
