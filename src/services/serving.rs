//! Serving a connection's access token: from memory, with one refresh for all who need one at once.
//!
//! Whoever asks gets the token that lives, whatever else is wrong. He waits only where an exchange may end that token at
//! any moment, or where it is not enough for him.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::timeout;

use super::{Services, rotation};
use crate::domain::decision::{Next, next_refresh};
use crate::domain::ids::Generation;
use crate::domain::status::{Derived, Status};
use crate::registry::cell::{Cell, Living};

/// An exchange that is under way is waited for so long, where the token lives.
const EXCHANGE: Duration = Duration::from_secs(2);
/// A token that is to come is waited for so long.
const TO_COME: Duration = Duration::from_secs(5);
/// At most one refresh in this time comes of asking for tokens that live longer than a fresh one does.
const FRESH: TimeDelta = TimeDelta::seconds(60);
/// Where nobody knows when a token will come.
const AGAIN: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// It shall live at least so long.
    pub min_ttl: Option<Duration>,
    /// Calendly has just refused this generation's token.
    pub rejected: Option<Generation>,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq)]
pub enum NoToken {
    /// There is no such connection any more.
    Deleted,
    /// Only the user can help.
    Reauthorization(Derived),
    /// It was paused, and its token has ended since.
    Paused,
    /// One will come.
    Later {
        /// How long to wait before asking again.
        after: Duration,
    },
}

/// The token to be used now. `started` is told where a rotation began of it.
///
/// # Errors
/// Why there is none.
pub async fn token(
    services: &Arc<Services>,
    cell: &Arc<Cell>,
    ask: Ask,
    started: impl FnOnce(),
) -> Result<Living, NoToken> {
    let clock = &services.adapters.clock;
    let now = clock.now();
    if let Some(generation) = ask.rejected {
        cell.reject(generation, now);
    }
    let in_flight = &services.registry.in_flight;
    let mut living = cell.living(now);
    let enough = living.as_ref().is_some_and(|living| is_enough(cell, living, ask, now));
    if let Some(living) = living.take_if(|_| enough && !in_flight.is_exchanging(cell.id())) {
        return Ok(living); // nearly always: memory was looked at, and nothing else done
    }
    if !enough {
        cell.ask_for_successor(cell.read(|connection| connection.generation));
        if begin(services, cell, now) {
            started();
        }
    }
    if let Some(end) = in_flight.end_of(cell.id()) {
        let patience = if living.is_some() { EXCHANGE } else { TO_COME };
        let _ = timeout(patience, end).await;
    }
    let now = clock.now();
    cell.living(now).ok_or_else(|| no_token(cell, now))
}

/// The token of a later generation than `after`, if one comes within `wait`; `None` where none has come.
///
/// # Errors
/// Why none will.
pub async fn later_token(
    services: &Services,
    cell: &Cell,
    after: Generation,
    wait: Duration,
) -> Result<Option<Living>, NoToken> {
    let clock = &services.adapters.clock;
    let comes = async {
        loop {
            let changed = cell.changed();
            tokio::pin!(changed);
            changed.as_mut().enable(); // what changes from here on is not missed
            let now = clock.now();
            match cell.living(now).filter(|living| living.generation > after) {
                Some(living) => return Ok(living),
                None => match no_token(cell, now) {
                    // A pause may end, and says nothing about the token that lives.
                    NoToken::Later { .. } | NoToken::Paused => {}
                    never => return Err(never),
                },
            }
            changed.await;
        }
    };
    tokio::select! {
        came = timeout(wait, comes) => came.ok().transpose(),
        () = services.shutdown.requested() => Ok(None),
    }
}

/// Ends with the refresh that is asked for here. One that cannot begin now begins when it may. `started` is told where it
/// began of this.
pub async fn refresh(services: &Arc<Services>, cell: &Arc<Cell>, started: impl FnOnce()) {
    cell.ask_for_successor(cell.read(|connection| connection.generation));
    begin(services, cell, services.adapters.clock.now());
    started();
    if let Some(end) = services.registry.in_flight.end_of(cell.id()) {
        end.await;
    }
}

/// Whether the token does for who asks: it lives as long as asked for, or is as fresh as one can be had.
fn is_enough(cell: &Cell, living: &Living, ask: Ask, now: DateTime<Utc>) -> bool {
    let Some(min_ttl) = ask.min_ttl.and_then(|ttl| TimeDelta::from_std(ttl).ok()) else { return true };
    let is_fresh = cell.issued_at().is_some_and(|at| now - at < FRESH);
    living.expires_at - now >= min_ttl.min(cell.lifetime()) || is_fresh
}

/// Starts the refresh that is due, or has the one that waits go sooner. True where one began.
fn begin(services: &Arc<Services>, cell: &Arc<Cell>, now: DateTime<Utc>) -> bool {
    services.limiter.hurry(cell.id());
    match next_refresh(&cell.token_view(), now) {
        Next::Now(why) => rotation::start(services, cell, why).is_some(),
        Next::At(_) | Next::Never => false,
    }
}

fn no_token(cell: &Cell, now: DateTime<Utc>) -> NoToken {
    if cell.is_deleted() {
        return NoToken::Deleted;
    }
    let derived = cell.status();
    match derived.status {
        Status::ReauthorizationRequired => NoToken::Reauthorization(derived),
        Status::Paused => NoToken::Paused,
        Status::Active | Status::WebhookUnavailable | Status::Quarantined => {
            let next = cell.token_view().not_before.and_then(|at| (at - now).to_std().ok());
            NoToken::Later { after: next.map_or(AGAIN, |next| next.max(Duration::from_secs(1))) }
        }
    }
}
