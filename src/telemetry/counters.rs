//! What happened since the start, as numbers that anybody may add to and read without waiting.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How a refresh ended. The names are fixed: they are labels of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new pair was kept.
    Success,
    /// The provider or the user ended the grant.
    Refused,
    /// Lost by us: the number that must stay at 0.
    SelfInflicted,
    /// Not consumed; tried again.
    Transient,
    /// It may have been consumed.
    Unknown,
}

impl Outcome {
    /// The fixed name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::SelfInflicted => "self_inflicted",
            Self::Transient => "transient",
            Self::Unknown => "unknown",
        }
    }
}

/// Only ever grow, except `quarantined` in the status line, which is counted from the cells.
#[derive(Debug, Default)]
pub struct Counters {
    success: AtomicU64,
    refused: AtomicU64,
    self_inflicted: AtomicU64,
    transient: AtomicU64,
    unknown: AtomicU64,
    repaired: AtomicU64,
    restarts: AtomicU64,
    quarantined: AtomicU64,
}

/// All counters at one moment, near enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Refreshes that ended in [`Outcome::Success`]: `refreshed` in the status line.
    pub success: u64,
    /// Refreshes that ended in [`Outcome::Refused`].
    pub refused: u64,
    /// Refreshes that ended in [`Outcome::SelfInflicted`].
    pub self_inflicted: u64,
    /// Refreshes that ended in [`Outcome::Transient`].
    pub transient: u64,
    /// Refreshes that ended in [`Outcome::Unknown`].
    pub unknown: u64,
    /// Subscriptions made or replaced.
    pub repaired: u64,
    /// Children started again after a failure.
    pub restarts: u64,
    /// Children parked after too many restarts.
    pub quarantined: u64,
}

impl Counters {
    /// A refresh ended.
    pub fn refresh(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Success => &self.success,
            Outcome::Refused => &self.refused,
            Outcome::SelfInflicted => &self.self_inflicted,
            Outcome::Transient => &self.transient,
            Outcome::Unknown => &self.unknown,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// A subscription was made or replaced.
    pub fn repaired(&self) {
        self.repaired.fetch_add(1, Relaxed);
    }

    /// A child was started again.
    pub fn restarted(&self) {
        self.restarts.fetch_add(1, Relaxed);
    }

    /// A child was parked.
    pub fn quarantined(&self) {
        self.quarantined.fetch_add(1, Relaxed);
    }

    /// As they are now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            success: self.success.load(Relaxed),
            refused: self.refused.load(Relaxed),
            self_inflicted: self.self_inflicted.load(Relaxed),
            transient: self.transient.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            repaired: self.repaired.load(Relaxed),
            restarts: self.restarts.load(Relaxed),
            quarantined: self.quarantined.load(Relaxed),
        }
    }
}

impl Snapshot {
    /// What came on top of an earlier snapshot.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            success: self.success.saturating_sub(earlier.success),
            refused: self.refused.saturating_sub(earlier.refused),
            self_inflicted: self.self_inflicted.saturating_sub(earlier.self_inflicted),
            transient: self.transient.saturating_sub(earlier.transient),
            unknown: self.unknown.saturating_sub(earlier.unknown),
            repaired: self.repaired.saturating_sub(earlier.repaired),
            restarts: self.restarts.saturating_sub(earlier.restarts),
            quarantined: self.quarantined.saturating_sub(earlier.quarantined),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_a_counter_of_its_own() {
        let counters = Counters::default();
        let before = counters.snapshot();
        for (n, outcome) in
            [Outcome::Success, Outcome::Refused, Outcome::SelfInflicted, Outcome::Transient, Outcome::Unknown]
                .into_iter()
                .enumerate()
        {
            (0..=n).for_each(|_| counters.refresh(outcome));
        }
        counters.repaired();
        let seen = counters.snapshot().since(&before);
        assert_eq!(
            (seen.success, seen.refused, seen.self_inflicted, seen.transient, seen.unknown, seen.repaired),
            (1, 2, 3, 4, 5, 1)
        );
        assert_eq!(counters.snapshot().since(&counters.snapshot()), Snapshot::default());
    }
}
