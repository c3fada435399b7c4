//! The use of the rotation journal: when it is written, and what is said when it cannot be.

mod behind;
mod doubted;
mod put_off;
mod reached;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use log::{error, info};

pub use self::behind::Behind;
use self::behind::Replays;
use self::doubted::Doubted;
use self::put_off::PutOff;
use self::reached::Reached;
use crate::domain::journal::Record;
use crate::ports::{Journal, Receipt};

/// The journal and what is known about it.
pub struct Journalling {
    journal: Arc<dyn Journal>,
    use_of: Use,
    broken: AtomicBool,
    /// Pairs that were left to the next start.
    left: AtomicUsize,
    reached: Reached,
    doubted: Doubted,
    replays: Replays,
    put_off: PutOff,
}

/// When the journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// At the same time as the database, which may fail over to a state before the last commits.
    Beside,
    /// Where the database, on the same disk, failed or is slow.
    Instead,
}

impl Journalling {
    /// Writes into `journal`.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, use_of: Use) -> Self {
        Self {
            journal,
            use_of,
            broken: AtomicBool::new(false),
            left: AtomicUsize::new(0),
            reached: Reached::default(),
            doubted: Doubted::default(),
            replays: Replays::default(),
            put_off: PutOff::default(),
        }
    }

    /// When it is written.
    #[must_use]
    pub fn use_of(&self) -> Use {
        self.use_of
    }

    /// Durable where it answers with a receipt; that it cannot be written is said once.
    pub async fn append(&self, record: Record) -> Option<Receipt> {
        match self.journal.append(record).await {
            Ok(receipt) => {
                if self.broken.swap(false, Ordering::Relaxed) {
                    info!(target: "journal", writable = true; "the rotation journal can be written again");
                }
                Some(receipt)
            }
            Err(failure) => {
                if !self.broken.swap(true, Ordering::Relaxed) {
                    error!(target: "journal", error:% = failure,
                        hint = "make room on the data directory's disk; until then only what must be is refreshed";
                        "new tokens are not safe from a failure of the database");
                }
                None
            }
        }
    }

    /// Writes down what the database has acknowledged already, where that may be taken back.
    pub async fn append_beside(&self, record: Record) {
        if self.use_of == Use::Beside
            && let Some(receipt) = self.append(record).await
        {
            self.journal.settle(receipt).await;
        }
    }

    /// What was written there is in the database.
    pub async fn settle(&self, receipt: Receipt) {
        self.journal.settle(receipt).await;
    }

    /// A pair is in the journal alone when the keeper stops.
    pub fn leave(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// How many pairs the next start has to write into the database.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// Whether the latest attempt to write it failed.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// The journal itself.
    #[must_use]
    pub fn port(&self) -> &dyn Journal {
        &*self.journal
    }
}

impl std::fmt::Debug for Journalling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journalling").field("use", &self.use_of).finish_non_exhaustive()
    }
}
