//! The application fetches events, from a place on, and waits for the next where there are none.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::event::Kept;
use crate::domain::ids::ConnectionId;
use crate::ports::{Store, StoreError};
use crate::services::Services;

/// Read at once; each may be large.
const PORTION: usize = 50;
/// No answer has more bytes in bodies, but for a single one: the rest comes with the next.
const MOST_BYTES: usize = 8 << 20;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which are the first.
    pub from: From,
    /// Of this connection alone.
    pub connection: Option<ConnectionId>,
    /// So many at most.
    pub limit: usize,
    /// For the first, where there is none.
    pub wait: Duration,
}

/// Where to begin.
#[derive(Clone, Debug)]
pub enum From {
    /// At the oldest that is kept.
    Oldest,
    /// After this place.
    After(i64),
    /// Where this consumer has got to.
    Consumer(Box<str>),
}

/// Events in the order of their places.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// May be none.
    pub events: Vec<Kept>,
    /// Where to go on.
    pub next: i64,
}

/// Why there are none.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotFetched {
    /// The place was never given.
    #[error("the place is ahead of all events")]
    Ahead,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Fetches what there is; where that is nothing, what comes within `wait`.
///
/// # Errors
/// Why not.
pub async fn fetch(services: &Services, ask: Ask) -> Result<Fetched, NotFetched> {
    let store = &*services.adapters.store;
    // Before the first look: what comes from here on is not missed.
    let mut arrivals = services.inbox.arrivals.subscribe();
    let place = match &ask.from {
        From::Oldest => 0,
        From::After(place) => *place,
        From::Consumer(name) => of_consumer(services, name).await?,
    };
    let connection = ask.connection.as_ref();
    let events = look(store, place, connection, ask.limit).await?;
    if events.is_empty() && place > store.last_place().await? {
        return Err(NotFetched::Ahead);
    }
    if !events.is_empty() || ask.wait.is_zero() {
        return Ok(fetched(events, place));
    }
    let comes = async {
        loop {
            if arrivals.changed().await.is_err() {
                std::future::pending::<()>().await; // nobody tells any more
            }
            let events = look(store, place, connection, ask.limit).await?;
            if !events.is_empty() {
                return Ok::<_, StoreError>(events);
            }
        }
    };
    let comes = pin!(comes);
    let events = tokio::select! {
        came = timeout(ask.wait, comes) => came.unwrap_or_else(|_| Ok(vec![]))?,
        () = services.shutdown.requested() => vec![],
    };
    Ok(fetched(events, place))
}

/// Notes that a consumer has everything up to a place.
///
/// # Errors
/// Where the place was never given, or the database does not answer.
pub async fn acknowledge(services: &Services, consumer: &str, place: i64) -> Result<(), NotFetched> {
    let store = &*services.adapters.store;
    if place > store.last_place().await? {
        return Err(NotFetched::Ahead);
    }
    let now = services.adapters.clock.now();
    store.acknowledge(consumer, place, now).await?;
    services.readers.noted(consumer, now);
    Ok(())
}

async fn of_consumer(services: &Services, name: &str) -> Result<i64, StoreError> {
    let (store, now) = (&services.adapters.store, services.adapters.clock.now());
    let place = store.acknowledged(name).await?.unwrap_or_default();
    if services.readers.is_due(name, now) {
        store.acknowledge(name, place, now).await?;
        services.readers.noted(name, now);
    }
    Ok(place)
}

async fn look(
    store: &dyn Store,
    after: i64,
    connection: Option<&ConnectionId>,
    limit: usize,
) -> Result<Vec<Kept>, StoreError> {
    let (mut events, mut bytes, mut place): (Vec<Kept>, _, _) = (vec![], 0, after);
    while events.len() < limit {
        let wanted = PORTION.min(limit - events.len());
        let portion = store.events_after(place, connection, wanted).await?;
        let is_last = portion.len() < wanted;
        for event in portion {
            bytes += event.body.as_ref().map_or(0, bytes::Bytes::len);
            if bytes > MOST_BYTES && !events.is_empty() {
                return Ok(events);
            }
            place = event.summary.ordinal;
            events.push(event);
        }
        if is_last {
            break;
        }
    }
    Ok(events)
}

fn fetched(events: Vec<Kept>, place: i64) -> Fetched {
    let next = events.last().map_or(place, |last| last.summary.ordinal);
    Fetched { events, next }
}
