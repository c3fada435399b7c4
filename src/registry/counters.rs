//! What happened since the start, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::refresh_outcome::RefreshOutcome;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters that only go up.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: Counter),* }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counted { $($(#[$doc])* pub $name: u64),* }

        impl Counters {
            /// Reads all.
            #[must_use]
            pub fn read(&self) -> Counted {
                Counted { $($name: self.$name.get()),* }
            }
        }

        impl Counted {
            /// What has come since `earlier`.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $($name: self.$name - earlier.$name),* }
            }
        }
    };
}

counters! {
    /// Refreshes that ended as [`RefreshOutcome::Success`].
    refreshed,
    /// Refreshes that ended as [`RefreshOutcome::Refused`].
    refused,
    /// Refreshes that ended as [`RefreshOutcome::SelfInflicted`]: must stay at 0.
    self_inflicted,
    /// Refreshes that ended as [`RefreshOutcome::Transient`].
    transient,
    /// Refreshes that ended as [`RefreshOutcome::Unknown`].
    unknown,
    /// Late answers of replaced or deleted grants.
    superseded,
    /// Subscriptions verified.
    verified,
    /// Subscriptions created, replaced or cleared of duplicates.
    repaired,
    /// Events that were new to the inbox.
    events_kept,
    /// Events that were there already.
    events_duplicate,
    /// Deliveries that were nobody's any more.
    events_dropped,
    /// Deliveries kept beside the database while it was away.
    events_spilled,
    /// Deliveries whose signature was refused.
    signatures_refused,
    /// Deliveries that were too large.
    events_oversized,
    /// Events that the application took.
    events_relayed,
    /// Attempts to relay an event that failed.
    relay_failures,
    /// Events given up.
    events_given_up,
    /// Notices that their receiver took.
    notices_taken,
    /// Attempts to send a notice that failed.
    notices_failed,
    /// Notices that nobody took for days.
    notices_given_up,
    /// Events found by backfills of gaps.
    backfilled,
    /// Events that were not delivered, and that nobody would have missed: found by the sweep.
    events_missed,
    /// Children restarted.
    restarts,
    /// Children parked.
    quarantines,
}

impl Counters {
    /// A refresh ended, in one of five ways.
    pub fn refresh_ended(&self, outcome: RefreshOutcome) {
        let counter = match outcome {
            RefreshOutcome::Success => &self.refreshed,
            RefreshOutcome::Refused => &self.refused,
            RefreshOutcome::SelfInflicted => &self.self_inflicted,
            RefreshOutcome::Transient => &self.transient,
            RefreshOutcome::Unknown => &self.unknown,
        };
        counter.add_one();
    }
}

impl Counted {
    /// How many refreshes ended in this way.
    #[must_use]
    pub fn refreshes(&self, outcome: RefreshOutcome) -> u64 {
        match outcome {
            RefreshOutcome::Success => self.refreshed,
            RefreshOutcome::Refused => self.refused,
            RefreshOutcome::SelfInflicted => self.self_inflicted,
            RefreshOutcome::Transient => self.transient,
            RefreshOutcome::Unknown => self.unknown,
        }
    }

    /// How many refreshes ended.
    #[must_use]
    pub fn refreshes_ended(&self) -> u64 {
        RefreshOutcome::ALL.into_iter().map(|outcome| self.refreshes(outcome)).sum()
    }

    /// The share of success among those that were not refused, in hundredths of a percent, rounded down: 10 000 is all.
    /// `None` where there were none.
    #[must_use]
    pub fn objective(&self) -> Option<u64> {
        (self.refreshed * 10_000).checked_div(self.refreshes_ended() - self.refused)
    }
}

/// One counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// One more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
