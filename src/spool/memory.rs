//! The journal without a disk, for tests and for stores that are in memory themselves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::domain::journal::{Journalled, Record};
use crate::ports::{Journal, JournalError, Receipt};

/// A [`Journal`] that holds everything in memory. Clones share what they hold, as two starts of a keeper share a disk.
#[derive(Clone, Default)]
pub struct MemoryJournal {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    records: Vec<Record>,
    full: bool,
    unreadable: bool,
    reached: Option<i64>,
    tidied: usize,
}

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With `true` nothing can be written, as on a full disk.
    pub fn set_full(&self, full: bool) {
        self.inner().full = full;
    }

    /// All records are gone, as after their time.
    pub fn forget(&self) {
        self.inner().records.clear();
    }

    /// With `true` what is there cannot be read, as on a failing disk.
    pub fn set_unreadable(&self, unreadable: bool) {
        self.inner().unreadable = unreadable;
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner().records.len()
    }

    /// How often it was told to remove what may go.
    #[must_use]
    pub fn tidied(&self) -> usize {
        self.inner().tidied
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing is ever removed: records only lead forward, so old ones do no harm.
#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, record: Record) -> Result<Receipt, JournalError> {
        let mut inner = self.inner();
        if inner.full {
            return Err(JournalError::Unwritable("no space left, says the test".into()));
        }
        inner.records.push(record);
        Ok(Receipt(0))
    }

    async fn settle(&self, _receipt: Receipt) {}

    async fn known(&self) -> Result<Journalled, JournalError> {
        if self.inner().unreadable {
            return Err(JournalError::Unusable("it cannot be read, says the test".into()));
        }
        let mut all = Journalled::default();
        for record in &self.inner().records {
            all.add(record.clone());
        }
        Ok(all)
    }

    async fn settle_known(&self, _wrote: bool) {}

    async fn reached(&self) -> Result<Option<i64>, JournalError> {
        Ok(self.inner().reached)
    }

    async fn note_reached(&self, count: i64) -> Result<(), JournalError> {
        self.inner().reached = Some(count);
        Ok(())
    }

    async fn tidy(&self) {
        self.inner().tidied += 1;
    }
}

impl std::fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryJournal").field("records", &self.len()).finish_non_exhaustive()
    }
}
