//! Time: the wall clock, which may be set, and the boot clock, which nobody sets; and ages by both.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// What time it is.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> DateTime<Utc>;
    /// Time since some fixed start that counts suspend, unlike a monotonic clock.
    fn boot(&self) -> Duration;
}

/// So much two clocks may differ about a quarter of an hour.
const CLOCKS_AGREE: Duration = Duration::from_secs(2);

/// A moment by both clocks, for ages that guard something.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    wall: DateTime<Utc>,
    boot: Duration,
}

impl Moment {
    /// Now.
    #[must_use]
    pub fn of(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), boot: clock.boot() }
    }

    /// How long ago that was, by the clock that says older: a wall clock may be set back, a boot clock may be a clone's.
    #[must_use]
    pub fn age(&self, clock: &dyn Clock) -> Duration {
        let by_wall = (clock.now() - self.wall).to_std().unwrap_or_default();
        by_wall.max(clock.boot().saturating_sub(self.boot))
    }

    /// How long ago that was by the boot clock alone, which nobody sets: for what may be thrown away after a while.
    #[must_use]
    pub fn boot_age(&self, clock: &dyn Clock) -> Duration {
        clock.boot().saturating_sub(self.boot)
    }

    /// By the wall clock and by the boot clock, to be noted for a later process.
    #[must_use]
    pub fn as_millis(&self) -> (i64, u64) {
        (self.wall.timestamp_millis(), u64::try_from(self.boot.as_millis()).unwrap_or(u64::MAX))
    }

    /// What [`Moment::as_millis`] told, where both clocks agree how long ago that was: `None` after a reboot, and after
    /// the wall clock was set.
    #[must_use]
    pub fn from_millis(wall: i64, boot: u64, clock: &dyn Clock) -> Option<Self> {
        let then = Self { wall: DateTime::from_timestamp_millis(wall)?, boot: Duration::from_millis(boot) };
        let by_wall = (clock.now() - then.wall).to_std().ok()?;
        let by_boot = clock.boot().checked_sub(then.boot)?;
        (by_wall.abs_diff(by_boot) <= CLOCKS_AGREE).then_some(then)
    }
}
