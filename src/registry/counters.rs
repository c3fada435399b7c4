//! What happened since the start, counted.

use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Rotations kept.
    refreshed,
    /// Grants ended by the provider or the user.
    refused,
    /// Grants lost by us: must stay at 0.
    self_inflicted,
    /// Refreshes that failed with the token unconsumed.
    transient,
    /// Refreshes whose outcome is not known.
    unknown,
    /// Late answers of replaced or deleted grants.
    superseded,
    /// Subscriptions verified.
    verified,
    /// Subscriptions created, replaced or cleared of duplicates.
    repaired,
    /// Children restarted.
    restarts,
    /// Children parked.
    quarantines,
}

/// One counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
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
