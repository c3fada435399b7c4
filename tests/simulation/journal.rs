//! A journal in memory that keeps what it must and no more: a record goes ten minutes after it was settled, exactly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use calendly_keeper::domain::journal::{Journalled, Record};
use calendly_keeper::ports::{Journal, JournalError, Receipt};

use super::clock::SimClock;

const KEEP: Duration = Duration::from_secs(600);

/// Outlives the keepers that write it, as a disk does.
pub(crate) struct SimJournal {
    clock: Arc<SimClock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    records: BTreeMap<u32, Kept>,
    next: u32,
    /// Where the records of the keeper that lives now begin.
    own: u32,
    full: bool,
    reached: Option<i64>,
}

struct Kept {
    record: Record,
    settled: Option<Duration>,
}

impl SimJournal {
    pub(crate) fn new(clock: Arc<SimClock>) -> Arc<Self> {
        Arc::new(Self { clock, inner: Mutex::default() })
    }

    /// Another keeper goes on with it.
    pub(crate) fn reopen(&self) {
        let mut inner = self.inner();
        inner.own = inner.next;
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.inner().full = full;
    }

    /// What a start would find.
    pub(crate) fn holds(&self) -> Journalled {
        let mut all = Journalled::default();
        for kept in self.inner().records.values() {
            all.add(kept.record.clone());
        }
        all
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for SimJournal {
    async fn append(&self, record: Record) -> Result<Receipt, JournalError> {
        let mut inner = self.inner();
        if inner.full {
            return Err(JournalError::Unwritable("no space left, says the simulation".into()));
        }
        let receipt = inner.next;
        inner.next += 1;
        inner.records.insert(receipt, Kept { record, settled: None });
        Ok(Receipt(receipt))
    }

    async fn settle(&self, Receipt(receipt): Receipt) {
        let now = self.clock.now();
        if let Some(kept) = self.inner().records.get_mut(&receipt) {
            kept.settled = Some(now);
        }
    }

    async fn known(&self) -> Result<Journalled, JournalError> {
        Ok(self.holds())
    }

    /// Of the keepers before; what is this one's own is settled by receipt. What was written forward is kept no longer.
    async fn settle_known(&self, _wrote: bool) {
        let now = self.clock.now();
        let mut inner = self.inner();
        let own = inner.own;
        for (_, kept) in inner.records.range_mut(..own) {
            kept.settled.get_or_insert(now);
        }
    }

    async fn reached(&self) -> Result<Option<i64>, JournalError> {
        Ok(self.inner().reached)
    }

    async fn note_reached(&self, count: i64) -> Result<(), JournalError> {
        self.inner().reached = Some(count);
        Ok(())
    }

    async fn tidy(&self) {
        let now = self.clock.now();
        self.inner().records.retain(|_, kept| kept.settled.is_none_or(|settled| now - settled < KEEP));
    }
}
