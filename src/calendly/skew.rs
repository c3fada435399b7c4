//! How far Calendly's clock is from ours, read from the `Date` of its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::header::{DATE, HeaderMap};

use super::rate::http_date;
use crate::ports::Clock;

const NOT_MEASURED: i64 = i64::MIN;

pub(super) struct Skew {
    clock: Arc<dyn Clock>,
    seconds: AtomicI64,
}

impl Skew {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, seconds: AtomicI64::new(NOT_MEASURED) }
    }

    /// To be called when the answer's head is there: a later time would look like a clock that is behind.
    pub(super) fn observe(&self, headers: &HeaderMap) {
        if let Some(theirs) = headers.get(DATE).and_then(|value| http_date(value.to_str().ok()?)) {
            self.seconds.store((theirs - self.clock.now()).num_seconds(), Ordering::Relaxed);
        }
    }

    pub(super) fn seconds(&self) -> Option<i64> {
        Some(self.seconds.load(Ordering::Relaxed)).filter(|seconds| *seconds != NOT_MEASURED)
    }
}

impl std::fmt::Debug for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Skew({:?})", self.seconds())
    }
}
