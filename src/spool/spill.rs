//! The inbox's spill: deliveries that the database could not take, in a spool of their own.
//!
//! Each record is numbered, and numbers grow: what was taken in already is passed over by its number.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::{Home, Spool, Visit};
use crate::ports::{Clock, JournalError, Spill, SpillError};

const KIND: &str = "deliveries";

/// A [`Spill`] in files.
pub struct SpillFile {
    spool: Spool,
    directory: PathBuf,
    clock: Arc<dyn Clock>,
    numbers: Mutex<Numbers>,
    held_some: bool,
}

#[derive(Clone, Copy, Default)]
struct Numbers {
    /// Of the latest record, whether it could be written or not.
    last: u64,
    /// Of the latest that was.
    kept: u64,
    /// Up to which records were said.
    said: u64,
    /// Up to which the database has them.
    taken: u64,
}

impl SpillFile {
    /// Opens it in a directory, which is made where it is missing.
    ///
    /// # Errors
    /// Where a file is of another database or damaged; nothing is changed then.
    pub async fn open(
        directory: PathBuf,
        database: String,
        clock: Arc<dyn Clock>,
        handle: &Handle,
    ) -> Result<Self, SpillError> {
        let home = Home { directory: directory.clone(), kind: KIND, database };
        let last = Arc::new(Mutex::new(0));
        let seen = last.clone();
        let visit: Visit = Box::new(move |record| {
            let (number, _) = numbered(&record).ok_or("holds something that is no delivery")?;
            let mut last = lock(&seen);
            *last = number.max(*last);
            Ok(())
        });
        let spool = Spool::open(home, clock.clone(), handle, visit).await.map_err(said)?;
        let last = *lock(&last);
        let numbers = Mutex::new(Numbers { last, kept: last, ..Numbers::default() });
        Ok(Self { spool, directory, clock, numbers, held_some: last > 0 })
    }

    /// Larger than every one before, also those of earlier processes.
    fn number(&self) -> u64 {
        let now = u64::try_from(self.clock.now().timestamp_micros()).unwrap_or(0);
        let mut numbers = lock(&self.numbers);
        numbers.last = now.max(numbers.last + 1);
        numbers.last
    }
}

#[async_trait]
impl Spill for SpillFile {
    fn holds_some(&self) -> bool {
        self.held_some
    }

    async fn append(&self, record: Vec<u8>) -> Result<(), SpillError> {
        let number = self.number();
        let mut whole = number.to_le_bytes().to_vec();
        whole.extend(record);
        self.spool.append(whole).await.map_err(said)?;
        let mut numbers = lock(&self.numbers);
        numbers.kept = numbers.kept.max(number);
        Ok(())
    }

    async fn next(&self, bytes: usize) -> Result<Vec<Vec<u8>>, SpillError> {
        let taken = lock(&self.numbers).taken;
        let found = Arc::new(Mutex::new((0, taken, vec![])));
        let into = found.clone();
        let visit: Visit = Box::new(move |record| {
            let (number, delivery) = numbered(&record).ok_or("holds something that is no delivery")?;
            let (size, said, deliveries) = &mut *lock(&into);
            if number > *said && *size < bytes {
                *size += delivery.len();
                *said = number;
                deliveries.push(delivery.to_vec());
            }
            Ok(())
        });
        self.spool.read(visit).await.map_err(self::said)?;
        let (_, said, deliveries) = std::mem::take(&mut *lock(&found));
        lock(&self.numbers).said = said;
        Ok(deliveries)
    }

    async fn took(&self) {
        let all = {
            let mut numbers = lock(&self.numbers);
            numbers.taken = numbers.said.max(numbers.taken);
            numbers.taken >= numbers.kept
        };
        if all {
            self.spool.settle_all().await;
        }
    }

    async fn tidy(&self) {
        self.spool.tidy().await;
    }

    async fn set_aside(&self, record: Vec<u8>) -> Result<(), SpillError> {
        let path = self.directory.join(format!("{}.aside", self.number()));
        let written = spawn_blocking(move || {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            file.and_then(|mut file| file.write_all(&record).and_then(|()| file.sync_all()))
        });
        written.await.map_err(|e| SpillError(e.to_string()))?.map_err(|e| SpillError(e.to_string()))
    }
}

impl std::fmt::Debug for SpillFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpillFile").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn numbered(record: &[u8]) -> Option<(u64, &[u8])> {
    let (number, delivery) = record.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), delivery))
}

/// The spool speaks of the rotation journal.
fn said(error: JournalError) -> SpillError {
    match error {
        JournalError::Unwritable(why) | JournalError::Unusable(why) => SpillError(why),
    }
}

#[cfg(test)]
#[path = "spill_tests.rs"]
mod tests;
