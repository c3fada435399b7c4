//! When a cell's actor looks again and its subscription is verified, and how often the actor was restarted: plain numbers,
//! read by sweeps without a lock.

use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Cell, lock};

impl Cell {
    /// When its actor means to look again; for the sweep that proves that somebody will.
    pub fn set_wake_at(&self, at: Option<DateTime<Utc>>) {
        self.wake_at.store(at.map_or(i64::MAX, |at| at.timestamp_millis()), Ordering::Relaxed);
    }

    /// The same; `None` where it waits for nothing.
    #[must_use]
    pub fn wake_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.wake_at.load(Ordering::Relaxed))
    }

    /// When its subscription is to be verified next; `None`: at once.
    pub fn set_verify_at(&self, at: Option<DateTime<Utc>>) {
        if at.is_none() {
            self.verify_asked.fetch_add(1, Ordering::Relaxed);
        }
        self.verify_at.store(at.map_or(i64::MIN, |at| at.timestamp_millis()), Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// The same.
    #[must_use]
    pub fn verify_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.verify_at.load(Ordering::Relaxed))
    }

    /// Changes each time that a verification is asked for at once: one that began before does not answer that.
    #[must_use]
    pub fn verify_asked(&self) -> u32 {
        self.verify_asked.load(Ordering::Relaxed)
    }

    /// The wall clock was set by so much: the times that were told by it move along. A token that was issued before
    /// `unless_before` was issued by the clock as it is now again.
    pub fn shift(&self, by: TimeDelta, unless_before: Option<DateTime<Utc>>) {
        {
            let row = &mut lock(&self.state).row;
            let issued = row.expires_at.map(|at| at - row.lifetime.delta());
            if issued.is_none_or(|at| unless_before.is_none_or(|before| at > before)) {
                row.expires_at = row.expires_at.map(|at| at + by);
            }
            row.next_attempt_at = row.next_attempt_at.map(|at| at + by);
        }
        self.set_wake_at(self.wake_at().map(|at| at + by));
        self.set_verify_at(self.verify_at().map(|at| at + by));
    }

    /// One more restart of its actor.
    pub fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Restarts since the start of the process.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }
}
