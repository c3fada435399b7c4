//! What the handle and every connection share: the state behind its lock, the faults, the held answers.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::fault_book::FaultBook;
use super::state::State;

pub(super) struct Shared {
    state: Mutex<State>,
    faults: Mutex<FaultBook>,
    /// Whether any fault could fire; spares every other request the second lock.
    armed: AtomicBool,
    /// Beside the state, because every answer reads it.
    date_skew_seconds: AtomicI64,
    held: AtomicUsize,
    releases: watch::Sender<u64>,
    /// How often meetings come by themselves may have changed.
    rate_changed: Notify,
}

impl Shared {
    pub(crate) fn new(state: State, seed: u64) -> Self {
        Self {
            faults: Mutex::new(FaultBook::new(seed)),
            armed: AtomicBool::new(false),
            date_skew_seconds: AtomicI64::new(state.options.date_skew_seconds),
            held: AtomicUsize::new(0),
            releases: watch::Sender::new(0),
            rate_changed: Notify::new(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Reads or changes the set faults. Never taken while the state is locked by the same thread.
    pub(crate) fn faults<T>(&self, act: impl FnOnce(&mut FaultBook) -> T) -> T {
        let mut faults = lock(&self.faults);
        let result = act(&mut faults);
        self.armed.store(faults.is_armed(), Ordering::Release);
        result
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    pub(crate) fn date_skew_seconds(&self) -> i64 {
        self.date_skew_seconds.load(Ordering::Relaxed)
    }

    /// To be called after the options were changed.
    pub(crate) fn options_changed(&self) {
        let mut state = self.state();
        let pace = state.options.deliveries.delivery_clock;
        state.deliveries.queue.set_pace(pace);
        self.date_skew_seconds.store(state.options.date_skew_seconds, Ordering::Relaxed);
        drop(state);
        self.rate_changed.notify_one();
    }

    /// Returns when the options were changed.
    pub(crate) async fn rate_changed(&self) {
        self.rate_changed.notified().await;
    }

    /// How many answers are held back now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Lets the answers that are held back now go; how many.
    pub(crate) fn release(&self) -> usize {
        let held = self.held();
        self.releases.send_modify(|releases| *releases += 1);
        held
    }

    /// Returns at the next release. A client that hangs up meanwhile leaves the count too.
    pub(crate) async fn hold(&self) {
        struct Held<'a>(&'a AtomicUsize);
        impl Drop for Held<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::AcqRel);
            }
        }
        let mut releases = self.releases.subscribe();
        self.held.fetch_add(1, Ordering::AcqRel);
        let _held = Held(&self.held);
        // The sender lives as long as self, so an error cannot be.
        let _ = releases.changed().await;
    }
}

/// A panic elsewhere leaves a test server's state usable enough to tell what happened.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
