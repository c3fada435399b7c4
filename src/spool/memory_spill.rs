//! The spill without a disk, for tests and for stores that are in memory themselves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::ports::{Spill, SpillError};

/// A [`Spill`] that holds everything in memory. Clones share what they hold.
#[derive(Clone, Debug, Default)]
pub struct MemorySpill(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    records: Vec<Vec<u8>>,
    said: usize,
    aside: Vec<Vec<u8>>,
    full: bool,
}

impl MemorySpill {
    /// With `true` nothing can be written, as on a full disk.
    pub fn set_full(&self, full: bool) {
        self.inner().full = full;
    }

    /// How many records were set aside.
    #[must_use]
    pub fn aside(&self) -> usize {
        self.inner().aside.len()
    }

    /// How many records wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner().records.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Spill for MemorySpill {
    fn holds_some(&self) -> bool {
        !self.is_empty()
    }

    async fn append(&self, record: Vec<u8>) -> Result<(), SpillError> {
        let mut inner = self.inner();
        if inner.full {
            return Err(SpillError("full by the test".into()));
        }
        inner.records.push(record);
        Ok(())
    }

    async fn next(&self, bytes: usize) -> Result<Vec<Vec<u8>>, SpillError> {
        let mut inner = self.inner();
        let mut size = 0;
        let some = inner.records.iter().take_while(|record| {
            let fits = size < bytes;
            size += record.len();
            fits
        });
        let some: Vec<_> = some.cloned().collect();
        inner.said = some.len();
        Ok(some)
    }

    async fn set_aside(&self, record: Vec<u8>) -> Result<(), SpillError> {
        self.inner().aside.push(record);
        Ok(())
    }

    async fn tidy(&self) {}

    async fn took(&self) {
        let mut inner = self.inner();
        let said = std::mem::take(&mut inner.said);
        inner.records.drain(..said);
    }
}
