//! The use of the rotation journal: when it is written, and what is said when it cannot be.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use log::{debug, error, info, warn};

use crate::domain::ids::ConnectionId;
use crate::domain::journal::{Known, Record};
use crate::ports::{Journal, Receipt};
use crate::registry::lock;

/// The journal and what is known about it.
pub struct Journalling {
    journal: Arc<dyn Journal>,
    use_of: Use,
    broken: AtomicBool,
    replays: AtomicU64,
    wanted: AtomicBool,
    /// How far the database has come, as far as this process knows; negative: nothing is known.
    reached: AtomicI64,
    noted: AtomicI64,
    /// The database went back, and not everything could be written again.
    went_back: AtomicI64,
    /// Whose tokens may be used up since.
    doubted: Mutex<HashSet<ConnectionId>>,
    /// Pairs that were left to the next start.
    left: AtomicUsize,
    /// What the database refused at a replay: the only living pairs of their connections.
    unwritten: Mutex<HashMap<ConnectionId, Known>>,
    /// Connections whose rows were found behind memory, with how many replays there had been.
    behind: Mutex<HashMap<ConnectionId, u64>>,
}

/// When the journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// At the same time as the database, which may fail over to a state before the last commits.
    Beside,
    /// Where the database, on the same disk, failed or is slow.
    Instead,
}

/// What a row behind memory means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The journal has not been asked since: it will be.
    Perhaps,
    /// Nobody knows the pair that memory has.
    ForGood,
}

impl Journalling {
    /// Writes into `journal`.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, use_of: Use) -> Self {
        Self {
            journal,
            use_of,
            broken: AtomicBool::new(false),
            replays: AtomicU64::new(0),
            wanted: AtomicBool::new(true), // on start
            reached: AtomicI64::new(-1),
            noted: AtomicI64::new(-1),
            went_back: AtomicI64::new(0),
            doubted: Mutex::default(),
            left: AtomicUsize::new(0),
            unwritten: Mutex::default(),
            behind: Mutex::default(),
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

    /// The database has one more generation.
    pub fn committed(&self, id: &ConnectionId) {
        self.reached.fetch_add(1, Ordering::Relaxed);
        let mut doubted = lock(&self.doubted);
        if !doubted.is_empty() {
            doubted.remove(id);
        }
    }

    /// The database went back: these connections' tokens may be used up.
    pub fn doubt(&self, ids: impl Iterator<Item = ConnectionId>) {
        lock(&self.doubted).extend(ids);
    }

    /// Whether a connection's token may be used up since the database went back.
    #[must_use]
    pub fn is_doubted(&self, id: &ConnectionId) -> bool {
        lock(&self.doubted).contains(id)
    }

    /// Compares how far the database has come with how far it had come: by memory, and by the note of the time before.
    pub async fn compare(&self, now: i64) {
        let noted = self.journal.reached().await.unwrap_or_else(|failure| {
            warn!(target: "journal", error:% = failure; "how far the database had come cannot be read");
            None
        });
        let before = self.reached.swap(now, Ordering::Relaxed).max(noted.unwrap_or(-1));
        if now < before {
            self.went_back.store(before - now, Ordering::Relaxed);
            self.noted.store(-1, Ordering::Relaxed);
        }
    }

    /// Notes how far the database has come, where that has changed.
    pub async fn note_reached(&self) {
        let reached = self.reached.load(Ordering::Relaxed);
        if self.noted.swap(reached, Ordering::Relaxed) != reached
            && let Err(failure) = self.journal.note_reached(reached).await
        {
            self.noted.store(-1, Ordering::Relaxed);
            debug!(target: "journal", error:% = failure; "how far the database has come could not be noted");
        }
    }

    /// By how many generations that nobody knows the database went back since this was last called.
    pub fn take_went_back(&self) -> Option<i64> {
        Some(self.went_back.swap(0, Ordering::Relaxed)).filter(|lacks| *lacks > 0)
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

    /// A row was found behind what memory knows of its grant.
    pub fn is_behind(&self, id: &ConnectionId) -> Behind {
        let replays = self.replays.load(Ordering::Relaxed);
        let mut behind = lock(&self.behind);
        match behind.get(id) {
            Some(then) if *then < replays => {
                behind.remove(id);
                Behind::ForGood
            }
            Some(_) => Behind::Perhaps,
            None => {
                behind.insert(id.clone(), replays);
                self.wanted.store(true, Ordering::Relaxed);
                Behind::Perhaps
            }
        }
    }

    /// The row was found, or brought, up to memory.
    pub fn is_level(&self, id: &ConnectionId) {
        lock(&self.behind).remove(id);
    }

    /// The database refused what is known about a connection.
    pub fn put_off(&self, id: ConnectionId, known: Known) {
        lock(&self.unwritten).insert(id, known);
    }

    /// Whether something was put off about a connection.
    #[must_use]
    pub fn is_put_off(&self, id: &ConnectionId) -> bool {
        lock(&self.unwritten).contains_key(id)
    }

    /// What was put off about a connection.
    pub fn take_put_off(&self, id: &ConnectionId) -> Option<Known> {
        lock(&self.unwritten).remove(id)
    }

    /// The database was away, or is behind: what the journal knows is to be written forward.
    pub fn want_replay(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether a replay is due; asking takes it on.
    pub fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::Relaxed)
    }

    /// Everything in the journal is in the database.
    pub fn replayed(&self) {
        self.replays.fetch_add(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Journalling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journalling").field("use", &self.use_of).finish_non_exhaustive()
    }
}
