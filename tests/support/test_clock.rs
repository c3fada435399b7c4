//! A clock under virtual time that can be set, and a machine that sleeps; and time as it really is, for everybody else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use calendly_keeper::ports::Clock;
use chrono::{DateTime, TimeDelta, Utc};

/// The keeper's machine. Clones are the same clock.
#[derive(Clone)]
pub(crate) struct TestClock {
    base: DateTime<Utc>,
    start: tokio::time::Instant,
    moved: Arc<Mutex<Moved>>,
    follows_sets: bool,
}

#[derive(Default)]
struct Moved {
    set: TimeDelta,
    slept: Duration,
}

impl TestClock {
    pub(crate) fn starting_at(base: DateTime<Utc>) -> Self {
        let start = tokio::time::Instant::now();
        Self { base, start, moved: Arc::default(), follows_sets: true }
    }

    /// The clock of somebody else's machine: right, whatever the keeper's is set to.
    pub(crate) fn of_others(&self) -> Self {
        Self { follows_sets: false, ..self.clone() }
    }

    /// Sets the wall clock alone.
    pub(crate) fn set_by(&self, by: TimeDelta) {
        self.moved().set += by;
    }

    /// The machine sleeps: time goes by for everybody, and no timer notices.
    pub(crate) fn sleep_through(&self, time: Duration) {
        self.moved().slept += time;
    }

    fn moved(&self) -> std::sync::MutexGuard<'_, Moved> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        let set = if self.follows_sets { self.moved().set } else { TimeDelta::zero() };
        self.base + TimeDelta::from_std(self.boot()).unwrap() + set
    }

    fn boot(&self) -> Duration {
        self.start.elapsed() + self.moved().slept
    }
}
