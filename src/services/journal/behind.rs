//! Replays, and the rows that were found behind memory: one that is still behind after a replay is so for good.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Journalling;
use crate::domain::ids::ConnectionId;
use crate::registry::lock;

/// What a row behind memory means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The journal has not been asked since: it will be.
    Perhaps,
    /// Nobody knows the pair that memory has.
    ForGood,
}

/// How many there were, whether one is due, and who waits for it.
pub(super) struct Replays {
    done: AtomicU64,
    wanted: AtomicBool,
    /// Connections whose rows were found behind memory, with how many replays there had been.
    behind: Mutex<HashMap<ConnectionId, u64>>,
}

impl Default for Replays {
    fn default() -> Self {
        Self { done: AtomicU64::new(0), wanted: AtomicBool::new(true), behind: Mutex::default() } // on start
    }
}

impl Journalling {
    /// A row was found behind what memory knows of its grant.
    pub fn is_behind(&self, id: &ConnectionId) -> Behind {
        let done = self.replays.done.load(Ordering::Relaxed);
        let mut behind = lock(&self.replays.behind);
        match behind.get(id) {
            Some(then) if *then < done => {
                behind.remove(id);
                Behind::ForGood
            }
            Some(_) => Behind::Perhaps,
            None => {
                behind.insert(id.clone(), done);
                self.want_replay();
                Behind::Perhaps
            }
        }
    }

    /// The row was found, or brought, up to memory.
    pub fn is_level(&self, id: &ConnectionId) {
        lock(&self.replays.behind).remove(id);
    }

    /// The database was away, or is behind: what the journal knows is to be written forward.
    pub fn want_replay(&self) {
        self.replays.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether a replay is due; asking takes it on.
    pub fn take_wanted(&self) -> bool {
        self.replays.wanted.swap(false, Ordering::Relaxed)
    }

    /// Everything in the journal is in the database.
    pub fn replayed(&self) {
        self.replays.done.fetch_add(1, Ordering::Relaxed);
    }
}
