//! One clock over all lives of the keeper: it follows tokio's virtual time while one lives, and is set between them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use calendly_keeper::ports::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// Counts from the beginning of the simulation.
pub(crate) struct SimClock(Mutex<(Duration, Option<Instant>)>);

impl SimClock {
    pub(crate) fn new() -> Self {
        Self(Mutex::new((Duration::ZERO, None)))
    }

    /// Goes on from where it stands, with the time of the runtime that this is called in.
    pub(crate) fn run(&self) {
        self.set(self.now(), Some(Instant::now()));
    }

    /// Stands still.
    pub(crate) fn stop(&self) {
        self.set(self.now(), None);
    }

    /// Goes on to `at` at once, while it stands.
    pub(crate) fn jump(&self, at: Duration) {
        self.set(at, None);
    }

    /// Since the beginning.
    pub(crate) fn now(&self) -> Duration {
        let (base, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        base + since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn set(&self, base: Duration, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (base, since);
    }
}

/// The wall clock at a moment of the simulation.
pub(crate) fn wall(at: Duration) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::from_std(at).unwrap()
}

impl Clock for SimClock {
    fn now(&self) -> DateTime<Utc> {
        wall(SimClock::now(self))
    }

    fn boot(&self) -> Duration {
        SimClock::now(self)
    }
}
